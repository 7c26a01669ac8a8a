"""OCSP responses: whose answer counts, about whom, and what it says (requirements/revocation.md; D35, D36, D37)."""

from __future__ import annotations

import hashlib
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509 import ocsp as other_parser

from airgap import limits
from airgap.errors import FormatError, LimitError, Undecided
from airgap.parse import der
from airgap.pki import digests
from airgap.pki.certificate import Certificate
from airgap.pki.ocsp import OcspResponse, Responder
from airgap.pki.single_response import SingleResponse
from tests.support import asn1, extensions, names
from tests.support.extensions import UNKNOWN_CRITICAL, ExtendedKeyUsage, Extension, KeyUsage
from tests.support.ocsp import NEXT_UPDATE, THIS_UPDATE, key_bits, ocsp_error, ocsp_response, single, wrap
from tests.support.pki import AT, END, START, Issued, Pki, issue, key_identifier

LEAF = Pki().code_chain()
CA, ROOT = LEAF.chain[1:]
DELEGATE = issue("ocsp", issuer=CA)
NON_CRITICAL = Extension("1.3.6.1.4.1.55555.9", asn1.null())


def certificate(issued: Issued) -> Certificate:
    return Certificate.parse(issued.der)


def answer(data: bytes, *, of: Issued = LEAF) -> SingleResponse | None:
    return OcspResponse.parse(data).find(certificate(of), certificate(of.chain[1]))


def accepted(data: bytes, *, at: Any = AT) -> Responder:
    return OcspResponse.parse(data).verify_signed_for(certificate(CA), at=at)


def refused(data: bytes, *, at: Any = AT) -> Undecided:
    with pytest.raises(Undecided) as caught:
        accepted(data, at=at)
    return caught.value


# What it says


def test_reads_a_good_response() -> None:
    """OCSP-3."""
    found = answer(ocsp_response(LEAF))
    assert found is not None
    assert (found.status, found.this_update, found.next_update) == ("good", THIS_UPDATE, NEXT_UPDATE)
    assert (found.serial, found.hash_name, found.reason, found.revocation_time) == (LEAF.serial, "sha1", None, None)
    assert OcspResponse.parse(ocsp_response(LEAF)).produced_at == THIS_UPDATE


def test_reads_a_revoked_response() -> None:
    """NEG-118, OCSP-7."""
    data = ocsp_response(LEAF, status="revoked", reason="keyCompromise", revoked_at=START, invalidity=AT)
    found = answer(data)
    assert found is not None
    assert (found.status, found.reason) == ("revoked", "keyCompromise")
    assert (found.revocation_time, found.invalidity_date) == (START, AT)


def test_reads_a_revoked_response_without_reason() -> None:
    found = answer(ocsp_response(LEAF, status="revoked"))
    assert found is not None
    assert (found.status, found.reason, found.invalidity_date) == ("revoked", None, None)


def test_an_unreadable_invalidity_date_is_ignored() -> None:
    """OCSP-7."""
    found = answer(ocsp_response(LEAF, status="revoked", extra=[Extension("2.5.29.24", asn1.null())]))
    assert found is not None
    assert (found.status, found.invalidity_date) == ("revoked", None)


def test_reads_an_unknown_response() -> None:
    """OCSP-8."""
    found = answer(ocsp_response(LEAF, status="unknown"))
    assert found is not None
    assert found.status == "unknown"


def test_missing_next_update_is_none() -> None:
    """OCSP-5, D36."""
    found = answer(ocsp_response(LEAF, next_update=None))
    assert found is not None
    assert found.next_update is None


# About whom (OCSP-3)


@pytest.mark.parametrize("hash_name", ["sha1", "sha256", "sha384", "sha512"])
def test_certificate_is_named_under_any_known_hash(hash_name: str) -> None:
    assert answer(ocsp_response(LEAF, cert_hash=hash_name)) is not None


@pytest.mark.parametrize(
    "wrong", [{"serial": LEAF.serial + 1}, {"name_hash": bytes(20)}, {"key_hash": bytes(20)}, {"cert_hash": "md5"}]
)
def test_refuses_a_response_about_another_certificate(wrong: dict[str, Any]) -> None:
    """OCSP-3, NEG-119: the reference compares the serial number only."""
    assert answer(ocsp_response(LEAF, **wrong)) is None


def test_refuses_the_same_serial_number_of_another_ca() -> None:
    """OCSP-3."""
    other = issue("leaf", issuer=ROOT, serial=LEAF.serial)
    assert answer(ocsp_response(other)) is None


