"""One statement of a trust policy, and what OCI and blob policies have in common (section 7.2).

A document is parsed and checked as a whole before anything is judged: one bad statement refuses all (POLICY-14).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from airgap import limits
from airgap.errors import FormatError, TrustMaterialError
from airgap.notice import Notice
from airgap.oci.digest import Digest
from airgap.parse import json
from airgap.parse.json import JsonObject
from airgap.parse.lines import line_of
from airgap.text import safe
from airgap.trust.identities import Identity, doubts, parse_identities
from airgap.trust.levels import Action, Check, Level, SignatureVerification, VerifyTimestamp, parse_verification
from airgap.trust.members import as_object, refuse_unknown
from airgap.trust.stores import StoreRef, StoreType

VERSION: Final = "1.0"
_COMMON: Final = ("name", "signatureVerification", "trustStores", "trustedIdentities")
_DOCUMENT: Final = ("version", "trustPolicies")
_LIST: Final = "trustPolicies"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What the operator believes about some repositories, or about some blobs."""

    name: str
    scopes: tuple[str, ...]
    """Repositories, or `*` alone; empty in a blob policy."""
    is_global: bool
    """Whether it stands for whatever no other statement names: scope `*`, or `globalPolicy`."""
    level: str
    """Name of the level; "custom" where it is overridden."""
    base_level: Level
    actions: Mapping[Check, Action]
    """Every check with its action."""
    verify_timestamp: VerifyTimestamp
    stores: tuple[StoreRef, ...]
    """Each once, in the order of the policy."""
    identities: tuple[Identity, ...]

    @property
    def skip(self) -> bool:
        """Whether signatures are not looked at, and nothing vouches for the artifact (VERIFY-2)."""
        return self.base_level is Level.SKIP

    def stores_of(self, kind: str) -> tuple[StoreRef, ...]:
        """The trust stores of one type; no other is ever opened for a question of this type (STORE-11)."""
        return tuple(store for store in self.stores if store.type == kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A policy file, parsed."""

    source: str
    digest: str
    """`sha256:...` of the file as it stands."""
    statements: tuple[Statement, ...]
    notices: tuple[Notice, ...]
    """What is allowed and hardly meant."""


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
        """What messages call the document."""
        return self.document.source

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What is allowed and hardly meant."""
        return self.document.notices


def parse_document(
    data: bytes, source: str, parse: Callable[[JsonObject], Statement], check: Callable[[Sequence[Statement]], None]
) -> Document:
    """The policy document `data`, every rule of it checked.

    `parse` reads one statement; `check` holds the statements against each other. `source` is what messages call the
    document. Raises TrustMaterialError("policy.malformed") with the facts `source`, `statement` (its name, or its
    place in the list where it has none), `member` (path from the top), `line` and `problem`.
    """
    try:
        statements = _statements(data, parse)
        check_names(statements)
        check(statements)
    except FormatError as error:
        raise _refusal(error, source, line_of(data, error.where)) from None
    notices = tuple(_notice(statement, doubt) for statement in statements for doubt in _doubts(statement))
    return Document(source=source, digest=str(Digest.of(data)), statements=statements, notices=notices)


def _statements(data: bytes, parse: Callable[[JsonObject], Statement]) -> tuple[Statement, ...]:
    # a fraction is refused where it stands, so that the message names its member
    document = json.load_object(data, json.Reading.SIGNED, limit=limits.POLICY_BYTES, what="document")
    refuse_unknown(document, _DOCUMENT)
    if isinstance(document.get("version"), int | float):
        raise FormatError(f'is a number, and must be the text "{VERSION}", in quotes', where="version")
    if (version := json.take(document, "version", str)) != VERSION:  # POLICY-5
        raise FormatError(f"is {safe(version, limit=64)!r}, not {VERSION!r}", where="version")
    statements = json.take_list(document, _LIST, _labelled(parse), limit=limits.POLICY_STATEMENTS)
    if not statements:  # POLICY-6
        raise FormatError("has no statement", where=_LIST)
    return statements


def parse_statement(
    source: JsonObject, *, own: Collection[str], hints: Mapping[str, str], scopes: tuple[str, ...], is_global: bool
) -> Statement:
    """What OCI and blob statements share; `own` are the members of one kind of policy. Raises FormatError."""
    refuse_unknown(source, (*_COMMON, *own), hints)
    if not json.take(source, "name", str):  # POLICY-7
        raise FormatError("is empty; every statement needs a name", where="name")
    verification = _under("signatureVerification", parse_verification, json.take(source, "signatureVerification", dict))
    stores = json.take_list(source, "trustStores", _store, limit=limits.POLICY_STORES, required=False)
    entries = json.take_list(
        source, "trustedIdentities", lambda entry: entry, limit=limits.POLICY_IDENTITIES, required=False
    )
    identities = _under("trustedIdentities", parse_identities, entries)
    for member, values in (("trustStores", stores), ("trustedIdentities", identities)):
        _check_presence(verification, member, values)
    return Statement(
        name=source["name"],
        scopes=scopes,
        is_global=is_global,
        level=verification.name,
        base_level=verification.base,
        actions=verification.actions,
        verify_timestamp=verification.verify_timestamp,
        stores=tuple(dict.fromkeys(stores)),
        identities=identities,
    )


def check_names(statements: Sequence[Statement]) -> None:
    """Names are unique in the document, compared letter for letter (POLICY-7). Raises FormatError."""
    seen: dict[str, int] = {}
    for number, statement in enumerate(statements):
        if statement.name in seen:
            raise at_statement(
                number,
                statement,
                "name",
                f"{safe(statement.name, limit=64)!r} names {_LIST}[{seen[statement.name]}] too",
            )
        seen[statement.name] = number


def at_statement(number: int, statement: Statement, member: str, problem: str) -> FormatError:
    """An error that lies between statements, at the place where the later one shows it."""
    return FormatError(problem, where=f"{_LIST}[{number}].{member}", statement=safe(statement.name, limit=64))


def statement_path(number: int) -> str:
    """How messages call the statement at this place."""
    return f"{_LIST}[{number}]"


def _labelled(parse: Callable[[JsonObject], Statement]) -> Callable[[Any], Statement]:
    """`parse`, with errors that carry the statement's name."""

    def labelled(item: Any) -> Statement:
        source = as_object(item)
        try:
            return parse(source)
        except FormatError as error:
            name = source.get("name")
            label = {"statement": safe(name, limit=64)} if isinstance(name, str) and name else {}
            raise type(error)(error.problem, where=error.where, remedy=error.remedy, **label) from None

    return labelled


def _refusal(error: FormatError, source: str, line: int | None) -> TrustMaterialError:
    # what stands wrong outside every statement belongs to none
    path, _, _ = error.where.partition("].")
    place = f"{path.removesuffix(']')}]" if path.startswith(f"{_LIST}[") else None
    name = error.facts.get("statement", place)
    named = f" (statement {name!r})" if name != place else ""
    at = f"{error.where}{named}: " if error.where else ""
    return TrustMaterialError(
        "policy.malformed",
        f"{safe(source)}: {at}{error.problem}",
        source=safe(source),
        statement=name,
        member=error.where,
        line=line,
        problem=error.problem,
    )


def _store(value: Any) -> StoreRef:
    return StoreRef.parse(json.text(value))


def _under(member: str, parse: Callable[[Any], T], value: Any) -> T:
    try:
        return parse(value)
    except FormatError as error:
        raise error.under(member) from None


def _check_presence(verification: SignatureVerification, member: str, values: Sequence[object]) -> None:
    """Stores and identities stand in every statement but a skip (POLICY-10)."""
    if verification.base is Level.SKIP and values:
        raise FormatError("must be empty under level skip, which looks at no signature", where=member)
    if verification.base is not Level.SKIP and not values:
        raise FormatError(f"is missing or empty; level {verification.base} needs at least one", where=member)


def _doubts(statement: Statement) -> tuple[str, ...]:
    only_tsa = statement.stores and not any(store.type is not StoreType.TSA for store in statement.stores)
    stores = (
        ("its trust stores are all of type tsa, so that no signature can be trusted",) if only_tsa else ()
    )  # POLICY-11
    return (*stores, *doubts(statement.identities))


def _notice(statement: Statement, doubt: str) -> Notice:
    name = safe(statement.name, limit=64)
    return Notice(reason="policy.doubtful", message=f"statement {name!r}: {doubt}", facts={"statement": name})
