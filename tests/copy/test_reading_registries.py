"""`airgap discover` and `airgap inspect` of registries: the same as of layouts, by the referrers API and without it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airgap.revocation.artifact import EVIDENCE_TYPE
from tests.support.clock import set_clock
from tests.support.command import Ran, run_here
from tests.support.layouts import LayoutBuilder
from tests.support.pki import AT
from tests.support.registry import INDEX, LoopbackRegistry, answer, digest_of, error
from tests.support.scenario import Scene
from tests.support.trust import REPOSITORY

_SIGNATURE = "application/vnd.cncf.notary.signature"


def signed(place: Path, registry: LoopbackRegistry, *, index: bool = False) -> tuple[str, str]:
    """A signed image in a layout, and its copy in the registry."""
    written = Scene(index=index).write(place)
    there = f"{registry.host}/app:v1"
    assert run_here(["copy", f"{written.layout}:v1", there]).code == 0
    return f"{written.layout}:v1", there


def shown(command: str, reference: str, *options: str) -> Ran:
    return run_here([command, reference, "--format", "json", *options])


def without_ways(value: Any) -> Any:
    """A document without what differs between a layout and a registry: how something was found, and under what name."""
    if isinstance(value, dict):
        apart = {"mechanism", "reference", "looked", "acquisition"}
        return {key: without_ways(item) for key, item in value.items() if key not in apart}
    return [without_ways(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("command", ["discover", "inspect"])
@pytest.mark.parametrize("index", [False, True])
def test_a_registry_shows_what_the_layout_shows(
    command: str, index: bool, tmp_path: Path, registry: LoopbackRegistry
) -> None:
    layout, there = signed(tmp_path, registry, index=index)
    before, after = shown(command, layout), shown(command, there)
    assert (before.code, after.code) == (0, 0), after.err
    documents = [without_ways(ran.document) for ran in (before, after)]
    for document in documents:  # only an entry of index.json states the platform of the artifact itself
        document["artifacts"][0].pop("platform", None)
    assert documents[0] == documents[1]
    assert _SIGNATURE in after.out or command == "inspect"


def test_reports_how_referrers_were_found(tmp_path: Path, registry: LoopbackRegistry) -> None:
    _, there = signed(tmp_path, registry)
    (artifact,) = shown("discover", there).document["artifacts"]
    (signature,) = artifact["referrers"]
    way, mechanism = (
        ("referrers API", "v1.1-referrers-api") if registry.referrers_api else ("referrers tag", "v1.1-referrers-tag")
    )
    assert (signature["mechanism"], artifact["looked"][0]["mechanism"]) == (way, mechanism)
    assert artifact["reference"] == there
    assert f"1 referrer, found by the {way}; nothing was judged. Exit code 0." in run_here(["discover", there]).out


def test_reports_how_an_empty_list_was_found(registry: LoopbackRegistry) -> None:
    registry.put_image("app", tag="v1")
    ran = run_here(["discover", f"{registry.host}/app:v1"])
    way = "API" if registry.referrers_api else "tag"
    assert (ran.code, f"no referrers by the referrers {way} or cosign's tags" in ran.out) == (0, True)
    assert run_here(["inspect", f"{registry.host}/app:v1"]).code == 0


@pytest.mark.parametrize("command", ["discover", "inspect"])
@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_a_failed_look_up_is_not_an_empty_tree(command: str, status: int, registry: LoopbackRegistry) -> None:
    registry.put_image("app", tag="v1")
    pattern = r"/referrers/" if registry.referrers_api else r"/manifests/sha256-[0-9a-f]+$"
    registry.on("GET", pattern, error(status, "DENIED"))
    ran = shown(command, f"{registry.host}/app:v1", "--retries", "0")
    assert (ran.code, ran.document["schema"]) == (1, "airgap.error/1")


def test_reports_a_listed_referrer_that_is_missing(registry: LoopbackRegistry) -> None:
    subject = registry.put_image("app", tag="v1")
    gone = registry.put_image("app", subject=subject, artifact_type=_SIGNATURE, layers=(b"gone",))
    listed = {**registry.descriptor("app", gone), "artifactType": _SIGNATURE}
    there = registry.put_image("app", subject=subject, artifact_type="a/sbom", layers=(b"sbom",))
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [listed, registry.descriptor("app", there)]}
    if registry.referrers_api:
        body = json.dumps(index).encode()
        registry.on("GET", rf"/referrers/{subject}", answer(200, body, Content_Type=INDEX))
    else:
        registry.put_manifest("app", index, tag=subject.replace(":", "-"))
    del registry.repositories["app"].manifests[gone]
    for command in ("discover", "inspect"):
        ran = shown(command, f"{registry.host}/app:v1")
        (artifact,) = ran.document["artifacts"]
        assert ran.code == 16
        assert any(gone in problem["message"] for problem in artifact["unread"]), artifact["unread"]
        assert "index.json" not in ran.out
    (artifact,) = shown("discover", f"{registry.host}/app:v1").document["artifacts"]
    assert [item["artifact_type"] for item in artifact["referrers"]] == ["a/sbom"]


@pytest.mark.parametrize("kind", [_SIGNATURE, EVIDENCE_TYPE])
def test_a_listed_referrer_that_is_missing_is_missing_content(
    tmp_path: Path, registry: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A copy from a registry without the referrers API ended with 11 ("not found"); from others with 16."""
    set_clock(monkeypatch, AT)
    written = Scene().write(tmp_path)
    assert run_here(["copy", str(written.layout), f"{registry.host}/app"]).code == 0
    gone = registry.put_image("app", subject=written.digest, artifact_type=kind, layers=(b"gone",))
    if not registry.referrers_api:
        there = registry.repositories["app"]
        tag = written.digest.replace(":", "-")
        index = json.loads(there.manifests[there.tags[tag]][1])
        index["manifests"].append({**registry.descriptor("app", gone), "artifactType": kind})
        registry.put_manifest("app", index, tag=tag)
    registry.on("GET", f"/manifests/{gone}", error(404, "MANIFEST_UNKNOWN"))
    source = f"{registry.host}/app:v1"
    trust = ["--trust", str(written.trust), "--scope", REPOSITORY]
    for options in ([], trust, [*trust, "--keep-going"]):
        ran = run_here(["copy", *options, source, str(tmp_path / "to")])
        assert (ran.code, gone[:19] in ran.err + ran.out) == (16, True), ran
    assert run_here(["copy", "--keep-going", source, str(tmp_path / "to")]).code == 20


