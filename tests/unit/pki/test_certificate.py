from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from airgap import limits
from airgap.errors import FormatError, LimitError, Rejected
from airgap.parse import der
from airgap.pki import algorithms
from airgap.pki import certificate as certificate_module
from airgap.pki.algorithms import PublicKey
from airgap.pki.certificate import Certificate, verify_issued
from airgap.pki.certificate_files import load_certificates
from airgap.pki.extensions import DistributionPoint
from tests.support import asn1, extensions, names
from tests.support.crls import crl
from tests.support.extensions import BasicConstraints, ExtendedKeyUsage, Extension, KeyUsage, Point
from tests.support.keyring import key
from tests.support.pki import END, START, Issued, Pki, issue, public_info

ROOT = issue("root")
LEAF = issue("leaf", issuer=ROOT)


def parse(issued: Issued) -> Certificate:
    return Certificate.parse(issued.der)


def parts(data: bytes) -> tuple[list[bytes], list[bytes]]:
    """The members of the certificate and of its signed part."""
    outer = [item.raw for item in der.read(data).children()]
    return outer, [item.raw for item in der.read(outer[0]).children()]


def edited(change: Callable[[list[bytes]], None], outer_change: Callable[[list[bytes]], None] | None = None) -> bytes:
    """The leaf with members of its signed part changed; the signature is not made anew, as parsing comes first.

    0 version, 1 serial, 2 algorithm, 3 issuer, 4 validity, 5 subject, 6 key, 7 extensions.
    """
    outer, inner = parts(LEAF.der)
    change(inner)
    outer[0] = asn1.sequence(*inner)
    if outer_change:
        outer_change(outer)
    return asn1.sequence(*outer)


def replaced(index: int, value: bytes) -> bytes:
    def change(inner: list[bytes]) -> None:
        inner[index] = value

    return edited(change)


def with_extensions(*items: Extension | bytes) -> bytes:
    rows = (item if isinstance(item, bytes) else item.der() for item in items)
    return replaced(7, asn1.explicit(3, asn1.sequence(*rows)))


def refused(data: bytes, match: str) -> None:
    with pytest.raises(FormatError, match=match):
        Certificate.parse(data)


# Facts


def test_facts_are_those_that_cryptography_reads() -> None:
    """A second reader of the same bytes."""
    for issued in (ROOT, LEAF, *Pki().tsa_chain("rsa2048", 3).chain):
        ours, theirs = parse(issued), issued.x509
        assert ours.der == theirs.public_bytes(serialization.Encoding.DER)
        assert ours.fingerprint == hashlib.sha256(issued.der).hexdigest()
        assert ours.serial == theirs.serial_number
        assert ours.subject == theirs.subject.public_bytes()
        assert ours.issuer == theirs.issuer.public_bytes()
        assert ours.subject_text == theirs.subject.rfc4514_string()
        assert (ours.not_before, ours.not_after) == (theirs.not_valid_before_utc, theirs.not_valid_after_utc)
        assert ours.public_key == theirs.public_key()
        assert ours.signature == theirs.signature
        assert ours.tbs == theirs.tbs_certificate_bytes
        assert ours.version == 3
        identifier = x509.SubjectKeyIdentifier.from_public_key(theirs.public_key()).digest
        assert hashlib.sha1(ours.public_key_bits, usedforsecurity=False).digest() == identifier
        assert set(ours.extensions) == {item.oid.dotted_string for item in theirs.extensions}
        critical = {item.oid.dotted_string for item in theirs.extensions if item.critical}
        assert ours.critical_extensions == critical


