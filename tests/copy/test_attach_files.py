"""`airgap attach`: files as referrers, in layouts, tars and registries with and without the referrers API."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import airgap
from airgap import limits
from tests.support.command import Ran, run_here
from tests.support.layouts import LayoutBuilder
from tests.support.registry import LoopbackRegistry, error
from tests.support.scenario import Scene
from tests.support.signing import tree

SPDX = "application/spdx+json"


@dataclass
class Ground:
    """An image in some transport, and a file to attach."""

    folder: Path
    target: str

    def file(self, name: str = "sbom.json", data: bytes = b'{"spdxVersion":"SPDX-2.3"}') -> str:
        path = self.folder / name
        path.write_bytes(data)
        return str(path)

    def attach(self, *arguments: str, kind: str = SPDX) -> Ran:
        return run_here(["attach", *arguments, self.target, "--artifact-type", kind, "--format", "json"])

    def referrers(self) -> list[dict[str, Any]]:
        ran = run_here(["discover", self.target, "--format", "json"])
        assert ran.code == 0, ran.err
        return list(ran.document["artifacts"][0]["referrers"])


def _layout() -> LayoutBuilder:
    made = LayoutBuilder()
    made.tag(made.add_image(b"layer"), "v1")
    return made


@pytest.fixture(params=["directory", "tar", "registry"])
def ground(request: pytest.FixtureRequest, tmp_path: Path, registry: LoopbackRegistry) -> Ground:
    if request.param == "registry":
        registry.put_image("app", tag="v1")
        return Ground(tmp_path, f"{registry.host}/app:v1")
    if request.param == "tar":
        return Ground(tmp_path, f"{_layout().write_tar(tmp_path / 'stick.tar')}:v1")
    return Ground(tmp_path, f"{_layout().write_directory(tmp_path / 'stick')}:v1")


def test_a_file_becomes_a_referrer(ground: Ground) -> None:
    ran = ground.attach(ground.file(), "--annotation", "org.example.author=me")
    assert ran.code == 0, ran.err
    document = ran.document
    assert (document["schema"], document["exit_code"], document["problem"]) == ("airgap.attach/1", 0, None)
    attached = document["attached"]
    assert [(item["name"], item["media_type"]) for item in attached["files"]] == [("sbom.json", SPDX)]
    (referrer,) = ground.referrers()
    assert (referrer["digest"], referrer["artifact_type"]) == (attached["referrer"]["digest"], SPDX)
    assert referrer["annotations"]["org.example.author"] == "me"
    assert "org.opencontainers.image.created" in referrer["annotations"]
    (listed,) = run_here(["ls", ground.target, "--format", "json"]).document["artifacts"]
    assert listed["attached"] == {"sbom": 1}


def test_attaching_the_same_twice_adds_one_referrer(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ground.attach(ground.file())
    monkeypatch.setattr("airgap.cli.attach.clock", lambda: datetime(2030, 1, 1, tzinfo=UTC))
    second = ground.attach(ground.file())
    assert (first.code, second.code) == (0, 0)
    assert (first.document["attached"]["existed"], second.document["attached"]["existed"]) == (False, True)
    assert first.document["attached"]["referrer"] == second.document["attached"]["referrer"]
    assert len(ground.referrers()) == 1
    assert ground.attach(ground.file(), "--force").document["attached"]["existed"] is False
    assert len(ground.referrers()) == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda ground: ground.attach(ground.file(data=b"other")),
        lambda ground: ground.attach(ground.file("other.json")),
        lambda ground: ground.attach(ground.file() + ":text/plain"),
        lambda ground: ground.attach(ground.file(), kind="application/vnd.cyclonedx+json"),
        lambda ground: ground.attach(ground.file(), "-a", "a=b"),
        lambda ground: ground.attach(ground.file(), "-a", "org.opencontainers.image.created=2020-01-01T00:00:00Z"),
        lambda ground: ground.attach(ground.file(), ground.file("second.json")),
    ],
)
def test_attaches_a_second_manifest_with_other_annotations(ground: Ground, change: Callable[[Ground], Ran]) -> None:
    assert ground.attach(ground.file()).code == 0
    assert change(ground).code == 0
    assert len(ground.referrers()) == 2


def test_the_order_of_files_does_not_matter(ground: Ground) -> None:
    one, two = ground.file("one.json", b"1"), ground.file("two.json", b"2")
    assert ground.attach(one, two).code == 0
    assert ground.attach(two, one).document["attached"]["existed"] is True


def test_does_not_change_the_artifact(ground: Ground) -> None:
    before = run_here(["discover", ground.target, "--format", "json"]).document["artifacts"][0]
    assert ground.attach(ground.file("a", b"same"), ground.file("b", b"same")).code == 0
    after = run_here(["discover", ground.target, "--format", "json"]).document["artifacts"][0]
    assert (before["digest"], before["annotations"]) == (after["digest"], after["annotations"])


def test_a_copy_includes_attached_files(ground: Ground, tmp_path: Path) -> None:
    digest = ground.attach(ground.file()).document["attached"]["referrer"]["digest"]
    assert run_here(["copy", ground.target, str(tmp_path / "copied"), "--no-record"]).code == 0
    (artifact,) = run_here(["discover", str(tmp_path / "copied"), "--format", "json"]).document["artifacts"]
    assert [item["digest"] for item in artifact["referrers"]] == [digest]


def test_does_not_change_the_verdict(tmp_path: Path) -> None:
    """A signed image stays signed; what is attached is content that is checked with it."""
    written = Scene().write(tmp_path)
    sbom = tmp_path / "sbom.json"
    sbom.write_text("{}")
    assert run_here(written.arguments()).code == 0
    assert run_here(["attach", str(sbom), f"{written.layout}:v1", "--artifact-type", SPDX]).code == 0
    assert run_here(written.arguments()).code == 0


def test_writes_the_manifest_that_oras_writes(tmp_path: Path) -> None:
    ground = Ground(tmp_path, f"{_layout().write_directory(tmp_path / 'stick')}:v1")
    digest = ground.attach(ground.file() + ":application/json").document["attached"]["referrer"]["digest"]
    manifest = json.loads((tmp_path / "stick/blobs/sha256" / digest.partition(":")[2]).read_bytes())
    assert manifest["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"
    (layer,) = manifest["layers"]
    assert (layer["mediaType"], layer["annotations"]) == (
        "application/json",
        {"org.opencontainers.image.title": "sbom.json"},
    )
    assert set(manifest["subject"]) == {"mediaType", "digest", "size"}
    entry = next(item for item in json.loads((tmp_path / "stick/index.json").read_bytes())["manifests"]
                 if item["digest"] == digest)  # fmt: skip
    assert entry["artifactType"] == SPDX


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("sbom", "is no artifact type"),
        ("a/b\n", "is no artifact type"),
        ("application/vnd.cncf.notary.signature", "airgap sign"),
        ("Application/vnd.CNCF.notary.signature; a=b", "airgap sign"),
        ("application/vnd.airgap.evidence.v1", "trust fetch --into"),
    ],
)
def test_refuses_types_of_signatures_and_evidence(tmp_path: Path, kind: str, said: str) -> None:
    ground = Ground(tmp_path, f"{_layout().write_directory(tmp_path / 'stick')}:v1")
    ran = ground.attach(ground.file(), kind=kind)
    assert ran.code == 2
    assert said in ran.err
    assert (ran.document["schema"], ran.document["exit_code"]) == ("airgap.attach/1", 2)


@pytest.mark.parametrize(
    "kind",
    [
        "application/wasm",
        "application/x+WASM",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.manifest.v1+json; a=b",
        "application/vnd.OCI.image.index.v1+json",
    ],
)
def test_refuses_layer_types_of_other_artifacts(tmp_path: Path, kind: str) -> None:
    """A file with the type of a manifest would be read as one, and the layout would hold unreadable content."""
    ground = Ground(tmp_path, f"{_layout().write_directory(tmp_path / 'stick')}:v1")
    assert ground.attach(f"{ground.file()}:{kind}").code == 2
    assert ground.attach(ground.file(), kind=kind).code == 2
    assert ground.referrers() == []


def test_refuses_what_is_no_media_type(ground: Ground) -> None:
    ran = ground.attach(f"{ground.file()}:a/b c")
    assert (ran.code, "'a/b c' is no media type" in ran.err) == (2, True), ran


@pytest.mark.parametrize("key", ["org.opencontainers.image.ref.name", "io.containerd.image.name", "kind"])
def test_refuses_annotations_that_name_an_artifact(ground: Ground, key: str) -> None:
    ran = ground.attach(ground.file(), "-a", f"{key}=dev.hauler/image")
    assert (ran.code, key in ran.err) == (2, True)
    assert ground.referrers() == []


def test_refuses_a_missing_layout(tmp_path: Path) -> None:
    """As for the commands that read one."""
    ground = Ground(tmp_path, f"{tmp_path / 'nothing'}:v1")
    ran = ground.attach(ground.file())
    assert (ran.code, "there is no file or directory" in ran.err) == (11, True)


def test_refuses_outputs_that_are_inputs(tmp_path: Path) -> None:
    """RULE-7."""
    builder = _layout().write_directory(tmp_path / "stick")
    tar = _layout().write_tar(tmp_path / "stick.tar")
    (tmp_path / "link").symlink_to(builder / "index.json")
    before = tree(builder), tar.read_bytes()
    for file, target in (
        (builder / "index.json", builder),
        (builder / "oci-layout", builder),
        (tmp_path / "link", builder),
        (tar, tar),
    ):
        ran = run_here(["attach", str(file), f"{target}:v1", "--artifact-type", SPDX])
        assert (ran.code, "outside of it" in ran.err) == (2, True), ran.err
    assert (tree(builder), tar.read_bytes()) == before


def test_refuses_unreadable_files_before_anything_is_written(ground: Ground) -> None:
    (ground.folder / "folder").mkdir()
    same = ground.folder / "folder" / "sbom.json"
    same.write_bytes(b"x")
    for files in (
        [str(ground.folder / "nothing.json")],
        [str(ground.folder / "folder")],
        [ground.file(), str(same)],
        [],
    ):
        assert ground.attach(*files).code == 2
    assert ground.referrers() == []


def test_names_a_pipe_as_such(ground: Ground) -> None:
    """`<(command)` of a shell is `/dev/fd/63`, which is there, and of which no other path is."""
    reading, writing = os.pipe()
    try:
        ran = ground.attach(f"/dev/fd/{reading}")
    finally:
        os.close(reading)
        os.close(writing)
    assert (ran.code, "is no file but a pipe" in ran.err) == (2, True)


def test_files_are_bounded(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airgap.limits.ATTACHED_BYTES", 10)
    assert ground.attach(ground.file("a", b"123456")).code == 0
    ran = ground.attach(ground.file("b", b"123456"), ground.file("c", b"123456"))
    assert ran.code == 2
    assert "bytes" in ran.err


def test_explains_swapped_arguments(registry: LoopbackRegistry, tmp_path: Path) -> None:
    registry.put_image("app", tag="v1")
    ground = Ground(tmp_path, f"{registry.host}/app:v1")
    ran = run_here(["attach", ground.target, ground.file(), "--artifact-type", SPDX])
    assert ran.code == 2
    assert "artifact comes last" in ran.err


def test_refuses_to_attach_beside_an_unreadable_referrer(tmp_path: Path) -> None:
    builder = LayoutBuilder()
    subject = builder.tag(builder.add_image(b"layer"), "v1")
    builder.drop(builder.add_referrer(subject, b"x", artifact_type=SPDX, layer_type=SPDX))
    ground = Ground(tmp_path, f"{builder.write_directory(tmp_path / 'stick')}:v1")
    ran = ground.attach(ground.file())
    assert (ran.code, "--force" in ran.document["problem"]["remedy"]) == (16, True)
    assert ground.attach(ground.file(), "--force").code == 0


@pytest.mark.parametrize("status", [401, 403, 500])
def test_attaches_nothing_after_a_failed_look_up(status: int, registry: LoopbackRegistry, tmp_path: Path) -> None:
    registry.put_image("app", tag="v1")
    pattern = r"/referrers/" if registry.referrers_api else r"/manifests/sha256-[0-9a-f]+$"
    registry.on("GET", pattern, error(status, "DENIED"))
    ground = Ground(tmp_path, f"{registry.host}/app:v1")
    assert ground.attach(ground.file(), "--retries", "0").code == 1
    assert registry.requests("PUT") == []


def test_force_attaches_after_a_failed_look_up(registry: LoopbackRegistry, tmp_path: Path) -> None:
    """Nothing was put, although the help says that --force asks for nothing before."""
    registry.put_image("app", tag="v1")
    pattern = r"/referrers/" if registry.referrers_api else r"/manifests/sha256-[0-9a-f]+$"
    registry.on("GET", pattern, error(403, "DENIED"), times=1)
    ground = Ground(tmp_path, f"{registry.host}/app:v1")
    ran = ground.attach(ground.file(), "--retries", "0", "--force")
    assert ran.code == 0, ran
    assert [item["digest"] for item in ground.referrers()] == [ran.document["attached"]["referrer"]["digest"]]


def test_force_says_where_the_list_stays_unseen(registry: LoopbackRegistry, tmp_path: Path) -> None:
    registry.put_image("app", tag="v1")
    registry.on("GET", r"/(referrers/|manifests/sha256-[0-9a-f]+$)", error(403, "DENIED"))
    ground = Ground(tmp_path, f"{registry.host}/app:v1")
    ran = ground.attach(ground.file(), "--retries", "0", "--force")
    assert ran.code == 1, ran
    (put,) = {digest for digest, (_, raw) in registry.repositories["app"].manifests.items() if b"subject" in raw}
    assert put in ran.err
    assert "but it cannot be seen that it is listed there" in ran.err


def test_force_keeps_the_bound_on_referrers(
    registry: LoopbackRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more than are looked at would hide all others."""
    registry.put_image("app", tag="v1")
    ground = Ground(tmp_path, f"{registry.host}/app:v1")
    assert ground.attach(ground.file()).code == 0
    for most, code in ((1, 1), (0, 16)):  # more are listed already than are looked at
        monkeypatch.setattr(limits, "REFERRERS", most)
        before = len(registry.requests("PUT"))
        ran = ground.attach(ground.file("other.json"), "--force")
        assert (ran.code, len(registry.requests("PUT"))) == (code, before), ran


