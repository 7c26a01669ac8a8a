"""Executes the plan of a copy: blobs first, then manifests from the leaves up, names last.

Each content is copied once, by the threads of the executor. Content of the destination is not copied again, so an
interrupted copy continues. The first error ends the copy, unless it keeps going: then artifacts that depend on the
failed content are left out, and everything else is completed.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, Self

from airgap.errors import AirgapError, Cause, ContentError, TransferError
from airgap.oci.descriptor import Descriptor
from airgap.oci.manifest import Index, Manifest
from airgap.text import safe
from airgap.transfer.endpoint import (
    Blobs,
    DestinationStore,
    IncompleteManifestError,
    NamingResult,
    Resumable,
    Sink,
    TransferMethod,
)
from airgap.transfer.events import (
    ArtifactDone,
    BlobAdvanced,
    BlobDone,
    BlobStarted,
    ManifestDone,
    Progress,
    Started,
    silent,
)
from airgap.transfer.plan import CopyPlan, Key, Node, PlannedArtifact, key_of
from airgap.transfer.sources import MemoryBlobs
from airgap.transfer.workers import WorkerPool

_BATCH: Final = 64
"""Blobs for one task that asks a layout: asking for one takes less time than starting a task."""


_FINAL: Final = frozenset(
    {Cause.FULL, Cause.READ_ONLY, Cause.DENIED, Cause.GONE, Cause.REFUSED, Cause.DNS, Cause.UNREACHABLE}
)
"""Causes that end everything: the medium or host accepts nothing more."""


_WITHOUT_IT: Final = "Allow this type in that registry, or go on without it (--keep-going)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The content of a plan that is missing in the destination."""

    missing: frozenset[Key]
    bytes: int
    """Of blobs and manifests that are missing."""
    present_bytes: int
    arrived_bytes: int = 0
    """Of these, what an interrupted copy left, and this one goes on with."""

    @classmethod
    def of_all(cls, plan: CopyPlan) -> Self:
        """Of a destination that has nothing yet."""
        size = sum(node.descriptor.size for node in plan.nodes.values())
        return cls(missing=frozenset(plan.nodes), bytes=size, present_bytes=0)

    @property
    def to_write(self) -> int:
        """The bytes that need room."""
        return self.bytes - self.arrived_bytes

    def largest_of(self, plan: CopyPlan) -> int:
        """The bytes of the largest content of the plan that is missing."""
        return max((plan.nodes[key].descriptor.size for key in self.missing), default=0)

    def expected(self, plan: CopyPlan, failures: dict[Key, AirgapError]) -> TransferResult:
        """What a copy would do if nothing else failed."""
        _spread(plan, failures)
        moved = dict.fromkeys(self.missing - failures.keys(), TransferMethod.COPIED)
        return TransferResult(survey=self, moved=moved, failures=failures)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferResult:
    """What a copy did."""

    survey: Survey
    moved: Mapping[Key, TransferMethod]
    """The new content of the destination, and the method for each."""
    failures: Mapping[Key, AirgapError] = field(default_factory=dict)
    named: NamingResult = field(default_factory=NamingResult)

    @classmethod
    def of_all(cls, plan: CopyPlan) -> Self:
        """Of a destination that had nothing, and has all of it."""
        return cls(survey=Survey.of_all(plan), moved=dict.fromkeys(plan.nodes, TransferMethod.COPIED))

    def error_of(self, artifact: PlannedArtifact) -> AirgapError | None:
        """The error of an artifact that was not copied, or not under all of its tags."""
        refused = (self.named.refused[tag] for tag in artifact.wanted.tags if tag in self.named.refused)
        return artifact.error or _error_of(artifact, self.failures) or next(refused, None)


def _fail_with_what_it_needs(node: Node, failures: dict[Key, AirgapError]) -> bool:
    """Whether something below a manifest failed, or its subject: then it failed, too, also if it is there already.

    A failed image leaves no referrers behind, and no signature is named whose envelope is not there.
    """
    failed = next((key for key in (*node.below, node.subject) if key in failures), None)
    if failed is None:
        return False
    failures[key_of(node.descriptor)] = failures[failed]
    return True


