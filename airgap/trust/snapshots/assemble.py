"""Makes the new tree of a snapshot beside the one in force.

A snapshot with anchors or a policy replaces the policy files and `truststore/` completely. Evidence (`crls/`, `ocsp/`)
is merged and never lost: existing files stay unchanged, and new content gets new names. Names do not change the meaning
of evidence (decision 0009), so new files cannot hide existing ones. Everything else belongs to this machine and stays:
`airgap.toml`, `.airgap/`, and other files and folders.
"""

from __future__ import annotations

import json as writer
import os
import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from airgap import limits
from airgap.errors import FormatError, TrustMaterialError
from airgap.files import is_there, read_regular
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.store import Store, read_verified
from airgap.revocation.evidence_directory import MAKE_ROOM, EvidenceDirectory, read_evidence_index
from airgap.revocation.index import INDEX, EvidenceIndex
from airgap.revocation.unsigned_evidence import FILE as UNSIGNED_FILE
from airgap.revocation.unsigned_evidence import LOCAL, UnsignedEvidence
from airgap.scratch import scratch_folder
from airgap.text import safe
from airgap.transfer.checked_bytes import copy_checked
from airgap.trust.directory import TrustDirectory
from airgap.trust.generation import GENERATION
from airgap.trust.policy_files import BLOB_POLICY_FILES, OCI_POLICY_FILES
from airgap.trust.snapshots.material import Part
from airgap.trust.snapshots.pins import FILE as PINS_FILE
from airgap.trust.snapshots.pins import Pins
from airgap.trust.snapshots.snapshot_document import Snapshot
from airgap.trust.snapshots.state import STATE_FILE, State
from airgap.trust.snapshots.swap import StagedSwap, copy_into, link_or_copy
from airgap.trust.store_types import FOLDER, StoreType
from airgap.trust.stores import StoreRef, load_store

_MARK: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The evidence of one kind of one side."""

    files: Mapping[str, Digest]
    """File names to the digests of their content."""
    index: EvidenceIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The additions to a folder."""

    added: Mapping[str, str]
    """New names to the names in the snapshot."""
    index: Mapping[str, tuple[str, ...]]

    def index_bytes(self) -> bytes | None:
        """`index.json`, or None where nothing is mapped."""
        if not self.index:
            return None
        members: dict[str, Any] = {
            url: names[0] if len(names) == 1 else list(names) for url, names in self.index.items()
        }
        return (writer.dumps(members, indent=2, ensure_ascii=True, sort_keys=True) + "\n").encode()


def merge(local: Side, incoming: Side, *, taken: Collection[str] = ()) -> Merged:
    """The new files of the snapshot under free names. Their content is not read.

    `taken`: names in the folder beside those of `local.files`.
    """
    # the name of a missing file that the index has stays reserved: a new file must not take it
    used = {name.casefold() for name in (*local.files, *local.index.claimed, *taken)}
    names = {digest: name for name, digest in local.files.items()}
    added: dict[str, str] = {}
    for own, digest in incoming.files.items():
        if digest not in names:
            names[digest] = _free(own, digest, used)
            added[names[digest]] = own
    index = {url: list(mapped) for url, mapped in local.index.files.items()}
    for url, mapped in incoming.index.files.items():
        index.setdefault(url, []).extend(names[incoming.files[own]] for own in mapped if own in incoming.files)
    return Merged(added=added, index={url: tuple(dict.fromkeys(mapped)) for url, mapped in index.items() if mapped})


def _free(name: str, digest: Digest, used: set[str]) -> str:
    path = PurePosixPath(name)
    chosen, number = name, 1
    while chosen.casefold() in used:
        again = f"-{number}" if number > 1 else ""
        chosen = f"{path.stem}-{digest.encoded[:_MARK]}{again}{path.suffix}"
        number += 1
    used.add(chosen.casefold())
    return chosen


