"""RFC 3161 tokens: what they state, and every reason to refuse them (requirements/timestamps.md)."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import tsp

from airgap import limits
from airgap.errors import FormatError, LimitError, Rejected
from airgap.pki.certificate import Certificate
from airgap.pki.chain import Anchors
from airgap.pki.timestamp_token import TimestampToken, VerifiedTimestamp
from tests.support import asn1, extensions
from tests.support.crls import crl
from tests.support.extensions import UNKNOWN_CRITICAL, ExtendedKeyUsage, Extension
from tests.support.keyring import key, pem
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Issued, Pki, issue
from tests.support.tsa import (
    BASELINE_POLICY,
    CONTENT_TYPE,
    MESSAGE_DIGEST,
    POLICY,
    SIGNED_DATA,
    attribute,
    response,
    signed_data,
    signer,
    token,
    tst_info,
)

VALUE = b"a signature value"
TSA = Pki().tsa_chain()
INTERMEDIATE, ROOT = TSA.chain[1:]
STRANGER = Pki().tsa_chain(root={"subject": "CN=Stranger", "key": "p384"})
NON_CRITICAL = Extension("1.3.6.1.4.1.55555.9", asn1.null())


def anchors(*issued: Issued) -> Anchors:
    return Anchors.of({"tsa:harbour": [Certificate.parse(item.der) for item in issued]})


TRUSTED = anchors(ROOT)


def verified(data: bytes, *, trusted: Anchors = TRUSTED, value: bytes = VALUE) -> VerifiedTimestamp:
    return TimestampToken.parse(data).verify(value, trusted)[0]


def refused(data: bytes, reason: str, says: str = ".", *, trusted: Anchors = TRUSTED, value: bytes = VALUE) -> Rejected:
    with pytest.raises(Rejected, match=says) as caught:
        verified(data, trusted=trusted, value=value)
    assert caught.value.reason == reason
    return caught.value


def test_accepts_a_valid_token() -> None:
    found = verified(token(TSA, VALUE, serial=2**159, accuracy=(1, 500, 250)))
    assert (found.info.gen_time, found.info.policy, found.info.serial, found.info.imprint_hash) == (
        AT,
        POLICY,
        2**159,
        "sha256",
    )
    assert found.info.earliest == AT - timedelta(seconds=1, milliseconds=500, microseconds=250)
    assert found.info.latest == AT + timedelta(seconds=1, milliseconds=500, microseconds=250)
    assert [item.der for item in found.chain] == [item.der for item in TSA.chain]


def test_reads_facts_before_any_check() -> None:
    parsed = TimestampToken.parse(token(TSA, VALUE, corrupt_signature=True, accuracy=(2, None, None)))
    assert (parsed.info.gen_time, parsed.info.accuracy, parsed.info.policy, parsed.info.serial) == (
        AT,
        timedelta(seconds=2),
        POLICY,
        1,
    )
    assert [item.der for item in parsed.certificates] == [TSA.der, INTERMEDIATE.der]


# Form (TS-10, TS-15, TS-16, TS-17)


def test_names_a_whole_response() -> None:
    """TS-10, NEG-88."""
    with pytest.raises(FormatError, match="a whole TimeStampResp, the authority's answer, instead of the token"):
        TimestampToken.parse(response(token(TSA, VALUE)))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (token(TSA, VALUE) + b"\x00", "1 bytes of trailing data"),
        (token(TSA, VALUE)[:-1], "ends inside an element"),
        (b"garbage", "tag number|inside an element"),
        (b"", "inside an element"),
        (asn1.sequence(), "contentType: is missing"),
        (asn1.sequence(asn1.oid("1.2.840.113549.1.7.1"), asn1.explicit(0, asn1.null())), "not signed data"),
        (asn1.sequence(asn1.oid(SIGNED_DATA)), "content: is missing"),
    ],
)
def test_refuses_malformed_truncated_or_trailing_data(data: bytes, says: str) -> None:
    """TS-15, NEG-87."""
    with pytest.raises(FormatError, match=says):
        TimestampToken.parse(data)


def test_refuses_an_indefinite_length() -> None:
    """TS-15, LIM-14."""
    data = token(TSA, VALUE)
    with pytest.raises(FormatError, match="indefinite length, which is BER"):
        TimestampToken.parse(b"\x30\x80" + data[4:] + b"\x00\x00")


def test_refuses_a_longer_form_of_a_length() -> None:
    """TS-15: the reference would convert it; it is refused by name."""
    data = token(TSA, VALUE)
    assert data[1] == 0x82
    with pytest.raises(FormatError, match="shortest form, which is BER"):
        TimestampToken.parse(b"\x30\x83\x00" + data[2:])


@pytest.mark.parametrize("version", [1, 2, 4, 5])
def test_refuses_signed_data_of_another_version(version: int) -> None:
    """TS-16, NEG-101."""
    with pytest.raises(FormatError, match=rf"signedData.version: is {version}, not 3"):
        TimestampToken.parse(token(TSA, VALUE, version=version))


def test_hands_on_embedded_evidence() -> None:
    """TS-16, D51, NEG-101: the reference cannot parse such a token."""
    revoking, answer = crl(INTERMEDIATE, revoked=[TSA]), ocsp_response(TSA)
    other = asn1.explicit(1, asn1.oid("1.3.6.1.5.5.7.16.2"), answer)
    data = token(TSA, VALUE, crls=[revoking, b"\x30\x00", other, asn1.explicit(1)])
    assert verified(data).info.gen_time == AT
    assert TimestampToken.parse(data).evidence == (revoking, b"\x30\x00", answer, asn1.explicit(1))


def test_embedded_evidence_is_bounded() -> None:
    """D51."""
    with pytest.raises(LimitError, match="65 CRLs, more than 64"):
        TimestampToken.parse(token(TSA, VALUE, crls=[b"\x30\x00"] * 65))


def test_refuses_other_objects_among_the_certificates() -> None:
    """TS-16."""
    for choice in (asn1.explicit(1, asn1.null()), asn1.explicit(3, asn1.null())):
        with pytest.raises(FormatError, match=r"something that is no X\.509 certificate"):
            TimestampToken.parse(token(TSA, VALUE, embed=[TSA, choice]))


def test_refuses_an_unparsable_certificate() -> None:
    """TS-16."""
    with pytest.raises(FormatError, match=r"signedData.certificates\[1\]"):
        TimestampToken.parse(token(TSA, VALUE, embed=[TSA, asn1.sequence(asn1.null())]))


@pytest.mark.parametrize("sort", [True, False])
def test_accepts_certificates_in_any_order(sort: bool) -> None:
    """Real authorities write the SET unsorted, which CMS allows."""
    for embed in ([TSA, INTERMEDIATE, ROOT], [ROOT, INTERMEDIATE, TSA], [STRANGER, TSA, INTERMEDIATE]):
        assert verified(token(TSA, VALUE, embed=embed, sort_certificates=sort)).info.gen_time == AT


def test_refuses_content_of_another_type() -> None:
    """TS-17."""
    with pytest.raises(FormatError, match="not TSTInfo"):
        TimestampToken.parse(token(TSA, VALUE, e_content_type="1.2.840.113549.1.7.1"))


def test_refuses_tst_info_of_another_version() -> None:
    """TS-17."""
    with pytest.raises(FormatError, match=r"tstInfo.version: is 2, not 1"):
        TimestampToken.parse(token(TSA, VALUE, tst_version=2))


def test_numbers_of_certificates_and_signers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LimitError, match="65 certificates, more than 64"):
        TimestampToken.parse(token(TSA, VALUE, embed=[TSA] * 65))
    content = tst_info(VALUE)
    with pytest.raises(LimitError, match="9 signers, more than 8"):
        TimestampToken.parse(token(TSA, VALUE, signers=[signer(TSA, content)] * 9))
    monkeypatch.setattr(limits, "TOKEN_BYTES", 100)
    with pytest.raises(LimitError, match="more than 100"):
        TimestampToken.parse(token(TSA, VALUE))


# Time (TS-18, TS-25)


@pytest.mark.parametrize(
    ("text", "microsecond"), [(b"20260601120000.5Z", 500_000), (b"20260601120000.123456789Z", 123_456)]
)
def test_reads_fractions_of_a_second(text: bytes, microsecond: int) -> None:
    """TS-18."""
    found = verified(token(TSA, VALUE, gen_time=text))
    assert found.info.gen_time == datetime(2026, 6, 1, 12, 0, 0, microsecond, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", [b"20260601120000", b"20260601120000.50Z", b"20260601120000.Z", b"20260601120000+0000", b"202606011200Z"]
)
def test_refuses_times_that_are_not_der(text: bytes) -> None:
    """TS-18; RFC 3161, 2.4.2."""
    with pytest.raises(FormatError, match="genTime"):
        TimestampToken.parse(token(TSA, VALUE, gen_time=text))


@pytest.mark.parametrize(
    ("accuracy", "policy", "seconds"),
    [
        (None, POLICY, 0.0),
        (None, BASELINE_POLICY, 1.0),
        ((None, None, None), BASELINE_POLICY, 1.0),
        ((0, None, None), BASELINE_POLICY, 1.0),
        ((0, 1, None), BASELINE_POLICY, 0.001),
        ((None, None, 7), POLICY, 0.000007),
        ((60, None, None), BASELINE_POLICY, 60.0),
    ],
)
def test_reads_the_accuracy(
    accuracy: tuple[int | None, int | None, int | None] | None, policy: str, seconds: float
) -> None:
    """TS-25."""
    found = verified(token(TSA, VALUE, accuracy=accuracy, policy=policy))
    assert (found.info.latest - AT, AT - found.info.earliest) == (timedelta(seconds=seconds),) * 2


@pytest.mark.parametrize("accuracy", [(-1, None, None), (None, 1000, None), (None, None, -5), (2**40, None, None)])
def test_refuses_a_malformed_accuracy(accuracy: tuple[int | None, int | None, int | None]) -> None:
    """TS-25."""
    with pytest.raises(FormatError, match=r"tstInfo.accuracy"):
        TimestampToken.parse(token(TSA, VALUE, accuracy=accuracy))


def test_refuses_an_accuracy_beyond_the_calendar() -> None:
    """TS-25."""
    with pytest.raises(LimitError, match="beyond the years"):
        TimestampToken.parse(token(TSA, VALUE, gen_time=b"99991231235959Z", accuracy=(5, None, None)))


def test_ignores_members_for_the_requester() -> None:
    """TS-18."""
    data = token(
        TSA, VALUE, nonce=None, ordering=True, tsa_name=STRANGER.subject, serial=0, tst_extensions=[NON_CRITICAL]
    )
    assert verified(data).info.serial == 0


def test_refuses_a_critical_extension_of_tst_info() -> None:
    """RFC 3161, 2.4.2, by X.509's rule for critical extensions; the reference does not look (TS-18)."""
    with pytest.raises(FormatError, match="critical extension that is not understood"):
        TimestampToken.parse(token(TSA, VALUE, tst_extensions=[UNKNOWN_CRITICAL]))