def test_usages_and_constraints_are_read() -> None:
    issued = issue(
        "leaf",
        issuer=ROOT,
        basic_constraints=BasicConstraints(path_length=0, critical=False),
        key_usage=KeyUsage(("digitalSignature", "contentCommitment", "decipherOnly"), critical=False),
        extended_key_usage=ExtendedKeyUsage((extensions.CODE_SIGNING, extensions.ANY_USAGE), critical=True),
    )
    certificate = parse(issued)
    assert certificate.basic_constraints is not None
    assert certificate.key_usage is not None
    assert certificate.extended_key_usage is not None
    assert (certificate.basic_constraints.ca, certificate.basic_constraints.path_length) == (True, 0)
    assert not certificate.basic_constraints.critical
    assert certificate.is_ca
    assert certificate.key_usage.bits == {"digitalSignature", "contentCommitment", "decipherOnly"}
    assert not certificate.key_usage.critical
    assert certificate.extended_key_usage.oids == (extensions.CODE_SIGNING, extensions.ANY_USAGE)
    assert certificate.extended_key_usage.critical


@pytest.mark.parametrize("bit", extensions.KEY_USAGE_BITS)
def test_every_key_usage_bit_has_its_name(bit: str) -> None:
    usage = parse(issue("leaf", key_usage=KeyUsage((bit,)))).key_usage
    assert usage is not None
    assert usage.bits == {bit}


def test_absent_extensions_are_none() -> None:
    certificate = parse(issue("leaf", basic_constraints=None, key_usage=None, extended_key_usage=None))
    assert certificate.basic_constraints is None
    assert certificate.key_usage is None
    assert certificate.extended_key_usage is None
    assert certificate.ocsp_urls == ()
    assert certificate.distribution_points == ()
    assert certificate.freshest_crl == ()
    assert not certificate.is_ca


def test_ocsp_responders_are_read_and_other_access_methods_left_out() -> None:
    rows = (
        asn1.sequence(asn1.oid("1.3.6.1.5.5.7.48.2"), extensions.uri("http://ca.test/ca.crt")),
        asn1.sequence(asn1.oid("1.3.6.1.5.5.7.48.1"), extensions.uri("http://ocsp.test/a")),
        asn1.sequence(asn1.oid("1.3.6.1.5.5.7.48.1"), extensions.uri("http://ocsp.test/b")),
    )
    access = Extension(extensions.AUTHORITY_INFORMATION, asn1.sequence(*rows))
    assert parse(issue("leaf", extra=[access])).ocsp_urls == ("http://ocsp.test/a", "http://ocsp.test/b")


def test_distribution_points_keep_their_structure() -> None:
    """D32: every point must be answered, so points are not flattened into URLs."""
    directory = extensions.directory_name(names.harbour("CRL issuer"))
    issued = issue(
        "leaf",
        points=[
            Point(("http://a.test/1.crl", "ldap://a.test/1")),
            Point(("http://b.test/2.crl",), names=(directory,), reasons=("keyCompromise", "aACompromise")),
            Point(crl_issuer=names.harbour("CRL issuer")),
        ],
        freshest=[Point(("http://a.test/delta.crl",))],
    )
    certificate = parse(issued)
    first, second, third = certificate.distribution_points
    assert first.uris == ("http://a.test/1.crl", "ldap://a.test/1")
    assert first.names == (extensions.uri("http://a.test/1.crl"), extensions.uri("ldap://a.test/1"))
    assert (first.reasons, first.crl_issuer, first.relative) == (None, False, None)
    assert second.names == (extensions.uri("http://b.test/2.crl"), directory)
    assert second.reasons == frozenset({"keyCompromise", "aACompromise"})
    assert third == DistributionPoint(crl_issuer=True, crl_issuers=(names.harbour("CRL issuer"),))
    (freshest,) = certificate.freshest_crl
    assert freshest.uris == ("http://a.test/delta.crl",)


def test_a_point_named_relative_to_its_issuer_is_noted() -> None:
    relative = asn1.explicit(1, names.Attribute("CN", "CRL1").der())
    point = asn1.sequence(asn1.explicit(0, relative))
    data = with_extensions(Extension(extensions.DISTRIBUTION_POINTS, asn1.sequence(point)))
    (found,) = Certificate.parse(data).distribution_points
    assert found.relative == relative
    assert found.names == ()


