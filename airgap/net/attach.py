"""An artifact in a registry as a place to attach to (airgap.transfer.attach)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from typing import Final

from airgap.errors import AirgapError, ContentError, FormatError, NotFoundError, UsageError
from airgap.net.registry import RegistryStore
from airgap.oci.descriptor import Descriptor
from airgap.oci.manifest import Index, Manifest, parse_manifest
from airgap.oci.reference import RegistryReference
from airgap.text import safe
from airgap.transfer.attach import AttachedManifest, Attachment, as_subject


class RegistryPlace:
    """An artifact in a repository that may be written to."""

    def __init__(self, reference: RegistryReference, store: RegistryStore) -> None:
        """Resolves the reference. Raises UsageError without tag and digest, NotFoundError, and transport errors."""
        name = reference.digest or reference.tag
        if name is None:
            raise UsageError(f"{safe(reference)} names no artifact", remedy="Add :TAG, or better @DIGEST.")
        self._store: Final = store
        self.subject: Final = as_subject(store.resolve(name))
        self.name: Final = safe(f"{reference.name}@{self.subject.digest}")

    def attached(self, artifact_type: str) -> Iterator[AttachedManifest]:
        """See `Place`."""
        for referral in self._store.referrers(self.subject.digest, artifact_types=(artifact_type,)).all():
            entry = referral.descriptor
            if not entry.is_manifest:
                continue
            manifest = self._manifest(entry)
            if isinstance(manifest, Manifest) and manifest.artifact_type == artifact_type:
                yield AttachedManifest(descriptor=entry, manifest=manifest)

    def _manifest(self, entry: Descriptor) -> Manifest | Index:
        """One that is listed and cannot be had may be the signature that is looked for. Raises AirgapError."""
        try:
            return parse_manifest(self._store.read_manifest(entry), entry.media_type)
        except (NotFoundError, FormatError) as error:
            reason = "content.missing" if isinstance(error, NotFoundError) else "content.malformed"
            raise ContentError(
                reason,
                f"{self.name} has the referrer {entry.digest}, which cannot be read: {error}",
                digest=str(entry.digest),
            ) from None

    def read(self, descriptor: Descriptor, limit: int) -> bytes:
        """See `Place`."""
        if descriptor.size > limit:
            raise ContentError("content.limit", f"{descriptor.digest} has {descriptor.size} bytes, more than {limit}")
        with self._store.open(descriptor) as stream:  # proven when it is read to its end
            return stream.read()

    def attach(self, attachment: Attachment) -> str:
        """Blobs, then the manifest by its digest; the referrers tag where the registry needs it (MAN-13, DIST-25)."""
        for descriptor, raw in attachment.blobs:
            self._store.push_blob(descriptor, partial(io.BytesIO, raw))
        put = self._store.push_manifest(attachment.manifest, attachment.raw)
        self._settle(attachment)
        if put.subject_handled:
            return "referrers API and referrers tag" if put.fallback_updated else "referrers API"
        return "referrers tag"

    def _settle(self, attachment: Attachment) -> None:
        """See that it can be found: some registries lose what others attach at the same time."""
        try:
            self._store.settle()
        except AirgapError as error:
            raise AirgapError(
                f"{attachment.manifest.digest} was put into {self._store.name}, but it cannot be seen that it is "
                f"listed there: {error}",
                remedy="Look for it with airgap discover; attach it again only if it is not there.",
                **error.facts,
            ) from None
