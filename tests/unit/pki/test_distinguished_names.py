from __future__ import annotations

import pytest

from airgap.errors import FormatError
from airgap.pki.distinguished_names import name_text, parse_maker, parse_name, same_name
from tests.support import asn1, names


def test_a_name_keeps_its_order_and_its_groups() -> None:
    raw = names.name(("C", "US"), [names.Attribute("O", "Works"), names.Attribute("OU", "Build")], ("CN", "builder"))
    parsed = parse_name(raw)
    assert [[attribute.text for attribute in rdn] for rdn in parsed] == [["US"], ["Works", "Build"], ["builder"]]
    assert name_text(parsed) == "CN=builder,O=Works+OU=Build,C=US"


def test_an_empty_name_is_a_name() -> None:
    assert parse_name(names.name()) == ()
    assert name_text(()) == ""


@pytest.mark.parametrize(
    ("text", "written"),
    [(" a", "\\ a"), ("a ", "a\\ "), ("#a", "\\#a"), ("a#", "a#"), ('a"<b>;', 'a\\"\\<b\\>\\;'), ("a\\b", "a\\\\b")],
)
def test_special_characters_are_escaped(text: str, written: str) -> None:
    """RFC 4514, 2.4: two names never look alike because a value holds a separator."""
    assert name_text(parse_name(names.name(("CN", text)))) == f"CN={written}"


def test_trailing_data_after_a_name_is_refused() -> None:
    with pytest.raises(FormatError, match="issuer: has 1 bytes of trailing data"):
        parse_name(names.harbour("x") + b"\0", where="issuer")


UNIVERSAL = 0x1C


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        pytest.param("acme  WORKS_1 ", asn1.UTF8, id="case and white space"),
        pytest.param("Acme Works_1", asn1.BMP, id="BMPString"),
        pytest.param("Acme Works_1".encode("utf-32-be"), UNIVERSAL, id="UniversalString"),
        pytest.param(b"Acme Works_1", asn1.PRINTABLE, id="a character that PrintableString does not have"),
        pytest.param("Acme\u00a0Works_1", asn1.UTF8, id="another blank"),
        pytest.param("Ac\u00adme Wor\u200bks_1", asn1.UTF8, id="invisible characters"),
    ],
)
def test_names_of_makers_are_compared_as_texts(value: str | bytes, tag: int) -> None:
    """RFC 5280, 7.1; RFC 4518, 2.2. Such a CRL was not found, whatever it said."""
    one, other = names.name(("O", "Acme Works_1")), names.name(names.Attribute("O", value, tag))
    assert same_name(one, other)
    assert not same_name(names.name(("O", "Acme Works_2")), other)
    assert name_text(parse_maker(other)).startswith("O=")


def test_names_in_certificates_are_read_as_the_reference_reads_them() -> None:
    for attribute in (
        names.Attribute("O", "Acme".encode("utf-32-be"), UNIVERSAL),
        names.Attribute("O", b"a_b", asn1.PRINTABLE),
    ):
        with pytest.raises(FormatError, match="no valid string"):
            parse_name(names.name(attribute))
