"""Growth: each command at 1, 2 and 4 times the size. What grows faster than its input fails.

Measured is the processor time of the command itself, without that of the system: a busy machine changes it little, and
flushing files takes as long as others let it. The fixed part (start-up, imports) is taken off: where cost is a + b·n,
the step from 1 to 4 times the size costs three times that from 1 to 2 times. With squares it would be five times.
"""

from __future__ import annotations

import math
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from airgap.parse.time import iso
from benchmarks.verify import AT, ENVIRONMENT, run, signed_images
from tests.support.crls import crl
from tests.support.pki import Pki
from tests.support.registry import LoopbackRegistry
from tests.support.scenario import Written
from tests.support.signing import key_options

TIMES: Final = (1, 2, 4)
MOST: Final = 4.0
"""Of the step from 1 to 4 times the size, in steps from 1 to 2 times: 3 is linear, 5 is a square."""
LEAST_SECONDS: Final = 0.15
"""Steps that cost less are noise: such a command is cheap enough at four times the size, and passes."""
IMAGES: Final = 200
ROUNDS: Final = 2
DAY: Final = timedelta(days=1)
_DONE: Final = frozenset({0, 15, 20})
"""Exit codes of a command that did its work: the evidence of these grounds is old by the clock, and notation cannot
have all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a command is run on, at one size."""

    folder: Path
    count: int
    written: Written
    key: Sequence[str]
    """Options for a signing key."""

    registries: ExitStack

    def site(self) -> str:
        """A registry in which there is nothing. It runs in this process: its time is not measured."""
        return self.registries.enter_context(LoopbackRegistry()).host

    def full_repository(self) -> str:
        """A repository with all images, the same each time."""
        known = self.folder / "repository.txt"
        if not known.exists():
            name = f"{self.site()}/app"
            run("-m", "airgap", "copy", self.layout, name, "-q")
            known.write_text(name, encoding="utf-8")
        return known.read_text(encoding="utf-8")

    @property
    def layout(self) -> str:
        """The layout of signed images, as a reference."""
        return f"oci:{self.written.layout}"

    @property
    def tags(self) -> list[str]:
        """The same, each image by its tag."""
        return [f"{self.layout}:v{number + 1}" for number in range(1, self.count)]

    @property
    def judging(self) -> list[str]:
        """Options of what judges."""
        return ["--trust", str(self.written.trust), "--at", iso(AT), "--scope", self.written.scope or ""]

    def fresh(self, name: str) -> Path:
        """A path below the folder at which there is nothing."""
        path = self.folder / name
        shutil.rmtree(path, ignore_errors=True)
        path.unlink(missing_ok=True)
        return path

    def copy(self) -> str:
        """A copy of the layout to write to, as a reference."""
        target = self.fresh("work")
        shutil.copytree(self.written.layout, target)
        return f"oci:{target}"


def _report(here: Ground) -> str:
    path = here.folder / "report.json"
    if not path.exists():
        run("-m", "airgap", "verify", here.layout, *here.judging, "--report", str(path))
    return str(path)


def _without_layout(here: Ground) -> str:
    """A report whose layout is gone: it is judged from the report alone."""
    path = here.folder / "alone.json"
    if not path.exists():
        path.write_text(Path(_report(here)).read_text(encoding="utf-8").replace("/layout", "/gone"), encoding="utf-8")
    return str(path)


def _tar(here: Ground) -> str:
    path = here.folder / "all.tar"
    if not path.exists():
        run("-m", "airgap", "copy", here.layout, f"oci-archive:{path}", "-q")
    return f"oci-archive:{path}"


def _crls(here: Ground) -> Path:
    """Generations of CRLs of one authority, as many as images."""
    folder = here.folder / "crls"
    if not folder.exists():
        folder.mkdir()
        issuer = Pki().code_chain().chain[1]
        for number in range(here.count):
            made = crl(
                issuer, number=number + 1, this_update=AT - DAY + timedelta(seconds=number), next_update=AT + DAY
            )
            (folder / f"{number}.crl").write_bytes(made)
    return folder


def _trust_with_crls(here: Ground) -> list[str]:
    trust = here.folder / "trust-with-crls"
    if not trust.exists():
        shutil.copytree(here.written.trust, trust)
        shutil.copytree(_crls(here), trust / "crls", dirs_exist_ok=True)
    return ["--trust", str(trust)]


def _trust_to_fill(here: Ground) -> list[str]:
    trust = here.fresh("trust-to-fill")
    shutil.copytree(here.written.trust, trust)
    return ["--trust", str(trust)]


def _listed(here: Ground) -> str:
    path = here.folder / "list.txt"
    path.write_text("".join(f"{tag}\n" for tag in here.tags), encoding="utf-8")
    return str(path)


