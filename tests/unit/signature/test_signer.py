from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from airgap.errors import UsageError
from airgap.pki.algorithms import verify
from airgap.pki.certificate import Certificate
from airgap.signature.signer import LocalSigner
from tests.support.keyring import key
from tests.support.pki import Issued, Pki


def local(leaf: Issued) -> LocalSigner:
    assert isinstance(leaf.key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    return LocalSigner(leaf.key, tuple(Certificate.parse(issued.der) for issued in leaf.chain))


@pytest.mark.parametrize("kind", ["rsa2048", "rsa3072", "rsa4096", "p256", "p384", "p521"])
def test_its_signatures_verify(kind: str) -> None:
    """Table ALG, JWS-41, JWS-42."""
    signer = local(Pki().code_chain(kind))
    for _ in range(4):  # r and s are sometimes short, and must be padded
        verify(signer.algorithm, signer.chain[0].public_key, signer.sign(b"message"), b"message")


@pytest.mark.parametrize("kind", ["rsa1024", "rsa3584", "p224"])
def test_a_key_that_may_not_sign_is_refused(kind: str) -> None:
    """ALG-1."""
    with pytest.raises(UsageError, match="may not sign"):
        local(Pki().code_chain(kind))


def test_a_key_without_its_chain_is_refused() -> None:
    private = key("p256")
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    with pytest.raises(UsageError, match="needs its certificate chain"):
        LocalSigner(private, ())


def test_a_chain_of_another_key_is_refused() -> None:
    leaf = Pki().code_chain()
    with pytest.raises(UsageError, match="not the one of the first certificate"):
        LocalSigner(ec.generate_private_key(ec.SECP256R1()), (Certificate.parse(leaf.der),))


def test_the_private_key_is_not_shown() -> None:
    assert "PrivateKey" not in repr(local(Pki().code_chain()))
