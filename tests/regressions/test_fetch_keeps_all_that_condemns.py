"""Fetch threw genuine evidence away, was COMPLETE, and verify passed by what was left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airgap import limits
from airgap.oci.descriptor import Descriptor
from airgap.parse.time import iso
from airgap.revocation.artifact import EVIDENCE_TYPE
from tests.support.command import run_here
from tests.support.crls import crl, entry, scope
from tests.support.evidence import evidence_artifact
from tests.support.extensions import Point
from tests.support.fetching import DAY, about, site
from tests.support.layouts import LayoutBuilder
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, END, Issued, Pki, issue
from tests.support.scenario import Scene
from tests.support.trust import REPOSITORY

OCSP = "http://ocsp.example/"


@pytest.mark.parametrize("holder", ["good", "older", "another certificate"])
def test_a_response_is_proven_by_one_that_came_later(tmp_path: Path, holder: str) -> None:
    """The certificate of its responder was in the answer of the next place: RFC 6960 (4.2.1) demands it in none."""
    with site(tmp_path) as here:
        leaf = here.sign(ocsp_urls=[here.web.url(path) for path in ("/first", "/second", "/third")])
        here.serve()
        delegate, other = issue("ocsp", issuer=here.ca), issue("leaf", issuer=here.ca)
        bare = ocsp_response(leaf, responder=delegate, embed=[], status="revoked")
        holding = {
            "good": ocsp_response(leaf, responder=delegate),
            "older": ocsp_response(leaf, responder=delegate, this_update=AT - 9 * DAY),
            "another certificate": ocsp_response(other, responder=delegate),
        }
        here.web.ocsp("/first", lambda _: bare)
        here.web.ocsp("/second", lambda _: holding[holder])
        here.web.ocsp("/third", lambda _: ocsp_response(leaf))
        outcome = here.fetch()
        assert outcome.is_revoked
        assert about(outcome, "builder").attempts[0].file
        assert here.verify().code == 14


def test_an_offered_response_is_proven_by_one_that_is_downloaded(tmp_path: Path) -> None:
    with site(tmp_path / "site") as here:
        leaf = here.sign(ocsp_urls=[here.web.url("/ocsp")])
        here.serve()
        delegate = issue("ocsp", issuer=here.ca)
        here.web.ocsp("/ocsp", lambda _: ocsp_response(leaf, responder=delegate))
        offered = tmp_path / "bare.ors"
        offered.write_bytes(ocsp_response(leaf, responder=delegate, embed=[], status="revoked"))
        outcome = here.fetch(offered=[offered])
        assert outcome.is_revoked
        assert outcome.offered[0].file
        assert here.verify().code == 14


def _delegated(**delegate: Any) -> tuple[Scene, bytes, bytes]:
    """A scene, the good answer of a delegate, and the statement of the CA that the delegate is revoked."""
    chain = Pki().code_chain(depth=2, leaf={"ocsp_urls": [OCSP]})
    made = Scene()
    made.sign_with(chain)
    responder: Issued = issue("ocsp", issuer=chain.root, **delegate)
    good = ocsp_response(chain, responder=responder, next_update=END)
    return made, good, ocsp_response(responder, status="revoked", next_update=END)


@pytest.mark.parametrize("delegate", [{}, {"extensions": ()}], ids=["nocheck", "checked"])
@pytest.mark.parametrize("place", ["layout", "offered", "trust directory and offered"])
def test_what_is_against_a_responder_is_kept(tmp_path: Path, place: str, delegate: dict[str, Any]) -> None:
    """It was "about no certificate of the targets", and the answer of the revoked responder cleared."""
    made, good, against = _delegated(**delegate)
    pieces = {"good.ors": good, "against.ors": against}
    offered = tmp_path / "offered"
    offered.mkdir()
    options: list[str] = []
    if place == "layout":
        made.builder.extra_files |= pieces
    else:
        made.ocsp = {"good.ors": pieces.pop("good.ors")} if place != "offered" else None
        for name, data in pieces.items():
            (offered / name).write_bytes(data)
        options = ["--from", str(offered)]
    written = made.write(tmp_path)
    arguments = ["trust", "fetch", str(written.layout), "--trust", str(written.trust), "--no-download", *options]
    ran = run_here([*arguments, "--require-complete"])
    assert ran.code == 15, ran
    for name in pieces:
        (written.layout / name).unlink(missing_ok=True)
    assert run_here(written.arguments()).reasons == {"revocation.ocsp.responder"}


def test_what_is_against_a_responder_travels(tmp_path: Path) -> None:
    """Beside the image went the answer of the responder alone: here it was open, and the far side passed it."""
    made, good, against = _delegated()
    made.ocsp = {"good.ors": good, "against.ors": against}
    written = made.write(tmp_path / "here")
    layout = str(written.layout)
    assert run_here(written.arguments()).code == 15
    ran = run_here(["trust", "fetch", "--into", layout, "--no-download", "--trust", str(written.trust)])
    assert ran.code == 0, ran
    made.ocsp = None
    there = made.write_trust(tmp_path / "there")
    ran = run_here(["verify", written.target, "--trust", str(there), "--at", iso(AT), "--scope", REPOSITORY])
    assert ran.code == 15, ran


def test_an_answer_for_the_far_side_must_hold_by_what_is_known_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trust directory knew that the responder is revoked, and the evidence beside the image was COMPLETE."""
    made, good, against = _delegated()
    made.ocsp = {"against.ors": against}
    written = made.write(tmp_path)
    (tmp_path / "good.ors").write_bytes(good)
    monkeypatch.setenv("AIRGAP_TRUST", str(written.trust))
    options = ["--from", str(tmp_path / "good.ors"), "--no-download", "--require-complete"]
    ran = run_here(["trust", "fetch", "--into", str(written.layout), *options])
    assert (ran.code, ran.out.split()[0]) == (15, "INCOMPLETE"), ran


