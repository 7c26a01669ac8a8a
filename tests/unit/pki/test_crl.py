"""CRLs: who signed, what they cover, who is listed (requirements/revocation.md; D33, D34, D50)."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from airgap import limits
from airgap.errors import FormatError, LimitError, Undecided
from airgap.parse import der
from airgap.pki import crl_pem, native
from airgap.pki.certificate import Certificate
from airgap.pki.crl import Crl
from airgap.pki.crl_entries import RevokedEntry
from airgap.pki.crl_facts import read_facts
from airgap.pki.extensions import DistributionPoint
from tests.support import asn1, extensions, names
from tests.support.crls import NEXT_UPDATE, REVOKED_AT, THIS_UPDATE, crl, entry, many, pem, scope
from tests.support.extensions import UNKNOWN_CRITICAL, BasicConstraints, Extension, KeyUsage, Point
from tests.support.pki import AT, Issued, Pki, algorithm_identifier, issue, sign_der

URL = "http://crl.harbour.example/ca.crl"
OTHER_URL = "http://crl.harbour.example/other.crl"

LEAF = Pki().code_chain(leaf={"crl_urls": [URL, OTHER_URL], "serial": 0x1234_5678_9ABC})
CA = LEAF.chain[1]
ROOT = LEAF.root
NON_CRITICAL = Extension("1.3.6.1.4.1.55555.9", asn1.null())


def certificate(issued: Issued) -> Certificate:
    return Certificate.parse(issued.der)


def judged(data: bytes, of: Issued = LEAF) -> tuple[RevokedEntry, ...]:
    """All that a caller does with a CRL for one certificate."""
    parsed = Crl.parse(data)
    parsed.verify_signed_by(certificate(of.chain[1]))
    parsed.check_covers(certificate(of), None)
    return parsed.entries(certificate(of))


def undecided(data: bytes, of: Issued = LEAF) -> Undecided:
    with pytest.raises(Undecided) as caught:
        judged(data, of)
    return caught.value


def test_finds_listed_and_unlisted_certificates() -> None:
    assert judged(crl(CA, revoked=[7])) == ()
    (found,) = judged(crl(CA, revoked=[7, LEAF]))
    assert (found.reason, found.revocation_date, found.invalidity_date) == (None, REVOKED_AT, None)


def test_reads_the_facts_of_a_crl() -> None:
    data = crl(CA, number=9, freshest=[URL])
    parsed = Crl.parse(data)
    assert (parsed.this_update, parsed.next_update, parsed.number) == (THIS_UPDATE, NEXT_UPDATE, 9)
    assert (parsed.issuer, parsed.issuer_text) == (CA.subject, "CN=Intermediate 1,O=Harbour Works,ST=WA,C=US")
    assert (parsed.base_number, parsed.scope, [point.uris for point in parsed.freshest]) == (None, None, [(URL,)])
    assert parsed == Crl.parse(pem(data))
    assert hash(parsed) == hash(Crl.parse(data))
    assert parsed != Crl.parse(crl(CA))


def test_next_update_may_be_absent() -> None:
    """CRL-5."""
    assert Crl.parse(crl(CA, next_update=None)).next_update is None


def test_header_is_read_without_the_entries() -> None:
    broken_list = crl(CA, entries=b"\x30\x03\x02\x01", number=3, delta_base=1)
    header = read_facts(broken_list)
    assert (header.issuer, header.this_update, header.next_update) == (CA.subject, THIS_UPDATE, NEXT_UPDATE)
    assert (header.number, header.is_delta, header.size) == (3, True, len(broken_list))
    assert read_facts(pem(broken_list)) == header


# Form (CRL-3)


def test_only_version_2_clears_and_version_1_may_condemn() -> None:
    """CRL-3; decision 0009."""
    algorithm = algorithm_identifier(CA.key)
    listed = asn1.sequence(entry(LEAF.serial))
    parsed = Crl.parse(sign_der(asn1.sequence(algorithm, CA.subject, asn1.time(AT), listed), CA.key))
    parsed.verify_made_by(certificate(CA))
    assert parsed.version == 1
    assert len(parsed.entries(certificate(LEAF))) == 1
    with pytest.raises(Undecided, match="version 1") as caught:
        parsed.verify_signed_by(certificate(CA))
    assert caught.value.reason == "revocation.crl.malformed"


@pytest.mark.parametrize("version", [0, 1, 3])
def test_other_versions_are_malformed(version: int) -> None:
    """CRL-3; RFC 5280, 5.1.2.1: version 1 is the absence of a version, and has no extensions."""
    with pytest.raises(FormatError, match=r"crl.version: is neither 1 nor 2"):
        Crl.parse(crl(CA, version=version))


def test_version_1_has_no_extensions() -> None:
    extensions_of_it = asn1.explicit(0, asn1.sequence(NON_CRITICAL.der()))
    body = asn1.sequence(algorithm_identifier(CA.key), CA.subject, asn1.time(AT), extensions_of_it)
    with pytest.raises(FormatError, match="version 1 does not know"):
        Crl.parse(sign_der(body, CA.key))


def test_inner_and_outer_algorithm_are_equal() -> None:
    """CRL-3."""
    with pytest.raises(FormatError, match="differs from the algorithm outside"):
        Crl.parse(crl(CA, outer_hash_name="sha384"))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (crl(CA) + b"\x00", "1 bytes of trailing data"),
        (crl(CA)[:-1], "ends inside an element"),
        (b"", "neither DER nor a PEM block"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "neither DER nor a PEM block"),
        (pem(crl(CA)) * 2, "more than one CRL"),
        (pem(crl(CA)).replace(b"M", b"=", 1), "not standard base64"),
    ],
)
def test_malformed_is_a_format_error(data: bytes, says: str) -> None:
    """CRL-3."""
    with pytest.raises(FormatError, match=says):
        Crl.parse(data)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (crl(CA, number=-1), "negative"),
        (crl(CA, extra=[Extension("2.5.29.20", asn1.integer(2))]), "appears twice"),
        (crl(CA, scope=Extension("2.5.29.28", b"\x30\x03\x81\x01\x01")), "neither 00 nor FF"),
        (crl(CA, extra=[Extension("2.5.29.46", asn1.null())]), "has a freshestCRL that cannot be read"),
        (crl(CA, extra=[Extension("2.5.29.27", asn1.null())]), "has a delta CRL indicator that cannot be read"),
    ],
)
def test_unreadable_parts_beside_the_list_only_prevent_clearing(data: bytes, says: str) -> None:
    """Decision 0009: the list was not used, though it needs none of these extensions."""
    parsed = Crl.parse(data)
    assert says in parsed.flaw
    for refuse in (parsed.check_understood, parsed.check_clears):
        with pytest.raises(Undecided, match=says) as caught:
            refuse()
        assert caught.value.reason == "revocation.crl.malformed"
    older = Crl.parse(crl(CA, this_update=AT - timedelta(days=99), number=0))
    assert not parsed.facts.may_replace(older.facts)


def test_accepts_a_crl_without_extensions() -> None:
    """CRL-3, CRL-13."""
    algorithm = algorithm_identifier(CA.key)
    body = asn1.sequence(asn1.integer(1), algorithm, CA.subject, asn1.time(AT))
    parsed = Crl.parse(sign_der(body, CA.key))
    parsed.verify_signed_by(certificate(CA))
    assert (parsed.number, parsed.next_update, parsed.entries_for(1, parsed.issuer)) == (None, None, ())
    with pytest.raises(Undecided) as caught:
        parsed.check_covers(certificate(ROOT), None)
    assert caught.value.facts["crl_number"] is None


def test_text_around_a_pem_block_is_ignored() -> None:
    assert Crl.parse(b"Certificate Revocation List (CRL):\n" + pem(crl(CA)).replace(b"\n", b"\r\n")).number == 1


def test_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """LIM-6."""
    data = crl(CA)
    monkeypatch.setattr(limits, "CRL_BYTES", len(data) - 1)
    with pytest.raises(LimitError, match="more than"):
        Crl.parse(data)
    monkeypatch.setattr(crl_pem, "_PEM_BYTES", 100)
    with pytest.raises(LimitError, match="more than 100"):
        Crl.parse(data)


# Who signed (CRL-4)


@pytest.mark.parametrize("kind", ["rsa2048", "rsa3072", "p256", "p384", "p521"])
@pytest.mark.parametrize("hash_name", ["sha256", "sha384", "sha512"])
def test_signatures_with_sha_2(kind: str, hash_name: str) -> None:
    """CRL-4."""
    root = issue("root", key=kind)
    leaf = issue("leaf", issuer=root)
    assert judged(crl(root, hash_name=hash_name), leaf) == ()
    if kind.startswith("rsa"):
        assert judged(crl(root, hash_name=hash_name, pss=True), leaf) == ()


def test_refuses_a_signature_of_another_key() -> None:
    """CRL-4, NEG-105."""
    error = undecided(crl(CA, signed_by=ROOT.key))
    assert error.reason == "revocation.crl.signature"
    assert "its signature does not verify as ECDSA with SHA-256" in str(error)


def test_refuses_sha_1() -> None:
    """CRL-4: the reference takes it; the specification wants SHA-2."""
    root = issue("root", key="rsa2048")
    error = undecided(crl(root, hash_name="sha1"), issue("leaf", issuer=root))
    assert error.reason == "revocation.crl.signature"
    assert "SHA-1 with RSA, which is not accepted" in str(error)


def test_refuses_another_issuer_name_with_the_same_key() -> None:
    """NEG-107: the reference does not compare names."""
    error = undecided(crl(CA, issuer_name=names.harbour("Another")))
    assert error.reason == "revocation.crl.issuer"
    assert "CN=Another" in str(error)
    parsed = Crl.parse(crl(CA, issuer_name=names.harbour("Another")))
    with pytest.raises(Undecided) as caught:
        parsed.check_covers(certificate(LEAF), None)
    assert caught.value.reason == "revocation.crl.issuer"
    with pytest.raises(Undecided) as caught:
        parsed.verify_signed_by(certificate(CA))
    assert caught.value.reason == "revocation.crl.issuer"


def test_refuses_an_issuer_without_crl_sign() -> None:
    """CRL-4, NEG-106."""
    root = issue("root", key_usage=KeyUsage(("keyCertSign",)))
    error = undecided(crl(root), issue("leaf", issuer=root))
    assert error.reason == "revocation.crl.issuer"
    assert "key usage does not allow it to sign CRLs" in str(error)


def test_accepts_an_issuer_without_key_usage() -> None:
    """CRL-4: the bit counts only where there is a key usage."""
    root = issue("root", key_usage=None)
    assert judged(crl(root), issue("leaf", issuer=root)) == ()


@pytest.mark.parametrize("constraints", [None, BasicConstraints(ca=False)])
def test_refuses_an_issuer_that_is_not_a_ca(constraints: BasicConstraints | None) -> None:
    """CRL-4."""
    root = issue("root", basic_constraints=constraints)
    error = undecided(crl(root), issue("leaf", issuer=root))
    assert error.reason == "revocation.crl.issuer"
    assert "which is no CA" in str(error)


def test_a_verified_signature_is_remembered_per_issuer() -> None:
    parsed = Crl.parse(crl(CA))
    parsed.verify_signed_by(certificate(CA))
    twin = issue("intermediate", issuer=ROOT, key=ROOT.key, subject=CA.subject)
    with pytest.raises(Undecided):
        parsed.verify_signed_by(certificate(twin))
    parsed.verify_signed_by(certificate(CA))


# Extensions (CRL-7)


@pytest.mark.parametrize("extension", [UNKNOWN_CRITICAL, Extension("2.5.29.20", asn1.integer(1), critical=True)])
def test_a_critical_unknown_extension_prevents_clearing(extension: Extension) -> None:
    """CRL-7, NEG-109: nothing may be concluded from absence."""
    parsed = Crl.parse(crl(CA, number=None, extra=[extension]))
    with pytest.raises(Undecided) as caught:
        parsed.check_covers(certificate(LEAF), None)
    assert caught.value.reason == "revocation.crl.extension"
    assert caught.value.facts["extension"] == extension.oid


@pytest.mark.parametrize(
    ("extension", "is_doubtful"),
    [(UNKNOWN_CRITICAL, True), (Extension("2.5.29.20", asn1.integer(1), critical=True), False)],
    ids=["unknown", "CRL number"],
)
def test_an_entry_counts_beside_a_critical_unknown_extension(extension: Extension, is_doubtful: bool) -> None:
    """Decision 0009: an entry is in doubt where an extension could change its meaning; a number cannot."""
    (found,) = Crl.parse(crl(CA, number=None, extra=[extension], revoked=[LEAF])).entries(certificate(LEAF))
    assert bool(found.doubt) is is_doubtful


def test_accepts_a_critical_freshest_crl() -> None:
    """CRL-7."""
    error = undecided(crl(CA, freshest=[URL], freshest_critical=True))
    assert error.reason == "revocation.crl.extension"


def test_other_extensions_are_ignored() -> None:
    """CRL-7."""
    assert judged(crl(CA, extra=[NON_CRITICAL])) == ()


# Scope (D34; CRL-8, NEG-108)

HERE = scope(uris=[URL])


@pytest.mark.parametrize(
    "covering",
    [
        HERE,
        scope(uris=[URL], critical=False),
        scope(uris=["http://elsewhere.example/", OTHER_URL]),
        scope(only_user=True),
        scope(),
        scope(uris=[URL], only_user=True),
    ],
)
def test_scope_that_covers(covering: Extension) -> None:
    """CRL-8, D34."""
    assert judged(crl(CA, scope=covering)) == ()


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (scope(only_ca=True), "only covers CA certificates"),
        (scope(only_ca=True, critical=False), "only covers CA certificates"),
        (scope(only_attribute=True), "attribute certificates"),
        (scope(indirect=True), "indirect CRL"),
        (scope(uris=["http://elsewhere.example/"]), r"another distribution point \(http://elsewhere.example/\)"),
        (
            scope(uris=["http://elsewhere.example/"]),
            "not http://crl.harbour.example/ca.crl, http://crl.harbour.example/other.crl",
        ),
        (scope(names=[extensions.directory_name(names.harbour("x"))]), "another distribution point"),
        (scope(relative_name=names.Attribute("CN", "x").der()), "another distribution point"),
    ],
)
def test_scope_that_does_not_cover(other: Extension, says: str) -> None:
    """CRL-8, D34, NEG-108: no answer, even where the certificate is listed."""
    for revoked in ([], [LEAF]):
        error = undecided(crl(CA, scope=other, revoked=revoked))
        assert error.reason == "revocation.crl.scope"
        with pytest.raises(Undecided, match=says):
            raise error


def test_a_point_in_another_spelling_is_the_same_point() -> None:
    """RFC 5280, 7.4: scheme and host do not depend on case; the scheme's own port is none."""
    for uri in (URL.upper().replace("/CA.CRL", "/ca.crl"), URL.replace(".example/", ".example:80/")):
        assert judged(crl(CA, scope=scope(uris=[uri]))) == ()
    assert undecided(crl(CA, scope=scope(uris=[URL.replace("ca.crl", "CA.crl")]))).reason == "revocation.crl.scope"


