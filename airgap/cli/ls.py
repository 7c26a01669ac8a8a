"""`airgap ls`."""

from __future__ import annotations

from typing import Annotated

import typer

import airgap.report
from airgap.cli.command import command
from airgap.cli.connection_options import Connection
from airgap.cli.console import LayoutOption, Output, VerboseOption, layout_reference, note
from airgap.cli.lazy import typer_app

app = typer_app()


@command(app)
def ls(
    *,
    target: Annotated[
        str,
        typer.Argument(
            metavar="REF",
            help="A layout directory or tar, with or without :TAG or @DIGEST; registry/repo for its tags, registry for "
            "its repositories, registry/repo:tag for one artifact.",
        ),
    ],
    oci_layout: LayoutOption = False,
    verbose: VerboseOption = False,
    connection: Connection,
    output: Output,
) -> None:
    """List what a layout, a tar, a repository or a registry holds.

    Of artifacts: names, platforms, size, date, and what is attached (signatures, SBOMs, attestations, CRLs, OCSP
    responses). All of it is what manifests and configs claim; `airgap verify` judges.

    Exit codes: 0, 1 a registry could not be asked or gives no list, 2 usage, 11 not found, 16 something cannot be read
    (the rest is shown all the same), or it is not a layout that can be read.
    """
    listing = airgap.ls(
        layout_reference(target, oci_layout=oci_layout),
        transport=connection.transport(note),
        credentials=connection.credentials(note),
    )
    if listing.referrers_tags and not (verbose or output.is_json):
        left_out = airgap.report.count(len(listing.referrers_tags), "tag")
        note(f"{left_out} left out that only list referrers; -v shows them, and copy brings what they list")
    output.finish(airgap.report.LsReport(listing, verbose=verbose))
