"""What is wrong with one piece of content, as a value for reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from airgap.errors import ContentError, Fact
from airgap.oci.descriptor import Descriptor
from airgap.reasons import REASONS


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentProblem:
    """One piece of an artifact's content, or an entry of `index.json`, that is not what it has to be."""

    reason: str
    """A `content.*` code of airgap.reasons; `layout.entry` for an entry that is merely odd."""
    message: str
    """The sentence, safe for a terminal; names the digest."""
    path: str
    """The way to it: `index > linux/arm64 > layers[2]`, `index.json > manifests[3]`."""
    descriptor: Descriptor | None
    """What points at it; None where it is an entry that describes nothing."""
    facts: Mapping[str, Fact] = field(default_factory=dict, hash=False)
    """`expected_size`, `found_size`, `found_digest`, ... where they are known."""
    remedy: str = ""
    """The way out, where it is another than the reason's."""

    @classmethod
    def of(cls, error: ContentError, descriptor: Descriptor, path: str) -> Self:
        """What `error` says of the content at `path`."""
        return cls(
            reason=error.reason,
            message=str(error),
            path=path,
            descriptor=descriptor,
            facts=error.facts,
            remedy=own_remedy(error),
        )

    def below(self, path: str) -> Self:
        """The same, seen from further out."""
        return replace(self, path=f"{path} > {self.path}")

    def error(self) -> ContentError:
        """The same as an error, with its place."""
        error = ContentError(self.reason, f"{self.path}: {self.message}", remedy=self.remedy)
        error.facts = self.facts
        return error


def own_remedy(error: ContentError) -> str:
    """The way out, where it is another than the reason's."""
    return error.remedy if error.remedy != REASONS[error.reason].remedy else ""
