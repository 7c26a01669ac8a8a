"""The state of a trust directory's evidence at a moment: each piece, how old it is, and what goes stale first.

Nothing is verified here, as nobody says for which certificates the evidence has to do: it is what the files say. What a
newer piece replaces is `superseded`; only of the rest does the age matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from airgap import limits
from airgap.errors import FormatError
from airgap.files import read_regular
from airgap.pki.crl import Crl
from airgap.pki.names import name_text, parse_name
from airgap.pki.ocsp import OcspResponse
from airgap.revocation.directory import CRLS, OCSP, file_names, read_index
from airgap.revocation.freshness import EvidenceKind, Freshness
from airgap.revocation.index import EvidenceIndex
from airgap.revocation.kept import CrlFacts
from airgap.text import safe
from airgap.trust.directory import TrustDirectory


class State(StrEnum):
    """What a piece of evidence is good for at the moment."""

    FRESH = "fresh"
    ACCEPTED = "stale-accepted"
    """Past its nextUpdate, within what airgap.toml accepts."""
    STALE = "stale"
    FUTURE = "future"
    """From after the moment: it does not count yet."""
    SUPERSEDED = "superseded"
    """A newer one is there; kept for questions about the past."""
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceStatus:
    """One file of evidence."""

    file: str
    """`crls/<name>` or `ocsp/<name>`, safe to show."""
    kind: str
    """`crl`, `delta-crl`, `ocsp`."""
    state: State
    about: str = ""
    """Whose CRL it is, or the serial number that a response is about; safe to show."""
    number: int | None = None
    this_update: datetime | None = None
    next_update: datetime | None = None
    use_by: datetime | None = None
    """nextUpdate and what airgap.toml accepts beyond it."""
    urls: tuple[str, ...] = ()
    problem: str = ""

    @property
    def is_needed(self) -> bool:
        """Whether it counts for the present, or would if it were fresh."""
        return self.state not in {State.SUPERSEDED, State.UNUSABLE}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustStatus:
    """All of it."""

    at: datetime
    clock: datetime
    directory: str
    pieces: tuple[PieceStatus, ...]
    newest: tuple[datetime, str] | None
    """When the newest piece was made, by its own word, and which it is."""
    accepted: dict[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    """Stores and policy that can not be read."""

    @property
    def use_by(self) -> tuple[datetime, str] | None:
        """The earliest date on which a piece that counts is no longer good, and which."""
        dates = [(piece.use_by, piece.file) for piece in self.pieces if piece.is_needed and piece.use_by]
        return min(dates, default=None)

    @property
    def clock_is_behind(self) -> bool:
        """Whether the clock stands before the newest evidence was made (design 9)."""
        return self.newest is not None and self.newest[0] > self.clock + limits.CLOCK_SKEW

    @property
    def is_good(self) -> bool:
        """Whether every piece that counts is fresh, or stale within what is accepted."""
        good = {State.FRESH, State.ACCEPTED}
        return not self.problems and all(piece.state in good for piece in self.pieces if piece.is_needed)


def trust_status(
    directory: TrustDirectory, *, at: datetime, clock: datetime, problems: Sequence[str] = ()
) -> TrustStatus:
    """The state at `at` of every file of evidence. Raises TrustMaterialError for an index that can not be read."""
    freshness = directory.freshness
    pieces = [*_crls(directory.path / CRLS, freshness, at), *_responses(directory.path / OCSP, freshness, at)]
    dated = [(piece.this_update, piece.file) for piece in pieces if piece.this_update]
    return TrustStatus(
        at=at,
        clock=clock,
        directory=safe(directory.path),
        pieces=tuple(pieces),
        newest=max(dated, default=None),
        accepted=freshness.to_json(),
        problems=tuple(problems),
    )


def _crls(folder: Path, freshness: Freshness, at: datetime) -> list[PieceStatus]:
    if not folder.is_dir():
        return []
    index = read_index(folder)
    facts: list[CrlFacts] = []
    pieces: dict[str, PieceStatus] = {}
    for name in file_names(folder, ".crl", index):
        try:
            facts.append(CrlFacts.of(name, Crl.parse(read_regular(folder / name, limits.CRL_FILE_BYTES))))
        except FormatError as error:
            pieces[name] = _unusable(CRLS, name, "crl", error)
    for item in facts:
        state, use_by = _state(item.this_update, item.next_update, freshness, "crl", at)
        pieces[item.name] = PieceStatus(
            file=safe(f"{CRLS}/{item.name}"),
            kind="delta-crl" if item.is_delta else "crl",
            state=State.SUPERSEDED if _is_replaced(item, facts, at) else state,
            about=safe(name_text(parse_name(item.issuer))),
            number=item.number,
            this_update=item.this_update,
            next_update=item.next_update,
            use_by=use_by,
            urls=_urls(index, item.name),
        )
    return [pieces[name] for name in sorted(pieces)]


def _is_replaced(item: CrlFacts, others: Iterable[CrlFacts], at: datetime) -> bool:
    """By a newer one of its stream that counts at the moment; a delta also by a base that has caught up with it."""
    for other in others:
        if other.this_update > at + limits.CLOCK_SKEW:
            continue
        if other.stream == item.stream and item.is_older_than(other):
            return True
        same_list = other.issuer == item.issuer and other.scope == item.scope
        if item.is_delta and not other.is_delta and same_list and (other.number or 0) >= (item.number or 0):
            return True
    return False


def _responses(folder: Path, freshness: Freshness, at: datetime) -> list[PieceStatus]:
    if not folder.is_dir():
        return []
    index = read_index(folder)
    found: dict[str, OcspResponse] = {}
    pieces: dict[str, PieceStatus] = {}
    for name in file_names(folder, ".ors", index):
        try:
            found[name] = OcspResponse.parse(read_regular(folder / name, limits.OCSP_BYTES))
        except FormatError as error:
            pieces[name] = _unusable(OCSP, name, "ocsp", error)
    newest: dict[tuple[bytes, int], datetime] = {}
    for response in found.values():
        for single in response.responses:
            key = (single.issuer_key_hash, single.serial)
            if single.this_update <= at + limits.CLOCK_SKEW:
                newest[key] = max(newest.get(key, single.this_update), single.this_update)
    for name, response in found.items():
        # of several answers in one response the one that goes stale first decides
        first = min(response.responses, key=lambda item: item.next_update or item.this_update, default=None)
        if first is None:
            pieces[name] = _unusable(OCSP, name, "ocsp", FormatError("it answers for nothing"))
            continue
        state, use_by = _state(first.this_update, first.next_update, freshness, "ocsp", at)
        replaced = all(
            newest.get((item.issuer_key_hash, item.serial), item.this_update) > item.this_update
            for item in response.responses
        )
        pieces[name] = PieceStatus(
            file=safe(f"{OCSP}/{name}"),
            kind="ocsp",
            state=State.SUPERSEDED if replaced else state,
            about=f"serial {first.serial:x}: {first.status}",
            this_update=first.this_update,
            next_update=first.next_update,
            use_by=use_by,
            urls=_urls(index, name),
        )
    return [pieces[name] for name in sorted(pieces)]


def _state(
    this_update: datetime, next_update: datetime | None, freshness: Freshness, kind: EvidenceKind, at: datetime
) -> tuple[State, datetime | None]:
    """The stricter of what is accepted for signing and for timestamping chains counts: a file may serve both."""
    if this_update > at + limits.CLOCK_SKEW:
        return State.FUTURE, None
    if next_update is None:  # CRL-5, D36
        return State.STALE, None
    tolerance: timedelta = min(freshness.allowed(kind, "signing"), freshness.allowed(kind, "tsa"))
    use_by = next_update + tolerance
    if at <= next_update:
        return State.FRESH, use_by
    return (State.ACCEPTED if at <= use_by else State.STALE), use_by


def _unusable(folder: str, name: str, kind: str, error: FormatError) -> PieceStatus:
    return PieceStatus(file=safe(f"{folder}/{name}"), kind=kind, state=State.UNUSABLE, problem=str(error))


def _urls(index: EvidenceIndex, name: str) -> tuple[str, ...]:
    return tuple(safe(url) for url, names in index.files.items() if name in names)
