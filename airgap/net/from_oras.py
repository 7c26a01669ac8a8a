"""A registry object of oras-py as our transport and credentials: the one module that knows oras.

For programs that have such an object, logged in and configured, and need what oras-py lacks: referrers, checked
digests, layouts. All requests are still made by this package, with its bounds and checks (docs/decisions/0032).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from oras.auth.basic import BasicAuth
from oras.auth.token import TokenAuth

from airgap.errors import FormatError, UsageError
from airgap.net.credentials import Credential, Credentials
from airgap.net.options import TransportOptions
from airgap.parse import base64
from airgap.text import safe

if TYPE_CHECKING:
    from oras.provider import Registry

_HELPER = "Leave the credentials to docker's configuration file and its helpers, which are asked as for any registry."


def from_oras(registry: Registry, *, host: str | None = None) -> tuple[TransportOptions, Credentials]:
    """The connection options and credentials of `registry`, for every function that names a registry.

    `host` is the registry of the credentials, as `localhost:5000`; without it the registry object must have a hostname.
    Other registries get the credentials of docker's configuration files, and so does this one if the object is not
    logged in. The connection options are used for all registries of the run. Raises UsageError if there is no host, or
    for a kind of login that is not known here.
    """
    host = host or registry.hostname
    if not host:
        raise UsageError(
            "the oras registry object has no hostname, so it is not known for which registry its credentials are",
            remedy="Name the registry: from_oras(registry, host=...).",
        )
    given = _credential(registry, host)
    by = f"what was given for {safe(host)}"
    return _transport(registry), Credentials(environment=os.environ, given=given, given_by=by, host=host)


def _transport(registry: Registry) -> TransportOptions:
    session = registry.session
    verify = registry._tls_verify if registry._tls_verify is not True else session.verify  # noqa: SLF001 - no public name
    certificate, key = session.cert if isinstance(session.cert, tuple) else (session.cert, None)
    plain = registry.prefix == "http"
    return TransportOptions(
        plain_http=plain,
        insecure=not verify and not plain,
        ca_file=Path(verify) if isinstance(verify, str) else None,
        cert_file=Path(certificate) if certificate else None,
        key_file=Path(key) if key else None,
        proxies=dict(session.proxies) or None,
    )


def _credential(registry: Registry, host: str) -> Credential | None:
    auth = registry.auth
    if type(auth) not in {BasicAuth, TokenAuth}:
        raise UsageError(
            f"oras logs in to {safe(host)} by {type(auth).__name__}, which cannot be taken over", remedy=_HELPER
        )
    if basic := getattr(auth, "_basic_auth", None):
        try:
            name, _, password = base64.decode_standard(basic, where="_basic_auth").decode("utf-8").partition(":")
        except (FormatError, UnicodeDecodeError):
            raise UsageError(f"oras' credentials for {safe(host)} are no name and password") from None
        return Credential(username=name, password=password)
    if token := getattr(auth, "token", None):
        return Credential(registry_token=token)
    return None
