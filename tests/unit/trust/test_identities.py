"""Trusted identities: NEG-77 to NEG-80, NEG-137, NEG-138."""

from __future__ import annotations

import pytest

from airgap.errors import FormatError, Rejected
from airgap.pki.certificate import Certificate
from airgap.trust.identities import Identity, doubts, match, parse_identities, parse_identity, suggest
from airgap.trust.identity_names import parse_name, read_subject, render_name
from tests.support import asn1, extensions, names
from tests.support.names import Attribute
from tests.support.pki import issue

ACME = "x509.subject: C=US, ST=WA, O=Acme"


def signer(*rdns: Attribute | tuple[str, str] | list[Attribute]) -> Certificate:
    root = issue("root")
    return Certificate.parse(issue("leaf", issuer=root, subject=names.name(*rdns)).der)


BASE = (("C", "US"), ("ST", "WA"), ("O", "Acme"))


def trusted(*texts: str) -> tuple[Identity, ...]:
    return parse_identities(texts)


def accepted(leaf: Certificate, *texts: str) -> str:
    """The entry that fits."""
    return str(match(trusted(*texts), leaf))


def why_not(leaf: Certificate, *texts: str) -> Rejected:
    with pytest.raises(Rejected) as caught:
        match(trusted(*texts), leaf)
    return caught.value


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        pytest.param("C=US,ST=WA,O=Acme", {"C": "US", "ST": "WA", "O": "Acme"}, id="ID-4 commas"),
        pytest.param("C=US;ST=WA;O=Acme", {"C": "US", "ST": "WA", "O": "Acme"}, id="ID-4 semicolons"),
        pytest.param("  O = Acme ,ST= WA, C =US ", {"C": "US", "ST": "WA", "O": "Acme"}, id="ID-4 blanks and order"),
        pytest.param(r"C=US,ST=WA,O=\ Acme\ ", {"C": "US", "ST": "WA", "O": " Acme "}, id="ID-4 escaped blanks"),
        pytest.param("C=US,ST=WA,O=Acme  Inc", {"C": "US", "ST": "WA", "O": "Acme  Inc"}, id="inner blanks stay"),
        pytest.param(r"C=US,ST=WA,O=a\\ ", {"C": "US", "ST": "WA", "O": "a\\"}, id="escaped backslash, then a blank"),
        pytest.param("C=US,ST=WA,O=a=b", {"C": "US", "ST": "WA", "O": "a=b"}, id="only the first = separates"),
        pytest.param('C=US,ST=WA,O="a"<b>', {"C": "US", "ST": "WA", "O": '"a"<b>'}, id="as the reference: unescaped"),
        pytest.param(
            r"C=US,ST=WA,O=\"\#\+\,\;\<\=\>\\", {"C": "US", "ST": "WA", "O": '"#+,;<=>\\'}, id="ID-5 every escape"
        ),
        pytest.param(r"C=US,ST=WA,O=\C3\bc", {"C": "US", "ST": "WA", "O": "\u00fc"}, id="ID-5 hexadecimal"),
        pytest.param("C=US,S=WA,O=Acme", {"C": "US", "ST": "WA", "O": "Acme"}, id="ID-6 S is ST"),
        pytest.param("C=US,ST=WA,O=A,OU=", {"C": "US", "ST": "WA", "O": "A", "OU": ""}, id="ID-9 empty value"),
        pytest.param("C=US,ST=WA,O=,O=A", {"C": "US", "ST": "WA", "O": "A"}, id="ID-7 an empty one does not count"),
        pytest.param("C=US,ST=WA,O=A,o=b", {"C": "US", "ST": "WA", "O": "A", "o": "b"}, id="ID-6 case-sensitive"),
    ],
)
def test_reads_names_as_policies_write_them(text: str, attributes: dict[str, str]) -> None:
    assert parse_name(text) == attributes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("C=US+ST=WA,O=A", "unescaped '+'", id="ID-4 several values"),
        pytest.param("C=US,ST=WA,O=\\", "backslash", id="ID-5 dangling"),
        pytest.param("C=US,ST=WA,O=\\x41", "backslash", id="ID-5 unknown escape"),
        pytest.param("C=US,ST=WA,O=\\4", "backslash", id="ID-5 half an octet"),
        pytest.param("C=US,ST=WA,O=\\ff", "UTF-8", id="ID-5 no UTF-8"),
        pytest.param("C=US,ST=WA,O=#0c0141", "=#", id="ID-5 =#"),
        pytest.param("C=US,ST=WA,O=a=#b", "=#", id="ID-5 =# inside"),
        pytest.param("c=US,ST=WA,O=A", "no attribute C", id="ID-6 c is not C"),
        pytest.param("C=US,ST=,O=A", "no attribute ST", id="ID-7 empty ST"),
        pytest.param("C=US,ST=WA,S=WA,O=A", "ST twice", id="ID-6 ST and S"),
        pytest.param("C=US,ST=WA,O=A,O=A", "O twice", id="ID-7 duplicate"),
        pytest.param("C=US,ST=WA,O=A,O=", "O twice", id="ID-7 empty duplicate behind"),
        pytest.param("DC=a,DC=b,C=US,ST=WA,O=A", "DC twice; each may be there once; .* no identity can", id="ID-10 DC"),
        pytest.param("CN=a,CN=b,C=US,ST=WA,O=A", "CN twice; .* the last one alone counts", id="ID-10 CN"),
        pytest.param("C=US,ST=WA,O=A,", "where an attribute", id="trailing comma"),
        pytest.param("C=US,ST=WA,O=A,=x", "without an attribute type", id="no type"),
        pytest.param("", "where an attribute", id="empty"),
        pytest.param("C=US,ST=WA,O=\ud800", "surrogate", id="lone surrogate"),
    ],
)
def test_refuses_malformed_names(text: str, said: str) -> None:
    with pytest.raises(FormatError, match=said.replace("+", r"\+")):
        parse_name(text)


