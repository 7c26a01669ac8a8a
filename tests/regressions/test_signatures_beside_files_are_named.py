"""Files without a signature where it is looked for: what is there instead is reported, and still not judged."""

from __future__ import annotations

import base64
import gzip
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from airgap.errors import Rejected
from airgap.oci.descriptor import COSE_ENVELOPE, JWS_ENVELOPE
from airgap.signature.envelope import parse_envelope
from airgap.signature.foreign import foreign_signature, form_of
from tests.support.blobs import BlobScene, blob_statement
from tests.support.command import Ran, run_here
from tests.support.scenario import Scene
from tests.support.trust import oci_policy


def verified(scene: BlobScene, *more: str) -> Ran:
    """The text; the document of the same run has the same code."""
    arguments = scene.verify(*more)
    assert arguments[-2:] == ["--format", "json"]
    ran = run_here(arguments[:-2])
    assert run_here(arguments).code == ran.code
    return ran


@pytest.mark.parametrize("form", ["jws", "cose"])
@pytest.mark.parametrize(
    "name",
    [
        "firmware.bin.sig",
        "firmware.bin.{}",
        "firmware.{}.sig",
        "FIRMWARE.BIN.{}.SIG",
        "FIRMWARE.SIG;1",
        "FIRMWA~1.SIG",
        "firmware_bin_{}_sig",
        "firmware.bin.{}.si",
        "firmware.bin.{} (1).sig",
        "Copy of firmware.bin.{}.sig",
        "firmware.bin.{}.sig.txt",
    ],
)
def test_names_a_signature_under_another_name_and_its_option(tmp_path: Path, form: str, name: str) -> None:
    scene = BlobScene(tmp_path, form=form).write()
    moved = scene.signature.rename(tmp_path / name.format(form))
    ran = verified(scene)
    assert ran.code == 10
    assert f"there is {moved.name!r} (a {form.upper()} envelope)" in ran.out
    remedy = ran.out.partition("If it is the signature: ")[2].partition(".\n")[0]
    assert verified(scene, *shlex.split(remedy)).code == 0


@pytest.mark.parametrize("name", ["FIRMWARE.BIN", "FIRMWARE.BIN;1", "FIRMWA~1.BIN", "firmware (1).bin", "firmware.b"])
def test_names_a_file_whose_name_a_medium_changed(tmp_path: Path, name: str) -> None:
    scene = BlobScene(tmp_path).write()
    scene.path.rename(tmp_path / name)
    ran = verified(scene)
    assert (ran.code, f"; there is {name!r}" in ran.out) == (11, True), ran.out
    asked = scene.verify("--signature", str(scene.signature))
    asked[2] = shlex.split(ran.out.partition("as it is called here: ")[2].partition("\n")[0])[0]
    assert run_here(asked).code == 0


