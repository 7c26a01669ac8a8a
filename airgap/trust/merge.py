"""Evidence from two places, brought together so that no question gets an older answer than before.

Nothing is dropped: pieces are told apart by their content, and where two have one name, the one that comes gets
another. Where an index maps a URL, the files that it names are the only candidates (airgap.trust.evidence); so the
merged index maps every URL to whatever would have been a candidate on either side.
"""

from __future__ import annotations

import json as writer
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from airgap.errors import FormatError
from airgap.oci.digest import Digest
from airgap.pki.crl import read_header
from airgap.pki.ocsp import OcspResponse
from airgap.trust.evidence_index import EvidenceIndex

_MARK = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One place's evidence of one kind."""

    files: Mapping[str, Digest]
    """File names to the digests of their content."""
    index: EvidenceIndex
    read: Callable[[str], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What the folder holds afterwards."""

    local: Mapping[str, str]
    """New name to the name on the local side; the names stay, but for copies."""
    incoming: Mapping[str, str]
    """New name to the name on the side that comes."""
    index: Mapping[str, tuple[str, ...]]

    def index_bytes(self) -> bytes | None:
        """`index.json`, or None where nothing is mapped."""
        if not self.index:
            return None
        members: dict[str, Any] = {
            url: names[0] if len(names) == 1 else list(names) for url, names in self.index.items()
        }
        return (writer.dumps(members, indent=2, ensure_ascii=True, sort_keys=True) + "\n").encode()


def merge(local: Side, incoming: Side, *, crls: bool) -> Merged:
    """Both sides together; `crls` says of what kind the pieces are. Never raises for what they hold."""
    return _Merge(local, incoming, _crl_keys if crls else _ocsp_keys).run()


class _Merge:
    def __init__(self, local: Side, incoming: Side, keys: Callable[[bytes], frozenset[bytes]]) -> None:
        self._sides = (local, incoming)
        self._keys = keys
        self._taken = {name.casefold() for name in local.files}
        self._kept = {name: name for name in local.files}
        self._new: dict[str, str] = {}
        self._names: tuple[dict[str, str], dict[str, str]] = ({name: name for name in local.files}, {})
        """For each side: its own names to those in the result."""

    def run(self) -> Merged:
        local, incoming = self._sides
        known = {digest: name for name, digest in local.files.items()}
        for name, digest in incoming.files.items():
            if digest in known:
                self._names[1][name] = known[digest]
                continue
            new = self._free(name, digest)
            self._new[new] = name
            self._names[1][name] = known[digest] = new
        return Merged(local=self._kept, incoming=self._new, index=self._index())

    def _index(self) -> dict[str, tuple[str, ...]]:
        urls = dict.fromkeys([*self._sides[0].index.files, *self._sides[1].index.files])
        mapped = {url: self._mapped(url) for url in urls}
        claimed = {name for names in mapped.values() for name in names}
        free = self._unclaimed()
        for url, names in mapped.items():
            for side, loose in enumerate(free):
                if url not in self._sides[side].index.files:
                    names.update(dict.fromkeys(self._answering(loose, names, claimed)))
        return {url: tuple(names) for url, names in mapped.items() if names}

    def _mapped(self, url: str) -> dict[str, None]:
        found: dict[str, None] = {}
        for side, names in zip(self._sides, self._names, strict=True):
            found.update(dict.fromkeys(names[name] for name in side.index.files.get(url, ()) if name in names))
        return found

    def _unclaimed(self) -> tuple[dict[str, str], dict[str, str]]:
        """For each side what its own index does not name: result names to its own names."""
        local, incoming = (
            {names[name]: name for name in side.files if name not in side.index.claimed}
            for side, names in zip(self._sides, self._names, strict=True)
        )
        return local, incoming

    def _answering(self, loose: Mapping[str, str], names: Mapping[str, None], claimed: set[str]) -> list[str]:
        """What would have answered for a URL that its side does not map: it must not be shut out by the other's map."""
        asked = frozenset(key for name in names for key in self._keys_of(name))
        found = []
        for name in loose:
            if name in names or not asked & self._keys_of(name):
                continue
            # what a map names is no longer found without one, so a piece that is needed both ways lies there twice
            found.append(name if name in claimed else self._twin(name))
        return found

    def _twin(self, name: str) -> str:
        for table, side in ((self._kept, 0), (self._new, 1)):
            if name in table:
                own = table[name]
                twin = self._free(name, self._sides[side].files[own], always=True)
                table[twin] = own
                return twin
        return name

    def _keys_of(self, name: str) -> frozenset[bytes]:
        for table, side in ((self._kept, self._sides[0]), (self._new, self._sides[1])):
            if name in table:
                try:
                    return self._keys(side.read(table[name]))
                except FormatError:
                    return frozenset()
        return frozenset()

    def _free(self, name: str, digest: Digest, *, always: bool = False) -> str:
        path = PurePosixPath(name)
        candidates = [] if always else [name]
        candidates += [f"{path.stem}-{digest.encoded[:_MARK]}{path.suffix}"]
        number = 2
        while candidates[-1].casefold() in self._taken and candidates[0].casefold() in self._taken:
            candidates.append(f"{path.stem}-{digest.encoded[:_MARK]}-{number}{path.suffix}")
            number += 1
        chosen = next(candidate for candidate in candidates if candidate.casefold() not in self._taken)
        self._taken.add(chosen.casefold())
        return chosen


def _crl_keys(data: bytes) -> frozenset[bytes]:
    return frozenset({read_header(data).issuer})


def _ocsp_keys(data: bytes) -> frozenset[bytes]:
    return frozenset(
        single.issuer_key_hash + single.serial.to_bytes(64, "big", signed=True)
        for single in OcspResponse.parse(data).responses
    )
