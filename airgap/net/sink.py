"""One repository of a registry as the destination of a copy (airgap.transfer.endpoint).

Exactly the given bytes are written: blobs by `upload.py`, manifests by `manifests.py`. Both send their requests by
`client.py` (authorization and redirects) and `http.py` (one request).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple

from airgap import limits
from airgap.errors import AirgapError, FormatError
from airgap.net.client import RegistryClient
from airgap.net.manifests import Fetched
from airgap.net.referrers_tags import ReferrersTagWriter
from airgap.net.source import RegistrySource
from airgap.net.transport_errors import TransportError
from airgap.net.upload import BlobUpload, UploadSizes, holds
from airgap.oci.descriptor import INDEX_TYPES, Descriptor, ManifestKey
from airgap.oci.digest import Digest
from airgap.oci.lookup import ReferrersTag
from airgap.oci.manifest import Index, parse_manifest
from airgap.oci.tags import is_referrers_tag, referrers_subject
from airgap.text import safe, some
from airgap.transfer.checked_bytes import Advance, check_bytes
from airgap.transfer.endpoint import Blobs, Entry, NamingResult, TransferMethod
from airgap.transfer.referrers_names import has_referrers_of, means_two_things
from airgap.transfer.workers import at_once

_SHOWN_TAGS: Final = 10
_LOOKS: Final = 7
"""At a list of referrers that lacks one, with pauses between them: about 15 seconds."""


class ManifestPut(NamedTuple):
    """The result of putting a manifest."""

    subject_handled: bool
    """The registry answered with OCI-Subject."""
    tag_updated: bool
    """The referrers tag lists it now and did not before."""


class RegistrySink(RegistrySource):
    """A repository that is written, or only asked for its content; it can be read as well."""

    refuses_incomplete: Final = True

    def __init__(
        self,
        client: RegistryClient,
        repository: str,
        *,
        writable: bool = True,
        chunked: bool = False,
        referrers_tag: ReferrersTag = ReferrersTag.AUTO,
    ) -> None:
        """Nothing is sent yet.

        `writable` asks for push rights from the start, so that reading and writing share a token; `chunked` uploads
        in chunks without trying one piece first. Raises UsageError for what is no repository name (DIST-1).
        """
        super().__init__(client, repository, actions="pull,push" if writable else "pull")
        self._sizes: Final = UploadSizes(chunked=chunked)
        self._referrers_tag: Final = referrers_tag
        self._tags: Final = ReferrersTagWriter(client, repository, self.manifests)
        self._handled: Final[dict[Digest, dict[Digest, Fetched]]] = {}
        """For each subject the referrers that were put and that the registry claims to list."""
        self._listed: Final[dict[Digest, frozenset[Digest]]] = {}

    # --- asking ---

    def has(self, descriptor: Descriptor) -> bool:
        """See `Sink`: one HEAD. An index counts as there only if its entries are there, too.

        Some registries take an index without some of its platforms. A complete copy after a sparse one must still copy
        the rest. Raises ContentError for a blob of another size.
        """
        met: set[ManifestKey] = set()
        waiting = [(descriptor, 0)]
        while waiting:
            item, depth = waiting.pop()
            if item.manifest_key in met:  # thousands of indexes may list the same manifests
                continue
            met.add(item.manifest_key)
            if item.media_type not in INDEX_TYPES:
                if not self._has_one(item):
                    return False
                continue
            fetched = self.manifests.find(item.digest)
            if fetched is None or depth > limits.GRAPH_DEPTH:
                return False
            try:
                index = parse_manifest(fetched.raw, item.media_type)
            except FormatError:
                return False
            waiting += [(below, depth + 1) for _, below in index.successors()]
        return True

    def _has_one(self, descriptor: Descriptor) -> bool:
        if not descriptor.is_manifest:
            return holds(self.client, self._access, descriptor)
        return self.manifests.head(descriptor.digest) in {True, descriptor.digest}

    def lists(self, subject: Digest, referrer: Digest) -> bool:
        """See `Sink`; asked once for each subject."""
        return referrer in self.listed(subject)

    def listed(self, subject: Digest) -> frozenset[Digest]:
        """The referrers that the registry listed when it was asked first."""
        if subject not in self._listed:
            self._listed[subject] = self._now_listed(subject)
        return self._listed[subject]

    def _now_listed(self, subject: Digest) -> frozenset[Digest]:
        # an unreadable entry does not count as listed: it is put again, or the copy fails
        unread: list[AirgapError] = []
        return frozenset(item.descriptor.digest for item in self.finder.find(subject).readable(unread.append))

    # --- writing ---

    def arrived(self, descriptor: Descriptor) -> int:  # noqa: ARG002
        """0: a registry keeps no part of a blob."""
        return 0

    def reserve(self, size: int, largest: int) -> None:
        """Does nothing: registries do not tell their free space."""

    def put_blob(self, descriptor: Descriptor, source: Blobs, advance: Advance) -> TransferMethod:
        """See `Sink`: HEAD, then a mount from another repository, else an upload with a digest check."""
        if isinstance(source, RegistrySource) and source.client.origin == self.client.origin:
            holder: str | None = source.repository
        else:
            holder = self.client.holders.get(descriptor.digest)
        upload = BlobUpload(
            self.client, self._access, descriptor, partial(source.open, descriptor), sizes=self._sizes, progress=advance
        )
        how = upload.run(mount_from=holder if holder != self.repository else None)
        self.client.holders.setdefault(descriptor.digest, self.repository)
        if how is not TransferMethod.COPIED:
            advance(descriptor.size)
        return how

    def put_manifest(self, descriptor: Descriptor, raw: bytes) -> ManifestPut:
        """See `Sink`: exact bytes under their digest (DIST-24), and the referrers tag where needed (DIST-25).

        Everything that it points at must be there (the subject need not). Raises IncompleteError where the registry
        misses something, ContentError where it stores other bytes, FormatError for what is no manifest.
        """
        manifest = parse_manifest(raw, descriptor.media_type)
        check_bytes(descriptor, raw)
        fetched = Fetched(descriptor=descriptor, raw=raw)
        handled = "OCI-Subject" in self.manifests.put(fetched, descriptor.digest).headers
        updated = False
        if manifest.subject is not None and self._needs_tag(handled=handled):
            kind, annotations = manifest.artifact_type, manifest.annotations
            referrer = replace(descriptor.bare, artifact_type=kind, annotations=annotations)
            updated = self._tags.add(manifest.subject.digest, referrer)
        elif manifest.subject is not None and handled:
            self._handled.setdefault(manifest.subject.digest, {})[descriptor.digest] = fetched
        return ManifestPut(handled, updated)

    def flush(self) -> None:
        """Does nothing: no writes are held back."""

    def finish(self, entries: Sequence[Entry], *, keep_going: bool = False) -> NamingResult:
        """See `Sink`: put the tags, and check what the registry lists. Referrers tags are checked last (`settle`)."""
        wanted = {entry.tag: entry.descriptor for entry in entries if entry.tag is not None}
        before: dict[str, Digest | None] = {}
        refused: dict[str, AirgapError] = {}

        def put(tag: str) -> None:
            try:
                before[tag] = self._put_tag(wanted[tag], tag)
            except AirgapError as error:
                if not keep_going or isinstance(error, TransportError):
                    raise  # a registry that cannot be reached takes no other tag
                refused[tag] = _of_tag(tag, error)

        tasks: list[Callable[[], object]] = [*(partial(put, tag) for tag in wanted), *self._settling()]
        try:
            at_once(tasks)
        except AirgapError as error:
            if done := [tag for tag in wanted if tag in before]:
                error.facts = {**error.facts, "tagged": done}
                there = f"What these tags of {self.name} name is there: {some(done, _SHOWN_TAGS)}."
                error.remedy = f"{error.remedy} {there}".lstrip()
            raise
        self.manifests.forget()  # a run may have thousands of repositories
        moved = (tag for tag in wanted if before.get(tag) not in {None, wanted[tag].digest})
        return NamingResult(added=list(before.values()).count(None), moved=tuple(moved), refused=refused)

    def check_name(self, tag: str, descriptor: Descriptor, name: str) -> None:
        """Refuses a tag that lists referrers here, or will once something here is signed. Raises UsageError.

        `descriptor`: what is to be called so; `name`: the same, safe to show. One that this repository had under the
        tag before is refused, too, where its subject came later. Raises AirgapError.
        """
        if not is_referrers_tag(tag):
            return
        subject = referrers_subject(tag)
        if subject is not None and self.manifests.head(subject):
            raise means_two_things(name, tag, subject)
        found = self.manifests.find(tag)
        if found is None or found.descriptor.digest == descriptor.digest:
            return
        index = self.manifest(found.descriptor)
        if isinstance(index, Index) and has_referrers_of(index, tag, self.manifest):
            raise means_two_things(name, tag, subject)

    def _put_tag(self, descriptor: Descriptor, tag: str) -> Digest | None:
        """Gives the tag to a manifest that is there; returns what had it before. Raises AirgapError."""
        self.check_name(tag, descriptor, str(descriptor.digest))
        before = self._named(tag)
        if before != descriptor.digest:
            self.manifests.put(Fetched(descriptor=descriptor, raw=self.manifests.read(descriptor)), tag)
        return before

    def _named(self, tag: str) -> Digest | None:
        """The digest that the registry claims for a tag (one HEAD), to compare it only; None without such a tag."""
        found = self.manifests.head(tag)
        if isinstance(found, Digest):
            return found
        return self.resolve(tag).digest if found else None

    def settle(self) -> int:
        """Check that every put referrer is listed, and repair the lists; returns how many were repaired.

        To be called when all of a run is put: it may wait for other writers of a referrers tag. `Registries` does so
        when it is closed. Registries with the referrers API can lose referrers that are put at the same time (seen
        with olareg), although they answered OCI-Subject to each; others list them a while later. Raises RegistryError
        if a referrer stays lost: a lost signature is always an error (RULE-6).
        """
        return sum(at_once(self._settling())) + self._tags.settle()

    def _settling(self) -> list[Callable[[], int]]:
        return [partial(self._settle, subject) for subject in sorted(self._handled)]

    def _settle(self, subject: Digest) -> int:
        put = self._handled.pop(subject)
        mended: set[Digest] = set()
        for look in range(_LOOKS):
            listed = self._now_listed(subject)
            lost = [fetched for digest, fetched in put.items() if digest not in listed]
            if not lost:
                return len(mended)
            if look == _LOOKS - 1:
                break
            if look % 2:  # it does not only lag: one at a time, this time
                for fetched in lost:
                    self.manifests.put(fetched, fetched.descriptor.digest)
                    mended.add(fetched.descriptor.digest)
            self.client.http.pause(look, f"{self.name} does not list {_some(lost)} it took")
        raise self.client.error(
            f"{self.name} takes referrers of {subject} and does not list them",
            remedy="Do it again so that the referrers tag lists them, too: with --referrers-tag always; for sign and "
            "attach it is --force-referrers-tag.",
        )

    def _needs_tag(self, *, handled: bool) -> bool:
        if self._referrers_tag == ReferrersTag.AUTO:
            return not handled
        return self._referrers_tag == ReferrersTag.ALWAYS


def _some(lost: Sequence[Fetched]) -> str:
    return "a referrer that" if len(lost) == 1 else f"{len(lost)} referrers that"


def _of_tag(tag: str, error: AirgapError) -> AirgapError:
    return AirgapError(f"the tag {safe(tag)} is refused there: {error}", remedy=error.remedy, **error.facts)
