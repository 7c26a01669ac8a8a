"""Copy: artifacts with everything attached to them, from any transport to any other."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from airgap import __version__
from airgap.errors import AirgapError, NotFoundError, TransferError, UntrustedError, UsageError
from airgap.files import behind_link
from airgap.net.registries import Registries
from airgap.oci.descriptor import ACQUISITION
from airgap.oci.digest import Digest
from airgap.oci.documents import LayoutOnDisk
from airgap.oci.graph import Graph
from airgap.oci.layout import open_directory
from airgap.oci.lookup import Mechanism, ReferrersTag
from airgap.oci.nodes import Root
from airgap.oci.reference import LayoutReference, RegistryReference, registries_in
from airgap.problem import Problem
from airgap.stages.copy_judging import CopyJudge, without_lists
from airgap.stages.copy_request import (
    STREAM,
    CopyRequest,
    CopyServices,
    Packer,
    check_place,
    completed,
    place_of_stream,
)
from airgap.stages.copy_writing import DestinationWriter
from airgap.text import safe
from airgap.transfer.copied import CopyResult, EvidenceLeft, Tally
from airgap.transfer.destinations import (
    DestinationReference,
    RegistryPrefix,
    is_tar,
    places,
    with_registry_tags,
)
from airgap.transfer.endpoint import Source
from airgap.transfer.events import Event, Progress, Started, silent
from airgap.transfer.layout_plans import LayoutPlans
from airgap.transfer.left_behind import left_behind, told_of_records
from airgap.transfer.mover import (
    TransferResult,
    nothing_done,
    put_names,
)
from airgap.transfer.naming import Naming, read_name_map
from airgap.transfer.origins import Choice, Sources, find_all
from airgap.transfer.plan import CopyPlan, CopyRoot, Selection
from airgap.transfer.planner import make_plan
from airgap.transfer.sources import LayoutSource
from airgap.transfer.writer import LayoutWriter
from airgap.trust.separation import same_place

if TYPE_CHECKING:
    from airgap.net.credentials import Credentials
    from airgap.net.options import TransportOptions
    from airgap.oci.store import Store
    from airgap.transfer.carried_bundles import CarriedBundle
    from airgap.verifier.outcome import Outcome


def copy(
    request: CopyRequest,
    *,
    transport: TransportOptions | None = None,
    credentials: Credentials | None = None,
    to_transport: TransportOptions | None = None,
    to_credentials: Credentials | None = None,
    mechanism: Mechanism | None = None,
    executor: Executor | None = None,
    progress: Progress = silent,
    source: BinaryIO | None = None,
    output: BinaryIO | None = None,
    stopped: Callable[[CopyResult], None] | None = None,
    judged: Callable[[Outcome], None] | None = None,
    naming: Callable[[CopyResult], None] | None = None,
    carried: Callable[[Sequence[CarriedBundle]], Iterable[Problem]] | None = None,
) -> CopyResult:
    """Copy artifacts and everything attached to them from their sources to the destination.

    Content that the destination has is not copied again, so calling again completes an interrupted copy. `transport`
    and `credentials` are for registries (by default as docker's configuration says), `to_transport` and
    `to_credentials` for the destination (by default the same); `progress` is called for every
    step, from several threads; `executor` runs the work. `source` and `output` are used for `-`, by default standard
    input and output.

    Raises AirgapError for the first thing that cannot be copied; with `keep_going` that is part of the result. Where
    several repositories of a registry are written, and an error or Ctrl-C ends that, `stopped` is called with what was
    done before: repositories with all of their names. Evidence that is left behind is not looked for then. `judged` is
    called with all verdicts, before the first of them stops the copy; `naming` with what will be there, before
    anything gets a name in any of these repositories. `carried` is called with the bundles of the layouts that are
    read, where all is judged, and before anything is written: what it returns is a part of the warnings.
    """
    services = CopyServices(
        transport=transport,
        credentials=credentials,
        to_transport=to_transport,
        to_credentials=to_credentials,
        mechanism=mechanism,
        executor=executor,
        progress=progress,
        source=source,
        output=output,
        stopped=stopped,
        judged=judged,
        naming=naming,
        carried=carried,
    )
    return copy_packed(request, services, None)


def copy_packed(request: CopyRequest, services: CopyServices, packer: Packer | None) -> CopyResult:
    """Copy as `copy` does; `packer` adds to what is copied into a layout or tar."""
    request = completed(request)
    job: _Copy | None = None
    try:
        with ExitStack() as stack:
            pool = services.executor or stack.enter_context(ThreadPoolExecutor(max(1, request.concurrency)))
            asked = registries_in(request.sources)
            registries, destinations = _both_sides(request, services, asked, stack)
            sources = Sources(partial(registries.source, mechanism=services.mechanism), stack, pool)
            job = _Copy(request, services, sources, destinations, pool, packer)
            result = job.run()
            unasked = request.trust is not None and services.mechanism is Mechanism.TAG and asked
            return replace(result, warnings=(*result.warnings, _UNASKED)) if unasked else result
    except (AirgapError, KeyboardInterrupt):
        if services.stopped is not None and job is not None and (done := job.done_before()):
            services.stopped(done)
        raise


def _both_sides(
    request: CopyRequest, services: CopyServices, asked: frozenset[str], stack: ExitStack
) -> tuple[Registries, Registries]:
    """The registries to read from (`asked`), and those to write to; one object where nothing differs."""
    place, given, to_given = request.place(), services.credentials, services.to_credentials
    written = frozenset() if place is None or isinstance(place, LayoutReference) else frozenset({place.registry})
    shared = to_given in {None, given}  # then given ones are for one registry of both sides
    meant = given and given.only_for(asked | written if shared else asked)
    registries = stack.enter_context(Registries(meant, services.transport))
    if services.to_transport is None and shared:
        return registries, registries
    to = meant if shared else to_given and to_given.only_for(written)
    return registries, stack.enter_context(Registries(to, services.to_transport or services.transport))


_UNASKED: Final = Problem(
    message="only referrers tags were asked for (--distribution-spec v1.1-referrers-tag): evidence that the referrers "
    "API of the source alone lists was not used"
)


class _Copy:
    """One call of `copy`."""

    def __init__(
        self,
        request: CopyRequest,
        services: CopyServices,
        sources: Sources,
        registries: Registries,
        pool: Executor,
        packer: Packer | None,
    ) -> None:
        self._request, self._services, self._sources = request, services, sources
        self._registries, self._pool, self._packer = registries, pool, packer
        self._naming = Naming(
            full_names=request.full_names,
            keep_host=request.keep_host,
            map=read_name_map(request.name_map) if request.name_map else {},
            to_repository=request.to_repository,
        )
        plans = LayoutPlans(
            tool=__version__,
            at=request.at,
            selection=request.selection,
            with_records=request.record,
            with_referrers_tags=request.referrers_tag == ReferrersTag.ALWAYS,
            pack=packer.pack if packer else None,
        )
        self._tally = Tally(request.layout or STREAM, dry_run=request.dry_run)
        self._judge = CopyJudge(request, services, packer, pool, self._tally, self._refuse)
        self._writer = DestinationWriter(request, plans, registries, pool, self._report, services.output, self._account)
        self._held: tuple[Problem, ...] = ()
        """What is said of layers that deltas left out."""
        self._is_naming = False
        self._streamed: tuple[tuple[Store, Graph], ...] = ()
        """The layout that came on standard input."""
        self._left: tuple[EvidenceLeft, ...] = ()
        self._lost: tuple[Problem, ...] = ()

    def run(self) -> CopyResult:
        destination = self._request.place()
        with ExitStack() as stack:
            if isinstance(destination, LayoutReference):
                if is_tar(destination) and not self._request.overwrite:
                    from airgap.transfer.finished_tar import finished_tar

                    path = behind_link(Path(destination.path))
                    self._writer.finished = stack.enter_context(
                        finished_tar(path, verify_existing=self._request.hashes_existing)
                    )
                check_place(self._request, destination, self._writer.finished)
            return self._run(destination)

    def _run(self, destination: DestinationReference | None) -> CopyResult:
        request = self._request
        found = self._receive() if STREAM in request.sources else self._find()
        groups: defaultdict[RegistryReference | None, list[CopyRoot]] = defaultdict(list)
        for root in places(found, destination or LayoutReference(path=STREAM), self._naming):
            groups[root.destination].append(root)
        # all are planned before anything is written: what is refused is refused for all repositories of a registry
        plans = [self._plan(roots) for roots in groups.values()]
        layouts = (*self._sources.opened(), *self._streamed)
        whole = (*(graph for _, graph in self._streamed), *self._sources.whole())
        plans = self._judge.accepted(plans, layouts, whole)
        plans = self._writer.check_names(plans, list(groups))
        if self._packer is None:
            plans = self._with_held(list(groups), plans, layouts)
        for repository, plan in zip(groups, plans, strict=True):
            with self._one_repository(repository, plan):
                self._writer.write(plan, destination, repository)
        if self._writer.arrived and self._services.naming is not None:
            self._services.naming(self._expected(destination))
        self._is_naming = bool(self._writer.arrived)
        for repository, arrived in self._writer.arrived:
            with self._one_repository(repository, arrived.plan):
                done = put_names(arrived, progress=self._services.progress, keep_going=request.keep_going)
                self._account(arrived.plan, done)
        written = Path(destination.path) if isinstance(destination, LayoutReference) else None
        self._left = tuple(self._judge.evidence.left(layouts, self._tally, written))
        self._lost = (*left_behind(whole, request.selection, self._tally.planned), *self._about_records(written))
        return self._result(destination)

    def _with_held(
        self,
        repositories: Sequence[RegistryReference | None],
        plans: list[CopyPlan],
        layouts: Collection[tuple[Store, Graph]],
    ) -> list[CopyPlan]:
        """The plans, once the layers that deltas leave out were looked for in the destination."""
        is_named = all(root.tags or root.aliases for _, graph in layouts for root in graph.roots())
        if is_named and not self._request.verify_held:
            return plans  # the list of a bundle has no name
        from airgap.stages.held_layers import HeldLayers

        held = HeldLayers(self._request, self._registries, self._pool)
        self._writer.mends = any(held.has_delta(store, graph) for store, graph in layouts)
        found = held.in_plans(repositories, plans)
        self._held = tuple(held.notes())
        if self._services.held is not None:
            self._services.held(held.search)
        return [without_lists(plan) for plan in found] if held.search.lost else found

    def _about_records(self, written: Path | None) -> Iterator[Problem]:
        """What refers to acquisition records and is no evidence, which is reported by itself. `written`: the layout."""
        for item in self._tally.copied:
            planned = item.planned
            if planned is None or not planned.about_records:
                continue
            from airgap.revocation.artifact import is_called_evidence

            store: object = planned.wanted.source.store if isinstance(planned.wanted.source, LayoutSource) else None
            if isinstance(store, LayoutOnDisk) and written is not None and same_place(written, Path(store.path)):
                continue
            for referrer, sentence in told_of_records(planned):
                if not is_called_evidence(referrer.artifact_type):
                    yield Problem(message=sentence, target=item.source)

    @contextmanager
    def _one_repository(self, repository: RegistryReference | None, plan: CopyPlan) -> Iterator[None]:
        """An error of one repository stops no other one where the copy keeps going; one of the network does."""
        try:
            yield
        except AirgapError as error:
            if not self._request.keep_going or repository is None or isinstance(error, TransferError):
                raise
            self._account(plan, nothing_done(plan, error))

    def done_before(self) -> CopyResult | None:
        """What was done by now, in whole repositories; None where nothing has a name."""
        destination = self._request.place()
        # a layout or tar is written as one
        is_registry = isinstance(destination, RegistryReference | RegistryPrefix)
        return self._result(destination) if is_registry and (self._tally.copied or self._is_naming) else None

    def _expected(self, destination: DestinationReference | None) -> CopyResult:
        """The result if everything that arrived gets its names."""
        tally, self._tally = self._tally, Tally(self._request.layout or STREAM, dry_run=False)
        try:
            for _, arrived in self._writer.arrived:
                self._account(arrived.plan, arrived.result)
            return self._result(destination)
        finally:
            self._tally = tally

    def _result(self, destination: DestinationReference | None) -> CopyResult:
        return CopyResult(
            destination=safe(self._request.destination),
            dry_run=self._request.dry_run,
            artifacts=(*self._tally.copied, *self._tally.failed),
            totals=self._tally.totals,
            moved_tags=tuple(self._tally.moved_tags),
            room=self._writer.room,
            evidence_left=self._left,
            volumes=self._writer.volumes,
            into_registry=isinstance(destination, RegistryReference | RegistryPrefix),
            warnings=(*self._judge.warnings, *self._held, *self._lost),
        )

    def _receive(self) -> list[CopyRoot]:
        """Receives a layout from standard input: its blobs are in the destination afterwards."""
        from airgap.oci.recognise import STANDARD_INPUT
        from airgap.revocation.artifact import may_be_evidence, possible_evidence
        from airgap.transfer.stream import receive

        request = self._request
        destination = place_of_stream(request)
        stream = self._services.source or sys.stdin.buffer
        if isinstance(destination, RegistryReference):
            repository = RegistryReference(registry=destination.registry, repository=destination.repository)
            sink = self._registries.sink(repository, chunked=True, referrers_tag=request.referrers_tag)
            received = receive(stream, sink, self._services.progress, keep=True, wanted=may_be_evidence)
        else:
            with LayoutWriter(destination.path, verify_existing=request.hashes_existing) as writer:
                received = receive(stream, writer, self._services.progress, keep=False, wanted=may_be_evidence)
            received.destination = open_directory(destination.path)
        self._tally.streamed = frozenset(received.moved)
        self._streamed = ((received, Graph(received)),)
        if request.trust is not None and (possible := possible_evidence(received.others)):
            names = ", ".join(safe(name, limit=128) for name in possible[:3])
            raise UntrustedError(
                f"nothing is copied: beside the layout on standard input is what may be evidence, which is not read "
                f"there, and may be about any signer: {names}",
                reason="evidence.unread",
                remedy="Save the tar to a file, and copy that: cat > trip.tar",
            )
        findings = find_all(received, STANDARD_INPUT)
        for missing in findings.missing:
            self._refuse(missing.reference, missing.error)
        return _with_bundles(findings.found, lambda _: True)

    def _find(self) -> list[CopyRoot]:
        request = self._request
        choice = Choice.of(all_tags=request.all_tags, pattern=request.tags)
        found: dict[tuple[Source, Digest, tuple[str, ...]], CopyRoot] = {}
        tasks = self._sources.find(request.sources, choice, pinned=request.pinned)
        for text, task in zip(request.sources, tasks, strict=True):
            try:
                findings = task()
            except UsageError:
                raise
            except AirgapError as error:
                self._refuse(safe(text), error)
                continue
            for missing in findings.missing:
                self._refuse(missing.reference, missing.error)
            for item in findings.found:
                found.setdefault((item.source, item.descriptor.digest, item.names), item)
        chosen = self._without_bundles(found.values())
        return sorted(map(_called_by_tag, chosen), key=_in_order) if self._packer else chosen

    def _without_bundles(self, found: Iterable[CopyRoot]) -> list[CopyRoot]:
        """What is copied of whole layouts: the list of a bundle comes along only where all that it lists does."""
        request = self._request
        whole = set(self._sources.whole())
        kept = _with_bundles(found, whole.__contains__)  # by its digest, it is what is asked for
        into_layout = request.destination == STREAM or isinstance(request.place(), LayoutReference)
        is_whole = request.selection == Selection() and not (request.all_tags or request.tags)
        if self._packer is None and into_layout and is_whole:
            return kept
        chosen = [item for item in kept if not item.is_bundle]
        if kept and not chosen:
            raise NotFoundError(
                f"{kept[0].reference} only lists what a bundle carried, and nothing else is there to copy",
                remedy="Look at what it lists: airgap bundle show. Copy the bundle again from where it is whole.",
            )
        return chosen

    def _refuse(self, reference: str, error: AirgapError) -> None:
        """Raises the error, or notes it if the copy keeps going."""
        if not self._request.keep_going:
            raise error
        self._tally.fail(reference, error)

    def _report(self, event: Event) -> None:
        """What just came on standard input is in the destination by now, and was not before."""
        if not (self._tally.streamed and isinstance(event, Started)):
            self._services.progress(event)

    def _account(self, plan: CopyPlan, done: TransferResult) -> None:
        judgement = self._judge.judgement
        self._tally.add(plan, done, judgement.verdict if judgement else lambda _: None)

    def _plan(self, roots: Sequence[CopyRoot]) -> CopyPlan:
        # a record is about one copy into one layout; it is written anew, or copied on purpose
        selection = replace(self._request.selection, skip_types=self._request.selection.skip_types | {ACQUISITION})
        plan = make_plan(roots, selection, self._pool, keep_going=self._request.keep_going)
        if self._request.require_signature:
            from airgap.stages.gate_layout import demanding_signatures

            plan = demanding_signatures(plan, keep_going=self._request.keep_going)
        if roots[0].destination is not None:
            plan = with_registry_tags(plan, keep_going=self._request.keep_going)
        if self._request.all_tags and self._request.tags is None:  # this includes cosign's tags
            return replace(plan, artifacts=tuple(replace(item, digest_tags=True) for item in plan.artifacts))
        return plan


def _called_by_tag(item: CopyRoot) -> CopyRoot:
    """The same as if the lock file of a list were the list: records name what was asked for."""
    if item.from_layout or item.repository is None or not item.names:
        return item
    return replace(item, reference=f"{item.repository.name}:{item.names[0]}")


def _in_order(item: CopyRoot) -> tuple[str, tuple[str, ...], Digest, str]:
    """By what an artifact is, not by the order of a list or a file system."""
    return item.repository.name if item.repository else "", item.names, item.descriptor.digest, item.reference


def _with_bundles(found: Iterable[CopyRoot], is_whole: Callable[[Graph], bool]) -> list[CopyRoot]:
    """What is found; the list of a bundle is marked where it comes with all of its layout."""
    return [replace(item, is_bundle=True) if _is_bundle(item, is_whole) else item for item in found]


def _is_bundle(item: CopyRoot, is_whole: Callable[[Graph], bool]) -> bool:
    """Most artifacts have a name, and are not looked at."""
    if item.names or not isinstance(item.source, LayoutSource) or not is_whole(item.source.graph):
        return False
    from airgap.bundle.opened_bundle import is_bundle

    return is_bundle(item.source.graph, Root(item.descriptor, item.names))
