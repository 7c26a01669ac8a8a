"""Numbered bundles against the marks of their streams: what is old, what was not brought in, and what is marked.

The document of a bundle is a claim, also its number (decision 0041). So a mark counts nothing but the last bundle of
its stream that was brought in, and an operator can say that an older one is meant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Final, Self

from airgap.errors import Fact, UntrustedError
from airgap.ledger.entries import Mark, NewRow, Note
from airgap.parse.time import iso
from airgap.problem import Problem
from airgap.reasons import REASONS
from airgap.text import safe, some
from airgap.transfer.carried_bundles import CarriedBundle
from airgap.transfer.copied import CopyResult
from airgap.trust.fingerprint_words import set_id

OF_STREAMS: Final = ("stream.replayed", "stream.forked")
"""Reason codes of bundles that are refused by the mark of their stream."""
_SHOWN: Final = 5
"""Runs of missing numbers that are named."""


def check_mark(mark: Mark, known: Mark | None) -> None:
    """Raises UntrustedError (17) for the mark of a bundle that is not newer than the last one of its stream."""
    if known is None or mark.number > known.number or (mark.number, mark.bundle) == (known.number, known.bundle):
        return
    is_older = mark.number < known.number
    reason = "stream.replayed" if is_older else "stream.forked"
    raise UntrustedError(
        f"bundle {mark.number} of the stream {safe(mark.stream)!r} ({_facts(mark)}) is "
        f"{'older than' if is_older else 'another one than the'} bundle {known.number} ({_facts(known)}) that was "
        f"imported here on {iso(known.at)} [{reason}]",
        reason=reason,
        remedy=REASONS[reason].remedy,
        stream=safe(mark.stream),
        number=mark.number,
        bundle=str(mark.bundle),
        known=known.number,
        known_bundle=str(known.bundle),
        known_imported=iso(known.at),
    )


def _facts(mark: Mark) -> str:
    made = f"made {iso(mark.made)}, " if mark.made else ""
    return f"{made}set id {set_id(mark.bundle)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamCheck:
    """Numbered bundles beside the marks of their streams."""

    due: tuple[tuple[CarriedBundle, Mark], ...] = ()
    """What gets a mark where it arrives, in the order of numbers."""
    let_in: tuple[Mark, ...] = ()
    """Older ones, with the reason of the operator."""
    warnings: tuple[Problem, ...] = ()

    @classmethod
    def of(
        cls,
        history: Mapping[str, Sequence[Mark]],
        bundles: Iterable[CarriedBundle],
        *,
        at: datetime,
        operator: str,
        reason: str = "",
    ) -> Self:
        """The check of the bundles whose layouts are imported as a whole. `history`: `Ledger.mark_history`.

        `reason`: why the operator lets an older one in. Without it, raises UntrustedError (17) for the first of them.
        """
        due: list[tuple[CarriedBundle, Mark]] = []
        let_in: list[Mark] = []
        bundles = list(bundles)
        warnings = list(_of_parts(history, bundles))
        for stream, found in _numbered(bundles).items():
            before = history.get(stream, ())
            known = before[-1] if before else None
            marks = [(bundle, _mark(bundle, at, operator)) for bundle in _in_order(found, known)]
            bundle, newest = marks[-1]
            try:
                check_mark(newest, known)
            except UntrustedError as error:
                if not reason:
                    raise
                let_in.append(replace(newest, reason=safe(reason)))
                due.append((bundle, let_in[-1]))
                warnings.append(Problem.of_reason("stream.let_in", f"{error}; let in: {safe(reason)}"))
                continue
            due += [item for item in marks if known is None or item[1].number > known.number]
            warnings += _gap(newest, known, {mark.number for mark in (*before, *(mark for _, mark in marks))})
        return cls(due=tuple(due), let_in=tuple(let_in), warnings=tuple(warnings))

    @classmethod
    def unwatched(cls, bundles: Iterable[CarriedBundle]) -> Self:
        """What is said of numbered bundles where there is no ledger."""
        names = [
            f"bundle {_in_order(found, None)[-1].number} of the stream {safe(stream)!r}"
            for stream, found in _numbered(bundles).items()
        ]
        if not names:
            return cls()
        message = f"no ledger is named, so nothing notices a bundle that is lost or comes again: {some(names, _SHOWN)}"
        return cls(warnings=(Problem.of_reason("stream.unwatched", message),))

    def notes(self) -> Iterator[NewRow]:
        """What is recorded before an older bundle gets its tags: that it was let in, and why."""
        for mark in self.let_in:
            text = f"let in as bundle {mark.number} of the stream {mark.stream}, in spite of its mark: {mark.reason}"
            yield NewRow(Note(at=mark.at, operator=mark.operator, about=str(mark.bundle), text=text, by=mark.operator))

    def marks(self, copied: CopyResult) -> Iterator[NewRow]:
        """The marks of the bundles of which everything is in the registry now."""
        return (NewRow(mark) for bundle, mark in self.due if bundle.arrived_in(copied))


def _of_parts(history: Mapping[str, Sequence[Mark]], bundles: Iterable[CarriedBundle]) -> Iterator[Problem]:
    """What is said of numbered bundles of which a part is imported: that is not compared, and gets no mark."""
    for bundle in bundles:
        if bundle.stream is None or bundle.number is None or bundle.is_asked_for:
            continue
        before = history.get(bundle.stream, ())
        last = f"; the last one here is {before[-1].number}" if before else ""
        yield Problem(
            message=f"only a part of bundle {bundle.number} of the stream {safe(bundle.stream)!r} was named, so its "
            f"number is not compared, and it gets no mark{last}",
            target=bundle.reference,
            remedy="Name the whole medium to compare it.",
        )


def _numbered(bundles: Iterable[CarriedBundle]) -> Mapping[str, list[CarriedBundle]]:
    """The bundles of each stream."""
    found: defaultdict[str, list[CarriedBundle]] = defaultdict(list)
    for bundle in bundles:
        if bundle.stream is not None and bundle.is_asked_for:
            found[bundle.stream].append(bundle)
    return found


def _in_order(bundles: Iterable[CarriedBundle], known: Mark | None) -> list[CarriedBundle]:
    """By number, one of each: a layout may hold those of several journeys. The one that is marked is preferred."""
    ordered = sorted(
        bundles, key=lambda item: (item.number or 0, known is not None and item.digest == known.bundle, item.digest)
    )
    return list({bundle.number: bundle for bundle in ordered}.values())


def _mark(bundle: CarriedBundle, at: datetime, operator: str) -> Mark:
    return Mark(
        at=at,
        operator=safe(operator),
        stream=bundle.stream or "",
        number=bundle.number or 0,
        bundle=bundle.digest,
        made=bundle.created,
    )


def _gap(newest: Mark, known: Mark | None, numbers: Collection[int]) -> Iterator[Problem]:
    """A warning where numbers are missing before the newest one. `numbers`: all that are here, or were before."""
    above = known.number if known else 0
    there = [above, *sorted(number for number in numbers if above < number <= newest.number)]
    runs = [(before + 1, after - 1) for before, after in pairwise(there) if after - before > 1]
    if not runs:
        return
    missing = [str(first) if first == last else f"{first} to {last}" for first, last in runs]
    is_one = len(runs) == 1 and runs[0][0] == runs[0][1]
    last_one = f"the last one was bundle {known.number}, on {iso(known.at)}" if known else "nothing of it was before"
    message = (
        f"{'bundle' if is_one else 'bundles'} {some(missing, _SHOWN)} of the stream {safe(newest.stream)!r} "
        f"{'was' if is_one else 'were'} not imported here before bundle {newest.number}; {last_one}"
    )
    facts: dict[str, Fact] = {"stream": safe(newest.stream), "number": newest.number, "missing": missing[:_SHOWN]}
    yield replace(Problem.of_reason("stream.gap", message), facts=facts)
