"""A trust snapshot: the content of a trust directory at an instant, as one OCI artifact (docs/reference/snapshot.md).

The manifest has one layer a file; a layer's title is the file's relative path, checked against the few paths that a
trust directory has. The config states stream, number, moment, what the evidence covers and until when, and the digest
of every file once more, so that it can be read without the layers. The same files, stream, number and moment give the
same bytes.
"""

from __future__ import annotations

import json as writer
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from airgap import limits
from airgap.errors import FormatError, TrustMaterialError
from airgap.oci.descriptor import CREATED, IMAGE_MANIFEST, TITLE, Descriptor
from airgap.oci.manifest import Index, Manifest, parse_manifest
from airgap.oci.store import Store, read_verified
from airgap.parse import json
from airgap.parse.json_members import refuse_unknown
from airgap.parse.time import iso, rfc3339
from airgap.revocation.freshness import PIECE_KINDS, PieceKind
from airgap.text import safe
from airgap.trust.snapshots.material import MaterialFile, Part, check_together, largest, part_of

SNAPSHOT_TYPE: Final = "application/vnd.airgap.trust.snapshot.v1"
"""artifactType of a snapshot's manifest."""
CONFIG_TYPE: Final = "application/vnd.airgap.trust.snapshot.config.v1+json"
CONFIG_SCHEMA: Final = "airgap.trust-snapshot/1"
LARGEST_NUMBER: Final = 2**53 - 1
"""The largest integer that every JSON reader represents exactly."""

