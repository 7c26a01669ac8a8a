"""Makes the document of a bundle out of the plan of a copy: what is listed is what is written."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from airgap import __version__
from airgap.bundle.bundle_document import (
    BUNDLE_TYPE,
    BundledArtifact,
    BundleDocument,
    BundledPlatform,
    BundledReferrer,
    DeltaBase,
    blobs_of,
)
from airgap.errors import AirgapError, ContentError, FormatError
from airgap.oci.attached import IMAGE_CONFIGS
from airgap.oci.descriptor import EMPTY_CONFIG, NO_CONFIG, NOTARY_SIGNATURE, Descriptor, Platform
from airgap.oci.digest import Digest
from airgap.oci.images import is_attestation
from airgap.oci.manifest import Index, Manifest
from airgap.oci.manifest_writer import write_manifest
from airgap.oci.tags import tag_part
from airgap.transfer.endpoint import read_blob
from airgap.transfer.plan import CopyPlan, Key, Node, PlannedArtifact, key_of
from airgap.transfer.platforms import platform_of


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeBundle:
    """A new bundle: its artifact, as bytes."""

    document: BundleDocument
    manifest: Descriptor
    raw: bytes
    blobs: tuple[tuple[Descriptor, bytes], ...]

    @classmethod
    def of(cls, document: BundleDocument) -> MadeBundle:
        """The artifact of a document. Raises FormatError for what a reader would refuse."""
        data = document.dump()
        layer = Descriptor.of(BUNDLE_TYPE, data)
        manifest, raw = write_manifest(BUNDLE_TYPE, [layer], subject=None)
        blobs = ((EMPTY_CONFIG, NO_CONFIG), (layer, data))
        return cls(document=document, manifest=manifest, raw=raw, blobs=blobs)


class BundleMaker:
    """Makes the documents of one run; what it asks a source is asked once."""

    def __init__(self, use_by: Callable[[PlannedArtifact], datetime | None]) -> None:
        """`use_by`: when the first thing ends that the judgement of an artifact needs."""
        self._use_by = use_by
        self._platforms: dict[Key, Platform | None] = {}

    def make(
        self,
        plan: CopyPlan,
        *,
        created: datetime,
        stream: str | None = None,
        number: int | None = None,
        base: DeltaBase | None = None,
    ) -> MadeBundle:
        """The bundle of everything that is planned, without what `base` says is held elsewhere.

        Raises FormatError for what a reader would refuse, ContentError where descriptors disagree about a size.
        """
        _check_sizes(plan)
        held: Container[Digest] = {blob.digest for blob in base.held} if base else ()
        found: dict[tuple[str, Digest], list[PlannedArtifact]] = {}
        for item in plan.artifacts:
            if item.error is None:
                name = item.wanted.repository.name if item.wanted.repository else ""
                found.setdefault((name, item.wanted.descriptor.digest), []).append(item)
        artifacts = [self._artifact(name or None, items, plan) for (name, _), items in sorted(found.items())]
        ends = [item.use_by for item in artifacts if item.use_by is not None]
        document = BundleDocument(
            tool=__version__,
            created=created,
            stream=stream,
            number=number,
            use_by=min(ends, default=None),
            artifacts=tuple(artifacts),
            blobs=blobs_of(
                [
                    (node.descriptor.digest, node.descriptor.size)
                    for node in plan.nodes.values()
                    if node.descriptor.digest not in held
                ]
            ),
            base=base,
        )
        return MadeBundle.of(document)

    def _artifact(self, name: str | None, items: Sequence[PlannedArtifact], plan: CopyPlan) -> BundledArtifact:
        """One artifact, which may be planned several times with other tags."""
        root = items[0].wanted.descriptor
        keys = frozenset[Key]().union(*(item.keys for item in items))
        attached = {other.descriptor.digest: other for item in items for other in item.attached}
        records = {entry.descriptor.digest: entry.descriptor.artifact_type for item in items for entry in item.also}
        left_out = {entry.digest: entry for item in items for entry in item.left_out}
        ends = [end for item in items if (end := self._use_by(item)) is not None]
        signatures = sorted(
            digest
            for digest, item in attached.items()
            if item.artifact_type == NOTARY_SIGNATURE and item.subject == root.digest
        )
        others = {digest: item.artifact_type for digest, item in attached.items()} | records
        return BundledArtifact(
            name=name,
            tags=tuple(sorted({tag_part(tag) for item in items for tag in item.wanted.names})),
            descriptor=root.bare,
            total=sum(size for _, size in {(digest, size) for digest, _, size in keys}),
            platforms=tuple(sorted(self._present(root, keys, plan), key=_by_platform)),
            absent=tuple(
                sorted(
                    (
                        BundledPlatform(platform=str(entry.platform), digest=digest)
                        for digest, entry in left_out.items()
                        if entry.platform is not None and not is_attestation(entry)
                    ),
                    key=_by_platform,
                )
            ),
            signatures=tuple(signatures),
            attachments=tuple(
                BundledReferrer(digest=digest, artifact_type=kind)
                for digest, kind in sorted(others.items())
                if digest not in signatures
            ),
            use_by=min(ends, default=None),
        )

    def _present(self, root: Descriptor, keys: frozenset[Key], plan: CopyPlan) -> Iterator[BundledPlatform]:
        """The images below an artifact that come along, by platform."""
        queue, seen = deque([root]), {root.digest}
        while queue:
            entry = queue.popleft()
            node = plan.nodes.get(key_of(entry)) if key_of(entry) in keys else None
            if node is None or is_attestation(entry):
                continue
            if isinstance(node.manifest, Index):
                below = [item for item in node.manifest.manifests if item.digest not in seen]
                seen.update(item.digest for item in below)
                queue.extend(below)
            elif (platform := entry.platform or self._platform(node, plan)) is not None:
                yield BundledPlatform(platform=str(platform), digest=entry.digest)

    def _platform(self, node: Node, plan: CopyPlan) -> Platform | None:
        """The platform that the config of an image names."""
        config = node.manifest.config if isinstance(node.manifest, Manifest) else None
        if config is None or config.media_type not in IMAGE_CONFIGS:
            return None
        key = key_of(config)
        if key not in self._platforms:
            self._platforms[key] = None
            for place in plan.nodes[key].places() if key in plan.nodes else ():
                with suppress(FormatError, AirgapError):  # what cannot be read ends the copy when it is moved
                    self._platforms[key] = platform_of(read_blob(place.source, place.descriptor))
                    break
        return self._platforms[key]


def _check_sizes(plan: CopyPlan) -> None:
    sizes: dict[Digest, int] = {}
    for node in plan.nodes.values():
        digest, size = node.descriptor.digest, node.descriptor.size
        if sizes.setdefault(digest, size) != size:
            raise ContentError(
                "content.size",
                f"one descriptor says that {digest} has {sizes[digest]} bytes, and another that it has {size}",
                digest=str(digest),
            )


def _by_platform(item: BundledPlatform) -> tuple[str, Digest]:
    return item.platform, item.digest
