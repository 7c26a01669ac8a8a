"""What nearly fits an identity is reported and never accepted (ID-6, ID-8, ID-10)."""

from __future__ import annotations

import pytest

from airgap.errors import FormatError, Rejected
from airgap.pki.certificate import Certificate
from airgap.trust.identities import doubts, match, parse_identities, parse_identity
from airgap.trust.near_identities import near_misses, type_for
from tests.support import names
from tests.support.names import Attribute
from tests.support.pki import issue

UID, DC, EMAIL = "0.9.2342.19200300.100.1.1", "0.9.2342.19200300.100.1.25", "1.2.840.113549.1.9.1"


def refusal(identity: str, *rdns: Attribute | tuple[str, str]) -> Rejected:
    leaf = Certificate.parse(issue("leaf", issuer=issue("root"), subject=names.name(*rdns)).der)
    with pytest.raises(Rejected) as caught:
        match(parse_identities([identity]), leaf)
    return caught.value


@pytest.mark.parametrize(
    ("wanted", "actual", "words"),
    [
        ("Acme", "ACME", "in case only"),
        ("Acme Ltd", "Acme  Ltd", "in blanks only"),
        ("Acme Ltd", "Acme\u00a0Ltd", "in blanks only"),
        ("Acme", "Acme ", "in blanks only"),
        ("M\u00fcller", "Mu\u0308ller", "in the Unicode normal form only"),
        ("Acme", "\uff21cme", "in the Unicode normal form only"),
        ('"Acme"', "Acme", "in quotation marks only"),
        ("ACME Ltd", "Acme ltd ", "in case and blanks only"),
        ("Acme", "\u0410cme", "in letters that look alike"),
        ("Acme, Inc.", "Acme Inc", "in letters that look alike, punctuation"),
        ("Muller", "M\u00fcller", "accents only"),
    ],
)
def test_id_8_refuses_and_explains_small_differences(wanted: str, actual: str, words: str) -> None:
    identity = "x509.subject: C=US, ST=WA, O=" + wanted.replace(",", "\\,")
    error = refusal(identity, ("C", "US"), ("ST", "WA"), Attribute("O", actual))
    assert error.reason == "identity.mismatch"
    assert f"O differs {words}" in str(error) or words in str(error)
    assert ("U+0410 (cyrillic capital letter a)" in str(error)) is (actual == "\u0410cme")
    advised = error.remedy.partition("add to the statement's trustedIdentities: ")[2].removeprefix('"')
    assert advised.startswith("x509.subject: ")


def test_a_small_difference_comes_before_a_ca_of_the_same_organization() -> None:
    root = Certificate.parse(issue("root", subject="C=US,ST=WA,O=Harbour Works,CN=Root").der)
    leaf = issue("leaf", subject=names.name(("C", "US"), ("ST", "WA"), ("O", "Harbour\xa0Works"), ("CN", "builder")))
    with pytest.raises(Rejected) as caught:
        match(parse_identities(["x509.subject: C=US, ST=WA, O=Harbour Works"]), Certificate.parse(leaf.der), [root])
    assert "O differs in blanks only" in str(caught.value)
    assert "the CA above" not in str(caught.value)


def test_another_signer_is_not_similar() -> None:
    error = refusal("x509.subject: C=US, ST=WA, O=Acme", ("C", "US"), ("ST", "WA"), ("O", "Harbour Works"))
    assert "near" not in str(error)
    assert near_misses({"O": "Acme", "CN": "x"}, {"O": "ACME"}) is None


