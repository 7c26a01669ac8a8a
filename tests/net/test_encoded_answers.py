"""Answers that a server compresses for their way without being asked, and web pages in place of content."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airgap import limits
from airgap.errors import ContentError
from airgap.oci.descriptor import Descriptor
from tests.support.command import run_here
from tests.support.net import store
from tests.support.registry import INDEX, MANIFEST, LoopbackRegistry, answer

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


def _raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


FORMS = [
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    ("GZIP", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", _raw_deflate),
    ("identity", bytes),
]


@pytest.mark.parametrize(("name", "pack"), FORMS)
def test_unpacks_what_is_compressed_for_its_way(
    tmp_path: Path, registry: LoopbackRegistry, name: str, pack: Callable[[bytes], bytes]
) -> None:
    (digest,) = registry.repositories["app"].manifests
    _, raw = registry.repositories["app"].manifests[digest]
    (layer,) = (key for key, data in registry.repositories["app"].blobs.items() if data == LAYER)
    registry.on("GET", "/manifests/", answer(200, pack(raw), Content_Type=MANIFEST, Content_Encoding=name))
    registry.on("GET", f"/blobs/{layer}", answer(200, pack(LAYER), Content_Encoding=name))
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


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("gzip", b"\x1f\x8bno gzip at all"),
        ("gzip", PACKED[:-10]),
        ("deflate", b"\x78\x9cno zlib at all"),
        ("deflate", zlib.compress(LAYER)[:-10]),
        ("deflate", _raw_deflate(LAYER)[:-10]),
    ],
)
def test_refuses_what_is_said_to_be_compressed_and_is_not(
    tmp_path: Path, registry: LoopbackRegistry, name: str, body: bytes
) -> None:
    registry.on("GET", "/manifests/", answer(200, body, Content_Type=MANIFEST, Content_Encoding=name))
    code, err = copied(registry, tmp_path)
    assert (code, "compressed" in err) == (1, True), err


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "aws-chunked"])
def test_takes_a_plain_answer_that_is_said_to_be_compressed(
    tmp_path: Path, registry: LoopbackRegistry, name: str
) -> None:
    """Its digest tells that it is what was asked for."""
    (digest,) = registry.repositories["app"].manifests
    _, raw = registry.repositories["app"].manifests[digest]
    registry.on("GET", "/manifests/", answer(200, raw, Content_Type=MANIFEST, Content_Encoding=name))
    for digest, data in registry.repositories["app"].blobs.items():
        registry.on("GET", f"/blobs/{digest}", answer(200, data, Content_Encoding=name))
    assert copied(registry, tmp_path)[0] == 0


@pytest.mark.parametrize("place", ["/manifests/v1", "/blobs/"])
def test_names_a_compression_that_was_not_asked_for(tmp_path: Path, registry: LoopbackRegistry, place: str) -> None:
    registry.on("GET", place, answer(200, b"\x8b\x00\x80", Content_Type=MANIFEST, Content_Encoding="br"))
    code, err = copied(registry, tmp_path)
    assert (code, "compressed in a way that was not asked for (br)" in err) == (16, True), err


@pytest.mark.parametrize(
    ("place", "headers", "said"),
    [
        ("/tags/list", {"Content_Encoding": "br"}, "compressed in a way that was not asked for (br)"),
        ("/referrers/", {"Content_Encoding": "br", "Content_Type": INDEX}, "not asked for (br)"),
        ("/tags/list", {"Content_Type": "text/html"}, "A proxy or a login page answers in place of the registry"),
    ],
)
def test_says_of_a_list_that_cannot_be_read_what_may_have_changed_it(
    registry: LoopbackRegistry, place: str, headers: dict[str, str], said: str
) -> None:
    registry.on("GET", place, answer(200, b"\x8b\x00\x80", **headers))
    command = ["ls", f"{registry.host}/app"] if place == "/tags/list" else ["discover", f"{registry.host}/app:v1"]
    ran = run_here(command)
    assert (ran.code, said in ran.err) == (1, True), ran.err


@pytest.mark.parametrize("name", ["gzip", "deflate", "br"])
def test_the_length_of_what_is_compressed_is_not_that_of_the_blob(
    tmp_path: Path, registry: LoopbackRegistry, name: str
) -> None:
    """A blob that was there was called one of another size, and nothing was copied."""
    assert copied(registry, tmp_path)[0] == 0
    registry.repositories["new"].blobs.update(registry.repositories["app"].blobs)
    registry.on("HEAD", "/new/blobs/", answer(200, b"short", Content_Encoding=name))
    ran = run_here(["copy", f"{tmp_path / 'to'}:v1", f"{registry.host}/new:v1"])
    assert ran.code == 0, ran
    assert registry.repositories["new"].tags["v1"] == registry.repositories["app"].tags["v1"]


@pytest.mark.parametrize("place", ["/manifests/v1", "/blobs/", "/referrers/"])
def test_refuses_a_part_that_was_not_asked_for(tmp_path: Path, registry: LoopbackRegistry, place: str) -> None:
    registry.on("GET", place, answer(206, b"{", Content_Type=MANIFEST, Content_Range="bytes 0-0/100"))
    code, err = copied(registry, tmp_path)
    assert (code, "206" in err, "sends a part of what was asked for as a whole" in err) == (1, True, True), err


def test_takes_a_blob_whose_parts_are_the_whole(tmp_path: Path, registry: LoopbackRegistry) -> None:
    """Caches that fetch in slices answer so to a request without Range."""
    for digest, data in registry.repositories["app"].blobs.items():
        whole = f"bytes 0-{len(data) - 1}/{len(data)}"
        registry.on("GET", f"/blobs/{digest}", answer(206, data, Content_Range=whole))
    assert copied(registry, tmp_path)[0] == 0


def test_an_upload_is_not_done_before_it_begins(tmp_path: Path, registry: LoopbackRegistry) -> None:
    assert copied(registry, tmp_path)[0] == 0
    registry.on("POST", "/blobs/uploads/", answer(201, Location="/v2/new/blobs/sha256:0"))
    ran = run_here(["copy", f"{tmp_path / 'to'}:v1", f"{registry.host}/new:v1"])
    assert ran.code == 1, ran
    assert "made something when an upload was to begin" in ran.err
    assert not registry.requests("PUT", "/v2/new/")


@pytest.mark.parametrize("place", ["/manifests/v1", "/blobs/"])
def test_names_a_proxy_or_login_page_in_place_of_content(
    tmp_path: Path, registry: LoopbackRegistry, place: str
) -> None:
    """To put the artifact into the registry again does not help there."""
    registry.on("GET", place, answer(200, b"<!DOCTYPE html><html>Sign in</html>", Content_Type="text/html; charset=x"))
    code, err = copied(registry, tmp_path)
    assert (code, "A proxy or a login page answers in place of the registry" in err) == (16, True), err
