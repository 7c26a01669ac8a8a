"""The plans of a copy as one layout: what verify would judge there by itself, and what needs no judgement.

What is attached to an artifact comes along with it. Some of that could be run in its place, and then `verify` of the
copy judges it by itself (decision 0025). So it has to be accepted by itself before the copy writes (decision 0036).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from airgap.bundle.opened_bundle import is_bundle
from airgap.errors import AirgapError, ContentError, UnsignedError
from airgap.oci.content import ContentChecker, ContentReport
from airgap.oci.digest import Digest
from airgap.oci.manifest import Manifest
from airgap.oci.nodes import Root, reported_elsewhere
from airgap.oci.tags import cosign_subjects
from airgap.oci.target import Target
from airgap.revocation.artifact import is_evidence_alone
from airgap.signature.signature_manifest import is_signature
from airgap.text import safe
from airgap.transfer.plan import CopyPlan, PlannedArtifact
from airgap.verifier.layout_judge import check_judged
from airgap.verifier.planned import planned_target

Refused = Callable[[PlannedArtifact], AirgapError | None]
"""Why an artifact is not copied, if so."""


def demanding_signatures(plan: CopyPlan, *, keep_going: bool) -> CopyPlan:
    """The plan without unsigned artifacts, and without what brings such a one that could be run in its place.

    Raises UnsignedError for the first, unless the copy keeps going; AirgapError.
    """
    layout = PlannedLayout.of(as_layout([plan]))
    kept: list[CopyPlan] | None = [
        plan.demanding_signatures(layout.comes_with_its_subject, keep_going=keep_going),
    ]
    while kept is not None:
        (plan,) = kept
        if any(item.error is not None for item in plan.artifacts):
            layout = PlannedLayout.of(as_layout([plan]))
        kept = without_refused([plan], layout.unsigned(plan), keep_going=keep_going)
    return plan


def without_refused(plans: Sequence[CopyPlan], refused: Refused, *, keep_going: bool) -> list[CopyPlan] | None:
    """The plans without what is refused; None where that is nothing. Raises the first, unless the copy keeps going."""
    is_any = False
    result: list[CopyPlan] = []
    for plan in plans:
        items: list[PlannedArtifact] = []
        for item in plan.artifacts:
            error = None if item.error else refused(item)
            if error is not None and not keep_going:
                raise error
            is_any |= error is not None
            items.append(PlannedArtifact(wanted=item.wanted, error=error) if error else item)
        result.append(CopyPlan.of(items, plan.nodes))
    return result if is_any else None


def brought(item: PlannedArtifact, roots: Mapping[Digest, Root]) -> list[Root]:
    """Which of these come along with an artifact."""
    return [roots[digest] for digest in sorted({digest for digest, _, _ in item.keys}) if digest in roots]


LEAVE_OUT: Final = (
    "Or leave it out: copy --artifact-type takes only the referrers of the types that it names; for an import, when "
    "the medium is made."
)


def as_layout(plans: Iterable[CopyPlan]) -> Target:
    """All plans as one layout."""
    whole = list(plans)
    named = [
        (item, item.wanted.names if item.wanted.from_layout or subjects_of(item) else ())
        for plan in whole
        for item in plan.artifacts
        if item.error is None
    ]
    nodes = {key: node for plan in whole for key, node in plan.nodes.items()}
    return planned_target(CopyPlan.of([item for item, _ in named], nodes), [tags for _, tags in named])


def subjects_of(item: PlannedArtifact) -> frozenset[Digest]:
    """What it is about, by its tags of cosign."""
    return cosign_subjects(item.wanted.tags)


class PlannedLayout(NamedTuple):
    """What verify would find in the layout, and what needs no judgement of its own."""

    target: Target
    roots: frozenset[Digest]
    """What is judged, because tools run it by its name."""
    evidence: Mapping[Digest, ContentReport]
    """What proves itself, and has to be whole as everything."""
    bundles: frozenset[Digest]
    """What only lists what a bundle carries, and proves nothing."""

    @classmethod
    def of(cls, target: Target) -> PlannedLayout:
        """That of a layout. Raises ContentError."""
        graph, checker = target.graph, ContentChecker(target.store)
        roots = [root.descriptor for root in graph.roots()]
        alone = [root.descriptor for root in graph.roots() if is_evidence_alone(graph, root)]
        evidence = {item.digest: check_judged(checker, graph, graph.closure(item)) for item in alone}
        bundles = frozenset(root.descriptor.digest for root in graph.roots() if is_bundle(graph, root))
        if len(alone) + len(bundles) == len(roots):  # where nothing else is here it is what was asked for
            evidence, bundles = {}, frozenset()
        return cls(target, frozenset(root.digest for root in roots), evidence, bundles)

    def beside(self, own: Collection[Digest]) -> list[Root]:
        """What verify would judge by itself beside the artifacts of the copy (`own`): it comes along with these."""
        exempt = {*own, *self.evidence, *self.bundles}
        return [root for root in self.target.graph.roots() if root.descriptor.digest not in exempt]

    def is_signed(self, root: Root) -> bool:
        """Whether it has a signature, which need not be valid."""
        referrers = self.target.graph.referrers(root.descriptor).readable(reported_elsewhere)
        return any(is_signature(referrer.manifest) for referrer in referrers)

    def unsigned(self, plan: CopyPlan) -> Refused:
        """Why an artifact is refused that brings what verify would judge by itself, and what has no signature."""
        own = {item.wanted.descriptor.digest for item in plan.artifacts if item.error is None}
        bare = {root.descriptor.digest: root for root in self.beside(own) if not self.is_signed(root)}

        def refused(item: PlannedArtifact) -> UnsignedError | None:
            for root in brought(item, bare):
                text = f"{item.wanted.reference} comes without a signature of {self.named(root)}"
                return UnsignedError(text, remedy=f"Ask its publisher for one. {LEAVE_OUT}")
            return None

        return refused

    def damage(self, root: Root) -> ContentError | None:
        """What is wrong with content of it, so that it is not known whether it could be run."""
        manifest = self.target.graph.manifest(root.descriptor)
        for _, item in manifest.successors() if isinstance(manifest, Manifest) else ():
            try:
                self.target.store.open(item.digest).close()
            except ContentError as error:
                if error.reason != "content.unreadable":  # it is too large to be read now
                    return error
        return None

    def named(self, root: Root) -> str:
        """What comes along, and with what, in words."""
        manifest = self.target.graph.manifest(root.descriptor)
        kind = safe(manifest.artifact_type or root.descriptor.media_type, limit=100)
        about = f", attached to {manifest.subject.digest}" if manifest.subject else ""
        return f"{root.descriptor.digest} ({kind}{about}), which could be run in its place"

    def leaves_to_judge(self, item: PlannedArtifact) -> bool:
        """Whether it is an artifact that needs a judgement of its own."""
        return not (self.comes_with_its_subject(item) or self.is_evidence(item) or self.is_bundle(item))

    def comes_with_its_subject(self, item: PlannedArtifact) -> bool:
        """Whether it comes with what it is about. An image is judged by itself: tools run it by any tag."""
        return bool(subjects_of(item)) and item.wanted.descriptor.digest not in self.roots

    def is_evidence(self, item: PlannedArtifact) -> bool:
        """Whether it is evidence, which has no name."""
        return not item.wanted.tags and item.wanted.descriptor.digest in self.evidence

    def is_bundle(self, item: PlannedArtifact) -> bool:
        """Whether it only lists what a bundle carries; it has no name either."""
        return item.wanted.is_bundle and not item.wanted.tags and item.wanted.descriptor.digest in self.bundles
