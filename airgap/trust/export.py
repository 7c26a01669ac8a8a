"""Trust material for other tools: notation's configuration and CRL cache, containers' policy.json.

What a tool can not express is said, never approximated: an export that accepts more than the policy would be a hole,
and one that refuses what the policy accepts a riddle at the far end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from airgap import limits
from airgap.errors import FormatError, TrustMaterialError, UsageError
from airgap.files import make_folders, read_regular, write_file
from airgap.parse.base64 import encode_standard
from airgap.parse.time import iso
from airgap.pki.crl import Crl, CrlFacts
from airgap.revocation.directory import CRLS, OCSP, file_names, list_crls, read_crl, read_index
from airgap.revocation.index import EvidenceIndex
from airgap.text import safe
from airgap.trust.directory import BLOB_POLICY_FILES, OCI_POLICY_FILES, TrustDirectory
from airgap.trust.edit import FILE_MODE, FOLDER_MODE
from airgap.trust.policy_edit import read_source
from airgap.trust.stores import list_stores, load_store

CONFIG = "config"
CACHE = "cache"
POLICY_JSON = "policy.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written, and what could not be said."""

    folder: str
    files: tuple[str, ...]
    """Below the folder, in their order."""
    notes: tuple[str, ...]
    """What the other tool will not know or do."""
    use_by: datetime | None = None
    """When the first exported CRL goes stale: the tool asks the network from then on."""


def export_notation(directory: TrustDirectory, target: Path, *, at: datetime) -> Exported:
    """`target`/config (NOTATION_CONFIG) and `target`/cache (NOTATION_CACHE), so that notation verifies offline.

    Policies go as they are, the stores that can be read, and for each URL that has one the CRL that counts at `at`
    (CACHE-1 to CACHE-6). Raises UsageError where `target` is not empty, TrustMaterialError, OSError.
    """
    _prepare(target)
    policies = _policies(directory)
    stores = _stores(directory)
    notes: list[str] = []
    cache, use_by = _cache(directory.path / CRLS, at, notes)
    if _has_responses(directory.path / OCSP):
        notes.append("OCSP responses were left out: notation has no place for them, and asks responders (OCSP-9)")
    files: list[str] = []
    for name, data in sorted((policies | stores).items()):
        files.append(_put(target, f"{CONFIG}/{name}", data))
    for name, data in sorted(cache.items()):
        files.append(_put(target, f"{CACHE}/crl/{name}", data))
    if not cache:
        notes.append("no CRL was exported: a certificate that names one can not be judged offline")
    return Exported(folder=safe(target), files=tuple(files), notes=tuple(notes), use_by=use_by)


def export_containers_policy(directory: TrustDirectory, target: Path) -> Exported:
    """`target`/policy.json for skopeo, podman and CRI-O, where it can be said.

    That language knows GPG and sigstore signatures, and none of the Notary Project's: only a policy that skips
    verification or says nothing of a repository has a form in it. Raises UsageError for every other.
    """
    policy = directory.policy()
    demanding = [statement for statement in policy.statements if not statement.skip]
    if demanding:
        names = ", ".join(safe(statement.name, limit=64) for statement in demanding[:3])
        raise UsageError(
            f"containers' policy.json can not demand a Notary Project signature, and the policy does ({names})",
            remedy="Verify with airgap (or notation) before images reach the place that policy.json guards.",
        )
    _prepare(target)
    scopes = [scope for statement in policy.statements for scope in statement.scopes]
    accept = [{"type": "insecureAcceptAnything"}]
    document = {
        "default": accept if "*" in scopes else [{"type": "reject"}],
        "transports": {"docker": {scope: accept for scope in sorted(scopes) if scope != "*"}},
    }
    _put(target, POLICY_JSON, (json.dumps(document, indent=2) + "\n").encode())
    note = "every statement has level skip: what policy.json accepts, nobody has verified"
    return Exported(folder=safe(target), files=(POLICY_JSON,), notes=(note,))


