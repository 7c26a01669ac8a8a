"""Checks that a trust directory is separate from the targets (RULE-1).

A shell can turn file names into options: `airgap verify *.tar` in a folder with a file `--trust=t.tar` would judge the
targets by a policy of their own medium.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from airgap.errors import UsageError
from airgap.oci.documents import LAYOUT_FILE
from airgap.oci.reference import LayoutReference, parse_reference
from airgap.problem import Problem
from airgap.revocation.unsigned_evidence import LOCAL
from airgap.text import safe
from airgap.trust.store_types import FOLDER, StoreType


def check_apart(trust: Path, targets: Iterable[str]) -> None:
    """Refuses a trust directory that is a target, is in one, or holds one. Raises UsageError.

    `targets`: references; those of registries and invalid ones are ignored here.
    """
    for target in targets:
        for path in layout_paths([target]):
            check_apart_from(trust, path, target)


def check_output(output: Path, others: Iterable[Path], *, what: str = "report") -> None:
    """Refuses an output file that is an input or another output of the same command, or inside one. Raises UsageError.

    Inputs never change (RULE-7). `what`: the name of the file in messages.
    """
    if os.path.isfile(output):  # noqa: PTH113 - false where it cannot be examined, which its writer reports
        from airgap.oci.volumes import is_volume_at  # outputs are seldom there

        if is_volume_at(output):
            raise UsageError(
                f"the {what} {safe(output)} is a volume of a layout, which nothing replaces",
                remedy=f"Name another place for the {what}.",
            )
    for path in others:
        if is_inside(output, path):
            raise UsageError(
                f"the {what} {safe(output)} would change {safe(path)}, which is read or written by the same command",
                remedy=f"Name another place for the {what}.",
            )


def same_place(one: Path, other: Path) -> bool:
    """Whether both paths lead to the same file or folder."""
    return is_inside(one, other) and is_inside(other, one)


def layout_paths(references: Iterable[str]) -> Iterator[Path]:
    """The paths of the references to layouts."""
    for text in references:
        try:
            reference = parse_reference(text)
        except UsageError:
            continue
        if isinstance(reference, LayoutReference):
            yield Path(reference.path)


def check_apart_from(trust: Path, path: Path, name: str) -> None:
    """Checks one file or folder, called `name` in messages. Links are followed. Raises UsageError."""
    target = _Place(path)
    for place in (trust, *filter(os.path.lexists, _followed(trust))):
        part = _Place(place)
        if (inside := part.is_inside(target)) or target.is_inside(part):
            how = "is in" if inside else "holds"
            what = "the trust directory" if place == trust else "by a link, the part of the trust directory"
            raise UsageError(
                f"{what} {safe(place)} {how} {safe(name)}, which is to be judged by it; what travels cannot prove "
                "itself",
                remedy="Name a trust directory of this machine. If you named none, a file may have been taken for the "
                "option --trust: write ./*.tar, not *.tar.",
            )


def notice_of_layout(trust: Path) -> Problem | None:
    """A part of the trust directory that is in some layout: what judges that layout will refuse it."""
    for place in (trust, *_followed(trust)):
        whole = Path(os.path.realpath(place))
        for folder in (whole, *whole.parents):
            if os.path.isfile(folder / LAYOUT_FILE):  # noqa: PTH113 - false where it cannot be read
                how = "" if place == trust else " by a link"
                return Problem(
                    reason="policy.doubtful",
                    message=f"{safe(place)} is{how} in the layout {safe(folder)}, which cannot be judged by it: what "
                    "travels cannot prove itself",
                )
    return None


def _followed(trust: Path) -> Iterator[Path]:
    """The folders in it where links are followed: those above stores, and that of pins. Others are refused (D18)."""
    yield trust / LOCAL
    yield trust / FOLDER[0]
    stores = trust.joinpath(*FOLDER)
    yield stores
    yield from (stores / kind for kind in StoreType)


def is_inside(inner: Path, outer: Path) -> bool:
    """Whether `inner` is `outer` or below it, by identity and not by spelling."""
    return _Place(inner).is_inside(_Place(outer))


class _Place:
    """A path without links, and the identities of what is there and above."""

    def __init__(self, path: Path) -> None:
        whole = Path(os.path.realpath(path))
        self._paths = (whole, *whole.parents)
        self._identities = [_identity(place) for place in self._paths]

    def is_inside(self, outer: _Place) -> bool:
        there = outer._identities[0]
        return outer._paths[0] in self._paths if there is None else there in self._identities


def _identity(place: Path) -> tuple[int, int] | None:
    """The device and the file; None if nothing is there."""
    try:
        found = place.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