# Imprint (TS-11, TS-12)


@pytest.mark.parametrize("name", ["sha256", "sha384", "sha512"])
def test_accepts_any_sha_2_imprint(name: str) -> None:
    """TS-12, D30: which one it was is stated, so that the verifier can warn."""
    assert verified(token(TSA, VALUE, imprint_hash=name)).info.imprint_hash == name


@pytest.mark.parametrize("name", ["sha1", "md5"])
def test_refuses_a_weak_imprint(name: str) -> None:
    """TS-12, NEG-90."""
    refused(token(TSA, VALUE, imprint_hash=name), "timestamp.hash", "imprint hash is")


@pytest.mark.parametrize("imprint", [None, b"", bytes(32), bytes(31)])
def test_refuses_an_imprint_of_other_bytes(imprint: bytes | None) -> None:
    """TS-11, NEG-89."""
    refused(token(TSA, b"other bytes", imprint=imprint), "timestamp.imprint")


# Signed attributes (TS-19)


@pytest.mark.parametrize("name", ["sha384", "sha512"])
def test_signer_digests(name: str) -> None:
    """TS-19."""
    assert verified(token(TSA, VALUE, digest=name)).info.gen_time == AT


def test_refuses_a_weak_signer_digest() -> None:
    """TS-19, NEG-90."""
    refused(token(TSA, VALUE, digest="sha1", signature_hash="sha256"), "timestamp.hash", "signer's digest hash is sha1")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"signed_attributes": False}, "no signed attributes"),
        ({"drop": [CONTENT_TYPE]}, "no signed attribute contentType"),
        ({"drop": [MESSAGE_DIGEST]}, "no signed attribute messageDigest"),
        ({"content_type": "1.2.840.113549.1.7.1"}, "as signed contentType, not TSTInfo"),
        ({"message_digest": bytes(32)}, "not the digest of its content"),
        ({"message_digest": b""}, "not the digest of its content"),
    ],
)
def test_signed_attributes(changes: dict[str, Any], says: str) -> None:
    """TS-19, NEG-96."""
    refused(token(TSA, VALUE, **changes), "timestamp.attributes", says)


