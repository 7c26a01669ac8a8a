"""`airgap bundle split` and `create --volume-size`: a layout in tars of one size, which every command reads as one."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from airgap import CopyRequest, copy, limits
from airgap.errors import UsageError
from airgap.oci.descriptor import REF_NAME, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.volume_table import CHUNK_FILE, VOLUMES_FILE
from airgap.transfer import volume_writer
from tests.copy.test_bundle import WEB, create, verify
from tests.copy.test_import import BOTH, held, stick
from tests.regressions.test_evidence_of_a_target_counts_in_every_place import LEAF, REVOKING
from tests.support.clock import set_clock
from tests.support.command import Ran, run_here
from tests.support.layouts import LayoutBuilder, tar_of
from tests.support.pki import AT
from tests.support.registry import LoopbackRegistry
from tests.support.scenario import Signature, Written
from tests.support.signing import tree

SIZE = 200_000
BIG = "registry.example/team/big:v1"


@pytest.fixture(autouse=True)
def _then(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, AT)


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311


def large(tmp_path: Path) -> Written:
    """Two signed images; of the layers of one the largest needs three volumes, and others share some."""
    sign = Signature("jws", LEAF)

    def pack(builder: LayoutBuilder, other: Descriptor) -> None:
        sign.attach(builder, other)
        image = builder.add_image(noise(450_000), noise(150_000, 2), noise(70_000, 3), noise(10, 4))
        builder.list(image, **{REF_NAME: BIG})
        sign.attach(builder, image)

    return stick(tmp_path, pack, archive=False)


def split(target: Path | str, folder: Path, *arguments: object, size: int | str = SIZE) -> Ran:
    return run_here(["bundle", "split", *map(str, [target, folder, "--volume-size", size, *arguments])])


def volumes_of(tmp_path: Path) -> tuple[Written, Path]:
    written = large(tmp_path)
    folder = tmp_path / "trip"
    ran = split(written.layout, folder)
    assert ran.code == 0, ran
    return written, folder


# --- writing ---


def test_each_is_a_layout_tar_of_at_most_the_size(tmp_path: Path) -> None:
    written, folder = volumes_of(tmp_path)
    found = sorted(folder.iterdir())
    assert [volume.name for volume in found] == [
        f"trip.{number}of{len(found)}.tar" for number in range(1, len(found) + 1)
    ]
    assert len(found) >= 4
    index = (written.layout / "index.json").read_bytes()
    tables = set()
    for volume in found:
        assert SIZE // 4 < volume.stat().st_size <= SIZE
        with tarfile.open(volume) as archive:
            assert archive.getnames()[:3] == ["oci-layout", "index.json", VOLUMES_FILE]
            assert archive.extractfile("index.json").read() == index  # type: ignore[union-attr]
            tables.add(archive.extractfile(VOLUMES_FILE).read())  # type: ignore[union-attr]
    (table,) = tables
    document = json.loads(table)
    assert (document["schema"], document["count"]) == ("airgap.volumes/1", len(found))
    (cut,) = [row for row in document["blobs"] if "chunks" in row]
    assert [row["volume"] for row in cut["chunks"]] == [1, 2, 3]
    assert sum(row["size"] for row in cut["chunks"]) == cut["size"] == 450_000
    whole = b"".join(_files(found[row["volume"] - 1])[f"{CHUNK_FILE}{row['volume']}"] for row in cut["chunks"])
    assert cut["digest"] == str(Digest.of(whole))


def test_progress_says_how_many_artifacts_there_are(tmp_path: Path) -> None:
    written = large(tmp_path)
    assert "3 artifacts: " in split(written.layout, tmp_path / "trip").err


def test_the_whole_comes_back_byte_for_byte(tmp_path: Path) -> None:
    written, folder = volumes_of(tmp_path)
    assert run_here(["copy", str(folder), str(tmp_path / "back"), "--no-record"]).code == 0
    there, back = tree(written.layout), tree(tmp_path / "back")
    assert all(there[name] == data for name, data in back.items() if name.startswith("blobs"))
    assert verify(written, tmp_path / "back").code == 0


def test_the_same_content_and_size_give_the_same_volumes(tmp_path: Path) -> None:
    written, folder = volumes_of(tmp_path)
    again = tmp_path / "again" / "trip"
    assert split(written.layout, again).code == 0
    assert tree(again) == tree(folder)
    other = tmp_path / "other" / "trip"
    assert split(folder, other, size=300_000).code == 0
    back = tmp_path / "back" / "trip"
    assert split(other, back).code == 0  # volumes of one size out of those of another
    assert tree(back) == tree(folder)


def test_one_volume_is_made_again_alone(tmp_path: Path) -> None:
    written, folder = volumes_of(tmp_path)
    for number, volume in enumerate(sorted(folder.iterdir()), 1):
        lost = volume.read_bytes()
        volume.unlink()
        ran = split(written.layout, folder, "--volume", number)
        assert ran.code == 0, ran
        assert volume.read_bytes() == lost


def test_one_blob_after_the_other_where_files_take_no_gaps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written, folder = volumes_of(tmp_path)
    monkeypatch.setattr(volume_writer, "takes_gaps", lambda _: False)
    other = tmp_path / "fat" / "trip"
    assert split(written.layout, other).code == 0
    assert tree(other) == tree(folder)


def test_a_dry_run_says_what_there_would_be(tmp_path: Path) -> None:
    written, folder = volumes_of(tmp_path)
    place = tmp_path / "dry" / "trip"
    ran = split(written.layout, place, "--dry-run", "--format", "json")
    assert (ran.code, place.exists()) == (0, False)
    sizes = {volume.name: volume.stat().st_size for volume in folder.iterdir()}
    assert {row["name"]: row["size"] for row in ran.held_to("bundle-split")["volumes"]} == sizes


@pytest.mark.parametrize("size", ["0", "-1", "12 parsecs", "1.5MB", "floppy", ""])
def test_what_is_no_size(tmp_path: Path, size: str) -> None:
    ran = run_here(["bundle", "split", str(tmp_path), str(tmp_path / "x"), f"--volume-size={size}"])
    assert ran.code == 2
    assert "is no size of a volume" in ran.err


def test_a_size_that_cannot_hold_the_manifests(tmp_path: Path) -> None:
    written = large(tmp_path)
    assert split(written.layout, tmp_path / "x", "--format", "json", size=20_000).held_to("bundle-split")["error"]
    ran = split(written.layout, tmp_path / "x", size=20_000)
    assert (ran.code, (tmp_path / "x").exists()) == (2, False)
    assert "too small" in ran.err


@pytest.mark.parametrize("what", ["foreign", "volumes", "file"])
def test_nothing_of_others_is_replaced(tmp_path: Path, what: str) -> None:
    written, folder = volumes_of(tmp_path)
    if what == "foreign":
        (folder / "mine.txt").write_text("mine")
    elif what == "file":
        shutil.rmtree(folder)
        folder.write_text("mine")
    before = tree(folder) if folder.is_dir() else folder.read_text()
    assert split(written.layout, folder).code == 2
    assert (tree(folder) if folder.is_dir() else folder.read_text()) == before
    assert split(written.layout, folder, "--overwrite").code == (0 if what == "volumes" else 2)


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written, folder = volumes_of(tmp_path)
    monkeypatch.setattr(limits, "TARS_BESIDE", 2)
    ran = split(written.layout, folder)
    assert (ran.code, f"{folder} has more than 2 entries" in ran.err) == (2, True)

    def denied(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(volume_writer, "list_folder", denied)
    ran = split(written.layout, folder)
    assert (ran.code, f"{folder} cannot be written: Permission denied" in ran.err) == (1, True)


def test_an_interrupted_run_is_completed(tmp_path: Path) -> None:
    written, folder = volumes_of(tmp_path)
    whole = tree(folder)
    first, *_ = sorted(folder.iterdir())
    first.unlink()
    (folder / ".trip.1of5.tar.0123456789ab.tmp").write_bytes(b"half")
    assert split(written.layout, folder).code == 0
    assert {name: data for name, data in tree(folder).items() if not name.endswith(".tmp")} == whole


def test_damaged_and_missing_content_is_not_split(tmp_path: Path) -> None:
    written = large(tmp_path)
    layer = max((written.layout / "blobs" / "sha256").iterdir(), key=lambda file: file.stat().st_size)
    data = layer.read_bytes()
    layer.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    ran = split(written.layout, tmp_path / "x")
    assert (ran.code, list((tmp_path / "x").iterdir())) == (16, [])
    assert layer.name in ran.err
    layer.unlink()
    assert split(written.layout, tmp_path / "y").code == 16


def test_what_volumes_cannot_hold(tmp_path: Path) -> None:
    written = large(tmp_path)
    (written.layout / "crls").mkdir()
    (written.layout / "crls" / "new.crl").write_bytes(REVOKING)
    ran = split(written.layout, tmp_path / "x")
    assert ran.code == 2
    assert "crls/new.crl" in ran.err
    assert split(f"{written.layout}:{BIG}", tmp_path / "x").code == 2


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = large(tmp_path)
    wrote = os.pwrite

    def full(file: int, data: bytes, offset: int) -> int:
        if offset > 100_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return wrote(file, data, offset)

    monkeypatch.setattr(os, "pwrite", full)
    ran = split(written.layout, tmp_path / "x")
    assert ran.code == 1
    assert "No space left" in ran.err
    assert list((tmp_path / "x").iterdir()) == []


# --- reading ---


def test_every_command_reads_them_as_one(tmp_path: Path) -> None:
    written, folder = volumes_of(tmp_path)
    shuffled = tmp_path / "stick"
    shuffled.mkdir()
    for number, volume in enumerate(sorted(folder.iterdir(), reverse=True)):
        volume.rename(shuffled / f"{number:03}{volume.name}")
    one = next(iter(shuffled.iterdir()))
    for target in (shuffled, one):
        whole = verify(written, target, "--format", "json")
        assert whole.code == 0, whole
        assert all(item["content"]["verdict"] == "pass" for item in whole.document["artifacts"])
        assert verify(written, f"{target}:{BIG}").code == 0
        assert "team/big v1  " in run_here(["ls", str(target)]).out
        assert run_here(["discover", f"{target}:{BIG}"]).code == 0
        assert run_here(["inspect", f"{target}:{BIG}"]).code == 0
    assert verify(written, shuffled, "--jobs", "2").code == 0
    with LoopbackRegistry() as registry:
        ran = run_here(["import", str(shuffled), f"{registry.host}", "--plain-http", "--trust", str(written.trust)])
        assert ran.code == 0, ran
        assert held(registry)["team/big"] == {"v1"}


def test_links_in_a_folder_lead_to_volumes_on_several_media(tmp_path: Path) -> None:
    written, folder = volumes_of(tmp_path)
    linked = tmp_path / "linked"
    linked.mkdir()
    for number, volume in enumerate(sorted(folder.iterdir())):
        medium = tmp_path / f"medium{number % 2}"
        medium.mkdir(exist_ok=True)
        (linked / volume.name).symlink_to(volume.rename(medium / volume.name))
    (linked / "gone.tar").symlink_to(tmp_path / "nothing.tar")
    os.mkfifo(tmp_path / "pipe")
    (linked / "pipe.tar").symlink_to(tmp_path / "pipe")
    ran = verify(written, linked)
    assert ran.code == 0, ran
    assert "gone.tar" in ran.err
    assert verify(written, max(linked.iterdir())).code == 0
    assert verify(written, tmp_path / "medium0").code == 16


def test_a_missing_volume_is_named_with_what_it_touches(tmp_path: Path) -> None:
    written, folder = volumes_of(tmp_path)
    count = len(list(folder.iterdir()))
    (folder / f"trip.3of{count}.tar").unlink()
    ran = verify(written, folder)
    assert ran.code == 16
    assert f"volume 3 of {count}" in ran.out
    listed = run_here(["ls", str(folder)])
    assert listed.code == 16
    assert f"volume 3 of {count} is not here" in listed.out
    assert verify(written, f"{folder}:{WEB}").code == 0
    big = verify(written, f"{folder}:{BIG}")
    assert big.code == 16
    assert f"is in volume 3 of {count}, which is not here" in big.out
    assert run_here(["copy", str(folder), str(tmp_path / "x")]).code == 16
    with LoopbackRegistry() as registry:
        arguments = ["import", str(folder), registry.host, "--plain-http", "--trust", str(written.trust)]
        assert run_here(arguments).code == 16
        assert held(registry) == {}
        assert run_here([*arguments, "--keep-going"]).code == 20
        assert held(registry) == BOTH


def test_a_damaged_chunk_is_named_by_its_volume(tmp_path: Path) -> None:
    written, folder = volumes_of(tmp_path)
    count = len(list(folder.iterdir()))
    volume = folder / f"trip.3of{count}.tar"
    data = bytearray(volume.read_bytes())
    data[len(data) // 2] ^= 1
    volume.write_bytes(data)
    ran = verify(written, folder)
    assert ran.code == 16
    assert f"volume 3 of {count} ({volume})" in ran.out
    assert "--volume 3" in ran.out


def test_a_cut_volume_is_as_a_missing_one_and_says_why(tmp_path: Path) -> None:
    written, folder = volumes_of(tmp_path)
    count = len(list(folder.iterdir()))
    volume = folder / f"trip.2of{count}.tar"
    os.truncate(volume, volume.stat().st_size // 2)
    ran = verify(written, folder)
    assert ran.code == 16
    assert f"volume 2 of {count} is not here" in ran.out
    assert "the tar is cut short" in ran.out


def test_a_damaged_copy_of_a_manifest_is_found_in_every_volume(tmp_path: Path) -> None:
    """The first volume's copy is read as the content; another reader may take that of another volume."""
    written, folder = volumes_of(tmp_path)
    with tarfile.open(sorted(folder.iterdir())[1]) as archive:
        table = json.loads(archive.extractfile(VOLUMES_FILE).read())  # type: ignore[union-attr]
        name = f"blobs/{table['everywhere'][0]['digest'].replace(':', '/')}"
        start = archive.getmember(name).offset_data
    for volume in sorted(folder.iterdir())[:2]:
        data = bytearray(volume.read_bytes())
        data[start] ^= 1
        good = volume.read_bytes()
        volume.write_bytes(data)
        assert verify(written, folder).code == 16
        trust = ["--trust", str(written.trust)]
        assert run_here(["copy", str(folder), str(tmp_path / volume.name / "x"), *trust]).code == 16
        volume.write_bytes(good)


