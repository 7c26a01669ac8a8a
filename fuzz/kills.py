"""`python -m fuzz.kills`: commands that are killed, at every system call that changes a file and at random moments.

After each kill everything with a final name is whole. The same command again ends well, with the files of a whole run,
and no other ones. The system calls need strace; without it only moments are tried.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from tests.support.copying import check_sound, family, write
from tests.support.crls import crl
from tests.support.pki import AT, Pki
from tests.support.scenario import Scene
from tests.support.signing import key_options

CALLS: Final = (
    *("write", "pwrite64", "writev", "copy_file_range", "sendfile", "ftruncate", "fallocate", "fsync", "fdatasync"),
    *("rename", "renameat", "renameat2", "link", "linkat", "symlink", "unlink", "unlinkat", "rmdir", "mkdir"),
    *("mkdirat", "chmod", "fchmod", "fchmodat", "utimensat", "flock"),
)
"""System calls that change a file. One that makes a file is followed by one of these."""
_HEX: Final = re.compile("[0-9a-f]{8,}")
_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class Case:
    """A command. `{work}` is a fresh copy of what it reads and changes."""

    name: str
    arguments: Sequence[str]
    well: Sequence[int] = (0,)
    """The exit codes with which it ends well."""
    beside: frozenset[str] = frozenset()
    """What a killed run may leave: blobs that no entry lists. A signature is another one each time."""


_KEY: Final = ("--private-key", "{work}/key/leaf.key", "--chain", "{work}/key/chain.crt")
_FETCH: Final = ("trust", "fetch", "{work}/signed", "--no-download", "--from", "{work}/crls", "--trust", "{work}/trust")
CASES: Final = (
    Case("copy LAYOUT LAYOUT", ("copy", "-q", "{work}/source", "{work}/new")),
    Case("copy into LAYOUT", ("copy", "-q", "{work}/source", "{work}/other")),
    Case("copy LAYOUT TAR", ("copy", "-q", "{work}/source", "{work}/new.tar")),
    Case("copy TAR LAYOUT", ("copy", "-q", "{work}/packed.tar", "{work}/new")),
    Case("sign", ("sign", "{work}/other:v2", *_KEY), beside=frozenset({"other/blobs/sha256/#"})),
    Case("attach", ("attach", "{work}/sbom.json", "{work}/other:v2", "--artifact-type", "application/spdx+json")),
    Case("trust fetch", _FETCH, well=(0, 15)),
    Case("trust fetch --into", (*_FETCH, "--into", "{work}/signed"), well=(0, 15)),
    Case("trust snapshot create", ("trust", "snapshot", "create", "--trust", "{work}/trust", "-o", "oci:{work}/snap")),
    Case(
        "verify --report",
        ("verify", "{work}/signed", "--trust", "{work}/trust", "--report", "{work}/made.json"),
        well=(0, 15),
    ),
)


def main() -> int:
    """Exit code 0 where everything held."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.kills", description=__doc__)
    parser.add_argument(
        "-n", type=int, default=500, metavar="KILLS", help="at random moments, of all commands together"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=[case.name for case in CASES], action="append")
    options = parser.parse_args()
    cases = [case for case in CASES if not options.only or case.name in options.only]
    broken = 0
    with tempfile.TemporaryDirectory(prefix="airgap-kills-") as folder:
        ground = _ground(Path(folder) / "ground")
        for case in cases:
            trial = _Trial(case, ground, Path(folder) / "work")
            chance = random.Random(f"{options.seed} {case.name}")  # noqa: S311 - moments, not secrets
            calls = list(trial.at_calls()) if shutil.which("strace") else []
            moments = list(trial.at_moments(chance, max(1, options.n // len(cases))))
            faults = [fault for fault in (*calls, *moments) if fault]
            broken += len(faults)
            print(f"{case.name:<24} killed at {len(calls)} calls and {len(moments)} moments: {len(faults)} broken")
            print(*faults[:3], sep="\n", end="", flush=True)
    return 1 if broken else 0


class _Trial:
    """One command on fresh ground, again and again. For each kill it tells what does not hold; empty where all does."""

    def __init__(self, case: Case, ground: Path, work: Path) -> None:
        self._case, self._ground, self._work = case, ground, work
        arguments = [item.replace("{work}", str(work)) for item in case.arguments]
        self._command = [sys.executable, "-m", "airgap", *arguments]
        self._fresh()
        began = time.monotonic()
        self._run_well()
        self._usual = time.monotonic() - began
        self._whole = _names(work)

    def at_calls(self) -> Iterator[str]:
        """Killed before each system call that changes a file."""
        for call in CALLS:
            for number in range(1, 10_000):
                self._fresh()
                inject = f"inject={call}:signal=SIGKILL:when={number}"
                command = ["strace", "-f", "-qqq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject]
                command += self._command
                done = subprocess.run(command, check=False, capture_output=True, timeout=_SECONDS)  # noqa: S603
                if done.returncode != -signal.SIGKILL:
                    break
                yield self._fault(f"{call} {number}")

    def at_moments(self, chance: random.Random, kills: int) -> Iterator[str]:
        """Killed at random moments."""
        for _ in range(kills):
            self._fresh()
            moment = self._usual * chance.uniform(0.3, 1.05)
            process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
            time.sleep(moment)
            process.send_signal(chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
            process.wait(_SECONDS)
            yield self._fault(f"after {moment:.3f} s")

    def _fault(self, where: str) -> str:
        try:
            self._check()
        except (AssertionError, ValueError) as error:
            return f"  {where}: {str(error)[-1500:]}\n"
        return ""

    def _check(self) -> None:
        """Raises AssertionError, or ValueError for half a document."""
        for layout in self._work.iterdir():
            if (layout / "oci-layout").exists():
                check_sound(layout)
        for document in self._work.rglob("*.json"):
            json.loads(document.read_bytes())
        self._run_well()
        found = _names(self._work)
        more, less = set(found - self._whole) - self._case.beside, self._whole - found
        if more or less:
            raise AssertionError(f"there is {sorted(more)}, and not {sorted(less)}")

    def _run_well(self) -> None:
        done = subprocess.run(self._command, check=False, capture_output=True, text=True, timeout=_SECONDS)  # noqa: S603
        if done.returncode not in self._case.well or "Traceback" in done.stderr:
            raise AssertionError(f"exit code {done.returncode}: {done.stdout}{done.stderr}")

    def _fresh(self) -> None:
        shutil.rmtree(self._work, ignore_errors=True)
        shutil.copytree(self._ground, self._work)


def _names(folder: Path) -> Counter[str]:
    """All files and folders, without what is different each time."""
    return Counter(_HEX.sub("#", str(path.relative_to(folder))) for path in folder.rglob("*"))


def _ground(folder: Path) -> Path:
    """What the commands read and change."""
    folder.mkdir(parents=True)
    write(folder / "source", family(1))
    write(folder / "other", family(2, tag="v2"))
    family(3).builder.write_tar(folder / "packed.tar")
    (folder / "sbom.json").write_text("{}", encoding="utf-8")
    chain = Pki().code_chain()
    key_options(folder / "key", chain)
    written = Scene().write(folder / "scene")
    written.layout.rename(folder / "signed")
    written.trust.rename(folder / "trust")
    shutil.rmtree(folder / "scene")
    (folder / "crls").mkdir()
    for number in (1, 2, 3):
        made = AT + timedelta(days=number)
        data = crl(chain.chain[1], number=number, this_update=made, next_update=made + timedelta(days=99))
        (folder / "crls" / f"{number}.crl").write_bytes(data)
    return folder


if __name__ == "__main__":
    sys.exit(main())
