"""Signatures that are attached to something, fetched to be judged."""

from __future__ import annotations

from airgap import limits
from airgap.errors import AirgapError, Rejected
from airgap.oci.descriptor import Descriptor
from airgap.oci.graph import Referrer
from airgap.oci.manifest import Manifest
from airgap.oci.store import Store, read_verified
from airgap.signature.manifest import envelope_descriptor
from airgap.verifier.engine import Candidate


def candidate_of(store: Store, referrer: Referrer, subject: Descriptor) -> Candidate:
    """The signature's envelope, or why it can not be had."""
    digest = referrer.descriptor.digest
    try:
        envelope = envelope_descriptor(referrer.manifest, subject)
    except Rejected as error:
        return Candidate(digest=digest, obstacle=error)
    try:
        raw = read_verified(store, envelope, limits.ENVELOPE_BYTES)
    except AirgapError as error:
        obstacle = Rejected("signature.unreadable", f"the envelope {envelope.digest} can not be read: {error}")
        return Candidate(digest=digest, envelope=envelope, obstacle=obstacle)
    manifest = referrer.manifest if isinstance(referrer.manifest, Manifest) else None
    return Candidate(digest=digest, envelope=envelope, raw=raw, manifest=manifest)