@pytest.mark.parametrize("name", ["TRIP.TAR;1", "Copy of trip.tar", "trip (2).tar", None])
@pytest.mark.parametrize("asked", ["./trip.tar", "trip.tar", "trip.tar:v1"])
def test_names_a_layout_whose_name_a_medium_changed(
    tmp_path: Path, name: str | None, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for made in (*([name] if name else ()), "trip.tar.sha256", "other.tar"):
        (tmp_path / made).write_bytes(b"")
    ran = run_here(["verify", asked, "--trust", str(Scene().write_trust(tmp_path / "trust"))])
    assert ran.code in {2, 11}
    assert ("as it is called here" in ran.out) is (name is not None)
    assert name is None or repr(name) in ran.out


def test_never_judges_another_file_beside_it(tmp_path: Path) -> None:
    scene = BlobScene(tmp_path).write()
    scene.signature.rename(tmp_path / "firmware.bin.sig")
    (tmp_path / "firmware.bin.txt").write_text("read me")
    (tmp_path / "firmware.bin.json").symlink_to("nowhere")
    assert "there is 'firmware.bin.sig' (a JWS envelope) [signature.none]" in verified(scene).out


def test_names_the_format_of_a_signature_with_another_name(tmp_path: Path) -> None:
    scene = BlobScene(tmp_path, form="cose").write()
    moved = scene.signature.rename(tmp_path / "s.sig")
    ran = verified(scene, "--signature", str(moved))
    assert ran.code == 2
    assert "its bytes look like COSE" in ran.err
    assert "--signature-format cose" in ran.err
    moved.write_bytes(b"")
    ran = verified(scene, "--signature", str(moved))
    assert (ran.code, "s.sig is empty" in ran.out) == (12, True)


def test_explains_a_signature_or_layout_given_as_file(tmp_path: Path) -> None:
    scene = BlobScene(tmp_path).write()
    trust = ["--trust", str(scene.trust)]
    ran = run_here(["blob", "verify", str(scene.signature), *trust])
    assert ran.code == 10
    assert "Name the file that it is about, not the signature" in ran.out
    ran = run_here(["blob", "verify", str(scene.trust / "truststore"), "--trust", str(tmp_path / "trust")])
    assert ran.code != 0
    (tmp_path / "stick").mkdir()
    ran = run_here(["blob", "verify", str(tmp_path / "stick"), *trust])
    assert ran.code == 10
    assert "A layout is judged by airgap verify" in ran.out
    ran = run_here(["blob", "verify", "oci:stick:v1", *trust])
    assert ran.code == 11
    assert "judged by airgap verify" in ran.out
    ran = run_here(["blob", "inspect", str(scene.path)])
    assert ran.code == 2
    assert f"name its signature: {scene.signature}" in ran.err


@pytest.mark.parametrize("form", ["jws", "cose"])
def test_verify_explains_a_file_or_its_signature(tmp_path: Path, form: str) -> None:
    scene = BlobScene(tmp_path, form=form).write()
    for path, words in (
        (scene.signature, "is a signature, not a layout"),
        (scene.path, "its signature is beside it"),
    ):
        ran = run_here(["verify", str(path), "--trust", str(Scene().write_trust(tmp_path / "trust"))])
        assert ran.code == 16
        assert words in ran.out
        assert "airgap blob verify" in ran.out


def test_reads_a_layout_tar_with_a_signature_beside_it(tmp_path: Path) -> None:
    written = Scene(archive=True).write(tmp_path)
    written.layout.with_name(f"{written.layout.name}.jws.sig").write_bytes(b"{}")
    assert run_here(written.arguments()).code == 0


def test_refuses_the_signature_of_an_image_for_a_file(tmp_path: Path) -> None:
    image, scene = Scene(), BlobScene(tmp_path).write()
    scene.signature.write_bytes(image.signature.envelope(image.target))
    ran = verified(scene)
    assert ran.code == 12
    assert "about an artifact (application/vnd.oci.image.manifest.v1+json), not a file" in ran.out
    assert "by airgap verify LAYOUT" in ran.out


def test_refuses_the_signature_of_a_file_for_an_image(tmp_path: Path) -> None:
    scene = Scene()
    scene.signature.payload = json.dumps(
        {"targetArtifact": {"mediaType": "application/octet-stream", "digest": "sha256:" + "a" * 64, "size": 3}}
    ).encode()
    ran = run_here(scene.write(tmp_path).arguments()[:-2])
    assert ran.code == 12
    assert "about a file or blob (application/octet-stream), not an artifact" in ran.out
    assert "airgap blob verify FILE" in ran.out


def test_names_existing_statements_the_most_similar_first(tmp_path: Path) -> None:
    names = ["drivers", "firmware", "manuals", "other", "texts", "videos"]
    scene = BlobScene(tmp_path)
    scene.policy = oci_policy(*(blob_statement(name=name, globalPolicy=None) for name in names))
    ran = verified(scene.write(), "--policy-name", "Firmwares")
    assert ran.code == 13
    assert "is named 'Firmwares'; its statements are 'firmware', " in ran.out
    assert "and 1 more [policy.no_statement]" in ran.out
    ran = verified(scene)
    assert ran.code == 13
    assert "is global (globalPolicy: true); its statements are 'drivers', 'firmware'" in ran.out


PKCS7: Final = bytes.fromhex("3082050006092a864886f70d010702a0820400")
OTHERS: Final = [
    (b"untrusted comment: signature from minisign secret key\nRUQ=\ntrusted comment: t\na=\n", "a minisign signature"),
    (b"untrusted comment: x\nRUQ=\ntrusted comment: t\na=\n", "a minisign signature"),
    (b"untrusted comment: verify with x.pub\nRWQ=\n", "signify"),
    (b"-----BEGIN PGP SIGNATURE-----\n\niQ==\n", "a PGP signature"),
    (b"-----BEGIN PGP SIGNED MESSAGE-----\n", "a PGP signature"),
    (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n", "no signature"),
    (b"\x88\x75\x04\x00\x16\x08", "a PGP signature"),
    (b"\x89\x01\x33\x04\x00\x01\x0a", "a PGP signature"),
    (b"\xc2\xc0\x73\x04\x00\x01", "a PGP signature"),
    (b"-----BEGIN SSH SIGNATURE-----\nU1NI\n", "an OpenSSH signature"),
    (b"-----BEGIN PKCS7-----\nMII=\n", "PKCS#7"),
    (b"-----BEGIN CMS-----\nMII=\n", "PKCS#7"),
    (PKCS7, "PKCS#7"),
    (b"MIME-Version: 1.0\nContent-Type: multipart/signed\n", "S/MIME"),
    (b"-----BEGIN CERTIFICATE-----\n", "a certificate"),
    (b"-----BEGIN PUBLIC KEY-----\n", "a public key"),
    (b"-----BEGIN EC PRIVATE KEY-----\n", "a PRIVATE KEY"),
    (b'{"base64Signature":"MEU=","cert":"x","rekorBundle":{}}', "a cosign bundle"),
    (b'{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{}}', "sigstore"),
    (b'{"mediaType":"application/vnd.dev.sigstore.bundle+json;version=0.2"}', "sigstore"),
    (b'{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[]}\n', "a DSSE envelope"),
    (b'{"payloadType":"a","payload":"e30=","signatures":[]}\n{"payloadType":"b"}\n', "a DSSE envelope"),
    (b'{"_type":"https://in-toto.io/Statement/v1","predicateType":"x","subject":[]}', "an in-toto statement"),
    (b'{"signed":{"_type":"root"},"signatures":[]}', "TUF or in-toto"),
    (b'{"payload":"e30","signatures":[{"protected":"e30","signature":""}]}', "general serialisation"),
    (b'{"critical":{},"optional":null}', "simple signing"),
    (b'{"targetArtifact":{}}', "the payload of a signature"),
    (b'{"schemaVersion":2,"layers":[]}', "an OCI manifest"),
    (b'{"schemaVersion":2,"manifests":[]}', "an OCI index"),
    (b"MEUCIQDx0vJ0\n", "cosign sign-blob"),
    (bytes.fromhex("30450221") + b"\0" * 67, "openssl dgst"),
    (bytes.fromhex("3081870242") + b"\0" * 130, "openssl dgst"),
    (b"\x07" * 256, "256 bytes without a form"),
    (b"f" * 64 + b"  firmware.bin\n", "a list of checksums"),
    (b"SHA256 (firmware.bin) = " + b"f" * 64, "a list of checksums"),
]


@pytest.mark.parametrize(("raw", "words"), OTHERS)
def test_names_the_signature_of_another_tool(tmp_path: Path, raw: bytes, words: str) -> None:
    scene = BlobScene(tmp_path).write()
    scene.signature.write_bytes(raw)
    ran = verified(scene)
    assert ran.code == 12
    assert words in ran.out
    assert "It cannot be judged here: use its own tool" in ran.out
    moved = scene.signature.rename(tmp_path / "firmware.bin.sig")
    ran = verified(scene)
    assert (ran.code, words in ran.out) == (10, True)
    ran = verified(scene, "--signature", str(moved))
    assert (ran.code, words in ran.out) == (12, True)


@pytest.mark.parametrize("media_type", [JWS_ENVELOPE, COSE_ENVELOPE])
@pytest.mark.parametrize("raw", [b"rubbish", b"{}", b"\xd2\x84", b"[1]", b'{"payload":"a"}'])
def test_does_not_name_a_tool_for_other_bytes(raw: bytes, media_type: str) -> None:
    assert foreign_signature(raw) is None
    with pytest.raises(Rejected) as caught:
        parse_envelope(media_type, raw)
    assert caught.value.reason == "envelope.malformed"
    assert "foreign" not in caught.value.facts


@pytest.mark.parametrize("form", ["jws", "cose"])
def test_distinguishes_envelopes_from_signatures_of_other_tools(tmp_path: Path, form: str) -> None:
    raw = BlobScene(tmp_path, form=form).envelope()
    assert foreign_signature(raw) is None
    assert form_of(raw) == form


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda _: b"", "The copy may have broken off"),
        (lambda _: b"<!DOCTYPE html><html>", "get the signature again"),
        (lambda _: b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (gzip.compress, "Unpack it first"),
        (lambda raw: raw.decode("latin-1").encode("utf-16"), "UTF-16"),
        (lambda raw: b"\xef\xbb\xbf" + raw, "without a byte order mark"),
        (base64.b64encode, "Decode it"),
        (lambda raw: raw[:-30], "this copy may be damaged"),
        (lambda raw: raw[:9], "this copy may be damaged"),
    ],
)
def test_advises_to_get_a_damaged_detached_signature_again(
    tmp_path: Path, change: Callable[[bytes], bytes], words: str
) -> None:
    """No digest fixes the bytes of a detached signature: what the publisher made may be another file."""
    scene = BlobScene(tmp_path).write()
    scene.signature.write_bytes(change(scene.signature.read_bytes()))
    ran = verified(scene)
    assert ran.code == 12
    assert words in ran.out
    assert "cannot become valid" not in ran.out


def test_does_not_advise_to_get_a_damaged_attached_signature_again(tmp_path: Path) -> None:
    """Its digest is right, so that a copy will never bring other bytes."""
    scene = Scene()
    scene.signature.edit = lambda raw: raw[:-30]
    ran = run_here(scene.write(tmp_path).arguments()[:-2])
    assert ran.code == 12
    assert "this one cannot become valid" in ran.out
