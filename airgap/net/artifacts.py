"""Opens what a reference names to be read: a layout, or an artifact in a registry, both as a store and its graph.

Network code is loaded when the first registry is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from airgap.errors import AirgapError, ContentError
from airgap.oci.documents import LAYOUT_INDEX
from airgap.oci.graph import Graph
from airgap.oci.lookup import ReferrersLookup
from airgap.oci.nodes import Root, reported_elsewhere
from airgap.oci.problems import ContentProblem
from airgap.oci.reference import LayoutReference, RegistryReference, parse_reference
from airgap.oci.store import Store
from airgap.oci.target import open_target
from airgap.text import safe

if TYPE_CHECKING:
    from airgap.net.registries import Registries
    from airgap.oci.descriptor import Descriptor
    from airgap.oci.lookup import Mechanism
    from airgap.transfer.endpoint import FoundReferrers


_ENTRY: Final = re.compile(rf"^{re.escape(LAYOUT_INDEX)} > manifests\[([0-9]+)\]")
_REFERRER: Final = "listed referrer"
_ARTIFACT: Final = "artifact"


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedParts:
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
        """What a registry lists as a referrer and cannot be read; of layouts only what is too much for `all_roots`."""

    def located(self, problem: ContentProblem) -> ContentProblem:
        """A problem of the graph with the place where it is here."""

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

    def located(self, problem: ContentProblem) -> ContentProblem:
        """See `Artifacts`. A registry has no `index.json`: what is there is the artifact or a listed referrer."""
        entry = _ENTRY.match(problem.path)
        if entry is None:
            return problem
        listed = self.store.index().manifests[int(entry[1])]
        holder = _ARTIFACT if listed.digest == self.root.descriptor.digest else _REFERRER
        return replace(problem, path=holder + problem.path[entry.end() :])

    def all_roots(self) -> tuple[Root, ...]:
        """See `Artifacts`."""
        return (self.root,)

    def name(self, root: Root) -> str:  # noqa: ARG002 - there is one
        """See `Artifacts`."""
        return safe(self.reference)


def open_artifact(
    registries: Registries, reference: RegistryReference, parts: FetchedParts, mechanism: Mechanism | None = None
) -> RegistryArtifact:
    """The artifact that `reference` names. `mechanism` forces one way to ask for referrers.

    Raises UsageError without a tag and digest, NotFoundError, ContentError, and what the transport raises.
    """
    from airgap.net.fetched_store import fetch_artifact
    from airgap.net.referrers import as_content

    source = registries.source(reference, mechanism=mechanism)
    store, descriptor = fetch_artifact(source, source.named(reference).digest, parts)
    graph = Graph(store, store.mechanisms)
    return RegistryArtifact(
        reference=reference,
        store=store,
        graph=graph,
        root=Root(descriptor, (reference.tag,) if reference.tag and not reference.digest else ()),
        lookups=tuple(_with_notes(graph, subject, found) for subject, found in store.found),
        unread=tuple(ContentProblem.of(as_content(error), None, _REFERRER) for error in store.unlisted),
        problems=store.problems,
    )


@contextmanager
def open_artifacts(
    text: str, registries: Registries, parts: FetchedParts, mechanism: Mechanism | None = None
) -> Iterator[Artifacts]:
    """What `text` names, open for reading.

    Raises UsageError, NotFoundError, ContentError, and what the transport raises.
    """
    reference = parse_reference(text)
    if isinstance(reference, LayoutReference):
        with open_target(text) as target:
            yield target
    else:
        yield open_artifact(registries, reference, parts, mechanism)


def _with_notes(graph: Graph, subject: Descriptor, found: FoundReferrers) -> ReferrersLookup:
    """The look-up, which names what is listed as a referrer of the subject and does not refer to it."""
    referring = {item.descriptor.digest for item in graph.referrers(subject).readable(reported_elsewhere)}
    notes = list(found.lookup.notes)
    for referrer in found.readable(lambda _: None):
        digest = referrer.descriptor.digest
        if digest not in referring and _is_readable(graph, referrer.descriptor):
            notes.append(f"{digest} is listed as a referrer of {subject.digest}, and does not refer to it")
    return replace(found.lookup, notes=tuple(notes))


def _is_readable(graph: Graph, descriptor: Descriptor) -> bool:
    """Whether it could be read; what could not is reported as a problem."""
    try:
        graph.manifest(descriptor.bare)
    except ContentError:
        return False
    return True
