"""The referrers tags of a layout, as regctl reads and writes them, beside the untagged entries (design 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from airgap.errors import AirgapError
from airgap.oci.descriptor import IMAGE_INDEX, REF_NAME, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.manifest import Index, parse_manifest
from airgap.oci.referrers_index import ReferrersIndex
from airgap.oci.store import Store, read_verified
from airgap.oci.tags import referrers_tag
from airgap.transfer.endpoint import Entry
from airgap.transfer.plan import CopyPlan, Key, Node, PlannedArtifact, PlannedReferrer, key_of
from airgap.transfer.sources import MemoryBlobs


@dataclass(slots=True)
class LayoutReferrersTags:
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
        tag = referrers_tag(subject)
        before, index = self._present(tag)
        descriptor, raw = index.listing(_listed(items[digest], nodes) for digest in sorted(items)).encode()
        self.replaced |= before - {descriptor.digest}
        below = tuple(key_of(item.descriptor) for item in items.values())
        nodes[key_of(descriptor)] = Node(
            descriptor=descriptor,
            source=MemoryBlobs({descriptor.digest: raw}),
            manifest=parse_manifest(raw, IMAGE_INDEX),
            below=below,
        )
        return Entry(descriptor=descriptor, tag=tag)

    def _present(self, tag: str) -> tuple[set[Digest], ReferrersIndex]:
        """The indexes under the tag in the destination, and what they list together."""
        digests: set[Digest] = set()
        index = ReferrersIndex.empty()
        for entry in self.layout.index().manifests if self.layout else ():
            if entry.annotations.get(REF_NAME) != tag or entry.media_type != IMAGE_INDEX or self.layout is None:
                continue
            try:
                raw = read_verified(self.layout, entry)
                listed = parse_manifest(raw, IMAGE_INDEX)
            except AirgapError:
                continue  # what cannot be read is left where it is
            if isinstance(listed, Index):
                index = index.listing(listed.manifests) if digests else ReferrersIndex.parse(raw)
                digests.add(entry.digest)
        return digests, index


def _listed(item: PlannedReferrer, nodes: Mapping[Key, Node]) -> Descriptor:
    """The referrer as a list of referrers has it: with its effective type and its annotations (distribution-spec)."""
    node = nodes.get(key_of(item.descriptor))
    annotations = node.manifest.annotations if node is not None and node.manifest is not None else {}
    return replace(item.descriptor, artifact_type=item.artifact_type, annotations=annotations, data=None)


def _with(artifact: PlannedArtifact, entries: Mapping[Digest, Entry]) -> PlannedArtifact:
    if artifact.error is not None:
        return artifact
    mine = [entries[subject] for subject in sorted({item.subject for item in artifact.attached}) if subject in entries]
    keys = {key_of(entry.descriptor) for entry in mine}
    return replace(artifact, keys=artifact.keys | keys, also=(*artifact.also, *mine))
