"""The state of a trust directory's evidence at a moment: each piece, how old it is, and what goes stale first.

The certificates that the evidence is needed for are not known here. Evidence is proven with the certificates of all
trust stores; without a fitting certificate, its own statements are reported. What a newer piece replaces, and could
answer in its place, is `superseded`; only of the rest does the age matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from airgap import limits
from airgap.errors import FormatError, TrustMaterialError, Undecided
from airgap.files import is_there
from airgap.moment import Moment
from airgap.pki.certificate import Certificate
from airgap.pki.distinguished_names import name_text, parse_maker
from airgap.problem import Problem
from airgap.reasons import ExitCode
from airgap.revocation.damage import Contradictions, is_damaged
from airgap.revocation.evidence_directory import CRLS, read_evidence_index
from airgap.revocation.evidence_files import CrlFile, MisplacedEvidence, UnreadableEvidence
from airgap.revocation.freshness import PieceKind
from airgap.text import safe
from airgap.trust.directory import TrustDirectory
from airgap.trust.ocsp_status import response_states
from airgap.trust.piece_status import DAMAGED_OR_FOREIGN, PieceState, PieceStatus, dated_state, renewal, urls_of
from airgap.trust.policy_files import BLOB_POLICY_FILES, OCI_POLICY_FILES
from airgap.trust.stores import StoreRef, load_store
from airgap.verdict import Ruled, Ruling, Verdict, unless


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustStatus(Ruled):
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
        return self.ruling.verdict is Verdict.PASS

    @property
    def ruling(self) -> Ruling:
        """That of the problems, and indeterminate where the evidence is not all good.

        It is about no certificate, so nothing is revoked: whose certificates the evidence lists is in signatures.
        """
        return unless([*self.problems, *([] if self._is_sound else [Ruling.of_code(ExitCode.INDETERMINATE)])])

    @property
    def _is_sound(self) -> bool:
        good = {PieceState.FRESH, PieceState.ACCEPTED, PieceState.SUPERSEDED, PieceState.LATER}
        counts = any(piece.is_needed for piece in self.pieces)
        return counts and not self.clock_is_behind and all(piece.state in good for piece in self.pieces)


def trust_status(directory: TrustDirectory, *, at: datetime, clock: datetime) -> TrustStatus:
    """The state at `at` of every file of evidence. Raises TrustMaterialError for an index that cannot be read."""
    evidence = directory.evidence
    known = tuple(dict.fromkeys(directory.stored()))
    moment = Moment(judged=at, clock=clock)
    pieces = [
        *_crls(directory, known, moment),
        *response_states(directory, known, moment),
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
        return _Look(file, None, problem=DAMAGED_OR_FOREIGN)
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
        replace(look, problem=DAMAGED_OR_FOREIGN)
        if look.maker is None and not look.problem and unproven.has(look.file)
        else look
        for look in looks
    ]


def _crls(directory: TrustDirectory, known: Sequence[Certificate], moment: Moment) -> list[PieceStatus]:
    index = read_evidence_index(directory.path / CRLS)
    looks = _looks(directory.evidence.all_crls(), known)
    made = [look for look in looks if look.file.facts.this_update <= moment.judged + limits.CLOCK_SKEW]
    rivals: dict[str, list[_Look]] = {}
    """Only CRLs of one issuer and scope replace each other; the newest, which replaces most, comes first."""
    for look in sorted(made, key=lambda item: item.file.facts.age, reverse=True):
        rivals.setdefault(look.file.facts.base_stream, []).append(look)
    pieces: list[PieceStatus] = []
    for look in looks:
        facts = look.file.facts
        state, use_by = dated_state(facts.this_update, facts.next_update, None, directory.freshness, "crl", moment)
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
            remedy = renewal("crl", use_by)
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
                urls=urls_of(index, look.file.name),
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


def _unusable(item: UnreadableEvidence) -> PieceStatus:
    kind: PieceKind = "ocsp" if item.name.lower().endswith(".ors") else "crl"
    return PieceStatus(file=item.path, kind=kind, state=PieceState.UNUSABLE, problem=item.problem, remedy=item.remedy)


def _misplaced(item: MisplacedEvidence) -> PieceStatus:
    kind: PieceKind = "crl" if isinstance(item.file, CrlFile) else "ocsp"
    problem, remedy = f"it {item.problem}", item.remedy
    return PieceStatus(file=item.path, kind=kind, state=PieceState.UNUSABLE, problem=problem, remedy=remedy)
