"""Recognises the kind of a file by its first bytes, its PEM label or its outline.

Used for messages (`airgap.pki.wrong_files`), and to decide whether an unreadable file may hide evidence. Nothing is
ever accepted because of this.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from airgap import limits
from airgap.errors import FormatError
from airgap.parse import der
from airgap.parse.base64 import decode_standard
from airgap.text import safe


class Kind(Enum):
    """The kinds of files that are recognised."""

    EMPTY = auto()
    PAGE = auto()
    JSON = auto()
    DOCUMENT = auto()
    """A document of an office, a picture, or what file managers write."""
    SIDECAR = auto()
    """What is written beside a file about it: a sum, where it came from, a signature."""
    PACKED = auto()
    WIDE_TEXT = auto()
    """UTF-16."""
    WITH_HEADERS = auto()
    """An HTTP answer with its header lines."""
    POINTER = auto()
    """Git LFS."""
    ADDRESS = auto()
    LISTING = auto()
    """The text that describes an object, without the object."""
    BARE_BASE64 = auto()
    HEX = auto()
    """Bytes written in hexadecimal, or as a dump."""
    TWICE = auto()
    """PEM in base64, as Kubernetes keeps files."""
    ONE_LINE = auto()
    """PEM that is written on one line."""
    ESCAPED = auto()
    """PEM with the line ends that JSON and environment files write."""
    OTHER_DASHES = auto()
    """PEM whose lines do not begin and end with five dashes."""
    MANIFEST = auto()
    """A resource of Kubernetes."""
    OPEN_PEM = auto()
    """PEM without its end."""
    ARMOURED = auto()
    """A CRL or an OCSP response in PEM of a form that is not read."""
    CERTIFICATE = auto()
    ATTRIBUTE_CERTIFICATE = auto()
    TRUSTED_CERTIFICATE = auto()
    REQUEST = auto()
    PRIVATE_KEY = auto()
    PUBLIC_KEY = auto()
    PKCS7 = auto()
    PKCS12 = auto()
    KEY_STORE = auto()
    CRL = auto()
    OCSP_RESPONSE = auto()
    OCSP_ERROR = auto()
    OCSP_REQUEST = auto()
    OCSP_BASIC = auto()
    OTHER_LABEL = auto()


@dataclass(frozen=True, slots=True)
class RecognisedFile:
    """The recognised kind of a file."""

    kind: Kind
    words: str
    """Words to complete "it is ..."."""
    inner: Kind | None = None
    """The kind of what is encoded in it, where it is text."""


_LABELS: Final = (
    (re.compile(r"PGP SIGNATURE"), Kind.SIDECAR, "an OpenPGP signature"),
    (re.compile(r"PGP (PUBLIC|PRIVATE) KEY BLOCK"), Kind.PUBLIC_KEY, "an OpenPGP key"),
    (re.compile(r".*PRIVATE KEY"), Kind.PRIVATE_KEY, "a private key"),
    (re.compile(r".*PUBLIC KEY"), Kind.PUBLIC_KEY, "a public key"),
    (re.compile(r"PKCS ?#?7.*|CMS"), Kind.PKCS7, "PKCS#7 (.p7b)"),
    (re.compile(r"(NEW )?CERTIFICATE REQUEST"), Kind.REQUEST, "a request for a certificate (CSR)"),
    (re.compile(r"X509 CRL"), Kind.CRL, "a CRL"),
    (re.compile(r"OCSP RESPONSE"), Kind.OCSP_RESPONSE, "an OCSP response"),
    (re.compile(r"OCSP REQUEST"), Kind.OCSP_REQUEST, "an OCSP request"),
    (re.compile(r"TRUSTED CERTIFICATE"), Kind.TRUSTED_CERTIFICATE, "a certificate with settings of OpenSSL"),
    (re.compile(r"(X509 )?CERTIFICATE"), Kind.CERTIFICATE, "a certificate"),
    (re.compile(r"ATTRIBUTE CERTIFICATE"), Kind.ATTRIBUTE_CERTIFICATE, "an attribute certificate"),
)
"""PEM labels, their kinds, and words for them."""

_SUM = rb"(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}|[0-9A-Fa-f]{96}|[0-9A-Fa-f]{128})"
_FILE_NAME = rb"[^\0-\x1f]{1,1024}"
_SUMS: Final = (
    rb"(?:" + _SUM + rb"|(?:" + _SUM + rb" [ *]?" + _FILE_NAME + rb"\r?\n)+"
    rb"|(?:(?:MD|SHA|BLAKE)[0-9A-Za-z/-]{1,12} ?\(" + _FILE_NAME + rb"\) ?= ?" + _SUM + rb"\r?\n)+)\s*\Z"
)
"""Checksums: one alone, or as sha256sum, shasum --tag and openssl dgst write them."""
_STARTS: Final = (
    (re.compile(rb"\Z"), Kind.EMPTY, "empty"),
    (re.compile(rb"ssh-|ecdsa-sha2-|sk-ssh-|---- BEGIN SSH2"), Kind.PUBLIC_KEY, "an SSH key"),
    (re.compile(rb"untrusted comment:"), Kind.SIDECAR, "a minisign key or signature"),
    (re.compile(_SUMS), Kind.SIDECAR, "the checksum of a file"),
    (re.compile(rb"(W/)?\"[!-~]{1,256}\"\s*\Z"), Kind.SIDECAR, "the ETag of a download"),
    (re.compile(rb"\[(ZoneTransfer|\.ShellClassInfo)\]"), Kind.SIDECAR, "what Windows writes"),
    (re.compile(rb"<[!?A-Za-z]"), Kind.PAGE, "a web page (HTML) or XML"),
    (re.compile(rb"\{\s*[\"}]|\[\s*([]\"{[0-9-]|true|false|null)"), Kind.JSON, "JSON"),
    (re.compile(rb"HTTP/[0-9]"), Kind.WITH_HEADERS, "an HTTP answer with its header lines"),
    (re.compile(rb"version https://git-lfs"), Kind.POINTER, "a pointer of Git LFS, not the file"),
    (re.compile(rb"(\[InternetShortcut\]|(https?|ldap)://)[^\0]{0,4096}\Z"), Kind.ADDRESS, "a web address"),
    (re.compile(rb"(---\s+)?apiVersion:"), Kind.MANIFEST, "a resource of Kubernetes (YAML)"),
    (re.compile(rb"LS0tLS1CRUdJTi"), Kind.TWICE, "base64 of PEM, as Kubernetes keeps files"),
)
"""First characters of text that is no PEM, behind a byte order mark and blanks."""

_BINARY_STARTS: Final = (
    (re.compile(rb"\0+\Z"), Kind.EMPTY, "filled with zeros"),
    (re.compile(rb"\xff\xfe|\xfe\xff|\x00-\x00-|-\x00-\x00|M\x00I\x00|\x00M\x00I"), Kind.WIDE_TEXT, "text in UTF-16"),
    (re.compile(rb"%PDF-"), Kind.DOCUMENT, "a document (PDF)"),
    (re.compile(rb"\x00\x05\x16\x07"), Kind.DOCUMENT, "what macOS writes beside a file (AppleDouble)"),
    (re.compile(rb"\0\0\0\x01Bud1"), Kind.DOCUMENT, "what macOS writes in a folder (.DS_Store)"),
    (re.compile(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), Kind.DOCUMENT, "a document of an office program, or Thumbs.db"),
    (re.compile(rb"\x89PNG\r\n|\xff\xd8\xff|GIF8[79]a"), Kind.DOCUMENT, "a picture"),
    (
        re.compile(rb"PK\x03\x04.{26}(\[Content_Types\]\.xml|_rels/|mimetypeapplication/vnd\.oasis)", re.DOTALL),
        Kind.DOCUMENT,
        "a document of an office program",
    ),
    (re.compile(rb"\x1f\x8b"), Kind.PACKED, "compressed (gzip)"),
    (re.compile(rb"PK\x03\x04"), Kind.PACKED, "compressed (zip)"),
    (re.compile(rb"[^\0].{256}ustar", re.DOTALL), Kind.PACKED, "a tar"),
    (re.compile(rb"BZh|\xfd7zXZ|\x28\xb5\x2f\xfd|7z\xbc\xaf\x27\x1c|Rar!"), Kind.PACKED, "compressed"),
    (re.compile(rb"\xfe\xed\xfe\xed|\xce\xce\xce\xce"), Kind.KEY_STORE, "a Java key store"),
    (re.compile(rb"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07"), Kind.PKCS7, "PKCS#7 (.p7b)"),
)  # fmt: skip
"""First bytes of files that are neither PEM nor DER."""

_ESCAPED = re.compile(rb"-----BEGIN [^\r\n-]{1,64}-----(\\r)?\\n")
_OTHER_DASHES = re.compile(
    rb"(?m)^[ \t]*(?!-----BEGIN )(?:-|\xe2\x80[\x90-\x95]|\x96|\x97){1,8} ?BEGIN [A-Z0-9 ]{3,64}[^\r\n]{0,40}$"
)
_LISTINGS: Final = (
    (re.compile(rb"Certificate Revocation List \(CRL\):"), "the text that describes a CRL, without the CRL"),
    (re.compile(rb"OCSP Re(sponse|quest) Data:"), "the text that describes an OCSP message, without the message"),
    (re.compile(rb"Certificate:\s"), "the text that describes a certificate, without the certificate"),
    (
        re.compile(rb"(subject|issuer|serial|(MD5|SHA1|SHA256|md5|sha1|sha256) Fingerprint) ?="),
        "lines about a certificate or a CRL, without it",
    ),
    (re.compile(rb"0:d=0 +hl=[0-9]+ l= *[0-9]+ "), "what openssl asn1parse prints, without the object itself"),
)
_BASE64 = re.compile(rb"(MI[A-Za-z0-9+/_-]{30}[A-Za-z0-9+/=_\s-]*|MAMKAQ[A-Za-z0-9+/]=\s*)\Z")
"""A SEQUENCE of more than 127 bytes, or the error of an OCSP responder."""
_HEX = re.compile(rb"30[\s:]*8[1-4][0-9A-Fa-f\s:]{60,}\Z")
_DUMP = re.compile(rb"0{4,16}:?[ \t]+([0-9A-Fa-f]{2,6}[ \t]+){4}")
OCSP_BEGUN = re.compile(rb"\x30(?:[\x00-\x7f]|\x81.|\x82..|\x83...)\x0a\x01[\x00-\x06]\xa0", re.DOTALL)
"""The start of a successful OCSP response, which may be cut."""
_LENGTH = rb"(?:[\x00-\x7f]|\x81.|\x82..|\x83...|\x84....)"
_CRL_BEGUN = re.compile(
    rb"\x30" + _LENGTH + rb"\x30" + _LENGTH + rb"(?:\x02\x01\x01)?\x30" + _LENGTH + rb"\x06", re.DOTALL
)
_CRL_LINE = re.compile(rb"(?:BEGIN|END) X509 CRL-----[ \t\r]*$|^-----(?:BEGIN|END) X509 CRL", re.MULTILINE)
"""A PEM line of a CRL, also if half of it is damaged; not one in a script."""
_PEM = re.compile(rb"-----BEGIN (?P<label>[^\r\n-]{1,64})-----(?P<rest>[ \t]*\r?\n)?")
_PEM_BODY = re.compile(rb"(?P<body>[A-Za-z0-9+/=\s]*)-----END (?P<label>[^\r\n-]{1,64})-----")

_READ_HERE: Final = {Kind.CERTIFICATE, Kind.CRL, Kind.OCSP_RESPONSE}
_CONTEXT_0: Final = der.context(0)
_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
_PKCS7_PREFIX: Final = "1.2.840.113549.1.7."
_PASSWORD_PREFIXES: Final = ("1.2.840.113549.1.5.", "1.2.840.113549.1.12.1.")

_OCSP_ERRORS: Final = {
    1: ("malformedRequest", "your request is malformed"),
    2: ("internalError", "internal error"),
    3: ("tryLater", "try later"),
    5: ("sigRequired", "sign your request"),
    6: ("unauthorized", "not authorized to answer"),
}


def ocsp_error(status: int) -> str:
    """The words for an OCSP response with an error status (RFC 6960, 4.2.1)."""
    name, words = _OCSP_ERRORS.get(status, ("which no specification knows", "an error"))
    return f"an OCSP responder's answer {words!r} (error {status}, {name}), not a status"


def recognise(data: bytes) -> RecognisedFile | None:
    """The kind of a file by its first bytes, its PEM label or its outline; None if it is not recognised."""
    text = _text(data)  # once: a file may be megabytes of blanks
    if found := _by_start(text, _STARTS) or _by_start(data, _BINARY_STARTS):
        return found
    if block := _PEM.search(data):
        return _of_pem(data, block)
    if _OTHER_DASHES.search(data):
        return RecognisedFile(Kind.OTHER_DASHES, "PEM whose lines do not begin and end with five dashes (-----)")
    for listing, words in _LISTINGS:
        if listing.match(text):
            return RecognisedFile(Kind.LISTING, words)
    if _BASE64.match(text):
        return _encoded(Kind.BARE_BASE64, "base64 without PEM lines", _inner(text))
    if _HEX.match(text):
        return _encoded(Kind.HEX, "text in hexadecimal", _of_hex(text))
    if _DUMP.match(text):
        return RecognisedFile(Kind.HEX, "a dump of bytes, as xxd, hexdump and od print it")
    return of_der(data)


def _text(data: bytes) -> bytes:
    """What follows a byte order mark and blanks."""
    return data.removeprefix(b"\xef\xbb\xbf").lstrip()


def _by_start(data: bytes, starts: Iterable[tuple[re.Pattern[bytes], Kind, str]]) -> RecognisedFile | None:
    return next((RecognisedFile(kind, words) for pattern, kind, words in starts if pattern.match(data)), None)


def holds_evidence(data: bytes) -> bool:
    """Whether it is, begins as or holds a CRL or an OCSP response, whether or not that form is read.

    Not what is compressed.
    """
    return any(map(_is_evidence, unpacked(data)))


def _is_evidence(data: bytes) -> bool:
    if _CRL_BEGUN.match(data) or OCSP_BEGUN.match(data) or _CRL_LINE.search(data):
        return True
    found = recognise(data)
    return found is not None and found.kind in {Kind.CRL, Kind.OCSP_RESPONSE, Kind.ARMOURED}


def unpacked(data: bytes, *, nested: int = 3) -> Iterator[bytes]:
    """A file, and what is encoded in it in forms that are not read: of PKCS#7 its certificates and CRLs."""
    yield data
    found = recognise(data) if nested else None
    for inner in _opened(found.kind, data) if found else ():
        yield from unpacked(inner, nested=nested - 1)


