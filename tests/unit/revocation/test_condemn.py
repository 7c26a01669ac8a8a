"""What condemns (decision 0009): whatever its scope, freshness or channel, and whatever other evidence says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding

from airgap.errors import Rejected, Undecided
from airgap.hashing import fingerprint
from airgap.moment import Moment
from airgap.parse import der
from airgap.pki.certificate import Certificate
from airgap.pki.ocsp import OcspResponse
from airgap.revocation.answer_evidence import EvidenceUse
from airgap.revocation.evidence_files import EvidenceFile
from airgap.revocation.freshness import Freshness
from airgap.revocation.judge import RevocationJudge
from airgap.revocation.pool import EvidencePool
from tests.support import asn1, names
from tests.support.crls import crl, entry, scope
from tests.support.evidence import MemoryEvidence
from tests.support.extensions import UNKNOWN_CRITICAL, Extension, Point
from tests.support.keyring import key
from tests.support.ocsp import ocsp_response, single
from tests.support.pki import AT, Issued, Pki, issue

DAY = timedelta(days=1)
URL, OTHER, OCSP, DELTA = "http://crl.example/a", "http://crl.example/b", "http://ocsp.example", "http://crl.example/d"


@dataclass(frozen=True)
class Pile:
    """What is available, and whom it is asked about."""

    leaf: Issued
    crls: Mapping[str, bytes] = field(default_factory=dict)
    ocsp: Mapping[str, bytes] = field(default_factory=dict)
    judged: datetime = AT
    clock: datetime = AT
    signed_at: datetime | None = None
    trusted: bool = False
    stored: tuple[Issued, ...] = ()

    def ask(self) -> tuple[EvidenceUse, ...]:
        evidence = MemoryEvidence(self.crls, self.ocsp, trusted=self.trusted)
        stored = [Certificate.parse(issued.der) for issued in self.stored]
        moment = Moment(judged=self.judged, clock=self.clock)
        judge = RevocationJudge(evidence, Freshness(), moment, stored=lambda: stored)
        chain = [Certificate.parse(issued.der) for issued in self.leaf.chain]
        return judge.check_chain(chain, kind="signing", signed_at=self.signed_at)

    def reason(self) -> str:
        """`good`, or the reason code."""
        try:
            self.ask()
        except (Rejected, Undecided) as error:
            return error.reason
        return "good"


def chain(**leaf: Any) -> Issued:
    return Pki().code_chain(depth=2, leaf={"crl_urls": [URL], **leaf})


LEAF = chain()
BOTH = chain(ocsp_urls=[OCSP])
SILENT = chain(crl_urls=[])
ONLY_OCSP = chain(crl_urls=[], ocsp_urls=[OCSP])
HIGH = chain(serial=0x80)
SHARDED = chain(crl_urls=[], points=[Point((URL,))])


def ca(leaf: Issued) -> Issued:
    return leaf.chain[1]


def clean(leaf: Issued = LEAF, **members: Any) -> bytes:
    return crl(ca(leaf), **members)


def revoking(leaf: Issued = LEAF, reason: str | int | None = "keyCompromise", **members: Any) -> bytes:
    item = {name: members.pop(name) for name in ("at", "invalidity", "certificate_issuer") if name in members}
    return crl(ca(leaf), **{"number": 1, **members}, revoked=[entry(leaf.serial, reason=reason, **item)])


def _without_crl_sign() -> Pile:
    from tests.support.extensions import KeyUsage

    leaf = Pki().code_chain(depth=2, leaf={"crl_urls": [URL]}, root={"key_usage": KeyUsage(("keyCertSign",))})
    return Pile(leaf, {"a": revoking(leaf)})


def _intermediate() -> Pile:
    leaf = Pki().code_chain(depth=3, leaf={"crl_urls": [URL]})
    middle = leaf.chain[1]
    listed = crl(leaf.chain[2], revoked=[entry(middle.serial, reason="cACompromise")])
    return Pile(leaf, {"a": crl(middle), "b": listed})


RSA = Pki().code_chain(depth=2, leaf={"crl_urls": [URL]}, root={"key": "rsa3072"})
RSA_KEY: Any = ca(RSA).key
EC_KEY: Any = ca(LEAF).key
STRAY: Any = issue("leaf", slot=7).key
PSS = "1.2.840.113549.1.1.10"


def _signed(leaf: Issued, oid: str, sign: Callable[[bytes], bytes], *parameters: bytes) -> Pile:
    """A revoking CRL of the issuer, made with another algorithm, beside a clean one."""
    identifier = asn1.sequence(asn1.oid(oid), *parameters)
    signed, algorithm, _ = der.read(revoking(leaf, number=2), "crl").children()
    members = (identifier if item.raw == algorithm.raw else item.raw for item in signed.children())
    body = asn1.sequence(*members)
    return Pile(leaf, {"a": clean(leaf), "b": asn1.sequence(body, identifier, asn1.bit_string(sign(body)))})


def _pss(algorithm: hashes.HashAlgorithm, salt: int, *parameters: bytes) -> Pile:
    padded = padding.PSS(padding.MGF1(algorithm), salt)
    return _signed(RSA, PSS, lambda body: RSA_KEY.sign(body, padded, algorithm), asn1.sequence(*parameters))


def _pss_sha256() -> Pile:
    """The salt that OpenSSL takes by default: as long as there is room for."""
    hashed = asn1.sequence(asn1.oid("2.16.840.1.101.3.4.2.1"), asn1.null())
    mask = asn1.sequence(asn1.oid("1.2.840.113549.1.1.8"), hashed)
    salt = asn1.explicit(2, asn1.integer(350))
    return _pss(hashes.SHA256(), 350, asn1.explicit(0, hashed), asn1.explicit(1, mask), salt)


def _pkcs1(oid: str, algorithm: hashes.HashAlgorithm) -> Pile:
    return _signed(RSA, oid, lambda body: RSA_KEY.sign(body, padding.PKCS1v15(), algorithm), asn1.null())


def _ecdsa(oid: str, algorithm: hashes.HashAlgorithm) -> Pile:
    return _signed(LEAF, oid, lambda body: EC_KEY.sign(body, ec.ECDSA(algorithm)))


def _answer_with_junk() -> Pile:
    delegate = _delegate(BOTH)
    response = ocsp_response(BOTH, responder=delegate, status="revoked", embed=[delegate, asn1.sequence(asn1.null())])
    return Pile(BOTH, {"a": clean(BOTH)}, {"o": response})


def _beside(*extra: Extension, **members: Any) -> Pile:
    return Pile(LEAF, {"a": clean(), "b": revoking(**{"number": 2, **members}, extra=extra)})


UNREADABLE = b"\x04\x00"
OLDER: dict[str, Any] = {"this_update": AT - 40 * DAY, "next_update": AT - 20 * DAY}
CONDEMNED: dict[str, Callable[[], Pile]] = {
    "no channel at all": lambda: Pile(SILENT, {"a": revoking(SILENT)}),
    "only OCSP": lambda: Pile(ONLY_OCSP, {"a": revoking(ONLY_OCSP)}, {"o": ocsp_response(ONLY_OCSP)}),
    "only another channel": lambda: Pile(LEAF, {"a": clean()}, {"o": ocsp_response(LEAF, status="revoked")}),
    "no channel, OCSP says so": lambda: Pile(SILENT, {}, {"o": ocsp_response(SILENT, status="revoked")}),
    "of some reasons": lambda: Pile(LEAF, {"a": clean(), "b": revoking(scope=scope(reasons=("keyCompromise",)))}),
    "of no reasons": lambda: Pile(LEAF, {"a": clean(), "b": revoking(scope=scope(reasons=()))}),
    "only CA certificates": lambda: Pile(LEAF, {"a": clean(), "b": revoking(scope=scope(only_ca=True))}),
    "only attribute certificates": lambda: Pile(LEAF, {"a": clean(), "b": revoking(scope=scope(only_attribute=True))}),
    "of another shard": lambda: Pile(SHARDED, {"a": clean(SHARDED), "b": revoking(SHARDED, scope=scope(uris=[OTHER]))}),
    "indirect": lambda: Pile(LEAF, {"a": clean(), "b": revoking(scope=scope(indirect=True))}),
    "indirect, its own issuer named": lambda: Pile(
        LEAF, {"a": clean(), "b": revoking(scope=scope(indirect=True), certificate_issuer=ca(LEAF).subject)}
    ),
    "reason 7": lambda: Pile(LEAF, {"a": revoking(reason=7)}),
    "no reason": lambda: Pile(LEAF, {"a": revoking(reason=None)}),
    "name in another string type": lambda: Pile(
        LEAF, {"a": clean(), "b": revoking(issuer_name=names.respelt(ca(LEAF).subject))}
    ),
    "stale beside a fresh one": lambda: Pile(LEAF, {"a": clean(), "b": revoking(**OLDER)}),
    "without nextUpdate": lambda: Pile(LEAF, {"a": clean(number=2), "b": revoking(next_update=None)}),
    "beside a newer clean one": lambda: Pile(LEAF, {"a": clean(number=9), "b": revoking(this_update=AT - 9 * DAY)}),
    "beside a good OCSP answer": lambda: Pile(BOTH, {"a": revoking(BOTH, **OLDER)}, {"o": ocsp_response(BOTH)}),
    "a delta whose base is not here": lambda: Pile(
        LEAF,
        {
            "a": clean(number=10, freshest=[DELTA]),
            "b": clean(number=11, delta_base=10),
            "c": revoking(number=14, delta_base=13),
        },
    ),
    "a stale delta beside a fresh one": lambda: Pile(
        LEAF,
        {
            "a": clean(number=10, freshest=[DELTA]),
            "b": clean(number=11, delta_base=10),
            "c": revoking(number=12, delta_base=10, this_update=AT - DAY / 2, next_update=AT - DAY / 4),
        },
    ),
    "a delta beside a base that names none": lambda: Pile(
        LEAF, {"a": clean(number=10), "b": revoking(number=11, delta_base=10)}
    ),
    "a delta of another scope": lambda: Pile(
        LEAF, {"a": clean(number=1), "b": revoking(number=2, delta_base=1, scope=scope(only_user=True))}
    ),
    "from after the clock": lambda: Pile(LEAF, {"a": clean(), "b": revoking(this_update=AT + 9 * DAY)}),
    "a future date of revocation": lambda: Pile(LEAF, {"a": revoking(at=AT + 90 * DAY)}),
    "a key usage without cRLSign": _without_crl_sign,
    "signed with SHA-1": lambda: Pile(LEAF, {"a": clean(), "b": revoking(hash_name="sha1")}),
    "signed with RSASSA-PSS and a long salt": _pss_sha256,
    "signed with RSASSA-PSS and no parameters": lambda: _pss(hashes.SHA1(), 20),  # noqa: S303
    "signed with MD5": lambda: _pkcs1("1.2.840.113549.1.1.4", hashes.MD5()),  # noqa: S303
    "signed with SHA-512/256": lambda: _pkcs1("1.2.840.113549.1.1.16", hashes.SHA512_256()),
    "signed with SHA-224": lambda: _pkcs1("1.2.840.113549.1.1.14", hashes.SHA224()),
    "signed with SHA3-256": lambda: _pkcs1("2.16.840.1.101.3.4.3.14", hashes.SHA3_256()),
    "signed with ECDSA and SHA-224": lambda: _ecdsa("1.2.840.10045.4.3.1", hashes.SHA224()),
    "signed with ECDSA and SHA3-384": lambda: _ecdsa("2.16.840.1.101.3.4.3.11", hashes.SHA3_384()),
    "a scope that cannot be read": lambda: _beside(scope=Extension("2.5.29.28", UNREADABLE, critical=True)),
    "a negative number": lambda: _beside(number=-2),
    "places of deltas that cannot be read": lambda: _beside(Extension("2.5.29.46", UNREADABLE)),
    "a delta of a base that cannot be read": lambda: _beside(Extension("2.5.29.27", UNREADABLE, critical=True)),
    "an OCSP delegate with a key of Ed25519": lambda: _odd_delegate(key="ed25519"),
    "an OCSP response with a certificate that cannot be read": _answer_with_junk,
    "an intermediate": _intermediate,
    "removed again by a delta": lambda: Pile(
        LEAF,
        {
            "a": revoking(number=1, freshest=[DELTA]),
            "b": revoking(reason="removeFromCRL", number=2, delta_base=1, at=AT - DAY),
        },
    ),
    "an OCSP delegate that has ended since": lambda: _ended_delegate(next_update=AT + DAY),
    "an OCSP delegate that has ended since, no nextUpdate": lambda: _ended_delegate(next_update=None),
    "an OCSP delegate whose certificate is signed with SHA-1": lambda: _odd_delegate(hash_name="sha1"),
    "an OCSP delegate that spells its issuer otherwise": lambda: _odd_delegate(
        issuer_name=names.respelt(ca(LEAF).subject)
    ),
    "an OCSP answer older than a good one": lambda: Pile(
        ONLY_OCSP,
        {},
        {"o": ocsp_response(ONLY_OCSP, status="revoked", **OLDER), "p": ocsp_response(ONLY_OCSP)},
    ),
    "an OCSP delegate that is revoked": lambda: _revoked_delegate(status="revoked"),
    "an OCSP answer that hashes another spelling of the issuer": lambda: Pile(
        ONLY_OCSP,
        {},
        {"o": ocsp_response(ONLY_OCSP, status="revoked", name_hash=bytes(20)), "p": ocsp_response(ONLY_OCSP)},
    ),
    "an OCSP responder spelt otherwise": lambda: Pile(
        ONLY_OCSP, {}, {"o": ocsp_response(ONLY_OCSP, status="revoked", responder_id=_respelt(ca(ONLY_OCSP)))}
    ),
    "one answer of several in a response": lambda: Pile(
        ONLY_OCSP,
        {},
        {"o": ocsp_response(ONLY_OCSP, singles=[single(ONLY_OCSP), single(ONLY_OCSP, status="revoked", **OLDER)])},
    ),
    "judged for the past, said later": lambda: Pile(
        LEAF,
        {"a": clean(this_update=AT - 30 * DAY), "b": revoking(at=AT - 50 * DAY)},
        judged=AT - 20 * DAY,
        clock=AT,
    ),
    "judged for the past, the key invalid by then": lambda: Pile(
        LEAF,
        {"a": clean(this_update=AT - 30 * DAY), "b": revoking(at=AT - DAY, invalidity=AT - 50 * DAY)},
        judged=AT - 20 * DAY,
        clock=AT,
    ),
}


def _respelt(issued: Issued) -> bytes:
    return asn1.explicit(1, names.respelt(issued.subject))


def _delegate(leaf: Issued, **changes: Any) -> Issued:
    return issue("ocsp", issuer=ca(leaf), **changes)


def _ended_delegate(**dates: Any) -> Pile:
    made: dict[str, Any] = {"this_update": AT - 10 * DAY, **dates}
    delegate = _delegate(BOTH, not_before=AT - 30 * DAY, not_after=AT - 5 * DAY)
    response = ocsp_response(BOTH, responder=delegate, status="revoked", produced_at=AT - 10 * DAY, **made)
    return Pile(BOTH, {"a": clean(BOTH, this_update=AT - 20 * DAY)}, {"o": response})


def _odd_delegate(**changes: Any) -> Pile:
    response = ocsp_response(LEAF, responder=_delegate(LEAF, **changes), status="revoked")
    return Pile(LEAF, {"a": clean(this_update=AT - 2 * DAY)}, {"o": response})


def _revoked_delegate(**answer: Any) -> Pile:
    delegate = _delegate(BOTH)
    listed = crl(ca(BOTH), revoked=[entry(delegate.serial, reason="keyCompromise")])
    return Pile(BOTH, {"a": listed}, {"o": ocsp_response(BOTH, responder=delegate, **answer)})


@pytest.mark.parametrize("name", CONDEMNED)
def test_any_available_revocation_condemns(name: str) -> None:
    assert CONDEMNED[name]().reason() == "revocation.revoked"


@pytest.mark.parametrize("name", CONDEMNED)
def test_a_newer_piece_that_clears_changes_nothing(name: str) -> None:
    pile = CONDEMNED[name]()
    newest: dict[str, Any] = {"number": 99, "this_update": pile.judged, "next_update": AT + 30 * DAY}
    more = {"y": crl(ca(pile.leaf), **newest), "z": crl(ca(pile.leaf), freshest=[DELTA], **newest)}
    good = ocsp_response(pile.leaf, this_update=pile.judged, next_update=AT + 30 * DAY)
    assert replace(pile, crls={**pile.crls, **more}, ocsp={**pile.ocsp, "z": good}).reason() == "revocation.revoked"


NOT_CONDEMNED: dict[str, tuple[Callable[[], Pile], str]] = {
    "another certificate": (lambda: Pile(LEAF, {"a": clean(revoked=[LEAF.serial + 1])}), "good"),
    "another issuer's certificate": (
        lambda: Pile(
            LEAF, {"a": clean(), "b": revoking(scope=scope(indirect=True), certificate_issuer=names.harbour("X"))}
        ),
        "good",
    ),
    "another key": (lambda: Pile(LEAF, {"a": clean(), "b": revoking(signed_by=key("p256", 6))}), "good"),
    "another name": (lambda: Pile(LEAF, {"a": clean(), "b": revoking(issuer_name=names.harbour("X"))}), "good"),
    "signed before the key was invalid": (
        lambda: Pile(LEAF, {"a": revoking(invalidity=AT - DAY)}, signed_at=AT - 2 * DAY), "good",
    ),
    "signed when the key became invalid": (
        lambda: Pile(LEAF, {"a": revoking(invalidity=AT - DAY)}, signed_at=AT - DAY), "revocation.revoked",
    ),
    "the same, says OCSP": (
        lambda: Pile(
            ONLY_OCSP,
            {},
            {"o": ocsp_response(ONLY_OCSP, status="revoked", invalidity=AT - DAY)},
            signed_at=AT - 2 * DAY,
        ),
        "good",
    ),
    "the same moment, says OCSP": (
        lambda: Pile(
            ONLY_OCSP, {}, {"o": ocsp_response(ONLY_OCSP, status="revoked", invalidity=AT - DAY)}, signed_at=AT - DAY
        ),
        "revocation.revoked",
    ),
    "judged for the past, revoked later": (
        lambda: Pile(
            LEAF, {"a": clean(this_update=AT - 30 * DAY), "b": revoking(at=AT - 10 * DAY)}, judged=AT - 20 * DAY
        ),
        "good",
    ),
    "judged for the past, known then with a later date": (
        lambda: Pile(LEAF, {"a": revoking(at=AT - 10 * DAY, this_update=AT - 30 * DAY)}, judged=AT - 20 * DAY),
        "revocation.revoked",
    ),
    "judged for a moment that the clock has not passed": (
        lambda: Pile(LEAF, {"a": clean(), "b": revoking(at=AT + 10 * DAY)}, judged=AT + 5 * DAY), "revocation.revoked",
    ),
    "a responder without the right to answer": (
        lambda: Pile(
            BOTH,
            {"a": clean(BOTH)},
            {"o": ocsp_response(BOTH, responder=_delegate(BOTH, extended_key_usage=None), status="revoked")},
        ),
        "good",
    ),
    "a delegate that was not valid then": (
        lambda: Pile(
            BOTH,
            {"a": clean(BOTH)},
            {"o": ocsp_response(BOTH, responder=_delegate(BOTH, not_after=AT - 30 * DAY), status="revoked")},
        ),
        "good",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_CONDEMNED)
def test_only_the_meaning_of_the_entry_counts(name: str) -> None:
    make, expected = NOT_CONDEMNED[name]
    assert make().reason() == expected


_BROKEN = Extension("2.5.29.24", b"\x05\x00")


def _answer_of_another_key() -> Pile:
    """The CA renewed its key, and writes its name in another string type since."""
    new = issue("root", slot=1)
    former = issue("intermediate", issuer=new, slot=2, subject=names.respelt(new.subject))
    leaf = issue("leaf", issuer=former, crl_urls=[URL])
    answer = ocsp_response(leaf, issuer=new, responder=new, status="revoked")
    return Pile(leaf, {"a": crl(former)}, {"o": answer})


_VISIBLE = names.name(names.Attribute("CN", b"CA", 0x1A))
DOUBTFUL: dict[str, Callable[[], Pile]] = {
    "an issuer of the entry in a string type that is not known": lambda: Pile(
        LEAF,
        {
            "a": clean(this_update=AT - 2 * DAY),
            "b": revoking(scope=scope(indirect=True), certificate_issuer=_VISIBLE),
        },
    ),
    "an answer that names the CA by its other key and in another spelling": _answer_of_another_key,
    "an issuer of the entry in a CRL that is not indirect": lambda: Pile(
        LEAF, {"a": clean(this_update=AT - 2 * DAY), "b": revoking(certificate_issuer=names.harbour("X"))}
    ),
    "an issuer of an entry before it in a CRL that is not indirect": lambda: Pile(
        LEAF,
        {
            "a": clean(this_update=AT - 2 * DAY),
            "b": clean(revoked=[entry(7, certificate_issuer=names.harbour("X")), entry(LEAF.serial)]),
        },
    ),
    "a serial number without the zero that makes it positive": lambda: Pile(
        HIGH, {"a": clean(HIGH, revoked=[asn1.sequence(asn1.tlv(2, b"\x80"), asn1.time(AT - DAY))])}
    ),
    "an unknown critical extension of the entry": lambda: Pile(
        LEAF, {"a": clean(number=2), "b": crl(ca(LEAF), revoked=[entry(LEAF.serial, extra=[UNKNOWN_CRITICAL])])}
    ),
    "an unknown critical extension of the CRL": lambda: Pile(
        LEAF, {"a": clean(number=2), "b": revoking(extra=[UNKNOWN_CRITICAL])}
    ),
    "an extension that cannot be read": lambda: Pile(
        LEAF, {"a": clean(number=2), "b": crl(ca(LEAF), revoked=[entry(LEAF.serial, extra=[_BROKEN])])}
    ),
    "a list that cannot be read": lambda: Pile(LEAF, {"a": clean(number=2), "b": clean(entries=b"\x30\x03\x02\x01")}),
    "extensions of the CRL that are ambiguous": lambda: Pile(
        LEAF, {"a": clean(number=2), "b": revoking(extra=[_BROKEN, _BROKEN])}
    ),
    "extensions of the answer that are ambiguous": lambda: Pile(
        BOTH, {"a": clean(BOTH)}, {"o": ocsp_response(BOTH, status="revoked", extra=[_BROKEN, _BROKEN])}
    ),
    "an unknown critical extension of the answer": lambda: Pile(
        BOTH, {"a": clean(BOTH)}, {"o": ocsp_response(BOTH, status="revoked", extra=[UNKNOWN_CRITICAL])}
    ),
    "an unknown critical extension of the response": lambda: Pile(
        BOTH, {"a": clean(BOTH)}, {"o": ocsp_response(BOTH, status="revoked", response_extensions=[UNKNOWN_CRITICAL])}
    ),
}


@pytest.mark.parametrize("name", DOUBTFUL)
def test_unknown_extensions_never_pass(name: str) -> None:
    pile = DOUBTFUL[name]()
    with pytest.raises(Undecided):
        pile.ask()


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-10], lambda data: data[:-1] + bytes([data[-1] ^ 1]), lambda _: b"x"]
)
def test_damaged_evidence_in_the_trust_directory_never_passes(damage: Callable[[bytes], bytes]) -> None:
    """Decision 0009: the newer, revoking CRL is cut by ten bytes, or one of its bits has flipped."""
    pile = Pile(LEAF, {"a": clean(number=1), "b.crl": damage(revoking(number=2))}, trusted=True)
    with pytest.raises(Undecided, match=r"b\.crl"):
        pile.ask()
    assert replace(pile, trusted=False).reason() == "good"


def test_a_response_need_not_hold_the_certificate_of_its_responder() -> None:
    """RFC 6960, 4.2.1: another available response holds it. In a target it was ignored as of an unknown responder."""
    delegate = _delegate(BOTH)
    bare = ocsp_response(BOTH, responder=delegate, embed=[], status="revoked", reason="keyCompromise")
    pile = Pile(BOTH, {"a": clean(BOTH)}, {"o": bare})
    assert pile.reason() == "good"  # the person who packed the target could have made it
    assert replace(pile, trusted=True).reason() == "revocation.ocsp.signature"
    other = ocsp_response(issue("leaf", issuer=ca(BOTH)), responder=delegate)
    for trusted in (True, False):
        known = replace(pile, ocsp={**pile.ocsp, "other": other}, trusted=trusted)
        assert known.reason() == "revocation.revoked"
    # it proves itself: one that another CA made is about no certificate here
    root = issue("root", subject=ca(BOTH).subject, slot=6)
    foreign = ocsp_response(BOTH, responder=issue("ocsp", issuer=root, slot=7), issuer=root)
    assert replace(pile, ocsp={**pile.ocsp, "other": foreign}).reason() == "good"


@pytest.mark.parametrize(
    "stated",
    [
        asn1.explicit(1, names.harbour("X")),
        asn1.explicit(1, ca(BOTH).subject),
        asn1.explicit(2, asn1.octet_string(bytes(20))),
        asn1.explicit(2, asn1.octet_string(bytes(32))),
    ],
)
@pytest.mark.parametrize("delegated", [True, False])
@pytest.mark.parametrize("trusted", [True, False])
def test_who_signed_a_response_counts_and_not_the_responder_that_it_states(
    stated: bytes, delegated: bool, trusted: bool
) -> None:
    """Decision 0009: the signature proves who says "revoked"; to clear, both must agree (OCSP-4)."""
    responder = _delegate(BOTH) if delegated else None
    if responder:  # its certificate may be in another file
        bare = ocsp_response(BOTH, responder=responder, embed=[], responder_id=stated, status="revoked")
        beside = {"o": bare, "d": responder.pem}
        assert Pile(BOTH, {"a": clean(BOTH)}, beside, trusted=trusted).reason() == "revocation.revoked"
    wrong = ocsp_response(BOTH, responder=responder, responder_id=stated, status="revoked", reason="keyCompromise")
    assert Pile(BOTH, {"a": clean(BOTH)}, {"o": wrong}).reason() == "revocation.revoked"
    good = ocsp_response(ONLY_OCSP, responder_id=asn1.explicit(1, names.harbour("X")))
    assert Pile(ONLY_OCSP, {}, {"o": good}).reason() == "revocation.ocsp.responder"


@pytest.mark.parametrize("trusted", [True, False])
def test_a_response_that_states_the_serial_number_without_its_sign_leaves_it_open(trusted: bool) -> None:
    """Decision 0009: as in a CRL. It clears nothing."""
    leaf = chain(ocsp_urls=[OCSP], serial=0x9F << 152 | 5)
    wrong = {"o": ocsp_response(leaf, singles=[single(leaf, status="revoked", serial=leaf.serial - (1 << 160))])}
    good = {"o": ocsp_response(leaf, singles=[single(leaf, serial=leaf.serial - (1 << 160))])}
    assert Pile(leaf, {"a": clean(leaf)}, wrong, trusted=trusted).reason() == "revocation.ocsp.malformed"
    assert Pile(leaf, {"a": clean(leaf)}, good, trusted=trusted).reason() == "good"
    assert Pile(leaf, {}, good, trusted=trusted).reason() == "revocation.crl.missing"


def test_a_damaged_response_whose_responder_is_in_another_file_leaves_it_open() -> None:
    """The changed bit may be in the serial number; the signature is that of no responder with this name here."""
    delegate, other = _delegate(BOTH), issue("leaf", issuer=ca(BOTH))
    bare = ocsp_response(other, responder=delegate, embed=[], status="revoked")
    holder = ocsp_response(issue("leaf", issuer=ca(BOTH)), responder=delegate)
    pile = Pile(BOTH, {"a": clean(BOTH)}, {"o": bare, "holder": holder}, trusted=True)
    assert pile.reason() == "good"
    damaged = bare.replace(der.integer(other.serial), der.integer(other.serial ^ 1))
    assert damaged != bare
    assert replace(pile, ocsp={"o": damaged, "holder": holder}).reason() == "evidence.unread"
    assert replace(pile, ocsp={"o": damaged}).reason() == "good"  # of a responder that is not known here


def test_compares_responders_by_name_and_date_before_signatures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every signature was checked under every delegate's key: a target with some thousand of each took an hour."""
    other, week = issue("leaf", issuer=ca(BOTH)), timedelta(days=7)
    past = [_delegate(BOTH, not_before=AT - (n + 2) * week, not_after=AT - (n + 1) * week) for n in range(20)]
    ocsp = {
        f"{n}": ocsp_response(other, responder=item, this_update=AT - (n + 2) * week) for n, item in enumerate(past)
    }
    junk = [
        ocsp_response(BOTH, responder=past[0], embed=[], status="revoked", this_update=AT - n * DAY) for n in range(5)
    ]
    checked: list[object] = []
    monkeypatch.setattr(OcspResponse, "is_signed_by", lambda self, signer: checked.append((self, signer)))
    pile = Pile(BOTH, {"a": clean(BOTH)}, {**ocsp, **{f"junk {n}": data for n, data in enumerate(junk)}})
    assert pile.reason() == "good"
    assert len(checked) <= len(junk)


