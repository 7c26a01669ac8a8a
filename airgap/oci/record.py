"""The acquisition record: where an artifact was copied from, what was looked for, and what was left out.

It is stored in the layout as a referrer of the artifact. So every tool that copies referrers keeps it, and no tool
takes it for an artifact of its own. docs/reference/acquisition-record.md describes the format.

It is a claim of the writer of the layout. It can name the policy scope (decision 0023) and explain what is missing. It
makes no signature valid and no content correct.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Self

from airgap import limits
from airgap.errors import AirgapError, FormatError
from airgap.oci.descriptor import ACQUISITION, IMAGE_MANIFEST, NOTARY_SIGNATURE, Claims, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.lookup import ReferrersLookup
from airgap.oci.manifest import Manifest, parse_manifest
from airgap.oci.nodes import Referrer
from airgap.oci.problems import ContentProblem
from airgap.oci.store import Store, read_verified
from airgap.parse.json import JsonObject, Reading, as_object, load_object, take, take_list, take_optional, text
from airgap.parse.time import iso, rfc3339
from airgap.text import safe, some

SCHEMA: Final = "airgap.acquisition/1"
_SHOWN: Final = 5
_MODES: Final = ("all", "filtered", "excluded")


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedReferrer:
    """A referrer of the artifact that was copied along."""

    digest: Digest
    artifact_type: str | None

    @classmethod
    def from_json(cls, source: Any) -> Self:
        """Raises FormatError."""
        source = as_object(source)
        return cls(
            digest=Digest.parse(take(source, "digest", str)), artifact_type=take_optional(source, "artifactType", str)
        )

    def to_json(self) -> dict[str, Any]:
        """The object."""
        return _known({"digest": str(self.digest), "artifactType": self.artifact_type})

    def __str__(self) -> str:
        """For messages; safe for a terminal."""
        return f"{self.digest} ({safe(self.artifact_type or 'of a type that was not stated', limit=128)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedLookup:
    """How the referrers of one subject were looked up, and which were copied."""

    lookup: ReferrersLookup
    copied: int = 0
    problems: tuple[str, ...] = ()
    """Referrers that were listed and not copied."""
    came: tuple[CopiedReferrer, ...] = ()
    """The copied referrers; older records have only their number, or name only those of the artifact itself."""

    @classmethod
    def from_json(cls, source: Any) -> Self:
        """Raises FormatError."""
        source = as_object(source)
        return cls(
            lookup=ReferrersLookup(
                subject=Digest.parse(take(source, "subject", str)),
                mechanism=take_optional(source, "mechanism", str),
                api_status=take_optional(source, "apiStatus", int),
                tag_status=take_optional(source, "tagStatus", int),
                listed=take(source, "listed", int),
                notes=_texts(source, "notes"),
            ),
            copied=take(source, "copied", int),
            problems=_texts(source, "problems"),
            came=take_list(source, "came", CopiedReferrer.from_json, limit=limits.REFERRERS, required=False),
        )

    def to_json(self) -> dict[str, Any]:
        """The object, as docs/reference has it."""
        return _known(
            {
                "subject": str(self.lookup.subject),
                "mechanism": self.lookup.mechanism,
                "apiStatus": self.lookup.api_status,
                "tagStatus": self.lookup.tag_status,
                "listed": self.lookup.listed,
                "copied": self.copied,
                "notes": list(self.lookup.notes),
                "problems": list(self.problems),
                "came": [item.to_json() for item in self.came] or None,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A child of an index that was not chosen."""

    digest: Digest
    platform: str

    @classmethod
    def from_json(cls, source: Any) -> Self:
        """Raises FormatError."""
        source = as_object(source)
        return cls(digest=Digest.parse(take(source, "digest", str)), platform=take(source, "platform", str))

    def to_json(self) -> dict[str, Any]:
        """The object."""
        return {"digest": str(self.digest), "platform": self.platform}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One acquisition of one artifact."""

    tool: str
    time: datetime
    kind: str
    """`registry` or `layout`: where it came from last."""
    name: str | None
    """The repository that it was copied from, `registry.example/app`: the policy scope. None where none is known."""
    reference: str
    """The reference that the operator typed."""
    artifact: Descriptor
    mode: str
    """Of referrers: `all`, `filtered` (by type or depth), `excluded`."""
    artifact_types: tuple[str, ...] = ()
    depth: int | None = None
    digest_tags: bool = False
    lookups: tuple[RecordedLookup, ...] = ()
    platforms: tuple[str, ...] = ()
    """The chosen platforms; empty means all."""
    absent: tuple[LeftOut, ...] = ()
    elsewhere: tuple[Descriptor, ...] = ()
    """Non-distributable layers that the source did not hold; the first of very many."""

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Raises FormatError if it is no record of this version."""
        document = load_object(raw, Reading.OPEN, what="acquisition record")
        schema = take(document, "schema", str)
        if schema != SCHEMA:
            raise FormatError(f"is {schema!r}, not {SCHEMA!r}", where="schema")
        source = take(document, "source", dict)
        referrers = take(document, "referrers", dict)
        platforms = take(document, "platforms", dict)
        mode = take(referrers, "mode", str)
        if mode not in _MODES:
            raise FormatError(f"is {mode!r}, none of {', '.join(_MODES)}", where="referrers.mode")
        return cls(
            tool=take(take(document, "tool", dict), "version", str),
            time=rfc3339(take(document, "time", str)),
            kind=take(source, "kind", str),
            name=take_optional(source, "name", str),
            reference=take(source, "reference", str),
            artifact=Descriptor.from_json(take(document, "artifact", dict)),
            mode=mode,
            artifact_types=_texts(referrers, "artifactTypes"),
            depth=take_optional(referrers, "depth", int),
            digest_tags=take(referrers, "digestTags", bool),
            lookups=take_list(referrers, "answers", RecordedLookup.from_json, limit=limits.REFERRERS),
            platforms=_texts(platforms, "chosen"),
            absent=take_list(platforms, "absent", LeftOut.from_json, limit=limits.INDEX_ENTRIES),
            elsewhere=take_list(document, "elsewhere", Descriptor.from_json, limit=limits.LAYERS, required=False),
        )

    def to_json(self) -> dict[str, Any]:
        """The document, as docs/reference/acquisition-record.md has it."""
        return {
            "schema": SCHEMA,
            "tool": {"name": "airgap", "version": self.tool},
            "time": iso(self.time),
            **self.facts(),
        }

    def facts(self) -> dict[str, Any]:
        """Its members without the writer and the time."""
        elsewhere = [item.to_json() for item in self.elsewhere]
        return {
            "source": _known({"kind": self.kind, "name": self.name, "reference": self.reference}),
            "artifact": self.artifact.bare.to_json(),
            "platforms": {"chosen": list(self.platforms), "absent": [item.to_json() for item in self.absent]},
            "referrers": _known(
                {
                    "mode": self.mode,
                    "artifactTypes": list(self.artifact_types),
                    "depth": self.depth,
                    "digestTags": self.digest_tags,
                    "answers": [item.to_json() for item in self.lookups],
                }
            ),
            **({"elsewhere": elsewhere} if elsewhere else {}),
        }

    def says_the_same(self, other: Record) -> bool:
        """Whether it has the same facts as `other`; the writer, the time and the tag do not matter."""
        return replace(self, tool=other.tool, time=other.time, reference=other.reference) == other

    def declared_absent(self) -> frozenset[Digest]:
        """Manifests that were left out on purpose."""
        return frozenset(item.digest for item in self.absent)

    def lost(self, here: Collection[Digest]) -> tuple[CopiedReferrer, ...]:
        """Referrers that were copied with the artifact and are not among those `here` now."""
        return _absent(self._of_artifact(), here)

    def lost_below(self, known: Container[Digest]) -> tuple[CopiedReferrer, ...]:
        """Copied referrers of its children and of referrers that are not `known`: all that the layout leads to."""
        return _absent((answer for answer in self.lookups if answer.lookup.subject != self.artifact.digest), known)

    def left_behind(self, here: Collection[Digest]) -> str | None:
        """Why the source may have signatures although none is here; None if the record shows no such reason.

        `here`: the digests of all referrers of the artifact in this layout, without records. The text completes the
        sentence "the artifact has no signature here: ".
        """
        of_artifact = self._of_artifact()
        if self.mode == "excluded":
            return "when it was copied, signatures and other referrers were excluded"
        if self.mode == "filtered" and self.artifact_types and NOTARY_SIGNATURE not in self.artifact_types:
            return f"when it was copied, only referrers of other types were taken ({', '.join(self.artifact_types)})"
        if self.mode == "filtered" and self.depth == 0:
            return "when it was copied, no referrers were looked for (depth 0)"
        if any(answer.lookup.mechanism is None or answer.problems for answer in of_artifact):
            return "when it was copied, its referrers could not all be read, and the copy went on without them"
        if lost := self.lost_signature(here):
            return lost
        copied = sum(answer.copied for answer in of_artifact)
        if copied > len(here) and not any(answer.came for answer in of_artifact):
            return f"when it was copied, {copied} referrers came with it, of which {len(here)} are here now"
        return None

    def lost_signature(self, here: Collection[Digest]) -> str | None:
        """Why there is no signature, if one came along, or what may be one, and is not `here`; else None."""
        signatures = [item for item in self.lost(here) if item.artifact_type in {NOTARY_SIGNATURE, None}]
        return f"when it was copied, it came with {some_referrers(signatures)}, not here now" if signatures else None

    def found_none(self) -> bool:
        """Whether the registry was asked for the referrers of the artifact itself and listed no signature."""
        answers = self._of_artifact()
        return self.kind == "registry" and bool(answers) and all(_without_signature(answer) for answer in answers)

    def _of_artifact(self) -> list[RecordedLookup]:
        return [answer for answer in self.lookups if answer.lookup.subject == self.artifact.digest]