def test_refuses_an_attribute_that_appears_twice() -> None:
    """TS-19; RFC 5652, 11."""
    again = attribute(MESSAGE_DIGEST, asn1.octet_string(bytes(32)))
    with pytest.raises(FormatError, match="twice"):
        TimestampToken.parse(token(TSA, VALUE, extra_attributes=[again]))


def test_refuses_an_attribute_with_two_values() -> None:
    """TS-19; RFC 5652, 11."""
    two = attribute(MESSAGE_DIGEST, asn1.octet_string(bytes(32)), asn1.octet_string(bytes(31)))
    data = token(TSA, VALUE, drop=[MESSAGE_DIGEST], extra_attributes=[two])
    refused(data, "timestamp.malformed", "messageDigest: holds 2 elements")


def test_hashes_attributes_as_encoded() -> None:
    """An order that is not DER's is kept: what was signed is what was received."""
    later = attribute("1.2.3", asn1.octet_string(bytes(300)))
    data = token(TSA, VALUE, sorted_attributes=False, extra_attributes=[later, attribute("1.2.4", asn1.null())])
    assert verified(data).info.gen_time == AT


def test_unsigned_attributes_are_ignored() -> None:
    assert verified(token(TSA, VALUE, unsigned_attributes=attribute("1.2.3", asn1.null()))).info.gen_time == AT