def test_a_response_made_after_its_responder_ended_is_in_doubt() -> None:
    """Its certificate was not renewed in time: its answer is not proven, and is not ignored either."""
    delegate = _delegate(BOTH, not_after=AT - 30 * DAY)
    response = ocsp_response(BOTH, responder=delegate, status="revoked")
    pile = Pile(BOTH, {"a": clean(BOTH)}, {"o": response}, trusted=True)
    with pytest.raises(Undecided, match="which expired at") as caught:
        pile.ask()
    assert caught.value.reason == "revocation.ocsp.responder"
    assert replace(pile, ocsp={"o": ocsp_response(BOTH, responder=delegate)}).reason() == "good"


def test_a_crl_of_another_key_of_the_same_name_is_not_damaged() -> None:
    """A CA that renewed its key: its CRLs name the key (authorityKeyIdentifier), which is not the issuer's here."""
    twin = issue("intermediate", issuer=LEAF.root, subject=ca(LEAF).subject, slot=7)
    assert Pile(LEAF, {"a": clean(), "b": crl(twin, number=2)}, trusted=True).reason() == "good"


def test_a_crl_of_another_key_of_the_same_name_that_lists_the_certificate_is_in_doubt() -> None:
    """PKITS 4.4.20, 4.5.7: a CA signs its CRLs with another key, or has renewed it."""
    twin = issue("intermediate", issuer=LEAF.root, subject=ca(LEAF).subject, slot=7)
    pile = Pile(LEAF, {"a": clean(), "b": crl(twin, revoked=[entry(LEAF.serial)])}, trusted=True)
    assert pile.reason() == "revocation.crl.signature"
    assert replace(pile, trusted=False).reason() == "good"  # the person who packed the target could have made it