def test_refuses_a_missing_artifact(ground: Ground) -> None:
    ground.target = ground.target.replace(":v1", ":v2")
    assert ground.attach(ground.file()).code == 11


def test_keeps_both_of_two_concurrent_attachments(tmp_path: Path) -> None:
    ground = Ground(tmp_path, f"{_layout().write_directory(tmp_path / 'stick')}:v1")
    files = [ground.file(f"{number}.json", b"%d" % number) for number in range(6)]

    def work(file: str) -> None:
        at = datetime(2026, 1, 1, tzinfo=UTC)
        airgap.attach(airgap.AttachRequest(files=[file], target=ground.target, artifact_type=SPDX, at=at))

    threads = [threading.Thread(target=work, args=(file,)) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(ground.referrers()) == len(files)


def test_attaching_the_same_concurrently_adds_one_referrer(ground: Ground) -> None:
    """Two runs of a pipeline; in registries this holds for the runs of one machine."""
    file = ground.file()
    requests = [
        airgap.AttachRequest(
            files=[file], target=ground.target, artifact_type=SPDX, at=datetime(2026, 1, day, tzinfo=UTC)
        )
        for day in range(1, 5)
    ]
    threads = [threading.Thread(target=airgap.attach, args=(request,)) for request in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(ground.referrers()) == 1


def test_text_is_escaped(ground: Ground) -> None:
    name = ground.file("a\x1b[31m.json")
    for options in ([], ["--format", "json"]):
        ran = run_here(["attach", name, ground.target, "--artifact-type", SPDX, *options])
        assert ran.code == 0
        assert "\x1b" not in ran.out + ran.err