def _spread(plan: CopyPlan, failures: dict[Key, AirgapError]) -> None:
    for level in plan.levels():
        for node in level:
            _fail_with_what_it_needs(node, failures)


def nothing_done(plan: CopyPlan, error: AirgapError) -> TransferResult:
    """The result where a destination refuses all of a plan."""
    survey = Survey(missing=frozenset(plan.nodes), bytes=0, present_bytes=0)
    return TransferResult(survey=survey, moved={}, failures=dict.fromkeys(plan.nodes, error))


def landed(artifact: PlannedArtifact, failures: Mapping[Key, AirgapError]) -> PlannedArtifact:
    """The artifact without the failed referrers, which are reported as left behind."""
    lost = [item for item in artifact.attached if key_of(item.descriptor) in failures]
    if not lost:
        return artifact
    return replace(
        artifact,
        attached=tuple(item for item in artifact.attached if item not in lost),
        problems=(*artifact.problems, *(failures[key_of(item.descriptor)] for item in lost)),
    )


def without(plan: CopyPlan, failures: dict[Key, AirgapError]) -> CopyPlan:
    """The plan without what failed, and without what needs it."""
    _spread(plan, failures)
    artifacts = [
        PlannedArtifact(wanted=item.wanted, error=error)
        if (error := item.error or _error_of(item, failures))
        else replace(landed(item, failures), keys=item.keys - failures.keys())
        for item in plan.artifacts
    ]
    return CopyPlan.of(artifacts, plan.nodes)


def _error_of(artifact: PlannedArtifact, failures: Mapping[Key, AirgapError]) -> AirgapError | None:
    failed = next((failures[key] for key in artifact.needed if key in failures), None)
    if failed is None and artifact.judged:  # what a destination refuses stays behind, and is reported
        damaged = (error for key in artifact.keys if isinstance(error := failures.get(key), ContentError))
        failed = next(map(_of_attachment, damaged), None)
    return failed or landed(artifact, failures).signature_missing()


def _of_attachment(error: ContentError) -> ContentError:
    message = f"something that is attached to it is damaged: {error}"
    return ContentError(error.reason, message, remedy=error.remedy, **error.facts)


def survey(
    plan: CopyPlan, sink: DestinationStore, executor: Executor, *, exact: bool = False, mends: bool = False
) -> Survey:
    """Ask the destination for its content; only for manifests if it refuses incomplete ones.

    `exact` asks for every blob, also where an upload would ask by itself. `mends`: a manifest that is there does not
    prove that its content still is.
    """
    missing: set[Key] = set()
    covered: set[Key] = set()
    for level in reversed(plan.levels()):
        asked = [node for node in level if key_of(node.descriptor) not in covered]
        for node, there in zip(asked, executor.map(lambda node: sink.has(node.descriptor), asked), strict=True):
            if there and sink.refuses_incomplete and not mends:
                covered |= _below(plan, node)
            if not there or not _is_listed(node, sink):
                missing.add(key_of(node.descriptor))
    blobs = [node for node in plan.blobs() if key_of(node.descriptor) not in covered]
    if sink.refuses_incomplete and not exact:
        # an upload asks itself before it sends; asking twice would cost a request for every blob
        missing.update(key_of(node.descriptor) for node in blobs)
    else:
        for absent in executor.map(
            partial(_absent, sink), (blobs[start : start + _BATCH] for start in range(0, len(blobs), _BATCH))
        ):
            missing.update(absent)
    total = sum(node.descriptor.size for node in plan.nodes.values())
    wanted = sum(plan.nodes[key].descriptor.size for key in missing)
    arrived = sum(_arrived(plan.nodes[key], sink) for key in missing)
    return Survey(missing=frozenset(missing), bytes=wanted, present_bytes=total - wanted, arrived_bytes=arrived)


def _arrived(node: Node, sink: DestinationStore) -> int:
    if not isinstance(node.source, Resumable):
        return 0
    return min(sink.arrived(node.descriptor), node.descriptor.size)


def _is_listed(node: Node, sink: DestinationStore) -> bool:
    # a copy that was killed between putting a signature and listing it in the referrers tag must not lose it
    subject = node.manifest.subject if node.manifest else None
    return subject is None or sink.lists(subject.digest, node.descriptor.digest)


