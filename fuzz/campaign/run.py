"""The campaign's course: numbers to mutants, mutants to verdicts, on every core; what breaks a law is kept whole."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from airgap.parse.time import iso
from airgap.verdict import Verdict
from fuzz.campaign import case as case_module
from fuzz.campaign import forge, world
from fuzz.campaign.case import FORGED, Case, write_tree
from fuzz.campaign.changes import Donors, Mutant, mutate
from fuzz.campaign.copies import SHARE, Copied, copied
from fuzz.campaign.imports import Imported, imported
from fuzz.campaign.judge import Bench, Law, hidden, memory_folder
from fuzz.campaign.tree import apply, entries

_BATCH: Final = 500
_IMPORTED: Final = 2
"""One mutant is imported for so many that are copied: an import takes twice as long as a verdict."""
_FINDINGS: Final = 50
"""Findings that are kept whole; more are only counted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A law that was broken."""

    number: int
    case: str
    changes: tuple[str, ...]
    problem: str


@dataclass(slots=True)
class Tally:
    """What came of some mutants."""

    verdicts: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """The sum of both."""
        self.verdicts += other.verdicts
        self.findings += other.findings


def cases_in(cache: Path) -> list[Case]:
    """The cases; made once and kept, since signatures differ each time, and a seed has to mean the same."""
    made_by = hashlib.sha256()
    for module in (forge, world, case_module):
        made_by.update(Path(str(module.__file__)).read_bytes())
    made_by.update(repr([place.name for place in forge.interop_places()]).encode())
    folder = cache / f"cases-{made_by.hexdigest()[:12]}"
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as fresh:
            for case in forge.make_cases():
                case.write(Path(fresh) / "cases" / case.name)
            (Path(fresh) / "cases").rename(folder)
    return [Case.read(place) for place in sorted(folder.iterdir())]


class Campaign:
    """All that one process needs to judge mutants."""

    def __init__(self, cases: Sequence[Case], seed: int, folder: Path, *, share: int = SHARE) -> None:
        self.cases = tuple(cases)
        self._seed, self._share = seed, share
        families = sorted({case.family for case in cases})
        self._donors = {
            family: Donors.of([case for case in cases if case.family in {family, FORGED}]) for family in families
        }
        self._bench = Bench(folder)
        self.problems: list[Finding] = []
        self._law = Law()
        for case in cases:
            self._learn(case)

    def _learn(self, case: Case) -> None:
        """What comes of a case as it is; one that is not what it says is a finding of its own."""
        outcome = self._bench.whole(case)
        self._law.learn(case, outcome)
        passed = outcome.verdict is Verdict.PASS and outcome.exit_code == 0
        if passed != case.accepted:
            problem = f"as it is: {outcome.verdict}, exit code {outcome.exit_code}"
            self.problems.append(Finding(-1, case.name, (), problem))

    def mutant(self, number: int) -> tuple[Mutant, str]:
        """The mutant of this number, and what of it is verified."""
        random = Random(f"{self._seed} {number}")  # noqa: S311 - to be repeated, not to be secret
        case = random.choice(self.cases)
        mutant = mutate(random, case, self._donors[case.family])
        digests = [str(item.get("digest")) for item in entries(mutant.case.layout)]
        return mutant, random.choice(("", "", ":v1", f"@{digests[0]}" if digests else ""))

    def judge(self, number: int) -> tuple[str, Finding | None]:
        """The verdict on one mutant, and the law that it breaks."""
        mutant, part = self.mutant(number)
        problem: str | None
        try:
            outcome = self._bench.outcome(mutant, part)
            done: list[Copied | Imported] = []
            done += [copied(self._bench, mutant, part)] if number % self._share == 0 else []
            done += [imported(self._bench, mutant, part)] if number % (_IMPORTED * self._share) == 1 else []
        except Exception:  # noqa: BLE001 - whatever leaves verify or copy is what is looked for
            verdict, problem = "crash", traceback.format_exc(limit=-8)
        else:
            verdict, problem = outcome.verdict.value, self._law.broken(mutant, outcome)
            if problem is None and part == "" and outcome.verdict is Verdict.PASS:
                problem = hidden(mutant, outcome)
            problem = problem or next(filter(None, (one.broken(outcome) for one in done)), None)
        found = Finding(number, mutant.case.name, (*mutant.done, part), problem) if problem else None
        return verdict, found


_campaign: list[Campaign] = []


def _start(cache: Path, seed: int, folder: Path) -> None:
    own = Path(tempfile.mkdtemp(dir=folder))
    _campaign.append(Campaign(cases_in(cache), seed, own))


def _batch(numbers: range) -> Tally:
    tally = Tally()
    for number in numbers:
        verdict, found = _campaign[0].judge(number)
        tally.verdicts[verdict] += 1
        if found:
            tally.findings.append(found)
    return tally


def run(cache: Path, numbers: range, seed: int, workers: int, tell: Callable[[str], None]) -> Tally:
    """Judge the mutants of these numbers. Findings are kept below `cache`/gained."""
    cases = cases_in(cache)
    total = Tally()
    began = told = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="airgap-campaign-", dir=memory_folder()) as name:
        folder = Path(name)
        first = Campaign(cases, seed, folder / "first")
        total.findings += first.problems
        tell(f"{len(cases)} cases, {sum(case.accepted for case in cases)} accepted; seed {seed}, {workers} processes")
        for finding in first.problems:
            tell(sentence(finding))
        done = 0
        with ProcessPoolExecutor(workers, initializer=_start, initargs=(cache, seed, folder)) as pool:
            batches = [pool.submit(_batch, batch) for batch in _batches(numbers)]
            for batch in as_completed(batches):
                tally = batch.result()
                done += tally.verdicts.total()
                for finding in tally.findings:
                    if len(total.findings) < _FINDINGS:
                        _keep(first, finding, cache / "gained" / f"{seed}-{finding.number}")
                        tell(sentence(finding))
                total.add(tally)
                if time.monotonic() - told > 10 or done == len(numbers):  # noqa: PLR2004
                    told = time.monotonic()
                    rate = done / (told - began)
                    tell(f"{done} of {len(numbers)}, {rate:.0f} a second, {len(total.findings)} findings")
    return total


def _batches(numbers: range) -> Iterator[range]:
    for start in range(0, len(numbers), _BATCH):
        yield numbers[start : start + _BATCH]


def sentence(finding: Finding) -> str:
    """What was found, on one line."""
    return f"BROKEN {finding.number} {finding.case} {', '.join(finding.changes)}: {finding.problem}"


def _keep(campaign: Campaign, finding: Finding, folder: Path) -> None:
    """The whole input, so that the command can judge it: `airgap verify FOLDER/layout --trust FOLDER/trust ...`."""
    mutant, part = campaign.mutant(finding.number)
    shutil.rmtree(folder, ignore_errors=True)
    write_tree(folder / "layout", mutant.tree)
    if mutant.case.archive:
        (folder / "layout.tar").write_bytes(mutant.archive())
    write_tree(folder / "trust", apply(mutant.case.trust, mutant.trust))
    ending = ".tar" if mutant.case.archive else ""
    judged = f"--scope {mutant.case.scope} --at {iso(mutant.case.at)}"
    command = f"airgap verify {folder}/layout{ending}{part} --trust {folder}/trust {judged}"
    about = {"case": finding.case, "changes": finding.changes, "problem": finding.problem, "command": command}
    (folder / "finding.json").write_text(json.dumps(about, indent=1))
