"""Evidence in a layout in a form that is not read: another verdict than with it, and not a word."""

from __future__ import annotations

import base64
import gzip
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from airgap.oci.descriptor import Descriptor
from airgap.revocation.artifact import CRL_MEDIA_TYPE
from tests.support import asn1
from tests.support.command import run_here
from tests.support.crls import crl, entry, pem
from tests.support.evidence import evidence_artifact
from tests.support.layouts import LayoutBuilder
from tests.support.ocsp import ocsp_response
from tests.support.pki import Pki, issue
from tests.support.scenario import Scene, bare

LEAF: Final = Pki().code_chain(depth=2)
REVOKING: Final = crl(LEAF.root, revoked=[entry(LEAF.serial, reason="keyCompromise")])
BASE64: Final = base64.encodebytes(REVOKING)


def _pkcs7(*crls: bytes) -> bytes:
    """RFC 5652, 5.1: SignedData without content and signers, as `openssl crl2pkcs7` makes it."""
    signed = asn1.sequence(
        asn1.integer(1),
        asn1.tlv(asn1.SET),
        asn1.sequence(asn1.oid("1.2.840.113549.1.7.1")),
        asn1.explicit(0, LEAF.root.der),
        asn1.explicit(1, *crls),
        asn1.tlv(asn1.SET),
    )
    return asn1.sequence(asn1.oid("1.2.840.113549.1.7.2"), asn1.explicit(0, signed))


UNREAD: Final[dict[str, bytes]] = {
    "signing.crl.gz": gzip.compress(REVOKING),
    "crls.zip": b"PK\x03\x04" + bytes(26) + b"signing.crl" + REVOKING,
    "signing.crl.b64": base64.b64encode(REVOKING),
    "signing.crl.pem.gz": gzip.compress(pem(REVOKING)),
    "signing.crl.part": REVOKING[:-10],
    "signing.der": REVOKING[:-10],
    "both.der": REVOKING + REVOKING,
    "answer.pem": pem(ocsp_response(LEAF, status="revoked")).replace(b"X509 CRL", b"OCSP RESPONSE"),
    "new.der": _pkcs7(REVOKING),
    "new.p7b": pem(_pkcs7(REVOKING)).replace(b"X509 CRL", b"PKCS7"),
    "new.b64": BASE64,
    "new.pem": BASE64,
    "hex.pem": REVOKING.hex().encode(),
    "packed.pem": gzip.compress(REVOKING),
    "url.pem": base64.urlsafe_b64encode(REVOKING),
    "behind-a-blank.pem": b"\n" + REVOKING,
    "quoted.pem": b"".join(b"> " + line + b"\n" for line in pem(REVOKING).splitlines()),
    "twice.pem": base64.b64encode(pem(REVOKING)),
    "wide.pem": pem(REVOKING).decode().encode("utf-16"),
    "escaped.pem": pem(REVOKING).replace(b"\n", b"\\n"),
    "line.pem": pem(REVOKING).replace(b"\n", b""),
    "headers.cer": b"HTTP/1.1 200 OK\r\n\r\n" + REVOKING,
    "revoked.txt": b"HTTP/1.1 200 OK\r\n\r\n" + REVOKING,
    ".signing.crl.1f.tmp": REVOKING[:-10],
}
HARMLESS: Final[dict[str, bytes]] = {
    "._signing.crl": b"\x00\x05\x16\x07" + bytes(99),
    "signing.crl.sha256": b"0" * 64 + b"  signing.crl\n",
    "ca.pem": LEAF.root.pem,
    "chain.p7b": _pkcs7(),
    "chain.pem": base64.encodebytes(LEAF.root.der),
    "crl-issuer.pem": LEAF.root.pem,
    "old-root.cer": issue("root", version=1).der,
    "evidence.docx": b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml" + bytes(99),
    "how-to-get-crls.txt": b"Ask the CA.\n",
    "photo.der": bytes(99),
}


def _scene() -> Scene:
    made = Scene()
    made.sign_with(LEAF)
    return made


def _warnings(arguments: list[str]) -> list[str]:
    ran = run_here(arguments)
    assert ran.code == 0, ran
    return [warning["message"] for warning in ran.document["warnings"]]