def test_the_subject_is_written_most_specific_first_with_escapes() -> None:
    subject = names.name(
        ("C", "DE"),
        [names.Attribute("O", "Works, Inc"), names.Attribute("1.2.3.4", "#x")],
        ("CN", "a=b+c"),
    )
    text = parse(issue("leaf", issuer=ROOT, subject=subject)).subject_text
    assert text.startswith("CN=a\\=b\\+c,")
    assert "O=Works\\, Inc" in text
    assert "1.2.3.4=\\#x" in text
    assert text.endswith(",C=DE")


@pytest.mark.parametrize(
    ("tag", "value", "text"),
    [
        (asn1.UTF8, "Zoë".encode(), "Zoë"),
        (asn1.PRINTABLE, b"A&B *", "A&B *"),
        (asn1.IA5, b"a@b.test", "a@b.test"),
        (asn1.BMP, "Zoë".encode("utf-16-be"), "Zoë"),
        (asn1.T61, b"Zo\xeb", "Zoë"),
        (0x12, b"12 3", "12 3"),
    ],
    ids=["UTF8", "Printable", "IA5", "BMP", "T61", "Numeric"],
)
def test_every_usual_string_type_is_read(tag: int, value: bytes, text: str) -> None:
    subject = names.name(names.Attribute("O", value, tag))
    ((attribute,),) = parse(issue("leaf", issuer=ROOT, subject=subject)).subject_rdns
    assert attribute.text == text


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (asn1.UTF8, b"\xff"),
        (asn1.PRINTABLE, b"a@b"),
        (asn1.IA5, b"\xe9"),
        (asn1.BMP, b"abc"),
        (0x12, b"12a"),
        (0x1C, b"\0\0\0a"),
        (asn1.SEQUENCE, b""),
    ],
    ids=["UTF8", "Printable", "IA5", "BMP", "Numeric", "Universal", "SEQUENCE"],
)
def test_a_name_with_a_broken_string_is_refused(tag: int, value: bytes) -> None:
    refused(issue("leaf", issuer=ROOT, subject=names.name(names.Attribute("O", value, tag))).der, "no valid string")


@pytest.mark.parametrize("subject", [asn1.sequence(asn1.set_of()), asn1.null(), asn1.sequence(asn1.sequence())])
def test_a_malformed_name_is_refused(subject: bytes) -> None:
    refused(issue("leaf", issuer=ROOT, subject=subject).der, "subject: ")


@pytest.mark.parametrize(
    ("kind", "name", "key_spec"),
    [("rsa2048", "RSA-2048", "RSA-2048"), ("p384", "EC-384", "EC-384"), ("rsa2047", "RSA-2047", None)],
)
def test_the_key_is_named_and_its_algorithm_found(kind: str, name: str, key_spec: str | None) -> None:
    certificate = parse(issue("leaf", key=kind))
    assert certificate.key_name == name
    assert (certificate.algorithm and certificate.algorithm.key_spec) == key_spec


def test_a_key_that_is_limited_to_pss_is_not_the_key_of_table_alg() -> None:
    """ALG-1: id-RSASSA-PSS in the key is another kind of key, though cryptography shows it as an RSA key."""
    bits = der.read(public_info(key("rsa2048"))).children()[1].raw
    info = asn1.sequence(asn1.sequence(asn1.oid("1.2.840.113549.1.1.10")), bits)
    certificate = Certificate.parse(replaced(6, info))
    assert certificate.pss_only
    assert certificate.algorithm is None
    assert certificate.key_name == "RSA-2048 (PSS only)"


def test_certificates_are_equal_by_their_bytes() -> None:
    twin = Certificate.parse(bytes(bytearray(LEAF.der)))
    other = parse(issue("leaf", issuer=ROOT))
    assert twin == parse(LEAF)
    assert hash(twin) == hash(parse(LEAF))
    assert other != twin
    assert len({twin, parse(LEAF), other}) == 2


def test_a_certificate_is_parsed_once() -> None:
    assert Certificate.parse(bytes(bytearray(LEAF.der))) is Certificate.parse(LEAF.der)


