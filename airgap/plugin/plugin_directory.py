"""The plugin directory: `{LIBEXEC}/plugins/<name>/notation-<name>` (PLUGIN-1, PLUGIN-2)."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, Self

from airgap import limits
from airgap.plugin import runner
from airgap.plugin.host import Plugin, PluginError
from airgap.plugin.protocol import Metadata
from airgap.text import safe

_NAME: Final = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}", re.ASCII)
_SUFFIX: Final = ".exe" if sys.platform == "win32" else ""
PREFIX: Final = "notation-"
_INSTALL: Final = "See what is installed with airgap plugin list; install it with airgap plugin install."


def check_name(name: str) -> str:
    """The name, if it can be part of a path. Raises PluginError.

    Letters, digits, `_`, `.` and `-`; the first is not `.` or `-`. So it is no path, no option and no hidden file.
    """
    if not _NAME.fullmatch(name):
        raise PluginError(safe(name, limit=64), "this is no name of a plugin (letters, digits, '_', '.', '-')")
    return name


def executable_name(name: str) -> str:
    """The file name of a plugin on this platform."""
    return f"{PREFIX}{name}{_SUFFIX}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """An entry of the plugin directory: the metadata of the plugin, or why it cannot be used."""

    name: str
    path: Path
    metadata: Metadata | None = None
    problem: str | None = None


class PluginDirectory:
    """The plugins of one directory, run with a small environment."""

    def __init__(self, libexec: Path, env: Mapping[str, str]) -> None:
        """`libexec` has the folder `plugins`; a small part of the environment `env` is passed on."""
        self.path: Final = Path(os.path.abspath(libexec)) / "plugins"  # noqa: PTH100 - links above it are the user's
        self._environment = runner.small_environment(env)

    @classmethod
    def default(cls, own: Path, borrowed: Path | None, env: Mapping[str, str]) -> Self:
        """The plugins in our configuration folder `own`, or those in `borrowed`, that of notation.

        Those of notation are used only if it has some and ours has none.
        """
        if borrowed is not None and not (own / "plugins").is_dir() and (borrowed / "plugins").is_dir():
            return cls(borrowed, env)
        return cls(own, env)

    def find(self, name: str) -> Plugin:
        """The installed plugin of this name, not run yet. Raises PluginError."""
        return self.at(name, self.locate(name))

    def at(self, name: str, executable: Path) -> Plugin:
        """A plugin with a checked executable."""

        def call(command: str, request: bytes, seconds: float) -> bytes:
            return runner.run(name, executable, command, request, environment=self._environment, seconds=seconds)

        return Plugin(name, call)

    def locate(self, name: str) -> Path:
        """The absolute path of the executable of an installed plugin. Raises PluginError."""
        folder = self.path / check_name(name)
        executable = folder / executable_name(name)
        for path, is_right, kind in ((folder, stat.S_ISDIR, "folder"), (executable, stat.S_ISREG, "regular file")):
            try:
                mode = path.lstat().st_mode
            except OSError:
                near = self._near(name)
                raise PluginError(
                    name,
                    f"it is not installed: there is no {safe(executable)}{near and f'; there is {near}'}",
                    remedy=f"If that is the plugin, move it to {safe(executable)}." if near else _INSTALL,
                ) from None
            if not is_right(mode):  # D41: a link too
                raise PluginError(
                    name,
                    f"{safe(path)} is no {kind}, and may not be a link to one",
                    remedy=f"Put the {kind} itself there, or install the plugin again: airgap plugin install.",
                )
        check_executable(name, executable)
        return executable

    def _near(self, name: str) -> str:
        """A file that is probably the plugin under a wrong name or in a wrong folder; for messages."""
        names = (executable_name(name), name, f"{name}{_SUFFIX}")
        places = (name, f"{PREFIX}{name}", ".")
        found = (self.path / place / file for place in places for file in names)
        return next((safe(path) for path in found if os.path.isfile(path)), "")  # noqa: PTH113 - a file that cannot be examined is no hint

    def names(self) -> tuple[str, ...]:
        """The names of the plugins that have a folder, in order; none is run."""
        try:
            entries = sorted(entry.name for entry in os.scandir(self.path) if entry.is_dir(follow_symlinks=False))
        except FileNotFoundError:
            return ()
        return tuple(islice((name for name in entries if _NAME.fullmatch(name)), limits.PLUGINS))

    def installed(self) -> tuple[Installed, ...]:
        """Every folder of the plugin directory, by name, with the metadata of its plugin (PLUGIN-14)."""
        return tuple(self._entry(name) for name in self.names())

    def _entry(self, name: str) -> Installed:
        path = self.path / name / executable_name(name)
        try:
            return Installed(name=name, path=path, metadata=self.find(name).metadata())
        except PluginError as error:
            return Installed(name=name, path=path, problem=error.problem)


def check_executable(name: str, path: Path) -> None:
    """Checks that the file may be run and that not everybody may write to it. Raises PluginError."""
    if not os.access(path, os.X_OK):
        raise PluginError(name, f"{safe(path)} is not executable", remedy=f"Make it so: chmod u+x {safe(path)}")
    if hasattr(os, "getuid") and path.stat().st_mode & stat.S_IWOTH:
        raise PluginError(
            name, f"everybody may write to {safe(path)}", remedy=f"Install it again, or: chmod o-w {safe(path)}"
        )
