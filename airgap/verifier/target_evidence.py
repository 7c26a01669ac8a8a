"""What came with a target about the chains of a signature: a report holds it, because it goes with the target.

Another policy may ask for it when the target is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from airgap.errors import FormatError, Rejected, TrustMaterialError
from airgap.pki.certificate import Certificate
from airgap.pki.chain import Anchors
from airgap.revocation.judge import RevocationJudge
from airgap.revocation.use import FoundInTargets
from airgap.verifier.facts import LaterFacts, SignatureFacts
from airgap.verifier.signature_state import SignatureState

if TYPE_CHECKING:
    from airgap.revocation.freshness import ChainKind


def found_in_targets(
    state: SignatureState, facts: SignatureFacts, later: LaterFacts, anchors: Callable[[], Anchors]
) -> FoundInTargets:
    """What came with a target about both chains of a signature, whether or not revocation was asked.

    `anchors`: reads the statement's roots for timestamps; what it raises is no error here.
    """
    judge = state.revocation
    found = _of_chain(judge, facts.chain, "signing")
    try:
        token = state.token()
    except FormatError:  # a later judgement will not need it, either
        return found
    if token is None:
        return found
    try:
        proven = state.timestamp or token.verify(later.signature_value, anchors())
    except (Rejected, TrustMaterialError):  # another policy may accept it
        return found.joined(judge.unproven_in_targets(token.certificates, kind="tsa"))
    return found.joined(_of_chain(judge, proven.chain, "tsa"))


def _of_chain(judge: RevocationJudge, chain: Sequence[Certificate], kind: ChainKind) -> FoundInTargets:
    try:
        return judge.in_targets(chain, kind=kind)
    except TrustMaterialError:  # the keys of the issuers are not known
        return judge.unproven_in_targets(chain, kind=kind)
