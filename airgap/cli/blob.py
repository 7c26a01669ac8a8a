"""`airgap blob sign|verify|inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import airgap.report
import airgap.signature
from airgap.cli.command import command
from airgap.cli.connection_options import Connection
from airgap.cli.console import Output, QuietOutput, VerboseOption, clock, clock_reading, demands, key_values
from airgap.cli.judging_options import DemandsOption, Judging, Reports
from airgap.cli.key_options import KeyChoice
from airgap.cli.lazy import typer_app
from airgap.cli.plugin_options import PluginOptions
from airgap.cli.signing_options import ExpiryOption, MetadataOption, TimestampOptions, lifetime

app = typer_app("Sign and verify files that are in no registry, with detached signatures.", no_args_is_help=True)


FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The file, of any size.")]
GivenFormatOption = Annotated[
    airgap.signature.EnvelopeFormat | None,
    typer.Option(
        "--signature-format", help="Format of the signature, where its name does not end in .jws.sig/.cose.sig."
    ),
]


@command(app)
def sign(
    *,
    file: FileArgument,
    key: KeyChoice,
    signature_format: Annotated[
        airgap.signature.EnvelopeFormat, typer.Option(help="Format of the signature.")
    ] = airgap.signature.EnvelopeFormat.JWS,
    media_type: Annotated[
        str, typer.Option(metavar="TYPE", help="Media type of the file, which is signed, too.")
    ] = "application/octet-stream",
    expiry: ExpiryOption = None,
    metadata: MetadataOption = None,
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
    authority = timestamp.open(lambda: Connection().transport(output.note))
    done = airgap.sign_blob(
        airgap.BlobSignRequest(
            path=file,
            signer=key.open(),
            at=clock(),
            envelope=signature_format,
            media_type=media_type,
            lifetime=lifetime(expiry),
            metadata=key_values(metadata or [], "--user-metadata"),
            timestamper=authority,
            directory=signature_directory,
            force=force,
        )
    )
    output.finish(airgap.report.SignedBlobReport(done))


@command(app, failure=lambda error, given: airgap.report.BlobReport.of_failure(error, given["file"], clock_reading()))
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
    metadata: DemandsOption = None,
    judging: Judging,
    plugins: PluginOptions,
    reports: Reports,
    verbose: VerboseOption = False,
    output: QuietOutput,
) -> None:
    """Verify a file by its detached signature, with no network. The verdict.

    Anchors and policy (trustpolicy.blob.json) come from the trust directory alone. Exit codes are those of airgap
    verify.
    """
    now = clock()
    request = airgap.BlobVerifyRequest(
        path=file,
        at=judging.moment(now),
        clock=now,
        signature=signature,
        envelope=signature_format,
        policy_name=policy_name,
        media_type=media_type,
        metadata=demands(metadata or [], "--user-metadata"),
        max_age=judging.ages(),
        plugins=plugins.allowed(),
    )
    place = judging.location()
    reports.check([place.path, *request.inputs])
    with airgap.no_network() as guard:
        outcome = airgap.verify_blob(request, place)
    output.finish(airgap.report.BlobReport(outcome, guard.attempts, verbose), files=reports.files)


@command(app)
def inspect(
    *,
    signature: Annotated[Path, typer.Argument(metavar="SIGNATURE", help="The detached signature.")],
    signature_format: GivenFormatOption = None,
    output: Output,
) -> None:
    """Show what a detached signature says, without judging it. Exit code 12 where it cannot be decoded."""
    with airgap.no_network():
        shown = airgap.inspect_blob(signature, envelope=signature_format)
    output.finish(airgap.report.InspectedBlobReport(signature, shown))
