"""`airgap timestamp`."""

from __future__ import annotations

from typing import Annotated

import typer

import airgap.report
from airgap.cli.command import command
from airgap.cli.connection_options import Connection
from airgap.cli.console import LayoutOption, QuietOutput, layout_reference
from airgap.cli.lazy import typer_app
from airgap.cli.signing_options import ForceReferrersTagOption, TimestampOptions, show_attached
from airgap.errors import FormatError, UsageError

app = typer_app("Timestamp signatures that exist.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Timestamp signatures that exist, before their certificates expire."""


@command(app, failure=lambda error, _: airgap.report.TimestampReport((), error))
def add(
    *,
    reference: Annotated[str, typer.Argument(metavar="REF", help="The signed artifact: registry, layout, layout tar.")],
    timestamp: TimestampOptions,
    signature: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="Only the signature with this manifest. Default: all.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Stamp signatures that have a timestamp, too.")] = False,
    force_referrers_tag: ForceReferrersTagOption = False,
    oci_layout: LayoutOption = False,
    connection: Connection,
    output: QuietOutput,
) -> None:
    """Attach timestamped copies of an artifact's signatures.

    What is signed stays as it is. The copy is another envelope under another signature manifest; the signature
    without the timestamp stays attached beside it.

    Exit codes: 0 done, or nothing to do, 1 could not, 2 usage, 11 no such artifact or signature, 16 content wrong.
    """
    transport, credentials = connection.transport(output.note), connection.credentials(output.note)
    credentials.given()  # a mistake in these options is refused for layouts, too
    authority = timestamp.open(lambda: transport)
    if authority is None:
        raise UsageError("name the timestamping authority with --timestamp-url and --timestamp-root-cert")
    request = airgap.TimestampRequest(
        target=layout_reference(reference, oci_layout=oci_layout),
        timestamper=authority,
        signature=_digest(signature),
        force=force,
        referrers_tag=force_referrers_tag,
    )
    show_attached(
        output,
        airgap.report.TimestampReport,
        lambda attached: airgap.add_timestamps(
            request, transport=transport, credentials=credentials, attached=attached
        ),
    )


def _digest(text: str | None) -> airgap.Digest | None:
    try:
        return None if text is None else airgap.Digest.parse(text)
    except FormatError as error:
        raise UsageError(f"--signature: {error}") from None
