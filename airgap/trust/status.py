"""The state of a trust directory's evidence at a moment: each piece, how old it is, and what goes stale first.

Nothing is verified here, as nobody says for which certificates the evidence has to do: it is what the files say. What a
newer piece replaces is `superseded`; only of the rest does the age matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from airgap import limits
from airgap.pki.crl import CrlFacts
from airgap.pki.distinguished_names import name_text, parse_name, same_name
from airgap.revocation.evidence_directory import CRLS, OCSP, read_index
from airgap.revocation.freshness import CHAIN_KINDS, EvidenceKind, Freshness
from airgap.revocation.index import EvidenceIndex
from airgap.revocation.pool import Astray, CrlFile, UnreadableEvidence
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
    remedy: str = ""

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
    """Stores and policy that cannot be read."""

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
        """Whether there is evidence, all can be read, each piece that counts is fresh, or accepted as stale.

        Never where the clock is behind it: nothing is judged good by such a clock, whatever moment is named.
        """
        good = {State.FRESH, State.ACCEPTED, State.SUPERSEDED}
        sound = bool(self.pieces) and not self.problems and not self.clock_is_behind
        return sound and all(piece.state in good for piece in self.pieces)


def trust_status(
    directory: TrustDirectory, *, at: datetime, clock: datetime, problems: Sequence[str] = ()
) -> TrustStatus:
    """The state at `at` of every file of evidence. Raises TrustMaterialError for an index that cannot be read."""
    evidence = directory.evidence
    pieces = [
        *_crls(directory, at),
        *_responses(directory, at),
        *(_unusable(item) for item in evidence.all_unread()),
        *(_astray(item) for item in evidence.all_astray()),
    ]
    dated = [(piece.this_update, piece.file) for piece in pieces if piece.this_update]
    return TrustStatus(
        at=at,
        clock=clock,
        directory=safe(directory.path),
        pieces=tuple(pieces),
        newest=max(dated, default=None),
        accepted=directory.freshness.to_json(),
        problems=tuple(problems),
    )


def _crls(directory: TrustDirectory, at: datetime) -> list[PieceStatus]:
    index = read_index(directory.path / CRLS)
    files = directory.evidence.all_crls()
    pieces: list[PieceStatus] = []
    for file in files:
        facts = file.facts
        state, use_by = _state(facts.this_update, facts.next_update, None, directory.freshness, "crl", at)
        pieces.append(
            PieceStatus(
                file=f"{CRLS}/{file.name}",
                kind="delta-crl" if facts.is_delta else "crl",
                state=State.SUPERSEDED if _is_replaced(facts, files, at) else state,
                about=safe(name_text(parse_name(facts.issuer))),
                number=facts.number,
                this_update=facts.this_update,
                next_update=facts.next_update,
                use_by=use_by,
                urls=_urls(index, file.name),
            )
        )
    return pieces


def _is_replaced(item: CrlFacts, others: Iterable[CrlFile], at: datetime) -> bool:
    """By a newer one of its stream that counts at the moment; a delta also by a base that has caught up with it."""
    for other in (file.facts for file in others):
        if other.this_update > at + limits.CLOCK_SKEW:
            continue
        if other.stream == item.stream and other.age > item.age:
            return True
        same_list = same_name(other.issuer, item.issuer) and other.raw_scope == item.raw_scope
        if item.is_delta and not other.is_delta and same_list and (other.number or 0) >= (item.number or 0):
            return True
    return False


def _responses(directory: TrustDirectory, at: datetime) -> list[PieceStatus]:
    index = read_index(directory.path / OCSP)
    files = directory.evidence.all_ocsp()
    newest: dict[tuple[bytes, int], tuple[object, ...]] = {}
    for file in files:
        for single in file.response.responses:
            if single.this_update <= at + limits.CLOCK_SKEW:
                key, age = (single.issuer_key_hash, single.serial), file.response.age_of(single)
                newest[key] = max(newest.get(key, age), age)
    pieces: list[PieceStatus] = []
    for file in files:
        response = file.response
        # of several answers in one response the one that goes stale first decides
        first = min(response.responses, key=lambda item: item.next_update or item.this_update, default=None)
        if first is None:
            continue  # it answers for nothing
        ended = response.signer_end
        state, use_by = _state(first.this_update, first.next_update, ended, directory.freshness, "ocsp", at)
        replaced = all(
            newest.get((item.issuer_key_hash, item.serial), response.age_of(item)) > response.age_of(item)
            for item in response.responses
        )
        pieces.append(
            PieceStatus(
                file=f"{OCSP}/{file.name}",
                kind="ocsp",
                state=State.SUPERSEDED if replaced else state,
                about=f"serial {first.serial:x}: {first.status}",
                this_update=first.this_update,
                next_update=first.next_update,
                use_by=use_by,
                urls=_urls(index, file.name),
            )
        )
    return pieces


def _state(
    this_update: datetime,
    next_update: datetime | None,
    signer_end: datetime | None,
    freshness: Freshness,
    kind: EvidenceKind,
    at: datetime,
) -> tuple[State, datetime | None]:
    """The stricter of what is accepted for signing and for timestamping chains counts: a file may serve both.

    An OCSP response is no answer when the delegate that signed it ended before its nextUpdate, whatever is accepted.
    """
    if this_update > at + limits.CLOCK_SKEW:
        return State.FUTURE, None
    if signer_end and next_update and signer_end >= next_update:
        signer_end = None  # past its nextUpdate a delegate need not be valid any more, as the judge has it
    ends = [freshness.use_by(kind, chain, this_update, next_update) for chain in CHAIN_KINDS]
    use_by = None if None in ends else min(end for end in (*ends, signer_end) if end is not None)
    if use_by is None or at > use_by:
        return State.STALE, use_by
    return (State.FRESH if next_update is not None and at <= next_update else State.ACCEPTED), use_by


def _unusable(item: UnreadableEvidence) -> PieceStatus:
    kind = "ocsp" if item.name.lower().endswith(".ors") else "crl"
    return PieceStatus(file=item.path, kind=kind, state=State.UNUSABLE, problem=item.problem, remedy=item.remedy)


def _astray(item: Astray) -> PieceStatus:
    kind = "crl" if isinstance(item.file, CrlFile) else "ocsp"
    problem, remedy = f"it {item.problem}", item.remedy
    return PieceStatus(file=item.path, kind=kind, state=State.UNUSABLE, problem=problem, remedy=remedy)


def _urls(index: EvidenceIndex, name: str) -> tuple[str, ...]:
    return tuple(safe(url) for url, names in index.files.items() if name in names)
