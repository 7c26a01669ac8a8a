"""`airgap plugin list|install|uninstall`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import airgap.plugin
import airgap.report
from airgap.cli.command import command
from airgap.cli.console import Output, YesOption, note
from airgap.cli.lazy import typer_app
from airgap.cli.plugin_options import plugin_directory
from airgap.errors import UsageError
from airgap.text import safe

app = typer_app("Manage the plugins that sign, and that verify where --allow-plugin names them.", no_args_is_help=True)


@command(app, "list")
def list_plugins(*, output: Output) -> None:
    """List the installed plugins. Each is run once, to say what it is.

    Exit code 1 where one of them cannot be used.
    """
    directory = plugin_directory()
    output.finish(airgap.report.PluginsReport(directory.path, directory.installed()))


@command(app)
def install(
    *,
    source: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The executable, or a .zip or .tar.gz with it.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", metavar="FILE", help="The same, as notation has it.")] = None,
    sha256: Annotated[
        str | None, typer.Option("--sha256sum", metavar="HEX", help="The checksum that the publisher gives. Required.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Install also where an equal or higher version is installed.")
    ] = False,
    output: Output,
) -> None:
    """Install a plugin from a file, with its publisher's checksum. Nothing is downloaded.

    Signing with a plugin, and verifying where --allow-plugin names it, runs it with your rights.
    """
    if (source is None) == (file is None):
        raise UsageError("name one FILE to install")
    done = airgap.plugin.install_plugin(plugin_directory(), source or file or Path(), sha256=sha256, force=force)
    metadata = done.metadata
    before = f", in place of {done.replaced}" if done.replaced else ""
    change = airgap.report.ChangedThing(what="plugin", change="added", name=metadata.name, path=done.path)
    said = f"Installed the plugin {safe(metadata.name)} {metadata.version}{before}: {safe(done.path)}"
    output.finish(airgap.report.DoneReport("plugin install", [change], [said]))


@command(app)
def uninstall(
    *,
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Plugins to remove.")],
    yes: YesOption = False,
    output: Output,
) -> None:
    """Remove plugins, whether or not they work."""
    directory = plugin_directory()
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(
                "there is no terminal to ask on", remedy="Say --yes to remove plugins without being asked."
            )
        if not typer.confirm(f"Remove {', '.join(map(safe, names))} from {safe(directory.path)}?", err=True):
            note("Nothing was removed.")
            output.finish(airgap.report.DoneReport("plugin uninstall", [], []))
    gone = [(name, airgap.plugin.uninstall_plugin(directory, name)) for name in names]
    changes = [airgap.report.ChangedThing(what="plugin", change="removed", name=name, path=path) for name, path in gone]
    said = [f"Removed {safe(path)}" for _, path in gone]
    output.finish(airgap.report.DoneReport("plugin uninstall", changes, said))