def test_scope_of_ca_certificates() -> None:
    """CRL-8, D34."""
    assert judged(crl(ROOT, scope=scope(only_ca=True)), CA) == ()
    assert undecided(crl(ROOT, scope=scope(only_user=True)), CA).reason == "revocation.crl.scope"


def test_scope_is_compared_with_the_point_that_is_asked() -> None:
    """D32, D34: each distribution point must be answered by its own CRL."""
    leaf = certificate(LEAF)
    here, other = leaf.distribution_points
    parsed = Crl.parse(crl(CA, scope=HERE))
    parsed.check_covers(leaf, here)
    with pytest.raises(Undecided, match="another distribution point"):
        parsed.check_covers(leaf, other)


def test_relative_names_match_by_their_bytes() -> None:
    relative = names.Attribute("CN", "part 1").der()
    parsed = Crl.parse(crl(CA, scope=scope(relative_name=relative)))
    point = DistributionPoint(relative=asn1.tlv(0xA1, relative))
    parsed.check_covers(certificate(LEAF), point)


def test_point_with_its_own_crl_issuer() -> None:
    """CRL-4, D34: indirect CRLs are not supported."""
    leaf = issue("leaf", issuer=CA, points=[Point((URL,), crl_issuer=names.harbour("CRL signer"))])
    parsed = Crl.parse(crl(CA))
    with pytest.raises(Undecided, match="names a CRL issuer") as caught:
        parsed.check_covers(certificate(leaf), certificate(leaf).distribution_points[0])
    assert caught.value.reason == "revocation.crl.scope"


