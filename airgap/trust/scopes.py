"""Registry scopes: fully qualified repositories, compared letter for letter (SCOPE-1 to SCOPE-5)."""

from __future__ import annotations

import re
from typing import Final

from airgap.errors import FormatError, UsageError
from airgap.text import safe

EVERY: Final = "*"
"""The scope that stands for every repository."""

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*(?::[0-9]+)?", re.ASCII)
_COMPONENT = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)


def parse_scope(text: str) -> str:
    """`text`, if it is `<domain>[:port]/<repository>` without scheme, tag or digest (SCOPE-2). Raises FormatError."""
    shown = repr(safe(text, limit=128))
    if "://" in text:
        raise FormatError(f"{shown} has a scheme; write the repository alone, as registry.example/team/app")
    if "@" in text:
        raise FormatError(f"{shown} has a digest; write the repository alone, as registry.example/team/app")
    if EVERY in text:
        raise FormatError(f"{shown} has a wildcard; '*' stands alone or not at all")
    domain, slash, repository = text.partition("/")
    if not slash:
        raise FormatError(f"{shown} is not fully qualified; write registry.example/team/app")
    if not _DOMAIN.fullmatch(domain):
        raise FormatError(f"{shown} has no valid registry name before its first '/'")
    if ":" in repository:
        raise FormatError(f"{shown} has a tag; write the repository alone, as registry.example/team/app")
    if not _REPOSITORY.fullmatch(repository):
        raise FormatError(f"{shown} has no valid repository name (lower case, no empty part) behind its first '/'")
    return text


def check_scope(text: str) -> str:
    """The repository that a caller names, for `OciPolicy.select`. Raises UsageError where it is none."""
    try:
        return parse_scope(text)
    except FormatError as error:
        raise UsageError(
            f"the scope {error}", remedy="Name the repository as the policy's registryScopes do.", scope=safe(text)
        ) from None
