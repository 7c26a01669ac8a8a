"""What may travel in a snapshot: known folders, known names, nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap import limits
from airgap.errors import FormatError, TrustMaterialError
from airgap.trust.snapshots.material import Part, check_together, list_material, part_of
from tests.support.crls import crl
from tests.support.pki import Pki
from tests.support.trust import write_trust


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("trustpolicy.oci.json", Part.POLICY),
        ("trustpolicy.json", Part.POLICY),
        ("trustpolicy.blob.json", Part.POLICY),
        ("truststore/x509/ca/acme/root.pem", Part.ANCHOR),
        ("truststore/x509/signingAuthority/a.b/root.CRT", Part.ANCHOR),
        ("truststore/x509/tsa/t-s_a/root 1.cer", Part.ANCHOR),
        ("crls/a.crl", Part.CRL),
        ("crls/index.json", Part.CRL_INDEX),
        ("ocsp/a.ors", Part.OCSP),
        ("ocsp/index.json", Part.OCSP_INDEX),
    ],
)
def test_accepts_known_paths(path: str, part: Part) -> None:
    assert part_of(path) is part


@pytest.mark.parametrize(
    "path",
    [
        "",
        "airgap.toml",
        ".airgap/state.json",
        "trustpolicy.oci.json/x",
        "TRUSTPOLICY.OCI.JSON",
        "/etc/passwd",
        "../trustpolicy.oci.json",
        "crls/../trustpolicy.oci.json",
        "crls/./a.crl",
        "crls//a.crl",
        "crls/a.crl/",
        "crls\\a.crl",
        "crls/a:b.crl",
        "crls/.hidden.crl",
        "crls/a.crl ",
        "crls/ a.crl",
        "crls/a.crl.",
        "crls/a.ors",
        "crls/NUL.crl",
        "crls/com1.x.crl",
        "crls/a\x00.crl",
        "crls/a\u202e.crl",
        "crls/ä.crl",
        "crls/" + "a" * 200 + ".crl",
        "crls/sub/a.crl",
        "ocsp/a.crl",
        "truststore/x509/ca/root.pem",
        "truststore/x509/ca/acme/sub/root.pem",
        "truststore/x509/other/acme/root.pem",
        "truststore/x509/ca/../root.pem",
        "truststore/x509/ca/ac me/root.pem",
        "truststore/x509/ca/acme/root.key",
        "truststore/x509/ca/aux/root.pem",
        "x" * (limits.SNAPSHOT_PATH_CHARACTERS + 1),
    ],
)
def test_every_other_path_is_refused(path: str) -> None:
    with pytest.raises(FormatError):
        part_of(path)


def test_refuses_names_that_differ_only_in_case() -> None:
    with pytest.raises(FormatError, match="one file on FAT"):
        check_together(["crls/a.crl", "crls/A.crl"])


class TestList:
    def test_lists_in_order_without_files_of_the_machine(self, tmp_path: Path) -> None:
        leaf = Pki().code_chain()
        trust = write_trust(tmp_path, stores={"ca:acme": [leaf.root]}, crls={"b.crl": crl(leaf.root)}, freshness="")
        (trust / ".airgap").mkdir()
        (trust / ".airgap" / "state.json").write_text("{}")
        (trust / "crls" / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
        (trust / "signingkeys.json").write_text("{}")
        paths = [file.path for file in list_material(trust)]
        assert paths == ["crls/b.crl", "trustpolicy.oci.json", "truststore/x509/ca/acme/0.pem"]
        assert [file.path for file in list_material(trust, evidence_only=True)] == ["crls/b.crl"]

    def test_a_file_that_cannot_travel_is_an_error_and_not_left_out(self, tmp_path: Path) -> None:
        trust = write_trust(tmp_path, crls={"list.der": b"x"})
        with pytest.raises(TrustMaterialError, match=r"list\.der") as caught:
            list_material(trust)
        assert caught.value.reason == "snapshot.malformed"

    def test_links_are_refused(self, tmp_path: Path) -> None:
        trust = write_trust(tmp_path, crls={"a.crl": b"x"})
        (trust / "crls" / "b.crl").symlink_to("a.crl")
        with pytest.raises(TrustMaterialError, match="links are not followed"):
            list_material(trust)

    def test_size_is_bounded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        trust = write_trust(tmp_path, crls={"a.crl": b"x" * 100})
        monkeypatch.setattr(limits, "SNAPSHOT_BYTES", 99)
        with pytest.raises(TrustMaterialError, match="99 bytes"):
            list_material(trust)


@pytest.mark.parametrize("path", ["crls/inner/a.crl", "crls/empty", "ocsp/inner/a.ors", "crls/.a.crl"])
def test_evidence_that_would_stay_behind_is_an_error(tmp_path: Path, path: str) -> None:
    """What is used here must not be missing where the snapshot arrives: it may revoke."""
    root = write_trust(tmp_path, crls={"a.crl": b"x"})
    if path.endswith(("crl", "ors")):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(crl(Pki().code_chain().root))
    else:
        (root / path).mkdir()
    for evidence_only in (True, False):
        with pytest.raises(TrustMaterialError, match="cannot be packed") as caught:
            list_material(root, evidence_only=evidence_only)
        assert caught.value.reason == "snapshot.malformed"


def test_ignores_files_of_file_managers(tmp_path: Path) -> None:
    root = write_trust(tmp_path, crls={"a.crl": b"x", "._a.crl": b"\0\5\x16\7", ".DS_Store": b"x"})
    assert [file.path for file in list_material(root, evidence_only=True)] == ["crls/a.crl"]
