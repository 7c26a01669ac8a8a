"""A tar from a pipe: read once, in pieces of any size, and refused where readers could differ."""

from __future__ import annotations

import io
import random
from typing import BinaryIO, cast

import pytest

from airgap.errors import ContentError
from airgap.transfer.stream import items
from tests.support.copying import family
from tests.support.layouts import END, TarFormat, tar_header, tar_member, tar_of, tar_pax


class Trickle(io.BytesIO):
    """Gives less than it is asked for, as pipes do; and cannot go back."""

    def __init__(self, data: bytes, seed: int) -> None:
        super().__init__(data)
        self._chance = random.Random(seed)  # noqa: S311 - sizes, not secrets

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self._chance.randint(1, max(1, size or 1)))

    def seek(self, offset: int, whence: int = 0, /) -> int:
        raise OSError("a pipe")


def read(stream: BinaryIO, *, skip: bool = False) -> dict[str, bytes]:
    found = {}
    for item in items(stream, set(), {}, lambda _: False):
        data = b"" if skip else b"".join(iter(lambda body=item.body: body.read(70_000), b""))  # type: ignore[misc]
        found[item.name] = data
    return found


@pytest.mark.parametrize("form", ["ustar", "pax", "gnu"])
@pytest.mark.parametrize("prefix", ["", "./"])
def test_every_form_is_read_as_a_file_would_be(form: TarFormat, prefix: str) -> None:
    files = family(layer_bytes=150_000).builder.files()
    for seed in range(5):
        assert read(Trickle(tar_of(files, form, prefix=prefix), seed)) == files


def test_skips_members_that_are_not_requested() -> None:
    files = family(layer_bytes=150_000).builder.files()
    stream = io.BytesIO(tar_of(files))
    assert set(read(stream, skip=True)) == set(files)
    assert stream.read() == b"", "all that is written into the pipe is read"


@pytest.mark.parametrize("length", [0, 1, 511, 512, 600, 1024, 5000, 20_000])
def test_a_truncated_stream_is_an_error(length: int) -> None:
    data = tar_of(family().builder.files())
    with pytest.raises(ContentError):
        read(io.BytesIO(data[: min(length, len(data) - 1024)]))


@pytest.mark.parametrize(
    "member",
    [
        tar_member("index.json", b"{}"),
        tar_member("blobs/sha256/" + "0" * 64, b"", kind=b"2"),
        tar_member("blobs/sha256/" + "0" * 64 + "/x", b"x"),
    ],
    ids=["twice", "link", "below a blob"],
)
def test_refuses_what_readers_could_read_differently(member: bytes) -> None:
    data = tar_of({"oci-layout": b"{}", "index.json": b"{}"}).removesuffix(END) + member + END
    with pytest.raises(ContentError) as caught:
        read(io.BytesIO(data))
    assert caught.value.reason == "layout.malformed"


class Zeros(io.RawIOBase):
    """Some bytes, then many zeros, then some bytes; nothing of them is kept."""

    def __init__(self, before: bytes, count: int, after: bytes) -> None:
        super().__init__()
        self._before, self._count, self._after = io.BytesIO(before), count, io.BytesIO(after)

    def read(self, size: int = -1, /) -> bytes:
        if piece := self._before.read(size):
            return piece
        count = min(size, self._count)
        self._count -= count
        return bytes(count) or self._after.read(size)


@pytest.mark.parametrize("form", ["gnu", "pax"])
def test_reads_a_member_beyond_8_gib_from_a_pipe(form: TarFormat) -> None:
    """Field note 9; a foreign one, so that nothing has to be hashed."""
    size = 9 * 2**30
    files = family().builder.files()
    head = (tar_pax({"size": str(size)}) if form == "pax" else b"") + tar_header("huge", size, form)
    assert read(cast("BinaryIO", Zeros(head, size, tar_of(files)))) == files


def test_ignores_other_files() -> None:
    """macOS and docker write some; in place they are passed over as well."""
    files = family().builder.files()
    foreign = {"blobs/x": b"x", "blobs/sha256/short": b"x", f"blobs/md5/{'0' * 32}": b"x", "._index.json": b"y"}
    assert read(io.BytesIO(tar_of(files | foreign))) == files


@pytest.mark.parametrize("data", [b"\x1f\x8b" + bytes(2000), b"hello" * 500], ids=["gzip", "text"])
def test_reports_what_is_not_a_tar(data: bytes) -> None:
    with pytest.raises(ContentError, match=r"standard input is (a gzip file|neither)"):
        read(io.BytesIO(data))


@pytest.mark.parametrize("name", ["../index.json", "/oci-layout", "C:\\index.json", "blobs\\sha256\\0", "INDEX.JSON"])
def test_refuses_the_names_that_are_refused_in_a_file(name: str) -> None:
    """LAYOUT-9: one rule for both ways, or one tar would be read in two."""
    files = tar_of(family().builder.files())
    with pytest.raises(ContentError, match="standard input: "):
        read(io.BytesIO(tar_member(name, b"{}") + files))
