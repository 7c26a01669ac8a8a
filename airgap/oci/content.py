"""Verifies content: every blob that an artifact reaches is there, with its size and its digest.

A signature covers only the root manifest (RULE-4: a signature is not the content); this covers the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from airgap import limits
from airgap.errors import ContentError
from airgap.oci.closure import Closure, Reached
from airgap.oci.content_mode import Content
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.problems import ContentProblem
from airgap.oci.store import InVolumes, Store, check_descriptor, hash_bytes

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

_INLINE_BYTES: Final = limits.MIB
"""Fewer bytes in all are hashed in this thread: handing them to another one costs more."""
_BATCH_BYTES: Final = 8 * limits.MIB
_BATCH_BLOBS: Final = 256


ContentVerdict = Literal["pass", "fail", "indeterminate", "not-applicable"]


class ContentReport(NamedTuple):
    """The result for the content of an artifact."""

    verdict: ContentVerdict
    """`indeterminate` if nothing is wrong but layers are held elsewhere; `not-applicable` if nothing is wrong in mode
    `none`, which does not check the content."""
    mode: Content
    blobs: int
    """Different blobs that were proven good."""
    bytes: int
    """Their bytes."""
    problems: tuple[ContentProblem, ...]
    absent: tuple[Digest, ...]
    """Missing content that a record declares to be left out on purpose (`content.absent`)."""
    external: tuple[Digest, ...]
    """Foreign layers that are not there. They may be elsewhere; they are not judged."""
    held: tuple[Descriptor, ...] = ()
    """Layers that are not there, and that a delta says its receiver holds: they were not checked (`content.held`)."""


HELD: Final = "content.held"
"""The reason code of layers that are held elsewhere: not wrong, and not checked either (decision 0044)."""
HeldElsewhere = Mapping[Digest, int]
"""What is said to be held elsewhere, with sizes. It proves nothing."""


def nothing_held() -> HeldElsewhere:
    """That of a layout that is whole."""
    return {}


def is_said_to_be_held(store: Store, missing: Descriptor, held: HeldElsewhere) -> bool:
    """Whether missing content is said to be elsewhere, and is in no volume that is lost."""
    if held.get(missing.digest) != missing.size or missing.data is not None:
        return False
    return not (isinstance(store, InVolumes) and store.absence(missing.digest))


_Outcome = ContentProblem | None
"""A plain value, so that it crosses processes; its place is not known yet."""
_Batch = tuple[Digest, ...]


class ContentChecker:
    """Checks closures of one store. A blob that several artifacts share is hashed once.

    `pool` gives an executor if there is enough to hash, biggest blobs first; without `pool` everything is hashed in
    this thread. Call `prepare` with all closures before calling `check` for each: then all cores work, also while
    signatures are judged.
    """

    def __init__(
        self,
        store: Store,
        pool: Callable[[], Executor] | None = None,
        held: Callable[[], HeldElsewhere] = nothing_held,
    ) -> None:
        """`held`: asked only where a layer is missing."""
        self._store: Final = store
        self._pool: Final = pool
        self._held: Final = held
        self._outcomes: Final[dict[Digest, _Outcome]] = {}
        self._counted: Final[set[Digest]] = set()
        self.read = 0
        """Bytes that were proven good: those of a blob that artifacts share once."""
        self._running: Final[dict[Digest, tuple[_Batch, Future[tuple[_Outcome, ...]]]]] = {}

    def prepare(self, closures: Iterable[Closure], *, mode: Content = Content.ALL) -> None:
        """Starts hashing what these closures reach, and returns at once; does nothing without a pool, or for little."""
        if self._pool is None:
            return
        sizes: dict[Digest, int] = {}
        for closure in closures:
            for reached in _unparsed(closure, mode):
                descriptor = reached.descriptor
                with suppress(ContentError):  # check() finds it again and reports where it is
                    if descriptor.digest not in sizes and check_descriptor(self._store, descriptor) is None:
                        sizes[descriptor.digest] = descriptor.size
        if sum(sizes.values()) > _INLINE_BYTES:
            self._submit(self._pool(), sizes)

    def check(self, closure: Closure, *, mode: Content = Content.ALL, also: Container[Digest] = ()) -> ContentReport:
        """The report on one closure; `also`: what it checks in every mode. Never raises for what the store holds."""
        problems = list(closure.problems)
        external: list[Digest] = []
        held: dict[Digest, Descriptor] = {}
        good = {reached.descriptor.digest: reached.descriptor.size for reached in closure.reached if reached.parsed}
        to_hash: list[Reached] = []
        for reached in _unparsed(closure, mode, also):
            descriptor = reached.descriptor
            try:
                if check_descriptor(self._store, descriptor) is None:
                    to_hash.append(reached)
                else:
                    good[descriptor.digest] = descriptor.size
            except ContentError as error:
                if error.is_missing and descriptor.is_external:
                    external.append(descriptor.digest)
                elif error.is_missing and self._is_held(reached):
                    held.setdefault(descriptor.digest, descriptor)
                else:
                    problems.append(ContentProblem.of(error, descriptor, reached.path))
        self._hash({reached.descriptor.digest: reached.descriptor.size for reached in to_hash})
        for reached in to_hash:
            problem = self._outcomes[reached.descriptor.digest]
            if problem is None:
                good[reached.descriptor.digest] = reached.descriptor.size
            else:
                problems.append(replace(problem, descriptor=reached.descriptor, path=reached.path))
        new = good.keys() - self._counted
        self._counted.update(new)
        self.read += sum(good[digest] for digest in new)
        if held:
            problems.append(_UNCHECKED)
        return ContentReport(
            verdict=_verdict(problems, mode),
            mode=mode,
            blobs=len(good),
            bytes=sum(good.values()),
            problems=tuple(problems),
            absent=closure.absent,
            external=tuple(dict.fromkeys(external)),
            held=tuple(held.values()),
        )

    def _is_held(self, reached: Reached) -> bool:
        """Whether a missing layer is said to be elsewhere: one of the artifact itself, in no volume that is lost."""
        if reached.small or reached.attached:
            return False
        return is_said_to_be_held(self._store, reached.descriptor, self._held())

    def _hash(self, sizes: dict[Digest, int]) -> None:
        """Fills `_outcomes` for all of these."""
        new = {digest: size for digest, size in sizes.items() if digest not in self._running}
        new = {digest: size for digest, size in new.items() if digest not in self._outcomes}
        if self._pool is not None and len(new) > 1 and sum(new.values()) > _INLINE_BYTES:
            self._submit(self._pool(), new)
        else:
            for digest in new:
                self._outcomes[digest] = _hash_one(self._store, digest)
        for digest in sizes:
            if digest in self._running:
                batch, future = self._running[digest]
                for one, outcome in zip(batch, future.result(), strict=True):
                    self._outcomes[one] = outcome
                    del self._running[one]

    def _submit(self, executor: Executor, sizes: dict[Digest, int]) -> None:
        new = {digest: size for digest, size in sizes.items() if digest not in self._running}
        for batch in _batches({digest: size for digest, size in new.items() if digest not in self._outcomes}):
            future = executor.submit(_hash_batch, self._store, batch)
            for digest in batch:
                self._running[digest] = (batch, future)


_UNCHECKED: Final = ContentProblem(
    reason=HELD,
    message="some are held elsewhere, as the list of the bundle says, and were not checked",
    path="layers",
    descriptor=None,
)
"""The same for all artifacts of a delta, so that people read it once."""


def _verdict(problems: Iterable[ContentProblem], mode: Content) -> ContentVerdict:
    reasons = {problem.reason for problem in problems}
    if reasons:
        return "indeterminate" if reasons == {HELD} else "fail"
    return "not-applicable" if mode == Content.NONE else "pass"


def _unparsed(closure: Closure, mode: Content, also: Container[Digest] = ()) -> Iterator[Reached]:
    """The descriptors that the mode asks for and that the graph has not verified yet."""
    less = mode in (Content.MANIFESTS, Content.NONE)
    return (
        reached
        for reached in closure.reached
        if not reached.parsed and (reached.small or not less or reached.descriptor.digest in also)
    )


def _batches(sizes: dict[Digest, int]) -> Iterator[_Batch]:
    """Batches of blobs: the biggest first, so that no core gets a big one at the end; small ones together."""
    batch: list[Digest] = []
    total = 0
    for digest, size in sorted(sizes.items(), key=lambda item: -item[1]):
        if batch and (total + size > _BATCH_BYTES or len(batch) == _BATCH_BLOBS):
            yield tuple(batch)
            batch, total = [], 0
        batch.append(digest)
        total += size
    if batch:
        yield tuple(batch)


def _hash_batch(store: Store, batch: _Batch) -> tuple[_Outcome, ...]:
    return tuple(_hash_one(store, digest) for digest in batch)


def _hash_one(store: Store, digest: Digest) -> _Outcome:
    try:
        hash_bytes(store, digest)
    except ContentError as error:
        return ContentProblem.of(error, None, "")
    return None
