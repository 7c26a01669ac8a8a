"""What came of looking for the layers that deltas leave out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from airgap.errors import ContentError
from airgap.oci.digest import Digest
from airgap.problem import Problem
from airgap.reasons import ExitCode
from airgap.text import some
from airgap.transfer.plan import CopyPlan, CopyRoot, Key

MISSING: Final = "content.held.missing"
"""The reason code of a layer that is neither on the medium nor where it is said to be."""
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class LostLayer:
    """A layer that is neither on the medium nor in the destination, and what needs it."""

    digest: Digest
    size: int
    artifacts: tuple[CopyRoot, ...]
    wrong: str = ""
    """What is wrong with what the destination has in its place."""

    @property
    def text(self) -> str:
        """In few words; safe to show."""
        names = some([item.reference for item in self.artifacts], 2)
        return f"{self.digest} ({self.size} bytes, of {names}{f'; {self.wrong}' if self.wrong else ''})"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSearch:
    """What was looked for, in all destinations of a copy."""

    found: frozenset[tuple[Digest, int]] = frozenset()
    """With sizes."""
    lost: tuple[LostLayer, ...] = ()

    @property
    def total(self) -> int:
        """Bytes of what is there."""
        return sum(size for _, size in self.found)

    def error(self, destination: str, remedy: str) -> ContentError:
        """Why nothing is copied."""
        listed = some([item.text for item in self.lost], _SHOWN)
        one = len(self.lost) == 1
        return ContentError(
            MISSING,
            f"{len(self.lost)} {'layer' if one else 'layers'} that the bundle leaves out {'is' if one else 'are'} "
            f"not in {destination}: {listed}",
            remedy=remedy,
            missing=[str(item.digest) for item in self.lost],
        )

    def note(self, destination: str, *, were_read: bool) -> Problem:
        """What is said where all is there."""
        how = "they were read and hashed" if were_read else "it was asked for them, and they were not read"
        return Problem(
            message=f"{len(self.found)} layers of {self.total} bytes were left out of the bundle, and are in "
            f"{destination}: {how}",
            exit_code=ExitCode.OK,
            reason="content.held.there",
        )


def lost_in(plan: CopyPlan, lost: Iterable[tuple[Key, str]]) -> tuple[LostLayer, ...]:
    """The layers with what needs them; each comes with what is wrong in its place."""
    return tuple(
        LostLayer(
            key[0],
            key[2],
            tuple(item.wanted for item in plan.artifacts if item.error is None and key in item.keys),
            wrong,
        )
        for key, wrong in sorted(lost)
    )
