"""The status of evidence: what replaces what, by the rules of the judge, and good only what answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha1
from pathlib import Path
from typing import Any

import pytest

from airgap.report.evidence_status import StatusReport
from airgap.trust.directory import TrustDirectory
from airgap.trust.status import TrustStatus, trust_status
from tests.support.crls import crl, scope
from tests.support.extensions import UNKNOWN_CRITICAL, KeyUsage
from tests.support.keyring import key
from tests.support.ocsp import key_bits, ocsp_response
from tests.support.pki import AT, Pki, issue, key_identifier
from tests.support.trust import write_trust

DAY = timedelta(days=1)
LEAF = Pki().code_chain()
ROOT = LEAF.root
CA = LEAF.chain[1]
DIRECT = issue("leaf", issuer=ROOT)
RENEWED = issue("root", slot=4, subject=CA.subject)
DELTA = "http://crl.example/delta.crl"
OLD: dict[str, Any] = {"this_update": AT - 9 * DAY, "next_update": AT - 8 * DAY}
NEW: dict[str, Any] = {"this_update": AT - DAY, "next_update": AT + DAY}


def status(
    folder: Path, crls: Mapping[str, bytes] | None = None, ocsp: Mapping[str, bytes] | None = None
) -> TrustStatus:
    trust = write_trust(folder / "trust", stores={"ca:harbour": [ROOT]}, crls=crls, ocsp=ocsp)
    return trust_status(TrustDirectory.open(trust), at=AT, clock=AT)


def states(found: TrustStatus) -> list[str]:
    return [piece.state.value for piece in found.pieces]


STALE = {name: crl(issuer, **OLD) for name, issuer in (("root", ROOT), ("ca", CA))}


@pytest.mark.parametrize(
    ("stale", "newer", "state"),
    [
        pytest.param(STALE["root"], crl(ROOT, number=2, **NEW), "superseded", id="the root's"),
        pytest.param(STALE["ca"], crl(CA, number=2, **NEW), "superseded", id="of an issuer that is not available"),
        pytest.param(STALE["ca"], crl(RENEWED, number=2, **NEW), "stale", id="of another key of the same name"),
        pytest.param(STALE["root"], crl(ROOT, number=2, signed_by=key("p256", 5), **NEW), "stale", id="forged"),
        pytest.param(STALE["root"], crl(ROOT, number=2, version=1, **NEW), "stale", id="version 1"),
        pytest.param(STALE["root"], crl(ROOT, number=2, extra=[UNKNOWN_CRITICAL], **NEW), "stale", id="not understood"),
        pytest.param(STALE["root"], crl(ROOT, number=2, hash_name="sha1", **NEW), "stale", id="SHA-1"),
        pytest.param(STALE["root"], crl(ROOT, number=2, scope=scope(only_ca=True), **NEW), "stale", id="another scope"),
        pytest.param(
            crl(ROOT, number=11, delta_base=10, **OLD), crl(ROOT, number=14, delta_base=13, **NEW), "stale", id="delta"
        ),
    ],
)
def test_reports_what_replaces_a_stale_piece(tmp_path: Path, stale: bytes, newer: bytes, state: str) -> None:
    """Whatever called itself newer did, also what verify then had no answer by."""
    found = status(tmp_path, {"a.crl": stale, "b.crl": newer})
    assert states(found)[0] == state
    assert found.is_good is (state == "superseded")


@pytest.mark.parametrize(
    ("crls", "expected"),
    [
        ({"a": crl(ROOT, freshest=[DELTA], **NEW)}, ["incomplete"]),
        ({"a": crl(ROOT, freshest=[DELTA], **NEW), "b": crl(ROOT, number=2, delta_base=1, **NEW)}, ["fresh", "fresh"]),
        (
            {"a": crl(ROOT, freshest=[DELTA], **NEW), "b": crl(ROOT, number=4, delta_base=3, **NEW)},
            ["incomplete", "incomplete"],
        ),
        ({"a": crl(ROOT, number=2, delta_base=1, **NEW)}, ["incomplete"]),
        (
            {"a": crl(CA, freshest=[DELTA], **NEW), "b": crl(RENEWED, number=2, delta_base=1, **NEW)},
            ["incomplete", "incomplete"],
        ),
    ],
)
def test_reports_a_base_with_its_delta(tmp_path: Path, crls: Mapping[str, bytes], expected: list[str]) -> None:
    """The status was good, and verify had no answer."""
    found = status(tmp_path, {f"{name}.crl": data for name, data in crls.items()})
    assert states(found) == expected
    assert found.is_good is (set(expected) == {"fresh"})


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(crl(ROOT, signed_by=key("p256", 5), **NEW), id="forged"),
        pytest.param(crl(ROOT, version=1, **NEW), id="version 1"),
        pytest.param(crl(ROOT, extra=[UNKNOWN_CRITICAL], **NEW), id="not understood"),
        pytest.param(crl(ROOT, number=-1, **NEW), id="a number that cannot be read"),
        pytest.param(crl(ROOT, scope=scope(indirect=True), **NEW), id="indirect"),
        pytest.param(crl(ROOT, scope=scope(only_attribute=True), **NEW), id="for attribute certificates"),
    ],
)
def test_evidence_that_does_not_clear_is_not_good(tmp_path: Path, data: bytes) -> None:
    found = status(tmp_path, {"a.crl": data})
    assert (states(found), found.is_good) == (["unusable"], False)


def test_a_forged_response_replaces_nothing(tmp_path: Path) -> None:
    leaf = issue("leaf", issuer=ROOT)
    stale = ocsp_response(leaf, **OLD)
    for number, (newer, good) in enumerate(
        [(ocsp_response(leaf, **NEW), True), (ocsp_response(leaf, signed_by=key("p256", 5), **NEW), False)]
    ):
        found = status(tmp_path / str(number), ocsp={"a.ors": stale, "b.ors": newer})
        assert found.is_good is good
        assert states(found)[0] == ("superseded" if good else "stale")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(ocsp_response(LEAF, status="unknown", **NEW), id="unknown"),
        pytest.param(ocsp_response(LEAF, extra=[UNKNOWN_CRITICAL], **NEW), id="not understood"),
    ],
)
def test_a_response_that_answers_nothing_is_not_good(tmp_path: Path, data: bytes) -> None:
    found = status(tmp_path, ocsp={"a.ors": data})
    assert (states(found), found.is_good) == (["unusable"], False)


@pytest.mark.parametrize("against", ["crl", "response"])
def test_the_answer_of_a_responder_that_is_revoked_is_not_good(tmp_path: Path, against: str) -> None:
    """The status was good: all pieces count."""
    delegate = issue("ocsp", issuer=ROOT)
    answer, older = ocsp_response(DIRECT, responder=delegate, **NEW), ocsp_response(DIRECT, **OLD)
    crls = {"c.crl": crl(ROOT, revoked=[delegate], **NEW)} if against == "crl" else {}
    ocsp = {"r.ors": ocsp_response(delegate, status="revoked", **NEW)} if against == "response" else {}
    found = status(tmp_path, crls, {"a.ors": answer, "b.ors": older, **ocsp})
    by_name = {piece.file: piece.state for piece in found.pieces}
    assert (by_name["ocsp/a.ors"], by_name["ocsp/b.ors"]) == ("unusable", "stale")
    assert not found.is_good


@pytest.mark.parametrize(
    "changes", [{"hash_name": "sha1"}, {"responder": issue("ocsp", issuer=ROOT, key_usage=KeyUsage(("keyCertSign",)))}]
)
def test_a_response_that_does_not_clear_is_not_good(tmp_path: Path, changes: dict[str, Any]) -> None:
    found = status(tmp_path, ocsp={"a.ors": ocsp_response(DIRECT, **changes, **NEW)})
    assert (states(found), found.is_good) == (["unusable"], False)


def test_a_response_replaces_one_that_names_the_issuer_by_another_hash(tmp_path: Path) -> None:
    """The older one stayed stale for ever, though verify has an answer."""
    ocsp = {"a.ors": ocsp_response(DIRECT, **OLD), "b.ors": ocsp_response(DIRECT, cert_hash="sha256", **NEW)}
    found = status(tmp_path, ocsp=ocsp)
    assert (states(found), found.is_good) == (["superseded", "fresh"], True)


def flipped(piece: bytes, part: bytes) -> bytes:
    assert piece.count(part) == 1
    return piece.replace(part, part[:-1] + bytes([part[-1] ^ 1]))


LISTING = crl(ROOT, number=2, revoked=[CA], **NEW)
ANSWER = ocsp_response(CA)
KEY_HASH = sha1(key_bits(ROOT.key), usedforsecurity=False).digest()


@pytest.mark.parametrize(
    ("crls", "ocsp"),
    [
        pytest.param({"b.crl": flipped(LISTING, ROOT.subject)}, {}, id="in its issuer's name"),
        pytest.param({"b.crl": flipped(LISTING, key_identifier(ROOT.key))}, {}, id="in the identifier of its key"),
        pytest.param({}, {"b.ors": flipped(ANSWER, KEY_HASH)}, id="in the hash of its key"),
    ],
)
def test_evidence_with_a_damaged_issuer_is_not_good(
    tmp_path: Path, crls: Mapping[str, bytes], ocsp: Mapping[str, bytes]
) -> None:
    """Verify found it doubtful, and the status was good."""
    assert not status(tmp_path, {"a.crl": crl(ROOT, **NEW), **crls}, ocsp).is_good


@pytest.mark.parametrize("place", [CA.subject, key_identifier(CA.key)], ids=["name", "key"])
def test_damaged_evidence_of_a_ca_outside_of_the_stores_is_unusable(tmp_path: Path, place: bytes) -> None:
    whole, listing = crl(CA, **NEW), crl(CA, number=9, revoked=[7], **NEW)
    undamaged = status(tmp_path / "whole", {"a.crl": whole, "b.crl": crl(CA, number=9, **NEW)})
    assert "unusable" not in states(undamaged)
    assert "unusable" in states(status(tmp_path / "damaged", {"a.crl": whole, "b.crl": flipped(listing, place)}))


def test_pieces_of_another_key_of_the_ca_are_usable(tmp_path: Path) -> None:
    new = issue("root", slot=4, subject=ROOT.subject)
    answer = ocsp_response(issue("intermediate", issuer=new))
    found = status(tmp_path, {"a.crl": crl(ROOT, **NEW), "b.crl": crl(new, **NEW)}, {"b.ors": answer})
    assert states(found) == ["fresh", "fresh", "fresh"]


def test_a_crl_without_identifiers_of_a_ca_of_nearly_the_same_name_is_good(tmp_path: Path) -> None:
    near = crl(issue("root", slot=4, subject=ROOT.subject[:-1] + b"x"), version=None, **NEW)
    assert states(status(tmp_path, {"a.crl": crl(ROOT, **NEW), "b.crl": near})) == ["fresh", "fresh"]


@pytest.mark.parametrize(
    ("crls", "ocsp", "unchecked"),
    [
        ({"a.crl": crl(ROOT, **NEW)}, None, []),
        ({"a.crl": crl(CA, **NEW)}, None, ["crls/a.crl"]),
        ({"a.crl": crl(ROOT, **NEW), "b.crl": crl(CA, **NEW)}, None, ["crls/b.crl"]),
        ({"a.crl": crl(CA, **OLD), "b.crl": crl(CA, number=2, **NEW)}, None, ["crls/b.crl"]),
        (None, {"a.ors": ocsp_response(LEAF, **NEW)}, ["ocsp/a.ors"]),
        (None, {"a.ors": ocsp_response(CA, **NEW)}, []),
    ],
)
def test_what_cannot_be_checked_for_damage_is_not_called_good(
    tmp_path: Path, crls: Mapping[str, bytes] | None, ocsp: Mapping[str, bytes] | None, unchecked: list[str]
) -> None:
    """Without a certificate of its issuer a damaged CRL was GOOD."""
    found = status(tmp_path, crls, ocsp)
    assert [piece.file for piece in found.unchecked] == unchecked
    report = StatusReport(found, verbose=False)
    (headline,) = report.brief_lines()
    assert headline.startswith(f"NOT CHECKED: {len(unchecked)} of " if unchecked else "GOOD: "), headline
    assert report.exit_code == 0
    assert [piece["checked"] for piece in report.document()["pieces"] if piece["state"] == "fresh"].count(False) == len(
        unchecked
    )
