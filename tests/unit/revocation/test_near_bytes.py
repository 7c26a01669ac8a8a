"""airgap.revocation.evidence_files: how many bytes may have changed, and when a key identifier says nothing."""

from __future__ import annotations

import pytest

from airgap.revocation.evidence_files import nearly_same, nearly_same_key

TWELVE = b"abcdefghijkl"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (TWELVE, TWELVE, True),
        (TWELVE, b"XYZdefghijkl", True),
        (TWELVE, b"XYZWefghijkl", False),
        (b"abc", b"abX", True),
        (b"abc", b"aYX", False),
        (b"", b"a", True),
        (b"", b"ab", False),
        (TWELVE, b"defghijkl", True),
        (TWELVE, b"abcdefghi", True),
        (TWELVE, b"abcghijkl", True),
        (TWELVE, b"abcdhijk", False),
        (TWELVE, b"abcdijkl", False),
        (TWELVE, b"bXdefghijkl", True),
        (b"aaaa", b"aa", False),
        (b"aaaa", b"aaa", True),
    ],
)
def test_one_byte_in_four_may_differ_or_be_absent_at_one_place(one: bytes, other: bytes, *, same: bool) -> None:
    assert nearly_same(one, other) is same
    assert nearly_same(other, one) is same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (b"abcdefgh", b"abcdefgh", True),
        (b"abcdefgh", b"abSTUVWX", True),
        (b"abcdefgh", b"aRSTUVWX", False),
        (b"abcdefgh", b"abcdef", True),
        (b"abcdefgh", b"abcde", False),
        (b"abcdefgh", b"", None),
        (b"abcdefgh", None, None),
        (b"abcdefgh", bytes(8), None),
        (b"abcd", b"aabb", None),
        (b"abcd", b"aabc", True),
    ],
)
def test_key_identifiers_are_hashes_or_say_nothing(one: bytes, other: bytes | None, *, same: bool | None) -> None:
    """One equal byte in four is more than chance gives; repeated bytes are what a medium leaves, and no hash."""
    assert nearly_same_key(one, other) is same
    assert nearly_same_key(other, one) is same
