"""A trust policy document: its statements, read and checked as a whole (requirements/trust.md).

Everything is checked before anything is judged: one bad statement refuses all (POLICY-14).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from airgap import limits
from airgap.errors import FormatError, TrustMaterialError
from airgap.oci.digest import Digest
from airgap.parse import json
from airgap.parse.json import JsonObject
from airgap.parse.json_members import Fault, FormatErrors, Notes, each, faults_of, refuse_unknown
from airgap.problem import Problem
from airgap.reasons import REASONS
from airgap.text import safe
from airgap.trust.statement import COMMON, LIST, Statement, check_unique_names, label_of

if TYPE_CHECKING:
    from airgap.parse.lines import Lines

VERSION: Final = "1.0"
_DOCUMENT: Final = ("version", "trustPolicies")
_WRAPPED: Final = 4
"""The depth to which a wrapped policy is searched, for messages."""
_KUBERNETES: Final = f"it belongs to Kubernetes resources; a trust policy has version and {LIST} at its top, no more"
_IN_STATEMENT: Final = f"it belongs into a statement of {LIST}"
_TOP_HINTS: Final = {
    **dict.fromkeys(("apiVersion", "kind", "metadata", "spec"), _KUBERNETES),
    **dict.fromkeys((*COMMON, "registryScopes", "globalPolicy"), _IN_STATEMENT),
}


@dataclass(frozen=True, slots=True)
class Policy(ABC):
    """A valid policy document: every statement kept all rules. Its kinds differ in what selects a statement."""

    source: str
    """Its name in messages."""
    digest: str
    """`sha256:...` of the bytes of the file."""
    statements: tuple[Statement, ...]
    """In the order of the document."""
    notices: tuple[Problem, ...]
    """Allowed but doubtful settings."""

    @classmethod
    def parse(cls, data: bytes, source: str) -> Self:
        """The policy in the bytes of the file, with every rule checked and every fault reported.

        Raises PolicyError, a TrustMaterialError("policy.malformed") with the facts `source`, `statement` (its name, or
        its place in the list where it has none), `member` (path from the top), `line`, `problem` and `refusals` (how
        many).
        """
        try:
            statements = _statements(data, cls._statement, cls._check)
        except FormatError as error:
            raise _refused(error, source, data) from None
        notices = tuple(_notice(statement, doubt) for statement in statements for doubt in statement.doubts())
        return cls(source, str(Digest.of(data)), statements, notices)

    @staticmethod
    @abstractmethod
    def _statement(source: JsonObject) -> Statement:
        """One statement. Raises FormatError."""

    @staticmethod
    @abstractmethod
    def _check(statements: Sequence[JsonObject]) -> Iterator[FormatError]:
        """The faults between statements, as they are in the document."""


class PolicyError(TrustMaterialError):
    """The error for an invalid policy document. Its text and facts are those of the first refusal."""

    def __init__(self, source: str, refusals: Sequence[Refusal], total: int) -> None:
        first = refusals[0]
        more = f" airgap trust policy check shows all {total} refusals." if total > 1 else ""
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
        """Where and what, with the line if the member does not show it."""
        return f"line {self.line}: {self.sentence}" if self.member and self.line else self.sentence


def _statements(
    data: bytes,
    parse: Callable[[JsonObject], Statement],
    check: Callable[[Sequence[JsonObject]], Iterator[FormatError]],
) -> tuple[Statement, ...]:
    # a fraction is refused during parsing, so that the message names its member
    document = json.load(data, json.Reading.SIGNED, limit=limits.POLICY_BYTES, what="document")
    if isinstance(document, list):
        raise FormatError(
            "the document is not a JSON object but a list; the list must be the member trustPolicies of "
            f'{{"version": "{VERSION}", "{LIST}": [ ... ]}}'
        )
    document = json.as_object(document, "document")
    _refuse_other_shapes(document)
    notes = Notes()
    statements: tuple[Statement, ...] = ()
    with notes.keep():
        refuse_unknown(document, _DOCUMENT, _TOP_HINTS)
    with notes.keep():
        if (version := document.get("version")) is None:
            problem = "is null" if "version" in document else "is missing"
            raise FormatError(f'{problem}: write "version": "{VERSION}"', where="version")
        if isinstance(version, int | float):
            kind = "true or false" if isinstance(version, bool) else "a number"
            raise FormatError(f'is {kind}, and must be the text "{VERSION}", in quotes', where="version")
        if (version := json.take(document, "version", str)) != VERSION:  # POLICY-5: the only version
            raise FormatError(
                f'is {safe(version, limit=64)!r}, not "{VERSION}", which is the only version that there is',
                where="version",
            )
    with notes.keep():
        items = json.take_list(document, LIST, lambda item: item, limit=limits.POLICY_STATEMENTS)
        if not items:  # POLICY-6: at least one statement
            raise FormatError("has no statement", where=LIST)
        with notes.keep():
            statements = each(items, _labelled(parse), where=LIST)
        objects = [item if isinstance(item, dict) else {} for item in items]
        for error in (*check_unique_names(objects), *check(objects)):
            notes.add(error)
    notes.check()
    return statements


def _refuse_other_shapes(document: JsonObject) -> None:
    """What is a policy that is in something else, or a piece of one: one refusal says more than one a member."""
    if LIST in document:
        return
    if where := _wrapping(document):
        resource = "of a Kubernetes resource " if "apiVersion" in document else ""
        raise FormatError(
            f"holds the policy {resource}one level too deep; only what is in here may be in the file, version "
            f"and {LIST} at the top",
            where=where,
        )
    if "apiVersion" in document and "kind" in document:
        raise FormatError(
            f"is present, so that this is a Kubernetes resource; a trust policy has version and {LIST} at its top",
            where="apiVersion",
        )
    if COMMON[1] in document or "registryScopes" in document:
        raise FormatError(f'this is one statement; it must be in a list: {{"version": "{VERSION}", "{LIST}": [ ... ]}}')


def _wrapping(source: JsonObject, depth: int = _WRAPPED) -> str:
    """The path of the object in which a policy is; empty where there is none."""
    for name, item in source.items():
        if not isinstance(item, dict):
            continue
        shown = safe(name, limit=64)
        if LIST in item:
            return shown
        if depth and (inner := _wrapping(item, depth - 1)):
            return f"{shown}.{inner}"
    return ""


def _labelled(parse: Callable[[JsonObject], Statement]) -> Callable[[Any], Statement]:
    """`parse`, with errors that carry the statement's name."""

    def labelled(item: Any) -> Statement:
        source = json.as_object(item)
        try:
            return parse(source)
        except FormatErrors as error:
            raise error.of_statement(label_of(source)) from None

    return labelled


