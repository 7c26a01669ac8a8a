"""The status words of copied artifacts."""

from __future__ import annotations

from pathlib import Path
from time import process_time

from airgap.oci.descriptor import IMAGE_MANIFEST, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.open import open_layout
from airgap.transfer.copied import status_of
from airgap.transfer.endpoint import Source, TransferMethod
from airgap.transfer.plan import CopyRoot, Key, PlannedArtifact
from airgap.transfer.sources import LayoutSource
from tests.support.layouts import LayoutBuilder


def _planned(number: int, source: Source) -> PlannedArtifact:
    digest = Digest.of(b"%d" % number)
    descriptor = Descriptor(media_type=IMAGE_MANIFEST, digest=digest, size=1)
    root = CopyRoot(source=source, descriptor=descriptor, reference=str(digest))
    return PlannedArtifact(wanted=root, keys=frozenset({(digest, IMAGE_MANIFEST, 1)}))


def test_compares_copied_artifacts_in_linear_time(tmp_path: Path) -> None:
    with open_layout(LayoutBuilder().write_directory(tmp_path)) as layout:
        source = LayoutSource(layout, Graph(layout))
        artifacts = [_planned(number, source) for number in range(8_000)]
    moved: dict[Key, TransferMethod] = {key: TransferMethod.COPIED for item in artifacts[1:] for key in item.keys}
    began = process_time()
    states = [status_of(item, None, moved, dry_run=False) for item in artifacts]
    assert states == ["current", *["copied"] * (len(artifacts) - 1)]
    assert process_time() - began < 2
