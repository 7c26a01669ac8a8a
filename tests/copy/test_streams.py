"""Numbered bundles: an import notices one that is lost, or comes again, by the ledger of the site (decision 0041)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from airgap import Ledger
from airgap.ledger import Import, JudgedArtifact, Mark, Note
from airgap.trust.fingerprint_words import set_id
from tests.copy.test_bundle import change_index, create, own
from tests.copy.test_import import BOTH, held, import_, stick, unsigned
from tests.support.clock import set_clock
from tests.support.command import Ran, run_here
from tests.support.pki import AT
from tests.support.registry import LoopbackRegistry, error
from tests.support.scenario import Written

REPLAY = ("--allow-replay", "the release before, see ticket 7")


@pytest.fixture(autouse=True)
def _then(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, AT)


class Site(NamedTuple):
    """A sender's images, and the ledger and registry of who gets them."""

    written: Written
    folder: Path
    registry: LoopbackRegistry

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger"

    def bundle(self, number: int, *arguments: object, stream: str = "monthly", name: str = "") -> Path:
        path = self.folder / (name or f"{stream}-{number}")
        ran = create(self.written, path, "--stream", stream, "--number", number, *arguments)
        assert ran.code == 0, ran
        return path

    def import_(self, *arguments: object) -> Ran:
        return import_(self.written, "--ledger", self.ledger, "--operator", "ada", *arguments, self.registry.host)

    def entries(self, kind: type[Any]) -> list[Any]:
        with Ledger.open(self.ledger) as ledger:
            return [row.entry for row in ledger.rows() if isinstance(row.entry, kind)]

    def marks(self) -> list[int]:
        return [entry.number for entry in self.entries(Mark)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with LoopbackRegistry() as registry:
        yield Site(stick(tmp_path, archive=False), tmp_path, registry)


def warnings(ran: Ran) -> list[tuple[str, str]]:
    document = ran.held_to("import")
    told = [(item["reason"], item["message"]) for item in document["copy"]["warnings"]]
    return [item for item in told if item[0] and item[0].startswith("stream.")]


def test_the_next_bundle_is_marked(site: Site) -> None:
    first, second = site.bundle(1), site.bundle(2)
    for bundle in (first, first, second, second):
        ran = site.import_(bundle, "--format", "json")
        assert (ran.code, warnings(ran)) == (0, []), ran
    assert site.marks() == [1, 2], "importing the same again sets no mark"
    last = site.entries(Mark)[-1]
    assert (last.stream, str(last.bundle), last.made, last.operator, last.reason) == (
        "monthly",
        own(second)[0],
        AT,
        "ada",
        "",
    )
    receipt = site.folder / "receipt.json"
    assert run_here(["receipt", "create", "--ledger", str(site.ledger), "-o", str(receipt)]).code == 0
    assert json.loads(receipt.read_text())["streams"] == [{"stream": "monthly", "number": 2, "bundle": own(second)[0]}]


def test_rows_say_in_which_bundle_it_came(site: Site) -> None:
    bundle = site.bundle(1)
    assert site.import_(bundle).code == 0
    digest = own(bundle)[0]
    rows = [*site.entries(JudgedArtifact), *site.entries(Import)]
    assert {str(row.bundle) for row in rows} == {digest}
    assert len(rows) == 4
    assert f"bundle      {digest}" in run_here(["ledger", "show", "1", "--ledger", str(site.ledger)]).out
    shown = run_here(["ledger", "list", "--kind", "mark", "--ledger", str(site.ledger)]).out
    assert "mark 1 " in shown
    assert "monthly" in shown


@pytest.mark.parametrize("keep_going", [[], ["--keep-going"]], ids=["", "keep going"])
@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]], ids=["", "dry run"])
def test_an_older_bundle_is_refused(site: Site, keep_going: list[str], dry_run: list[str]) -> None:
    old, new = site.bundle(3), site.bundle(6)
    assert site.import_(new).code == 0
    tags = held(site.registry)
    site.registry.seen.clear()
    ran = site.import_(*keep_going, *dry_run, old, "--format", "json")
    found = ran.held_to("import")["error"]
    assert (ran.code, found["reason"], found["facts"]["number"], found["facts"]["known"]) == (
        17,
        "stream.replayed",
        3,
        6,
    ), ran
    for bundle in (old, new):
        assert set_id(site.entries(Mark)[0].bundle.parse(own(bundle)[0])) in found["message"]
    assert "bundle 3 of the stream 'monthly' (made 2026-" in found["message"]
    assert "that was imported here on 2026-" in found["message"]
    assert not [seen for seen in site.registry.seen if seen.method != "GET"], "before anything is sent"
    assert (held(site.registry), site.marks()) == (tags, [6])
    text = site.import_(old)
    assert "To import this one on purpose, say why: import --allow-replay REASON." in text.out, text
    if not dry_run:
        assert site.entries(JudgedArtifact)[-1].reasons == ("stream.replayed",)


