"""Judges one signature: makes every check in order, and turns each result into a finding.

Order (decision 0015): integrity with the payload's match, authenticity, expiry, authentic
timestamp, revocation, plugin, metadata. Checks raise `Rejected` or `Undecided`; only this module turns them into
findings, under the action that the policy statement gives to the check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from airgap.errors import ContentError, Fact, Rejected, TrustMaterialError, Undecided
from airgap.moment import Moment
from airgap.oci.descriptor import Descriptor
from airgap.parse.time import iso
from airgap.pki.certificate import Certificate, Offered
from airgap.pki.chain import Anchors, check_code_signing_chain
from airgap.revocation.answer_evidence import EvidenceUse
from airgap.revocation.evidence_files import Evidence
from airgap.revocation.freshness import Freshness
from airgap.revocation.judge import RevocationJudge
from airgap.revocation.pool import EvidencePool
from airgap.signature.envelope import ANY_PLUGIN, parse_envelope, verify_signature
from airgap.signature.model import Envelope, Scheme
from airgap.signature.payload import check_about, parse_payload
from airgap.text import safe
from airgap.trust.identities import match
from airgap.trust.levels import Action, Check
from airgap.trust.statement import Statement
from airgap.trust.store_types import StoreType
from airgap.verdict import Verdict
from airgap.verifier.advice import (
    advised,
    check_validity_untimed,
    no_anchor,
    no_store,
    of_file,
    other_identities,
    unnamed_store,
)
from airgap.verifier.authentic_time import (
    check_authentic_time,
    needs_timestamp,
    proven_time,
    timestamp_warnings,
    verified_timestamps,
)
from airgap.verifier.candidate import Candidate
from airgap.verifier.facts import SignatureFacts
from airgap.verifier.outcome import SignatureOutcome
from airgap.verifier.signature_state import SignatureState, found_in_targets

if TYPE_CHECKING:  # modules that few signatures need are imported for those: see docs/explanation/performance.md
    from datetime import datetime

    from airgap.pki.timestamp_token import VerifiedTimestamp
    from airgap.revocation.freshness import ChainKind
    from airgap.signature.blob_payload import BlobTarget
    from airgap.verifier.recorded import RecordedSignature
    from airgap.verifier.verification_plugins import AllowedPlugins, PluginAnswer

T = TypeVar("T")


class TrustContext(Protocol):
    """The trust material that a judgement needs."""

    @property
    def evidence(self) -> Evidence:
        """CRLs and OCSP responses; their signatures are verified."""

    @property
    def freshness(self) -> Freshness:
        """How old evidence may be."""

    def stored(self) -> Iterable[Certificate]:
        """The certificates of all stores, named by the policy or not: to find who made evidence, never to trust.

        Raises TrustMaterialError if it cannot be listed.
        """

    def anchors(self, statement: Statement, kind: str, /) -> Anchors:
        """The certificates of the statement's stores of one type. Raises TrustMaterialError (store.*)."""

    def others(self, statement: Statement, kind: str, /) -> Mapping[str, Anchors]:
        """The stores that the statement does not name for this purpose, by name: for messages, never for judging."""


