"""An artifact in a registry to which something is attached (a `Place` of airgap.transfer.attach)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Self

from airgap.errors import AirgapError
from airgap.net.sink import RegistrySink
from airgap.oci.descriptor import Descriptor
from airgap.oci.manifest import Manifest
from airgap.oci.reference import RegistryReference
from airgap.text import safe
from airgap.transfer.attach import AttachedManifest, Attachment, Place, as_subject, check_referrers
from airgap.transfer.checked_bytes import no_advance
from airgap.transfer.sources import MemoryBlobs


class RegistryPlace:
    """An artifact in a repository that may be written to."""

    shared: Final = True

    def __init__(self, reference: RegistryReference, sink: RegistrySink, *, blind: bool = False) -> None:
        """Resolves the reference. Raises UsageError without tag and digest, NotFoundError, and transport errors.

        `blind`: attach also where it cannot be seen before what is attached.
        """
        self._sink: Final = sink
        self._blind: Final = blind
        self.subject: Final = as_subject(sink.named(reference))
        self._put: Final[list[Descriptor]] = []
        self.name: Final = safe(f"{reference.name}@{self.subject.digest}")

    def attached(self, artifact_type: str) -> Iterator[AttachedManifest]:
        """See `Place`. A listed referrer that cannot be read may be the signature that is looked for."""
        for referrer in self._sink.finder.find(self.subject.digest, artifact_types=(artifact_type,)).all():
            manifest = self._sink.manifest(referrer.descriptor)
            if isinstance(manifest, Manifest) and manifest.artifact_type == artifact_type:
                yield AttachedManifest(descriptor=referrer.descriptor, manifest=manifest)

    def read(self, descriptor: Descriptor, limit: int) -> bytes:
        """See `Place`."""
        return self._sink.read_blob(descriptor, limit)

    @property
    def holder(self) -> Self:
        """See `Place`: what is attached to it is put one by one."""
        return self

    def renewed(self) -> AbstractContextManager[Callable[[Place], Place | None]]:
        """See `Holder`: it is asked anew each time."""
        return nullcontext(lambda place: place)

    def attach(self, attachments: Sequence[Attachment]) -> Iterator[str]:
        """See `Holder`."""
        return map(self._attach, attachments)

    def _attach(self, attachment: Attachment) -> str:
        """Blobs, then the manifest by its digest; the referrers tag where the registry needs it (MAN-13, DIST-25)."""
        self._check_room(attachment)
        source = MemoryBlobs({descriptor.digest: raw for descriptor, raw in attachment.blobs})
        for descriptor, _ in attachment.blobs:
            self._sink.put_blob(descriptor, source, no_advance)
        try:
            put = self._sink.put_manifest(attachment.manifest, attachment.raw)
        except AirgapError as error:
            if self._is_there(attachment.manifest):  # it may be without its entry in the referrers tag
                raise self._unseen((attachment.manifest,), error) from None
            raise
        self._put.append(attachment.manifest)
        if put.subject_handled:
            return "referrers API and referrers tag" if put.tag_updated else "referrers API"
        return "referrers tag"

    def _check_room(self, attachment: Attachment) -> None:
        """Raises LimitError where it has too many referrers, and what looking raises."""
        try:
            listed = self._sink.listed(attachment.subject.digest)
        except AirgapError as error:
            if self._blind and error.reason != "content.limit":
                return  # `settle` looks again, and raises where it cannot be seen that what was put is listed
            raise
        mine = {item.digest for item in self._put}
        check_referrers(attachment.subject.digest, {*listed, *mine, attachment.manifest.digest})

    def settle(self) -> None:
        """See `Holder`: some registries lose referrers that are attached at the same time."""
        try:
            self._sink.settle()
        except AirgapError as error:
            raise self._unseen(self._put, error) from None

    def _is_there(self, manifest: Descriptor) -> bool:
        try:
            return self._sink.has(manifest)
        except AirgapError:
            return False

    def _unseen(self, put: Sequence[Descriptor], error: AirgapError) -> AirgapError:
        names = ", ".join(str(manifest.digest) for manifest in put)
        return AirgapError(
            f"{names} was put into {self._sink.name}, but it cannot be seen that it is listed there: {error}",
            remedy=f"Look for it with airgap discover {self.name}; attach it again only if it is not there.",
            **error.facts,
        )
