"""The names of policy files, and hints if none has such a name (POLICY-1, POLICY-2)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from airgap import limits
from airgap.errors import Fact, FormatError, TrustMaterialError
from airgap.files import glance_into, read_regular
from airgap.problem import Problem
from airgap.text import safe

OCI_POLICY_FILES: Final = ("trustpolicy.oci.json", "trustpolicy.json")
"""The second, older name counts if and only if the first is absent (POLICY-1)."""
BLOB_POLICY_FILES: Final = ("trustpolicy.blob.json",)
"""There is no older name (POLICY-2)."""
_ALL: Final = (*OCI_POLICY_FILES, *BLOB_POLICY_FILES)
_OTHER_USE: Final = {
    BLOB_POLICY_FILES: "the policy for artifacts (airgap verify)",
    OCI_POLICY_FILES: "the policy for files (airgap blob verify)",
}
_TEXTS: Final = (".json", ".jsonc", ".json5", ".txt", ".yaml", ".yml", ".toml", ".bak", ".old", ".orig", ".example")
_YAML: Final = (".yaml", ".yml", ".toml")
_SHOWN: Final = 3


def policy_missing(folder: Path, names: tuple[str, ...], *, remedy: str, **facts: Fact) -> TrustMaterialError:
    """The error (policy.missing) of a folder that holds no policy; it names the files that are probably meant.

    `names` is OCI_POLICY_FILES or BLOB_POLICY_FILES; `remedy` is used if no similar file is found.
    """
    meant = _near(folder)
    here = next(_hints(folder, names, meant), Problem(message="", remedy=remedy))
    return TrustMaterialError(
        "policy.missing",
        f"the trust directory {safe(folder)} holds no {names[0]}{here.message}",
        remedy=here.remedy,
        path=safe(folder),
        **facts,
    )


def no_directory(folder: Path) -> Problem:
    """The problem if `folder` is no directory."""
    if _is_file(folder):
        remedy = f"Name the folder that holds it: --trust {safe(folder.parent)}."
        return Problem(message=f"{safe(folder)} is a file, not a trust directory", remedy=remedy)
    message = f"there is no trust directory at {safe(folder)}"
    if folder.exists():  # as a rule; the problem is made before it is known
        return Problem(message=message, remedy=_CREATE)
    from airgap.near_names import absent, not_replaced

    remedy = not_replaced(str(folder)) or (_CREATE if folder.parent.exists() else f"{absent(folder)} {_CREATE}")
    return Problem(message=message, remedy=remedy)


_CREATE: Final = (
    f"Create it with its trust stores and a trust policy ({OCI_POLICY_FILES[0]} for images and other artifacts, "
    f"{BLOB_POLICY_FILES[0]} for files): airgap trust init asks for all of it. Or name another one with --trust."
)


def _hints(folder: Path, names: tuple[str, ...], meant: list[str]) -> Iterator[Problem]:
    """Ends of the sentence, the likeliest first."""
    own = [name for name in meant if name not in _ALL]
    if own:
        listed = ", ".join(repr(safe(name, limit=64)) for name in own[:_SHOWN])
        if any(name.casefold().endswith(_YAML) for name in own[:1]):
            remedy = f"A trust policy is JSON: write it as JSON, and call the file {names[0]}."
        else:
            remedy = f"If it is the trust policy, rename it to {names[0]}."
        yield Problem(message=f"; there is {listed}: is it meant? Its name must be {names[0]}", remedy=remedy)
    place = _elsewhere(folder, names)
    if place is not None:
        yield Problem(message=f"; {safe(place)} holds one", remedy=f"If that is meant, name it: --trust {safe(place)}.")
    other = next((name for name in meant if name in _ALL), None)
    if other is not None:
        yield Problem(
            message=f"; there is {other}, {_OTHER_USE[names]}, which is not the same",
            remedy=f"Put a {names[0]} beside it, or use the command that the other one is for.",
        )


def _near(folder: Path) -> list[str]:
    """Files that may be meant: editors add endings, file managers hide them, and systems differ in upper case."""
    return [
        name
        for name in glance_into(folder)
        if (_is_near(name) or _is_policy(folder / name)) and _is_file(folder / name)
    ]


def _is_policy(path: Path) -> bool:
    """Whether a file of any name looks like a policy inside."""
    if path.suffix.casefold() != ".json":
        return False
    try:
        return b'"trustPolicies"' in read_regular(path, limits.POLICY_BYTES)
    except FormatError:
        return False


def _is_near(name: str) -> bool:
    from difflib import SequenceMatcher  # seldom needed

    folded = name.casefold()
    if not (folded.endswith(_TEXTS) or "." not in folded):
        return folded.startswith("trustpolicy")
    stem = folded.partition(".")[0]
    return "policy" in folded or SequenceMatcher(None, stem[: len(_ALL[0])], "trustpolicy").ratio() > _ALIKE


_ALIKE: Final = 0.8
_PARTS: Final = {"truststore", "x509", "crls", "ocsp"}
"""Folders of a trust directory."""


def _elsewhere(folder: Path, names: tuple[str, ...]) -> Path | None:
    """A folder just below or above that holds a policy: a step too far, or not far enough."""
    below = [folder / name for name, is_folder in glance_into(folder).items() if is_folder]
    above = [Path(path) for path in islice(folder.absolute().parents, 2)] if folder.name in _PARTS else []
    return next((path for path in (*below, *above) if any(_is_file(path / name) for name in names)), None)


def _is_file(path: Path) -> bool:
    """Whether it is known to be one; unreadable files are not mentioned in messages."""
    try:
        return path.is_file()
    except OSError:
        return False
