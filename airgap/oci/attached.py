"""Tells attachments of an image from content that could run in its place.

hauler puts signatures, attestations and SBOMs beside the image, under the name of the image. That must not make the
name ambiguous. But an image that claims to be a signature must not be overlooked. So the claim does not decide: content
that a runtime could unpack is no attachment.
"""

from __future__ import annotations

from typing import Final

from airgap.errors import ContentError, FormatError
from airgap.oci.descriptor import DOCKER_CONFIG, DOCKER_MANIFEST, EMPTY_CONFIG, IMAGE_CONFIG, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.manifest import Index, Manifest
from airgap.oci.store import Store

KIND: Final = "kind"
"""The annotation by which hauler and `cosign save` distinguish entries."""
_KIND_PREFIXES: Final = ("dev.hauler/", "dev.cosignproject.cosign/")
_IMAGES: Final = frozenset({"image", "imageIndex"})
_SUFFIXES: Final = {"sigs": "sig", "atts": "att", "sboms": "sbom"}
_SUBJECT: Final = "hauler.dev/subject-digest"
"""The annotation by which hauler, from 2.1 on, says to which image of an index an attachment belongs."""
_COSIGN_LAYERS: Final = {
    "application/vnd.dev.cosign.simplesigning.v1+json": "sig",
    "application/vnd.dsse.envelope.v1+json": "att",
}
IMAGE_CONFIGS: Final = frozenset({IMAGE_CONFIG, DOCKER_CONFIG})
_IMAGE_LAYERS: Final = (
    "application/vnd.oci.image.layer.",
    "application/vnd.docker.image.rootfs.",
    "application/vnd.erofs",
)
_FILE_SYSTEM: Final = ".erofs"
"""How other types of layers that containerd mounts as they are end, before any suffix."""
_ENCRYPTED: Final = "+encrypted"
"""podman decrypts layers of such a type, whatever precedes it; no other tool can tell what they unpack to."""
_MODULES: Final = ("+wasm", "/wasm")
_MODULE: Final = b"\0asm"
"""The first bytes of a WebAssembly module (its core specification, 5.5.16)."""


def says_attached(descriptor: Descriptor, manifest: Manifest | Index) -> bool:
    """Whether an entry says that it is attached to something: it may be an image all the same (`is_runnable`)."""
    return manifest.subject is not None or cosign_suffix(descriptor, manifest) is not None or _is_of_kind(descriptor)


def is_runnable(store: Store, manifest: Manifest | Index) -> bool:
    """Whether a runtime could run it: an index, or an image without layers, or with a layer that can be unpacked.

    containerd decides by the types of layers, which may be file systems of EROFS; others by the type of the config, or
    in Docker's manifests by no type, and some by the bytes of the layers alone. runwasi runs modules under any config.
    """
    if not isinstance(manifest, Manifest):
        return True
    if has_image_layers(manifest) or any(may_run(layer.media_type) for layer in manifest.layers):
        return True
    if manifest.config is None:
        return False
    if manifest.media_type != DOCKER_MANIFEST and manifest.config.media_type not in IMAGE_CONFIGS:
        return False
    return not manifest.layers or any(_unpacks(store, layer) for layer in manifest.layers)


def has_image_layers(manifest: Manifest) -> bool:
    """Whether it lists layers of an image, by their types, and a config that could describe them."""
    return any(_is_image_layer(layer.media_type) for layer in manifest.layers) and not _has_empty_config(manifest)


def _is_image_layer(media_type: str) -> bool:
    base = media_type.partition("+")[0]
    return media_type.startswith(_IMAGE_LAYERS) or base.endswith(_FILE_SYSTEM) or media_type.endswith(_ENCRYPTED)


def may_run(media_type: str) -> bool:
    """Whether a layer of this type makes a manifest runnable, whatever its config is."""
    return media_type.endswith(_MODULES)


def is_stated_image(manifest: Manifest) -> bool:
    """Whether it is an image by the types that it states. `is_runnable` does not rely on stated types."""
    if manifest.layers:
        return has_image_layers(manifest)
    return manifest.config is not None and manifest.config.media_type in IMAGE_CONFIGS


def cosign_suffix(descriptor: Descriptor, manifest: Manifest | Index) -> str | None:
    """The suffix of its cosign tag (`sig`, `att`, `sbom`), by its layers or hauler's annotation."""
    layers = manifest.layers if isinstance(manifest, Manifest) else ()
    found = {_COSIGN_LAYERS.get(layer.media_type) for layer in layers}
    suffix = found.pop() if len(found) == 1 else None
    return suffix or _SUFFIXES.get((_kind(descriptor) or "").partition("/")[0])


def stated_subject(descriptor: Descriptor) -> Digest | None:
    """The digest that hauler's annotation names as the subject of an attachment; None if there is no readable one."""
    head, _, encoded = (_kind(descriptor) or "").partition("/")
    try:
        return Digest.parse(descriptor.annotations.get(_SUBJECT) or (f"sha256:{encoded}" if head in _SUFFIXES else ""))
    except FormatError:
        return None


def is_image_kind(descriptor: Descriptor) -> bool:
    """Whether hauler, or `cosign save`, says of an entry that it is the image that others are attached to."""
    return _kind(descriptor) in _IMAGES


def _is_of_kind(descriptor: Descriptor) -> bool:
    kind = _kind(descriptor)
    return kind is not None and kind not in _IMAGES


def _kind(descriptor: Descriptor) -> str | None:
    kind = descriptor.annotations.get(KIND, "")
    prefix = next((prefix for prefix in _KIND_PREFIXES if kind.startswith(prefix)), None)
    return kind.removeprefix(prefix) if prefix else None


def _has_empty_config(manifest: Manifest) -> bool:
    """As oras writes it beside files that it calls layers of an image: `{}` lists no layers, so none is unpacked.

    Its type is oras' own, or that of the artifact.
    """
    return manifest.config is not None and manifest.config.digest == EMPTY_CONFIG.digest


def _unpacks(store: Store, layer: Descriptor) -> bool:
    """Whether a runtime could unpack it, or run it as it is."""
    from airgap.oci.tar_header import BLOCK  # seldom needed

    try:
        with store.open(layer.digest) as file:
            head = file.read(BLOCK) or b""
            return head.startswith(_MODULE) or begins_as_layer(head)
    except (ContentError, OSError):
        return True  # it cannot be examined, so it counts as runnable


def begins_as_layer(head: bytes) -> bool:
    """Whether a runtime could unpack what begins with this block."""
    from airgap.oci.recognise import is_packed, is_tar_header  # seldom needed

    # nothing at all, and blocks of zeros, are an empty tar
    return not head.strip(b"\0") or is_packed(head) or is_tar_header(head)


_SBOM: Final = ("spdx", "cyclonedx", "syft", "sbom")
_ATTESTATION: Final = ("in-toto", "dsse", "attestation", "provenance", "slsa")
_ORDER: Final = ("sig", "cosign sig", "sigstore bundle", "sbom", "att", "crl", "ocsp", "evidence", "record")
_OTHER: Final = "other"


def kind_of_types(types: str) -> str:
    """What has these types, in a word for people: `sbom`, `att` or `other`."""
    types = types.lower()
    if any(word in types for word in _SBOM):
        return "sbom"
    return "att" if any(word in types for word in _ATTESTATION) else _OTHER


def by_kind(item: tuple[str, int]) -> tuple[int, str]:
    """A key to sort numbers of kinds by: signatures first, what is not known last."""
    kind, _ = item
    if kind in _ORDER:
        return _ORDER.index(kind), kind
    return (len(_ORDER) + (kind == _OTHER), kind)
