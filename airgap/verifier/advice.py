"""Refusals that say more than the rule: what nearly fits, and what to do about it. No rule is decided here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from airgap.errors import FormatError, Rejected
from airgap.parse.time import iso
from airgap.pki.certificate import Certificate
from airgap.pki.chain import Anchors, check_validity
from airgap.text import safe
from airgap.trust.policy import Statement
from airgap.verifier.facts import SignatureFacts


def no_anchor(chain: Sequence[Certificate], anchors: Anchors) -> Rejected:
    """The refusal of a chain that ends in none of the anchors (CHAIN-21), and which anchors nearly fit."""
    root = chain[-1]
    twins = list(_twins(chain, anchors))
    remedy = (
        "The certificate was issued anew, or another CA bears its name: all bytes are compared. If the new one is to "
        "be trusted, add it to the trust store, after checking its fingerprint."
    )
    return Rejected(
        "authenticity.no_anchor",
        f"no certificate of the chain is in the trust stores; its root is {safe(root.subject_text)!r} "
        f"(SHA-256 {root.fingerprint}){''.join(twins)}",
        root=safe(root.subject_text),
        fingerprint=root.fingerprint,
    ).advising(remedy if twins else "")


def _twins(chain: Sequence[Certificate], anchors: Anchors) -> Iterator[str]:
    for anchor in anchors:
        for certificate in chain[1:] or chain:
            same_key = anchor.public_key_bits == certificate.public_key_bits
            if same_key or _same_name(anchor, certificate):
                subject = "" if certificate is chain[-1] else f" (that is {safe(certificate.subject_text)!r})"
                key = "the same key" if same_key else "another key"
                yield (
                    f"; {anchors.store_of(anchor)} holds another certificate of "
                    f"{'this key' if not _same_name(anchor, certificate) else 'this name'}{subject}: "
                    f"SHA-256 {anchor.fingerprint}, {key}, valid from {iso(anchor.not_before)} to "
                    f"{iso(anchor.not_after)}"
                )
                break


def _same_name(one: Certificate, other: Certificate) -> bool:
    return " ".join(one.subject_text.split()).casefold() == " ".join(other.subject_text.split()).casefold()


def check_validity_untimed(facts: SignatureFacts, at: datetime, statement: Statement) -> None:
    """Every certificate is valid at the moment judged for (TS-2), as no timestamp counts.

    Raises Rejected, and tells of a timestamp that lies there unused.
    """
    try:
        check_validity(facts.chain, at)
    except Rejected as error:
        token = facts.remainder.timestamp_token if facts.remainder else None
        if error.reason != "time.certificate.expired" or token is None:
            raise
        name = safe(statement.name)
        raise Rejected(
            error.reason,
            f"{error}; the signature carries a timestamp{_claimed_time(token)}, which is not used, "
            f"as the statement {name!r} names no tsa trust store",
            **error.facts,
        ).advising(
            "If that timestamping authority is to be trusted, put its root into a store of type tsa, and name that "
            f"store (tsa:NAME) in the trustStores of the statement {name!r}."
        ) from None


def untimed_way_out(facts: SignatureFacts, at: datetime) -> str:
    """What helps where a timestamp is demanded and the certificates are valid without one; "" where they are not."""
    if not all(certificate.valid_between(at, at) for certificate in facts.chain):
        return ""
    return (
        "Ask the publisher for a timestamped signature. If one is to matter only once a certificate has expired, set "
        'verifyTimestamp to "afterCertExpiry" in the statement\'s signatureVerification.'
    )


def _claimed_time(token: bytes) -> str:
    from airgap.pki.timestamp import TimestampToken

    try:
        return f" of {iso(TimestampToken.parse(token).gen_time)} (by its own word)"
    except FormatError:
        return " (which cannot be read)"


def other_form(error: Rejected) -> str:
    """The way out where a detached signature is in the other form than its file's name, or an option, says."""
    form = error.facts.get("looks_like")
    if form is None:
        return ""
    return f"The signature's file is misnamed: say --signature-format {form}, or let its name end in .{form}.sig."
