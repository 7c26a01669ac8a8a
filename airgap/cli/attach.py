"""`airgap attach`."""

from __future__ import annotations

from typing import Annotated

import typer

import airgap.report
from airgap.cli.command import command
from airgap.cli.connection_options import Connection
from airgap.cli.console import LayoutOption, QuietOutput, clock, key_values, layout_reference
from airgap.cli.lazy import typer_app
from airgap.cli.signing_options import ForceReferrersTagOption
from airgap.errors import UsageError

app = typer_app()


@command(app, failure=lambda error, _: airgap.report.AttachReport(None, error))
def attach(
    *,
    references: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE... REF",
            help="Files, each with or without its media type (sbom.json:application/spdx+json), and last the artifact: "
            "registry/repo:tag, registry/repo@sha256:..., or a layout directory or tar with :TAG or @DIGEST.",
        ),
    ],
    artifact_type: Annotated[
        str,
        typer.Option(
            "--artifact-type",
            metavar="TYPE",
            help="What is attached: application/spdx+json, application/vnd.cyclonedx+json, ...",
        ),
    ],
    annotation: Annotated[
        list[str] | None,
        typer.Option("--annotation", "-a", metavar="KEY=VALUE", help="Annotation of the referrer; repeatable."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Attach even where the same is attached already, or may be.")
    ] = False,
    force_referrers_tag: ForceReferrersTagOption = False,
    oci_layout: LayoutOption = False,
    connection: Connection,
    output: QuietOutput,
) -> None:
    """Attach files (SBOMs, attestations, ...) to an artifact in a registry, a layout directory or a layout tar.

    All files become one referrer of the artifact, which airgap copy takes along. The artifact itself and its digest do
    not change. Where a referrer says the same already (type, files, names, annotations), nothing is attached.

    Exit codes: 0 attached, or the same is there, 1 could not, 2 usage, 11 not found, 16 content wrong.
    """
    *files, target = references
    if not files:
        raise UsageError("there is nothing to attach", remedy="Name the files first, and the artifact last.")
    request = airgap.AttachRequest(
        files=files,
        target=layout_reference(target, oci_layout=oci_layout),
        artifact_type=artifact_type,
        annotations=key_values(annotation or [], "--annotation"),
        at=clock(),
        referrers_tag=force_referrers_tag,
        force=force,
    )
    attached = airgap.attach(
        request, transport=connection.transport(output.note), credentials=connection.credentials(output.note)
    )
    output.finish(airgap.report.AttachReport(attached))