# The signing certificate (TS-19, TS-20)


@pytest.mark.parametrize("name", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("issuer_serial", [True, False])
def test_signing_certificate_v2(name: str, issuer_serial: bool) -> None:
    """TS-20."""
    data = token(TSA, VALUE, ess_hash=name, ess_hash_explicit=True, ess_issuer_serial=issuer_serial)
    assert verified(data).chain[0].der == TSA.der


def test_both_versions_of_signing_certificate() -> None:
    """TS-20: the second version decides."""
    assert verified(token(TSA, VALUE, ess="both")).info.gen_time == AT


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"ess": "v1"}, r"by SHA-1 only \(signing-certificate of version 1\)"),
        ({"ess": None}, "signing-certificate-v2 is missing"),
        ({"ess_certificate": STRANGER, "ess_issuer_serial": False}, "does not hold the certificate"),
        ({"embed": [INTERMEDIATE]}, "does not hold the certificate"),
        ({"embed": []}, "does not hold the certificate"),
        ({"ess_serial": 1}, "issuerSerial is another certificate's"),
        ({"sid": INTERMEDIATE}, "names another certificate as signer"),
        ({"key_identifier_sid": True, "signer_version": 3}, "key identifier"),
        ({"signer_version": 3}, "signer of version 3, not 1"),
        ({"signers": []}, "has no signer"),
    ],
)
def test_refuses_an_unknown_signing_certificate(changes: dict[str, Any], says: str) -> None:
    """TS-19, TS-20, NEG-91, NEG-92."""
    refused(token(TSA, VALUE, **changes), "timestamp.signer", says)


