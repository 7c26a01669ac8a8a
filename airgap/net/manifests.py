"""Manifests of one repository: read with their digest checked, and put unchanged (DIST-2, DIST-24)."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from airgap import limits
from airgap.errors import ContentError, FormatError, LimitError, NotFoundError, UsageError
from airgap.net.auth import Access
from airgap.net.client import RegistryClient
from airgap.net.http import Body, Reply
from airgap.net.transport_errors import IncompleteError, PreconditionError, RegistryError
from airgap.net.wire import (
    WRONG_THERE,
    check_sent,
    check_stated_digest,
    has_code,
    missing_digests,
    refusal_error,
    stated_digest,
    wrong_there,
)
from airgap.oci.descriptor import (
    ARTIFACT_MANIFESTS,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    DOCKER_SCHEMA_1,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    INDEX_TYPES,
    MANIFEST_TYPES,
    Descriptor,
)
from airgap.oci.digest import Digest
from airgap.oci.manifest import SCHEMA_1
from airgap.oci.store import size_error
from airgap.oci.tags import is_tag
from airgap.parse.json import Reading, load_object, take_optional
from airgap.text import safe

# distribution 2.8 answers a plain */* with 404, or with a manifest that was converted to an older kind
ACCEPT: Final = ", ".join((IMAGE_INDEX, IMAGE_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST, *sorted(ARTIFACT_MANIFESTS)))
_UNSPECIFIC: Final = frozenset({"", "application/json", "application/octet-stream", "text/plain"})
_MISSING_CODES: Final = ("MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_UNKNOWN")
_PRECONDITION_FAILED: Final = 412


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The bytes of a manifest, and their descriptor."""

    descriptor: Descriptor
    raw: bytes
    etag: str | None = None


class ManifestApi:
    """The manifests of one repository. Safe for threads."""

    def __init__(self, client: RegistryClient, access: Access) -> None:
        self._client, self._access = client, access
        self._cache = _Cache()

    def forget(self) -> None:
        """Keep no manifest in memory."""
        self._cache = _Cache()

    def find(self, reference: str | Digest) -> Fetched | None:
        """The manifest under a tag or digest, its digest checked; None where there is none.

        A repository that does not exist has none, too. Raises ContentError for bytes that are not what the digest,
        Docker-Content-Digest or Content-Type say, and what the client raises.
        """
        if isinstance(reference, Digest) and (cached := self._cache.get(reference)) is not None:
            return cached
        name = self._name(reference)
        try:
            reply = self._client.send(
                "GET",
                self._url(reference),
                access=self._access,
                accept=frozenset({200, 404}),
                what=f"the manifest {name} cannot be read",
                headers={"Accept": ACCEPT},
                limit=limits.MANIFEST_BYTES,
            )
        except LimitError as error:
            raise ContentError("content.limit", f"the manifest {name} is too large: {error.problem}") from None
        if reply.status != 200:  # noqa: PLR2004
            return None
        fetched = _proven(reply, reference, name)
        self._cache.put(fetched)
        return fetched

    def get(self, reference: str | Digest) -> Fetched:
        """As `find`, but raises NotFoundError where there is none."""
        fetched = self.find(reference)
        if fetched is None:
            kind = "manifest" if isinstance(reference, Digest) else "tag"
            raise NotFoundError(
                f"{self._client.host}/{self._access.repository} has no {kind} {reference}",
                remedy=f"Check the name; airgap ls {self._client.host}/{self._access.repository} shows what is there.",
                host=self._client.host,
                repository=self._access.repository,
            )
        return fetched

    def read(self, descriptor: Descriptor) -> bytes:
        """The bytes of the manifest of a descriptor, with its digest and size checked.

        Raises ContentError (`content.missing`, `content.size`, `content.digest`, `content.limit`).
        """
        if descriptor.size > limits.MANIFEST_BYTES:
            raise ContentError(
                "content.limit",
                f"{descriptor.digest} has {descriptor.size} bytes, more than {limits.MANIFEST_BYTES} for a manifest",
                digest=str(descriptor.digest),
            )
        fetched = self.find(descriptor.digest)
        if fetched is None:
            raise self._client.missing(descriptor.digest, self._access.repository)
        if len(fetched.raw) != descriptor.size:
            raise size_error(descriptor, len(fetched.raw))
        return fetched.raw

    def head(self, reference: str | Digest) -> Digest | bool:
        """Whether there is such a manifest, and the digest that the registry claims for it, if any."""
        reply = self._client.send(
            "HEAD",
            self._url(reference),
            access=self._access,
            accept=frozenset({200, 404, 405}),
            what=f"whether {self._access.repository} holds {reference} cannot be asked",
            headers={"Accept": ACCEPT},
        )
        if reply.status == 405:  # noqa: PLR2004 - some proxies take no HEAD
            fetched = self.find(reference)
            return fetched.descriptor.digest if fetched else False
        return reply.status == 200 and (stated_digest(reply.headers) or True)  # noqa: PLR2004

    def put(self, fetched: Fetched, reference: str | Digest, *, if_match: str | None = None) -> Reply:
        """Put exactly these bytes under a tag or digest. Raises IncompleteError, PreconditionError, ContentError."""
        what = f"the manifest {self._name(reference)} cannot be written"
        headers = {"Content-Type": fetched.descriptor.media_type}
        if if_match is not None:
            headers["If-Match"] = if_match
        reply = self._client.send(
            "PUT",
            self._url(reference),
            access=self._access,
            # docker-registry answers 500 if a foreign layer is missing
            accept=frozenset({200, 201, 202, 204, 400, 404, 500, _PRECONDITION_FAILED}),
            what=what,
            headers=headers,
            body=Body.of(fetched.raw),
            repeatable=if_match is None,  # after If-Match, a repeated success would look like a failure
        )
        if reply.status == _PRECONDITION_FAILED:
            raise PreconditionError(what, host=self._client.host, status=reply.status)
        if reply.status >= 400:  # noqa: PLR2004
            raise self._refused(reply, fetched, what)
        stated, digest = stated_digest(reply.headers), fetched.descriptor.digest
        if stated is not None and stated.algorithm == digest.algorithm and stated != digest:
            raise ContentError(
                "content.digest",
                f"{self._client.host}/{self._access.repository} stored {digest} as {stated}",
                remedy="The registry changes what it is given; signatures would break there. Use another registry.",
                digest=str(digest),
                found_digest=str(stated),
            )
        self._cache.put(fetched)
        return reply

    def _refused(self, reply: Reply, fetched: Fetched, what: str) -> RegistryError | ContentError:
        if has_code(reply, "DIGEST_INVALID"):
            return ContentError("content.digest", f"{what}: the registry computes another digest")
        if not has_code(reply, *_MISSING_CODES):
            return refusal_error(reply, what)
        index = fetched.descriptor.media_type in INDEX_TYPES
        return refusal_error(
            reply,
            what,
            because=f": it wants all that the {'index' if index else 'manifest'} names to be there first",
            remedy=(
                "This registry takes no index with platforms left out. Copy all platforms, or copy one platform's "
                "image by its own digest, or have sparse indexes allowed there."
                if index
                else "Copy again: what is missing will be sent."
            ),
            kind=IncompleteError,
            missing=[str(digest) for digest in missing_digests(reply)],
        )

    def _url(self, reference: str | Digest) -> str:
        if isinstance(reference, str) and not is_tag(reference):
            raise UsageError(f"{safe(reference, limit=160)!r} is not a tag")
        return self._client.url(f"{self._access.repository}/manifests/{reference}")

    def _name(self, reference: str | Digest) -> str:
        return f"{self._access.repository}{'@' if isinstance(reference, Digest) else ':'}{reference}"


