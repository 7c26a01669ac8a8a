"""Laws of plugins: whatever one answers, only project errors are raised, and no signature gets a better verdict."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from airgap.errors import Rejected
from airgap.pki.algorithms import ALGORITHMS
from airgap.plugin.host import Plugin, PluginError
from airgap.plugin.protocol import (
    Capability,
    EnvelopeRequest,
    KeyRequest,
    Metadata,
    SignatureRequest,
    VerificationRequest,
)
from airgap.signature.plugin_signer import PluginKey, open_plugin_signer
from airgap.signature.produce import Draft, EnvelopeSigner
from tests.support.envelopes import PAYLOAD, SIGNED_AT
from tests.support.pki import Pki
from tests.support.plugins import ENVELOPE, RAW, fake, signing

LEAF = Pki().code_chain()
NAMES = st.sampled_from([
    "keyId", "keySpec", "signature", "signingAlgorithm", "certificateChain", "signatureEnvelope",
    "signatureEnvelopeType", "annotations", "verificationResults", "processedAttributes", "name", "description",
    "version", "url", "supportedContractVersions", "capabilities", "success", "reason",
    *(item.value for item in Capability),
])  # fmt: skip
WORDS = st.sampled_from(
    ["k", "1.0", "AAAA", "EC-256", "ECDSA-SHA-256", "application/jose+json", "good", "1.2.3", "", "\x1b[2J"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | WORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
ANSWERS = st.binary(max_size=40) | st.dictionaries(NAMES, VALUES, max_size=8).map(
    lambda value: json.dumps(value).encode()
)
CHECKS = (Capability.TRUSTED_IDENTITY, Capability.REVOCATION_CHECK)
VERIFY = VerificationRequest(
    critical={}, extended={"a": 1, "b": "x"}, unprocessed=["a"], chain=[], identities=["*"], checks=CHECKS
)


def answering(answer: bytes) -> Plugin:
    return Plugin("good", lambda _command, _request, _seconds: answer)


@given(ANSWERS)
def test_any_answer_gives_only_plugin_errors(answer: bytes) -> None:
    plugin = answering(answer)
    algorithm = ALGORITHMS[3]
    for ask in (
        plugin.metadata,
        lambda: plugin.describe_key(KeyRequest(key_id="k")),
        lambda: plugin.generate_signature(SignatureRequest(key_id="k", algorithm=algorithm, payload=b"x")),
        lambda: plugin.generate_envelope(
            EnvelopeRequest(key_id="k", payload=b"{}", payload_type="p", envelope_type="application/jose+json")
        ),
        lambda: plugin.verify_signature(VERIFY),
    ):
        said = "fine"
        try:
            ask()
        except PluginError as error:
            said = str(error)
        assert said.isprintable()


@given(ANSWERS)
def test_accepted_metadata_names_this_plugin_and_contract(answer: bytes) -> None:
    try:
        metadata: Metadata = answering(answer).metadata()
    except PluginError:
        return
    assert metadata.name == "good"
    assert "1.0" in metadata.contracts


@given(
    st.dictionaries(
        st.sampled_from([*CHECKS, "SIGNATURE_VERIFIER.ELSE"]),
        st.fixed_dictionaries({"success": st.sampled_from([True, False, 1, "true", None])}, optional={"reason": WORDS}),
        max_size=3,
    ),
    st.lists(st.sampled_from(["a", "b", "c"]), max_size=3),
)
def test_an_accepted_answer_is_about_the_request(results: dict[str, Any], processed: list[str]) -> None:
    """D39."""
    answer = json.dumps({"verificationResults": results, "processedAttributes": processed}).encode()
    try:
        taken = answering(answer).verify_signature(VERIFY)
    except PluginError:
        return
    assert set(taken.results) == set(CHECKS)
    assert all(taken.results[check].success is results[check]["success"] for check in CHECKS)
    assert set(taken.processed) <= {"a", "b"}


@given(
    st.sampled_from([RAW, ENVELOPE]),
    NAMES,
    VALUES,
    st.sampled_from(["describe-key", "generate-signature", "generate-envelope"]),
)
def test_an_accepted_signature_verifies(capability: str, member: str, value: Any, command: str) -> None:
    """PLUGIN-23, PLUGIN-24: with any member of any answer replaced by anything."""
    from airgap.oci.descriptor import JWS_ENVELOPE
    from airgap.pki import algorithms
    from airgap.signature.envelope import parse_envelope, verify_signature
    from airgap.signature.payload import parse_payload

    plugin = fake(signing(LEAF, capabilities=[capability], changes={command: {member: value}}))
    try:
        signer = open_plugin_signer(plugin, PluginKey(key_id="k"))
        if isinstance(signer, EnvelopeSigner):
            made = signer.make_envelope(Draft(payload=PAYLOAD, signing_time=SIGNED_AT), JWS_ENVELOPE)
            envelope = parse_envelope(JWS_ENVELOPE, made.raw)
            verify_signature(envelope)
            assert str(parse_payload(envelope).digest) in PAYLOAD.decode()
        else:
            value_made = signer.sign(b"message")
            algorithms.verify(signer.algorithm, signer.chain[0].public_key, value_made, b"message")
    except Rejected as error:
        raise AssertionError(str(error)) from error
    except PluginError:
        pass
