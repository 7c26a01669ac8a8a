"""Unsigned artifacts beside signatures that are not theirs, and chains in another order: refused, with the reason."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airgap.oci.descriptor import EMPTY, IMAGE_MANIFEST, NOTARY_SIGNATURE, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.target import open_target
from airgap.verifier.nearby import NearbySignatureFinder
from tests.support.command import run_here
from tests.support.envelopes import REMOVED
from tests.support.layouts import LayoutBuilder
from tests.support.pki import Issued, Pki, issue
from tests.support.scenario import Scene, Signature, Written, bare

DSSE = "application/vnd.dsse.envelope.v1+json"
SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
Pack = Callable[[LayoutBuilder, Descriptor], None]


def unsigned(folder: Path, pack: Callable[[Scene, Signature], Pack], *, index: bool = False) -> tuple[Scene, Written]:
    """A scene whose image has no signature, and what `pack` puts beside it."""
    scene = Scene(index=index)
    signature = scene.signatures.pop()
    scene.packing.append(pack(scene, signature))
    return scene, scene.write(folder)


def told(written: Written, target: str) -> str:
    arguments = written.arguments()
    arguments[1] = target
    ran = run_here(arguments)
    assert ran.code == 10
    text = run_here(arguments[:-2]).out
    found = [artifact["unsigned"]["message"] for artifact in ran.document["artifacts"]]
    assert all(message in text for message in found)
    return str(found[0])


def former(*, keep: bool, listed: bool) -> Callable[[Scene, Signature], Pack]:
    def packing(_: Scene, signature: Signature) -> Pack:
        def pack(builder: LayoutBuilder, _: Descriptor) -> None:
            old = builder.add_image(b"former")
            signature.attach(builder, old)
            signature.attach(builder, old)
            if listed:
                builder.list(old)
            if not keep:
                builder.drop(old)

        return pack

    return packing


@pytest.mark.parametrize(("keep", "listed"), [(False, False), (True, False), (True, True)])
def test_reports_signatures_of_what_the_tag_named_before(tmp_path: Path, *, keep: bool, listed: bool) -> None:
    _, written = unsigned(tmp_path, former(keep=keep, listed=listed))
    old = LayoutBuilder().add_image(b"former")
    message = told(written, f"oci:{written.layout}:v1")
    assert f"2 signatures here are of {old.digest}, not of what v1 names now" in message


def test_does_not_report_signatures_of_named_or_attached_artifacts(tmp_path: Path) -> None:
    def packing(_: Scene, signature: Signature) -> Pack:
        def pack(builder: LayoutBuilder, target: Descriptor) -> None:
            child = builder.add_image(b"child")
            builder.tag(builder.add_index(child), "v2")
            signature.attach(builder, child)
            signature.attach(builder, builder.tag(builder.add_image(b"other"), "v3"))
            signature.attach(
                builder, builder.add_referrer(target, b"{}", artifact_type="text/spdx", layer_type="text/spdx")
            )

        return pack

    _, written = unsigned(tmp_path, packing)
    assert told(written, f"oci:{written.layout}:v1") == "the artifact has no signature"


def test_many_unsigned_artifacts_take_linear_time(tmp_path: Path) -> None:
    """Each looks at its own neighbours, not at all that is signed."""
    scene = Scene()
    signature = scene.signatures.pop()
    envelope = scene.builder.add_blob(signature.envelope(scene.target), "application/jose+json")
    for number in range(200):
        scene.builder.add_referrer(scene.builder.add_image(b"%d" % number), [envelope])
        scene.builder.tag(scene.builder.add_image(b"x%d" % number), f"x{number}")
    with open_target(str(scene.write(tmp_path).layout)) as target:
        nearby = NearbySignatureFinder(target.graph)
        found = [nearby.of(root.descriptor, "x") for root in target.roots() if root.tags]
        counted = _Counted(nearby._nameless)
        nearby.__dict__["_nameless"] = counted
        again = [nearby.of(root.descriptor, "x") for root in target.roots() if root.tags]
    assert len(found) == 201
    assert all(near.others is not None and near.others.subjects == 200 for near in found)
    assert again == found
    assert counted.steps < 1_000


class _Counted(dict[Digest, int]):
    """Counts how many of its items are read."""

    steps = 0

    def __iter__(self) -> Iterator[Digest]:
        for digest in super().__iter__():
            self.steps += 1
            yield digest


@pytest.mark.parametrize(
    "change",
    [{"media_type": "application/vnd.docker.distribution.manifest.v2+json"}, {"size": 7}],
    ids=["type", "size"],
)
def test_reports_a_signature_with_another_descriptor_of_the_digest(tmp_path: Path, change: dict[str, Any]) -> None:
    def packing(_: Scene, signature: Signature) -> Pack:
        def pack(builder: LayoutBuilder, target: Descriptor) -> None:
            signature.attach(builder, replace(target, **change))

        return pack

    scene, written = unsigned(tmp_path, packing)
    named = replace(scene.target, **change)
    message = told(written, f"oci:{written.layout}:v1")
    assert f"names this digest as {named.media_type} of {named.size} bytes, which it is not" in message


def cosign(suffix: str, *, child: bool) -> Callable[[Scene, Signature], Pack]:
    def packing(_: Scene, __: Signature) -> Pack:
        def pack(builder: LayoutBuilder, target: Descriptor) -> None:
            about = _children(builder.blobs[target.digest])[0] if child else target
            layer = SIMPLE if suffix == "sig" else DSSE
            document = {
                "schemaVersion": 2,
                "mediaType": IMAGE_MANIFEST,
                "config": bare(builder.add_blob(b"{}", "application/vnd.oci.image.config.v1+json")),
                "layers": [bare(builder.add_blob(b"{}", layer))],
            }
            builder.tag(builder.add_manifest(document), f"sha256-{about.digest.encoded}.{suffix}")

        return pack

    return packing


def _children(index: bytes) -> list[Descriptor]:
    return [Descriptor.from_json(item) for item in json.loads(index)["manifests"]]


@pytest.mark.parametrize(("suffix", "kind"), [("sig", "signature"), ("att", "attestation")])
def test_recognises_cosign_signatures_by_their_tag(tmp_path: Path, suffix: str, kind: str) -> None:
    scene, written = unsigned(tmp_path, cosign(suffix, child=False))
    message = told(written, f"oci:{written.layout}:v1")
    assert f"attached is a cosign {kind} (tag sha256-{scene.target.digest.encoded}.{suffix})" in message


def test_reports_a_cosign_signature_of_an_image_in_the_index(tmp_path: Path) -> None:
    scene, written = unsigned(tmp_path, cosign("sig", child=True), index=True)
    child = _children(scene.builder.blobs[scene.target.digest])[0]
    message = told(written, f"oci:{written.layout}:v1")
    assert "attached to the platform images that it lists is a cosign signature" in message
    assert f"(tag sha256-{child.digest.encoded}.sig)" in message


def test_reports_a_cosign_signature_of_the_index_above_the_image(tmp_path: Path) -> None:
    scene, written = unsigned(tmp_path, cosign("sig", child=False), index=True)
    child = _children(scene.builder.blobs[scene.target.digest])[0]
    message = told(written, f"oci:{written.layout}@{child.digest}")
    assert f"the index {scene.target.digest} that lists it carries a cosign signature" in message


def _stranger(slot: int) -> Issued:
    return issue("root", slot=slot)


@pytest.mark.parametrize("form", ["jws", "cose"])
@pytest.mark.parametrize(
    ("order", "reason", "words"),
    [
        (lambda chain: chain[::-1], "envelope.signature", "reverse order: the signature verifies under certificate 3"),
        (lambda chain: [chain[1], chain[0], chain[2]], "envelope.signature", "the chain is in the wrong order"),
        (lambda chain: [chain[0], chain[2], chain[1]], "chain.order", "in the wrong order: the right one is 1, 3, 2"),
        (lambda chain: [chain[0], chain[2]], "chain.order", 'the certificate of "CN=Intermediate 1,'),
        (lambda chain: chain[:2], "chain.root", "(an intermediate or the root) was left out"),
        (lambda chain: chain[:1], "chain.root", 'the chain is incomplete: the certificate of "CN=Intermediate 1,'),
        (lambda chain: [chain[0], *chain], "chain.order", "certificate 2 is certificate 1 again"),
        (lambda chain: [*chain, _stranger(7)], "chain.self_signed", "does not belong to the chain of certificate 1: 4"),
    ],
    ids=["reversed", "swapped", "turned", "intermediate", "root", "leaf-alone", "double", "more"],
)  # fmt: skip
def test_explains_what_is_wrong_with_a_chain(
    tmp_path: Path, form: str, order: Callable[[Sequence[Issued]], Sequence[Issued]], reason: str, words: str
) -> None:
    scene = Scene(form=form)
    scene.sign_with(Pki().code_chain())
    scene.signature.chain = order(scene.signature.leaf.chain)
    arguments = scene.write(tmp_path).arguments()
    ran = run_here(arguments)
    assert (ran.code, ran.reasons) == (12, frozenset({reason}))
    text = run_here(arguments[:-2]).out
    assert words in text
    assert "altered" not in text
    assert "with the whole chain in this order" in text


def test_blames_the_order_only_where_a_certificate_of_the_chain_verifies(tmp_path: Path) -> None:
    scene = Scene()
    scene.sign_with(Pki().code_chain())
    scene.signature.options["sign"] = lambda _: bytes(64)
    ran = run_here(scene.write(tmp_path).arguments()[:-2])
    assert ran.code == 12
    assert "in this order" not in ran.out
    assert "was altered" in ran.out


def test_reports_a_chain_that_begins_with_its_root(tmp_path: Path) -> None:
    """Then it is the algorithm that does not fit, before any signature is checked."""
    scene = Scene()
    scene.sign_with(issue("leaf", issuer=issue("root", key="p384")))
    scene.signature.chain = scene.signature.leaf.chain[::-1]
    ran = run_here(scene.write(tmp_path).arguments())
    assert (ran.code, ran.reasons) == (12, frozenset({"envelope.algorithm"}))
    assert "the chain is in reverse order" in ran.out


@pytest.mark.parametrize("archive", [False, True])
def test_finds_signatures_that_only_the_full_index_of_hauler_lists(tmp_path: Path, *, archive: bool) -> None:
    """`hauler store save --containerd` leaves all but images out of index.json."""

    def packing(_: Scene, signature: Signature) -> Pack:
        def pack(builder: LayoutBuilder, target: Descriptor) -> None:
            signature.attach(builder, target, listed=False)

        return pack

    _, written = unsigned(tmp_path, packing)
    (written.layout / "hauler-index.json").write_bytes(b"{}")
    target = f"oci:{written.layout}:v1"
    if archive:
        with tarfile.open(tmp_path / "haul.tar", "w") as tar:
            tar.add(written.layout, ".")
        target = f"oci-archive:{tmp_path / 'haul.tar'}:v1"
    assert "hauler-index.json lists what index.json leaves out" in told(written, target)


@pytest.mark.parametrize("stated", ["sig/example", None])
def test_reports_an_envelope_attached_under_another_type(tmp_path: Path, stated: str | None) -> None:
    """`oras attach` without --artifact-type application/vnd.cncf.notary.signature."""
    scene = Scene()
    scene.signature.manifest = {"artifactType": stated or REMOVED}
    written = scene.write(tmp_path)
    message = told(written, f"oci:{written.layout}:v1")
    assert f"an attachment holds an envelope and is of type {stated or EMPTY!r}, not {NOTARY_SIGNATURE}" in message


@pytest.mark.parametrize(
    ("suffix", "layer", "called", "copied"),
    [
        ("att", "application/vnd.dsse.envelope.v1+json", "application/vnd.dsse.envelope.v1+json", "att"),
        ("sbom", "text/spdx", "text/spdx", "sbom"),
        ("sbom", None, "cosign sbom", "sbom"),
    ],
)
def test_what_cosign_attaches_is_named_by_its_layer_or_tag(
    tmp_path: Path, suffix: str, layer: str | None, called: str, copied: str
) -> None:
    """It was named by the type of its config, that of an image."""
    scene = Scene()

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        layers = [builder.add_blob(b"{}", kind) for kind in ((layer,) if layer else ("text/a", "text/b"))]
        attached = builder.add_image(*layers, platform=None)
        builder.tag(attached, f"sha256-{target.digest.encoded}.{suffix}")

    scene.packing.append(pack)
    written = scene.write(tmp_path)
    verified = run_here([word for word in written.arguments() if word not in {"--format", "json"}])
    assert f"nothing proves who made it: {called}" in verified.out
    assert re.search(rf" {re.escape(called)}  \d+ B  sha256:", run_here(["discover", written.target]).out)
    assert f"· {copied} 1\n" in run_here(["copy", written.target, f"oci:{tmp_path / 'copy'}"]).out
