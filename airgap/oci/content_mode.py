"""How much of an artifact's content is checked: a choice of the caller."""

from __future__ import annotations

from enum import StrEnum


class Content(StrEnum):
    """How much of an artifact's content is checked."""

    ALL = "all"
    """Every byte."""
    MANIFESTS = "manifests"
    """Manifests, configs, envelopes and evidence: what a judgement reads; other layers are not even looked for."""
    NONE = "none"
    """Only the artifact's manifest and its referrers (`Graph.surface`), which are needed to find signatures."""
