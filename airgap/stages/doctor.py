"""Examine: whether this installation and this machine have what airgap needs. Nothing is judged, changed or asked for.

No registry is asked, no credential helper and no plugin is run.
"""

from __future__ import annotations

import os
import platform
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from airgap import __version__
from airgap.errors import AirgapError
from airgap.examination import Examination, Examined
from airgap.files import is_there
from airgap.ledger.ledger_file import Ledger
from airgap.net.credentials import Credentials
from airgap.net.kept_credentials import KeptCredentials, kept_credentials
from airgap.parse.time import iso
from airgap.plugin.plugin_directory import PluginDirectory
from airgap.problem import Problem
from airgap.reasons import ExitCode
from airgap.text import safe, some
from airgap.transfer.room import room_in
from airgap.trust.directory import TrustDirectory
from airgap.trust.generation import is_between, settled
from airgap.trust.location import Location, is_named, locate, not_there
from airgap.trust.status import TrustStatus, trust_status
from airgap.trust.store_types import StoreType

_LIBRARIES: Final[Mapping[str, str]] = {
    "cryptography": "cryptography",
    "cbor2": "cbor2",
    "jwcrypto": "jwcrypto",
    "oras": "oras",
    "typer": "typer",
    "rich": "rich",
    "pyyaml": "yaml",
    "filelock": "filelock",
}
"""The module of each distribution that is always needed."""


class _Extra(NamedTuple):
    distribution: str
    module: str
    use: str


_EXTRAS: Final[Mapping[str, _Extra]] = {
    "pkcs11": _Extra("python-pkcs11", "pkcs11", "keys in tokens"),
    "tuf": _Extra("tuf", "tuf", "trust snapshots as TUF targets"),
    "dask": _Extra("distributed", "distributed", "judging on several machines"),
}
_LITTLE_ROOM: Final = 2**30
"""Bytes. Large layers and tars from a pipe go through the folder for temporary files."""
_NETWORK: Final = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
_NAMED_REGISTRIES: Final = 10
_ENTRIES: Final = 10_000
"""More names in folders and files are not counted."""
_AGAIN: Final = "Install airgap-oci again, with everything that it requires."


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorRequest:
    """What this process knows of its machine."""

    clock: datetime
    """What the clock says, right or not."""
    clock_problem: AirgapError | None = None
    """Why that cannot be right."""
    environment: Mapping[str, str]
    home: Path | None
    trust: Path | None = None
    """The trust directory that is named."""
    ledger: Path | None = None
    plugins: PluginDirectory
    credentials: Credentials
    encoding: str
    """That of standard output."""


def doctor(request: DoctorRequest) -> Examination:
    """Look at the installation and the machine. What cannot be looked at is a problem of its item, and no error."""
    examinations: tuple[tuple[str, Callable[[DoctorRequest], Iterable[Examined]]], ...] = (
        ("airgap", _command),
        ("libraries", _libraries),
        ("extras", _extras),
        ("clock", _clock),
        ("terminal", _terminal),
        ("room", _room),
        ("trust directory", _trust),
        ("credentials", _credentials),
        ("network", _network),
        ("plugins", _plugins),
        ("ledger", _ledger),
    )
    return Examination(
        request.clock,
        tuple(item for about, examine in examinations for item in _examined(about, examine, request)),
    )


def _examined(
    about: str, examine: Callable[[DoctorRequest], Iterable[Examined]], request: DoctorRequest
) -> Iterator[Examined]:
    try:
        yield from examine(request)
    except (AirgapError, OSError) as error:
        yield Examined(about=about, problem=Problem.of(error))


def _command(request: DoctorRequest) -> Iterator[Examined]:
    found = f"{__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    at = shutil.which("airgap", path=request.environment.get("PATH"))
    if at is None:
        problem = Problem(
            message="no folder in PATH has a command airgap",
            remedy="Add the folder of the command to PATH. In a virtual environment: activate it.",
        )
        yield Examined(about="airgap", found=safe(found), problem=problem)
    else:
        yield Examined(about="airgap", found=f"{safe(found)}, on PATH as {safe(at)}")


