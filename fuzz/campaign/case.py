"""One case: a layout, the trust directory that it is judged by, and what has to come of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from airgap.parse.time import iso

_DESCRIPTION: Final = "case.json"
FORGED: Final = "forged"
"""The family of the cases that are forged here."""
Tree = Mapping[str, bytes]
"""Relative paths, with `/`, to content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An unchanged case."""

    name: str
    accepted: bool
    """Whether it passes as it is. One that does not may never pass, whatever is changed of what travels."""
    layout: Tree = field(repr=False)
    trust: Tree = field(repr=False)
    at: datetime
    scope: str
    archive: bool = False
    """Judged as a tar."""
    genuine: bool = True
    """Whether it is signed by a trusted signer, so that under another trust directory it may pass."""
    condemning: frozenset[str] = frozenset()
    """Files of the trust directory that say "revoked": without them the revocation is not known."""
    kept: frozenset[str] = frozenset()
    """Files of the layout that stay: those by which it is refused, where what refuses it travels itself."""

    offers: tuple[bytes, ...] = field(default=(), repr=False)
    """Genuine evidence that is not in it, and that may be put into it."""

    @property
    def family(self) -> str:
        """Cases that may lend each other pieces. Those made elsewhere sign one image many times: each is used alone."""
        if self.name.startswith("interop-"):
            return self.name
        return "layouts" if self.name.startswith("layouts-") else FORGED

    def write(self, folder: Path) -> None:
        """Layout, trust directory and description below `folder`."""
        write_tree(folder / "layout", self.layout)
        write_tree(folder / "trust", self.trust)
        write_tree(folder / "offers", {f"{number:02}": data for number, data in enumerate(self.offers)})
        description = {
            "accepted": self.accepted,
            "at": iso(self.at),
            "scope": self.scope,
            "archive": self.archive,
            "genuine": self.genuine,
            "condemning": sorted(self.condemning),
            "kept": sorted(self.kept),
        }
        (folder / _DESCRIPTION).write_text(json.dumps(description, indent=1))

    @classmethod
    def read(cls, folder: Path) -> Case:
        """What `write` has written."""
        description = json.loads((folder / _DESCRIPTION).read_text())
        return cls(
            name=folder.name,
            accepted=description["accepted"],
            layout=read_tree(folder / "layout"),
            trust=read_tree(folder / "trust"),
            at=datetime.fromisoformat(description["at"]),
            scope=description["scope"],
            archive=description["archive"],
            genuine=description["genuine"],
            condemning=frozenset(description["condemning"]),
            kept=frozenset(description["kept"]),
            offers=tuple(read_tree(folder / "offers").values()),
        )


def write_tree(folder: Path, tree: Tree) -> None:
    """All files of `tree` below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in tree.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)


def read_tree(folder: Path) -> Tree:
    """All files below `folder`, in the order of their names."""
    return dict(sorted(_files(folder)))


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.read_bytes()
