"""Plugins are installed whole or not at all, and only with their checksum (PLUGIN-3, PLUGIN-4, LIM-10)."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import sys
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from airgap import limits
from airgap.errors import AirgapError, FormatError, LimitError, NotFoundError, UsageError
from airgap.plugin.host import PluginError
from airgap.plugin.install import Installation, read_package
from airgap.plugin.install import install_plugin as install
from airgap.plugin.install import uninstall_plugin as uninstall
from airgap.plugin.plugin_directory import PluginDirectory
from tests.support.plugins import Behaviour, calls, executable

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the scripts begin with #!")

GOOD = executable(Behaviour()).encode()


def make_zip(files: Mapping[str, bytes], mode: int = 0o100755) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return out.getvalue()


def make_tar(files: Mapping[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.linkname = kind, 0o755, "/etc/passwd"
            info.size = len(data) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


ARCHIVES = pytest.mark.parametrize(("name", "make"), [("p.zip", make_zip), ("p.tar.gz", make_tar)], ids=["zip", "tar"])
Make = Callable[[Mapping[str, bytes]], bytes]


def directory(tmp_path: Path) -> PluginDirectory:
    return PluginDirectory(tmp_path / "libexec", os.environ)


def put(tmp_path: Path, name: str, data: bytes, *, force: bool = False) -> Installation:
    path = tmp_path / name
    path.write_bytes(data)
    return install(directory(tmp_path), path, sha256=hashlib.sha256(data).hexdigest(), force=force)


def nothing_is_there(tmp_path: Path) -> bool:
    return directory(tmp_path).installed() == () and not list((tmp_path / "libexec").rglob("*.tmp"))


def test_a_bare_executable_is_installed(tmp_path: Path) -> None:
    done = put(tmp_path, "notation-good", GOOD)
    assert (done.metadata.name, str(done.metadata.version), done.replaced) == ("good", "1.2.3", None)
    assert directory(tmp_path).find("good").metadata() == done.metadata
    assert [entry.name for entry in (tmp_path / "libexec" / "plugins").iterdir()] == ["good"]


@ARCHIVES
def test_an_archive_is_installed_with_the_files_beside_the_executable(tmp_path: Path, name: str, make: Make) -> None:
    """PLUGIN-3: sub-directories are skipped."""
    put(tmp_path, name, make({"notation-good": GOOD, "LICENSE": b"free", "docs/notation-other": b"x"}))
    folder = tmp_path / "libexec" / "plugins" / "good"
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == {"notation-good": 0o755, "LICENSE": 0o644}


def test_accepts_names_that_begin_with_dot_slash(tmp_path: Path) -> None:
    assert put(tmp_path, "p.tar.gz", make_tar({"./notation-good": GOOD})).metadata.name == "good"


def test_installs_and_runs_nothing_without_a_checksum(tmp_path: Path) -> None:
    log = tmp_path / "log"
    path = tmp_path / "notation-good"
    path.write_bytes(executable(Behaviour(log=str(log))).encode())
    with pytest.raises(UsageError, match=hashlib.sha256(path.read_bytes()).hexdigest()):
        install(directory(tmp_path), path, sha256=None, force=True)
    with pytest.raises(UsageError, match="has the SHA-256"):
        install(directory(tmp_path), path, sha256="0" * 64, force=True)
    assert calls(log) == []
    assert not (tmp_path / "libexec").exists()


def test_the_checksum_may_be_in_capitals(tmp_path: Path) -> None:
    path = tmp_path / "notation-good"
    path.write_bytes(GOOD)
    assert read_package(path, f" {hashlib.sha256(GOOD).hexdigest().upper()}\n").name == "good"


@ARCHIVES
@pytest.mark.parametrize(
    "files",
    [{}, {"README": b"x"}, {"notation-a": b"x", "notation-b": b"y"}, {"bin/notation-good": GOOD}, {"notation-": b"x"},
     {"notation-good": GOOD, "notation-good.exe": GOOD}],
    ids=["empty", "none", "two", "deeper", "nameless", "twice"],
)  # fmt: skip
def test_an_archive_needs_exactly_one_executable(
    tmp_path: Path, name: str, make: Make, files: Mapping[str, bytes]
) -> None:
    """PLUGIN-3."""
    with pytest.raises(FormatError, match=r"exactly one executable|cannot be read"):
        put(tmp_path, name, make(files))
    assert nothing_is_there(tmp_path)


@ARCHIVES
@pytest.mark.parametrize(
    "bad", ["../evil", "a/../../evil", "..", "/etc/evil", "a..b", "..\\evil", "C:\\evil", "\\evil"]
)
def test_names_outside_of_the_folder_are_refused(tmp_path: Path, name: str, make: Make, bad: str) -> None:
    """PLUGIN-3."""
    with pytest.raises(FormatError, match="leads elsewhere"):
        put(tmp_path, name, make({"notation-good": GOOD, bad: b"x"}))
    assert nothing_is_there(tmp_path)


def test_refuses_links_and_devices_as_executables(tmp_path: Path) -> None:
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
        with pytest.raises(FormatError, match="exactly one executable"):
            put(tmp_path, "p.tar.gz", make_tar({"notation-good": b""}, kind))
    with pytest.raises(FormatError, match="exactly one executable"):
        put(tmp_path, "p.zip", make_zip({"notation-good": b"/bin/sh"}, mode=0o120777))


@ARCHIVES
def test_a_doubled_member_is_refused(tmp_path: Path, name: str, make: Make) -> None:
    data = make({"notation-good": GOOD, "notation-goo2": b"x"})
    if name.endswith("gz"):
        data = gzip.compress(double_in_tar(gzip.decompress(data)))
    else:
        data = data.replace(b"notation-goo2", b"notation-good")
    with pytest.raises(FormatError, match="twice"):
        put(tmp_path, name, data)


def double_in_tar(plain: bytes) -> bytes:
    block = plain[:512]
    size = int(block[124:135], 8)
    member = plain[: 512 + (size + 511) // 512 * 512]
    return member + plain


BROKEN = (b"PK\x03\x04rest", b"\x1f\x8brest", gzip.compress(b"no tar at all"))
CUT = (make_zip({"notation-good": GOOD})[:200], make_tar({"notation-good": GOOD})[:100])


@pytest.mark.parametrize("data", [*BROKEN, *CUT], ids=range(len(BROKEN) + len(CUT)))
def test_a_broken_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(FormatError):
        put(tmp_path, "p", data)


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    data = bytearray(make_zip({"notation-good": GOOD}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(FormatError, match="cannot be read"):
        put(tmp_path, "p.zip", bytes(data))


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LIM-10, of a bound that a test can reach."""
    monkeypatch.setattr(limits, "PLUGIN_PACKAGE_BYTES", 300_000)
    bomb = {"notation-good": GOOD, "a": bytes(150_000), "b": bytes(150_000)}
    for name, data in (("p.zip", make_zip(bomb)), ("p.tar.gz", make_tar(bomb))):
        assert len(data) < 10_000
        with pytest.raises(LimitError, match="300000 bytes or more"):
            put(tmp_path, name, data)
    with pytest.raises(LimitError, match="300000 bytes or more"):
        put(tmp_path, "notation-good", bytes(300_000))