def _proven(reply: Reply, reference: str | Digest, name: str) -> Fetched:
    media_type = _media_type(reply, name)
    stated = check_stated_digest(reply, name)
    digest = reference if isinstance(reference, Digest) else (stated or Digest.of(reply.body))
    check_sent(reply.body, digest, name)
    descriptor = Descriptor(media_type=media_type, digest=digest, size=len(reply.body))
    return Fetched(descriptor=descriptor, raw=reply.body, etag=reply.headers.get("ETag"))


def _media_type(reply: Reply, name: str) -> str:
    """The media type of the body, else of the header; two different ones are refused (DIST-2).

    Schema 1 is refused before the digest is compared, because that one leaves the signatures out (manifest-v2-1).
    """
    said = reply.media_type
    try:
        document = load_object(reply.body, Reading.OPEN, what="manifest")
        stated = take_optional(document, "mediaType", str)
    except FormatError as error:
        raise ContentError("content.malformed", f"{name}: {error}", remedy=wrong_there(reply)) from None
    if said in DOCKER_SCHEMA_1 or stated in DOCKER_SCHEMA_1 or document.get("schemaVersion") == 1:
        remedy = "Pull and push it once with a newer docker or skopeo (--format v2s2), and copy that."
        raise ContentError("content.malformed", f"{name} {SCHEMA_1}", remedy=remedy)
    if stated and said not in _UNSPECIFIC and stated != said:
        raise ContentError(
            "content.malformed",
            f"{name} says that it is {safe(stated, limit=120)!r}, the registry sent it as {safe(said, limit=120)!r}",
            remedy=WRONG_THERE,
        )
    media_type = stated or said
    if media_type not in MANIFEST_TYPES:
        raise ContentError(
            "content.malformed",
            f"{name} is {safe(media_type, limit=120)!r}, which is no manifest or index known here",
            remedy=WRONG_THERE,
        )
    return media_type


class _Cache:
    """The manifests read last, by digest, within a bound of bytes. Their digests were checked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[Digest, Fetched] = OrderedDict()
        self._bytes = 0

    def get(self, digest: Digest) -> Fetched | None:
        with self._lock:
            if digest in self._known:
                self._known.move_to_end(digest)
            return self._known.get(digest)

    def put(self, fetched: Fetched) -> None:
        with self._lock:
            if fetched.descriptor.digest in self._known:
                return
            self._known[fetched.descriptor.digest] = fetched
            self._bytes += len(fetched.raw)
            while self._bytes > limits.MANIFEST_CACHE_BYTES:
                self._bytes -= len(self._known.popitem(last=False)[1].raw)