class SignatureVerifier:
    """Judges signatures for one time with one set of trust material."""

    def __init__(self, trust: TrustContext, *, moment: Moment, plugins: AllowedPlugins | None = None) -> None:
        """`plugins`: those that may be run; without them none is (decision 0014)."""
        self._trust = trust
        self._plugins = plugins
        self._allowed = plugins.names if plugins else frozenset()
        self._at, self._clock = moment.judged, moment.clock
        self._revocation = RevocationJudge(trust.evidence, trust.freshness, moment, stored=trust.stored)

    def judge(
        self,
        signature: Candidate | RecordedSignature,
        *,
        target: Descriptor | BlobTarget,
        statement: Statement,
        metadata: Mapping[str, str],
    ) -> SignatureOutcome:
        """Every check on one signature of `target`, from its bytes or from what an earlier report holds of it.

        `metadata`: what it must state. Bytes and reports go through the same checks in the same order; what only bytes
        prove is taken from the report, where there is nothing else. Never raises for what either holds.
        """
        return self.judge_all([signature], target=target, statement=statement, metadata=metadata)[0]

    def judge_all(
        self,
        signatures: Iterable[Candidate | RecordedSignature],
        *,
        target: Descriptor | BlobTarget,
        statement: Statement,
        metadata: Mapping[str, str],
    ) -> tuple[SignatureOutcome, ...]:
        """The same for all signatures of `target`: what one of them carries is used for each (D51).

        That is the evidence in its timestamp token, and every certificate: another one of a key may be revoked
        (decision 0012). `Evidence` has those of the other signatures in a layout.
        """
        states: list[SignatureState] = []
        stamped: list[EvidencePool] = []
        for signature in signatures:
            states.append(state := SignatureState(statement, target, signature, metadata))
            self._check(state, Check.INTEGRITY, self._integrity)
            state.release()
            if evidence := state.stamped_evidence():
                stamped.append(evidence)
                state.warnings += [notice.message for notice in evidence.notices()]
        judge = self._revocation.using(stamped, (item for state in states for item in state.carried_certificates()))
        return tuple(self._rest(state, judge) for state in states)

    def _rest(self, state: SignatureState, revocation: RevocationJudge) -> SignatureOutcome:
        """The checks after that of integrity."""
        state.revocation = revocation
        if state.facts is None or state.findings[0].verdict is not Verdict.PASS:
            for check in list(Check)[1:]:
                state.add(check, Verdict.NOT_APPLICABLE, "not judged, as the signature's integrity is not proven")
            return self._outcome(state)
        self._check(state, Check.AUTHENTICITY, self._authenticity)
        self._check(state, Check.EXPIRY, self._expiry)
        self._check(state, Check.AUTHENTIC_TIMESTAMP, self._authentic_timestamp)
        untrusted = state.findings[1].blocks and state.findings[1].verdict is Verdict.FAIL
        if untrusted:
            # the issuers of this chain sign its evidence, and they are not trusted
            state.add(Check.REVOCATION, Verdict.NOT_APPLICABLE, "not judged, as the chain is not trusted")
        else:
            self._check(state, Check.REVOCATION, self._chain_revocation)
        if untrusted and state.plugin is None and self._may_ask(state):
            state.add(Check.PLUGIN, Verdict.NOT_APPLICABLE, "not run, as the chain is not trusted")
        else:
            self._check(state, Check.PLUGIN, self._plugin)
        self._check(state, Check.METADATA, self._required_metadata)
        return self._outcome(state)

    # --- the checks: each returns what it found, or raises ---

    def _integrity(self, state: SignatureState) -> str:
        signature = state.signature
        if not isinstance(signature, Candidate):
            state.facts = signature.facts
            check_code_signing_chain(Offered(signature.proven().chain))
            return "good, says the earlier judgement; its bytes are not available"
        if signature.obstacle:
            raise signature.obstacle
        if signature.envelope is None:
            raise Rejected("signature.unreadable", "the signature has no envelope")
        # unknown critical attributes are accepted here only if a plugin is demanded: _plugin checks that it
        # processed them, and refuses the signature if the plugin may not be run
        try:
            envelope = parse_envelope(signature.envelope.media_type, signature.raw, plugins=ANY_PLUGIN)
        except Rejected as error:
            raise error.advising(
                ""
                if isinstance(state.target, Descriptor)
                else of_file(error, signature.envelope.media_type, signature.raw)
            ) from None
        state.envelope, state.facts = envelope, SignatureFacts.of(envelope, None)
        self._check_made_by(envelope)
        payload = parse_payload(envelope)
        state.facts = SignatureFacts.of(envelope, payload)
        if isinstance(state.target, Descriptor):
            check_about(payload, state.target)  # PAY-6, VERIFY-17, reported as integrity (D5)
            return f"signed with {envelope.algorithm.name}; the payload names this artifact"
        from airgap.signature.blob_payload import check_blob

        check_blob(payload, envelope, state.target)
        return f"signed with {envelope.algorithm.name}; the payload names this file"

    def _check_made_by(self, envelope: Envelope) -> None:
        """Checks the signature value and its chain: integrity (D12). Raises Rejected, with the probable cause."""
        try:
            verify_signature(envelope)
            check_code_signing_chain(envelope.certificates)
        except Rejected as error:
            raise advised(error, envelope) from None

    def _authenticity(self, state: SignatureState) -> str:
        facts = _proven(state.facts)
        kind = _store_of(facts)
        if not state.statement.stores_of(kind):  # SCHEME-4: each scheme has its own stores
            raise no_store(facts, kind, state.statement, self._trust.others(state.statement, kind))
        anchors = self._trust.anchors(state.statement, kind)
        anchor = next((certificate for certificate in facts.chain if certificate in anchors), None)
        if anchor is None:  # VERIFY-12, CHAIN-21: byte-equality, no path building
            others = self._trust.others(state.statement, kind)
            raise no_anchor(facts.chain, anchors, unnamed_store(facts.chain, kind, state.statement, others))
        plugin = self._asked_plugin(state, Check.AUTHENTICITY)
        if plugin and plugin.decides(Check.AUTHENTICITY):  # ID-16: it replaces the check of identities
            identity = plugin.check(Check.AUTHENTICITY)
        else:
            try:
                text = match(state.statement.identities, facts.chain[0], facts.chain[1:]).text
            except Rejected as error:  # ID-15: a failure of authenticity
                demanded = facts.later.plugin if facts.later and plugin is None else None
                raise other_identities(error, demanded.name if demanded else None) from None
            identity = f"as identity {safe(text)}"
        state.anchor = anchors.store_of(anchor)
        return f"trusted through {state.anchor}, {identity}"

    def _expiry(self, state: SignatureState) -> str | None:
        expiry = _proven(state.facts).expiry
        if expiry is None:
            return None
        if self._at >= expiry:  # D24: the moment of expiry is too late
            raise Rejected(
                "expiry.passed", f"the signature expired on {iso(expiry)}", expiry=iso(expiry), at=iso(self._at)
            )
        return f"expires on {iso(expiry)}"

    def _authentic_timestamp(self, state: SignatureState) -> str:
        facts = _proven(state.facts)
        if facts.scheme is Scheme.SIGNING_AUTHORITY:
            return check_authentic_time(facts)
        others = partial(self._trust.others, state.statement, StoreType.TSA)
        if not needs_timestamp(state.statement, facts, self._at):
            # TS-2, TS-4: no timestamp proves an earlier time
            check_validity_untimed(facts, self._at, state.statement, others)
            return "every certificate of the chain is valid at the moment judged for"
        anchors = partial(self._trust.anchors, state.statement, StoreType.TSA)
        state.timestamps = verified_timestamps(state, facts, anchors, others, at=self._at)
        # TS-27: always judged, whatever the action for revocation is
        timestamp = state.timestamp = self._unrevoked(state, anchors())
        state.warnings += timestamp_warnings(facts, timestamp, self._at)
        return f"timestamped between {iso(timestamp.info.earliest)} and {iso(timestamp.info.latest)}"

    def _unrevoked(self, state: SignatureState, anchors: Anchors) -> VerifiedTimestamp:
        """The first timestamp whose chain holds: all are asked, and one is enough (TS-24, decision 0012).

        No time of signing softens a revocation. Raises Undecided if a chain is open and none holds, else Rejected.
        """
        answers = [self._timestamp_answer(state, stamp, anchors) for stamp in state.timestamps]
        refusals = [answer for answer in answers if not isinstance(answer, tuple)]
        if len(refusals) == len(answers):
            raise next((error for error in refusals if isinstance(error, Undecided)), refusals[0])
        for stamp in state.timestamps:  # why it was revoked is not known: it may be for the key of another one
            _refuse_lost(state, Check.AUTHENTIC_TIMESTAMP, stamp.chain, kind="tsa", signed_at=None)
        revoked = [str(error) for error in refusals if isinstance(error, Rejected)]
        state.warnings += [f"its timestamp has another chain, which is not used: {text}" for text in revoked]
        good = zip(state.timestamps, answers, strict=True)
        stamp, uses = next((stamp, answer) for stamp, answer in good if isinstance(answer, tuple))
        state.add_evidence(uses)
        return stamp

    def _timestamp_answer(
        self, state: SignatureState, stamp: VerifiedTimestamp, anchors: Anchors
    ) -> tuple[EvidenceUse, ...] | Rejected | Undecided:
        """What clears the chain of a timestamp, or why nothing does."""
        check = Check.AUTHENTIC_TIMESTAMP
        try:
            return self._ask_revocation(state, check, stamp.chain, kind="tsa", signed_at=None, roots=anchors)
        except (Rejected, Undecided) as error:
            return error

    def _chain_revocation(self, state: SignatureState) -> str:
        facts = _proven(state.facts)
        signed_at = proven_time(state, facts)
        try:
            plugin = self._asked_plugin(state, Check.REVOCATION)
        except Undecided:  # the plugin's answer of now is unknown, but condemning evidence counts
            _tell_unproven(state, facts.chain, "signing")
            state.revocation.refuse_condemned(facts.chain, signed_at=signed_at, roots=self._roots(state))
            raise
        if plugin and plugin.decides(Check.REVOCATION):  # VERIFY-15: it clears, but cannot override condemning evidence
            _tell_unproven(state, facts.chain, "signing")
            state.revocation.refuse_condemned(facts.chain, signed_at=signed_at, roots=self._roots(state))
            state.signature.refuse_if_revoked(Check.REVOCATION, facts.chain[0].fingerprint)
            _refuse_lost(state, Check.REVOCATION, facts.chain, kind="signing", signed_at=signed_at)
            return plugin.check(Check.REVOCATION)
        uses = self._ask_revocation(
            state, Check.REVOCATION, facts.chain, kind="signing", signed_at=signed_at, roots=self._roots(state)
        )
        state.add_evidence(uses)
        named = [use for use in uses if use.kind != "none"]
        return "no certificate is revoked" if named else "no certificate names a way to ask about its revocation"

    def _roots(self, state: SignatureState) -> Iterable[Certificate]:
        """All roots that the statement has for its scheme. None where they cannot be read: authenticity says so."""
        try:
            return self._trust.anchors(state.statement, _store_of(_proven(state.facts)))
        except TrustMaterialError:
            return ()

    def _ask_revocation(
        self,
        state: SignatureState,
        check: Check,
        chain: Sequence[Certificate],
        *,
        kind: ChainKind,
        signed_at: datetime | None,
        roots: Iterable[Certificate] = (),
    ) -> tuple[EvidenceUse, ...]:
        """What the available evidence says; a recorded revocation for good stays (decision 0009)."""
        try:
            state.signature.refuse_if_revoked(check, _proven(state.facts).chain[0].fingerprint)
            uses = state.revocation.check_chain(
                chain, kind=kind, signed_at=signed_at, lost=state.signature.lost, roots=roots
            )
            _refuse_lost(state, check, chain, kind=kind, signed_at=signed_at)
        finally:
            _tell_unproven(state, chain, kind)
        return uses

    def _plugin(self, state: SignatureState) -> str | None:
        demand = _proven(state.facts).require_later().plugin
        if demand is None:
            return None
        plugin = self._asked_plugin(state, Check.PLUGIN)
        if plugin is None and demand.name in self._allowed:
            raise Undecided(
                "recheck.unproven",
                f"the verification plugin {safe(demand.name)!r} can only be asked where the layout is available",
            )
        if plugin is None:  # VERIFY-25; never run unless the operator allowed it
            from airgap.verifier.verification_plugins import required

            raise required(demand, state.envelope.unprocessed if state.envelope else ())
        plugin.check_processed(_proven(state.envelope))
        if not plugin.asked:
            return f"the policy skips all that the plugin {plugin} can check"
        return f"checked by the plugin {plugin}: {', '.join(check.value for check in plugin.asked)}"

    def _may_ask(self, state: SignatureState) -> bool:
        envelope = state.envelope  # a report lacks the data that a plugin needs
        return envelope is not None and envelope.plugin is not None and envelope.plugin.name in self._allowed

    def _asked_plugin(self, state: SignatureState, check: Check) -> PluginAnswer | None:
        """The result of the demanded plugin, run once; None if there is none that may be run.

        Raises Rejected plugin.failed, each time; and where it had a say in this check before and cannot be asked now,
        Rejected as it said, or Undecided.
        """
        if self._plugins is None or not self._may_ask(state):
            if state.signature.earlier is not None:
                state.signature.earlier.raise_again(check)
            return None
        if state.plugin is None:
            from airgap.verifier.verification_plugins import consult

            try:
                state.plugin = consult(self._plugins, _proven(state.envelope), state.statement)
            except Rejected as error:
                state.plugin = error
        if isinstance(state.plugin, Rejected):
            raise state.plugin
        return state.plugin

    def _required_metadata(self, state: SignatureState) -> str | None:
        if not state.demanded:
            return None
        signed = _proven(state.facts).require_later().metadata
        for key, value in state.demanded.items():  # PAY-9: the same value, byte for byte
            facts: dict[str, Fact] = {"key": key, "required": value}
            if key not in signed:
                raise Rejected("metadata.missing", f"the signature has no metadata {safe(key)!r}", **facts)
            if signed[key] != value:
                raise Rejected(
                    "metadata.different",
                    f"the signature's metadata {safe(key)!r} is {safe(signed[key])!r}, not {safe(value)!r}",
                    signed=safe(signed[key]),
                    **facts,
                )
        return "all required metadata is signed"

    # --- from checks to findings ---

    def _check(self, state: SignatureState, check: Check, rule: Callable[[SignatureState], str | None]) -> None:
        """Make one check and add its finding."""
        action = state.statement.actions[check]
        if action is Action.SKIP:
            state.add(check, Verdict.SKIPPED, "the trust policy says to skip this")
            return
        known = len(state.evidence)
        try:
            message = rule(state)
        except Undecided as error:
            state.add(check, Verdict.INDETERMINATE, str(error), error.reason, error.facts, error.remedy)
        except (Rejected, TrustMaterialError, ContentError) as error:
            state.add(check, Verdict.FAIL, str(error), error.reason, error.facts, error.remedy)
        else:
            if message is None:
                state.add(check, Verdict.NOT_APPLICABLE, "nothing to check")
            elif stale := [use for use in state.evidence[known:] if use.accepted_stale]:
                names = ", ".join(dict.fromkeys(use.name for use in stale))
                text = f"{message}; stale evidence was accepted: {names}"
                state.add(check, Verdict.PASS, text, "evidence.stale.accepted")
            else:
                state.add(check, Verdict.PASS, message)

    def _outcome(self, state: SignatureState) -> SignatureOutcome:
        facts = state.facts
        if unread := state.unread_token():
            state.warnings.append(unread)
        if facts and facts.later and isinstance(state.signature, Candidate):
            anchors = partial(self._trust.anchors, state.statement, StoreType.TSA)
            found = found_in_targets(state, facts, facts.later, anchors, self._roots(state))
            facts = replace(facts, later=replace(facts.later, in_targets=found))
        return state.outcome(facts)