def _version(distribution: str, module: str) -> str | None:
    """The version, as far as it is known; None for what is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:  # an executable file of its own has modules, and may have no metadata
        return "of unknown version" if find_spec(module) else None


def _libraries(_: DoctorRequest) -> Iterator[Examined]:
    found = {name: _version(name, module) for name, module in _LIBRARIES.items()}
    missing = [name for name, number in found.items() if number is None]
    problem = None
    if missing:
        message = f"not installed: {', '.join(missing)}"
        problem = Problem(message=message, exit_code=ExitCode.ERROR, remedy=_AGAIN)
    yield Examined(
        about="libraries",
        found=safe(", ".join(f"{name} {number}" for name, number in found.items() if number)),
        problem=problem,
    )


def _extras(_: DoctorRequest) -> Iterator[Examined]:
    found = {name: _version(extra.distribution, extra.module) for name, extra in _EXTRAS.items()}
    have = [f"{name} ({_EXTRAS[name].distribution} {number})" for name, number in found.items() if number]
    lack = [f"{name} ({_EXTRAS[name].use})" for name, number in found.items() if number is None]
    said = [", ".join(have)] if have else []
    if lack:
        said.append(f"not installed: {', '.join(lack)}")
    yield Examined(about="extras", found=safe("; ".join(said)))


def _clock(request: DoctorRequest) -> Iterator[Examined]:
    wrong = request.clock_problem
    yield Examined(about="clock", found=iso(request.clock), problem=Problem.of(wrong) if wrong else None)


def _terminal(request: DoctorRequest) -> Iterator[Examined]:
    try:
        "→".encode(request.encoding)
        problem = None
    except (UnicodeEncodeError, LookupError):
        problem = Problem(
            message="standard output has no characters for names in other scripts: they are escaped",
            remedy="Set PYTHONUTF8=1, or a locale with UTF-8, if you want to see them.",
        )
    yield Examined(about="terminal", found=safe(request.encoding), problem=problem)


def _room(_: DoctorRequest) -> Iterator[Examined]:
    for about, folder in (("temporary files", Path(tempfile.gettempdir())), ("this folder", Path.cwd())):
        free = room_in(folder, 0, 0).free
        problem = None
        if free is not None and free < _LITTLE_ROOM:
            problem = Problem(
                message=f"little room: {free} bytes are free",
                remedy="Make room there, or set TMPDIR to another folder." if about == "temporary files" else "",
            )
        elif not os.access(folder, os.W_OK) and about == "temporary files":
            problem = Problem(
                message="nothing can be written there", exit_code=ExitCode.ERROR, remedy="Set TMPDIR to another folder."
            )
        shown = "it is not known how much is free" if free is None else f"{free / 2**30:.1f} GiB free"
        yield Examined(about=about, found=f"{safe(folder)}, {shown}", problem=problem)


_NO_TRUST: Final = (
    "Copying needs none. To verify, make one: airgap trust cert add, then airgap trust policy init; or name one with "
    "--trust or AIRGAP_TRUST."
)


def _trust(request: DoctorRequest) -> Iterator[Examined]:
    location = locate(request.trust, request.environment, request.home)
    where = f"{safe(location.path)} ({location.origin}{', only read' if location.read_only else ''})"
    if not is_between(location.path):
        missing = (
            Problem.of(not_there(location.path)) if is_named(location) or location.origin == "AIRGAP_TRUST" else None
        )
        nothing = missing or Problem(message="there is no trust directory there", remedy=_NO_TRUST)
        yield Examined(about="trust directory", found=where, problem=nothing)
        return
    yield Examined(about="trust directory", found=where, problem=_open_to_others(location))
    directory = TrustDirectory.open(location)
    status = trust_status(directory, at=request.clock, clock=request.clock)
    yield from (Examined(about="trust policy and stores", problem=problem) for problem in status.problems)
    if not status.problems:
        stores = [store for kind in StoreType for store in directory.all_stores(kind)[0]]
        certificates = sum(len(store.certificates) for store in stores)
        found = f"can be read; stores: {len(stores)}, certificates in them: {certificates}"
        yield Examined(about="trust policy and stores", found=found)
    yield from (Examined(about="trust policy and stores", problem=notice) for notice in status.notices)
    yield _evidence(status)


def _open_to_others(location: Location) -> Problem | None:
    """Whether other users may change whom this one trusts. Windows has no such modes."""
    if os.name != "posix":
        return None
    found = settled(location.path).stat()
    others = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX
    if not others:
        return None
    return Problem(
        message="other users of this machine may write there: they can change whom you trust",
        remedy=f"chmod go-w {safe(location.path)}, if that is not meant.",
    )


def _evidence(status: TrustStatus) -> Examined:
    needed = sum(piece.is_needed for piece in status.pieces)
    found = f"pieces that count: {needed}" + (f", good until {iso(status.use_by[0])}" if status.use_by else "")
    problem = None
    if status.clock_is_behind and status.newest:
        problem = Problem(
            message=f"the clock is wrong: {safe(status.newest[1])} is from {iso(status.newest[0])}",
            exit_code=ExitCode.ERROR,
            remedy="Set the clock. Nothing is judged good by a clock that is behind.",
        )
    elif not status.is_good and not status.problems:
        problem = Problem(
            message="none is there" if not status.pieces else "not all of it is good now",
            remedy="See airgap trust status; airgap trust fetch on the connected side gets what is missing.",
        )
    return Examined(about="evidence", found=found, problem=problem)


def _credentials(request: DoctorRequest) -> Iterator[Examined]:
    kept = list(islice(kept_credentials(request.credentials), _ENTRIES))
    if not kept:
        yield Examined(about="credentials", found="none are kept; registries are asked without")
    for file in dict.fromkeys(item.file for item in kept):
        yield from _kept_in(file, [item for item in kept if item.file == file])


def _kept_in(file: Path, kept: list[KeptCredentials]) -> Iterator[Examined]:
    names = list(dict.fromkeys(item.registry or f"all that {item.helper} knows" for item in kept))
    found = f"{safe(file)}: {some(names, _NAMED_REGISTRIES, lambda name: safe(name, limit=255))}"
    missing = sorted({item.helper for item in kept if item.is_helper_missing})
    problem = None
    if missing:
        problem = Problem(
            message=f"not installed: {safe(', '.join(missing))}",
            remedy="Install it, or remove it from the file (credsStore, credHelpers).",
        )
    yield Examined(about="credentials", found=found, problem=problem)


def _network(request: DoctorRequest) -> Iterator[Examined]:
    """The variables that the way to registries follows, without user names and passwords."""
    names = [name for known in _NETWORK for name in dict.fromkeys((known, known.lower()))]
    found = {name: value for name in names if (value := request.environment.get(name))}
    said = ", ".join(f"{name}={_without_user(value)}" for name, value in found.items())
    missing = [
        name
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
        if (named := found.get(name)) and not os.access(named, os.R_OK)
    ]
    problem = None
    if missing:
        problem = Problem(
            message=f"the file that {missing[0]} names cannot be read",
            exit_code=ExitCode.ERROR,
            remedy="Correct the variable, or remove it.",
        )
    yield Examined(about="network", found=safe(said) or "no proxy and no certificates are set", problem=problem)


def _without_user(value: str) -> str:
    try:
        parts = urlsplit(value)
    except ValueError:
        return "(no URL)"
    return value.replace(f"{parts.netloc.rpartition('@')[0]}@", "", 1) if "@" in parts.netloc else value


def _plugins(request: DoctorRequest) -> Iterator[Examined]:
    names = request.plugins.names()
    found = some(names, _NAMED_REGISTRIES, safe) if names else "none"
    yield Examined(about="plugins", found=f"{safe(request.plugins.path)}: {found}")
    for name in names:
        try:
            request.plugins.locate(name)
        except AirgapError as error:
            yield Examined(about="plugins", problem=Problem.of(error))


def _ledger(request: DoctorRequest) -> Iterator[Examined]:
    if request.ledger is None:
        yield Examined(about="ledger", found="none is named")
        return
    if not is_there(request.ledger):
        yield Examined(about="ledger", found=f"{safe(request.ledger)}: not made yet")
        return
    with Ledger.open(request.ledger) as ledger:
        yield Examined(about="ledger", found=f"{safe(request.ledger)}: {ledger.head.rows} rows")
