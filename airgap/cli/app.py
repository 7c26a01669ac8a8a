"""The command `airgap`: the list of commands, and nothing else."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from itertools import takewhile
from typing import Annotated, Any, ClassVar, Final

import typer

from airgap import __version__
from airgap.cli.lazy import PARSE_ERRORS, TOPICS, Lazy, LazyGroup, typer_app
from airgap.cli.malloc_arenas import share_arenas


class Commands(LazyGroup):
    """Every command, in the order of the journey."""

    COMMANDS: ClassVar[Mapping[str, Lazy]] = {
        "copy": Lazy("airgap.cli.copy", "Copy artifacts with everything attached to them, anywhere to anywhere."),
        "ls": Lazy("airgap.cli.ls", "List what a layout, a tar, a repository or a registry holds."),
        "discover": Lazy("airgap.cli.discover", "Show the tree of referrers of an artifact."),
        "inspect": Lazy("airgap.cli.inspect", "Show what an artifact's signatures say, without judging them."),
        "verify": Lazy("airgap.cli.verify", "Verify signatures and content, with no network. The verdict."),
        "bundle": Lazy("airgap.cli.bundle", "Bundles: artifacts and evidence on one medium, judged and listed."),
        "import": Lazy("airgap.cli.importing", "Verify what came on a medium, and put what passes into a registry."),
        "trust": Lazy("airgap.cli.trust", "Trust material: stores, policy, evidence, snapshots, pins."),
        "ledger": Lazy("airgap.cli.ledger", "List, show, check, export and prune what a site judged and brought in."),
        "receipt": Lazy("airgap.cli.receipt", "Write down what a site holds, so that the next bundle brings the rest."),
        "recheck": Lazy("airgap.cli.recheck", "Judge again what was accepted earlier, under newer evidence."),
        "sign": Lazy("airgap.cli.sign", "Sign artifacts in a registry, a layout directory or a layout tar."),
        "attach": Lazy("airgap.cli.attach", "Attach files (SBOMs, attestations) to an artifact."),
        "timestamp": Lazy("airgap.cli.timestamp", "Timestamp signatures that exist."),
        "blob": Lazy("airgap.cli.blob", "Sign and verify files that are in no registry."),
        "key": Lazy("airgap.cli.key", "Name signing keys; make test keys."),
        "plugin": Lazy("airgap.cli.plugin", "List, install and remove plugins."),
        "login": Lazy("airgap.cli.login", "Check credentials with a registry and keep them."),
        "logout": Lazy("airgap.cli.logout", "Forget the credentials for a registry."),
        "demo": Lazy("airgap.cli.demo", "Verify the small layouts that come with airgap: a first look."),
        "doctor": Lazy("airgap.cli.doctor", "Look at this machine: what does not work, and what to do."),
        "help": Lazy("airgap.cli.topics", "Explain a topic, or show the help of a command."),
        "schema": Lazy("airgap.cli.schema", "Print the JSON schema of a document, or list all."),
        "version": Lazy("airgap.cli.version", "Show the version."),
        "completion": Lazy("airgap.cli.completion", "Set up completion for your shell, or print its script."),
    }
    ALIASES: ClassVar[Mapping[str, str]] = {"cp": "copy", "tree": "discover"}

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuses options that may be names of files: in `airgap verify *.tar` the medium would choose them."""
        options = takewhile(lambda word: word != "--", args)
        if taken := next((word for word in options if word[:1] == "-" != word and os.path.lexists(word)), None):
            from airgap.cli.console import boundary
            from airgap.errors import UsageError
            from airgap.text import safe

            with boundary(tell=partial(_tell, args)):
                raise UsageError(
                    f"a file here is called {safe(taken, limit=160)!r}, and a shell may have made an option of it",
                    remedy="Write ./*.tar, not *.tar. If you mean the option, go to another folder.",
                )
        if args[:1] == ["help"] and not (ctx.resilient_parsing or is_topic(args[1:])):
            args = [*args[1:], "--help"]
        ctx.meta[_WORDS] = list(args)
        try:
            return super().parse_args(ctx, args)
        except PARSE_ERRORS as error:
            _tell(ctx.meta[_WORDS], error)
            raise

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """The topics."""
        with formatter.section("Topics (airgap help TOPIC)"):
            from textwrap import wrap

            indent = formatter.current_indent
            for line in wrap(", ".join(TOPICS), formatter.width - indent, break_on_hyphens=False):
                formatter.write(f"{'':{indent}}{line}\n")

    def invoke(self, ctx: Any) -> Any:
        """Runs the command; an error in its options is reported as JSON, too, where that was asked for."""
        try:
            return super().invoke(ctx)
        except PARSE_ERRORS as error:
            _tell(ctx.meta[_WORDS], error)
            raise


