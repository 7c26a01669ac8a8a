"""Makes the layouts beside this file, and the trust directory that they are judged by: `python -m layouts.make`.

Every key is made here, used, and deleted: nothing more can be signed under these certificates, also not by this
project. So each run writes other bytes, with the same verdicts (expected.json).

The dates are far apart: certificates are valid from 2024 to 2096 and CRLs until 2076, so that the verdicts stay the
same for decades, also on machines with a wrong clock.
"""

from __future__ import annotations

import json
import shutil
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from airgap.oci.descriptor import COSE_ENVELOPE, JWS_ENVELOPE, NO_CONFIG, NOTARY_SIGNATURE, Descriptor, Platform
from airgap.pki.certificate import Certificate
from airgap.signature.produce import ENCODERS, Draft, encode_payload
from airgap.signature.signature_manifest import config_descriptor, signature_manifest
from airgap.signature.signer import LocalSigner
from tests.support.crls import crl, entry
from tests.support.keyring import generate
from tests.support.layouts import LayoutBuilder
from tests.support.pki import Issued, issue
from tests.support.trust import oci_policy, statement, write_trust
from tests.support.tsa import token

HERE: Final = Path(__file__).parent
SCOPE: Final = "registry.example/net-monitor"
SUBJECT: Final = "C=NL,ST=Zuid-Holland,O=Harbour Works"
NOT_BEFORE: Final = datetime(2024, 1, 1, tzinfo=UTC)
NOT_AFTER: Final = datetime(2096, 1, 1, tzinfo=UTC)
REVOKED_AT: Final = datetime(2024, 4, 2, 8, tzinfo=UTC)
SIGNED_AT: Final = datetime(2024, 6, 3, 12, tzinfo=UTC)
CRLS_MADE_AT: Final = datetime(2024, 6, 4, tzinfo=UTC)
CRLS_HOLD_UNTIL: Final = datetime(2076, 1, 1, tzinfo=UTC)
CRL_URL: Final = "http://crl.harbour.example/{}.crl"
AGENT: Final = "airgap-layouts/1"


@dataclass(frozen=True, slots=True)
class Authorities:
    """The issuers: a CA and a timestamping authority, each a root with an intermediate."""

    code: Issued
    tsa: Issued
    builder: Issued
    revoked_builder: Issued
    stranger: Issued
    """Has the same names as the builder, and its root has the same names as the root."""

    @classmethod
    def make(cls) -> Authorities:
        """All of them, with new keys."""
        code = _intermediate("Code Signing", "signing-ca")
        stamping = _intermediate("Timestamping", "tsa-ca")
        return cls(
            code=code,
            tsa=_certificate("tsa", "Timestamping Authority", stamping, "tsa"),
            builder=_certificate("leaf", "Release Builder", code, "signing"),
            revoked_builder=_certificate("leaf", "Old Release Builder", code, "signing"),
            stranger=_certificate("leaf", "Release Builder", _intermediate("Code Signing", "signing-ca"), "signing"),
        )

    def crls(self) -> dict[str, bytes]:
        """One CRL of every issuer, by file name."""
        gone = entry(self.revoked_builder.serial, reason="keyCompromise", at=REVOKED_AT)
        return {
            "signing.crl": _crl(self.code, revoked=[gone]),
            "signing-ca.crl": _crl(self.code.root),
            "tsa.crl": _crl(self.tsa.chain[1]),
            "tsa-ca.crl": _crl(self.tsa.root),
        }


def _certificate(profile: str, name: str, issuer: Issued | None, points: str | None) -> Issued:
    return issue(
        profile,
        issuer=issuer,
        key=generate("p256"),
        subject=f"{SUBJECT},CN=Harbour Works {name}",
        not_before=NOT_BEFORE,
        not_after=NOT_AFTER,
        crl_urls=[CRL_URL.format(points)] if points else [],
    )


def _intermediate(name: str, points: str) -> Issued:
    root = _certificate("root", f"{name} Root", None, None)
    return _certificate("intermediate", f"{name} CA", root, points)


def _crl(issuer: Issued, **members: Any) -> bytes:
    return crl(issuer, this_update=CRLS_MADE_AT, next_update=CRLS_HOLD_UNTIL, **members)


