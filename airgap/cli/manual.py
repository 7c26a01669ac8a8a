"""Manual pages (man 1), made from the commands themselves.

`python -m airgap.cli.manual FOLDER` writes one for each command and group, and one for each topic of `airgap help`
(man 7). The form is that of man(7): `man -l`, mandoc and `groff -man` read it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from airgap import __version__
from airgap.cli.lazy import TOPICS, words_of

_BLANKS: Final = re.compile(r"\s+")


def pages() -> Iterator[tuple[str, str]]:
    """The file name and the text of each page."""
    from typer import Context
    from typer.main import get_command

    from airgap.cli.app import app

    root = get_command(app)
    yield from _pages_of(root, Context(root, info_name="airgap"), "")
    for topic in TOPICS:
        yield f"airgap-{topic}.7", _topic_page(topic)


def _pages_of(command: Any, context: Any, about: str) -> Iterator[tuple[str, str]]:
    name = context.command_path.replace(" ", "-")
    yield f"{name}.1", "".join(f"{line}\n" for line in _page(command, context, name, about))
    if hasattr(command, "summaries"):
        for below, summary in command.summaries(context):
            made = command.get_command(context, below)
            made.name = below
            yield from _pages_of(made, type(context)(made, info_name=below, parent=context), summary)


def _page(command: Any, context: Any, name: str, about: str) -> Iterator[str]:
    """The lines of a page."""
    paragraphs = [_text(part) for part in re.split(r"\n\s*\n", (command.help or about).strip())]
    summary = (about or paragraphs[0]).rstrip(".")
    yield f'.TH "{_text(name.upper())}" "1" "" "airgap {_text(__version__)}" "Manual of airgap"'
    yield ".SH NAME"
    yield f"{_text(name)} \\- {_text(summary)}"
    yield ".SH SYNOPSIS"
    yield f".B {_text(context.command_path)}"
    yield _text(" ".join(command.collect_usage_pieces(context)))
    yield ".SH DESCRIPTION"
    for number, paragraph in enumerate(paragraphs):
        if number:
            yield ".PP"
        yield paragraph
    yield from _parameters(command, context)
    if hasattr(command, "summaries"):
        yield ".SH COMMANDS"
        for below, said in command.summaries(context):
            yield from (".TP", f".BR {_text(name)}\\-{_text(below)} (1)", _text(said))
    else:
        yield from _examples(context)
    yield ".SH SEE ALSO"
    yield ",\n".join(_see_also(context))


def _parameters(command: Any, context: Any) -> Iterator[str]:
    kinds = (("argument", "ARGUMENTS"), ("option", "OPTIONS"))
    for kind, heading in kinds:
        records = [
            record
            for parameter in command.get_params(context)
            if parameter.param_type_name == kind and (record := parameter.get_help_record(context)) is not None
        ]
        if records:
            yield f".SH {heading}"
        for names, said in records:
            yield from (".TP", f".B {_text(names)}", _text(said))


def _examples(context: Any) -> Iterator[str]:
    from airgap.cli.examples import EXAMPLES

    examples = EXAMPLES.get(words_of(context), ())
    if examples:
        yield ".SH EXAMPLES"
    for purpose, line in examples:
        yield from (".PP", f"{_text(purpose)}:", *_as_it_is([line]))


def _see_also(context: Any) -> Iterator[str]:
    above = context.parent
    if above is not None:
        yield f".BR {_text(above.command_path.replace(' ', '-'))} (1)"
    yield from (f".BR airgap\\-{_text(topic)} (7)" for topic in ("exit-codes", "references", "environment"))


def _topic_page(topic: str) -> str:
    """A topic as a page: its paragraphs, its lists, and what is indented as it is."""
    from airgap.cli.topics import topic_text

    title, _, rest = topic_text(topic).partition("\n")
    lines = [
        f'.TH "AIRGAP\\-{_text(topic.upper())}" "7" "" "airgap {_text(__version__)}" "Manual of airgap"',
        ".SH NAME",
        f"airgap\\-{_text(topic)} \\- {_text(title.lstrip('# '))}",
        ".SH DESCRIPTION",
    ]
    for block in re.split(r"\n\s*\n", rest.strip("\n")):
        if block.startswith("    "):
            lines += _as_it_is(line.removeprefix("    ") for line in block.splitlines())
        elif block.startswith("- "):
            for item in re.split(r"^- ", block, flags=re.MULTILINE)[1:]:
                lines += [".IP \\(bu 2", _text(item.replace("`", ""))]
        else:
            lines += [".PP", _text(block.replace("`", ""))]
    return "".join(f"{line}\n" for line in lines)


def _text(text: str) -> str:
    """A text in a line: nothing in it is a request or an escape."""
    return _escaped(_BLANKS.sub(" ", text.strip()))


def _as_it_is(lines: Iterable[str]) -> Iterator[str]:
    """Lines that are not filled, indented."""
    yield from (".PP", ".RS 4", ".nf")
    yield from (_escaped(line.rstrip()) for line in lines)
    yield from (".fi", ".RE")


def _escaped(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...").replace('"', "\\(dq")
    escaped = escaped.replace("^", "\\(ha").replace("~", "\\(ti").replace("`", "\\(ga")
    return f"\\&{escaped}" if escaped[:1] in {".", "'"} else escaped


def write_pages(folder: Path) -> list[Path]:
    """All pages, as `man1/airgap-verify.1` and so on below a folder. Raises OSError."""
    written = []
    for name, text in pages():
        file = folder / f"man{name[-1]}" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        written.append(file)
    return written


if __name__ == "__main__":
    sys.stdout.writelines(f"{file}\n" for file in write_pages(Path(sys.argv[1])))
