"""`airgap bundle`: what travels, checked and listed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

import airgap.report
import airgap.signature
import airgap.trust
from airgap.cli.command import command
from airgap.cli.connection_options import Connection
from airgap.cli.console import Output, QuietOutput, VerboseOption, clock
from airgap.cli.copy import source_date
from airgap.cli.judging_options import (
    Demands,
    Reports,
    TrustOption,
    location,
    parse_moment,
)
from airgap.cli.lazy import typer_app
from airgap.cli.optional_signing import BundleSignature
from airgap.cli.read_options import DigestTagsOption, ListOptions, MechanismOption, PlatformOption
from airgap.cli.trust_fetch import (
    AllowHttpsOption,
    NoDownloadOption,
    OfferedOption,
    UrlTimeoutOption,
    evidence_options,
)
from airgap.errors import AirgapError, TrustMaterialError, UsageError

app = typer_app("Make, show and compare bundles: artifacts with their evidence, listed.", no_args_is_help=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentOptions(ListOptions):
    """What goes into the bundle."""

    from_manifests: Annotated[
        list[Path] | None,
        typer.Option(
            "--from-manifests",
            metavar="FILE",
            help="Take the images that rendered Kubernetes or Compose files name, too; repeatable.",
        ),
    ] = None
    platform: PlatformOption = None
    digest_tags: DigestTagsOption = True
    distribution_spec: MechanismOption = None
    stream: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the stream of numbered bundles that it is one of.")
    ] = None
    number: Annotated[int | None, typer.Option(min=1, metavar="N", help="Its number in the stream.")] = None
    since: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="Leave out layers that the receiver holds by this receipt, or by this bundle that was sent before; "
            "with a request, bring what it lacks. Repeatable.",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandOptions:
    """What is demanded of it, and what may be missing."""

    trust: TrustOption = None
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="Judge for this moment, and write it in, for repeatable bytes."),
    ] = None
    signatures: Demands
    allow_unsigned: Annotated[bool, typer.Option("--allow-unsigned", help="Take what has no signature.")] = False
    allow_incomplete: Annotated[
        bool, typer.Option("--allow-incomplete", help="Take what evidence about a signer is missing for.")
    ] = False
    allow_missing_platforms: Annotated[
        bool,
        typer.Option("--allow-missing-platforms", help="Take an index without platforms that its source lacks."),
    ] = False
    allow_unjudged: Annotated[
        bool, typer.Option("--allow-unjudged", help="Judge nothing: demand signatures, by any signer.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceSources:
    """Where evidence comes from, beside the sources and the trust directory."""

    offered: OfferedOption = None
    no_download: NoDownloadOption = False
    allow_https: AllowHttpsOption = False
    url_timeout: UrlTimeoutOption = None


VolumeSizeOption = Annotated[
    str | None,
    typer.Option(
        "--volume-size",
        metavar="SIZE",
        help="Write volumes of at most this size into a new folder: bytes, 650MB, 4GiB, fat32, cd, dvd, dvd-dl or bd.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleWriting:
    """How the bundle is written."""

    volume_size: VolumeSizeOption = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be in it, and write nothing.")] = False
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the tar if it exists.")] = False
    concurrency: Annotated[int, typer.Option(min=1, max=64, metavar="N", help="Blobs copied at a time.")] = 4

    def request(
        self,
        destination: str,
        sources: list[str],
        content: ContentOptions,
        demanded: DemandOptions,
        evidence: EvidenceSources,
        signing: airgap.BundleSigning | None,
    ) -> airgap.BundleRequest:
        """The request to the library for the whole command. Raises UsageError."""
        now = clock()
        moment = None if demanded.at is None else parse_moment(demanded.at)
        return airgap.BundleRequest(
            sources=sources,
            lists=content.lists,
            manifests=content.from_manifests or [],
            destination=destination,
            at=moment or source_date() or now,
            clock=now,
            judged_for=moment,
            stream=content.stream,
            number=content.number,
            since=content.since or [],
            selection=airgap.Selection(
                digest_tags=content.digest_tags,
                platforms=tuple(airgap.PlatformFilter.parse(text) for text in content.platform or ()),
            ),
            pinned=content.lock is not None,
            lock_output=content.lock_output,
            scope=demanded.signatures.repository(),
            metadata=demanded.signatures.required(),
            max_age=demanded.signatures.ages(),
            offered=evidence.offered or [],
            download=not evidence.no_download,
            allow_unsigned=demanded.allow_unsigned,
            allow_incomplete=demanded.allow_incomplete,
            allow_missing_platforms=demanded.allow_missing_platforms,
            signing=signing,
            volume_size=None if self.volume_size is None else airgap.volume_bytes(self.volume_size),
            dry_run=self.dry_run,
            overwrite=self.overwrite,
            concurrency=self.concurrency,
        )


def _failed(error: AirgapError, given: Mapping[str, Any]) -> airgap.report.Report:
    return airgap.report.BundleCreateReport.of_failure(error, given["destination"])


@command(app, failure=_failed)
def create(
    *,
    destination: Annotated[
        str,
        typer.Argument(
            metavar="DST",
            help="A new layout directory, or a new tar: a name that ends in .tar; or a folder for volumes.",
        ),
    ],
    references: Annotated[
        list[str] | None,
        typer.Argument(metavar="SRC...", help="registry/repo:tag, registry/repo@sha256:..., a layout or a tar."),
    ] = None,
    content: ContentOptions,
    demanded: DemandOptions,
    evidence: EvidenceSources,
    signing: BundleSignature,
    writing: BundleWriting,
    reports: Reports,
    connection: Connection,
    verbose: VerboseOption = False,
    output: QuietOutput,
) -> None:
    """Put artifacts, all that is attached to them and the evidence about their signers on one medium.

    Evidence is fetched first, and everything is judged by the trust directory of this side, as the far side will do it.
    Nothing is written where a signature, evidence or a platform is missing; --allow-... takes it all the same. Then
    everything is written once, with a list of what is in it. The same sources, evidence and moment (--at) give the
    same bytes. What was interrupted is completed by the same command.

    Exit codes: 0 done, 1 could not, 2 usage, 10 unsigned, 11 not found, 15 evidence is missing, 16 content wrong; else
    those of verify.
    """
    from airgap.cli.progress import shown

    request = writing.request(destination, references or [], content, demanded, evidence, signing.open(output))
    trust = None if demanded.allow_unjudged else location(demanded.trust)
    inputs = [*request.lists, *request.manifests, *([trust.path] if trust else [])]
    reports.check(inputs)
    connection = replace(connection, connections=writing.concurrency)
    started = time.monotonic()
    with shown(output) as progress:

        def note(text: str) -> None:
            progress(airgap.events.Notice(message=text))

        asking = evidence_options(connection, note, allow_https=evidence.allow_https, url_timeout=evidence.url_timeout)
        try:
            result = airgap.create_bundle(
                request,
                trust,
                transport=connection.transport(note),
                credentials=connection.credentials(output.note),
                mechanism=content.distribution_spec,
                evidence=asking,
                progress=progress,
            )
        except TrustMaterialError as error:
            if error.reason not in {"receipt.malformed", "bundle.malformed"}:  # that is about --since
                error.remedy = f"{error.remedy} To judge nothing here, add --allow-unjudged."
            raise
    made = airgap.report.BundleCreateReport(result, verbose, time.monotonic() - started)

    def store() -> None:
        if content.lock_output is not None and result.copied is not None:
            result.copied.write_lock(content.lock_output)

    output.finish(made, files=reports.files, apart_from=inputs, store=store)


TargetArgument = Annotated[
    str, typer.Argument(metavar="TARGET", help="Layout directory or tar with the bundle, @DIGEST if several.")
]


@command(app)
def show(
    *,
    target: TargetArgument,
    label: Annotated[bool, typer.Option("--label", help="Print a label for the medium, and nothing else.")] = False,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Write a page for the courier (.html), or JSON, to this file."),
    ] = None,
    output: Output,
) -> None:
    """Show what a bundle says of itself: names, sizes, platforms, signers, licences, use-by. Judges nothing.

    It needs no trust directory. The set id is short enough to read over the telephone; the digest fixes everything
    that is listed.

    Exit codes: 0, 1 could not, 2 usage, 11 no bundle, 16 content wrong, 18 malformed.
    """
    with airgap.no_network(), airgap.open_bundle(target) as opened:
        inputs = [Path(opened.place.path)]
        Reports(report=[report] if report else []).check(inputs)
        shown = opened.overview()
    made = airgap.report.BundleShowReport(shown, label)
    if report is not None and report.suffix.lower() in {".html", ".htm"}:
        airgap.report.write_bundle_html(report, shown)
        report = None
    output.finish(made, files=[report] if report else [], apart_from=inputs)


def _not_split(error: AirgapError, given: Mapping[str, Any]) -> airgap.report.Report:
    return airgap.report.BundleSplitReport.of_failure(error, str(given["destination"]))


@command(app, failure=_not_split)
def split(
    *,
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="A layout directory or tar, with or without a bundle, or volumes.")
    ],
    destination: Annotated[Path, typer.Argument(metavar="DST", help="A new folder.")],
    volume_size: VolumeSizeOption = None,
    volume: Annotated[
        int | None,
        typer.Option("--volume", min=1, metavar="N", help="Make this volume alone: again, where it was lost."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say which volumes there would be.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the volumes if they exist.")] = False,
    concurrency: Annotated[int, typer.Option(min=1, max=64, metavar="N", help="Blobs copied at a time.")] = 4,
    output: QuietOutput,
) -> None:
    """Write a layout as volumes: tars of one size, for media that do not hold all of it.

    All commands read volumes where they lie, in any order, as one layout: name their folder, or any of them. Nothing is
    joined on disk. The content and the set id stay as they are, so do signatures. The same layout and size give the
    same volumes, byte for byte.

    Exit codes: 0, 1 could not, 2 usage, 11 not found, 16 content wrong.
    """
    from airgap.cli.progress import shown

    if volume_size is None:
        raise UsageError("the size of the volumes is not given", remedy="Name it: --volume-size dvd, or 64MiB, ...")
    request = airgap.SplitRequest(
        target=target,
        destination=destination,
        volume_size=airgap.volume_bytes(volume_size),
        only=volume,
        dry_run=dry_run,
        overwrite=overwrite,
        concurrency=concurrency,
    )
    with airgap.no_network(), shown(output) as progress:
        result = airgap.split_bundle(request, progress=progress)
    output.finish(airgap.report.BundleSplitReport(result))


@command(app)
def diff(
    *,
    first: Annotated[str, typer.Argument(metavar="A", help="A layout directory or tar with a bundle.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    output: QuietOutput,
) -> None:
    """Say how two bundles differ, by name. Judges nothing, and reads no content but the lists.

    Two people who build the same get the same digest. A signature of a bundle does not count.

    Exit codes: 0 the same, 21 different, 1 could not, 2 usage, 11 no bundle, 16 content wrong, 18 malformed.
    """
    with airgap.no_network(), airgap.open_bundle(first) as one, airgap.open_bundle(second) as other:
        difference = one.difference(other)
    output.finish(airgap.report.BundleDiffReport(difference))
