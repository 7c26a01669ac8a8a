"""Finds the available evidence that condemns a certificate, i.e. says that it is revoked or on hold (decision 0009).

To condemn, it is enough that the issuer of the certificate made the evidence, or a delegated responder of the issuer
that was valid at signing. It does not matter whether the evidence is old, stale, out of scope, newer than the clock,
does not fit its base, or is contradicted by other evidence: a final revocation stays. Only the meaning of the entry
counts: which certificate it is about, and since when.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from airgap import limits
from airgap.errors import FormatError, Rejected, Unchecked, Undecided
from airgap.once import Once
from airgap.pki.distinguished_names import same_name
from airgap.pki.extensions import authority_key
from airgap.revocation.answer_evidence import NOTHING_FOUND, TargetStatement
from airgap.revocation.damage import DamagedEvidence, damage_of, has_near_key
from airgap.revocation.evidence_files import (
    CrlFile,
    Evidence,
    MisplacedEvidence,
    OcspFile,
    UnreadableEvidence,
    where,
)
from airgap.revocation.makers import EvidenceMakers, KnownCertificates
from airgap.revocation.query import HOLD, REMOVED, RevocationQuery, about_file, is_about_key, revoked

if TYPE_CHECKING:
    from airgap.pki.certificate import Certificate
    from airgap.pki.crl import Crl
    from airgap.pki.crl_entries import RevokedEntry
    from airgap.pki.single_response import SingleResponse
    from airgap.revocation.freshness import DatedEvidence, EvidenceKind

_SOFTENED = "revoked, but its key was only invalid after this signature was made"
_ASK = "Ask the CA: if it revoked the certificate, do not use the artifact"
_LATER = "good at that moment; revoked later"


class RevocationStatement(NamedTuple):
    """One statement that the certificate is revoked or on hold."""

    file: CrlFile | OcspFile
    dated: DatedEvidence
    reason: str | None
    revoked_at: datetime | None

    @property
    def kind(self) -> EvidenceKind:
        """Whether it is in a CRL or an OCSP response."""
        return self.file.kind

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the CRL or OCSP response."""
        return self.file.fingerprint

    @property
    def this_update(self) -> datetime:
        """When the statement was made."""
        return self.dated.this_update

    @property
    def age(self) -> tuple[datetime, str]:
        """A sort key: newer is greater. File names do not decide between statements of the same time."""
        return self.this_update, self.fingerprint

    @property
    def is_hold(self) -> bool:
        """Whether it is a hold, which can be lifted."""
        return self.reason == HOLD

    def rejection(self, query: RevocationQuery) -> Rejected:
        """The error for this statement."""
        return revoked(query, self.dated, self.reason, self.revoked_at)


class RevocationStatements(NamedTuple):
    """What a piece of evidence, or all of it, says against a certificate."""

    revoked: tuple[RevocationStatement, ...] = ()
    """Final revocations and holds."""
    doubts: tuple[Undecided, ...] = ()
    """Evidence that may be against it but cannot be read or understood."""
    softened: str = ""
    """Why a statement does not count for this signature and time; empty if there is none."""
    misplaced_holds: tuple[tuple[RevocationStatement, Undecided], ...] = ()
    """Holds in misplaced evidence, and the doubt for each that nothing newer lifts."""
    unproven: tuple[str, ...] = ()
    """What says in a target that it is revoked, and why nothing follows: in words."""

    @classmethod
    def joined(cls, pieces: Iterable[Self]) -> Self:
        """What several pieces say together."""
        revoked, doubts, softened, holds, unproven = zip(cls(), *pieces, strict=True)
        return cls(
            tuple(chain(*revoked)),
            tuple(chain(*doubts)),
            max(softened),
            tuple(chain(*holds)),
            tuple(dict.fromkeys(chain(*unproven))),
        )

    @property
    def is_against(self) -> bool:
        """Whether something follows against the certificate."""
        return bool(self.revoked or self.doubts)

    @property
    def final(self) -> tuple[RevocationStatement, ...]:
        """Final revocations."""
        return tuple(item for item in self.revoked if not item.is_hold)

    @property
    def holds(self) -> tuple[RevocationStatement, ...]:
        """Holds, which can be lifted."""
        return tuple(item for item in self.revoked if item.is_hold)

    def worst(self) -> RevocationStatement | None:
        """The newest final revocation; file names do not decide."""
        return max(self.final, key=lambda said: said.age, default=None)

    def unproven_warnings(self) -> tuple[str, ...]:
        """What is not proven here, for people: of much of it the first ones and the number of others."""
        more = len(self.unproven) - limits.NEWER_SHOWN
        rest = (f"{more} more pieces of evidence say that it is revoked, and are not proven",) if more > 0 else ()
        return (*(f"{text}. {_ASK}" for text in self.unproven[: limits.NEWER_SHOWN]), *rest)

    def first_doubt(self) -> Undecided | None:
        """A doubt, also about a misplaced hold, whether or not something newer lifts that."""
        return next(iter((*self.doubts, *(doubt for _, doubt in self.misplaced_holds))), None)


