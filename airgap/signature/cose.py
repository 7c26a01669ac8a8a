"""COSE envelopes: COSE_Sign1, tagged (requirements/cose.md).

The protected header is a byte string; those bytes, as they arrived, are what is signed (COSE-5).
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from airgap import limits
from airgap.errors import FormatError, Rejected
from airgap.oci.descriptor import COSE_ENVELOPE
from airgap.parse import cbor
from airgap.pki.algorithms import Algorithm, by_cose
from airgap.signature import model
from airgap.signature.attributes import Attributes, Dialect, parse_certificates, read_attributes, show
from airgap.signature.model import Envelope

ALGORITHM: Final = 1
CRITICAL: Final = 2
CONTENT_TYPE: Final = 3
IV: Final = 5
PARTIAL_IV: Final = 6
TYPE: Final = 16
X5CHAIN: Final = 33

_BYTE_STRINGS: Final = {4: "key identifier", IV: "IV", PARTIAL_IV: "partial IV"}
_COUNTERSIGNATURES: Final = frozenset({7, 9, 11, 12})

PREFIX: Final = b"\xd2\x84"
"""Tag 18 in one byte and an array of four in one byte: the only accepted beginning (COSE-1)."""


def sig_structure(protected: bytes, payload: bytes) -> bytes:
    """What the signature value covers: RFC 9052, section 4.4, without external data (COSE-5)."""
    return cbor.encode(["Signature1", protected, b"", payload])


def parse_cose(raw: bytes, plugins: Container[str]) -> Envelope:
    """The envelope in `raw`; nothing of it is verified. Raises FormatError, Rejected envelope.* or chain.*.

    `plugins`: see `airgap.signature.attributes.read_attributes`.
    """
    if not raw.startswith(PREFIX):
        raise FormatError("it does not begin with tag 18 (COSE_Sign1) and an array of four (d2 84)")
    # no tags here: times exist inside the protected header only (COSE-3)
    items = cbor.load(raw[1:], limit=limits.ENVELOPE_BYTES, what="message")
    protected = _bytes(items[0], "protected header")
    unprotected = items[1]
    if not isinstance(unprotected, dict):
        raise FormatError(f"the unprotected header is {cbor.name(unprotected)}, not a map")
    payload = _bytes(items[2], "payload")  # COSE-2: neither detached nor empty
    signature = _bytes(items[3], "signature")
    attributes, protected_chain = _attributes(protected, unprotected, plugins)
    return Envelope(
        **attributes._asdict(),
        media_type=COSE_ENVELOPE,
        payload=payload,
        certificates=parse_certificates(_x5chain(unprotected, protected_chain)),
        signature=signature,
        signing_input=sig_structure(protected, payload),
        timestamp_token=_token(unprotected),
        signing_agent=_agent(unprotected),
    )


def _bytes(item: Any, what: str) -> bytes:
    if not isinstance(item, bytes):
        raise FormatError(f"the {what} is {cbor.name(item)}, not a byte string")
    if not item:
        raise FormatError(f"the {what} is empty")
    return item


_ABSENT: Final = object()


def _attributes(protected: bytes, unprotected: cbor.CborMap, plugins: Container[str]) -> tuple[Attributes, Any]:
    header = cbor.load(protected, limit=limits.ENVELOPE_BYTES, what="protected header", times=True)
    if not isinstance(header, dict):
        raise FormatError(f"the protected header is not a CBOR map but {cbor.name(header)}")
    if CRITICAL in unprotected:  # COSE-11: crit is protected
        raise FormatError("crit (label 2) is in the unprotected header, where it may not be")
    # RFC 9052, section 3. The chain alone may be in both, then equal (D10).
    if double := sorted((header.keys() & unprotected.keys()) - {X5CHAIN}, key=str):
        raise FormatError(
            f"the label {show(double[0])} is in the protected and in the unprotected header, "
            "which RFC 9052, section 3 forbids"
        )
    attributes = read_attributes(header, _DIALECT, plugins)
    _check_common(header)
    _check_common(unprotected)
    if {IV, PARTIAL_IV} <= header.keys() | unprotected.keys():
        raise FormatError("it has an IV and a partial IV, which RFC 9052, section 3.1 forbids")
    return attributes, header.get(X5CHAIN, _ABSENT)


def _check_common(header: cbor.CborMap) -> None:
    """Labels that mean nothing to a verifier must still be what COSE says they are (RFC 9052, 3.1; RFC 9596)."""
    for label, meaning in _BYTE_STRINGS.items():
        if label in header and not isinstance(header[label], bytes):
            raise FormatError(f"the {meaning} (label {label}) is {cbor.name(header[label])}, not a byte string")
    if counter := sorted(label for label in header if label in _COUNTERSIGNATURES):
        raise FormatError(f"it holds a countersignature (label {counter[0]}), which is no part of the format")
    if TYPE in header and not _is_type(header[TYPE]):
        raise FormatError(f"the type (label {TYPE}) is {show(header[TYPE])}, neither a media type nor a number")


def _is_type(stated: Any) -> bool:
    if isinstance(stated, str):
        return stated.count("/") == 1 and stated == stated.strip(" ")
    return isinstance(stated, int) and not isinstance(stated, bool) and stated >= 0


def _find_algorithm(stated: Any) -> Algorithm | None:
    return by_cose(stated) if isinstance(stated, int) else None


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _parse_time(stated: Any) -> datetime:
    # COSE-15: tag 1 around an integer or a float, before or after 1970
    if not isinstance(stated, cbor.Epoch):
        raise FormatError(f"is {cbor.name(stated)}, not a time (tag 1)")
    try:
        return _EPOCH + timedelta(seconds=stated.seconds)
    except (OverflowError, ValueError):
        raise FormatError(f"is {show(stated.seconds)} seconds, which is no moment that exists") from None


_DIALECT: Final = Dialect(
    algorithm=ALGORITHM,
    critical=CRITICAL,
    content_type=CONTENT_TYPE,
    find_algorithm=_find_algorithm,
    parse_time=_parse_time,
    is_label=lambda label: isinstance(label, int | str) and not isinstance(label, bool),
    is_registered=lambda label: isinstance(label, int) and 0 <= label <= 8,  # noqa: PLR2004 - COSE-12
    clause="the Notary Project's COSE specification (labels 0 to 8)",
    not_extended=frozenset({X5CHAIN}),
)


def _x5chain(unprotected: cbor.CborMap, protected_chain: Any) -> list[bytes]:
    # COSE-20, D10: as an array in the unprotected header, where the reference looks for it
    if X5CHAIN not in unprotected:
        if protected_chain is not _ABSENT:
            raise Rejected(
                "envelope.certificates",
                "the certificate chain (x5chain) is in the protected header only; it must be in the unprotected",
            )
        raise Rejected("envelope.certificates", "the unprotected header has no certificate chain (x5chain)")
    chain = unprotected[X5CHAIN]
    if isinstance(chain, bytes):
        raise Rejected(
            "envelope.certificates",
            "the certificate chain (x5chain) is one byte string; it must be an array, for one certificate too",
        )
    if not isinstance(chain, list) or not chain or not all(isinstance(item, bytes) for item in chain):
        raise Rejected("envelope.certificates", "the certificate chain (x5chain) is empty or no array of byte strings")
    if protected_chain is not _ABSENT and protected_chain != chain:
        raise Rejected(
            "envelope.certificates",
            "the protected and the unprotected header hold different certificate chains (x5chain)",
        )
    return chain


def _token(unprotected: Mapping[cbor.Label, Any]) -> bytes | None:
    # COSE-21; a wrong type is refused as in JWS (JWS-31), not taken for an absent token
    if model.TIMESTAMP not in unprotected:
        return None
    token = unprotected[model.TIMESTAMP]
    if not isinstance(token, bytes):
        raise FormatError(f"is {cbor.name(token)}, not a byte string", where=model.TIMESTAMP)
    return token


def _agent(unprotected: Mapping[cbor.Label, Any]) -> str | None:
    # COSE-21, D59: must not influence the verdict, so a wrong type is no agent
    agent = unprotected.get(model.SIGNING_AGENT)
    return agent if isinstance(agent, str) else None
