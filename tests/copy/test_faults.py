"""What happens when a copy is killed, or its medium is full or removed: nothing wrong has a final name."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from airgap.oci.descriptor import Descriptor
from tests.support.command import run_here
from tests.support.copying import check_complete, check_sound, family, load, write
from tests.support.layouts import LayoutBuilder
from tests.support.media import small_medium
from tests.support.registry import LoopbackRegistry, cut

SLOW = os.environ.get("AIRGAP_SLOW") == "1"
EVENTS = range(0, 60, 1 if SLOW else 11)
MOMENTS = 200 if SLOW else 5

_KILLER = """
import os, signal, sys
from datetime import UTC, datetime
import airgap
count = 0
def step(event):
    global count
    if count == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    count += 1
airgap.copy(airgap.CopyRequest(sources=[sys.argv[1]], destination=sys.argv[2], at=datetime(2026, 1, 1, tzinfo=UTC)),
            progress=step)
"""
needs_kill = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")


def killed_at(source: str, destination: str, event: int) -> int:
    return subprocess.run(
        [sys.executable, "-c", _KILLER, source, destination, str(event)], check=False, capture_output=True, timeout=60
    ).returncode


@needs_kill
@pytest.mark.parametrize("event", EVENTS)
def test_a_copy_killed_at_any_event_leaves_a_valid_layout_that_the_next_completes(tmp_path: Path, event: int) -> None:
    made = family(1, layers=6)
    source, destination = write(tmp_path / "source", made), tmp_path / "stick"
    code = killed_at(str(source), str(destination), event)
    assert code in {-signal.SIGKILL, 0}
    check_sound(destination)
    assert run_here(["copy", str(source), str(destination)]).code == 0
    check_complete(destination, made.index)
    assert not list(destination.glob(".airgap-*")), "what the killed copy left is swept away"


@needs_kill
def test_a_copy_killed_at_random_moments_is_completed_in_the_end(tmp_path: Path) -> None:
    made = family(2, layer_bytes=400_000, layers=8)
    source, destination = write(tmp_path / "source", made), tmp_path / "stick"
    chance = random.Random(7)  # noqa: S311 - moments, not secrets
    for _ in range(MOMENTS):
        running = subprocess.Popen(
            [sys.executable, "-m", "airgap", "copy", "-q", str(source), str(destination)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(chance.uniform(0.1, 0.45))
        running.kill()
        running.wait(20)
        check_sound(destination)
    assert run_here(["copy", str(source), str(destination)]).code == 0
    check_complete(destination, made.index)
    assert list(destination.glob(".*.tmp")) == []


@needs_kill
@pytest.mark.parametrize("event", range(0, 30, 3 if SLOW else 13))
def test_a_killed_copy_leaves_no_tar(tmp_path: Path, event: int) -> None:
    made = family(3, layers=4)
    source, destination = write(tmp_path / "source", made), tmp_path / "trip.tar"
    if killed_at(str(source), str(destination), event) != 0:
        assert not destination.exists()
    assert run_here(["copy", "--overwrite", str(source), str(destination)]).code == 0
    check_complete(destination, made.index)
    assert list(tmp_path.glob(".*.tmp")) == [], "ten of them had filled a stick"


@needs_kill
@pytest.mark.parametrize("api", [True, False], ids=["referrers API", "referrers tag"])
@pytest.mark.parametrize("event", range(0, 40, 2 if SLOW else 9))
def test_a_killed_push_loses_no_signature(tmp_path: Path, event: int, api: bool) -> None:
    made = family(4)
    source = write(tmp_path / "source", made)
    with LoopbackRegistry() as registry:
        registry.referrers_api = api
        target = f"{registry.host}/app"
        killed_at(str(source), target, event)
        assert run_here(["copy", str(source), target]).code == 0
        assert run_here(["copy", f"{target}:v1", str(tmp_path / "back")]).code == 0
    check_complete(tmp_path / "back", made.index)
    ran = run_here(["discover", str(tmp_path / "back"), "--format", "json"])
    for item in (made.signature, made.sbom, made.sbom_signature, made.child_signature):
        assert str(item.digest) in ran.out


def test_a_registry_that_ends_inside_a_blob_leaves_a_valid_layout(tmp_path: Path) -> None:
    made = family(5, layer_bytes=300_000)
    destination = tmp_path / "stick"
    with LoopbackRegistry() as registry:
        load(registry, "app", made)
        registry.on("GET", r"/blobs/", cut(after=100_000))
        registry.ranges = False
        ran = run_here(["copy", "--retries", "0", f"{registry.host}/app:v1", str(destination)])
        assert ran.code == 1
        assert "Traceback" not in ran.err
        check_sound(destination)
        registry._rules.clear()
        assert run_here(["copy", f"{registry.host}/app:v1", str(destination)]).code == 0
    check_complete(destination, made.index)


def test_copies_into_one_layout_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    families = [family(seed, layer_bytes=100_000, tag=f"v{seed}") for seed in range(10, 14)]
    sources = [write(tmp_path / f"source{number}", made) for number, made in enumerate(families)]
    destination = tmp_path / "stick"
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "airgap", "copy", "-q", str(source), str(destination)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for source in sources
    ]
    for process in running:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    check_complete(destination, *(made.index for made in families))
    assert not list(destination.glob(".airgap-*"))


@pytest.mark.parametrize("name", ["stick", "trip.tar"])
def test_a_full_medium_is_a_clear_error_and_leaves_a_valid_layout(tmp_path: Path, name: str) -> None:
    made = family(20, layer_bytes=500_000)
    source = write(tmp_path / "source", made)
    with small_medium(tmp_path / "medium", "1m") as medium:
        ran = run_here(["copy", str(source), str(medium / name)])
        assert ran.code == 1
        assert "bytes free" in ran.err
        assert "Traceback" not in ran.err
        if name == "stick":
            check_sound(medium / name)
        else:
            assert not (medium / name).exists()


def test_a_copy_to_a_medium_that_fills_up_is_completed_later(tmp_path: Path) -> None:
    made = family(21, layer_bytes=500_000)
    source = write(tmp_path / "source", made)
    with small_medium(tmp_path / "medium", "3m") as medium:
        stick = medium / "stick"
        script = (
            "import shutil, sys; shutil.disk_usage = lambda _: shutil._ntuple_diskusage(1, 0, 1 << 60);"
            "from airgap.cli.app import main; sys.argv = ['airgap', *sys.argv[1:]]; main()"
        )
        (medium / "ballast").write_bytes(bytes(2_000_000))
        ran = subprocess.run(
            [sys.executable, "-c", script, "copy", str(source), str(stick)], check=False, capture_output=True, text=True
        )
        assert ran.returncode == 1
        assert "No space left on device" in ran.stderr
        assert "copy again" in ran.stderr
        check_sound(stick)
        (medium / "ballast").unlink()
        assert run_here(["copy", str(source), str(stick)]).code == 0
        check_complete(stick, made.index)


def test_names_a_read_only_medium(tmp_path: Path) -> None:
    source = write(tmp_path / "source", family(22))
    with small_medium(tmp_path / "medium", "1m") as medium:
        subprocess.run(["mount", "-o", "remount,ro", str(medium)], check=True)
        for name in ("stick", "trip.tar"):
            ran = run_here(["copy", str(source), str(medium / name)])
            assert ran.code == 1
            assert "Read-only file system" in ran.err
            assert "writable" in ran.err


def test_wrong_bytes_of_a_source_end_with_16_and_leave_no_final_file(tmp_path: Path) -> None:
    made = family(23)
    layer = json.loads(made.builder.blobs[made.children[1].digest])["layers"][0]["digest"]
    source = write(tmp_path / "source", made)
    wrong = source / "blobs" / "sha256" / layer[7:]
    wrong.write_bytes(wrong.read_bytes()[:-1] + b"!")
    for name in ("stick", "trip.tar"):
        ran = run_here(["copy", str(source), str(tmp_path / name)])
        assert ran.code == 16
        assert layer in ran.err
    check_sound(tmp_path / "stick")
    assert not (tmp_path / "stick" / "blobs" / "sha256" / layer[7:]).exists()
    assert not (tmp_path / "trip.tar").exists()
    ran = run_here(["copy", "--link", str(source), str(tmp_path / "linked")])
    assert ran.code == 16
    assert not (tmp_path / "linked" / "blobs" / "sha256" / layer[7:]).exists()


def test_one_of_two_copies_to_one_new_tar_fails(tmp_path: Path) -> None:
    made = [family(6, layer_bytes=3_000_000), family(7, layer_bytes=3_000_000)]
    sources = [write(tmp_path / f"source{number}", one) for number, one in enumerate(made)]
    tar = tmp_path / "trip.tar"
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "airgap", "copy", "-q", str(source), str(tar)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for source in sources
    ]
    ended = [(process.communicate(timeout=60)[1], process.returncode) for process in running]
    assert sorted(code for _, code in ended) == [0, 2], ended
    (winner,) = (number for number, (_, code) in enumerate(ended) if code == 0)
    check_complete(tar, made[winner].index)
    assert "trip.tar exists" in ended[1 - winner][0]
    assert list(tmp_path.glob(".*.tmp")) == []


@pytest.mark.parametrize("options", [[], ["--keep-going"], ["--dry-run"]])
@pytest.mark.parametrize("order", [("bad", "good"), ("good", "bad")])
@pytest.mark.parametrize("damage", [b"x" * 12, b"x", None])
def test_what_one_source_lacks_comes_from_another(
    tmp_path: Path, options: list[str], order: tuple[str, str], damage: bytes | None
) -> None:
    """A layer that is damaged in the first source failed the artifacts of the second one, too."""
    images = []
    for name in ("bad", "good"):
        builder = LayoutBuilder()
        images.append(builder.tag(builder.add_image(b"shared layer", config=name.encode()), name))
        layer = Descriptor.of("", b"shared layer")
        if name == "bad" and damage is None:
            builder.drop(layer)
        elif name == "bad" and damage is not None:
            builder.damage(layer, damage)
        builder.write_directory(tmp_path / name)
    sources = [f"{tmp_path / name}:{name}" for name in order]
    ran = run_here(["copy", *sources, str(tmp_path / "stick"), *options])
    assert ran.code == 0, ran
    if "--dry-run" not in options:
        check_complete(tmp_path / "stick", *images)


@pytest.mark.parametrize("first", ["embedded", "plain"])
def test_embedded_content_is_found_for_every_artifact(tmp_path: Path, first: str) -> None:
    """One of two descriptors embeds what the layout does not hold: the order of the artifacts decided."""
    builder = LayoutBuilder()
    layer = builder.add_blob(b"small", "a/b")
    layers = {"embedded": replace(layer, data=b"small"), "plain": layer}
    for number, name in enumerate(sorted(layers, key=lambda name: name != first)):
        builder.tag(builder.add_image(layers[name], config=name.encode()), f"v{number}")
    builder.drop(layer)
    source = builder.write_directory(tmp_path / "source")
    ran = run_here(["copy", str(source), str(tmp_path / "stick"), "--keep-going"])
    assert ran.code == 0, ran
