"""Writes trust policies: only valid ones replace another, which is kept (CLI-26)."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from airgap import limits
from airgap.errors import Rejected, TrustMaterialError, UsageError
from airgap.files import is_there, make_folders, read_material, sync_folder, write_file
from airgap.locking import exclusive
from airgap.oci.digest import Digest
from airgap.oci.reference import parse_registry_reference
from airgap.parse.json import Reading, load_object
from airgap.parse.lines import Lines
from airgap.problem import Problem
from airgap.text import safe
from airgap.trust.blob_policy import BlobPolicy
from airgap.trust.choice import Named, choose_statement
from airgap.trust.generation import settled
from airgap.trust.policy import OciPolicy
from airgap.trust.policy_document import Refusal
from airgap.trust.policy_files import BLOB_POLICY_FILES, OCI_POLICY_FILES, policy_missing
from airgap.trust.scopes import check_scope
from airgap.trust.separation import notice_of_layout
from airgap.trust.statement import Statement, statement_path
from airgap.trust.store_types import StoreType
from airgap.trust.stores import LoadedStore, StoreRef, load_store

PolicyKind = Literal["oci", "blob"]
Policy = OciPolicy | BlobPolicy
_FILES = {"oci": OCI_POLICY_FILES, "blob": BLOB_POLICY_FILES}
_MODE = 0o600
_SHORT = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyAnswer:
    """Which statement applies to a repository, and why."""

    scope: str | None
    statement: Statement | None
    why: str
    problems: tuple[str, ...] = ()
    """What would keep it from accepting anything: stores that cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedPolicy:
    """A valid policy, and the statement that a repository gets, where one was asked about."""

    policy: Policy
    refusals: tuple[Refusal, ...] = ()
    """The trust stores that statements name and that cannot be used."""
    answer: PolicyAnswer | None = None
    notices: tuple[Problem, ...] = ()
    """About the certificates in these stores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyWritten(CheckedPolicy):
    """A policy that is in place now; its stores were not looked at."""

    path: Path
    backups: tuple[Path, ...]
    """The new name of the former policy."""


def strict_policy(
    *, name: str, scopes: Sequence[str], stores: Sequence[str], identities: Sequence[str], blob: bool = False
) -> bytes:
    """A policy with one strict statement. Raises TrustMaterialError(policy.malformed) where it would not be valid."""
    return _written([_strict(name, scopes, stores, identities, blob=blob)], "blob" if blob else "oci")


def with_statement(
    root: Path,
    *,
    name: str,
    scopes: Sequence[str],
    stores: Sequence[str],
    identities: Sequence[str],
    blob: bool = False,
) -> bytes:
    """The policy of a trust directory with one more strict statement, after those that it has.

    A blob statement is selected by its name. Raises TrustMaterialError(policy.missing, policy.malformed) for a policy
    that is not there or not valid, before or afterwards.
    """
    kind: PolicyKind = "blob" if blob else "oci"
    path, data = find_policy(root, kind)
    parse_policy(data, str(path), kind)
    document = load_object(data, Reading.SIGNED, limit=limits.POLICY_BYTES)
    added = _strict(name, scopes, stores, identities, blob=blob)
    added.pop("globalPolicy", None)
    return _written([*document["trustPolicies"], added], kind)


def _strict(
    name: str, scopes: Sequence[str], stores: Sequence[str], identities: Sequence[str], *, blob: bool
) -> dict[str, object]:
    statement: dict[str, object] = {"name": name}
    if blob:
        statement["globalPolicy"] = True
    else:
        statement["registryScopes"] = list(scopes)
    statement |= {
        "signatureVerification": {"level": "strict"},
        "trustStores": list(stores),
        "trustedIdentities": list(identities),
    }
    return statement


def _written(statements: Sequence[object], kind: PolicyKind) -> bytes:
    text = json.dumps({"version": "1.0", "trustPolicies": statements}, indent=2, ensure_ascii=False) + "\n"
    parse_policy(text.encode(), "the new policy", kind)
    return text.encode()


def parse_policy(data: bytes, source: str, kind: PolicyKind) -> Policy:
    """The policy, every rule checked. Raises TrustMaterialError(policy.malformed)."""
    return OciPolicy.parse(data, source) if kind == "oci" else BlobPolicy.parse(data, source)


def read_source(path: Path) -> bytes:
    """A policy file that the operator named. Raises TrustMaterialError."""
    return read_material(path, limits.POLICY_BYTES, "policy.malformed", statement=None)


def put_policy(root: Path, data: bytes, kind: PolicyKind, *, replace: bool = True) -> PolicyWritten:
    """Put a policy into a trust directory; what was there gets a name of its own, the older file name included.

    Without `replace` a policy that is there is not touched. Raises TrustMaterialError(policy.malformed), UsageError.
    """
    names = _FILES[kind]
    path = root / names[0]
    policy = parse_policy(data, str(path), kind)
    make_folders(root)
    with exclusive(root):
        old = [root / name for name in names if os.path.lexists(root / name)]
        if old and not replace:
            raise UsageError(
                f"{safe(old[0])} is there already", remedy="Add --force to replace it; a copy of it is kept."
            )
        backups = [_keep(file) for file in old if file.is_file() and read_source(file) != data]
        write_file(path, data, mode=_MODE)
        for file in old:
            if (
                file != path
            ):  # POLICY-1: the older name is used only if the newer one is absent, and would come into use later
                file.unlink()
        sync_folder(root)
    return PolicyWritten(path=path, policy=policy, backups=tuple(backups))


def find_policy(root: Path, kind: PolicyKind) -> tuple[Path, bytes]:
    """The file that counts, and its bytes as they are. Raises TrustMaterialError(policy.missing)."""
    settled(root)
    for name in _FILES[kind]:
        path = root / name
        if is_there(path):
            return path, read_source(path)
    raise policy_missing(
        root,
        _FILES[kind],
        remedy="Write one with airgap trust init or trust policy init, or bring one with airgap trust policy import.",
    )


def import_policy(root: Path, source: Path, kind: PolicyKind, *, replace: bool = True) -> PolicyWritten:
    """Put the policy that the file `source` holds into a trust directory; see `put_policy`."""
    data = read_source(source)
    parse_policy(data, str(source), kind)
    return put_policy(root, data, kind, replace=replace)


def check_policy(root: Path, kind: PolicyKind, *, file: Path | None = None, about: str | None = None) -> CheckedPolicy:
    """Every rule of the policy of a trust directory, or of `file`; and which statement `about` gets.

    `about`: a repository, or a reference into one; for blobs the name of a statement. Raises PolicyError with every
    refusal, TrustMaterialError(policy.missing), UsageError.
    """
    path, data = (file, read_source(file)) if file else find_policy(root, kind)
    policy = parse_policy(data, str(path), kind)
    refusals, notices = _looked_at_stores(data, policy, root)
    if notice := notice_of_layout(root):
        notices = (notice, *notices)
    asked = None if about is None else answer(policy, about if kind == "blob" else scope_of(about), root)
    return CheckedPolicy(policy=policy, refusals=refusals, answer=asked, notices=notices)


def scope_of(reference: str) -> str:
    """The repository of a reference: `registry.example/app:v1` and `registry.example/app` are asked about alike.

    Raises UsageError.
    """
    return check_scope(parse_registry_reference(reference).name)


def answer(policy: Policy, scope: str | None, root: Path) -> PolicyAnswer:
    """Which statement a repository (OCI) or a statement's name (blob) gets, and whether its stores can be read."""
    try:
        if isinstance(policy, OciPolicy):
            chosen = choose_statement(policy, Named(scope=scope, origin=None if scope is None else "option"))
            statement, note = chosen.statement, chosen.note
        else:
            statement, note = policy.select(scope), ""
    except Rejected as error:
        return PolicyAnswer(scope=scope, statement=None, why=str(error))
    if isinstance(policy, BlobPolicy):
        why = "it has this name" if scope else "it is the global one (globalPolicy: true)"
    elif scope in statement.scopes:
        why = f"its registryScopes name {safe(scope)} letter for letter"
    elif scope is None:
        why = "the repository is not known, and its registryScopes are '*'"
    else:
        why = f"no statement names {safe(scope)}, and its registryScopes are '*'"
        why += f"; {note}" if note else ""
    return PolicyAnswer(scope=scope, statement=statement, why=why, problems=_store_problems(statement, root))


