"""The document of a bundle, `airgap.bundle/1`: what a layout carries (docs/reference/bundle.md).

It proves nothing: it lets people see what a bundle carries, and tools find what is missing. The same content, stream,
number and moment give the same bytes. It does not know volumes (`oci/volume_table.py`): a bundle is the same on
media of any size. A delta has a `base`: what its receiver is said to hold, and is not in the layout.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, Self

from airgap import limits
from airgap.errors import FormatError
from airgap.oci.descriptor import ACQUISITION, NOTARY_SIGNATURE, Descriptor
from airgap.oci.digest import Digest
from airgap.parse import json
from airgap.parse.json_members import refuse_unknown
from airgap.parse.time import iso, rfc3339
from airgap.revocation.artifact import EVIDENCE_TYPE
from airgap.text import safe, some
from airgap.trust.snapshots.snapshot_document import parse_number, parse_stream

BUNDLE_TYPE: Final = "application/vnd.airgap.bundle.v1+json"
"""Artifact type of its manifest, and media type of its only layer."""
BUNDLE_SCHEMA: Final = "airgap.bundle/1"
_SINCE_SHOWN: Final = 3
JUDGED_TYPES: Final = frozenset({NOTARY_SIGNATURE, ACQUISITION, EVIDENCE_TYPE, BUNDLE_TYPE})
"""Types of artifacts whose blobs are read before any layer: each volume of a layout holds them."""
_MEMBERS: Final = ("schema", "tool", "stream", "number", "created", "useBy", "artifacts", "blobs", "base")
_ARTIFACT: Final = (
    "name", "tags", "mediaType", "digest", "size", "bytes", "platforms", "absent", "signatures", "attachments", "useBy",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class BundledPlatform:
    """An image for one platform."""

    platform: str
    digest: Digest

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Raises FormatError."""
        source = json.as_object(value)
        refuse_unknown(source, ("platform", "digest"))
        return cls(platform=json.take(source, "platform", str), digest=_digest(source))

    def to_json(self) -> dict[str, Any]:
        """The object."""
        return {"platform": self.platform, "digest": str(self.digest)}


