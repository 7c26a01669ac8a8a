"""Copy: artifacts with everything attached to them, from any transport to any other."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from airgap import __version__
from airgap.collection.evidence_left import SourceEvidence
from airgap.errors import AirgapError, NotFoundError, TransferError, UntrustedError, UsageError
from airgap.files import behind_link, sweep_leftovers
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
from airgap.reasons import ExitCode
from airgap.stages.copy_request import STREAM, CopyRequest, Packer, check_place, completed, place_of_stream
from airgap.text import safe
from airgap.transfer.copied import CopyResult, EvidenceLeft, Tally
from airgap.transfer.destinations import (
    DestinationReference,
    RegistryPrefix,
    is_tar,
    places,
    with_registry_tags,
)
from airgap.transfer.endpoint import Sink, Source
from airgap.transfer.events import Event, Progress, Started, silent
from airgap.transfer.layout_plans import LayoutPlans
from airgap.transfer.left_behind import left_behind, told_of_records
from airgap.transfer.mover import (
    Arrived,
    Survey,
    TransferResult,
    move,
    nothing_done,
    put_names,
    survey,
    transfer,
    without,
)
from airgap.transfer.naming import Naming, read_name_map
from airgap.transfer.origins import Choice, Sources, find_all
from airgap.transfer.plan import CopyPlan, CopyRoot, Key, PlannedArtifact, Selection
from airgap.transfer.planner import make_plan
from airgap.transfer.room import Room, room_in
from airgap.transfer.sources import LayoutSource, lacking
from airgap.transfer.writer import LayoutProbe, LayoutWriter
from airgap.trust.separation import same_place

if TYPE_CHECKING:
    from datetime import datetime

    from airgap.net.credentials import Credentials
    from airgap.net.options import TransportOptions
    from airgap.oci.store import Store
    from airgap.revocation.target_evidence import TargetEvidence
    from airgap.stages.gate import Judgement
    from airgap.transfer.finished_tar import FinishedTar
    from airgap.transfer.volume_layout import Volume
    from airgap.trust.directory import TrustDirectory
    from airgap.trust.location import Location
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
    anything gets a name in any of these repositories.
    """
    return copy_packed(
        request,
        None,
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
    )


def copy_packed(
    request: CopyRequest,
    packer: Packer | None,
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
) -> CopyResult:
    """Copy as `copy` does; `packer` adds to what is copied into a layout or tar."""
    request = completed(request)
    job: _Copy | None = None
    try:
        with ExitStack() as stack:
            pool = executor or stack.enter_context(ThreadPoolExecutor(max(1, request.concurrency)))
            place = request.place()
            asked = registries_in(request.sources)
            written = (
                frozenset() if place is None or isinstance(place, LayoutReference) else frozenset({place.registry})
            )
            shared = to_credentials in {None, credentials}  # then given ones are for one registry of both sides
            meant = credentials and credentials.only_for(asked | written if shared else asked)
            registries = destinations = stack.enter_context(Registries(meant, transport))
            if to_transport is not None or not shared:
                to = meant if shared else to_credentials and to_credentials.only_for(written)
                destinations = stack.enter_context(Registries(to, to_transport or transport))
            sources = Sources(partial(registries.source, mechanism=mechanism), stack, pool)
            streams = source, output
            job = _Copy(request, sources, destinations, pool, progress, streams, judged, naming, packer)
            result = job.run()
            unasked = request.trust is not None and mechanism is Mechanism.TAG and asked
            return replace(result, warnings=(*result.warnings, _UNASKED)) if unasked else result
    except (AirgapError, KeyboardInterrupt):
        if stopped is not None and job is not None and (done := job.done_before()):
            stopped(done)
        raise


_UNASKED: Final = Problem(
    message="only referrers tags were asked for (--distribution-spec v1.1-referrers-tag): evidence that the referrers "
    "API of the source alone lists was not used"
)


