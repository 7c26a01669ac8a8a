"""`airgap copy`."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from airgap.cli.command import command
from airgap.cli.connection import Connection
from airgap.cli.console import QuietOutput, clock, write, write_json
from airgap.cli.lazy import typer_app
from airgap.oci.lookup import Mechanism, ReferrersTag

if TYPE_CHECKING:
    from airgap.collection.coverage import FetchOutcome
    from airgap.stages.copy import CopyRequest
    from airgap.transfer.copied import CopyResult
    from airgap.transfer.plan import Selection

app = typer_app()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """What is copied from where."""

    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", metavar="FILE", help="Read sources from FILE, one a line; # starts a comment."),
    ] = None
    lock: Annotated[
        Path | None, typer.Option(metavar="FILE", help="As --file, but every source must have its digest.")
    ] = None
    lock_output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what was resolved, with digests, for --lock.")
    ] = None
    all_tags: Annotated[bool, typer.Option("--all-tags", help="Every tag of the source.")] = False
    tags: Annotated[
        str | None, typer.Option(metavar="REGEX", help="Every tag of the source that REGEX matches as a whole.")
    ] = None
    from_oci_layout: Annotated[bool, typer.Option("--from-oci-layout", help="Sources are layouts (as for oras).")] = (
        False
    )

    def names(self, given: list[str]) -> list[str]:
        """The sources on the command line, then those of the files. Raises UsageError."""
        from airgap.errors import UsageError
        from airgap.stages.copy import STREAM
        from airgap.transfer.origins import read_list

        sources = [_layout(text) if self.from_oci_layout else text for text in given]
        for path in (self.file, self.lock):
            if path is not None:
                sources += read_list(path)
        if not sources:
            raise UsageError(
                "there is nothing to copy from",
                remedy="Name at least one source and then the destination: copy SRC DST.",
            )
        if STREAM in sources and len(sources) > 1:
            raise UsageError("standard input holds one layout, and it is the only source then")
        return sources


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionOptions:
    """What of an artifact is copied."""

    platform: Annotated[
        list[str] | None,
        typer.Option(metavar="OS/ARCH", help="Only this platform of an index, whose bytes stay; repeatable."),
    ] = None
    exclude_referrers: Annotated[
        bool, typer.Option("--exclude-referrers", help="Leave signatures and other referrers behind.")
    ] = False
    include_referrers: Annotated[
        bool, typer.Option("--recursive", "-r", hidden=True, help="Accepted for oras' users: it is the default.")
    ] = False
    artifact_type: Annotated[
        list[str] | None,
        typer.Option(metavar="TYPE", help="Only referrers of this type, with what refers to them; repeatable."),
    ] = None
    depth: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Follow referrers of referrers N levels deep. Default: all.")
    ] = None
    digest_tags: Annotated[
        bool, typer.Option("--digest-tags", help="Look for cosign's .sig, .att and .sbom tags in registries, too.")
    ] = False
    distribution_spec: Annotated[
        Mechanism | None, typer.Option(help="Force one way to ask a registry for referrers.")
    ] = None

    def selection(self) -> Selection:
        """The same for the library. Raises UsageError for what is no platform."""
        from airgap.transfer.plan import Selection
        from airgap.transfer.platforms import PlatformFilter

        return Selection(
            referrers=not self.exclude_referrers and self.depth != 0,
            artifact_types=frozenset(self.artifact_type or ()),
            depth=self.depth,
            digest_tags=self.digest_tags,
            platforms=tuple(PlatformFilter.parse(text) for text in self.platform or ()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WritingOptions:
    """How the destination is written."""

    referrers_tag: Annotated[
        ReferrersTag,
        typer.Option(help="When to write referrers tags: as registries need it, always (layouts too), never."),
    ] = ReferrersTag.AUTO
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be copied, and copy nothing.")] = False
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Copy what can be copied; exit 20 if something could not.")
    ] = False
    link: Annotated[
        bool, typer.Option("--link", help="Hard links between layouts of one file system, instead of copies.")
    ] = False
    verify_existing: Annotated[
        bool, typer.Option("--verify-existing", help="Hash what the layout has already, and replace what is wrong.")
    ] = False
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the tar if it exists.")] = False
    full_names: Annotated[
        bool, typer.Option("--full-names", help="Tag with the whole source name (registry/repo:tag) in layouts.")
    ] = False
    no_record: Annotated[
        bool, typer.Option("--no-record", help="Leave no acquisition record in the layout or tar.")
    ] = False
    with_evidence: Annotated[
        bool,
        typer.Option(
            "--with-evidence", help="Then fetch CRLs and OCSP responses into the copy (as trust fetch --into does)."
        ),
    ] = False
    concurrency: Annotated[int, typer.Option(min=1, max=64, metavar="N", help="Blobs copied at a time.")] = 4
    to_oci_layout: Annotated[
        bool, typer.Option("--to-oci-layout", help="The destination is a layout (as for oras).")
    ] = False

    def request(self, sources: list[str], destination: str, chosen: SourceOptions, selection: Selection) -> CopyRequest:
        """The whole command for the library."""
        from airgap.stages.copy import CopyRequest

        return CopyRequest(
            sources=sources,
            destination=_layout(destination) if self.to_oci_layout else destination,
            at=_moment(),
            selection=selection,
            all_tags=chosen.all_tags,
            tags=chosen.tags,
            pinned=chosen.lock is not None,
            dry_run=self.dry_run,
            keep_going=self.keep_going,
            link=self.link,
            verify_existing=self.verify_existing,
            overwrite=self.overwrite,
            full_names=self.full_names,
            record=not self.no_record,
            referrers_tag=self.referrers_tag,
            concurrency=self.concurrency,
        )


@command(app)
def copy(
    *,
    references: Annotated[
        list[str],
        typer.Argument(
            metavar="SRC... DST",
            help="registry/repo:tag, registry/repo@sha256:..., a layout directory or tar (./stick, trip.tar:v1, "
            "oci:DIR, oci-archive:FILE), or - for a tar on standard input or output. The last one is the destination.",
        ),
    ],
    chosen: SourceOptions,
    selected: SelectionOptions,
    writing: WritingOptions,
    connection: Connection,
    output: QuietOutput,
) -> None:
    """Copy artifacts with everything attached to them, between registries, layouts and tars.

    Signatures, SBOMs and all other referrers come along, those of an index's children and of referrers, too. Nothing is
    converted: bytes and digests stay. What was interrupted is completed by copying again.

    Exit codes: 0 copied, 1 could not, 2 usage, 11 not found, 16 content wrong, 20 partly (with --keep-going).
    """
    from airgap.cli.progress import shown
    from airgap.errors import AirgapError
    from airgap.stages.copy import STREAM
    from airgap.transfer.events import Notice

    *given, destination = references
    request = writing.request(chosen.names(given), destination, chosen, selected.selection())
    _check_outputs(request, chosen)
    connection = replace(connection, connections=writing.concurrency)
    into = _evidence_target(request.destination) if writing.with_evidence and not writing.dry_run else None
    started = time.monotonic()
    aside = destination == STREAM  # then standard output is the tar
    try:
        with shown(quiet=output.quiet, no_tty=output.no_tty or bool(os.environ.get("NO_COLOR"))) as progress:
            result = _run(
                request,
                connection,
                progress=progress,
                notice=lambda text: progress(Notice(message=text)),
                mechanism=selected.distribution_spec,
            )
    except AirgapError as error:
        if output.is_json and not aside:
            _show_failure(error, destination)
        raise
    seconds = time.monotonic() - started
    evidence = _fetch(into, connection, output) if into is not None and not result.exit_code else None
    _show(result, output, seconds=seconds, aside=aside, evidence=evidence)
    if chosen.lock_output is not None:  # one that cannot be written keeps no result back
        _write_lock(chosen.lock_output, result)
    raise typer.Exit(result.exit_code or (evidence.exit_code if evidence else 0))


def _check_outputs(request: CopyRequest, chosen: SourceOptions) -> None:
    """Nothing that is written takes the place of what is read, or of something else that is written."""
    from airgap.stages.copy import STREAM, destination_path
    from airgap.trust.apart import check_output, layout_paths

    lists = [path for path in (chosen.file, chosen.lock) if path is not None]
    target = destination_path(request.destination)
    if target is not None:
        check_output(target, lists, what="destination")
    if chosen.lock_output is not None:
        sources = layout_paths(text for text in request.sources if text != STREAM)
        check_output(chosen.lock_output, [*sources, *lists, *([target] if target else [])], what="lock file")


def _evidence_target(destination: str) -> str:
    """The layout or tar that evidence can be put into. Raises UsageError."""
    from airgap.errors import UsageError
    from airgap.oci.reference import LayoutReference
    from airgap.stages.copy import STREAM
    from airgap.transfer.destinations import parse_destination

    reference = None if destination == STREAM else parse_destination(destination)
    if not isinstance(reference, LayoutReference):
        raise UsageError(
            "--with-evidence needs a layout directory or a tar to put the evidence into",
            remedy="Copy to oci:DIR or oci-archive:FILE, or keep evidence apart with airgap trust fetch.",
        )
    return f"{reference.transport}{reference.path}"


def _fetch(into: str, connection: Connection, output: QuietOutput) -> FetchOutcome:
    from airgap.cli.trust_fetch import run_fetch

    return run_fetch([], into=into, connection=connection, note=output.note)


def _run(
    request: CopyRequest,
    connection: Connection,
    *,
    progress: Any,
    notice: Any,
    mechanism: Mechanism | None,
) -> CopyResult:
    from airgap.stages.copy import copy as bring
    from airgap.stages.copy import needs_registry

    if not needs_registry(request):
        return bring(request, progress=progress)
    return bring(
        request,
        transport=connection.transport(notice),
        credentials=connection.credentials(),
        mechanism=mechanism,
        progress=progress,
    )


def _layout(text: str) -> str:
    return text if text.startswith(("oci:", "oci-archive:")) or text == "-" else f"oci:{text}"


def _moment() -> datetime:
    """Now; or what SOURCE_DATE_EPOCH says, so that two people can build the same tar (reproducible-builds.org)."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if epoch.isascii() and epoch.isdigit() and len(epoch) <= 11:  # noqa: PLR2004
        return datetime.fromtimestamp(int(epoch), UTC)
    return clock()