# Entries (CRL-9 to CRL-12)


@pytest.mark.parametrize(
    "reason",
    ["unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded", "cessationOfOperation",
     "certificateHold", "removeFromCRL", "privilegeWithdrawn", "aACompromise"],
)  # fmt: skip
def test_reads_reasons(reason: str) -> None:
    """CRL-10, NEG-102."""
    (found,) = judged(crl(CA, revoked=[entry(LEAF.serial, reason=reason)]))
    assert found.reason == reason


def test_every_entry_for_a_serial_is_found_in_order() -> None:
    """CRL-10: cryptography and others return the first only."""
    later = REVOKED_AT + timedelta(days=1)
    items = [
        entry(LEAF.serial, reason="certificateHold"),
        entry(5),
        entry(LEAF.serial, reason="removeFromCRL", at=later),
        entry(LEAF.serial),
    ]
    found = judged(crl(CA, revoked=items))
    assert [(item.reason, item.revocation_date) for item in found] == [
        ("certificateHold", REVOKED_AT),
        ("removeFromCRL", later),
        (None, REVOKED_AT),
    ]


def test_reads_an_invalidity_date() -> None:
    """CRL-12."""
    (found,) = judged(crl(CA, revoked=[entry(LEAF.serial, reason="keyCompromise", invalidity=AT)]))
    assert found.invalidity_date == AT


