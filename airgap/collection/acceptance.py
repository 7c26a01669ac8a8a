"""What evidence is worth keeping: the checks before a file is written, by the rules by which a verifier believes it.

Staleness is no reason to refuse: a CRL past its nextUpdate still revokes (D33), and may be the newest that there is.
"""

from __future__ import annotations

from datetime import datetime

from airgap import limits
from airgap.errors import FormatError, Undecided
from airgap.parse.time import iso
from airgap.pki.certificate import Certificate, DistributionPoint
from airgap.pki.crl import Crl
from airgap.pki.ocsp import OcspResponse, Responder
from airgap.text import safe


def accept_crl(
    data: bytes, *, certificate: Certificate, issuer: Certificate | None, point: DistributionPoint, at: datetime
) -> Crl:
    """The base CRL that `data` holds, if it answers for `certificate` at this point.

    Without `issuer` all is checked but the signature: whoever has that certificate has to.

    Raises Undecided: revocation.crl.malformed, .issuer, .signature, .scope, .extension, .future.
    """
    crl = _parse_crl(data)
    if crl.base_number is not None:  # CRL-16
        raise Undecided("revocation.crl.malformed", "it is a delta CRL where a base is needed")
    if issuer is not None:
        crl.verify_signed_by(issuer)
    crl.check_covers(certificate, point)
    crl.entries(certificate.serial)
    _check_date("crl", crl.this_update, at)
    return crl


def accept_delta(data: bytes, *, base: Crl, issuer: Certificate | None, at: datetime) -> Crl:
    """The delta CRL that `data` holds, if it goes with `base` (CRL-13, CRL-14).

    Raises Undecided: revocation.crl.malformed, .issuer, .signature, .delta, .extension, .future.
    """
    delta = _parse_crl(data)
    if delta.base_number is None:
        raise Undecided("revocation.crl.delta", "it has no delta CRL indicator")
    if issuer is not None:
        delta.verify_signed_by(issuer)
    delta.check_fits(base)
    if base.number is None:
        raise Undecided("revocation.crl.delta", "it can not be applied: the base CRL has no number")
    if delta.number is None or delta.number <= base.number:
        raise Undecided("revocation.crl.delta", f"its number {delta.number} is not above the base CRL's {base.number}")
    if delta.base_number > base.number:
        raise Undecided(
            "revocation.crl.delta", f"it builds on base number {delta.base_number}, newer than {base.number}"
        )
    _check_date("crl", delta.this_update, at)
    return delta


def accept_ocsp(
    data: bytes, *, certificate: Certificate, issuer: Certificate, at: datetime
) -> tuple[OcspResponse, Responder]:
    """The OCSP response that `data` holds, if it answers for `certificate`, and who signed it.

    Raises Undecided: revocation.ocsp.malformed, .missing, .responder, .signature, .unknown, .future.
    """
    try:
        response = OcspResponse.parse(data)
    except FormatError as error:
        raise Undecided("revocation.ocsp.malformed", f"it is no OCSP response: {error}") from None
    single = response.find(certificate, issuer)
    if single is None:
        raise Undecided("revocation.ocsp.missing", f"it does not answer for {safe(certificate.subject_text)!r}")
    responder = response.verify_signed_for(issuer, at=min(at, single.next_update or at))
    if single.status == "unknown":  # OCSP-8
        raise Undecided("revocation.ocsp.unknown", f"the responder does not know {safe(certificate.subject_text)!r}")
    _check_date("ocsp", single.this_update, at)
    return response, responder


def _parse_crl(data: bytes) -> Crl:
    try:
        return Crl.parse(data)
    except FormatError as error:
        raise Undecided("revocation.crl.malformed", f"it is no usable CRL: {error}") from None


def _check_date(kind: str, this_update: datetime, at: datetime) -> None:
    if this_update > at + limits.CLOCK_SKEW:
        raise Undecided(f"revocation.{kind}.future", f"it was made at {iso(this_update)}, and the clock says {iso(at)}")
