"""Throwaway private keys by kind and slot.

RSA and DSA keys are slow to make, so a small pool of them is committed below keys/, together with some of every
other kind so that runs repeat. They are test keys: public, worthless, and never to be used for anything else. The
pool is made by `python -m tests.support.keyring`; a slot beyond it is generated once per process.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | dsa.DSAPrivateKey

POOL: Final = Path(__file__).parent / "keys"
POOL_SIZES: Final = {
    "rsa1024": 1, "rsa2047": 1, "rsa2048": 4, "rsa3072": 2, "rsa3584": 1, "rsa4096": 2,
    "p224": 1, "p256": 8, "p384": 3, "p521": 2, "secp256k1": 1, "ed25519": 1, "dsa2048": 1,
}  # fmt: skip
CURVES: Final[dict[str, ec.EllipticCurve]] = {
    "p224": ec.SECP224R1(),
    "p256": ec.SECP256R1(),
    "p384": ec.SECP384R1(),
    "p521": ec.SECP521R1(),
    "secp256k1": ec.SECP256K1(),
}
HEADER: Final = "Throwaway TEST KEYS of airgap's test suite: public and worthless. Never trust or use them.\n"


@functools.cache
def key(kind: str, slot: int = 0) -> PrivateKey:
    """The key of this kind ("rsa2048", "p256", "ed25519", "dsa2048", ...) in this slot, always the same object."""
    pool = _pool(kind)
    return pool[slot] if slot < len(pool) else generate(kind)


def generate(kind: str) -> PrivateKey:
    """A new key, different each time."""
    if kind.startswith("rsa"):
        # 1024 bits and an uncommon length are what some tests are about
        return rsa.generate_private_key(65537, int(kind[3:]))
    if kind.startswith("dsa"):
        return dsa.generate_private_key(int(kind[3:]))
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(CURVES[kind])


@functools.cache
def _pool(kind: str) -> tuple[PrivateKey, ...]:
    path = POOL / f"{kind}.pem"
    if not path.exists():
        return ()
    blocks = re.findall(rb"-----BEGIN PRIVATE KEY-----.*?-----END PRIVATE KEY-----\n", path.read_bytes(), re.DOTALL)
    return tuple(_load(block) for block in blocks)


def _load(pem: bytes) -> PrivateKey:
    # the check of every prime would cost more than the tests that use the keys
    loaded = serialization.load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(loaded, PrivateKey):
        raise TypeError(type(loaded).__name__)
    return loaded


def pem(private: PrivateKey) -> bytes:
    """PKCS #8, unencrypted."""
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def main() -> None:
    """Make the committed pool anew."""
    for kind, count in POOL_SIZES.items():
        blocks = (pem(generate(kind)).decode() for _ in range(count))
        (POOL / f"{kind}.pem").write_text(HEADER + "".join(blocks), encoding="ascii")


if __name__ == "__main__":
    main()
