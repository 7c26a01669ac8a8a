"""The coverage of evidence and its end: the summary in a snapshot for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from airgap.errors import FormatError, TrustMaterialError
from airgap.pki.crl import Crl
from airgap.pki.ocsp import OcspResponse
from airgap.text import safe
from airgap.trust.snapshots.material import MaterialFile, Part
from airgap.trust.snapshots.snapshot_document import Covered


@dataclass(frozen=True, slots=True)
class Coverage:
    """The pieces, in the order of paths, and the moment when the first question is no longer answered."""

    pieces: tuple[Covered, ...]
    use_by: datetime | None
    """The earliest nextUpdate of the newest piece for each issuer and scope; None without dated evidence."""


def snapshot_coverage(files: Iterable[MaterialFile], read: Callable[[MaterialFile], bytes]) -> Coverage:
    """The unverified summary of the evidence among `files`.

    Raises TrustMaterialError(snapshot.malformed) for a piece that is no CRL or no OCSP response at all.
    """
    pieces: list[Covered] = []
    newest: dict[object, tuple[Any, datetime | None]] = {}
    """By what is asked: the age of the newest piece, and when it ends."""
    for file in files:
        if file.part not in {Part.CRL, Part.OCSP}:
            continue
        try:
            covered, answers = _CRL_OR_OCSP[file.part](file, read(file))
        except FormatError as error:
            raise TrustMaterialError(
                "snapshot.malformed",
                f"{safe(file.path)} is no evidence: {error}",
                remedy="Remove or replace this file.",
                file=safe(file.path),
            ) from None
        pieces.append(covered)
        for key, age, end in answers:
            if key not in newest or newest[key][0] < age:
                newest[key] = age, end
    ends = [end for _, end in newest.values() if end]
    return Coverage(tuple(pieces), min(ends, default=None))


Answers = Sequence[tuple[object, Any, datetime | None]]
"""What a piece answers for, its age key (`CrlFacts.age`, `OcspResponse.age_of`), and when it ends."""


def _crl(file: MaterialFile, data: bytes) -> tuple[Covered, Answers]:
    crl = Crl.parse(data)
    covered = Covered(
        file=file.path,
        kind="delta-crl" if crl.is_delta else "crl",
        issuer=safe(crl.issuer_text),
        number=crl.number,
        this_update=crl.this_update,
        next_update=crl.next_update,
    )
    return covered, [(crl.stream, crl.age, crl.next_update)]


def _ocsp(file: MaterialFile, data: bytes) -> tuple[Covered, Answers]:
    response = OcspResponse.parse(data)
    if not response.responses:
        raise FormatError("answers nothing")
    ends = [single.next_update for single in response.responses if single.next_update]
    covered = Covered(
        file=file.path,
        kind="ocsp",
        issuer=safe(response.responder),
        number=None,
        this_update=max(single.this_update for single in response.responses),
        next_update=min(ends, default=None),
    )
    answers: list[tuple[object, Any, datetime | None]] = []
    for single in response.responses:
        dates = [end for end in (single.next_update, response.signer_end) if end]
        key = (single.issuer_key_hash, single.serial)
        answers.append((key, response.age_of(single), min(dates, default=None)))
    return covered, answers


_CRL_OR_OCSP: Final = {Part.CRL: _crl, Part.OCSP: _ocsp}
