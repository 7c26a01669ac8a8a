"""Names that a medium, a copy or a download has changed: cut, in upper case, numbered or prefixed. For messages.

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
from airgap.text import safe

CARRY_NAMES: Final = (
    "Carry the layout as a tar, in which names stay as they are (tar -C LAYOUT -cf NEW.tar oci-layout index.json "
    "blobs); or write the CD with Joliet or Rock Ridge names, and mount FAT with long ones."
)
"""What to do about a layout whose names were changed."""
_LEAST: Final = 4
"""Characters that a name has to have in common with another to be taken for it, besides its beginning."""
_BEGINNING: Final = 6
"""What FAT leaves of a name before the tilde."""
_CUT: Final = re.compile(r"[~;].*", re.DOTALL)
_NUMBER: Final = re.compile(r" ?\([0-9]{1,3}\)")
"""How browsers tell a second download from the first."""


def near_files(folder: Path, names: Sequence[str], *, folders: bool = False) -> Iterator[Path]:
    """The files in a folder that may be what became of one of `names`, in their order; nothing where nobody can look.

    With `folders` these, too. What bears one of the names is not among them.
    """
    for name, is_folder in glance_into(folder).items():
        if (folders or not is_folder) and name not in names and any(_is_near(name, wanted) for wanted in names):
            yield folder / name


def near_file(path: Path, *, folders: bool = False) -> Path | None:
    """The file that `path` may have become, which leads to nothing; none that only stands beside it, as signatures."""
    ending = path.suffix.casefold()
    found = near_files(path.parent, [path.name], folders=folders)
    return next((file for file in found if ending.startswith(_CUT.sub("", file.suffix).casefold())), None)


def near_layout(reference: str) -> tuple[str, str]:
    """What lies there in the place of a layout that is not there, as the end of a sentence, and the way out.

    `reference`: a path, with or without a tag or digest. Both are empty where nothing is near.
    """
    paths = (reference, reference.rpartition(":")[0], reference.partition("@")[0])
    near = next((found for path in paths if path and (found := near_file(Path(path), folders=True))), None)
    if near is None:
        return "", ""
    named = safe(shlex.quote(str(near)))
    return f"; there is {safe(near.name)!r}", f"If that is what is meant, name it as it is called here: {named}"


class Shortened:
    """The names in a folder, found by what they were before a medium cut them or wrote them in upper case."""

    def __init__(self, folder: Path) -> None:
        """Nothing is found where nobody can look."""
        self._names: Final = {_begun(name): name for name in glance_into(folder)}
        self._lengths: Final = sorted({len(begun) for begun in self._names if len(begun) >= _BEGINNING}, reverse=True)

    def of(self, wanted: str) -> str | None:
        """What `wanted`, a name without an ending, may be called there."""
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
    """Without what media and people change."""
    return "".join(character for character in _NUMBER.sub("", name).casefold() if character.isalnum())
