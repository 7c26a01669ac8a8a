"""Adds what is made here to the plan of a copy: attachments of its artifacts, and an artifact of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.lookup import FoundBy
from airgap.oci.manifest import parse_manifest
from airgap.transfer.attach import Attachment
from airgap.transfer.endpoint import ListedReferrer
from airgap.transfer.plan import CopyPlan, CopyRoot, Key, Node, PlannedArtifact, key_of, nodes_of
from airgap.transfer.sources import MemoryBlobs


class Addition:
    """A plan with what is added to it. What several attachments hold is in memory once."""

    def __init__(self, plan: CopyPlan) -> None:
        self._nodes = dict(plan.nodes)
        self._artifacts = plan.artifacts
        self._held: dict[Digest, bytes] = {}

    @property
    def plan(self) -> CopyPlan:
        """The plan as it is now."""
        return CopyPlan.of(self._artifacts, self._nodes)

    def attach(self, attachments: Callable[[PlannedArtifact], tuple[Sequence[Attachment], Collection[Digest]]]) -> None:
        """Add attachments to artifacts. `attachments`: those of one, and the referrers of it that they replace."""
        artifacts: list[PlannedArtifact] = []
        for item in self._artifacts:
            added, replaced = attachments(item)
            artifacts.append(self._attached(self._without(item, replaced), added))
        self._artifacts = tuple(artifacts)

    def _attached(self, artifact: PlannedArtifact, added: Sequence[Attachment]) -> PlannedArtifact:
        for item in added:
            keys = self._add(item.manifest, item.raw, item.blobs)
            listed = ListedReferrer(
                descriptor=item.manifest,
                subject=item.subject.digest,
                artifact_type=item.manifest.artifact_type,
                mechanism=FoundBy.ENTRY,
            )
            known = any(other.descriptor.digest == item.manifest.digest for other in artifact.attached)
            attached = artifact.attached if known else (*artifact.attached, listed)
            artifact = replace(artifact, keys=artifact.keys | keys, attached=attached)
        return artifact

    def add(self, manifest: Descriptor, raw: bytes, blobs: Iterable[tuple[Descriptor, bytes]]) -> None:
        """Add an artifact that is about nothing and has no name."""
        source = self._artifacts[0].wanted.source  # it is read from memory
        root = CopyRoot(source=source, descriptor=manifest, reference=str(manifest.digest), is_bundle=True)
        keys = self._add(manifest, raw, blobs)
        self._artifacts = (*self._artifacts, PlannedArtifact(wanted=root, keys=keys, own=keys))

    def _add(self, manifest: Descriptor, raw: bytes, blobs: Iterable[tuple[Descriptor, bytes]]) -> frozenset[Key]:
        for descriptor, data in (*blobs, (manifest, raw)):
            self._held.setdefault(descriptor.digest, data)
        new = nodes_of(manifest, parse_manifest(raw, manifest.media_type), MemoryBlobs(self._held))
        for key, node in new.items():
            self._nodes.setdefault(key, node)
        return frozenset(new)

    def _without(self, artifact: PlannedArtifact, dropped: Collection[Digest]) -> PlannedArtifact:
        """The artifact without these referrers, and without what only they hold; one that others refer to stays."""
        subjects = {item.subject for item in artifact.attached}
        gone = [
            item
            for item in artifact.attached
            if item.descriptor.digest in dropped and item.descriptor.digest not in subjects
        ]
        if not gone:
            return artifact
        lost = {key_of(item.descriptor) for item in gone}
        stays = artifact.keys - lost
        freed = _below(lost, self._nodes) - _below(stays, self._nodes)
        attached = tuple(item for item in artifact.attached if item not in gone)
        return replace(artifact, keys=stays - freed, attached=attached)


def _below(keys: Collection[Key], nodes: Mapping[Key, Node]) -> frozenset[Key]:
    return frozenset(below for key in keys for below in nodes[key].below)
