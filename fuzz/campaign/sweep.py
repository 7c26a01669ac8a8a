"""Every byte of every piece of evidence that condemns, changed alone, and the piece cut there: no PASS may come of it.

Chance hits the same byte too seldom to find out what a single one can do.
"""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Final

from airgap.verdict import Verdict
from fuzz.campaign.case import Case
from fuzz.campaign.changes import Mutant
from fuzz.campaign.judge import Bench, memory_folder
from fuzz.campaign.run import Finding, Tally, cases_in, sentence

_CHANGES: Final = (0x01, 0x80)


def sweep(cache: Path, workers: int, tell: Callable[[str], None]) -> Tally:
    """Judge them all; the numbers of findings are those of bytes."""
    total = Tally()
    with (
        tempfile.TemporaryDirectory(prefix="airgap-sweep-", dir=memory_folder()) as folder,
        ProcessPoolExecutor(workers) as pool,
    ):
        jobs = [
            pool.submit(_sweep, case, path, Path(folder))
            for case in cases_in(cache)
            if not case.accepted
            for path in sorted(case.condemning)
        ]
        for number, job in enumerate(as_completed(jobs), 1):
            tally = job.result()
            for finding in tally.findings:
                tell(sentence(finding))
            total.add(tally)
            tell(f"{number} of {len(jobs)} pieces, {total.verdicts.total()} mutants, {len(total.findings)} findings")
    return total


def _sweep(case: Case, path: str, folder: Path) -> Tally:
    tally = Tally()
    bench = Bench(Path(tempfile.mkdtemp(dir=folder)))
    for place, change, data in _damaged(case.trust[path]):
        mutant = Mutant(case, trust={path: data})
        try:
            verdict, problem = bench.outcome(mutant, "").verdict, "PASS gained"
        except Exception:  # noqa: BLE001 - whatever leaves verify is what is looked for
            verdict, problem = Verdict.PASS, traceback.format_exc(limit=-8)
        tally.verdicts[verdict.value] += 1
        if verdict in {Verdict.PASS, Verdict.SKIPPED}:
            tally.findings.append(Finding(place, case.name, (path, change), problem))
    return tally


def _damaged(data: bytes) -> Iterator[tuple[int, str, bytes]]:
    for place, byte in enumerate(data):
        yield place, "cut", data[:place]
        for change in _CHANGES:
            yield place, f"xor {change:02x}", data[:place] + bytes([byte ^ change]) + data[place + 1 :]
