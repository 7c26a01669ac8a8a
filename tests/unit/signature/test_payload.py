from __future__ import annotations

import json
from typing import Any

import pytest

from airgap.errors import Rejected
from airgap.oci.digest import Digest
from airgap.signature.envelope import parse_envelope
from airgap.signature.model import Payload
from airgap.signature.payload import parse_payload
from tests.support.envelopes import COSE, EXPIRY, JWS, PAYLOAD, PLUGIN, REMOVED, SCHEME, TARGET, changed, forge
from tests.support.pki import Pki

LEAF = Pki().code_chain()
both = pytest.mark.parametrize("media_type", [JWS, COSE], ids=["jws", "cose"])


def parsed(payload: bytes, media_type: str = JWS) -> Payload:
    return parse_payload(parse_envelope(media_type, forge(media_type, LEAF, payload=payload)))


def refused(payload: bytes, media_type: str = JWS) -> str:
    with pytest.raises(Rejected) as caught:
        parsed(payload, media_type)
    assert caught.value.reason == "payload.malformed"
    return str(caught.value)


def of(target: Any, **others: Any) -> bytes:
    return json.dumps({"targetArtifact": target, **others}).encode()


@both
def test_reads_the_payload(media_type: str) -> None:
    """PAY-2; what NEG-48 compares with the target."""
    payload = parsed(of({**TARGET, "annotations": {"team": "blue", "": ""}}), media_type)
    assert payload.media_type == TARGET["mediaType"]
    assert payload.digest == Digest("sha256", "5c" * 32)
    assert payload.size == 411
    assert payload.annotations == {"team": "blue", "": ""}
    assert payload.raw == of({**TARGET, "annotations": {"team": "blue", "": ""}})


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("mediaType", "application/octet-stream", "media_type"),
        ("digest", "sha256:" + "5d" * 32, "digest"),
        ("size", 412, "size"),
    ],
)
def test_each_compared_field_comes_from_its_member(name: str, value: Any, field: str) -> None:
    """NEG-48, PAY-6: a difference in one member shows in one field."""
    good, other = parsed(PAYLOAD), parsed(of({**TARGET, name: value}))
    differing = {
        one for one in ("media_type", "digest", "size", "annotations") if getattr(good, one) != getattr(other, one)
    }
    assert differing == {field}


def test_metadata_keeps_its_exact_spelling() -> None:
    """NEG-49, PAY-9: keys that differ in case are two keys, as annotations may have them."""
    assert parsed(of({**TARGET, "annotations": {"Build": "1", "build": " 1"}})).annotations == {
        "Build": "1",
        "build": " 1",
    }


def test_absent_annotations_are_none() -> None:
    assert parsed(PAYLOAD).annotations == {}


@both
@pytest.mark.parametrize("payload", [b"[]", b"1", b'"x"', b"null", b"\xff", b"{", b" "])
def test_a_payload_that_is_not_an_object_is_refused(media_type: str, payload: bytes) -> None:
    """NEG-46, JWS-6."""
    refused(payload, media_type)


def test_an_empty_payload_is_refused() -> None:
    """NEG-36, NEG-46; in COSE the envelope is refused already."""
    refused(b"")


@both
@pytest.mark.parametrize("tail", [b"x", b"{}", b"\x00"])
def test_trailing_bytes_are_refused(media_type: str, tail: bytes) -> None:
    """NEG-47, PAY-11."""
    refused(PAYLOAD + tail, media_type)


@pytest.mark.parametrize("size", ["16724.0", "1e3", "-1", "9223372036854775808", "true", '"411"', "null", "0x10"])
def test_a_size_outside_of_int64_is_refused(size: str) -> None:
    """NEG-47, PAY-2, PAY-11."""
    refused(PAYLOAD.replace(b"411", size.encode()))


@pytest.mark.parametrize("size", [0, 2**63 - 1])
def test_the_extreme_sizes_are_read(size: int) -> None:
    assert parsed(of({**TARGET, "size": size})).size == size


