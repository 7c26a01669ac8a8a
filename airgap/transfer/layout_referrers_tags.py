"""Referrers tags of a layout, as regctl reads and writes them, in addition to untagged entries (decision 0025)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from airgap.errors import ContentError, FormatError
from airgap.oci.descriptor import IMAGE_INDEX, REF_NAME, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.manifest import parse_manifest
from airgap.oci.referrers_index import ReferrersIndex
from airgap.oci.store import Store, read_verified
from airgap.oci.tags import is_referrers_tag, referrers_tag, referrers_tags
from airgap.text import safe
from airgap.transfer.endpoint import Entry, ListedReferrer
from airgap.transfer.plan import CopyPlan, Key, Node, PlannedArtifact, key_of
from airgap.transfer.sources import MemoryBlobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Relisted:
    """A referrers index with another content: to be written, and listed in the place of the old ones."""

    old: frozenset[Digest]
    entry: Entry
    raw: bytes


class _Tagged(NamedTuple):
    position: int
    """In the index of the layout."""
    entry: Descriptor
    store: Store


class LayoutReferrersTags:
    """The referrers tags of one layout; there is no `store` yet if None."""

    def __init__(self, store: Store | None) -> None:
        """Reads the index of the layout once, for any number of subjects."""
        self._tagged: Final[dict[str, list[_Tagged]]] = {}
        for position, entry in enumerate(store.index().manifests if store else ()):
            if store and (tag := entry.annotations.get(REF_NAME)):
                self._tagged.setdefault(tag, []).append(_Tagged(position, entry, store))

    def relisted(
        self,
        subject: Digest,
        added: Iterable[Descriptor],
        gone: Collection[Digest] = (),
        *,
        known: Callable[[], Iterable[Descriptor]] | None = None,
    ) -> Relisted | None:
        """The index under the referrers tag of `subject` with `added` and without `gone`.

        Other entries and members stay as they are. Where there is no such tag: None, or with `known` a new one that
        lists those as well, as readers of the tag know nothing else. Raises ContentError where an index cannot be read.
        """
        found = (item for tag in referrers_tags(subject) for item in self._tagged.get(tag, ()))
        present = sorted(found, key=lambda item: item.position)
        if not present and known is None:
            return None
        index = ReferrersIndex.empty().listing(known() if known and not present else ())
        for number, item in enumerate(present):
            read = _read(item.store, item.entry)
            index = index.joined(read) if number else read
        descriptor, raw = index.without(gone).listing(added).encode()
        tag = present[-1].entry.annotations[REF_NAME] if present else referrers_tag(subject)
        old = frozenset(item.entry.digest for item in present)
        return Relisted(old=old, entry=Entry(descriptor=descriptor, tag=tag), raw=raw)

    def joined(self, entry: Entry, read: Callable[[Descriptor], bytes], known: Collection[Digest]) -> Relisted | None:
        """The new index `entry` of a referrers tag, with what others listed under that tag since it was made.

        `known`: the indexes that were there then. None where there is nothing newer. Raises ContentError.
        """
        tagged = self._tagged.get(entry.tag or "", ())
        newer = [item for item in tagged if item.entry.digest not in {*known, entry.descriptor.digest}]
        if not newer:
            return None
        index = ReferrersIndex.parse(read(entry.descriptor))
        for item in reversed(newer):
            index = _read(item.store, item.entry).joined(index)
        descriptor, raw = index.encode()
        old = frozenset(item.entry.digest for item in tagged)
        return Relisted(old=old, entry=replace(entry, descriptor=descriptor), raw=raw)


def relisted_since(
    now: Callable[[], Store], entries: Iterable[Entry], known: Collection[Digest], read: Callable[[Descriptor], bytes]
) -> list[Relisted]:
    """The referrers indexes among `entries` with what others listed under their tags, in the layout as it is `now`.

    To be called under the lock of the layout, so that of two writers none loses what the other one attached. `known`:
    the indexes that `entries` replace; `read` gives the bytes of those of `entries`. Only of those that change.
    Raises ContentError.
    """
    made = [entry for entry in entries if entry.tag is not None and is_referrers_tag(entry.tag)]
    made = [entry for entry in made if entry.descriptor.media_type == IMAGE_INDEX]
    tags = LayoutReferrersTags(now() if made else None)
    found = (tags.joined(entry, read, known) for entry in made)
    return [item for item in found if item is not None]


def relisted_entries(entries: Iterable[Entry], newer: Iterable[Relisted]) -> list[Entry]:
    """`entries` with the newer indexes of their referrers tags."""
    by_tag = {item.entry.tag: item.entry for item in newer}
    return [by_tag.get(entry.tag, entry) for entry in entries]


def _read(store: Store, entry: Descriptor) -> ReferrersIndex:
    try:
        return ReferrersIndex.parse(read_verified(store, entry))
    except (ContentError, FormatError) as error:
        raise ContentError(
            "content.malformed",
            f"the layout keeps referrers under a tag, {safe(entry.annotations[REF_NAME], limit=160)}, that cannot be "
            f"read: {safe(error)}",
            digest=str(entry.digest),
        ) from None


def with_referrers_tags(plan: CopyPlan, layout: Store | None) -> tuple[CopyPlan, frozenset[Digest]]:
    """The plan with an index of referrers for every subject that has some, and the indexes that these replace.

    `layout`: the destination as it is, where there is one: what its tags list stays listed. Raises ContentError.
    """
    tags = LayoutReferrersTags(layout)
    listed: dict[Digest, dict[Digest, ListedReferrer]] = {}
    for artifact in plan.artifacts:
        for item in artifact.attached:
            if item.tag is None:
                listed.setdefault(item.subject, {})[item.descriptor.digest] = item
    nodes = dict(plan.nodes)
    entries: dict[Digest, Entry] = {}
    replaced: set[Digest] = set()
    for subject, items in sorted(listed.items()):
        added = [_listed(items[digest], nodes) for digest in sorted(items)]
        made = tags.relisted(subject, added, known=tuple)
        assert made is not None  # noqa: S101 - `known` makes one where there is none
        entries[subject] = made.entry
        replaced |= made.old
        descriptor = made.entry.descriptor
        nodes[key_of(descriptor)] = Node(
            descriptor=descriptor,
            source=MemoryBlobs({descriptor.digest: made.raw}),
            manifest=parse_manifest(made.raw, IMAGE_INDEX),
            below=tuple(key_of(item.descriptor) for item in items.values()),
        )
    artifacts = tuple(_with(artifact, entries) for artifact in plan.artifacts)
    return CopyPlan(artifacts=artifacts, nodes=nodes), frozenset(replaced)


def _listed(item: ListedReferrer, nodes: Mapping[Key, Node]) -> Descriptor:
    """The referrer in the form of a referrers list: with effective type and annotations (distribution-spec)."""
    node = nodes.get(key_of(item.descriptor))
    annotations = node.manifest.annotations if node is not None and node.manifest is not None else {}
    return replace(item.descriptor, artifact_type=item.artifact_type, annotations=annotations, data=None)


def _with(artifact: PlannedArtifact, entries: Mapping[Digest, Entry]) -> PlannedArtifact:
    if artifact.error is not None:
        return artifact
    mine = [entries[subject] for subject in sorted({item.subject for item in artifact.attached}) if subject in entries]
    keys = {key_of(entry.descriptor) for entry in mine}
    return replace(artifact, keys=artifact.keys | keys, also=(*artifact.also, *mine))
