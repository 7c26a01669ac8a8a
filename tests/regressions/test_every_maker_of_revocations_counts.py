"""Every maker that may revoke a certificate by RFC 5280 counts, wherever the certificate that proves it is.

Only certificates of CAs that are in the chain or in the trust directory proved who made evidence: not those of signers
of CRLs alone, not those in a target that the chain proves, and not those of the CRL issuer that the certificate names.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from airgap.oci.digest import Digest
from airgap.parse.time import iso
from airgap.revocation.unsigned_evidence import UnsignedEvidence
from tests.regressions.test_keys_in_any_file_condemn import put
from tests.support import names
from tests.support.command import Ran, run_here
from tests.support.crls import crl, entry, scope
from tests.support.evidence import evidence_artifact
from tests.support.extensions import BasicConstraints, KeyUsage, Point
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Issued, issue
from tests.support.scenario import Scene, Written

OCSP = "http://ocsp.example/"
ROOT = issue("root", slot=0)
CA = issue("intermediate", issuer=ROOT, subject=names.harbour("Issuing"), slot=1)
RENEWED = issue("intermediate", issuer=ROOT, subject=CA.subject, slot=6)
STRANGER = issue("root", subject=names.harbour("Stranger"), slot=7)
NAMED = issue("intermediate", issuer=ROOT, subject=names.harbour("CRL Authority"), slot=6)
LEAF = issue("leaf", issuer=CA, ocsp_urls=[OCSP])
NAMING = issue("leaf", issuer=CA, ocsp_urls=[OCSP], points=[Point((), crl_issuer=NAMED.subject)])


def signer(issuer: Issued, usage: str = "cRLSign") -> Issued:
    """The certificate of a signer that is no CA and has the CA's name."""
    return issue(
        "leaf",
        issuer=issuer,
        subject=CA.subject,
        basic_constraints=BasicConstraints(ca=False),
        key_usage=KeyUsage((usage,)),
        extended_key_usage=None,
        slot=6,
    )


def against(maker: Issued, leaf: Issued = LEAF) -> bytes:
    return crl(maker, number=9, revoked=[entry(leaf.serial, reason="keyCompromise")])


def indirect(maker: Issued, leaf: Issued = NAMING, reason: str = "keyCompromise") -> bytes:
    listed = entry(leaf.serial, reason=reason, certificate_issuer=CA.subject)
    return crl(maker, revoked=[listed], scope=scope(indirect=True))


def written(folder: Path, leaf: Issued, *pieces: bytes) -> Written:
    """A layout that a good response clears, with other evidence in it."""
    scene = Scene()
    scene.sign_with(leaf)
    scene.crls = {"ca.crl": crl(ROOT)}
    scene.ocsp = {"good.ors": ocsp_response(leaf)}
    scene.packing = [
        lambda builder, target: builder.list(builder.add_manifest(evidence_artifact(builder, target, *pieces)))
    ]
    return scene.write(folder)


def verified(here: Written) -> tuple[Ran, Ran]:
    """The verdict, and that of its report when the layout is gone."""
    report = here.trust.parent / "report.json"
    ran = run_here(here.arguments("--report", str(report)))
    shutil.rmtree(here.layout)
    return ran, run_here(["recheck", str(report), "--trust", str(here.trust), "--at", iso(AT)])


MAKERS: dict[str, Callable[[], Issued]] = {
    "its signer of CRLs": lambda: signer(CA),
    "a signer of CRLs that the root made": lambda: signer(ROOT),
    "a signer that its other key made": lambda: signer(RENEWED),
    "its other key": lambda: RENEWED,
}


@pytest.mark.parametrize("place", ["target", "trust/crls", "trust", "trust/truststore/x509/ca/other"])
@pytest.mark.parametrize("case", MAKERS)
def test_each_key_that_may_sign_its_crls_condemns(tmp_path: Path, case: str, place: str) -> None:
    maker = MAKERS[case]()
    other = [RENEWED.pem] if maker.chain[1] is RENEWED else []
    here = written(tmp_path, LEAF, against(maker), *other, *([maker.pem] if place == "target" else []))
    if place != "target":
        put(here.trust.parent, f"{here.trust.name}{place.removeprefix('trust')}/maker.crt", maker.pem)
    ran, again = verified(here)
    assert (ran.code, again.code) == (14, 14)


FORGED: dict[str, Callable[[], list[Issued]]] = {
    "nothing": lambda: [RENEWED],
    "a root of this name": lambda: [issue("root", subject=CA.subject, slot=6)],
    "a signer of CRLs by a stranger": lambda: [signer(STRANGER), STRANGER],
    "a CA by a stranger": lambda: [issue("intermediate", issuer=STRANGER, subject=CA.subject, slot=6), STRANGER],
    "a signer of something else": lambda: [signer(CA, "digitalSignature")],
    "a CA by a signer": lambda: [
        issue("intermediate", issuer=signer(CA), issuer_name=CA.subject, subject=CA.subject, slot=7),
        signer(CA, "digitalSignature"),
    ],
}


