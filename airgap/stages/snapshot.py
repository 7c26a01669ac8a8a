"""Snapshots: makes them from a trust directory, shows them and compares them with the current state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from airgap.errors import AirgapError, ContentError, FormatError, TrustMaterialError, UsageError
from airgap.files import read_regular
from airgap.oci.descriptor import Descriptor
from airgap.oci.documents import open_regular
from airgap.oci.graph import Graph
from airgap.oci.open import open_layout
from airgap.oci.store import Store
from airgap.problem import Problem
from airgap.scratch import scratch_folder
from airgap.text import safe
from airgap.transfer.endpoint import BlobStream, Entry
from airgap.transfer.plan import CopyRoot, Selection
from airgap.transfer.planner import make_plan
from airgap.transfer.sources import LayoutSource, MemoryBlobs
from airgap.transfer.tar_writer import write_tar_file
from airgap.transfer.writer import LayoutWriter
from airgap.trust.generation import read_one_state, settled
from airgap.trust.location import not_there
from airgap.trust.separation import check_output
from airgap.trust.snapshots.material import Difference, MaterialFile, largest, list_material
from airgap.trust.snapshots.merging import IncomingFile, NoRoomError, check_evidence_fits
from airgap.trust.snapshots.opened import open_snapshot
from airgap.trust.snapshots.pins import Pins
from airgap.trust.snapshots.snapshot_coverage import snapshot_coverage
from airgap.trust.snapshots.snapshot_document import (
    Built,
    Snapshot,
    is_snapshot,
    parse_number,
    parse_stream,
    read_snapshot,
)
from airgap.trust.snapshots.state import STATE_FILE, State
from airgap.trust.snapshots.swap import StagedSwap

_ENDINGS: Final = (".tar",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A snapshot that was made."""

    snapshot: Snapshot
    reference: str
    warnings: tuple[Problem, ...] = ()


def create_snapshot(
    trust: Path,
    destination: str,
    *,
    stream: str,
    number: int | None,
    created: datetime,
    evidence_only: bool = False,
    overwrite: bool = False,
    remember: bool = True,
) -> Created:
    """Pack the trust directory into a layout directory (added to) or a new layout tar.

    `number` None: one more than the highest known number, from the state or from the destination. Unreadable content in
    the destination may have a higher one; then the caller must give the number. `remember` writes it into the state of
    the trust directory. Raises AirgapError.
    """
    try:
        parse_stream(stream)
        if number is not None:
            parse_number(number)
    except FormatError as error:
        raise UsageError(str(error)) from None
    if not settled(trust).is_dir():
        raise UsageError(f"there is no trust directory at {safe(trust)}", remedy="Name one with --trust.")
    check_output(_path(destination), [trust], what="snapshot")
    files = read_one_state(trust, lambda: list_material(trust, evidence_only=evidence_only), absent=not_there(trust))
    if not files:
        what = "no evidence" if evidence_only else "nothing that could travel"
        raise UsageError(f"the trust directory {safe(trust)} holds {what}")
    _check_whole(files)
    full = _check_fits(trust, files, evidence_only=evidence_only)
    known, unread = _last_number(trust, destination, stream)
    if unread is not None and number is None:
        raise _unsure_number(unread, stream)
    chosen = known + 1 if number is None else number
    coverage = snapshot_coverage(files, lambda file: read_regular(trust / file.path, largest(file.part)))
    built = Built.of(
        files, stream=stream, number=chosen, created=created, use_by=coverage.use_by, coverage=coverage.pieces
    )
    path = _write(built, trust, destination, overwrite=overwrite)
    warnings = (
        [] if chosen > known else [f"number {known} of the stream {stream!r} is known already; sites refuse {chosen}"]
    )
    warnings += full
    if remember:
        warnings += _remember(trust, built.snapshot)
    reference = f"{'oci-archive' if path.is_file() else 'oci'}:{path}:{built.snapshot.tag}"
    return Created(
        snapshot=built.snapshot, reference=safe(reference), warnings=tuple(Problem(message=text) for text in warnings)
    )


def _check_whole(files: tuple[MaterialFile, ...]) -> None:
    parts = {file.part.value for file in files}
    if "anchor" in parts and "policy" not in parts:
        raise UsageError(
            "the trust directory has trust stores and no policy; a site that applied this could verify nothing",
            remedy="Write a policy first, or pack the evidence alone with --evidence-only.",
        )


def _check_fits(trust: Path, files: tuple[MaterialFile, ...], *, evidence_only: bool) -> list[str]:
    """Checks that a site that has no evidence yet has room for this; warns if not without a signature.

    Raises UsageError.
    """
    folders: dict[str, dict[str, IncomingFile]] = {}
    for file in files:
        if file.part.is_evidence:
            folder, _, name = file.path.partition("/")
            read = partial(read_regular, trust / file.path, largest(file.part))
            folders.setdefault(folder, {})[name] = IncomingFile(file.digest, read)
    refusals: dict[bool, str] = {}
    with scratch_folder() as empty:
        for signed in (True, False) if evidence_only else (True,):
            try:
                check_evidence_fits(empty, folders, signed=signed)
            except NoRoomError as error:
                refusals[signed] = str(error).replace(safe(empty), "the trust directory of a site")
            except TrustMaterialError as error:  # it is made nevertheless: each site refuses it
                return [f"sites refuse it: {error}"]
    if True in refusals:
        raise UsageError(f"no site could apply this: {refusals[True]}", remedy="Take out superseded evidence.")
    return [f"sites refuse it unless a pinned signer signs it: {text}" for text in refusals.values()]


