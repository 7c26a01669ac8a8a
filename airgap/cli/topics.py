"""`airgap help`: short texts about what many commands share. The documents use the same files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from airgap.cli.command import command
from airgap.cli.console import Output
from airgap.cli.lazy import TOPICS, typer_app
from airgap.errors import NotFoundError
from airgap.report import TopicReport
from airgap.text import safe

app = typer_app()

_FOLDER: Final = Path(__file__).parents[1] / "topics"


@command(app)
def help_(
    *,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[TOPIC|COMMAND...]", help="A topic, or a command with its words.")
    ] = None,
    output: Output,
) -> None:
    """Explain a topic, or show the help of a command. Without words: the commands and topics.

    Exit codes: 0, 11 there is no such topic.
    """
    wanted = " ".join(words or ()).lower().replace(" ", "-")
    if wanted not in TOPICS:
        raise NotFoundError(f"there is no topic {safe(wanted, limit=80)!r}", remedy=f"Topics: {', '.join(TOPICS)}.")
    output.finish(TopicReport(wanted, topic_text(wanted)))


def topic_text(name: str) -> str:
    """The text of a topic, as plain Markdown."""
    return (_FOLDER / f"{name}.md").read_text(encoding="utf-8")