def _opened(kind: Kind, data: bytes) -> tuple[bytes, ...]:
    """What is encoded in a file of this kind; nothing where it cannot be opened."""
    try:
        if kind is Kind.WIDE_TEXT:
            return (data.decode("utf-16").encode(),)
        if kind is Kind.WITH_HEADERS:
            return (data.replace(b"\r\n", b"\n").partition(b"\n\n")[2],)
        if kind is Kind.ESCAPED:
            return (data.replace(b"\\r", b"").replace(b"\\n", b"\n"),)
        if kind is Kind.PKCS7 and data[:1] == b"\x30":
            signed = der.read(data).children()[1].only().children()
            lists = (item for item in signed if item.tag in {der.context(0), der.context(1)})
            return tuple(child.raw for item in lists for child in item.children())
        block = _PEM.search(data)
        body = _PEM_BODY.match(data, block.end()) if block else None
        if kind in {Kind.BARE_BASE64, Kind.TWICE} or (body and kind in {Kind.ONE_LINE, Kind.PKCS7}):
            return (decode_standard(b"".join((body["body"] if body else _text(data)).split()).decode("ascii")),)
    except (FormatError, IndexError, ValueError):
        pass  # it is damaged, too
    return ()


def label_kind(label: str) -> RecognisedFile | None:
    """The kind of a PEM block by its label; None for an unknown label."""
    shown = safe(label, limit=64)
    for pattern, kind, words in _LABELS:
        if pattern.fullmatch(label):
            return RecognisedFile(kind, words if kind is Kind.CERTIFICATE else f"{words}, labelled {shown}")
    return None


