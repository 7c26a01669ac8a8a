"""The SBOM: what is in the wheelhouse and the executables, as CycloneDX. cyclonedx-bom makes it."""

from __future__ import annotations

import json
import platform
import sqlite3
import ssl
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from packaging.utils import canonicalize_name

from distribution.sums import sha256
from distribution.tools import BuildError, environment, run
from distribution.wheels import Wheel

_VERSION: Final = "1.6"


def build_bill(python: Path, project: Path, wheels: Iterable[Wheel], libraries: Iterable[str], place: Path) -> None:
    """What is installed for `python`, with the sums of the wheels, and what the executables have beside it.

    Raises BuildError where a wheel is not in it.
    """
    words = ["environment", "--output-reproducible", "--spec-version", _VERSION, "--output-format", "JSON"]
    text = run(
        [sys.executable, "-m", "cyclonedx_py", *words, "--pyproject", project, "--mc-type", "application", python],
        variables=environment(),
    )
    bill = completed(json.loads(text), wheels, executable_parts(libraries))
    place.write_text(json.dumps(bill, indent=2, sort_keys=True, ensure_ascii=True) + "\n", encoding="ascii")


def executable_parts(libraries: Iterable[str]) -> list[dict[str, str]]:
    """Python and the libraries of the system, as components: they are only in the executables."""
    known = {"openssl": ssl.OPENSSL_VERSION.split()[1], "sqlite": sqlite3.sqlite_version}
    parts = [("python", platform.python_version()), *known.items()]
    found = [
        {"type": "library", "bom-ref": f"executable-{name}", "name": name, "version": version}
        for name, version in parts
    ]
    return found + [
        {"type": "file", "bom-ref": f"executable-{name}", "name": name}
        for name in sorted(set(libraries))
        if "/" not in name
    ]


def completed(bill: dict[str, Any], wheels: Iterable[Wheel], parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The bill with the sums of the wheels of each component, and with `parts`.

    pip and what belongs to the environment alone is taken out. Raises BuildError where a wheel has no component.
    """
    sums: dict[str, list[Wheel]] = {}
    for wheel in wheels:
        sums.setdefault(wheel.name, []).append(wheel)
    kept = [one for one in bill.get("components", []) if canonicalize_name(one["name"]) in sums]
    own = bill["metadata"]["component"]
    listed = {canonicalize_name(one["name"]) for one in kept} | {canonicalize_name(own["name"])}
    missing = sorted(set(sums) - listed)
    if missing:
        raise BuildError(f"the SBOM lacks {', '.join(missing)}")
    for one in [*kept, own]:
        files = sums.get(canonicalize_name(one["name"]), [])
        one["properties"] = [
            *one.get("properties", []),
            *({"name": f"airgap:sha256:{wheel.path.name}", "value": sha256(wheel.path)} for wheel in files),
        ]
    references = {one["bom-ref"] for one in kept} | {own["bom-ref"]}
    related = [
        {**entry, "dependsOn": [name for name in entry.get("dependsOn", []) if name in references]}
        for entry in bill.get("dependencies", [])
        if entry["ref"] in references
    ]
    return {**bill, "components": [*kept, *parts], "dependencies": related}
