"""A problem of one piece of content, as a value for reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from airgap import limits
from airgap.errors import ContentError, Fact
from airgap.oci.descriptor import Descriptor
from airgap.problem import Problem
from airgap.reasons import REASONS, ExitCode
from airgap.text import safe


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentProblem:
    """A problem of one piece of content, or of an entry of `index.json`."""

    reason: str
    """A `content.*` code of airgap.reasons; `layout.entry` for an oddity of an entry."""
    message: str
    """The sentence, safe for a terminal; names the digest."""
    path: str
    """The path to it: `index > linux/arm64 > layers[2]`, `index.json > manifests[3]`."""
    descriptor: Descriptor | None
    """The descriptor that points at it; None for an entry that is no descriptor."""
    facts: Mapping[str, Fact] = field(default_factory=dict, hash=False)
    """`expected_size`, `found_size`, `found_digest`, ... where they are known."""
    remedy: str = ""
    """The remedy, if it differs from that of the reason code."""

    @property
    def is_missing(self) -> bool:
        """Whether the content is not there."""
        return self.reason == "content.missing"

    @classmethod
    def of(cls, error: ContentError, descriptor: Descriptor | None, path: str) -> Self:
        """The problem that `error` reports for the content at `path`."""
        return cls(
            reason=error.reason,
            message=str(error),
            path=path,
            descriptor=descriptor,
            facts=error.facts,
            remedy=own_remedy(error),
        )

    def below(self, path: str) -> Self:
        """This problem with `path` before its own."""
        return replace(self, path=f"{path} > {self.path}")

    def as_problem(self, target: str | None = None, *, counts: bool = True) -> Problem:
        """A problem of the whole run; a warning, where it does not count."""
        return Problem(
            message=f"{self.path}: {self.message}",
            exit_code=REASONS[self.reason].exit_code if counts else ExitCode.OK,
            reason=self.reason,
            target=safe(target) if target is not None else None,
            remedy=self.remedy,
            facts=self.facts,
        )

    def error(self) -> ContentError:
        """An error that names the place."""
        error = ContentError(self.reason, f"{self.path}: {self.message}", remedy=self.remedy)
        error.facts = self.facts
        return error


def shortened(problems: Sequence[ContentProblem], path: str) -> tuple[ContentProblem, ...]:
    """The first of them, and how many more are at `path`: a layout may have any number."""
    shown, more = tuple(problems[: limits.NOTES_SHOWN]), len(problems) - limits.NOTES_SHOWN
    if more <= 0:
        return shown
    message = f"{more} more cannot be read, and are not listed"
    return (*shown, ContentProblem(reason=problems[-1].reason, message=message, path=path, descriptor=None))


def own_remedy(error: ContentError) -> str:
    """The remedy, if it differs from that of the reason code."""
    return error.remedy if error.remedy != REASONS[error.reason].remedy else ""
