"""RegistryStore: one repository of a registry as a place to copy from and to.

The bytes that come out are proven against their digest, and the bytes that go in are exactly those that were handed
over. Everything is synchronous and safe for threads; a copy runs as many calls at once as it has threads.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from airgap import limits
from airgap.errors import AirgapError, ContentError, FormatError, LimitError, NotFoundError, UsageError
from airgap.net.auth import Access
from airgap.net.client import RegistryClient
from airgap.net.download import BlobReader
from airgap.net.errors import RegistryError
from airgap.net.http import Readable, Reply
from airgap.net.manifests import Fetched, ManifestApi
from airgap.net.referrers import DigestTag, ReferrersApi, page_url
from airgap.net.referrers_tags import ReferrersTagWriter
from airgap.net.upload import BlobUploader, Sent
from airgap.net.wire import next_page
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.lookup import Mechanism, ReferrersTag
from airgap.oci.manifest import parse_manifest
from airgap.parse.json import Reading, load_object, take_optional
from airgap.text import safe
from airgap.transfer.endpoint import FoundReferrers

TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_REPOSITORY: Final = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_NAME_CHARACTERS: Final = 255
_TAGS_A_PAGE: Final = 1000
_SETTLE_ROUNDS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestPut:
    """What became of a manifest that was put."""

    subject_handled: bool
    """The registry answered with OCI-Subject."""
    fallback_updated: bool
    """The referrers tag lists it now and did not before."""


class RegistryStore:
    """One repository. Create it with a client that is shared by all repositories of the registry."""

    def __init__(
        self,
        client: RegistryClient,
        repository: str,
        *,
        writable: bool = False,
        chunked: bool = False,
        referrers_tag: ReferrersTag = ReferrersTag.AUTO,
    ) -> None:
        """Nothing is sent yet.

        `writable` asks for push rights from the start, so that reading and writing share a token; `chunked` uploads
        in chunks without trying one piece first. Raises UsageError for what is no repository name (DIST-1).
        """
        if len(repository) + len(client.host) > _NAME_CHARACTERS or not _REPOSITORY.fullmatch(repository):
            raise UsageError(f"{safe(repository, limit=160)!r} is not the name of a repository")
        self.client: Final = client
        self.repository: Final = repository
        self._access = Access(repository, "pull,push" if writable else "pull")
        self._referrers_tag = referrers_tag
        self._manifests = ManifestApi(client, repository, self._access)
        self._referrers = ReferrersApi(client, repository, self._access, self._manifests)
        self._uploader = BlobUploader(client, repository, self._access, chunked=chunked)
        self._fallback = ReferrersTagWriter(client, repository, self._manifests)
        self._handled: Final[dict[Digest, dict[Digest, Fetched]]] = {}
        """By subject: the referrers that were put, and that the registry says it lists."""

    @property
    def name(self) -> str:
        """`host/repository`: what the operator calls it, and the scope that a policy is asked about."""
        return f"{self.client.host}/{self.repository}"

    # reading

    def resolve(self, reference: str | Digest) -> Descriptor:
        """What a tag or digest names: media type, digest, size; from bytes that were read and hashed (DIST-4).

        Raises NotFoundError, UsageError (no tag), ContentError, and what the transport raises.
        """
        return self.fetch(reference).descriptor

    def fetch(self, reference: str | Digest) -> Fetched:
        """As `resolve`, with the manifest's bytes."""
        return self._manifests.get(_reference(reference))

    def find(self, reference: str | Digest) -> Fetched | None:
        """As `fetch`; None where there is no such manifest."""
        return self._manifests.find(_reference(reference))

    def digest_of(self, tag: str) -> Digest | None:
        """What a tag names now, as the registry claims (one HEAD), to be compared only; None where it is not there."""
        found = self._manifests.head(_reference(tag))
        if isinstance(found, Digest):
            return found
        return self.resolve(tag).digest if found else None

    def read_manifest(self, descriptor: Descriptor) -> bytes:
        """The bytes of a manifest that something points at, proven to have its digest and size.

        Raises ContentError (`content.missing`, `content.size`, `content.digest`, `content.limit`).
        """
        if descriptor.size > limits.MANIFEST_BYTES:
            raise ContentError(
                "content.limit",
                f"{descriptor.digest} has {descriptor.size} bytes, more than {limits.MANIFEST_BYTES} for a manifest",
                digest=str(descriptor.digest),
            )
        fetched = self._manifests.find(descriptor.digest)
        if fetched is None:
            raise self._missing(descriptor)
        if len(fetched.raw) != descriptor.size:
            raise ContentError(
                "content.size",
                f"{descriptor.digest} has {len(fetched.raw)} bytes, its descriptor says {descriptor.size}",
                digest=str(descriptor.digest),
                expected_size=descriptor.size,
                found_size=len(fetched.raw),
            )
        return fetched.raw

    def has(self, descriptor: Descriptor) -> bool:
        """Whether the repository holds the content: one HEAD. Raises ContentError for a blob of another size."""
        if descriptor.is_manifest:
            found = self._manifests.head(descriptor.digest)
            return found is True or found == descriptor.digest
        return self._uploader.exists(descriptor)

    def open(self, descriptor: Descriptor, *, verify: bool = True) -> io.RawIOBase | io.BytesIO:
        """The content as a stream for one thread, resumed where connections are cut; close it.

        Reading to the end raises ContentError where size or digest are wrong; with `verify` false only the size is
        checked, for a reader that hashes anyway. Raises ContentError (`content.missing`) where it is not there.
        """
        if descriptor.is_manifest:
            return io.BytesIO(self.read_manifest(descriptor))
        return self.open_blob(descriptor, verify=verify)

    def open_blob(self, descriptor: Descriptor, *, verify: bool = True, start: int = 0) -> BlobReader:
        """As `open`, from the repository's blobs, whatever the media type says; from byte `start` on."""

        def fetch(offset: int) -> Reply:
            return self._get_blob(descriptor, offset)

        return BlobReader(
            descriptor,
            fetch,
            retries=self.client.options.retries,
            pause=self.client.http.pause,
            verify=verify,
            start=start,
        )

    def tags(self) -> Iterator[str]:
        """All tags, each once, in the registry's order; follows pages (DIST-7).

        Raises NotFoundError where there is no such repository, RegistryError for what is no list of tags.
        """
        seen: set[str] = set()
        pages: set[str] = set()
        url = self.client.url(f"{self.repository}/tags/list?n={_TAGS_A_PAGE}")
        while True:
            pages.add(url)
            reply = self.client.send(
                "GET",
                url,
                access=self._access,
                accept=frozenset({200, 404}),
                what=f"the tags of {self.repository} cannot be listed",
                limit=limits.TAG_PAGE_BYTES,
            )
            if reply.status == 404:  # noqa: PLR2004
                raise NotFoundError(
                    f"{self.client.host} has no repository {self.repository}", repository=self.repository
                )
            for tag in self._parse_tags(reply):
                if tag not in seen:
                    seen.add(tag)
                    yield tag
            if len(seen) > limits.REGISTRY_TAGS:
                raise LimitError(f"{self.name} has more than {limits.REGISTRY_TAGS} tags")
            link = next_page(reply.headers)
            if link is None:
                return
            url = page_url(self.client, url, link, pages)

    def referrers(
        self, subject: Digest, *, artifact_types: Collection[str] = (), mechanism: Mechanism | None = None
    ) -> FoundReferrers:
        """What refers to `subject`: by the API, by the referrers tag where there is no API.

        An answer without referrals says "none there". Whatever could not be looked up raises: RegistryError,
        AuthenticationError, TransportError, NotFoundError (no such repository), LimitError. `mechanism` forces one.
        """
        return self._referrers.look(subject, artifact_types=artifact_types, mechanism=mechanism)

    def digest_tags(self, subject: Digest) -> tuple[DigestTag, ...]:
        """What cosign's `.sig`, `.att` and `.sbom` tags for `subject` name; missing tags are left out."""
        return self._referrers.digest_tags(subject)

    # writing

    def push_blob(
        self,
        descriptor: Descriptor,
        source: Callable[[], Readable],
        *,
        mount_from: str | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Sent:
        """Bring a blob into the repository, if it is not there yet (DIST-21 to 23).

        `source` opens its bytes, anew for each attempt; `mount_from` names a repository of the same registry that
        may hold it; `progress` is told how many bytes went out, those of repeated attempts included. Raises
        ContentError where the source's bytes are not the descriptor's.
        """
        return self._uploader.push(descriptor, source, mount_from=mount_from, progress=progress)

    def push_manifest(self, descriptor: Descriptor, raw: bytes, *, tags: Collection[str] = ()) -> ManifestPut:
        """Put a manifest's exact bytes under its digest, then under each tag (DIST-24, 25).

        Everything that it points at must be there (the subject need not). Raises IncompleteError where the registry
        misses something, ContentError where it stores other bytes, FormatError for what is no manifest.
        """
        manifest = parse_manifest(raw, descriptor.media_type)
        hasher = descriptor.digest.new_hash()
        hasher.update(raw)
        if len(raw) != descriptor.size or hasher.hexdigest() != descriptor.digest.encoded:
            raise ContentError(
                "content.digest",
                f"{descriptor.digest}: the bytes to put are {descriptor.digest.algorithm}:{hasher.hexdigest()}",
                digest=str(descriptor.digest),
            )
        references = [descriptor.digest, *(_reference(tag) for tag in tags)]
        fetched = Fetched(descriptor=descriptor, raw=raw)
        handled = updated = False
        for reference in references:
            reply = self._manifests.put(fetched, reference)
            handled = handled or "OCI-Subject" in reply.headers
        if manifest.subject is not None and self._needs_tag(handled=handled):
            referrer = Descriptor(
                media_type=descriptor.media_type,
                digest=descriptor.digest,
                size=descriptor.size,
                artifact_type=manifest.artifact_type,
                annotations=manifest.annotations,
            )
            updated = self._fallback.add(manifest.subject.digest, referrer)
        elif manifest.subject is not None and handled:
            self._handled.setdefault(manifest.subject.digest, {})[descriptor.digest] = fetched
        return ManifestPut(subject_handled=handled, fallback_updated=updated)

    def tag(self, descriptor: Descriptor, raw: bytes, tag: str) -> None:
        """Put a manifest that is there already under a tag as well: the last step of a copy."""
        self._manifests.put(Fetched(descriptor=descriptor, raw=raw), _reference(tag))

    def settle(self) -> int:
        """At the end of a copy: see that every referrer that was put is listed, and mend what is not; how many were.

        Others may have overwritten a referrers tag. And registries with the referrers API lose entries of referrers
        that are put at the same time (seen with olareg), although they answered OCI-Subject to each. Raises
        RegistryError where a referrer stays lost: signatures are never lost silently (design 2.6).
        """
        return self._fallback.settle() + sum(self._settle(*item) for item in self._handled.items())

    def _settle(self, subject: Digest, put: Mapping[Digest, Fetched]) -> int:
        mended = 0
        for _ in range(_SETTLE_ROUNDS):
            unread: list[AirgapError] = []
            # what is listed and cannot be read again counts as lost: it is put once more, or the copy fails
            listed = {item.descriptor.digest for item in self.referrers(subject).readable(unread.append)}
            lost = [fetched for digest, fetched in put.items() if digest not in listed]
            if not lost:
                return mended
            for fetched in lost:  # one at a time, this time
                self._manifests.put(fetched, fetched.descriptor.digest)
            mended += len(lost)
        raise RegistryError(
            f"{self.name} takes referrers of {subject} and does not list them",
            remedy="Copy again with --referrers-tag always, so that the referrers tag lists them, too.",
            host=self.client.host,
        )

    def _needs_tag(self, *, handled: bool) -> bool:
        if self._referrers_tag == ReferrersTag.AUTO:
            return not handled
        return self._referrers_tag == ReferrersTag.ALWAYS

    def _get_blob(self, descriptor: Descriptor, offset: int) -> Reply:
        reply = self.client.send(
            "GET",
            self._blob_url(descriptor),
            access=self._access,
            accept=frozenset({200, 404}) if offset == 0 else frozenset({200, 206, 404, 416}),
            what=f"{descriptor.digest} cannot be read from {self.repository}",
            headers={"Range": f"bytes={offset}-"} if offset else {},
            limit=None,
        )
        if reply.status == 404:  # noqa: PLR2004
            reply.discard()
            raise self._missing(descriptor)
        return reply

    def _blob_url(self, descriptor: Descriptor) -> str:
        return self.client.url(f"{self.repository}/blobs/{descriptor.digest}")

    def _missing(self, descriptor: Descriptor) -> ContentError:
        return ContentError(
            "content.missing", f"{descriptor.digest} is not in {self.name}", digest=str(descriptor.digest)
        )

    def _parse_tags(self, reply: Reply) -> tuple[str, ...]:
        try:
            document = load_object(reply.body, Reading.OPEN, limit=limits.TAG_PAGE_BYTES, what="list of tags")
            # distribution answers null for a repository whose tags were all deleted
            return tuple(_tag(tag) for tag in take_optional(document, "tags", list) or [])
        except FormatError as error:
            raise RegistryError(
                f"what {self.name} gives as its tags cannot be read: {error}", host=self.client.host
            ) from None


def _tag(tag: object) -> str:
    if not isinstance(tag, str) or not TAG.fullmatch(tag):
        raise FormatError(f"{safe(tag, limit=80)!r} is not a tag")
    return tag


def _reference(reference: str | Digest) -> str | Digest:
    if isinstance(reference, str) and not TAG.fullmatch(reference):
        raise UsageError(f"{safe(reference, limit=160)!r} is not a tag")
    return reference
