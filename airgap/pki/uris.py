"""URIs in certificates and CRLs: their comparison (RFC 5280, 7.4; RFC 3986, 6.2.2 and 6.2.3) and their form."""

from __future__ import annotations

import re
from typing import Final

_AUTHORITY: Final = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#@\\]*)((?:[/?#].*)?)", re.DOTALL)
_DEFAULT_PORTS: Final = {b"http": b":80", b"https": b":443", b"ldap": b":389", b"ldaps": b":636"}
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_USER: Final = r"(?:(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*@)?"
_LITERAL: Final = r"\[[0-9A-Fa-f:.v]+(?:%25[A-Za-z0-9._~-]+)?\]"
_HOST: Final = re.compile(rf"{_USER}({_LITERAL}|[A-Za-z0-9._~!$&'()*+,;=-]*)(?::[0-9]*)?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DOMAIN: Final = re.compile(r"(?=.{1,253}\Z)[\x21-\x2d\x2f-\x7e]{1,63}(?:\.[\x21-\x2d\x2f-\x7e]{1,63})*")


def is_well_formed(uri: str) -> bool:
    """Whether a URI of ASCII has the form of one (RFC 3986, 3), as the parser of the reference demands it (CHAIN-20).

    What has no scheme, which a CA must not write (RFC 5280, 4.2.1.6), is let through as there.
    """
    body, _, fragment = uri.partition("#")
    scheme = _SCHEME.match(body)
    path = body[scheme.end() if scheme else 0 :].partition("?")[0]
    if _CONTROL.search(uri) or _BAD_ESCAPE.search(fragment):
        return False
    if not path.startswith("/"):
        return scheme is not None or ":" not in path.partition("/")[0]
    if not path.startswith("//"):
        return not _BAD_ESCAPE.search(path)
    authority, _, path = path[2:].partition("/")
    host = _HOST.fullmatch(authority)
    return bool(host and (not host[1] or is_domain(host[1]))) and not _BAD_ESCAPE.search(path)


def is_domain(name: str) -> bool:
    """Whether each label of a name has characters, and none of them is a blank (RFC 1034, 3.5); not whose it is."""
    return _DOMAIN.fullmatch(name) is not None


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
