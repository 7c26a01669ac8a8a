"""Signers and key files over the committed test keys."""

from __future__ import annotations

import os
from pathlib import Path

from airgap.pki.certificate import Certificate
from airgap.signature.signer import LocalSigner, PrivateKey
from tests.support.keyring import pem
from tests.support.pki import Issued

KINDS = ("rsa2048", "rsa3072", "rsa4096", "p256", "p384", "p521")


def local(leaf: Issued) -> LocalSigner:
    """A signer with the leaf's key and chain."""
    assert isinstance(leaf.key, PrivateKey)
    return LocalSigner(leaf.key, chain_of(leaf))


def chain_of(leaf: Issued) -> tuple[Certificate, ...]:
    return tuple(Certificate.parse(issued.der) for issued in leaf.chain)


def key_options(folder: Path, leaf: Issued) -> list[str]:
    """Writes the key and its chain; the options of `airgap sign` that name them."""
    folder.mkdir(parents=True, exist_ok=True)
    key, chain = folder / "leaf.key", folder / "chain.crt"
    descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem(leaf.key))
    chain.write_bytes(b"".join(item.pem for item in leaf.chain))
    return ["--private-key", str(key), "--chain", str(chain)]


def tree(path: Path) -> dict[str, bytes]:
    """Every file below `path`, or the one file, with its bytes."""
    if path.is_file():
        return {"": path.read_bytes(), **{f"beside/{other.name}": b"" for other in sorted(path.parent.iterdir())}}
    return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}
