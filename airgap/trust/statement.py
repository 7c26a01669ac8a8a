"""One statement of a trust policy: what those of OCI and blob policies have in common (requirements/trust.md)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from airgap import limits
from airgap.errors import FormatError
from airgap.parse import json
from airgap.parse.json import JsonObject
from airgap.parse.json_members import Fault, FormatErrors, Notes, each, refuse_unknown, take_items
from airgap.text import safe
from airgap.trust.identities import Identity, parse_identities
from airgap.trust.identities import doubts as identity_doubts
from airgap.trust.levels import (
    Action,
    Check,
    Level,
    SignatureVerification,
    VerifyTimestamp,
    parse_verification,
    stated_level,
)
from airgap.trust.store_types import StoreType
from airgap.trust.stores import StoreRef

COMMON: Final = ("name", "signatureVerification", "trustStores", "trustedIdentities")
LIST: Final = "trustPolicies"
_IN_VERIFICATION: Final = "it belongs into signatureVerification"
_STATEMENT_HINTS: Final = {
    **dict.fromkeys(("level", "verifyTimestamp", "override"), _IN_VERIFICATION),
    "version": "it belongs to the top of the document",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """The trusted signers for some repositories or blobs."""

    name: str
    scopes: tuple[str, ...]
    """Repositories, or `*` alone; empty in a blob policy."""
    is_global: bool
    """Whether it is the one for everything that no other statement names: scope `*`, or `globalPolicy`."""
    level: str
    """Name of the level; "custom" where it is overridden."""
    base_level: Level
    actions: Mapping[Check, Action]
    """Every check with its action."""
    verify_timestamp: VerifyTimestamp
    states_timestamp: bool
    """Whether the policy states verifyTimestamp; for warnings."""
    stores: tuple[StoreRef, ...]
    """Each once, in the order of the policy."""
    identities: tuple[Identity, ...]

    @property
    def skip(self) -> bool:
        """Whether signatures are not verified (VERIFY-2)."""
        return self.base_level is Level.SKIP

    def stores_of(self, kind: str) -> tuple[StoreRef, ...]:
        """The trust stores of one type; others are not used for this type (STORE-11)."""
        return tuple(store for store in self.stores if store.type == kind)

    def doubts(self) -> tuple[str, ...]:
        """Allowed but doubtful settings."""
        found = []
        # POLICY-11: stores of type tsa anchor no signature
        if self.stores and all(store.type is StoreType.TSA for store in self.stores):
            found.append("its trust stores are all of type tsa, so that no signature can be trusted")
        # POLICY-9, TS-1: timestamps count only with a store of type tsa
        if self.states_timestamp and not self.skip and not self.stores_of(StoreType.TSA):
            found.append(
                "it sets verifyTimestamp and names no trust store of type tsa, so that no timestamp is ever used"
            )
        return (*found, *identity_doubts(self.identities))


def parse_statement(
    source: JsonObject,
    notes: Notes,
    *,
    own: Collection[str],
    hints: Mapping[str, str],
    scopes: tuple[str, ...],
    is_global: bool,
) -> Statement:
    """What OCI and blob statements share; `own` are the members of one kind of policy.

    `notes` is what was wrong with these already. Raises FormatErrors, with them in it.
    """
    verification: SignatureVerification | None = None
    stores: tuple[StoreRef, ...] = ()
    identities: tuple[Identity, ...] = ()
    with notes.keep():
        refuse_unknown(source, (*COMMON, *own), {**_STATEMENT_HINTS, **hints})
    with notes.keep():
        if not json.take(source, "name", str):  # POLICY-7: a name
            raise FormatError("is empty; every statement needs a name", where="name")
    with notes.keep():
        if isinstance(level := source.get("signatureVerification"), str):
            raise FormatError(
                f'is a text, and must be an object: {{"level": "{safe(level, limit=64)}"}}',
                where="signatureVerification",
            )
        value = json.take(source, "signatureVerification", dict)
        with notes.keep("signatureVerification"):
            verification = parse_verification(value)
    with notes.keep():
        named = take_items(source, "trustStores", limit=limits.POLICY_STORES, required=False)
        stores = each(named, _store, where="trustStores")
    with notes.keep():
        entries = take_items(source, "trustedIdentities", limit=limits.POLICY_IDENTITIES, required=False)
        with notes.keep("trustedIdentities"):
            identities = parse_identities(entries)
    if (level := stated_level(source.get("signatureVerification"))) is not None:
        for member in ("trustStores", "trustedIdentities"):
            with notes.keep():
                _check_presence(level, member, source.get(member, []))
    notes.check()
    assert verification is not None  # noqa: S101 - else there was a refusal
    return Statement(
        name=source["name"],
        scopes=scopes,
        is_global=is_global,
        **verification._asdict(),
        stores=tuple(dict.fromkeys(stores)),
        identities=identities,
    )


def check_unique_names(statements: Sequence[JsonObject]) -> Iterator[FormatError]:
    """Names are unique in the document, compared letter for letter (POLICY-7)."""
    seen: dict[str, int] = {}
    for number, statement in enumerate(statements):
        name = statement.get("name")
        if not isinstance(name, str) or not name:
            continue
        if name in seen:
            yield at_statement(number, statement, "name", f"{safe(name, limit=64)!r} names {LIST}[{seen[name]}] too")
        seen.setdefault(name, number)


def at_statement(number: int, statement: JsonObject, member: str, problem: str) -> FormatError:
    """An error that is between statements, at the place where the later one shows it."""
    error = FormatError(problem, where=f"{statement_path(number)}.{member}")
    return FormatErrors([Fault(error, statement=label_of(statement))])


def statement_path(number: int) -> str:
    """How messages call the statement at this place."""
    return f"{LIST}[{number}]"


def label_of(statement: JsonObject) -> str | None:
    """Its name, safe to show, if it has one."""
    name = statement.get("name")
    return safe(name, limit=64) if isinstance(name, str) and name else None


def _store(value: Any) -> StoreRef:
    return StoreRef.parse(json.text(value))


def _check_presence(level: Level, member: str, values: object) -> None:
    """Stores and identities are in every statement but a skip (POLICY-10)."""
    if level is Level.SKIP and values:
        raise FormatError("must be empty under level skip, which looks at no signature", where=member)
    if level is not Level.SKIP and not values:
        raise FormatError(f"is missing or empty; level {level} needs at least one", where=member)
