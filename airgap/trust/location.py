"""Finds the trust directory: the named one, else that of the environment, else ours, else notation's."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from airgap.errors import NotFoundError, TrustMaterialError, UsageError
from airgap.text import safe
from airgap.trust.generation import is_between


class Location(NamedTuple):
    """The path of the trust directory, which may not exist."""

    path: Path
    origin: str
    """Its source: `--trust`, `AIRGAP_TRUST`; `XDG_CONFIG_HOME` or `default`; `NOTATION_CONFIG` or `notation`."""
    read_only: bool = False
    """Whether it belongs to notation: then we do not write to it."""

    def __str__(self) -> str:
        return str(self.path)


def is_named(location: Location) -> bool:
    """Whether the caller named it, so that it must exist."""
    return location.origin == "--trust"


def not_there(path: Path) -> NotFoundError:
    """The error for a named directory that is missing."""
    return NotFoundError(f"there is no trust directory at {safe(path)}", remedy="Name another one with --trust.")


def check_ours(location: Location) -> None:
    """Refuses notation's directory, into which nothing of ours is written. Raises UsageError."""
    if location.read_only:
        raise UsageError(
            f"{safe(location.path)} belongs to notation, and is only read",
            remedy="Name a directory of your own with --trust or AIRGAP_TRUST; notation reads it with NOTATION_CONFIG.",
        )


def locate(
    explicit: Path | None, env: Mapping[str, str], home: Path | None, *, platform: str = sys.platform
) -> Location:
    """The trust directory to use: `explicit`, else `$AIRGAP_TRUST`, else `$XDG_CONFIG_HOME/airgap`, else notation's.

    The first two are used even if they do not exist: using another directory would judge by another policy than the
    requested one. Ours and notation's are used if they exist; if none does, ours is returned, for the message that says
    where to create it. `platform` is a value of `sys.platform`. Raises
    TrustMaterialError("policy.missing") where there is not even a home directory to look in.
    """
    if explicit is not None:
        return Location(path=explicit, origin="--trust")
    if named := env.get("AIRGAP_TRUST"):
        return Location(path=Path(named), origin="AIRGAP_TRUST")
    ours = _ours(env, home)
    for candidate in (ours, _notation(env, home, platform)):
        if candidate is not None and is_between(candidate.path):
            return candidate
    if ours is None:
        raise TrustMaterialError(
            "policy.missing",
            "there is no trust directory: no home directory is known, and none is named",
            remedy="Name it with --trust or AIRGAP_TRUST.",
        )
    return ours


def _ours(env: Mapping[str, str], home: Path | None) -> Location | None:
    if base := _xdg(env):
        return Location(path=base / "airgap", origin="XDG_CONFIG_HOME")
    return Location(path=home / ".config" / "airgap", origin="default") if home else None


def _notation(env: Mapping[str, str], home: Path | None, platform: str) -> Location | None:
    """As CLI-7 and CLI-8 say, without the fallback of notation to `./.notation`.

    That folder may be on the medium that is judged, and must not be trusted (RULE-1).
    """
    if named := env.get("NOTATION_CONFIG"):
        return Location(path=Path(named), origin="NOTATION_CONFIG", read_only=True)
    base = _config_base(env, home, platform)
    return Location(path=base / "notation", origin="notation", read_only=True) if base else None


def _config_base(env: Mapping[str, str], home: Path | None, platform: str) -> Path | None:
    if platform == "win32":
        named = env.get("APPDATA")
        return Path(named) if named else None
    if platform == "darwin":
        return home / "Library" / "Application Support" if home else None
    return _xdg(env) or (home / ".config" if home else None)


def _xdg(env: Mapping[str, str]) -> Path | None:
    """`$XDG_CONFIG_HOME`; a relative path there is to be ignored (XDG base directory specification)."""
    named = env.get("XDG_CONFIG_HOME")
    return Path(named) if named and Path(named).is_absolute() else None
