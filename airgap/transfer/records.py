"""Makes the acquisition records of a copy into a layout or tar."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from airgap import limits
from airgap.errors import AirgapError, FormatError, LimitError
from airgap.oci.descriptor import ACQUISITION, CREATED, EMPTY_CONFIG, NO_CONFIG, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.manifest import parse_manifest
from airgap.oci.manifest_writer import write_manifest
from airgap.oci.record import CopiedReferrer, FoundRecord, LeftOut, Record, RecordedLookup
from airgap.parse.json import dump
from airgap.parse.time import iso
from airgap.text import safe
from airgap.transfer.endpoint import Entry, FoundReferrers, Source
from airgap.transfer.origins import is_cosign
from airgap.transfer.plan import CopyPlan, Key, Node, PlannedArtifact, Selection, nodes_of
from airgap.transfer.sources import MemoryBlobs

_PROBLEMS: Final = 10


@dataclass(slots=True)
class Records:
    """The records of one copy."""

    tool: str
    at: datetime
    selection: Selection
    present: Mapping[Digest, Sequence[FoundRecord]] = field(default_factory=dict)
    """The records of the destination, by artifact."""
    there: Source | None = None
    """The destination, if it is written as a whole: one of its records that says the same belongs to the plan."""
    replaced: set[Digest] = field(default_factory=set)
    """Records of the destination that new ones replace."""
    _written: dict[tuple[Digest, str | None], list[Record]] = field(default_factory=dict)
    """The new records, by artifact and repository: several tags of one repository may name the same artifact."""

    def add_to(self, plan: CopyPlan) -> CopyPlan:
        """The plan with a record for every artifact that needs one."""
        nodes = dict(plan.nodes)
        artifacts = [self._with_record(planned, nodes) for planned in plan.artifacts]
        return CopyPlan(artifacts=tuple(artifacts), nodes=nodes)

    def _with_record(self, planned: PlannedArtifact, nodes: dict[Key, Node]) -> PlannedArtifact:
        found = planned.wanted
        if planned.error is not None or not found.descriptor.is_manifest or is_cosign(found):
            return planned
        record = self._record(planned)
        if record is None:
            return planned
        if isinstance(record, FoundRecord):
            descriptor, new = _carried(record, found.source)
        else:
            # one for each repository: the same content from another repository has another record
            known = [item for item in self.present.get(record.artifact.digest, ()) if item.record.name == record.name]
            written = self._written.setdefault((record.artifact.digest, record.name), [])
            if any(record.says_the_same(other) for other in written):
                return planned
            if any(record.says_the_same(other.record) for other in known[:1]):
                if self.there is None:
                    return planned  # the record would have nothing new, and a copy without changes writes nothing
                descriptor, new = _carried(known[0], self.there)
            else:
                self.replaced |= {item.descriptor.digest for item in known}
                descriptor, new = _written(record)
            written.append(record)
        nodes.update((key, node) for key, node in new.items() if key not in nodes)
        return replace(planned, keys=planned.keys | new.keys(), also=(*planned.also, Entry(descriptor=descriptor)))

    def _record(self, planned: PlannedArtifact) -> Record | FoundRecord | None:
        mode = _mode(self.selection)
        found, before = planned.wanted, planned.wanted.record
        if found.from_layout and mode == "all" and not planned.problems and not _leaves_out(planned, before):
            return before
        old = before.record if before else None
        came = _copied_referrers(planned)
        return Record(
            tool=self.tool,
            time=self.at,
            kind="layout" if found.from_layout else "registry",
            name=found.repository.name if found.repository else None,
            # a path of this machine is private
            reference=found.reference if not found.from_layout else (old.reference if old else "a layout"),
            artifact=found.descriptor,
            mode=old.mode if old is not None and mode == "all" else mode,
            artifact_types=tuple(sorted(self.selection.artifact_types)) or (old.artifact_types if old else ()),
            depth=self.selection.depth if self.selection.depth is not None else (old.depth if old else None),
            digest_tags=self.selection.digest_tags or bool(old and old.digest_tags),
            lookups=tuple(
                _recorded(looked, planned, came)
                for looked in sorted(planned.referrers, key=lambda item: item.lookup.subject)
            ),
            platforms=tuple(str(item) for item in self.selection.platforms) or (old.platforms if old else ()),
            absent=tuple(LeftOut(digest=item.digest, platform=_platform(item)) for item in planned.left_out),
            elsewhere=tuple(replace(item.bare, urls=item.urls) for item in planned.elsewhere[: limits.LAYERS]),
        )


def _leaves_out(planned: PlannedArtifact, before: FoundRecord | None) -> bool:
    """Whether something stays behind that the record of the source does not name."""
    platforms = before.record.declared_absent() if before else frozenset[Digest]()
    layers = {item.digest for item in before.record.elsewhere} if before else frozenset[Digest]()
    return not (
        {item.digest for item in planned.left_out} <= platforms
        and {item.digest for item in planned.elsewhere[: limits.LAYERS]} <= layers
    )


def _sentences(problems: Sequence[AirgapError]) -> tuple[str, ...]:
    """A bounded number of them, so that the record stays readable."""
    more = len(problems) - _PROBLEMS
    told = tuple(safe(problem) for problem in problems[:_PROBLEMS])
    return (*told, f"and {more} more") if more > 0 else told


def _mode(selection: Selection) -> str:
    if not selection.referrers:
        return "excluded"
    return "filtered" if selection.artifact_types or selection.depth is not None else "all"


def _recorded(
    found: FoundReferrers, planned: PlannedArtifact, came: Mapping[Digest, Sequence[CopiedReferrer]]
) -> RecordedLookup:
    lookup = found.lookup
    return RecordedLookup(
        lookup=replace(lookup, notes=tuple(safe(note) for note in lookup.notes)),
        copied=sum(attached.subject == lookup.subject for attached in planned.attached),
        problems=_sentences(found.problems),
        came=tuple(came.get(lookup.subject, ())),
    )


def _copied_referrers(planned: PlannedArtifact) -> Mapping[Digest, Sequence[CopiedReferrer]]:
    """The copied referrers by their subject; those of other subjects than the artifact up to a bound."""
    artifact = planned.wanted.descriptor.digest
    order = sorted(planned.attached, key=lambda item: item.descriptor.digest)
    own = [item for item in order if item.subject == artifact]
    below = [item for item in order if item.subject != artifact]
    came: defaultdict[Digest, list[CopiedReferrer]] = defaultdict(list)
    for item in (*own[: limits.REFERRERS], *below[: limits.RECORDED_BELOW]):
        came[item.subject].append(CopiedReferrer(digest=item.descriptor.digest, artifact_type=item.artifact_type))
    return came


def _platform(descriptor: Descriptor) -> str:
    return str(descriptor.platform) if descriptor.platform else "unknown"


def record_contents(record: Record) -> tuple[Descriptor, dict[Digest, bytes]]:
    """The manifest of the record, and all its contents including the manifest. Raises LimitError."""
    raw = dump(record.to_json())
    try:
        Record.parse(raw)
    except FormatError as error:  # who reads it would refuse it
        raise LimitError(
            f"{record.artifact.digest}: its acquisition record would not be read: {error}",
            remedy="Copy without the record: --no-record. Or copy the children of the index in several runs.",
        ) from None
    layer = Descriptor.of(ACQUISITION, raw)
    stated = {CREATED: iso(record.time)}
    descriptor, manifest = write_manifest(ACQUISITION, [layer], subject=record.artifact, annotations=stated)
    return descriptor, {descriptor.digest: manifest, layer.digest: raw, EMPTY_CONFIG.digest: NO_CONFIG}


def _written(record: Record) -> tuple[Descriptor, dict[Key, Node]]:
    descriptor, contents = record_contents(record)
    manifest = parse_manifest(contents[descriptor.digest], descriptor.media_type)
    return descriptor, nodes_of(descriptor, manifest, MemoryBlobs(contents))


def _carried(found: FoundRecord, source: Source) -> tuple[Descriptor, dict[Key, Node]]:
    """A record of the source, copied unchanged."""
    entry = replace(found.descriptor.bare, artifact_type=found.manifest.artifact_type)
    return entry, nodes_of(entry, found.manifest, source)