@pytest.mark.parametrize("case", FORGED)
def test_a_certificate_of_a_target_that_the_chain_does_not_prove_is_no_proof(tmp_path: Path, case: str) -> None:
    maker, *others = FORGED[case]()
    held = [item.pem for item in (maker, *others)] if case != "nothing" else []
    ran, again = verified(written(tmp_path, LEAF, against(maker), *held))
    assert (ran.code, again.code, "not proven" in ran.out) == (0, 0, True)


@pytest.mark.parametrize("inside", [True, False])
def test_a_response_of_the_other_key_condemns_by_a_certificate_in_the_target(tmp_path: Path, inside: bool) -> None:
    delegate = issue("ocsp", issuer=RENEWED, slot=3)
    embed = [delegate, RENEWED] if inside else [delegate]
    said = ocsp_response(LEAF, issuer=CA, responder=delegate, embed=embed, status="revoked", reason="keyCompromise")
    ran, again = verified(written(tmp_path, LEAF, said, *([] if inside else [RENEWED.pem])))
    assert (ran.code, again.code) == (14, 14)


def test_a_key_of_a_target_is_proven_through_further_cas(tmp_path: Path) -> None:
    middle = issue("intermediate", issuer=ROOT, subject=names.harbour("Middle"), slot=4)
    maker = issue("intermediate", issuer=middle, subject=CA.subject, slot=6)
    ran, _ = verified(written(tmp_path, LEAF, against(maker), middle.pem, maker.pem))
    assert ran.code == 14


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        ([indirect(NAMED), NAMED.pem], 14),
        ([indirect(NAMED)], 15),
        ([indirect(NAMED, reason="removeFromCRL"), NAMED.pem], 0),
        ([indirect(NAMED, LEAF), NAMED.pem], 0),
        ([indirect(STRANGER), STRANGER.pem], 0),
        ([indirect(issue("root", subject=NAMED.subject, slot=5)), NAMED.pem], 0),
    ],
    ids=["proven", "its maker is not here", "removed", "another", "another maker", "forged"],
)
def test_the_crl_issuer_that_the_certificate_names_condemns(tmp_path: Path, pieces: list[bytes], code: int) -> None:
    ran, again = verified(written(tmp_path, NAMING, *pieces))
    assert (ran.code, again.code) == (code, code)


@pytest.mark.parametrize("place", ["crls/x.crt", "truststore/x509/tsa/other/x.crt"])
def test_the_operator_says_whose_the_name_of_a_crl_issuer_is(tmp_path: Path, place: str) -> None:
    here = written(tmp_path, NAMING, indirect(NAMED))
    put(here.trust, place, issue("root", subject=NAMED.subject, key=NAMED.key).pem)
    ran, _ = verified(here)
    assert ran.code == 14


def test_a_crl_issuer_that_is_named_and_came_unsigned_leaves_nothing_open(tmp_path: Path) -> None:
    here = written(tmp_path, NAMING)
    put(here.trust, "crls/x.crl", data := indirect(NAMED))
    assert run_here(here.arguments()).code == 15
    UnsignedEvidence({"crls/x.crl": Digest.of(data)}).write(here.trust)
    assert run_here(here.arguments()).code == 0


def fetched(here: Written, *options: str, **files: bytes) -> Ran:
    places: list[str] = []
    for name, data in files.items():
        (here.trust.parent / (file := name.replace("_", "."))).write_bytes(data)
        places += ["--from", str(here.trust.parent / file)]
    return run_here(["trust", "fetch", here.target, *places, "--no-download", *options])


@pytest.mark.parametrize("case", MAKERS)
def test_a_fetch_into_a_layout_brings_what_proves_a_revocation(tmp_path: Path, case: str) -> None:
    maker = MAKERS[case]()
    here = written(tmp_path, LEAF, RENEWED.pem)
    ran = fetched(here, "--into", str(here.layout), x_crl=against(maker), x_crt=maker.pem)
    assert "REVOKED" in ran.out
    assert run_here(here.arguments()).code == 14


def test_a_fetch_makes_no_maker_of_a_target_that_of_the_operator(tmp_path: Path) -> None:
    """The chain of any signature proves its responder, which could have the name of any CA, and be a CA, too."""
    ca = issue("intermediate", issuer=STRANGER, subject=names.harbour("Theirs"), slot=4)
    leaf = issue("leaf", issuer=ca, ocsp_urls=[OCSP])
    responder = issue("ocsp", issuer=ca, subject=CA.subject, basic_constraints=BasicConstraints(ca=True), slot=6)
    (tmp_path / "theirs").mkdir()
    theirs = written(tmp_path / "theirs", leaf)
    here = written(tmp_path, LEAF, against(responder))
    said = ocsp_response(leaf, responder=responder, embed=())
    fetched(theirs, "--trust", str(here.trust), x_ors=said, x_crt=responder.pem)
    assert run_here(here.arguments()).code == 0
