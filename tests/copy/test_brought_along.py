"""What comes along with an artifact and could be run in its place is judged by itself before a copy writes (0036)."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from airgap.oci.descriptor import REF_NAME, Descriptor
from tests.copy.test_import import held, import_
from tests.copy.test_trust import ABOUT, copy
from tests.regressions.test_evidence_of_a_target_counts_in_every_place import GOOD, LEAF, REVOKING
from tests.support.clock import set_clock
from tests.support.command import run_here
from tests.support.evidence import evidence_artifact
from tests.support.layouts import LayoutBuilder
from tests.support.pki import AT
from tests.support.registry import LoopbackRegistry
from tests.support.scenario import Scene, Signature, Written, add_image, bare

WEB, DB = "registry.example/team/web", "registry.example/lab/db"
SBOM = "application/spdx+json"

Attach = Callable[[LayoutBuilder, Descriptor], Descriptor]


@pytest.fixture(autouse=True)
def _then(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, AT)


def image(builder: LayoutBuilder, about: Descriptor) -> Descriptor:
    return builder.add_image(b"attached layer", subject=about)


def index(builder: LayoutBuilder, about: Descriptor) -> Descriptor:
    return builder.add_index(add_image(builder, "riscv64"), subject=bare(about))


def called_sbom(builder: LayoutBuilder, about: Descriptor) -> Descriptor:
    return builder.add_image(b"attached layer", subject=about, artifactType=SBOM)


ATTACHED = pytest.mark.parametrize("attach", [image, index, called_sbom])


def medium(tmp_path: Path, attach: Attach, *, signed: bool = False, archive: bool = False) -> Written:
    """Two signed images; something is attached to the first one. Its name is the type of the result's digest."""
    tmp_path.mkdir(parents=True, exist_ok=True)
    scene = Scene(archive=archive, scope=None)
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": GOOD}

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.entries.clear()
        builder.list(target, **{REF_NAME: f"{WEB}:v1"})
        scene.signature.attach(builder, target)
        other = add_image(builder, "s390x")
        builder.list(other, **{REF_NAME: f"{DB}:15"})
        scene.signature.attach(builder, other)
        found = attach(builder, target)
        builder.list(found)
        if signed:
            Signature("jws", LEAF).attach(builder, found)

    scene.packing.append(pack)
    return scene.write(tmp_path)


def attached_to(written: Written) -> str:
    """The digest of what is attached and is no signature."""
    entries = json.loads((written.layout / "index.json").read_bytes())["manifests"]
    (found,) = (
        entry["digest"]
        for entry in entries
        if REF_NAME not in entry.get("annotations", {}) and "notary" not in str(entry.get("artifactType"))
    )
    return str(found)


def is_refused(text: str, written: Written) -> None:
    assert f"{WEB}:v1 is not copied: {attached_to(written)}" in text
    assert f"attached to {written.digest}" in text
    assert "is judged by itself: the artifact has no signature" in text
    assert "--artifact-type" in text


@ATTACHED
@pytest.mark.parametrize("to", ["layout", "out.tar"])
def test_an_unsigned_image_that_is_attached_is_in_no_copy(tmp_path: Path, attach: Attach, to: str) -> None:
    written = medium(tmp_path, attach)
    named = f"{written.layout}:{WEB}:v1"
    assert run_here(["verify", named, "--trust", str(written.trust)]).code == 0
    ran = copy(written, named, tmp_path / "to" / to if to != "layout" else tmp_path / "to", scope=None)
    assert (ran.code, (tmp_path / "to").exists()) == (10, False), ran
    is_refused(ran.err, written)


@ATTACHED
def test_an_unsigned_image_that_is_attached_is_in_no_registry(
    tmp_path: Path, registry: LoopbackRegistry, attach: Attach
) -> None:
    written = medium(tmp_path, attach)
    named = f"{written.layout}:{WEB}:v1"
    ran = import_(written, named, registry.host)
    assert (ran.code, dict(registry.repositories)) == (10, {}), ran
    is_refused(ran.out, written)
    assert copy(written, named, registry.host, scope=None).code == 10
    assert not any(repository.manifests for repository in registry.repositories.values())


@ATTACHED
def test_an_unsigned_image_that_is_attached_comes_out_of_no_registry(
    tmp_path: Path, registry: LoopbackRegistry, attach: Attach
) -> None:
    written = medium(tmp_path, attach)
    source = f"{registry.host}/team/web:v1"
    assert run_here(["copy", f"{written.layout}:{WEB}:v1", source]).code == 0
    copied = ["copy", "--scope", WEB, source, str(tmp_path / "to")]
    for command in (copied, ["bundle", "create", str(tmp_path / "b"), source, "--no-download"]):
        ran = run_here([*command, "--trust", str(written.trust)])
        assert (ran.code, attached_to(written) in ran.out + ran.err) == (10, True), ran
    assert not (tmp_path / "to").exists()
    assert not (tmp_path / "b").exists()


def test_an_unsigned_image_that_is_attached_comes_through_no_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = medium(tmp_path, image, archive=True)
    raw = written.layout.read_bytes()
    monkeypatch.setattr(sys, "stdin", type("In", (), {"buffer": io.BytesIO(raw), "isatty": lambda _: False})())
    ran = copy(written, "-", tmp_path / "to", scope=None)
    assert ran.code == 10, ran


