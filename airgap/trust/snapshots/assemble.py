"""Makes the new tree of a snapshot beside the one in force.

A snapshot with anchors or a policy replaces the policy files and `truststore/` completely. Evidence (`crls/`, `ocsp/`)
is merged and never lost: existing files stay unchanged, and new content gets new names. Names do not change the meaning
of evidence (decision 0009), so new files cannot hide existing ones. Everything else belongs to this machine and stays:
`airgap.toml`, `.airgap/`, and other files and folders.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from airgap.errors import TrustMaterialError
from airgap.files import is_there
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.store import Store
from airgap.revocation.index import INDEX
from airgap.revocation.unsigned_evidence import FILE as UNSIGNED_FILE
from airgap.revocation.unsigned_evidence import LOCAL, UnsignedEvidence
from airgap.scratch import scratch_folder
from airgap.text import safe
from airgap.transfer.checked_bytes import copy_checked
from airgap.trust.directory import TrustDirectory
from airgap.trust.generation import GENERATION
from airgap.trust.policy_files import BLOB_POLICY_FILES, OCI_POLICY_FILES
from airgap.trust.snapshots.material import Part
from airgap.trust.snapshots.merging import check_evidence_fits, layers_as_material, plan_folder
from airgap.trust.snapshots.pins import FILE as PINS_FILE
from airgap.trust.snapshots.pins import Pins
from airgap.trust.snapshots.snapshot_document import Snapshot
from airgap.trust.snapshots.state import STATE_FILE, State
from airgap.trust.snapshots.swap import StagedSwap, copy_into, link_or_copy
from airgap.trust.store_types import FOLDER, StoreType
from airgap.trust.stores import StoreRef, load_store

_TRUST_FILES: Final = (*OCI_POLICY_FILES, *BLOB_POLICY_FILES, FOLDER[0])
_EVIDENCE: Final = ("crls", "ocsp")
_REWRITTEN: Final = frozenset({PINS_FILE, STATE_FILE, UNSIGNED_FILE, GENERATION})


def assemble(
    swap: StagedSwap, store: Store, snapshot: Snapshot, pins: Pins, state: State | None, *, signed: bool
) -> None:
    """Make `swap.next`: the present tree with the snapshot in it.

    `signed`: whether a pinned signer signed the snapshot. That it fits is checked before.
    Raises ContentError, TrustMaterialError, OSError.
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
        new = _merge_folder(swap.trust / folder, target / folder, store, layers)
        added |= {f"{folder}/{name}": digest for name, digest in new.items()}
    unsigned = UnsignedEvidence.read(swap.trust).files
    covered = frozenset(layer.digest for layer in snapshot.layers.values()) if signed else frozenset()
    kept = {path: digest for path, digest in unsigned.items() if digest not in covered and (target / path).exists()}
    UnsignedEvidence(kept if signed else kept | added).write(target)
    write_local(swap, pins, state)


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


def check_snapshot_fits(trust: Path, store: Store, snapshot: Snapshot, *, signed: bool) -> None:
    """Checks that the trust directory has room for its evidence. Raises TrustMaterialError, ContentError."""
    coming = {folder: layers_as_material(store, _layers_of(snapshot, folder)) for folder in _EVIDENCE}
    check_evidence_fits(trust, {folder: files for folder, files in coming.items() if files}, signed=signed)


def _layers_of(snapshot: Snapshot, folder: str) -> dict[str, Descriptor]:
    prefix = f"{folder}/"
    return {path.removeprefix(prefix): layer for path, layer in snapshot.layers.items() if path.startswith(prefix)}


def _merge_folder(old: Path, new: Path, store: Store, layers: Mapping[str, Descriptor]) -> dict[str, Digest]:
    """The names of what is added to the folder, with the digests."""
    if not layers:
        if old.is_dir():
            copy_into(old, new)
        return {}
    plan = plan_folder(old, layers_as_material(store, layers))
    new.mkdir(mode=0o700)
    if old.is_dir():
        shutil.copystat(old, new)
    for name in plan.kept:  # of any kind: reading decides later whether it is used
        if name in plan.local.files:
            link_or_copy(old / name, new / name)
        else:
            copy_into(old / name, new / name)
    for name, source in plan.merged.added.items():
        _write_layer(store, layers[source], new / name)
    if plan.document is not None:
        (new / INDEX).write_bytes(plan.document)
    return {name: layers[source].digest for name, source in plan.merged.added.items()}


def _names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []


def _ignore(_: int) -> None:
    """Does nothing."""
