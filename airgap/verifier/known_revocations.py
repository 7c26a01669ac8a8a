"""What earlier judgements came to against certificates: it counts for every artifact of the signer (decision 0039)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from airgap.oci.digest import Digest
from airgap.revocation.answer_evidence import FoundInTargets, TargetStatement
from airgap.verifier.recorded import LostEvidence, RecordedArtifact, RecordedSignature

_STAMPS: Final = "tsa"
"""The key of what is about certificates of timestamps, which a document need not name."""


class KnownRevocations:
    """What revoked a certificate for good in any earlier judgement, by the certificate, with where it was found.

    Only what a judgement came to, and what was proven: what may be forged counts for its own artifact, so that no
    medium makes all others unsure.
    """

    def __init__(self) -> None:
        self._found: Final[dict[str, dict[TargetStatement, tuple[str, Digest]]]] = {}

    def take(self, place: str, artifact: RecordedArtifact) -> None:
        """Takes what the judgement of an artifact in `place` (`row 3`, the name of a report) came to."""
        for said in _revoking(artifact):
            key = _STAMPS if said.evidence.chain == "tsa" else said.evidence.certificate
            self._found.setdefault(key, {}).setdefault(said, (place, artifact.descriptor.digest))

    def about(self, signature: RecordedSignature, artifact: Digest) -> tuple[TargetStatement, ...]:
        """What other artifacts than the one with this digest know about the certificates of a signature."""
        chain = signature.facts.chain if signature.facts else ()
        return tuple(
            said.found_in(place)
            for name in (*(certificate.fingerprint for certificate in chain), _STAMPS)
            for said, (place, digest) in self._found.get(name, {}).items()
            if digest != artifact
        )

    @property
    def everything(self) -> LostEvidence:
        """All of it, for a layout of which no report says anything; it counts for what has such a certificate."""
        found = (said.found_in(place) for by_said in self._found.values() for said, (place, _) in by_said.items())
        return LostEvidence(FoundInTargets(tuple(found)), frozenset())

    def told_to(self, artifact: RecordedArtifact) -> RecordedArtifact:
        """The artifact with what the others know."""
        return replace(artifact, signatures=tuple(self._told(item, artifact) for item in artifact.signatures))

    def _told(self, signature: RecordedSignature, artifact: RecordedArtifact) -> RecordedSignature:
        more = self.about(signature, artifact.descriptor.digest)
        if not more:
            return signature
        return replace(signature, elsewhere=FoundInTargets.joined([signature.elsewhere, FoundInTargets(more)]))


def _revoking(artifact: RecordedArtifact) -> Iterator[TargetStatement]:
    """The proven evidence against certificates of signatures that were refused, or would be, as revoked."""
    for signature in artifact.signatures:
        if "revocation.revoked" in {reason for _, reason in signature.counted}:
            for said in signature.lost.statements:
                is_proven = said.unproven is None and said.evidence.fingerprint
                if is_proven and not said.is_hold and not said.is_about_responder:
                    yield said
