"""What `airgap ls` finds: the artifacts of a layout, the tags of a repository, the repositories of a registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from airgap.oci.descriptor import Descriptor
from airgap.oci.problems import ContentProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedArtifact:
    """One artifact with what it consists of. All of it is what manifests and configs claim."""

    reference: str
    """The reference to it, safe for a terminal."""
    tags: tuple[str, ...]
    descriptor: Descriptor
    artifact_type: str | None
    platforms: tuple[str, ...]
    """Those that are there; `unknown` for an image that names none."""
    left_out: tuple[str, ...]
    """Platforms that an index lists and that are not there."""
    size: int
    """Bytes of everything that belongs to it, each content once, without what is attached."""
    created: datetime | None
    licenses: str | None
    """The annotation."""
    licences: tuple[str, ...]
    """All that annotations, labels and SBOMs state."""
    attached: Mapping[str, int]
    """What is attached to it and its children: how many of each kind (`sbom`, `crl`, ...), of signatures its own."""
    attached_below: Mapping[str, int]
    """What is attached to that, and signatures of its children."""
    attached_size: int
    unread: tuple[ContentProblem, ...]
    """What cannot be read: there may be more than is listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a target holds. One of the three lists is meant, as `kind` says."""

    target: str
    kind: Literal["artifacts", "tags", "repositories"]
    artifacts: tuple[ListedArtifact, ...] = ()
    tags: tuple[str, ...] = ()
    """Also those that are no legal tags; as the registry sent them."""
    referrers_tags: tuple[str, ...] = ()
    """Tags that only list what refers to something else (`sha256-<hex>`): their content says so."""
    repositories: tuple[str, ...] = ()
    blobs: int = 0
    """The number of different contents of all artifacts and of what is attached to them."""
    size: int = 0
    """Their bytes."""
    unread: tuple[ContentProblem, ...] = ()
    """Unreadable entries that belong to no artifact."""
