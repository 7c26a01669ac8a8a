"""`airgap copy`, from every transport to every other, through the command."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

import airgap
from airgap.transfer.events import ArtifactDone, BlobDone, Started
from tests.support.command import Ran, run_here, run_process
from tests.support.copying import (
    SBOM,
    Family,
    acquisitions,
    check_complete,
    check_complete_but_declared,
    digests,
    family,
    load,
    names,
    write,
)
from tests.support.layouts import LayoutBuilder, tar_of
from tests.support.registry import LoopbackRegistry, answer, error, refusing_port
from tests.support.tools import needed

AT = datetime(2026, 1, 1, tzinfo=UTC)


def copy(*arguments: object, code: int = 0) -> Ran:
    ran = run_here(["copy", *map(str, arguments)])
    assert ran.code == code, ran
    assert "Traceback" not in ran.err, ran
    return ran


def manifests_of(made: Family) -> set[str]:
    return names(made.all)


# --- transports ---


def test_copies_a_registry_to_a_layout_with_all_referrers(tmp_path: Path, registry: LoopbackRegistry) -> None:
    """Referrers of the artifact, of children of an index and of referrers."""
    made = family()
    load(registry, "app", made)
    copy(f"{registry.host}/app:v1", tmp_path / "stick")
    check_complete(tmp_path / "stick", made.index)
    assert set(map(str, made.builder.blobs)) <= digests(tmp_path / "stick")


@pytest.mark.parametrize("form", ["directory", "tar"])
def test_a_layout_to_a_registry_and_back_is_the_same(tmp_path: Path, registry: LoopbackRegistry, form: str) -> None:
    made = family()
    source = (
        write(tmp_path / "source", made) if form == "directory" else made.builder.write_tar(tmp_path / "source.tar")
    )
    copy(source, f"{registry.host}/app")
    assert registry.repositories["app"].tags["v1"] == str(made.index.digest)
    copy(f"{registry.host}/app:v1", tmp_path / "back", "--no-record")
    assert digests(tmp_path / "back") == set(map(str, made.builder.blobs))
    check_complete(tmp_path / "back", made.index)


def test_copies_to_a_registry_whose_proxy_takes_no_head(tmp_path: Path, registry: LoopbackRegistry) -> None:
    source = write(tmp_path / "source", family())
    registry.on("HEAD", "", answer(405))
    copy(source, f"{registry.host}/new:v1")
    held = len(registry.repositories["new"].blobs)
    copy(source, f"{registry.host}/new:v1")
    assert len(registry.repositories["new"].blobs) == held > 0
    assert registry.repositories["new"].tags.keys() >= {"v1"}


def test_between_repositories_of_a_registry_blobs_are_mounted(registry: LoopbackRegistry) -> None:
    made = family()
    load(registry, "a", made)
    ran = copy(f"{registry.host}/a:v1", f"{registry.host}/b", "--format", "json")
    assert ran.document["totals"]["by"]["mounted"] > 4000
    assert set(registry.repositories["b"].blobs) == set(registry.repositories["a"].blobs)
    assert manifests_of(made) <= set(registry.repositories["b"].manifests)


def test_copies_between_registries(registry: LoopbackRegistry, target: LoopbackRegistry) -> None:
    made = family()
    load(registry, "a", made)
    copy(f"{registry.host}/a:v1", f"{target.host}/b:renamed")
    assert target.repositories["b"].tags == {"renamed": str(made.index.digest)}
    assert manifests_of(made) <= set(target.repositories["b"].manifests)


def test_copies_to_a_docker_registry_and_back(tmp_path: Path, distribution: str) -> None:
    made = family(31)
    source = write(tmp_path / "source", made)
    copy(source, f"{distribution}/app")
    again = copy(source, f"{distribution}/app", "--format", "json").document
    assert again["artifacts"][0]["status"] == "current"
    assert again["totals"]["bytes"] == 0
    copy(f"{distribution}/app:v1", tmp_path / "back")
    check_complete(tmp_path / "back", made.index)
    assert names(made.all) <= digests(tmp_path / "back")
    tar = tmp_path / "trip.tar"
    copy(f"{distribution}/app:v1", tar)
    check_complete(tar, made.index)


def test_names_the_remedy_where_a_docker_registry_refuses_a_sparse_index(tmp_path: Path, distribution: str) -> None:
    source = write(tmp_path / "source", family(32))
    ran = copy(source, f"{distribution}/sparse", "--platform", "linux/amd64", code=1)
    assert "takes no index with platforms left out" in ran.err
    assert "Copy all platforms" in ran.err


def test_copies_from_a_pipe_into_a_pipe(tmp_path: Path) -> None:
    """`airgap copy SRC - | airgap copy - DST`: one pass on both sides."""
    made = family()
    source = write(tmp_path / "source", made)
    command = [sys.executable, "-m", "airgap", "copy"]
    sender = subprocess.Popen([*command, str(source), "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    receiver = subprocess.run(
        [*command, "-", str(tmp_path / "back")], check=False, stdin=sender.stdout, capture_output=True, text=True
    )
    _, err = sender.communicate(timeout=30)
    assert sender.returncode == 0, err
    assert b"copied" in err, "with the tar on standard output, the result goes to standard error"
    assert receiver.returncode == 0, receiver.stderr
    check_complete(tmp_path / "back", made.index)
    assert digests(tmp_path / "back") == set(map(str, made.builder.blobs))


@pytest.mark.parametrize("order", ["index first", "index last"])
def test_copies_a_piped_tar_of_any_order_into_a_registry(registry: LoopbackRegistry, order: str) -> None:
    made = family()
    files = made.builder.files()
    if order == "index last":
        files = dict(reversed(files.items()))
    request = airgap.CopyRequest(sources=["-"], destination=f"{registry.host}/app", at=AT)
    result = airgap.copy(request, source=io.BytesIO(tar_of(files)))
    assert [item.status for item in result.artifacts] == ["copied"]
    assert registry.repositories["app"].tags["v1"] == str(made.index.digest)
    assert manifests_of(made) <= set(registry.repositories["app"].manifests)


@pytest.mark.parametrize("blank", [" ", "\t", "\r\n"])
def test_copies_a_piped_manifest_that_begins_with_a_blank(registry: LoopbackRegistry, blank: str) -> None:
    """It was said not to be in standard input."""
    builder = LayoutBuilder()
    image = builder.blobs[builder.add_image().digest]
    manifest = builder.tag(builder.add_manifest(blank.encode() + image), "v1")
    request = airgap.CopyRequest(sources=["-"], destination=f"{registry.host}/app", at=AT)
    airgap.copy(request, source=io.BytesIO(tar_of(builder.files())))
    assert registry.repositories["app"].tags == {"v1": str(manifest.digest)}


def test_a_truncated_piped_tar_sets_no_tag(tmp_path: Path) -> None:
    made = family()
    data = made.builder.write_tar(tmp_path / "x.tar").read_bytes()
    for length in (0, 700, 5000, len(data) - 1024):
        target = tmp_path / f"to{length}"
        request = airgap.CopyRequest(sources=["-"], destination=str(target), at=AT)
        with pytest.raises(airgap.AirgapError):
            airgap.copy(request, source=io.BytesIO(data[:length]))
        assert json.loads((target / "index.json").read_bytes())["manifests"] == []


# --- tars ---


def test_a_tar_is_the_same_bytes_for_the_same_content(tmp_path: Path) -> None:
    made = family()
    source = write(tmp_path / "source", made)
    copy(source, tmp_path / "one.tar")
    copy(tmp_path / "one.tar", tmp_path / "two.tar", "--concurrency", "1")
    copy(source, tmp_path / "three")
    copy(tmp_path / "three", tmp_path / "three.tar")
    found = {hashlib.sha256((tmp_path / f"{name}.tar").read_bytes()).hexdigest() for name in ("one", "two", "three")}
    assert len(found) == 1


def test_two_people_build_the_same_tar_of_a_registry(
    tmp_path: Path, registry: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record states a moment; SOURCE_DATE_EPOCH says which."""
    load(registry, "app", family())
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    for name in ("one.tar", "two.tar"):
        copy(f"{registry.host}/app:v1", tmp_path / name)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_does_not_overwrite_other_tars(tmp_path: Path) -> None:
    made = family()
    source = write(tmp_path / "source", made)
    (tmp_path / "trip.tar").write_bytes(b"mine")
    assert "--overwrite" in copy(source, tmp_path / "trip.tar", code=2).err
    assert (tmp_path / "trip.tar").read_bytes() == b"mine"
    copy(source, tmp_path / "trip.tar", "--overwrite")
    check_complete(tmp_path / "trip.tar", made.index)