def test_unknown_critical_entry_extension_on_the_match() -> None:
    """CRL-9, NEG-109."""
    (found,) = judged(crl(CA, revoked=[entry(LEAF.serial, extra=[UNKNOWN_CRITICAL])]))
    assert UNKNOWN_CRITICAL.oid in found.doubt


def test_unknown_entry_extensions_elsewhere_are_ignored() -> None:
    """CRL-9."""
    others = [entry(5, extra=[UNKNOWN_CRITICAL]), entry(LEAF.serial, extra=[NON_CRITICAL])]
    assert len(judged(crl(CA, revoked=others))) == 1


@pytest.mark.parametrize("at_match", [True, False])
def test_entries_of_another_issuer(at_match: bool) -> None:
    """CRL-4, CRL-9: certificateIssuer is inherited by later entries, so the serial may be another CA's.

    Only an indirect CRL may have it (RFC 5280, 5.3.3): in another one it is not known whose certificate it is.
    """
    foreign = names.harbour("Other CA")
    items = [entry(LEAF.serial if at_match else 5, certificate_issuer=foreign), entry(LEAF.serial)]
    error = undecided(crl(CA, revoked=items))
    assert error.reason == "revocation.crl.extension"
    assert "another issuer" in str(error)
    indirect = Crl.parse(crl(CA, revoked=items, scope=scope(indirect=True)))
    assert indirect.entries(certificate(LEAF)) == ()
    found = Crl.parse(crl(CA, revoked=items)).entries(certificate(LEAF))
    assert len(found) == (2 if at_match else 1)
    assert all("the CRL is not indirect" in item.doubt for item in found)


