"""The options that choose the signing key, and the signer that they open."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

import airgap.signature
from airgap.cli.console import key_values
from airgap.cli.plugin_options import plugin_directory
from airgap.cli.signing_options import KeyConfigOption, PassPhraseOption, key_folders, pass_phrase
from airgap.errors import UsageError

MODULE = "AIRGAP_PKCS11_MODULE"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyChoice:
    """Which key signs: options of every command that signs."""

    key: Annotated[
        str | None, typer.Option("--key", "-k", metavar="NAME", help="Named key. Default: the default one.")
    ] = None
    private_key: Annotated[
        str | None,
        typer.Option(
            "--private-key",
            metavar="FILE|URI",
            help="Private key instead of a named one: PEM or JWK, or pkcs11:token=...;object=... for one in a token.",
        ),
    ] = None
    chain: Annotated[
        Path | None,
        typer.Option("--chain", metavar="FILE", help="Its chain (PEM): signing certificate first, root last."),
    ] = None
    plugin: Annotated[
        str | None, typer.Option("--plugin", metavar="NAME", help="Sign with the key --id of this installed plugin.")
    ] = None
    plugin_id: Annotated[str | None, typer.Option("--id", metavar="ID", help="What the plugin calls the key.")] = None
    plugin_config: Annotated[
        list[str] | None,
        typer.Option(
            "--plugin-config", metavar="KEY=VALUE", help="For the plugin, over what the named key says; repeatable."
        ),
    ] = None
    key_config: KeyConfigOption = None
    passphrase_file: PassPhraseOption = None

    def open(self) -> airgap.signature.Signer | airgap.signature.EnvelopeSigner:
        """The signer. Raises UsageError, NotFoundError, KeyFileError, SigningError, PluginError."""
        self._check()
        if self.plugin is not None and self.plugin_id is not None:
            return self._open_plugin(self.plugin, self.plugin_id, {})
        ask, named = pass_phrase(self.passphrase_file), os.environ.get(MODULE)
        module = Path(named) if named else None
        if self.private_key is not None and self.chain is not None:
            return airgap.signature.open_key(self.private_key, self.chain, pass_phrase=ask, module=module)
        return airgap.signature.open_signer(
            key_folders(self.key_config), self.key, pass_phrase=ask, remote=self._open_remote, module=module
        )

    def _check(self) -> None:
        for one, other, words in (
            (self.private_key, self.chain, "--private-key and --chain belong together"),
            (self.plugin, self.plugin_id, "--plugin and --id belong together"),
        ):
            if (one is None) != (other is None):
                raise UsageError(words)
        named = [
            option
            for option, value in (("--key", self.key), ("--private-key", self.private_key), ("--plugin", self.plugin))
            if value is not None
        ]
        if len(named) > 1:
            raise UsageError(f"{' and '.join(named)} name different keys")
        if self.plugin_config and self.private_key is not None:
            raise UsageError("--plugin-config is for keys that a plugin has")

    def _open_remote(
        self, key: airgap.signature.RemoteKey
    ) -> airgap.signature.Signer | airgap.signature.EnvelopeSigner:
        return self._open_plugin(key.plugin, key.id, key.plugin_config)

    def _open_plugin(
        self, name: str, key_id: str, configured: Mapping[str, str]
    ) -> airgap.signature.Signer | airgap.signature.EnvelopeSigner:
        # PLUGIN-30: the options of the command override the entry of the key
        given = key_values(list(self.plugin_config or ()), "--plugin-config")
        key = airgap.signature.PluginKey(key_id=key_id, config={**configured, **given})
        return airgap.signature.open_plugin_signer(plugin_directory().find(name), key)
