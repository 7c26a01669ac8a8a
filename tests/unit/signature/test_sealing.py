"""Signing makes nothing that a verifier would refuse, and uses no chain that may not sign."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from airgap.errors import Rejected, UsageError
from airgap.oci.descriptor import COSE_ENVELOPE, IMAGE_INDEX, JWS_ENVELOPE, Descriptor
from airgap.oci.digest import Digest
from airgap.pki.algorithms import Algorithm
from airgap.pki.certificate import Certificate
from airgap.pki.chain import Anchors
from airgap.pki.timestamp_token import TimestampToken
from airgap.signature import model
from airgap.signature.attachment import signature_attachment
from airgap.signature.envelope import parse_envelope, verify_signature
from airgap.signature.model import ExtendedAttribute, PluginDemand, Scheme
from airgap.signature.produce import ENCODERS, Draft, MadeEnvelope, encode_payload
from airgap.signature.sealing import Sealed, seal, stamp, with_timestamp
from airgap.signature.signer import SigningError
from tests.support.pki import AT, Issued, Pki
from tests.support.signing import KINDS, chain_of, local
from tests.support.tsa import token

IMAGE = "application/vnd.oci.image.manifest.v1+json"
TARGET = Descriptor(media_type=IMAGE, digest=Digest.of(b"x"), size=1)
OTHER = Descriptor(media_type=IMAGE, digest=Digest.of(b"y"), size=1)
DRAFT = Draft(payload=encode_payload(TARGET, {"team": "blue"}), signing_time=AT, expiry=AT + timedelta(days=1))
LEAF = Pki().code_chain()
TSA = Pki().tsa_chain()
both = pytest.mark.parametrize("media_type", [JWS_ENVELOPE, COSE_ENVELOPE], ids=["jws", "cose"])


class Spy:
    """A signer that counts its calls and gives the wrong answer of the test."""

    def __init__(self, leaf: Issued = LEAF, *, sign: Callable[[bytes], bytes] | None = None, **changes: Any) -> None:
        self._local = local(leaf)
        self.chain: tuple[Certificate, ...] = changes.get("chain", self._local.chain)
        self.algorithm: Algorithm = changes.get("algorithm", self._local.algorithm)
        self._sign = sign or self._local.sign
        self.calls = 0

    def sign(self, message: bytes) -> bytes:
        self.calls += 1
        return self._sign(message)


class Maker:
    """Makes whole envelopes, about whatever it likes."""

    def __init__(
        self,
        change: Callable[[Draft], Draft] = lambda draft: draft,
        *,
        annotations: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._change, self._annotations = change, annotations

    def make_envelope(self, draft: Draft, media_type: str) -> MadeEnvelope:
        raw = ENCODERS[media_type](self._change(draft), local(LEAF))
        return MadeEnvelope(raw=raw, annotations=self._annotations)


class Authority:
    def __init__(self, **options: Any) -> None:
        self.anchors = Anchors.of({"root": [Certificate.parse(TSA.root.der)]})
        self._options = {"gen_time": AT, **options}

    def timestamp(self, signature_value: bytes, hash_name: str) -> bytes:
        return token(TSA, signature_value, **{"imprint_hash": hash_name, **self._options})


def refused(signer: Any, draft: Draft = DRAFT, media_type: str = JWS_ENVELOPE, **options: Any) -> SigningError:
    with pytest.raises(SigningError) as caught:
        seal(draft, signer, media_type=media_type, **options)
    return caught.value


class TestGood:
    @both
    @pytest.mark.parametrize("kind", KINDS)
    def test_every_kind_of_key_with_a_timestamp(self, media_type: str, kind: str) -> None:
        leaf = Pki().code_chain(kind)
        sealed = seal(DRAFT, local(leaf), media_type=media_type, timestamper=Authority())
        envelope = parse_envelope(media_type, sealed.raw)
        verify_signature(envelope)
        assert envelope == sealed.envelope
        assert envelope.certificates == chain_of(leaf)
        assert envelope.expiry == DRAFT.expiry
        assert sealed.payload.annotations == {"team": "blue"}
        assert envelope.timestamp_token is not None
        assert sealed.timestamp is not None
        # TS-12: the imprint's hash is the key's
        assert TimestampToken.parse(envelope.timestamp_token).info.imprint_hash == envelope.algorithm.hash_name

    @both
    @pytest.mark.parametrize("scheme", Scheme)
    def test_both_schemes(self, media_type: str, scheme: Scheme) -> None:
        sealed = seal(replace(DRAFT, scheme=scheme), local(LEAF), media_type=media_type)
        assert (sealed.envelope.scheme, sealed.envelope.stated_time) == (scheme, AT)

    @both
    def test_a_chain_that_is_known_only_afterwards(self, media_type: str) -> None:
        """PLUGIN-23."""

        class Late(Spy):
            def sign(self, message: bytes) -> bytes:
                self.chain = chain_of(LEAF)
                return super().sign(message)

        assert seal(DRAFT, Late(chain=()), media_type=media_type).envelope.certificates == chain_of(LEAF)

    @both
    def test_critical_attributes_for_a_plugin_that_is_demanded(self, media_type: str) -> None:
        draft = replace(DRAFT, plugin=PluginDemand("acme", None), extended={"a": ExtendedAttribute("b", critical=True)})
        assert seal(draft, local(LEAF), media_type=media_type).envelope.plugin == draft.plugin

    def test_a_maker_may_add_annotations(self) -> None:
        """PLUGIN-24, MAN-9."""
        more = encode_payload(TARGET, {"team": "blue", "more": "of it"})
        sealed = seal(
            DRAFT,
            Maker(lambda draft: replace(draft, payload=more), annotations={"made": "by"}),
            media_type=JWS_ENVELOPE,
        )
        assert sealed.payload.annotations == {"team": "blue", "more": "of it"}
        assert sealed.annotations == {"made": "by"}


PAST, FUTURE = datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
CHAINS: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"leaf": {"not_after": PAST}}, "time.certificate.expired"),
    "not yet": ({"leaf": {"not_before": FUTURE}}, "time.certificate.not_yet"),
    "root expired": ({"root": {"not_after": PAST}}, "time.certificate.expired"),
    "no usage": ({"leaf": {"key_usage": None}}, "chain.leaf.key_usage"),
    "sha1": ({"leaf": {"hash_name": "sha1"}}, "chain.hash"),
    "weak root": ({"root": {"key": "rsa1024"}}, "chain.ca.key"),
}


class TestChain:
    @both
    @pytest.mark.parametrize("name", CHAINS)
    def test_is_refused_where_it_may_not_sign(self, media_type: str, name: str) -> None:
        """CHAIN-17 and the verifier's own rules, before anything is signed."""
        deviation, reason = CHAINS[name]
        spy = Spy(Pki().code_chain(**deviation))
        assert refused(spy, media_type=media_type).reason == reason
        assert spy.calls == 0

    def test_is_refused_without_its_root(self) -> None:
        spy = Spy(chain=chain_of(LEAF)[:-1])
        assert refused(spy).reason == "chain.root"
        assert spy.calls == 0

    def test_is_judged_after_signing_where_known_only_then(self) -> None:
        class Late(Spy):
            def sign(self, message: bytes) -> bytes:
                self.chain = chain_of(LEAF)[:-1]
                return super().sign(message)

        assert refused(Late(chain=())).reason == "chain.root"

    @both
    def test_is_valid_to_the_second(self, media_type: str) -> None:
        """SCHEME-7: both ends count."""
        leaf = Pki().code_chain(leaf={"not_before": AT, "not_after": AT})
        draft = replace(DRAFT, expiry=None)
        assert seal(draft, local(leaf), media_type=media_type).envelope.signing_time == AT
        for seconds in (-1, 1):
            moved = replace(draft, signing_time=AT + timedelta(seconds=seconds))
            assert str(refused(local(leaf), moved, media_type).reason).startswith("time.certificate")


