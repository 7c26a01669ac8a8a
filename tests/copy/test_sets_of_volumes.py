"""What verify refuses of a set of volumes as a whole, every command that takes all of it refuses, too (0040)."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from airgap.oci.volume_table import VOLUMES_FILE
from tests.copy.test_bundle import create, verify
from tests.copy.test_import import held
from tests.copy.test_volumes import large
from tests.support.clock import set_clock
from tests.support.command import run_here
from tests.support.pki import AT
from tests.support.registry import LoopbackRegistry
from tests.support.scenario import Written


@pytest.fixture(autouse=True)
def _then(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, AT)


def set_of_volumes(tmp_path: Path) -> tuple[Written, Path, list[Path]]:
    """A bundle of images in volumes."""
    written = large(tmp_path)
    folder = tmp_path / "set"
    ran = create(written, folder, "--volume-size", "300000")
    assert ran.code == 0, ran
    return written, folder, sorted(folder.iterdir())


def count_one_more(folder: Path, volumes: list[Path]) -> None:
    """One more volume in the table of each: all content is there."""
    del folder
    for volume in volumes:
        with tarfile.open(volume) as archive:
            members = [(item, archive.extractfile(item).read() if item.isfile() else b"") for item in archive]  # type: ignore[union-attr]
        with tarfile.open(volume, "w", format=tarfile.USTAR_FORMAT) as archive:
            for item, data in members:
                if item.name == VOLUMES_FILE:
                    table = json.loads(data)
                    table["count"] += 1
                    data = json.dumps(table, separators=(",", ":")).encode()  # noqa: PLW2901
                item.size = len(data)
                archive.addfile(item, io.BytesIO(data))


def _doubled(folder: Path, volumes: list[Path], name: str) -> None:
    raw = bytearray(volumes[-1].read_bytes())
    end = len(raw.rstrip(b"\0"))
    raw[end - 1] ^= 1  # in the last blob
    (folder / name).write_bytes(raw)


def double_before(folder: Path, volumes: list[Path]) -> None:
    _doubled(folder, volumes, "aa.tar")


def double_behind(folder: Path, volumes: list[Path]) -> None:
    _doubled(folder, volumes, "zz.tar")


@pytest.mark.parametrize("change", [count_one_more, double_before, double_behind])
def test_what_verify_refuses_of_a_set_other_commands_refuse(
    tmp_path: Path, change: Callable[[Path, list[Path]], None]
) -> None:
    written, folder, volumes = set_of_volumes(tmp_path)
    good = tmp_path / "good"
    shutil.copytree(folder, good)
    change(folder, volumes)
    verified = verify(written, folder)
    assert verified.code == 16, verified
    assert "all are here" not in verified.out + verified.err
    trust = ("--trust", str(written.trust))
    for command in (
        ["copy", folder, tmp_path / "out", *trust],
        ["copy", folder, tmp_path / "out"],
        ["bundle", "show", folder],
        ["bundle", "diff", good, folder],
        ["bundle", "split", folder, tmp_path / "out", "--volume-size", "600000"],
    ):
        ran = run_here([*map(str, command)])
        assert (ran.code, (tmp_path / "out").exists()) == (16, False), ran
        assert "volume" in ran.out + ran.err
    with LoopbackRegistry() as registry:
        ran = run_here(["import", str(folder), registry.host, *trust])
        assert (ran.code, held(registry)) == (16, {}), ran
        ran = run_here(["import", str(folder), registry.host, *trust, "--keep-going"])
        assert (ran.code, bool(held(registry))) == (20, True), ran


def test_a_copy_of_a_volume_beside_it_is_no_fault(tmp_path: Path) -> None:
    written, folder, volumes = set_of_volumes(tmp_path)
    shutil.copy(volumes[0], folder / "again.tar")
    assert verify(written, folder).code == 0
    assert run_here(["bundle", "show", str(folder)]).code == 0


@pytest.mark.parametrize("name", ["aa.tar", "zz.tar"])
def test_a_named_volume_that_is_there_in_two_forms_is_refused(tmp_path: Path, name: str) -> None:
    written, folder, volumes = set_of_volumes(tmp_path)
    _doubled(folder, volumes, name)
    for named in (volumes[-1], folder / name):
        ran = verify(written, named)
        assert (ran.code, "here twice" in ran.out) == (16, True), ran
