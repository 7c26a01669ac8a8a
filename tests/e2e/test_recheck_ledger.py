"""`airgap recheck --ledger`: all that was accepted at a site, judged again by what its ledger holds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import airgap
from airgap.ledger import judgements
from airgap.verdict import Verdict
from tests.support.command import Ran, run_here
from tests.support.crls import crl
from tests.support.keyring import key
from tests.support.ledgers import change, verified
from tests.support.many import many_images
from tests.support.scenario import Scene, Written, with_everything
from tests.support.trust import oci_policy, statement

SCOPE = "registry.example/net-monitor"


class Site:
    """A site with one signed image, and a ledger that has it."""

    def __init__(self, folder: Path, scene: Scene) -> None:
        self.scene, self.folder = scene, folder
        self.written: Written = scene.write(folder / "scene")
        self.ledger = folder / "site.ledger"
        self.report = folder / "report.json"
        self.verify()

    def verify(self, *more: str) -> Ran:
        return run_here(self.written.arguments("--ledger", str(self.ledger), "--report", str(self.report), *more))

    def revoke(self) -> None:
        """A newer CRL is in the trust directory, which lists the signer."""
        leaf = self.scene.signature.leaf
        (self.written.trust / "crls/new.crl").write_bytes(crl(leaf.chain[1], revoked=[leaf]))

    def bring_revocation(self) -> Path:
        """A CRL beside the layout lists the signer."""
        leaf = self.scene.signature.leaf
        path = self.written.layout / "crls/new.crl"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(crl(leaf.chain[1], revoked=[leaf], number=9))
        return path

    def use_level(self, level: str) -> None:
        policy = oci_policy(statement(signatureVerification={"level": level}))
        (self.written.trust / "trustpolicy.oci.json").write_text(json.dumps(policy))

    def recheck(self, *more: object, at: str = "2026-06-02") -> Ran:
        given = ["--ledger", self.ledger, "--trust", self.written.trust, "--at", at, *more]
        return run_here(["recheck", *map(str, given)])

    def document(self, *more: object, at: str = "2026-06-02") -> dict[str, Any]:
        return self.recheck("--format", "json", *more, at=at).held_to("recheck")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, with_everything())


def test_what_is_still_good_is_counted(site: Site) -> None:
    shutil.rmtree(site.written.layout)
    document = site.document()
    assert (document["exit_code"], document["still_good"], document["artifacts"]) == (0, 1, [])
    ran = site.recheck()
    last = ran.out.splitlines()[-1]
    assert last.startswith("UNCHANGED: the artifact is still good (1 of them as earlier judgements say")


def test_a_new_revocation_names_what_to_withdraw(site: Site) -> None:
    site.revoke()
    document = site.document()
    assert document["exit_code"] == 14
    (artifact,) = document["artifacts"]
    assert (artifact["change"], artifact["basis"], artifact["digest"]) == ("worse", "report", site.written.digest)
    assert artifact["was"]["report"] == "row 1"
    assert "revocation.revoked" in {item["reason"] for item in artifact["because"]}
    shown = site.recheck().out
    assert shown.splitlines()[-1].startswith("CHANGED: pull out ")
    assert "  pass  row 1 alone\n" in shown


@pytest.mark.parametrize("at", ["2026-06-02", "2026-09-02"])
@pytest.mark.parametrize("revoked", [False, True])
def test_a_ledger_gets_the_verdicts_that_its_reports_get(tmp_path: Path, revoked: bool, at: str) -> None:
    """One judge, from bytes, from a report or from a row."""
    scene_site = Site(tmp_path, with_everything())
    written = many_images(tmp_path / "many", 14)
    request = airgap.VerifyRequest(targets=[f"oci:{written.layout}"], at=written.at, clock=written.at, scope=SCOPE)
    outcome = airgap.verify(request, written.trust)
    report, ledger = tmp_path / "many.json", tmp_path / "many.ledger"
    airgap.report.write_report(report, airgap.report.VerifyReport(outcome, 0))
    with airgap.Ledger.open(ledger, write=True) as opened:
        opened.record(judgements(outcome, operator="ada"))
    shutil.rmtree(written.layout)
    if revoked:
        leaf = scene_site.scene.signature.leaf
        (written.trust / "crls/new.crl").write_bytes(crl(leaf.chain[1], revoked=[leaf]))
    options = ["--trust", str(written.trust), "--at", at, "--format", "json"]
    by_report = run_here(["recheck", str(report), *options]).held_to("recheck")["artifacts"]
    document = run_here(["recheck", "--ledger", str(ledger), *options]).held_to("recheck")
    accepted = [item for item in by_report if item["was"]["verdict"] == "pass"]
    listed = [item for item in accepted if (item["change"], item["now"]) != ("unchanged", "pass")]
    assert document["still_good"] == len(accepted) - len(listed)

    def without_source(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**item, "was": {**item["was"], "report": None}} for item in items]

    assert without_source(document["artifacts"]) == without_source(listed)


def test_what_was_never_accepted_is_not_judged_again(tmp_path: Path) -> None:
    site = Site(tmp_path, Scene(stores={"ca:harbour": []}))
    document = site.document()
    assert document["exit_code"] == 15
    (problem,) = document["problems"]
    assert (problem["reason"], "airgap ledger list" in problem["remedy"]) == ("recheck.nothing", True)


def test_a_later_refusal_is_judged_beside_the_acceptance(site: Site) -> None:
    """The medium brought the revocation and is gone: the row that knows of it still counts."""
    site.revoke()
    assert site.verify().code == 14
    (site.written.trust / "crls/new.crl").unlink()
    document = site.document()
    assert document["exit_code"] == 14
    (artifact,) = document["artifacts"]
    assert (artifact["was"]["report"], artifact["change"]) == ("row 2", "unchanged")
    assert document["still_good"] == 1


@pytest.mark.parametrize("without", ["--scope", "nothing"])
def test_a_refusal_counts_by_whatever_name_and_for_good(site: Site, without: str) -> None:
    """More evidence is never milder: neither a judgement for no repository nor a later acceptance forgets it."""
    arguments = site.written.arguments("--ledger", str(site.ledger))
    if without in arguments:
        at = arguments.index(without)
        arguments = arguments[:at] + arguments[at + 2 :]
    site.revoke()
    assert run_here(arguments).code == 14
    (site.written.trust / "crls/new.crl").unlink()
    assert site.verify().code == 0
    assert site.document()["exit_code"] == 14
    assert site.document("--name", SCOPE)["exit_code"] == 14


def test_a_refusal_counts_before_the_first_acceptance(tmp_path: Path) -> None:
    """Refused on Monday with the CRL on the medium, accepted on Tuesday without it."""
    site = Site(tmp_path, Scene())
    (site.folder / "site.ledger").unlink()
    brought = site.bring_revocation()
    assert site.verify().code == 14
    brought.unlink()
    assert site.verify().code == 0
    assert site.document()["exit_code"] == 14


@pytest.mark.parametrize("again", ["audit", "strict"])
def test_an_acceptance_that_knows_of_a_revocation_counts_beside_a_newer_one(tmp_path: Path, again: str) -> None:
    """The policy only logged it; the newer medium lacks the CRL."""
    site = Site(tmp_path, Scene())
    brought = site.bring_revocation()
    site.use_level("audit")
    assert site.verify().code == 0
    brought.unlink()
    site.use_level(again)
    assert site.verify().code == 0
    site.use_level("strict")
    document = site.document()
    assert (document["exit_code"], document["still_good"]) == (14, 0)
    assert {item["was"]["report"] for item in document["artifacts"]} == {"row 2", "row 3"}


def test_a_refusal_for_something_else_counts_for_the_revocation_that_it_knows_of(tmp_path: Path) -> None:
    site = Site(tmp_path, Scene())
    brought = site.bring_revocation()
    site.use_level("audit")
    assert site.verify("-m", "a=b").code == 13
    brought.unlink()
    site.use_level("strict")
    assert site.verify().code == 0
    assert site.document()["exit_code"] == 14


def test_a_refusal_for_another_name_is_no_verdict_on_what_was_accepted(tmp_path: Path) -> None:
    """Unproven evidence against the signer made this refusal count in every recheck (13)."""
    site = Site(tmp_path, Scene())
    leaf = site.scene.signature.leaf
    path = site.bring_revocation()
    path.write_bytes(crl(leaf.chain[1], revoked=[leaf], number=9, signed_by=key("p256", 7)))
    assert site.verify("-m", "a=b").code == 13
    document = site.document()
    (artifact,) = document["artifacts"]
    assert (document["exit_code"], artifact["change"]) == (0, "unchanged"), "only what is not proven is reported"


def test_of_equal_judgements_that_know_of_a_revocation_the_newest_is_made_again(tmp_path: Path) -> None:
    site = Site(tmp_path, Scene())
    site.bring_revocation()
    site.use_level("audit")
    for _ in range(4):
        assert site.verify().code == 0
    site.use_level("strict")
    document = site.document()
    assert [item["was"]["report"] for item in document["artifacts"]] == ["row 5"]


def test_a_refusal_that_is_settled_is_not_listed(site: Site) -> None:
    assert site.verify("--at", "2027-06-01").code == 15
    document = site.document()
    assert (document["exit_code"], document["still_good"], document["artifacts"]) == (0, 1, [])


def test_acceptances_by_other_names_are_judged_for_themselves(site: Site) -> None:
    """Without a repository, what came by one name has other signatures than what came by another one."""
    outcome = replace(verified(site.written))
    (artifact,) = outcome.artifacts
    with airgap.Ledger.open(site.ledger, write=True) as ledger:
        for name in ("a/x:v1", "o/x:v1", "o/x:v1"):
            named = replace(artifact, scope=None, reference=f"stick:{name}", tags=(name,))
            ledger.record(judgements(replace(outcome, artifacts=(named,)), operator="ada"))
    site.revoke()
    assert [item["was"]["report"] for item in site.document()["artifacts"]] == ["row 1", "row 2", "row 4"]


@pytest.mark.parametrize("column", ["accepted = 0", "subject = 'x'", "attached = NULL"])
def test_what_rows_are_found_by_is_not_trusted(site: Site, column: str) -> None:
    assert site.verify().code == 0
    change(site.ledger, f"UPDATE rows SET {column} WHERE number = 2")
    ran = site.recheck()
    assert (ran.code, "is not whole" in ran.err) == (18, True), ran


def test_the_newest_acceptance_of_each_repository_is_judged(site: Site) -> None:
    assert site.verify().code == 0
    outcome = verified(site.written)
    other = replace(outcome, artifacts=(replace(outcome.artifacts[0], scope="registry.example/other"),))
    with airgap.Ledger.open(site.ledger, write=True) as ledger:
        ledger.record(judgements(other, operator="ada"))
    site.revoke()
    assert [item["was"]["report"] for item in site.document()["artifacts"]] == ["row 2", "row 3"]


def test_artifacts_of_a_ledger_are_chosen_by_time_and_name(site: Site) -> None:
    assert site.document("--name", SCOPE)["still_good"] == 1
    assert site.document("--name", "another")["exit_code"] == 15
    assert site.document("--since", "2090-01-01")["exit_code"] == 15
    assert site.document("--since", site.written.at.date().isoformat())["still_good"] == 1
    ran = run_here(["recheck", str(site.report), "--trust", str(site.written.trust), "--name", "x"])
    assert (ran.code, "for a ledger" in ran.err) == (2, True)


def test_the_variable_names_the_ledger_where_nothing_else_is_named(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ["--trust", str(site.written.trust), "--at", "2026-06-02", "--format", "json"]
    monkeypatch.delenv("AIRGAP_LEDGER", raising=False)
    ran = run_here(["recheck", *options])
    assert (ran.code, "no ledger is named" in ran.err) == (2, True)
    monkeypatch.setenv("AIRGAP_LEDGER", str(site.ledger))
    assert run_here(["recheck", *options]).held_to("recheck")["still_good"] == 1
    assert run_here(["recheck", str(site.report), *options]).held_to("recheck")["still_good"] == 0


def test_a_ledger_and_reports_are_judged_together(site: Site) -> None:
    document = site.document(site.report)
    assert (document["exit_code"], document["still_good"], len(document["artifacts"])) == (0, 1, 1)


def test_what_was_pruned_is_not_passed_over(site: Site) -> None:
    assert run_here(["ledger", "prune", "--ledger", str(site.ledger), "--before", "2090-01-01", "--yes"]).code == 0
    document = site.document()
    assert document["exit_code"] == 15
    (problem,) = document["problems"]
    assert problem["reason"] == "recheck.unproven"
    assert "cannot be made again: 1" in problem["message"]


def _foreign(path: Path) -> None:
    path.write_bytes(b"no ledger")


def _document(path: Path) -> None:
    change(path, "UPDATE content SET data = x'00' WHERE digest = (SELECT attached FROM rows)")


def _certificates(path: Path) -> None:
    change(path, "DELETE FROM content WHERE digest NOT IN (SELECT attached FROM rows)")


@pytest.mark.parametrize("spoil", [_foreign, _document, _certificates])
def test_a_damaged_ledger_is_an_error(site: Site, spoil: Callable[[Path], None]) -> None:
    spoil(site.ledger)
    document = site.document()
    assert document["exit_code"] == 18
    assert document["still_good"] == 0


def test_the_report_does_not_replace_the_ledger(site: Site) -> None:
    assert site.recheck("--report", site.ledger).code == 2
    assert run_here(["ledger", "check", str(site.ledger)]).code == 0


def test_rows_of_a_policy_that_skips_are_listed(tmp_path: Path) -> None:
    skipping = statement(signatureVerification={"level": "skip"}, trustStores=None, trustedIdentities=None)
    site = Site(tmp_path, Scene(policy=oci_policy(skipping)))
    document = site.document()
    assert document["exit_code"] == 0
    assert [item["now"] for item in document["artifacts"]] == [Verdict.SKIPPED.value]
