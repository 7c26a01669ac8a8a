"""`airgap ls`: layouts, tars, repositories and registries."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from airgap import limits
from airgap.cli.console import drawn
from airgap.oci.descriptor import EMPTY, Platform
from airgap.revocation.artifact import EVIDENCE_TYPE
from tests.support.command import run_here
from tests.support.layouts import LayoutBuilder
from tests.support.registry import LoopbackRegistry, answer, error

_CONFIG = b'{"architecture":"arm64","os":"linux","created":"2026-03-04T05:06:07Z"}'


def listed(reference: str, *, code: int = 0) -> dict[str, Any]:
    ran = run_here(["ls", reference, "--format", "json"])
    assert ran.code == code, ran.out + ran.err
    return ran.document


def builder(*, created: bool = True) -> LayoutBuilder:
    """An image with two signatures, an SBOM, an attestation and three CRLs, beside an index of two platforms."""
    made = LayoutBuilder()
    image = made.tag(made.add_image(b"layer", config=_CONFIG if created else _CONFIG[:34] + b"}"), "v1", "v2", "v3")
    for number in range(2):
        made.add_referrer(image, b"envelope %d" % number)
    sbom = made.add_referrer(image, b"{}", artifact_type="application/spdx+json", layer_type="application/spdx+json")
    made.add_referrer(
        sbom, b"x", artifact_type="application/vnd.in-toto+json", layer_type="application/vnd.in-toto+json"
    )
    crls = [made.add_blob(b"crl %d" % number, "application/pkix-crl") for number in range(3)]
    made.add_referrer(image, crls, artifact_type=EVIDENCE_TYPE)
    made.add_referrer(image, b"?", artifact_type="application/x-thing", layer_type="text/plain")
    children = [
        made.add_image(b"child %s" % name.encode(), platform=Platform(architecture=name, os="linux"))
        for name in ("amd64", "arm64")
    ]
    made.tag(made.add_index(*children), "many")
    return made


@pytest.mark.parametrize("form", ["directory", "tar"])
def test_a_layout_shows_each_image_with_what_is_attached(form: str, tmp_path: Path) -> None:
    made = builder()
    path = made.write_directory(tmp_path / "stick") if form == "directory" else made.write_tar(tmp_path / "stick.tar")
    document = listed(str(path))
    assert (document["schema"], document["kind"]) == ("airgap.ls/1", "artifacts")
    one, many = document["artifacts"]
    assert one["tags"] == ["v1", "v2", "v3"]
    assert one["platforms"] == ["linux/arm64"]
    assert one["created"] == "2026-03-04T05:06:07Z"
    assert one["attached"] == {"sig": 2, "sbom": 1, "crl": 3, "other": 1}
    assert one["attached_below"] == {"att": 1}
    assert (many["platforms"], many["attached"]) == (["linux/amd64", "linux/arm64"], {})
    manifest = next(entry for entry in made.entries if entry["digest"] == one["digest"])
    assert one["size"] == manifest["size"] + len(_CONFIG) + len(b"layer")
    assert document["total"] == {
        "artifacts": 2, "blobs": len(made.blobs), "size": sum(map(len, made.blobs.values())),
    }  # fmt: skip


def test_prints_one_row_for_each_image(tmp_path: Path) -> None:
    path = builder().write_directory(tmp_path / "stick")
    ran = run_here(["ls", str(path)])
    title, _, head, many, one, also, _, total = ran.out.splitlines()
    assert title == f"{path}: what its manifests claim; airgap verify judges it."
    assert head.split() == ["NAME", "PLATFORMS", "SIZE", "DATE", "ATTACHED"]
    assert one.split()[:2] == ["v1", "linux/arm64"]
    assert "2026-03-04" in one
    assert one.endswith("sig 2 · sbom 1 · crl 3 · other 1")
    assert also == "    also v2, v3"
    assert many.startswith("many  linux/amd64, arm64  ")
    assert re.fullmatch(r"LISTED: 2 artifacts; with all that is attached \d+ blobs, \d\.\d KiB\. Exit code 0\.", total)
    assert "sha256:" in run_here(["ls", "-v", str(path)]).out


@pytest.mark.parametrize(("encoding", "as_is"), [("ascii", False), ("latin-1", False), ("utf-8", True)])
def test_draws_trees_with_characters_of_the_output_encoding(
    encoding: str, as_is: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    tree = "v1\n├── a └─ b\n│   └── sig 1 · sbom 2\n"
    assert drawn(tree) == (tree if as_is else "v1\n|-- a └─ b\n|   `-- sig 1, sbom 2\n")


def test_shows_one_artifact_of_a_layout(tmp_path: Path) -> None:
    path = builder().write_directory(tmp_path / "stick")
    assert [item["tags"] for item in listed(f"{path}:many")["artifacts"]] == [["many"]]
    assert run_here(["ls", f"{path}:nothing"]).code == 11


def test_the_signature_of_an_attachment_or_child_does_not_sign_the_image(tmp_path: Path) -> None:
    """Of an unsigned image with a signed SBOM it said `sig 1`."""
    made = LayoutBuilder()
    child = made.add_image(b"child", platform=Platform(architecture="amd64", os="linux"))
    made.tag(made.add_index(child), "v1")
    made.add_referrer(child, b"envelope of the child")
    sbom = made.add_referrer(child, b"{}", artifact_type="application/spdx+json")
    made.add_referrer(sbom, b"envelope of the SBOM")
    path = str(made.write_directory(tmp_path / "stick"))
    (one,) = listed(path)["artifacts"]
    assert (one["attached"], one["attached_below"]) == ({"sbom": 1}, {"sig": 2})
    assert "  sbom 1\n" in run_here(["ls", path]).out
    assert "attached to its attachments and children: sig 2" in run_here(["ls", "-v", path]).out


@pytest.mark.parametrize("repository", ["", "reg.example/team/app:"])
def test_the_signature_of_cosign_counts_by_any_form_of_its_tag(repository: str, tmp_path: Path) -> None:
    """In a layout of several repositories the tag is a full reference: then it counted as that of an attachment."""
    made = LayoutBuilder()
    image = made.tag(made.add_image(b"layer"), f"{repository}v1")
    made.tag(made.add_cosign(), f"{repository}{str(image.digest).replace(':', '-')}.sig")
    (one,) = listed(str(made.write_directory(tmp_path / "stick")))["artifacts"]
    assert (one["attached"], one["attached_below"]) == ({"cosign sig": 1}, {})


def test_licences_of_sboms_and_annotations_are_listed(tmp_path: Path) -> None:
    made = LayoutBuilder()
    image = made.tag(made.add_image(b"layer", annotations={"org.opencontainers.image.licenses": "MIT"}), "v1")
    sbom = json.dumps({"packages": [{"licenseConcluded": "Zlib"}, {"licenseConcluded": "NOASSERTION"}]}).encode()
    made.add_referrer(image, sbom, artifact_type="application/spdx+json")
    path = str(made.write_directory(tmp_path / "stick"))
    (one,) = listed(path)["artifacts"]
    assert (one["licenses"], one["licences"]) == ("MIT", ["MIT", "Zlib"])
    assert "    licence MIT, Zlib\n" in run_here(["ls", path]).out


def test_reports_unreadable_content(tmp_path: Path) -> None:
    """It may be a signature: "none" would be untrue."""
    made = LayoutBuilder()
    image = made.tag(made.add_image(b"layer"), "v1")
    made.drop(made.add_referrer(image, b"envelope"))
    path = str(made.write_directory(tmp_path / "stick"))
    (one,) = listed(path, code=16)["artifacts"]
    assert (one["attached"], [item["reason"] for item in one["unread"]]) == ({}, ["content.missing"])
    assert "NOT READ" in run_here(["ls", path]).out


def test_shows_what_is_attached_to_an_unreadable_image(tmp_path: Path) -> None:
    made = LayoutBuilder()
    image = made.tag(made.add_image(b"layer"), "v1")
    made.add_referrer(image, b"envelope")
    made.drop(image)
    (one,) = listed(str(made.write_directory(tmp_path / "stick")), code=16)["artifacts"]
    assert (one["attached"], one["size"], one["platforms"]) == ({"sig": 1}, 0, [])
    assert "content.missing" in [item["reason"] for item in one["unread"]]


def test_reports_entries_that_are_not_descriptors(tmp_path: Path) -> None:
    made = LayoutBuilder()
    made.tag(made.add_image(b"layer"), "v1")
    made.entries.append({"mediaType": "a/b"})
    document = listed(str(made.write_directory(tmp_path / "stick")), code=16)
    assert [item["reason"] for item in document["unread"]] == ["content.malformed"]


def test_reports_an_unreadable_config(tmp_path: Path) -> None:
    made = LayoutBuilder()
    image = made.add_image(b"layer", config=_CONFIG)
    made.tag(image, "v1")
    config = next(digest for digest, data in made.blobs.items() if data == _CONFIG)
    del made.blobs[config]
    (one,) = listed(str(made.write_directory(tmp_path / "stick")), code=16)["artifacts"]
    assert (one["platforms"], one["unread"][0]["path"]) == (["unknown"], "config")


def test_leaves_out_absent_platforms(tmp_path: Path) -> None:
    made = LayoutBuilder()
    here, gone = (
        made.add_image(name.encode(), platform=Platform(architecture=name, os="linux")) for name in ("amd64", "arm64")
    )
    made.tag(made.add_index(here, gone), "v1")
    made.drop(gone)
    path = str(made.write_directory(tmp_path / "stick"))
    (one,) = listed(path)["artifacts"]
    assert (one["platforms"], one["left_out"]) == (["linux/amd64"], ["linux/arm64"])
    assert "linux/amd64 (1 left out)" in run_here(["ls", path]).out


def test_other_artifacts_have_no_platform(tmp_path: Path) -> None:
    made = LayoutBuilder()
    document = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/vnd.example.chart",
        "config": made.add_blob(b"{}", EMPTY).to_json(),
        "layers": [made.add_blob(b"chart", "application/x-chart").to_json()],
        "annotations": {
            "org.opencontainers.image.created": "2025-01-02T00:00:00Z",
            "org.opencontainers.image.licenses": "MIT",
        },
    }
    made.tag(made.add_manifest(document), "chart")
    (one,) = listed(str(made.write_directory(tmp_path / "stick")))["artifacts"]
    assert (one["platforms"], one["created"], one["licenses"]) == ([], "2025-01-02T00:00:00Z", "MIT")


@pytest.mark.parametrize("stated", ["yesterday", "0001-01-01T00:00:00Z"])
def test_ignores_a_date_that_is_none(tmp_path: Path, stated: str) -> None:
    """Programs in Go (crane, ko) write the year 1 where they have no date."""
    made = LayoutBuilder()
    made.tag(made.add_image(b"layer", annotations={"org.opencontainers.image.created": stated}), "v1")
    (one,) = listed(str(made.write_directory(tmp_path / "stick")))["artifacts"]
    assert one["created"] is None


def test_a_text_of_a_layout_is_escaped(tmp_path: Path) -> None:
    made = LayoutBuilder()
    config = json.dumps({"os": "li\x1b[31mnux", "architecture": "a\nb"}).encode()
    made.tag(made.add_image(b"layer", config=config), "v\x1b[2J1")
    path = str(made.write_directory(tmp_path / "stick"))
    for options in ([], ["-v"], ["--format", "json"]):
        ran = run_here(["ls", path, *options])
        assert ran.code == 0
        assert "\x1b" not in ran.out + ran.err
        assert len(ran.out.splitlines()) in {6, 8} or options == ["--format", "json"]


# registries


def test_an_artifact_of_a_registry_shows_what_the_layout_shows(tmp_path: Path, registry: LoopbackRegistry) -> None:
    path = builder().write_directory(tmp_path / "stick")
    there = f"{registry.host}/app:v1"
    assert run_here(["copy", f"{path}:v1", there, "--no-record"]).code == 0
    (before,), (after,) = listed(f"{path}:v1")["artifacts"], listed(there)["artifacts"]
    for document in (before, after):
        del document["reference"], document["tags"]
    assert before == after


def test_lists_of_referrers_are_no_tags_of_artifacts(registry: LoopbackRegistry) -> None:
    """Scripts took them for images. Their content decides, as for `copy --all-tags`, not the form of the name."""
    image = registry.put_image("app", tag="v1")
    sbom = registry.put_image("app", subject=image, artifact_type="a/sbom", layers=(b"{}",))
    tags = {name: f"sha256-{name * 64}" for name in "abcd"}
    registry.put_image("app", tag=tags["a"], layers=(b"another",))
    registry.put_index("app", (image,), tag=tags["b"])
    registry.put_index("app", (sbom,), tag=image.replace(":", "-"))
    registry.put_index("app", (sbom,), tag=tags["c"])  # it is no referrer of this subject
    registry.put_image("app", tag=tags["d"], layers=(b"unreadable",))
    registry.on("GET", rf"/manifests/{tags['d']}$", error(403, "DENIED"))
    registry.on("HEAD", rf"/manifests/{tags['d']}$", answer(403))
    document = listed(f"{registry.host}/app")
    assert set(document["tags"]) == {"v1", *tags.values()}
    assert document["referrers_tags"] == [image.replace(":", "-")]
    ran = run_here(["ls", f"{registry.host}/app"])
    assert ran.out.splitlines() == document["tags"]
    assert "1 tag left out that only list referrers" in ran.err
    ran = run_here(["ls", "-v", f"{registry.host}/app"])
    assert ran.out.splitlines()[-1] == f"{image.replace(':', '-')}  lists referrers"
    assert not ran.err


def test_a_repository_shows_its_tags(registry: LoopbackRegistry) -> None:
    for number in range(25):
        registry.put_image("team/app", tag=f"v{number}")
    registry.page_size = 10
    document = listed(f"{registry.host}/team/app")
    assert (document["kind"], sorted(document["tags"])) == ("tags", sorted(f"v{number}" for number in range(25)))
    assert run_here(["ls", f"oci://{registry.host}/team/app"]).out.splitlines() == document["tags"]


def test_a_registry_shows_its_repositories(registry: LoopbackRegistry) -> None:
    for number in range(25):
        registry.put_image(f"team/app{number}", tag="v1")
    registry.page_size = 10
    for reference in (registry.host, f"{registry.host}/", f"docker://{registry.host}"):
        document = listed(reference)
        assert (document["kind"], len(document["repositories"])) == ("repositories", 25)
    assert "team/app7" in run_here(["ls", registry.host]).out.splitlines()


def test_an_empty_layout_is_an_answer(registry: LoopbackRegistry) -> None:
    ran = run_here(["ls", registry.host])
    assert (ran.code, ran.out) == (0, f"{registry.host} lists no repositories\n")
    registry.put_image("app")
    ran = run_here(["ls", f"{registry.host}/app"])
    assert (ran.code, ran.out) == (0, f"{registry.host}/app lists no tags\n")
    assert run_here(["ls", f"{registry.host}/other"]).code == 11


@pytest.mark.parametrize("status", [401, 403, 404, 405, 500, 501])
def test_a_failed_listing_is_not_an_empty_list(status: int, registry: LoopbackRegistry) -> None:
    registry.put_image("app", tag="v1")
    registry.on("GET", r"/v2/_catalog", error(status, "UNSUPPORTED"))
    ran = run_here(["ls", registry.host, "--retries", "0"])
    assert (ran.code, ran.out) == (1, "")
    if status in {404, 405, 501}:
        assert "Name a repository" in ran.err


@pytest.mark.parametrize(
    "body", [b"<html>", b"{}", b'{"repositories":5}', b'{"repositories":["a",{}]}', b"[]", b'{"repositories":'],
)  # fmt: skip
def test_a_malformed_list_is_not_an_empty_list(body: bytes, registry: LoopbackRegistry) -> None:
    registry.on("GET", r"/v2/_catalog", answer(200, body, Content_Type="application/json"))
    ran = run_here(["ls", registry.host])
    assert (ran.code, ran.out) == (1, "")
    assert "cannot be read" in ran.err


@pytest.mark.parametrize(
    ("body", "code"), [(b"{}", 1), (b'{"error":"x"}', 1), (b'{"name":"app"}', 0), (b'{"name":"app","tags":null}', 0)]
)
def test_a_malformed_list_of_tags_is_not_an_empty_list(body: bytes, code: int, registry: LoopbackRegistry) -> None:
    registry.put_image("app", tag="v1")
    registry.on("GET", r"/tags/list", answer(200, body, Content_Type="application/json"))
    ran = run_here(["ls", f"{registry.host}/app"])
    assert (ran.code, "lists no tags" in ran.out) == (code, code == 0)


def test_text_of_a_registry_is_escaped(registry: LoopbackRegistry) -> None:
    names = json.dumps({"repositories": ["a\x1b[31m", "b\nc"]}).encode()
    registry.on("GET", r"/v2/_catalog", answer(200, names, Content_Type="application/json"))
    ran = run_here(["ls", registry.host])
    assert (ran.code, len(ran.out.splitlines()), "\x1b" in ran.out) == (0, 2, False)
    registry.put_image("app", tag="v1")
    registry.repositories["app"].tags["a\x1b[31m"] = "x"
    assert "\x1b" not in run_here(["ls", f"{registry.host}/app"]).out


def test_a_list_is_bounded(registry: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airgap.limits.REGISTRY_REPOSITORIES", 3)
    for number in range(5):
        registry.put_image(f"app{number}")
    registry.page_size = 2
    assert run_here(["ls", registry.host]).code == 1


@pytest.mark.parametrize(("kind", "path", "target"), [("repositories", "_catalog", ""), ("tags", "tags/list", "/app")])
def test_long_names_are_bounded(
    kind: str, path: str, target: str, registry: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand pages, each with one name of megabytes, would fill the memory."""
    monkeypatch.setattr("airgap.limits.REGISTRY_NAMES_CHARACTERS", 10_000)
    for page in range(4):
        body = json.dumps({kind: [str(page) * 4000]}).encode()
        link = f'</v2/{target[1:] + "/" if target else ""}{path}?n={page}>; rel="next"'
        registry.on("GET", path, answer(200, body, Content_Type="application/json", Link=link), times=1)
    registry.put_image("app", tag="v1")
    ran = run_here(["ls", registry.host + target])
    assert (ran.code, ran.out) == (1, "")
    assert "have more than 10000 characters" in ran.err


