"""A revoking CRL of a layout passed where it was attached to a child, an absent image or nothing, or in a snapshot."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from airgap import limits
from airgap.files import list_folder
from airgap.oci import layout
from airgap.oci.descriptor import ARTIFACT_MANIFEST, EMPTY, IMAGE_INDEX, IMAGE_MANIFEST, TITLE, Descriptor
from airgap.oci.digest import Digest
from airgap.parse.time import iso
from airgap.revocation.artifact import CRL_MEDIA_TYPE, EVIDENCE_TYPE
from airgap.trust.snapshots.snapshot_document import SNAPSHOT_TYPE
from tests.support.command import Ran, run_here
from tests.support.crls import crl, entry, pem
from tests.support.evidence import evidence_artifact, spoilt
from tests.support.layouts import LayoutBuilder
from tests.support.names import harbour
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Pki, issue
from tests.support.scenario import Scene, add_image, bare

LEAF = Pki().code_chain(depth=2, leaf={"crl_urls": ["http://crl.example/leaf.crl"]})
REVOKING = crl(LEAF.root, number=2, this_update=AT, revoked=[entry(LEAF.serial, reason="keyCompromise")])
GOOD = crl(LEAF.root, number=1)
ABSENT = Descriptor(media_type=IMAGE_MANIFEST, digest=Digest.of(b"absent"), size=6)


Way = Callable[[LayoutBuilder, Descriptor], None]


def attach(
    builder: LayoutBuilder,
    about: Descriptor | None,
    data: bytes = REVOKING,
    kind: str = EVIDENCE_TYPE,
    title: str = "crls/r.crl",
) -> Descriptor:
    layer = bare(builder.add_blob(data, CRL_MEDIA_TYPE))
    document = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": kind,
        "config": bare(builder.add_blob(b"{}", EMPTY)),
        "layers": [{**layer, "annotations": {TITLE: title}}],
        **({"subject": bare(about)} if about else {}),
    }
    return builder.add_manifest(document, artifact_type=kind)


def child(builder: LayoutBuilder, target: Descriptor) -> None:
    first = json.loads(builder.blobs[target.digest])["manifests"][0]
    about = Descriptor(media_type=first["mediaType"], digest=Digest.parse(first["digest"]), size=first["size"])
    builder.list(attach(builder, about))


def other_image(builder: LayoutBuilder, _: Descriptor) -> None:
    other = add_image(builder, "s390x")
    builder.tag(other, "other")
    builder.list(attach(builder, other))


def tagged(builder: LayoutBuilder, _: Descriptor) -> None:
    builder.tag(attach(builder, None), "evidence")


def in_a_snapshot(builder: LayoutBuilder, _: Descriptor) -> None:
    builder.tag(attach(builder, None, kind=SNAPSHOT_TYPE), "default-1")


def called_an_index(builder: LayoutBuilder, target: Descriptor) -> None:
    builder.list(attach(builder, target, title="crls/index.json"))


def as_a_file(builder: LayoutBuilder, target: Descriptor) -> None:
    """As `oras attach IMAGE revoked.crl` does it: a type of one's own, and the name of the file."""
    layer = {**bare(builder.add_blob(REVOKING)), "annotations": {TITLE: "Revoked.CRL"}}
    document = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": "application/vnd.example.notes",
        "config": bare(builder.add_blob(b"{}", EMPTY)),
        "layers": [layer],
        "subject": bare(target),
    }
    builder.list(builder.add_manifest(document))


def in_an_artifact_manifest(builder: LayoutBuilder, target: Descriptor) -> None:
    blobs = [bare(builder.add_blob(REVOKING, CRL_MEDIA_TYPE))]
    document = {"mediaType": ARTIFACT_MANIFEST, "artifactType": EVIDENCE_TYPE, "blobs": blobs, "subject": bare(target)}
    builder.list(builder.add_manifest(document, ARTIFACT_MANIFEST))


def as_an_entry(form: str, title: str = "") -> Way:
    """The CRL itself in `index.json`, which may list content of any type."""

    def put(builder: LayoutBuilder, _: Descriptor) -> None:
        builder.list(builder.add_blob(REVOKING, form), **({TITLE: title} if title else {}))

    return put


