"""The campaign of fuzz/ with few cases: no change gains a PASS, and a gained PASS is noticed."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from airgap.oci.descriptor import EMPTY, IMAGE_CONFIG, REF_NAME
from airgap.stages.gate import Judgement
from airgap.verdict import Verdict
from fuzz.campaign.case import Case
from fuzz.campaign.changes import Mutant
from fuzz.campaign.copies import Copied
from fuzz.campaign.forge import make_cases
from fuzz.campaign.imports import Imported, imported
from fuzz.campaign.judge import Bench, Law, hidden
from fuzz.campaign.run import Campaign
from fuzz.campaign.tree import Changes, apply, closure, entries, place_of, reseal, with_entries


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    return {case.name: case for case in make_cases() if not case.name.startswith("interop-")}


@pytest.mark.parametrize("revoked", [False, True])
def test_no_change_gains_a_pass(cases: dict[str, Case], tmp_path: Path, *, revoked: bool) -> None:
    chosen = [case for case in cases.values() if case.name.startswith(("revoked-", "ok-every")) or not revoked]
    campaign = Campaign(chosen, seed=7, folder=tmp_path, share=4)
    assert campaign.problems == []
    found = [campaign.judge(number) for number in range(120)]
    assert [finding for _, finding in found if finding] == []
    assert len({verdict for verdict, _ in found}) > 1  # which ones is chance: signatures differ each time


def test_reports_a_gained_pass(cases: dict[str, Case], tmp_path: Path) -> None:
    """The revoking CRL is removed, and the case does not allow for that."""
    case = dataclasses.replace(cases["revoked-crl-jws"], condemning=frozenset())
    bench, law = Bench(tmp_path), Law()
    law.learn(case, bench.whole(case))
    clean = cases["ok-everything-jws"]
    law.learn(clean, bench.whole(clean))
    mutant = Mutant(case, trust={name: clean.trust[name] for name in case.trust if name.startswith("crls/")})
    outcome = bench.outcome(mutant, "")
    assert outcome.verdict is Verdict.PASS
    assert "refused in this case" in str(law.broken(mutant, outcome))
    excused = Mutant(cases["revoked-crl-jws"], trust=mutant.trust)
    assert law.broken(excused, outcome) is None


def test_reports_unsigned_content(cases: dict[str, Case], tmp_path: Path) -> None:
    """The outcome of the case as it is, told of a mutant with another layer, breaks the law."""
    case = cases["ok-plain-jws"]
    bench, law = Bench(tmp_path), Law()
    outcome = bench.whole(case)
    law.learn(case, outcome)
    assert law.broken(Mutant(case), outcome) is None
    layer = next(path for path, data in case.layout.items() if data.startswith(b"ok-plain-jws amd64 layer"))
    assert "not what was signed" in str(law.broken(Mutant(case, layout={layer: b"another"}), outcome))


def test_reports_unsigned_content_behind_an_excuse(cases: dict[str, Case], tmp_path: Path) -> None:
    case, clean = cases["revoked-crl-jws"], cases["ok-everything-jws"]
    bench, law = Bench(tmp_path), Law()
    for each in (case, clean):
        law.learn(each, bench.whole(each))
    without: Changes = {name: clean.trust[name] for name in case.trust if name.startswith("crls/")}
    outcome = bench.outcome(Mutant(case, trust=without), "")
    layer = next(path for path, data in case.layout.items() if b" layer " in data)
    mutant = Mutant(case, trust=without, layout={layer: b"another"})
    assert "not what was signed" in str(law.broken(mutant, outcome))


@pytest.mark.parametrize(
    ("config", "name", "is_hidden"), [(IMAGE_CONFIG, "evil", True), (EMPTY, "evil", False), (IMAGE_CONFIG, "", False)]
)
def test_reports_a_hidden_image_that_refers_to_another(
    cases: dict[str, Case], tmp_path: Path, config: str, name: str, *, is_hidden: bool
) -> None:
    """Only what no tool would run may have a name and not be judged. No tool takes an empty name."""
    case = cases["ok-plain-jws"]
    outcome = Bench(tmp_path).whole(case)
    data = json.dumps({"config": {"mediaType": config}, "layers": [], "subject": {}}).encode()
    place = place_of(data)
    entry = {"digest": f"sha256:{place[-64:]}", "annotations": {REF_NAME: name}}
    index = with_entries(case.layout, [*entries(case.layout), entry])
    found = hidden(Mutant(case, layout={place: data, "index.json": index}), outcome)
    assert (found is not None) == is_hidden


def test_resealed_changes_reach_the_signature_check(cases: dict[str, Case], tmp_path: Path) -> None:
    """Every digest fits again, so that it is the signature that refuses, and not a digest."""
    case = cases["ok-index"]
    layer = next(path for path, data in case.layout.items() if data.startswith(b"ok-index arm64 layer"))
    mutant = Mutant(case, layout=reseal(case.layout, layer, b"another layer"))
    outcome = Bench(tmp_path).outcome(mutant, "")
    assert outcome.exit_codes == {12}
    tree = apply(case.layout, mutant.layout)
    tagged = next(item["digest"] for item in entries(tree) if "annotations" in item)
    assert b"another layer" in closure(tree, tagged).values()


def test_reports_a_copy_of_what_does_not_verify(
    cases: dict[str, Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gate of the copy lets everything through."""
    monkeypatch.setattr(Judgement, "accepted", lambda _self, plans, _there, **_: list(plans))
    campaign = Campaign([cases["revoked-crl-jws"]], seed=7, folder=tmp_path, share=1)
    found = [finding.problem for _, finding in map(campaign.judge, range(0, 20, 2)) if finding]  # the others: imported
    assert "copy --trust ends with 0, and verify with 14" in found
    assert all(problem.startswith("copy --trust ends with 0, and verify with ") for problem in found)


def test_reports_an_import_of_what_does_not_verify(
    cases: dict[str, Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gate lets everything through: the image has its tag."""
    monkeypatch.setattr(Judgement, "accepted", lambda _self, plans, _there, **_: list(plans))
    bench, mutant = Bench(tmp_path), Mutant(cases["revoked-crl-jws"])
    done = imported(bench, mutant, "")
    assert set(done.tags) == {"v1"}
    assert done.broken(bench.outcome(mutant, "")) == "import ends with 0, and verify with 14"


@pytest.mark.parametrize(
    ("code", "tag", "is_broken"), [(0, "own", False), (0, "other", True), (14, None, False), (14, "own", True)]
)
def test_reports_a_tag_that_an_import_may_not_put(
    cases: dict[str, Case], tmp_path: Path, code: int, tag: str | None, *, is_broken: bool
) -> None:
    outcome = Bench(tmp_path).whole(cases["ok-plain-jws"])
    digest = str(outcome.artifacts[0].descriptor.digest) if tag == "own" else "sha256:" + "0" * 64
    done = Imported(code, {"v1": digest} if tag else {})
    assert (done.broken(outcome) is not None) is is_broken


@pytest.mark.parametrize(
    ("again", "has_all", "is_broken"), [(0, True, False), (15, False, False), (15, True, True), (14, False, True)]
)
def test_reports_a_copy_that_verify_judges_otherwise(
    cases: dict[str, Case], tmp_path: Path, again: int, *, has_all: bool, is_broken: bool
) -> None:
    """Only evidence beside the layout, which stays behind, may leave the answer about the copy open."""
    outcome = Bench(tmp_path).whole(cases["ok-plain-jws"])
    copy = Copied(0, again, has_all_evidence=has_all)
    assert (copy.broken(outcome) is not None) is is_broken
