"""Judges the artifacts of an open layout in several processes, on one machine or on many.

The unit of work is a slice of the artifacts of one layout; the answer has one outcome for each of them, in their order.
Both are plain values, so that any `concurrent.futures.Executor` carries them. A worker opens the layout itself, once,
at the path that it has here. All else that it judges by comes to it as bytes: what is demanded, the trust directory
with its evidence, and the evidence in layouts. So every worker judges by the same material.

The judge is that of one process (`LayoutJudge`). An answer that is missing, is about other artifacts, or is from
another layout is an error, never fewer artifacts. Where one process would stop or leave something out, nothing of the
workers is used: `judge` returns None, and the caller judges all of it in one process.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

from airgap import limits
from airgap.errors import AirgapError, WorkerError
from airgap.guard import no_network
from airgap.hashing import fingerprint
from airgap.oci.content import HeldElsewhere
from airgap.oci.digest import Digest
from airgap.oci.documents import LayoutOnDisk
from airgap.oci.graph import Graph
from airgap.oci.nodes import Root
from airgap.oci.open import open_layout
from airgap.oci.reference import LayoutReference
from airgap.oci.target import Target
from airgap.revocation.evidence_files import Evidence
from airgap.text import safe
from airgap.trust.directory import TrustDirectory, TrustUses
from airgap.verifier.crossing import pack, unpack
from airgap.verifier.layout_evidence import TrustBeside
from airgap.verifier.layout_judge import Earlier, LayoutJudge
from airgap.verifier.outcome import ArtifactOutcome
from airgap.verifier.request import VerifyRequest

_SLICE: Final = 64
"""Artifacts in a slice: judging them takes longer than handing them over, and no worker is busy alone for long."""
_SLICES: Final = 8
"""The fewest slices, where there are so many artifacts."""

Asked = tuple[LayoutReference, Root]
"""An artifact, and the reference that names it."""


@runtime_checkable
class SharingExecutor(Protocol):
    """An executor that brings a value to each of its workers once, and ends with the run that it is for."""

    def share(self, value: bytes) -> object:
        """An argument for `submit`, in whose place the function gets `value`."""


class SeenLayout(NamedTuple):
    """How a layout looks from outside: a worker must find the same one, on the same file system."""

    path: str
    files: tuple[tuple[int, int, int], ...]
    """Inode, size and time of change of the tar, of each volume, or of `index.json`."""
    listed: str
    """The digest of what the index of the layout was when it was opened."""

    @classmethod
    def of(cls, target: Target) -> SeenLayout:
        """That of an open layout. Raises WorkerError if it is gone."""
        path = Path(target.reference.path).absolute()
        store = target.store
        try:
            found = [Path(name).stat() for name in (store.files if isinstance(store, LayoutOnDisk) else (path,))]
        except OSError as error:
            raise WorkerError(f"{safe(path)} cannot be read any more: {error.strerror}") from None
        known = tuple((status.st_ino, status.st_size, status.st_mtime_ns) for status in found)
        return cls(str(path), known, fingerprint(store.index().raw))


class Kit(NamedTuple):
    """What a worker judges by, beside the layout."""

    layout: SeenLayout
    reference: LayoutReference
    request: VerifyRequest
    directory: TrustDirectory
    bodies: tuple[Evidence, ...]
    """The evidence of layouts."""
    damaged: frozenset[Digest]
    """Evidence of the layout that could not be read."""
    held: HeldElsewhere
    """What the layout says is held elsewhere."""
    earlier: Earlier


class Slice(NamedTuple):
    """Artifacts to judge, by a kit."""

    kit: str
    """The name of the kit: the digest of its bytes, or of the process that has it."""
    version: str
    number: int
    artifacts: bytes


class Answer(NamedTuple):
    """The answer to a slice."""

    kit: str
    number: int
    outcomes: bytes = b""
    """A packed `_Judged`."""
    refusal: str = ""
    """Why the worker cannot judge, for people."""
    unlike: bool = False
    """Whether judging stopped at an error: then one process judges all, and finds and reports it in its place."""


class _Judged(NamedTuple):
    outcomes: tuple[ArtifactOutcome, ...]
    uses: TrustUses
    spent: int
    """How many descriptors the walks through the layout met."""
    read: int
    """How many bytes were read for them and are good."""


class JudgedSlices(NamedTuple):
    """What workers made of the artifacts of a layout."""

    outcomes: tuple[ArtifactOutcome, ...]
    """In the order of the artifacts."""
    read: int
    """The bytes that they read for them, and that are good."""


class OpenedLayout(NamedTuple):
    """A layout that is open for judging, here or in a worker."""

    target: Target
    judge: LayoutJudge
    directory: TrustDirectory
    earlier: Earlier

    def judged(self, artifacts: Sequence[Asked]) -> _Judged:
        """The outcomes of these. Raises AirgapError."""
        graph = self.target.graph
        before, read = graph.spent, self.judge.read
        content = self.judge.contents(self.target, [root for _, root in artifacts])
        outcomes = tuple(
            self.judge.artifact(self.target._replace(reference=reference), root, content, self.earlier)
            for reference, root in artifacts
        )
        return _Judged(outcomes, self.directory.uses(), graph.spent - before, self.judge.read - read)


# --- here ---


def judge(
    opened: OpenedLayout,
    kit: Kit,
    artifacts: Sequence[Asked],
    *,
    executor: Executor | None,
    jobs: int,
    tell: Callable[[int], None],
) -> JudgedSlices | None:
    """The outcome of each artifact, in order, from workers: those of `executor`, or `jobs` processes of our own.

    `tell` is called with the number of artifacts of each slice that is judged. None if one process must judge them all.
    Raises WorkerError.
    """
    if executor is None and len(artifacts) <= _SLICE:  # to begin a process takes longer
        try:
            judged = opened.judged(artifacts)
        except AirgapError:
            return None
        tell(len(judged.outcomes))
        return JudgedSlices(judged.outcomes, judged.read)
    with ExitStack() as stack:
        if executor is None:
            name, pool = stack.enter_context(_processes(jobs, opened, kit))
            shared: Any = b""
        else:
            packed = pack(kit)
            name, pool = fingerprint(packed), executor
            shared = executor.share(packed) if isinstance(executor, SharingExecutor) else packed
        units = list(_slices(name, artifacts))
        lasts = executor is not None and not isinstance(executor, SharingExecutor)
        answers: list[Answer] = []
        for answer, (_, part) in zip(
            _ask(pool, [unit for unit, _ in units], shared, cancels=lasts), units, strict=True
        ):
            answers.append(answer)
            tell(len(part))
    return _together(opened, kit, units, answers)


def _slices(kit: str, artifacts: Sequence[Asked]) -> Iterator[tuple[Slice, tuple[Asked, ...]]]:
    size = max(1, min(_SLICE, len(artifacts) // _SLICES))
    rest, number = iter(artifacts), 0
    while part := tuple(islice(rest, size)):
        yield Slice(kit, _version(), number, pack(part)), part
        number += 1


def _ask(executor: Executor, units: Sequence[Slice], shared: Any, *, cancels: bool) -> Iterator[Answer]:
    """The answers in the order of the slices. Raises WorkerError.

    `cancels`: whether slices that are left at an error have to be cancelled. Where the executor ends with this run that
    would race with its thread: it hands out the errors of dead workers, and writes a traceback where it cannot.
    """
    futures: list[Future[Answer]] = []
    try:
        futures += [executor.submit(judge_slice, unit, shared) for unit in units]
        for future in futures:
            yield future.result()
    except BrokenExecutor as error:
        futures.clear()  # it is ending them
        raise _failed(error) from error
    except (MemoryError, AirgapError):
        raise
    except Exception as error:
        raise _failed(error) from error
    finally:
        for future in futures if cancels else ():
            future.cancel()


def _failed(error: Exception) -> WorkerError:
    kind = type(error).__name__
    about = f"{kind}: {safe(error, limit=300)}" if str(error) else kind
    return WorkerError(
        f"a worker did not answer, so that not every artifact was judged ({about})",
        remedy="Look at the memory and the log of the workers; each needs this version of airgap. "
        "Without --jobs and --dask one process judges.",
    )


def _together(
    opened: OpenedLayout, kit: Kit, units: Sequence[tuple[Slice, Sequence[Asked]]], answers: Sequence[Answer]
) -> JudgedSlices | None:
    found: list[ArtifactOutcome] = []
    spent, read = opened.target.graph.spent, 0
    uses: list[TrustUses] = []
    for (unit, part), answer in zip(units, answers, strict=True):
        if answer.refusal:
            raise WorkerError(
                f"a worker cannot judge {safe(kit.layout.path)}: {answer.refusal}",
                remedy="Give the workers the same version of airgap, and the same file system at the same path.",
            )
        if answer.unlike:
            return None
        judged: _Judged = unpack(answer.outcomes)
        given = [(item.descriptor, item.reference, item.path) for item in judged.outcomes]
        wanted = [
            (root.descriptor, opened.target._replace(reference=reference).name(root), kit.layout.path)
            for reference, root in part
        ]
        if (answer.kit, answer.number) != (unit.kit, unit.number) or given != wanted:
            raise WorkerError("a worker's answer is not about the artifacts that it was asked about")
        found += judged.outcomes
        spent += judged.spent
        read += judged.read
        uses.append(judged.uses)
    if spent > limits.GRAPH_REACHED:
        return None
    for one in uses:
        opened.directory.add_uses(one)
    return JudgedSlices(tuple(found), read)


@contextmanager
def _processes(jobs: int, opened: OpenedLayout, kit: Kit) -> Iterator[tuple[str, Executor]]:
    """Processes of our own, which end with the block. A fork has the open layout; elsewhere each opens it."""
    before = set(multiprocessing.active_children())
    forks = sys.platform == "linux" and threading.active_count() == 1  # a fork has none of the other threads
    if forks:
        name, prepare = f"process {os.getpid()}", _begin
        _kept.keep(name, opened, None)
    else:
        packed = pack(kit)
        name, prepare = fingerprint(packed), partial(_begin, packed)
    context = multiprocessing.get_context("fork" if forks else "spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=prepare)
    try:
        with _signals_wait():  # all that are forked begin here
            pool.submit(_nothing)
        yield name, pool
    except BaseException:
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
    finally:
        _kept.forget(name)
        pool.shutdown(cancel_futures=True)


@contextmanager
def _signals_wait() -> Iterator[None]:
    """A process that begins here answers no signal before `_begin`: until then it has the handlers of this one.

    Python writes a traceback where one of these is called while it forks.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _signals() -> set[int]:
    return {signal.SIGTERM, *(getattr(signal, name) for name in _LEFT_TO_PARENT if hasattr(signal, name))}


