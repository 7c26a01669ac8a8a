"""What a delta leaves out of the plan of a bundle: layers of its artifacts that the receiver is said to hold.

Never what a judgement reads (manifests, configs, signatures, evidence, records), nor anything that is attached: a
medium is judged without the receiver's registry, and signatures are never left behind.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from airgap.bundle.bundle_document import BaseSource, DeltaBase, blobs_of
from airgap.oci.digest import Digest
from airgap.transfer.plan import CopyPlan, Key
from airgap.verifier.planned import read_by_judgements


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownHeld:
    """What receipts and earlier bundles say that the receiver of a delta holds. All of it are claims."""

    since: tuple[BaseSource, ...]
    held: Collection[tuple[Digest, int]]
    """With sizes."""
    wanted: tuple[str, ...] = ()
    """References to what a site asks for."""

    def left_out(self, plan: CopyPlan) -> frozenset[Key]:
        """What of a plan is left out: layers of the artifacts themselves, nothing else."""
        held = self.held if isinstance(self.held, (set, frozenset)) else frozenset(self.held)
        always = {item.digest for item in read_by_judgements(plan)}
        always.update(node.descriptor.digest for node in plan.nodes.values() if node.manifest is not None)
        for artifact in plan.artifacts:
            attached = artifact.keys if artifact.comes_along else artifact.keys - artifact.own
            always.update(digest for digest, _, _ in attached)
        return frozenset(
            key
            for key, node in plan.nodes.items()
            if (key[0], key[2]) in held and key[0] not in always and node.descriptor.data is None
        )

    def base(self, left_out: Collection[Key]) -> DeltaBase:
        """What the document of the delta says of that."""
        return DeltaBase(since=self.since, held=blobs_of([(digest, size) for digest, _, size in left_out]))


def carried_part(plan: CopyPlan, left_out: Collection[Key]) -> CopyPlan:
    """The plan of what is carried: its manifests name what is left out, and are as they were."""
    gone = frozenset(left_out)
    if not gone:
        return plan
    artifacts = [replace(item, keys=item.keys - gone, own=item.own - gone) for item in plan.artifacts]
    return CopyPlan.of(artifacts, plan.nodes)
