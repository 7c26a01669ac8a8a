"""The executable has every module of airgap and nothing of the machine that built it, and restores variables."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from distribution import entry
from distribution.executable import check_modules, check_origins, data_files, left_out, oldest_glibc
from distribution.tools import BuildError


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name in (
        *("airgap/__init__.py", "airgap/cli/__init__.py", "airgap/cli/demo.py", "airgap/layouts/expected.json"),
        "airgap/topics/signing.md",
        *("a-1.dist-info/METADATA", "a-1.dist-info/RECORD", "a-1.dist-info/licenses/MIT", "a-1.dist-info/sboms/x.json"),
        *("pytest/__init__.py", "single.py", "compiled.cpython-311-x86_64-linux-gnu.so"),
    ):
        (tmp_path / "site" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / name).write_text("x")
    return tmp_path / "site"


MODULES = ("airgap", "airgap.cli", "airgap.cli.demo")


def entries(*names: str) -> list[tuple[str, str, str]]:
    return [(name, "/x", "PYMODULE") for name in names]


def test_every_module_of_airgap_must_be_there(site: Path) -> None:
    check_modules(site, entries(*MODULES, "os"))
    with pytest.raises(BuildError, match=r"lacks airgap\.cli\.demo$"):
        check_modules(site, entries("airgap", "airgap.cli"))


def test_a_data_file_is_no_module(site: Path) -> None:
    with pytest.raises(BuildError, match=r"lacks airgap\.cli\.demo$"):
        check_modules(site, [*entries("airgap", "airgap.cli"), ("airgap.cli.demo", "/x", "DATA")])


@pytest.mark.parametrize(
    "source",
    [
        "/usr/lib/x86_64-linux-gnu/libz.so.1",
        "/opt/python/lib/python3.11/json/__init__.py",
        "/opt/python/lib/python3.11/site-packages/PyInstaller/loader/pyimod01_archive.py",
        "{site}/pytest/__init__.py",
    ],
)
def test_what_is_from_the_site_python_or_the_system_is_accepted(site: Path, source: str) -> None:
    check_origins(site, [("name", source.format(site=site), "PYMODULE")])


@pytest.mark.parametrize("folder", ["site-packages", "dist-packages"])
def test_what_is_from_another_installation_is_refused(site: Path, folder: str) -> None:
    with pytest.raises(BuildError, match=r"would have lxml\.etree of lxml, which is not in the wheelhouse"):
        check_origins(site, [("lxml.etree", f"/opt/python/{folder}/lxml/etree.so", "EXTENSION")])


def test_an_installation_whose_folder_begins_alike_is_another(site: Path) -> None:
    with pytest.raises(BuildError, match="is not in the wheelhouse"):
        check_origins(site, [("x", f"{site}-packages/site-packages/x/__init__.py", "PYMODULE")])


def test_files_of_airgap_metadata_and_licences_are_carried(site: Path) -> None:
    carried = {Path(path).relative_to(site).as_posix(): place for path, place in data_files(site) if str(site) in path}
    assert carried == {
        "airgap/layouts/expected.json": "airgap/layouts",
        "airgap/topics/signing.md": "airgap/topics",
        "a-1.dist-info/METADATA": "a-1.dist-info",
        "a-1.dist-info/licenses/MIT": "a-1.dist-info/licenses",
    }


def test_packages_of_the_environment_that_builds_are_left_out(site: Path) -> None:
    found = left_out(site)
    assert {"tkinter", "setuptools", "hypothesis"} <= set(found)
    assert not {"pytest", "airgap", "single", "compiled"} & set(found)


def test_the_newest_glibc_that_a_file_asks_for_counts(tmp_path: Path) -> None:
    assert oldest_glibc(tmp_path) == ""
    (tmp_path / "a.so.1").write_bytes(b"\0GLIBC_2.9\0GLIBC_2.17\0GLIBC_PRIVATE\0")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/b.so").write_bytes(b"\0GLIBC_2.28\0GLIBC_2.4\0")
    (tmp_path / "text").write_bytes(b"GLIBC_2.99")
    assert oldest_glibc(tmp_path) == "2.28"


def test_programs_that_the_command_starts_get_the_variables_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    variables = {
        "LD_LIBRARY_PATH": "/unpacked:/mine",
        "LD_LIBRARY_PATH_ORIG": "/mine",
        "LIBPATH": "/unpacked",
        "A": "b",
    }
    entry.restore(variables)
    assert variables == {"LD_LIBRARY_PATH": "/mine", "A": "b"}


def test_outside_of_the_executable_a_variable_of_the_user_stays() -> None:
    variables = {"LD_LIBRARY_PATH": "/mine"}
    entry.restore(variables)
    assert variables == {"LD_LIBRARY_PATH": "/mine"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["airgap"], False),
        (["airgap", "verify", "x"], False),
        (["airgap", "--multiprocessing-fork", "tracker_fd=5", "pipe_handle=7"], True),
        (["airgap", "-B", "-c", "from multiprocessing.resource_tracker import main;main(5)"], True),
        (["airgap", "verify", "--multiprocessing-fork"], False),
    ],
)
def test_a_process_of_multiprocessing_is_no_command_of_a_user(arguments: list[str], *, expected: bool) -> None:
    assert entry.is_worker(arguments) is expected


def test_the_executable_runs_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["airgap", "--version"])
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code in {None, 0}
    assert "airgap" in capsys.readouterr().out
