"""A CRL of the CA's renewed key counts wherever in the trust directory the certificate with that key is.

Only the files of stores that could be read as a whole, and have the right names, counted.
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from airgap.parse.time import iso
from tests.support import asn1
from tests.support.command import run_here
from tests.support.crls import crl, entry, pem
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Issued, Pki, issue
from tests.support.scenario import Scene, Written

OTHER = "truststore/x509/ca/other"


def put(root: Path, name: str, data: bytes) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


Made = Callable[[Issued, Issued], dict[str, bytes]]


def listed(renewed: Issued, leaf: Issued) -> dict[str, bytes]:
    return {"x.crl": crl(renewed, number=2, revoked=[entry(leaf.serial, reason="keyCompromise")])}


def written(folder: Path, made: Made = listed) -> tuple[Written, Issued]:
    """A layout with a CRL of the CA's renewed key against the signer, and that key's certificate, not placed yet."""
    chain = Pki().code_chain(depth=2, leaf={"crl_urls": ["http://crl.example/leaf.crl"]})
    renewed = issue("root", subject=chain.root.subject, slot=6)
    scene = Scene()
    scene.sign_with(chain)
    scene.crls = {"good.crl": crl(chain.root, number=1)}
    here = scene.write(folder)
    for name, data in made(renewed, chain).items():
        put(here.layout, name, data)
    return here, renewed


def linked(root: Path, renewed: Issued, place: str, target: str) -> None:
    put(root, "keep/r2.pem", renewed.pem)
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).symlink_to(target)


PLACES: dict[str, Callable[[Path, Issued], None]] = {
    name: lambda root, renewed, name=name: put(root, name, renewed.der if name.endswith(".der") else renewed.pem)
    for name in (
        f"{OTHER}/r2.txt", f"{OTHER}/r2.der", f"{OTHER}/r2.pem~", f"{OTHER}/sub/r2.pem", "truststore/x509/ca/r2.pem",
        "truststore/x509/CA/other/r2.pem", "truststore/x509/foo/other/r2.pem", "truststore/X509/ca/other/r2.pem",
        "truststore/x509/ca/my store/r2.pem", "Truststore/x509/ca/other/r2.pem", "r2.pem", "crls/r2.pem", "old/r2.bak",
    )
} | {
    "link": lambda root, renewed: linked(root, renewed, f"{OTHER}/r2.pem", "../../../../keep/r2.pem"),
    "link to a store": lambda root, renewed: linked(root, renewed, OTHER, "../../../keep"),
    "beside text": lambda root, renewed: put(root, f"{OTHER}/r2.pem", b"x" * 9000 + b"\n" + renewed.pem),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_a_certificate_in_any_file_shows_who_made_a_crl(tmp_path: Path, place: str) -> None:
    here, renewed = written(tmp_path)
    assert run_here(here.arguments()).code == 0
    PLACES[place](here.trust, renewed)
    assert run_here(here.arguments()).code == 14


BESIDE: dict[str, Callable[[Issued | None], bytes]] = {
    "README": lambda _: b"hello",
    "z.pem": lambda _: b"",
    "leaf.pem": lambda _: issue("leaf").pem,
    "r2.key": lambda _: b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    "cut.pem": lambda _: issue("root", slot=4).pem[:-10],
}


@pytest.mark.parametrize("name", BESIDE)
def test_what_makes_a_store_unreadable_hides_no_key_beside_it(tmp_path: Path, name: str) -> None:
    """The whole store was left out. It still is for what trusts: see tests/unit/trust/test_stores.py."""
    here, renewed = written(tmp_path)
    put(here.trust, f"{OTHER}/r2.pem", renewed.pem)
    put(here.trust, f"{OTHER}/{name}", BESIDE[name](renewed))
    assert run_here(here.arguments()).code == 14
    put(here.trust, f"{OTHER}/r2.pem", BESIDE[name](renewed) + renewed.pem)
    (here.trust / OTHER / name).unlink()
    assert run_here(here.arguments()).code == 14


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


DAMAGES: dict[str, tuple[str, Callable[[Issued], bytes]]] = {
    "cut PEM": ("r2.pem", lambda renewed: renewed.pem[:-10]),
    "cut PEM in a file of another name": ("r2.txt", lambda renewed: renewed.pem[:-10]),
    "cut DER": ("r2.crt", lambda renewed: renewed.der[:-10]),
    "emptied": ("r2.pem", lambda _: b""),
    "label": ("r2.pem", lambda renewed: flipped(renewed.pem, 14)),
    "dashes": ("r2.pem", lambda renewed: flipped(renewed.pem, 2)),
    "key": ("r2.crt", lambda renewed: flipped(renewed.der, renewed.der.index(b"\x03\x42\x00\x04") + 9)),
    "subject": ("r2.crt", lambda renewed: flipped(renewed.der, renewed.der.rindex(renewed.subject) + 20)),
    "not a CA": ("r2.crt", lambda renewed: flipped(renewed.der, renewed.der.index(b"\x55\x1d\x13") + 2)),
}
DAMAGES |= {
    "PKCS#7": ("r2.p7b", lambda renewed: pkcs7(renewed.der)),
    "PKCS#7 in base64": ("r2.p7b", lambda renewed: base64.encodebytes(pkcs7(renewed.der))),
    "base64": ("r2.txt", lambda renewed: base64.encodebytes(renewed.der)),
}
"""The file, and its damaged content, or what is in a form that is not read."""


@pytest.mark.parametrize("place", [OTHER, f"{OTHER}/sub", "keep", "keep/.hidden"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_certificate_leaves_open_what_it_may_prove(tmp_path: Path, damage: str, place: str) -> None:
    """A bit was another one in the only certificate that proves the revocation: a warning, -q without it, and 0."""
    here, renewed = written(tmp_path)
    name, damaged = DAMAGES[damage]
    put(here.trust, f"{place}/{name}", damaged(renewed))
    report = tmp_path / "report.json"
    ran = run_here(here.arguments("--report", str(report)))
    (message,) = {
        item["message"]
        for artifact in ran.document["artifacts"]
        for signature in artifact["signatures"]
        for item in signature["findings"]
        if item["reason"] == "evidence.unread"
    }
    assert ran.code == 15
    assert "x.crl" in message
    assert f"{place}/{name}" in message
    shutil.rmtree(here.layout)
    recheck = ["recheck", str(report), "--trust", str(here.trust), "--at", iso(AT)]
    assert run_here(recheck).code == 15
    put(here.trust, f"{place}/{name}", renewed.pem)
    assert run_here(recheck).code == 15


def pkcs7(*certificates: bytes) -> bytes:
    signed = asn1.sequence(
        asn1.integer(1),
        asn1.set_of(),
        asn1.sequence(asn1.oid("1.2.840.113549.1.7.1")),
        asn1.explicit(0, *certificates),
        asn1.set_of(),
    )
    return asn1.sequence(asn1.oid("1.2.840.113549.1.7.2"), asn1.explicit(0, signed))


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "d.p7b": pkcs7,
    "d.p7c": lambda der: pem(pkcs7(der)).replace(b"X509 CRL", b"PKCS7"),
    "d.b64": base64.encodebytes,
    "d.base64": lambda der: base64.encodebytes(pkcs7(der)),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_responder_in_a_form_that_is_not_read_leaves_open_what_it_may_prove(tmp_path: Path, name: str) -> None:
    """The only proof of a revocation was beside it on the medium, as PKCS#7: 0."""
    made: list[Issued] = []

    def bare(_: Issued, leaf: Issued) -> dict[str, bytes]:
        made.append(issue("ocsp", issuer=leaf.root))
        return {"x.ors": ocsp_response(leaf, responder=made[0], embed=(), status="revoked")}

    here, _ = written(tmp_path, bare)
    put(here.layout, name, FORMS[name](issue("ocsp", issuer=issue("root", slot=4)).der))
    assert run_here(here.arguments()).code == 0  # that of another CA
    put(here.layout, name, FORMS[name](made[0].der))
    report = tmp_path / "report.json"
    ran = run_here(here.arguments("--report", str(report)))
    assert (ran.code, name in ran.out, "x.ors" in ran.out) == (15, True, True)
    shutil.rmtree(here.layout)
    assert run_here(["recheck", str(report), "--trust", str(here.trust), "--at", iso(AT)]).code == 15


