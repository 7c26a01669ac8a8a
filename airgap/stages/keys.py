"""Named signing keys: adds, lists, chooses, deletes and opens them, and generates test keys."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from airgap.errors import NotFoundError, Rejected, UsageError
from airgap.files import write_file
from airgap.pki.certificate import Certificate, Offered
from airgap.pki.chain import check_code_signing_chain
from airgap.signature.formats import KeyKind
from airgap.signature.generate import LABEL, generate_throwaway
from airgap.signature.key_config import (
    LOCAL_KEYS,
    ConfiguredKey,
    KeyEntry,
    LocalKey,
    RemoteKey,
    SigningKeys,
    TokenKey,
    check_key_name,
    load_signing_keys,
    save_signing_keys,
)
from airgap.signature.key_files import KeyFileError, PassPhrase, load_local_signer, no_pass_phrase, read_chain
from airgap.signature.key_location import KeyFolders, find_key, list_keys
from airgap.signature.produce import EnvelopeSigner
from airgap.signature.signer import Signer, SigningError
from airgap.signature.token_uri import TokenUri, is_token_uri
from airgap.text import safe
from airgap.trust.snapshots.swap import finish_exchange
from airgap.trust.stores import StoreRef

OpenRemote = Callable[[RemoteKey], Signer | EnvelopeSigner]
"""Opens a key that a plugin has."""

_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


def open_signer(
    folders: KeyFolders,
    name: str | None = None,
    *,
    pass_phrase: PassPhrase = no_pass_phrase,
    remote: OpenRemote | None = None,
    module: Path | None = None,
) -> Signer | EnvelopeSigner:
    """The signer of the key of this name, or of the default key.

    `remote` opens the keys of plugins; without it these cannot be used. `module` is the library of tokens whose URI
    names none. Raises NotFoundError, KeyFileError, UsageError, SigningError, and what `remote` raises.
    """
    found = find_key(folders, name)
    entry = found.entry
    if isinstance(entry, LocalKey | TokenKey):
        key = entry.uri if isinstance(entry, TokenKey) else str(found.folder / entry.key_path)
        return open_key(key, found.folder / entry.certificate_path, pass_phrase=pass_phrase, module=module)
    if isinstance(entry, RemoteKey) and remote is not None:
        return remote(entry)
    raise UsageError(f"the key {safe(entry.name)!r} is of a kind that cannot be used here")


def open_key(key: str, chain: Path, *, pass_phrase: PassPhrase = no_pass_phrase, module: Path | None = None) -> Signer:
    """The signer of a private key, a file or a `pkcs11:` URI, and its chain in a file; see `open_signer`."""
    if not is_token_uri(key):
        return load_local_signer(Path(key), chain, pass_phrase)
    from airgap.signature.token import open_token_signer

    return open_token_signer(key, chain, pass_phrase, module=module)


def add_key(
    folders: KeyFolders, key: KeyEntry, *, default: bool = False, pass_phrase: PassPhrase = no_pass_phrase
) -> Path:
    """Add a key to the configuration, after a check of its files as far as possible without a pass phrase.

    Returns the configuration's path. Raises UsageError, KeyFileError, SigningError (a chain that may not sign).
    """
    added = _absolute(key, Path())
    if isinstance(added, LocalKey):
        _check_files(Path(added.key_path), Path(added.certificate_path), pass_phrase)
    if isinstance(added, TokenKey):  # the token need not be present
        TokenUri.parse(added.uri)
        _check_chain(read_chain(Path(added.certificate_path)))
    keys = _own(folders).adding(added, default=default)
    return save_signing_keys(folders.own, keys)


def choose_default(folders: KeyFolders, name: str) -> Path:
    """Make a key the default one; a key of notation is copied into our configuration. Raises NotFoundError."""
    keys = _own(folders)
    if keys.find(name) is None:
        found = find_key(folders, name)
        keys = keys.adding(_absolute(found.entry, found.folder))
    return save_signing_keys(folders.own, keys.choosing(name))


def delete_keys(folders: KeyFolders, names: tuple[str, ...]) -> Path:
    """Remove names from the configuration; key files stay. Raises NotFoundError, and then removes none."""
    keys = _own(folders)
    for name in names:
        if keys.find(name) is None and any(key.entry.name == name for key in list_keys(folders)):
            raise UsageError(
                f"the key {safe(name)!r} is in notation's configuration, which is only read here",
                remedy=f"Use notation: notation key delete {safe(name)}",
            )
        keys = keys.without(name)
    return save_signing_keys(folders.own, keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedKey:
    """A generated test key, and its files."""

    name: str
    subject: str
    kind: KeyKind
    not_after: datetime
    key_path: Path
    certificate_path: Path
    root_path: Path
    store_path: Path | None = None
    """The file of the root in a trust store."""
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of the certificates, `leaf` and `root`."""