_LAYER_TYPES: Final[Mapping[Part, str]] = {
    Part.POLICY: "application/vnd.airgap.trust.policy.v1+json",
    Part.ANCHOR: "application/vnd.airgap.trust.certificates.v1",
    Part.CRL: "application/pkix-crl",
    Part.OCSP: "application/ocsp-response",
    Part.CRL_INDEX: "application/vnd.airgap.trust.evidence-index.v1+json",
    Part.OCSP_INDEX: "application/vnd.airgap.trust.evidence-index.v1+json",
}
_STREAM = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,64}", re.ASCII)
_STREAM_CHARACTERS: Final = 64
_MEMBERS: Final = ("schema", "stream", "number", "created", "useBy", "coverage", "files")
_COVERED: Final = ("file", "kind", "issuer", "number", "thisUpdate", "nextUpdate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """One piece of evidence with its unverified facts for people."""

    file: str
    """Its path in the snapshot."""
    kind: PieceKind
    issuer: str
    """Who made it, for people (safe for a terminal)."""
    number: int | None
    this_update: datetime
    next_update: datetime | None

    def to_json(self) -> dict[str, Any]:
        """The object as the config has it."""
        return {
            "file": self.file,
            "kind": self.kind,
            "issuer": self.issuer,
            # RFC 5280, 5.2.3: up to 20 octets, more than every JSON reader holds exactly
            "number": None if self.number is None else str(self.number),
            "thisUpdate": iso(self.this_update),
            "nextUpdate": iso(self.next_update) if self.next_update else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The content of a snapshot's manifest and config: claims until the signature of a pinned signer is verified."""

    stream: str
    number: int
    created: datetime
    use_by: datetime | None
    """When the first of the newest pieces of evidence goes stale; None without dated evidence."""
    coverage: tuple[Covered, ...]
    files: tuple[MaterialFile, ...]
    """In the order of paths."""
    descriptor: Descriptor
    """Of the manifest."""
    config: Descriptor
    layers: Mapping[str, Descriptor] = field(repr=False)
    """By path."""

    @property
    def evidence_only(self) -> bool:
        """Whether it has no anchors and no policy: issuers sign evidence, so the snapshot needs no signature."""
        return all(file.part.is_evidence for file in self.files)

    @property
    def name(self) -> str:
        """`stream/number`, for sentences."""
        return f"{self.stream}/{self.number}"

    @property
    def tag(self) -> str:
        """The tag that it gets in a layout."""
        return f"{self.stream}-{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A new snapshot, as bytes; the layers are the files themselves."""

    snapshot: Snapshot
    config: bytes
    manifest: bytes

    @classmethod
    def of(
        cls,
        files: Iterable[MaterialFile],
        *,
        stream: str,
        number: int,
        created: datetime,
        use_by: datetime | None,
        coverage: Sequence[Covered],
    ) -> Self:
        """The snapshot of these files. Raises FormatError where a reader would refuse it."""
        ordered = sorted(files, key=lambda file: file.path)
        config = _dump(
            {
                "schema": CONFIG_SCHEMA,
                "stream": stream,
                "number": number,
                "created": iso(created),
                "useBy": iso(use_by) if use_by else None,
                "coverage": [covered.to_json() for covered in coverage],
                "files": {file.path: str(file.digest) for file in ordered},
            }
        )
        described = Descriptor.of(CONFIG_TYPE, config)
        manifest = _dump(
            {
                "schemaVersion": 2,
                "mediaType": IMAGE_MANIFEST,
                "artifactType": SNAPSHOT_TYPE,
                "config": described.to_json(),
                "layers": [_layer(file).to_json() for file in ordered],
                "annotations": {CREATED: iso(created)},
            }
        )
        if len(config) > limits.MANIFEST_BYTES or len(manifest) > limits.MANIFEST_BYTES:
            raise FormatError("the snapshot has too many files for one manifest")
        descriptor = Descriptor.of(IMAGE_MANIFEST, manifest, artifact_type=SNAPSHOT_TYPE)
        # the result is read once, so that no snapshot is made that cannot be applied
        return cls(
            snapshot=parse_snapshot(descriptor, parse_manifest(manifest, IMAGE_MANIFEST), config),
            config=config,
            manifest=manifest,
        )


def is_snapshot(manifest: Manifest | Index) -> bool:
    """Whether the manifest says that it is a trust snapshot, well-formed or not."""
    return manifest.artifact_type == SNAPSHOT_TYPE


def read_snapshot(store: Store, descriptor: Descriptor, manifest: Manifest | Index) -> Snapshot:
    """The snapshot that a manifest in `store` describes, every rule of its form checked.

    The layers are not looked at. Raises TrustMaterialError(snapshot.malformed), ContentError.
    """
    try:
        config = _config_of(manifest)
        return parse_snapshot(descriptor, manifest, read_verified(store, config, limits.MANIFEST_BYTES))
    except FormatError as error:
        raise TrustMaterialError(
            "snapshot.malformed",
            f"{descriptor.digest} is no trust snapshot that can be used: {error}",
            remedy=error.remedy,
            digest=str(descriptor.digest),
        ) from None


def parse_snapshot(descriptor: Descriptor, manifest: Manifest | Index, config: bytes) -> Snapshot:
    """Compares manifest and config. Raises FormatError."""
    described = _config_of(manifest)
    if not isinstance(manifest, Manifest):
        raise FormatError("is an index, not a manifest", remedy=_OTHER_ARTIFACT)
    if described.media_type != CONFIG_TYPE:
        raise FormatError(f"is {safe(described.media_type, limit=128)!r}, not {CONFIG_TYPE}", where="config")
    if manifest.subject is not None:
        raise FormatError("has a subject; a snapshot belongs to nothing else")
    layers = _layers(manifest)
    document = json.load_object(config, json.Reading.OWN, what="config")
    json.refuse_case_doubles(document)
    refuse_unknown(document, _MEMBERS)
    if (schema := json.take(document, "schema", str)) != CONFIG_SCHEMA:
        raise FormatError(f"is {safe(schema, limit=64)!r}, not {CONFIG_SCHEMA!r}", where="schema")
    files = tuple(
        MaterialFile(path=path, part=part_of(path), digest=layer.digest, size=layer.size)
        for path, layer in layers.items()
    )
    _check_table(document, layers)
    return Snapshot(
        stream=parse_stream(json.take(document, "stream", str)),
        number=parse_number(json.take(document, "number", int)),
        created=rfc3339(json.take(document, "created", str), where="created"),
        use_by=_moment(document, "useBy"),
        coverage=json.take_list(document, "coverage", _covered, limit=limits.SNAPSHOT_FILES),
        files=files,
        descriptor=descriptor,
        config=described,
        layers=layers,
    )


def parse_stream(text: str) -> str:
    """The name of a stream. Raises FormatError."""
    if not _STREAM.fullmatch(text) or len(text) > _STREAM_CHARACTERS:
        raise FormatError(
            f"{safe(text, limit=64)!r} is no name of a stream: lower-case letters and digits, with single . _ - "
            f"between them, at most {_STREAM_CHARACTERS}",
            where="stream",
        )
    return text


def parse_number(number: int) -> int:
    """The number of a snapshot, from 1. Raises FormatError."""
    if not 1 <= number <= LARGEST_NUMBER:
        raise FormatError(f"{number} is no number from 1 to {LARGEST_NUMBER}", where="number")
    return number


def _config_of(manifest: Manifest | Index) -> Descriptor:
    if not isinstance(manifest, Manifest) or manifest.config is None:
        raise FormatError("is an index or an old artifact manifest, and no snapshot", remedy=_OTHER_ARTIFACT)
    if manifest.declared_artifact_type != SNAPSHOT_TYPE:
        stated = safe(manifest.artifact_type, limit=128)
        raise FormatError(f"has the artifact type {stated!r}, not {SNAPSHOT_TYPE}", remedy=_OTHER_ARTIFACT)
    return manifest.config


_OTHER_ARTIFACT: Final = (
    "Name the layout of a snapshot (airgap trust snapshot create makes one). Images and other artifacts are judged by "
    "airgap verify."
)


def _layers(manifest: Manifest) -> dict[str, Descriptor]:
    layers: dict[str, Descriptor] = {}
    for number, layer in enumerate(manifest.layers):
        where = f"layers[{number}]"
        path = layer.annotations.get(TITLE)
        if path is None:
            raise FormatError(f"has no title ({TITLE})", where=where)
        try:
            part = part_of(path)
        except FormatError as error:
            raise error.under(where) from None
        if layer.media_type != _LAYER_TYPES[part]:
            raise FormatError(f"is {safe(layer.media_type, limit=128)!r}, not {_LAYER_TYPES[part]}", where=where)
        if layer.digest.algorithm != "sha256" or layer.urls or layer.data is not None:
            raise FormatError("is not a plain descriptor with a sha256 digest", where=where)
        if layer.size > largest(part):
            raise FormatError(f"has {layer.size} bytes, more than {largest(part)}", where=where)
        layers[path] = layer
    if list(layers) != sorted(layers) or len(layers) != len(manifest.layers):
        raise FormatError("are not in the order of their titles, each once", where="layers")
    if not layers:
        raise FormatError("is empty: a snapshot of nothing", where="layers")
    if sum(layer.size for layer in layers.values()) > limits.SNAPSHOT_BYTES:
        raise FormatError(f"have more than {limits.SNAPSHOT_BYTES} bytes together", where="layers")
    check_together(layers)
    return layers


def _check_table(document: json.JsonObject, layers: Mapping[str, Descriptor]) -> None:
    table = dict(json.take_strings(document, "files"))
    if table != {path: str(layer.digest) for path, layer in layers.items()}:
        raise FormatError("does not list the layers of the manifest", where="files")


def _covered(value: Any) -> Covered:
    source = json.as_object(value)
    refuse_unknown(source, _COVERED)
    return Covered(
        file=part_checked(json.take(source, "file", str)),
        kind=json.take_one_of(source, "kind", PIECE_KINDS),
        issuer=safe(json.take(source, "issuer", str)),
        number=_number(source),
        this_update=rfc3339(json.take(source, "thisUpdate", str), where="thisUpdate"),
        next_update=_moment(source, "nextUpdate"),
    )


def part_checked(path: str) -> str:
    """`path`, if it is one of evidence. Raises FormatError."""
    if part_of(path) not in {Part.CRL, Part.OCSP}:
        raise FormatError(f"{safe(path, limit=160)!r} is no piece of evidence", where="file")
    return path


def _number(source: json.JsonObject) -> int | None:
    if source.get("number") is None:
        return None
    text = json.take(source, "number", str)
    if not _DIGITS.fullmatch(text):
        raise FormatError("is not a whole number", where="number")
    return int(text)


def _moment(source: json.JsonObject, member: str) -> datetime | None:
    if member not in source:
        raise FormatError("is missing", where=member)
    return None if source[member] is None else rfc3339(json.take(source, member, str), where=member)


def _layer(file: MaterialFile) -> Descriptor:
    return Descriptor(
        media_type=_LAYER_TYPES[file.part], digest=file.digest, size=file.size, annotations={TITLE: file.path}
    )


def _dump(document: Any) -> bytes:
    return writer.dumps(document, separators=(",", ":"), ensure_ascii=True, sort_keys=True).encode()
