"""`airgap trust export`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

import airgap.errors
import airgap.report
import airgap.trust
from airgap.cli.command import command
from airgap.cli.console import Output, clock
from airgap.cli.judging_options import TrustOption, location
from airgap.cli.lazy import typer_app

app = typer_app()


class Tool(StrEnum):
    """For whom."""

    NOTATION = "notation"
    CONTAINERS = "containers-policy"


@command(app)
def export(
    *,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder, or an empty one.")],
    tool: Annotated[Tool, typer.Option("--for", help="For whom.")],
    trust: TrustOption = None,
    layouts: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="TARGET",
            help="notation: know the certificates in the signatures of this layout or tar, too. Repeatable.",
        ),
    ] = None,
    accept_omissions: Annotated[
        bool,
        typer.Option("--accept-omissions", help="Exit 0 although something cannot be expressed for the other tool."),
    ] = False,
    output: Output,
) -> None:
    """Write trust material for another tool: notation with its CRL cache, or containers' policy.json.

    notation: DIR/config for NOTATION_CONFIG and DIR/cache for NOTATION_CACHE, so that it verifies offline until the
    first CRL goes stale. A CRL by which notation would judge milder stays out. containers-policy: refused where the
    policy demands what that language cannot say. Exit codes: 0, 20 something stayed out, or the other tool judges
    milder (unless --accept-omissions).
    """
    directory = airgap.TrustDirectory.open(location(trust))
    if tool is Tool.NOTATION:
        done = airgap.trust.export_notation(directory, folder, at=clock(), layouts=layouts or ())
    elif layouts:
        raise airgap.errors.UsageError("--with is for notation", remedy="Leave it out, or use --for notation.")
    else:
        done = airgap.trust.export_containers_policy(directory, folder)
    output.finish(airgap.report.ExportReport(tool.value, done, accept_omissions))
