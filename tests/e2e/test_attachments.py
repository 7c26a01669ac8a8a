"""What is attached and not validly signed is counted, in words and in JSON: nothing proves who made it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airgap.oci.descriptor import Descriptor
from airgap.oci.manifest import parse_manifest
from airgap.revocation.artifact import EVIDENCE_TYPE
from tests.support.command import run_here
from tests.support.layouts import LayoutBuilder
from tests.support.pki import Pki
from tests.support.scenario import Scene, Signature

SBOM = "application/spdx+json"


def _verified(tmp_path: Path, pack: Any, scene: Scene | None = None) -> tuple[dict[str, Any], str]:
    scene = scene or Scene()
    scene.packing.append(pack)
    arguments = scene.write(tmp_path).arguments()
    ran = run_here(arguments)
    text = run_here([item for item in arguments if item not in {"--format", "json"}])
    assert (ran.code, text.code) == (0, 0), ran
    counted = ran.document["artifacts"][0]["attachments"]
    assert isinstance(counted, dict)
    return counted, text.out


@pytest.mark.parametrize("number", [1, 3])
def test_counts_unsigned_attachments(tmp_path: Path, number: int) -> None:
    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        for item in range(number):
            builder.add_referrer(target, b"sbom %d" % item, artifact_type=SBOM, layer_type=SBOM)

    counted, text = _verified(tmp_path, pack)
    assert counted == {"count": number, "unsigned": number}
    what = "the attachment has" if number == 1 else f"{number} of {number} attachments have"
    assert f"note    {what} no valid signature, so nothing proves who made" in text
    assert SBOM in text


@pytest.mark.parametrize("nested", [False, True])
def test_counts_unsigned_attachments_of_platforms(tmp_path: Path, *, nested: bool) -> None:
    """The SBOM of a platform is attached to the image in the index."""

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        for child in parse_manifest(builder.blobs[target.digest], target.media_type).successors():
            sbom = builder.add_referrer(child[1], b"sbom", artifact_type=SBOM, layer_type=SBOM)
            if nested:
                builder.add_referrer(sbom, b"licenses", artifact_type=SBOM)

    counted, text = _verified(tmp_path, pack, Scene(index=True))
    number = 4 if nested else 2
    assert counted == {"count": number, "unsigned": number}
    assert f"note    {number} of {number} attachments have no valid signature" in text


def test_does_not_count_an_attachment_with_a_valid_signature(tmp_path: Path) -> None:
    scene = Scene()

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        scene.signature.attach(builder, builder.add_referrer(target, b"sbom", artifact_type=SBOM, layer_type=SBOM))

    counted, text = _verified(tmp_path, pack, scene)
    assert (counted, "no valid signature" in text) == ({"count": 1, "unsigned": 0}, False)


def test_counts_an_attachment_with_an_invalid_signature(tmp_path: Path) -> None:
    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.add_referrer(builder.add_referrer(target, b"sbom", artifact_type=SBOM, layer_type=SBOM), b"no envelope")

    counted, text = _verified(tmp_path, pack)
    assert (counted, "the attachment has no valid signature" in text) == ({"count": 1, "unsigned": 1}, True)


def test_names_an_attachment_apart_whose_signature_may_be_valid(tmp_path: Path) -> None:
    """It was said to have no valid signature, though evidence about its signer is missing."""
    scene = Scene()
    signer = Pki().code_chain(leaf={"crl_urls": ["http://crl.example/leaf.crl"]})
    scene.stores = {"ca:harbour": [scene.signature.leaf.root, signer.root]}

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        for leaf in (signer, None):
            sbom = builder.add_referrer(target, str(leaf).encode(), artifact_type=f"a/{'un' if leaf else ''}sure")
            if leaf:
                Signature("jws", leaf).attach(builder, sbom)

    counted, text = _verified(tmp_path, pack, scene)
    assert counted == {"count": 2, "unsigned": 2}
    unsure = "1 of 2 attachments has a signature that may be valid, so it is not known who made it: a/unsure"
    assert f"{unsure} [revocation.crl.missing]" in text
    assert "note    1 of 2 attachments has no valid signature, so nothing proves who made it: a/sure" in text


def test_does_not_count_evidence_as_unsigned(tmp_path: Path) -> None:
    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.add_referrer(target, [], artifact_type=EVIDENCE_TYPE)

    counted, text = _verified(tmp_path, pack)
    assert (counted, "no valid signature" in text) == ({"count": 0, "unsigned": 0}, False)


def test_kinds_are_bounded_and_escaped(tmp_path: Path) -> None:
    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        for item in range(9):
            builder.add_referrer(target, b"x", artifact_type=f"a/\x1b[2J{item}", listed=True)

    counted, text = _verified(tmp_path, pack)
    (line,) = [line for line in text.splitlines() if "no valid signature" in line]
    assert (counted["unsigned"], "\x1b" in line, line.endswith(" and 4 more"), line.count("a/")) == (9, False, True, 5)


@pytest.mark.parametrize(
    ("layer_type", "artifact_type", "words"),
    [
        ("application/vnd.dev.cosign.simplesigning.v1+json", "a/b", "cosign signature"),
        ("application/json", "application/vnd.dev.sigstore.bundle.v0.3+json", "sigstore bundle"),
    ],
)
def test_names_a_signature_of_another_kind_without_counting_it(
    tmp_path: Path, layer_type: str, artifact_type: str, words: str
) -> None:
    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.add_referrer(target, b"{}", artifact_type=artifact_type, layer_type=layer_type)

    counted, text = _verified(tmp_path, pack)
    assert counted == {"count": 0, "unsigned": 0}
    assert f"note    1 signature of another kind not judged here: {words}" in text
