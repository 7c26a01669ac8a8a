"""Many tags of a repository: one that cannot be read is named, and the others are copied."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Barrier

import pytest

from tests.support.command import Ran, run_here
from tests.support.copying import family, load
from tests.support.registry import LoopbackRegistry, answer, error

ODD = ("sha256:16077473", "../../etc", "")


@pytest.fixture
def host(target: LoopbackRegistry) -> str:
    """A registry with v1 and v2, which lists a tag that is gone, and some that are none."""
    for number, tag in enumerate(("v1", "v2")):
        load(target, "app", family(number), tag=tag)
    listed = json.dumps({"name": "app", "tags": ["v1", "gone", "v2", *ODD]}).encode()
    target.on("GET", "/tags/list", answer(200, listed, Content_Type="application/json"), times=10)
    return target.host


def copy(host: str, folder: Path, *options: str) -> Ran:
    return run_here(["copy", f"{host}/app", str(folder / "to"), "--retries", "0", "--format", "json", *options])


def test_copies_the_other_tags_where_one_cannot_be_read(tmp_path: Path, host: str) -> None:
    ran = copy(host, tmp_path, "--all-tags", "--keep-going")
    assert ran.code == 20
    states = {item["source"]: item["status"] for item in ran.document["artifacts"]}
    assert states == {
        f"{host}/app:v1": "copied",
        f"{host}/app:v2": "copied",
        f"{host}/app:gone": "failed",
        **{f"{host}/app:{tag}": "failed" for tag in ODD if tag},
    }
    tags = {entry["annotations"]["org.opencontainers.image.ref.name"] for entry in entries(tmp_path)}
    assert tags == {"v1", "v2"}


def entries(folder: Path) -> list[dict[str, dict[str, str]]]:
    index = json.loads((folder / "to" / "index.json").read_bytes())
    return [entry for entry in index["manifests"] if entry.get("annotations")]


def test_copies_nothing_without_keep_going(tmp_path: Path, host: str) -> None:
    assert copy(host, tmp_path, "--all-tags").code == 1
    assert not (tmp_path / "to").exists()


def test_ignores_tags_that_were_not_requested(tmp_path: Path, host: str) -> None:
    assert copy(host, tmp_path, "--tags", "v[0-9]+").code == 0


def test_does_not_copy_the_tag_of_a_broken_manifest(tmp_path: Path, host: str, target: LoopbackRegistry) -> None:
    target.on("GET", r"/manifests/v2$", error(500, "UNKNOWN"), times=10)
    ran = copy(host, tmp_path, "--tags", "v[0-9]+", "--keep-going")
    assert ran.code == 20
    assert [item["status"] for item in ran.document["artifacts"]] == ["copied", "failed"]


@pytest.mark.parametrize("of", ["the index", "a child"])
def test_leaves_no_referrers_of_a_failed_image_in_the_destination(target: LoopbackRegistry, of: str) -> None:
    made = family()
    load(target, "app", made)
    (layer, *_) = json.loads(made.builder.blobs[made.children[0].digest])["layers"]
    del target.repositories["app"].blobs[layer["digest"]]
    ran = run_here(["copy", f"{target.host}/app:v1", f"{target.host}/new", "--keep-going", "--retries", "0"])
    assert ran.code == 16, ran
    lost = [made.child_signature] if of == "a child" else [made.signature, made.sbom, made.sbom_signature]
    assert not {str(item.digest) for item in lost} & set(target.repositories["new"].manifests)


def test_requests_tags_in_parallel(tmp_path: Path, host: str, target: LoopbackRegistry) -> None:
    """Each waits for the other: one after the other they would wait for ever."""
    both = Barrier(2)

    def wait(_: object) -> bool:
        both.wait(timeout=60)
        return False

    target.on("GET", r"/manifests/v[12]$", wait, times=2)
    assert copy(host, tmp_path, "--tags", "v[0-9]+", "--concurrency", "8").code == 0
    assert not both.broken


@pytest.mark.parametrize("what", [("PUT", r"/new/manifests/v[12]$"), ("GET", "/new/referrers/")], ids=["tags", "lists"])
def test_puts_tags_and_looks_at_lists_in_parallel(
    tmp_path: Path, host: str, target: LoopbackRegistry, what: tuple[str, str]
) -> None:
    """Each waits for another one: one after the other they would wait for ever."""
    assert copy(host, tmp_path, "--tags", "v[0-9]+").code == 0
    both = Barrier(2)

    def wait(_: object) -> bool:
        both.wait(timeout=60)
        return False

    target.on(*what, wait, times=2)
    assert run_here(["copy", str(tmp_path / "to"), f"{target.host}/new", "--concurrency", "1"]).code == 0
    assert not both.broken


@pytest.mark.parametrize("api", [True, False])
def test_copies_images_under_tags_that_look_like_referrers_tags(
    tmp_path: Path, target: LoopbackRegistry, *, api: bool
) -> None:
    """An image under a tag of this form was left out by its name alone, without a message."""
    target.referrers_api = api
    image = target.put_image("app", tag="v1")
    sbom = target.put_image("app", subject=image, artifact_type="a/sbom", layers=(b"{}",))
    tags = {name: f"sha256-{name * 64}" for name in "abcd"}
    target.put_image("app", tag=tags["a"], layers=(b"another",))
    target.put_index("app", (image,), tag=tags["b"])
    target.put_index("app", (), tag=tags["c"])
    target.put_index("app", (sbom,), tag=tags["d"])  # it is no referrer of this subject
    target.put_index("app", (sbom,), tag=image.replace(":", "-"))
    ran = copy(target.host, tmp_path, "--all-tags")
    assert ran.code == 0, ran
    copied = {tag for item in ran.document["artifacts"] for tag in item["tags"]}
    assert copied == {"v1", tags["a"], tags["b"], tags["d"]}
