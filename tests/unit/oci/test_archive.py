from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from airgap import limits
from airgap.errors import ContentError
from airgap.oci.archive import open_archive
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.open import open_layout
from tests.support.layouts import (
    END,
    LAYOUT_FILE,
    LayoutBuilder,
    TarFormat,
    tar_header,
    tar_member,
    tar_of,
    tar_pax,
    write_sparse_tar,
)

BLOB = b"a blob"
NAME = f"blobs/sha256/{Digest.of(BLOB).encoded}"
INDEX = b'{"schemaVersion":2,"manifests":[]}'
START = tar_member("oci-layout", LAYOUT_FILE) + tar_member("index.json", INDEX)


def refused(tmp_path: Path, data: bytes) -> ContentError:
    path = tmp_path / "x.tar"
    path.write_bytes(data)
    with pytest.raises(ContentError) as caught:
        open_archive(str(path))
    assert caught.value.reason == "layout.malformed"
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize("form", ["ustar", "pax", "gnu"])
@pytest.mark.parametrize("prefix", ["", "./", "././"])
@pytest.mark.parametrize("portable", [False, True])
def test_layout_is_read_from_a_tar_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: TarFormat, prefix: str, portable: bool
) -> None:
    """LAYOUT-9, NEG-160."""
    if portable:
        monkeypatch.delattr(os, "pread", raising=False)
    builder = LayoutBuilder()
    image = builder.tag(builder.add_image(b"one", b"two" * 1000), "v1")
    with open_archive(str(builder.write_tar(tmp_path / "x.tar", form, prefix=prefix))) as layout:
        assert len(layout.index().manifests) == 1
        for digest, data in builder.blobs.items():
            assert layout.size(digest) == len(data)
            assert layout.open(digest).read() == data
        assert Graph(layout).resolve("v1").descriptor.same_content(image)


@pytest.mark.parametrize("form", ["gnu", "pax"])
def test_blob_beyond_8_gib_is_read_from_its_end(tmp_path: Path, form: TarFormat) -> None:
    """Field note 9."""
    size = 9 * 2**30
    path = tmp_path / "x.tar"
    huge = Digest.parse("sha256:" + "0" * 64)
    write_sparse_tar(path, form, f"blobs/sha256/{huge.encoded}", size, [START, tar_member(NAME, BLOB)])
    with open_archive(str(path)) as layout:
        assert layout.size(huge) == size
        section = layout.open(huge)
        section.seek(size - 3)
        assert section.read() == bytes(3)
        assert layout.open(Digest.of(BLOB)).read() == BLOB


def test_blob_that_is_not_there_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(START + END)
    with open_archive(str(path)) as layout:
        assert layout.size(Digest.of(BLOB)) is None
        with pytest.raises(ContentError) as caught:
            layout.open(Digest.of(BLOB))
        assert caught.value.reason == "content.missing"


def test_another_process_can_open_it_again(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(START + tar_member(NAME, BLOB) + END)
    with open_archive(str(path)) as layout, pickle.loads(pickle.dumps(layout)) as again:  # noqa: S301 - our own
        assert again.open(Digest.of(BLOB)).read() == BLOB


def test_ignores_other_members(tmp_path: Path) -> None:
    """LAYOUT-8; docker save of today writes a layout with its own files beside it, macOS files of its own."""
    path = tmp_path / "x.tar"
    extra = tar_member("manifest.json", b"[]") + tar_member("repositories", b"{}")
    mac = tar_member("._index.json", b"x") + tar_member("blobs/sha256/._x", b"y") + tar_member("blobs/._sha256", b"")
    odd = tar_member("caf\xe9", b"") + tar_member("a/b", b"1") + tar_member("blobs/md5/" + "0" * 32, b"")
    path.write_bytes(extra + START + mac + odd + tar_member("blobs/README", b"hello") + END)
    with open_archive(str(path)) as layout:
        assert layout.index().manifests == ()
        assert layout.docker_documents() == {"manifest.json": b"[]", "repositories": b"{}"}


@pytest.mark.parametrize("name", [NAME, "index.json", "oci-layout"])
def test_duplicate_member_is_refused(tmp_path: Path, name: str) -> None:
    """LAYOUT-9."""
    error = refused(tmp_path, START + tar_member(NAME, BLOB) + tar_member(name, b"other") + END)
    assert f"{name!r} is in the tar twice" in str(error)


def test_duplicate_under_another_spelling_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, START + tar_member(NAME, BLOB) + tar_member(f"./{NAME}", b"other") + END)
    assert "twice" in str(error)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (b"1", "a hard link"),
        (b"2", "a symbolic link"),
        (b"3", "a character device"),
        (b"4", "a block device"),
        (b"6", "a pipe"),
        (b"S", "a sparse file"),
        (b"Z", "which is unknown"),
    ],
)
@pytest.mark.parametrize("name", [NAME, "index.json", "oci-layout", "blobs", "blobs/sha256", "./blobs/x", "foreign"])
def test_refuses_members_that_are_not_plain_files(tmp_path: Path, kind: bytes, words: str, name: str) -> None:
    """LAYOUT-9."""
    link = "/etc/passwd" if kind in b"12" else ""
    error = refused(tmp_path, tar_header(name, 0, kind=kind, link=link) + START + END)
    assert words in str(error)
    assert name.removeprefix("./") in str(error)


