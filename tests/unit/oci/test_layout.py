from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from airgap import limits
from airgap.errors import ContentError, NotFoundError
from airgap.oci.digest import Digest
from airgap.oci.open import open_layout
from tests.support.layouts import LayoutBuilder

BLOB = b"a blob"
DIGEST = Digest.of(BLOB)


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    builder = LayoutBuilder()
    builder.add_blob(BLOB)
    return builder.write_directory(tmp_path / "layout")


def blob(layout: Path) -> Path:
    return layout / "blobs" / "sha256" / DIGEST.encoded


def refused(path: Path) -> ContentError:
    with pytest.raises(ContentError) as caught:
        open_layout(path)
    assert caught.value.reason == "layout.malformed"
    assert caught.value.remedy
    return caught.value


def unreadable(path: Path) -> str:
    """Both ways to a blob must refuse it."""
    with open_layout(path) as store:
        with pytest.raises(ContentError) as sized:
            store.size(DIGEST)
        with pytest.raises(ContentError) as opened:
            store.open(DIGEST)
    assert sized.value.reason == opened.value.reason == "content.unreadable"
    assert str(sized.value) == str(opened.value)
    return str(opened.value)


def test_blob_is_opened_and_sized(layout: Path) -> None:
    """LAYOUT-3."""
    with open_layout(layout) as store:
        assert store.size(DIGEST) == len(BLOB)
        with store.open(DIGEST) as file:
            assert file.read() == BLOB


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_blob_that_is_not_there_is_missing(layout: Path, algorithm: str) -> None:
    with open_layout(layout) as store:
        digest = Digest.of(b"other", algorithm)
        assert store.size(digest) is None
        with pytest.raises(ContentError) as caught:
            store.open(digest)
    assert caught.value.reason == "content.missing"


def test_extra_members_and_files_are_no_error(layout: Path) -> None:
    """LAYOUT-1, LAYOUT-8."""
    (layout / "oci-layout").write_bytes(b'{"imageLayoutVersion":"1.0.0","more":1}')
    (layout / "README").write_bytes(b"hello")
    (layout / "blobs" / "sha256" / "note.txt").write_bytes(b"hello")
    with open_layout(layout) as store:
        assert store.index().manifests == ()


def test_symbolic_link_as_blob_is_refused(layout: Path, tmp_path: Path) -> None:
    blob(layout).unlink()
    (tmp_path / "outside").write_bytes(BLOB)
    blob(layout).symlink_to(tmp_path / "outside")
    assert "is a symbolic link, not a file" in unreadable(layout)
    with open_layout(layout) as store, pytest.raises(ContentError) as caught:
        store.open(DIGEST)
    assert "cp -rL LAYOUT NEW" in caught.value.remedy, "the medium was blamed"


def test_refuses_a_link_that_replaces_a_checked_file(
    layout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O_NOFOLLOW."""
    regular = os.lstat(blob(layout))
    blob(layout).unlink()
    (tmp_path / "outside").write_bytes(BLOB)
    blob(layout).symlink_to(tmp_path / "outside")
    with open_layout(layout) as store:
        store.size(Digest.of(b"other"))
        monkeypatch.setattr(os, "lstat", lambda _path: regular)
        with pytest.raises(ContentError, match="cannot be read"):
            store.open(DIGEST)


def test_pipe_as_blob_is_refused_without_waiting(layout: Path) -> None:
    blob(layout).unlink()
    os.mkfifo(blob(layout))
    assert "is a pipe, not a file" in unreadable(layout)


def test_does_not_wait_for_a_pipe_that_replaces_a_checked_file(layout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """O_NONBLOCK, and a second look at what was opened."""
    regular = os.lstat(blob(layout))
    blob(layout).unlink()
    os.mkfifo(blob(layout))
    with open_layout(layout) as store:
        store.size(Digest.of(b"other"))
        monkeypatch.setattr(os, "lstat", lambda _path: regular)
        with pytest.raises(ContentError, match="is a pipe"):
            store.open(DIGEST)


def test_directory_as_blob_is_refused(layout: Path) -> None:
    blob(layout).unlink()
    blob(layout).mkdir()
    assert "is a directory, not a file" in unreadable(layout)


def test_reports_a_read_error_of_the_medium(layout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> int:
        raise OSError(5, "Input/output error")

    with open_layout(layout) as store:
        monkeypatch.setattr(os, "open", fails)
        with pytest.raises(ContentError, match="cannot be read: Input/output error") as caught:
            store.open(DIGEST)
    assert caught.value.reason == "content.unreadable"
    assert "medium" in caught.value.remedy


@pytest.mark.parametrize("name", ["oci-layout", "index.json"])
def test_linked_document_is_refused(layout: Path, tmp_path: Path, name: str) -> None:
    (layout / name).rename(tmp_path / name)
    (layout / name).symlink_to(tmp_path / name)
    error = refused(layout)
    assert ("is a symbolic link" in str(error), "cp -rL LAYOUT NEW" in error.remedy) == (True, True)


@pytest.mark.parametrize("inner", ["blobs", "blobs/sha256"])
def test_linked_folder_is_refused(layout: Path, tmp_path: Path, inner: str) -> None:
    (layout / inner).rename(tmp_path / "elsewhere")
    (layout / inner).symlink_to(tmp_path / "elsewhere")
    with (
        pytest.raises(ContentError, match="is a symbolic link, where a layout has a directory") as caught,
        open_layout(layout) as store,
    ):
        store.size(DIGEST)
    assert "cp -rL LAYOUT NEW" in caught.value.remedy


def test_opens_a_layout_behind_a_link(layout: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(layout)
    with open_layout(tmp_path / "link") as store:
        assert store.size(DIGEST) == len(BLOB)


@pytest.mark.parametrize("version", ["1.0.1", "1.1.0", "2", "", "1.0.0 "])
def test_other_version_is_refused_by_name(layout: Path, version: str) -> None:
    """LAYOUT-1, NEG-152."""
    (layout / "oci-layout").write_text(f'{{"imageLayoutVersion":"{version}"}}')
    error = refused(layout)
    assert f"version {version!r}; only '1.0.0' is known" in str(error)
    assert error.facts["version"] == version


@pytest.mark.parametrize("content", [b"", b"{}", b'{"imageLayoutVersion":1}', b"\xff", b"[]"])
def test_malformed_layout_file_is_refused(layout: Path, content: bytes) -> None:
    """NEG-152."""
    (layout / "oci-layout").write_bytes(content)
    assert "oci-layout" in str(refused(layout))


def test_refuses_an_index_over_the_bound_unread(layout: Path) -> None:
    with (layout / "index.json").open("wb") as file:
        file.truncate(limits.LAYOUT_INDEX_BYTES + 1)
    assert f"more than {limits.LAYOUT_INDEX_BYTES}" in str(refused(layout))


def test_unknown_algorithm_never_becomes_a_path(layout: Path) -> None:
    (layout / "blobs" / "con").mkdir()
    (layout / "blobs" / "con" / "x").write_bytes(b"x")
    with open_layout(layout) as store:
        assert store.size(Digest.parse("con:x")) is None


def test_path_that_does_not_exist_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no file or directory"):
        open_layout(tmp_path / "gone")
    with pytest.raises(NotFoundError):
        open_layout("a\0b")


def test_another_process_can_open_it_again(layout: Path) -> None:
    with open_layout(layout) as store:
        assert pickle.loads(pickle.dumps(store)).size(DIGEST) == len(BLOB)  # noqa: S301 - our own
