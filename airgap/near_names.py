"""Finds files whose names a medium, a copy or a download has changed. For hints in messages.

CDs without extensions hold `FIRMWARE.BIN;1`, FAT without long names `FIRMWA~1.BIN`, Joliet 64 characters; people and
browsers make `Copy of firmware.bin` and `firmware (1).bin`.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from airgap.files import glance_into
from airgap.problem import Problem
from airgap.text import safe

CARRY_NAMES: Final = (
    "Carry the layout as a tar, in which names stay as they are (tar -C LAYOUT -cf NEW.tar oci-layout index.json "
    "blobs); or write the CD with Joliet or Rock Ridge names, and mount FAT with long ones."
)
"""The remedy for a layout whose names were changed."""
_PREFIX: Final = re.compile(r"[A-Za-z][A-Za-z-]+:(//)?")
"""The notation of a layout, or of a file, in another tool (`OCI:`, `file:`)."""
_ALIKE: Final = 0.75
_LEAST: Final = 4
"""Characters that two names must have in common to be taken for one, besides the beginning."""
_BEGINNING: Final = 6
"""What FAT leaves of a name before the tilde."""
_CUT: Final = re.compile(r"[~;].*", re.DOTALL)
_BARE: Final = re.compile(r"@?sha[0-9]{3}:[0-9A-Fa-f]{6,128}")
_BEFORE: Final = "Name the layout or the tar before the digest: LAYOUT@sha256:..."
_LONE: Final = {
    "-": "A layout is read at many places, not from start to end: save the tar to a file first, and name that."
}
_NUMBER: Final = re.compile(r" ?\([0-9]{1,3}\)")
"""What browsers add to the name of a second download."""


def near_files(folder: Path, names: Sequence[str], *, folders: bool = False) -> Iterator[Path]:
    """The files in a folder whose names may be changed forms of one of `names`, in their order.

    With `folders`, also folders. Files that have one of the names exactly are not included. Empty where the folder
    cannot be listed.
    """
    for name, is_folder in glance_into(folder).items():
        if (folders or not is_folder) and name not in names and any(_is_near(name, wanted) for wanted in names):
            yield folder / name


def near_file(path: Path, *, folders: bool = False) -> Path | None:
    """A file that may be `path` under a changed name. Files beside it, as signatures, do not count."""
    ending = path.suffix.casefold()
    found = near_files(path.parent, [path.name], folders=folders)
    return next((file for file in found if ending.startswith(_CUT.sub("", file.suffix).casefold())), None)


def near_layout(reference: str) -> Problem:
    """What may be the missing layout under another name: its message ends a sentence.

    `reference`: a path, with or without a tag or digest. Its texts are empty where nothing similar is found.
    """
    if remedy := _LONE.get(reference) or not_replaced(reference) or (_BARE.fullmatch(reference) and _BEFORE):
        return Problem(message="", remedy=remedy)
    texts = dict.fromkeys((reference, _PREFIX.sub("", reference, count=1)))
    ways = [(text, path) for text in texts for path in (text.rpartition(":")[0], text.partition("@")[0], text) if path]
    for text, path in ways:
        found = _similar(Path(path))
        if found is not None and found.is_symlink() and not found.exists():
            return Problem(
                message="; it is a link that leads nowhere", remedy="Name what it led to, or bring that back."
            )
        if found is not None:
            named = safe(shlex.quote(f"{found}{text[len(path) :]}"))
            remedy = f"If that is what is meant, name it as it is called here: {named}"
            return Problem(message=f"; there is {safe(found.name)!r}", remedy=remedy)
    return Problem(message="", remedy=_tag_in_path(Path(reference)))


def _tag_in_path(path: Path) -> str:
    """The remedy for `LAYOUT/v1`; empty for other paths."""
    for parent in path.parents:
        if parent.is_file() or (parent / "oci-layout").is_file():
            tag = path.relative_to(parent)
            return f"If {safe(tag)} is a tag, it is written after a colon: {safe(shlex.quote(f'{parent}:{tag}'))}"
    return ""


def _similar(path: Path) -> Path | None:
    """The path itself, or what is beside it under a similar name."""
    from difflib import get_close_matches

    if os.path.lexists(path):
        return path
    names = [*glance_into(path.parent)]
    twin = next((name for name in names if name.casefold() == path.name.casefold()), None)
    near = path.with_name(twin) if twin else near_file(path, folders=True)
    alike = get_close_matches(path.name, names, 1, _ALIKE) if len(path.name) >= _LEAST else []
    return near or next(map(path.with_name, alike), None)


def absent(path: Path) -> str:
    """The remedy for a path where nothing is: the first part that is missing may be the place of a medium."""
    top = path
    while top.parent != top and not top.parent.exists():
        top = top.parent
    if path.is_absolute() or top != path:
        return f"Check the path, and that the medium is mounted: there is no {safe(top)}."
    return "Check the path."


def not_replaced(name: str) -> str:
    """The remedy for a name that a shell was to change, and did not: in quotes, or from a file of variables."""
    if name.startswith("~") or "$" in name or "%" in name:
        return "No shell has replaced the '~' or the variable in it: write the path in full."
    if name[:1] in {'"', "'", "\u2018", "\u201c", "\u201e", "\u00ab"}:
        return "The quotation marks are a part of the name: leave them out."
    if name[:1] in {"\u2013", "\u2014", "\u2212"}:
        return "An option begins with two plain hyphens (--); a word processor or a chat has made a dash of them."
    return "Blanks or line ends at the end are a part of the name: leave them out." if name != name.strip() else ""


class Shortened:
    """Finds names in a folder by their form before a medium shortened them or wrote them in upper case."""

    def __init__(self, folder: Path) -> None:
        """Finds nothing where the folder cannot be listed."""
        self._names: Final = {_begun(name): name for name in glance_into(folder)}
        self._lengths: Final = sorted({len(begun) for begun in self._names if len(begun) >= _BEGINNING}, reverse=True)

    def of(self, wanted: str) -> str | None:
        """The name in the folder that may be `wanted`, a name without an ending."""
        begins = (wanted.casefold()[:length] for length in self._lengths)
        return next((self._names[begin] for begin in begins if begin in self._names), None)


def _begun(name: str) -> str:
    return _CUT.sub("", Path(name).stem).casefold()


def _is_near(name: str, wanted: str) -> bool:
    stem = Path(wanted).stem
    if any(name.casefold().startswith(f"{begin.casefold()}.") for begin in (wanted, stem)):
        return True
    whole, core = _plain(wanted), _plain(stem)
    beginning = _plain(_begun(name))
    is_cut = len(beginning) >= _BEGINNING and whole.startswith(beginning)
    return is_cut or (len(core) >= _LEAST and core in _plain(name))


def _plain(name: str) -> str:
    """The name without the parts that media and people change."""
    return "".join(character for character in _NUMBER.sub("", name).casefold() if character.isalnum())
