"""Which members of a tar are a layout's files: one rule, for a tar read in place and for one that streams in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from airgap.errors import FormatError
from airgap.oci.documents import BLOBS, LAYOUT_FILE, LAYOUT_INDEX
from airgap.oci.recognise import TELLING
from airgap.oci.tar import Kind, Member
from airgap.text import safe

_PLAIN: Final = (
    "Pack the layout again with plain files only, each once (GNU tar: --hard-dereference, without --sparse)."
)
_HOSTILE: Final = "Do not unpack it with anything. Ask whoever made it for a tar of the layout alone."
_OTHERS: Final = 1000
"""Names of foreign members that are kept, to tell what a tar is."""
_DRIVE: Final = re.compile(r"[A-Za-z]:[/\\]")
_SUSPICIOUS: Final = re.compile(r"\.\.|[\\\0]|//|/\./")


def layout_files(found: Iterable[Member], others: set[str]) -> Iterator[tuple[str, Member]]:
    """The layout's files, each with its plain name; names of what else is there go to `others`, within a bound.

    Raises FormatError for whatever another reader may take in another way: names that leave the directory or differ in
    case only, members that are no plain files, doubles (LAYOUT-9).
    """
    seen: set[str] = set()
    for member in found:
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
        if name in seen:
            raise FormatError(
                f"{safe(name, limit=160)!r} is in the tar twice: readers differ in which of them counts", remedy=_PLAIN
            )
        seen.add(name)
        yield name, member


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
