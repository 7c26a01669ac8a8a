"""Damaged pieces in the trust directory: wherever a byte changed, "revoked" is never ignored (decision 0009)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import ClassVar

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from airgap.errors import Rejected, Undecided
from airgap.moment import Moment
from airgap.pki.certificate import Certificate
from airgap.revocation.evidence_files import CrlFile, EvidenceFile, OcspFile, nearly_same, nearly_same_key
from airgap.revocation.freshness import Freshness
from airgap.revocation.judge import RevocationJudge
from airgap.revocation.pool import EvidencePool
from tests.support.crls import crl, entry
from tests.support.evidence import MemoryEvidence, spoilt
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Issued, Pki, issue, key_identifier

SLOW = bool(os.environ.get("AIRGAP_SLOW"))
URL = "http://crl.example/a"
LEAF = Pki().code_chain(depth=2, leaf={"crl_urls": [URL], "ocsp_urls": ["http://ocsp.example"]})
CA = LEAF.chain[1]
CLEAN = crl(CA, number=2)


def verdict(piece: bytes, kind: str, *, trusted: bool = True) -> str:
    crls = {"clean": CLEAN} | ({"piece": piece} if kind == "crl" else {})
    evidence = MemoryEvidence(crls, {"piece": piece} if kind == "ocsp" else {}, trusted=trusted)
    judge = RevocationJudge(evidence, Freshness(), Moment(judged=AT, clock=AT), stored=tuple)
    chain = [Certificate.parse(issued.der) for issued in LEAF.chain]
    try:
        judge.check_chain(chain, kind="signing", signed_at=None)
    except (Rejected, Undecided) as error:
        return error.reason
    return "good"


def damaged(piece: bytes, first: int) -> Iterator[tuple[int, bytes]]:
    """Each second byte with one bit flipped; which one goes round from `first`, so that all eight are flipped."""
    for place in range(len(piece)) if SLOW else range(first % 2, len(piece), 2):
        for bit in range(8) if SLOW else [(place // 2 + first) % 8]:
            yield place, piece[:place] + bytes([piece[place] ^ 1 << bit]) + piece[place + 1 :]


def test_a_good_response_with_a_damaged_signature_leaves_it_open() -> None:
    """It may have said "revoked" before; in a target it is left out."""
    good = ocsp_response(LEAF, embed=())
    piece = good[:-3] + bytes([good[-3] ^ 1]) + good[-2:]
    assert verdict(piece, "ocsp") == "revocation.ocsp.signature"
    assert verdict(piece, "ocsp", trusted=False) == "good"


def _compressed_hash(issued: Issued) -> bytes:
    """The hash of the other encoding of an EC key (RFC 5480, 2.2)."""
    assert isinstance(issued.key, ec.EllipticCurvePrivateKey)
    point = issued.key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    return hashlib.sha1(point, usedforsecurity=False).digest()


REVOKED = [entry(LEAF.serial, reason="keyCompromise")]
DELEGATE = issue("ocsp", issuer=CA)
PIECES = {
    "crl": ("crl", crl(CA, revoked=REVOKED)),
    "crl-v1": ("crl", crl(CA, revoked=REVOKED, version=None)),
    "response": ("ocsp", ocsp_response(LEAF, status="revoked")),
    "response-in-sha256": ("ocsp", ocsp_response(LEAF, status="revoked", cert_hash="sha256")),
    "response-by-key": ("ocsp", ocsp_response(LEAF, status="revoked", by_key=True)),
    "newer-crl": ("crl", crl(CA, number=3, this_update=AT, revoked=REVOKED)),
    "response-of-a-delegate-by-key": (
        "ocsp",
        ocsp_response(LEAF, status="revoked", responder=DELEGATE, by_key=True),
    ),
    "response-of-a-delegate": ("ocsp", ocsp_response(LEAF, status="revoked", responder=DELEGATE)),
    "response-for-a-compressed-key": ("ocsp", ocsp_response(LEAF, status="revoked", key_hash=_compressed_hash(CA))),
}


@pytest.mark.parametrize("name", PIECES)
def test_no_changed_byte_hides_a_revocation(name: str) -> None:
    """The same field of two pieces gets different bytes and bits changed."""
    kind, piece = PIECES[name]
    assert verdict(piece, kind) == "revocation.revoked"
    first = 3 * list(PIECES).index(name)
    assert [place for place, changed in damaged(piece, first) if verdict(changed, kind) == "good"] == []


@pytest.mark.parametrize("name", ["crl", "newer-crl"])
def test_no_lost_byte_hides_a_revoking_crl(name: str) -> None:
    """What was left of the name was taken for another issuer's."""
    kind, piece = PIECES[name]
    assert not [place for place in range(len(piece)) if verdict(piece[:place] + piece[place + 1 :], kind) == "good"]


