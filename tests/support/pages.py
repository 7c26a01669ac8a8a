"""The commands and screens of a page, and a shell that runs them word for word.

A block of code whose lines begin with `$ ` has commands at these lines and, below each, what it shows. In another
block every line is a command, continued after a backslash and to the end of a here-document. Blocks with a language
that is no shell's (json, toml) are no commands.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FENCE: Final = re.compile(r"^ *```(\w*)")
_SHELLS: Final = frozenset({"", "sh", "bash", "console", "shell"})
_HERE: Final = re.compile(r"<<-?\s*'?(\w+)'?")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

PRIVATE: Final = (
    "/media",
    "/etc/airgap",
    "/etc/pki",
    "/var/log",
    "/var/lib",
    "/srv",
    "/run/secrets",
    "/outbox",
    "/inbox",
)
"""Folders of a machine that pages name. A page is played with each of them below the folder of the test."""
_PRIVATE: Final = re.compile(rf"(?<![\w./-])({'|'.join(PRIVATE)})(?![\w-])")


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a page, and what the page shows below it; None: nothing."""

    text: str
    shown: str | None = None


@dataclass(frozen=True, slots=True)
class Played:
    """How a command ended, and what it wrote to both outputs."""

    command: Command
    code: int
    out: str


def blocks_of(text: str) -> Iterator[str]:
    """The blocks of code of a page, without their indentation."""
    block: list[str] = []
    fence: str | None = None
    before = ""
    for line in [*text.splitlines(), "end"]:
        opened = _FENCE.match(line)
        if fence is not None:
            if opened:
                if fence in _SHELLS:
                    yield _outdented(block)
                block, fence = [], None
            else:
                block.append(line)
        elif not opened and line.startswith("    ") and (block or not before.strip()):
            block.append(line)
        elif block and not line.strip():
            block.append("")
        else:
            if block:
                yield _outdented(block)
            block, fence = [], opened[1] if opened else None
        before = line


def _outdented(block: Sequence[str]) -> str:
    depth = min((len(row) - len(row.lstrip()) for row in block if row), default=0)
    return "\n".join(row[depth:] for row in block).rstrip()


def commands_of(block: str) -> Iterator[Command]:
    """The commands of a block."""
    if block.startswith("$ "):
        parts = re.split(r"^\$ (.+(?:\\\n.*)*)$", block, flags=re.MULTILINE)[1:]
        for text, shown in zip(parts[::2], parts[1::2], strict=True):
            yield Command(text, shown.strip("\n") or None)
        return
    lines = iter(block.splitlines())
    for line in lines:
        rows = [line]
        while rows[-1].endswith("\\"):
            rows.append(next(lines))
        if here := _HERE.search(line):
            while rows[-1].strip() != here[1]:
                rows.append(next(lines))
        if line.strip():
            yield Command("\n".join(rows))


def private(text: str, root: Path) -> str:
    """The text with the folders of PRIVATE below `root`."""
    return _PRIVATE.sub(lambda found: f"{root}{found[1]}", text)


def play(
    commands: Sequence[Command], root: Path, *, environment: Mapping[str, str], before: Mapping[str, str] | None = None
) -> list[Played]:
    """One shell runs all commands in their order in `root`/work, so that what one sets the next one has.

    `before`: what is done before the command that begins so, and is not on the page.
    """
    screens = root / "screens"
    screens.mkdir()
    lines = []
    for number, command in enumerate(commands):
        more = [text for start, text in (before or {}).items() if command.text.startswith(start)]
        lines += [f"{{ {text}\n}} >{screens}/before-{number} 2>&1 || echo PREPARATION $?" for text in more]
        lines.append(f"{{ {command.text}\n}} >{screens}/{number} 2>&1 </dev/null; echo $? >{screens}/{number}.code")
    script = private("\n".join(lines), root)
    done = subprocess.run(
        ["/bin/sh", "-c", script], cwd=root / "work", env=dict(environment), check=False, timeout=120,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
    )  # fmt: skip
    assert not done.stdout, (done.stdout, [path.read_text() for path in sorted(screens.glob("before-*"))])
    return [
        Played(command, int((screens / f"{n}.code").read_text()), (screens / f"{n}").read_text().replace(str(root), ""))
        for n, command in enumerate(commands)
    ]


def same_screen(shown: str, out: str) -> bool:
    """Whether a page shows what was written: `…` alone in a line is for any lines, moments and widths do not count."""
    parts = [_words(part) for part in re.split(r"^ *(?:…|\.\.\.)$", shown, flags=re.MULTILINE)]
    return re.fullmatch(".*?".join(re.escape(part) for part in parts), _words(out), re.DOTALL) is not None


def _words(text: str) -> str:
    return " ".join(_MOMENT.sub("MOMENT", text).split())
