from __future__ import annotations

from typing import Any

import pytest

from airgap.errors import FormatError
from airgap.oci.descriptor import IMAGE_MANIFEST, Descriptor, Platform
from airgap.oci.digest import Digest

DIGEST = Digest.of(b"{}")
GOOD: dict[str, Any] = {"mediaType": IMAGE_MANIFEST, "digest": str(DIGEST), "size": 2}
FULL: dict[str, Any] = {
    **GOOD,
    "urls": ["https://example.test/x"],
    "annotations": {"a": "b"},
    "data": "e30=",
    "platform": {
        "architecture": "arm64",
        "os": "linux",
        "os.version": "1",
        "os.features": ["f"],
        "variant": "v8",
    },
    "artifactType": "application/x",
}


def test_descriptor_round_trips_with_every_member() -> None:
    descriptor = Descriptor.from_json(FULL)
    assert descriptor.to_json() == FULL
    assert descriptor.data == b"{}"
    assert str(descriptor.platform) == "linux/arm64/v8"


def test_null_in_a_list_of_texts_is_an_empty_one_as_in_go() -> None:
    platform = {"architecture": "amd64", "os": "windows", "os.features": [None, "win32k"]}
    descriptor = Descriptor.from_json(GOOD | {"urls": [None], "platform": platform})
    assert descriptor.urls == ("",)
    assert descriptor.platform is not None
    assert descriptor.platform.os_features == ("", "win32k")


def test_empty_embedded_content_is_none() -> None:
    """Readers in Go cannot tell it from an absent member."""
    assert Descriptor.from_json(GOOD | {"data": ""}).data is None


@pytest.mark.parametrize(
    ("change", "where"),
    [
        pytest.param({"size": -1}, "size", id="LAYOUT-5-negative-size"),
        pytest.param({"size": 2**63}, "size", id="size-beyond-63-bits"),
        pytest.param({"size": True}, "size", id="size-true"),
        pytest.param({"size": "2"}, "size", id="size-text"),
        pytest.param({"digest": "sha256:../../x"}, "digest", id="NEG-154"),
        pytest.param({"digest": 5}, "digest", id="digest-number"),
        pytest.param({"mediaType": "image"}, "mediaType", id="media-type-without-slash"),
        pytest.param({"mediaType": "a/b\x1b[31m"}, "mediaType", id="media-type-with-escape"),
        pytest.param({"mediaType": ""}, "mediaType", id="media-type-empty"),
        pytest.param({"data": "e3-="}, "data", id="data-not-base64"),
        pytest.param({"data": "e31="}, "data", id="data-with-trailing-bits"),
        pytest.param({"annotations": {"a": 1}}, "annotations['a']", id="annotation-number"),
        pytest.param({"annotations": []}, "annotations", id="annotations-list"),
        pytest.param({"platform": {"os": 1}}, "platform.os", id="platform-number"),
        pytest.param({"urls": [1]}, "urls[0]", id="url-number"),
        pytest.param({"urls": ["x"] * 65}, "urls", id="too-many-urls"),
        pytest.param({"artifactType": None}, "artifactType", id="null"),
    ],
)
def test_malformed_member_is_named(change: dict[str, Any], where: str) -> None:
    with pytest.raises(FormatError) as caught:
        Descriptor.from_json(GOOD | change)
    assert caught.value.where == where


@pytest.mark.parametrize("member", ["mediaType", "digest", "size"])
def test_missing_member_is_named(member: str) -> None:
    with pytest.raises(FormatError) as caught:
        Descriptor.from_json({key: value for key, value in GOOD.items() if key != member})
    assert caught.value.where == member


@pytest.mark.parametrize("value", [None, [], "text", 1])
def test_refuses_what_is_not_an_object(value: Any) -> None:
    with pytest.raises(FormatError):
        Descriptor.from_json(value)


def test_same_content_compares_media_type_digest_and_size_and_nothing_else() -> None:
    """MAN-31."""
    one = Descriptor.from_json(GOOD)
    assert one.same_content(Descriptor.from_json(FULL))
    assert not one.same_content(Descriptor.from_json(GOOD | {"size": 3}))
    assert not one.same_content(Descriptor.from_json(GOOD | {"mediaType": "a/b"}))
    assert not one.same_content(Descriptor.from_json(GOOD | {"digest": str(Digest.of(b"x"))}))


def test_treats_an_empty_artifact_type_as_absent() -> None:
    assert Descriptor.from_json(GOOD | {"artifactType": ""}).artifact_type is None


def test_platform_is_safe_to_show() -> None:
    assert "\x1b" not in str(Platform(architecture="\x1b[2Jx", os="linux"))
