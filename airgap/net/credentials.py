"""Finds credentials: docker's and containers' configuration files, and credential helpers.

Searched in this order; the first file that knows the registry decides:

1. the file named explicitly (`--registry-config`): then no other
2. `$REGISTRY_AUTH_FILE`
3. `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`
4. `$XDG_RUNTIME_DIR/containers/auth.json`; on Linux without that variable `/run/containers/UID/auth.json`
5. `$XDG_CONFIG_HOME/containers/auth.json`, else `~/.config/containers/auth.json`

`airgap login` writes to the first of 1 to 3, so that the credentials just entered are those that are used. Within a
file the longest entry that is the repository or a parent of it counts (`host/team/app`, `host/team`, `host`;
containers-auth.json(5)); credHelpers before auths before credsStore.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

from airgap import limits
from airgap.errors import AirgapError, FormatError, UsageError
from airgap.oci.reference import DOCKER_HUB, DOCKER_HUB_API
from airgap.once import Once
from airgap.parse.base64 import decode_standard, encode_standard
from airgap.parse.json import JsonObject, Reading, as_object, dump, load_object, take_optional
from airgap.text import safe

_RUN: Final = Path("/run/containers")
"""Where skopeo and podman keep logins of users without $XDG_RUNTIME_DIR: root, services (containers-auth.json(5))."""
_HELPER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_HELPER_SECONDS: Final = 60
"""Seconds for a helper, which may ask its user or a cloud service."""
_TOKEN_USER: Final = "<token>"  # noqa: S105 - what helpers call an identity token's user
_NOT_FOUND: Final = "credentials not found"
_DOCKER_HUB: Final = DOCKER_HUB | {DOCKER_HUB_API}
DOCKER_HUB_KEY: Final = "https://index.docker.io/v1/"
"""The name that docker gives to its hub in configuration files and helpers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """Credentials for a registry. Only `username` is ever printed."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    """Exchanged for access tokens (OAuth2 refresh token)."""
    registry_token: str = field(default="", repr=False)
    """Sent as a bearer token as it is."""

    @property
    def basic(self) -> str:
        """`username:password` in base64, as the Authorization header and configuration files carry it."""
        return encode_standard(f"{self.username}:{self.password}".encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """The credentials for a repository, where they were found, and the problems met before."""

    credential: Credential | None = None
    source: str = ""
    problems: tuple[str, ...] = ()


def credential_files(explicit: Path | None, environment: Mapping[str, str]) -> tuple[Path, ...]:
    """The files that are searched, in order; they need not exist."""
    if explicit is not None:
        return (explicit,)
    home = _home(environment)
    config = environment.get("XDG_CONFIG_HOME")
    candidates = (
        *_written_files(environment, home),
        _runtime(environment),
        Path(config) / "containers/auth.json" if config else home and home / ".config/containers/auth.json",
    )
    return tuple(path for path in candidates if path is not None)


def _written_files(environment: Mapping[str, str], home: Path | None) -> Iterator[Path]:
    if named := environment.get("REGISTRY_AUTH_FILE"):
        yield Path(named)
    if docker := environment.get("DOCKER_CONFIG"):
        yield Path(docker) / "config.json"
    elif home is not None:
        yield home / ".docker/config.json"


def _runtime(environment: Mapping[str, str]) -> Path | None:
    if named := environment.get("XDG_RUNTIME_DIR"):
        return Path(named) / "containers/auth.json"
    return _RUN / str(os.getuid()) / "auth.json" if sys.platform == "linux" else None


def _home(environment: Mapping[str, str]) -> Path | None:
    if named := environment.get("HOME") or environment.get("USERPROFILE"):
        return Path(named)
    try:
        return Path.home()
    except RuntimeError:  # services, and containers with a user that no file names
        return None


class Credentials:
    """Looks up credentials for registries. Files are read at each look-up: a run asks once for each repository."""

    def __init__(
        self,
        *,
        environment: Mapping[str, str],
        explicit_file: Path | None = None,
        given: Credential | Callable[[], Credential | None] | None = None,
        given_by: str = "the command line",
        host: str | None = None,
    ) -> None:
        """`given` (from options or the environment) is used before all files: for one registry, and for no other.

        That is `host`, else the first registry that is asked for; a run that knows its registries says which one
        (`only_for`). `given_by` names where it was given, for messages. A function that gives it may ask a person for
        a password: it is called when the first registry is named.
        """
        self.environment: Final = environment
        self.explicit_file: Final = explicit_file
        self._given = Once(given if callable(given) else lambda: given)
        self._given_by = given_by
        self._host = host
        self._asked: str | None = None
        self._lock = threading.Lock()
        self._answers: dict[tuple[str, str], Credential | str | None] = {}

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that are searched, in order."""
        return credential_files(self.explicit_file, self.environment)

    @property
    def login_file(self) -> Path | None:
        """The file that `login` writes to; None where no folder is known for it."""
        return self.explicit_file or next(_written_files(self.environment, _home(self.environment)), None)

    def login(self, host: str) -> str:
        """The command that keeps credentials for the registry where they are looked for."""
        explicit = f" --registry-config {safe(shlex.quote(str(self.explicit_file)))}" if self.explicit_file else ""
        return f"airgap login {host}{explicit}"

    def only_for(self, hosts: Iterable[str]) -> Credentials:
        """The credentials of a run that names these registries: what was given goes to the only one of them.

        Raises UsageError where there are several, because it is not known which one the password is for.
        """
        registries = {server_key(host): host for host in hosts}
        if not registries or self._host is not None or self.given() is None:
            return self
        if len(registries) > 1:
            raise self._several(registries.values())
        return Credentials(
            environment=self.environment,
            explicit_file=self.explicit_file,
            given=self._given,
            given_by=self._given_by,
            host=next(iter(registries.values())),
        )

    def given(self) -> Credential | None:
        """What was given; a function that gives it is called once. Raises what that function raises."""
        return self._given()

    def _several(self, hosts: Iterable[str]) -> UsageError:
        names = " and ".join(sorted(safe(host, limit=255) for host in islice(hosts, 5)))
        return UsageError(
            f"the user name and password from {self._given_by} are for one registry, and this run talks to {names}",
            remedy="Log in to each with airgap login. airgap copy has --from-username and --to-username, too.",
        )

    def lookup(self, host: str, repository: str = "") -> Lookup:
        """The credentials for `host/repository`.

        Raises AirgapError for a file that cannot be read, UsageError for a second registry where one was given.
        """
        given = self.given()
        if given is not None and self._is_meant(host):
            return Lookup(credential=given, source=self._given_by)
        problems: list[str] = []
        for path in self.files:
            configuration = read_configuration(path, Reading.OPEN)
            if configuration is None:
                if path == self.explicit_file:
                    problems.append(f"there is no file {safe(path)}")
                continue
            try:
                credential = self._search(configuration, host, repository, problems)
            except FormatError as error:
                raise wrong_configuration(path, error) from None
            if credential is not None:
                return Lookup(credential=credential, source=safe(path), problems=tuple(problems))
        return Lookup(problems=tuple(problems))

    def _is_meant(self, host: str) -> bool:
        if self._host is not None:
            return server_key(self._host) == server_key(host)
        with self._lock:
            self._asked = self._asked or host
        if server_key(self._asked) != server_key(host):
            raise self._several([self._asked, host])
        return True

    def _search(self, configuration: JsonObject, host: str, repository: str, problems: list[str]) -> Credential | None:
        helpers = take_optional(configuration, "credHelpers", dict) or {}
        entries = {_normal(key): value for key, value in (take_optional(configuration, "auths", dict) or {}).items()}
        for key in _keys(host, repository):
            helper = helpers.get(key)
            if isinstance(helper, str) and helper:
                credential = self._ask(helper, key, problems)
            else:
                credential = _entry(entries[key], key) if key in entries else None
            if credential is not None:
                return credential
        store = take_optional(configuration, "credsStore", str)
        return self._ask(store, server_key(host), problems) if store else None

    def _ask(self, helper: str, server: str, problems: list[str]) -> Credential | None:
        with self._lock:  # one process for all repositories of a registry
            if (helper, server) not in self._answers:
                self._answers[helper, server] = _ask_helper(helper, server, self.environment)
            answer = self._answers[helper, server]
        if isinstance(answer, str):
            # a helper that is configured but gone must not stop what works without credentials; if the registry
            # then refuses, the message names this problem
            problems.append(answer)
            return None
        return answer


