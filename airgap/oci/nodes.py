"""What a layout's graph is made of, for those who ask it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from airgap.oci.descriptor import Descriptor
from airgap.oci.manifest import Index, Manifest


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


@dataclass(frozen=True, slots=True)
class Root:
    """An artifact of the layout's own, with all its tags."""

    descriptor: Descriptor
    tags: tuple[str, ...]