class _Copy:
    """One call of `copy`."""

    def __init__(
        self,
        request: CopyRequest,
        sources: Sources,
        registries: Registries,
        pool: Executor,
        progress: Progress,
        streams: tuple[BinaryIO | None, BinaryIO | None],
        judged: Callable[[Outcome], None] | None,
        naming: Callable[[CopyResult], None] | None,
        packer: Packer | None,
    ) -> None:
        self._packer = packer
        self._request, self._sources, self._registries, self._pool = request, sources, registries, pool
        self._progress = progress
        self._input, self._output = streams
        self._judged, self._naming_begins = judged, naming
        self._naming = Naming(
            full_names=request.full_names,
            keep_host=request.keep_host,
            map=read_name_map(request.name_map) if request.name_map else {},
            to_repository=request.to_repository,
        )
        self._plans = LayoutPlans(
            tool=__version__,
            at=request.at,
            selection=request.selection,
            with_records=request.record,
            with_referrers_tags=request.referrers_tag == ReferrersTag.ALWAYS,
            pack=packer.pack if packer else None,
        )
        self._tally = Tally(request.layout or STREAM, dry_run=request.dry_run)
        self._arrived: list[tuple[RegistryReference, Arrived]] = []
        """With `all_or_nothing`: what has no name in its repository until all of it is there."""
        self._is_naming = False
        self._room: Room | None = None
        self._volumes: tuple[Volume, ...] = ()
        self._streamed: tuple[tuple[Store, Graph], ...] = ()
        """The layout that came on standard input."""
        self._evidence = SourceEvidence()
        self._there: tuple[tuple[Store, Graph], ...] = ()
        """With a judgement: the layout directory that gets more."""
        self._judgement: Judgement | None = None
        """That of all repositories."""
        self._finished: FinishedTar | None = None
        """The tar that is there already."""
        self._left: tuple[EvidenceLeft, ...] = ()
        self._lost: tuple[Problem, ...] = ()

    def run(self) -> CopyResult:
        destination = self._request.place()
        with ExitStack() as stack:
            if isinstance(destination, LayoutReference):
                if is_tar(destination) and not self._request.overwrite:
                    from airgap.transfer.finished_tar import finished_tar

                    path = behind_link(Path(destination.path))
                    self._finished = stack.enter_context(finished_tar(path, verify_existing=self._verify_existing))
                check_place(self._request, destination, self._finished)
            return self._run(destination)

    def _run(self, destination: DestinationReference | None) -> CopyResult:
        request = self._request
        found = self._receive() if STREAM in request.sources else self._find()
        groups: defaultdict[RegistryReference | None, list[CopyRoot]] = defaultdict(list)
        for root in places(found, destination or LayoutReference(path=STREAM), self._naming):
            groups[root.destination].append(root)
        # all are planned before anything is written: what is refused is refused for all repositories of a registry
        plans = self._judged_plans([self._plan(roots) for roots in groups.values()], destination)
        for repository, plan in zip(groups, plans, strict=True):
            with self._one_repository(repository, plan):
                self._bring(plan, destination, repository)
        if self._arrived and self._naming_begins is not None:
            self._naming_begins(self._expected(destination))
        self._is_naming = bool(self._arrived)
        for repository, arrived in self._arrived:
            with self._one_repository(repository, arrived.plan):
                done = put_names(arrived, progress=self._progress, keep_going=request.keep_going)
                self._account(arrived.plan, done)
        written = Path(destination.path) if isinstance(destination, LayoutReference) else None
        self._left = tuple(self._evidence.left((*self._streamed, *self._sources.opened()), self._tally, written))
        whole = (*(graph for _, graph in self._streamed), *self._sources.whole())
        self._lost = (*left_behind(whole, request.selection, self._tally.planned), *self._about_records(written))
        return self._result(destination)

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
        """One may refuse what others take; a registry that cannot be reached takes nothing more."""
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
            for _, arrived in self._arrived:
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
            room=self._room,
            evidence_left=self._left,
            volumes=self._volumes,
            into_registry=isinstance(destination, RegistryReference | RegistryPrefix),
            warnings=(*(self._judgement.outcome.warnings if self._judgement else ()), *self._lost),
        )

    def _receive(self) -> list[CopyRoot]:
        """Receives a layout from standard input: its blobs are in the destination afterwards."""
        from airgap.oci.recognise import STANDARD_INPUT
        from airgap.revocation.artifact import may_be_evidence, possible_evidence
        from airgap.transfer.stream import receive

        request = self._request
        destination = place_of_stream(request)
        stream = self._input or sys.stdin.buffer
        if isinstance(destination, RegistryReference):
            repository = RegistryReference(registry=destination.registry, repository=destination.repository)
            sink = self._registries.sink(repository, chunked=True, referrers_tag=request.referrers_tag)
            received = receive(stream, sink, self._progress, keep=True, wanted=may_be_evidence)
        else:
            with LayoutWriter(destination.path, verify_existing=self._verify_existing) as writer:
                received = receive(stream, writer, self._progress, keep=False, wanted=may_be_evidence)
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

    def _bring(
        self, plan: CopyPlan, destination: DestinationReference | None, repository: RegistryReference | None
    ) -> None:
        if repository is not None:
            self._into_registry(plan, repository)
        elif not isinstance(destination, LayoutReference):
            self._into_tar(plan, None)
        elif self._request.volume_size is not None:
            self._into_volumes(plan, Path(destination.path), self._request.volume_size)
        elif is_tar(destination):
            self._into_tar(plan, behind_link(Path(destination.path)))
        else:
            self._into_layout(plan, destination)

    # --- the three kinds of destination ---

    def _into_registry(self, plan: CopyPlan, repository: RegistryReference) -> None:
        request = self._request
        sink = self._registries.sink(repository, writable=not request.dry_run, referrers_tag=request.referrers_tag)
        if request.dry_run:
            self._expect(plan, survey(plan, sink, self._pool, exact=True))
        elif request.all_or_nothing:
            arrived = move(plan, sink, self._pool, progress=self._progress, keep_going=request.keep_going)
            self._arrived.append((repository, arrived))
        else:
            self._move(plan, sink)

    def _into_layout(self, plan: CopyPlan, destination: LayoutReference) -> None:
        request = self._request
        if request.dry_run:
            probe = LayoutProbe(destination.path)
            plan = self._plans.prepared(plan, probe.layout, tag=destination.tag).plan
            found = survey(plan, probe, self._pool)
            if not request.link:  # links need no room
                self._room = room_in(Path(destination.path), found.to_write, found.largest_of(plan))
            self._expect(plan, found)
            return
        with LayoutWriter(destination.path, link=request.link, verify_existing=self._verify_existing) as writer:
            prepared = self._plans.prepared(plan, writer.layout, tag=destination.tag)
            writer.replaced |= prepared.replaced
            self._move(prepared.plan, writer)

    def _into_tar(self, plan: CopyPlan, path: Path | None) -> None:
        from airgap.transfer.tar_writer import check_absent, lay_out, write_tar_file, write_tar_stream

        request = self._request
        if self._finished is not None and (finished := self._finished_plan(self._finished, plan)):
            if not request.dry_run:
                sweep_leftovers(self._finished.path)  # of a copy that was killed after it had named the tar
            present = sum(node.descriptor.size for node in finished.nodes.values())
            survey = Survey(missing=frozenset(), bytes=0, present_bytes=present)
            self._account(finished, TransferResult(survey=survey, moved={}))
            return
        wanted, plan = plan, self._plans.prepared(plan, None).plan
        if request.dry_run:
            if path is not None and not request.overwrite:
                check_absent(path)
            if path is not None:
                size = lay_out(plan).size
                self._room = room_in(path.parent, size, size)
            self._expect(plan, Survey.of_all(plan))
        elif path is None:
            stream = self._output or sys.stdout.buffer
            self._account(plan, write_tar_stream(stream, plan, self._pool, progress=self._progress))
        else:
            progress, keep_going = self._progress, request.keep_going
            done = write_tar_file(
                path, plan, self._pool, progress=progress, overwrite=request.overwrite, keep_going=keep_going
            )
            rest = without(wanted, dict(done.failures)) if done.failures else plan
            if done.failures and any(item.error is None for item in rest.artifacts):
                self._into_tar(rest, path)
            else:
                self._account(rest, done)

    def _into_volumes(self, plan: CopyPlan, folder: Path, size: int) -> None:
        from airgap.bundle.bundle_document import JUDGED_TYPES
        from airgap.transfer.volume_contents import lay_out_plan
        from airgap.transfer.volume_writer import check_volumes_folder, write_volumes

        request = self._request
        plan = self._plans.prepared(plan, None).plan
        layout = lay_out_plan(plan, JUDGED_TYPES, size)
        self._volumes = check_volumes_folder(folder, layout, overwrite=request.overwrite)
        if request.dry_run:
            self._room = room_in(folder, sum(layout.sizes), max(layout.sizes))
            self._expect(plan, Survey.of_all(plan))
        else:
            write_volumes(folder, layout, self._pool, progress=self._progress)
            self._account(plan, TransferResult.of_all(plan))

    def _finished_plan(self, tar: FinishedTar, plan: CopyPlan) -> CopyPlan | None:
        """The plan that the tar is of, with the records in it; None where it is another one."""
        try:
            plan = self._plans.prepared(plan, tar.layout, there=tar.source).plan
        except UsageError:
            return None  # it has another artifact of the same name
        return plan if tar.is_of(plan) else None

    def _move(self, plan: CopyPlan, sink: Sink) -> None:
        keep_going = self._request.keep_going
        progress = self._received_progress if self._tally.streamed else self._progress
        self._account(plan, transfer(plan, sink, self._pool, progress=progress, keep_going=keep_going))

    def _received_progress(self, event: Event) -> None:
        """What just came on standard input is in the destination by now, and was not before."""
        if not isinstance(event, Started):
            self._progress(event)

    def _expect(self, plan: CopyPlan, found: Survey) -> None:
        """A dry run reads no blob, and sees which a layout does not have in their size. Raises ContentError."""
        failures: dict[Key, AirgapError] = {}
        for key in found.missing:
            error = lacking(plan.nodes[key])
            if error is not None:
                if not self._request.keep_going:
                    raise error
                failures[key] = error
        self._account(plan, found.expected(plan, failures))

    def _account(self, plan: CopyPlan, done: TransferResult) -> None:
        self._tally.add(plan, done, self._judgement.verdict if self._judgement else lambda _: None)

    # --- planning ---

    def _plan(self, roots: Sequence[CopyRoot]) -> CopyPlan:
        # a record is about one copy into one layout; it is written anew, or copied on purpose
        selection = replace(self._request.selection, skip_types=self._request.selection.skip_types | {ACQUISITION})
        plan = make_plan(roots, selection, self._pool, keep_going=self._request.keep_going)
        if self._request.require_signature:
            from airgap.stages.gate import comes_along_in

            plan = plan.demanding_signatures(comes_along_in(plan), keep_going=self._request.keep_going)
        if roots[0].destination is not None:
            plan = with_registry_tags(plan, keep_going=self._request.keep_going)
        if self._request.all_tags and self._request.tags is None:  # this includes cosign's tags
            return replace(plan, artifacts=tuple(replace(item, digest_tags=True) for item in plan.artifacts))
        return plan

    # --- judging ---

    @property
    def _verify_existing(self) -> bool:
        return self._request.verify_existing or self._request.trust is not None

    def _judged_plans(self, plans: list[CopyPlan], destination: DestinationReference | None) -> list[CopyPlan]:
        """The plans without what does not verify; all are judged together, as they are in one layout.

        Raises UntrustedError for the first such artifact, unless the copy keeps going; AirgapError where nothing can
        be judged.
        """
        request = self._request
        if request.trust is None and self._packer is None:
            return plans
        from airgap.stages.gate import everything_listed, evidence_in_registries

        self._there = tuple(_existing(destination)) if request.volume_size is None else ()
        self._check_media()
        layouts = (*self._sources.opened(), *self._streamed, *self._there)
        held = [self._evidence.of_layout(store, graph) for store, graph in layouts]
        in_registries = evidence_in_registries(everything_listed(plans, request.selection, self._pool))
        self._evidence.in_registries = in_registries
        evidence = (*held, *in_registries.values())
        if self._packer is not None:
            plans = [self._packer.gather(plan, evidence) for plan in plans]
        if request.trust is not None and request.clock is not None:
            plans = self._accepted(plans, destination, request.trust, request.clock, evidence)
        if self._tally.failed or any(item.error for plan in plans for item in plan.artifacts):
            plans = [CopyPlan.of([_without_list(item) for item in plan.artifacts], plan.nodes) for plan in plans]
        if self._packer is not None:
            self._packer.check()
        return plans

    def _check_media(self) -> None:
        """Whether verify refuses the layouts for something beside what is judged of them.

        Raises UntrustedError; where the copy keeps going, not for what is lost of a bundle.
        """
        from airgap.stages.medium_check import check_evidence_beside, lost_of_bundles

        whole = set(self._sources.whole())
        for store, graph in (*self._streamed, *(item for item in self._sources.opened() if item[1] in whole)):
            check_evidence_beside(store, graph)
            for lost in lost_of_bundles(store, graph):
                self._refuse(safe(graph.name), lost)
        for store, graph in self._there:
            check_evidence_beside(store, graph)

    def _accepted(
        self,
        plans: list[CopyPlan],
        destination: DestinationReference | None,
        trust: TrustDirectory | Location | Path,
        clock: datetime,
        evidence: Sequence[TargetEvidence],
    ) -> list[CopyPlan]:
        from airgap.oci.content_mode import Content
        from airgap.stages.gate import Gate
        from airgap.verifier.request import VerifyRequest

        request = self._request
        verify = VerifyRequest(
            targets=(),
            at=request.judged_for or clock,
            clock=clock,
            scope=request.scope,
            metadata=request.metadata,
            max_age=request.max_age,
            plugins=request.plugins,
            content=Content.MANIFESTS,
        )
        gate = Gate(
            trust=trust,
            request=verify,
            selection=request.selection,
            is_one_layout=not isinstance(destination, RegistryReference | RegistryPrefix),
            tolerated=request.tolerated,
        )
        self._judgement = gate.judge(plans, evidence)
        if self._judged is not None:
            self._judged(self._judgement.outcome)
        return self._judgement.accepted(plans, self._there, keep_going=request.keep_going)


