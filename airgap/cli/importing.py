"""`airgap import`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

import airgap.ledger
import airgap.report
import airgap.trust
from airgap.cli.command import command
from airgap.cli.connection_options import Connection
from airgap.cli.console import InterruptedRunError, QuietOutput, VerboseOption, clock
from airgap.cli.judging_options import (
    Demands,
    Reports,
    TrustOption,
    location,
)
from airgap.cli.lazy import typer_app
from airgap.cli.ledger_options import Recording
from airgap.cli.naming_options import KeepHostOption, NameMapOption
from airgap.cli.plugin_options import PluginOptions
from airgap.errors import AirgapError, UsageError
from airgap.text import safe

app = typer_app()


@dataclass(frozen=True, slots=True, kw_only=True)
class NamingOptions:
    """What repositories are called in the registry."""

    keep_host: KeepHostOption = False
    name_map: NameMapOption = None
    to_repo: Annotated[
        bool, typer.Option("--to-repo", help="Put the artifacts of all repositories into the one that REGISTRY names.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportWriting:
    """How the registry is written, and what is written beside it."""

    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Import what passes; exit 20 if something does not.")
    ] = False
    verify_held: Annotated[
        bool,
        typer.Option("--verify-held", help="Read and hash what a delta leaves out and the registry is said to hold."),
    ] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be imported, and write nothing.")] = False
    referrers_tag: Annotated[
        airgap.ReferrersTag, typer.Option(help="When to write referrers tags: as the registry needs it, always, never.")
    ] = airgap.ReferrersTag.AUTO
    concurrency: Annotated[int, typer.Option(min=1, max=64, metavar="N", help="Blobs sent at a time.")] = 4
    mirror_config: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write files for containerd, podman, CRI-O, OpenShift and k3s, which then pull from the registry.",
        ),
    ] = None
    allow_replay: Annotated[
        str,
        typer.Option(
            metavar="REASON", help="Import a bundle that is not newer than the last one; the ledger keeps the reason."
        ),
    ] = ""

    def request(
        self, references: list[str], demanded: Demands, plugins: PluginOptions, naming: NamingOptions
    ) -> airgap.ImportRequest:
        """The request to the library for the whole command. Raises UsageError."""
        *targets, registry = references
        return airgap.ImportRequest(
            targets=targets,
            registry=registry,
            clock=clock(),
            scope=demanded.repository(),
            metadata=demanded.required(),
            max_age=demanded.ages(),
            plugins=plugins.allowed(),
            keep_going=self.keep_going,
            verify_held=self.verify_held,
            dry_run=self.dry_run,
            keep_host=naming.keep_host,
            name_map=naming.name_map,
            to_repository=naming.to_repo,
            referrers_tag=self.referrers_tag,
            concurrency=self.concurrency,
            mirror_config=self.mirror_config,
        )


def _failed(error: AirgapError, given: Mapping[str, Any]) -> airgap.report.Report:
    return airgap.report.ImportReport.of_failure(error, safe(given["references"][-1]))


@command(app, "import", failure=_failed)
def import_(
    *,
    references: Annotated[
        list[str],
        typer.Argument(
            metavar="TARGET... REGISTRY",
            help="Layout directories or tars, with :TAG or @DIGEST for one artifact; then the registry of this site: "
            "registry.site.example, or a path or repository in it.",
        ),
    ],
    trust: TrustOption = None,
    demanded: Demands,
    plugins: PluginOptions,
    naming: NamingOptions,
    writing: ImportWriting,
    reports: Reports,
    recording: Recording,
    connection: Connection,
    verbose: VerboseOption = False,
    output: QuietOutput,
) -> None:
    """Verify what came on a medium, and put what passes into the registry of this site.

    The medium is read once: signatures, evidence and manifests are judged first, every blob is compared with its digest
    while it is sent, and tags are put last. Where anything fails, no tag is put at all; --keep-going imports the rest.
    Importing again completes what was interrupted. What a delta leaves out is looked for in the registry first.

    Exit codes: 0 imported, 1 could not, 2 usage, 20 partly (with --keep-going); else those of verify, and nothing has a
    tag.
    """
    from airgap.cli.progress import shown

    request = writing.request(references, demanded, plugins, naming)
    place = location(trust)
    inputs = [place.path, *request.inputs]
    reports.check(inputs)
    if writing.allow_replay.strip() and recording.path is None:
        raise UsageError(
            "--allow-replay needs a ledger, which keeps the reason",
            remedy="Name it with --ledger FILE. Without a ledger no bundle is refused as a replay.",
        )
    if not request.dry_run:
        recording.prove(reports.files, inputs)
    connection = replace(connection, connections=request.concurrency)
    started = time.monotonic()

    rows = _Rows(recording, place.path, output, request, writing.allow_replay.strip())
    interrupted: list[airgap.values.ImportResult] = []
    try:
        with shown(output) as progress:
            transport = connection.transport(lambda text: progress(airgap.events.Notice(message=text)))
            result = airgap.import_artifacts(
                request,
                place,
                transport=transport,
                credentials=connection.credentials(output.note),
                progress=progress,
                stopped=interrupted.append,
                naming=rows.begin,
                carried=rows.compare,
            )
    except KeyboardInterrupt:
        for stopped in interrupted:
            ended = replace(stopped, error=InterruptedRunError("interrupted"))
            output.show(airgap.report.ImportReport(ended, verbose))
            rows.end(ended)
        raise

    def store() -> airgap.report.Report | None:
        rows.end(result)
        if request.mirror_config is None or request.dry_run:
            return None
        try:
            _configure(result, transport, request.mirror_config, output)
        except AirgapError as error:
            return airgap.report.ImportReport(result.ended_by(error), verbose, seconds)
        return None

    seconds = time.monotonic() - started
    output.finish(
        airgap.report.ImportReport(result, verbose, seconds), files=reports.files, apart_from=inputs, store=store
    )


class _Rows:
    """What an import records in a ledger, where there is one."""

    def __init__(
        self, recording: Recording, trust: Path, output: QuietOutput, request: airgap.ImportRequest, reason: str
    ) -> None:
        """`reason`: why a bundle may be imported that is not newer than the last one."""
        self._recording, self._trust, self._output = recording, trust, output
        self._request, self._reason = request, reason
        self._begun: airgap.values.ImportResult | None = None
        self._bundles: Sequence[airgap.values.CarriedBundle] = ()

    def compare(self, bundles: Sequence[airgap.values.CarriedBundle]) -> Iterable[airgap.values.Problem]:
        """What is odd about the numbers of the bundles. Raises UntrustedError (17) for one that is not newer."""
        self._bundles = bundles
        if self._recording.path is None:
            return airgap.ledger.StreamCheck.unwatched(bundles).warnings
        return self._streams().warnings

    def _streams(self) -> airgap.ledger.StreamCheck:
        """The bundles beside the marks, as the ledger has them now."""
        history = self._recording.mark_history() if self._bundles else {}
        return airgap.ledger.StreamCheck.of(
            history, self._bundles, at=self._request.clock, operator=self._recording.who, reason=self._reason
        )

    def begin(self, expected: airgap.values.ImportResult) -> None:
        """What will get its tags now: who is killed after this leaves a row that says so."""
        self._begun = expected
        notes = self._streams().notes()  # another import may have set a mark meanwhile
        self._recording.record(chain(notes, self._judgements(expected, begins=True)), self._output)

    def end(self, result: airgap.values.ImportResult) -> None:
        """What else was judged, what is in the registry, and the marks of the bundles that are there as a whole."""
        if not self._request.dry_run:
            judged = self._judgements(result, begun=self._begun)
            is_done = self._begun is not None and result.error is None
            marks = self._streams().marks(result.copied) if is_done and result.copied else ()
            self._recording.record(chain(judged, self._arrivals(result), marks), self._output)

    def _judgements(self, result: airgap.values.ImportResult, **options: Any) -> Iterable[airgap.ledger.NewRow]:
        if result.outcome is None:
            return ()
        snapshot = airgap.ledger.snapshot_in_force(self._trust)
        return airgap.ledger.judgements(
            result.outcome,
            operator=self._recording.who,
            snapshot=snapshot,
            imported_as=result,
            bundles=self._bundles,
            **options,
        )

    def _arrivals(self, result: airgap.values.ImportResult) -> Iterable[airgap.ledger.NewRow]:
        if result.outcome is None or result.copied is None:
            return ()
        at = result.outcome.moment.clock
        return airgap.ledger.arrivals(result.copied, operator=self._recording.who, at=at, bundles=self._bundles)


def _configure(
    result: airgap.values.ImportResult, transport: airgap.TransportOptions, folder: Path, output: QuietOutput
) -> None:
    """Writes the files for runtimes. Raises AirgapError."""
    plain = any(transport.speaks_plain(place.registry) for _, place in result.repositories)
    config = result.mirror_config(plain_http=plain)
    config.write(folder)
    for note in config.notes:
        output.note(f"note {note}")
    if config.files:
        output.note(f"configuration of runtimes is in {safe(folder)}: {', '.join(sorted(config.files))}")
