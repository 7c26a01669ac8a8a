"""A revoking CRL in crl/, CRLs/, beside the policy, in a store, one folder too deep: a pass without a message."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime, timedelta
from hashlib import sha1
from pathlib import Path

import pytest

from airgap import limits
from airgap.errors import Rejected, TrustMaterialError, Undecided
from airgap.files import list_folder
from airgap.moment import Moment
from airgap.pki.certificate import Certificate
from airgap.revocation import misplaced
from airgap.revocation.evidence_directory import EvidenceDirectory
from airgap.revocation.freshness import Freshness
from airgap.revocation.judge import RevocationJudge
from airgap.revocation.unsigned_evidence import UnsignedEvidence
from airgap.trust.snapshots.material import list_material
from airgap.trust.snapshots.pins import Pins
from airgap.trust.snapshots.state import State
from tests.support import names
from tests.support.command import Ran, run_here
from tests.support.crls import crl, entry, pem
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Pki, issue
from tests.support.scenario import Scene, Written
from tests.support.trust import write_trust

URL = "http://crl.example/leaf.crl"
LEAF = Pki().code_chain(depth=2, leaf={"crl_urls": [URL]})
GOOD = crl(LEAF.root, number=1)
REVOKING = crl(LEAF.root, number=2, this_update=AT, revoked=[entry(LEAF.serial, reason="keyCompromise")])
REVOKED = ocsp_response(LEAF, status="revoked")
PROGRAM = b"\x7fELF" + bytes(4096) + REVOKING
OTHER = issue("root", slot=3, subject=names.harbour("Other Root"))


def write(folder: Path) -> Written:
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": GOOD}
    return scene.write(folder)


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def text(written: Written) -> Ran:
    return run_here([item for item in written.arguments() if item not in {"--format", "json"}])


PLACES = [
    "crl/r.crl", "CRLs/r.crl", "Crl/r", "revocation/r.crl", "revocation-lists/r", "evidence/crls/r.crl", "r.crl",
    "r.crl.pem", "r.der", "trust/crls/r.crl", "truststore/crls/r.crl", "truststore/x509/ca/r.crl",
    "truststore/x509/ca/other/r.crl", "truststore/x509/ca/other/r.pem", "truststore/x509/ca/other/.r",
    "truststore/x509/ca/harbour/june/r.cer", "truststore/x509/ca/r.der", "truststore/r",
    "truststore/x509/crls/june/r.crl", ".crls/r.crl", "old/.crls/r", ".r.crl",
    "june/r.der", "a/b/c/d/e/f/g/r.crl", "june/r", "backup/r.bin", "backup/2026/r.txt", "r.dat", "june/.r",
    "index.json", "june/index.json", "plugins/r.crl", "plugins/crl/r", "localkeys/r.der", ".airgap/r", ".cache/r.der",
    ".cache/deep/.er/r", ".git/r.crl", ".lost.airgap/next/crls/r.crl",
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_uses_a_revoking_crl_anywhere_in_the_trust_directory(tmp_path: Path, place: str) -> None:
    written = write(tmp_path)
    assert run_here(written.arguments()).code == 0
    put(written.trust / place, pem(REVOKING) if place.endswith(".pem") else REVOKING)
    assert run_here(written.arguments("-q")).code == 15
    ran = text(written)
    assert ran.code == 15, ran
    assert f"{place} in the trust directory says something against" in ran.out
    assert f"Move {place} into crls/" in ran.out
    (written.trust / place).rename(written.trust / "crls/r.crl")
    assert run_here(written.arguments()).code == 14


@pytest.mark.parametrize("place", ["r.der", "june/r", "truststore/x509/ca/r.pem", "localkeys/r.txt"])
@pytest.mark.parametrize(
    "data",
    [
        REVOKING + b"\n",
        GOOD + REVOKING,
        pem(REVOKED).replace(b"X509 CRL", b"OCSP RESPONSE"),
        pem(REVOKING).replace(b"X509 CRL", b"CRL"),
    ],
    ids=["trailing", "two", "PEM", "label"],
)
def test_evidence_in_a_form_that_is_not_read_leaves_the_answer_open_under_any_name(
    tmp_path: Path, place: str, data: bytes
) -> None:
    """In crls/ and ocsp/ it did; elsewhere it was a pass without a message, unless its name was that of evidence."""
    written = write(tmp_path)
    put(written.trust / place, data)
    ran = text(written)
    assert ran.code == 15, ran
    assert place in ran.out


HOLD = entry(LEAF.serial, reason="certificateHold", at=AT - timedelta(days=10))


@pytest.mark.parametrize("is_also_in_place", [False, True])
@pytest.mark.parametrize(("number", "code"), [(1, 0), (3, 15)])
def test_a_lifted_hold_in_a_backup_is_ignored(
    tmp_path: Path, number: int, code: int, *, is_also_in_place: bool
) -> None:
    """What lifts it in its place lifts it elsewhere, too."""
    scene = Scene()
    scene.sign_with(LEAF)
    held = crl(LEAF.root, number=number, this_update=AT - timedelta(days=10 - number), revoked=[HOLD])
    scene.crls = {"good.crl": crl(LEAF.root, number=2, this_update=AT - timedelta(days=8))}
    if is_also_in_place:
        scene.crls["old.crl"] = held
    written = scene.write(tmp_path)
    put(written.trust / "crls.bak/old.crl", held)
    ran = run_here(written.arguments())
    assert ran.code == (14 if code and is_also_in_place else code), ran
    assert "crls.bak/old.crl" in ran.out


@pytest.mark.parametrize(
    ("place", "good", "reason"),
    [
        ("crls/h.crl", None, "revocation.on_hold"),
        ("crl/h.crl", None, "evidence.unread"),
        ("crl/h.crl", AT - timedelta(days=20), "evidence.unread"),
        ("crl/h.crl", AT - timedelta(days=1), ""),
    ],
)
def test_a_hold_also_counts_where_a_plugin_clears(
    tmp_path: Path, place: str, good: datetime | None, reason: str
) -> None:
    trust = write_trust(tmp_path, crls={"good.crl": crl(LEAF.root, this_update=good)} if good else {})
    put(trust / place, crl(LEAF.root, number=1, this_update=AT - timedelta(days=8), revoked=[HOLD]))
    evidence, moment = EvidenceDirectory.open(trust), Moment(judged=AT, clock=AT)
    judge = RevocationJudge(evidence, Freshness(), moment, stored=tuple)
    chain = [Certificate.parse(item.der) for item in LEAF.chain]
    with pytest.raises((Rejected, Undecided)) if reason else nullcontext() as caught:
        judge.refuse_condemned(chain, signed_at=None)
    if caught is not None:
        assert caught.value.reason == reason


@pytest.mark.parametrize("place", ["crls/r.crl", "crl/r.crl"])
@pytest.mark.parametrize("reason", ["certificateHold", "keyCompromise"])
def test_a_responder_that_is_on_hold_or_revoked_does_not_clear(tmp_path: Path, reason: str, place: str) -> None:
    """A hold outside of crls/ was asked about for the certificates of the chain alone."""
    scene = Scene()
    scene.sign_with(Pki().code_chain(depth=2, leaf={"ocsp_urls": ["http://ocsp.example"]}))
    root = scene.signature.leaf.root
    responder = issue("ocsp", issuer=root)
    scene.ocsp = {"good.ors": ocsp_response(scene.signature.leaf, responder=responder)}
    written = scene.write(tmp_path)
    assert run_here(written.arguments()).code == 0
    put(written.trust / place, crl(root, revoked=[entry(responder.serial, reason=reason)]))
    ran = run_here(written.arguments())
    assert (ran.code, ran.reasons) == (15, frozenset({"revocation.ocsp.responder"})), ran


def test_reads_all_files_in_a_folder_named_like_evidence(tmp_path: Path) -> None:
    """Its first bytes are lost, so that only the folder says what it was."""
    written = write(tmp_path)
    put(written.trust / "crl-copies/june/r", bytes(16) + REVOKING[16:])
    assert run_here(written.arguments()).code == 15
    (written.trust / "crl-copies").rename(written.trust / "june")
    assert run_here(written.arguments()).code == 0


@pytest.mark.parametrize("place", ["june/current", "current.bin"])
def test_uses_a_link_of_any_name_to_a_revoking_crl(tmp_path: Path, place: str) -> None:
    written = write(tmp_path)
    put(tmp_path / "elsewhere", REVOKING)
    (written.trust / place).parent.mkdir(exist_ok=True)
    (written.trust / place).symlink_to(tmp_path / "elsewhere")
    ran = text(written)
    assert ran.code == 15, ran
    assert f"{place} in the trust directory says something against" in ran.out


@pytest.mark.parametrize("place", ["certs/site.pem", "certs/site", "site.bin"])
@pytest.mark.parametrize("linked", [False, True])
def test_ignores_certificates_and_keys_elsewhere(tmp_path: Path, place: str, *, linked: bool) -> None:
    written = write(tmp_path)
    certificate = tmp_path / "elsewhere"
    certificate.write_bytes(OTHER.pem if place.endswith(".pem") else OTHER.der)
    (written.trust / place).parent.mkdir(exist_ok=True)
    if linked:
        (written.trust / place).symlink_to(certificate)
    else:
        (written.trust / place).write_bytes(certificate.read_bytes())
    assert run_here(written.arguments()).code == 0


@pytest.mark.parametrize("place", ["ocsps/r.ors", "OCSP/r.ors", "ocsp-responses/r.der", "r.ors", "trust/ocsp/r.ors"])
def test_uses_a_revoking_ocsp_response_anywhere(tmp_path: Path, place: str) -> None:
    written = write(tmp_path)
    put(written.trust / place, REVOKED)
    ran = text(written)
    assert ran.code == 15, ran
    assert f"Move {place} into ocsp/" in ran.out


@pytest.mark.parametrize("place", ["crl/r.crl", "CRLs/r.crl.pem", "r.crl", "truststore/x509/ca/other/r.crl"])
def test_an_unreadable_file_leaves_the_answer_open(tmp_path: Path, place: str) -> None:
    written = write(tmp_path)
    put(written.trust / place, REVOKING[:-10])
    ran = text(written)
    assert ran.code == 15, ran
    assert f"{place} in the trust directory cannot be used" in ran.out
    assert "outside of crls/" in ran.out


@pytest.mark.parametrize("name", ["crl", "CRLs", "Crls", "crl_s", "revocation", "trust/crls"])
def test_evidence_in_a_misspelt_folder_does_not_clear(tmp_path: Path, name: str) -> None:
    written = write(tmp_path)
    (written.trust / name).parent.mkdir(exist_ok=True)
    (written.trust / "crls").rename(written.trust / name)
    ran = text(written)
    assert ran.code == 15, ran
    assert "no CRL for the certificate" in ran.out
    assert f"{name}/good.crl in the trust directory is a CRL, and is outside of crls/" in ran.out
    assert f"→ Move {name}/good.crl into crls/" in ran.out


@pytest.mark.parametrize(
    ("place", "data"),
    [
        ("crl/good.crl", GOOD),
        ("other.crl", crl(OTHER, revoked=[entry(LEAF.serial)])),
        ("crl/README", b"see crls"),
        ("root.pem", LEAF.root.pem),
        (".crls/.DS_Store", b"\0\0\0\1Bud1" + bytes(64)),
        (".site.airgap/previous/crls/r.crl", REVOKING),
        ("plugins/crl-fetch/notation-crl-fetch", PROGRAM),
        ("plugins/notation-revocation.sh", b"#!/bin/sh\necho '-----BEGIN X509 CRL-----'\n"),
        (".git/objects/30/82", bytes.fromhex("7801") + REVOKING),
    ],
)
def test_misplaced_evidence_that_does_not_revoke_changes_nothing(tmp_path: Path, place: str, data: bytes) -> None:
    written = write(tmp_path)
    (written.trust / "site").mkdir()
    put(written.trust / place, data)
    assert run_here(written.arguments()).code == 0


def test_reports_a_folder_once(tmp_path: Path) -> None:
    trust = write_trust(tmp_path, crls={})
    for number in range(5):
        put(trust / f"crl/{number}.crl", crl(LEAF.root, number=number))
    (notice,) = EvidenceDirectory.open(trust).notices()
    assert notice.reason == "evidence.astray"
    assert "crl/0.crl" in notice.message
    assert "4 more" in notice.message
    assert "Move what is in crl/ into crls/" in notice.remedy


def test_reads_the_same_folder_under_another_name_once(tmp_path: Path) -> None:
    """Where upper and lower case are one, or a link is there for other tools."""
    trust = write_trust(tmp_path, crls={"good.crl": GOOD})
    (trust / "CRL").symlink_to("crls")
    evidence = EvidenceDirectory.open(trust)
    assert evidence.all_misplaced() == ()
    assert evidence.notices() == ()


def test_the_status_reports_misplaced_evidence(tmp_path: Path) -> None:
    trust = write_trust(tmp_path, crls={"good.crl": GOOD}, stores={"ca:harbour": [LEAF.root]})
    arguments = ["trust", "status", "--trust", str(trust), "--at", "2026-06-01T12:00:00Z"]
    assert run_here(arguments).code == 0
    put(trust / "crl/r.crl", GOOD)
    ran = run_here(arguments)
    assert ran.code == 15, ran
    assert "crl/r.crl" in ran.out


def test_refuses_a_snapshot_that_would_leave_misplaced_evidence_out(tmp_path: Path) -> None:
    trust = write_trust(tmp_path, crls={"good.crl": GOOD})
    list_material(trust)
    put(trust / "crl/r.crl", REVOKING)
    with pytest.raises(TrustMaterialError, match=r"crl/r\.crl is a CRL, and is outside of crls/"):
        list_material(trust)


def _too_many(trust: Path) -> None:
    for number in range(20):
        put(trust / f"heap/{number}", b"")


def refuse_to_list(monkeypatch: pytest.MonkeyPatch, closed: Path) -> None:
    def refuse(folder: Path, limit: int) -> dict[str, bool]:
        if folder == closed:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return list_folder(folder, limit)

    monkeypatch.setattr(misplaced, "list_folder", refuse)


@pytest.mark.parametrize(
    ("folder", "code"), [("closed", 15), (".closed", 15), ("plugins", 15), ("localkeys", 0), ("lost+found", 0)]
)
def test_an_unreadable_folder_leaves_the_answer_open(
    tmp_path: Path, folder: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told in each case; some are closed to others on purpose."""
    written = write(tmp_path)
    put(written.trust / folder / "r.crl", REVOKING)
    refuse_to_list(monkeypatch, written.trust / folder)
    ran = text(written)
    assert ran.code == code, ran
    assert "cannot be looked into (Permission denied)" in ran.out + ran.err


