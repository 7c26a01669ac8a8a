"""Opens what a reference names to be read: a layout, or an artifact in a registry, both as a store and its graph.

Network code is loaded when the first registry is named.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from airgap.errors import AirgapError, ContentError, NotFoundError, UsageError
from airgap.oci.graph import Graph
from airgap.oci.lookup import ReferrersLookup
from airgap.oci.nodes import Root
from airgap.oci.problems import ContentProblem
from airgap.oci.reference import LayoutReference, RegistryReference, parse_reference
from airgap.oci.store import Store
from airgap.oci.target import open_target
from airgap.text import safe

if TYPE_CHECKING:
    from airgap.net.registries import Registries
    from airgap.oci.lookup import Mechanism


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is fetched of an artifact besides manifests."""

    envelopes: bool = False
    """The envelopes of signatures."""
    evidence: bool = False
    """Evidence that is attached."""
    records: bool = False
    """Acquisition records."""
    configs: bool = False
    """The configs of images."""
    digest_tags: bool = False
    """Referrers that only cosign's tags name."""
    nested: bool = True
    """The referrers of children and of referrers, too."""


class Artifacts(Protocol):
    """Open artifacts: of a layout (`airgap.oci.target.Target`), or one in a registry."""

    @property
    def store(self) -> Store:
        """Their content."""

    @property
    def graph(self) -> Graph:
        """Their graph."""

    @property
    def lookups(self) -> tuple[ReferrersLookup, ...]:
        """How a registry was asked for referrers, the artifact's first; empty for layouts."""

    @property
    def unread(self) -> tuple[ContentProblem, ...]:
        """What a registry lists as a referrer and cannot be read; empty for layouts, whose graph has it."""

    def all_roots(self) -> tuple[Root, ...]:
        """What the reference names. Raises NotFoundError, ContentError."""

    def name(self, root: Root) -> str:
        """The reference to `root` alone, safe for a terminal."""


class RegistryArtifact(NamedTuple):
    """An artifact in a registry, with its manifests and referrers in memory."""

    reference: RegistryReference
    store: Store
    graph: Graph
    root: Root
    lookups: tuple[ReferrersLookup, ...]
    unread: tuple[ContentProblem, ...]
    problems: tuple[AirgapError, ...]
    """Everything that could not be read."""

    def all_roots(self) -> tuple[Root, ...]:
        """See `Artifacts`."""
        return (self.root,)

    def name(self, root: Root) -> str:  # noqa: ARG002 - there is one
        """See `Artifacts`."""
        return safe(self.reference)


def open_artifact(
    registries: Registries, reference: RegistryReference, wanted: Wanted, mechanism: Mechanism | None = None
) -> RegistryArtifact:
    """The artifact that `reference` names. `mechanism` forces one way to ask for referrers.

    Raises UsageError without a tag and digest, NotFoundError, LimitError, and what the transport raises.
    """
    from airgap.net.outline_store import outline

    name = reference.digest or reference.tag
    if name is None:
        raise UsageError(
            f"{safe(reference)} names a repository, not an artifact",
            remedy=f"Add :TAG or @DIGEST; airgap ls {safe(reference)} shows the tags.",
        )
    store, descriptor = outline(registries.source(reference, mechanism=mechanism), name, wanted)
    return RegistryArtifact(
        reference=reference,
        store=store,
        graph=Graph(store, store.mechanisms),
        root=Root(descriptor, (name,) if isinstance(name, str) else ()),
        lookups=tuple(store.lookups),
        unread=tuple(ContentProblem.of(_as_content(error), None, "listed referrers") for error in store.unlisted),
        problems=store.problems,
    )


@contextmanager
def open_artifacts(
    text: str, registries: Registries, wanted: Wanted, mechanism: Mechanism | None = None
) -> Iterator[Artifacts]:
    """What `text` names, open for reading.

    Raises UsageError, NotFoundError, ContentError, and what the transport raises.
    """
    reference = parse_reference(text, exists=os.path.exists)
    if isinstance(reference, LayoutReference):
        with open_target(text) as target:
            yield target
    else:
        yield open_artifact(registries, reference, wanted, mechanism)


def _as_content(error: AirgapError) -> ContentError:
    """The error as one of content: an entry of a list that names what is not there, or is no descriptor."""
    if isinstance(error, ContentError):
        return error
    reason = "content.missing" if isinstance(error, NotFoundError) else "content.malformed"
    return ContentError(reason, str(error), remedy=error.remedy, **error.facts)
