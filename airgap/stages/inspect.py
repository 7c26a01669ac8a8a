"""Inspect: the decoded signatures of an artifact, not judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airgap import limits
from airgap.errors import AirgapError, ContentError
from airgap.net.artifacts import Artifacts, FetchedParts, open_artifacts
from airgap.net.registries import Registries
from airgap.oci.descriptor import Descriptor
from airgap.oci.nodes import Referrer, Root
from airgap.oci.problems import ContentProblem
from airgap.oci.store import Store, read_verified
from airgap.problem import Problem
from airgap.signature.results import InspectedArtifact, InspectedSignature, inspect_envelope
from airgap.signature.signature_manifest import envelope_descriptor, is_signature

if TYPE_CHECKING:
    from airgap.net.credentials import Credentials
    from airgap.net.options import TransportOptions
    from airgap.oci.lookup import Mechanism

_PARTS: Final = FetchedParts(envelopes=True, nested=False)


def inspect(
    target: str,
    *,
    transport: TransportOptions | None = None,
    credentials: Credentials | None = None,
    mechanism: Mechanism | None = None,
) -> tuple[InspectedArtifact, ...]:
    """Every signature of the artifacts that `target` names, in a layout or a registry.

    `transport`, `credentials` and `mechanism` (the one way to ask for referrers) are for registries. Unreadable content
    that may be a signature is in the result (`InspectedArtifact.unread`). Raises AirgapError where the target cannot be
    read, and where a registry does not say what refers to the artifact.
    """
    with (
        Registries(credentials, transport) as registries,
        open_artifacts(target, registries, _PARTS, mechanism) as opened,
    ):
        return tuple(_artifact(opened, root) for root in opened.all_roots())


def _artifact(opened: Artifacts, root: Root) -> InspectedArtifact:
    unread: list[ContentProblem] = []
    try:
        opened.graph.node(root.descriptor)
    except ContentError as error:
        unread.append(ContentProblem.of(error, root.descriptor, "artifact"))
    referrers = opened.graph.referrers(root.descriptor).readable(unread.append)
    signatures = tuple(
        _signature(opened.store, referrer, root.descriptor, unread)
        for referrer in referrers
        if is_signature(referrer.manifest)
    )
    return InspectedArtifact(
        reference=opened.name(root),
        descriptor=root.descriptor,
        signatures=signatures,
        unread=(*map(opened.located, unread), *opened.unread),
    )


def _signature(
    store: Store, referrer: Referrer, target: Descriptor, unread: list[ContentProblem]
) -> InspectedSignature:
    try:
        layer = envelope_descriptor(referrer.manifest, target)
        raw = read_verified(store, layer, limits.ENVELOPE_BYTES)
    except (AirgapError, OSError) as error:
        if isinstance(
            error, ContentError
        ):  # it could not be read; content that was read and is malformed is only an obstacle
            unread.append(ContentProblem.of(error, referrer.descriptor, "envelope"))
        return InspectedSignature(
            descriptor=referrer.descriptor, mechanism=referrer.mechanism, obstacles=(Problem.of(error),)
        )
    return inspect_envelope(referrer.descriptor, referrer.mechanism, layer.media_type, raw)
