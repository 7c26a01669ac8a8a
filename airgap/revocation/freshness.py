"""How stale evidence may be: by `airgap.toml`, or by `--max-age` instead (decision 0013)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, NamedTuple, Self

from airgap import limits
from airgap.errors import FormatError, TrustMaterialError, UsageError
from airgap.parse.time import format_duration, parse_duration
from airgap.text import safe

EvidenceKind = Literal["crl", "ocsp"]
PieceKind = Literal["crl", "delta-crl", "ocsp"]
"""The kind of a file."""
ChainKind = Literal["signing", "tsa"]
PIECE_KINDS: Final[tuple[PieceKind, ...]] = ("crl", "delta-crl", "ocsp")
EVIDENCE_KINDS: Final[tuple[EvidenceKind, ...]] = ("crl", "ocsp")
CHAIN_KINDS: Final[tuple[ChainKind, ...]] = ("signing", "tsa")
KIND_WORDS: Final[Mapping[EvidenceKind, str]] = {"crl": "CRL", "ocsp": "OCSP response"}

FRESHNESS_FILE: Final = "airgap.toml"
_TABLE: Final = "freshness"
_KEYS: Final[Mapping[str, tuple[EvidenceKind, ChainKind]]] = {
    "crl": ("crl", "signing"),
    "ocsp": ("ocsp", "signing"),
    "tsa-crl": ("crl", "tsa"),
    "tsa-ocsp": ("ocsp", "tsa"),
}
_END_OF_TIME: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def parse_ages(texts: Sequence[str]) -> dict[str, timedelta]:
    """Parses `--max-age`: `7d` for all evidence, `crl=7d` for one kind; later values override earlier ones.

    Raises UsageError.
    """
    ages: dict[str, timedelta] = {}
    for text in texts:
        kind, equals, age = text.rpartition("=")
        if equals and kind not in _KEYS:
            raise UsageError(
                f"--max-age {safe(text, limit=64)!r}: {safe(kind, limit=64)!r} is no kind of evidence",
                remedy=f"Write one of {', '.join(_KEYS)} before the '=', or only an age.",
            )
        try:
            span = parse_duration(age)
        except FormatError as error:
            raise UsageError(
                f"--max-age: {error}", remedy="Write weeks, days and hours, largest first: 2w, 7d, 1d12h."
            ) from None
        ages |= dict.fromkeys([kind] if equals else _KEYS, span)
    return ages


class DatedEvidence(NamedTuple):
    """A CRL or an answer in an OCSP response, with its dates."""

    kind: EvidenceKind
    name: str
    """Its file, safe to show."""
    this_update: datetime
    next_update: datetime | None


@dataclass(frozen=True, slots=True)
class Freshness:
    """How long after its nextUpdate evidence is accepted; the default is zero."""

    by_use: Mapping[tuple[EvidenceKind, ChainKind], timedelta] = field(default_factory=dict)
    origin: str = "default"
    """The source of the limits, for the report: `default`, a file name, or `--max-age`."""
    is_for_endless: bool = False
    """Whether they are only for evidence without nextUpdate."""

    @classmethod
    def parse(cls, data: bytes, source: str) -> Self:
        """The table `[freshness]` of airgap.toml.

        Raises TrustMaterialError("evidence.malformed") with the facts `source`, `member` and `problem`; an unknown key
        is refused, because a misspelt limit would have no effect.
        """
        try:
            return cls(_parse(data), source)
        except FormatError as error:
            raise TrustMaterialError.of_file("evidence.malformed", safe(source), error) from None

    def accepting(self, ages: Mapping[str, timedelta], origin: str = "--max-age") -> Freshness:
        """These limits, with those of `ages` (`parse_ages`) replaced."""
        if not ages:
            return self
        return Freshness({**self.by_use, **{_KEYS[key]: span for key, span in ages.items()}}, origin)

    def for_endless(self) -> Freshness:
        """These limits for evidence without nextUpdate, whose age alone counts; all other must be fresh."""
        return Freshness(self.by_use, self.origin, is_for_endless=True)

    def to_json(self) -> dict[str, str]:
        """Every limit, `crl` to `7d`."""
        return {key: format_duration(self.allowed(*use)) for key, use in _KEYS.items()}

    def allowed(self, kind: EvidenceKind, chain: ChainKind) -> timedelta:
        """How long evidence of this kind, about a chain of this kind, may be past its nextUpdate."""
        return self.by_use.get((kind, chain), timedelta(0))

    def use_by(
        self, kind: EvidenceKind, chain: ChainKind, this_update: datetime, next_update: datetime | None
    ) -> datetime | None:
        """Until when evidence counts: its nextUpdate plus the accepted staleness.

        Evidence without nextUpdate is stale from the start (CRL-5, OCSP-5, D36). The accepted time then begins at its
        thisUpdate, because newer information was available at any time (RFC 6960, 4.2.2.1). None if it never counts.
        """
        allowed = self.allowed(kind, chain)
        if next_update is None and not allowed:
            return None
        if next_update is not None and self.is_for_endless:
            return next_update
        try:
            return (next_update or this_update) + allowed
        except OverflowError:  # 99991231235959Z in evidence means that it has no end
            return _END_OF_TIME


def by_age(kind: EvidenceKind, *chains: ChainKind) -> str:
    """The remedy for evidence without nextUpdate: only its age counts, and fetching it again does not help."""
    keys = [key for key, use in _KEYS.items() if use in {(kind, chain) for chain in chains}]
    options = " ".join(f"--max-age {key}=7d" for key in keys)
    lines = " and ".join(f'{key} = "7d"' for key in keys)
    return (
        "To fetch it again does not help where its issuer never states a nextUpdate. Accept the "
        f"{KIND_WORDS[kind]} by its age, with {options}, or for good in airgap.toml, in the table [{_TABLE}]: {lines}."
    )


def _parse(data: bytes) -> dict[tuple[EvidenceKind, ChainKind], timedelta]:
    document = _toml(data)
    _refuse_unknown(document, (_TABLE,), "")
    table = document.get(_TABLE, {})
    if not isinstance(table, dict):
        raise FormatError("is not a table", where=_TABLE)
    _refuse_unknown(table, tuple(_KEYS), f"{_TABLE}.")
    return {_KEYS[key]: _span(value, f"{_TABLE}.{key}") for key, value in table.items()}


def _toml(data: bytes) -> dict[str, Any]:
    if len(data) > limits.CONFIG_BYTES:
        raise FormatError(f"has {len(data)} bytes, more than {limits.CONFIG_BYTES}")
    import tomllib  # most trust directories have no airgap.toml

    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise FormatError(f"is not UTF-8 (byte {error.start})") from None
    except (ValueError, RecursionError) as error:
        raise FormatError(f"is not TOML: {safe(error)}") from None


def _refuse_unknown(table: Mapping[str, Any], known: tuple[str, ...], prefix: str) -> None:
    for key in table:
        if key not in known:
            raise FormatError(
                f"is not known here; known are {', '.join(known)}", where=f"{prefix}{safe(key, limit=64)}"
            )


def _span(value: Any, where: str) -> timedelta:
    if not isinstance(value, str):
        raise FormatError('is not a text such as "7d"', where=where)
    return parse_duration(value, where=where)
