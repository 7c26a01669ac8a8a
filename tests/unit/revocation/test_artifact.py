"""Evidence in a target: what it is called, and what of it is offered to a fetch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from airgap.collection.packing import count_evidence_files, pack
from airgap.oci.all_manifests import AllManifests
from airgap.oci.descriptor import EMPTY, EMPTY_CONFIG, IMAGE_MANIFEST, NO_CONFIG, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.manifest import Manifest, parse_manifest
from airgap.oci.target import Target, open_target
from airgap.revocation.artifact import (
    CRL_MEDIA_TYPE,
    EVIDENCE_TYPE,
    OCSP_MEDIA_TYPE,
    RESPONDER_MEDIA_TYPE,
    evidence_kinds,
    evidence_layers,
    find_proposals,
    is_evidence_alone,
    possible_evidence,
    possible_evidence_layers,
)
from airgap.revocation.evidence_files import EvidenceFile
from airgap.revocation.target_evidence import StampedEvidence, TargetEvidence, find_target_evidence
from tests.support.crls import crl
from tests.support.layouts import LayoutBuilder
from tests.support.ocsp import ocsp_response
from tests.support.pki import Issued, Pki, issue

LEAF = Pki().code_chain(depth=2)
TITLE = "org.opencontainers.image.title"

PIECES: dict[str, Callable[[Issued], bytes]] = {
    "crl": lambda leaf: crl(leaf.root),
    "ocsp": ocsp_response,
    "certificate": lambda leaf: leaf.pem,
}


def _evidence(target: Target, stamped: Sequence[StampedEvidence] = ()) -> TargetEvidence:
    listed = AllManifests(target.store, target.graph.manifest)
    return find_target_evidence(target.store, listed, "here", stamped, (), more_certificates=False)


@pytest.mark.parametrize("kind", PIECES)
def test_what_may_be_evidence_by_its_name_is_offered_if_it_is_some(tmp_path: Path, kind: str) -> None:
    """A CRL, or a response; it need not be both."""
    builder = LayoutBuilder()
    builder.tag(builder.add_image(), "v1")
    builder.extra_files["ca.pem"] = PIECES[kind](LEAF)
    builder.write_directory(tmp_path / "layout")
    with open_target(f"oci:{tmp_path / 'layout'}:v1") as target:
        evidence = _evidence(target)
        assert [piece.name for piece in evidence.offered()] == ([] if kind == "certificate" else ["ca.pem"])
        assert list(evidence.not_among(frozenset())) == ([] if kind == "certificate" else ["ca.pem"])


def test_finds_the_kind_of_a_file_by_its_name_or_type() -> None:
    named = [("a.crl", "text/plain"), ("b.ORS", "text/plain"), ("c", CRL_MEDIA_TYPE), ("d", OCSP_MEDIA_TYPE)]
    builder = LayoutBuilder()
    layers = [builder.add_blob(name.encode(), kind, annotations={TITLE: name}) for name, kind in named]
    raw = builder.blobs[builder.add_image(*layers, builder.add_blob(b"x", "text/plain")).digest]
    manifest = parse_manifest(raw, IMAGE_MANIFEST)
    assert isinstance(manifest, Manifest)
    assert evidence_kinds(manifest) == ("crl", "ocsp", "crl", "ocsp")


def _image(builder: LayoutBuilder, *files: tuple[str, bytes]) -> None:
    layers = [builder.add_blob(data, CRL_MEDIA_TYPE, annotations={TITLE: name}) for name, data in files]
    builder.tag(builder.add_image(*layers), f"v{len(builder.entries)}")


def _held(builder: LayoutBuilder, folder: Path) -> tuple[list[str], list[str]]:
    """The names of what is read, and of what is more than is read."""
    builder.write_directory(folder)
    with open_target(f"oci:{folder}") as target:
        evidence = _evidence(target)
        return [piece.name for piece in evidence.pieces], [item.name for item in evidence.beyond_bounds]


OLD, NEW = (crl(LEAF.root, number=number) for number in (1, 2))


def test_the_same_file_in_several_artifacts_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also against the bounds: the images of one signer have the same evidence."""
    monkeypatch.setattr("airgap.limits.TARGET_EVIDENCE_FILES", 2)
    monkeypatch.setattr("airgap.limits.TARGET_EVIDENCE_BYTES", len(OLD) + len(NEW))
    builder = LayoutBuilder()
    _image(builder, ("a.crl", OLD), ("b.crl", NEW))
    _image(builder, ("c.crl", OLD))
    assert _held(builder, tmp_path) == (["a.crl", "b.crl"], [])