class CondemningEvidence:
    """Finds the statements against certificates in one body of evidence."""

    def __init__(self, evidence: Evidence, damaged: DamagedEvidence, known: KnownCertificates) -> None:
        """`damaged`: of the trust directory. `known`: certificates in this evidence and in the trust directory."""
        self._evidence: Final = evidence
        self.known: Final = known
        self._damaged: Final = damaged
        self._here: Final = Once(lambda: evidence.fingerprints() | {file.fingerprint for file in evidence.trusted()})
        """Fingerprints of all evidence."""
        self.makers: Final = EvidenceMakers(evidence, known.stored)

    def find(self, query: RevocationQuery) -> RevocationStatements:
        """All statements of genuine evidence against the certificate of `query`."""
        evidence = self._evidence
        crls = (_of_crl(query, file) for file in evidence.crls(query.issuer.subject))
        responses = (_of_response(query, file, self.makers) for file in evidence.ocsp(query.certificate.serial))
        misplaced = [_of_misplaced(query, item, self.makers) for item in evidence.misplaced(query.certificate)]
        unread = (
            Undecided(
                "evidence.unread",
                f"{item.path} {where(item.origin)} cannot be used, and may be about {query.who}: {item.problem}",
                **query.facts(evidence=item.name, problem=item.problem),
            ).advising(item.remedy)
            for item in self.unread(query)
        )
        others = (self.of_another(query, file) for file in evidence.indirect())
        doubts = _doubt(*self._damaged.about(query), *unread)
        return RevocationStatements.joined((*crls, *responses, *self._of_unproven(query), *others, doubts, *misplaced))

    def _of_unproven(self, query: RevocationQuery) -> Iterator[RevocationStatements]:
        """What came from elsewhere and says that it is revoked: in the trust directory such a piece is damaged."""
        crls, responses = self._evidence.crls(query.issuer.subject), self._evidence.ocsp(query.certificate.serial)
        files: tuple[CrlFile | OcspFile, ...] = (*crls, *responses)
        return (self.unproven(query, file) for file in files if not file.trusted and _may_revoke(file, query))

    def unproven(self, query: RevocationQuery, file: CrlFile | OcspFile) -> RevocationStatements:
        """What follows from a piece that came from elsewhere and says "revoked", where it is not proven.

        A doubt where it cannot be checked here, or its proof may be lost; else nothing, as any person may have made it.
        """
        try:
            self.makers.prove(query, file)
        except Unchecked as error:
            return _doubt(_unproven(query, file, error))
        except (FormatError, Undecided) as error:
            if (proof := self.makers.lost_proof(query, file.maker)) is None:
                return RevocationStatements(unproven=(_unproven_text(query, file, error),))
        else:
            return RevocationStatements()
        text = (
            f"{file.name} {where(file.origin)} says that {query.who} is revoked, and it is not proven that its issuer "
            f"says so: {proof.path} {where(proof.origin)} may hold the certificate that proves it, and {proof.problem}"
        )
        facts = query.facts(evidence=file.name, problem=proof.problem)
        remedy = f"Get {proof.path} again, as PEM or DER, and ask the CA before you remove it."
        return _doubt(Undecided("evidence.unread", text, **facts).advising(remedy))

    def against_key(
        self, query: RevocationQuery, authorities: tuple[Certificate, ...], *, stated: bool
    ) -> Iterator[tuple[RevocationQuery, RevocationStatement]]:
        """The final revocations of other certificates that are about its key, each with what was asked."""
        for item, issuer in self.known.of_key(query.certificate, authorities):
            above = issuer, *authorities
            renewed = self.known.renewed(above)
            asked = replace(query, certificate=item, authorities=above, renewed=renewed, lost=NOTHING_FOUND)
            final = self.find(asked).final
            yield from ((asked, said) for said in final if is_about_key(said.reason, stated=stated))

    def of_another(self, query: RevocationQuery, file: CrlFile) -> RevocationStatements:
        """What a CRL of another name than its issuer's says against it.

        That counts where the certificate names its maker as the issuer of such CRLs (RFC 5280, 6.3.3 (f)). Else it is
        a doubt if it may be from a CA of the trust stores, or from the issuer; in the trust directory from any CA.
        """
        if same_name(file.facts.issuer, query.issuer.subject):
            return RevocationStatements()
        text = (
            f"{file.name} says that {query.who} is revoked, and is from another CA than its issuer: it is not known "
            "whether that may say so"
        )
        doubt = _doubt(
            Undecided("revocation.crl.issuer", text, **query.facts(evidence=file.name)).advising(
                "Ask the issuer. If it revoked the certificate, do not use the artifact; else remove the CRL."
            )
        )
        try:
            crl = file.load()
        except FormatError:
            return doubt if file.trusted else RevocationStatements()
        try:
            said = _of_entries(query, file, crl.entries(query.certificate))
        except Undecided as error:
            said = _doubt(about_file(query, file, error))
        if not said.is_against:
            return RevocationStatements()
        is_named = any(same_name(name, crl.issuer) for name in query.certificate.crl_issuers)
        named = self.known.of_ca(crl.issuer, query.authorities) if is_named else ()
        if any(map(crl.is_intact, named)):
            return said
        makers = (*query.issuers, *named, *self.known.stored_of(crl.issuer))
        if file.trusted or self._may_be_by(crl, makers) or (is_named and not named and not file.is_unsigned):
            return doubt
        why = f"{file.name} {where(file.origin)} says that {query.who} is revoked, and no certificate here made it"
        return RevocationStatements(unproven=(why,) if named else ())

    @staticmethod
    def _may_be_by(crl: Crl, makers: Iterable[Certificate]) -> bool:
        """Whether one of these keys made it, or may have and cannot be checked here, if it names this one."""
        for maker in makers:
            try:
                crl.verify_intact(maker)
            except Unchecked:
                if crl.may_be_from(maker) or (crl.authority_key and crl.authority_key == maker.subject_key):
                    return True
            except Undecided:
                continue
            else:
                return True
        return False

    def warnings_of_lost(self, said: Iterable[TargetStatement], query: RevocationQuery) -> tuple[str, ...]:
        """What went with a target, says that the certificate is revoked, and was and is not proven: for people."""
        names = dict.fromkeys(
            item.evidence.name
            for item in said
            if item.evidence.fingerprint not in self._here() and not self.may_count(item, query)
        )
        text = (
            f"which was in the layout, says that {query.who} is revoked, and it is not proven that its issuer says so"
        )
        return RevocationStatements(unproven=tuple(f"{name}, {text}" for name in names)).unproven_warnings()

    def may_count(self, said: TargetStatement, query: RevocationQuery) -> bool:
        """Whether what was in a target may count, and is not judged now, as it or its proof is gone.

        It counts if it was proven then, or may be now. What is here without its proof is as good as gone: else a person
        could take out the proof alone.
        """
        if said.evidence.fingerprint not in self._here():
            return said.unproven is None or self.makers.may_prove(said.unproven, query, said.evidence.kind)
        if said.unproven is not None and not self.makers.lacks(said.unproven):
            return False
        evidence = self._evidence
        is_crl = said.evidence.kind == "crl"
        files = (*evidence.crls(query.issuer.subject), *evidence.indirect()) if is_crl else evidence.all_ocsp()
        here = [file for file in files if file.fingerprint == said.evidence.fingerprint]
        return bool(here) and not any(self._is_judged(query, file) for file in here)

    def _is_judged(self, query: RevocationQuery, file: CrlFile | OcspFile) -> bool:
        """Whether something follows from what it says against the certificate."""
        if self.makers.is_genuine(query, file) or self.unproven(query, file).doubts:
            return True
        return isinstance(file, CrlFile) and self.of_another(query, file).is_against

    def unread(self, query: RevocationQuery) -> tuple[UnreadableEvidence, ...]:
        """Evidence that cannot be read, and may be about the certificate."""
        urls = frozenset(_urls(query, self._evidence.crls(query.issuer.subject)))
        return self._evidence.unread(query.certificate.issuer, _keys(query), urls)


