"""What refers to an artifact, as a registry knows it: the API, else the tag schema; cosign's tags.

"None there" and "could not look" are two answers (design 2, rule 6): the first is an answer without
referrals, the second an error. 401, 403, 429 and 5xx are errors, never none (DIST-9).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from airgap import limits
from airgap.errors import AirgapError, ContentError, FormatError, LimitError, NotFoundError
from airgap.net.auth import Access
from airgap.net.client import RegistryClient
from airgap.net.errors import RegistryError
from airgap.net.http import Reply
from airgap.net.manifests import ManifestApi
from airgap.net.url import follow, origin_of
from airgap.net.wire import has_code, next_page
from airgap.oci.descriptor import IMAGE_INDEX, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.lookup import Mechanism, ReferrersLookup
from airgap.oci.manifest import Index, parse_layout_index, parse_manifest
from airgap.oci.tags import referrers_tag
from airgap.text import safe
from airgap.transfer.endpoint import FoundReferrers, Referral

COSIGN_SUFFIXES: Final = ("sig", "att", "sbom")


@dataclass(frozen=True, slots=True)
class DigestTag:
    """A tag in cosign's scheme (`sha256-<hex>.sig`) and what it names."""

    tag: str
    descriptor: Descriptor


class ReferrersApi:
    """Referrers in one repository. Safe for threads."""

    def __init__(self, client: RegistryClient, repository: str, access: Access, manifests: ManifestApi) -> None:
        self._client, self._repository, self._access, self._manifests = client, repository, access, manifests
        self._missing_status: int | None = None
        """The API's answer once it said that there is none."""

    def look(
        self, subject: Digest, *, artifact_types: Collection[str] = (), mechanism: Mechanism | None = None
    ) -> FoundReferrers:
        """See `RegistryStore.referrers`."""
        status = self._missing_status
        if mechanism is not Mechanism.TAG and (status is None or mechanism is Mechanism.API):
            answer = self._by_api(subject, artifact_types)
            if isinstance(answer, FoundReferrers):
                return answer
            self._missing_status = status = answer
            if mechanism is Mechanism.API:
                raise RegistryError(
                    f"{self._client.host}/{self._repository} has no referrers API (status {status})",
                    remedy="Leave the choice to airgap, or use --distribution-spec v1.1-referrers-tag.",
                    host=self._client.host,
                    status=status,
                )
        return self._by_tag(subject, artifact_types, None if mechanism is Mechanism.TAG else status)

    def digest_tags(self, subject: Digest) -> tuple[DigestTag, ...]:
        """What cosign's tags for the subject name. Raises what reading manifests raises; a missing tag is none."""
        found = []
        for suffix in COSIGN_SUFFIXES:
            tag = f"{referrers_tag(subject)}.{suffix}"
            # HEAD first: most are missing, and a miss costs no body. What is there is read, so that it is proven.
            if self._manifests.head(tag) is False:
                continue
            fetched = self._manifests.find(tag)
            if fetched is not None:
                found.append(DigestTag(tag, fetched.descriptor))
        return tuple(found)

    def _by_api(self, subject: Digest, artifact_types: Collection[str]) -> FoundReferrers | int:
        """The answer of the API, or the status by which the registry says that it has none (MAN-21, DIST-5)."""
        path = f"{self._repository}/referrers/{subject}"
        if len(artifact_types) == 1:
            path += "?" + urlencode({"artifactType": next(iter(artifact_types))})
        entries: dict[Digest, Descriptor] = {}
        listed = 0
        for number, reply in enumerate(self._pages(self._client.url(path)), start=1):
            if number == 1 and (reply.status != 200 or reply.media_type != IMAGE_INDEX):  # noqa: PLR2004
                return self._no_api(reply)
            index = self._index(reply)
            listed += len(index.manifests)
            if listed > limits.REFERRERS:
                raise LimitError(f"{subject} has more than {limits.REFERRERS} referrers in {self._repository}")
            for entry in index.manifests:
                entries.setdefault(entry.digest, entry)
        # DIST-6, MAN-20: the registry may have filtered, and may not
        chosen = [entry for entry in entries.values() if _wanted(entry, artifact_types)]
        lookup = ReferrersLookup(subject=subject, mechanism=Mechanism.API, api_status=200, listed=listed)
        return FoundReferrers(lookup=lookup, _referrals=_referrals(chosen, Mechanism.API))

    def _pages(self, url: str) -> Iterator[Reply]:
        seen: set[str] = set()
        while True:
            seen.add(url)
            reply = self._client.send(
                "GET",
                url,
                access=self._access,
                accept=frozenset({200, 404}) if len(seen) == 1 else frozenset({200}),
                what=f"the referrers of {self._repository} cannot be listed",
                headers={"Accept": IMAGE_INDEX},
                limit=limits.MANIFEST_BYTES,
            )
            yield reply
            link = next_page(reply.headers) if reply.status == 200 else None  # noqa: PLR2004
            if link is None:
                return
            url = page_url(self._client, url, link, seen)

    def _no_api(self, reply: Reply) -> int:
        if reply.status == 404 and has_code(reply, "NAME_UNKNOWN"):  # noqa: PLR2004 - DIST-9: no fallback
            raise NotFoundError(
                f"{self._client.host} has no repository {self._repository}",
                host=self._client.host,
                repository=self._repository,
            )
        return reply.status

    def _index(self, reply: Reply) -> Index:
        try:
            index = parse_layout_index(reply.body)
        except FormatError as error:
            raise self._unreadable(str(error)) from None
        if index.unreadable:  # an entry that cannot be read may be the signature
            raise self._unreadable(str(index.unreadable[0]))
        return index

    def _unreadable(self, problem: str) -> RegistryError:
        return RegistryError(
            f"the referrers that {self._client.host}/{self._repository} lists cannot be read: {problem}",
            host=self._client.host,
        )

    def _by_tag(self, subject: Digest, artifact_types: Collection[str], api_status: int | None) -> FoundReferrers:
        tag = referrers_tag(subject)
        lookup = ReferrersLookup(subject=subject, mechanism=Mechanism.TAG, api_status=api_status, tag_status=404)
        fetched = self._manifests.find(tag)
        if fetched is None:
            return FoundReferrers(lookup=lookup)
        lookup = replace(lookup, tag_status=200)
        if fetched.descriptor.media_type != IMAGE_INDEX or fetched.descriptor.digest == subject:
            # GitLab answers with the artifact itself (oras-go#1396)
            what = "the artifact itself" if fetched.descriptor.digest == subject else "no index"
            notes = (f"the tag {tag} names {what}, which lists no referrers",)
            return FoundReferrers(lookup=replace(lookup, notes=notes))
        try:
            index = parse_layout_index(fetched.raw)
        except FormatError as error:
            raise self._unreadable(str(error)) from None
        if len(index.manifests) > limits.REFERRERS:
            raise LimitError(f"{subject} has more than {limits.REFERRERS} referrers in {self._repository}")
        return self._of_tag(lookup, index, artifact_types)

    def _of_tag(self, lookup: ReferrersLookup, index: Index, artifact_types: Collection[str]) -> FoundReferrers:
        """Only entries whose manifest truly has the subject count: anybody may write such a tag."""
        entries: dict[Digest, Descriptor] = {}
        notes: list[str] = []
        problems: list[AirgapError] = [self._unreadable(str(error)) for error in index.unreadable]
        for entry in index.manifests:
            if entry.digest in entries:
                continue
            try:
                proven = self._proven_referrer(entry, lookup.subject)
            except (ContentError, NotFoundError, FormatError) as error:
                problems.append(error)
                continue
            if proven is None:
                notes.append(f"{entry.digest} is listed as a referrer but has another subject")
            elif _wanted(proven, artifact_types):
                entries[entry.digest] = proven
        listed = len(index.manifests) + len(index.unreadable)
        return FoundReferrers(
            lookup=replace(lookup, listed=listed, notes=tuple(notes)),
            problems=tuple(problems),
            _referrals=_referrals(entries.values(), Mechanism.TAG),
        )

    def _proven_referrer(self, entry: Descriptor, subject: Digest) -> Descriptor | None:
        fetched = self._manifests.get(entry.digest)
        if fetched.descriptor.size != entry.size or fetched.descriptor.media_type != entry.media_type:
            raise ContentError(
                "content.size",
                f"the referrer {entry.digest} is {safe(fetched.descriptor.media_type, limit=80)} of "
                f"{fetched.descriptor.size} bytes, listed as {safe(entry.media_type, limit=80)} of {entry.size}",
                digest=str(entry.digest),
            )
        manifest = parse_manifest(fetched.raw, entry.media_type)
        if manifest.subject is None or manifest.subject.digest != subject:
            return None
        return replace(entry, artifact_type=manifest.artifact_type, annotations=manifest.annotations)


