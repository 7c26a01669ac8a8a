"""Which files are plugins, and which are not (PLUGIN-1, PLUGIN-2, D41)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from airgap.plugin.host import PluginError
from airgap.plugin.plugin_directory import PluginDirectory, check_name
from tests.support.plugins import Behaviour, calls, write_plugin


def directory(libexec: Path) -> PluginDirectory:
    return PluginDirectory(libexec, os.environ)


def refused(libexec: Path, name: str = "good") -> str:
    with pytest.raises(PluginError) as caught:
        directory(libexec).find(name)
    return str(caught.value)


def test_finds_a_plugin_without_running_it(tmp_path: Path) -> None:
    path = write_plugin(tmp_path, Behaviour(log=str(tmp_path / "log")))
    assert directory(tmp_path).locate("good") == path
    assert directory(tmp_path).find("good").name == "good"
    assert calls(tmp_path / "log") == []


def test_requests_metadata_each_time(tmp_path: Path) -> None:
    """PLUGIN-14."""
    write_plugin(tmp_path, Behaviour(log=str(tmp_path / "log")))
    plugin = directory(tmp_path).find("good")
    assert plugin.metadata() == plugin.metadata()
    assert [call["command"] for call in calls(tmp_path / "log")] == ["get-plugin-metadata"] * 2


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../good",
        "good/..",
        "a/b",
        "a\\b",
        "-rf",
        ".hidden",
        "good ",
        "gööd",
        "a" * 129,
        "a\n",
        "a:b",
        "~",
    ],
)
def test_refuses_malformed_names_before_a_path_is_made(tmp_path: Path, name: str) -> None:
    assert "no name of a plugin" in refused(tmp_path, name)


@pytest.mark.parametrize("name", ["good", "com.example.nv2-plugin_1", "a" * 128, "_", "7zip"])
def test_accepts_names_of_plugins(name: str) -> None:
    assert check_name(name) == name


def test_reports_a_missing_plugin(tmp_path: Path) -> None:
    """NEG-122."""
    assert "is not installed" in refused(tmp_path)


def test_an_executable_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """D41: the reference follows it."""
    path = write_plugin(tmp_path, Behaviour())
    real = path.with_name("real")
    path.rename(real)
    path.symlink_to(real)
    assert "is no regular file" in refused(tmp_path)


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    path = write_plugin(tmp_path, Behaviour())
    path.parent.rename(tmp_path / "elsewhere")
    path.parent.symlink_to(tmp_path / "elsewhere")
    assert "is no folder" in refused(tmp_path)


def test_an_executable_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    path = write_plugin(tmp_path, Behaviour())
    path.unlink()
    path.mkdir()
    assert "is no regular file" in refused(tmp_path)


def test_a_file_that_is_not_executable_is_refused(tmp_path: Path) -> None:
    write_plugin(tmp_path, Behaviour()).chmod(0o644)
    assert "is not executable" in refused(tmp_path)


def test_a_world_writable_file_is_refused(tmp_path: Path) -> None:
    write_plugin(tmp_path, Behaviour()).chmod(0o757)
    assert "everybody may write" in refused(tmp_path)


def test_each_name_has_its_own_file(tmp_path: Path) -> None:
    path = write_plugin(tmp_path, Behaviour())
    path.rename(path.with_name("notation-other"))
    assert "is not installed" in refused(tmp_path)


def test_lists_broken_plugins(tmp_path: Path) -> None:
    write_plugin(tmp_path, Behaviour())
    write_plugin(tmp_path, Behaviour(name="liar"), name="honest")
    (tmp_path / "plugins" / "empty").mkdir()
    (tmp_path / "plugins" / ".airgap-scratch-1").mkdir()
    (tmp_path / "plugins" / "a file").write_text("")
    (tmp_path / "plugins" / "link").symlink_to(tmp_path)
    found = directory(tmp_path).installed()
    assert [(entry.name, entry.metadata is not None) for entry in found] == [
        ("empty", False),
        ("good", True),
        ("honest", False),
    ]
    assert "its name is 'liar'" in (found[2].problem or "")
    shutil.rmtree(tmp_path / "plugins")
    assert directory(tmp_path).installed() == ()


def test_uses_notations_plugins_without_a_folder_of_its_own(tmp_path: Path) -> None:
    own, borrowed = tmp_path / "airgap", tmp_path / "notation"
    assert PluginDirectory.default(own, borrowed, {}).path == own / "plugins"
    (borrowed / "plugins").mkdir(parents=True)
    assert PluginDirectory.default(own, borrowed, {}).path == borrowed / "plugins"
    (own / "plugins").mkdir(parents=True)
    assert PluginDirectory.default(own, borrowed, {}).path == own / "plugins"
    assert PluginDirectory.default(own, None, {}).path == own / "plugins"


def test_a_relative_folder_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert directory(Path("here")).path == tmp_path / "here" / "plugins"
