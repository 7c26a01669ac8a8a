"""Available evidence: docs/reference/trust-directory.md."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airgap import limits
from airgap.errors import FormatError, TrustMaterialError, Undecided
from airgap.moment import Moment
from airgap.oci.digest import Digest
from airgap.pki.certificate import Certificate
from airgap.pki.crl import Crl
from airgap.pki.extensions import authority_key
from airgap.revocation.evidence_directory import EvidenceDirectory
from airgap.revocation.evidence_files import EvidenceFile
from airgap.revocation.freshness import Freshness
from airgap.revocation.judge import RevocationJudge
from airgap.revocation.pool import EvidencePool
from airgap.revocation.unsigned_evidence import UnsignedEvidence
from tests.support import asn1, crls, names
from tests.support.evidence import MemoryEvidence
from tests.support.extensions import Extension
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Issued, issue
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


def parsed(issued: Issued) -> Certificate:
    return Certificate.parse(issued.der)


def folder(path: Path, **members: Any) -> EvidenceDirectory:
    return EvidenceDirectory.open(write_trust(path, **members))


def found(evidence: EvidencePool, issuer: Issued = ROOT) -> list[str]:
    return [file.name for file in evidence.crls(issuer.subject)]


def unread(evidence: EvidencePool, about: Issued = LEAF, urls: Sequence[str] = ()) -> list[str]:
    certificate = parsed(about)
    key = authority_key(certificate.extensions)
    assert key
    return [item.name for item in evidence.unread(certificate.issuer, [key], urls)]


def test_a_crl_is_found_by_its_issuer_newest_first(tmp_path: Path) -> None:
    evidence = folder(tmp_path, crls={"a.crl": OLD, "b.crl": NEW, "c.CRL": FOREIGN, "d.crl": crls.pem(DELTA)})
    assert found(evidence) == ["d.crl", "b.crl", "a.crl"]
    assert found(evidence, OTHER) == ["c.CRL"]
    assert evidence.notices() == ()
    assert [file.facts.is_delta for file in evidence.crls(ROOT.subject)] == [True, False, False]


def test_the_issuer_is_compared_as_a_name_and_not_as_bytes(tmp_path: Path) -> None:
    """RFC 5280, 7.1: issuers write their own name in several string types."""
    evidence = folder(tmp_path, crls={"a.crl": crls.crl(ROOT, issuer_name=names.respelt(ROOT.subject))})
    assert found(evidence) == ["a.crl"]
    assert found(evidence, OTHER) == []


def test_a_file_has_its_name_and_origin(tmp_path: Path) -> None:
    (file,) = folder(tmp_path, crls={"a\x1b.crl": NEW}).crls(ROOT.subject)
    assert (file.name, file.origin, file.trusted) == ("a\\x1b.crl", "trust directory", True)
    assert file.facts.this_update == crls.THIS_UPDATE
    assert file.load() == Crl.parse(NEW)


def test_an_index_decides_nothing(tmp_path: Path) -> None:
    """Decision 0009: the answer depends on no index. It says where a file came from."""
    evidence = folder(
        tmp_path,
        crls={"a.crl": OLD, "b.crl": NEW, "c.crl": FOREIGN},
        crl_index=json.dumps({URL: "c.crl", OTHER_URL: ["a.crl"]}).encode(),
    )
    assert found(evidence) == ["b.crl", "a.crl"]
    assert [file.name for file in evidence.mapped([URL])] == ["c.crl"]
    assert [file.name for file in evidence.mapped([URL, OTHER_URL])] == ["a.crl", "c.crl"]


BROKEN: list[tuple[str, Callable[[Path], object]]] = [
    ("garbage", lambda path: path.write_bytes(b"garbage")),
    ("empty", lambda path: path.write_bytes(b"")),
    ("cut", lambda path: path.write_bytes(NEW[:-20])),
    ("link", lambda path: path.symlink_to("../b.crl")),
]


@pytest.mark.parametrize("name", ["a.crl", "a.crl.pem", "A.CRL", "old/a.crl"])
@pytest.mark.parametrize(("kind", "make"), BROKEN, ids=[kind for kind, _ in BROKEN])
def test_an_unreadable_file_concerns_all_that_it_may_list(
    tmp_path: Path, kind: str, make: Callable[[Path], object], name: str
) -> None:
    """Decision 0009: never passed over with a line of text."""
    write_trust(tmp_path, crls={"b.crl": NEW})
    (tmp_path / "crls/old").mkdir()
    make(tmp_path / "crls" / name)
    evidence = EvidenceDirectory.open(tmp_path)
    assert found(evidence) == ["b.crl"]
    assert unread(evidence) == [name]
    (notice,) = evidence.notices()
    assert (notice.reason, notice.facts["name"]) == ("evidence.unusable", name)
    assert notice.facts["problem"]


def test_a_damaged_crl_with_a_readable_issuer_concerns_only_that_issuer(tmp_path: Path) -> None:
    other = crls.pem(FOREIGN)
    wrong = other[:-80] + b"#" + other[-79:]
    evidence = folder(tmp_path, crls={"a.crl": NEW[:-20], "b.crl": wrong, "c.crl": FOREIGN[:-20]})
    assert unread(evidence) == ["a.crl"]
    assert unread(evidence, issue("leaf", issuer=OTHER)) == ["b.crl", "c.crl"]


@pytest.mark.parametrize(
    "file",
    [
        crls.pem(FOREIGN)[:-80],
        crls.pem(FOREIGN)[:-80] + crls.pem(NEW),
        crls.pem(FOREIGN).replace(b"A", b"#", 1) + crls.pem(NEW).replace(b"M", b"#", 1),
        crls.pem(FOREIGN).replace(b"A", b"#", 1) + crls.pem(NEW)[5:].replace(b"M", b"#", 1),
        crls.pem(NEW)[:-40] + crls.pem(FOREIGN).replace(b"A", b"#", 1),
    ],
)
def test_a_damaged_file_that_may_hold_a_crl_of_another_issuer_concerns_each(tmp_path: Path, file: bytes) -> None:
    """It is not known what followed in a PEM file that is cut."""
    assert unread(folder(tmp_path, crls={"a.crl": file}))


def test_reports_and_ignores_an_unreadable_file_in_a_target() -> None:
    evidence = MemoryEvidence({"a.crl": b"garbage", "b.crl": NEW})
    assert (found(evidence), unread(evidence)) == (["b.crl"], [])
    assert [notice.facts["name"] for notice in evidence.notices()] == ["a.crl"]


def test_a_missing_mapped_response_concerns_the_certificates_of_its_responder(tmp_path: Path) -> None:
    leaf = issue("leaf", issuer=ROOT, ocsp_urls=[URL])

    def check(name: str, url: str) -> None:
        trust = write_trust(tmp_path / name, ocsp={"good.ors": ocsp_response(leaf)}, ocsp_index={url: "gone.ors"})
        moment = Moment(judged=AT, clock=AT)
        judge = RevocationJudge(EvidenceDirectory.open(trust), Freshness(), moment, stored=tuple)
        assert judge.check_chain([parsed(leaf), parsed(ROOT)], kind="signing", signed_at=None)

    check("another", OTHER_URL)
    with pytest.raises(Undecided) as caught:
        check("own", URL)
    assert caught.value.reason == "evidence.unread"


def test_a_missing_mapped_file_concerns_the_certificates_with_its_url(tmp_path: Path) -> None:
    evidence = folder(tmp_path, crls={"b.crl": NEW}, crl_index={URL: "a.crl"})
    assert unread(evidence) == []
    assert unread(evidence, urls=[URL]) == ["a.crl"]
    (notice,) = evidence.notices()
    assert notice.facts["name"] == "a.crl"


def test_a_file_over_its_bound_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airgap.limits.CRL_FILE_BYTES", len(NEW))
    evidence = folder(tmp_path, crls={"a.crl": crls.crl(ROOT, revoked=range(100)), "b.crl": NEW})
    assert (found(evidence), unread(evidence)) == (["b.crl"], ["a.crl"])
    assert "more than" in evidence.notices()[0].message


def test_uses_a_file_with_a_wrong_name_or_place(tmp_path: Path) -> None:
    write_trust(
        tmp_path,
        crls={
            "a.crl.pem": crls.pem(NEW),
            "b": OLD,
            "README.txt": b"ours",
            ".DS_Store": b"\x30",
            "._a.crl": b"\0\5\x16\7",
        },
        ocsp={"c.crl": DELTA},
    )
    (tmp_path / "crls/2025/q1").mkdir(parents=True)
    (tmp_path / "crls/2025/q1/d.crl").write_bytes(crls.crl(ROOT, this_update=crls.THIS_UPDATE - DAY))
    (tmp_path / "crls/answer.ors").write_bytes(ocsp_response(LEAF))
    evidence = EvidenceDirectory.open(tmp_path)
    assert found(evidence) == ["c.crl", "a.crl.pem", "2025/q1/d.crl", "b"]
    assert [file.name for file in evidence.ocsp(parsed(LEAF).serial)] == ["answer.ors"]
    assert unread(evidence) == []
    assert [notice.facts["name"] for notice in evidence.notices()] == ["README.txt"]


def test_a_folder_too_deep_to_read_is_not_treated_as_empty(tmp_path: Path) -> None:
    deep = tmp_path.joinpath("crls", *"abcdefg")
    deep.mkdir(parents=True)
    (deep / "a.crl").write_bytes(NEW)
    assert unread(EvidenceDirectory.open(tmp_path)) == ["a/b/c/d/e"]


def test_several_crls_in_one_file_are_several_crls(tmp_path: Path) -> None:
    """nginx, Apache and haproxy want them so."""
    evidence = folder(tmp_path, crls={"all.pem": crls.pem(OLD) + b"\n" + crls.pem(FOREIGN) + crls.pem(NEW)})
    assert found(evidence) == ["all.pem, CRL 3", "all.pem, CRL 1"]
    assert found(evidence, OTHER) == ["all.pem, CRL 2"]
    assert evidence.crls(ROOT.subject)[0].load() == Crl.parse(NEW)


@pytest.mark.parametrize(
    "damaged",
    [
        crls.pem(NEW)[:-80],
        crls.pem(NEW)[40:],
        crls.pem(NEW).replace(b"X509 CRL", b"CRL"),
        crls.pem(NEW).decode().encode("utf-16"),
        NEW,
    ],
    ids=["cut", "without its first line", "another label", "UTF-16", "DER"],
)
@pytest.mark.parametrize("behind", [True, False])
def test_a_damaged_crl_beside_a_whole_one_in_one_file_counts(tmp_path: Path, damaged: bytes, behind: bool) -> None:
    parts = (crls.pem(OLD), damaged) if behind or damaged[:1] == b"\x30" else (damaged, b"\n", crls.pem(OLD))
    evidence = folder(tmp_path, crls={"all.pem": b"".join(parts)})
    assert found(evidence) == ["all.pem, CRL 1"]
    assert unread(evidence) == ["all.pem"]
    assert evidence.crls(ROOT.subject)[0].load() == Crl.parse(OLD)


@pytest.mark.parametrize("length", range(1, len(b"-----BEGIN X509 CRL-----") + 1))
def test_a_file_that_is_cut_in_the_first_line_of_a_block_counts(tmp_path: Path, length: int) -> None:
    evidence = folder(tmp_path, crls={"all.pem": crls.pem(OLD) + b"-----BEGIN X509 CRL-----"[:length] + b"\n"})
    assert unread(evidence) == ["all.pem"]


def test_text_and_certificates_beside_a_crl_are_ignored(tmp_path: Path) -> None:
    certificate = crls.pem(ROOT.der).replace(b"X509 CRL", b"CERTIFICATE")
    evidence = folder(tmp_path, crls={"all.pem": b"Certificate Revocation List:\n" + crls.pem(OLD) + certificate})
    assert found(evidence) == ["all.pem"]
    assert unread(evidence) == []
    assert evidence.notices() == ()


def test_uses_hidden_evidence_and_ignores_files_of_other_tools(tmp_path: Path) -> None:
    write_trust(tmp_path, crls={".a.crl.1f.tmp": OLD, ".b.crl.pem": crls.pem(NEW)[:-80], "._c.crl": b"\0\5\x16\7"})
    (tmp_path / "crls/.AppleDouble").mkdir()
    (tmp_path / "crls/.AppleDouble/b.crl").write_bytes(b"\0\5\x16\7")
    (tmp_path / "crls/.old").mkdir()
    (tmp_path / "crls/.old/d.crl").write_bytes(DELTA)
    evidence = EvidenceDirectory.open(tmp_path)
    assert found(evidence) == [".old/d.crl", ".a.crl.1f.tmp"]
    assert unread(evidence) == [".b.crl.pem"]


@pytest.mark.parametrize(
    "name",
    [
        "..2026_11_30/x.crl",
        ".git/x.crl",
        ".new/x",
        ".site.tmp",
        ".x.crl.Ab12Cd",
        "._x.crl",
        "x.crl.sig",
        "x.crl.sha256",
        ".old/x",
        "thumbs.db",
        "x.asc",
    ],
)
@pytest.mark.parametrize(
    "data",
    [
        NEW[:-20],
        NEW[8:],
        NEW[100:],
        gzip.compress(NEW),
        crls.pem(NEW)[:-80],
        crls.pem(NEW)[8:],
        crls.pem(NEW)[40:-40],
        b"-----BEGIN PGP MESSAGE-----\n\niQEz\n-----END PGP MESSAGE-----\n",
        b"-----BEGIN PGP SIGNATURE-----\n\niQEz\n-----END PGP SIGNATURE-----\n" + NEW[8:],
    ],
)
def test_damaged_evidence_counts_under_names_that_tools_leave_behind(tmp_path: Path, name: str, data: bytes) -> None:
    """Kubernetes, git, rsync and editors use such names; a damaged file may be the newest CRL."""
    assert unread(folder_with(tmp_path, name, data)) == [name]


@pytest.mark.parametrize("name", [".new/x.crl", ".x.crl.Ab12Cd", "._x.crl", "x.crl.sha256", "x", ".site.tmp"])
def test_an_emptied_file_named_as_evidence_counts(tmp_path: Path, name: str) -> None:
    assert unread(folder_with(tmp_path, name, b"")) == [name]


def test_a_file_that_is_being_written_here_is_no_evidence_yet(tmp_path: Path) -> None:
    assert unread(folder_with(tmp_path, ".x.crl.0123456789ab.tmp", NEW[:-20])) == []


def folder_with(trust: Path, name: str, data: bytes) -> EvidencePool:
    """A trust directory with one file below `crls/`."""
    write_trust(trust, crls={"old.crl": OLD})
    (trust / "crls" / name).parent.mkdir(exist_ok=True)
    (trust / "crls" / name).write_bytes(data)
    return EvidenceDirectory.open(trust)


def test_a_file_that_changes_between_two_readings_is_unreadable() -> None:
    contents = [NEW, OLD]
    (file,) = EvidencePool([EvidenceFile("a.crl", "test", lambda: contents.pop(0))], unread=()).crls(ROOT.subject)
    with pytest.raises(FormatError, match="exchanged"):
        file.load()
    contents = [crls.pem(OLD) + crls.pem(NEW), crls.pem(OLD)]
    newest, _ = EvidencePool([EvidenceFile("a.crl", "test", lambda: contents.pop(0))], unread=()).crls(ROOT.subject)
    with pytest.raises(FormatError, match="exchanged"):
        newest.load()


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
    with pytest.raises(TrustMaterialError, match="more than 1 entries"):
        folder(tmp_path, crls={"a.crl": NEW, "b.crl": NEW})
    (tmp_path / "ocsp").write_bytes(b"")
    monkeypatch.setattr(limits, "EVIDENCE_FILES", 10)
    with pytest.raises(TrustMaterialError, match="is a file, not a folder"):
        EvidenceDirectory.open(tmp_path)


def test_files_in_folders_count_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_trust(tmp_path, crls={"a.crl": NEW})
    (tmp_path / "crls/b").mkdir()
    for number in range(3):
        (tmp_path / f"crls/b/{number}.crl").write_bytes(NEW)
    monkeypatch.setattr(limits, "EVIDENCE_FILES", 3)
    with pytest.raises(TrustMaterialError, match="more than 3"):
        EvidenceDirectory.open(tmp_path)


def test_without_folders_there_is_no_evidence(tmp_path: Path) -> None:
    evidence = EvidenceDirectory.open(tmp_path)
    assert found(evidence) == []
    assert evidence.ocsp(parsed(LEAF).serial) == ()
    assert evidence.newest() is None
    assert evidence.notices() == ()


def test_an_ocsp_response_is_found_by_the_serial_number_it_is_about(tmp_path: Path) -> None:
    older = ocsp_response(LEAF, produced_at=crls.THIS_UPDATE - DAY)
    evidence = folder(
        tmp_path,
        ocsp={
            "a.ors": older,
            "b.ors": ocsp_response(LEAF),
            "c.ors": ocsp_response(SECOND),
            "e.ors": b"garbage",
            "f.txt": ocsp_response(LEAF, produced_at=crls.THIS_UPDATE - 2 * DAY),
        },
    )
    assert [file.name for file in evidence.ocsp(parsed(LEAF).serial)] == ["b.ors", "a.ors", "f.txt"]
    assert unread(evidence) == ["e.ors"]


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


def test_reads_files_when_needed_and_once_for_all_threads() -> None:
    reads: list[str] = []

    def read() -> bytes:
        reads.append("read")
        return NEW

    evidence = EvidencePool([EvidenceFile("a.crl", "test", read)], unread=())
    assert reads == []
    with ThreadPoolExecutor(8) as pool:
        files = list(pool.map(lambda _: evidence.crls(ROOT.subject)[0], range(32)))
        assert len(reads) == 1
        bodies = list(pool.map(lambda file: file.load(), files))
    assert len(reads) == 2
    assert all(body is bodies[0] for body in bodies)


@pytest.mark.parametrize("is_as_it_came", [True, False])
def test_unsigned_evidence_counts_fully_once_it_is_replaced(*, is_as_it_came: bool) -> None:
    brought = NEW if is_as_it_came else OLD
    piece = EvidenceFile("a.crl", "trust directory", lambda: NEW, trusted=True, unsigned=Digest.of(brought))
    assert [file.trusted for file in EvidencePool([piece], unread=()).all_crls()] == [not is_as_it_came]


def test_the_record_of_unsigned_evidence_ends_with_its_last_file(tmp_path: Path) -> None:
    UnsignedEvidence({"crls/a.crl": Digest.of(NEW)}).write(tmp_path)
    assert UnsignedEvidence.read(tmp_path).files
    (record,) = (tmp_path / ".airgap").iterdir()
    UnsignedEvidence({}).write(tmp_path)
    assert not record.exists()
    UnsignedEvidence({}).write(tmp_path)


@pytest.mark.parametrize("is_named", [True, False])
def test_a_file_that_the_index_names_must_be_evidence(tmp_path: Path, *, is_named: bool) -> None:
    """A certificate under the name of a certificate is passed over, but not where a CRL was expected."""
    trust = write_trust(tmp_path, crls={"a.crl": NEW})
    (trust / "crls/list.pem").write_bytes(LEAF.pem)
    index = {URL: "list.pem"} if is_named else {URL: "a.crl"}
    (trust / "crls/index.json").write_text(json.dumps(index))
    assert [item.name for item in EvidenceDirectory.open(trust).all_unread()] == (["list.pem"] if is_named else [])


_INDIRECT = Extension(crls.ISSUING_POINT, asn1.sequence(asn1.implicit(4, b"\xff")), critical=True)


@pytest.mark.parametrize(
    "members",
    [
        {"scope": _INDIRECT},
        {"scope": _INDIRECT._replace(value=b"\x30\x01")},
        {"scope": _INDIRECT._replace(value=b"")},
        {"scope": _INDIRECT, "extra": [_INDIRECT]},
        {"revoked": [crls.entry(7), crls.entry(8, certificate_issuer=b"\x30\0")]},
        {"revoked": [crls.entry(7, extra=[Extension("2.5.29.29", b"\x30\x01", critical=True)])]},
    ],
    ids=["indirect", "cut", "empty", "twice", "entry", "entry that cannot be read"],
)
def test_a_crl_whose_scope_or_entry_is_indirect_or_cannot_be_read_may_list_certificates_of_others(
    members: dict[str, Any],
) -> None:
    """RFC 5280, 5.2.5 and 5.3.3: indirectCRL, certificateIssuer."""
    plain = crls.crl(ROOT, scope=crls.scope(only_ca=True))
    evidence = MemoryEvidence({"a": crls.crl(ROOT, **members), "b": plain, "c": NEW})
    assert [file.name for file in evidence.indirect()] == ["a"]


@pytest.mark.parametrize("value", [b"", b"\x30\x01"], ids=["empty", "cut"])
def test_a_crl_of_another_ca_with_a_scope_that_cannot_be_read_is_not_passed_over(value: bytes) -> None:
    """One with an empty scope was, so that a certificate that it lists passed."""
    listed = crls.entry(LEAF.serial, reason="keyCompromise", certificate_issuer=ROOT.subject)
    foreign = crls.crl(OTHER, scope=_INDIRECT._replace(value=value), revoked=[listed])
    evidence = MemoryEvidence({"a": NEW, "b": foreign}, {"o": ocsp_response(LEAF)}, trusted=True)
    judge = RevocationJudge(evidence, Freshness(), Moment(judged=AT, clock=AT), stored=tuple)
    with pytest.raises(Undecided) as caught:
        judge.check_chain([parsed(LEAF), parsed(ROOT)], kind="signing", signed_at=None)
    assert caught.value.reason == "revocation.crl.issuer"
