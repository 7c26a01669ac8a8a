"""Turns errors of requests and urllib3 into a cause and a sentence.

Decided by types, errno and the codes of OpenSSL, never by messages.
"""

from __future__ import annotations

import errno
import socket
import ssl
from typing import Final

import urllib3.exceptions
from requests import exceptions

from airgap.errors import Cause
from airgap.net.deadline import WaitedTooLongError, span
from airgap.net.transport_errors import TransportError
from airgap.net.url import origin_of, without_query
from airgap.text import safe

_PLAIN_HTTP_SIGNS: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})


def diagnosed(
    request: str, url: str, error: BaseException, *, proxy: str | None = None, seconds: float = 0.0
) -> TransportError:
    """The error for what a library raised on `request` (safe to show), which went to `url`, after so many seconds."""
    chain = _causes(error)
    waited = next((item for item in chain if isinstance(item, WaitedTooLongError)), None)
    cause, words, remedy = (Cause.TIMEOUT, waited.words, waited.remedy) if waited else _diagnose(chain)
    via = f" through the proxy {safe(without_query(proxy), limit=128)}" if proxy else ""
    host = origin_of(url).netloc
    problem = words.format(host=host, span=span(seconds))
    is_final = waited is not None and waited.is_final
    return TransportError(f"{request}: {problem}{via}", remedy=remedy, cause=cause, host=host, is_final=is_final)


def _diagnose(chain: list[BaseException]) -> tuple[Cause, str, str]:
    for item in chain:
        if isinstance(item, ssl.SSLError):
            return _diagnose_tls(item)
    for item in chain:
        for kinds, answer in _DIAGNOSES:
            if isinstance(item, kinds):
                return answer
        if isinstance(item, OSError) and item.errno in _UNREACHABLE:
            return _NO_ROUTE
    detail = safe(chain[-1], limit=160).replace("{", "(").replace("}", ")")
    return Cause.REQUEST, f"the request to {{host}} failed: {detail}", ""


def _diagnose_tls(error: ssl.SSLError) -> tuple[Cause, str, str]:
    if isinstance(error, ssl.SSLCertVerificationError):
        detail = safe(error.verify_message, limit=160).replace("{", "(").replace("}", ")")
        return (
            Cause.TLS,
            f"the certificate of {{host}} is not trusted: {detail}",
            "Name the authority's certificate with --ca-file; --insecure skips the check.",
        )
    if error.reason in _PLAIN_HTTP_SIGNS:
        return Cause.TLS, "{host} does not speak TLS", "If the registry speaks plain HTTP, add --plain-http."
    reason = safe(error.reason or "the connection was closed", limit=80).replace("_", " ").lower()
    return (
        Cause.TLS,
        f"no TLS connection to {{host}}: {reason}",
        "If the registry asks for a client certificate, give --cert-file and --key-file.",
    )


_NO_ROUTE: Final = (Cause.UNREACHABLE, "{host} cannot be reached: no route to it", "Check the network connection.")
_UNREACHABLE: Final = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN})
_DIAGNOSES: Final[tuple[tuple[tuple[type[BaseException], ...], tuple[Cause, str, str]], ...]] = (
    (
        (urllib3.exceptions.NameResolutionError, socket.gaierror),
        (Cause.DNS, "the host {host} is not known", "Check the name's spelling."),
    ),
    ((ConnectionRefusedError,), (Cause.REFUSED, "{host} refused the connection", "Check the port, and that it runs.")),
    (
        (exceptions.ProxyError, urllib3.exceptions.ProxyError),
        (Cause.PROXY, "the proxy did not connect to {host}", "Check HTTPS_PROXY and NO_PROXY."),
    ),
    (
        (urllib3.exceptions.TimeoutError, exceptions.Timeout, TimeoutError),
        (Cause.TIMEOUT, "{host} did not answer within {span}", "Check the network connection and the address."),
    ),
    (
        (ConnectionError, urllib3.exceptions.ProtocolError, urllib3.exceptions.IncompleteRead),
        (Cause.RESET, "{host} cut the connection", ""),
    ),
)


def _causes(error: BaseException) -> list[BaseException]:
    """The error and the errors wrapped in it, innermost first: that one is the most precise."""
    found: list[BaseException] = []
    queue: list[object] = [error]
    while queue and len(found) < 20:  # noqa: PLR2004 - a bound against cycles
        item = queue.pop(0)
        if isinstance(item, BaseException) and item not in found:
            found.append(item)
            reason = item.reason if isinstance(item, urllib3.exceptions.MaxRetryError) else None
            queue += [item.__cause__, item.__context__, reason, *item.args]
    return found[::-1]
