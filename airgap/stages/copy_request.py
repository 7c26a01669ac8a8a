"""What to copy where, and what is checked of that before anything is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

from airgap.errors import UsageError
from airgap.files import check_writable
from airgap.oci.descriptor import NOTARY_SIGNATURE
from airgap.oci.lookup import ReferrersTag
from airgap.oci.reference import LayoutReference, RegistryReference
from airgap.text import safe
from airgap.transfer.destinations import DestinationReference, RegistryPrefix, is_tar, parse_destination
from airgap.transfer.events import Progress, silent
from airgap.transfer.lists import read_list
from airgap.transfer.plan import CopyPlan, Selection
from airgap.trust.separation import check_apart, check_apart_from, check_output, layout_paths, same_place

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from airgap.bundle.held_search import HeldSearch
    from airgap.net.credentials import Credentials
    from airgap.net.options import TransportOptions
    from airgap.oci.digest import Digest
    from airgap.oci.lookup import Mechanism
    from airgap.oci.open import Layout
    from airgap.problem import Problem
    from airgap.revocation.target_evidence import TargetEvidence
    from airgap.transfer.carried_bundles import CarriedBundle
    from airgap.transfer.copied import CopyResult
    from airgap.transfer.finished_tar import FinishedTar
    from airgap.trust.directory import TrustDirectory
    from airgap.trust.location import Location
    from airgap.verifier.outcome import Outcome
    from airgap.verifier.verification_plugins import AllowedPlugins

STREAM: Final = "-"
"""Standard output as a destination, standard input as a source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyRequest:
    """What to copy where, and how."""

    sources: Sequence[str] = ()
    """References, as the command takes them."""
    lists: Sequence[Path] = ()
    """Files with more references, one a line; blank lines and comments after `#` are ignored."""
    spell: Callable[[str], str] = str
    """The reference that a line of a list means: with `oci:` before it, where all lines are layouts."""
    destination: str
    """A layout directory, a tar, a registry's repository; each with or without a tag; or `-`: a tar to `output`."""
    at: datetime
    """The moment that acquisition records state; aware."""
    selection: Selection = field(default_factory=Selection)
    all_tags: bool = False
    tags: str | None = None
    """A regular expression for whole tags; chooses among all tags."""
    pinned: bool = False
    """Refuse sources without a digest (a lock file)."""
    dry_run: bool = False
    keep_going: bool = False
    link: bool = False
    """Hard links where source and destination are layouts of one file system."""
    verify_existing: bool = False
    """Hash existing content of the destination before using it."""
    verify_held: bool = False
    """Of deltas: read and hash the layers that the destination is said to hold."""
    overwrite: bool = False
    """Replace a tar that exists."""
    volume_size: int | None = None
    """Write the layout as volumes of at most so many bytes into a new folder."""
    lock_output: Path | None = None
    """The path for `CopyResult.lock`; refused if writing it would change a source or the destination."""
    full_names: bool = False
    """Full names as tags in layouts, and in registries the own path of each source below the destination."""
    keep_host: bool = False
    """In registries, the host of each source before its path, below the destination."""
    name_map: Path | None = None
    """A file with prefixes of source names and what they become below the destination, a registry."""
    to_repository: bool = False
    """All artifacts into the one repository that the destination names, whatever repositories they come from."""
    require_signature: bool = False
    """Refuse an artifact that comes without a signature of the Notary Project. It is not judged."""
    trust: TrustDirectory | Location | Path | None = None
    """Copy only what verifies by this trust directory: signatures are judged before anything is written."""
    scope: str | None = None
    """With `trust`: the repository for the policy, as for `VerifyRequest`."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """With `trust`: user metadata that must be signed."""
    max_age: Mapping[str, timedelta] = field(default_factory=dict)
    """With `trust`: how stale evidence may be, as for `VerifyRequest`."""
    plugins: AllowedPlugins | None = None
    """With `trust`: verification plugins that may be run."""
    all_or_nothing: bool = False
    """Into a registry: put no tag in any repository before the content of all of them is there."""
    clock: datetime | None = None
    """With `trust`: what the clock says. `at` may be another time, so that two people can build the same tar."""
    judged_for: datetime | None = None
    """With `trust`: the moment judged for, if that is not now."""
    tolerated: frozenset[int] = frozenset()
    """With `trust`: exit codes of verdicts with which an artifact is copied all the same."""
    record: bool = True
    """Leave acquisition records in layouts and tars."""
    referrers_tag: ReferrersTag = ReferrersTag.AUTO
    """Write referrers tags: where a registry needs them; or always, into layouts too; or never."""
    concurrency: int = 4
    """The number of threads, if no executor is given."""

    @property
    def hashes_existing(self) -> bool:
        """Whether existing content of the destination is hashed before it is used."""
        return self.verify_existing or self.trust is not None

    @property
    def layout(self) -> str | None:
        """The destination layout, for `airgap.fetch(into=...)`; None for a registry or a stream.

        Raises UsageError.
        """
        place = self.place()
        return place.whole if isinstance(place, LayoutReference) else None

    def place(self) -> DestinationReference | None:
        """The destination; None for a stream. Raises UsageError."""
        return None if self.destination == STREAM else parse_destination(self.destination)


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyServices:
    """What a copy is done with, and who is called (`airgap.copy` says what each is for)."""

    transport: TransportOptions | None = None
    credentials: Credentials | None = None
    to_transport: TransportOptions | None = None
    to_credentials: Credentials | None = None
    mechanism: Mechanism | None = None
    executor: Executor | None = None
    progress: Progress = silent
    source: BinaryIO | None = None
    output: BinaryIO | None = None
    stopped: Callable[[CopyResult], None] | None = None
    judged: Callable[[Outcome], None] | None = None
    naming: Callable[[CopyResult], None] | None = None
    carried: Callable[[Sequence[CarriedBundle]], Iterable[Problem]] | None = None
    held: Callable[[HeldSearch], None] | None = None
    """Is called with what came of looking for the layers that deltas leave out, unless that ended the copy."""


class Packer(Protocol):
    """Adds to what is copied into a layout or tar (`airgap.stages.create_bundle`)."""

    def gather(self, plan: CopyPlan, evidence: Sequence[TargetEvidence]) -> CopyPlan:
        """The plan with what is to be judged, too. `evidence`: that of all sources. Raises AirgapError."""

    def check(self) -> None:
        """Called after the judgement, before anything is written. Raises UntrustedError."""

    def pack(self, plan: CopyPlan, layout: Layout | None) -> tuple[CopyPlan, frozenset[Digest]]:
        """The plan with what is known only after the judgement, and what it replaces in the layout, if that exists.

        Raises UsageError, AirgapError.
        """


def completed(request: CopyRequest) -> CopyRequest:
    """The request with the references of its lists; no output may overwrite an input or another output.

    Raises UsageError, and AirgapError for a lock file that could not be written.
    """
    sources = [*request.sources, *(request.spell(line) for path in request.lists for line in read_list(path))]
    if not sources:
        raise UsageError("there is nothing to copy from", remedy="Name a source, in the command or in a list.")
    _check_trust(request, sources)
    demands = "--trust" if request.trust is not None else "--require-signature"
    if (request.trust is not None or request.require_signature) and not request.selection.brings(NOTARY_SIGNATURE):
        raise UsageError(
            f"signatures are left behind by what is chosen of the referrers, and {demands} demands one",
            remedy="Leave out --exclude-referrers and --depth 0; with --artifact-type name signatures, too: "
            f"--artifact-type {NOTARY_SIGNATURE}",
        )
    if STREAM in sources and len(sources) > 1:
        raise UsageError("standard input holds one layout, and it is the only source then")
    place = request.place()
    target = Path(place.path) if isinstance(place, LayoutReference) else None
    lists = [*request.lists, *([request.name_map] if request.name_map else [])]
    if target is not None:
        check_output(target, lists, what="destination")
    if request.lock_output is not None:
        if STREAM in sources:
            raise UsageError(
                "what comes through standard input has no name that a lock file could hold",
                remedy="Save the tar to a file, and copy from that.",
            )
        read = [*layout_paths(text for text in sources if text != STREAM), *lists]
        check_output(request.lock_output, [*read, *([target] if target else [])], what="lock file")
        check_writable(request.lock_output, "lock file")
    return replace(request, sources=sources, lists=())


def _check_trust(request: CopyRequest, sources: Sequence[str]) -> None:
    """The trust directory is apart from all that is read and written. Raises UsageError."""
    if request.trust is None:
        if request.scope is not None:
            raise UsageError("a scope chooses a statement of a trust policy, and no trust directory is named")
        return
    if request.clock is None:
        raise UsageError("a trust directory judges for a moment, and none is given")
    path = request.trust if isinstance(request.trust, Path) else request.trust.path
    check_apart(path, sources)
    place = request.place()
    if isinstance(place, LayoutReference):
        check_apart_from(path, Path(place.path), request.destination)


def check_place(request: CopyRequest, place: LayoutReference, finished: FinishedTar | None) -> None:
    """Refuses a destination that would change a source. Only a folder may be both, to add names to it.

    Raises UsageError, also where something else than a layout tar (`finished`) has the name of the new tar.
    """
    path = Path(place.path)
    for source in layout_paths(text for text in request.sources if text != STREAM):
        if is_tar(place) or not same_place(path, source):
            check_output(path, [source], what="destination")
    if is_tar(place) and request.volume_size is not None:
        raise UsageError(
            f"{safe(request.destination)} is one tar; volumes are several tars in a folder",
            remedy="Name a new folder.",
        )
    if is_tar(place) and not request.overwrite and (finished is None or STREAM in request.sources):
        from airgap.transfer.tar_writer import check_absent  # seldom needed

        check_absent(path)


def place_of_stream(request: CopyRequest) -> LayoutReference | RegistryReference:
    """The destination of a layout that is read from standard input, once, and brought while it is read.

    Raises UsageError.
    """
    place = request.place()
    if request.all_tags or request.tags or request.dry_run or request.selection != Selection():
        raise UsageError(
            "from standard input one layout is copied as a whole: it is read once, and what is in it is known last",
            remedy="Save the tar to a file to choose from it: cat > trip.tar",
        )
    if isinstance(place, RegistryPrefix):
        raise UsageError(
            "what comes on standard input is sent while it is read, and needs a repository to go to",
            remedy=f"Name it: {place}/team/app. Or save the tar to a file, and copy that.",
        )
    if request.trust is not None and isinstance(place, RegistryReference):
        raise UsageError(
            "what comes on standard input is sent while it is read, so it cannot be judged before",
            remedy="Save the tar to a file, and copy that: cat > trip.tar",
        )
    if place is None or (isinstance(place, LayoutReference) and is_tar(place)):
        raise UsageError("a tar from standard input needs no copy to become a tar", remedy="Use: cat > FILE")
    return place
