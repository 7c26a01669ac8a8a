"""X.509 extensions as values, written without asking whether they make sense."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from tests.support import asn1

BASIC_CONSTRAINTS: Final = "2.5.29.19"
KEY_USAGE: Final = "2.5.29.15"
EXTENDED_KEY_USAGE: Final = "2.5.29.37"
SUBJECT_KEY_IDENTIFIER: Final = "2.5.29.14"
AUTHORITY_KEY_IDENTIFIER: Final = "2.5.29.35"
DISTRIBUTION_POINTS: Final = "2.5.29.31"
FRESHEST_CRL: Final = "2.5.29.46"
NAME_CONSTRAINTS: Final = "2.5.29.30"
POLICIES: Final = "2.5.29.32"
AUTHORITY_INFORMATION: Final = "1.3.6.1.5.5.7.1.1"
OCSP_NOCHECK: Final = "1.3.6.1.5.5.7.48.1.5"

ANY_USAGE: Final = "2.5.29.37.0"
SERVER_AUTH: Final = "1.3.6.1.5.5.7.3.1"
CLIENT_AUTH: Final = "1.3.6.1.5.5.7.3.2"
CODE_SIGNING: Final = "1.3.6.1.5.5.7.3.3"
EMAIL_PROTECTION: Final = "1.3.6.1.5.5.7.3.4"
TIME_STAMPING: Final = "1.3.6.1.5.5.7.3.8"
OCSP_SIGNING: Final = "1.3.6.1.5.5.7.3.9"

KEY_USAGE_BITS: Final = (
    "digitalSignature",
    "contentCommitment",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
)
REASON_BITS: Final = (
    "unused",
    "keyCompromise",
    "cACompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "certificateHold",
    "privilegeWithdrawn",
    "aACompromise",
)


class Extension(NamedTuple):
    """Any extension: `value` is what is inside the OCTET STRING."""

    oid: str
    value: bytes
    critical: bool = False

    def der(self) -> bytes:
        flag = [asn1.boolean(True)] if self.critical else []
        return asn1.sequence(asn1.oid(self.oid), *flag, asn1.octet_string(self.value))


class BasicConstraints(NamedTuple):
    ca: bool = True
    path_length: int | None = None
    critical: bool = True

    def extension(self) -> Extension:
        parts = [asn1.boolean(True)] if self.ca else []
        parts += [] if self.path_length is None else [asn1.integer(self.path_length)]
        return Extension(BASIC_CONSTRAINTS, asn1.sequence(*parts), self.critical)


class KeyUsage(NamedTuple):
    bits: tuple[str, ...]
    critical: bool = True

    def extension(self) -> Extension:
        value = asn1.named_bits({KEY_USAGE_BITS.index(bit) for bit in self.bits})
        return Extension(KEY_USAGE, value, self.critical)


class ExtendedKeyUsage(NamedTuple):
    oids: tuple[str, ...]
    critical: bool = False

    def extension(self) -> Extension:
        return Extension(EXTENDED_KEY_USAGE, asn1.sequence(*map(asn1.oid, self.oids)), self.critical)


class Point(NamedTuple):
    """One distribution point: URIs, other GeneralNames (raw), reason names, a CRL issuer (raw Name).

    `relative_name`: one attribute (raw) of a nameRelativeToCRLIssuer, in place of the full name.
    """

    uris: tuple[str, ...] = ()
    names: tuple[bytes, ...] = ()
    reasons: tuple[str, ...] | None = None
    crl_issuer: bytes | None = None
    relative_name: bytes | None = None

    def der(self) -> bytes:
        parts = []
        if self.relative_name is not None:
            parts.append(asn1.explicit(0, asn1.tlv(0xA1, self.relative_name)))
        elif full_name := [*map(uri, self.uris), *self.names]:
            parts.append(asn1.explicit(0, asn1.explicit(0, *full_name)))
        if self.reasons is not None:
            bits = asn1.named_bits({REASON_BITS.index(reason) for reason in self.reasons})
            parts.append(asn1.implicit(1, bits[2:]))
        if self.crl_issuer is not None:
            parts.append(asn1.explicit(2, directory_name(self.crl_issuer)))
        return asn1.sequence(*parts)


def points(extension_oid: str, items: Iterable[Point]) -> Extension:
    """Distribution points or freshest CRL."""
    return Extension(extension_oid, asn1.sequence(*(item.der() for item in items)))


def uri(text: str) -> bytes:
    """A GeneralName."""
    return asn1.implicit(6, text.encode("utf-8"))


def directory_name(name: bytes) -> bytes:
    """A GeneralName; `name` is a raw Name, and the tag is explicit because Name is a CHOICE."""
    return asn1.explicit(4, name)


def ocsp_access(urls: Iterable[str]) -> Extension:
    """Authority information access with OCSP responders."""
    rows = (asn1.sequence(asn1.oid("1.3.6.1.5.5.7.48.1"), uri(url)) for url in urls)
    return Extension(AUTHORITY_INFORMATION, asn1.sequence(*rows))


def permitted_names(*general_names: bytes, critical: bool = True) -> Extension:
    """Name constraints that permit these GeneralNames."""
    trees = (asn1.sequence(item) for item in general_names)
    return Extension(NAME_CONSTRAINTS, asn1.sequence(asn1.explicit(0, *trees)), critical)


def policies(*oids: str, critical: bool = False) -> Extension:
    """Certificate policies without qualifiers."""
    return Extension(POLICIES, asn1.sequence(*(asn1.sequence(asn1.oid(item)) for item in oids)), critical)


UNKNOWN_CRITICAL: Final = Extension("1.3.6.1.4.1.55555.1", asn1.null(), critical=True)
"""An unknown critical extension."""
