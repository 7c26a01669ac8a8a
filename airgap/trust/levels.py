"""The checks and the action of each: levels, overrides and their table (POLICY-8, 12, 13)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from airgap.errors import FormatError
from airgap.parse import json
from airgap.parse.json_members import Notes, as_choice, refuse_unknown
from airgap.text import safe


class Check(StrEnum):
    """The checks of one signature, in the order in which they are made and reported (decision 0015)."""

    INTEGRITY = "integrity"
    AUTHENTICITY = "authenticity"
    EXPIRY = "expiry"
    AUTHENTIC_TIMESTAMP = "authenticTimestamp"
    REVOCATION = "revocation"
    PLUGIN = "plugin"
    """The result of a verification plugin; not in the policy language, always enforced."""
    METADATA = "metadata"
    """Metadata that the caller requires; not in the policy language, always enforced."""


class Action(StrEnum):
    """The consequence of a failed check (VERIFY-18)."""

    ENFORCE = "enforce"
    """The signature is refused."""
    LOG = "log"
    """The failure is reported and the signature may still be accepted."""
    SKIP = "skip"
    """The check is not made."""


class Level(StrEnum):
    """The named levels of a policy."""

    STRICT = "strict"
    PERMISSIVE = "permissive"
    AUDIT = "audit"
    SKIP = "skip"


class VerifyTimestamp(StrEnum):
    """When a timestamp is looked at (POLICY-9)."""

    ALWAYS = "always"
    AFTER_CERT_EXPIRY = "afterCertExpiry"


CUSTOM: Final = "custom"
"""The name of a level with overrides (POLICY-12, POLICY-13)."""

_E, _L, _S = Action.ENFORCE, Action.LOG, Action.SKIP
_COLUMNS: Final = (Level.STRICT, Level.PERMISSIVE, Level.AUDIT, Level.SKIP)
_ROWS: Final = {
    Check.INTEGRITY: (_E, _E, _E, _S),
    Check.AUTHENTICITY: (_E, _E, _L, _S),
    Check.EXPIRY: (_E, _L, _L, _S),
    Check.AUTHENTIC_TIMESTAMP: (_E, _L, _L, _S),
    Check.REVOCATION: (_E, _L, _L, _S),
    # outside the specification's table: fatal at every level but skip
    Check.PLUGIN: (_E, _E, _E, _S),
    Check.METADATA: (_E, _E, _E, _S),
}
ACTIONS: Final[Mapping[Level, Mapping[Check, Action]]] = MappingProxyType(
    {
        level: MappingProxyType({check: actions[column] for check, actions in _ROWS.items()})
        for column, level in enumerate(_COLUMNS)
    }
)
"""The action table: level and check to action."""

_OVERRIDES: Final[Mapping[str, tuple[str, ...]]] = {
    Check.AUTHENTICITY: (_E, _L),
    Check.AUTHENTIC_TIMESTAMP: (_E, _L),
    Check.EXPIRY: (_E, _L),
    Check.REVOCATION: (_E, _L, _S),
}


class SignatureVerification(NamedTuple):
    """The member `signatureVerification` of a statement."""

    base_level: Level
    level: str
    """The level's name, or "custom" where it is overridden."""
    actions: Mapping[Check, Action]
    verify_timestamp: VerifyTimestamp
    states_timestamp: bool
    """Whether it is stated, not the default."""


def parse_verification(value: Any) -> SignatureVerification:
    """The member `signatureVerification`. Raises FormatError with the path of every member that is wrong."""
    source = json.as_object(value)
    notes = Notes()
    base, timestamp = Level.STRICT, VerifyTimestamp.ALWAYS
    overridden: dict[Check, Action] = {}
    with notes.keep():
        refuse_unknown(source, ("level", "override", "verifyTimestamp"), _HINTS)
    with notes.keep():
        base = _level(source)
    with notes.keep():
        override = json.take_optional(source, "override", dict) or {}
        if override and base is Level.SKIP:
            raise FormatError("nothing can be overridden under level skip", where="override")
        for check, action in override.items():
            with notes.keep():
                overridden.update([_override(check, action)])
    with notes.keep():
        timestamp = _verify_timestamp(source)
    notes.check()
    return SignatureVerification(
        base_level=base,
        level=CUSTOM if overridden else base.value,
        actions=MappingProxyType({**ACTIONS[base], **overridden}),
        verify_timestamp=timestamp,
        states_timestamp=bool(source.get("verifyTimestamp")),
    )


def stated_level(value: Any) -> Level | None:
    """The level alone, of a member `signatureVerification` that may be wrong otherwise; None if it cannot be read."""
    try:
        return _level(json.as_object(value))
    except FormatError:
        return None


def _level(source: json.JsonObject) -> Level:
    level = json.take(source, "level", str)
    as_choice(level, tuple(Level), "level")
    return Level(level)


_HINTS: Final[Mapping[str, str]] = {
    **dict.fromkeys(_OVERRIDES, "it belongs into override"),
    Check.INTEGRITY: "integrity is always enforced, and nothing overrides it",
    "trustStores": "it belongs beside signatureVerification, into the statement",
    "trustedIdentities": "it belongs beside signatureVerification, into the statement",
}


def _override(check: str, action: Any) -> tuple[Check, Action]:
    where = f"override.{safe(check, limit=64)}"
    if check == Check.INTEGRITY:
        raise FormatError("integrity cannot be overridden", where=where)
    if check in {"verifyTimestamp", "level"}:
        raise FormatError("is no check; it belongs into signatureVerification, beside override", where=where)
    as_choice(check, tuple(_OVERRIDES), where)
    if not isinstance(action, str):
        raise FormatError("is not a string", where=where)
    as_choice(action, _OVERRIDES[check], where)
    return Check(check), Action(action)


def _verify_timestamp(source: json.JsonObject) -> VerifyTimestamp:
    value = json.take_optional(source, "verifyTimestamp", str)
    if not value:  # in the reference, absent and empty are equal
        return VerifyTimestamp.ALWAYS
    as_choice(value, tuple(VerifyTimestamp), "verifyTimestamp")
    return VerifyTimestamp(value)