def _absent(answers: Iterable[RecordedLookup], here: Container[Digest]) -> tuple[CopiedReferrer, ...]:
    return tuple(item for answer in answers for item in answer.came if item.digest not in here)


def _without_signature(answer: RecordedLookup) -> bool:
    types = {item.artifact_type for item in answer.came}
    return answer.lookup.listed == len(answer.came) and types.isdisjoint({NOTARY_SIGNATURE, None})


def some_referrers(items: Collection[CopiedReferrer]) -> str:
    """Some of them, for a message."""
    return some(list(items), _SHOWN)


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """A record in a layout."""

    descriptor: Descriptor
    manifest: Manifest
    record: Record


def find_records(
    store: Store, graph: Graph, artifact: Descriptor, report: Callable[[ContentProblem], object]
) -> tuple[FoundRecord, ...]:
    """The records about `artifact`, the newest first. Unreadable records are skipped, because a record proves nothing.

    `report` is called with unreadable content that may be a referrer of the artifact.
    """
    found = _records(store, graph.referrers(artifact).readable(report), artifact)
    return tuple(sorted(found, key=_newest_last, reverse=True))


def newest_record(
    store: Store, graph: Graph, artifact: Descriptor, report: Callable[[ContentProblem], object]
) -> Record | None:
    """The newest record about `artifact`; None if there is none. `report`: see `find_records`."""
    found = find_records(store, graph, artifact, report)
    return found[0].record if found else None


