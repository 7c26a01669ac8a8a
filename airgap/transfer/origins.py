"""The sources of a copy: opens references, lists tags, and finds artifacts with their origin."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import Final, NamedTuple, Protocol

from airgap.errors import AirgapError, FormatError, NotFoundError, TransferError, UsageError
from airgap.oci.descriptor import Descriptor
from airgap.oci.graph import Graph
from airgap.oci.nodes import Root, reported_elsewhere
from airgap.oci.open import Layout, open_layout
from airgap.oci.record import FoundRecord, find_records
from airgap.oci.reference import LayoutReference, RegistryReference, parse_reference, parse_registry_reference
from airgap.oci.store import Store, lost_volumes
from airgap.oci.tags import cosign_target, is_tag, tag_part
from airgap.text import safe
from airgap.transfer.endpoint import Source
from airgap.transfer.plan import CopyRoot
from airgap.transfer.referrers_names import lists_referrers
from airgap.transfer.sources import LayoutSource


class Repository(Source, Protocol):
    """A repository of a registry as a source that lists its content."""

    def named(self, reference: RegistryReference, *, compared: bool = True) -> Descriptor:
        """What the digest or else the tag names, its digest checked; `compared`: both. Raises AirgapError."""

    def tags(self) -> Iterator[str]:
        """Every listed tag, including illegal ones. Raises AirgapError."""


class MissingSource(NamedTuple):
    """Content of a reference that cannot be read, or has no usable name."""

    reference: str
    """Safe to show."""
    error: AirgapError


class Findings(NamedTuple):
    """The artifacts of one reference."""

    found: list[CopyRoot]
    missing: list[MissingSource]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The choice of artifacts of a repository or layout."""

    all_tags: bool = False
    pattern: re.Pattern[str] | None = None

    @classmethod
    def of(cls, *, all_tags: bool, pattern: str | None) -> Choice:
        """Raises UsageError for an invalid regular expression."""
        if pattern is None:
            return cls(all_tags=all_tags)
        try:
            return cls(all_tags=True, pattern=re.compile(pattern))
        except re.error as error:
            raise UsageError(f"--tags {safe(pattern)!r} is no regular expression: {safe(error)}") from None

    def takes(self, tag: str) -> bool:
        """Whether a tag is chosen."""
        return self.pattern is None or any(self.pattern.fullmatch(name) for name in (tag, tag_part(tag)))


class Sources:
    """Opens references; each layout and repository once."""

    def __init__(
        self, repository: Callable[[RegistryReference], Repository], stack: ExitStack, executor: Executor
    ) -> None:
        """`repository` opens one; it is called only if a registry is named."""
        self._repository, self._stack, self._executor = repository, stack, executor
        self._layouts: dict[str, _OpenLayout] = {}
        self._repositories: dict[str, Repository] = {}

    def find(self, texts: Sequence[str], choice: Choice, *, pinned: bool = False) -> list[Callable[[], Findings]]:
        """For every reference a function that finds its artifacts; that raises AirgapError, this raises UsageError.

        Registries are asked by several threads at once; the order stays that of `texts`.
        """
        references = [parse_reference(text) for text in texts]
        for text, reference in zip(texts, references, strict=True):
            if pinned and reference.digest is None:
                raise UsageError(
                    f"{safe(text)} has no digest, so nothing is locked by it",
                    remedy="Make the list with --lock-output.",
                )
        tasks: list[Callable[[], Findings]] = []
        for reference in references:
            if isinstance(reference, LayoutReference):
                # in this thread, when it is its turn
                tasks.append(partial(self._in_layout, reference, choice))
            else:
                source = self._known(reference)
                tasks.append(_in_repository(source, reference, choice, self._executor, pinned=pinned))
        return tasks

    def _known(self, reference: RegistryReference) -> Repository:
        if reference.name not in self._repositories:
            whole = RegistryReference(registry=reference.registry, repository=reference.repository)
            self._repositories[reference.name] = self._repository(whole)
        return self._repositories[reference.name]

    def _in_layout(self, reference: LayoutReference, choice: Choice) -> Findings:
        path = os.path.realpath(reference.path)
        if path not in self._layouts:
            layout = _open(reference.path)
            self._stack.callback(layout.close)
            self._layouts[path] = _OpenLayout(layout)
        return self._layouts[path].findings(reference, choice)

    def whole(self) -> Iterator[Graph]:
        """The layouts of which everything was asked for."""
        return (layout.graph for layout in self._layouts.values() if layout.is_whole)

    def opened(self) -> Iterator[tuple[Store, Graph]]:
        """The layouts that were opened."""
        for layout in self._layouts.values():
            yield layout.store, layout.graph


