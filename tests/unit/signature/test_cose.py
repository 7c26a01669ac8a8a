"""What is special about COSE: tags, CBOR, labels, x5chain."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tests.support import envelopes, parsed_envelopes
from tests.support.envelopes import (
    AGENT,
    COSE,
    REMOVED,
    SCHEME,
    SIGNED_AT,
    SIGNING_TIME,
    TIMESTAMP,
    Raw,
    cbor,
    cose,
    epoch,
)
from tests.support.pki import Pki

accepted = partial(parsed_envelopes.accepted, COSE)
refused = partial(parsed_envelopes.refused, COSE)

LEAF = Pki().code_chain()
GOOD = cose(LEAF)
CHAIN = [issued.der for issued in LEAF.chain]


@pytest.mark.parametrize(
    "prefix",
    [
        pytest.param("84", id="untagged"),
        pytest.param("d86284", id="tag 98"),
        pytest.param("d81284", id="tag 18 in two bytes"),
        pytest.param("d9d9f7d284", id="self-described"),
        pytest.param("d28484", id="array in array"),
        pytest.param("d2d284", id="tagged twice"),
        pytest.param("d29804", id="NEG-34 wide array"),
        pytest.param("d29f", id="NEG-34 indefinite array"),
        pytest.param("d283", id="array of three"),
        pytest.param("d285", id="array of five"),
        pytest.param("d2a2", id="map"),
    ],
)
def test_the_beginning_has_one_encoding(prefix: str) -> None:
    """NEG-33, NEG-34, COSE-1."""
    suffix = b"\xff" if prefix == "d29f" else b""
    refused(cose(LEAF, prefix=bytes.fromhex(prefix), suffix=suffix))


@pytest.mark.parametrize("suffix", [b"\x00", b"\xf6", GOOD])
def test_trailing_bytes_are_refused(suffix: bytes) -> None:
    """NEG-35, COSE-2."""
    assert "trailing data" in refused(GOOD + suffix)


@pytest.mark.parametrize("payload", [None, b"", "text", [], {}, 1])
def test_the_payload_must_be_present_bytes(payload: Any) -> None:
    """NEG-36, COSE-2: neither detached nor empty nor text."""
    assert "the payload is" in refused(cose(LEAF, payload=payload))


@pytest.mark.parametrize("signature", [b"", None, "text", 1])
def test_the_signature_must_be_present_bytes(signature: Any) -> None:
    """COSE-2."""
    raw = cose(LEAF, signature=Raw(cbor(signature)))
    assert "the signature is" in refused(raw)


@pytest.mark.parametrize("item", [b"", None, {}, "text"])
def test_the_protected_header_must_be_present_bytes(item: Any) -> None:
    """COSE-2."""
    good = cbor(cbor(envelopes.cose_header(LEAF)))
    assert "the protected header is" in refused(GOOD.replace(good, cbor(item), 1))


@pytest.mark.parametrize("content", [b"\x80", b"\xf6", b"\x01", b"\xa0\x00", b"\xbf\xff", b"\xd2\x84"])
def test_the_protected_header_must_hold_a_map(content: bytes) -> None:
    refused(cose(LEAF, protected_raw=content))


@pytest.mark.parametrize("item", [b"\x80", b"\xf6", b"\x41\xa0", b"\xbf\xff"])
def test_the_unprotected_header_must_be_a_map(item: bytes) -> None:
    refused(cose(LEAF, unprotected_raw=item))


@pytest.mark.parametrize(
    "double", [b"\x01\x26", b"\x18\x01\x26", b"\x19\x00\x01\x26", b"\x03\x60", cbor(SCHEME) + cbor("notary.x509")]
)
def test_a_duplicate_protected_label_is_refused(double: bytes) -> None:
    """NEG-37, COSE-3: also as a non-minimal twin."""
    header = cbor(envelopes.cose_header(LEAF))
    raw = bytes([header[0] + 1]) + header[1:] + double
    assert "Duplicate" in refused(cose(LEAF, protected_raw=raw))


def test_a_duplicate_unprotected_label_is_refused() -> None:
    """NEG-37, COSE-3."""
    raw = b"\xa2" + cbor(33) + cbor(CHAIN) + b"\x19\x00\x21" + cbor(CHAIN)
    assert "Duplicate" in refused(cose(LEAF, unprotected_raw=raw))


@pytest.mark.parametrize("tagged", [b"\xc1\x00", b"\xc0\x60", b"\xd8\x20\x60", b"\xd8\x1c\x80", b"\xd9\xd9\xf7\x00"])
def test_a_tag_in_the_unprotected_header_is_refused(tagged: bytes) -> None:
    """NEG-38, COSE-3."""
    assert "is not allowed there" in refused(cose(LEAF, unprotected={"x": Raw(tagged)}))


@pytest.mark.parametrize("label", [b"\x41\x01", b"\xf5", b"\xf6", b"\x80", b"\xfb\x3f\xf0\x00\x00\x00\x00\x00\x00"])
@pytest.mark.parametrize("where", ["protected", "unprotected"])
def test_a_label_that_is_neither_integer_nor_text_is_refused(label: bytes, where: str) -> None:
    """NEG-38, COSE-3."""
    refused(cose(LEAF, **{where: {Raw(label): 1}}))  # type: ignore[arg-type]


@pytest.mark.parametrize("indefinite", [b"\x9f\xff", b"\xbf\xff", b"\x5f\xff", b"\x7f\xff"])
@pytest.mark.parametrize("where", ["protected", "unprotected"])
def test_indefinite_lengths_are_refused_everywhere(indefinite: bytes, where: str) -> None:
    """NEG-34, COSE-3."""
    message = refused(cose(LEAF, **{where: {"x": Raw(indefinite)}}))  # type: ignore[arg-type]
    assert "indefinite" in message


def test_a_float_outside_a_time_is_refused() -> None:
    assert "float" in refused(cose(LEAF, protected={"x": 1.5}))


def test_text_must_be_utf_8() -> None:
    """COSE-3."""
    refused(cose(LEAF, protected={"x": Raw(b"\x62\xc3\x28")}))


def test_the_protected_header_needs_no_order() -> None:
    """COSE-4: what arrived is what is signed."""
    header = dict(reversed(envelopes.cose_header(LEAF).items()))
    accepted(cose(LEAF, protected_raw=cbor(header)))


def test_wide_integers_in_the_protected_header_are_covered_as_they_are() -> None:
    """COSE-4, COSE-5."""
    header = {Raw(b"\x18\x01") if label == 1 else label: value for label, value in envelopes.cose_header(LEAF).items()}
    accepted(cose(LEAF, protected_raw=cbor(header)))


def test_the_context_is_signature1() -> None:
    """COSE-5."""
    refused(cose(LEAF, context="CounterSignature"), "envelope.signature")


@pytest.mark.parametrize("label", ["ES256", b"\x26", Raw(b"\xf5")])
def test_an_algorithm_that_is_not_an_integer_is_refused(label: Any) -> None:
    """NEG-40, COSE-10."""
    refused(cose(LEAF, protected={1: label}), "envelope.algorithm")


def test_an_algorithm_in_the_unprotected_header_only_is_refused() -> None:
    """NEG-40, COSE-10."""
    refused(cose(LEAF, protected={1: REMOVED}, unprotected={1: -7}), "envelope.algorithm")


def test_crit_in_the_unprotected_header_is_refused() -> None:
    """NEG-39, COSE-11."""
    assert "crit" in refused(cose(LEAF, unprotected={2: [SCHEME]}))
    assert "crit" in refused(cose(LEAF, protected={2: REMOVED}, unprotected={2: [SCHEME]}))


@pytest.mark.parametrize(("label", "value"), [(1, -7), (3, envelopes.CONTENT_TYPE), (SCHEME, "notary.x509")])
def test_a_label_in_both_headers_is_refused(label: Any, value: Any) -> None:
    """RFC 9052, section 3."""
    assert "RFC 9052, section 3" in refused(cose(LEAF, unprotected={label: value}))


@pytest.mark.parametrize("stated", [50, b"application/vnd.cncf.notary.payload.v1+json"])
def test_a_content_type_that_is_not_text_is_refused(stated: Any) -> None:
    """NEG-32, COSE-13."""
    refused(cose(LEAF, protected={3: stated}), "envelope.content_type")


def test_a_scheme_as_bytes_is_refused() -> None:
    """NEG-23, COSE-14."""
    refused(cose(LEAF, protected={SCHEME: b"notary.x509"}), "envelope.scheme")


@pytest.mark.parametrize("stated", [1_767_323_045, "2026-01-02T03:04:05Z", None, b"", [epoch(1)]])
def test_a_time_without_tag_1_is_refused(stated: Any) -> None:
    """NEG-29, COSE-15."""
    assert "not a time (tag 1)" in refused(cose(LEAF, protected={SIGNING_TIME: stated}), "envelope.time")


@pytest.mark.parametrize(
    "tagged", [Raw(b"\xc0" + cbor("2026-01-02T03:04:05Z")), epoch("2026-01-02T03:04:05Z"), epoch(None), epoch(epoch(1))]
)
def test_tag_0_and_tag_1_around_text_are_refused(tagged: Raw) -> None:
    """NEG-29, COSE-15."""
    refused(cose(LEAF, protected={SIGNING_TIME: tagged}))


@pytest.mark.parametrize(
    ("seconds", "moment"),
    [
        (1_767_323_045, SIGNED_AT),
        (1_767_323_045.25, SIGNED_AT + timedelta(seconds=0.25)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (-62_135_596_800 + 366 * 86_400, datetime(2, 1, 2, tzinfo=UTC)),
    ],
)
def test_integer_float_and_negative_times_are_read(seconds: float, moment: datetime) -> None:
    """COSE-15."""
    assert accepted(cose(LEAF, protected={SIGNING_TIME: epoch(seconds)})).signing_time == moment


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -math.inf, 1e300, 2**63, -(2**63), 253_402_300_800])
def test_a_time_that_does_not_exist_is_refused(seconds: float) -> None:
    """COSE-15."""
    message = refused(cose(LEAF, protected={SIGNING_TIME: epoch(seconds)}), "envelope.time")
    assert "no moment that exists" in message


def test_bytes_and_times_are_kept_in_extended_attributes() -> None:
    """COSE-18."""
    extended = accepted(cose(LEAF, protected={-70000: b"\x00", "t": epoch(5)})).extended
    assert extended[-70000].value == b"\x00"
    assert extended["t"].value.seconds == 5


@pytest.mark.parametrize("chain", [REMOVED, [], None, "text", {}, 1, True, ["text"], [CHAIN[0], None]])
def test_a_missing_or_wrong_chain_is_refused(chain: Any) -> None:
    """NEG-15, COSE-20."""
    assert "x5chain" in refused(cose(LEAF, unprotected={33: chain}), "envelope.certificates")


def test_a_chain_as_one_byte_string_is_refused() -> None:
    """NEG-41, COSE-20: RFC 9360 allows it for one certificate, the reference does not."""
    alone = Pki().code_chain(depth=1)
    message = refused(cose(alone, unprotected={33: alone.der}), "envelope.certificates")
    assert "must be an array" in message
    accepted(cose(alone, unprotected={33: [alone.der]}))


def test_a_chain_in_the_protected_header_only_is_refused() -> None:
    """NEG-41, COSE-20."""
    raw = cose(LEAF, protected={33: CHAIN}, unprotected={33: REMOVED})
    assert "protected header only" in refused(raw, "envelope.certificates")


def test_a_chain_in_both_headers_must_be_the_same() -> None:
    """D10."""
    assert accepted(cose(LEAF, protected={33: CHAIN})).extended == {}
    message = refused(cose(LEAF, protected={33: CHAIN[:2]}), "envelope.certificates")
    assert "different certificate chains" in message


def test_the_token_and_the_agent_are_handed_on() -> None:
    """COSE-21."""
    envelope = accepted(cose(LEAF, unprotected={TIMESTAMP: b"garbage", AGENT: "tool/1"}))
    assert envelope.timestamp_token == b"garbage"
    assert envelope.signing_agent == "tool/1"


@pytest.mark.parametrize("agent", [1, None, b"a", ["a"]])
def test_ignores_a_signing_agent_of_another_type(agent: Any) -> None:
    """COSE-21, D59."""
    assert accepted(cose(LEAF, unprotected={AGENT: agent})).signing_agent is None


@pytest.mark.parametrize("token", ["text", None, 1, [b""]])
def test_a_token_of_another_type_is_refused(token: Any) -> None:
    """COSE-21: as in JWS (JWS-31); the reference takes it for absent."""
    assert TIMESTAMP in refused(cose(LEAF, unprotected={TIMESTAMP: token}))


@pytest.mark.parametrize("where", ["protected", "unprotected"])
@pytest.mark.parametrize(
    ("label", "value"),
    [
        *((label, value) for label in (4, 5, 6) for value in (1, "x", None, [b"x"])),
        *((16, value) for value in (b"x/y", -1, True, "", "xy", " x/y", "x/y ", "x/y/z", None)),
        *((label, value) for label in (7, 9, 11, 12) for value in (b"x", [b"", {}, b"x"])),
    ],
)
def test_common_labels_have_the_types_of_cose(where: str, label: int, value: Any) -> None:
    """RFC 9052, 3.1; RFC 9338; RFC 9596: the reference implementation refuses them too."""
    assert f"label {label}" in refused(
        cose(LEAF, protected={label: value}) if where == "protected" else cose(LEAF, unprotected={label: value})
    )


def test_an_iv_beside_a_partial_iv_is_refused() -> None:
    """RFC 9052, 3.1, in one header or in both."""
    for outside in ({5: b"x", 6: b"y"}, {6: b"y"}):
        inside = {} if 5 in outside else {5: b"x"}
        assert "partial IV" in refused(cose(LEAF, protected=inside, unprotected=outside))


@pytest.mark.parametrize("kind", ["text/plain", 0, 16])
def test_ignores_type_key_identifier_and_iv(kind: object) -> None:
    accepted(cose(LEAF, protected={16: kind, 5: b"x"}, unprotected={4: b"kid"}))


def test_unknown_unprotected_labels_are_ignored() -> None:
    accepted(cose(LEAF, unprotected={4: b"kid", "io.cncf.notary.expiry": 1, -1: [{}]}))


def test_a_truncated_message_is_refused_at_every_length() -> None:
    for end in range(len(GOOD)):
        refused(GOOD[:end])