@ARCHIVES
def test_an_archive_of_too_many_members_is_refused(
    tmp_path: Path, name: str, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PLUGIN_PACKAGE_FILES", 3)
    with pytest.raises(LimitError, match="more than 3 members"):
        put(tmp_path, name, make({f"file{number}": b"" for number in range(4)}))


def versioned(version: str, **members: str) -> bytes:
    return executable(Behaviour(version=version, **members)).encode()  # type: ignore[arg-type]


def test_a_higher_version_replaces_a_lower_one(tmp_path: Path) -> None:
    """PLUGIN-4."""
    put(tmp_path, "notation-good", versioned("1.0.0-rc.1"))
    done = put(tmp_path, "notation-good", versioned("1.0.0"))
    assert (str(done.replaced), str(done.metadata.version)) == ("1.0.0-rc.1", "1.0.0")
    assert sorted(path.name for path in directory(tmp_path).path.iterdir()) == ["good"]


@pytest.mark.parametrize(
    ("version", "says"),
    [("1.2.3", "already installed"), ("1.2.3+b", "already"), ("1.2.2", "older than the installed 1.2.3")],
)
def test_an_equal_or_lower_version_is_refused_unless_forced(tmp_path: Path, version: str, says: str) -> None:
    """PLUGIN-4."""
    put(tmp_path, "notation-good", GOOD)
    with pytest.raises(PluginError, match=says):
        put(tmp_path, "notation-good", versioned(version))
    assert directory(tmp_path).find("good").metadata().version.text == "1.2.3"
    assert put(tmp_path, "notation-good", versioned(version), force=True).metadata.version.text == version


def test_a_broken_plugin_may_be_replaced_by_any_version(tmp_path: Path) -> None:
    put(tmp_path, "notation-good", GOOD).path.write_text("broken")
    assert put(tmp_path, "notation-good", versioned("0.0.1")).replaced is None


def test_a_package_whose_plugin_has_another_name_is_refused(tmp_path: Path) -> None:
    """PLUGIN-20."""
    with pytest.raises(PluginError, match="its name is 'good'"):
        put(tmp_path, "notation-other", GOOD)
    assert nothing_is_there(tmp_path)


def test_refuses_a_package_that_does_not_run_and_keeps_the_old_one(tmp_path: Path) -> None:
    put(tmp_path, "notation-good", GOOD)
    with pytest.raises(PluginError):
        put(tmp_path, "notation-good", b"#!/bin/false\n", force=True)
    assert directory(tmp_path).find("good").metadata().version.text == "1.2.3"


def test_restores_the_old_plugin_after_a_failed_exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "notation-good", GOOD)
    real = Path.rename

    def rename(path: Path, target: Path) -> Path:
        if path.parents[1].name.startswith(".airgap-scratch-"):
            raise OSError(28, "No space left on device")
        return real(path, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(OSError, match="No space"):
        put(tmp_path, "notation-good", versioned("2.0.0"))
    monkeypatch.undo()
    assert directory(tmp_path).find("good").metadata().version.text == "1.2.3"
    assert sorted(path.name for path in directory(tmp_path).path.iterdir()) == ["good"]


def test_uninstall_removes_broken_plugins_too(tmp_path: Path) -> None:
    put(tmp_path, "notation-good", GOOD).path.write_text("broken")
    assert uninstall(directory(tmp_path), "good").name == "good"
    assert list(directory(tmp_path).path.iterdir()) == []
    with pytest.raises(NotFoundError, match="no plugin 'good'"):
        uninstall(directory(tmp_path), "good")


@pytest.mark.parametrize("name", ["..", "../x", ""])
def test_uninstall_removes_nothing_outside_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(AirgapError, match="no name of a plugin"):
        uninstall(directory(tmp_path), name)


def test_uninstall_follows_no_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    directory(tmp_path).path.mkdir(parents=True)
    (directory(tmp_path).path / "good").symlink_to(elsewhere)
    with pytest.raises(NotFoundError):
        uninstall(directory(tmp_path), "good")
    assert elsewhere.is_dir()
