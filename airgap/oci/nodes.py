"""What a layout's graph is made of, for those who ask it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from airgap.oci.descriptor import Descriptor
from airgap.oci.manifest import Index, Manifest
from airgap.oci.problems import ContentProblem


class Mechanism(StrEnum):
    """How a referrer is recorded in the layout."""

    ENTRY = "index entry"
    FALLBACK = "fallback tag"
    COSIGN = "cosign tag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Referrer:
    """A manifest that refers to another."""

    descriptor: Descriptor
    mechanism: Mechanism
    artifact_type: str | None
    """The effective type (LAYOUT-13)."""
    manifest: Manifest | Index
    subject: Descriptor | None
    """None for cosign's tags: they name a digest alone."""
    tag: str | None = None
    """The tag of cosign's under which it belongs."""


@dataclass(frozen=True, slots=True)
class Referrers:
    """The one answer to "what refers to this": what was found, and what may refer to it and cannot be read.

    It is no sequence on purpose. "None there" and "could not look" are two answers (design 2, rule 6), so nobody gets
    the first without the second: whoever asks either wants all of them or says who hears what could not be read.
    """

    _found: tuple[Referrer, ...]
    _claims: tuple[ContentProblem, ...]
    """What claims by its place (a fallback tag, a cosign tag) to refer to this very subject, and cannot be read."""
    _unread: tuple[ContentProblem, ...]
    """What cannot be read at all, so that nobody knows what it refers to: it may be this."""

    def all(self) -> tuple[Referrer, ...]:
        """All of them, in the order of digests. Raises ContentError where nobody knows whether these are all."""
        for problem in (*self._claims, *self._unread):
            raise problem.error()
        return self._found

    def readable(self, hear: Callable[[ContentProblem], object], *, path: str = "") -> tuple[Referrer, ...]:
        """Those that can be read, in the order of digests; `hear` is told of everything that cannot, first.

        `path`: the way to the subject, to stand before places below it.
        """
        for problem in self._claims:
            hear(problem.below(path) if path else problem)
        for problem in self._unread:
            hear(problem)
        return self._found


def heard_elsewhere(problem: ContentProblem) -> None:
    """For whoever asks about a subject whose unread referrers another part of the same run reports."""


@dataclass(frozen=True, slots=True)
class Root:
    """An artifact of the layout's own, with all its tags."""

    descriptor: Descriptor
    tags: tuple[str, ...]
    """Names that are its alone: what it is shown and copied by."""
    aliases: tuple[str, ...] = ()
    """Other names by which some tool runs it."""
    called: str | None = None
    """The name that was looked up, as the layout has it."""
    entries: Mapping[str, Descriptor] = field(default_factory=dict, hash=False)
    """By tag, the entry that bears it: several of one content differ in their annotations."""

    def entry(self, tag: str) -> Descriptor:
        """What bears this tag."""
        return self.entries.get(tag, self.descriptor)
