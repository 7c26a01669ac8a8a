"""`airgap sign`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import airgap.report
import airgap.signature
from airgap.cli.command import command
from airgap.cli.connection_options import Connection
from airgap.cli.console import LayoutOption, QuietOutput, clock, key_values, layout_reference
from airgap.cli.key_options import KeyChoice
from airgap.cli.lazy import typer_app
from airgap.cli.signing_options import (
    ExpiryOption,
    ForceReferrersTagOption,
    FormatOption,
    MetadataOption,
    TimestampOptions,
    lifetime,
    show_attached,
)

if TYPE_CHECKING:
    from airgap.values import SignedArtifact

app = typer_app()


@command(app, failure=lambda error, _: airgap.report.SignReport((), error))
def sign(
    *,
    references: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="REF...",
            help="registry/repo:tag, better registry/repo@sha256:..., or a layout directory or tar with :TAG or "
            "@DIGEST.",
        ),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", metavar="FILE", help="Read more artifacts from FILE, one a line.")
    ] = None,
    key: KeyChoice,
    signature_format: FormatOption = airgap.signature.EnvelopeFormat.JWS,
    expiry: ExpiryOption = None,
    metadata: MetadataOption = None,
    timestamp: TimestampOptions,
    force: Annotated[
        bool, typer.Option("--force", help="Sign even where an equal signature is attached, or may be.")
    ] = False,
    config_type: Annotated[
        bool,
        typer.Option(
            "--config-type",
            help="Say in the config what the signature is, for registries that know no artifact types (OCI 1.0).",
        ),
    ] = False,
    force_referrers_tag: ForceReferrersTagOption = False,
    oci_layout: LayoutOption = False,
    connection: Connection,
    output: QuietOutput,
) -> None:
    """Sign artifacts in a registry, a layout directory or a layout tar, and attach the signatures.

    The signature is verified before it is attached; where anything fails, nothing is attached. An artifact that has
    an equal signature (same signer, metadata and format, not expired) is left alone unless --force is given.

    Exit codes: 0 signed, or an equal signature is there, 1 could not, 2 usage, 11 not found, 16 content wrong.
    """
    transport, credentials = connection.transport(output.note), connection.credentials(output.note)
    credentials.given()  # a mistake in these options is refused for layouts, too
    request = airgap.SignRequest(
        targets=[layout_reference(text, oci_layout=oci_layout) for text in references or []],
        lists=[file] if file else [],
        spell=partial(layout_reference, oci_layout=oci_layout),
        signer=key.open(),
        at=clock(),
        envelope=signature_format,
        lifetime=lifetime(expiry),
        metadata=key_values(metadata or [], "--user-metadata"),
        timestamper=timestamp.open(lambda: transport),
        form="config" if config_type else "artifactType",
        referrers_tag=force_referrers_tag,
        force=force,
    )

    def run(tell: Callable[[SignedArtifact], None]) -> None:
        def attached(item: SignedArtifact) -> None:
            for warning in item.warnings:
                output.note(f"Warning: {warning}")
            tell(item)

        airgap.sign(request, transport=transport, credentials=credentials, attached=attached)

    show_attached(output, airgap.report.SignReport, run)
