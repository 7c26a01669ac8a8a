"""What goes into a bundle, and what may be missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from airgap.bundle.manifest_images import NO_MANIFESTS, ManifestImages
from airgap.errors import FormatError, UsageError
from airgap.oci.reference import LayoutReference
from airgap.reasons import ExitCode
from airgap.signature.formats import EnvelopeFormat
from airgap.signature.produce import EnvelopeSigner
from airgap.signature.signer import Signer
from airgap.signature.timestamper import Timestamper
from airgap.stages.copy_request import STREAM, CopyRequest
from airgap.text import safe
from airgap.transfer.plan import Selection
from airgap.trust.snapshots.snapshot_document import parse_number, parse_stream

if TYPE_CHECKING:
    from airgap.trust.directory import TrustDirectory
    from airgap.trust.location import Location
    from airgap.verifier.verification_plugins import AllowedPlugins


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleSigning:
    """How the bundle's artifact is signed."""

    signer: Signer | EnvelopeSigner
    envelope: EnvelopeFormat = EnvelopeFormat.JWS
    lifetime: timedelta | None = None
    timestamper: Timestamper | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleRequest:
    """What goes into a bundle, and what may be missing."""

    sources: Sequence[str] = ()
    """References, as the command takes them."""
    lists: Sequence[Path] = ()
    """Files with more references, one a line."""
    manifests: Sequence[Path] = ()
    """Rendered Kubernetes and Compose files, whose images are sources, too."""
    destination: str
    """A new layout directory or tar."""
    at: datetime
    """The moment that is written into the bundle; aware."""
    clock: datetime
    """What the clock says."""
    judged_for: datetime | None = None
    """The moment judged for, if that is not now."""
    stream: str | None = None
    """The stream of numbered bundles that it is one of."""
    number: int | None = None
    since: Sequence[str] = ()
    """Receipts and earlier bundles: layers that the receiver holds by them are left out, and the bundle is a delta.

    Requests, too: what a site lacks is not left out, and without sources it is what is put into the bundle."""
    selection: Selection = field(default_factory=Selection)
    pinned: bool = False
    """Refuse sources without a digest (a lock file)."""
    lock_output: Path | None = None
    """The path for `CopyResult.lock`."""
    scope: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    max_age: Mapping[str, timedelta] = field(default_factory=dict)
    plugins: AllowedPlugins | None = None
    offered: Sequence[Path] = ()
    """Files and folders with evidence from other places."""
    download: bool = True
    """Whether to ask the URLs that certificates name."""
    allow_unsigned: bool = False
    """Take what has no signature."""
    allow_incomplete: bool = False
    """Take what evidence is missing for."""
    allow_missing_platforms: bool = False
    """Take an index without some platforms."""
    signing: BundleSigning | None = None
    volume_size: int | None = None
    """Write it as volumes of at most so many bytes into a new folder."""
    dry_run: bool = False
    overwrite: bool = False
    concurrency: int = 4
    """The number of threads that copy, if no executor is given."""

    def copying(
        self, trust: TrustDirectory | Location | Path | None, found: ManifestImages = NO_MANIFESTS
    ) -> CopyRequest:
        """The copy that it is; `found`: what the manifests name. Raises UsageError."""
        sources = [*self.sources, *(image.reference for image in found.images)]
        if self.manifests and not (sources or self.lists):
            raise found.none_in(self.manifests)
        if (self.stream is None) != (self.number is None):
            raise UsageError(
                "the bundles of a stream are numbered, so that a lost one is noticed",
                remedy="Name both: --stream monthly --number 4. A bundle of its own needs neither.",
            )
        if self.stream is not None and self.number is not None:
            try:
                parse_stream(self.stream)
                parse_number(self.number)
            except FormatError as error:
                raise UsageError(str(error)) from None
        tolerated = {ExitCode.UNSIGNED} if self.allow_unsigned else set()
        tolerated |= {ExitCode.INDETERMINATE} if self.allow_incomplete else set()
        request = CopyRequest(
            sources=sources,
            lists=self.lists,
            destination=self.destination,
            at=self.at,
            clock=self.clock,
            judged_for=self.judged_for,
            selection=replace(self.selection, allow_missing_platforms=self.allow_missing_platforms),
            pinned=self.pinned,
            lock_output=self.lock_output,
            full_names=True,
            require_signature=trust is None and not self.allow_unsigned,  # else the judgement demands it
            trust=trust,
            scope=self.scope,
            metadata=self.metadata,
            max_age=self.max_age,
            plugins=self.plugins,
            tolerated=frozenset(tolerated),
            volume_size=self.volume_size,
            dry_run=self.dry_run,
            overwrite=self.overwrite,
            concurrency=self.concurrency,
        )
        place = request.place()
        if STREAM in self.sources or not isinstance(place, LayoutReference) or place.tag is not None:
            raise UsageError(
                f"{safe(self.destination)} cannot be a bundle: that is a new layout directory or a new .tar, and its "
                "sources are read before it is written",
                remedy="Name a folder or a tar: airgap bundle create ./bundle SRC...",
            )
        return request
