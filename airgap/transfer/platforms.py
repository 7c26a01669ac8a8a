"""Choosing platforms of an index; its bytes stay as they are."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Self

from airgap.errors import NotFoundError, UsageError
from airgap.oci.descriptor import Descriptor
from airgap.oci.manifest import Index
from airgap.text import safe

_GRAMMAR: Final = re.compile(r"([a-z0-9_]+)/([a-z0-9_]+)(?:/([a-z0-9_.]+))?", re.ASCII)
_ABOUT: Final = "vnd.docker.reference.digest"
"""BuildKit lists attestations as children of no platform, and says here of which child each is."""
_DEFAULT_VARIANT: Final = {"arm64": "v8", "arm": "v7"}
_SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class PlatformFilter:
    """`os/architecture[/variant]`."""

    os: str
    architecture: str
    variant: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises UsageError."""
        match = _GRAMMAR.fullmatch(text)
        if match is None:
            raise UsageError(
                f"{safe(text, limit=80)!r} is no platform", remedy="Write os/architecture[/variant]: linux/arm64."
            )
        return cls(*match.groups())

    def matches(self, entry: Descriptor) -> bool:
        """Whether an entry is for this platform; without a variant here, any variant will do."""
        platform = entry.platform
        if platform is None or (platform.os, platform.architecture) != (self.os, self.architecture):
            return False
        usual = _DEFAULT_VARIANT.get(self.architecture)
        return self.variant is None or self.variant == (platform.variant or usual)

    def __str__(self) -> str:
        """As it was written."""
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


def choose(index: Index, filters: Collection[PlatformFilter], name: str) -> tuple[Descriptor, ...]:
    """The entries that are chosen: of these platforms, about chosen ones, and those that name no platform.

    Raises NotFoundError where a platform is in none of them.
    """
    chosen = [entry for entry in index.manifests if any(wanted.matches(entry) for wanted in filters)]
    for wanted in filters:
        if not any(wanted.matches(entry) for entry in chosen):
            there = sorted({str(entry.platform) for entry in index.manifests if entry.platform})
            raise NotFoundError(
                f"{name} has nothing for {wanted}; it has {', '.join(there[:_SHOWN]) or 'no platforms'}",
                platform=str(wanted),
            )
    digests = {str(entry.digest) for entry in chosen}
    companions = [
        entry
        for entry in index.manifests
        if entry not in chosen and (entry.platform is None or entry.annotations.get(_ABOUT) in digests)
    ]
    return tuple(entry for entry in index.manifests if entry in chosen or entry in companions)
