"""The issuing distribution point: which certificates a CRL covers (CRL-8; RFC 5280, 5.2.5; D34)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from airgap.errors import FormatError
from airgap.parse import der
from airgap.pki.distinguished_names import name_key, relative_name_key
from airgap.pki.extensions import DistributionPoint, PointName, read_point_name, read_reasons
from airgap.pki.uris import uri_key
from airgap.text import safe

ISSUING_DISTRIBUTION_POINT: Final = "2.5.29.28"
_WHERE: Final = "issuingDistributionPoint"
_DIRECTORY_NAME: Final = der.context(4)
_URI: Final = der.context(6, constructed=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One issuing distribution point."""

    name: PointName | None
    """None if the CRL is for every distribution point of its issuer."""
    only_user: bool
    only_ca: bool
    only_attribute: bool
    indirect: bool
    reasons: frozenset[str] | None
    """The reasons that the CRL covers; None means all."""

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
        )

    def meaning(self, issuer: bytes) -> tuple[object, ...]:
        """What it says, in whatever bytes: names are compared as RFC 5280, 7 says."""
        names = frozenset(_keys(self.name, issuer)) if self.name else None
        return names, self.only_user, self.only_ca, self.only_attribute, self.indirect, self.reasons

    @property
    def covers_none(self) -> str:
        """Why a CRL of this scope covers no certificate; empty if it may cover some."""
        if self.indirect:
            return "it is an indirect CRL, which is not supported"
        if self.only_user and self.only_ca:
            return "it only covers CA certificates, and only those that are no CA"
        if self.reasons is not None and not self.reasons:
            return "it covers no reason for a revocation"
        return "it only covers attribute certificates" if self.only_attribute else ""

    def problem(self, *, is_ca: bool, points: Iterable[DistributionPoint], issuer: bytes) -> str | None:
        """Why a CRL of this scope does not cover a certificate with these distribution points; None if it does.

        `issuer` is the raw DER Name of the issuer of the CRL, to which relative names belong. `reasons` has the reasons
        that the CRL covers.
        """
        points = tuple(points)
        if self.covers_none:
            return self.covers_none
        if self.only_ca and not is_ca:
            return "it only covers CA certificates"
        if self.only_user and is_ca:
            return "it only covers certificates that are no CA"
        if self.name and not any(_share_a_name(self.name, point, issuer) for point in points):
            shown = ", ".join(safe(uri, limit=200) for uri in self.name.uris) or "another name"
            wanted = ", ".join(safe(uri, limit=200) for point in points for uri in point.uris)
            return f"it is for another distribution point ({shown})" + (f", not {wanted}" if wanted else "")
        return None


def same_scope(one: bytes, other: bytes, issuer: bytes) -> bool:
    """Whether two extensions of CRLs of `issuer` mean the same; empty where there is none (RFC 5280, 6.3.3 (c))."""
    if one == other or not one or not other:
        return one == other
    try:
        return Scope.parse(one).meaning(issuer) == Scope.parse(other).meaning(issuer)
    except FormatError:
        return False


def _share_a_name(name: PointName, point: DistributionPoint, issuer: bytes) -> bool:
    """RFC 5280, 6.3.3 (b)(2)(i): they have a name in common; a relative name is appended to the name of the issuer."""
    return not _keys(name, issuer).isdisjoint(_keys(point, issuer))


def _keys(names: PointName | DistributionPoint, issuer: bytes) -> set[object]:
    if names.relative is not None:
        return {relative_name_key(issuer, names.relative)}
    return {_key(name) for name in names.names}


def _key(general_name: bytes) -> object:
    """A key to compare GeneralNames: names and URIs as in RFC 5280, 7, all others by their bytes."""
    if general_name[0] == _URI:
        return uri_key(der.read(general_name, _WHERE).value)
    if general_name[0] != _DIRECTORY_NAME:
        return general_name
    try:
        return name_key(der.read(general_name, _WHERE).only(_WHERE).raw)
    except FormatError:
        return general_name


def _flag(fields: der.Fields, number: int) -> bool:
    element = fields.maybe(der.context(number, constructed=False))
    if element is None:
        return False
    if element.value not in (b"\x00", b"\xff"):
        raise FormatError("is a BOOLEAN that is neither 00 nor FF", where=_WHERE)
    return element.value == b"\xff"
