"""Plain files as a referrer: SBOMs, attestations and the like, in the form that oras writes."""

from __future__ import annotations

import json as writer
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from airgap.errors import FormatError, LimitError
from airgap.oci.descriptor import EMPTY, IMAGE_MANIFEST, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.manifest import Manifest, parse_manifest
from airgap.oci.record import CREATED
from airgap.parse.time import iso
from airgap.transfer.attach import Attachment, as_subject

TITLE: Final = "org.opencontainers.image.title"
"""The annotation with the name under which oras writes a layer to a file."""
_CONFIG: Final = b"{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileToAttach:
    """A file, as a layer of the referrer."""

    name: str
    """Its name without folders."""
    media_type: str
    raw: bytes = field(repr=False)

    @property
    def descriptor(self) -> Descriptor:
        """The layer."""
        return Descriptor(
            media_type=self.media_type, digest=Digest.of(self.raw), size=len(self.raw), annotations={TITLE: self.name}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedFiles:
    """The result: files that are attached to an artifact."""

    target: str
    """The reference as it was given."""
    name: str
    """The artifact by its digest, safe to show."""
    subject: Descriptor
    referrer: Descriptor
    """The manifest that refers to it."""
    artifact_type: str
    files: tuple[Descriptor, ...]
    existed: bool = False
    """A referrer that says the same was there already, and nothing was attached."""
    listed: str = ""
    """Where it is listed: `referrers API`, `referrers tag`, `index.json`."""


def files_attachment(
    target: Descriptor, artifact_type: str, files: Sequence[FileToAttach], annotations: Mapping[str, str], at: datetime
) -> Attachment:
    """One referrer of `target` with these files. `at` is its `created`, unless the annotations have one.

    Raises LimitError for more files than one manifest may have.
    """
    subject = as_subject(target)
    stated = {CREATED: iso(at.replace(microsecond=0)), **annotations}
    config = Descriptor(media_type=EMPTY, digest=Digest.of(_CONFIG), size=len(_CONFIG), data=_CONFIG)
    document = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": artifact_type,
        "config": config.to_json(),
        "layers": [file.descriptor.to_json() for file in files],
        "subject": subject.to_json(),
        "annotations": stated,
    }
    raw = writer.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    try:
        parse_manifest(raw, IMAGE_MANIFEST)
    except FormatError as error:  # who reads it would refuse it
        raise LimitError(
            f"the manifest of {len(files)} files cannot be written: {error}", remedy="Attach some files at a time."
        ) from None
    manifest = Descriptor(
        media_type=IMAGE_MANIFEST, digest=Digest.of(raw), size=len(raw), artifact_type=artifact_type, annotations=stated
    )
    # equal files are one blob
    blobs = {file.descriptor.digest: (replace(file.descriptor, annotations={}), file.raw) for file in files}
    blobs[config.digest] = (replace(config, data=None), _CONFIG)
    return Attachment(subject=subject, manifest=manifest, raw=raw, blobs=tuple(blobs.values()))


def says_the_same(known: Manifest, artifact_type: str, files: Sequence[Descriptor], given: Mapping[str, str]) -> bool:
    """Whether an attached manifest has the same files and annotations; its date counts only where one is given."""
    stated = dict(known.annotations)
    if CREATED not in given:
        stated.pop(CREATED, None)
    return (
        known.artifact_type == artifact_type
        and stated == dict(given)
        and sorted(map(_facts, known.layers)) == sorted(map(_facts, files))
    )


def _facts(layer: Descriptor) -> tuple[str, str, int, str]:
    return layer.media_type, str(layer.digest), layer.size, layer.annotations.get(TITLE, "")
