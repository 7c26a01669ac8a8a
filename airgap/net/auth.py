"""Authorization for requests to one registry: basic, or bearer tokens from the service that the registry names.

Tokens are kept for each set of scopes and renewed before they expire or when the registry refuses one. Credentials
go to the registry's own origin, and to the realm that the registry's own challenge names, if that is https or the
registry's own origin; nowhere else, and into no message.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, NamedTuple
from urllib.parse import urlencode

from airgap import limits
from airgap.errors import FormatError
from airgap.net.credentials import Credential, Credentials, Lookup
from airgap.net.http import Body, Http, Reply, Request
from airgap.net.transport_errors import AuthenticationError
from airgap.net.url import Origin, is_loopback, origin_of, with_query
from airgap.parse.json import Reading, load_object, take_optional
from airgap.text import safe

_HEADER_CHARACTERS: Final = 16 * 1024
_SCHEME: Final = re.compile(r"[ \t,]*([A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]*)(?:[ \t]+|$|(?=,))")
_PARAMETER: Final = re.compile(r'[ \t,]*([A-Za-z0-9!#$%&\'*+.^_`|~-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))')
_ESCAPED: Final = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class AuthChallenge:
    """One challenge: the scheme and its parameters' names in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(header: str) -> tuple[AuthChallenge, ...]:
    """All challenges of a header, several headers joined with commas included. What cannot be read is left out."""
    challenges: list[AuthChallenge] = []
    position, text = 0, header[:_HEADER_CHARACTERS]
    while match := _SCHEME.match(text, position):
        position = match.end()
        parameters: dict[str, str] = {}
        while (parameter := _PARAMETER.match(text, position)) is not None:
            name, quoted, plain = parameter.groups()
            parameters.setdefault(name.lower(), plain if quoted is None else _ESCAPED.sub(r"\1", quoted))
            position = parameter.end()
        challenges.append(AuthChallenge(match[1].lower(), parameters))
    return tuple(challenges)


_CLIENT: Final = "airgap"
_DEFAULT_SECONDS: Final = 60
"""A token without `expires_in` (distribution's token specification)."""
_MARGIN_SECONDS: Final = 10
"""Seconds before its end at which a token is renewed, so that it does not expire during a request."""
_LONGEST_SECONDS: Final = 24 * 3600
_MOST_SCOPES: Final = 8
"""Scopes taken from one challenge; real ones have one or two."""