@ATTACHED
@pytest.mark.parametrize("to", ["layout", "registry"])
def test_keep_going_leaves_out_what_brings_it(tmp_path: Path, attach: Attach, to: str) -> None:
    """What was judged and "is not copied" came as the attachment of another artifact."""
    written = medium(tmp_path, attach)
    with LoopbackRegistry() as registry:
        if to == "registry":
            ran = import_(written, written.layout, registry.host, "--keep-going", "--format", "json")
            assert held(registry) == {"lab/db": {"15"}}
            document = ran.document["copy"]
        else:
            ran = copy(written, written.layout, tmp_path / "to", "--keep-going", "--format", "json", scope=None)
            verified = run_here(["verify", str(tmp_path / "to"), "--trust", str(written.trust)])
            assert verified.code == 0, verified
            document = ran.document
    assert ran.code == 20, ran
    (refused,) = (item for item in document["artifacts"] if str(item["source"]).endswith(f"{WEB}:v1"))
    assert refused["status"] == "failed"
    assert attached_to(written) in refused["error"]["message"]


@ATTACHED
def test_it_comes_along_where_it_is_signed_itself(tmp_path: Path, registry: LoopbackRegistry, attach: Attach) -> None:
    written = medium(tmp_path, attach, signed=True)
    named = f"{written.layout}:{WEB}:v1"
    ran = copy(written, named, tmp_path / "to", scope=None)
    assert ran.code == 0, ran
    assert run_here(["verify", str(tmp_path / "to"), "--trust", str(written.trust)]).code == 0
    assert import_(written, named, registry.host).code == 0


def test_a_part_of_an_index_needs_no_signature_where_its_own_name_is_refused(tmp_path: Path) -> None:
    scene = Scene(scope=None)
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": GOOD}

    def pack(builder: LayoutBuilder, _target: Descriptor) -> None:
        builder.entries.clear()
        part = add_image(builder, "s390x")
        whole = builder.add_index(part)
        builder.list(whole, **{REF_NAME: f"{WEB}:v1"})
        scene.signature.attach(builder, whole)
        builder.list(part, **{REF_NAME: f"{WEB}:v1-s390x"})

    scene.packing.append(pack)
    written = scene.write(tmp_path)
    ran = copy(written, written.layout, tmp_path / "to", "--keep-going", scope=None)
    assert ran.code == 20, ran
    assert run_here(["verify", str(tmp_path / "to"), "--trust", str(written.trust)]).code == 0


@pytest.mark.parametrize("signed", [True, False])
def test_a_signature_of_it_is_demanded_without_a_judgement_too(tmp_path: Path, *, signed: bool) -> None:
    written = medium(tmp_path, image, signed=signed)
    arguments = ["copy", "--require-signature", f"{written.layout}:{WEB}:v1"]
    ran = run_here([*arguments, str(tmp_path / "to")])
    assert (ran.code, (tmp_path / "to").exists()) == ((0, True) if signed else (10, False)), ran
    if not signed:
        assert attached_to(written) in ran.err
        assert run_here([*arguments[:2], str(written.layout), str(tmp_path / "to"), "--keep-going"]).code == 20


def test_says_what_no_signature_proves(tmp_path: Path, registry: LoopbackRegistry) -> None:
    def sbom(builder: LayoutBuilder, about: Descriptor) -> Descriptor:
        return builder.add_referrer(about, [builder.add_blob(b"{}", SBOM)], artifact_type=SBOM)

    written = medium(tmp_path, sbom)
    named = f"{written.layout}:{WEB}:v1"
    said = "the attachment has no valid signature, so nothing proves who made it: application/spdx+json"
    for ran in (copy(written, named, tmp_path / "to", scope=None), import_(written, named, registry.host)):
        assert (ran.code, said in ran.out) == (0, True), ran


@pytest.mark.parametrize(("crl", "code"), [(GOOD, 0), (REVOKING, 14)])
def test_evidence_about_what_is_not_here_is_judged_before_names(
    tmp_path: Path, registry: LoopbackRegistry, crl: bytes, code: int
) -> None:
    """It has no name, and a registry needs none of it: the import ended with 2, also where the signer was revoked."""

    def evidence(builder: LayoutBuilder, _about: Descriptor) -> Descriptor:
        return builder.add_manifest(evidence_artifact(builder, ABOUT, crl))

    written = medium(tmp_path, evidence)
    assert run_here(["verify", str(written.layout), "--trust", str(written.trust)]).code == code
    for ran in (
        import_(written, written.layout, registry.host),
        copy(written, written.layout, registry.host, scope=None),
    ):
        assert ran.code == code, ran
    assert held(registry) == ({} if code else {"team/web": {"v1"}, "lab/db": {"15"}})
    if not code:
        assert "evidence about revocation in" in ran.out  # it stayed behind


def test_what_has_no_name_is_judged_before_names(tmp_path: Path, registry: LoopbackRegistry) -> None:
    written = medium(tmp_path, lambda builder, _: builder.add_image(b"no name"))
    ran = import_(written, written.layout, registry.host)
    assert (ran.code, held(registry)) == (10, {}), ran
    ran = import_(written, written.layout, registry.host, "--keep-going")
    assert (ran.code, held(registry)) == (20, {"team/web": {"v1"}, "lab/db": {"15"}}), ran
    signed = medium(tmp_path / "signed", lambda builder, _: builder.add_image(b"no name"), signed=True)
    ran = import_(signed, signed.layout, registry.host)
    assert (ran.code, "has no repository's name" in ran.err) == (2, True), ran
