"""What `copy --trust` lets through without a judgement of its own, and what ends the whole copy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from airgap.bundle.bundle_document import BUNDLE_TYPE
from airgap.errors import UntrustedError
from airgap.moment import Moment
from airgap.oci.descriptor import REF_NAME, Descriptor
from airgap.oci.manifest_writer import write_manifest
from airgap.problem import Problem
from airgap.stages.gate import Judgement
from airgap.verifier.outcome import Outcome
from tests.copy.test_trust import ABOUT, copy
from tests.regressions.test_evidence_of_a_target_counts_in_every_place import LEAF, attach
from tests.support.clock import set_clock
from tests.support.command import run_here
from tests.support.crls import crl
from tests.support.layouts import LayoutBuilder
from tests.support.pki import AT
from tests.support.registry import LoopbackRegistry
from tests.support.scenario import Scene, add_image
from tests.support.trust import REPOSITORY, oci_policy, statement


@pytest.fixture(autouse=True)
def _then(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, AT)


@pytest.mark.parametrize("also", ["v1", "bad"])
def test_what_has_several_tags_of_cosign_is_about_all_that_they_name(tmp_path: Path, also: str) -> None:
    """One about something that does not verify is left behind, whatever else it is about."""
    scene = Scene()
    bad = scene.builder.tag(add_image(scene.builder, "arm64"), "bad")
    written = scene.write(tmp_path)
    subjects = {"v1": written.digest, "bad": str(bad.digest)}
    builder = LayoutBuilder()
    tags = {f"{subjects[name].replace(':', '-')}.{kind}" for name, kind in (("v1", "sig"), (also, "att"))}
    builder.tag(builder.add_cosign(), *sorted(tags))
    signatures = builder.write_directory(tmp_path / "signatures")
    arguments = (written.layout, signatures, tmp_path / "to")
    ran = copy(written, "--keep-going", "--all-tags", *arguments, "--format", "json")
    copied = {tag for item in ran.document["artifacts"] if item["status"] == "copied" for tag in item["tags"]}
    assert (ran.code, copied) == (20, {"v1"} | (tags if also == "v1" else set())), ran


@pytest.mark.parametrize(("about", "expected"), [("itself", 0), ("nothing", 10)])
def test_a_signature_under_a_cosign_tag_is_judged_as_verify_judges_it(
    tmp_path: Path, about: str, expected: int
) -> None:
    """By its subject it belongs to the image, whatever its tag names: verify said 10, and the copy 0 (0025)."""
    scene = Scene()

    def pack(builder: LayoutBuilder, _: Descriptor) -> None:
        (signature,) = (item for item in builder.entries if "artifactType" in item)
        named = signature["digest"][7:] if about == "itself" else "0" * 64
        signature["annotations"] = {REF_NAME: f"sha256-{named}.sig"}

    scene.packing.append(pack)
    written = scene.write(tmp_path)
    codes = [
        run_here(["verify", str(written.layout), *written.arguments()[2:]]).code,
        copy(written, written.layout, tmp_path / "to").code,
    ]
    if not expected:
        codes.append(run_here(["verify", str(tmp_path / "to"), *written.arguments()[2:]]).code)
    assert set(codes) == {expected}, codes


def evidence(builder: LayoutBuilder) -> Descriptor:
    return attach(builder, ABOUT, crl(LEAF.root))


def bundle(builder: LayoutBuilder) -> Descriptor:
    layer = builder.add_blob(b"{}", BUNDLE_TYPE)
    builder.add_blob(b"{}")
    return builder.add_manifest(write_manifest(BUNDLE_TYPE, [layer], subject=None)[1])


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("made", [evidence, bundle])
def test_evidence_and_bundles_with_a_name_in_a_registry_are_judged(
    tmp_path: Path, target: LoopbackRegistry, made: Callable[[LayoutBuilder], Descriptor], *, named: bool
) -> None:
    """As in a layout: then they need a signature as any other artifact."""
    scene = Scene()
    scene.packing.append(lambda builder, _: builder.list(made(builder), **{REF_NAME: "v2"}))
    written = scene.write(tmp_path)
    assert run_here(["copy", str(written.layout), f"{target.host}/app"]).code == 0
    asked = ":v2" if named else "@" + target.repositories["app"].tags["v2"]
    ran = copy(written, f"{target.host}/app{asked}", tmp_path / "to")
    assert ran.code == 10, ran
    beside = copy(written, f"{target.host}/app:v1", f"{target.host}/app{asked}", tmp_path / "both")
    assert beside.code == (0 if made is evidence and not named else 10), beside


def test_evidence_whose_image_is_gone_is_no_copy_that_verifies(tmp_path: Path) -> None:
    """verify is 10, since it is all that is there; the copy ended with 0."""
    builder = LayoutBuilder()
    builder.list(evidence(builder))
    written = Scene().write(tmp_path / "trusted")
    alone = builder.write_directory(tmp_path / "alone")
    assert run_here(["verify", str(alone), *written.arguments()[2:]]).code == 10
    for ran in (copy(written, alone, tmp_path / "to"), copy(written, "--keep-going", alone, tmp_path / "to")):
        assert ran.code == 10, ran
    assert copy(written, alone, written.layout, tmp_path / "both").code == 0


def test_a_problem_of_the_judgement_ends_the_copy_also_if_it_keeps_going() -> None:
    """It is about no artifact, so no artifact may go over."""
    problem = Problem(message="names are unread", reason="content.malformed", exit_code=16)
    outcome = Outcome(moment=Moment(judged=AT, clock=AT), trust={}, problems=(problem,))
    judgement = Judgement.of_outcome({}, outcome, {}, lambda _: None, None, ())
    with pytest.raises(UntrustedError, match="nothing is copied: names are unread") as raised:
        judgement.accepted([], [], keep_going=True)
    assert raised.value.exit_code == 16


def test_a_copy_judged_as_one_repository_keeps_no_name_of_another(tmp_path: Path) -> None:
    """verify refused the name in the copy without --scope (13): tools run what is in a layout by it (decision 0023)."""
    scene = Scene()
    scene.policy = oci_policy(statement(registryScopes=[REPOSITORY]))
    scene.packing.append(lambda builder, target: (builder.tag(target, "lab.example/other:v1"), None)[1])
    written = scene.write(tmp_path)
    ran = copy(written, written.layout, tmp_path / "to")
    assert (ran.code, "[policy.name_conflict]" in ran.err, (tmp_path / "to").exists()) == (13, True, False), ran
    assert copy(written, f"{written.layout}@{written.digest}", f"{tmp_path}/to:v1").code == 0
    assert copy(written, f"{written.layout}:lab.example/other:v1", tmp_path / "typed").code == 0


@pytest.mark.parametrize("damage", [b"{", None])
@pytest.mark.parametrize("part", ["", ":v1", "@"])
def test_names_of_docker_that_cannot_be_read_refuse_a_judged_copy(
    tmp_path: Path, target: LoopbackRegistry, part: str, damage: bytes | None
) -> None:
    """verify is 16: they may be any names. A judged copy of the whole, or of a digest, only warned (0025)."""
    written = Scene().write(tmp_path)
    names = written.layout / "manifest.json"
    names.mkdir() if damage is None else names.write_bytes(damage)
    source = f"{written.layout}{part}{written.digest if part == '@' else ''}"
    trust = ("--trust", str(written.trust), "--scope", REPOSITORY)
    assert run_here(["verify", source, *trust]).code == 16
    for ran in (
        copy(written, source, tmp_path / "to"),
        copy(written, "--keep-going", source, tmp_path / "nothing"),
        run_here(["import", *trust, source, f"{target.host}/app"]),
        run_here(["bundle", "create", str(tmp_path / "to.tar"), source, *trust]),
    ):
        assert ran.code == 16, ran
    assert not (tmp_path / "to").exists()
    assert not target.repositories
