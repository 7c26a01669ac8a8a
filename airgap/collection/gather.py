"""Gathers evidence for certificates: proves what was downloaded (`asking.py`) or offered, and keeps what is genuine."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple

from airgap import limits
from airgap.collection.attempts import Attempt, AttemptResult, failed_attempt, is_newest_refused, no_answer
from airgap.collection.chains import CertificateToCheck
from airgap.collection.evidence_writer import EvidenceWriter, Kept
from airgap.errors import FormatError, LimitError, Undecided
from airgap.parse.time import iso
from airgap.pki.certificate import Certificate
from airgap.pki.crl import Crl
from airgap.pki.distinguished_names import same_name
from airgap.pki.extensions import DistributionPoint
from airgap.pki.ocsp import OcspResponse, says_error
from airgap.pki.single_response import SingleResponse
from airgap.pki.wrong_files import NeededFile, may_hide_evidence, needed_in, problem_of_download, problem_of_evidence
from airgap.revocation.combined import CombinedEvidence
from airgap.revocation.evidence_directory import CRLS, OCSP, EvidenceDirectory
from airgap.revocation.evidence_files import DOWNLOADED, Evidence, EvidenceFile
from airgap.revocation.freshness import PieceKind
from airgap.revocation.makers import EvidenceMakers
from airgap.revocation.pool import EvidencePool
from airgap.text import safe


class _Response(NamedTuple):
    """An OCSP response that came and is not kept."""

    data: bytes
    source: str
    item: CertificateToCheck
    issuer: Certificate
    attempt: Attempt


class Gatherer:
    """Collects evidence in one folder. Use one object for one run, and `finish` it when all has come."""

    def __init__(
        self,
        writer: EvidenceWriter,
        known: Evidence,
        stored: Sequence[Certificate],
        *,
        at: datetime,
        unproven: bool = False,
    ) -> None:
        """`known`: the available evidence, whose responders may have made what comes. `at`: now.

        `stored`: the certificates of the trust stores, which may be those of responders, too.
        `unproven`: also keep CRLs whose issuer's certificate is not available.
        """
        self._writer: Final = writer
        self._known: Final = known
        self._stored: Final = stored
        self._makers = EvidenceMakers(known, lambda: stored)
        self.unproven: Final = unproven
        self.at: Final = at
        self.lock: Final = threading.Lock()
        """Threads hold it while they add something."""
        self.attempts: Final[defaultdict[CertificateToCheck, list[Attempt]]] = defaultdict(list)
        self.responders: Final[dict[CertificateToCheck, None]] = {}
        """Delegated responders that signed a response and whose own revocation must be checked (D37)."""
        self._holders: Final[dict[str, OcspResponse]] = {}
        """Responses that hold the certificate of a responder that a kept one lacks, by fingerprint."""
        self._lone: Final[dict[Certificate, None]] = {}
        """The same certificates where no genuine response holds them, but a file of its own, or a forged one."""
        self.sources: Final[dict[str, str]] = {}
        self.unanswered: Final[dict[CertificateToCheck, None]] = {}
        """Certificates for which some place answered, and its newest answer was refused."""
        self.in_turn: Final[list[tuple[Sequence[CertificateToCheck], Sequence[Attempt]]]] = []
        """The attempts at places that should all have the same answer."""
        self._unproven: Final[list[tuple[Attempt, EvidenceFile]]] = []
        """Downloaded revocations that are not kept, as they could not be proven when they came."""
        self._unproven_bytes = 0
        self._left: Final[list[_Response]] = []
        self._left_bytes = 0
        self._again: Final[dict[Attempt, Attempt]] = {}

    def finish(self) -> None:
        """Proves what could not be proven when it came, now that all has come, and keeps what proves it.

        Any response may hold the certificate of the responder of another one, whichever of them came first. Raises
        LimitError, TrustMaterialError, OSError.
        """
        self._prove_again()
        self._writer.keep_responders(self._holders, self._lone.keys() - set(self._stored))
        for to_check, attempts in self.in_turn:
            if is_newest_refused([self.latest(attempt) for attempt in attempts]):
                self.unanswered.update(dict.fromkeys(to_check))

    def latest(self, attempt: Attempt) -> Attempt:
        """The attempt as it is after `finish`."""
        return self._again.get(attempt, attempt)

    def downloaded(self, data: bytes, source: str, to_check: Iterable[CertificateToCheck], attempt: Attempt) -> None:
        """Remember what came from a place of the certificates, if it is an unproven revocation of one of them.

        Beyond the bound it is not remembered, and these certificates count as not answered.
        """
        if attempt.outcome is not AttemptResult.REFUSED or attempt.file or not may_revoke(data, to_check):
            return
        self._unproven_bytes += len(data)
        if self._unproven_bytes > limits.TARGET_EVIDENCE_BYTES:
            self.unanswered.update(dict.fromkeys(to_check))
            return
        file = EvidenceFile(safe(source), DOWNLOADED, partial(bytes, data), trusted=True)
        self._unproven.append((attempt, file))

    def unproven_downloads(self) -> list[EvidenceFile]:
        """Revocations that were downloaded and are still not proven after `finish`.

        They are judged as if they were in the trust directory: there they leave the answer open.
        """
        latest = ((self.latest(attempt), file) for attempt, file in self._unproven)
        return [file for attempt, file in latest if attempt.outcome is AttemptResult.REFUSED and attempt.file is None]

    def _prove_again(self) -> None:
        refused = [left for left in self._left if left.attempt.outcome is AttemptResult.REFUSED]
        if not refused:
            return
        came = [EvidenceFile(left.source, "", partial(bytes, left.data)) for left in self._left]
        kept = EvidenceDirectory.open(self._writer.root)
        self._makers = EvidenceMakers(
            CombinedEvidence([self._known, kept, EvidencePool(came, unread=())]), lambda: self._stored
        )
        for data, source, item, issuer, attempt in refused:
            again = self._take_ocsp(data, source, item, issuer)
            if again != attempt:
                self._again[attempt] = again
                self.attempts[item] = [self.latest(earlier) for earlier in self.attempts[item]]

    def take(self, data: bytes, source: str, to_check: Sequence[CertificateToCheck]) -> Attempt:
        """Take an offered CRL or OCSP response, for those of the certificates that it is about."""
        crl, response = _parsed(data)
        attempts: list[Attempt] = []
        for item in to_check:
            issuer = item.issuer
            attempt: Attempt | None = None
            if issuer and response is not None and response.statements(item.certificate, *item.issuers):
                attempt = self.keep_ocsp(data, source, item, issuer)
            elif (issuer or self.unproven) and crl is not None and same_name(crl.issuer, item.certificate.issuer):
                urls = (
                    ()
                    if crl.is_delta
                    else [uri for point in item.certificate.distribution_points for uri in point.uris]
                )
                check = _nothing if crl.is_delta else partial(self.check_answers, point=None, to_check=[item])
                attempt, _ = self.take_crl(data, source, item.issuers, [item], urls, check)
            if attempt is not None:
                attempts.append(attempt)
                self.note([item], attempt)
        order = (AttemptResult.NEW, AttemptResult.UNCHANGED, AttemptResult.OLDER, AttemptResult.REFUSED)
        if attempts:
            return min(attempts, key=lambda attempt: order.index(attempt.outcome))
        kind: PieceKind = "ocsp" if response is not None else "crl"
        if crl is None and response is None:
            return failed_attempt(source, kind, AttemptResult.REFUSED, _no_evidence(data, needed_in("", source)))
        return failed_attempt(source, kind, AttemptResult.REFUSED, _unneeded(crl, to_check))

    # --- proving and keeping: all genuine evidence is kept, because any of it may condemn (decision 0009) ---

    def take_crl(
        self,
        data: bytes,
        source: str,
        issuers: tuple[Certificate, ...],
        to_check: Iterable[CertificateToCheck],
        urls: Sequence[str],
        check: Callable[[Crl], None],
    ) -> tuple[Attempt, Crl | None]:
        """Keep a CRL that the issuer made; None where it did not.

        A CRL that does not answer for the certificate (`check` raises Undecided) is kept and counts as refused: another
        place may have the answer.
        """
        try:
            crl = Crl.parse(data)
        except FormatError as error:
            refusal = Undecided("revocation.crl.malformed", problem_of_download(data, NeededFile.CRL, error))
            return _refused(data, source, "crl", refusal), None
        kind: PieceKind = "delta-crl" if crl.is_delta else "crl"
        maker: Certificate | None = None
        try:
            if issuers:
                maker = crl.verify_made_by(*issuers)
            elif not any(same_name(crl.issuer, item.certificate.issuer) for item in to_check):
                text = f"it is from {safe(crl.issuer_text)!r}, not from the certificate's issuer"
                raise Undecided("revocation.crl.issuer", text)  # noqa: TRY301 - refused as any other
        except Undecided as error:  # it may be of a new key of the issuer, or its name may be damaged
            attempt = failed_attempt(source, kind, AttemptResult.REFUSED, error)
            made, due = crl.this_update, crl.next_update
            return replace(attempt, number=crl.number, this_update=made, next_update=due), None
        kept = self._writer.keep_crl(crl, maker, urls)
        name = f"{CRLS}/{kept.name}"
        attempt = self._kept(source, kind, kept, name, crl.number, crl.this_update, crl.next_update)
        try:
            check(crl)
        except Undecided as error:
            return no_answer(attempt, error), crl
        return attempt, crl

    def check_answers(
        self, crl: Crl, *, point: DistributionPoint | None, to_check: Iterable[CertificateToCheck]
    ) -> None:
        """Raises Undecided unless the CRL answers for one of the certificates: it may cover only CAs, or only users."""
        self._check_date("crl", crl.this_update)
        crl.check_base()
        first: Undecided | None = None
        for item in to_check:
            try:
                if item.issuer is not None:
                    crl.verify_signed_by(item.issuer)
                crl.check_covers(item.certificate, point)
                crl.entries(item.certificate)
            except Undecided as error:
                first = first or error
            else:
                return
        if first:
            raise first

    def check_delta(self, crl: Crl, *, base: Crl) -> None:
        """Raises Undecided unless the delta CRL fits `base`."""
        self._check_date("crl", crl.this_update)
        crl.check_fits(base)

    def _check_date(self, kind: PieceKind, made: datetime) -> None:
        if made > self.at + limits.CLOCK_SKEW:
            text = f"it was made at {iso(made)}, and the clock says {iso(self.at)}"
            raise Undecided(f"revocation.{kind}.future", text)

    def keep_ocsp(self, data: bytes, source: str, item: CertificateToCheck, issuer: Certificate) -> Attempt:
        """Take a response. One that is not kept may be proven later, or prove another one."""
        attempt = self._take_ocsp(data, source, item, issuer)
        is_on_disk = attempt.file is not None and attempt.outcome is not AttemptResult.OLDER
        if not is_on_disk and attempt.reason != MALFORMED[NeededFile.OCSP]:
            self._left_bytes += len(data)
            if self._left_bytes > limits.TARGET_EVIDENCE_BYTES:
                raise LimitError(f"responders gave more than {limits.TARGET_EVIDENCE_BYTES} bytes that are not proven")
            self._left.append(_Response(data, source, item, issuer, attempt))
        return attempt

    def _take_ocsp(self, data: bytes, source: str, item: CertificateToCheck, issuer: Certificate) -> Attempt:
        certificate = item.certificate
        try:
            response, statements = _statements(data, item)
        except Undecided as error:
            if says_error(data):  # that is no newer answer than none at all
                return failed_attempt(source, "ocsp", AttemptResult.FAILED, error)
            return _refused(data, source, "ocsp", error)
        single = statements[0]
        try:
            maker = self._makers.verify(response, item.issuers)
        except Undecided as error:
            attempt = failed_attempt(source, "ocsp", AttemptResult.REFUSED, error)
            made, due = single.this_update, single.next_update
            return replace(attempt, this_update=made, next_update=due, certificate=certificate)
        if maker and maker.holder and _is_made_for(maker.holder.response, item):
            self._holders[maker.holder.fingerprint] = maker.holder.response
        elif maker and not maker.delegate.may_make_crls:  # in a trust directory it would be that of the CA of its name
            self._lone[maker.delegate] = None
        kept = self._writer.keep_ocsp(data, response, certificate, issuer, item.renewed)
        attempt = self._kept(source, "ocsp", kept, f"{OCSP}/{kept.name}", None, single.this_update, single.next_update)
        try:
            self._check_response(response, issuer, item)
        except Undecided as error:
            return no_answer(attempt, error)
        return attempt

    def _check_response(self, response: OcspResponse, issuer: Certificate, item: CertificateToCheck) -> None:
        """Raises Undecided unless the response can clear `item`; notes its signer."""
        statements = response.statements(item.certificate, *item.issuers)
        if response.find(item.certificate, issuer) is None:
            who = repr(safe(item.certificate.subject_text))
            raise Undecided("revocation.ocsp.missing", f"it names the issuer of {who} by another name or key")
        if all(single.status == "unknown" for single in statements):  # OCSP-8: unknown is no answer
            who = repr(safe(item.certificate.subject_text))
            raise Undecided("revocation.ocsp.unknown", f"the responder does not know {who}")
        for single in statements:
            self._check_date("ocsp", single.this_update)
            if single.doubt:  # OCSP-6: an unknown critical extension
                raise Undecided("revocation.ocsp.malformed", f"it {single.doubt}")
            responder = response.verify_signed_for(issuer, at=min(self.at, single.next_update or self.at))
            if responder.delegated and not responder.no_check:
                self.responders[replace(item, certificate=responder.certificate)] = None

    def _kept(
        self,
        source: str,
        kind: PieceKind,
        kept: Kept,
        file: str,
        number: int | None,
        this_update: datetime | None,
        next_update: datetime | None,
    ) -> Attempt:
        older = kept.state is AttemptResult.OLDER
        if not older:
            self.sources[kept.name] = safe(source)
        return Attempt(
            source=safe(source),
            kind=kind,
            outcome=kept.state,
            message=f"it is older than {file}, and was ignored" if older else "",
            reason="evidence.older" if older else None,
            file=file,
            number=number,
            this_update=this_update,
            next_update=next_update,
        )

    def note(self, to_check: Iterable[CertificateToCheck], attempt: Attempt) -> Attempt:
        """Notes an attempt to get evidence for these certificates, and returns it."""
        for item in to_check:
            self.attempts[item].append(attempt)
        return attempt


def _refused(data: bytes, source: str, kind: PieceKind, error: Undecided) -> Attempt:
    """The attempt for what came and has no date that counts."""
    attempt = failed_attempt(source, kind, AttemptResult.REFUSED, error)
    return replace(attempt, is_no_evidence=not may_hide_evidence(data))


def _statements(data: bytes, item: CertificateToCheck) -> tuple[OcspResponse, tuple[SingleResponse, ...]]:
    """A response, not proven, and what it says about a certificate. Raises Undecided (revocation.ocsp.*)."""
    who = repr(safe(item.certificate.subject_text))
    try:
        response = OcspResponse.parse(data)
    except FormatError as error:
        raise Undecided("revocation.ocsp.malformed", problem_of_download(data, NeededFile.OCSP, error)) from None
    statements = response.statements(item.certificate, *item.issuers)
    if not statements:
        raise Undecided("revocation.ocsp.missing", f"it does not answer for {who}")
    return response, statements


def _is_made_for(response: OcspResponse, item: CertificateToCheck) -> bool:
    """Whether it is proven by what it holds. A forged one may hold a genuine certificate of a responder, too."""
    try:
        response.verify_made_for(*item.issuers)
    except Undecided:
        return False
    return True


def _no_evidence(data: bytes, wanted: NeededFile) -> Undecided:
    """Says what an offered file is if it is neither a CRL nor an OCSP response, and what to do."""
    problem = problem_of_evidence(data, wanted, None)
    return Undecided(MALFORMED[wanted], f"{problem}. {problem.remedy}".rstrip(". "))


def may_revoke(data: bytes, to_check: Iterable[CertificateToCheck]) -> bool:
    """Whether evidence, proven or not, says or may say that one of these certificates is revoked."""
    crl, response = _parsed(data)
    if crl is not None:
        return any(item.is_listed_by(crl) for item in to_check)
    return response is not None and any(
        single.status == "revoked"
        for item in to_check
        for single in response.statements(item.certificate, *item.issuers)
    )


UNNEEDED: Final = "evidence.unneeded"
MALFORMED: Final = {NeededFile.CRL: "revocation.crl.malformed", NeededFile.OCSP: "revocation.ocsp.malformed"}


def _nothing(_: Crl) -> None:
    """Accepts every offered delta CRL: the revocation check decides whether it fits a base."""


def _parsed(data: bytes) -> tuple[Crl | None, OcspResponse | None]:
    try:
        return Crl.parse(data), None
    except FormatError:
        pass
    try:
        return None, OcspResponse.parse(data)
    except FormatError:
        return None, None


def _unneeded(crl: Crl | None, to_check: Iterable[CertificateToCheck]) -> Undecided:
    """Why offered evidence was not used: no certificate needs it, or the certificate of its issuer is missing."""
    if crl is not None and any(
        item.issuer is None and same_name(crl.issuer, item.certificate.issuer) for item in to_check
    ):
        return Undecided("fetch.issuer", "the certificate of its issuer is not available, so that it cannot be checked")
    if crl is not None and (listed := next((item for item in to_check if item.is_listed_by(crl)), None)):
        who = repr(safe(listed.certificate.subject_text))
        text = f"it may list {who} as revoked, and is from another CA than its issuer: it is not known whether that may"
        return Undecided("revocation.crl.issuer", text)
    return Undecided(UNNEEDED, "it is about no certificate of the targets")
