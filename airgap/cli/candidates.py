"""What may come next on a command line: the answers to the scripts of `airgap completion`.

A script gives the words before the cursor, the last of them as far as it is typed. The answer is lines: first what the
shell itself completes (`files`, `folders` or `none`), then candidates, each with a tab and what it is for. Names from a
medium are shown only where they are plain: nothing in an answer can act in a shell, which evaluates none of it.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import airgap.signature
import airgap.trust
from airgap.cli.lazy import TOPICS, words_of

_PLAIN: Final = re.compile(r"[\w.@%+=:,/ -]{1,300}")
_MOST: Final = 500
"""Candidates of an answer."""
FILES: Final = "files"
FOLDERS: Final = "folders"
NONE: Final = "none"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be completed."""

    command: str
    """`trust cert show`."""
    parameter: str
    """`--store`, or the metavar of an argument."""
    typed: str
    given: Mapping[str, Any]
    """The other parameters, as far as they were typed."""

    @property
    def location(self) -> airgap.trust.Location:
        """The trust directory that is meant."""
        from airgap.cli.judging_options import location

        named = self.given.get("trust")
        return location(Path(named) if named else None)

    @property
    def trust(self) -> Path:
        """The trust directory."""
        return self.location.path

    @property
    def stores(self) -> Path:
        """The folder of its trust stores: folders of types, with a folder for each store."""
        return self.trust / "truststore" / "x509"


def answer(shell: str, words: list[str]) -> Iterator[str]:
    """The lines of an answer. For bash: its line up to the cursor, and the word that it replaces."""
    if shell == "bash":
        line, own = (*words, "", "")[:2]
        words, prefix = _split(line)[1:], ""
        typed = words[-1] if words else ""
        if typed.endswith(own):
            prefix = typed[: len(typed) - len(own)]
        if own in {":", "="}:
            prefix = typed
        first, found = _answered(words)
        yield first
        yield from (shlex.quote(item.removeprefix(prefix)) if item != typed else item for item, _ in found)
        return
    first, found = _answered(words)
    yield first
    yield from (f"{item}\t{about}" if about else item for item, about in found)


def _split(line: str) -> list[str]:
    """The words of a line that is not finished: an open quotation ends with it, and a blank begins a word."""
    for closing in ("", '"', "'", "\\"):
        try:
            words = shlex.split(f"{line}{closing}")
        except ValueError:
            continue
        return [*words, ""] if line[-1:].isspace() and not closing else words
    return line.split(" ")


def _answered(words: list[str]) -> tuple[str, list[tuple[str, str]]]:
    """What the shell completes, and the candidates."""
    # not in typer's own __all__, but there is no other way to what may come next
    from typer._click.shell_completion import _resolve_context, _resolve_incomplete
    from typer.main import get_command

    from airgap.cli.app import app

    *before, typed = words or [""]
    root = get_command(app)
    context = _resolve_context(root, {}, "airgap", before)
    found_there, typed = _resolve_incomplete(context, before, typed)
    about: Any = found_there
    if hasattr(about, "summaries") and typed[:1] != "-":  # without importing each command
        return NONE, _shown(pair for pair in about.summaries(context) if pair[0].startswith(typed))
    known = [(str(item.value), str(item.help or "")) for item in about.shell_complete(context, typed)]
    if known or not hasattr(about, "param_type_name"):
        return NONE, _shown(known)
    name = str(about.metavar) if about.param_type_name == "argument" else max(about.opts, key=len)
    first, found = _of_parameter(Asked(words_of(context), name, typed, context.params), about)
    return first, _shown((item, "") for item in found if item.startswith(typed))


