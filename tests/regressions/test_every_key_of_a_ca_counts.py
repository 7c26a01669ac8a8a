"""A CA that renewed its key: evidence of every key that the chain proves counts, also in a fetch."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from airgap.parse.time import iso
from tests.support import names
from tests.support.command import Ran, run_here
from tests.support.crls import crl, entry, scope
from tests.support.evidence import evidence_artifact
from tests.support.fetching import about, site
from tests.support.names import respelt
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Issued, Pki, issue
from tests.support.scenario import Scene, Written

DAY = timedelta(days=1)


def renewed(crl_url: str) -> tuple[Issued, Issued, Issued]:
    """The CA's new key, its certificate with the former key, which the new one signed, and a leaf of the former."""
    new = issue("root", slot=1)
    former = issue("intermediate", issuer=new, slot=2, subject=new.subject)
    return new, former, issue("leaf", issuer=former, crl_urls=[crl_url])


def written(folder: Path) -> tuple[Written, Issued, Issued]:
    new, former, leaf = renewed("http://crl.example/leaf.crl")
    scene = Scene()
    scene.sign_with(leaf)
    scene.crls = {"good.crl": crl(former, number=1)}
    return scene.write(folder), new, leaf


def offer(here: Written, data: bytes, name: str) -> Ran:
    file = here.trust.parent / name
    file.write_bytes(data)
    arguments = ["trust", "fetch", here.target, "--trust", str(here.trust), "--from", str(file), "--no-download"]
    return run_here([*arguments, "--format", "json"])


def test_keeps_an_offered_revoking_crl_of_another_key_of_the_ca(tmp_path: Path) -> None:
    """It was refused, and verify went on passing."""
    here, new, leaf = written(tmp_path)
    assert run_here(here.arguments()).code == 0
    ran = offer(here, crl(new, number=9, revoked=[leaf]), "new.crl")
    assert ran.document["certificates"][0]["status"] == "revoked"
    assert run_here(here.arguments()).code == 14