class Shipment:
    """A layout with the image, to which signatures are attached."""

    def __init__(self, authorities: Authorities) -> None:
        self.builder = LayoutBuilder()
        self._tsa = authorities.tsa
        self.layers: list[Descriptor] = []
        images = [self._image(architecture) for architecture in ("amd64", "arm64")]
        self.image = self.builder.add_index(*images, annotations={"org.opencontainers.image.version": "1.0.0"})
        self.builder.tag(self.image, "v1")

    def _image(self, architecture: str) -> Descriptor:
        texts = (f"#!/bin/sh\n# net-monitor for {architecture}\nexec cat /proc/net/dev\n", "interval = 30\n")
        layers = [self.builder.add_blob(text.encode() * 4) for text in texts]
        self.layers += layers
        config = {
            "architecture": architecture,
            "os": "linux",
            "config": {"Entrypoint": ["/net-monitor"]},
            "rootfs": {"type": "layers", "diff_ids": [str(layer.digest) for layer in layers]},
        }
        platform = Platform(architecture=architecture, os="linux")
        return self.builder.add_image(*layers, config=json.dumps(config).encode(), platform=platform)

    def sign(self, target: Descriptor, signer: Issued, media_type: str) -> None:
        """Attach a timestamped signature of `target`."""
        chain = tuple(Certificate.parse(item.der) for item in signer.chain)
        assert isinstance(signer.key, ec.EllipticCurvePrivateKey)  # noqa: S101 - for the type checker
        draft = Draft(payload=encode_payload(target), signing_time=SIGNED_AT, signing_agent=AGENT)
        raw = ENCODERS[media_type](draft, LocalSigner(signer.key, chain), countersign=self._stamp)
        envelope = self.builder.add_blob(raw, media_type)
        self.builder.add_blob(NO_CONFIG, config_descriptor("artifactType").media_type)
        manifest = signature_manifest(subject=target, envelope=envelope, chain=chain, signing_time=SIGNED_AT)
        self.builder.list(self.builder.add_manifest(manifest, artifact_type=NOTARY_SIGNATURE))

    def attach_sbom(self) -> Descriptor:
        """Attach a bill of materials to the image."""
        content = {"spdxVersion": "SPDX-2.3", "name": "net-monitor", "packages": [{"name": "net-monitor"}]}
        return self.builder.add_referrer(
            self.image,
            json.dumps(content).encode(),
            artifact_type="application/spdx+json",
            layer_type="application/spdx+json",
        )

    def _stamp(self, signature: bytes) -> bytes:
        return token(self._tsa, signature, gen_time=SIGNED_AT, accuracy=(1, None, None))


def _signed_by(signer: Issued, authorities: Authorities) -> Shipment:
    shipment = Shipment(authorities)
    shipment.sign(shipment.image, signer, JWS_ENVELOPE)
    return shipment


def good(authorities: Authorities) -> Shipment:
    """Two signatures, and a bill of materials with its own."""
    shipment = _signed_by(authorities.builder, authorities)
    shipment.sign(shipment.image, authorities.builder, COSE_ENVELOPE)
    shipment.sign(shipment.attach_sbom(), authorities.builder, JWS_ENVELOPE)
    return shipment


def tampered(authorities: Authorities) -> Shipment:
    """The good one, with one letter of one layer changed."""
    shipment = good(authorities)
    layer = shipment.layers[0]
    shipment.builder.damage(layer, shipment.builder.blobs[layer.digest].replace(b"cat", b"bat", 1))
    return shipment


LAYOUTS: Final[dict[str, Callable[[Authorities], Shipment]]] = {
    "good": good,
    "tampered": tampered,
    "revoked": lambda authorities: _signed_by(authorities.revoked_builder, authorities),
    "untrusted": lambda authorities: _signed_by(authorities.stranger, authorities),
    "unsigned": Shipment,
}


def write(folder: Path) -> Sequence[Path]:
    """Write every layout, good.tar and trust/ below `folder`, replacing what is there; what was written."""
    authorities = Authorities.make()
    written = []
    for name, make in LAYOUTS.items():
        shutil.rmtree(folder / name, ignore_errors=True)
        shipment = make(authorities)
        written.append(shipment.builder.write_directory(folder / name))
        if name == "good":
            written.append(shipment.builder.write_tar(folder / "good.tar"))
    shutil.rmtree(folder / "trust", ignore_errors=True)
    written.append(_write_trust(folder / "trust", authorities))
    return written


def _write_trust(folder: Path, authorities: Authorities) -> Path:
    names = authorities.crls()
    policy = statement(
        name="harbour-works",
        registryScopes=[SCOPE],
        trustStores=["ca:harbour-works", "tsa:harbour-works"],
        trustedIdentities=[f"x509.subject: {SUBJECT.replace(',', ', ')}"],
    )
    return write_trust(
        folder,
        policy=oci_policy(policy),
        stores={
            "ca:harbour-works": {"root.pem": authorities.code.root.pem},
            "tsa:harbour-works": {"root.pem": authorities.tsa.root.pem},
        },
        crls=names,
        crl_index={CRL_URL.format(name.removesuffix(".crl")): name for name in names},
    )


if __name__ == "__main__":
    ArgumentParser(prog="python -m layouts.make", description=__doc__).parse_args()
    for path in write(HERE):
        print(path.relative_to(HERE.parent))