def _store_of(facts: SignatureFacts) -> StoreType:
    """The type of the stores for its scheme (SCHEME-4)."""
    return StoreType.CA if facts.scheme is Scheme.X509 else StoreType.SIGNING_AUTHORITY


def _tell_unproven(state: SignatureState, chain: Sequence[Certificate], kind: ChainKind) -> None:
    """Warns of what says "revoked" and is not proven, whatever the answer is."""
    told = state.revocation.unproven_warnings(chain, kind=kind, lost=state.signature.lost)
    state.warnings += [text for text in told if text not in state.warnings]


def _refuse_lost(
    state: SignatureState, check: Check, chain: Sequence[Certificate], *, kind: ChainKind, signed_at: datetime | None
) -> None:
    """Evidence that was in the layout of a report and is lost counts, also where the layout is there without it.

    Raises Rejected, Undecided.
    """
    if not isinstance(state.signature, Candidate) and state.signature.was_open(check):
        state.revocation.refuse_unproven(chain, kind=kind)
    certificates = {certificate.fingerprint for certificate in chain}
    for lost in state.signature.lost_with_layout:
        if said := lost.against(certificates, kind):
            gone = state.signature.lost
            left = state.revocation.unanswered(said, chain, kind=kind, signed_at=signed_at, lost=gone)
            lost.refuse_unanswered(check, left)


def _proven(value: T | None) -> T:
    """A value of an earlier check; its absence is a defect of this module, not of the input."""
    if value is None:
        raise AssertionError("judged out of order")
    return value
