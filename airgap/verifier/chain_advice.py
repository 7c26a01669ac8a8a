"""Explains a refused chain: a wrong order, or a missing certificate. No rule is decided here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from airgap.errors import Rejected
from airgap.pki import algorithms
from airgap.pki.certificate import Certificate
from airgap.signature.model import Envelope
from airgap.text import safe

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