class Access(NamedTuple):
    """The rights that a request needs: actions (`pull`, `pull,push`) on a repository, `pull` on those to mount from."""

    repository: str = ""
    actions: str = "pull"
    sources: tuple[str, ...] = ()

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes as token services know them."""
        own = (f"repository:{self.repository}:{self.actions}",) if self.repository else ()
        return own + tuple(f"repository:{source}:pull" for source in self.sources)


@dataclass(frozen=True, slots=True)
class _Token:
    value: str = field(repr=False)
    expires: float  # of time.monotonic


class Authorizer:
    """Makes the Authorization header for one registry. Safe for threads."""

    def __init__(self, http: Http, home: Origin, credentials: Credentials, *, host: str) -> None:
        """`host` is the registry's name in configuration files, `home` where its API is."""
        self._http, self._home, self._credentials, self._host = http, home, credentials, host
        self._lock = threading.Lock()
        self._fetching: dict[tuple[str, ...], threading.Lock] = {}
        self._tokens: dict[tuple[str, ...], _Token] = {}
        self._lookups: dict[str, Lookup] = {}
        self._challenge: AuthChallenge | None = None
        self._wanted: dict[Access, tuple[str, ...]] = {}

    def header(self, access: Access) -> str | None:
        """The Authorization header to send, if the registry has said what it wants."""
        challenge = self._challenge
        if challenge is None:
            return None
        if challenge.scheme == "basic":
            return self._basic(access)
        return self._bearer(challenge, access, rejected=None)

    def answer(self, reply: Reply, access: Access, *, sent: str | None) -> str:
        """The Authorization header that answers a 401, after `sent` was refused. Raises AuthenticationError.

        `reply` must come from the registry's own origin: a challenge of another host could direct the credentials
        elsewhere.
        """
        challenges = {
            item.scheme: item for item in reversed(parse_challenges(reply.headers.get("WWW-Authenticate", "")))
        }
        if "bearer" in challenges:
            self._challenge = challenges["bearer"]
            self._wanted[access] = _scopes(access, challenges["bearer"].parameters.get("scope", ""))
            return self._bearer(challenges["bearer"], access, rejected=sent)
        if "basic" in challenges:
            self._challenge = challenges["basic"]
            header = self._basic(access)
            if header is not None and header != sent:
                return header
        raise self.refusal(access, reply.status)

    def refusal(self, access: Access, status: int, said: str = "") -> AuthenticationError:
        """The error for 401 and 403: whose request was refused, which one, and what to do."""
        found = self._lookup(access)
        what = f"{self._host}/{access.repository}" if access.repository else self._host
        wanted = f"{access.actions.replace(',', ' and ')} on {what}" if access.repository else what
        detail = f" ({said})" if said else ""
        login = self._credentials.login(self._host)
        if found.credential is None and status == HTTPStatus.FORBIDDEN:  # a quota or a rule may be the reason as well
            message = f"{self._host} refuses {safe(wanted)} without credentials: {status}{detail}"
            remedy = f"If it needs a login: {login}"
        elif found.credential is None:
            message = f"{self._host} wants credentials for {safe(wanted)}, and there are none{detail}"
            remedy = f"Log in with: {login}"
        else:
            who = safe(found.credential.username, limit=80) or "the token"
            message = f"{self._host} refused {who} (from {found.source}) for {safe(wanted)}: {status}{detail}"
            remedy = f"Check the password and the rights, and log in with: {login}"
        for problem in found.problems:
            message += f"; {problem}"
        return AuthenticationError(message, remedy=remedy, host=self._host, status=status)

    def _lookup(self, access: Access) -> Lookup:
        found = self._lookups.get(access.repository)
        if found is None:
            found = self._lookups[access.repository] = self._credentials.lookup(self._host, access.repository)
        return found

    def _basic(self, access: Access) -> str | None:
        credential = self._lookup(access).credential
        if credential is None or not credential.username:
            return None
        return f"Basic {credential.basic}"

    def _bearer(self, challenge: AuthChallenge, access: Access, *, rejected: str | None) -> str:
        credential = self._lookup(access).credential
        if credential is not None and credential.registry_token:
            header = f"Bearer {credential.registry_token}"
            if header == rejected:
                raise self.refusal(access, 401)
            return header
        scopes = self._wanted.get(access) or _scopes(access, "")
        with self._lock:
            lock = self._fetching.setdefault(scopes, threading.Lock())
        with lock:  # one thread fetches the token, the others find it in the cache
            token = self._tokens.get(scopes)
            fresh = token is not None and token.expires > time.monotonic() and f"Bearer {token.value}" != rejected
            if token is None or not fresh:
                token = self._tokens[scopes] = self._fetch(challenge, scopes, access, credential)
        return f"Bearer {token.value}"

    def _fetch(
        self, challenge: AuthChallenge, scopes: tuple[str, ...], access: Access, credential: Credential | None
    ) -> _Token:
        realm = self._realm(challenge, secret=credential is not None)
        service = challenge.parameters.get("service", "")
        request = _token_request(realm, service, scopes, credential)
        started = time.monotonic()
        reply = self._http.send(request)
        whose = f"the token service {origin_of(realm).netloc}"
        if reply.status in {400, 401, 403}:
            raise self.refusal(access, reply.status, f"said {whose}")
        try:
            if reply.status == 200:  # noqa: PLR2004
                return _parse_token(reply.body, started)
            problem = f"{whose} of {self._host} answered {reply.status}"
        except FormatError as error:
            problem = f"what {whose} of {self._host} answered cannot be used: {error}"
        raise AuthenticationError(problem, host=self._host, status=reply.status)

    def _realm(self, challenge: AuthChallenge, *, secret: bool) -> str:
        realm = challenge.parameters.get("realm", "")
        try:
            origin = origin_of(realm)
        except FormatError as error:
            raise AuthenticationError(
                f"{self._host} names a token service that cannot be used: {error.problem}", host=self._host
            ) from None
        secure = origin.scheme == "https" or origin == self._home
        # both ports are of this machine: the credentials do not leave it
        local = is_loopback(origin.host) and is_loopback(self._home.host)
        if not (secure or local) and (secret or self._home.scheme == "https"):
            raise AuthenticationError(
                f"{self._host} names the token service {origin.url}, which is not https: no credentials are sent there",
                remedy="Ask the operator of the registry for a token service over https.",
                host=self._host,
            )
        return realm


def _scopes(access: Access, asked: str) -> tuple[str, ...]:
    """The scopes of the request and of the challenge; sorted, so that equal sets share a token."""
    merged: dict[str, set[str]] = {}
    for scope in (*access.scopes, *asked.split()[:_MOST_SCOPES]):
        resource, _, actions = scope.rpartition(":")
        merged.setdefault(resource, set()).update(actions.split(","))
    return tuple(sorted(f"{resource}:{','.join(sorted(actions))}" for resource, actions in merged.items()))


def _token_request(realm: str, service: str, scopes: tuple[str, ...], credential: Credential | None) -> Request:
    if credential is not None and credential.identity_token:
        fields = {
            "grant_type": "refresh_token",
            "service": service,
            "client_id": _CLIENT,
            "scope": " ".join(scopes),
            "refresh_token": credential.identity_token,
        }
        return Request(
            method="POST",
            url=realm,
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            body=Body.of(urlencode(fields).encode()),
            limit=limits.MIB,
            repeatable=True,
        )
    query = [("service", service)] if service else []
    query += [("scope", scope) for scope in scopes]
    headers = {"Accept": "application/json"}
    if credential is not None:
        query.append(("account", credential.username))
        headers["Authorization"] = f"Basic {credential.basic}"
    url = with_query(realm, urlencode(query)) if query else realm
    return Request(method="GET", url=url, headers=headers, limit=limits.MIB)


def _parse_token(body: bytes, started: float) -> _Token:
    document = load_object(body, Reading.OPEN, limit=limits.MIB, what="token service's answer")
    value = take_optional(document, "token", str) or take_optional(document, "access_token", str)
    if not value:
        raise FormatError("it holds neither token nor access_token")
    if not value.isascii() or not value.isprintable():
        raise FormatError("the token holds characters that no header can carry")
    lifetime = take_optional(document, "expires_in", int) or _DEFAULT_SECONDS
    lifetime = min(max(lifetime, 1), _LONGEST_SECONDS)
    # for a short-lived token the margin shrinks, or it would never be used
    return _Token(value, started + lifetime - min(_MARGIN_SECONDS, lifetime / 2))