def test_a_refused_replay_says_nothing_against_what_is_held(site: Site) -> None:
    """The same images came in the newer bundle."""
    old, new = site.bundle(3), site.bundle(6)
    assert site.import_(new).code == 0
    assert site.import_(old).code == 17
    ran = run_here(["recheck", "--ledger", str(site.ledger), "--trust", str(site.written.trust)])
    assert ran.code == 0, ran


def test_another_bundle_with_the_number_is_refused(site: Site) -> None:
    one, other = site.bundle(4), site.bundle(4, "--at", "2026-06-15T12:30:00Z", name="other")
    assert own(one)[0] != own(other)[0]
    assert site.import_(one).code == 0
    ran = site.import_(other)
    assert (ran.code, site.marks()) == (17, [4]), ran
    assert "another one than the bundle 4" in ran.out
    assert site.import_(*REPLAY, other).code == 0
    assert site.import_(one).code == 17, "the last one counts"


def test_a_replay_on_purpose_is_recorded(site: Site) -> None:
    old, new = site.bundle(3), site.bundle(6)
    assert site.import_(new).code == 0
    ran = site.import_(*REPLAY, old, "--format", "json")
    ((reason, message),) = warnings(ran)
    assert (ran.code, reason) == (0, "stream.let_in")
    assert "older than bundle 6" in message
    assert "ticket 7" in message
    assert site.marks() == [6, 3]
    assert site.entries(Mark)[-1].reason == REPLAY[1]
    (note,) = site.entries(Note)
    assert (note.about, REPLAY[1] in note.text) == (own(old)[0], True)
    # what was imported before is not missing
    ran = site.import_(site.bundle(7), "--format", "json")
    assert (ran.code, site.marks()) == (0, [6, 3, 7])
    assert [message.split(";")[0] for _, message in warnings(ran)] == [
        "bundles 4 to 5 of the stream 'monthly' were not imported here before bundle 7"
    ]


def test_a_forged_number_blocks_nothing_for_ever(site: Site) -> None:
    """The number of a bundle is a claim: the operator goes on from the right one with one option."""
    forged, right, later = site.bundle(999_999), site.bundle(5), site.bundle(6)
    assert site.import_(forged).code == 0
    assert site.import_(right).code == 17
    assert site.import_(*REPLAY, right).code == 0
    assert site.import_(later).code == 0
    assert site.marks() == [999_999, 5, 6]


def test_the_option_is_recorded_only_where_it_was_needed(site: Site) -> None:
    assert site.import_(*REPLAY, site.bundle(1)).code == 0
    assert ([item.reason for item in site.entries(Mark)], site.entries(Note)) == ([""], [])


def test_the_option_needs_a_ledger(site: Site) -> None:
    ran = import_(site.written, *REPLAY, site.bundle(1), site.registry.host)
    assert (ran.code, held(site.registry)) == (2, {}), ran


@pytest.mark.parametrize(
    ("before", "number", "said"),
    [
        (
            [4],
            6,
            "bundle 5 of the stream 'monthly' was not imported here before bundle 6; the last one was bundle 4, on",
        ),
        ([4], 9, "bundles 5 to 8 of the stream 'monthly' were not imported here before bundle 9"),
        (
            [],
            4,
            "bundles 1 to 3 of the stream 'monthly' were not imported here before bundle 4; nothing of it was before",
        ),
        ([], 2, "bundle 1 of the stream 'monthly' was not imported here before bundle 2"),
    ],
)
def test_names_the_numbers_that_are_missing(site: Site, before: list[int], number: int, said: str) -> None:
    for earlier in before:
        assert site.import_(site.bundle(earlier)).code == 0
    bundle = site.bundle(number)
    for dry_run in (["--dry-run"], []):
        ran = site.import_(*dry_run, bundle, "--format", "json")
        ((reason, message),) = warnings(ran)
        assert (ran.code, reason, message.startswith(said)) == (0, "stream.gap", True), message
    assert site.marks() == [*before, number]
    assert site.import_(site.bundle(1, stream="weekly"), "--quiet").code == 0


def test_names_them_with_quiet(site: Site) -> None:
    ran = site.import_("--quiet", site.bundle(2))
    assert "bundle 1 of the stream 'monthly' was not imported here" in ran.out + ran.err, ran


def test_bundles_of_several_media_fill_the_gap(site: Site) -> None:
    assert site.import_(site.bundle(1)).code == 0
    ran = site.import_(site.bundle(4), site.bundle(2), site.bundle(1, stream="weekly"), "--format", "json")
    ((_, message),) = warnings(ran)
    assert (ran.code, message.startswith("bundle 3 of the stream 'monthly' was not")) == (0, True)
    assert [(item.stream, item.number) for item in site.entries(Mark)] == [
        ("monthly", 1),
        ("monthly", 2),
        ("monthly", 4),
        ("weekly", 1),
    ]