def _of_pem(data: bytes, block: re.Match[bytes]) -> RecognisedFile:
    """The kind of the first PEM block of a file."""
    label = block["label"].decode("latin-1")
    shown, labelled = safe(label, limit=64), label_kind(label)
    if _ESCAPED.match(data, block.start()):
        return RecognisedFile(Kind.ESCAPED, f"PEM ({shown}) whose line ends are written as \\n")
    body = _PEM_BODY.match(data, block.end())
    if body is None:
        if labelled and labelled.kind not in _READ_HERE:
            return labelled  # keys may have header lines
        ends = b"-----END" in data[block.end() :]
        return RecognisedFile(
            Kind.OPEN_PEM, f"a PEM block {shown} {'that is no base64' if ends else 'without its end'}"
        )
    inner = _inner(body["body"]) or labelled
    if block["rest"] is None:
        return RecognisedFile(Kind.ONE_LINE, f"PEM ({shown}) that is written on one line")
    if inner is None:
        return RecognisedFile(Kind.OTHER_LABEL, f"a PEM block {shown}")
    if inner.kind is Kind.OCSP_RESPONSE:
        return RecognisedFile(Kind.ARMOURED, f"an OCSP response in PEM ({shown}), which is read as DER alone")
    if labelled is None or labelled.kind is not inner.kind:
        kind = Kind.ARMOURED if inner.kind is Kind.CRL else inner.kind
        return RecognisedFile(kind, f"{inner.words} in a PEM block labelled {shown}")
    return labelled


