"""A trust directory stands apart from what it judges: nothing that travels vouches for itself (design 2, rule 1).

A shell makes options of file names: `airgap verify *.tar` where something is called `--trust=t.tar` judges what lies
there by the policy that lies there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from airgap.errors import UsageError
from airgap.oci.reference import LayoutReference, parse_reference
from airgap.text import safe


def check_apart(trust: Path, targets: Iterable[str]) -> None:
    """Refuses a trust directory that is a target, lies in one, or holds one. Raises UsageError.

    `targets`: references; what is in a registry, and what is no reference, is left to whoever opens it.
    """
    for target in targets:
        for path in layout_paths([target]):
            check_apart_from(trust, path, target)


def check_output(output: Path, others: Iterable[Path], *, what: str = "report") -> None:
    """Refuses to write a file that lies in what the same command reads or writes, or is it. Raises UsageError.

    Inputs never change (design 2, rule 7). `what`: what the file is called.
    """
    for path in others:
        if _lies_in(output, path):
            raise UsageError(
                f"the {what} {safe(output)} would change {safe(path)}, which is read or written by the same command",
                remedy=f"Name another place for the {what}.",
            )


def same_place(one: Path, other: Path) -> bool:
    """Whether both are one file or folder, however they are spelt."""
    return _lies_in(one, other) and _lies_in(other, one)


def layout_paths(references: Iterable[str]) -> Iterator[Path]:
    """The paths of those that name a layout."""
    for text in references:
        try:
            reference = parse_reference(text, exists=os.path.exists)
        except UsageError:
            continue
        if isinstance(reference, LayoutReference):
            yield Path(reference.path)


def check_apart_from(trust: Path, path: Path, name: str) -> None:
    """The same for one file or folder, which the operator calls `name`. Links are followed. Raises UsageError."""
    inside = _lies_in(trust, path)
    if inside or _lies_in(path, trust):
        how = "lies in" if inside else "holds"
        raise UsageError(
            f"the trust directory {safe(trust)} {how} {safe(name)}, which is to be judged by it; what travels cannot "
            "vouch for itself",
            remedy="Name a trust directory of this machine. If you named none, a file may have been taken for the "
            "option --trust: write ./*.tar, not *.tar.",
        )


def _lies_in(inner: Path, outer: Path) -> bool:
    """Whether `inner` is `outer` or below it, by what the system says they are, not by how they are spelt."""
    whole = Path(os.path.realpath(inner))
    places = (whole, *whole.parents)
    try:
        there = outer.stat()
    except (OSError, ValueError):  # nothing is there yet
        return Path(os.path.realpath(outer)) in places
    return any(_is(place, there) for place in places)


def _is(place: Path, there: os.stat_result) -> bool:
    try:
        return os.path.samestat(place.stat(), there)
    except (OSError, ValueError):
        return False
