"""Finds the configuration of named keys: the named folder, else that of the environment, else ours and notation's."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from airgap.errors import NotFoundError, UsageError
from airgap.signature.key_config import ConfiguredKey, SigningKeys, load_signing_keys
from airgap.text import safe


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFolders:
    """The folder that is read and written, and one of notation's that is only read."""

    own: Path
    borrowed: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedKey:
    """A key that was found by its name."""

    entry: ConfiguredKey
    folder: Path
    """Relative paths count from here."""
    is_default: bool
    borrowed: bool
    """Whether it is in notation's configuration, which we do not write."""


def locate_keys(explicit: Path | None, env: Mapping[str, str], home: Path | None) -> KeyFolders:
    """`explicit`, else `$AIRGAP_KEYS`, else `$XDG_CONFIG_HOME/airgap` then notation's own folder.

    Notation's is `$NOTATION_CONFIG`, else what its user has (CLI-7, CLI-8). Raises UsageError where there is not even
    a home directory.
    """
    if explicit is not None:
        return KeyFolders(own=explicit)
    if named := env.get("AIRGAP_KEYS"):
        return KeyFolders(own=Path(named))
    xdg = env.get("XDG_CONFIG_HOME")
    base = Path(xdg) if xdg and Path(xdg).is_absolute() else home / ".config" if home else None
    if base is None:
        raise UsageError(
            "no home directory is known, so there is no place for keys",
            remedy="Name one with --key-config or AIRGAP_KEYS.",
        )
    return KeyFolders(own=base / "airgap", borrowed=_notation(env, home, base, sys.platform))


def _notation(env: Mapping[str, str], home: Path | None, base: Path, platform: str) -> Path | None:
    if named := env.get("NOTATION_CONFIG"):
        return Path(named)
    if platform == "win32":
        return Path(env["APPDATA"]) / "notation" if env.get("APPDATA") else None
    if platform == "darwin":
        return home / "Library" / "Application Support" / "notation" if home else None
    return base / "notation"


def list_keys(folders: KeyFolders) -> tuple[NamedKey, ...]:
    """All named keys; ours hide notation's of the same name. Raises AirgapError."""
    own = load_signing_keys(folders.own) or SigningKeys()
    found = [
        NamedKey(entry=key, folder=folders.own, is_default=key.name == own.default, borrowed=False) for key in own.keys
    ]
    if folders.borrowed is not None:
        theirs = load_signing_keys(folders.borrowed) or SigningKeys()
        found += [
            NamedKey(
                entry=key,
                folder=folders.borrowed,
                is_default=own.default is None and key.name == theirs.default,
                borrowed=True,
            )
            for key in theirs.keys
            if own.find(key.name) is None
        ]
    return tuple(found)


def find_key(folders: KeyFolders, name: str | None) -> NamedKey:
    """The key of this name, or the default one. Raises NotFoundError, AirgapError."""
    keys = list_keys(folders)
    for key in keys:
        if key.is_default if name is None else key.entry.name == name:
            return key
    there = ", ".join(safe(key.entry.name) for key in keys)
    raise NotFoundError(
        ("there is no default signing key" if name is None else f"there is no signing key {safe(name)!r}")
        + (f"; there are {there}" if there else ""),
        remedy="Name one with --key, add one with airgap key add, or choose a default with airgap key default.",
    )