def _absent(sink: DestinationStore, nodes: tuple[Node, ...]) -> list[Key]:
    return [key_of(node.descriptor) for node in nodes if not sink.has(node.descriptor)]


def _below(plan: CopyPlan, node: Node) -> set[Key]:
    found: set[Key] = set()
    stack = list(node.below)
    while stack:
        key = stack.pop()
        if key in plan.nodes and key not in found:
            found.add(key)
            stack.extend(plan.nodes[key].below)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """The content of a plan that is in its destination, before anything there has a name."""

    plan: CopyPlan
    sink: Sink
    survey: Survey
    moved: Mapping[Key, TransferMethod]
    failures: Mapping[Key, AirgapError]

    @property
    def result(self) -> TransferResult:
        """The result if all of it gets its names."""
        return TransferResult(survey=self.survey, moved=self.moved, failures=self.failures)


def transfer(
    plan: CopyPlan,
    sink: Sink,
    executor: Executor,
    *,
    progress: Progress = silent,
    keep_going: bool = False,
    mends: bool = False,
) -> TransferResult:
    """Copy everything in `plan` into `sink`, and write the names; `mends`: as for `survey`.

    Raises the first error (AirgapError), unless `keep_going`.
    """
    arrived = move(plan, sink, executor, progress=progress, keep_going=keep_going, mends=mends)
    return put_names(arrived, progress=progress, keep_going=keep_going)


def move(
    plan: CopyPlan, sink: Sink, executor: Executor, *, progress: Progress, keep_going: bool, mends: bool = False
) -> Arrived:
    """Copy the content of `plan` into `sink`; `mends`: as for `survey`.

    Raises the first error (AirgapError), unless `keep_going`.
    """
    found = survey(plan, sink, executor, mends=mends)
    sink.reserve(found.to_write, found.largest_of(plan))
    progress(
        Started(
            artifacts=plan.count,
            blobs=sum(plan.nodes[key].manifest is None for key in found.missing),
            manifests=sum(plan.nodes[key].manifest is not None for key in found.missing),
            bytes=found.bytes,
            present_bytes=found.present_bytes,
        )
    )
    run = _Transfer(plan, sink, executor, progress, keep_going=keep_going)
    run.blobs(node for node in plan.blobs() if key_of(node.descriptor) in found.missing)
    sink.flush()
    for level in plan.levels():
        run.manifests(level, found.missing)
    sink.flush()
    return Arrived(plan=plan, sink=sink, survey=found, moved=run.moved, failures=run.failures)


def put_names(arrived: Arrived, *, progress: Progress, keep_going: bool) -> TransferResult:
    """Write the names of what arrived whole. Raises the first error (AirgapError), unless `keep_going`."""
    complete = [
        landed(artifact, arrived.failures)
        for artifact in arrived.plan.artifacts
        if artifact.error is None and _error_of(artifact, arrived.failures) is None
    ]
    entries = tuple(entry for artifact in complete for entry in artifact.entries())
    named = arrived.sink.finish(entries, keep_going=keep_going)
    done = replace(arrived.result, named=named)
    for artifact in complete:
        if done.error_of(artifact) is None:
            progress(ArtifactDone(reference=artifact.wanted.reference, digest=artifact.wanted.descriptor.digest))
    return done


