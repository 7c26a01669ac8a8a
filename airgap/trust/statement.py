"""One statement of a trust policy, and what OCI and blob policies have in common (requirements/trust.md).

A document is parsed and checked as a whole before anything is judged: one bad statement refuses all (POLICY-14).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from airgap import limits
from airgap.errors import FormatError, TrustMaterialError
from airgap.oci.digest import Digest
from airgap.parse import json
from airgap.parse.json import JsonObject
from airgap.problem import Problem
from airgap.reasons import REASONS
from airgap.text import safe
from airgap.trust.identities import Identity, doubts, parse_identities
from airgap.trust.levels import (
    Action,
    Check,
    Level,
    SignatureVerification,
    VerifyTimestamp,
    parse_verification,
    stated_level,
)
from airgap.trust.policy_members import (
    Fault,
    FormatErrors,
    Notes,
    each,
    faults_of,
    refuse_unknown,
    take_each,
    take_items,
)
from airgap.trust.store_types import StoreType
from airgap.trust.stores import StoreRef

if TYPE_CHECKING:
    from airgap.parse.lines import Lines

VERSION: Final = "1.0"
_COMMON: Final = ("name", "signatureVerification", "trustStores", "trustedIdentities")
_DOCUMENT: Final = ("version", "trustPolicies")
_LIST: Final = "trustPolicies"
_WRAPPED: Final = 4
"""The depth to which a wrapped policy is searched, for messages."""
_KUBERNETES: Final = f"it belongs to Kubernetes resources; a trust policy has version and {_LIST} at its top, no more"
_IN_STATEMENT: Final = f"it belongs into a statement of {_LIST}"
_IN_VERIFICATION: Final = "it belongs into signatureVerification"
_STATEMENT_HINTS: Final = {
    **dict.fromkeys(("level", "verifyTimestamp", "override"), _IN_VERIFICATION),
    "version": "it belongs to the top of the document",
}
_TOP_HINTS: Final = {
    **dict.fromkeys(("apiVersion", "kind", "metadata", "spec"), _KUBERNETES),
    **dict.fromkeys((*_COMMON, "registryScopes", "globalPolicy"), _IN_STATEMENT),
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


class Document(NamedTuple):
    """A policy file, parsed."""

    source: str
    digest: str
    """`sha256:...` of the file as it stands."""
    statements: tuple[Statement, ...]
    notices: tuple[Problem, ...]
    """Allowed but doubtful settings."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A valid policy document: every statement kept all rules. Its kinds differ in what selects a statement."""

    document: Document

    @property
    def statements(self) -> tuple[Statement, ...]:
        """In the order of the document."""
        return self.document.statements

    @property
    def digest(self) -> str:
        """`sha256:...` of the file as it stands."""
        return self.document.digest

    @property
    def source(self) -> str:
        """The name of the document in messages."""
        return self.document.source

    @property
    def notices(self) -> tuple[Problem, ...]:
        """Allowed but doubtful settings."""
        return self.document.notices


class PolicyError(TrustMaterialError):
    """The error for an invalid policy document. Its text and facts are those of the first refusal."""

    def __init__(self, source: str, refusals: Sequence[Refusal], total: int) -> None:
        first = refusals[0]
        more = f" airgap trust policy check tells all {total} refusals." if total > 1 else ""
        super().__init__(
            "policy.malformed",
            f"{safe(source)}: {first.located}",
            remedy=REASONS["policy.malformed"].remedy + more,
            source=safe(source),
            statement=first.statement,
            member=first.member,
            line=first.line,
            problem=first.problem,
            refusals=total,
        )
        self.source: str = source
        self.refusals: tuple[Refusal, ...] = tuple(refusals)
        """In the order of the document."""
        self.total: int = total
        """How many there are; more than `refusals` where these were cut off."""


class Refusal(NamedTuple):
    """One fault of a policy."""

    line: int | None
    member: str
    """Path from the top; empty for the document as a whole."""
    statement: str | None
    """Its name, or its place in the list where it has none; None where the fault is outside every statement."""
    problem: str
    remedy: str = ""
    """Its own remedy, if it has one."""

    @property
    def sentence(self) -> str:
        """Where and what."""
        named = f" (statement {self.statement!r})" if self.statement not in {None, _place(self.member)} else ""
        return f"{self.member}{named}: {self.problem}" if self.member else self.problem

    @property
    def located(self) -> str:
        """The same with the line, if the member does not show it."""
        return f"line {self.line}: {self.sentence}" if self.member and self.line else self.sentence


