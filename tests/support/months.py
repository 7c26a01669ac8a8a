"""What a sender has each month: signed images of several layers, of which some are as they were."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from airgap.oci.descriptor import REF_NAME, Descriptor, Platform
from airgap.oci.digest import Digest
from tests.regressions.test_evidence_of_a_target_counts_in_every_place import GOOD, LEAF
from tests.support.layouts import LayoutBuilder
from tests.support.scenario import Scene, Written

WEB, DB, NEW = "registry.example/team/web", "registry.example/lab/db", "registry.example/team/new"
FIRST: Final = {f"{WEB}:v1": "base web-a web-b web-c", f"{DB}:15": "base db-a db-b"}
"""Two images, which share a layer."""
SECOND: Final = {f"{WEB}:v2": "base web-a web-b2 web-c2", f"{DB}:15": "base db-a db-b", f"{NEW}:v1": "base new-a"}
"""Two layers of one changed, one is as it was, and one is new."""


def layer(name: str) -> bytes:
    """The bytes of a layer: 3 KB, or 200 KB if it is called big."""
    return f"layer {name}\n".encode() * (15_000 if name.startswith("big") else 300)


def digest(name: str) -> str:
    """Its digest."""
    return str(Digest.of(layer(name)))


def add_layered(builder: LayoutBuilder, layers: Sequence[str]) -> Descriptor:
    """An image for amd64 with these layers."""
    contents = [layer(name) for name in layers]
    diff_ids = [str(Digest.of(data)) for data in contents]
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    platform = Platform(architecture="amd64", os="linux")
    return builder.add_image(*contents, config=json.dumps(config).encode(), platform=platform)


def month(folder: Path, images: Mapping[str, str]) -> Written:
    """A layout with the images, signed, and a trust directory that accepts them."""
    folder.mkdir(parents=True)
    scene = Scene(scope=None)
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": GOOD}

    def pack(builder: LayoutBuilder, _: Descriptor) -> None:
        builder.entries.clear()
        builder.blobs.clear()
        for name, layers in images.items():
            image = add_layered(builder, layers.split())
            builder.list(image, **{REF_NAME: name})
            scene.signature.attach(builder, image)

    scene.packing.append(pack)
    return scene.write(folder)