@pytest.mark.parametrize("heap", ["heap", ".heap", "plugins"])
def test_files_over_the_bound_leave_the_answer_open(tmp_path: Path, heap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written = write(tmp_path)
    for number in range(20):
        put(written.trust / heap / f"{number}", b"")
    assert run_here(written.arguments()).code == 0
    monkeypatch.setattr(limits, "MISPLACED_FILES", 10)
    ran = text(written)
    assert ran.code == 15, ran
    assert f"{heap} in the trust directory cannot be used" in ran.out
    assert "is not looked through to its end" in ran.out


def test_reads_large_folders_of_other_tools_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = write(tmp_path)
    for number in range(20):
        put(written.trust / f".git/{number}", b"")
    put(written.trust / "zone/r", REVOKING)
    monkeypatch.setattr(limits, "MISPLACED_FILES", 10)
    (found,) = EvidenceDirectory.open(written.trust).all_misplaced()
    assert found.path == "zone/r"


DAMAGED = ["r.pem", "june/r.pem", "crls.old/r", ".crls/r.crl", "plugins/r.pem", "localkeys/r", ".airgap/r", ".x/r"]


@pytest.mark.parametrize("place", DAMAGED)
def test_a_misplaced_damaged_crl_leaves_the_answer_open(tmp_path: Path, place: str) -> None:
    written = write(tmp_path)
    put(written.trust / place, pem(REVOKING)[:-80])
    assert run_here(written.arguments()).code == 15


@pytest.mark.parametrize("place", DAMAGED)
def test_a_misplaced_damaged_response_leaves_the_answer_open(tmp_path: Path, place: str) -> None:
    written = write(tmp_path)
    put(written.trust / place, REVOKED[:-80])
    assert run_here(written.arguments()).code == 15


@pytest.mark.parametrize(("place", "data"), [("crl/r.crl", REVOKING), ("old ocsp/r.ors", REVOKED)])
@pytest.mark.parametrize("where", ["the serial number", "the issuer"])
def test_misplaced_evidence_with_a_damaged_name_leaves_the_answer_open(
    tmp_path: Path, place: str, data: bytes, where: str
) -> None:
    """It claimed to be about another certificate, and its signature was not checked: it passed."""
    serial = b"\2\2" + LEAF.serial.to_bytes(2, "big")
    name = LEAF.root.subject if place.startswith("crl") else sha1(LEAF.root.subject, usedforsecurity=False).digest()
    part = serial if where == "the serial number" else name
    assert data.count(part) == 1
    written = write(tmp_path)
    put(written.trust / place, data.replace(part, part[:-1] + bytes([part[-1] ^ 1])))
    assert run_here(written.arguments()).code == 15


@pytest.mark.parametrize(("status", "code"), [("good", 0), ("revoked", 15)])
def test_misplaced_evidence_of_an_unknown_ca_counts_only_if_it_revokes(tmp_path: Path, status: str, code: int) -> None:
    written = write(tmp_path)
    stranger = issue("ocsp", issuer=OTHER)
    put(written.trust / "old ocsp/r.ors", ocsp_response(LEAF, status=status, responder=stranger))
    assert run_here(written.arguments()).code == code


def test_a_folder_too_deep_to_read_leaves_the_answer_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold anything."""
    written = write(tmp_path)
    monkeypatch.setattr(limits, "MISPLACED_DEPTH", 1)
    put(written.trust / "photos/june/r", REVOKING)
    ran = text(written)
    assert ran.code == 15, ran
    assert "photos/june in the trust directory cannot be used" in ran.out


def _behind_a_bound(trust: Path) -> None:
    for number in range(20):
        put(trust / f"revocation/{number:02}", b"")
    put(trust / "revocation/r.crl", REVOKING)


def _behind_a_heap(trust: Path) -> None:
    _too_many(trust)
    put(trust / "revocation/r.crl", REVOKING)


@pytest.mark.parametrize(("make", "folder"), [(_behind_a_bound, "revocation"), (_behind_a_heap, "heap")])
def test_a_folder_of_evidence_beyond_a_bound_is_not_taken_for_empty(
    tmp_path: Path, make: Callable[[Path], None], folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was a pass, with a warning about the folder, which had not been read."""
    written = write(tmp_path)
    make(written.trust)
    monkeypatch.setattr(limits, "MISPLACED_FILES", 10)
    ran = text(written)
    assert ran.code == 15, ran
    assert f"{folder} in the trust directory cannot be used, and may be about the certificate" in ran.out
    with pytest.raises(TrustMaterialError, match="would not be used"):
        list_material(written.trust)


@pytest.mark.parametrize(("name", "code"), [("loop", 0), ("crl-loop", 15)])
def test_ignores_a_link_to_itself(tmp_path: Path, name: str, code: int) -> None:
    """Whatever it is called, every verification ended with an error of the system."""
    written = write(tmp_path)
    (written.trust / name).symlink_to(name)
    assert run_here(written.arguments()).code == code


def test_a_trust_directory_that_cannot_be_listed_leaves_the_answer_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mode 0711: it passed, with a warning, and misplaced evidence had not been looked for."""
    written = write(tmp_path)
    refuse_to_list(monkeypatch, written.trust)
    ran = text(written)
    assert ran.code == 15
    assert "cannot be looked into (Permission denied)" in ran.out


@pytest.mark.parametrize("read", [UnsignedEvidence.read, State.read, Pins.read])
def test_an_unreadable_memory_is_not_treated_as_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[[Path], object]
) -> None:
    """Every command ended with an error of the system, or took it for absent, as Python's version has it."""

    def refuse(path: object) -> object:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "lstat", refuse)
    with pytest.raises(TrustMaterialError, match="cannot be read"):
        read(tmp_path)
