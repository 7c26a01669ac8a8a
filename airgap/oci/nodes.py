"""The values that the graph of a layout returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from airgap.oci.attached import IMAGE_CONFIGS
from airgap.oci.descriptor import Descriptor
from airgap.oci.lookup import FoundBy
from airgap.oci.manifest import Index, Manifest
from airgap.oci.problems import ContentProblem


class Referrer(NamedTuple):
    """A manifest that refers to another."""

    descriptor: Descriptor
    mechanism: FoundBy
    artifact_type: str | None
    """The effective type (LAYOUT-13)."""
    manifest: Manifest | Index
    subject: Descriptor | None
    """None for cosign's tags: they name only a digest."""
    tag: str | None = None
    """Its cosign tag."""

    @property
    def shown_type(self) -> str | None:
        """Its type for people. Cosign's attachments have the config of an image: their layers or tags say more."""
        if self.mechanism is not FoundBy.COSIGN or self.artifact_type not in IMAGE_CONFIGS:
            return self.artifact_type
        layers = {layer.media_type for layer in self.manifest.layers} if isinstance(self.manifest, Manifest) else set()
        return layers.pop() if len(layers) == 1 else f"cosign {(self.tag or '').rpartition('.')[2]}"


@dataclass(frozen=True, slots=True)
class Referrers:
    """The one answer to "what are the referrers of this": those found, and unreadable content that may be a referrer.

    It is no sequence on purpose. "There are none" and "the look-up failed" are two answers (RULE-6). So a
    caller either asks for all of them, or says which function gets the unreadable ones.
    """

    _found: tuple[Referrer, ...]
    _claims: tuple[ContentProblem, ...]
    """Unreadable content that a referrers tag or a cosign tag assigns to this subject."""
    _unread: tuple[ContentProblem, ...]
    """Unreadable content with an unknown subject: it may be this one."""

    def all(self) -> tuple[Referrer, ...]:
        """All of them, in the order of digests. Raises ContentError if there may be more that cannot be read."""
        for problem in (*self._claims, *self._unread):
            raise problem.error()
        return self._found

    def readable(self, report: Callable[[ContentProblem], object], *, path: str = "") -> tuple[Referrer, ...]:
        """The readable ones, in the order of digests. First `report` is called with each unreadable one.

        `path`: the path to the subject, which is put before the places below it.
        """
        for problem in self._claims:
            report(problem.below(path) if path else problem)
        for problem in self._unread:
            report(problem)
        return self._found


def reported_elsewhere(problem: ContentProblem) -> None:
    """A `report` that does nothing, for subjects whose unreadable referrers another part of the run reports."""


@dataclass(frozen=True, slots=True)
class Root:
    """One of the layout's own artifacts, with all its tags."""

    descriptor: Descriptor
    tags: tuple[str, ...]
    """Names that no other entry has; it is shown and copied under these."""
    aliases: tuple[str, ...] = ()
    """Other names that some tool accepts for it."""
    called: str | None = None
    """The name that was looked up, as the layout has it."""
    entries: Mapping[str, Descriptor] = field(default_factory=dict, hash=False)
    """For each tag its entry: entries with the same content can differ in annotations."""

    def entry(self, tag: str) -> Descriptor:
        """The entry with this tag."""
        return self.entries.get(tag, self.descriptor)
