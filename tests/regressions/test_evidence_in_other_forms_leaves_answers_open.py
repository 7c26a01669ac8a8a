"""A revoking CRL of the trust directory in a tar, an LDIF, hex, after another one, or damaged: it passed."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from airgap.revocation.evidence_directory import EvidenceDirectory
from tests.support import names
from tests.support.command import run_here
from tests.support.crls import crl, entry, pem
from tests.support.ocsp import key_bits, ocsp_response
from tests.support.pki import AT, Issued, Pki, issue
from tests.support.scenario import Scene, Written
from tests.support.trust import write_trust

URL = "http://crl.example/leaf.crl"
LEAF = Pki().code_chain(depth=2, leaf={"crl_urls": [URL]})
GOOD = crl(LEAF.root, number=1)
REVOKING = crl(LEAF.root, number=2, this_update=AT, revoked=[entry(LEAF.serial, reason="keyCompromise")])
OTHERS = crl(issue("root", slot=3, subject=names.harbour("Other Root")), number=5)
IN_BASE64 = base64.b64encode(REVOKING)


def tar(data: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("r.crl")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()


FORMS = {
    "in a tar": ("crls/new.tar", tar(REVOKING)),
    "in LDIF": ("crls/new.ldif", b"dn: cn=CA\ncertificateRevocationList;binary:: " + IN_BASE64 + b"\n"),
    "in JSON": ("crls/new.json", json.dumps({"crl": IN_BASE64.decode()}).encode()),
    "in a Secret": ("crls/secret.yaml", b"apiVersion: v1\ndata:\n  ca.crl: " + base64.b64encode(pem(REVOKING)) + b"\n"),
    "in a Secret in JSON": ("crls/s.json", json.dumps({"ca.crl": base64.b64encode(pem(REVOKING)).decode()}).encode()),
    "as xxd shows it": ("crls/dump.txt", b"00000000: " + REVOKING[:16].hex(" ", 2).encode() + b"  0..Z0..D.......\n"),
    "in a mail": ("crls/mail", b"From: ca\n\n" + base64.encodebytes(REVOKING)),
    "in hex": ("crls/new.hex", REVOKING.hex(" ").encode()),
    "as a text about it": ("crls/new.txt", b"Certificate Revocation List (CRL):\n    Version 2 (0x1)\n"),
    "as a pointer": ("crls/new.lfs", b"version https://git-lfs.github.com/spec/v1\n"),
    "first bit changed": ("crls/new", bytes([REVOKING[0] ^ 1]) + REVOKING[1:]),
    "first bit changed, ocsp": ("ocsp/new", bytes([REVOKING[0] ^ 1]) + REVOKING[1:]),
    "filled with zeros": ("crls/new", bytes(512)),
    "empty, called .der": ("crls/new.der", b""),
    "a blank before it": ("crls/new", b"\n" + REVOKING),
    "behind another": ("crls/all.crl", OTHERS + REVOKING),
    "in PEM behind another in DER": ("crls/all.crl", OTHERS + pem(REVOKING)),
    "in base64 behind another in PEM": ("crls/all.crl", pem(OTHERS) + base64.encodebytes(REVOKING)),
    "behind a certificate": ("crls/ca", LEAF.root.der + REVOKING),
    "packed beside the policy": ("crls.tar", tar(REVOKING)),
    "in a copy of the folder": ("crls (copy)/new.pem", pem(REVOKING)),
    "in a folder beside": ("site-crls/new", REVOKING),
    "without an ending beside the policy": ("site", REVOKING),
}


def write(folder: Path, leaf: Issued = LEAF) -> Written:
    scene = Scene()
    scene.sign_with(leaf)
    scene.crls, scene.ocsp = {"good.crl": GOOD}, {"good.ors": ocsp_response(leaf)} if leaf is not LEAF else None
    return scene.write(folder)


def put(trust: Path, place: str, data: bytes) -> None:
    (trust / place).parent.mkdir(parents=True, exist_ok=True)
    (trust / place).write_bytes(data)


@pytest.mark.parametrize("name", FORMS)
def test_a_file_that_may_hold_a_revocation_leaves_the_answer_open(tmp_path: Path, name: str) -> None:
    written = write(tmp_path)
    assert run_here(written.arguments()).code == 0
    place, data = FORMS[name]
    put(written.trust, place, data)
    ran = run_here(written.arguments("-q"))
    assert ran.code == 15
    assert ran.reasons == {"evidence.unread"}
    assert place in ran.out


@pytest.mark.parametrize(
    ("place", "data"),
    [
        ("crls/README", "für Käse".encode("latin-1")),
        ("crls/SHA256SUMS", hashlib.sha256(b"site").hexdigest().encode() + b"  good.crl\n"),
        ("crls/Thumbs.db", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(100)),
        ("crls/ca", LEAF.root.pem),
        ("ocsp-roots.pem", LEAF.root.pem + LEAF.pem),
        ("truststore/x509/ca/crl-signers/crl.pem", LEAF.root.pem),
        ("fetch-crls", b"#!/bin/sh\n"),
    ],
)
def test_a_file_without_a_revocation_changes_nothing(tmp_path: Path, place: str, data: bytes) -> None:
    written = write(tmp_path)
    put(written.trust, place, data)
    assert run_here(written.arguments()).code == 0


def test_does_not_report_files_without_a_revocation_elsewhere(tmp_path: Path) -> None:
    trust = write_trust(tmp_path, crls={})
    put(trust, "fetch-crls", b"#!/bin/sh\n")
    assert EvidenceDirectory.open(trust).notices() == ()


def test_reports_joined_files_as_joined(tmp_path: Path) -> None:
    evidence = EvidenceDirectory.open(write_trust(tmp_path, crls={"all.crl": OTHERS + REVOKING}))
    (item,) = evidence.all_unread()
    assert "a CRL with another file as trailing data" in item.problem
    assert "a file of its own" in item.remedy


ASKED = Pki().code_chain(depth=2, leaf={"ocsp_urls": ["http://ocsp.example/"]})
RENEWED = issue("root", slot=5, subject=ASKED.root.subject)


@pytest.mark.parametrize("responder", [ASKED.root, RENEWED, issue("ocsp", issuer=RENEWED)], ids=["old", "new", "other"])
def test_a_response_with_the_issuers_name_and_another_key_leaves_the_answer_open(
    tmp_path: Path, responder: Issued
) -> None:
    """The question was made with the CA's new certificate: "revoked" was not used."""
    written = write(tmp_path, ASKED)
    assert run_here(written.arguments()).code == 0
    revoked = ocsp_response(
        ASKED, issuer=RENEWED, responder=responder, status="revoked", this_update=AT,
        key_hash=hashlib.sha1(key_bits(RENEWED.key), usedforsecurity=False).digest(),
    )  # fmt: skip
    put(written.trust, "ocsp/new.ors", revoked)
    ran = run_here(written.arguments())
    assert ran.code == 15
    assert "new.ors" in ran.out


