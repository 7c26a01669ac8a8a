"""Finds the CRLs that clear a certificate (decision 0009; requirements/revocation.md).

They must cover all reasons for a revocation. One CRL that covers all of them is enough, for any of the distribution
points of the certificate (D32; RFC 5280, 6.3.3).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from airgap.errors import FormatError, Undecided
from airgap.parse.time import iso
from airgap.pki.certificate import Certificate
from airgap.pki.extensions import REASON_FLAGS, DistributionPoint
from airgap.reasons import MADE_SO
from airgap.revocation.ages import EvidenceAges
from airgap.revocation.answer_evidence import ClearingAnswer, EvidenceUse
from airgap.revocation.entry_meaning import hold_in_force, why_harmless
from airgap.revocation.evidence_files import CrlFile, Evidence
from airgap.revocation.makers import EvidenceMakers
from airgap.revocation.query import RevocationQuery, about_file, crl_use, no_crl, revoked
from airgap.text import safe

if TYPE_CHECKING:
    from airgap.pki.crl import Crl
    from airgap.pki.crl_entries import RevokedEntry
    from airgap.pki.crl_facts import CrlFacts

ALL_REASONS = frozenset(REASON_FLAGS[1:])


@dataclass(frozen=True, slots=True)
class CountingCrl:
    """A CRL that may clear."""

    file: CrlFile
    crl: Crl
    reasons: frozenset[str]
    """The reasons that it covers for the certificate."""


class ClearingCrls:
    """Answers from CRLs."""

    def __init__(self, evidence: Evidence, makers: EvidenceMakers, ages: EvidenceAges) -> None:
        self._evidence = evidence
        self._makers = makers
        self._ages = ages

    def answer(self, query: RevocationQuery) -> ClearingAnswer:
        """The newest CRLs that count. Raises Undecided, Rejected (revocation.on_hold)."""
        counting: list[CountingCrl] = []
        first: Undecided | None = None
        for file in self._bases(query):
            try:
                counting.append(self.counting(query, file))
            except Undecided as error:
                first = first or error
        if not counting:
            raise first or self._wrongly_mapped(query) or self._only_delta(query) or no_crl(query)
        parts = [self._base_and_delta(query, found) for found in _choose(query, counting)]
        used = [item for part in parts for item in part]
        return ClearingAnswer(
            uses=tuple(use for _, use in used),
            since=min(max(file.facts.this_update for file, _ in part) for part in parts),
            crls=tuple(file.facts for file, _ in used),
        )

    def check_counts(self, query: RevocationQuery, file: CrlFile) -> None:
        """Checks whether this file alone, or a delta with some base, would be an answer. Raises Undecided if not."""
        if not file.facts.is_delta:
            self._ages.check_fresh(query, self.counting(query, file).file.dated)
            return
        first: Undecided | None = None
        for base in self._bases(query):
            try:
                self.counting_delta(query, self.counting(query, base).crl, file)
                self._ages.check_fresh(query, base.dated)
                self._ages.check_fresh(query, file.dated)
            except Undecided as error:
                first = first or error
            else:
                return
        text = f"{file.name} is a delta CRL, and no base CRL is available"
        raise first or Undecided("revocation.crl.delta", text, **query.facts(evidence=file.name))

    def _bases(self, query: RevocationQuery) -> Iterator[CrlFile]:
        """The CRLs of the issuer, newest first; a delta is no base (CRL-16)."""
        return (file for file in self._evidence.crls(query.issuer.subject) if not file.facts.is_delta)

    def counting(self, query: RevocationQuery, file: CrlFile) -> CountingCrl:
        """The CRL with the reasons that it covers. Raises Undecided."""
        self._ages.check_made(query, file.dated)
        return self.usable(query, file)

    def check_whole(self, query: RevocationQuery, file: CrlFile) -> None:
        """Checks that it covers all reasons. Raises Undecided."""
        if left := ALL_REASONS - self.counting(query, file).reasons:
            text = f"{file.name} leaves out reasons for a revocation: {', '.join(sorted(left))}"
            raise Undecided("revocation.crl.scope", text, **query.facts(evidence=file.name))

    def usable(self, query: RevocationQuery, file: CrlFile) -> CountingCrl:
        """The same, of whatever date. Raises Undecided."""
        try:
            crl = file.load()
            crl.verify_signed_by(query.issuer)
            reasons = _covered(query.certificate, crl)
            crl.entries(query.certificate)
        except (FormatError, Undecided) as error:
            raise _unusable(query, file, error, "malformed") from None
        return CountingCrl(file, crl, reasons)

    def counting_delta(self, query: RevocationQuery, base: CrlFacts, file: CrlFile) -> Crl:
        """The delta CRL, if it may change the answer of `base`. Raises Undecided."""
        self._ages.check_made(query, file.dated)
        return self._usable_delta(query, base, file)

    def newest_delta(self, query: RevocationQuery, base: CrlFacts) -> CrlFile | None:
        """The newest delta CRL that fits, of whatever date; None if there is none."""
        for file in self._evidence.crls(query.issuer.subject):
            if file.facts.is_delta:
                with suppress(Undecided):
                    self._usable_delta(query, base, file)
                    return file
        return None

    def _usable_delta(self, query: RevocationQuery, base: CrlFacts, file: CrlFile) -> Crl:
        """The same as `counting_delta`, of whatever date. Raises Undecided."""
        try:
            delta = file.load()
            delta.verify_signed_by(query.issuer)
            delta.check_fits(base)
            delta.entries(query.certificate)
        except (FormatError, Undecided) as error:
            raise _unusable(query, file, error, "delta") from None
        return delta

    def _base_and_delta(self, query: RevocationQuery, found: CountingCrl) -> list[tuple[CrlFile, EvidenceUse]]:
        """The deciding base and, if it names one, the delta CRL. Raises Undecided, Rejected (on hold)."""
        file, base = found.file, found.crl
        lists = [(file, base)]
        if base.freshest:
            lists.append(self._delta(query, base))
        elif query.certificate.freshest_crl:  # CRL-15: the delta cannot be checked
            text = f"{query.who} names a delta CRL that its base CRL {file.name} does not name"
            raise Undecided("revocation.crl.delta", text, **query.facts_of(file.dated)).advising(MADE_SO)
        answering: list[tuple[CrlFile, EvidenceUse]] = []
        for kind, (item, crl) in zip(("crl", "delta-crl"), lists, strict=False):
            stale = self._ages.check_fresh(query, item.dated)
            use = replace(
                crl_use(query, kind, item, crl),
                good_until=self._ages.end(query, item.dated),
                accepted_stale=stale,
                notes=_note_of_expired(query, item, crl),
            )
            answering.append((item, use))
        _refuse_hold(query, lists)  # a stale hold may have been lifted since, so staleness comes first (D33)
        return answering

    def _delta(self, query: RevocationQuery, base: Crl) -> tuple[CrlFile, Crl]:
        """The newest delta CRL that fits the base (CRL-13, CRL-14)."""
        first: Undecided | None = None
        for file in self._evidence.crls(query.issuer.subject):
            if file.facts.is_delta:
                try:
                    return file, self.counting_delta(query, base, file)
                except Undecided as error:
                    first = first or error
        urls = [safe(uri) for point in base.freshest for uri in point.uris]
        where = f"; it comes from {urls[0]}" if urls else ""
        none = f"the CRL for {query.who} names a delta CRL, and none is available{where}"
        raise first or Undecided("revocation.crl.delta", none, **query.facts())

    def _only_delta(self, query: RevocationQuery) -> Undecided | None:
        """The error where only delta CRLs are available; it names the base CRL that the newest needs (CRL-16)."""
        for file in self._evidence.crls(query.issuer.subject):
            if self._makers.is_genuine(query, file):
                urls = [safe(uri) for point in query.certificate.distribution_points for uri in point.uris]
                where = f"; it comes from {urls[0]}" if urls else ""
                text = (
                    f"no base CRL for {query.who} is available, only a delta CRL ({file.name}), which says what "
                    f"changed since base CRL number {file.load().base_number}: that one or a newer base CRL is "
                    f"missing{where}"
                )
                return Undecided("revocation.crl.missing", text, **query.facts(evidence=file.name, urls=urls))
        return None

    def _wrongly_mapped(self, query: RevocationQuery) -> Undecided | None:
        """Why a CRL that an index names for this certificate is not for it: a wrong file was saved."""
        for file in self._evidence.mapped([uri for p in query.certificate.distribution_points for uri in p.uris]):
            try:
                file.load().verify_signed_by(query.issuer)
            except FormatError as error:
                return Undecided("revocation.crl.malformed", f"{file.name} is no usable CRL: {error}", **query.facts())
            except Undecided as error:
                return about_file(query, file, error)
        return None


def _unusable(
    query: RevocationQuery, file: CrlFile, error: FormatError | Undecided, what: Literal["malformed", "delta"]
) -> Undecided:
    if isinstance(error, Undecided):
        return about_file(query, file, error)
    text = f"{file.name} is no usable CRL: {error}"
    return Undecided(f"revocation.crl.{what}", text, **query.facts(evidence=file.name))


def _covered(certificate: Certificate, crl: Crl) -> frozenset[str]:
    """The reasons that `crl` covers for the certificate (RFC 5280, 6.3.3 (d)). Raises Undecided if there are none.

    A certificate without distribution points has one implied point: the full CRL of its issuer.
    """
    limited = ALL_REASONS if crl.scope is None or crl.scope.reasons is None else crl.scope.reasons
    covered: set[str] = set()
    refusal: Undecided | None = None
    for point in certificate.distribution_points or (DistributionPoint(),):
        try:
            crl.check_covers(certificate, point)
        except Undecided as error:
            refusal = refusal or error
        else:
            covered |= (ALL_REASONS if point.reasons is None else point.reasons) & limited
    if covered:
        return frozenset(covered)
    raise refusal or Undecided("revocation.crl.scope", "the CRL covers no reason for a revocation")


def _choose(query: RevocationQuery, counting: list[CountingCrl]) -> list[CountingCrl]:
    """The newest CRL that covers all reasons; if there is none, the newest ones that cover them together.

    `counting` is newest first. Raises Undecided (revocation.crl.scope) if some reason is not covered.
    """
    whole = next((found for found in counting if found.reasons >= ALL_REASONS), None)
    if whole:
        return [whole]
    chosen: list[CountingCrl] = []
    missing = set(ALL_REASONS)
    for found in counting:
        if found.reasons & missing:
            chosen.append(found)
            missing -= found.reasons
    if missing:
        names, left = ", ".join(found.file.name for found in chosen), ", ".join(sorted(missing))
        text = f"the available CRLs for {query.who} ({names}) leave out reasons for a revocation: {left}"
        raise Undecided("revocation.crl.scope", text, **query.facts())
    return chosen


def _refuse_hold(query: RevocationQuery, lists: list[tuple[CrlFile, Crl]]) -> None:
    """Raises Rejected (revocation.on_hold) if base and delta together have the certificate on hold."""
    counting: list[tuple[RevokedEntry, CrlFile]] = [
        (entry, file)
        for file, crl in lists
        for entry in crl.entries(query.certificate)
        if not why_harmless(query, crl.this_update, entry.revocation_date, entry.invalidity_date)
    ]
    hold = hold_in_force([entry for entry, _ in counting])
    for entry, file in counting:
        if entry is hold:
            raise revoked(query, file.dated, hold.reason, hold.revocation_date)


def _note_of_expired(query: RevocationQuery, file: CrlFile, crl: Crl) -> tuple[str, ...]:
    """RFC 5280, 3.3: an issuer may remove entries of expired certificates, so that a missing entry proves little."""
    if not query.certificate.ended_before(crl.this_update):
        return ()
    expired = f"{query.who} expired on {iso(query.certificate.not_after)}"
    made = f"{file.name} was made on {iso(crl.this_update)}, after {expired}"
    return (f"{made}: an issuer may drop entries of expired certificates, so that a missing entry proves little",)
