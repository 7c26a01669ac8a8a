"""Chooses platforms of an index; the bytes of the index do not change."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Self

from airgap.errors import UsageError
from airgap.oci.descriptor import Descriptor, Platform
from airgap.oci.manifest import Index
from airgap.parse.json import Reading, load_object
from airgap.text import safe

_GRAMMAR: Final = re.compile(r"([a-z0-9_]+)/([a-z0-9_]+)(?:/([a-z0-9_.]+))?", re.ASCII)
_ABOUT: Final = "vnd.docker.reference.digest"
"""The annotation by which BuildKit names the child that an attestation is about."""
_DEFAULT_VARIANT: Final = {"amd64": "v1", "arm64": "v8", "arm": "v7"}
_UNKNOWN: Final = "unknown"
_OF_MACHINE: Final = {"x86_64": "amd64", "aarch64": "arm64", "i386": "386", "i686": "386"}
"""What `uname -m` calls architectures; docker and regctl take these words as well."""


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
        if match is None and "," in text:
            raise UsageError(
                f"{safe(text, limit=80)!r} is more than one platform",
                remedy="Repeat the option: one for each platform.",
            )
        if match is None:
            raise UsageError(
                f"{safe(text, limit=80)!r} is no platform", remedy="Write os/architecture[/variant]: linux/arm64."
            )
        os, architecture, variant = match.groups()
        return cls(os, _OF_MACHINE.get(architecture, architecture), variant)

    def matches(self, platform: Platform | None) -> bool:
        """Whether it is this platform; a filter without variant matches any variant."""
        if platform is None or (platform.os, platform.architecture) != (self.os, self.architecture):
            return False
        usual = _DEFAULT_VARIANT.get(self.architecture)
        return self.variant is None or self.variant == (platform.variant or usual)

    def __str__(self) -> str:
        """The filter as written."""
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


def choose(index: Index, filters: Collection[PlatformFilter]) -> tuple[Descriptor, ...]:
    """The entries of these platforms, their attestations, and entries without a platform.

    All entries if none has these platforms: an index without any child could not be verified.
    """
    chosen = {str(entry.digest) for entry in index.manifests if is_any_of(filters, entry.platform)}
    return tuple(entry for entry in index.manifests if not chosen or _is_taken(entry, chosen))


def _is_taken(entry: Descriptor, chosen: Collection[str]) -> bool:
    about = entry.annotations.get(_ABOUT)
    return str(entry.digest) in chosen or (about in chosen if about is not None else entry.platform is None)


def is_any_of(filters: Collection[PlatformFilter], platform: Platform | None) -> bool:
    """Whether it is one of these platforms."""
    return any(wanted.matches(platform) for wanted in filters)


def platform_of(config: bytes) -> Platform | None:
    """The platform that the config of an image names; None where it names none. Raises FormatError."""
    platform = Platform.from_json(load_object(config, Reading.OPEN, what="image config"))
    return platform if {platform.os, platform.architecture}.isdisjoint({"", _UNKNOWN}) else None
