"""A copy to a tar that has everything already: what a copy that was killed after it had named its tar leaves."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from airgap.oci.graph import Graph
from airgap.oci.open import Layout, open_layout
from airgap.oci.tar_header import BLOCK
from airgap.transfer import finished_tar
from tests.support.command import Ran, run_here
from tests.support.copying import family, write
from tests.support.layouts import tar_member, tar_of


def _copy(*arguments: object) -> Ran:
    return run_here(["copy", *map(str, arguments)])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "source", family())


@pytest.fixture
def tar(tmp_path: Path, source: Path) -> Path:
    tar = tmp_path / "trip.tar"
    assert _copy(source, tar).code == 0
    return tar


@pytest.mark.parametrize("options", [[], ["--verify-existing"], ["--dry-run"], ["--no-record"]])
def test_the_same_copy_again_writes_nothing(source: Path, tar: Path, options: list[str]) -> None:
    before = tar.read_bytes(), tar.stat().st_mtime_ns
    ran = _copy("--format", "json", *options, source, tar)
    totals = ran.document["totals"]
    assert (ran.code, totals["blobs"], totals["present_bytes"] > 0) == (0, 0, True), ran
    assert (tar.read_bytes(), tar.stat().st_mtime_ns) == before


def test_what_a_killed_copy_left_beside_its_finished_tar_is_removed(source: Path, tar: Path) -> None:
    """It had named the tar by a hard link, and was killed before it removed the other name."""
    left = tar.with_name(f".{tar.name}.0123456789ab.tmp")
    left.hardlink_to(tar)
    assert _copy("--dry-run", source, tar).code == 0
    assert left.exists()
    assert _copy(source, tar).code == 0
    assert not left.exists()


def test_is_opened_once(source: Path, tar: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was looked at first is what counts: another program may put another tar there."""
    opened: list[Path] = []

    def noted(path: Path) -> Layout:
        opened.append(path)
        return open_layout(path)

    monkeypatch.setattr(finished_tar, "open_layout", noted)
    assert _copy(source, tar).code == 0
    assert opened == [tar]


def test_a_tar_without_all_of_it_is_refused(tmp_path: Path, tar: Path) -> None:
    other = write(tmp_path / "other", family(2))
    before = tar.read_bytes()
    for options in ([], ["--dry-run"]):
        ran = _copy(*options, other, tar)
        assert (ran.code, "trip.tar exists; a tar is written as a whole" in ran.err) == (2, True), ran
    assert tar.read_bytes() == before


def test_a_tar_that_says_something_else_of_the_same_content_is_not_finished(tmp_path: Path, tar: Path) -> None:
    made = family()
    made.builder.entries[:] = [{**entry, "size": entry["size"] + 1} for entry in made.builder.entries]
    made.builder.write_tar(tmp_path / "lies.tar")
    assert _copy(write(tmp_path / "again", family()), tmp_path / "lies.tar", "--no-record").code == 2


def _evil(place: str) -> Callable[[Path], None]:
    """Another image of the same name, before or behind the first."""

    def edit(layout: Path) -> None:
        other = family(7)
        for digest, data in other.builder.blobs.items():
            (layout / "blobs/sha256" / digest.encoded).write_bytes(data)
        index = json.loads((layout / "index.json").read_bytes())
        tagged = [entry for entry in other.builder.entries if "annotations" in entry]
        index["manifests"] = [*tagged, *index["manifests"]] if place == "first" else [*index["manifests"], *tagged]
        (layout / "index.json").write_text(json.dumps(index))

    return edit


def _loose(layout: Path) -> None:
    (layout / "crls").mkdir()
    (layout / "crls/r.crl").write_bytes(b"may revoke a signer")


def _docker(layout: Path) -> None:
    (layout / "manifest.json").write_text(json.dumps([{"Config": "c", "RepoTags": ["x:v1"], "Layers": []}]))


@pytest.mark.parametrize("edit", [_evil("first"), _evil("last"), _loose, _docker])
def test_a_tar_that_holds_more_is_not_finished(source: Path, tar: Path, edit: Callable[[Path], None]) -> None:
    """It was called "current", and its names meant something else for other tools, or for verify."""
    layout = tar.with_name("unpacked")
    with tarfile.open(tar) as opened:
        opened.extractall(layout, filter="data")
    edit(layout)
    tar.write_bytes(tar_of({str(path.relative_to(layout)): path.read_bytes() for path in _files(layout)}))
    for options in ([], ["--verify-existing"], ["--dry-run"], ["--quiet"]):
        ran = _copy(*options, source, tar)
        assert (ran.code, "trip.tar exists; a tar is written as a whole" in ran.err) == (2, True), ran
    assert _copy("--overwrite", source, tar).code == 0
    assert _copy(source, tar).code == 0


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_tar_with_a_member_in_its_last_record_is_not_finished(source: Path, tar: Path) -> None:
    """Tars are filled up to whole records: there is room behind the last member."""
    data = tar.read_bytes()
    end = len(data.rstrip(b"\0")) // BLOCK * BLOCK + BLOCK
    more = tar_member("crls/r.crl", b"may revoke a signer")
    assert end + len(more) <= len(data)
    tar.write_bytes((data[:end] + more).ljust(len(data), b"\0"))
    assert _copy(source, tar).code == 2


def test_a_tar_lists_no_name_of_what_failed(tmp_path: Path) -> None:
    """It listed the name of what `--require-signature` had refused, so that verify refused the whole tar."""
    made = family()
    made.builder.tag(made.builder.add_image(b"unsigned"), "unsigned")
    source = write(tmp_path / "source", made)
    for _ in range(2):
        assert _copy("--require-signature", "--keep-going", source, tmp_path / "trip.tar").code == 20
    with open_layout(tmp_path / "trip.tar") as layout:
        graph = Graph(layout)
        assert ([root.tags for root in graph.roots()], graph.problems) == ([("v1",)], ())


def test_a_damaged_tar_is_not_finished(source: Path, tar: Path) -> None:
    data = tar.read_bytes()
    layer = max(path.read_bytes() for path in (source / "blobs" / "sha256").iterdir() if path.stat().st_size > 1000)
    tar.write_bytes(data.replace(layer[:64], bytes(64)))
    assert _copy("--verify-existing", source, tar).code == 2
    tar.write_bytes(data[: len(data) // 2])
    assert _copy(source, tar).code == 2
    assert _copy("--overwrite", source, tar).code == 0
    assert _copy("--verify-existing", source, tar).code == 0
