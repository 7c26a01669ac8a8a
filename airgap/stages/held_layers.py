"""Looks for the layers that deltas leave out, where they are copied to, before anything is written.

What a delta declares is used to say in time what is missing, and not to accept anything: a layer is taken only from a
medium or from the destination (decision 0044).
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Final

from airgap.bundle.held_search import HeldSearch, LostLayer, lost_in
from airgap.bundle.opened_bundle import has_delta
from airgap.errors import AirgapError, ContentError, TransferError
from airgap.net.registries import Registries
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.reference import LayoutReference, RegistryReference
from airgap.oci.store import Store, embedded, hash_bytes, stored_size
from airgap.problem import Problem
from airgap.stages.copy_request import CopyRequest
from airgap.text import safe
from airgap.transfer.checked_bytes import copy_checked, no_advance
from airgap.transfer.destinations import DestinationReference, is_tar
from airgap.transfer.plan import CopyPlan, Key, Node, PlannedArtifact
from airgap.transfer.sources import LayoutSource
from airgap.transfer.writer import LayoutProbe

if TYPE_CHECKING:
    from airgap.net.sink import RegistrySink

_ELSEWHERE: Final = (
    "Copy it into the registry or the layout that holds them. To carry it on as it is, copy the file, or split it: "
    "airgap bundle split."
)

_SOURCES: Final = (
    "Name what holds them as a source, too: the bundle that was sent before, or the registry. Or leave them out again: "
    "--since."
)


@dataclass(frozen=True, slots=True)
class _Found:
    """The answer about one layer: where it is, else what is wrong in its place."""

    node: Node | None = None
    """As it is to be copied."""
    wrong: str = ""


class HeldLayers:
    """The search of one copy."""

    def __init__(self, request: CopyRequest, registries: Registries, pool: Executor) -> None:
        self._request, self._registries, self._pool = request, registries, pool
        self.search = HeldSearch()
        """What came of it."""
        self._deltas: Final[dict[Graph, bool]] = {}
        """Of each layout whether it has a delta: the list of a bundle may be long."""
        self._repositories: Final[dict[str, list[RegistryReference]]] = {}
        """Of each registry those that may have a layer, the one that had the last one first."""
        self._listed: Final[set[str]] = set()
        """Registries that were asked for all of their repositories."""
        self._written: Final[set[RegistryReference]] = set()
        self._sinks: Final[dict[str, RegistrySink]] = {}

    def has_delta(self, store: Store, graph: Graph) -> bool:
        """Whether a bundle of a layout is a delta; its lists are read once."""
        if graph not in self._deltas:
            self._deltas[graph] = has_delta(store, graph)
        return self._deltas[graph]

    def _is_asked(self, source: LayoutSource) -> bool:
        return self._request.verify_held or self.has_delta(source.store, source.graph)

    def in_plans(self, repositories: Sequence[RegistryReference | None], plans: Sequence[CopyPlan]) -> list[CopyPlan]:
        """The plans, with other repositories of a registry as the source of a layer that one does not have.

        Raises ContentError (content.held.missing) where a layer is nowhere; where the copy keeps going, the artifacts
        that need it have that error.
        """
        left_out = [_left_out(plan, self._is_asked) for plan in plans]
        if not any(left_out):
            return list(plans)
        plans = _from_other_media(plans, left_out)
        wanted = [
            {key: node for key, node in found.items() if plan.nodes[key] is node}
            for plan, found in zip(plans, left_out, strict=True)
        ]
        for repository in map(_whole, filter(None, repositories)):
            self._written.add(repository)
            known = self._repositories.setdefault(repository.registry, [])
            known += [repository] if repository not in known else []
        found = [self._found(repository, nodes) for repository, nodes in zip(repositories, wanted, strict=True)]
        lost: list[LostLayer] = []
        there: set[tuple[Digest, int]] = set()
        for plan, answers in zip(plans, found, strict=True):
            lost += lost_in(plan, [(key, answer.wrong) for key, answer in answers.items() if answer.node is None])
            there |= {(key[0], key[2]) for key, answer in answers.items() if answer.node is not None}
        self.search = HeldSearch(found=frozenset(there), lost=tuple(lost))
        if lost and not self._request.keep_going:
            raise self._error(self.search)
        return [self._completed(plan, answers) for plan, answers in zip(plans, found, strict=True)]

    def notes(self) -> Iterator[Problem]:
        """What is said of layers that are there."""
        if self.search.found:
            yield self.search.note(safe(self._request.destination), were_read=self._reads)

    @property
    def _reads(self) -> bool:
        """Whether what is found is read and hashed; in a layout also where the copy does so with all that is there."""
        return self._request.verify_held or (self._request.hashes_existing and not self._written)

    def _completed(self, plan: CopyPlan, answers: Mapping[Key, _Found]) -> CopyPlan:
        """The plan with where layers are, and without what needs one that is nowhere."""
        nodes = {**plan.nodes, **{key: answer.node for key, answer in answers.items() if answer.node is not None}}
        gone = {key: answer for key, answer in answers.items() if answer.node is None}
        artifacts = [self._or_error(item, plan, gone) for item in plan.artifacts] if gone else plan.artifacts
        return CopyPlan.of(artifacts, nodes)

    def _or_error(self, item: PlannedArtifact, plan: CopyPlan, gone: Mapping[Key, _Found]) -> PlannedArtifact:
        if item.error is not None or item.keys.isdisjoint(gone):
            return item
        alone = replace(plan, artifacts=(item,))
        lost = lost_in(alone, [(key, answer.wrong) for key, answer in gone.items() if key in item.keys])
        return PlannedArtifact(wanted=item.wanted, error=self._error(HeldSearch(lost=lost)))

    # --- where they are looked for ---

    def _found(self, repository: RegistryReference | None, nodes: Mapping[Key, Node]) -> dict[Key, _Found]:
        if not nodes:
            return {}
        if repository is not None:
            return dict(zip(nodes, self._in_registry(repository, list(nodes.values())), strict=True))
        return {key: self._in_layout(self._request.place(), node) for key, node in nodes.items()}

    def _in_layout(self, place: DestinationReference | None, node: Node) -> _Found:
        if not isinstance(place, LayoutReference) or is_tar(place) or self._request.volume_size is not None:
            return _Found()
        probe = LayoutProbe(place.path)
        if probe.layout is None or not probe.has(node.descriptor):
            return _Found()
        if self._reads:
            try:
                hash_bytes(probe.layout, node.descriptor.digest)
            except ContentError as error:
                return _Found(wrong=f"what is there is damaged: {error}")
        return _Found(node)

    def _in_registry(self, repository: RegistryReference, nodes: Sequence[Node]) -> list[_Found]:
        first = list(self._pool.map(lambda node: self._asked(repository, node), nodes))
        answers = [
            answer if answer.node is not None or answer.wrong else self._in_other(repository, node)
            for node, answer in zip(nodes, first, strict=True)
        ]
        if not self._request.verify_held:
            return answers
        return list(self._pool.map(lambda pair: self._read(*pair), zip(nodes, answers, strict=True)))

    def _asked(self, repository: RegistryReference, node: Node) -> _Found:
        """Whether one repository has it. Raises what asking raises."""
        sink = self._sink(repository)
        try:
            return _Found(replace(node, source=sink, others=())) if sink.has(node.descriptor) else _Found()
        except ContentError as error:
            return _Found(wrong=str(error))

    def _in_other(self, repository: RegistryReference, node: Node) -> _Found:
        """The same of other repositories of the registry: from there it is mounted, or copied."""
        known = self._repositories[repository.registry]
        for number, other in enumerate(self._others(repository.registry)):
            if other.name == repository.name:
                continue
            try:
                answer = self._asked(other, node)
            except TransferError:
                raise
            except AirgapError:  # it may not be read by everyone
                continue
            if answer.node is not None:
                if number:
                    known.insert(0, known.pop(number))
                return answer
        return _Found()

    def _others(self, registry: str) -> Iterator[RegistryReference]:
        """Those of this copy, then all that the registry lists. Many list none."""
        known = self._repositories[registry]
        yield from list(known)
        if registry in self._listed:
            return
        self._listed.add(registry)
        names = {item.repository for item in known}
        try:
            listed = [name for name in self._registries.repositories(registry) if name not in names]
        except TransferError:
            raise
        except AirgapError:
            return
        first = len(known)
        known += [RegistryReference(registry=registry, repository=name) for name in listed]
        yield from known[first:]

    def _sink(self, repository: RegistryReference) -> RegistrySink:
        whole = _whole(repository)
        if whole.name not in self._sinks:
            writes = whole in self._written and not self._request.dry_run  # one token for asking and writing
            self._sinks[whole.name] = self._registries.sink(whole, writable=writes)
        return self._sinks[whole.name]

    def _read(self, node: Node, answer: _Found) -> _Found:
        """The same after its bytes were read and hashed. Raises what reading raises."""
        if answer.node is None:
            return answer
        descriptor = node.descriptor
        try:
            with closing(answer.node.source.open(descriptor)) as stream:
                copy_checked(stream, descriptor, None, no_advance)
        except ContentError as error:
            return _Found(wrong=f"what is there is damaged: {error}")
        return answer

    # --- what is said ---

    def _error(self, search: HeldSearch) -> ContentError:
        request = self._request
        place = request.place()
        if place is None or isinstance(place, LayoutReference):
            return search.error(safe(request.destination), _ELSEWHERE)
        options = [
            *(["--keep-host"] if request.keep_host else []),
            *(["--map", str(request.name_map)] if request.name_map else []),
            *(["--to-repo"] if request.to_repository else []),
        ]
        words = ["airgap", "receipt", "request", *options, "-o", "request.json", *request.sources, request.destination]
        command = safe(shlex.join(words), limit=400)
        return search.error(
            safe(request.destination),
            f"Write down what has to be sent again, and carry that back: {command}",
        )


def _from_other_media(plans: Sequence[CopyPlan], left_out: Sequence[Mapping[Key, Node]]) -> list[CopyPlan]:
    """The plans, with what is on another medium of the same copy, for another repository, taken from there."""
    here = {
        key: node
        for plan, gone in zip(plans, left_out, strict=True)
        for key, node in plan.nodes.items()
        if node.manifest is None and key not in gone
    }
    return [
        replace(plan, nodes={**plan.nodes, **{key: here[key] for key in gone if key in here}})
        for plan, gone in zip(plans, left_out, strict=True)
    ]


def _whole(repository: RegistryReference) -> RegistryReference:
    return RegistryReference(registry=repository.registry, repository=repository.repository)


def check_nothing_left_out(plan: CopyPlan, destination: str) -> None:
    """Raises ContentError where what is to be written lacks layers that a delta among its sources leaves out."""
    if found := _left_out(plan, cache(_is_delta)):
        lost = lost_in(plan, [(key, "") for key in found])
        raise HeldSearch(lost=lost).error(f"the sources of {safe(destination)}", _SOURCES)


def _left_out(plan: CopyPlan, is_asked: Callable[[LayoutSource], bool]) -> dict[Key, Node]:
    """The blobs that no source has, whatever a delta says of them: its list is a claim.

    `is_asked`: whether what a source lacks is looked for.
    """

    def is_left_out(place: Node) -> bool:
        source, descriptor = place.source, place.descriptor
        if not isinstance(source, LayoutSource) or not is_asked(source):
            return False
        return embedded(descriptor) is None and stored_size(source.store, descriptor.digest) is None

    return {
        key: node for key, node in plan.nodes.items() if node.manifest is None and all(map(is_left_out, node.places()))
    }


def _is_delta(source: LayoutSource) -> bool:
    return has_delta(source.store, source.graph)