@pytest.mark.parametrize("bound", ["TARGET_EVIDENCE_FILES", "TARGET_EVIDENCE_BYTES"])
def test_more_evidence_than_is_read_is_reported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(f"airgap.limits.{bound}", 1 if bound.endswith("FILES") else len(OLD) + len(NEW) - 1)
    builder = LayoutBuilder()
    _image(builder, ("a.crl", OLD), ("b.crl", NEW))
    _image(builder, ("c.crl", crl(LEAF.root, number=3, revoked=range(1, 9))))
    assert _held(builder, tmp_path) == (["a.crl"], ["b.crl"])


@pytest.mark.parametrize(("more", "read"), [(0, True), (1, False)])
def test_a_file_of_evidence_has_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: int, *, read: bool
) -> None:
    monkeypatch.setattr("airgap.limits.CRL_FILE_BYTES", len(NEW) - more)
    builder = LayoutBuilder()
    _image(builder, ("b.crl", NEW))
    assert _held(builder, tmp_path) == ((["b.crl"], []) if read else ([], ["b.crl"]))


@pytest.mark.parametrize(
    ("name", "told"),
    [("big.crl", True), ("big.pem", True), ("crl-archive.zip", False), ("notes.txt", False)],
)
def test_a_loose_file_that_is_too_large_is_reported_where_its_ending_is_that_of_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, *, told: bool
) -> None:
    monkeypatch.setattr("airgap.limits.CRL_FILE_BYTES", len(NEW) - 1)
    builder = LayoutBuilder()
    builder.tag(builder.add_image(), "v1")
    builder.extra_files[name] = NEW
    assert _held(builder, tmp_path) == ([], [name] if told else [])


def test_a_layout_whose_files_cannot_be_listed_may_hold_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("airgap.oci.layout.list_folder", closed)
    builder = LayoutBuilder()
    _image(builder, ("a.crl", OLD))
    assert _held(builder, tmp_path) == (["a.crl"], ["a loose file"])


def test_a_whole_loose_file_counts_instead_of_the_damaged_blob(tmp_path: Path) -> None:
    builder = LayoutBuilder()
    _image(builder, ("a.crl", NEW))
    (blob,) = (digest for digest, data in builder.blobs.items() if data == NEW)
    builder.blobs[blob] = bytes(len(NEW))
    builder.extra_files["b.crl"] = NEW
    builder.write_directory(tmp_path)
    with open_target(f"oci:{tmp_path}") as target:
        evidence = _evidence(target)
        (found,) = evidence.all_crls()
        assert (found.name, found.facts.number) == ("a.crl", 2)


@pytest.mark.parametrize(("name", "expected"), [("b.crl", True), ("._b.crl", False), ("b.pem", False)])
def test_a_loose_file_that_is_called_as_evidence_and_is_none_is_reported(
    tmp_path: Path, name: str, *, expected: bool
) -> None:
    """What file managers leave behind, and what may be a certificate, is not."""
    builder = LayoutBuilder()
    builder.tag(builder.add_image(), "v1")
    builder.extra_files[name] = b"no evidence"
    builder.write_directory(tmp_path)
    with open_target(f"oci:{tmp_path}") as target:
        evidence = _evidence(target)
        assert bool(evidence.notices()) is expected


def test_trust_material_in_a_target_is_reported_within_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airgap.limits.SIGNATURES", 2)
    builder = LayoutBuilder()
    titles = ["truststore/x509/ca/a/b.pem", "trustpolicy.json", "trustpolicy.oci.json", "notes/trustpolicy.json"]
    for title in titles:
        layer = builder.add_blob(title.encode(), "text/plain", annotations={TITLE: title})
        builder.tag(builder.add_image(layer), f"v{len(builder.entries)}")
    builder.write_directory(tmp_path)
    with open_target(f"oci:{tmp_path}") as target:
        roots = [root.descriptor for root in target.graph.roots()]
        told = [find_proposals(target.graph, [root], "here") for root in roots]
        assert [len(found) for found in told] == [1, 1, 1, 0]
        assert {found[0].reason for found in told if found} == {"trust.proposal"}
        assert len(find_proposals(target.graph, roots, "here")) == 2


