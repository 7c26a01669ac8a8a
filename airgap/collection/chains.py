"""The certificate chains of all signatures and timestamps of a layout, without judging them.

A fetch of evidence needs to know for which certificates. Chains are claims here: they are parsed and never trusted. A
chain that cannot be read is reported and does not stop the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TypeVar

from airgap import limits
from airgap.errors import AirgapError, ContentError, FormatError, Rejected, Undecided
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.manifest import Manifest
from airgap.oci.problems import ContentProblem
from airgap.oci.store import Store, read_verified
from airgap.pki.certificate import Certificate, verify_issued
from airgap.pki.chain import Anchors, offered_chains
from airgap.pki.crl import Crl
from airgap.pki.timestamp_token import TimestampToken
from airgap.revocation.evidence_files import Evidence
from airgap.revocation.freshness import ChainKind
from airgap.revocation.known_certificates import KnownCertificates
from airgap.signature.envelope import ANY_PLUGIN, parse_envelope
from airgap.signature.model import Envelope
from airgap.signature.signature_manifest import envelope_descriptor, is_signature

_Item = TypeVar("_Item")
_TIME_STAMPING = "1.3.6.1.5.5.7.3.8"


@dataclass(frozen=True, slots=True)
class CertificateToCheck:
    """A certificate whose revocation status a verifier will need, and its issuer."""

    certificate: Certificate
    issuer: Certificate | None
    """None where the issuer's certificate is not available."""
    chain: ChainKind
    renewed: tuple[Certificate, ...]
    """The issuer's other certificates, as a verifier knows them (`KnownCertificates.of_ca`)."""
    above: tuple[Certificate, ...] = field(default=(), compare=False)
    """The authorities above its issuer, where signatures prove the chain."""

    @property
    def issuers(self) -> tuple[Certificate, ...]:
        """All certificates of the issuer that are available."""
        return () if self.issuer is None else (self.issuer, *self.renewed)

    def with_makers(self, known: KnownCertificates, offered: tuple[Certificate, ...] = ()) -> CertificateToCheck:
        """The same with all that is known of its issuer."""
        if self.issuer is None:
            return self
        found = known.renewed((self.issuer, *self.above), offered)
        return replace(self, renewed=tuple(dict.fromkeys((*self.renewed, *found))))

    def is_listed_by(self, crl: Crl) -> bool:
        """Whether a CRL of any issuer lists it; true where the list cannot be read."""
        try:
            return bool(crl.entries(self.certificate))
        except Undecided:
            return True

    def responders(self, evidence: Evidence) -> Iterator[CertificateToCheck]:
        """The delegated responders of all responses about it, not verified: a revocation of one counts (D37)."""
        files = evidence.ocsp(self.certificate.serial)
        for delegate in dict.fromkeys(item for file in files for item in file.response.delegates):
            yield replace(self, certificate=delegate)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableSignature:
    """A signature, or its timestamp, whose certificates are not known."""

    signature: Digest
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectedChains:
    """What was found: each certificate once for each kind of chain, in the order in which it was met."""

    to_check: tuple[CertificateToCheck, ...]
    signatures: frozenset[Digest]
    """Digests of the signature manifests that were looked at."""
    unread: tuple[UnreadableSignature, ...]
    problems: tuple[ContentProblem, ...] = ()
    """What cannot be read and is, or may be, a signature, so that its certificates are not among these."""


def merged_chains(collected: Iterable[CollectedChains]) -> CollectedChains:
    """All of them as one; what several have is in it once."""
    parts = tuple(collected)
    return CollectedChains(
        to_check=_each_once(part.to_check for part in parts),
        signatures=frozenset[Digest]().union(*(part.signatures for part in parts)),
        unread=_each_once(part.unread for part in parts),
        problems=_each_once(part.problems for part in parts),
    )


def _each_once(parts: Iterable[tuple[_Item, ...]]) -> tuple[_Item, ...]:
    return tuple(dict.fromkeys(item for part in parts for item in part))