def test_a_crl_of_another_key_of_the_ca_is_downloaded_and_attached(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        new, former, leaf = renewed(here.web.url("/leaf.crl"))
        here.scene = Scene(at=AT)
        here.scene.sign_with(leaf)
        here.written = here.scene.write(tmp_path)
        here.web.put("/leaf.crl", here.crl(new, revoked=[leaf]))
        assert about(here.fetch(), "builder").status == "revoked"
        here.fetch(into=str(here.written.layout), directory=None)
        for file in (here.trust / "crls").iterdir():
            file.unlink()
        (here.trust / "crls/good.crl").write_bytes(here.crl(former))
        assert here.verify().code == 14


@pytest.mark.parametrize("trusted", [True, False])
def test_an_ocsp_response_of_the_other_key_condemns(tmp_path: Path, trusted: bool) -> None:
    here, new, leaf = written(tmp_path)
    revoked = ocsp_response(leaf, responder=new, status="revoked")
    if trusted:
        (here.trust / "ocsp").mkdir()
        (here.trust / "ocsp/new.ors").write_bytes(revoked)
    else:
        offer(here, revoked, "new.ors")
    assert run_here(here.arguments()).code == 14


@pytest.mark.parametrize("status", ["good", "revoked"])
def test_fetch_continues_after_a_response_that_names_another_issuer_key(tmp_path: Path, status: str) -> None:
    """It was an unexpected ValueError: any responder could stop a fetch.

    Nor is it damaged, for the CA's own certificate with the former key, which the new key signed under the same name.
    """
    here, _, leaf = written(tmp_path)
    data = ocsp_response(leaf, status=status, key_hash=b"\1" * 20)
    ran = offer(here, data, "other.ors")
    (offered,) = ran.document["offered"]
    assert (offered["outcome"], offered["reason"]) == ("refused", "revocation.ocsp.missing")
    assert run_here(here.arguments()).code == (15 if status == "revoked" else 0)


def test_a_response_of_another_key_in_another_spelling_leaves_the_answer_open(tmp_path: Path) -> None:
    """A CA that renewed its key writes its name in another string type since: the answer matched no certificate."""
    new = issue("root", slot=1)
    former = issue("intermediate", issuer=new, slot=2, subject=respelt(new.subject))
    leaf = issue("leaf", issuer=former, crl_urls=["http://crl.example/leaf.crl"])
    scene = Scene()
    scene.sign_with(leaf)
    scene.crls = {"good.crl": crl(former, number=1)}
    here = scene.write(tmp_path)
    ran = offer(here, ocsp_response(leaf, issuer=new, responder=new, status="revoked"), "new.ors")
    (offered,) = ran.document["offered"]
    assert (offered["outcome"], offered["reason"]) == ("refused", "revocation.ocsp.missing")
    assert run_here(here.arguments()).code == 15


def test_keeps_a_crl_of_another_key_of_the_ca_that_revokes_a_responder(tmp_path: Path) -> None:
    """The key that issued the responder's certificate was the only one that was accepted for it."""
    with site(tmp_path) as here:
        new = issue("root", slot=1)
        former = issue("intermediate", issuer=new, slot=2, subject=new.subject)
        leaf = issue("leaf", issuer=former, ocsp_urls=[here.web.url("/ocsp")])
        responder = issue("ocsp", issuer=former, extensions=(), crl_urls=[here.web.url("/responder.crl")])
        here.scene = Scene(at=AT)
        here.scene.sign_with(leaf)
        here.written = here.scene.write(tmp_path)
        good = ocsp_response(leaf, responder=responder, this_update=AT - DAY, next_update=AT + 3 * DAY)
        here.web.ocsp("/ocsp", lambda _: good)
        here.web.put("/responder.crl", here.crl(new, revoked=[responder]))
        assert about(here.fetch(), "Test ocsp").status == "revoked"
        assert here.verify().code == 15


STORED: dict[str, Callable[[Issued, Issued], bytes]] = {
    "a CRL": lambda new, leaf: crl(new, number=9, revoked=[leaf]),
    "a response": lambda new, leaf: ocsp_response(leaf, responder=new, embed=(), status="revoked"),
    "a delegate's response": lambda new, leaf: ocsp_response(
        leaf, responder=issue("ocsp", issuer=new, extensions=()), status="revoked"
    ),
}


@pytest.mark.parametrize("store", ["ca:harbour", "ca:elsewhere", "tsa:elsewhere"])
@pytest.mark.parametrize("place", ["target", "trust", "fetch"])
@pytest.mark.parametrize("kind", STORED)
def test_a_key_that_only_a_trust_store_knows_condemns(tmp_path: Path, kind: str, place: str, store: str) -> None:
    """It was not used where it was in the target, so that the image passed."""
    former = issue("root", slot=2)
    new = issue("root", slot=1, subject=former.subject)
    leaf = issue("leaf", issuer=former, crl_urls=["http://crl.example/leaf.crl"])
    data = STORED[kind](new, leaf)
    scene = Scene()
    scene.sign_with(leaf)
    scene.stores = {**scene.stores, store: [former, new]}
    scene.crls = {"good.crl": crl(former, number=1)}
    if place == "target":
        scene.packing = [
            lambda builder, target: builder.list(builder.add_manifest(evidence_artifact(builder, target, data)))
        ]
    elif place == "trust":
        scene.crls["new.crl"] = data
    here = scene.write(tmp_path)
    report = tmp_path / "report.json"
    if place == "fetch":
        offer(here, data, "new.crl" if kind == "a CRL" else "new.ors")
    assert run_here(here.arguments("--report", str(report))).code == 14
    if place == "target":
        shutil.rmtree(here.layout)
        recheck = ["recheck", str(report), "--trust", str(here.trust), "--at", iso(AT)]
        assert run_here(recheck).code == 14


def test_a_key_that_only_a_trust_store_knows_does_not_clear(tmp_path: Path) -> None:
    former = issue("root", slot=2)
    new = issue("root", slot=1, subject=former.subject)
    scene = Scene()
    scene.sign_with(issue("leaf", issuer=former, crl_urls=["http://crl.example/leaf.crl"]))
    scene.stores = {"ca:harbour": [former, new]}
    scene.crls = {"new.crl": crl(new, number=1)}
    assert run_here(scene.write(tmp_path).arguments()).code == 15


@pytest.mark.parametrize("flagged", [True, False])
@pytest.mark.parametrize(
    ("place", "known", "reason", "code"),
    [
        ("target", True, "keyCompromise", 15),
        ("trust", True, "keyCompromise", 15),
        ("trust", False, "keyCompromise", 15),
        ("misplaced", False, "keyCompromise", 15),
        ("target", False, "keyCompromise", 0),
        ("target", True, "removeFromCRL", 0),
        ("target", True, None, 0),
    ],
)
def test_an_indirect_crl_of_another_ca_is_used(
    tmp_path: Path, place: str, known: bool, reason: str | None, code: int, flagged: bool
) -> None:
    """It was looked for under the certificate's issuer alone. `reason` None: it lists another certificate.

    Not `flagged`: only its entry says that it is indirect. It was passed over without a message.
    """
    other = issue("root", slot=4, subject=names.harbour("Authority for CRLs"))
    leaf = Pki().code_chain(depth=2, leaf={"crl_urls": ["http://crl.example/leaf.crl"]})
    listed = entry(leaf.serial if reason else 7, reason=reason, certificate_issuer=leaf.root.subject)
    data = crl(other, revoked=[listed], scope=scope(indirect=True) if flagged else None)
    scene = Scene()
    scene.sign_with(leaf)
    scene.stores = {**scene.stores, **({"tsa:other": [other]} if known else {})}
    scene.crls = {"good.crl": crl(leaf.root)}
    if place == "target":
        scene.packing = [
            lambda builder, target: builder.list(builder.add_manifest(evidence_artifact(builder, target, data)))
        ]
    elif place == "trust":
        scene.crls["indirect.crl"] = data
    here = scene.write(tmp_path)
    if place == "misplaced":
        (here.trust / "lists").mkdir()
        (here.trust / "lists/indirect").write_bytes(data)
    report = tmp_path / "report.json"
    assert run_here(here.arguments("--report", str(report))).code == code
    if place == "target":
        shutil.rmtree(here.layout)
        recheck = ["recheck", str(report), "--trust", str(here.trust), "--at", iso(AT)]
        assert run_here(recheck).code == code


@pytest.mark.parametrize("named", [False, True])
def test_reports_an_unreadable_store_that_may_hold_another_key(tmp_path: Path, named: bool) -> None:
    """The store with the CA's new key was damaged, and what that key revokes passed without a message."""
    here, _, _ = written(tmp_path)
    other = here.trust / "truststore/x509/ca" / ("harbour" if named else "renewed")
    other.mkdir(exist_ok=True)
    (other / "new.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    ran = run_here(here.arguments())
    told = [item["message"] for item in ran.document["warnings"] if "can prove who made evidence" in item["message"]]
    assert (ran.code, len(told)) == ((18, 0) if named else (0, 1)), ran
    assert all("ca:renewed" in message for message in told)
