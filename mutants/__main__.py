"""`python -m mutants`: one changed line at a time, and whether a test fails. See README.md."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import zip_longest
from pathlib import Path
from random import Random

from mutants.covering import Covering
from mutants.operators import Mutant, mutants_of
from mutants.slips import SLIPS, survivors
from mutants.trial import Copy, Fate, preload

FOLDERS = ("airgap/revocation", "airgap/verifier", "airgap/pki", "airgap/oci")
ROOT = Path(__file__).parent.parent


def main() -> int:
    """Exit code 0, whatever survives: the score is for people to judge. Of the slips none may survive."""
    parser = argparse.ArgumentParser(prog="python -m mutants", description=__doc__)
    parser.add_argument("folders", nargs="*", default=FOLDERS, metavar="FOLDER", help=f"default: {', '.join(FOLDERS)}")
    parser.add_argument("--sample", type=int, metavar="N", help="so many of each folder, drawn by --seed; default: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--cache", type=Path, default=ROOT / ".mutants", help="folder for the map and the results")
    parser.add_argument("--list", action="store_true", help="only what survived so far")
    parser.add_argument("--slips", action="store_true", help="only those of slips.py, each with its test")
    options = parser.parse_args()
    if options.slips:
        return _try_slips()
    options.cache.mkdir(exist_ok=True)
    results = _Results(options.cache / "results.jsonl")
    wanted = {folder: _sample(folder, options.sample, options.seed) for folder in options.folders}
    if not options.list:
        in_turns = [mutant for turn in zip_longest(*wanted.values()) for mutant in turn if mutant]
        _try_all(in_turns, results, options)
    for folder, mutants in wanted.items():
        _tell(folder, mutants, results)
    return 0


def _try_slips() -> int:
    os.environ.setdefault("AIRGAP_INTEROP", str(ROOT.parent / "shared" / "interop"))
    with tempfile.TemporaryDirectory(prefix="airgap-mutants-") as folder:
        left = list(survivors(ROOT, Path(folder) / "repository"))
    for slip in left:
        print(f"survived: {slip.rule}\n  {slip.path}: {slip.test}")
    print(f"{len(SLIPS) - len(left)} of {len(SLIPS)} slips are noticed")
    return 1 if left else 0


def _sample(folder: str, count: int | None, seed: int) -> list[Mutant]:
    found = [
        mutant
        for path in sorted((ROOT / folder).rglob("*.py"))
        for mutant in mutants_of(path.relative_to(ROOT).as_posix(), path.read_bytes())
    ]
    # a larger sample holds the smaller one, so that what was tried counts on
    Random(f"{seed} {folder}").shuffle(found)  # noqa: S311 - to be repeated
    return found[:count]


class _Results:
    """The result of each mutant; a line is added as soon as it is known, so that a run may be ended at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self.fates = {entry["id"]: Fate(entry["fate"]) for entry in map(json.loads, lines)}

    def add(self, mutant: Mutant, fate: Fate) -> None:
        """Keep it."""
        self.fates[mutant.id] = fate
        with self._path.open("a") as file:
            file.write(json.dumps({"id": mutant.id, "fate": fate.value, "before": mutant.before}) + "\n")


_copies: list[tuple[Copy, Covering]] = []


def _start(cache: Path, folder: str, packages: Sequence[str]) -> None:
    preload()
    place = Path(tempfile.mkdtemp(dir=folder))
    _copies.append((Copy(ROOT, place / "repository"), Covering.of(ROOT, cache, packages)))


def _one(mutant: Mutant) -> tuple[Mutant, Fate]:
    copy, covering = _copies[0]
    tests = covering.tests(mutant.path, mutant.line)
    return mutant, copy.try_out(mutant, tests, covering.seconds)


def _try_all(mutants: Sequence[Mutant], results: _Results, options: argparse.Namespace) -> None:
    todo = [mutant for mutant in mutants if mutant.id not in results.fates]
    packages = [folder.replace("/", ".") for folder in options.folders]
    Covering.of(ROOT, options.cache, packages)
    os.environ.setdefault("AIRGAP_INTEROP", str(ROOT.parent / "shared" / "interop"))
    print(f"{len(todo)} mutants to try, {len(mutants) - len(todo)} known", flush=True)
    folder = tempfile.mkdtemp(prefix="airgap-mutants-")
    try:
        start = (options.cache, folder, packages)
        with ProcessPoolExecutor(options.workers, initializer=_start, initargs=start) as pool:
            for number, done in enumerate(as_completed([pool.submit(_one, mutant) for mutant in todo]), 1):
                mutant, fate = done.result()
                results.add(mutant, fate)
                if fate in {Fate.SURVIVED, Fate.UNCOVERED}:
                    print(f"{number}/{len(todo)} {fate}: {mutant.id}", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tell(folder: str, mutants: Sequence[Mutant], results: _Results) -> None:
    known = [(mutant, results.fates[mutant.id]) for mutant in mutants if mutant.id in results.fates]
    counted = Counter(fate for _, fate in known)
    killed = counted[Fate.KILLED] + counted[Fate.SLOW]
    score = f"{100 * killed / len(known):.1f} %" if known else "nothing tried"
    print(f"\n{folder}: {score} ({dict(counted)})")
    for line in _survivors(known):
        print(line)


def _survivors(known: Sequence[tuple[Mutant, Fate]]) -> Iterator[str]:
    for mutant, fate in sorted(known, key=lambda item: (item[0].path, item[0].line, item[0].column)):
        if fate in {Fate.SURVIVED, Fate.UNCOVERED}:
            yield f"  {mutant.path}:{mutant.line} {fate}, {mutant.kind}"
            yield f"    - {' '.join(mutant.before.split())}"
            yield f"    + {' '.join(mutant.after.split())}"


if __name__ == "__main__":
    sys.exit(main())
