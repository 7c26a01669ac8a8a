"""Runs the command as a user does, in a process of its own or in this one, and reads its JSON report."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker
from typer.main import get_command

from airgap.reasons import ExitCode

SCHEMAS: Final = Path(__file__).resolve().parents[2] / "airgap" / "schemas"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document on stdout; it follows the schema that it names. Else an AssertionError that shows all."""
        try:
            document = json.loads(self.out)
        except ValueError:
            raise AssertionError(f"stdout is no JSON document\n{self}") from None
        assert isinstance(document, dict), self
        _schema(schema_name(document["schema"])).validate(document)
        return document

    def held_to(self, schema: str) -> dict[str, Any]:
        """The document, if it follows this schema in airgap/schemas and has no other exit code than the real one."""
        document = self.document
        assert schema_name(document["schema"]) == schema, self
        assert document.get("exit_code", self.code) == self.code, self
        return document

    def check_sound(self) -> None:
        """No traceback anywhere, and the report's exit code is the real one."""
        assert "Traceback" not in self.err + self.out, self
        assert self.document["exit_code"] == self.code, self

    def blocking(self) -> Iterator[tuple[str, str]]:
        """(check, reason) of everything that kept something from being accepted.

        The check is one of the policy's checks, or "content", "policy", "signature" or "run".
        """
        document = self.document
        for problem in document.get("problems", ()):
            yield "run", problem.get("reason") or ""
        for artifact in document.get("artifacts", ()):
            yield from _blocking_of(artifact)

    @property
    def reasons(self) -> frozenset[str]:
        """Reason codes of everything that blocked."""
        return frozenset(reason for _, reason in self.blocking())

    @property
    def checks(self) -> frozenset[str]:
        """Checks of everything that blocked."""
        return frozenset(check for check, _ in self.blocking())

    def logged(self) -> frozenset[tuple[str, str]]:
        """(check, reason) of failures that the policy only logs."""
        return frozenset(
            (finding["check"], finding["reason"])
            for artifact in self.document["artifacts"]
            for signature in artifact["signatures"]
            for finding in signature["findings"]
            if finding["action"] == "log" and finding["verdict"] in {"fail", "indeterminate"}
        )


def _blocking_of(artifact: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for problem in artifact["content"].get("problems", ()):
        yield "content", problem["reason"]
    policy = artifact["policy"]["reason"]
    if policy and policy != "policy.skip":
        yield "policy", policy
    if artifact["unsigned"]:
        assert ExitCode.UNSIGNED in artifact["exit_codes"], artifact
        yield "signature", artifact["unsigned"]["reason"]
    for signature in artifact["signatures"]:
        for finding in signature["findings"]:
            if finding["action"] == "enforce" and finding["verdict"] in {"fail", "indeterminate"}:
                yield finding["check"], finding["reason"]


def schema_name(document: str) -> str:
    """The name of the schema of a document `airgap.bundle.show/1`: that of its file, and of `airgap schema`."""
    return document.removeprefix("airgap.").rpartition("/")[0].replace(".", "-")


@functools.cache
def _schema(name: str) -> Draft202012Validator:
    """To check the schema itself takes longer than a verify, so that is done once."""
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=FormatChecker())


Runner = Callable[[Sequence[str]], Ran]


def run_process(arguments: Sequence[str]) -> Ran:
    """As a user: `python -m airgap ...`."""
    done = subprocess.run(
        [sys.executable, "-m", "airgap", *arguments],
        check=False,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@functools.cache
def root_command() -> Any:
    """As `app(...)` makes it each time it is called."""
    from airgap.cli.app import app

    return _keep_commands(get_command(app))


def _keep_commands(command: Any) -> Any:
    """A group makes its command from a function's signature each time; that took a tenth of the time of a test."""
    if hasattr(command, "list_commands"):
        make = command.get_command
        keep = functools.cache(lambda name: _keep_commands(make(None, name)))
        command.get_command = lambda _, name: keep(name)
    return command


def run_here(arguments: Sequence[str]) -> Ran:
    """The same entry point, without the cost of a new process."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            root_command().main(list(arguments), prog_name="airgap")
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Ran(code, out.getvalue(), err.getvalue())
