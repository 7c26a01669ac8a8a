"""Requests to timestamping authorities, and which answers are accepted (RFC 3161; TS-12, TS-18)."""

from __future__ import annotations

import hashlib

import pytest
from asn1crypto import tsp as oracle
from hypothesis import given
from hypothesis import strategies as st

from airgap.pki.timestamp_token import TimestampToken
from airgap.pki.tsp import TimestampingError, TimestampQuery, read_response
from tests.support import asn1
from tests.support.pki import Pki
from tests.support.tsa import POLICY, response, token

VALUE = b"a signature value"
TSA = Pki().tsa_chain()
QUERY = TimestampQuery.about(VALUE, "sha256", nonce=0x1122334455667788)
GOOD = token(TSA, VALUE)


def refused(data: bytes, query: TimestampQuery = QUERY) -> TimestampingError:
    with pytest.raises(TimestampingError) as caught:
        read_response(data, query)
    return caught.value


class TestRequest:
    @pytest.mark.parametrize("name", ["sha256", "sha384", "sha512"])
    @pytest.mark.parametrize("policy", [None, "1.2.840.1"])
    def test_is_what_another_reader_understands(self, name: str, policy: str | None) -> None:
        """TS-12: the hash of the key, certReq true, a nonce."""
        query = TimestampQuery.about(VALUE, name, nonce=2**63 + 5, policy=policy)
        read = oracle.TimeStampReq.load(query.der, strict=True)
        assert read["version"].native == "v1"
        assert read["message_imprint"]["hash_algorithm"]["algorithm"].native == name
        assert read["message_imprint"]["hashed_message"].native == hashlib.new(name, VALUE).digest()
        assert read["nonce"].native == 2**63 + 5
        assert read["cert_req"].native is True
        assert read["req_policy"].native == policy

    @pytest.mark.parametrize("name", ["sha1", "md5"])
    def test_rests_on_sha2_only(self, name: str) -> None:
        with pytest.raises(ValueError, match=name):
            TimestampQuery.about(VALUE, name, nonce=1)


class TestAnswer:
    def test_returns_the_token_unchanged(self) -> None:
        assert read_response(response(GOOD), QUERY) == GOOD

    def test_granted_with_modifications_is_granted(self) -> None:
        assert read_response(response(GOOD, status=1), QUERY) == GOOD

    @pytest.mark.parametrize(
        ("status", "words"),
        [(2, "rejects"), (3, "later"), (4, "about to be revoked"), (5, "has been revoked"), (9, "9")],
    )
    def test_says_why_there_is_no_token(self, status: int, words: str) -> None:
        error = refused(asn1.sequence(asn1.sequence(asn1.integer(status))))
        assert words in str(error)
        assert error.facts["status"] == status

    def test_a_refusal_counts_beside_a_token(self) -> None:
        assert refused(response(GOOD, status=2)).facts["status"] == 2

    def test_names_the_failures_and_what_the_authority_says(self) -> None:
        text = asn1.sequence(asn1.tlv(asn1.UTF8, b"not\x1b[2J today"))
        error = refused(asn1.sequence(asn1.sequence(asn1.integer(2), text, asn1.named_bits({0, 25, 7}))))
        assert error.facts["failures"] == ["badAlg (it does not know the hash algorithm)", "failure 7", "systemFailure"]
        assert 'it says "not\\x1b[2J today"' in str(error)

    def test_about_other_bytes_is_refused(self) -> None:
        assert "other bytes" in str(refused(response(token(TSA, b"another value"))))

    def test_with_another_hash_is_refused(self) -> None:
        assert "other bytes" in str(refused(response(token(TSA, VALUE, imprint_hash="sha512"))))

    def test_with_the_name_of_another_hash_is_refused(self) -> None:
        """The same bytes under the name of a hash that has as many."""
        data = response(token(TSA, VALUE, imprint_hash="sha512", imprint=QUERY.imprint))
        assert "other bytes" in str(refused(data))

    def test_over_the_bound_is_refused_unread(self) -> None:
        """LIM-8."""
        assert "more than 1048576" in str(refused(bytes(1024 * 1024 + 1)))

    @pytest.mark.parametrize("nonce", [0x1122334455667789, 0x55667788, -0x1122334455667788, 0])
    def test_with_another_nonce_is_refused(self, nonce: int) -> None:
        """TS-18."""
        assert "replayed" in str(refused(response(token(TSA, VALUE, nonce=nonce))))

    def test_without_the_nonce_is_refused(self) -> None:
        assert "no nonce" in str(refused(response(token(TSA, VALUE, nonce=None))))

    def test_under_another_policy_than_the_requested_one_is_refused(self) -> None:
        query = TimestampQuery.about(VALUE, "sha256", nonce=QUERY.nonce, policy="1.2.3")
        assert POLICY in str(refused(response(GOOD), query))
        assert read_response(response(token(TSA, VALUE, policy="1.2.3")), query)

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\x30\x00",
            GOOD,
            response(GOOD) + b"\0",
            asn1.sequence(asn1.sequence(asn1.integer(0))),
            asn1.sequence(asn1.sequence(asn1.integer(0)), GOOD, asn1.null()),
            response(asn1.sequence(asn1.integer(1))),
            bytes(1024 * 1024 + 1),
        ],
        ids=["nothing", "empty", "bare-token", "trailing", "no-token", "more", "no-cms", "too-large"],
    )
    def test_that_cannot_be_read_is_refused(self, data: bytes) -> None:
        assert "cannot be read" in str(refused(data))

    @given(st.integers(0, len(response(GOOD)) - 1), st.integers(1, 255))
    def test_with_any_byte_changed_gives_a_token_or_our_error(self, at: int, flip: int) -> None:
        damaged = bytearray(response(GOOD))
        damaged[at] ^= flip
        try:
            given_token = read_response(bytes(damaged), QUERY)
        except TimestampingError:
            return
        assert TimestampToken.parse(given_token).info.imprint == QUERY.imprint
