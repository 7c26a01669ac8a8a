"""Plain files as a referrer: SBOMs, attestations and the like, in the form that oras writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from airgap.errors import FormatError, LimitError
from airgap.oci.descriptor import CREATED, EMPTY_CONFIG, IMAGE_MANIFEST, NO_CONFIG, TITLE, Descriptor
from airgap.oci.manifest import Manifest, parse_manifest
from airgap.oci.manifest_writer import write_manifest
from airgap.parse.time import iso
from airgap.transfer.attach import Attachment, as_subject

_CONFIG: Final = replace(EMPTY_CONFIG, data=NO_CONFIG)


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
        return Descriptor.of(self.media_type, self.raw, annotations={TITLE: self.name})


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
    layers = [file.descriptor for file in files]
    manifest, raw = write_manifest(artifact_type, layers, subject=subject, config=_CONFIG, annotations=stated)
    try:
        parse_manifest(raw, IMAGE_MANIFEST)
    except FormatError as error:  # who reads it would refuse it
        raise LimitError(
            f"the manifest of {len(files)} files cannot be written: {error}", remedy="Attach some files at a time."
        ) from None
    # equal files are one blob
    blobs = {file.descriptor.digest: (replace(file.descriptor, annotations={}), file.raw) for file in files}
    blobs[EMPTY_CONFIG.digest] = (EMPTY_CONFIG, NO_CONFIG)
    listed = replace(manifest, annotations=stated)
    return Attachment(subject=subject, manifest=listed, raw=raw, blobs=tuple(blobs.values()))


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
