"""The trust directory as a whole: POLICY-1 to POLICY-3, STORE-10 to STORE-13, NEG-70, NEG-72, NEG-140."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from airgap.errors import TrustMaterialError
from airgap.pki.certificate import Certificate
from airgap.revocation.freshness import parse_ages
from airgap.trust.directory import TrustDirectory
from airgap.trust.location import Location
from tests.support import crls
from tests.support.pki import AT, issue
from tests.support.trust import oci_policy, statement, store_folder, write_trust

ROOT = issue("root")
OTHER = issue("root", slot=3, subject="C=US,ST=WA,O=Other")
BLOB = {"version": "1.0", "trustPolicies": [statement(registryScopes=None, globalPolicy=True)]}


def refusal(path: Path, *, blob: bool = False) -> TrustMaterialError:
    directory = TrustDirectory.open(path)
    load = directory.blob_policy if blob else directory.policy
    with pytest.raises(TrustMaterialError) as caught:
        load()
    return caught.value


def test_policy_1_the_new_name_is_first(tmp_path: Path) -> None:
    write_trust(tmp_path, policy=oci_policy(statement(name="old")), policy_name="trustpolicy.json")
    write_trust(tmp_path, policy=oci_policy(statement(name="new")))
    policy = TrustDirectory.open(tmp_path).policy()
    assert policy.select(None).name == "new"
    assert policy.source == str(tmp_path / "trustpolicy.oci.json")


def test_policy_1_reports_a_different_policy_under_the_old_name(tmp_path: Path) -> None:
    """A stricter policy under the old name has no effect, and a notice says so."""
    write_trust(tmp_path, policy=oci_policy(statement(name="old")), policy_name="trustpolicy.json")
    write_trust(tmp_path, policy=oci_policy(statement(name="new")))
    directory = TrustDirectory.open(tmp_path)
    assert not directory.notices
    directory.policy()
    told = [(notice.reason, notice.facts["name"]) for notice in directory.notices]
    assert told == [("trust.misnamed", "trustpolicy.json")]
    write_trust(tmp_path, policy=oci_policy(statement(name="new")), policy_name="trustpolicy.json")
    assert not directory.notices


def test_policy_1_the_old_name_counts_where_the_new_one_is_absent(tmp_path: Path) -> None:
    write_trust(tmp_path, policy=oci_policy(statement(name="old")), policy_name="trustpolicy.json")
    assert TrustDirectory.open(tmp_path).policy().select(None).name == "old"


def test_policy_1_the_old_name_does_not_replace_a_malformed_new_file(tmp_path: Path) -> None:
    write_trust(tmp_path, policy_name="trustpolicy.json")
    (tmp_path / "trustpolicy.oci.json").write_bytes(b"{")
    assert refusal(tmp_path).reason == "policy.malformed"


def test_policy_1_the_old_name_does_not_replace_a_broken_link(tmp_path: Path) -> None:
    write_trust(tmp_path, policy_name="trustpolicy.json")
    (tmp_path / "trustpolicy.oci.json").symlink_to(tmp_path / "nowhere")
    assert refusal(tmp_path).reason == "policy.malformed"


def test_policy_1_the_old_name_does_not_replace_an_unreadable_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_trust(tmp_path, policy_name="trustpolicy.json")
    lstat = Path.lstat

    def forbidden(path: Path) -> object:
        if path.name == "trustpolicy.oci.json":
            raise PermissionError(13, "Permission denied")
        return lstat(path)

    monkeypatch.setattr(Path, "lstat", forbidden)
    error = refusal(tmp_path)
    assert error.reason == "policy.malformed"
    assert "Permission denied" in str(error)


@pytest.mark.parametrize("blob", [False, True])
def test_policy_3_an_absent_policy(tmp_path: Path, blob: bool) -> None:
    write_trust(tmp_path, policy=b"")
    error = refusal(tmp_path, blob=blob)
    assert error.reason == "policy.missing"
    assert ("blob" if blob else "oci") in str(error)


def test_policy_2_the_old_name_is_not_a_blob_policy(tmp_path: Path) -> None:
    write_trust(tmp_path, policy=json.dumps(BLOB).encode(), policy_name="trustpolicy.json")
    assert refusal(tmp_path, blob=True).reason == "policy.missing"


def test_neg_140_policy_3_a_policy_that_is_a_symbolic_link(tmp_path: Path) -> None:
    write_trust(tmp_path, policy_name="elsewhere.json")
    (tmp_path / "trustpolicy.oci.json").symlink_to(tmp_path / "elsewhere.json")
    error = refusal(tmp_path)
    assert error.reason == "policy.malformed"
    assert "symbolic link" in str(error)
    assert error.facts["statement"] is None


def test_neg_140_policy_3_a_policy_that_is_a_directory(tmp_path: Path) -> None:
    (tmp_path / "trustpolicy.oci.json").mkdir()
    assert "is a directory" in str(refusal(tmp_path))


def test_policy_14_a_bad_statement_refuses_all(tmp_path: Path) -> None:
    bad = statement(name="b", registryScopes=["other.example/app"], trustedIdentities=["stranger"])
    write_trust(tmp_path, policy=oci_policy(statement(), bad))
    assert refusal(tmp_path).facts["statement"] == "b"


def test_reports_a_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(TrustMaterialError) as caught:
        TrustDirectory.open(Location(path=tmp_path / "none", origin="AIRGAP_TRUST"))
    assert caught.value.reason == "policy.missing"
    assert "AIRGAP_TRUST" in str(caught.value)


@pytest.fixture
def directory(tmp_path: Path) -> TrustDirectory:
    stores = ["ca:one", "ca:two", "tsa:absent", "signingAuthority:broken"]
    path = write_trust(
        tmp_path,
        policy=oci_policy(statement(trustStores=stores)),
        blob_policy=BLOB,
        stores={
            "ca:one": [ROOT],
            "ca:two": [OTHER, ROOT],
            "ca:unnamed": [issue("root", slot=5)],
            "signingAuthority:broken": {"README": b""},
        },
        crls={"root.crl": crls.crl(ROOT), "garbage.crl": b"garbage"},
        freshness='[freshness]\ncrl = "7d"\n',
    )
    return TrustDirectory.open(path)


def test_store_10_and_13_the_stores_that_the_statement_names_and_no_others(directory: TrustDirectory) -> None:
    anchors = directory.anchors(directory.policy().select(None), "ca")
    assert {anchor.der for anchor in anchors} == {ROOT.der, OTHER.der}
    assert anchors.store_of(Certificate.parse(ROOT.der)) == "ca:one"
    assert anchors.store_of(Certificate.parse(OTHER.der)) == "ca:two"


def test_neg_72_store_11_only_stores_of_the_type_asked_for_are_opened(directory: TrustDirectory) -> None:
    chosen = directory.policy().select(None)
    assert len(directory.anchors(chosen, "ca")) == 2
    with pytest.raises(TrustMaterialError) as caught:
        directory.anchors(chosen, "tsa")
    assert caught.value.reason == "store.missing"
    with pytest.raises(TrustMaterialError) as caught:
        directory.anchors(chosen, "signingAuthority")
    assert caught.value.reason == "store.malformed"


def test_store_10_one_failing_store_fails_its_type(directory: TrustDirectory) -> None:
    (store_folder(directory.path, "ca:two") / "x.pem").write_bytes(b"garbage")
    directory = TrustDirectory.open(directory.path)
    with pytest.raises(TrustMaterialError) as caught:
        directory.anchors(directory.policy().select(None), "ca")
    assert caught.value.facts["store"] == "ca:two"


def test_neg_70_a_certificate_in_no_named_store_is_not_an_anchor(directory: TrustDirectory) -> None:
    anchors = directory.anchors(directory.policy().select(None), "ca")
    unnamed = (store_folder(directory.path, "ca:unnamed") / "0.pem").read_bytes()
    assert len(anchors) == 2
    assert all(anchor.der not in unnamed for anchor in anchors)
    assert Certificate.parse(issue("root", slot=5, serial=1).der) not in anchors


def test_a_statement_without_stores_of_a_type_has_no_anchors(directory: TrustDirectory) -> None:
    chosen = directory.blob_policy().select(None)
    assert len(directory.anchors(chosen, "tsa")) == 0


def test_one_run_uses_the_state_at_its_beginning(directory: TrustDirectory) -> None:
    (directory.path / "trustpolicy.oci.json").write_bytes(b"{")
    (store_folder(directory.path, "ca:one") / "x.pem").write_bytes(b"garbage")
    chosen = directory.policy().select(None)
    assert len(directory.anchors(chosen, "ca")) == 2
    with pytest.raises(TrustMaterialError):
        TrustDirectory.open(directory.path).policy()


def test_an_unreadable_part_stays_unreadable_until_reopened(directory: TrustDirectory) -> None:
    path = directory.path / "trustpolicy.oci.json"
    good = path.read_bytes()
    path.write_bytes(b"{")
    broken = TrustDirectory.open(directory.path)
    path.write_bytes(good)
    for _ in range(2):
        with pytest.raises(TrustMaterialError):
            broken.policy()
    assert TrustDirectory.open(directory.path).policy().statements


def test_notices_are_those_of_the_used_parts(directory: TrustDirectory) -> None:
    (store_folder(directory.path, "ca:one") / "inner").mkdir()
    directory = TrustDirectory.open(directory.path)
    assert [notice.reason for notice in directory.notices] == ["evidence.unusable"]
    directory.anchors(directory.policy().select(None), "ca")
    assert [notice.reason for notice in directory.notices] == ["store.ignored", "evidence.unusable"]


def test_limits_of_the_call_count_before_those_of_the_file(directory: TrustDirectory) -> None:
    policy = directory.policy()
    changed = directory.accepting(parse_ages(["tsa-crl=30d"]))
    assert changed.freshness.allowed("crl", "tsa") == timedelta(days=30)
    assert changed.freshness.allowed("crl", "signing") == timedelta(days=7)
    assert directory.freshness.allowed("crl", "tsa") == timedelta(0)
    assert changed.policy() is policy


def test_the_overview_lists_what_was_trusted(directory: TrustDirectory) -> None:
    before = directory.overview(AT)
    assert (before["policy"], before["policy_digest"]) == (None, None)
    policy = directory.policy()
    said = directory.overview(AT)
    assert json.loads(json.dumps(said)) == said
    assert said["directory"] == str(directory.path)
    assert said["origin"] == "--trust"
    assert said["read_only"] is False
    assert said["policy"] == policy.source
    assert said["policy_digest"] == policy.digest
    assert (said["crls"], said["ocsp_responses"], said["unusable"]) == (1, 0, 1)
    assert said["newest_evidence_age"] == int((AT - crls.THIS_UPDATE).total_seconds())
    assert said["accepted_staleness"] == {"crl": "7d", "ocsp": "0d", "tsa-crl": "0d", "tsa-ocsp": "0d"}
    assert directory.overview(AT, directory.blob_policy())["policy_digest"] == directory.blob_policy().digest


def test_the_newest_evidence_shows_a_clock_that_is_behind(directory: TrustDirectory) -> None:
    newest = directory.evidence.newest()
    assert newest is not None
    assert newest.moment == crls.THIS_UPDATE


def test_without_evidence_no_clock_is_behind(tmp_path: Path) -> None:
    directory = TrustDirectory.open(write_trust(tmp_path))
    assert directory.evidence.newest() is None
    assert directory.overview(AT)["newest_evidence_age"] is None
    assert not directory.notices


@pytest.mark.parametrize("kind", ["link", "directory", "unknown key"])
def test_an_unusable_freshness_file_is_an_error(tmp_path: Path, kind: str) -> None:
    write_trust(tmp_path)
    file = tmp_path / "airgap.toml"
    if kind == "link":
        file.symlink_to(tmp_path / "nowhere")
    elif kind == "directory":
        file.mkdir()
    else:
        file.write_text('[freshness]\ncrls = "7d"\n', encoding="utf-8")
    with pytest.raises(TrustMaterialError) as caught:
        TrustDirectory.open(tmp_path)
    assert caught.value.reason == "evidence.malformed"


def test_nothing_is_written(directory: TrustDirectory) -> None:
    def listing() -> list[tuple[Path, int]]:
        return sorted((path, path.stat().st_mtime_ns) for path in directory.path.rglob("*"))

    before = listing()
    directory.anchors(directory.policy().select(None), "ca")
    directory.overview(AT)
    assert listing() == before


def test_a_policy_whose_name_has_another_ending_is_named(tmp_path: Path) -> None:
    """Editors and file managers add `.txt`, and hide it."""
    (tmp_path / "trustpolicy.oci.json.txt").write_text("{}")
    with pytest.raises(TrustMaterialError, match=r"there is 'trustpolicy\.oci\.json\.txt'"):
        TrustDirectory.open(tmp_path).policy()