def test_gnu_tar_reads_the_written_tar(tmp_path: Path) -> None:
    made = family()
    made.builder.add_image(b"another", algorithm="sha512")
    source = write(tmp_path / "source", made)
    copy(source, tmp_path / "trip.tar")
    (tmp_path / "unpacked").mkdir()
    done = subprocess.run(
        ["tar", "-C", str(tmp_path / "unpacked"), "-xf", str(tmp_path / "trip.tar")], check=False, capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")
    check_complete(tmp_path / "unpacked", made.index)


# --- what is chosen ---


@pytest.mark.parametrize(
    ("options", "left_out"),
    [
        (["--exclude-referrers"], {"signature", "sbom", "sbom_signature", "child_signature"}),
        (["--depth", "0"], {"signature", "sbom", "sbom_signature", "child_signature"}),
        (["--depth", "1"], {"sbom_signature"}),
        (["--artifact-type", SBOM], {"signature", "child_signature"}),
        (["--platform", "linux/arm64"], {"child_signature"}),
        (["--recursive"], set()),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_referrers_are_chosen(
    tmp_path: Path, registry: LoopbackRegistry, options: list[str], left_out: set[str]
) -> None:
    """A referrer that was chosen brings its own signature."""
    made = family()
    load(registry, "app", made)
    copy(f"{registry.host}/app:v1", tmp_path / "stick", *options)
    here = digests(tmp_path / "stick")
    for name in ("signature", "sbom", "sbom_signature", "child_signature"):
        assert (str(getattr(made, name).digest) in here) == (name not in left_out), name


LISTED = {
    "none is listed": {"name": "app", "tags": None},
    "an empty document": {},
    "a cut page": {"name": "app", "tags": ["v1", *(f"t{number}" for number in range(99))]},
    "others are listed": {"name": "app", "tags": ["v0"]},
}


@pytest.mark.parametrize("tags", ["few", "more than a page", "not listed", *LISTED])
def test_copies_cosign_tags(tmp_path: Path, registry: LoopbackRegistry, tags: str) -> None:
    made = family()
    load(registry, "app", made)
    tag = f"sha256-{made.index.digest.encoded}.sig"
    cosign = registry.put_image("app", tag=tag, layers=(b"simple signing",))
    if tags == "more than a page":
        registry.page_size = 1
    if tags == "not listed":
        registry.on("GET", r"/tags/list", error(403, "DENIED"), times=100)
    if tags in LISTED:
        registry.on("GET", r"/tags/list", answer(200, json.dumps(LISTED[tags]).encode()), times=100)
    copy(f"{registry.host}/app:v1", tmp_path / "without", "--no-digest-tags")
    assert cosign not in digests(tmp_path / "without")
    copy(f"{registry.host}/app:v1", tmp_path / "with")
    assert cosign in digests(tmp_path / "with")
    (record,) = acquisitions(tmp_path / "with")
    assert record["referrers"]["digestTags"] is True
    about = tag.removesuffix(".sig")
    asked = {request.path.rpartition(".")[2] for request in registry.seen if f"{about}." in request.path}
    assert asked == ({"sig"} if tags == "few" else {"sig", "att", "sbom"}), "a list on one page answers for all tags"
    copy(tmp_path / "with", f"{registry.host}/second")
    assert registry.repositories["second"].tags[tag] == cosign, "out of a layout they come by themselves"


def test_choosing_a_platform_keeps_the_index_and_records_the_choice(tmp_path: Path, registry: LoopbackRegistry) -> None:
    made = family()
    load(registry, "app", made)
    ran = copy(f"{registry.host}/app:v1", tmp_path / "stick", "--platform", "linux/amd64", "--format", "json")
    assert ran.document["artifacts"][0]["left_out"] == [
        {"digest": str(made.children[1].digest), "platform": "linux/arm64"}
    ]
    here = digests(tmp_path / "stick")
    assert str(made.index.digest) in here
    assert str(made.children[1].digest) not in here
    (record,) = acquisitions(tmp_path / "stick")
    assert record["platforms"] == {
        "chosen": ["linux/amd64"],
        "absent": [{"digest": str(made.children[1].digest), "platform": "linux/arm64"}],
    }
    check_complete_but_declared(tmp_path / "stick")
    # a copy of the copy declares the same, without being asked again
    copy(tmp_path / "stick", tmp_path / "second")
    check_complete_but_declared(tmp_path / "second")


def test_a_missing_platform_is_an_error_that_lists_the_existing_ones(tmp_path: Path) -> None:
    source = write(tmp_path / "source", family())
    ran = copy(source, tmp_path / "to", "--platform", "linux/s390x", code=11)
    assert "linux/amd64, linux/arm64" in ran.err


def test_error_statuses_are_never_an_empty_list(tmp_path: Path, registry: LoopbackRegistry) -> None:
    """RULE-6: a lost signature is always an error."""
    load(registry, "app", family())
    where = r"/referrers/" if registry.referrers_api else r"/manifests/sha256-"
    for status, code in ((401, "UNAUTHORIZED"), (403, "DENIED"), (429, "TOOMANYREQUESTS"), (503, "UNAVAILABLE")):
        registry._rules.clear()
        registry.on("GET", where, error(status, code))
        copy(f"{registry.host}/app:v1", tmp_path / "stick", "--retries", "0", code=1)
        assert not (tmp_path / "stick").exists()
    registry._rules.clear()
    registry.on("GET", where, error(403, "DENIED"))
    ran = copy(f"{registry.host}/app:v1", tmp_path / "stick", "--keep-going", code=20)
    assert "left behind" in ran.out
    (record,) = acquisitions(tmp_path / "stick")
    assert all(answer["problems"] and "mechanism" not in answer for answer in record["referrers"]["answers"])


# --- records ---


def test_the_record_holds_requests_and_answers(tmp_path: Path, registry: LoopbackRegistry) -> None:
    made = family()
    load(registry, "app", made)
    copy(f"{registry.host}/app:v1", tmp_path / "stick")
    (record,) = acquisitions(tmp_path / "stick")
    assert record["schema"] == "airgap.acquisition/1"
    assert record["source"] == {
        "kind": "registry",
        "name": f"{registry.host}/app",
        "reference": f"{registry.host}/app:v1",
    }
    assert record["artifact"]["digest"] == str(made.index.digest)
    answers = {answer["subject"]: answer for answer in record["referrers"]["answers"]}
    assert set(answers) == manifests_of(made), "every manifest was asked about"
    about = answers[str(made.index.digest)]
    mechanism = "v1.1-referrers-api" if registry.referrers_api else "v1.1-referrers-tag"
    assert (about["mechanism"], about["listed"], about["copied"]) == (mechanism, 2, 2)
    assert about["apiStatus"] == (200 if registry.referrers_api else 404)


def test_a_copy_that_changes_nothing_writes_nothing(tmp_path: Path, registry: LoopbackRegistry) -> None:
    load(registry, "app", family())
    copy(f"{registry.host}/app:v1", tmp_path / "stick")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "stick").rglob("*")}
    ran = copy(f"{registry.host}/app:v1", tmp_path / "stick", "--format", "json")
    assert ran.document["artifacts"][0]["status"] == "current"
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "stick").rglob("*") if path.is_file()}
    assert files == {path: moment for path, moment in before.items() if path.is_file()}


