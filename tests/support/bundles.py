"""A document of a bundle, valid by default."""

from __future__ import annotations

from typing import Any

from airgap.bundle.bundle_document import (
    BundledArtifact,
    BundleDocument,
    BundledPlatform,
    BundledReferrer,
    blobs_of,
)
from airgap.oci.descriptor import IMAGE_MANIFEST, Descriptor
from airgap.oci.digest import Digest
from tests.support.pki import AT

IMAGE = Descriptor.of(IMAGE_MANIFEST, b"image")
SIGNATURE, SBOM, LAYER = (Digest.of(name) for name in (b"signature", b"sbom", b"layer"))


def build(**changes: Any) -> BundleDocument:
    artifact = BundledArtifact(
        name="registry.example/app",
        tags=("v1",),
        descriptor=IMAGE,
        total=40,
        platforms=(BundledPlatform(platform="linux/amd64", digest=IMAGE.digest),),
        absent=(BundledPlatform(platform="linux/arm64", digest=Digest.of(b"elsewhere")),),
        signatures=(SIGNATURE,),
        attachments=(BundledReferrer(digest=SBOM, artifact_type="application/spdx+json"),),
        use_by=AT,
    )
    sizes = [(IMAGE.digest, IMAGE.size), (SIGNATURE, 9), (SBOM, 8), (LAYER, 5)]
    members: dict[str, Any] = {
        "tool": "0.1.0",
        "created": AT,
        "stream": "monthly",
        "number": 4,
        "use_by": AT,
        "artifacts": (artifact,),
        "blobs": blobs_of(sizes),
        **changes,
    }
    return BundleDocument(**members)