@pytest.mark.parametrize("target", [None, [], "x", 1])
def test_a_target_that_is_not_an_object_is_refused(target: Any) -> None:
    """PAY-11."""
    assert "targetArtifact: is" in refused(of(target))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("artifactType", 1),
        ("urls", "https://registry.example/x"),
        ("urls", [1]),
        ("data", 1),
        ("data", "!!"),
        ("platform", "linux"),
        ("platform", {"os": 1}),
    ],
)
def test_ignored_members_are_those_of_a_descriptor(name: str, value: Any) -> None:
    """D4: they decide nothing; the reference implementation refuses them where their type is wrong."""
    assert f"targetArtifact.{name}" in refused(of({**TARGET, name: value}))


def test_a_missing_target_is_refused() -> None:
    """PAY-2."""
    assert "targetArtifact: is missing" in refused(b"{}")


@pytest.mark.parametrize("name", ["mediaType", "digest", "size"])
@pytest.mark.parametrize("value", [REMOVED, None, [], {}])
def test_every_member_of_the_target_is_needed(name: str, value: Any) -> None:
    """PAY-2."""
    assert f"targetArtifact.{name}: is" in refused(of(changed(TARGET, {name: value})))


@pytest.mark.parametrize("digest", ["", "sha256:", "sha256:" + "5C" * 32, "sha256:../../etc", "5c" * 32, "sha256:5c"])
def test_a_malformed_digest_is_refused(digest: str) -> None:
    """PAY-2."""
    assert "targetArtifact.digest: " in refused(of({**TARGET, "digest": digest}))


@pytest.mark.parametrize("annotations", [None, [], "x", {"a": 1}, {"a": None}, {"a": ["b"]}])
def test_annotations_are_strings(annotations: Any) -> None:
    """PAY-3."""
    assert "targetArtifact.annotations" in refused(of({**TARGET, "annotations": annotations}))


@pytest.mark.parametrize("name", ["TARGETARTIFACT", "targetartifact"])
def test_member_names_are_exact(name: str) -> None:
    """PAY-11; the reference folds case."""
    assert "in another case" in refused(json.dumps({name: TARGET}).encode())
    assert "different case" in refused(of(TARGET, **{name: TARGET}))


@pytest.mark.parametrize("name", ["MediaType", "DIGEST", "Size", "annotationS"])
def test_case_twins_of_the_targets_members_are_refused(name: str) -> None:
    """PAY-11."""
    target = {**TARGET, "annotations": {}}
    twin = next(value for member, value in target.items() if member.casefold() == name.casefold())
    assert "different case" in refused(of({**target, name: twin}))


def test_duplicate_members_are_refused() -> None:
    """PAY-11; the reference takes the last."""
    assert "twice" in refused(PAYLOAD.replace(b'"size":411', b'"size":1,"size":411'))
    assert "twice" in refused(b'{"targetArtifact":{},' + PAYLOAD[1:])


def test_unknown_members_are_tolerated() -> None:
    """PAY-3, PAY-11, D4."""
    payload = parsed(of({**TARGET, "artifactType": "x", "urls": ["http://x"], "data": "eA=="}, exp=5, more={"a": []}))
    assert payload.size == 411


@both
@pytest.mark.parametrize("name", [EXPIRY, SCHEME, PLUGIN])
def test_names_of_signed_attributes_mean_nothing_in_the_payload(media_type: str, name: str) -> None:
    """PAY-12."""
    said = {name: "2020-01-01T00:00:00Z"}
    payload = of({**TARGET, **said, "annotations": said}, **said)
    envelope = parse_envelope(media_type, forge(media_type, LEAF, payload=payload))
    plain = parse_envelope(media_type, forge(media_type, LEAF, payload=PAYLOAD))
    assert (envelope.expiry, envelope.plugin, envelope.scheme) == (None, None, plain.scheme)
    assert parse_payload(envelope).annotations == said
