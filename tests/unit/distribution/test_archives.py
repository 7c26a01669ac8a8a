"""The bytes of an archive depend on the names and the content of its members, and on nothing else."""

from __future__ import annotations

import os
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

from distribution.archives import files_below, write_tar, write_zip
from distribution.tools import BuildError

EPOCH = 1_700_000_001


def folder(path: Path, order: list[str], *, stamp: int) -> Path:
    for name in order:
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"content of {name}")
        file.chmod(0o700 if name == "run" else 0o640 if stamp % 2 else 0o600)
        os.utime(file, (stamp, stamp))
    (path / "lib.so").symlink_to("lib.so.1")
    return path


@pytest.fixture
def two(tmp_path: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    names = ["run", "sub/b", "sub/a", "lib.so.1"]
    one = folder(tmp_path / "one", names, stamp=1)
    other = folder(tmp_path / "other", names[::-1], stamp=2)
    return files_below(one, "top"), dict(reversed(files_below(other, "top").items()))


@pytest.mark.parametrize("name", ["x.tar", "x.tar.gz", "x.zip"])
def test_the_same_content_gives_the_same_bytes(
    two: tuple[dict[str, Path], dict[str, Path]], tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = write_zip if name.endswith("zip") else write_tar
    write(tmp_path / name, two[0], epoch=EPOCH)
    monkeypatch.setattr(time, "time", lambda: 1.0)
    write(tmp_path / f"second-{name}", two[1], epoch=EPOCH)
    assert (tmp_path / name).read_bytes() == (tmp_path / f"second-{name}").read_bytes()
    write(tmp_path / f"third-{name}", two[1], epoch=EPOCH + 2)
    assert (tmp_path / name).read_bytes() != (tmp_path / f"third-{name}").read_bytes()


def test_a_tar_keeps_links_and_what_may_be_run(two: tuple[dict[str, Path], dict[str, Path]], tmp_path: Path) -> None:
    write_tar(tmp_path / "x.tar.gz", two[0], epoch=EPOCH)
    with tarfile.open(tmp_path / "x.tar.gz") as tar:
        members = {member.name: member for member in tar}
    assert list(members) == ["top/lib.so", "top/lib.so.1", "top/run", "top/sub/a", "top/sub/b"]
    assert (members["top/run"].mode, members["top/sub/a"].mode) == (0o755, 0o644)
    assert members["top/lib.so"].linkname == "lib.so.1"
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members.values()} == {(0, 0, "", "", EPOCH)}


def test_a_zip_keeps_what_may_be_run(two: tuple[dict[str, Path], dict[str, Path]], tmp_path: Path) -> None:
    write_zip(tmp_path / "x.zip", two[0], epoch=EPOCH)
    with zipfile.ZipFile(tmp_path / "x.zip") as opened:
        assert opened.getinfo("top/run").external_attr >> 16 & 0o777 == 0o755
        assert opened.read("top/lib.so") == b"content of lib.so.1"


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside"])
def test_a_link_to_elsewhere_is_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/link").symlink_to(target)
    with pytest.raises(BuildError, match="only links to what is beside them"):
        write_tar(tmp_path / "x.tar", files_below(tmp_path / "folder", "top"), epoch=EPOCH)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "folder/pipe")
    with pytest.raises(BuildError, match="is no file"):
        write_tar(tmp_path / "x.tar", files_below(tmp_path / "folder", "top"), epoch=EPOCH)
