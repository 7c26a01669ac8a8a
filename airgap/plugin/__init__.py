"""Plugins of the Notary Project: programs that are run and not trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airgap.exports import on_demand

if TYPE_CHECKING:
    from airgap.plugin.host import PluginError
    from airgap.plugin.install import install_plugin, uninstall_plugin
    from airgap.plugin.plugin_directory import check_name

__getattr__, __dir__ = on_demand(
    __name__,
    {
        "airgap.plugin.plugin_directory": ("check_name",),
        "airgap.plugin.host": ("PluginError",),
        "airgap.plugin.install": ("install_plugin", "uninstall_plugin"),
    },
)

__all__ = [
    "PluginError", "check_name", "install_plugin", "uninstall_plugin",
]  # fmt: skip
