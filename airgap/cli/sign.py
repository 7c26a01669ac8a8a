"""`airgap sign`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from airgap.cli.command import command
from airgap.cli.connection import SigningConnection
from airgap.cli.console import (
    LayoutOption,
    QuietOutput,
    clock,
    key_values,
    layout_reference,
    write,
    write_json,
)
from airgap.cli.lazy import typer_app
from airgap.cli.signer import KeyChoice
from airgap.cli.signing import EnvelopeFormat, ForceReferrersTagOption, TimestampOptions, lifetime
from airgap.errors import AirgapError

if TYPE_CHECKING:
    from airgap.signature.results import SignedArtifact

app = typer_app()


@command(app)
def sign(
    *,
    references: Annotated[
        list[str],
        typer.Argument(
            metavar="REF...",
            help="registry/repo:tag, better registry/repo@sha256:..., or a layout directory or tar with :TAG or "
            "@DIGEST.",
        ),
    ],
    key: KeyChoice,
    signature_format: Annotated[EnvelopeFormat, typer.Option(help="Format of the envelope.")] = EnvelopeFormat.JWS,
    expiry: Annotated[
        str | None,
        typer.Option("--expiry", "-e", metavar="DURATION", help="How long the signature counts: 24h, 90d, 52w."),
    ] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option("--user-metadata", "-m", metavar="KEY=VALUE", help="Sign this metadata, too; repeatable."),
    ] = None,
    timestamp: TimestampOptions,
    force: Annotated[bool, typer.Option("--force", help="Sign even where an equal signature is attached.")] = False,
    config_type: Annotated[
        bool,
        typer.Option(
            "--config-type",
            help="Say in the config what the signature is, for registries that know no artifact types (OCI 1.0).",
        ),
    ] = False,
    force_referrers_tag: ForceReferrersTagOption = False,
    oci_layout: LayoutOption = False,
    connection: SigningConnection,
    output: QuietOutput,
) -> None:
    """Sign artifacts in a registry, a layout directory or a layout tar, and attach the signatures.

    The signature is verified before it is attached; where anything fails, nothing is attached. An artifact that has
    an equal signature (same signer, metadata and format, not expired) is left alone unless --force is given.

    Exit codes: 0 signed, or an equal signature is there, 1 could not, 2 usage, 11 not found, 16 content wrong.
    """
    from airgap.report.signing import signed_document, signed_text
    from airgap.stages.sign import SignRequest
    from airgap.stages.sign import sign as run

    transport = connection.transport(output.note)
    request = SignRequest(
        targets=[layout_reference(text, oci_layout=oci_layout) for text in references],
        signer=key.open(),
        at=clock(),
        envelope=signature_format.value,
        lifetime=lifetime(expiry),
        metadata=key_values(metadata or [], "--user-metadata"),
        timestamper=timestamp.open(lambda: transport),
        form="config" if config_type else "artifactType",
        referrers_tag=force_referrers_tag,
        force=force,
    )
    done: list[SignedArtifact] = []

    def attached(item: SignedArtifact) -> None:
        done.append(item)
        for warning in item.warnings:
            output.note(f"Warning: {warning}")
        if not output.is_json:
            write(signed_text(item, style=output.style))

    try:
        run(
            request,
            transport=transport,
            credentials=connection.credentials(),
            attached=attached,
        )
    except AirgapError as error:
        if output.is_json:
            write_json(signed_document(done, error))
        raise
    if output.is_json:
        write_json(signed_document(done))