def test_refuses_another_signing_certificate() -> None:
    """TS-20, NEG-91: the certificate that the attribute names is in the token and is not the signer's."""
    other = issue("tsa", issuer=INTERMEDIATE, key="p384")
    data = token(TSA, VALUE, ess_certificate=other, embed=[TSA, other, INTERMEDIATE])
    refused(data, "timestamp.signer", "names another certificate as signer")
    refused(
        token(TSA, VALUE, ess_certificate=other, sid=other, embed=[TSA, other, INTERMEDIATE]), "timestamp.signature"
    )


def test_refuses_a_weak_hash_in_signing_certificate_v2() -> None:
    """TS-20."""
    refused(token(TSA, VALUE, ess_hash="sha1"), "timestamp.hash", "signing-certificate-v2 hash is sha1")


def test_refuses_a_malformed_signing_certificate_v2() -> None:
    """TS-20."""
    for value in (asn1.null(), asn1.sequence(asn1.sequence()), asn1.sequence(asn1.sequence(asn1.sequence()))):
        broken = attribute("1.2.840.113549.1.9.16.2.47", value)
        refused(token(TSA, VALUE, ess=None, extra_attributes=[broken]), "timestamp.malformed")


_BROKEN = asn1.tlv(asn1.SET, b"\x30\x05\x00")
"""A SEQUENCE that announces more than is there."""


@pytest.mark.parametrize(
    "options",
    [
        {"crls": [_BROKEN]},
        {"unsigned_attributes": _BROKEN},
        {"tsa_name": _BROKEN},
        {"extra_attributes": [attribute("1.2.3.4", _BROKEN)]},
    ],
    ids=lambda options: next(iter(options)),
)
def test_unused_members_must_be_der(options: Mapping[str, Any]) -> None:
    """The reference implementation refuses a token that is damaged anywhere."""
    with pytest.raises(FormatError, match="DER"):
        TimestampToken.parse(token(TSA, VALUE, **options))


def test_digest_algorithms_are_algorithms() -> None:
    """RFC 5652, 5.1: they decide nothing, and are read."""
    good = token(TSA, VALUE)
    oid = asn1.oid("2.16.840.1.101.3.4.2.1")
    with pytest.raises(FormatError, match="digestAlgorithms"):
        TimestampToken.parse(good.replace(oid, b"\x04" + oid[1:], 1))


# The signature (TS-21)


@pytest.mark.parametrize("kind", ["rsa2048", "rsa3072", "rsa4096", "p256", "p384", "p521"])
@pytest.mark.parametrize("hash_name", ["sha256", "sha384", "sha512"])
def test_signature_algorithms(kind: str, hash_name: str) -> None:
    """TS-21, D29."""
    tsa = Pki().tsa_chain(kind)
    trusted = anchors(tsa.root)
    assert verified(token(tsa, VALUE, digest=hash_name), trusted=trusted).info.gen_time == AT
    assert verified(token(tsa, VALUE, digest="sha256", signature_hash=hash_name), trusted=trusted).info.gen_time == AT
    if kind.startswith("rsa"):
        assert verified(token(tsa, VALUE, digest=hash_name, pss=True), trusted=trusted).info.gen_time == AT
        assert verified(token(tsa, VALUE, digest=hash_name, bare_rsa=True), trusted=trusted).info.gen_time == AT


def test_refuses_pss_with_another_hash_than_stated() -> None:
    """RFC 4056, 3: the parameters and digestAlgorithm name one hash; the reference implementation uses the latter."""
    tsa = Pki().tsa_chain("rsa2048")
    wrong = token(tsa, VALUE, digest="sha256", signature_hash="sha512", pss=True)
    refused(wrong, "timestamp.signature", "SHA-512.*digest sha256", trusted=anchors(tsa.root))


def test_refuses_a_sha_1_signature() -> None:
    """TS-21."""
    tsa = Pki().tsa_chain("rsa2048")
    data = token(tsa, VALUE, signature_hash="sha1")
    refused(data, "timestamp.signature", "SHA-1 with RSA", trusted=anchors(tsa.root))


