"""Two URIs are the same by RFC 5280, 7.4, and nothing more."""

from __future__ import annotations

import pytest

from airgap.pki.uris import uri_key

ONE = b"http://crl.example/a%20b.crl"


@pytest.mark.parametrize(
    "other",
    [
        b"HTTP://crl.example/a%20b.crl",
        b"http://CRL.Example/a%20b.crl",
        b"http://crl.example:80/a%20b.crl",
        b"http://crl.example:/a%20b.crl",
        b"http://crl.example/%61%20b.crl",
        b"http://crl.example/a b.crl",
    ],
)
def test_accepts_equal_uris(other: bytes) -> None:
    """RFC 5280, 7.4: scheme and host without case, default port, escapes (RFC 3986, 6.2.2, 6.2.3)."""
    assert uri_key(other) == uri_key(ONE)


def test_compares_escapes_and_empty_paths() -> None:
    assert uri_key(b"http://crl.example/a%2fb") == uri_key(b"http://crl.example/a%2Fb")
    assert uri_key(b"http://crl.example") == uri_key(b"http://crl.example/")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"http://crl.example/a.crl", b"http://crl.example/A.crl"),
        (b"http://crl.example/a.crl", b"https://crl.example/a.crl"),
        (b"http://crl.example/a.crl", b"http://crl.example:8080/a.crl"),
        (b"http://crl.example/a", b"http://crl.example/a/"),
        (b"http://crl.example/a/b", b"http://crl.example/a%2Fb"),
        (b"http://crl.example/a", b"http://crl.example/a?b"),
        (b"http://crl.example/a", b"http://crl.example:443/a"),
        (b"http://crl.example/a", b"http://crl.example\\@x/a"),
        (b"http://User@crl.example/", b"http://user@crl.example/"),
        (b"ldap:///CN=a", b"ldap:///CN=A"),
        (b"urn:A", b"urn:a"),
    ],
)
def test_distinguishes_other_uris(one: bytes, other: bytes) -> None:
    assert uri_key(one) != uri_key(other)
