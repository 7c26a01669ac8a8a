"""A file with a detached signature and a trust directory that accepts it; each change makes one deviation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from airgap.parse.time import iso
from tests.support import envelopes
from tests.support.keyring import pem
from tests.support.pki import AT, Issued, Pki
from tests.support.trust import oci_policy, statement, write_trust

CONTENT: Final = b"firmware\n" * 1000


def blob_statement(**changes: Any) -> dict[str, Any]:
    """One statement of a blob policy: strict, global."""
    return statement(**{"name": "files", "registryScopes": None, "globalPolicy": True, **changes})


@dataclass(slots=True)
class BlobScene:
    """Accepted, until something is changed."""

    folder: Path
    form: str = "jws"
    leaf: Issued = field(default_factory=lambda: Pki().code_chain())
    content: bytes = CONTENT
    hash_name: str = "sha256"
    target: dict[str, Any] = field(default_factory=dict)
    """Changes to the signed descriptor."""
    options: dict[str, Any] = field(default_factory=dict)
    """For the forger of envelopes."""
    policy: Mapping[str, Any] | None = None
    arguments: list[str] = field(default_factory=list)

    @property
    def path(self) -> Path:
        return self.folder / "firmware.bin"

    @property
    def signature(self) -> Path:
        return self.folder / f"firmware.bin.{self.form}.sig"

    @property
    def trust(self) -> Path:
        return self.folder / "trust"

    def envelope(self) -> bytes:
        """The signature about the content."""
        signed = {
            "mediaType": "application/octet-stream",
            "digest": f"{self.hash_name}:{hashlib.new(self.hash_name, self.content).hexdigest()}",
            "size": len(self.content),
            **self.target,
        }
        payload = json.dumps({"targetArtifact": signed}).encode()
        forge = envelopes.jws if self.form == "jws" else envelopes.cose
        return forge(self.leaf, **{"payload": payload, **self.options})

    def write(self) -> BlobScene:
        """The file, the signature and the trust directory."""
        self.path.write_bytes(self.content)
        self.signature.write_bytes(self.envelope())
        write_trust(
            self.trust,
            policy=b"",
            blob_policy=oci_policy(blob_statement()) if self.policy is None else self.policy,
            stores={"ca:harbour": [self.leaf.root]},
        )
        return self

    def verify(self, *more: str) -> list[str]:
        """The command's arguments."""
        judged = ["--trust", str(self.trust), "--at", iso(AT)]
        return ["blob", "verify", str(self.path), *judged, *self.arguments, *more, "--format", "json"]


def key_files(folder: Path, leaf: Issued) -> list[str]:
    """The options that name a key in files."""
    key, chain = folder / "signing.key", folder / "signing.crt"
    key.write_bytes(pem(leaf.key))
    key.chmod(0o600)
    chain.write_bytes(b"".join(item.pem for item in leaf.chain))
    return ["--private-key", str(key), "--chain", str(chain)]