def test_id_8_all_of_the_identity_must_be_there_and_more_may() -> None:
    """ID-15"""
    leaf = signer(*BASE, ("L", "Seattle"), ("CN", "builder"))
    assert str(match(trusted(ACME), leaf)) == ACME
    assert match(trusted(ACME + ", CN=builder, L=Seattle"), leaf).kind == "x509.subject"
    assert why_not(leaf, ACME + ", OU=Tools").reason == "identity.mismatch"


@pytest.mark.parametrize("other", ["O=acme", "O=Acme\\ ", "O=Acme Inc", "O=\\ Acme"])
def test_neg_77_values_are_compared_letter_for_letter(other: str) -> None:
    error = why_not(signer(*BASE), f"x509.subject: C=US, ST=WA, {other}")
    assert error.reason == "identity.mismatch"
    assert error.facts["identities"] == [f"x509.subject: C=US, ST=WA, {other}"]
    assert error.facts["subject"] == "O=Acme,ST=WA,C=US"


def test_id_14_neither_an_issuer_nor_another_name_of_the_leaf_is_the_signer() -> None:
    acme = names.name(*BASE)
    issuer = issue("root", subject=acme)
    alternative = extensions.Extension("2.5.29.17", asn1.sequence(extensions.directory_name(acme)))
    subject = names.name(*BASE[:2], ("O", "Other"))
    made = issue("leaf", issuer=issuer, subject=subject, extra=[alternative])
    chain = [Certificate.parse(item.der) for item in made.chain]
    with pytest.raises(Rejected) as caught:
        match(trusted(ACME), chain[0], chain[1:])
    assert caught.value.reason == "identity.mismatch"


def test_the_second_identity_may_match() -> None:
    second = "x509.subject: C=DE, ST=BE, O=Other"
    assert match(trusted(ACME, second), signer(("C", "DE"), ("ST", "BE"), ("O", "Other"))).text == second


@pytest.mark.parametrize(
    "common_name",
    [
        "x,O=Acme",
        "x, C=US, ST=WA, O=Acme",
        "x\\,O=Acme",
        "x;O=Acme",
        "x+O=Acme",
        "x\nO=Acme",
        "x\x00,O=Acme",
        '",O=Acme,"',
        "\\",
        "x\\",
    ],
)
def test_a_common_name_that_looks_like_other_attributes_never_matches(common_name: str) -> None:
    """Interop case bad-identity-injection: structures are compared, never rendered text."""
    leaf = signer(("C", "US"), ("ST", "WA"), ("O", "Mallory"), ("CN", common_name))
    assert why_not(leaf, ACME).reason == "identity.mismatch"
    leaf = signer(("CN", common_name), ("O", "Mallory"), ("ST", "WA"), ("C", "US"))
    assert why_not(leaf, ACME).reason == "identity.mismatch"


@pytest.mark.parametrize("left_out", ["C", "ST", "O"])
def test_neg_78_id_11_a_signer_without_c_st_or_o(left_out: str) -> None:
    leaf = signer(*(pair for pair in BASE if pair[0] != left_out))
    error = why_not(leaf, ACME)
    assert error.reason == "identity.subject"
    assert f"no attribute {left_out}" in str(error)
    assert match(trusted("*"), leaf).kind == "*"


