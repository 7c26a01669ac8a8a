"""Deltas: what a receipt or an earlier bundle says is held is left out, layer by layer, and nothing else."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airgap.oci.digest import Digest
from tests.copy.test_bundle import own
from tests.regressions.test_evidence_of_a_target_counts_in_every_place import REVOKING
from tests.support.clock import set_clock
from tests.support.command import Ran, run_here
from tests.support.months import FIRST, SECOND, WEB, digest, layer, month
from tests.support.pki import AT
from tests.support.scenario import Written
from tests.support.signing import tree


@pytest.fixture(autouse=True)
def _then(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, AT)


def create(written: Written, destination: Path, *arguments: object) -> Ran:
    options = ["--trust", written.trust, "--no-download", "--at", "2026-06-01T00:00:00Z"]
    return run_here(["bundle", "create", *map(str, [destination, written.layout, *options, *arguments])])


def two_months(tmp_path: Path, *arguments: object) -> tuple[Written, Path, Path]:
    """What is sent in the second month, the first bundle, and the delta since it."""
    first, second = month(tmp_path / "one", FIRST), month(tmp_path / "two", SECOND)
    before, delta = tmp_path / "first", tmp_path / "delta"
    assert create(first, before).code == 0
    ran = create(second, delta, "--since", before, *arguments)
    assert ran.code == 0, ran
    return second, before, delta


def held_by(delta: Path) -> set[str]:
    return {item["digest"] for item in own(delta)[1]["base"]["held"]}


def receipt(path: Path, *layers: str, **changes: Any) -> Path:
    """A receipt that names these layers."""
    held = [{"digest": digest(name), "size": len(layer(name))} for name in layers]
    document = {
        "schema": "airgap.receipt/1",
        "site": "harbour",
        "created": "2026-05-01T00:00:00Z",
        "ledger": {"id": "0" * 32, "count": 0, "head": "0" * 64},
        "streams": [],
        "registries": [{"registry": "registry.site", "held": held}],
        **changes,
    }
    path.write_text(json.dumps(document))
    return path


# --- making ---


def test_leaves_out_the_layers_that_were_sent_before(tmp_path: Path) -> None:
    """Also two of the four of one image; manifests, configs and signatures are always in it."""
    _, before, delta = two_months(tmp_path)
    _, document = own(delta)
    assert held_by(delta) == {digest(name) for name in ("base", "web-a", "db-a", "db-b")}
    assert [(item["kind"], item["digest"]) for item in document["base"]["since"]] == [("bundle", own(before)[0])]
    here = {f"sha256:{path.name}" for path in (delta / "blobs" / "sha256").iterdir()}
    assert {digest(name) for name in ("web-b2", "web-c2", "new-a")} <= here
    assert not here & held_by(delta)
    listed = {item["digest"] for item in document["blobs"]}
    for item in document["artifacts"]:
        assert {item["digest"], *item["signatures"], *(one["digest"] for one in item["attachments"])} <= here & listed
        manifest = json.loads((delta / "blobs" / item["digest"].replace(":", "/")).read_bytes())
        assert manifest["config"]["digest"] in here
        layers = {one["digest"] for one in manifest["layers"]}
        assert layers <= here | held_by(delta)


def test_by_a_receipt_it_leaves_out_what_that_lists(tmp_path: Path) -> None:
    second = month(tmp_path / "two", SECOND)
    delta = tmp_path / "delta"
    ran = create(second, delta, "--since", receipt(tmp_path / "receipt.json", "web-a", "gone"))
    assert ran.code == 0, ran
    assert held_by(delta) == {digest("web-a")}
    assert "since the receipt harbour made 2026-05-01T00:00:00Z" in ran.out
    assert "NOT HERE   1 layer that the receiver is said to hold" in ran.out


def test_what_several_say_is_left_out(tmp_path: Path) -> None:
    """In any order, and one named twice, it is the same bundle."""
    second = month(tmp_path / "two", SECOND)
    one, two = receipt(tmp_path / "one.json", "base"), receipt(tmp_path / "two.json", "db-b")
    made = [tmp_path / "a", tmp_path / "b"]
    for folder, names in zip(made, ([one, two], [two, one, two]), strict=True):
        assert create(second, folder, *(part for name in names for part in ("--since", name))).code == 0
    assert held_by(made[0]) == {digest("base"), digest("db-b")}
    assert tree(made[0]) == tree(made[1])


def test_a_delta_since_a_delta_counts_on_both(tmp_path: Path) -> None:
    second, _, delta = two_months(tmp_path)
    third = tmp_path / "third"
    assert create(second, third, "--since", delta).code == 0
    assert held_by(third) == {digest(name) for name in ("base", "web-a", "web-b2", "web-c2", "db-a", "db-b", "new-a")}


def test_a_size_that_is_wrong_leaves_nothing_out(tmp_path: Path) -> None:
    second = month(tmp_path / "two", SECOND)
    lie = [{"registry": "r", "held": [{"digest": digest("base"), "size": 1}]}]
    delta = tmp_path / "delta"
    assert create(second, delta, "--since", receipt(tmp_path / "r.json", registries=lie)).code == 0
    assert held_by(delta) == set()


def test_manifests_configs_and_what_is_attached_are_never_left_out(tmp_path: Path) -> None:
    """Whatever a receipt says: it lists all that there is."""
    second = month(tmp_path / "two", SECOND)
    whole, delta = tmp_path / "whole", tmp_path / "delta"
    assert create(second, whole).code == 0
    listed = own(whole)[1]["blobs"]
    everything = receipt(tmp_path / "all.json", registries=[{"registry": "r", "held": listed}])
    assert create(second, delta, "--since", everything).code == 0
    layers = {digest(name) for names in SECOND.values() for name in names.split()}
    assert held_by(delta) == layers
    assert {item["digest"] for item in own(delta)[1]["blobs"]} == {item["digest"] for item in listed} - layers


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    """In a folder and a tar; a second run into the same folder changes nothing."""
    second, before, delta = two_months(tmp_path)
    was = tree(delta)
    assert create(second, delta, "--since", before).code == 0
    assert tree(delta) == was
    tar, unpacked = tmp_path / "delta.tar", tmp_path / "unpacked"
    assert create(second, tar, "--since", before).code == 0
    again = tmp_path / "delta2.tar"
    assert create(second, again, "--since", before).code == 0
    assert tar.read_bytes() == again.read_bytes()
    with tarfile.open(tar) as opened:
        opened.extractall(unpacked, filter="data")
    assert tree(unpacked) == was


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("{}", 18, "is no receipt"),
        ('{"schema": "airgap.receipt/2"}', 18, "is no receipt"),
        (None, 11, "there is no file or directory"),
        ("not json", 16, ""),
    ],
)
def test_what_is_no_receipt_and_no_bundle_ends_it(tmp_path: Path, text: str | None, code: int, says: str) -> None:
    second = month(tmp_path / "two", SECOND)
    named = tmp_path / "receipt.json"
    if text is not None:
        named.write_text(text)
    ran = create(second, tmp_path / "delta", "--since", named)
    assert (ran.code, says in ran.out + ran.err) == (code, True), ran
    assert not (tmp_path / "delta").exists()


def test_a_layout_without_a_bundle_is_no_base(tmp_path: Path) -> None:
    second = month(tmp_path / "two", SECOND)
    ran = create(second, tmp_path / "delta", "--since", second.layout)
    assert ran.code == 11, ran
    assert "holds no bundle" in ran.out + ran.err


def test_a_delta_is_no_source_without_what_it_leaves_out(tmp_path: Path) -> None:
    """Alone it is refused and nothing is written; with the bundle before it, or as a delta again, it is one."""
    second, before, delta = two_months(tmp_path)
    made = tmp_path / "made"

    def packed(destination: Path, *arguments: object) -> Ran:
        options = ["--trust", second.trust, "--no-download", *arguments]
        return run_here(["bundle", "create", *map(str, [destination, delta, *options])])

    ran = packed(made)
    text = " ".join((ran.out + ran.err).split())
    assert ran.code == 16, ran
    assert not [path for path in made.rglob("sha256/*") if path.is_file()]
    assert "4 layers that the bundle leaves out are not in the sources of" in text
    assert "Name what holds them as a source, too" in text
    assert packed(made, "--since", before).code == 0
    assert held_by(made) == held_by(delta)
    assert packed(tmp_path / "both", before).code == 0
    assert verify(second, tmp_path / "both").code == 0


# --- showing ---


def test_show_says_what_is_not_here(tmp_path: Path) -> None:
    _, _, delta = two_months(tmp_path)
    shown = run_here(["bundle", "show", str(delta)])
    assert shown.code == 0
    assert "  delta      since the bundle made 2026-06-01T00:00:00Z" in shown.out, shown
    assert "NOT HERE   4 layers that the receiver is said to hold" in shown.out
    base = run_here(["bundle", "show", str(delta), "--format", "json"]).held_to("bundle-show")["base"]
    assert (base["layers"], base["bytes"], base["since"][0]["kind"]) == (
        4,
        sum(len(layer(name)) for name in ("base", "web-a", "db-a", "db-b")),
        "bundle",
    )
    assert "not here: 4 layers" in run_here(["bundle", "show", str(delta), "--label"]).out
    page = tmp_path / "page.html"
    assert run_here(["bundle", "show", str(delta), "--report", str(page)]).code == 0
    assert "4 layers that the receiver is said to hold" in page.read_text()


def test_create_reports_the_base(tmp_path: Path) -> None:
    second = month(tmp_path / "two", SECOND)
    named = receipt(tmp_path / "r.json", "base")
    document = create(second, tmp_path / "delta", "--since", named, "--format", "json").held_to("bundle-create")
    assert document["bundle"]["base"]["layers"] == 1
    assert document["bundle"]["base"]["since"][0]["name"] == "harbour"


def test_diff_names_what_is_left_out(tmp_path: Path) -> None:
    second, _, delta = two_months(tmp_path)
    whole = tmp_path / "whole"
    assert create(second, whole).code == 0
    ran = run_here(["bundle", "diff", str(whole), str(delta)])
    assert ran.code == 21
    assert "delta since: nothing, then the bundle made" in ran.out, ran
    assert "left out: nothing, then 4 layers" in ran.out


# --- judging ---


def verify(written: Written, target: Path | str, *arguments: str) -> Ran:
    return run_here(["verify", str(target), "--trust", str(written.trust), *arguments])


def forge(bundle: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Another document in the bundle's artifact, as anyone can write it who has the medium."""
    digest_before, document = own(bundle)
    change(document)
    blobs = bundle / "blobs" / "sha256"
    data = json.dumps(document).encode()
    layer_digest = Digest.of(data)
    manifest = json.loads((blobs / digest_before.removeprefix("sha256:")).read_bytes())
    manifest["layers"][0] |= {"digest": str(layer_digest), "size": len(data)}
    raw = json.dumps(manifest).encode()
    for content in (data, raw):
        (blobs / Digest.of(content).encoded).write_bytes(content)
    listing = json.loads((bundle / "index.json").read_bytes())
    for entry in listing["manifests"]:
        if entry["digest"] == digest_before:
            entry |= {"digest": str(Digest.of(raw)), "size": len(raw)}
    (bundle / "index.json").write_text(json.dumps(listing))


