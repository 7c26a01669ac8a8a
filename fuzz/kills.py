"""`python -m fuzz.kills`: commands that are killed, at every system call that changes a file and at random moments.

After each kill what has a final name is whole; the same command again ends well, with the files of a run that nobody
killed, and no other ones. The system calls need strace; without it only moments are tried.
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
    *(
        "rename",
        "renameat",
        "renameat2",
        "link",
        "linkat",
        "symlink",
        "unlink",
        "unlinkat",
        "mkdir",
        "mkdirat",
        "rmdir",
    ),
    *("chmod", "fchmod", "fchmodat", "utimensat", "flock"),
)
"""System calls that change a file. One that makes a file is followed by one of these."""
_HEX: Final = re.compile("[0-9a-f]{8,}")
_SECONDS: Final = 120


@dataclass(frozen=True, slots=True)
class Case:
    """A command, and the exit codes with which it ends well. `{work}` is a fresh copy of what it may change."""

    name: str
    arguments: Sequence[str]
    again: Sequence[int] = (0,)


CASES: Final = (
    Case("copy LAYOUT LAYOUT", ("copy", "-q", "{work}/source", "{work}/new")),
    Case("copy into LAYOUT", ("copy", "-q", "{work}/source", "{work}/other")),
    Case("copy LAYOUT TAR", ("copy", "-q", "{work}/source", "{work}/new.tar")),
    Case("copy TAR LAYOUT", ("copy", "-q", "{work}/packed.tar", "{work}/new")),
    Case(
        "sign", ("sign", "{work}/other:v2", "--private-key", "{work}/key/leaf.key", "--chain", "{work}/key/chain.crt")
    ),
    Case("attach", ("attach", "{work}/sbom.json", "{work}/other:v2", "--artifact-type", "application/spdx+json")),
    Case(
        "trust fetch --from",
        ("trust", "fetch", "{work}/signed", "--no-download", "--from", "{work}/crls", "--trust", "{work}/trust"),
        again=(0, 15),
    ),
    Case(
        "trust fetch --into",
        ("trust", "fetch", "{work}/signed", "--no-download", "--from", "{work}/crls", "--into", "{work}/signed"),
        again=(0, 15),
    ),
    Case("trust snapshot create", ("trust", "snapshot", "create", "--trust", "{work}/trust", "-o", "oci:{work}/snap")),
    Case(
        "trust export",
        ("trust", "export", "--for", "notation", "--trust", "{work}/trust", "{work}/exported"),
        again=(0, 20),
    ),
    Case(
        "verify --report",
        ("verify", "{work}/signed", "--trust", "{work}/trust", "--report", "{work}/made.json"),
        again=(0, 15),
    ),
)


def main() -> int:
    """Exit code 0 where everything held."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.kills", description=__doc__)
    parser.add_argument("-n", type=int, default=500, metavar="KILLS", help="at random moments")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=[case.name for case in CASES], action="append")
    options = parser.parse_args()
    cases = [case for case in CASES if not options.only or case.name in options.only]
    broken = 0
    with tempfile.TemporaryDirectory(prefix="airgap-kills-") as folder:
        ground = _ground(Path(folder) / "ground")
        for case in cases:
            trial = _Trial(case, ground, Path(folder) / "work")
            at_calls = list(_tried(trial, trial.at_calls())) if shutil.which("strace") else []
            chance = random.Random(f"{options.seed} {case.name}")  # noqa: S311 - moments, not secrets
            moments = trial.at_moments(chance, max(1, options.n // len(cases)))
            found = [*at_calls, *_tried(trial, moments)]
            faults = [fault for fault in found if fault]
            broken += len(faults)
            print(f"{case.name:<24} {len(at_calls):4} at calls, {len(found) - len(at_calls):4} at moments, ", end="")
            print(f"{len(faults)} broken", *faults[:3], sep="\n  ", flush=True)
    return 1 if broken else 0


def _tried(trial: _Trial, kills: Iterator[str]) -> Iterator[str]:
    """For each kill what does not hold after it; empty where all does."""
    for where in kills:
        try:
            trial.check()
        except AssertionError as error:
            yield f"{where}: {str(error)[-1500:]}"
        else:
            yield ""


class _Trial:
    """One command on fresh ground, again and again."""

    def __init__(self, case: Case, ground: Path, work: Path) -> None:
        self._case, self._ground, self._work = case, ground, work
        self._command = [
            sys.executable,
            "-m",
            "airgap",
            *(item.replace("{work}", str(work)) for item in case.arguments),
        ]
        self._fresh()
        began = time.monotonic()
        self._run_well()
        self._usual = time.monotonic() - began
        self._whole = _names(work)

    def at_calls(self) -> Iterator[str]:
        """Killed before each system call that changes a file; each where it was killed."""
        for call in CALLS:
            for number in range(1, 10_000):
                self._fresh()
                inject = f"inject={call}:signal=SIGKILL:when={number}"
                # the command itself writes to nothing but its files: its words go to a device
                command = ["strace", "-f", "-qqq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject]
                done = subprocess.run([*command, *self._command], check=False, capture_output=True, timeout=_SECONDS)
                if done.returncode != -signal.SIGKILL:
                    break
                yield f"{call} {number}"

    def at_moments(self, chance: random.Random, kills: int) -> Iterator[str]:
        """Killed at random moments."""
        for _ in range(kills):
            self._fresh()
            moment = self._usual * chance.uniform(0.3, 1.05)
            process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(moment)
            process.send_signal(chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
            process.wait(_SECONDS)
            yield f"after {moment:.3f} s"

    def check(self) -> None:
        """Raises AssertionError where something with a final name is not whole, or the next run does not complete it."""
        for layout in self._work.iterdir():
            if (layout / "oci-layout").exists():
                check_sound(layout)
        for document in self._work.rglob("*.json"):
            if document.parent.name != "sha256":
                json.loads(document.read_bytes())
        self._run_well()
        found = _names(self._work)
        assert found == self._whole, (
            f"other files than of a whole run: {(found - self._whole) or (self._whole - found)}"
        )

    def _run_well(self) -> None:
        done = subprocess.run(self._command, check=False, capture_output=True, text=True, timeout=_SECONDS)
        assert done.returncode in self._case.again, f"{done.returncode}: {done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr

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
        made = crl(
            chain.chain[1], number=number, this_update=AT + timedelta(days=number), next_update=AT + timedelta(days=99)
        )
        (folder / "crls" / f"{number}.crl").write_bytes(made)
    return folder


if __name__ == "__main__":
    sys.exit(main())