_TRUST_FILES: Final = (*OCI_POLICY_FILES, *BLOB_POLICY_FILES, FOLDER[0])
_EVIDENCE: Final = ("crls", "ocsp")
_REWRITTEN: Final = frozenset({PINS_FILE, STATE_FILE, UNSIGNED_FILE, GENERATION})
_FILE_BYTES: Final = limits.CRL_BYTES * 3 // 2


def assemble(
    swap: StagedSwap, store: Store, snapshot: Snapshot, pins: Pins, state: State | None, *, signed: bool
) -> None:
    """Make `swap.next`: the present tree with the snapshot in it.

    `signed`: whether a pinned signer signed the snapshot. Raises ContentError, TrustMaterialError, OSError.
    """
    target = swap.begin()
    owned = (*_EVIDENCE, LOCAL) if snapshot.evidence_only else (*_EVIDENCE, LOCAL, *_TRUST_FILES)
    for name in _names(swap.trust):
        if name not in owned:
            copy_into(swap.trust / name, target / name)
    for file in snapshot.files:
        if not file.part.is_evidence:
            path = target / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_layer(store, snapshot.layers[file.path], path)
    added: dict[str, Digest] = {}
    for folder in _EVIDENCE:
        layers = _layers_of(snapshot, folder)
        new = _merge_folder(swap.trust / folder, target / folder, store, layers, signed=signed)
        added |= {f"{folder}/{name}": digest for name, digest in new.items()}
    unsigned = UnsignedEvidence.read(swap.trust).files
    covered = frozenset(layer.digest for layer in snapshot.layers.values()) if signed else frozenset()
    kept = {path: digest for path, digest in unsigned.items() if digest not in covered and (target / path).exists()}
    UnsignedEvidence(kept if signed else kept | added).write(target)
    write_local(swap, pins, state)
    if added and not signed and EvidenceDirectory.open(target).count > limits.EVIDENCE_PIECES // limits.UNSIGNED_SHARE:
        raise _too_much(swap.trust, limits.EVIDENCE_PIECES, "pieces of evidence", signed=False)


def assemble_previous(swap: StagedSwap, pins: Pins, state: State | None) -> None:
    """Make `swap.next`: the former stores and policy, with what belongs to this machine now. Raises OSError.

    Evidence that has come since then stays: only stores and policy go back.
    """
    target = swap.begin()
    for name in _names(swap.trust):
        if name not in (*_TRUST_FILES, LOCAL):
            copy_into(swap.trust / name, target / name)
    UnsignedEvidence.read(swap.trust).write(target)
    for name in _names(swap.previous):
        if name in _TRUST_FILES:
            copy_into(swap.previous / name, target / name)
    write_local(swap, pins, state)


def write_local(swap: StagedSwap, pins: Pins, state: State | None) -> None:
    """Writes `.airgap/` of the next tree: the current files, with these pins and this state.

    `state` None: the state is lost, and a new one would hide that. Raises OSError.
    """
    (swap.next / LOCAL).mkdir(exist_ok=True)
    for name in _names(swap.trust / LOCAL):
        if name not in _REWRITTEN and not name.endswith(".tmp") and not (swap.next / LOCAL / name).exists():
            copy_into(swap.trust / LOCAL / name, swap.next / LOCAL / name)
    pins.write(swap.next)
    if state is not None:
        state.write(swap.next)


def check_tree(root: Path) -> None:
    """Checks that everything that a verification may read from the tree is readable. Raises TrustMaterialError."""
    directory = TrustDirectory.open(root)
    if any(is_there(root / name) for name in OCI_POLICY_FILES) or not is_there(root / BLOB_POLICY_FILES[0]):
        statements = list(directory.policy().statements)
    else:
        statements = []
    if is_there(root / BLOB_POLICY_FILES[0]):
        statements += directory.blob_policy().statements
    for statement in statements:
        for kind in StoreType:
            directory.anchors(statement, kind)
    for kind in StoreType:
        for name in _names(root.joinpath(*FOLDER, kind.value)):
            load_store(root, StoreRef(kind, name))


