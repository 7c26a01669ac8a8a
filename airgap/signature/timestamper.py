"""The interface of timestampers, and one for RFC 3161 (requirements/timestamps.md).

A timestamper is not trusted: each token is verified with the anchors that the operator named before it goes into an
envelope. The revocation of the authority's certificates is not checked here, because that needs the network; every
verifier checks it with its own evidence (TS-27, OFF-8).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from airgap import limits
from airgap.errors import FormatError, Rejected, UsageError
from airgap.files import read_given
from airgap.pki.certificate import Certificate
from airgap.pki.certificate_files import load_certificates
from airgap.pki.chain import Anchors
from airgap.pki.timestamp_token import TimestampToken, VerifiedTimestamp, check_within
from airgap.pki.tsp import NONCE_BITS, TimestampQuery, read_response
from airgap.signature.signer import SigningError
from airgap.text import safe

Exchange = Callable[[bytes], bytes]
"""Sends a TimeStampReq (DER) to an authority and returns its TimeStampResp (DER). Raises AirgapError."""


class Timestamper(Protocol):
    """A timestamping authority."""

    @property
    def anchors(self) -> Anchors:
        """The roots of its chain, which the operator chose."""
        ...

    def timestamp(self, signature_value: bytes, hash_name: str) -> bytes:
        """The DER of an RFC 3161 token about the bytes of a signature value (TS-11).

        `hash_name` is the hash of the signing key ("sha256", "sha384", "sha512"), which the imprint has to use
        (TS-12). Raises AirgapError.
        """
        ...


@dataclass(frozen=True, slots=True)
class Rfc3161Timestamper:
    """An authority that answers RFC 3161 requests, over any way to send bytes to it."""

    exchange: Exchange = field(repr=False)
    anchors: Anchors
    policy: str | None = None
    """Dotted identifier of the policy that tokens shall be made under; None leaves it to the authority."""

    def timestamp(self, signature_value: bytes, hash_name: str) -> bytes:
        """See `Timestamper`. Raises TimestampingError, and what the exchange raises."""
        nonce = secrets.randbits(NONCE_BITS) | 1 << (NONCE_BITS - 1)  # always of the same length
        query = TimestampQuery.about(signature_value, hash_name, nonce=nonce, policy=self.policy)
        return read_response(self.exchange(query.der), query)


def timestamp_anchors(files: Mapping[str, bytes]) -> Anchors:
    """Anchors from the files of `--timestamp-root-cert`, by name: exactly one self-signed root CA in each (CLI-4).

    Raises UsageError.
    """
    return Anchors.of({name: (_root(name, data),) for name, data in files.items()})


def load_timestamp_anchors(paths: Iterable[Path]) -> Anchors:
    """Anchors from the files of `--timestamp-root-cert`. Raises UsageError."""
    limit = limits.STORE_FILE_BYTES
    return timestamp_anchors(
        {str(path): read_given(path, limit, f"--timestamp-root-cert {safe(path)}") for path in paths}
    )


def _root(name: str, data: bytes) -> Certificate:
    try:
        certificates = load_certificates(data)
    except FormatError as error:
        raise UsageError(f"{safe(name)}: {error}", remedy=_ROOT_REMEDY) from None
    if len(certificates) != 1:
        raise UsageError(f"{safe(name)} holds {len(certificates)} certificates, not exactly one", remedy=_ROOT_REMEDY)
    root = certificates[0]
    if not root.self_signed:
        raise UsageError(
            f"{safe(name)}: {safe(root.subject_text)!r} is not self-signed, but issued by {safe(root.issuer_text)!r}",
            remedy=_ROOT_REMEDY,
        )
    if not root.is_ca:  # TSACH-5: no self-signed authority
        raise UsageError(
            f"{safe(name)}: {safe(root.subject_text)!r} is no CA certificate, so no chain can end in it",
            remedy=_ROOT_REMEDY,
        )
    return root


_ROOT_REMEDY = "Give the one root certificate of the timestamping authority, as PEM or DER."


def token_about(
    timestamper: Timestamper, signature_value: bytes, hash_name: str, chain: Sequence[Certificate]
) -> tuple[bytes, VerifiedTimestamp]:
    """A token about a signature value of the code-signing `chain`, verified by every rule that needs no network.

    Those are the rules of tokens but revocation (TS-27), with the timestamper's anchors, and TS-26. Raises
    SigningError, and what the timestamper raises.
    """
    token = timestamper.timestamp(signature_value, hash_name)
    return token, verify_token(token, signature_value, hash_name, timestamper.anchors, chain)


def verify_token(
    token: bytes, signature_value: bytes, hash_name: str, anchors: Anchors, chain: Sequence[Certificate]
) -> VerifiedTimestamp:
    """The token, verified as a verifier would do it; see `token_about`. Raises SigningError."""
    try:
        timestamp, *_ = TimestampToken.parse(token).verify(signature_value, anchors)
        check_within(timestamp, chain)
    except FormatError as error:
        raise SigningError(
            f"the timestamp token cannot be read: {error}", reason="timestamp.malformed", remedy=_REMEDY
        ) from None
    except Rejected as error:
        remedy = _UNTRUSTED if error.reason == "timestamp.untrusted" else _REMEDY
        raise SigningError(str(error), reason=error.reason, remedy=remedy, **error.facts) from None
    if timestamp.info.imprint_hash != hash_name:  # TS-12: a signer must, though a verifier takes any SHA-2 (D30)
        raise SigningError(
            f"the timestamp token's imprint is {timestamp.info.imprint_hash}; the signing key demands {hash_name}",
            reason="timestamp.hash",
            remedy=_REMEDY,
        )
    return timestamp


_REMEDY = "Nothing was attached. Ask the authority's operator, or use another timestamping authority."
_UNTRUSTED = "Nothing was attached. Name the authority's own root with --timestamp-root-cert."
