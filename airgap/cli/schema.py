"""`airgap schema`: the schemas of the documents for programs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

import typer

from airgap.cli.command import command
from airgap.cli.console import write
from airgap.cli.lazy import typer_app
from airgap.errors import NotFoundError
from airgap.text import safe

app = typer_app()

_FOLDER: Final = Path(__file__).parents[1] / "schemas"
_ENDING: Final = ".schema.json"
_WHOLE: Final = re.compile(r"(?:airgap\.)?(.*?)(?:/[0-9]+)?")
"""`airgap.bundle.show/1`, as documents say it."""


@command(app)
def schema(
    *,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="verify, bundle-show, or as a document says: airgap.verify/1."),
    ] = None,
) -> None:
    """Print the JSON schema of a document, or the names of all.

    The member `schema` of each document (--format json) names it. The schemas are of draft 2020-12, and strict: no
    document has a member that its schema does not know.

    Exit codes: 0, 2 usage, 11 there is no such schema.
    """
    if name is None:
        write("".join(f"{known}\n" for known in schema_names()))
        return
    matched = _WHOLE.fullmatch(name.strip())
    wanted = matched[1].replace(".", "-") if matched else ""
    if wanted not in schema_names():
        raise NotFoundError(f"there is no schema {safe(name, limit=80)!r}", remedy=_near(wanted))
    write((_FOLDER / f"{wanted}{_ENDING}").read_text(encoding="utf-8"))


def schema_names() -> list[str]:
    """The names of all schemas, sorted: the documents' own without `airgap.` and number, with `-` for `.`."""
    return sorted(path.name.removesuffix(_ENDING) for path in _FOLDER.glob(f"*{_ENDING}"))


def _near(wanted: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(wanted, schema_names(), n=1)
    return f"Did you mean {near[0]}? airgap schema lists all." if near else "airgap schema lists all."
