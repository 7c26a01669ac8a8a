"""RFC 3161 timestamp tokens, valid by default, one deviation per keyword; assembled as DER by hand.

token(tsa, signature_value)                                # tsa = Pki().tsa_chain()
token(tsa, signature_value, gen_time=EARLY, accuracy=(1, 500, 0))
token(tsa, signature_value, ess="v1", imprint_hash="sha1", digest="sha1")
token(tsa, signature_value, embed=[tsa])                   # which certificates it carries, in this order
token(tsa, signature_value, signers=[signer(other, ...), signer(tsa, ...)])
response(token(tsa, signature_value))                      # a TimeStampResp around it
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final, Literal

from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support import asn1, extensions
from tests.support.extensions import Extension
from tests.support.keyring import PrivateKey
from tests.support.ocsp import HASHES
from tests.support.pki import AT, Issued, algorithm_identifier, key_identifier, raw_signature

SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
TST_INFO: Final = "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
SIGNING_TIME: Final = "1.2.840.113549.1.9.5"
SIGNING_CERTIFICATE: Final = "1.2.840.113549.1.9.16.2.12"
SIGNING_CERTIFICATE_V2: Final = "1.2.840.113549.1.9.16.2.47"
POLICY: Final = "1.3.6.1.4.1.55555.2"
BASELINE_POLICY: Final = "0.4.0.2023.1.1"

Accuracy = tuple[int | None, int | None, int | None]
Ess = Literal["v1", "v2", "both"]


def tst_info(
    data: bytes,
    *,
    gen_time: datetime | bytes = AT,
    accuracy: Accuracy | None = None,
    policy: str = POLICY,
    serial: int = 1,
    imprint_hash: str = "sha256",
    imprint: bytes | None = None,
    nonce: int | None = 0x1122334455667788,
    ordering: bool | None = None,
    tsa_name: bytes | None = None,
    tst_extensions: Iterable[Extension] = (),
    tst_version: int = 1,
) -> bytes:
    """TSTInfo about `data`. `gen_time`: bytes are the text of the GeneralizedTime; `tsa_name`: a raw Name."""
    hashed = hashlib.new(imprint_hash, data, usedforsecurity=False).digest() if imprint is None else imprint
    members = [item.der() for item in tst_extensions]
    return asn1.sequence(
        asn1.integer(tst_version),
        asn1.oid(policy),
        asn1.sequence(_hash(imprint_hash), asn1.octet_string(hashed)),
        asn1.integer(serial),
        asn1.tlv(asn1.GENERALIZED_TIME, gen_time if isinstance(gen_time, bytes) else _time(gen_time)),
        *([] if accuracy is None else [_accuracy(accuracy)]),
        *([] if ordering is None else [asn1.boolean(ordering)]),
        *([] if nonce is None else [asn1.integer(nonce)]),
        *([] if tsa_name is None else [asn1.explicit(0, extensions.directory_name(tsa_name))]),
        *([asn1.explicit(1, *members)] if members else []),
    )


def signer(
    tsa: Issued,
    content: bytes,
    *,
    digest: str = "sha256",
    signature_hash: str | None = None,
    ess: Ess | None = "v2",
    ess_hash: str = "sha256",
    ess_hash_explicit: bool = False,
    ess_certificate: Issued | None = None,
    ess_issuer_serial: bool = True,
    ess_serial: int | None = None,
    content_type: str | None = TST_INFO,
    message_digest: bytes | None = None,
    drop: Iterable[str] = (),
    signing_time: datetime | None = None,
    extra_attributes: Iterable[bytes] = (),
    signed_attributes: bool = True,
    sorted_attributes: bool = True,
    sid: Issued | None = None,
    key_identifier_sid: bool = False,
    signer_version: int = 1,
    signed_by: PrivateKey | None = None,
    pss: bool = False,
    bare_rsa: bool = False,
    corrupt_signature: bool = False,
    unsigned_attributes: bytes = b"",
) -> bytes:
    """SignerInfo of `tsa` over `content`, a TSTInfo.

    `digest`: the digestAlgorithm; `signature_hash`: another hash in the signature. `ess_certificate`: the certificate
    that signing-certificate names, by default `tsa`; `sid`: the one that the signer identifier names. `drop`:
    attribute identifiers to leave out. `bare_rsa`: rsaEncryption as algorithm, as OpenSSL writes.
    """
    private = signed_by or tsa.key
    hashed = hashlib.new(digest, content, usedforsecurity=False).digest() if message_digest is None else message_digest
    attributes: dict[str, bytes] = {}
    if content_type is not None:
        attributes[CONTENT_TYPE] = asn1.oid(content_type)
    attributes[MESSAGE_DIGEST] = asn1.octet_string(hashed)
    if signing_time is not None:
        attributes[SIGNING_TIME] = asn1.time(signing_time)
    named = ess_certificate or tsa
    if ess in ("v1", "both"):
        identifier = asn1.sequence(asn1.octet_string(hashlib.sha1(named.der, usedforsecurity=False).digest()))
        attributes[SIGNING_CERTIFICATE] = asn1.sequence(asn1.sequence(identifier))
    if ess in ("v2", "both"):
        parts = [] if ess_hash == "sha256" and not ess_hash_explicit else [_hash(ess_hash)]
        parts.append(asn1.octet_string(hashlib.new(ess_hash, named.der, usedforsecurity=False).digest()))
        if ess_issuer_serial:
            names = asn1.sequence(extensions.directory_name(issuer_name(named)))
            parts.append(asn1.sequence(names, asn1.integer(named.serial if ess_serial is None else ess_serial)))
        attributes[SIGNING_CERTIFICATE_V2] = asn1.sequence(asn1.sequence(asn1.sequence(*parts)))
    gone = set(drop)
    written = [attribute(oid, value) for oid, value in attributes.items() if oid not in gone]
    written += extra_attributes
    if sorted_attributes:
        written.sort()
    signed = asn1.tlv(asn1.SET, *written)
    used = signature_hash or digest
    value = raw_signature(private, signed if signed_attributes else content, used, pss=pss)
    if corrupt_signature:
        value = value[:-1] + bytes([value[-1] ^ 1])
    algorithm = algorithm_identifier(private, used, pss=pss)
    if bare_rsa and isinstance(private, rsa.RSAPrivateKey):
        algorithm = asn1.sequence(asn1.oid("1.2.840.113549.1.1.1"), asn1.null())
    who = sid or tsa
    identifier = asn1.sequence(issuer_name(who), asn1.integer(who.serial))
    return asn1.sequence(
        asn1.integer(signer_version),
        asn1.implicit(0, key_identifier(tsa.key)) if key_identifier_sid else identifier,
        _hash(digest),
        *([b"\xa0" + signed[1:]] if signed_attributes else []),
        algorithm,
        asn1.octet_string(value),
        *([asn1.explicit(1, unsigned_attributes)] if unsigned_attributes else []),
    )


def signed_data(
    content: bytes,
    signers: Iterable[bytes],
    *,
    embed: Iterable[Issued | bytes] = (),
    sort_certificates: bool = False,
    version: int = 3,
    e_content_type: str = TST_INFO,
    crls: Iterable[bytes] = (),
    digest: str = "sha256",
) -> bytes:
    """ContentInfo around SignedData. `embed`: certificates or raw choices, in this order; `crls`: the crls field."""
    items = [item if isinstance(item, bytes) else item.der for item in embed]
    if sort_certificates:
        items.sort()
    revocation = list(crls)
    data = asn1.sequence(
        asn1.integer(version),
        asn1.set_of(_hash(digest)),
        asn1.sequence(asn1.oid(e_content_type), asn1.explicit(0, asn1.octet_string(content))),
        *([asn1.explicit(0, *items)] if items else []),
        *([asn1.explicit(1, *revocation)] if revocation else []),
        asn1.tlv(asn1.SET, *signers),
    )
    return asn1.sequence(asn1.oid(SIGNED_DATA), asn1.explicit(0, data))


def token(
    tsa: Issued,
    data: bytes,
    *,
    digest: str = "sha256",
    signers: Iterable[bytes] | None = None,
    embed: Iterable[Issued | bytes] | None = None,
    sort_certificates: bool = False,
    version: int = 3,
    e_content_type: str = TST_INFO,
    crls: Iterable[bytes] = (),
    **options: Any,
) -> bytes:
    """A timestamp token of `tsa` about `data` as DER; `options` are the keywords of `tst_info` and of `signer`.

    `embed`: by default the authority's chain without its root. `signers`: ready SignerInfos instead of one by `tsa`.
    """
    about = {name: options.pop(name) for name in tuple(options) if name in (tst_info.__kwdefaults__ or {})}
    content = tst_info(data, **about)
    return signed_data(
        content,
        (signer(tsa, content, digest=digest, **options),) if signers is None else signers,
        embed=(tsa.chain[:-1] if tsa.issuer else (tsa,)) if embed is None else embed,
        sort_certificates=sort_certificates,
        version=version,
        e_content_type=e_content_type,
        crls=crls,
        digest=digest,
    )


def response(token_der: bytes, *, status: int = 0) -> bytes:
    """A TimeStampResp around a token."""
    return asn1.sequence(asn1.sequence(asn1.integer(status)), token_der)


def attribute(oid: str, *values: bytes) -> bytes:
    """One CMS attribute."""
    return asn1.sequence(asn1.oid(oid), asn1.set_of(*values))


def issuer_name(certificate: Issued) -> bytes:
    """The raw issuer Name, as the certificate has it."""
    return certificate.x509.issuer.public_bytes() if certificate.issuer is None else certificate.issuer.subject


def _hash(name: str) -> bytes:
    return asn1.sequence(asn1.oid(HASHES[name]), asn1.null())


def _time(moment: datetime) -> bytes:
    moment = moment.astimezone(UTC)
    fraction = f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""
    return f"{moment.year:04d}{moment:%m%d%H%M%S}{fraction}Z".encode()


def _accuracy(parts: Accuracy) -> bytes:
    seconds, millis, micros = parts
    return asn1.sequence(
        *([] if seconds is None else [asn1.integer(seconds)]),
        *([] if millis is None else [asn1.implicit(0, asn1.integer(millis)[2:])]),
        *([] if micros is None else [asn1.implicit(1, asn1.integer(micros)[2:])]),
    )