@pytest.mark.parametrize(
    ("tail", "code"), [(b"", 0), (pem(REVOKING), 14), (pem(REVOKING)[:-40], 15), (IN_BASE64, 15), (REVOKING, 15)]
)
def test_the_text_that_openssl_writes_before_a_crl_is_ignored(tmp_path: Path, tail: bytes, code: int) -> None:
    """`openssl crl -text` writes the text and the CRL into one file: that text hides nothing, what follows may."""
    listing = b"Certificate Revocation List (CRL):\n        Version 2 (0x1)\nNo Revoked Certificates.\n"
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"r.crl": listing + pem(GOOD) + tail}
    ran = run_here(scene.write(tmp_path).arguments()[:-2])
    assert ran.code == code
    assert "without the CRL" not in ran.out


def test_a_crl_of_another_key_is_not_called_damaged(tmp_path: Path) -> None:
    """The advice was to remove the CRL that the CA had made after it renewed its key: then the image passed."""
    written = write(tmp_path)
    renewed = issue("root", slot=5, subject=LEAF.root.subject)
    put(written.trust, "crls/new.crl", crl(renewed, number=9, this_update=AT, revoked=[LEAF]))
    ran = run_here([item for item in written.arguments() if item not in {"--format", "json"}])
    assert ran.code == 15
    assert "new.crl says that the certificate 'CN=builder" in ran.out
    assert "it is not proven that its issuer says so" in ran.out
    assert "Ask the CA before you remove the file" in ran.out


@pytest.mark.parametrize(
    ("response", "part"),
    [(ocsp_response(ASKED, name_hash=bytes(20)), "name"), (ocsp_response(ASKED, key_hash=bytes(20)), "key")],
    ids=["name", "key"],
)
def test_a_good_response_that_names_the_issuer_otherwise_is_not_called_missing(
    tmp_path: Path, response: bytes, part: str
) -> None:
    scene = Scene()
    scene.sign_with(ASKED)
    scene.ocsp = {"good.ors": response}
    ran = run_here(scene.write(tmp_path).arguments())
    assert ran.code == 15
    assert ran.reasons == {"revocation.ocsp.missing"}
    assert "good.ors is about the serial number of the certificate" in ran.out
    assert f"the hash of the issuer's {part} in it is another one" in ran.out
