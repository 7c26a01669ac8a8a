"""`airgap trust fetch`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import airgap.report
import airgap.trust
from airgap.cli.command import command
from airgap.cli.connection_options import Connection, seconds_of
from airgap.cli.console import QuietOutput, VerboseOption, clock, clock_reading
from airgap.cli.judging_options import TrustOption, location
from airgap.cli.lazy import typer_app
from airgap.errors import UsageError

if TYPE_CHECKING:
    from airgap.values import FetchOutcome

app = typer_app()


OfferedOption = Annotated[
    list[Path] | None,
    typer.Option("--from", metavar="PATH", help="Take evidence from this file or folder, too; repeatable."),
]
NoDownloadOption = Annotated[
    bool, typer.Option("--no-download", help="Ask no URL: take only what --from and the targets hold.")
]
AllowHttpsOption = Annotated[
    bool, typer.Option("--allow-https", help="Ask https URLs, too (http alone is usual for evidence).")
]
UrlTimeoutOption = Annotated[
    str | None, typer.Option(metavar="TIME", help="Patience with one URL. Default: CRL 30s, OCSP 10s.")
]


def evidence_options(
    connection: Connection, note: Callable[[str], None], *, allow_https: bool, url_timeout: str | None
) -> airgap.EvidenceOptions:
    """How the hosts of issuers are asked. Raises UsageError."""
    patience = None if url_timeout is None else seconds_of("--url-timeout", url_timeout)
    evidence = airgap.EvidenceOptions(transport=_for_evidence(connection, note), allow_https=allow_https)
    return evidence if patience is None else replace(evidence, crl_seconds=patience, ocsp_seconds=patience)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOptions:
    """Sources and destination of evidence."""

    trust: TrustOption = None
    into: Annotated[
        str | None,
        typer.Option(metavar="LAYOUT", help="Put the evidence beside the images of this layout directory or tar."),
    ] = None
    offered: OfferedOption = None
    no_download: NoDownloadOption = False
    allow_https: AllowHttpsOption = False
    url_timeout: UrlTimeoutOption = None
    prune: Annotated[bool, typer.Option("--prune", help="Remove older generations of which nothing would be lost.")] = (
        False
    )
    require_complete: Annotated[
        bool, typer.Option("--require-complete", help="Exit 15 if there is no evidence for some certificate.")
    ] = False
    concurrency: Annotated[int, typer.Option(min=1, max=64, metavar="N", help="URLs asked at a time.")] = 8

    def run(
        self,
        targets: Sequence[str],
        connection: Connection,
        note: Callable[[str], None],
        credentials: airgap.Credentials | None = None,
    ) -> FetchOutcome:
        """What the command does, for `airgap copy --with-evidence` as well, which fetches into the copy.

        The trust directory is written if it is named, or if evidence has no other destination. Otherwise only its tsa
        stores and its evidence of revocations are read. `credentials` are for targets in registries.

        Raises AirgapError.
        """
        from concurrent.futures import ThreadPoolExecutor

        if not targets and self.into is None:
            raise UsageError("no target is named", remedy="Name layouts, tars or references: trust fetch trip.tar.")
        connection = replace(connection, connections=self.concurrency)
        where = location(self.trust)
        keep = airgap.trust.writable(where) if self.trust is not None or self.into is None else None
        request = airgap.FetchRequest(
            targets=targets,
            at=clock(),
            directory=keep,
            into=self.into,
            offered=self.offered or [],
            prune=self.prune,
            required=self.require_complete,
            download=not self.no_download,
        )
        evidence = evidence_options(connection, note, allow_https=self.allow_https, url_timeout=self.url_timeout)
        with ThreadPoolExecutor(self.concurrency) as pool:
            return airgap.fetch(
                request,
                trust=airgap.TrustDirectory.find(where.path),
                transport=connection.transport(note),
                credentials=credentials,
                evidence=evidence,
                executor=pool,
            )


@command(
    app,
    failure=lambda error, given: airgap.report.FetchReport.of_failure(error, given["targets"] or [], clock_reading()),
)
def fetch(
    *,
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="TARGET...", help="Whose signatures: layout directories, tars, registry/repo:tag."),
    ] = None,
    chosen: FetchOptions,
    connection: Connection,
    verbose: VerboseOption = False,
    output: QuietOutput,
) -> None:
    """Fetch CRLs and OCSP responses for every certificate that the targets' signatures and timestamps need.

    What comes is proven (signature, issuer, scope, dates) before it is kept, in the trust directory, or with --into
    beside the images; nothing ever gets older. Says for each certificate what there is, and each gap with its reason.

    Exit codes: 0, 1 a target could not be read, 11 not found, 15 gaps (with --require-complete), 16 content wrong,
    18 trust material malformed.
    """
    credentials = connection.credentials(output.note)
    credentials.given()  # a mistake in these options is refused for layouts, too
    outcome = chosen.run(targets or [], connection, output.note, credentials)
    output.finish(airgap.report.FetchReport(outcome, verbose))


_EVIDENCE_RETRIES = 1
"""At most: a chain names several points, and hosts that never answer would take minutes each."""


def _for_evidence(connection: Connection, note: Callable[[str], None]) -> airgap.TransportOptions:
    # what is meant for the registry alone (a client certificate, plain http) is not sent to hosts of issuers
    own = replace(
        connection,
        plain_http=False,
        insecure=False,
        cert_file=None,
        key_file=None,
        retries=min(connection.retries, _EVIDENCE_RETRIES),
    )
    return own.transport(note)
