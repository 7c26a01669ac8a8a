"""Adds the evidence of a snapshot to existing evidence: existing files stay unchanged, and new content gets new names.

File names and indexes do not change the meaning of evidence (decision 0009), so new files cannot hide existing ones. An
index only says where a file came from. Both indexes are merged; entries without a file are left out, because they would
make answers uncertain.
"""

from __future__ import annotations

import json as writer
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from airgap.oci.digest import Digest
from airgap.revocation.index import EvidenceIndex

_MARK: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The evidence of one kind of one side."""

    files: Mapping[str, Digest]
    """File names to the digests of their content."""
    index: EvidenceIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The additions to a folder."""

    added: Mapping[str, str]
    """New names to the names in the snapshot."""
    index: Mapping[str, tuple[str, ...]]

    def index_bytes(self) -> bytes | None:
        """`index.json`, or None where nothing is mapped."""
        if not self.index:
            return None
        members: dict[str, Any] = {
            url: names[0] if len(names) == 1 else list(names) for url, names in self.index.items()
        }
        return (writer.dumps(members, indent=2, ensure_ascii=True, sort_keys=True) + "\n").encode()


def merge(local: Side, incoming: Side, *, taken: Collection[str] = ()) -> Merged:
    """The new files of the snapshot under free names. Their content is not read.

    `taken`: names in the folder beside those of `local.files`.
    """
    # the name of a missing file that the index has stays reserved: a new file must not take it
    used = {name.casefold() for name in (*local.files, *local.index.claimed, *taken)}
    names = {digest: name for name, digest in local.files.items()}
    added: dict[str, str] = {}
    for own, digest in incoming.files.items():
        if digest not in names:
            names[digest] = _free(own, digest, used)
            added[names[digest]] = own
    index = {url: list(mapped) for url, mapped in local.index.files.items()}
    for url, mapped in incoming.index.files.items():
        index.setdefault(url, []).extend(names[incoming.files[own]] for own in mapped if own in incoming.files)
    return Merged(added=added, index={url: tuple(dict.fromkeys(mapped)) for url, mapped in index.items() if mapped})


def _free(name: str, digest: Digest, used: set[str]) -> str:
    path = PurePosixPath(name)
    chosen, number = name, 1
    while chosen.casefold() in used:
        again = f"-{number}" if number > 1 else ""
        chosen = f"{path.stem}-{digest.encoded[:_MARK]}{again}{path.suffix}"
        number += 1
    used.add(chosen.casefold())
    return chosen
