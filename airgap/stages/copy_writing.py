"""Writes what a copy planned into a registry, a layout, a tar or volumes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from airgap.errors import AirgapError, UsageError
from airgap.files import behind_link, sweep_leftovers
from airgap.net.registries import Registries
from airgap.oci.nodes import Root
from airgap.oci.reference import LayoutReference, RegistryReference
from airgap.oci.tags import is_referrers_tag
from airgap.stages.copy_request import CopyRequest
from airgap.transfer.destinations import DestinationReference, RegistryPrefix, is_tar
from airgap.transfer.endpoint import Sink
from airgap.transfer.events import Progress
from airgap.transfer.layout_plans import LayoutPlans
from airgap.transfer.mover import Arrived, Survey, TransferResult, move, survey, transfer, without
from airgap.transfer.plan import CopyPlan, Key, PlannedArtifact
from airgap.transfer.room import Room, room_in
from airgap.transfer.sources import LayoutSource, lacking
from airgap.transfer.writer import LayoutProbe, LayoutWriter

if TYPE_CHECKING:
    from airgap.net.sink import RegistrySink
    from airgap.transfer.finished_tar import FinishedTar
    from airgap.transfer.volume_layout import Volume


class DestinationWriter:
    """The destination of one copy."""

    def __init__(
        self,
        request: CopyRequest,
        plans: LayoutPlans,
        registries: Registries,
        pool: Executor,
        progress: Progress,
        output: BinaryIO | None,
        account: Callable[[CopyPlan, TransferResult], None],
    ) -> None:
        """`account` is called with each plan that was written, or would be, and what was done."""
        self._request, self._plans, self._registries, self._pool = request, plans, registries, pool
        self._progress, self._output, self._account = progress, output, account
        self.arrived: list[tuple[RegistryReference, Arrived]] = []
        """With `all_or_nothing`: what has no name in its repository until all of it is there."""
        self.mends = False
        """Whether content that the destination lost below its manifests is brought again: a delta is read."""
        self.room: Room | None = None
        self.volumes: tuple[Volume, ...] = ()
        self.finished: FinishedTar | None = None
        """The tar that is there already."""

    def write(
        self, plan: CopyPlan, destination: DestinationReference | None, repository: RegistryReference | None
    ) -> None:
        """Write what is planned for one repository, or for the layout or tar. Raises AirgapError."""
        if repository is not None:
            self._into_registry(plan, repository)
        elif isinstance(destination, RegistryReference | RegistryPrefix):
            self._account(plan, TransferResult.of_all(plan))  # nothing in it has a place there
        elif not isinstance(destination, LayoutReference):
            self._into_tar(plan, None)
        elif self._request.volume_size is not None:
            self._into_volumes(plan, Path(destination.path), self._request.volume_size)
        elif is_tar(destination):
            self._into_tar(plan, behind_link(Path(destination.path)))
        else:
            self._into_layout(plan, destination)

    def check_names(
        self, plans: Sequence[CopyPlan], repositories: Sequence[RegistryReference | None]
    ) -> list[CopyPlan]:
        """The plans without artifacts that can have no name in their repositories; nothing is sent.

        That is what has no repository's name, and a tag that lists referrers of something in the repository. Evidence
        about what is not here needs no name: it counted, and stays behind. Raises UsageError for the first of them,
        unless the copy keeps going; AirgapError.
        """
        result: list[CopyPlan] = []
        for plan, repository in zip(plans, repositories, strict=True):
            items = [
                item for item in plan.artifacts if not (item.wanted.unnamed and len(plans) > 1 and _is_alone(item))
            ]
            items = [self._named(item, repository) for item in items]
            result.append(plan if tuple(items) == plan.artifacts else CopyPlan.of(items, plan.nodes))
        return result

    def _named(self, item: PlannedArtifact, repository: RegistryReference | None) -> PlannedArtifact:
        if item.error is not None:
            return item
        try:
            if item.wanted.unnamed is not None:
                raise item.wanted.unnamed
            if repository is not None:
                for tag in filter(is_referrers_tag, item.wanted.tags):
                    self._sink(repository).check_name(tag, item.wanted.descriptor, item.wanted.reference)
        except UsageError as error:
            if not self._request.keep_going:
                raise
            return PlannedArtifact(wanted=item.wanted, error=error)
        return item

    @cache  # noqa: B019 - as long as one copy
    def _sink(self, repository: RegistryReference) -> RegistrySink:
        request = self._request
        return self._registries.sink(repository, writable=not request.dry_run, referrers_tag=request.referrers_tag)

    def _into_registry(self, plan: CopyPlan, repository: RegistryReference) -> None:
        request = self._request
        sink = self._sink(repository)
        if request.dry_run:
            self._expect(plan, survey(plan, sink, self._pool, exact=True, mends=self.mends))
        elif request.all_or_nothing:
            arrived = move(
                plan, sink, self._pool, progress=self._progress, keep_going=request.keep_going, mends=self.mends
            )
            self.arrived.append((repository, arrived))
        else:
            self._move(plan, sink)

    def _into_layout(self, plan: CopyPlan, destination: LayoutReference) -> None:
        request = self._request
        if request.dry_run:
            probe = LayoutProbe(destination.path)
            plan = self._plans.prepared(plan, probe.layout, tag=destination.tag).plan
            found = survey(plan, probe, self._pool)
            if not request.link:  # links need no room
                self.room = room_in(Path(destination.path), found.to_write, found.largest_of(plan))
            self._expect(plan, found)
            return
        with LayoutWriter(destination.path, link=request.link, verify_existing=self._request.hashes_existing) as writer:
            prepared = self._plans.prepared(plan, writer.layout, tag=destination.tag)
            writer.replaced |= prepared.replaced
            self._move(prepared.plan, writer)

    def _into_tar(self, plan: CopyPlan, path: Path | None) -> None:
        from airgap.transfer.tar_writer import check_absent, lay_out, write_tar_file, write_tar_stream

        request = self._request
        if self.finished is not None and (finished := self._finished_plan(self.finished, plan)):
            if not request.dry_run:
                sweep_leftovers(self.finished.path)  # of a copy that was killed after it had named the tar
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
                self.room = room_in(path.parent, size, size)
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
        self.volumes = check_volumes_folder(folder, layout, overwrite=request.overwrite)
        if request.dry_run:
            self.room = room_in(folder, sum(layout.sizes), max(layout.sizes))
            self._expect(plan, Survey.of_all(plan))
        else:
            write_volumes(folder, layout, self._pool, artifacts=plan.count, progress=self._progress)
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
        done = transfer(plan, sink, self._pool, progress=self._progress, keep_going=keep_going, mends=self.mends)
        self._account(plan, done)

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


def _is_alone(item: PlannedArtifact) -> bool:
    """Whether it is evidence about what is not in its layout."""
    source = item.wanted.source
    if not isinstance(source, LayoutSource):
        return False
    from airgap.revocation.artifact import is_evidence_alone

    return is_evidence_alone(source.graph, Root(item.wanted.descriptor, item.wanted.names))
