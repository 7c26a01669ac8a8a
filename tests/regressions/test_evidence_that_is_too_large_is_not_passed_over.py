"""A file that is too large to be read, and by its name or its first bytes is evidence, leaves the answer open.

A revoking CRL in a file above the bound passed without a message, and the same CRL in a smaller one was found: attached
under a name that does not end as evidence, loose under such a name, and in the trust directory under any other name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airgap import limits
from airgap.oci.descriptor import EMPTY, IMAGE_MANIFEST, Descriptor
from tests.support.command import run_here
from tests.support.crls import crl, entry, pem
from tests.support.layouts import LayoutBuilder
from tests.support.pki import Pki
from tests.support.scenario import Scene, bare

LEAF = Pki().code_chain()
REVOKING = pem(crl(LEAF.chain[1], number=2, revoked=[entry(LEAF.serial, reason="keyCompromise")]))
TITLE = "org.opencontainers.image.title"


def attached(scene: Scene, title: str) -> None:
    def pack(builder: LayoutBuilder, image: Descriptor) -> None:
        layer = builder.add_blob(REVOKING, "application/octet-stream")
        document: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "artifactType": "application/x-lists",
            "config": bare(builder.add_blob(b"{}", EMPTY)),
            "layers": [{**bare(layer), "annotations": {TITLE: title}}],
            "subject": bare(image),
        }
        builder.list(builder.add_manifest(document, artifact_type="application/x-lists"))

    scene.packing.append(pack)


def listed(scene: Scene, title: str) -> None:
    scene.packing.append(
        lambda builder, _: builder.list(builder.add_blob(REVOKING, "application/octet-stream"), **{TITLE: title})
    )


def loose(scene: Scene, name: str) -> None:
    scene.builder.extra_files[name] = REVOKING


def in_trust(scene: Scene, name: str) -> None:
    def write(written: Any) -> None:
        path = Path(written.trust) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(REVOKING)

    scene.afterwards.append(write)


@pytest.mark.parametrize(
    ("put", "name"),
    [
        (attached, "crls.pem"),
        (attached, "all-crls.txt"),
        (listed, "crls.pem"),
        (loose, "all-crls.txt"),
        (loose, "crls.pem"),
        (in_trust, "notes/list"),
        (in_trust, "notes/crls.pem"),
        (in_trust, "crls/crls.pem"),
    ],
)
@pytest.mark.parametrize("is_large", [False, True])
def test_size_makes_nothing_milder(
    put: Any, name: str, is_large: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene()
    scene.sign_with(LEAF)
    put(scene, name)
    written = scene.write(tmp_path)
    if is_large:
        monkeypatch.setattr(limits, "CRL_FILE_BYTES", len(REVOKING) - 1)
    ran = run_here(written.arguments())
    assert ran.code == 15 if is_large or (put is in_trust and name.startswith("notes")) else ran.code == 14, ran
    assert json.loads(ran.out)["verdict"] != "pass"


@pytest.mark.parametrize("name", ["basic-rlang.tar.gz", "model.bin", "notes.txt"])
def test_other_large_files_are_no_evidence(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    scene.sign_with(LEAF)
    loose(scene, name)
    attached(scene, name)
    written = scene.write(tmp_path)
    monkeypatch.setattr(limits, "CRL_FILE_BYTES", len(REVOKING) - 1)
    assert run_here(written.arguments()).code == 0