SUBJECT = Descriptor(media_type=IMAGE_MANIFEST, digest=Digest.of(b"image"), size=5)


def test_packs_evidence_under_the_names_of_a_trust_directory() -> None:
    """The same evidence gives the same bytes; the index names only what is in it."""
    index = {"http://b.example": ["a.crl", "other.crl"], "http://a.example": ["other.crl"]}
    packed = pack(
        SUBJECT, crls={"a.crl": OLD}, ocsp={"b.ors": b"answer"}, crl_index=index, responders={"c.cer": b"certificate"}
    )
    manifest = parse_manifest(packed.raw, IMAGE_MANIFEST)
    assert isinstance(manifest, Manifest)
    assert [(layer.annotations[TITLE], layer.media_type) for layer in manifest.layers] == [
        ("crls/a.crl", CRL_MEDIA_TYPE),
        ("crls/index.json", "application/json"),
        ("ocsp/b.ors", OCSP_MEDIA_TYPE),
        ("ocsp/c.cer", RESPONDER_MEDIA_TYPE),
    ]
    assert packed.blobs[0] == (EMPTY_CONFIG, NO_CONFIG)
    assert packed.blobs[1:] == tuple(
        zip(manifest.layers, [OLD, b'{"http://b.example":["a.crl"]}', b"answer", b"certificate"], strict=True)
    )
    assert (manifest.artifact_type, manifest.subject) == (EVIDENCE_TYPE, SUBJECT)
    assert packed.manifest.digest == Digest.of(packed.raw)
    assert count_evidence_files(packed) == 2
    again = pack(
        SUBJECT,
        crls={"a.crl": OLD},
        ocsp={"b.ors": b"answer"},
        crl_index=dict(reversed(index.items())),
        responders={"c.cer": b"certificate"},
    )
    assert again.raw == packed.raw
    bare = pack(SUBJECT, crls={"a.crl": OLD}, ocsp={}, crl_index={"http://a.example": ["other.crl"]}, responders={})
    assert len(bare.blobs) == 2  # its config and the CRL


ALONE: dict[str, tuple[dict[str, Any], bool]] = {
    "as ours are": ({}, True),
    "with the index": ({"layers": [(CRL_MEDIA_TYPE, "a"), ("application/json", "crls/index.json")]}, True),
    "with a response": ({"layers": [(OCSP_MEDIA_TYPE, "a"), (RESPONDER_MEDIA_TYPE, "b")]}, True),
    "with an index elsewhere": ({"layers": [("application/json", "ocsp/index.json")]}, False),
    "with another layer": ({"layers": [(CRL_MEDIA_TYPE, "a"), ("text/plain", "b")]}, False),
    "without a layer": ({"layers": []}, False),
    "of another type": ({"artifact_type": "application/x"}, False),
    "with the config of an image": ({"config": "application/vnd.oci.image.config.v1+json"}, False),
    "with a tag": ({"tag": "v1"}, False),
}


@pytest.mark.parametrize("case", ALONE)
def test_evidence_about_what_is_not_here_needs_no_signature(tmp_path: Path, case: str) -> None:
    """Where it is nothing else: nothing in it can be taken for an image."""
    changes, alone = ALONE[case]
    builder = LayoutBuilder()
    made = changes.get("layers", [(CRL_MEDIA_TYPE, "a")])
    layers = [builder.add_blob(name.encode(), kind, annotations={TITLE: name}) for kind, name in made]
    descriptor = builder.add_manifest(
        {
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "artifactType": changes.get("artifact_type", EVIDENCE_TYPE),
            "config": builder.add_blob(b"{}", changes.get("config", EMPTY)).to_json(),
            "layers": [layer.to_json() for layer in layers],
        }
    )
    if "tag" in changes:
        builder.tag(descriptor, changes["tag"])
    else:
        builder.list(descriptor)
    builder.write_directory(tmp_path)
    with open_target(f"oci:{tmp_path}") as target:
        (root,) = target.graph.roots()
        assert is_evidence_alone(target.graph, root) is alone
        (tmp_path / "blobs/sha256" / descriptor.digest.encoded).write_bytes(b"{}")
    with open_target(f"oci:{tmp_path}") as target:
        assert not any(is_evidence_alone(target.graph, root) for root in target.graph.roots())


