"""Whether a wheelhouse is complete for each Python: by what the wheels themselves say that they need."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping, Sequence
from email.parser import BytesHeaderParser

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from distribution.tools import BuildError
from distribution.wheels import Wheel


def check_complete(wheels: Sequence[Wheel], wanted: Requirement, pythons: Iterable[str]) -> None:
    """Raises BuildError where a Python of these, such as 3.12, lacks a wheel of `wanted` or of what that needs.

    pip decides by the Python that runs it what others need, which is not always true of them.
    """
    for python in pythons:
        usable = {wheel.name: wheel for wheel in wheels if serves(wheel, python)}
        missing = _missing(usable, wanted, python)
        if missing:
            raise BuildError(f"the wheelhouse lacks what Python {python} needs: {', '.join(missing)}")


def _missing(usable: Mapping[str, Wheel], wanted: Requirement, python: str) -> list[str]:
    missing: list[str] = []
    queue, seen = [wanted], set()
    while queue:
        requirement = queue.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        wheel = usable.get(canonicalize_name(requirement.name))
        if wheel is None or not requirement.specifier.contains(wheel.version, prereleases=True):
            missing.append(str(requirement))
            continue
        queue += [need for need in needs_of(wheel) if _counts(need, requirement.extras, python)]
    return sorted(missing)


def needs_of(wheel: Wheel) -> list[Requirement]:
    """What a wheel says that it needs, with its conditions."""
    with zipfile.ZipFile(wheel.path) as opened:
        found = [name for name in opened.namelist() if name.count("/") == 1 and name.endswith(".dist-info/METADATA")]
        if len(found) != 1:
            raise BuildError(f"{wheel.path.name} has no METADATA")
        metadata = BytesHeaderParser().parsebytes(opened.read(found[0]))
    return [Requirement(text) for text in metadata.get_all("Requires-Dist", ())]


def _counts(need: Requirement, extras: Iterable[str], python: str) -> bool:
    if need.marker is None:
        return True
    versions = {"python_version": python, "python_full_version": f"{python}.0"}
    return any(need.marker.evaluate({**versions, "extra": extra}) for extra in ("", *extras))


def serves(wheel: Wheel, python: str) -> bool:
    """Whether a Python, such as 3.12, can use the wheel: by its tags it is for that one, for any, or for later ones."""
    minor = int(python.partition(".")[2])
    for tag in parse_wheel_filename(wheel.path.name)[3]:
        if tag.interpreter in {"py3", f"cp3{minor}"}:
            return True
        if tag.abi == "abi3" and tag.interpreter.startswith("cp3") and int(tag.interpreter[3:] or 0) <= minor:
            return True
    return False