def _renewed(made: Scene, chain: Issued) -> bytes:
    """A CRL of another key of the CA, which only the far side has in a store."""
    renewed = issue("root", slot=4, subject=chain.root.subject)
    made.stores = {**made.stores, "ca:renewed": [renewed]}
    return crl(renewed, revoked=[chain], next_update=END)


def _indirect(made: Scene, chain: Issued) -> bytes:
    """A CRL of another CA, which only the far side has in a store."""
    other = issue("root", key="p384", subject="C=US,ST=WA,O=Other,CN=root")
    made.stores = {**made.stores, "ca:other": [other]}
    listed = entry(chain.serial, certificate_issuer=chain.root.subject)
    return crl(other, scope=scope(indirect=True), revoked=[listed], next_update=END)


def _bare(made: Scene, chain: Issued) -> bytes:
    """A response whose responder only the far side knows."""
    delegate, other = issue("ocsp", issuer=chain.root), issue("leaf", issuer=chain.root)
    made.ocsp = {"other.ors": ocsp_response(other, responder=delegate)}
    return ocsp_response(chain, responder=delegate, embed=[], status="revoked")


def _other_image(made: Scene, chain: Issued) -> bytes:
    """About an image of another layout, which is judged along with this one."""
    other = Pki().code_chain(depth=2, root={"slot": 4, "subject": "C=US,O=Other,CN=root"})
    made.stores = {**made.stores, "ca:renewed": [other.root]}
    made.sign_with(other)
    assert chain.root is not other.root
    return crl(other.root, revoked=[other], next_update=END)


