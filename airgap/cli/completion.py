"""`airgap completion`."""

from __future__ import annotations

import os
import re
import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from airgap.cli.command import command
from airgap.cli.console import home, write
from airgap.cli.lazy import typer_app
from airgap.errors import AirgapError, UsageError
from airgap.text import safe

app = typer_app()

_SCRIPTS: Final = Path(__file__).parent / "shells"


class Shell(StrEnum):
    """Shells that a script can be made for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    POWERSHELL = "powershell"


@command(app)
def completion(
    *,
    shell: Annotated[
        Shell | None, typer.Argument(metavar="[SHELL]", help="bash, zsh, fish or powershell. Default: that of $SHELL.")
    ] = None,
    install: Annotated[
        bool, typer.Option("--install", help="Set it up for this account, from the next shell on.")
    ] = False,
) -> None:
    """Print a completion script, or set it up for this account.

    It completes commands, options, files, tags in layouts, and the names of keys, trust stores, certificates, policy
    statements, repositories, pins, streams, plugins, schemas and topics.

    Exit codes: 0, 1 could not be set up, 2 usage.
    """
    wanted = shell or _own_shell()
    if not install:
        write(script(wanted))
        return
    if wanted is Shell.POWERSHELL:
        raise UsageError(
            "for powershell nothing is set up", remedy="airgap completion powershell >> $PROFILE, in powershell."
        )
    place = home()
    if place is None:
        raise AirgapError("no home directory is known", remedy="Set HOME, or load the script as your shell says.")
    write("".join(f"{line}\n" for line in _install(wanted, place)))


def script(shell: Shell) -> str:
    """The script for a shell."""
    if shell is Shell.POWERSHELL:
        # not in typer's __all__, but there is no other way to the script
        from typer.completion import get_completion_script  # type: ignore[attr-defined]

        text = get_completion_script(prog_name="airgap", complete_var="_AIRGAP_COMPLETE", shell=shell.value)
        return f"{text.rstrip()}\n"
    return (_SCRIPTS / f"airgap.{shell}").read_text(encoding="utf-8")


def _own_shell() -> Shell:
    name = Path(os.environ.get("SHELL", "")).name
    if name not in {*Shell}:
        raise UsageError(
            f"there is no completion for the shell {safe(name or 'of this account')}",
            remedy=f"Name one: {', '.join(Shell)}.",
        )
    return Shell(name)


def _install(shell: Shell, place: Path) -> list[str]:
    """Write the script, and the line that loads it; what was done. Raises AirgapError, OSError."""
    if shell is Shell.FISH:  # it finds it there by itself
        file = _folder("XDG_CONFIG_HOME", place / ".config") / "fish" / "completions" / "airgap.fish"
    else:
        file = _folder("XDG_DATA_HOME", place / ".local" / "share") / "airgap" / f"completion.{shell}"
    file.parent.mkdir(parents=True, exist_ok=True)
    staged = file.with_name(f".{file.name}.new")
    staged.write_text(script(shell), encoding="utf-8")
    staged.replace(file)
    said = [f"Wrote {safe(file)}."]
    if shell is not Shell.FISH:
        start = place / ".bashrc" if shell is Shell.BASH else Path(os.environ.get("ZDOTDIR") or place) / ".zshrc"
        loads = f"[ -r {shlex.quote(str(file))} ] && . {shlex.quote(str(file))}  # completion of airgap"
        now = "loads it now" if _appended(start, loads) else "loads it already"
        said.append(f"{safe(start)} {now}.")
    return [*said, f"It works in the next {shell}."]


def _folder(variable: str, otherwise: Path) -> Path:
    named = os.environ.get(variable, "")
    return Path(named) if named.startswith("/") else otherwise  # what is relative is ignored (XDG Base Directory)


def _appended(file: Path, line: str) -> bool:
    """Append a line to a file, which may be a link, unless it is there; whether it was appended. Raises OSError."""
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        text = b""
    if re.search(rb"^" + re.escape(line.encode()) + rb"$", text, re.MULTILINE):
        return False
    gap = b"" if not text or text.endswith(b"\n") else b"\n"
    with file.open("ab") as out:
        out.write(gap + line.encode() + b"\n")
    return True
