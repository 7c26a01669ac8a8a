"""Pins: who may sign the snapshots of a stream, fixed by a person who compared fingerprints (`.airgap/pins.json`).

A pin has one of three kinds. `subject`: certificates with this subject below one of these roots. `certificate`: exactly
this signing certificate below exactly these issuers; the issuers are fixed because they decide whose CRLs are used.
`tuf`: the keys of this root metadata. The first two may name roots of timestamping authorities; then the signature of a
snapshot must have a timestamp of one of them.
"""

from __future__ import annotations

import json as writer
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Self

from airgap import limits
from airgap.errors import FormatError, LimitError, UsageError
from airgap.files import parse_if_there, write_file
from airgap.hashing import fingerprint
from airgap.parse import json
from airgap.parse.base64 import decode_standard, encode_standard
from airgap.parse.json_members import as_choice, refuse_unknown
from airgap.parse.time import iso, rfc3339
from airgap.pki.certificate import Certificate
from airgap.revocation.unsigned_evidence import LOCAL
from airgap.text import safe
from airgap.trust.identities import X509_SUBJECT, parse_identity
from airgap.trust.snapshots.snapshot_document import parse_stream

FILE: Final = "pins.json"
SCHEMA: Final = "airgap.trust-pins/1"
_ID_CHARACTERS: Final = 12
_MEMBERS: Final = ("id", "stream", "kind", "subject", "fingerprint", "issuers", "roots", "tsaRoots", "tufRoot", "added")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}", re.ASCII)
_ROOTS: Final = 16


class PinKind(StrEnum):
    """What is pinned."""

    SUBJECT = "subject"
    CERTIFICATE = "certificate"
    TUF = "tuf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A signer of the snapshots of a stream."""

    stream: str
    kind: PinKind
    added: datetime
    subject: str | None = None
    """The identity, `x509.subject: C=..., ST=..., O=...`; for `subject` alone."""
    fingerprint: str | None = None
    """SHA-256 of the signing certificate, lower-case hex; for `certificate` alone."""
    issuers: tuple[str, ...] | None = None
    """SHA-256 of the certificates above it, root last, for `certificate` alone: empty where it signed itself, None in
    a pin of a version that did not keep them, which accepts no certificate that has an issuer."""
    roots: tuple[Certificate, ...] = ()
    """Where the signer's chain must end; for `subject` alone."""
    tsa_roots: tuple[Certificate, ...] = ()
    """Where the chain of the timestamp must end; empty where none is asked for."""
    tuf_root: bytes = b""
    """The root metadata; for `tuf` alone."""

    @property
    def id(self) -> str:
        """A short name: the beginning of a digest over what is pinned."""
        document = self._content()
        return fingerprint(_dump(document))[:_ID_CHARACTERS]

    @property
    def compared(self) -> tuple[tuple[str, str], ...]:
        """The fingerprints that a person compares: the name of each, and the fingerprint in lower-case hex.

        Issuers below a compared root need not be compared, because the root signed them. A certificate that is both
        root and tsa root is compared once: a second challenge about it would show what the first one hides.
        """
        own: list[tuple[str, str]] = []
        if self.kind is PinKind.TUF:
            own = [("root.json", fingerprint(self.tuf_root))]
        if self.fingerprint:
            own = [("certificate", self.fingerprint), *(("root", issuer) for issuer in (self.issuers or ())[-1:])]
        own += [("root", root.fingerprint) for root in self.roots]
        own += [("tsa root", root.fingerprint) for root in self.tsa_roots]
        names: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for name, digits in own:
            names[digits][name] = None
        return tuple((" and ".join(found), digits) for digits, found in names.items())

    def to_json(self) -> dict[str, Any]:
        """The object as pins.json has it."""
        return {"id": self.id, "added": iso(self.added), **self._content()}

    def _content(self) -> dict[str, Any]:
        members: dict[str, Any] = {"stream": self.stream, "kind": self.kind.value}
        if self.subject is not None:
            members["subject"] = self.subject
        if self.fingerprint is not None:
            members["fingerprint"] = self.fingerprint
        if self.issuers is not None:
            members["issuers"] = list(self.issuers)
        for name, roots in (("roots", self.roots), ("tsaRoots", self.tsa_roots)):
            if roots:
                members[name] = [encode_standard(root.der) for root in roots]
        if self.tuf_root:
            members["tufRoot"] = encode_standard(self.tuf_root)
        return members

    @classmethod
    def parse(cls, value: Any) -> Self:
        """One entry of pins.json. Raises FormatError."""
        source = json.as_object(value)
        refuse_unknown(source, _MEMBERS)
        kind = json.take(source, "kind", str)
        as_choice(kind, tuple(PinKind), "kind")
        subject = json.take_optional(source, "subject", str)
        fingerprint = json.take_optional(source, "fingerprint", str)
        root = json.take_optional(source, "tufRoot", str)
        pin = cls(
            stream=parse_stream(json.take(source, "stream", str)),
            kind=PinKind(kind),
            added=rfc3339(json.take(source, "added", str), where="added"),
            subject=subject,
            fingerprint=fingerprint,
            issuers=json.take_list(source, "issuers", json.text, limit=limits.CHAIN_CERTIFICATES)
            if "issuers" in source
            else None,
            roots=json.take_list(source, "roots", _certificate, limit=_ROOTS, required=False),
            tsa_roots=json.take_list(source, "tsaRoots", _certificate, limit=_ROOTS, required=False),
            tuf_root=decode_standard(root, where="tufRoot") if root is not None else b"",
        )
        pin.check()
        if json.take(source, "id", str) != pin.id:
            raise FormatError("is not the one of what is pinned", where="id")
        return pin

    def check(self) -> None:
        """Checks that it has exactly the members of its kind. Raises FormatError."""
        present = {
            PinKind.SUBJECT: self.subject is not None and bool(self.roots),
            PinKind.CERTIFICATE: self.fingerprint is not None,
            PinKind.TUF: bool(self.tuf_root),
        }
        foreign = {
            PinKind.SUBJECT: self.fingerprint is not None or self.issuers is not None or bool(self.tuf_root),
            PinKind.CERTIFICATE: self.subject is not None or bool(self.roots) or bool(self.tuf_root),
            PinKind.TUF: any(item is not None for item in (self.subject, self.fingerprint, self.issuers))
            or bool(self.roots + self.tsa_roots),
        }
        if not present[self.kind] or foreign[self.kind]:
            raise FormatError(f"does not have exactly what a pin of the kind {self.kind} needs")
        if self.subject is not None and parse_identity(self.subject).kind != X509_SUBJECT:
            raise FormatError(f"is no {X509_SUBJECT}", where="subject")
        if self.fingerprint is not None and not _FINGERPRINT.fullmatch(self.fingerprint):
            raise FormatError("is no SHA-256 in lower-case hexadecimal", where="fingerprint")
        if not all(map(_FINGERPRINT.fullmatch, self.issuers or ())):
            raise FormatError("is no list of SHA-256 in lower-case hexadecimal", where="issuers")
        for root in (*self.roots, *self.tsa_roots):
            if not root.self_signed:
                raise FormatError(f"{safe(root.subject_text)!r} is no self-signed root", where="roots")


