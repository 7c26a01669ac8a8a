"""A revocation that one row of a ledger knew was forgotten: by a newer acceptance, by order, by another reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import run_here
from tests.support.crls import crl, entry
from tests.support.layouts import LayoutBuilder
from tests.support.ledgers import change
from tests.support.ocsp import ocsp_response
from tests.support.pki import Pki, issue
from tests.support.scenario import Scene, add_image
from tests.support.trust import REPOSITORY, oci_policy, statement

STRICT = oci_policy(statement())
AUDIT = oci_policy(statement(signatureVerification={"level": "audit"}))
SKIP = oci_policy(statement(signatureVerification={"level": "skip"}, trustStores=None, trustedIdentities=None))
LOGGED = oci_policy(statement(signatureVerification={"level": "strict", "override": {"revocation": "log"}}))
STRANGER = "x509.subject:C=XX,ST=X,O=X"
TWO = oci_policy(
    statement(name="ours", registryScopes=[REPOSITORY]),
    statement(name="theirs", registryScopes=["other/x"], trustedIdentities=[STRANGER]),
)


class Site:
    """A site that verifies a stick again and again. The CRL that revokes the signer is on the stick, or is not."""

    def __init__(self, folder: Path, **scene: Any) -> None:
        self.chain = Pki().code_chain("p256", depth=2, leaf={"crl_urls": ["http://crl.example/leaf.crl"]})
        made = Scene(**scene)
        made.sign_with(self.chain)
        made.crls["old.crl"] = crl(self.chain.chain[1], number=1)
        made.packing.append(lambda builder, _: self._second(made, builder))
        self.written = made.write(folder)
        self.ledger = folder / "ledger"
        self.revoking = crl(self.chain.chain[1], revoked=[entry(self.chain.serial, reason="keyCompromise")], number=9)

    @staticmethod
    def _second(made: Scene, builder: LayoutBuilder) -> None:
        image = add_image(builder, "s390x")
        builder.tag(image, "v2")
        made.signature.attach(builder, image)

    def policy(self, policy: dict[str, Any]) -> None:
        (self.written.trust / "trustpolicy.oci.json").write_text(json.dumps(policy))

    def verify(self, *more: str, tag: str | None = None, scope: str = REPOSITORY, **stick: bytes) -> int:
        """`stick`: what is on it beside the image, this time."""
        files = [self.written.layout / name.replace("_", ".") for name in stick]
        for file, data in zip(files, stick.values(), strict=True):
            file.write_bytes(data)
        arguments = self.written.arguments("--ledger", str(self.ledger), *more)
        arguments[arguments.index("--scope") + 1] = scope
        if tag is not None:
            arguments[1] = f"oci:{self.written.layout}:{tag}"
        code = run_here(arguments).code
        for file in files:
            file.unlink()
        return code

    def revoked(self, *more: str, **options: Any) -> int:
        """A verify of the stick with the CRL."""
        return self.verify(*more, **options, r_crl=self.revoking)

    def recheck(self, *more: str) -> dict[str, Any]:
        arguments = ["--ledger", str(self.ledger), "--trust", str(self.written.trust), "--at", "2026-06-02", *more]
        return run_here(["recheck", *arguments, "--format", "json"]).held_to("recheck")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.mark.parametrize("first", ["revoked", "verify"])
def test_a_refusal_counts_whichever_came_first(site: Site, first: str) -> None:
    rows = (site.revoked, site.verify) if first == "revoked" else (site.verify, site.revoked)
    assert sorted(row() for row in rows) == [0, 14]
    document = site.recheck()
    assert (document["exit_code"], document["still_good"]) == (14, 0)
    assert sorted(item["change"] for item in document["artifacts"]) == ["unchanged", "worse"]


@pytest.mark.parametrize("later", [AUDIT, STRICT], ids=["audit", "strict"])
def test_an_acceptance_that_knew_of_it_is_not_replaced_by_a_newer_one(site: Site, later: dict[str, Any]) -> None:
    site.policy(AUDIT)
    assert site.revoked() == 0
    site.policy(later)
    assert site.verify() == 0
    site.policy(STRICT)
    document = site.recheck()
    assert document["exit_code"] == 14
    assert [item["change"] for item in document["artifacts"]] == ["worse", "worse"]
    site.policy(AUDIT)
    assert site.recheck()["exit_code"] == 0


def _by_a_typed_name(site: Site) -> int:
    site.policy(TWO)
    return site.revoked(scope="other/x")


def _by_metadata(site: Site) -> int:
    site.policy(LOGGED)
    return site.revoked("-m", "a=b")


@pytest.mark.parametrize(("refuse", "code"), [(_by_a_typed_name, 15), (_by_metadata, 14)])
def test_what_was_refused_for_another_reason_first_counts(site: Site, refuse: Callable[[Site], int], code: int) -> None:
    assert site.verify() == 0
    assert refuse(site) == 13
    site.policy(STRICT)
    assert site.recheck()["exit_code"] == code


def test_a_name_that_was_typed_wrong_once_is_no_reason(site: Site) -> None:
    """Only what a row knows about certificates counts."""
    site.policy(TWO)
    assert site.verify(scope="other/x") == 13
    site.policy(STRICT)
    assert site.verify() == 0
    document = site.recheck()
    assert (document["exit_code"], document["still_good"], document["artifacts"]) == (0, 1, [])


@pytest.mark.parametrize("is_first", [False, True])
def test_what_revokes_a_certificate_counts_for_all_of_its_artifacts(site: Site, is_first: bool) -> None:
    codes = [site.revoked(tag="v2")] if is_first else []
    codes += [site.verify()] if is_first else [site.verify(), site.revoked(tag="v2")]
    assert sorted(codes) == [0, 14]
    document = site.recheck()
    assert document["exit_code"] == 15
    (artifact,) = document["artifacts"]
    row = 1 if is_first else 2
    assert f"r.crl (row {row})" in artifact["because"][0]["message"]
    (site.written.trust / "crls" / "r.crl").write_bytes(site.revoking)
    assert site.recheck()["exit_code"] == 14, "what decides is the piece, where it is there"


def test_what_was_not_proven_counts_for_its_own_artifact_alone(site: Site) -> None:
    """Any carrier can write it: no stick may make all that a site has unsure."""
    forged = crl(site.chain.chain[1], revoked=[site.chain], number=9, signed_by=issue("root", slot=6).key)
    assert site.verify(tag="v2", r_crl=forged) == 0
    assert site.verify() == 0
    document = site.recheck()
    assert (document["exit_code"], document["still_good"]) == (0, 1)


def test_what_becomes_proven_is_not_replaced_by_a_newer_acceptance(site: Site) -> None:
    """Under one policy: the certificate of the responder comes later."""
    responder = issue("ocsp", issuer=site.chain.chain[1])
    said = ocsp_response(site.chain, responder=responder, embed=[], status="revoked", reason="keyCompromise")
    assert site.verify(x_ors=said) == 0
    assert site.verify() == 0
    (site.written.trust / "ocsp").mkdir(exist_ok=True)
    (site.written.trust / "ocsp" / "d.cer").write_bytes(responder.der)
    assert site.recheck()["exit_code"] == 15


def test_a_row_that_skipped_the_signatures_replaces_none_that_judged_them(site: Site) -> None:
    assert site.verify() == 0
    site.policy(SKIP)
    assert site.verify() == 0
    site.policy(STRICT)
    document = site.recheck()
    assert (document["exit_code"], document["still_good"]) == (0, 1)


def test_a_row_that_cannot_be_read_is_open_and_stops_no_other(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with signatures."""
    from airgap.errors import FormatError
    from airgap.ledger.rejudging import RecordedJudgements
    from airgap.verifier.recorded import RecordedReport

    assert site.verify(tag="v2") == 0
    assert site.verify() == 0
    assert site.revoked() == 14
    read = RecordedJudgements.report

    def report(self: RecordedJudgements, number: int, document: bytes) -> RecordedReport:
        if number == 1:
            raise FormatError("has 10002 items", where="artifacts")
        return read(self, number, document)

    monkeypatch.setattr(RecordedJudgements, "report", report)
    document = site.recheck()
    assert document["exit_code"] == 14
    (problem,) = document["problems"]
    assert (problem["reason"], problem["exit_code"]) == ("recheck.unproven", 15)
    assert "row 1" in problem["message"]
    change(site.ledger, "UPDATE rows SET accepted = 0 WHERE number = 2")
    assert site.recheck()["exit_code"] == 18


def test_pruning_documents_keeps_what_is_known(site: Site) -> None:
    site.policy(AUDIT)
    assert site.revoked() == 0
    assert site.verify() == 0
    site.policy(STRICT)
    prune = ["ledger", "prune", "--ledger", str(site.ledger), "--before", "2090-01-01", "--yes"]
    assert run_here(prune).code == 0
    document = site.recheck()
    assert (document["exit_code"], [item["reason"] for item in document["problems"]]) == (14, ["recheck.unproven"])
    assert site.verify() == 0
    assert site.recheck()["exit_code"] == 14
    assert run_here([*prune, "--rows"]).code == 0
    assert site.verify() == 0
    assert site.recheck()["exit_code"] == 0
