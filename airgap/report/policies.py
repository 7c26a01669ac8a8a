"""Trust policies in words, and as `airgap.policy/1`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airgap.errors import AirgapError
from airgap.problem import Problem
from airgap.reasons import ExitCode
from airgap.report.report import Json, Report
from airgap.report.style import Style
from airgap.report.wording import count, error_document
from airgap.text import safe
from airgap.trust.policy_document import PolicyError, Refusal
from airgap.trust.policy_edit import CheckedPolicy, PolicyAnswer

POLICY_SCHEMA: Final = "airgap.policy/1"
POLICY_SHOW_SCHEMA: Final = "airgap.policy.show/1"


@dataclass(frozen=True, slots=True)
class PolicyReport(Report):
    """What `airgap.trust.check_policy` says of a valid policy, or one that was written: `airgap.policy/1`."""

    checked: CheckedPolicy

    @property
    def exit_code(self) -> int:
        """18 where a trust store cannot be used, 13 where no statement applies."""
        answer = self.checked.answer
        if self.checked.refusals:
            return ExitCode.MALFORMED
        return ExitCode.UNTRUSTED if answer is not None and answer.statement is None else ExitCode.OK

    def document(self) -> Json:
        """Every statement, and the answer."""
        policy, answer, refusals = self.checked.policy, self.checked.answer, self.checked.refusals
        return {
            **self.first_members(POLICY_SCHEMA),
            "valid": not refusals,
            "source": safe(policy.source),
            "digest": policy.digest,
            "statements": [
                {
                    "name": safe(statement.name),
                    "level": statement.level,
                    "scopes": [safe(scope) for scope in statement.scopes],
                    "global": statement.is_global,
                    "actions": {check.value: action.value for check, action in statement.actions.items()},
                    "stores": [str(store) for store in statement.stores],
                    "identities": [safe(identity.text) for identity in statement.identities],
                }
                for statement in policy.statements
            ],
            "notices": [{"reason": notice.reason, "message": notice.message} for notice in self._notices],
            "refusals": [_refusal(refusal) for refusal in refusals],
            "refused": len(refusals),
            "applies": None
            if answer is None
            else {
                "scope": safe(answer.scope) if answer.scope else None,
                "statement": safe(answer.statement.name) if answer.statement else None,
                "why": answer.why,
                "problems": list(answer.problems),
            },
        }

    @property
    def _notices(self) -> tuple[Problem, ...]:
        return (*self.checked.policy.notices, *self.checked.notices)

    def lines(self, style: Style) -> Iterable[str]:
        """Its statements, its doubtful parts, and the statement for the repository."""
        policy, refusals = self.checked.policy, self.checked.refusals
        headline = f"VALID: {safe(policy.source)} ({count(len(policy.statements), 'statement')})."
        if refusals:
            headline = f"BROKEN: {count(len(refusals), 'trust store')} that {safe(policy.source)} names cannot be used."
        lines = [style.paint("bad" if refusals else "good", headline)]
        for refusal in refusals:
            lines += _refusal_lines(refusal, style)
        for statement in policy.statements:
            what = (
                "global" if statement.is_global and not statement.scopes else ", ".join(map(safe, statement.scopes[:4]))
            )
            more = f", and {len(statement.scopes) - 4} more" if len(statement.scopes) > 4 else ""  # noqa: PLR2004
            lines.append(f"  {safe(statement.name)}: level {statement.level} for {what or 'its name'}{more}")
        lines += [f"  {style.paint('unsure', 'note')} {notice.message}" for notice in self._notices]
        if self.checked.answer is not None:
            lines += _answer_lines(self.checked.answer, style)
        return lines


@dataclass(frozen=True, slots=True)
class RefusedPolicyReport(Report):
    """A policy that cannot be used at all: `airgap.policy/1`."""

    error: PolicyError

    @property
    def exit_code(self) -> int:
        """18."""
        return ExitCode.MALFORMED

    def document(self) -> Json:
        """The refusals that are shown, and the number of all."""
        error = self.error
        return {
            **self.first_members(POLICY_SCHEMA),
            "valid": False,
            "source": safe(error.source),
            "digest": None,
            "statements": [],
            "notices": [],
            "refusals": [_refusal(refusal) for refusal in error.refusals],
            "refused": error.total,
            "applies": None,
        }

    def lines(self, style: Style) -> Iterator[str]:
        """How many refusals there are, then one a line, with its remedy below it."""
        error = self.error
        yield style.paint(
            "bad", f"BROKEN: {count(error.total, 'mistake')} in {safe(error.source)}; no image can be judged."
        )
        for refusal in error.refusals:
            yield from _refusal_lines(refusal, style)
        if more := error.total - len(error.refusals):
            yield f"  and {more} more"


@dataclass(frozen=True, slots=True)
class ShownPolicyReport(Report):
    """A policy as it is: `airgap.policy.show/1`."""

    path: Path
    data: bytes
    error: AirgapError | None = None
    """Why it cannot be used."""

    @property
    def exit_code(self) -> int:
        """That of the error."""
        return self.error.exit_code if self.error else ExitCode.OK

    def document(self) -> Json:
        """The file, and what is wrong with it."""
        return {
            **self.first_members(POLICY_SHOW_SCHEMA),
            "source": safe(self.path),
            "text": self.data.decode(errors="replace"),
            "error": error_document(self.error) if self.error else None,
        }

    def lines(self, style: Style) -> Iterator[str]:
        """The file, line by line."""
        del style
        return (safe(line, limit=len(line)) for line in self.data.decode(errors="replace").splitlines())


def _answer_lines(answer: PolicyAnswer, style: Style) -> Iterator[str]:
    asked = safe(answer.scope) if answer.scope else "an artifact whose repository is not known"
    if answer.statement is None:
        yield style.paint("bad", f"  nothing applies to {asked}: {answer.why}")
        yield "    → Add it to the registryScopes of a statement (files: name one so), or ask about another."
        return
    statement = answer.statement
    yield f"  {asked}: statement {style.paint('strong', safe(statement.name))}, because {answer.why}"
    actions = ", ".join(f"{check.value} {action.value}" for check, action in statement.actions.items())
    yield f"    checks      {actions}"
    yield f"    stores      {', '.join(map(str, statement.stores)) or 'none'}"
    yield f"    identities  {', '.join(safe(identity.text) for identity in statement.identities) or 'none'}"
    for problem in answer.problems:
        yield f"    {style.paint('unsure', 'note')} {problem}"


def _refusal_lines(refusal: Refusal, style: Style) -> Iterator[str]:
    yield f"  {style.paint('bad', 'problem')} {refusal.located}"
    if refusal.remedy:
        yield f"          → {refusal.remedy}"


def _refusal(refusal: Refusal) -> Json:
    return {
        "line": refusal.line,
        "member": refusal.member,
        "statement": refusal.statement,
        "problem": refusal.problem,
        "remedy": refusal.remedy,
    }