@pytest.mark.parametrize(("further", "code"), [(_renewed, 14), (_indirect, 15), (_bare, 14), (_other_image, 14)])
def test_what_is_beside_an_image_and_not_proven_here_stays(
    tmp_path: Path, further: Callable[[Scene, Issued], bytes], code: int
) -> None:
    """Fetching into a layout replaced it: COMPLETE, and the far side, which had refused the image, passed it."""
    chain = Pki().code_chain(depth=2, leaf={"crl_urls": ["http://crl.example/leaf.crl"]})
    made, far = Scene(), Scene()
    for scene in (made, far):
        scene.sign_with(chain)
        scene.crls = {"good.crl": crl(chain.root, next_update=END)}
    piece = further(far, chain)

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.list(builder.add_manifest(evidence_artifact(builder, target, piece), artifact_type=EVIDENCE_TYPE))

    made.packing.append(pack)
    near, there = made.write(tmp_path / "near"), far.write(tmp_path / "far")
    arguments = ["verify", str(there.layout), str(near.layout), "--trust", str(there.trust), "--at", iso(AT)]
    assert run_here([*arguments, "--scope", REPOSITORY]).code == code
    fetch = ["trust", "fetch", "--into", str(near.layout), "--no-download", "--trust", str(near.trust)]
    assert run_here(fetch).out.startswith("COMPLETE")
    assert run_here([*arguments, "--scope", REPOSITORY]).code == code
    before = (near.layout / "index.json").read_bytes()
    assert run_here(fetch).out.startswith("COMPLETE")
    assert (near.layout / "index.json").read_bytes() == before


def test_what_is_about_an_image_of_another_layout_stays_though_newer_evidence_is_known(tmp_path: Path) -> None:
    """The newer CRL went beside no image of this layout, and the older one was taken away: 14 became a pass."""
    chain = Pki().code_chain(depth=2, leaf={"crl_urls": ["http://crl.example/leaf.crl"]})
    other = Pki().code_chain(depth=2, root={"slot": 4, "subject": "C=US,O=Other,CN=root"})
    older, newer = (
        crl(chain.root, number=number, this_update=AT - (9 - number) * DAY, next_update=END, revoked=[chain])
        for number in (1, 2)
    )
    good = crl(chain.root, number=0, this_update=AT - 20 * DAY, next_update=END)
    image, beside = Scene(crls={"good.crl": good}), Scene(crls={"newer.crl": newer, "own.crl": crl(other.root)})
    image.sign_with(chain)
    image.stores = {"ca:harbour": [chain.root, other.root]}
    beside.sign_with(other)
    beside.stores = {"ca:harbour": [chain.root, other.root]}
    beside.packing.append(lambda builder, target: builder.list(_attached(builder, target, older)))
    one, two = image.write(tmp_path / "one"), beside.write(tmp_path / "two")
    arguments = ["verify", str(one.layout), str(two.layout), "--trust", str(one.trust), "--at", iso(AT)]
    assert run_here([*arguments, "--scope", REPOSITORY]).code == 14
    fetch = ["trust", "fetch", "--into", str(two.layout), str(one.layout), "--no-download", "--trust", str(two.trust)]
    (written,) = run_here([*fetch, "--format", "json"]).document["evidence_artifacts"]
    assert (written["files"], written["changed"]) == (2, True)
    assert run_here([*arguments, "--scope", REPOSITORY]).code == 14


def _attached(builder: LayoutBuilder, target: Descriptor, *pieces: bytes) -> Descriptor:
    return builder.add_manifest(evidence_artifact(builder, target, *pieces), artifact_type=EVIDENCE_TYPE)


def test_evidence_that_is_more_than_is_read_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, good, against = _delegated()

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.list(
            builder.add_manifest(evidence_artifact(builder, target, good, against), artifact_type=EVIDENCE_TYPE)
        )

    made.packing.append(pack)
    written = made.write(tmp_path)
    monkeypatch.setattr(limits, "TARGET_EVIDENCE_FILES", 1)
    assert run_here(written.arguments()).code == 15
    options = ["--no-download", "--trust", str(written.trust), "--require-complete"]
    assert run_here(["trust", "fetch", "--into", str(written.layout), *options]).code == 15
    assert run_here(written.arguments()).code == 15