def _open(path: str) -> Layout:
    if os.path.isdir(path):  # noqa: PTH112 - a text that is no path is none
        return open_layout(path)
    from airgap.transfer.unpacking import open_source  # no reader of tars is loaded for a directory

    return open_source(path)


def find_all(store: Store, name: str) -> Findings:
    """Every artifact of a layout that is no file, called `name`."""
    return _OpenLayout(store).findings(LayoutReference(path=name), Choice())


class _OpenLayout:
    def __init__(self, store: Store) -> None:
        self.store: Final = store
        self.graph: Final = Graph(store)
        self.is_whole = False
        """Whether all of it was asked for."""

    @cache  # noqa: B019 - as long as the layout is open
    def _records(self, artifact: Descriptor) -> tuple[FoundRecord, ...]:
        # unreadable content is reported when referrers are looked up, unless the operator excludes them
        return find_records(self.store, self.graph, artifact, reported_elsewhere)

    @cached_property
    def _source(self) -> LayoutSource:
        return LayoutSource(self.store, self.graph)

    def findings(self, reference: LayoutReference, choice: Choice) -> Findings:
        found = list(self._find(reference, choice))
        if reference.tag is not None or reference.digest is not None:
            return Findings(found, [])
        self.is_whole |= choice.pattern is None
        # a copy of a whole layout includes unreadable entries and every name: a loss must be reported
        errors = (
            *lost_volumes(self.store),
            *(problem.error() for problem in self.graph.problems),
            *self._lost_names(choice),
        )
        return Findings(found, [MissingSource(safe(reference), error) for error in errors])

    def _lost_names(self, choice: Choice) -> Iterator[NotFoundError]:
        for name in filter(choice.takes, self.graph.shared_names):
            try:
                self.graph.resolve(name)
            except NotFoundError as error:
                yield error

    def _find(self, reference: LayoutReference, choice: Choice) -> Iterator[CopyRoot]:
        if reference.digest is not None:
            yield self._found(reference, self.graph.find(reference))
        elif reference.tag is not None:
            if choice.all_tags:
                raise UsageError(f"{safe(reference)} names one tag, and --all-tags or --tags asks for many")
            root = self.graph.find(reference)
            yield self._found(reference, root, (root.called or reference.tag,))
        else:
            roots = self.graph.whole()
            chosen = [root for root in roots if choice.pattern is None or any(choice.takes(tag) for tag in root.tags)]
            if not chosen:
                raise NotFoundError(f"the layout {safe(reference.path)} holds no such tag")
            for root in chosen:
                for tags in _by_repository(tuple(tag for tag in root.tags if choice.takes(tag))):
                    yield self._found(reference, root, tags)

    def _found(self, reference: LayoutReference, root: Root, only: tuple[str, ...] | None = None) -> CopyRoot:
        records = self._records(root.descriptor)
        tags = root.tags if only is None else only
        named = {tag.removesuffix(f":{tag_part(tag)}") for tag in tags}
        newest = records[0] if records else None
        record = next((found for found in records if found.record.name in named), newest)
        spelt = reference.naming(tags, root.descriptor.digest)
        return CopyRoot(
            source=self._source,
            descriptor=root.descriptor,
            reference=safe(spelt),
            repository=_origin(tags, record, root.aliases),
            names=tags,
            listed=tuple(map(root.entry, tags)),
            pinned=f"{reference.whole}@{root.descriptor.digest}",
            record=record,
            from_layout=True,
            typed=reference.tag,
        )