def _encoded(kind: Kind, words: str, inner: RecognisedFile | None) -> RecognisedFile:
    return RecognisedFile(kind, f"{words} ({inner.words})", inner.kind) if inner else RecognisedFile(kind, words)


def _of_hex(data: bytes) -> RecognisedFile | None:
    if len(data) > limits.STORE_FILE_BYTES:
        return None
    try:
        return of_der(bytes.fromhex(data.replace(b":", b"").decode("ascii")))
    except ValueError:
        return None


def _inner(body: bytes) -> RecognisedFile | None:
    """The decoded base64; None if it is invalid, or too long to decode for a message."""
    if len(body) > limits.STORE_FILE_BYTES:
        return None
    try:
        return of_der(decode_standard(b"".join(body.split()).decode("ascii")))
    except FormatError:
        return None


def of_der(data: bytes) -> RecognisedFile | None:
    """The kind of a DER structure by its outline."""
    try:
        items = der.element_at(data, 0, len(data)).expect(der.SEQUENCE, "").children()
    except FormatError:
        return None
    return _outline(items)


def _outline(items: tuple[der.Element, ...]) -> RecognisedFile | None:
    tags = [item.tag for item in items]
    first = _inside(items[0]) if items else ()
    match tags:
        case [der.OID, *_] if _oid(items[0]).startswith(_PKCS7_PREFIX):
            signed = _oid(items[0]) == _SIGNED_DATA
            return RecognisedFile(Kind.PKCS7, "PKCS#7 (.p7b)" if signed else "PKCS#7 without certificates")
        case (
            [der.INTEGER, der.SEQUENCE, der.OCTET_STRING, *_]
            | [der.INTEGER, der.OCTET_STRING, *_]
            | [der.INTEGER, der.INTEGER, der.INTEGER, *_]
        ):
            return RecognisedFile(Kind.PRIVATE_KEY, "a private key")
        case [der.INTEGER, der.SEQUENCE, *_] if _oid(*_inside(items[1])[:1]).startswith(_PKCS7_PREFIX):
            return RecognisedFile(Kind.PKCS12, "PKCS#12 (.p12, .pfx)")
        case [der.INTEGER, der.INTEGER] | [der.SEQUENCE, der.BIT_STRING]:
            return RecognisedFile(Kind.PUBLIC_KEY, "a public key")
        case [der.SEQUENCE, der.OCTET_STRING] if _oid(*first[:1]).startswith(_PASSWORD_PREFIXES):
            return RecognisedFile(Kind.PRIVATE_KEY, "an encrypted private key")
        case [der.ENUMERATED, *rest]:
            return RecognisedFile(Kind.OCSP_RESPONSE, "an OCSP response") if rest else _ocsp_answer(items[0])
        case [der.SEQUENCE, *rest] if rest in ([], [_CONTEXT_0]) and _is_request(first):
            return RecognisedFile(Kind.OCSP_REQUEST, "an OCSP request")
        case [der.SEQUENCE, der.SEQUENCE, der.BIT_STRING, *_]:
            return _signed([item.tag for item in first])
        case _:
            return None