class TestLies:
    @both
    def test_another_key(self, media_type: str) -> None:
        liar = Spy(sign=local(Pki().code_chain(leaf={"slot": 4})).sign)
        assert refused(liar, media_type=media_type).reason == "envelope.signature"

    @both
    @pytest.mark.parametrize("value", [b"", b"\0" * 64, b"rubbish", b"\xff" * 64])
    def test_a_malformed_signature_value(self, media_type: str, value: bytes) -> None:
        error = refused(Spy(sign=lambda _: value), media_type=media_type)
        assert error.reason in {"envelope.signature", "envelope.malformed"}

    @both
    def test_another_message(self, media_type: str) -> None:
        signer = local(LEAF)
        assert refused(Spy(sign=lambda _: signer.sign(b"other")), media_type=media_type).reason == "envelope.signature"

    @both
    def test_another_algorithm_than_the_keys(self, media_type: str) -> None:
        """JWS-40, COSE-10."""
        other = local(Pki().code_chain("p384")).algorithm
        assert refused(Spy(algorithm=other), media_type=media_type).reason == "envelope.algorithm"

    @both
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"payload": encode_payload(OTHER, {"team": "blue"})}, "digest"),
            ({"payload": encode_payload(replace(TARGET, size=2), {"team": "blue"})}, "size"),
            ({"payload": encode_payload(replace(TARGET, media_type="a/b"), {"team": "blue"})}, "media type"),
            ({"payload": encode_payload(TARGET)}, "metadata 'team'"),
            ({"payload": encode_payload(TARGET, {"team": "red"})}, "metadata 'team'"),
            ({"payload": b"{}"}, "does not verify"),
            ({"scheme": Scheme.SIGNING_AUTHORITY}, "signing scheme"),
            ({"expiry": None}, "expires never"),
            ({"expiry": AT + timedelta(days=2)}, "expires after 2 days"),
        ],
        ids=["digest", "size", "type", "no-metadata", "metadata", "payload", "scheme", "no-expiry", "expiry"],
    )
    def test_an_envelope_about_another_payload(self, media_type: str, change: dict[str, Any], words: str) -> None:
        assert words in str(refused(Maker(lambda draft: replace(draft, **change)), media_type=media_type))

    @both
    def test_an_attribute_that_was_dropped(self, media_type: str) -> None:
        draft = replace(DRAFT, extended={"com.example": ExtendedAttribute("x", critical=False)})
        assert "com.example" in str(refused(Maker(lambda made: replace(made, extended={})), draft, media_type))

    def test_an_expiry_that_was_not_asked_for(self) -> None:
        draft = replace(DRAFT, expiry=None)
        assert "expires after" in str(refused(Maker(lambda made: replace(made, expiry=AT + timedelta(1))), draft))

    @both
    def test_no_envelope_at_all(self, media_type: str) -> None:
        class Rubbish:
            def make_envelope(self, draft: Draft, media_type: str) -> MadeEnvelope:
                return MadeEnvelope(raw=b"rubbish")

        assert refused(Rubbish(), media_type=media_type).reason == "envelope.malformed"


