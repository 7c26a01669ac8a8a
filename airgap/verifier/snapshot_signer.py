"""Who signed a trust snapshot, judged by pins instead of a policy: the same engine and rules, every check enforced.

Revocation is judged by the available evidence and by that in the snapshot: each piece proves itself, and the newest
that counts decides, so that a snapshot can revoke its own signer and never hide it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

from airgap import limits
from airgap.errors import Rejected
from airgap.moment import Moment
from airgap.oci.content import ContentReport
from airgap.oci.graph import Graph
from airgap.oci.nodes import reported_elsewhere
from airgap.oci.store import Store
from airgap.pki.certificate import Certificate
from airgap.pki.chain import Anchors
from airgap.revocation.artifact import read_piece
from airgap.revocation.evidence_files import Evidence, EvidenceFile
from airgap.revocation.freshness import Freshness
from airgap.revocation.pool import EvidencePool
from airgap.signature.envelope import parse_envelope
from airgap.signature.signature_manifest import is_signature
from airgap.trust.identities import ANY, Identity, parse_identity
from airgap.trust.levels import ACTIONS, Level, VerifyTimestamp
from airgap.trust.snapshots.material import Part
from airgap.trust.snapshots.pins import Pin, PinKind
from airgap.trust.snapshots.snapshot_document import Snapshot
from airgap.trust.statement import Statement
from airgap.trust.store_types import StoreType
from airgap.trust.stores import StoreRef
from airgap.verdict import Verdict
from airgap.verifier.candidate import Candidate, candidate_of
from airgap.verifier.engine import SignatureVerifier
from airgap.verifier.outcome import SignatureOutcome

_CA = StoreRef(StoreType.CA, "pin")
_TSA = StoreRef(StoreType.TSA, "pin")


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedSnapshot:
    """The result for the content and the signatures of a snapshot."""

    snapshot: Snapshot
    content: ContentReport
    signatures: tuple[SignatureOutcome, ...] = ()
    """Each under the pin that gives it the best result."""
    pins: tuple[Pin, ...] = ()
    """The pins of the stream, those of TUF roots excepted."""
    accepted_by: Pin | None = None
    """The pin whose holder signed it, where all checks passed."""


@dataclass(frozen=True, slots=True)
class _Pinned:
    """What the engine is to trust: one pin (see `engine.TrustContext`)."""

    evidence: Evidence
    freshness: Freshness
    stored: Callable[[], Iterable[Certificate]]
    roots: Anchors
    tsa_roots: Anchors = field(default_factory=lambda: Anchors.of({}))

    def anchors(self, statement: Statement, kind: str, /) -> Anchors:  # noqa: ARG002
        return self.tsa_roots if kind == StoreType.TSA else self.roots

    def others(self, statement: Statement, kind: str, /) -> Mapping[str, Anchors]:  # noqa: ARG002
        return {}  # a pin names no stores


def snapshot_evidence(store: Store, snapshot: Snapshot) -> EvidencePool:
    """The evidence in a snapshot, read from its layers when asked for. Raises TrustMaterialError, ContentError."""
    return EvidencePool(
        [
            EvidenceFile(
                file.path.rpartition("/")[2], "snapshot", partial(read_piece, store, snapshot.layers[file.path])
            )
            for file in snapshot.files
            if file.part in {Part.CRL, Part.OCSP}
        ],
        unread=(),
    )


def judge_signatures(
    store: Store,
    graph: Graph,
    snapshot: Snapshot,
    pins: Sequence[Pin],
    evidence: Evidence,
    freshness: Freshness,
    *,
    stored: Callable[[], Iterable[Certificate]],
    moment: Moment,
) -> tuple[tuple[SignatureOutcome, ...], Pin | None]:
    """Every signature of the snapshot, under every pin; the pin that accepts one, None where none does.

    Never raises for what the layout holds: what may be a signature and cannot be read is a problem of the content,
    which is checked before.
    """
    referrers = graph.referrers(snapshot.descriptor).readable(reported_elsewhere)
    found = [referrer for referrer in referrers if is_signature(referrer.manifest)][: limits.SIGNATURES]

    def candidates() -> Iterator[Candidate]:
        return (candidate_of(store, referrer, snapshot.descriptor) for referrer in found)

    outcomes: list[SignatureOutcome] = []
    accepted: Pin | None = None
    judged = [_judge(candidates, snapshot, pin, evidence, freshness, stored, moment) for pin in pins]
    for under_pins in zip(*judged, strict=True):
        pin, outcome = min(zip(pins, under_pins, strict=True), key=lambda item: item[1].verdict.rank)
        outcomes.append(outcome)
        if outcome.verdict is Verdict.PASS:
            accepted = accepted or pin
    return tuple(outcomes), accepted


def _judge(
    candidates: Callable[[], Iterator[Candidate]],
    snapshot: Snapshot,
    pin: Pin,
    evidence: Evidence,
    freshness: Freshness,
    stored: Callable[[], Iterable[Certificate]],
    moment: Moment,
) -> list[SignatureOutcome]:
    """Every signature under one pin, in their order.

    What is trusted may differ from one signature to the next, and evidence in the timestamp token of each is used for
    all: so all are judged for each of the few sets of roots that there are, one of which is empty.
    """
    roots = [pin.roots if pin.kind is PinKind.SUBJECT else _pinned_chain(candidate, pin) for candidate in candidates()]
    tsa_anchors = Anchors.of({"tsa:pin": pin.tsa_roots})
    outcomes = {}
    for trusted in set(roots):
        trust = _Pinned(evidence, freshness, stored, Anchors.of({f"pin:{pin.id}": trusted}), tsa_anchors)
        outcomes[trusted] = SignatureVerifier(trust, moment=moment).judge_all(
            candidates(), target=snapshot.descriptor, statement=_statement(pin), metadata={}
        )
    return [outcomes[trusted][number] for number, trusted in enumerate(roots)]


def _statement(pin: Pin) -> Statement:
    identity = Identity(text=ANY, kind=ANY) if pin.subject is None else parse_identity(pin.subject)
    return Statement(
        name=f"pin {pin.id}",
        scopes=("*",),
        is_global=True,
        level=Level.STRICT.value,
        base_level=Level.STRICT,
        actions=MappingProxyType(dict(ACTIONS[Level.STRICT])),
        verify_timestamp=VerifyTimestamp.ALWAYS,
        states_timestamp=False,
        stores=(_CA, _TSA) if pin.tsa_roots else (_CA,),
        identities=(identity,),
    )


def _pinned_chain(candidate: Candidate, pin: Pin) -> tuple[Certificate, ...]:
    """The root of the envelope's chain, if the whole chain is the pinned one; else nothing is trusted.

    The leaf alone would not do. A key that verifies the leaf's signature can be made up for ECDSA, and anyone can
    certify a genuine issuer's key below a root of theirs: then CRLs of an unknown CA would report no revocation.
    """
    if candidate.envelope is None or candidate.obstacle:
        return ()
    try:
        chain = parse_envelope(candidate.envelope.media_type, candidate.raw).certificates
    except Rejected:
        return ()  # the engine says what is wrong with it
    fingerprints = [certificate.fingerprint for certificate in chain]
    return tuple(chain[-1:]) if fingerprints == [pin.fingerprint, *(pin.issuers or ())] else ()
