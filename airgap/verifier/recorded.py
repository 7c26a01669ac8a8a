"""Earlier judgements, read back from the reports of `airgap verify` (`airgap.verify/1`), as far as recheck needs them.

A report is a file on the verifying machine and is taken at its word: whoever can change it can change what it says was
accepted. What it says is used only where the layout itself is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self, TypeVar

from airgap import limits
from airgap.errors import FormatError
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.parse import json
from airgap.parse.base64 import decode_standard
from airgap.parse.time import rfc3339
from airgap.pki.certificate import Certificate
from airgap.reasons import REASONS
from airgap.signature.model import Scheme
from airgap.text import safe
from airgap.trust.members import as_object
from airgap.trust.policy import Check
from airgap.verifier.outcome import Verdict

SCHEMA: Final = "airgap.verify/1"
_ARTIFACTS: Final = 1_000_000
_SIGNATURES: Final = 10_000

E = TypeVar("E", Verdict, Scheme, Check)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSignature:
    """One signature as it was judged."""

    digest: Digest
    verdict: Verdict
    findings: Mapping[Check, tuple[Verdict, str | None]]
    """Verdict and reason of every check."""
    scheme: Scheme | None
    """None where the envelope could not be read."""
    chain: tuple[Certificate, ...] = ()
    timestamp_chain: tuple[Certificate, ...] = ()
    timestamp: tuple[datetime, datetime] | None = None
    signing_time: datetime | None = None
    expiry: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedArtifact:
    """One artifact as it was judged."""

    report: str
    """The report's name, safe to show."""
    judged: datetime
    reference: str
    descriptor: Descriptor
    scope: str | None
    scope_given: bool
    """The operator named the scope; else it came from the layout's own record."""
    verdict: Verdict
    signature_verdict: Verdict
    content_failed: bool
    content_mode: str
    """How much of the content was read: `all`, `manifests` or `none`."""
    signatures: tuple[RecordedSignature, ...] = field(repr=False)


def parse_report(data: bytes, source: str) -> tuple[RecordedArtifact, ...]:
    """Every artifact of a report. Raises FormatError, with the place."""
    document = json.load_object(data, json.Reading.OWN, limit=limits.REPORT_BYTES, what="report")
    if (schema := json.take(document, "schema", str)) != SCHEMA:
        raise FormatError(f"is {safe(schema, limit=64)!r}, not {SCHEMA!r}", where="schema")
    judged = rfc3339(json.take(json.take(document, "time", dict), "judged", str), where="time.judged")
    reader = _Reader.of(document, source, judged)
    return json.take_list(document, "artifacts", reader.artifact, limit=_ARTIFACTS)


@dataclass(frozen=True, slots=True)
class _Reader:
    certificates: Mapping[str, Certificate]
    source: str
    judged: datetime

    @classmethod
    def of(cls, document: json.JsonObject, source: str, judged: datetime) -> Self:
        certificates: dict[str, Certificate] = {}
        # reports of older versions have none; what depends on them then stays undecided
        for fingerprint, text in (json.take_optional(document, "certificates", dict) or {}).items():
            where = f"certificates.{safe(fingerprint, limit=64)}"
            if not isinstance(text, str):
                raise FormatError("is not a string", where=where)
            certificate = Certificate.parse(decode_standard(text, where=where))
            if certificate.fingerprint != fingerprint:
                raise FormatError("is the fingerprint of another certificate", where=where)
            certificates[fingerprint] = certificate
        return cls(certificates, safe(source), judged)

    def artifact(self, value: Any) -> RecordedArtifact:
        source = as_object(value)
        descriptor = Descriptor(
            media_type=json.take(source, "media_type", str),
            digest=Digest.parse(json.take(source, "digest", str)),
            size=json.take(source, "size", int),
        )
        content = json.take(source, "content", dict)
        return RecordedArtifact(
            report=self.source,
            judged=self.judged,
            reference=json.take(source, "reference", str),
            descriptor=descriptor,
            scope=_text(source, "scope"),
            scope_given=source.get("scope_origin", "option") in {"option", "name"},
            verdict=_choice(Verdict, json.take(source, "verdict", str), "verdict"),
            signature_verdict=_choice(Verdict, json.take(source, "signature_verdict", str), "signature_verdict"),
            content_failed=json.take(content, "verdict", str) == Verdict.FAIL,
            content_mode=json.take(content, "mode", str),
            signatures=json.take_list(source, "signatures", self.signature, limit=_SIGNATURES),
        )

    def signature(self, value: Any) -> RecordedSignature:
        source = as_object(value)
        digest = Digest.parse(json.take(source, "digest", str))
        verdict = _choice(Verdict, json.take(source, "verdict", str), "verdict")
        findings = dict(json.take_list(source, "findings", _finding, limit=64))
        if source.get("signer") is None:
            return RecordedSignature(digest=digest, verdict=verdict, findings=findings, scheme=None)
        signer = json.take(source, "signer", dict)
        stamp = None if signer.get("timestamp") is None else json.take(signer, "timestamp", dict)
        return RecordedSignature(
            digest=digest,
            verdict=verdict,
            findings=findings,
            scheme=_choice(Scheme, json.take(signer, "scheme", str), "scheme"),
            chain=self._chain(signer),
            timestamp_chain=self._chain(stamp) if stamp else (),
            timestamp=(_moment(stamp, "earliest"), _moment(stamp, "latest")) if stamp else None,
            signing_time=_maybe_moment(signer, "signing_time"),
            expiry=_maybe_moment(signer, "expiry"),
        )

    def _chain(self, source: json.JsonObject) -> tuple[Certificate, ...]:
        names = json.take_list(source, "chain", json.text, limit=limits.CHAIN_CERTIFICATES, required=False)
        for name in names:
            if name not in self.certificates:
                raise FormatError(f"{safe(name, limit=64)} is not among the report's certificates", where="chain")
        return tuple(self.certificates[name] for name in names)


def _finding(value: Any) -> tuple[Check, tuple[Verdict, str | None]]:
    source = as_object(value)
    reason = _text(source, "reason")
    check = _choice(Check, json.take(source, "check", str), "check")
    verdict = _choice(Verdict, json.take(source, "verdict", str), "verdict")
    return check, (verdict, reason if reason in REASONS else None)


def _choice(kind: type[E], text: str, where: str) -> E:
    try:
        return kind(text)
    except ValueError:
        raise FormatError(f"is {safe(text, limit=64)!r}, which is not known", where=where) from None


def _text(source: json.JsonObject, member: str) -> str | None:
    return None if source.get(member) is None else json.take(source, member, str)


def _moment(source: json.JsonObject, member: str) -> datetime:
    return rfc3339(json.take(source, member, str), where=member)


def _maybe_moment(source: json.JsonObject, member: str) -> datetime | None:
    return None if source.get(member) is None else _moment(source, member)
