from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from airgap import limits
from airgap.errors import Rejected
from airgap.oci.descriptor import NO_CONFIG, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.manifest import Index, Manifest, parse_manifest
from airgap.pki.certificate import Certificate
from airgap.signature.signature_manifest import (
    config_descriptor,
    envelope_descriptor,
    is_signature,
    signature_manifest,
    thumbprint_warning,
)
from tests.support.envelopes import COSE, JWS, REMOVED, SIGNED_AT, changed
from tests.support.pki import Pki

IMAGE = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
EMPTY = "application/vnd.oci.empty.v1+json"
NOTARY = "application/vnd.cncf.notary.signature"
THUMBPRINTS = "io.cncf.notary.x509chain.thumbprint#S256"

CHAIN = tuple(Certificate.parse(issued.der) for issued in Pki().code_chain().chain)
SUBJECT = Descriptor(media_type=IMAGE, digest=Digest.of(b"subject"), size=7)
ENVELOPE = Descriptor(media_type=JWS, digest=Digest.of(b"envelope"), size=2077)
CONFIG = {"mediaType": EMPTY, "digest": str(Digest.of(b"{}")), "size": 2}
NEW = {
    "schemaVersion": 2,
    "mediaType": IMAGE,
    "artifactType": NOTARY,
    "config": CONFIG,
    "layers": [ENVELOPE.to_json()],
    "subject": SUBJECT.to_json(),
}
LEGACY = changed(NEW, {"artifactType": REMOVED, "config": {**CONFIG, "mediaType": NOTARY}})
WITHDRAWN = {
    "mediaType": ARTIFACT,
    "artifactType": NOTARY,
    "blobs": [ENVELOPE.to_json()],
    "subject": SUBJECT.to_json(),
}
FORMS = {"MAN-2": (NEW, IMAGE), "MAN-3": (LEGACY, IMAGE), "MAN-11": (WITHDRAWN, ARTIFACT)}
every_form = pytest.mark.parametrize(("document", "media_type"), FORMS.values(), ids=FORMS)


def read(document: Mapping[str, Any], media_type: str = IMAGE, **changes: Any) -> Manifest | Index:
    return parse_manifest(json.dumps(changed(document, changes)).encode(), media_type)


def refused(manifest: Manifest | Index, subject: Descriptor = SUBJECT) -> str:
    with pytest.raises(Rejected) as caught:
        envelope_descriptor(manifest, subject)
    assert caught.value.reason == "signature.manifest"
    return str(caught.value)


@every_form
@pytest.mark.parametrize("envelope_type", [JWS, COSE])
def test_the_three_forms_are_read(document: dict[str, Any], media_type: str, envelope_type: str) -> None:
    """MAN-1, MAN-2, MAN-3, MAN-5, MAN-11, D58."""
    layer = {**ENVELOPE.to_json(), "mediaType": envelope_type}
    manifest = read(document, media_type, **{"blobs" if media_type == ARTIFACT else "layers": [layer]})
    assert is_signature(manifest)
    descriptor = envelope_descriptor(manifest, SUBJECT)
    assert (descriptor.media_type, descriptor.digest, descriptor.size) == (envelope_type, ENVELOPE.digest, 2077)


def test_an_artifact_type_beside_another_config_is_refused() -> None:
    """MAN-2, MAN-32."""
    manifest = read(NEW, config={**CONFIG, "mediaType": NOTARY})
    assert is_signature(manifest)
    assert "has a config of type" in refused(manifest)


@pytest.mark.parametrize(
    "manifest",
    [
        read(NEW, artifactType="application/spdx+json"),
        read(LEGACY, config={**CONFIG, "mediaType": "application/vnd.oci.image.config.v1+json"}),
        read(LEGACY, artifactType="application/spdx+json"),
        read(WITHDRAWN, ARTIFACT, artifactType=REMOVED),
        read(NEW, artifactType=NOTARY.upper()),
    ],
    ids=["other type", "other config", "other type beside notary config", "artifact without type", "upper case"],
)
def test_another_artifact_type_is_not_a_signature(manifest: Manifest) -> None:
    """MAN-32."""
    assert not is_signature(manifest)
    assert "artifact type" in refused(manifest)


def test_an_index_is_refused() -> None:
    """MAN-12."""
    index = read({"schemaVersion": 2, "mediaType": INDEX, "artifactType": NOTARY, "manifests": []}, INDEX)
    assert is_signature(index)
    assert "cannot be a signature" in refused(index)


def test_a_docker_manifest_is_refused() -> None:
    """MAN-1, MAN-12."""
    assert "cannot be a signature" in refused(read(LEGACY, DOCKER, mediaType=DOCKER))


@every_form
@pytest.mark.parametrize("count", [0, 2])
def test_there_must_be_exactly_one_envelope(document: dict[str, Any], media_type: str, count: int) -> None:
    """MAN-5, MAN-11."""
    entries = {"blobs" if media_type == ARTIFACT else "layers": [ENVELOPE.to_json()] * count}
    assert f"has {count} layers" in refused(read(document, media_type, **entries))