def parse_document(
    data: bytes,
    source: str,
    parse: Callable[[JsonObject], Statement],
    check: Callable[[Sequence[JsonObject]], Iterator[FormatError]],
) -> Document:
    """The policy document `data`, with every rule checked and every fault reported.

    `parse` reads one statement; `check` holds the statements against each other, as they stand in the document.
    `source` is what messages call the document. Raises PolicyError, a TrustMaterialError("policy.malformed") with the
    facts `source`, `statement` (its name, or its place in the list where it has none), `member` (path from the top),
    `line`, `problem` and `refusals` (how many).
    """
    try:
        statements = _statements(data, parse, check)
    except FormatError as error:
        raise _refused(error, source, data) from None
    notices = tuple(_notice(statement, doubt) for statement in statements for doubt in _doubts(statement))
    return Document(source=source, digest=str(Digest.of(data)), statements=statements, notices=notices)


def _statements(
    data: bytes,
    parse: Callable[[JsonObject], Statement],
    check: Callable[[Sequence[JsonObject]], Iterator[FormatError]],
) -> tuple[Statement, ...]:
    # a fraction is refused where it stands, so that the message names its member
    document = json.load(data, json.Reading.SIGNED, limit=limits.POLICY_BYTES, what="document")
    if isinstance(document, list):
        raise FormatError(
            "the document is not a JSON object but a list; the list must be the member trustPolicies of "
            f'{{"version": "{VERSION}", "{_LIST}": [ ... ]}}'
        )
    document = json.as_object(document, "document")
    _refuse_other_shapes(document)
    notes = Notes()
    statements: tuple[Statement, ...] = ()
    with notes.keep():
        refuse_unknown(document, _DOCUMENT, _TOP_HINTS)
    with notes.keep():
        if isinstance(version := document.get("version"), int | float):
            kind = "true or false" if isinstance(version, bool) else "a number"
            raise FormatError(f'is {kind}, and must be the text "{VERSION}", in quotes', where="version")
        if (version := json.take(document, "version", str)) != VERSION:  # POLICY-5: the only version
            raise FormatError(
                f'is {safe(version, limit=64)!r}, not "{VERSION}", which is the only version that there is',
                where="version",
            )
    with notes.keep():
        items = json.take_list(document, _LIST, lambda item: item, limit=limits.POLICY_STATEMENTS)
        if not items:  # POLICY-6: at least one statement
            raise FormatError("has no statement", where=_LIST)
        with notes.keep():
            statements = each(items, _labelled(parse), where=_LIST)
        objects = [item if isinstance(item, dict) else {} for item in items]
        for error in (*check_names(objects), *check(objects)):
            notes.add(error)
    notes.check()
    return statements


def _refuse_other_shapes(document: JsonObject) -> None:
    """What is a policy that is in something else, or a piece of one: one refusal says more than one a member."""
    if _LIST in document:
        return
    if where := _wrapping(document):
        resource = "of a Kubernetes resource " if "apiVersion" in document else ""
        raise FormatError(
            f"holds the policy {resource}one level too deep; the file must hold what stands in here alone, version "
            f"and {_LIST} at the top",
            where=where,
        )
    if "apiVersion" in document and "kind" in document:
        raise FormatError(
            f"is present, so that this is a Kubernetes resource; a trust policy has version and {_LIST} at its top",
            where="apiVersion",
        )
    if _COMMON[1] in document or "registryScopes" in document:
        raise FormatError(
            f'this is one statement; it must stand in a list: {{"version": "{VERSION}", "{_LIST}": [ ... ]}}'
        )


def _wrapping(source: JsonObject, depth: int = _WRAPPED) -> str:
    """The path of the object in which a policy stands; empty where none does."""
    for name, item in source.items():
        if not isinstance(item, dict):
            continue
        shown = safe(name, limit=64)
        if _LIST in item:
            return shown
        if depth and (inner := _wrapping(item, depth - 1)):
            return f"{shown}.{inner}"
    return ""


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
        refuse_unknown(source, (*_COMMON, *own), {**_STATEMENT_HINTS, **hints})
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
        stores = take_each(source, "trustStores", _store, limit=limits.POLICY_STORES, required=False)
    with notes.keep():
        entries = take_items(source, "trustedIdentities", limit=limits.POLICY_IDENTITIES, required=False)
        with notes.keep("trustedIdentities"):
            identities = parse_identities(entries)
    if (level := stated_level(source.get("signatureVerification"))) is not None:
        for member in ("trustStores", "trustedIdentities"):
            with notes.keep():
                _check_presence(level, member, source.get(member, []))
    notes.check()
    return _made(source, verification, stores=stores, identities=identities, scopes=scopes, is_global=is_global)


