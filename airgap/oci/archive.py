"""A layout as one tar file: read in place, at random, never unpacked (LAYOUT-9)."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from airgap import limits
from airgap.errors import FormatError, LimitError
from airgap.oci.digest import Digest
from airgap.oci.documents import (
    BLOBS,
    DOCKER_SAVE_FILES,
    FULL_INDEX_FILES,
    LayoutOnDisk,
    LooseFiles,
    malformed,
    open_regular,
    too_large,
)
from airgap.oci.members import layout_files, loose_name, plain_top
from airgap.oci.recognise import check_head, remedy_for_damaged
from airgap.oci.sections import Section, SharedFile
from airgap.oci.store import missing
from airgap.oci.tar import Member, members
from airgap.oci.tar_header import BLOCK, MemberKind
from airgap.text import safe

Extent = tuple[int, int]
"""Offset and size in bytes."""


class LayoutArchive(LayoutOnDisk):
    """An OCI image layout in a tar (a `Store`). Blobs are sections of the one open file; threads may share it."""

    def __init__(self, path: str, shared: SharedFile, table: Mapping[str, Extent], loose: Mapping[str, Extent]) -> None:
        """Use `open_archive`."""
        self._shared: Final = shared
        self._table: Final = table
        self._loose: Final = loose
        super().__init__(path)

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

    def loose_files(self) -> LooseFiles:
        """See `LooseFileHolder`."""
        if len(self._loose) > limits.LOOSE_FILES:
            raise LimitError(f"has more than {limits.LOOSE_FILES} other files")
        return LooseFiles(tuple(self._loose))

    def read_loose(self, name: str, limit: int) -> bytes:
        """See `LooseFileHolder`."""
        start, size = self._loose[name]
        if size > limit:
            raise too_large(self.name, name, size, limit)
        return self._shared.read(start, size)

    def close(self) -> None:
        """Closes the file; its sections cannot be read any more."""
        self._shared.close()

    def __reduce__(self) -> tuple[object, ...]:
        # an executor of processes opens the file again on its side
        return (open_archive, (self.path,))

    def _extent(self, digest: Digest) -> Extent | None:
        return self._table.get(f"{BLOBS}/{digest.algorithm}/{digest.encoded}")

    def _has(self, name: str) -> bool:
        return name in self._table

    def _document(self, name: str, limit: int) -> bytes:
        start, size = self._table[name]
        if size > limit:
            raise malformed(f"{self.name}: {name} has {size} bytes, more than {limit}")
        return self._shared.read(start, size)


def open_archive(path: str, *, file: io.FileIO | None = None) -> LayoutArchive:
    """The layout in the tar at `path`. Raises OSError, and ContentError saying what the file is instead.

    `file`: its unpacked content, if it is compressed; closed with the layout.
    """
    file = file or open_regular(path)
    try:
        shared = SharedFile(file)
        check_head(path, shared.read(0, BLOCK), shared.size)
        return LayoutArchive(path, shared, *_tables(path, shared))
    except FormatError as error:
        file.close()
        raise malformed(f"{safe(path)}: {error}", remedy=remedy_for_damaged(path, error.remedy)) from None
    except BaseException:
        file.close()
        raise


def _tables(path: str, shared: SharedFile) -> tuple[dict[str, Extent], dict[str, Extent]]:
    """The offsets of the layout's files and of files that other tools read instead; and of other files, in a bound.

    The rest is ignored (LAYOUT-8).
    """
    others: set[str] = set()
    telling: dict[str, Extent] = {}
    loose: dict[str, Extent] = {}
    found = layout_files(_remembered(members(shared), telling, loose), path, others)
    return telling | {part.name: (part.member.offset, part.member.size) for part in found}, loose


def _remembered(found: Iterable[Member], telling: dict[str, Extent], loose: dict[str, Extent]) -> Iterator[Member]:
    for member in found:
        name, extent = plain_top(member.name), (member.offset, member.size)
        if name in DOCKER_SAVE_FILES | FULL_INDEX_FILES and member.kind is not MemberKind.DIRECTORY:
            telling[name] = extent
        elif (beside := loose_name(member)) is not None and len(loose) <= limits.LOOSE_FILES:
            loose[beside] = extent
        yield member