def test_doubled_and_foreign_files_are_noted(tmp_path: Path) -> None:
    written, folder = volumes_of(tmp_path)
    first = min(folder.iterdir())
    shutil.copy(first, folder / "zcopy.tar")
    (folder / "other.tar").write_bytes(tar_of({"x": b"y"}))
    (folder / "layout.tar").write_bytes(_plain(tmp_path))
    ran = verify(written, folder)
    assert ran.code == 0, ran
    for name in ("zcopy.tar", "other.tar", "layout.tar"):
        assert name in ran.err


def _plain(tmp_path: Path) -> bytes:
    builder = LayoutBuilder()
    builder.list(builder.add_image(b"x"), **{REF_NAME: "x"})
    return builder.write_tar(tmp_path / "plain.tar").read_bytes()


def test_volumes_of_two_sets_in_a_folder_are_not_mixed(tmp_path: Path) -> None:
    """A volume of last month beside those of this one: as if it were not here, and named."""
    written, folder = volumes_of(tmp_path)
    count = len(list(folder.iterdir()))
    old = tmp_path / "old" / "trip"
    assert split(written.layout, old, size=SIZE + 10_240).code == 0
    (folder / f"trip.3of{count}.tar").unlink()
    shutil.copy(sorted(old.iterdir())[2], folder / f"trip.3of{count}.tar")
    ran = verify(written, folder)
    assert ran.code == 16
    assert "volumes of 2 sets" in ran.out
    one = verify(written, folder / f"trip.1of{count}.tar")
    assert one.code == 16
    assert "volumes of another set are beside them" in one.err
    assert f"volume 3 of {count} is not here" in one.out


