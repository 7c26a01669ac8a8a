"""Connections by requests, and one request at a time sent through them by our rules; http.py maps what they raise.

No session of requests: it would follow, send `~/.netrc`, keep cookies (some registries take a client with cookies for a
browser) and read the whole body of an answer that redirects (docs/decisions, 0032).
"""

from __future__ import annotations

import http.client
import io
import ssl
import time
import warnings
from collections.abc import Mapping
from functools import cached_property
from io import RawIOBase
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies

import requests
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy, should_bypass_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import InsecureRequestWarning

from airgap import limits
from airgap.errors import AirgapError
from airgap.net.url import Origin, is_loopback, origin_of
from airgap.parse import base64
from airgap.text import safe

if TYPE_CHECKING:
    from airgap.net.options import TransportOptions


def basic_credentials(username: str, password: str) -> str:
    """`username:password` in base64, as the Authorization header carries it."""
    return base64.encode_standard(f"{username}:{password}".encode())


class Session:
    """Connections for one registry and the hosts it names. Safe for threads.

    The client certificate and `ca_file` alone count for the registry's own origin; every other host gets the
    system's authorities, `ca_file` beside them, and no client certificate.
    """

    def __init__(self, home: Origin, options: TransportOptions) -> None:
        self._home = home
        self._options = options
        if options.insecure:
            warnings.filterwarnings("ignore", category=InsecureRequestWarning)  # the user asked for it

    @cached_property
    def _own(self) -> HTTPAdapter:
        return _Adapter(_own_context(self._options) if self._home.scheme == "https" else None, self._options)

    @cached_property
    def _foreign(self) -> HTTPAdapter:
        return _Adapter(_foreign_context(self._options), self._options)

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: RawIOBase | None, size: int
    ) -> requests.Response:
        """One request, nothing followed and nothing repeated; the answer's body is not read yet.

        `size` is the length of `body`. Raises what requests and urllib3 raise (airgap.net.http maps it).
        """
        request = requests.PreparedRequest()
        request.prepare(method=method, url=url, headers=dict(headers), hooks={})
        if body is not None:
            request.body = body  # not handed to prepare(): it would guess the length
            request.headers["Content-Length"] = str(size)
        adapter = self._own if origin_of(url) == self._home else self._foreign
        timeout = (self._options.connect_timeout, self._options.read_timeout)
        return adapter.send(request, stream=True, timeout=timeout, proxies=self._proxies(url))

    def _proxies(self, url: str) -> dict[str, str]:
        if self._options.proxies is not None:
            return dict(self._options.proxies)
        # a loopback address means this machine, not the proxy's; Go's tools, which users come from, agree
        if is_loopback(origin_of(url).host) or should_bypass_proxies(url, no_proxy=None):
            return {}
        return getproxies()

    def proxy_for(self, url: str) -> str | None:
        """The proxy that a request to `url` goes through."""
        return select_proxy(url, self._proxies(url))

    def close(self) -> None:
        """Close all idle connections."""
        for name in ("_own", "_foreign"):
            adapter = self.__dict__.get(name)
            if adapter is not None:
                adapter.close()


class _Timed(io.RawIOBase):
    """What comes from a socket, given up where it comes a byte at a time: the socket's own time-out starts anew."""

    def __init__(self, raw: io.RawIOBase, deadline: float | None) -> None:
        self._raw = raw
        self.deadline = deadline
        """Of time.monotonic, while a head is read."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise TimeoutError("the head of the answer did not end in time")
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer whose head, however many lines and interim answers it has, ends in time."""

    def __init__(self, sock: Any, *arguments: Any, **more: Any) -> None:
        super().__init__(sock, *arguments, **more)
        raw = sock.makefile("rb", buffering=0)
        self.fp.close()
        self._timed = _Timed(raw, None)
        # as long until the first byte as for everything that follows
        self._seconds = None if sock.gettimeout() is None else 2 * sock.gettimeout()
        self.fp = io.BufferedReader(self._timed)

    def begin(self) -> None:
        if self._seconds is not None:
            self._timed.deadline = time.monotonic() + self._seconds
        super().begin()
        self._timed.deadline = None


class _Plain(HTTPConnection):
    response_class = _Answer


class _Secure(HTTPSConnection):
    response_class = _Answer


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


_POOLS = {"http": _PlainPool, "https": _SecurePool}


class _Adapter(HTTPAdapter):
    """Connections whose TLS context alone decides; requests would add its own list of authorities."""

    def __init__(self, context: ssl.SSLContext | None, options: TransportOptions) -> None:
        self._context = context
        super().__init__(pool_connections=8, pool_maxsize=max(options.connections, 1), max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:  # noqa: FBT001, FBT002 - requests' signature
        super().init_poolmanager(connections, maxsize, block, **kwargs, **self._arguments())
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs, **self._arguments())
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:  # noqa: ARG002
        origin = origin_of(request.url)
        return {"scheme": origin.scheme, "host": origin.host, "port": origin.port}, {}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave the connection as it is."""

    def _arguments(self) -> dict[str, Any]:
        arguments: dict[str, Any] = {"blocksize": limits.CHUNK_BYTES}
        return arguments if self._context is None else {**arguments, "ssl_context": self._context}


def _own_context(options: TransportOptions) -> ssl.SSLContext:
    context = ssl.create_default_context() if options.ca_file is None else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if options.ca_file is not None:
        _load_authorities(context, options)
    if options.cert_file is not None:
        try:
            context.load_cert_chain(options.cert_file, options.key_file, password=_no_password)
        except (OSError, ValueError) as error:
            raise AirgapError(
                f"the client certificate {safe(options.cert_file)} or its key cannot be used: {safe(error)}",
                remedy="Give PEM files with --cert-file and --key-file; the key must not be encrypted.",
            ) from None
    return _relaxed(context) if options.insecure else context


def _foreign_context(options: TransportOptions) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if options.ca_file is not None:
        _load_authorities(context, options)
    return _relaxed(context) if options.insecure else context


def _load_authorities(context: ssl.SSLContext, options: TransportOptions) -> None:
    try:
        context.load_verify_locations(cafile=options.ca_file)
    except (OSError, ValueError) as error:
        raise AirgapError(
            f"no certificate authority can be read from {safe(options.ca_file)}: {safe(error)}",
            remedy="Give a PEM file with --ca-file.",
        ) from None


def _relaxed(context: ssl.SSLContext) -> ssl.SSLContext:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _no_password() -> str:
    # without this OpenSSL would ask on the terminal
    return ""
