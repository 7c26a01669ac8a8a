"""What goes wrong with a plugin."""

from __future__ import annotations

from airgap.errors import AirgapError, Fact


class PluginError(AirgapError):
    """A plugin is not there, could not be run, failed, or answered something that it may not answer."""

    def __init__(self, plugin: str, problem: str, *, remedy: str = "", code: str | None = None, **facts: Fact) -> None:
        super().__init__(f"plugin {plugin!r}: {problem}", remedy=remedy, plugin=plugin, code=code, **facts)
        self.problem: str = problem
        self.code: str | None = code
        """The plugin's own error code (PLUGIN-12), where it gave one."""
