"""airgap verify --ledger, airgap ledger and airgap receipt, as their users type them."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from airgap.errors import AirgapError
from airgap.ledger import read_receipt
from airgap.ledger.ledger_file import Ledger
from tests.support.blobs import blob_statement
from tests.support.command import Ran, run_here, run_process
from tests.support.ledgers import IMAGE, change, every_kind, judgement, make, note, put
from tests.support.media import small_medium
from tests.support.scenario import Scene, Written, with_everything
from tests.support.signing import key_options
from tests.support.trust import oci_policy, write_trust


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The ledger of $AIRGAP_LEDGER, which is not there yet."""
    monkeypatch.setenv("AIRGAP_LEDGER", str(tmp_path / "site.ledger"))
    return tmp_path / "site.ledger"


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return with_everything().write(tmp_path / "scene")


def rows() -> list[dict[str, Any]]:
    found = run_here(["ledger", "list", "--format", "json"]).document["rows"]
    assert isinstance(found, list)
    return found


# --- verify ---


def test_verify_records_what_it_judged(ledger: Path, written: Written) -> None:
    ran = run_here(written.arguments("--operator", "Ada"))
    assert ran.code == 0
    assert f"recorded in the ledger {ledger}: row 1" in ran.err
    (row,) = rows()
    assert (row["verdict"], row["exit_code"], row["operator"]) == ("pass", 0, "Ada")
    assert row["digest"] == written.digest
    assert row["scope"] == written.scope
    assert row["signers"]
    assert run_here(["ledger", "check"]).code == 0


def test_refused_artifacts_are_recorded(ledger: Path, tmp_path: Path) -> None:
    written = Scene(stores={"ca:harbour": []}).write(tmp_path / "scene")
    ran = run_here(written.arguments("-q"))
    assert ran.code != 0
    assert ran.err == ""
    (row,) = rows()
    assert (row["verdict"], row["exit_code"]) == ("fail", ran.code)
    assert row["reasons"]


