"""Right refusals with an untrue message or a useless remedy."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airgap.oci.descriptor import ORAS_ARTIFACT_MANIFEST, Descriptor, Platform
from tests.support import envelopes
from tests.support.command import Ran, run_here
from tests.support.crls import crl
from tests.support.layouts import LayoutBuilder
from tests.support.pki import AT, Pki, issue
from tests.support.scenario import SIGNING_CRL, Scene, bare
from tests.support.trust import oci_policy, statement


def verified(scene: Scene, folder: Path) -> Ran:
    """Text and document of the same run: the sentence of the one is in the other."""
    written = scene.write(folder)
    ran = run_here(written.arguments())
    text = run_here(written.arguments()[:-2])
    ran.check_sound()
    assert ran.code == text.code
    for artifact in ran.document["artifacts"]:
        if unsigned := artifact["unsigned"]:
            assert unsigned["message"] in text.out
            assert unsigned["remedy"] in text.out
        for signature in artifact["signatures"]:
            for finding in signature["findings"]:
                if finding["action"] == "enforce" and finding["verdict"] == "fail":
                    assert finding["message"] in text.out
                    assert finding["remedy"] in text.out
    return ran


def finding(ran: Ran, reason: str) -> dict[str, Any]:
    (found,) = [
        found
        for artifact in ran.document["artifacts"]
        for signature in artifact["signatures"]
        for found in signature["findings"]
        if found["reason"] == reason
    ]
    return dict(found)


@pytest.mark.parametrize("same_key", [True, False])
def test_names_a_reissued_root_beside_the_old_one(tmp_path: Path, same_key: bool) -> None:
    old = issue("root", subject="C=US,ST=WA,O=Acme")
    new = issue("root", subject="C=US,ST=WA,O=Acme", key=old.key if same_key else "p384")
    scene = Scene()
    scene.sign_with(issue("leaf", issuer=new))
    scene.stores = {"ca:harbour": [old]}
    found = finding(verified(scene, tmp_path), "authenticity.no_anchor")
    assert f"ca:harbour holds another certificate of this name: SHA-256 {old.fingerprint}" in found["message"]
    assert ("the same key" if same_key else "another key") in found["message"]
    assert "issued anew" in found["remedy"]


def test_names_an_unknown_root_alone(tmp_path: Path) -> None:
    scene = Scene()
    scene.stores = {"ca:harbour": [issue("root", slot=5, subject="C=US,ST=WA,O=Other")]}
    found = finding(verified(scene, tmp_path), "authenticity.no_anchor")
    assert "another certificate" not in found["message"]
    assert "add its root certificate" in found["remedy"]


def test_reports_an_unused_timestamp(tmp_path: Path) -> None:
    scene = Scene()
    scene.sign_with(Pki().code_chain(leaf={"not_after": AT - timedelta(days=1)}))
    scene.timestamp(gen_time=AT - timedelta(days=30))
    scene.policy = oci_policy(statement())
    found = finding(verified(scene, tmp_path), "time.certificate.expired")
    assert "carries a timestamp of 2026-05-02T12:00:00Z (as it claims), which is not used" in found["message"]
    assert "trustStores of the statement 'harbour'" in found["remedy"]


@pytest.mark.parametrize("token", [None, b"no token"])
def test_reports_an_expired_certificate_with_an_unreadable_timestamp(tmp_path: Path, token: bytes | None) -> None:
    scene = Scene()
    scene.sign_with(Pki().code_chain(leaf={"not_after": AT - timedelta(days=1)}))
    if token is not None:
        scene.signature.token = lambda _: token
    found = finding(verified(scene, tmp_path), "time.certificate.expired")
    if token is None:
        assert found["remedy"].startswith("Ask the publisher for a timestamped signature")
    else:
        assert "carries a timestamp (which cannot be read), which is not used" in found["message"]


@pytest.mark.parametrize("expired", [True, False])
def test_reports_a_required_timestamp_that_is_absent(tmp_path: Path, *, expired: bool) -> None:
    """TS-3: a tsa store in the statement refuses every signature without one."""
    scene = Scene()
    if expired:
        scene.sign_with(Pki().code_chain(leaf={"not_after": AT - timedelta(days=1)}))
    scene.timestamp()
    scene.signature.token = None
    found = finding(verified(scene, tmp_path), "timestamp.missing")
    assert ("afterCertExpiry" in found["remedy"]) is not expired


@pytest.mark.parametrize("verify", ["always", "afterCertExpiry"])
def test_a_missing_timestamp_is_reported_with_what_requires_it(tmp_path: Path, verify: str) -> None:
    """With afterCertExpiry nothing said why one was asked for at all."""
    scene = Scene()
    scene.sign_with(Pki().code_chain(leaf={"not_after": AT - timedelta(days=1)}))
    scene.timestamp(verify=verify)
    scene.signature.token = None
    found = finding(verified(scene, tmp_path), "timestamp.missing")
    assert "without which it cannot be accepted: certificate 1 of 3" in found["message"]


def test_names_the_store_with_the_root_of_an_unused_timestamp(tmp_path: Path) -> None:
    """The remedy was to make a store, although it was there and the statement did not name it."""
    scene = Scene()
    scene.sign_with(Pki().code_chain(leaf={"not_after": AT - timedelta(days=1)}))
    scene.timestamp(gen_time=AT - timedelta(days=9))
    scene.policy = oci_policy(statement())
    found = finding(verified(scene, tmp_path), "time.certificate.expired")
    assert "its root is in the trust store tsa:harbour, which the statement 'harbour' does not" in found["message"]
    assert found["remedy"].startswith("If tsa:harbour is to be trusted")


@pytest.mark.parametrize("form", ["jws", "cose"])
@pytest.mark.parametrize("level", ["strict", "permissive", "audit"])
def test_names_the_plugin_that_a_signature_needs(tmp_path: Path, form: str, level: str) -> None:
    """notation: AWS Signer's critical attributes."""
    name, job = "com.amazonaws.signer.notation.plugin", "com.amazonaws.signer.signingJob"
    scene = Scene(form=form, level=level)
    crit = [envelopes.SCHEME, envelopes.PLUGIN, job]
    label: Any = "crit" if form == "jws" else 2
    scene.signature.options = {"protected": {label: crit, envelopes.PLUGIN: name, job: "arn:1"}}
    ran = verified(scene, tmp_path)
    assert ran.code == 13
    assert ran.reasons == {"plugin.required"}
    found = finding(ran, "plugin.required")
    assert job in found["message"]
    assert f"--allow-plugin {name}" in found["remedy"]