def test_a_new_record_replaces_the_old_one(tmp_path: Path, registry: LoopbackRegistry) -> None:
    made = family()
    load(registry, "app", made)
    copy(f"{registry.host}/app:v1", tmp_path / "stick", "--exclude-referrers")
    copy(f"{registry.host}/app:v1", tmp_path / "stick")
    (record,) = acquisitions(tmp_path / "stick")
    assert record["referrers"]["mode"] == "all"
    check_complete(tmp_path / "stick", made.index)


def test_records_do_not_go_into_registries(tmp_path: Path, registry: LoopbackRegistry) -> None:
    load(registry, "app", family())
    copy(f"{registry.host}/app:v1", tmp_path / "stick")
    copy(tmp_path / "stick", f"{registry.host}/second")
    stored = b"".join(raw for _, raw in registry.repositories["second"].manifests.values())
    assert b"acquisition" not in stored


def test_the_record_travels_from_layout_to_tar_to_layout(tmp_path: Path, registry: LoopbackRegistry) -> None:
    load(registry, "app", family())
    copy(f"{registry.host}/app:v1", tmp_path / "one")
    copy(tmp_path / "one", tmp_path / "two.tar")
    copy(tmp_path / "two.tar", tmp_path / "three")
    assert acquisitions(tmp_path / "one") == acquisitions(tmp_path / "three")


