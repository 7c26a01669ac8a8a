"""The issuing distribution point: for which certificates the absence from a CRL is an answer (RFC 5280, 5.2.5; D34)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Self

from airgap.errors import FormatError
from airgap.parse import der
from airgap.pki.extensions import DistributionPoint, PointName, read_point_name, read_reasons
from airgap.text import safe

ISSUING_DISTRIBUTION_POINT: Final = "2.5.29.28"
_WHERE: Final = "issuingDistributionPoint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One issuing distribution point."""

    name: PointName | None
    """None where the CRL is for every distribution point of its issuer."""
    only_user: bool
    only_ca: bool
    only_attribute: bool
    indirect: bool
    reasons: frozenset[str] | None
    """The reasons that the CRL covers; None is all."""
    raw: bytes = field(repr=False)
    """The DER, by which the scopes of a base and its delta are compared."""

    @classmethod
    def parse(cls, value: bytes) -> Self:
        """The content of the extension. Raises FormatError."""
        fields = der.read(value, _WHERE).fields(_WHERE)
        name = fields.maybe(der.context(0))
        only_user, only_ca = _flag(fields, 1), _flag(fields, 2)
        reasons = fields.maybe(der.context(3, constructed=False))
        indirect, only_attribute = _flag(fields, 4), _flag(fields, 5)
        fields.end()
        return cls(
            name=read_point_name(name.only(_WHERE), _WHERE) if name else None,
            only_user=only_user,
            only_ca=only_ca,
            only_attribute=only_attribute,
            indirect=indirect,
            reasons=read_reasons(reasons, _WHERE) if reasons else None,
            raw=value,
        )

    def problem(self, *, is_ca: bool, points: Iterable[DistributionPoint]) -> str | None:
        """Why a CRL of this scope is no answer for a certificate with these distribution points; None if it is."""
        if self.indirect:
            return "it is an indirect CRL, which is not supported"
        if self.only_attribute:
            return "it only covers attribute certificates"
        if self.only_ca and not is_ca:
            return "it only covers CA certificates"
        if self.only_user and is_ca:
            return "it only covers certificates that are no CA"
        if self.reasons is not None:
            return f"it only covers some reasons ({', '.join(sorted(self.reasons)) or 'none'})"
        if self.name and not any(_same(self.name, point) for point in points):
            shown = ", ".join(safe(uri, limit=200) for uri in self.name.uris) or "another name"
            return f"it is for another distribution point ({shown})"
        return None


def _same(name: PointName, point: DistributionPoint) -> bool:
    # RFC 5280, 6.3.3 (b)(2)(i): one name in common; a relative name is relative to the same issuer on both sides
    if name.relative is not None:
        return name.relative == point.relative
    return not set(name.names).isdisjoint(point.names)


def _flag(fields: der.Fields, number: int) -> bool:
    element = fields.maybe(der.context(number, constructed=False))
    if element is None:
        return False
    if element.value not in (b"\x00", b"\xff"):
        raise FormatError("is a BOOLEAN that is neither 00 nor FF", where=_WHERE)
    return element.value == b"\xff"