def check_incoming(store: Store, snapshot: Snapshot) -> None:
    """Checks that policies, stores and indexes of the snapshot are readable. Raises TrustMaterialError, ContentError.

    Called before anything is written, so that verify reports what would refuse the snapshot.
    """
    with scratch_folder() as root:
        for file in snapshot.files:
            if file.part not in {Part.CRL, Part.OCSP}:
                path = root / file.path
                path.parent.mkdir(parents=True, exist_ok=True)
                _write_layer(store, snapshot.layers[file.path], path)
        try:
            if snapshot.evidence_only:
                TrustDirectory.open(root)
            else:
                check_tree(root)
        except TrustMaterialError as error:
            text = str(error).replace(f"{safe(root)}{os.sep}", "")
            raise TrustMaterialError(
                error.reason,
                f"in the snapshot: {text}",
                remedy="Correct it where the snapshot is made, and make a new one.",
            ) from None


def _write_layer(store: Store, layer: Descriptor, path: Path) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(path, flags, 0o644), "wb") as file, store.open(layer.digest) as blob:
        copy_checked(blob, layer, file.write, _ignore)


def _layers_of(snapshot: Snapshot, folder: str) -> dict[str, Descriptor]:
    prefix = f"{folder}/"
    return {path.removeprefix(prefix): layer for path, layer in snapshot.layers.items() if path.startswith(prefix)}


def _too_much(place: Path, limit: int, what: str, *, signed: bool) -> TrustMaterialError:
    """The error for a snapshot that would fill the trust directory; an unsigned one may not fill all of it."""
    if signed:
        text, remedy = f"{safe(place)} would have more than {limit} {what}", MAKE_ROOM
    else:
        share = limit // limits.UNSIGNED_SHARE
        text = f"{safe(place)} would have more than {share} {what}, and the snapshot is not signed"
        remedy = f"Bring one that a pinned signer signed: the rest is kept for those. {MAKE_ROOM}"
    return TrustMaterialError("evidence.malformed", text, remedy=remedy)


def _merge_folder(
    old: Path, new: Path, store: Store, layers: Mapping[str, Descriptor], *, signed: bool
) -> dict[str, Digest]:
    """The names of what is added to the folder, with the digests."""
    if not layers:
        if old.is_dir():
            copy_into(old, new)
        return {}
    new.mkdir(mode=0o700)
    if old.is_dir():
        shutil.copystat(old, new)
    kept = [name for name in _names(old) if name != INDEX]
    local = Side(files=_digests(old, kept), index=read_evidence_index(old))
    index_layer = layers.get(INDEX)
    incoming = Side(
        files={name: layer.digest for name, layer in layers.items() if name != INDEX},
        index=EvidenceIndex()
        if index_layer is None
        else EvidenceIndex.parse(read_verified(store, index_layer, index_layer.size), INDEX),
    )
    merged = merge(local, incoming, taken=kept)
    document = merged.index_bytes()
    share = 1 if signed else limits.UNSIGNED_SHARE
    if merged.added and len(kept) + len(merged.added) >= limits.EVIDENCE_FILES // share:
        raise _too_much(old, limits.EVIDENCE_FILES, "entries", signed=signed)
    is_mapped = merged.index != local.index.files
    if document is not None and is_mapped and len(document) > limits.EVIDENCE_INDEX_BYTES // share:
        raise _too_much(old / INDEX, limits.EVIDENCE_INDEX_BYTES, "bytes", signed=signed)
    for name in kept:  # of any kind: reading decides later whether it is used
        if name in local.files:
            link_or_copy(old / name, new / name)
        else:
            copy_into(old / name, new / name)
    for name, source in merged.added.items():
        _write_layer(store, layers[source], new / name)
    if document is not None:
        (new / INDEX).write_bytes(document)
    return {name: layers[source].digest for name, source in merged.added.items()}


def _names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []


def _digests(folder: Path, names: list[str]) -> dict[str, Digest]:
    """The digests of those that are files and can be read."""
    found: dict[str, Digest] = {}
    for name in names:
        with suppress(FormatError):
            found[name] = Digest.of(read_regular(folder / name, _FILE_BYTES))
    return found


def _ignore(_: int) -> None:
    """Does nothing."""
