"""The connections of requests and their TLS contexts, without a session of requests.

A session would follow redirects, send `~/.netrc`, keep cookies (some registries take a client with cookies for a
browser) and read the whole body of an answer that redirects (docs/decisions, 0032). The addresses of a host are asked
for in a thread, because getaddrinfo takes no time-out.
"""

from __future__ import annotations

import http.client
import io
import math
import socket
import ssl
import threading
import time
import warnings
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final
from urllib.request import getproxies

from requests.adapters import HTTPAdapter
from requests.utils import should_bypass_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, InsecureRequestWarning, NameResolutionError, NewConnectionError
from urllib3.util.connection import allowed_gai_family, create_connection

from airgap import limits
from airgap.errors import AirgapError
from airgap.net.deadline import Patience, WaitedTooLongError, span
from airgap.net.url import Origin, is_loopback, origin_of
from airgap.text import safe

if TYPE_CHECKING:
    from airgap.net.options import TransportOptions

Addresses = list[tuple[Any, ...]]
"""As getaddrinfo returns them."""


def addresses_of(host: str, port: int, seconds: float | None) -> Addresses:
    """The addresses of a host for streams; None: as long as it takes. Late threads end with the process.

    Raises TimeoutError where there is no answer in time, and what getaddrinfo raises.
    """
    answer: Future[Addresses] = Future()
    threading.Thread(target=_ask, args=(answer, host, port), name=f"look-up of {host}", daemon=True).start()
    return answer.result(seconds)


def _ask(answer: Future[Addresses], host: str, port: int) -> None:
    try:
        answer.set_result(socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM))
    except BaseException as error:  # noqa: BLE001 - raised where the answer is waited for
        answer.set_exception(error)


_PIECE: Final = 64 * limits.KIB
_LEAST_SECONDS: Final = 0.5
"""For one address of a host."""


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
    """The bytes of a socket, waited for with patience, and those of a head with a deadline of their own."""

    def __init__(self, sock: Any, raw: io.RawIOBase, patience: Patience) -> None:
        self._sock, self._raw, self._patience = sock, raw, patience
        self._longest = sock.gettimeout()
        self._head: float | None = None

    def begin_head(self) -> None:
        # the same time until the first byte as for the rest of the head
        self._head = None if self._longest is None else time.monotonic() + 2 * self._longest

    def end_head(self) -> None:
        self._head = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        begun = time.monotonic()
        if self._head is not None and begun > self._head:
            raise TimeoutError("the head of the answer did not end in time")
        self._sock.settimeout(self._patience.next_wait(self._longest))
        try:
            size = self._raw.readinto(buffer)
        except TimeoutError:
            raise self._patience.gave_up(time.monotonic() - begun) from None
        if size:  # its end is an answer, too
            self._patience.moved(size, time.monotonic() - begun)
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer that is waited for with patience; its head must end in time, however many lines it has."""

    def __init__(self, sock: Any, *arguments: Any, options: TransportOptions, **more: Any) -> None:
        super().__init__(sock, *arguments, **more)
        raw = sock.makefile("rb", buffering=0)
        self.fp.close()
        self._timed = _Timed(sock, raw, Patience(options, "sent"))
        self.fp = io.BufferedReader(self._timed)

    def begin(self) -> None:
        self._timed.begin_head()
        super().begin()
        self._timed.end_head()


class _Connection(HTTPConnection):
    """A connection that is opened, written and read with patience."""

    options: TransportOptions
    """Set by the subclass of an adapter."""
    _patience: Patience | None = None

    def _new_conn(self) -> socket.socket:
        """As that of urllib3, but with one time for all addresses of a host: some have a dozen."""
        end = time.monotonic() + (self.timeout or math.inf)
        try:
            found = addresses_of(self._dns_host.strip("[]"), self.port, self.timeout)
        except TimeoutError:
            raise self._no_addresses() from None
        except (socket.gaierror, UnicodeError) as error:
            raise NameResolutionError(self.host, self, error) from error  # type: ignore[arg-type]
        failed: OSError | None = None
        address: Any
        for number, (*_, address) in enumerate(found):
            share = max((end - time.monotonic()) / (len(found) - number), _LEAST_SECONDS)
            try:
                sock = create_connection(address[:2], share, socket_options=self.socket_options)
            except OSError as error:
                failed = error
            else:
                sock.settimeout(self.timeout)
                return sock
        if isinstance(failed, TimeoutError):
            raise ConnectTimeoutError(self, f"no connection to {self.host}") from failed
        raise NewConnectionError(self, f"no connection to {self.host}: {failed}") from failed

    def _no_addresses(self) -> WaitedTooLongError:
        """The error for a look-up that had no answer in time."""
        deadline = self.options.deadline
        if deadline is not None and time.monotonic() >= deadline.end:
            return deadline.passed()
        name = safe(self.host, limit=256).replace("{", "(").replace("}", ")")
        return WaitedTooLongError(
            f"no name server answered within {span(self.timeout or 0)} for the address of {name}",
            "Check the network connection, and the name servers of this machine.",
            is_final=False,
        )

    def request(self, *arguments: Any, **more: Any) -> None:
        self._patience = Patience(self.options, "took")
        super().request(*arguments, **more)

    def send(self, data: Any) -> None:
        """Send bytes in pieces: one time-out for a mebibyte would be a floor of rate of its own."""
        if self.sock is None:
            self.connect()
        view = memoryview(data).cast("B")
        patience = self._patience or Patience(self.options, "took")
        while view:
            begun = time.monotonic()
            self.sock.settimeout(patience.next_wait(self.options.read_timeout))
            try:
                size = self.sock.send(view[:_PIECE])
            except TimeoutError:
                raise patience.gave_up(time.monotonic() - begun) from None
            patience.moved(size, time.monotonic() - begun)
            view = view[size:]


class _SecureConnection(_Connection, HTTPSConnection):
    pass


def _pools(options: TransportOptions) -> dict[str, type[HTTPConnectionPool]]:
    """The kinds of pools whose connections have these options."""

    def answer(*arguments: Any, **more: Any) -> _Answer:
        return _Answer(*arguments, options=options, **more)

    members = {"options": options, "response_class": staticmethod(answer)}
    plain, secure = type("Plain", (_Connection,), members), type("Secure", (_SecureConnection,), members)
    return {
        "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }


class _Adapter(HTTPAdapter):
    """Connections that use only this TLS context; requests would add its own list of authorities."""

    def __init__(self, context: ssl.SSLContext | None, options: TransportOptions) -> None:
        self._context = context
        self._pools = _pools(options)
        super().__init__(pool_connections=8, pool_maxsize=max(options.connections, 1), max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:  # noqa: FBT001, FBT002 - requests' signature
        super().init_poolmanager(connections, maxsize, block, **kwargs, **self._arguments())
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs, **self._arguments())
        manager.pool_classes_by_scheme = self._pools
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
            # without a password OpenSSL would ask on the terminal
            context.load_cert_chain(options.cert_file, options.key_file, password=lambda: "")
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