# CHAIN-20: the form


def test_version_1_is_accepted_without_extensions() -> None:
    """CHAIN-20."""
    assert parse(issue("leaf", version=1)).version == 1


def test_version_2_is_accepted_with_unique_identifiers() -> None:
    """CHAIN-20."""

    def change(inner: list[bytes]) -> None:
        inner[0] = asn1.explicit(0, asn1.integer(1))
        inner[7] = asn1.implicit(1, b"\0abc") + asn1.implicit(2, b"\0abc")

    assert Certificate.parse(edited(change)).version == 2


@pytest.mark.parametrize("number", [3, 4, -1, 0])
def test_other_versions_are_refused(number: int) -> None:
    """CHAIN-20; version 1 is the default and DER never writes a default."""
    refused(replaced(0, asn1.explicit(0, asn1.integer(number))), "version")


@pytest.mark.parametrize("version", [b"", asn1.explicit(0, asn1.integer(1))], ids=["version 1", "version 2"])
def test_extensions_need_version_3(version: bytes) -> None:
    """CHAIN-20."""
    refused(replaced(0, version), "unexpected context tag \\[3\\]")


def test_trailing_data_is_refused() -> None:
    """CHAIN-20."""
    refused(LEAF.der + b"\0", "1 bytes of trailing data")


def test_trailing_members_are_refused() -> None:
    """CHAIN-20."""
    refused(edited(lambda inner: inner.append(asn1.null())), "unexpected NULL")
    refused(edited(lambda _: None, lambda outer: outer.append(asn1.null())), "unexpected NULL")


def test_a_negative_serial_is_refused() -> None:
    """CHAIN-20."""
    refused(issue("leaf", serial=-5).der, "serialNumber: is negative")


def test_a_serial_of_zero_is_accepted() -> None:
    """Old roots have it, and the reference takes it."""
    assert parse(issue("leaf", serial=0)).serial == 0


def test_inner_and_outer_algorithm_must_be_equal() -> None:
    """CHAIN-20."""
    refused(issue("leaf", outer_hash_name="sha384").der, "differs from the algorithm outside")


def test_a_duplicate_extension_is_refused() -> None:
    """CHAIN-20."""
    extra = KeyUsage(("digitalSignature",)).extension()
    refused(issue("leaf", extra=[extra]).der, r"extensions\[2\.5\.29\.15\]: appears twice")


