"""Evidence in a target: what it is called, and what of it is offered to a fetch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from airgap.oci.descriptor import IMAGE_MANIFEST
from airgap.oci.manifest import Manifest, parse_manifest
from airgap.oci.target import open_target
from airgap.revocation.artifact import (
    CRL_MEDIA_TYPE,
    OCSP_MEDIA_TYPE,
    evidence_kinds,
    find_proposals,
    find_target_evidence,
)
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


def _image(box: LayoutBuilder, *files: tuple[str, bytes]) -> None:
    layers = [box.add_blob(data, CRL_MEDIA_TYPE, annotations={TITLE: name}) for name, data in files]
    box.tag(box.add_image(*layers), f"v{len(box.entries)}")


def _held(box: LayoutBuilder, folder: Path) -> tuple[list[str], list[str]]:
    """The names of what is read, and of what is more than is read."""
    box.write_directory(folder)
    with open_target(f"oci:{folder}") as target:
        evidence = find_target_evidence(target.store, target.graph, "here", ())
        return [piece.name for piece in evidence.pieces], [item.name for item in evidence.beyond_bounds]


OLD, NEW = (crl(LEAF.root, number=number) for number in (1, 2))


def test_the_same_file_in_several_artifacts_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also against the bounds: the images of one signer have the same evidence."""
    monkeypatch.setattr("airgap.limits.BOX_EVIDENCE_FILES", 2)
    monkeypatch.setattr("airgap.limits.BOX_EVIDENCE_BYTES", len(OLD) + len(NEW))
    box = LayoutBuilder()
    _image(box, ("a.crl", OLD), ("b.crl", NEW))
    _image(box, ("c.crl", OLD))
    assert _held(box, tmp_path) == (["a.crl", "b.crl"], [])


@pytest.mark.parametrize(
    ("bound", "value"),
    [("BOX_EVIDENCE_FILES", 1), ("BOX_EVIDENCE_BYTES", len(OLD) + len(NEW) - 1)],
)
def test_more_evidence_than_is_read_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(f"airgap.limits.{bound}", value)
    box = LayoutBuilder()
    _image(box, ("a.crl", OLD), ("b.crl", NEW))
    _image(box, ("c.crl", crl(LEAF.root, number=3, revoked=range(1, 9))))
    assert _held(box, tmp_path) == (["a.crl"], ["b.crl"])


@pytest.mark.parametrize(("more", "read"), [(0, True), (1, False)])
def test_a_file_of_evidence_has_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: int, *, read: bool
) -> None:
    monkeypatch.setattr("airgap.limits.CRL_FILE_BYTES", len(NEW) - more)
    box = LayoutBuilder()
    _image(box, ("b.crl", NEW))
    assert _held(box, tmp_path) == ((["b.crl"], []) if read else ([], ["b.crl"]))


@pytest.mark.parametrize(
    ("name", "told"),
    [("big.crl", True), ("big.pem", True), ("crl-archive.zip", False), ("notes.txt", False)],
)
def test_a_loose_file_that_is_too_large_is_told_where_its_ending_is_that_of_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, *, told: bool
) -> None:
    monkeypatch.setattr("airgap.limits.CRL_FILE_BYTES", len(NEW) - 1)
    box = LayoutBuilder()
    box.tag(box.add_image(), "v1")
    box.extra_files[name] = NEW
    assert _held(box, tmp_path) == ([], [name] if told else [])


def test_a_whole_loose_file_counts_instead_of_the_damaged_blob(tmp_path: Path) -> None:
    box = LayoutBuilder()
    _image(box, ("a.crl", NEW))
    (blob,) = (digest for digest, data in box.blobs.items() if data == NEW)
    box.blobs[blob] = bytes(len(NEW))
    box.extra_files["b.crl"] = NEW
    box.write_directory(tmp_path)
    with open_target(f"oci:{tmp_path}") as target:
        evidence = find_target_evidence(target.store, target.graph, "here", ())
        assert [file.name for file in evidence.all_crls()] == ["b.crl"]


@pytest.mark.parametrize(("name", "expected"), [("b.crl", True), ("._b.crl", False), ("b.pem", False)])
def test_a_loose_file_that_is_called_as_evidence_and_is_none_is_told(
    tmp_path: Path, name: str, *, expected: bool
) -> None:
    """What file managers leave behind, and what may be a certificate, is not."""
    box = LayoutBuilder()
    box.tag(box.add_image(), "v1")
    box.extra_files[name] = b"no evidence"
    box.write_directory(tmp_path)
    with open_target(f"oci:{tmp_path}") as target:
        evidence = find_target_evidence(target.store, target.graph, "here", ())
        assert bool(evidence.notices()) is expected


def test_trust_material_in_a_target_is_told_within_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airgap.limits.SIGNATURES", 2)
    box = LayoutBuilder()
    titles = ["truststore/x509/ca/a/b.pem", "trustpolicy.json", "trustpolicy.oci.json", "notes/trustpolicy.json"]
    for title in titles:
        layer = box.add_blob(title.encode(), "text/plain", annotations={TITLE: title})
        box.tag(box.add_image(layer), f"v{len(box.entries)}")
    box.write_directory(tmp_path)
    with open_target(f"oci:{tmp_path}") as target:
        roots = [root.descriptor for root in target.graph.roots()]
        told = [find_proposals(target.graph, [root], "here") for root in roots]
        assert [len(found) for found in told] == [1, 1, 1, 0]
        assert {found[0].reason for found in told if found} == {"trust.proposal"}
        assert len(find_proposals(target.graph, roots, "here")) == 2