def test_evidence_that_cannot_be_read_stays_beside_an_image(tmp_path: Path) -> None:
    """It went with the artifact that held it, and the note that it was left out went with it."""
    made, good, against = _delegated()
    made.packing.append(lambda builder, target: builder.list(_attached(builder, target, good, against.hex().encode())))
    written = made.write(tmp_path)
    fetch = ["trust", "fetch", "--into", str(written.layout), "--no-download", "--trust", str(written.trust)]
    (note,) = [line for line in run_here(written.arguments()[:-2]).err.splitlines() if "left out" in line]
    assert run_here(fetch).code == 0
    assert note in run_here(written.arguments()[:-2]).err
    before = (written.layout / "index.json").read_bytes()
    assert run_here(fetch).code == 0
    assert (written.layout / "index.json").read_bytes() == before


@pytest.mark.parametrize("first", [True, False])
def test_the_signer_of_a_timestamp_token_needs_evidence(tmp_path: Path, *, first: bool) -> None:
    """Not whichever timestamping certificate is the first one in the token: that was COMPLETE."""
    made = Scene()
    made.sign_with(Pki().code_chain(depth=2))
    tsa = Pki().tsa_chain(depth=2, tsa={"crl_urls": ["http://crl.example/tsa.crl"]})
    former = issue("tsa", issuer=tsa.root, slot=3, subject="C=US,O=Harbour Works,CN=TSA 2024")
    made.timestamp(tsa, embed=[former, tsa, tsa.root] if first else [tsa, former, tsa.root])
    written = made.write(tmp_path)
    fetch = ["trust", "fetch", str(written.layout), "--no-download", "--trust", str(tmp_path / "outer")]
    ran = run_here([*fetch, "--require-complete", "--format", "json"])
    assert ran.code == 15
    assert [item["serial"] for item in ran.document["certificates"] if item["chain"] == "tsa"] == [f"{tsa.serial:x}"]


@pytest.mark.parametrize("place", ["target", "offered"])
def test_the_certificate_that_proves_a_kept_revocation_is_kept(tmp_path: Path, place: str) -> None:
    """In a file of its own it stayed behind: REVOKED, and the trust directory left the answer open (15)."""
    with site(tmp_path / "site") as here:
        leaf = here.sign(ocsp_urls=[OCSP])
        here.serve()
        delegate = issue("ocsp", issuer=here.ca)
        folder = tmp_path / "offered" if place == "offered" else here.written.layout
        folder.mkdir(exist_ok=True)
        (folder / "x.ors").write_bytes(ocsp_response(leaf, responder=delegate, embed=[], status="revoked"))
        (folder / "d.cer").write_bytes(delegate.der)
        for _ in range(2):
            assert here.fetch(download=False, offered=[folder] if place == "offered" else []).is_revoked
            assert len(list((here.trust / "ocsp").iterdir())) == 2
        (folder / "x.ors").unlink()
        (folder / "d.cer").unlink()
        assert here.verify().code == 14


@pytest.mark.parametrize("kind", ["crl", "ocsp"])
@pytest.mark.parametrize("newer", [True, False])
def test_a_newer_answer_that_is_not_proven_leaves_a_fetch_incomplete(tmp_path: Path, kind: str, *, newer: bool) -> None:
    """It may be of a new key of the CA. Where another place had an older answer, the fetch was COMPLETE."""
    with site(tmp_path) as here:
        urls = [here.web.url("/first"), here.web.url("/second")]
        leaf = here.sign(**({"points": [Point(tuple(urls))]} if kind == "crl" else {"ocsp_urls": urls}))
        here.serve()
        made = AT - DAY if newer else AT - 5 * DAY
        if kind == "crl":
            renewed = issue("root", slot=4, subject=here.ca.subject)
            here.web.put("/first", crl(renewed, this_update=made, revoked=[leaf] if newer else []))
            here.web.put("/second", here.crl(here.ca, this_update=AT - 3 * DAY))
        else:
            bare = ocsp_response(leaf, responder=issue("ocsp", issuer=here.ca), embed=[], this_update=made)
            here.web.ocsp("/first", lambda _: bare)
            here.web.ocsp("/second", lambda _: ocsp_response(leaf, this_update=AT - 3 * DAY))
        assert here.fetch().complete is not newer