@pytest.mark.parametrize("name", PIECES)
def test_what_is_damaged_in_a_target_is_left_out(name: str) -> None:
    kind, piece = PIECES[name]
    changed = piece[:-1] + bytes([piece[-1] ^ 1])
    assert verdict(changed, kind, trusted=False) == "good"


def other_ca(name: bytes) -> Issued:
    return issue("root", subject=name, slot=9)


RENAMED = CA.subject[:-1] + b"x"
"""The issuer's name with another last letter: as near as the names of two CAs can be."""


class TestWhatIsWholeIsNotDamaged:
    """Evidence about other certificates is in every trust directory."""

    def test_crl_of_a_ca_of_nearly_the_same_name(self) -> None:
        assert verdict(crl(other_ca(RENAMED), revoked=REVOKED), "crl") == "good"

    def test_crl_of_a_similar_ca_without_key_identifiers_that_lists_another(self) -> None:
        listed = [entry(LEAF.serial + 1)]
        assert verdict(crl(other_ca(RENAMED), revoked=listed, version=None), "crl") == "good"

    def test_crl_of_the_same_key_under_another_name(self) -> None:
        assert verdict(crl(CA, revoked=REVOKED, issuer_name=RENAMED), "crl") == "good"

    def test_response_about_another_certificate(self) -> None:
        about = ocsp_response(LEAF, status="revoked", serial=LEAF.serial ^ 1)
        assert verdict(about, "ocsp") == "good"

    def test_response_of_a_delegate_about_another_certificate(self) -> None:
        about = ocsp_response(LEAF, serial=LEAF.serial + 1, status="revoked", responder=DELEGATE)
        assert verdict(about, "ocsp") == "good"

    def test_response_of_an_unknown_ca_about_another_certificate(self) -> None:
        """Its responder is unknown."""
        about = ocsp_response(LEAF, serial=LEAF.serial + 1, status="revoked", responder=DELEGATE, embed=())
        assert verdict(about, "ocsp") == "good"

    def test_good_response_of_an_unauthorised_responder(self) -> None:
        stranger = issue("ocsp", issuer=other_ca(RENAMED))
        assert verdict(ocsp_response(LEAF, responder=stranger), "ocsp") == "good"

    @pytest.mark.parametrize("by_key", [True, False])
    def test_response_of_another_key_of_the_ca_about_another_certificate(self, by_key: bool) -> None:
        """Every response of the new key made every certificate of the old one doubtful."""
        about = issue("leaf", issuer=other_ca(CA.subject))
        assert verdict(ocsp_response(about, by_key=by_key), "ocsp") == "good"

    def test_response_of_another_key_by_a_delegate_of_the_same_name(self) -> None:
        new = other_ca(CA.subject)
        delegate = issue("ocsp", issuer=new, subject=CA.subject)
        assert verdict(ocsp_response(issue("leaf", issuer=new), responder=delegate), "ocsp") == "good"


class TestWhatMayBeAboutIt:
    """What cannot be distinguished from a damaged piece clears nothing."""

    def test_crl_without_key_identifiers_that_lists_it(self) -> None:
        assert verdict(crl(other_ca(RENAMED), revoked=REVOKED, version=None), "crl") == "evidence.unread"

    def test_entries_that_cannot_be_read(self) -> None:
        piece = crl(other_ca(RENAMED), entries=b"\x05\x00", version=None)
        assert verdict(piece, "crl") == "evidence.unread"


