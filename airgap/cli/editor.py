"""A text that a person edits in their own editor."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp

import typer

from airgap.cli.console import note
from airgap.errors import AirgapError, UsageError
from airgap.reasons import ExitCode
from airgap.text import safe


def edited(data: bytes, name: str, accepts: Callable[[bytes], bool]) -> bytes:
    """The text after the editor has ended, once `accepts` takes it. A text that was not changed is not asked about.

    Where it does not, the person is asked to go on; if they do not, what they wrote is kept in a file that is named,
    and the command ends with 18. Raises UsageError without a terminal, AirgapError without an editor.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "there is no terminal to edit on", remedy="Edit a copy, and put it in place: airgap trust policy import."
        )
    program = _editor()
    folder = Path(mkdtemp(prefix="airgap-edit-"))
    kept = False
    try:
        file = folder / name
        file.write_bytes(data)
        text = _run(program, file)
        while text != data and not accepts(text):
            if not typer.confirm("Edit it again?", default=True, err=True):
                kept = True
                note(f"Nothing was changed. What you wrote is kept in {safe(file)}.")
                raise typer.Exit(ExitCode.MALFORMED)
            text = _run(program, file)
        return text
    finally:
        if not kept:
            shutil.rmtree(folder)


def _run(program: list[str], file: Path) -> bytes:
    if subprocess.run([*program, str(file)], check=False).returncode:  # noqa: S603 - the user named it
        raise AirgapError(f"the editor {safe(shlex.join(program))} ended with an error; nothing was changed")
    return file.read_bytes()


def _editor() -> list[str]:
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    usual = [name for name in ("sensible-editor", "vi", "nano") if shutil.which(name)]
    program = shlex.split(named) if named else usual[:1]
    if not program or shutil.which(program[0]) is None:
        name = f" {safe(program[0])}" if program else ""
        raise AirgapError(f"there is no editor{name}", remedy="Name one in $VISUAL or $EDITOR.")
    return program
