"""The rules on signed attributes, each for JWS and COSE."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from airgap.errors import Rejected
from airgap.signature.envelope import parse_envelope, verify_signature
from airgap.signature.model import ExtendedAttribute, PluginDemand, Scheme
from tests.support import envelopes
from tests.support.envelopes import (
    AUTHENTIC,
    AUTHORITY,
    COSE,
    EXPIRES_AT,
    EXPIRY,
    JWS,
    PLUGIN,
    PLUGIN_VERSION,
    REMOVED,
    SCHEME,
    SIGNED_AT,
    SIGNING_TIME,
    X509,
    forge,
)
from tests.support.pki import Pki

LEAF = Pki().code_chain()
both = pytest.mark.parametrize("media_type", [JWS, COSE], ids=["jws", "cose"])


def refused(media_type: str, reason: str, **options: Any) -> str:
    raw = forge(media_type, LEAF, **options)
    with pytest.raises(Rejected) as caught:
        parse_envelope(media_type, raw)
    assert caught.value.reason == reason
    return str(caught.value)


@both
def test_a_correct_envelope_of_scheme_x509_is_read(media_type: str) -> None:
    envelope = parse_envelope(media_type, forge(media_type, LEAF, expiry=EXPIRES_AT))
    verify_signature(envelope)
    assert envelope.media_type == media_type
    assert envelope.scheme is Scheme.X509
    assert envelope.algorithm.name == "ECDSA-SHA-256"
    assert envelope.signing_time == envelope.stated_time == SIGNED_AT
    assert envelope.authentic_signing_time is None
    assert envelope.expiry == EXPIRES_AT
    assert envelope.payload == envelopes.PAYLOAD
    assert envelope.content_type == envelopes.CONTENT_TYPE
    assert [certificate.der for certificate in envelope.certificates] == [issued.der for issued in LEAF.chain]
    assert envelope.extended == {}
    assert envelope.plugin is None
    assert envelope.timestamp_token is None
    assert envelope.signing_agent is None


@both
def test_a_correct_envelope_of_scheme_signing_authority_is_read(media_type: str) -> None:
    envelope = parse_envelope(media_type, forge(media_type, LEAF, scheme=AUTHORITY))
    verify_signature(envelope)
    assert envelope.scheme is Scheme.SIGNING_AUTHORITY
    assert envelope.authentic_signing_time == envelope.stated_time == SIGNED_AT
    assert envelope.signing_time is None
    assert envelope.expiry is None


@both
@pytest.mark.parametrize("stated", ["none", "HS256", "RS256", "EdDSA", "es256", "", 256, None, True, [], {}])
def test_an_algorithm_outside_the_table_is_refused(media_type: str, stated: Any) -> None:
    """NEG-04, JWS-10, COSE-10."""
    assert "not one that" in refused(media_type, "envelope.algorithm", protected={"alg": stated})


@both
def test_a_missing_algorithm_is_refused(media_type: str) -> None:
    """NEG-04."""
    assert "names no algorithm" in refused(media_type, "envelope.algorithm", protected={"alg": REMOVED})


@both
@pytest.mark.parametrize(
    "stated",
    [REMOVED, "", "application/json", envelopes.CONTENT_TYPE.upper(), envelopes.CONTENT_TYPE + " ", 50, None, []],
)
def test_another_content_type_is_refused(media_type: str, stated: Any) -> None:
    """JWS-11, NEG-31, NEG-32, PAY-1."""
    message = refused(media_type, "envelope.content_type", protected={"cty": stated})
    assert envelopes.CONTENT_TYPE in message


@both
@pytest.mark.parametrize("stated", ["notary.default.x509", "Notary.x509", "", 1, None, [X509]])
def test_an_unknown_scheme_is_refused(media_type: str, stated: Any) -> None:
    """JWS-13, NEG-23, SCHEME-1, D56."""
    assert "is unknown" in refused(media_type, "envelope.scheme", protected={SCHEME: stated})


@both
def test_a_missing_scheme_is_refused(media_type: str) -> None:
    """NEG-23."""
    assert "no signing scheme" in refused(media_type, "envelope.scheme", protected={SCHEME: REMOVED})


@both
@pytest.mark.parametrize("listed", [REMOVED, [], "io.cncf.notary.signingScheme", {SCHEME: 1}, None, 1])
def test_a_missing_or_empty_crit_is_refused(media_type: str, listed: Any) -> None:
    """NEG-16, JWS-12, COSE-11."""
    message = refused(media_type, "envelope.critical", protected={"crit": listed})
    assert "has no list of" in message or "is empty or no list" in message


@both
def test_the_scheme_must_be_critical(media_type: str) -> None:
    """NEG-17, JWS-19, COSE-12."""
    message = refused(media_type, "envelope.critical", expiry=EXPIRES_AT, protected={"crit": [EXPIRY]})
    assert f"does not list {SCHEME!r}" in message


@both
def test_the_expiry_must_be_critical(media_type: str) -> None:
    """NEG-18, JWS-16, COSE-12."""
    message = refused(media_type, "envelope.critical", expiry=EXPIRES_AT, protected={"crit": [SCHEME]})
    assert f"does not list {EXPIRY!r}" in message


@both
def test_the_authentic_signing_time_must_be_critical(media_type: str) -> None:
    """NEG-19, JWS-15, COSE-12."""
    message = refused(media_type, "envelope.critical", scheme=AUTHORITY, protected={"crit": [SCHEME]})
    assert f"does not list {AUTHENTIC!r}" in message


@both
@pytest.mark.parametrize("absent", [EXPIRY, "com.example.absent", PLUGIN])
def test_crit_may_not_name_an_absent_header(media_type: str, absent: str) -> None:
    """NEG-20, JWS-19, COSE-11."""
    message = refused(media_type, "envelope.critical", protected={"crit": [SCHEME, absent]})
    assert "not in the protected header" in message


@both
@pytest.mark.parametrize("item", [None, True, [SCHEME], {"a": 1}])
def test_crit_may_hold_only_labels(media_type: str, item: Any) -> None:
    """JWS-12, COSE-11."""
    assert "no name of a header" in refused(media_type, "envelope.critical", protected={"crit": [SCHEME, item]})


@both
def test_crit_may_not_repeat_a_header(media_type: str) -> None:
    """NEG-21, JWS-19, D8."""
    assert "twice" in refused(media_type, "envelope.critical", protected={"crit": [SCHEME, SCHEME]})


@both
def test_crit_may_not_list_the_signing_time(media_type: str) -> None:
    """NEG-21, D8: the signing time is not critical."""
    message = refused(media_type, "envelope.critical", protected={"crit": [SCHEME, SIGNING_TIME]})
    assert "is not critical" in message


@pytest.mark.parametrize("name", ["alg", "cty", "crit", "typ", "kid", "x5c", "x5t#S256", "jwk", "enc", "p2c"])
def test_crit_of_a_jws_may_not_list_registered_names(name: str) -> None:
    """NEG-21, D8, RFC 7515 section 4.1.11."""
    header = {"kid": "a", "typ": "JOSE"} if name in {"kid", "typ"} else {}
    message = refused(JWS, "envelope.critical", protected={**header, "crit": [SCHEME, name]})
    assert "RFC 7515, section 4.1.11 forbids" in message


@pytest.mark.parametrize("label", range(9))
def test_crit_of_a_cose_may_not_list_labels_0_to_8(label: int) -> None:
    """NEG-21, D8, COSE-12; the reference accepts."""
    message = refused(COSE, "envelope.critical", protected={"crit": [SCHEME, label]})
    assert "labels 0 to 8" in message


@both
def test_an_unknown_critical_attribute_is_refused(media_type: str) -> None:
    """NEG-22, D6, VERIFY-25; the reference accepts."""
    changes = {"crit": [SCHEME, "com.example.strict"], "com.example.strict": "yes"}
    assert "'com.example.strict'" in refused(media_type, "envelope.critical.unknown", protected=changes)


@both
def test_an_unknown_critical_attribute_is_refused_beside_a_plugin_too(media_type: str) -> None:
    """D6: which plugin would process it is not known here."""
    changes = {"crit": [SCHEME, PLUGIN, "com.example.strict"], "com.example.strict": 1, PLUGIN: "acme"}
    refused(media_type, "envelope.critical.unknown", protected=changes)


def test_an_unknown_critical_integer_label_is_refused() -> None:
    """NEG-22, COSE-18."""
    raw = envelopes.cose(LEAF, protected={2: [SCHEME, 9, -70000], 9: b"", -70000: 1})
    with pytest.raises(Rejected) as caught:
        parse_envelope(COSE, raw)
    assert caught.value.reason == "envelope.critical.unknown"
    assert caught.value.facts["attributes"] == ["-70000", "9"]


@both
def test_an_unknown_attribute_that_is_not_critical_is_kept(media_type: str) -> None:
    """JWS-21, COSE-18."""
    raw = forge(media_type, LEAF, protected={"com.example.note": ["a", 1, {"b": None}]})
    assert parse_envelope(media_type, raw).extended == {
        "com.example.note": ExtendedAttribute(["a", 1, {"b": None}], critical=False)
    }


@both
def test_x509_demands_a_signing_time(media_type: str) -> None:
    """NEG-24, JWS-14, COSE-16."""
    message = refused(media_type, "envelope.time", protected={SIGNING_TIME: REMOVED})
    assert message == f"{SIGNING_TIME!r} is missing, which the scheme notary.x509 demands"


@both
@pytest.mark.parametrize("critical", [True, False])
def test_x509_forbids_an_authentic_signing_time(media_type: str, critical: bool) -> None:
    """NEG-25, JWS-15, COSE-16, D9; the reference accepts in COSE."""
    changes: dict[str, Any] = {AUTHENTIC: SIGNED_AT}
    if critical:
        changes["crit"] = [SCHEME, AUTHENTIC]
    assert "forbids" in refused(media_type, "envelope.time", protected=changes)


@both
def test_signing_authority_forbids_a_signing_time(media_type: str) -> None:
    """NEG-26, JWS-14, COSE-16, D9; the reference accepts in COSE."""
    message = refused(media_type, "envelope.time", scheme=AUTHORITY, protected={SIGNING_TIME: SIGNED_AT})
    assert "forbids" in message


@both
def test_signing_authority_demands_an_authentic_signing_time(media_type: str) -> None:
    """NEG-27, JWS-15, COSE-16."""
    changes = {AUTHENTIC: REMOVED, "crit": [SCHEME]}
    assert "is missing" in refused(media_type, "envelope.time", scheme=AUTHORITY, protected=changes)


@both
@pytest.mark.parametrize("scheme", [X509, AUTHORITY])
@pytest.mark.parametrize("expiry", [SIGNED_AT, datetime(2025, 12, 31, tzinfo=UTC)])
def test_the_expiry_must_be_later_than_the_signing_time(media_type: str, scheme: str, expiry: datetime) -> None:
    """NEG-30, JWS-17, COSE-17: strictly."""
    message = refused(media_type, "envelope.time", scheme=scheme, expiry=expiry)
    assert "is not later than the signing time 2026-01-02T03:04:05Z" in message


@both
@pytest.mark.parametrize("label", [SIGNING_TIME, EXPIRY])
def test_the_year_1_means_no_time(media_type: str, label: str) -> None:
    """JWS-16, COSE-15: what the reference writes for an absent time."""
    zero = datetime(1, 1, 1, tzinfo=UTC)
    text = "0001-01-01T00:00:00Z" if media_type == JWS else zero
    assert "year 1" in refused(media_type, "envelope.time", expiry=EXPIRES_AT, protected={label: text})


@both
@pytest.mark.parametrize("version", [None, "1.0.0", "2.10.3-rc.1+build.5"])
def test_a_plugin_demand_is_understood(media_type: str, version: str | None) -> None:
    """JWS-22."""
    changes: dict[str, Any] = {"crit": [SCHEME, PLUGIN], PLUGIN: "acme-plugin"}
    if version is not None:
        changes = {**changes, "crit": [*changes["crit"], PLUGIN_VERSION], PLUGIN_VERSION: version}
    envelope = parse_envelope(media_type, forge(media_type, LEAF, protected=changes))
    assert envelope.plugin == PluginDemand("acme-plugin", version)
    assert envelope.extended == {}


@both
@pytest.mark.parametrize("name", ["", " ", "\t", 1, None, ["acme"], True])
def test_a_plugin_must_have_a_name(media_type: str, name: Any) -> None:
    """JWS-22."""
    changes = {"crit": [SCHEME, PLUGIN], PLUGIN: name}
    assert "not a text that names" in refused(media_type, "envelope.critical", protected=changes)


@both
def test_a_plugin_must_be_critical(media_type: str) -> None:
    """JWS-22."""
    assert f"does not list {PLUGIN!r}" in refused(media_type, "envelope.critical", protected={PLUGIN: "acme"})


@both
@pytest.mark.parametrize("version", ["1", "1.0", "v1.0.0", "1.0.0-", "01.0.0", "1.0.0\n", "", " ", 1, None])
def test_a_minimum_version_must_be_a_semver(media_type: str, version: Any) -> None:
    """JWS-22."""
    changes = {"crit": [SCHEME, PLUGIN, PLUGIN_VERSION], PLUGIN: "acme", PLUGIN_VERSION: version}
    assert PLUGIN_VERSION in refused(media_type, "envelope.critical", protected=changes)


@both
def test_a_minimum_version_must_be_critical(media_type: str) -> None:
    """JWS-22."""
    changes = {"crit": [SCHEME, PLUGIN], PLUGIN: "acme", PLUGIN_VERSION: "1.0.0"}
    message = refused(media_type, "envelope.critical", protected=changes)
    assert f"does not list {PLUGIN_VERSION!r}" in message


@both
def test_a_minimum_version_of_no_plugin_is_refused(media_type: str) -> None:
    """JWS-22, VERIFY-25: a critical attribute that cannot be met; the reference ignores it."""
    changes = {"crit": [SCHEME, PLUGIN_VERSION], PLUGIN_VERSION: "1.0.0"}
    assert f"without {PLUGIN!r}" in refused(media_type, "envelope.critical", protected=changes)


@both
def test_messages_hold_no_control_characters(media_type: str) -> None:
    message = refused(media_type, "envelope.scheme", protected={SCHEME: "\x1b[2J\u202e" + "x" * 4000})
    assert message.isprintable()
    assert len(message) < 400
