"""RFC 3161 requests, and the comparison of answers with them (TS-12, TS-18).

This module opens no sockets; airgap.net.tsa sends the bytes. `TimestampToken.verify` verifies the token before it is
used.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final, NoReturn, Self

from airgap import limits
from airgap.errors import AirgapError, FormatError
from airgap.hashing import SHA2, digest
from airgap.parse import der
from airgap.parse.der import Element
from airgap.pki.digests import hash_algorithm
from airgap.pki.timestamp_token import TimestampToken
from airgap.text import safe

NONCE_BITS: Final = 64
"""Length of a nonce: it cannot be guessed, and all authorities accept it."""

_UTF8_STRING: Final = 0x0C
_GRANTED: Final = frozenset({0, 1})
# RFC 3161, 2.4.2
_STATUS: Final = {
    2: "it rejects the request",
    3: "it promises an answer for later, which a signer cannot wait for",
    4: "it warns that its certificate is about to be revoked",
    5: "its certificate has been revoked",
}
_FAILURES: Final = {
    0: "badAlg (it does not know the hash algorithm)",
    2: "badRequest",
    5: "badDataFormat",
    14: "timeNotAvailable (it has no reliable time now)",
    15: "unacceptedPolicy",
    16: "unacceptedExtension",
    17: "addInfoNotAvailable",
    25: "systemFailure",
}


class TimestampingError(AirgapError):
    """The timestamping authority gave no token, or one that does not match the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampQuery:
    """One request for a token about `imprint`."""

    hash_name: str
    """Its hashlib name: the hash of the signing key (TS-12)."""
    imprint: bytes
    nonce: int
    policy: str | None = None
    """Dotted identifier of the policy for the token; None leaves it to the authority."""

    @classmethod
    def about(cls, signature_value: bytes, hash_name: str, *, nonce: int, policy: str | None = None) -> Self:
        """The request about a signature value; `nonce` is a fresh random number (TS-12)."""
        if hash_name not in SHA2:
            raise ValueError(hash_name)
        return cls(hash_name=hash_name, imprint=digest(hash_name, signature_value), nonce=nonce, policy=policy)

    @property
    def der(self) -> bytes:
        """TimeStampReq of version 1, with certReq: the token must contain the certificate of the authority (TS-20)."""
        return der.sequence(
            der.integer(1),
            der.sequence(hash_algorithm(self.hash_name), der.octet_string(self.imprint)),
            *([] if self.policy is None else [der.oid(self.policy)]),
            der.integer(self.nonce),
            der.boolean(True),  # noqa: FBT003 - a DER value
        )


def read_response(data: bytes, query: TimestampQuery) -> bytes:
    """The DER of the token in a TimeStampResp that answers `query`.

    Compares status, imprint, nonce and policy with the request; does not verify the token. Raises TimestampingError,
    with the facts `status` and `failures` if the authority refused.
    """
    if len(data) > limits.TOKEN_BYTES:
        raise _malformed(f"it has {len(data)} bytes, more than {limits.TOKEN_BYTES}")
    try:
        token, parsed = _read(data)
    except FormatError as error:
        raise _malformed(str(error)) from None
    info = parsed.info
    if info.imprint_hash != query.hash_name or not hmac.compare_digest(info.imprint, query.imprint):
        _refuse("the token is about other bytes than those that were sent")
    if info.nonce is None or not hmac.compare_digest(der.tlv(der.INTEGER, info.nonce), der.integer(query.nonce)):
        _refuse(
            "the token has no nonce, although one was sent"
            if info.nonce is None
            else "the token's nonce is not the one that was sent: it may be an old answer, replayed"
        )
    if query.policy is not None and info.policy != query.policy:
        _refuse(f"the token is made under the policy {safe(info.policy, limit=64)}, not {query.policy}")
    return token


def _read(data: bytes) -> tuple[bytes, TimestampToken]:
    fields = der.read(data, "response").fields("response")
    _check_status(fields.take(der.SEQUENCE, "status"))
    token = fields.take(der.SEQUENCE, "timeStampToken").raw
    fields.end()
    return token, TimestampToken.parse(token)


def _check_status(element: Element) -> None:
    """Checks PKIStatusInfo. Raises TimestampingError unless a token was granted."""
    where = "response.status"
    fields = element.fields(where)
    status = fields.any("status").integer(f"{where}.status")
    texts = fields.maybe(der.SEQUENCE)
    failures = fields.maybe(der.BIT_STRING)
    fields.end()
    if status in _GRANTED:
        return
    bits = sorted(failures.flags(f"{where}.failInfo")) if failures else []
    named = [_FAILURES.get(bit, f"failure {bit}") for bit in bits]
    said = _texts(texts, f"{where}.statusString")
    sentence = _STATUS.get(status, f"it answers with the unknown status {status}")
    raise TimestampingError(
        f"the timestamping authority gives no token: {sentence}"
        + (f" ({', '.join(named)})" if named else "")
        + (f'; it says "{said}"' if said else ""),
        remedy="Ask the authority's operator, or use another authority with --timestamp-url.",
        status=status,
        failures=named,
    )


def _texts(element: Element | None, where: str) -> str:
    if element is None:
        return ""
    texts = (item.expect(_UTF8_STRING, where).value.decode("utf-8", "replace") for item in element.children())
    return safe("; ".join(texts), limit=300)


def _malformed(problem: str) -> TimestampingError:
    return TimestampingError(f"the timestamping authority's answer cannot be read: {problem}", remedy=_REMEDY)


def _refuse(problem: str) -> NoReturn:
    raise TimestampingError(f"the timestamping authority's answer does not fit the request: {problem}", remedy=_REMEDY)


_REMEDY: Final = "Use another timestamping authority; this one does not follow RFC 3161, or something is in between."
