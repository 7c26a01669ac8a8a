"""Which tests run which line, from one run of the suite under coverage with a context for each test."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from coverage import CoverageData

TESTS: Final = (
    *("tests/unit", "tests/negative", "tests/property", "tests/regressions", "tests/interop", "tests/e2e"),
    "tests/copy",
)
"""Those that run the judgement and the stages. What they run in processes of their own is not mutated."""
_DATA: Final = "coverage.data"
_TIMES: Final = "durations.json"
_PACKAGES: Final = "packages.json"
"""Those whose lines the map has: it says nothing about others."""


class Timekeeper:
    """A plugin of pytest that notes how long each test took, and which failed."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of one test is over."""
        self._seconds[report.nodeid] += report.duration
        if report.failed:
            self._failed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """All are."""
        self._place.write_text(json.dumps({"seconds": self._seconds, "failed": sorted(self._failed)}))


def pytest_configure(config: Any) -> None:
    """Loaded as `-p mutants.covering` in the run that is measured."""
    if place := config.getoption("--durations-to", default=None):
        config.pluginmanager.register(Timekeeper(Path(place)))


def pytest_addoption(parser: Any) -> None:
    """The option that says where to."""
    parser.addoption("--durations-to")


class Covering:
    """The map from lines to tests."""

    def __init__(self, folder: Path, root: Path) -> None:
        self._root = root
        self._data = CoverageData(str(folder / _DATA))
        self._data.read()
        self._lines: dict[str, Mapping[int, list[str]]] = {}
        noted = json.loads((folder / _TIMES).read_text())
        self.seconds: Mapping[str, float] = noted["seconds"]
        self._failed = frozenset(noted["failed"])

    @classmethod
    def of(cls, root: Path, folder: Path, packages: Sequence[str]) -> Covering:
        """Runs the tests once, if there is no map of all `packages` in `folder` yet."""
        mapped = json.loads((folder / _PACKAGES).read_text()) if (folder / _PACKAGES).exists() else []
        if not set(packages) <= set(mapped):
            folder.mkdir(parents=True, exist_ok=True)
            sources = [f"--cov={package}" for package in packages]
            subprocess.run(  # noqa: S603 - the tests of this very repository
                [
                    *(sys.executable, "-m", "pytest", "-q", "-p", "mutants.covering", "-p", "no:cacheprovider"),
                    *(*sources, "--cov-context=test", "--cov-report=", f"--durations-to={folder / _TIMES}"),
                    *(test for test in TESTS if (root / test).exists()),
                ],
                cwd=root,
                env={**_environment(), "COVERAGE_FILE": str(folder / _DATA)},
                check=False,  # what fails without a mutant is left out
            )
            (folder / _PACKAGES).write_text(json.dumps(list(packages)))
        return cls(folder, root)

    def _by_line(self, path: str) -> Mapping[int, list[str]]:
        if path not in self._lines:
            self._lines[path] = self._data.contexts_by_lineno(str(self._root / path))
        return self._lines[path]

    def tests(self, path: str, line: int) -> list[str]:
        """The tests that run a line: those about its module, then those about its folder; the quick ones first."""
        by_line = self._by_line(path)
        # of an expression on several lines, some are noted under the line of its beginning
        begun = max((known for known in by_line if known <= line), default=line)
        contexts = set(by_line.get(line) or by_line.get(begun, []))
        if contexts == {""}:  # run when the module is imported: every test that imports it
            contexts = {context for found in by_line.values() for context in found}
        names = {context.partition("|")[0] for context in contexts} - {""} - self._failed
        known = [name for name in names if name in self.seconds]
        folder, module = f"/{path.split('/')[1]}/", f"/test_{Path(path).stem}.py"
        return sorted(known, key=lambda name: (module not in name, folder not in name, self.seconds[name], name))


def _environment() -> dict[str, str]:
    import os

    return dict(os.environ)