def _by_repository(tags: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Tags that are full references, grouped by repository; other tags go with the first group."""
    groups: dict[str, list[str]] = {}
    short = [tag for tag in tags if tag_part(tag) == tag]
    for tag in tags:
        if tag_part(tag) != tag:
            groups.setdefault(tag.removesuffix(f":{tag_part(tag)}"), []).append(tag)
    if len(groups) <= 1:
        return [tags]
    first = next(iter(groups.values()))
    first += short
    return [tuple(group) for group in groups.values()]


def _origin(tags: Sequence[str], record: FoundRecord | None, aliases: Sequence[str]) -> RegistryReference | None:
    """The source repository of an artifact of a layout: by a full reference as tag, its record, or another name."""
    names = [tag for tag in tags if tag_part(tag) != tag]
    names += [record.record.name] if record and record.record.name else []
    names += [name for name in aliases if tag_part(name) != name]
    for name in names:
        try:
            reference = parse_registry_reference(name)
        except UsageError:
            continue
        return RegistryReference(registry=reference.registry, repository=reference.repository)
    return None


def _in_repository(
    source: Repository, reference: RegistryReference, choice: Choice, executor: Executor, *, pinned: bool
) -> Callable[[], Findings]:
    """A function that finds the artifacts of a reference to a registry; requests start now. Raises UsageError.

    `pinned`: it is known that a tag may have moved since the reference was written.
    """
    if choice.all_tags:
        if reference.tag is not None or reference.digest is not None:
            raise UsageError(f"{reference} names one artifact, and --all-tags or --tags asks for many")
        return _Tagged(source, reference, choice, executor)
    if reference.tag is None and reference.digest is None:
        raise UsageError(
            f"{reference} names a repository, not an artifact", remedy="Add :TAG or @DIGEST, or --all-tags for all."
        )
    one = executor.submit(_resolved, source, reference, compared=not pinned)
    return lambda: Findings([one.result()], [])


class _Tagged:
    """The tags of a repository, resolved in parallel; a failing one does not affect the others."""

    def __init__(self, source: Repository, reference: RegistryReference, choice: Choice, executor: Executor) -> None:
        self._source, self._reference, self._choice, self._executor = source, reference, choice, executor
        self._listed = executor.submit(lambda: sorted(tag for tag in source.tags() if choice.takes(tag)))

    def __call__(self) -> Findings:
        tags = self._listed.result()
        name = self._reference.name
        if not tags:
            pattern = self._choice.pattern
            matched = f" that {safe(pattern.pattern)!r} matches as a whole" if pattern else ""
            raise NotFoundError(f"{name} has no tag{matched}")
        asked = {tag: self._executor.submit(_artifact, self._source, self._reference, tag) for tag in tags}
        found = Findings([], [])
        try:
            for tag, future in asked.items():
                try:
                    if (artifact := future.result()) is not None:
                        found.found.append(artifact)
                except TransferError:
                    raise  # the registry cannot be reached: all other requests will fail, too
                except AirgapError as error:
                    found.missing.append(MissingSource(safe(f"{name}:{tag}"), error))
        finally:
            for future in asked.values():
                future.cancel()
        return found


def _artifact(source: Repository, reference: RegistryReference, tag: str) -> CopyRoot | None:
    """What a tag names; None for the list of the referrers of something else. Raises AirgapError."""
    found = _resolved(source, reference._replace(tag=tag))
    return None if lists_referrers(source, tag, lambda: found.descriptor) else found


def _resolved(source: Repository, reference: RegistryReference, *, compared: bool = True) -> CopyRoot:
    tag = reference.tag
    if tag is not None and not is_tag(tag):
        raise FormatError(f"{safe(tag, limit=160)!r} is listed there as a tag, and cannot be one")
    descriptor = source.named(reference, compared=compared)
    named = RegistryReference(registry=reference.registry, repository=reference.repository, tag=tag)
    pinned = f"{named}@{descriptor.digest}"
    return CopyRoot(
        source=source,
        descriptor=descriptor,
        reference=str(named) if reference.digest is None else pinned,
        repository=RegistryReference(registry=reference.registry, repository=reference.repository),
        names=(tag,) if tag else (),
        pinned=pinned,
    )


def is_cosign(found: CopyRoot) -> bool:
    """Whether it is a cosign tag that is copied like other tags."""
    return any(cosign_target(tag) for tag in found.names)
