"""NEG-01 to NEG-49: envelopes, their headers and payloads (requirements/payload.md, jws.md, cose.md, schemes.md)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from airgap.oci.descriptor import IMAGE_INDEX
from tests.support import envelopes
from tests.support.case import BOTH, Case
from tests.support.envelopes import (
    AUTHENTIC,
    AUTHORITY,
    CONTENT_TYPE,
    EXPIRES_AT,
    EXPIRY,
    PLUGIN,
    REMOVED,
    SCHEME,
    SIGNED_AT,
    SIGNING_TIME,
    TIMESTAMP,
)
from tests.support.keyring import key
from tests.support.pki import Pki
from tests.support.scenario import Scene, bare

Make = Callable[[Scene], None]


def options_case(form: str, identifier: str, reason: str, options: dict[str, Any], scheme: str | None = None) -> Case:
    def change(scene: Scene) -> None:
        if scheme:
            _use_scheme(scene, scheme)
        scene.signature.options.update(options)

    return Case(identifier, change, reason, forms=(form,), fatal=True)


def _use_scheme(scene: Scene, scheme: str) -> None:
    scene.signature.scheme = scheme
    if scheme == AUTHORITY:
        scene.use_store("signingAuthority:harbour")


def _jws(identifier: str, reason: str, **options: Any) -> Case:
    return options_case("jws", identifier, reason, options)


def _authority_jws(identifier: str, reason: str, **options: Any) -> Case:
    return options_case("jws", identifier, reason, options, AUTHORITY)


def _edit(identifier: str, reason: str, edit: Callable[[bytes], bytes], forms: tuple[str, ...] = ("jws",)) -> Case:
    """The finished envelope is changed."""

    def change(scene: Scene) -> None:
        scene.signature.edit = edit

    return Case(identifier, change, reason, forms=forms, fatal=True)


def _made(identifier: str, reason: str, change: Make, forms: tuple[str, ...] = BOTH, check: str = "integrity") -> Case:
    return Case(identifier, change, reason, check=check, forms=forms, fatal=True)


def _document(change: Callable[[dict[str, Any]], Any]) -> Callable[[bytes], bytes]:
    """An edit of the JWS document."""

    def edit(raw: bytes) -> bytes:
        document = json.loads(raw)
        changed = change(document)
        return json.dumps(document if changed is None else changed).encode()

    return edit


def _flip(text: str) -> str:
    """Another character in the middle, where every bit counts."""
    at = len(text) // 2
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


def _sign_other_bytes(scene: Scene) -> None:
    sign = envelopes.signer(scene.signature.leaf.key)
    scene.signature.options["sign"] = lambda message: sign(message + b" ")


def _flip_signature_bit(scene: Scene) -> None:
    sign = envelopes.signer(scene.signature.leaf.key)

    def spoilt(message: bytes) -> bytes:
        value = bytearray(sign(message))
        value[len(value) // 2] ^= 0x01
        return bytes(value)

    scene.signature.options["sign"] = spoilt


def _sign_with_other_key(scene: Scene) -> None:
    scene.signature.options["sign"] = envelopes.signer(key("p256", 6))


def _cut_signature(scene: Scene) -> None:
    sign = envelopes.signer(scene.signature.leaf.key)
    scene.signature.options["sign"] = lambda message: sign(message)[:-1]


def _der_signature(scene: Scene) -> None:
    scene.signature.options["sign"] = envelopes.signer(scene.signature.leaf.key, der=True)


def _rsa(kind: str, algorithm: str = "", salt: int | None = None) -> Make:
    """An RSA key that signs as it should not."""

    def change(scene: Scene) -> None:
        scene.sign_with(Pki().code_chain(kind))
        options = scene.signature.options
        options["sign"] = envelopes.signer(scene.signature.leaf.key, algorithm, salt=salt)
        if algorithm:
            label = {"jws": {"alg": algorithm}, "cose": {1: envelopes.COSE_LABELS[algorithm]}}
            options["protected"] = label[scene.form]

    return change


def _general(document: dict[str, Any]) -> dict[str, Any]:
    signature = {name: document[name] for name in ("protected", "header", "signature")}
    return {"payload": document["payload"], "signatures": [signature]}


def _compact(raw: bytes) -> bytes:
    document = json.loads(raw)
    return ".".join(document[name] for name in ("protected", "payload", "signature")).encode()


def _target(**changes: Any) -> Make:
    def change(scene: Scene) -> None:
        scene.signature.target.update(changes)

    return change


def _payload(data: bytes) -> Make:
    def change(scene: Scene) -> None:
        scene.signature.payload = data

    return change


def _payload_of(write: Callable[[dict[str, Any]], bytes]) -> Make:
    """A payload that is about the image, written in another way."""

    def change(scene: Scene) -> None:
        scene.signature.payload = write(bare(scene.target))

    return change


def _float_size(members: dict[str, Any]) -> bytes:
    text = json.dumps({"targetArtifact": members})
    return text.replace(f'"size": {members["size"]}', f'"size": {members["size"]}.0').encode()


def _duplicate_target(members: dict[str, Any]) -> bytes:
    one = json.dumps(members)
    return f'{{"targetArtifact":{one},"targetArtifact":{one}}}'.encode()


def _expire(before: timedelta) -> Make:
    def change(scene: Scene) -> None:
        scene.signature.expiry = SIGNED_AT - before

    return change


def _metadata(signed: dict[str, str], *demanded: str) -> Make:
    def change(scene: Scene) -> None:
        scene.signature.target["annotations"] = signed
        for pair in demanded:
            scene.options += ["-m", pair]

    return change


def _swap_label(scene: Scene) -> None:
    scene.signature.layer_type = {"jws": envelopes.COSE, "cose": envelopes.JWS}[scene.form]


def _layer_type(media_type: str) -> Make:
    def change(scene: Scene) -> None:
        scene.signature.layer_type = media_type

    return change


def _case_doubled(name: str) -> Callable[[bytes], bytes]:
    """A second member whose name differs in case only."""
    return _document(lambda document: document.update({name.upper(): document[name]}))


def _unpad_or_pad(text: str) -> str:
    return text + "=" * (-len(text) % 4 or 4)


_SIGNED: Final = int(SIGNED_AT.timestamp())
_CRIT: Final = "crit"
_EXPIRY_TEXT: Final = envelopes.rfc3339(EXPIRES_AT)
_UNKNOWN: Final = "com.example.must"

JWS_CASES: Final = (
    *(_jws(f"NEG-04-{name}", "envelope.algorithm", protected={"alg": name})
      for name in ("none", "HS256", "RS256", "EdDSA", "es256", "")),
    _jws("NEG-04-missing", "envelope.algorithm", protected={"alg": REMOVED}),
    _jws("NEG-04-number", "envelope.algorithm", protected={"alg": -7}),
    _jws("NEG-05-es384-with-p256", "envelope.algorithm", protected={"alg": "ES384"}),
    _edit("NEG-07-general", "envelope.malformed", _document(_general)),
    _edit("NEG-07-signatures-beside", "envelope.malformed",
          _document(lambda document: document.update(signatures=[]))),
    _edit("NEG-08-compact", "envelope.malformed", _compact),
    _edit("NEG-08-array", "envelope.malformed", _document(lambda document: [document])),
    _jws("NEG-09-extra-member", "envelope.malformed", members={"comment": "ours"}),
    _edit("NEG-10-duplicate-payload", "envelope.malformed", lambda raw: b'{"payload":"e30",' + raw[1:]),
    _edit("NEG-10-duplicate-signature", "envelope.malformed", lambda raw: raw[:-1] + b',"signature":"AA"}'),
    _edit("NEG-10-case-variant-payload", "envelope.malformed", _case_doubled("payload")),
    _edit("NEG-10-only-another-case", "envelope.malformed",
          _document(lambda document: document.update(Payload=document.pop("payload")))),
    _jws("NEG-10-case-variant-algorithm", "envelope.malformed", protected={"ALG": "ES512"}),
    _edit("NEG-11-byte-order-mark", "envelope.malformed", lambda raw: b"\xef\xbb\xbf" + raw),
    _edit("NEG-11-second-document", "envelope.malformed", lambda raw: raw + b"{}"),
    _edit("NEG-11-null-byte", "envelope.malformed", lambda raw: raw + b"\x00"),
    *(_jws(f"NEG-12-padded-{name}", "envelope.malformed", spell={name: _unpad_or_pad})
      for name in ("signature", "payload", "protected")),
    *(_jws(f"NEG-13-newline-in-{name}", "envelope.malformed", spell={name: lambda text: text[:8] + "\n" + text[8:]})
      for name in ("signature", "payload", "protected")),
    _jws("NEG-12-standard-alphabet", "envelope.malformed",
         spell={"signature": lambda text: text[:4] + "+" + text[5:]}),
    _edit("NEG-14-x5c-as-base64url", "envelope.",
          _document(lambda document: document["header"].update(
              x5c=[item.replace("+", "-").replace("/", "_").rstrip("=") for item in document["header"]["x5c"]]))),
    _jws("NEG-15-x5c-missing", "envelope.certificates", header={"x5c": REMOVED}),
    _jws("NEG-15-x5c-empty", "envelope.certificates", header={"x5c": []}),
    _jws("NEG-15-x5c-text", "envelope.", header={"x5c": "MII"}),
    _jws("NEG-16-crit-missing", "envelope.critical", protected={_CRIT: REMOVED}),
    _jws("NEG-16-crit-empty", "envelope.critical", protected={_CRIT: []}),
    _jws("NEG-16-crit-text", "envelope.critical", protected={_CRIT: SCHEME}),
    _jws("NEG-17-scheme-not-critical", "envelope.critical", protected={_CRIT: [EXPIRY], EXPIRY: _EXPIRY_TEXT}),
    _jws("NEG-18-expiry-not-critical", "envelope.critical", protected={EXPIRY: _EXPIRY_TEXT}),
    _authority_jws("NEG-19-authentic-time-not-critical", "envelope.critical", protected={_CRIT: [SCHEME]}),
    _jws("NEG-20-crit-names-absent", "envelope.critical", protected={_CRIT: [SCHEME, EXPIRY]}),
    _jws("NEG-20-crit-names-unknown-absent", "envelope.critical", protected={_CRIT: [SCHEME, _UNKNOWN]}),
    *(_jws(f"NEG-21-crit-lists-{label}", "envelope.critical", protected={_CRIT: [SCHEME, label]})
      for label in ("alg", "cty", "crit", SIGNING_TIME)),
    _jws("NEG-21-crit-lists-scheme-twice", "envelope.critical", protected={_CRIT: [SCHEME, SCHEME]}),
    _jws("NEG-22-unknown-critical", "envelope.critical.unknown", protected={_CRIT: [SCHEME, _UNKNOWN], _UNKNOWN: 1}),
    _jws("NEG-22-b64-critical", "envelope.malformed", protected={_CRIT: [SCHEME, "b64"], "b64": False}),
    _jws("NEG-23-scheme-unknown", "envelope.scheme", protected={SCHEME: "notary.x509.other"}),
    _jws("NEG-23-scheme-missing", "envelope.", protected={SCHEME: REMOVED}),
    _jws("NEG-23-scheme-number", "envelope.scheme", protected={SCHEME: 1}),
    _jws("NEG-24-no-signing-time", "envelope.time", protected={SIGNING_TIME: REMOVED}),
    _jws("NEG-25-authentic-time-too", "envelope.time",
         protected={AUTHENTIC: envelopes.rfc3339(SIGNED_AT), _CRIT: [SCHEME, AUTHENTIC]}),
    _authority_jws("NEG-26-signing-time-too", "envelope.time", protected={SIGNING_TIME: envelopes.rfc3339(SIGNED_AT)}),
    _authority_jws("NEG-27-no-authentic-time", "envelope.", protected={AUTHENTIC: REMOVED, _CRIT: [SCHEME]}),
    _jws("NEG-28-time-number", "envelope.time", protected={SIGNING_TIME: _SIGNED}),
    _jws("NEG-28-time-date-only", "envelope.time", protected={SIGNING_TIME: "2026-01-02"}),
    _jws("NEG-28-time-no-offset", "envelope.time", protected={SIGNING_TIME: "2026-01-02T03:04:05"}),
    _jws("NEG-28-time-impossible", "envelope.time", protected={SIGNING_TIME: "2026-02-30T03:04:05Z"}),
    _jws("NEG-31-content-type-wrong", "envelope.content_type", protected={"cty": "application/json"}),
    _jws("NEG-31-content-type-missing", "envelope.content_type", protected={"cty": REMOVED}),
    _jws("NEG-31-content-type-upper-case", "envelope.content_type", protected={"cty": CONTENT_TYPE.upper()}),
    _jws("NEG-31-content-type-empty", "envelope.content_type", protected={"cty": ""}),
    _jws("NEG-45-timestamp-not-base64", "envelope.", header={TIMESTAMP: "no base64!"}),
    _made("NEG-42-salt-20", "envelope.signature", _rsa("rsa2048", salt=20)),
    _made("NEG-42-salt-0", "envelope.signature", _rsa("rsa2048", salt=0)),
)  # fmt: skip


def _chain_protected(scene: Scene) -> None:
    chain = [item.der for item in scene.signature.leaf.chain]
    scene.signature.options.update(protected={33: chain}, unprotected={33: REMOVED})


def _chain_as_one_string(scene: Scene) -> None:
    scene.signature.options["unprotected"] = {33: scene.signature.leaf.der}


def _chain_differs(scene: Scene) -> None:
    """Another chain in the protected header than in the unprotected one."""
    scene.signature.options["protected"] = {33: [item.der for item in Pki().code_chain().chain]}


BOTH_CASES: Final = (
    _made("NEG-41-x5chain-only-protected", "envelope.certificates", _chain_protected, forms=("cose",)),
    _made("NEG-41-x5chain-one-string", "envelope.certificates", _chain_as_one_string, forms=("cose",)),
    _made("NEG-41-x5chain-twice-and-different", "envelope.certificates", _chain_differs, forms=("cose",)),
    _made("NEG-01-signature-bit-flipped", "envelope.signature", _flip_signature_bit),
    _made("NEG-01-signature-cut", "envelope.signature", _cut_signature),
    _made("NEG-01-signature-as-der", "envelope.signature", _der_signature),
    _made("NEG-01-signed-by-another-key", "envelope.signature", _sign_with_other_key),
    _made("NEG-02-other-bytes-signed", "envelope.signature", _sign_other_bytes),
    _edit("NEG-02-payload-changed", "envelope.signature",
          _document(lambda document: document.update(payload=envelopes.b64url(b'{"targetArtifact":{}}')))),
    _edit("NEG-03-protected-changed", "envelope.signature",
          _document(lambda document: document.update(
              protected=envelopes.b64url(_spaced(document["protected"]))))),
    _made("NEG-06-rsa3072-with-ps256", "envelope.algorithm", _rsa("rsa3072", "PS256")),
    _made("NEG-06-rsa2048-with-ps384", "envelope.algorithm", _rsa("rsa2048", "PS384")),
    _made("NEG-30-expiry-before-signing", "envelope.time", _expire(timedelta(days=1))),
    _made("NEG-30-expiry-is-signing-time", "envelope.time", _expire(timedelta())),
    _made("NEG-43-other-formats-label", "envelope.malformed", _swap_label),
    _made("NEG-44-layer-type-unknown", "signature.manifest", _layer_type("application/octet-stream")),
    _made("NEG-44-layer-type-upper-case", "signature.manifest", _layer_type("application/JOSE+json")),
    _made("NEG-46-payload-array", "payload.malformed", _payload(b"[]")),
    _made("NEG-46-payload-number", "payload.malformed", _payload(b"1")),
    _made("NEG-46-payload-not-json", "payload.malformed", _payload(b"targetArtifact")),
    _made("NEG-46-payload-null", "payload.malformed", _payload(b"null")),
    _made("NEG-47-trailing-bytes", "payload.malformed",
          _payload_of(lambda members: json.dumps({"targetArtifact": members}).encode() + b" {}")),
    _made("NEG-47-size-as-float", "payload.malformed", _payload_of(_float_size)),
    _made("NEG-47-size-as-text", "payload.malformed", _target(size="411")),
    _made("NEG-47-size-negative", "payload.malformed", _target(size=-1)),
    _made("NEG-47-target-missing", "payload.malformed", _payload(b"{}")),
    _made("NEG-47-target-null", "payload.malformed", _payload(b'{"targetArtifact":null}')),
    _made("NEG-47-target-in-another-case", "payload.malformed",
          _payload_of(lambda members: json.dumps({"TargetArtifact": members}).encode())),
    _made("NEG-47-target-twice", "payload.malformed", _payload_of(_duplicate_target)),
    _made("NEG-48-another-digest", "payload.mismatch", _target(digest="sha256:" + "0" * 64)),
    _made("NEG-48-another-size", "payload.mismatch", _target(size=1)),
    _made("NEG-48-another-media-type", "payload.mismatch", _target(mediaType=IMAGE_INDEX)),
    _made("NEG-49-metadata-missing", "metadata.missing", _metadata({}, "build=1"), check="metadata"),
    _made("NEG-49-metadata-different", "metadata.different", _metadata({"build": "2"}, "build=1"), check="metadata"),
    _made("NEG-49-one-of-two-missing", "metadata.missing", _metadata({"a": "1"}, "a=1", "b=1"), check="metadata"),
    _made("NEG-49-key-in-another-case", "metadata.missing", _metadata({"Build": "1"}, "build=1"), check="metadata"),
)  # fmt: skip


def _plugin(
    identifier: str, reason: str, check: str, value: Any, *, critical: bool = True, version: str | None = None
) -> Case:
    """NEG-122, NEG-123: a demand for a verification plugin; none is ever run (decision 0014)."""

    def change(scene: Scene) -> None:
        more = {} if version is None else {envelopes.PLUGIN_VERSION: version}
        listed = [SCHEME, *([PLUGIN] if critical else []), *more]
        crit = "crit" if scene.form == "jws" else 2
        scene.signature.options["protected"] = {PLUGIN: value, crit: listed, **more}

    return Case(identifier, change, reason, check=check, forms=BOTH, fatal=True)


PLUGIN_CASES: Final = (
    _plugin("NEG-122-plugin-not-installed", "plugin.required", "plugin", "acme"),
    _plugin("NEG-122-plugin-name-blank", "envelope.critical", "integrity", " "),
    _plugin("NEG-122-plugin-name-number", "envelope.critical", "integrity", 7),
    _plugin("NEG-122-plugin-not-critical", "envelope.critical", "integrity", "acme", critical=False),
    _plugin("NEG-123-minimum-no-version", "envelope.critical", "integrity", "acme",
            version="v1"),
    _plugin("NEG-123-minimum-without-plugin", "envelope.critical", "integrity", REMOVED, critical=False,
            version="1.0.0"),
)  # fmt: skip


def _spaced(protected: str) -> bytes:
    """The same header, spelled with one blank more."""
    import base64

    return base64.urlsafe_b64decode(protected + "==").replace(b"{", b"{ ", 1)


CASES: Final = (*BOTH_CASES, *JWS_CASES, *PLUGIN_CASES)
