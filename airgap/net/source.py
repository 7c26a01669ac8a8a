"""One repository of a registry as the source of a copy (airgap.transfer.endpoint).

The digests of manifests and the sizes of blobs are checked here; readers of blobs check their digests. Everything is
synchronous and safe for threads; a copy runs as many calls at once as it has threads.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Final

from airgap import limits
from airgap.errors import AirgapError, ContentError, FormatError, UsageError
from airgap.net.auth import Access
from airgap.net.client import RegistryClient
from airgap.net.download import BlobReader
from airgap.net.http import Reply
from airgap.net.manifests import ManifestApi
from airgap.net.names import A_PAGE, NameList
from airgap.net.referrers import ReferrersFinder
from airgap.net.wire import check_sent, next_page
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.lookup import Mechanism
from airgap.oci.manifest import Index, Manifest, parse_manifest
from airgap.oci.reference import RegistryReference, is_repository
from airgap.once import Once
from airgap.text import safe
from airgap.transfer.endpoint import BlobStream, FoundReferrers

_NAME_CHARACTERS: Final = 255
_ROUND: Final = 50
"""Pages of registries have 50, 100, 1000, ... entries."""


class RegistrySource:
    """A repository to read from. All repositories of a registry share one client."""

    concurrent: Final = True

    def __init__(
        self, client: RegistryClient, repository: str, *, actions: str = "pull", mechanism: Mechanism | None = None
    ) -> None:
        """Nothing is sent yet. Raises UsageError for what is no repository name (DIST-1).

        `actions` are the rights to ask for; `mechanism` forces how referrers are found (`--distribution-spec`).
        """
        if len(repository) + len(client.host) > _NAME_CHARACTERS or not is_repository(repository):
            raise UsageError(f"{safe(repository, limit=160)!r} is not the name of a repository")
        self.client: Final = client
        self.repository: Final = repository
        self._access: Final = Access(repository, actions)
        self.manifests: Final = ManifestApi(client, self._access)
        self.finder: Final = ReferrersFinder(client, self._access, self.manifests)
        self._mechanism: Final = mechanism
        self._resolved: Final[set[str]] = set()
        """Tags that are there."""
        # distribution answers null if all tags of a repository were deleted, and others leave it out
        self._tag_list: Final = NameList(client, self.name, "tags", limits.REGISTRY_TAGS, witness="name")
        self._few_tags: Final = Once(self._find_few_tags)

    @property
    def name(self) -> str:
        """`host/repository`: its name for the operator, and the scope for the trust policy."""
        return f"{self.client.host}/{self.repository}"

    def resolve(self, reference: str | Digest) -> Descriptor:
        """What a tag or digest names: media type, digest, size; from bytes that were read and hashed (DIST-4).

        Raises NotFoundError, UsageError (no tag), ContentError, and what the transport raises.
        """
        descriptor = self.manifests.get(reference).descriptor
        if isinstance(reference, str):
            self._resolved.add(reference)
        return descriptor

    def named(self, reference: RegistryReference, *, compared: bool = True) -> Descriptor:
        """What a reference to this repository names: the digest decides, where there is one (decision 0025).

        `compared`: a notice says where the tag beside it does not name the same now. Raises UsageError without both,
        and as `resolve` does.
        """
        name = reference.digest or reference.tag
        if name is None:
            raise UsageError(
                f"{safe(reference)} names a repository, not an artifact",
                remedy=f"Add :TAG, or better @DIGEST; airgap ls {safe(reference)} shows the tags.",
            )
        descriptor = self.resolve(name)
        if reference.digest is not None and reference.tag is not None and compared:
            self._compare(reference, reference.tag, reference.digest)
        return descriptor

    def _compare(self, reference: RegistryReference, tag: str, digest: Digest) -> None:
        try:
            now = self.manifests.head(tag)
            now = self.resolve(tag).digest if now is True else now
        except AirgapError as error:
            what = f"it cannot be seen what the tag names now: {error}"
        else:
            if isinstance(now, Digest) and (now == digest or now.algorithm != digest.algorithm):
                return
            what = f"the tag names {now} now" if now else "there is no such tag now"
        self.client.options.notice(f"{safe(reference)}: the digest decides; {what}")

    def tags(self) -> Iterator[str]:
        """All tags, each once, in the registry's order, also those that are no legal tags; follows pages (DIST-7).

        Raises NotFoundError where there is no such repository, RegistryError for what is no list of tags.
        """
        return self._tag_list.names(self._tag_pages())

    def manifest(self, descriptor: Descriptor) -> Manifest | Index | None:
        """See `Source`. Raises ContentError (`content.malformed`, ...), and what the transport raises."""
        if not descriptor.is_manifest:
            return None
        raw = self.manifests.read(descriptor)
        try:
            return parse_manifest(raw, descriptor.media_type)
        except FormatError as error:
            raise ContentError(
                "content.malformed", f"{descriptor.digest}: {error}", digest=str(descriptor.digest)
            ) from None

    def referrers(self, descriptor: Descriptor, *, digest_tags: bool) -> FoundReferrers:
        """See `Source`: the API, else the tag schema; cosign's tags where asked for."""
        found = self.finder.find(descriptor.digest, mechanism=self._mechanism)
        if not digest_tags:
            return found
        return found.and_more(self.finder.cosign_tags(descriptor.digest, self._few_tags()))

    def _find_few_tags(self) -> frozenset[str] | None:
        """All tags, if the registry lists them on one page: one question instead of three for each manifest.

        None where that is not sure: then each tag is asked for.
        """
        try:
            first = next(self._tag_pages())
            listed = frozenset(self._tag_list.on(first))
        except AirgapError:
            return None  # it may hide its list, or the list may not be readable
        # some registries cut a list without saying so: at a round number, or to nothing
        is_cut = len(listed) % _ROUND == 0 or not self._resolved <= listed
        return None if is_cut or next_page(first.headers) is not None else listed

    def _tag_pages(self) -> Iterator[Reply]:
        for reply in self.client.pages(
            f"{self.repository}/tags/list?n={A_PAGE}",
            access=self._access,
            what=f"the tags of {self.repository} cannot be listed",
            limit=limits.TAG_PAGE_BYTES,
        ):
            if reply.status == 404:  # noqa: PLR2004
                raise self.client.no_repository(self.repository)
            yield reply

    def open(self, descriptor: Descriptor) -> BlobStream:
        """See `Source`: resumed after cut connections. Embedded data may be used instead."""
        try:
            return self.open_from(descriptor)
        except ContentError as error:
            if descriptor.data is None or not error.is_missing:
                raise
            return io.BytesIO(descriptor.data)

    def open_from(self, descriptor: Descriptor, start: int = 0) -> BlobReader:
        """See `Resumable`."""
        return BlobReader(self.client, self._access, descriptor, start=start)

    def read_blob(self, descriptor: Descriptor, limit: int) -> bytes:
        """A blob of at most `limit` bytes, proven. Raises ContentError, and what the transport raises."""
        if descriptor.size > limit:
            raise ContentError("content.limit", f"{descriptor.digest} has {descriptor.size} bytes, more than {limit}")
        with self.open_from(descriptor) as stream:
            data = stream.readall()
        check_sent(data, descriptor.digest, str(descriptor.digest))
        return data

    def path(self, descriptor: Descriptor) -> str | None:  # noqa: ARG002
        """None: there is no file."""
        return None
