"""The state of a trust directory in words, and as `airgap.status/1`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from airgap.parse.time import iso, iso_or_null
from airgap.reasons import REASONS
from airgap.report.report import TOOL, Json, Report
from airgap.report.style import Style
from airgap.report.wording import count
from airgap.trust.piece_status import PieceState, PieceStatus
from airgap.trust.status import TrustStatus
from airgap.verifier.run import clock_text

STATUS_SCHEMA: Final = "airgap.status/1"
_KIND = {
    PieceState.FRESH: "good",
    PieceState.ACCEPTED: "unsure",
    PieceState.STALE: "bad",
    PieceState.FUTURE: "unsure",
    PieceState.LATER: "quiet",
    PieceState.SUPERSEDED: "quiet",
    PieceState.INCOMPLETE: "bad",
    PieceState.UNUSABLE: "bad",
}


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
        """Every piece (schema in docs/reference/status.schema.json)."""
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

    def lines(self, style: Style) -> Iterable[str]:
        """The whole state."""
        return _status_lines(self.status, style, self.verbose)

    def brief_lines(self) -> Iterable[str]:
        """In one sentence, whether the evidence is good at the judged time."""
        return (_status_headline(self.status),)


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


def _status_lines(status: TrustStatus, style: Style, verbose: bool) -> Iterator[str]:
    yield style.paint("good" if status.is_good else "bad", _status_headline(status))
    for problem in status.problems:
        yield f"  {style.paint('bad', 'problem')} {problem.message}"
        yield f"          → {problem.remedy}"
    for notice in status.notices:
        yield f"  {style.paint('unsure', 'note')} {notice.message}"
    if not status.problems and not any(piece.is_needed for piece in status.pieces):
        yield f"          → {_NO_EVIDENCE}"
    hidden = 0
    for piece in status.pieces:
        if piece.state is PieceState.SUPERSEDED and not verbose:
            hidden += 1
            continue
        yield from _piece_lines(piece, status.at, style, verbose)
    if hidden:
        yield style.paint("quiet", f"  {count(hidden, 'older generation')} kept for the past; --verbose lists them")
    if status.clock_is_behind and status.newest:
        made, name = status.newest
        yield f"  {style.paint('bad', 'warning')} {clock_text(status.clock, name, made)}"
    parts = [f"trust {status.directory}"]
    if status.use_by:
        parts.append(f"use by {iso(status.use_by[0])} ({status.use_by[1]})")
    yield style.paint("quiet", "; ".join(parts))


def _piece_lines(piece: PieceStatus, at: datetime, style: Style, verbose: bool) -> Iterator[str]:
    number = f" number {piece.number}" if piece.number is not None else ""
    yield f"  {style.paint(_KIND[piece.state], f'{piece.state.value:<14}')} {piece.kind:<9} {piece.file}{number}"
    if piece.problem:
        yield f"                 {piece.problem}"
    if piece.is_needed and not piece.checked:
        yield f"                 cannot be checked: {_NO_CERTIFICATE}"
    if remedy := piece.remedy or _WAYS_OUT.get(piece.state, ""):
        yield f"                 → {remedy}"
    if piece.this_update is None:  # it states nothing about itself
        return
    age = f"{_span(at - piece.this_update)} old" if at >= piece.this_update else "from the future"
    if piece.next_update is None:
        due = "names no nextUpdate"
    elif at <= piece.next_update:
        end = min(piece.next_update, piece.use_by or piece.next_update)  # a responder may end before
        due = f"good for {_span(end - at)}, until {iso(end)}"
    else:
        due = f"was due {_span(at - piece.next_update)} ago, on {iso(piece.next_update)}"
    yield f"                 {piece.about}; {age}, {due}"
    if verbose:
        for url in piece.urls:
            yield f"                 {url}"


def _span(span: timedelta) -> str:
    hours = int(span.total_seconds() // 3600)
    return f"{hours} hours" if hours < 48 else f"{hours // 24} days"  # noqa: PLR2004
