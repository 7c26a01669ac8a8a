"""The acquisition record as content: the manifest that refers to the artifact, and what it needs."""

from __future__ import annotations

from typing import Final

from airgap.oci.descriptor import ACQUISITION, EMPTY, IMAGE_MANIFEST, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.record import CREATED, Record, bare
from airgap.parse.json import dump
from airgap.parse.time import iso

_NO_CONFIG: Final = b"{}"


def record_contents(record: Record) -> tuple[Descriptor, dict[Digest, bytes]]:
    """The manifest that refers to the artifact, and every content that it needs, the manifest included."""
    raw = dump(record.to_json())
    layer = Descriptor(media_type=ACQUISITION, digest=Digest.of(raw), size=len(raw))
    config = Descriptor(media_type=EMPTY, digest=Digest.of(_NO_CONFIG), size=len(_NO_CONFIG))
    manifest = dump(
        {
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "artifactType": ACQUISITION,
            "config": config.to_json(),
            "layers": [layer.to_json()],
            "subject": bare(record.artifact).to_json(),
            "annotations": {CREATED: iso(record.time)},
        }
    )
    descriptor = Descriptor(
        media_type=IMAGE_MANIFEST, digest=Digest.of(manifest), size=len(manifest), artifact_type=ACQUISITION
    )
    return descriptor, {descriptor.digest: manifest, layer.digest: raw, config.digest: _NO_CONFIG}
