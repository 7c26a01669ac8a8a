"""airgap.revocation.misplaced: which files of a trust directory are read, outside of the folders of evidence."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap.errors import FormatError, LimitError
from airgap.revocation.misplaced import MisplacedFiles, find_misplaced, is_named_evidence, says_evidence
from tests.support.crls import crl, pem
from tests.support.pki import issue

KNOWN = ("crls", "ocsp")
DER = b"\x30\x82\x01\x00" + bytes(256)
PEM = b"text before\n-----BEGIN X509 CRL-----\n"
TEXT = b"our notes"
ROOT = issue("root")


def search(root: Path) -> MisplacedFiles:
    return find_misplaced(root, "trust directory", KNOWN)


def put(root: Path, path: str, data: bytes = TEXT) -> None:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)


EXPECTED, LIKELY, FOUND = (True, False), (False, False), (False, True)
"""Must be evidence; read by its name or folder; read by its first bytes alone, and ignored if it is none."""


@pytest.mark.parametrize(
    ("path", "data", "read"),
    [
        ("a.crl", TEXT, EXPECTED),
        ("deep/er/a.crl.old", TEXT, LIKELY),
        ("x/a.ors", TEXT, EXPECTED),
        ("a-crl.txt", TEXT, LIKELY),
        ("revocation", TEXT, LIKELY),
        ("backup-of-crls/anything", TEXT, LIKELY),
        ("backup-of-crls/deep/anything", TEXT, LIKELY),
        ("backup-of-crls/.anything", TEXT, LIKELY),
        ("backup-of-crls/._a.crl", TEXT, LIKELY),
        (".a.crl.0123456789ab.tmp", TEXT, FOUND),
        ("notes.txt", TEXT, None),
        ("notes.txt", DER, FOUND),
        ("notes.txt", DER[1:], None),
        ("notes.txt", PEM, FOUND),
        ("notes.txt", b"\x30\x05" + TEXT, None),
        ("truststore/x509/ca/site/crl.txt", TEXT, None),
        ("truststore/x509/ca/site/root", DER, FOUND),
        ("truststore/x509/ca/site/root", ROOT.der, None),
        ("truststore/x509/ca/site/root.pem", ROOT.pem, None),
        ("truststore/x509/ca/site/root.pem", ROOT.pem + pem(crl(ROOT)), FOUND),
        ("truststore/x509/ca/root.pem", PEM, FOUND),
        ("truststore/x509/ca/root.pem", ROOT.pem, None),
        ("truststore/x509/ca/site/a.crl", TEXT, EXPECTED),
        ("plugins/crl-checker/crl-checker", TEXT, None),
        ("plugins/other/crl-checker", DER, FOUND),
        ("crls/a.crl", TEXT, None),
        ("ocsp/deep/a.ors", TEXT, None),
        ("other/crls/a.crl", TEXT, EXPECTED),
    ],
)
def test_files_are_read_by_their_name_their_folder_or_their_first_bytes(
    tmp_path: Path, path: str, data: bytes, read: tuple[bool, bool] | None
) -> None:
    put(tmp_path, path, data)
    found = search(tmp_path)
    assert [(piece.expected, piece.leftover) for piece in found.pieces] == ([read] if read else [])
    assert (found.unread, found.notices) == ((), ())
    for piece in found.pieces:
        assert (piece.folder, piece.name, piece.misplaced) == (path.rpartition("/")[0], Path(path).name, True)
        assert piece.read() == data


@pytest.mark.parametrize(
    ("link", "followed"), [("crl-backup", True), ("backup", False), ("sub/crl-backup", False), ("crls", False)]
)
def test_a_link_to_a_folder_is_followed_where_its_name_is_that_of_evidence(
    tmp_path: Path, link: str, *, followed: bool
) -> None:
    """In the trust directory itself alone: it may lead to a whole disk."""
    put(tmp_path / "disk", "anything")
    root = tmp_path / "trust"
    (root / link).parent.mkdir(parents=True)
    (root / link).symlink_to(tmp_path / "disk")
    assert [piece.name for piece in search(root).pieces if piece.folder == link] == (["anything"] if followed else [])


@pytest.mark.parametrize(
    ("target", "is_skipped"),
    [
        ("crls/a.crl", True),
        ("crls/a.pem", True),
        ("crls/a", False),
        ("crls/a.crl.0", True),
        ("crls/.a.crl.0123456789ab.tmp", False),
        ("crls/nothing.crl", False),
        ("elsewhere/a.crl", False),
    ],
)
def test_a_relative_link_to_a_file_of_evidence_is_not_read_again(
    tmp_path: Path, target: str, *, is_skipped: bool
) -> None:
    for path in (
        "crls/a.crl",
        "crls/a.pem",
        "crls/a",
        "crls/a.crl.0",
        "crls/.a.crl.0123456789ab.tmp",
        "elsewhere/a.crl",
    ):
        put(tmp_path, path, DER)
    (tmp_path / "3ad48a91.crl").symlink_to(target)
    assert (["3ad48a91.crl"] if not is_skipped else []) == [
        piece.name for piece in search(tmp_path).pieces if not piece.folder
    ]
    (tmp_path / "3ad48a91.crl").unlink()
    (tmp_path / "3ad48a91.crl").symlink_to(tmp_path / target)  # on another machine it leads elsewhere
    assert "3ad48a91.crl" in [piece.name for piece in search(tmp_path).pieces]


@pytest.mark.parametrize(("bound", "told"), [(3, []), (2, ["crl-a/b/c"])])
def test_folders_below_the_bound_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: int, told: list[str]
) -> None:
    monkeypatch.setattr("airgap.limits.MISPLACED_DEPTH", bound)
    put(tmp_path, "crl-a/b/c/file")
    found = search(tmp_path)
    assert [item.name for item in found.unread] == told
    assert len(found.pieces) == (not told)


@pytest.mark.parametrize("limit", ["MISPLACED_FILES", "EVIDENCE_FILES"])
@pytest.mark.parametrize(("bound", "told"), [(3, []), (2, ["."])])
def test_more_files_than_are_looked_at_are_reported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, bound: int, told: list[str]
) -> None:
    monkeypatch.setattr(f"airgap.limits.{limit}", bound)
    for name in ("a.crl", "b.crl", "c.crl"):
        put(tmp_path, name)
    found = search(tmp_path)
    assert [item.name for item in found.unread] == told
    assert all(item.trusted and "to its end" in item.problem for item in found.unread)
    assert len(found.pieces) == bound


def test_the_end_of_the_search_is_reported_for_the_innermost_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airgap.limits.MISPLACED_FILES", 2)
    for name in ("a/1", "a/2", "a/3", "b/1"):
        put(tmp_path, name)
    assert [item.name for item in search(tmp_path).unread] == ["a"]


def test_hidden_folders_and_plugins_are_looked_through_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airgap.limits.MISPLACED_FILES", 2)
    for name in (".cache/a.crl", "plugins/a.crl", "zoo/a.crl"):
        put(tmp_path, name)
    found = search(tmp_path)
    assert [piece.folder for piece in found.pieces] == ["zoo"]
    assert [item.name for item in found.unread] == ["."]


@pytest.mark.parametrize(("beside", "count"), [("trust", 0), ("other", 1)])
def test_the_former_state_of_a_trust_directory_is_not_searched(tmp_path: Path, beside: str, count: int) -> None:
    put(tmp_path, ".trust.airgap/previous/a.crl")
    (tmp_path / beside).mkdir()
    assert len(search(tmp_path).pieces) == count


def test_a_file_over_the_bound_is_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also behind a link, which is followed where the first bytes are those of evidence."""
    put(tmp_path / "disk", "data", DER)
    (tmp_path / "trust").mkdir()
    (tmp_path / "trust/link").symlink_to(tmp_path / "disk/data")
    (piece,) = search(tmp_path / "trust").pieces
    monkeypatch.setattr("airgap.limits.CRL_FILE_BYTES", len(DER))
    (at_bound,) = search(tmp_path / "trust").pieces
    assert at_bound.read() == piece.read() == DER
    monkeypatch.setattr("airgap.limits.CRL_FILE_BYTES", len(DER) - 1)
    (over,) = search(tmp_path / "trust").pieces
    with pytest.raises(LimitError):
        over.read()
    (tmp_path / "disk/data").unlink()
    with pytest.raises(FormatError, match="cannot be read"):
        piece.read()


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("a.crl", True),
        (".a.crl", True),
        (".old/A.CRL", True),
        ("a.crl.pem", True),
        ("a.pem", True),
        ("a.crl.sha256", False),
        ("a.crl.0", False),
        ("._a.crl", False),
        ("deep/._a.crl", False),
        (".AppleDouble/a.crl", False),
        ("a", False),
    ],
)
def test_recognises_the_names_of_files_of_evidence(name: str, *, named: bool) -> None:
    assert is_named_evidence(name) is named


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("CRLs", True),
        ("c.r.l", True),
        ("my-ocsp-answers", True),
        ("Revoked", True),
        ("revocation", True),
        ("evidence.zip", True),
        ("ors", True),
        ("mirrors", False),
        ("control", False),
        ("truststore", False),
    ],
)
def test_recognises_names_of_evidence(name: str, *, says: bool) -> None:
    assert says_evidence(name) is says
