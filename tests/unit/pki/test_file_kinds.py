"""Files that should hold certificates and hold something else: the message names what it is."""

from __future__ import annotations

import base64
import re

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from cryptography.x509 import CertificateSigningRequestBuilder, Name
from hypothesis import given
from hypothesis import strategies as st

from airgap.errors import FormatError
from airgap.pki import file_kinds, wrong_files
from airgap.pki.certificate_files import load_certificates
from airgap.pki.crl_pem import split_pem
from airgap.pki.file_kinds import Kind, holds_evidence, recognise
from airgap.pki.wrong_files import NeededFile, der_problem, problem_of_evidence, remedy_for
from tests.support.crls import crl
from tests.support.keyring import key
from tests.support.ocsp import ocsp_response
from tests.support.pki import issue

ROOT = issue("root")
LEAF = issue("leaf", issuer=ROOT)
RSA, EC = key("rsa2048"), key("p256")
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
PLAIN, SECRET = serialization.NoEncryption(), serialization.BestAvailableEncryption(b"secret")
PKCS1 = serialization.PrivateFormat.TraditionalOpenSSL
PKCS8 = serialization.PrivateFormat.PKCS8
SSH = serialization.PrivateFormat.OpenSSH
REQUEST = CertificateSigningRequestBuilder(Name([])).sign(EC, hashes.SHA256())
PUBLIC, PUBLIC1 = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PublicFormat.PKCS1
SPKI = RSA.public_key().public_bytes(DER, PUBLIC)
PGP = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQ\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n"
PKCS12 = pkcs12.serialize_key_and_certificates(b"a", LEAF.key, LEAF.x509, [ROOT.x509], SECRET)
PEM_OF_UTF16 = ROOT.pem.decode()

FILES = [
    pytest.param(pkcs7.serialize_certificates([ROOT.x509], DER), "PKCS#7", "openssl pkcs7", id="p7b"),
    pytest.param(pkcs7.serialize_certificates([ROOT.x509], PEM), "PKCS#7", "openssl pkcs7", id="p7b-pem"),
    pytest.param(PKCS12, "PKCS#12", "openssl pkcs12", id="p12"),
    pytest.param(REQUEST.public_bytes(DER), "CSR", "certificate", id="csr"),
    pytest.param(REQUEST.public_bytes(PEM), "CSR", "certificate", id="csr-pem"),
    pytest.param(crl(ROOT), "a CRL", "crls/", id="crl"),
    pytest.param(ocsp_response(LEAF), "an OCSP response", "ocsp", id="ocsp"),
    pytest.param(SPKI, "a public key", "certificate", id="public-key"),
    pytest.param(RSA.public_key().public_bytes(DER, PUBLIC1), "a public key", "certificate", id="pkcs1-public"),
    pytest.param(RSA.public_key().public_bytes(PEM, PUBLIC), "PUBLIC KEY", "certificate", id="public-key-pem"),
    pytest.param(
        EC.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH),
        "an SSH key", "certificate", id="ssh",
    ),
    pytest.param(RSA.private_bytes(DER, PKCS8, PLAIN), "a private key", "Take the key out", id="pkcs8"),
    pytest.param(RSA.private_bytes(DER, PKCS8, SECRET), "an encrypted private key", "Take the key", id="pkcs8-secret"),
    pytest.param(RSA.private_bytes(DER, PKCS1, PLAIN), "a private key", "Take the key out", id="pkcs1"),
    pytest.param(EC.private_bytes(DER, PKCS1, PLAIN), "a private key", "Take the key out", id="sec1"),
    pytest.param(EC.private_bytes(PEM, PKCS8, PLAIN), "PRIVATE KEY", "Take the key out", id="pkcs8-pem"),
    pytest.param(EC.private_bytes(PEM, PKCS1, PLAIN), "EC PRIVATE KEY", "Take the key out", id="sec1-pem"),
    pytest.param(RSA.private_bytes(PEM, PKCS8, SECRET), "ENCRYPTED PRIVATE KEY", "Take the key out", id="secret-pem"),
    pytest.param(EC.private_bytes(PEM, SSH, PLAIN), "OPENSSH PRIVATE KEY", "Take the key out", id="ssh-private"),
    pytest.param(PEM_OF_UTF16.encode("utf-16"), "UTF-16", "plain text", id="utf-16"),
    pytest.param(PEM_OF_UTF16.encode("utf-16-be"), "UTF-16", "plain text", id="utf-16-be"),
    pytest.param(PEM_OF_UTF16.encode("utf-16-le"), "UTF-16", "plain text", id="utf-16-le"),
    pytest.param(b"", "empty", "again", id="empty"),
    pytest.param(b" \r\n", "empty", "again", id="blank"),
    pytest.param(base64.b64encode(ROOT.der), "base64 without PEM lines", "BEGIN CERTIFICATE", id="bare-base64"),
    pytest.param(
        base64.b64encode(pkcs7.serialize_certificates([ROOT.x509], DER)), "(PKCS#7", "openssl pkcs7", id="base64-p7b"
    ),
    pytest.param(base64.urlsafe_b64encode(ROOT.der + b"\xff\xff\xff"), "base64", "certificate again", id="base64url"),
    pytest.param(ROOT.der.hex().encode(), "hexadecimal (a certificate)", "xxd -r -p", id="hex"),
    pytest.param(ROOT.der.hex(":").upper().encode(), "hexadecimal (a certificate)", "xxd -r -p", id="hex-colons"),
    pytest.param(crl(ROOT).hex(" ", 2).encode(), "hexadecimal (a CRL)", "crls/", id="hex-crl"),
    pytest.param(b"00000000: 3082 01d7 3082 017d a003  0...", "a dump of bytes", "again", id="dump"),
    pytest.param(b"00000000  30 82 01 d7 30 82 01 7d  |0...|", "a dump of bytes", "again", id="hexdump"),
    pytest.param(b"<!DOCTYPE html><html>", "web page", "again", id="html"),
    pytest.param(b'{"keys":[]}', "JSON", "again", id="json"),
    pytest.param(b"PK\x03\x04rest", "compressed", "Unpack", id="zip"),
    pytest.param(b"\xfe\xed\xfe\xed\0\0\0\2", "Java key store", "keytool", id="jks"),
    pytest.param(PGP, "an OpenPGP key", "certificate", id="pgp"),
    pytest.param(b"untrusted comment: minisign public key\nRWQ\n", "minisign", "certificate", id="minisign"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "words", "remedy"), FILES)
