"""The answer of a plugin is compared with its request (PLUGIN-13, PLUGIN-20 to PLUGIN-28)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airgap.pki.algorithms import ALGORITHMS
from airgap.plugin.host import Plugin, PluginError
from airgap.plugin.protocol import (
    Capability,
    EnvelopeRequest,
    KeyRequest,
    SignatureRequest,
    VerificationRequest,
)
from tests.support.pki import Pki
from tests.support.plugins import IDENTITY, REMOVED, REVOCATION, Behaviour, fake, signing

METADATA = "get-plugin-metadata"
P256 = next(row for row in ALGORITHMS if row.key_spec == "EC-256")
VERIFY = VerificationRequest(
    critical={"contentType": "c", "signingScheme": "notary.x509"},
    extended={"com.example.a": "x", "com.example.b": 7},
    unprocessed=["com.example.a"],
    chain=[b"\x30\x00"],
    identities=["*"],
    checks=[Capability.TRUSTED_IDENTITY],
)


def changed(command: str, **members: Any) -> Plugin:
    return fake(signing(Pki().code_chain(), changes={command: members}))


def ask(plugin: Plugin, command: str) -> object:
    if command == METADATA:
        return plugin.metadata()
    if command == "describe-key":
        return plugin.describe_key(KeyRequest(key_id="k"))
    if command == "generate-signature":
        return plugin.generate_signature(SignatureRequest(key_id="k", algorithm=P256, payload=b"abc"))
    if command == "generate-envelope":
        payload = b'{"targetArtifact":{}}'
        return plugin.generate_envelope(
            EnvelopeRequest(key_id="k", payload=payload, payload_type="p", envelope_type="application/jose+json")
        )
    return plugin.verify_signature(VERIFY)


COMMANDS = (METADATA, "describe-key", "generate-signature", "generate-envelope", "verify-signature")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_good_plugin_is_used(command: str) -> None:
    """Without this, every case below could fail for nothing."""
    assert ask(changed(command), command)


def test_reads_all_members_of_metadata() -> None:
    metadata = fake(Behaviour()).metadata()
    assert (metadata.name, str(metadata.version), metadata.contracts) == ("good", "1.2.3", ("1.0",))
    assert metadata.offers(Capability.RAW)
    assert not metadata.offers(Capability.ENVELOPE)


@pytest.mark.parametrize(
    "member", ["name", "description", "version", "url", "supportedContractVersions", "capabilities"]
)
@pytest.mark.parametrize("value", [REMOVED, "", [], None, 7, {}, [""]], ids=repr)
def test_every_member_of_metadata_is_required_and_not_empty(member: str, value: Any) -> None:
    """PLUGIN-20, NEG-124."""
    with pytest.raises(PluginError, match=member):
        changed(METADATA, **{member: value}).metadata()


@pytest.mark.parametrize(
    ("member", "value", "says"),
    [
        ("name", "another", "its name is 'another'"),
        ("supportedContractVersions", ["1.1"], "has version 1.1"),
        ("supportedContractVersions", ["2.0", "0.9"], "has version 2.0, 0.9"),
        ("version", "v1.0.0", "no semantic version"),
        ("version", "1.0", "no semantic version"),
    ],
)
def test_metadata_of_another_plugin_or_contract_is_refused(member: str, value: Any, says: str) -> None:
    """NEG-124, PLUGIN-13, PLUGIN-20."""
    with pytest.raises(PluginError, match=says):
        changed(METADATA, **{member: value}).metadata()


def test_accepts_further_contract_versions_and_unknown_capabilities() -> None:
    """PLUGIN-13: one version per major; D42: a capability that we do not know."""
    plugin = changed(METADATA, supportedContractVersions=["2.0", "1.0"], capabilities=["SIGNATURE_GENERATOR.ELSE"])
    assert plugin.metadata().capabilities == {"SIGNATURE_GENERATOR.ELSE"}


@pytest.mark.parametrize(
    ("command", "member", "value", "says"),
    [
        ("describe-key", "keyId", "another", "answers for the key 'another', not for 'k'"),
        ("describe-key", "keySpec", "RSA-1024", "no key that may sign"),
        ("describe-key", "keySpec", REMOVED, "keySpec: is missing"),
        ("generate-signature", "keyId", "another", "answers for the key 'another'"),
        ("generate-signature", "signingAlgorithm", "RSASSA-PSS-SHA-256", "demands ECDSA-SHA-256"),
        ("generate-signature", "signingAlgorithm", "none", "demands ECDSA-SHA-256"),
        ("generate-signature", "signature", "AA", "signature: is not standard base64"),
        ("generate-signature", "signature", "", "signature: is empty"),
        ("generate-signature", "signature", "_-8=", "signature: is not standard base64"),
        ("generate-signature", "certificateChain", [], "certificateChain: is empty"),
        ("generate-signature", "certificateChain", ["MAA="] * 11, "more than 10"),
        ("generate-signature", "certificateChain", [7], "is an integer, not a string"),
        ("generate-envelope", "signatureEnvelopeType", "application/cose", "made an envelope of type"),
        ("generate-envelope", "signatureEnvelope", REMOVED, "signatureEnvelope: is missing"),
        ("generate-envelope", "annotations", {"a": 1}, "is an integer, not a string"),
        ("verify-signature", "verificationResults", REMOVED, "verificationResults: is missing"),
        ("verify-signature", "processedAttributes", REMOVED, "processedAttributes: is missing"),
        ("verify-signature", "verificationResults", {}, f"gives no result for {IDENTITY}"),
        ("verify-signature", "verificationResults", {IDENTITY: {"success": True}, REVOCATION: {"success": True}},
         "not asked for"),
        ("verify-signature", "verificationResults", {IDENTITY: {"success": "true"}}, "is a string, not a boolean"),
        ("verify-signature", "verificationResults", {IDENTITY: True}, "is not a JSON object"),
        ("verify-signature", "processedAttributes", ["com.example.c"], "which the signature does not have"),
    ],
)  # fmt: skip
def test_a_wrong_answer_is_refused(command: str, member: str, value: Any, says: str) -> None:
    """PLUGIN-22 to PLUGIN-27, NEG-125, D39."""
    with pytest.raises(PluginError, match=says) as caught:
        ask(changed(command, **{member: value}), command)
    assert caught.value.facts["command"] == command


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "raw", ["", "no JSON", "[]", "{} {}", '{"keyId":"k","keyId":"k"}', '{"keyId":"k","KEYID":"k"}', "\ufeff{}"]
)
def test_an_answer_that_is_not_one_json_object_is_refused(command: str, raw: str) -> None:
    """NEG-127, VERIFY-24, PLUGIN-11."""
    with pytest.raises(PluginError, match="cannot be read"):
        ask(fake(Behaviour(raw={command: raw})), command)


def test_processed_attributes_that_are_not_critical_may_be_named() -> None:
    answer = changed("verify-signature", processedAttributes=["com.example.a", "com.example.b"]).verify_signature(
        VERIFY
    )
    assert answer.processed == ("com.example.a", "com.example.b")


def seen(command: str) -> dict[str, Any]:
    """The request that a command sends."""
    requests: list[bytes] = []

    def call(_command: str, request: bytes, _seconds: float) -> bytes:
        requests.append(request)
        return b"{}"

    with pytest.raises(PluginError):
        ask(Plugin("good", call), command)
    document: dict[str, Any] = json.loads(requests[0])
    return document


@pytest.mark.parametrize("command", COMMANDS)
def test_every_request_carries_the_contract_version_and_the_configuration(command: str) -> None:
    """PLUGIN-22 to PLUGIN-26; D60: get-plugin-metadata too."""
    request = seen(command)
    assert (request["contractVersion"], request["pluginConfig"]) == ("1.0", {})


def test_a_request_for_a_signature_describes_the_key() -> None:
    """PLUGIN-23: bytes are standard base64, and not hashed."""
    request = seen("generate-signature")
    assert (request["keySpec"], request["hashAlgorithm"], request["payload"]) == ("EC-256", "SHA-256", "YWJj")


def test_a_request_for_an_envelope_has_no_expiry_unless_there_is_one() -> None:
    """PLUGIN-24, D40: absent, not zero."""
    assert "expiryDurationInSeconds" not in seen("generate-envelope")
    request = EnvelopeRequest(key_id="k", payload=b"", payload_type="p", envelope_type="e", expiry_seconds=60)
    assert json.loads(request.encode())["expiryDurationInSeconds"] == 60


def test_a_request_to_verify_has_the_members_of_the_specification() -> None:
    """PLUGIN-26."""
    request = seen("verify-signature")
    assert request["signature"] == {
        "criticalAttributes": {
            "contentType": "c",
            "signingScheme": "notary.x509",
            "extendedAttributes": {"com.example.a": "x", "com.example.b": 7},
        },
        "unprocessedAttributes": ["com.example.a"],
        "certificateChain": ["MAA="],
    }
    assert request["trustPolicy"] == {"trustedIdentities": ["*"], "signatureVerification": [IDENTITY]}
