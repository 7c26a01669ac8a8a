"""CRLs, valid by default, one deviation per keyword; assembled as DER by hand, so that anything can be wrong.

crl(root)                                                  # nothing revoked
crl(root, revoked=[leaf, 0x1234, entry(7, reason="certificateHold")])
crl(root, revoked=[leaf], delta_base=1, number=2)          # a delta
crl(root, scope=scope(only_ca=True))                       # issuing distribution point
crl(root, signed_by=other.key)                             # wrong key
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from tests.support import asn1, extensions
from tests.support.extensions import Extension, Point
from tests.support.keyring import PrivateKey
from tests.support.pki import AT, Issued, algorithm_identifier, key_identifier, sign_der

CRL_NUMBER: Final = "2.5.29.20"
REASON_CODE: Final = "2.5.29.21"
INVALIDITY_DATE: Final = "2.5.29.24"
DELTA_INDICATOR: Final = "2.5.29.27"
ISSUING_POINT: Final = "2.5.29.28"
CERTIFICATE_ISSUER: Final = "2.5.29.29"

THIS_UPDATE: Final = AT - timedelta(days=1)
NEXT_UPDATE: Final = AT + timedelta(days=30)
REVOKED_AT: Final = AT - timedelta(days=60)

REASONS: Final = {
    "unspecified": 0,
    "keyCompromise": 1,
    "cACompromise": 2,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
    "certificateHold": 6,
    "removeFromCRL": 8,
    "privilegeWithdrawn": 9,
    "aACompromise": 10,
}


def crl(
    issuer: Issued,
    *,
    revoked: Iterable[Issued | int | bytes] = (),
    this_update: datetime = THIS_UPDATE,
    next_update: datetime | None = NEXT_UPDATE,
    number: int | None = 1,
    delta_base: int | None = None,
    scope: Extension | None = None,
    freshest: Iterable[str | Point] = (),
    freshest_critical: bool = False,
    extra: Iterable[Extension] = (),
    issuer_name: bytes | None = None,
    signed_by: PrivateKey | None = None,
    hash_name: str = "sha256",
    outer_hash_name: str | None = None,
    pss: bool = False,
    version: int | None = 2,
    entries: bytes | None = None,
    names_key: bool = True,
) -> bytes:
    """A CRL of `issuer` as DER.

    `revoked`: certificates, serial numbers or entries made by `entry`. `number`, `next_update`: None leaves them out.
    `delta_base`: makes it a delta CRL over that base number. `freshest`: URLs of delta CRLs. `issuer_name`: another
    raw Name. `signed_by`: another key. `outer_hash_name`: makes inner and outer algorithm differ. `version`: None
    leaves it out (v1, without extensions). `entries`: ready contents of revokedCertificates (see `many`).
    `names_key`: whether it has an authorityKeyIdentifier.
    """
    private = signed_by or issuer.key
    listed = b"".join(_entry(item) for item in revoked) if entries is None else entries
    members = [Extension(extensions.AUTHORITY_KEY_IDENTIFIER, _authority(issuer))] if names_key else []
    if number is not None:
        members.append(Extension(CRL_NUMBER, asn1.integer(number)))
    if delta_base is not None:
        members.append(Extension(DELTA_INDICATOR, asn1.integer(delta_base), critical=True))
    if scope is not None:
        members.append(scope)
    if points := [Point((item,)) if isinstance(item, str) else item for item in freshest]:
        members.append(extensions.points(extensions.FRESHEST_CRL, points)._replace(critical=freshest_critical))
    members += extra
    body = asn1.sequence(
        *([] if version is None else [asn1.integer(version - 1)]),
        algorithm_identifier(private, hash_name, pss=pss),
        issuer.subject if issuer_name is None else issuer_name,
        asn1.time(this_update),
        *([] if next_update is None else [asn1.time(next_update)]),
        *([asn1.sequence(listed)] if listed else []),
        *([asn1.explicit(0, asn1.sequence(*(item.der() for item in members)))] if version is not None else []),
    )
    return sign_der(body, private, hash_name, pss=pss, outer=outer_hash_name)


def entry(
    serial: int,
    *,
    reason: str | int | None = None,
    at: datetime = REVOKED_AT,
    invalidity: datetime | None = None,
    certificate_issuer: bytes | None = None,
    extra: Iterable[Extension] = (),
) -> bytes:
    """One entry of a CRL. `reason`: a name of RFC 5280 or a number; `certificate_issuer`: a raw Name."""
    members = []
    if reason is not None:
        code = REASONS[reason] if isinstance(reason, str) else reason
        members.append(Extension(REASON_CODE, asn1.tlv(0x0A, asn1.integer(code)[2:])))
    if invalidity is not None:
        members.append(Extension(INVALIDITY_DATE, asn1.generalized_time(invalidity)))
    if certificate_issuer is not None:
        value = asn1.sequence(extensions.directory_name(certificate_issuer))
        members.append(Extension(CERTIFICATE_ISSUER, value, critical=True))
    members += extra
    tail = [asn1.sequence(*(item.der() for item in members))] if members else []
    return asn1.sequence(asn1.integer(serial), asn1.time(at), *tail)


def many(count: int, *, first: int = 1 << 126, reason: str = "keyCompromise", at: datetime = REVOKED_AT) -> bytes:
    """Contents of revokedCertificates with serials `first`, `first + 1`, ... of 16 octets; a million take a second."""
    model = entry(first, reason=reason, at=at)
    head, tail = model[:4], model[20:]
    return b"".join([head + serial.to_bytes(16, "big") + tail for serial in range(first, first + count)])


def scope(
    *,
    uris: Iterable[str] = (),
    names: Iterable[bytes] = (),
    relative_name: bytes | None = None,
    only_user: bool = False,
    only_ca: bool = False,
    only_attribute: bool = False,
    indirect: bool = False,
    reasons: tuple[str, ...] | None = None,
    critical: bool = True,
) -> Extension:
    """An issuing distribution point (RFC 5280 5.2.5). `names`: raw GeneralNames beside the URIs."""
    parts = []
    full_name = [*map(extensions.uri, uris), *names]
    if relative_name is not None:
        parts.append(asn1.explicit(0, asn1.tlv(0xA1, relative_name)))
    elif full_name:
        parts.append(asn1.explicit(0, asn1.explicit(0, *full_name)))
    flags = {1: only_user, 2: only_ca, 4: indirect, 5: only_attribute}
    bits = None
    if reasons is not None:
        bits = asn1.named_bits({extensions.REASON_BITS.index(reason) for reason in reasons})[2:]
    for tag in (1, 2, 3, 4, 5):
        if flags.get(tag):
            parts.append(asn1.implicit(tag, b"\xff"))
        if tag == 3 and bits is not None:
            parts.append(asn1.implicit(3, bits))
    return Extension(ISSUING_POINT, asn1.sequence(*parts), critical)


def pem(der: bytes) -> bytes:
    """The CRL as PEM."""
    lines = base64.encodebytes(der).replace(b"\n", b"")
    body = b"".join(lines[at : at + 64] + b"\n" for at in range(0, len(lines), 64))
    return b"-----BEGIN X509 CRL-----\n" + body + b"-----END X509 CRL-----\n"


def _entry(item: Issued | int | bytes) -> bytes:
    if isinstance(item, bytes):
        return item
    return entry(item if isinstance(item, int) else item.serial)


def _authority(issuer: Issued) -> bytes:
    return asn1.sequence(asn1.implicit(0, key_identifier(issuer.key)))