def test_without_a_ledger_nothing_is_recorded(
    written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRGAP_LEDGER", "")
    assert run_here(written.arguments()).code == 0
    assert list(tmp_path.rglob("*.ledger")) == []


def test_a_ledger_that_cannot_be_written_is_an_error_before_the_reading(
    ledger: Path, written: Written, tmp_path: Path
) -> None:
    change(ledger, "CREATE TABLE mine (x)")
    before = ledger.read_bytes()
    ran = run_here(written.arguments())
    assert ran.code == 18
    assert "no ledger of airgap" in ran.err
    assert ran.document["artifacts"] == []
    assert ledger.read_bytes() == before
    ran = run_here(written.arguments("--ledger", str(tmp_path / "no" / "ledger")))
    assert ran.code == 1
    assert "mkdir -p" in ran.err


def test_a_ledger_inside_of_what_is_read_is_refused(written: Written) -> None:
    for place in (written.layout, written.trust):
        ran = run_here(written.arguments("--ledger", str(place / "ledger")))
        assert ran.code == 2
        assert "would change" in ran.err
        assert not (place / "ledger").exists()


def test_a_report_does_not_replace_the_ledger(ledger: Path, written: Written) -> None:
    make(ledger)
    ran = run_here(written.arguments("--report", str(ledger)))
    assert ran.code == 2
    assert run_here(["ledger", "check"]).code == 0


def test_the_document_says_that_nothing_was_recorded(
    ledger: Path, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It said exit code 0, and the command ended with 1."""

    def record(*_: object) -> None:
        raise AirgapError("the ledger could not be written")

    monkeypatch.setattr(Ledger, "record", record)
    ran = run_here(written.arguments())
    assert (ran.code, ran.document["exit_code"], ran.document["problems"][0]["message"]) == (
        1,
        1,
        "the ledger could not be written",
    )
    assert ran.document["artifacts"][0]["verdict"] == "pass"
    assert "could not be written" in ran.err
    ran = run_here([word for word in written.arguments() if word not in {"--format", "json"}])
    assert (ran.code, ran.out.splitlines()[-1]) == (
        1,
        "FAIL: the ledger could not be written. Signatures and content are good (1 artifact). Exit code 1.",
    )
    assert ledger.is_file()


def test_what_is_no_ledger_is_malformed(tmp_path: Path) -> None:
    """A folder was exit code 1 without a remedy, and a file of one byte "a database"."""
    for name, data in (("byte", b"\0"), ("empty", b""), ("text", b"x" * 64)):
        (tmp_path / name).write_bytes(data)
        ran = run_here(["ledger", "check", str(tmp_path / name)])
        assert (ran.code, f"{name} is no ledger" in ran.err, "a database" in ran.err) == (18, True, False), ran
    for command in (["check", str(tmp_path)], ["list", "--ledger", str(tmp_path)]):
        ran = run_here(["ledger", *command])
        assert (ran.code, "it is no file" in ran.err, "Name the right file" in ran.err) == (18, True, True), ran


def test_a_failure_to_record_is_not_exit_code_0(written: Written, tmp_path: Path) -> None:
    with small_medium(tmp_path / "medium", "200k") as medium:
        path = medium / "site.ledger"
        make(path, [])
        size = os.statvfs(medium)
        (medium / "ballast").write_bytes(bytes((size.f_bavail - 10) * size.f_bsize))  # room to open it, not for a row
        ran = run_here(written.arguments("--ledger", str(path)))
        assert ran.code == 1
        assert "no space left on its medium" in ran.err
        assert ran.document["exit_code"] == 1
        assert ran.document["artifacts"][0]["verdict"] == "pass", "the verdict is shown all the same"


# --- list and show ---


def test_rows_are_listed_and_filtered(ledger: Path) -> None:
    make(ledger)
    ran = run_here(["ledger", "list"])
    assert ran.code == 0
    assert len(ran.out.splitlines()) == 12
    assert "total: 10 rows of 10" in ran.out
    assert "site.example:5000/app:v1" in ran.out

    def numbers(*options: str) -> list[int]:
        out = run_here(["ledger", "list", "--format", "ndjson", *options]).out
        return [json.loads(line)["row"] for line in out.splitlines()]

    assert numbers() == list(range(1, 11))
    assert numbers("--kind", "note", "--kind", "mark") == [9, 10]
    assert numbers("--since", "2026-03-06") == [6, 7]
    assert numbers("--verdict", "fail") == []
    assert numbers("--name", "monthly") == [9]
    assert run_here(["ledger", "list", "--since", "x"]).code == 2


def test_hostile_text_is_escaped(ledger: Path) -> None:
    hostile = "\x1b[2J\u202e"
    make(ledger, [note(hostile), judgement(reference=hostile, target=hostile, tags=(hostile,)), put(tags=[hostile])])
    for arguments in (["list"], ["list", "--format", "ndjson"], *(["show", str(row)] for row in (1, 2, 3))):
        out = run_here(["ledger", *arguments]).out
        assert "\x1b" not in out
        assert "\u202e" not in out
        assert "x1b[2J" in out


def test_all_about_one_artifact_is_shown_in_the_order_of_time(ledger: Path) -> None:
    make(ledger, [*every_kind(), judgement(digest=IMAGE)])
    for name in (str(IMAGE), IMAGE.encoded[:10], str(IMAGE)[:15]):
        ran = run_here(["ledger", "show", name])
        assert ran.code == 0, ran
        assert [line.split()[1] for line in ran.out.splitlines() if line.startswith("row ")] == ["8", "10", "11"]
    shown = run_here(["ledger", "show", "1", "--format", "json"]).document["rows"]
    assert shown[0]["document"] == '{"number":0}'
    assert run_here(["ledger", "show", "99"]).code == 11
    ran = run_here(["ledger", "show", "nothing-like-it"])
    assert ran.code == 11
    assert "--name TEXT finds them" in ran.err
    ran = run_here(["ledger", "show", "sha256:"])
    assert ran.code == 11, "too short"
    make(ledger, [judgement(number) for number in range(30)])
    assert "may be" in run_here(["ledger", "show", f"sha256:{IMAGE.encoded[0]}"]).err


@pytest.mark.parametrize("arguments", [["list"], ["show", "1"], ["check"], ["export"]])
def test_commands_without_a_ledger_say_how_to_name_one(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRGAP_LEDGER", raising=False)
    ran = run_here(["ledger", *arguments])
    assert ran.code == 2
    assert "$AIRGAP_LEDGER" in ran.err


def test_reading_makes_no_ledger(ledger: Path) -> None:
    for arguments in (["list"], ["check"], ["prune", "--before", "2026-01-01", "--yes"]):
        assert run_here(["ledger", *arguments]).code == 11
    assert not ledger.exists()


# --- check, export, prune ---


def test_a_changed_ledger_is_reported(ledger: Path) -> None:
    make(ledger)
    change(ledger, "UPDATE rows SET verdict = 'fail' WHERE number = 2", "DELETE FROM rows WHERE number = 5")
    ran = run_here(["ledger", "check"])
    assert ran.code == 18
    assert ran.out.startswith("NOT WHOLE: ")
    assert "CHANGED   the list of rows says something else of row 2" in ran.out
    assert "REMOVED   row 5 is not there" in ran.out


def test_an_export_is_checked_against_receipts_and_heads(ledger: Path, tmp_path: Path) -> None:
    head = str(make(ledger))
    receipt, export = tmp_path / "receipt.json", tmp_path / "export.ndjson"
    assert run_here(["receipt", "create", "-o", str(receipt)]).code == 0
    assert run_here(["ledger", "note", "later", "--about", "stick", "--by", "Ada"]).code == 0
    assert run_here(["ledger", "export", "-o", str(export)]).code == 0
    assert run_here(["ledger", "export"]).out == export.read_text()
    ran = run_here(["ledger", "check", str(export), "--receipt", str(receipt), "--head", head])
    assert ran.code == 0
    assert "compared with 2 heads" in ran.out
    ran = run_here(["ledger", "check", "--head", f"10:{'0' * 64}", "--format", "json"])
    assert ran.code == ran.document["exit_code"] == 18
    assert ran.document["faults"][0]["kind"] == "rewritten"
    assert run_here(["ledger", "check", "--head", "x"]).code == 2
    assert run_here(["ledger", "export", "-o", str(ledger)]).code == 2


def test_pruning_asks(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(ledger)
    for answer in ("", "no\n"):
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        ran = run_here(["ledger", "prune", "--before", "2026-03-04", "--rows"])
        assert ran.code == 2
        assert "4 rows with 3 verdict documents" in ran.err
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
    assert run_here(["ledger", "prune", "--before", "2026-03-04", "--rows"]).code == 0
    ran = run_here(["ledger", "check"])
    assert ran.code == 0
    assert "pruned: 4 rows" in ran.out
    assert "Nothing to prune" in run_here(["ledger", "prune", "--before", "2026-03-04", "--rows"]).out
    assert "pruned" in run_here(["ledger", "show", "1"]).out


# --- notes and receipts ---


def test_a_signed_note_is_judged_outside_of_the_ledger(ledger: Path, tmp_path: Path) -> None:
    leaf = Scene().signature.leaf
    given = ["--about", "stick-7", "--by", "Ada"]
    ran = run_here(["ledger", "note", "bag 7, seal unbroken", *given, *key_options(tmp_path, leaf)])
    assert ran.code == 0, ran
    assert "signed note" in ran.out
    assert "note, signed" in run_here(["ledger", "list"]).out
    folder = tmp_path / "notes"
    assert run_here(["ledger", "show", "1", "--extract", str(folder)]).code == 0
    document = json.loads((folder / "note-1.json").read_bytes())
    assert (document["schema"], document["text"], document["by"]) == ("airgap.note/1", "bag 7, seal unbroken", "Ada")
    trust = blob_trust(tmp_path, leaf)
    assert run_here(["blob", "verify", str(folder / "note-1.json"), "--trust", str(trust)]).code == 0
    (folder / "note-1.json").write_bytes(b"{}")
    assert run_here(["blob", "verify", str(folder / "note-1.json"), "--trust", str(trust)]).code == 12


def blob_trust(folder: Path, leaf: Any) -> Path:
    policy = oci_policy(blob_statement())
    return write_trust(folder / "blob-trust", policy=b"", blob_policy=policy, stores={"ca:harbour": [leaf.root]})


@pytest.mark.parametrize("given", [["--about", " ", "--by", "Ada"], ["--about", "x", "--by", ""]])
def test_a_note_says_who_and_about_what(ledger: Path, given: list[str]) -> None:
    assert run_here(["ledger", "note", "text", *given]).code == 2
    assert not ledger.exists()


LATIN_1 = os.fsdecode(b"J\xfcrgen")


@pytest.mark.parametrize(
    "arguments",
    [
        ["note", LATIN_1, "--about", "x", "--by", "Ada"],
        ["note", "text", "--about", LATIN_1, "--by", "Ada"],
        ["note", "text", "--about", "x", "--by", LATIN_1],
    ],
)
def test_a_note_that_is_no_utf_8_is_refused(ledger: Path, arguments: list[str]) -> None:
    make(ledger)
    ran = run_here(["ledger", *arguments])
    assert (ran.code, "no UTF-8" in ran.err) == (2, True), ran
    assert run_here(["ledger", "check"]).code == 0


def test_an_operator_that_is_no_utf_8_is_escaped(ledger: Path, written: Written) -> None:
    assert run_here(written.arguments("--operator", LATIN_1)).code == 0
    assert run_here(["ledger", "note", "text", "--about", "x", "--by", "Ada", "--operator", LATIN_1]).code == 0
    assert run_here(["ledger", "check"]).code == 0
    assert "J\\udcfcrgen" in run_here(["ledger", "show", "2"]).out


def test_a_receipt_names_its_site_in_utf_8(ledger: Path, tmp_path: Path) -> None:
    make(ledger)
    ran = run_here(["receipt", "create", "-o", str(tmp_path / "r"), "--site", LATIN_1])
    assert (ran.code, (tmp_path / "r").exists()) == (2, False), ran


@pytest.mark.parametrize(
    "arguments", [["list", "--since", "9999-12-31"], ["prune", "--before", "9999-12-31"], ["list", "--since", "x"]]
)
def test_a_bad_time_names_the_option_that_has_it(ledger: Path, arguments: list[str]) -> None:
    make(ledger)
    ran = run_here(["ledger", *arguments])
    assert (ran.code, f"Error: {arguments[1]} " in ran.err) == (2, True), ran


@pytest.mark.parametrize("ending", ["", "-wal", "-shm"])
def test_nothing_is_written_over_the_files_of_a_ledger(ledger: Path, ending: str) -> None:
    make(ledger)
    file = f"{ledger}{ending}"
    assert run_here(["receipt", "create", "-o", file]).code == 2
    assert run_here(["ledger", "export", "-o", file]).code == 2


def test_a_receipt_is_not_written_into_the_trust_directory(ledger: Path, written: Written) -> None:
    make(ledger)
    file = written.trust / "crls/receipt.json"
    assert run_here(["receipt", "create", "-o", str(file), "--trust", str(written.trust)]).code == 2
    assert not file.exists()


def test_a_receipt_of_another_ledger_is_reported(ledger: Path, tmp_path: Path) -> None:
    """Its head alone can be copied from this one."""
    make(ledger)
    file, export = tmp_path / "receipt.json", tmp_path / "export"
    assert run_here(["receipt", "create", "-o", str(file)]).code == 0
    assert run_here(["ledger", "export", "-o", str(export)]).code == 0
    document = json.loads(file.read_text())
    document["ledger"]["id"] = "0" * 32
    file.write_text(json.dumps(document))
    for what in (ledger, export):
        ran = run_here(["ledger", "check", str(what), "--receipt", str(file)])
        assert (ran.code, "a receipt is of the ledger 0000" in ran.out) == (18, True), ran


def test_a_receipt_says_what_imports_put(ledger: Path, tmp_path: Path) -> None:
    head = make(ledger)
    file, leaf = tmp_path / "receipt.json", Scene().signature.leaf
    ran = run_here(["receipt", "create", "-o", str(file), "--site", "north", *key_options(tmp_path, leaf)])
    assert ran.code == 0, ran
    assert "holds     site.example:5000: 2 manifests and blobs" in ran.out
    receipt = read_receipt(file)
    assert (receipt.head, receipt.site) == (head, "north")
    assert [mark.number for mark in receipt.streams] == [1]
    assert IMAGE in receipt.held
    trust = blob_trust(tmp_path, leaf)
    assert run_here(["blob", "verify", str(file), "--trust", str(trust)]).code == 0
    shown = run_here(["receipt", "show", str(file)])
    assert shown.code == 0
    assert "not judged here" in shown.out
    document = Ran(0, file.read_text(), "").held_to("receipt")
    assert document["ledger"]["count"] == 10


def test_a_receipt_does_not_replace_the_ledger(ledger: Path) -> None:
    make(ledger)
    assert run_here(["receipt", "create", "-o", str(ledger)]).code == 2
    assert run_here(["receipt", "show", str(ledger)]).code == 18


def test_commands_run_as_processes(ledger: Path, written: Written) -> None:
    assert run_process(written.arguments()).code == 0
    ran = run_process(["ledger", "list"])
    assert (ran.code, ran.err) == (0, "")
    assert "pass" in ran.out


@pytest.mark.parametrize(
    "spoil", ["DELETE FROM rows WHERE number = 8", "UPDATE rows SET kind = 'note' WHERE kind = 'import'"]
)
def test_no_receipt_is_made_of_a_ledger_that_is_not_whole(ledger: Path, tmp_path: Path, spoil: str) -> None:
    """It said of the site that it holds nothing."""
    make(ledger)
    change(ledger, spoil)
    ran = run_here(["receipt", "create", "-o", str(tmp_path / "receipt")])
    assert (ran.code, "is not whole" in ran.err, (tmp_path / "receipt").exists()) == (18, True, False), ran
