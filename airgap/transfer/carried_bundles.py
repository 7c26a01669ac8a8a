"""The bundles that came with what is copied: what each says of itself, and whether all that it lists arrived."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from airgap.oci.digest import Digest
from airgap.transfer.sources import path_of

if TYPE_CHECKING:
    from airgap.transfer.copied import CopyResult


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedBundle:
    """The bundle of a layout that is copied from. What it says is a claim (decision 0038)."""

    reference: str
    """The layout, safe to show."""
    path: str | None
    """The layout, as results name it; None where it is on no disk."""
    digest: Digest
    stream: str | None
    number: int | None
    created: datetime
    artifacts: frozenset[Digest]
    """What it lists."""
    is_whole: bool
    """Whether all of its layout is copied, and all that it lists is there."""
    is_asked_for: bool
    """Whether all of its layout is copied."""

    def lists(self, path: str | None, digest: Digest) -> bool:
        """Whether an artifact of a layout came in it."""
        return path == self.path and digest in self.artifacts

    def arrived_in(self, copied: CopyResult) -> bool:
        """Whether everything that it lists is in the destination, with all that is attached to it."""
        there: defaultdict[Digest, set[bool]] = defaultdict(set)
        for item in copied.artifacts:
            if item.planned and item.descriptor and path_of(item.planned.wanted.source) == self.path:
                there[item.descriptor.digest].add(item.status in {"copied", "current"})
        return self.is_whole and bool(self.artifacts) and all(there[digest] == {True} for digest in self.artifacts)


def bundle_of(bundles: Iterable[CarriedBundle], path: str | None, digest: Digest) -> Digest | None:
    """The newest bundle that an artifact of a layout came in."""
    found = [bundle for bundle in bundles if bundle.lists(path, digest)]
    return max(found, key=lambda bundle: (bundle.created, bundle.digest)).digest if found else None
