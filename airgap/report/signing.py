"""What `airgap sign`, `attach`, `timestamp` and `key` say: sentences, or documents (`airgap.sign/1` and so on)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from airgap.errors import AirgapError
from airgap.oci.descriptor import COSE_ENVELOPE, TITLE
from airgap.parse.time import iso, iso_or_null
from airgap.pki.certificate import Certificate
from airgap.pki.timestamp_token import VerifiedTimestamp
from airgap.reasons import ExitCode
from airgap.report.report import Json, Report
from airgap.report.style import Style
from airgap.report.wording import described, error_document, size
from airgap.signature.key_config import LocalKey, RemoteKey, TokenKey
from airgap.signature.key_location import NamedKey
from airgap.signature.results import Signed, SignedArtifact, StampedSignature
from airgap.text import safe
from airgap.transfer.attached_files import AttachedFiles

SIGN_SCHEMA = "airgap.sign/1"
TIMESTAMP_SCHEMA = "airgap.timestamp/1"
KEYS_SCHEMA = "airgap.keys/1"


# airgap sign


ATTACH_SCHEMA: Final = "airgap.attach/1"

Attached = TypeVar("Attached")


@dataclass(frozen=True, slots=True)
class AttachingReport(Report, Generic[Attached]):
    """The report on a run that attaches something."""

    attached: Attached
    error: AirgapError | None = None
    """The error that ended it."""

    @property
    def exit_code(self) -> int:
        """That of the error."""
        return self.error.exit_code if self.error else ExitCode.OK

    def head(self, schema: str) -> Json:
        """How it ended: the beginning of the document."""
        problem = error_document(self.error) if self.error else None
        return {**self.first_members(schema), "problem": problem}


def attached_lines(item: AttachedFiles | SignedArtifact, did: str, new: str, known: str, style: Style) -> Iterator[str]:
    """That it was attached, with `new`; or that the same was there already, with `known`."""
    yield style.paint("good", f"{'Already' if item.existed else 'Successfully'} {did} {item.name}")
    yield f"  {known}; --force adds another one" if item.existed else f"  {new} ({item.listed})"


@dataclass(frozen=True, slots=True)
class AttachReport(AttachingReport[AttachedFiles | None]):
    """What `airgap.attach` attached: `airgap.attach/1`."""

    def document(self) -> Json:
        """The result, or why there is none."""
        return {**self.head(ATTACH_SCHEMA), "attached": _attached(self.attached) if self.attached else None}

    def lines(self, style: Style) -> Iterator[str]:
        """The artifact, the referrer and its files."""
        if self.attached is None:
            return
        item = self.attached
        referrer = f"referrer   {item.referrer.digest}"
        yield from attached_lines(item, "attached to", referrer, f"{referrer} says the same", style)
        yield f"  type       {safe(item.artifact_type)}"
        for file in item.files:
            name = safe(file.annotations.get(TITLE, ""), limit=200)
            yield f"  file       {name}  {safe(file.media_type)}, {size(file.size)}"


def _attached(item: AttachedFiles) -> Json:
    return {
        "target": safe(item.target),
        "reference": item.name,
        "artifact": described(item.subject),
        "referrer": described(item.referrer),
        "artifact_type": safe(item.artifact_type),
        "files": [{"name": safe(file.annotations.get(TITLE, "")), **described(file)} for file in item.files],
        "existed": item.existed,
        "listed": item.listed,
    }


@dataclass(frozen=True, slots=True)
class SignReport(AttachingReport[Sequence[SignedArtifact]]):
    """What `airgap.sign` attached: `airgap.sign/1`."""

    def document(self) -> Json:
        """The run, complete on failure too: what was attached by then."""
        return {**self.head(SIGN_SCHEMA), "signed": [_signed(item) for item in self.attached]}

    def lines(self, style: Style) -> Iterator[str]:
        """Each artifact and its signature."""
        for item in self.attached:
            digest = item.signature.digest
            known = f"an equal signature is attached: {digest}"
            yield from attached_lines(item, "signed", f"signature  {digest}", known, style)
            yield from signed_lines(item)


def signed_lines(item: Signed) -> Iterator[str]:
    """Who signed, in what form, and when."""
    form = "COSE" if item.envelope.media_type == COSE_ENVELOPE else "JWS"
    algorithm = item.signer.algorithm.name if item.signer.algorithm else "?"
    yield f"  signer     {safe(item.signer.subject_text)}"
    yield f"  envelope   {form}, {algorithm}{f', expires on {iso(item.expiry)}' if item.expiry else ''}"
    if item.timestamp is not None:
        yield _timestamp_line(item.timestamp)


def _timestamp_line(timestamp: VerifiedTimestamp) -> str:
    """When it was, and by whom."""
    return f"  timestamp  {iso(timestamp.info.gen_time)} by {safe(timestamp.chain[0].subject_text)}"


def _signed(item: SignedArtifact) -> Json:
    return {
        "target": safe(item.target),
        "reference": item.name,
        "artifact": described(item.subject),
        "signature": described(item.signature),
        **signature_json(item),
        "existed": item.existed,
        "listed": item.listed,
        "warnings": [safe(warning) for warning in item.warnings],
    }


# airgap timestamp


@dataclass(frozen=True, slots=True)
class TimestampReport(AttachingReport[Sequence[StampedSignature]]):
    """What `airgap.add_timestamps` attached: `airgap.timestamp/1`."""

    def document(self) -> Json:
        """The run, complete on failure too: what was attached by then."""
        return {**self.head(TIMESTAMP_SCHEMA), "signatures": [_stamped(item) for item in self.attached]}

    def lines(self, style: Style) -> Iterator[str]:
        """Each signature and its result."""
        for item in self.attached:
            yield from _stamped_lines(item, style)


def _stamped_lines(item: StampedSignature, style: Style) -> Iterator[str]:
    if item.after is None or item.timestamp is None:
        why = f": {item.problem}" if item.problem else ""
        yield f"Left alone {item.before.digest}: it {item.state}{why}"
        return
    yield style.paint("good", f"Successfully timestamped {item.before.digest}")
    yield f"  signature  {item.after.digest} ({item.listed}), beside the one without"
    yield _timestamp_line(item.timestamp)


def _stamped(item: StampedSignature) -> Json:
    return {
        "reference": item.name,
        "before": described(item.before),
        "state": str(item.state),
        "after": None if item.after is None else described(item.after),
        "signer": None if item.signer is None else _certificate_json(item.signer),
        "timestamp": _timestamp_json(item.timestamp),
        "listed": item.listed,
        "problem": item.problem or None,
    }


# airgap key


@dataclass(frozen=True, slots=True)
class KeysReport(Report):
    """Named signing keys: `airgap.keys/1`."""

    keys: Sequence[NamedKey]

    def document(self) -> Json:
        """The place of each key; never a key."""
        return {**self.first_members(KEYS_SCHEMA), "keys": [_key(key) for key in self.keys]}

    def lines(self, style: Style) -> Iterator[str]:  # noqa: ARG002 - a plain table
        """A table; the default key is marked with `*`."""
        if not self.keys:
            yield "There are no signing keys. Add one with airgap key add."
            return
        table = [("", "NAME", "KIND", "WHERE"), *(_row(key) for key in self.keys)]
        widths = [max(len(line[column]) for line in table) for column in range(3)]
        for line in table:
            yield "  ".join(cell.ljust(width) for cell, width in zip(line, [*widths, 0], strict=True)).rstrip()


def _row(key: NamedKey) -> tuple[str, str, str, str]:
    document = _key(key)
    where = f"{document.get('key_path') or document.get('id') or ''}{' (notation)' if key.borrowed else ''}"
    return "*" if key.is_default else "", document["name"], document["kind"], where


def _key(key: NamedKey) -> Json:
    entry = key.entry
    common = {"name": safe(entry.name), "default": key.is_default, "notation": key.borrowed}
    if isinstance(entry, RemoteKey):
        return {**common, "kind": f"plugin {safe(entry.plugin)}", "id": safe(entry.id)}
    if isinstance(entry, TokenKey):
        path = safe(key.folder / entry.certificate_path)
        return {**common, "kind": "token", "key_path": safe(entry.uri), "certificate_path": path}
    if isinstance(entry, LocalKey):
        key_path, path = (safe(key.folder / name) for name in (entry.key_path, entry.certificate_path))
        return {**common, "kind": "files", "key_path": key_path, "certificate_path": path}
    return {**common, "kind": "unknown"}


# shared


def signature_json(item: Signed) -> Json:
    """Envelope, signer and times."""
    return {
        "envelope": described(item.envelope),
        "signer": _certificate_json(item.signer),
        "signing_time": iso_or_null(item.signed_at),
        "expiry": iso_or_null(item.expiry),
        "timestamp": _timestamp_json(item.timestamp),
    }


def _certificate_json(certificate: Certificate) -> Json:
    """Who a certificate is about."""
    return {
        "subject": safe(certificate.subject_text),
        "issuer": safe(certificate.issuer_text),
        "fingerprint": certificate.fingerprint,
        "not_after": iso(certificate.not_after),
    }


def _timestamp_json(timestamp: VerifiedTimestamp | None) -> Json | None:
    """The statement of a timestamping authority."""
    if timestamp is None:
        return None
    return {
        "earliest": iso(timestamp.info.earliest),
        "latest": iso(timestamp.info.latest),
        "policy": safe(timestamp.info.policy),
        "serial": str(timestamp.info.serial),
        "authority": _certificate_json(timestamp.chain[0]),
    }
