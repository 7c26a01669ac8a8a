"""One mutant before the tests: in a copy of the repository, by a process that has the libraries loaded already."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

from mutants.operators import Mutant

_COPIED: Final = ("airgap", "tests", "layouts", "fuzz", "pyproject.toml", "docs", "README.md", "CHANGELOG.md")
_SLACK: Final = 20.0
_FACTOR: Final = 3.0
_LEAST_TESTS: Final = 3
"""The first of them are run without a change, too."""
_STEPS: Final = (10, 50, 540)
"""How many tests are loaded and run together."""
_MOST_TESTS: Final = sum(_STEPS)
_MOST_SECONDS: Final = 40.0
"""Of the tests that run a line: the quickest ones. What they do not notice is listed as survived."""


class Fate(StrEnum):
    """The result for a mutant."""

    KILLED = "killed"
    SLOW = "killed by time"
    SURVIVED = "survived"
    UNCOVERED = "no test runs it"


class Copy:
    """A copy of the repository, for one mutant at a time."""

    def __init__(self, root: Path, place: Path) -> None:
        self._place = place
        self._checked: set[tuple[str, ...]] = set()
        place.mkdir(parents=True)
        for name in _COPIED:
            source = root / name
            if source.is_dir():
                shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, place / name)
        # checked by content: the times of files are too coarse for this
        subprocess.run(
            [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "airgap", "tests"],
            cwd=place,
            check=True,
        )

    def try_out(self, mutant: Mutant, tests: Sequence[str], seconds: Mapping[str, float]) -> Fate:
        """Whether one of `tests` fails; `seconds` says how long each takes where nothing is changed."""
        if not tests:
            return Fate.UNCOVERED
        self._check(tests[:_LEAST_TESTS])
        path = self._place / mutant.path
        source = path.read_bytes()
        path.write_bytes(mutant.apply(source))
        try:
            chosen = _affordable(tests, seconds)
            return self._run(chosen, sum(seconds[name] for name in chosen) * _FACTOR + _SLACK)
        finally:
            path.write_bytes(source)

    def _check(self, tests: Sequence[str]) -> None:
        """Where nothing is changed, nothing fails; once for each set of tests, or every mutant would look killed."""
        if (known := tuple(tests)) not in self._checked:
            if self._run(tests, _SLACK * len(tests)) is not Fate.SURVIVED:
                raise RuntimeError(f"these fail in a copy of the repository without any change: {known}")
            self._checked.add(known)

    def _run(self, tests: Sequence[str], limit: float) -> Fate:
        child = os.fork()
        if child == 0:
            os._exit(_tests_fail(self._place, tests))
        end = time.monotonic() + limit
        while time.monotonic() < end:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return Fate.SURVIVED if os.waitstatus_to_exitcode(status) == 0 else Fate.KILLED
            time.sleep(0.02)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return Fate.SLOW


def _affordable(tests: Sequence[str], seconds: Mapping[str, float]) -> list[str]:
    """The first of them, until their number or their time is too much."""
    chosen: list[str] = []
    total = 0.0
    for name in tests[:_MOST_TESTS]:
        total += seconds[name]
        if chosen and total > _MOST_SECONDS:
            break
        chosen.append(name)
    return chosen


def _tests_fail(place: Path, tests: Sequence[str]) -> int:
    """In the child: run the tests in the copy, without output."""
    os.setpgrp()
    os.chdir(place)
    sys.path[:] = [str(place), *(entry for entry in sys.path if entry not in {"", str(place)})]
    sys.dont_write_bytecode = True
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    import pytest

    options = ("-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0", "--assert=plain", "--tb=no")
    try:
        for some in _in_steps(tests):
            if code := int(pytest.main([*options, f"--rootdir={place}", *some])):
                return code
    except BaseException:  # noqa: BLE001 - a mutant may do anything
        return 1
    return 0


def _in_steps(tests: Sequence[str]) -> Iterator[Sequence[str]]:
    """The first few, then more: most mutants are killed by the first, and each module of tests takes time to load."""
    done = 0
    for step in _STEPS:
        if some := tests[done : done + step]:
            yield some
        done += step


def preload() -> None:
    """What every child needs, and no mutant changes."""
    import asn1crypto.tsp
    import cryptography.hazmat.primitives.asymmetric.rsa
    import cryptography.x509.verification
    import hypothesis.strategies
    import pytest

    del asn1crypto, cryptography, hypothesis, pytest