def test_refuses_a_changed_signature() -> None:
    """NEG-96."""
    refused(token(TSA, VALUE, corrupt_signature=True), "timestamp.signature", "does not verify")
    refused(token(TSA, VALUE, signed_by=key("p256", 4)), "timestamp.signature", "does not verify")


def test_the_first_of_several_signers_that_passes_counts() -> None:
    """TS-24: the first that passes counts; where none does, the first one's flaw is named."""
    content = tst_info(VALUE)
    bad = signer(TSA, content, corrupt_signature=True)
    weak = signer(TSA, content, ess="v1")
    good = signer(TSA, content)
    assert verified(token(TSA, VALUE, signers=[weak, bad, good])).info.gen_time == AT
    refused(token(TSA, VALUE, signers=[bad, weak]), "timestamp.signature")
    refused(token(TSA, VALUE, signers=[weak, bad]), "timestamp.signer")


# The chain (TS-22, TS-23, TS-24)


def test_a_root_inside_the_token_is_not_trusted() -> None:
    """RULE-1, NEG-94: certificates in a token are no anchors."""
    refused(token(STRANGER, VALUE, embed=list(STRANGER.chain)), "timestamp.untrusted")


def test_refuses_a_token_without_a_trust_store() -> None:
    """TS-22: nothing is trusted by default."""
    refused(token(TSA, VALUE, embed=list(TSA.chain)), "timestamp.untrusted", trusted=anchors())


def test_the_root_need_not_be_in_the_token() -> None:
    """TS-22."""
    assert verified(token(TSA, VALUE, embed=[TSA, INTERMEDIATE])).chain[-1].der == ROOT.der


def test_refuses_a_missing_intermediate() -> None:
    """TS-22, NEG-93."""
    refused(token(TSA, VALUE, embed=[TSA]), "timestamp.untrusted", "neither in the trust stores nor in the token")
    with pytest.raises(Rejected) as caught:
        verified(token(TSA, VALUE, embed=[TSA]))
    assert "If it is an intermediate, the token lacks it" in caught.value.remedy


@pytest.mark.parametrize(
    "usage",
    [
        None,
        ExtendedKeyUsage((extensions.TIME_STAMPING,), critical=False),
        ExtendedKeyUsage((extensions.TIME_STAMPING, extensions.CODE_SIGNING), critical=True),
        ExtendedKeyUsage((extensions.CODE_SIGNING,), critical=True),
    ],
)
def test_purpose_of_the_signing_certificate(usage: ExtendedKeyUsage | None) -> None:
    """TS-24, TSACH-3, NEG-95."""
    tsa = issue("tsa", issuer=INTERMEDIATE, extended_key_usage=usage)
    refused(token(tsa, VALUE), "timestamp.chain", "extended key usage")


def test_certificates_are_judged_at_the_stated_time() -> None:
    """TS-22, NEG-99: expired today is fine, expired then is not."""
    tsa = issue("tsa", issuer=INTERMEDIATE, not_before=AT - timedelta(days=9), not_after=AT)
    assert verified(token(tsa, VALUE)).info.gen_time == AT
    refused(token(tsa, VALUE, gen_time=AT + timedelta(seconds=1)), "timestamp.validity")
    refused(token(tsa, VALUE, gen_time=AT - timedelta(days=9, seconds=1)), "timestamp.validity")


def test_signing_time_must_be_within_the_validity_of_the_chain() -> None:
    """TS-23."""
    tsa = issue("tsa", issuer=INTERMEDIATE, not_before=AT - timedelta(days=9), not_after=AT + timedelta(days=9))
    assert verified(token(tsa, VALUE, signing_time=AT + timedelta(days=9))).info.gen_time == AT
    late = token(tsa, VALUE, signing_time=AT + timedelta(days=9, seconds=1))
    refused(late, "timestamp.validity", "was signed at 2026-06-10T12:00:01Z, by its own account")


