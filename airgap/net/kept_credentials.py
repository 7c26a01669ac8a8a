"""The registries for which credentials are kept on this machine, without any of these credentials."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from airgap.errors import FormatError
from airgap.net.credentials import Credentials, read_configuration, wrong_configuration
from airgap.parse.json import JsonObject, Reading, take_optional


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCredentials:
    """What a configuration file says of one registry, or of all."""

    file: Path
    registry: str
    """Its name as in the file; empty for the helper of all registries (credsStore)."""
    helper: str = ""
    """The program that keeps them; empty where the file does."""
    is_helper_missing: bool = False


def kept_credentials(credentials: Credentials) -> Iterator[KeptCredentials]:
    """Each entry of the files that are searched, in order. No helper is run, and no secret is read.

    Raises AirgapError for a file that cannot be read.
    """
    path = credentials.environment.get("PATH")
    for file in credentials.files:
        configuration = read_configuration(file, Reading.OPEN)
        if configuration is None:
            continue
        try:
            entries = list(_entries(configuration))
        except FormatError as error:
            raise wrong_configuration(file, error) from None
        for registry, name in entries:
            helper = name and f"docker-credential-{name}"
            missing = bool(helper) and shutil.which(helper, path=path) is None
            yield KeptCredentials(file=file, registry=registry, helper=helper, is_helper_missing=missing)


def _entries(configuration: JsonObject) -> Iterator[tuple[str, str]]:
    """Registry and helper; docker leaves empty entries in `auths` for what a helper keeps."""
    for registry, entry in (take_optional(configuration, "auths", dict) or {}).items():
        if entry:
            yield str(registry), ""
    for registry, helper in (take_optional(configuration, "credHelpers", dict) or {}).items():
        if helper and isinstance(helper, str):
            yield str(registry), helper
    if store := take_optional(configuration, "credsStore", str):
        yield "", store
