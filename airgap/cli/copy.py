"""`airgap copy`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import airgap.report
from airgap.cli.command import CopySide, command
from airgap.cli.connection_options import Connection, Endpoint, Sides
from airgap.cli.console import InterruptedRunError, QuietOutput, VerboseOption, clock, layout_reference, note
from airgap.cli.judging_options import location, trust_folder
from airgap.cli.lazy import typer_app
from airgap.cli.naming_options import KeepHostOption, NameMapOption
from airgap.cli.read_options import DigestTagsOption, ListOptions, MechanismOption, PlatformOption
from airgap.errors import AirgapError, UsageError
from airgap.reasons import ExitCode

if TYPE_CHECKING:
    from airgap.values import CopyResult

app = typer_app()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions(ListOptions):
    """What is copied from where."""

    all_tags: Annotated[bool, typer.Option("--all-tags", help="Every tag of the source.")] = False
    tags: Annotated[
        str | None, typer.Option(metavar="REGEX", help="Every tag of the source that REGEX matches as a whole.")
    ] = None
    from_oci_layout: Annotated[bool, typer.Option("--from-oci-layout", help="Sources are layouts (as for oras).")] = (
        False
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionOptions:
    """What of an artifact is copied."""

    platform: PlatformOption = None
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
    digest_tags: DigestTagsOption = True
    distribution_spec: MechanismOption = None

    def selection(self) -> airgap.Selection:
        """The selection for the library. Raises UsageError for what is no platform."""
        return airgap.Selection(
            referrers=not self.exclude_referrers and self.depth != 0,
            artifact_types=frozenset(self.artifact_type or ()),
            depth=self.depth,
            digest_tags=self.digest_tags,
            platforms=tuple(airgap.PlatformFilter.parse(text) for text in self.platform or ()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WritingOptions:
    """How the destination is written."""

    referrers_tag: Annotated[
        airgap.ReferrersTag,
        typer.Option(help="When to write referrers tags: as registries need it, always (layouts too), never."),
    ] = airgap.ReferrersTag.AUTO
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
    keep_host: KeepHostOption = False
    name_map: NameMapOption = None
    to_repo: Annotated[
        bool, typer.Option("--to-repo", help="Put the artifacts of all repositories into the one that DST names.")
    ] = False
    no_record: Annotated[
        bool, typer.Option("--no-record", help="Leave no acquisition record in the layout or tar.")
    ] = False
    require_signature: Annotated[
        bool, typer.Option("--require-signature", help="Refuse an artifact that comes without a signature.")
    ] = False
    trust: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            parser=trust_folder,
            help="Copy only what verifies by this trust directory; it is judged before anything is written.",
        ),
    ] = None
    scope: Annotated[
        str | None, typer.Option(metavar="REPOSITORY", help="With --trust: repository that the policy is asked about.")
    ] = None
    with_evidence: Annotated[
        bool,
        typer.Option(
            "--with-evidence", help="Then fetch CRLs and OCSP responses into the copy (as trust fetch --into does)."
        ),
    ] = False
    allow_incomplete: Annotated[
        bool, typer.Option("--allow-incomplete", help="With --with-evidence: exit 0 also where evidence is missing.")
    ] = False
    allow_unsigned: Annotated[
        bool, typer.Option("--allow-unsigned", help="With --with-evidence: exit 0 also where a signature is missing.")
    ] = False
    concurrency: Annotated[int, typer.Option(min=1, max=64, metavar="N", help="Blobs copied at a time.")] = 4
    to_oci_layout: Annotated[
        bool, typer.Option("--to-oci-layout", help="The destination is a layout (as for oras).")
    ] = False

    def request(self, references: list[str], chosen: SourceOptions, selected: SelectionOptions) -> airgap.CopyRequest:
        """The request to the library for the whole command."""
        *sources, destination = references
        return airgap.CopyRequest(
            sources=[_reference(text, oci_layout=chosen.from_oci_layout) for text in sources],
            lists=chosen.lists,
            spell=partial(_reference, oci_layout=chosen.from_oci_layout),
            destination=_reference(destination, oci_layout=self.to_oci_layout),
            at=source_date() or clock(),
            selection=selected.selection(),
            all_tags=chosen.all_tags,
            tags=chosen.tags,
            pinned=chosen.lock is not None,
            dry_run=self.dry_run,
            keep_going=self.keep_going,
            link=self.link,
            verify_existing=self.verify_existing,
            overwrite=self.overwrite,
            lock_output=chosen.lock_output,
            full_names=self.full_names,
            keep_host=self.keep_host,
            name_map=self.name_map,
            to_repository=self.to_repo,
            require_signature=self.require_signature,
            trust=location(self.trust) if self.trust else None,
            scope=self.scope,
            clock=clock(),
            record=not self.no_record,
            referrers_tag=self.referrers_tag,
            concurrency=self.concurrency,
        )


def _failed(error: AirgapError, given: Mapping[str, Any]) -> airgap.report.Report | None:
    destination = given["references"][-1]
    return None if destination == "-" else airgap.report.CopyReport.of_failure(error, destination)


@contextmanager
def _shows_what_was_done(output: QuietOutput, started: float) -> Iterator[Callable[[CopyResult], None]]:
    """Shows the result that the function gets, where an error ends the copy after it. `started`: a monotonic time."""
    done: list[CopyResult] = []
    try:
        yield done.append
    except (AirgapError, KeyboardInterrupt) as error:
        why = error if isinstance(error, AirgapError) else InterruptedRunError("interrupted")
        for result in done:
            output.show(airgap.report.CopyReport(result=result, error=why, seconds=time.monotonic() - started))
        raise


@command(app, failure=_failed)
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
    source: Annotated[Endpoint, CopySide("from", "sources")],
    destination: Annotated[Endpoint, CopySide("to", "the destination")],
    verbose: VerboseOption = False,
    output: QuietOutput,
) -> None:
    """Copy artifacts with everything attached to them, between registries, layouts and tars.

    Signatures, SBOMs and all other referrers come along, those of an index's children and of referrers, too. Nothing is
    converted: bytes and digests stay. What was interrupted is completed by copying again.

    Exit codes: 0 copied, 1 could not, 2 usage, 10 unsigned (with --require-signature), 11 not found, 16 content wrong,
    20 partly (with --keep-going); with --trust those of verify; with --with-evidence also 10 unsigned, 14 revoked, 15
    evidence is missing.
    """
    from airgap.cli.progress import shown

    request = writing.request(references, chosen, selected)
    connection = replace(connection, connections=writing.concurrency)
    sides = Sides(connection, source, destination)
    if sides.read_standard_input and "-" in references[:-1]:
        raise UsageError("standard input holds the tar to copy, so a password cannot be read from it")
    source_credentials, destination_credentials = sides.credentials(output.note)
    into = _evidence_target(request) if writing.with_evidence else None
    aside = references[-1] == "-"  # standard output is the tar in this case
    started = time.monotonic()
    with (
        _shows_what_was_done(output, started) as stopped,
        shown(output) as progress,
    ):
        transport, to_transport = sides.transports(lambda text: progress(airgap.events.Notice(message=text)))
        result = airgap.copy(
            request,
            transport=transport,
            credentials=source_credentials,
            to_transport=to_transport if sides.differ else None,
            to_credentials=destination_credentials if sides.differ else None,
            mechanism=selected.distribution_spec,
            progress=progress,
            stopped=stopped,
        )
    seconds = time.monotonic() - started
    fetched = into is not None and not writing.dry_run and result.exit_code in {ExitCode.OK, ExitCode.PARTIAL}
    evidence = None
    if fetched:
        from airgap.cli.trust_fetch import FetchOptions

        evidence = FetchOptions(into=into).run([], connection, output.note)
    report = airgap.report.CopyReport(
        result=result,
        seconds=seconds,
        evidence=evidence,
        complete=not writing.allow_incomplete,
        signed=fetched and not writing.allow_unsigned,
        verbose=verbose,
    )
    if not aside:
        output.show(report)
    elif not output.quiet:
        note(report.text().rstrip("\n"))
    if chosen.lock_output is not None:  # the result is shown even if the report cannot be written
        result.write_lock(chosen.lock_output)
    raise typer.Exit(report.exit_code)


def _evidence_target(request: airgap.CopyRequest) -> str:
    """The layout or tar that evidence can be put into. Raises UsageError."""
    if request.layout is None:
        raise UsageError(
            "--with-evidence needs a layout directory or a tar to put the evidence into",
            remedy="Copy to oci:DIR or oci-archive:FILE, or keep evidence apart with airgap trust fetch.",
        )
    return request.layout


def _reference(text: str, *, oci_layout: bool) -> str:
    """The reference with its transport; `-` is always a stream."""
    return layout_reference(text, oci_layout=oci_layout and text != "-")


def source_date() -> datetime | None:
    """SOURCE_DATE_EPOCH, so that two people can build the same tar (reproducible-builds.org)."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if epoch.isascii() and epoch.isdigit() and len(epoch) <= 11:  # noqa: PLR2004
        return datetime.fromtimestamp(int(epoch), UTC)
    return None
