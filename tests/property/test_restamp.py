"""Laws of stamping: only the unsigned header changes, and nothing but our errors comes out for whatever bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgap.errors import AirgapError, Rejected
from airgap.parse import cbor, json
from airgap.signature.envelope import parse_envelope, verify_signature
from airgap.signature.sealing import with_timestamp
from tests.support import envelopes
from tests.support.envelopes import COSE, JWS
from tests.support.pki import Pki

LEAF = Pki().code_chain()
RAW = {JWS: envelopes.jws(LEAF), COSE: envelopes.cose(LEAF)}
both = pytest.mark.parametrize("media_type", [JWS, COSE], ids=["jws", "cose"])
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
BESIDE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@both
@given(token=st.binary(min_size=1, max_size=2000))
def test_any_token_is_added_and_nothing_else_changes(media_type: str, token: bytes) -> None:
    """SCHEME-9."""
    before = parse_envelope(media_type, RAW[media_type])
    made = with_timestamp(media_type, RAW[media_type], token)
    after = parse_envelope(media_type, made)
    assert after == replace(before, timestamp_token=token)
    verify_signature(after)
    assert with_timestamp(media_type, made, token) == made


@given(beside=st.dictionaries(st.integers(100, 200), st.binary(max_size=9) | st.integers(0, 2**64 - 1), max_size=3))
def test_keeps_other_unprotected_members_in_cose(beside: dict[int, Any]) -> None:
    raw = envelopes.cose(LEAF, unprotected=beside)
    made = with_timestamp(COSE, raw, b"token")
    assert beside.items() <= cbor.load(made[1:])[1].items()


@given(beside=BESIDE)
def test_keeps_other_unprotected_members_in_jws(beside: Any) -> None:
    raw = envelopes.jws(LEAF, header={"com.example": beside})
    try:
        before = json.load_object(raw, json.Reading.SIGNED)["header"]["com.example"]
        made = with_timestamp(JWS, raw, b"token")
    except AirgapError:
        return  # nested deeper than is read
    assert json.load_object(made, json.Reading.SIGNED)["header"]["com.example"] == before == beside


@both
@given(at=st.integers(0, 10**6), flip=st.integers(1, 255))
def test_damaged_envelopes_give_only_project_errors(media_type: str, at: int, flip: int) -> None:
    raw = bytearray(RAW[media_type])
    raw[at % len(raw)] ^= flip
    try:
        made = with_timestamp(media_type, bytes(raw), b"token")
    except AirgapError:
        return
    assert parse_envelope(media_type, made).signing_input == parse_envelope(media_type, bytes(raw)).signing_input


@both
@given(raw=st.binary(max_size=200))
def test_random_bytes_are_refused(media_type: str, raw: bytes) -> None:
    with pytest.raises(Rejected):
        with_timestamp(media_type, raw, b"token")