def generate_key(
    folders: KeyFolders,
    name: str,
    *,
    kind: KeyKind,
    at: datetime,
    days: int,
    default: bool = False,
    pass_phrase: bytes | None = None,
    trust: tuple[Path, str] | None = None,
) -> GeneratedKey:
    """Make a named test key with its chain below `localkeys/`; with `trust`, put its root into a trust store.

    `trust`: a trust directory and the name of one of its `ca` stores. No file that exists is replaced. Raises
    UsageError, OSError; then nothing was made.
    """
    check_key_name(name)
    if not _FILE_NAME.fullmatch(name):
        raise UsageError(f"{safe(name)!r} cannot name files: letters, digits, '.', '_', '-'")
    folder = folders.own / LOCAL_KEYS
    key_path, certificate_path, root_path = (folder / f"{name}{suffix}" for suffix in (".key", ".crt", ".root.crt"))
    store_path = _store_file(*trust, name) if trust else None
    made = generate_throwaway(name, kind=kind.key_spec, at=at, days=days, pass_phrase=pass_phrase)
    entry = LocalKey(name=name, key_path=str(key_path.absolute()), certificate_path=str(certificate_path.absolute()))
    keys = _own(folders).adding(entry, default=default)
    files = [(key_path, made.key, 0o600), (certificate_path, made.chain, 0o644), (root_path, made.root, 0o644)]
    if store_path is not None:
        files.append((store_path, made.root, 0o644))
    if there := next((path for path, _, _ in files if os.path.lexists(path)), None):
        raise UsageError(f"{safe(there)} exists already", remedy="Take another name, or remove the file.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write_all(files)
    save_signing_keys(folders.own, keys)
    leaf, root = read_chain(certificate_path)
    return GeneratedKey(
        name=name,
        subject=made.subject,
        kind=kind,
        not_after=made.not_after,
        key_path=key_path,
        certificate_path=certificate_path,
        root_path=root_path,
        store_path=store_path,
        fingerprints={"leaf": leaf.fingerprint, "root": root.fingerprint},
    )


def _write_all(files: list[tuple[Path, bytes, int]]) -> None:
    """Writes all files or none."""
    written: list[Path] = []
    try:
        for path, data, mode in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, data, mode=mode)
            written.append(path)
    except BaseException:
        for path in written:
            with suppress(OSError):
                path.unlink()
        raise


def _store_file(trust: Path, store: str, name: str) -> Path:
    finish_exchange(trust)
    if not trust.is_dir():
        raise NotFoundError(f"there is no trust directory {safe(trust)}", remedy="Make it first: mkdir.")
    folder = StoreRef.parse(f"ca:{store}").folder(trust)
    if folder.is_symlink():
        raise UsageError(f"{safe(folder)} is a symbolic link, where a trust store is a folder")
    return folder / f"{LABEL}-{name}.crt"


def _own(folders: KeyFolders) -> SigningKeys:
    return load_signing_keys(folders.own) or SigningKeys()


def _absolute(key: ConfiguredKey, folder: Path) -> ConfiguredKey:
    """The entry with whole paths; relative ones count from `folder`."""
    if not isinstance(key, LocalKey | TokenKey):
        return key
    chain = str((folder / key.certificate_path).absolute())
    if isinstance(key, TokenKey):
        return replace(key, certificate_path=chain)
    return LocalKey(name=key.name, key_path=str((folder / key.key_path).absolute()), certificate_path=chain)


def _check_files(key: Path, chain: Path, pass_phrase: PassPhrase) -> None:
    """Compares a key with its chain; an encrypted key without a pass phrase is not checked."""
    _check_chain(read_chain(chain))
    asked = False

    def ask(name: str) -> bytes | None:
        nonlocal asked
        phrase = pass_phrase(name)
        asked = phrase is None
        return phrase

    try:
        load_local_signer(key, chain, ask)
    except KeyFileError:
        if not asked:
            raise


def _check_chain(certificates: tuple[Certificate, ...]) -> None:
    try:
        check_code_signing_chain(Offered(certificates))
    except Rejected as error:
        raise SigningError(
            str(error),
            reason=error.reason,
            remedy="Give the whole chain that may sign: signing certificate first, self-signed root last.",
            **error.facts,
        ) from None
