"""Finds the available evidence that condemns a certificate, i.e. says that it is revoked or on hold (decision 0009).

To condemn, it is enough that the issuer of the certificate made the evidence, or a delegated responder of the issuer
that was valid at signing. It does not matter whether the evidence is old, stale, out of scope, newer than the clock,
does not fit its base, or is contradicted by other evidence: a final revocation stays. Only the meaning of the entry
counts: which certificate it is about, and since when.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from airgap.errors import FormatError, Unchecked, Undecided
from airgap.once import Once
from airgap.pki.distinguished_names import same_name
from airgap.pki.extensions import authority_key
from airgap.revocation.answer_evidence import TargetStatement
from airgap.revocation.damage import DamagedEvidence, damage_of, has_near_key
from airgap.revocation.entry_meaning import may_list, of_answers, of_entries
from airgap.revocation.evidence_files import (
    CrlFile,
    Evidence,
    MisplacedEvidence,
    OcspFile,
    UnreadableEvidence,
    where,
)
from airgap.revocation.known_certificates import KnownCertificates
from airgap.revocation.maker_proofs import MakerProofs
from airgap.revocation.makers import EvidenceMakers
from airgap.revocation.query import RevocationQuery, about_file, is_about_key
from airgap.revocation.statements import (
    AgainstKey,
    RevocationStatement,
    RevocationStatements,
    in_doubt,
    not_proven,
    unproven_text,
    unsure_maker,
)

if TYPE_CHECKING:
    from airgap.pki.certificate import Certificate
    from airgap.pki.crl import Crl


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
        self._proofs: Final = MakerProofs(known, self._revoking)

    def find(self, query: RevocationQuery) -> RevocationStatements:
        """All statements of genuine evidence against the certificate of `query`."""
        evidence = self._evidence
        genuine = (self._certain(query, said) for said in self._of_issuer(query))
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
        doubts = in_doubt(*self._damaged.about(query), *unread)
        return RevocationStatements.joined((*genuine, *self._of_unproven(query), *others, doubts, *misplaced))

    def _of_issuer(self, query: RevocationQuery) -> Iterator[RevocationStatements]:
        """What each piece of the issuer, or of a delegate of it, says."""
        for crl in self._evidence.crls(query.issuer.subject):
            yield _of_crl(query, crl)
        for response in self._evidence.ocsp(query.certificate.serial):
            yield _of_response(query, response, self.makers)

    def _revoking(self, query: RevocationQuery) -> str:
        """What says that a certificate is revoked for good; empty if nothing does."""
        found = (final.file.name for said in self._of_issuer(query) for final in said.final)
        return next(found, "")

    def _certain(self, query: RevocationQuery, said: RevocationStatements) -> RevocationStatements:
        """What one piece says: in doubt where CAs that are revoked or had ended prove its maker alone."""
        if not (said.final and query.renewed):
            return said
        file = said.final[0].file
        if self.makers.is_genuine(replace(query, renewed=()), file):
            return said
        unsure = {item: why for item in query.renewed if (why := self._proofs.why_unsure(item, query, file.made))}
        sure = tuple(item for item in query.renewed if item not in unsure)
        if not unsure or self.makers.is_genuine(replace(query, renewed=sure), file):
            return said
        return said.made_unsure(query, next(iter(unsure.values())))

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
            return in_doubt(not_proven(query, file, error))
        except (FormatError, Undecided) as error:
            if (proof := self.makers.lost_proof(query, file.maker)) is None:
                return RevocationStatements(unproven=(unproven_text(query, file, error),))
        else:
            return RevocationStatements()
        text = (
            f"{file.name} {where(file.origin)} says that {query.who} is revoked, and it is not proven that its issuer "
            f"says so: {proof.path} {where(proof.origin)} may hold the certificate that proves it, and {proof.problem}"
        )
        facts = query.facts(evidence=file.name, problem=proof.problem)
        remedy = f"Get {proof.path} again, as PEM or DER, and ask the CA before you remove it."
        return in_doubt(Undecided("evidence.unread", text, **facts).advising(remedy))

    def against_key(
        self, query: RevocationQuery, authorities: tuple[Certificate, ...], *, stated: bool
    ) -> Iterator[AgainstKey]:
        """The final revocations of other certificates that are about its key."""
        chain = replace(query, authorities=authorities)
        for item, issuer in self.known.of_key(query.certificate, authorities):
            asked = self.known.asking_about(item, issuer, chain)
            found = self.find(asked)
            certain: list[tuple[RevocationStatement, Undecided | None]] = [(said, None) for said in found.final]
            for said, doubt in (*certain, *found.unsure):
                if is_about_key(said.reason, stated=stated):
                    why = self._proofs.why_unsure(item, chain, said.file.made)
                    unsure = unsure_maker(asked, said, why) if why else doubt
                    yield AgainstKey(asked, said, unsure or said.rejection(asked))

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
        doubt = in_doubt(
            Undecided("revocation.crl.issuer", text, **query.facts(evidence=file.name)).advising(
                "Ask the issuer. If it revoked the certificate, do not use the artifact; else remove the CRL."
            )
        )
        try:
            crl = file.load()
        except FormatError:
            return doubt if file.trusted else RevocationStatements()
        try:
            said = of_entries(query, file, crl.entries(query.certificate))
        except Undecided as error:
            said = in_doubt(about_file(query, file, error))
        if not said.is_against:
            return RevocationStatements()
        is_named = any(same_name(name, crl.issuer) for name in query.certificate.crl_issuers)
        named = self.known.of_ca(crl.issuer, query.authorities) if is_named else ()
        made_by = [item for item in named if crl.is_intact(item)]
        doubts = [self._proofs.why_unsure(item, query, file.made) for item in made_by]
        if made_by:
            return said.made_unsure(query, doubts[0]) if all(doubts) else said
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
        return in_doubt(
            Undecided("evidence.unread", f"{file.name} cannot be read: {error}", **query.facts(evidence=file.name))
        )
    try:
        crl.verify_made_by(*query.issuers)  # any key of the CA that the chain proves (PKITS 4.5.2)
    except Undecided as error:
        # In the trust directory, a CRL of the issuer that does not verify is damaged: it may have listed the
        # certificate. One that lists it and has another key may be from the CA after it renewed its key.
        if file.trusted and may_list(crl, query):
            return in_doubt(not_proven(query, file, error))
        if file.trusted and any(crl.may_be_from(key) or has_near_key(crl, key) for key in query.issuers):
            return in_doubt(about_file(query, file, error))
        return RevocationStatements()
    try:
        entries = crl.entries(query.certificate)
    except Undecided as error:
        return in_doubt(about_file(query, file, error))
    return of_entries(query, file, entries)


def _may_revoke(file: CrlFile | OcspFile, query: RevocationQuery) -> bool:
    """Whether it says so, without a check of its signature."""
    if isinstance(file, OcspFile):
        said = file.response.statements(query.certificate, *query.issuers)
        return any(single.status == "revoked" for single in said)
    try:
        return may_list(file.load(), query)
    except FormatError:
        return False  # a doubt of its own


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
        return in_doubt(doubt)
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
            return in_doubt(not_proven(query, file, next(iter(damage), error)))
        is_damaged = error.reason == "revocation.ocsp.signature"
        return in_doubt(*(about_file(query, file, problem) for problem in damage if is_damaged))
    return of_answers(query, file, statements)
