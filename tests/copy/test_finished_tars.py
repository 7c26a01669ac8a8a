"""A copy to a tar that has everything already: what a copy that was killed after it had named its tar leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap.oci.open import Layout, open_layout
from airgap.transfer import finished_tar
from tests.support.command import Ran, run_here
from tests.support.copying import family, write


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


def test_a_damaged_tar_is_not_finished(source: Path, tar: Path) -> None:
    data = tar.read_bytes()
    layer = max(path.read_bytes() for path in (source / "blobs" / "sha256").iterdir() if path.stat().st_size > 1000)
    tar.write_bytes(data.replace(layer[:64], bytes(64)))
    assert _copy("--verify-existing", source, tar).code == 2
    tar.write_bytes(data[: len(data) // 2])
    assert _copy(source, tar).code == 2
    assert _copy("--overwrite", source, tar).code == 0
    assert _copy("--verify-existing", source, tar).code == 0
