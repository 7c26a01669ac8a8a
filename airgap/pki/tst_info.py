"""TSTInfo: the statement of a timestamping authority (RFC 3161, 2.4.2; requirements TS-17, TS-18, TS-25)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Self

from airgap.errors import FormatError, LimitError
from airgap.parse import der
from airgap.parse.der import Element
from airgap.pki.digests import hash_identifier
from airgap.pki.extensions import read_extensions
from airgap.text import safe

TST_INFO: Final = "1.2.840.113549.1.9.16.1.4"

_WHERE: Final = "tstInfo"
# ETSI EN 319 421: its baseline policy promises one second where the token states no accuracy
_BASELINE_POLICY: Final = "0.4.0.2023.1.1"
_BASELINE_ACCURACY: Final = timedelta(seconds=1)
_ACCURACY_OCTETS: Final = 4
_FRACTION_MAX: Final = 999


@dataclass(frozen=True, slots=True, kw_only=True)
class TstInfo:
    """The statement: these bytes existed at `gen_time`, give or take `accuracy`."""

    policy: str
    """Dotted identifier of the authority's policy."""
    imprint_hash: str
    """The hashlib name, or the dotted identifier of an unknown hash.

    It should be that of the signing key, and may be any SHA-2 hash (D30).
    """
    imprint: bytes = field(repr=False)
    serial: int
    gen_time: datetime
    accuracy: timedelta
    earliest: datetime
    """`gen_time` minus the accuracy (TS-25, TS-26)."""
    latest: datetime
    """`gen_time` plus the accuracy."""
    nonce: bytes | None = field(default=None, repr=False)
    """The octets of the nonce: compared by the requester (airgap.pki.tsp), not by a verifier (TS-18)."""

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """TSTInfo of version 1.

        Ordering and the name of the authority are ignored, and the nonce is only read: it matters only to the requester
        (TS-18). A critical extension is refused, because none is known here. Raises FormatError.
        """
        whole = der.read(content, _WHERE)
        whole.check_inside()
        fields = whole.fields(_WHERE)
        version = fields.any("version").integer(f"{_WHERE}.version")
        if version != 1:
            raise FormatError(f"is {version}, not 1", where=f"{_WHERE}.version")
        policy = fields.any("policy").oid(f"{_WHERE}.policy")
        imprint = fields.any("messageImprint").fields(f"{_WHERE}.messageImprint")
        imprint_hash = hash_identifier(imprint.any("hashAlgorithm"), f"{_WHERE}.messageImprint.hashAlgorithm")
        hashed = imprint.any("hashedMessage").octets(f"{_WHERE}.messageImprint.hashedMessage")
        imprint.end()
        serial = fields.any("serialNumber").integer(f"{_WHERE}.serialNumber")
        gen_time = fields.any("genTime").generalized_time(f"{_WHERE}.genTime", fractions=True)
        accuracy = _accuracy(fields.maybe(der.SEQUENCE), policy)
        if ordering := fields.maybe(der.BOOLEAN):
            ordering.boolean(f"{_WHERE}.ordering")
        nonce = fields.maybe(der.INTEGER)
        fields.maybe(der.context(0))
        _refuse_critical(fields.maybe(der.context(1)))
        fields.end()
        try:
            earliest, latest = gen_time - accuracy, gen_time + accuracy
        except OverflowError:
            raise LimitError("reaches beyond the years 1 to 9999", where=f"{_WHERE}.accuracy") from None
        return cls(
            policy=policy,
            imprint_hash=imprint_hash,
            imprint=hashed,
            serial=serial,
            gen_time=gen_time,
            accuracy=accuracy,
            earliest=earliest,
            latest=latest,
            nonce=nonce.value if nonce else None,
        )


def _accuracy(element: Element | None, policy: str) -> timedelta:
    where = f"{_WHERE}.accuracy"
    accuracy = timedelta()
    if element:
        fields = element.fields(where)
        seconds, millis, micros = (
            _part(fields.maybe(tag), tag, where)
            for tag in (der.INTEGER, der.context(0, constructed=False), der.context(1, constructed=False))
        )
        fields.end()
        if max(millis, micros) > _FRACTION_MAX:
            raise FormatError(f"has a fraction above {_FRACTION_MAX}", where=where)
        accuracy = timedelta(seconds=seconds, milliseconds=millis, microseconds=micros)
    # TS-25: without an accuracy, the ETSI policy means one second
    return _BASELINE_ACCURACY if not accuracy and policy == _BASELINE_POLICY else accuracy


def _part(element: Element | None, tag: int, where: str) -> int:
    value = element.integer(where, tag=tag, limit=_ACCURACY_OCTETS) if element else 0
    if value < 0:
        raise FormatError("is negative", where=where)
    return value


def _refuse_critical(implicit: Element | None) -> None:
    if implicit is None:
        return
    found = read_extensions(der.read(der.sequence(implicit.value)))
    critical = sorted(item.oid for item in found.values() if item.critical)
    if critical:
        raise FormatError(
            f"has a critical extension that is not understood ({safe(critical[0], limit=64)})",
            where=f"{_WHERE}.extensions",
        )