def page_url(client: RegistryClient, url: str, link: str, seen: Collection[str]) -> str:
    """Where the next page is: on the registry's own origin, not seen before. Raises RegistryError, LimitError."""
    if len(seen) >= limits.REGISTRY_PAGES:
        raise LimitError(f"a list of {client.host} has more than {limits.REGISTRY_PAGES} pages")
    try:
        target = follow(url, link, home=client.origin)
    except FormatError as error:
        raise RegistryError(
            f"{client.host} names a next page that cannot be followed: {error.problem}", host=client.host
        ) from None
    if origin_of(target) != client.origin:
        raise RegistryError(
            f"{client.host} names a next page on another host, {origin_of(target).url}: not followed", host=client.host
        )
    if target in seen:
        raise RegistryError(f"{client.host} names a page of a list twice", host=client.host)
    return target


def _referrals(entries: Iterable[Descriptor], mechanism: Mechanism) -> tuple[Referral, ...]:
    return tuple(
        Referral(descriptor=entry, artifact_type=entry.artifact_type, mechanism=mechanism) for entry in entries
    )


def _wanted(entry: Descriptor, artifact_types: Collection[str]) -> bool:
    # a listing may leave the type out, and then only the manifest tells: it may be the signature
    return not artifact_types or not entry.artifact_type or entry.artifact_type in artifact_types
