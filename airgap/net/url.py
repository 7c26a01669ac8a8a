"""Origins, and which redirects may be followed.

A registry names other URLs in `Location` and `Link`. They are untrusted: one strict grammar parses them before any
library does, because two parsers that read one URL differently can leak credentials.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit, urlunsplit

from airgap.errors import FormatError
from airgap.text import safe

_VISIBLE = re.compile(r"[\x21-\x7e]+")
_NETLOC = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_URL_CHARACTERS = 16 * 1024  # presigned storage URLs have some 2 KiB


class Origin(NamedTuple):
    """Scheme, host (lower case) and port. Credentials are bound to an origin."""

    scheme: str
    host: str
    port: int

    @property
    def netloc(self) -> str:
        """`host:port`, the port only where it is not the scheme's own."""
        return self.host if self.port == _DEFAULT_PORTS[self.scheme] else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """`https://host`, without a final slash."""
        return f"{self.scheme}://{self.netloc}"


NOWHERE = Origin("http", "nowhere.invalid", 80)
"""The home of requests that go to no registry: a client certificate for a registry is not sent to any host."""


def origin_of(url: str) -> Origin:
    """The origin of an absolute http or https URL.

    Raises FormatError for another scheme, user information, a backslash or anything that two parsers could read
    differently.
    """
    if len(url) > _URL_CHARACTERS or not _VISIBLE.fullmatch(url) or "\\" in url:
        raise FormatError(f"{safe(url, limit=128)!r} is not a URL")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise FormatError(f"{safe(url, limit=128)!r} is not a URL") from None
    match = _NETLOC.fullmatch(parts.netloc)
    if parts.scheme not in _DEFAULT_PORTS or match is None:
        raise FormatError(f"{safe(without_query(url), limit=128)!r} is not a plain http or https URL")
    port = int(match["port"]) if match["port"] else _DEFAULT_PORTS[parts.scheme]
    if not 0 < port < 2**16:
        raise FormatError(f"{safe(without_query(url), limit=128)!r} has no valid port")
    return Origin(parts.scheme, match["host"].lower(), port)


def follow(base: str, location: str, *, home: Origin) -> str:
    """The URL of `location` in an answer from `base`. Raises FormatError if it must not be followed.

    https never leads to http (DIST-3). A registry behind a proxy that ends TLS often names itself with http; a location
    on the registry's own host (`home`) is therefore read at the registry's own origin.
    """
    if not location:
        raise FormatError("it does not say where to")
    if not _VISIBLE.fullmatch(location) or "\\" in location:
        raise FormatError(f"{safe(location, limit=128)!r} is not a location")
    try:
        target = urljoin(base, location)
    except ValueError:
        raise FormatError(f"{safe(location, limit=128)!r} is not a location") from None
    origin = origin_of(target)
    if home.scheme == "https" and origin.scheme == "http" and origin.host == home.host:
        parts = urlsplit(target)
        return urlunsplit(("https", home.netloc, parts.path, parts.query, ""))
    if origin_of(base).scheme == "https" and origin.scheme != "https":
        raise FormatError(f"{safe(without_query(target), limit=128)!r} leads from https to http")
    return target


def without_query(url: str) -> str:
    """The URL for people: no query and no user information, as both may hold secrets."""
    head = re.split(r"[?#]", url, maxsplit=1)[0]
    return re.sub(r"//[^/@]*@", "//", head)


def with_query(url: str, query: str) -> str:
    """The URL with `query` (already encoded) added to what it has; an upload's Location keeps its own (DIST-22)."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, f"{parts.query}&{query}" if parts.query else query, ""))


def is_loopback(host: str) -> bool:
    """Whether `host` (no port) is `localhost` or a loopback address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
