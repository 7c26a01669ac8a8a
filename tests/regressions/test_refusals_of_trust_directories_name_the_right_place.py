"""Refusals of a trust directory name the place that is wrong, and their remedy makes it right."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from airgap.errors import FormatError, TrustMaterialError
from airgap.files import read_regular
from airgap.trust.directory import TrustDirectory
from airgap.trust.export import export_notation
from airgap.trust.policy_files import no_directory
from airgap.trust.stores import StoreRef, load_store
from tests.support.pki import AT, Pki
from tests.support.trust import oci_policy, statement, write_trust

ROOT = Pki().code_chain().root
TSA = Pki().tsa_chain().root


def refusal(root: Path, store: str) -> TrustMaterialError:
    with pytest.raises(TrustMaterialError) as caught:
        load_store(root, StoreRef.parse(store))
    return caught.value


def put(root: Path, path: str, data: bytes = ROOT.pem) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(data)


def test_two_stores_of_one_name_at_another_place_are_not_confused(tmp_path: Path) -> None:
    put(tmp_path, "truststore/ca/harbour/a.pem")
    put(tmp_path, "truststore/tsa/harbour/a.pem", TSA.pem)
    (tmp_path / "truststore/x509").mkdir()
    for store in ("ca", "tsa"):
        error = refusal(tmp_path, f"{store}:harbour")
        assert error.remedy.startswith(f"Move truststore/{store}/harbour to truststore/x509/{store}/harbour"), (
            error.remedy
        )


def test_a_store_of_another_type_at_another_place_is_not_moved_to_this_type(tmp_path: Path) -> None:
    put(tmp_path, "truststore/ca/harbour/a.pem")
    (tmp_path / "truststore/x509").mkdir()
    error = refusal(tmp_path, "tsa:harbour")
    assert "of type ca, and the policy names one of type tsa" in str(error)
    assert "If these certificates are to be trusted as those of tsa stores are" in error.remedy


def test_a_file_outside_of_every_store_is_named_before_a_store_of_another_type(tmp_path: Path) -> None:
    put(tmp_path, "truststore/x509/ca/root.pem")
    put(tmp_path, "truststore/x509/tsa/harbour/a.pem", TSA.pem)
    error = refusal(tmp_path, "ca:harbour")
    assert "'root.pem' is outside of every store" in str(error)
    assert "tsa" not in error.remedy


def test_the_remedy_of_an_empty_store_is_to_add_a_certificate(tmp_path: Path) -> None:
    (tmp_path / "truststore/x509/ca/harbour").mkdir(parents=True)
    assert "airgap trust cert add --type ca --store harbour FILE" in refusal(tmp_path, "ca:harbour").remedy


def test_a_link_that_leads_nowhere_is_not_to_be_copied(tmp_path: Path) -> None:
    (tmp_path / "trustpolicy.oci.json").symlink_to("gone")
    with pytest.raises(FormatError, match="leads nowhere") as caught:
        read_regular(tmp_path / "trustpolicy.oci.json", 10)
    assert "cp -L" not in caught.value.remedy


def test_a_directory_in_the_place_of_a_file_has_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="is a directory") as caught:
        read_regular(tmp_path, 10)
    assert caught.value.remedy == "Put the file in the place of the directory."


def test_below_a_closed_folder_the_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> os.stat_result:
        raise PermissionError(13, "Permission denied", str(path))

    closed = tmp_path / "trust"
    monkeypatch.setattr(Path, "lstat", refuse)
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != closed)
    with pytest.raises(FormatError) as caught:
        read_regular(closed / ".airgap" / "unsigned.json", 10)
    assert caught.value.remedy == (
        f"Look at owner and mode of {closed}: the user who runs this must be allowed to enter it."
    )


@pytest.mark.parametrize("blob", [False, True])
def test_an_export_without_a_store_that_the_policy_names_is_refused(tmp_path: Path, blob: bool) -> None:
    policy = oci_policy(statement(trustStores=["ca:harbor"]))
    if blob:
        policy["trustPolicies"][0].pop("registryScopes")
    name = {"policy": b"", "blob_policy": policy} if blob else {"policy": policy}
    root = write_trust(tmp_path / "trust", stores={"ca:harbour": [ROOT]}, **name)
    with pytest.raises(TrustMaterialError, match="ca:harbor does not exist"):
        export_notation(TrustDirectory.open(root), tmp_path / "out", at=AT)


def test_an_export_does_not_pass_over_a_policy_that_is_a_link_to_nothing(tmp_path: Path) -> None:
    root = write_trust(tmp_path / "trust", stores={"ca:harbour": [ROOT]})
    shutil.move(root / "trustpolicy.oci.json", root / "trustpolicy.json")
    (root / "trustpolicy.oci.json").symlink_to("gone")
    with pytest.raises(TrustMaterialError, match="symbolic link"):
        export_notation(TrustDirectory.open(root), tmp_path / "out", at=AT)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("~/trust", "write the path in full"),
        ("$HOME/trust", "write the path in full"),
        ("%USERPROFILE%/trust", "write the path in full"),
        ('"/etc/trust"', "quotation marks"),
        ("/etc/trust\n", "line ends"),
        ("/etc/gone", "Create it"),
    ],
)
def test_a_name_that_no_shell_has_changed_has_its_own_remedy(name: str, remedy: str) -> None:
    assert remedy in no_directory(Path(name)).remedy
