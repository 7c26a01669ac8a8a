"""What a file is that should hold certificates and does not, for messages: nothing is ever used that is found here."""

from __future__ import annotations

import re
from typing import Final

from airgap.errors import FormatError
from airgap.parse import der
from airgap.text import safe

_TAKE_OUT: Final = "Take the key out, no trust store needs it. If it came on a medium, others may know it: replace it."
_EXPORT: Final = (
    "Export its certificates one by one: openssl pkcs7 -print_certs -in FILE (-inform DER for a binary file)."
)
_SIGNED: Final = "Take the certificate that was made for it, not the request."
_EVIDENCE: Final = "CRLs belong into crls/ of the trust directory, OCSP responses into ocsp/."
_NEED_CERTIFICATE: Final = (
    "Take the certificate of the CA (-----BEGIN CERTIFICATE-----); a bare key cannot stand in its place."
)
_UTF16: Final = "Save it as plain text (ASCII or UTF-8); PowerShell's '>' writes UTF-16."
_PEM_LINES: Final = "Put -----BEGIN CERTIFICATE----- before it and -----END CERTIFICATE----- behind it, each on a line."
_AGAIN: Final = "Get the certificate again, as PEM or DER."

_LABELS: Final = (
    (re.compile(r"PGP .*"), "an OpenPGP key or signature", _NEED_CERTIFICATE),
    (re.compile(r".*PRIVATE KEY"), "", _TAKE_OUT),
    (re.compile(r".*PUBLIC KEY"), "", _NEED_CERTIFICATE),
    (re.compile(r"PKCS ?#?7.*|CMS"), "PKCS#7 (.p7b)", _EXPORT),
    (re.compile(r"(NEW )?CERTIFICATE REQUEST"), "a request for a certificate (CSR)", _SIGNED),
    (re.compile(r"X509 CRL"), "a CRL", _EVIDENCE),
    (re.compile(r"TRUSTED CERTIFICATE"), "", "Write it as plain PEM: openssl x509 -in FILE."),
    (re.compile(r"ATTRIBUTE CERTIFICATE"), "", _AGAIN),
)
"""PEM labels, what they stand for (empty: the label says it), and the way out."""

_STARTS: Final = (
    (re.compile(rb"\s*\Z"), "empty", "The copy may have broken off: get the file again."),
    (re.compile(rb"\xff\xfe|\xfe\xff|\x00-\x00-|-\x00-\x00"), "text in UTF-16", _UTF16),
    (re.compile(rb"\s*(ssh-|ecdsa-sha2-|sk-ssh-|---- BEGIN SSH2)"), "an SSH key", _NEED_CERTIFICATE),
    (re.compile(rb"untrusted comment:"), "a minisign key or signature", _NEED_CERTIFICATE),
    (re.compile(rb"\s*<"), "a web page or XML", "The download gave a page instead of the file: get it again."),
    (re.compile(rb"\s*\{"), "JSON", _AGAIN),
    (re.compile(rb"Certificate:\s"), "the text that describes a certificate, without the certificate", _AGAIN),
    (re.compile(rb"PK\x03\x04|\x1f\x8b|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd"), "compressed", "Unpack it first."),
    (re.compile(rb"\xfe\xed\xfe\xed|\xce\xce\xce\xce"), "a Java key store", "Use keytool -exportcert."),
    (re.compile(rb"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"), "PKCS#7 (.p7b)", _EXPORT),
    (re.compile(rb"\s*MI[A-Za-z0-9+/=\s]+\Z"), "base64 without PEM lines", _PEM_LINES),
)  # fmt: skip
"""How files begin that are neither PEM nor DER."""

_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
_PKCS7_PREFIX: Final = "1.2.840.113549.1.7."
_PASSWORD_PREFIXES: Final = ("1.2.840.113549.1.5.", "1.2.840.113549.1.12.1.")


def label_problem(label: str, number: int) -> FormatError | None:
    """What a PEM block is by its label, where that is no certificate; None where the label says nothing of that."""
    for pattern, words, remedy in _LABELS:
        if pattern.fullmatch(label):
            shown = safe(label, limit=64)
            what = f"{words}, labelled {shown}" if words else f"labelled {shown}"
            return FormatError(f"is no certificate but {what}", where=f"PEM block {number}", remedy=remedy)
    return None


def file_problem(data: bytes) -> FormatError | None:
    """What a file without PEM blocks is, where it can be told that it is no certificate; None where it cannot."""
    for pattern, words, remedy in _STARTS:
        if pattern.match(data):
            return FormatError(f"is {words}", remedy=remedy)
    return der_problem(data)


def der_problem(data: bytes) -> FormatError | None:
    """What a DER structure is by its outline, where that is no certificate; None where it cannot be told."""
    try:
        tags = der.element_at(data, 0, len(data)).expect(der.SEQUENCE, "").children()
    except FormatError:
        return None
    words, remedy = _outline(tags)
    return FormatError(f"is no certificate but {words}", remedy=remedy) if words else None


def _outline(items: tuple[der.Element, ...]) -> tuple[str, str]:
    tags = [item.tag for item in items]
    first = _first(items[0]) if items else ()
    match tags[:3]:
        case [der.OID, *_] if _oid(items[0]).startswith(_PKCS7_PREFIX):
            return "PKCS#7 (.p7b)" if _oid(items[0]) == _SIGNED_DATA else "PKCS#7 without certificates", _EXPORT
        case [der.INTEGER, der.SEQUENCE, der.OCTET_STRING] | [der.INTEGER, der.INTEGER, der.INTEGER]:
            return "a private key", _TAKE_OUT
        case [der.INTEGER, der.OCTET_STRING, *_]:
            return "a private key", _TAKE_OUT
        case [der.INTEGER, der.SEQUENCE, *_] if _oid(*_first(items[1])[:1]).startswith(_PKCS7_PREFIX):
            return "PKCS#12 (.p12, .pfx)", "Export the CA's certificate alone: openssl pkcs12 -cacerts -nokeys."
        case [der.INTEGER, der.INTEGER]:
            return "a public key", _NEED_CERTIFICATE
        case [der.SEQUENCE, der.OCTET_STRING] if _oid(*first[:1]).startswith(_PASSWORD_PREFIXES):
            return "an encrypted private key", _TAKE_OUT
        case [der.SEQUENCE, der.BIT_STRING]:
            return "a public key", _NEED_CERTIFICATE
        case [der.ENUMERATED, *_]:
            return "an OCSP response", _EVIDENCE
        case [der.SEQUENCE, der.SEQUENCE, der.BIT_STRING]:
            return _signed([item.tag for item in first])
        case _:
            return "", ""


def _signed(tags: list[int]) -> tuple[str, str]:
    times = (der.UTC_TIME, der.GENERALIZED_TIME)
    plain = tags[1:] if tags[:1] == [der.INTEGER] else tags
    if plain[:2] == [der.SEQUENCE, der.SEQUENCE] and len(plain) > 2 and plain[2] in times:  # noqa: PLR2004
        return "a CRL", _EVIDENCE
    if tags[:3] == [der.INTEGER, der.SEQUENCE, der.SEQUENCE] and tags[3:] in ([], [der.context(0)]):
        return "a request for a certificate (CSR)", _SIGNED
    return "", ""


def _first(element: der.Element) -> tuple[der.Element, ...]:
    try:
        return element.children() if element.tag == der.SEQUENCE else ()
    except FormatError:
        return ()


def _oid(*elements: der.Element) -> str:
    try:
        return elements[0].oid() if elements and elements[0].tag == der.OID else ""
    except FormatError:
        return ""
