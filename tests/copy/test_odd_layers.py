"""Layers whose descriptors state an odd type or size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from airgap.oci.descriptor import REF_NAME, Descriptor
from tests.copy.test_bundle import create
from tests.copy.test_import import import_
from tests.regressions.test_evidence_of_a_target_counts_in_every_place import GOOD, LEAF
from tests.support.clock import set_clock
from tests.support.layouts import LayoutBuilder
from tests.support.pki import AT
from tests.support.registry import LoopbackRegistry
from tests.support.scenario import Scene, Written, add_image


@pytest.fixture(autouse=True)
def _then(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, AT)


def write(tmp_path: Path, *layers: Descriptor, builder: LayoutBuilder) -> Written:
    """A signed image of these layers."""
    scene = Scene(scope=None)
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": GOOD}

    def pack(into: LayoutBuilder, _target: Descriptor) -> None:
        into.entries.clear()
        into.blobs.update(builder.blobs)
        image = into.add_image(*layers)
        into.list(image, **{REF_NAME: "registry.example/team/web:v1"})
        scene.signature.attach(into, image)

    scene.packing.append(pack)
    return scene.write(tmp_path)


def test_a_layer_that_is_typed_as_a_manifest_is_sent_as_a_layer_too(tmp_path: Path, registry: LoopbackRegistry) -> None:
    """Registries look for a blob: the import ended with 1, and "Copy again" did not help."""
    builder = LayoutBuilder()
    layer = add_image(builder, "s390x")
    written = write(tmp_path, layer, builder=builder)
    ran = import_(written, written.layout, registry.host)
    assert ran.code == 0, ran
    assert "v1" in registry.repositories["team/web"].tags
    assert str(layer.digest) in registry.repositories["team/web"].blobs


def test_a_layer_of_two_sizes_is_damaged_content_for_a_bundle(tmp_path: Path) -> None:
    builder = LayoutBuilder()
    layer = builder.add_blob(b"a layer", "application/vnd.oci.image.layer.v1.tar")
    written = write(tmp_path, layer, replace(layer, size=layer.size + 1), builder=builder)
    ran = create(written, tmp_path / "bundle")
    assert (ran.code, str(layer.digest) in ran.out) == (16, True), ran