def test_a_crl_of_another_key_of_the_same_name_that_removes_the_certificate_leaves_no_doubt() -> None:
    """It was said to revoke the certificate."""
    twin = issue("intermediate", issuer=LEAF.root, subject=ca(LEAF).subject, slot=7)
    removed = entry(LEAF.serial, reason="removeFromCRL")
    pile = Pile(LEAF, {"a": clean(), "b": crl(twin, revoked=[removed], delta_base=1, number=2)}, trusted=True)
    assert pile.reason() == "good"
    unclear = entry(LEAF.serial, reason="removeFromCRL", extra=[UNKNOWN_CRITICAL])
    assert replace(pile, crls={**pile.crls, "b": crl(twin, revoked=[unclear])}).reason() == "revocation.crl.signature"


def test_a_revocation_counts_before_a_hold() -> None:
    """REV-4."""
    leaf = Pki().code_chain(depth=3, leaf={"crl_urls": [URL]})
    middle = leaf.chain[1]
    held = crl(middle, revoked=[entry(leaf.serial, reason="certificateHold")])
    listed = crl(leaf.chain[2], revoked=[entry(middle.serial, reason="cACompromise")])
    assert Pile(leaf, {"a": held}).reason() == "revocation.on_hold"
    assert Pile(leaf, {"a": held, "b": listed}).reason() == "revocation.revoked"


