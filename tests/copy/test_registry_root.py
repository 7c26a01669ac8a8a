"""A box goes to the root of a registry: each artifact under the path of the repository that it came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import run_here
from tests.support.copying import family, load, write
from tests.support.registry import LoopbackRegistry


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A tar with images of two repositories of another registry."""
    with LoopbackRegistry() as source:
        load(source, "team/web", family(1))
        load(source, "team/db", family(2), tag="15")
        path = tmp_path / "box.tar"
        ran = run_here(["copy", f"{source.host}/team/web:v1", f"{source.host}/team/db:15", str(path)])
        assert ran.code == 0, ran
    return path


@pytest.mark.parametrize("form", ["{}", "{}/", "oci://{}", "docker://{}"])
def test_each_goes_under_its_own_path(box: Path, target: LoopbackRegistry, form: str) -> None:
    ran = run_here(["copy", str(box), form.format(target.host)])
    assert ran.code == 0, ran
    assert {name: set(held.tags) for name, held in target.repositories.items()} == {
        "team/web": {"v1"},
        "team/db": {"15"},
    }
    assert f"{target.host}/team/web:v1" in ran.out


def test_one_alone_goes_to_the_same_place(tmp_path: Path, target: LoopbackRegistry) -> None:
    """No rule depends on how many there are."""
    with LoopbackRegistry() as source:
        load(source, "team/web", family(1))
        run_here(["copy", f"{source.host}/team/web:v1", str(tmp_path / "box")])
    assert run_here(["copy", str(tmp_path / "box"), target.host]).code == 0
    assert {name: set(held.tags) for name, held in target.repositories.items()} == {"team/web": {"v1"}}


def test_what_has_no_repository_is_told_to_name_one(tmp_path: Path, target: LoopbackRegistry) -> None:
    source = write(tmp_path / "source", family(1))
    ran = run_here(["copy", str(source), target.host])
    assert ran.code == 2
    assert "has no repository's name to put behind" in ran.err
    assert f"{target.host}/team/app" in ran.err
    assert not target.seen


def test_standard_input_needs_a_repository(target: LoopbackRegistry) -> None:
    ran = run_here(["copy", "-", target.host])
    assert ran.code == 2
    assert f"Name it: {target.host}/team/app" in ran.err