# --- many at once ---


def test_several_repositories_get_full_names_in_a_layout(tmp_path: Path, registry: LoopbackRegistry) -> None:
    one, two = family(1), family(2)
    load(registry, "team/one", one)
    load(registry, "team/two", two)
    host = registry.host
    copy(f"{host}/team/one:v1", f"{host}/team/two:v1", tmp_path / "stick")
    check_complete(tmp_path / "stick", one.index, two.index)
    with_names = run_here(["discover", "-v", f"{tmp_path / 'stick'}:{host}/team/two:v1"])
    assert str(two.index.digest) in with_names.out
    # out again, each below the destination, under its own path
    copy(tmp_path / "stick", f"{host}/mirror/")
    assert registry.repositories["mirror/team/one"].tags["v1"] == str(one.index.digest)
    assert registry.repositories["mirror/team/two"].tags["v1"] == str(two.index.digest)


def test_does_not_move_a_tag_of_another_repository(tmp_path: Path, registry: LoopbackRegistry) -> None:
    load(registry, "one", family(1))
    load(registry, "two", family(2))
    copy(f"{registry.host}/one:v1", tmp_path / "stick")
    ran = copy(f"{registry.host}/two:v1", tmp_path / "stick", code=2)
    assert "would take its place" in ran.err
    copy(f"{registry.host}/two:v1", f"{tmp_path / 'stick'}:two")
    check_complete(tmp_path / "stick", family(1).index, family(2).index)


