"""What a body of evidence covers, and until when: the summary that a snapshot carries and people read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from airgap.errors import FormatError, TrustMaterialError
from airgap.pki.crl import Crl
from airgap.pki.ocsp import OcspResponse
from airgap.text import safe
from airgap.trust.snapshots.material import MaterialFile, Part
from airgap.trust.snapshots.snapshot import Covered


@dataclass(frozen=True, slots=True)
class Coverage:
    """The pieces, in the order of paths, and the moment when the first question is no longer answered."""

    pieces: tuple[Covered, ...]
    use_by: datetime | None
    """The earliest nextUpdate of the newest piece for each issuer and scope; None without dated evidence."""


def cover(files: Iterable[MaterialFile], read: Callable[[MaterialFile], bytes]) -> Coverage:
    """What the evidence among `files` says about itself; nothing of it is verified here.

    Raises TrustMaterialError(snapshot.malformed) for a piece that is no CRL or no OCSP response at all.
    """
    pieces: list[Covered] = []
    newest: dict[tuple[object, ...], Covered] = {}
    for file in files:
        if file.part not in {Part.CRL, Part.OCSP}:
            continue
        try:
            keys, covered = _CRL_OR_OCSP[file.part](file, read(file))
        except FormatError as error:
            raise TrustMaterialError(
                "snapshot.malformed",
                f"{safe(file.path)} is no evidence: {error}",
                remedy="Remove or replace this file.",
                file=safe(file.path),
            ) from None
        pieces.append(covered)
        for key in keys:
            if key not in newest or newest[key].this_update < covered.this_update:
                newest[key] = covered
    ends = [piece.next_update for piece in newest.values() if piece.next_update]
    return Coverage(tuple(pieces), min(ends, default=None))


def _crl(file: MaterialFile, data: bytes) -> tuple[Sequence[tuple[object, ...]], Covered]:
    crl = Crl.parse(data)
    is_delta = crl.base_number is not None
    covered = Covered(
        file=file.path,
        kind="delta-crl" if is_delta else "crl",
        issuer=safe(crl.issuer_text),
        number=crl.number,
        this_update=crl.this_update,
        next_update=crl.next_update,
    )
    return [(crl.issuer, crl.scope.raw if crl.scope else b"", is_delta)], covered


def _ocsp(file: MaterialFile, data: bytes) -> tuple[Sequence[tuple[object, ...]], Covered]:
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
    keys = [(single.issuer_name_hash, single.issuer_key_hash, single.serial) for single in response.responses]
    return keys, covered


_CRL_OR_OCSP: Final = {Part.CRL: _crl, Part.OCSP: _ocsp}
