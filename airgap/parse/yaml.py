"""YAML as plain data: texts, lists and objects, each with its line; bounded, and with one meaning.

The parser of PyYAML gives events, and nothing is built by tags: every scalar is a text, as it is written. So no tag can
call anything, `1.10` stays `1.10`, and no depth is a depth of the stack. Aliases share what they name, so that a text
of a kilobyte cannot become a gigabyte; a merge (`<<`) copies members, and counts as these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from airgap import limits
from airgap.errors import FormatError, LimitError
from airgap.text import safe

_MERGE: Final = "<<"


@dataclass(frozen=True, slots=True, eq=False)
class YamlText:
    """A scalar, as it is written."""

    text: str
    line: int


@dataclass(frozen=True, slots=True, eq=False)
class YamlList:
    """A list."""

    items: list[YamlNode]
    line: int


@dataclass(frozen=True, slots=True, eq=False)
class YamlObject:
    """An object: what it merges is among its members."""

    members: dict[str, YamlNode]
    line: int
    merged: set[str] = field(default_factory=set)
    """Members that come from a merge; its own members take their place."""

    def text(self, name: str) -> YamlText | None:
        """The member, if it is a text."""
        found = self.members.get(name)
        return found if isinstance(found, YamlText) else None


YamlNode = YamlText | YamlList | YamlObject


def load_yaml(data: bytes, *, what: str) -> Iterator[YamlNode]:
    """The documents in `data`, empty ones left out. Raises FormatError, LimitError, with the line."""
    if len(data) > limits.YAML_BYTES:
        raise LimitError(f"{what} has {len(data)} bytes, more than {limits.YAML_BYTES}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"{what} is not UTF-8 (byte {error.start})") from None
    yield from _Builder(what).documents(text)


class _Builder:
    """Builds the documents of one text."""

    def __init__(self, what: str) -> None:
        self._what: Final = what
        self._left = limits.YAML_NODES
        self._open: list[_Open] = []
        self._anchors: dict[str, YamlNode] = {}

    def documents(self, text: str) -> Iterator[YamlNode]:
        import yaml  # few commands read any

        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            for event in yaml.parse(text, Loader=loader):
                found = self._take(event, yaml)
                if found is not None and not self._open and not (isinstance(found, YamlText) and not found.text):
                    yield found
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            problem = safe(getattr(error, "problem", None) or error, limit=160)
            raise self._error(problem, mark.line + 1 if mark else None) from None
        except (ValueError, OverflowError) as error:  # characters that are none
            raise self._error(safe(error, limit=160), None) from None

    def _take(self, event: Any, yaml: Any) -> YamlNode | None:
        """The node that ends with this event, if one does."""
        line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            self._anchors = {}
            return None
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._spend(line)
            if len(self._open) >= limits.YAML_DEPTH:
                raise LimitError(f"{self._what}, line {line}: it is nested more than {limits.YAML_DEPTH} deep")
            node = YamlObject({}, line) if isinstance(event, yaml.MappingStartEvent) else YamlList([], line)
            self._open.append(_Open(node, event.anchor))
            return None
        if isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            ended = self._open.pop()
            return self._ended(ended.node, ended.anchor, line)
        if isinstance(event, yaml.ScalarEvent):
            self._spend(line)
            is_merge = event.value == _MERGE and event.implicit[0]  # not in quotes
            return self._ended(YamlText(event.value, line), event.anchor, line, is_merge=is_merge)
        if isinstance(event, yaml.AliasEvent):
            self._spend(line)
            if event.anchor not in self._anchors:
                raise self._error(f"the alias {safe(event.anchor, limit=64)!r} names nothing that ended before", line)
            return self._ended(self._anchors[event.anchor], None, line)
        return None

    def _ended(self, node: YamlNode, anchor: str | None, line: int, *, is_merge: bool = False) -> YamlNode:
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._open:
            return node
        holder = self._open[-1]
        if isinstance(holder.node, YamlList):
            holder.node.items.append(node)
        elif holder.key is None and not holder.merges:
            holder.merges = is_merge
            if not is_merge:
                holder.key = self._key(node, line)
        elif holder.merges:
            self._merge(holder.node, node, line)
            holder.merges = False
        else:
            self._add(holder.node, holder.key or "", node, line)
            holder.key = None
        return node

    def _key(self, node: YamlNode, line: int) -> str:
        if not isinstance(node, YamlText):
            raise self._error("the name of a member is no text", line)
        return node.text

    def _add(self, holder: YamlObject, name: str, node: YamlNode, line: int) -> None:
        if name in holder.members and name not in holder.merged:
            raise self._error(f"the member {safe(name, limit=64)!r} appears twice", line)
        holder.merged.discard(name)
        holder.members[name] = node

    def _merge(self, holder: YamlObject, node: YamlNode, line: int) -> None:
        """The members of one object or of a list of objects, where the holder has none of this name yet."""
        for item in node.items if isinstance(node, YamlList) else [node]:
            if not isinstance(item, YamlObject):
                raise self._error("what is merged (<<) is no object", line)
            self._spend(line, len(item.members))
            new: Mapping[str, YamlNode] = {
                name: value for name, value in item.members.items() if name not in holder.members
            }
            holder.members.update(new)
            holder.merged.update(new)

    def _spend(self, line: int, count: int = 1) -> None:
        self._left -= count
        if self._left < 0:
            raise LimitError(f"{self._what}, line {line}: it has more than {limits.YAML_NODES} parts")

    def _error(self, problem: str, line: int | None) -> FormatError:
        place = f", line {line}" if line else ""
        return FormatError(f"{self._what}{place}: {problem}", line=line)


@dataclass(slots=True)
class _Open:
    """A list or an object that has not ended."""

    node: YamlList | YamlObject
    anchor: str | None
    key: str | None = None
    merges: bool = False
    """Whether the next value is merged into it."""
