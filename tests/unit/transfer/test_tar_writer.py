"""Tars: headers that every reader reads, places known in advance, the same bytes however they are written."""

from __future__ import annotations

import errno
import io
import os
import tarfile
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import pytest

from airgap.errors import ContentError, UsageError
from airgap.oci.graph import Graph
from airgap.oci.open import open_layout
from airgap.oci.tar_header import BLOCK
from airgap.transfer import tar_writer
from airgap.transfer.plan import CopyPlan, CopyRoot, Selection
from airgap.transfer.planner import make_plan
from airgap.transfer.sources import LayoutSource
from airgap.transfer.tar_members import head_size, header
from airgap.transfer.tar_writer import lay_out, write_tar_file, write_tar_stream
from tests.support.copying import check_complete, family, write
from tests.support.layouts import END, LayoutBuilder


@pytest.fixture
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(4) as executor:
        yield executor


def plan_of(path: Path, pool: Executor) -> CopyPlan:
    store = open_layout(path)
    graph = Graph(store)
    source = LayoutSource(store, graph)
    wanted = [
        CopyRoot(source=source, descriptor=root.descriptor, reference="x", tags=root.tags) for root in graph.roots()
    ]
    return make_plan(wanted, Selection(), pool)


@pytest.mark.parametrize("size", [0, 1, 8**11 - 1, 8**11, 2**40], ids=str)
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_headers_are_read_by_tarfile(size: int, algorithm: str) -> None:
    """Sizes from 8 GiB on in GNU's form (field notes, 9); sha512's names in GNU's form, too."""
    name = f"blobs/{algorithm}/{'0' * (64 if algorithm == 'sha256' else 128)}"
    head = header(name, size)
    assert (len(head) % BLOCK, len(head)) == (0, head_size(name))
    member = tarfile.TarInfo.frombuf(head[-BLOCK:], "utf-8", "strict")
    assert member.size == size
    with tarfile.open(fileobj=io.BytesIO(header(name, 0) + END)) as archive:
        (found,) = archive.getmembers()
    assert (found.name, found.mtime, found.uid, found.gid, found.mode) == (name, 0, 0, 0, 0o644)


def test_all_ways_of_writing_give_the_same_tar(tmp_path: Path, pool: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(write(tmp_path / "source", family(1, layers=5)), pool)
    write_tar_file(tmp_path / "parts.tar", plan, pool)
    monkeypatch.setattr(tar_writer, "takes_gaps", lambda _: False)
    write_tar_file(tmp_path / "order.tar", plan, pool)
    stream = io.BytesIO()
    write_tar_stream(stream, plan, pool)
    assert (tmp_path / "parts.tar").read_bytes() == (tmp_path / "order.tar").read_bytes() == stream.getvalue()
    assert len(stream.getvalue()) % 10240 == 0
    check_complete(tmp_path / "parts.tar", family(1, layers=5).index)


def test_writes_the_same_tar_where_files_cannot_be_extended(
    tmp_path: Path, pool: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Network shares, MTP and some FUSE file systems."""
    plan = plan_of(write(tmp_path / "source", family(1, layers=5)), pool)
    write_tar_file(tmp_path / "parts.tar", plan, pool)
    real = os.ftruncate

    def shrink_only(file: int, size: int) -> None:
        if size > os.fstat(file).st_size:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        real(file, size)

    monkeypatch.setattr(os, "ftruncate", shrink_only)
    write_tar_file(tmp_path / "order.tar", plan, pool)
    assert (tmp_path / "parts.tar").read_bytes() == (tmp_path / "order.tar").read_bytes()


def test_writes_index_and_manifests_first_and_blobs_by_digest(tmp_path: Path, pool: Executor) -> None:
    made = family(2)
    tar = lay_out(plan_of(write(tmp_path / "source", made), pool))
    assert [slot.name for slot in tar.slots[:2]] == ["oci-layout", "index.json"]
    kinds = [slot.raw is not None for slot in tar.slots]
    assert kinds == sorted(kinds, reverse=True)
    blobs = [slot.name for slot in tar.slots if slot.raw is None]
    assert blobs == sorted(blobs)
    assert all(before.end == after.start for before, after in zip(tar.slots, tar.slots[1:], strict=False))


def test_leaves_out_absent_external_layers(tmp_path: Path, pool: Executor) -> None:
    builder = LayoutBuilder()
    foreign = builder.add_blob(b"elsewhere", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")
    image = builder.tag(builder.add_image(foreign, b"here"), "v1")
    builder.drop(foreign)
    plan = plan_of(builder.write_directory(tmp_path / "source"), pool)
    done = write_tar_file(tmp_path / "trip.tar", plan, pool)
    assert foreign.digest not in {key[0] for key in done.moved}
    check_complete(tmp_path / "trip.tar", image)


def test_a_blob_that_is_missing_is_an_error_and_no_tar(tmp_path: Path, pool: Executor) -> None:
    builder = LayoutBuilder()
    layer = builder.add_blob(b"lost")
    builder.tag(builder.add_image(layer), "v1")
    builder.drop(layer)
    plan = plan_of(builder.write_directory(tmp_path / "source"), pool)
    with pytest.raises(ContentError) as caught:
        write_tar_file(tmp_path / "trip.tar", plan, pool)
    assert caught.value.reason == "content.missing"
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_two_sizes_of_one_digest_are_an_error(tmp_path: Path, pool: Executor) -> None:
    from dataclasses import replace

    builder = LayoutBuilder()
    layer = builder.add_blob(b"layer")
    builder.tag(builder.add_image(layer, replace(layer, size=6)), "v1")
    plan = plan_of(builder.write_directory(tmp_path / "source"), pool)
    with pytest.raises(ContentError):
        lay_out(plan)


def test_does_not_overwrite_an_existing_file(tmp_path: Path, pool: Executor) -> None:
    plan = plan_of(write(tmp_path / "source", family()), pool)
    (tmp_path / "trip.tar").write_bytes(b"mine")
    with pytest.raises(UsageError):
        write_tar_file(tmp_path / "trip.tar", plan, pool)
