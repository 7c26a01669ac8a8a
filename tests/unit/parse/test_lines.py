"""A message about a JSON member can name the line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgap.parse.lines import Lines

TEXT = b"""{
  "version": "1.0",
  "trustPolicies": [
    {"name": "a, [b]: {c}",
     "registryScopes": ["x",
        "y"]},
    {
      "name": "b", "signatureVerification": {"level": "strict",
         "override": {"revo\\u0063ation": "x"}}
    }, 7
  ]
}"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("version", 2),
        ("trustPolicies", 3),
        ("trustPolicies[0]", 4),
        ("trustPolicies[0].name", 4),
        ("trustPolicies[0].registryScopes", 5),
        ("trustPolicies[0].registryScopes[1]", 6),
        ("trustPolicies[1].signatureVerification.level", 8),
        ("trustPolicies[1].signatureVerification.override.revocation", 9),
        ("trustPolicies[2]", 10),
    ],
)
def test_a_member_is_found_on_its_line(path: str, line: int) -> None:
    assert Lines(TEXT).of(path) == line


@pytest.mark.parametrize(
    ("path", "line"), [("trustPolicies[1].trustStores", 7), ("missing", 1), ("trustPolicies[1].name[3].x", 8)]
)
def test_a_missing_member_has_the_line_of_its_object(path: str, line: int) -> None:
    assert Lines(TEXT).of(path) == line


def test_an_absent_path_has_no_line() -> None:
    assert Lines(TEXT).of("") is None


def test_the_first_of_two_equal_members_counts() -> None:
    assert Lines(b'{"a": 1,\n"a": 2}').of("a") == 1


@given(st.binary(max_size=80), st.text(max_size=10))
def test_any_text_is_read(data: bytes, path: str) -> None:
    line = Lines(data).of(path)
    assert line is None or 1 <= line <= data.count(b"\n") + 1


def test_deep_nesting_takes_bounded_memory() -> None:
    """A file of 100,000 brackets took a minute, and gigabytes."""
    lines = Lines(b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b',\n"b": [[[[[[[[[1],\n2]]]]]]]],\n"c": 1}')
    assert (lines.of("a"), lines.of("b"), lines.of("c")) == (1, 2, 4)
    assert lines.of("b[0][0][0][0][0][0][0][0][1]") == 2
