"""The layout writer by itself: staging, locks, what it refuses, what it repairs."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from airgap.errors import ContentError, UsageError
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.transfer import writer
from airgap.transfer.checked_bytes import WriteError, writing
from airgap.transfer.endpoint import BlobStream, TransferMethod
from airgap.transfer.staging import PREFIX
from airgap.transfer.writer import LayoutProbe, LayoutWriter
from tests.support.layouts import IMAGE_LAYER

posix = pytest.mark.skipif(os.name != "posix", reason="folders cannot be locked here")


def described(data: bytes, algorithm: str = "sha256") -> Descriptor:
    return Descriptor(media_type=IMAGE_LAYER, digest=Digest.of(data, algorithm), size=len(data))


class Given:
    """Blobs that give these bytes, right or wrong."""

    def __init__(self, data: bytes, path: str | None = None) -> None:
        self.data, self.file = data, path

    def open(self, descriptor: Descriptor) -> BlobStream:
        return io.BytesIO(self.data)

    def path(self, descriptor: Descriptor) -> str | None:
        return self.file


def ignore(_: int) -> None:
    pass


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("size", [0, 1, 5_000_000])
def test_a_blob_gets_its_name_when_it_is_flushed(tmp_path: Path, algorithm: str, size: int) -> None:
    data = bytes(size)
    blob = described(data, algorithm)
    with LayoutWriter(str(tmp_path / "to")) as target:
        assert not target.has(blob)
        assert target.put_blob(blob, Given(data), ignore) in {TransferMethod.COPIED, TransferMethod.CLONED}
        target.flush()
        assert target.has(blob)
    assert (tmp_path / "to" / "blobs" / algorithm / blob.digest.encoded).read_bytes() == data
    assert not list((tmp_path / "to").glob(f"{PREFIX}*"))


@pytest.mark.parametrize("data", [b"", b"righ", b"right and more", b"wrong"], ids=["none", "less", "more", "other"])
def test_wrong_bytes_get_no_name(tmp_path: Path, data: bytes) -> None:
    blob = described(b"right")
    with LayoutWriter(str(tmp_path / "to")) as target:
        with pytest.raises(ContentError) as caught:
            target.put_blob(blob, Given(data), ignore)
        assert caught.value.reason in {"content.size", "content.digest"}
        with pytest.raises(ContentError):
            target.put_manifest(blob, data)
        target.flush()
        assert not target.has(blob)


def test_an_algorithm_that_cannot_be_checked_is_refused(tmp_path: Path) -> None:
    blob = Descriptor(media_type=IMAGE_LAYER, digest=Digest.parse("md5:abc"), size=1)
    with LayoutWriter(str(tmp_path / "to")) as target, pytest.raises(ContentError) as caught:
        target.put_blob(blob, Given(b"x"), ignore)
    assert caught.value.reason == "content.algorithm"


def test_does_not_link_a_file_of_other_content(tmp_path: Path) -> None:
    blob = described(b"right")
    (tmp_path / "file").write_bytes(b"wrong")
    with LayoutWriter(str(tmp_path / "to"), link=True) as target:
        with pytest.raises(ContentError):
            target.put_blob(blob, Given(b"right", str(tmp_path / "file")), ignore)
        target.flush()
        assert not target.has(blob)


def test_copies_bytes_where_links_are_not_possible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(writer, "clone", lambda *_: False)
    blob = described(b"right")
    (tmp_path / "file").write_bytes(b"right")
    with LayoutWriter(str(tmp_path / "to"), link=True) as target:
        assert target.put_blob(blob, Given(b"right", str(tmp_path / "file")), ignore) is TransferMethod.COPIED
        target.flush()
        assert target.has(blob)


def test_verifies_a_clone_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file system of the tests has no reflinks; what a clone would hold is written instead."""

    def clone(source: str, target: int) -> bool:
        os.write(target, Path(source).read_bytes())
        return True

    monkeypatch.setattr(writer, "clone", clone)
    (tmp_path / "file").write_bytes(b"right")
    blob, other = described(b"right"), described(b"other")
    with LayoutWriter(str(tmp_path / "to")) as target:
        assert target.put_blob(blob, Given(b"", str(tmp_path / "file")), ignore) is TransferMethod.CLONED
        with pytest.raises(ContentError):
            target.put_blob(other, Given(b"", str(tmp_path / "file")), ignore)
        target.flush()
        assert (target.has(blob), target.has(other)) == (True, False)


@posix
def test_removes_files_of_dead_writers_only(tmp_path: Path) -> None:
    with LayoutWriter(str(tmp_path / "to")) as living:
        dead = tmp_path / "to" / f"{PREFIX}dead"
        dead.mkdir()
        (dead / "0").write_bytes(b"half")
        with LayoutWriter(str(tmp_path / "to")):
            assert not dead.exists()
            assert living._staging.folder.exists()


@posix
def test_a_link_that_looks_like_staging_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"mine")
    LayoutWriter(str(tmp_path / "to")).close()
    (tmp_path / "to" / f"{PREFIX}link").symlink_to(outside)
    LayoutWriter(str(tmp_path / "to")).close()
    assert (outside / "file").read_bytes() == b"mine"


@pytest.mark.parametrize(
    "parts", [(), ("oci-layout",), ("blobs",), ("blobs", "index.json")], ids=lambda parts: "+".join(parts) or "none"
)
def test_completes_an_interrupted_layout(tmp_path: Path, parts: tuple[str, ...]) -> None:
    whole, part = tmp_path / "whole", tmp_path / "part"
    LayoutWriter(str(whole)).close()
    part.mkdir()
    for name in parts:
        if name == "blobs":
            (part / name).mkdir()
        else:
            (part / name).write_bytes((whole / name).read_bytes())
    LayoutWriter(str(part)).close()
    assert LayoutProbe(str(part)).layout is not None


@pytest.mark.parametrize("name", ["letter.txt", "blobs/sha256/x"])
def test_other_folders_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(UsageError):
        LayoutWriter(str(tmp_path))


def test_names_a_file_in_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="is a file, and a layout is a folder"):
        LayoutWriter(str(tmp_path / "file"))


@pytest.mark.skipif(os.name != "posix", reason="needs a device")
def test_refuses_a_device_as_a_layout() -> None:
    """It was "File exists", without a remedy."""
    with pytest.raises(UsageError, match="/dev/null is a character device, and a layout is a folder") as caught:
        LayoutWriter(os.devnull)
    assert "- is a tar on standard output" in caught.value.remedy


@pytest.mark.parametrize(
    ("number", "cause"),
    [(28, "full"), (30, "read_only"), (13, "denied"), (27, "too_large"), (5, "gone"), (99, "other")],
)
def test_explains_errors_of_the_system_with_a_remedy(number: int, cause: str) -> None:
    with pytest.raises(WriteError, match="cannot be written") as caught, writing("place"):
        raise OSError(number, os.strerror(number))
    assert caught.value.facts["cause"] == cause
    assert cause == "other" or caught.value.remedy
