"""Writes down which layers of a delta a registry lacks: `airgap receipt request`."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from airgap.bundle.held_search import MISSING, HeldSearch
from airgap.bundle.requested_layers import RequestedLayers
from airgap.errors import UsageError
from airgap.oci.reference import LayoutReference, parse_reference
from airgap.stages.copy import copy_packed
from airgap.stages.copy_request import STREAM, CopyRequest, CopyServices
from airgap.text import safe
from airgap.transfer.events import Progress, silent
from airgap.trust.separation import layout_paths

if TYPE_CHECKING:
    from airgap.net.credentials import Credentials
    from airgap.net.options import TransportOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class LayersRequest:
    """Which deltas are looked after, where."""

    targets: Sequence[str]
    """Layouts, tars or volumes with deltas."""
    registry: str
    """As for `ImportRequest`."""
    at: datetime
    """The moment that is written into the request; aware."""
    site: str | None = None
    keep_host: bool = False
    name_map: Path | None = None
    to_repository: bool = False
    verify_held: bool = False
    """Read and hash what is there: what is damaged is missing."""
    concurrency: int = 4

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The input paths: nothing may be written there."""
        return (*layout_paths(self.targets), *(() if self.name_map is None else (self.name_map,)))


def request_layers(
    request: LayersRequest,
    *,
    transport: TransportOptions | None = None,
    credentials: Credentials | None = None,
    executor: Executor | None = None,
    progress: Progress = silent,
) -> RequestedLayers:
    """What the registry lacks of the deltas, as an import would find it. Nothing is judged, and nothing is written.

    Raises UsageError, ContentError for a medium that cannot be read, NotFoundError, and what asking raises.
    """
    for target in request.targets:
        if target == STREAM or not isinstance(parse_reference(target), LayoutReference):
            raise UsageError(f"{safe(target)} is no layout directory or tar", remedy="Name the medium with the delta.")
    copying = CopyRequest(
        sources=request.targets,
        destination=request.registry,
        at=request.at,
        keep_host=request.keep_host,
        name_map=request.name_map,
        to_repository=request.to_repository,
        verify_held=request.verify_held,
        keep_going=True,
        dry_run=True,
        concurrency=request.concurrency,
    )
    if request.registry == STREAM or isinstance(copying.place(), LayoutReference):
        raise UsageError(f"{safe(request.registry)} is no registry", remedy="Name the registry of this site.")
    searched: list[HeldSearch] = []
    services = CopyServices(
        transport=transport, credentials=credentials, executor=executor, progress=progress, held=searched.append
    )
    for item in copy_packed(copying, services, None).artifacts:
        if item.error is not None and item.error.reason != MISSING:
            raise item.error
    search = searched[0] if searched else HeldSearch()
    return RequestedLayers.of(search, registry=safe(request.registry), at=request.at, site=request.site)
