"""`airgap completion`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from airgap.cli.command import command
from airgap.cli.console import write
from airgap.cli.lazy import typer_app

app = typer_app()


class Shell(StrEnum):
    """Shells that a script can be made for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    POWERSHELL = "powershell"


@command(app)
def completion(
    *, shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh, fish or powershell.")]
) -> None:
    """Print a completion script; load it as your shell's manual says.

    For example: airgap completion bash > ~/.local/share/bash-completion/completions/airgap
    """
    # not in typer's __all__, but there is no other way to the scripts
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    script = get_completion_script(prog_name="airgap", complete_var="_AIRGAP_COMPLETE", shell=shell.value)
    write(script.rstrip() + "\n")