@pytest.mark.parametrize("name", UNREAD)
def test_reports_a_file_beside_a_layout_that_hides_evidence(tmp_path: Path, name: str) -> None:
    written = _scene().write(tmp_path)
    (written.layout / name).write_bytes(UNREAD[name])
    (warning,) = _warnings(written.arguments())
    assert f"the evidence file {name!r} is left out: it is " in warning


@pytest.mark.parametrize("name", HARMLESS)
def test_reports_no_other_file_beside_a_layout(tmp_path: Path, name: str) -> None:
    written = _scene().write(tmp_path)
    (written.layout / name).write_bytes(HARMLESS[name])
    assert _warnings(written.arguments()) == []


def test_reports_an_attached_file_that_hides_evidence(tmp_path: Path) -> None:
    """`oras attach IMAGE crls.tar.gz`."""
    made = _scene()

    def attach(builder: LayoutBuilder, target: Descriptor) -> None:
        layer = bare(builder.add_blob(gzip.compress(REVOKING), "application/gzip"))
        layer["annotations"] = {"org.opencontainers.image.title": "crls.tar.gz"}
        manifest = evidence_artifact(builder, target)
        builder.list(builder.add_manifest({**manifest, "artifactType": "example/files", "layers": [layer]}))

    made.packing.append(attach)
    (warning,) = _warnings(made.write(tmp_path).arguments())
    assert "the evidence file 'crls.tar.gz' is left out: it is compressed" in warning


@pytest.mark.parametrize("title", [None, "data.bin"])
@pytest.mark.parametrize("artifact_type", ["application/vnd.example.crls", "example/files"])
def test_reports_what_only_the_type_of_its_artifact_calls_evidence(
    tmp_path: Path, title: str | None, artifact_type: str
) -> None:
    made = _scene()

    def attach(builder: LayoutBuilder, target: Descriptor) -> None:
        layer = bare(builder.add_blob(gzip.compress(REVOKING), "application/gzip"))
        layer["annotations"] = {"org.opencontainers.image.title": title} if title else {}
        builder.list(
            builder.add_manifest(
                {**evidence_artifact(builder, target), "artifactType": artifact_type, "layers": [layer]}
            )
        )

    made.packing.append(attach)
    warnings = _warnings(made.write(tmp_path).arguments())
    assert ["is left out: it is compressed" in warning for warning in warnings] == [True] * artifact_type.count("crls")


def test_reports_a_config_that_hides_evidence(tmp_path: Path) -> None:
    """Tools that name the type of an artifact by its config; as a layer it was reported."""
    made = _scene()

    def attach(builder: LayoutBuilder, target: Descriptor) -> None:
        config = bare(builder.add_blob(REVOKING[:-10], CRL_MEDIA_TYPE))
        manifest = evidence_artifact(builder, target)
        del manifest["artifactType"]
        builder.list(builder.add_manifest({**manifest, "config": config, "layers": [manifest["config"]]}))

    made.packing.append(attach)
    (warning,) = _warnings(made.write(tmp_path).arguments())
    assert "is left out: it is a CRL, cut short" in warning


@pytest.mark.parametrize("other", ["readme.pem", ".crl.txt", "data"])
@pytest.mark.parametrize("is_first", [True, False])
def test_no_other_name_of_a_file_hides_that_it_is_evidence(tmp_path: Path, other: str, *, is_first: bool) -> None:
    """Two images list one blob by two names: the first name decided whether it was reported."""
    made = _scene()

    def attach(builder: LayoutBuilder, target: Descriptor) -> None:
        blob = builder.add_blob(REVOKING.hex().encode(), "application/octet-stream")
        for name in (other, "crl.txt") if is_first else ("crl.txt", other):
            named = replace(blob, annotations={"org.opencontainers.image.title": name})
            builder.add_referrer(target, [named], artifact_type="example/files")

    made.packing.append(attach)
    (warning,) = _warnings(made.write(tmp_path).arguments())
    assert "the evidence file 'crl.txt' is left out: it is " in warning


@pytest.mark.parametrize("name", ["signing.crl.gz", "signing.crl.part"])
def test_reports_it_in_a_fetch(tmp_path: Path, name: str) -> None:
    written = _scene().write(tmp_path)
    (written.layout / name).write_bytes(UNREAD[name])
    ran = run_here(["trust", "fetch", str(written.layout), "--trust", str(written.trust), "--no-download"])
    assert f"the evidence file {name!r} is left out: it is " in ran.out + ran.err
