"""Writes trust directories (reference/trust-directory.md), right or wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

REPOSITORY: Final = "registry.example/net-monitor"
"""The repository that tests ask the policy about."""


class HasDer(Protocol):
    """Whatever has a certificate's DER."""

    @property
    def der(self) -> bytes: ...

    @property
    def pem(self) -> bytes: ...


def statement(**changes: Any) -> dict[str, Any]:
    """One statement of an OCI policy: strict, every scope, store `ca:harbour`, any identity.

    A change of None leaves the member out.
    """
    members: dict[str, Any] = {
        "name": "harbour",
        "registryScopes": ["*"],
        "signatureVerification": {"level": "strict"},
        "trustStores": ["ca:harbour"],
        "trustedIdentities": ["*"],
        **changes,
    }
    return {name: value for name, value in members.items() if value is not None}


def oci_policy(*statements: Mapping[str, Any]) -> dict[str, Any]:
    """An OCI policy of these statements, or of the default one."""
    return {"version": "1.0", "trustPolicies": list(statements) or [statement()]}


def write_trust(
    path: Path,
    *,
    policy: Mapping[str, Any] | bytes | None = None,
    policy_name: str = "trustpolicy.oci.json",
    blob_policy: Mapping[str, Any] | bytes | None = None,
    stores: Mapping[str, Sequence[HasDer] | Mapping[str, bytes]] | None = None,
    crls: Mapping[str, bytes] | None = None,
    crl_index: Mapping[str, str] | bytes | None = None,
    ocsp: Mapping[str, bytes] | None = None,
    ocsp_index: Mapping[str, str] | bytes | None = None,
    freshness: str | None = None,
) -> Path:
    """Write a trust directory at `path` and return it.

    `policy`: a document or its bytes; None writes the default one, b"" none at all. `stores`: "ca:harbour" to
    certificates (written as PEM files) or to file names with content. `crls`, `ocsp`: file names to content;
    their `index`: distribution point or responder URL to file name. `freshness`: airgap.toml.
    """
    path.mkdir(parents=True, exist_ok=True)
    if policy != b"":
        (path / policy_name).write_bytes(_document(oci_policy() if policy is None else policy))
    if blob_policy is not None:
        (path / "trustpolicy.blob.json").write_bytes(_document(blob_policy))
    for reference, content in (stores or {}).items():
        _write_store(path, reference, content)
    _write_folder(path / "crls", crls, crl_index)
    _write_folder(path / "ocsp", ocsp, ocsp_index)
    if freshness is not None:
        (path / "airgap.toml").write_text(freshness, encoding="utf-8")
    return path


def store_folder(path: Path, reference: str) -> Path:
    """The folder of the store `type:name`."""
    kind, _, name = reference.partition(":")
    return path / "truststore" / "x509" / kind / name


def _write_store(path: Path, reference: str, content: Sequence[HasDer] | Mapping[str, bytes]) -> None:
    folder = store_folder(path, reference)
    folder.mkdir(parents=True, exist_ok=True)
    files = content if isinstance(content, Mapping) else {f"{n}.pem": item.pem for n, item in enumerate(content)}
    for name, data in files.items():
        (folder / name).write_bytes(data)


def _write_folder(folder: Path, files: Mapping[str, bytes] | None, index: Mapping[str, str] | bytes | None) -> None:
    if files is None and index is None:
        return
    folder.mkdir(exist_ok=True)
    for name, data in (files or {}).items():
        (folder / name).write_bytes(data)
    if index is not None:
        (folder / "index.json").write_bytes(_document(index))


def _document(value: Mapping[str, Any] | bytes) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value, indent=2).encode()
