"""`airgap trust fetch`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

import airgap.report
import airgap.trust
from airgap.cli.command import command
from airgap.cli.connection import Connection
from airgap.cli.console import QuietOutput, VerboseOption, clock
from airgap.cli.judging import TrustOption, location
from airgap.cli.lazy import typer_app
from airgap.errors import UsageError

app = typer_app()


@command(app)
def fetch(
    *,
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="TARGET...", help="Whose signatures: layout directories, tars, registry/repo:tag."),
    ] = None,
    trust: TrustOption = None,
    into: Annotated[
        str | None,
        typer.Option(metavar="LAYOUT", help="Put the evidence beside the images of this layout directory or tar."),
    ] = None,
    offered: Annotated[
        list[Path] | None,
        typer.Option("--from", metavar="PATH", help="Take evidence from this file or folder, too; repeatable."),
    ] = None,
    no_download: Annotated[
        bool, typer.Option("--no-download", help="Ask no URL: take only what --from and the targets hold.")
    ] = False,
    allow_https: Annotated[
        bool, typer.Option("--allow-https", help="Ask https URLs, too (http alone is usual for evidence).")
    ] = False,
    timeout: Annotated[
        float | None, typer.Option(min=0.1, metavar="SECONDS", help="Patience with a URL. Default: CRL 30, OCSP 10.")
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove older generations of which nothing would be lost.")
    ] = False,
    require_complete: Annotated[
        bool, typer.Option("--require-complete", help="Exit 15 if there is no evidence for some certificate.")
    ] = False,
    concurrency: Annotated[int, typer.Option(min=1, max=64, metavar="N", help="URLs asked at a time.")] = 8,
    connection: Connection,
    verbose: VerboseOption = False,
    output: QuietOutput,
) -> None:
    """Fetch CRLs and OCSP responses for every certificate that the targets' signatures and timestamps stand on.

    What comes is proven (signature, issuer, scope, dates) before it is kept, in the trust directory, or with --into
    beside the images; nothing ever gets older. Says for each certificate what there is, and each gap with its reason.

    Exit codes: 0, 1 a target could not be read, 11 not found, 15 gaps (with --require-complete), 16 content wrong,
    18 trust material malformed.
    """
    outcome = run_fetch(
        targets or [],
        trust=trust,
        into=into,
        offered=offered or [],
        download=not no_download,
        allow_https=allow_https,
        timeout=timeout,
        prune=prune,
        required=require_complete,
        concurrency=concurrency,
        connection=replace(connection, connections=concurrency),
        note=output.note,
    )
    output.finish(airgap.report.FetchReport(outcome, verbose))


def run_fetch(
    targets: Sequence[str],
    *,
    connection: Connection,
    trust: Path | None = None,
    into: str | None = None,
    offered: Sequence[Path] = (),
    download: bool = True,
    allow_https: bool = False,
    timeout: float | None = None,
    prune: bool = False,
    required: bool = False,
    concurrency: int = 8,
    note: Callable[[str], None],
) -> airgap.FetchOutcome:
    """What the command does, for `airgap copy --with-evidence` as well, which has fetched into the copy.

    A trust directory is written where it is named, or where evidence has no other place; else it only lends its tsa
    stores, and says who is revoked. Raises AirgapError.
    """
    from concurrent.futures import ThreadPoolExecutor

    if not targets and into is None:
        raise UsageError("no target is named", remedy="Name layouts, tars or references: trust fetch trip.tar.")
    where = location(trust)
    keep = airgap.trust.writable(where) if trust is not None or into is None else None
    request = airgap.FetchRequest(
        targets=targets,
        at=clock(),
        directory=keep,
        into=into,
        offered=offered,
        prune=prune,
        required=required,
        download=download,
    )
    evidence = airgap.EvidenceOptions(transport=_for_evidence(connection, note), allow_https=allow_https)
    if timeout:
        evidence = replace(evidence, crl_seconds=timeout, ocsp_seconds=timeout)
    with ThreadPoolExecutor(concurrency) as pool:
        return airgap.fetch(
            request,
            trust=airgap.TrustDirectory.find(where.path),
            transport=connection.transport(note),
            credentials=connection.credentials(),
            evidence=evidence,
            executor=pool,
        )


_EVIDENCE_RETRIES = 1
"""At most: a chain names several points, and hosts that never answer would take minutes each."""


def _for_evidence(connection: Connection, note: Callable[[str], None]) -> airgap.TransportOptions:
    # what was given for the registry alone (a client certificate, plain http) is not shown to the hosts of issuers
    own = replace(
        connection,
        plain_http=False,
        insecure=False,
        cert_file=None,
        key_file=None,
        retries=min(connection.retries, _EVIDENCE_RETRIES),
    )
    return own.transport(note)