@pytest.mark.parametrize(
    "envelope_type", ["application/octet-stream", "application/JOSE+json", "application/cose; a=b"]
)
def test_another_envelope_type_is_refused(envelope_type: str) -> None:
    """NEG-44, MAN-5."""
    assert envelope_type in refused(read(NEW, layers=[{**ENVELOPE.to_json(), "mediaType": envelope_type}]))


@every_form
def test_the_subject_must_be_there(document: dict[str, Any], media_type: str) -> None:
    """MAN-6, D2."""
    assert "has no subject" in refused(read(document, media_type, subject=REMOVED))


@every_form
@pytest.mark.parametrize(("name", "value"), [("digest", str(Digest.of(b"other"))), ("size", 8), ("mediaType", INDEX)])
def test_the_subject_must_be_the_target(document: dict[str, Any], media_type: str, name: str, value: Any) -> None:
    """MAN-6, MAN-31, D2: on digest, size and media type."""
    message = refused(read(document, media_type, subject={**SUBJECT.to_json(), name: value}))
    assert f"the {name} {value}, not " in message


def test_other_members_of_the_subject_do_not_count() -> None:
    """MAN-31."""
    subject = {**SUBJECT.to_json(), "annotations": {"a": "b"}, "artifactType": "x/y"}
    assert envelope_descriptor(read(NEW, subject=subject), SUBJECT).size == 2077


def test_the_size_of_the_envelope_is_bounded() -> None:
    """LIM-2: at most 4 MiB here."""
    largest = {**ENVELOPE.to_json(), "size": limits.ENVELOPE_BYTES}
    assert envelope_descriptor(read(NEW, layers=[largest]), SUBJECT).size == limits.ENVELOPE_BYTES
    assert "more than" in refused(read(NEW, layers=[{**largest, "size": limits.ENVELOPE_BYTES + 1}]))


@pytest.mark.parametrize("spell", [str.lower, str.upper], ids=["lower", "upper"])
def test_matching_thumbprints_give_no_warning(spell: Any) -> None:
    """MAN-7: compared without regard to case."""
    value = json.dumps([spell(certificate.fingerprint) for certificate in CHAIN])
    assert thumbprint_warning(_annotated(value), CHAIN) is None


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "lacks the annotation"),
        ("", "cannot be read"),
        ("[", "cannot be read"),
        ("{}", "no list of fingerprints"),
        ("[1]", "no list of fingerprints"),
        ("[]", "are not those"),
        (json.dumps([certificate.fingerprint for certificate in reversed(CHAIN)]), "are not those"),
        (json.dumps([CHAIN[0].fingerprint]), "are not those"),
    ],
    ids=["absent", "empty", "no-json", "object", "numbers", "none", "reversed", "leaf-only"],
)
def test_other_thumbprints_are_a_warning(value: str | None, problem: str) -> None:
    """MAN-10, D1: never more than a warning."""
    manifest = _annotated(value)
    assert problem in (thumbprint_warning(manifest, CHAIN) or "")
    assert envelope_descriptor(manifest, SUBJECT).size == 2077


def test_a_written_manifest_has_the_new_form() -> None:
    """MAN-1, MAN-2, MAN-4 to MAN-8."""
    raw = signature_manifest(subject=SUBJECT, envelope=ENVELOPE, chain=CHAIN, signing_time=SIGNED_AT)
    document = json.loads(raw)
    assert document == {
        **NEW,
        "config": {**CONFIG, "data": "e30="},
        "annotations": {
            THUMBPRINTS: json.dumps([certificate.fingerprint for certificate in CHAIN], separators=(",", ":")),
            "org.opencontainers.image.created": "2026-01-02T03:04:05Z",
        },
    }
    _check_written(raw)


def test_a_written_manifest_has_the_legacy_form_on_demand() -> None:
    """MAN-3."""
    raw = signature_manifest(subject=SUBJECT, envelope=ENVELOPE, chain=CHAIN, signing_time=SIGNED_AT, form="config")
    document = json.loads(raw)
    assert "artifactType" not in document
    assert document["config"] == {**CONFIG, "mediaType": NOTARY}
    _check_written(raw)


def test_writes_only_the_content_members_of_the_subject() -> None:
    """MAN-6."""
    subject = Descriptor.from_json({**SUBJECT.to_json(), "annotations": {"a": "b"}, "urls": ["http://x"]})
    raw = signature_manifest(subject=subject, envelope=ENVELOPE, chain=CHAIN, signing_time=SIGNED_AT)
    assert json.loads(raw)["subject"] == SUBJECT.to_json()


def test_the_config_has_the_digest_of_its_descriptor() -> None:
    """MAN-4."""
    for descriptor in (config_descriptor("artifactType"), config_descriptor("config")):
        assert str(descriptor.digest) == "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        assert descriptor.size == len(NO_CONFIG)


def _annotated(value: str | None) -> Manifest:
    manifest = read(NEW, annotations={} if value is None else {THUMBPRINTS: value})
    assert isinstance(manifest, Manifest)
    return manifest


def _check_written(raw: bytes) -> None:
    manifest = parse_manifest(raw, IMAGE)
    assert isinstance(manifest, Manifest)
    assert is_signature(manifest)
    assert envelope_descriptor(manifest, SUBJECT) == ENVELOPE
    assert thumbprint_warning(manifest, CHAIN) is None
