"""Evidence at hand: design 4."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airgap import limits
from airgap.errors import FormatError, TrustMaterialError
from airgap.pki.certificate import Certificate, DistributionPoint
from airgap.pki.crl import Crl
from airgap.revocation.directory import EvidenceDirectory
from airgap.revocation.index import EvidenceIndex
from airgap.revocation.pool import EvidencePool, Piece
from tests.support import crls, names
from tests.support.evidence import MemoryEvidence
from tests.support.ocsp import ocsp_response
from tests.support.pki import Issued, issue
from tests.support.trust import write_trust

URL, OTHER_URL = "http://crl.example/root.crl", "http://crl.example/other.crl"
ROOT = issue("root")
OTHER = issue("root", slot=3, subject=names.harbour("Other Root"))
LEAF = issue("leaf", issuer=ROOT, ocsp_urls=["http://ocsp.example"])
SECOND = issue("leaf", issuer=ROOT, ocsp_urls=["http://ocsp.example"])
DAY = timedelta(days=1)
OLD = crls.crl(ROOT, this_update=crls.THIS_UPDATE - 30 * DAY, number=1)
NEW = crls.crl(ROOT, this_update=crls.THIS_UPDATE, number=2)
DELTA = crls.crl(ROOT, this_update=crls.THIS_UPDATE + DAY, number=3, delta_base=2)
FOREIGN = crls.crl(OTHER)


def point(*uris: str) -> DistributionPoint:
    return DistributionPoint(uris=uris)


def parsed(issued: Issued) -> Certificate:
    return Certificate.parse(issued.der)


def folder(path: Path, **members: Any) -> EvidenceDirectory:
    return EvidenceDirectory.open(write_trust(path, **members))


def found(evidence: EvidencePool, *uris: str, issuer: Issued = ROOT) -> list[str]:
    return [file.name for file in evidence.crls(issuer.subject, point(*uris))]


def test_a_crl_is_found_by_its_issuer_newest_first(tmp_path: Path) -> None:
    evidence = folder(tmp_path, crls={"a.crl": OLD, "b.crl": NEW, "c.CRL": FOREIGN, "d.crl": crls.pem(DELTA)})
    assert found(evidence, URL) == ["d.crl", "b.crl", "a.crl"]
    assert found(evidence, issuer=OTHER) == ["c.CRL"]
    assert evidence.notices() == ()
    assert [file.is_delta for file in evidence.crls(ROOT.subject, point(URL))] == [True, False, False]


def test_a_candidate_tells_its_name_and_its_origin(tmp_path: Path) -> None:
    (file,) = folder(tmp_path, crls={"a\x1b.crl": NEW}).crls(ROOT.subject, point(URL))
    assert (file.name, file.origin) == ("a\\x1b.crl", "trust directory")
    assert file.this_update == crls.THIS_UPDATE
    assert file.load() == Crl.parse(NEW)


def test_files_that_urls_claim_answer_for_their_urls_whoever_issued_them(tmp_path: Path) -> None:
    evidence = folder(
        tmp_path,
        crls={"a.crl": OLD, "b.crl": NEW, "c.crl": FOREIGN},
        crl_index=json.dumps({URL: "c.crl", OTHER_URL: ["a.crl", "b.crl"]}).encode(),
    )
    assert found(evidence, URL) == ["c.crl"]
    assert found(evidence, OTHER_URL) == ["b.crl", "a.crl"]
    assert found(evidence, OTHER_URL, URL, "http://x") == ["b.crl", "c.crl", "a.crl"]


def test_what_a_url_claims_answers_for_no_other_url(tmp_path: Path) -> None:
    evidence = folder(tmp_path, crls={"a.crl": OLD, "b.crl": NEW}, crl_index={URL: "b.crl"})
    assert found(evidence, OTHER_URL) == ["a.crl"]
    assert found(evidence) == ["a.crl"]


def test_what_lies_beside_the_index_is_heard_too(tmp_path: Path) -> None:
    """Evidence proves itself: a newer CRL that somebody adds must not go unheard because an older one is mapped."""
    evidence = folder(tmp_path, crls={"a.crl": OLD, "b.crl": NEW}, crl_index={URL: "a.crl"})
    assert found(evidence, URL) == ["b.crl", "a.crl"]


@pytest.mark.parametrize("url", ["HTTP://crl.example/root.crl", URL + "/", URL + "?", "http://crl.example/root"])
def test_urls_are_compared_letter_for_letter(tmp_path: Path, url: str) -> None:
    assert found(folder(tmp_path, crls={"b.crl": NEW}, crl_index={URL: "b.crl"}), url) == []


def test_urls_that_differ_in_case_are_two_urls(tmp_path: Path) -> None:
    evidence = folder(tmp_path, crls={"a.crl": OLD, "b.crl": NEW}, crl_index={URL: "a.crl", URL.upper(): "b.crl"})
    assert found(evidence, URL) == ["a.crl"]


BROKEN: list[tuple[str, Callable[[Path], object]]] = [
    ("garbage", lambda path: path.write_bytes(b"garbage")),
    ("empty", lambda path: path.write_bytes(b"")),
    ("cut", lambda path: path.write_bytes(NEW[:-20])),
    ("link", lambda path: path.symlink_to("b.crl")),
    ("directory", lambda path: path.mkdir()),
]


@pytest.mark.parametrize(("kind", "make"), BROKEN, ids=[kind for kind, _ in BROKEN])
def test_a_file_that_can_not_be_used_is_left_out_with_a_notice(
    tmp_path: Path, kind: str, make: Callable[[Path], object]
) -> None:
    write_trust(tmp_path, crls={"b.crl": NEW})
    make(tmp_path / "crls" / "a.crl")
    evidence = EvidenceDirectory.open(tmp_path)
    assert found(evidence, URL) == ["b.crl"]
    (notice,) = evidence.notices()
    assert notice.reason == "evidence.unusable"
    assert notice.facts["name"] == "a.crl"
    assert notice.facts["problem"]


@pytest.mark.parametrize(("kind", "make"), BROKEN, ids=[kind for kind, _ in BROKEN])
def test_a_mapped_file_that_can_not_be_used_stays_a_candidate_that_says_why(
    tmp_path: Path, kind: str, make: Callable[[Path], object]
) -> None:
    write_trust(tmp_path, crls={"b.crl": NEW}, crl_index=json.dumps({URL: ["a.crl", "b.crl"]}).encode())
    make(tmp_path / "crls" / "a.crl")
    evidence = EvidenceDirectory.open(tmp_path)
    last = evidence.crls(ROOT.subject, point(URL))[-1]
    assert (last.name, last.header, last.is_delta) == ("a.crl", None, False)
    for _ in range(2):  # what failed once is remembered, and raised afresh
        with pytest.raises(FormatError) as caught:
            last.load()
        assert caught.value.problem
    assert [notice.facts["name"] for notice in evidence.notices()] == ["a.crl"]


def test_a_mapped_file_that_is_not_there_is_no_answer(tmp_path: Path) -> None:
    evidence = folder(tmp_path, crls={"b.crl": FOREIGN}, crl_index={URL: "a.crl"})
    assert found(evidence, URL) == []
    (notice,) = evidence.notices()
    assert notice.facts["name"] == "a.crl"


def test_a_file_over_its_bound_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airgap.limits.CRL_FILE_BYTES", len(NEW))
    evidence = folder(tmp_path, crls={"a.crl": crls.crl(ROOT, revoked=range(100)), "b.crl": NEW})
    assert found(evidence, URL) == ["b.crl"]
    assert "more than" in evidence.notices()[0].message


def test_what_is_not_named_as_evidence_is_left_out_with_a_notice(tmp_path: Path) -> None:
    evidence = folder(tmp_path, crls={"a.der": NEW, "mapped": OLD, ".DS_Store": b""}, crl_index={URL: "mapped"})
    assert found(evidence, URL) == ["mapped"]
    assert found(evidence, OTHER_URL) == []
    assert [notice.facts["name"] for notice in evidence.notices()] == ["a.der"]


@pytest.mark.parametrize(
    ("index", "member"),
    [
        (b"{", ""),
        (b"[]", ""),
        (b"\xef\xbb\xbf{}", ""),
        (b'{"http://x": "a.crl", "http://x": "b.crl"}', ""),
        (b'{"http://x": 7}', "http://x"),
        (b'{"http://x": null}', "http://x"),
        (b'{"http://x": []}', "http://x"),
        (b'{"http://x": ["a.crl", 7]}', "http://x"),
        *[
            (json.dumps({"http://x": name}).encode(), "http://x")
            for name in (
                "",
                ".",
                "..",
                "../a.crl",
                "/a.crl",
                "a/b.crl",
                "a\\b.crl",
                "C:a.crl",
                "a\0",
                "index.json",
                "a.crl.",
            )
        ],
    ],
)
def test_an_index_that_is_malformed_stops_everything(tmp_path: Path, index: bytes, member: str) -> None:
    for name in ("crl_index", "ocsp_index"):
        with pytest.raises(TrustMaterialError) as caught:
            folder(tmp_path / name, **{name: index})
        assert caught.value.reason == "evidence.malformed"
        assert caught.value.facts["member"] == member
        assert "index.json" in str(caught.value)


def test_an_index_that_is_a_link_stops_everything(tmp_path: Path) -> None:
    write_trust(tmp_path, crls={"a.crl": NEW})
    (tmp_path / "crls" / "index.json").symlink_to(tmp_path / "nowhere")
    with pytest.raises(TrustMaterialError, match="symbolic link"):
        EvidenceDirectory.open(tmp_path)


def test_a_folder_over_its_bound_or_that_is_none_stops_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "EVIDENCE_FILES", 1)
    with pytest.raises(TrustMaterialError, match="2 entries"):
        folder(tmp_path, crls={"a.crl": NEW, "b.crl": NEW})
    (tmp_path / "ocsp").write_bytes(b"")
    monkeypatch.setattr(limits, "EVIDENCE_FILES", 10)
    with pytest.raises(TrustMaterialError, match="can not be listed"):
        EvidenceDirectory.open(tmp_path)


def test_without_folders_there_is_no_evidence(tmp_path: Path) -> None:
    evidence = EvidenceDirectory.open(tmp_path)
    assert found(evidence, URL) == []
    assert evidence.ocsp(parsed(LEAF), parsed(ROOT)) == ()
    assert evidence.newest() is None
    assert evidence.notices() == ()


def test_an_ocsp_response_is_found_by_the_certificate_it_is_about(tmp_path: Path) -> None:
    older = ocsp_response(LEAF, this_update=crls.THIS_UPDATE - DAY)
    other_issuer = ocsp_response(LEAF, issuer=OTHER)
    evidence = folder(
        tmp_path,
        ocsp={
            "a.ors": older,
            "b.ors": ocsp_response(LEAF),
            "c.ors": ocsp_response(SECOND),
            "d.ors": other_issuer,
            "e.ors": b"garbage",
            "f.txt": ocsp_response(LEAF),
        },
    )
    files = evidence.ocsp(parsed(LEAF), parsed(ROOT))
    assert [file.name for file in files] == ["b.ors", "a.ors"]
    assert files[0].load().find(parsed(LEAF), parsed(ROOT)) is not None
    assert [notice.facts["name"] for notice in evidence.notices()] == ["f.txt", "e.ors"]


def test_a_responder_that_is_mapped_is_answered_by_its_files_and_those_beside(tmp_path: Path) -> None:
    evidence = folder(
        tmp_path,
        ocsp={"a.ors": ocsp_response(LEAF), "b.ors": ocsp_response(SECOND), "c.ors": b"garbage"},
        ocsp_index=json.dumps({"http://ocsp.example": ["b.ors", "c.ors"]}).encode(),
    )
    files = evidence.ocsp(parsed(LEAF), parsed(ROOT))
    assert [file.name for file in files] == ["b.ors", "a.ors", "c.ors"]
    with pytest.raises(FormatError):
        files[2].load()


def test_a_response_that_a_url_claims_answers_for_no_other_responder(tmp_path: Path) -> None:
    evidence = folder(tmp_path, ocsp={"a.ors": ocsp_response(LEAF)}, ocsp_index={"http://elsewhere.example": "a.ors"})
    assert evidence.ocsp(parsed(LEAF), parsed(ROOT)) == ()


def test_the_newest_piece_and_the_counts(tmp_path: Path) -> None:
    late = ocsp_response(LEAF, produced_at=crls.THIS_UPDATE + 9 * DAY)
    evidence = folder(tmp_path, crls={"a.crl": OLD, "b.crl": NEW, "c.crl": b""}, ocsp={"a.ors": late})
    newest = evidence.newest()
    assert newest is not None
    assert (newest.moment, newest.name) == (crls.THIS_UPDATE + 9 * DAY, "a.ors")
    summary = evidence.summary()
    assert (summary.crls, summary.ocsp_responses, summary.unusable) == (2, 1, 1)
    assert summary.newest == crls.THIS_UPDATE + 9 * DAY
    assert summary.oldest == crls.THIS_UPDATE - 30 * DAY


def test_evidence_in_memory_follows_the_same_rules() -> None:
    evidence = MemoryEvidence(
        {"a.crl": NEW, "b.crl": FOREIGN},
        {"a.ors": ocsp_response(LEAF)},
        crl_index=EvidenceIndex({URL: ("b.crl",)}),
        origin="bundle",
    )
    assert found(evidence, URL) == ["a.crl", "b.crl"]
    assert found(evidence, OTHER_URL) == ["a.crl"]
    (file,) = evidence.ocsp(parsed(LEAF), parsed(ROOT))
    assert (file.name, file.origin) == ("a.ors", "bundle")


def test_bodies_are_read_when_they_are_asked_for_and_once_by_any_number_of_threads() -> None:
    reads: list[str] = []

    def read() -> bytes:
        reads.append("read")
        return NEW

    evidence = EvidencePool(crls=[Piece("a.crl", "test", read)])
    assert reads == []
    with ThreadPoolExecutor(8) as pool:
        files = list(pool.map(lambda _: evidence.crls(ROOT.subject, point(URL))[0], range(32)))
        assert len(reads) == 1  # the header
        bodies = list(pool.map(lambda file: file.load(), files))
    assert len(reads) == 2
    assert all(body is bodies[0] for body in bodies)
