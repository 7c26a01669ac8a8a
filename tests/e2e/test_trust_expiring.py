"""`airgap trust expiring`: what ends, in the order of dates."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airgap.parse.time import iso
from tests.support.command import Ran, run_here
from tests.support.crls import crl
from tests.support.pki import AT
from tests.support.scenario import SIGNING_CRL, Scene, Written, with_everything

DAY = timedelta(days=1)


def expiring(written: Written, *more: str, target: bool = True, at: str = iso(AT)) -> Ran:
    targets = [str(written.layout)] if target else []
    return run_here(["trust", "expiring", *targets, "--trust", str(written.trust), "--at", at, *more])


def document(written: Written, *more: str, code: int, target: bool = True, at: str = iso(AT)) -> dict[str, Any]:
    ran = expiring(written, *more, "--format", "json", target=target, at=at)
    assert ran.code == code, ran
    return ran.held_to("expiring")


def scene() -> Scene:
    """A signature that expires in 20 days, a CRL that ends in 10; others end in 30."""
    made = with_everything()
    made.signature.expiry = AT + 20 * DAY
    leaf = made.signature.leaf
    made.put_crls({SIGNING_CRL.format(0): crl(leaf.chain[1], next_update=AT + 10 * DAY)})
    return made


def test_everything_that_ends_is_in_one_sorted_list(tmp_path: Path) -> None:
    found = document(scene().write(tmp_path), "--within", "25d", code=21)
    dates = found["dates"]
    assert [item["at"] for item in dates] == sorted(item["at"] for item in dates)
    assert [(item["kind"], item["state"]) for item in dates[:2]] == [("crl", "ending"), ("signature", "ending")]
    assert {item["kind"] for item in dates} == {"crl", "signature", "root", "tsa root", "ca", "signer", "tsa"}
    assert {item["state"] for item in dates[2:]} == {"later"}
    assert dates[0]["place"].startswith("crls/")
    assert (len(found["targets"]), found["within_seconds"]) == (1, 25 * 86400)


def test_signatures_are_listed_of_named_targets_alone(tmp_path: Path) -> None:
    found = document(scene().write(tmp_path), code=21, target=False)
    assert {item["kind"] for item in found["dates"]} == {"crl", "root", "tsa root"}


@pytest.mark.parametrize(
    ("at", "within", "code", "word"),
    [
        (AT, "9d", 0, "GOOD: none of "),
        (AT, "10d", 21, "ENDS SOON: 1 of "),
        (AT + 11 * DAY, "1d", 15, "ENDED: 1 of "),
        (AT + 11 * DAY, "10d", 15, "ENDED: 1 of "),
    ],
)
def test_the_exit_code_says_whether_something_ends(tmp_path: Path, at: Any, within: str, code: int, word: str) -> None:
    written = scene().write(tmp_path)
    ran = expiring(written, "--within", within, at=iso(at))
    last = [line for line in ran.out.splitlines() if line][-1]
    assert (ran.code, last[: len(word)]) == (code, word)
    assert last.endswith(f" Exit code {code}.")
    assert expiring(written, "--within", within, "-q", at=iso(at)).out == f"{last}\n"


def test_evidence_that_a_newer_one_replaces_does_not_count(tmp_path: Path) -> None:
    made = scene()
    made.crls["older.crl"] = crl(made.signature.leaf.chain[1], number=0, this_update=AT - 9 * DAY, next_update=AT - DAY)
    found = document(made.write(tmp_path), code=21)
    assert "crls/older.crl" not in {item["place"] for item in found["dates"]}


@pytest.mark.parametrize("harm", ["crl", "store", "layout"])
def test_what_cannot_be_read_may_end_sooner(tmp_path: Path, harm: str) -> None:
    written = with_everything().write(tmp_path)
    if harm == "crl":
        (written.trust / "crls" / "0.crl").write_bytes(b"no")
    elif harm == "store":
        (written.trust / "truststore/x509/ca/other").mkdir()
        (written.trust / "truststore/x509/ca/other/a.pem").write_bytes(b"no")
    else:
        min(
            (written.layout / "blobs/sha256").iterdir(),
            key=lambda path: (b"payload" not in path.read_bytes(), path.name),
        ).write_bytes(b"no")
    code, word = {"crl": (15, "UNSURE: "), "store": (18, "FAIL: "), "layout": (16, "FAIL: ")}[harm]
    ran = expiring(written, "--within", "1d")
    assert (ran.code, "\nproblem " in ran.out) == (code, True), ran
    assert ran.out.splitlines()[-1].startswith(word)
    assert document(written, "--within", "1d", code=code)["problems"]


def test_a_wrong_clock_is_a_problem(tmp_path: Path) -> None:
    made = with_everything()
    made.crls["future.crl"] = crl(made.signature.leaf, this_update=AT + 40000 * DAY, next_update=AT + 40001 * DAY)
    found = document(made.write(tmp_path), code=15)
    assert [problem["reason"] for problem in found["problems"]] == ["clock.behind"]


def test_a_time_that_is_none_is_refused(tmp_path: Path) -> None:
    ran = expiring(with_everything().write(tmp_path), "--within", "3")
    assert (ran.code, "Write weeks, days and hours" in ran.err) == (2, True)
