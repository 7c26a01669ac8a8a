"""Named signing keys: notation's `signingkeys.json`, read and written (CLI-9, CLI-10; D43).

Entries name files or remote keys; the file has no key. Unknown members of an entry are kept when the file is written
again, so that notation and others can share it.
"""

from __future__ import annotations

import json as writer
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from airgap import limits
from airgap.errors import AirgapError, FormatError, LimitError, NotFoundError, UsageError
from airgap.files import write_file
from airgap.oci.documents import NotRegularError, open_regular
from airgap.parse import json
from airgap.signature.token_uri import is_token_uri
from airgap.text import safe

FILE: Final = "signingkeys.json"
OLD_FILE: Final = "config.json"
"""Where older notation, and the specification of plugins, have the keys: below `signingKeys` (D43)."""
LOCAL_KEYS: Final = "localkeys"
"""The folder beside the file where notation keeps key files (CLI-9)."""
_NAME_CHARACTERS: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalKey:
    """A key and its chain in files."""

    name: str
    key_path: str
    """PEM. The path as written; relative paths begin at the folder of the configuration."""
    certificate_path: str
    """PEM, signing certificate first, root last."""
    other: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Members that are not understood here."""

    def to_json(self) -> dict[str, Any]:
        """As notation writes it."""
        return {"name": self.name, "keyPath": self.key_path, "certPath": self.certificate_path, **self.other}


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenKey:
    """A key in a PKCS #11 token, with its chain in a file. An extension: notation looks for a file of that name."""

    name: str
    uri: str
    """`pkcs11:...` (airgap.signature.token_uri), where others have the path of a key file."""
    certificate_path: str
    """As in `LocalKey`."""
    other: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def to_json(self) -> dict[str, Any]:
        """In the form of a key in files."""
        return {"name": self.name, "keyPath": self.uri, "certPath": self.certificate_path, **self.other}


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteKey:
    """A key that a plugin has."""

    name: str
    id: str
    plugin: str
    plugin_config: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    other: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def to_json(self) -> dict[str, Any]:
        """As notation writes it."""
        members: dict[str, Any] = {"name": self.name, "id": self.id, "pluginName": self.plugin}
        if self.plugin_config:
            members["pluginConfig"] = dict(self.plugin_config)
        return {**members, **self.other}


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownKey:
    """An entry of a kind that is not known here; it is kept, and cannot sign."""

    name: str
    members: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """As it was."""
        return dict(self.members)


KeyEntry = LocalKey | TokenKey | RemoteKey
"""What can be given a name."""
ConfiguredKey = KeyEntry | UnknownKey
"""What has a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeys:
    """The named keys of one configuration."""

    keys: tuple[ConfiguredKey, ...] = ()
    default: str | None = None

    def find(self, name: str) -> ConfiguredKey | None:
        """The key of this name."""
        return next((key for key in self.keys if key.name == name), None)

    def adding(self, key: ConfiguredKey, *, default: bool = False) -> SigningKeys:
        """With one more key; the first becomes the default. Raises UsageError for a name that is taken, or no name."""
        check_key_name(key.name)
        if self.find(key.name) is not None:
            raise UsageError(
                f"there is a key {safe(key.name)!r} already", remedy="Delete it first, or take a new name."
            )
        return replace(self, keys=(*self.keys, key), default=key.name if default or not self.keys else self.default)

    def choosing(self, name: str) -> SigningKeys:
        """With another default. Raises NotFoundError."""
        if self.find(name) is None:
            raise _unknown(name, self)
        return replace(self, default=name)

    def without(self, name: str) -> SigningKeys:
        """Without the key, and without a default if it was that. Raises NotFoundError."""
        if self.find(name) is None:
            raise _unknown(name, self)
        return replace(
            self,
            keys=tuple(key for key in self.keys if key.name != name),
            default=None if self.default == name else self.default,
        )

    def to_json(self) -> dict[str, Any]:
        """The document as notation writes it."""
        members: dict[str, Any] = {} if self.default is None else {"default": self.default}
        return {**members, "keys": [key.to_json() for key in self.keys]}


def check_key_name(name: str) -> None:
    """A key's name: not empty, shown as it is, and not longer than a file name. Raises UsageError."""
    if not name or len(name) > _NAME_CHARACTERS or safe(name) != name or name.strip() != name:
        raise UsageError(f"{safe(name)!r} is no name for a key")


