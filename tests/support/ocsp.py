"""OCSP responses, good by default, one deviation per keyword; assembled as DER by hand.

ocsp_response(leaf)                                        # good, signed by the issuer
ocsp_response(leaf, status="revoked", reason="keyCompromise")
ocsp_response(leaf, responder=delegate)                    # signed by a delegate, which is embedded
ocsp_response(leaf, next_update=None, by_key=True, cert_hash="sha256")
ocsp_error(6)                                              # unauthorized
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from cryptography.hazmat.primitives import serialization

from tests.support import asn1
from tests.support.crls import INVALIDITY_DATE, REASONS, REVOKED_AT
from tests.support.extensions import Extension
from tests.support.keyring import PrivateKey
from tests.support.pki import AT, Issued, algorithm_identifier, raw_signature

THIS_UPDATE: Final = AT - timedelta(hours=6)
NEXT_UPDATE: Final = AT + timedelta(days=7)
BASIC: Final = "1.3.6.1.5.5.7.48.1.1"
HASHES: Final = {
    "sha1": "1.3.14.3.2.26",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
    "md5": "1.2.840.113549.2.5",
}
Status = Literal["good", "revoked", "unknown"]


def single(
    certificate: Issued,
    *,
    issuer: Issued | None = None,
    status: Status = "good",
    reason: str | int | None = None,
    revoked_at: datetime = REVOKED_AT,
    invalidity: datetime | None = None,
    this_update: datetime = THIS_UPDATE,
    next_update: datetime | None = NEXT_UPDATE,
    cert_hash: str = "sha1",
    serial: int | None = None,
    name_hash: bytes | None = None,
    key_hash: bytes | None = None,
    extra: Iterable[Extension] = (),
) -> bytes:
    """One SingleResponse about `certificate`. `serial`, `name_hash`, `key_hash` replace what is right."""
    parent = issuer or certificate.issuer or certificate
    digest = hashlib.new(cert_hash, parent.subject, usedforsecurity=False).digest()
    key_digest = hashlib.new(cert_hash, key_bits(parent.key), usedforsecurity=False).digest()
    members = list(extra)
    if invalidity is not None:
        members.insert(0, Extension(INVALIDITY_DATE, asn1.generalized_time(invalidity)))
    return asn1.sequence(
        asn1.sequence(
            asn1.sequence(asn1.oid(HASHES[cert_hash]), asn1.null()),
            asn1.octet_string(digest if name_hash is None else name_hash),
            asn1.octet_string(key_digest if key_hash is None else key_hash),
            asn1.integer(certificate.serial if serial is None else serial),
        ),
        _status(status, revoked_at, reason),
        asn1.generalized_time(this_update),
        *([] if next_update is None else [asn1.explicit(0, asn1.generalized_time(next_update))]),
        *([asn1.explicit(1, asn1.sequence(*(item.der() for item in members)))] if members else []),
    )


def ocsp_response(
    certificate: Issued,
    *,
    issuer: Issued | None = None,
    responder: Issued | None = None,
    embed: Iterable[Issued | bytes] | None = None,
    by_key: bool = False,
    responder_id: bytes | None = None,
    signed_by: PrivateKey | None = None,
    hash_name: str = "sha256",
    pss: bool = False,
    produced_at: datetime | None = None,
    response_extensions: Iterable[Extension] = (),
    singles: Iterable[bytes] | None = None,
    response_type: str = BASIC,
    version: int | None = None,
    **about: Any,
) -> bytes:
    """A successful basic response about `certificate` as DER.

    `issuer`: by default the certificate's. `responder`: who signs and is named, by default the issuer. `embed`:
    certificates in the response, by default the responder if it is not the issuer. `version`: written out, though 1
    is the default. `responder_id`: a ready ResponderID. `signed_by`: another key than the responder's. `about`: the
    keywords of `single`; `singles`: ready SingleResponses instead.
    """
    parent = issuer or certificate.issuer or certificate
    signer = responder or parent
    private = signed_by or signer.key
    if singles is None:
        singles = (single(certificate, issuer=parent, **about),)
    if responder_id is None:
        key_digest = hashlib.sha1(key_bits(signer.key), usedforsecurity=False).digest()
        name = asn1.explicit(1, signer.subject)
        responder_id = asn1.explicit(2, asn1.octet_string(key_digest)) if by_key else name
    members = [item.der() for item in response_extensions]
    data = asn1.sequence(
        *([] if version is None else [asn1.explicit(0, asn1.integer(version - 1))]),
        responder_id,
        asn1.generalized_time(produced_at or about.get("this_update", THIS_UPDATE)),
        asn1.sequence(*singles),
        *([asn1.explicit(1, asn1.sequence(*members))] if members else []),
    )
    if embed is None:
        embed = () if signer is parent else (signer,)
    certificates = [item if isinstance(item, bytes) else item.der for item in embed]
    basic = asn1.sequence(
        data,
        algorithm_identifier(private, hash_name, pss=pss),
        asn1.bit_string(raw_signature(private, data, hash_name, pss=pss)),
        *([asn1.explicit(0, asn1.sequence(*certificates))] if certificates else []),
    )
    return wrap(basic, response_type=response_type)


def wrap(basic: bytes, *, status: int = 0, response_type: str = BASIC) -> bytes:
    """An OCSPResponse around response bytes."""
    inner = asn1.sequence(asn1.oid(response_type), asn1.octet_string(basic))
    return asn1.sequence(asn1.tlv(0x0A, bytes([status])), asn1.explicit(0, inner))


def ocsp_error(status: int) -> bytes:
    """An OCSPResponse that only says why there is none: 1 malformed, 2 internal, 3 later, 5 sign it, 6 unauthorized."""
    return asn1.sequence(asn1.tlv(0x0A, bytes([status])))


def key_bits(private: PrivateKey) -> bytes:
    """The contents of the subjectPublicKey BIT STRING, over which issuer key hashes are made."""
    public = private.public_key()
    if hasattr(public, "curve"):
        encoding, form = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    elif hasattr(public, "public_numbers"):
        encoding, form = serialization.Encoding.DER, serialization.PublicFormat.PKCS1
    else:
        encoding, form = serialization.Encoding.Raw, serialization.PublicFormat.Raw
    return public.public_bytes(encoding, form)


def _status(status: Status, revoked_at: datetime, reason: str | int | None) -> bytes:
    if status == "good":
        return asn1.implicit(0, b"")
    if status == "unknown":
        return asn1.implicit(2, b"")
    if reason is None:
        return asn1.explicit(1, asn1.generalized_time(revoked_at))
    code = REASONS[reason] if isinstance(reason, str) else reason
    enumerated = asn1.tlv(0x0A, asn1.integer(code)[2:])
    return asn1.explicit(1, asn1.generalized_time(revoked_at), asn1.explicit(0, enumerated))
