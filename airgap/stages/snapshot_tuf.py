"""TUF metadata for a snapshot, and the keys that sign them (extra `airgap-oci[tuf]`).

KEYDIR holds a key for each of the four roles and every version of the root metadata. The numbers of the snapshot are
the versions of the metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from airgap import limits
from airgap.errors import FormatError, UsageError
from airgap.files import read_regular, write_file
from airgap.oci.descriptor import CREATED, EMPTY_CONFIG, NO_CONFIG, TITLE, Descriptor
from airgap.oci.graph import Graph
from airgap.oci.manifest_writer import write_manifest
from airgap.oci.open import open_layout
from airgap.oci.reference import LayoutReference, parse_reference
from airgap.parse.time import iso
from airgap.text import safe
from airgap.transfer.attach import AttachableLayout, Attachment
from airgap.trust.snapshots.snapshot_document import Snapshot, read_snapshot
from airgap.trust.snapshots.tuf_check import MANIFEST_TARGET, METADATA_TYPE, TUF_TYPE, check_root, import_tuf

ROLES: Final = ("root", "targets", "snapshot", "timestamp")
ROOT_LIFETIME: Final = timedelta(days=2 * 365)
LIFETIME: Final = timedelta(days=30)
"""The lifetime of metadata."""


def prepare_tuf_keys(folder: Path, *, init: bool, at: datetime) -> None:
    """Checks that the keys exist; `init` makes them and the first root in `folder`. Raises UsageError, OSError."""
    import_tuf()
    if not init:
        _signers(folder)
        check_root(_roots(folder)[max(_roots(folder))])
        return
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{safe(folder)} is not empty; keys are never replaced", remedy="Name a new folder.")
    from securesystemslib.signer import CryptoSigner
    from tuf.api.metadata import Metadata, Root

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    signers = {role: CryptoSigner.generate_ed25519() for role in ROLES}
    root = Root(version=1, expires=_second(at + ROOT_LIFETIME), consistent_snapshot=True)
    for role, signer in signers.items():
        root.add_key(signer.public_key, role)
        write_file(folder / f"{role}.pem", signer.private_bytes, mode=0o600)
    metadata = Metadata(root)
    metadata.sign(signers["root"])
    write_file(folder / "1.root.json", metadata.to_bytes())


def add_tuf_metadata(reference: str, folder: Path, *, at: datetime) -> Descriptor:
    """Sign metadata for the snapshot that `reference` names, and attach them to it. Raises AirgapError."""
    import_tuf()
    parsed = parse_reference(reference)
    if not isinstance(parsed, LayoutReference):
        raise UsageError(f"{safe(reference)} is no layout")
    with open_layout(parsed.path) as store:
        graph = Graph(store)
        root = graph.find(parsed)
        snapshot = read_snapshot(store, root.descriptor, graph.manifest(root.descriptor))
    attachment = _attachment(snapshot, _metadata(snapshot, folder, at + LIFETIME), at)
    with AttachableLayout(parsed.path) as layout:
        layout.attach([attachment])
    return attachment.manifest


def _metadata(snapshot: Snapshot, folder: Path, expires: datetime) -> dict[str, bytes]:
    from tuf.api.metadata import Metadata, MetaFile, TargetFile, Targets, Timestamp
    from tuf.api.metadata import Snapshot as TufSnapshot

    signers, version, until = _signers(folder), snapshot.number, _second(expires)
    files = {file.path: (file.digest, file.size) for file in snapshot.files}
    files[MANIFEST_TARGET] = (snapshot.descriptor.digest, snapshot.descriptor.size)
    listed = {path: TargetFile(size, {"sha256": digest.encoded}, path) for path, (digest, size) in files.items()}
    targets = Metadata(Targets(version=version, expires=until, targets=listed))
    targets.sign(signers["targets"])
    middle = Metadata(TufSnapshot(version=version, expires=until, meta={"targets.json": MetaFile(version)}))
    middle.sign(signers["snapshot"])
    top = Metadata(Timestamp(version=version, expires=until, snapshot_meta=MetaFile(version)))
    top.sign(signers["timestamp"])
    return {
        **{f"{number}.root.json": data for number, data in _roots(folder).items()},
        f"{version}.targets.json": targets.to_bytes(),
        f"{version}.snapshot.json": middle.to_bytes(),
        "timestamp.json": top.to_bytes(),
    }


def _attachment(snapshot: Snapshot, metadata: Mapping[str, bytes], at: datetime) -> Attachment:
    layers = {
        Descriptor.of(METADATA_TYPE, data, annotations={TITLE: name}): data for name, data in sorted(metadata.items())
    }
    subject = snapshot.descriptor.bare
    manifest, raw = write_manifest(TUF_TYPE, layers, subject=subject, annotations={CREATED: iso(at)})
    return Attachment(subject=subject, manifest=manifest, raw=raw, blobs=((EMPTY_CONFIG, NO_CONFIG), *layers.items()))


def _signers(folder: Path) -> dict[str, Any]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from securesystemslib.signer import CryptoSigner

    signers = {}
    for role in ROLES[1:]:  # the root key is not used here and need not be present
        path = folder / f"{role}.pem"
        try:
            signers[role] = CryptoSigner(load_pem_private_key(read_regular(path, limits.CONFIG_BYTES), None))
        except FormatError as error:
            raise UsageError(
                f"the key {safe(path)} {error.problem}", remedy="Make keys with --tuf KEYDIR --tuf-init."
            ) from None
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise UsageError(f"{safe(path)} holds no private key that can be read") from None
    return signers


def _roots(folder: Path) -> dict[int, bytes]:
    """Every version of the root metadata. Raises UsageError."""
    roots: dict[int, bytes] = {}
    for path in folder.glob("*.root.json"):
        number = path.name.partition(".")[0]
        if number.isascii() and number.isdigit():
            try:
                roots[int(number)] = read_regular(path, limits.TUF_BYTES)
            except FormatError as error:
                raise UsageError(f"{safe(path)} {error.problem}") from None
    if not roots:
        raise UsageError(f"{safe(folder)} holds no root metadata", remedy="Make keys with --tuf KEYDIR --tuf-init.")
    return roots


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