def blob(bundle: Path, name: str) -> Path:
    return bundle / "blobs" / digest(name).replace(":", "/")


def declare(*names: str) -> Callable[[dict[str, Any]], None]:
    """These layers are said to be held elsewhere, in a bundle that was none."""

    def change(document: dict[str, Any]) -> None:
        gone = {digest(name) for name in names}
        document["blobs"] = [item for item in document["blobs"] if item["digest"] not in gone]
        held = [{"digest": digest(name), "size": len(layer(name))} for name in names]
        since = {"kind": "receipt", "digest": digest("receipt"), "created": "2026-01-01T00:00:00Z"}
        document["base"] = {"since": [since], "held": sorted(held, key=lambda item: str(item["digest"]))}

    return change


def test_what_is_held_elsewhere_is_not_checked_and_no_pass(tmp_path: Path) -> None:
    second, _, delta = two_months(tmp_path)
    ran = verify(second, delta)
    assert ran.code == 15, ran
    assert "UNSURE" in ran.out
    assert ran.out.count("[content.held]") == 1, "once for all of them"
    assert ran.out.rstrip().splitlines()[-1].endswith("Exit code 15."), ran
    assert "It leaves out 4 layers of" in ran.out + ran.err
    document = verify(second, delta, "--format", "json").held_to("verify")
    by_name = {item["tags"][0]: item for item in document["artifacts"]}
    web = by_name[f"{WEB}:v2"]
    assert (web["verdict"], web["signature_verdict"], web["content"]["verdict"]) == (
        "indeterminate",
        "pass",
        "indeterminate",
    )
    assert {item["digest"] for item in web["content"]["held"]} == {digest("base"), digest("web-a")}
    assert document["exit_code"] == 15
    shown = verify(second, delta, "-v")
    assert shown.out.count(f"NOT CHECKED  {digest('web-a')}") == 1


