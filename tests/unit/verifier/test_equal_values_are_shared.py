"""What thousands of images repeat is in memory once, and is the same value as before."""

from __future__ import annotations

import json
from pathlib import Path

import airgap
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.verdict import Verdict
from tests.support.scenario import Scene, Signature, add_image

ENCODED = "ab" * 32


def test_digests_share_their_text() -> None:
    first, second = (Digest.parse(f"sha256:{ENCODED}") for _ in range(2))
    assert first == second
    assert first.encoded is second.encoded
    assert first.algorithm is second.algorithm


def test_descriptors_share_their_media_type_and_absent_annotations() -> None:
    text = json.dumps({"mediaType": "text/x", "digest": f"sha256:{ENCODED}", "size": 1})
    sources = [json.loads(text) for _ in range(2)]
    assert sources[0]["mediaType"] is not sources[1]["mediaType"]
    first, second = map(Descriptor.from_json, sources)
    assert first.media_type is second.media_type
    assert first.annotations is second.annotations
    assert first.annotations == {}


def test_signatures_share_equal_findings(tmp_path: Path) -> None:
    scene = Scene()
    image = add_image(scene.builder, "arch1")
    scene.builder.tag(image, "v2")
    Signature("jws", scene.signature.leaf, token=scene.signature.token).attach(scene.builder, image)
    written = scene.write(tmp_path)
    request = airgap.VerifyRequest(
        targets=[f"oci:{written.layout}"], at=written.at, clock=written.at, scope=written.scope
    )
    outcome = airgap.verify(request, written.trust)
    first, second = (artifact.signatures[0].findings for artifact in outcome.artifacts)
    assert first == second
    assert any(one.verdict is Verdict.PASS for one in first)
    assert all(one is other for one, other in zip(first, second, strict=True) if not one.facts)