@dataclass(frozen=True, slots=True, kw_only=True)
class BundledReferrer:
    """What refers to an artifact, to one of its children or to such a referrer: a signature, an SBOM, evidence."""

    digest: Digest
    artifact_type: str | None

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Raises FormatError."""
        source = json.as_object(value)
        refuse_unknown(source, ("digest", "artifactType"))
        return cls(digest=_digest(source), artifact_type=json.take_optional(source, "artifactType", str))

    def to_json(self) -> dict[str, Any]:
        """The object."""
        stated = {} if self.artifact_type is None else {"artifactType": self.artifact_type}
        return {"digest": str(self.digest), **stated}


@dataclass(frozen=True, slots=True, kw_only=True)
class BundledArtifact:
    """One artifact, as the sender had it."""

    name: str | None
    """The repository that it comes from; None where none is known."""
    tags: tuple[str, ...]
    """Its tags in that repository."""
    descriptor: Descriptor
    total: int
    """Bytes of everything that it reaches, what is attached included."""
    platforms: tuple[BundledPlatform, ...] = ()
    absent: tuple[BundledPlatform, ...] = ()
    """Platforms that it lists and that were left out on purpose."""
    signatures: tuple[Digest, ...] = ()
    """Manifests of signatures about the artifact itself."""
    attachments: tuple[BundledReferrer, ...] = ()
    """All else that is attached."""
    use_by: datetime | None = None
    """When the first thing ends that its judgement needs; None where nothing does, or nothing was judged."""

    @property
    def references(self) -> tuple[str, ...]:
        """Its names, or its digest where it has none; safe to show."""
        digest = self.descriptor.digest
        if self.tags:
            return tuple(safe(f"{self.name}:{tag}" if self.name else tag) for tag in self.tags)
        return (safe(f"{self.name}@{digest}") if self.name else str(digest),)

    @property
    def named(self) -> frozenset[Digest]:
        """Its manifest, and the manifests that are listed below it."""
        below = (*(item.digest for item in self.platforms), *(item.digest for item in self.attachments))
        return frozenset((self.descriptor.digest, *self.signatures, *below))

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Raises FormatError."""
        source = json.as_object(value)
        refuse_unknown(source, _ARTIFACT)
        most = limits.REFERRERS_BELOW
        return cls(
            name=json.take_optional(source, "name", str),
            tags=json.take_list(source, "tags", json.text, limit=limits.INDEX_ENTRIES),
            descriptor=Descriptor(
                media_type=json.take(source, "mediaType", str), digest=_digest(source), size=_natural(source, "size")
            ),
            total=_natural(source, "bytes"),
            platforms=json.take_list(source, "platforms", BundledPlatform.from_json, limit=limits.INDEX_ENTRIES),
            absent=json.take_list(source, "absent", BundledPlatform.from_json, limit=limits.INDEX_ENTRIES),
            signatures=json.take_list(source, "signatures", _digest_of, limit=most),
            attachments=json.take_list(source, "attachments", BundledReferrer.from_json, limit=most),
            use_by=_moment(source, "useBy"),
        )

    def to_json(self) -> dict[str, Any]:
        """The object."""
        return {
            **({} if self.name is None else {"name": self.name}),
            "tags": list(self.tags),
            "mediaType": self.descriptor.media_type,
            "digest": str(self.descriptor.digest),
            "size": self.descriptor.size,
            "bytes": self.total,
            "platforms": [item.to_json() for item in self.platforms],
            "absent": [item.to_json() for item in self.absent],
            "signatures": [str(item) for item in self.signatures],
            "attachments": [item.to_json() for item in self.attachments],
            **({} if self.use_by is None else {"useBy": iso(self.use_by)}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class BundledBlob:
    """One content: a manifest or a blob."""

    digest: Digest
    size: int

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Raises FormatError."""
        source = json.as_object(value)
        refuse_unknown(source, ("digest", "size"))
        return cls(digest=_digest(source), size=_natural(source, "size"))

    def to_json(self) -> dict[str, Any]:
        """The object."""
        return {"digest": str(self.digest), "size": self.size}


BaseKind = Literal["receipt", "bundle", "request"]
_KINDS: Final[tuple[BaseKind, ...]] = ("receipt", "bundle", "request")


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseSource:
    """By what the maker of a delta knew what its receiver holds."""

    kind: BaseKind
    digest: Digest
    """Of the bytes of a receipt or request, or of the artifact of a bundle."""
    created: datetime
    name: str | None = None
    """The site of a receipt or request, `stream/number` of a bundle; None where it has none."""

    @property
    def text(self) -> str:
        """It in a sentence; safe to show."""
        name = f" {safe(self.name, limit=100)}" if self.name else ""
        return f"the {self.kind}{name} made {iso(self.created)}"

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Raises FormatError."""
        source = json.as_object(value)
        refuse_unknown(source, ("kind", "digest", "created", "name"))
        return cls(
            kind=json.take_one_of(source, "kind", _KINDS),
            digest=_digest(source),
            created=rfc3339(json.take(source, "created", str), where="created"),
            name=json.take_optional(source, "name", str),
        )

    def to_json(self) -> dict[str, Any]:
        """The object."""
        named = {} if self.name is None else {"name": self.name}
        return {"kind": self.kind, "digest": str(self.digest), "created": iso(self.created), **named}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaBase:
    """What a delta leaves out: layers of its artifacts that its receiver is said to hold."""

    since: tuple[BaseSource, ...]
    held: tuple[BundledBlob, ...]
    """Not in the layout. That the receiver has them is a claim, which an import looks after."""

    @property
    def total(self) -> int:
        """Bytes that are left out."""
        return sum(blob.size for blob in self.held)

    @property
    def left_out(self) -> str:
        """In a few words, how much that is."""
        return f"{len(self.held)} layers of {self.total} bytes"

    @property
    def text(self) -> str:
        """In a sentence, since what it is a delta; safe to show."""
        return some([source.text for source in self.since], _SINCE_SHOWN, joined=" and ")

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Raises FormatError."""
        source = json.as_object(value)
        refuse_unknown(source, ("since", "held"))
        return cls(
            since=json.take_list(source, "since", BaseSource.from_json, limit=limits.DELTA_BASES),
            held=json.take_list(source, "held", BundledBlob.from_json, limit=limits.BUNDLE_BLOBS),
        )

    def to_json(self) -> dict[str, Any]:
        """The object."""
        return {"since": [item.to_json() for item in self.since], "held": [item.to_json() for item in self.held]}


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleDocument:
    """What a bundle says of itself. All of it is a claim of its maker."""

    tool: str
    """The version of the program that made it."""
    created: datetime
    stream: str | None = None
    """The stream of bundles that it is one of; its bundles are numbered."""
    number: int | None = None
    use_by: datetime | None = None
    """The earliest of its artifacts."""
    artifacts: tuple[BundledArtifact, ...]
    blobs: tuple[BundledBlob, ...]
    """Everything that is in the layout for it, but the bundle artifact and what refers to that."""
    base: DeltaBase | None = None
    """Of a delta: what is not in the layout; None where all is."""

    @property
    def total(self) -> int:
        """Bytes of all contents, each once."""
        return sum(blob.size for blob in self.blobs)

    @property
    def name(self) -> str:
        """The bundle in a sentence: its place in its stream, and its moment."""
        stream = f" {self.stream}/{self.number}," if self.stream else ""
        return f"the {'delta' if self.base else 'bundle'}{stream} made {iso(self.created)}"

    def dump(self) -> bytes:
        """The document. Raises FormatError where a reader would refuse it."""
        raw = json.dump(
            {
                "schema": BUNDLE_SCHEMA,
                "tool": {"name": "airgap", "version": self.tool},
                **({} if self.stream is None else {"stream": self.stream, "number": self.number}),
                "created": iso(self.created),
                **({} if self.use_by is None else {"useBy": iso(self.use_by)}),
                "artifacts": [item.to_json() for item in self.artifacts],
                "blobs": [item.to_json() for item in self.blobs],
                **({} if self.base is None else {"base": self.base.to_json()}),
            }
        )
        self.parse(raw)
        return raw

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Raises FormatError, also for members that are not known and lists that do not fit each other."""
        document = json.load_object(raw, json.Reading.OWN, limit=limits.BUNDLE_BYTES, what="bundle document")
        if (schema := json.take(document, "schema", str)) != BUNDLE_SCHEMA:
            raise FormatError(f"is {safe(schema, limit=64)!r}, not {BUNDLE_SCHEMA!r}", where="schema")
        refuse_unknown(document, _MEMBERS)
        stream = json.take_optional(document, "stream", str)
        number = json.take_optional(document, "number", int)
        if (stream is None) != (number is None):
            raise FormatError("a stream and a number belong together", where="stream")
        found = cls(
            tool=json.take(json.take(document, "tool", dict), "version", str),
            created=rfc3339(json.take(document, "created", str), where="created"),
            stream=None if stream is None else parse_stream(stream),
            number=None if number is None else parse_number(number),
            use_by=_moment(document, "useBy"),
            artifacts=json.take_list(document, "artifacts", BundledArtifact.from_json, limit=limits.INDEX_ENTRIES),
            blobs=json.take_list(document, "blobs", BundledBlob.from_json, limit=limits.BUNDLE_BLOBS),
            base=DeltaBase.from_json(document["base"]) if "base" in document else None,
        )
        found._check()
        return found

    def _check(self) -> None:
        """Raises FormatError where what it lists does not fit together."""
        check_order([blob.digest for blob in self.blobs], "blobs")
        sizes = {blob.digest: blob.size for blob in self.blobs}
        for place, item in enumerate(self.artifacts):
            where = f"artifacts[{place}]"
            if unlisted := sorted(item.named - sizes.keys()):
                raise FormatError(f"{unlisted[0]} is not among the blobs", where=where)
            if sizes[item.descriptor.digest] != item.descriptor.size:
                raise FormatError("is not that of its blob", where=f"{where}.size")
        ends = [item.use_by for item in self.artifacts if item.use_by is not None]
        if self.use_by != min(ends, default=None):
            raise FormatError("is not the earliest of the artifacts", where="useBy")
        if self.base is not None:
            check_order([blob.digest for blob in self.base.held], "base.held")
            if not self.base.since:
                raise FormatError("names nothing", where="base.since")
            if both := next((blob.digest for blob in self.base.held if blob.digest in sizes), None):
                raise FormatError(f"{both} is said to be here and to be held elsewhere", where="base.held")


def check_order(digests: Sequence[Digest], where: str) -> None:
    """Raises FormatError where digests are not in their order, each once."""
    for place in range(1, len(digests)):
        if not digests[place - 1] < digests[place]:
            raise FormatError("is not in the order of digests, each once", where=f"{where}[{place}]")


def blobs_of(sizes: Collection[tuple[Digest, int]]) -> tuple[BundledBlob, ...]:
    """The table of contents, in its order."""
    return tuple(BundledBlob(digest=digest, size=size) for digest, size in sorted(set(sizes)))


def _digest(source: json.JsonObject) -> Digest:
    return _digest_of(json.take(source, "digest", str))


def _digest_of(value: Any) -> Digest:
    return Digest.parse(json.text(value))


def _natural(source: json.JsonObject, member: str) -> int:
    number = json.take(source, member, int)
    if number < 0:
        raise FormatError("is negative", where=member)
    return number


def _moment(source: json.JsonObject, member: str) -> datetime | None:
    stated = json.take_optional(source, member, str)
    return None if stated is None else rfc3339(stated, where=member)