@pytest.mark.parametrize(
    ("one", "other", "nearly"),
    [
        (b"abcdefgh", b"abcdefgh", True),
        (b"abcdefgh", b"abcdefxx", True),
        (b"abcdefgh", b"abcdexxx", False),
        (b"abcdefgh", b"abcdefg", True),
        (b"abcdefgh", b"abcxydefgh", True),
        (b"abcdefgh", b"abcde", False),
        (b"abcdefgh", b"xabcdefghx", False),
        (b"", b"", True),
        (b"aaaa", b"aaa", True),
        (b"a", b"b", True),
        (b"ab", b"xy", False),
    ],
)
def test_compares_names_that_differ_in_few_bytes(one: bytes, other: bytes, nearly: bool) -> None:
    assert nearly_same(one, other) is nearly


@pytest.mark.parametrize(
    ("other", "nearly"),
    [
        pytest.param(bytes(range(20)), True, id="the same"),
        pytest.param(bytes(range(19)), True, id="cut"),
        pytest.param(bytes(range(40, 59)), False, id="another one, and shorter"),
        pytest.param(bytes(range(40, 60)), False, id="another one"),
        pytest.param(bytes(20), None, id="zeros"),
        pytest.param(None, None, id="none"),
    ],
)
def test_compares_keys_that_differ_in_few_bytes(other: bytes | None, nearly: bool | None) -> None:
    assert nearly_same_key(bytes(range(20)), other) is nearly


def test_the_message_names_the_file_and_the_certificate() -> None:
    evidence = MemoryEvidence(
        {"clean.crl": CLEAN, "bad.crl": crl(CA, revoked=REVOKED).replace(CA.subject, RENAMED)}, trusted=True
    )
    judge = RevocationJudge(evidence, Freshness(), Moment(judged=AT, clock=AT), stored=tuple)
    with pytest.raises(Undecided, match=r"bad\.crl in memory may be damaged and about the certificate"):
        judge.check_chain([Certificate.parse(item.der) for item in LEAF.chain], kind="signing", signed_at=None)


def test_evidence_of_more_targets_searches_the_trust_directory_no_more() -> None:
    """With evidence in the timestamp token of every image, each image cost a search through all files."""
    searched: list[int] = []

    class Counted(EvidencePool):
        def trusted(self) -> tuple[CrlFile | OcspFile, ...]:
            searched.append(1)
            return super().trusted()

    pieces = [EvidenceFile("clean.crl", "trust directory", lambda: CLEAN, trusted=True)]
    judge = RevocationJudge(Counted(pieces, unread=()), Freshness(), Moment(judged=AT, clock=AT), stored=tuple)
    chain = [Certificate.parse(item.der) for item in LEAF.chain]
    judge.check_chain(chain, kind="signing", signed_at=None)
    for _ in range(3):
        more = judge.using([MemoryEvidence({"same.crl": CLEAN})])
        more.check_chain(chain, kind="signing", signed_at=None)
    assert len(searched) == 1
    with pytest.raises(Rejected, match="revoked"):
        judge.using([MemoryEvidence({"revoking.crl": crl(CA, revoked=REVOKED)})]).check_chain(
            chain, kind="signing", signed_at=None
        )
    judge.check_chain(chain, kind="signing", signed_at=None)


def test_a_damaged_name_in_a_truncated_file_leaves_it_open() -> None:
    piece = crl(CA, revoked=REVOKED)
    assert verdict(piece.replace(CA.subject, RENAMED)[:-20], "crl") == "evidence.unread"


def test_a_damaged_key_identifier_and_list_leave_it_open() -> None:
    """Of its name nothing was asked, as it was the issuer's, and it seemed to be of another key: it passed."""
    piece = crl(CA, revoked=[entry(LEAF.serial ^ 1)])
    identifier = key_identifier(CA.key)
    assert verdict(piece.replace(identifier, identifier[:-1] + bytes([identifier[-1] ^ 1])), "crl") == (
        "revocation.crl.signature"
    )


