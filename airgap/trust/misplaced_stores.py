"""Hints about a misplaced trust store: where something similar is, and how to correct it. For messages only."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from airgap import limits
from airgap.files import glance_into
from airgap.problem import Problem
from airgap.text import safe
from airgap.trust.store_types import StoreType

if TYPE_CHECKING:
    from airgap.trust.stores import StoreRef

_SHOWN: Final = 10
_DEPTH: Final = 6
"""Folders below the trust directory: one more than a store needs, two levels too deep."""
_CERTIFICATES: Final = (".pem", ".crt", ".cer", ".der")


def near_store(root: Path, ref: StoreRef) -> Problem:
    """What exists instead of a missing store: its message ends a sentence. Empty texts if there is nothing."""
    folder = ref.folder(root)
    missing = folder
    while not missing.parent.is_dir() and missing.parent not in {missing, root}:
        missing = missing.parent
    names = _list(missing.parent)[0]
    if twin := next((name for name in names if _spelling(name) == _spelling(missing.name)), None):
        case = ": upper and lower case count" if twin.casefold() == missing.name.casefold() else ""
        policy = f", or write {ref.type}:{safe(twin)} in the policy's trustStores" if missing == folder else ""
        return Problem(
            message=f"; there is a folder {safe(twin)!r} in {safe(missing.parent)}, which must be called "
            f"{missing.name!r}",
            remedy=f"Rename the folder to {missing.name}{policy}{case}.",
        )
    lower = missing.parent / folder.relative_to(missing) if missing != folder else missing
    if lower.is_dir():
        inner = lower.relative_to(missing.parent).parts[0]
        return Problem(
            message=f"; {safe(lower)} must be in a folder {missing.name!r}",
            remedy=f"Make the folder {missing.name} in {safe(missing.parent)}, and move {safe(inner)} into it.",
        )
    if missing.is_symlink():
        return Problem(
            message=f"; {safe(missing)} is a symbolic link that leads nowhere",
            remedy="Put the folder itself in the place of the link, or bring back what it leads to.",
        )
    if missing.exists() and not missing.is_dir():
        return Problem(
            message=f"; {safe(missing)} is a file, not a folder", remedy="Put the folder in the place of the file."
        )
    hints = (_elsewhere, _outside_of_every_store, _of_another_type, _loose, _others)
    return next((hint for find in hints if (hint := find(root, ref))), Problem(message=""))


def _elsewhere(root: Path, ref: StoreRef) -> Problem | None:
    """A folder of the store's name in another place, but not where stores of another type are."""
    called = _folders_called(root, ref.name)
    found = [path for path in called if _type_of(path) == ref.type] or [path for path in called if not _type_of(path)]
    if not found:
        return None
    right = ref.folder(root).relative_to(root).as_posix()
    return Problem(
        message=f"; there is a folder {_shown(found)}, which is another place than {right}",
        remedy=f"Move {safe(found[0])} to {right} in the trust directory.",
    )


def _outside_of_every_store(root: Path, ref: StoreRef) -> Problem | None:
    folder = ref.folder(root).parent
    if not (files := _list(folder)[1]):
        return None
    return Problem(
        message=f"; {safe(files[0])!r} is outside of every store, which is a folder, in {safe(folder)}",
        remedy=f"Make a folder {ref.name} there, and move the file into it.",
    )


def _of_another_type(root: Path, ref: StoreRef) -> Problem | None:
    if not (found := _folders_called(root, ref.name)):
        return None
    right, other = ref.folder(root).relative_to(root).as_posix(), _type_of(found[0])
    text = (
        f"; there is a folder {_shown(found)}, which is another place than {right}: a store of type {other}, and the "
        f"policy names one of type {ref.type}"
    )
    remedy = (
        f"If these certificates are to be trusted as those of {ref.type} stores are, copy them to {right}; else name "
        f"{other}:{ref.name} in the policy's trustStores."
    )
    return Problem(message=text, remedy=remedy)


def _loose(root: Path, ref: StoreRef) -> Problem | None:
    if not (files := _list(root)[1]):
        return None
    right = ref.folder(root).relative_to(root).as_posix()
    return Problem(
        message=f"; {safe(files[0])!r} is outside of every store, in the trust directory itself",
        remedy=f"If it is what is meant, make the folder {right} in the trust directory, and move the file into it.",
    )


def _others(root: Path, ref: StoreRef) -> Problem | None:
    if not (names := _list(ref.folder(root).parent)[0]):
        return None
    return Problem(
        message=f"; the stores of this type are: {_shown(names[:_SHOWN])}{', ...' if len(names) > _SHOWN else ''}",
        remedy=f"Name one of them in the policy's trustStores, or make the store: {add_command(ref)}.",
    )


def _shown(names: list[str]) -> str:
    return ", ".join(safe(name) for name in names)


def _type_of(path: str) -> str | None:
    """The type of store that the folder above says; None where it says none."""
    above = PurePosixPath(path).parent.name.casefold()
    return next((kind for kind in StoreType if kind.casefold() == above), None)


def add_command(ref: StoreRef) -> str:
    """How certificates get into a store."""
    return f"airgap trust cert add --type {ref.type} --store {ref.name} FILE"


def _folders_called(root: Path, name: str) -> list[str]:
    """The first folders with certificates and the name of a store, anywhere in the trust directory; bounded."""
    left, called = limits.STORE_FILES, list[str]()
    waiting = [root]
    while waiting and left and len(called) < _SHOWN:
        folder = waiting.pop(0)
        left -= 1
        names, files = _list(folder)
        below = folder.relative_to(root)
        if _spelling(folder.name) == _spelling(name) and files and folder != root:
            called.append(below.as_posix())
        if len(below.parts) < _DEPTH:
            waiting += [folder / inner for inner in names if not inner.startswith(".")]
    return called


def _list(folder: Path) -> tuple[list[str], list[str]]:
    """The folders and the certificate files in a folder; nothing where it cannot be listed."""
    found = glance_into(folder)
    return (
        [name for name, is_folder in found.items() if is_folder],
        [name for name, is_folder in found.items() if not is_folder and name.lower().endswith(_CERTIFICATES)],
    )


def _spelling(name: str) -> str:
    """The normalized name of a folder, to compare spellings."""
    return re.sub(r"[-_. ]", "", name).casefold().removesuffix("s")
