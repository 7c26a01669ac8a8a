"""`copy --trust`: nothing is written that does not verify, and exit codes are those of verify."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from airgap import limits
from airgap.oci.descriptor import IMAGE_MANIFEST, Descriptor
from airgap.oci.digest import Digest
from airgap.revocation.artifact import EVIDENCE_TYPE
from tests.regressions.test_evidence_of_a_target_counts_in_every_place import LEAF, REVOKING, attach
from tests.support.clock import set_clock
from tests.support.command import Ran, run_here
from tests.support.crls import crl
from tests.support.layouts import END, LayoutBuilder, tar_member
from tests.support.pki import AT, Pki
from tests.support.registry import LoopbackRegistry
from tests.support.scenario import Scene, Signature, Written, add_image, with_everything
from tests.support.trust import REPOSITORY, oci_policy, statement
from tests.support.tsa import token

ABOUT = Descriptor(media_type=IMAGE_MANIFEST, digest=Digest.of(b"absent"), size=6)
COSIGN = "application/vnd.dev.cosign.simplesigning.v1+json"


@pytest.fixture(autouse=True)
def _then(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, AT)


def copy(written: Written, *arguments: object, scope: str | None = REPOSITORY) -> Ran:
    named = ["--scope", scope] if scope else []
    return run_here(["copy", "--trust", str(written.trust), *named, *map(str, arguments)])


def unsigned(scene: Scene) -> None:
    scene.signatures.clear()


def invalid(scene: Scene) -> None:
    scene.signature.options["protected"] = {"alg": "none"}


def of_another(scene: Scene) -> None:
    scene.signature.target = {"digest": str(Digest.of(b"another"))}


def without_anchor(scene: Scene) -> None:
    scene.stores = {"ca:harbour": [with_everything().signature.leaf.root]}


def revoked_by_a_loose_file(scene: Scene) -> None:
    """Only who verifies the source sees it, and a copy to a registry cannot have it."""
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": crl(LEAF.root, number=1)}
    scene.builder.extra_files |= {"crls/r.crl": REVOKING}


def revoked_by_a_token(scene: Scene) -> None:
    """The timestamp token of a signature of another image holds the CRL."""
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": crl(LEAF.root, number=1)}
    scene.packing.append(stamp_another)


def stamp_another(builder: LayoutBuilder, _: Descriptor) -> None:
    """Another image, whose timestamp token holds the CRL that revokes."""
    other = builder.tag(add_image(builder, "s390x"), "other")
    signature = Signature("jws", Pki().code_chain())
    signature.token = lambda value: token(Pki().tsa_chain(), value, crls=[REVOKING])
    signature.attach(builder, other)


def with_evidence_that_is_too_large(scene: Scene) -> None:
    """It is the only evidence of the layout."""
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": crl(LEAF.root, number=1)}
    scene.afterwards.append(lambda written: put_large_crl(written.layout))


def put_large_crl(layout: Path) -> None:
    with (layout / "large.crl").open("wb") as file:
        file.truncate(limits.CRL_FILE_BYTES + 1)


def without_crl(scene: Scene) -> None:
    scene.sign_with(LEAF)


def without_policy(scene: Scene) -> None:
    scene.policy = b"{}"


BAD: dict[str, tuple[Callable[[Scene], None], int]] = {
    "unsigned": (unsigned, 10),
    "invalid": (invalid, 12),
    "of another artifact": (of_another, 12),
    "no anchor": (without_anchor, 13),
    "revoked": (revoked_by_a_loose_file, 14),
    "revoked by a token": (revoked_by_a_token, 14),
    "evidence that is too large": (with_evidence_that_is_too_large, 15),
    "no CRL": (without_crl, 15),
    "no policy": (without_policy, 18),
}


IN_LAYOUTS = {"revoked", "revoked by a token", "evidence that is too large"}
"""What a verifier of a layout uses, and a copy of one image to a registry does not have."""


@pytest.mark.parametrize("index", [False, True])
def test_copies_what_verifies_to_all_places(tmp_path: Path, registry: LoopbackRegistry, *, index: bool) -> None:
    written = with_everything(index=index).write(tmp_path)
    stages = [written.layout, f"{registry.host}/app", tmp_path / "second", tmp_path / "third.tar"]
    for number, (source, destination) in enumerate(pairwise(stages)):
        ran = copy(written, f"{source}:v1" if number else source, destination)
        assert ran.code == 0, ran
        assert re.search(r"^copied  .*v1 .*builder +sig 1( · |$)", ran.out, re.MULTILINE)
    document = copy(written, "--dry-run", stages[-1], f"{registry.host}/again", "--format", "json").document
    assert document["artifacts"][0]["judged"]["verdict"] == "pass"
    assert document["artifacts"][0]["judged"]["scope"] == REPOSITORY


def written_signer(written: Written) -> str:
    (found,) = run_here(written.arguments()).document["artifacts"]
    return str(found["signatures"][0]["signer"]["subject"])


@pytest.mark.parametrize("name", BAD)
def test_writes_nothing_that_does_not_verify(tmp_path: Path, target: LoopbackRegistry, name: str) -> None:
    spoil, code = BAD[name]
    scene = Scene()
    spoil(scene)
    written = scene.write(tmp_path)
    assert run_here(written.arguments()).code == code
    for destination in (tmp_path / "to", tmp_path / "to.tar"):
        assert copy(written, f"{written.layout}:v1", destination).code == code
        assert not destination.exists()
    ran = copy(written, f"{written.layout}:v1", f"{target.host}/app", "--format", "json")
    assert (ran.code, ran.document["exit_code"], ran.document["error"]["exit_code"]) == (code, code, code)
    assert not target.requests("PUT")
    assert not target.requests("POST")


@pytest.mark.parametrize("name", sorted(BAD.keys() - {"no policy", *IN_LAYOUTS}))
def test_judges_what_a_registry_has(tmp_path: Path, registry: LoopbackRegistry, name: str) -> None:
    spoil, code = BAD[name]
    scene = Scene()
    spoil(scene)
    written = scene.write(tmp_path)
    assert run_here(["copy", str(written.layout), f"{registry.host}/app"]).code == 0
    assert copy(written, f"{registry.host}/app:v1", tmp_path / "to").code == code
    assert not (tmp_path / "to").exists()


def test_keeps_going_with_what_verifies(tmp_path: Path, target: LoopbackRegistry) -> None:
    scene = Scene()
    scene.builder.tag(add_image(scene.builder, "arm64"), "bad")
    written = scene.write(tmp_path)
    assert copy(written, written.layout, f"{target.host}/app").code == 10
    ran = copy(written, "--keep-going", written.layout, f"{target.host}/app", "--format", "json")
    assert ran.code == 20
    assert {item["tags"][0]: item["status"] for item in ran.document["artifacts"]} == {"v1": "copied", "bad": "failed"}
    (failed,) = (item for item in ran.document["artifacts"] if item["status"] == "failed")
    assert (failed["error"]["exit_code"], failed["error"]["reason"]) == (10, "signature.none")
    assert set(target.repositories["app"].tags) == {"v1"}


@pytest.mark.parametrize("large", [False, True])
def test_evidence_in_the_destination_counts(tmp_path: Path, *, large: bool) -> None:
    """Who verifies the copy uses it: the same artifact had passed here and was revoked there."""
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": crl(LEAF.root, number=1)}
    written = scene.write(tmp_path)
    builder = LayoutBuilder()
    builder.tag(add_image(builder, "s390x"), "other")
    if not large:
        builder.list(attach(builder, ABOUT))
    there = builder.write_directory(tmp_path / "to")
    if large:
        put_large_crl(there)
    before = (there / "index.json").read_bytes()
    assert copy(written, written.layout, tmp_path / "new").code == 0
    assert copy(written, written.layout, there).code == (15 if large else 14)
    assert copy(written, "--dry-run", written.layout, there).code == (15 if large else 14)
    assert (there / "index.json").read_bytes() == before


def test_content_that_is_wrong_gets_no_tag(tmp_path: Path, target: LoopbackRegistry) -> None:
    """Signatures are judged before; all bytes are hashed when they move."""
    scene = Scene()
    written = scene.write(tmp_path)
    layer = Digest.of(b"amd64 layer 0\n" * 8)
    path = written.layout / "blobs/sha256" / layer.encoded
    path.write_bytes(path.read_bytes()[::-1])
    assert copy(written, written.layout, f"{target.host}/app").code == 16
    assert not target.repositories["app"].tags
    assert copy(written, written.layout, tmp_path / "to").code == 16
    assert not json.loads((tmp_path / "to/index.json").read_bytes())["manifests"]


def test_content_that_is_wrong_in_the_destination_is_replaced(tmp_path: Path) -> None:
    """A copy relies on what is there by its name and size; one that was judged does not."""
    written = Scene().write(tmp_path)
    assert run_here(["copy", str(written.layout), str(tmp_path / "to")]).code == 0
    path = tmp_path / "to/blobs/sha256" / Digest.of(b"amd64 layer 0\n" * 8).encoded
    good = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(good[::-1])
    assert copy(written, written.layout, tmp_path / "to").code == 0
    assert path.read_bytes() == good


def test_a_left_out_platform_is_no_fault(tmp_path: Path) -> None:
    written = Scene(index=True).write(tmp_path)
    for source, destination in ((written.layout, tmp_path / "to"), (tmp_path / "to", tmp_path / "again")):
        assert copy(written, "--platform", "linux/amd64", source, destination).code == 0


def test_the_repository_that_was_typed_chooses_the_statement(tmp_path: Path, target: LoopbackRegistry) -> None:
    """As a full name does that is typed as a tag; a record in a layout chooses no weaker one."""
    scene = Scene()
    scene.policy = oci_policy(
        statement(
            registryScopes=[f"{target.host}/app"],
            signatureVerification={"level": "skip"},
            trustStores=[],
            trustedIdentities=[],
        ),
        statement(name="others", registryScopes=["*"]),
    )
    scene.signatures.clear()
    written = scene.write(tmp_path)
    for repository in ("app", "other"):
        assert run_here(["copy", str(written.layout), f"{target.host}/{repository}"]).code == 0
    ran = copy(written, f"{target.host}/app:v1", tmp_path / "to", scope=None)
    assert ran.code == 0, ran
    assert "the policy skips it: NOTHING proves who made it" in ran.out
    assert copy(written, f"{target.host}/other:v1", tmp_path / "no", scope=None).code == 10
    both = [f"{target.host}/app:v1", f"{target.host}/other:v1"]
    assert copy(written, "--keep-going", *both, tmp_path / "both", scope=None).code == 20
    assert copy(written, tmp_path / "to", f"{target.host}/again", scope=None).code == 13


def rename(builder: LayoutBuilder, target: Descriptor) -> None:
    """The image gets a full name."""
    builder.entries.pop(0)
    builder.tag(target, f"{REPOSITORY}:v1")


@pytest.mark.parametrize(("typed", "code"), [(f":{REPOSITORY}:v1", 0), (":v1", 13), ("", 13)])
def test_the_full_name_that_was_typed_as_a_tag_chooses_the_statement(tmp_path: Path, typed: str, code: int) -> None:
    """As for verify; it was said that only the layout says so."""
    scene = Scene(scope=None, refer=lambda written: f"oci:{written.layout}{typed}")
    scene.policy = oci_policy(statement(registryScopes=[REPOSITORY]))
    scene.packing.append(rename)
    written = scene.write(tmp_path)
    assert run_here(written.arguments()).code == code
    ran = copy(written, written.target, tmp_path / "to", scope=None)
    assert ran.code == code, ran


def put_cosign(target: LoopbackRegistry, tag: str) -> None:
    layer = {"mediaType": COSIGN, "digest": target.put_blob("app", b"{}"), "size": 2}
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": layer["digest"], "size": 2}
    signature = {"schemaVersion": 2, "mediaType": IMAGE_MANIFEST, "config": config, "layers": [layer]}
    target.put_manifest("app", signature, tag=tag)


def test_cosign_tags_come_with_what_they_are_about(tmp_path: Path, target: LoopbackRegistry) -> None:
    scene = Scene()
    written = scene.write(tmp_path)
    assert run_here(["copy", str(written.layout), f"{target.host}/app"]).code == 0
    sig = f"{written.digest.replace(':', '-')}.sig"
    put_cosign(target, sig)
    assert copy(written, "--all-tags", f"{target.host}/app", tmp_path / "to").code == 0
    put_cosign(target, sig.replace(written.digest[-3:], "000"))
    assert copy(written, "--all-tags", f"{target.host}/app", tmp_path / "another").code == 10


def test_cosign_tags_of_what_does_not_verify_stay_behind(tmp_path: Path, target: LoopbackRegistry) -> None:
    written = Scene().write(tmp_path)
    assert run_here(["copy", str(written.layout), f"{target.host}/app"]).code == 0
    unsigned = target.put_image("app", layers=(b"unsigned",), tag="v2")
    put_cosign(target, f"{str(unsigned).replace(':', '-')}.sig")
    ran = copy(written, "--all-tags", "--keep-going", f"{target.host}/app", tmp_path / "to", "--format", "json")
    assert ran.code == 20
    copied = {item["tags"][0] for item in ran.document["artifacts"] if item["status"] == "copied"}
    assert copied == {"v1"}


def test_an_image_under_a_tag_of_cosign_is_judged(tmp_path: Path, target: LoopbackRegistry) -> None:
    """Tools run it by that name. So what it is attached to is not copied, either (decision 0036)."""
    written = Scene().write(tmp_path)
    assert run_here(["copy", str(written.layout), f"{target.host}/app"]).code == 0
    layer = tar_member("bin/sh", b"evil") + END
    target.put_image("app", layers=(layer,), tag=f"{written.digest.replace(':', '-')}.sig")
    assert copy(written, "--all-tags", f"{target.host}/app", tmp_path / "to").code == 10
    ran = copy(written, "--all-tags", "--keep-going", f"{target.host}/app", tmp_path / "to", "--format", "json")
    assert ran.code == 10
    assert [item["status"] for item in ran.document["artifacts"]] == ["failed"] * 2


def test_evidence_with_a_name_is_judged(tmp_path: Path) -> None:
    """Without a name it proves itself; with one it is an artifact as any other."""
    scene = Scene()
    scene.packing.append(lambda builder, _: builder.list(attach(builder, ABOUT, crl(LEAF.root))))
    written = scene.write(tmp_path)
    assert copy(written, written.layout, tmp_path / "to").code == run_here(written.arguments()).code == 0
    whole = run_here(
        ["verify", str(written.layout), "--trust", str(written.trust), "--scope", REPOSITORY, "--format", "json"]
    )
    assert (whole.code, [item["digest"] for item in whole.document["artifacts"]]) == (0, [str(written.digest)])
    index = json.loads((written.layout / "index.json").read_bytes())
    for entry in index["manifests"]:
        if entry.get("artifactType") == EVIDENCE_TYPE:
            entry["annotations"] = {"org.opencontainers.image.ref.name": "v2"}
    (written.layout / "index.json").write_text(json.dumps(index))
    assert copy(written, written.layout, tmp_path / "named").code == 10


def test_what_comes_on_standard_input_is_judged_before_it_is_named(
    tmp_path: Path, target: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, spoil, code in (("good", lambda _: None, 0), ("bad", unsigned, 10)):
        scene = Scene(archive=True)
        spoil(scene)
        (tmp_path / name).mkdir()
        written = scene.write(tmp_path / name)
        with written.layout.open("rb") as stream:
            monkeypatch.setattr("sys.stdin", type("Standard", (), {"buffer": stream}))
            assert copy(written, "-", tmp_path / name / "to").code == code
        index = json.loads((tmp_path / name / "to/index.json").read_bytes())
        assert bool(index["manifests"]) is not bool(code)
        ran = copy(written, "-", f"{target.host}/app")
        assert (ran.code, "cannot be judged before" in ran.err) == (2, True)


def test_a_source_may_be_called_as_the_judged_copy_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The evidence of its layout was taken for all that the copy has: what is attached in a registry was not used."""
    revoked, other = Scene(), Scene()
    revoked.packing.append(lambda builder, target: builder.list(attach(builder, target)))
    for scene in (revoked, other):
        scene.sign_with(LEAF)
        scene.crls = {"good.crl": crl(LEAF.root, number=1)}
    written = other.write(tmp_path / "other")
    written.layout.rename(tmp_path / "the copy")
    monkeypatch.chdir(tmp_path)
    with LoopbackRegistry() as registry:
        source = f"{registry.host}/app:v1"
        assert run_here(["copy", f"{revoked.write(tmp_path / 'revoked').layout}:v1", source]).code == 0
        assert copy(written, "the copy:v1", source, "to").code == 14


