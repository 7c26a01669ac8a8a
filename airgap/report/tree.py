"""Trees of text, as every command that shows structure draws them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class TreeNode:
    """A line with lines below it. The label is already safe for a terminal."""

    label: str
    children: list[TreeNode] = field(default_factory=list)

    def add(self, label: str) -> TreeNode:
        """A new child."""
        child = TreeNode(label)
        self.children.append(child)
        return child

    def lines(self) -> Iterator[str]:
        """This node and everything below it, top down."""
        yield self.label
        yield from _below(self.children, "")


def _below(children: Sequence[TreeNode], indent: str) -> Iterator[str]:
    for number, child in enumerate(children, start=1):
        last = number == len(children)
        yield f"{indent}{'└── ' if last else '├── '}{child.label}"
        yield from _below(child.children, indent + ("    " if last else "│   "))
