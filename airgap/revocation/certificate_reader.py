"""Reads the certificates in files: they show who made evidence that condemns (decision 0009).

What is damaged, or in a form that is not read, may be the lost proof of a revocation.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Protocol

from airgap.errors import FormatError
from airgap.pki.certificate import Certificate
from airgap.pki.certificate_files import load_certificates, parse_readable
from airgap.revocation.evidence_files import HeldCertificate


class MakeHeld(Protocol):
    """Makes what is held in one file."""

    def __call__(self, *, certificate: Certificate | None, problem: str = "") -> HeldCertificate:
        """One certificate of the file."""
        ...


def certificates_in_trust_directory(
    data: bytes, make: MakeHeld, *, expected: bool, is_evidence: bool = False
) -> Iterator[HeldCertificate]:
    """Those of a file of the trust directory, whatever else it holds, and why there may be more in it.

    `expected`: whether its name is that of certificates. `is_evidence`: whether it is evidence, or was before it was
    damaged. Raises LimitError behind the first ones.
    """
    problem = ""
    if not is_evidence:
        try:
            yield from (make(certificate=item) for item in load_certificates(data))
        except FormatError as error:
            from airgap.pki.wrong_files import may_hide_certificates

            if may_hide_certificates(data, expected=expected):
                problem = f"it cannot be used: {error}" if error.where else f"it {error.problem}"
        else:
            return
    for item in parse_readable(data):
        if item is None:
            problem = problem or "a certificate in it is damaged"
        else:
            yield make(certificate=item)
    if problem:
        yield make(certificate=None, problem=problem)


def certificates_in_target(data: bytes, make: MakeHeld) -> Iterator[HeldCertificate]:
    """Those of a file of a target, and responders' in a form that is not read. Raises LimitError as above."""
    from airgap.pki.file_kinds import recognise
    from airgap.pki.ocsp import OcspResponse

    yield from (make(certificate=item) for item in parse_readable(data) if item)
    found = recognise(data)
    for item in filter(OcspResponse.may_sign, _packed(data)):
        yield make(certificate=item, problem=f"it is {found.words if found else 'in a form'}, which is not read")


def _packed(data: bytes) -> Iterator[Certificate]:
    from airgap.pki.file_kinds import unpacked

    for block in tuple(unpacked(data))[1:]:
        with suppress(FormatError):
            yield Certificate.parse(block)
