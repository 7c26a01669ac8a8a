"""A path that is not a layout is reported with its kind and a remedy."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import socket
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from airgap.errors import ContentError
from airgap.oci.open import open_layout
from airgap.oci.recognise import is_tar_header
from tests.support.layouts import END, LAYOUT_FILE, tar_member, tar_of, write_tree

INDEX = b'{"schemaVersion":2,"manifests":[]}'
TAR = tar_of({"oci-layout": LAYOUT_FILE, "index.json": INDEX})


def explained(path: Path) -> ContentError:
    with pytest.raises(ContentError) as caught:
        open_layout(path)
    assert caught.value.reason == "layout.malformed"
    assert caught.value.exit_code == 16
    assert str(path) in str(caught.value)
    return caught.value


def zipped() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("oci-layout", LAYOUT_FILE)
    return data.getvalue()


@pytest.mark.parametrize(
    ("data", "what", "todo"),
    [
        pytest.param(b"", "is empty (0 bytes)", "copy it again", id="empty"),
        pytest.param(gzip.compress(TAR), "is a gzip file", "gunzip", id="gzip"),
        pytest.param(b"\x28\xb5\x2f\xfd" + bytes(600), "is a zstd file", "zstd -d", id="zstd"),
        pytest.param(lzma.compress(TAR), "is an xz file", "unxz", id="xz"),
        pytest.param(bz2.compress(TAR), "is a bzip2 file", "bunzip2", id="bzip2"),
        pytest.param(zipped(), "is a zip file", "unzip", id="zip"),
        pytest.param(INDEX, "is a JSON file", "the directory that holds", id="json"),
        pytest.param(b"hello", "neither a layout directory nor a tar", "copied whole", id="short-text"),
        pytest.param(b"\x7fELF" + bytes(2000), "neither a layout directory nor a tar", "right file", id="binary"),
        pytest.param(END, "begins with zeros", "make it again", id="zeros"),
        pytest.param(bytes(32769) + b"CD001" + bytes(2042), "begins with zeros", "mount it first", id="cd"),
        pytest.param(b"\n<!DOCTYPE html><html>", "a web page", "get it again", id="html"),
        pytest.param(b"version https://git-lfs.github.com/spec/v1\n", "Git LFS", "git lfs pull", id="lfs"),
        pytest.param(b"age-encryption.org/v1\n-> X25519 ", "is encrypted", "Decrypt it", id="age"),
        pytest.param(b"Salted__" + bytes(600), "is encrypted", "Decrypt it", id="openssl"),
        pytest.param(
            tar_of({"manifest.json": b"[]", "repositories": b"{}", "x/layer.tar": b""}),
            "is a docker save archive",
            "skopeo copy docker-archive:",
            id="docker-save",
        ),
        pytest.param(
            tar_of({f"sha256-{'1' * 64}.tar.gz": b"", "manifest.json": b"[]"}),
            "is a tar of imgpkg",
            "imgpkg copy --tar",
            id="imgpkg",
        ),
        pytest.param(
            tar_of({"a.txt": b""}),
            "is a tar, but not of an OCI image layout; it holds 'a.txt'",
            "airgap copy",
            id="tar",
        ),
        pytest.param(
            tar_of({"my/oci-layout": LAYOUT_FILE, "my/index.json": INDEX}),
            "in its folder 'my'",
            "tar -C my",
            id="nested",
        ),
        pytest.param(tar_of({"oci-layout": LAYOUT_FILE}), "has no index.json", "airgap copy", id="no-index"),
        pytest.param(tar_of({"index.json": INDEX}), "has no oci-layout", "airgap copy", id="no-oci-layout"),
        pytest.param(tar_member("d/", b"", kind=b"5") + END, "is an empty tar", "airgap copy", id="only-directories"),
    ],
)
def test_names_a_file_that_is_not_a_layout(tmp_path: Path, data: bytes, what: str, todo: str) -> None:
    path = tmp_path / "thing"
    path.write_bytes(data)
    error = explained(path)
    assert what in str(error)
    assert todo in error.remedy


@pytest.mark.parametrize(
    ("files", "what", "todo"),
    [
        pytest.param({}, "is an empty directory", "is mounted", id="empty"),
        pytest.param(
            {"a": b"", "b": b"", "c": b"", "d": b""}, "it holds 'a', 'b', 'c' and 1 more", "airgap copy", id="other"
        ),
        pytest.param(
            {"index.json": INDEX, "blobs/x": b""}, "it has no oci-layout", "airgap copy", id="NEG-152-no-oci-layout"
        ),
        pytest.param(
            {"oci-layout": LAYOUT_FILE, "blobs/x": b""}, "it has no index.json", "airgap copy", id="NEG-152-no-index"
        ),
        pytest.param(
            {"oci-layout": LAYOUT_FILE, "index.json": INDEX}, "it has no blobs/", "airgap copy", id="LAYOUT-3-no-blobs"
        ),
        pytest.param({"blobs/x": b""}, "no oci-layout and no index.json", "airgap copy", id="blobs-alone"),
        pytest.param({"sha256/x": b"", "sha512/x": b""}, "is the blobs/ directory", "above it", id="inside-of-blobs"),
        pytest.param(
            {"docker/registry/v2/blobs/x": b""}, "storage directory of a registry", "Start a registry", id="registry"
        ),
        pytest.param(
            {"v2/x": b"", "repositories/x": b"", "blobs/x": b""}, "storage directory of a registry", "Start", id="v2"
        ),
        pytest.param(
            {"manifest.json": b"[]", "repositories": b"{}"}, "unpacked docker save", "signatures", id="docker"
        ),
        pytest.param(
            {"manifest.json": b"{}", "version": b"Directory Transport"}, "dir: transport", "skopeo copy", id="dir"
        ),
        pytest.param(
            {"one/oci-layout": LAYOUT_FILE, "two/x": b""}, "holds the layout 'one'", "Name the layout", id="parent"
        ),
        pytest.param(
            {"trip.tar": b"", "b.TAR": b"", "one/oci-layout": LAYOUT_FILE, "read.me": b""},
            "holds the layout 'one' and the tars 'b.TAR', 'trip.tar'",
            "thing/one",
            id="medium",
        ),
        pytest.param({"trip.tar": b"", "c.tar/x": b""}, "holds the tar 'trip.tar'", "thing/trip.tar", id="medium-tar"),
    ],
)
def test_names_a_directory_that_is_not_a_layout(
    tmp_path: Path, files: Mapping[str, bytes], what: str, todo: str
) -> None:
    path = tmp_path / "thing"
    path.mkdir()
    write_tree(path, files)
    error = explained(path)
    assert what in str(error)
    assert todo in error.remedy


@pytest.mark.parametrize("place", [0, 147, 156, 511])
def test_the_checksum_of_a_tar_header_is_over_all_of_it_but_itself(place: int) -> None:
    """A layer that a runtime could unpack is no attachment, however odd its header is."""
    header = bytearray(b"\xff" * 512)
    header[148:156] = b"%o\0 " % (sum(header) - sum(header[148:156]) + 8 * 32)
    assert is_tar_header(bytes(header))
    header[place] ^= 1
    assert not is_tar_header(bytes(header))


def test_blobs_directory_is_recognised_by_its_name(tmp_path: Path) -> None:
    path = write_tree(tmp_path / "blobs", {"sha256/x": b"", "note": b""})
    assert "is the blobs/ directory" in str(explained(path))
    error = explained(write_tree(path / "sha256", {"a" * 64: b""}))
    assert "is in the blobs/ directory" in str(error)
    assert "the one that holds oci-layout" in error.remedy


def test_does_not_wait_for_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    error = explained(tmp_path / "pipe")
    assert "is a pipe, not a layout" in str(error)
    assert "to a file first" in error.remedy


def test_names_a_device(tmp_path: Path) -> None:
    assert "is a character device" in str(explained(Path("/dev/zero")))


def test_names_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s")
        assert "is a socket" in str(explained(Path("s")))


@pytest.mark.parametrize("name", ["trip.tar.part2", "trip.tar.002", "trip.tar.ab"])
def test_recognises_a_piece_of_a_tar_by_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x17" * 2000)
    error = explained(tmp_path / name)
    assert "may be a piece of one" in str(error)
    assert "cat PIECES" in error.remedy


@pytest.mark.parametrize("name", ["trip.tar.part-aa", "trip.tar.001", "trip.tar.aa"])
def test_advises_to_join_pieces_of_a_tar_for_the_first_of_them(tmp_path: Path, name: str) -> None:
    """It begins as a tar does, so that it was taken for one that was cut short, and another copy was advised."""
    (tmp_path / name).write_bytes(TAR[:700])
    error = explained(tmp_path / name)
    assert "is cut short" in str(error)
    assert "cat PIECES" in error.remedy


def test_advises_to_join_pieces_of_a_packed_file(tmp_path: Path) -> None:
    (tmp_path / "haul.tar.zst.001").write_bytes(b"\x28\xb5\x2f\xfd" * 500)
    error = explained(tmp_path / "haul.tar.zst.001")
    assert "a zstd file, and by its name a piece of one" in str(error)
    assert "cat PIECES" in error.remedy


@pytest.mark.parametrize("name", ["thing.tar", "thing"])
def test_reports_a_file_without_read_permission(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / name
    if name == "thing":
        write_tree(path, {"oci-layout": LAYOUT_FILE, "index.json": INDEX, "blobs/x": b""})
    else:
        path.write_bytes(TAR)

    def refuses(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuses)  # the superuser, who runs many test machines, is never refused
    error = explained(path)
    assert "cannot be read: Permission denied" in str(error)
    assert "permissions" in error.remedy


def test_escapes_the_name_in_the_message(tmp_path: Path) -> None:
    path = tmp_path / "\x1b[2Jx"
    path.write_bytes(b"")
    with pytest.raises(ContentError) as caught:
        open_layout(path)
    assert "\x1b" not in str(caught.value)
