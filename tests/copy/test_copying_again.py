"""Copying again what has not changed adds nothing, at any time of the clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import Ran, run_here
from tests.support.copying import Family, acquisitions, family, load
from tests.support.registry import LoopbackRegistry
from tests.support.signing import tree

NIGHT = 86_400
FIRST = 1_767_225_600


def copy(*arguments: object, at: int, monkeypatch: pytest.MonkeyPatch) -> Ran:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(at))
    ran = run_here(["copy", *map(str, arguments)])
    assert ran.code == 0, ran
    return ran


@pytest.mark.parametrize("order", [("one", "two"), ("two", "one")])
@pytest.mark.parametrize("pause", [0, 1, NIGHT], ids=["same-second", "next-second", "next-night"])
def test_copies_content_of_two_repositories(
    tmp_path: Path, registry: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch, pause: int, order: tuple[str, str]
) -> None:
    """It was compared with the newest record alone, which of the two was a matter of the clock's second."""
    made = family()
    for repository in order:
        load(registry, repository, made)
    stick = tmp_path / "stick"
    sources = [f"{registry.host}/{repository}:v1" for repository in order]
    copy(*sources, stick, "--full-names", at=FIRST, monkeypatch=monkeypatch)
    before = tree(stick)
    assert {record["source"]["name"] for record in acquisitions(stick)} == {
        f"{registry.host}/one",
        f"{registry.host}/two",
    }
    for night in (1, 2):
        for some in (sources, sources[::-1], sources[:1], sources[1:]):
            copy(*some, stick, "--full-names", at=FIRST + night * pause, monkeypatch=monkeypatch)
            assert tree(stick) == before


@pytest.mark.parametrize("pause", [0, NIGHT], ids=["same-second", "next-night"])
def test_copies_several_tags_of_one_repository(
    tmp_path: Path, registry: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch, pause: int
) -> None:
    """Each was compared with the record of the other."""
    load(registry, "app", family())
    registry.repositories["app"].tags["latest"] = registry.repositories["app"].tags["v1"]
    stick = tmp_path / "stick"
    sources = [f"{registry.host}/app:{tag}" for tag in ("v1", "latest")]
    copy(*sources, stick, at=FIRST, monkeypatch=monkeypatch)
    before = tree(stick)
    assert len(acquisitions(stick)) == 1
    for night in (1, 2):
        copy(*sources, stick, at=FIRST + night * pause, monkeypatch=monkeypatch)
        copy(*reversed(sources), stick, at=FIRST + night * pause, monkeypatch=monkeypatch)
        assert tree(stick) == before


def test_replaces_only_the_record_of_the_copied_artifact(
    tmp_path: Path, registry: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: Family = family()
    for repository in ("one", "two"):
        load(registry, repository, made)
    stick = tmp_path / "stick"
    sources = [f"{registry.host}/{repository}:v1" for repository in ("one", "two")]
    copy(*sources, stick, at=FIRST, monkeypatch=monkeypatch)
    copy(sources[0], stick, "--artifact-type", "a/b", at=FIRST + NIGHT, monkeypatch=monkeypatch)
    modes = {record["source"]["name"].rpartition("/")[2]: record["referrers"]["mode"] for record in acquisitions(stick)}
    assert modes == {"one": "filtered", "two": "all"}
    assert len(acquisitions(stick)) == 2


def test_copies_layouts_of_two_repositories_into_one(
    tmp_path: Path, registry: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records that are carried on are found again."""
    made = family()
    for repository in ("one", "two"):
        load(registry, repository, made)
        copy(
            f"{registry.host}/{repository}:v1", tmp_path / repository, "--full-names", at=FIRST, monkeypatch=monkeypatch
        )
    stick = tmp_path / "stick"
    seen = []
    for night in range(3):
        for repository in ("one", "two"):
            copy(tmp_path / repository, stick, at=FIRST + night * NIGHT, monkeypatch=monkeypatch)
        seen.append(tree(stick))
    assert seen[0] == seen[1] == seen[2]
    assert len(acquisitions(stick)) == 2
