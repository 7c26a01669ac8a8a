"""The trust policy for blobs outside registries: `trustpolicy.blob.json` (requirements/trust.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from airgap.errors import FormatError, Rejected, UsageError
from airgap.parse import json
from airgap.parse.json import JsonObject
from airgap.parse.json_members import Notes
from airgap.text import safe, some
from airgap.trust.levels import Level
from airgap.trust.policy_document import Policy
from airgap.trust.statement import Statement, at_statement, parse_statement, statement_path

_GLOBAL = "globalPolicy"
_SHOWN: Final = 5
_LONGEST: Final = 64
_HINTS = {"registryScopes": "it belongs into trustpolicy.oci.json; a blob has no repository"}


@dataclass(frozen=True, slots=True)
class BlobPolicy(Policy):
    """A valid blob policy document: every statement kept all rules."""

    @staticmethod
    def _statement(source: JsonObject) -> Statement:
        notes = Notes()
        is_global = False
        with notes.keep():
            is_global = _global(source)
        with notes.keep():
            _refuse_global_skip(source)
        return parse_statement(source, notes, own=(_GLOBAL,), hints=_HINTS, scopes=(), is_global=is_global)

    @staticmethod
    def _check(statements: Sequence[JsonObject]) -> Iterator[FormatError]:
        """At most one statement is global (BLOB-2)."""
        seen: int | None = None
        for number, statement in enumerate(statements):
            if statement.get(_GLOBAL) is not True:
                continue
            if seen is not None:
                yield at_statement(number, statement, _GLOBAL, f"is true in {statement_path(seen)} already")
            seen = number if seen is None else seen

    def select(self, name: str | None) -> Statement:
        """The statement of this name; without one (None or empty) the global statement (BLOB-1, BLOB-2).

        Raises Rejected("policy.no_statement"), or UsageError for a name of nothing but blanks.
        """
        if name and not name.strip():
            raise UsageError("the name of a policy statement is blank", remedy="Leave it out for the global statement.")
        for statement in self.statements:
            if statement.name == name if name else statement.is_global:
                return statement
        asked = f"is named {safe(name, limit=128)!r}" if name else f"is global ({_GLOBAL}: true)"
        raise Rejected(
            "policy.no_statement",
            f"no statement of {safe(self.source)} {asked}; {self._instead(name)}",
            name=safe(name, limit=128) if name else None,
            source=safe(self.source),
        )

    def _instead(self, name: str | None) -> str:
        """The existing statements, the most similar first, as the end of a sentence."""
        names = [statement.name for statement in self.statements]
        if name:
            from difflib import SequenceMatcher  # seldom needed

            wanted = SequenceMatcher(b=name.strip().casefold()[:_LONGEST])
            likeness: dict[str, float] = {}
            for other in names:
                wanted.set_seq1(other.casefold()[:_LONGEST])
                likeness[other] = wanted.ratio()
            names.sort(key=lambda other: -likeness[other])
        return f"its statements are {some(names, _SHOWN, lambda other: repr(safe(other, limit=64)))}"


def _global(source: JsonObject) -> bool:
    if isinstance(text := source.get(_GLOBAL), str):
        wanted = text.strip().lower()
        written = wanted if wanted in {"true", "false"} else "true or false"
        raise FormatError(f"is a text, and must be {written}, without quotes", where=_GLOBAL)
    return json.take_optional(source, _GLOBAL, bool) or False


def _refuse_global_skip(source: JsonObject) -> None:
    """BLOB-3, D22: the specification, not the reference."""
    verification = source.get("signatureVerification")
    level = verification.get("level") if isinstance(verification, dict) else None
    if source.get(_GLOBAL) is True and level == Level.SKIP:
        raise FormatError("is true in a statement of level skip, which would accept every blob", where=_GLOBAL)
