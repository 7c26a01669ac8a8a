"""Every door of fuzz/ holds over its corpus and some changed inputs: the same functions that `make fuzz` calls."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest

from fuzz import corpus
from fuzz.doors import DOORS
from fuzz.mutate import changed
from fuzz.plain import changes_for


@pytest.fixture(scope="module")
def seeds() -> Mapping[str, tuple[bytes, ...]]:
    return corpus.seeds()


@pytest.mark.parametrize("name", sorted(DOORS))
def test_hostile_bytes_give_only_project_errors(name: str, seeds: Mapping[str, tuple[bytes, ...]]) -> None:
    random = Random(name)  # noqa: S311 - to be repeated
    samples = seeds[name]
    for data in samples:
        DOORS[name](data)
    for _ in range(60):
        DOORS[name](changed(random, random.choice(samples), samples, changes_for(name)))