def test_the_same_content_of_two_repositories_is_copied_again(tmp_path: Path, registry: LoopbackRegistry) -> None:
    for repository in ("one", "two"):
        load(registry, repository, family(1))
    sources = [f"{registry.host}/one:v1", f"{registry.host}/two:v1"]
    copy(*sources, tmp_path / "stick")
    again = copy(*sources, tmp_path / "stick")
    assert again.out.count("current") == 2
    # each goes back to its own repository, though the content is one
    copy(tmp_path / "stick", f"{registry.host}/mirror/")
    for repository in ("one", "two"):
        assert registry.repositories[f"mirror/{repository}"].tags["v1"] == str(family(1).index.digest)
    # a full name is its own repository's, whatever record the content has
    load(registry, "one", family(2))
    copy(*sources, tmp_path / "stick")
    check_complete(tmp_path / "stick", family(1).index, family(2).index)


def test_reports_a_moved_tag_and_keeps_the_former_content(tmp_path: Path, registry: LoopbackRegistry) -> None:
    old, new = family(1), family(2)
    load(registry, "app", old)
    copy(f"{registry.host}/app:v1", tmp_path / "stick")
    load(registry, "app", new)
    ran = copy(f"{registry.host}/app:v1", tmp_path / "stick")
    assert "the tag v1 named something else before" in ran.out
    check_complete(tmp_path / "stick", old.index, new.index)


def test_copies_all_tags_or_those_of_a_pattern(tmp_path: Path, registry: LoopbackRegistry) -> None:
    made = family()
    load(registry, "app", made)
    for tag in ("v2", "v10", "latest"):
        registry.put_image("app", tag=tag, layers=(tag.encode(),))
    registry.page_size = 2
    copy("--all-tags", f"{registry.host}/app", tmp_path / "all")
    assert tags_of(tmp_path / "all") == {"v1", "v2", "v10", "latest"}, "the referrers tags are no artifacts"
    copy("--tags", r"v\d+", f"{registry.host}/app", tmp_path / "some")
    assert tags_of(tmp_path / "some") == {"v1", "v2", "v10"}
    copy("--tags", r"v1.*", tmp_path / "all", tmp_path / "fewer")
    assert tags_of(tmp_path / "fewer") == {"v1", "v10"}
    copy("--tags", "(", f"{registry.host}/app", tmp_path / "none", code=2)
    copy("--tags", "nothing", f"{registry.host}/app", tmp_path / "none", code=11)


def tags_of(path: Path) -> set[str]:
    entries = json.loads((path / "index.json").read_bytes())["manifests"]
    return {entry["annotations"]["org.opencontainers.image.ref.name"] for entry in entries if "annotations" in entry}


def test_copies_from_a_list_file_and_writes_a_lock(tmp_path: Path, registry: LoopbackRegistry) -> None:
    made = family(1)
    load(registry, "app", made)
    listed = tmp_path / "list.txt"
    listed.write_text(f"# what we carry\n\n{registry.host}/app:v1   # the app\n")
    lock = tmp_path / "lock.txt"
    copy("-f", listed, "--lock-output", lock, "--dry-run", tmp_path / "stick")
    assert f"{registry.host}/app:v1@{made.index.digest}" in lock.read_text()
    load(registry, "app", family(2))  # the tag moves on
    copy("--lock", lock, tmp_path / "stick")
    assert tags_of(tmp_path / "stick") == {"v1"}
    check_complete(tmp_path / "stick", made.index)
    assert "no digest" in copy("--lock", listed, tmp_path / "other", code=2).err


