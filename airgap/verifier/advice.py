"""Adds hints to refusals: near matches, and what to do. No rule is decided here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from airgap.errors import FormatError, Rejected
from airgap.parse.time import iso
from airgap.pki import algorithms
from airgap.pki.certificate import Certificate
from airgap.pki.chain import Anchors, check_validity
from airgap.signature.model import Envelope
from airgap.text import safe
from airgap.trust.statement import Statement
from airgap.trust.store_types import StoreType
from airgap.verifier.facts import SignatureFacts

if TYPE_CHECKING:
    from airgap.pki.timestamp_token import TimestampToken


class Hint(NamedTuple):
    """A likely cause, and its remedy: the end of a sentence about a refusal; both empty if there is none."""

    text: str = ""
    remedy: str = ""


def no_anchor(chain: Sequence[Certificate], anchors: Anchors, elsewhere: Hint) -> Rejected:
    """The error for a chain that ends in none of the anchors (CHAIN-21), with near matches."""
    root = chain[-1]
    twins = list(_twins(chain, anchors))
    remedy = (
        "A trusted certificate has the same name and other bytes: it was issued anew, or is of another CA. If that "
        "of the chain is to be trusted, check its fingerprint, then add it to the trust store."
    )
    return Rejected(
        "authenticity.no_anchor",
        "no certificate of the chain is in the trust stores that the policy names for it; "
        f"its root is {safe(root.subject_text)!r} "
        f"(SHA-256 {root.fingerprint}){elsewhere.text}{''.join(twins)}",
        root=safe(root.subject_text),
        fingerprint=root.fingerprint,
    ).advising(elsewhere.remedy or (remedy if twins else ""))


def no_store(facts: SignatureFacts, kind: StoreType, statement: Statement, others: Mapping[str, Anchors]) -> Rejected:
    """The refusal of a signature of a scheme for which the statement names no store (SCHEME-4)."""
    elsewhere = unnamed_store(facts.chain, kind, statement, others, root="the root of this signature")
    return Rejected(
        "authenticity.no_store",
        f"the signing scheme is {facts.scheme.value}, and the statement {safe(statement.name)!r} "
        f"names no trust store of type {kind.value}{elsewhere.text}",
        scheme=facts.scheme.value,
    ).advising(elsewhere.remedy)


def unnamed_store(
    chain: Sequence[Certificate],
    kind: StoreType,
    statement: Statement,
    others: Mapping[str, Anchors],
    *,
    root: str = "that root",
) -> Hint:
    """The hint that a store which the statement does not name for this purpose has a certificate of the chain."""
    found = [name for name, anchors in others.items() if any(certificate in anchors for certificate in chain)]
    which = root if any(chain[-1] in others[name] for name in found) else "a certificate of the chain"
    return _in_store(found, which, kind, statement, "signatures of this scheme")


def _in_store(found: Sequence[str], which: str, kind: StoreType, statement: Statement, what: str) -> Hint:
    """The hint for the best of the stores `found`: one of the right type that only has to be named."""
    right = [name for name in found if name.startswith(f"{kind.value}:")]
    shown = repr(safe(statement.name))
    if right:
        return Hint(
            f"; {which} is in the trust store {right[0]}, which the statement {shown} does not name",
            f"If {right[0]} is to be trusted for this repository, add it to the trustStores of the statement {shown}.",
        )
    if found:
        other = found[0].partition(":")[0]
        return Hint(
            f"; {which} is in the trust store {found[0]}, which is of type {other}, and {what} need one of type "
            f"{kind.value}",
            f"If it is to be trusted for {what}, put it into a store of type {kind.value} too "
            f"(truststore/x509/{kind.value}/NAME/), and name that store ({kind.value}:NAME) in the trustStores of the "
            f"statement {shown}.",
        )
    return Hint()


def other_identities(error: Rejected, plugin: str | None) -> Rejected:
    """The refusal of a signer by identities that no subject is compared with, where a plugin that was not run may be.

    `plugin`: the one that the signature demands.
    """
    if error.reason != "identity.none" or plugin is None:
        return error
    name = safe(plugin)
    return error.advising(
        f"The plugin {name}, which this signature demands, may check them: where it is installed, allow it "
        f"(--allow-plugin {name})."
    )


def untrusted_timestamp(
    error: Rejected, token: TimestampToken, value: bytes, statement: Statement, others: Mapping[str, Anchors]
) -> Rejected:
    """The refusal of a timestamp, with the store by which it would be accepted where the statement does not name it."""
    if error.reason != "timestamp.untrusted":
        return error
    hint = _accepting_store(token, value, statement, others, "the root of that chain")
    return Rejected(error.reason, f"{error}{hint.text}", **error.facts).advising(hint.remedy or error.remedy)


def _accepting_store(
    token: TimestampToken, value: bytes, statement: Statement, others: Mapping[str, Anchors], root: str = "its root"
) -> Hint:
    """The store that would accept a timestamp, of those that a statement does not name for that."""
    found = [name for name, anchors in others.items() if _would_accept(token, value, anchors)]
    return _in_store(found, root, StoreType.TSA, statement, "timestamps")


def _would_accept(token: TimestampToken, value: bytes, anchors: Anchors) -> bool:
    try:
        token.verify(value, anchors)
    except Rejected:
        return False
    return True


def _twins(chain: Sequence[Certificate], anchors: Anchors) -> Iterator[str]:
    for anchor in anchors:
        for certificate in chain[1:] or chain:
            same_key = anchor.key_identity == certificate.key_identity
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


def check_validity_untimed(
    facts: SignatureFacts, at: datetime, statement: Statement, others: Callable[[], Mapping[str, Anchors]]
) -> None:
    """Checks that every certificate is valid at the judged time (TS-2), because no timestamp counts.

    Raises Rejected, with a hint at an unused timestamp and at the store among `others` that has its root.
    """
    try:
        check_validity(facts.chain, at)
    except Rejected as error:
        rest = facts.later
        if error.reason != "time.certificate.expired" or rest is None or rest.timestamp_token is None:
            raise
        name, token = safe(statement.name), _parsed(rest.timestamp_token)
        hint = _accepting_store(token, rest.signature_value, statement, others()) if token else Hint()
        when = f" of {iso(token.info.gen_time)} (as it claims)" if token else " (which cannot be read)"
        raise Rejected(
            error.reason,
            f"{error}; the signature carries a timestamp{when}, which is not used, "
            f"as the statement {name!r} names no tsa trust store{hint.text}",
            **error.facts,
        ).advising(
            hint.remedy
            or "If that timestamping authority is to be trusted, put its root into a store of type tsa, and name that "
            f"store (tsa:NAME) in the trustStores of the statement {name!r}."
        ) from None


def no_timestamp(facts: SignatureFacts, at: datetime, statement: Statement) -> Rejected:
    """The refusal of a signature without the timestamp that is demanded (TS-3), and what made it necessary."""
    text = f"the statement {safe(statement.name)!r} names a tsa trust store, and the signature has no timestamp"
    try:
        check_validity(facts.chain, at)
    except Rejected as error:
        return Rejected("timestamp.missing", f"{text}, without which it cannot be accepted: {error}")
    return Rejected("timestamp.missing", text).advising(
        "Ask the publisher for a timestamped signature. If one is to matter only once a certificate has expired, set "
        'verifyTimestamp to "afterCertExpiry" in the statement\'s signatureVerification.'
    )


def _parsed(token: bytes) -> TimestampToken | None:
    from airgap.pki.timestamp_token import TimestampToken

    try:
        return TimestampToken.parse(token)
    except FormatError:
        return None


def of_file(error: Rejected, media_type: str, raw: bytes) -> str:
    """The remedy for an unreadable detached signature: it has no digest, so the copy may be damaged."""
    if error.reason != "envelope.malformed":
        return ""
    from airgap.pki.wrong_files import remedy_for_copy  # seldom needed, also the next two
    from airgap.signature.envelope import looks_like
    from airgap.signature.foreign import foreign_signature

    if foreign_signature(raw) is not None:
        return ""
    form = looks_like(media_type, raw)
    if form == "base64":
        return "Decode it (base64 -d FILE > NEW), and put what comes out in its place."
    if form is not None:
        return f"The signature's file is misnamed: say --signature-format {form}, or let its name end in .{form}.sig."
    return remedy_for_copy(raw) or _COPY_AGAIN


_COPY_AGAIN: Final = (
    "Get the signature again from where the file came from: this copy may be damaged. If it is the same there, ask the "
    "publisher for a correctly made one."
)


_NAME: Final = 200
_ORDER: Final = (
    "Ask the publisher to sign with the whole chain in this order: the signing certificate, what issued it, and so on "
    "to the root. What is in the trust stores does not make up for it."
)


def advised(error: Rejected, envelope: Envelope) -> Rejected:
    """The error for a signature value or a chain, with the probable cause."""
    if error.reason in {"chain.order", "chain.root", "chain.self_signed"}:
        return _of_chain(error, tuple(envelope.certificates))
    if error.reason in {"envelope.signature", "envelope.algorithm", "chain.leaf.key"}:
        return _of_signature(error, envelope)
    return error


def _of_signature(error: Rejected, envelope: Envelope) -> Rejected:
    """The refusal of a signature value, or one that says under which later certificate of the chain it verifies."""
    chain = tuple(envelope.certificates)
    place = next((place for place in range(1, len(chain)) if _verifies(envelope, chain[place])), None)
    if place is None:
        return error
    reverse = "the chain is in reverse order: " if place == len(chain) - 1 else "the chain is in the wrong order: "
    return Rejected(
        error.reason,
        f"{error}; {reverse}the signature verifies under certificate {place + 1} of {len(chain)}, "
        f'"{safe(chain[place].subject_text, limit=_NAME)}", which must be first',
        **error.facts,
    ).advising(_ORDER)


def _of_chain(error: Rejected, chain: Sequence[Certificate]) -> Rejected:
    """The refusal of a chain, or one that says what of it is missing, double or in another place."""
    text = _double(chain) or _missing(chain) or _misplaced(chain)
    if not text:
        return error
    return Rejected(error.reason, f"{error}; {text}", **error.facts).advising(_ORDER)


def _verifies(envelope: Envelope, certificate: Certificate) -> bool:
    if certificate.algorithm is None or certificate.algorithm != envelope.algorithm:
        return False
    try:
        algorithms.verify(envelope.algorithm, certificate.public_key, envelope.signature, envelope.signing_input)
    except Rejected:
        return False
    return True


def _double(chain: Sequence[Certificate]) -> str:
    place = next((place for place, item in enumerate(chain) if item in chain[:place]), None)
    return "" if place is None else f"certificate {place + 1} is certificate {chain.index(chain[place]) + 1} again"


def _missing(chain: Sequence[Certificate]) -> str:
    """The first missing issuer, from the signing certificate on."""
    subjects = {item.subject for item in chain}
    for certificate in chain:
        if not certificate.self_issued and certificate.issuer not in subjects:
            return (
                f'the chain is incomplete: the certificate of "{safe(certificate.issuer_text, limit=_NAME)}" '
                "(an intermediate or the root) was left out"
            )
    return ""


def _misplaced(chain: Sequence[Certificate]) -> str:
    """The correct order of the certificates, if it differs from their order in the chain."""
    by_subject = {item.subject: place for place, item in enumerate(chain)}
    order, above = [0], by_subject.get(chain[0].issuer)
    while above is not None and above not in order:
        order.append(above)
        above = by_subject.get(chain[above].issuer)
    if order == list(range(len(chain))):
        return ""
    if len(order) == len(chain):
        return f"the chain is in the wrong order: the right one is {', '.join(str(place + 1) for place in order)}"
    strangers = [str(place + 1) for place in range(len(chain)) if place not in order]
    return f"what does not belong to the chain of certificate 1: {', '.join(strangers)}"