def _last_number(trust: Path, destination: str, stream: str) -> tuple[int, AirgapError | None]:
    """The highest known number of the stream, 0 if there is none; and why there may be a higher one."""
    state = State.read(trust)
    numbers = [state.last_number(stream) if state else 0]
    unread: list[AirgapError] = []
    if (path := _path(destination)).exists():
        try:
            with open_layout(path) as store:
                found = _snapshots(store, Graph(store), unread.append)
                numbers += [item.number for item in found if item.stream == stream]
        except AirgapError:
            pass  # an empty folder, or a path that writing will refuse
    return max(numbers), next(iter(unread), None)


def _snapshots(store: Store, graph: Graph, report: Callable[[AirgapError], object]) -> Iterator[Snapshot]:
    """The snapshots in a layout; `report` is called with unreadable content that may be one."""
    for problem in graph.problems:
        report(problem.error())
    for root in graph.roots():
        if root.descriptor.is_manifest:
            try:
                manifest = graph.manifest(root.descriptor)
                if is_snapshot(manifest):
                    yield read_snapshot(store, root.descriptor, manifest)
            except AirgapError as error:
                report(error)


def _unsure_number(error: AirgapError, stream: str) -> ContentError:
    reason = error.reason if isinstance(error, ContentError) else "content.malformed"
    return ContentError(
        reason,
        f"the destination may hold a snapshot of the stream {stream!r} with a higher number: {error}",
        remedy="Say the number with --number, or write into another layout.",
        **error.facts,
    )


def _remember(trust: Path, snapshot: Snapshot) -> list[str]:
    """Write the number into the state, unless the state is lost: that must stay visible."""
    swap = StagedSwap(trust)
    try:
        with swap.locked():
            state = State.read(swap.trust)
            if state is None and Pins.read(swap.trust).entries:
                return [f"{STATE_FILE} is lost, so the number was not recorded"]
            (state or State()).making(snapshot.stream, snapshot.number).write(swap.trust)
    except (AirgapError, OSError) as error:
        return [f"the number could not be recorded: {safe(error)}; name the next one with --number"]
    return []


class _FolderBlobs(MemoryBlobs):
    """The files of a trust directory as blobs, beside config and manifest."""

    def __init__(self, root: Path, built: Built) -> None:
        snapshot = built.snapshot
        super().__init__({snapshot.config.digest: built.config})
        self._files = {layer.digest: root / path for path, layer in snapshot.layers.items()}

    def open(self, descriptor: Descriptor) -> BlobStream:
        path = self._files.get(descriptor.digest)
        if path is None:
            return super().open(descriptor)
        try:
            return open_regular(str(path))
        except OSError as error:
            raise ContentError("content.unreadable", f"{descriptor.digest} cannot be read: {error.strerror}") from None


def _path(destination: str) -> Path:
    return Path(destination.removeprefix("oci-archive:").removeprefix("oci:"))


def _write(built: Built, trust: Path, destination: str, *, overwrite: bool) -> Path:
    path = _path(destination)
    as_tar = destination.startswith("oci-archive:") or (
        not destination.startswith("oci:") and (path.suffix in _ENDINGS or path.is_file())
    )
    if not as_tar:
        _write_folder(built, trust, path)
        return path
    if not path.parent.is_dir():
        raise UsageError(
            f"there is no folder {safe(path.parent)} to write {safe(path.name)} into",
            remedy=f"Make the folder first: mkdir -p {safe(path.parent)}",
        )
    with scratch_folder(path.parent) as folder:
        staged = folder / "layout"
        _write_folder(built, trust, staged)
        with open_layout(staged) as store, ThreadPoolExecutor() as pool:
            graph = Graph(store)
            wanted = CopyRoot(
                source=LayoutSource(store, graph),
                descriptor=built.snapshot.descriptor,
                reference=safe(path),
                tags=(built.snapshot.tag,),
            )
            write_tar_file(path, make_plan([wanted], Selection(), pool), pool, overwrite=overwrite)
    return path


def _write_folder(built: Built, trust: Path, path: Path) -> None:
    source = _FolderBlobs(trust, built)
    with LayoutWriter(str(path), verify_existing=True) as writer:
        for descriptor in (built.snapshot.config, *built.snapshot.layers.values()):
            if not writer.has(descriptor):
                writer.put_blob(descriptor, source, lambda _: None)
        writer.put_manifest(built.snapshot.descriptor, built.manifest)
        writer.finish([Entry(descriptor=built.snapshot.descriptor, tag=built.snapshot.tag)])


# --- reading ---


def diff_snapshots(target: str, other: str | Path) -> tuple[Snapshot, Difference]:
    """What `target` changes in a trust directory (a Path), or how it differs from a snapshot. Raises AirgapError."""
    with open_snapshot(target) as opened:
        new = opened.snapshot
    if isinstance(other, Path):
        held = list_material(other, evidence_only=new.evidence_only)
        return new, Difference.by_applying(new.files, to=held)
    with open_snapshot(other) as opened:
        return new, Difference.between(opened.snapshot.files, new.files)