def test_does_not_advise_to_replace_identities_of_a_plugin(tmp_path: Path) -> None:
    """A right policy of AWS Signer gave a warning each time, and the remedy was to trust the signer of the image."""
    name, arn = "com.amazonaws.signer.notation.plugin", "arn:aws:signer:us-east-2:111122223333:/signing-profiles/p"
    scene = Scene()
    scene.signature.options = {"protected": {"crit": [envelopes.SCHEME, envelopes.PLUGIN], envelopes.PLUGIN: name}}
    scene.policy = oci_policy(statement(trustedIdentities=[arn]))
    ran = verified(scene, tmp_path)
    assert ran.code == 13
    remedy = finding(ran, "identity.none")["remedy"]
    assert f"--allow-plugin {name}" in remedy
    assert "x509.subject" not in remedy
    assert not ran.document["warnings"]


PGP = "application/pgp-signature"


def _cosign(builder: LayoutBuilder, target: Descriptor, *, tagged: bool = True, bundle: bool = False) -> None:
    media_type = "application/vnd.dev.cosign.simplesigning.v1+json"
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": bare(builder.add_blob(b"{}", "application/vnd.oci.image.config.v1+json")),
        "layers": [bare(builder.add_blob(b"{}", media_type))],
    }
    if bundle:
        kind = "application/vnd.dev.sigstore.bundle.v0.3+json"
        document |= {"artifactType": kind, "layers": [bare(builder.add_blob(b"{}", kind))]}
    if not tagged:
        document["subject"] = bare(target)
    descriptor = builder.add_manifest(document)
    if tagged:
        builder.tag(descriptor, f"sha256-{target.digest.encoded}.sig")
    else:
        builder.list(descriptor)


def _early(builder: LayoutBuilder, target: Descriptor, end: str) -> None:
    builder.add_referrer(target, b"{}", artifact_type=f"application/vnd.cncf.notary.v2{end}")


def _retired(builder: LayoutBuilder, target: Descriptor, end: str, *, listed: bool) -> None:
    document = {
        "mediaType": ORAS_ARTIFACT_MANIFEST,
        "artifactType": f"application/vnd.cncf.notary{end}",
        "blobs": [bare(builder.add_blob(b"{}", "application/jose+json"))],
        "subject": bare(target),
    }
    descriptor = builder.add_manifest(document, ORAS_ARTIFACT_MANIFEST)
    if listed:
        builder.list(descriptor)
    else:
        builder.tag_referrers(target, descriptor)


@pytest.mark.parametrize(
    ("attach", "words"),
    [
        (_cosign, "cosign signature (tag sha256-"),
        (lambda builder, target: _cosign(builder, target, tagged=False), "cosign signature"),
        (lambda builder, target: _cosign(builder, target, tagged=False, bundle=True), "sigstore bundle"),
        (lambda builder, target: _early(builder, target, ".signature"), "a notation before 1.0"),
        (lambda builder, target: _early(builder, target, ""), "a notation before 1.0"),
        (
            lambda builder, target: _retired(builder, target, ".v2.signature", listed=True),
            "a retired ORAS artifact manifest",
        ),
        (
            lambda builder, target: _retired(builder, target, ".signature", listed=True),
            "a retired ORAS artifact manifest",
        ),
        (
            lambda builder, target: _retired(builder, target, ".signature", listed=False),
            "a retired ORAS artifact manifest",
        ),
        (
            lambda builder, target: builder.add_referrer(target, b"", artifact_type=PGP, layer_type="text/plain"),
            "PGP signature",
        ),
        (
            lambda builder, target: builder.add_referrer(target, b"", artifact_type="a/b", layer_type=PGP),
            "PGP signature",
        ),
    ],
    ids=["tag", "referrer", "bundle", "alpha", "older", "oras alpha", "oras", "oras tag", "pgp", "pgp layer"],
)
def test_names_a_signature_of_another_kind(
    tmp_path: Path, attach: Callable[[LayoutBuilder, Descriptor], None], words: str
) -> None:
    scene = Scene()
    scene.signatures.clear()
    scene.packing.append(attach)
    (artifact,) = verified(scene, tmp_path).document["artifacts"]
    assert artifact["exit_codes"] == [10]
    assert words in artifact["unsigned"]["message"]
    assert "with its own tool" in artifact["unsigned"]["remedy"]


