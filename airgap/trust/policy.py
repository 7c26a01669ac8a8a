"""The trust policy for artifacts in registries and layouts: `trustpolicy.oci.json` (requirements/trust.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from airgap import limits
from airgap.errors import FormatError, Rejected
from airgap.parse import json
from airgap.parse.json import JsonObject
from airgap.parse.json_members import Notes, each, take_items
from airgap.text import safe, some
from airgap.trust.policy_document import Policy
from airgap.trust.scopes import EVERY, near_scopes, parse_scope
from airgap.trust.statement import Statement, at_statement, parse_statement, statement_path

_SCOPES = "registryScopes"
_SHOWN: Final = 3
_HINTS = {"globalPolicy": 'it belongs into trustpolicy.blob.json; here, registryScopes ["*"] is the same'}


@dataclass(frozen=True, slots=True)
class OciPolicy(Policy):
    """A valid policy document: every statement kept all rules."""

    @staticmethod
    def _statement(source: JsonObject) -> Statement:
        notes = Notes()
        scopes: tuple[str, ...] = ()
        with notes.keep():
            scopes = _scopes(source)
        return parse_statement(source, notes, own=(_SCOPES,), hints=_HINTS, scopes=scopes, is_global=EVERY in scopes)

    @staticmethod
    def _check(statements: Sequence[JsonObject]) -> Iterator[FormatError]:
        """A repository is once in the document, so that one statement applies, not the first of two (SCOPE-3)."""
        seen: dict[str, int] = {}
        for number, statement in enumerate(statements):
            scopes = statement.get(_SCOPES)
            for place, scope in enumerate(scopes if isinstance(scopes, list) else ()):
                if not isinstance(scope, str):
                    continue
                if scope in seen:
                    yield at_statement(
                        number, statement, f"{_SCOPES}[{place}]",
                        f"{safe(scope, limit=128)!r} is in {statement_path(seen[scope])} already",
                    )  # fmt: skip
                seen.setdefault(scope, number)

    def select(self, scope: str | None) -> Statement:
        """The statement for a repository; an unknown one (None) can only match `*` (decision 0023).

        A statement that names the repository, letter for letter, comes before `*` (SCOPE-4). What is judged has a
        digest by then (SCOPE-5). A text that is no repository name gets no statement at all, not even `*`: a caller's
        own is checked with `check_scope` first.
        Raises Rejected("policy.no_statement").
        """
        if scope is not None:
            try:
                parse_scope(scope)
            except FormatError as error:
                raise Rejected("policy.no_statement", f"no policy applies: {error}", scope=safe(scope)) from None
        for wanted in (scope, EVERY):
            for statement in self.statements:
                if wanted in statement.scopes:
                    return statement
        asked = f"the repository {safe(scope)!r}" if scope else "an artifact whose repository is not named"
        raise Rejected(
            "policy.no_statement",
            f"no statement of {safe(self.source)} applies to {asked}{self._instead(scope)}",
            scope=None if scope is None else safe(scope),
            source=safe(self.source),
        )

    def _instead(self, scope: str | None) -> str:
        """A hint at similar scopes of the policy, as the end of a sentence."""
        scopes = [name for statement in self.statements for name in statement.scopes]
        if scope and (near := near_scopes(scope, scopes)):
            return f" (near: {near})"
        return f"; its registryScopes are {some(scopes, _SHOWN, lambda name: repr(safe(name, limit=128)))}"


def _scopes(source: JsonObject) -> tuple[str, ...]:
    items = take_items(source, _SCOPES, limit=limits.POLICY_SCOPES)
    if not items:
        raise FormatError("is empty; name repositories, or '*' for all", where=_SCOPES)
    notes = Notes()
    scopes: tuple[str, ...] = ()
    with notes.keep():
        scopes = each(items, _scope, where=_SCOPES)
    if EVERY in items and any(item != EVERY for item in items):  # SCOPE-1: the wildcard is alone
        place = f"{_SCOPES}[{items.index(EVERY)}]"
        notes.add(FormatError("has '*' beside repositories; it must be alone", where=place))
    notes.check()
    return scopes


def _scope(value: Any) -> str:
    text = json.text(value)
    return text if text == EVERY else parse_scope(text)
