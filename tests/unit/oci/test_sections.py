from __future__ import annotations

import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from airgap.oci.archive import Section, SharedFile


@pytest.fixture(params=["preadv", "pread", "portable"])
def shared(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SharedFile]:
    """The same file, read in each of the ways that systems offer."""
    for name in {"preadv": (), "pread": ("preadv",), "portable": ("preadv", "pread")}[request.param]:
        monkeypatch.delattr(os, name, raising=False)
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 100)
    file = SharedFile(io.FileIO(path))
    yield file
    file.close()


def test_section_holds_its_bytes_and_no_more(shared: SharedFile) -> None:
    section = Section(shared, 10, 300)
    assert section.read() == (bytes(range(256)) * 100)[10:310]
    assert section.read(1) == b""


def test_section_fills_a_larger_buffer_only_as_far_as_it_goes(shared: SharedFile) -> None:
    buffer = bytearray(b"x" * 8)
    assert Section(shared, 5, 3).readinto(buffer) == 3
    assert buffer == b"\x05\x06\x07xxxxx"


def test_section_can_be_read_from_anywhere(shared: SharedFile) -> None:
    section = Section(shared, 256, 256)
    assert section.seekable()
    assert section.readable()
    assert section.seek(-2, io.SEEK_END) == 254
    assert section.read() == b"\xfe\xff"
    section.seek(1)
    section.seek(1, io.SEEK_CUR)
    assert section.tell() == 2
    assert section.seek(999) == 999
    assert section.read(1) == b""


def test_section_that_is_longer_than_the_file_ends_with_it(shared: SharedFile) -> None:
    """A file that shrinks while it is read gives fewer bytes, and the digest tells."""
    assert len(Section(shared, shared.size - 5, 100).read()) == 5


def test_closed_section_is_not_read(shared: SharedFile) -> None:
    section = Section(shared, 0, 10)
    section.close()
    with pytest.raises(ValueError, match="closed"):
        section.readinto(bytearray(1))


def test_threads_read_independently(shared: SharedFile) -> None:
    whole = bytes(range(256)) * 100

    def one(start: int) -> bool:
        section = Section(shared, start, 5000)
        return b"".join(iter(lambda: section.read(7), b"")) == whole[start : start + 5000]

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(one, range(0, 20000, 1000)))


def test_a_read_at_an_offset_ends_with_the_file(shared: SharedFile) -> None:
    assert shared.read(shared.size - 2, 10) == b"\xfe\xff"
    assert shared.read(shared.size + 5, 10) == b""