@pytest.mark.parametrize(
    ("spelt", "oid"),
    [
        ("UID", UID),
        ("uid", UID),
        ("DC", DC),
        ("E", EMAIL),
        ("emailAddress", EMAIL),
        ("EMAIL", EMAIL),
        ("SN", "SERIALNUMBER"),
        ("serialNumber", "SERIALNUMBER"),
    ],
)
def test_id_10_reports_types_without_a_short_name_as_written(spelt: str, oid: str) -> None:
    rdns = (("C", "US"), ("ST", "WA"), ("O", "Acme"), (oid, "c-0nw"))
    error = refusal(f"x509.subject: C=US, ST=WA, O=Acme, {spelt}=c-0nw", *rdns)
    assert f"the identity's {spelt} must be written {oid}" in str(error)
    leaf = Certificate.parse(issue("leaf", issuer=issue("root"), subject=names.name(*rdns)).der)
    advised = error.remedy.partition("trustedIdentities: ")[2]
    assert match(parse_identities([advised]), leaf).text == advised
    (doubt,) = doubts(parse_identities([f"x509.subject: C=US, ST=WA, O=Acme, {spelt}=c-0nw"]))
    assert doubt.endswith(f"write {oid}=c-0nw")


def test_a_type_without_a_known_name_is_found_by_its_value() -> None:
    error = refusal(
        "x509.subject: C=US, ST=WA, O=Acme, jurisdiction=DE",
        ("C", "US"), ("ST", "WA"), ("O", "Acme"), ("1.3.6.1.4.1.311.60.2.1.3", "DE"),
    )  # fmt: skip
    assert "the identity's jurisdiction must be written 1.3.6.1.4.1.311.60.2.1.3" in str(error)
    assert type_for("SN", "Smith") == "2.5.4.4"


def test_does_not_report_correct_types_as_misspelt() -> None:
    assert [type_for(name) for name in ("C", "ST", "O", "OU", "CN", "STREET", UID, "x")] == [None] * 8
    assert type_for("o") == "O"


@pytest.mark.parametrize(
    "kind", ["x509.Subject", "X509.SUBJECT", "x509.subject ", "x509subject", "x509-subject", "x509.subjct"]
)
def test_id_2_reports_a_misspelt_kind(kind: str) -> None:
    error = refusal(f"{kind}: C=US, ST=WA, O=Acme", ("C", "US"), ("ST", "WA"), ("O", "Acme"))
    assert error.reason == "identity.none"
    assert "is to be written x509.subject" in str(error)
    (doubt,) = doubts(parse_identities([f"{kind}: C=US, ST=WA, O=Acme"]))
    assert "is to be written x509.subject" in doubt


@pytest.mark.parametrize(
    "rdns",
    [
        [("C", "NL"), ("O", "Acme")],
        [("C", "NL"), ("ST", "ZH"), ("O", "Acme"), ("OU", "a"), ("OU", "b")],
    ],
    ids=["ID-11", "ID-10"],
)
def test_a_signer_that_no_identity_can_name_has_a_remedy(rdns: list[tuple[str, str]]) -> None:
    error = refusal("x509.subject: C=NL, ST=ZH, O=Acme", *rdns)
    assert error.reason == "identity.subject"
    assert "only '*' fits it" in error.remedy


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        (f"O=A, {EMAIL}=#160b6140622e6578616d706c65", f"write x509.subject: C=US, ST=WA, O=A, {EMAIL}=a@b.example"),
        ("O=A, E=#160b6140622e6578616d706c65", f"write x509.subject: C=US, ST=WA, O=A, {EMAIL}=a@b.example"),
        ("O=#0c0441636d65, CN=#130162", "write x509.subject: C=US, ST=WA, O=Acme, CN=b"),
        ("O=A, CN=#0203010203", "leave the attribute out"),
        ("O=A, CN=#0c", "leave the attribute out"),
        ("O=#1 Supplier", r'write "x509.subject: C=US, ST=WA, O=\\#1 Supplier"'),
    ],
)
def test_id_5_a_value_in_hexadecimal_is_refused_with_its_text(text: str, advice: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_identity(f"x509.subject: C=US, ST=WA, {text}")
    assert str(caught.value).endswith(f"; {advice}")  # and nothing else
