"""The known certificate extensions, parsed from DER (RFC 5280, 4.2).

The form of extensions that are not used is checked, too, because the reference refuses a certificate with any malformed
known extension (CHAIN-20). Unknown extensions are kept unparsed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Final, NamedTuple

from airgap.errors import FormatError
from airgap.parse import der
from airgap.pki.uris import is_domain, is_well_formed

SUBJECT_KEY_IDENTIFIER: Final = "2.5.29.14"
KEY_USAGE: Final = "2.5.29.15"
SUBJECT_ALTERNATIVE_NAME: Final = "2.5.29.17"
ISSUER_ALTERNATIVE_NAME: Final = "2.5.29.18"
BASIC_CONSTRAINTS: Final = "2.5.29.19"
NAME_CONSTRAINTS: Final = "2.5.29.30"
CRL_DISTRIBUTION_POINTS: Final = "2.5.29.31"
CERTIFICATE_POLICIES: Final = "2.5.29.32"
POLICY_MAPPINGS: Final = "2.5.29.33"
AUTHORITY_KEY_IDENTIFIER: Final = "2.5.29.35"
POLICY_CONSTRAINTS: Final = "2.5.29.36"
EXTENDED_KEY_USAGE: Final = "2.5.29.37"
FRESHEST_CRL: Final = "2.5.29.46"
INHIBIT_ANY_POLICY: Final = "2.5.29.54"
AUTHORITY_INFORMATION_ACCESS: Final = "1.3.6.1.5.5.7.1.1"

_OCSP_ACCESS: Final = "1.3.6.1.5.5.7.48.1"

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
"""RFC 5280, 4.2.1.3, by bit number."""

REASON_FLAGS: Final = (
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
"""RFC 5280, 4.2.1.13, by bit number."""


class Extension(NamedTuple):
    """One unparsed extension: `value` is the content of its OCTET STRING."""

    oid: str
    critical: bool
    value: bytes


class BasicConstraints(NamedTuple):
    """RFC 5280, 4.2.1.9. A `path_length` of None means no limit."""

    ca: bool
    path_length: int | None
    critical: bool


class KeyUsage(NamedTuple):
    """RFC 5280, 4.2.1.3: the names of the bits that are set."""

    bits: frozenset[str]
    critical: bool


class ExtendedKeyUsage(NamedTuple):
    """RFC 5280, 4.2.1.12: dotted object identifiers, in their order."""

    oids: tuple[str, ...]
    critical: bool


class PointName(NamedTuple):
    """A DistributionPointName (RFC 5280, 4.2.1.13)."""

    names: tuple[bytes, ...]
    """fullName: each GeneralName as raw DER."""
    uris: tuple[str, ...]
    """Those of the names that are URIs."""
    relative: bytes | None
    """nameRelativeToCRLIssuer: its raw DER, tag [1]."""


class DistributionPoint(NamedTuple):
    """One DistributionPoint (RFC 5280, 4.2.1.13)."""

    names: tuple[bytes, ...] = ()
    uris: tuple[str, ...] = ()
    relative: bytes | None = None
    reasons: frozenset[str] | None = None
    """The reasons that its CRL covers; None means all."""
    crl_issuer: bool = False
    """Whether it names another CRL issuer (an indirect CRL)."""
    crl_issuers: tuple[bytes, ...] = ()
    """The raw Names of that, as far as they can be read."""


def read_extensions(element: der.Element) -> Mapping[str, Extension]:
    """The extensions by identifier; a second one with the same identifier is refused (RFC 5280, 4.2; CHAIN-20)."""
    found: dict[str, Extension] = {}
    for item in element.expect(der.SEQUENCE, "extensions").walk():
        fields = item.fields("extensions")
        oid = fields.any("extnID").oid("extensions")
        # an encoded FALSE is not DER, but it is common and all readers agree on it
        flag = fields.maybe(der.BOOLEAN)
        value = fields.any("extnValue").octets(f"extensions[{oid}]")
        fields.end()
        if oid in found:
            raise FormatError("appears twice", where=f"extensions[{oid}]")
        found[oid] = Extension(oid, flag is not None and flag.boolean(f"extensions[{oid}]"), value)
    for extension in found.values():
        _check_form(extension)
    return MappingProxyType(found)


def basic_constraints(extensions: Mapping[str, Extension]) -> BasicConstraints | None:
    """The basic constraints, if any."""
    if not (extension := extensions.get(BASIC_CONSTRAINTS)):
        return None
    fields = der.read(extension.value, "basicConstraints").fields("basicConstraints")
    flag = fields.maybe(der.BOOLEAN)
    length = fields.maybe(der.INTEGER)
    fields.end()
    path_length = length.integer("basicConstraints.pathLenConstraint") if length else None
    _not_negative(path_length or 0, "basicConstraints.pathLenConstraint")
    return BasicConstraints(flag is not None and flag.boolean("basicConstraints.cA"), path_length, extension.critical)


def key_usage(extensions: Mapping[str, Extension]) -> KeyUsage | None:
    """The key usage, if any; bits that RFC 5280 does not name are left out."""
    if not (extension := extensions.get(KEY_USAGE)):
        return None
    flags = der.read(extension.value, "keyUsage").flags("keyUsage")
    return KeyUsage(_names(flags, KEY_USAGE_BITS), extension.critical)


def extended_key_usage(extensions: Mapping[str, Extension]) -> ExtendedKeyUsage | None:
    """The extended key usage, if any."""
    if not (extension := extensions.get(EXTENDED_KEY_USAGE)):
        return None
    element = der.read(extension.value, "extKeyUsage").expect(der.SEQUENCE, "extKeyUsage")
    oids = tuple(item.oid("extKeyUsage") for item in element.walk())
    if not oids:
        raise FormatError("is empty", where="extKeyUsage")
    return ExtendedKeyUsage(oids, extension.critical)


def ocsp_urls(extensions: Mapping[str, Extension]) -> tuple[str, ...]:
    """The URLs of OCSP responders in the authority information access."""
    if not (extension := extensions.get(AUTHORITY_INFORMATION_ACCESS)):
        return ()
    urls: list[str] = []
    for item in der.read(extension.value, "authorityInfoAccess").expect(der.SEQUENCE, "authorityInfoAccess").walk():
        fields = item.fields("authorityInfoAccess")
        method = fields.any("accessMethod").oid("authorityInfoAccess.accessMethod")
        location = fields.any("accessLocation")
        fields.end()
        if method == _OCSP_ACCESS and location.tag == _URI:
            urls.append(_url(location))
    return tuple(urls)


def distribution_points(extensions: Mapping[str, Extension], oid: str) -> tuple[DistributionPoint, ...]:
    """The points of `cRLDistributionPoints` or `freshestCRL`."""
    extension = extensions.get(oid)
    return read_distribution_points(extension.value) if extension else ()


def read_distribution_points(value: bytes) -> tuple[DistributionPoint, ...]:
    """CRLDistributionPoints (RFC 5280, 4.2.1.13) as points in their order. Raises FormatError."""
    where = "cRLDistributionPoints"
    return tuple(_point(item, where) for item in der.read(value, where).expect(der.SEQUENCE, where).walk())


def authority_key(extensions: Mapping[str, Extension]) -> bytes | None:
    """The keyIdentifier of an authorityKeyIdentifier (RFC 5280, 4.2.1.1), if any."""
    extension = extensions.get(AUTHORITY_KEY_IDENTIFIER)
    return read_authority_key(extension.value) if extension else None


def read_authority_key(value: bytes) -> bytes | None:
    """The keyIdentifier in the value of an authorityKeyIdentifier, if any. Raises FormatError."""
    fields = der.read(value, "authorityKeyIdentifier").fields("authorityKeyIdentifier")
    identifier = fields.maybe(der.context(0, constructed=False))
    return identifier.value if identifier else None


def read_point_name(element: der.Element, where: str) -> PointName:
    """A DistributionPointName: the CHOICE itself, without the explicit tag around it."""
    if element.tag == der.context(1):
        return PointName((), (), element.raw)
    items = element.expect(der.context(0), where).children()
    if not items:
        raise FormatError("has a fullName without names", where=where)
    for item in items:
        if item.tag != _URI:
            _check_general_name(item, where)
    uris = tuple(_url(item) for item in items if item.tag == _URI)
    return PointName(tuple(item.raw for item in items), uris, None)


def read_reasons(element: der.Element, where: str) -> frozenset[str]:
    """ReasonFlags after an implicit primitive tag, as names."""
    return _names(element.flags(where, tag=element.tag), REASON_FLAGS)


_EMAIL, _DNS, _DIRECTORY, _URI, _ADDRESS = 0x81, 0x82, 0xA4, 0x86, 0x87
_GENERAL_NAMES = frozenset({0xA0, _EMAIL, _DNS, 0xA3, _DIRECTORY, 0xA5, _URI, _ADDRESS, 0x88})
_ADDRESS_BYTES = (4, 16)
_NOT_ASCII = 0x80


def _point(element: der.Element, where: str) -> DistributionPoint:
    fields = element.fields(where)
    name = fields.maybe(der.context(0))
    reasons = fields.maybe(der.context(1, constructed=False))
    issuer = fields.maybe(der.context(2))
    fields.end()
    if not (name or issuer):
        raise FormatError("has a point with neither a name nor an issuer", where=where)
    parsed = read_point_name(name.only(where), where) if name else PointName((), (), None)
    return DistributionPoint(
        names=parsed.names,
        uris=parsed.uris,
        relative=parsed.relative,
        reasons=read_reasons(reasons, where) if reasons else None,
        crl_issuer=issuer is not None,
        crl_issuers=tuple(_directory_names(issuer)) if issuer else (),
    )


def _directory_names(names: der.Element) -> Iterator[bytes]:
    """The raw Names among GeneralNames; the reference does not read them, so that a malformed one is no error."""
    with suppress(FormatError):
        for item in names.children():
            if item.tag == _DIRECTORY:
                yield item.only("cRLIssuer").raw


def _names(flags: frozenset[int], names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(names[flag] for flag in flags if flag < len(names))


def _url(element: der.Element) -> str:
    """A URI in the form to request. Some authorities write umlauts in it, and the reference accepts these.

    Bytes that are not ASCII are escaped, as browsers and Go do (RFC 3987, 3.1).
    """
    return "".join(chr(byte) if byte < _NOT_ASCII else f"%{byte:02X}" for byte in element.value)


def _ascii(element: der.Element, where: str) -> str:
    try:
        return element.value.decode("ascii")
    except UnicodeDecodeError:
        raise FormatError("is not ASCII", where=where) from None


def _check_general_name(element: der.Element, where: str, *, address_bytes: tuple[int, ...] = _ADDRESS_BYTES) -> None:
    if element.tag not in _GENERAL_NAMES:
        raise FormatError(f"has {der.tag_name(element.tag)} as a name", where=where)
    if element.tag in (_EMAIL, _DNS, _URI):
        _ascii(element, where)
    if element.tag == _ADDRESS and len(element.value) not in address_bytes:
        raise FormatError(f"has an address of {len(element.value)} bytes", where=where)


# Extensions whose content is not used: only their form is checked


def _check_form(extension: Extension) -> None:
    if extension.critical and extension.oid in _NEVER_CRITICAL:
        # RFC 5280, 4.2.1.1, 4.2.1.2 and 4.2.2.1; the reference refuses to parse these (CHAIN-16)
        raise FormatError("is marked critical, which it must never be", where=_NEVER_CRITICAL[extension.oid])
    if check := _FORMS.get(extension.oid):
        check(extension.value)


def _subject_key_identifier(value: bytes) -> None:
    der.read(value, "subjectKeyIdentifier").octets("subjectKeyIdentifier")


def _authority_key_identifier(value: bytes) -> None:
    fields = der.read(value, "authorityKeyIdentifier").fields("authorityKeyIdentifier")
    fields.maybe(der.context(0, constructed=False))
    fields.maybe(der.context(1))
    fields.maybe(der.context(2, constructed=False))
    fields.end()


def _alternative_name(value: bytes) -> None:
    for item in der.read(value, "alternativeName").expect(der.SEQUENCE, "alternativeName").walk():
        _check_general_name(item, "alternativeName")


def _subject_alternative_name(value: bytes) -> None:
    _alternative_name(value)
    for item in der.read(value).children():
        if item.tag == _URI and not is_well_formed(_ascii(item, "alternativeName")):
            raise FormatError("has a URI that is not well formed", where="alternativeName")


def _name_constraints(value: bytes) -> None:
    fields = der.read(value, "nameConstraints").fields("nameConstraints")
    lists = [item for tag in (0, 1) if (item := fields.maybe(der.context(tag)))]
    fields.end()
    # RFC 5280, 4.2.1.10: at least one of the two, each with at least one subtree
    if not lists or not all(item.children() for item in lists):
        raise FormatError("is empty", where="nameConstraints")
    for subtree in (subtree for item in lists for subtree in item.walk()):
        base = subtree.fields("nameConstraints").any("base")
        _check_general_name(base, "nameConstraints", address_bytes=(8, 32))
        if base.tag == _ADDRESS:
            _check_mask(base.value)
        elif base.tag in (_DNS, _URI) and not is_domain(_ascii(base, "nameConstraints").removeprefix(".") or "any"):
            raise FormatError("has a name that is no domain", where="nameConstraints")


def _check_mask(value: bytes) -> None:
    """RFC 5280, 4.2.1.10: an address and a mask in the style of CIDR, ones and then zeros."""
    mask = int.from_bytes(value[len(value) // 2 :], "big")
    holes = mask ^ ((1 << (len(value) * 4)) - 1)
    if holes & (holes + 1):
        raise FormatError("has an address mask with holes", where="nameConstraints")


def _certificate_policies(value: bytes) -> None:
    for item in der.read(value, "certificatePolicies").expect(der.SEQUENCE, "certificatePolicies").walk():
        item.fields("certificatePolicies").any("policyIdentifier").oid("certificatePolicies")


def _policy_mappings(value: bytes) -> None:
    for item in der.read(value, "policyMappings").expect(der.SEQUENCE, "policyMappings").walk():
        fields = item.fields("policyMappings")
        fields.any("issuerDomainPolicy").oid("policyMappings")
        fields.any("subjectDomainPolicy").oid("policyMappings")
        fields.end()


def _policy_constraints(value: bytes) -> None:
    fields = der.read(value, "policyConstraints").fields("policyConstraints")
    for tag in (der.context(0, constructed=False), der.context(1, constructed=False)):
        if skip := fields.maybe(tag):
            _not_negative(skip.integer("policyConstraints", tag=tag), "policyConstraints")
    fields.end()


def _inhibit_any_policy(value: bytes) -> None:
    _not_negative(der.read(value, "inhibitAnyPolicy").integer("inhibitAnyPolicy"), "inhibitAnyPolicy")


def _not_negative(number: int, where: str) -> None:
    if number < 0:
        raise FormatError("is negative", where=where)


_NEVER_CRITICAL: Final = {
    SUBJECT_KEY_IDENTIFIER: "subjectKeyIdentifier",
    AUTHORITY_KEY_IDENTIFIER: "authorityKeyIdentifier",
    AUTHORITY_INFORMATION_ACCESS: "authorityInfoAccess",
}
_FORMS: Final[Mapping[str, Callable[[bytes], None]]] = {
    SUBJECT_KEY_IDENTIFIER: _subject_key_identifier,
    AUTHORITY_KEY_IDENTIFIER: _authority_key_identifier,
    SUBJECT_ALTERNATIVE_NAME: _subject_alternative_name,
    ISSUER_ALTERNATIVE_NAME: _alternative_name,
    NAME_CONSTRAINTS: _name_constraints,
    CERTIFICATE_POLICIES: _certificate_policies,
    POLICY_MAPPINGS: _policy_mappings,
    POLICY_CONSTRAINTS: _policy_constraints,
    INHIBIT_ANY_POLICY: _inhibit_any_policy,
}