def _records(store: Store, referrers: Collection[Referrer], artifact: Descriptor) -> Iterator[FoundRecord]:
    known: dict[Claims, Record | None] = {}  # thousands of manifests may share one layer
    for referrer in referrers:
        manifest = referrer.manifest
        if referrer.artifact_type != ACQUISITION or not isinstance(manifest, Manifest) or len(manifest.layers) != 1:
            continue
        layer = manifest.layers[0]
        key = layer.claims
        if key not in known:
            known[key] = _read_record(store, layer)
        record = known[key]
        if record is not None and record.artifact.same_content(artifact):
            yield FoundRecord(referrer.descriptor, manifest, record)


def _read_record(store: Store, layer: Descriptor) -> Record | None:
    try:
        return Record.parse(read_verified(store, layer))
    except AirgapError:
        return None


def _newest_last(found: FoundRecord) -> tuple[datetime, Digest]:
    return (
        found.record.time,
        found.descriptor.digest,
    )  # the digest makes the order of two records of one second definite


def listed_records(store: Store) -> dict[Digest, list[FoundRecord]]:
    """The records that `index.json` lists, by artifact, the newest first; nothing else is read."""
    found: dict[Digest, list[FoundRecord]] = {}
    for entry in store.index().manifests:
        if entry.artifact_type != ACQUISITION or entry.media_type != IMAGE_MANIFEST:
            continue
        try:
            manifest = parse_manifest(read_verified(store, entry), entry.media_type)
            if isinstance(manifest, Manifest) and len(manifest.layers) == 1:
                record = Record.parse(read_verified(store, manifest.layers[0]))
                found.setdefault(record.artifact.digest, []).append(FoundRecord(entry, manifest, record))
        except AirgapError:
            continue  # a record proves nothing; a copy writes a new one
    for records in found.values():
        records.sort(key=_newest_last, reverse=True)
    return found


def _known(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _texts(source: JsonObject, member: str) -> tuple[str, ...]:
    return take_list(source, member, text, limit=limits.REFERRERS)