def test_finds_the_right_response_among_several() -> None:
    singles = [single(LEAF, serial=1, status="revoked"), single(LEAF, status="good"), single(LEAF, serial=2)]
    found = answer(ocsp_response(LEAF, singles=singles))
    assert found is not None
    assert found.status == "good"


def test_the_gravest_of_contradicting_answers_counts() -> None:
    older = THIS_UPDATE - timedelta(days=1)
    singles = [single(LEAF), single(LEAF, status="revoked", this_update=older), single(LEAF, status="unknown")]
    found = answer(ocsp_response(LEAF, singles=singles))
    assert found is not None
    assert found.status == "revoked"


def test_the_newest_of_equal_answers_counts() -> None:
    older = THIS_UPDATE - timedelta(days=1)
    found = answer(ocsp_response(LEAF, singles=[single(LEAF, this_update=older), single(LEAF)]))
    assert found is not None
    assert found.this_update == THIS_UPDATE


# Whose answer counts (OCSP-4, D35)


@pytest.mark.parametrize("by_key", [True, False])
def test_accepts_the_issuer_as_responder(by_key: bool) -> None:
    """OCSP-4."""
    responder = accepted(ocsp_response(LEAF, by_key=by_key))
    assert (responder.certificate.der, responder.delegated, responder.no_check) == (CA.der, False, False)


@pytest.mark.parametrize("by_key", [True, False])
def test_accepts_a_delegate(by_key: bool) -> None:
    """OCSP-4, D35, D37."""
    responder = accepted(ocsp_response(LEAF, responder=DELEGATE, by_key=by_key))
    assert (responder.certificate.der, responder.delegated, responder.no_check) == (DELEGATE.der, True, True)
    checked = issue("ocsp", issuer=CA, extensions=())
    assert not accepted(ocsp_response(LEAF, responder=checked)).no_check


@pytest.mark.parametrize("kind", ["rsa2048", "p256", "p384"])
@pytest.mark.parametrize("hash_name", ["sha256", "sha384", "sha512"])
def test_signatures_with_sha_2(kind: str, hash_name: str) -> None:
    delegate = issue("ocsp", issuer=CA, key=kind)
    assert accepted(ocsp_response(LEAF, responder=delegate, hash_name=hash_name, pss=kind == "rsa2048")).delegated


def test_refuses_a_sha_1_signature() -> None:
    delegate = issue("ocsp", issuer=CA, key="rsa2048")
    error = refused(ocsp_response(LEAF, responder=delegate, hash_name="sha1"))
    assert error.reason == "revocation.ocsp.signature"
    assert "SHA-1 with RSA" in str(error)


@pytest.mark.parametrize("by_key", [True, False])
def test_refuses_another_key_than_that_of_the_named_responder(by_key: bool) -> None:
    """NEG-120."""
    for responder in (None, DELEGATE):
        error = refused(ocsp_response(LEAF, responder=responder, signed_by=ROOT.key, by_key=by_key))
        assert error.reason == "revocation.ocsp.signature"


@pytest.mark.parametrize("by_key", [True, False])
def test_refuses_a_responder_that_is_not_in_the_response(by_key: bool) -> None:
    """NEG-120."""
    error = refused(ocsp_response(LEAF, responder=DELEGATE, embed=[], by_key=by_key))
    assert error.reason == "revocation.ocsp.responder"
    assert "neither the issuer" in str(error)


def test_ignores_an_embedded_certificate_of_another_responder() -> None:
    """OCSP-4: the reference takes the first embedded certificate, whatever the response names."""
    error = refused(ocsp_response(LEAF, responder=DELEGATE, responder_id=asn1.explicit(1, names.harbour("Stranger"))))
    assert error.reason == "revocation.ocsp.responder"
    assert "CN=Stranger" in str(error)


def test_finds_the_responder_among_several_certificates() -> None:
    assert accepted(ocsp_response(LEAF, responder=DELEGATE, embed=[LEAF, ROOT, DELEGATE])).delegated


def test_accepts_a_delegate_with_the_name_of_the_ca() -> None:
    twin = issue("ocsp", issuer=CA, subject=CA.subject)
    responder = accepted(ocsp_response(LEAF, responder=twin))
    assert responder.certificate.der == twin.der


