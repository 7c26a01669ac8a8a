"""The signed attributes and their rules, the same for JWS and COSE (requirements/schemes.md).

A format passes its decoded protected header and its `Dialect`, which has the spelling of labels and times. All rules
are here, so that each rule holds for both formats (D8, D9).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from airgap import limits
from airgap.errors import FormatError, Rejected
from airgap.parse.time import iso
from airgap.pki.algorithms import Algorithm
from airgap.pki.certificate import Certificate, Offered
from airgap.signature import model
from airgap.signature.model import ExtendedAttribute, PluginDemand, Scheme
from airgap.text import safe

Label = int | str


class Dialect(NamedTuple):
    """The spelling of the protected header in one envelope format."""

    algorithm: Label
    critical: Label
    content_type: Label
    find_algorithm: Callable[[Any], Algorithm | None]
    parse_time: Callable[[Any], datetime]
    """Raises FormatError."""
    is_label: Callable[[Any], bool]
    is_registered: Callable[[Label], bool]
    """Whether the format's own specification defines the label, so that `crit` may not list it."""
    clause: str
    """The place of that definition."""
    not_extended: frozenset[Label] = frozenset()
    """Further labels that the format itself defines."""


class Attributes(NamedTuple):
    """The signed attributes of one envelope."""

    algorithm: Algorithm
    content_type: str
    scheme: Scheme
    signing_time: datetime | None
    authentic_signing_time: datetime | None
    expiry: datetime | None
    extended: Mapping[Label, ExtendedAttribute]
    plugin: PluginDemand | None


def read_attributes(header: Mapping[Label, Any], dialect: Dialect, plugins: Container[str] = frozenset()) -> Attributes:
    """The attributes that the protected `header` holds. Raises Rejected envelope.*.

    `plugins` names the verification plugins that the caller will hand critical attributes to that are not understood
    here, where the envelope demands one of them; without such a plugin these attributes are refused (D6).
    """
    algorithm = _algorithm(header, dialect)
    content_type = _content_type(header, dialect)
    scheme = _scheme(header)
    critical = _critical(header, dialect)
    _require_critical(header, critical, scheme)
    plugin = _plugin(header, critical)
    _refuse_unknown(critical, header if plugin is not None and plugin.name in plugins else {})
    signing, authentic, expiry = _times(header, dialect, scheme)
    return Attributes(
        algorithm=algorithm,
        content_type=content_type,
        scheme=scheme,
        signing_time=signing,
        authentic_signing_time=authentic,
        expiry=expiry,
        extended=_extended(header, dialect, critical),
        plugin=plugin,
    )


DEFINED: Final = frozenset(
    {
        model.SCHEME,
        model.SIGNING_TIME,
        model.AUTHENTIC_SIGNING_TIME,
        model.EXPIRY,
        model.PLUGIN,
        model.PLUGIN_MIN_VERSION,
    }
)
"""The signed attributes that the Notary Project defines."""

_UNDERSTOOD: Final = DEFINED - {model.SIGNING_TIME}
"""Attributes that may be critical: not the signing time (JWS-14)."""
_GO_ZERO_YEAR: Final = 1


def _algorithm(header: Mapping[Label, Any], dialect: Dialect) -> Algorithm:
    # JWS-10, COSE-10: a known algorithm, in the protected header
    if dialect.algorithm not in header:
        raise Rejected("envelope.algorithm", "the protected header names no algorithm")
    stated = header[dialect.algorithm]
    algorithm = dialect.find_algorithm(stated)
    if algorithm is None:
        raise Rejected(
            "envelope.algorithm",
            f"the algorithm {show(stated)} is not one that the Notary Project allows",
            stated=show(stated),
        )
    return algorithm