def test_names_the_kind_of_a_file_without_certificates(data: bytes, words: str, remedy: str) -> None:
    """STORE-5, D19."""
    with pytest.raises(FormatError) as caught:
        load_certificates(data)
    assert words in str(caught.value)
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"    0:d=0  hl=4 l= 471 cons: SEQUENCE          \n", "what openssl asn1parse prints"),
        (b"subject=C = NL, O = Harbour Works\n", "lines about a certificate"),
        (b"SHA1 Fingerprint=4F:FC:7D\n", "lines about a certificate"),
    ],
)
def test_what_openssl_prints_is_named(data: bytes, words: str) -> None:
    found = recognise(data)
    assert found is not None
    assert words in found.words


@pytest.mark.parametrize("text", [b"0:30 0:82", b"01 MIIB1z"])
def test_a_text_that_begins_with_the_digit_0_is_no_damaged_der(text: bytes) -> None:
    """The digit is the first byte of DER, too."""
    with pytest.raises(FormatError, match="holds neither PEM nor DER certificates; it begins with '0"):
        load_certificates(text)


def test_distinguishes_a_json_list_from_a_section_of_an_ini_file() -> None:
    """Windows leaves `r.pem:Zone.Identifier` beside a download: it was said to be JSON, and to get it again."""
    for data, is_json in ((b"[ZoneTransfer]\r\nZoneId=3\r\n", False), (b' [{"a": 1}]', True), (b"[ 1, 2]", True)):
        with pytest.raises(FormatError) as caught:
            load_certificates(data)
        assert ("JSON" in str(caught.value)) is is_json


@pytest.mark.parametrize("label", ["CERTIFICATE", "X509 CERTIFICATE", "PRIVATE KEY", "PKCS7"])
def test_store_6_a_certificate_counts_whatever_its_label(label: str) -> None:
    data = ROOT.pem.replace(b"CERTIFICATE", label.encode())
    assert [item.der for item in load_certificates(data)] == [ROOT.der]


