"""An opened reference: its layout, the graph of the layout, and the artifacts that it names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from airgap import limits
from airgap.oci.graph import Graph
from airgap.oci.lookup import ReferrersLookup
from airgap.oci.nodes import Root
from airgap.oci.open import open_layout
from airgap.oci.problems import ContentProblem
from airgap.oci.reference import LayoutReference, parse_layout_reference
from airgap.oci.store import Store
from airgap.text import safe


class Target(NamedTuple):
    """An open layout, and the part of it that a reference names."""

    reference: LayoutReference
    store: Store
    graph: Graph

    def another(self, text: str) -> Target | None:
        """The target that `text` names in the same layout; content that was read is not read again.

        Raises UsageError.
        """
        reference = parse_layout_reference(text)
        return self._replace(reference=reference) if reference.path == self.reference.path else None

    @property
    def lookups(self) -> tuple[ReferrersLookup, ...]:
        """How a registry was asked for referrers: not at all."""
        return ()

    @property
    def unread(self) -> tuple[ContentProblem, ...]:
        """How many artifacts of the whole layout cannot be read and are not among `all_roots`."""
        return self.graph.problems[limits.NOTES_SHOWN :] if self.is_whole else ()

    def located(self, problem: ContentProblem) -> ContentProblem:
        """A problem of the graph, which names its place."""
        return problem

    @property
    def is_whole(self) -> bool:
        """Whether the reference names the whole layout, not one artifact."""
        return self.reference.tag is None and self.reference.digest is None

    def roots(self) -> tuple[Root, ...]:
        """The artifact that the reference names, or all of the layout's own. Raises NotFoundError, ContentError."""
        return self.graph.whole() if self.is_whole else (self.graph.find(self.reference),)

    def all_roots(self) -> tuple[Root, ...]:
        """`roots` and the unreadable artifacts of a whole layout, for callers without another place to report these.

        Beyond limits.NOTES_SHOWN only `unread` has their number.
        Entries that are no descriptors are not included: each artifact reports them, because they may refer to it.
        """
        roots = self.roots()
        problems = self.graph.problems if self.is_whole else ()
        unread = dict.fromkeys(problem.descriptor for problem in problems if problem.descriptor is not None)
        return (*roots, *(Root(descriptor, ()) for descriptor in unread))

    def name(self, root: Root) -> str:
        """The reference to `root` alone, safe for a terminal."""
        return safe(self.reference.naming((root.called,) if root.called else root.tags, root.descriptor.digest))


@contextmanager
def open_target(text: str) -> Iterator[Target]:
    """The layout that `text` names (decision 0025), open for reading.

    Raises UsageError for a registry, ContentError for what is no layout, NotFoundError.
    """
    reference = parse_layout_reference(text)
    with open_layout(reference.path) as store:
        yield Target(reference, store, Graph(store))


class TargetOpener:
    """Opens references one after another. References to one layout in a row share what was read of it."""

    def __init__(self, entered: Callable[[Target], object], left: Callable[[Target], object] = lambda _: None) -> None:
        """`entered` is called for each layout that was opened, `left` before it is closed."""
        self._entered, self._left = entered, left
        self._stack = ExitStack()
        self._target: Target | None = None

    def open(self, text: str) -> Target:
        """The target that `text` names; it is open until another layout is. Raises what `open_target` raises."""
        if self._target is not None and (target := self._target.another(text)) is not None:
            return target
        self.close()
        target = self._stack.enter_context(open_target(text))
        self._entered(target)
        self._target = target
        return target

    def close(self) -> None:
        """Closes the layout that is open."""
        if self._target is not None:
            self._left(self._target)
        self._target = None
        self._stack.close()
