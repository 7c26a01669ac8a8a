"""One door under the plain mutator: `python -m fuzz.plain DOOR CORPUS CRASHES SECONDS SEED`.

Where atheris is not to be had, the same doors are still tried with changed corpus bytes. An input that crashes is
saved, and the exit code is 77, as libFuzzer's.
"""

from __future__ import annotations

import hashlib
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

from fuzz.bounds import bound_memory, bounded_time
from fuzz.doors import DOORS
from fuzz.mutate import BLIND, DER, JSON, Change, changed

CRASHED: Final = 77
_OF_DER: Final = {"der", "certificate", "store-file", "crl", "ocsp", "token", "tsa-answer"}
_BLIND: Final = {"cose", "cbor", "tar", "reference", "freshness"}


def changes_for(door: str) -> Sequence[Change]:
    """The changes that fit the form of a door's input."""
    return DER if door in _OF_DER else BLIND if door in _BLIND else JSON


def main(name: str, corpus: str, crashes: str, seconds: str, seed: str) -> int:
    """Try the corpus as it is, then changed, until the time is over."""
    bound_memory()
    door = DOORS[name]
    random = Random(f"{seed} {name}")  # noqa: S311 - to be repeated, not to be secret
    samples = [path.read_bytes() for path in sorted(Path(corpus).iterdir())]
    count, end = 0, time.process_time() + float(seconds)
    while count < len(samples) or time.process_time() < end:
        first = count < len(samples)
        data = samples[count] if first else changed(random, random.choice(samples), samples, changes_for(name))
        count += 1
        try:
            with bounded_time():
                door(data)
        except Exception:  # noqa: BLE001 - whatever leaves a door is what is looked for
            place = Path(crashes) / f"{name}-{hashlib.sha256(data).hexdigest()[:16]}"
            place.write_bytes(data)
            sys.stdout.write(f"{traceback.format_exc(limit=-12)[-4000:]}\nsaved as {place}\n")
            return CRASHED
    sys.stdout.write(f"{count} inputs\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
