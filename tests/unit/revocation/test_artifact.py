"""Evidence in a target: what it is called, and what of it is offered to a fetch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from airgap.oci.descriptor import IMAGE_MANIFEST
from airgap.oci.manifest import Manifest, parse_manifest
from airgap.oci.target import open_target
from airgap.revocation.artifact import CRL_MEDIA_TYPE, OCSP_MEDIA_TYPE, evidence_kinds, find_target_evidence
from tests.support.crls import crl
from tests.support.layouts import LayoutBuilder
from tests.support.ocsp import ocsp_response
from tests.support.pki import Issued, Pki

LEAF = Pki().code_chain(depth=2)
TITLE = "org.opencontainers.image.title"

PIECES: dict[str, Callable[[Issued], bytes]] = {
    "crl": lambda leaf: crl(leaf.root),
    "ocsp": ocsp_response,
    "certificate": lambda leaf: leaf.pem,
}


@pytest.mark.parametrize("kind", PIECES)
def test_what_may_be_evidence_by_its_name_is_offered_if_it_is_some(tmp_path: Path, kind: str) -> None:
    """A CRL, or a response; it need not be both."""
    box = LayoutBuilder()
    box.tag(box.add_image(), "v1")
    box.extra_files["ca.pem"] = PIECES[kind](LEAF)
    box.write_directory(tmp_path / "layout")
    with open_target(f"oci:{tmp_path / 'layout'}:v1") as target:
        evidence = find_target_evidence(target.store, target.graph, "here", ())
        assert [piece.name for piece in evidence.offered()] == ([] if kind == "certificate" else ["ca.pem"])
        assert list(evidence.not_among(frozenset())) == ([] if kind == "certificate" else ["ca.pem"])


def test_finds_the_kind_of_a_file_by_its_name_or_type() -> None:
    named = [("a.crl", "text/plain"), ("b.ORS", "text/plain"), ("c", CRL_MEDIA_TYPE), ("d", OCSP_MEDIA_TYPE)]
    box = LayoutBuilder()
    layers = [box.add_blob(name.encode(), kind, annotations={TITLE: name}) for name, kind in named]
    raw = box.blobs[box.add_image(*layers, box.add_blob(b"x", "text/plain")).digest]
    manifest = parse_manifest(raw, IMAGE_MANIFEST)
    assert isinstance(manifest, Manifest)
    assert evidence_kinds(manifest) == ("crl", "ocsp", "crl", "ocsp")
