"""What trust material says beside the answer: things to tell a person that decide nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from airgap.errors import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A warning about trust material. It never changes a verdict."""

    reason: str
    """A code of airgap.reasons whose exit code is 0."""
    message: str
    """One sentence, safe for a terminal."""
    facts: Mapping[str, Fact] = field(default_factory=dict)
    remedy: str = ""
    """The way out where it is another than the reason's."""
