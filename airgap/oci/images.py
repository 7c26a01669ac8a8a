"""Tells the entries of an index that are images from attestations about one.

BuildKit lists attestations among the platforms of an index; other tools list SBOMs and signatures. If only these are
here, the index holds no image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from airgap import limits
from airgap.errors import ContentError
from airgap.oci.attached import is_stated_image
from airgap.oci.descriptor import Claims, Descriptor
from airgap.oci.manifest import Index, Manifest
from airgap.oci.problems import own_remedy

_ABOUT: Final = "vnd.docker.reference.type"
_SHOWN: Final = 6
_UNKNOWN: Final = "unknown"


class Images:
    """Finds images; examines each manifest once at each depth. `read` gives a manifest or raises ContentError."""

    def __init__(self, read: Callable[[Descriptor], Manifest | Index]) -> None:
        self._read: Final = read
        self._known: Final[dict[tuple[Claims, int], bool]] = {}
        """By depth, too: what is too deep is not looked at."""

    def any_in(self, index: Index, depth: int = 0) -> bool:
        """Whether a readable image is in the index, or in an index below it."""
        return any(self._is_one(entry, depth) for entry in index.manifests)

    def _is_one(self, entry: Descriptor, depth: int) -> bool:
        if not entry.is_manifest or depth > limits.GRAPH_DEPTH or is_attestation(entry):
            return False
        key = (entry.claims, depth)
        if key not in self._known:
            self._known[key] = self._look(entry, depth)
        return self._known[key]

    def _look(self, entry: Descriptor, depth: int) -> bool:
        try:
            manifest = self._read(entry)
        except ContentError:
            return False
        if isinstance(manifest, Index):
            return self.any_in(manifest, depth + 1)
        return is_stated_image(manifest)


def platform_missing(error: ContentError, entry: Descriptor, here: Sequence[str]) -> ContentError:
    """The same error for an entry of an index, with the missing platform and a remedy."""
    told = entry.platform is not None and not is_attestation(entry) and not own_remedy(error)
    if not error.is_missing or not told or not here:
        return error
    return ContentError(
        error.reason,
        f"{error}: it is the platform {entry.platform} of an index; of {', '.join(here[:_SHOWN])} the manifest is here",
        remedy=f"docker save and ctr export keep only the platforms that were pulled. Take one that is here (copy "
        f"--platform {here[0]}), or copy the image from its registry.",
        **error.facts,
    )


def platform_names(entries: Iterable[Descriptor]) -> tuple[str, ...]:
    """The platforms of these entries, without attestations."""
    named = (str(entry.platform) for entry in entries if entry.platform is not None and not is_attestation(entry))
    return tuple(dict.fromkeys(named))


def is_attestation(entry: Descriptor) -> bool:
    """Whether an entry of an index claims to be about another entry, or to be for no real platform."""
    platform = entry.platform
    nowhere = platform is not None and platform.os == platform.architecture == _UNKNOWN
    return nowhere or _ABOUT in entry.annotations