class TestAttachment:
    @pytest.mark.parametrize("target", [OTHER, replace(TARGET, size=2), replace(TARGET, media_type=IMAGE_INDEX)])
    def test_is_refused_for_a_signature_of_another_artifact(self, target: Descriptor) -> None:
        """PAY-6, for a signature that was made here."""
        sealed = seal(DRAFT, local(LEAF), media_type=JWS_ENVELOPE)
        with pytest.raises(SigningError) as caught:
            signature_attachment(sealed, target)
        assert caught.value.reason == "payload.mismatch"

    @pytest.mark.parametrize("form", ["artifactType", "config"])
    def test_has_all_required_members(self, form: Any) -> None:
        """MAN-1 to MAN-9, MAN-13."""
        maker = Maker(annotations={"by": "it", "org.opencontainers.image.created": "never"})
        sealed = seal(DRAFT, maker, media_type=COSE_ENVELOPE)
        made = signature_attachment(sealed, TARGET, form)
        document = json.loads(made.raw)
        assert document["subject"] == TARGET.to_json()
        assert document["layers"] == [made.blobs[0][0].to_json()]
        assert [raw for _, raw in made.blobs] == [sealed.raw, b"{}"]
        assert document["annotations"] == {
            "by": "it",
            "io.cncf.notary.x509chain.thumbprint#S256": json.dumps(
                [item.fingerprint for item in LEAF.chain], separators=(",", ":")
            ),
            "org.opencontainers.image.created": "2026-06-01T12:00:00Z",
        }
        assert ("artifactType" in document) is (form == "artifactType")
        assert made.manifest.digest == Digest.of(made.raw)


