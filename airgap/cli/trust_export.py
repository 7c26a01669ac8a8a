"""`airgap trust export`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from airgap.cli.command import command
from airgap.cli.console import Output, clock, write, write_json
from airgap.cli.lazy import typer_app
from airgap.cli.trust_common import TrustOption, location

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
    accept_omissions: Annotated[
        bool,
        typer.Option("--accept-omissions", help="Exit 0 although something cannot be told to the other tool."),
    ] = False,
    output: Output,
) -> None:
    """Write trust material for another tool: notation with its CRL cache, or containers' policy.json.

    notation: DIR/config for NOTATION_CONFIG and DIR/cache for NOTATION_CACHE, so that it verifies offline until the
    first CRL goes stale. A CRL by which notation would judge milder stays out. containers-policy: refused where the
    policy demands what that language cannot say. Exit codes: 0, 20 something stayed out, or notation does not hear of
    a revocation (unless --accept-omissions).
    """
    from airgap.parse.time import iso
    from airgap.reasons import ExitCode
    from airgap.trust.directory import TrustDirectory
    from airgap.trust.export import export_containers_policy, export_notation

    directory = TrustDirectory.open(location(trust))
    if tool is Tool.NOTATION:
        done = export_notation(directory, folder, at=clock())
    else:
        done = export_containers_policy(directory, folder)
    code = ExitCode.PARTIAL if done.omissions and not accept_omissions else ExitCode.OK
    if output.is_json:
        write_json(
            {
                "schema": "airgap.export/1",
                "for": tool.value,
                "folder": done.folder,
                "files": list(done.files),
                "notes": list(done.notes),
                "omissions": [
                    {"file": item.file, "url": item.url or None, "problem": item.problem} for item in done.omissions
                ],
                "use_by": iso(done.use_by) if done.use_by else None,
            }
        )
        raise typer.Exit(code)
    lines = [f"EXPORTED: {len(done.files)} files for {tool.value} in {done.folder}."]
    if done.omissions:
        lines[0] = f"EXPORTED IN PART: {len(done.files)} files for {tool.value} in {done.folder}."
        lines += [f"  left out {item.sentence}" for item in done.omissions]
    lines += [f"  note {text}" for text in done.notes]
    if tool is Tool.NOTATION:
        lines.append(f"  NOTATION_CONFIG={done.folder}/config NOTATION_CACHE={done.folder}/cache notation verify ...")
    if done.use_by:
        lines.append(f"  good offline until {iso(done.use_by)}")
    write("\n".join(lines) + "\n")
    raise typer.Exit(code)
