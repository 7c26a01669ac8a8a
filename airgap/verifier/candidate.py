"""A signature that is to be judged, from its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airgap import limits
from airgap.errors import AirgapError, Rejected
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.manifest import Manifest
from airgap.oci.nodes import Referrer
from airgap.oci.store import Store, read_verified
from airgap.revocation.answer_evidence import FoundInTargets
from airgap.signature.signature_manifest import envelope_descriptor

if TYPE_CHECKING:
    from airgap.trust.levels import Check
    from airgap.verifier.facts import PluginUse
    from airgap.verifier.recorded import LostEvidence, RecordedSignatures, RevokedBefore


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An attached signature, not judged."""

    digest: Digest
    """Digest of the signature manifest."""
    envelope: Descriptor | None = None
    raw: bytes = b""
    """The envelope's bytes."""
    obstacle: Rejected | None = None
    """The error if the envelope cannot be read (D27: it stops only this signature)."""
    manifest: Manifest | None = None
    """The signature manifest, where there is one: its annotations are hints that are compared (D1)."""
    earlier: PluginUse | None = None
    """The plugin result of an earlier judgement: undecided instead of refused if it may not be run now."""
    lost_with_layout: tuple[LostEvidence, ...] = ()
    """Evidence that a report says was in the layout then."""
    revoked: tuple[RevokedBefore, ...] = ()
    """What a report says was revoked, and does not say by what."""

    def refuse_if_revoked(self, check: Check, leaf: str) -> None:
        """What was revoked for good is revoked, also where its evidence is not there now. Raises Rejected, Undecided.

        `leaf`: the fingerprint of the signer's certificate.
        """
        for before in self.revoked:
            before.refuse(self.digest, leaf, check)

    @property
    def lost(self) -> FoundInTargets:
        """What that evidence said."""
        return FoundInTargets.joined(lost.found for lost in self.lost_with_layout)


def candidate_of(
    store: Store,
    referrer: Referrer,
    subject: Descriptor,
    recorded: RecordedSignatures | None = None,
    lost_elsewhere: tuple[LostEvidence, ...] = (),
) -> Candidate:
    """The envelope of a signature, or its error; `recorded`: what a report says of the signatures of `subject`.

    `lost_elsewhere`: what reports about other artifacts hold of evidence.
    """
    digest = referrer.descriptor.digest
    try:
        envelope = envelope_descriptor(referrer.manifest, subject)
    except Rejected as error:
        return Candidate(digest=digest, obstacle=error)
    try:
        raw = read_verified(store, envelope, limits.ENVELOPE_BYTES)
    except AirgapError as error:
        obstacle = Rejected("signature.unreadable", f"the envelope {envelope.digest} cannot be read: {error}")
        return Candidate(digest=digest, envelope=envelope, obstacle=obstacle)
    return Candidate(
        digest=digest,
        envelope=envelope,
        raw=raw,
        manifest=referrer.manifest if isinstance(referrer.manifest, Manifest) else None,
        earlier=recorded.plugin_uses.get(digest) if recorded else None,
        lost_with_layout=(*(recorded.lost if recorded else ()), *lost_elsewhere),
        revoked=recorded.revoked if recorded else (),
    )
