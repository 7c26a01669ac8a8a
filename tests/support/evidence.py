"""Evidence as bytes, or in a layout."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from airgap.oci.descriptor import EMPTY, IMAGE_MANIFEST, Descriptor
from airgap.oci.digest import Digest
from airgap.revocation.artifact import CRL_MEDIA_TYPE, EVIDENCE_TYPE
from airgap.revocation.evidence_files import EvidenceFile
from airgap.revocation.pool import EvidencePool
from tests.support.layouts import LayoutBuilder
from tests.support.scenario import NOTARY, bare


def spoilt(data: bytes) -> bytes:
    """The same with one bit of its last byte flipped: another signature, whatever the byte was."""
    return data[:-1] + bytes([data[-1] ^ 1])


class MemoryEvidence(EvidencePool):
    """Evidence as bytes: file names to content."""

    def __init__(
        self,
        crls: Mapping[str, bytes] | None = None,
        ocsp: Mapping[str, bytes] | None = None,
        *,
        origin: str = "memory",
        trusted: bool = False,
    ) -> None:
        contents = [*(crls or {}).items(), *(ocsp or {}).items()]
        files = [EvidenceFile(name, origin, partial(bytes, data), trusted=trusted) for name, data in contents]
        super().__init__(files, unread=())


def evidence_artifact(builder: LayoutBuilder, subject: Descriptor, *pieces: bytes) -> dict[str, Any]:
    """The manifest of an evidence artifact about `subject`; its blobs are in the layout."""
    return {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": EVIDENCE_TYPE,
        "config": bare(builder.add_blob(b"{}", EMPTY)),
        "layers": [bare(builder.add_blob(data, CRL_MEDIA_TYPE)) for data in pieces],
        "subject": bare(subject),
    }


def take_evidence_out(layout: Path) -> None:
    """What is left is the layout as it was without its evidence."""
    index = json.loads((layout / "index.json").read_text())
    kept = []
    for item in index["manifests"]:
        manifest = json.loads((layout / "blobs/sha256" / item["digest"].removeprefix("sha256:")).read_text())
        kept += [] if manifest.get("artifactType") == EVIDENCE_TYPE else [item]
    assert len(kept) < len(index["manifests"])
    (layout / "index.json").write_text(json.dumps({**index, "manifests": kept}))


def rewrite_signature_manifests(layout: Path) -> None:
    """Each signature is attached by another manifest, with the same envelope."""
    index = json.loads((layout / "index.json").read_text())
    for item in index["manifests"]:
        manifest = json.loads((layout / "blobs/sha256" / item["digest"].removeprefix("sha256:")).read_text())
        if manifest.get("artifactType") == NOTARY:
            manifest["annotations"]["rewritten"] = "yes"
            data = json.dumps(manifest).encode()
            item.update(digest=str(Digest.of(data)), size=len(data))
            (layout / "blobs/sha256" / Digest.of(data).encoded).write_bytes(data)
    (layout / "index.json").write_text(json.dumps(index))
