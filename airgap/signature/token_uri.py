"""The names of keys in PKCS #11 tokens: a subset of RFC 7512.

pkcs11:token=site;object=release?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/run/pin
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from airgap.errors import UsageError
from airgap.text import safe

SCHEME: Final = "pkcs11:"
_PATH: Final = frozenset({"token", "serial", "object", "id", "type"})
_QUERY: Final = frozenset({"module-path", "pin-source"})
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
# RFC 7512, section 2.3: unreserved, the reserved ones that are allowed in both parts, and escapes; a slash in queries
_VALUE: Final = re.compile(r"(?:[A-Za-z0-9\-._~:\[\]@!$'()*+,=&/|]|%[0-9A-Fa-f]{2})+", re.ASCII)
_SHAPE: Final = "pkcs11:token=LABEL;object=KEY?module-path=LIBRARY"


def is_token_uri(text: str) -> bool:
    """Whether a key is named by such a URI, and not by a path."""
    return text[: len(SCHEME)].lower() == SCHEME


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUri:
    """A private key in a token."""

    text: str
    """As it was given; it holds no PIN."""
    token: str | None
    """Label of the token."""
    serial: str | None
    """Serial number of the token."""
    label: str | None
    """Label of the key (`object`)."""
    id: bytes | None
    """Identifier of the key."""
    module: Path | None
    """The token's library."""
    pin_file: Path | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """The key that `text` names. Raises UsageError."""
        if not is_token_uri(text):
            raise _malformed(text, f"it does not begin with {SCHEME}")
        path, _, query = text[len(SCHEME) :].partition("?")
        members = _attributes(text, path, ";", _PATH) | _attributes(text, query, "&", _QUERY)
        if members.get("type", b"private") != b"private":
            raise _malformed(text, "only private keys sign (type=private)")
        if not members.keys() & {"object", "id"}:
            raise _malformed(text, "it names no key (object=..., id=...)")
        if not members.keys() & {"token", "serial"}:
            raise _malformed(text, "it names no token (token=..., serial=...)")
        module, pin = (_text(text, members, name) for name in ("module-path", "pin-source"))
        return cls(
            text=text,
            token=_text(text, members, "token"),
            serial=_text(text, members, "serial"),
            label=_text(text, members, "object"),
            id=members.get("id"),
            module=None if module is None else Path(module),
            pin_file=None if pin is None else _pin_file(text, pin),
        )

    def __str__(self) -> str:
        """For messages: the key and the token."""
        key = repr(safe(self.label)) if self.label is not None else (self.id or b"").hex()
        return f"the key {key} of the token {safe(self.token or self.serial)!r}"


def _attributes(text: str, part: str, separator: str, known: frozenset[str]) -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    for item in filter(None, part.split(separator)):
        name, equals, value = item.partition("=")
        if name == "pin-value":  # RFC 7512, section 7: it would be in lists of processes, histories and configurations
            raise _malformed("pkcs11:...", "a PIN does not belong into a URI; name a file with pin-source")
        if name not in known:
            raise _malformed(text, f"{safe(name, limit=64)!r} is not understood here")
        if not equals or not _VALUE.fullmatch(value):
            raise _malformed(text, f"{name!r} has no value, or one with characters that must be escaped as %NN")
        if name in members:
            raise _malformed(text, f"{name!r} appears twice")
        members[name] = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), value).encode("latin-1")
    return members


def _text(text: str, members: dict[str, bytes], name: str) -> str | None:
    try:
        return members[name].decode() if name in members else None
    except UnicodeDecodeError:
        raise _malformed(text, f"{name!r} is not UTF-8") from None


def _pin_file(text: str, source: str) -> Path:
    path = source.removeprefix("file://").removeprefix("file:")
    if not path or path.startswith("|"):
        raise _malformed(text, "pin-source must name a file")
    return Path(path)


def _malformed(text: str, problem: str) -> UsageError:
    return UsageError(f"{safe(text, limit=160)!r} names no key in a token: {problem}", remedy=f"Write {_SHAPE}.")