OTHERS: dict[str, tuple[int, Made]] = {
    "a response": (
        15,
        lambda renewed, leaf: {"x.ors": ocsp_response(leaf, responder=renewed, embed=(), status="revoked")},
    ),
    "nothing": (0, lambda *_: {}),
    "another number": (0, lambda renewed, _: {"x.crl": crl(renewed, number=2, revoked=[entry(7)])}),
    "good": (0, lambda renewed, leaf: {"x.ors": ocsp_response(leaf, responder=renewed, embed=())}),
    "another CA": (0, lambda _, leaf: listed(issue("root", subject="CN=Else", slot=4), leaf)),
}


@pytest.mark.parametrize("case", OTHERS)
def test_a_damaged_certificate_is_only_a_warning_where_it_proves_nothing(tmp_path: Path, case: str) -> None:
    code, made = OTHERS[case]
    here, renewed = written(tmp_path, made)
    put(here.trust, f"{OTHER}/r2.pem", renewed.pem[:-10])
    ran = run_here(here.arguments())
    assert (ran.code, any("ca:other" in item["message"] for item in ran.document["warnings"])) == (code, True)


@pytest.mark.parametrize("name", ["README", "r2.key", "key.pem"])
def test_what_is_no_certificate_hides_none(tmp_path: Path, name: str) -> None:
    here, _ = written(tmp_path)
    put(here.trust, f"{OTHER}/{name}", BESIDE["README" if name == "README" else "r2.key"](None))
    assert run_here(here.arguments()).code == 0
