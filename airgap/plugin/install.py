"""Installs and removes plugins, each in one step (PLUGIN-3, PLUGIN-4).

Nothing is downloaded: a plugin comes from a file, with the checksum of its publisher.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from airgap.errors import NotFoundError
from airgap.files import sync_folder, write_file
from airgap.parse.semver import SemVer
from airgap.plugin.package import Package, read_package
from airgap.plugin.plugin_directory import PluginDirectory, check_name, executable_name
from airgap.plugin.plugin_error import PluginError
from airgap.plugin.protocol import Metadata
from airgap.scratch import scratch_folder
from airgap.text import safe


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """The result of an installation."""

    metadata: Metadata
    path: Path
    replaced: SemVer | None
    """The version that was there before; None if there was none, or its version is unknown."""


def install_plugin(
    directory: PluginDirectory, source: Path, *, sha256: str | None, force: bool = False
) -> Installation:
    """Install the plugin from a file: the executable itself, a .zip or a .tar.gz.

    After the comparison of its checksum, the plugin is run once for its metadata. An equal or higher installed version
    is kept unless `force`. Raises UsageError, FormatError, PluginError, OSError; then nothing is changed.
    """
    package = read_package(source, sha256)
    directory.path.mkdir(parents=True, exist_ok=True, mode=0o755)
    with _staged(directory, package) as staging:
        metadata = directory.at(package.name, staging / executable_name(package.name)).metadata()
        replaced = _installed_version(directory, package.name)
        if replaced is not None and not force:
            _check_newer(package.name, metadata.version, replaced)
        target = directory.path / package.name
        _swap(staging, target)
    return Installation(metadata=metadata, path=target / executable_name(package.name), replaced=replaced)


def uninstall_plugin(directory: PluginDirectory, name: str) -> Path:
    """Remove a plugin, also one that does not work; returns its folder. Raises NotFoundError, OSError."""
    folder = directory.path / check_name(name)
    if folder.is_symlink() or not folder.is_dir():
        raise NotFoundError(
            f"no plugin {safe(name, limit=64)!r} is installed in {safe(directory.path)}",
            remedy="See what is installed with airgap plugin list.",
        )
    _remove(folder)
    return folder


@contextmanager
def _staged(directory: PluginDirectory, package: Package) -> Iterator[Path]:
    with scratch_folder(directory.path) as folder:  # names of plugins do not begin with a dot
        staging = folder / package.name
        staging.mkdir(mode=0o755)
        for name, data in package.files.items():
            write_file(staging / name, data, mode=0o755 if name == executable_name(package.name) else 0o644)
        yield staging


def _installed_version(directory: PluginDirectory, name: str) -> SemVer | None:
    """The version of the installed plugin; None if it does not work, so that any version may replace it."""
    try:
        return directory.find(name).metadata().version
    except PluginError:
        return None


def _check_newer(name: str, version: SemVer, installed: SemVer) -> None:
    if version <= installed:
        relation = "already installed" if version == installed else f"older than the installed {installed}"
        raise PluginError(
            name,
            f"version {version} is {relation}",
            remedy="Install it all the same with --force.",
            version=str(version),
        )


def _swap(staging: Path, target: Path) -> None:
    """Moves `staging` to `target`; on failure the old `target` is restored."""
    old = target.with_name(f".old-{secrets.token_hex(6)}")
    had = os.path.lexists(target)
    if had:
        target.rename(old)
    try:
        staging.rename(target)
    except OSError:
        if had:
            old.rename(target)
        raise
    sync_folder(target.parent)
    if had:
        _discard(old)


def _remove(folder: Path) -> None:
    """Removes a folder: it is renamed first, so that it disappears at once."""
    old = folder.with_name(f".old-{secrets.token_hex(6)}")
    folder.rename(old)
    sync_folder(folder.parent)
    _discard(old)


def _discard(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink()
    else:
        shutil.rmtree(path)