def test_one_artifact_and_several_processes_say_the_same(tmp_path: Path) -> None:
    second, _, delta = two_months(tmp_path)
    assert verify(second, f"{delta}:{WEB}:v2").code == 15
    assert verify(second, delta, "--jobs", "2").out == verify(second, delta).out


def test_what_is_in_a_delta_is_hashed(tmp_path: Path) -> None:
    second, _, delta = two_months(tmp_path)
    wrong = blob(delta, "web-b2")
    wrong.chmod(0o644)
    wrong.write_bytes(b"x" + wrong.read_bytes()[1:])
    ran = verify(second, delta)
    assert (ran.code, "[content.digest]" in ran.out) == (16, True), ran


def test_what_is_lost_of_a_delta_is_missing(tmp_path: Path) -> None:
    second, _, delta = two_months(tmp_path)
    blob(delta, "new-a").unlink()
    ran = verify(second, delta)
    assert (ran.code, "[content.missing]" in ran.out) == (16, True), ran


def test_with_all_of_it_there_a_delta_passes(tmp_path: Path) -> None:
    """A claim that something is elsewhere is no reason against what is here."""
    second, before, delta = two_months(tmp_path)
    for name in ("base", "web-a", "db-a", "db-b"):
        blob(delta, name).write_bytes(blob(before, name).read_bytes())
    assert verify(second, delta).code == 0


