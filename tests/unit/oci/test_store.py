from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from airgap.errors import ContentError
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.open import open_layout
from airgap.oci.store import Store, check_descriptor, hash_bytes, read_verified
from tests.support.layouts import LayoutBuilder

DATA = b"the content"


@pytest.fixture(params=["directory", "tar"])
def store_of(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[LayoutBuilder], Store]:
    def build(builder: LayoutBuilder) -> Store:
        write = builder.write_tar if request.param == "tar" else builder.write_directory
        store = open_layout(write(tmp_path / "layout"))
        request.addfinalizer(store.close)
        return store

    return build


Build = Callable[[LayoutBuilder], Store]


def hash_blob(store: Store, descriptor: Descriptor) -> None:
    """What airgap.oci.content does with large blobs."""
    if check_descriptor(store, descriptor) is None:
        hash_bytes(store, descriptor.digest)


def both_refuse(store: Store, descriptor: Descriptor) -> ContentError:
    """The two ways to bytes have the same rules."""
    with pytest.raises(ContentError) as read:
        read_verified(store, descriptor)
    with pytest.raises(ContentError) as hashed:
        hash_blob(store, descriptor)
    assert (read.value.reason, str(read.value)) == (hashed.value.reason, str(hashed.value))
    assert read.value.facts["digest"] == str(descriptor.digest)
    return read.value


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("data", [b"", DATA, b"x" * 3_000_000])
def test_good_content_is_given(store_of: Build, algorithm: str, data: bytes) -> None:
    """MAN-14."""
    builder = LayoutBuilder()
    blob = builder.add_blob(data, algorithm=algorithm)
    store = store_of(builder)
    assert read_verified(store, blob) == data
    hash_blob(store, blob)


def test_reports_a_missing_blob(store_of: Build) -> None:
    builder = LayoutBuilder()
    blob = builder.add_blob(DATA)
    builder.drop(blob)
    store = store_of(builder)
    error = both_refuse(store, blob)
    assert error.reason == "content.missing"
    assert store.name in str(error)


@pytest.mark.parametrize("found", [DATA[:-1], DATA + b"x", b""])
def test_size_is_checked_before_the_digest(store_of: Build, found: bytes) -> None:
    """LAYOUT-5."""
    builder = LayoutBuilder()
    blob = builder.add_blob(DATA)
    builder.damage(blob, found)
    error = both_refuse(store_of(builder), blob)
    assert error.reason == "content.size"
    assert (error.facts["expected_size"], error.facts["found_size"]) == (len(DATA), len(found))


def test_refuses_other_bytes_of_the_same_size(store_of: Build) -> None:
    """LAYOUT-3, NEG-153."""
    builder = LayoutBuilder()
    blob = builder.add_blob(DATA)
    builder.damage(blob, DATA.swapcase())
    error = both_refuse(store_of(builder), blob)
    assert error.reason == "content.digest"
    assert error.facts["found_digest"] == str(Digest.of(DATA.swapcase()))


def test_refuses_an_unsupported_algorithm(store_of: Build) -> None:
    blob = Descriptor(media_type="a/b", digest=Digest.parse("blake3:" + "0" * 64), size=1)
    assert both_refuse(store_of(LayoutBuilder()), blob).reason == "content.algorithm"


def test_more_than_the_limit_is_not_read(store_of: Build) -> None:
    builder = LayoutBuilder()
    blob = builder.add_blob(DATA)
    with pytest.raises(ContentError) as caught:
        read_verified(store_of(builder), blob, limit=len(DATA) - 1)
    assert caught.value.reason == "content.limit"


def test_uses_embedded_data_for_a_missing_blob(store_of: Build) -> None:
    """LAYOUT-5."""
    builder = LayoutBuilder()
    blob = builder.add_blob(DATA, embed=True)
    builder.drop(blob)
    store = store_of(builder)
    assert read_verified(store, blob) == DATA
    hash_blob(store, blob)


@pytest.mark.parametrize("data", [DATA[:-1], DATA.swapcase()], ids=["size", "digest"])
def test_refuses_wrong_embedded_data(store_of: Build, data: bytes) -> None:
    """LAYOUT-5: though the blob itself is good."""
    builder = LayoutBuilder()
    blob = replace(builder.add_blob(DATA), data=data)
    assert both_refuse(store_of(builder), blob).reason == "content.data"


def test_good_data_does_not_excuse_a_bad_blob(store_of: Build) -> None:
    builder = LayoutBuilder()
    blob = builder.add_blob(DATA, embed=True)
    builder.damage(blob, DATA.swapcase())
    assert both_refuse(store_of(builder), blob).reason == "content.digest"


class Failing(io.RawIOBase):
    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        raise OSError(5, "Input/output error")


def test_reports_a_read_error_in_the_middle(store_of: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    builder = LayoutBuilder()
    blob = builder.add_blob(DATA)
    store = store_of(builder)
    monkeypatch.setattr(type(store), "open", lambda _self, _digest: Failing())
    assert both_refuse(store, blob).reason == "content.unreadable"


def test_refuses_a_blob_that_grew_after_the_check(store_of: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    builder = LayoutBuilder()
    blob = builder.add_blob(DATA)
    store = store_of(builder)
    monkeypatch.setattr(type(store), "open", lambda _self, _digest: io.BytesIO(DATA + b"more"))
    with pytest.raises(ContentError) as caught:
        read_verified(store, blob)
    assert caught.value.reason == "content.size"
    with pytest.raises(ContentError):
        hash_blob(store, blob)
