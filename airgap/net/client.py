"""Requests to one registry: authorization, redirects and refusals.

One client serves all repositories of a registry, so that connections and tokens are shared.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Final, Self
from urllib.parse import urlsplit

from airgap import limits
from airgap.errors import Cause, ContentError, FormatError, LimitError, NotFoundError, UsageError
from airgap.net.auth import Access, Authorizer
from airgap.net.credentials import Credentials
from airgap.net.deadline import span
from airgap.net.http import Body, Http, Reply, Request
from airgap.net.options import TransportOptions
from airgap.net.transport_errors import RegistryError, TransportError
from airgap.net.url import Origin, follow, origin_of, without_query
from airgap.net.wire import ERROR_BYTES, WRONG_THERE, error_text, next_page, refusal_error
from airgap.oci.digest import Digest
from airgap.oci.reference import DOCKER_HUB, DOCKER_HUB_API, is_host
from airgap.text import safe

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 5
_NOT_REACHED: Final = frozenset({Cause.DNS, Cause.REFUSED, Cause.UNREACHABLE, Cause.TIMEOUT})
_NOT_TYPED: Final = (
    "That name was not typed: the registry sent it. The registry's public address may not be set, or a login page "
    "is in front of it."
)
_WARNING: Final = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')


class RegistryClient:
    """A registry, named as `host` or `host:port`. Safe for threads; close it when done."""

    def __init__(self, host: str, credentials: Credentials, options: TransportOptions | None = None) -> None:
        """Nothing is sent yet. Raises UsageError for what is no host, AirgapError for unusable TLS files."""
        if not is_host(host):
            raise UsageError(f"{safe(host, limit=160)!r} is not a registry (host or host:port)")
        self.host: Final = host
        self.options: Final = options or TransportOptions()
        self.origin: Final = _home(host, self.options)
        self.http: Final = Http(self.origin, self.options)
        self._authorizer = Authorizer(self.http, self.origin, credentials, host=host)
        self._warned: set[str] = set()
        self.holders: Final[dict[Digest, str]] = {}
        """For each uploaded blob a repository that holds it, to mount it from."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all idle connections."""
        self.http.close()

    def url(self, path: str) -> str:
        """The URL of a path of the API. The grammars of its parts were checked, so nothing needs quoting."""
        return f"{self.origin.url}/v2/{path}"

    def send(
        self,
        method: str,
        url: str,
        *,
        access: Access,
        accept: frozenset[int],
        what: str,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        limit: int | None = ERROR_BYTES,
        repeatable: bool | None = None,
    ) -> Reply:
        """The answer, if its status is one of `accept`; otherwise an error whose message begins with `what`.

        `url` may be on another origin (an upload's Location): then nothing is authorized there. Redirects of GET
        and HEAD are followed, without Authorization on other origins, never from https to http (DIST-3). A `limit`
        of None leaves an accepted answer's body to be streamed. Raises AuthenticationError, RegistryError,
        TransportError, LimitError.
        """
        request = Request(method=method, url=url, headers=headers or {}, body=body, limit=limit, repeatable=repeatable)
        try:
            reply = self._follow(self._authorized(request, access), access, at_home=bool(accept & REDIRECTS))
        except TransportError as error:
            raise self._of_elsewhere(error) from None
        self._report_warning(reply)
        if reply.status in accept:
            return reply
        self._read_error(reply)
        if reply.status in {401, 403} and origin_of(reply.request.url) == self.origin:
            raise self._authorizer.refusal(access, reply.status, error_text(reply))
        raise refusal_error(reply, what)

    def _of_elsewhere(self, error: TransportError) -> TransportError:
        """The same error; it says so if the host is one that only this registry named."""
        if error.host in {None, self.origin.netloc}:
            return error
        text = f"{self.host} sends to {safe(error.host, limit=160)}, and that fails: {error}"
        remedy = _NOT_TYPED if error.cause in _NOT_REACHED else error.remedy
        return TransportError(text, cause=error.cause, remedy=remedy, host=error.host, is_final=error.is_final)

    def pages(
        self,
        path: str,
        *,
        access: Access,
        what: str,
        limit: int,
        headers: Mapping[str, str] | None = None,
        absent: frozenset[int] = frozenset({404}),
    ) -> Iterator[Reply]:
        """The pages of a list (DIST-7): on the registry's own origin, each page once.

        The first may have a status of `absent`, which means that the registry has no such list. If that is the status
        of a redirect, only the same list is looked for on another origin. Raises as `send` does.
        """
        url, seen = self.url(path), set[str]()
        begun = time.monotonic()
        while True:
            self._check_list(url, len(seen), time.monotonic() - begun)
            seen.add(url)
            accept = frozenset({200}) | (absent if len(seen) == 1 else frozenset())
            reply = self.send("GET", url, access=access, accept=accept, what=what, headers=headers, limit=limit)
            yield reply
            try:
                link = next_page(reply.headers) if reply.status == 200 else None  # noqa: PLR2004
            except FormatError as error:
                raise self.error(f"{self.host} does not say how a list goes on: {error.problem}") from None
            if link is None:
                return
            url = self._page_url(url, link, seen)

    def _check_list(self, url: str, pages: int, seconds: float) -> None:
        """Raise TransportError where the pages of a list take too long together; each of them may come in time."""
        if self.options.deadline is None and seconds > self.options.list_seconds:
            raise TransportError(
                f"GET {safe(without_query(url), limit=256)}: {self.origin.netloc} sent {pages} pages of a list in "
                f"{span(seconds)}, and there are more",
                remedy="Ask again later, or give it longer with --timeout.",
                cause=Cause.TIMEOUT,
                host=self.origin.netloc,
                is_final=True,
            )

    def error(self, problem: str, *, remedy: str = "", status: int | None = None) -> RegistryError:
        """The error for an answer that breaks the specification."""
        return RegistryError(problem, remedy=remedy, host=self.host, status=status)

    def no_repository(self, repository: str) -> NotFoundError:
        """The error for a repository that the registry does not know."""
        return NotFoundError(f"{self.host} has no repository {repository}", host=self.host, repository=repository)

    def missing(self, digest: Digest, repository: str) -> ContentError:
        """The error for content that a repository does not hold."""
        name = f"{self.host}/{repository}"
        return ContentError("content.missing", f"{digest} is not in {name}", remedy=WRONG_THERE, digest=str(digest))

    def check(self) -> bool:
        """Ask for `/v2/` (DIST-27): True if the registry took the credentials, False if it asks for none.

        Raises AuthenticationError, RegistryError, TransportError.
        """
        what = f"{self.host} is no registry"
        reply = self.send("GET", f"{self.origin.url}/v2/", access=Access(), accept=frozenset({200}), what=what)
        if reply.media_type == "text/html":
            raise self.error(
                f"{what}: it sent a web page",
                remedy="The registry of a web site often has a name of its own: registry.gitlab.example.",
                status=reply.status,
            )
        return "Authorization" in reply.request.headers

    def _authorized(self, request: Request, access: Access) -> Reply:
        """The answer to the request, with Authorization on the registry's own origin; a 401 is answered once."""
        if origin_of(request.url) != self.origin:
            return self.http.send(request)
        sent = self._authorizer.header(access)
        reply = self.http.send(_with_authorization(request, sent))
        if reply.status != 401:  # noqa: PLR2004
            return reply
        self._read_error(reply)
        return self.http.send(_with_authorization(request, self._authorizer.answer(reply, access, sent=sent)))

    def _follow(self, reply: Reply, access: Access, *, at_home: bool) -> Reply:
        """The answer that redirects lead to.

        With `at_home`, a redirect to another origin is returned, unless it leads to the same path there
        (registry.k8s.io redirects everything to another registry, ghcr.io redirects unknown paths to a web site).
        """
        left = _MOST_REDIRECTS
        while reply.status in REDIRECTS and reply.request.method in {"GET", "HEAD"}:
            reply.discard()
            before = reply.request
            if not left:
                raise self.error(f"{before}: more than {_MOST_REDIRECTS} redirects")
            left -= 1
            try:
                target = follow(before.url, reply.headers.get("Location", ""), home=self.origin)
            except FormatError as error:
                problem = f"{before}: the answer redirects to where it cannot be followed: {error.problem}"
                raise self.error(problem, status=reply.status) from None
            if at_home and origin_of(target) != self.origin and _resource(target) != _resource(before.url):
                return reply
            headers = {name: value for name, value in before.headers.items() if name.lower() != "authorization"}
            request = Request(method=before.method, url=target, headers=headers, limit=before.limit)
            # a storage host that redirects to the registry must not make us use credentials there
            home = origin_of(before.url) == self.origin
            reply = self._authorized(request, access) if home else self.http.send(request)
        return reply

    def _page_url(self, url: str, link: str, seen: Collection[str]) -> str:
        if len(seen) >= limits.REGISTRY_PAGES:
            raise LimitError(f"a list of {self.host} has more than {limits.REGISTRY_PAGES} pages")
        try:
            target = follow(url, link, home=self.origin)
        except FormatError as error:
            raise self.error(f"{self.host} names a next page that cannot be followed: {error.problem}") from None
        if origin_of(target) != self.origin:
            raise self.error(f"{self.host} names a next page on another host, {origin_of(target).url}: not followed")
        if target in seen:
            raise self.error(f"{self.host} names a page of a list twice")
        return target

    def _read_error(self, reply: Reply) -> None:
        if reply.request.method == "HEAD" or reply.body:
            return
        try:
            reply.read(ERROR_BYTES)
        except FormatError:
            reply.close()  # too long for an error body: the status is enough

    def _report_warning(self, reply: Reply) -> None:
        match = _WARNING.search(reply.headers.get("Warning", "")[: 4 * limits.KIB])
        if match is not None and match[1] not in self._warned:  # DIST-10: report only
            self._warned.add(match[1])
            self.options.notice(f"{self.host} warns: {safe(match[1])}")


def _with_authorization(request: Request, header: str | None) -> Request:
    return request if header is None else replace(request, headers={**request.headers, "Authorization": header})


def _resource(url: str) -> list[str]:
    """The last two parts of a URL of the API: `referrers` and a digest."""
    return urlsplit(url).path.split("/")[-2:]


def _home(host: str, options: TransportOptions) -> Origin:
    scheme = "http" if options.speaks_plain(host) else "https"
    try:
        return origin_of(f"{scheme}://{DOCKER_HUB_API if host in DOCKER_HUB else host}")
    except FormatError:
        raise UsageError(f"{safe(host, limit=160)!r} is not a registry (host or host:port)") from None
