"""`make dist-check` says what it could not try, and what a program needs of the system beside glibc and zlib."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from distribution import check
from distribution.empty_root import EmptyRoot, system_libraries, without_network
from distribution.tools import BuildError

LIBC = "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n"
LOADER = "\tlinux-vdso.so.1 (0x00007ff)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n"


@pytest.fixture
def ldd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a command `ldd` that says what it is given."""

    def says(text: str) -> None:
        (tmp_path / "ldd").write_text(f"#!{sys.executable} -IS\nprint({text!r})\n")
        (tmp_path / "ldd").chmod(0o755)

    monkeypatch.setenv("PATH", str(tmp_path))
    return says


def test_the_loader_and_glibc_are_found(ldd: Callable[[str], None]) -> None:
    ldd(LIBC + LOADER)
    found = list(system_libraries([Path("airgap")], ()))
    assert found == [Path("/lib/x86_64-linux-gnu/libc.so.6"), Path("/lib64/ld-linux-x86-64.so.2")]


def test_a_library_that_comes_along_is_not_taken_from_the_system(ldd: Callable[[str], None]) -> None:
    ldd(f"{LIBC}\tlibcrypto.so.3 => /lib/libcrypto.so.3 (0x1)\n\tlibssl.so.3 => not found\n")
    assert list(system_libraries([Path("_ssl.so")], ("libcrypto.so.3", "libssl.so.3"))) == [
        Path("/lib/x86_64-linux-gnu/libc.so.6")
    ]


@pytest.mark.parametrize("line", ["\tlibffi.so.8 => /lib/libffi.so.8 (0x1)\n", "\tlibffi.so.8 => not found\n"])
def test_another_library_of_the_system_is_refused(ldd: Callable[[str], None], line: str) -> None:
    ldd(LIBC + line)
    with pytest.raises(BuildError, match=r"_ctypes\.so needs libffi\.so\.8, which not every system has"):
        list(system_libraries([Path("_ctypes.so")], ("libcrypto.so.3",)))


def test_without_rights_nothing_is_called_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(BuildError, match=r"it needs root on Linux\. Nothing was tried"):
        without_network(["true"])


def test_a_missing_tool_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "docker-registry" else f"/bin/{name}")
    with pytest.raises(BuildError, match=r"not installed: docker-registry\. Nothing was tried"):
        without_network(["true"])


def test_pythons_that_do_not_run_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, code in (("python3.13", 127), ("python3.14", 0)):
        (tmp_path / name).write_text(f"#!{sys.executable} -IS\nraise SystemExit({code})\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(check, "PYTHONS", ("3.13", "3.14"))
    monkeypatch.setattr(sys, "version_info", type("Version", (), {"major": 3, "minor": 10}))
    assert list(check.pythons_here()) == [tmp_path / "python3.14"]


def test_versions_that_are_not_tried_are_named() -> None:
    assert check.not_tried([]) == ""
    assert "NOT TRIED, because it is not installed here: 3.12, 3.14" in check.not_tried(["3.12", "3.14"])


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root makes devices and other users' files"
)
def test_an_empty_root_has_no_python_and_no_shell(tmp_path: Path) -> None:
    library = tmp_path / "libc.so.6"
    library.write_text("x")
    root = EmptyRoot.make(tmp_path / "root", [library])
    (tmp_path / "command").write_text("x")
    assert root.put(tmp_path / "command", "airgap") == "/home/guard/airgap"
    files = {path.relative_to(root.path).as_posix() for path in root.path.rglob("*") if not path.is_dir()}
    assert files == {str(library)[1:], "home/guard/airgap", "dev/null", "dev/urandom"}
    assert (root.path / "home/guard/airgap").stat().st_uid == 65534
