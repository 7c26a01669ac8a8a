"""The rules for when a signature was made: its timestamp, or the time that a signing authority states."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from airgap import limits
from airgap.errors import FormatError, Rejected, Undecided
from airgap.parse.time import iso
from airgap.pki.chain import Anchors
from airgap.text import safe
from airgap.trust.levels import VerifyTimestamp
from airgap.trust.statement import Statement
from airgap.trust.store_types import StoreType
from airgap.verifier.advice import no_timestamp, untrusted_timestamp
from airgap.verifier.facts import SignatureFacts

if TYPE_CHECKING:
    from datetime import datetime

    from airgap.pki.timestamp_token import VerifiedTimestamp
    from airgap.verifier.signature_state import SignatureState


def check_authentic_time(facts: SignatureFacts) -> str:
    """SCHEME-3, SCHEME-7: the authentic signing time is within every certificate's validity, bounds included."""
    moment = facts.authentic_time
    if moment is None:
        raise Undecided("recheck.unproven", "the earlier judgement does not hold the authentic signing time")
    for certificate in facts.chain:
        if not certificate.valid_between(moment, moment):
            raise Rejected(
                "time.authentic",
                f"the authentic signing time {iso(moment)} is not within the validity of "
                f"{safe(certificate.subject_text)!r}, [{iso(certificate.not_before)}, {iso(certificate.not_after)}]",
                certificate=safe(certificate.subject_text),
                signed_at=iso(moment),
            )
    return f"signed at {iso(moment)}, says the signing authority"


def proven_time(state: SignatureState, facts: SignatureFacts) -> datetime | None:
    """The latest time at which it was made, if that is proven (D31); None if it is not, whatever its check demands.

    Its timestamp proves it, or a signing authority that a store of the statement names, within its own validity.
    """
    if state.timestamp:
        return state.timestamp.info.latest
    if state.anchor is None or facts.authentic_time is None:
        return None
    try:
        check_authentic_time(facts)
    except Rejected:
        return None
    return facts.authentic_time


def needs_timestamp(statement: Statement, facts: SignatureFacts, at: datetime) -> bool:
    """TS-1: the statement names a tsa store, and its verifyTimestamp asks for the check."""
    if not statement.stores_of(StoreType.TSA):
        return False
    if statement.verify_timestamp is VerifyTimestamp.ALWAYS:
        return True
    return any(certificate.ended_before(at) for certificate in facts.chain)


def verified_timestamps(
    state: SignatureState,
    facts: SignatureFacts,
    anchors: Callable[[], Anchors],
    others: Callable[[], Mapping[str, Anchors]],
    *,
    at: datetime,
) -> tuple[VerifiedTimestamp, ...]:
    """The timestamp of a signature that must have one, once for each chain of each signer (`TimestampToken.verify`).

    The revocation of these is still to be checked. Raises Rejected.
    """
    stamped = facts.require_later()
    try:
        token = state.token()
    except FormatError as error:  # TS-15, TS-16, TS-17: the form of a token
        raise Rejected("timestamp.malformed", f"the timestamp token cannot be read: {error}") from None
    if token is None:  # TS-3: demanded and missing
        raise no_timestamp(facts, at, state.statement)
    from airgap.pki.timestamp_token import check_within  # few signatures need it

    try:
        found = token.verify(stamped.signature_value, anchors())
    except Rejected as error:
        raise untrusted_timestamp(error, token, stamped.signature_value, state.statement, others()) from None
    check_within(found[0], facts.chain)  # TS-26: all of the time that it allows
    return found


def timestamp_warnings(facts: SignatureFacts, timestamp: VerifiedTimestamp, at: datetime) -> Iterator[str]:
    """Facts about a good timestamp that no rule refuses."""
    algorithm = facts.chain[0].algorithm  # integrity compared the envelope's with it
    if algorithm and timestamp.info.imprint_hash != algorithm.hash_name:  # D30: not the hash of the key
        yield f"the timestamp is over a {timestamp.info.imprint_hash} imprint, the signature over {algorithm.hash_name}"
    if timestamp.info.earliest > at + limits.CLOCK_SKEW:  # TS-29: compared with the judged time only
        yield f"the timestamp, {iso(timestamp.info.gen_time)}, is after the moment judged for: a clock is wrong"