def collect_chains(
    store: Store, graph: Graph, roots: Iterable[Descriptor], anchors: Anchors, *, known: KnownCertificates
) -> CollectedChains:
    """The chains of all signatures of `roots`, of what they consist of and of what refers to them, recursively.

    `anchors` are those of the operator's tsa stores: with them the chain of a timestamp is the one that a verifier
    builds; without, it is what the token offers, which may lack its root. `known`: whose keys are known.
    """
    to_check: dict[CertificateToCheck, None] = {}
    unread: list[UnreadableSignature] = []
    seen: set[Digest] = set()
    problems: dict[ContentProblem, None] = {}
    for root in roots:
        closure = graph.closure(root)
        problems |= dict.fromkeys(problem for problem in closure.problems if not _left_out(problem, root))
        for reached in closure.reached:
            descriptor = reached.descriptor
            if not descriptor.is_manifest or descriptor.digest in seen:
                continue
            try:
                envelope = _envelope(store, graph, descriptor)
            except ContentError as error:  # it could not be read
                problems[ContentProblem.of(error, descriptor, reached.path)] = None
                continue
            except (AirgapError, OSError) as error:
                seen.add(descriptor.digest)
                unread.append(UnreadableSignature(signature=descriptor.digest, message=str(error)))
                continue
            if envelope is None:
                continue
            seen.add(descriptor.digest)
            to_check |= dict.fromkeys(_pairs(envelope.certificates, "signing", known))
            try:
                to_check |= dict.fromkeys(_timestamp(envelope, anchors, known))
            except (FormatError, Rejected) as error:
                message = f"its timestamp token cannot be read: {error}"
                unread.append(UnreadableSignature(signature=descriptor.digest, message=message))
    return CollectedChains(
        to_check=tuple(to_check), signatures=frozenset(seen), unread=tuple(unread), problems=tuple(problems)
    )


def _left_out(problem: ContentProblem, root: Descriptor) -> bool:
    """Whether a platform of an index was left out: it needs no evidence.

    Never true for the artifact itself, nor for what states an artifact type: that may be the signature.
    """
    descriptor = problem.descriptor
    if not problem.is_missing or descriptor is None or descriptor.digest == root.digest:
        return False
    return descriptor.platform is not None and descriptor.artifact_type is None


def _envelope(store: Store, graph: Graph, descriptor: Descriptor) -> Envelope | None:
    try:
        manifest = graph.manifest(descriptor)
    except ContentError:
        return None  # a problem of the closure
    if not isinstance(manifest, Manifest) or not is_signature(manifest) or manifest.subject is None:
        return None
    layer = envelope_descriptor(manifest, manifest.subject)
    # nothing is accepted here: evidence is fetched also for signatures that only a plugin understands
    return parse_envelope(layer.media_type, read_verified(store, layer, limits.ENVELOPE_BYTES), plugins=ANY_PLUGIN)


def _timestamp(envelope: Envelope, anchors: Anchors, known: KnownCertificates) -> Iterator[CertificateToCheck]:
    """The chain of its timestamp, if it has one. Raises FormatError, Rejected for a token that cannot be read."""
    if envelope.timestamp_token is None:
        return
    token = TimestampToken.parse(envelope.timestamp_token)
    if len(anchors):
        try:
            found = token.verify(envelope.signature, anchors)
        except Rejected:
            pass  # it is not trusted yet, or it is wrong; its evidence may still be needed
        else:
            for stamp in found:  # a site may have the root of any
                yield from _pairs(stamp.chain, "tsa", known)
            return
    leaves = token.stated_signers() or tuple(filter(_may_stamp, token.certificates))
    if not leaves:
        raise FormatError("it carries no certificate for timestamping")
    for leaf in leaves:
        for chain in offered_chains(leaf, token.certificates, anchors):
            yield from _pairs(chain, "tsa", known)


def _may_stamp(certificate: Certificate) -> bool:
    usage = certificate.extended_key_usage
    return usage is not None and usage.oids == (_TIME_STAMPING,)


def _pairs(chain: Sequence[Certificate], kind: ChainKind, known: KnownCertificates) -> Iterator[CertificateToCheck]:
    proven = [_is_issued(certificate, issuer) for certificate, issuer in pairwise(chain)]
    for position, (certificate, issuer) in enumerate(pairwise(chain)):
        whole = tuple(chain) if all(proven) else ()
        item = CertificateToCheck(certificate, issuer if proven[position] else None, kind, (), whole[position + 2 :])
        yield item.with_makers(known, whole)
    if chain and not chain[-1].self_issued:
        yield CertificateToCheck(chain[-1], None, kind, ())


def _is_issued(certificate: Certificate, issuer: Certificate) -> bool:
    try:
        verify_issued(certificate, issuer)
    except Rejected:
        return False
    return True
