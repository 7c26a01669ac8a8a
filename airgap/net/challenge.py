"""WWW-Authenticate: what a registry asks for (RFC 9110, section 11.6.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

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
