"""Evidence in a layout that says "revoked", and whose maker came to the trust directory after the report was made."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest

from airgap.parse.time import iso
from tests.support import names
from tests.support.command import run_here
from tests.support.crls import crl, entry, scope
from tests.support.evidence import evidence_artifact
from tests.support.keyring import key
from tests.support.ocsp import ocsp_response, single
from tests.support.pki import AT, issue
from tests.support.scenario import Scene, Written

ROOT = issue("root", subject=names.harbour("Root"), key=key("p256", 0))
CA = issue("intermediate", issuer=ROOT, subject=names.harbour("Int"), key=key("p256", 1))
RENEWED = issue("intermediate", issuer=ROOT, subject=names.harbour("Int"), key=key("p256", 3))
OTHER = issue("root", subject=names.harbour("Elsewhere"), key=key("p256", 4))
LEAF = issue("leaf", issuer=CA, key=key("p256", 2), crl_urls=["http://crl.example/a"], serial=0x9F << 152 | 5)
RESPONDER = issue("ocsp", issuer=CA, key=key("p256", 5), subject=names.harbour("Responder"))
OF_RENEWED = issue("ocsp", issuer=RENEWED, key=key("p256", 6), subject=names.harbour("Responder"))

PIECES = {
    "response": ocsp_response(LEAF, responder=RESPONDER, embed=[], status="revoked", reason="keyCompromise"),
    "response without the sign of the serial number": ocsp_response(
        LEAF,
        responder=RESPONDER,
        embed=[],
        singles=[single(LEAF, status="revoked", serial=LEAF.serial - (1 << 160))],
    ),
    "response of the renewed key": ocsp_response(LEAF, responder=OF_RENEWED, status="revoked"),
    "CRL of the renewed key": crl(CA, revoked=[LEAF], signed_by=RENEWED.key),
    "stray CRL": crl(CA, revoked=[LEAF], signed_by=key("p256", 7)),
    "CRL of another CA": crl(OTHER, revoked=[LEAF]),
    "indirect CRL": crl(OTHER, revoked=[entry(LEAF.serial, certificate_issuer=CA.subject)], scope=scope(indirect=True)),
}


def _store(name: str, pem: bytes) -> Callable[[Written], None]:
    def put(written: Written) -> None:
        folder = written.trust / "truststore/x509/ca" / name
        folder.mkdir()
        (folder / "a.pem").write_bytes(pem)

    return put


def _responder(written: Written) -> None:
    (written.trust / "ocsp").mkdir(exist_ok=True)
    (written.trust / "ocsp/responder.cer").write_bytes(RESPONDER.der)


COMING = {"responder": _responder, "renewed": _store("renewed", RENEWED.pem), "other": _store("other", OTHER.pem)}


def codes(folder: Path, piece: bytes, coming: tuple[str, ...]) -> tuple[int, int]:
    """Of verify with the layout, and of recheck without it, once these certificates have come."""
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"a.crl": crl(CA)}
    scene.packing = [
        lambda builder, target: builder.list(builder.add_manifest(evidence_artifact(builder, target, piece)))
    ]
    written = scene.write(folder)
    report = folder / "report.json"
    assert run_here(written.arguments("--report", str(report))).code == 0
    for name in coming:
        COMING[name](written)
    verified = run_here(written.arguments()).code
    written.layout.rename(folder / "away")
    return verified, run_here(["recheck", str(report), "--trust", str(written.trust), "--at", iso(AT)]).code


@pytest.mark.parametrize("coming", [some for count in range(3) for some in combinations(COMING, count)])
@pytest.mark.parametrize("piece", PIECES)
def test_a_report_alone_is_never_milder_than_the_layout(tmp_path: Path, piece: str, coming: tuple[str, ...]) -> None:
    verified, rechecked = codes(tmp_path, PIECES[piece], coming)
    assert not verified or rechecked
    assert rechecked in {0, 15}
    if not coming:
        assert (verified, rechecked) == (0, 0)


@pytest.mark.parametrize(
    ("piece", "coming"),
    [
        ("response", "responder"),
        ("response of the renewed key", "renewed"),
        ("CRL of the renewed key", "renewed"),
        ("indirect CRL", "other"),
    ],
)
def test_a_maker_that_came_later_counts(tmp_path: Path, piece: str, coming: str) -> None:
    verified, rechecked = codes(tmp_path, PIECES[piece], (coming,))
    assert verified in {14, 15}
    assert rechecked == 15


def test_other_certificates_that_came_do_not_count(tmp_path: Path) -> None:
    assert codes(tmp_path, PIECES["stray CRL"], ("responder", "other")) == (0, 0)