def _keys(query: RevocationQuery) -> frozenset[bytes]:
    """The key identifiers of the issuer, from the certificate and from the issuer's certificates."""
    stated = (authority_key(query.certificate.extensions), *(issuer.subject_key for issuer in query.issuers))
    return frozenset(key for key in stated if key)


def _urls(query: RevocationQuery, crls: Iterable[CrlFile]) -> Iterator[str]:
    """The URLs of evidence about the certificate, including delta CRLs, which the certificate or its CRLs name."""
    certificate = query.certificate
    yield from certificate.ocsp_urls
    points = [*certificate.distribution_points, *certificate.freshest_crl]
    for file in crls:
        with suppress(FormatError, Undecided):  # URLs in CRLs that the issuer did not make are ignored
            crl = file.load()
            crl.verify_made_by(*query.issuers)
            points += crl.freshest
    yield from (uri for point in points for uri in point.uris)


def _of_crl(query: RevocationQuery, file: CrlFile) -> RevocationStatements:
    try:
        crl = file.load()
    except FormatError as error:
        return _doubt(
            Undecided("evidence.unread", f"{file.name} cannot be read: {error}", **query.facts(evidence=file.name))
        )
    try:
        crl.verify_made_by(*query.issuers)  # any key of the CA that the chain proves (PKITS 4.5.2)
    except Undecided as error:
        # In the trust directory, a CRL of the issuer that does not verify is damaged: it may have listed the
        # certificate. One that lists it and has another key may be from the CA after it renewed its key.
        if file.trusted and _may_list(crl, query):
            return _doubt(_unproven(query, file, error))
        if file.trusted and any(crl.may_be_from(key) or has_near_key(crl, key) for key in query.issuers):
            return _doubt(about_file(query, file, error))
        return RevocationStatements()
    try:
        entries = crl.entries(query.certificate)
    except Undecided as error:
        return _doubt(about_file(query, file, error))
    return _of_entries(query, file, entries)


