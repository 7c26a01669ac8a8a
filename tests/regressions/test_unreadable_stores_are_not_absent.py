"""Stores that cannot be read are not absent, and have one exit code in all commands."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from airgap.cli.connection_options import Connection
from airgap.cli.trust_fetch import _for_evidence
from airgap.errors import TrustMaterialError
from airgap.trust.directory import TrustDirectory
from airgap.trust.edit import find_certificate
from airgap.trust.store_types import StoreType
from airgap.trust.stores import StoreRef, list_stores
from tests.support.command import run_here
from tests.support.crls import crl
from tests.support.scenario import Scene, Written


@contextmanager
def forbidden(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[None]:
    """As a folder without rights, also where the tests run as root."""
    scandir, listdir, stat, lstat = os.scandir, os.listdir, Path.stat, os.lstat

    def refuse(path: Any) -> None:
        if Path(path) == folder or folder in Path(path).parents:
            raise PermissionError(13, "Permission denied", str(path))

    def guarded_scandir(path: Any = ".") -> Any:
        refuse(path)
        return scandir(path)

    def guarded_listdir(path: Any = ".") -> Any:
        refuse(path)
        return listdir(path)

    def guarded_stat(path: Path, **options: Any) -> Any:
        if folder in path.parents:
            refuse(path)
        return stat(path, **options)

    def guarded_lstat(path: Any, **options: Any) -> Any:
        if not isinstance(path, int) and folder in Path(path).parents:
            refuse(path)
        return lstat(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "lstat", guarded_lstat)
        patch.setattr(os, "scandir", guarded_scandir)
        patch.setattr(os, "listdir", guarded_listdir)
        patch.setattr(Path, "stat", guarded_stat)
        yield


@pytest.fixture
def written(tmp_path: Path) -> Written:
    scene = Scene()
    scene.timestamp()
    return scene.write(tmp_path)


@pytest.mark.parametrize("place", ["truststore/x509/ca/harbour", "truststore/x509/ca", "truststore/x509", "truststore"])
def test_an_unreadable_store_is_18_everywhere(
    written: Written, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust = ["--trust", str(written.trust)]
    with forbidden(monkeypatch, written.trust / place):
        for command in (
            ["trust", "cert", "list", *trust],
            ["trust", "export", "--for", "notation", str(tmp_path / "out"), *trust],
            ["trust", "policy", "check", *trust],
            ["trust", "status", *trust],
            written.arguments()[:-2],
        ):
            ran = run_here(command)
            assert ran.code == 18, (command, ran)
            assert "Permission denied" in ran.out + ran.err, command


def _pipe(place: Path) -> None:
    os.mkfifo(place)


def _loop(place: Path) -> None:
    place.symlink_to(place.name)


def _missing_medium(place: Path) -> None:
    place.symlink_to("no medium here")


@pytest.mark.parametrize("make", [_pipe, _loop, _missing_medium])
@pytest.mark.parametrize(("place", "code"), [("ca/other", 15), ("tsa", 18)])
def test_what_no_one_can_look_into_is_not_absent(
    tmp_path: Path, make: Callable[[Path], None], place: str, code: int
) -> None:
    """As a folder without rights, also where no statement names the store: it may hold evidence, and keys of makers."""
    written = Scene().write(tmp_path)
    folder = written.trust / "truststore" / "x509"
    make(folder / place)
    assert run_here(written.arguments()[:-2]).code == code
    assert run_here(["trust", "cert", "list", "--trust", str(written.trust)]).code == 18


def test_evidence_behind_a_link_in_the_place_of_a_store_is_found(tmp_path: Path) -> None:
    scene = Scene()
    written = scene.write(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert run_here(written.arguments()[:-2]).code == 0
    leaf = scene.signature.leaf
    revoking = crl(leaf.chain[1], revoked=[leaf])
    (elsewhere / "a.crl").write_bytes(revoking)
    (written.trust / "truststore/x509/ca/other").symlink_to(elsewhere)
    assert run_here(written.arguments()[:-2]).code == 15


def test_a_trust_directory_that_may_not_be_entered_is_not_called_empty(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No remedy may say to remove what cannot be read."""
    with forbidden(monkeypatch, written.trust):
        for command in (["trust", "policy", "check", "--trust", str(written.trust)], written.arguments()[:-2]):
            ran = run_here(command)
            said = " ".join((ran.out + ran.err).split())
            assert ran.code == 18, ran
            assert "Permission denied" in said, said
            assert "the user who runs this must be allowed" in said, said
            assert "holds no" not in said, said
            assert "Remove it" not in said, said


def test_a_certificate_that_may_not_be_looked_at_is_not_absent(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = StoreRef.parse("ca:harbour")
    with (
        forbidden(monkeypatch, store.folder(written.trust)),
        pytest.raises(TrustMaterialError, match="Permission denied"),
    ):
        find_certificate(written.trust, store, "0.pem")


@pytest.mark.parametrize("place", ["truststore/x509/tsa", "truststore/x509"])
def test_fetch_reports_an_unreadable_store(written: Written, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with forbidden(monkeypatch, written.trust / place):
        ran = run_here(["trust", "fetch", str(written.layout), "--no-download", "--trust", str(written.trust)])
    assert ran.code == 18
    assert "cannot be listed (Permission denied)" in ran.err
    assert "may be read and entered" in ran.err


def test_reports_a_file_in_place_of_the_folder_of_stores(tmp_path: Path) -> None:
    (tmp_path / "truststore" / "x509").mkdir(parents=True)
    assert list_stores(tmp_path) == ()
    (tmp_path / "truststore" / "x509" / "ca").write_text("")
    with pytest.raises(TrustMaterialError, match="cannot be listed") as caught:
        list_stores(tmp_path, StoreType.CA)
    assert caught.value.reason == "store.malformed"
    assert list_stores(tmp_path, StoreType.TSA) == ()


def test_reports_a_missing_policy_beside_an_unreadable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "truststore").mkdir()
    (tmp_path / "policy.json").write_text("{}")
    with forbidden(monkeypatch, tmp_path / "truststore"):
        with pytest.raises(TrustMaterialError, match=r"there is 'policy\.json'"):
            TrustDirectory.open(tmp_path).policy()
        (tmp_path / "policy.json").unlink()
        with pytest.raises(TrustMaterialError, match=r"holds no trustpolicy\.oci\.json"):
            TrustDirectory.open(tmp_path).policy()


@pytest.mark.parametrize(("asked", "used"), [(0, 0), (1, 1), (5, 1)])
def test_retries_count_for_evidence_too(asked: int, used: int) -> None:
    assert _for_evidence(Connection(retries=asked), print).retries == used