@pytest.mark.parametrize("label", ["EC PARAMETERS", "DH PARAMETERS", "EVIDENCE RECORD"])
def test_names_a_pem_block_by_its_label(label: str) -> None:
    """It was "certificate 2 of 2.certificate: is OBJECT IDENTIFIER, not SEQUENCE"."""
    block = f"-----BEGIN {label}-----\nBggqhkjOPQMBBw==\n-----END {label}-----\n".encode()
    with pytest.raises(FormatError, match=f"PEM block 2: is no certificate but a PEM block labelled {label}") as caught:
        load_certificates(ROOT.pem + block)
    assert "Take it out of the file" in caught.value.remedy


def test_names_the_malformed_block_beside_good_ones() -> None:
    with pytest.raises(FormatError, match="PEM block 2: is no certificate but a private key, labelled PRIVATE KEY"):
        load_certificates(ROOT.pem + EC.private_bytes(PEM, PKCS8, PLAIN) + ROOT.pem)
    mislabelled = EC.private_bytes(PEM, PKCS8, PLAIN).replace(b"PRIVATE KEY", b"CERTIFICATE")
    with pytest.raises(FormatError, match="PEM block 2: is no certificate but a private key"):
        load_certificates(ROOT.pem + mislabelled)


def test_a_truncated_certificate_is_no_other_kind() -> None:
    for size in range(1, len(ROOT.der) - 1, 7):
        with pytest.raises(FormatError) as caught:
            load_certificates(ROOT.der[:size])
        assert "is no certificate but" not in str(caught.value)


@given(st.binary(max_size=80))
def test_any_bytes_give_a_kind_or_none(data: bytes) -> None:
    for shaped in (data, b"0\x82" + len(data).to_bytes(2, "big") + data):
        der_problem(shaped)
        with pytest.raises(FormatError):
            load_certificates(shaped)


BEGINNINGS = [b"", b"\xef\xbb\xbf", b"-----BEGIN ", b"\x30\x03\x0a\x01", b"MI", b"PK\x03\x04"]


@given(st.binary(max_size=80), st.sampled_from(BEGINNINGS))
def test_any_bytes_given_as_evidence_are_explained(data: bytes, begin: bytes) -> None:
    armoured = b"-----BEGIN X-----\n" + base64.b64encode(data) + b"\n-----END X-----\n"
    for shaped in (begin + data, armoured, base64.b64encode(begin + data)):
        for wanted in (NeededFile.CRL, NeededFile.OCSP):
            problem = problem_of_evidence(shaped, wanted, None)
            assert problem.problem.startswith("it is ")
            assert "{" not in problem.remedy


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("wanted", NeededFile)
def test_every_kind_has_a_remedy(kind: Kind, wanted: NeededFile) -> None:
    remedy = remedy_for(kind, wanted)
    assert remedy
    assert not set("{}").intersection(remedy)
    if wanted is NeededFile.OCSP:
        assert "CRL" not in remedy


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b"", Kind.EMPTY),
        (b"<html>", Kind.PAGE),
        (b'{"a": 1}', Kind.JSON),
        (b"HTTP/1.1 200 OK\n\n", Kind.WITH_HEADERS),
        (b"https://crl.example/a.crl", Kind.ADDRESS),
        (b"Certificate: \n", Kind.LISTING),
        (base64.b64encode(crl(ROOT)), Kind.BARE_BASE64),
        (ROOT.der.hex().encode(), Kind.HEX),
    ],
)
def test_a_text_is_recognised_behind_a_byte_order_mark_and_blanks(text: bytes, kind: Kind) -> None:
    for before in (b"", b"\xef\xbb\xbf", b" \r\n\t", b"\xef\xbb\xbf\n "):
        found = recognise(before + text)
        assert found
        assert found.kind is kind
        assert holds_evidence(before + text) is (kind is Kind.BARE_BASE64)


def test_blanks_at_the_start_of_a_file_are_read_once() -> None:
    """Each of 20 patterns read them: 2 MB of blanks called a CRL took seconds."""
    patterns = [
        pattern
        for value in vars(file_kinds).values()
        for pattern in ([row[0] for row in value] if isinstance(value, tuple) else [value])
        if isinstance(pattern, re.Pattern)
    ]
    assert len(patterns) > 20
    assert [pattern.pattern for pattern in patterns if pattern.pattern[:3] in (rb"\s*", rb"\s+")] == []


def test_a_file_without_a_crl_in_pem_is_not_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrong_files, "may_hide_more", pytest.fail)
    for data in (b" \n" * 100 + b"x", ROOT.pem * 2, b"-----BEGIN OTHER-----\n"):
        assert split_pem(data) == (data,)
