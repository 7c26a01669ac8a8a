"""Harmless files beside evidence, for which every verdict was UNSURE and every fetch INCOMPLETE."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from airgap.collection.asking import ocsp_request
from airgap.parse.time import iso
from airgap.pki.certificate import Certificate
from tests.regressions.test_available_evidence_is_used import revoking, scene
from tests.support import keyring
from tests.support.command import run_here
from tests.support.crls import crl, pem
from tests.support.pki import AT, END, Pki
from tests.unit.revocation.test_files_of_another_kind import armour

LEAF: Final = Pki().code_chain(depth=2)
CA: Final = LEAF.root
BESIDE: Final[dict[str, bytes]] = {
    "crls/ca.pem": CA.pem,
    "crls/ca.crt": CA.pem,
    "crls/ca.cer": CA.der,
    "crls/ca.der": CA.der,
    "crls/chain.pem": LEAF.pem + CA.pem,
    "crls/key.pem": keyring.pem(CA.key),
    "crls/old.crl.sha256": b"0" * 64 + b"  old.crl\n",
    "crls/old.crl.etag": b'"5f3a"\n',
    "crls/old.crl:Zone.Identifier": b"[ZoneTransfer]\r\nZoneId=3\r\n",
    "crls/old.crl.sha256sum": b"0" * 64 + b"  old.crl\n",
    "crls/old.crl.asc": b"-----BEGIN PGP SIGNATURE-----\n\niQEz\n-----END PGP SIGNATURE-----\n",
    "crls/old.crl.minisig": b"untrusted comment: from a secret key\nRUQ=\ntrusted comment: t\na=\n",
    "crls/old.crl.sum": b"SHA256 (old.crl) = " + b"0" * 64 + b"\n",
    "crls/old.crl.dgst": b"SHA2-256(old.crl)= " + b"0" * 64 + b"\n",
    "crls/._old.crl": b"\0\5\x16\7" + bytes(99),
    "crls/.AppleDouble/old.crl": b"\0\5\x16\7" + bytes(99),
    "crls/.DS_Store": b"\0\0\0\1Bud1" + bytes(99),
    "crls/desktop.ini": "\ufeff[.ShellClassInfo]\r\n".encode("utf-16-le"),
    "crls/.gitkeep": b"",
    "crls/.lock": b"",
    "crls/old.crl.lock": b"",
    "ocsp/.update.lock": b"",
    "old.crl.sha256": b"0" * 64 + b"  old.crl\n",
    "crl/._old.crl": b"\0\5\x16\7" + bytes(99),
    "ocsp/issuer.pem": CA.pem,
    "ocsp/leaf.req": ocsp_request(Certificate.parse(LEAF.der), Certificate.parse(CA.der)),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_file_that_is_certainly_not_evidence_is_ignored(tmp_path: Path, name: str) -> None:
    made, _ = scene()
    written = made.write(tmp_path)
    path = written.trust / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(BESIDE[name])
    ran = run_here(written.arguments())
    told = name.endswith((".pem", ".crt", ".cer", ".der", ".req", ".ini"))
    assert (ran.code, bool(ran.document["warnings"])) == (0, told), ran


@pytest.mark.parametrize("name", ["x.crl.sig", "x.crl", "._x.crl", ".x.crl.Ab12Cd"])
def test_a_file_beside_evidence_that_is_not_recognised_leaves_the_answer_open(tmp_path: Path, name: str) -> None:
    """A bare signature cannot be distinguished from a damaged CRL, and a sum is no CRL."""
    made, _ = scene()
    written = made.write(tmp_path)
    (written.trust / "crls" / name).write_bytes(bytes(range(256)) if name.endswith(".sig") else b"0" * 63)
    assert run_here(written.arguments()).code == 15


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.crl.json", b'{"url":"http://crl.example/x.crl"}'),
        ("x.crl.url", b"http://crl.example/x.crl\n"),
    ],
)
def test_the_remedy_for_a_file_that_may_be_about_another_one(tmp_path: Path, name: str, data: bytes) -> None:
    """The remedy told to put the CRL in the place of the note about it."""
    made, _ = scene()
    written = made.write(tmp_path)
    (written.trust / "crls" / name).write_bytes(data)
    ran = run_here(["verify", str(written.layout), "--trust", str(written.trust), "--at", iso(AT)])
    assert (ran.code, "keep it outside of crls/ and ocsp/" in ran.out) == (15, True), ran


DOCUMENTS: Final[dict[str, bytes]] = {
    "docs/revocation-policy.pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(99),
    "docs/crl-plan.png": b"\x89PNG\r\n\x1a\n" + bytes(99),
    "docs/crl-plan.jpg": b"\xff\xd8\xff\xe0" + bytes(99),
    "evidence.docx": b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml" + bytes(99),
    "ocsp/notes.odt": b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis.opendocument.text" + bytes(99),
    "crls/who-to-ask.pdf": b"%PDF-1.7\n" + bytes(99),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_about_revocation_are_ignored(tmp_path: Path, name: str) -> None:
    made, chain = scene()
    written = made.write(tmp_path)
    path = written.trust / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(DOCUMENTS[name])
    assert run_here(written.arguments()).code == 0
    path.write_bytes(b"PK\x03\x04" + bytes(26) + b"r.crl" + revoking(chain))
    assert run_here(written.arguments()).code == 15
    (written.trust / "crls/new.crl").write_bytes(DOCUMENTS[name])
    assert run_here(written.arguments()).code == 15


@pytest.mark.parametrize("name", ["ca.crl", "ca.crl.pem", "ca.crl.0"])
def test_another_file_named_as_a_crl_leaves_the_answer_open(tmp_path: Path, name: str) -> None:
    """A wrong file was saved in place of a CRL."""
    made, _ = scene()
    written = made.write(tmp_path)
    (written.trust / "crls" / name).write_bytes(CA.pem)
    assert run_here(written.arguments()).code == 15


def test_a_possibly_damaged_crl_named_as_a_document_leaves_the_answer_open(tmp_path: Path) -> None:
    made, chain = scene()
    written = made.write(tmp_path)
    bad = revoking(chain)
    for data in (pem(bad)[:-80], CA.pem + pem(bad)[:-80], bad[:-10], armour("CERTIFICATE", bad), CA.der + bad, b""):
        (written.trust / "crls/ca.pem").write_bytes(data)
        assert run_here(written.arguments()).code == 15, data
    (written.trust / "crls/ca.pem").write_bytes(CA.pem + pem(bad))
    assert run_here(written.arguments()).code == 14


@pytest.mark.parametrize("link", ["3ad48a91.r0", "current.crl"])
def test_accepts_a_link_to_a_crl_in_the_same_folder(tmp_path: Path, link: str) -> None:
    """As `openssl rehash` makes them."""
    made, chain = scene()
    written = made.write(tmp_path)
    (written.trust / "crls" / link).symlink_to("old.crl")
    assert run_here(written.arguments()).code == 0
    (written.trust / "crls/old.crl").write_bytes(revoking(chain))
    assert run_here(written.arguments()).code == 14


@pytest.mark.parametrize("target", ["../old.crl", "gone.crl", "notes", "current.crl", "{}/crls/old.crl"])
def test_a_link_to_another_place_leaves_the_answer_open(tmp_path: Path, target: str) -> None:
    made, _ = scene()
    written = made.write(tmp_path)
    (written.trust / "crls/notes").write_text("see the other stick\n")
    (written.trust / "crls/current.crl").symlink_to(target.format(written.trust))
    assert run_here(written.arguments()).code == 15


@pytest.mark.parametrize("link", ["latest.crl", "evidence/a.crl", "now/june.pem"])
def test_accepts_a_link_outside_to_evidence_in_its_folder(tmp_path: Path, link: str) -> None:
    made, chain = scene()
    written = made.write(tmp_path)
    path = written.trust / link
    path.parent.mkdir(exist_ok=True)
    path.symlink_to("../crls/old.crl" if "/" in link else "crls/old.crl")
    assert run_here(written.arguments()).code == 0
    (written.trust / "crls/old.crl").write_bytes(revoking(chain))
    assert run_here(written.arguments()).code == 14
    (written.trust / "crls/old.crl").rename(tmp_path / "old.crl")
    assert run_here(written.arguments()).code == 15


def test_ignores_a_ca_certificate_beside_its_crl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, chain = scene()
    made.crls = {}
    written = made.write(tmp_path)
    published = tmp_path / "pki"
    published.mkdir()
    (published / "root.crl").write_bytes(crl(chain.root, this_update=AT, next_update=END))
    (published / "root.pem").write_bytes(chain.root.pem)
    monkeypatch.setenv("AIRGAP_TRUST", str(written.trust))
    arguments = ["trust", "fetch", str(written.layout), "--from", str(published), "--no-download", "--require-complete"]
    ran = run_here(arguments)
    assert ran.code == 0, ran
    (published / "other.pem").write_bytes(b"<html>log in</html>")
    assert run_here(arguments).code == 15
