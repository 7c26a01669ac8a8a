"""The state of a trust directory in words, and as `airgap.status/1`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from airgap.parse.time import iso, iso_or_null
from airgap.reasons import REASONS
from airgap.report.artifact_rows import common_name
from airgap.report.columns import Columns
from airgap.report.finding_text import problem_lines, problem_text
from airgap.report.report import TOOL, Json, Report
from airgap.report.style import PLAIN, Style, unbroken
from airgap.report.wording import count, span_text
from airgap.text import some
from airgap.trust.piece_status import PieceState, PieceStatus
from airgap.trust.status import TrustStatus
from airgap.verifier.run import clock_text

STATUS_SCHEMA: Final = "airgap.status/1"


@dataclass(frozen=True, slots=True)
class StatusReport(Report):
    """The state of a trust directory's evidence: `airgap.status/1`."""

    status: TrustStatus
    verbose: bool = False
    """Whether the text lists pieces that newer ones have replaced, and URLs."""

    @property
    def exit_code(self) -> int:
        """That of the policy or store that cannot be read, else 15 where some evidence is stale or missing."""
        return self.status.exit_code

    def document(self) -> Json:
        """Every piece (schema in airgap/schemas/status.schema.json)."""
        status = self.status
        return {
            "schema": STATUS_SCHEMA,
            "tool": TOOL,
            "good": status.is_good,
            "time": {"judged": iso(status.at), "clock": iso(status.clock)},
            "directory": status.directory,
            "accepted_staleness": dict(status.accepted),
            "use_by": {"at": iso(status.use_by[0]), "evidence": status.use_by[1]} if status.use_by else None,
            "newest": {"at": iso(status.newest[0]), "evidence": status.newest[1]} if status.newest else None,
            "clock_behind": status.clock_is_behind,
            "problems": [problem.message for problem in status.problems],
            "notices": [notice.message for notice in status.notices],
            "pieces": [
                {
                    "file": piece.file,
                    "kind": piece.kind,
                    "state": piece.state.value,
                    "about": piece.about,
                    "number": piece.number,
                    "this_update": iso_or_null(piece.this_update),
                    "next_update": iso_or_null(piece.next_update),
                    "age_seconds": int((status.at - piece.this_update).total_seconds()) if piece.this_update else None,
                    "use_by": iso_or_null(piece.use_by),
                    "urls": list(piece.urls),
                    "checked": piece.checked,
                    "problem": piece.problem,
                }
                for piece in status.pieces
            ],
        }

    def lines(self, style: Style) -> Iterator[str]:
        """Common facts, the pieces of evidence, what to do about those that do not count, and last the result."""
        return _status_lines(self.status, style, self.verbose)

    def brief_lines(self) -> Iterator[str]:
        """In one sentence, whether the evidence is good at the judged time."""
        return _ending(self.status, PLAIN)

    def warning_lines(self, style: Style, *, quiet: bool = False) -> Iterator[str]:
        """That the clock is wrong."""
        del quiet
        status = self.status
        if status.clock_is_behind and status.newest:
            made, name = status.newest
            yield from style.entry("warning", clock_text(status.clock, name, made), "bad")


def _status_headline(status: TrustStatus) -> str:
    counting = [piece for piece in status.pieces if piece.is_needed]
    bad = [piece for piece in counting if piece.state in {PieceState.STALE, PieceState.FUTURE}]
    if status.problems:
        return f"BROKEN: {count(len(status.problems), 'problem')} in the trust directory."
    if not counting:
        return "NO EVIDENCE: the trust directory holds no CRL and no OCSP response that counts."
    if bad:
        return f"STALE: {len(bad)} of {count(len(counting), 'piece')} of evidence clear nothing at {iso(status.at)}."
    if lacking := [piece for piece in counting if piece.state is PieceState.INCOMPLETE]:
        return f"INCOMPLETE: {len(lacking)} of {count(len(counting), 'piece')} of evidence lack a base or delta CRL."
    if unusable := [piece for piece in status.pieces if piece.state is PieceState.UNUSABLE]:
        return f"UNSURE: {count(len(unusable), 'piece')} of evidence cannot be used, and may say anything."
    if status.clock_is_behind:
        return f"WRONG CLOCK: it says {iso(status.clock)}, and there is evidence from after that."
    if unchecked := status.unchecked:
        return (
            f"NOT CHECKED: {len(unchecked)} of {count(len(counting), 'piece')} of evidence cannot be checked for "
            f"damage; by what they say, all count at {iso(status.at)}."
        )
    return f"GOOD: all {count(len(counting), 'piece')} of evidence count at {iso(status.at)}."


_WAYS_OUT: Final = {
    PieceState.STALE: "Fetch the current one on the connected side (airgap trust fetch), and bring it along.",
    PieceState.FUTURE: "Check this machine's clock.",
    PieceState.LATER: "It was made after the time that --at names, and does not count for it.",
    PieceState.UNUSABLE: REASONS["evidence.unread"].remedy,
}
_NO_CERTIFICATE: Final = (
    "no certificate of its issuer is in a trust store; airgap verify checks it with that of a signature"
)
_NO_EVIDENCE: Final = (
    "Fetch it on the connected side (airgap trust fetch TARGET --trust DIR, TARGET being what is to be verified), and "
    "bring crls/ and ocsp/ along."
)