def test_the_newest_that_condemns_is_named_with_its_reason() -> None:
    older = revoking(reason="superseded", this_update=AT - 9 * DAY)
    pile = Pile(LEAF, {"a.crl": older, "b.crl": revoking(number=2)})
    with pytest.raises(Rejected, match=r"\(keyCompromise\), says b\.crl"):
        pile.ask()
    with pytest.raises(Rejected, match=r"Z, says c\.crl"):
        Pile(LEAF, {"c.crl": revoking(reason=None)}).ask()


# Holds


HOLDS: dict[str, tuple[Callable[[], Pile], str]] = {
    "the newest that counts": (lambda: Pile(LEAF, {"a": clean(), "b": _hold(number=2)}), "revocation.on_hold"),
    "older than what clears": (lambda: Pile(LEAF, {"a": clean(), "b": _hold(this_update=AT - 9 * DAY)}), "good"),
    "of one moment, a lower number": (lambda: Pile(LEAF, {"a": clean(number=2), "b": _hold(number=1)}), "good"),
    "of one moment and number": (lambda: Pile(LEAF, {"a": clean(), "b": _hold()}), "revocation.on_hold"),
    "newer and of another scope": (
        lambda: Pile(LEAF, {"a": clean(), "b": _hold(this_update=AT, scope=scope(only_ca=True))}),
        "revocation.crl.scope",
    ),
    "newer and stale": (
        lambda: Pile(
            LEAF, {"a": clean(this_update=AT - 9 * DAY), "b": _hold(this_update=AT - 5 * DAY, next_update=AT - DAY)}
        ),
        "revocation.crl.stale",
    ),
    "in a CRL newer than a good answer": (
        lambda: Pile(
            BOTH, {"a": _hold(BOTH, this_update=AT)}, {"o": ocsp_response(BOTH, this_update=AT - DAY)}
        ),
        "revocation.on_hold",
    ),
    "in a CRL as new as a good answer": (
        lambda: Pile(BOTH, {"a": _hold(BOTH, this_update=AT)}, {"o": ocsp_response(BOTH, this_update=AT)}),
        "revocation.on_hold",
    ),
    "in a CRL older than a good answer": (
        lambda: Pile(
            BOTH, {"a": _hold(BOTH, this_update=AT - DAY)}, {"o": ocsp_response(BOTH, this_update=AT)}
        ),
        "good",
    ),
    "in a CRL that a newer one lifts, beside an older answer": (
        lambda: Pile(
            BOTH,
            {"a": _hold(BOTH, this_update=AT - DAY), "b": clean(BOTH, number=2, this_update=AT)},
            {"o": ocsp_response(BOTH, this_update=AT - 2 * DAY)},
        ),
        "good",
    ),
    "in the response that is good, with the name of the issuer in other bytes": (
        lambda: Pile(ONLY_OCSP, {}, _good_and_held(AT - DAY)), "revocation.on_hold",
    ),
    "the same, of the same time": (lambda: Pile(ONLY_OCSP, {}, _good_and_held(AT - 2 * DAY)), "revocation.on_hold"),
    "the same, and older": (lambda: Pile(ONLY_OCSP, {}, _good_and_held(AT - 3 * DAY)), "good"),
    "in an answer of a delegate that has ended, newer than a good one": (
        lambda: Pile(BOTH, {}, _held_by_ended_delegate(BOTH)), "revocation.ocsp.responder",
    ),
    "the same, and a newer CRL lifts it": (
        lambda: Pile(BOTH, {"a": clean(BOTH, this_update=AT - DAY)}, _held_by_ended_delegate(BOTH)), "good",
    ),
    "the same, of a certificate that names no CRL": (
        lambda: Pile(ONLY_OCSP, {"a": clean(ONLY_OCSP, this_update=AT - DAY)}, _held_by_ended_delegate(ONLY_OCSP)),
        "revocation.ocsp.responder",
    ),
    "in a CRL that a newer one lifts, beside an older answer, and no CRL is named": (
        lambda: Pile(
            ONLY_OCSP,
            {"a": _hold(ONLY_OCSP, this_update=AT - DAY), "b": clean(ONLY_OCSP, number=2, this_update=AT)},
            {"o": ocsp_response(ONLY_OCSP, this_update=AT - 2 * DAY)},
        ),
        "good",
    ),
    "in an answer newer than a clean CRL": (
        lambda: Pile(
            LEAF, {"a": clean()}, {"o": ocsp_response(LEAF, status="revoked", reason="certificateHold", this_update=AT)}
        ),
        "revocation.on_hold",
    ),
    "in an answer older than a clean CRL": (
        lambda: Pile(
            BOTH,
            {"a": clean(BOTH, this_update=AT)},
            {"o": ocsp_response(BOTH, status="revoked", reason="certificateHold", this_update=AT - DAY)},
        ),
        "good",
    ),
    "in an answer older than a clean CRL, and no CRL is named": (
        lambda: Pile(
            ONLY_OCSP,
            {"a": clean(ONLY_OCSP, this_update=AT)},
            {"o": ocsp_response(ONLY_OCSP, status="revoked", reason="certificateHold", this_update=AT - DAY)},
        ),
        "revocation.on_hold",
    ),
    "in an answer as new as a clean CRL": (
        lambda: Pile(
            BOTH,
            {"a": clean(BOTH, this_update=AT)},
            {"o": ocsp_response(BOTH, status="revoked", reason="certificateHold", this_update=AT)},
        ),
        "revocation.on_hold",
    ),
    "in an answer older than a CRL that does not count": (
        lambda: Pile(
            BOTH,
            {"a": clean(BOTH, this_update=AT, scope=scope(only_ca=True))},
            {"o": ocsp_response(BOTH, status="revoked", reason="certificateHold", this_update=AT - DAY)},
        ),
        "revocation.on_hold",
    ),
    "in a stale answer newer than a clean CRL": (
        lambda: Pile(
            LEAF,
            {"a": clean(this_update=AT - 9 * DAY)},
            {
                "o": ocsp_response(
                    LEAF, status="revoked", reason="certificateHold", this_update=AT - 5 * DAY, next_update=AT - DAY
                )
            },
        ),
        "revocation.ocsp.stale",
    ),
    "of a certificate that names no way to ask": (lambda: Pile(SILENT, {"a": _hold(SILENT)}), "revocation.on_hold"),
    "of a certificate that names no way to ask, and older than a clean one": (
        lambda: Pile(SILENT, {"a": _hold(SILENT, this_update=AT - 9 * DAY), "b": clean(SILENT, number=2)}),
        "good",
    ),
    "lifted by a delta": (
        lambda: Pile(
            LEAF,
            {
                "a": _hold(number=1, freshest=[DELTA]),
                "b": revoking(reason="removeFromCRL", number=2, delta_base=1, at=AT - DAY),
            },
        ),
        "good",
    ),
    "in a delta newer than a good answer": (
        lambda: Pile(
            BOTH,
            {
                "a": clean(BOTH, number=1, freshest=[DELTA], this_update=AT - 3 * DAY),
                "b": _hold(BOTH, number=2, delta_base=1, this_update=AT),
            },
            {"o": ocsp_response(BOTH, this_update=AT - DAY)},
        ),
        "revocation.on_hold",
    ),
    "in a delta without a base, beside another delta": (
        lambda: Pile(
            BOTH,
            {
                "a": clean(BOTH, number=2, delta_base=1, this_update=AT - 3 * DAY),
                "b": _hold(BOTH, number=3, delta_base=1, this_update=AT),
            },
            {"o": ocsp_response(BOTH, this_update=AT - DAY)},
        ),
        "revocation.crl.delta",
    ),
    "signed before the key was invalid": (
        lambda: Pile(LEAF, {"a": _hold(invalidity=AT - DAY)}, signed_at=AT - 2 * DAY), "good",
    ),
    "judged for the past, put on hold later": (
        lambda: Pile(
            LEAF, {"a": clean(this_update=AT - 30 * DAY), "b": _hold(at=AT - 10 * DAY)}, judged=AT - 20 * DAY
        ),
        "good",
    ),
}  # fmt: skip


