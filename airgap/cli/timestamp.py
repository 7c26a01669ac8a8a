"""`airgap timestamp`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from airgap.cli.command import command
from airgap.cli.connection import SigningConnection
from airgap.cli.console import LayoutOption, QuietOutput, layout_reference, write, write_json
from airgap.cli.lazy import typer_app
from airgap.cli.signing import ForceReferrersTagOption, TimestampOptions
from airgap.errors import AirgapError, FormatError, UsageError

if TYPE_CHECKING:
    from airgap.oci.digest import Digest
    from airgap.signature.results import StampedSignature

app = typer_app("Timestamp signatures that exist.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Timestamp signatures that exist, before their certificates expire."""


@command(app)
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
    connection: SigningConnection,
    output: QuietOutput,
) -> None:
    """Attach timestamped copies of an artifact's signatures.

    What is signed stays as it is. The copy is another envelope under another signature manifest; the signature
    without the timestamp stays attached beside it.

    Exit codes: 0 done, or nothing to do, 1 could not, 2 usage, 11 no such artifact or signature, 16 content wrong.
    """
    from airgap.report.signing import stamped_document, stamped_text
    from airgap.stages.timestamp import TimestampRequest, add_timestamps

    transport = connection.transport(output.note)
    authority = timestamp.open(lambda: transport)
    if authority is None:
        raise UsageError("name the timestamping authority with --timestamp-url and --timestamp-root-cert")
    request = TimestampRequest(
        target=layout_reference(reference, oci_layout=oci_layout),
        timestamper=authority,
        signature=_digest(signature),
        force=force,
        referrers_tag=force_referrers_tag,
    )
    done: list[StampedSignature] = []

    def attached(item: StampedSignature) -> None:
        done.append(item)
        if not output.is_json:
            write(stamped_text(item, style=output.style))

    try:
        add_timestamps(
            request,
            transport=transport,
            credentials=connection.credentials(),
            attached=attached,
        )
    except AirgapError as error:
        if output.is_json:
            write_json(stamped_document(done, error))
        raise
    if output.is_json:
        write_json(stamped_document(done))


def _digest(text: str | None) -> Digest | None:
    from airgap.oci.digest import Digest

    try:
        return None if text is None else Digest.parse(text)
    except FormatError as error:
        raise UsageError(f"--signature: {error}") from None
