"""Every available certificate shows whose keys are revoked: also one that only the envelope of another signature holds.

Only those in files of evidence, in responses and in the timestamp tokens of the same artifact were asked about.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airgap import limits
from airgap.oci.descriptor import Descriptor
from airgap.parse.time import iso
from tests.support import names
from tests.support.clock import set_clock
from tests.support.command import Ran, run_here
from tests.support.crls import crl, entry
from tests.support.layouts import LayoutBuilder
from tests.support.pki import AT, Issued, issue
from tests.support.registry import LoopbackRegistry
from tests.support.scenario import Scene, Signature, Written, add_image
from tests.support.trust import REPOSITORY
from tests.support.tsa import token

URL = "http://crl.example/{}.crl"
ROOT = issue("root", slot=0)
ISSUER = issue("intermediate", issuer=ROOT, subject=names.harbour("Issuing"), slot=1, crl_urls=[URL.format("ca")])
LEAF = issue("leaf", issuer=ISSUER, crl_urls=[URL.format("leaf")])
OTHER_CA = issue("intermediate", issuer=ROOT, subject=names.harbour("Other"), slot=4)
TWIN = issue("leaf", issuer=OTHER_CA, key=LEAF.key, subject=names.harbour("Twin"))
RENEWED = issue("intermediate", issuer=ROOT, subject=ISSUER.subject, slot=6)
OF_RENEWED = issue("leaf", issuer=RENEWED, subject=names.harbour("Colleague"), slot=7)
CASES: dict[str, tuple[Issued, bytes]] = {
    "another certificate of the key": (TWIN, crl(OTHER_CA, revoked=[entry(TWIN.serial, reason="keyCompromise")])),
    "another key of the CA": (OF_RENEWED, crl(RENEWED, number=9, revoked=[entry(LEAF.serial, reason="keyCompromise")])),
}
PAST = AT - timedelta(hours=1)
"""The end of the other signature: it accepts nothing."""
Place = Callable[[Scene, Issued], None]


def _of_the_artifact(scene: Scene, other: Issued, form: str = "jws") -> None:
    scene.signatures.append(Signature(form, other, expiry=PAST))


def _of_another_artifact(scene: Scene, other: Issued, **spoilt: Any) -> None:
    def pack(builder: LayoutBuilder, _: Descriptor) -> None:
        image = add_image(builder, "s390x")
        builder.tag(image, "v2")
        Signature("jws", other, expiry=PAST, options=spoilt).attach(builder, image)

    scene.packing.append(pack)


def _of_another_token(scene: Scene, other: Issued) -> None:
    def pack(builder: LayoutBuilder, _: Descriptor) -> None:
        image = add_image(builder, "s390x")
        builder.tag(image, "v2")
        stamped = Signature("cose", LEAF)
        stamped.token = lambda value: token(issue("tsa", issuer=issue("root", slot=5)), value, embed=list(other.chain))
        stamped.attach(builder, image)

    scene.packing.append(pack)


def _unreadable(scene: Scene, other: Issued) -> None:
    """What is wrong with an envelope says nothing of the certificates in it."""
    _of_another_artifact(scene, other, protected={"alg": "none"})


PLACES: dict[str, Place] = {
    "a signature of the artifact": _of_the_artifact,
    "a COSE signature of the artifact": lambda scene, other: _of_the_artifact(scene, other, "cose"),
    "a signature of another artifact": _of_another_artifact,
    "the token of another artifact's signature": _of_another_token,
    "a signature that cannot be read": _unreadable,
}


def _written(folder: Path, place: Place, other: Issued, revoking: bytes, *, name: str = "v1") -> Written:
    scene = Scene()
    scene.builder.tag(scene.target, name)
    scene.sign_with(LEAF)
    scene.crls = {"leaf.crl": crl(ISSUER), "ca.crl": crl(ROOT)}
    if revoking:
        scene.crls["other.crl"] = revoking
    place(scene, other)
    return scene.write(folder)


def _each(case: str, place: str, folder: Path) -> Written:
    other, revoking = CASES[case]
    return _written(folder, PLACES[place], other, revoking)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("case", CASES)
def test_verify_of_a_name_and_of_the_whole_finds_it(tmp_path: Path, case: str, place: str) -> None:
    here = _each(case, place, tmp_path)
    assert run_here(here.arguments()).code == 14
    whole = ["verify", f"oci:{here.layout}", "--trust", str(here.trust), "--at", iso(AT), "--scope", here.scope or ""]
    ran = run_here([*whole, "--format", "json"])
    assert "revocation.revoked" in ran.out


@pytest.mark.parametrize("place", PLACES)
def test_it_says_nothing_while_it_is_not_revoked(tmp_path: Path, place: str) -> None:
    here = _written(tmp_path, PLACES[place], TWIN, b"")
    assert run_here(here.arguments()).code == 0


def test_what_no_authority_of_the_chain_proves_says_nothing(tmp_path: Path) -> None:
    """A key is public: who carries a layout can certify it, and revoke that certificate."""
    stranger = issue("root", subject=names.harbour("Stranger"), slot=7)
    forged = issue("leaf", issuer=stranger, key=LEAF.key, subject=names.harbour("Twin"))
    revoking = crl(stranger, revoked=[entry(forged.serial, reason="keyCompromise")])
    here = _written(tmp_path, _of_another_artifact, forged, revoking)
    assert run_here(here.arguments()).code == 0


@pytest.mark.parametrize("place", ["a signature of the artifact", "a signature of another artifact"])
@pytest.mark.parametrize("case", CASES)
def test_recheck_finds_it_in_the_layout(tmp_path: Path, case: str, place: str) -> None:
    other, revoking = CASES[case]
    here = _written(tmp_path, PLACES[place], other, b"")
    report = tmp_path / "report.json"
    assert run_here(here.arguments("--report", str(report))).code == 0
    (here.trust / "crls" / "other.crl").write_bytes(revoking)
    assert run_here(["recheck", str(report), "--trust", str(here.trust), "--at", iso(AT)]).code == 14


@pytest.mark.parametrize("case", CASES)
def test_recheck_finds_it_in_the_reports_where_the_layout_is_gone(tmp_path: Path, case: str) -> None:
    other, revoking = CASES[case]
    here = _written(tmp_path, _of_the_artifact, other, b"")
    report = tmp_path / "report.json"
    assert run_here(here.arguments("--report", str(report))).code == 0
    shutil.rmtree(here.layout)
    (here.trust / "crls" / "other.crl").write_bytes(revoking)
    assert run_here(["recheck", str(report), "--trust", str(here.trust), "--at", iso(AT)]).code == 14


def test_a_certificate_in_another_layout_of_the_run_counts(tmp_path: Path) -> None:
    other, revoking = CASES["another certificate of the key"]
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    here = _written(tmp_path / "one", lambda scene, _: None, other, revoking)
    beside = _written(tmp_path / "two", _of_the_artifact, other, b"")
    arguments = here.arguments()
    assert run_here(arguments).code == 0
    for targets in ([here.target, beside.target], [beside.target, here.target]):
        assert run_here(["verify", *targets, *arguments[2:]]).code == 14


def _copied(here: Written, *more: str) -> Ran:
    options = ["--trust", str(here.trust), "--scope", here.scope or ""]
    return run_here(["copy", here.target, f"oci:{here.layout.with_name('copy')}", *options, *more])


@pytest.mark.parametrize("place", ["a signature of the artifact", "a signature of another artifact"])
@pytest.mark.parametrize("case", CASES)
def test_copy_refuses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, place: str) -> None:
    set_clock(monkeypatch, AT)
    assert _copied(_each(case, place, tmp_path)).code == 14


@pytest.mark.parametrize("place", ["a signature of the artifact", "a signature of another artifact"])
@pytest.mark.parametrize("case", CASES)
def test_a_fetch_says_that_it_is_revoked(tmp_path: Path, case: str, place: str) -> None:
    here = _each(case, place, tmp_path)
    ran = run_here(["trust", "fetch", here.target, "--trust", str(here.trust), "--no-download"])
    assert "REVOKED" in ran.out


@pytest.mark.parametrize("place", ["a signature of the artifact", "a signature of another artifact"])
def test_import_refuses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    set_clock(monkeypatch, AT)
    other, revoking = CASES["another certificate of the key"]
    here = _written(tmp_path, PLACES[place], other, revoking, name=f"{REPOSITORY}:v1")
    with LoopbackRegistry() as registry:
        ran = run_here(["import", here.target, f"{registry.host}/far", "--trust", str(here.trust)])
        assert (ran.code, registry.requests("PUT")) == (14, [])


@pytest.mark.parametrize("place", ["a signature of the artifact", "a signature of another artifact"])
def test_more_certificates_than_are_looked_at_leave_the_answer_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    here = _written(tmp_path, PLACES[place], OF_RENEWED, b"")
    assert run_here(here.arguments()).code == 0
    monkeypatch.setattr(limits, "SIGNER_CERTIFICATES", 4)
    ran = run_here(here.arguments())
    assert (ran.code, "more certificates of signers are here" in ran.out) == (15, True)