@pytest.mark.parametrize(
    ("oid", "value"),
    [
        (extensions.BASIC_CONSTRAINTS, asn1.null()),
        (extensions.BASIC_CONSTRAINTS, asn1.sequence(asn1.boolean(True), asn1.integer(-1))),
        (extensions.BASIC_CONSTRAINTS, asn1.sequence() + b"\0"),
        (extensions.BASIC_CONSTRAINTS, asn1.sequence(asn1.tlv(asn1.BOOLEAN, b"\1"))),
        (extensions.KEY_USAGE, asn1.sequence()),
        (extensions.KEY_USAGE, asn1.tlv(asn1.BIT_STRING)),
        (extensions.KEY_USAGE, asn1.tlv(asn1.BIT_STRING, b"\7\x81")),
        (extensions.EXTENDED_KEY_USAGE, asn1.sequence()),
        (extensions.EXTENDED_KEY_USAGE, asn1.sequence(asn1.null())),
        (extensions.SUBJECT_KEY_IDENTIFIER, asn1.sequence()),
        (extensions.AUTHORITY_KEY_IDENTIFIER, asn1.octet_string(b"abc")),
        (extensions.AUTHORITY_KEY_IDENTIFIER, asn1.sequence(asn1.null())),
        ("2.5.29.17", asn1.sequence(asn1.null())),
        ("2.5.29.17", asn1.sequence(asn1.implicit(7, b"abc"))),
        ("2.5.29.17", asn1.sequence(extensions.uri("http://acme..example/"))),
        ("2.5.29.18", asn1.sequence(asn1.implicit(2, b"\xff"))),
        (extensions.NAME_CONSTRAINTS, asn1.sequence()),
        (extensions.NAME_CONSTRAINTS, asn1.sequence(asn1.explicit(0, asn1.sequence(asn1.implicit(7, b"1234"))))),
        (
            extensions.NAME_CONSTRAINTS,
            asn1.sequence(asn1.explicit(0, asn1.sequence(asn1.sequence(extensions.uri("a..b"))))),
        ),
        (extensions.POLICIES, asn1.sequence(asn1.sequence())),
        ("2.5.29.33", asn1.sequence(asn1.sequence(asn1.oid("1.2.3")))),
        ("2.5.29.36", asn1.sequence(asn1.implicit(0, b"\xff"))),
        ("2.5.29.54", asn1.sequence()),
        ("2.5.29.54", asn1.integer(-1)),
        (extensions.DISTRIBUTION_POINTS, asn1.sequence(asn1.sequence())),
        (extensions.DISTRIBUTION_POINTS, asn1.sequence(asn1.sequence(asn1.explicit(0, asn1.explicit(0))))),
        (
            extensions.DISTRIBUTION_POINTS,
            asn1.sequence(asn1.sequence(asn1.explicit(0, asn1.explicit(0, asn1.implicit(2, b"\xff"))))),
        ),
        (extensions.FRESHEST_CRL, asn1.null()),
        (extensions.AUTHORITY_INFORMATION, asn1.sequence(asn1.sequence())),
    ],
)
def test_a_malformed_known_extension_is_refused(oid: str, value: bytes) -> None:
    """CHAIN-20, CHAIN-16: ignored extensions must still be well formed."""
    refused(with_extensions(Extension(oid, value)), ".")


def test_an_unknown_extension_may_hold_anything() -> None:
    """CHAIN-16."""
    certificate = Certificate.parse(with_extensions(Extension("1.2.3.4", b"no DER", critical=True)))
    assert certificate.critical_extensions == {"1.2.3.4"}
    assert certificate.extensions["1.2.3.4"].value == b"no DER"


@pytest.mark.parametrize(
    "extension",
    [
        Extension(extensions.SUBJECT_KEY_IDENTIFIER, asn1.octet_string(b"abc"), critical=True),
        Extension(extensions.AUTHORITY_KEY_IDENTIFIER, asn1.sequence(), critical=True),
        extensions.ocsp_access(["http://ocsp.test"])._replace(critical=True),
    ],
)
def test_extensions_that_are_never_critical_are_refused_when_they_are(extension: Extension) -> None:
    """CHAIN-16."""
    refused(with_extensions(extension), "must never be")
    Certificate.parse(with_extensions(extension._replace(critical=False)))


def test_an_encoded_false_is_read_as_false() -> None:
    """Not DER, but issuers write it, and the reference reads it so."""
    constraints = Extension(extensions.BASIC_CONSTRAINTS, asn1.sequence(asn1.boolean(False)))
    usage = asn1.sequence(
        asn1.oid(extensions.EXTENDED_KEY_USAGE),
        asn1.boolean(False),
        asn1.octet_string(asn1.sequence(asn1.oid(extensions.CODE_SIGNING))),
    )
    certificate = Certificate.parse(with_extensions(constraints, usage))
    assert certificate.basic_constraints is not None
    assert not certificate.basic_constraints.ca
    assert certificate.critical_extensions == frozenset()


def test_times_are_utc_and_reach_beyond_2050() -> None:
    late = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    certificate = parse(issue("leaf", not_before=datetime(1950, 1, 1, tzinfo=UTC), not_after=late))
    assert certificate.not_before == datetime(1950, 1, 1, tzinfo=UTC)
    assert certificate.not_after == late


@pytest.mark.parametrize(
    "moment",
    [b"2001010000Z", b"200101000000+0100", b"200101000000", b"201301000000Z", b"2001010000\xb20Z"],
    ids=["no seconds", "offset", "no zone", "month 13", "no digit"],
)
def test_other_times_are_refused(moment: bytes) -> None:
    """RFC 5280, 4.1.2.5.1."""
    refused(replaced(4, asn1.sequence(asn1.tlv(asn1.UTC_TIME, moment), asn1.time(END))), "validity.notBefore")


