"""The state of a trust directory's evidence at a moment: each piece, how old it is, and what goes stale first.

The certificates that the evidence is needed for are not known here. Evidence is proven with the certificates of all
trust stores; without a fitting certificate, its own statements are reported. What a newer piece replaces, and could
answer in its place, is `superseded`; only of the rest does the age matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from airgap import limits
from airgap.errors import FormatError, Rejected, TrustMaterialError, Undecided
from airgap.files import is_there
from airgap.moment import Moment
from airgap.pki.certificate import Certificate
from airgap.pki.distinguished_names import name_text, parse_maker
from airgap.pki.ocsp import OcspResponse
from airgap.pki.single_response import SingleResponse
from airgap.problem import Problem
from airgap.reasons import MADE_SO, REASONS
from airgap.revocation.damage import Contradictions, is_damaged
from airgap.revocation.evidence_directory import CRLS, OCSP, read_index
from airgap.revocation.evidence_files import CrlFile, MisplacedEvidence, OcspFile, UnreadableEvidence
from airgap.revocation.freshness import CHAIN_KINDS, EvidenceKind, Freshness, by_age
from airgap.revocation.index import EvidenceIndex
from airgap.revocation.judge import RevocationJudge
from airgap.text import safe
from airgap.trust.directory import TrustDirectory
from airgap.trust.policy_files import BLOB_POLICY_FILES, OCI_POLICY_FILES
from airgap.trust.stores import StoreRef, load_store


class PieceState(StrEnum):
    """What can be done with a piece of evidence at the moment."""

    FRESH = "fresh"
    ACCEPTED = "stale-accepted"
    """Past its nextUpdate, within what airgap.toml accepts."""
    STALE = "stale"
    FUTURE = "future"
    """From after what the clock says: the clock is wrong, or it is."""
    LATER = "later"
    """From after the moment that was named, and before what the clock says: it was not known yet."""
    SUPERSEDED = "superseded"
    """A newer one is there; kept for questions about the past."""
    INCOMPLETE = "incomplete"
    """A CRL whose delta CRL is not available, or a delta CRL whose base is not: it answers for nothing by itself."""
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceStatus:
    """One file of evidence."""

    file: str
    """`crls/<name>` or `ocsp/<name>`, safe to show."""
    kind: str
    """`crl`, `delta-crl`, `ocsp`."""
    state: PieceState
    about: str = ""
    """Whose CRL it is, or the serial number that a response is about; safe to show."""
    number: int | None = None
    this_update: datetime | None = None
    next_update: datetime | None = None
    use_by: datetime | None = None
    """nextUpdate and what airgap.toml accepts beyond it."""
    urls: tuple[str, ...] = ()
    checked: bool = True
    """Whether its signature was verified: it was not where no certificate of its issuer is in a trust store."""
    problem: str = ""
    remedy: str = ""

    @property
    def is_needed(self) -> bool:
        """Whether it counts for the present, or would if it were fresh."""
        return self.state not in {PieceState.SUPERSEDED, PieceState.LATER, PieceState.UNUSABLE}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustStatus:
    """All of it."""

    at: datetime
    clock: datetime
    directory: str
    pieces: tuple[PieceStatus, ...]
    newest: tuple[datetime, str] | None
    """The stated date of the newest evidence, and its name."""
    accepted: dict[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    """Stores and policy that cannot be read."""
    notices: tuple[Problem, ...] = ()
    """About the certificates in stores that can be read."""

    @property
    def use_by(self) -> tuple[datetime, str] | None:
        """The earliest date on which a piece that counts is no longer good, and which."""
        dates = [(piece.use_by, piece.file) for piece in self.pieces if piece.is_needed and piece.use_by]
        return min(dates, default=None)

    @property
    def unchecked(self) -> tuple[PieceStatus, ...]:
        """What counts only by what it states itself, because damage would not be noticed."""
        return tuple(piece for piece in self.pieces if piece.is_needed and not piece.checked)

    @property
    def clock_is_behind(self) -> bool:
        """Whether the clock is before the newest evidence was made (decision 0013)."""
        return self.newest is not None and self.newest[0] > self.clock + limits.CLOCK_SKEW

    @property
    def is_good(self) -> bool:
        """Whether there is evidence, all can be read, each piece that counts is fresh, or accepted as stale.

        Those that are `unchecked` count by what they say of themselves: the certificates of most issuers are in
        signatures, and not in trust stores. If one is damaged, `verify` finds it, and is not milder for it.

        Never where the clock is behind it: nothing is judged good by such a clock, whatever moment is named.
        """
        good = {PieceState.FRESH, PieceState.ACCEPTED, PieceState.SUPERSEDED, PieceState.LATER}
        counts = any(piece.is_needed for piece in self.pieces)
        sound = counts and not self.problems and not self.clock_is_behind
        return sound and all(piece.state in good for piece in self.pieces)


def trust_status(directory: TrustDirectory, *, at: datetime, clock: datetime) -> TrustStatus:
    """The state at `at` of every file of evidence. Raises TrustMaterialError for an index that cannot be read."""
    evidence = directory.evidence
    known = tuple(dict.fromkeys(directory.stored()))
    moment = Moment(judged=at, clock=clock)
    pieces = [
        *_crls(directory, known, moment),
        *_responses(directory, known, moment),
        *(_unusable(item) for item in evidence.all_unread()),
        *(_misplaced(item) for item in evidence.all_misplaced()),
    ]
    problems = tuple(_problems(directory))
    dated = [(piece.this_update, piece.file) for piece in pieces if piece.this_update]
    return TrustStatus(
        at=at,
        clock=clock,
        directory=safe(directory.path),
        pieces=tuple(pieces),
        newest=max(dated, default=None),
        accepted=directory.freshness.to_json(),
        problems=tuple(problem for problem in problems if problem.exit_code),
        notices=tuple(problem for problem in problems if not problem.exit_code),
    )


def _problems(directory: TrustDirectory) -> Iterator[Problem]:
    """What would stop every verification, and notices: of the policies that are there, and stores that they name.

    A directory with a policy for files alone needs none for artifacts.
    """
    for_files = is_there(directory.path / BLOB_POLICY_FILES[0])
    for_artifacts = not for_files or any(is_there(directory.path / name) for name in OCI_POLICY_FILES)
    named: dict[StoreRef, None] = {}
    for read in (*([directory.policy] if for_artifacts else []), *([directory.blob_policy] if for_files else [])):
        try:
            named |= dict.fromkeys(store for statement in read().statements for store in statement.stores)
        except TrustMaterialError as error:
            yield Problem.of(error)
    for ref in named:
        try:
            yield from load_store(directory.path, ref).notices
        except TrustMaterialError as error:
            yield Problem.of(error)


@dataclass(frozen=True, slots=True)
class _Look:
    """What can be said of a CRL without a certificate in question."""

    file: CrlFile
    maker: Certificate | None
    """Who made it; None where no certificate is available that could have."""
    problem: str = ""
    """Why it is not genuine; empty where it is, or where that is not known."""
    refusal: str = ""
    """Why it cannot clear any certificate; empty if it may."""
    remedy: str = ""
    """What helps against the refusal."""

    @property
    def key(self) -> tuple[Certificate | None, bytes | None]:
        """Equal for CRLs of one key, as far as it is known: a CA that renewed its key has CRLs of each."""
        return self.maker, None if self.maker else self.file.facts.authority_key

    def counts_for(self, other: _Look) -> bool:
        """Whether it may answer together with `other`, or in its place."""
        return self.key == other.key and not self.problem and not self.refusal


def _look(file: CrlFile, known: Iterable[Certificate]) -> _Look:
    try:
        crl = file.look()
        makers = [item for item in known if crl.may_be_from(item)]
        maker = crl.verify_made_by(*makers) if makers else None
    except (FormatError, Undecided) as error:
        return _Look(file, None, problem=str(error))
    if maker is None and is_damaged(file, known):
        return _Look(file, None, problem=_DAMAGED)
    try:
        crl.check_clears()
        if maker:
            crl.verify_signed_by(maker)
    except Undecided as error:
        return _Look(file, maker, refusal=str(error), remedy=error.remedy)
    return _Look(file, maker)


def _looks(files: Sequence[CrlFile], known: Sequence[Certificate]) -> list[_Look]:
    looks = [_look(file, known) for file in files]
    unproven = Contradictions(look.file for look in looks if look.maker is None)
    return [
        replace(look, problem=_DAMAGED) if look.maker is None and not look.problem and unproven.has(look.file) else look
        for look in looks
    ]


def _crls(directory: TrustDirectory, known: Sequence[Certificate], moment: Moment) -> list[PieceStatus]:
    index = read_index(directory.path / CRLS)
    looks = _looks(directory.evidence.all_crls(), known)
    made = [look for look in looks if look.file.facts.this_update <= moment.judged + limits.CLOCK_SKEW]
    rivals: dict[str, list[_Look]] = {}
    """Only CRLs of one issuer and scope replace each other; the newest, which replaces most, comes first."""
    for look in sorted(made, key=lambda item: item.file.facts.age, reverse=True):
        rivals.setdefault(look.file.facts.base_stream, []).append(look)
    pieces: list[PieceStatus] = []
    for look in looks:
        facts = look.file.facts
        state, use_by = _state(facts.this_update, facts.next_update, None, directory.freshness, "crl", moment)
        problem = remedy = ""
        if look.problem:
            state, problem = PieceState.UNUSABLE, look.problem
        elif _is_replaced(look, rivals.get(facts.base_stream, ())):
            state = PieceState.SUPERSEDED
        elif look.refusal:
            state, problem, remedy = PieceState.UNUSABLE, f"it clears no certificate: {look.refusal}", look.remedy
        elif state in {PieceState.FRESH, PieceState.ACCEPTED} and (problem := _lack(look, made)):
            state, remedy = PieceState.INCOMPLETE, "Get what is missing (airgap trust fetch)."
        elif state is PieceState.STALE:
            remedy = _renewal("crl", use_by)
        pieces.append(
            PieceStatus(
                file=f"{CRLS}/{look.file.name}",
                kind="delta-crl" if facts.is_delta else "crl",
                state=state,
                about=safe(name_text(parse_maker(facts.issuer))),
                number=facts.number,
                this_update=facts.this_update,
                next_update=facts.next_update,
                use_by=use_by,
                urls=_urls(index, look.file.name),
                checked=look.maker is not None,
                problem=problem,
                remedy=remedy,
            )
        )
    return pieces


def _is_replaced(look: _Look, rivals: Iterable[_Look]) -> bool:
    return any(other.file.facts.may_replace(look.file.facts) and other.counts_for(look) for other in rivals)


def _lack(look: _Look, others: Iterable[_Look]) -> str:
    """What a CRL needs to be an answer, and is not available; empty where nothing is missing."""
    facts = look.file.facts
    if not facts.is_delta and not facts.names_delta:
        return ""
    near = [other.file.facts for other in others if other.counts_for(look)]
    if facts.is_delta and all(facts.why_unfit_for(base) for base in near if not base.is_delta):
        return f"no base CRL that it fits is available: number {facts.base_number}, or a newer one below its own"
    if facts.names_delta and not facts.is_delta and all(delta.why_unfit_for(facts) for delta in near):
        return "it names a delta CRL, and none that fits it is available"
    return ""


def _responses(directory: TrustDirectory, known: Sequence[Certificate], moment: Moment) -> list[PieceStatus]:
    index = read_index(directory.path / OCSP)
    files = directory.evidence.all_ocsp()
    judge = RevocationJudge(directory.evidence, directory.freshness, moment, stored=lambda: known)
    issuers = _Issuers(known)
    problems = {file: _unproven(file, issuers) for file in files}
    refusals = {file: _refusal(file, issuers, judge) for file in files}
    may_replace = [file.response for file in files if not (problems[file] or refusals[file])]
    newest = _newest(may_replace, issuers, moment.judged)
    pieces: list[PieceStatus] = []
    for file in files:
        response = file.response
        # of several answers in one response the one that goes stale first decides
        first = min(response.responses, key=lambda item: item.next_update or item.this_update, default=None)
        if first is None:
            continue  # it answers for nothing
        ended = response.signer_end
        state, use_by = _state(first.this_update, first.next_update, ended, directory.freshness, "ocsp", moment)
        replaced = all(
            newest.get(issuers.about(item), response.age_of(item)) > response.age_of(item)
            for item in response.responses
        )
        problem = problems[file]
        if replaced and not problem:
            state = PieceState.SUPERSEDED
        elif problem := problem or next(filter(None, map(_no_answer, response.responses)), None) or refusals[file]:
            state = PieceState.UNUSABLE
        elif state is PieceState.STALE:
            problem = Problem(message="", remedy=_renewal("ocsp", use_by))
        pieces.append(
            PieceStatus(
                file=f"{OCSP}/{file.name}",
                kind="ocsp",
                state=state,
                problem=problem.message if problem else "",
                remedy=problem.remedy if problem else "",
                about=f"serial {first.serial:x}: {first.status}",
                this_update=first.this_update,
                next_update=first.next_update,
                use_by=use_by,
                urls=_urls(index, file.name),
                checked=any(single.names(item) for single in response.responses for item in known),
            )
        )
    return pieces


@dataclass(frozen=True, slots=True)
class _Issuers:
    """The available certificates of issuers, for the answers of responses."""

    known: Sequence[Certificate]
    _found: dict[tuple[str, bytes, bytes], tuple[Certificate, ...]] = field(default_factory=dict)

    def of(self, single: SingleResponse) -> tuple[Certificate, ...]:
        """Those that an answer names."""
        key = single.hash_name, single.issuer_name_hash, single.issuer_key_hash
        if key not in self._found:
            self._found[key] = tuple(item for item in self.known if single.names(item))
        return self._found[key]

    def about(self, single: SingleResponse) -> tuple[bytes, int]:
        """Equal for answers about one certificate, by whatever hash they name its issuer if that is available."""
        named = next((item.public_key_bits for item in self.of(single)), single.issuer_key_hash)
        return named, single.serial


def _newest(
    responses: Iterable[OcspResponse], issuers: _Issuers, at: datetime
) -> dict[tuple[bytes, int], tuple[object, ...]]:
    """The age of the newest answer about each certificate."""
    newest: dict[tuple[bytes, int], tuple[object, ...]] = {}
    for response in responses:
        for single in response.responses:
            if single.this_update <= at + limits.CLOCK_SKEW and not single.doubt:
                key, age = issuers.about(single), response.age_of(single)
                newest[key] = max(newest.get(key, age), age)
    return newest


def _refusal(file: OcspFile, issuers: _Issuers, judge: RevocationJudge) -> Problem | None:
    """Why a response that says "good" clears no certificate; None where it may clear one."""
    good = [single for single in file.response.responses if single.status == "good"]
    for single, issuer in [(said, item) for said in good for item in issuers.of(said)]:
        try:
            responder = file.response.verify_signed_for(issuer, at=single.this_update)
            if responder.delegated:
                judge.refuse_condemned((responder.certificate, issuer), signed_at=None)
        except (Undecided, Rejected) as error:
            return Problem(message=f"it clears no certificate: {error}", remedy=error.remedy)
    return None


def _renewal(kind: EvidenceKind, use_by: datetime | None) -> str:
    """The remedy for stale evidence if it can never be fresh; empty where a newer one helps."""
    return "" if use_by else by_age(kind, *CHAIN_KINDS)


def _no_answer(single: SingleResponse) -> Problem | None:
    """Why what a response says about one certificate is no answer; None where it is one."""
    if single.doubt:
        return Problem(message=f"it {single.doubt}", remedy=MADE_SO)
    if single.status == "unknown":
        remedy = REASONS["revocation.ocsp.unknown"].remedy
        return Problem(message="the responder does not know this certificate", remedy=remedy)
    return None


def _unproven(file: OcspFile, known: _Issuers) -> Problem | None:
    """Why the responder is not authorized; None if it is, or if its issuer is not available."""
    issuers = dict.fromkeys(item for single in file.response.responses for item in known.of(single))
    try:
        for issuer in issuers:
            file.response.verify_made_for(issuer)
    except Undecided as error:
        return Problem.of(error)
    return Problem(message=_DAMAGED) if not issuers and is_damaged(file, known.known) else None


_DAMAGED: Final = "it is damaged, or from another CA of the same name"


def _state(
    this_update: datetime,
    next_update: datetime | None,
    signer_end: datetime | None,
    freshness: Freshness,
    kind: EvidenceKind,
    moment: Moment,
) -> tuple[PieceState, datetime | None]:
    """The stricter of what is accepted for signing and for timestamping chains counts: a file may serve both.

    An OCSP response is no answer when the delegate that signed it ended before its nextUpdate, whatever is accepted.
    """
    at = moment.judged
    if this_update > at + limits.CLOCK_SKEW:
        is_known = this_update <= moment.clock + limits.CLOCK_SKEW
        return PieceState.LATER if is_known else PieceState.FUTURE, None
    if signer_end and next_update and signer_end >= next_update:
        signer_end = None  # past its nextUpdate a delegate need not be valid any more, as the judge has it
    ends = [freshness.use_by(kind, chain, this_update, next_update) for chain in CHAIN_KINDS]
    use_by = None if None in ends else min(end for end in (*ends, signer_end) if end is not None)
    if use_by is None or at > use_by:
        return PieceState.STALE, use_by
    return (PieceState.FRESH if next_update is not None and at <= next_update else PieceState.ACCEPTED), use_by


def _unusable(item: UnreadableEvidence) -> PieceStatus:
    kind = "ocsp" if item.name.lower().endswith(".ors") else "crl"
    return PieceStatus(file=item.path, kind=kind, state=PieceState.UNUSABLE, problem=item.problem, remedy=item.remedy)


def _misplaced(item: MisplacedEvidence) -> PieceStatus:
    kind = "crl" if isinstance(item.file, CrlFile) else "ocsp"
    problem, remedy = f"it {item.problem}", item.remedy
    return PieceStatus(file=item.path, kind=kind, state=PieceState.UNUSABLE, problem=problem, remedy=remedy)


def _urls(index: EvidenceIndex, name: str) -> tuple[str, ...]:
    return tuple(safe(url) for url, names in index.files.items() if name in names)
