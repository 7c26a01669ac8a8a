"""A layout as one tar file: read in place, at random, never unpacked (LAYOUT-9)."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Final, Self

from airgap import limits
from airgap.errors import FormatError
from airgap.oci.digest import Digest
from airgap.oci.documents import (
    BLOBS,
    LAYOUT_FILE,
    LAYOUT_INDEX,
    check_layout_file,
    malformed,
    open_regular,
    read_index,
)
from airgap.oci.manifest import Index
from airgap.oci.recognise import TELLING, check_head, explain_tar
from airgap.oci.sections import Section, SharedFile
from airgap.oci.store import missing
from airgap.oci.tar import BLOCK, Kind, Member, members
from airgap.text import safe

Extent = tuple[int, int]
"""Offset and size in bytes."""

_PLAIN: Final = (
    "Pack the layout again with plain files only, each once (GNU tar: --hard-dereference, without --sparse)."
)
_DAMAGED: Final = "Copy the file again; compare its size and checksum with those of where it was made."
_HOSTILE: Final = "Do not unpack it with anything. Ask whoever made it for a tar of the layout alone."
_OTHERS: Final = 1000
"""Names of foreign members that are kept, to tell what a tar is."""
_DRIVE: Final = re.compile(r"[A-Za-z]:[/\\]")


class LayoutArchive:
    """An OCI image layout in a tar (a `Store`). Blobs are sections of the one open file; threads may share it."""

    def __init__(self, path: str, shared: SharedFile, table: Mapping[str, Extent], beside: Iterable[str] = ()) -> None:
        """Use `open_archive`."""
        self.path: Final = path
        self.beside: Final = tuple(sorted(beside))
        """What other tools read instead of `index.json`, by name."""
        self._shared: Final = shared
        self._table: Final = table
        check_layout_file(self._document(LAYOUT_FILE, limits.LAYOUT_FILE_BYTES), self.name)
        self._index: Final = read_index(self._document(LAYOUT_INDEX, limits.LAYOUT_INDEX_BYTES), self.name)

    @property
    def name(self) -> str:
        """The path, made safe to show."""
        return safe(self.path)

    def index(self) -> Index:
        """The layout's `index.json`."""
        return self._index

    def size(self, digest: Digest) -> int | None:
        """The blob's size in bytes, or None where the tar has none."""
        extent = self._extent(digest)
        return extent[1] if extent else None

    def open(self, digest: Digest) -> io.RawIOBase:
        """The blob's bytes as a file of their own. Raises ContentError (`content.missing`)."""
        extent = self._extent(digest)
        if extent is None:
            raise missing(self, digest)
        return Section(self._shared, *extent)

    def close(self) -> None:
        """Closes the file; its sections can not be read any more."""
        self._shared.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[object, ...]:
        # an executor of processes opens the file again on its side
        return (open_archive, (self.path,))

    def _extent(self, digest: Digest) -> Extent | None:
        return self._table.get(f"{BLOBS}/{digest.algorithm}/{digest.encoded}")

    def _document(self, name: str, limit: int) -> bytes:
        start, size = self._table[name]
        if size > limit:
            raise malformed(f"{self.name}: {name} has {size} bytes, more than {limit}")
        return self._shared.read(start, size)


def open_archive(path: str, *, portable: bool = False) -> LayoutArchive:
    """The layout in the tar at `path`. Raises OSError, and ContentError saying what the file is instead.

    `portable` reads in the way that needs no positioned reads (Windows).
    """
    file = open_regular(path)
    try:
        shared = SharedFile(file, portable=portable)
        check_head(path, shared.read(0, BLOCK), shared.size)
        table, others = _table(path, shared)
        return LayoutArchive(path, shared, table, TELLING & others)
    except FormatError as error:
        file.close()
        raise malformed(f"{safe(path)}: {error}", remedy=error.remedy or _DAMAGED) from None
    except BaseException:
        file.close()
        raise


def _table(path: str, shared: SharedFile) -> tuple[dict[str, Extent], set[str]]:
    """Where the layout's files lie, and names of others. Those are passed over (LAYOUT-8)."""
    table: dict[str, Extent] = {}
    others: set[str] = set()
    for member in members(shared):
        name = _normalised(member.name)
        if not _is_of_layout(name):
            if _is_of_layout(name.casefold()):
                raise FormatError(
                    f"{safe(name, limit=160)!r} in the tar is a file of the layout in another case: where it is "
                    "unpacked, it may take that one's place",
                    remedy=_HOSTILE,
                )
            if member.kind is not Kind.DIRECTORY and (len(others) < _OTHERS or name in TELLING):
                others.add(name)
            continue
        if member.kind is Kind.DIRECTORY:
            continue
        _check_plain(name, member)
        if name in table:
            raise FormatError(
                f"{safe(name, limit=160)!r} is in the tar twice: readers differ in which of them counts", remedy=_PLAIN
            )
        table[name] = (member.offset, member.size)
    if LAYOUT_FILE not in table or LAYOUT_INDEX not in table:
        raise explain_tar(path, others | table.keys())
    return table, others


def _is_of_layout(name: str) -> bool:
    return name in {LAYOUT_FILE, LAYOUT_INDEX, BLOBS} or name.startswith(f"{BLOBS}/")


def _check_plain(name: str, member: Member) -> None:
    # LAYOUT-9: what stands in the layout's own places is a plain file or a directory, or the tar is refused
    if member.kind is not Kind.FILE:
        raise FormatError(
            f"the tar member {safe(name, limit=160)!r} is {member.kind.value}, where a layout has plain files only",
            remedy=_PLAIN,
        )
    if name == BLOBS:
        raise FormatError(f"the tar member {BLOBS!r} is a file, where a layout has a directory", remedy=_PLAIN)


def _normalised(name: str) -> str:
    """The name without a leading `./` and trailing `/`.

    A name that would leave the directory it is unpacked into, here or on Windows, condemns the whole tar: nothing is
    unpacked here, but whoever gave it to us gave it to others, too.
    """
    if name.startswith(f"{BLOBS}/sha") and name.isascii() and not _SUSPICIOUS.search(name):
        return name.rstrip("/")
    parts = re.split(r"[/\\]", name)
    if ".." in parts or name[:1] in {"/", "\\"} or _DRIVE.match(name):
        raise FormatError(
            f"the tar member {safe(name, limit=160)!r} leaves the directory it would be unpacked into", remedy=_HOSTILE
        )
    plain = "/".join(part for part in parts if part not in {"", "."})
    if ("\\" in name or "\0" in name) and _is_of_layout(plain.replace("\0", "")):
        raise FormatError(
            f"the tar member {safe(name, limit=160)!r} has a name that systems read differently", remedy=_HOSTILE
        )
    return plain


_SUSPICIOUS: Final = re.compile(r"\.\.|[\\\0]|//|/\./")
