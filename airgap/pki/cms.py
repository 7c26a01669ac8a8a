"""CMS SignedData of timestamp tokens: facts from the bytes as received (RFC 5652; TS-15, TS-16).

Only the members that verification needs are read. CRLs and OCSP responses inside (D51; RFC 5940, RFC 5126) are evidence
like any other in a target: they are handed on as bytes. Sets may be unsorted, as real authorities write them; the
signed attributes are hashed as received.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from airgap import limits
from airgap.errors import FormatError, LimitError
from airgap.parse import der
from airgap.parse.der import Element, Fields
from airgap.pki.certificate import Certificate, Offered
from airgap.pki.digests import hash_identifier
from airgap.text import safe

SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
SIGNING_TIME: Final = "1.2.840.113549.1.9.5"

_REVOCATION_VALUES: Final = der.oid("1.2.840.113549.1.9.16.2.24")
_REVOCATION_ARCHIVAL: Final = der.oid("1.2.840.113583.1.1.8")
_BASIC_RESPONSE: Final = "1.3.6.1.5.5.7.48.1.1"
_VERSION: Final = 3
_WHERE: Final = "signedData"


def may_hold_evidence(token: bytes) -> bool:
    """Whether a token may hold CRLs or OCSP responses: whether it has a place for them, or cannot be read so far."""
    try:
        signed = _from_certificates(token)
        signed.maybe(der.context(0))
        return signed.maybe(der.context(1)) is not None or any(
            kind in token for kind in (_REVOCATION_VALUES, _REVOCATION_ARCHIVAL)
        )
    except (FormatError, IndexError):
        return True


def certificates_in(token: bytes) -> Iterator[bytes]:
    """The DER of what is in the place of certificates, whatever else is wrong with a token; none where it has none."""
    try:
        held = _from_certificates(token).maybe(der.context(0))
        yield from (item.raw for item in held.walk()) if held else ()
    except (FormatError, IndexError):
        return


def revocation_values_in(token: bytes) -> tuple[bytes, ...]:
    """The CRLs and OCSP responses in a token, not read, whatever else is wrong with it. Raises LimitError."""
    found: list[bytes] = []
    try:
        signed = _from_certificates(token)
        signed.maybe(der.context(0))
        found += _evidence(signed.maybe(der.context(1)))
        for signer in signed.take(der.SET, "signerInfos").children():
            for attributes in (item for item in signer.children() if item.tag in {der.context(0), der.context(1)}):
                found += _revocation_values(attributes)
    except (FormatError, IndexError):
        pass  # what comes before something malformed is kept
    return _bounded(tuple(found))


def _from_certificates(token: bytes) -> Fields:
    """The members of signed data from the certificates on. Raises FormatError, IndexError."""
    signed = der.read(token).children()[1].only().fields(_WHERE)
    for member in ("version", "digestAlgorithms", "encapContentInfo"):
        signed.any(member)
    return signed


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerInfo:
    """One SignerInfo."""

    version: int
    issuer: bytes | None = field(repr=False)
    """The raw issuer Name of its certificate; None if it has a key identifier instead."""
    serial: int | None
    digest_name: str
    """The hashlib name, or the dotted identifier of an unknown hash."""
    attributes: Mapping[str, Element] = field(repr=False)
    """The SET of values of each signed attribute."""
    signed: bytes | None = field(repr=False)
    """The signed bytes: the signed attributes as received, with the tag of a SET; None without attributes."""
    signature_algorithm: bytes = field(repr=False)
    """The raw DER AlgorithmIdentifier."""
    signature: bytes = field(repr=False)
    evidence: tuple[bytes, ...] = field(repr=False)
    """The CRLs and OCSP responses among its attributes, not read."""

    def attribute(self, oid: str, name: str) -> Element | None:
        """The single value of a signed attribute; None if it is absent. Raises FormatError."""
        values = self.attributes.get(oid)
        return values.only(f"signedAttrs.{name}") if values else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedData:
    """The content with its signers and certificates."""

    content_type: str
    content: bytes = field(repr=False)
    certificates: Offered = field(repr=False)
    evidence: tuple[bytes, ...] = field(repr=False)
    """The CRLs and OCSP responses in it, not read."""
    signers: tuple[SignerInfo, ...]

    @classmethod
    def parse(cls, element: Element) -> Self:
        """SignedData of version 3. Raises FormatError."""
        fields = element.fields(_WHERE)
        version = fields.any("version").integer(f"{_WHERE}.version")
        if version != _VERSION:  # TS-16: the version of tokens
            raise FormatError(f"is {version}, not {_VERSION}", where=f"{_WHERE}.version")
        for item in fields.take(der.SET, "digestAlgorithms").walk():
            hash_identifier(item, f"{_WHERE}.digestAlgorithms")  # those that count are in the signers
        content_type, content = _content(fields.any("encapContentInfo"))
        certificates = fields.maybe(der.context(0))
        crls = fields.maybe(der.context(1))
        signers = fields.take(der.SET, "signerInfos").children()
        fields.end()
        if len(signers) > limits.TOKEN_SIGNERS:
            raise LimitError(f"has {len(signers)} signers, more than {limits.TOKEN_SIGNERS}", where=_WHERE)
        parsed = tuple(map(_signer, signers))
        return cls(
            content_type=content_type,
            content=content,
            certificates=_certificates(certificates),
            evidence=_bounded((*_evidence(crls), *(piece for signer in parsed for piece in signer.evidence))),
            signers=parsed,
        )


def _content(element: Element) -> tuple[str, bytes]:
    where = f"{_WHERE}.encapContentInfo"
    fields = element.fields(where)
    content_type = fields.any("eContentType").oid(f"{where}.eContentType")
    explicit = fields.take(der.context(0), "eContent")
    fields.end()
    return content_type, explicit.only(f"{where}.eContent").octets(f"{where}.eContent")


def _certificates(element: Element | None) -> Offered:
    items = element.children() if element else ()
    where = f"{_WHERE}.certificates"
    if len(items) > limits.TOKEN_CERTIFICATES:
        raise LimitError(f"has {len(items)} certificates, more than {limits.TOKEN_CERTIFICATES}", where=where)
    if any(item.tag != der.SEQUENCE for item in items):
        raise FormatError("holds something that is no X.509 certificate", where=where)
    return Offered(tuple(_certificate(item, f"{where}[{number}]") for number, item in enumerate(items)))


def _bounded(evidence: tuple[bytes, ...]) -> tuple[bytes, ...]:
    if len(evidence) > limits.TOKEN_EVIDENCE:
        raise LimitError(f"has {len(evidence)} CRLs, more than {limits.TOKEN_EVIDENCE}", where=f"{_WHERE}.crls")
    return evidence


def _evidence(element: Element | None) -> tuple[bytes, ...]:
    """RevocationInfoChoices: CRLs, and under [1] anything else after an identifier, such as OCSP responses."""
    items = element.children() if element else ()
    other = der.context(1)  # an identifier, and what it says
    return tuple(item.children()[-1].raw if item.tag == other and item.children() else item.raw for item in items)


def _revocation_values(attributes: Element) -> tuple[bytes, ...]:
    """What attributes hold: revocation-values (RFC 5126, 6.3.4) and revocationInfoArchival (ISO 32000-2, 12.8.3.3.2).

    Both hold CRLs under [0] and OCSP responses under [1], the first without their outer part. What is unreadable in it
    is handed on as it is: its reader reports that.
    """
    found: list[bytes] = []
    for attribute in attributes.walk():
        try:
            for piece in _values(attribute):
                found.append(piece)  # noqa: PERF402 - what comes before something malformed is kept
        except (FormatError, ValueError, IndexError):
            found.append(attribute.raw)
    return tuple(found)


def _values(attribute: Element) -> Iterator[bytes]:
    """Those of one attribute. Raises FormatError, ValueError, IndexError where it is malformed."""
    oid, *values = attribute.children()
    if oid.raw not in {_REVOCATION_VALUES, _REVOCATION_ARCHIVAL}:
        return
    for kind in (kind for value in values[0].children() for kind in value.children()):
        is_basic = kind.tag == der.context(1) and oid.raw == _REVOCATION_VALUES
        for piece in kind.only().children():
            yield _whole_response(piece.raw) if is_basic else piece.raw


def _whole_response(basic: bytes) -> bytes:
    """An OCSPResponse around a BasicOCSPResponse (RFC 6960, 4.2.1)."""
    inner = der.sequence(der.oid(_BASIC_RESPONSE), der.octet_string(basic))
    return der.sequence(der.integer(0, tag=der.ENUMERATED), der.tlv(der.context(0), inner))


def _certificate(element: Element, where: str) -> Certificate:
    try:
        return Certificate.parse(element.raw)
    except FormatError as error:
        raise error.under(where) from None


def _signer(element: Element) -> SignerInfo:
    where = "signerInfo"
    fields = element.fields(where)
    version = fields.any("version").integer(f"{where}.version")
    issuer, serial = _signer_identifier(fields.any("sid"), f"{where}.sid")
    digest_name = hash_identifier(fields.any("digestAlgorithm"), f"{where}.digestAlgorithm")
    signed = fields.maybe(der.context(0))
    algorithm = fields.take(der.SEQUENCE, "signatureAlgorithm").raw
    signature = fields.any("signature").octets(f"{where}.signature")
    unsigned = fields.maybe(der.context(1))  # proves nothing but what is signed by itself
    fields.end()
    return SignerInfo(
        version=version,
        issuer=issuer,
        serial=serial,
        digest_name=digest_name,
        attributes=_attributes(signed) if signed else {},
        # RFC 5652, 5.4: hashed with the tag of a SET OF instead of [0]; all other bytes as received
        signed=bytes((der.SET,)) + signed.raw[1:] if signed else None,
        signature_algorithm=algorithm,
        signature=signature,
        evidence=tuple(
            piece for attributes in (signed, unsigned) if attributes for piece in _revocation_values(attributes)
        ),
    )


def _signer_identifier(element: Element, where: str) -> tuple[bytes | None, int | None]:
    if element.tag == der.context(0, constructed=False):
        return None, None
    fields = element.fields(where)
    issuer = fields.take(der.SEQUENCE, "issuer").raw
    serial = fields.any("serialNumber").integer(f"{where}.serialNumber")
    fields.end()
    return issuer, serial


def _attributes(element: Element) -> Mapping[str, Element]:
    found: dict[str, Element] = {}
    for item in element.walk():
        fields = item.fields("signedAttrs")
        oid = fields.any("attrType").oid("signedAttrs.attrType")
        values = fields.take(der.SET, "attrValues")
        fields.end()
        if oid in found:
            raise FormatError(f"has the attribute {safe(oid, limit=64)} twice", where="signedAttrs")
        found[oid] = values
    return found
