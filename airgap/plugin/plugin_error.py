"""The error of plugins."""

from __future__ import annotations

from airgap.errors import AirgapError, Fact


class PluginError(AirgapError):
    """A plugin is missing, cannot be run, failed, or gave a wrong answer."""

    def __init__(self, plugin: str, problem: str, *, remedy: str = "", code: str | None = None, **facts: Fact) -> None:
        super().__init__(f"plugin {plugin!r}: {problem}", remedy=remedy, plugin=plugin, code=code, **facts)
        self.problem: str = problem
        self.code: str | None = code
        """The error code of the plugin (PLUGIN-12), if it gave one."""
