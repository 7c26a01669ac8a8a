"""`airgap receipt create|show|request`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

import airgap
import airgap.ledger
import airgap.report
import airgap.trust
from airgap.cli.command import command
from airgap.cli.connection_options import Connection
from airgap.cli.console import Output, QuietOutput, clock
from airgap.cli.importing import NamingOptions
from airgap.cli.judging_options import TrustOption, location
from airgap.cli.lazy import typer_app
from airgap.cli.ledger_options import LedgerOption, ledger_files, needed_ledger
from airgap.cli.optional_signing import FileSigning

app = typer_app("Make and show receipts: what a site holds, for the next bundle.", no_args_is_help=True)

RECEIPT_TYPE = "application/vnd.airgap.receipt.v1+json"


@command(app)
def create(
    *,
    to: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The receipt.")],
    ledger: LedgerOption = None,
    site: Annotated[str | None, typer.Option(metavar="NAME", help="What the site is called.")] = None,
    trust: TrustOption = None,
    signing: FileSigning,
    output: QuietOutput,
) -> None:
    """Write down what was brought in here, to carry it back: the next bundle brings only what is not listed.

    It has the digests of all that imports put, the numbers of streams, the trust snapshot in force and the head of the
    ledger. Signed, it has a signature beside it (FILE.jws.sig), which airgap blob verify judges.

    Exit codes: 0 written, 1 could not, 2 usage, 11 no such ledger, 18 no ledger, or a damaged one.
    """
    path, now = needed_ledger(ledger), clock()
    place = location(trust)
    airgap.trust.check_output(to, [*ledger_files(path), place.path], what="receipt")
    seal = signing.open(output)
    with airgap.Ledger.open(path) as opened:
        opened.check_whole()
        snapshot = airgap.ledger.snapshot_in_force(place.path)
        receipt = airgap.ledger.Receipt.of(opened, at=now, site=site, snapshot=snapshot)
    airgap.ledger.write_receipt(to, receipt)
    signature = None if seal is None else seal(to, now, RECEIPT_TYPE).signature
    output.finish(airgap.report.ReceiptReport(to, receipt, signature, made=True))


@command(app)
def show(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The receipt.")],
    output: Output,
) -> None:
    """Show what a receipt says. It is a claim: a signature beside it is named, and judged by airgap blob verify.

    Exit codes: 0 shown, 11 no such file, 18 no receipt.
    """
    receipt = airgap.ledger.read_receipt(file)
    signature = file.with_name(f"{file.name}.jws.sig")
    output.finish(airgap.report.ReceiptReport(file, receipt, signature if os.path.lexists(signature) else None))


@command(app)
def request(
    *,
    references: Annotated[
        list[str],
        typer.Argument(
            metavar="TARGET... REGISTRY", help="Media with deltas, and the registry of this site, as for airgap import."
        ),
    ],
    to: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The request.")],
    site: Annotated[str | None, typer.Option(metavar="NAME", help="What the site is called.")] = None,
    verify_held: Annotated[
        bool, typer.Option("--verify-held", help="Read and hash what is there: what is damaged is missing.")
    ] = False,
    naming: NamingOptions,
    connection: Connection,
    output: QuietOutput,
) -> None:
    """Write down which layers of a delta the registry lacks, to carry it back.

    It looks as airgap import does, and judges and sends nothing. On the connected side, airgap bundle create with
    --since FILE makes the bundle that brings what is missing. Where nothing is missing, no file is written.

    Exit codes: 0 done, 1 could not, 2 usage, 11 not found, 16 the medium cannot be read.
    """
    from airgap.cli.progress import shown

    *targets, registry = references
    wanted = airgap.LayersRequest(
        targets=targets,
        registry=registry,
        at=clock(),
        site=site,
        keep_host=naming.keep_host,
        name_map=naming.name_map,
        to_repository=naming.to_repo,
        verify_held=verify_held,
    )
    airgap.trust.check_output(to, wanted.inputs, what="request")
    with shown(output) as progress:
        found = airgap.request_layers(
            wanted,
            transport=connection.transport(lambda text: progress(airgap.events.Notice(message=text))),
            credentials=connection.credentials(output.note),
            progress=progress,
        )
    if found.missing:
        found.write(to)
    output.finish(airgap.report.LayersReport(to, found))
