"""The result of a copy, for reports and for lock files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from airgap import limits
from airgap.errors import AirgapError, LimitError
from airgap.files import write_file
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.reasons import ExitCode, most_severe
from airgap.text import safe
from airgap.transfer.endpoint import TransferMethod
from airgap.transfer.mover import TransferResult, landed
from airgap.transfer.plan import CopyPlan, CopyRoot, Key, PlannedArtifact
from airgap.transfer.room import Room

if TYPE_CHECKING:
    from airgap.problem import Problem
    from airgap.transfer.volume_layout import Volume
    from airgap.verifier.outcome import ArtifactOutcome


CopyStatus = Literal["copied", "current", "planned", "partial", "failed"]
"""`current`: nothing was missing. `planned`: of a dry run. `partial`: referrers were left behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedArtifact:
    """The result for one artifact."""

    source: str
    """Its reference, safe to show."""
    descriptor: Descriptor | None
    """None if it was not found."""
    destinations: tuple[str, ...]
    """References to it in the destination, safe to show."""
    tags: tuple[str, ...] = ()
    pinned: str | None = None
    """A line for a lock file."""
    planned: PlannedArtifact | None = None
    status: CopyStatus = "copied"
    error: AirgapError | None = None
    judged: ArtifactOutcome | None = None
    """The verdict that let it be copied, where one was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The copied contents and bytes."""

    blobs: int = 0
    manifests: int = 0
    bytes: int = 0
    """Bytes that are new in the destination (in a dry run: would be)."""
    by: Mapping[str, int] = field(default_factory=dict)
    """Bytes by method: copied, linked, cloned, mounted."""
    present_bytes: int = 0
    """Bytes that were there already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceLeft:
    """The evidence of one source that was not copied."""

    source: str
    """The path of the layout, or the reference of the artifact in a registry; safe to show."""
    names: tuple[str, ...]
    """Names of its files, or in a registry the digests of what was not chosen; safe to show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyResult:
    """The result of a copy."""

    destination: str
    dry_run: bool
    artifacts: tuple[CopiedArtifact, ...]
    totals: Totals
    moved_tags: tuple[str, ...] = ()
    """Tags of the destination that named something else before."""
    room: Room | None = None
    """Of a dry run into a layout or tar: whether it would fit."""
    evidence_left: tuple[EvidenceLeft, ...] = ()
    """Sources with evidence about revocation that no copied artifact has: a verifier of the copy does not see it."""
    into_registry: bool = False
    volumes: tuple[Volume, ...] = ()
    """The files of a layout that was written in volumes."""
    warnings: tuple[Problem, ...] = ()
    """About the whole: of the judgement, and of what a whole layout lists and no artifact of it reaches."""

    @property
    def unsigned(self) -> tuple[str, ...]:
        """The artifacts that came without a signature of the Notary Project, by their references."""
        return tuple(
            item.source
            for item in self.artifacts
            if item.planned and not item.planned.wanted.is_bundle and not item.planned.is_signed
        )

    @property
    def exit_code(self) -> int:
        """0; 20 if something was left out and the copy kept going; that of the error if nothing can be copied."""
        if self.room and self.room.problem:
            return self.room.problem.exit_code
        failed = [item for item in self.artifacts if item.status == "failed"]
        if failed and len(failed) == len(self.artifacts):
            return most_severe({item.error.exit_code if item.error else ExitCode.ERROR for item in failed})
        return ExitCode.PARTIAL if any(item.status in {"failed", "partial"} for item in self.artifacts) else ExitCode.OK

    def lock(self) -> tuple[str, ...]:
        """Every found artifact with its digest: a list to copy exactly these again."""
        return tuple(item.pinned for item in self.artifacts if item.pinned is not None)

    def write_lock(self, path: Path) -> None:
        """Writes `lock` into a file, for the next request's `lists` with `pinned`. Raises OSError, LimitError."""
        lines = ["# what `airgap copy` resolved; use it with --lock", *self.lock()]
        data = ("\n".join(lines) + "\n").encode()
        if len(data) > limits.LIST_BYTES:  # who reads it would refuse it
            raise LimitError(
                f"{safe(path)} was not written: it would have {len(data)} bytes, more than {limits.LIST_BYTES}",
                remedy="Copy in several runs, with a list each.",
            )
        write_file(path, data)


