"""What `airgap plugin list` shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airgap.plugin.directory import Installed
from airgap.text import safe

LIST_SCHEMA = "airgap.plugin.list/1"


def plugins_text(folder: Path, entries: Sequence[Installed]) -> str:
    """One line a plugin, and why where one cannot be used."""
    if not entries:
        return f"No plugin is installed in {safe(folder)}.\n"
    lines = []
    for entry in entries:
        if entry.metadata is None:
            lines.append(f"{safe(entry.name)}  cannot be used: {entry.problem}")
            continue
        capabilities = ", ".join(sorted(safe(name, limit=64) for name in entry.metadata.capabilities))
        lines.append(
            f"{safe(entry.name)}  {entry.metadata.version}  {capabilities}  "
            f"{safe(entry.metadata.description, limit=96)}"
        )
    return "\n".join(lines) + "\n"


def plugins_document(folder: Path, entries: Sequence[Installed]) -> dict[str, Any]:
    """The same as JSON."""
    return {"schema": LIST_SCHEMA, "directory": safe(folder), "plugins": [_entry(entry) for entry in entries]}


def _entry(entry: Installed) -> dict[str, Any]:
    metadata = entry.metadata
    return {
        "name": safe(entry.name),
        "path": safe(entry.path),
        "version": str(metadata.version) if metadata else None,
        "description": safe(metadata.description) if metadata else None,
        "url": safe(metadata.url) if metadata else None,
        "capabilities": sorted(safe(name) for name in metadata.capabilities) if metadata else [],
        "problem": entry.problem,
    }
