"""Registry scopes: fully qualified repositories, compared exactly."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from airgap.errors import FormatError, UsageError
from airgap.oci.reference import DOCKER_HUBS, is_host, is_registry, is_repository
from airgap.text import LOOK_ALIKES, safe, strange

EVERY: Final = "*"
"""The scope of every repository."""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|(?:oci|docker|oci-archive):(?![0-9])")
_USER: Final = re.compile(r"[^/@]*@(?=[^/]+/)")
_EXAMPLE: Final = "registry.example/team/app"
_LIMIT: Final = 128
_HUB: Final = "docker.io"
_HUBS: Final = DOCKER_HUBS | {"hub.docker.com"}


def parse_scope(text: str) -> str:
    """`text`, if it is `<domain>[:port]/<repository>` without scheme, tag or digest (SCOPE-2). Raises FormatError.

    The refusal shows how it is probably to be written.
    """
    if EVERY in text:
        raise FormatError(
            f"{_shown(text)} has a wildcard, which means nothing here: name each repository, as {_EXAMPLE}, or "
            "write '*' alone for all of them"
        )
    if "," in text:
        raise FormatError(f"{_shown(text)} has several repositories: write each as an entry of its own")
    domain, slash, repository = text.partition("/")
    mistakes = (
        (not text.isascii(), f"has a character that no repository has: {strange(text)}"),
        ("://" in text, "has a scheme"),
        (bool(slash) and "@" in domain, "has a user name"),
        ("@" in text, "has a digest"),
        (text != "".join(text.split()), "has a blank"),
        (not slash and is_registry(domain.partition(":")[0]), "is a registry alone, without a repository"),
        (not slash, "is not fully qualified: the registry's name must be before the repository"),
        (not _is_domain(domain), "has no valid registry name before its first '/'"),
        (":" in repository, "has a tag"),
        (repository.endswith("/"), "has a '/' at its end"),
        (not is_repository(repository), "has no valid repository name (lower case, no empty part) after its first '/'"),
    )
    if what := next((what for found, what in mistakes if found), None):
        meant = _meant(text)
        raise FormatError(f"{_shown(text)} {what}; write {meant or f'it as {_EXAMPLE}'}")
    return text


def _is_domain(text: str) -> bool:
    # SCOPE-2: a literal of IPv6 is a host, and no domain
    return is_host(text) and not text.startswith("[")


def check_scope(text: str) -> str:
    """The repository that a caller names, for `OciPolicy.select`. Raises UsageError where it is none."""
    if EVERY in text:
        raise UsageError(
            f"the scope {_shown(text)} has a wildcard, and names no repository",
            remedy="Name the one repository that the artifact is from, or leave the option out.",
            scope=safe(text),
        )
    try:
        return parse_scope(text)
    except FormatError as error:
        raise UsageError(
            f"the scope {error}", remedy="Name the repository as the policy's registryScopes do.", scope=safe(text)
        ) from None


def twin_scope(scope: str, known: Iterable[str]) -> tuple[str, str] | None:
    """A scope of a policy that is `scope` in another spelling, and how it differs; for messages only (SCOPE-4)."""
    if len(scope) > _LONGEST:
        return None
    index = _index(tuple(known))
    found = ((index.folded[number].get(fold(scope)), how) for number, (how, fold) in enumerate(_FOLDS))
    return next(((other, how) for other, how in found if other), None)


def near_scopes(scope: str, known: Iterable[str]) -> str:
    """A scope of a policy that is similar to `scope`, and how it differs; empty if there is none.

    For messages only: scopes are compared exactly (SCOPE-4).
    """
    if len(scope) > _LONGEST:
        return ""
    if twin := twin_scope(scope, known):
        return f"{_shown(twin[0])} differs {twin[1]}"
    index = _index(tuple(known))
    ends = list(_ends(scope))
    if above := next((scope[: -len(end) - 1] for end in ends if scope[: -len(end) - 1] in index.all), None):
        return f"{_shown(above)} is that repository alone, and none of those below it"
    if found := index.by_end.get(scope) or next((end for end in ends if end in index.all), None):
        return f"{_shown(found)} differs in its registry or first part"
    if found := index.by_repository.get(_repository(scope)):
        return f"{_shown(found)} is the same repository name at another registry"
    from difflib import get_close_matches  # seldom needed

    some = index.by_registry.get(scope.partition("/")[0]) or index.some
    near = get_close_matches(scope[:_LIMIT], [other[:_LIMIT] for other in some[:_COMPARED]], n=1, cutoff=_ALIKE)
    return f"{_shown(near[0])} is spelt nearly so" if near else ""


class _Index(NamedTuple):
    """The scopes of a policy by what may be asked: a layout may hold as many strange repositories as it likes."""

    all: frozenset[str]
    some: tuple[str, ...]
    folded: tuple[Mapping[str, str], ...]
    """As each of `_FOLDS` has them."""
    by_end: Mapping[str, str]
    """`team/app` and `app` to `registry.example/team/app`."""
    by_repository: Mapping[str, str]
    by_registry: Mapping[str, tuple[str, ...]]


@lru_cache(maxsize=4)
def _index(known: tuple[str, ...]) -> _Index:
    others = [other for other in dict.fromkeys(known) if other != EVERY and len(other) <= _LONGEST]
    registries: dict[str, list[str]] = {}
    for other in others:
        registries.setdefault(other.partition("/")[0], []).append(other)
    return _Index(
        all=frozenset(others),
        some=tuple(others[:_COMPARED]),
        folded=tuple({fold(other): other for other in others} for _, fold in _FOLDS),
        by_end={end: other for other in others for end in _ends(other)},
        by_repository={_repository(other): other for other in others},
        by_registry={name: tuple(found[:_COMPARED]) for name, found in registries.items()},
    )


def _ends(text: str) -> Iterator[str]:
    """The parts after each `/`, the longest first."""
    while "/" in text:
        text = text.partition("/")[2]
        yield text


_LONGEST: Final = 512
"""Characters of a name for which near ones are sought; registries allow 255."""
_COMPARED: Final = 20
"""Scopes that a name is compared with letter by letter, which takes time."""
_ALIKE: Final = 0.8


def _hub(text: str) -> str:
    """A repository of Docker Hub as Docker itself calls it: `alpine` and `docker.io/alpine` are one."""
    domain, slash, repository = text.partition("/")
    if not slash:
        return f"{_HUB}/library/{text}"
    if "." not in domain and ":" not in domain and domain != "localhost":
        return f"{_HUB}/{text}"
    if domain in _HUBS:
        return f"{_HUB}/{repository if '/' in repository else f'library/{repository}'}"
    return text


def _portless(text: str) -> str:
    domain, _, repository = text.partition("/")
    return f"{domain.partition(':')[0]}/{repository}"


_FOLDS: Final = (
    ("in case only", str.casefold),
    ("in the form of Docker Hub's names only (docker.io/library/NAME)", _hub),
    ("in the port only", _portless),
)


def _repository(text: str) -> str:
    return text.partition("/")[2]


def _meant(text: str) -> str | None:
    """The probable correct form of an invalid scope; None if that is not clear."""
    plain = unicodedata.normalize("NFKC", text.translate(LOOK_ALIKES)).replace("\\", "/")
    found = _SCHEME.sub("", plain.strip().strip("\"'"))
    found = _USER.sub("", found).partition("@")[0].rstrip("/.")
    domain, slash, repository = (part.strip(".") for part in re.sub("//+", "/", found).partition("/"))
    if not slash:
        found = f"{_HUB}/library/{domain.partition(':')[0]} (if it is Docker Hub's)"
        return found if is_repository(domain.partition(":")[0]) and "." not in domain else None
    found = f"{domain}/{repository.partition(':')[0].rstrip('/').lower()}"
    repaired = found.partition("/")
    return found if _is_domain(repaired[0]) and is_repository(repaired[2]) else None


def _shown(text: str) -> str:
    return repr(safe(text, limit=_LIMIT))