def test_reports_a_missing_envelope(tmp_path: Path, registry: LoopbackRegistry) -> None:
    _, there = signed(tmp_path, registry)
    (artifact,) = shown("discover", there).document["artifacts"]
    manifest = json.loads(registry.repositories["app"].manifests[artifact["referrers"][0]["digest"]][1])
    del registry.repositories["app"].blobs[manifest["layers"][0]["digest"]]
    ran = shown("inspect", there)
    (artifact,) = ran.document["artifacts"]
    assert (ran.code, [item["reason"] for item in artifact["unread"]]) == (16, ["content.missing"])


def test_reports_an_envelope_of_other_bytes(tmp_path: Path, registry: LoopbackRegistry) -> None:
    _, there = signed(tmp_path, registry)
    (artifact,) = shown("discover", there).document["artifacts"]
    manifest = json.loads(registry.repositories["app"].manifests[artifact["referrers"][0]["digest"]][1])
    blobs, digest = registry.repositories["app"].blobs, manifest["layers"][0]["digest"]
    blobs[digest] = blobs[digest][:-1] + b"?"
    ran = shown("inspect", there)
    (artifact,) = ran.document["artifacts"]
    assert (ran.code, [item["reason"] for item in artifact["unread"]]) == (16, ["content.digest"])


def test_accepts_an_absent_platform(registry: LoopbackRegistry) -> None:
    """A registry may take an index with children left out."""
    here, gone = registry.put_image("app"), registry.put_image("app", layers=(b"other",))
    platforms = ({"os": "linux", "architecture": name} for name in ("amd64", "arm64"))
    children = [
        {**registry.descriptor("app", digest), "platform": platform}
        for digest, platform in zip((here, gone), platforms, strict=True)
    ]
    registry.put_manifest("app", {"schemaVersion": 2, "mediaType": INDEX, "manifests": children}, tag="v1")
    del registry.repositories["app"].manifests[gone]
    ran = shown("discover", f"{registry.host}/app:v1")
    (artifact,) = ran.document["artifacts"]
    assert [bool(child["missing"]) for child in artifact["children"]] == [False, True]
    assert ran.code == 0


def test_looks_for_cosign_tags(registry: LoopbackRegistry) -> None:
    subject = registry.put_image("app", tag="v1")
    builder = LayoutBuilder()
    manifest = builder.blobs[builder.add_cosign().digest]
    for blob in builder.blobs.values():
        registry.put_blob("app", blob)
    registry.put_manifest("app", manifest, tag=f"{subject.replace(':', '-')}.sig")
    (artifact,) = shown("discover", f"{registry.host}/app:v1").document["artifacts"]
    assert [(item["digest"], item["mechanism"]) for item in artifact["referrers"]] == [
        (digest_of(manifest), "cosign tag")
    ]


def test_ignores_names_that_a_list_claims(target: LoopbackRegistry) -> None:
    """Annotations in a list of referrers are claims: a name there would make two artifacts of one name.

    Only the list of the API has annotations of its own.
    """
    subject = target.put_image("app", tag="v1")
    sbom = target.put_image("app", subject=subject, artifact_type="a/sbom", layers=(b"sbom",))
    claimed = {
        **target.descriptor("app", sbom),
        "annotations": {"org.opencontainers.image.ref.name": "artifact", "io.containerd.image.name": "a.example/b:c"},
    }
    body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [claimed]}).encode()
    target.on("GET", rf"/referrers/{subject}", answer(200, body, Content_Type=INDEX))
    (artifact,) = shown("discover", f"{target.host}/app:v1").document["artifacts"]
    assert [item["digest"] for item in artifact["referrers"]] == [sbom]


