"""Names of keys in tokens: a subset of RFC 7512, and no PIN in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap.errors import UsageError
from airgap.signature.token_uri import TokenUri, is_token_uri


def test_reads_all_known_attributes() -> None:
    uri = TokenUri.parse(
        "pkcs11:token=my%20site;serial=00ff;object=release%3Bkey;id=%01%FF;type=private"
        "?module-path=/usr/lib/p11.so&pin-source=file:/run/pin"
    )
    assert (uri.token, uri.serial, uri.label, uri.id) == ("my site", "00ff", "release;key", b"\x01\xff")
    assert (uri.module, uri.pin_file) == (Path("/usr/lib/p11.so"), Path("/run/pin"))
    assert str(uri) == "the key 'release;key' of the token 'my site'"


def test_absent_attributes_are_not_compared() -> None:
    uri = TokenUri.parse("pkcs11:serial=1;id=%0a")
    assert (uri.token, uri.label, uri.module, uri.pin_file) == (None, None, None, None)
    assert str(uri) == "the key 0a of the token '1'"


@pytest.mark.parametrize("source", ["file:/run/pin", "file:///run/pin", "/run/pin"])
def test_reads_the_source_of_the_pin(source: str) -> None:
    assert TokenUri.parse(f"pkcs11:token=a;object=b?pin-source={source}").pin_file == Path("/run/pin")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pkcs11:", "names no key"),
        ("pkcs11:token=a", "names no key"),
        ("pkcs11:object=a", "names no token"),
        ("pkcs11:token=a;object=b;object=c", "'object' appears twice"),
        ("pkcs11:token=a;object=b;type=cert", "only private keys sign"),
        ("pkcs11:token=a;object=b;slot-id=1", "'slot-id' is not understood"),
        ("pkcs11:token=a;object=b?module-name=x", "'module-name' is not understood"),
        ("pkcs11:token=a;object=b;module-path=/x", "'module-path' is not understood"),
        ("pkcs11:token=a;object=", "has no value"),
        ("pkcs11:token=a;object", "has no value"),
        ("pkcs11:token=a b;object=c", "must be escaped"),
        ("pkcs11:token=%zz;object=c", "must be escaped"),
        ("pkcs11:token=ä;object=c", "must be escaped"),
        ("pkcs11:token=%ff;object=c", "'token' is not UTF-8"),
        ("pkcs11:token=a;object=b?pin-source=|cat", "must name a file"),
        ("pkcs11:token=a;object=b?pin-source=file:", "must name a file"),
        ("key.pem", "does not begin with pkcs11:"),
    ],
)
def test_refuses_a_uri_without_a_key(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        TokenUri.parse(text)


def test_refuses_a_pin_in_the_uri_without_printing_it() -> None:
    """RFC 7512, section 7."""
    with pytest.raises(UsageError, match="a PIN does not belong into a URI") as caught:
        TokenUri.parse("pkcs11:token=a;object=b?pin-value=4711")
    assert "4711" not in str(caught.value)


def test_distinguishes_paths_from_uris() -> None:
    assert not is_token_uri("pkcs11")
    assert not is_token_uri("./pkcs11:x")
    assert is_token_uri("PKCS11:token=a")