def test_escapes_hostile_text() -> None:
    tsa = issue("tsa", issuer=issue("root", subject="CN=\x1b[2Jroot"), subject="CN=\x1b[31mtsa")
    error = refused(token(tsa, VALUE, corrupt_signature=True), "timestamp.signature")
    assert "\x1b" not in str(error) + str(dict(error.facts))


# Oracles


def test_another_parser_reads_the_same() -> None:
    data = token(TSA, VALUE, accuracy=(1, 2, 3), gen_time=AT.replace(microsecond=250_000))
    theirs = tsp.ContentInfo.load(data)["content"]
    info = theirs["encap_content_info"]["content"].parsed.native
    ours = TimestampToken.parse(data)
    assert (ours.info.gen_time, ours.info.policy, ours.info.serial) == (
        info["gen_time"],
        info["policy"],
        info["serial_number"],
    )
    assert [item.der for item in ours.certificates] == [item.dump() for item in theirs["certificates"]]


def _openssl(folder: Path, *arguments: str) -> str:
    run = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    return run.stdout + run.stderr


@pytest.mark.parametrize("kind", ["rsa2048", "p256"])
def test_openssl_accepts_what_is_accepted(tmp_path: Path, kind: str) -> None:
    tsa = Pki().tsa_chain(kind)
    (tmp_path / "root.pem").write_bytes(tsa.root.pem)
    (tmp_path / "data").write_bytes(VALUE)
    (tmp_path / "token").write_bytes(token(tsa, VALUE, accuracy=(1, None, None)))
    text = _openssl(
        tmp_path, "ts", "-verify", "-data", "data", "-in", "token", "-token_in", "-CAfile", "root.pem",
        "-attime", str(int(AT.timestamp())),
    )  # fmt: skip
    assert "Verification: OK" in text


CONFIGURATION = """
[tsa]
serial = serial
crypto_device = builtin
signer_cert = tsa.pem
certs = chain.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256, sha384, sha512
accuracy = secs:1, millisecs:500
ess_cert_id_chain = {chain}
ess_cert_id_alg = {hash}
"""


@pytest.mark.parametrize(("ess_hash", "chain"), [("sha256", "no"), ("sha512", "yes"), ("sha1", "no")])
@pytest.mark.parametrize("kind", ["rsa2048", "p384"])
def test_accepts_tokens_of_openssl(tmp_path: Path, kind: str, ess_hash: str, chain: str) -> None:
    """TS-20, TS-21: real tokens of another implementation, rsaEncryption and an unsorted SET included."""
    tsa = Pki().tsa_chain(kind)
    (tmp_path / "tsa.cnf").write_text(CONFIGURATION.format(hash=ess_hash, chain=chain))
    (tmp_path / "tsa.pem").write_bytes(tsa.pem)
    (tmp_path / "tsa.key").write_bytes(pem(tsa.key))
    (tmp_path / "chain.pem").write_bytes(tsa.chain[1].pem + tsa.root.pem)
    (tmp_path / "serial").write_text("01\n")
    (tmp_path / "data").write_bytes(VALUE)
    query = ["ts", "-query", "-data", "data", "-sha512", "-cert", "-out", "query"]
    reply = [
        "ts",
        "-reply",
        "-config",
        "tsa.cnf",
        "-section",
        "tsa",
        "-queryfile",
        "query",
        "-token_out",
        "-out",
        "token",
    ]
    story = _openssl(tmp_path, *query) + _openssl(tmp_path, *reply)
    assert (tmp_path / "token").exists(), story
    data = (tmp_path / "token").read_bytes()
    if ess_hash == "sha1":
        refused(data, "timestamp.signer", "by SHA-1 only", trusted=anchors(tsa.root))
        return
    found = verified(data, trusted=anchors(tsa.root))
    assert found.info.latest - found.info.gen_time == timedelta(seconds=1.5)
    assert (found.info.policy, found.info.imprint_hash) == ("1.2.3.4", "sha512")


def test_builder_defaults_agree_with_its_parts() -> None:
    content = tst_info(VALUE)
    data = signed_data(content, [signer(TSA, content)], embed=TSA.chain[:-1])
    assert verified(data).info.gen_time == AT
