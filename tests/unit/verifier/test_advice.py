"""What a refusal advises, from the bytes that were refused."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from airgap.errors import Rejected
from airgap.oci.descriptor import COSE_ENVELOPE, IMAGE_MANIFEST, JWS_ENVELOPE, Descriptor
from airgap.oci.digest import Digest
from airgap.pki.certificate import Certificate
from airgap.reasons import REASONS
from airgap.signature.envelope import ANY_PLUGIN, parse_envelope
from airgap.text import safe
from airgap.verifier.advice import advised, of_file
from airgap.verifier.nearby import NearbySignatures
from airgap.verifier.outcome import ArtifactOutcome
from tests.support import envelopes
from tests.support.pki import Issued, Pki

LEAF = Pki().code_chain()
JWS, COSE = envelopes.jws(LEAF), envelopes.cose(LEAF)
MALFORMED = Rejected("envelope.malformed", "it cannot be read")


@pytest.mark.parametrize(
    ("media_type", "raw", "expected"),
    [
        (JWS_ENVELOPE, COSE, "The signature's file is misnamed: say --signature-format cose, or"),
        (COSE_ENVELOPE, JWS, "The signature's file is misnamed: say --signature-format jws, or"),
        (JWS_ENVELOPE, base64.b64encode(JWS), "Decode it (base64 -d"),
        (JWS_ENVELOPE, b"{", "Get the signature again"),
        (JWS_ENVELOPE, b"\xef\xbb\xbf" + JWS, "Save it as UTF-8 without a byte order mark."),
    ],
)
def test_a_file_that_is_a_signature_in_another_form_is_explained(media_type: str, raw: bytes, expected: str) -> None:
    assert of_file(MALFORMED, media_type, raw).startswith(expected)
    assert of_file(Rejected("envelope.signature", "it is not valid"), media_type, raw) == ""


def chained(*chain: Issued) -> str:
    """What is said of an envelope with this chain, after the refusal; and the remedy."""
    raw = envelopes.jws(LEAF, header={"x5c": [envelopes.b64(item.der) for item in chain]})
    error = advised(Rejected("chain.order", "no"), parse_envelope(JWS_ENVELOPE, raw, plugins=ANY_PLUGIN))
    assert error.reason == "chain.order"
    assert ("in this order" in error.remedy) is (str(error) != "no")
    return str(error).removeprefix("no").removeprefix("; ")


LEAF_, CA, ROOT = LEAF.chain


def _name(issued: Issued) -> str:
    return safe(Certificate.parse(issued.der).subject_text)


@pytest.mark.parametrize(
    ("chain", "said"),
    [
        ((LEAF_, CA, ROOT), ""),
        ((LEAF_, ROOT, CA), "the chain is in the wrong order: the right one is 1, 3, 2"),
        ((LEAF_, CA, CA, ROOT), "certificate 3 is certificate 2 again"),
        ((LEAF_, CA, ROOT, LEAF_), "certificate 4 is certificate 1 again"),
        ((LEAF_, CA), f'the chain is incomplete: the certificate of "{_name(ROOT)}" (an intermediate or the root)'),
        ((LEAF_, ROOT), f'the chain is incomplete: the certificate of "{_name(CA)}" (an intermediate or the root)'),
    ],
)
def test_a_chain_that_is_not_in_order_is_explained(chain: tuple[Issued, ...], said: str) -> None:
    assert chained(*chain).startswith(said)
    assert bool(chained(*chain)) is bool(said)


def test_names_the_places_of_what_does_not_belong_to_a_chain() -> None:
    other = Pki().tsa_chain()
    assert chained(LEAF_, other.root, CA, ROOT) == "what does not belong to the chain of certificate 1: 2"
    assert chained(LEAF_, CA, ROOT, other.root) == "what does not belong to the chain of certificate 1: 4"


@pytest.mark.parametrize("reason", ["envelope.signature", "envelope.algorithm", "chain.leaf.key"])
@pytest.mark.parametrize(
    ("chain", "said"),
    [
        ((ROOT, CA, LEAF_), "the chain is in reverse order: the signature verifies under certificate 3 of 3"),
        ((CA, LEAF_, ROOT), "the chain is in the wrong order: the signature verifies under certificate 2 of 3"),
        ((LEAF_, CA, ROOT), ""),
        ((CA, ROOT), ""),
    ],
)
def test_a_signature_of_a_later_certificate_of_the_chain_is_explained(
    reason: str, chain: tuple[Issued, ...], said: str
) -> None:
    raw = envelopes.jws(LEAF, header={"x5c": [envelopes.b64(item.der) for item in chain]})
    error = advised(Rejected(reason, "no", fact="kept"), parse_envelope(JWS_ENVELOPE, raw, plugins=ANY_PLUGIN))
    assert str(error).startswith(f"no; {said}" if said else "no")
    assert (str(error) == "no", "in this order" in error.remedy) == (not said, bool(said))
    assert (error.reason, error.facts) == (reason, {"fact": "kept"})


def test_another_refusal_is_not_explained_by_the_chain() -> None:
    raw = envelopes.jws(LEAF, header={"x5c": [envelopes.b64(item.der) for item in (ROOT, CA, LEAF_)]})
    error = Rejected("chain.extension", "no")
    assert advised(error, parse_envelope(JWS_ENVELOPE, raw, plugins=ANY_PLUGIN)) is error


def test_an_unsigned_artifact_gets_the_remedy_of_the_first_hint() -> None:
    descriptor = Descriptor(media_type=IMAGE_MANIFEST, digest=Digest.of(b"x"), size=1)
    bare = ArtifactOutcome(
        reference="oci:x",
        descriptor=descriptor,
        tags=(),
        scope=None,
        policy=None,
        unjudged=None,
        content=None,
        signatures=(),
    )
    assert bare.unsigned is not None
    assert bare.unsigned.remedy == REASONS["signature.none"].remedy
    near = NearbySignatures(foreign=("cosign signature (tag x)",))
    (hint, *_) = near.hints()
    beside = replace(bare, near=near).unsigned
    assert beside is not None
    assert (beside.remedy, hint.text in beside.message) == (hint.remedy, True)
    assert beside.remedy != bare.unsigned.remedy
