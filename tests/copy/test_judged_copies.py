"""`copy --trust`: what it says of artifacts that pass, what comes with them, and what one bad part costs."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from airgap.oci.descriptor import ACQUISITION, IMAGE_INDEX, IMAGE_MANIFEST, TITLE, Descriptor, Platform
from airgap.revocation.artifact import CRL_MEDIA_TYPE, EVIDENCE_TYPE
from tests.copy.test_trust import COSIGN, copy
from tests.regressions.test_evidence_of_a_target_counts_in_every_place import LEAF, REVOKING
from tests.support.clock import set_clock
from tests.support.command import run_here
from tests.support.crls import crl
from tests.support.crls import scope as distribution_scope
from tests.support.evidence import evidence_artifact
from tests.support.layouts import LayoutBuilder
from tests.support.pki import AT, Pki
from tests.support.registry import LoopbackRegistry, answer, error
from tests.support.scenario import NOTARY, Scene, Signature, Written, add_image
from tests.support.trust import oci_policy, statement

TITLED = {TITLE: "crls/x.crl"}


@pytest.fixture(autouse=True)
def _then(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, AT)


def test_says_all_that_verify_says_of_what_passes(tmp_path: Path) -> None:
    """A copy did not name the newer CRL that does not count with --quiet and in JSON, and damaged files never."""
    scene = Scene()
    scene.sign_with(LEAF)
    newer = crl(LEAF.root, number=3, scope=distribution_scope(only_ca=True), this_update=AT - timedelta(hours=1))
    scene.crls = {"good.crl": crl(LEAF.root, number=1), "newer.crl": newer}
    scene.builder.extra_files["crls/damaged.crl"] = crl(LEAF.root)[:-10]
    written = scene.write(tmp_path)
    judged = run_here(written.arguments())
    (warned,) = judged.document["warnings"]
    (noted,) = judged.document["artifacts"][0]["signatures"][0]["warnings"]
    assert (judged.code, "damaged.crl" in warned["message"], "newer.crl" in noted) == (0, True, True)
    document = copy(written, written.layout, tmp_path / "first", "--format", "json").document
    assert [warning["reason"] for warning in document["warnings"]] == [warned["reason"]]
    assert "damaged.crl" in document["warnings"][0]["message"]
    assert document["artifacts"][0]["judged"]["warnings"] == [noted]
    for options in ((), ("--quiet",)):
        ran = copy(written, *options, written.layout, tmp_path / f"to{len(options)}")
        assert "warning the evidence file 'damaged.crl'" in ran.err
        assert f"note    {noted}" in ran.out


@pytest.mark.parametrize("again", [False, True])
def test_says_once_what_is_wrong_with_a_piece_of_evidence(tmp_path: Path, *, again: bool) -> None:
    """A piece that came along was named for its source, for the layout that has it already, and for the copy."""
    scene = Scene()

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        piece = builder.add_blob(b"no CRL", CRL_MEDIA_TYPE, annotations=TITLED)
        builder.add_referrer(target, [piece], artifact_type=EVIDENCE_TYPE)

    scene.packing.append(pack)
    written = scene.write(tmp_path)
    ran = copy(written, written.layout, tmp_path / "to", "--format", "json")
    if again:
        ran = copy(written, written.layout, tmp_path / "to", "--format", "json")
    with LoopbackRegistry() as registry:
        imported = copy(written, written.layout, f"{registry.host}/app", "--format", "json")
    for one in (ran, imported):
        assert (one.code, [str(written.layout) in item["message"] for item in one.document["warnings"]]) == (0, [True])


@pytest.mark.parametrize("chosen", [True, False])
def test_names_evidence_in_a_registry_that_is_not_chosen(tmp_path: Path, *, chosen: bool) -> None:
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": crl(LEAF.root, number=1)}

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.list(builder.add_manifest(evidence_artifact(builder, target, crl(LEAF.root, number=2))))

    scene.packing.append(pack)
    written = scene.write(tmp_path)
    with LoopbackRegistry() as registry:
        source = f"{registry.host}/app:v1"
        assert run_here(["copy", str(written.layout), source]).code == 0
        options = [] if chosen else ["--artifact-type", NOTARY]
        ran = copy(written, source, tmp_path / "to", "--format", "json", *options)
        left = [(item["source"], len(item["names"])) for item in ran.document["evidence_left"]]
        assert (ran.code, left) == (0, [] if chosen else [("the source registry", 1)]), ran


def test_says_in_brief_what_the_policy_skips(tmp_path: Path) -> None:
    scene = Scene()
    skipping = statement(signatureVerification={"level": "skip"}, trustStores=None, trustedIdentities=None)
    scene.policy = oci_policy(skipping)
    written = scene.write(tmp_path)
    ran = copy(written, "--quiet", written.layout, tmp_path / "to")
    assert (ran.code, "note    the policy skips it" in ran.out) == (0, True), ran


def test_cosign_tags_of_the_images_of_an_index_come_with_it(tmp_path: Path, target: LoopbackRegistry) -> None:
    """`cosign sign --recursive` makes them; the copy was refused, although the signed index lists the image."""
    written = Scene(index=True).write(tmp_path)
    assert run_here(["copy", str(written.layout), f"{target.host}/app"]).code == 0
    layer = {"mediaType": COSIGN, "digest": target.put_blob("app", b"{}"), "size": 2}
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": layer["digest"], "size": 2}
    signature = {"schemaVersion": 2, "mediaType": IMAGE_MANIFEST, "config": config, "layers": [layer]}
    index = json.loads(target.repositories["app"].manifests[str(written.digest)][1])
    child = index["manifests"][0]["digest"]
    target.put_manifest("app", signature, tag=f"{child.replace(':', '-')}.sig")
    ran = copy(written, "--all-tags", f"{target.host}/app", tmp_path / "to")
    assert ran.code == 0, ran
    assert copy(written, tmp_path / "to", tmp_path / "again").code == 0


@pytest.mark.parametrize("tag", ["v2", f"sha256-{'0' * 64}.sig"])
def test_the_signature_has_to_come_along_under_any_tag(tmp_path: Path, target: LoopbackRegistry, tag: str) -> None:
    """Under a cosign tag the image went over without the signature by which it passed (decision 0036)."""
    written = Scene().write(tmp_path)
    blobs = (written.layout / "blobs/sha256").iterdir()
    with LoopbackRegistry() as source:
        assert run_here(["copy", f"{written.layout}:v1", f"{source.host}/signed:v1"]).code == 0
        for blob in blobs:
            source.put_blob("other", blob.read_bytes())
        source.put_manifest("other", source.repositories["signed"].manifests[str(written.digest)][1], tag=tag)
        ran = copy(written, f"{source.host}/signed:v1", f"{source.host}/other:{tag}", f"{target.host}/")
    assert (ran.code, "does not come with this one" in ran.err) == (10, True), ran
    assert not target.repositories


@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize("part", ["layers", "config"])
def test_keeps_going_where_a_part_of_one_artifact_is_wrong(tmp_path: Path, part: str, *, is_there: bool) -> None:
    """It ended the whole copy, and the message named no artifact. `layers`: the envelope of its signature."""
    scene = Scene()
    bad = scene.builder.tag(add_image(scene.builder, "arm64"), "bad")
    of = Signature("cose", scene.signature.leaf).attach(scene.builder, bad) if part == "layers" else bad
    written = scene.write(tmp_path)
    blobs = written.layout / "blobs/sha256"
    wrong = next(iter(_parts(json.loads((blobs / of.digest.encoded).read_bytes())[part])))["digest"]
    (blobs / wrong.partition(":")[2]).unlink()
    if is_there:
        (blobs / wrong.partition(":")[2]).write_bytes(b"other bytes")
    ran = copy(written, written.layout, tmp_path / "to")
    assert (ran.code, "layout:bad is not copied" in ran.err, (tmp_path / "to").exists()) == (16, True, False), ran
    ran = copy(written, "--keep-going", written.layout, tmp_path / "to", "--format", "json")
    assert ran.code == 20, ran
    assert {item["tags"][0]: item["status"] for item in ran.document["artifacts"]} == {"v1": "copied", "bad": "failed"}


def test_what_may_be_a_signature_and_is_not_there_is_no_choice_of_the_copy(tmp_path: Path) -> None:
    """It said that the source had been copied without its referrers. And it named the same file for each manifest."""
    scene = Scene()
    second = scene.builder.tag(add_image(scene.builder, "arm64"), "v2")

    def pack(builder: LayoutBuilder, _: Descriptor) -> None:
        scene.signature.attach(builder, second)

    scene.packing.append(pack)
    written = scene.write(tmp_path)
    index = json.loads((written.layout / "index.json").read_bytes())
    lost = next(entry["digest"] for entry in index["manifests"] if entry.get("artifactType") == NOTARY)
    (written.layout / "blobs/sha256" / lost.partition(":")[2]).unlink()
    ran = copy(written, "--keep-going", f"{written.layout}:v1", tmp_path / "to")
    assert (ran.code, "what may be one cannot be read: index.json" in ran.out) == (16, True), ran
    assert "when it was copied" not in ran.out
    ran = copy(written, "--keep-going", f"{written.layout}:v2", tmp_path / "to")
    # it is signed; verify refuses it, too, as long as something that may be evidence about it cannot be read
    assert (ran.code, "may be evidence about any signer: index.json" in ran.out) == (16, True), ran


def _parts(value: object) -> list[dict[str, str]]:
    return value if isinstance(value, list) else [value]  # type: ignore[list-item]


def test_a_signature_by_which_it_passes_has_to_arrive(tmp_path: Path, target: LoopbackRegistry) -> None:
    """The image got its tag with the signature of a stranger alone, where the registry refused the good one."""
    scene = Scene()
    scene.signatures.append(Signature("cose", Pki().code_chain("p384", root={"slot": 4})))
    written = scene.write(tmp_path)
    (found,) = run_here(written.arguments()).document["artifacts"]
    (good,) = (item["digest"] for item in found["signatures"] if item["verdict"] == "pass")
    target.refused_manifests = frozenset({good})
    ran = copy(written, "--keep-going", written.layout, f"{target.host}/app")
    assert (ran.code, dict(target.repositories["app"].tags)) == (10, {}), ran


def _revoking(scene: Scene, place: str) -> None:
    """Attaches a CRL against the signer: as our artifact, as a layer of another one, or to the signature."""

    def attach(builder: LayoutBuilder, image: Descriptor) -> None:
        subject = scene.signature.attach(builder, image) if place == "signature" else image
        manifest = evidence_artifact(builder, subject, REVOKING)
        kind = "example/files" if place == "other type" else EVIDENCE_TYPE
        builder.list(builder.add_manifest({**manifest, "artifactType": kind}, artifact_type=kind))

    scene.packing.append(attach)


CHOSEN = ("--artifact-type", NOTARY)


@pytest.mark.parametrize("place", ["image", "other type", "signature"])
@pytest.mark.parametrize("options", [(), CHOSEN, ("--depth", "1"), (*CHOSEN, "--depth", "1")])
def test_evidence_in_a_registry_counts_whether_or_not_it_is_chosen(
    tmp_path: Path, target: LoopbackRegistry, options: tuple[str, ...], place: str
) -> None:
    """The image of a revoked signer was copied where `--depth` or another type hid the evidence."""
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": crl(LEAF.root, number=1)}
    _revoking(scene, place)
    written = scene.write(tmp_path)
    assert run_here(["copy", f"{written.layout}:v1", f"{target.host}/app:v1"]).code == 0
    ran = copy(written, *options, f"{target.host}/app:v1", tmp_path / "to")
    assert (ran.code, (tmp_path / "to").exists()) == (14, False), ran


@pytest.mark.parametrize(("mechanism", "warns"), [("tag", True), ("api", False)])
def test_warns_of_evidence_that_a_look_at_referrers_tags_leaves_out(
    tmp_path: Path, target: LoopbackRegistry, mechanism: str, *, warns: bool
) -> None:
    """The way that the operator forces is the way for evidence, too: the API may list a CRL that revokes."""
    written = Scene().write(tmp_path)
    image = f"{target.host}/app:v1"
    assert run_here(["copy", f"{written.layout}:v1", image, "--referrers-tag", "always"]).code == 0
    options = ("--distribution-spec", f"v1.1-referrers-{mechanism}", "--format", "json")
    ran = copy(written, *options, image, tmp_path / "to")
    assert ran.code == 0, ran
    assert [True for item in ran.document["warnings"] if "was not used" in item["message"]] == [True] * warns
    ran = copy(written, "--quiet", *options[:2], image, tmp_path / "quiet")
    assert ("was not used" in ran.err) is warns, ran


@pytest.mark.parametrize("by_api", [True, False])
@pytest.mark.parametrize("about", ["nothing", "another image"])
def test_evidence_that_is_listed_as_a_referrer_of_something_else_counts(
    tmp_path: Path, target: LoopbackRegistry, about: str, *, by_api: bool
) -> None:
    """It was noted as no referrer of the image, and the image of a revoked signer was copied."""
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": crl(LEAF.root, number=1)}
    listed: list[str] = []

    def put(builder: LayoutBuilder, image: Descriptor) -> None:
        manifest = evidence_artifact(builder, builder.add_image(b"another"), REVOKING)
        if about == "nothing":
            del manifest["subject"]
        listed.append(str(builder.add_manifest(manifest, artifact_type=EVIDENCE_TYPE).digest))

    scene.packing.append(put)
    target.referrers_api = by_api
    written = scene.write(tmp_path)
    signature, *_ = run_here(written.arguments()).document["artifacts"][0]["signatures"]
    for path in (written.layout / "blobs" / "sha256").iterdir():
        data = path.read_bytes()
        is_manifest = data.startswith(b"{") and "mediaType" in json.loads(data)
        (target.put_manifest if is_manifest else target.put_blob)("app", data)
    tag = written.digest.replace(":", "-")
    index = target.put_index("app", (signature["digest"], *listed), tag=tag)
    target.repositories["app"].tags["v1"] = written.digest
    if by_api:
        body = target.repositories["app"].manifests[index][1]
        target.on("GET", f"/referrers/{written.digest}", answer(200, body, Content_Type=IMAGE_INDEX))
    ran = copy(written, f"{target.host}/app:v1", tmp_path / "to")
    assert (ran.code, (tmp_path / "to").exists()) == (14, False), ran
    untold = run_here(["copy", f"{target.host}/app:v1", str(tmp_path / "all")])
    assert (untold.code, f"{listed[0]} is listed as a referrer of {written.digest}" in untold.out) == (0, True), untold


def test_evidence_in_a_registry_that_is_not_chosen_and_revokes_nothing_stops_no_copy(
    tmp_path: Path, target: LoopbackRegistry
) -> None:
    """It is named: who verifies the copy does not get it."""
    scene = Scene()
    scene.sign_with(LEAF)
    good = crl(LEAF.root)
    scene.packing.append(
        lambda builder, image: builder.list(
            builder.add_manifest(evidence_artifact(builder, image, good), artifact_type=EVIDENCE_TYPE)
        )
    )
    written = scene.write(tmp_path)
    assert run_here(["copy", f"{written.layout}:v1", f"{target.host}/app:v1"]).code == 0
    ran = copy(written, *CHOSEN, f"{target.host}/app:v1", tmp_path / "to")
    assert ran.code == 0, ran
    assert "the source registry" in ran.out


def test_a_referrer_in_a_registry_that_cannot_be_read_may_be_evidence(tmp_path: Path, target: LoopbackRegistry) -> None:
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": crl(LEAF.root, number=1)}
    _revoking(scene, "other type")
    written = scene.write(tmp_path)
    assert run_here(["copy", f"{written.layout}:v1", f"{target.host}/app:v1"]).code == 0
    manifests = target.repositories["app"].manifests
    (lost,) = [digest for digest, found in manifests.items() if b'"artifactType":"example/files","config"' in found[1]]
    target.on("GET", f"/manifests/{lost}$", error(404, "MANIFEST_UNKNOWN"))
    ran = copy(written, *CHOSEN, f"{target.host}/app:v1", tmp_path / "to")
    assert (ran.code, "[evidence.unread]" in ran.err) == (15, True), ran


def test_evidence_that_is_not_chosen_stops_no_copy_from_a_layout(tmp_path: Path) -> None:
    """All of it is used there."""
    scene = Scene()
    scene.sign_with(LEAF)
    good = crl(LEAF.root)
    scene.packing.append(
        lambda builder, image: builder.list(
            builder.add_manifest(evidence_artifact(builder, image, good), artifact_type=EVIDENCE_TYPE)
        )
    )
    written = scene.write(tmp_path)
    ran = copy(written, "--artifact-type", NOTARY, f"{written.layout}:v1", tmp_path / "to")
    assert ran.code == 0, ran


def _put_all(registry: LoopbackRegistry, layout: Path) -> None:
    for path in (layout / "blobs" / "sha256").iterdir():
        data = path.read_bytes()
        is_manifest = data.startswith(b"{") and "mediaType" in json.loads(data)
        (registry.put_manifest if is_manifest else registry.put_blob)("app", data)


def _record(builder: LayoutBuilder, image: Descriptor, crl_blob: Descriptor) -> None:
    builder.add_referrer(image, [crl_blob], artifact_type=ACQUISITION)


def _of_record(builder: LayoutBuilder, image: Descriptor, crl_blob: Descriptor) -> None:
    record = builder.add_referrer(image, b"{}", artifact_type=ACQUISITION)
    builder.add_referrer(record, [crl_blob], artifact_type=EVIDENCE_TYPE)


def _entry(builder: LayoutBuilder, image: Descriptor, crl_blob: Descriptor) -> None:
    builder.list(builder.add_index(crl_blob, subject=image.bare.to_json(), artifactType="example/index"))


def _after_wrong_size(builder: LayoutBuilder, image: Descriptor, crl_blob: Descriptor) -> None:
    builder.add_referrer(image, [crl_blob], artifact_type=EVIDENCE_TYPE)
    for kind in ("application/a", "text/z"):
        builder.add_referrer(image, [replace(crl_blob, size=crl_blob.size + 1)], artifact_type=kind)


@pytest.mark.parametrize("options", [(), CHOSEN])
@pytest.mark.parametrize("attach", [_record, _of_record, _entry, _after_wrong_size])
def test_evidence_in_a_registry_counts_in_every_form(
    tmp_path: Path,
    target: LoopbackRegistry,
    attach: Callable[[LayoutBuilder, Descriptor, Descriptor], None],
    options: tuple[str, ...],
) -> None:
    """Records were passed over, entries of indexes were not read, and a second size of a blob hid the first one."""
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": crl(LEAF.root, number=1)}
    scene.packing.append(
        lambda builder, image: attach(builder, image, builder.add_blob(REVOKING, CRL_MEDIA_TYPE, annotations=TITLED))
    )
    written = scene.write(tmp_path)
    _put_all(target, written.layout)
    target.repositories["app"].tags["v1"] = written.digest
    ran = copy(written, *options, f"{target.host}/app:v1", tmp_path / "to")
    is_wrong = attach is _after_wrong_size and not options  # content of a wrong size that is chosen is worse
    assert (ran.code, "revocation.revoked" in ran.err) == (16 if is_wrong else 14, True), ran
    assert not (tmp_path / "to").exists()


def _two_platforms(folder: Path, target: LoopbackRegistry, *, evidence: bool) -> tuple[Written, Descriptor]:
    """A signed index in the registry, with evidence about its second image; what is trusted, and that image."""
    builder = LayoutBuilder()
    images = [
        builder.add_image(name.encode(), platform=Platform(architecture=name, os="linux"))
        for name in ("amd64", "arm64")
    ]
    Signature("jws", LEAF).attach(builder, builder.tag(builder.add_index(*images), "v1"))
    if evidence:
        revoking = builder.add_blob(REVOKING, CRL_MEDIA_TYPE, annotations=TITLED)
        builder.add_referrer(images[1], [revoking], artifact_type=EVIDENCE_TYPE)
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": crl(LEAF.root, number=1)}
    builder.write_directory(folder / "source")
    assert run_here(["copy", str(folder / "source"), f"{target.host}/app"]).code == 0
    return scene.write(folder), images[1]


@pytest.mark.parametrize("options", [(), ("--platform", "linux/amd64"), ("--platform", "linux/arm64")])
def test_evidence_about_another_platform_counts(
    tmp_path: Path, target: LoopbackRegistry, options: tuple[str, ...]
) -> None:
    """With `--platform` of a registry, what is attached to the images of the others was not looked at."""
    written, _ = _two_platforms(tmp_path, target, evidence=True)
    ran = copy(written, *options, f"{target.host}/app:v1", tmp_path / "to")
    assert (ran.code, (tmp_path / "to").exists()) == (14, False), ran


def test_a_platform_that_a_registry_does_not_have_is_no_evidence(tmp_path: Path, target: LoopbackRegistry) -> None:
    written, other = _two_platforms(tmp_path, target, evidence=False)
    del target.repositories["app"].manifests[str(other.digest)]
    ran = copy(written, "--platform", "linux/amd64", f"{target.host}/app:v1", tmp_path / "to")
    assert ran.code == 0, ran


def test_a_small_blob_in_a_signed_index_stops_no_copy(tmp_path: Path) -> None:
    """It was "not read before it is copied" (16), and verify passed it."""
    scene = Scene()

    def pack(builder: LayoutBuilder, image: Descriptor) -> None:
        index = builder.add_index(image.bare, builder.add_blob(b"a text", "text/plain"))
        scene.signature.attach(builder, builder.tag(index, "index"))

    scene.packing.append(pack)
    written = scene.write(tmp_path)
    ran = copy(written, f"{written.layout}:index", tmp_path / "to")
    assert ran.code == 0, ran


@pytest.mark.parametrize("kind", [NOTARY, ACQUISITION])
def test_evidence_in_a_pipe_counts_where_nothing_reaches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": crl(LEAF.root, number=1)}

    def pack(builder: LayoutBuilder, _: Descriptor) -> None:
        absent = Descriptor.of(IMAGE_MANIFEST, b"absent")
        revoking = builder.add_blob(REVOKING, CRL_MEDIA_TYPE, annotations=TITLED)
        builder.add_referrer(absent, [revoking], artifact_type=kind)

    scene.packing.append(pack)
    scene.archive = True
    written = scene.write(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(written.layout.read_bytes())))
    ran = copy(written, "-", tmp_path / "to")
    assert ran.code == 14, ran
