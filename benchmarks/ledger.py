"""A ledger of 100,000 artifacts: to record, list, check and judge all of it again takes time that grows as it does."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import airgap
from airgap.hashing import fingerprint
from airgap.ledger import JudgedArtifact, NewRow, judgements
from airgap.oci.digest import Digest
from airgap.parse.time import iso
from benchmarks.verify import ENVIRONMENT
from tests.support.ledgers import verified
from tests.support.scenario import Written, with_everything

MOST: Final = 100_000
SIZES: Final = (MOST // 4, MOST)
_BATCH: Final = 1000
_SLOWEST: Final = 1.25
"""How much longer each artifact may take in the large ledger than in the small one."""


def rows(written: Written, count: int) -> Iterator[NewRow]:
    """Judgements of so many images: timestamped, with CRLs for both chains."""
    outcome = verified(written)
    (made,) = judgements(outcome, operator="benchmark")
    old = str(outcome.artifacts[0].descriptor.digest).encode()
    if not isinstance(entry := made.entry, JudgedArtifact) or made.attached is None:
        raise TypeError("not a judgement")
    for number in range(count):
        digest = Digest.of(b"%d" % number)
        document = made.attached.replace(old, str(digest).encode())
        changed = replace(entry, digest=digest, attached=fingerprint(document))
        yield NewRow(changed, document, made.certificates)


def fill(path: Path, written: Written, count: int) -> float:
    """The seconds that it takes to record so many rows, a thousand in a transaction."""
    began = time.process_time()
    with airgap.Ledger.open(path, write=True) as ledger:
        batch: list[NewRow] = []
        for row in rows(written, count):
            batch.append(row)
            if len(batch) == _BATCH:
                ledger.record(batch)
                batch.clear()
        ledger.record(batch)
    return time.process_time() - began


def command(*arguments: str) -> tuple[float, float]:
    """Seconds of processor time of one command, and its peak memory in MiB."""
    script = (
        "import resource, subprocess, sys\n"
        "code = subprocess.run([sys.executable, '-m', 'airgap', *sys.argv[1:]], stdout=subprocess.DEVNULL).returncode\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(code, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True, env=ENVIRONMENT
    )
    code, seconds, memory = ran.stdout.split()
    if code != "0":
        raise RuntimeError(ran.stderr)
    return float(seconds), float(memory)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        written = with_everything().write(Path(folder) / "scene")
        judging = ["--trust", str(written.trust), "--at", iso(written.at)]
        each: list[float] = []
        for count in SIZES:
            path = Path(folder) / f"{count}.ledger"
            recorded = fill(path, written, count)
            size = path.stat().st_size / count
            print(f"{count} artifacts: recorded in {recorded:.0f} s, {size / 1024:.1f} KiB each")
            for name, arguments in (
                ("list --name", ["ledger", "list", "--name", "nothing", "--ledger", str(path)]),
                ("check", ["ledger", "check", str(path)]),
                ("recheck", ["recheck", "--ledger", str(path), *judging]),
            ):
                seconds, memory = command(*arguments)
                print(f"  {name:12} {seconds:7.1f} s, {1000 * seconds / count:6.3f} ms each, {memory:.0f} MiB")
            each.append(seconds / count)
        ratio = each[1] / each[0]
        print(f"recheck of one artifact, in {SIZES[1]} against {SIZES[0]}: {ratio:.2f} (promised {_SLOWEST})")
        if ratio > _SLOWEST:
            print("OVER THE BOUND")


if __name__ == "__main__":
    main()
