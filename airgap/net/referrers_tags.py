"""The referrers tag of registries without the API, kept up to date on push (DIST-25).

The tag names one index. Every writer reads it, adds to it and writes it back, so writers can lose each other's entries.
If-Match helps where a registry understands it; docker-registry 2.8 sends an ETag and ignores it. So `add` looks at the
tag again right before it writes, and `settle` looks some time after the last write, when every writer that read the old
index must have written: what was overwritten is added again, and looked at again, until it stays.
"""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import Final

from airgap.errors import ContentError, FormatError
from airgap.net.client import RegistryClient
from airgap.net.manifests import Fetched, ManifestApi
from airgap.net.transport_errors import PreconditionError, RegistryError
from airgap.oci.descriptor import IMAGE_INDEX, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.manifest import Index, Manifest, parse_layout_index, parse_manifest
from airgap.oci.referrers_index import ReferrersIndex
from airgap.oci.tags import referrers_tag
from airgap.transfer.referrers_names import is_list_of_referrers
from airgap.transfer.workers import at_once

_ATTEMPTS: Final = 8
_QUIET_SECONDS: Final = 0.5
"""The shortest time between our write and the look that decides."""
_LONGEST_QUIET_SECONDS: Final = 5.0
_AS_SLOW_AS_OTHERS: Final = 10
"""That time in writes: other writers talk to the same registry, so theirs take about as long as ours."""


class ReferrersTagWriter:
    """The referrers tags that this run wrote in one repository. Safe for threads."""

    def __init__(self, client: RegistryClient, repository: str, manifests: ManifestApi) -> None:
        self._client, self._repository, self._manifests = client, repository, manifests
        self._lock = threading.Lock()
        self._writing: dict[Digest, threading.Lock] = {}
        self._written: dict[Digest, dict[Digest, Descriptor]] = {}
        """For each subject what was listed and is not settled."""
        self._look_at: dict[Digest, float] = {}
        """For each of them when others must have written (time.monotonic)."""
        self._lists: set[Digest] = set()
        """Indexes that list referrers: looked through, or made here from such."""

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
        """Look at every written tag again, and add what others overwrote; returns how many tags were repaired.

        Waits until some time after the last write, and again after each repair. Raises RegistryError where others
        overwrite it again and again.
        """
        return sum(at_once([partial(self._settle_one, subject) for subject in sorted(self._written)]))

    def _settle_one(self, subject: Digest) -> bool:
        with self._writing[subject]:
            mended = self._settle(subject, tuple(self._written[subject].values()))
            del self._written[subject]
        return mended

    def _settle(self, subject: Digest, referrers: tuple[Descriptor, ...]) -> bool:
        for attempt in range(_ATTEMPTS):
            left = self._look_at.get(subject, 0.0) - time.monotonic()
            if left > 0:
                self._client.options.sleep(left)
            if not self._merge(subject, referrers):
                return attempt > 0
            self._client.http.pause(attempt, f"{self._tag(subject)}: another writer overwrote what we added")
        raise self._busy(subject)

    def _merge(self, subject: Digest, referrers: tuple[Descriptor, ...]) -> bool:
        tag = referrers_tag(subject)
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._client.http.pause(attempt - 1, f"{self._tag(subject)}: another writer is at work")
            started = time.monotonic()
            current = self._manifests.find(tag)
            index = self._read(current, tag)
            listing = index.listing(referrers)
            if listing == index:
                return False
            descriptor, raw = listing.encode()
            self._lists.add(descriptor.digest)
            fetched = Fetched(descriptor=descriptor, raw=raw)
            if self._is_unchanged(tag, current) and self._write(tag, fetched, current):
                now = time.monotonic()
                quiet = min(max(_QUIET_SECONDS, (now - started) * _AS_SLOW_AS_OTHERS), _LONGEST_QUIET_SECONDS)
                self._look_at[subject] = now + quiet
                return True
        raise self._busy(subject)

    def _tag(self, subject: Digest) -> str:
        return f"{self._repository}:{referrers_tag(subject)}"

    def _busy(self, subject: Digest) -> RegistryError:
        return self._client.error(
            f"the referrers tag {self._tag(subject)} could not be updated in {_ATTEMPTS} attempts: others write it",
            remedy="Do the same again when the others are done.",
        )

    def _is_unchanged(self, tag: str, current: Fetched | None) -> bool:
        # also where there is an ETag: whether If-Match is understood cannot be seen before it is too late
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
                remedy="The tag is used for something else; remove it, or use a registry with the referrers API.",
            )
        try:
            self._check_list(current, tag)
            return ReferrersIndex.parse(current.raw)
        except FormatError as error:
            raise self._client.error(f"the index under the referrers tag {tag} cannot be read: {error}") from None

    def _check_list(self, current: Fetched, tag: str) -> None:
        """Refuses to write into an artifact that has this name: it would become another one, which was not judged."""
        if current.descriptor.digest in self._lists:
            return
        index = parse_layout_index(current.raw, "list")
        if not is_list_of_referrers(index, tag, self._manifest):
            raise self._client.error(
                f"the tag {self._repository}:{tag} should list referrers and names an index of something else, which "
                "is left as it is",
                remedy="Give that index another tag and remove this one, or use a registry with the referrers API.",
            )
        self._lists.add(current.descriptor.digest)

    def _manifest(self, descriptor: Descriptor) -> Manifest | Index | None:
        """What has the digest, whatever the list says of it: that may be wrong, and is put right."""
        fetched = self._manifests.get(descriptor.digest)
        try:
            return parse_manifest(fetched.raw, fetched.descriptor.media_type)
        except FormatError as error:
            raise ContentError("content.malformed", f"{descriptor.digest}: {error}") from None
