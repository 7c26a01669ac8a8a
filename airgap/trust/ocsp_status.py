"""The state of the OCSP responses of a trust directory (`status.py`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from airgap import limits
from airgap.errors import Rejected, Undecided
from airgap.moment import Moment
from airgap.pki.certificate import Certificate
from airgap.pki.ocsp import OcspResponse
from airgap.pki.single_response import SingleResponse
from airgap.problem import Problem
from airgap.reasons import MADE_SO, REASONS
from airgap.revocation.damage import is_damaged
from airgap.revocation.evidence_directory import OCSP, read_evidence_index
from airgap.revocation.evidence_files import OcspFile
from airgap.revocation.judge import RevocationJudge
from airgap.trust.directory import TrustDirectory
from airgap.trust.piece_status import DAMAGED_OR_FOREIGN, PieceState, PieceStatus, dated_state, renewal, urls_of


def response_states(directory: TrustDirectory, known: Sequence[Certificate], moment: Moment) -> list[PieceStatus]:
    """Each OCSP response of a trust directory."""
    index = read_evidence_index(directory.path / OCSP)
    files = directory.evidence.all_ocsp()
    judge = RevocationJudge(directory.evidence, directory.freshness, moment, stored=lambda: known)
    issuers = _Issuers(known)
    problems = {file: _unproven(file, issuers) for file in files}
    refusals = {file: _refusal(file, issuers, judge) for file in files}
    may_replace = [file.response for file in files if not (problems[file] or refusals[file])]
    newest = _newest(may_replace, issuers, moment.judged)
    pieces: list[PieceStatus] = []
    for file in files:
        response = file.response
        # of several answers in one response the one that goes stale first decides
        first = min(response.responses, key=lambda item: item.next_update or item.this_update, default=None)
        if first is None:
            continue  # it answers for nothing
        ended = response.signer_end
        state, use_by = dated_state(first.this_update, first.next_update, ended, directory.freshness, "ocsp", moment)
        replaced = all(
            newest.get(issuers.about(item), response.age_of(item)) > response.age_of(item)
            for item in response.responses
        )
        problem = problems[file]
        if replaced and not problem:
            state = PieceState.SUPERSEDED
        elif problem := problem or next(filter(None, map(_no_answer, response.responses)), None) or refusals[file]:
            state = PieceState.UNUSABLE
        elif state is PieceState.STALE:
            problem = Problem(message="", remedy=renewal("ocsp", use_by))
        pieces.append(
            PieceStatus(
                file=f"{OCSP}/{file.name}",
                kind="ocsp",
                state=state,
                problem=problem.message if problem else "",
                remedy=problem.remedy if problem else "",
                about=f"serial {first.serial:x}: {first.status}",
                this_update=first.this_update,
                next_update=first.next_update,
                use_by=use_by,
                urls=urls_of(index, file.name),
                checked=any(single.names(item) for single in response.responses for item in known),
            )
        )
    return pieces


@dataclass(frozen=True, slots=True)
class _Issuers:
    """The available certificates of issuers, for the answers of responses."""

    known: Sequence[Certificate]
    _found: dict[tuple[str, bytes, bytes], tuple[Certificate, ...]] = field(default_factory=dict)

    def of(self, single: SingleResponse) -> tuple[Certificate, ...]:
        """Those that an answer names."""
        key = single.hash_name, single.issuer_name_hash, single.issuer_key_hash
        if key not in self._found:
            self._found[key] = tuple(item for item in self.known if single.names(item))
        return self._found[key]

    def about(self, single: SingleResponse) -> tuple[bytes, int]:
        """Equal for answers about one certificate, by whatever hash they name its issuer if that is available."""
        named = next((item.public_key_bits for item in self.of(single)), single.issuer_key_hash)
        return named, single.serial


def _newest(
    responses: Iterable[OcspResponse], issuers: _Issuers, at: datetime
) -> dict[tuple[bytes, int], tuple[object, ...]]:
    """The age of the newest answer about each certificate."""
    newest: dict[tuple[bytes, int], tuple[object, ...]] = {}
    for response in responses:
        for single in response.responses:
            if single.this_update <= at + limits.CLOCK_SKEW and not single.doubt:
                key, age = issuers.about(single), response.age_of(single)
                newest[key] = max(newest.get(key, age), age)
    return newest


def _refusal(file: OcspFile, issuers: _Issuers, judge: RevocationJudge) -> Problem | None:
    """Why a response that says "good" clears no certificate; None where it may clear one."""
    good = [single for single in file.response.responses if single.status == "good"]
    for single, issuer in [(said, item) for said in good for item in issuers.of(said)]:
        try:
            responder = file.response.verify_signed_for(issuer, at=single.this_update)
            if responder.delegated:
                judge.refuse_condemned((responder.certificate, issuer), signed_at=None)
        except (Undecided, Rejected) as error:
            return Problem(message=f"it clears no certificate: {error}", remedy=error.remedy)
    return None


def _no_answer(single: SingleResponse) -> Problem | None:
    """Why what a response says about one certificate is no answer; None where it is one."""
    if single.doubt:
        return Problem(message=f"it {single.doubt}", remedy=MADE_SO)
    if single.status == "unknown":
        remedy = REASONS["revocation.ocsp.unknown"].remedy
        return Problem(message="the responder does not know this certificate", remedy=remedy)
    return None


def _unproven(file: OcspFile, known: _Issuers) -> Problem | None:
    """Why the responder is not authorized; None if it is, or if its issuer is not available."""
    issuers = dict.fromkeys(item for single in file.response.responses for item in known.of(single))
    try:
        for issuer in issuers:
            file.response.verify_made_for(issuer)
    except Undecided as error:
        return Problem.of(error)
    return Problem(message=DAMAGED_OR_FOREIGN) if not issuers and is_damaged(file, known.known) else None
