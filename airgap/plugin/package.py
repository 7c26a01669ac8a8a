"""The package of a plugin: the executable, or a .zip or .tar.gz with exactly one (PLUGIN-3, LIM-10).

Only files at the top are used; folders, links and other members are ignored. The kind of the file is decided by its
bytes, not by its name.
"""

from __future__ import annotations

import gzip
import io
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from airgap import limits
from airgap.errors import FormatError, LimitError, UsageError
from airgap.hashing import fingerprint
from airgap.plugin.plugin_directory import PREFIX, check_name, executable_name
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
