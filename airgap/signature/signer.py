"""The interface of signers, and signers with a key in memory.

A signer is not trusted: its result is verified like a signature of an unknown signer before it is returned
(airgap.signature.sealing).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from airgap.errors import AirgapError, Fact, UsageError
from airgap.pki.algorithms import Algorithm, UnusableKey
from airgap.pki.certificate import Certificate
from airgap.reasons import ExitCode
from airgap.text import safe

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class SigningError(AirgapError):
    """No signature was made, or one that must not be used; nothing was attached.

    `reason` is the code of airgap.reasons with which a verifier would refuse the signature, where there is one.
    """

    exit_code = ExitCode.ERROR

    def __init__(self, message: str, *, reason: str | None = None, remedy: str = "", **facts: Fact) -> None:
        super().__init__(message, remedy=remedy, **facts)
        self.reason: str | None = reason


class Signer(Protocol):
    """A private key with its chain, wherever the key is: in memory, in a token, or in reach of a plugin or a service.

    What its methods raise (an AirgapError, best a SigningError) ends the signing; nothing is attached then.
    """

    @property
    def algorithm(self) -> Algorithm:
        """The algorithm of the key (table ALG)."""
        ...

    @property
    def chain(self) -> tuple[Certificate, ...]:
        """Leaf first, root last (CHAIN-1).

        Empty where it is not known before something was signed (PLUGIN-23): asked for again afterwards.
        """
        ...

    def sign(self, message: bytes) -> bytes:
        """The signature value over `message`, as `airgap.pki.algorithms.verify` takes it."""
        ...


@dataclass(frozen=True, slots=True)
class LocalSigner:
    """A private key in memory."""

    private_key: PrivateKey = field(repr=False)
    chain: tuple[Certificate, ...]

    def __post_init__(self) -> None:
        if not self.chain:
            raise UsageError("a signing key needs its certificate chain")
        certified = self.chain[0].public_key
        own = _public_bytes(self.private_key.public_key())
        if isinstance(certified, UnusableKey) or own != _public_bytes(certified):
            subject = safe(self.chain[0].subject_text)
            raise UsageError(f"the signing key is not the one of the first certificate ({subject})")
        demanded_algorithm(self.chain[0])

    @property
    def algorithm(self) -> Algorithm:
        """The algorithm of the key (table ALG)."""
        return demanded_algorithm(self.chain[0])

    def sign(self, message: bytes) -> bytes:
        """PS*: the salt is as long as the hash (JWS-42). ES*: r and s side by side (JWS-41, COSE-22)."""
        algorithm, key = self.algorithm, self.private_key
        if isinstance(key, rsa.RSAPrivateKey):
            pss = padding.PSS(mgf=padding.MGF1(algorithm.hash), salt_length=algorithm.hash.digest_size)
            return key.sign(message, pss, algorithm.hash)
        width = algorithm.coordinate_bytes
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(algorithm.hash)))
        return r.to_bytes(width, "big") + s.to_bytes(width, "big")


def demanded_algorithm(leaf: Certificate) -> Algorithm:
    """What the key of a signing certificate demands. Raises UsageError for one that may not sign."""
    if leaf.algorithm is None:
        raise UsageError(f"a key of kind {leaf.key_name} may not sign (ALG-1)")
    return leaf.algorithm


def _public_bytes(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
