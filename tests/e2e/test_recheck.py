"""`airgap recheck`: what was accepted, judged again when newer evidence comes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Ran, run_here
from tests.support.crls import crl
from tests.support.pki import Issued, Pki
from tests.support.scenario import SIGNING_CRL, TSA_CRL, Scene, Written, good_crls, with_everything

ROOT = Path(__file__).resolve().parents[2]
SCOPE = ["--scope", "registry.example/net-monitor"]


class Accepted:
    """A shipment that was verified, with its report."""

    def __init__(self, folder: Path, scene: Scene) -> None:
        self.scene = scene
        self.written: Written = scene.write(folder)
        self.report = folder / "report.json"
        self.verified = run_here(self.written.arguments("--report", str(self.report)))

    @property
    def trust(self) -> Path:
        return self.written.trust

    def put(self, url: str, data: bytes) -> None:
        """Newer evidence for a URL."""
        index = json.loads((self.trust / "crls/index.json").read_text())
        (self.trust / "crls/new.crl").write_bytes(data)
        (self.trust / "crls/index.json").write_text(json.dumps({**index, url: ["new.crl", index[url]]}))

    def recheck(self, *sources: object, at: str = "2026-06-02") -> dict[str, Any]:
        named = sources or (self.report,)
        return checked(recheck(*named, "--trust", self.trust, "--at", at, "--format", "json"))

    def lose_the_layout(self) -> None:
        shutil.rmtree(self.written.layout)


def recheck(*arguments: object) -> Ran:
    ran = run_here(["recheck", *map(str, arguments)])
    assert "Traceback" not in ran.err + ran.out, ran
    return ran


def checked(ran: Ran) -> dict[str, Any]:
    return ran.held_to("recheck")


@pytest.fixture
def accepted(tmp_path: Path) -> Accepted:
    shipment = Accepted(tmp_path, with_everything())
    assert shipment.verified.code == 0, shipment.verified
    return shipment


def test_reports_unread_content_again(accepted: Accepted) -> None:
    """A report made with --content none proves no content; a recheck from the report alone must say so."""
    run_here(accepted.written.arguments("--content", "none", "--report", str(accepted.report)))
    accepted.lose_the_layout()
    messages = [warning["message"] for warning in accepted.recheck()["warnings"]]
    assert any("not all of its content was read" in message for message in messages), messages


def test_problems_of_a_report_keep_their_target(accepted: Accepted) -> None:
    """Those of the whole run are about the report."""
    document = json.loads(accepted.report.read_text())
    problem: dict[str, Any] = {"reason": None, "exit_code": 11, "message": "is not there", "remedy": "", "facts": {}}
    document["problems"] = [{**problem, "target": "stick:v2"}, {**problem, "target": None}]
    accepted.report.write_text(json.dumps(document))
    found = checked(recheck(accepted.report, "--trust", accepted.trust, "--at", "2026-06-02", "--format", "json"))
    assert found["exit_code"] == 11
    assert [item["target"] for item in found["problems"]] == ["stick:v2", str(accepted.report)]


def _only(document: dict[str, Any]) -> dict[str, Any]:
    (artifact,) = document["artifacts"]
    return dict(artifact)


def _reasons(document: dict[str, Any]) -> set[str]:
    return {item["reason"] for artifact in document["artifacts"] for item in artifact["because"]}


@pytest.mark.parametrize("basis", ["layout", "report"])
class TestReports:
    def _prepare(self, accepted: Accepted, basis: str) -> None:
        if basis == "report":
            accepted.lose_the_layout()

    def test_the_same_evidence_gives_the_same_verdict(self, accepted: Accepted, basis: str) -> None:
        self._prepare(accepted, basis)
        document = accepted.recheck()
        assert (document["verdict"], document["exit_code"], document["worse"]) == ("pass", 0, 0)
        artifact = _only(document)
        assert (artifact["basis"], artifact["change"], artifact["was"]["verdict"]) == (basis, "unchanged", "pass")

    def test_a_new_crl_that_revokes_the_signer_names_the_image(self, accepted: Accepted, basis: str) -> None:
        leaf = accepted.scene.signature.leaf
        accepted.put(SIGNING_CRL.format(0), crl(leaf.chain[1], revoked=[leaf], number=2))
        self._prepare(accepted, basis)
        document = accepted.recheck()
        assert (document["verdict"], document["exit_code"], document["worse"]) == ("fail", 14, 1)
        artifact = _only(document)
        assert (artifact["was"]["verdict"], artifact["now"], artifact["change"]) == ("pass", "fail", "worse")
        assert _reasons(document) == {"revocation.revoked"}
        assert artifact["digest"] == accepted.written.digest

    def test_a_new_crl_that_revokes_the_timestamping_authority_fails(self, accepted: Accepted, basis: str) -> None:
        tsa = Pki().tsa_chain  # the scene's own authority answers below, by its URL
        assert tsa is not None
        authority = _tsa_of(accepted)
        accepted.put(TSA_CRL.format(0), crl(authority.chain[1], revoked=[authority], number=2))
        self._prepare(accepted, basis)
        assert _reasons(accepted.recheck()) == {"revocation.revoked"}

    def test_stale_evidence_is_not_a_pass(self, accepted: Accepted, basis: str) -> None:
        self._prepare(accepted, basis)
        document = accepted.recheck(at="2026-09-01")
        assert (document["verdict"], document["exit_code"]) == ("indeterminate", 15)
        assert _reasons(document) == {"revocation.crl.stale"}

    def test_a_removed_anchor_fails(self, accepted: Accepted, basis: str) -> None:
        store = accepted.trust / "truststore/x509/ca/harbour"
        shutil.rmtree(store)
        store.mkdir()
        (store / "other.pem").write_bytes(Pki().code_chain("p384").root.pem)
        self._prepare(accepted, basis)
        assert _reasons(accepted.recheck()) == {"authenticity.no_anchor"}

    def test_a_policy_with_other_identities_fails(self, accepted: Accepted, basis: str) -> None:
        path = accepted.trust / "trustpolicy.oci.json"
        document = json.loads(path.read_text())
        document["trustPolicies"][0]["trustedIdentities"] = ["x509.subject: C=US, ST=WA, O=Other"]
        path.write_text(json.dumps(document))
        self._prepare(accepted, basis)
        assert _reasons(accepted.recheck()) == {"identity.mismatch"}

    def test_a_policy_without_a_statement_fails(self, accepted: Accepted, basis: str) -> None:
        path = accepted.trust / "trustpolicy.oci.json"
        document = json.loads(path.read_text())
        document["trustPolicies"][0]["registryScopes"] = ["registry.example/other"]
        path.write_text(json.dumps(document))
        self._prepare(accepted, basis)
        assert _reasons(accepted.recheck()) == {"policy.no_statement"}

    def test_a_timestamp_softens_a_later_key_compromise(self, accepted: Accepted, basis: str) -> None:
        """D31, also from the report alone."""
        from tests.support.crls import entry

        leaf = accepted.scene.signature.leaf
        later = entry(leaf.serial, reason="keyCompromise", invalidity=datetime(2026, 6, 1, 23, tzinfo=UTC))
        accepted.put(SIGNING_CRL.format(0), crl(leaf.chain[1], revoked=[later], number=2))
        self._prepare(accepted, basis)
        assert accepted.recheck()["exit_code"] == 0


def _tsa_of(accepted: Accepted) -> Issued:
    """The scene's timestamping authority: made from the same keys, so its CRLs count."""
    from tests.support.scenario import chain_with_crls

    made = chain_with_crls(Pki().tsa_chain, "tsa", TSA_CRL)
    document = json.loads(accepted.report.read_text())
    (fingerprint, *_) = document["artifacts"][0]["signatures"][0]["signer"]["timestamp"]["chain"]
    from base64 import b64decode

    from airgap.pki.certificate import Certificate

    serial = Certificate.parse(b64decode(document["certificates"][fingerprint])).serial
    return Issued(der=made.der, key=made.key, subject=made.subject, serial=serial, issuer=made.issuer)


