"""Judges what a copy planned, where it demands that, before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from airgap.collection.evidence_left import SourceEvidence
from airgap.errors import AirgapError, ContentError, TrustMaterialError, UntrustedError
from airgap.oci.graph import Graph
from airgap.oci.reference import LayoutReference, RegistryReference
from airgap.problem import Problem
from airgap.reasons import ExitCode
from airgap.stages.copy_request import CopyRequest, CopyServices, Packer
from airgap.text import safe
from airgap.transfer.copied import Tally
from airgap.transfer.destinations import DestinationReference, RegistryPrefix, is_tar
from airgap.transfer.plan import CopyPlan, PlannedArtifact
from airgap.transfer.writer import LayoutProbe

if TYPE_CHECKING:
    from datetime import datetime

    from airgap.oci.store import Store
    from airgap.revocation.target_evidence import TargetEvidence
    from airgap.stages.gate import Judgement
    from airgap.trust.directory import TrustDirectory
    from airgap.trust.location import Location


class CopyJudge:
    """Judges all plans of one copy, and adds to them what a packer brings."""

    def __init__(
        self,
        request: CopyRequest,
        services: CopyServices,
        packer: Packer | None,
        pool: Executor,
        tally: Tally,
        refuse: Callable[[str, AirgapError], None],
    ) -> None:
        """`refuse` raises an error, or notes it in `tally` if the copy keeps going."""
        self._request, self._services, self._packer = request, services, packer
        self._pool, self._tally, self._refuse = pool, tally, refuse
        self.evidence = SourceEvidence()
        """That of the sources."""
        self.judgement: Judgement | None = None
        self._of_bundles: tuple[Problem, ...] = ()

    def accepted(
        self, plans: list[CopyPlan], layouts: Sequence[tuple[Store, Graph]], whole: Collection[Graph]
    ) -> list[CopyPlan]:
        """The plans without what does not verify; all are judged together, as they are in one layout.

        `layouts`: those of the sources; `whole`: those of which all is copied. Raises UntrustedError for the first such
        artifact, unless the copy keeps going; AirgapError where nothing can be judged.
        """
        request = self._request
        if request.trust is None and self._packer is None:
            return plans
        from airgap.stages.gate import everything_listed, evidence_in_registries

        there = tuple(_existing(request.place())) if request.volume_size is None else ()
        self._check_media([item for item in layouts if item[1] in whole], there)
        held = [self.evidence.of_layout(store, graph) for store, graph in (*layouts, *there)]
        in_registries = evidence_in_registries(everything_listed(plans, request.selection, self._pool))
        self.evidence.in_registries = in_registries
        evidence = (*held, *in_registries.values())
        if self._packer is not None:
            plans = [self._packer.gather(plan, evidence) for plan in plans]
        if request.trust is not None and request.clock is not None:
            plans = self._judged(plans, there, request.trust, request.clock, evidence)
        if self._tally.failed or any(item.error for plan in plans for item in plan.artifacts):
            plans = list(map(without_lists, plans))
        if self._packer is not None:
            self._packer.check()
        if self._services.carried is not None:
            from airgap.bundle.bundle_check import carried_bundles

            found = [
                carried_bundles(store, graph, partial(_unread_list, graph, graph in whole), is_asked_for=graph in whole)
                for store, graph in layouts
            ]
            self._of_bundles = tuple(self._services.carried(list(chain.from_iterable(found))))
        return plans

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Those of the judgement, and what is odd about the bundles of the sources."""
        return (*(self.judgement.outcome.warnings if self.judgement else ()), *self._of_bundles)

    def _check_media(self, media: Iterable[tuple[Store, Graph]], there: Iterable[tuple[Store, Graph]]) -> None:
        """Whether verify refuses the layouts for something beside what is judged of them.

        Raises UntrustedError; where the copy keeps going, not for what is lost of a bundle.
        """
        from airgap.stages.medium_check import check_evidence_beside, lost_of_bundles

        for store, graph in media:
            check_evidence_beside(store, graph)
            for lost in lost_of_bundles(store, graph):
                self._refuse(safe(graph.name), lost)
        for store, graph in there:
            check_evidence_beside(store, graph)

    def _judged(
        self,
        plans: list[CopyPlan],
        there: Sequence[tuple[Store, Graph]],
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
            is_one_layout=not isinstance(request.place(), RegistryReference | RegistryPrefix),
            tolerated=request.tolerated,
        )
        self.judgement = gate.judge(plans, evidence)
        if self._services.judged is not None:
            self._services.judged(self.judgement.outcome)
        return gate.accepted(self.judgement, plans, there, evidence, keep_going=request.keep_going)


def without_lists(plan: CopyPlan) -> CopyPlan:
    """The plan of which something stays behind, without the lists of bundles."""
    return CopyPlan.of([_without_list(item) for item in plan.artifacts], plan.nodes)


def _unread_list(graph: Graph, is_asked_for: bool, error: AirgapError) -> None:  # noqa: FBT001 - see `partial`
    """Ends the copy, also one that keeps going: what cannot be read is not what is new. Raises UntrustedError.

    Of a bundle of which a part is named, nothing is compared.
    """
    if not is_asked_for:
        return
    raise UntrustedError(
        f"nothing is copied: whether the bundle in {safe(graph.name)} is older than the last one is not known, as its "
        f"list cannot be read: {error}",
        exit_code=error.exit_code,
        reason=error.reason if isinstance(error, ContentError | TrustMaterialError) else None,
        remedy="Copy the medium again from where it is whole, or take what is on it with airgap copy --trust.",
    )


def _without_list(item: PlannedArtifact) -> PlannedArtifact:
    """Not the list of a bundle of which something stays behind: it would say for ever that this is lost."""
    if item.error is not None or not item.wanted.is_bundle:
        return item
    error = UntrustedError(
        f"{item.wanted.reference} is not copied: it lists what stays behind", exit_code=ExitCode.PARTIAL, reason=None
    )
    return PlannedArtifact(wanted=item.wanted, error=error)


def _existing(destination: DestinationReference | None) -> Iterator[tuple[Store, Graph]]:
    """The layout directory that gets more: its evidence counts for all that is in it. Raises ContentError."""
    if isinstance(destination, LayoutReference) and not is_tar(destination):
        layout = LayoutProbe(destination.path).layout
        if layout is not None:
            yield layout, Graph(layout)
