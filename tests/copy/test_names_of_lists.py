"""A tag by which a registry without the referrers API lists what refers to an artifact names nothing else there."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from airgap.oci.descriptor import IMAGE_INDEX, IMAGE_MANIFEST, REF_NAME, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.tags import referrers_tag
from tests.copy.test_import import import_
from tests.regressions.test_evidence_of_a_target_counts_in_every_place import GOOD, LEAF
from tests.support.clock import set_clock
from tests.support.command import run_here
from tests.support.layouts import LayoutBuilder
from tests.support.pki import AT
from tests.support.registry import LoopbackRegistry
from tests.support.scenario import Scene, Signature, Written, add_image, add_index

WEB = "team/web"
NAME = f"registry.example/{WEB}"


@pytest.fixture(autouse=True)
def _then(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, AT)


def write(path: Path, *named: tuple[Descriptor, str], builder: LayoutBuilder) -> Written:
    """A layout with these, each signed."""
    path.mkdir(parents=True, exist_ok=True)
    scene = Scene(scope=None)
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": GOOD}

    def pack(into: LayoutBuilder, _target: Descriptor) -> None:
        into.entries.clear()
        into.blobs.update(builder.blobs)
        for artifact, name in named:
            into.list(artifact, **{REF_NAME: name})
            Signature("jws", LEAF).attach(into, artifact)

    scene.packing.append(pack)
    return scene.write(path)


def app(builder: LayoutBuilder) -> tuple[Descriptor, str]:
    return add_image(builder), f"{NAME}:v1"


def under_its_list(builder: LayoutBuilder, of: Descriptor, *, index: bool) -> tuple[Descriptor, str]:
    """Another artifact, with the tag of the list of what refers to `of`."""
    made = add_index(builder, "arm64") if index else add_image(builder, "s390x")
    return made, f"{NAME}:{referrers_tag(of.digest)}"


@pytest.mark.parametrize("index", [True, False], ids=["index", "image"])
@pytest.mark.parametrize("command", ["import", "copy --trust", "copy"])
def test_it_is_refused_beside_its_subject(
    tmp_path: Path, registry: LoopbackRegistry, command: str, index: bool
) -> None:
    builder = LayoutBuilder()
    image = app(builder)
    written = write(tmp_path / "m", image, under_its_list(builder, image[0], index=index), builder=builder)
    trust = ["--trust", str(written.trust)] if command != "copy" else []
    arguments = [command.split(maxsplit=1)[0], str(written.layout), registry.host, *trust]
    ran = run_here(arguments)
    assert (ran.code, "would mean two things there" in ran.err) == (2, True), ran.err
    assert not any(repository.tags or repository.manifests for repository in registry.repositories.values())
    ran = run_here([*arguments, "--keep-going"])
    assert ran.code == 20, ran.err
    assert registry.repositories[WEB].tags["v1"] == str(image[0].digest)
    listed = registry.repositories[WEB].tags.get(referrers_tag(image[0].digest))
    assert registry.referrers_api == (listed is None)
    discovered = run_here(["discover", "--format", "json", f"{registry.host}/{WEB}:v1"])
    assert "application/vnd.cncf.notary.signature" in discovered.out


@pytest.mark.parametrize("index", [True, False], ids=["index", "image"])
def test_it_is_refused_where_its_subject_is_there_already(
    tmp_path: Path, registry: LoopbackRegistry, index: bool
) -> None:
    builder = LayoutBuilder()
    image = app(builder)
    other = under_its_list(builder, image[0], index=index)
    first, second = write(tmp_path / "1", image, builder=builder), write(tmp_path / "2", other, builder=builder)
    assert import_(first, first.layout, registry.host).code == 0
    before = dict(registry.repositories[WEB].tags)
    for arguments in ([], ["--dry-run"]):
        ran = import_(second, second.layout, registry.host, *arguments)
        assert (ran.code, "would mean two things there" in ran.err) == (2, True), ran.err
    assert registry.repositories[WEB].tags == before
    assert str(other[0].digest) not in registry.repositories[WEB].manifests


@pytest.mark.parametrize("index", [True, False], ids=["index", "image"])
def test_what_has_the_name_already_stays_as_it_is(tmp_path: Path, registry: LoopbackRegistry, index: bool) -> None:
    """The list of a signature is not merged into an artifact that was judged: the result was not."""
    builder = LayoutBuilder()
    image = app(builder)
    other = under_its_list(builder, image[0], index=index)
    first, second = write(tmp_path / "1", other, builder=builder), write(tmp_path / "2", image, builder=builder)
    assert import_(first, first.layout, registry.host).code == 0
    ran = import_(second, second.layout, registry.host)
    assert registry.repositories[WEB].tags[referrers_tag(image[0].digest)] == str(other[0].digest)
    if registry.referrers_api:
        assert ran.code == 0, ran.err
    else:
        assert (ran.code, "v1" in registry.repositories[WEB].tags) == (1, False)
        assert "should list referrers" in ran.out, ran.out
        assert "another writer" not in ran.out + ran.err


def test_the_list_of_something_there_is_never_replaced(tmp_path: Path) -> None:
    """Also where the tag holds a part of the digest only, so that it cannot be asked whether its subject is there."""
    builder = LayoutBuilder()
    digest = Digest.parse(f"sha512:{hashlib.sha512(b'elsewhere').hexdigest()}")
    subject = Descriptor(media_type=IMAGE_MANIFEST, digest=digest, size=9)
    tag = referrers_tag(subject.digest)
    other = (add_index(builder, "arm64"), f"{NAME}:{tag}")
    written = write(tmp_path, other, builder=builder)
    with LoopbackRegistry() as registry:
        registry.referrers_api = False
        signature = registry.put_manifest(
            WEB,
            {
                "schemaVersion": 2,
                "mediaType": IMAGE_MANIFEST,
                "artifactType": "application/vnd.cncf.notary.signature",
                "config": registry_blob(registry),
                "layers": [],
                "subject": subject.to_json(),
            },
        )
        listing = registry.put_index(WEB, (signature,), tag=tag)
        ran = import_(written, written.layout, registry.host)
        assert (ran.code, registry.repositories[WEB].tags[tag]) == (2, listing), ran.err
        assert "would mean two things there" in ran.err


def registry_blob(registry: LoopbackRegistry) -> dict[str, object]:
    digest = registry.put_blob(WEB, b"{}")
    return {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest, "size": 2}


@pytest.mark.parametrize("tag", [f"sha256-{'c' * 64}", "v2"])
def test_a_tag_whose_content_cannot_be_read_is_not_taken_for_a_list(
    tmp_path: Path, registry: LoopbackRegistry, tag: str
) -> None:
    registry.put_image(WEB, tag="v1")
    lost = {"mediaType": IMAGE_MANIFEST, "digest": f"sha256:{'b' * 64}", "size": 500}
    document = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [lost]}
    registry.put_manifest(WEB, json.dumps(document).encode(), tag=tag)
    ran = run_here(["copy", f"{registry.host}/{WEB}", "--all-tags", str(tmp_path / "out")])
    assert (ran.code, "b" * 64 in ran.err) == (16, True), ran.err
    ran = run_here(["copy", f"{registry.host}/{WEB}", "--all-tags", "--keep-going", str(tmp_path / "out")])
    assert (ran.code, tag in ran.out + ran.err) == (20, True), ran.err