def test_a_malformed_key_is_refused() -> None:
    point = asn1.bit_string(b"\x04" + b"\1" * 64)
    curve = asn1.sequence(asn1.oid("1.2.840.10045.2.1"), asn1.oid("1.2.840.10045.3.1.7"))
    refused(replaced(6, asn1.sequence(curve, point)), "holds no valid key")


def test_an_oversized_certificate_is_refused() -> None:
    with pytest.raises(LimitError, match="more than 65536"):
        Certificate.parse(b"\0" * (limits.CERTIFICATE_BYTES + 1))


@pytest.mark.parametrize("length", range(0, len(LEAF.der), 7))
def test_a_cut_certificate_is_refused(length: int) -> None:
    refused(LEAF.der[:length], ".")


# Issuing


@pytest.mark.parametrize("kind", ["rsa2048", "p256", "p384"])
@pytest.mark.parametrize("hash_name", ["sha256", "sha384", "sha512"])
def test_the_issuers_signature_verifies(kind: str, hash_name: str) -> None:
    """CHAIN-2."""
    root = issue("root", key=kind)
    verify_issued(parse(issue("leaf", issuer=root, hash_name=hash_name)), parse(root))


@pytest.mark.parametrize("hash_name", ["sha256", "sha384", "sha512"])
def test_the_issuers_pss_signature_verifies(hash_name: str) -> None:
    root = issue("root", key="rsa2048")
    leaf = issue("leaf", issuer=root, hash_name=hash_name, pss=True)
    verify_issued(parse(leaf), parse(root))


def test_a_signature_by_another_key_is_refused_with_both_subjects() -> None:
    """CHAIN-2."""
    leaf = issue("leaf", issuer=ROOT, signed_by=key("p256", 3))
    with pytest.raises(Rejected, match=r'"CN=builder.*not issued by "CN=Test root.*does not verify') as caught:
        verify_issued(parse(leaf), parse(ROOT))
    assert caught.value.reason == "chain.order"
    assert caught.value.facts == {"certificate": parse(leaf).subject_text, "issuer": parse(ROOT).subject_text}


def test_another_issuer_name_is_refused_although_the_signature_verifies() -> None:
    """CHAIN-2."""
    leaf = issue("leaf", issuer=ROOT, issuer_name=names.harbour("Another"))
    with pytest.raises(Rejected, match=r'issued by "CN=Another.*but the next certificate is "CN=Test root') as caught:
        verify_issued(parse(leaf), parse(ROOT))
    assert caught.value.reason == "chain.order"


def test_the_same_issuer_text_in_other_bytes_is_refused() -> None:
    """CHAIN-2, NEG-54: raw names are compared."""
    root = issue("root", subject=names.name(names.Attribute("CN", "Root", asn1.PRINTABLE)))
    leaf = issue("leaf", issuer=root, issuer_name=names.name(("CN", "Root")))
    with pytest.raises(Rejected, match="the same text in other bytes"):
        verify_issued(parse(leaf), parse(root))


def test_hostile_names_are_escaped_in_messages() -> None:
    leaf = issue("leaf", issuer=ROOT, subject=names.name(("CN", "a\x1b[2J\u202eb")), signed_by=key("p256", 3))
    with pytest.raises(Rejected) as caught:
        verify_issued(parse(leaf), parse(ROOT))
    assert "a\\x1b[2J\\u202eb" in str(caught.value)


def test_self_signed_is_more_than_self_issued() -> None:
    rollover = issue("intermediate", issuer=ROOT, subject=ROOT.subject)
    assert parse(ROOT).self_issued
    assert parse(ROOT).self_signed
    assert parse(rollover).self_issued
    assert not parse(rollover).self_signed
    assert not parse(LEAF).self_issued
    assert not parse(LEAF).self_signed


