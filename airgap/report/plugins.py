"""What `airgap plugin list` shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from airgap.plugin.plugin_directory import Installed
from airgap.reasons import ExitCode
from airgap.report.report import Json, Report
from airgap.report.style import Style
from airgap.text import safe

LIST_SCHEMA = "airgap.plugin.list/1"


@dataclass(frozen=True, slots=True)
class PluginsReport(Report):
    """The plugins in `folder`: `airgap.plugin.list/1`."""

    folder: Path
    entries: Sequence[Installed]

    @property
    def exit_code(self) -> int:
        """1 where one of them cannot be used."""
        return ExitCode.ERROR if any(entry.problem for entry in self.entries) else ExitCode.OK

    def document(self) -> Json:
        """What each says of itself."""
        plugins = [_entry(entry) for entry in self.entries]
        return {**self.first_members(LIST_SCHEMA), "directory": safe(self.folder), "plugins": plugins}

    def lines(self, style: Style) -> Iterator[str]:  # noqa: ARG002 - plain lines
        """One line a plugin, and why where one cannot be used."""
        if not self.entries:
            yield f"No plugin is installed in {safe(self.folder)}."
        for entry in self.entries:
            if entry.metadata is None:
                yield f"{safe(entry.name)}  cannot be used: {entry.problem}"
                continue
            capabilities = ", ".join(sorted(safe(name, limit=64) for name in entry.metadata.capabilities))
            description = safe(entry.metadata.description, limit=96)
            yield f"{safe(entry.name)}  {entry.metadata.version}  {capabilities}  {description}"


def _entry(entry: Installed) -> Json:
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
