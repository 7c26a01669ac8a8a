"""The examples in docs/reference/library.md, run as they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_PAGE = Path(__file__).resolve().parents[2] / "docs/reference/library.md"


def example(word: str) -> dict[str, Any]:
    """What the one example with this word in it defines."""
    blocks = re.findall(r"```python\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (block,) = (found for found in blocks if word in found)
    names: dict[str, Any] = {}
    exec(compile(block, "library.md", "exec"), names)  # noqa: S102 - our own page
    return names