@pytest.mark.parametrize(
    ("media_type", "title", "artifact_type", "called", "possible"),
    [
        ("text/plain", "a.crl", None, True, True),
        ("text/plain", "A.ORS", None, True, True),
        (CRL_MEDIA_TYPE, "", None, True, True),
        (f"{OCSP_MEDIA_TYPE}; charset=x", "", None, True, True),
        ("text/plain", "notes", EVIDENCE_TYPE, True, True),
        (RESPONDER_MEDIA_TYPE, "", EVIDENCE_TYPE, False, True),
        ("text/plain", "list.pem", None, False, True),
        ("application/pkix-cert", "", None, False, True),
        ("text/plain", "", "application/x-revocation", False, True),
        ("text/plain", "notes.txt", None, False, False),
        (EMPTY, "a.pem", None, False, False),
    ],
)
def test_layers_are_evidence_by_our_names_or_may_be_by_those_of_others(
    media_type: str, title: str, artifact_type: str | None, *, called: bool, possible: bool
) -> None:
    builder = LayoutBuilder()
    layer = builder.add_blob(b"x", media_type, annotations={TITLE: title} if title else {})
    members: dict[str, Any] = {} if artifact_type is None else {"artifactType": artifact_type}
    raw = builder.blobs[builder.add_image(layer, **members).digest]
    manifest = parse_manifest(raw, IMAGE_MANIFEST)
    assert isinstance(manifest, Manifest)
    assert [item.digest for item in evidence_layers(manifest)] == ([layer.digest] if called else [])
    found = [item.digest for item in possible_evidence_layers(manifest)]
    assert (layer.digest in found) is possible


def test_names_of_loose_files_that_cannot_be_read_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["notes.txt", "b.pem", "a.CRL", "ocsp-answers"]
    assert possible_evidence(names) == ("a.CRL", "b.pem", "ocsp-answers")
    monkeypatch.setattr("airgap.limits.LOOSE_FILES", 2)
    assert possible_evidence(["x", "w"]) == ()
    assert possible_evidence(["x", "w", "v"]) == ("v", "w", "x")


def test_what_was_not_copied_is_named_by_file(tmp_path: Path) -> None:
    """A piece that is in a copied layer, or in a copied envelope's token, came along."""
    builder = LayoutBuilder()
    _image(builder, ("a.crl", OLD), ("b.crl", NEW))
    builder.write_directory(tmp_path)
    envelope, other = Digest.of(b"envelope"), Digest.of(b"other")
    third = crl(LEAF.root, number=3)
    piece = EvidenceFile("c.crl", "token", lambda: third)
    stamped = [StampedEvidence(Digest.of(third), len(third), place, piece) for place in (envelope, other)]
    with open_target(f"oci:{tmp_path}") as target:
        evidence = find_target_evidence(
            target.store,
            AllManifests(target.store, target.graph.manifest),
            "here",
            stamped,
            (),
            more_certificates=False,
        )
        assert evidence.not_among(frozenset()) == ("a.crl", "b.crl", "c.crl")
        assert evidence.not_among({Digest.of(OLD), other}) == ("b.crl",)
        assert evidence.not_among({envelope, Digest.of(third)}) == ("a.crl", "b.crl")
        assert len(evidence.whole) == 3


def test_certificates_of_makers_are_offered_beside_the_evidence(tmp_path: Path) -> None:
    builder = LayoutBuilder()
    responder = issue("ocsp", issuer=LEAF.root)
    files = {"a.crl": NEW, "b.pem": responder.pem, "c.pem": LEAF.pem}
    _image(builder, *files.items())
    builder.extra_files = {f"loose-{name}": data + b"\n" for name, data in files.items()}
    builder.write_directory(tmp_path)
    with open_target(f"oci:{tmp_path}") as target:
        evidence = _evidence(target)
        assert sorted(piece.name for piece in evidence.maker_files()) == ["b.pem", "loose-b.pem"]