@pytest.mark.parametrize("kind", ["OU", "O", "C", "L", "STREET", "POSTALCODE", "DC", "EMAIL"])
def test_neg_79_id_10_a_doubled_type_matches_no_identity(kind: str) -> None:
    rows = (*(pair for pair in BASE if pair[0] != kind), (kind, "US"), (kind, "Acme"))
    error = why_not(signer(*rows), ACME)
    assert error.reason == "identity.subject"
    assert "2 times" in str(error)
    assert match(trusted("*"), signer(*rows)).kind == "*"


@pytest.mark.parametrize("kind", ["CN", "SERIALNUMBER"])
def test_id_10_the_last_common_name_and_serial_number_count(kind: str) -> None:
    leaf = signer(*BASE, (kind, "first"), (kind, "last"))
    assert accepted(leaf, f"{ACME}, {kind}=last")
    assert why_not(leaf, f"{ACME}, {kind}=first").reason == "identity.mismatch"


def test_id_10_several_types_in_one_rdn_are_several_attributes() -> None:
    leaf = signer([Attribute("C", "US"), Attribute("O", "Acme")], ("ST", "WA"))
    assert accepted(leaf, ACME) == ACME


def test_id_10_other_types_go_by_their_oid() -> None:
    leaf = signer(*BASE, ("EMAIL", "a@acme.example"))
    assert accepted(leaf, ACME + ", 1.2.840.113549.1.9.1=a@acme.example")
    assert why_not(leaf, ACME + ", EMAIL=a@acme.example").reason == "identity.mismatch"


def test_id_12_a_value_that_is_not_a_string_does_not_match() -> None:
    raw = names.name(*BASE, Attribute("CN", b"\x01\x02", asn1.OCTET_STRING))
    with pytest.raises(FormatError, match="no valid string"):
        read_subject(raw)


@pytest.mark.parametrize("tag", [asn1.UTF8, asn1.PRINTABLE, asn1.T61, asn1.BMP])
def test_ignores_the_string_type(tag: int) -> None:
    assert accepted(signer(("C", "US"), ("ST", "WA"), Attribute("O", "Acme", tag)), ACME) == ACME


def test_id_9_an_empty_value_demands_absence() -> None:
    identity = ACME + ", OU="
    assert accepted(signer(*BASE), identity) == identity
    assert why_not(signer(*BASE, ("OU", "Tools")), identity).reason == "identity.mismatch"


def test_neg_80_id_3_only_identities_for_plugins() -> None:
    error = why_not(signer(*BASE), "spiffe://x", "X509.subject: C=US, ST=WA, O=Acme")
    assert error.reason == "identity.none"


def test_id_3_ignores_an_identity_for_a_plugin_beside_another() -> None:
    assert match(trusted("spiffe://x", ACME), signer(*BASE)).text == ACME


def test_id_1_the_wildcard_is_every_signer() -> None:
    assert match(trusted("*"), signer(("CN", "stranger"))).kind == "*"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(ACME, ACME, id="equal"),
        pytest.param(ACME, "x509.subject: O=Acme; S=WA; C=US", id="equal, written otherwise"),
        pytest.param(ACME, ACME + ", CN=x", id="subset"),
        pytest.param(ACME + ", CN=x", ACME, id="superset"),
        pytest.param(ACME, ACME + ", OU=", id="empty value"),
    ],
)
def test_neg_138_id_13_subsets_overlap(one: str, other: str) -> None:
    with pytest.raises(FormatError, match="overlap") as caught:
        trusted("spiffe://x", one, other)
    assert caught.value.where == "[2]"


def test_d57_reports_statements_that_can_match_one_signer() -> None:
    assert len(doubts(trusted(ACME + ", CN=x", ACME + ", OU=y", "x509.subject: C=US, ST=WA, O=Other"))) == 1
    assert doubts(trusted(ACME + ", CN=x", ACME + ", CN=y")) == ()


def test_reports_types_that_no_certificate_has() -> None:
    (said,) = doubts(trusted(ACME + ", cn=x, 1.2.3=y"))
    assert "'cn'" in said


def test_the_suggested_identity_is_the_signers() -> None:
    leaf = signer(*BASE, ("CN", "a, b+c #\n "), ("OU", " #"))
    text = suggest(read_subject(leaf.subject))
    assert match((parse_identity(text),), leaf).text == text
    assert text.isprintable()


def test_a_name_is_rendered_as_it_is_parsed() -> None:
    attributes = {"C": "US", "ST": " ", "O": " a=#b  ", "CN": "#x\\"}
    assert parse_name(render_name(attributes)) == attributes
