"""`python -m fuzz`: hunt for bytes that break a door, or try one file again. See README.md."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from fuzz import corpus
from fuzz.doors import DOORS
from fuzz.hunt import has_atheris, hunt

CACHE = Path(".fuzz")


def main() -> int:
    """Exit code 0 where no door broke, else 1."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--time", type=int, default=60, metavar="SECONDS", help="for each door")
    parser.add_argument("--only", choices=sorted(DOORS), action="append", metavar="DOOR", help=", ".join(DOORS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--plain", action="store_true", help="the plain mutator, also where atheris is installed")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder for corpus and crashes")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="one input, through the one door of --only")
    options = parser.parse_args()
    if options.replay:
        if not options.only:
            parser.error("--replay needs --only DOOR")
        DOORS[options.only[0]](options.replay.read_bytes())
        return 0
    return _hunt(options)


def _hunt(options: argparse.Namespace) -> int:
    guided = has_atheris() and not options.plain
    doors = options.only or list(DOORS)
    corpus.write(options.cache / "corpus")
    print(f"{len(doors)} doors, {options.time} s each, {'atheris' if guided else 'plain mutator'}", flush=True)
    broken = 0
    caught = hunt(
        doors,
        options.cache / "corpus",
        options.cache / "crashes",
        seconds=options.time,
        seed=options.seed,
        workers=options.workers,
        guided=guided,
    )
    for catch in caught:
        broken += catch.crashed
        print(f"{'BROKEN' if catch.crashed else 'ok':7}{catch.door:16}{catch.inputs or 0:>9} inputs", flush=True)
        if catch.crashed:
            print(f"{catch.said}\ntry it again: python -m fuzz --only {catch.door} --replay FILE", flush=True)
    print(f"{len(doors) - broken} of {len(doors)} doors held")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