def _may_revoke(file: CrlFile | OcspFile, query: RevocationQuery) -> bool:
    """Whether it says so, without a check of its signature."""
    if isinstance(file, OcspFile):
        said = file.response.statements(query.certificate, *query.issuers)
        return any(single.status == "revoked" for single in said)
    try:
        return _may_list(file.load(), query)
    except FormatError:
        return False  # a doubt of its own


def _doubt(*errors: Undecided) -> RevocationStatements:
    return RevocationStatements(doubts=errors)


def _unproven(query: RevocationQuery, file: CrlFile | OcspFile, error: Undecided) -> Undecided:
    """The error for unproven evidence that says "revoked": removing the file could pass a revoked certificate."""
    return Undecided(
        error.reason, _unproven_text(query, file, error), **{**query.facts(evidence=file.name), **error.facts}
    ).advising(
        "Ask the CA before you remove the file. If it signs with a new key now, or another responder answers for it, "
        "that may have made this file: then do not use the artifact. If the file is damaged, or from another CA, get "
        "the issuer's own evidence (airgap trust fetch), and remove it."
    )


def _unproven_text(query: RevocationQuery, file: CrlFile | OcspFile, error: FormatError | Undecided) -> str:
    place = "" if file.trusted else f" {where(file.origin)}"
    return f"{file.name}{place} says that {query.who} is revoked, and it is not proven that its issuer says so: {error}"


def _may_list(crl: Crl, query: RevocationQuery) -> bool:
    """Whether a CRL with the name of the issuer lists the certificate, without a check of its signature."""
    try:
        return any(entry.doubt or entry.reason != REMOVED for entry in crl.entries(query.certificate))
    except Undecided:
        return True


def _of_entries(query: RevocationQuery, file: CrlFile, entries: Sequence[RevokedEntry]) -> RevocationStatements:
    counting: list[RevokedEntry] = []
    doubts: list[Undecided] = []
    softened = ""
    for entry in entries:
        if entry.doubt:
            text = f"{file.name}: an entry of the CRL for {query.who} {entry.doubt}"
            doubts.append(Undecided("revocation.crl.extension", text, **query.facts_of(file.dated)))
        elif harmless := why_harmless(query, file.facts.this_update, entry.revocation_date, entry.invalidity_date):
            softened = max(softened, harmless)
        else:
            counting.append(entry)
    hold = hold_in_force(counting)
    revoked = [item for item in counting if item.reason not in {HOLD, REMOVED}] + ([hold] if hold else [])
    return RevocationStatements(
        tuple(RevocationStatement(file, file.dated, entry.reason, entry.revocation_date) for entry in revoked),
        tuple(doubts),
        softened,
    )


