"""The referrers tags of a layout, as regctl reads and writes them, beside the untagged entries (design 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from airgap.errors import AirgapError
from airgap.oci.descriptor import IMAGE_INDEX, REF_NAME, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.manifest import Index, parse_manifest
from airgap.oci.store import Store, read_verified
from airgap.oci.tags import fallback_tag
from airgap.parse.json import dump
from airgap.transfer.endpoint import Entry
from airgap.transfer.plan import CopyPlan, Key, Node, PlannedArtifact, PlannedReferrer, key_of
from airgap.transfer.sources import MemorySource


@dataclass(slots=True)
class FallbackTags:
    """Referrers tags for what one copy brings into a layout or tar."""

    layout: Store | None
    """The destination as it is, where there is one: what its tags list stays listed."""
    replaced: set[Digest] = field(default_factory=set)
    """Indexes of the destination that new ones take the place of."""

    def add_to(self, plan: CopyPlan) -> CopyPlan:
        """The plan with an index of referrers for every subject that has some."""
        listed: dict[Digest, dict[Digest, PlannedReferrer]] = {}
        for artifact in plan.artifacts:
            for item in artifact.attached:
                if item.tag is None:
                    listed.setdefault(item.subject, {})[item.descriptor.digest] = item
        nodes = dict(plan.nodes)
        entries = {subject: self._entry(subject, items, nodes) for subject, items in sorted(listed.items())}
        artifacts = tuple(_with(artifact, entries) for artifact in plan.artifacts)
        return CopyPlan(artifacts=artifacts, nodes=nodes)

    def _entry(self, subject: Digest, items: Mapping[Digest, PlannedReferrer], nodes: dict[Key, Node]) -> Entry:
        tag = fallback_tag(subject)
        before, known = self._present(tag)
        manifests: dict[str, dict[str, Any]] = {str(item.digest): item.to_json() for item in known}
        for digest, item in items.items():
            manifests.setdefault(str(digest), _listed(item, nodes))
        raw = dump(
            {
                "schemaVersion": 2,
                "mediaType": IMAGE_INDEX,
                "manifests": [manifests[digest] for digest in sorted(manifests)],
            }
        )
        descriptor = Descriptor(media_type=IMAGE_INDEX, digest=Digest.of(raw), size=len(raw))
        self.replaced |= before - {descriptor.digest}
        below = tuple(key_of(item.descriptor) for item in items.values())
        nodes[key_of(descriptor)] = Node(
            descriptor=descriptor,
            source=MemorySource({descriptor.digest: raw}),
            manifest=parse_manifest(raw, IMAGE_INDEX),
            below=below,
        )
        return Entry(descriptor=descriptor, tag=tag)

    def _present(self, tag: str) -> tuple[set[Digest], tuple[Descriptor, ...]]:
        """The indexes under the tag in the destination, and what they list."""
        digests: set[Digest] = set()
        known: list[Descriptor] = []
        for entry in self.layout.index().manifests if self.layout else ():
            if entry.annotations.get(REF_NAME) != tag or entry.media_type != IMAGE_INDEX or self.layout is None:
                continue
            try:
                index = parse_manifest(read_verified(self.layout, entry), IMAGE_INDEX)
            except AirgapError:
                continue  # what can not be read is left where it is
            if isinstance(index, Index):
                digests.add(entry.digest)
                known += index.manifests
        return digests, tuple(known)


def _listed(item: PlannedReferrer, nodes: Mapping[Key, Node]) -> dict[str, Any]:
    """The referrer as a list of referrers has it: with its effective type and its annotations (distribution-spec)."""
    node = nodes.get(key_of(item.descriptor))
    annotations = node.manifest.annotations if node is not None and node.manifest is not None else {}
    return replace(item.descriptor, artifact_type=item.artifact_type, annotations=annotations, data=None).to_json()


def _with(artifact: PlannedArtifact, entries: Mapping[Digest, Entry]) -> PlannedArtifact:
    if artifact.error is not None:
        return artifact
    mine = [entries[subject] for subject in sorted({item.subject for item in artifact.attached}) if subject in entries]
    keys = {key_of(entry.descriptor) for entry in mine}
    return replace(artifact, keys=artifact.keys | keys, also=(*artifact.also, *mine))
