"""Finds files whose names a medium, a copy or a download has changed. For hints in messages.

CDs without extensions hold `FIRMWARE.BIN;1`, FAT without long names `FIRMWA~1.BIN`, Joliet 64 characters; people and
browsers make `Copy of firmware.bin` and `firmware (1).bin`.
"""

from __future__ import annotations

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
_LEAST: Final = 4
"""Characters that two names must have in common to be taken for one, besides the beginning."""
_BEGINNING: Final = 6
"""What FAT leaves of a name before the tilde."""
_CUT: Final = re.compile(r"[~;].*", re.DOTALL)
_NUMBER: Final = re.compile(r" ?\([0-9]{1,3}\)")
"""How browsers tell a second download from the first."""


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
    """What may be the missing layout under a changed name: its message ends a sentence.

    `reference`: a path, with or without a tag or digest. Its texts are empty where nothing similar is found.
    """
    paths = (reference, reference.rpartition(":")[0], reference.partition("@")[0])
    near = next((found for path in paths if path and (found := near_file(Path(path), folders=True))), None)
    if near is None:
        return Problem(message="")
    named = safe(shlex.quote(str(near)))
    remedy = f"If that is what is meant, name it as it is called here: {named}"
    return Problem(message=f"; there is {safe(near.name)!r}", remedy=remedy)


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
