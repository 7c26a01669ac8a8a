"""Signatures that are attached to something, fetched to be judged; and those nearby that are not judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Final

from airgap import limits
from airgap.errors import AirgapError, ContentError, Rejected
from airgap.oci.descriptor import INDEX_TYPES, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph, Mechanism, Referrer
from airgap.oci.manifest import Manifest
from airgap.oci.nodes import heard_elsewhere
from airgap.oci.store import Store, read_verified
from airgap.oci.tags import fallback_tag
from airgap.signature.manifest import envelope_descriptor, is_signature
from airgap.verifier.engine import Candidate
from airgap.verifier.facts import PluginUse
from airgap.verifier.outcome import NearSignatures


def candidate_of(
    store: Store, referrer: Referrer, subject: Descriptor, earlier: Mapping[Digest, PluginUse] = MappingProxyType({})
) -> Candidate:
    """The signature's envelope, or why it can not be had; `earlier`: what plugins decided before, by signature."""
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
    return Candidate(digest=digest, envelope=envelope, raw=raw, manifest=manifest, earlier=earlier.get(digest))


_COSIGN: Final = "cosign signature"
_SIMPLE_SIGNING: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
_BUNDLE: Final = "application/vnd.dev.sigstore.bundle"
_BEFORE_ONE: Final = "application/vnd.cncf.notary.v2"
"""notation before 1.0: `.v2`, `.v2.signature`. No release since reads them."""


class Nearby:
    """The signatures of one target, for those who ask what is signed near an artifact that is not."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def of(self, artifact: Descriptor) -> NearSignatures:
        """What is signed near an artifact without a signature of its own, so that nobody takes it for lost."""
        return NearSignatures(
            foreign=tuple(dict.fromkeys(_foreign(self._graph, artifact))),
            children=_signed_children(self._graph, artifact),
            indexes=tuple(self._signed_indexes.get(artifact.digest, ())),
        )

    @cached_property
    def _signed_indexes(self) -> Mapping[Digest, list[Digest]]:
        """What the signed indexes list, each with those that list it."""
        found: dict[Digest, list[Digest]] = {}
        for root in self._graph.roots():
            if _is_signed(self._graph, root.descriptor):
                for child in _children(self._graph, root.descriptor):
                    found.setdefault(child.digest, []).append(root.descriptor.digest)
        return found


def _foreign(graph: Graph, artifact: Descriptor) -> Iterator[str]:
    for referrer in _referrers(graph, artifact):
        kind = foreign_kind(referrer)
        tagged = kind == _COSIGN and referrer.mechanism is Mechanism.COSIGN
        if kind is not None:
            yield f"{kind} (tag {fallback_tag(artifact.digest)}.sig)" if tagged else kind


def foreign_kind(referrer: Referrer) -> str | None:
    """What a signature of another kind is called; None for everything else."""
    manifest = referrer.manifest
    layers = {layer.media_type for layer in manifest.layers} if isinstance(manifest, Manifest) else set()
    if _SIMPLE_SIGNING in layers:
        return _COSIGN
    if (referrer.artifact_type or "").startswith(_BEFORE_ONE):
        return "signature of a notation before 1.0"
    is_bundle = (referrer.artifact_type or "").startswith(_BUNDLE) or any(item.startswith(_BUNDLE) for item in layers)
    return "sigstore bundle" if is_bundle else None


def _signed_children(graph: Graph, artifact: Descriptor) -> tuple[int, int]:
    below = _children(graph, artifact)
    return sum(_is_signed(graph, child) for child in below), len(below)


def _children(graph: Graph, artifact: Descriptor) -> tuple[Descriptor, ...]:
    """The entries of an index; none of what is no index or cannot be read, which is the content's problem."""
    if artifact.media_type not in INDEX_TYPES:
        return ()
    try:
        return tuple(child for _, child in graph.manifest(artifact).successors())
    except ContentError:
        return ()


def _is_signed(graph: Graph, descriptor: Descriptor) -> bool:
    return any(is_signature(referrer.manifest) for referrer in _referrers(graph, descriptor))


def _referrers(graph: Graph, descriptor: Descriptor) -> tuple[Referrer, ...]:
    return graph.referrers(descriptor).readable(heard_elsewhere)