def _ask_helper(helper: str, server: str, environment: Mapping[str, str]) -> Credential | str | None:
    """The credential, None, or what went wrong."""
    try:
        answer = run_helper(helper, "get", server, environment)
        return None if answer is None else _helper_credential(answer)
    except AirgapError as error:
        return str(error)


def server_key(host: str) -> str:
    """The name of the registry in configuration files and helpers."""
    return DOCKER_HUB_KEY if host in _DOCKER_HUB else host


def read_configuration(path: Path, reading: Reading = Reading.WHOLE) -> JsonObject | None:
    """The JSON object in a configuration file; None where there is no such file. Raises AirgapError."""
    try:
        if path.stat().st_size > limits.MANIFEST_BYTES:
            raise AirgapError(f"the registry configuration {safe(path)} is too large to be one")
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise AirgapError(f"the registry configuration {safe(path)} cannot be read: {safe(error.strerror)}") from None
    if not data.strip():
        return {}
    try:
        return load_object(data, reading, what="registry configuration")
    except FormatError as error:
        raise wrong_configuration(path, error) from None


def run_helper(helper: str, action: str, sent: str, environment: Mapping[str, str]) -> bytes | None:
    """What `docker-credential-<helper> <action>` answers to `sent`; None: it has no such credentials.

    Raises AirgapError. What the helper printed is shown only for `get` and `erase` failures, never its answer.
    """
    if not _HELPER.fullmatch(helper):  # the name becomes part of a program's name: no paths, no options
        raise AirgapError(f"{safe(helper, limit=64)!r} is not the name of a credential helper")
    program = f"docker-credential-{helper}"
    try:
        done = subprocess.run(  # noqa: S603 - the configuration of the user names it, as for docker
            [program, action],
            input=sent.encode(),
            capture_output=True,
            timeout=_HELPER_SECONDS,
            env=dict(environment),
            check=False,
        )
    except FileNotFoundError:
        raise AirgapError(
            f"the credential helper {program} is not installed",
            remedy="Install it, remove it from the registry configuration (credsStore, credHelpers), or name another "
            "file with --registry-config.",
        ) from None
    except subprocess.TimeoutExpired:
        raise AirgapError(f"the credential helper {program} gave no answer in {_HELPER_SECONDS} s") from None
    except OSError as error:
        raise AirgapError(f"the credential helper {program} cannot be run: {safe(error.strerror)}") from None
    if done.returncode == 0:
        return done.stdout
    said = (done.stdout or done.stderr).decode(errors="replace").strip()
    if said.lower().startswith(_NOT_FOUND):
        return None
    raise AirgapError(
        f"the credential helper {program} failed: {safe(said.splitlines()[0] if said else '', limit=160)}"
    )