def _made(
    source: JsonObject,
    verification: SignatureVerification | None,
    *,
    stores: tuple[StoreRef, ...],
    identities: tuple[Identity, ...],
    scopes: tuple[str, ...],
    is_global: bool,
) -> Statement:
    assert verification is not None  # noqa: S101 - else there was a refusal
    return Statement(
        name=source["name"],
        scopes=scopes,
        is_global=is_global,
        level=verification.name,
        base_level=verification.base,
        actions=verification.actions,
        verify_timestamp=verification.verify_timestamp,
        states_timestamp=verification.states_timestamp,
        stores=tuple(dict.fromkeys(stores)),
        identities=identities,
    )


def check_names(statements: Sequence[JsonObject]) -> Iterator[FormatError]:
    """Names are unique in the document, compared letter for letter (POLICY-7)."""
    seen: dict[str, int] = {}
    for number, statement in enumerate(statements):
        name = statement.get("name")
        if not isinstance(name, str) or not name:
            continue
        if name in seen:
            yield at_statement(number, statement, "name", f"{safe(name, limit=64)!r} names {_LIST}[{seen[name]}] too")
        seen.setdefault(name, number)


def at_statement(number: int, statement: JsonObject, member: str, problem: str) -> FormatError:
    """An error that is between statements, at the place where the later one shows it."""
    error = FormatError(problem, where=f"{statement_path(number)}.{member}")
    return FormatErrors([Fault(error, statement=_label(statement))])


def statement_path(number: int) -> str:
    """How messages call the statement at this place."""
    return f"{_LIST}[{number}]"


def _labelled(parse: Callable[[JsonObject], Statement]) -> Callable[[Any], Statement]:
    """`parse`, with errors that carry the statement's name."""

    def labelled(item: Any) -> Statement:
        source = json.as_object(item)
        try:
            return parse(source)
        except FormatErrors as error:
            raise error.of_statement(_label(source)) from None

    return labelled


def _label(statement: JsonObject) -> str | None:
    name = statement.get("name")
    return safe(name, limit=64) if isinstance(name, str) and name else None


def _refused(error: FormatError, source: str, data: bytes) -> PolicyError:
    from airgap.parse.lines import Lines  # seldom needed

    lines = Lines(data)
    faults = faults_of(error)
    # a member that is missing and one that is nearly called so are one mistake, told where it stands
    misspelt = {_beside(fault.error.where, fault.meant) for fault in faults if fault.meant}
    found = [_refusal(fault, lines) for fault in faults if fault.error.where not in misspelt]
    found.sort(key=lambda refusal: refusal.line or 0)
    return PolicyError(source, found[: limits.POLICY_REFUSALS], len(found))


def _beside(where: str, name: str) -> str:
    """The path of the member `name` in the object in which the member at `where` stands."""
    parent, dot, _ = where.rpartition(".")
    return f"{parent}{dot}{name}"


def _place(member: str) -> str | None:
    """The place in the list of the statement that a member is of; None where it is of none."""
    path, _, _ = member.partition("].")
    return f"{path.removesuffix(']')}]" if path.startswith(f"{_LIST}[") else None


def _refusal(fault: Fault, lines: Lines) -> Refusal:
    error = fault.error
    return Refusal(
        line=lines.of(error.where) if error.line is None else error.line,
        member=error.where,
        # what stands wrong outside every statement belongs to none
        statement=fault.statement or _place(error.where),
        problem=error.problem,
        remedy=error.remedy,
    )


def _store(value: Any) -> StoreRef:
    return StoreRef.parse(json.text(value))


def _check_presence(level: Level, member: str, values: object) -> None:
    """Stores and identities stand in every statement but a skip (POLICY-10)."""
    if level is Level.SKIP and values:
        raise FormatError("must be empty under level skip, which looks at no signature", where=member)
    if level is not Level.SKIP and not values:
        raise FormatError(f"is missing or empty; level {level} needs at least one", where=member)


def _doubts(statement: Statement) -> tuple[str, ...]:
    found = []
    # POLICY-11: stores of type tsa anchor no signature
    if statement.stores and all(store.type is StoreType.TSA for store in statement.stores):
        found.append("its trust stores are all of type tsa, so that no signature can be trusted")
    # POLICY-9, TS-1: timestamps count only with a store of type tsa
    if statement.states_timestamp and not statement.skip and not statement.stores_of(StoreType.TSA):
        found.append("it sets verifyTimestamp and names no trust store of type tsa, so that no timestamp is ever used")
    return (*found, *doubts(statement.identities))


def _notice(statement: Statement, doubt: str) -> Problem:
    name = safe(statement.name, limit=64)
    return Problem(reason="policy.doubtful", message=f"statement {name!r}: {doubt}", facts={"statement": name})