def test_sparse_blob_of_pax_is_refused_by_name(tmp_path: Path) -> None:
    pax = tar_pax({"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": NAME})
    error = refused(tmp_path, START + pax + tar_member(NAME, BLOB) + END)
    assert "a sparse file" in str(error)
    assert "cp -rL" in error.remedy


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "blobs/../../evil",
        "blobs/sha256/../../../evil",
        "/etc/passwd",
        "a\\..\\..\\evil",
        "\\evil",
        "C:\\evil",
        "C:/evil",
        "..",
    ],
)
@pytest.mark.parametrize("form", ["ustar", "pax"])
def test_refuses_a_name_outside_of_the_directory(tmp_path: Path, name: str, form: TarFormat) -> None:
    """LAYOUT-9: traversal."""
    error = refused(tmp_path, START + tar_member(name, b"x", form) + END)
    assert "leaves the directory" in str(error)


@pytest.mark.parametrize("name", [NAME.replace("/", "\\"), "blobs\\sha256\\x", "blobs/sha256\\x"])
def test_name_that_systems_read_differently_is_refused(tmp_path: Path, name: str) -> None:
    assert "differently" in str(refused(tmp_path, START + tar_member(name, b"x") + END))


def test_nul_inside_a_long_name_is_refused(tmp_path: Path) -> None:
    data = tar_pax({"path": f"{NAME}\0.txt"}) + tar_member("x", b"x")
    assert "differently" in str(refused(tmp_path, START + data + END))


@pytest.mark.parametrize(
    "name",
    ["n" * 256, "d/" + "n" * 256, "d/" * 32 + "n", "/".join(["n" * 100] * 11), "./" * 512 + "n", "./" * 474 + NAME],
)
def test_longer_names_than_systems_take_are_refused(tmp_path: Path, name: str) -> None:
    assert "longer name" in str(refused(tmp_path, START + tar_member(name, b"x") + END))


@pytest.mark.parametrize("name", ["./" * 473 + NAME, "./" * 511 + "nn"])
def test_a_name_of_as_many_bytes_as_systems_take(tmp_path: Path, name: str) -> None:
    (tmp_path / "x.tar").write_bytes(START + tar_member(name, b"x") + END)
    open_archive(str(tmp_path / "x.tar")).close()


@pytest.mark.parametrize("prefix", ["d", "D"])
def test_endless_directories_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    monkeypatch.setattr(limits, "TAR_FOLDERS", 50)
    same = b"".join(tar_member(f"{prefix}/e/{number}", b"") for number in range(60))
    path = tmp_path / "same.tar"
    path.write_bytes(START + same + END)
    open_archive(str(path)).close()
    more = b"".join(tar_member(f"{prefix}{number}/x", b"") for number in range(60))
    path.write_bytes(START + more + END)
    with pytest.raises(ContentError, match="more than 50 directories"):
        open_archive(str(path))


def test_recognises_a_docker_archive_with_links(tmp_path: Path) -> None:
    data = tar_member("a/layer.tar", b"x") + tar_header("b/layer.tar", 0, kind=b"2", link="../a/layer.tar")
    assert "is a docker save archive" in str(refused(tmp_path, data + tar_member("manifest.json", b"[]") + END))


def test_file_where_the_blobs_directory_belongs_is_refused(tmp_path: Path) -> None:
    assert "'blobs' in the tar is a file, where a directory" in str(
        refused(tmp_path, START + tar_member("blobs", b"x") + END)
    )


@pytest.mark.parametrize("cut", [1, 511, 513, 1024, 1025, 1536, 2000])
def test_reports_a_truncated_tar(tmp_path: Path, cut: int) -> None:
    assert "cut short" in str(refused(tmp_path, (START + tar_member(NAME, BLOB) + END)[:-cut]))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("oci-layout", b'{"imageLayoutVersion":"1.1.0"}', "version '1.1.0'; only '1.0.0'"),
        ("oci-layout", b"{}", "imageLayoutVersion: is missing"),
        ("oci-layout", b"x" * 70000, "70000 bytes"),
        ("index.json", b"[]", "not a JSON object"),
        ("index.json", b"{}", "schemaVersion: is missing"),
    ],
)
def test_broken_documents_are_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    """NEG-152."""
    files = {"oci-layout": LAYOUT_FILE, "index.json": INDEX} | {name: content}
    assert message in str(refused(tmp_path, tar_of(files)))


def test_file_is_closed_when_it_is_refused(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    """An open file would be reported as ResourceWarning, which is an error here."""
    refused(tmp_path, b"x" * 1024)
    assert not recwarn.list


def test_follows_a_link_that_the_user_names(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(START + END)
    (tmp_path / "link.tar").symlink_to(path)
    with open_layout(tmp_path / "link.tar") as layout:
        assert layout.index().manifests == ()


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(lambda builder: builder.write_tar, id="tar"),
        pytest.param(lambda builder: builder.write_directory, id="directory"),
    ],
)
def test_other_algorithms_have_their_own_folders(
    tmp_path: Path, build: Callable[[LayoutBuilder], Callable[[Path], Path]]
) -> None:
    """LAYOUT-4."""
    builder = LayoutBuilder()
    blob = builder.add_blob(b"x", algorithm="sha512")
    with open_layout(build(builder)(tmp_path / "layout")) as layout, layout.open(blob.digest) as file:
        assert file.read() == b"x"
