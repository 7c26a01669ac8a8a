"""Of any images, whatever a receipt says is held: what is left out and what is carried are all that is needed."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

import airgap
from airgap.bundle.opened_bundle import held_elsewhere
from airgap.oci.descriptor import REF_NAME
from airgap.oci.digest import Digest
from airgap.oci.manifest import Manifest
from airgap.oci.target import open_target
from tests.copy.test_delta import receipt
from tests.support.layouts import LayoutBuilder
from tests.support.months import add_layered, digest, layer
from tests.support.pki import AT

NAMES = st.sampled_from(["a", "b", "c", "d", "e"])
IMAGES = st.lists(st.lists(NAMES, min_size=1, max_size=4, unique=True), min_size=1, max_size=3)


@settings(max_examples=40)
@given(images=IMAGES, held=st.lists(NAMES, unique=True), manifests=st.booleans())
def test_a_delta_has_all_that_is_not_held(images: list[list[str]], held: list[str], manifests: bool) -> None:
    """Each layer is here or declared; each manifest and config is here, also where the receipt names all there is."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        builder = LayoutBuilder()
        for number, layers in enumerate(images):
            builder.list(add_layered(builder, layers), **{REF_NAME: f"registry.example/app:v{number}"})
        builder.write_directory(root / "layout")
        everything = [{"digest": str(key), "size": len(data)} for key, data in builder.blobs.items()]
        named = receipt(root / "receipt.json", *held)
        if manifests:
            receipt(root / "receipt.json", registries=[{"registry": "r", "held": everything}])
        request = airgap.BundleRequest(
            sources=[str(root / "layout")],
            destination=str(root / "delta"),
            at=AT - timedelta(days=1),
            clock=AT,
            since=[str(named)],
            allow_unsigned=True,
            download=False,
        )
        result = airgap.create_bundle(request, None)
        assert result.exit_code == 0, result.error
        needed = {digest(name) for layers in images for name in layers}
        said = needed if manifests else needed & {digest(name) for name in held}
        with open_target(str(root / "delta")) as target:
            declared = held_elsewhere(target.store, target.graph)
            assert {str(item) for item in declared} == said
            assert all(size == len(_content(item)) for item, size in declared.items())
            for item in target.graph.known:
                manifest = target.graph.manifest(item) if item.is_manifest else None
                if isinstance(manifest, Manifest):
                    for name, below in manifest.successors():
                        is_here = target.store.size(below.digest) == below.size
                        assert is_here != (name != "config" and str(below.digest) in said), (name, below)


def _content(name: Digest) -> bytes:
    return next(layer(one) for one in "abcde" if digest(one) == str(name))
