"""Two URIs are the same by RFC 5280, 7.4, and nothing more."""

from __future__ import annotations

import pytest

from airgap.pki.uris import is_well_formed, uri_key

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


@pytest.mark.parametrize(
    "uri",
    [
        "https://github.com/acme/app/.github/workflows/build.yml@refs/heads/main",
        "spiffe://acme.example/ns/build/sa/signer",
        "http://user:word@acme.example:8443/a%20b?c=%zz#d",
        "http://acme.example",
        "http://acme.example:/a b",
        "http://[2001:db8::1]:80/",
        "http://[fe80::1%25en0]/",
        "http:///no/host",
        "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "mailto:a@acme.example",
        "a/relative:one",
        "",
    ],
)
def test_takes_what_has_the_form_of_a_uri(uri: str) -> None:
    """CHAIN-20: as the parser of the reference."""
    assert is_well_formed(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "http://acme..example/",
        "http://acme.example./",
        "http://.acme.example/",
        "http://acme example/",
        "http://acme%20example/",
        "http://acme%C3%A9.example/",
        "http://acme.example:port/",
        "http://acme.example:80:80/",
        "http://us er@acme.example/",
        "http://[2001:db8::1/",
        "http://[2001:db8::1]x/",
        f"http://{'a' * 64}.example/",
        f"http://{'.'.join(['a'] * 130)}/",
        "http://acme.example/%zz",
        "http://acme.example/#%z",
        "/a%zz",
        "http://acme.example/a\nb",
        "://acme.example/",
        "1a:b",
    ],
)
def test_refuses_what_has_not(uri: str) -> None:
    """CHAIN-20; RFC 3986, 3; RFC 1034, 3.1."""
    assert not is_well_formed(uri)