def _content_type(header: Mapping[Label, Any], dialect: Dialect) -> str:
    # PAY-1, JWS-11, COSE-13: exact text
    stated = header.get(dialect.content_type)
    if stated != model.PAYLOAD_CONTENT_TYPE:
        said = f"is {show(stated)}" if dialect.content_type in header else "is missing"
        raise Rejected(
            "envelope.content_type", f"the payload's content type {said}, and must be {model.PAYLOAD_CONTENT_TYPE!r}"
        )
    return model.PAYLOAD_CONTENT_TYPE


def _scheme(header: Mapping[Label, Any]) -> Scheme:
    # SCHEME-1, JWS-13, COSE-14: one of the two known schemes
    if model.SCHEME not in header:
        raise Rejected("envelope.scheme", "the protected header names no signing scheme")
    stated = header[model.SCHEME]
    for scheme in Scheme:
        if stated == scheme.value:
            return scheme
    raise Rejected("envelope.scheme", f"the signing scheme {show(stated)} is unknown", stated=show(stated))


def _critical(header: Mapping[Label, Any], dialect: Dialect) -> frozenset[Label]:
    # JWS-12, JWS-19, COSE-11, COSE-12, D8: not empty; only headers that are present, and no registered ones
    if dialect.critical not in header:
        raise Rejected("envelope.critical", "the protected header has no list of critical headers (crit)")
    listed = header[dialect.critical]
    if not isinstance(listed, list) or not listed:
        raise Rejected("envelope.critical", "the list of critical headers (crit) is empty or no list")
    seen: set[Label] = set()
    for label in listed:
        if not dialect.is_label(label):
            raise Rejected("envelope.critical", f"crit lists {show(label)}, which is no name of a header")
        if label in seen:
            raise Rejected("envelope.critical", f"crit lists {show(label)} twice")
        if dialect.is_registered(label):
            raise Rejected("envelope.critical", f"crit lists {show(label)}, which {dialect.clause} forbids")
        if label not in header:
            raise Rejected("envelope.critical", f"crit lists {show(label)}, which is not in the protected header")
        seen.add(label)
    if model.SIGNING_TIME in seen:
        raise Rejected("envelope.critical", f"crit lists {model.SIGNING_TIME!r}, which is not critical")
    return frozenset(seen)


def _require_critical(header: Mapping[Label, Any], critical: frozenset[Label], scheme: Scheme) -> None:
    # JWS-13, JWS-15, JWS-16, COSE-12: the scheme, its time and the expiry are critical
    required = [model.SCHEME]
    if scheme is Scheme.SIGNING_AUTHORITY and model.AUTHENTIC_SIGNING_TIME in header:
        required.append(model.AUTHENTIC_SIGNING_TIME)
    if model.EXPIRY in header:
        required.append(model.EXPIRY)
    for label in required:
        if label not in critical:
            raise Rejected("envelope.critical", f"crit does not list {label!r}, which must be critical", header=label)


def _plugin(header: Mapping[Label, Any], critical: frozenset[Label]) -> PluginDemand | None:
    # JWS-22; a minimum version without a plugin is a critical attribute that cannot be processed, so it is refused
    name = _plugin_header(header, critical, model.PLUGIN)
    version = _plugin_header(header, critical, model.PLUGIN_MIN_VERSION)
    if version is not None:
        from airgap.parse.semver import SemVer

        try:
            SemVer.parse(version)
        except FormatError as error:
            raise Rejected("envelope.critical", f"{model.PLUGIN_MIN_VERSION!r}: {error.problem}") from None
    if name is None and version is not None:
        raise Rejected("envelope.critical", f"{model.PLUGIN_MIN_VERSION!r} is present without {model.PLUGIN!r}")
    return None if name is None else PluginDemand(name, version)


def _plugin_header(header: Mapping[Label, Any], critical: frozenset[Label], label: str) -> str | None:
    if label not in header:
        return None
    value = header[label]
    if not isinstance(value, str) or not value.strip():
        raise Rejected("envelope.critical", f"{label!r} is {show(value)}, not a text that names something")
    if label not in critical:
        raise Rejected("envelope.critical", f"crit does not list {label!r}, which must be critical", header=label)
    return value