def test_refuses_a_delegate_of_another_ca() -> None:
    """OCSP-4, NEG-120."""
    for other in (issue("ocsp", issuer=ROOT), issue("ocsp", issuer=issue("root", subject=CA.subject, key="p384"))):
        error = refused(ocsp_response(LEAF, responder=other))
        assert error.reason == "revocation.ocsp.responder"
        assert "not issued by the certificate's issuer" in str(error)


def test_refuses_a_delegate_of_a_delegate() -> None:
    """RFC 6960, 4.2.2.2: directly."""
    below = issue("ocsp", issuer=DELEGATE, slot=7, subject="CN=below")
    assert refused(ocsp_response(LEAF, responder=below, embed=[below, DELEGATE])).reason == "revocation.ocsp.responder"


@pytest.mark.parametrize(
    "usage",
    [
        None,
        ExtendedKeyUsage((extensions.CODE_SIGNING,)),
        ExtendedKeyUsage((extensions.ANY_USAGE,)),
    ],
)
def test_refuses_a_delegate_without_ocsp_signing(usage: ExtendedKeyUsage | None) -> None:
    """D35, NEG-121."""
    error = refused(ocsp_response(LEAF, responder=issue("ocsp", issuer=CA, extended_key_usage=usage)))
    assert error.reason == "revocation.ocsp.responder"
    assert "no extended key usage OCSPSigning" in str(error)


def test_delegate_with_more_purposes() -> None:
    """D35."""
    both = ExtendedKeyUsage((extensions.CLIENT_AUTH, extensions.OCSP_SIGNING))
    assert accepted(ocsp_response(LEAF, responder=issue("ocsp", issuer=CA, extended_key_usage=both))).delegated


def test_delegate_whose_key_usage_forbids_signatures() -> None:
    """D35."""
    delegate = issue("ocsp", issuer=CA, key_usage=KeyUsage(("keyEncipherment",)))
    assert "key usage does not allow signatures" in str(refused(ocsp_response(LEAF, responder=delegate)))
    assert accepted(ocsp_response(LEAF, responder=issue("ocsp", issuer=CA, key_usage=None))).delegated


@pytest.mark.parametrize("kind", ["rsa1024", "p224", "ed25519"])
def test_delegate_with_a_weak_or_unknown_key(kind: str) -> None:
    error = refused(ocsp_response(LEAF, responder=issue("ocsp", issuer=CA, key=kind)))
    assert error.reason == "revocation.ocsp.responder"
    assert "too weak or of an unknown kind" in str(error)


def test_delegate_that_is_not_valid_at_the_moment() -> None:
    """D35, NEG-121."""
    delegate = issue("ocsp", issuer=CA, not_before=AT - timedelta(days=2), not_after=AT + timedelta(days=2))
    data = ocsp_response(LEAF, responder=delegate)
    assert accepted(data, at=delegate.x509.not_valid_after_utc).delegated
    assert accepted(data, at=delegate.x509.not_valid_before_utc).delegated
    late = refused(data, at=AT + timedelta(days=2, seconds=1))
    early = refused(data, at=AT - timedelta(days=2, seconds=1))
    assert {late.reason, early.reason} == {"revocation.ocsp.responder"}
    assert "expired at 2026-06-03T12:00:00Z, and the answer was needed at 2026-06-03T12:00:01Z" in str(late)
    assert "is not valid before 2026-05-30T12:00:00Z" in str(early)


def test_delegate_that_had_expired_when_it_signed() -> None:
    """D35, NEG-121: thisUpdate alone proves nothing."""
    delegate = issue("ocsp", issuer=CA, not_after=THIS_UPDATE)
    data = ocsp_response(LEAF, responder=delegate, produced_at=AT)
    error = refused(data, at=THIS_UPDATE)
    assert error.reason == "revocation.ocsp.responder"
    assert "the answer was made at" in str(error)


def test_the_checked_certificate_may_not_answer_for_itself() -> None:
    """D35, NEG-121."""
    usual = issue("leaf", issuer=CA)
    assert refused(ocsp_response(usual, responder=usual)).reason == "revocation.ocsp.responder"
    empowered = issue("leaf", issuer=CA, extended_key_usage=ExtendedKeyUsage((extensions.OCSP_SIGNING,)))
    error = refused(ocsp_response(empowered, responder=empowered))
    assert error.reason == "revocation.ocsp.responder"
    assert "answers for itself" in str(error)


# Form


@pytest.mark.parametrize("status", [1, 2, 3, 5, 6, 9])
def test_errors_of_the_responder(status: int) -> None:
    """OCSP-3, NEG-119."""
    with pytest.raises(FormatError, match=rf"an OCSP responder's answer '.+' \(error {status}, .+\), not a status"):
        OcspResponse.parse(ocsp_error(status))


