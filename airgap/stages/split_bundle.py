"""Splits a layout into volumes: the same `index.json`, the same content, on media of another size."""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from airgap import limits
from airgap.bundle.bundle_document import JUDGED_TYPES
from airgap.bundle.opened_bundle import bundles_of, held_elsewhere
from airgap.bundle.split_layout import SplitResult
from airgap.errors import UsageError
from airgap.oci.documents import LAYOUT_INDEX, LayoutOnDisk
from airgap.oci.store import check_volumes
from airgap.oci.target import Target, open_target
from airgap.text import safe, some
from airgap.transfer.events import Progress, silent
from airgap.transfer.room import room_in
from airgap.transfer.volume_contents import lay_out_layout
from airgap.transfer.volume_writer import check_volumes_folder, write_volumes
from airgap.trust.fingerprint_words import set_id
from airgap.trust.separation import check_output


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRequest:
    """Which layout becomes which volumes."""

    target: str
    """A layout, a tar, or other volumes; whole."""
    destination: Path
    """A new folder."""
    volume_size: int
    """Bytes of a volume, at most."""
    only: int | None = None
    """Write this volume alone: the others were carried well."""
    overwrite: bool = False
    dry_run: bool = False
    concurrency: int = 4
    """The number of threads, if no executor is given."""


def split_bundle(
    request: SplitRequest, *, executor: Executor | None = None, progress: Progress = silent
) -> SplitResult:
    """Write the content of a layout as volumes. The same layout and size give the same bytes.

    The layout is not changed. Every blob is compared with its digest while it is read. Raises UsageError, ContentError
    (also where content is missing: a bundle is split where it is whole), NotFoundError, WriteError.
    """
    with ExitStack() as stack:
        target = stack.enter_context(open_target(request.target))
        store = _checked(target)
        check_output(request.destination, [Path(store.path)], what="destination")
        index = store.document(LAYOUT_INDEX, limits.LAYOUT_INDEX_BYTES)
        held = held_elsewhere(target.store, target.graph)
        layout = lay_out_layout(index, target.store, target.graph, JUDGED_TYPES, request.volume_size, held)
        only = request.only
        volumes = check_volumes_folder(request.destination, layout, overwrite=request.overwrite or only is not None)
        if only is not None and not 1 <= only <= len(volumes):
            raise UsageError(f"there are the volumes 1 to {len(volumes)}, and no volume {only}")
        written = volumes if only is None else (volumes[only - 1],)
        bundles = bundles_of(target.graph)
        room = None
        if request.dry_run:
            sizes = [volume.size for volume in written]
            room = room_in(request.destination, sum(sizes), max(sizes))
        else:
            pool = executor or stack.enter_context(ThreadPoolExecutor(max(1, request.concurrency)))
            artifacts = len(target.graph.roots()) - len(bundles)
            write_volumes(request.destination, layout, pool, artifacts=artifacts, only=only, progress=progress)
        return SplitResult(
            destination=safe(request.destination),
            dry_run=request.dry_run,
            volumes=volumes,
            written=written,
            set_ids=tuple(set_id(root.descriptor.digest) for root in bundles),
            room=room,
        )


def _checked(target: Target) -> LayoutOnDisk:
    """The layout, whole and without anything that volumes cannot hold. Raises UsageError, ContentError."""
    store = target.store
    if not target.is_whole or not isinstance(store, LayoutOnDisk):
        raise UsageError(
            f"{safe(target.reference)} names one artifact; volumes hold a whole layout",
            remedy="Name the layout alone. To choose from it, copy that first, or make a bundle of it.",
        )
    check_volumes(store)
    beside = [*store.docker_documents(), *([store.full_index] if store.full_index else []), *store.loose_files().names]
    if beside:
        raise UsageError(
            f"{store.name} holds files beside the layout, and volumes hold none: {some(list(map(safe, beside)), 5)}",
            remedy="Copy it to a new layout or make a bundle of it, and split that.",
        )
    return store