def test_a_layout_with_the_bundles_of_several_journeys(site: Site) -> None:
    """A folder that gets each month's bundle: the newest one counts."""
    kept = site.folder / "kept"
    for number in (1, 2):
        assert run_here(["copy", str(site.bundle(number)), str(kept)]).code == 0
        for _ in range(2):
            assert site.import_(kept).code == 0
    assert site.marks() == [1, 2]


def test_without_a_ledger_it_is_said_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRGAP_LEDGER", raising=False)
    first, second = site.bundle(1), site.bundle(2, stream="weekly")
    ran = import_(site.written, first, second, site.registry.host, "--format", "json")
    ((reason, message),) = warnings(ran)
    assert (ran.code, reason) == (0, "stream.unwatched")
    assert "bundle 1 of the stream 'monthly', bundle 2 of the stream 'weekly'" in message
    plain = import_(site.written, stick(site.folder / "other").layout, site.registry.host)
    assert "no ledger" not in plain.out + plain.err


def test_an_import_that_failed_sets_no_mark(site: Site) -> None:
    bundle = site.bundle(1)
    site.registry.on("PUT", "/team/web/manifests/v1", error(403, "DENIED", "immutable tag"), times=1)
    assert (site.import_(bundle).code, site.marks()) == (1, [])
    assert (site.import_(bundle).code, site.marks()) == (0, [1])


def test_what_came_in_part_sets_no_mark(site: Site) -> None:
    bundle = site.bundle(1)
    site.registry.on("POST", "/lab/db/blobs/uploads/", error(403, "DENIED", "quota exceeded"), times=1)
    assert (site.import_("--keep-going", bundle).code, site.marks()) == (20, [])
    assert (site.import_("--keep-going", bundle).code, site.marks()) == (0, [1])


def test_what_is_refused_beside_a_bundle_does_not_count(tmp_path: Path, site: Site) -> None:
    """All that the list names came in."""
    bad = stick(tmp_path / "bad", unsigned)
    ran = site.import_("--keep-going", site.bundle(1), bad.layout)
    assert (ran.code, site.marks()) == (20, [1]), ran


def test_a_bundle_that_lost_something_sets_no_mark(site: Site) -> None:
    bundle = site.bundle(1)
    database = own(bundle)[1]["artifacts"][0]
    gone = {database["digest"], *database["signatures"], *(item["digest"] for item in database["attachments"])}
    change_index(bundle, lambda item: item["digest"] not in gone)
    ran = site.import_("--keep-going", bundle)
    assert (ran.code, site.marks()) == (20, []), ran
    assert held(site.registry) == {"team/web": {"v1"}}


def test_a_part_of_a_bundle_is_not_compared(site: Site) -> None:
    """Who names an artifact means it."""
    old, new = site.bundle(1), site.bundle(2)
    assert site.import_(new).code == 0
    ran = site.import_(f"{old}:registry.example/team/web:v1", "--format", "json")
    assert (ran.code, warnings(ran), site.marks()) == (0, [], [2])
    assert str(site.entries(JudgedArtifact)[-1].bundle) == own(old)[0]


def test_volumes_are_one_bundle(site: Site) -> None:
    assert site.import_(site.bundle(1, "--volume-size", "300k", name="volumes")).code == 0
    assert site.import_(site.bundle(1)).code == 0
    assert (site.marks(), held(site.registry)) == ([1], BOTH)


def test_a_verify_sets_no_mark(site: Site) -> None:
    bundle = site.bundle(1)
    arguments = ["verify", str(bundle), "--trust", str(site.written.trust), "--ledger", str(site.ledger)]
    assert (run_here(arguments).code, site.marks()) == (0, [])
    assert [str(entry.bundle) for entry in site.entries(JudgedArtifact)] == [own(bundle)[0]] * 2


def test_a_kill_before_the_mark_is_completed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tags are there, and the last rows are not."""
    bundle = site.bundle(1)
    monkeypatch.setattr("airgap.cli.importing._Rows.end", lambda *_: None)
    assert (site.import_(bundle).code, site.marks(), held(site.registry)) == (0, [], BOTH)
    monkeypatch.undo()
    set_clock(monkeypatch, AT)
    assert (site.import_(bundle).code, site.marks()) == (0, [1])


def test_an_import_between_check_and_tags_is_noticed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two imports at once: the older one ends before its tags."""
    from airgap.cli.importing import _Rows

    old, new, begin = site.bundle(1), site.bundle(2), _Rows.begin

    def late(rows: Any, expected: Any) -> None:
        monkeypatch.setattr(_Rows, "begin", begin)
        assert site.import_(new).code == 0
        begin(rows, expected)

    monkeypatch.setattr(_Rows, "begin", late)
    assert (site.import_(old).code, site.marks()) == (17, [2])
