"""Laws on the bytes of envelopes: no edit of what is covered goes unnoticed, and no bytes break the parser."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airgap.errors import FormatError, Rejected
from airgap.parse import cbor
from airgap.pki.chain import check_code_signing_chain
from airgap.signature.envelope import parse_envelope, verify_signature
from airgap.signature.model import Envelope
from airgap.signature.payload import parse_payload
from tests.support import envelopes
from tests.support.envelopes import AGENT, COSE, EXPIRES_AT, JWS, TIMESTAMP, Raw, b64, cose, jws
from tests.support.pki import Pki

LEAF = Pki().code_chain(depth=2)
TOKEN = b"token that is not read here"
OUTSIDE: dict[str, dict[Any, Any]] = {
    JWS: {TIMESTAMP: b64(TOKEN), AGENT: "tool/1", "kid": "spare"},
    COSE: {TIMESTAMP: TOKEN, AGENT: "tool/1", 4: b"spare"},
}
"""Neither signed nor covered by the rules on chains: the only bytes of an envelope that may change (SCHEME-9)."""
SAMPLES = {
    JWS: jws(LEAF, expiry=EXPIRES_AT, header=OUTSIDE[JWS]),
    COSE: cose(LEAF, expiry=EXPIRES_AT, unprotected=OUTSIDE[COSE]),
}
both = pytest.mark.parametrize("media_type", [JWS, COSE], ids=["jws", "cose"])


def accepted(media_type: str, raw: bytes) -> Envelope:
    """The envelope, with everything checked that needs no trust. Raises Rejected."""
    envelope = parse_envelope(media_type, raw)
    check_code_signing_chain(envelope.certificates)
    verify_signature(envelope)
    parse_payload(envelope)
    return envelope


def covered(envelope: Envelope) -> tuple[Any, ...]:
    """All that an envelope says and that a byte edit may not change."""
    return (
        envelope.algorithm,
        envelope.payload,
        envelope.scheme,
        envelope.signing_time,
        envelope.expiry,
        envelope.extended,
        envelope.plugin,
        envelope.certificates,
        envelope.signature,
        envelope.signing_input,
    )


def uncovered(media_type: str) -> set[int]:
    """The positions of the named unprotected members in the sample."""
    sample, positions = SAMPLES[media_type], set[int]()
    for label, value in OUTSIDE[media_type].items():
        if media_type == JWS:
            text = json.dumps({label: value})[1:-1].encode()
        else:
            text = envelopes.cbor(label) + envelopes.cbor(value)
        start = sample.index(text)
        positions.update(range(start, start + len(text)))
    return positions


def check_edit(media_type: str, position: int, edited: bytes) -> None:
    """The edited sample is refused, or the edit is where it may be and changed nothing that is covered."""
    original = SAMPLES[media_type]
    try:
        envelope = accepted(media_type, edited)
    except Rejected:
        return
    assert covered(envelope) == covered(accepted(media_type, original))
    if position not in uncovered(media_type):
        # white space between the tokens of JSON carries nothing
        assert media_type == JWS
        assert json.loads(edited) == json.loads(original)


@both
def test_the_sample_is_accepted(media_type: str) -> None:
    envelope = accepted(media_type, SAMPLES[media_type])
    assert envelope.timestamp_token == TOKEN
    assert len(uncovered(media_type)) > len(TOKEN)


@both
def test_refuses_any_changed_or_dropped_byte(media_type: str) -> None:
    """Every byte is dropped, and flipped in one of its bits; which one goes round, so that each bit has its turn."""
    sample = SAMPLES[media_type]
    for position, byte in enumerate(sample):
        before, after = sample[:position], sample[position + 1 :]
        check_edit(media_type, position, before + after)
        check_edit(media_type, position, before + bytes([byte ^ 1 << position % 8]) + after)


@both
@given(data=st.data())
def test_refuses_any_edit_of_one_byte(media_type: str, data: st.DataObject) -> None:
    sample = SAMPLES[media_type]
    position = data.draw(st.integers(0, len(sample) - 1))
    byte = data.draw(st.integers(0, 255))
    check_edit(media_type, position, sample[:position] + bytes([byte]) + sample[position:])
    if byte != sample[position]:
        check_edit(media_type, position, sample[:position] + bytes([byte]) + sample[position + 1 :])


@both
@given(data=st.data())
def test_no_spliced_envelope_breaks_the_parser(media_type: str, data: st.DataObject) -> None:
    sample = SAMPLES[media_type]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sample)), min_size=2, max_size=2)))
    only_rejected(media_type, sample[: cuts[0]] + data.draw(st.binary(max_size=40)) + sample[cuts[1] :])


@both
@given(raw=st.binary(max_size=400))
@example(b"")
@example(b"{" * 5000)
@example(b"\xd2\x84" * 5000)
@example(b"\xd2\x84" + b"\x81" * 5000)
def test_random_bytes_are_rejected(media_type: str, raw: bytes) -> None:
    with pytest.raises(Rejected):
        parse_envelope(media_type, raw)


@given(raw=st.binary(max_size=200), times=st.booleans())
def test_random_bytes_give_cbor_or_a_format_error(raw: bytes, times: bool) -> None:
    try:
        value = cbor.load(raw, times=times)
    except FormatError:
        return
    # what comes in can be written, and then has one spelling
    written = cbor.encode(value)
    assert cbor.encode(cbor.load(written, times=times)) == written


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
CBOR_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.text(max_size=20)
    | st.binary(max_size=20)
    | st.floats().map(envelopes.epoch)
    | st.integers(-(2**64), 2**64 - 1).map(envelopes.epoch)
    | st.binary(min_size=1, max_size=3).map(Raw),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.integers(-70000, 70000) | st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = (*envelopes.jws_header(LEAF, expiry=EXPIRES_AT), envelopes.AUTHENTIC, envelopes.PLUGIN, "com.example.x")
LABELS = (*envelopes.cose_header(LEAF, expiry=EXPIRES_AT), envelopes.AUTHENTIC, envelopes.PLUGIN, 33, 99)


@given(
    protected=st.dictionaries(st.sampled_from(NAMES), JSON_VALUES, max_size=3),
    header=st.dictionaries(st.sampled_from(("x5c", TIMESTAMP, AGENT, "kid", "alg", "crit")), JSON_VALUES, max_size=2),
    members=st.dictionaries(
        st.sampled_from(("payload", "protected", "header", "signature", "x")), JSON_VALUES, max_size=1
    ),
)
def test_no_values_in_a_jws_break_the_parser(
    protected: dict[str, Any], header: dict[str, Any], members: dict[str, Any]
) -> None:
    only_rejected(JWS, jws(LEAF, protected=protected, header=header, members=members))


@given(
    protected=st.dictionaries(st.sampled_from(LABELS), CBOR_VALUES, max_size=3),
    unprotected=st.dictionaries(st.sampled_from((33, TIMESTAMP, AGENT, 1, 2, 4)), CBOR_VALUES, max_size=2),
)
def test_no_values_in_a_cose_break_the_parser(protected: dict[Any, Any], unprotected: dict[Any, Any]) -> None:
    only_rejected(COSE, cose(LEAF, protected=protected, unprotected=unprotected))


def only_rejected(media_type: str, raw: bytes) -> None:
    message = ""
    try:
        accepted(media_type, raw)
    except Rejected as error:
        message = str(error)
    assert message.isprintable()