def _write_lock(path: Path, result: CopyResult) -> None:
    from airgap.files import write_file

    lines = ["# what `airgap copy` resolved; use it with --lock", *result.lock()]
    write_file(path, ("\n".join(lines) + "\n").encode())


def _show(
    result: CopyResult,
    output: QuietOutput,
    *,
    seconds: float,
    aside: bool,
    evidence: FetchOutcome | None,
) -> None:
    from airgap import __version__
    from airgap.report.copying import copy_document, copy_text, headline
    from airgap.report.fetching import fetch_document, fetch_headline, fetch_text

    if aside:
        if not output.quiet:
            sys.stderr.write(copy_text(result, seconds=seconds))
    elif output.is_json:
        document = copy_document(result, version=__version__)
        write_json({**document, "evidence": fetch_document(evidence, version=__version__)} if evidence else document)
    elif output.quiet:
        write(headline(result) + "\n" + (fetch_headline(evidence) + "\n" if evidence else ""))
    else:
        paint = output.style
        write(copy_text(result, style=paint, seconds=seconds) + (fetch_text(evidence, style=paint) if evidence else ""))


def _show_failure(error: Any, destination: str) -> None:
    from airgap import __version__
    from airgap.report.copying import failure_document

    write_json(failure_document(error, destination, version=__version__))