_LEFT_TO_PARENT: Final = ("SIGINT", "SIGHUP")


# --- in a worker ---


def judge_slice(unit: Slice, kit: bytes) -> Answer:
    """The function that runs in workers. `kit`: the packed kit; empty in a process that got it when it began."""
    if unit.version != _version():
        return Answer(unit.kit, unit.number, refusal=f"it has airgap {_version()}, and is asked by {unit.version}")
    with _kept.lock:  # one layout at a time, whatever number of threads a worker has
        try:
            with no_network(this_thread=True):
                opened = _kept.opened(unit.kit, kit)
                return Answer(unit.kit, unit.number, pack(opened.judged(unpack(unit.artifacts))))
        except WorkerError as error:
            return Answer(unit.kit, unit.number, refusal=str(error))
        except AirgapError:
            return Answer(unit.kit, unit.number, unlike=True)


class _Kept:
    """The layout that a worker has open: the last one that it was asked about."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._received = b""
        self._name = ""
        self._layout: SeenLayout | None = None
        self._opened: OpenedLayout | None = None
        self._stack = ExitStack()

    def receive(self, packed: bytes) -> None:
        """A kit that a process gets when it begins."""
        self._received = packed

    def keep(self, name: str, opened: OpenedLayout, layout: SeenLayout | None) -> None:
        self._name, self._opened, self._layout = name, opened, layout

    def forget(self, name: str) -> None:
        """Closes the layout if it belongs to this kit."""
        if self._name == name:
            self._name, self._opened = "", None
            self._stack.close()

    def opened(self, name: str, packed: bytes) -> OpenedLayout:
        """The layout of a kit, opened at first. Raises AirgapError; WorkerError for another layout."""
        if self._opened is None or self._name != name:
            self.forget(self._name)
            packed = packed or self._received
            if fingerprint(packed) != name:
                raise WorkerError("it was not told what to judge by")
            kit: Kit = unpack(packed)
            self.keep(name, _open(kit, self._stack), kit.layout)
        if self._opened is None:
            raise AssertionError("opened and not kept")
        if self._layout is not None:
            _check_same(self._opened.target, self._layout)
        return self._opened


_kept: Final = _Kept()


def _open(kit: Kit, stack: ExitStack) -> OpenedLayout:
    @cache
    def threads() -> Executor:
        return stack.enter_context(ThreadPoolExecutor(min(limits.HASHING_THREADS, os.cpu_count() or 1)))

    try:
        store = open_layout(kit.reference.path)
    except AirgapError as error:
        raise WorkerError(f"it cannot open it there ({error})") from None
    stack.enter_context(store)
    target = Target(kit.reference, store, Graph(store))
    trust = TrustBeside.of(kit.directory, kit.bodies) if kit.bodies else kit.directory
    verifier = kit.request.verifier(trust)
    judging = LayoutJudge(
        target, kit.request, kit.directory.policy(), verifier, threads, lambda: kit.damaged, lambda: kit.held
    )
    return OpenedLayout(target, judging, kit.directory, kit.earlier)


def _check_same(target: Target, layout: SeenLayout) -> None:
    seen = SeenLayout.of(target)
    if seen != layout:
        raise WorkerError(f"what it finds at {safe(seen.path)} is not the same layout")


def _begin(packed: bytes = b"") -> None:
    """Prepares a process of ours: it ends with the one that began it, which alone answers signals."""
    gc.freeze()  # what a fork has from its parent lives as long as it: to go through it would copy all of its memory
    _kept.receive(packed)
    for name in _LEFT_TO_PARENT:
        if number := getattr(signal, name, None):
            signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _signals())
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _nothing() -> None:
    """The first task, for which processes are made."""


def _end_with_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)


def _version() -> str:
    from airgap import __version__

    return __version__
