"""What is special about JWS: serialisation, base64, JSON, the unprotected header."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from airgap.errors import Rejected
from airgap.signature.envelope import parse_envelope
from tests.support import envelopes, parsed_envelopes
from tests.support.envelopes import AGENT, EXPIRES_AT, EXPIRY, JWS, REMOVED, SCHEME, SIGNING_TIME, TIMESTAMP, b64, jws
from tests.support.pki import Pki

accepted = partial(parsed_envelopes.accepted, JWS)
refused = partial(parsed_envelopes.refused, JWS)

LEAF = Pki().code_chain()
GOOD = jws(LEAF)


def test_the_signing_input_is_what_was_transmitted() -> None:
    """JWS-4."""
    document = json.loads(GOOD)
    assert accepted(GOOD).signing_input == f"{document['protected']}.{document['payload']}".encode()


def test_ignores_white_space_and_order() -> None:
    document = json.loads(GOOD)
    accepted(b"\n " + json.dumps(dict(reversed(document.items())), indent=3).encode() + b"\r\n\t")


def test_the_general_serialisation_is_refused() -> None:
    """NEG-07, JWS-1."""
    document = json.loads(GOOD)
    general = {
        "payload": document["payload"],
        "signatures": [{name: document[name] for name in ("protected", "header", "signature")}],
    }
    assert "general serialisation" in refused(json.dumps(general).encode())
    assert "general serialisation" in refused(json.dumps({**document, "signatures": []}).encode())


def test_the_compact_serialisation_is_refused() -> None:
    """NEG-08, JWS-1."""
    document = json.loads(GOOD)
    compact = ".".join(document[name] for name in ("protected", "payload", "signature"))
    assert "compact" in refused(compact.encode())
    with pytest.raises(Rejected, match="compact"):
        parse_envelope("application/cose", compact.encode())
    assert "not a JSON object" in refused(json.dumps(compact).encode())


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"{", b"\xff", b'"x"', b"{}" * 2, b"[" * 100_000])
def test_refuses_what_is_not_a_json_object(raw: bytes) -> None:
    """JWS-5."""
    refused(raw)


def test_an_extra_top_level_member_is_refused() -> None:
    """NEG-09, JWS-2, D7; the reference accepts."""
    assert "'typ' is not allowed" in refused(jws(LEAF, members={"typ": "x"}))


@pytest.mark.parametrize("name", ["payload", "protected", "header", "signature"])
def test_every_member_is_needed(name: str) -> None:
    """JWS-1."""
    assert f"{name}: is missing" in refused(jws(LEAF, members={name: REMOVED}))


@pytest.mark.parametrize("name", ["payload", "protected", "header", "signature"])
@pytest.mark.parametrize("value", [None, 1, [], True])
def test_every_member_has_its_type(name: str, value: Any) -> None:
    assert name in refused(jws(LEAF, members={name: value}))


@pytest.mark.parametrize("name", ["payload", "protected", "header", "signature"])
def test_a_duplicate_member_is_refused(name: str) -> None:
    """NEG-10, JWS-2."""
    value = json.dumps(json.loads(GOOD)[name]).encode()
    assert "twice" in refused(GOOD[:-1] + b',"' + name.encode() + b'":' + value + b"}")


@pytest.mark.parametrize("name", ["Payload", "PROTECTED", "headeR", "\u017fignature"])
def test_a_member_in_another_case_is_refused(name: str) -> None:
    """NEG-10, JWS-23: Go folds case, the long s included."""
    value = json.loads(GOOD)[name.casefold()]
    assert "twice, in different case" in refused(jws(LEAF, members={name: value}))
    assert "is not allowed" in refused(jws(LEAF, members={name.casefold(): REMOVED, name: value}))


@pytest.mark.parametrize("twin", ['"alg":"ES512",', '"Alg":"ES512",', '"IO.cncf.notary.signingScheme":"notary.x509",'])
def test_duplicates_in_the_protected_header_are_refused(twin: str) -> None:
    """NEG-10, JWS-23."""
    header = "{" + twin + json.dumps(envelopes.jws_header(LEAF))[1:]
    assert "twice" in refused(jws(LEAF, protected_raw=header.encode()))


@pytest.mark.parametrize(
    "name",
    [
        "IO.cncf.notary.expiry",
        "io.cncf.notary.Expiry",
        "io.cncf.notary.authenticSigningtime",
        "io.cncf.notary.verificationplugin",
        "io.cncf.notary.verificationPluginminVersion",
        "io.cncf.notary.\u017figningTime",
    ],
)
def test_a_defined_attribute_in_another_case_is_refused(name: str) -> None:
    """NEG-10, JWS-23: the reference reads an expiry here, and an attribute that nothing knows would be passed over."""
    removed = {SIGNING_TIME: REMOVED} if name.casefold() == SIGNING_TIME.casefold() else {}
    raw = jws(LEAF, protected={name: "2026-01-03T00:00:00Z", **removed})
    assert "appears in another case" in refused(raw)


@pytest.mark.parametrize("name", ["alg", "cty", "crit", "io.cncf.notary.signingScheme"])
def test_a_required_header_in_another_case_is_refused(name: str) -> None:
    """JWS-23."""
    value = envelopes.jws_header(LEAF)[name]
    assert "appears in another case" in refused(jws(LEAF, protected={name: REMOVED, name.upper(): value}))


def test_case_twins_in_the_unprotected_header_are_refused() -> None:
    """JWS-23."""
    assert "twice" in refused(jws(LEAF, header={"X5C": [b64(LEAF.der)]}))


@pytest.mark.parametrize("tail", [b"x", b"{}", b"\x00", b"\xff", b"\x0c"])
def test_trailing_bytes_are_refused(tail: bytes) -> None:
    """NEG-11, JWS-5."""
    refused(GOOD + tail)


def test_a_byte_order_mark_is_refused() -> None:
    """NEG-11, JWS-5."""
    assert "byte order mark" in refused(b"\xef\xbb\xbf" + GOOD)


@pytest.mark.parametrize("name", ["payload", "protected", "signature"])
@pytest.mark.parametrize(
    "spell",
    [
        pytest.param(lambda text: text + "=" * (-len(text) % 4 or 4), id="NEG-12 padding"),
        pytest.param(lambda text: text[:8] + "\n" + text[8:], id="NEG-13 newline"),
        pytest.param(lambda text: text[:8] + "\r\n" + text[8:], id="NEG-13 carriage return"),
        pytest.param(lambda text: text + " ", id="space"),
        pytest.param(lambda text: text[:8] + "+" + text[9:], id="plus"),
        pytest.param(lambda text: text[:8] + "/" + text[9:], id="slash"),
        pytest.param(lambda text: text[:8] + "." + text[8:], id="JWS-7 dot"),
        pytest.param(lambda text: text + "!!", id="foreign characters"),
        pytest.param(lambda text: text + "é", id="not ascii"),
        pytest.param(lambda text: text + "A" * (5 - len(text) % 4), id="one character too many"),
    ],
)
def test_base64url_has_one_spelling(name: str, spell: Callable[[str], str]) -> None:
    """JWS-3, also where the signature covers the other spelling."""
    assert "base64url without padding" in refused(jws(LEAF, spell={name: spell}))


def test_trailing_bits_are_refused() -> None:
    """JWS-3; the reference tolerates them."""
    payload = envelopes.PAYLOAD + b" " * (-len(envelopes.PAYLOAD) % 3 + 1)  # one byte in the last group
    assert "trailing bits" in refused(jws(LEAF, payload=payload, spell={"payload": lambda text: text[:-1] + "B"}))


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"\xff", b'{"alg":"ES256"}{}', b"\xef\xbb\xbf{}"])
def test_the_protected_header_must_be_a_json_object(raw: bytes) -> None:
    refused(jws(LEAF, protected_raw=raw))


@pytest.mark.parametrize("stated", [1_767_323_045, None, True, ["2026-01-02T03:04:05Z"]])
def test_a_time_must_be_a_text(stated: Any) -> None:
    """NEG-28, JWS-18."""
    assert "not a text in RFC 3339" in refused(jws(LEAF, protected={SIGNING_TIME: stated}), "envelope.time")


@pytest.mark.parametrize(
    "stated", ["", "yesterday", "2026-01-02", "2026-01-02 03:04:05Z", "2026-01-02T03:04:05", "2026-02-30T00:00:00Z"]
)
def test_a_time_must_be_in_rfc_3339(stated: str) -> None:
    """NEG-28, JWS-18."""
    assert "cannot be read" in refused(jws(LEAF, protected={SIGNING_TIME: stated}), "envelope.time")


@pytest.mark.parametrize(
    "stated", ["2026-01-02T05:04:05+02:00", "2026-01-02T03:04:05.000Z", "2026-01-01T21:04:05-06:00"]
)
def test_offsets_and_fractions_are_read(stated: str) -> None:
    """JWS-18."""
    assert accepted(jws(LEAF, protected={SIGNING_TIME: stated})).signing_time == envelopes.SIGNED_AT


def test_a_null_expiry_is_refused() -> None:
    """JWS-16: neither present nor absent; the reference takes it as absent."""
    refused(jws(LEAF, expiry=EXPIRES_AT, protected={EXPIRY: None}), "envelope.time")


def test_fractions_of_a_second_count_for_the_expiry() -> None:
    """JWS-17."""
    changes = {EXPIRY: "2026-01-02T03:04:05.000001Z"}
    expiry = accepted(jws(LEAF, expiry=EXPIRES_AT, protected=changes)).expiry
    assert expiry == datetime(2026, 1, 2, 3, 4, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize("b64_value", [False, True])
def test_b64_in_the_protected_header_is_refused(b64_value: bool) -> None:
    """RFC 7797 changes what is signed."""
    assert "'b64'" in refused(jws(LEAF, protected={"b64": b64_value}))


@pytest.mark.parametrize("name", ["crit", "b64"])
def test_protected_parameters_may_not_be_unprotected(name: str) -> None:
    """RFC 7515 4.1.11, RFC 7797 6."""
    assert name in refused(jws(LEAF, header={name: [SCHEME]}, protected={name: REMOVED}))


@pytest.mark.parametrize("name", ["alg", "cty", SCHEME])
def test_a_parameter_in_both_headers_is_refused(name: str) -> None:
    """RFC 7515, section 4; the reference ignores the unprotected one."""
    same = envelopes.jws_header(LEAF)[name]
    assert "RFC 7515, section 4 forbids" in refused(jws(LEAF, header={name: same}))


def test_unknown_unprotected_members_are_ignored() -> None:
    """JWS-34, JWS-33, D47."""
    envelope = accepted(jws(LEAF, header={"kid": "x", "io.cncf.notary.timestamp": 5, EXPIRY: "never"}))
    assert envelope.timestamp_token is None
    assert envelope.expiry is None


@pytest.mark.parametrize("chain", [REMOVED, [], None, "text", {}])
def test_a_missing_or_empty_chain_is_refused(chain: Any) -> None:
    """NEG-15, JWS-30."""
    assert "x5c" in refused(jws(LEAF, header={"x5c": chain}), "envelope.certificates")


@pytest.mark.parametrize("chain", [[1], [None], [b64(LEAF.der), {}]])
def test_a_chain_that_is_not_a_list_of_strings_is_refused(chain: Any) -> None:
    assert "x5c[" in refused(jws(LEAF, header={"x5c": chain}))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(envelopes.b64url(LEAF.der + b"\xff\xfe\xfd\xfc"), id="NEG-14 base64url"),
        pytest.param(b64(LEAF.der + b"a" * (2 - len(LEAF.der) % 3)).rstrip("="), id="no padding"),
        pytest.param(b64(LEAF.der)[:64] + "\n" + b64(LEAF.der)[64:], id="newline"),
        pytest.param("é", id="not ascii"),
    ],
)
def test_x5c_is_standard_base64(text: str) -> None:
    """NEG-14, JWS-30."""
    assert "header.x5c[0]: is not standard base64" in refused(jws(LEAF, header={"x5c": [text]}))


@pytest.mark.parametrize("token", ["!", "a", "YQ", "YQ==\n", None, 1, []])
def test_a_timestamp_that_is_not_base64_is_refused(token: Any) -> None:
    """NEG-45, JWS-31: whether or not a timestamp is asked for."""
    assert TIMESTAMP in refused(jws(LEAF, header={TIMESTAMP: token}))


def test_a_timestamp_is_handed_on_unread() -> None:
    """JWS-31."""
    assert accepted(jws(LEAF, header={TIMESTAMP: b64(b"garbage")})).timestamp_token == b"garbage"


def test_the_signing_agent_is_kept() -> None:
    """JWS-32."""
    assert accepted(jws(LEAF, header={AGENT: "tool/1"})).signing_agent == "tool/1"


@pytest.mark.parametrize("agent", [1, None, ["a"], {}, True])
def test_ignores_a_signing_agent_of_another_type(agent: Any) -> None:
    """D59; the reference fails to parse."""
    assert accepted(jws(LEAF, header={AGENT: agent})).signing_agent is None


def test_a_lone_surrogate_is_refused() -> None:
    refused(jws(LEAF, protected={"com.example.x": ["\ud800"]}))