def _called_by_tag(item: CopyRoot) -> CopyRoot:
    """The same as if the lock file of a list were the list: records name what was asked for."""
    if item.from_layout or item.repository is None or not item.names:
        return item
    return replace(item, reference=f"{item.repository.name}:{item.names[0]}")


def _in_order(item: CopyRoot) -> tuple[str, tuple[str, ...], Digest, str]:
    """By what an artifact is, not by the order of a list or a file system."""
    return item.repository.name if item.repository else "", item.names, item.descriptor.digest, item.reference


def _without_list(item: PlannedArtifact) -> PlannedArtifact:
    """Not the list of a bundle of which something stays behind: it would say for ever that this is lost."""
    if item.error is not None or not item.wanted.is_bundle:
        return item
    error = UntrustedError(
        f"{item.wanted.reference} is not copied: it lists what stays behind", exit_code=ExitCode.PARTIAL, reason=None
    )
    return PlannedArtifact(wanted=item.wanted, error=error)


def _with_bundles(found: Iterable[CopyRoot], is_whole: Callable[[Graph], bool]) -> list[CopyRoot]:
    """What is found; the list of a bundle is marked where it comes with all of its layout."""
    return [replace(item, is_bundle=True) if _is_bundle(item, is_whole) else item for item in found]


def _is_bundle(item: CopyRoot, is_whole: Callable[[Graph], bool]) -> bool:
    """Most artifacts have a name, and are not looked at."""
    if item.names or not isinstance(item.source, LayoutSource) or not is_whole(item.source.graph):
        return False
    from airgap.bundle.opened_bundle import is_bundle

    return is_bundle(item.source.graph, Root(item.descriptor, item.names))


def _existing(destination: DestinationReference | None) -> Iterator[tuple[Store, Graph]]:
    """The layout directory that gets more: its evidence counts for all that is in it. Raises ContentError."""
    if isinstance(destination, LayoutReference) and not is_tar(destination):
        layout = LayoutProbe(destination.path).layout
        if layout is not None:
            yield layout, Graph(layout)
