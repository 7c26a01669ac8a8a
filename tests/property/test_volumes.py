"""Volumes of any size of any layout: each within its size, together the layout, and a damaged one is never unseen."""

from __future__ import annotations

import random
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airgap import limits
from airgap.errors import AirgapError, ContentError, UsageError
from airgap.oci.descriptor import REF_NAME
from airgap.oci.open import open_layout
from airgap.oci.store import hash_bytes
from airgap.oci.volume_table import VOLUMES_FILE, VolumeTable
from airgap.oci.volumes import LayoutVolumes
from airgap.stages.split_bundle import SplitRequest, split_bundle
from airgap.transfer.volume_layout import VOLUME_SIZES, volume_bytes
from tests.support.layouts import LayoutBuilder

LAYERS = st.lists(st.one_of(st.integers(0, 3000), st.integers(60_000, 500_000)), min_size=1, max_size=6)


def layout(folder: Path, images: list[list[int]], seed: int) -> LayoutBuilder:
    chance = random.Random(seed)  # noqa: S311
    builder = LayoutBuilder()
    for number, sizes in enumerate(images):
        builder.list(builder.add_image(*(chance.randbytes(size) for size in sizes)), **{REF_NAME: f"v{number}"})
    builder.write_directory(folder)
    return builder


@settings(max_examples=25, deadline=None)
@given(
    images=st.lists(LAYERS, min_size=1, max_size=3),
    size=st.integers(110_000, 400_000),
    gaps=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_any_layout_in_any_size(images: list[list[int]], size: int, gaps: bool, seed: int) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        if not gaps:
            patch.setattr("airgap.transfer.volume_writer.takes_gaps", lambda _: False)
        place = Path(folder, "trip")
        builder = layout(Path(folder, "layout"), images, seed)
        result = split_bundle(SplitRequest(target=f"{folder}/layout", destination=place, volume_size=size))
        assert [(one.name, one.size) for one in result.volumes] == sorted(
            (path.name, path.stat().st_size) for path in place.iterdir()
        )
        assert all(one.size <= size for one in result.volumes)
        with open_layout(place) as store:
            assert isinstance(store, LayoutVolumes)
            assert not [*store.problems(), *store.notes]
            for digest, data in builder.blobs.items():
                with store.open(digest) as blob:
                    assert blob.readall() == data
                assert (store.size(digest), hash_bytes(store, digest)) == (len(data), len(data))
        _damage(place, builder, random.Random(seed))  # noqa: S311


def _damage(place: Path, builder: LayoutBuilder, chance: random.Random) -> None:
    """One byte of one volume, anywhere: it is refused, or some content is not what it was; or it was padding."""
    volume = chance.choice(sorted(place.iterdir()))
    data = bytearray(volume.read_bytes())
    at = chance.randrange(len(data))
    data[at] ^= 1 << chance.randrange(8)
    with tarfile.open(volume) as archive:
        is_content = any(member.offset_data <= at < member.offset_data + member.size for member in archive)
    volume.write_bytes(data)
    try:
        with open_layout(place) as store:
            problems = [*store.problems()] if isinstance(store, LayoutVolumes) else [ContentError("x", "one volume")]
            for digest in builder.blobs:
                hash_bytes(store, digest)
    except AirgapError:
        return
    assert problems or not is_content


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_changed_table_is_refused_or_leads_to_the_same_content(data: st.DataObject) -> None:
    raw = bytearray(RAW)
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(32, 126))
    try:
        table = VolumeTable.parse(bytes(raw))
    except AirgapError:
        return
    assert VolumeTable.parse(table.dump()) == table


def _raw() -> bytes:
    with TemporaryDirectory() as folder:
        layout(Path(folder, "layout"), [[250_000, 10]], 1)
        place = Path(folder, "trip")
        split_bundle(SplitRequest(target=f"{folder}/layout", destination=place, volume_size=120_000))
        with tarfile.open(min(place.iterdir())) as archive:
            found = archive.extractfile(VOLUMES_FILE)
            assert found is not None
            return found.read()


RAW = _raw()


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("700B", 700),
        ("650MB", 650_000_000),
        ("64MiB", 64 * limits.MIB),
        ("64mib", 64 * limits.MIB),
        ("4G", 4_000_000_000),
        ("4 GiB", 4 * 1024 * limits.MIB),
        ("1T", 10**12),
        ("FAT32", 2**32 - 1),
        ("dvd", VOLUME_SIZES["dvd"]),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert volume_bytes(text) == size


@pytest.mark.parametrize("text", ["0", "x", "1.5G", "-4", "4Gi B", "1" * 40, "10E", "٤"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(UsageError):
        volume_bytes(text)


def test_media_hold_what_is_said_of_them() -> None:
    """ECMA-130: 360,000 sectors of 80 minutes; ECMA-267 and DVD+R: 2,295,104; UDF: 25 GB."""
    assert VOLUME_SIZES["fat32"] == 4_294_967_295
    assert [round(VOLUME_SIZES[name] / 1e6) for name in ("cd", "dvd", "dvd-dl", "bd")] == [733, 4696, 8539, 25021]


def test_too_many_volumes(tmp_path: Path) -> None:
    layout(tmp_path / "layout", [[3_000_000]], 1)
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as pool:
        patch.setattr(limits, "VOLUMES", 10)
        request = SplitRequest(target=str(tmp_path / "layout"), destination=tmp_path / "x", volume_size=200_000)
        with pytest.raises(UsageError, match="more than 10"):
            split_bundle(request, executor=pool)
    assert not (tmp_path / "x").exists()