def _hold(leaf: Issued = LEAF, **members: Any) -> bytes:
    return revoking(leaf, "certificateHold", **members)


def _good_and_held(made: datetime) -> dict[str, bytes]:
    """A response with two answers about one certificate; that of `made` hashes another spelling of its issuer."""
    held = single(ONLY_OCSP, status="revoked", reason="certificateHold", name_hash=bytes(20), this_update=made)
    return {"o": ocsp_response(ONLY_OCSP, singles=[single(ONLY_OCSP, this_update=AT - 2 * DAY), held])}


def _held_by_ended_delegate(leaf: Issued) -> dict[str, bytes]:
    """An answer that may not clear and says "on hold", beside an older one that clears."""
    delegate = issue("ocsp", issuer=ca(leaf), not_before=AT - 30 * DAY, not_after=AT - DAY)
    made = AT - 2 * DAY
    held = ocsp_response(
        leaf, responder=delegate, status="revoked", reason="certificateHold", this_update=made, produced_at=made
    )
    return {"held": held, "good": ocsp_response(leaf, this_update=AT - 5 * DAY)}


def test_a_hold_of_one_moment_and_number_counts_whatever_its_fingerprint() -> None:
    """The fingerprint orders the two lists, so that either comes first; it says nothing about which is newer."""
    pairs = [(clean(), _hold()) for _ in range(40)]  # each signature is another one, so that it has another fingerprint
    assert len({fingerprint(one) < fingerprint(other) for one, other in pairs}) == 2
    for one, other in pairs:
        assert Pile(LEAF, {"a": one, "b": other}).reason() == "revocation.on_hold"


