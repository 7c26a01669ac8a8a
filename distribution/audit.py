"""`make audit`: whether the locked versions have known faults. pip-audit asks a database; not looked is not good."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from packaging.utils import canonicalize_name

from distribution.tools import BuildError, environment
from distribution.wheels import pins

_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Audited:
    """What a database knows of the locked versions."""

    faults: tuple[str, ...]
    """A line for each known fault: version, name in the database, versions without it."""
    skipped: tuple[str, ...]
    """Distributions that the database was not asked about, or does not have: nothing is known of them."""
    asked: int
    """How many distributions the database answered for."""


def audit(constraints: Path) -> Audited:
    """Ask about all that the constraints lock. Raises BuildError where no database answers."""
    words = ["-m", "pip_audit", "--requirement", str(constraints), "--no-deps", "--disable-pip"]
    done = subprocess.run(
        [sys.executable, *words, "--progress-spinner", "off", "--desc", "off", "--format", "json"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        found = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.splitlines() or ["it said nothing"])[-1]
        raise BuildError(f"could not look: no database of known faults answers. NOT AUDITED.\n{last}") from None
    return judged(found, set(pins(constraints.read_text(encoding="utf-8"))))


def judged(document: dict[str, Any], locked: set[str]) -> Audited:
    """The answer of pip-audit, which calls it good where nothing could be looked up.

    `locked` has the canonical names of all that was asked about.
    """
    entries = document["dependencies"]
    answered = [entry for entry in entries if "skip_reason" not in entry]
    names = {canonicalize_name(entry["name"]) for entry in answered}
    faults = sorted(
        f"{entry['name']} {entry['version']}: {fault['id']}, without it: {', '.join(fault['fix_versions']) or 'none'}"
        for entry in answered
        for fault in entry["vulns"]
    )
    return Audited(tuple(faults), tuple(sorted(locked - names)), len(names))


def check_audited(audited: Audited) -> str:
    """A sentence for a good result. Raises BuildError for faults, and for what was not looked up."""
    if audited.faults:
        raise BuildError("known faults:\n" + "\n".join(audited.faults))
    if audited.skipped:
        raise BuildError(
            f"could not look for {len(audited.skipped)} of {len(audited.skipped) + audited.asked} distributions, such "
            f"as {', '.join(audited.skipped[:_NAMED])}. NOT AUDITED: run it where a database of known faults answers."
        )
    return f"no known faults in {audited.asked} distributions"
