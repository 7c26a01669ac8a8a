"""NEG-04 to NEG-40 once more: what only COSE envelopes can get wrong, or get wrong in their own way."""

from __future__ import annotations

from typing import Any, Final

from tests.negative.cases_envelope import options_case
from tests.support.case import Case
from tests.support.envelopes import (
    AUTHENTIC,
    AUTHORITY,
    CONTENT_TYPE,
    EXPIRY,
    REMOVED,
    SCHEME,
    SIGNED_AT,
    SIGNING_TIME,
    Raw,
    cbor,
    epoch,
)


def _cose(identifier: str, reason: str, **options: Any) -> Case:
    return options_case("cose", f"{identifier}-cose", reason, options)


def _authority_cose(identifier: str, reason: str, **options: Any) -> Case:
    return options_case("cose", f"{identifier}-cose", reason, options, AUTHORITY)


_SIGNED: Final = int(SIGNED_AT.timestamp())
_UNKNOWN: Final = "com.example.must"

CASES: Final = (
    *(_cose(f"NEG-04-{name}", "envelope.algorithm", protected={1: label})
      for name, label in {"rs256": -257, "hs256": 5, "eddsa": -8, "zero": 0}.items()),
    _cose("NEG-15-x5chain-missing", "envelope.certificates", unprotected={33: REMOVED}),
    _cose("NEG-15-x5chain-empty", "envelope.certificates", unprotected={33: []}),
    _cose("NEG-16-crit-missing", "envelope.critical", protected={2: REMOVED}),
    _cose("NEG-16-crit-empty", "envelope.critical", protected={2: []}),
    _cose("NEG-17-scheme-not-critical", "envelope.critical", protected={2: [EXPIRY], EXPIRY: epoch(1 << 31)}),
    _cose("NEG-18-expiry-not-critical", "envelope.critical", protected={EXPIRY: epoch(1 << 31)}),
    _authority_cose("NEG-19-authentic-time-not-critical", "envelope.critical", protected={2: [SCHEME]}),
    _cose("NEG-20-crit-names-absent", "envelope.critical", protected={2: [SCHEME, EXPIRY]}),
    _cose("NEG-21-crit-lists-algorithm", "envelope.critical", protected={2: [SCHEME, 1]}),
    _cose("NEG-21-crit-lists-signing-time", "envelope.critical", protected={2: [SCHEME, SIGNING_TIME]}),
    _cose("NEG-21-crit-lists-scheme-twice", "envelope.critical", protected={2: [SCHEME, SCHEME]}),
    _cose("NEG-22-unknown-critical", "envelope.critical.unknown", protected={2: [SCHEME, _UNKNOWN], _UNKNOWN: 1}),
    _cose("NEG-22-unknown-critical-number", "envelope.critical.unknown", protected={2: [SCHEME, 4711], 4711: 1}),
    _cose("NEG-23-scheme-unknown", "envelope.scheme", protected={SCHEME: "notary.x509.other"}),
    _cose("NEG-23-scheme-missing", "envelope.", protected={SCHEME: REMOVED}),
    _cose("NEG-23-scheme-bytes", "envelope.scheme", protected={SCHEME: b"notary.x509"}),
    _cose("NEG-24-no-signing-time", "envelope.time", protected={SIGNING_TIME: REMOVED}),
    _cose("NEG-25-authentic-time-too", "envelope.time",
          protected={AUTHENTIC: epoch(_SIGNED), 2: [SCHEME, AUTHENTIC]}),
    _authority_cose("NEG-26-signing-time-too", "envelope.time", protected={SIGNING_TIME: epoch(_SIGNED)}),
    _authority_cose("NEG-27-no-authentic-time", "envelope.", protected={AUTHENTIC: REMOVED, 2: [SCHEME]}),
    _cose("NEG-29-time-untagged", "envelope.time", protected={SIGNING_TIME: _SIGNED}),
    _cose("NEG-29-time-tag-0", "envelope.", protected={SIGNING_TIME: Raw(b"\xc0" + cbor("2026-01-02T03:04:05Z"))}),
    _cose("NEG-29-time-tag-1-text", "envelope.", protected={SIGNING_TIME: epoch("1767323045")}),
    _cose("NEG-29-time-not-a-number", "envelope.", protected={SIGNING_TIME: epoch(float("nan"))}),
    _cose("NEG-31-content-type-wrong", "envelope.content_type", protected={3: "application/json"}),
    _cose("NEG-31-content-type-missing", "envelope.content_type", protected={3: REMOVED}),
    _cose("NEG-31-content-type-upper-case", "envelope.content_type", protected={3: CONTENT_TYPE.upper()}),
    _cose("NEG-32-content-type-number", "envelope.content_type", protected={3: 50}),
    _cose("NEG-32-content-type-leading-blank", "envelope.content_type", protected={3: f" {CONTENT_TYPE}"}),
    _cose("NEG-32-content-type-trailing-blank", "envelope.content_type", protected={3: f"{CONTENT_TYPE} "}),
    _cose("NEG-33-untagged", "envelope.malformed", prefix=b"\x84"),
    _cose("NEG-33-tag-98", "envelope.malformed", prefix=b"\xd8\x62\x84"),
    _cose("NEG-33-tag-18-in-two-bytes", "envelope.malformed", prefix=b"\xd8\x12\x84"),
    _cose("NEG-33-self-described", "envelope.malformed", prefix=b"\xd9\xd9\xf7\xd2\x84"),
    _cose("NEG-34-indefinite-array", "envelope.malformed", prefix=b"\xd2\x9f", suffix=b"\xff"),
    _cose("NEG-34-array-head-of-two-bytes", "envelope.malformed", prefix=b"\xd2\x98\x04"),
    _cose("NEG-35-trailing-byte", "envelope.malformed", suffix=b"\x00"),
    _cose("NEG-35-second-message", "envelope.malformed", suffix=b"\xd2\x84\x40\xa0\x40\x40"),
    _cose("NEG-36-payload-nil", "envelope.malformed", payload=None),
    _cose("NEG-36-payload-empty", "envelope.malformed", payload=b""),
    _cose("NEG-36-payload-text", "envelope.malformed", payload="{}"),
    _cose("NEG-36-signature-empty", "envelope.", signature=b""),
    _cose("NEG-37-duplicate-label", "envelope.malformed", protected={Raw(b"\x01"): -7}),
    _cose("NEG-37-duplicate-label-not-minimal", "envelope.malformed", protected={Raw(b"\x18\x01"): -7}),
    _cose("NEG-38-tag-in-unprotected", "envelope.malformed", unprotected={"x": epoch(1)}),
    _cose("NEG-38-bytes-as-label", "envelope.malformed", unprotected={b"x": 1}),
    _cose("NEG-38-bytes-as-protected-label", "envelope.malformed", protected={b"x": 1}),
    _cose("NEG-39-crit-unprotected", "envelope.malformed", protected={2: REMOVED}, unprotected={2: [SCHEME]}),
    _cose("NEG-39-crit-in-both", "envelope.", unprotected={2: [SCHEME]}),
    _cose("NEG-40-algorithm-text", "envelope.algorithm", protected={1: "ES256"}),
    _cose("NEG-40-algorithm-unprotected", "envelope.algorithm", protected={1: REMOVED}, unprotected={1: -7}),
    _cose("NEG-40-algorithm-of-another-key", "envelope.algorithm", protected={1: -35}),
    _cose("NEG-40-other-context", "envelope.signature", context="CounterSignature"),
)  # fmt: skip
