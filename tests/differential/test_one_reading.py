"""A tar has one reading (decision 0024): what airgap accepts, four other readers unpack to the same bytes and names.

`AIRGAP_TARS` says how many tars are made, and `AIRGAP_TARS_SEED` which; without them some hundred, for the suite.
"""

from __future__ import annotations

import io
import os
import random
import re
import tarfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from airgap.errors import AirgapError
from airgap.oci.archive import SharedFile, open_archive
from airgap.oci.content import ContentChecker
from airgap.oci.documents import open_regular
from airgap.oci.graph import Graph
from airgap.oci.tar import members
from airgap.oci.tar_header import MemberKind
from airgap.transfer.stream import items
from tests.differential.forge import Forged, forged
from tests.differential.readers import COMMANDS, Tree, absent_tools, digest_with_skopeo, unpack_all, unpack_with_python

COUNT: Final = int(os.environ.get("AIRGAP_TARS", "300"))
CAMPAIGN: Final = "AIRGAP_TARS" in os.environ
SEED: Final = int(os.environ.get("AIRGAP_TARS_SEED", "11"))
SKOPEO: Final = COUNT // 8 if CAMPAIGN else 10
"""Tars that skopeo copies; each takes longer than all the others together."""
BATCH: Final = 250

ABSENT: Final = absent_tools()

pytestmark = pytest.mark.skipif(
    bool(ABSENT) and not os.environ.get("CI"), reason=f"not on this machine: {', '.join(ABSENT)}"
)


@dataclass(slots=True)
class Tally:
    """What a run saw."""

    accepted: int = 0
    copied: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)


def test_every_reader_unpacks_an_accepted_tar_alike(tmp_path: Path) -> None:
    tally = Tally()
    batch: list[tuple[Path, Forged, Tree]] = []

    def compare() -> None:
        _compare(batch, tmp_path / "out", tally)
        for path, _, _ in batch:
            path.unlink()
        batch.clear()

    @seed(SEED)
    @settings(
        max_examples=COUNT,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(forged())
    def make(tar: Forged) -> None:
        path = tmp_path / f"{tally.accepted + sum(tally.refused.values())}.tar"
        path.write_bytes(tar.data)
        seen = _read(path, tar, tally)
        if seen is None:
            path.unlink()
            return
        tally.accepted += 1
        batch.append((path, tar, seen))
        if len(batch) >= BATCH:
            compare()

    make()
    compare()
    print(f"{tally.accepted} accepted, {sum(tally.refused.values())} refused, {tally.copied} copied by skopeo")  # noqa: T201 - a campaign says what it saw
    if CAMPAIGN:
        for words, count in tally.refused.most_common():
            print(f"{count:7} {words}")  # noqa: T201
    assert tally.accepted > COUNT / 10, "too few are accepted: the test would say little"
    assert sum(tally.refused.values()) > COUNT / 10
    assert not tally.broken, f"{len(tally.broken)} readings differ:\n" + "\n".join(tally.broken[:20])


def _read(path: Path, tar: Forged, tally: Tally) -> Tree | None:
    """What airgap reads in place, or None where it refuses; through a pipe it has to be the same."""
    try:
        with open_archive(str(path)):
            place: str | None = None
    except AirgapError as error:
        place = str(error)
    streamed: dict[str, bytes] = {}
    try:
        for item in items(_Pipe(tar.data), set(), {}, lambda _: True):
            streamed[item.name] = b"".join(iter(lambda body=item.body: body.read(4096), b""))  # type: ignore[misc]
        pipe: str | None = None
    except AirgapError as error:
        pipe = str(error)
    if place is not None:
        said = place.removeprefix(f"{path}: ").removeprefix(f"{path} ")
        tally.refused[_words(said)] += 1
        documents = "index.json: " in said or "oci-layout: " in said
        cut = "cut short" in said  # a pipe's end is not known before it comes
        if (
            not documents
            and not cut
            and (pipe or "").removeprefix("standard input: ").removeprefix("standard input ") != said
        ):
            tally.broken.append(f"in place and through a pipe: {tar.notes}\n    {said}\n    {pipe}")
        if cut and pipe is None:
            tally.broken.append(f"cut short, and not through a pipe: {tar.notes}")
        return None
    shared = SharedFile(open_regular(str(path)))
    try:
        found: dict[str, bytes | str] = {
            _plain(member.name): shared.read(member.offset, member.size)
            for member in members(shared)
            if member.kind is MemberKind.FILE
        }
    finally:
        shared.close()
    if pipe is not None or any(found.get(name) != data for name, data in streamed.items()):
        tally.broken.append(f"accepted in place, and through a pipe not or otherwise: {tar.notes}\n    {pipe}")
    return found


def _words(said: str) -> str:
    """A refusal without what is quoted in it and numbers, so that kinds can be counted."""
    return re.sub(r"\d+", "N", re.sub(r"b?'.*'|\".*\"", "…", said))


def _plain(name: str) -> str:
    while name.startswith("./"):
        name = name[2:]
    return name


def _compare(batch: list[tuple[Path, Forged, Tree]], folder: Path, tally: Tally) -> None:
    for reader, command in COMMANDS.items():
        unpacked = unpack_all(command, [path for path, _, _ in batch], folder)
        for path, tar, seen in batch:
            code, tree = unpacked[path]
            if code or tree != seen:
                tally.broken.append(f"{reader} (exit {code}): {tar.notes}\n    {_difference(seen, tree)}")
    for path, tar, seen in batch:
        try:
            tree = unpack_with_python(path, folder)
        except (tarfile.TarError, OSError, ValueError, LookupError) as error:
            tally.broken.append(f"Python: {tar.notes}: {error!r}")
            continue
        if tree != seen:
            tally.broken.append(f"Python: {tar.notes}\n    {_difference(seen, tree)}")
    for path, tar, _ in batch:
        digest = _digest(path)
        if digest is not None and tally.copied < SKOPEO:
            tally.copied += 1
            copied = digest_with_skopeo(path, "v1", folder)
            if copied != digest:
                tally.broken.append(f"skopeo: {tar.notes}\n    {copied}")


def _digest(path: Path) -> str | None:
    """Of the image that a verify of the tag judges, where all of it is there."""
    with open_archive(str(path)) as layout:
        try:
            graph = Graph(layout)
            image = graph.resolve("v1").descriptor
            complete = ContentChecker(layout).check(graph.closure(image)).verdict == "pass"
        except AirgapError:
            return None
        return str(image.digest) if complete and not graph.problems else None


def _difference(ours: Tree, theirs: Tree) -> str:
    names = sorted({*ours, *theirs})
    return "; ".join(
        f"{name!r}: {ours.get(name)!r:.60} and {theirs.get(name)!r:.60}"
        for name in names
        if ours.get(name) != theirs.get(name)
    )


class _Pipe(io.BytesIO):
    """Gives pieces of any size, and cannot go back."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._chance = random.Random(len(data))  # noqa: S311 - sizes, not secrets

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(self._chance.choice((1, 100, 512, 5000, 10**6)), size or 0))

    def seek(self, offset: int, whence: int = 0, /) -> int:
        raise OSError("a pipe")
