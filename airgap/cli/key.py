"""`airgap key`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

import airgap.report
import airgap.signature
from airgap.cli.command import command
from airgap.cli.console import Output, clock, key_values
from airgap.cli.lazy import typer_app
from airgap.cli.signing_options import KeyConfigOption, PassPhraseOption, key_folders, pass_phrase
from airgap.errors import UsageError
from airgap.text import safe

app = typer_app("Named signing keys, in notation's own configuration.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="What the key is called.")]
DefaultOption = Annotated[bool, typer.Option("--default", help="Sign with it where no key is named.")]


@command(app)
def add(
    *,
    name: NameArgument,
    private_key: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|URI",
            help="Private key (PEM), for its owner's eyes only (mode 600), or pkcs11:token=...;object=... in a token.",
        ),
    ] = None,
    chain: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Its chain (PEM): signing certificate first, root last.")
    ] = None,
    plugin: Annotated[str | None, typer.Option(metavar="NAME", help="The plugin that has the key.")] = None,
    key_id: Annotated[str | None, typer.Option("--id", metavar="ID", help="What the plugin calls the key.")] = None,
    plugin_config: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Handed to the plugin each time; repeatable.")
    ] = None,
    default: DefaultOption = False,
    key_config: KeyConfigOption = None,
    passphrase_file: PassPhraseOption = None,
    output: Output,
) -> None:
    """Give a name to a key in files or in a token, or to one that a plugin has.

    Only paths or ids are kept, never a key. Files are checked first: that the chain may sign, and that the key is the
    one of its first certificate.
    """
    entry = _entry(name, (private_key, chain), (plugin, key_id), plugin_config or [])
    ask = pass_phrase(passphrase_file)
    path = airgap.signature.add_key(key_folders(key_config), entry, default=default, pass_phrase=ask)
    change = airgap.report.ChangedThing(what="key", change="added", name=name, path=path)
    output.finish(airgap.report.DoneReport("key add", [change], [f"Added the key {safe(name)} to {safe(path)}"]))


@command(app, "list")
def list_(*, key_config: KeyConfigOption = None, output: Output) -> None:
    """List named keys; the default one is marked."""
    output.finish(airgap.report.KeysReport(airgap.signature.list_keys(key_folders(key_config))))


@command(app)
def default(*, name: NameArgument, key_config: KeyConfigOption = None, output: Output) -> None:
    """Sign with this key where none is named."""
    airgap.signature.choose_default(key_folders(key_config), name)
    change = airgap.report.ChangedThing(what="default key", change="chosen", name=name)
    output.finish(airgap.report.DoneReport("key default", [change], [f"The default key is {safe(name)}"]))


@command(app)
def delete(
    *,
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="What the keys are called.")],
    key_config: KeyConfigOption = None,
    output: Output,
) -> None:
    """Forget names of keys; key files stay where they are."""
    airgap.signature.delete_keys(key_folders(key_config), tuple(names))
    changes = [airgap.report.ChangedThing(what="key", change="removed", name=name) for name in names]
    output.finish(airgap.report.DoneReport("key delete", changes, [f"Forgot the key {safe(name)}" for name in names]))


@command(app)
def generate(
    *,
    name: NameArgument,
    kind: Annotated[
        airgap.signature.KeyKind, typer.Option("--type", help="Kind of the key.")
    ] = airgap.signature.KeyKind.EC_256,
    days: Annotated[int, typer.Option(min=1, max=3650, metavar="N", help="Days until it expires.")] = 30,
    default: DefaultOption = False,
    trust: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Trust directory to put the test root into; needs --store.")
    ] = None,
    store: Annotated[str | None, typer.Option(metavar="NAME", help="Its ca store for the test root.")] = None,
    key_config: KeyConfigOption = None,
    passphrase_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Encrypt the key with the pass phrase in the first line.")
    ] = None,
    output: Output,
) -> None:
    """Make a TEST key: a throwaway root and a signing certificate below it, for trying things out.

    Everything about it says TEST. Never trust it anywhere that matters.
    """
    if (trust is None) != (store is None):
        raise UsageError("--trust and --store belong together")
    made = airgap.signature.generate_key(
        key_folders(key_config),
        name,
        kind=kind,
        at=clock(),
        days=days,
        default=default,
        pass_phrase=airgap.signature.read_pass_phrase(passphrase_file) if passphrase_file else None,
        trust=(trust, store) if trust and store else None,
    )
    lines = [
        f"Made the TEST key {made.name}: for trying things out, never to be trusted where it matters",
        f"  subject      {safe(made.subject)}",
        f"  key          {safe(made.key_path)} ({made.kind}, mode 600)",
        f"  chain        {safe(made.certificate_path)}",
        f"  test root    {safe(made.root_path)}",
        f"               SHA-256 {made.fingerprints['root']}",
    ]
    if made.store_path:
        lines.append(f"  trusted in   {safe(made.store_path)}")
        identity = shlex.quote(f"x509.subject: {made.subject}")
        statement = f"--name {store} --trust-store ca:{store} --trusted-identity {identity} --scope REPOSITORY"
        lines.append(f"  the policy   airgap trust policy init {safe(statement)} --trust {safe(trust)}")
        lines.append("               (add in place of init where there is a policy)")
    root = made.fingerprints["root"]
    changes = [
        airgap.report.ChangedThing(what="key", change="added", name=made.name, path=made.key_path),
        airgap.report.ChangedThing(what="chain", change="added", name=made.name, path=made.certificate_path),
        airgap.report.ChangedThing(what="test root", change="added", name=made.name, path=made.root_path, sha256=root),
    ]
    if made.store_path:
        changes.append(
            airgap.report.ChangedThing(what="certificate", change="added", path=made.store_path, sha256=root)
        )
    output.finish(airgap.report.DoneReport("key generate", changes, lines))


def _entry(
    name: str, files: tuple[str | None, Path | None], remote: tuple[str | None, str | None], config: list[str]
) -> airgap.signature.KeyEntry:
    (private_key, chain), (plugin, key_id) = files, remote
    if plugin and key_id and not any(files):
        settings = key_values(config, "--plugin-config")
        return airgap.signature.RemoteKey(name=name, id=key_id, plugin=plugin, plugin_config=settings)
    if private_key and chain and not any(remote) and not config:
        return airgap.signature.key_with_chain(name, private_key, str(chain))
    raise UsageError("a key is --private-key with --chain, or --plugin with --id")
