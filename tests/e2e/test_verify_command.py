"""`airgap verify` as its users type it: options, words, JSON, exit codes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Ran, run_here
from tests.support.scenario import Scene, Signature, bare

ROOT = Path(__file__).resolve().parents[2]
LAYOUTS = ROOT / "layouts"
TRUST = ["--trust", str(LAYOUTS / "trust")]
SCOPE = ["--scope", "registry.example/net-monitor"]


def verify(*arguments: object) -> Ran:
    return run_here(["verify", *map(str, arguments)])


def checked(ran: Ran) -> dict[str, Any]:
    """The JSON document, held to the schema and to the exit code."""
    return ran.held_to("verify")


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    """A trust directory to spoil."""
    return shutil.copytree(LAYOUTS / "trust", tmp_path / "trust")


class TestDocument:
    @pytest.mark.parametrize("name", ["good", "good.tar", "tampered", "revoked", "unsigned"])
    @pytest.mark.parametrize("content", ["all", "manifests", "none"])
    def test_follows_the_schema(self, name: str, content: str) -> None:
        checked(verify(LAYOUTS / name, *TRUST, *SCOPE, "--content", content, "--format", "json"))

    def test_is_complete_where_the_policy_is_malformed(self, trust: Path) -> None:
        (trust / "trustpolicy.oci.json").write_text('{"version": "1.0", "trustPolicies": []}')
        document = checked(verify(LAYOUTS / "good", "--trust", trust, "--format", "json"))
        assert (document["verdict"], document["exit_code"]) == ("fail", 18)
        assert document["problems"][0]["reason"] == "policy.malformed"
        assert document["problems"][0]["facts"]["member"] == "trustPolicies"
        assert document["artifacts"] == []

    def test_is_complete_where_there_is_no_trust_directory(self, tmp_path: Path) -> None:
        document = checked(verify(LAYOUTS / "good", "--trust", tmp_path / "none", "--format", "json"))
        assert (document["exit_code"], document["problems"][0]["reason"]) == (18, "policy.missing")

    @pytest.mark.parametrize(
        ("target", "code"),
        [("good:none", 11), (f"good@sha256:{'0' * 64}", 11), ("README.md", 16), ("nothing-here", 11)],
    )
    def test_is_complete_where_a_target_cannot_be_judged(self, target: str, code: int) -> None:
        document = checked(verify(LAYOUTS / target, *TRUST, *SCOPE, "--format", "json"))
        assert (document["verdict"], document["exit_code"]) == ("fail", code)
        assert document["problems"][0]["message"]

    def test_one_bad_target_does_not_stop_the_others(self) -> None:
        targets = [LAYOUTS / "good:none", LAYOUTS / "unsigned", LAYOUTS / "good"]
        document = checked(verify(*targets, *TRUST, *SCOPE, "--format", "json"))
        assert [artifact["verdict"] for artifact in document["artifacts"]] == ["fail", "pass"]
        assert document["exit_codes"] == [10, 11]
        assert document["exit_code"] == 10  # docs/reference/exit-codes.md: 10 before 11

    def test_the_report_file_is_the_same_document(self, tmp_path: Path) -> None:
        report = tmp_path / "report.json"
        ran = verify(LAYOUTS / "revoked", *TRUST, *SCOPE, "--format", "json", "--report", report)
        assert json.loads(report.read_text()) == checked(ran)

    def test_a_report_that_cannot_be_written_is_an_error(self, tmp_path: Path) -> None:
        ran = verify(LAYOUTS / "good", *TRUST, *SCOPE, "--report", tmp_path / "none" / "report.json")
        assert ran.code == 1
        assert "report.json cannot be written" in ran.err
        assert f"mkdir -p {tmp_path / 'none'}" in ran.err

    def test_names_the_evidence_that_ends_first(self) -> None:
        document = checked(verify(LAYOUTS / "good", *TRUST, *SCOPE, "--format", "json"))
        assert document["evidence_expires"]["at"] == "2076-01-01T00:00:00Z"


class TestMoment:
    def test_distinguishes_the_judged_moment_from_the_clock(self) -> None:
        document = checked(verify(LAYOUTS / "good", *TRUST, *SCOPE, "--at", "2030-05-06", "--format", "json"))
        assert document["time"]["judged"] == "2030-05-06T23:59:59Z"
        assert document["time"]["is_now"] is False

    def test_evidence_is_stale_for_a_moment_beyond_its_end(self) -> None:
        document = checked(verify(LAYOUTS / "good", *TRUST, *SCOPE, "--at", "2076-02-01", "--format", "json"))
        assert (document["verdict"], document["exit_code"]) == ("indeterminate", 15)

    def test_accepts_and_reports_stale_evidence_where_allowed(self) -> None:
        arguments = [LAYOUTS / "good", *TRUST, *SCOPE, "--at", "2076-02-01", "--max-age", "60d"]
        document = checked(verify(*arguments, "--format", "json"))
        assert document["verdict"] == "pass"
        evidence = document["artifacts"][0]["signatures"][0]["evidence"]
        assert any(use["accepted_stale"] for use in evidence)
        findings = document["artifacts"][0]["signatures"][0]["findings"]
        assert "evidence.stale.accepted" in {finding["reason"] for finding in findings}
        notes = [line for line in verify(*arguments).out.splitlines() if "stale evidence accepted" in line]
        assert notes
        assert len(set(notes)) == len(notes)  # two signatures need the same CRLs

    def test_evidence_of_the_future_does_not_answer(self) -> None:
        document = checked(verify(LAYOUTS / "good", *TRUST, *SCOPE, "--at", "2023-01-01", "--format", "json"))
        assert document["verdict"] != "pass"

    @pytest.mark.parametrize("at", ["tomorrow", "2026-13-01", "2026-01-01T00:00:00", ""])
    def test_a_malformed_time_is_a_usage_error(self, at: str) -> None:
        ran = verify(LAYOUTS / "good", *TRUST, "--at", at)
        assert ran.code == 2
        assert "Write " in ran.err


class TestUsage:
    @pytest.mark.parametrize(
        "arguments",
        [
            (),
            ("x", "--content", "some"),
            ("x", "--max-signatures", "0"),
            ("x", "-m", "novalue"),
            ("x", "-m", "=v"),
            ("x", "--scope", "registry.example/app:v1"),
            ("x", "--scope", "Registry.example/APP"),
            ("x", "--max-age", "soon"),
            ("x", "--no-such-option"),
        ],
    )
    def test_wrong_usage_is_exit_code_2(self, arguments: tuple[str, ...]) -> None:
        ran = verify(*arguments, *(TRUST if arguments else ()))
        assert ran.code == 2
        assert ran.err
        assert "Traceback" not in ran.err

    def test_a_registry_reference_is_explained(self) -> None:
        ran = verify("registry.example/net-monitor:v1", *TRUST)
        assert ran.code == 2
        assert "network" in ran.out

    def test_the_trust_directory_comes_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AIRGAP_TRUST", str(LAYOUTS / "trust"))
        assert verify(LAYOUTS / "good", *SCOPE).code == 0

    def test_required_metadata_is_enforced(self) -> None:
        ran = verify(LAYOUTS / "good", *TRUST, *SCOPE, "-m", "no.such.key=1", "--format", "json")
        assert ran.code == 13
        assert ran.reasons == {"metadata.missing"}

    def test_reports_more_signatures_than_the_bound(self) -> None:
        ran = verify(LAYOUTS / "good", *TRUST, *SCOPE, "--max-signatures", "1")
        assert ran.code == 0
        assert "2 signatures are attached; only the first 1" in ran.out


class TestWords:
    @pytest.mark.parametrize(
        ("name", "options", "verdict"),
        [
            ("good", [], "PASS: signatures and content are good"),
            ("tampered", [], f"FAIL: do not use {LAYOUTS}/tampered:v1: a blob's bytes do not match its digest."),
            (
                "good",
                ["--at", "2077-01-01"],
                f"UNSURE: do not use {LAYOUTS}/good:v1 yet: the CRL is past",
            ),
        ],
    )
    def test_the_first_word_and_the_last_line_are_the_verdict(
        self, name: str, options: list[str], verdict: str
    ) -> None:
        first, *_, last = verify(LAYOUTS / name, *TRUST, *SCOPE, *options).out.splitlines()
        assert (first.split()[0], last.startswith(verdict)) == (verdict.partition(":")[0], True)

    def test_what_failed_comes_with_its_code_and_the_remedy(self) -> None:
        out = verify(LAYOUTS / "revoked", *TRUST, *SCOPE).out
        assert "[revocation.revoked]" in out
        assert "→ Do not use this artifact." in out

    def test_unchecked_content_is_never_called_good(self) -> None:
        out = verify(LAYOUTS / "tampered", *TRUST, *SCOPE, "--content", "none").out
        assert "content NOT checked" in out
        assert "content are good" not in out
        out = verify(LAYOUTS / "tampered", *TRUST, *SCOPE, "--content", "manifests").out
        assert "layers NOT checked" in out
        assert "content are good" not in out

    def test_quiet_prints_the_verdict_alone(self) -> None:
        assert verify(LAYOUTS / "good", *TRUST, *SCOPE, "-q").out.count("\n") == 1

    def test_verbose_names_every_check(self) -> None:
        out = verify(LAYOUTS / "good", *TRUST, *SCOPE, "-v").out
        for check in ("integrity", "authenticity", "expiry", "authenticTimestamp", "revocation", "metadata"):
            assert check in out

    def test_warns_about_a_policy_that_skips(self, trust: Path) -> None:
        statement = {"name": "all", "registryScopes": ["*"], "signatureVerification": {"level": "skip"}}
        (trust / "trustpolicy.oci.json").write_text(json.dumps({"version": "1.0", "trustPolicies": [statement]}))
        ran = verify(LAYOUTS / "unsigned", "--trust", trust)
        assert ran.code == 0
        assert ran.out.startswith("SKIPPED")
        assert "NOTHING proves" in ran.out
        assert "PASS" not in ran.out

    @pytest.mark.parametrize(
        ("verification", "words"),
        [
            ({"level": "audit"}, "authenticity is only logged"),
            ({"level": "strict", "override": {"revocation": "skip"}}, "revocation is not checked"),
        ],
    )
    def test_a_softened_check_is_a_reservation(self, trust: Path, verification: dict[str, Any], words: str) -> None:
        """A pass that the policy softened is never called good without a message."""
        policy = json.loads((trust / "trustpolicy.oci.json").read_text())
        policy["trustPolicies"][0]["signatureVerification"] = verification
        (trust / "trustpolicy.oci.json").write_text(json.dumps(policy))
        target = "untrusted" if verification["level"] == "audit" else "revoked"
        ran = verify(LAYOUTS / target, "--trust", trust, *SCOPE)
        assert ran.code == 0
        assert ran.out.startswith("PASS, WITH RESERVATIONS")
        assert words in ran.out
        assert "are good" not in ran.out
        assert ("claims to be " in ran.out) == (target == "untrusted")

    def test_names_with_control_characters_are_escaped(self, tmp_path: Path) -> None:
        layout = shutil.copytree(LAYOUTS / "unsigned", tmp_path / "evil\x1b[31m\u202ename")
        ran = verify(layout, *TRUST, *SCOPE)
        assert ran.code == 10
        assert "\x1b" not in ran.out + ran.err
        assert "\u202e" not in ran.out + ran.err


class TestHostileTargets:
    @pytest.mark.parametrize(
        ("make", "words"),
        [
            (lambda path: path.mkdir(), "empty"),
            (lambda path: path.write_bytes(b""), "empty"),
            (lambda path: path.write_bytes(b"\x1f\x8b" + b"\0" * 100), "gzip"),
            (lambda path: path.write_bytes((LAYOUTS / "good.tar").read_bytes()[:3000]), ""),
            (os.mkfifo, ""),
        ],
        ids=["empty-folder", "empty-file", "gzip", "truncated-tar", "pipe"],
    )
    def test_are_refused_in_one_sentence(self, tmp_path: Path, make: Any, words: str) -> None:
        make(tmp_path / "x")
        ran = verify(tmp_path / "x", *TRUST, "--format", "json")
        document = checked(ran)
        assert ran.code == 16
        assert words in document["problems"][0]["message"]
        assert document["problems"][0]["remedy"]

    @pytest.mark.skipif(os.name != "posix", reason="rights of another system")
    def test_a_folder_without_rights_is_refused_in_one_sentence(self, tmp_path: Path) -> None:
        layout = shutil.copytree(LAYOUTS / "good", tmp_path / "good")
        blob = next((layout / "blobs/sha256").iterdir())
        blob.unlink()
        blob.symlink_to("/etc/passwd")
        document = checked(verify(layout, *TRUST, *SCOPE, "--format", "json"))
        assert document["exit_code"] == 16

    def test_a_closed_pipe_gives_no_traceback(self) -> None:
        command = f"{sys.executable} -m airgap verify layouts/good --trust layouts/trust -v | head -c 1"
        result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, cwd=ROOT)
        assert "Traceback" not in result.stderr


def test_demands_metadata_of_the_artifact_and_not_of_attachments(tmp_path: Path) -> None:
    """An SBOM with a good signature counted as unsigned, and the report said that nothing proves who made it."""
    scene = Scene()
    scene.signature.payload = json.dumps(
        {"targetArtifact": {**bare(scene.target), "annotations": {"build": "7"}}}
    ).encode()
    sbom = scene.builder.add_referrer(scene.target, b"sbom", artifact_type="application/spdx+json")
    Signature("jws", scene.signature.leaf).attach(scene.builder, sbom)
    written = scene.write(tmp_path)
    ran = run_here(written.arguments("-m", "build=7"))
    assert ran.code == 0, ran
    assert [item["verdict"] for item in ran.document["artifacts"][0]["referrers"]] == ["pass"]
    assert run_here(written.arguments("-m", "build=8")).reasons == {"metadata.different"}
