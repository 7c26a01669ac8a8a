"""The CRLs and OCSP responses in timestamp tokens (D51): evidence of the target, whichever signature holds them.

Few tokens hold any, so that only those are parsed as a whole which have a place for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from airgap import limits
from airgap.errors import AirgapError, FormatError, LimitError
from airgap.oci.all_manifests import AllManifests
from airgap.oci.descriptor import JWS_ENVELOPE, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.manifest import Manifest
from airgap.oci.store import Store, read_by_digest
from airgap.revocation.evidence_files import EvidenceFile
from airgap.revocation.target_evidence import StampedEvidence, TargetEvidence, find_target_evidence
from airgap.signature.envelope import ANY_PLUGIN, parse_envelope
from airgap.signature.model import TIMESTAMP
from airgap.signature.signature_manifest import envelope_descriptor, is_signature

_LABEL = TIMESTAMP.encode()
"""What a JWS with a token holds, unless characters of it are escaped."""

if TYPE_CHECKING:  # modules that few signatures need are imported for those: see docs/explanation/performance.md
    from airgap.pki.timestamp_token import TimestampToken


def evidence_of_target(store: Store, graph: Graph, origin: str) -> TargetEvidence:
    """All evidence of a target for a judgement: what is in it, and what the timestamp tokens in it hold."""
    listed = AllManifests(store, graph.manifest)
    return find_target_evidence(store, listed, origin, evidence_in_tokens(store, listed.manifests, origin))


def evidence_in_tokens(store: Store, manifests: Iterable[Manifest], origin: str) -> Iterator[StampedEvidence]:
    """What the tokens of these signatures hold, each with its digest and size; read again where it is needed.

    What cannot be read is ignored here: where its signature is judged, it is reported.
    """
    for manifest in manifests:
        if not is_signature(manifest) or manifest.subject is None:
            continue
        try:
            layer = envelope_descriptor(manifest, manifest.subject)
            token = _token(store, layer) or b""
            found = of_token(token) if token else ()
        except AirgapError:
            continue
        for number, piece in enumerate(found):
            try:
                data = piece.read()
            except LimitError:
                yield StampedEvidence(Digest.of(token), len(token), layer.digest, replace(piece, origin=origin))
                continue
            read = partial(_read_again, store, layer, number)
            yield StampedEvidence(Digest.of(data), len(data), layer.digest, EvidenceFile(piece.name, origin, read))


def of_token(token: bytes) -> tuple[EvidenceFile, ...]:
    """The evidence in one token; none where it has none. Raises FormatError.

    Where it has more than is read, that is a file that cannot be read for its size, which may be about any certificate.
    """
    from airgap.pki.cms import may_hold_evidence
    from airgap.pki.timestamp_token import TimestampToken

    if not may_hold_evidence(token):
        return ()
    try:
        return evidence_in_token(TimestampToken.parse(token))
    except LimitError as error:
        return (_unread_token(error),)


def _unread_token(error: LimitError) -> EvidenceFile:
    text = f"is not looked into: {error}"

    def read() -> bytes:
        raise LimitError(text, remedy="Ask the publisher for a signature with a smaller timestamp token.")

    return EvidenceFile("a timestamp token", "timestamp token", read)


def evidence_in_token(token: TimestampToken) -> tuple[EvidenceFile, ...]:
    """The evidence in a token that is parsed."""
    return tuple(
        EvidenceFile(f"evidence {number} of the timestamp token", "timestamp token", partial(bytes, piece))
        for number, piece in enumerate(token.evidence, start=1)
    )


def _token(store: Store, layer: Descriptor) -> bytes | None:
    """The token in an envelope; None if there is none. Raises AirgapError."""
    raw = read_by_digest(store, layer, limits.ENVELOPE_BYTES)
    if layer.media_type == JWS_ENVELOPE and _LABEL not in raw and b"\\" not in raw:  # most have none
        return None
    return parse_envelope(layer.media_type, raw, plugins=ANY_PLUGIN).timestamp_token


def _read_again(store: Store, layer: Descriptor, number: int) -> bytes:
    """Raises FormatError."""
    try:
        return of_token(_token(store, layer) or b"")[number].read()
    except (AirgapError, IndexError) as error:
        raise FormatError(str(error)) from None