def _helper_credential(answer: bytes) -> Credential | None:
    try:
        document = load_object(answer, Reading.OPEN, limit=limits.MIB, what="credential helper's answer")
        username = take_optional(document, "Username", str) or ""
        secret = take_optional(document, "Secret", str) or ""
    except FormatError as error:
        # never the message of the parser: it may quote a secret
        raise AirgapError("the credential helper's answer is not what helpers answer") from error
    if not secret:
        return None
    if username == _TOKEN_USER:
        return Credential(identity_token=secret)
    return Credential(username=username, password=secret)


def _entry(entry: Any, key: str) -> Credential | None:
    where = f"auths[{safe(key, limit=80)!r}]"
    entry = as_object(entry, where=where)
    try:
        identity = take_optional(entry, "identitytoken", str) or ""
        registry = take_optional(entry, "registrytoken", str) or ""
        username = take_optional(entry, "username", str) or ""
        password = take_optional(entry, "password", str) or ""
        encoded = take_optional(entry, "auth", str) or ""
    except FormatError as error:
        raise error.under(where) from None
    if encoded:
        username, password = _decoded(encoded, where)
    if username == _TOKEN_USER:
        username, password, identity = "", "", identity or password
    if not (identity or registry or username):
        return None  # docker leaves empty entries for what a credsStore holds
    return Credential(username=username, password=password, identity_token=identity, registry_token=registry)


_NO_LINE_ENDS: Final = str.maketrans("", "", "\r\n")


def _decoded(encoded: str, where: str) -> tuple[str, str]:
    try:
        # base64(1) wraps lines, and what docker reads with skips their ends
        text = decode_standard(encoded.translate(_NO_LINE_ENDS).strip()).decode()
    except (FormatError, UnicodeDecodeError):
        raise FormatError("is not base64 of user:password", where=f"{where}.auth") from None
    username, colon, password = text.partition(":")
    if not colon:
        raise FormatError("is not base64 of user:password", where=f"{where}.auth")
    return username, password.rstrip("\0")  # docker itself pads with NUL


def _keys(host: str, repository: str) -> Iterator[str]:
    """The names of entries that count for the repository, the longest first."""
    parts = [part for part in repository.split("/") if part]
    hosts = (host, *sorted(_DOCKER_HUB - {host})) if host in _DOCKER_HUB else (host,)
    for count in range(len(parts), 0, -1):
        yield from ("/".join((name, *parts[:count])) for name in hosts)
    yield from hosts
    if host in _DOCKER_HUB:
        yield DOCKER_HUB_KEY


def _normal(key: str) -> str:
    """Old entries are URLs: `https://registry.example/v1/` means `registry.example`."""
    return re.sub(r"^https?://|/(v[12]/?)?$", "", key.strip())


def wrong_configuration(path: Path, error: FormatError) -> AirgapError:
    """The error for a configuration file with another content than it should have."""
    return AirgapError(
        f"the registry configuration {safe(path)} cannot be used: {error}",
        remedy="Correct the file, or name another with --registry-config.",
    )


def dump_configuration(configuration: JsonObject) -> bytes:
    """The bytes of a configuration file, indented as docker writes it."""
    return dump(configuration, indent="\t") + b"\n"
