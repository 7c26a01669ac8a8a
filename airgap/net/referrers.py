"""Finds the referrers of an artifact in a registry: by the referrers API, else the tag schema; and cosign's tags.

"There are none" and "the look-up failed" are two answers (RULE-6): the first is an answer without
referrers, the second an error. 401, 403, 429 and 5xx are errors, never an empty answer (DIST-9).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final
from urllib.parse import urlencode

from airgap import limits
from airgap.errors import AirgapError, ContentError, FormatError, NotFoundError
from airgap.net.auth import Access
from airgap.net.client import REDIRECTS, RegistryClient
from airgap.net.manifests import ManifestApi
from airgap.net.transport_errors import RegistryError
from airgap.net.wire import has_code, refusal_error, wrong_there
from airgap.oci.descriptor import IMAGE_INDEX, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.lookup import FoundBy, Mechanism, ReferrersLookup
from airgap.oci.manifest import Index, parse_layout_index, parse_manifest
from airgap.oci.tags import referrers_tag
from airgap.text import safe
from airgap.transfer.endpoint import FoundReferrers, ListedReferrer

_NO_API: Final = REDIRECTS | {400, 404, 405, 406, 501}
"""How registries without the API answer (Artifactory 406, Quay 400 or 405, ghcr.io with a redirect to its web site)."""
_OTHER_WAY: Final = (
    "If this registry has no referrers API, ask in the other way: copy, discover and inspect take "
    "--distribution-spec v1.1-referrers-tag."
)
_COSIGN_SUFFIXES: Final = ("sig", "att", "sbom")


class ReferrersFinder:
    """Finds referrers in one repository. Safe for threads."""

    def __init__(self, client: RegistryClient, access: Access, manifests: ManifestApi) -> None:
        self._client, self._access, self._manifests = client, access, manifests
        self._statuses: dict[bool, int] = {}
        """How the API answered: with a list, or that there is none."""

    def find(
        self, subject: Digest, *, artifact_types: Collection[str] = (), mechanism: Mechanism | None = None
    ) -> FoundReferrers:
        """The referrers of `subject`: by the API, or by the referrers tag if there is no API.

        An empty answer means that there are none. A failed look-up raises RegistryError, AuthenticationError,
        TransportError, NotFoundError (no such repository) or LimitError. `mechanism` forces one way.
        """
        if mechanism is Mechanism.TAG:
            return self._by_tag(subject, artifact_types, None)
        answer = self._by_api(subject, artifact_types)
        if isinstance(answer, FoundReferrers):
            self._check_agreement(subject, 200, has_api=True)
            return answer
        if mechanism is Mechanism.API:
            raise self._client.error(
                f"{self._client.host}/{self._access.repository} has no referrers API (status {answer})",
                remedy="Leave the choice to airgap, or use --distribution-spec v1.1-referrers-tag.",
                status=answer,
            )
        self._check_agreement(subject, answer, has_api=False)
        return self._by_tag(subject, artifact_types, answer)

    def _check_agreement(self, subject: Digest, status: int, *, has_api: bool) -> None:
        """Raises RegistryError where the API is there for one subject and not for another.

        DIST-5: it has a list for every subject. Without one it could not look, and what is under the tag is not all.
        """
        self._statuses[has_api] = status  # before the look at the other, for threads
        if (not has_api) in self._statuses:
            raise self._client.error(
                f"{self._client.host}/{self._access.repository} lists referrers by its referrers API, and answers "
                f"elsewhere that it has none (status {self._statuses[False]}): whether {subject} and others have "
                "referrers is not known",
                remedy="Run it again. If the answer stays, the registry, or a proxy before it, is at fault; "
                "--distribution-spec v1.1-referrers-tag asks for referrers tags alone.",
                status=self._statuses[False],
            )

    def cosign_tags(self, subject: Digest, listed: Collection[str] | None) -> tuple[ListedReferrer, ...]:
        """The manifests of cosign's tags for the subject. Raises what reading a manifest raises.

        `listed`: all tags of the repository, if they are known; else each of cosign's tags is asked for.
        """
        found = []
        for suffix in _COSIGN_SUFFIXES:
            tag = f"{referrers_tag(subject)}.{suffix}"
            # HEAD first: most tags are missing. A manifest that is there is read, so that its digest is checked.
            is_missing = tag not in listed if listed is not None else self._manifests.head(tag) is False
            fetched = None if is_missing else self._manifests.find(tag)
            if fetched is not None:
                found.append(replace(_listed(fetched.descriptor, subject, FoundBy.COSIGN), tag=tag))
        return tuple(found)

    def _by_api(self, subject: Digest, artifact_types: Collection[str]) -> FoundReferrers | int:
        """The answer of the API, or the status by which the registry says that it has none (MAN-21, DIST-5)."""
        path = f"{self._access.repository}/referrers/{subject}"
        if len(artifact_types) == 1:
            path += "?" + urlencode({"artifactType": next(iter(artifact_types))})
        what = f"the referrers of {self._access.repository} cannot be listed"
        pages = self._client.pages(
            path,
            access=self._access,
            what=what,
            headers={"Accept": IMAGE_INDEX},
            limit=limits.MANIFEST_BYTES,
            absent=_NO_API,
        )
        entries: dict[Digest, Descriptor] = {}
        listed = 0
        for number, reply in enumerate(pages, start=1):
            if number == 1 and (reply.status != 200 or reply.media_type != IMAGE_INDEX):  # noqa: PLR2004
                if reply.status == 404 and has_code(reply, "NAME_UNKNOWN"):  # noqa: PLR2004 - DIST-9: no referrers tag is asked
                    raise self._client.no_repository(self._access.repository)
                if reply.status == 400 and not has_code(reply, "UNSUPPORTED"):  # noqa: PLR2004
                    raise refusal_error(reply, what, remedy=_OTHER_WAY)
                return reply.status
            remedy = wrong_there(reply, "")
            index = self._index(subject, reply.body, listed, remedy=remedy)
            listed += len(index.manifests)
            if index.unreadable:  # an unreadable entry may be the signature
                raise self._unreadable(str(index.unreadable[0]), remedy)
            for entry in index.manifests:
                entries.setdefault(entry.digest, entry)
        # DIST-6, MAN-20: the registry may have filtered, or not
        chosen = [entry for entry in entries.values() if _wanted(entry, artifact_types)]
        lookup = ReferrersLookup(subject=subject, mechanism=Mechanism.API, api_status=200, listed=listed)
        return FoundReferrers(lookup=lookup, _found=tuple(_listed(entry, subject, FoundBy.API) for entry in chosen))

    def _index(self, subject: Digest, raw: bytes, before: int = 0, *, remedy: str = "") -> Index:
        """A list of referrers, or a page of it; `before`: how many entries the pages before it had."""
        try:
            index = parse_layout_index(raw, "list")
        except FormatError as error:
            raise self._unreadable(str(error), remedy) from None
        if before + len(index.manifests) > limits.REFERRERS:
            message = f"{subject} has more than {limits.REFERRERS} referrers in {self._access.repository}"
            raise ContentError("content.limit", message, digest=str(subject))
        return index

    def _unreadable(self, problem: str, remedy: str = "") -> RegistryError:
        where = f"{self._client.host}/{self._access.repository}"
        problem = f"the referrers that {where} lists cannot be read: {problem}"
        return self._client.error(problem, remedy=remedy)

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
        return self._of_tag(lookup, self._index(subject, fetched.raw), artifact_types)

    def _of_tag(self, lookup: ReferrersLookup, index: Index, artifact_types: Collection[str]) -> FoundReferrers:
        """Only entries whose manifest has this subject count, because anyone may write such a tag."""
        entries: dict[Digest, Descriptor] = {}
        notes: list[str] = []
        misplaced: list[Descriptor] = []
        problems: list[AirgapError] = [self._unreadable(str(error)) for error in index.unreadable]
        for entry in index.manifests:
            if entry.digest in entries:
                continue
            try:
                proven = self._proven_referrer(entry, lookup.subject)
            except (ContentError, NotFoundError, FormatError) as error:
                problems.append(as_content(error))
                continue
            if proven is None:
                notes.append(f"{entry.digest} is listed as a referrer of {lookup.subject} but is not about it")
                misplaced.append(entry)
            elif _wanted(proven, artifact_types):
                entries[entry.digest] = proven
        listed = len(index.manifests) + len(index.unreadable)
        return FoundReferrers(
            lookup=replace(lookup, listed=listed, notes=tuple(notes)),
            problems=tuple(problems),
            misplaced=tuple(misplaced),
            _found=tuple(_listed(entry, lookup.subject, FoundBy.TAG) for entry in entries.values()),
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


def as_content(error: AirgapError) -> ContentError:
    """The error as one of content: an entry of a list that names what is not there, or is no descriptor."""
    if isinstance(error, ContentError):
        return error
    reason = "content.missing" if isinstance(error, NotFoundError) else "content.malformed"
    return ContentError(reason, str(error), remedy=error.remedy, **error.facts)


def _listed(entry: Descriptor, subject: Digest, mechanism: FoundBy) -> ListedReferrer:
    return ListedReferrer(descriptor=entry, subject=subject, artifact_type=entry.artifact_type, mechanism=mechanism)


def _wanted(entry: Descriptor, artifact_types: Collection[str]) -> bool:
    # a listing may lack the type; then only the manifest has it, and it may be the signature
    return not artifact_types or not entry.artifact_type or entry.artifact_type in artifact_types