def _of_misplaced(query: RevocationQuery, item: MisplacedEvidence, makers: EvidenceMakers) -> RevocationStatements:
    """The doubt about misplaced evidence that says something against the certificate; its holds if it says no more.

    Backups of evidence hold former states.
    """
    file = item.file
    said = _of_crl(query, file) if isinstance(file, CrlFile) else _of_response(query, file, makers)
    if not (said.revoked or said.doubts):
        return RevocationStatements()
    against = "says something" if said.revoked else "may say something"
    text = f"{item.path} {where(file.origin)} {against} against {query.who}, and is not judged: it {item.problem}"
    facts = query.facts(evidence=file.name, problem=item.problem)
    doubt = Undecided("evidence.unread", text, **facts).advising(item.remedy)
    if said.doubts or said.final:
        return _doubt(doubt)
    return RevocationStatements(misplaced_holds=tuple((hold, doubt) for hold in said.holds))


def _of_response(query: RevocationQuery, file: OcspFile, makers: EvidenceMakers) -> RevocationStatements:
    statements = file.response.statements(query.certificate, *query.issuers)
    if not statements:
        return RevocationStatements()
    try:
        makers.verify(file.response, query.issuers)
    except Undecided as error:
        if not file.trusted:
            return RevocationStatements()
        # In the trust directory "revoked" is never passed over: like a CRL of an unknown key, it may be from whom the
        # operator knows, or the CA entrusted, and the chain does not prove.
        damage = tuple(damage_of(query, file, error, makers))
        if any(single.status == "revoked" for single in statements):
            return _doubt(_unproven(query, file, next(iter(damage), error)))
        is_damaged = error.reason == "revocation.ocsp.signature"
        return _doubt(*(about_file(query, file, problem) for problem in damage if is_damaged))
    revoked: list[RevocationStatement] = []
    doubts: list[Undecided] = []
    softened = ""
    for single in statements:
        if single.status != "revoked":
            continue
        if doubt := doubt_about(single, query.certificate, query.issuer):
            text = f"{file.name}: the OCSP response about {query.who} {doubt}"
            doubts.append(Undecided("revocation.ocsp.malformed", text, **query.facts_of(file.dated(single))))
        elif harmless := why_harmless(query, single.this_update, single.revocation_time, single.invalidity_date):
            softened = max(softened, harmless)
        else:
            revoked.append(RevocationStatement(file, file.dated(single), single.reason, single.revocation_time))
    return RevocationStatements(tuple(revoked), tuple(doubts), softened)


def doubt_about(single: SingleResponse, certificate: Certificate, issuer: Certificate | None) -> str:
    """Why it is not certain that an answer "revoked" is about this certificate; empty if it is.

    `issuer`: None if it is not proven which one it is.
    """
    if single.doubt:
        return single.doubt
    if issuer is None or not single.names(issuer):
        return "says 'revoked', and names another key of the issuer, or one that is not known"
    if single.serial != certificate.serial:
        return "says 'revoked', and states the serial number as a negative one"
    return ""


def why_harmless(
    query: RevocationQuery, made: datetime, revoked_at: datetime | None, invalid_since: datetime | None
) -> str:
    """Why an entry does not count for this signature and time; empty if it counts.

    `made`: the date of the evidence. Evidence from before the judged time counts whatever date its entry states
    (CRL-11). Later evidence counts if its entry says that the certificate was revoked, or its key invalid, by the
    judged time. It always counts if the judged time is not in the past.
    """
    if _made_before(query, invalid_since):
        return _SOFTENED
    judged = query.moment.judged
    since = min((moment for moment in (revoked_at, invalid_since) if moment), default=None)
    return _LATER if since and judged < query.moment.clock and judged < min(made, since) else ""


def _made_before(query: RevocationQuery, invalid_since: datetime | None) -> bool:
    """Whether it is proven that the signature was made before the key became invalid (CRL-12, OCSP-7, D31)."""
    return invalid_since is not None and query.signed_at is not None and query.signed_at < invalid_since


def hold_in_force(entries: Sequence[RevokedEntry]) -> RevokedEntry | None:
    """The current hold: the latest of holds and removals, the first one if the dates are equal (CRL-10)."""
    passing = [entry for entry in entries if entry.reason in {HOLD, REMOVED}]
    latest = max(passing, key=lambda entry: entry.revocation_date, default=None)
    return latest if latest and latest.reason == HOLD else None