def test_an_answer_that_lifts_a_hold_is_good_without_reserve() -> None:
    lifted = Pile(LEAF, {"a": clean(), "b": _hold(this_update=AT - 9 * DAY)})
    assert {use.status for use in lifted.ask()} == {"good"}


def test_a_hold_in_a_delta_that_fits_no_base_says_why_it_does_not_count() -> None:
    held = _hold(number=9, delta_base=8, this_update=AT)
    with pytest.raises(Undecided, match="builds on base number 8"):
        Pile(LEAF, {"a": clean(freshest=[DELTA]), "b": held, "c": clean(number=2, delta_base=1)}).ask()


@pytest.mark.parametrize("named", [True, False], ids=["ocsp", "no-way-to-ask"])
def test_an_answer_is_as_fresh_as_what_lifts_a_hold(*, named: bool) -> None:
    """When that goes stale, nothing lifts the hold any more: until then the answer is promised, and no longer."""
    leaf = BOTH if named else SILENT
    ends = AT + 2 * DAY
    held = _hold(leaf, this_update=AT - 3 * DAY, next_update=AT + 30 * DAY)
    crls = {"a": held, "b": clean(leaf, number=2, this_update=AT, next_update=ends)}
    ocsp = {"o": ocsp_response(leaf, this_update=AT - 9 * DAY)} if named else {}
    pile = Pile(leaf, crls, ocsp)
    assert min(use.good_until for use in pile.ask() if use.good_until) == ends
    later = ends + timedelta(seconds=1)
    assert replace(pile, judged=later, clock=later).reason() != "good"