def test_a_self_signature_with_sha1_does_not_count() -> None:
    """D16."""
    certificate = parse(issue("root", key="rsa2048", hash_name="sha1"))
    assert not certificate.self_signed


def test_a_verified_pair_is_not_verified_again(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[bytes] = []
    real = algorithms.verify_identified

    def counted(identifier: bytes, public_key: PublicKey, signature: bytes, message: bytes) -> None:
        calls.append(signature)
        real(identifier, public_key, signature, message)

    monkeypatch.setattr(algorithms, "verify_identified", counted)
    monkeypatch.setattr(certificate_module, "_PAIRS", 1)
    monkeypatch.setattr(certificate_module, "_problems", {})
    root = issue("root")
    good, bad = parse(issue("leaf", issuer=root)), parse(issue("leaf", issuer=root, signed_by=key("p256", 3)))
    for _ in range(3):
        verify_issued(good, parse(root))
    assert len(calls) == 1
    for _ in range(3):
        with pytest.raises(Rejected):
            verify_issued(bad, parse(root))
    assert len(calls) == 2
    verify_issued(good, parse(root))
    assert len(calls) == 3, "the memory of pairs is bounded"


# STORE-6: files of a trust store


def test_pem_blocks_of_any_label_are_certificates() -> None:
    """STORE-6: text before, between and behind is ignored."""
    data = b"note\n" + ROOT.pem + b"between\n" + LEAF.pem.replace(b"CERTIFICATE", b"FOO") + b"behind"
    assert load_certificates(data) == (parse(ROOT), parse(LEAF))


@pytest.mark.parametrize("change", [(b"\n", b"\r\n"), (b"-----\n", b"-----  \n"), (b"", b"")], ids=repr)
def test_line_ends_of_every_editor_are_read(change: tuple[bytes, bytes]) -> None:
    data = ROOT.pem.replace(*change) if change[0] else b"\xef\xbb\xbf" + ROOT.pem
    assert load_certificates(data) == (parse(ROOT),)


def test_pem_headers_are_skipped() -> None:
    data = ROOT.pem.replace(b"-----BEGIN CERTIFICATE-----\n", b"-----BEGIN CERTIFICATE-----\nProc-Type: 4\n\n")
    assert load_certificates(data) == (parse(ROOT),)


def test_reads_several_der_certificates() -> None:
    """STORE-6."""
    assert load_certificates(LEAF.der + ROOT.der) == (parse(LEAF), parse(ROOT))


def test_refuses_a_pem_block_of_something_else() -> None:
    """STORE-6: a key or a CRL beside the certificate fails the file."""
    pem = key("p256").private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(FormatError, match="PEM block 2: is no certificate but a private key, labelled PRIVATE KEY"):
        load_certificates(ROOT.pem + pem)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "is empty"),
        (b"just text", "neither PEM nor DER"),
        (ROOT.der + b"\n", "DER"),
        (ROOT.pem.replace(b"-----END CERTIFICATE-----\n", b""), "PEM block 1: has no end"),
        (ROOT.pem.replace(b"END CERTIFICATE", b"END FOO"), "PEM block 1: ends with .-----END FOO"),
        (ROOT.pem.replace(b"\nMII", b"\n*MII"), "PEM block 1: is not standard base64"),
        (b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "DER"),
        (ROOT.der + crl(ROOT), "^is no certificate but a CRL"),
    ],
)
def test_files_without_certificates_are_refused(data: bytes, match: str) -> None:
    """STORE-6."""
    with pytest.raises(FormatError, match=match):
        load_certificates(data)


def test_too_many_certificates_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STORE_CERTIFICATES", 2)
    assert len(load_certificates(ROOT.der * 2)) == 2
    with pytest.raises(LimitError, match="3 certificates, more than 2"):
        load_certificates(ROOT.der * 3)


def test_the_forged_default_certificate_is_valid() -> None:
    assert (parse(LEAF).not_before, parse(LEAF).not_after) == (START, END)
