"""What a bundle holds, for people: what it lists, and what signatures and SBOMs in it claim. Nothing is judged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from airgap import limits
from airgap.bundle.bundle_check import missing_of
from airgap.bundle.bundle_document import BundledArtifact, BundleDocument
from airgap.bundle.licences import stated_licences
from airgap.bundle.opened_bundle import OpenBundle
from airgap.errors import AirgapError
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.nodes import reported_elsewhere
from airgap.oci.store import Store, read_verified
from airgap.signature.results import inspect_envelope
from airgap.signature.signature_manifest import envelope_descriptor, is_signature
from airgap.text import safe
from airgap.trust.fingerprint_words import set_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownArtifact:
    """One artifact of a bundle. All of it are claims."""

    artifact: BundledArtifact
    missing: tuple[str, ...]
    """What is listed and not here, in sentences."""
    signers: tuple[str, ...]
    """Subjects of the certificates that its signatures carry; safe to show."""
    licences: tuple[str, ...]
    """Safe to show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleOverview:
    """What `airgap bundle show` says."""

    reference: str
    """Safe to show."""
    descriptor: Descriptor
    """Of the bundle's artifact."""
    document: BundleDocument
    artifacts: tuple[ShownArtifact, ...]
    signers: tuple[str, ...]
    """Of the bundle's artifact itself."""
    more: tuple[str, ...]
    """Artifacts of the layout that it does not list."""

    @property
    def set_id(self) -> str:
        """A short name to read over the telephone."""
        return set_id(self.descriptor.digest)

    @property
    def missing(self) -> tuple[str, ...]:
        """All that is listed and not here."""
        return tuple(text for item in self.artifacts for text in item.missing)

    @classmethod
    def of(cls, opened: OpenBundle) -> BundleOverview:
        """The overview of an open bundle. What cannot be read of its artifacts does not make it raise."""
        store, graph, document = opened.store, opened.graph, opened.document
        listed = {item.descriptor.digest for item in document.artifacts}
        missing: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
        for artifact, text in missing_of(store, graph, document.artifacts):
            missing[artifact.references].append(text)
        return cls(
            reference=opened.reference,
            descriptor=opened.descriptor,
            document=document,
            artifacts=tuple(_shown(store, graph, item, missing[item.references]) for item in document.artifacts),
            signers=tuple(_signers(store, graph, opened.descriptor)),
            more=tuple(
                safe(root.tags[0]) if root.tags else str(root.descriptor.digest)
                for root in graph.roots()
                if root.descriptor.digest not in listed and root.descriptor.digest != opened.descriptor.digest
            ),
        )


def _shown(store: Store, graph: Graph, artifact: BundledArtifact, missing: Sequence[str]) -> ShownArtifact:
    root = _found(graph, artifact.descriptor.digest)
    return ShownArtifact(
        artifact=artifact,
        missing=tuple(missing),
        signers=tuple(_signers(store, graph, root)) if root else (),
        licences=stated_licences(store, graph, root) if root else (),
    )


def _found(graph: Graph, digest: Digest) -> Descriptor | None:
    """The artifact with this digest; None where the layout does not lead to it."""
    if digest not in graph.digests:
        return None
    try:
        return graph.resolve(digest).descriptor
    except AirgapError:
        return None


def _signers(store: Store, graph: Graph, root: Descriptor) -> Iterator[str]:
    for referrer in graph.referrers(root).readable(reported_elsewhere):
        if not is_signature(referrer.manifest):
            continue
        try:
            layer = envelope_descriptor(referrer.manifest, root)
            raw = read_verified(store, layer, limits.ENVELOPE_BYTES)
        except (AirgapError, OSError):
            yield "a signature that cannot be read"
            continue
        envelope = inspect_envelope(referrer.descriptor, referrer.mechanism, layer.media_type, raw).envelope
        yield safe(envelope.certificates[0].subject_text) if envelope else "a signature that cannot be read"
