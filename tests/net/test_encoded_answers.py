"""Answers that a server compresses for their way without being asked, and web pages in place of content."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from airgap import limits
from airgap.errors import ContentError
from airgap.oci.descriptor import Descriptor
from tests.support.command import run_here
from tests.support.net import store
from tests.support.registry import MANIFEST, LoopbackRegistry, answer

LAYER = b"a layer " * 20_000
PACKED = gzip.compress(LAYER)


@pytest.fixture
def registry() -> Iterator[LoopbackRegistry]:
    with LoopbackRegistry() as running:
        running.put_image("app", layers=(LAYER, PACKED), tag="v1")
        yield running


def copied(registry: LoopbackRegistry, folder: Path, *options: str) -> tuple[int, str]:
    ran = run_here(["copy", "--retries", "3", *options, f"{registry.host}/app:v1", str(folder / "to")])
    return ran.code, ran.err


@pytest.mark.parametrize("name", ["gzip", "x-gzip", "GZIP"])
def test_unpacks_what_is_compressed_for_its_way(tmp_path: Path, registry: LoopbackRegistry, name: str) -> None:
    (digest,) = registry.repositories["app"].manifests
    _, raw = registry.repositories["app"].manifests[digest]
    (layer,) = (key for key, data in registry.repositories["app"].blobs.items() if data == LAYER)
    registry.on("GET", "/manifests/", answer(200, gzip.compress(raw), Content_Type=MANIFEST, Content_Encoding=name))
    registry.on("GET", f"/blobs/{layer}", answer(200, PACKED, Content_Encoding=name))
    assert copied(registry, tmp_path)[0] == 0
    assert (tmp_path / "to/blobs/sha256" / layer.removeprefix("sha256:")).read_bytes() == LAYER


def test_takes_a_blob_as_it_is_where_its_length_is_right(tmp_path: Path, registry: LoopbackRegistry) -> None:
    """Some servers say of every .tar.gz that it is compressed for its way."""
    (layer,) = (key for key, data in registry.repositories["app"].blobs.items() if data == PACKED)
    registry.on("GET", f"/blobs/{layer}", answer(200, PACKED, Content_Encoding="gzip"))
    assert copied(registry, tmp_path)[0] == 0


def test_goes_on_after_a_cut_in_what_is_compressed(tmp_path: Path, registry: LoopbackRegistry) -> None:
    (layer,) = (key for key, data in registry.repositories["app"].blobs.items() if data == LAYER)
    registry.on("GET", f"/blobs/{layer}", answer(200, PACKED[:-20], Content_Encoding="gzip"), times=1)
    registry.on("GET", f"/blobs/{layer}", answer(200, PACKED, Content_Encoding="gzip"))
    assert copied(registry, tmp_path)[0] == 0


def test_bounds_what_is_unpacked(registry: LoopbackRegistry) -> None:
    bomb = gzip.compress(bytes(64 * limits.MIB))
    registry.on("GET", "/manifests/", answer(200, bomb, Content_Type=MANIFEST, Content_Encoding="gzip"))
    registry.on("GET", "/blobs/", answer(200, bomb, Content_Encoding="gzip"))
    with store(registry.host) as repository:
        with pytest.raises(Exception, match=f"more than {limits.MANIFEST_BYTES} bytes"):
            repository.resolve("v1")
        _, raw = next(iter(registry.repositories["app"].manifests.values()))
        layer = Descriptor.from_json(json.loads(raw)["layers"][0])
        with repository.open_from(layer) as stream, pytest.raises(ContentError, match="has more"):
            stream.readall()


@pytest.mark.parametrize("body", [b"\x1f\x8bno gzip at all", PACKED[:-10]])
def test_refuses_what_is_said_to_be_compressed_and_is_not(
    tmp_path: Path, registry: LoopbackRegistry, body: bytes
) -> None:
    registry.on("GET", "/manifests/", answer(200, body, Content_Type=MANIFEST, Content_Encoding="gzip"))
    code, err = copied(registry, tmp_path)
    assert (code, "compressed" in err) == (1, True), err


@pytest.mark.parametrize("place", ["/manifests/v1", "/blobs/"])
def test_names_a_proxy_or_login_page_in_place_of_content(
    tmp_path: Path, registry: LoopbackRegistry, place: str
) -> None:
    """To put the artifact into the registry again does not help there."""
    registry.on("GET", place, answer(200, b"<!DOCTYPE html><html>Sign in</html>", Content_Type="text/html; charset=x"))
    code, err = copied(registry, tmp_path)
    assert (code, "A proxy or a login page answers in place of the registry" in err) == (16, True), err
