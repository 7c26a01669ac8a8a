"""What signatures carry as evidence of the target, whichever of them holds it: certificates, and what is in tokens.

CRLs and OCSP responses are in timestamp tokens (D51). Few tokens hold any, so that only those are parsed as a whole
which have a place for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from airgap import limits
from airgap.errors import AirgapError, FormatError, LimitError
from airgap.oci.all_manifests import AllManifests
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.manifest import Manifest
from airgap.oci.store import Store, read_by_digest
from airgap.revocation.evidence_files import EvidenceFile
from airgap.revocation.target_evidence import StampedEvidence, TargetEvidence, find_target_evidence
from airgap.signature.carried import Carried, SignerCertificates, carried_by
from airgap.signature.envelope import FORMATS

if TYPE_CHECKING:  # modules that few signatures need are imported for those: see docs/explanation/performance.md
    from airgap.pki.timestamp_token import TimestampToken


def evidence_of_target(store: Store, graph: Graph, origin: str) -> TargetEvidence:
    """All evidence of a target for a judgement: what is in it, and what its signatures carry.

    That are the CRLs and OCSP responses in timestamp tokens, and every certificate: each shows whose keys are revoked,
    whatever signature holds it. What cannot be read is ignored here: where its signature is judged, it is reported.
    """
    listed = AllManifests(store, graph.manifest)
    stamped: list[StampedEvidence] = []
    certificates = SignerCertificates()
    for layer in _envelopes(listed.manifests):
        try:
            carried = _carried(store, layer)
        except AirgapError:
            continue
        certificates.take(carried.every_certificate())
        if carried.token:
            stamped += _in_token(store, layer, carried.token, origin)
    return find_target_evidence(
        store, listed, origin, stamped, certificates.found, more_certificates=not certificates.is_complete
    )


def _envelopes(manifests: Iterable[Manifest]) -> Iterator[Descriptor]:
    """Those of all signatures, each once."""
    found = (item for manifest in manifests for _, item in manifest.successors() if item.media_type in FORMATS)
    return iter({item.digest: item for item in found}.values())


def _in_token(store: Store, layer: Descriptor, token: bytes, origin: str) -> Iterator[StampedEvidence]:
    """What a token holds, each with its digest and size; read again where it is needed."""
    for number, piece in enumerate(of_token(token)):
        try:
            data = piece.read()
        except LimitError:
            yield StampedEvidence(Digest.of(token), len(token), layer.digest, replace(piece, origin=origin))
            continue
        read = partial(_read_again, store, layer, number)
        yield StampedEvidence(Digest.of(data), len(data), layer.digest, EvidenceFile(piece.name, origin, read))


def of_token(token: bytes) -> tuple[EvidenceFile, ...]:
    """The evidence in one token, whatever else is wrong with it; none where it has none.

    Where it has more than is read, that is a file that cannot be read for its size, which may be about any certificate.
    """
    from airgap.pki.cms import may_hold_evidence, revocation_values_in
    from airgap.pki.timestamp_token import TimestampToken

    if not may_hold_evidence(token):
        return ()
    try:
        try:
            return evidence_in_token(TimestampToken.parse(token))
        except LimitError:
            raise
        except FormatError:
            return _numbered(revocation_values_in(token))
    except LimitError as error:
        return (_unread_token(error),)


def _unread_token(error: LimitError) -> EvidenceFile:
    text = f"is not looked into: {error}"

    def read() -> bytes:
        raise LimitError(text, remedy="Ask the publisher for a signature with a smaller timestamp token.")

    return EvidenceFile("a timestamp token", "timestamp token", read)


def evidence_in_token(token: TimestampToken) -> tuple[EvidenceFile, ...]:
    """The evidence in a token that is parsed."""
    return _numbered(token.evidence)


def _numbered(pieces: Iterable[bytes]) -> tuple[EvidenceFile, ...]:
    return tuple(
        EvidenceFile(f"evidence {number} of the timestamp token", "timestamp token", partial(bytes, piece))
        for number, piece in enumerate(pieces, start=1)
    )


def _carried(store: Store, layer: Descriptor) -> Carried:
    """Raises AirgapError."""
    return carried_by(read_by_digest(store, layer, limits.ENVELOPE_BYTES))


def _read_again(store: Store, layer: Descriptor, number: int) -> bytes:
    """Raises FormatError."""
    try:
        return of_token(_carried(store, layer).token or b"")[number].read()
    except (AirgapError, IndexError) as error:
        raise FormatError(str(error)) from None
