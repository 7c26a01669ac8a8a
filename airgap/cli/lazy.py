"""A command group that imports a command's module only when the command runs.

Start-up is part of the contract (`airgap --help` within 1.5 times of importing cryptography.x509), so the root knows
names and one-line descriptions, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command


class Lazy(NamedTuple):
    """Where a command lives (a module with a Typer called `app`), and what help says about it."""

    module: str
    help: str


class LazyGroup(TyperGroup):
    """A group over `COMMANDS`; `--help` imports none of them."""

    COMMANDS: ClassVar[Mapping[str, Lazy]] = {}
    ALIASES: ClassVar[Mapping[str, str]] = {}

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Names in the order in which help shows them."""
        return list(self.COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """The command, imported now; None for a name that is not there."""
        name = self.ALIASES.get(cmd_name, cmd_name)
        if name not in self.COMMANDS:
            return None
        app: typer.Typer = import_module(self.COMMANDS[name].module).app
        command = get_command(app)
        command.name = name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """The list of commands in `--help`, from what is known without importing."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in self.COMMANDS.items()])


def typer_app(help_text: str | None = None, **options: Any) -> typer.Typer:
    """A Typer app with the settings of this project: plain help, plain tracebacks, no completion options."""
    return typer.Typer(
        help=help_text,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        **options,
    )