def test_reports_a_missing_child_at_its_artifact(registry: LoopbackRegistry) -> None:
    first, second = (registry.put_image("app", layers=(layer,)) for layer in (b"1", b"2"))
    index = registry.put_index("app", (first, second), tag="v1")
    registry.put_image("app", subject=index, artifact_type="application/spdx+json", layers=(b"3",))
    registry.on("GET", f"/manifests/{first}", answer(404))
    for command in ("ls", "discover"):
        (artifact,) = run_here([command, f"{registry.host}/app:v1", "--format", "json"]).document["artifacts"]
        assert [item["path"] for item in artifact["unread"]] == ["artifact > manifests[0]"]


@pytest.mark.parametrize("command", ["ls", "discover"])
def test_reports_that_referrers_were_not_looked_for(command: str, registry: LoopbackRegistry) -> None:
    """Below the depth to which airgap looks, "none" would be untrue."""
    registry.referrers_api = True
    subject = registry.put_image("app", tag="v1")
    for number in range(limits.GRAPH_DEPTH + 1):
        layers = (b"%d" % number,)
        subject = registry.put_image("app", subject=subject, artifact_type="application/spdx+json", layers=layers)
    ran = run_here([command, f"{registry.host}/app:v1", "--format", "json"])
    assert ran.code == 16
    (artifact,) = ran.document["artifacts"]
    assert any("was not looked for" in item["message"] for item in artifact["unread"])