@pytest.mark.parametrize("to", ["new", "new.tar", "registry"])
@pytest.mark.parametrize("size", [None, 3])
def test_a_dry_run_finds_a_blob_that_is_not_there(
    tmp_path: Path, registry: LoopbackRegistry, to: str, size: int | None
) -> None:
    """It said "planned" of what copy then refused."""
    made = family()
    layout = made.builder.write_directory(tmp_path / "stick")
    layer = json.loads(made.builder.blobs[made.children[0].digest])["layers"][0]["digest"]
    blob = layout / "blobs" / layer.replace(":", "/")
    blob.unlink() if size is None else blob.write_bytes(bytes(size))
    place = f"{registry.host}/other" if to == "registry" else tmp_path / to
    for options in ((), ("--keep-going",)):
        planned = run_here(["copy", "--dry-run", *options, str(layout), str(place)])
        assert (planned.code, layer[:19] in planned.out + planned.err) == (16, True), planned
        assert run_here(["copy", *options, str(layout), str(place)]).code == 16


def test_a_dry_run_reports_bytes_and_writes_nothing(tmp_path: Path, registry: LoopbackRegistry) -> None:
    made = family()
    load(registry, "app", made)
    dry = copy("--dry-run", f"{registry.host}/app:v1", tmp_path / "stick", "--format", "json").document
    assert not (tmp_path / "stick").exists()
    wet = copy(f"{registry.host}/app:v1", tmp_path / "stick", "--format", "json").document
    assert dry["totals"]["bytes"] == wet["totals"]["bytes"] > 8000
    assert [item["status"] for item in dry["artifacts"]] == ["planned"]
    copy("--dry-run", tmp_path / "stick", f"{registry.host}/second")
    assert "second" not in registry.repositories or not registry.repositories["second"].manifests


def test_keep_going_copies_the_rest_and_exits_20(tmp_path: Path, registry: LoopbackRegistry) -> None:
    made = family()
    load(registry, "app", made)
    gone = registry.put_image("app", tag="broken", layers=(b"lost",))
    del registry.repositories["app"].blobs[next(iter(layer_of(registry, gone)))]
    arguments = [f"{registry.host}/app:{tag}" for tag in ("nope", "broken", "v1")]
    ran = copy("--keep-going", *arguments, tmp_path / "stick", "--format", "json", code=20)
    assert {item["source"].rpartition(":")[2]: item["status"] for item in ran.document["artifacts"]} == {
        "nope": "failed",
        "broken": "failed",
        "v1": "copied",
    }
    check_complete(tmp_path / "stick", made.index)
    copy(*arguments, tmp_path / "other", code=11)
    copy("--keep-going", arguments[0], tmp_path / "other", code=11)


def layer_of(registry: LoopbackRegistry, digest: str) -> list[str]:
    document = json.loads(registry.repositories["app"].manifests[digest][1])
    return [layer["digest"] for layer in document["layers"]]


def test_reports_unreadable_entries(tmp_path: Path) -> None:
    """RULE-6: an untagged entry whose manifest is gone may be the signature."""
    made = family()
    source = write(tmp_path / "source", made)
    (source / "blobs" / "sha256" / made.child_signature.digest.encoded).unlink()
    ran = copy(source, tmp_path / "to", code=16)
    assert str(made.child_signature.digest) in ran.err
    ran = copy("--keep-going", source, tmp_path / "to", code=20)
    assert str(made.child_signature.digest)[:19] in ran.out
    ran = copy(f"{source}:v1", tmp_path / "one", code=16)
    assert str(made.child_signature.digest) in ran.err
    copy("--exclude-referrers", f"{source}:v1", tmp_path / "one")


# --- local copies ---


def test_makes_hard_links_on_request(tmp_path: Path) -> None:
    made = family(layer_bytes=5_000_000)
    source = write(tmp_path / "source", made)
    ran = copy("--link", source, tmp_path / "to", "--format", "json")
    assert ran.document["totals"]["by"]["linked"] > 10_000_000
    for digest in made.builder.blobs:
        if digest not in {item.digest for item in made.all}:
            one = source / "blobs" / "sha256" / digest.encoded
            assert one.stat().st_ino == (tmp_path / "to" / "blobs" / "sha256" / digest.encoded).stat().st_ino
    check_complete(tmp_path / "to", made.index)


