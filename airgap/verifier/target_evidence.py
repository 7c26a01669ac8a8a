"""What came with a target about the chains of a signature: a report holds it, because it goes with the target.

Another policy may ask for it when the target is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from airgap.errors import FormatError, Rejected, TrustMaterialError
from airgap.pki.certificate import Certificate
from airgap.pki.chain import Anchors
from airgap.revocation.judge import RevocationJudge
from airgap.verifier.facts import LaterFacts
from airgap.verifier.signature_state import SignatureState

if TYPE_CHECKING:
    from airgap.revocation.freshness import ChainKind


def with_evidence_of_targets(
    rest: LaterFacts, state: SignatureState, chain: Sequence[Certificate], anchors: Callable[[], Anchors]
) -> LaterFacts:
    """`rest` with what came with a target about both chains of a signature, whether or not revocation was asked.

    `anchors`: reads the statement's roots for timestamps; what it raises is no error here.
    """
    judge = state.revocation
    rest = _with_evidence_of_chain(judge, rest, chain, "signing")
    try:
        token = state.token()
    except FormatError:  # a later judgement will not need it, either
        return rest
    if token is None:
        return rest
    try:
        proven = state.timestamp or token.verify(rest.signature_value, anchors())
    except (Rejected, TrustMaterialError):  # another policy may accept it
        return _with_unproven_evidence(judge, rest, token.certificates, "tsa")
    return _with_evidence_of_chain(judge, rest, proven.chain, "tsa")


def _with_evidence_of_chain(
    judge: RevocationJudge, rest: LaterFacts, chain: Sequence[Certificate], kind: ChainKind
) -> LaterFacts:
    try:
        said = judge.statements_in_targets(chain, kind=kind)
        answers = judge.answers_in_targets(chain, kind=kind)
        newest = judge.newest_in_targets(chain, kind=kind)
    except TrustMaterialError:  # the keys of the issuers are not known
        return _with_unproven_evidence(judge, rest, chain, kind)
    return replace(
        rest,
        target_statements=(*rest.target_statements, *said),
        answers=(*rest.answers, *answers),
        newest=(*rest.newest, *([newest] if newest else [])),
    )


def _with_unproven_evidence(
    judge: RevocationJudge, rest: LaterFacts, certificates: Iterable[Certificate], kind: ChainKind
) -> LaterFacts:
    claimed = tuple(certificates)
    said = judge.unproven_in_targets(claimed, kind=kind)
    answers = judge.unproven_answers_in_targets(claimed, kind=kind)
    return replace(rest, target_statements=(*rest.target_statements, *said), answers=(*rest.answers, *answers))
