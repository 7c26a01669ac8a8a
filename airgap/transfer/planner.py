"""Makes the plan of a copy: what each artifact needs of all that was reached from it (`walk.py`)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Final

from airgap import limits
from airgap.errors import AirgapError, ContentError, NotFoundError
from airgap.oci.attached import IMAGE_CONFIGS, cosign_suffix, is_stated_image
from airgap.oci.descriptor import Descriptor, Platform
from airgap.oci.digest import Digest
from airgap.oci.images import Images, platform_missing, platform_names
from airgap.oci.manifest import Index, Manifest
from airgap.oci.tags import cosign_subjects
from airgap.text import safe
from airgap.transfer.endpoint import FoundReferrers, ListedReferrer
from airgap.transfer.plan import CopyPlan, CopyRoot, Key, Node, PlannedArtifact, Selection, key_of
from airgap.transfer.platforms import is_any_of
from airgap.transfer.walk import IN_SEVERAL_RUNS, Step, Visited, Walk

_SHOWN: Final = 12


def make_plan(
    wanted: Sequence[CopyRoot], selection: Selection, executor: Executor, *, keep_going: bool = False
) -> CopyPlan:
    """The plan of a copy of `wanted`.

    Raises AirgapError for the first artifact that cannot be read as a whole, referrers included; with `keep_going`
    it becomes the artifact's error or one of its problems, and the others are planned.
    """
    walk = Walk(selection, executor, keep_going=keep_going)
    for item in wanted:
        walk.start(item)
    walk.run()
    nodes: dict[Key, Node] = {}
    artifacts: list[PlannedArtifact] = []
    reached = 0
    for item in wanted:
        try:
            walk.check_bounds(item)
            if reached > limits.GRAPH_REACHED:
                raise ContentError(
                    "content.limit",
                    f"the artifacts to copy reach more than {limits.GRAPH_REACHED} contents together, each counted for "
                    "each artifact",
                    remedy=IN_SEVERAL_RUNS,
                )
            gathering = _Gathering(item, walk.visited, selection, keep_going=keep_going)
            try:
                planned = gathering.run(nodes)
            finally:
                reached += gathering.steps
        except AirgapError as error:
            if not keep_going:
                raise
            planned = PlannedArtifact(wanted=item, error=error)
        artifacts.append(planned)
    return CopyPlan.of(artifacts, nodes)


class _Gathering:
    """Collects the contents of one artifact."""

    def __init__(
        self, wanted: CopyRoot, visited: Mapping[Step, Visited], selection: Selection, *, keep_going: bool
    ) -> None:
        self._wanted, self._visited, self._selection, self._keep_going = wanted, visited, selection, keep_going
        self.steps = 1
        """How many contents were met, repeats too: thousands of artifacts may share a million entries."""
        self._keys: set[Key] = set()
        self._own: set[Key] = set()
        self._attached: dict[Digest, ListedReferrer] = {}
        self._found: dict[Digest, FoundReferrers] = {}
        self._left_out: dict[Digest, Descriptor] = {}
        self._elsewhere: dict[Digest, Descriptor] = {}
        self._unchosen: dict[Digest, ListedReferrer] = {}
        self._about_records: dict[Digest, ListedReferrer] = {}
        self._unasked: set[Digest] = set()
        self._indexes: list[Visited] = []
        self._parents: dict[Step, Visited] = {}
        self._misplaced: dict[Digest, Descriptor] = {}
        self._problems: list[AirgapError] = []
        self._notes: list[str] = []

    def run(self, nodes: dict[Key, Node]) -> PlannedArtifact:
        """Adds new contents to `nodes`. Raises AirgapError."""
        start = Step.of(self._wanted)
        self._check_platforms(start)
        queue = deque([start])
        seen = {start}
        while queue:
            step = queue.popleft()
            for following in self._visit(step, nodes):
                if following not in seen:
                    seen.add(following)
                    queue.append(following)
        self._check_excuses()
        return self._planned()

    def _visit(self, step: Step, nodes: dict[Key, Node]) -> Iterator[Step]:
        visited = self._visited[step]
        if visited.error is not None:
            if self._may_be_absent(visited):
                self._left_out[visited.descriptor.digest] = visited.descriptor
                return
            raise self._explained(step, visited.error, visited)
        self.steps += len(visited.below) + len(visited.referrers)
        blobs = {key_of(descriptor) for descriptor, below in visited.below if below is None}
        self._keys |= {step.key, *blobs}
        if not step.inside:
            self._own |= {step.key, *blobs}
        subject = visited.manifest.subject if visited.manifest else None
        nodes.setdefault(
            step.key,
            Node(
                descriptor=visited.descriptor,
                source=step.source,
                manifest=visited.manifest,
                below=tuple(key_of(descriptor) for descriptor, _ in visited.below),
                subject=key_of(subject) if subject else None,
            ),
        )
        if isinstance(visited.manifest, Index):
            self._indexes.append(visited)
        for entry in visited.left_out:
            self._left_out[entry.digest] = entry
        for layer in visited.elsewhere:
            self._elsewhere.setdefault(layer.digest, layer)
        for descriptor, below in visited.below:
            if below is not None:
                self._parents.setdefault(below, visited)
                yield below
            else:
                blob = Node(descriptor=descriptor, source=step.source)
                key = key_of(descriptor)
                nodes[key] = nodes[key].and_in(blob) if key in nodes else blob
        yield from self._referrers(step, visited)

    def _check_platforms(self, start: Step) -> None:
        """Checks that every chosen platform is in some index, and that an image has one of them.

        Raises NotFoundError.
        """
        root = self._visited[start]
        filters = self._selection.platforms
        if not filters or root.manifest is None:
            return
        there, unread = self._platforms_below(start)
        shown = ", ".join(sorted(str(platform) for platform in there)[:_SHOWN])
        name = root.descriptor.digest
        if isinstance(root.manifest, Index):
            lacking = [wanted for wanted in filters if not any(wanted.matches(platform) for platform in there)]
            if lacking and (not self._selection.allow_missing_platforms or len(lacking) == len(filters)):
                problem = f"{name} has nothing for {lacking[0]}; it has {shown or 'no platforms'}"
                maybe = f"; and {unread[0]}" if unread else ""
                raise NotFoundError(f"{problem}{maybe}", platform=str(lacking[0]))
        elif there and not any(is_any_of(filters, platform) for platform in there):
            wanted_here = ", ".join(str(wanted) for wanted in filters)
            raise NotFoundError(f"{name} is an image for {shown}, not for {wanted_here}", platform=wanted_here)

    def _platforms_below(self, start: Step) -> tuple[dict[Platform, None], list[AirgapError]]:
        """The platforms of all images, and the problems of images with unknown platforms."""
        there: dict[Platform, None] = {}
        unread: list[AirgapError] = []
        queue, seen = deque([start]), {start}
        while queue:
            visited = self._visited[queue.popleft()]
            entries = visited.manifest.manifests if isinstance(visited.manifest, Index) else ()
            named = (visited.platform, *(entry.platform for entry in entries))
            there.update((platform, None) for platform in named if platform is not None)
            if visited.error is not None and visited.descriptor.platform is None:
                unread.append(visited.error)
            following = [below for _, below in visited.below if below is not None and below not in seen]
            seen.update(following)
            queue.extend(following)
        return there, unread

    def _explained(self, step: Step, error: AirgapError, visited: Visited) -> AirgapError:
        parent = self._parents.get(step)
        if parent is None or not isinstance(error, ContentError):
            return error
        here = [entry for entry, below in parent.below if below is not None and self._visited[below].manifest]
        return platform_missing(error, visited.descriptor, platform_names(here))

    def _check_excuses(self) -> None:
        """Checks that an image of every index is here: a record is a claim and does not excuse a missing image."""
        images = Images(self._read)
        for visited in self._indexes:
            below = [self._visited[step] for _, step in visited.below if step is not None]
            lost = [child for child in below if self._may_be_absent(child)]
            if lost and lost[0].error and isinstance(visited.manifest, Index) and not images.any_in(visited.manifest):
                raise lost[0].error

    def _read(self, descriptor: Descriptor) -> Manifest | Index:
        visited = self._visited.get(Step(self._wanted.source, key_of(descriptor)))
        if visited is None or visited.manifest is None:
            raise ContentError("content.missing", f"{descriptor.digest} was not read")
        return visited.manifest

    def _may_be_absent(self, visited: Visited) -> bool:
        """Whether it is missing, and a record says so, or the caller takes an index without all of its platforms."""
        error, descriptor = visited.error, visited.descriptor
        is_missing = error is not None and error.is_missing
        if not is_missing or descriptor.digest in self._wanted.declared_absent:
            return is_missing
        is_child = descriptor.digest != self._wanted.descriptor.digest
        return self._selection.allow_missing_platforms and is_child and descriptor.platform is not None

    def _referrers(self, step: Step, visited: Visited) -> Iterator[Step]:
        found = visited.found
        if found is None:
            self._unasked.add(visited.descriptor.digest)
            return
        for referrer in visited.unchosen:
            self._leave(referrer)
        for skipped in visited.skipped:
            self._leave_below(skipped)
        self._found.setdefault(found.lookup.subject, found)
        self._notes.extend(found.lookup.notes)
        self._misplaced.update((item.digest, item) for item in found.misplaced)
        for problem in found.problems:
            self._left_behind(problem)
        for descriptor in visited.unknown:
            self._left_behind(
                AirgapError(
                    f"{visited.descriptor.digest} has the referrer {descriptor.digest} of the unknown type "
                    f"{safe(descriptor.media_type, limit=128)}, which cannot be copied",
                    remedy="--keep-going leaves it behind, and the record says so.",
                )
            )
        for referrer, above in visited.referrers:
            if manifest := self._accepted(step, visited.descriptor, referrer, above):
                kind = _cosign_kind(referrer, manifest)
                accepted = replace(referrer, artifact_type=manifest.artifact_type, cosign=kind)
                self._attached.setdefault(referrer.descriptor.digest, accepted)
                yield above

    def _accepted(
        self, step: Step, subject: Descriptor, referrer: ListedReferrer, above: Step
    ) -> Manifest | Index | None:
        """The manifest of the referrer, if it was read, has this subject (MAN-31) and a chosen type."""
        visited = self._visited[above]
        digest = referrer.descriptor.digest
        if visited.error is not None or visited.manifest is None:
            error = visited.error or AirgapError(f"{digest} was not read")
            self._left_behind(
                ContentError(
                    error.reason if isinstance(error, ContentError) else "content.missing",
                    f"{subject.digest} has the referrer {digest}, which cannot be read: {error}",
                    remedy="Copy again later. --keep-going leaves it behind, and the record says so.",
                )
            )
            return None
        manifest = visited.manifest
        if referrer.tag is None and (manifest.subject is None or not manifest.subject.same_content(subject)):
            self._notes.append(f"{digest} is listed as a referrer of {subject.digest} but is not about it")
            self._misplaced.setdefault(digest, referrer.descriptor)
            return None
        if not self._selection.takes(manifest.artifact_type, inside=step.inside):
            self._leave(replace(referrer, artifact_type=manifest.artifact_type))
            if manifest.artifact_type in self._selection.skip_types:
                self._leave_below(above)
            return None
        return manifest

    def _leave(self, referrer: ListedReferrer) -> None:
        """Note a referrer that is not chosen. What the copy makes anew by itself is not missed."""
        digest = referrer.descriptor.digest
        if referrer.artifact_type in self._selection.skip_types:
            self._misplaced.setdefault(digest, referrer.descriptor)
        else:
            self._unchosen.setdefault(digest, referrer)

    def _leave_below(self, record: Step) -> None:
        """Note what refers to what the copy makes anew; whether it can be read changes nothing."""
        for referrer, step in self._visited[record].referrers:
            manifest = self._visited[step].manifest
            kind = manifest.artifact_type if manifest else referrer.artifact_type
            self._about_records.setdefault(referrer.descriptor.digest, replace(referrer, artifact_type=kind))

    def _left_behind(self, problem: AirgapError) -> None:
        if not self._keep_going:
            raise problem
        self._problems.append(problem)

    def _planned(self) -> PlannedArtifact:
        # a child that is left out in one index may be present in another
        digests = {digest for digest, _, _ in self._keys}
        return PlannedArtifact(
            wanted=self._wanted,
            keys=frozenset(self._keys),
            own=frozenset(self._own),
            attached=tuple(self._attached.values()),
            referrers=tuple(self._found.values()),
            digest_tags=self._selection.digest_tags,
            left_out=tuple(item for digest, item in sorted(self._left_out.items()) if digest not in digests),
            elsewhere=tuple(item for digest, item in sorted(self._elsewhere.items()) if digest not in digests),
            unchosen=tuple(item for digest, item in sorted(self._unchosen.items()) if digest not in self._attached),
            about_records=tuple(self._about_records.values()),
            unasked=len(self._unasked - self._found.keys()),
            misplaced=tuple(self._misplaced.values()),
            problems=tuple({str(problem): problem for problem in self._problems}.values()),
            notes=tuple(dict.fromkeys(self._notes)),
            comes_along=bool(cosign_subjects(self._wanted.tags)) and not self._is_image(),
        )

    def _is_image(self) -> bool:
        manifest = self._visited[Step.of(self._wanted)].manifest
        return isinstance(manifest, Index) or (manifest is not None and is_stated_image(manifest))


def _cosign_kind(referrer: ListedReferrer, manifest: Manifest | Index) -> str | None:
    """Cosign's signatures look like images; content with an artifact type is named by it."""
    if manifest.artifact_type not in {None, *IMAGE_CONFIGS}:
        return None
    return cosign_suffix(referrer.descriptor, manifest) or (referrer.tag or "").rpartition(".")[2] or None