@pytest.mark.parametrize("name", HOLDS)
def test_a_hold_condemns_until_newer_evidence_lifts_it(name: str) -> None:
    make, expected = HOLDS[name]
    assert make().reason() == expected


@pytest.mark.parametrize(
    ("trusted", "known", "made", "reason"),
    [
        pytest.param(True, False, {}, "revocation.crl.issuer", id="in the trust directory"),
        pytest.param(False, True, {}, "revocation.crl.issuer", id="in a target, and the CA is in a store"),
        pytest.param(False, False, {}, "good", id="in a target, of any maker"),
        pytest.param(False, True, {"signed_by": STRAY}, "good", id="in a target, in the name of a CA in a store"),
        pytest.param(
            False, False, {"signed_by": EC_KEY}, "revocation.crl.issuer", id="in a target, by the issuer's key"
        ),
    ],
)
def test_an_indirect_crl_of_another_ca_whose_list_cannot_be_read_may_list_it(
    *, trusted: bool, known: bool, made: dict[str, Any], reason: str
) -> None:
    other = issue("root", slot=3, subject=names.harbour("Other Root"))
    unread = crl(other, scope=scope(indirect=True), entries=b"\x30\x03\x02\x01", **made)
    pile = Pile(LEAF, {"a": clean(), "b": unread}, trusted=trusted, stored=(other,) if known else ())
    assert pile.reason() == reason