@pytest.mark.parametrize("name", ["crls/r.crl", "issuer.pem"])
def test_evidence_beside_a_layout_on_standard_input_leaves_it_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """From a file it revokes the signer; of a stream only its name is left, and only 1,000 names were kept."""
    scene = Scene(archive=True)
    revoked_by_a_loose_file(scene)
    notes = {f"notes/{number}": b"notes" for number in range(1001)}
    scene.builder.extra_files = {**notes, name: scene.builder.extra_files["crls/r.crl"]}
    written = scene.write(tmp_path)
    assert copy(written, written.layout, tmp_path / "file").code == 14
    with written.layout.open("rb") as stream:
        monkeypatch.setattr("sys.stdin", type("Standard", (), {"buffer": stream}))
        ran = copy(written, "-", tmp_path / "to")
    assert (ran.code, name in ran.err, "Save the tar to a file" in ran.err) == (15, True, True)
    assert not json.loads((tmp_path / "to/index.json").read_bytes())["manifests"]


@pytest.mark.parametrize(
    "arguments",
    [["--exclude-referrers", "SOURCE", "to"], ["--depth", "0", "SOURCE", "to"], ["SOURCE", "TRUST/to"]],
)
def test_refuses_what_cannot_be_meant(tmp_path: Path, arguments: list[str]) -> None:
    written = Scene().write(tmp_path)
    places = {"SOURCE": str(written.layout), "TRUST/to": str(written.trust / "to"), "to": str(tmp_path / "to")}
    assert copy(written, *(places.get(item, item) for item in arguments)).code == 2
    ran = run_here(["copy", "--scope", REPOSITORY, str(written.layout), str(tmp_path / "to")])
    assert (ran.code, "no trust directory is named" in ran.err) == (2, True)
