"""Recognises signatures of other tools, so that a message can name them. None is judged here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from airgap import limits
from airgap.errors import FormatError
from airgap.parse import json

_CMS: Final = bytes.fromhex("06092a864886f70d010702")
"""The object identifier of CMS signedData."""
_CMS_WITHIN: Final = 32
_TEXTS: Final = (
    (re.compile(rb"untrusted comment: [^\n]*minisign|untrusted comment: [^\n]*\n[^\n]*\ntrusted comment:"),
     "a minisign signature"),
    (re.compile(rb"untrusted comment:"), "a signify or minisign signature"),
    (re.compile(rb"-----BEGIN PGP SIGNATURE-----"), "a PGP signature"),
    (re.compile(rb"-----BEGIN PGP SIGNED MESSAGE-----"), "a text with a PGP signature"),
    (re.compile(rb"-----BEGIN PGP "), "something of PGP, and no signature"),
    (re.compile(rb"-----BEGIN SSH SIGNATURE-----"), "an OpenSSH signature"),
    (re.compile(rb"-----BEGIN (?:PKCS ?#?7|CMS|SIGNED MESSAGE)-----"), "a PKCS#7 (CMS) signature"),
    (re.compile(rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----"), "a certificate, and no signature"),
    (re.compile(rb"-----BEGIN [A-Z0-9 ]*PUBLIC KEY-----"), "a public key, and no signature"),
    (re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----"), "a PRIVATE KEY, and no signature"),
    (re.compile(rb"MIME-Version:", re.IGNORECASE), "an S/MIME message"),
    (re.compile(rb"(?:SHA[0-9]+ ?\([^\n]*\) ?= ?)?(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{96}|[0-9a-fA-F]{128})(?:\s|$)"),
     "a list of checksums, and no signature"),
    (re.compile(rb"(?:MEUCI|MEYCI|MEQCI|MGUCM|MGQCM|MGYCM|MIGIAkI|MIGHAkI)[A-Za-z0-9+/=\s]*$"),
     "a bare signature in base64, as cosign sign-blob writes it"),
)  # fmt: skip
_BARE_DER: Final = re.compile(rb"\x30(?:[\x40-\x6a]\x02[\x1f-\x32]|\x81[\x80-\x8b]\x02)")
_PGP: Final = re.compile(rb"[\x88\xc2].{1,2}[\x03-\x06][\x00-\x1f\x40\x50]|\x89[\x00-\x08].[\x03-\x06]", re.DOTALL)
"""A signature packet in its old and new forms: length, version, type."""
_RSA_BYTES: Final = frozenset({256, 384, 512})


def foreign_signature(raw: bytes) -> str | None:
    """The kind of `raw`, with its article, if it is a signature of another tool or something similar; else None."""
    text = raw.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"{"):
        return _json(raw)
    for shape, what in _TEXTS:
        if shape.match(text):
            return what
    if raw[:1] == b"\x30" and _CMS in raw[:_CMS_WITHIN]:
        return "a PKCS#7 (CMS) signature"
    if _BARE_DER.match(raw):
        return "a bare ECDSA signature, as openssl dgst -sign writes it"
    if _PGP.match(raw):
        return "a PGP signature"
    if len(raw) in _RSA_BYTES and form_of(raw) is None:
        return f"{len(raw)} bytes without a form: it may be a bare RSA signature, as openssl dgst -sign writes it"
    return None


def form_of(raw: bytes) -> str | None:
    """The envelope's form that the first bytes look like, `jws` or `cose`; nothing is tried by it (BLOB-4, D44)."""
    if raw[:1] == b"\xd2":
        return "cose"
    if raw.lstrip(b" \t\r\n").startswith(b"{") and (document := _object(raw)) and set(document) >= _JWS:
        return "jws"
    return None


_JWS: Final = {"payload", "protected", "signature"}


def _object(raw: bytes) -> Mapping[str, Any]:
    try:
        return json.load_object(raw, json.Reading.OPEN, limit=limits.ENVELOPE_BYTES)
    except FormatError:
        return {}


def _json(raw: bytes) -> str | None:
    document = _object(raw) or _first_line(raw)
    return next((what for names, what in _DOCUMENTS if names <= set(document)), None) or next(_by_value(document), None)


_DOCUMENTS: Final = (
    (frozenset({"payloadType", "payload", "signatures"}), "a DSSE envelope, as in-toto and SLSA attestations are"),
    (frozenset({"base64Signature"}), "a cosign bundle"),
    (frozenset({"verificationMaterial"}), "a sigstore (cosign) bundle"),
    (frozenset({"signed", "signatures"}), "signed metadata of TUF or in-toto"),
    (frozenset({"critical"}), "a payload of cosign's simple signing"),
    (frozenset({"payload", "signatures"}), "a JWS in general serialisation (only the flattened one is allowed)"),
    (frozenset({"_type", "predicateType"}), "an in-toto statement without a signature"),
    (frozenset({"SignedEntryTimestamp"}), "an entry of a Rekor log"),
    (frozenset({"targetArtifact"}), "the payload of a signature, without the signature"),
    (frozenset({"schemaVersion", "layers"}), "an OCI manifest, not the envelope that it names"),
    (frozenset({"schemaVersion", "manifests"}), "an OCI index, and no signature"),
)
"""Members that say what a JSON document is."""


def _by_value(document: Mapping[str, Any]) -> Iterator[str]:
    media_type = document.get("mediaType")
    if isinstance(media_type, str) and media_type.startswith("application/vnd.dev.sigstore."):
        yield "a sigstore (cosign) bundle"


def _first_line(raw: bytes) -> Mapping[str, Any]:
    """Attestations come as lines of JSON (`.intoto.jsonl`)."""
    first, line_break, _ = raw.lstrip().partition(b"\n")
    return _object(first) if line_break else {}


OTHER_TOOL: Final = (
    "It cannot be judged here: use its own tool, or ask the publisher for a Notary Project signature "
    "(airgap blob sign, notation blob sign)."
)