def _refuse_unknown(critical: frozenset[Label], handed_on: Mapping[Label, Any]) -> None:
    # D6, JWS-20: the specification demands it, the reference accepts when no plugin is named. A plugin is handed names
    # and primitive values of JSON (PLUGIN-28), so no plugin could process an integer label, or a list.
    extended = critical - _UNDERSTOOD
    if not extended:
        return
    from airgap.plugin.protocol import PRIMITIVES

    unknown = sorted(
        (
            label
            for label in extended
            if not (isinstance(label, str) and label in handed_on and isinstance(handed_on[label], PRIMITIVES))
        ),
        key=str,
    )
    if unknown:
        names = ", ".join(map(show, unknown))
        raise Rejected(
            "envelope.critical.unknown",
            f"the signature has critical attributes that are not understood: {names}",
            attributes=[safe(label) for label in unknown],
        )


def _times(
    header: Mapping[Label, Any], dialect: Dialect, scheme: Scheme
) -> tuple[datetime | None, datetime | None, datetime | None]:
    # JWS-14, JWS-15, COSE-16, D9: each scheme has its own time, and only that
    own, foreign = model.SIGNING_TIME, model.AUTHENTIC_SIGNING_TIME
    if scheme is Scheme.SIGNING_AUTHORITY:
        own, foreign = foreign, own
    if foreign in header:
        raise Rejected("envelope.time", f"{foreign!r} is present, which the scheme {scheme.value} forbids")
    if own not in header:
        raise Rejected("envelope.time", f"{own!r} is missing, which the scheme {scheme.value} demands")
    stated = _time(header, dialect, own)
    expiry = _time(header, dialect, model.EXPIRY) if model.EXPIRY in header else None
    if expiry is not None and expiry <= stated:  # JWS-17, COSE-17: it ends after it was made
        raise Rejected(
            "envelope.time",
            f"the expiry {iso(expiry)} is not later than the signing time {iso(stated)}",
            expiry=iso(expiry),
            signing_time=iso(stated),
        )
    return (stated, None, expiry) if own == model.SIGNING_TIME else (None, stated, expiry)


def _time(header: Mapping[Label, Any], dialect: Dialect, label: str) -> datetime:
    try:
        moment = dialect.parse_time(header[label])
    except FormatError as error:
        raise Rejected("envelope.time", f"{label!r} {error.problem}") from None
    if moment.year == _GO_ZERO_YEAR:  # the signer of the reference writes it for "none" (JWS-16, COSE-15)
        raise Rejected("envelope.time", f"{label!r} is in the year 1, which means no time at all")
    return moment


def _extended(
    header: Mapping[Label, Any], dialect: Dialect, critical: frozenset[Label]
) -> Mapping[Label, ExtendedAttribute]:
    # JWS-21, COSE-18: other headers are allowed, and are extended attributes
    known = DEFINED | dialect.not_extended | {dialect.algorithm, dialect.critical, dialect.content_type}
    return {label: ExtendedAttribute(value, label in critical) for label, value in header.items() if label not in known}


def show(value: Any) -> str:
    """A decoded value, safe and short, for a sentence."""
    return safe(repr(value), limit=80)


def parse_certificates(ders: Sequence[bytes]) -> Offered:
    """The certificates in the order that the envelope has them. Raises Rejected chain.length or chain.malformed."""
    if len(ders) > limits.CHAIN_CERTIFICATES:
        raise Rejected(
            "chain.length",
            f"the envelope holds {len(ders)} certificates, more than {limits.CHAIN_CERTIFICATES}",
            certificates=len(ders),
            limit=limits.CHAIN_CERTIFICATES,
        )
    return Offered(tuple(_parse(der, number, len(ders)) for number, der in enumerate(ders)))


def _parse(der: bytes, number: int, count: int) -> Certificate:
    try:
        return Certificate.parse(der)
    except FormatError as error:
        raise Rejected(
            "chain.malformed", f"certificate {number + 1} of {count} cannot be parsed: {error}", position=number
        ) from None