def test_replaces_a_blob_of_another_size(tmp_path: Path) -> None:
    made = family()
    source = write(tmp_path / "source", made)
    copy(source, tmp_path / "to")
    for path in (tmp_path / "to" / "blobs" / "sha256").iterdir():
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1])
    copy(source, tmp_path / "to")
    check_complete(tmp_path / "to", made.index)


def test_verify_existing_replaces_a_blob_of_the_right_size_with_wrong_bytes(tmp_path: Path) -> None:
    made = family()
    source = write(tmp_path / "source", made)
    copy(source, tmp_path / "to")
    damaged = next(path for path in (tmp_path / "to" / "blobs" / "sha256").iterdir() if path.stat().st_size == 2000)
    damaged.chmod(0o644)
    damaged.write_bytes(bytes(2000))
    copy(source, tmp_path / "to")
    assert damaged.read_bytes() == bytes(2000), "not asked to look"
    copy("--verify-existing", source, tmp_path / "to")
    check_complete(tmp_path / "to", made.index)


def test_refuses_to_write_into_other_folders(tmp_path: Path) -> None:
    source = write(tmp_path / "source", family())
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "letter.txt").write_text("Dear all")
    assert "not empty and no layout" in copy(source, tmp_path / "documents", code=2).err
    assert [path.name for path in (tmp_path / "documents").iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("name", ["lost+found", "System Volume Information", "$RECYCLE.BIN", ".Trashes"])
@pytest.mark.parametrize("options", [(), ("--dry-run",)], ids=["copy", "dry-run"])
def test_the_root_of_a_medium_is_an_empty_folder(tmp_path: Path, name: str, options: tuple[str, ...]) -> None:
    source = write(tmp_path / "source", family())
    (tmp_path / "stick" / name).mkdir(parents=True)
    copy(*options, source, tmp_path / "stick")


def test_blobs_behind_a_symbolic_link_are_neither_read_nor_written(tmp_path: Path) -> None:
    made = family()
    source = write(tmp_path / "source", made)
    outside = tmp_path / "outside"
    outside.mkdir()
    target = tmp_path / "to"
    copy(source, target)
    shutil.rmtree(target / "blobs" / "sha256")
    (target / "blobs" / "sha256").symlink_to(outside)
    copy(source, target, code=16)
    assert not list(outside.iterdir())


def test_writes_referrers_tags_into_layouts_on_request(tmp_path: Path) -> None:
    """Decision 0025: --referrers-tag writes the index too, as regctl does; what is listed there by others stays."""
    made = family()
    source = write(tmp_path / "source", made)
    copy(source, tmp_path / "to", "--referrers-tag", "always", "--artifact-type", SBOM)
    copy(source, tmp_path / "to", "--referrers-tag", "always")
    check_complete(tmp_path / "to", made.index)
    entries = json.loads((tmp_path / "to" / "index.json").read_bytes())["manifests"]
    tag = f"sha256-{made.index.digest.encoded}"
    (digest,) = [
        entry["digest"]
        for entry in entries
        if entry.get("annotations", {}).get("org.opencontainers.image.ref.name") == tag
    ]
    listed = json.loads((tmp_path / "to" / "blobs" / "sha256" / digest[7:]).read_bytes())["manifests"]
    assert {item["digest"] for item in listed} == names((made.signature, made.sbom))
    assert {item["artifactType"] for item in listed} == {SBOM, "application/vnd.cncf.notary.signature"}
    before = (tmp_path / "to" / "index.json").read_bytes()
    copy(source, tmp_path / "to", "--referrers-tag", "always")
    assert (tmp_path / "to" / "index.json").read_bytes() == before


def test_a_referrers_tag_that_cannot_be_read_is_not_written_over(tmp_path: Path) -> None:
    """Its entries are not known: a new index in its place would hide them."""
    made = family()
    source = write(tmp_path / "source", made)
    copy(source, tmp_path / "to", "--referrers-tag", "always", "--artifact-type", SBOM)
    index = (tmp_path / "to" / "index.json").read_bytes()
    tag = f"sha256-{made.index.digest.encoded}"
    (digest,) = [
        entry["digest"]
        for entry in json.loads(index)["manifests"]
        if entry.get("annotations", {}).get("org.opencontainers.image.ref.name") == tag
    ]
    blob = tmp_path / "to" / "blobs" / "sha256" / digest[7:]
    blob.chmod(0o600)
    blob.write_bytes(b"x" * blob.stat().st_size)
    ran = copy(source, tmp_path / "to", "--referrers-tag", "always", code=16)
    assert "that cannot be read" in ran.err
    assert (tmp_path / "to" / "index.json").read_bytes() == index


# --- how it is asked ---


def test_oras_options_mean_the_same(tmp_path: Path) -> None:
    made = family()
    source = write(tmp_path / "source", made)
    copy("--from-oci-layout", f"{source}:v1", "--to-oci-layout", f"{tmp_path / 'to'}:renamed")
    assert tags_of(tmp_path / "to") == {"renamed"}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["{tmp}/to"], 2),
        (["{tmp}/source", "{tmp}/to@sha256:" + "0" * 64], 2),
        (["{tmp}/source:nope", "{tmp}/to"], 11),
        (["{tmp}/nothing", "{tmp}/to"], 11),
        (["localhost:1/app", "{tmp}/to"], 2),
        (["-", "{tmp}/source", "{tmp}/to"], 2),
        (["{tmp}/source", "{tmp}/to", "--platform", "amd64"], 2),
        (["{tmp}/source", "{tmp}/to", "-f", "{tmp}/nothing"], 2),
        (["{tmp}/source", "localhost:1/app", "--plain-http", "--insecure"], 2),
        (["{tmp}/source", "localhost:1/app", "--key-file", "{tmp}/key"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_explains_contradictory_options(tmp_path: Path, arguments: list[str], code: int) -> None:
    write(tmp_path / "source", family())
    ran = copy(*(item.replace("{tmp}", str(tmp_path)) for item in arguments), code=code)
    assert ran.err.startswith("Error: ")
    assert not (tmp_path / "to").exists()


def test_a_refused_connection_fails_at_once_with_host_and_reason(tmp_path: Path) -> None:
    with refusing_port() as port:
        ran = run_here(["copy", f"localhost:{port}/app:v1", str(tmp_path / "to"), "--format", "json"])
    assert ran.code == 1
    assert f"localhost:{port} refused the connection" in ran.err
    assert ran.document["error"]["facts"]["cause"] == "refused"


def test_prints_only_the_result_to_standard_output(tmp_path: Path) -> None:
    source = write(tmp_path / "source", family())
    ran = run_process(["copy", str(source), str(tmp_path / "to"), "--format", "json"])
    assert ran.document["exit_code"] == ran.code == 0
    assert "artifact" in ran.err
    assert run_process(["copy", str(source), str(tmp_path / "to2"), "-q"]).err == ""


def test_copies_between_layouts_load_nothing_that_opens_sockets(tmp_path: Path) -> None:
    source = write(tmp_path / "source", family())
    script = (
        "import sys; from airgap.cli.app import app\n"
        f"try: app(['copy', {str(source)!r}, {str(tmp_path / 'to')!r}])\nexcept SystemExit: pass\n"
        "print([name for name in sys.modules if name.split('.')[0] in {'oras', 'requests', 'urllib3', 'rich'}])"
    )
    ran = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert ran.stdout.splitlines()[-1] == "[]"


def test_the_library_reports_progress(tmp_path: Path) -> None:
    made = family()
    source = write(tmp_path / "source", made)
    events: list[object] = []
    result = airgap.copy(
        airgap.CopyRequest(sources=[str(source)], destination=str(tmp_path / "to"), at=AT), progress=events.append
    )
    assert result.exit_code == 0
    (started,) = [event for event in events if isinstance(event, Started)]
    assert started.bytes == result.totals.bytes
    assert sum(isinstance(event, BlobDone) for event in events) == started.blobs == result.totals.blobs
    assert [event.digest for event in events if isinstance(event, ArtifactDone)] == [made.index.digest]


def test_skopeo_and_airgap_read_each_others_layouts(tmp_path: Path) -> None:
    skopeo = needed("skopeo")
    made = family()
    source = write(tmp_path / "source", made)
    copy(source, tmp_path / "to")
    copy(source, tmp_path / "to.tar")
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    for name, place in (("dir", f"oci:{tmp_path / 'to'}:v1"), ("tar", f"oci-archive:{tmp_path / 'to.tar'}:v1")):
        back = tmp_path / f"skopeo-{name}"
        done = subprocess.run(
            [skopeo, "--insecure-policy", "copy", "--all", "--preserve-digests", place, f"oci:{back}:v1"],
            check=False,
            capture_output=True,
            env=environment,
        )
        assert done.returncode == 0, done.stderr
        copy(back, tmp_path / f"again-{name}")
        assert str(made.index.digest) in digests(tmp_path / f"again-{name}")
