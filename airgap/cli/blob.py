"""`airgap blob sign|verify|inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airgap.cli.command import command
from airgap.cli.connection import Connection
from airgap.cli.console import (
    Output,
    QuietOutput,
    VerboseOption,
    clock,
    demands,
    key_values,
    write,
    write_json,
)
from airgap.cli.lazy import typer_app
from airgap.cli.plugins import PluginOptions
from airgap.cli.signer import KeyChoice
from airgap.cli.signing import EnvelopeFormat, TimestampOptions, lifetime
from airgap.cli.trust_common import Judging
from airgap.reasons import ExitCode

app = typer_app("Sign and verify files that are in no registry, with detached signatures.", no_args_is_help=True)


FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The file, of any size.")]
GivenFormatOption = Annotated[
    EnvelopeFormat | None,
    typer.Option(
        "--signature-format", help="Format of the signature, where its name does not end in .jws.sig/.cose.sig."
    ),
]


@command(app)
def sign(
    *,
    file: FileArgument,
    key: KeyChoice,
    signature_format: Annotated[EnvelopeFormat, typer.Option(help="Format of the signature.")] = EnvelopeFormat.JWS,
    media_type: Annotated[
        str, typer.Option(metavar="TYPE", help="Media type of the file, which is signed, too.")
    ] = "application/octet-stream",
    expiry: Annotated[
        str | None,
        typer.Option("--expiry", "-e", metavar="DURATION", help="How long the signature counts: 24h, 90d, 52w."),
    ] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option("--user-metadata", "-m", metavar="KEY=VALUE", help="Sign this metadata, too; repeatable."),
    ] = None,
    signature_directory: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the signature goes. Default: beside the file.")
    ] = None,
    timestamp: TimestampOptions,
    force: Annotated[bool, typer.Option("--force", help="Replace a signature that is there.")] = False,
    output: QuietOutput,
) -> None:
    """Sign a file; the signature becomes FILE.jws.sig or FILE.cose.sig.

    The signature is verified before it is written; where anything fails, no file appears.

    Exit codes: 0 signed, 1 could not, 2 usage, or a signature is there already.
    """
    from airgap.report.blobs import signed_blob_document, signed_blob_text
    from airgap.stages.blob import BlobSignRequest, sign_blob

    authority = timestamp.open(lambda: Connection().transport(output.note))
    done = sign_blob(
        BlobSignRequest(
            path=file,
            signer=key.open(),
            at=clock(),
            envelope=signature_format.value,
            media_type=media_type,
            lifetime=lifetime(expiry),
            metadata=key_values(metadata or [], "--user-metadata"),
            timestamper=authority,
            directory=signature_directory,
            force=force,
        )
    )
    if output.is_json:
        write_json(signed_blob_document(done))
    elif not output.quiet:
        write(signed_blob_text(done, style=output.style))


@command(app)
def verify(
    *,
    file: FileArgument,
    signature: Annotated[
        Path | None,
        typer.Option("--signature", "-s", metavar="FILE", help="Default: FILE.jws.sig or FILE.cose.sig beside it."),
    ] = None,
    signature_format: GivenFormatOption = None,
    policy_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Statement of the blob policy. Default: the global one.")
    ] = None,
    media_type: Annotated[
        str | None, typer.Option(metavar="TYPE", help="Media type that must have been signed.")
    ] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option("--user-metadata", "-m", metavar="KEY=VALUE", help="Metadata that must be in the signature."),
    ] = None,
    judging: Judging,
    plugins: PluginOptions,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the JSON report to this file, too.")
    ] = None,
    verbose: VerboseOption = False,
    output: QuietOutput,
) -> None:
    """Verify a file by its detached signature, with no network. The verdict.

    Anchors and policy (trustpolicy.blob.json) come from the trust directory alone. Exit codes are those of airgap
    verify.
    """
    from airgap import __version__
    from airgap.cli.verify import write_report
    from airgap.guard import no_network
    from airgap.report.blobs import blob_document, blob_headline, blob_text
    from airgap.signature.detached import usual_places
    from airgap.stages.blob import BlobVerifyRequest, verify_blob
    from airgap.trust.apart import check_output

    now = clock()
    request = BlobVerifyRequest(
        path=file,
        at=judging.moment(now),
        clock=now,
        signature=signature,
        envelope=signature_format.value if signature_format else None,
        policy_name=policy_name,
        media_type=media_type,
        metadata=demands(metadata or [], "--user-metadata"),
        max_age=judging.ages(),
        plugins=plugins.allowed(),
    )
    place = judging.location()
    if report:
        check_output(report, [place.path, file, *([signature] if signature else usual_places(file))])
    with no_network() as guard:
        outcome = verify_blob(request, place)
        document = blob_document(outcome, version=__version__, attempts=guard.attempts)
    try:
        if report:
            write_report(report, document)
    finally:  # a report that cannot be written keeps no verdict back
        if output.is_json:
            write_json(document)
        elif output.quiet:
            write(blob_headline(outcome) + "\n")
        else:
            write(blob_text(outcome, style=output.style, verbose=verbose))
    raise typer.Exit(outcome.exit_code)


@command(app)
def inspect(
    *,
    signature: Annotated[Path, typer.Argument(metavar="SIGNATURE", help="The detached signature.")],
    signature_format: GivenFormatOption = None,
    output: Output,
) -> None:
    """Show what a detached signature says, without judging it. Exit code 12 where it cannot be decoded."""
    from airgap.guard import no_network
    from airgap.report.blobs import inspected_blob_document, inspected_blob_text
    from airgap.stages.blob import inspect_blob
    from airgap.text import safe

    with no_network():
        shown = inspect_blob(signature, envelope=signature_format.value if signature_format else None)
    if output.is_json:
        write_json(inspected_blob_document(safe(signature), shown))
    else:
        write(inspected_blob_text(safe(signature), shown, style=output.style))
    if shown.obstacles:
        raise typer.Exit(ExitCode.INVALID)
