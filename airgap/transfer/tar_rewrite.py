"""Adds blobs to a layout tar: writes a new tar beside the old one, then renames it over the old one.

All members stay unchanged and in their order, also files that do not belong to the layout; only `index.json` changes.
New blobs are at the end.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from airgap import limits
from airgap.errors import FormatError
from airgap.files import complete_or_absent
from airgap.locking import exclusive
from airgap.oci.archive import SharedFile
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.documents import LAYOUT_INDEX, blob_name, malformed, open_regular
from airgap.oci.members import layout_files
from airgap.oci.open import open_layout
from airgap.oci.tar import Member, members
from airgap.oci.tar_header import BLOCK
from airgap.transfer.checked_bytes import check_bytes, writing
from airgap.transfer.endpoint import Entry, NamingResult
from airgap.transfer.index_writer import merged_index
from airgap.transfer.layout_referrers_tags import relisted_entries, relisted_since
from airgap.transfer.tar_members import RECORD, header


class _TarParts(NamedTuple):
    """The offsets of the parts to replace in a tar."""

    start: int
    """The offset of the first header block of `index.json`."""
    stop: int
    """The offset after the last block of its content."""
    end: int
    """The offset of the end marker."""
    name: str
    """The name of `index.json` in the tar: `./index.json` in some."""
    names: frozenset[str]
    """The names of the layout's files, without `./`."""
    content: bytes


def add_to_tar(
    path: str, blobs: Sequence[tuple[Descriptor, bytes]], entries: Sequence[Entry], *, drop: Collection[Digest] = ()
) -> NamingResult:
    """Put `blobs` into the layout tar at `path` and list `entries` in its `index.json`.

    `drop`: entries that new ones replace. Needs room for a second tar beside the first. Raises ContentError if it is no
    layout tar, WriteError, LimitError; then the tar is unchanged.
    """
    target = Path(path)
    with writing(target), exclusive(target.parent):
        with open_layout(path) as layout:  # read again under the lock: others may have written in between
            source = layout.name
            contents = {descriptor.digest: raw for descriptor, raw in blobs}
            newer = relisted_since(lambda: layout, entries, drop, lambda descriptor: contents[descriptor.digest])
        listed = relisted_entries(entries, newer)
        stale = {entry.descriptor.digest for entry in entries} - {entry.descriptor.digest for entry in listed}
        added = [item for item in blobs if item[0].digest not in stale]
        added += [(item.entry.descriptor, item.raw) for item in newer]
        old = frozenset(drop).union(*(item.old for item in newer))
        with open_regular(path) as file:
            shared = SharedFile(file)
            try:
                parts = _examine(shared, path)
            except FormatError as error:
                raise malformed(f"{source}: {error}") from None
            index, named = merged_index(parts.content, listed, drop=old, source=source)
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            with complete_or_absent(target, mode=mode) as out:
                _write(out, shared, parts, index, added, source)
                file.close()  # Windows cannot rename over an open file
    return named


def _examine(shared: SharedFile, source: str) -> _TarParts:
    index: Member | None = None
    names: set[str] = set()
    end = 0

    def followed() -> Iterator[Member]:
        nonlocal end
        for member in members(shared):
            end = member.stop
            yield member

    for part in layout_files(followed(), source, set()):
        names.add(part.name)
        if part.name == LAYOUT_INDEX:
            index = part.member
    if index is None:
        raise FormatError(f"{LAYOUT_INDEX} is not there")
    if index.size > limits.LAYOUT_INDEX_BYTES:
        raise FormatError(f"{LAYOUT_INDEX} has {index.size} bytes")
    content = shared.read(index.offset, index.size)
    return _TarParts(index.start, index.stop, end, index.name, frozenset(names), content)


def _write(
    out: BinaryIO,
    shared: SharedFile,
    parts: _TarParts,
    index: bytes,
    blobs: Sequence[tuple[Descriptor, bytes]],
    source: str,
) -> None:
    prefix = parts.name.removesuffix(LAYOUT_INDEX)
    _copy(out, shared, 0, parts.start, source)
    _put(out, parts.name, index)
    _copy(out, shared, parts.stop, parts.end, source)
    for name, raw in _new(parts, blobs):
        _put(out, f"{prefix}{name}", raw)
    out.write(bytes(2 * BLOCK))
    out.write(bytes(-out.tell() % RECORD))


def _new(parts: _TarParts, blobs: Sequence[tuple[Descriptor, bytes]]) -> Iterator[tuple[str, bytes]]:
    """New blobs, each once: readers differ in how they treat two members with one name."""
    seen = set(parts.names)
    for descriptor, raw in blobs:
        name = blob_name(descriptor.digest)
        check_bytes(descriptor, raw)
        if name not in seen:
            seen.add(name)
            yield name, raw


def _put(out: BinaryIO, name: str, raw: bytes) -> None:
    out.write(header(name, len(raw)))
    out.write(raw)
    out.write(bytes(-len(raw) % BLOCK))


def _copy(out: BinaryIO, shared: SharedFile, start: int, stop: int, source: str) -> None:
    while start < stop:
        chunk = shared.read(start, min(limits.CHUNK_BYTES, stop - start))
        if not chunk:
            raise malformed(f"{source}: the tar became shorter while it was read")
        out.write(chunk)
        start += len(chunk)
