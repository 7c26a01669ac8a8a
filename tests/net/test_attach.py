"""Places in registries: what a registry says about signatures is compared with what they are."""

from __future__ import annotations

import json

import pytest

from airgap.errors import ContentError
from airgap.net.registry_place import RegistryPlace
from airgap.net.sink import RegistrySink
from airgap.oci.descriptor import NOTARY_SIGNATURE, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.reference import RegistryReference
from airgap.transfer.attach import AttachedManifest
from tests.support.net import described, store
from tests.support.registry import INDEX, LoopbackRegistry, answer


def place(opened: RegistrySink, registry: LoopbackRegistry, digest: str) -> RegistryPlace:
    reference = RegistryReference(registry=registry.host, repository="app", digest=Digest.parse(digest))
    return RegistryPlace(reference, opened)


def attached(registry: LoopbackRegistry, digest: str) -> list[AttachedManifest]:
    with store(registry.host) as opened:
        return list(place(opened, registry, digest).attached(NOTARY_SIGNATURE))


def test_returns_only_referrers_of_the_type(registry: LoopbackRegistry) -> None:
    registry.filters = False
    subject = registry.put_image("app")
    wanted = registry.put_image("app", subject=subject, artifact_type=NOTARY_SIGNATURE, layers=(b"a",))
    registry.put_image("app", subject=subject, artifact_type="application/spdx+json", layers=(b"b",))
    assert [str(found.descriptor.digest) for found in attached(registry, subject)] == [wanted]


def test_does_not_trust_types_in_a_list(registry: LoopbackRegistry) -> None:
    """D2."""
    subject = registry.put_image("app")
    other = registry.put_image("app", subject=subject, artifact_type="application/spdx+json", layers=(b"b",))
    listed = {**registry.descriptor("app", other), "artifactType": NOTARY_SIGNATURE}
    body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [listed]}).encode()
    registry.on("GET", r"/referrers/", answer(200, body, Content_Type=INDEX))
    assert attached(registry, subject) == []


def test_a_listed_referrer_that_is_missing_is_an_error(registry: LoopbackRegistry) -> None:
    subject = registry.put_image("app")
    wanted = registry.put_image("app", subject=subject, artifact_type=NOTARY_SIGNATURE)
    gone = {**registry.descriptor("app", wanted), "digest": f"sha256:{'0' * 64}", "artifactType": NOTARY_SIGNATURE}
    there = {**registry.descriptor("app", wanted), "artifactType": NOTARY_SIGNATURE}
    body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [gone, there]}).encode()
    registry.on("GET", r"/referrers/", answer(200, body, Content_Type=INDEX))
    with pytest.raises(ContentError, match="0" * 64) as caught:
        list(attached(registry, subject))
    assert caught.value.reason == "content.missing"


def test_accepts_a_list_without_types(registry: LoopbackRegistry) -> None:
    """It was left out of the answer, so that signing again found no equal signature."""
    subject = registry.put_image("app")
    signature = registry.put_image("app", subject=subject, artifact_type=NOTARY_SIGNATURE)
    other = registry.put_image("app", subject=subject, artifact_type="a/sbom")
    entries = [registry.descriptor("app", digest) for digest in (signature, other)]
    assert all("artifactType" not in entry for entry in entries)
    body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
    registry.on("GET", r"/referrers/", answer(200, body, Content_Type=INDEX))
    assert [str(found.descriptor.digest) for found in attached(registry, subject)] == [signature]


class TestReading:
    def test_verifies_a_blob(self, registry: LoopbackRegistry) -> None:
        subject = registry.put_image("app", layers=(b"an envelope",))
        with store(registry.host) as opened:
            found = place(opened, registry, subject)
            assert found.read(described(b"an envelope"), 100) == b"an envelope"
            registry.repositories["app"].blobs[str(described(b"an envelope").digest)] = b"An envelope"
            with pytest.raises(ContentError) as caught:
                found.read(described(b"an envelope"), 100)
        assert caught.value.reason == "content.digest"

    def test_does_not_fetch_more_than_the_bound(self, registry: LoopbackRegistry) -> None:
        subject = registry.put_image("app", layers=(b"an envelope",))
        large = Descriptor(media_type="a/b", digest=Digest.of(b"an envelope"), size=101)
        with store(registry.host) as opened:
            found = place(opened, registry, subject)
            registry.seen.clear()
            with pytest.raises(ContentError) as caught:
                found.read(large, 100)
        assert caught.value.reason == "content.limit"
        assert not registry.seen
