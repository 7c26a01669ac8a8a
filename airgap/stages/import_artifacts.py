"""Import: verify what came on a medium, and put what passes into the local registry, in one reading."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from airgap.errors import AirgapError, UsageError
from airgap.oci.lookup import ReferrersTag
from airgap.oci.reference import LayoutReference, parse_reference, parse_registry_reference
from airgap.stages.copy import copy
from airgap.stages.copy_request import STREAM, CopyRequest
from airgap.text import safe
from airgap.transfer.copied import CopyResult
from airgap.transfer.events import Progress, silent
from airgap.transfer.imported import ImportResult
from airgap.transfer.mirror_config import check_folder
from airgap.trust.separation import check_output, layout_paths

if TYPE_CHECKING:
    from airgap.net.credentials import Credentials
    from airgap.net.options import TransportOptions
    from airgap.problem import Problem
    from airgap.transfer.carried_bundles import CarriedBundle
    from airgap.trust.directory import TrustDirectory
    from airgap.trust.location import Location
    from airgap.verifier.outcome import Outcome
    from airgap.verifier.verification_plugins import AllowedPlugins


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """What to import into which registry, and by which demands it is judged."""

    targets: Sequence[str]
    """References of layout directories and tars, with or without a tag or digest."""
    registry: str
    """A registry, a path in it, or a repository with or without a tag."""
    clock: datetime
    """What the clock says: the moment judged for."""
    scope: str | None = None
    """The repository for the policy, as for `VerifyRequest`."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """User metadata that must be signed."""
    max_age: Mapping[str, timedelta] = field(default_factory=dict)
    """How stale evidence may be, as for `VerifyRequest`."""
    plugins: AllowedPlugins | None = None
    """Verification plugins that may be run."""
    keep_going: bool = False
    """Import what passes where something else does not."""
    verify_held: bool = False
    """Of deltas: read and hash the layers that the registry is said to hold."""
    dry_run: bool = False
    keep_host: bool = False
    """The host of each source before its path, below the registry."""
    name_map: Path | None = None
    """A file with prefixes of source names and what they become below the registry."""
    to_repository: bool = False
    """All artifacts into the one repository that `registry` names."""
    referrers_tag: ReferrersTag = ReferrersTag.AUTO
    concurrency: int = 4
    """The number of threads, if no executor is given."""
    mirror_config: Path | None = None
    """A folder for `ImportResult.mirror_config`: checked before anything is sent."""

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The input paths beside the trust directory: nothing may be written there (`airgap.trust.check_output`)."""
        return (*layout_paths(self.targets), *(() if self.name_map is None else (self.name_map,)))

    def copying(self, trust: TrustDirectory | Location | Path) -> CopyRequest:
        """The copy that an import is.

        Raises UsageError for what is no medium, and no registry; and what `check_folder` raises.
        """
        for target in self.targets:
            if target == STREAM or not isinstance(parse_reference(target), LayoutReference):
                raise UsageError(
                    f"{safe(target)} is no layout directory or tar, and an import judges all of a medium first",
                    remedy="Name the medium: ./stick, trip.tar, trip.tar:v1. Between registries: airgap copy --trust.",
                )
        request = CopyRequest(
            sources=self.targets,
            destination=self.registry,
            at=self.clock,
            keep_going=self.keep_going,
            verify_held=self.verify_held,
            dry_run=self.dry_run,
            keep_host=self.keep_host,
            name_map=self.name_map,
            to_repository=self.to_repository,
            trust=trust,
            clock=self.clock,
            scope=self.scope,
            metadata=self.metadata,
            max_age=self.max_age,
            plugins=self.plugins,
            all_or_nothing=True,
            referrers_tag=self.referrers_tag,
            concurrency=self.concurrency,
        )
        if self.registry == STREAM or isinstance(request.place(), LayoutReference):
            raise UsageError(
                f"{safe(self.registry)} is no registry",
                remedy="Name the registry of this site: airgap import TARGET registry.site.example. "
                "Into a layout or tar: airgap copy --trust DIR.",
            )
        if self.mirror_config is not None:
            path = trust if isinstance(trust, Path) else trust.path
            check_output(self.mirror_config, [path, *self.inputs], what="folder of --mirror-config")
            check_folder(self.mirror_config)
        return request


def import_artifacts(
    request: ImportRequest,
    trust: TrustDirectory | Location | Path,
    *,
    transport: TransportOptions | None = None,
    credentials: Credentials | None = None,
    executor: Executor | None = None,
    progress: Progress = silent,
    stopped: Callable[[ImportResult], None] | None = None,
    naming: Callable[[ImportResult], None] | None = None,
    carried: Callable[[Sequence[CarriedBundle]], Iterable[Problem]] | None = None,
) -> ImportResult:
    """Judge everything that is named, and put it into the registry with all that is attached to it.

    Signatures, evidence and manifests are judged first. Each blob is compared with its digest while it is sent, and
    tags are put last, for the manifests that were judged: a medium that gives other bytes at a second reading changes
    nothing. What a delta leaves out has to be in the registry. Where something does not verify, or cannot be sent, no
    tag is put in any repository, unless `keep_going`. Importing again completes what was interrupted.

    Whatever ends it is the `error` of the result. Raises UsageError, TrustMaterialError, and AirgapError for a folder
    of `mirror_config` that cannot be written; after KeyboardInterrupt `stopped` has the result until then.

    `carried` gets the bundles of the media, after all was judged and before anything is sent, also of a dry run: what
    it returns is warned of. `naming` gets the result to be, before the first tag is put. What they raise ends it.
    """
    copying = request.copying(trust)
    verdicts: list[Outcome] = []
    of_media: list[Problem] = []
    done: list[CopyResult] = []

    def result(error: AirgapError | None = None) -> ImportResult:
        return made(done[0] if done else None, error)

    def warned(bundles: Sequence[CarriedBundle]) -> Iterable[Problem]:
        of_media.extend(carried(bundles) if carried is not None else ())
        return of_media

    def made(copied: CopyResult | None, error: AirgapError | None) -> ImportResult:
        return ImportResult(
            registry=safe(request.registry),
            scope=None if request.scope is None else parse_registry_reference(request.scope),
            dry_run=request.dry_run,
            outcome=_outcome(verdicts, of_media if copied is None else ()),
            copied=copied,
            error=error,
        )

    def begin(expected: CopyResult) -> None:
        if naming is not None:
            naming(made(expected, None))

    try:
        done.append(
            copy(
                copying,
                transport=transport,
                credentials=credentials,
                executor=executor,
                progress=progress,
                stopped=done.append,
                judged=verdicts.append,
                naming=begin,
                carried=warned,
            )
        )
    except UsageError:
        raise
    except AirgapError as error:
        return result(error)
    except KeyboardInterrupt:
        if stopped is not None:
            stopped(result())
        raise
    return result()


def _outcome(verdicts: Sequence[Outcome], of_media: Iterable[Problem]) -> Outcome | None:
    """The judgement, with what is odd about the bundles where nothing else says it: it may be why the import failed."""
    return replace(verdicts[0], warnings=(*verdicts[0].warnings, *of_media)) if verdicts else None
