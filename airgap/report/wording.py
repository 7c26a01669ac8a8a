"""Counts, sizes, moments and trees, written the same way in every report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from airgap.report.style import Style, cells, unbroken
from airgap.text import safe

if TYPE_CHECKING:
    from airgap.errors import AirgapError
    from airgap.oci.descriptor import Descriptor
    from airgap.oci.lookup import ReferrersLookup
    from airgap.signature.model import Payload


def count(number: int, noun: str) -> str:
    """`1 blob`, `2 blobs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def kinds(numbers: Mapping[str, int]) -> str:
    """How many there are of each kind: `sig 1 · sbom 2`. It is broken before a kind only."""
    return f"{unbroken(' ·')} ".join(unbroken(f"{kind} {number}") for kind, number in numbers.items()) or "-"


def span_text(time: timedelta) -> str:
    """`7 hours`, `12 days`."""
    hours = int(time.total_seconds() // 3600)
    return count(hours, "hour") if hours < 48 else f"{hours // 24} days"  # noqa: PLR2004


def size(number: float) -> str:
    """Bytes as people write them."""
    amount = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:  # noqa: PLR2004
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def sentences_of(first: str, *others: str) -> str:
    """Sentences after a word and a colon."""
    return " ".join((first, *map(_capital, others)))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def described(content: Descriptor | Payload) -> dict[str, Any]:
    """Media type, digest and size, for a document."""
    return {"media_type": safe(content.media_type), "digest": str(content.digest), "size": content.size}


def error_document(error: AirgapError) -> dict[str, Any]:
    """The error that ended a command, for its own document."""
    return {"message": str(error), "reason": error.reason, "remedy": error.remedy, "facts": dict(error.facts)}


def lookup_document(lookup: ReferrersLookup) -> dict[str, Any]:
    """How referrers were looked for, for a document."""
    return {
        "subject": str(lookup.subject),
        "mechanism": lookup.mechanism,
        "api_status": lookup.api_status,
        "tag_status": lookup.tag_status,
        "listed": lookup.listed,
    }


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

    def lines(self, style: Style) -> Iterator[str]:
        """This node and everything below it, top down."""
        yield from style.paragraph(self.label, rest="│     " if self.children else "    ")
        yield from _below(self.children, "", style)


_HANGING: Final = 2
"""Columns by which further lines are indented, where the longest word leaves so many."""


def _below(children: Sequence[TreeNode], indent: str, style: Style) -> Iterator[str]:
    for number, child in enumerate(children, start=1):
        last = number == len(children)
        inside = indent + ("    " if last else "│   ")
        rest = inside + ("│   " if child.children else "")
        room = (style.width or 0) - cells(rest) - max(map(cells, child.label.split(" ")), default=0)
        rest += " " * max(0, min(room, _HANGING))
        yield from style.paragraph(child.label, f"{indent}{'└── ' if last else '├── '}", rest)
        yield from _below(child.children, inside, style)
