"""The names of repositories in a registry that several are copied to. No rule depends on how many there are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from airgap.errors import AirgapError
from airgap.net.sink import RegistrySink
from airgap.transfer.endpoint import Entry, NamingResult
from tests.support.command import run_here
from tests.support.copying import family, load, write
from tests.support.layouts import LayoutBuilder
from tests.support.registry import LoopbackRegistry, Responder, error, reset


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    """A tar with images of two repositories of another registry."""
    with LoopbackRegistry() as source:
        load(source, "team/web", family(1))
        load(source, "team/db", family(2), tag="15")
        path = tmp_path / "stick.tar"
        ran = run_here(["copy", f"{source.host}/team/web:v1", f"{source.host}/team/db:15", str(path)])
        assert ran.code == 0, ran
    return path


@pytest.mark.parametrize("form", ["{}", "{}/", "oci://{}", "docker://{}"])
def test_each_artifact_gets_its_own_path(stick: Path, target: LoopbackRegistry, form: str) -> None:
    ran = run_here(["copy", str(stick), form.format(target.host)])
    assert ran.code == 0, ran
    assert {name: set(held.tags) for name, held in target.repositories.items()} == {
        "team/web": {"v1"},
        "team/db": {"15"},
    }
    assert re.search(r"^copied  team/web v1 ", ran.out, re.MULTILINE)
    assert f"COPIED: 2 artifacts into {form.format(target.host)}, " in ran.out
    assert "  TO  " not in ran.out


def test_one_artifact_gets_the_same_path(tmp_path: Path, target: LoopbackRegistry) -> None:
    """No rule depends on how many there are."""
    with LoopbackRegistry() as source:
        load(source, "team/web", family(1))
        run_here(["copy", f"{source.host}/team/web:v1", str(tmp_path / "stick")])
    assert run_here(["copy", str(tmp_path / "stick"), target.host]).code == 0
    assert {name: set(held.tags) for name, held in target.repositories.items()} == {"team/web": {"v1"}}


def test_explains_that_an_artifact_needs_a_repository(tmp_path: Path, target: LoopbackRegistry) -> None:
    source = write(tmp_path / "source", family(1))
    ran = run_here(["copy", str(source), target.host])
    assert ran.code == 2
    assert "has no repository's name to put after" in ran.err
    assert f"{target.host}/team/app" in ran.err
    assert not target.seen


def test_standard_input_needs_a_repository(target: LoopbackRegistry) -> None:
    ran = run_here(["copy", "-", target.host])
    assert ran.code == 2
    assert f"Name it: {target.host}/team/app" in ran.err


def held(target: LoopbackRegistry) -> dict[str, set[str]]:
    return {name: set(repository.tags) for name, repository in target.repositories.items()}


@pytest.fixture
def single(tmp_path: Path) -> Path:
    """A layout with one image of another registry."""
    with LoopbackRegistry() as source:
        load(source, "team/web", family(1))
        path = tmp_path / "single"
        assert run_here(["copy", f"{source.host}/team/web:v1", str(path)]).code == 0
    return path


def test_prefix_keeps_the_paths_below_it(stick: Path, single: Path, target: LoopbackRegistry) -> None:
    assert run_here(["copy", str(stick), f"{target.host}/mirror/"]).code == 0
    assert held(target) == {"mirror/team/web": {"v1"}, "mirror/team/db": {"15"}}
    assert run_here(["copy", str(single), f"{target.host}/mirror/"]).code == 0
    assert held(target) == {"mirror/team/web": {"v1"}, "mirror/team/db": {"15"}}


def test_refuses_several_artifacts_without_a_repository(stick: Path, target: LoopbackRegistry) -> None:
    """The paths were put below it where there were two repositories, and left out where there was one."""
    ran = run_here(["copy", str(stick), f"{target.host}/mirror"])
    assert ran.code == 2
    assert "is one repository, and the sources are of 2: " in ran.err
    assert f"Write {target.host}/mirror/ to keep their paths below it" in ran.err
    assert not target.seen
    assert run_here(["copy", "--to-repo", str(stick), f"{target.host}/mirror"]).code == 0
    assert held(target) == {"mirror": {"v1", "15"}}


def test_one_repository_for_two_artifacts_of_one_tag_is_refused(tmp_path: Path, target: LoopbackRegistry) -> None:
    with LoopbackRegistry() as source:
        load(source, "team/web", family(1))
        load(source, "team/db", family(2))
        references = [f"{source.host}/team/web:v1", f"{source.host}/team/db:v1"]
        ran = run_here(["copy", "--to-repo", *references, f"{target.host}/all"])
    assert ran.code == 2
    assert "would both be called 'v1'" in ran.err
    assert (f"write {target.host}/all/ without --to-repo" in ran.err, "--full-names" in ran.err) == (True, False)


def test_nothing_is_written_where_one_of_several_repositories_is_refused(
    tmp_path: Path, target: LoopbackRegistry
) -> None:
    """The first repository was copied, and the document said that nothing was."""
    with LoopbackRegistry() as source:
        load(source, "team/web", family(1))
        source.put_image("team/db", tag="v1")
        references = [f"{source.host}/team/web:v1", f"{source.host}/team/db:v1"]
        ran = run_here(["copy", "--require-signature", *references, target.host])
    assert (ran.code, "comes without a signature" in ran.err) == (10, True), ran
    assert not target.seen


def test_keeps_the_host_on_request(tmp_path: Path, target: LoopbackRegistry) -> None:
    with LoopbackRegistry() as source:
        load(source, "team/web", family(1))
        ran = run_here(["copy", "--keep-host", f"{source.host}/team/web:v1", f"{target.host}/mirror"])
        assert ran.code == 0, ran
        host = source.host.replace(":", "-")
    assert held(target) == {f"mirror/{host}/team/web": {"v1"}}


@pytest.mark.parametrize(
    ("lines", "web", "db"),
    [
        ("{host}/team  apps # and a comment\n", "apps/web", "apps/db"),
        ("{host}/team apps\n\n{host}/team/db data/main\n", "apps/web", "data/main"),
        ("{host}/team/we none\n{host} mirror", "mirror/team/web", "mirror/team/db"),
        ("{host}/team .", "web", "db"),
        ("other.example x", "team/web", "team/db"),
    ],
)
def test_maps_prefixes(stick: Path, target: LoopbackRegistry, tmp_path: Path, lines: str, web: str, db: str) -> None:
    """The longest prefix counts, in whole parts of a path; what no line is about keeps its path."""
    listed = run_here(["copy", "--dry-run", "--format", "json", str(stick), target.host]).document["artifacts"]
    names = [item["source"] for item in listed]
    host = next(name for name in names if "/team/web" in name).split(".tar:")[1].partition("/")[0]
    (tmp_path / "map").write_text(lines.format(host=host))
    ran = run_here(["copy", "--map", str(tmp_path / "map"), str(stick), target.host])
    assert ran.code == 0, ran
    assert held(target) == {web: {"v1"}, db: {"15"}}


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("registry.example", "cannot be read: 'registry.example'"),
        ("team apps", "cannot be read: 'team apps'"),
        ("r.example a b", "cannot be read"),
        ("r.example a\nr.example b", "says two things about r.example"),
        ("r.example Apps", "has 'Apps', which is no path of a repository"),
        ("# nothing", "names nothing"),
        ("r.example/team:v1 apps", "cannot be read: 'r.example/team:v1"),
        ("oci://r.example/team apps", "cannot be read: 'oci://"),
        ("r.example/Team apps", "cannot be read: 'r.example/Team"),
    ],
)
def test_refuses_a_malformed_map(stick: Path, target: LoopbackRegistry, tmp_path: Path, lines: str, words: str) -> None:
    (tmp_path / "map").write_text(lines)
    ran = run_here(["copy", "--map", str(tmp_path / "map"), str(stick), target.host])
    assert (ran.code, words in ran.err) == (2, True), ran
    assert not target.seen


@pytest.mark.parametrize("options", [["--keep-host"], ["--to-repo"], ["--map", "MAP"]])
def test_refuses_a_map_for_a_layout(stick: Path, tmp_path: Path, options: list[str]) -> None:
    (tmp_path / "MAP").write_text("r.example a")
    given = [str(tmp_path / "MAP") if option == "MAP" else option for option in options]
    ran = run_here(["copy", *given, str(stick), str(tmp_path / "to")])
    assert (ran.code, "is no registry" in ran.err) == (2, True), ran
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("options", [["--keep-host"], ["--full-names"], ["--map", "MAP"]])
def test_refuses_a_map_for_a_whole_name(
    stick: Path, target: LoopbackRegistry, tmp_path: Path, options: list[str]
) -> None:
    (tmp_path / "MAP").write_text("r.example a")
    given = [str(tmp_path / "MAP") if option == "MAP" else option for option in options]
    one = run_here(["copy", "--dry-run", "--format", "json", str(stick), target.host]).document["artifacts"][0][
        "source"
    ]
    ran = run_here(["copy", *given, one, f"{target.host}/app:v2"])
    assert (ran.code, "is the whole name of one artifact" in ran.err) == (2, True), ran
    assert run_here(["copy", "--to-repo", one, f"{target.host}/app:v2"]).code == 0


def test_refuses_one_repository_together_with_separate_paths(stick: Path, target: LoopbackRegistry) -> None:
    ran = run_here(["copy", "--to-repo", "--full-names", str(stick), f"{target.host}/a"])
    assert (ran.code, "--to-repo puts everything into one repository" in ran.err) == (2, True)
    ran = run_here(["copy", "--to-repo", str(stick), f"{target.host}/a/"])
    assert (ran.code, f"Name it: {target.host}/a/app" in ran.err) == (2, True)


@pytest.mark.parametrize(("fault", "keep_going"), [(reset, []), (reset, ["--keep-going"]), (error(403, "DENIED"), [])])
def test_says_what_was_done_before_an_error(
    stick: Path, target: LoopbackRegistry, fault: Responder, keep_going: list[str]
) -> None:
    """The document had no artifacts, although those of the first repository were there with their tags."""
    target.on("PUT", r"/team/web/manifests/v1$", fault)
    arguments = ["copy", str(stick), target.host, "--retries", "0", *keep_going]
    ran = run_here([*arguments, "--format", "json"])
    assert ran.code == 1, ran
    assert target.repositories["team/db"].tags
    (done,) = ran.document["artifacts"]
    assert done["destinations"] == [f"{target.host}/team/db:15"]
    assert done["digest"] == target.repositories["team/db"].tags["15"]
    assert done["status"] == "copied"
    assert ran.document["exit_code"] == ran.document["error"]["exit_code"] == 1
    for quiet in ([], ["--quiet"]):
        ran = run_here([*arguments, *quiet])
        assert ran.code == 1
        assert re.search(r"^current team/db 15 ", ran.out, re.MULTILINE)
        assert ran.out.splitlines()[-1].startswith("STOPPED: by an error: ")
        assert "team/web" in ran.err


@pytest.mark.parametrize("path", [r"^/v2/team/db/", r"/team/db/blobs/uploads/", r"/team/db/manifests/"])
def test_a_repository_that_refuses_stops_no_other_one(stick: Path, target: LoopbackRegistry, path: str) -> None:
    target.on("*", path, error(403, "DENIED"))
    arguments = ["copy", str(stick), target.host, "--retries", "0", "--keep-going"]
    ran = run_here([*arguments, "--format", "json"])
    failed = [item["destinations"] for item in ran.document["artifacts"] if item["status"] == "failed"]
    assert (ran.code, failed) == (20, [[f"{target.host}/team/db:15"]]), ran
    assert (target.repositories["team/db"].tags, sorted(target.repositories["team/web"].tags)) == ({}, ["v1"])
    assert run_here(arguments[:-1]).code == 1


def test_a_refused_tag_stops_no_other_one(tmp_path: Path, target: LoopbackRegistry) -> None:
    """The copy ended at the first one, and of the tags before it nothing was said."""
    builder = LayoutBuilder()
    for number in range(3):
        builder.tag(builder.add_image(b"%d" % number), f"v{number}")
    builder.write_directory(tmp_path)
    target.on("PUT", "/manifests/v1$", error(403, "DENIED", "this tag is immutable"))
    ran = run_here(["copy", str(tmp_path), f"{target.host}/app", "--keep-going", "--format", "json"])
    assert [item["status"] for item in ran.document["artifacts"]] == ["copied", "failed", "copied"], ran
    assert (ran.code, sorted(target.repositories["app"].tags)) == (20, ["v0", "v2"])
    assert "the tag v1 is refused there" in ran.out


def test_says_what_was_done_before_an_interruption(
    stick: Path, target: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, calls = RegistrySink.finish, []

    def interrupted(sink: RegistrySink, entries: Sequence[Entry], **_: bool) -> NamingResult:
        calls.append(sink)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return finish(sink, entries)

    monkeypatch.setattr(RegistrySink, "finish", interrupted)
    ran = run_here(["copy", str(stick), target.host, "--format", "json"])
    assert ran.code == ran.document["exit_code"] == 130
    assert [item["status"] for item in ran.document["artifacts"]] == ["copied"]


def test_says_what_was_done_where_referrers_are_lost_at_the_end(
    stick: Path, target: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Referrers tags are looked at again after all repositories."""

    def lost(_: RegistrySink) -> int:
        raise AirgapError("it does not list them")

    monkeypatch.setattr(RegistrySink, "settle", lost)
    ran = run_here(["copy", str(stick), target.host, "--format", "json"])
    assert ran.code == ran.document["exit_code"] == 1, ran
    assert ran.document["error"]["message"] == "it does not list them"
    assert [item["status"] for item in ran.document["artifacts"]] == ["copied", "copied"]


def test_names_the_tags_that_were_put_before_an_error(tmp_path: Path, target: LoopbackRegistry) -> None:
    """Tags are put one by one, and one that cannot move stops that."""
    stick = family(1).builder
    stick.tag(stick.add_image(b"another"), "v2", "v3")
    target.on("PUT", r"/app/manifests/v2$", error(400, "TAG_INVALID"))
    ran = run_here(["copy", str(stick.write_directory(tmp_path / "stick")), f"{target.host}/app", "--format", "json"])
    assert ran.code == 1, ran
    put = sorted(target.repositories["app"].tags)
    assert "v1" in put
    assert ran.document["error"]["facts"]["tagged"] == put
    assert f"What these tags of {target.host}/app name is there: {', '.join(put)}." in ran.err