def test_a_serial_number_without_its_sign() -> None:
    """Broken CAs leave out the zero that makes a number positive; with a shorter one it is another number."""
    leaf = issue("leaf", issuer=CA, serial=0xFF00000000000001)
    for number, doubt in ((b"\xff" + bytes(6) + b"\x01", True), (b"\xff" + bytes(7) + b"\x01", False)):
        item = asn1.sequence(asn1.tlv(asn1.INTEGER, number), asn1.time(REVOKED_AT))
        found = Crl.parse(crl(CA, revoked=[item])).entries(certificate(leaf))
        assert [bool(one.doubt) for one in found] == ([True] if doubt else [])


def test_the_last_certificate_issuer_says_whose_an_entry_is() -> None:
    """RFC 5280, 5.3.3; the name is compared as 7.1 says."""
    foreign, own = names.harbour("Other CA"), CA.subject
    items = [entry(5, certificate_issuer=foreign), entry(6, certificate_issuer=own), entry(LEAF.serial)]
    parsed = Crl.parse(crl(CA, revoked=items, scope=scope(indirect=True)))
    assert len(parsed.entries(certificate(LEAF))) == 1
    assert parsed.entries_for(5, CA.subject) == ()
    assert len(parsed.entries_for(5, foreign)) == 1


def test_entries_of_one_serial_number_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is beyond the bound may be about the certificate, also behind entries of others."""
    monkeypatch.setattr("airgap.limits.ENTRIES_OF_ONE_SERIAL", 2)
    own, foreign = entry(LEAF.serial), entry(LEAF.serial, certificate_issuer=names.harbour("Other CA"))
    for items, doubts in (([own, own], 0), ([own, own, own], 1), ([foreign] * 2, 0), ([foreign] * 3, 1)):
        found = Crl.parse(crl(CA, revoked=items, scope=scope(indirect=True))).entries(certificate(LEAF))
        assert sum("more than 2" in item.doubt for item in found) == doubts
        assert len(found) == (len(items) if items[0] == own else doubts)


def test_each_entry_belongs_to_the_issuer_before_it() -> None:
    """RFC 5280, 5.3.3, with many issuers: the last one at or before the entry counts."""
    issuers = [names.harbour(f"CA {number}") for number in range(5)]
    items = [item for name in issuers for item in (entry(5, certificate_issuer=name), entry(6))]
    parsed = Crl.parse(crl(CA, revoked=[entry(6), *items], scope=scope(indirect=True)))
    assert [len(parsed.entries_for(serial, name)) for name in (CA.subject, *issuers) for serial in (5, 6)] == [
        *(0, 1),
        *([1, 1] * 5),
    ]


def test_an_unreadable_certificate_issuer_may_be_any() -> None:
    universal = names.name(names.Attribute("CN", "CA".encode("utf-32-be"), 0x1C))
    for value in (asn1.null(), asn1.sequence(extensions.directory_name(universal))):
        broken = Extension("2.5.29.29", value, critical=True)
        for items in ([entry(LEAF.serial, extra=[broken])], [entry(5, extra=[broken]), entry(LEAF.serial)]):
            (found,) = Crl.parse(crl(CA, revoked=items)).entries(certificate(LEAF))
            assert "certificateIssuer" in found.doubt


def test_entries_of_another_issuer_do_not_affect_an_absence() -> None:
    """CRL-9: whatever issuer they belong to, the serial is not among them."""
    assert judged(crl(CA, revoked=[entry(5, certificate_issuer=names.harbour("Other CA"))])) == ()


@pytest.mark.parametrize("size", [60, 70, 80, 90, 100, 120, 250, 300])
def test_skips_entries_of_any_length(size: int) -> None:
    big = entry(5, extra=[Extension("1.3.6.1.4.1.55555.9", asn1.octet_string(bytes(size)))])
    assert len(judged(crl(CA, revoked=[big, big, LEAF, big]))) == 1


def test_ignores_bytes_that_look_like_a_certificate_issuer() -> None:
    decoy = Extension("1.3.6.1.4.1.55555.9", asn1.oid("2.5.29.29"))
    assert len(judged(crl(CA, revoked=[entry(5, extra=[decoy]), LEAF]))) == 1


def test_a_certificate_issuer_that_cannot_be_read_leaves_all_open() -> None:
    twice = Extension("2.5.29.29", b"")
    with pytest.raises(Undecided) as caught:
        Crl.parse(crl(CA, revoked=[entry(5, extra=[twice, twice])])).check_clears()
    assert caught.value.reason == "revocation.crl.malformed"


@pytest.mark.parametrize(
    "item",
    [
        entry(LEAF.serial, reason=1, extra=[Extension("2.5.29.21", asn1.tlv(0x0A, b"\x01"))]),
        asn1.sequence(asn1.integer(LEAF.serial), asn1.tlv(asn1.UTC_TIME, b"260230000000Z")),
    ],
)
def test_a_malformed_matching_entry_is_in_doubt(item: bytes) -> None:
    """CRL-3."""
    assert undecided(crl(CA, revoked=[item])).reason == "revocation.crl.malformed"


@pytest.mark.parametrize("number", [7, 11])
def test_a_reason_without_a_name_is_a_reason(number: int) -> None:
    """CRL-10: every reason but certificateHold and removeFromCRL revokes for good."""
    (found,) = judged(crl(CA, revoked=[entry(LEAF.serial, reason=number)]))
    assert (found.reason, found.doubt) == (f"reason {number}", "")


def test_an_entry_with_an_extension_that_cannot_be_read_is_in_doubt() -> None:
    (found,) = judged(crl(CA, revoked=[entry(LEAF.serial, extra=[Extension("2.5.29.24", asn1.null())])]))
    assert "cannot be read" in found.doubt


@pytest.mark.parametrize(
    "item",
    [
        asn1.sequence(asn1.tlv(asn1.INTEGER, b"\x00\x12\x34\x56\x78\x9a\xbc"), asn1.time(AT)),
        asn1.sequence(asn1.tlv(asn1.INTEGER, b""), asn1.time(AT)),
        asn1.sequence(asn1.octet_string(b"x"), asn1.time(AT)),
        asn1.sequence(asn1.integer(5)),
        asn1.sequence(asn1.integer(5), asn1.time(AT), asn1.null()),
        asn1.tlv(asn1.SET, asn1.integer(5), asn1.time(AT)),
        b"\x30\x81\x12" + entry(5)[2:],
        b"\x30\x80" + entry(5)[2:] + b"\x00\x00",
        entry(5)[:-1],
    ],
)
def test_a_malformed_entry_leaves_the_list_in_doubt(item: bytes) -> None:
    """A list that is not strict DER could hide a serial number from a search for its bytes (LEAF's, in the first)."""
    for entries in (item, entry(4) + item + entry(6)):
        assert undecided(crl(CA, entries=entries)).reason == "revocation.crl.malformed"


def test_ignores_serial_bytes_outside_of_entries() -> None:
    """The serial's bytes inside an extension, a date and across two entries."""
    serial = 0x0201
    needle = asn1.integer(serial)
    inside = entry(5, extra=[Extension("1.3.6.1.4.1.55555.9", needle + asn1.sequence(needle) + entry(serial))])
    across = asn1.sequence(asn1.integer(int.from_bytes(b"\x09" + needle)), asn1.time(AT))
    leaf = issue("leaf", issuer=CA, serial=serial)
    data = crl(CA, revoked=[inside, across, entry(serial << 8 | 5), inside])
    assert data.count(needle) >= 5
    assert judged(data, leaf) == ()
    assert len(judged(crl(CA, revoked=[inside, across, leaf, inside]), leaf)) == 1


def test_accepts_an_empty_and_an_absent_list() -> None:
    assert judged(crl(CA)) == ()
    assert judged(crl(CA, entries=b"")) == ()


def test_searches_long_lists() -> None:
    first = 1 << 126
    entries = many(50_000, first=first)
    parsed = Crl.parse(crl(CA, entries=entries))
    parsed.verify_signed_by(certificate(CA))
    for serial in (first, first + 25_000, first + 49_999):
        assert [item.reason for item in parsed.entries_for(serial, parsed.issuer)] == ["keyCompromise"]
    for serial in (first - 1, first + 50_000, 1, first >> 8):
        assert parsed.entries_for(serial, parsed.issuer) == ()


def test_finds_every_entry_of_a_long_list() -> None:
    """Entries of many lengths, long ones among them: the places that are remembered of a list are true."""
    long = Extension("1.3.6.1.4.1.55555.9", bytes(300))
    serials = [(number * 0x9E3779B97F4A7C15) % (1 << 8 * (1 + number % 19)) + 300 for number in range(400)]
    listed = [entry(serial, extra=[long] if serial % 7 == 0 else []) for serial in serials]
    parsed = Crl.parse(crl(CA, revoked=listed))
    for serial in (serials[-1], *serials):  # the last one first: the places are all made for it
        assert len(parsed.entries_for(serial, parsed.issuer)) == serials.count(serial)


SERIALS = st.integers(min_value=0, max_value=0x3FF) | st.integers(min_value=0, max_value=2**160 - 1)


@given(st.lists(SERIALS, max_size=12), SERIALS)
def test_lookup_agrees_with_a_walk_by_another_parser(serials: list[int], asked: int) -> None:
    data = crl(CA, revoked=serials)
    walked = [item.serial_number for item in x509.load_der_x509_crl(data)]
    parsed = Crl.parse(data)
    for serial in {asked, *serials}:
        assert len(parsed.entries_for(serial, parsed.issuer)) == walked.count(serial)


# Delta CRLs (CRL-13 to CRL-16)


def test_recognises_a_delta() -> None:
    """CRL-14, CRL-16, NEG-114: the verifier refuses it as a base."""
    parsed = Crl.parse(crl(CA, number=6, delta_base=5))
    assert (parsed.number, parsed.base_number) == (6, 5)
    assert read_facts(parsed.der).is_delta


def test_a_delta_needs_a_base_with_a_number() -> None:
    """CRL-13, D50, NEG-113: the reference crashes."""
    assert Crl.parse(crl(CA, number=None)).number is None


def _fits(delta: bytes, base: bytes) -> None:
    Crl.parse(delta).check_fits(Crl.parse(base))


def test_delta_of_the_same_scope_fits() -> None:
    """CRL-14; RFC 5280, 6.3.3 (c)."""
    _fits(crl(CA, number=2, delta_base=1), crl(CA))
    _fits(crl(CA, number=2, delta_base=1, scope=HERE), crl(CA, scope=HERE))


def test_accepts_a_delta_with_another_spelling_of_its_scope() -> None:
    """RFC 5280, 6.3.3 (c) and 7.1: "matching" is not "of the same bytes"."""
    point = names.Attribute("CN", "CRL1")
    full = asn1.sequence(*(item.raw for item in der.read(CA.subject).children()), asn1.set_of(point.der()))
    relative = scope(relative_name=point.der(), only_user=True)
    for written in (full, names.respelt(full)):
        delta = crl(CA, number=2, delta_base=1, scope=scope(names=[extensions.directory_name(written)], only_user=True))
        _fits(delta, crl(CA, scope=relative))
    for other in (
        scope(relative_name=point.der()),
        scope(names=[extensions.directory_name(CA.subject)], only_user=True),
    ):
        with pytest.raises(Undecided, match="another scope"):
            _fits(crl(CA, number=2, delta_base=1, scope=other), crl(CA, scope=relative))


@pytest.mark.parametrize(
    ("delta", "says"),
    [
        (crl(CA, number=2, delta_base=1, scope=scope(uris=[OTHER_URL])), "another scope"),
        (crl(CA, number=2, delta_base=1), "another scope"),
        (crl(ROOT, number=2, delta_base=1, scope=HERE), "another issuer"),
    ],
)
def test_refuses_a_delta_of_another_base(delta: bytes, says: str) -> None:
    """CRL-14; RFC 5280, 6.3.3 (c)."""
    with pytest.raises(Undecided, match=says) as caught:
        _fits(delta, crl(CA, scope=HERE))
    assert caught.value.reason == "revocation.crl.delta"


def test_refuses_a_delta_with_an_unknown_critical_extension() -> None:
    """CRL-7, CRL-14."""
    with pytest.raises(Undecided) as caught:
        _fits(crl(CA, number=2, delta_base=1, extra=[UNKNOWN_CRITICAL]), crl(CA))
    assert caught.value.reason == "revocation.crl.extension"


# Around


def test_panic_of_the_library_is_a_format_error() -> None:
    class PanicException(BaseException):
        pass

    def panics() -> None:
        raise PanicException

    with pytest.raises(FormatError, match="makes the cryptographic library fail"):
        native.guarded(panics)


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_does_not_catch_other_exceptions(kind: type[BaseException]) -> None:
    def raises() -> None:
        raise kind

    with pytest.raises(kind):
        native.guarded(raises)


def test_facts_name_the_crl() -> None:
    parsed = Crl.parse(crl(CA, number=4, scope=scope(only_ca=True)))
    with pytest.raises(Undecided) as caught:
        parsed.check_covers(certificate(LEAF), None)
    facts = caught.value.facts
    assert facts["crl"] == parsed.fingerprint
    assert (facts["crl_issuer"], facts["crl_number"]) == (parsed.issuer_text, "4")


def test_hostile_issuer_name_is_made_safe() -> None:
    evil = names.name(("CN", "\x1b[2Jgood"))
    error = undecided(crl(CA, issuer_name=evil))
    assert "\x1b" not in str(error) + str(dict(error.facts))


def _openssl(*arguments: str | Path) -> str:
    run = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    return run.stdout + run.stderr


@pytest.mark.parametrize("kind", ["p256", "rsa2048"])
def test_openssl_reads_the_same(tmp_path: Path, kind: str) -> None:
    root = issue("root", key=kind)
    (tmp_path / "ca.pem").write_bytes(root.pem)
    items: Iterable[bytes] = [entry(0xABCDEF, reason="keyCompromise", invalidity=AT)]
    (tmp_path / "a.crl").write_bytes(crl(root, revoked=items, number=77, scope=HERE, freshest=[URL]))
    text = _openssl("crl", "-inform", "DER", "-in", tmp_path / "a.crl", "-CAfile", tmp_path / "ca.pem", "-text")
    assert "verify OK" in text
    assert "ABCDEF" in text
    assert "Key Compromise" in text