@pytest.mark.parametrize("command", ["ls", "discover", "inspect"])
@pytest.mark.parametrize("body", [b"<html>", b'{"mediaType":"a/b"}', b"{}"])
def test_does_not_mention_arrived_content_for_a_registry(command: str, body: bytes, registry: LoopbackRegistry) -> None:
    registry.put_image("app", tag="v1")
    registry.on("GET", r"/manifests/v1", answer(200, body, Content_Type="application/json"))
    ran = run_here([command, f"{registry.host}/app:v1"])
    assert ran.code == 16
    assert "arrived here" not in ran.err
    assert "what the registry has, or sends" in ran.err


@pytest.mark.parametrize("command", ["discover", "inspect"])
def test_recognises_a_registry_without_a_repository(command: str) -> None:
    ran = run_here([command, "registry.example"])
    assert ran.code == 2
    assert "airgap ls registry.example" in ran.err


@pytest.mark.parametrize("name", ["trip.tar", "trip.TAR", "trip.tar.gz", "trip.tgz"])
def test_does_not_treat_a_missing_file_as_a_registry(name: str) -> None:
    ran = run_here(["ls", name, "--retries", "0"])
    assert (ran.code, f"there is no file or directory {name}" in ran.err) == (11, True)


def test_a_failed_look_up_of_referrers_is_not_an_unsigned_image(registry: LoopbackRegistry) -> None:
    registry.put_image("app", tag="v1")
    pattern = r"/referrers/" if registry.referrers_api else r"/manifests/sha256-[0-9a-f]+$"
    registry.on("GET", pattern, error(403, "DENIED"))
    ran = run_here(["ls", f"{registry.host}/app:v1"])
    assert (ran.code, ran.out) == (1, "")
