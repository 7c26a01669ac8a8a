"""The connections of requests and their TLS contexts, without a session of requests.

A session would follow redirects, send `~/.netrc`, keep cookies (some registries take a client with cookies for a
browser) and read the whole body of an answer that redirects (docs/decisions, 0032).
"""

from __future__ import annotations

import http.client
import io
import ssl
import time
import warnings
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies

from requests.adapters import HTTPAdapter
from requests.utils import should_bypass_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import InsecureRequestWarning

from airgap import limits
from airgap.errors import AirgapError
from airgap.net.url import Origin, is_loopback, origin_of
from airgap.text import safe

if TYPE_CHECKING:
    from airgap.net.options import TransportOptions


def home_adapter(home: Origin, options: TransportOptions) -> HTTPAdapter:
    """Connections to the registry: `ca_file` replaces the system's authorities, and the client certificate is sent."""
    return _Adapter(_context(options, home=True) if home.scheme == "https" else None, options)


def foreign_adapter(options: TransportOptions) -> HTTPAdapter:
    """Connections to every other host: the system's authorities and `ca_file`, and no client certificate."""
    return _Adapter(_context(options, home=False), options)


def proxies(url: str, options: TransportOptions) -> dict[str, str]:
    """The proxies for a request to `url`, by scheme."""
    if options.proxies is not None:
        return dict(options.proxies)
    # a loopback address means this machine, not that of the proxy; tools in Go do the same
    if is_loopback(origin_of(url).host) or should_bypass_proxies(url, no_proxy=None):
        return {}
    return getproxies()


class _Timed(io.RawIOBase):
    """The bytes of a socket with one deadline: the time-out of the socket starts again with each byte."""

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
    """An answer whose head must end in time, however many lines and interim answers it has."""

    def __init__(self, sock: Any, *arguments: Any, **more: Any) -> None:
        super().__init__(sock, *arguments, **more)
        raw = sock.makefile("rb", buffering=0)
        self.fp.close()
        self._timed = _Timed(raw, None)
        # the same time until the first byte as for the rest of the head
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
    """Connections that use only this TLS context; requests would add its own list of authorities."""

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


def _context(options: TransportOptions, *, home: bool) -> ssl.SSLContext:
    alone = home and options.ca_file is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if alone else ssl.create_default_context()
    if options.ca_file is not None:
        try:
            context.load_verify_locations(cafile=options.ca_file)
        except (OSError, ValueError) as error:
            raise AirgapError(
                f"no certificate authority can be read from {safe(options.ca_file)}: {safe(error)}",
                remedy="Give a PEM file with --ca-file.",
            ) from None
    if home and options.cert_file is not None:
        try:
            context.load_cert_chain(options.cert_file, options.key_file, password=_no_password)
        except (OSError, ValueError) as error:
            raise AirgapError(
                f"the client certificate {safe(options.cert_file)} or its key cannot be used: {safe(error)}",
                remedy="Give PEM files with --cert-file and --key-file; the key must not be encrypted.",
            ) from None
    if options.insecure:
        warnings.filterwarnings("ignore", category=InsecureRequestWarning)  # the user asked for it
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _no_password() -> str:
    # without this OpenSSL would ask on the terminal
    return ""
