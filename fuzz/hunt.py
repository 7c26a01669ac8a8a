"""The hunt: every door in a process of its own, some at a time, for a given time each; crashes are kept and named."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from fuzz.bounds import MEGABYTES, SECONDS, bound_processor_time

_LONGEST: Final = 1 << 16
_SLACK: Final = 120
"""Seconds of a processor beyond its time after which a hunter is ended. On a busy machine they are much longer."""
_HOUR: Final = 3600
"""Nor is one waited for that needs no processor."""
_EXECUTED: Final = re.compile(r"stat::number_of_executed_units:\s*(\d+)|^(\d+) inputs", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Catch:
    """What came of one door."""

    door: str
    inputs: int | None
    crashed: bool
    said: str


def has_atheris() -> bool:
    """Whether the coverage-guided fuzzer is installed (the extra `fuzz`)."""
    return find_spec("atheris") is not None


def hunt(
    doors: Sequence[str], corpus: Path, crashes: Path, *, seconds: int, seed: int, workers: int, guided: bool
) -> Iterator[Catch]:
    """One catch for each door, in the order of `doors`."""
    crashes.mkdir(parents=True, exist_ok=True)

    def one(door: str) -> Catch:
        folder = corpus / door
        return _run(door, _guided(door, folder, crashes, seconds, seed) if guided else
                    _plain(door, folder, crashes, seconds, seed), seconds)  # fmt: skip

    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(one, doors)


def _guided(door: str, corpus: Path, crashes: Path, seconds: int, seed: int) -> list[str]:
    return [
        *(sys.executable, "-m", "fuzz.guided", door, str(corpus)),
        f"-max_total_time={seconds}",
        f"-artifact_prefix={crashes}/{door}-",
        f"-seed={seed or 1}",  # 0 is libFuzzer's word for "by the clock"
        f"-timeout={SECONDS}",
        f"-rss_limit_mb={MEGABYTES}",
        f"-max_len={_LONGEST}",
        "-print_final_stats=1",
        "-verbosity=1",
    ]


def _plain(door: str, corpus: Path, crashes: Path, seconds: int, seed: int) -> list[str]:
    return [sys.executable, "-m", "fuzz.plain", door, str(corpus), str(crashes), str(seconds), str(seed)]


def _run(door: str, command: Sequence[str], seconds: int) -> Catch:
    with subprocess.Popen(  # noqa: S603 - our own modules
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        bound_processor_time(process.pid, seconds + _SLACK)
        try:
            output, _ = process.communicate(timeout=seconds + _HOUR)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
    said = output.decode(errors="replace")
    if process.returncode < 0:
        said += f"\nit was ended by signal {-process.returncode}: is it {_SLACK} s of a processor beyond its time?"
    found = _EXECUTED.search(said)
    inputs = int(found[1] or found[2]) if found else None
    return Catch(door, inputs, crashed=process.returncode != 0 or not inputs, said=said)
