"""Judges a snapshot against the pins and the state of a trust directory: whether it may be applied there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from airgap import limits
from airgap.errors import AirgapError, Rejected, TrustMaterialError
from airgap.moment import Moment
from airgap.oci.content import ContentChecker
from airgap.oci.store import read_verified
from airgap.parse.time import iso
from airgap.problem import Problem
from airgap.reasons import REASONS, ExitCode
from airgap.revocation.combined import CombinedEvidence
from airgap.revocation.evidence_directory import OCSP
from airgap.signature.stamped_evidence import evidence_of_target
from airgap.text import safe
from airgap.trust.directory import TrustDirectory
from airgap.trust.levels import Check
from airgap.trust.snapshots.assemble import check_incoming, check_snapshot_fits
from airgap.trust.snapshots.material import Part, evidence_digests, list_trust_material
from airgap.trust.snapshots.memory import check_memory, recall, remember
from airgap.trust.snapshots.opened import OpenSnapshot
from airgap.trust.snapshots.pins import Pin, PinKind, Pins
from airgap.trust.snapshots.snapshot_coverage import snapshot_coverage
from airgap.trust.snapshots.snapshot_document import Snapshot
from airgap.trust.snapshots.state import State
from airgap.trust.snapshots.swap import StagedSwap
from airgap.verdict import Ruled, Ruling, unless
from airgap.verifier.outcome import SignatureOutcome
from airgap.verifier.snapshot_signer import JudgedSnapshot, judge_signatures, snapshot_evidence

_SIGN: Final = (
    "Have the sender sign it (airgap trust snapshot sign), or copy it again with its referrers: the signature may have "
    "been left behind."
)
_PIN: Final = (
    "Ask the sender who signs. If this signer is to decide from now on, pin it (airgap trust pin add), after comparing "
    "its fingerprint over another channel; trust stores and policy have no say in it."
)
_NEWER: Final = "Ask the sender for a newer snapshot."


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyRequest:
    """How to apply; the reasons are words of the operator for the history."""

    at: datetime
    clock: datetime
    allow_rollback: str = ""
    accept_lost_state: str = ""
    max_age: Mapping[str, timedelta] = field(default_factory=dict)
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotOutcome(Ruled):
    """The result for a snapshot: judged, and applied or not."""

    snapshot: Snapshot | None
    judged: JudgedSnapshot | None = None
    applied: bool = False
    in_force: bool = False
    """Whether all of it was in force already, so that nothing was changed."""
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def ruling(self) -> Ruling:
        """That of the problems."""
        return unless(self.problems)


Memory = Mapping[str, bytes]
"""The TUF state of a pin: file names to bytes."""


class SnapshotJudgement:
    """The checks of one snapshot against one trust directory."""

    def __init__(self, opened: OpenSnapshot, trust: Path, request: ApplyRequest) -> None:
        self._store, self._graph, self._snapshot = opened.store, opened.graph, opened.snapshot
        self._trust, self._request = trust, request
        self.pins: Final = Pins.read(trust)
        self._state = State.read(trust)
        self._accepted: Pin | None = None
        self._notes: list[tuple[str, str]] = []
        self._tuf_memory: list[tuple[Pin, Memory]] = []

    def outcome(self) -> SnapshotOutcome:
        """Every check, and the problems of the first step that finds one."""
        snapshot = self._snapshot
        content = ContentChecker(self._store).check(self._graph.closure(snapshot.descriptor))
        problems = [found.as_problem() for found in content.problems]
        signatures: tuple[SignatureOutcome, ...] = ()
        if not problems:
            problems += self._evidence_problems()
        if not problems:
            signatures, more = self._signed()
            problems += more
        if not problems:
            problems += [*self._remembered(), *self._from_the_future()]
        if not problems:
            problems += self._unusable()
        pins = tuple(pin for pin in self.pins.of(snapshot.stream) if pin.kind is not PinKind.TUF)
        judged = JudgedSnapshot(
            snapshot=snapshot,
            content=content,
            signatures=signatures,
            pins=pins,
            accepted_by=None if problems else self._accepted,
        )
        return SnapshotOutcome(
            snapshot=snapshot, judged=judged, problems=tuple(problems), warnings=tuple(self._warnings())
        )

    def next_state(self) -> State | None:
        """The state with this snapshot; None if the state is lost and this snapshot needs none."""
        if self._state is None and self._accepted is None and self.pins.entries:
            return None
        at, snapshot = self._request.clock, self._snapshot  # the real time, not the judged time
        state = self._state or State()
        detail = f"{snapshot.name} {snapshot.descriptor.digest}"
        for action, reason in self._notes:
            state = state.noting(at, action, detail, reason)
        if self._accepted is None:
            return state.noting(at, "evidence", detail)
        return state.accepting(snapshot, at).noting(at, "apply", f"{detail} by pin {self._accepted.id}")

    @property
    def is_signed(self) -> bool:
        """Whether a pinned signer signed the snapshot."""
        return self._accepted is not None

    def keep_tuf(self, tree: Path) -> None:
        """Writes the TUF state into `tree`. Raises OSError."""
        for pin, memory in self._tuf_memory:
            remember(tree, pin, memory)

    def is_in_force(self) -> bool:
        """Whether the trust directory has the snapshot's stores, policy and evidence, and its number in the state."""
        snapshot = self._snapshot
        remembered = not self._notes and self._state is not None and self._state.has_accepted(snapshot)
        if self._accepted is not None and not remembered:
            return False
        try:
            present = () if snapshot.evidence_only else list_trust_material(self._trust)
        except TrustMaterialError:
            return False
        wanted = {(file.path, file.digest) for file in snapshot.files if not file.part.is_evidence}
        pieces = {file.digest for file in snapshot.files if file.part in {Part.CRL, Part.OCSP}}
        return {(file.path, file.digest) for file in present} == wanted and pieces <= evidence_digests(self._trust)

    # --- the checks ---

    def _evidence_problems(self) -> Iterator[Problem]:
        try:
            # the stated coverage and use-by date must be those of the evidence
            coverage = snapshot_coverage(self._snapshot.files, lambda file: self._read(file.path))
            if (self._snapshot.coverage, self._snapshot.use_by) != (coverage.pieces, coverage.use_by):
                raise TrustMaterialError(
                    "snapshot.malformed",
                    "the coverage or the use-by date that the snapshot states is not its evidence's",
                )
            self._evidence = snapshot_evidence(self._store, self._snapshot)
        except AirgapError as error:
            yield Problem.of(error)

    def _from_the_future(self) -> Iterator[Problem]:
        """Refuses unsigned evidence from the future: it would make the clock of this machine look wrong for years."""
        if self._accepted is not None:
            return
        made = {piece.file: piece.this_update for piece in self._snapshot.coverage}
        for response in self._evidence.all_ocsp():
            name, produced = f"{OCSP}/{response.name}", response.response.produced_at
            made[name] = max(made.get(name, produced), produced)
        clock = self._request.clock
        for name, moment in made.items():
            if moment > clock + limits.CLOCK_SKEW:
                kind = "ocsp" if name.startswith(f"{OCSP}/") else "crl"
                text = f"{safe(name)} says that it was made at {iso(moment)}, and the clock says {iso(clock)}"
                yield Problem.of(Rejected(f"revocation.{kind}.future", text))

    def _unusable(self) -> Iterator[Problem]:
        """The problems that `apply` would find only in the new tree, so that verify reports them, too."""
        try:
            check_incoming(self._store, self._snapshot)
            check_snapshot_fits(self._trust, self._store, self._snapshot, signed=self.is_signed)
        except AirgapError as error:
            yield Problem.of(error)

    def _signed(self) -> tuple[tuple[SignatureOutcome, ...], list[Problem]]:
        """Finds the pinned signer; adds problems if there is none."""
        pins = self.pins.of(self._snapshot.stream)
        x509 = [pin for pin in pins if pin.kind is not PinKind.TUF]
        directory = TrustDirectory.open(self._trust).accepting(self._request.max_age)
        beside = evidence_of_target(self._store, self._graph, "layout")
        evidence = CombinedEvidence((directory.evidence, self._evidence, beside))
        signatures, accepted = judge_signatures(
            self._store,
            self._graph,
            self._snapshot,
            x509,
            evidence,
            directory.freshness,
            stored=directory.stored,
            # it would be in force from now on: what is known against its signer counts, and is never "only later"
            moment=Moment(judged=self._request.at, clock=self._request.at),
        )
        tuf_problem: Problem | None = None
        if accepted is None and not self._snapshot.evidence_only:
            # TUF has one version for all: evidence alone would shut out a later full snapshot with a lower version
            accepted, tuf_problem = self._signed_by_tuf([pin for pin in pins if pin.kind is PinKind.TUF])
        self._accepted = accepted
        if accepted is not None or self._snapshot.evidence_only:
            return signatures, []  # each piece of evidence is verified whenever it is used
        if tuf_problem is not None and not signatures:
            return signatures, [tuf_problem]
        return signatures, [self._unsigned(signatures, pins)]

    def _signed_by_tuf(self, pins: list[Pin]) -> tuple[Pin | None, Problem | None]:
        from airgap.trust.snapshots.tuf_check import check_tuf  # imported only here: few sites pin a TUF root

        problem: Problem | None = None
        for pin in pins:
            try:
                keep = partial(self._note_tuf, pin)
                check_tuf(self._store, self._graph, self._snapshot, pin, recall(self._trust, pin), keep)
            except AirgapError as error:
                problem = problem or Problem.of(error)
            else:
                return pin, None
        return None, problem

    def _note_tuf(self, pin: Pin, memory: Memory) -> None:
        self._tuf_memory.append((pin, memory))

    def _unsigned(self, signatures: tuple[SignatureOutcome, ...], pins: tuple[Pin, ...]) -> Problem:
        stream = self._snapshot.stream
        if not pins:
            return Problem.of(Rejected("snapshot.unpinned", f"no signer is pinned for the stream {stream!r}"))
        outdated = {pin.fingerprint: pin for pin in pins if pin.kind is PinKind.CERTIFICATE and pin.issuers is None}
        for signature in signatures:
            if signature.signer and (pin := outdated.get(signature.signer.fingerprint)):
                return Problem.of(
                    Rejected("snapshot.pin.outdated", f"the pin {pin.id} does not say who issued its certificate")
                )
        if signatures:
            return _not_accepted(min(signatures, key=_not_pinned))
        return Problem.of(Rejected("signature.none", "the snapshot is not signed").advising(_SIGN))

    def _remembered(self) -> Iterator[Problem]:
        """Checks that it is not older than the last accepted snapshot, and that the state is not lost."""
        if self._accepted is None:
            return
        request = self._request
        lost = self._lost()
        if lost is not None:
            if not request.accept_lost_state:
                yield Problem.of(lost)
                return
            self._notes.append(("accept-lost-state", request.accept_lost_state))
        try:
            (self._state or State()).check_not_older(self._snapshot)
        except Rejected as error:
            if error.reason != "snapshot.rollback" or not request.allow_rollback:
                yield Problem.of(error)
                return
            self._notes.append(("allow-rollback", request.allow_rollback))

    def _lost(self) -> Rejected | None:
        try:
            check_memory(StagedSwap(self._trust), self._state)
        except Rejected as error:
            return error
        return None

    def _warnings(self) -> Iterator[Problem]:
        at, snapshot = self._request.at, self._snapshot
        if snapshot.use_by is not None and snapshot.use_by < at:
            yield Problem(
                message=f"the snapshot was to be used until {iso(snapshot.use_by)}: some of its evidence is stale",
                reason="snapshot.stale",
                remedy=REASONS["snapshot.stale"].remedy,
            )
        newest = max([snapshot.created, *(piece.this_update for piece in snapshot.coverage)])
        if newest > at + limits.CLOCK_SKEW:
            yield Problem(
                message=f"the moment judged for is {iso(at)}, and the snapshot was made at {iso(newest)}",
                reason="clock.behind",
                remedy=REASONS["clock.behind"].remedy,
            )
        if self._accepted is None and snapshot.evidence_only:
            yield Problem(
                message="no pinned signer signed this snapshot: it holds only evidence, and each piece of evidence is "
                "verified when it is used"
            )

    def _read(self, path: str) -> bytes:
        layer = self._snapshot.layers[path]
        return read_verified(self._store, layer, layer.size)


def _not_pinned(signature: SignatureOutcome) -> tuple[bool, int]:
    """A sort key: signatures of pinned signers first, then those that are nearest to being accepted."""
    blocking = {finding.check for finding in signature.findings if finding.blocks}
    return bool(blocking & {Check.INTEGRITY, Check.AUTHENTICITY}), signature.verdict.rank


def _not_accepted(signature: SignatureOutcome) -> Problem:
    """The problem of a signature that does not count: pins decide about signers, not trust stores."""
    finding = next(finding for finding in signature.findings if finding.blocks)
    message, remedy = f"the signature of this snapshot does not count: {finding.message}", finding.remedy
    if finding.check is Check.AUTHENTICITY and signature.signer:
        chain = signature.signer.chain
        message = (
            f"no pinned identity signed this snapshot: its signer is {signature.signer.subject!r}"
            f"{f', below the root of SHA-256 {chain[-1].fingerprint}' if chain else ''}"
        )
        remedy = _PIN
    elif finding.reason == "expiry.passed":
        remedy = _NEWER
    return Problem(
        message=message,
        exit_code=REASONS[finding.reason].exit_code if finding.reason else ExitCode.UNTRUSTED,
        reason=finding.reason,
        remedy=remedy,
        facts=finding.facts,
    )
