"""Attach: adds files (SBOMs, attestations, ...) to an artifact in a registry, a layout directory or a layout tar."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from airgap import limits
from airgap.errors import ContentError, FormatError, UsageError
from airgap.files import read_regular
from airgap.net.attach_places import Places
from airgap.oci.attached import KIND, may_run
from airgap.oci.descriptor import (
    ACQUISITION,
    CONTAINERD_NAME,
    MANIFEST_TYPES,
    NOTARY_SIGNATURE,
    REF_NAME,
    essence,
    is_media_type,
)
from airgap.oci.reference import LayoutReference, names_registry, parse_reference
from airgap.revocation.artifact import EVIDENCE_TYPE
from airgap.text import safe
from airgap.transfer.attach import AttachedManifest, Place
from airgap.transfer.attached_files import AttachedFiles, FileToAttach, files_attachment, says_the_same
from airgap.trust.separation import is_inside

if TYPE_CHECKING:
    from airgap.net.credentials import Credentials
    from airgap.net.options import TransportOptions

_MADE_OTHERWISE: Final = MappingProxyType(
    {
        NOTARY_SIGNATURE: "Signatures are made with airgap sign, and come along with airgap copy.",
        EVIDENCE_TYPE: "Evidence is attached with airgap trust fetch --into.",
        ACQUISITION: "Records are written by airgap copy.",
    }
)
_NAMING: Final = frozenset({REF_NAME, CONTAINERD_NAME, KIND})
"""The annotations of an entry of `index.json` that name an image, or say that it is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachRequest:
    """The files, and the artifact that they are about."""

    files: Sequence[str]
    """`FILE` or `FILE:MEDIATYPE`; without a media type it is the artifact type."""
    target: str
    """The reference to one artifact: registry, layout directory or layout tar."""
    artifact_type: str
    at: datetime
    """The date of the referrer; aware."""
    annotations: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Annotations of the referrer's manifest."""
    referrers_tag: bool = False
    """Write the referrers tag also where referrers can be found without it."""
    force: bool = False
    """Attach also where a referrer that says the same is there."""

    def __post_init__(self) -> None:
        if not self.files:
            raise UsageError("there is nothing to attach", remedy="Name the files, and then the artifact.")
        _check_type(self.artifact_type, "artifact type")
        for text in (*self.annotations, *self.annotations.values()):
            _check_text(text)
        for key in sorted(_NAMING & self.annotations.keys()):
            raise UsageError(
                f"by the annotation {key} tools would take what is attached for an artifact of its own",
                remedy="Use another key.",
            )
        if remedy := _MADE_OTHERWISE.get(essence(self.artifact_type)):
            raise UsageError(f"{self.artifact_type} is not a type for attached files", remedy=remedy)


def attach(
    request: AttachRequest, *, transport: TransportOptions | None = None, credentials: Credentials | None = None
) -> AttachedFiles:
    """Attach the files as one referrer of the artifact. Where one says the same already, nothing is attached.

    Two say the same with the same artifact type, files, names and annotations; their date does not matter unless the
    annotations of the request have one. `transport` and `credentials` are for registries (by default as docker's
    configuration says). Raises UsageError, NotFoundError, ContentError, FormatError, WriteError, and what the transport
    raises.
    """
    files = _read(request)
    with Places(
        transport=transport, credentials=credentials, referrers_tag=request.referrers_tag, blind=request.force
    ) as places:
        place = places.open(request.target)
        layers = tuple(file.descriptor for file in files)
        equal, listed = _find_equal(request, place, files), ""
        attachment = files_attachment(place.subject, request.artifact_type, files, request.annotations, request.at)
        if equal is None:
            # what another run attached in the meantime may say the same
            (answer,) = places.attach_unless([(place, attachment)], lambda now, _: _find_equal(request, now, files))
            equal, listed = (None, answer) if isinstance(answer, str) else (answer, "")
        return AttachedFiles(
            target=request.target,
            name=place.name,
            subject=place.subject,
            referrer=equal.descriptor if equal else attachment.manifest,
            artifact_type=request.artifact_type,
            files=layers,
            existed=equal is not None,
            listed=listed,
        )


def _find_equal(request: AttachRequest, place: Place, files: Sequence[FileToAttach]) -> AttachedManifest | None:
    if request.force:
        return None
    layers = [file.descriptor for file in files]
    try:
        for known in place.attached(request.artifact_type):
            if says_the_same(known.manifest, request.artifact_type, layers, request.annotations):
                return known
    except ContentError as error:
        raise ContentError(
            error.reason,
            f"something that is attached already cannot be read, so it may be the same: {error}",
            remedy="Copy the artifact with its referrers again. --force attaches one more, whatever is there.",
            **error.facts,
        ) from None
    return None


def _read(request: AttachRequest) -> tuple[FileToAttach, ...]:
    """Every file once. Raises UsageError for what is no file, is too large or would be changed, and for equal names."""
    files: dict[str, FileToAttach] = {}
    left = limits.ATTACHED_BYTES
    for text in request.files:
        path, media_type = _split(text, request.artifact_type)
        _check_apart(path, request.target)
        if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe has no other path
            raise UsageError(
                f"{safe(path)} is no file but a pipe or device", remedy="Write it to a file, and name that."
            )
        try:
            raw = read_regular(Path(os.path.realpath(path)), left)
        except FormatError as error:
            is_artifact = not os.path.lexists(path) and names_registry(text)  # oras has the artifact first
            remedy = "The artifact comes last, after the files." if is_artifact else error.remedy
            raise UsageError(f"{safe(path)} {error.problem}", remedy=remedy) from None
        left -= len(raw)
        _check_text(path.name)
        if path.name in files:
            raise UsageError(
                f"two files are called {safe(path.name, limit=160)!r}",
                remedy="Rename one: tools write both to one file.",
            )
        files[path.name] = FileToAttach(name=path.name, media_type=media_type, raw=raw)
    return tuple(files.values())


def _split(text: str, default: str) -> tuple[Path, str]:
    """`FILE[:MEDIATYPE]`. A file with the whole name is that file."""
    path, colon, media_type = text.rpartition(":")
    if os.path.lexists(text) or not (colon and path and "/" in media_type):
        path, media_type = text, default
    _check_type(media_type, "media type")
    if essence(media_type) in MANIFEST_TYPES or may_run(essence(media_type)):
        raise UsageError(
            f"{media_type} is no type for a file that is attached: tools would take it for something else",
            remedy="Give the file a type of its own: FILE:MEDIATYPE.",
        )
    return Path(path), media_type


def _check_type(text: str, what: str) -> None:
    if not is_media_type(text):
        raise UsageError(
            f"{safe(text, limit=160)!r} is no {what}",
            remedy="Write type/subtype, as application/spdx+json or application/vnd.example.sbom.v1+json.",
        )


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{safe(text, limit=160)!r} is no text in UTF-8", remedy="Rename it.") from None


def _check_apart(path: Path, target: str) -> None:
    """Refuses a file that is the layout or in it (RULE-7). Raises UsageError."""
    reference = parse_reference(target)
    if isinstance(reference, LayoutReference) and is_inside(path, Path(reference.path)):
        raise UsageError(
            f"{safe(path)} is, or is in, the layout {safe(reference.path)} that it is to be attached in",
            remedy="Name a file outside of it.",
        )
