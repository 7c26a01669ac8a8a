"""Verification: hashing, a thousand signed images, start-up, memory."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import airgap
from airgap.stages.verify import VerifyRequest
from benchmarks.measure import best, row
from tests.support.layouts import LayoutBuilder
from tests.support.scenario import Scene, Signature, add_image

AT = datetime(2026, 1, 1, tzinfo=UTC)
CHUNK = 1 << 20


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        hashing(Path(folder) / "hash")
        many(Path(folder) / "many")
        start_up(Path(folder) / "start")
        memory(Path(folder) / "memory")


def hashing(folder: Path, megabytes: int = 64, layers: int = 8) -> None:
    """Content verification against hashing the same files with hashlib on two threads."""
    scene = big_image(megabytes, layers)
    written = scene.write(folder)
    blobs = sorted((written.layout / "blobs/sha256").iterdir(), key=lambda path: -path.stat().st_size)
    with ThreadPoolExecutor(2) as pool:
        bare = best(lambda: list(pool.map(digest_of, blobs)))
        judged = best(lambda: judge([written.target], written.trust, written.scope, pool))
    row(f"hashlib, two threads, {megabytes * layers} MiB", bare, bare)
    row("verify, content included, from a directory", judged, bare, 1.15)
    tar = scene.box.write_tar(folder / "layout.tar")
    with ThreadPoolExecutor(2) as pool:
        judged = best(lambda: judge([f"oci-archive:{tar}@{written.digest}"], written.trust, written.scope, pool))
    row("verify, content included, from a tar", judged, bare, 1.15)


def many(folder: Path, count: int = 1000) -> None:
    """A layout of a thousand signed images in one process, against a thousand times the cost of one."""
    one, thousand = signed_images(1).write(folder / "one"), signed_images(count).write(folder / "many")
    with ThreadPoolExecutor(2) as pool:
        single = best(lambda: judge([f"oci:{one.layout}"], one.trust, one.scope, pool), rounds=20)
        all_of_them = best(lambda: judge([f"oci:{thousand.layout}"], thousand.trust, thousand.scope, pool), rounds=3)
    row(f"one signed image, {count} times", single * count, single * count)
    row(f"{count} signed images in one layout", all_of_them, single * count, 1.0)
    print(f"{'an artifact of them costs':<58} {all_of_them / count * 1000:10.3f} ms  (well under 2 ms)")


def start_up(folder: Path) -> None:
    """The installed command against a bare import of cryptography.x509."""
    written = signed_images(1).write(folder)
    python = sys.executable
    bare = best(lambda: run(python, "-c", "import cryptography.x509"), rounds=15)
    row("python -c 'import cryptography.x509'", bare, bare)
    row("airgap --help", best(lambda: run(python, "-m", "airgap", "--help"), rounds=15), bare, 1.5)
    verify = [python, "-m", "airgap", "verify", written.target, "--trust", str(written.trust), "--at", "2026-01-01"]
    row("airgap verify, one image", best(lambda: run(*verify, "--scope", str(written.scope)), rounds=15), bare, 2.5)


def memory(folder: Path) -> None:
    """Peak memory of verifying a small and a large blob, each in a process of its own."""
    for megabytes in (1, 512):
        written = big_image(megabytes, 1).write(folder / str(megabytes))
        peak = peak_memory(
            sys.executable, "-m", "airgap", "verify", written.target, "--trust", str(written.trust),
            "--at", "2026-01-01", "--scope", str(written.scope),
        )  # fmt: skip
        print(f"{f'peak memory with a blob of {megabytes} MiB':<58} {peak:10.1f} MiB")


def big_image(megabytes: int, layers: int) -> Scene:
    box = LayoutBuilder()
    scene = Scene(box=box, at=AT)
    block = os.urandom(CHUNK)
    blobs = [number.to_bytes(8, "big") + block * megabytes for number in range(layers)]
    scene.target = box.add_image(*blobs)
    return scene


def signed_images(count: int) -> Scene:
    """A layout of `count` images, each with its own signature by one chain."""
    scene = Scene(at=AT)
    leaf = scene.signature.leaf
    for number in range(1, count):
        image = add_image(scene.box, f"arch{number}")
        scene.box.tag(image, f"v{number + 1}")
        Signature("jws", leaf).attach(scene.box, image)
    return scene


def judge(targets: list[str], trust: Path, scope: str | None, pool: ThreadPoolExecutor) -> None:
    outcome = airgap.verify(VerifyRequest(targets=targets, at=AT, clock=AT, scope=scope), trust, executor=pool)
    if outcome.exit_code:
        raise SystemExit(f"a benchmark's layout did not verify: {outcome}")


def digest_of(path: Path) -> str:
    digest, buffer = hashlib.sha256(), bytearray(CHUNK)
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(memoryview(buffer)[:count])
    return digest.hexdigest()


def run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def peak_memory(*command: str) -> float:
    """MiB of `command`, measured by a small process: a child's peak starts at that of whoever forks it."""
    script = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    result = subprocess.run([sys.executable, "-c", script, *command], check=True, capture_output=True, text=True)
    return int(result.stdout) / 1024
