"""A command group that imports a command's module only when the command runs.

Start-up is part of the contract (`airgap --help` within 1.5 times of importing cryptography.x509), so the root knows
names and one-line descriptions, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, ClassVar, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


class Lazy(NamedTuple):
    """Where a command lives (a module with a Typer called `app`), and what help says about it."""

    module: str
    help: str


class ExplainedCommand(TyperCommand):
    """A command whose help ends with examples, and that knows the words of other tools."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Leaves out options of other tools that ask for what happens anyway; for others, names ours."""
        words = list(args)
        try:
            return super().parse_args(ctx, args)
        except PARSE_ERRORS as error:
            from airgap.cli.other_tools import here, without_needless

            option = str(getattr(error, "option_name", ""))
            rest = without_needless(words_of(ctx), option, words)
            if rest is None:
                error.message += here(option)  # type: ignore[attr-defined]
                raise
        return self.parse_args(ctx, rest)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """The examples, each below its purpose; a line that does not fit is not broken, so that it can be copied."""
        from airgap.cli.examples import EXAMPLES

        examples = EXAMPLES.get(words_of(ctx), ())
        if examples:
            with formatter.section("Examples"):
                for purpose, line in examples:
                    formatter.write_text(f"# {purpose}")
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")


def words_of(ctx: Any) -> str:
    """The words of a command after `airgap`: `trust cert add`."""
    return " ".join(ctx.command_path.split()[1:])


class Group(TyperGroup):
    """A group that names the command which was probably meant, wherever in the tree it is."""

    ALIASES: ClassVar[Mapping[str, str]] = {}
    """Other names of its commands."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list of commands in `--help`: no summary is cut, and each has its other names."""
        with formatter.section("Commands"):
            formatter.write_dl([(self._named(name), text) for name, text in self.summaries(ctx)])

    def summaries(self, ctx: Any) -> list[tuple[str, str]]:
        """Each command and what it does, in a sentence."""
        found = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        return [(name, command.get_short_help_str(_WHOLE)) for name, command in found if command and not command.hidden]

    def _named(self, name: str) -> str:
        return ", ".join((name, *(alias for alias, meant in self.ALIASES.items() if meant == name)))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command; an error for an unknown name says which is near."""
        self.suggest_commands = False
        try:
            return super().resolve_command(ctx, args)
        except PARSE_ERRORS as error:
            if near := _near(ctx, args):
                error.message += f" Did you mean '{near}'?"  # type: ignore[attr-defined]
            raise


TOPICS: Final = (
    "bundles",
    "environment",
    "exit-codes",
    "references",
    "reports",
    "signing",
    "trust-directory",
)
"""What `airgap help` explains: the names of the files in airgap/topics."""
PARSE_ERRORS: Final[tuple[type[Exception], ...]] = typer.BadParameter.__bases__
"""What is raised for options and arguments that cannot be understood."""
_MEANT: Final = {
    **dict.fromkeys(("pull", "push", "mirror", "save", "load", "sync", "download", "upload"), "copy"),
    **dict.fromkeys(("rm", "remove"), "delete"),
    **dict.fromkeys(("ls", "show"), "list"),
    **dict.fromkeys(("crl", "update", "refresh"), "fetch"),
    "check": "verify",
    "list": "ls",
    "store": "cert",
    "validate": "verify",
}
"""Words for commands in other tools."""
_ALIKE: Final = 0.7
_WHOLE: Final = 10_000
"""Characters of a summary: more than any has."""


def _near(ctx: Any, args: list[str]) -> str:
    """The command that the words are near to, in the form to type; empty if there is none."""
    from difflib import get_close_matches

    from airgap.cli.other_tools import COMMANDS

    typed, above = args[0].lower(), tuple(ctx.command_path.split())
    if named := COMMANDS.get(tuple(args[:2])) or COMMANDS.get((typed,)):
        return named
    everywhere = sorted(_paths(ctx.find_root().command, ctx, above[:1]), key=len)
    below = [path for path in everywhere if path[: len(above)] == above]
    own = [path for path in below if len(path) == len(above) + 1]
    names = [path[-1] for path in own]
    words = [typed, *([_MEANT[typed]] if typed in _MEANT else [])]
    near = [*get_close_matches(typed, names, n=1), *(name for name in names if name.startswith(typed))]
    far = get_close_matches(typed, [path[-1] for path in everywhere], n=1, cutoff=_ALIKE)
    for wanted, paths in ((words, own), (words, below), (near, own), ([*near, *words, *far], everywhere)):
        for word in wanted:
            for end in ((word, *args[1:2]), (word,)):  # `cert add` is `trust cert add`
                if found := next((path for path in paths if path[-len(end) :] == end), None):
                    return " ".join(found)
    return ""


def _paths(group: Any, ctx: Any, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name in group.list_commands(ctx):
        yield (*above, name)
        command = group.get_command(ctx, name)
        if hasattr(command, "list_commands"):
            yield from _paths(command, ctx, (*above, name))


class LazyGroup(Group):
    """A group over `COMMANDS`; `--help` imports none of them."""

    COMMANDS: ClassVar[Mapping[str, Lazy]] = {}

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

    def summaries(self, ctx: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        """From what is known without importing."""
        return [(name, lazy.help) for name, lazy in self.COMMANDS.items()]


def typer_app(help_text: str | None = None, *, cls: type[TyperGroup] = Group, **options: Any) -> typer.Typer:
    """A Typer app with the settings of this project: plain help, plain tracebacks, no completion options."""
    return typer.Typer(
        help=help_text,
        cls=cls,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        **options,
    )
