"""Makes image manifests. The same parts give the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from airgap.oci.descriptor import EMPTY_CONFIG, IMAGE_MANIFEST, Descriptor
from airgap.parse.json import dump


def write_manifest(
    artifact_type: str | None,
    layers: Iterable[Descriptor],
    *,
    subject: Descriptor | None,
    config: Descriptor = EMPTY_CONFIG,
    annotations: Mapping[str, str] | None = None,
) -> tuple[Descriptor, bytes]:
    """The descriptor and the bytes of a manifest. Of `subject` only media type, digest and size are taken."""
    document = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        **({"artifactType": artifact_type} if artifact_type else {}),
        "config": config.to_json(),
        "layers": [layer.to_json() for layer in layers],
        **({"subject": subject.bare.to_json()} if subject else {}),
        **({"annotations": dict(annotations)} if annotations else {}),
    }
    raw = dump(document)
    return Descriptor.of(IMAGE_MANIFEST, raw, artifact_type=artifact_type), raw