def in_another_index(builder: LayoutBuilder, _: Descriptor) -> None:
    entries = [bare(add_image(builder, "s390x")), bare(builder.add_blob(REVOKING, CRL_MEDIA_TYPE))]
    builder.tag(
        builder.add_manifest({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": entries}, IMAGE_INDEX), "set"
    )


def as_others_do(kind: str, title: str, *, form: str = CRL_MEDIA_TYPE, data: bytes = REVOKING) -> Way:
    """What `oras attach` and `oras push` make of a file, by the type of the artifact, of the layer, and its name."""

    def put(builder: LayoutBuilder, target: Descriptor) -> None:
        layer = {**bare(builder.add_blob(data, form)), **({"annotations": {TITLE: title}} if title else {})}
        document = {
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "artifactType": kind,
            "config": bare(builder.add_blob(b"{}", EMPTY)),
            "layers": [layer],
            "subject": bare(target),
        }
        builder.list(builder.add_manifest(document, artifact_type=kind))

    return put


def as_a_config(builder: LayoutBuilder, target: Descriptor) -> None:
    config = bare(builder.add_blob(REVOKING, CRL_MEDIA_TYPE))
    about = bare(target)
    document = {"schemaVersion": 2, "mediaType": IMAGE_MANIFEST, "config": config, "layers": [], "subject": about}
    builder.list(builder.add_manifest(document))


NOTES, BYTES = "application/vnd.example.notes", "application/octet-stream"
WAYS: dict[str, Way] = {
    "about the image": lambda builder, target: builder.list(attach(builder, target)),
    "about a child": child,
    "about another image": other_image,
    "about what is not here": lambda builder, _: builder.list(attach(builder, ABSENT)),
    "about nothing": lambda builder, _: builder.list(attach(builder, None)),
    "about nothing, with a tag": tagged,
    "about nothing, in an index": lambda builder, _: builder.list(builder.add_index(attach(builder, None))),
    "in a trust snapshot": in_a_snapshot,
    "by the type of the layer": lambda builder, target: builder.list(attach(builder, target, kind=CRL_MEDIA_TYPE)),
    "by the name of the file": as_a_file,
    "called an index": called_an_index,
    "as PEM": as_others_do(NOTES, "signing.crl.pem", form=BYTES, data=pem(REVOKING)),
    "with another ending": as_others_do(NOTES, "signing-crl.der", form=BYTES),
    "as some PEM": as_others_do(NOTES, "ca.pem", form="application/x-pem-file", data=pem(REVOKING)),
    "by a folder": as_others_do(NOTES, "crls/ca", form=BYTES),
    "by an old type of the layer": as_others_do(NOTES, "", form="application/x-pkcs7-crl"),
    "by the type in capitals": as_others_do(NOTES, "", form="Application/PKIX-CRL"),
    "by the type with a parameter": as_others_do(NOTES, "", form="application/pkix-crl; version=1"),
    "by the type of the artifact": as_others_do(CRL_MEDIA_TYPE, "", form=BYTES),
    "as a config": as_a_config,
    "in an artifact manifest": in_an_artifact_manifest,
    "an entry of the index": as_an_entry(CRL_MEDIA_TYPE),
    "an entry with a title": as_an_entry("application/octet-stream", "leaf.crl"),
    "an entry with a likely title": as_an_entry("application/octet-stream", "revoked.der"),
    "an entry of another index": in_another_index,
    "about other evidence": lambda builder, target: builder.list(
        attach(builder, attach(builder, target, crl(LEAF.root)))
    ),
}


@pytest.mark.parametrize("name", WAYS)
def test_uses_evidence_anywhere_in_a_target(tmp_path: Path, name: str) -> None:
    scene = Scene(index=True)
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": crl(LEAF.root, number=1)}
    scene.packing = [WAYS[name]]
    ran = run_here(scene.write(tmp_path).arguments())
    assert ran.code == 14, ran


@pytest.mark.parametrize(
    ("name", "code"),
    [("r.crl", 15), ("r.ors", 15), ("some/R.ORS", 15), ("ocsp/r", 15), ("r.der", 0), ("pki/r.pem", 0)],
)
def test_a_loose_file_that_cannot_be_read_counts_where_its_name_says_evidence(
    tmp_path: Path, name: str, code: int
) -> None:
    """Of `*.der` and `*.pem` most are keys and certificates, which others may not read."""
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": crl(LEAF.root, number=1)}
    written = scene.write(tmp_path)
    link = written.layout / name
    link.parent.mkdir(exist_ok=True)
    (tmp_path / "outside").write_bytes(REVOKING)
    link.symlink_to(tmp_path / "outside")
    assert run_here(written.arguments()).code == code


@pytest.mark.parametrize("archive", [False, True])
@pytest.mark.parametrize(
    "name", ["r.crl", "crls/r.crl", "Sperrliste/ca.pem", "revoked", "new.DER", "ocsp/a", "site/trust/crls/r.crl"]
)
def test_uses_evidence_in_loose_files_of_a_layout(tmp_path: Path, name: str, *, archive: bool) -> None:
    """No manifest names them."""
    scene = Scene(archive=archive)
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": crl(LEAF.root, number=1)}
    scene.builder.extra_files[name] = pem(REVOKING) if name.endswith(".pem") else REVOKING
    written = scene.write(tmp_path)
    report = tmp_path / "report.json"
    ran = run_here(written.arguments("--report", str(report)))
    assert ran.code == 14, ran
    (shutil.rmtree if written.layout.is_dir() else Path.unlink)(written.layout)
    assert run_here(["recheck", str(report), "--trust", str(written.trust), "--at", iso(AT)]).code == 14


@pytest.mark.parametrize("name", ["a.crl", "crls/a.crl", "ca.pem", "crl-notes.txt", "docs/revocation.html"])
def test_ignores_loose_files_that_are_not_evidence(tmp_path: Path, name: str) -> None:
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": crl(LEAF.root, number=1)}
    scene.builder.extra_files[name] = b"notes"
    ran = run_here(scene.write(tmp_path).arguments())
    assert ran.code == 0, ran


def large(folder: Path) -> None:
    with (folder / "basic-rlang.tar.gz").open("wb") as file:  # "crl", where only letters are compared
        file.truncate(limits.CRL_FILE_BYTES + 1)


def link_beside(folder: Path) -> None:
    (folder / "a.crl").write_bytes(GOOD)
    (folder / "current.crl").symlink_to("a.crl")


BESIDE: dict[str, tuple[Callable[[Path], object], int]] = {
    "large file of another kind": (large, 0),
    "link to good evidence": (link_beside, 0),
    "link of a system": (lambda folder: (folder / "ca.pem").symlink_to("/ca.pem"), 0),
    "key of another user": (lambda folder: (folder / "key.pem").symlink_to("key.pem"), 0),
    "link that leads out": (lambda folder: (folder / "new.crl").symlink_to(folder.parent), 15),
    "link to itself": (lambda folder: (folder / "new.crl").symlink_to("new.crl"), 15),
    "evidence without a medium": (lambda folder: (folder / "new.crl").symlink_to("nowhere"), 15),
}


@pytest.mark.parametrize("name", BESIDE)
def test_ignores_other_files_beside_a_layout(tmp_path: Path, name: str) -> None:
    put, code = BESIDE[name]
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": GOOD}
    written = scene.write(tmp_path)
    put(written.layout)
    ran = run_here(written.arguments())
    assert ran.code == code, ran


def test_follows_a_link_to_a_file_of_the_same_layout(tmp_path: Path) -> None:
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": GOOD}
    scene.builder.extra_files["data/1"] = REVOKING
    written = scene.write(tmp_path)
    (written.layout / "new.crl").symlink_to("data/1")
    assert run_here(written.arguments()).code == 14


@pytest.mark.parametrize(("name", "code"), [("lost+found", 0), ("crls", 15)])
def test_reports_folders_of_a_layout_that_cannot_be_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: int
) -> None:
    """The root of a medium has one that only the system may look into."""

    def listed(folder: Path, limit: int) -> dict[str, bool]:
        if folder.name == name:
            raise PermissionError(13, "Permission denied")
        return list_folder(folder, limit)

    monkeypatch.setattr(layout, "list_folder", listed)
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": GOOD}
    scene.builder.extra_files[f"{name}/x"] = b""
    ran = run_here(scene.write(tmp_path).arguments())
    assert ran.code == code, ran


def test_loose_copies_of_evidence_count_once_towards_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TARGET_EVIDENCE_BYTES", 2 * len(GOOD) - 1)
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": GOOD}
    scene.packing = [lambda builder, target: builder.list(attach(builder, target, GOOD))]
    scene.builder.extra_files |= {"a.crl": GOOD, "crls/a.crl": GOOD}
    ran = run_here(scene.write(tmp_path).arguments())
    assert ran.code == 0, ran


def test_reports_damaged_loose_evidence(tmp_path: Path) -> None:
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": crl(LEAF.root, number=1)}
    scene.builder.extra_files |= {"crls/new.crl": REVOKING[:-10], "crls/._new.crl": b"\0\5\26\7"}
    ran = run_here(scene.write(tmp_path).arguments())
    assert [item["message"].partition(" is ")[0] for item in ran.document["warnings"]] == [
        "the evidence file 'new.crl'"
    ]


def test_reports_more_loose_files_than_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LOOSE_FILES", 5)
    for archive in (False, True):
        scene = Scene(archive=archive)
        scene.sign_with(LEAF)
        scene.crls = {"good.crl": crl(LEAF.root, number=1)}
        scene.builder.extra_files |= {f"notes/{number}.txt": b"" for number in range(6)}
        (folder := tmp_path / str(archive)).mkdir()
        ran = run_here(scene.write(folder).arguments())
        assert ran.code == 15, ran


def test_uses_a_crl_of_the_renewed_key_that_the_chain_proves(tmp_path: Path) -> None:
    """PKITS 4.5.2: the new key has signed the CA's certificate with the old one; in a target its CRL was not used."""
    renewed = issue("root", slot=1)
    former = issue("intermediate", issuer=renewed, slot=2, subject=renewed.subject)
    leaf = issue("leaf", issuer=former, crl_urls=["http://crl.example/leaf.crl"])
    scene = Scene()
    scene.sign_with(leaf)
    scene.crls = {"good.crl": crl(former, number=1)}
    scene.packing = [
        lambda builder, target: builder.list(attach(builder, target, crl(renewed, number=9, revoked=[leaf])))
    ]
    ran = run_here(scene.write(tmp_path).arguments())
    assert ran.code == 14, ran


def stray(builder: LayoutBuilder, **changes: object) -> Descriptor:
    """An evidence artifact, as ours are, about an image that is not here."""
    document = {**evidence_artifact(builder, ABSENT, GOOD), **changes}
    return builder.add_manifest(document, artifact_type=EVIDENCE_TYPE)


def judged(folder: Path, make: Way, *, signed: bool = True) -> Ran:
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": GOOD}
    if not signed:
        scene.signatures.clear()
    scene.packing = [make]
    written = scene.write(folder)
    arguments = written.arguments()
    return run_here([arguments[0], str(written.layout), *arguments[2:]])


def test_evidence_whose_image_is_not_here_needs_no_signature(tmp_path: Path) -> None:
    """The whole layout was unsigned because of it."""
    ran = judged(tmp_path, lambda builder, _: builder.list(stray(builder)))
    assert ran.code == 0, ran
    assert len(ran.document["artifacts"]) == 1
    assert [warning["reason"] for warning in ran.document["warnings"]] == ["layout.entry"]


def test_evidence_does_not_replace_a_signature(tmp_path: Path) -> None:
    assert judged(tmp_path, lambda builder, _: builder.list(stray(builder)), signed=False).code == 10


def test_damaged_evidence_without_its_image_is_an_unsigned_artifact(tmp_path: Path) -> None:
    def pack(builder: LayoutBuilder, _: Descriptor) -> None:
        builder.list(stray(builder))
        builder.damage(builder.add_blob(GOOD), spoilt(GOOD))

    ran = judged(tmp_path, pack)
    assert ran.code == 16, ran
    assert ran.document["problems"][0]["reason"] == "content.digest"


@pytest.mark.parametrize(("missing", "code"), [(0, 14), (1, 15)])
def test_evidence_over_the_size_that_is_read_leaves_the_answer_open(
    tmp_path: Path, missing: int, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was left out with a notice, and the image passed."""
    monkeypatch.setattr(limits, "CRL_FILE_BYTES", len(REVOKING) - missing)
    ran = judged(tmp_path, lambda builder, target: builder.list(attach(builder, target)))
    assert ran.code == code, ran


REVOKED = ocsp_response(LEAF, status="revoked", reason="keyCompromise")
OTHER_CA = issue("root", key="p384", subject=harbour("Another CA"))
ELSEWHERE = crl(OTHER_CA, revoked=[entry(LEAF.serial)])


@pytest.mark.parametrize(
    ("bound", "data", "title", "fits", "code"),
    [
        pytest.param("CRL_BYTES", REVOKING, "crls/r.crl", True, 14, id="a CRL that fits"),
        pytest.param("CRL_BYTES", REVOKING, "crls/r.crl", False, 15, id="a CRL"),
        pytest.param("CRL_BYTES", REVOKING, "README", False, 15, id="a CRL of another name"),
        pytest.param("CRL_BYTES", pem(REVOKING), "crls/r.crl", False, 15, id="a CRL in PEM"),
        pytest.param("CRL_BYTES", ELSEWHERE, "crls/r.crl", False, 0, id="a CRL of another CA"),
        pytest.param("OCSP_BYTES", REVOKED, "ocsp/r.ors", True, 14, id="a response that fits"),
        pytest.param("OCSP_BYTES", REVOKED, "ocsp/r.ors", False, 15, id="a response"),
    ],
)
def test_evidence_over_the_size_that_is_parsed_leaves_the_answer_open(
    tmp_path: Path, bound: str, data: bytes, title: str, fits: bool, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(REVOKING if data == pem(REVOKING) else data)
    monkeypatch.setattr(limits, bound, size if fits else size - 1)
    ran = judged(tmp_path, lambda builder, target: builder.list(attach(builder, target, data, title=title)))
    assert ran.code == code, ran
    assert code != 15 or "larger than what is read" in ran.out


def _named(builder: LayoutBuilder, _: Descriptor) -> None:
    builder.tag(stray(builder), "v9")


def _with_layer(media_type: str) -> Way:
    def pack(builder: LayoutBuilder, _: Descriptor) -> None:
        builder.list(
            stray(
                builder, layers=[bare(builder.add_blob(GOOD, CRL_MEDIA_TYPE)), bare(builder.add_blob(b"x", media_type))]
            )
        )

    return pack


def _with_config(media_type: str) -> Way:
    return lambda builder, _: builder.list(stray(builder, config=bare(builder.add_blob(b"{}", media_type))))


HIDING: dict[str, Way] = {
    "a name": _named,
    "no layers": lambda builder, _: builder.list(stray(builder, layers=[])),
    "another type": lambda builder, _: builder.list(stray(builder, artifactType="application/vnd.example")),
    "a layer of an image": _with_layer("application/vnd.oci.image.layer.v1.tar+gzip"),
    "a module": _with_layer("application/wasm"),
    "a file": _with_layer("application/octet-stream"),
    "another index": _with_layer("application/json"),
    "the config of an image": _with_config("application/vnd.oci.image.config.v1+json"),
    "the config of a chart": _with_config("application/vnd.cncf.helm.config.v1+json"),
}


@pytest.mark.parametrize("name", HIDING)
def test_judges_an_image_that_claims_to_be_evidence(tmp_path: Path, name: str) -> None:
    assert judged(tmp_path, HIDING[name]).code == 10


def test_evidence_alone_is_unsigned(tmp_path: Path) -> None:
    builder = LayoutBuilder()
    builder.list(stray(builder))
    layout = builder.write_directory(tmp_path / "layout")
    trust = Scene().write_trust(tmp_path / "trust")
    assert run_here(["verify", str(layout), "--trust", str(trust)]).code == 10