class TestExpiry:
    def test_a_signature_that_expired_since_fails(self, tmp_path: Path) -> None:
        scene = Scene()
        scene.signature.expiry = datetime(2026, 7, 1, tzinfo=UTC)
        shipment = Accepted(tmp_path, scene)
        shipment.lose_the_layout()
        assert shipment.recheck()["exit_code"] == 0
        assert _reasons(shipment.recheck(at="2026-08-01")) == {"expiry.passed"}

    def test_reports_a_better_verdict(self, tmp_path: Path) -> None:
        scene = with_everything()
        crls = dict(scene.crls)
        scene.crls = {name: data for name, data in crls.items() if name != "0.crl"}
        shipment = Accepted(tmp_path, scene)
        assert shipment.verified.code == 15
        (shipment.trust / "crls/0.crl").write_bytes(crls["0.crl"])
        shipment.lose_the_layout()
        artifact = _only(shipment.recheck())
        assert (artifact["was"]["verdict"], artifact["now"], artifact["change"]) == ("indeterminate", "pass", "better")


class TestNeverAPassByOmission:
    """A report that says less than it must is no pass."""

    def _judged(self, accepted: Accepted, change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        document = json.loads(accepted.report.read_text())
        change(document)
        accepted.report.write_text(json.dumps(document))
        accepted.lose_the_layout()
        return accepted.recheck()

    def test_a_report_without_certificates_does_not_pass(self, accepted: Accepted) -> None:
        def strip(document: dict[str, Any]) -> None:
            del document["certificates"]
            for signature in document["artifacts"][0]["signatures"]:
                del signature["signer"]["chain"]
                del signature["signer"]["timestamp"]["chain"]

        assert _reasons(self._judged(accepted, strip)) == {"recheck.unproven"}

    def test_a_report_without_the_integrity_finding_does_not_pass(self, accepted: Accepted) -> None:
        def strip(document: dict[str, Any]) -> None:
            document["artifacts"][0]["signatures"][0]["findings"].pop(0)

        assert _reasons(self._judged(accepted, strip)) == {"recheck.unproven"}

    @pytest.mark.parametrize(
        ("reason", "told"),
        [("envelope.signature", "envelope.signature"), ("a.code.of.a.newer.version", "signature.unreadable")],
    )
    def test_broken_integrity_stays_broken(self, accepted: Accepted, reason: str, told: str) -> None:
        def spoil(document: dict[str, Any]) -> None:
            finding = document["artifacts"][0]["signatures"][0]["findings"][0]
            finding.update(verdict="fail", reason=reason)

        assert _reasons(self._judged(accepted, spoil)) == {told}

    def test_bad_content_stays_bad(self, accepted: Accepted) -> None:
        document = self._judged(accepted, lambda doc: doc["artifacts"][0]["content"].update(verdict="fail"))
        assert 16 in document["exit_codes"]
        assert document["artifacts"][0]["now"] == "fail"

    def test_an_unsigned_artifact_stays_unsigned(self, accepted: Accepted) -> None:
        document = self._judged(accepted, lambda doc: doc["artifacts"][0].update(signatures=[]))
        assert document["exit_code"] == 10

    @pytest.mark.parametrize(
        "change",
        [
            lambda document: document.update(schema="airgap.verify/2"),
            lambda document: document.pop("artifacts"),
            lambda document: document["artifacts"][0].update(digest="sha256:x"),
            lambda document: document["artifacts"][0].update(verdict="good"),
            lambda document: document["certificates"].update({"00" * 32: "AAAA"}),
            lambda document: document["certificates"].clear(),
            lambda document: document["certificates"].update(
                dict(zip(document["certificates"], reversed(document["certificates"].values()), strict=True))
            ),
            lambda document: document["time"].update(judged="then"),
        ],
    )
    def test_refuses_what_is_not_a_report(self, accepted: Accepted, change: Callable[[dict[str, Any]], object]) -> None:
        document = self._judged(accepted, change)
        assert document["verdict"] == "fail"
        assert document["exit_code"] == 1
        assert "is no report" in document["problems"][0]["message"]


class TestShippedLayouts:
    """The layouts in the repository under a CRL that revokes."""

    def test_rechecks_layouts_without_a_report(self) -> None:
        layouts = ROOT / "layouts"
        ran = recheck(
            layouts / "good", layouts / "good.tar", layouts / "revoked", layouts / "unsigned",
            "--trust", layouts / "trust", *SCOPE, "--format", "json",
        )  # fmt: skip
        document = checked(ran)
        assert [item["now"] for item in document["artifacts"]] == ["pass", "pass", "fail", "fail"]
        assert {item["change"] for item in document["artifacts"]} == {"unknown"}
        assert document["exit_codes"] == [10, 14]
        assert ran.code == 14

    def test_a_new_crl_revokes_a_changed_shipment(self, tmp_path: Path) -> None:
        """Only the maker of the shipped layouts had their keys, so they are made anew here."""
        from layouts.make import CRL_URL, CRLS_HOLD_UNTIL, Authorities, _write_trust, good
        from layouts.make import SCOPE as REPOSITORY

        authorities = Authorities.make()
        good(authorities).builder.write_directory(tmp_path / "good")
        trust = _write_trust(tmp_path / "trust", authorities)
        report = tmp_path / "report.json"
        verified = run_here(
            ["verify", str(tmp_path / "good"), "--trust", str(trust), "--scope", REPOSITORY, "--report", str(report)]
        )
        assert verified.code == 0, verified
        newer = crl(
            authorities.code, revoked=[authorities.builder], number=2,
            this_update=datetime(2024, 7, 1, tzinfo=UTC), next_update=CRLS_HOLD_UNTIL,
        )  # fmt: skip
        (trust / "crls/newer.crl").write_bytes(newer)
        index = json.loads((trust / "crls/index.json").read_text())
        url = CRL_URL.format("signing")
        (trust / "crls/index.json").write_text(json.dumps({**index, url: ["newer.crl", index[url]]}))
        for lost in (False, True):
            if lost:
                shutil.rmtree(tmp_path / "good")
            ran = recheck(report, "--trust", trust, "--format", "json")
            document = checked(ran)
            assert (ran.code, document["worse"], _reasons(document)) == (14, 1, {"revocation.revoked"})
        text = recheck(report, "--trust", trust)
        last = text.out.splitlines()[-1]
        assert (text.out[:8], last[:18]) == ("CHANGED ", "CHANGED: pull out ")
        assert last.endswith(": a certificate has been revoked. Exit code 14.")
        assert re.search(r"^FAIL +v1 +pass +\S+\s+alone$", text.out, re.MULTILINE)

    def test_malformed_trust_material_is_refused_before_anything_is_judged(self, accepted: Accepted) -> None:
        (accepted.trust / "trustpolicy.oci.json").write_text("{}")
        assert recheck(accepted.report, "--trust", accepted.trust).code == 18


def test_good_crls_of_the_scene_are_those_of_its_chain() -> None:
    """What the tests above rest on: the scene's CRLs answer for its chain by URL."""
    scene = with_everything()
    assert set(good_crls(scene.signature.leaf, SIGNING_CRL)) <= set(scene.crl_index or ())


def test_recheck_and_snapshots_load_no_network_code() -> None:
    """Commands of the disconnected side have no code that fetches; TUF is loaded only where its root is pinned."""
    script = (
        "import sys, airgap.cli.trust_snapshot, airgap.cli.trust_pin, airgap.cli.recheck\n"
        "import airgap.stages.snapshot_apply, airgap.stages.snapshot, airgap.stages.pin, airgap.stages.recheck\n"
        "print(*sys.modules)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(ran.stdout.split())
    assert "airgap.stages.recheck" in loaded
    assert not loaded & {"requests", "urllib3", "oras", "http.client", "ssl", "airgap.net", "tuf", "rich"}


def test_a_policy_that_skips_now_is_not_a_pass(accepted: Accepted) -> None:
    path = next(accepted.trust.glob("trustpolicy*.json"))
    document = json.loads(path.read_text())
    for statement in document["trustPolicies"]:
        statement["signatureVerification"] = {"level": "skip"}
        statement.pop("trustStores", None)
        statement.pop("trustedIdentities", None)
    path.write_text(json.dumps(document))
    document = accepted.recheck()
    assert (document["verdict"], document["exit_code"]) == ("skipped", 0)
