"""airgap.parse.base64: one spelling for each byte string (JWS-3, JWS-30, NEG-12 to 14)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgap.errors import FormatError
from airgap.parse import base64


@given(st.binary(max_size=100))
def test_encoded_bytes_are_decoded(data: bytes) -> None:
    assert base64.decode_url(base64.encode_url(data)) == data
    assert base64.decode_standard(base64.encode_standard(data)) == data


@pytest.mark.parametrize("text", ["YQ==", "YR", "Y", "Y Q", "YQ\n", "Y\r\nQ", "+/", "YQ!", "Y\u0410", "=", "YQ="])
def test_url_refuses_every_other_spelling(text: str) -> None:
    with pytest.raises(FormatError):
        base64.decode_url(text)


@pytest.mark.parametrize("text", ["YQ", "YR==", "YQ=", "-_==", "YQ==\n", "YQ==YQ==", "Y=Q=", "\u0410\u0410=="])
def test_standard_refuses_every_other_spelling(text: str) -> None:
    with pytest.raises(FormatError):
        base64.decode_standard(text)


@given(st.text(max_size=40))
def test_accepts_only_the_canonical_spelling(text: str) -> None:
    for decode, encode in (
        (base64.decode_url, base64.encode_url),
        (base64.decode_standard, base64.encode_standard),
    ):
        try:
            data = decode(text)
        except FormatError:
            continue
        assert encode(data) == text


def test_errors_name_the_place() -> None:
    with pytest.raises(FormatError, match=r"^x5c\[0\]: is not standard base64"):
        base64.decode_standard("!", where="x5c[0]")
