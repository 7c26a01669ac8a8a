"""Explains a wrong file among certificates, CRLs and OCSP responses: what it is instead, and the remedy."""

from __future__ import annotations

import codecs
import re
from enum import StrEnum
from typing import Final

from airgap.errors import FormatError, LimitError
from airgap.parse import der
from airgap.pki.file_kinds import OCSP_BEGUN, Kind, RecognisedFile, label_kind, of_der, recognise
from airgap.text import safe


class NeededFile(StrEnum):
    """The kind of file that is needed at a place."""

    CERTIFICATE = "certificate"
    CRL = "CRL"
    OCSP = "OCSP response"


def remedy_for(kind: Kind, wanted: NeededFile) -> str:
    """The remedy for a file of this kind where another one is needed."""
    if wanted is NeededFile.CERTIFICATE:
        return _FOR_STORES.get(kind) or _ALWAYS[kind].format(what=wanted.value)
    special = _FOR_CRLS if wanted is NeededFile.CRL else {}
    found = special.get(kind) or _FOR_EVIDENCE.get(kind) or _ALWAYS[kind]
    return found.format(what=wanted.value, ending=_ENDINGS[wanted])


def remedy_for_copy(data: bytes) -> str:
    """The remedy for a detached signature file with other content; "" if the content is not recognised."""
    if data.startswith(b"\xef\xbb\xbf{"):
        return "Save it as UTF-8 without a byte order mark."
    found = recognise(data)
    if found is None or found.kind not in _CHANGED_ON_THE_WAY:
        return ""
    return _ALWAYS[found.kind].format(what="signature")


def needed_in(folder: str, name: str) -> NeededFile:
    """The kind of evidence that a file should be, by its folder, else by its name."""
    in_ocsp = folder == "ocsp" if folder in {"crls", "ocsp"} else name.lower().endswith(".ors")
    return NeededFile.OCSP if in_ocsp else NeededFile.CRL


