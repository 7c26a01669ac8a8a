"""Where the trust directory is looked for: docs/reference/trust-directory.md, CLI-7, CLI-8."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap.errors import TrustMaterialError
from airgap.trust.location import Location, locate


def made(*paths: Path) -> None:
    for path in paths:
        path.mkdir(parents=True)


@pytest.fixture
def everything(tmp_path: Path) -> dict[str, str]:
    """An environment in which every directory exists."""
    env = {
        "AIRGAP_TRUST": str(tmp_path / "named"),
        "XDG_CONFIG_HOME": str(tmp_path / "xdg"),
        "NOTATION_CONFIG": str(tmp_path / "notation-config"),
        "APPDATA": str(tmp_path / "appdata"),
    }
    made(tmp_path / "named", tmp_path / "xdg" / "airgap", tmp_path / "xdg" / "notation", tmp_path / "notation-config")
    made(tmp_path / "home" / ".config" / "airgap", tmp_path / "home" / ".config" / "notation")
    made(tmp_path / "home" / "Library" / "Application Support" / "notation", tmp_path / "appdata" / "notation")
    return env


def test_the_option_counts_first_even_where_it_does_not_exist(everything: dict[str, str], tmp_path: Path) -> None:
    wanted = tmp_path / "nowhere"
    assert locate(wanted, everything, tmp_path / "home") == Location(path=wanted, origin="--trust")


def test_the_environment_counts_second_even_where_it_does_not_exist(everything: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "named").rmdir()
    found = locate(None, everything, tmp_path / "home")
    assert found == Location(path=tmp_path / "named", origin="AIRGAP_TRUST")
    assert str(found) == str(tmp_path / "named")


def test_our_directory_is_third(everything: dict[str, str], tmp_path: Path) -> None:
    del everything["AIRGAP_TRUST"]
    found = locate(None, everything, tmp_path / "home")
    assert found == Location(path=tmp_path / "xdg" / "airgap", origin="XDG_CONFIG_HOME")


@pytest.mark.parametrize("value", [None, "", "relative/xdg"])
def test_our_directory_is_below_the_home_directory_by_default(tmp_path: Path, value: str | None) -> None:
    made(tmp_path / ".config" / "airgap")
    env = {} if value is None else {"XDG_CONFIG_HOME": value}
    assert locate(None, env, tmp_path) == Location(path=tmp_path / ".config" / "airgap", origin="default")


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        ("linux", "home/.config/notation"),
        ("darwin", "home/Library/Application Support/notation"),
        ("win32", "appdata/notation"),
    ],
)
def test_cli_8_notations_own_is_last_and_read_only(
    everything: dict[str, str], tmp_path: Path, platform: str, expected: str
) -> None:
    (tmp_path / "home" / ".config" / "airgap").rmdir()
    env = {"APPDATA": everything["APPDATA"]}
    found = locate(None, env, tmp_path / "home", platform=platform)
    assert found == Location(path=tmp_path / expected, origin="notation", read_only=True)


def test_cli_8_xdg_config_home_moves_notations_too(everything: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "xdg" / "airgap").rmdir()
    env = {"XDG_CONFIG_HOME": everything["XDG_CONFIG_HOME"]}
    assert locate(None, env, None, platform="linux").path == tmp_path / "xdg" / "notation"


def test_cli_7_notation_config_is_used_as_it_is_named(everything: dict[str, str], tmp_path: Path) -> None:
    env = {"NOTATION_CONFIG": everything["NOTATION_CONFIG"]}
    found = locate(None, env, tmp_path / "empty")
    assert found == Location(path=tmp_path / "notation-config", origin="NOTATION_CONFIG", read_only=True)


def test_names_our_directory_where_none_exists(tmp_path: Path) -> None:
    assert locate(None, {}, tmp_path).path == tmp_path / ".config" / "airgap"


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_without_a_home_the_working_directory_is_never_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    """CLI-8's last resort, ./.notation, may be on the medium that is to be judged."""
    made(tmp_path / ".notation", tmp_path / "airgap", tmp_path / ".config" / "airgap")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TrustMaterialError) as caught:
        locate(None, {}, None, platform=platform)
    assert caught.value.reason == "policy.missing"