def _ocsp_answer(status: der.Element) -> RecognisedFile | None:
    try:
        number = status.integer(tag=der.ENUMERATED)
    except FormatError:
        return None
    empty = "an OCSP answer that says 'successful' and holds no status"
    return RecognisedFile(Kind.OCSP_ERROR, ocsp_error(number) if number else empty)


def _is_request(tbs: tuple[der.Element, ...]) -> bool:
    """Whether its last list has OCSP requests, which begin with a CertID."""
    lists = [item for item in tbs if item.tag == der.SEQUENCE]
    questions = _inside(lists[-1]) if lists else ()
    wanted = _inside(_inside(questions[0])[0]) if questions and _inside(questions[0]) else ()
    return [item.tag for item in wanted] == [der.SEQUENCE, der.OCTET_STRING, der.OCTET_STRING, der.INTEGER]


def _signed(tags: list[int]) -> RecognisedFile | None:
    plain = tags[1:] if tags[:1] == [der.INTEGER] else tags
    certificate = tags[1:] if tags[:1] == [_CONTEXT_0] else tags
    if plain[:3] in ([der.SEQUENCE, der.SEQUENCE, time] for time in (der.UTC_TIME, der.GENERALIZED_TIME)):
        return RecognisedFile(Kind.CRL, "a CRL")
    if tags[:3] == [der.INTEGER, der.SEQUENCE, der.SEQUENCE] and tags[3:] in ([], [_CONTEXT_0]):
        return RecognisedFile(Kind.REQUEST, "a request for a certificate (CSR)")
    if certificate[:6] == [der.INTEGER, *[der.SEQUENCE] * 5]:
        return RecognisedFile(Kind.CERTIFICATE, "a certificate")
    responder = tags[1:] if tags[:1] == [_CONTEXT_0] else tags
    if responder[:3] in ([der.context(kind), der.GENERALIZED_TIME, der.SEQUENCE] for kind in (1, 2)):
        return RecognisedFile(Kind.OCSP_BASIC, "the inner part of an OCSP response (BasicOCSPResponse)")
    return None


def _inside(element: der.Element) -> tuple[der.Element, ...]:
    try:
        return element.children() if element.tag == der.SEQUENCE else ()
    except FormatError:
        return ()


def _oid(*elements: der.Element) -> str:
    try:
        return elements[0].oid() if elements and elements[0].tag == der.OID else ""
    except FormatError:
        return ""
