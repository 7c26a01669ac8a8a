"""The referrers tag of registries without the API, kept up to date on push (DIST-25).

The tag names one index. Every writer reads it, adds to it and writes it back, so writers can lose each other's entries.
Against that we use If-Match where the registry gives an ETag, read the tag again right before and after writing, and
once more for all tags at the end of the copy (`settle`): a writer that read before us may write after us.
"""

from __future__ import annotations

import threading
from typing import Final

from airgap.errors import FormatError
from airgap.net.client import RegistryClient
from airgap.net.manifests import Fetched, ManifestApi
from airgap.net.transport_errors import PreconditionError
from airgap.oci.descriptor import IMAGE_INDEX, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.referrers_index import ReferrersIndex
from airgap.oci.tags import referrers_tag

_ATTEMPTS: Final = 8


class ReferrersTagWriter:
    """The referrers tags that this run wrote in one repository. Safe for threads."""

    def __init__(self, client: RegistryClient, repository: str, manifests: ManifestApi) -> None:
        self._client, self._repository, self._manifests = client, repository, manifests
        self._lock = threading.Lock()
        self._writing: dict[Digest, threading.Lock] = {}
        self._written: dict[Digest, dict[Digest, Descriptor]] = {}

    def add(self, subject: Digest, referrer: Descriptor) -> bool:
        """List `referrer` (with its artifact type and annotations); False: it was listed already.

        Raises RegistryError where the tag names no index, or other writers do not stop.
        """
        with self._lock:
            lock = self._writing.setdefault(subject, threading.Lock())
        with lock:
            changed = self._merge(subject, (referrer,))
            self._written.setdefault(subject, {})[referrer.digest] = referrer
        return changed

    def settle(self) -> int:
        """Read every written tag again and add what others overwrote; returns how many tags were repaired."""
        mended = 0
        for subject, referrers in sorted(self._written.items()):
            with self._writing[subject]:
                mended += self._merge(subject, tuple(referrers.values()))
        return mended

    def _merge(self, subject: Digest, referrers: tuple[Descriptor, ...]) -> bool:
        tag = referrers_tag(subject)
        changed = False
        for attempt in range(_ATTEMPTS):
            current = self._manifests.find(tag)
            index = self._read(current, tag)
            if index.digests.issuperset(str(referrer.digest) for referrer in referrers):
                return changed
            descriptor, raw = index.listing(referrers).encode()
            fetched = Fetched(descriptor=descriptor, raw=raw)
            if self._is_unchanged(tag, current) and self._write(tag, fetched, current):
                changed = True
            if attempt:
                self._client.http.pause(attempt - 1, f"{self._repository}:{tag}: another writer is at work")
        problem = f"could not be updated in {_ATTEMPTS} attempts: others write it"
        remedy = "Copy again when the others are done."
        raise self._client.error(f"the referrers tag {self._repository}:{tag} {problem}", remedy=remedy)

    def _is_unchanged(self, tag: str, current: Fetched | None) -> bool:
        if current is not None and current.etag is not None:
            return True  # If-Match decides
        found = self._manifests.head(tag)
        if isinstance(found, Digest):
            return current is not None and found == current.descriptor.digest
        return found is (current is not None)

    def _write(self, tag: str, fetched: Fetched, current: Fetched | None) -> bool:
        try:
            self._manifests.put(fetched, tag, if_match=None if current is None else current.etag)
        except PreconditionError:
            return False
        return True

    def _read(self, current: Fetched | None, tag: str) -> ReferrersIndex:
        if current is None:
            return ReferrersIndex.empty()
        if current.descriptor.media_type != IMAGE_INDEX:  # DIST-25: report and stop
            raise self._client.error(
                f"the tag {self._repository}:{tag} should list referrers but is {current.descriptor.media_type}",
                remedy="Somebody used the tag for something else; remove it, or use a registry with the referrers API.",
            )
        try:
            return ReferrersIndex.parse(current.raw)
        except FormatError as error:
            raise self._client.error(f"the index under the referrers tag {tag} cannot be read: {error}") from None