def may_hide_evidence(data: bytes) -> bool:
    """Whether it may contain evidence that is damaged, or that must first be unpacked, decoded or downloaded.

    False for keys, certificates, requests and sidecars, for documents and pictures, and for text without a PEM line and
    without possible DER in base64 or hex.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _may_hide_in_utf16(data)
    found = recognise(data)
    if found is not None and found.kind is Kind.DOCUMENT:
        return False
    if found is not None and (found.kind in _HIDING or found.kind in _NO_EVIDENCE):
        return found.kind in _HIDING or not _is_alone(found.kind, data)
    return (_NO_TEXT.search(data) or _ENCODED.search(data)) is not None


def may_be_packed(data: bytes) -> bool:
    """The same for a file that is called as certificates are: not if it is empty, or holds one in another form."""
    found = recognise(data)
    is_other = found is not None and (found.kind is Kind.EMPTY or found.inner in _NO_EVIDENCE)
    return not is_other and may_hide_evidence(data)


def _may_hide_in_utf16(data: bytes) -> bool:
    try:
        return may_hide_evidence(data.decode("utf-16").lstrip("\ufeff").encode())
    except ValueError:
        return True


def is_no_evidence(data: bytes) -> bool:
    """Whether it is nothing but keys, certificates and requests, which are often put beside evidence (`ca.pem`)."""
    found = recognise(data)
    return found is not None and found.kind in _NO_EVIDENCE and _is_alone(found.kind, data)


def may_hide_certificates(data: bytes, *, expected: bool) -> bool:
    """Whether a file that cannot be read as certificates may hold some; `expected`: whether it is named so."""
    found = recognise(data)
    if found is not None and found.kind in _BESIDE_CERTIFICATES:
        return b"CERTIFICATE-----" in data
    return expected or (found is not None and found.kind is Kind.CERTIFICATE) or may_hide_evidence(data)


def is_about_file(data: bytes) -> bool:
    """Whether it is nothing but what is written beside a file about it (`root.crl.sha256`, `._root.crl`)."""
    found = recognise(data)
    return found is not None and (
        found.kind is Kind.DOCUMENT or (found.kind is Kind.SIDECAR and _is_alone(found.kind, data))
    )


def may_hide_more(data: bytes) -> bool:
    """Whether text between the CRLs of one file may hide evidence: `openssl crl -text` writes a description there."""
    found = recognise(data)
    if found is None or found.kind is not Kind.LISTING:
        return may_hide_evidence(data)
    return b"-----" in data or _NO_TEXT.search(data) is not None


def _is_alone(kind: Kind, data: bytes) -> bool:
    """Whether only keys, certificates, requests and sidecars follow the first one, which is of this kind."""
    labels = [label_kind(label.decode("latin-1")) for label in _BEGIN.findall(data)]
    if labels:
        known = all(found is not None and found.kind in _NO_EVIDENCE for found in labels)
        return known and _NO_TEXT.search(data) is None
    if kind is Kind.SIDECAR:
        return (_NO_TEXT.search(data) or _ENCODED.search(data)) is None
    return not _behind(data)


def _behind(data: bytes) -> bytes:
    """The bytes after the DER structure at the start of a file; empty if there is none."""
    try:
        return data[der.element_at(data, 0, len(data)).expect(der.SEQUENCE, "").end :]
    except FormatError:
        return b""


def problem_of_evidence(
    data: bytes, wanted: NeededFile, error: FormatError | None, *, names_issuer: bool = False
) -> FormatError:
    """The problem of a file that cannot be read as the `wanted` kind of evidence; reading it raised `error`.

    `names_issuer`: whether the issuer of a CRL can be read in it.
    """
    found, why = recognise(data), f": {error}" if error else ""
    if found is None and names_issuer:
        found = RecognisedFile(Kind.CRL, "a CRL")
    if found is None and OCSP_BEGUN.match(data):
        found = RecognisedFile(Kind.OCSP_RESPONSE, "an OCSP response")
    if found is None:
        return FormatError(f"it is neither a CRL nor an OCSP response{why}")
    if found.kind in {Kind.CRL, Kind.OCSP_RESPONSE} and _JOINED.match(_behind(data)):
        return FormatError(f"it is {found.words} with another file as trailing data{why}", remedy=_ONE_EACH)
    if found.kind in {Kind.CRL, Kind.OCSP_RESPONSE} and isinstance(error, LimitError):
        return FormatError(f"it is {found.words}, and larger than what is read{why}")
    if found.kind in {Kind.CRL, Kind.OCSP_RESPONSE}:
        return FormatError(f"it is {found.words}, cut short or damaged{why}", remedy=remedy_for(found.kind, wanted))
    contrast = f", not {_ARTICLES[wanted]} {wanted}" if found.kind in _OTHERS else ""
    return FormatError(f"it is {found.words}{contrast}", remedy=remedy_for(found.kind, wanted))


def problem_of_download(data: bytes, wanted: NeededFile, error: FormatError) -> str:
    """The problem of an answer of a server that is no evidence."""
    found = recognise(data)
    hint = "; is a proxy or a login in between?" if found and found.kind is Kind.PAGE else ""
    return f"{problem_of_evidence(data, wanted, error)}{hint}"


def label_problem(label: str, number: int) -> FormatError | None:
    """The problem of a PEM block whose label is not that of a certificate; None if the label does not tell."""
    found = label_kind(label)
    return _other_block(found, number) if found and found.kind is not Kind.CERTIFICATE else None


def unknown_label_problem(label: str, number: int) -> FormatError | None:
    """The problem of a PEM block with a label that is not known; None if there is none, or that of a certificate."""
    if not label or label_kind(label) is not None:
        return None
    return _other_block(RecognisedFile(Kind.OTHER_LABEL, f"a PEM block labelled {safe(label, limit=64)}"), number)


def _other_block(found: RecognisedFile, number: int) -> FormatError:
    remedy = remedy_for(found.kind, NeededFile.CERTIFICATE)
    return FormatError(f"is no certificate but {found.words}", where=f"PEM block {number}", remedy=remedy)


def file_problem(data: bytes) -> FormatError | None:
    """The problem of a file of a store that is neither PEM nor DER certificates; None if it is not recognised."""
    found = recognise(data)
    if found and found.kind is Kind.CERTIFICATE and data[:1] != _DER:
        problem = (
            "holds PEM whose -----BEGIN CERTIFICATE----- and -----END CERTIFICATE----- are not on lines of their own"
        )
        return FormatError(problem, remedy=remedy_for(Kind.ONE_LINE, NeededFile.CERTIFICATE))
    if found is None or found.kind is Kind.CERTIFICATE:
        return None
    contrast = "no certificate but " if _begins_as_der(data) else ""
    kind = found.kind
    if kind in {Kind.BARE_BASE64, Kind.HEX} and found.inner is not Kind.CERTIFICATE:
        kind = found.inner or Kind.LISTING
    return FormatError(f"is {contrast}{found.words}", remedy=remedy_for(kind, NeededFile.CERTIFICATE))


def damage_problem(data: bytes, error: FormatError) -> FormatError | None:
    """The problem of a file that begins like a DER certificate; None if it does not."""
    if not _begins_as_der(data):
        return None
    problem = f"is cut short, damaged, or has trailing data ({error})"
    return FormatError(problem, remedy=remedy_for(Kind.OPEN_PEM, NeededFile.CERTIFICATE))


def _begins_as_der(data: bytes) -> bool:
    """Whether it begins with a SEQUENCE as long as a certificate: the digit 0 of a text is the same byte."""
    return data[:1] == _DER and not data[1:2].isascii()


def der_problem(data: bytes) -> FormatError | None:
    """The problem of a DER structure that is no certificate by its outline; None if it is not recognised."""
    found = of_der(data)
    if found is None or found.kind is Kind.CERTIFICATE:
        return None
    return FormatError(f"is no certificate but {found.words}", remedy=remedy_for(found.kind, NeededFile.CERTIFICATE))


_ENDINGS: Final = {NeededFile.CRL: "crl", NeededFile.OCSP: "ors"}
_HIDING: Final = {
    Kind.PACKED, Kind.WIDE_TEXT, Kind.WITH_HEADERS, Kind.BARE_BASE64, Kind.HEX, Kind.TWICE, Kind.ONE_LINE,
    Kind.ESCAPED, Kind.OTHER_DASHES, Kind.OPEN_PEM, Kind.ARMOURED, Kind.LISTING, Kind.POINTER,
}  # fmt: skip
_NO_EVIDENCE: Final = {
    Kind.CERTIFICATE, Kind.REQUEST, Kind.PRIVATE_KEY, Kind.PUBLIC_KEY, Kind.OCSP_REQUEST, Kind.SIDECAR,
}  # fmt: skip
_BESIDE_CERTIFICATES: Final = {Kind.REQUEST, Kind.PRIVATE_KEY, Kind.PUBLIC_KEY, Kind.SIDECAR, Kind.DOCUMENT}
_BEGIN: Final = re.compile(rb"-----BEGIN ([^\r\n-]{1,64})-----")
_JOINED: Final = re.compile(rb"\s*(\x30[\x80-\x84]|-----BEGIN )")
_NO_TEXT: Final = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]|\A\x30[\x80-\x84]")
"""Characters that no text has in any encoding, but DER has in its first bytes; and its first two."""
_ENCODED: Final = re.compile(
    rb"-----(?:BEGIN|END) |LS0tLS1CRUdJTi|MI[GHIM][A-Za-z0-9+/_-]{24}"
    rb"|(?<![0-9A-Fa-f])30[\s:]*8[1-3](?:[\s:]*[0-9A-Fa-f]{2}){12}"
    rb"|^(?![0-9A-Fa-f]+\r?$)[A-Za-z0-9+/]{64}(?:[A-Za-z0-9+/]{12})?\r?$",
    re.MULTILINE,
)
"""A PEM line, plain and in base64 (Kubernetes); the start of a SEQUENCE of more than 127 bytes in base64 and in hex
(LDIF, mail, JSON, a line of xxd or hexdump); and a line of base64 as PEM and MIME break it."""

_CHANGED_ON_THE_WAY: Final = {
    Kind.EMPTY, Kind.PAGE, Kind.PACKED, Kind.WIDE_TEXT, Kind.WITH_HEADERS, Kind.POINTER, Kind.ADDRESS,
}  # fmt: skip
_OTHERS: Final = {
    Kind.PAGE, Kind.JSON, Kind.DOCUMENT, Kind.SIDECAR, Kind.CERTIFICATE, Kind.ATTRIBUTE_CERTIFICATE,
    Kind.TRUSTED_CERTIFICATE, Kind.REQUEST, Kind.PRIVATE_KEY, Kind.PUBLIC_KEY, Kind.PKCS7, Kind.PKCS12,
    Kind.KEY_STORE, Kind.CRL, Kind.OCSP_RESPONSE, Kind.OCSP_REQUEST, Kind.OTHER_LABEL,
}  # fmt: skip
"""Kinds that are certainly not evidence: the message says so."""
_ARTICLES: Final = {NeededFile.CERTIFICATE: "a", NeededFile.CRL: "a", NeededFile.OCSP: "an"}
_DER: Final = b"\x30"

_AGAIN: Final = "Put a good copy of it in the place of this file: the copy may have broken off."
_ONE_EACH: Final = "DER files cannot be joined: put each CRL and each OCSP response into a file of its own."
_GET: Final = "Get the {what} itself, and put it in the place of this file."
_TAKE_OUT: Final = "Take the key out, no trust store needs it. If it came on a medium, others may know it: replace it."
_DECODE: Final = (
    "Write it as DER: sed 's/-----[^-]*-----//g' FILE | base64 -d > NEW.{ending}, and put that in its place."
)
_ALWAYS: Final[dict[Kind, str]] = {
    Kind.EMPTY: "The copy may have broken off: get the file again.",
    Kind.PAGE: "The download gave a page instead of the file (of a proxy, or to log in?): get the {what} again.",
    Kind.JSON: _GET,
    Kind.DOCUMENT: _GET,
    Kind.SIDECAR: _GET,
    Kind.PACKED: "Unpack it first, and put the file that was in it in its place.",
    Kind.WIDE_TEXT: "Save it as plain text (ASCII or UTF-8); PowerShell's '>' writes UTF-16.",
    Kind.WITH_HEADERS: "Save the body alone (curl without -i), and put it in the place of this file.",
    Kind.POINTER: "Get the file that it points to: git lfs pull.",
    Kind.ADDRESS: "Download what is there, and put it in the place of this file.",
    Kind.LISTING: _GET,
    Kind.BARE_BASE64: _GET,
    Kind.HEX: _GET,
    Kind.TWICE: "Decode it: base64 -d FILE > NEW.pem, and put that in its place.",
    Kind.ESCAPED: "Write it with line ends: printf '%b' \"$(cat FILE)\" > NEW.pem, and put that in its place.",
    Kind.OTHER_DASHES: "Get the {what} again: a word processor or a mail program may have changed its dashes.",
    Kind.MANIFEST: "Take the {what} out of it, and decode it (base64 -d) where it is below data.",
    Kind.ONE_LINE: "Put its -----BEGIN ...----- and its -----END ...----- each on a line of its own.",
    Kind.OPEN_PEM: "The copy may have broken off: get the {what} again.",
    Kind.ARMOURED: _GET,
    Kind.CERTIFICATE: _GET,
    Kind.ATTRIBUTE_CERTIFICATE: _GET,
    Kind.TRUSTED_CERTIFICATE: "Write it as plain PEM: openssl x509 -in FILE.",
    Kind.REQUEST: _GET,
    Kind.PRIVATE_KEY: _TAKE_OUT,
    Kind.PUBLIC_KEY: _GET,
    Kind.PKCS7: _GET,
    Kind.PKCS12: _GET,
    Kind.KEY_STORE: _GET,
    Kind.CRL: _AGAIN,
    Kind.OCSP_RESPONSE: _AGAIN,
    Kind.OCSP_ERROR: "It says nothing about any certificate: ask the responder again, or remove the file.",
    Kind.OCSP_REQUEST: "It is the question, not the answer: remove it.",
    Kind.OCSP_BASIC: "It lacks the outer part (OCSPResponse): save what the responder answered as it came.",
    Kind.OTHER_LABEL: _GET,
}

_FOR_STORES: Final[dict[Kind, str]] = {
    Kind.OTHER_LABEL: "Take it out of the file: a trust store holds certificates alone.",
    Kind.JSON: "Get the certificate again, as PEM or DER.",
    Kind.LISTING: "Get the certificate again, as PEM or DER.",
    Kind.ATTRIBUTE_CERTIFICATE: "Get the certificate again, as PEM or DER.",
    Kind.BARE_BASE64: (
        "Put -----BEGIN CERTIFICATE----- before it and -----END CERTIFICATE----- after it, each on a line."
    ),
    Kind.HEX: "Decode it: tr -d ' :' < FILE | xxd -r -p > NEW.cer, and put that in its place.",
    Kind.ONE_LINE: (
        "Put -----BEGIN CERTIFICATE----- and -----END CERTIFICATE----- each on a line of its own, "
        "with the base64 between them."
    ),
    Kind.REQUEST: "Take the certificate that was made for it, not the request.",
    Kind.PUBLIC_KEY: (
        "Take the certificate of the CA (-----BEGIN CERTIFICATE-----); a bare key cannot take its place."
    ),
    Kind.PKCS7: (
        "Export its certificates one by one: openssl pkcs7 -print_certs -in FILE (-inform DER for a binary file)."
    ),
    Kind.PKCS12: "Export the CA's certificate alone: openssl pkcs12 -cacerts -nokeys -in FILE -out NEW.pem",
    Kind.KEY_STORE: "Use keytool -exportcert.",
    Kind.CRL: "CRLs belong into crls/ of the trust directory: move it there.",
    Kind.OCSP_RESPONSE: "OCSP responses belong into ocsp/ of the trust directory: move it there.",
    Kind.OCSP_ERROR: "Remove it: it is neither a certificate nor an answer about one.",
    Kind.OCSP_REQUEST: "Remove it: it is neither a certificate nor an answer about one.",
    Kind.OCSP_BASIC: "OCSP responses belong into ocsp/ of the trust directory.",
}

_REMOVE: Final = " If no {what} belongs here, remove the file."
_KEY_HERE: Final = (
    "Take it out of the trust directory, and replace the key if it came on a medium: others may know it. Put the "
    "{what} in its place."
)
_FOR_EVIDENCE: Final[dict[Kind, str]] = {
    Kind.EMPTY: "The copy may have broken off: get the {what} again." + _REMOVE,
    Kind.JSON: "The index of a folder is called index.json. " + _GET,
    Kind.BARE_BASE64: "Decode it: base64 -d FILE > NEW.{ending}, and put that in its place.",
    Kind.TWICE: "Decode it: base64 -d FILE > NEW.{ending}, and put that in its place.",
    Kind.ONE_LINE: _DECODE,
    Kind.ARMOURED: _DECODE,
    Kind.CERTIFICATE: (
        "That of an OCSP responder may prove an answer here: if it is damaged, get it again. That of a trusted CA "
        "belongs into a store (truststore/x509/ca/NAME/). Put the {what} in its place."
    ),
    Kind.REQUEST: "Remove it, and put the {what} in its place.",
    Kind.PRIVATE_KEY: _KEY_HERE,
    Kind.PKCS12: _KEY_HERE,
    Kind.KEY_STORE: _KEY_HERE,
    Kind.OCSP_ERROR: (
        "It says nothing about any certificate: ask the responder again (airgap trust fetch), and put its answer in "
        "the place of this file, or remove the file."
    ),
    Kind.OCSP_REQUEST: (
        "It is the question; keep the answer (openssl ocsp -respout NEW.ors, or airgap trust fetch), and remove this "
        "file."
    ),
}  # fmt: skip
_FOR_CRLS: Final[dict[Kind, str]] = {
    Kind.PKCS7: (
        "If there are CRLs in it, take them out: openssl pkcs7 -print_certs -in FILE -out NEW.crl (-inform DER for a "
        "binary file)."
    ),
}  # fmt: skip
