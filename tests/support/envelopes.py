"""A forger of signature envelopes: correct by default, every part replaceable, so that anything can be wrong.

    jws(leaf)                                         # correct
    jws(leaf, protected={"alg": "none"})              # one header changed, and signed so
    jws(leaf, protected={"crit": REMOVED})
    jws(leaf, spell={"signature": lambda text: text + "=="})
    cose(leaf, protected={2: [Raw(b"\\xf5")]}, prefix=b"\\xd8\\x12\\x84")

It shares no encoder and no signing code with airgap.signature, whose mistakes it would share otherwise.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.support.keyring import PrivateKey
from tests.support.pki import Issued

JWS: Final = "application/jose+json"
COSE: Final = "application/cose"
CONTENT_TYPE: Final = "application/vnd.cncf.notary.payload.v1+json"
X509: Final = "notary.x509"
AUTHORITY: Final = "notary.x509.signingAuthority"
SCHEME: Final = "io.cncf.notary.signingScheme"
SIGNING_TIME: Final = "io.cncf.notary.signingTime"
AUTHENTIC: Final = "io.cncf.notary.authenticSigningTime"
EXPIRY: Final = "io.cncf.notary.expiry"
PLUGIN: Final = "io.cncf.notary.verificationPlugin"
PLUGIN_VERSION: Final = "io.cncf.notary.verificationPluginMinVersion"
TIMESTAMP: Final = "io.cncf.notary.timestampSignature"
AGENT: Final = "io.cncf.notary.signingAgent"

SIGNED_AT: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
EXPIRES_AT: Final = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)
TARGET: Final = {
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "digest": "sha256:" + "5c" * 32,
    "size": 411,
}
PAYLOAD: Final = json.dumps({"targetArtifact": TARGET}, separators=(",", ":")).encode()

REMOVED: Final = object()
"""As a value in a mapping of changes: the member is left out."""

Sign = Callable[[bytes], bytes]


# Signature values


def algorithm_for(key: PrivateKey) -> str:
    """The JWS name of what the key demands; for keys that may not sign, some name."""
    if isinstance(key, rsa.RSAPrivateKey):
        return {2048: "PS256", 3072: "PS384", 4096: "PS512"}.get(key.key_size, "PS256")
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return {384: "ES384", 521: "ES512"}.get(key.key_size, "ES256")
    return "EdDSA"


COSE_LABELS: Final = {"PS256": -37, "PS384": -38, "PS512": -39, "ES256": -7, "ES384": -35, "ES512": -36, "EdDSA": -8}


def signer(key: PrivateKey, algorithm: str = "", *, salt: int | None = None, der: bool = False) -> Sign:
    """A function that signs with `key` as `algorithm`; `salt` for PSS in bytes; `der` for ECDSA not side by side."""
    name = algorithm or algorithm_for(key)
    digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[name[2:]]

    def sign(message: bytes) -> bytes:
        if isinstance(key, rsa.RSAPrivateKey):
            length = digest.digest_size if salt is None else salt
            return key.sign(message, padding.PSS(padding.MGF1(digest), length), digest)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        value = key.sign(message, ec.ECDSA(digest))
        width = (key.key_size + 7) // 8
        return value if der else b"".join(part.to_bytes(width, "big") for part in decode_dss_signature(value))

    return sign


# JWS


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def changed(members: Mapping[Any, Any], changes: Mapping[Any, Any] | None) -> dict[Any, Any]:
    """The members with the changes made; REMOVED takes one out."""
    return {name: value for name, value in {**members, **(changes or {})}.items() if value is not REMOVED}


def jws_header(leaf: Issued, scheme: str = X509, expiry: datetime | None = None) -> dict[str, Any]:
    """A correct protected header."""
    header: dict[str, Any] = {
        "alg": algorithm_for(leaf.key),
        "cty": CONTENT_TYPE,
        "crit": _critical(scheme, expiry),
        SCHEME: scheme,
        AUTHENTIC if scheme == AUTHORITY else SIGNING_TIME: rfc3339(SIGNED_AT),
    }
    return header if expiry is None else {**header, EXPIRY: rfc3339(expiry)}


def jws(
    leaf: Issued,
    *,
    scheme: str = X509,
    expiry: datetime | None = None,
    payload: bytes = PAYLOAD,
    protected: Mapping[str, Any] | None = None,
    protected_raw: bytes | None = None,
    header: Mapping[str, Any] | None = None,
    members: Mapping[str, Any] | None = None,
    spell: Mapping[str, Callable[[str], str]] | None = None,
    signing_input: bytes | None = None,
    sign: Sign | None = None,
) -> bytes:
    """A JWS envelope as bytes.

    `protected`, `header`, `members`: changes to the protected header, the unprotected one, and the top level.
    `protected_raw`: bytes instead of the protected header. `spell`: changes the base64 text of "payload",
    "protected" (both before signing, so that the signature fits) or "signature". `signing_input`: sign these bytes.
    """
    spelled: dict[str, Callable[[str], str]] = {
        **dict.fromkeys(("payload", "protected", "signature"), str),
        **(spell or {}),
    }
    raw = protected_raw
    if raw is None:
        raw = json.dumps(changed(jws_header(leaf, scheme, expiry), protected)).encode()
    protected_text, payload_text = spelled["protected"](b64url(raw)), spelled["payload"](b64url(payload))
    covered = f"{protected_text}.{payload_text}".encode() if signing_input is None else signing_input
    value = (sign or signer(leaf.key))(covered)
    document = {
        "payload": payload_text,
        "protected": protected_text,
        "header": changed({"x5c": [b64(issued.der) for issued in leaf.chain]}, header),
        "signature": spelled["signature"](b64url(value)),
    }
    return json.dumps(changed(document, members)).encode()


def _critical(scheme: str, expiry: datetime | None) -> list[str]:
    listed = [SCHEME]
    if scheme == AUTHORITY:
        listed.append(AUTHENTIC)
    if expiry is not None:
        listed.append(EXPIRY)
    return listed


# COSE


@dataclass(frozen=True)
class Raw:
    """CBOR that is written as it is, as a value or as a label."""

    data: bytes


def head(major: int, argument: int, width: int | None = None) -> bytes:
    """The head of an item; `width` in bytes (1, 2, 4, 8) writes the argument wider than needed."""
    if width is None and argument < 24:
        return bytes([major << 5 | argument])
    width = width or next(size for size in (1, 2, 4, 8) if argument < 1 << 8 * size)
    return bytes([major << 5 | {1: 24, 2: 25, 4: 26, 8: 27}[width]]) + argument.to_bytes(width, "big")


def cbor(value: Any) -> bytes:
    """A value as CBOR; maps keep their order."""
    match value:
        case Raw(data):
            return data
        case bool():
            return b"\xf5" if value else b"\xf4"
        case None:
            return b"\xf6"
        case int():
            return head(0, value) if value >= 0 else head(1, -1 - value)
        case float():
            return b"\xfb" + struct.pack(">d", value)
        case bytes():
            return head(2, len(value)) + value
        case str():
            return head(3, len(value.encode())) + value.encode()
        case list() | tuple():
            return head(4, len(value)) + b"".join(map(cbor, value))
        case dict():
            return head(5, len(value)) + b"".join(cbor(label) + cbor(item) for label, item in value.items())
    raise TypeError(type(value).__name__)


def epoch(value: Any) -> Raw:
    """Tag 1."""
    return Raw(b"\xc1" + cbor(value))


def cose_header(leaf: Issued, scheme: str = X509, expiry: datetime | None = None) -> dict[Any, Any]:
    """A correct protected header."""
    header: dict[Any, Any] = {
        1: COSE_LABELS[algorithm_for(leaf.key)],
        2: _critical(scheme, expiry),
        3: CONTENT_TYPE,
        SCHEME: scheme,
        AUTHENTIC if scheme == AUTHORITY else SIGNING_TIME: epoch(int(SIGNED_AT.timestamp())),
    }
    return header if expiry is None else {**header, EXPIRY: epoch(int(expiry.timestamp()))}


def cose(
    leaf: Issued,
    *,
    scheme: str = X509,
    expiry: datetime | None = None,
    payload: Any = PAYLOAD,
    protected: Mapping[Any, Any] | None = None,
    protected_raw: bytes | None = None,
    unprotected: Mapping[Any, Any] | None = None,
    unprotected_raw: bytes | None = None,
    prefix: bytes = b"\xd2\x84",
    suffix: bytes = b"",
    context: str = "Signature1",
    signing_input: bytes | None = None,
    sign: Sign | None = None,
    signature: Any = None,
) -> bytes:
    """A COSE envelope as bytes.

    `protected`, `unprotected`: changes to the headers. `protected_raw`: content of the protected byte string;
    `unprotected_raw`: CBOR instead of the unprotected map. `payload`, `signature`: any CBOR value.
    """
    raw = protected_raw
    if raw is None:
        raw = cbor(changed(cose_header(leaf, scheme, expiry), protected))
    covered = cbor([context, raw, b"", payload if isinstance(payload, bytes) else b""])
    value = (sign or signer(leaf.key))(covered if signing_input is None else signing_input)
    outside = unprotected_raw
    if outside is None:
        outside = cbor(changed({33: [issued.der for issued in leaf.chain]}, unprotected))
    parts = (cbor(raw), outside, cbor(payload), cbor(value if signature is None else signature))
    return prefix + b"".join(parts) + suffix


# Both formats in one spelling

_COSE_NAMES: Final = {"alg": 1, "crit": 2, "cty": 3}


def forge(media_type: str, leaf: Issued, *, protected: Mapping[str, Any] | None = None, **options: Any) -> bytes:
    """An envelope of either format, with changes that are spelled for both.

    In `protected` the names alg, crit and cty become COSE's labels, an alg by its JWS name COSE's number, and a
    datetime what the format writes for it. `options` are those that `jws` and `cose` have in common.
    """
    changes = protected or {}
    if media_type == JWS:
        texts = {name: rfc3339(value) if isinstance(value, datetime) else value for name, value in changes.items()}
        return jws(leaf, protected=texts, **options)
    labels = {_COSE_NAMES.get(name, name): _cose_value(name, value) for name, value in changes.items()}
    return cose(leaf, protected=labels, **options)


def _cose_value(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return epoch(int(value.timestamp()))
    if name == "alg":
        return COSE_LABELS.get(value, value) if isinstance(value, str) else value
    return value
