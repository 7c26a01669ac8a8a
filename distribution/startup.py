"""How long each form takes to start, compared with the installed command in the same minute."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from distribution.tools import BuildError, environment

RUNS: Final = 15
LIMIT: Final = 2.5
"""A form that takes so many times as long as the installed command is not the one that is recommended."""
INSTALLED: Final = "installed command"


@dataclass(frozen=True, slots=True)
class Form:
    """A way to have the command: how it is called, and the words that start it."""

    name: str
    words: tuple[str, ...]
    size: int
    """In bytes, of what is carried."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A form with the seconds that it takes."""

    form: Form
    version: float
    """Median of `airgap version`."""
    verify: float
    """Median of `airgap verify` of a small layout."""


def measure(forms: Sequence[Form], layouts: Path, *, runs: int = RUNS) -> list[Measured]:
    """The forms take turns, so that a busy minute is the same for all. One run before it counts for nothing.

    `layouts` is the folder that `airgap demo --to` writes. Raises BuildError where a run fails.
    """
    verify = ["verify", str(layouts / "good"), "--trust", str(layouts / "trust"), "-q"]
    commands = (["version"], [*verify, "--scope", "registry.example/net-monitor"])
    variables = {name: value for name, value in environment().items() if name != "PYTHONDONTWRITEBYTECODE"}
    taken: dict[tuple[str, int], list[float]] = {}
    for turn in range(runs + 1):
        for form in forms:
            for number, command in enumerate(commands):
                seconds = _run([*form.words, *command], variables)
                if turn:
                    taken.setdefault((form.name, number), []).append(seconds)
    medians = {key: statistics.median(values) for key, values in taken.items()}
    return [Measured(form, medians[form.name, 0], medians[form.name, 1]) for form in forms]


def _run(words: Sequence[str], variables: Mapping[str, str]) -> float:
    begun = time.perf_counter()
    done = subprocess.run(words, env=variables, capture_output=True, check=False)
    taken = time.perf_counter() - begun
    if done.returncode:
        raise BuildError(f"{' '.join(words)} ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
    return taken


def table(measured: Sequence[Measured], *, recommended: str, fallback: str) -> str:
    """In Markdown, with a sentence that says which form to use where there is no Python.

    `recommended` is the form of one file, `fallback` that of a folder, where the one file starts too slowly.
    """
    base = next(one for one in measured if one.form.name == INSTALLED)
    rows = [
        f"| {one.form.name} | {one.form.size / 2**20:.1f} MiB | {_cell(one.version, base.version)} "
        f"| {_cell(one.verify, base.verify)} |"
        for one in measured
    ]
    one_file = next(one for one in measured if one.form.name == recommended)
    ratio = one_file.version / base.version
    if ratio <= LIMIT:
        advice = f"Without Python, use the {recommended}: it starts in {ratio:.1f} times the time of the {INSTALLED}."
    else:
        advice = (
            f"Without Python, use the {fallback}. The {recommended} unpacks itself at each start and takes {ratio:.1f} "
            f"times as long as the {INSTALLED} (the limit is {LIMIT}): it is for a few commands, not for scripts."
        )
    head = "| form | size | `airgap version` | `airgap verify` of a small layout |\n| --- | --- | --- | --- |"
    return "\n".join([head, *rows, "", advice, ""])


def _cell(seconds: float, base: float) -> str:
    return f"{seconds:.2f} s ({seconds / base:.1f} times)"
