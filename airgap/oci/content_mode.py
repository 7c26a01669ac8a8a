"""How much of an artifact's content is checked: a choice of whoever asks."""

from __future__ import annotations

from enum import StrEnum


class Content(StrEnum):
    """How much of an artifact's content is checked."""

    ALL = "all"
    """Every byte."""
    MANIFESTS = "manifests"
    """Manifests, configs and envelopes; layers are not even looked for."""
    NONE = "none"
    """The artifact's manifest and what refers to it (`Graph.surface`), without which nobody knows what is signed."""