def test_refuses_success_without_a_response() -> None:
    with pytest.raises(FormatError, match="successful but empty"):
        OcspResponse.parse(ocsp_error(0))


def test_refuses_a_response_of_another_type() -> None:
    """OCSP-3."""
    with pytest.raises(FormatError, match=r"1\.2\.3, not a basic OCSP response"):
        OcspResponse.parse(ocsp_response(LEAF, response_type="1.2.3"))


@pytest.mark.parametrize("changes", [{"extra": [UNKNOWN_CRITICAL]}, {"response_extensions": [UNKNOWN_CRITICAL]}])
def test_critical_extension_that_is_not_understood(changes: dict[str, Any]) -> None:
    """OCSP-6."""
    (single,) = OcspResponse.parse(ocsp_response(LEAF, **changes)).responses
    assert "critical extension that is not understood" in single.doubt


def test_a_reason_without_a_name_is_a_reason() -> None:
    (found,) = OcspResponse.parse(ocsp_response(LEAF, status="revoked", reason=7)).responses
    assert (found.status, found.reason) == ("revoked", "reason 7")


def test_other_extensions_are_ignored() -> None:
    """OCSP-6: nonce, archiveCutoff and unknown ones."""
    nonce = Extension("1.3.6.1.5.5.7.48.1.2", asn1.octet_string(b"nonce"))
    cutoff = Extension("1.3.6.1.5.5.7.48.1.6", asn1.generalized_time(START))
    data = ocsp_response(LEAF, extra=[cutoff, NON_CRITICAL], response_extensions=[nonce])
    assert accepted(data).certificate.der == CA.der
    assert answer(data) is not None


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (ocsp_response(LEAF) + b"\x00", "1 bytes of trailing data"),
        (ocsp_response(LEAF)[:-1], "ends inside an element"),
        (b"", "ends inside an element"),
        (wrap(asn1.null()), "is NULL, not SEQUENCE"),
        (ocsp_response(LEAF, responder_id=asn1.explicit(3, asn1.null())), "responderID"),
    ],
)
def test_malformed_is_a_format_error(data: bytes, says: str) -> None:
    """OCSP-3."""
    with pytest.raises(FormatError, match=says):
        OcspResponse.parse(data)


@pytest.mark.parametrize("member", ["extra", "response_extensions"])
def test_unreadable_extensions_leave_a_doubt(member: str) -> None:
    """OCSP-6."""
    twice: dict[str, Any] = {member: [NON_CRITICAL, NON_CRITICAL]}
    (found,) = OcspResponse.parse(ocsp_response(LEAF, **twice)).responses
    assert "appears twice" in found.doubt


def test_ignores_an_unreadable_certificate_beside_others() -> None:
    """The certificates in a response are not signed: anyone who carries it could prevent its use by adding one."""
    junk = asn1.sequence(asn1.null())
    assert accepted(ocsp_response(LEAF, embed=[junk])).certificate.der == CA.der
    delegate = issue("ocsp", issuer=CA)
    assert accepted(ocsp_response(LEAF, responder=delegate, embed=[junk, delegate])).certificate.der == delegate.der
    with pytest.raises(Undecided, match="cannot be read") as caught:
        OcspResponse.parse(ocsp_response(LEAF, responder=delegate, embed=[junk])).verify_made_for(certificate(CA))
    assert caught.value.reason == "revocation.ocsp.signature"


@pytest.mark.parametrize("status", [asn1.implicit(3, b""), asn1.implicit(0, b"x"), asn1.implicit(2, b"x"), asn1.null()])
def test_refuses_an_unknown_status(status: bytes) -> None:
    good = asn1.implicit(0, b"")
    members = der.read(single(LEAF)).children()
    assert members[1].raw == good
    strange = asn1.sequence(members[0].raw, status, *(item.raw for item in members[2:]))
    with pytest.raises(FormatError, match="neither good, revoked nor unknown"):
        OcspResponse.parse(ocsp_response(LEAF, singles=[strange]))


def test_refuses_other_versions() -> None:
    """1 is the default; written out it is accepted all the same."""
    assert OcspResponse.parse(ocsp_response(LEAF, version=1)).produced_at == THIS_UPDATE
    with pytest.raises(FormatError, match=r"ocsp.version: is not 1"):
        OcspResponse.parse(ocsp_response(LEAF, version=2))


