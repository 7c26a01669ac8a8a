"""`python -m fuzz.campaign`: change cases by the hundred thousand; none may gain a PASS. See fuzz/README.md."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from fuzz.campaign.run import run
from fuzz.campaign.sweep import sweep


def main() -> int:
    """Exit code 0 where every law held, else 1."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.campaign", description=__doc__)
    parser.add_argument("-n", type=int, default=1_000_000, metavar="N", help="how many mutants")
    parser.add_argument("--first", type=int, default=0, metavar="NUMBER", help="number of the first one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--cache", type=Path, default=Path(".fuzz"), help="folder for cases and findings")
    parser.add_argument("--sweep", action="store_true", help="instead: each byte of each piece that condemns")
    options = parser.parse_args()
    numbers = range(options.first, options.first + options.n)
    if options.sweep:
        tally = sweep(options.cache, options.workers, _tell)
    else:
        tally = run(options.cache, numbers, options.seed, options.workers, _tell)
    print(f"{tally.verdicts.total()} mutants: {dict(sorted(tally.verdicts.items()))}")
    print(f"{len(tally.findings)} findings")
    if tally.findings and not options.sweep:
        replay = f"python -m fuzz.campaign --seed {options.seed} -n 1 --first NUMBER --workers 1"
        print(f"each is kept in {options.cache}/gained, with the command that judges it; again: {replay}")
    return 1 if tally.findings else 0


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
