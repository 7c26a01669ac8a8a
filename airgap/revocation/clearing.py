"""Finds the CRLs or the OCSP response that clear a certificate, i.e. prove that it is not revoked (design 10).

If the certificate names a responder, an OCSP response is used first; only if there is no usable one, CRLs for its
distribution points (REV-3). The CRLs must cover all reasons for a revocation; one CRL that covers all of them is
enough, for any of the points (D32; RFC 5280, 6.3.3). The newest usable evidence decides. Newer unusable evidence is
reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from airgap import limits
from airgap.errors import FormatError, Undecided
from airgap.moment import Moment
from airgap.parse.time import iso
from airgap.pki.certificate import Certificate, DistributionPoint
from airgap.pki.extensions import REASON_FLAGS
from airgap.reasons import MADE_SO
from airgap.revocation.condemning import CondemningEvidence, hold_in_force, why_harmless
from airgap.revocation.freshness import EvidenceKind, Freshness
from airgap.revocation.pool import CrlFile, Evidence, OcspFile
from airgap.revocation.query import HOLD, RevocationQuery, about_file, crl_use, no_crl, no_ocsp, revoked
from airgap.revocation.use import EvidenceUse, NewestInTargets
from airgap.text import safe

if TYPE_CHECKING:
    from airgap.pki.crl import Crl, CrlFacts, RevokedEntry
    from airgap.pki.ocsp import SingleResponse

ALL_REASONS = frozenset(REASON_FLAGS[1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearingAnswer:
    """The evidence that a certificate is not revoked."""

    uses: tuple[EvidenceUse, ...]
    since: datetime | None
    """The time of the answer: thisUpdate; None if the certificate names no distribution point and no responder."""
    crls: tuple[CrlFacts, ...] = ()
    """The CRLs of the answer."""
    response: str = ""
    """The fingerprint of the OCSP response of the answer."""


@dataclass(frozen=True, slots=True)
class _CountingCrl:
    file: CrlFile
    crl: Crl
    reasons: frozenset[str]


@dataclass(frozen=True, slots=True)
class _CountingOcsp:
    file: OcspFile
    single: SingleResponse
    delegate: Certificate | None
    """The delegated responder that signed it; None if the issuer did."""


class ClearingEvidence:
    """Answers from one body of evidence, for one judged time."""

    def __init__(
        self, evidence: Evidence, condemning: CondemningEvidence, freshness: Freshness, moment: Moment
    ) -> None:
        """`condemning`: finds revocations of delegated responders in the same evidence."""
        self._evidence = evidence
        self._condemning = condemning
        self._freshness = freshness
        self._moment = moment

    def answer(self, query: RevocationQuery) -> ClearingAnswer:
        """The answer that decides.

        Raises Undecided if no available evidence clears the certificate, Rejected (revocation.on_hold) if the deciding
        evidence has it on hold.
        """
        certificate = query.certificate
        if not certificate.ocsp_urls and not certificate.names_crls:  # REV-1: such a certificate is not checked
            status = "good (names no way to ask)"
            subject = safe(certificate.subject_text)
            return ClearingAnswer(
                uses=(EvidenceUse(certificate=subject, chain=query.chain, kind="none", status=status),), since=None
            )
        self._check_clock(query)
        if not certificate.ocsp_urls:
            return self.answer_of_crls(query)
        try:
            return self._answer_of_ocsp(query)
        except Undecided as no_answer:
            if not certificate.names_crls:
                raise
            try:
                return self.answer_of_crls(query)
            except Undecided as error:
                ways = " ".join(dict.fromkeys((error.remedy, no_answer.remedy)))
                text = f"{error}; and {no_answer}"
                raise Undecided(error.reason, text, **error.facts).advising(ways) from None

    def check_counts(self, query: RevocationQuery, file: CrlFile | OcspFile) -> None:
        """Checks whether this file alone would be an answer about the certificate. Raises Undecided if not."""
        if isinstance(file, OcspFile):
            single = self._counting_response(query, file).single
            self._check_age(query, "ocsp", file.name, single.this_update, single.next_update)
        elif file.facts.is_delta:
            self._check_delta_counts(query, file)
        else:
            self._check_crl_age(query, self._counting_crl(query, file).file)

    def _check_delta_counts(self, query: RevocationQuery, file: CrlFile) -> None:
        """The same for a delta CRL: it must fit a usable base that is available. Raises Undecided."""
        first: Undecided | None = None
        for base in self._evidence.crls(query.issuer.subject):
            try:
                self._counting_delta(query, self._counting_crl(query, base).crl, file)
                for item in (base, file):
                    self._check_crl_age(query, item)
            except Undecided as error:
                first = first or error
            else:
                return
        raise first or no_crl(query)

    def _check_clock(self, query: RevocationQuery) -> None:
        """If genuine evidence is newer than the clock, the clock is wrong, and no older evidence may answer.

        A clock that is set back must not make a revoked certificate good again. For a named time in the past, evidence
        that was made after it and before the clock is just not known yet.
        """
        latest = self._moment.clock + limits.CLOCK_SKEW
        for file, made in self._dated(query):
            if made > latest and _is_proven(file, query):
                raise self._future(query, file.kind, file.name, made)

    def newest_in_targets(self, query: RevocationQuery) -> NewestInTargets | None:
        """The newest evidence outside of the trust directory that is compared with the clock."""
        if not query.certificate.ocsp_urls and not query.certificate.names_crls:
            return None
        dated = ((file, made) for file, made in self._dated(query) if not file.trusted)
        for file, made in sorted(dated, key=lambda item: item[1], reverse=True):
            if _is_proven(file, query):
                return NewestInTargets(name=file.name, kind=file.kind, chain=query.chain, this_update=made)
        return None

    def _dated(self, query: RevocationQuery) -> Iterator[tuple[CrlFile | OcspFile, datetime]]:
        for file in self._evidence.crls(query.issuer.subject):
            yield file, file.facts.this_update
        for ocsp in self._evidence.ocsp(query.certificate.serial):
            for single in ocsp.response.statements(query.certificate, *query.issuers):
                yield ocsp, single.this_update

    def _future(self, query: RevocationQuery, kind: EvidenceKind, name: str, made: datetime) -> Undecided:
        return Undecided(
            f"revocation.{kind}.future",
            f"{name} was made at {iso(made)}, after the moment judged for, {iso(self._moment.judged)}",
            **query.facts(evidence=name, this_update=iso(made)),
        )

    # --- OCSP (10.2) ---

    def _answer_of_ocsp(self, query: RevocationQuery) -> ClearingAnswer:
        counting: list[_CountingOcsp] = []
        refused: list[Undecided] = []
        for file in self._evidence.ocsp(query.certificate.serial):
            if file.response.find(query.certificate, query.issuer) is None:
                continue
            try:
                counting.append(self._counting_response(query, file))
            except Undecided as error:
                refused.append(error)
        if not counting:
            raise refused[0] if refused else self._about_another(query) or no_ocsp(query)
        found = max(counting, key=lambda item: item.file.response.age_of(item.single))
        file, single = found.file, found.single
        facts = query.facts_of(file.name, single.this_update, single.next_update)
        if single.status == "unknown":
            raise _unknown(query, file, single)
        stale = self._check_age(query, "ocsp", file.name, single.this_update, single.next_update)
        held = single.status == "revoked" and single.reason == HOLD
        if held and not why_harmless(query, single.this_update, single.revocation_time, single.invalidity_date):
            raise revoked(query, file.name, single.reason, single.revocation_time, facts)
        delegate = found.delegate
        ends = (
            self._ends(query, "ocsp", single.this_update, single.next_update),
            delegate.not_after if delegate else None,
        )
        use = EvidenceUse(
            certificate=safe(query.certificate.subject_text),
            chain=query.chain,
            kind="ocsp",
            status="good",
            name=file.name,
            origin=file.origin,
            this_update=single.this_update,
            next_update=single.next_update,
            good_until=min((end for end in ends if end), default=None),
            responder=delegate.fingerprint if delegate else "",
            accepted_stale=stale,
            notes=self._newer(query, single.this_update, None, ()),
        )
        return ClearingAnswer(uses=(use,), since=single.this_update, response=file.response.fingerprint)

    def _about_another(self, query: RevocationQuery) -> Undecided | None:
        """The error for a response about this serial number whose CertID names the issuer in another way."""
        for file in self._evidence.ocsp(query.certificate.serial):
            for single in file.response.statements(query.certificate, *query.issuers):
                part = "name" if single.names(query.issuer) else "key"
                text = (
                    f"{file.name} is about the serial number of {query.who}, and not about this issuer: the hash of "
                    f"the issuer's {part} in it is another one"
                )
                return Undecided("revocation.ocsp.missing", text, **query.facts(evidence=file.name)).advising(
                    "Ask the responder again with the very certificate that issued this one (airgap trust fetch does)."
                )
        return None

    def _counting_response(self, query: RevocationQuery, file: OcspFile) -> _CountingOcsp:
        """The answer of the response, if it may clear. Raises Undecided."""
        single = file.response.find(query.certificate, query.issuer)
        named = query.facts(evidence=file.name)
        if single is None:
            raise Undecided("revocation.ocsp.missing", f"{file.name} does not answer for {query.who}", **named)
        if single.doubt:  # OCSP-6: an unknown critical extension
            raise Undecided("revocation.ocsp.malformed", f"{file.name}: the OCSP response {single.doubt}", **named)
        if single.this_update > self._moment.judged + limits.CLOCK_SKEW:  # D36: it must be valid at the judged time
            raise self._future(query, "ocsp", file.name, single.this_update)
        until = min(self._moment.judged, single.next_update or self._moment.judged)
        try:
            responder = file.response.verify_signed_for(query.issuer, at=until)
        except Undecided as error:
            raise about_file(query, file, error) from None
        if not responder.delegated:
            return _CountingOcsp(file, single, None)
        self._check_delegate(query, file, responder.certificate)
        return _CountingOcsp(file, single, responder.certificate)

    def _check_delegate(self, query: RevocationQuery, file: OcspFile, delegate: Certificate) -> None:
        """Checks that no available evidence says that the delegated responder is revoked or on hold, or may be so.

        Also if its issuer waives that check (nocheck): then nobody must look, but known evidence is not ignored. If
        there is no evidence about it, it may answer: that is left to local policy (D37; RFC 6960, 4.2.2.2.1).
        """
        asked = replace(query, certificate=delegate, signed_at=None)
        against = self._condemning.find(asked)
        said = against.worst() or next(iter(against.holds), None)
        problem = said.rejection(asked) if said else against.first_doubt()
        if problem:
            text = f"{file.name} is signed by a responder that may not answer any more: {problem}"
            raise Undecided("revocation.ocsp.responder", text, **query.facts(evidence=file.name))

    # --- CRL (10.3) ---

    def answer_of_crls(self, query: RevocationQuery) -> ClearingAnswer:
        """The answer of CRLs alone. Raises as `answer`."""
        counting: list[_CountingCrl] = []
        first: Undecided | None = None
        for file in self._evidence.crls(query.issuer.subject):
            if file.facts.is_delta:  # CRL-16: a delta is no base
                continue
            try:
                counting.append(self._counting_crl(query, file))
            except Undecided as error:
                first = first or error
        if not counting:
            raise first or self._wrongly_mapped(query) or self._only_delta(query) or no_crl(query)
        parts = [self._base_and_delta(query, found) for found in _choose(query, counting)]
        since = min(max(crl.this_update for _, crl, _ in part) for part in parts)
        used = [crl for part in parts for _, crl, _ in part]
        uses = [use for part in parts for _, _, use in part]
        facts = tuple(crl.facts for crl in used)
        newer = self._newer(query, since, parts[0][0][1], facts)
        return ClearingAnswer(
            uses=(replace(uses[0], notes=(*uses[0].notes, *newer)), *uses[1:]),
            since=since,
            crls=facts,
        )

    def _only_delta(self, query: RevocationQuery) -> Undecided | None:
        """The error if only delta CRLs are available; it names the base CRL that the newest needs (CRL-16)."""
        for file in self._evidence.crls(query.issuer.subject):
            if file.facts.is_delta and _is_proven(file, query):
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

    def _counting_crl(self, query: RevocationQuery, file: CrlFile) -> _CountingCrl:
        """The CRL with the reasons that it covers. Raises Undecided."""
        if file.facts.this_update > self._moment.judged + limits.CLOCK_SKEW:  # CRL-6, D52: not valid yet
            raise self._future(query, "crl", file.name, file.facts.this_update)
        try:
            crl = file.load()
            crl.verify_signed_by(query.issuer)
            reasons = _covered(query.certificate, crl)
            crl.entries(query.certificate)
        except FormatError as error:
            text = f"{file.name} is no usable CRL: {error}"
            raise Undecided("revocation.crl.malformed", text, **query.facts(evidence=file.name)) from None
        except Undecided as error:
            raise about_file(query, file, error) from None
        return _CountingCrl(file, crl, reasons)

    def _base_and_delta(self, query: RevocationQuery, found: _CountingCrl) -> list[tuple[CrlFile, Crl, EvidenceUse]]:
        """The deciding base and, if it names one, the delta CRL. Raises Undecided, Rejected (on hold)."""
        file, base = found.file, found.crl
        lists = [(file, base)]
        kinds = ["crl"]
        if base.freshest:
            lists.append(self._delta(query, base))
            kinds.append("delta-crl")
        elif query.certificate.freshest_crl:  # CRL-15: the delta cannot be checked
            text = f"{query.who} names a delta CRL that its base CRL {file.name} does not name"
            facts = query.facts_of(file.name, base.this_update, base.next_update)
            raise Undecided("revocation.crl.delta", text, **facts).advising(MADE_SO)
        answering: list[tuple[CrlFile, Crl, EvidenceUse]] = []
        for kind, (item, crl) in zip(kinds, lists, strict=True):
            stale = self._check_crl_age(query, item)
            use = replace(
                crl_use(query, kind, item, crl),
                good_until=self._ends(query, "crl", crl.this_update, crl.next_update),
                accepted_stale=stale,
                notes=_silence(query, item, crl),
            )
            answering.append((item, crl, use))
        _refuse_hold(query, lists)  # a stale hold may have been lifted since, so staleness comes first (D33)
        return answering

    def _delta(self, query: RevocationQuery, base: Crl) -> tuple[CrlFile, Crl]:
        """The newest delta CRL that fits the base (CRL-13, CRL-14)."""
        first: Undecided | None = None
        for file in self._evidence.crls(query.issuer.subject):
            if file.facts.is_delta:
                try:
                    return file, self._counting_delta(query, base, file)
                except Undecided as error:
                    first = first or error
        urls = [safe(uri) for point in base.freshest for uri in point.uris]
        where = f"; it comes from {urls[0]}" if urls else ""
        none = f"the CRL for {query.who} names a delta CRL, and none is available{where}"
        raise first or Undecided("revocation.crl.delta", none, **query.facts())

    def _counting_delta(self, query: RevocationQuery, base: Crl, file: CrlFile) -> Crl:
        if file.facts.this_update > self._moment.judged + limits.CLOCK_SKEW:
            raise self._future(query, "crl", file.name, file.facts.this_update)
        try:
            delta = file.load()
            delta.verify_signed_by(query.issuer)
            delta.check_fits(base)
            delta.entries(query.certificate)
        except FormatError as error:
            text = f"{file.name} is no usable CRL: {error}"
            raise Undecided("revocation.crl.delta", text, **query.facts(evidence=file.name)) from None
        except Undecided as error:
            raise about_file(query, file, error) from None
        return delta

    def _newer(
        self, query: RevocationQuery, since: datetime, base: Crl | None, used: tuple[CrlFacts, ...]
    ) -> tuple[str, ...]:
        """Why genuine evidence of either kind that is newer than the answer is not usable (design 10)."""
        return _folded([*self._newer_responses(query, since), *self._newer_crls(query, base, used, since)])

    def _newer_responses(self, query: RevocationQuery, since: datetime) -> Iterator[Undecided]:
        for file in self._evidence.ocsp(query.certificate.serial):
            single = file.response.find(query.certificate, query.issuer)
            if single is None or single.this_update <= since or not _is_proven(file, query):
                continue
            try:
                self.check_counts(query, file)
            except Undecided as error:
                yield error
            else:
                if single.status == "unknown":
                    yield _unknown(query, file, single)

    def _newer_crls(
        self, query: RevocationQuery, base: Crl | None, used: tuple[CrlFacts, ...], since: datetime
    ) -> Iterator[Undecided]:
        """`base`: the one that answers; None where an OCSP response does."""
        for file in self._evidence.crls(query.issuer.subject):
            if file.facts.this_update <= since or file.facts in used or not _is_proven(file, query):
                continue
            try:
                if base is None:
                    self.check_counts(query, file)
                elif not file.facts.is_delta:
                    self._counting_crl(query, file)
                elif base.freshest:
                    self._counting_delta(query, base, file)
                else:
                    text = f"{file.name} is a delta CRL, and the base CRL that answers names none"
                    yield Undecided("revocation.crl.delta", text, **query.facts(evidence=file.name))
            except Undecided as error:
                yield error

    # --- dates ---

    def _ends(
        self, query: RevocationQuery, kind: EvidenceKind, this_update: datetime, next_update: datetime | None
    ) -> datetime | None:
        """The end of the freshness of evidence; without nextUpdate, the end of its acceptance."""
        return next_update or self._freshness.use_by(kind, query.chain, this_update, next_update)

    def _check_crl_age(self, query: RevocationQuery, file: CrlFile) -> bool:
        return self._check_age(query, "crl", file.name, file.facts.this_update, file.facts.next_update)

    def _check_age(
        self,
        query: RevocationQuery,
        kind: EvidenceKind,
        name: str,
        this_update: datetime,
        next_update: datetime | None,
    ) -> bool:
        """Whether evidence is stale but accepted. Raises Undecided if it is too old (design 9)."""
        judged = self._moment.judged
        use_by = self._freshness.use_by(kind, query.chain, this_update, next_update)
        if use_by is not None and judged <= use_by:
            return next_update is None or judged > next_update
        allowed = self._freshness.allowed(kind, query.chain)
        if next_update is None:  # CRL-5, D36: without an end it is stale, not valid for ever
            raise self._endless(query, kind, name, this_update)
        days = (judged - next_update).days
        tolerance = f", more than the {allowed.days} that are accepted" if allowed else ""
        text = f"the {_WHAT[kind]} {name} was due for renewal on {iso(next_update)}, {days} days ago{tolerance}"
        raise Undecided(f"revocation.{kind}.stale", text, **query.facts_of(name, this_update, next_update))

    def _endless(self, query: RevocationQuery, kind: EvidenceKind, name: str, this_update: datetime) -> Undecided:
        """The words for evidence without nextUpdate: only its age counts, and fetching it again does not help."""
        key, what = f"{'tsa-' if query.chain == 'tsa' else ''}{kind}", _WHAT[kind]
        allowed = self._freshness.allowed(kind, query.chain)
        text = f"the {what} {name} of {iso(this_update)} names no nextUpdate: --max-age {key}=AGE, counted from then, "
        if allowed:
            days = (self._moment.judged - this_update).days
            text += f"accepts it; it is {days} days old, more than the {allowed.days} that are accepted"
        else:
            text += "accepts it"
        return Undecided(f"revocation.{kind}.stale", text, **query.facts_of(name, this_update, None)).advising(
            f"To fetch it again does not help where its issuer never states a nextUpdate. Accept the {what} by its "
            f'age, with --max-age {key}=7d, or for good in airgap.toml, in the table [freshness]: {key} = "7d".'
        )


_WHAT = {"crl": "CRL", "ocsp": "OCSP response"}


def _is_proven(file: CrlFile | OcspFile, query: RevocationQuery) -> bool:
    """Whether the issuer made it, or a delegate of the issuer: of what is newer and not genuine nothing follows."""
    try:
        if isinstance(file, CrlFile):
            file.load().verify_made_by(*query.issuers)
        else:
            file.response.verify_made_for(*query.issuers)
    except (FormatError, Undecided):
        return False
    return True


def _unknown(query: RevocationQuery, file: OcspFile, single: SingleResponse) -> Undecided:
    """The error: the responder does not know the certificate (OCSP-8)."""
    text = f"the responder of {file.name} does not know {query.who}"
    facts = query.facts_of(file.name, single.this_update, single.next_update)
    return Undecided("revocation.ocsp.unknown", text, **facts)


def _folded(refusals: Iterable[Undecided]) -> tuple[str, ...]:
    """One sentence for each of the first ones, and one for the rest: an issuer may have thousands of CRLs."""
    texts = [f"a newer piece of evidence does not count: {error}" for error in refusals]
    more = len(texts) - limits.NEWER_SHOWN
    rest = (f"{more} more newer pieces of evidence do not count",) if more > 0 else ()
    return (*texts[: limits.NEWER_SHOWN], *rest)


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


def _choose(query: RevocationQuery, counting: list[_CountingCrl]) -> list[_CountingCrl]:
    """The newest CRL that covers all reasons; if there is none, the newest ones that cover them together.

    `counting` is newest first. Raises Undecided (revocation.crl.scope) if some reason is not covered.
    """
    whole = next((found for found in counting if found.reasons >= ALL_REASONS), None)
    if whole:
        return [whole]
    chosen: list[_CountingCrl] = []
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
    counting: list[tuple[RevokedEntry, CrlFile, Crl]] = [
        (entry, file, crl)
        for file, crl in lists
        for entry in crl.entries(query.certificate)
        if not why_harmless(query, crl.this_update, entry.revocation_date, entry.invalidity_date)
    ]
    hold = hold_in_force([entry for entry, _, _ in counting])
    for entry, file, crl in counting:
        if entry is hold:
            facts = query.facts_of(file.name, crl.this_update, crl.next_update)
            raise revoked(query, file.name, hold.reason, hold.revocation_date, facts)


def _silence(query: RevocationQuery, file: CrlFile, crl: Crl) -> tuple[str, ...]:
    """RFC 5280, 3.3: an issuer may remove entries of expired certificates, so that a missing entry proves little."""
    if not query.certificate.ended_before(crl.this_update):
        return ()
    expired = f"{query.who} expired on {iso(query.certificate.not_after)}"
    made = f"{file.name} was made on {iso(crl.this_update)}, after {expired}"
    return (f"{made}: an issuer may drop entries of expired certificates, so that a missing entry proves little",)
