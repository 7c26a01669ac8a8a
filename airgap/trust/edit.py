"""Writes trust stores; new files are checked by the rules of reading (STORE-5, STORE-7, STORE-12)."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from airgap import limits
from airgap.errors import FormatError, LimitError, NotFoundError, TrustMaterialError, UntrustedError, UsageError
from airgap.files import is_there, make_folders, read_regular, sync_folder, write_file
from airgap.locking import exclusive
from airgap.pki.certificate import Certificate
from airgap.pki.certificate_files import load_certificates
from airgap.reasons import ExitCode
from airgap.text import safe
from airgap.trust.generation import settled
from airgap.trust.location import Location, check_ours, is_named, not_there
from airgap.trust.snapshots.swap import finish_exchange
from airgap.trust.store_types import StoreType
from airgap.trust.stores import (
    StoreRef,
    certificate_problem,
    check_file_name,
    explain_name,
    list_stores,
    load_store,
    proper_name,
    reading_refusal,
)

FILE_MODE = 0o600
FOLDER_MODE = 0o700  # STORE-14: for the owner alone


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One file of a trust store, or one that may get into a store."""

    store: StoreRef | None
    """None for a file that is in no store."""
    name: str
    certificates: tuple[Certificate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenStore:
    """A store that no verification could use."""

    store: StoreRef
    problem: str


def writable(location: Location) -> Path:
    """The directory, if we may write to it; finishes an interrupted exchange first.

    Raises UsageError for notation's, AirgapError.
    """
    check_ours(location)
    finish_exchange(location.path)
    return location.path


def store_of(kind: StoreType, name: str) -> StoreRef:
    """The store of this type and name. Raises UsageError."""
    try:
        return StoreRef.parse(f"{kind}:{name}")
    except FormatError as error:
        raise UsageError(f"the trust store {error}") from None


def read_certificates(path: Path) -> StoredFile:
    """The certificates in a file that the operator named, to be looked at before they are trusted.

    Raises NotFoundError, UsageError, FormatError.
    """
    _check_file(path)
    data = read_regular(path.resolve(), limits.STORE_FILE_BYTES)
    try:
        return StoredFile(store=None, name=path.name, certificates=load_certificates(data))
    except FormatError as error:
        raise FormatError(f"{safe(path)} {reading_refusal(error)}", remedy=error.remedy) from None


def parse_fingerprint(text: str) -> str:
    """A SHA-256 fingerprint as people write it: hex digits, with colons or blanks between. Raises UsageError."""
    digits = re.sub(r"[\s:]", "", text.removeprefix("sha256:")).lower()
    if not re.fullmatch("[0-9a-f]{64}", digits):
        raise UsageError(
            f"{safe(text, limit=128)!r} is no SHA-256 fingerprint", remedy="It has 64 hex digits. Write all of them."
        )
    return digits


def add_certificates(
    root: Path, store: StoreRef, sources: Sequence[Path], *, fingerprints: Collection[str] | None = None
) -> tuple[StoredFile, ...]:
    """Copy certificate files (PEM or DER) into a store; all of them, or where one is refused none.

    `fingerprints`: the SHA-256, in hex, of each certificate that may get in. None: they were not named. One of them
    that no certificate has, or a certificate that has none of them, is refused with UntrustedError (13).

    Files keep their names, but for an ending that no file of a store has: `root.der` becomes `root.cer`, a PEM file
    `root.txt` becomes `root.pem`. A name that the store has already is refused, also for the same content. Raises
    TrustMaterialError(store.malformed) for what verification would refuse, UsageError, OSError.
    """
    wanted = [_checked(store, path) for path in sources]
    if fingerprints is not None:
        _check_fingerprints([item for item, _ in wanted], fingerprints)
    names = [item.name.lower() for item, _ in wanted]
    folder = store.folder(root)
    make_folders(folder, mode=FOLDER_MODE)
    if folder.is_symlink():
        raise _refusal(store, str(folder), "is a symbolic link, not a directory")
    with exclusive(root):  # as for the policy: an exchange of the whole tree takes this lock, too
        with os.scandir(folder) as entries:
            there = {entry.name.lower() for entry in entries}  # FAT and macOS know one of both
        for number, name in enumerate(names):
            if name in there or name in names[:number]:
                raise UsageError(
                    f"the trust store {store} has a file {safe(wanted[number][0].name)!r} already",
                    remedy="Delete it first, or give the new file another name.",
                )
        if len(there) + len(wanted) > limits.STORE_FILES:  # who reads it would refuse all of it
            raise LimitError(
                f"the trust store {store} would have more than {limits.STORE_FILES} files",
                remedy="Put the certificates into several stores, and name each in the trust policy.",
            )
        for item, data in wanted:
            write_file(folder / item.name, data, mode=FILE_MODE)
    return tuple(item for item, _ in wanted)


def list_certificates(
    location: Location, kind: StoreType | None = None, name: str | None = None
) -> list[StoredFile | BrokenStore]:
    """The files of all stores, or of those of one type, or of this name, in their order.

    Raises NotFoundError for a directory that was named and is not there, TrustMaterialError.
    """
    root = settled(location.path)
    if is_named(location) and not root.is_dir():
        raise not_there(root)
    found: list[StoredFile | BrokenStore] = []
    for store in list_stores(root, kind):
        if name is not None and store.name != name:
            continue
        try:
            load_store(root, store)
        except TrustMaterialError as error:
            found.append(BrokenStore(store=store, problem=str(error)))
        found += _files(root, store)
    return found


def find_certificate(root: Path, store: StoreRef, name: str) -> StoredFile:
    """One file of a store. Raises NotFoundError, TrustMaterialError where it cannot be read."""
    path = _path(settled(root), store, name)
    try:
        certificates = load_certificates(read_regular(path, limits.STORE_FILE_BYTES))
    except FormatError as error:
        raise _unreadable(store, name, error) from None
    return StoredFile(store=store, name=name, certificates=certificates)


def delete_certificate(root: Path, store: StoreRef, name: str) -> Path:
    """Remove one file of a store, readable or not; returns where it was. Raises NotFoundError, OSError."""
    path = _path(root, store, name)
    with exclusive(root):
        path.unlink()
        sync_folder(path.parent)
    return path


def delete_store(root: Path, store: StoreRef) -> tuple[str, ...]:
    """Remove a store with all files in it; returns their names. Raises NotFoundError, UsageError, OSError."""
    folder = store.folder(root)
    if not folder.is_dir() or folder.is_symlink():
        raise NotFoundError(f"there is no trust store {store}", store=str(store))
    with exclusive(root):
        with os.scandir(folder) as entries:
            found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
        if kept := [name for name, folded in found if folded]:
            raise UsageError(f"the trust store {store} holds the directory {safe(kept[0])!r}, which is left alone")
        for name, _ in found:
            (folder / name).unlink()
        folder.rmdir()
        sync_folder(folder.parent)
    return tuple(name for name, _ in found)


def _check_fingerprints(files: Sequence[StoredFile], fingerprints: Collection[str]) -> None:
    found = {certificate.fingerprint: item.name for item in files for certificate in item.certificates}
    for fingerprint, name in found.items():
        if fingerprint not in fingerprints:
            raise _other_fingerprint(
                f"{safe(name)!r} has a certificate with another fingerprint: SHA-256 {fingerprint}",
                "Ask the owner of the certificate for its fingerprint again, another way.",
            )
    for fingerprint in fingerprints:
        if fingerprint not in found:
            raise _other_fingerprint(
                f"no certificate has the fingerprint SHA-256 {fingerprint}", "Name the file of that certificate, too."
            )


def _other_fingerprint(message: str, remedy: str) -> UntrustedError:
    return UntrustedError(message, reason=None, exit_code=ExitCode.UNTRUSTED, remedy=f"Nothing was added. {remedy}")


def _check_file(path: Path) -> None:
    if not path.exists():
        raise NotFoundError(f"there is no file {safe(path)}", remedy="Check the path.")
    if path.is_dir():
        raise UsageError(f"{safe(path)} is a directory", remedy="Name the certificate files in it.")


def _checked(store: StoreRef, path: Path) -> tuple[StoredFile, bytes]:
    name = path.name
    _check_file(path)
    try:
        data = read_regular(path.resolve(), limits.STORE_FILE_BYTES)  # a path of the operator may be a link
    except FormatError as error:
        raise _refusal(store, name, str(error)) from None
    try:
        check_file_name(name)
    except FormatError as error:
        if name.startswith(".") or not _holds_certificates(data):
            found = explain_name(error, path)
            # what is said of files that are in a store does not help with one that is to get there
            raise _refusal(store, name, found.problem, "" if found is error else found.remedy) from None
        name = proper_name(name, data)
    try:
        certificates = load_certificates(data)
    except FormatError as error:
        raise _unreadable(store, name, error) from None
    for certificate in certificates:
        if problem := certificate_problem(store.type, certificate):
            raise _refusal(store, name, problem)
    return StoredFile(store=store, name=name, certificates=certificates), data


def _holds_certificates(data: bytes) -> bool:
    try:
        load_certificates(data)
    except FormatError:
        return False
    return True


def _files(root: Path, store: StoreRef) -> list[StoredFile]:
    folder = store.folder(root)
    found: list[StoredFile] = []
    try:
        names = [] if folder.is_symlink() else sorted(os.listdir(folder))  # noqa: PTH208 - names alone
    except OSError:
        return []  # BrokenStore says it
    for name in names:
        try:
            found.append(find_certificate(root, store, name))
        except TrustMaterialError:
            continue  # BrokenStore says it
    return found


def _path(root: Path, store: StoreRef, name: str) -> Path:
    folder = store.folder(root)
    path = folder / name
    if Path(name).name != name or name in {".", ".."} or not is_there(path):
        raise NotFoundError(
            f"the trust store {store} has no file {safe(name)!r}",
            remedy="See what there is with airgap trust cert list.",
            store=str(store),
        )
    return path


def _unreadable(store: StoreRef, name: str, error: FormatError) -> TrustMaterialError:
    return _refusal(store, name, reading_refusal(error), error.remedy)


def _refusal(store: StoreRef, name: str, problem: str, remedy: str = "") -> TrustMaterialError:
    return TrustMaterialError(
        "store.malformed",
        f"{safe(name)!r} cannot be in the trust store {store}: it {problem}",
        remedy=remedy
        or "Choose the certificate of a root or intermediate CA; for timestamping, that of a self-signed root.",
        store=str(store),
        file=safe(name),
        problem=problem,
    )
