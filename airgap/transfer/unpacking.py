"""Compressed tars as sources of a copy.

A file is unpacked once into a temporary file without a name, which is read in place. Standard input is unpacked while
it is read.
"""

from __future__ import annotations

import gzip
import io
import os
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from airgap import limits
from airgap.errors import ContentError
from airgap.oci.archive import open_archive
from airgap.oci.documents import malformed, open_regular
from airgap.oci.open import Layout, open_layout
from airgap.oci.recognise import GZIP, STANDARD_INPUT, XZ
from airgap.text import safe
from airgap.transfer.checked_bytes import WriteError, write_whole_chunks, writing

_PIECE: Final = limits.MIB
_XZ_ALIGNMENT: Final = 4
_TOOLS: Final = {GZIP: "gunzip", XZ: "unxz"}


class _Packed(Protocol):
    """A compressed file or stream."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; empty at the end."""

    def tell(self) -> int:
        """How many bytes were read."""

    def seek(self, offset: int, /) -> object:
        """For the signature of `gzip.GzipFile`; it is not called."""


class UnpackedStream:
    """A stream, unpacked if gzip or xz compressed it. Faults raise ContentError (`layout.malformed`)."""

    def __init__(self, stream: BinaryIO) -> None:
        """Reads the first bytes of `stream`, which is called standard input in messages."""
        packed = _Counted(stream)
        magic = _magic_of(packed.head)
        self._read: Final = packed.read if magic is None else _Joined(_pieces(packed, STANDARD_INPUT, magic)).read

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; empty at the end."""
        return self._read(size)


class _Counted:
    """A stream whose beginning is known."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream: Final = stream
        self.head = stream.read(len(XZ))
        self._count = 0

    def read(self, size: int = -1, /) -> bytes:
        if self.head:
            size = len(self.head) if size < 0 else size
            data, self.head = self.head[:size], self.head[size:]
        else:
            data = self._stream.read(size)
        self._count += len(data)
        return data

    def tell(self) -> int:
        return self._count

    def seek(self, offset: int, /) -> object:
        raise io.UnsupportedOperation(f"a stream does not go to {offset}")


class _Joined:
    """Pieces as a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces: Final = pieces
        self._ahead = memoryview(b"")

    def read(self, size: int, /) -> bytes:
        if not self._ahead:
            self._ahead = memoryview(next(self._pieces, b""))
        data, self._ahead = self._ahead[:size], self._ahead[size:]
        return bytes(data)


def open_source(path: str) -> Layout:
    """The layout at `path`, which may be a tar that gzip or xz compressed.

    Nothing of it is left when it is closed, or when the process is killed. Raises what `open_layout` raises, and
    WriteError.
    """
    magic = _magic(path)
    if magic is None:
        return open_layout(path)
    place = str(Path(path).resolve())
    try:
        return open_archive(path, file=_unpacked(place, path, magic))
    except WriteError as error:
        error.remedy = (
            f"Name a folder with room in $TMPDIR; or unpack it ({_TOOLS[magic]} {safe(path)}), and copy that."
        )
        raise


def _magic(path: str) -> bytes | None:
    """The first bytes of a file of a kind that is unpacked; None for all else, also for what cannot be read."""
    try:
        with Path(path).resolve().open("rb") if Path(path).is_file() else io.BytesIO() as file:
            head = file.read(len(XZ))
    except (OSError, ValueError):
        return None
    return _magic_of(head)


def _magic_of(head: bytes) -> bytes | None:
    found = next((magic for magic in _TOOLS if head.startswith(magic)), None)
    return None if found == XZ and not _has_lzma() else found


def _has_lzma() -> bool:
    try:
        import lzma  # noqa: F401 - some builds of Python lack it
    except ImportError:
        return False
    return True


def _unpacked(place: str, name: str, magic: bytes) -> io.FileIO:
    with open_regular(place) as packed, tempfile.TemporaryFile(buffering=0) as file:
        write = write_whole_chunks(file.fileno())
        for piece in _pieces(packed, name, magic):
            with writing(tempfile.gettempdir()):
                write(memoryview(piece))
        return io.FileIO(os.dup(file.fileno()), "rb")


def _pieces(packed: _Packed, name: str, magic: bytes) -> Iterator[bytes]:
    """What is in it, within the bound for its size. Raises ContentError."""
    total = 0
    for piece in _checked(_gzip_pieces(packed) if magic == GZIP else _xz_pieces(packed), name):
        total += len(piece)
        if total > limits.UNPACKED_BYTES + limits.UNPACKED_RATIO * packed.tell():
            file = "FILE" if name == STANDARD_INPUT else safe(name)
            raise malformed(
                f"{safe(name)} unpacks to more than {limits.UNPACKED_RATIO} times its size",
                remedy=f"If that is right, unpack it ({_TOOLS[magic]} {file}), and copy what comes out.",
            )
        yield piece


def _checked(pieces: Iterator[bytes], name: str) -> Iterator[bytes]:
    """The pieces; faults of the compressed file are reported as those of content."""
    try:
        yield from pieces
    except EOFError:
        raise _damaged(name, "it is cut short") from None
    except (OSError, zlib.error, ValueError) as error:
        raise _damaged(name, safe(error, limit=160)) from None


def _damaged(name: str, why: str) -> ContentError:
    return malformed(f"{safe(name)} cannot be unpacked: {why}", remedy="Copy it again from where it came from.")


def _gzip_pieces(packed: _Packed) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=packed, mode="rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def _xz_pieces(packed: _Packed) -> Iterator[bytes]:
    """All streams of an xz file, in bounded memory; padding after each is skipped (xz file format, 2.2)."""
    import lzma

    data = packed.read(_PIECE)
    while data:
        unpacker = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=limits.UNPACKER_BYTES)
        try:
            while not unpacker.eof:
                if not data and unpacker.needs_input and not (data := packed.read(_PIECE)):
                    raise EOFError
                piece = unpacker.decompress(data, _PIECE)
                data = b""
                if piece:
                    yield piece
        except lzma.LZMAError as error:
            raise ValueError(str(error)) from None
        data = _after_padding(packed, unpacker.unused_data)


def _after_padding(packed: _Packed, data: bytes) -> bytes:
    """What begins after the padding of a stream, `data` being its beginning; empty at the end of the file.

    Raises ValueError for padding that is no multiple of four bytes, and for anything but another stream after it.
    """
    padding = 0
    while (data := data or packed.read(_PIECE)) and not (rest := data.lstrip(b"\0")):
        padding, data = padding + len(data), b""
    if data:
        padding, data = padding + len(data) - len(rest), rest
    if padding % _XZ_ALIGNMENT:
        raise ValueError(f"the padding after an xz stream has {padding} bytes, and no multiple of {_XZ_ALIGNMENT}")
    data += packed.read(len(XZ)) if len(data) < len(XZ) else b""
    if not XZ.startswith(data[: len(XZ)]):
        raise ValueError("after the xz stream is something that is none")
    return data
