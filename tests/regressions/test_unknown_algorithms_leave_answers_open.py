"""What a target holds against a certificate, and cannot be checked here, leaves the answer open (decision 0009).

What was checked, and is from another maker, is left out and reported: any person may have made it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from airgap.parse.time import iso
from tests.support import asn1
from tests.support.command import run_here
from tests.support.crls import crl, entry, scope
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Issued, Pki, foreign_info, issue
from tests.support.scenario import Scene

SHA256, SHAKE128 = (
    bytes.fromhex("2a8648ce3d040302"),
    bytes.fromhex("2b06010505070620"),
)  # RFC 8692: a known one some day
OTHER = issue("root", slot=4, subject="CN=Else")


def unknown(made: bytes) -> bytes:
    assert SHA256 in made
    return made.replace(SHA256, SHAKE128)


def revoking(maker: Issued, leaf: Issued, **changes: object) -> bytes:
    return crl(maker, number=2, revoked=[entry(leaf.serial, reason="keyCompromise")], **changes)  # type: ignore[arg-type]


def indirect(leaf: Issued, maker: Issued, issuer_name: bytes | None = None) -> bytes:
    """A CRL under another name than the issuer's that lists the certificate of the issuer."""
    listed = [entry(leaf.serial, reason="keyCompromise", certificate_issuer=leaf.root.subject)]
    return crl(maker, number=2, revoked=listed, scope=scope(indirect=True), issuer_name=issuer_name)


def gost(leaf: Issued) -> bytes:
    delegate = issue("ocsp", issuer=leaf.root, public=foreign_info("1.2.643.7.1.1.1.1"))
    return ocsp_response(leaf, responder=issue("ocsp", issuer=leaf.root), embed=[delegate.der], status="revoked")


def by_unchecked(leaf: Issued, slot: int | None = None) -> bytes:
    """By a delegate whose own certificate is signed with an algorithm that is not known."""
    issuer = leaf.root if slot is None else issue("root", slot=slot, subject=leaf.root.subject)
    maker = issue("ocsp", issuer=issuer)
    return ocsp_response(leaf, responder=replace(maker, der=unknown(maker.der)), status="revoked")


OPEN: dict[str, tuple[str, Callable[[Issued], bytes]]] = {
    "CRL": ("x.crl", lambda leaf: unknown(revoking(leaf.root, leaf))),
    "a hold": ("x.crl", lambda leaf: unknown(crl(leaf.root, revoked=[entry(leaf.serial, reason="certificateHold")]))),
    "OCSP": ("x.ors", lambda leaf: unknown(ocsp_response(leaf, status="revoked"))),
    "OCSP of a delegate with a key of an unknown kind": ("x.ors", gost),
    "OCSP of a delegate whose certificate cannot be checked": ("x.ors", by_unchecked),
    "indirect": ("x.crl", lambda leaf: indirect(leaf, leaf.root, OTHER.subject)),
    "indirect, unknown": ("x.crl", lambda leaf: unknown(indirect(leaf, leaf.root, OTHER.subject))),
}


@pytest.mark.parametrize("place", ["layout", "trust/crls"])
@pytest.mark.parametrize("case", OPEN)
def test_what_cannot_be_checked_leaves_the_answer_open(tmp_path: Path, case: str, place: str) -> None:
    """In the trust directory it was so; in a target it was reported, or not even that."""
    leaf = Pki().code_chain(depth=2, leaf={"crl_urls": ["http://crl.example/leaf.crl"]})
    made = Scene()
    made.sign_with(leaf)
    made.crls = {"good.crl": crl(leaf.root, number=1)}
    here = made.write(tmp_path)
    assert run_here(here.arguments()).code == 0
    name, make = OPEN[case]
    (tmp_path / place / name).write_bytes(make(leaf))
    report = tmp_path / "report.json"
    ran = run_here(here.arguments("-q", "--report", str(report)))
    assert (ran.code, name in ran.out) == (15, True), ran
    shutil.rmtree(here.layout)
    assert run_here(["recheck", str(report), "--trust", str(here.trust), "--at", iso(AT)]).code == 15


@pytest.mark.parametrize("named", [True, False])
def test_a_certificate_in_a_file_of_its_own_that_cannot_be_checked_leaves_the_answer_open(
    tmp_path: Path, *, named: bool
) -> None:
    leaf = Pki().code_chain(depth=2, leaf={"crl_urls": ["http://crl.example/leaf.crl"]})
    made = Scene()
    made.sign_with(leaf)
    made.crls = {"good.crl": crl(leaf.root, number=1)}
    here = made.write(tmp_path)
    responder_id = None if named else asn1.explicit(1, leaf.root.subject)
    maker = issue("ocsp", issuer=leaf.root)
    said = ocsp_response(leaf, responder=maker, embed=[], responder_id=responder_id, status="revoked")
    (here.layout / "x.ors").write_bytes(said)
    assert run_here(here.arguments()).code == 0
    (here.layout / "responder.der").write_bytes(unknown(maker.der))
    report = tmp_path / "report.json"
    assert run_here(here.arguments("--report", str(report))).code == 15
    shutil.rmtree(here.layout)
    assert run_here(["recheck", str(report), "--trust", str(here.trust), "--at", iso(AT)]).code == 15


CHECKED: dict[str, tuple[str, Callable[[Issued], bytes]]] = {
    "another serial number": ("x.crl", lambda leaf: unknown(crl(leaf.root, number=2, revoked=[entry(7)]))),
    "another CA": ("x.crl", lambda leaf: unknown(revoking(OTHER, leaf))),
    "another key of that name": (
        "x.crl",
        lambda leaf: unknown(revoking(issue("root", slot=5, subject=leaf.root.subject), leaf)),
    ),
    "known, and not valid": ("x.crl", lambda leaf: revoking(leaf.root, leaf, signed_by=OTHER.key)),
    "OCSP of another": ("x.ors", lambda leaf: unknown(ocsp_response(leaf, responder=OTHER, status="revoked"))),
    "OCSP of a delegate of another key of that name": ("x.ors", lambda leaf: by_unchecked(leaf, slot=5)),
    "OCSP, good": ("x.ors", lambda leaf: unknown(ocsp_response(leaf))),
    "indirect of another": ("x.crl", lambda leaf: indirect(leaf, OTHER)),
    "indirect of another, unknown": ("x.crl", lambda leaf: unknown(indirect(leaf, OTHER))),
}


@pytest.mark.parametrize("case", CHECKED)
def test_what_is_of_another_maker_is_left_out(tmp_path: Path, case: str) -> None:
    leaf = Pki().code_chain(depth=2, leaf={"crl_urls": ["http://crl.example/leaf.crl"]})
    made = Scene()
    made.sign_with(leaf)
    made.crls = {"good.crl": crl(leaf.root, number=1)}
    here = made.write(tmp_path)
    name, make = CHECKED[case]
    (here.layout / name).write_bytes(make(leaf))
    assert run_here(here.arguments()).code == 0
