"""Certificates of trust stores in words, and as `airgap.certificates/1`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from airgap.parse.time import iso
from airgap.pki.certificate import Certificate
from airgap.reasons import ExitCode
from airgap.report.report import Json, Report
from airgap.report.style import Style
from airgap.text import safe
from airgap.trust.edit import BrokenStore, StoredFile
from airgap.trust.fingerprint_words import groups, spoken
from airgap.trust.stores import certificate_doubt

CERTIFICATES_SCHEMA: Final = "airgap.certificates/1"
_WORDS_A_LINE = 8
_GROUPS_A_LINE = 40


@dataclass(frozen=True, slots=True)
class CertificatesReport(Report):
    """Certificates of trust stores: `airgap.certificates/1`."""

    files: Sequence[StoredFile | BrokenStore]
    verbose: bool = False
    """Whether the text says all that a person compares."""

    @property
    def exit_code(self) -> int:
        """18 where a store cannot be used."""
        return ExitCode.MALFORMED if any(isinstance(item, BrokenStore) for item in self.files) else ExitCode.OK

    def document(self) -> Json:
        """All that a person compares."""
        return {
            **self.first_members(CERTIFICATES_SCHEMA),
            "files": [
                {
                    "store": str(item.store) if item.store else None,
                    "file": safe(item.name),
                    "certificates": [_certificate_json(item, certificate) for certificate in item.certificates],
                }
                for item in self.files
                if isinstance(item, StoredFile)
            ],
            "broken": [
                {"store": str(item.store), "problem": item.problem}
                for item in self.files
                if isinstance(item, BrokenStore)
            ],
        }

    def lines(self, style: Style) -> Iterable[str]:
        """One line a certificate, or all of it."""
        lines = [line for item in self.files for line in _file_lines(item, style, self.verbose)]
        return lines or ["no trust store holds a certificate"]


def _file_lines(item: StoredFile | BrokenStore, style: Style, verbose: bool) -> Iterator[str]:
    if isinstance(item, BrokenStore):
        yield f"{item.store}  {style.paint('bad', 'cannot be used')}: {item.problem}"
        return
    for number, certificate in enumerate(item.certificates, 1):
        if verbose:
            several = f", {number} of {len(item.certificates)}" if len(item.certificates) > 1 else ""
            yield style.paint("strong", f"{_place(item)}{safe(item.name)}{several}")
            yield from _certificate_lines(certificate)
        else:
            subject, until = safe(certificate.subject_text), f"{certificate.not_after:%Y-%m-%d}"
            yield f"{_place(item)}{safe(item.name)}  {subject}  until {until}  {certificate.fingerprint[:16]}…"
        if item.store and (notice := certificate_doubt(item.store, item.name, certificate)):
            yield f"  {style.paint('unsure', 'note')} {notice.message}"


def _place(item: StoredFile) -> str:
    return f"{item.store}  " if item.store else ""


def _certificate_lines(certificate: Certificate) -> Iterator[str]:
    yield f"  subject      {safe(certificate.subject_text)}"
    yield f"  issuer       {safe(certificate.issuer_text)}{' (itself)' if certificate.self_signed else ''}"
    yield f"  serial       {certificate.serial:x}"
    yield f"  valid        {iso(certificate.not_before)} to {iso(certificate.not_after)}"
    yield f"  CA           {'yes' if certificate.is_ca else 'no'}"
    yield f"  key          {certificate.key_name}"
    digits = groups(certificate.fingerprint)
    yield f"  SHA-256      {digits[:_GROUPS_A_LINE].strip()}"
    yield f"               {digits[_GROUPS_A_LINE:].strip()}"
    words = spoken(bytes.fromhex(certificate.fingerprint))
    for start in range(0, len(words), _WORDS_A_LINE):
        label = "in words" if start == 0 else ""
        yield f"  {label:<12} {' '.join(words[start : start + _WORDS_A_LINE])}"


def _certificate_json(item: StoredFile, certificate: Certificate) -> Json:
    notice = certificate_doubt(item.store, item.name, certificate) if item.store else None
    return {
        "subject": safe(certificate.subject_text),
        "issuer": safe(certificate.issuer_text),
        "serial": f"{certificate.serial:x}",
        "not_before": iso(certificate.not_before),
        "not_after": iso(certificate.not_after),
        "ca": certificate.is_ca,
        "self_signed": certificate.self_signed,
        "key": certificate.key_name,
        "sha256": certificate.fingerprint,
        "words": list(spoken(bytes.fromhex(certificate.fingerprint))),
        "notice": notice.message if notice else None,
    }