def _prepare(target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{safe(target)} is there and not empty", remedy="Name a new folder, or an empty one.")
    make_folders(target, mode=FOLDER_MODE)


def _policies(directory: TrustDirectory) -> dict[str, bytes]:
    """The files that count, valid ones alone: notation would find the fault at the far end."""
    found: dict[str, bytes] = {}
    for names in (OCI_POLICY_FILES, BLOB_POLICY_FILES):
        for name in names:
            path = directory.path / name
            if path.exists():
                found[name] = read_source(path)
                break
    if any(name in found for name in OCI_POLICY_FILES):
        directory.policy()
    if BLOB_POLICY_FILES[0] in found:
        directory.blob_policy()
    if not found:
        directory.policy()  # says what is missing
    return found


def _stores(directory: TrustDirectory) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for ref in list_stores(directory.path):
        load_store(directory.path, ref)  # a store that is not read as a whole is no store (D18, D19)
        folder = ref.folder(directory.path)
        for path in sorted(item for item in folder.iterdir() if item.is_file()):
            try:
                data = read_regular(path, limits.STORE_FILE_BYTES)
            except FormatError as error:
                raise TrustMaterialError("store.malformed", f"{safe(path)} {error.problem}") from None
            found[path.relative_to(directory.path).as_posix()] = data
    return found


def _cache(folder: Path, at: datetime, notes: list[str]) -> tuple[dict[str, bytes], datetime | None]:
    """CACHE-2: a file for each URL, named by its hash, with the base and the delta that goes with it."""
    if not folder.is_dir():
        return {}, None
    index = read_index(folder)
    known = list_crls(folder, file_names(folder, ".crl", index))
    cache: dict[str, bytes] = {}
    dates: list[datetime] = []
    for url, names in sorted(_by_url(folder, index, known).items()):
        base = _current({name: known[name] for name in names if name in known}, at, delta=False)
        if base is None:
            continue
        name, facts = base
        if facts.next_update is None or facts.next_update <= at:  # CACHE-3
            due = f"was due on {iso(facts.next_update)}" if facts.next_update else "names no nextUpdate"
            notes.append(f"{name} {due}: notation does not use it, and {safe(url, limit=200)} was left out")
            continue
        crl = read_crl(folder, name)
        entry = {"baseCRL": encode_standard(crl.der)}
        dates.append(facts.next_update)
        if crl.freshest:
            urls = [uri for point in crl.freshest for uri in point.uris]
            named = {name: known[name] for uri in urls for name in index.files.get(uri, ()) if name in known}
            delta = _current(named, at, delta=True)
            if delta is not None and delta[1].next_update and delta[1].next_update > at:
                entry["deltaCRL"] = encode_standard(read_crl(folder, delta[0]).der)
                dates.append(delta[1].next_update)
            else:  # CACHE-5
                notes.append(f"{name} names a delta CRL that is not at hand: notation judges without it")
        cache[hashlib.sha256(url.encode()).hexdigest()] = json.dumps(entry).encode()
    if loose := [name for name in known if name not in index.claimed and not _own_urls(read_crl(folder, name))]:
        notes.append(f"{safe(loose[0])} was left out: no URL is known for it, and notation looks CRLs up by URL")
    return cache, min(dates, default=None)


def _by_url(folder: Path, index: EvidenceIndex, known: dict[str, CrlFacts]) -> dict[str, list[str]]:
    """The index, and for files that it does not claim the URLs that they name themselves (IDP)."""
    urls = {url: list(names) for url, names in index.files.items()}
    for name in known:
        if name not in index.claimed:
            for url in _own_urls(read_crl(folder, name)):
                urls.setdefault(url, []).append(name)
    return urls


def _own_urls(crl: Crl) -> tuple[str, ...]:
    return crl.scope.name.uris if crl.scope and crl.scope.name else ()


def _current(files: Mapping[str, CrlFacts], at: datetime, *, delta: bool) -> tuple[str, CrlFacts] | None:
    latest = at + limits.CLOCK_SKEW
    counting = [item for item in files.items() if item[1].is_delta is delta and item[1].this_update <= latest]
    return max(counting, key=lambda item: item[1].age, default=None)


def _has_responses(folder: Path) -> bool:
    return folder.is_dir() and any(name.suffix == ".ors" for name in folder.iterdir())


def _put(root: Path, name: str, data: bytes) -> str:
    path = root / name
    make_folders(path.parent, mode=FOLDER_MODE)
    write_file(path, data, mode=FILE_MODE)
    return name
