"""Identities that people type or paste in another form: refused, with how they are written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airgap.errors import FormatError, Rejected, TrustMaterialError
from airgap.pki.certificate import Certificate
from airgap.trust.identities import doubts, match, parse_identities, parse_identity, suggest
from airgap.trust.identity_names import read_subject
from airgap.trust.policy import OciPolicy
from tests.support import names
from tests.support.command import run_here
from tests.support.pki import issue
from tests.support.scenario import Scene
from tests.support.trust import oci_policy, statement

ACME = "write x509.subject: C=US, ST=WA, O=Acme"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("C=US, ST=WA, O=Acme", ACME),
        ("x509.subject: /C=US/ST=WA/O=Acme", f"this is the form of openssl; {ACME}"),
        ("/C=US/ST=WA/O=Acme/CN=a/b", f"this is the form of openssl; {ACME}, CN=a/b"),
        ("subject=C = US, ST = WA, O = Acme", f"this is the form of openssl; {ACME}"),
        ("subject= /C=US/ST=WA/O=Acme", f"this is the form of openssl; {ACME}"),
        ("x509.subject: subject=C = US, ST = WA, O = Acme", ACME),
        ("x509.subject = C=US, ST=WA, O=Acme", ACME),
        ("x509.subject C=US, ST=WA, O=Acme", ACME),
        ("x509.subject:: C=US, ST=WA, O=Acme", ACME),
        ("x509.subject:= C=US, ST=WA, O=Acme", ACME),
        ("x509.subject: OID.2.5.4.6=US, ST=WA, O=Acme", ACME),
        ("x509.subject: 2.5.4.6=US, ST=WA, O=Acme", ACME),
        ("x509.subject: c=US, st=WA, o=Acme", ACME),
        ("x509.subject: C=US, SP=WA, O=Acme", ACME),
        ("x509.subject: countryName=US, stateOrProvinceName=WA, organizationName=Acme", ACME),
        ("x509.subject: C=US\nST=WA\nO=Acme", ACME),
        ("x509.subject: C=US,, ST=WA, O=Acme,", ACME),
        ("x509.subject: 'C=US, ST=WA, O=Acme'", ACME),
        ('x509.subject: "C=US, ST=WA, O=Acme"', ACME),
        ("x509.subject: C=US, ST=WA, O=Acme+CN=b", f"{ACME}, CN=b"),
        ("C=US, ST=WA, O=Acme, emailAddress=a@b.c", f"{ACME}, 1.2.840.113549.1.9.1=a@b.c"),
        ("x509.subject: C=US, ST=WA, O=Acme, Inc.", r'write "x509.subject: C=US, ST=WA, O=Acme\\, Inc."'),
        ('x509.subject: C=US, ST=WA, O="Acme, Inc."', r'write "x509.subject: C=US, ST=WA, O=Acme\\, Inc."'),
        (
            "x509.subject: C=US\uff0c ST=WA, O=Acme",
            f"'\uff0c' in it is wider than the ',' that separates; {ACME}",
        ),
        ("C=US; ST\uff1dWA; O=Acme", f"'\uff1d' in it is wider than the '=' that separates; {ACME}"),
        ("x509.subject: C=US, ST=WA", "and this one lacks O"),
        ("CN=acme", "and this one lacks C, ST and O"),
        (" *", "has blanks around the '*', which must be alone"),
        ("x509.subject: *", "write '*' alone for every signer"),
        ("alice@acme.example", "has no ':' after a kind; write x509.subject: C=US, ST=WA, O=Example"),
        ("x509.subject: C=US, ST=WA, O=Acme, O=Other", "has the attribute O twice"),
    ],
)
def test_explains_how_an_identity_is_written(text: str, words: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_identity(text)
    assert words in str(caught.value)
    _, found, advised = str(caught.value).partition("; write ")
    if found and "Example" not in advised:
        pasted = json.loads(advised) if advised.startswith('"') else advised
        assert parse_identity(pasted).attributes["C"] == "US"


def test_suggests_an_identity_with_all_attributes() -> None:
    """One that is left out would name other signers, too."""
    with pytest.raises(FormatError) as caught:
        parse_identity(r"x509.subject: c=US, ST=WA, O=H\C3\A4fen")
    assert "; write" not in str(caught.value)
    with pytest.raises(FormatError) as caught:
        parse_identity("x509.subject: what, C=US, ST=WA, O=Acme")
    assert "; write" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("subject: C=US, ST=WA, O=Acme", ACME),
        ("Subject: C = US, ST = WA, O = Acme", ACME),
        ("x509: C=US, ST=WA, O=Acme", ACME),
        ("x509.subject: C=US, ST=WA, O=*", "the '*' in O=* of the identity"),
        ("x509.subject: C=US, ST=WA, O=Acme, 2.5.4.5=12", "write SERIALNUMBER=12"),
        ("x509.subject: C=US, ST=WA, O=Acme, OID.2.5.4.11=Ops", "write OU=Ops"),
        ("x509.subject: C=US, ST=WA, O=Acme, oid.1.2.3=a", "write 1.2.3=a"),
        ("x509.subject: C=US, ST=WA, O=Acme, emailAddress=a@b.c", "write 1.2.840.113549.1.9.1=a@b.c"),
    ],
)
def test_warns_about_an_identity_that_no_certificate_can_match(text: str, words: str) -> None:
    (doubt,) = doubts(parse_identities([text]))
    assert words in doubt


def leaf(*attributes: tuple[str, str]) -> Certificate:
    return Certificate.parse(issue("leaf", issuer=issue("root"), subject=names.name(*attributes)).der)


SIGNER = (("C", "US"), ("ST", "WA"), ("O", "Acme, Inc."), ("CN", "build"))


@pytest.mark.parametrize("identity", ["x509.subject: C=DE, ST=BY, O=Other", "aws.arn: x"])
def test_shows_the_signer_as_it_is_written_in_a_policy(identity: str) -> None:
    with pytest.raises(Rejected) as caught:
        match(parse_identities([identity]), leaf(*SIGNER))
    advised = caught.value.remedy.partition("trustedIdentities: ")[2]
    assert advised == r'"x509.subject: C=US, ST=WA, O=Acme\\, Inc., CN=build"'
    assert match(parse_identities([json.loads(advised)]), leaf(*SIGNER)).text == json.loads(advised)


def test_compares_the_most_similar_identity() -> None:
    identities = ["x509.subject: C=DE, ST=BY, O=Other", "x509.subject: C=US, ST=TX, O=Acme\\, Inc., L=Dallas"]
    with pytest.raises(Rejected) as caught:
        match(parse_identities(identities), leaf(*SIGNER))
    assert "what differs: ST is 'WA', not 'TX'; the signer has no L ('Dallas'))" in str(caught.value)
    with pytest.raises(Rejected) as caught:
        match(parse_identities(identities[:1]), leaf(*SIGNER))
    assert "what differs" not in str(caught.value)


@pytest.mark.parametrize(
    ("member", "value", "words"),
    [
        (
            "trustedIdentities",
            ["*", "x509.subject: C=US, ST=WA, O=A"],
            "must be alone: remove it, or all",
        ),
        ("trustedIdentities", "*", 'is a text, and must be a list of them: ["*"]'),
        ("registryScopes", "*", 'is a text, and must be a list of them: ["*"]'),
        ("trustStores", "ca:harbour", 'is a text, and must be a list of them: ["ca:harbour"]'),
        ("signatureVerification", "strict", 'is a text, and must be an object: {"level": "strict"}'),
        ("trustStores", ["truststore/x509/tsa/acme"], "has no ':'; write tsa:acme"),
        ("trustStores", ["acme"], "write ca:acme, or with another type (ca, signingAuthority, tsa)"),
        ("trustStores", ["/"], "write a type and a name, as ca:acme"),
        (
            "trustStores",
            ["ca:acme/root.pem"],
            "the name is that of a folder, without blanks, and no path or file; write ca:acme",
        ),
        ("trustStores", ["ca: acme/"], "; write ca:acme"),
        ("trustStores", ["x509/tsa:acme"], "; write tsa:acme"),
        (
            "trustStores",
            ["c\u0430:acme"],
            "is not one of ca, signingAuthority, tsa (character 2 is U+0430 (cyrillic small letter a))",
        ),
        ("trustStores", ["ca:\u0430cme"], "(character 1 is U+0430 (cyrillic small letter a))"),
        ("registryScopes", ["registry.example//team\\App."], "; write registry.example/team/app"),
        ("registryScopes", ["oci:registry.example/app"], "; write registry.example/app"),
        ("registryScopes", ["me@registry.example/app"], "has a user name; write registry.example/app"),
        ("registryScopes", ["r.example/a, r.example/b"], "has several repositories: write each as an entry of its own"),
        (
            "registryScopes",
            ["r.ex\u0430mple/\u0430"],
            "character 5 is U+0430 (cyrillic small letter a); write r.example/a",
        ),
    ],
)
def test_explains_how_a_member_is_written(member: str, value: object, words: str) -> None:
    document = json.dumps(oci_policy(statement(**{member: value})))
    with pytest.raises(TrustMaterialError) as caught:
        OciPolicy.parse(document.encode(), "P")
    assert words in str(caught.value)


@pytest.mark.parametrize("depth", [1, 2])
def test_explains_that_an_identity_names_the_ca(tmp_path: Path, depth: int) -> None:
    """CN is 'builder', not 'Root': a user who trusts the root by name reads that as another signer."""
    scene = Scene()
    authority = suggest(read_subject(Certificate.parse(scene.signature.leaf.chain[depth].der).subject))
    scene.policy = oci_policy(statement(trustedIdentities=[authority]))
    ran = run_here(scene.write(tmp_path).arguments()[:-2])
    assert ran.code == 13
    assert "is the CA above the signer; an identity names the signer itself" in ran.out