@pytest.mark.parametrize("member", ["crls/new.crl", "manifest.json", "blobs/sha256/" + "0" * 64])
def test_a_volume_with_something_more_is_not_used(tmp_path: Path, member: str) -> None:
    """Else other readers of this tar would see what the whole does not have."""
    written, folder = volumes_of(tmp_path)
    volume = max(folder.iterdir())
    files = _files(volume)
    volume.write_bytes(tar_of({**files, member: REVOKING if "crl" in member else b"[]"}))
    for target in (folder, f"{folder}:{WEB}", f"{min(folder.iterdir())}:{WEB}"):  # untouched, and not passed
        ran = verify(written, target)
        assert ran.code == 16
        assert volume.name in ran.out


def _files(volume: Path) -> dict[str, bytes]:
    with tarfile.open(volume) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}  # type: ignore[union-attr]


def changed_table(volume: Path, change: Callable[[dict[str, Any]], object]) -> None:
    files = _files(volume)
    document = json.loads(files[VOLUMES_FILE])
    change(document)
    volume.write_bytes(tar_of({**files, VOLUMES_FILE: json.dumps(document).encode()}))


TABLES: dict[str, Callable[[dict[str, Any]], object]] = {
    "unknown member": lambda table: table.update(more=1),
    "no volumes": lambda table: table.update(count=0),
    "too many": lambda table: table.update(count=10**6),
    "other schema": lambda table: table.update(schema="airgap.volumes/2"),
    "volume beyond": lambda table: table["blobs"][0].update(volume=400),
    "placed twice": lambda table: table["blobs"].append(table["blobs"][0]),
    "negative": lambda table: table["blobs"][0].update(size=-1),
    "no digest": lambda table: table["blobs"][0].update(digest="../../x"),
    "null": lambda table: table.update(blobs=None),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    written, folder = volumes_of(tmp_path)
    for volume in folder.iterdir():
        changed_table(volume, TABLES[name])
    ran = verify(written, folder)
    assert ran.code == 16
    assert "Traceback" not in ran.err
    assert VOLUMES_FILE in ran.out


def test_digests_of_chunks_only_help_to_name_a_volume(tmp_path: Path) -> None:
    """Content counts by its own digest. No chunk can be taken for a blob, whatever its digest is said to be."""

    def lie(table: dict[str, Any]) -> None:
        (cut,) = [row for row in table["blobs"] if "chunks" in row]
        for row in cut["chunks"]:
            row["digest"] = table["everywhere"][0]["digest"]

    written, folder = volumes_of(tmp_path)
    for volume in folder.iterdir():
        changed_table(volume, lie)
    assert verify(written, folder).code == 0
    for volume in folder.iterdir():
        files = _files(volume)
        files = {name: data[:-1] + b"!" if name.startswith(CHUNK_FILE) else data for name, data in files.items()}
        volume.write_bytes(tar_of(files))
    assert verify(written, folder).code == 16


def test_layers_of_equal_chunks(tmp_path: Path) -> None:
    """A raw disk of zeros; a layer that begins as another one; one that ends as the config."""
    builder = LayoutBuilder()
    builder.list(
        builder.add_image(bytes(900_000), bytes(190_000), noise(400_000) + b"{}", noise(1000)), **{REF_NAME: "v"}
    )
    source = builder.write_directory(tmp_path / "layout")
    assert split(source, tmp_path / "trip").code == 0
    assert run_here(["copy", str(tmp_path / "trip"), str(tmp_path / "back"), "--no-record"]).code == 0
    assert tree(tmp_path / "back" / "blobs") == tree(source / "blobs")


def test_the_named_volume_is_what_is_judged(tmp_path: Path) -> None:
    """Other tools read the file that was named: one that differs is refused, whatever good copies are there."""
    written, folder = volumes_of(tmp_path)
    good = sorted(folder.iterdir())[1]
    bad = folder / "zz.tar"
    files = _files(good)
    bad.write_bytes(tar_of({**files, "manifest.json": b"[]"}))
    assert verify(written, bad).code == 16
    assert verify(written, f"{bad}:{WEB}").code == 16
    assert verify(written, folder).code == 16  # all of the folder is meant
    assert verify(written, good).code == 16
    table = json.loads(files[VOLUMES_FILE])
    name = f"blobs/{table['everywhere'][0]['digest'].replace(':', '/')}"
    bad.write_bytes(tar_of({**files, name: b"!" + files[name][1:]}))
    assert verify(written, f"{bad}:{WEB}").code == 16
    assert verify(written, folder).code == 16


@pytest.mark.parametrize("place", ["crls/new.crl", "new.crl", "deep/er/new.crl"])
def test_evidence_in_the_folder_of_volumes_counts(tmp_path: Path, place: str) -> None:
    """As in the folder of any layout."""
    written, folder = volumes_of(tmp_path)
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    (folder / place).write_bytes(REVOKING)
    trust = ["--trust", str(written.trust)]
    assert verify(written, folder).code == 14
    assert verify(written, f"{folder}:{WEB}").code == 14
    assert run_here(["copy", str(folder), str(tmp_path / "x"), *trust]).code == 14
    one = min(path for path in folder.iterdir() if path.suffix == ".tar")
    assert verify(written, one).code == 14
    assert verify(written, f"{one}:{WEB}").code == 14
    assert run_here(["copy", f"{one}:{WEB}", str(tmp_path / "y"), *trust]).code == 14


@pytest.mark.parametrize("name", ["index.json", "blobs", "manifest.json"])
def test_files_of_a_layout_beside_volumes_are_not_passed_over(tmp_path: Path, name: str) -> None:
    """skopeo reads a folder without `oci-layout`."""
    written, folder = volumes_of(tmp_path)
    if name == "blobs":
        (folder / name).mkdir()
    else:
        (folder / name).write_text("[]")
    assert verify(written, folder).code == 16
    assert verify(written, f"{folder}:{WEB}").code == 16


def test_no_output_replaces_a_volume(tmp_path: Path) -> None:
    written, folder = volumes_of(tmp_path)
    before = tree(folder)
    one, other, *_ = sorted(folder.iterdir())
    assert verify(written, one, "--report", str(other)).code == 2
    assert run_here(["copy", str(one), str(other), "--overwrite"]).code == 2
    assert tree(folder) == before


def test_a_volume_of_another_set_is_not_made_among_others(tmp_path: Path) -> None:
    written, folder = volumes_of(tmp_path)
    before = tree(folder)
    ran = split(written.layout, folder, "--volume", 2, size=SIZE - 10_240)
    assert ran.code == 2
    assert "another set" in ran.err
    assert tree(folder) == before


def test_other_files_in_the_folder_of_a_named_volume_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, folder = volumes_of(tmp_path)
    one = min(folder.iterdir())
    (folder / "loop.tar").symlink_to(folder / "loop.tar")
    (folder / "directory.tar").mkdir()
    monkeypatch.setattr(limits, "VOLUME_TABLE_BYTES", 100_000)
    (folder / "large.tar").write_bytes(tar_of({**_files(one), VOLUMES_FILE: b" " * (limits.VOLUME_TABLE_BYTES + 1)}))
    for number in range(300):
        (folder / f"{number}.txt").write_text("x")
    assert verify(written, one).code == 0
    assert verify(written, folder).code == 0


# --- what is not for them ---


def test_nothing_is_added_to_volumes(tmp_path: Path) -> None:
    _, folder = volumes_of(tmp_path)
    before = tree(folder)
    (tmp_path / "sbom.json").write_text("{}")
    for target in (folder, min(folder.iterdir())):
        reference = f"{target}:{BIG}"
        ran = run_here(["attach", str(tmp_path / "sbom.json"), reference, "--artifact-type", "application/x"])
        assert ran.code == 2, ran
        assert "in volumes" in ran.err
    assert run_here(["copy", f"{folder}:{BIG}", str(folder)]).code == 2
    assert tree(folder) == before


def test_one_volume_on_standard_input_is_refused(tmp_path: Path) -> None:
    _, folder = volumes_of(tmp_path)
    request = CopyRequest(sources=["-"], destination=str(tmp_path / "x"), at=AT)
    with min(folder.iterdir()).open("rb") as stream, pytest.raises(UsageError, match="one volume"):
        copy(request, source=stream)


# --- bundles ---


def test_a_bundle_in_volumes(tmp_path: Path) -> None:
    written = large(tmp_path)
    folder = tmp_path / "packed"
    ran = create(written, folder, "--volume-size", "200kB", "--format", "json")
    assert ran.code == 0, ran
    document = ran.held_to("bundle-create")
    assert {row["name"] for row in document["volumes"]} == {path.name for path in folder.iterdir()}
    assert document["bundle"]["set_id"] in run_here(["bundle", "show", str(folder)]).out
    assert verify(written, folder).code == 0
    whole = tmp_path / "whole"
    assert create(written, whole).code == 0
    assert run_here(["bundle", "diff", str(whole), str(folder)]).code == 0
    again = tmp_path / "again" / "packed"
    ran = split(whole, again, size="200kB")
    assert (ran.code, "3 artifacts: " in ran.err) == (0, True)  # the list of a bundle is none of them
    assert verify(written, again).code == 0


def test_a_volume_of_a_bundle_is_made_again_alone(tmp_path: Path) -> None:
    """`create` and `split` put everything into the same places."""
    written = large(tmp_path)
    folder, whole = tmp_path / "trip", tmp_path / "trip.tar"
    assert create(written, folder, "--volume-size", SIZE).code == 0
    assert create(written, whole).code == 0
    for number, volume in enumerate(sorted(folder.iterdir()), 1):
        data = volume.read_bytes()
        volume.unlink()
        ran = split(whole, folder, "--volume", number)
        assert ran.code == 0, ran
        assert volume.read_bytes() == data


def test_a_bundle_in_volumes_needs_a_folder(tmp_path: Path) -> None:
    written = large(tmp_path)
    ran = create(written, tmp_path / "packed.tar", "--volume-size", "cd")
    assert ran.code == 2
    assert "volumes are several tars" in ran.err


def test_a_revoked_signer_is_found_in_volumes(tmp_path: Path) -> None:
    written, folder = volumes_of(tmp_path)
    (written.trust / "crls" / "good.crl").write_bytes(REVOKING)
    assert verify(written, folder).code == 14
    trust = ["--trust", str(written.trust)]
    assert run_here(["copy", str(folder), str(tmp_path / "x"), *trust]).code == 14


def test_two_images_of_a_stick(tmp_path: Path) -> None:
    written = stick(tmp_path)
    folder = tmp_path / "trip"
    assert split(written.layout, folder, size="cd").code == 0
    assert [path.name for path in folder.iterdir()] == ["trip.1of1.tar"]
    with LoopbackRegistry() as registry:
        arguments = ["--plain-http", "--trust", str(written.trust)]
        assert run_here(["import", str(folder), registry.host, *arguments]).code == 0
        assert held(registry) == BOTH


def test_splits_at_once_do_not_share_a_folder(tmp_path: Path) -> None:
    written = large(tmp_path)
    folder = tmp_path / "trip"
    with ThreadPoolExecutor(2) as pool:
        found = sorted(ran.code for ran in pool.map(lambda _: split(written.layout, folder), range(2)))
    assert found[0] == 0
    assert verify(written, folder).code == 0


def test_volumes_are_written_from_a_registry(tmp_path: Path) -> None:
    """A registry gives manifests elsewhere than blobs."""
    written = large(tmp_path)
    whole, folder = tmp_path / "whole", tmp_path / "volumes"
    with LoopbackRegistry() as registry:
        assert run_here(["copy", written.target, f"{registry.host}/mirror/"]).code == 0
        names = [f"{registry.host}/{name}:{tag}" for name, held in registry.repositories.items() for tag in held.tags]
        for target, more in ((whole, []), (folder, ["--volume-size", SIZE])):
            ran = run_here(["bundle", "create", str(target), *names, "--trust", str(written.trust), *map(str, more)])
            assert ran.code == 0, ran
    assert run_here(["bundle", "diff", str(whole), str(folder)]).code == 0
