"""A plugin that signs is not trusted: each wrong answer has its own message (PLUGIN-22 to PLUGIN-25)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from airgap.oci.descriptor import COSE_ENVELOPE, JWS_ENVELOPE
from airgap.pki import algorithms
from airgap.plugin.host import PluginError
from airgap.signature.envelope import ANY_PLUGIN, parse_envelope
from airgap.signature.model import Scheme
from airgap.signature.plugin_signer import PluginEnvelopeSigner, PluginKey, PluginSigner, open_plugin_signer
from airgap.signature.produce import Draft, EnvelopeSigner
from airgap.signature.sealing import seal
from airgap.signature.signer import SigningError
from tests.support.envelopes import PLUGIN, SCHEME, SIGNED_AT
from tests.support.pki import Issued, Pki
from tests.support.plugins import ENVELOPE, IDENTITY, RAW, REMOVED, Behaviour, fake, signing

TYPES = pytest.mark.parametrize("media_type", [JWS_ENVELOPE, COSE_ENVELOPE], ids=["jws", "cose"])
PAYLOAD = json.dumps(
    {
        "targetArtifact": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": "sha256:" + "5c" * 32,
            "size": 411,
            "annotations": {"team": "blue", "build": "7"},
        }
    }
).encode()
DRAFT = Draft(payload=PAYLOAD, signing_time=SIGNED_AT)
KEY = PluginKey(key_id="k", config={"region": "here"})
LEAF = Pki().code_chain()
OTHER = Pki().code_chain("p256", leaf={"slot": 4})
ENVELOPER = [ENVELOPE]


def raw(leaf: Issued = LEAF, **members: Any) -> PluginSigner:
    signer = open_plugin_signer(fake(signing(leaf, capabilities=[RAW], **members)), KEY)
    assert isinstance(signer, PluginSigner)
    return signer


def enveloper(leaf: Issued = LEAF, **members: Any) -> PluginEnvelopeSigner:
    signer = open_plugin_signer(fake(signing(leaf, capabilities=ENVELOPER, **members)), KEY)
    assert isinstance(signer, PluginEnvelopeSigner)
    return signer


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [
        *((kind, JWS_ENVELOPE) for kind in ("rsa2048", "rsa3072", "rsa4096", "p256", "p384", "p521")),
        *((kind, COSE_ENVELOPE) for kind in ("rsa2048", "p256")),
    ],
)
def test_a_plugin_signs_with_every_key(media_type: str, kind: str) -> None:
    """PLUGIN-22, PLUGIN-23; the chain is known when it has signed."""
    leaf = Pki().code_chain(kind)
    signer = raw(leaf)
    assert not signer.chain
    sealed = seal(DRAFT, signer, media_type=media_type)
    assert [certificate.der for certificate in sealed.envelope.certificates] == [item.der for item in leaf.chain]
    assert len(signer.chain) == 3
    assert sealed.envelope.algorithm is signer.algorithm
    assert sealed.payload.annotations == {"team": "blue", "build": "7"}


@TYPES
def test_a_plugin_makes_envelopes(media_type: str) -> None:
    """PLUGIN-24: with annotations for the manifest."""
    signer = enveloper(changes={"generate-envelope": {"annotations": {"com.example.job": "7"}}})
    assert isinstance(signer, EnvelopeSigner)
    sealed = seal(DRAFT, signer, media_type=media_type)
    assert sealed.annotations == {"com.example.job": "7"}
    assert sealed.payload.annotations == {"team": "blue", "build": "7"}


def test_prefers_signing_bytes_to_making_envelopes() -> None:
    """PLUGIN-25."""
    assert isinstance(open_plugin_signer(fake(signing(LEAF, capabilities=[ENVELOPE, RAW])), KEY), PluginSigner)


def test_a_plugin_that_cannot_sign_is_refused() -> None:
    with pytest.raises(PluginError, match=f"it cannot sign: it offers {IDENTITY}"):
        open_plugin_signer(fake(Behaviour(capabilities=[IDENTITY])), KEY)


def test_the_key_and_the_configuration_reach_the_plugin() -> None:
    """PLUGIN-30."""
    seen: list[dict[str, Any]] = []
    plugin = fake(signing(LEAF, capabilities=[RAW]))
    call = plugin._call

    def watch(command: str, request: bytes, seconds: float) -> bytes:
        seen.append(json.loads(request))
        return call(command, request, seconds)

    plugin._call = watch
    raw_signer = open_plugin_signer(plugin, KEY)
    assert isinstance(raw_signer, PluginSigner)
    raw_signer.sign(b"abc")
    assert [(request.get("keyId"), request["pluginConfig"]) for request in seen[1:]] == [("k", {"region": "here"})] * 2


RAW_LIES = {
    "other-key": ({"other": OTHER, "sign_other_key": True}, "with another key than that of its certificate"),
    "other-payload": ({"sign_other_payload": True}, "it signed other bytes than it was given"),
    "other-algorithm": (
        {"changes": {"generate-signature": {"signingAlgorithm": "ECDSA-SHA-384"}}},
        "signed with the algorithm 'ECDSA-SHA-384'",
    ),
    "other-key-id": ({"changes": {"generate-signature": {"keyId": "j"}}}, "answers for the key 'j', not for 'k'"),
    "other-key-described": ({"changes": {"describe-key": {"keySpec": "EC-384"}}}, "demands ECDSA-SHA-384"),
    "key-id-described": ({"changes": {"describe-key": {"keyId": "j"}}}, "answers for the key 'j', not for 'k'"),
    "described-and-stated": (
        {
            "changes": {
                "describe-key": {"keySpec": "EC-384"},
                "generate-signature": {"signingAlgorithm": "ECDSA-SHA-384"},
            }
        },
        "signed with a key EC-256, but described the key 'k' as EC-384",
    ),
    "chain-no-certificate": ({"changes": {"generate-signature": {"certificateChain": ["MAA="]}}}, "cannot be read"),
}


@pytest.mark.parametrize(("lie", "says"), RAW_LIES.values(), ids=RAW_LIES)
def test_refuses_a_wrong_answer_of_a_plugin_that_signs_bytes(lie: dict[str, Any], says: str) -> None:
    """PLUGIN-22, PLUGIN-23."""
    with pytest.raises(PluginError, match=says):
        raw(**lie).sign(b"message")


def test_a_chain_that_breaks_a_rule_is_refused() -> None:
    """CHAIN-*: as a verifier would."""
    with pytest.raises(PluginError, match="its certificate chain breaks a rule"):
        raw(Pki().code_chain(leaf={"key_usage": None})).sign(b"message")


def test_refuses_a_changed_chain() -> None:
    behaviours = [signing(LEAF), signing(Pki().code_chain(leaf={"subject": "C=US,ST=WA,O=Else"}))]
    plugin = fake(behaviours[0])
    signer = PluginSigner(plugin, KEY, next(row for row in algorithms.ALGORITHMS if row.key_spec == "EC-256"))
    signer.sign(b"one")
    plugin._call = fake(behaviours[1])._call
    with pytest.raises(PluginError, match="another certificate chain than a moment ago"):
        signer.sign(b"two")


ENVELOPE_LIES = {
    "other-key": ({"other": OTHER, "sign_other_key": True}, "does not verify"),
    "other-digest": ({"payload": {"digest": "sha256:" + "00" * 32}}, "targetArtifact.digest: is sha256:00"),
    "other-size": ({"payload": {"size": 412}}, "targetArtifact.size: is 412, not 411"),
    "other-media-type": ({"payload": {"mediaType": "text/plain"}}, "targetArtifact.mediaType: is text/plain"),
    "member-dropped": ({"payload": {"size": REMOVED}}, "the member 'size' was dropped"),
    "annotations-dropped": ({"payload": {"annotations": REMOVED}}, "annotation 'team' was dropped or changed"),
    "annotation-dropped": ({"payload": {"annotations": {"team": "blue"}}}, "annotation 'build' was dropped or changed"),
    "annotation-changed": ({"payload": {"annotations": {"team": "red", "build": "7"}}}, "'team' was dropped or"),
    "member-added": ({"payload": {"artifactType": "x"}}, "targetArtifact: the member 'artifactType' was added"),
    "member-twin": ({"payload": {"SIZE": 1}}, "targetArtifact: the member 'SIZE' was added"),
    "top-member-twin": ({"payload_top": {"TargetArtifact": {}}}, "the member 'TargetArtifact' was added"),
    "top-member-added": ({"payload_top": {"more": 1}}, "the member 'more' was added"),
    "other-type": ({"changes": {"generate-envelope": {"signatureEnvelopeType": COSE_ENVELOPE}}}, "an envelope of type"),
    "other-algorithm": ({"envelope": {"protected": {"alg": "PS256"}}}, "does not verify: the envelope states RSASSA"),
    "other-content-type": ({"envelope": {"protected": {"cty": "text/plain"}}}, "content type"),
    "reserved-annotation": (
        {"changes": {"generate-envelope": {"annotations": {"io.cncf.notary.x": "1"}}}},
        "reserved annotation 'io.cncf.notary.x'",
    ),
    "no-envelope": ({"changes": {"generate-envelope": {"signatureEnvelope": "AAAA"}}}, "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize(("lie", "says"), ENVELOPE_LIES.values(), ids=ENVELOPE_LIES)
def test_refuses_a_wrong_answer_of_a_plugin_that_makes_envelopes(lie: dict[str, Any], says: str) -> None:
    """PLUGIN-24."""
    with pytest.raises(PluginError, match=says):
        enveloper(**lie).make_envelope(DRAFT, JWS_ENVELOPE)


def test_an_envelope_whose_bytes_are_of_another_type_is_refused() -> None:
    """PLUGIN-24: the type is echoed, the bytes are COSE."""
    plugin = fake(signing(LEAF, capabilities=ENVELOPER))
    call = plugin._call
    cose = json.loads(call("generate-envelope", _request(COSE_ENVELOPE), 1))["signatureEnvelope"]
    lie = {"generate-envelope": {"signatureEnvelope": cose}}
    with pytest.raises(PluginError, match="labelled as JWS, but its bytes are CBOR"):
        enveloper(changes=lie).make_envelope(DRAFT, JWS_ENVELOPE)


def _request(media_type: str) -> bytes:
    import base64

    return json.dumps(
        {"payload": base64.b64encode(PAYLOAD).decode(), "signatureEnvelopeType": media_type, "keyId": "k"}
    ).encode()


def test_annotations_may_be_added_to_the_payload() -> None:
    """PLUGIN-24."""
    added = {"annotations": {"team": "blue", "build": "7", "com.example.job": "9"}}
    sealed = seal(DRAFT, enveloper(payload=added), media_type=JWS_ENVELOPE)
    assert sealed.payload.annotations["com.example.job"] == "9"


@TYPES
def test_the_requested_expiry_is_signed(media_type: str) -> None:
    draft = replace(DRAFT, expiry=DRAFT.signing_time + timedelta(days=7))
    sealed = seal(draft, enveloper(), media_type=media_type)
    assert sealed.envelope.expiry == SIGNED_AT + timedelta(days=7)


def test_refuses_a_dropped_expiry() -> None:
    draft = replace(DRAFT, expiry=DRAFT.signing_time + timedelta(days=7))
    with pytest.raises(SigningError, match="expires never"):
        seal(draft, enveloper(envelope={"expiry": None}), media_type=JWS_ENVELOPE)


def test_refuses_another_scheme() -> None:
    with pytest.raises(SigningError, match="signing scheme"):
        seal(DRAFT, enveloper(envelope={"scheme": Scheme.SIGNING_AUTHORITY.value}), media_type=JWS_ENVELOPE)


def test_a_maker_of_envelopes_may_demand_its_own_verification_plugin() -> None:
    """As services do that sign; their critical attributes are for that plugin (PX, verification plugins)."""
    protected = {"crit": [SCHEME, PLUGIN, "com.example.job"], PLUGIN: "com.example.verify", "com.example.job": "arn:7"}
    sealed = seal(DRAFT, enveloper(envelope={"protected": protected}), media_type=JWS_ENVELOPE)
    envelope = parse_envelope(JWS_ENVELOPE, sealed.raw, plugins=ANY_PLUGIN)
    assert envelope.plugin
    assert (envelope.plugin.name, envelope.unprocessed) == ("com.example.verify", ("com.example.job",))