_WORDS: Final = "airgap.words"


def is_topic(words: list[str]) -> bool:
    """Whether words after `help` are a topic, and no command: `exit codes` is `exit-codes`."""
    named = list(takewhile(lambda word: word[:1] != "-", words))
    return "-".join(named).lower() in TOPICS or bool(words and not named)


def _tell(words: list[str], error: Exception) -> None:
    """The document about options that cannot be understood, where programs wait for one (`--format json`)."""
    from airgap.cli.console import wants_json

    if not wants_json(list(takewhile(lambda word: word != "--", words))):
        return
    from airgap.errors import AirgapError, UsageError
    from airgap.report import ErrorReport, to_json

    said = error if isinstance(error, AirgapError) else UsageError(_message(error), remedy=_remedy(error))
    sys.stdout.write(to_json(ErrorReport(said).document()))


def _message(error: Any) -> str:
    return str(error.format_message())


def _remedy(error: Any) -> str:
    """What the text says above the error."""
    return f"{error.ctx.command_path} --help shows what there is." if error.ctx else ""


app = typer_app(
    "Carry signed container images across an air gap, and verify them on the far side.",
    cls=Commands,
    no_args_is_help=True,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"airgap {__version__}\n")
        sys.stdout.flush()  # here, where an error is reported
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Carry signed container images across an air gap, and verify them on the far side."""


def _complete(asked: str) -> None:
    """Answer the script of a shell, and end; for powershell Typer does, once the app runs."""
    if asked in {"bash", "zsh", "fish"}:
        from airgap.cli.candidates import write_answer

        write_answer(asked, sys.argv[2:])
        sys.exit(0)
    from typer.completion import completion_init  # type: ignore[attr-defined]

    completion_init()


_NEW_OBJECTS: Final = 50_000
"""Objects that are made before the garbage collector runs: ten megabytes at most."""


def main() -> None:
    """Run the command with the arguments of this process."""
    # the caller may have closed a stream: no file that we open gets its descriptor, and no result is lost unnoticed
    for name, flags, mode in (("stdin", os.O_RDONLY, "r"), ("stdout", os.O_RDONLY, "w"), ("stderr", os.O_WRONLY, "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.open(os.devnull, flags), mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - kept
    for stream in (sys.stdout, sys.stderr):
        # a console that cannot show a character gets an escape, not a crash
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    share_arenas()
    # The objects of a command live until it ends. To collect garbage before that, and once more at the end, costs a
    # tenth of a small verify; the operating system frees all memory at once.
    gc.set_threshold(_NEW_OBJECTS)
    if asked := os.environ.get("_AIRGAP_COMPLETE"):  # the script of `airgap completion` asks what may come next
        _complete(asked)
    try:
        app(prog_name="airgap")
    except OSError as error:  # of the help, which no command writes
        from airgap.cli.console import boundary, named

        with suppress(typer.Exit), boundary():
            raise named(error) from None
        sys.exit(1)
    finally:
        gc.freeze()