COMMANDS: Final[dict[str, Callable[[Ground], list[str]]]] = {
    "verify LAYOUT": lambda here: ["verify", here.layout, *here.judging],
    "verify LAYOUT, JSON and a report": lambda here: [
        *("verify", here.layout, *here.judging, "--format", "json"),
        *("--report", str(here.fresh("made.json"))),
    ],
    "verify LAYOUT:v1 LAYOUT:v2 ...": lambda here: ["verify", *here.tags, *here.judging],
    "verify TAR": lambda here: ["verify", _tar(here), *here.judging],
    "recheck LAYOUT": lambda here: ["recheck", here.layout, *here.judging],
    "recheck REPORT": lambda here: ["recheck", _report(here), *here.judging],
    "recheck REPORT, its layout gone": lambda here: ["recheck", _without_layout(here), *here.judging],
    "ls LAYOUT": lambda here: ["ls", here.layout],
    "discover LAYOUT": lambda here: ["discover", here.layout],
    "inspect LAYOUT": lambda here: ["inspect", here.layout],
    "copy LAYOUT LAYOUT": lambda here: ["copy", here.layout, f"oci:{here.fresh('copied')}", "-q"],
    "copy LAYOUT TAR": lambda here: ["copy", here.layout, f"oci-archive:{here.fresh('copied.tar')}", "-q"],
    "copy --file LIST LAYOUT": lambda here: ["copy", "--file", _listed(here), f"oci:{here.fresh('copied')}", "-q"],
    "sign LAYOUT:v1 LAYOUT:v2 ...": lambda here: [
        *("sign", *(tag.replace(here.layout, target) for target in (here.copy(),) for tag in here.tags)),
        *here.key,
    ],
    "trust fetch LAYOUT:v1 LAYOUT:v2 ...": lambda here: [
        *("trust", "fetch", *here.tags, "--no-download", *_trust_to_fill(here)),
    ],
    "trust fetch --from CRLS LAYOUT": lambda here: [
        *("trust", "fetch", here.layout, "--no-download", "--from", str(_crls(here)), *_trust_to_fill(here)),
    ],
    "verify LAYOUT --jobs 2": lambda here: ["verify", here.layout, *here.judging, "--jobs", "2"],
    "attach FILE LAYOUT:v1": lambda here: ["attach", __file__, f"{here.copy()}:v1", "--artifact-type", "a/b"],
    "copy LAYOUT REGISTRY": lambda here: ["copy", here.layout, f"{here.site()}/app", "-q"],
    "copy --all-tags REGISTRY LAYOUT": lambda here: [
        *("copy", "--all-tags", here.full_repository(), f"oci:{here.fresh('copied')}", "-q"),
    ],
    "ls REGISTRY/REPOSITORY": lambda here: ["ls", here.full_repository()],
    "import LAYOUT REGISTRY": lambda here: [
        *("import", here.layout, f"{here.site()}/team", "--to-repo", "-q"),
        *("--trust", str(here.written.trust), "--scope", here.written.scope or ""),
    ],
    "trust snapshot create": lambda here: [
        *("trust", "snapshot", "create", *_trust_with_crls(here), "-o", f"oci:{here.fresh('snapshot')}"),
    ],
    "trust export --for notation": lambda here: [
        *("trust", "export", "--for", "notation", *_trust_with_crls(here), str(here.fresh("exported"))),
    ],
    "trust status": lambda here: ["trust", "status", *_trust_with_crls(here)],
    "verify LAYOUT, as many CRLs": lambda here: [
        *("verify", here.layout, *_trust_with_crls(here), "--at", iso(AT), "--scope", here.written.scope or ""),
    ],
}


def main(images: int = IMAGES, rounds: int = ROUNDS, only: Sequence[str] = ()) -> None:
    """One row for each command. Raises SystemExit if one grows faster than linear."""
    missed = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as registries:
        grounds = [_ground(Path(folder) / str(times), images * times, registries) for times in TIMES]
        for name, command in COMMANDS.items():
            if only and name not in only:
                continue
            measured = _least([math.inf] * len(TIMES), grounds, command, rounds)
            if _grows(measured):  # noise only ever adds
                measured = _least(measured, grounds, command, 2 * rounds)
            shown = "  ".join(f"{value * 1000:7.0f}" for value in measured)
            print(f"{name:<40} {shown} ms  {_steps(measured):6.2f}  {'MISSED' if _grows(measured) else 'ok'}")
            if _grows(measured):
                missed.append(name)
    if missed:
        raise SystemExit(f"faster than linear (a step of more than {MOST:g}): {', '.join(missed)}")


def _least(
    known: Sequence[float], grounds: Sequence[Ground], command: Callable[[Ground], list[str]], rounds: int
) -> list[float]:
    """The least seconds at each size, with those that are known."""
    return [
        min(before, *(_seconds(here, command) for _ in range(rounds)))
        for before, here in zip(known, grounds, strict=True)
    ]


def _steps(seconds: Sequence[float]) -> float:
    """The step from the first size to the last, in steps to the second."""
    return (seconds[2] - seconds[0]) / max(seconds[1] - seconds[0], LEAST_SECONDS / 3)


def _grows(seconds: Sequence[float]) -> bool:
    return seconds[2] - seconds[0] >= LEAST_SECONDS and _steps(seconds) > MOST


def _ground(folder: Path, count: int, registries: ExitStack) -> Ground:
    written = signed_images(count).write(folder)
    key = key_options(folder / "key", Pki().code_chain())
    return Ground(folder=folder, count=count, written=written, key=key, registries=registries)


def _seconds(here: Ground, command: Callable[[Ground], list[str]]) -> float:
    arguments = command(here)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    _run(arguments)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def _run(arguments: Sequence[str]) -> None:
    command = [sys.executable, "-m", "airgap", *arguments]
    ran = subprocess.run(command, check=False, capture_output=True, text=True, env=ENVIRONMENT)
    if ran.returncode not in _DONE:
        raise SystemExit(f"a benchmark's command ended with {ran.returncode}: {ran.stderr[-2000:]}")


if __name__ == "__main__":
    main(only=sys.argv[1:])
