"""Comparison of URIs in certificates and CRLs (RFC 5280, 7.4; RFC 3986, 6.2.2 and 6.2.3)."""

from __future__ import annotations

import re
from typing import Final

_AUTHORITY: Final = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#@\\]*)((?:[/?#].*)?)", re.DOTALL)
_DEFAULT_PORTS: Final = {b"http": b":80", b"https": b":443", b"ldap": b":389", b"ldaps": b":636"}
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def uri_key(uri: bytes) -> bytes:
    """A key that is equal for equivalent URIs; nothing is looked up.

    Scheme and host are compared without case, the default port equals none, an empty path equals `/`, and escapes are
    normalized. Paths that differ in anything else (case, a final slash) are different. A text that is no
    `scheme://host` is compared by its bytes.
    """
    match = _AUTHORITY.fullmatch(uri)
    if match is None:
        return uri
    scheme, authority, rest = match[1].lower(), match[2].lower(), match[3]
    authority = authority.removesuffix(b":").removesuffix(_DEFAULT_PORTS.get(scheme, b":"))
    if not rest.startswith(b"/"):
        rest = b"/" + rest
    # a blank is not allowed in a URI, but some certificates have it, and it is sent as %20
    return scheme + b"://" + authority + _ESCAPE.sub(_one_spelling, rest.replace(b" ", b"%20"))


def _one_spelling(match: re.Match[bytes]) -> bytes:
    octet = int(match[1], 16)
    return bytes([octet]) if octet in _UNRESERVED else b"%%%02X" % octet
