"""Evidence in a target that a fetch does not keep: it said COMPLETE where a verifier cannot decide."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from airgap import limits
from airgap.collection.coverage import Status
from airgap.oci.descriptor import DOCKER_MANIFEST, NOTARY_SIGNATURE, TITLE, Descriptor
from airgap.report.fetching import FetchReport
from airgap.report.style import PLAIN
from tests.support.command import run_here
from tests.support.crls import crl, entry, pem, scope
from tests.support.evidence import evidence_artifact
from tests.support.fetching import site
from tests.support.layouts import LayoutBuilder
from tests.support.names import harbour
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Issued, Pki, issue
from tests.support.registry import LoopbackRegistry
from tests.support.scenario import Scene

LEAF = Pki().code_chain(depth=2, leaf={"crl_urls": ["http://crl.example/leaf.crl"]})
OTHER = issue("root", key="p384", subject=harbour("Another CA"))
_OF_ANOTHER = [entry(LEAF.serial, reason="keyCompromise", certificate_issuer=LEAF.root.subject)]
INDIRECT = crl(OTHER, scope=scope(indirect=True), revoked=_OF_ANOTHER)
REVOKING = crl(LEAF.root, number=2, revoked=[entry(LEAF.serial, reason="keyCompromise")])


def beside(piece: bytes, *stores: Issued) -> Scene:
    """A signed image with a clean CRL in the trust directory, and `piece` in its layout."""

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.list(builder.add_manifest(evidence_artifact(builder, target, piece)))

    scene = Scene(packing=[pack])
    scene.sign_with(LEAF)
    scene.stores = {**scene.stores, **{f"ca:other{number}": [root] for number, root in enumerate(stores)}}
    scene.crls = {"good.crl": crl(LEAF.root, this_update=AT - timedelta(days=9))}
    return scene


def check(folder: Path, scene: Scene, reason: str | None) -> None:
    with site(folder) as here:
        here.scene, here.written = scene, scene.write(folder)
        ran = here.verify()
        assert ran.reasons == ({reason} if reason else set()), ran
        outcome = here.fetch(download=False)
    assert outcome.complete is (reason is None)
    found = next(item for item in outcome.certificates if item.fingerprint == LEAF.fingerprint)
    assert (found.status, found.reason) == ((Status.GAP, reason) if reason else (Status.COVERED, None))


@pytest.mark.parametrize("piece", [INDIRECT, crl(OTHER, revoked=_OF_ANOTHER)], ids=["indirect", "by its entry alone"])
def test_uses_an_indirect_crl_of_a_ca_in_a_store(tmp_path: Path, piece: bytes) -> None:
    check(tmp_path, beside(piece, OTHER), "revocation.crl.issuer")


def test_ignores_an_indirect_crl_of_an_unknown_ca(tmp_path: Path) -> None:
    check(tmp_path, beside(INDIRECT), None)


def test_takes_an_indirect_crl_along_that_only_the_receiving_site_may_prove(tmp_path: Path) -> None:
    """The command that a copy names to take it along said that it is about no certificate, and dropped it."""
    far = beside(crl(OTHER), OTHER)
    far.builder.extra_files["crls/i.crl"] = INDIRECT
    written = far.write(tmp_path)
    copied = f"{tmp_path / 'copied'}:v1"
    arguments = [copied if text == written.target else text for text in written.arguments()]
    assert run_here(written.arguments()).code == 15
    assert run_here(["copy", f"{written.layout}:v1", str(tmp_path / "copied")]).code == 0
    assert run_here(arguments).code == 0
    fetch = ["trust", "fetch", "--no-download", "--into", str(tmp_path / "copied"), str(written.layout)]
    ran = run_here(fetch)
    assert "it is not known whether that may [revocation.crl.issuer]" in ran.out, ran
    assert run_here(arguments).code == 15
    before = (tmp_path / "copied/index.json").read_bytes()
    run_here(fetch)
    assert (tmp_path / "copied/index.json").read_bytes() == before


@pytest.mark.parametrize("reason", ["keyCompromise", "certificateHold"])
@pytest.mark.parametrize(
    ("name", "form", "open_by"),
    [
        ("d.p7b", lambda item: pkcs7.serialize_certificates([item], Encoding.DER), "evidence.unread"),
        ("d.pem", lambda item: pkcs7.serialize_certificates([item], Encoding.PEM), "evidence.unread"),
        ("d.b64", lambda item: base64.b64encode(item.public_bytes(Encoding.DER)), "evidence.unread"),
        ("d.txt", lambda _: b"", None),
    ],
)
def test_fetch_is_incomplete_where_the_certificate_of_a_responder_is_in_a_form_that_is_not_read(
    tmp_path: Path, name: str, form: Callable[[x509.Certificate], bytes], open_by: str | None, reason: str
) -> None:
    """It kept files with certificates that prove something, and not those that may."""
    delegate = issue("ocsp", issuer=LEAF.root)
    scene = beside(crl(OTHER))
    scene.builder.extra_files |= {
        "x.ors": ocsp_response(LEAF, responder=delegate, embed=(), status="revoked", reason=reason),
        name: form(x509.load_der_x509_certificate(delegate.der)),
    }
    check(tmp_path, scene, open_by)


@pytest.mark.parametrize("bound", ["CRL_BYTES", "CRL_FILE_BYTES"])
def test_fetch_is_incomplete_with_evidence_over_the_bound(
    tmp_path: Path, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = beside(REVOKING)
    monkeypatch.setattr(limits, bound, len(REVOKING) - 1)
    check(tmp_path, scene, "evidence.unread")


@pytest.mark.parametrize(
    ("title", "kind", "piece"),
    [("crl.pem", "application/x.other", pem(REVOKING)), ("list.bin", "application/vnd.example.crl", REVOKING)],
)
def test_takes_from_a_registry_what_others_attached_by_names_of_theirs(
    tmp_path: Path, title: str, kind: str, piece: bytes
) -> None:
    """As from a layout. It was not downloaded, and no word was said of it."""

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        manifest = evidence_artifact(builder, target, piece)
        layer = {**manifest["layers"][0], "mediaType": "application/octet-stream", "annotations": {TITLE: title}}
        builder.list(builder.add_manifest({**manifest, "artifactType": kind, "layers": [layer]}, artifact_type=kind))

    scene = Scene(packing=[pack])
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": crl(LEAF.root)}
    with LoopbackRegistry() as registry, site(tmp_path) as here:
        here.scene, here.written = scene, scene.write(tmp_path)
        assert run_here(["copy", str(here.written.layout), f"{registry.host}/app"]).code == 0
        for number, target in enumerate((str(here.written.layout), f"{registry.host}/app:v1")):
            assert here.fetch(targets=[target], directory=tmp_path / str(number), download=False).is_revoked


@pytest.mark.parametrize("kept", [True, False])
def test_evidence_about_another_target_that_is_kept_nowhere_is_a_gap(tmp_path: Path, *, kept: bool) -> None:
    """It was COMPLETE, and what had come about the other target was gone."""
    other = Scene()
    other.sign_with(Pki().code_chain(depth=2, leaf={"crl_urls": ["http://crl.example/2.crl"], "serial": 77}))
    far = other.write(tmp_path / "other")
    offered = tmp_path / "both.crl"
    offered.write_bytes(crl(LEAF.root))
    with site(tmp_path / "site") as here:
        here.scene = beside(crl(LEAF.root, number=1))
        here.written = here.scene.write(tmp_path / "site")
        where = {"directory": here.trust} if kept else {"directory": None}
        outcome = here.fetch(
            targets=[str(far.layout)], into=str(here.written.layout), offered=[offered], download=False, **where
        )
    statuses = {item.serial: (item.status, item.reason) for item in outcome.certificates}
    assert statuses[format(LEAF.serial, "x")] == (Status.COVERED, None)
    assert statuses["4d"] == ((Status.COVERED, None) if kept else (Status.GAP, "fetch.unkept"))
    assert outcome.complete is kept
    lines = list(FetchReport(outcome).lines(PLAIN))
    assert any("Name a trust directory to keep it in (--trust)" in line for line in lines) is not kept


def fetch_from_registry(folder: Path, scene: Scene, tag: str | None = None, tagged: Descriptor | None = None) -> str:
    """The first word of a fetch for the image in a registry, where another tag names something else."""
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": crl(LEAF.root, number=1)}
    trust = scene.write(folder).trust
    with LoopbackRegistry() as registry:
        for data in scene.builder.blobs.values():
            registry.put_blob("app", data)
            if data.startswith(b"{") and "schemaVersion" in json.loads(data):
                registry.put_manifest("app", data)
        registry.repositories["app"].tags["v1"] = str(scene.target.digest)
        if tag and tagged:
            registry.repositories["app"].tags[tag] = str(tagged.digest)
        name = f"{registry.host}/app:v1"
        ran = run_here(["trust", "fetch", name, "--plain-http", "--trust", str(trust), "--no-download"])
    return ran.out.split()[0]


def test_reads_the_cosign_tags_of_a_registry(tmp_path: Path) -> None:
    """A copy with --trust refused what a fetch for it called complete."""
    scene = Scene()
    attached = scene.builder.add_image(scene.builder.add_blob(REVOKING, "application/pkix-crl"), config=b"{}")
    tag = f"sha256-{scene.target.digest.encoded}.att"
    assert fetch_from_registry(tmp_path, scene, tag, attached) == "REVOKED"


LIES: list[dict[str, Any]] = [{"size": 7}, {"data": b"x"}, {"media_type": DOCKER_MANIFEST}, {"media_type": "a/b"}]


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("number", range(3))
def test_a_wrong_descriptor_in_a_registry_hides_no_right_one(tmp_path: Path, lie: dict[str, Any], number: int) -> None:
    """The first of two descriptors was read, and which one that is depended on the digest of another referrer."""

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        signed = next(item for item in builder.entries if item.get("artifactType") == NOTARY_SIGNATURE)
        evidence = builder.add_manifest(evidence_artifact(builder, Descriptor.from_json(signed), REVOKING))
        listing: dict[str, Any] = {
            "subject": target.bare.to_json(),
            "artifactType": "a/b",
            "annotations": {"number": str(number)},
        }
        builder.list(builder.add_index(replace(evidence, **lie), **listing))

    assert fetch_from_registry(tmp_path, Scene(packing=[pack])) == "REVOKED"
