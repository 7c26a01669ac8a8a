"""What was signed because an index alone named it, and what signing or judging again lost without a message."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airgap.errors import ContentError
from airgap.oci.descriptor import IMAGE_INDEX, NOTARY_SIGNATURE, REF_NAME
from airgap.oci.digest import Digest
from airgap.oci.reference import LayoutReference
from airgap.oci.tags import referrers_tag
from airgap.transfer.endpoint import Entry
from airgap.transfer.index_writer import merged_index
from tests.support.command import run_here
from tests.support.layouts import LayoutBuilder
from tests.support.places import open_layout_place
from tests.support.registry import LoopbackRegistry, answer
from tests.support.scenario import with_everything


@pytest.mark.parametrize(("member", "value"), [("size", 3), ("mediaType", IMAGE_INDEX)])
def test_signs_the_descriptor_that_the_content_has(tmp_path: Path, member: str, value: object) -> None:
    """The manifest had not been read: the signature was about bytes that are not there."""
    layout = with_everything().write(tmp_path).layout
    index: dict[str, Any] = json.loads((layout / "index.json").read_text(encoding="utf-8"))
    next(item for item in index["manifests"] if "artifactType" not in item)[member] = value
    (layout / "index.json").write_text(json.dumps(index), encoding="utf-8")
    with pytest.raises(ContentError), open_layout_place(LayoutReference(path=str(layout), tag="v1")):
        pass


def test_an_index_under_the_referrers_tag_keeps_its_other_names() -> None:
    """Who put a tag like a referrers tag on an image index had the image taken out of the layout by the next `sign`."""
    builder = LayoutBuilder()
    index = builder.add_manifest({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": []}, IMAGE_INDEX)
    other = builder.add_manifest(
        {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [], "annotations": {"a": "b"}}
    )
    subject = Digest.of(b"subject", "sha512")
    tag = referrers_tag(subject)
    listed = [
        replace(index, annotations=annotations).to_json()
        for annotations in (
            {REF_NAME: "prod"},
            {REF_NAME: tag},
            {REF_NAME: f"sha512-{subject.encoded}"},
            {REF_NAME: referrers_tag(Digest.of(b"another"))},
            {},
        )
    ]
    current = json.dumps({"schemaVersion": 2, "manifests": listed}).encode()
    raw, _ = merged_index(current, [Entry(descriptor=other, tag=tag)], drop=[index.digest], source="it")
    kept = [(item["digest"], item.get("annotations", {}).get(REF_NAME)) for item in json.loads(raw)["manifests"]]
    assert kept == [
        (str(index.digest), "prod"),
        (str(index.digest), referrers_tag(Digest.of(b"another"))),
        (str(other.digest), tag),
    ]


def test_recheck_distinguishes_an_unreadable_layout_from_an_absent_one(tmp_path: Path) -> None:
    """The verdict of the report was used in its place, and the run ended well."""
    written = with_everything().write(tmp_path)
    report = tmp_path / "report.json"
    assert run_here(written.arguments("--report", str(report))).code == 0
    (written.layout / "index.json").write_text("{", encoding="utf-8")
    ran = run_here(["recheck", str(report), "--trust", str(written.trust), "--at", "2026-06-02", "--format", "json"])
    assert ran.code in {16, 18}, ran
    assert ran.document["problems"][0]["reason"] == "layout.malformed", ran


def test_copies_a_listed_signature_of_an_unknown_media_type(tmp_path: Path) -> None:
    """The copy said that there are no referrers, and ended well."""
    with LoopbackRegistry() as registry:
        registry.put_image("app", tag="v1")
        listed = {
            "mediaType": "application/vnd.example.manifest.v9+json",
            "artifactType": NOTARY_SIGNATURE,
            "digest": str(Digest.of(b"signature")),
            "size": 9,
        }
        body = json.dumps({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [listed]}).encode()
        registry.on("GET", r"/referrers/", answer(200, body, **{"Content-Type": IMAGE_INDEX}))
        arguments = ["copy", f"{registry.host}/app:v1", f"oci:{tmp_path / 'out'}"]
        assert run_here(arguments).code == 1
        ran = run_here([*arguments, "--keep-going"])
    assert ran.code == 20, ran


def test_writes_evidence_into_a_new_tar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`trip.tar` was no reference before the copy had made it, and nothing was copied."""
    layout = with_everything().write(tmp_path).layout
    monkeypatch.chdir(tmp_path)
    ran = run_here(["copy", f"oci:{layout}", "trip.tar", "--with-evidence"])
    assert ran.code != 2, ran
    assert (tmp_path / "trip.tar").is_file()