def _looked_at_stores(data: bytes, policy: Policy, root: Path) -> tuple[tuple[Refusal, ...], tuple[Problem, ...]]:
    """The trust stores that statements name and that cannot be used, or hold nothing: line, member and problem.

    And the notices about those that can be used.

    `data` is the document that `policy` was parsed from.
    """
    document = load_object(data, Reading.SIGNED, limit=limits.POLICY_BYTES)
    lines = Lines(data)
    loaded: dict[StoreRef, LoadedStore | TrustMaterialError] = {}
    found: list[Refusal] = []
    for number, statement in enumerate(policy.statements):
        for place, text in enumerate(document["trustPolicies"][number].get("trustStores", [])):
            ref = StoreRef.parse(text)
            if ref not in loaded:
                loaded[ref] = _loaded(root, ref)
            if isinstance(problem := loaded[ref], TrustMaterialError):
                member = f"{statement_path(number)}.trustStores[{place}]"
                name = safe(statement.name, limit=64)
                found.append(
                    Refusal(
                        line=lines.of(member),
                        member=member,
                        statement=name,
                        problem=str(problem),
                        remedy=problem.remedy,
                    )
                )
    return tuple(found), tuple(
        notice for store in loaded.values() if isinstance(store, LoadedStore) for notice in store.notices
    )


def _loaded(root: Path, ref: StoreRef) -> LoadedStore | TrustMaterialError:
    try:
        return load_store(root, ref)
    except TrustMaterialError as error:
        return error


def _store_problems(statement: Statement, root: Path) -> tuple[str, ...]:
    loaded = (_loaded(root, ref) for ref in statement.stores)
    problems = [str(problem) for problem in loaded if isinstance(problem, TrustMaterialError)]
    if not statement.skip and not statement.stores_of(StoreType.TSA):
        problems.append("no tsa store is named: signatures are not accepted after their certificates expire")
    return tuple(problems)


def _keep(path: Path) -> Path:
    """A copy with a name from its content, so that the same policy is kept once."""
    data = read_source(path)
    backup = path.with_name(f"{path.name}.{Digest.of(data).encoded[:_SHORT]}.bak")
    if not backup.exists():
        write_file(backup, data, mode=_MODE)
    return backup