class TestTimestamp:
    @both
    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ({"imprint": bytes(32)}, "timestamp.imprint"),
            ({"corrupt_signature": True}, "timestamp.signature"),
            ({"gen_time": datetime(2077, 1, 1, tzinfo=UTC)}, "timestamp.validity"),
            ({"imprint_hash": "sha512"}, "timestamp.hash"),
        ],
        ids=["imprint", "signature", "time", "hash"],
    )
    def test_an_invalid_token_is_not_embedded(self, media_type: str, options: dict[str, Any], reason: str) -> None:
        assert refused(local(LEAF), media_type=media_type, timestamper=Authority(**options)).reason == reason

    def test_a_token_below_another_root_is_not_embedded(self) -> None:
        authority = Authority()
        authority.anchors = Anchors.of({"root": [Certificate.parse(LEAF.root.der)]})
        assert refused(local(LEAF), timestamper=authority).reason == "timestamp.untrusted"

    def test_a_malformed_token_is_not_embedded(self) -> None:
        class Rubbish(Authority):
            def timestamp(self, signature_value: bytes, hash_name: str) -> bytes:
                return b"rubbish"

        assert refused(local(LEAF), timestamper=Rubbish()).reason == "timestamp.malformed"


class TestStamping:
    @both
    @pytest.mark.parametrize("kind", ["rsa2048", "p521"])
    def test_changes_nothing_but_the_unsigned_header(self, media_type: str, kind: str) -> None:
        """SCHEME-9, JWS-4, COSE-5."""
        before = seal(DRAFT, local(Pki().code_chain(kind)), media_type=media_type)
        after = stamp(media_type, before.raw, Authority())
        verify_signature(after.envelope)
        assert replace(after.envelope, timestamp_token=None) == before.envelope
        assert after.envelope.signing_input == before.envelope.signing_input
        assert after.raw != before.raw

    @both
    def test_replaces_a_token(self, media_type: str) -> None:
        once = stamp(media_type, self.sealed(media_type).raw, Authority(serial=1))
        twice = stamp(media_type, once.raw, Authority(serial=2))
        assert twice.timestamp is not None
        assert twice.timestamp.info.serial == 2
        assert twice.raw.count(model.TIMESTAMP.encode()) == 1

    @both
    def test_verifies_before_it_stamps(self, media_type: str) -> None:
        raw = ENCODERS[media_type](DRAFT, Spy(sign=local(Pki().code_chain(leaf={"slot": 4})).sign))
        asked: list[bytes] = []

        class Listening(Authority):
            def timestamp(self, signature_value: bytes, hash_name: str) -> bytes:
                asked.append(signature_value)
                return super().timestamp(signature_value, hash_name)

        with pytest.raises(Exception, match="does not verify"):
            stamp(media_type, raw, Listening())
        assert asked == []

    @both
    def test_stamps_no_chain_that_may_not_sign(self, media_type: str) -> None:
        raw = ENCODERS[media_type](DRAFT, local(Pki().code_chain(leaf={"key_usage": None})))
        with pytest.raises(Rejected) as caught:
            stamp(media_type, raw, Authority())
        assert caught.value.reason == "chain.leaf.key_usage"

    def test_keeps_unsigned_attributes_of_others(self) -> None:
        """JWS-34: members that are not known are ignored, and stay."""
        document = json.loads(self.sealed(JWS_ENVELOPE).raw)
        document["header"]["kid"] = "another's"
        made = json.loads(with_timestamp(JWS_ENVELOPE, json.dumps(document, indent=2).encode(), b"token"))
        assert made["header"]["kid"] == "another's"
        for name in ("payload", "protected", "signature"):
            assert made[name] == document[name]

    @staticmethod
    def sealed(media_type: str) -> Sealed:
        return seal(DRAFT, local(LEAF), media_type=media_type)


def test_refuses_a_reserved_metadata_key() -> None:
    """PAY-5."""
    with pytest.raises(UsageError):
        encode_payload(TARGET, {"io.cncf.notary.x": "y"})