def _unknown(name: str, keys: SigningKeys) -> NotFoundError:
    there = ", ".join(safe(key.name) for key in keys.keys)
    return NotFoundError(
        f"there is no signing key {safe(name)!r}" + (f"; there are {there}" if there else ""),
        remedy="See airgap key list, and airgap key add.",
    )


def key_with_chain(
    name: str, key: str, chain: str, other: Mapping[str, Any] = MappingProxyType({})
) -> LocalKey | TokenKey:
    """The key in a token if `key` is a `pkcs11:` URI, else in the file `key`; its chain is in a file."""
    if is_token_uri(key):
        return TokenKey(name=name, uri=key, certificate_path=chain, other=other)
    return LocalKey(name=name, key_path=key, certificate_path=chain, other=other)


# Reading and writing


def parse_signing_keys(data: bytes, *, source: str) -> SigningKeys:
    """The keys of a `signingkeys.json`, or of a `config.json` in the older form. Raises AirgapError."""
    try:
        document = json.load_object(data, json.Reading.OWN, limit=limits.KEY_CONFIG_BYTES, what="key configuration")
        if "signingKeys" in document:
            document = json.take(document, "signingKeys", dict)
        default = json.take_optional(document, "default", str) or None
        keys = json.take_list(document, "keys", _entry, limit=limits.SIGNING_KEYS, required=False)
    except FormatError as error:
        raise _malformed(source, str(error)) from None
    names = [key.name for key in keys]
    if double := next((name for name in names if names.count(name) > 1), None):
        raise _malformed(source, f"the key name {safe(double)!r} appears twice")
    if default is not None and default not in names:
        raise _malformed(source, f"the default key {safe(default)!r} is not one of its keys")
    return SigningKeys(keys=keys, default=default)


def _malformed(source: str, problem: str) -> AirgapError:
    return AirgapError(f"{source} cannot be used: {problem}", remedy="Correct it, or move it away.")


_UNDERSTOOD: Final = frozenset({"name", "keyPath", "certPath", "id", "pluginName", "plugin", "pluginConfig"})


def _entry(item: Any) -> ConfiguredKey:
    item = json.as_object(item)
    name = json.take(item, "name", str)
    if not name:
        raise FormatError("is empty", where="name")
    other = {key: value for key, value in item.items() if key not in _UNDERSTOOD}
    # D43: `plugin` in the specification, `pluginName` in the reference
    plugin = json.take_optional(item, "pluginName", str) or json.take_optional(item, "plugin", str)
    if plugin:
        return RemoteKey(
            name=name,
            id=json.take(item, "id", str),
            plugin=plugin,
            plugin_config=json.take_strings(item, "pluginConfig"),
            other=other,
        )
    if "keyPath" in item or "certPath" in item:
        key, chain = (json.take(item, member, str) for member in ("keyPath", "certPath"))
        return key_with_chain(name, key, chain, other)
    return UnknownKey(name=name, members=item)


def load_signing_keys(folder: Path) -> SigningKeys | None:
    """The keys that the configuration in `folder` names; None where there is none.

    `signingkeys.json`, else the older form in `config.json`. Raises AirgapError for what cannot be used, for a
    symbolic link, too (CLI-10).
    """
    for name in (FILE, OLD_FILE):
        data = _read(folder / name)
        if data is not None and (name == FILE or b"signingKeys" in data):
            return parse_signing_keys(data, source=safe(folder / name))
    return None


def save_signing_keys(folder: Path, keys: SigningKeys) -> Path:
    """Write `signingkeys.json` into `folder`, which is made if it is not there. Raises AirgapError, OSError."""
    path = folder / FILE
    if path.is_symlink():
        raise _malformed(safe(path), "it is a symbolic link, which is not followed")
    data = writer.dumps(keys.to_json(), indent=4, ensure_ascii=False).encode() + b"\n"
    if len(keys.keys) > limits.SIGNING_KEYS or len(data) > limits.KEY_CONFIG_BYTES:  # who reads it would refuse it
        raise LimitError(
            f"{safe(path)} would have {len(keys.keys)} keys in {len(data)} bytes, more than are read",
            remedy="Delete keys that are not used any more: airgap key delete NAME.",
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_file(path, data, mode=0o600)
    return path


def _read(path: Path) -> bytes | None:
    try:
        with open_regular(str(path)) as file:
            return file.read(limits.KEY_CONFIG_BYTES + 1)
    except FileNotFoundError:
        return None
    except NotRegularError as error:
        raise _malformed(safe(path), f"it {error.strerror}") from None
    except OSError as error:
        raise _malformed(safe(path), error.strerror or type(error).__name__) from None