def test_names_the_provenance_file_of_a_chart(tmp_path: Path) -> None:
    scene = Scene()
    scene.signatures.clear()
    scene.target = scene.builder.add_image(
        scene.builder.add_blob(b"chart", "application/vnd.cncf.helm.chart.content.v1.tar+gzip"),
        scene.builder.add_blob(b"-----BEGIN PGP", "application/vnd.cncf.helm.chart.provenance.v1.prov"),
    )
    (artifact,) = verified(scene, tmp_path).document["artifacts"]
    assert artifact["exit_codes"] == [10]
    assert "Helm provenance file" in artifact["unsigned"]["message"]
    assert "with its own tool" in artifact["unsigned"]["remedy"]


def test_reports_signed_images_below_an_unsigned_index(tmp_path: Path) -> None:
    scene = Scene(index=True)
    signature = scene.signatures.pop()

    def sign_children(builder: LayoutBuilder, target: Descriptor) -> None:
        for child in _entries(builder, target):
            signature.attach(builder, Descriptor.from_json(child))

    scene.packing.append(sign_children)
    (artifact,) = verified(scene, tmp_path).document["artifacts"]
    assert artifact["exit_codes"] == [10]
    assert "2 of the 2 platform images that it lists are signed" in artifact["unsigned"]["message"]
    assert "by digest" in artifact["unsigned"]["remedy"]


def test_does_not_count_attestations_of_buildkit_as_images(tmp_path: Path) -> None:
    """`docker buildx build` lists an attestation for every platform, as a platform of its own."""
    scene = Scene(index=True)
    signature, children = (
        scene.signatures.pop(),
        [Descriptor.from_json(item) for item in _entries(scene.builder, scene.target)],
    )
    attestation = replace(
        scene.builder.add_image(b"{}"),
        platform=Platform(architecture="unknown", os="unknown"),
        annotations={"vnd.docker.reference.type": "attestation-manifest"},
    )
    scene.target = scene.builder.add_index(*children, attestation)

    def sign_the_first(builder: LayoutBuilder, _: Descriptor) -> None:
        signature.attach(builder, children[0])

    scene.packing.append(sign_the_first)
    (artifact,) = verified(scene, tmp_path).document["artifacts"]
    assert "1 of the 2 platform images that it lists are signed" in artifact["unsigned"]["message"]


def test_reports_a_signed_index_above_an_unsigned_image(tmp_path: Path) -> None:
    scene = Scene(index=True)
    scene.refer = lambda written: f"{written.layout}@{_first_child(scene)}"
    (artifact,) = verified(scene, tmp_path).document["artifacts"]
    assert artifact["exit_codes"] == [10]
    assert f"the index {scene.target.digest} that lists it carries signatures" in artifact["unsigned"]["message"]


def _first_child(scene: Scene) -> str:
    return str(_entries(scene.builder, scene.target)[0]["digest"])


def _entries(builder: LayoutBuilder, index: Descriptor) -> list[dict[str, Any]]:
    return list(json.loads(builder.blobs[index.digest])["manifests"])


def test_an_attribute_without_a_value_is_not_called_misspelt(tmp_path: Path) -> None:
    scene = Scene()
    scene.policy = oci_policy(statement(trustedIdentities=["x509.subject: C=US, ST=WA, O="]))
    ran = run_here(scene.write(tmp_path).arguments())
    assert ran.code == 18
    assert "has no attribute O with a value" in ran.out
    assert "is not O" not in ran.out


def test_names_a_crl_of_a_renewed_ca_key_as_such(tmp_path: Path) -> None:
    """The signature is as good as ever; it is not damaged, and to fetch the same file again brings nothing new."""
    scene = Scene()
    leaf = Pki().code_chain(depth=2, leaf={"crl_urls": [SIGNING_CRL.format(0)]})
    scene.sign_with(leaf)
    renewed = issue("root", slot=3, subject=leaf.root.subject)
    scene.crls = {"new-key.crl": crl(renewed)}
    ran = run_here(scene.write(tmp_path).arguments()[:-2])
    assert ran.code == 15
    assert "new-key.crl: the CRL is of another key of" in ran.out
    assert "A CA that renewed its key has a CRL for each of its keys" in ran.out
    assert "damaged" not in ran.out
