"""Inspect: what an artifact's signatures say, decoded and not judged."""

from __future__ import annotations

from airgap import limits
from airgap.errors import AirgapError
from airgap.oci.descriptor import Descriptor
from airgap.oci.graph import Referrer
from airgap.oci.store import Store, read_verified
from airgap.oci.target import open_target
from airgap.signature.inspected import InspectedArtifact, InspectedSignature, inspect_envelope, obstacle
from airgap.signature.manifest import envelope_descriptor, is_signature


def inspect(target: str) -> tuple[InspectedArtifact, ...]:
    """Every signature of the artifacts that `target` names. Raises AirgapError where the target can not be read."""
    with open_target(target) as opened:
        return tuple(
            InspectedArtifact(
                reference=opened.name(root),
                descriptor=root.descriptor,
                signatures=tuple(
                    _signature(opened.store, referrer, root.descriptor)
                    for referrer in opened.graph.referrers(root.descriptor)
                    if is_signature(referrer.manifest)
                ),
            )
            for root in opened.roots()
        )


def _signature(store: Store, referrer: Referrer, target: Descriptor) -> InspectedSignature:
    try:
        layer = envelope_descriptor(referrer.manifest, target)
        raw = read_verified(store, layer, limits.ENVELOPE_BYTES)
    except (AirgapError, OSError) as error:
        return InspectedSignature(
            descriptor=referrer.descriptor, mechanism=referrer.mechanism, obstacles=(obstacle(error),)
        )
    return inspect_envelope(referrer.descriptor, referrer.mechanism, layer.media_type, raw)