def _refused(error: FormatError, source: str, data: bytes) -> PolicyError:
    from airgap.parse.lines import Lines  # seldom needed

    lines = Lines(data)
    faults = faults_of(error)
    if isinstance(error, json.DoubleError):
        faults = tuple(map(Fault, json.doubles(data.decode()))) or faults
    # a member that is missing and one that is nearly called so are one mistake, reported at the latter
    misspelt = {_beside(fault.error.where, fault.meant) for fault in faults if fault.meant}
    found = [_refusal(fault, lines) for fault in faults if fault.error.where not in misspelt]
    found.sort(key=lambda refusal: refusal.line or 0)
    return PolicyError(source, found[: limits.POLICY_REFUSALS], len(found))


def _beside(where: str, name: str) -> str:
    """The path of the member `name` in the object in which the member at `where` is."""
    parent, dot, _ = where.rpartition(".")
    return f"{parent}{dot}{name}"


def _place(member: str) -> str | None:
    """The place in the list of the statement that a member is of; None where it is of none."""
    path, _, _ = member.partition("].")
    return f"{path.removesuffix(']')}]" if path.startswith(f"{LIST}[") else None


def _refusal(fault: Fault, lines: Lines) -> Refusal:
    error = fault.error
    return Refusal(
        line=lines.of(error.where) if error.line is None else error.line,
        member=error.where,
        # a mistake outside every statement belongs to none
        statement=fault.statement or _place(error.where),
        problem=error.problem,
        remedy=error.remedy,
    )


def _notice(statement: Statement, doubt: str) -> Problem:
    name = safe(statement.name, limit=64)
    return Problem(reason="policy.doubtful", message=f"statement {name!r}: {doubt}", facts={"statement": name})
