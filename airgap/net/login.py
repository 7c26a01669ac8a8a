"""`airgap login` and `airgap logout`: check credentials with the registry, and keep them where docker keeps them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from airgap.errors import AirgapError, UsageError
from airgap.files import make_folders, write_file
from airgap.net.client import RegistryClient
from airgap.net.credentials import (
    Credential,
    Credentials,
    dump_configuration,
    read_configuration,
    run_helper,
    server_key,
)
from airgap.net.options import TransportOptions
from airgap.parse.json import JsonObject, take_optional
from airgap.text import safe

_PRIVATE: Final = 0o600


@dataclass(frozen=True, slots=True)
class LoginResult:
    """The result of a login."""

    tried: bool
    """Whether the registry asked for the credentials and took them. False if it asks for none."""
    kept_in: str
    """Where they were kept: a file, or a credential helper."""


def login(
    host: str, credential: Credential, credentials: Credentials, options: TransportOptions | None = None
) -> LoginResult:
    """Check `credential` with the registry and keep it.

    It goes to the configured helper (credHelpers, credsStore), else into the first configuration file, which only its
    owner can read. Raises AuthenticationError, and keeps nothing, if the registry refuses it.
    """
    if not credential.identity_token and not (credential.username and credential.password):
        raise UsageError("a login needs a user name and a password, or an identity token")
    path = _target(credentials)
    trial = Credentials(environment=credentials.environment, given=credential)
    with RegistryClient(host, trial, options) as client:
        tried = client.check()
    configuration = read_configuration(path) or {}
    helper = _helper(configuration, host)
    if helper:
        secret = credential.identity_token or credential.password
        username = "<token>" if credential.identity_token else credential.username
        entry = {"ServerURL": server_key(host), "Username": username, "Secret": secret}
        run_helper(helper, "store", json.dumps(entry), credentials.environment)
        return LoginResult(tried, f"the credential helper {helper}")
    _update(path, configuration, lambda auths: auths.__setitem__(server_key(host), _entry(credential)))
    return LoginResult(tried, safe(path))


def logout(host: str, credentials: Credentials) -> bool:
    """Forget the credentials for `host` in the helper and the file that `login` writes; False: there were none."""
    path = _target(credentials)
    configuration = read_configuration(path)
    if configuration is None:
        return False
    known = False
    helper = _helper(configuration, host)
    if helper:
        known = run_helper(helper, "get", server_key(host), credentials.environment) is not None
        if known:
            run_helper(helper, "erase", server_key(host), credentials.environment)
    auths = take_optional(configuration, "auths", dict) or {}
    keys = {server_key(host), host, f"https://{host}", f"https://{host}/v1/", f"https://{host}/v2/"} & auths.keys()
    if keys:
        _update(path, configuration, lambda entries: [entries.pop(key) for key in keys])
    return known or bool(keys)


def _target(credentials: Credentials) -> Path:
    file = credentials.login_file
    if file is None:
        raise UsageError(
            "no home directory is known, so there is no file for credentials",
            remedy="Name one with --registry-config, or its folder with DOCKER_CONFIG.",
        )
    return file


def _helper(configuration: JsonObject, host: str) -> str | None:
    helpers = take_optional(configuration, "credHelpers", dict) or {}
    named = helpers.get(server_key(host)) or helpers.get(host)
    if isinstance(named, str) and named:
        return named
    return take_optional(configuration, "credsStore", str) or None


def _entry(credential: Credential) -> dict[str, str]:
    identity = {"identitytoken": credential.identity_token} if credential.identity_token else {}
    return {"auth": credential.basic, **identity}


def _update(path: Path, configuration: JsonObject, change: Callable[[dict[str, Any]], object]) -> None:
    """Write the configuration with its entries changed: complete or not at all, for its owner only."""
    auths = dict(take_optional(configuration, "auths", dict) or {})
    change(auths)
    data = dump_configuration({**configuration, "auths": auths})
    target = Path(os.path.realpath(path))  # a symbolic link stays one
    try:
        make_folders(target.parent)
        write_file(target, data, mode=_PRIVATE)
    except OSError as error:
        problem = f"the registry configuration {safe(path)} cannot be written: {safe(error.strerror)}"
        raise AirgapError(problem) from None
