"""Tars that gzip or xz compressed are sources of a copy: unpacked once, into a file that has no name."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import os
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

import airgap
from airgap import events, limits
from airgap.errors import ContentError
from airgap.transfer.copied import CopyResult
from tests.support.command import Ran, run_here
from tests.support.copying import check_complete, family
from tests.support.layouts import tar_of
from tests.support.registry import LoopbackRegistry

Pack = Callable[[bytes], bytes]
PACKERS: dict[str, Pack] = {"gzip": gzip.compress, "xz": lzma.compress}
SPOILT: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut": (lambda data: data[: len(data) // 2], "cannot be unpacked: it is cut short"),
    "cut at the end": (lambda data: data[:-3], "cannot be unpacked: it is cut short"),
    "damaged": (lambda data: data[:-3] + b"xyz", "cannot be unpacked"),
    "more": (lambda data: data + b"more", "cannot be unpacked"),
}
"""What may be wrong with a compressed tar, and what is said of it."""


def in_streams(data: bytes) -> bytes:
    """As `xz` and `gzip` write files that are joined; xz may fill up with zeros between them."""
    return lzma.compress(data[:5000]) + bytes(8) + lzma.compress(data[5000:]) + bytes(4)


def packed(folder: Path, pack: Pack, name: str = "trip.tar.gz") -> Path:
    path = folder / name
    path.write_bytes(pack(tar_of(family().builder.files())))
    return path


@pytest.mark.parametrize(
    "pack", [*PACKERS.values(), in_streams, lambda data: gzip.compress(data[:700]) + gzip.compress(data[700:])]
)
def test_copies_from_a_compressed_tar(tmp_path: Path, target: LoopbackRegistry, pack: Pack) -> None:
    made = family()
    path = packed(tmp_path, pack)
    before = path.read_bytes()
    for source, destination in ((path, tmp_path / "to"), (f"{path}:v1", tmp_path / "to.tar")):
        ran = run_here(["copy", str(source), str(destination)])
        assert ran.code == 0, ran
        check_complete(destination, made.index)
    ran = run_here(["copy", str(path), f"{target.host}/app"])
    assert (ran.code, target.repositories["app"].tags["v1"]) == (0, str(made.index.digest))
    assert path.read_bytes() == before
    assert {item.name for item in tmp_path.iterdir()} == {"trip.tar.gz", "to", "to.tar"}


def from_standard_input(data: bytes, destination: str) -> CopyResult:
    request = airgap.CopyRequest(sources=["-"], destination=destination, at=datetime(2026, 1, 1, tzinfo=UTC))
    return airgap.copy(request, source=io.BytesIO(data))


@pytest.mark.parametrize(
    "pack", [*PACKERS.values(), in_streams, lambda data: gzip.compress(data[:700]) + gzip.compress(data[700:])]
)
def test_copies_from_a_compressed_tar_on_standard_input(tmp_path: Path, target: LoopbackRegistry, pack: Pack) -> None:
    """It was refused, and the same tar in a file was read."""
    made = family()
    data = pack(tar_of(made.builder.files()))
    assert from_standard_input(data, str(tmp_path / "to")).exit_code == 0
    check_complete(tmp_path / "to", made.index)
    assert from_standard_input(data, f"{target.host}/app").exit_code == 0
    assert target.repositories["app"].tags["v1"] == str(made.index.digest)


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
@pytest.mark.parametrize(("spoil", "says"), SPOILT.values(), ids=SPOILT)
def test_refuses_a_damaged_compressed_tar_on_standard_input(
    tmp_path: Path, pack: Pack, spoil: Callable[[bytes], bytes], says: str
) -> None:
    with pytest.raises(ContentError, match=f"standard input {says}"):
        from_standard_input(spoil(pack(tar_of(family().builder.files()))), str(tmp_path / "to"))
    assert not json.loads((tmp_path / "to" / "index.json").read_bytes())["manifests"]


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_unpacks_standard_input_within_a_bound(tmp_path: Path, pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UNPACKED_BYTES", 2 * limits.MIB)
    bomb = tar_of({**family().builder.files(), "other": bytes(8 * limits.MIB)})
    with pytest.raises(ContentError, match="standard input unpacks to more than 50 times its size") as refused:
        from_standard_input(pack(bomb), str(tmp_path / "to"))
    assert "FILE), and copy" in refused.value.remedy


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
@pytest.mark.parametrize(("spoil", "says"), SPOILT.values(), ids=SPOILT)
def test_refuses_a_damaged_compressed_tar(
    tmp_path: Path, pack: Pack, spoil: Callable[[bytes], bytes], says: str
) -> None:
    path = packed(tmp_path, lambda data: spoil(pack(data)))
    ran = run_here(["copy", str(path), str(tmp_path / "to")])
    assert (ran.code, says in ran.err) == (16, True), ran
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize(
    ("after", "says"),
    [
        (b"m", "after the xz stream is something that is none"),
        (b"more", "after the xz stream is something that is none"),
        (bytes(4) + b"more than a header", "after the xz stream is something that is none"),
        (bytes(3), "the padding after an xz stream has 3 bytes, and no multiple of 4"),
        (bytes(5) + lzma.compress(b""), "the padding after an xz stream has 5 bytes, and no multiple of 4"),
        (bytes(4) + lzma.compress(b"")[:3], "it is cut short"),
    ],
)
def test_says_what_is_wrong_after_an_xz_stream(tmp_path: Path, after: bytes, says: str) -> None:
    """Other data was called cut short, and padding of any size was read (xz file format, 2.2)."""
    ran = run_here(["copy", str(packed(tmp_path, lambda data: lzma.compress(data) + after)), str(tmp_path / "to")])
    assert (ran.code, f"cannot be unpacked: {says}" in ran.err) == (16, True), ran


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_refuses_what_unpacks_to_very_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Pack) -> None:
    monkeypatch.setattr(limits, "UNPACKED_BYTES", limits.MIB)
    path = tmp_path / "bomb.tar.gz"
    path.write_bytes(pack(bytes(16 * limits.MIB)))
    ran = run_here(["copy", str(path), str(tmp_path / "to")])
    assert (ran.code, "unpacks to more than 50 times its size" in ran.err) == (16, True), ran


def test_bounds_the_memory_for_xz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UNPACKER_BYTES", limits.MIB)
    ran = run_here(["copy", str(packed(tmp_path, lzma.compress)), str(tmp_path / "to")])
    assert (ran.code, "cannot be unpacked: Memory usage limit exceeded" in ran.err) == (16, True), ran


def test_says_what_is_in_a_compressed_tar_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "saved.tgz"
    path.write_bytes(gzip.compress(tar_of({"manifest.json": b"[]", "layer.tar": b"x"})))
    ran = run_here(["copy", str(path), str(tmp_path / "to")])
    assert (ran.code, "saved.tgz is a docker save archive" in ran.err) == (16, True), ran


@pytest.mark.skipif(os.name != "posix" or not os.path.exists("/dev/full"), reason="needs a full device")  # noqa: PTH110
def test_names_the_folder_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> io.FileIO:
        return io.FileIO("/dev/full", "w")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    ran = run_here(["copy", str(packed(tmp_path, gzip.compress)), str(tmp_path / "to")])
    assert ran.code == 1
    assert "Name a folder with room in $TMPDIR; or unpack it (gunzip " in ran.err


@pytest.mark.parametrize("command", [["inspect"], ["ls"], ["discover"]])
def test_only_copies_unpack(tmp_path: Path, command: list[str]) -> None:
    """What judges reads in place, so that what it judges is what is carried."""
    ran: Ran = run_here([*command, str(packed(tmp_path, gzip.compress))])
    assert (ran.code, "is a gzip file" in ran.out + ran.err) == (16, True), ran


def test_names_the_command_for_what_cannot_be_unpacked_here(tmp_path: Path) -> None:
    path = tmp_path / "trip.tar.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd" + bytes(600))
    ran = run_here(["copy", str(path), str(tmp_path / "to")])
    assert (ran.code, f"zstd -d {path}" in ran.err) == (16, True), ran


@pytest.mark.parametrize("to_registry", [False, True], ids=["layout", "registry"])
@pytest.mark.parametrize("is_reached", [False, True])
def test_a_wrong_blob_on_standard_input_counts_where_an_artifact_reaches_it(
    tmp_path: Path, target: LoopbackRegistry, *, to_registry: bool, is_reached: bool
) -> None:
    """In place a blob that no artifact reaches is not looked at, and through a pipe it ended the copy."""
    made = family()
    wrong = made.builder.add_blob(b"no part of it")
    if is_reached:
        wrong = made.builder.add_blob(b"a layer")
        made.builder.tag(made.builder.add_image(wrong), "v2")
    made.builder.blobs[wrong.digest] = bytes(wrong.size)
    data = tar_of(made.builder.files())
    place = f"{target.host}/app" if to_registry else str(tmp_path / "to")
    if is_reached:
        with pytest.raises(ContentError, match=str(wrong.digest)) as caught:
            from_standard_input(data, place)
        assert caught.value.reason == "content.digest"
    else:
        assert from_standard_input(data, place).exit_code == 0
        assert to_registry or not (tmp_path / "to/blobs/sha256" / wrong.digest.encoded).exists()


def test_what_came_on_standard_input_was_not_there_already(tmp_path: Path) -> None:
    said: list[events.Event] = []
    request = airgap.CopyRequest(sources=["-"], destination=str(tmp_path / "to"), at=datetime(2026, 1, 1, tzinfo=UTC))
    for is_there in (False, True):
        said.clear()
        airgap.copy(request, source=io.BytesIO(tar_of(family().builder.files())), progress=said.append)
        started = [event.present_bytes for event in said if isinstance(event, events.Started)]
        assert bool(started and started[0]) == is_there
