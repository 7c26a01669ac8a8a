"""Values that are computed once."""

from __future__ import annotations

import pytest

from airgap.errors import FormatError, LimitError
from airgap.once import Once


def test_a_value_is_made_at_the_first_call_and_only_then() -> None:
    numbers = iter([1, 2, 3])
    once = Once(lambda: next(numbers))
    assert once.peek() is None
    assert [once(), once(), once.peek()] == [1, 1, 1]


def test_a_format_error_is_remembered_and_raised_afresh() -> None:
    calls: list[int] = []

    def make() -> None:
        calls.append(1)
        raise LimitError("is too long", where="name", remedy="Cut it.", size=7)

    once = Once(make)
    errors = []
    for _ in range(3):
        with pytest.raises(LimitError) as caught:
            once()
        errors.append(caught.value)
    assert len(calls) == 1
    assert len({id(error) for error in errors}) == 3
    assert {(str(error), error.where, error.remedy, error.facts["size"]) for error in errors} == {
        ("name: is too long", "name", "Cut it.", 7)
    }


def test_any_other_error_is_not_remembered() -> None:
    results = [OSError("busy"), None]

    def make() -> str:
        if error := results.pop(0):
            raise error
        return "made"

    once = Once(make)
    with pytest.raises(OSError, match="busy"):
        once()
    assert once() == "made"


def test_none_is_a_value() -> None:
    calls: list[int] = []
    once = Once(lambda: calls.append(1))
    once()
    once()
    assert len(calls) == 1


def test_keeps_errors_that_are_not_about_limits() -> None:
    def make() -> None:
        raise FormatError("is wrong")

    with pytest.raises(FormatError) as caught:
        Once(make)()
    assert type(caught.value) is FormatError