def _shown(found: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    plain = ((item, " ".join(about.split())) for item, about in found if _PLAIN.fullmatch(item))
    return [pair for _, pair in zip(range(_MOST), plain, strict=False)]


def _of_parameter(asked: Asked, parameter: Any) -> tuple[str, Iterable[str]]:
    names = _NAMES.get((asked.command, asked.parameter)) or _NAMES.get(("", asked.parameter))
    if names is not None:
        return NONE, _tried(names, asked)
    metavar = str(parameter.metavar or "")
    if _REFERENCE.search(metavar):
        tags = _tried(_tags, asked)
        return (NONE, tags) if tags else (FILES, [])
    if "DIR" in metavar:
        return FOLDERS, []
    return (FILES, []) if re.search(r"FILE|PATH|^[AB]$|LAYOUT|SIGNATURE", metavar) else (NONE, [])


_REFERENCE: Final = re.compile(r"REF|TARGET|SRC|DST|LAYOUT\||^[AB]$")


def _tried(names: Callable[[Asked], Iterable[str]], asked: Asked) -> list[str]:
    """The names; none where they cannot be read: a completion says no errors."""
    from airgap.errors import AirgapError

    try:
        return list(names(asked))
    except (AirgapError, OSError):
        return []


def _tags(asked: Asked) -> Iterator[str]:
    """`LAYOUT:` with each of its tags, once the colon is typed."""
    place, colon, _ = asked.typed.rpartition(":")
    path = Path(re.sub(r"^(oci|oci-archive|ocidir):(//)?", "", place))
    if not colon or not place or not (path.is_file() or (path / "oci-layout").is_file()):
        return
    import airgap

    listing = airgap.ls(str(path.absolute()))
    yield from (f"{place}:{tag}" for artifact in listing.artifacts for tag in artifact.tags if "/" not in tag)


def _keys(asked: Asked) -> Iterator[str]:
    from airgap.cli.signing_options import key_folders

    named = asked.given.get("key_config")
    folders = key_folders(Path(named) if named else None)
    return (key.entry.name for key in airgap.signature.list_keys(folders))


def _stores(asked: Asked) -> Iterator[str]:
    kind = str(asked.given.get("kind") or "*")
    return (path.name for path in sorted(asked.stores.glob(f"{_kind(kind)}/*")))


def _kind(text: str) -> str:
    return text if text in {*airgap.trust.StoreType} else "*"


def _typed_stores(asked: Asked) -> Iterator[str]:
    return (f"{path.parent.name}:{path.name}" for path in sorted(asked.stores.glob("*/*")) if path.is_dir())


def _certificates(asked: Asked) -> Iterator[str]:
    kind, store = _kind(str(asked.given.get("kind") or "")), str(asked.given.get("store") or "*")
    if "/" in store:
        return iter(())
    return (path.name for path in sorted(asked.stores.glob(f"{kind}/{store}/*")))


def _statements(asked: Asked) -> Iterator[str]:
    path, data = airgap.trust.find_policy(asked.trust, "blob")
    return (statement.name for statement in airgap.trust.parse_policy(data, str(path), "blob").statements)


def _scopes(asked: Asked) -> Iterator[str]:
    path, data = airgap.trust.find_policy(asked.trust, "oci")
    policy = airgap.trust.parse_policy(data, str(path), "oci")
    return (scope for statement in policy.statements for scope in statement.scopes if scope != "*")


def _pins(asked: Asked) -> Iterator[str]:
    return (pin.id for pin in airgap.trust.list_pins(asked.location))


def _streams(asked: Asked) -> Iterator[str]:
    return iter(sorted({pin.stream for pin in airgap.trust.list_pins(asked.location)}))


def _plugins(asked: Asked) -> Iterator[str]:
    """By the names of their folders: no plugin is run."""
    del asked
    from airgap.cli.plugin_options import plugin_directory

    return (path.name for path in sorted(plugin_directory().path.glob("*")) if path.is_dir())


def _schemas(asked: Asked) -> Iterator[str]:
    del asked
    from airgap.cli.schema import schema_names

    return iter(schema_names())


_NAMES: Final[Mapping[tuple[str, str], Callable[[Asked], Iterable[str]]]] = {
    ("", "--key"): _keys,
    ("key default", "NAME"): _keys,
    ("key delete", "NAME..."): _keys,
    ("", "--store"): _stores,
    ("", "--trust-store"): _typed_stores,
    ("trust cert show", "FILE|NAME"): _certificates,
    ("trust cert delete", "[NAME]"): _certificates,
    ("", "--policy-name"): _statements,
    ("", "--scope"): _scopes,
    ("trust policy check", "[REF|REPOSITORY]"): _scopes,
    ("trust pin delete", "ID"): _pins,
    ("", "--stream"): _streams,
    ("", "--allow-plugin"): _plugins,
    ("", "--plugin"): _plugins,
    ("plugin uninstall", "NAME..."): _plugins,
    ("schema", "[NAME]"): _schemas,
    ("help", "[TOPIC|COMMAND...]"): lambda _: TOPICS,
    ("", "--volume-size"): lambda _: ("fat32", "cd", "dvd", "dvd-dl", "bd"),
}
"""The names that a parameter takes: of one command, or of all."""


def write_answer(shell: str, words: list[str]) -> None:
    """The answer, on standard output."""
    import sys

    os.environ.pop("COLUMNS", None)
    sys.stdout.writelines(f"{line}\n" for line in answer(shell, words))
