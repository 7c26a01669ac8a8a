"""Where plugins are, for every command that runs them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

import airgap.plugin
import airgap.signature
from airgap.cli.console import home, key_values
from airgap.errors import UsageError


def plugin_directory() -> airgap.PluginDirectory:
    """`$AIRGAP_LIBEXEC`, `$NOTATION_LIBEXEC`, else the user's own plugins, else notation's. Raises UsageError."""
    for variable in ("AIRGAP_LIBEXEC", "NOTATION_LIBEXEC"):
        if named := os.environ.get(variable):
            return airgap.PluginDirectory(Path(named), os.environ)
    env = {name: value for name, value in os.environ.items() if name != "AIRGAP_KEYS"}
    folders = airgap.signature.locate_keys(None, env, home())
    return airgap.PluginDirectory.default(folders.own, folders.borrowed, os.environ)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginOptions:
    """Verification plugins that may be run."""

    allow_plugin: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-plugin",
            metavar="NAME",
            help="Run this verification plugin where a signature demands it. No other plugin is ever run.",
        ),
    ] = None
    plugin_config: Annotated[
        list[str] | None,
        typer.Option("--plugin-config", metavar="KEY=VALUE", help="Configuration that plugins are handed."),
    ] = None

    def allowed(self) -> airgap.AllowedPlugins | None:
        """The plugins that are named; None where there are none, and then none can be run. Raises UsageError."""
        if not self.allow_plugin:
            if self.plugin_config:
                raise UsageError("--plugin-config without --allow-plugin would configure nothing")
            return None
        try:
            names = frozenset(airgap.plugin.check_name(name) for name in self.allow_plugin)
        except airgap.plugin.PluginError as error:
            raise UsageError(f"--allow-plugin: {error}", remedy="Name it as the signature does.") from None
        return airgap.AllowedPlugins(
            host=plugin_directory(), names=names, config=key_values(self.plugin_config or [], "--plugin-config")
        )
