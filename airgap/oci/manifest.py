"""Manifests and indexes: the raw bytes and the parsed members (LAYOUT-12: bytes are identity)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from airgap import limits
from airgap.errors import FormatError
from airgap.oci.descriptor import (
    ARTIFACT_MANIFESTS,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    DOCKER_SCHEMA_1,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    INDEX_TYPES,
    MANIFEST_TYPES,
    Descriptor,
)
from airgap.parse.json import JsonObject, Reading, has_member, load_object, take, take_list, take_optional, take_strings
from airgap.text import safe

_SCHEMA_VERSION: Final = 2

SCHEMA_1: Final = "is a Docker manifest of schema 1, which is not read; convert the image at its source"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """An image manifest (OCI or Docker schema 2), or one of the withdrawn artifact manifests."""

    raw: bytes
    """As received; never re-serialised."""
    media_type: str
    config: Descriptor | None
    """None in artifact manifests only."""
    layers: tuple[Descriptor, ...]
    blobs: tuple[Descriptor, ...]
    """Artifact manifests have these instead of config and layers."""
    subject: Descriptor | None
    declared_artifact_type: str | None
    """The member `artifactType`; absent and empty are the same (distribution-spec, Listing Referrers)."""
    annotations: Mapping[str, str]

    @property
    def artifact_type(self) -> str | None:
        """The effective type: `artifactType`, else the config's media type (LAYOUT-13)."""
        return self.declared_artifact_type or (self.config.media_type if self.config else None)

    def successors(self) -> tuple[tuple[str, Descriptor], ...]:
        """The descriptors in it, each with its place (`config`, `layers[2]`), without the subject."""
        found = [("config", self.config)] if self.config else []
        found += [(f"layers[{number}]", layer) for number, layer in enumerate(self.layers)]
        found += [(f"blobs[{number}]", blob) for number, blob in enumerate(self.blobs)]
        return tuple(found)

    def children(self) -> tuple[tuple[str, Descriptor], ...]:
        """Those of them that are manifests: none, but in what is odd."""
        if MANIFEST_TYPES.isdisjoint([item.media_type for item in (*self.layers, *self.blobs)]) and not (
            self.config and self.config.is_manifest
        ):
            return ()
        return tuple((place, item) for place, item in self.successors() if item.is_manifest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An image index or Docker manifest list, or a layout's `index.json`."""

    raw: bytes
    media_type: str
    manifests: tuple[Descriptor, ...]
    subject: Descriptor | None
    artifact_type: str | None
    """The member `artifactType`; an index has no other type (LAYOUT-13)."""
    annotations: Mapping[str, str]
    unreadable: tuple[FormatError, ...] = ()
    """Entries of a layout's `index.json` that are no descriptors: they do not stop the others (D27, MAN-34)."""

    def successors(self) -> tuple[tuple[str, Descriptor], ...]:
        """Its entries, each with its place: the platform where it names one, else `manifests[2]`."""
        return tuple(
            (str(entry.platform or "") or f"manifests[{number}]", entry) for number, entry in enumerate(self.manifests)
        )

    def children(self) -> tuple[tuple[str, Descriptor], ...]:
        """Those of them that are manifests."""
        return tuple((place, item) for place, item in self.successors() if item.is_manifest)


def parse_manifest(raw: bytes, media_type: str) -> Manifest | Index:
    """The manifest or index in the content of a descriptor with `media_type`. Raises FormatError or LimitError.

    The descriptor decides how the bytes are read. A document with another media type, or one that could be read as
    both a manifest and an index, is refused (CVE-2021-41190).
    """
    if media_type not in MANIFEST_TYPES:
        raise FormatError(f"{safe(media_type, limit=160)!r} is not the type of a manifest or index")
    if media_type in DOCKER_SCHEMA_1:
        raise FormatError(SCHEMA_1)
    what = "index" if media_type in INDEX_TYPES else "manifest"
    document = load_object(raw, Reading.OPEN, what=what)
    _check_kind(document, media_type)
    if media_type in INDEX_TYPES:
        entries = take_list(document, "manifests", Descriptor.from_json, limit=limits.INDEX_ENTRIES)
        return _index(raw, document, media_type, entries)
    return _manifest(raw, document, media_type)


def parse_layout_index(raw: bytes, what: str = "layout's index.json") -> Index:
    """A layout's `index.json`, or a list of referrers. Raises FormatError or LimitError where it is no index.

    An entry that is no descriptor goes to `unreadable` with its place and the rest is read: one bad entry must
    not make a layout unusable (MAN-34).
    """
    document = load_object(raw, Reading.OPEN, limit=limits.LAYOUT_INDEX_BYTES, what=what)
    _check_kind(document, IMAGE_INDEX)
    unreadable: list[FormatError] = []
    entries: list[Descriptor] = []
    listed = take_list(document, "manifests", lambda item: item, limit=limits.INDEX_ENTRIES)
    for number, entry in enumerate(listed):
        try:
            entries.append(Descriptor.from_json(entry))
        except FormatError as error:
            unreadable.append(error.under(f"manifests[{number}]"))
    return _index(raw, document, IMAGE_INDEX, tuple(entries), tuple(unreadable))


def _check_kind(document: JsonObject, media_type: str) -> None:
    stated = take_optional(document, "mediaType", str)
    if stated and stated != media_type:
        raise FormatError(f"is {safe(stated, limit=160)!r}, but its descriptor says {media_type!r}", where="mediaType")
    if media_type not in ARTIFACT_MANIFESTS:
        version = take(document, "schemaVersion", int)
        if version != _SCHEMA_VERSION:
            raise FormatError(f"is {version}, not {_SCHEMA_VERSION}", where="schemaVersion")
    if foreign := has_member(document, _FOREIGN_MEMBERS[media_type]):
        shown = safe(foreign, limit=64)
        raise FormatError(f"it can be read in two ways: {media_type!r} has no member {shown!r}")


# in lower case, because readers in Go ignore the case of names
_FOREIGN_MEMBERS: Final = {
    IMAGE_INDEX: frozenset({"config", "layers", "fslayers", "blobs"}),
    DOCKER_LIST: frozenset({"config", "layers", "fslayers", "blobs"}),
    IMAGE_MANIFEST: frozenset({"manifests", "fslayers"}),
    DOCKER_MANIFEST: frozenset({"manifests", "fslayers"}),
    **dict.fromkeys(ARTIFACT_MANIFESTS, frozenset({"manifests", "config", "layers", "fslayers"})),
}


def _index(
    raw: bytes,
    document: JsonObject,
    media_type: str,
    entries: tuple[Descriptor, ...],
    unreadable: tuple[FormatError, ...] = (),
) -> Index:
    return Index(
        raw=raw,
        media_type=media_type,
        manifests=entries,
        subject=_subject(document, media_type),
        artifact_type=take_optional(document, "artifactType", str) or None,
        annotations=take_strings(document, "annotations"),
        unreadable=unreadable,
    )


def _manifest(raw: bytes, document: JsonObject, media_type: str) -> Manifest:
    if media_type in ARTIFACT_MANIFESTS:
        config: Descriptor | None = None
        layers: tuple[Descriptor, ...] = ()
        blobs = take_list(document, "blobs", Descriptor.from_json, limit=limits.LAYERS, required=False)
    else:
        config = _descriptor(document, "config")
        layers = take_list(document, "layers", Descriptor.from_json, limit=limits.LAYERS)
        blobs = ()
    return Manifest(
        raw=raw,
        media_type=media_type,
        config=config,
        layers=layers,
        blobs=blobs,
        subject=_subject(document, media_type),
        declared_artifact_type=take_optional(document, "artifactType", str) or None,
        annotations=take_strings(document, "annotations"),
    )


def _subject(document: JsonObject, media_type: str) -> Descriptor | None:
    # LAYOUT-14: Docker's types have no subject; a member of that name means nothing there
    if media_type in {DOCKER_MANIFEST, DOCKER_LIST} or take_optional(document, "subject", dict) is None:
        return None
    return _descriptor(document, "subject")


def _descriptor(document: JsonObject, member: str) -> Descriptor:
    try:
        return Descriptor.from_json(take(document, member, dict))
    except FormatError as error:
        raise error if error.where == member else error.under(member) from None