@dataclass(frozen=True, slots=True)
class Pins:
    """All pins of a trust directory."""

    entries: tuple[Pin, ...] = ()

    @classmethod
    def read(cls, trust: Path) -> Self:
        """The pins of the trust directory `trust`; none where there is no file.

        Raises TrustMaterialError(snapshot.state.malformed).
        """
        path = trust / LOCAL / FILE
        return parse_if_there(path, limits.STATE_BYTES, cls.parse, "snapshot.state.malformed") or cls()

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The document. Raises FormatError."""
        document = json.load_object(data, json.Reading.OWN, limit=limits.STATE_BYTES, what="file")
        refuse_unknown(document, ("schema", "pins"))
        if json.take(document, "schema", str) != SCHEMA:
            raise FormatError(f"is not {SCHEMA!r}", where="schema")
        return cls(json.take_list(document, "pins", Pin.parse, limit=limits.PINS))

    def write(self, trust: Path) -> None:
        """Raises OSError, LimitError for what would be refused when it is read."""
        data = _dump({"schema": SCHEMA, "pins": [pin.to_json() for pin in self.entries]})
        if len(self.entries) > limits.PINS or len(data) > limits.STATE_BYTES:
            raise LimitError(
                f"{len(self.entries)} pins in {len(data)} bytes are more than are read",
                remedy="Remove pins that are not needed: airgap trust pin delete.",
            )
        folder = trust / LOCAL
        folder.mkdir(exist_ok=True)
        write_file(folder / FILE, data)

    def of(self, stream: str) -> tuple[Pin, ...]:
        """The pins of one stream."""
        return tuple(pin for pin in self.entries if pin.stream == stream)

    def adding(self, pin: Pin) -> Pins:
        """With one more; the same one is not added twice."""
        if any(entry.id == pin.id for entry in self.entries):
            return self
        return Pins((*self.entries, pin))

    def without(self, name: str) -> tuple[Pins, Pin]:
        """Without the one whose id begins so. Raises UsageError where that is none, or several."""
        found = [pin for pin in self.entries if name and pin.id.startswith(name)]
        if len(found) != 1:
            raise UsageError(
                f"{len(found)} pins have an id that begins with {safe(name, limit=64)!r}, not one",
                remedy="See the ids with airgap trust pin list.",
            )
        return Pins(tuple(pin for pin in self.entries if pin is not found[0])), found[0]


def _certificate(value: Any) -> Certificate:
    return Certificate.parse(decode_standard(json.text(value)))


def _dump(document: Mapping[str, Any]) -> bytes:
    return (writer.dumps(document, indent=2, ensure_ascii=True, sort_keys=True) + "\n").encode()
