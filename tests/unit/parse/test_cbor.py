from __future__ import annotations

import math
from typing import Any

import pytest

from airgap import limits
from airgap.errors import FormatError, LimitError
from airgap.parse import cbor


def refused(text: str, *, times: bool = False) -> str:
    with pytest.raises(FormatError) as caught:
        cbor.load(bytes.fromhex(text), times=times)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("00", 0),
        ("1bffffffffffffffff", 2**64 - 1),
        ("3a7fffffff", -(2**31)),
        ("43010203", b"\x01\x02\x03"),
        ("63c3a95a", "éZ"),
        ("820180", [1, []]),
        ("a2016161626161f5", {1: "a", "aa": True}),
        ("f4", False),
        ("f6", None),
        ("1800", 0),  # a wider integer than needed: COSE-4 does not ask for canonical bytes
    ],
)
def test_plain_values_are_read(text: str, value: Any) -> None:
    assert cbor.load(bytes.fromhex(text)) == value


def test_arrays_and_maps_are_mutable_plain_types() -> None:
    value = cbor.load(bytes.fromhex("a1018102"))
    assert type(value) is dict
    assert type(value[1]) is list


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "ends in the middle"),
        ("0000", "1 bytes of trailing data"),
        ("d28480", "tag 18 at byte 0"),
        ("1b00", "ends in the middle"),
        ("4201", "longer than what is there"),
        ("5bffffffffffffffff", "longer than what is there"),
        ("9bffffffffffffffff", "more items than what is there"),
        ("bb7fffffffffffffff", "more items than what is there"),
        ("8201", "more items than what is there"),
        ("9f01ff", "indefinite length"),
        ("bf0102ff", "indefinite length"),
        ("5f4101ff", "indefinite length"),
        ("7f6161ff", "indefinite length"),
        ("ff", "indefinite length"),
        ("1c", "reserved head"),
        ("f93c00", "float at byte 0"),
        ("fa3f800000", "float at byte 0"),
        ("81fb3ff0000000000000", "float at byte 1"),
        ("f7", "undefined"),
        ("f0", "simple value"),
        ("f820", "simple value"),
        ("62c328", "error decoding text string"),
        ("a201010102", "Duplicate map key"),
        ("a2616101616102", "Duplicate map key"),
        ("a1410101", "a label that is a byte string"),
        ("a1f501", "a label that is a boolean"),
        ("a1f601", "a label that is nil"),
        ("a1800100", "trailing data"),
        ("a18001", "a label that is"),
        ("81a1410101", "a label that is a byte string"),
    ],
)
def test_what_is_outside_the_subset_is_refused(text: str, problem: str) -> None:
    assert problem in refused(text)


@pytest.mark.parametrize("twin", ["1801", "190001", "1a00000001", "1b0000000000000001"])
def test_a_duplicate_label_written_in_another_width_is_refused(twin: str) -> None:
    """COSE-3, NEG-37."""
    assert "Duplicate" in refused(f"a20101{twin}02")


@pytest.mark.parametrize(
    "tag",
    [
        0,
        2,
        3,
        4,
        5,
        18,
        21,
        24,
        25,
        28,
        29,
        30,
        32,
        35,
        36,
        37,
        43,
        98,
        100,
        256,
        258,
        260,
        261,
        1004,
        43000,
        55799,
        2**40,
    ],
)
def test_every_tag_but_the_time_is_refused_before_it_is_read(tag: int) -> None:
    """COSE-3: some tags build cycles, regular expressions or huge numbers when decoded."""
    head = b"\xdb" + tag.to_bytes(8)
    with pytest.raises(FormatError, match=f"tag {tag} at byte 1"):
        cbor.load(b"\x81" + head + b"\x00", times=True)


def test_a_cycle_cannot_be_built() -> None:
    """Tags 28 and 29 (shareable, reference) would make a list that holds itself."""
    assert "tag 28" in refused("d81c81d81d00", times=True)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("c100", 0), ("c11a6553f100", 0x6553F100), ("c120", -1), ("c1fb41d954fc40200000", 1700000000.5)],
)
def test_a_time_is_read_where_times_are_allowed(text: str, seconds: float) -> None:
    """COSE-15."""
    assert cbor.load(bytes.fromhex(text), times=True) == cbor.Epoch(seconds)


@pytest.mark.parametrize("text", ["c1f97e00", "c1fb7ff8000000000000"])
def test_hands_on_a_time_that_is_not_a_number(text: str) -> None:
    assert math.isnan(cbor.load(bytes.fromhex(text), times=True).seconds)


def test_a_time_is_refused_where_times_are_not_allowed() -> None:
    assert "tag 1 at byte 1 is not allowed there" in refused("81c100")


@pytest.mark.parametrize(
    "text", ["c16161", "c179000161", "c199000100", "c1f8ff", "c18100", "c1f5", "c1f6", "c1c100", "c14100"]
)
def test_a_time_around_anything_but_a_number_is_refused(text: str) -> None:
    """COSE-15, NEG-29."""
    message = refused(text, times=True)
    assert "is not a number" in message


def test_a_time_without_its_number_is_refused() -> None:
    assert "ends in the middle" in refused("c1", times=True)


def test_a_time_as_label_is_refused() -> None:
    assert "a label that is a time" in refused("a1c10101", times=True)


def test_floats_next_to_a_time_are_still_refused() -> None:
    assert "float at byte 3" in refused("82c100f93c00", times=True)


def test_depth_is_bounded() -> None:
    deepest = b"\x81" * limits.CBOR_DEPTH + b"\x01"
    assert cbor.load(deepest) != 1
    with pytest.raises(LimitError, match=f"nested more than {limits.CBOR_DEPTH} deep"):
        cbor.load(b"\x81" + deepest)
    with pytest.raises(LimitError):
        cbor.load(b"\x81" * 100_000)


def test_depth_counts_a_time_as_no_level() -> None:
    deepest = b"\x81" * limits.CBOR_DEPTH + b"\xc1\x01"
    assert cbor.load(deepest, times=True) != 1


def test_size_is_bounded() -> None:
    assert cbor.load(b"\x43abc", limit=4) == b"abc"
    with pytest.raises(LimitError, match="the thing has 5 bytes, more than 4"):
        cbor.load(b"\x44abcd", limit=4, what="thing")


def test_encoding_is_core_deterministic() -> None:
    """RFC 8949, 4.2.1 sorts encoded labels bytewise: 100 (18 64) before "" (60), which length-first turns round."""
    encoded = cbor.encode({"": 1, 100: 2, -1: 3, "b": [{"z": 1, "a": (b"x",)}], 1: cbor.Epoch(1)})
    assert encoded.hex() == "a501c10118640220036001616281a26161814178617a01"


def test_what_is_encoded_reads_back() -> None:
    value = {1: -7, 2: ["a", "b"], "t": cbor.Epoch(-5), 33: [b"x", b"y"], "n": None, "f": False}
    assert cbor.load(cbor.encode(value), times=True) == value
