"""A certificate that came in an unsigned snapshot proves nothing by its name: any carrier may have made it.

Every CA certificate in a file of the trust directory counted as the operator's, also where its file came unsigned.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from airgap.oci.digest import Digest
from airgap.revocation.unsigned_evidence import UnsignedEvidence
from tests.regressions.test_keys_in_any_file_condemn import pkcs7, put
from tests.support import names
from tests.support.command import run_here
from tests.support.crls import crl, entry, pem, scope
from tests.support.ocsp import ocsp_response
from tests.support.pki import Issued, issue
from tests.support.scenario import Scene

ROOT = issue("root", slot=0)
CA = issue("intermediate", issuer=ROOT, subject=names.harbour("Issuing"), slot=1)
LEAF = issue("leaf", issuer=CA, crl_urls=["http://crl.example/leaf.crl"])
FORGED = issue("root", subject=CA.subject, slot=6)
STRANGER = issue("root", subject=names.harbour("Stranger"), slot=7)
NEAR = issue("intermediate", issuer=STRANGER, subject=names.harbour("Issuinh"), slot=5)
RESPONDER = issue("ocsp", issuer=FORGED, slot=4)


def against(maker: Issued) -> bytes:
    return pem(crl(maker, number=9, revoked=[entry(LEAF.serial, reason="keyCompromise")]))


LISTED = entry(LEAF.serial, reason="keyCompromise", certificate_issuer=CA.subject)
ANY = pem(crl(STRANGER, number=3))
CASES: dict[str, tuple[dict[str, bytes], bytes]] = {
    "one file": ({"crls/x.crl": FORGED.pem + against(FORGED)}, b""),
    "two files": ({"ocsp/x.ors": FORGED.der, "crls/y.crl": against(FORGED)}, b""),
    "a CRL on a later medium": ({"crls/x.crl": ANY + FORGED.pem}, against(FORGED)),
    "nearly the name": ({"crls/x.crl": ANY + NEAR.pem}, against(FORGED)),
    "indirect": ({"crls/x.crl": STRANGER.pem + pem(crl(STRANGER, revoked=[LISTED], scope=scope(indirect=True)))}, b""),
    "PKCS#7": (
        {"crls/x.crl": ANY, "ocsp/x.p7b": pkcs7(RESPONDER.der)},
        ocsp_response(LEAF, responder=RESPONDER, embed=(), status="revoked"),
    ),
}
"""Files that came, and a file of the layout."""


def scene() -> Scene:
    made = Scene()
    made.sign_with(LEAF)
    made.crls = {"good.crl": crl(CA, number=4)}
    return made


@pytest.mark.parametrize("case", CASES)
def test_what_came_unsigned_revokes_nothing_and_leaves_nothing_open(tmp_path: Path, case: str) -> None:
    files, beside = CASES[case]
    here = scene().write(tmp_path)
    for name, data in files.items():
        put(here.trust, name, data)
    put(here.layout, "beside.ors" if case == "PKCS#7" else "beside.crl", beside or ANY)
    assert run_here(here.arguments()).code in {14, 15}  # the operator's own
    UnsignedEvidence({name: Digest.of(data) for name, data in files.items()}).write(here.trust)
    assert run_here(here.arguments()).code == 0


PROVEN: dict[str, Callable[[], bytes]] = {
    "of the issuer": lambda: against(CA),
    "of its responder": lambda: ocsp_response(LEAF, responder=issue("ocsp", issuer=CA, slot=4), status="revoked"),
}


@pytest.mark.parametrize("case", PROVEN)
def test_what_came_unsigned_and_proves_itself_counts(tmp_path: Path, case: str) -> None:
    here = scene().write(tmp_path)
    put(here.trust, "crls/x.crl", data := PROVEN[case]())
    UnsignedEvidence({"crls/x.crl": Digest.of(data)}).write(here.trust)
    assert run_here(here.arguments()).code == 14
