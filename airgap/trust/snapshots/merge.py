"""Evidence from two places, brought together so that no question gets fewer candidates than either place had.

Where an index maps a URL, the files that it names are its only candidates, and what an index names is no candidate for
anything else (airgap.revocation.pool). So a careless union could hide a good CRL behind a worthless one that comes
with a map. Here a URL that one side maps gets what the other side would have answered with, too; and what answered
without a map still does. Where one content is needed both ways, it lies there under two names. Nothing is dropped.
"""

from __future__ import annotations

import json as writer
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from airgap.oci.digest import Digest
from airgap.revocation.index import EvidenceIndex

_MARK: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One place's evidence of one kind."""

    files: Mapping[str, Digest]
    """File names to the digests of their content."""
    index: EvidenceIndex

    @property
    def loose(self) -> Mapping[str, Digest]:
        """What its own index does not name: found by what it says about itself."""
        return {name: digest for name, digest in self.files.items() if name not in self.index.claimed}

    def candidates(self, url: str) -> list[Digest]:
        """What may answer for a URL here: what the index names, else whatever is loose."""
        if url in self.index.files:
            return [self.files[name] for name in self.index.files[url] if name in self.files]
        return list(self.loose.values())


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


def merge(local: Side, incoming: Side) -> Merged:
    """Both sides together. Nothing is read: what the pieces hold plays no part."""
    return _Merge(local, incoming).run()


class _Merge:
    def __init__(self, local: Side, incoming: Side) -> None:
        self._sides = (local, incoming)
        self._kept = {name: name for name in local.files}
        self._new: dict[str, str] = {}
        self._taken = {name.casefold() for name in local.files}
        self._loose = {digest: name for name, digest in local.loose.items()}
        self._claimed = {digest: name for name, digest in local.files.items() if name in local.index.claimed}
        """Digests to the names in the result that an index names, and that it does not."""

    def run(self) -> Merged:
        local, incoming = self._sides
        for digest in incoming.loose.values():
            self._name(digest, self._loose)
        index: dict[str, tuple[str, ...]] = {}
        for url in dict.fromkeys([*local.index.files, *incoming.index.files]):
            wanted = dict.fromkeys([*local.candidates(url), *incoming.candidates(url)])
            if names := tuple(dict.fromkeys(self._name(digest, self._claimed) for digest in wanted)):
                index[url] = names
        for name, digest in incoming.files.items():  # what its index claims for no URL of either side
            if digest not in self._loose and digest not in self._claimed:
                self._place(name, digest)
        return Merged(local=self._kept, incoming=self._new, index=index)

    def _name(self, digest: Digest, role: dict[Digest, str]) -> str:
        """The name of this content in one of the two roles, which it is given if it has none."""
        if digest not in role:
            own = next((name for name, known in self._sides[1].files.items() if known == digest), None)
            if own is None:
                own = next(name for name, known in self._sides[0].files.items() if known == digest)
                role[digest] = self._free(own, digest)
                self._kept[role[digest]] = own
            else:
                role[digest] = self._place(own, digest)
        return role[digest]

    def _place(self, own: str, digest: Digest) -> str:
        name = self._free(own, digest)
        self._new[name] = own
        return name

    def _free(self, name: str, digest: Digest) -> str:
        path = PurePosixPath(name)
        chosen, number = name, 1
        while chosen.casefold() in self._taken:
            again = f"-{number}" if number > 1 else ""
            chosen = f"{path.stem}-{digest.encoded[:_MARK]}{again}{path.suffix}"
            number += 1
        self._taken.add(chosen.casefold())
        return chosen
