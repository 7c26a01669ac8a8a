"""`airgap demo`."""

from __future__ import annotations

import io
import shlex
import shutil
import sys
from contextlib import ExitStack, chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import mkdtemp
from typing import Annotated, Final

import typer

from airgap.cli.command import command
from airgap.cli.console import QuietOutput, write
from airgap.cli.lazy import typer_app
from airgap.errors import AirgapError, UsageError
from airgap.report import DemoCase, DemoReport, demo_cases
from airgap.text import safe

app = typer_app()

_PACKAGE: Final = Path(__file__).parents[1]
_LAYOUTS: Final = "layouts"


@command(app)
def demo(
    *,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", help="Copy the layouts and their trust directory into DIR/layouts, too."),
    ] = None,
    output: QuietOutput,
) -> None:
    """Verify the small layouts that come with airgap: what passes, and each way to fail.

    It needs no network, no registry and no trust directory of yours. Each command is shown before it runs; with --to
    you can run it again yourself.

    Exit codes: 0 every verdict is the expected one, 1 one is not, or the layouts are not there, 2 usage.
    """
    shipped = _shipped()
    shown = to / _LAYOUTS if to is not None else shipped
    cases = demo_cases(shipped)
    if to is not None:
        _copy(shipped, shown)
    quiet = output.quiet or output.is_json
    with chdir(shown.parent):
        ran = [_run(case, f"{number} of {len(cases)}", quiet=quiet) for number, case in enumerate(cases, 1)]
    output.finish(DemoReport(ran, safe(shown), is_copy=to is not None))


def _shipped() -> Path:
    """The folder of layouts: in an installed package, else in the repository."""
    places = (_PACKAGE / _LAYOUTS, _PACKAGE.parent / _LAYOUTS)
    found = next((place for place in places if (place / "expected.json").is_file()), None)
    if found is None:
        raise AirgapError(
            "this installation has no layouts to show",
            remedy="Install airgap-oci again from its wheel, or clone the repository.",
        )
    return found


def _copy(shipped: Path, place: Path) -> None:
    """All of it or nothing. Raises UsageError where there is something of that name."""
    if place.exists() or place.is_symlink():
        raise UsageError(f"there is something at {safe(place)} already", remedy="Name another folder with --to.")
    place.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(mkdtemp(prefix=".airgap-demo-", dir=place.parent))
    try:
        ignored = shutil.ignore_patterns("*.py", "__pycache__")
        shutil.copytree(shipped, staged / _LAYOUTS, ignore=ignored, copy_function=shutil.copyfile)
        (staged / _LAYOUTS).rename(place)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _run(case: DemoCase, number: str, *, quiet: bool) -> DemoCase:
    """The case with the exit code of its command, which runs in this process."""
    from airgap.cli.app import app as whole_command

    with ExitStack() as hidden:
        if quiet:
            for redirect in (redirect_stdout, redirect_stderr):
                hidden.enter_context(redirect(io.StringIO()))
        else:
            sys.stderr.flush()
            write(f"{number}: {case.about}\n$ airgap {shlex.join(case.command)}\n")
        code = whole_command(list(case.command), prog_name="airgap", standalone_mode=False)
        if not quiet:
            write("\n")
    return case.ended(int(code))
