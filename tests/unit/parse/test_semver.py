"""Semantic versions: one spelling, one order (PLUGIN-29)."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgap.errors import FormatError
from airgap.parse.semver import SemVer

ORDER = (
    "0.0.0", "0.0.1", "0.9.10", "1.0.0-0", "1.0.0-1", "1.0.0-9", "1.0.0-10", "1.0.0-alpha", "1.0.0-alpha.1",
    "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.10.0",
    "2.0.0",
)  # fmt: skip


@pytest.mark.parametrize(("lower", "higher"), list(pairwise(ORDER)))
def test_compares_versions(lower: str, higher: str) -> None:
    """semver.org 2.0.0, clause 11; a pre-release sorts lower than its release (PLUGIN-29)."""
    assert SemVer.parse(lower) < SemVer.parse(higher)
    assert SemVer.parse(higher) > SemVer.parse(lower)
    assert SemVer.parse(lower) != SemVer.parse(higher)


@pytest.mark.parametrize(
    "text",
    ["", "1", "1.0", "v1.0.0", "1.0.0.0", "01.0.0", "1.00.0", "1.0.0-", "1.0.0-01", "1.0.0-a..b", "1.0.0+", " 1.0.0",
     "1.0.0\n", "1.0.0-ä", "\u0661.0.0", "1.0.0+a_b", "1.0.0-" + "1" * 300],
)  # fmt: skip
def test_refuses_malformed_versions(text: str) -> None:
    with pytest.raises(FormatError, match="no semantic version"):
        SemVer.parse(text)


def test_ignores_build_metadata() -> None:
    one, other = SemVer.parse("1.2.3+001"), SemVer.parse("1.2.3+exp.sha-5114f85")
    assert one == other
    assert hash(one) == hash(other)
    assert str(one) == "1.2.3+001"
    assert one != "1.2.3"


@given(st.tuples(*[st.integers(0, 10**6)] * 3), st.tuples(*[st.integers(0, 10**6)] * 3))
def test_releases_compare_as_numbers(one: tuple[int, int, int], other: tuple[int, int, int]) -> None:
    first, second = (SemVer.parse(".".join(map(str, release))) for release in (one, other))
    assert (first < second) == (one < other)
    assert (first == second) == (one == other)