def test_fetches_no_large_layer(tmp_path: Path, registry: LoopbackRegistry) -> None:
    _, there = signed(tmp_path, registry)
    registry.seen.clear()
    assert shown("discover", there).code == 0
    assert registry.requests("GET", r"/blobs/") == []
    assert shown("inspect", there).code == 0
    assert len(registry.requests("GET", r"/blobs/")) == 1


@pytest.mark.parametrize("command", ["discover", "inspect"])
def test_refuses_a_repository_without_a_tag(command: str, registry: LoopbackRegistry) -> None:
    ran = run_here([command, f"{registry.host}/app"])
    assert ran.code == 2
    assert "names a repository, not an artifact" in ran.err
    assert run_here([command, f"{registry.host}/app:v1"]).code == 11


@pytest.mark.parametrize("command", ["discover", "inspect"])
def test_one_referrers_mechanism_can_be_forced(command: str, registry: LoopbackRegistry) -> None:
    registry.put_image("app", tag="v1")
    ran = run_here([command, f"{registry.host}/app:v1", "--distribution-spec", "v1.1-referrers-api"])
    assert ran.code == (0 if registry.referrers_api else 1)


def test_text_of_a_registry_is_escaped(registry: LoopbackRegistry) -> None:
    subject = registry.put_image("app", tag="v1")
    registry.put_image("app", subject=subject, artifact_type="a/\x1b[31mred", annotations={"a": "\x1b[2J"})
    if not registry.referrers_api:
        listed = [digest for digest in registry.repositories["app"].manifests if digest != subject]
        registry.put_index("app", tuple(listed), tag=subject.replace(":", "-"))
    for options in ([], ["--format", "json"]):
        ran = run_here(["discover", f"{registry.host}/app:v1", *options])
        assert "red" in ran.out
        assert "\x1b" not in ran.out + ran.err


@pytest.mark.parametrize("command", ["discover", "inspect", "ls"])
def test_layouts_need_no_credentials(
    command: str, tmp_path: Path, registry: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong with a password matters only where a registry is named."""
    layout, there = signed(tmp_path, registry)
    monkeypatch.setenv("NOTATION_PASSWORD", "word")
    assert run_here([command, layout]).code == 0
    assert run_here([command, there]).code == 2


def test_memory_is_bounded(registry: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = registry.put_image("app", tag="v1")
    referrers = [
        registry.put_image("app", subject=subject, artifact_type="a/sbom", annotations={"a": f"{number}" * 5000})
        for number in range(9)
    ]
    if not registry.referrers_api:
        registry.put_index("app", tuple(referrers), tag=subject.replace(":", "-"))
    monkeypatch.setattr("airgap.limits.GRAPH_BYTES", 20_000)
    ran = run_here(["discover", f"{registry.host}/app:v1"])
    assert (ran.code, ran.out) == (16, "")
    assert "20000" in ran.err


def test_reports_a_listed_referrer_of_another_subject(registry: LoopbackRegistry) -> None:
    subject, other = registry.put_image("app", tag="v1"), registry.put_image("app", layers=(b"other",))
    stray = registry.put_image("app", subject=other, artifact_type=_SIGNATURE)
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [registry.descriptor("app", stray)]}
    if registry.referrers_api:
        registry.on("GET", rf"/referrers/{subject}", answer(200, json.dumps(index).encode(), Content_Type=INDEX))
    else:
        registry.put_manifest("app", index, tag=subject.replace(":", "-"))
    ran = shown("discover", f"{registry.host}/app:v1")
    (artifact,) = ran.document["artifacts"]
    assert (ran.code, artifact["referrers"]) == (0, [])
    assert any(stray in note for looked in artifact["looked"] for note in looked["notes"])
    assert f"not taken as a referrer: {stray[:19]}" in run_here(["discover", f"{registry.host}/app:v1"]).out


def test_a_fetch_reports_each_gap_once(tmp_path: Path, registry: LoopbackRegistry) -> None:
    _, there = signed(tmp_path, registry)
    (artifact,) = shown("discover", there).document["artifacts"]
    manifest = json.loads(registry.repositories["app"].manifests[artifact["referrers"][0]["digest"]][1])
    del registry.repositories["app"].blobs[manifest["layers"][0]["digest"]]
    ran = run_here(["trust", "fetch", there, "--trust", str(tmp_path / "kept"), "--format", "json"])
    assert ran.code == 16
    assert [problem["reason"] for problem in ran.document["problems"]] == ["content.missing"]