def test_signatures_decide_before_what_is_held(tmp_path: Path) -> None:
    """Held elsewhere softens no other fault, and the manifests alone can be judged."""
    second, _, delta = two_months(tmp_path)
    assert verify(second, delta, "--content", "manifests").code == 0
    (second.trust / "crls" / "good.crl").write_bytes(REVOKING)
    assert verify(second, delta).code == 14


def test_a_forged_list_makes_nothing_pass(tmp_path: Path) -> None:
    """Anyone can write that a layer is held elsewhere: what was 16 is 15 then, and never 0."""
    second = month(tmp_path / "two", SECOND)
    whole = tmp_path / "whole"
    assert create(second, whole).code == 0
    blob(whole, "base").unlink()
    assert verify(second, whole).code == 16
    forge(whole, declare("base"))
    ran = verify(second, whole)
    assert ran.code == 15, ran
    blob(whole, "new-a").unlink()
    assert verify(second, whole).code == 16, "only what is declared"


@pytest.mark.parametrize("what", ["config", "envelope"])
def test_a_config_or_a_signature_cannot_be_held_elsewhere(tmp_path: Path, what: str) -> None:
    """Whatever a forged list says: it is missing."""
    second = month(tmp_path / "two", SECOND)
    whole = tmp_path / "whole"
    assert create(second, whole).code == 0
    item = own(whole)[1]["artifacts"][0]
    of = item["digest"] if what == "config" else item["signatures"][0]
    manifest = json.loads((whole / "blobs" / of.replace(":", "/")).read_bytes())
    gone = manifest["config"] if what == "config" else manifest["layers"][0]

    def change(document: dict[str, Any]) -> None:
        declare()(document)
        document["blobs"] = [one for one in document["blobs"] if one["digest"] != gone["digest"]]
        document["base"]["held"] = [{"digest": gone["digest"], "size": gone["size"]}]

    forge(whole, change)
    (whole / "blobs" / gone["digest"].replace(":", "/")).unlink()
    ran = verify(second, whole)
    assert ran.code == 16, ran
    assert "[content.held]" not in ran.out


def test_what_another_bundle_lists_as_here_is_not_excused(tmp_path: Path) -> None:
    """A delta is copied into the layout of the bundle before it: then all has to be there."""
    second, before, delta = two_months(tmp_path)
    assert run_here(["copy", str(delta), str(before)]).code == 0
    assert verify(second, before).code == 0
    blob(before, "base").unlink()
    ran = verify(second, before)
    assert (ran.code, "[content.held]" in ran.out) == (16, False), ran


def test_a_report_about_a_delta_stays_unsure(tmp_path: Path) -> None:
    second, _, delta = two_months(tmp_path)
    report = tmp_path / "report.json"
    assert verify(second, delta, "--report", str(report)).code == 15
    shutil.rmtree(delta)
    ran = run_here(["recheck", str(report), "--trust", str(second.trust)])
    assert (ran.code, "[content.held]" in ran.out) == (15, True), ran


# --- in volumes ---


def test_a_delta_goes_into_volumes(tmp_path: Path) -> None:
    """Made so, and split later: the same bytes. A volume that is lost is missing content, not held elsewhere."""
    first = month(tmp_path / "one", {f"{WEB}:v1": "big-1 big-2"})
    second = month(tmp_path / "two", {f"{WEB}:v2": "big-1 big-2 big-3 big-4"})
    before, delta = tmp_path / "first", tmp_path / "delta"
    assert create(first, before).code == 0
    assert create(second, delta, "--since", before).code == 0
    volumes, split = tmp_path / "v" / "trip", tmp_path / "s" / "trip"
    size = ("--volume-size", "320KiB")
    assert create(second, volumes, "--since", before, *size).code == 0
    assert run_here(["bundle", "split", str(delta), str(split), *size]).code == 0
    assert tree(volumes) == tree(split)
    parts = sorted(volumes.iterdir())
    assert len(parts) > 1
    assert verify(second, volumes).code == 15
    for lost in parts:
        away = lost.rename(tmp_path / "away")
        ran = verify(second, volumes)
        assert (ran.code, "which is not here" in ran.out + ran.err) == (16, True), ran
        away.rename(lost)
