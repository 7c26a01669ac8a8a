"""`airgap trust cert|policy|status|export` as their users type them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airgap.pki.crl import Crl
from tests.support.command import Ran, run_here
from tests.support.crls import crl, pem, scope
from tests.support.endpoints import Endpoints
from tests.support.fetching import Site
from tests.support.ocsp import ocsp_response
from tests.support.pki import Issued, Pki, issue
from tests.support.registry import LoopbackRegistry
from tests.support.scenario import with_everything
from tests.support.trust import oci_policy, statement, store_folder, write_trust

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
LEAF = Pki().code_chain()
ROOT = LEAF.root


def trust(path: Path, *arguments: object) -> Ran:
    return run_here(["trust", *map(str, arguments), "--trust", str(path)])


def checked(ran: Ran) -> dict[str, Any]:
    """The JSON document, held to its schema."""
    return ran.held_to(ran.document["schema"].removeprefix("airgap.").partition("/")[0])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "trust"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "root.pem"
    path.write_bytes(ROOT.pem)
    return path


def test_status_reports_no_age_of_other_files(tmp_path: Path) -> None:
    written = with_everything().write(tmp_path)
    (written.trust / "crls/notes.crl").write_text("call the CA on Monday\n")
    text = trust(written.trust, "status", "--at", "2026-06-02").out
    assert "notes.crl" in text
    assert "from the future" not in text


class TestCertAdd:
    def add(self, root: Path, file: Path, kind: str = "ca", store: str = "acme") -> Ran:
        return trust(root, "cert", "add", "--type", kind, "--store", store, file)

    @pytest.mark.parametrize("name", ["root.pem", "root.crt", "root.CER"])
    @pytest.mark.parametrize("der", [True, False])
    def test_pem_and_der_files_are_copied_as_they_are(self, root: Path, tmp_path: Path, name: str, der: bool) -> None:
        """STORE-5, STORE-6."""
        (tmp_path / name).write_bytes(ROOT.der if der else ROOT.pem)
        assert self.add(root, tmp_path / name).code == 0
        assert (store_folder(root, "ca:acme") / name).read_bytes() == (ROOT.der if der else ROOT.pem)

    def test_files_and_folders_are_for_the_owner_alone(self, root: Path, file: Path) -> None:
        """STORE-14."""
        self.add(root, file)
        modes = {path.is_dir(): path.stat().st_mode & 0o777 for path in (root, *root.rglob("*"))}
        assert modes == {True: 0o700, False: 0o600}

    def test_shows_the_fingerprints_to_compare(self, root: Path, file: Path) -> None:
        out = self.add(root, file).out
        digits = ROOT.fingerprint.upper()
        assert digits[:4] in out
        assert digits[-4:] in out
        assert "in words" in out

    @pytest.mark.parametrize(
        ("kind", "made", "message"),
        [
            ("ca", lambda: LEAF, "neither a CA nor self-signed"),
            ("tsa", lambda: LEAF.chain[1], "not a root"),
            ("tsa", lambda: issue("leaf", subject="C=US,O=Self"), "not a CA"),
        ],
        ids=["STORE-7 a leaf", "STORE-12 an intermediate", "STORE-12 a self-signed leaf"],
    )
    def test_refuses_what_verification_would_refuse(
        self, root: Path, tmp_path: Path, kind: str, made: Any, message: str
    ) -> None:
        (tmp_path / "x.pem").write_bytes(made().pem)
        ran = self.add(root, tmp_path / "x.pem", kind)
        assert ran.code == 18
        assert message in ran.err
        assert not store_folder(root, f"{kind}:acme").exists()

    def test_refuses_hidden_files(self, root: Path, tmp_path: Path) -> None:
        """STORE-5, D19."""
        (tmp_path / ".root.pem").write_bytes(ROOT.pem)
        assert self.add(root, tmp_path / ".root.pem").code == 18

    @pytest.mark.parametrize(
        ("name", "data", "stored"),
        [
            ("root.txt", ROOT.pem, "root.pem"),
            ("root", ROOT.pem, "root.pem"),
            ("root.der", ROOT.der, "root.cer"),
            ("root.crt.txt", ROOT.pem, "root.crt"),
        ],
    )
    def test_gives_a_file_the_ending_of_its_form(
        self, root: Path, tmp_path: Path, name: str, data: bytes, stored: str
    ) -> None:
        """STORE-5, D19: no store may hold the other ones."""
        (tmp_path / name).write_bytes(data)
        ran = self.add(root, tmp_path / name)
        assert ran.code == 0, ran
        assert stored in ran.out
        assert [path.name for path in store_folder(root, "ca:acme").iterdir()] == [stored]

    def test_refuses_files_that_are_not_certificates(self, root: Path, tmp_path: Path) -> None:
        (tmp_path / "x.pem").write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
        assert self.add(root, tmp_path / "x.pem").code == 18

    @pytest.mark.parametrize("again", ["root.pem", "ROOT.pem"])
    def test_refuses_an_existing_file_name(self, root: Path, file: Path, again: str, tmp_path: Path) -> None:
        """Also in another case: a medium may know only one of both."""
        self.add(root, file)
        second = tmp_path / "second" / again
        second.parent.mkdir()
        second.write_bytes(ROOT.pem)
        assert self.add(root, second).code == 2

    def test_refuses_two_files_of_one_name(self, root: Path, file: Path, tmp_path: Path) -> None:
        second = tmp_path / "second" / file.name
        second.parent.mkdir()
        second.write_bytes(ROOT.pem)
        assert trust(root, "cert", "add", "-t", "ca", "-s", "acme", file, second).code == 2
        assert not list(root.rglob("*.pem"))

    def test_adds_all_or_none(self, root: Path, file: Path, tmp_path: Path) -> None:
        (tmp_path / "leaf.pem").write_bytes(LEAF.pem)
        ran = trust(root, "cert", "add", "-t", "ca", "-s", "acme", file, tmp_path / "leaf.pem")
        assert ran.code == 18
        assert not list(root.rglob("*.pem"))

    @pytest.mark.parametrize("store", ["..", "a/b", ""])
    def test_refuses_malformed_store_names(self, root: Path, file: Path, store: str) -> None:
        """STORE-2, D23."""
        assert self.add(root, file, store=store).code == 2

    def test_never_writes_into_notations_directory(
        self, tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        theirs = tmp_path / "notation"
        theirs.mkdir()
        monkeypatch.setenv("NOTATION_CONFIG", str(theirs))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nothing"))
        monkeypatch.delenv("AIRGAP_TRUST", raising=False)
        for arguments in (
            ["cert", "add", "-t", "ca", "-s", "acme", str(file)],
            ["policy", "init", "--name", "a", "--scope", "*", "--trust-store", "ca:a", "--trusted-identity", "*"],
            ["fetch", "layouts/good"],
        ):
            ran = run_here(["trust", *arguments])
            assert (ran.code, "belongs to notation" in ran.err) == (2, True), ran
        assert not list(theirs.iterdir())


class TestCertOthers:
    def test_list_names_every_certificate_and_every_store_that_is_broken(self, root: Path) -> None:
        write_trust(root, stores={"ca:a": [ROOT], "ca:b": {"readme.txt": b"x"}, "tsa:c": [ROOT]})
        ran = trust(root, "cert", "list", "--format", "json")
        assert ran.code == 18
        assert [item["store"] for item in ran.document["files"]] == ["ca:a", "tsa:c"]
        assert [item["store"] for item in ran.document["broken"]] == ["ca:b"]
        assert trust(root, "cert", "list", "--type", "tsa").code == 0

    def test_show_prints_all_that_a_person_compares(self, root: Path) -> None:
        write_trust(root, stores={"ca:a": {"x.pem": ROOT.pem}})
        ran = trust(root, "cert", "show", "-t", "ca", "-s", "a", "x.pem", "--format", "json")
        (shown,) = ran.document["files"][0]["certificates"]
        assert shown["sha256"] == ROOT.fingerprint
        assert (shown["ca"], shown["self_signed"], len(shown["words"])) == (True, True, 32)
        text = trust(root, "cert", "show", "-t", "ca", "-s", "a", "x.pem").out
        assert " ".join(shown["words"][:8]) in text

    @pytest.mark.parametrize("name", ["y.pem", "../a/x.pem", "."])
    def test_show_and_delete_refuse_paths_outside_of_the_store(self, root: Path, name: str) -> None:
        write_trust(root, stores={"ca:a": {"x.pem": ROOT.pem}})
        assert trust(root, "cert", "show", "-t", "ca", "-s", "a", name).code == 11
        assert trust(root, "cert", "delete", "-t", "ca", "-s", "a", name, "--yes").code == 11
        assert (store_folder(root, "ca:a") / "x.pem").exists()

    def test_delete_removes_one_file(self, root: Path) -> None:
        write_trust(root, stores={"ca:a": {"x.pem": ROOT.pem, "y.pem": ROOT.pem}})
        assert trust(root, "cert", "delete", "-t", "ca", "-s", "a", "x.pem", "-y").code == 0
        assert [path.name for path in store_folder(root, "ca:a").iterdir()] == ["y.pem"]

    def test_delete_all_removes_the_store(self, root: Path) -> None:
        write_trust(root, stores={"ca:a": [ROOT]})
        assert trust(root, "cert", "delete", "-t", "ca", "-s", "a", "--all", "-y").code == 0
        assert not store_folder(root, "ca:a").exists()

    @pytest.mark.parametrize("arguments", [["x.pem"], ["x.pem", "--all", "-y"], ["-y"]])
    def test_delete_asks_for_confirmation(self, root: Path, arguments: list[str]) -> None:
        write_trust(root, stores={"ca:a": {"x.pem": ROOT.pem}})
        assert trust(root, "cert", "delete", "-t", "ca", "-s", "a", *arguments).code == 2
        assert (store_folder(root, "ca:a") / "x.pem").exists()


class TestPolicy:
    def init(self, root: Path, *more: str) -> Ran:
        return trust(
            root, "policy", "init", "--name", "acme", "--scope", "registry.example/app",
            "--trust-store", "ca:acme", "--trusted-identity", "x509.subject: C=US, ST=WA, O=Acme", *more,
        )  # fmt: skip

    def test_init_writes_a_strict_policy_that_verification_takes(self, root: Path) -> None:
        assert self.init(root).code == 0
        (written,) = json.loads((root / "trustpolicy.oci.json").read_text())["trustPolicies"]
        assert written["signatureVerification"] == {"level": "strict"}
        assert (root / "trustpolicy.oci.json").stat().st_mode & 0o777 == 0o600

    def test_init_replaces_a_policy_only_on_request_and_keeps_the_old_one(self, root: Path) -> None:
        self.init(root)
        first = (root / "trustpolicy.oci.json").read_bytes()
        assert self.init(root, "--trust-store", "ca:other").code == 2
        assert (root / "trustpolicy.oci.json").read_bytes() == first
        assert self.init(root, "--trust-store", "ca:other", "--force").code == 0
        assert [path.read_bytes() for path in root.glob("*.bak")] == [first]

    @pytest.mark.parametrize("missing", ["--scope", "--trusted-identity"])
    def test_init_trusts_no_signer_by_default(self, root: Path, missing: str) -> None:
        options = {"--name": "a", "--scope": "*", "--trust-store": "ca:a", "--trusted-identity": "*"}
        arguments = [text for pair in options.items() if pair[0] != missing for text in pair]
        assert trust(root, "policy", "init", *arguments).code == 2
        assert not root.exists()

    def test_init_refuses_what_would_not_be_valid(self, root: Path) -> None:
        assert self.init(root, "--trust-store", "nothing").code == 18
        assert not (root / "trustpolicy.oci.json").exists()

    def test_init_writes_a_policy_for_blobs(self, root: Path) -> None:
        assert self.init(root, "--blob").code == 0
        ran = trust(root, "policy", "check", "--blob")
        assert (ran.code, "does not exist" in ran.out) == (18, True), "its trust store is still to come"
        assert trust(root, "policy", "check", "--blob", "--file", root / "trustpolicy.blob.json").code == 0

    def test_import_validates_before_it_replaces(self, root: Path, tmp_path: Path) -> None:
        self.init(root)
        before = (root / "trustpolicy.oci.json").read_bytes()
        (tmp_path / "bad.json").write_text(json.dumps(oci_policy(statement(name=""))))
        assert trust(root, "policy", "import", tmp_path / "bad.json", "--force").code == 18
        assert (root / "trustpolicy.oci.json").read_bytes() == before
        (tmp_path / "good.json").write_text(json.dumps(oci_policy()))
        assert trust(root, "policy", "import", tmp_path / "good.json").code == 2
        assert trust(root, "policy", "import", tmp_path / "good.json", "--force").code == 0
        assert (root / "trustpolicy.oci.json").read_bytes() == (tmp_path / "good.json").read_bytes()
        assert [path.read_bytes() for path in root.glob("*.bak")] == [before]

    def test_import_renames_the_policy_of_the_older_file_name(self, root: Path, tmp_path: Path) -> None:
        """POLICY-1: it would come into use when the newer one is removed."""
        write_trust(root, policy_name="trustpolicy.json")
        (tmp_path / "good.json").write_text(json.dumps(oci_policy(statement(name="new"))))
        assert trust(root, "policy", "import", tmp_path / "good.json", "--force").code == 0
        names = sorted(path.name for path in root.iterdir())
        assert names[0].startswith("trustpolicy.json.")
        assert names[1:] == ["trustpolicy.oci.json"]

    def test_show_prints_the_file_also_where_it_is_malformed(self, root: Path) -> None:
        """CLI-26."""
        write_trust(root, policy=b'{"version": "9"}\n')
        ran = trust(root, "policy", "show")
        assert (ran.code, ran.out) == (18, '{"version": "9"}\n')
        assert "version" in ran.err

    def test_check_names_line_and_member(self, root: Path) -> None:
        document = json.dumps(oci_policy(statement(signatureVerification={"level": "stric"})), indent=1)
        write_trust(root, policy=document.encode())
        line = next(n for n, text in enumerate(document.splitlines(), 1) if "stric" in text)
        ran = trust(root, "policy", "check")
        assert ran.code == 18
        assert f"line {line}:" in ran.out
        assert "trustPolicies[0].signatureVerification.level" in ran.out

    @pytest.mark.parametrize(
        ("asked", "name", "why"),
        [
            ("registry.example/app", "app", "letter for letter"),
            ("registry.example/app:v1", "app", "letter for letter"),
            ("registry.example/other@sha256:" + "0" * 64, "rest", "no statement names registry.example/other"),
        ],
    )
    def test_check_names_the_statement_that_applies_and_why(self, root: Path, asked: str, name: str, why: str) -> None:
        """SCOPE-4."""
        app = statement(name="app", registryScopes=["registry.example/app"])
        write_trust(root, policy=oci_policy(app, statement(name="rest")), stores={"ca:harbour": [ROOT]})
        applies = trust(root, "policy", "check", asked, "--format", "json").document["applies"]
        assert applies["statement"] == name
        assert why in applies["why"]

    def test_check_reports_that_no_statement_applies(self, root: Path) -> None:
        policy = oci_policy(statement(registryScopes=["registry.example/app"]))
        write_trust(root, policy=policy, stores={"ca:harbour": [ROOT]})
        assert trust(root, "policy", "check", "registry.example/other").code == 13

    def test_check_reports_every_refusal(self, root: Path) -> None:
        document = {
            "version": "2.0",
            "extra": 1,
            "trustPolicies": [
                statement(
                    name="a",
                    registryScopes=["registry.example/a", "registry.example/A", "other/app:v1"],
                    signatureVerification={"level": "strict", "override": {"integrity": "log", "expiry": "never"}},
                    trustStores=["ca:x", "nothing", "tpm:y"],
                    trustedIdentities=["*", "stranger"],
                    colour="red",
                ),
                "no statement",
                statement(name="a", registryScopes=["registry.example/a"], trustStores=[], trustedIdentities=[]),
            ],
        }
        text = json.dumps(document, indent=1)
        write_trust(root, policy=text.encode())
        first = "trustPolicies[0]"
        expected = {
            "version",
            "extra",
            f"{first}.registryScopes[1]",
            f"{first}.registryScopes[2]",
            f"{first}.signatureVerification.override.integrity",
            f"{first}.signatureVerification.override.expiry",
            f"{first}.trustStores[1]",
            f"{first}.trustStores[2]",
            f"{first}.trustedIdentities[0]",
            f"{first}.trustedIdentities[1]",
            f"{first}.colour",
            "trustPolicies[1]",
            "trustPolicies[2].name",
            "trustPolicies[2].registryScopes[0]",
            "trustPolicies[2].trustStores",
            "trustPolicies[2].trustedIdentities",
        }
        ran = trust(root, "policy", "check", "--format", "json")
        told = {refusal["member"]: refusal for refusal in ran.document["refusals"]}
        assert (ran.code, ran.document["valid"], ran.document["refused"]) == (18, False, len(expected))
        assert set(told) == expected
        lines = text.splitlines()
        assert '"colour"' in lines[told[f"{first}.colour"]["line"] - 1]
        assert "tpm:y" in lines[told[f"{first}.trustStores[2]"]["line"] - 1]
        assert told[f"{first}.colour"]["statement"] == "a"
        assert told["trustPolicies[1]"]["statement"] == "trustPolicies[1]"
        assert [refusal["line"] for refusal in ran.document["refusals"]] == sorted(
            refusal["line"] for refusal in ran.document["refusals"]
        )
        ran = trust(root, "policy", "check")
        assert ran.code == 18
        assert all(member in ran.out for member in expected)
        assert ran.out.startswith("BROKEN: 16 mistakes in ")
        assert not ran.err
        assert "shows all 16 refusals" in trust(root, "policy", "show").err

    def test_check_reports_every_unusable_store(self, root: Path) -> None:
        policy = oci_policy(
            statement(name="a", registryScopes=["registry.example/a"], trustStores=["ca:harbour", "ca:none"]),
            statement(name="b", registryScopes=["registry.example/b"], trustStores=["tsa:empty", "ca:none"]),
        )
        write_trust(root, policy=policy, stores={"ca:harbour": [ROOT]})
        (root / "truststore/x509/tsa/empty").mkdir(parents=True)
        ran = trust(root, "policy", "check", "--format", "json")
        assert ran.code == 18
        assert [(refusal["member"], refusal["statement"]) for refusal in ran.document["refusals"]] == [
            ("trustPolicies[0].trustStores[1]", "a"),
            ("trustPolicies[1].trustStores[0]", "b"),
            ("trustPolicies[1].trustStores[1]", "b"),
        ]
        assert "holds no certificate" in ran.document["refusals"][1]["problem"]
        assert all(refusal["remedy"] for refusal in ran.document["refusals"])
        told = trust(root, "policy", "check").out
        assert told.startswith("BROKEN: 3 trust stores")
        assert told.count("  → ") == 3
        assert trust(root, "policy", "check", "--file", root / "trustpolicy.oci.json").code == 0

    def test_check_reports_a_missing_store(self, root: Path) -> None:
        write_trust(root)
        assert "does not exist" in trust(root, "policy", "check", "registry.example/app").out

    def test_verify_reads_the_trust_directory_that_was_written(self, root: Path, file: Path) -> None:
        self.init(root)
        trust(root, "cert", "add", "-t", "ca", "-s", "acme", file)
        ran = run_here(["verify", "layouts/good", "--trust", str(root), "--scope", "registry.example/app",
                        "--format", "json"])  # fmt: skip
        assert ran.document["artifacts"][0]["policy"]["statement"] == "acme"


def evidence(issuer: Issued, **changes: Any) -> bytes:
    return crl(issuer, **{"this_update": NOW - DAY, "next_update": NOW + 9 * DAY, **changes})


class TestStatus:
    def status(self, root: Path, *more: str, **files: Any) -> Ran:
        write_trust(root, stores={"ca:harbour": [ROOT]}, **files)
        ran = trust(root, "status", "--format", "json", *more)
        checked(ran)
        return ran

    def test_lists_each_piece_with_its_dates_and_the_earliest_end(self, root: Path) -> None:
        crls = {"a.crl": evidence(ROOT), "b.crl": evidence(LEAF.chain[1], next_update=NOW + 3 * DAY)}
        answer = ocsp_response(LEAF, this_update=NOW - DAY, next_update=NOW + 5 * DAY)
        ran = self.status(root, crls=crls, ocsp={"c.ors": answer})
        assert ran.code == 0
        pieces = {piece["file"]: piece for piece in ran.document["pieces"]}
        assert {piece["state"] for piece in pieces.values()} == {"fresh"}
        assert pieces["crls/a.crl"]["age_seconds"] == pytest.approx(86400, abs=3600)
        assert ran.document["use_by"]["evidence"] == "crls/b.crl"

    def test_stale_evidence_is_exit_15(self, root: Path) -> None:
        ran = self.status(root, crls={"a.crl": evidence(ROOT, next_update=NOW - DAY / 2)})
        assert (ran.code, ran.document["pieces"][0]["state"]) == (15, "stale")

    def test_answers_for_a_later_moment(self, root: Path) -> None:
        ran = self.status(root, "--at", (NOW + 10 * DAY).isoformat(), crls={"a.crl": evidence(ROOT)})
        assert ran.code == 15

    def test_reports_accepted_stale_evidence(self, root: Path) -> None:
        stale = {"a.crl": evidence(ROOT, next_update=NOW - DAY / 2)}
        ran = self.status(root, crls=stale, freshness='[freshness]\ncrl = "7d"\ntsa-crl = "7d"\n')
        assert (ran.code, ran.document["pieces"][0]["state"]) == (0, "stale-accepted")
        assert self.status(root, "--max-age", "7d", crls=stale, freshness="").code == 0

    def test_superseded_evidence_does_not_count(self, root: Path) -> None:
        old = evidence(ROOT, this_update=NOW - 9 * DAY, next_update=NOW - 8 * DAY)
        ran = self.status(root, crls={"a.crl": old, "b.crl": evidence(ROOT, number=2)})
        assert ran.code == 0
        assert [piece["state"] for piece in ran.document["pieces"]] == ["superseded", "fresh"]

    def test_evidence_of_the_future_does_not_supersede(self, root: Path) -> None:
        crls = {"a.crl": evidence(ROOT), "b.crl": evidence(ROOT, number=2, this_update=NOW + DAY)}
        states = [piece["state"] for piece in self.status(root, crls=crls).document["pieces"]]
        assert states == ["fresh", "future"]

    def test_later_evidence_is_no_fault_of_an_earlier_moment(self, root: Path) -> None:
        """`verify --at` gives the same answer: what was made between the moment and the clock was not known yet."""
        old = evidence(ROOT, this_update=NOW - 9 * DAY, next_update=NOW + DAY)
        crls = {"a.crl": old, "b.crl": evidence(ROOT, number=2, this_update=NOW - DAY)}
        at = (NOW - 5 * DAY).isoformat()
        ran = self.status(root, "--at", at, crls=crls)
        assert ran.code == 0, ran
        assert [piece["state"] for piece in ran.document["pieces"]] == ["fresh", "later"]
        early = (NOW - 20 * DAY).isoformat()
        assert self.status(root, "--at", early, crls=crls).code == 15

    @pytest.mark.parametrize(
        "covered", [{"only_ca": True, "only_user": True}, {"only_attribute": True}, {"reasons": ()}, {"indirect": True}]
    )
    def test_a_crl_that_covers_no_certificate_is_not_good(self, root: Path, covered: dict[str, Any]) -> None:
        ran = self.status(root, crls={"a.crl": evidence(ROOT, scope=scope(**covered))})
        assert (ran.code, ran.document["pieces"][0]["state"]) == (15, "unusable")

    def test_a_delta_counts_until_its_base_has_caught_up(self, root: Path) -> None:
        delta = evidence(ROOT, number=6, delta_base=5, next_update=NOW - DAY / 2)
        assert self.status(root, crls={"a.crl": evidence(ROOT, number=5), "d.crl": delta}).code == 15
        assert self.status(root, crls={"a.crl": evidence(ROOT, number=6), "d.crl": delta}).code == 0

    def test_names_unreadable_files(self, root: Path) -> None:
        ran = self.status(root, crls={"a.crl": evidence(ROOT), "b.crl": b"no"})
        assert [piece["state"] for piece in ran.document["pieces"]] == ["fresh", "unusable"]

    def test_a_clock_before_the_evidence_is_not_good(self, root: Path) -> None:
        """`--at` named a moment at which the CRL counts, and verify is unsure there all the same."""
        made = crl(ROOT, this_update=NOW + DAY, next_update=NOW + 9 * DAY)
        write_trust(root, stores={"ca:harbour": [ROOT]}, crls={"a.crl": made})
        at = (NOW + 2 * DAY).isoformat()
        ran = trust(root, "status", "--at", at, "--format", "json")
        assert (ran.code, ran.document["good"]) == (15, False), ran
        assert trust(root, "status", "--at", at, "-q").out.startswith("WRONG CLOCK: ")

    def test_the_first_line_is_not_good_where_a_file_cannot_be_read(self, root: Path) -> None:
        whole = crl(ROOT, this_update=NOW - DAY, next_update=NOW + DAY)
        write_trust(root, stores={"ca:harbour": [ROOT]}, crls={"a.crl": whole, "b.crl": whole[:-10]})
        ran = trust(root, "status", "-q")
        assert (ran.code, ran.out.partition(":")[0]) == (15, "UNSURE"), ran

    def test_reports_a_clock_before_the_newest_evidence(self, root: Path) -> None:
        """A clock before the newest evidence (decision 0013)."""
        future = evidence(ROOT, this_update=NOW + DAY)
        ran = self.status(root, crls={"a.crl": future})
        assert ran.document["clock_behind"] is True
        assert ran.code == 15
        for options in ([], ["--quiet"]):
            assert "the clock is wrong, or the evidence is" in trust(root, "status", *options).err

    def test_broken_trust_material_is_exit_18(self, root: Path) -> None:
        write_trust(root, policy=oci_policy(), stores={"ca:harbour": {}}, crls={"a.crl": evidence(ROOT)})
        assert trust(root, "status").code == 18

    def test_the_first_word_and_the_last_line_are_the_answer(self, root: Path) -> None:
        write_trust(root, stores={"ca:harbour": [ROOT]}, crls={"a.crl": pem(evidence(ROOT))})
        first, _, head, piece, _, last = trust(root, "status").out.splitlines()
        assert first.startswith("GOOD    trust directory ")
        assert head.split() == ["STATE", "KIND", "OF", "AGE", "GOOD", "UNTIL", "LEFT"]
        assert piece.startswith("fresh  crl ")
        assert re.fullmatch(r"GOOD: all 1 piece of evidence count at \S+\. Exit code 0\.", last)
        assert trust(root, "status", "-q").out == f"{last}\n"

    def test_what_ends_first_comes_first_and_what_does_not_count_last(self, root: Path) -> None:
        crls = {
            "a.crl": evidence(ROOT, next_update=NOW - DAY),
            "b.crl": evidence(LEAF.chain[1], next_update=NOW + 9.5 * DAY),
            "c.crl": evidence(LEAF, next_update=NOW + 3.5 * DAY),
        }
        write_trust(root, stores={"ca:harbour": [ROOT]}, crls=crls)
        out = trust(root, "status").out
        assert re.findall(r"^(fresh|STALE) .* (\d+ \w+(?: ago)?)$", out, re.MULTILINE) == [
            ("fresh", "3 days"), ("fresh", "9 days"), ("STALE", "24 hours ago"),
        ]  # fmt: skip
        assert "crls/a.crl\n" in out
        assert "\n        crls/b.crl" not in out

    def test_older_generations_are_counted(self, root: Path) -> None:
        crls = {f"{number}.crl": evidence(ROOT, number=number) for number in range(2)}
        write_trust(root, stores={"ca:harbour": [ROOT]}, crls=crls)
        out = trust(root, "status").out
        assert "1 older generation kept for the past; -v lists them" in out
        assert "superseded" not in out
        assert re.search(r"^superseded ", trust(root, "status", "-v").out, re.MULTILINE)


class TestExport:
    URL = "http://crl.example/a.crl"

    def export(self, root: Path, target: Path, tool: str = "notation") -> Ran:
        return trust(root, "export", "--for", tool, target, "--format", "json")

    def test_notation_gets_configuration_and_cache(self, root: Path, tmp_path: Path) -> None:
        """CACHE-1, CACHE-2: named by the hash of the URL, base64 of the DER."""
        der = evidence(ROOT)
        write_trust(root, stores={"ca:harbour": [ROOT]}, crls={"a.crl": pem(der)}, crl_index={self.URL: "a.crl"})
        ran = self.export(root, tmp_path / "out")
        assert ran.code == 0, ran
        name = hashlib.sha256(self.URL.encode()).hexdigest()
        entry = json.loads((tmp_path / "out/cache/crl" / name).read_text())
        assert entry == {"baseCRL": base64.b64encode(der).decode()}
        config = tmp_path / "out/config"
        assert (config / "trustpolicy.oci.json").read_bytes() == (root / "trustpolicy.oci.json").read_bytes()
        assert (store_folder(config, "ca:harbour") / "0.pem").read_bytes() == ROOT.pem
        assert ran.document["use_by"] is not None

    def test_the_export_is_a_valid_trust_directory(self, root: Path, tmp_path: Path) -> None:
        write_trust(root, stores={"ca:harbour": [ROOT]})
        self.export(root, tmp_path / "out")
        assert run_here(["trust", "policy", "check", "--trust", str(tmp_path / "out/config")]).code == 0

    def test_a_delta_is_exported_with_its_base(self, root: Path, tmp_path: Path) -> None:
        base = evidence(ROOT, number=5, freshest=["http://crl.example/d.crl"])
        delta = evidence(ROOT, number=6, delta_base=5)
        write_trust(
            root, stores={"ca:harbour": [ROOT]}, crls={"a.crl": base, "d.crl": delta},
            crl_index={self.URL: "a.crl", "http://crl.example/d.crl": "d.crl"},
        )  # fmt: skip
        self.export(root, tmp_path / "out")
        entry = json.loads((tmp_path / "out/cache/crl" / hashlib.sha256(self.URL.encode()).hexdigest()).read_text())
        assert Crl.parse(base64.b64decode(entry["deltaCRL"])).number == 6

    def test_the_newest_generation_is_exported(self, root: Path, tmp_path: Path) -> None:
        crls = {"a.crl": evidence(ROOT, number=1, this_update=NOW - 2 * DAY), "b.crl": evidence(ROOT, number=2)}
        index: Any = {self.URL: ["a.crl", "b.crl"]}
        write_trust(root, stores={"ca:harbour": [ROOT]}, crls=crls, crl_index=index)
        self.export(root, tmp_path / "out")
        (file,) = (tmp_path / "out/cache/crl").iterdir()
        assert Crl.parse(base64.b64decode(json.loads(file.read_text())["baseCRL"])).number == 2

    def test_exports_an_unmapped_crl_under_the_url_that_it_names(self, root: Path, tmp_path: Path) -> None:
        crls = {"a.crl": evidence(ROOT, scope=scope(uris=[self.URL])), "b.crl": evidence(LEAF.chain[1])}
        write_trust(root, stores={"ca:harbour": [ROOT]}, crls=crls)
        ran = self.export(root, tmp_path / "out")
        assert len(list((tmp_path / "out/cache/crl").iterdir())) == 1
        assert any("b.crl" in note for note in ran.document["notes"])

    def test_reports_what_notation_cannot_use(self, root: Path, tmp_path: Path) -> None:
        """CACHE-3: a stale CRL sends it to the network; OCSP-9: it has no place for responses."""
        stale = {"a.crl": evidence(ROOT, next_update=NOW - DAY / 2)}
        write_trust(
            root, stores={"ca:harbour": [ROOT]}, crls=stale, crl_index={self.URL: "a.crl"},
            ocsp={"a.ors": ocsp_response(LEAF)},
        )  # fmt: skip
        notes = " ".join(self.export(root, tmp_path / "out").document["notes"])
        assert "was due on" in notes
        assert "OCSP responses were left out" in notes
        assert not (tmp_path / "out/cache").exists()

    def test_fails_where_notation_would_judge_more_mildly(self, root: Path, tmp_path: Path) -> None:
        crls = {"a.crl": evidence(ROOT), "b.crl": evidence(ROOT, number=7, revoked=[0x77], scope=scope(only_ca=True))}
        write_trust(root, stores={"ca:harbour": [ROOT]}, crls=crls, crl_index={self.URL: "a.crl"})
        ran = self.export(root, tmp_path / "out")
        assert ran.code == 20
        assert ran.document["omissions"] == [
            {
                "file": "b.crl",
                "url": self.URL,
                "problem": "lists the serial number 77, of which notation would not learn",
            }
        ]
        assert not (tmp_path / "out/cache").exists()
        told = trust(root, "export", "--for", "notation", tmp_path / "text")
        assert (told.code, told.out.startswith("EXPORTED IN PART:")) == (20, True)
        assert f"left out b.crl lists the serial number 77, of which notation would not learn: {self.URL}" in told.out
        known = trust(root, "export", "--for", "notation", tmp_path / "known", "--accept-omissions")
        assert (known.code, known.out.startswith("EXPORTED IN PART:")) == (0, True)
        assert not (tmp_path / "known/cache").exists()

    def test_says_which_crl_cannot_be_checked_for_damage(self, root: Path, tmp_path: Path) -> None:
        crls = {"a.crl": evidence(LEAF.chain[1], scope=scope(uris=[self.URL]))}
        write_trust(root, stores={"ca:harbour": [ROOT]}, crls=crls)
        ran = self.export(root, tmp_path / "out")
        assert ran.code == 0
        assert ran.document["unchecked"] == [
            "a.crl cannot be checked for damage: no certificate of its issuer is in a trust store"
        ]
        assert len(list((tmp_path / "out/cache/crl").iterdir())) == 1
        told = trust(root, "export", "--for", "notation", tmp_path / "text")
        assert (told.code, told.out.startswith("EXPORTED, NOT CHECKED:")) == (0, True)
        assert "not checked a.crl cannot be checked for damage" in told.out

    def test_refuses_a_folder_that_is_not_empty(self, root: Path, tmp_path: Path) -> None:
        write_trust(root, stores={"ca:harbour": [ROOT]})
        (tmp_path / "x").write_text("mine")
        assert self.export(root, tmp_path).code == 2

    def test_containers_policy_is_refused_where_signatures_are_demanded(self, root: Path, tmp_path: Path) -> None:
        write_trust(root, stores={"ca:harbour": [ROOT]})
        ran = self.export(root, tmp_path / "out", "containers-policy")
        assert ran.code == 2
        assert "harbour" in ran.err
        assert not (tmp_path / "out").exists()

    def test_containers_policy_holds_what_its_form_can_express(self, root: Path, tmp_path: Path) -> None:
        skip = {"signatureVerification": {"level": "skip"}, "trustStores": [], "trustedIdentities": []}
        write_trust(root, policy=oci_policy(statement(registryScopes=["registry.example/app"], **skip)))
        ran = self.export(root, tmp_path / "out", "containers-policy")
        # skopeo takes registry.example/app/db by it, too, to which no statement applies here
        assert (ran.code, [item["file"] for item in ran.document["omissions"]]) == (20, ["registry.example/app"])
        document = json.loads((tmp_path / "out/policy.json").read_text())
        assert document["default"] == [{"type": "reject"}]
        accept = [{"type": "insecureAcceptAnything"}]
        assert document["transports"] == {"docker": {"registry.example/app": accept}}
        known = trust(root, "export", "--for", "containers-policy", tmp_path / "known", "--accept-omissions")
        assert (known.code, known.out.startswith("EXPORTED IN PART: 1 file for")) == (0, True), known
        assert "  milder registry.example/app is in policy.json for every repository below it" in known.out

    def test_containers_policy_for_all_covers_all_scopes(self, root: Path, tmp_path: Path) -> None:
        skip = {"signatureVerification": {"level": "skip"}, "trustStores": [], "trustedIdentities": []}
        write_trust(root, policy=oci_policy(statement(registryScopes=["*"], **skip)))
        assert self.export(root, tmp_path / "out", "containers-policy").code == 0


class TestFetchCommand:
    def test_reads_a_target_in_a_registry_without_its_layers(self, root: Path, tmp_path: Path) -> None:
        with Endpoints() as web, LoopbackRegistry() as registry:
            here = Site(web, tmp_path / "site", at=NOW)
            (tmp_path / "site").mkdir()
            here.sign()
            here.serve()
            reference = f"{registry.host}/app:v1"
            assert run_here(["copy", here.written.target, reference, "--quiet"]).code == 0
            registry.seen.clear()
            ran = trust(root, "fetch", reference, "--require-complete", "--format", "json")
            assert ran.code == 0, ran
            assert checked(ran)["signatures"] == 1
            fetched = [seen.path for seen in registry.seen if "/blobs/" in seen.path]
            assert len(fetched) == 1

    def test_takes_evidence_attached_in_a_registry(self, root: Path, tmp_path: Path) -> None:
        with Endpoints() as web, LoopbackRegistry() as registry:
            here = Site(web, tmp_path / "site", at=NOW)
            (tmp_path / "site").mkdir()
            here.sign()
            here.serve()
            assert run_here(["trust", "fetch", "--into", str(here.written.layout), "--quiet"]).code == 0
            reference = f"{registry.host}/app:v1"
            assert run_here(["copy", here.written.target, reference, "--quiet"]).code == 0
            ran = trust(root, "fetch", reference, "--no-download", "--require-complete", "--format", "json")
            assert ran.code == 0, ran
            assert checked(ran)["warnings"] == []

    def test_text_and_json_agree(self, root: Path, tmp_path: Path) -> None:
        with Endpoints() as web:
            here = Site(web, tmp_path, at=NOW)
            here.sign(crl_urls=[web.dead()])
            here.serve()
            text = trust(root, "fetch", here.written.target, "--require-complete")
            assert text.code == 15
            last = "INCOMPLETE: no proven evidence for 1 of 2 certificates of 1 signature. Exit code 15."
            assert text.out.splitlines()[-1] == last
            assert re.search(r"^GAP +\S.* signing +- +-$", text.out, re.MULTILINE)
            assert "[fetch.unreachable]" in text.out
            document = checked(trust(root, "fetch", here.written.target, "--format", "json"))
            assert (document["schema"], document["complete"], document["exit_code"]) == ("airgap.fetch/1", False, 0)

    def test_a_target_is_needed(self, root: Path) -> None:
        assert trust(root, "fetch").code == 2

    def test_the_python_example_works(self, tmp_path: Path) -> None:
        page = (Path(__file__).parents[2] / "docs/reference/trust.md").read_text(encoding="utf-8")
        (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
        names: dict[str, Any] = {}
        exec(block, names)  # noqa: S102 - the page's own example
        with Endpoints() as web:
            here = Site(web, tmp_path, at=NOW)
            here.sign()
            here.serve()
            assert names["refresh"](here.written.target, here.trust).complete
            assert here.verify().code == 0


# --- what was typed wrong is answered with a remedy ---


@pytest.mark.parametrize("command", [["cert", "list"], ["pin", "list"]])
def test_a_missing_trust_directory_is_not_an_empty_one(tmp_path: Path, command: list[str]) -> None:
    ran = trust(tmp_path / "typo", *command)
    assert ran.code == 11
    assert "there is no trust directory at" in ran.err


def test_explains_that_a_file_is_not_a_certificate(root: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate", encoding="utf-8")
    ran = trust(root, "cert", "add", "--type", "ca", "--store", "acme", wrong)
    assert ran.code == 18
    assert "it holds neither PEM nor DER certificates" in ran.err


def test_writes_a_snapshot_into_an_existing_folder(root: Path, file: Path, tmp_path: Path) -> None:
    trust(root, "cert", "add", "--type", "ca", "--store", "acme", file)
    named = ("--scope", "registry.example/app", "--trust-store", "ca:acme", "--trusted-identity", "*")
    trust(root, "policy", "init", "--name", "acme", *named)
    ran = trust(root, "snapshot", "create", "-o", tmp_path / "none" / "trip.tar")
    assert ran.code == 2
    assert f"there is no folder {tmp_path / 'none'} to write trip.tar into" in ran.err


def test_an_age_in_years_is_refused_with_the_accepted_units(root: Path) -> None:
    root.mkdir()
    ran = trust(root, "status", "--max-age", "1y")
    assert ran.code == 2
    assert "Write weeks, days and hours" in ran.err
