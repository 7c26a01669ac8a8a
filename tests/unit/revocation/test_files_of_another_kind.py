"""A file in crls/ or ocsp/ that is something else: never ignored, and named as what it is with a remedy."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs7, pkcs12

from airgap.collection.asking import ocsp_request
from airgap.pki.certificate import Certificate
from airgap.revocation.evidence_directory import EvidenceDirectory
from tests.support.command import Ran, run_here
from tests.support.crls import crl, entry, pem
from tests.support.evidence import MemoryEvidence
from tests.support.fetching import Site, about, site
from tests.support.ocsp import ocsp_error, ocsp_response
from tests.support.pki import AT, Pki
from tests.support.scenario import Scene
from tests.support.trust import write_trust

URL = "http://crl.example/leaf.crl"
LEAF = Pki().code_chain(depth=2, leaf={"crl_urls": [URL], "ocsp_urls": ["http://ocsp.example/"]})
GOOD = crl(LEAF.root, number=1)
REVOKING = crl(LEAF.root, number=2, this_update=AT, revoked=[entry(LEAF.serial, reason="keyCompromise")])
REVOKED = ocsp_response(LEAF, status="revoked")
HTML = b"<!DOCTYPE html>\n<html><head><title>Log in</title></head></html>"
P7 = pkcs7.serialize_certificates([LEAF.root.x509], Encoding.DER)
P12 = pkcs12.serialize_key_and_certificates(b"a", LEAF.key, LEAF.x509, None, BestAvailableEncryption(b"secret"))
REQUEST = ocsp_request(Certificate.parse(LEAF.der), Certificate.parse(LEAF.root.der))
BASIC = REVOKED[REVOKED.index(b"\x04\x82") + 4 :]


def armour(label: str, data: bytes) -> bytes:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(data).decode()}-----END {label}-----\n".encode()


def revocation(ran: Ran) -> dict[str, Any]:
    """The finding about revocation."""
    findings = ran.document["artifacts"][0]["signatures"][0]["findings"]
    return next(item for item in findings if item["check"] == "revocation")


CASES: dict[str, tuple[str, bytes, str, str]] = {
    "html": ("crls", HTML, "a web page", "get the CRL again"),
    "empty": ("crls", b"", "is empty", "broken off"),
    "blank": ("crls", b"\xef\xbb\xbf\r\n", "is empty", "broken off"),
    "zeros": ("crls", bytes(400), "filled with zeros", "broken off"),
    "utf-16": ("crls", pem(REVOKING).decode().encode("utf-16"), "UTF-16", "plain text"),
    "utf-16 base64": ("crls", base64.b64encode(REVOKING).decode().encode("utf-16-le"), "UTF-16", "plain text"),
    "gzip": ("crls", gzip.compress(REVOKING), "gzip", "Unpack"),
    "zip": ("crls", b"PK\x03\x04rest", "zip", "Unpack"),
    "base64": ("crls", base64.encodebytes(REVOKING), "base64 without PEM lines (a CRL)", "base64 -d"),
    "base64url": ("crls", base64.urlsafe_b64encode(REVOKING), "base64 without PEM lines", "base64 -d"),
    "base64 of PEM": ("crls", base64.b64encode(pem(REVOKING)), "base64 of PEM", "base64 -d FILE > NEW.crl"),
    "escaped": ("crls", pem(REVOKING).replace(b"\n", b"\\n"), "line ends are written as", "printf"),
    "dashes": ("crls", pem(REVOKING).replace(b"-----", b"\xe2\x80\x94"), "five dashes", "Get the CRL again"),
    "one line": ("crls", pem(REVOKING).replace(b"\n", b""), "on one line", "base64 -d"),
    "no end": ("crls", pem(REVOKING)[:-80], "without its end", "get the CRL again"),
    "no base64": ("crls", pem(REVOKING).replace(b"MI", b"M!", 1), "no base64", "get the CRL again"),
    "label": ("crls", armour("CRL", REVOKING), "a CRL in a PEM block labelled CRL", "base64 -d"),
    "cut": ("crls", REVOKING[:-10], "a CRL, cut short or damaged", "good copy"),
    "longer": ("crls", REVOKING + b"\n", "a CRL, cut short or damaged", "good copy"),
    "certificate": ("crls", LEAF.root.der, "a certificate, not a CRL", "truststore/x509/ca/"),
    "certificate in PEM": ("crls", LEAF.root.pem, "a certificate, not a CRL", "truststore/x509/ca/"),
    "certificate as CRL": ("crls", armour("X509 CRL", LEAF.root.der), "a certificate in a PEM block", "truststore"),
    "PKCS#7": ("crls", P7, "PKCS#7", "openssl pkcs7"),
    "PKCS#12": ("crls", P12, "PKCS#12", "Take it out"),
    "JSON": ("crls", b'{"http://crl.example": "a.crl"}', "JSON", "index.json"),
    "listing": ("crls", b"Certificate Revocation List (CRL):\n    Version 2\n", "describes a CRL", "CRL itself"),
    "headers": ("crls", b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n" + REVOKING, "HTTP answer", "curl without -i"),
    "pointer": ("crls", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS", "git lfs pull"),
    "address": ("crls", b"http://crl.example/root.crl\n", "a web address", "Download"),
    "text": ("crls", b"<<<<<<< HEAD", "neither a CRL nor an OCSP response", "Repair"),
    "ocsp html": ("ocsp", HTML, "a web page", "get the OCSP response again"),
    "ocsp empty": ("ocsp", b"", "is empty", "broken off"),
    "ocsp gzip": ("ocsp", gzip.compress(REVOKED), "gzip", "Unpack"),
    "ocsp request": ("ocsp", REQUEST, "an OCSP request, not an OCSP response", "-respout"),
    "ocsp tryLater": ("ocsp", ocsp_error(3), "'try later' (error 3, tryLater), not a status", "ask the responder"),
    "ocsp unauthorized": ("ocsp", ocsp_error(6), "unauthorized), not a status", "ask the responder"),
    "ocsp success alone": ("ocsp", ocsp_error(0), "holds no status", "ask the responder"),
    "ocsp tryLater in base64": ("ocsp", base64.b64encode(ocsp_error(3)), "'try later'", "base64 -d"),
    "ocsp PEM": ("ocsp", armour("OCSP RESPONSE", REVOKED), "an OCSP response in PEM", "base64 -d"),
    "ocsp base64": ("ocsp", base64.encodebytes(REVOKED), "base64 without PEM lines (an OCSP response)", "base64 -d"),
    "ocsp cut": ("ocsp", REVOKED[:-10], "an OCSP response, cut short or damaged", "good copy"),
    "ocsp inner part": ("ocsp", BASIC, "the inner part of an OCSP response", "as it came"),
    "ocsp certificate": ("ocsp", LEAF.root.der, "a certificate, not an OCSP response", "truststore/x509/ca/"),
    "ocsp JSON": ("ocsp", b"{}", "JSON, not an OCSP response", "index.json"),
    "ocsp PKCS#7": ("ocsp", P7, "PKCS#7", "OCSP response itself"),
    "ocsp listing": ("ocsp", b"OCSP Response Data:\n    Status: successful\n", "describes an OCSP", "itself"),
}  # fmt: skip
HIDING = [
    "utf-16", "utf-16 base64", "gzip", "zip", "base64", "base64url", "base64 of PEM", "escaped", "dashes", "one line",
    "no end", "no base64", "label", "cut", "headers", "ocsp gzip", "ocsp PEM", "ocsp base64", "ocsp cut",
]  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_names_a_file_of_another_kind_and_leaves_the_answer_open(tmp_path: Path, name: str) -> None:
    folder, data, words, remedy = CASES[name]
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": GOOD}
    written = scene.write(tmp_path)
    assert run_here(written.arguments()).code == 0
    file = {"crls": "r.crl", "ocsp": "r.ors"}[folder]
    (written.trust / folder).mkdir(exist_ok=True)
    (written.trust / folder / file).write_bytes(data)
    ran = run_here(written.arguments())
    assert ran.code == 15, ran
    found = revocation(ran)
    assert found["reason"] == "evidence.unread"
    assert f"{folder}/{file} in the trust directory" in found["message"]
    assert words in found["message"]
    text = run_here([item for item in written.arguments() if item not in {"--format", "json"}])
    assert remedy in text.out.split("→")[1]


@pytest.mark.parametrize("name", HIDING)
def test_a_file_that_may_hold_evidence_counts_under_any_name(tmp_path: Path, name: str) -> None:
    """A revoking CRL that was packed and called `june` was a line of text beside a pass."""
    folder, data, words, _ = CASES[name]
    write_trust(tmp_path, crls={}, ocsp={})
    (tmp_path / folder / "june").write_bytes(data)
    evidence = EvidenceDirectory.open(tmp_path)
    (item,) = evidence.all_unread()
    assert words in item.problem


@pytest.mark.parametrize("data", [b"our notes\n", b"MISSING: see the other stick\n", b"# index\n", HTML, b"{}"])
def test_reports_and_ignores_other_files_of_other_names(tmp_path: Path, data: bytes) -> None:
    evidence = EvidenceDirectory.open(write_trust(tmp_path, crls={"notes": data}))
    assert evidence.all_unread() == ()
    (notice,) = evidence.notices()
    assert "crls/notes" in notice.message


def test_names_and_ignores_a_file_of_another_kind_in_a_target() -> None:
    (notice,) = MemoryEvidence({"r.crl": HTML}).notices()
    assert "a web page" in notice.message
    assert "get the CRL again" in notice.remedy


def test_the_status_reports_files_of_another_kind(tmp_path: Path) -> None:
    trust = write_trust(tmp_path, crls={"r.crl": HTML, "good.crl": GOOD})
    ran = run_here(["trust", "status", "--trust", str(trust)])
    assert "crls/r.crl" in ran.out
    assert "a web page" in ran.out
    assert "get the CRL again" in ran.out


ANSWERS: dict[str, tuple[Callable[[Site], None], str]] = {
    "a page": (
        lambda here: void(here.web.put("/leaf.crl", HTML)),
        "a web page (HTML) or XML, not a CRL; is a proxy or a login in between?",
    ),
    "nothing": (lambda here: void(here.web.put("/leaf.crl", b"")), "is empty"),
    "a certificate": (lambda here: void(here.web.put("/leaf.crl", here.ca.der)), "a certificate, not a CRL"),
    "packed": (lambda here: void(here.web.put("/leaf.crl", gzip.compress(here.crl(here.ca)))), "gzip"),
}


def void(_: object) -> None:
    """For what a lambda has to return."""


@pytest.mark.parametrize("name", ANSWERS)
def test_names_a_download_of_another_kind(tmp_path: Path, name: str) -> None:
    answer, words = ANSWERS[name]
    with site(tmp_path) as here:
        here.sign()
        here.serve()
        answer(here)
        outcome = here.fetch()
    (attempt,) = about(outcome, "builder").attempts
    assert words in attempt.message
    assert "in the place of this file" not in attempt.message
    assert not outcome.complete


def test_reports_a_responder_that_answers_try_later(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.sign(ocsp_urls=[here.web.url("/ocsp")])
        here.serve()
        here.web.ocsp("/ocsp", lambda _: ocsp_error(3))
        outcome = here.fetch()
    attempt = about(outcome, "builder").attempts[0]
    assert "answer 'try later'" in attempt.message
    assert attempt.reason == "revocation.ocsp.malformed"


def test_names_an_offered_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "page.crl").write_bytes(HTML)
    with site(tmp_path / "site") as here:
        here.sign()
        outcome = here.fetch(download=False, offered=[tmp_path / "page.crl"])
    assert "a web page" in outcome.offered[0].message
    assert "get the CRL again" in outcome.offered[0].message
