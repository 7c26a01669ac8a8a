"""Choosing platforms by the names that containers use, with what belongs to them."""

from __future__ import annotations

import pytest

from airgap.errors import UsageError
from airgap.oci.descriptor import IMAGE_INDEX, IMAGE_MANIFEST, Descriptor, Platform
from airgap.oci.digest import Digest
from airgap.oci.manifest import Index
from airgap.transfer.platforms import PlatformFilter, choose, platform_of


def entry(name: str, platform: Platform | None, **annotations: str) -> Descriptor:
    return Descriptor(
        media_type=IMAGE_MANIFEST, digest=Digest.of(name.encode()), size=1, platform=platform, annotations=annotations
    )


def linux(architecture: str, variant: str | None = None) -> Platform:
    return Platform(architecture=architecture, os="linux", variant=variant)


AMD, ARM, V6, V7 = (
    entry("amd64", linux("amd64")),
    entry("arm64", linux("arm64", "v8")),
    entry("v6", linux("arm", "v6")),
    entry("v7", linux("arm", "v7")),
)
UNKNOWN = Platform(architecture="unknown", os="unknown")
ABOUT_AMD = entry("about amd", UNKNOWN, **{"vnd.docker.reference.digest": str(AMD.digest)})
ABOUT_ARM = entry("about arm", UNKNOWN, **{"vnd.docker.reference.digest": str(ARM.digest)})
PLAIN = entry("no platform", None)
INDEX = Index(
    raw=b"",
    media_type=IMAGE_INDEX,
    manifests=(AMD, ARM, V6, V7, ABOUT_AMD, ABOUT_ARM, PLAIN),
    subject=None,
    artifact_type=None,
    annotations={},
)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (["linux/amd64"], (AMD, ABOUT_AMD, PLAIN)),
        (["linux/arm64"], (ARM, ABOUT_ARM, PLAIN)),
        (["linux/arm64/v8"], (ARM, ABOUT_ARM, PLAIN)),
        (["linux/arm"], (V6, V7, PLAIN)),
        (["linux/arm/v7"], (V7, PLAIN)),
        (["linux/arm/v6", "linux/amd64"], (AMD, V6, ABOUT_AMD, PLAIN)),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, list) else "",
)
def test_chooses_platforms(wanted: list[str], expected: tuple[Descriptor, ...]) -> None:
    """BuildKit's attestations belong to the child that they are about; what names no platform always comes."""
    assert choose(INDEX, [PlatformFilter.parse(text) for text in wanted]) == expected


def test_an_absent_variant_means_the_usual_one() -> None:
    usual = entry("arm64 without variant", linux("arm64"))
    assert PlatformFilter.parse("linux/arm64/v8").matches(usual.platform)
    assert not PlatformFilter.parse("linux/arm64/v9").matches(usual.platform)
    assert PlatformFilter.parse("linux/amd64/v1").matches(linux("amd64"))
    assert not PlatformFilter.parse("linux/amd64/v3").matches(linux("amd64"))


def test_advises_to_repeat_the_option_for_several_platforms() -> None:
    with pytest.raises(UsageError, match="more than one platform") as caught:
        PlatformFilter.parse("linux/amd64,linux/arm64")
    assert "Repeat the option" in caught.value.remedy


@pytest.mark.parametrize(
    ("config", "platform"),
    [
        (b'{"os":"linux","architecture":"arm64","variant":"v8"}', linux("arm64", "v8")),
        (b'{"os":"linux","architecture":"amd64","rootfs":{"type":"layers"},"x":1.5}', linux("amd64")),
        (b'{"os":"unknown","architecture":"unknown"}', None),
        (b'{"os":"","architecture":""}', None),
        (b'{"os":"linux"}', None),
        (b"{}", None),
    ],
)
def test_reads_the_platform_of_a_config(config: bytes, platform: Platform | None) -> None:
    assert platform_of(config) == platform


@pytest.mark.parametrize("text", ["", "linux", "linux/", "/amd64", "linux/amd64/", "linux/amd64/v1/x", "Linux/amd64"])
def test_refuses_malformed_platforms(text: str) -> None:
    with pytest.raises(UsageError):
        PlatformFilter.parse(text)
