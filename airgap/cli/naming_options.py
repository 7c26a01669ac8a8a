"""Options of commands that write into a registry: what repositories are called there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

KeepHostOption = Annotated[
    bool, typer.Option("--keep-host", help="In a registry, keep the source's host as the first part of the path.")
]
NameMapOption = Annotated[
    Path | None,
    typer.Option("--map", metavar="FILE", help="Prefixes of source names, and their paths in the registry."),
]
