"""airgap.stages.ls: what is attached, in a word."""

from __future__ import annotations

from typing import Any

import pytest

from airgap.oci.attached import by_kind
from airgap.oci.descriptor import ACQUISITION, IMAGE_MANIFEST, NOTARY_SIGNATURE, Descriptor
from airgap.oci.lookup import FoundBy
from airgap.oci.manifest import parse_manifest
from airgap.oci.nodes import Referrer
from airgap.revocation.artifact import CRL_MEDIA_TYPE, EVIDENCE_TYPE, OCSP_MEDIA_TYPE
from airgap.stages.ls import kinds_of
from tests.support.layouts import LayoutBuilder

SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
DSSE = "application/vnd.dsse.envelope.v1+json"


def referrer(artifact_type: str, *layer_types: str, **members: Any) -> Referrer:
    builder = LayoutBuilder()
    layers = [builder.add_blob(b"x", kind) for kind in layer_types or ("application/octet-stream",)]
    subject = builder.add_image()
    descriptor = builder.add_referrer(subject, layers, artifact_type=artifact_type)
    manifest = parse_manifest(builder.blobs[descriptor.digest], IMAGE_MANIFEST)
    found = Referrer(descriptor, FoundBy.ENTRY, artifact_type, manifest, subject)
    return found._replace(**members)


COSIGN: dict[str, Any] = {"mechanism": FoundBy.COSIGN, "subject": None}


@pytest.mark.parametrize(
    ("found", "kinds"),
    [
        (referrer(NOTARY_SIGNATURE, "application/jose+json"), ("sig",)),
        (referrer(EVIDENCE_TYPE, CRL_MEDIA_TYPE, OCSP_MEDIA_TYPE, CRL_MEDIA_TYPE), ("crl", "ocsp", "crl")),
        (referrer(ACQUISITION, "application/json"), ("record",)),
        (referrer("x/y", **COSIGN, tag="sha256-0.sig"), ("cosign sig",)),
        (referrer("x/y", **COSIGN, tag="sha256-0.att"), ("att",)),
        (referrer("x/y", **COSIGN, tag="sha256-0.sbom"), ("sbom",)),
        (referrer("x/y", **COSIGN, tag="sha256-0.other"), ("other",)),
        (referrer("x/y", tag="sha256-0.sig"), ("other",)),
        (referrer("x/y", SIMPLE), ("cosign sig",)),
        (referrer("application/pgp-signature"), ("PGP sig",)),
        (referrer("x/y", "application/pgp-signature"), ("PGP sig",)),
        (referrer(BUNDLE), ("sigstore bundle",)),
        (referrer("x/y", BUNDLE), ("sigstore bundle",)),
        (referrer("text/SPDX"), ("sbom",)),
        (referrer("x/y", "application/vnd.cyclonedx+json"), ("sbom",)),
        (referrer("application/vnd.in-toto+json"), ("att",)),
        (referrer("x/y", DSSE), ("att",)),
        (referrer("x/provenance-of-sbom"), ("sbom",)),
        (referrer("x/y"), ("other",)),
    ],
)
def test_names_what_is_attached(found: Referrer, kinds: tuple[str, ...]) -> None:
    assert kinds_of(found) == kinds


def test_signatures_come_first_and_what_is_not_known_last() -> None:
    numbers = dict.fromkeys(["other", "zzz", "record", "crl", "PGP sig", "cosign sig", "sig"], 1)
    ordered = [kind for kind, _ in sorted(numbers.items(), key=by_kind)]
    assert ordered == ["sig", "cosign sig", "crl", "record", "PGP sig", "zzz", "other"]


def test_an_index_that_refers_to_an_artifact_has_no_layers() -> None:
    builder = LayoutBuilder()
    index = builder.add_index()
    manifest = parse_manifest(builder.blobs[index.digest], index.media_type)
    subject = Descriptor(media_type=IMAGE_MANIFEST, digest=index.digest, size=1)
    assert kinds_of(Referrer(index, FoundBy.ENTRY, None, manifest, subject)) == ("other",)
