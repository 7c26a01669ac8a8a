"""Installs and removes plugins, each in one step (PLUGIN-3, PLUGIN-4).

Nothing is downloaded: a plugin comes from a file, with the checksum of its publisher. The file is the executable, or a
.zip or .tar.gz with exactly one (LIM-10). Only files at its top are used; what they are is decided by their bytes.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import secrets
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from airgap import limits
from airgap.errors import FormatError, LimitError, NotFoundError, UsageError
from airgap.files import sync_folder, write_file
from airgap.hashing import fingerprint
from airgap.parse.semver import SemVer
from airgap.plugin.host import PluginError
from airgap.plugin.plugin_directory import PREFIX, PluginDirectory, check_name, executable_name
from airgap.plugin.protocol import Metadata
from airgap.scratch import scratch_folder
from airgap.text import safe

_ZIP: Final = b"PK\x03\x04"
_GZIP: Final = b"\x1f\x8b"
_EXECUTABLE: Final = re.compile(rf"{PREFIX}(?P<name>[a-zA-Z0-9_][a-zA-Z0-9_.-]*?)(?:\.exe)?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """The files of a plugin, in memory."""

    name: str
    """The name of the plugin, from its executable."""
    files: dict[str, bytes] = field(repr=False)
    """The files by name; one of them is the executable."""


def read_package(path: Path, sha256: str | None) -> Package:
    """The package in the file `path` with the checksum `sha256` (hexadecimal digits).

    Raises UsageError if no checksum is given or the file has another one; FormatError (LimitError) for the content of
    the file; OSError.
    """
    data = _read(path)
    found = fingerprint(data)
    if sha256 is None:
        raise UsageError(
            f"no checksum was given for {safe(path)}, whose SHA-256 is {found}",
            remedy="Compare it with what the plugin's publisher says, then give it with --sha256sum.",
        )
    if sha256.strip().lower() != found:
        raise UsageError(
            f"{safe(path)} has the SHA-256 {found}, not {safe(sha256, limit=80)}",
            remedy="This is not the file that was published. Do not use it; get it again from its source.",
        )
    if data.startswith(_ZIP):
        files = _collect(_zip(data))
    elif data.startswith(_GZIP):
        files = _collect(_tar(data))
    else:
        files = {path.name: data}
    return _package(files, path)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(limits.PLUGIN_PACKAGE_BYTES)
    if len(data) >= limits.PLUGIN_PACKAGE_BYTES:
        raise LimitError(f"{safe(path)} has {limits.PLUGIN_PACKAGE_BYTES} bytes or more, which is no plugin")
    return data


def _package(files: dict[str, bytes], path: Path) -> Package:
    names = sorted(name for name in files if _EXECUTABLE.fullmatch(name))
    if len(names) != 1:
        found = f"{len(names)} of them: {', '.join(safe(name, limit=64) for name in names[:5])}" if names else "none"
        raise FormatError(f"{safe(path)} must hold exactly one executable called {PREFIX}NAME, and holds {found}")
    match = _EXECUTABLE.fullmatch(names[0])
    if match is None:
        raise AssertionError("it did match")
    name = check_name(match["name"])
    executable = files.pop(names[0])
    return Package(name=name, files={**files, executable_name(name): executable})


def _collect(members: Iterator[tuple[str, IO[bytes]]]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    room = limits.PLUGIN_PACKAGE_BYTES
    try:
        for name, content in members:
            if name in files:
                raise FormatError(f"the archive holds {safe(name, limit=128)!r} twice")
            data = content.read(room)
            if len(data) >= room:
                raise LimitError(f"the archive holds {limits.PLUGIN_PACKAGE_BYTES} bytes or more")
            room -= len(data)
            files[name] = data
    except (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile, tarfile.TarError,
            zlib.error) as error:  # fmt: skip
        raise FormatError(f"the archive cannot be read: {safe(error)}") from None
    return files


def _zip(data: bytes) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        _check_count(len(members))
        for member in members:
            kind = stat.S_IFMT(member.external_attr >> 16)
            if _is_at_top(member.filename) and not member.is_dir() and kind in {0, stat.S_IFREG}:
                with archive.open(member) as content:
                    yield member.filename, content


def _tar(data: bytes) -> Iterator[tuple[str, IO[bytes]]]:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
        plain = packed.read(limits.PLUGIN_PACKAGE_BYTES)  # headers count as well, against archive bombs
    if len(plain) >= limits.PLUGIN_PACKAGE_BYTES:
        raise LimitError(f"the archive holds {limits.PLUGIN_PACKAGE_BYTES} bytes or more")
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
        for count, member in enumerate(archive, 1):
            _check_count(count)
            name = member.name.removeprefix("./")
            if _is_at_top(name) and member.isreg() and (content := archive.extractfile(member)):
                yield name, content


def _check_count(count: int) -> None:
    if count > limits.PLUGIN_PACKAGE_FILES:
        raise LimitError(f"the archive has more than {limits.PLUGIN_PACKAGE_FILES} members")


def _is_at_top(name: str) -> bool:
    """Whether the member is at the top. Raises FormatError for a name that leads out of the archive."""
    parts = name.replace("\\", "/").split("/")
    if ".." in parts or ".." in name or parts[0] == "" or ":" in parts[0] or not name.isprintable():
        raise FormatError(f"the archive holds a member with the name {safe(name, limit=128)!r}, which leads elsewhere")
    return len(parts) == 1


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