def status_of(
    planned: PlannedArtifact, error: AirgapError | None, moved: Mapping[Key, TransferMethod], *, dry_run: bool
) -> CopyStatus:
    """The status of an artifact."""
    if error is not None:
        return "failed"
    if planned.problems:
        return "partial"
    if dry_run:
        return "planned"
    return "current" if moved.keys().isdisjoint(planned.keys) else "copied"


class Tally:
    """What a copy has done until now."""

    def __init__(self, written: str, *, dry_run: bool) -> None:
        """`written`: the layout that is written, or `-`; registries are named by the artifacts."""
        self._written: Final = written
        self._dry_run: Final = dry_run
        self.copied: Final[list[CopiedArtifact]] = []
        self.failed: Final[list[CopiedArtifact]] = []
        self.moved_tags: Final[list[str]] = []
        self.planned: Final[set[Digest]] = set()
        """All contents of the plans."""
        self.streamed: frozenset[Digest] = frozenset()
        """The blobs that came from standard input before the plan was made."""
        self.totals = Totals()

    def fail(self, reference: str, error: AirgapError) -> None:
        """Note what was not found."""
        self.failed.append(
            CopiedArtifact(source=reference, descriptor=None, destinations=(), status="failed", error=error)
        )

    def add(
        self, plan: CopyPlan, done: TransferResult, verdict: Callable[[PlannedArtifact], ArtifactOutcome | None]
    ) -> None:
        """Note the result of one plan; `verdict`: that which let an artifact be copied."""
        self.planned.update(node.descriptor.digest for node in plan.nodes.values())
        self.moved_tags.extend(safe(tag) for tag in done.named.moved)
        moved = {**{key: TransferMethod.COPIED for key in plan.nodes if key[0] in self.streamed}, **done.moved}
        for artifact in plan.artifacts:
            planned, root = landed(artifact, done.failures), artifact.wanted
            error = done.error_of(planned)
            self.copied.append(
                CopiedArtifact(
                    source=root.reference,
                    descriptor=root.descriptor,
                    destinations=tuple(self._destinations(root)),
                    tags=root.tags,
                    pinned=root.pinned,
                    planned=planned,
                    status=status_of(planned, error, moved, dry_run=self._dry_run),
                    error=error,
                    judged=verdict(artifact),
                )
            )
        self._count(plan, moved, done)

    def _destinations(self, root: CopyRoot) -> Iterator[str]:
        if root.unnamed is not None:
            return
        base = root.destination.name if root.destination else self._written
        if not root.tags:
            yield safe(f"{base}@{root.descriptor.digest}")
        for tag in root.tags:
            yield safe(f"{base}:{tag}")

    def _count(self, plan: CopyPlan, moved: Mapping[Key, TransferMethod], done: TransferResult) -> None:
        by = dict(self.totals.by)
        nodes = {key: plan.nodes[key] for key in moved if key in plan.nodes}
        for key, node in nodes.items():
            by[moved[key].value] = by.get(moved[key].value, 0) + node.descriptor.size
        count = sum(node.descriptor.size for node in nodes.values())
        lost = done.failures.keys() & done.survey.missing
        absent = sum(plan.nodes[key].descriptor.size for key in lost)
        everything = done.survey.bytes + done.survey.present_bytes - absent
        self.totals = Totals(
            blobs=self.totals.blobs + sum(node.manifest is None for node in nodes.values()),
            manifests=self.totals.manifests + sum(node.manifest is not None for node in nodes.values()),
            bytes=self.totals.bytes + count,
            by=by,
            present_bytes=self.totals.present_bytes + max(everything - count, 0),
        )
