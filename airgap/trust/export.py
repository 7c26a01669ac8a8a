"""Trust material for other tools: notation's configuration and CRL cache, containers' policy.json.

What a tool cannot express is reported and not approximated: an export must not accept more than is accepted here, and
must not refuse what the policy accepts without a message.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from airgap import limits
from airgap.errors import AirgapError, FormatError, TrustMaterialError, UsageError
from airgap.files import is_there, make_folders, read_regular, reading_problem, write_file
from airgap.pki.certificate import Certificate
from airgap.revocation.evidence_directory import CRLS, read_evidence_index
from airgap.revocation.index import EvidenceIndex
from airgap.text import safe
from airgap.trust.directory import TrustDirectory
from airgap.trust.edit import FILE_MODE, FOLDER_MODE
from airgap.trust.generation import read_one_state
from airgap.trust.location import not_there
from airgap.trust.notation_cache import Omission, notation_cache
from airgap.trust.policy_edit import read_source
from airgap.trust.policy_files import BLOB_POLICY_FILES, OCI_POLICY_FILES
from airgap.trust.separation import check_output
from airgap.trust.statement import Statement
from airgap.trust.store_types import StoreType
from airgap.trust.stores import list_stores, load_store

CONFIG = "config"
CACHE = "cache"
POLICY_JSON = "policy.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """The written files, and what could not be expressed."""

    folder: str
    files: tuple[str, ...]
    """Below the folder, in their order."""
    notes: tuple[str, ...]
    """Harmless differences of the other tool."""
    omissions: tuple[Omission, ...] = ()
    """Cases in which the other tool would accept what is refused here: omitted files, or facts that it cannot get."""
    unchecked: tuple[str, ...] = ()
    """Exported files that may be damaged, which could not be checked; a sentence each."""
    use_by: datetime | None = None
    """When the first exported CRL goes stale: after that the tool uses the network."""


def export_notation(
    directory: TrustDirectory, target: Path, *, at: datetime, seen: Iterable[Certificate] = ()
) -> Exported:
    """`target`/config (NOTATION_CONFIG) and `target`/cache (NOTATION_CACHE), so that notation verifies offline.

    Policies go as they are, the stores that can be read, and (CACHE-1) for each URL that has one the CRL that counts at
    `at`, if notation judges no milder by it: see `Exported.omissions`. `seen`: certificates of
    signatures, which show whose keys are revoked. Raises UsageError where `target`
    is not empty, TrustMaterialError, OSError.
    """
    _prepare(target, directory.path)
    # a policy of one state with the stores of another may accept what neither state accepts
    trusted = read_one_state(directory.path, lambda: _trust_files(directory.path), absent=not_there(directory.path))
    folder = directory.path / CRLS
    index = read_evidence_index(folder) if folder.is_dir() else EvidenceIndex()
    stamping = [item for store in directory.all_stores(StoreType.TSA)[0] for item in store.certificates]
    cache = notation_cache(directory.evidence, index, directory.stored(), stamping=stamping, seen=seen, at=at)
    notes = [*cache.notes, *_notes_on_limits(directory)]
    files: list[str] = []
    for name, data in sorted(trusted.items()):
        files.append(_put(target, f"{CONFIG}/{name}", data))
    for name, data in sorted(cache.files.items()):
        files.append(_put(target, f"{CACHE}/crl/{name}", data))
    if not cache.files:
        notes.append("no CRL was exported: a certificate that names one cannot be judged offline")
    return Exported(
        folder=safe(target),
        files=tuple(files),
        notes=tuple(notes),
        omissions=cache.omissions,
        unchecked=cache.unchecked,
        use_by=cache.use_by,
    )


def _notes_on_limits(directory: TrustDirectory) -> Iterator[str]:
    if directory.evidence.all_ocsp():
        yield "OCSP responses were left out: notation has no place for them, and asks responders (OCSP-9)"
    if any(directory.freshness.by_use.values()):
        yield "airgap.toml accepts stale evidence: notation does not, and refuses earlier"
    if directory.evidence.all_crls():
        yield (
            "a certificate that names no CRL is not looked up in one by notation, and the reasons and issuers that a "
            "certificate's distribution point names are not looked at"
        )
        yield (
            "a revoked key is not refused by notation in another certificate than the one that a CRL lists: those in "
            "signatures are known of the layouts that --with names"
        )


def export_containers_policy(directory: TrustDirectory, target: Path) -> Exported:
    """`target`/policy.json for skopeo, podman and CRI-O, where that form can express it.

    That language knows GPG and sigstore signatures, and none of the Notary Project's: only a policy that skips
    verification or has no statement for a repository can be written in it. Raises UsageError for every other. A
    repository covers those below it there: each that does is an omission.
    """
    policy = directory.policy()
    demanding = [statement for statement in policy.statements if not statement.skip]
    if demanding:
        names = ", ".join(safe(statement.name, limit=64) for statement in demanding[:3])
        raise UsageError(
            f"containers' policy.json cannot demand a Notary Project signature, and the policy does ({names})",
            remedy="Verify with airgap (or notation) before images reach the place that policy.json guards.",
        )
    _prepare(target, directory.path)
    scopes = [scope for statement in policy.statements for scope in statement.scopes]
    below = "is in policy.json for every repository below it, too, which the policy does not"
    wider = () if "*" in scopes else tuple(Omission(file=safe(scope), url="", problem=below) for scope in scopes)
    accept = [{"type": "insecureAcceptAnything"}]
    document = {
        "default": accept if "*" in scopes else [{"type": "reject"}],
        "transports": {"docker": {scope: accept for scope in sorted(scopes) if scope != "*"}},
    }
    _put(target, POLICY_JSON, (json.dumps(document, indent=2) + "\n").encode())
    note = "every statement has level skip: what policy.json accepts is not verified"
    return Exported(folder=safe(target), files=(POLICY_JSON,), notes=(note,), omissions=wider)


def _prepare(target: Path, trust: Path) -> None:
    check_output(target, [trust], what="folder")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{safe(target)} is there and not empty", remedy="Name a new folder, or an empty one.")
    make_folders(target, mode=FOLDER_MODE)


def _trust_files(path: Path) -> dict[str, bytes]:
    """The policies and the stores of the trust directory as it is now. Raises AirgapError."""
    directory = TrustDirectory.open(path)
    try:
        return _policies(directory) | _stores(directory)
    except OSError as error:  # what was listed a moment ago is gone
        raise AirgapError(f"{safe(error.filename)} cannot be read ({reading_problem(error)})") from None


def _policies(directory: TrustDirectory) -> dict[str, bytes]:
    """The valid policy files: notation would report faults only at the receiving site."""
    found: dict[str, bytes] = {}
    for names in (OCI_POLICY_FILES, BLOB_POLICY_FILES):
        for name in names:
            path = directory.path / name
            if is_there(path):  # a link that leads nowhere is refused, not passed over for the older name
                found[name] = read_source(path)
                break
    for_files = BLOB_POLICY_FILES[0] in found
    statements: list[Statement] = [*directory.blob_policy().statements] if for_files else []
    if not for_files or len(found) > 1:
        statements += directory.policy().statements  # raises with what is missing
    for ref in dict.fromkeys(store for statement in statements for store in statement.stores):
        load_store(directory.path, ref)  # the other tool would say only at the receiving site that it is not there
    return found


def _stores(directory: TrustDirectory) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for ref in list_stores(directory.path):
        load_store(directory.path, ref)  # a store counts only if all of it can be read (D18, D19)
        folder = ref.folder(directory.path)
        for path in sorted(item for item in folder.iterdir() if item.is_file()):
            try:
                data = read_regular(path, limits.STORE_FILE_BYTES)
            except FormatError as error:
                raise TrustMaterialError("store.malformed", f"{safe(path)} {error.problem}") from None
            found[path.relative_to(directory.path).as_posix()] = data
    return found


def _put(root: Path, name: str, data: bytes) -> str:
    path = root / name
    make_folders(path.parent, mode=FOLDER_MODE)
    write_file(path, data, mode=FILE_MODE)
    return name
