"""Descriptors: what points at content (image-spec descriptor.md), and the media types that mean something here."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple, Self, TypedDict

from airgap import limits
from airgap.errors import FormatError
from airgap.oci.digest import Digest
from airgap.parse.base64 import decode_standard, encode_standard
from airgap.parse.json import NO_STRINGS, JsonObject, take, take_list, take_optional, take_strings, text_or_null
from airgap.text import safe

IMAGE_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
IMAGE_INDEX: Final = "application/vnd.oci.image.index.v1+json"
ARTIFACT_MANIFEST: Final = "application/vnd.oci.artifact.manifest.v1+json"
"""Withdrawn from the specification, still read (MAN-11)."""
ORAS_ARTIFACT_MANIFEST: Final = "application/vnd.cncf.oras.artifact.manifest.v1+json"
"""Its predecessor. It is read, so that attachments are copied and shown; signatures in it are not judged."""
ARTIFACT_MANIFESTS: Final = frozenset({ARTIFACT_MANIFEST, ORAS_ARTIFACT_MANIFEST})
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
IMAGE_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
DOCKER_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
EMPTY: Final = "application/vnd.oci.empty.v1+json"
SIGNATURE_MANIFESTS: Final = frozenset({IMAGE_MANIFEST, ARTIFACT_MANIFEST})
"""Types of what can be a signature: MAN-2, MAN-3, MAN-11."""
NOTARY_SIGNATURE: Final = "application/vnd.cncf.notary.signature"
JWS_ENVELOPE: Final = "application/jose+json"
COSE_ENVELOPE: Final = "application/cose"
ACQUISITION: Final = "application/vnd.airgap.acquisition.v1+json"
EVIDENCE: Final = "application/vnd.airgap.evidence.v1"

DOCKER_SCHEMA_1: Final = frozenset(
    {
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    }
)
"""It lists layers in another form, which is not read. It is refused, so that no layer goes unchecked."""

INDEX_TYPES: Final = frozenset({IMAGE_INDEX, DOCKER_LIST})
MANIFEST_TYPES: Final = (
    frozenset({IMAGE_MANIFEST, DOCKER_MANIFEST}) | ARTIFACT_MANIFESTS | INDEX_TYPES | DOCKER_SCHEMA_1
)
"""Media types whose content points further; everything else is opaque (LAYOUT-2, LAYOUT-14)."""
ENVELOPE_TYPES: Final = frozenset({JWS_ENVELOPE, COSE_ENVELOPE})
EXTERNAL_LAYERS: Final = frozenset(
    {
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    }
)
"""Layers that a registry need not hold: they may be left out of a copy."""

NOTARY_ANNOTATIONS: Final = "io.cncf.notary."
"""How the names of annotations begin that only manifests of signatures have."""

TITLE: Final = "org.opencontainers.image.title"
"""The annotation of a layer with the name of the file that oras writes it to."""
CREATED: Final = "org.opencontainers.image.created"
REF_NAME: Final = "org.opencontainers.image.ref.name"
"""The annotation of `index.json` entries that holds a tag (LAYOUT-6)."""

CONTAINERD_NAME: Final = "io.containerd.image.name"
"""The annotation by which `ctr image import` and `docker load` name an image, with or without a tag beside it."""

BASE_NAME: Final = "org.opencontainers.image.base.name"
"""The name of the image that another one is built on. zarf takes it for the name of an entry without a ref.name."""

_LARGEST_SIZE: Final = 2**63 - 1
# RFC 6838, section 4.2, as image-spec's schema has it; parameters are taken too, because writers add them
_MEDIA_TYPE: Final = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}(?: ?;[ -~]{1,128})?", re.ASCII
)


def essence(media_type: str) -> str:
    """The media type without parameters, in lower case, as many tools compare it (RFC 9110, 8.3.1)."""
    return media_type.partition(";")[0].strip().lower()


@lru_cache(maxsize=1024)
def is_media_type(text: str) -> bool:
    """Whether it has the form of a media type. Few texts are asked for, again and again."""
    return _MEDIA_TYPE.fullmatch(text) is not None


class Platform(NamedTuple):
    """The platform of an entry of an index."""

    architecture: str
    os: str
    os_version: str | None = None
    os_features: tuple[str, ...] = ()
    variant: str | None = None

    @classmethod
    def from_json(cls, source: JsonObject) -> Self:
        """Raises FormatError."""
        return cls(
            # no platform without them can be asked for, but every reader in Go accepts it
            architecture=take_optional(source, "architecture", str) or "",
            os=take_optional(source, "os", str) or "",
            os_version=take_optional(source, "os.version", str),
            os_features=take_list(source, "os.features", text_or_null, limit=64, required=False),
            variant=take_optional(source, "variant", str),
        )

    def to_json(self) -> dict[str, Any]:
        """The object as image-index.md has it."""
        members: dict[str, Any] = {"architecture": self.architecture, "os": self.os}
        if self.os_version is not None:
            members["os.version"] = self.os_version
        if self.os_features:
            members["os.features"] = list(self.os_features)
        if self.variant is not None:
            members["variant"] = self.variant
        return members

    def __str__(self) -> str:
        """`os/architecture[/variant]`, made safe to show."""
        parts = (self.os, self.architecture, self.variant)
        return "/".join(safe(part, limit=32) for part in parts if part)


# the keys by which content is counted, grouped and remembered: each leaves out what may differ for its purpose
Claims = tuple[Digest, str, int, bytes | None]
"""Digest, media type, size and embedded content: all that decides how content is read."""
ContentKey = tuple[Digest, str, int]
"""Digest, media type and size: by these, two descriptors name the same content (MAN-31, PAY-6)."""
ManifestKey = tuple[Digest, str]
"""Digest and media type: by these, a registry names a manifest. A wrong size does not make it another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """What points at content: its type, digest and size in bytes; the rest are hints."""

    media_type: str
    digest: Digest
    size: int
    artifact_type: str | None = None
    annotations: Mapping[str, str] = field(default_factory=lambda: NO_STRINGS, hash=False)
    platform: Platform | None = None
    urls: tuple[str, ...] = ()
    data: bytes | None = None
    """Embedded content, as received and not yet compared with `digest` (LAYOUT-5)."""

    @classmethod
    def of(
        cls,
        media_type: str,
        raw: bytes,
        *,
        artifact_type: str | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> Self:
        """The descriptor of these bytes."""
        return cls(
            media_type=media_type,
            digest=Digest.of(raw),
            size=len(raw),
            artifact_type=artifact_type,
            annotations=annotations or {},
        )

    @classmethod
    def from_json(cls, source: Any) -> Self:
        """The descriptor that a parsed JSON value holds. Raises FormatError naming the member."""
        if not isinstance(source, dict):
            raise FormatError("is not a descriptor object")
        if source.keys() == _REQUIRED and type(source) is dict:
            return cls(media_type=_media_type(source), digest=_digest(source), size=_size(source))
        return cls(media_type=_media_type(source), digest=_digest(source), size=_size(source), **_hints(source))

    def to_json(self) -> dict[str, Any]:
        """The object as descriptor.md has it; for new documents only, received ones are never rewritten."""
        members: dict[str, Any] = {"mediaType": self.media_type, "digest": str(self.digest), "size": self.size}
        if self.urls:
            members["urls"] = list(self.urls)
        if self.annotations:
            members["annotations"] = dict(self.annotations)
        if self.data is not None:
            members["data"] = encode_standard(self.data)
        if self.platform is not None:
            members["platform"] = self.platform.to_json()
        if self.artifact_type is not None:
            members["artifactType"] = self.artifact_type
        return members

    def same_content(self, other: Descriptor) -> bool:
        """Whether both name the same content: media type, digest and size (MAN-31, PAY-6)."""
        return self.content_key == other.content_key

    @property
    def bare(self) -> Descriptor:
        """Only media type, digest and size."""
        return Descriptor(media_type=self.media_type, digest=self.digest, size=self.size)

    @property
    def claims(self) -> Claims:
        """What decides how its content is read: descriptors with the same claims need to be followed once only."""
        return self.digest, self.media_type, self.size, self.data

    @property
    def content_key(self) -> ContentKey:
        """See `same_content`."""
        return self.digest, self.media_type, self.size

    @property
    def manifest_key(self) -> ManifestKey:
        """What a manifest is known by, whatever its size is said to be."""
        return self.digest, self.media_type

    @property
    def is_manifest(self) -> bool:
        """Whether the media type is that of a manifest or index."""
        return self.media_type in MANIFEST_TYPES

    @property
    def is_external(self) -> bool:
        """Whether the content may be missing here: a foreign layer, or a layer with URLs."""
        return self.media_type in EXTERNAL_LAYERS


_REQUIRED: Final = frozenset({"mediaType", "digest", "size"})
"""Most descriptors in manifests have nothing else."""

NO_CONFIG: Final = b"{}"
"""What a manifest that needs no config has in its place."""
EMPTY_CONFIG: Final = Descriptor.of(EMPTY, NO_CONFIG)


def check_hints(source: JsonObject) -> None:
    """The members of a descriptor beside its type, digest and size are what descriptor.md says. Raises FormatError."""
    _hints(source)


class _Hints(TypedDict):
    artifact_type: str | None
    annotations: Mapping[str, str]
    platform: Platform | None
    urls: tuple[str, ...]
    data: bytes | None


def _hints(source: JsonObject) -> _Hints:
    platform = take_optional(source, "platform", dict)
    data = take_optional(source, "data", str)
    return _Hints(
        artifact_type=take_optional(source, "artifactType", str) or None,
        annotations=take_strings(source, "annotations"),
        platform=None if platform is None else _platform(platform),
        urls=take_list(source, "urls", text_or_null, limit=limits.DESCRIPTOR_URLS, required=False),
        data=decode_standard(data, where="data") if data else None,
    )


def _media_type(source: JsonObject) -> str:
    media_type = take(source, "mediaType", str)
    if not is_media_type(media_type):
        raise FormatError(f"{safe(media_type, limit=160)!r} is not a media type", where="mediaType")
    return sys.intern(media_type)  # few types, in each descriptor


def _digest(source: JsonObject) -> Digest:
    try:
        return Digest.parse(take(source, "digest", str))
    except FormatError as error:
        raise error if error.where else error.under("digest") from None


def _size(source: JsonObject) -> int:
    size = take(source, "size", int)
    if not 0 <= size <= _LARGEST_SIZE:
        raise FormatError(f"{size} is not a size in bytes", where="size")
    return size


def _platform(source: JsonObject) -> Platform:
    try:
        return Platform.from_json(source)
    except FormatError as error:
        raise error.under("platform") from None