_GOOD: Final = frozenset({PieceState.FRESH, PieceState.ACCEPTED, PieceState.SUPERSEDED})
_BESIDE: Final = 8
"""Rows of a screen for all else but the good pieces."""
_HEAD: Final = ("STATE", "KIND", "OF", "AGE", "GOOD UNTIL", "LEFT")
_LEAST: Final = (5, 4, 14, 7, 20, 7)


def _ending(status: TrustStatus, style: Style) -> Iterator[str]:
    word, _, text = _status_headline(status).partition(": ")
    return style.ending(word, text, status.exit_code, "good" if status.is_good else "bad")


def _status_lines(status: TrustStatus, style: Style, verbose: bool) -> Iterator[str]:
    word = _status_headline(status).partition(":")[0]
    older = [piece for piece in status.pieces if piece.state is PieceState.SUPERSEDED]
    shown = [piece for piece in status.pieces if verbose or piece.state is not PieceState.SUPERSEDED]
    facts = [f"trust directory {status.directory}", f"{count(len(status.pieces), 'piece')} of evidence"]
    facts.append(f"looked at as of {iso(status.at)}")
    if status.use_by:
        facts.append(f"use by {iso(status.use_by[0])} ({status.use_by[1]})")
    yield from style.entry(word, ", ".join(facts), "good" if status.is_good else "bad")
    for notice in status.notices:
        yield from style.entry("note", problem_text(notice), "unsure")
    if unchecked := [piece.file for piece in shown if piece.is_needed and not piece.checked]:
        about = "each piece" if len(unchecked) == len(status.pieces) else some(unchecked, len(shown) if verbose else 3)
        yield from style.entry("note", f"cannot be checked: {_NO_CERTIFICATE} ({about})", "unsure")
    if older and not verbose:
        text = f"{count(len(older), 'older generation')} kept for the past; -v lists them"
        yield from style.entry("note", text, "quiet")
    if shown:
        yield ""
        yield from _piece_lines(shown, status.at, style, verbose)
    yield from problem_lines(status.problems, style)
    if not status.problems and not any(piece.is_needed for piece in status.pieces):
        yield from style.arrow(_NO_EVIDENCE)
    yield ""
    yield from _ending(status, style)


def _piece_lines(pieces: Sequence[PieceStatus], at: datetime, style: Style, verbose: bool) -> Iterator[str]:
    """Good pieces first, in the order in which they end; then the others, with what to do."""
    good = sorted((piece for piece in pieces if piece.state in _GOOD), key=_end)
    bad = sorted((piece for piece in pieces if piece.state not in _GOOD), key=_end)
    most = len(good) if verbose or len(good) <= style.height - _BESIDE else max(1, style.height - _BESIDE)
    rows = {piece.file: _cells(piece, at) for piece in (*good[:most], *bad)}
    table = Columns(_HEAD, rows.values(), style, least=_LEAST, margin=0)
    yield from table.heading()
    for piece in good[:most]:
        yield from table.row(rows[piece.file])
        if verbose:
            yield from _files(piece, style)
    if most < len(good):
        yield from style.paragraph(f"… and {len(good) - most} more that end later; -v lists each of them", "  ")
    last = {_remedy(piece): place for place, piece in enumerate(bad)}
    for place, piece in enumerate(bad):
        yield from table.row(rows[piece.file])
        yield from _files(piece, style)
        if (remedy := _remedy(piece)) and last[remedy] == place:
            yield from style.arrow(remedy)


def _end(piece: PieceStatus) -> tuple[bool, datetime, str]:
    end = _until(piece)
    return end is None, end or datetime.max.replace(tzinfo=UTC), piece.file


def _until(piece: PieceStatus) -> datetime | None:
    """Its nextUpdate, or the end of the responder that signed it."""
    if piece.next_update is None:
        return None
    return min(piece.next_update, piece.use_by or piece.next_update)


def _cells(piece: PieceStatus, at: datetime) -> tuple[str, ...]:
    word = piece.state.value
    kind = "crl" if piece.kind == "delta-crl" else piece.kind
    delta = "delta " if piece.kind == "delta-crl" else ""
    of = common_name(piece.about) if kind == "crl" else piece.about
    number = f" {unbroken(f'number {piece.number}')}" if piece.number is not None else ""
    made = piece.this_update
    age = "-" if made is None else unbroken(span_text(at - made)) if at >= made else unbroken("made later")
    end = _until(piece)
    until, left = ("-" if made is None else "names no nextUpdate"), "-"
    if end is not None:
        until, left = iso(end), unbroken(span_text(end - at) if at <= end else f"{span_text(at - end)} ago")
    bad = piece.state not in {*_GOOD, PieceState.LATER}
    return (word.upper() if bad else word, unbroken(f"{delta}{kind}"), f"{of or '-'}{number}", age, until, left)


def _files(piece: PieceStatus, style: Style) -> Iterator[str]:
    """Which file it is, what is wrong with it, and where it came from."""
    text = f"{piece.file}: {piece.problem}" if piece.problem else piece.file
    yield from style.paragraph(text, "        ", "          ")
    for url in piece.urls:
        yield from style.paragraph(url, "          ")


def _remedy(piece: PieceStatus) -> str:
    return piece.remedy or _WAYS_OUT.get(piece.state, "")