def test_critical_invalidity_date_is_understood() -> None:
    """OCSP-6, OCSP-7."""
    date = Extension("2.5.29.24", asn1.generalized_time(AT), critical=True)
    found = answer(ocsp_response(LEAF, status="revoked", extra=[date]))
    assert found is not None
    assert found.invalidity_date == AT


def test_describes_the_responder() -> None:
    named, keyed = ocsp_response(LEAF), ocsp_response(LEAF, by_key=True)
    assert OcspResponse.parse(named).responder == "CN=Intermediate 1,O=Harbour Works,ST=WA,C=US"
    assert OcspResponse.parse(keyed).responder == f"key {key_identifier(CA.key).hex()}"


def test_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """LIM-7."""
    monkeypatch.setattr(limits, "OCSP_BYTES", 100)
    with pytest.raises(LimitError, match="more than 100"):
        OcspResponse.parse(ocsp_response(LEAF))


def test_number_of_certificates_is_bounded() -> None:
    many = [LEAF] * (limits.TOKEN_CERTIFICATES + 1)
    with pytest.raises(LimitError, match=f"more than {limits.TOKEN_CERTIFICATES}"):
        OcspResponse.parse(ocsp_response(LEAF, embed=many))


# Oracles


def test_another_parser_reads_the_same() -> None:
    data = ocsp_response(LEAF, responder=DELEGATE, status="revoked", reason="superseded", cert_hash="sha256")
    theirs, ours = other_parser.load_der_ocsp_response(data), answer(data)
    assert ours is not None
    assert ours.serial == theirs.serial_number
    assert (ours.issuer_name_hash, ours.issuer_key_hash) == (theirs.issuer_name_hash, theirs.issuer_key_hash)
    assert ours.revocation_time == theirs.revocation_time_utc
    assert ours.next_update == theirs.next_update_utc
    assert certificate(CA).public_key_bits == key_bits(CA.key)
    assert ours.issuer_key_hash == hashlib.sha256(key_bits(CA.key)).digest()


def test_openssl_accepts_what_is_accepted(tmp_path: Path) -> None:
    for name, issued in (("root", ROOT), ("ca", CA), ("leaf", LEAF)):
        (tmp_path / f"{name}.pem").write_bytes(issued.pem)
    (tmp_path / "all.pem").write_bytes(ROOT.pem + CA.pem)
    for responder in (None, DELEGATE):
        data = ocsp_response(LEAF, responder=responder, this_update=START, next_update=END)
        (tmp_path / "a.ors").write_bytes(data)
        run = subprocess.run(
            ["openssl", "ocsp", "-respin", "a.ors", "-issuer", "ca.pem", "-cert", "leaf.pem", "-CAfile", "all.pem"],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        assert "Response verify OK" in run.stdout + run.stderr
        assert "leaf.pem: good" in run.stdout
        assert accepted(data).delegated is (responder is not None)


def test_uses_the_validity_of_the_certificate_that_signed() -> None:
    """A responder that got a new key sends both certificates; what it signed with the old one ends with that."""
    old = issue("ocsp", issuer=CA, not_after=AT + timedelta(days=2))
    new = issue("ocsp", issuer=CA, subject=old.subject, key="p384", not_after=AT + timedelta(days=90))
    renewed = issue("ocsp", issuer=CA, subject=old.subject, not_after=AT + timedelta(days=60))
    for embed in ([old, new], [new, old]):
        assert OcspResponse.parse(ocsp_response(LEAF, responder=old, embed=embed)).signer_end == AT + timedelta(days=2)
    same_key = OcspResponse.parse(ocsp_response(LEAF, responder=old, embed=[old, new, renewed]))
    assert same_key.signer_end == AT + timedelta(days=60)
    forged = OcspResponse.parse(ocsp_response(LEAF, responder=old, embed=[old, new], signed_by=LEAF.key))
    assert forged.signer_end == AT + timedelta(days=2)
    assert OcspResponse.parse(ocsp_response(LEAF)).signer_end is None


@pytest.mark.parametrize("name", ["sha1", "sha256", "sha384", "sha512"])
def test_only_a_value_of_its_length_may_be_of_a_hash(name: str) -> None:
    """Another one is damaged, and may have been about any issuer."""
    value = hashlib.new(name, b"", usedforsecurity=False).digest()
    found = [digests.may_be_of(data, name) for data in (value, value[1:], value + b"x")]
    assert found == [True, False, False]
    assert not digests.may_be_of(b"", "md5")