@pytest.mark.parametrize(("listed", "reason"), [(True, "revocation.crl.issuer"), (False, "good")])
def test_a_crl_of_another_ca_whose_extensions_cannot_be_read_may_be_indirect(*, listed: bool, reason: str) -> None:
    other = issue("root", slot=3, subject=names.harbour("Other Root"))
    twice = [Extension("1.2.3.4", b"")] * 2
    named = entry(LEAF.serial if listed else 7, certificate_issuer=ca(LEAF).subject)
    unread = crl(other, scope=scope(indirect=True), revoked=[named], extra=twice)
    pile = Pile(LEAF, {"a": clean(), "b": unread}, stored=(other,))
    assert pile.reason() == reason


@pytest.mark.parametrize(("trusted", "reason"), [(True, "revocation.crl.issuer"), (False, "good")])
def test_an_indirect_crl_of_another_ca_that_is_exchanged_meanwhile_may_list_it(*, trusted: bool, reason: str) -> None:
    other = issue("root", slot=3, subject=names.harbour("Other Root"))
    contents = [crl(other, scope=scope(indirect=True)), crl(other, scope=scope(indirect=True), number=2)]
    read = iter(contents)
    good = clean()
    pieces = [
        EvidenceFile("a.crl", "here", lambda: good, trusted=trusted),
        EvidenceFile("b.crl", "here", lambda: next(read), trusted=trusted),
    ]
    judge = RevocationJudge(
        EvidencePool(pieces, unread=()),
        Freshness(),
        Moment(judged=AT, clock=AT),
        stored=lambda: [Certificate.parse(other.der)],
    )
    chain = [Certificate.parse(issued.der) for issued in LEAF.chain]
    try:
        judge.check_chain(chain, kind="signing", signed_at=None)
        found = "good"
    except Undecided as error:
        found = error.reason
    assert found == reason