def test_a_crl_of_a_key_that_the_chain_proves_is_damaged_as_one_of_the_issuers_own_key() -> None:
    new = issue("root", slot=1)
    former = issue("intermediate", issuer=new, slot=2, subject=new.subject)
    leaf = issue("leaf", issuer=former, crl_urls=[URL])
    whole = crl(new, number=9, revoked=[leaf])
    in_list, in_name = (
        spoilt(crl(new, number=9, revoked=[leaf.serial ^ 1])),
        whole.replace(new.subject, new.subject[:-1] + b"x"),
    )
    chain = [Certificate.parse(issued.der) for issued in leaf.chain]
    for changed, reason in ((in_list, "revocation.crl.signature"), (in_name, "evidence.unread")):
        evidence = MemoryEvidence({"good.crl": crl(former), "bad.crl": changed}, trusted=True)
        judge = RevocationJudge(evidence, Freshness(), Moment(judged=AT, clock=AT), stored=tuple)
        with pytest.raises(Undecided) as raised:
            judge.check_chain(chain, kind="signing", signed_at=None)
        assert raised.value.reason == reason


class TestOneDamagedCrlAmongManyCasOfOneCompany:
    """The name of every one of them is nearly the name of every other: one damaged CRL made all of them doubtful."""

    ENTRIES: ClassVar = [*range(5000, 5050)]
    WHOLE: ClassVar = crl(other_ca(RENAMED), number=4, revoked=ENTRIES)

    def verdict(self, piece: bytes, **more: bytes) -> str:
        evidence = MemoryEvidence({"clean": CLEAN, "piece": piece, **more}, trusted=True)
        judge = RevocationJudge(evidence, Freshness(), Moment(judged=AT, clock=AT), stored=tuple)
        try:
            judge.check_chain([Certificate.parse(item.der) for item in LEAF.chain[:2]], kind="signing", signed_at=None)
        except Undecided as error:
            return error.reason
        return "good"

    def test_a_damaged_crl_that_names_another_key_is_not_about_it(self) -> None:
        assert self.verdict(self.WHOLE[:-20]) == "good"

    def test_a_key_behind_a_lost_part_is_not_that_of_the_file(self) -> None:
        """The head of the issuer's CRL and the end of another one were one file, with a name that was near."""
        listed = crl(CA, number=2, revoked=REVOKED)
        common_name = listed.index(CA.subject) + len(CA.subject) - 3
        other = crl(other_ca(RENAMED), number=4)
        rest = other[other.index(RENAMED) + len(RENAMED) + 5 :]
        assert self.verdict(listed[:common_name] + b"112" + rest) == "evidence.unread"

    def test_a_damaged_crl_of_a_ca_with_another_crl_is_not_about_it(self) -> None:
        cut = self.WHOLE[: len(self.WHOLE) // 2]
        assert self.verdict(cut, older=crl(other_ca(RENAMED), number=3)) == "good"

    def test_a_damaged_crl_without_a_confirmed_name_leaves_it_open(self) -> None:
        assert self.verdict(self.WHOLE[: len(self.WHOLE) // 2]) == "evidence.unread"

    @pytest.mark.parametrize("lost", [10, 20], ids=["half of its key", "all of its key"])
    def test_zeros_are_not_another_key(self, lost: int) -> None:
        identifier = key_identifier(CA.key)
        piece = crl(CA, revoked=REVOKED).replace(CA.subject, RENAMED)
        piece = piece.replace(identifier, identifier[lost:].rjust(20, b"\0"))
        assert self.verdict(piece[:-20]) == "evidence.unread"
        assert self.verdict(piece) == "evidence.unread"

    def test_a_key_that_lost_many_bytes_leaves_it_open(self) -> None:
        identifier = key_identifier(CA.key)
        piece = crl(CA, revoked=REVOKED).replace(CA.subject, RENAMED)
        piece = piece.replace(identifier, bytes(range(10)) + identifier[10:])
        assert (self.verdict(piece[:-20]), self.verdict(piece)) == ("evidence.unread", "evidence.unread")

    def test_a_name_with_zeros_in_it_may_have_been_any(self) -> None:
        name = CA.subject[:-12] + bytes(12)
        piece = crl(CA, revoked=REVOKED).replace(CA.subject, name)
        assert self.verdict(piece[: len(piece) // 2]) == "evidence.unread"