class _Transfer:
    """The state of one transfer."""

    def __init__(self, plan: CopyPlan, sink: Sink, executor: Executor, progress: Progress, *, keep_going: bool) -> None:
        self._plan, self._sink, self._progress = plan, sink, progress
        self._keep_going = keep_going
        self._workers = WorkerPool(executor)
        self.moved: dict[Key, TransferMethod] = {}
        self.failures: dict[Key, AirgapError] = {}
        self._attached = {
            key_of(item.descriptor): (item, artifact) for artifact in plan.artifacts for item in artifact.attached
        }

    def blobs(self, nodes: Iterable[Node]) -> None:
        self._workers.run(nodes, self._put_blob, self._collect)

    def manifests(self, level: Iterable[Node], missing: Container[Key]) -> None:
        """Those that are missing, and of which everything below arrived, and the subject."""
        good = [node for node in level if not _fail_with_what_it_needs(node, self.failures)]
        self._workers.run(
            (node for node in good if key_of(node.descriptor) in missing), self._put_manifest, self._collect
        )

    def _collect(self, node: Node, future: Future[TransferMethod]) -> None:
        key = key_of(node.descriptor)
        try:
            how = future.result()
        except AirgapError as error:
            if not self._keep_going or _ends_everything(error):
                raise
            self.failures[key] = error
            return
        if how is not TransferMethod.EXISTED:
            self.moved[key] = how

    def _put_blob(self, node: Node) -> TransferMethod:
        first: ContentError | None = None
        for place in node.places():
            self._workers.check()
            try:
                return put_blob(self._sink, place.descriptor, place.source, self._progress, check=self._workers.check)
            except ContentError as error:
                first = first or error
        raise first or ContentError("content.missing", f"{node.descriptor.digest} is in no source")

    def _put_manifest(self, node: Node) -> TransferMethod:
        if node.manifest is None:
            raise TypeError("a blob is no manifest")
        self._workers.check()
        try:
            self._sink.put_manifest(node.descriptor, node.manifest.raw)
        except IncompleteManifestError:
            # content that it claimed to have is missing: copy everything, then put the manifest again
            self._mend(node)
            self._put_again(node, node.manifest)
        except AirgapError as error:
            raise self._refused(node, error) from None
        self._progress(ManifestDone(digest=node.descriptor.digest))
        return TransferMethod.COPIED

    def _refused(self, node: Node, error: AirgapError) -> AirgapError:
        """The same error; for a referrer it names the subject."""
        item, artifact = self._attached.get(key_of(node.descriptor), (None, None))
        if item is None or artifact is None or isinstance(error, (TransferError, ContentError)):
            return error
        kind = safe(item.artifact_type or "unknown type", limit=100)
        return AirgapError(
            f"what is attached to {artifact.wanted.reference} ({kind}) is refused there: {error}",
            remedy=error.remedy or _WITHOUT_IT,
            **error.facts,
        )

    def _put_again(self, node: Node, manifest: Manifest | Index) -> None:
        try:
            self._sink.put_manifest(node.descriptor, manifest.raw)
        except IncompleteManifestError as error:
            absent = [item for _, item in manifest.successors() if item.is_external and key_of(item) not in node.below]
            if absent:
                error.remedy = (
                    f"Its layer {absent[0].digest} is non-distributable, and the source does not hold it. Allow "
                    "such layers in that registry, or bring the layer from its URL into the source first."
                )
            raise

    def _mend(self, node: Node) -> None:
        for key in node.below:
            below = self._plan.nodes.get(key)
            if below is None:
                continue
            if below.manifest is None:
                self._put_blob(below)
            else:
                self._mend(below)
                self._sink.put_manifest(below.descriptor, below.manifest.raw)
                if isinstance(node.manifest, Manifest):  # a layer, by whatever type: registries look for a blob
                    self._put_blob(_as_blob(below, below.manifest.raw))


def _as_blob(node: Node, raw: bytes) -> Node:
    """The same bytes as a blob."""
    descriptor = Descriptor(media_type="application/octet-stream", digest=node.descriptor.digest, size=len(raw))
    return Node(descriptor=descriptor, source=MemoryBlobs({descriptor.digest: raw}))


def put_blob(
    sink: Sink, descriptor: Descriptor, source: Blobs, progress: Progress, *, check: Callable[[], object] | None = None
) -> TransferMethod:
    """Copy one blob into `sink` and report it; `check` is called with each chunk and may raise to stop.

    Raises what the sink raises.
    """

    def advance(count: int) -> None:
        if check is not None:
            check()
        progress(BlobAdvanced(digest=descriptor.digest, bytes=count))

    progress(BlobStarted(digest=descriptor.digest, size=descriptor.size))
    how = sink.put_blob(descriptor, source, advance)
    progress(BlobDone(digest=descriptor.digest, size=descriptor.size, how=how))
    return how


def _ends_everything(error: AirgapError) -> bool:
    """Whether the error concerns all other content, too."""
    return isinstance(error, TransferError) and error.cause in _FINAL
