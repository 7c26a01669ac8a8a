"""`airgap import` and `copy` of deltas: what is left out has to be there, and is named where it is not."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from airgap import Ledger
from airgap.oci.digest import Digest
from tests.copy.test_bundle import own
from tests.copy.test_delta import blob, create, declare, forge, held_by, receipt
from tests.copy.test_import import held, import_
from tests.support.clock import set_clock
from tests.support.command import SCHEMAS, run_here
from tests.support.months import DB, FIRST, NEW, SECOND, WEB, digest, layer, month
from tests.support.pki import AT
from tests.support.registry import LoopbackRegistry
from tests.support.scenario import Written

AFTER = {"team/web": {"v1", "v2"}, "lab/db": {"15"}, "team/new": {"v1"}}


@pytest.fixture(autouse=True)
def _then(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, AT)


@pytest.fixture
def registry() -> Any:
    with LoopbackRegistry() as running:
        yield running


class Site:
    """A site that got the first bundle, and the second month's delta since its receipt."""

    def __init__(self, tmp_path: Path, registry: LoopbackRegistry) -> None:
        self.registry, self.ledger = registry, tmp_path / "site.ledger"
        first, self.second = month(tmp_path / "one", FIRST), month(tmp_path / "two", SECOND)
        self.before, self.delta = tmp_path / "first", tmp_path / "delta"
        self.receipt = tmp_path / "receipt.json"
        assert create(first, self.before, "--stream", "monthly", "--number", 1).code == 0
        self.import_(self.before)
        ran = run_here(["receipt", "create", "-o", str(self.receipt), "--ledger", str(self.ledger)])
        assert ran.code == 0, ran
        since = ("--since", self.receipt, "--stream", "monthly", "--number", 2)
        assert create(self.second, self.delta, *since).code == 0
        registry.seen.clear()

    def import_(self, *arguments: object, code: int = 0) -> Any:
        ran = import_(self.trusting, "--ledger", self.ledger, *arguments, self.registry.host)
        assert ran.code == code, ran.out
        return ran

    @property
    def trusting(self) -> Written:
        """Both months have the same trust directory."""
        return self.second

    def lose(self, *names: str) -> None:
        """The registry has these layers in no repository any more."""
        for repository in self.registry.repositories.values():
            for name in names:
                repository.blobs.pop(digest(name), None)

    def blobs(self) -> dict[str, set[str]]:
        return {name: set(found.blobs) for name, found in self.registry.repositories.items()}

    def put(self) -> list[str]:
        return [seen.path for seen in self.registry.seen if seen.method in {"POST", "PUT", "PATCH"}]


@pytest.fixture
def site(tmp_path: Path, registry: LoopbackRegistry) -> Site:
    return Site(tmp_path, registry)


def test_what_is_left_out_is_taken_from_the_registry(site: Site) -> None:
    """The registry is in the end as if the whole bundle had been imported."""
    assert held_by(site.delta) == {digest(name) for name in ("base", "web-a", "db-a", "db-b")}
    ran = site.import_(site.delta)
    assert held(site.registry) == AFTER
    size = sum(len(layer(name)) for name in ("base", "web-a", "db-a", "db-b"))
    told = (
        f"4 layers of {size} bytes were left out of the bundle, and are in {site.registry.host}: it was asked for them"
    )
    assert told in " ".join((ran.out + ran.err).split()), ran
    with LoopbackRegistry() as other:
        whole = import_(site.second, site.second.layout, other.host)
        assert whole.code == 0, whole
        for name, repository in other.repositories.items():
            here = site.registry.repositories[name]
            assert {key: repository.tags[key] for key in repository.tags if not key.startswith("sha256-")}.items() <= (
                here.tags.items()
            )
            for content in repository.manifests:
                manifest = json.loads(repository.manifests[content][1])
                for item in manifest.get("layers", []):
                    assert item["digest"] in here.blobs, (name, item)
    sent = [seen for seen in site.registry.seen if seen.method == "PUT" and "/blobs/uploads/" in seen.path]
    assert not [seen for seen in sent if digest("web-a") in str(seen.query)]


def test_a_new_repository_gets_its_layers_from_others(site: Site) -> None:
    """`team/new` shares a layer with what is in two other repositories, and the medium does not have it."""
    site.import_(site.delta)
    assert digest("base") in site.registry.repositories["team/new"].blobs
    assert not site.registry.requests("GET", digest("base")), "it is mounted there, and not read"


def test_where_a_registry_mounts_nothing_they_are_copied(site: Site) -> None:
    site.registry.mounts = False
    site.import_(site.delta)
    assert site.registry.repositories["team/new"].blobs[digest("base")] == layer("base")


def test_a_repository_that_is_not_in_the_bundle_can_have_it(site: Site, tmp_path: Path) -> None:
    """The registry lists its repositories: a layer may be in one that this delta says nothing about."""
    third = month(tmp_path / "three", {f"{NEW}:v3": "base db-a new-b"})
    delta = tmp_path / "third"
    assert create(third, delta, "--since", site.receipt).code == 0
    assert held_by(delta) == {digest("base"), digest("db-a")}
    site.import_(delta)
    assert {digest("base"), digest("db-a")} <= site.blobs()["team/new"]


def test_what_is_nowhere_is_named_and_nothing_is_sent(site: Site) -> None:
    site.lose("web-a", "db-b")
    was = site.blobs()
    ran = site.import_(site.delta, code=16)
    assert site.blobs() == was
    assert not site.put()
    assert held(site.registry) == {"team/web": {"v1"}, "lab/db": {"15"}}
    text = " ".join((ran.out + ran.err).split())
    assert "2 layers that the bundle leaves out are not in" in text, ran
    for name, image in (("web-a", f"{WEB}:v2"), ("db-b", f"{DB}:15")):
        assert f"{digest(name)} ({len(layer(name))} bytes, of {site.delta}:{image})" in text
    assert digest("base") not in text
    assert f"airgap receipt request -o request.json {site.delta} {site.registry.host}" in text


def test_the_documents_say_it_too(site: Site) -> None:
    site.lose("web-a")
    document = site.import_(site.delta, "--format", "json", code=16).held_to("import")
    error = document["error"]
    assert (error["reason"], error["facts"]["missing"]) == ("content.held.missing", [digest("web-a")])
    assert document["imported"] is False


def test_what_does_not_need_it_is_imported_on_request(site: Site) -> None:
    site.lose("web-a")
    ran = site.import_(site.delta, "--keep-going", code=20)
    assert held(site.registry) == {"team/web": {"v1"}, "lab/db": {"15"}, "team/new": {"v1"}}
    assert digest("web-a")[:19] in ran.out, ran
    with Ledger.open(site.ledger) as ledger:
        assert ledger.marks()["monthly"].number == 1, "it did not arrive as a whole"


def test_a_dry_run_names_it(site: Site) -> None:
    assert site.import_(site.delta, "--dry-run").out.startswith("WOULD BE IMPORTED")
    site.lose("web-a")
    assert digest("web-a") in site.import_(site.delta, "--dry-run", code=16).out
    assert not site.put()


def test_verify_held_reads_it(site: Site) -> None:
    """Without it a registry that has other bytes under a digest is trusted, as in each import."""
    site.registry.repositories["team/web"].blobs[digest("web-a")] = b"x" * len(layer("web-a"))
    was = site.blobs()
    ran = site.import_(site.delta, "--verify-held", code=16)
    text = " ".join((ran.out + ran.err).split())
    assert (
        f"{digest('web-a')} ({len(layer('web-a'))} bytes, of {site.delta}:{WEB}:v2; what is there is damaged:" in text
    )
    assert site.blobs() == was
    assert not site.put()
    site.registry.repositories["team/web"].blobs[digest("web-a")] = layer("web-a")
    site.registry.seen.clear()
    ran = site.import_(site.delta, "--verify-held")
    assert "they were read and hashed" in " ".join((ran.out + ran.err).split())
    for name in ("base", "web-a", "db-a", "db-b"):
        assert site.registry.requests("GET", digest(name))
    assert held(site.registry) == AFTER


def test_a_layer_of_another_size_is_not_the_layer(site: Site) -> None:
    for repository in site.registry.repositories.values():
        if digest("db-a") in repository.blobs:
            repository.blobs[digest("db-a")] = b"short"
    ran = site.import_(site.delta, code=16)
    assert digest("db-a") in ran.out + ran.err
    assert not site.put()


def test_what_is_not_trusted_ends_it_before_anything_is_looked_for(site: Site) -> None:
    (site.second.trust / "crls" / "good.crl").unlink()
    for name in ("web-a", "base"):
        site.lose(name)
    forged = site.delta / "index.json"
    document = json.loads(forged.read_text())
    document["manifests"] = [item for item in document["manifests"] if "notary" not in str(item.get("artifactType"))]
    forged.write_text(json.dumps(document))
    site.import_(site.delta, code=16)
    assert not site.registry.seen, "the list of the bundle is not what is there"


def test_a_forged_list_lets_no_image_in(tmp_path: Path, registry: LoopbackRegistry) -> None:
    """The document declares a layer that is nowhere, or one that is other bytes in the registry: no tag is put."""
    second = month(tmp_path / "two", SECOND)
    bundle = tmp_path / "whole"
    assert create(second, bundle).code == 0
    blob(bundle, "web-b2").unlink()
    forge(bundle, declare("web-b2"))
    ran = import_(second, bundle, registry.host)
    assert ran.code == 16, ran
    assert held(registry) == {}
    registry.put_blob("team/web", b"evil" * 10)  # under its own digest, which is another one
    assert import_(second, bundle, registry.host).code == 16
    assert held(registry) == {}
    registry.put_blob("team/web", layer("web-b2"))
    assert import_(second, bundle, registry.host).code == 0


def test_a_wrong_receipt_lets_nothing_in(tmp_path: Path, registry: LoopbackRegistry) -> None:
    second = month(tmp_path / "two", SECOND)
    delta = tmp_path / "delta"
    assert create(second, delta, "--since", receipt(tmp_path / "r.json", "base", "new-a")).code == 0
    ran = import_(second, delta, registry.host)
    assert ran.code == 16, ran
    assert held(registry) == {}
    assert {digest("base"), digest("new-a")} <= set(ran.out.replace("(", " ").split())


def test_with_the_bundle_before_it_a_delta_is_whole(tmp_path: Path, registry: LoopbackRegistry, site: Site) -> None:
    """Both media in one command: a layer that one leaves out is taken from the other."""
    with LoopbackRegistry() as empty:
        ran = import_(site.second, site.before, site.delta, empty.host)
        assert ran.code == 0, ran
        assert held(empty) == AFTER


def test_volumes_of_a_delta_are_imported(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "trip"
    assert run_here(["bundle", "split", str(site.delta), str(folder), "--volume-size", "512KiB"]).code == 0
    site.import_(folder)
    assert held(site.registry) == AFTER


def test_the_marks_notice_a_delta_that_was_lost_or_comes_again(site: Site, tmp_path: Path) -> None:
    """Month 3 got lost. The delta of month 4 is since the receipt, so nothing of it is missing."""
    site.import_(site.delta)
    after = tmp_path / "receipt2.json"
    assert run_here(["receipt", "create", "-o", str(after), "--ledger", str(site.ledger)]).code == 0
    fourth = month(tmp_path / "four", {f"{WEB}:v4": "base web-a web-d", f"{NEW}:v1": "base new-a"})
    delta = tmp_path / "fourth"
    assert create(fourth, delta, "--since", after, "--stream", "monthly", "--number", 4).code == 0
    ran = site.import_(delta)
    assert "bundle 3 of the stream 'monthly' was not imported here before bundle 4" in " ".join(
        (ran.out + ran.err).split()
    ), ran
    replayed = site.import_(site.delta, code=17)
    assert "[stream.replayed]" in replayed.out + replayed.err
    site.import_(site.delta, "--allow-replay", "back to May")


def test_a_delta_since_a_lost_one_names_both(site: Site, tmp_path: Path) -> None:
    """Made since bundle 2, which never came: what is missing is named, and the number that explains it."""
    third = tmp_path / "third"
    since = ("--since", site.delta, "--stream", "monthly", "--number", 3)
    assert create(site.second, third, *since).code == 0
    ran = site.import_(third, code=16)
    text = " ".join((ran.out + ran.err).split())
    assert "3 layers that the bundle leaves out are not in" in text, ran
    assert "bundle 2 of the stream 'monthly' was not imported here before bundle 3" in text
    assert not site.put()


def test_the_next_receipt_has_all_of_it(site: Site, tmp_path: Path) -> None:
    """What was left out, too: the delta after it leaves that out again."""
    site.import_(site.delta)
    after, third = tmp_path / "receipt2.json", tmp_path / "third"
    assert run_here(["receipt", "create", "-o", str(after), "--ledger", str(site.ledger)]).code == 0
    assert create(site.second, third, "--since", after).code == 0
    layers = {name for names in SECOND.values() for name in names.split()}
    assert held_by(third) == {digest(name) for name in layers}


# --- copy ---


def test_a_copy_into_the_layout_that_holds_it_is_whole(site: Site, tmp_path: Path) -> None:
    assert run_here(["copy", str(site.delta), str(site.before)]).code == 0
    assert run_here(["verify", str(site.before), "--trust", str(site.second.trust)]).code == 0


@pytest.mark.parametrize("trusting", [False, True])
@pytest.mark.parametrize("name", ["new", "new.tar", "-"])
def test_a_copy_to_where_it_is_not_is_refused(site: Site, tmp_path: Path, name: str, trusting: bool) -> None:
    destination = tmp_path / "copies" / name
    destination.parent.mkdir()
    named = name if name == "-" else str(destination)
    options = ["--trust", str(site.second.trust)] if trusting else []
    ran = run_here(["copy", str(site.delta), named, *options])
    assert ran.code == 16, ran
    text = " ".join((ran.out + ran.err).split())
    assert "4 layers that the bundle leaves out are not in" in text
    assert "Copy it into the registry or the layout that holds them" in text
    assert not destination.exists()


def test_a_copy_without_trust_into_the_registry_asks_as_well(site: Site) -> None:
    ran = run_here(["copy", str(site.delta), f"{site.registry.host}/"])
    assert ran.code == 0, ran
    site.lose("web-a")
    ran = run_here(["copy", str(site.delta), f"{site.registry.host}/again/"])
    assert ran.code == 16, ran
    assert digest("web-a") in ran.out + ran.err
    assert not [name for name in held(site.registry) if name.startswith("again/")]


def test_a_copy_that_keeps_going_lists_no_bundle(site: Site, tmp_path: Path) -> None:
    """Its list would say that something is there that was left behind."""
    other = tmp_path / "layout"
    second = month(tmp_path / "small", {f"{NEW}:v0": "base"})
    assert run_here(["copy", str(second.layout), str(other)]).code == 0
    ran = run_here(["copy", "--keep-going", str(site.delta), str(other)])
    assert ran.code == 20, ran
    names = {item.get("annotations", {}).get("org.opencontainers.image.ref.name") for item in _entries(other)}
    assert {f"{NEW}:v1", f"{NEW}:v0"} <= names
    assert f"{WEB}:v2" not in names
    with pytest.raises(ValueError, match="not enough"):
        own(other)


def _entries(layout: Path) -> list[dict[str, Any]]:
    found = json.loads((layout / "index.json").read_bytes())["manifests"]
    assert isinstance(found, list)
    return found


# --- what a site asks for ---


def request(site: Site, path: Path, *arguments: object) -> Any:
    return run_here(["receipt", "request", "-o", str(path), *map(str, arguments), str(site.delta), site.registry.host])


def test_a_request_brings_what_is_missing(site: Site, tmp_path: Path) -> None:
    """The way on: a request, a bundle that is made since it, and both imports end well."""
    site.lose("web-a", "db-b")
    named = tmp_path / "request.json"
    ran = request(site, named, "--site", "harbour")
    assert ran.code == 0, ran
    assert f"missing   {digest('web-a')}" in ran.out
    assert "airgap bundle create fill.tar --since request.json" in ran.out
    assert not site.put()
    document = json.loads(named.read_bytes())
    Draft202012Validator(json.loads((SCHEMAS / "request.schema.json").read_bytes())).validate(document)
    assert {item["digest"] for item in document["missing"]} == {digest("web-a"), digest("db-b")}
    assert {item["digest"] for item in document["held"]} == {digest("base"), digest("db-a")}
    assert [(item["name"], item["tags"]) for item in document["artifacts"]] == [(DB, ["15"]), (WEB, ["v2"])]

    # the connected side has these images in a registry
    with LoopbackRegistry() as source:
        assert run_here(["copy", str(site.second.layout), f"{source.host}/"]).code == 0
        document["artifacts"] = [
            {**item, "name": item["name"].replace("registry.example", source.host)} for item in document["artifacts"]
        ]
        named.write_text(json.dumps(document))
        fill = tmp_path / "fill"
        options = ["--trust", str(site.second.trust), "--no-download"]
        ran = run_here(["bundle", "create", str(fill), "--since", str(named), *options])
        assert ran.code == 0, ran
    assert held_by(fill) == {digest("base"), digest("db-a")}
    listed = {item["digest"] for item in own(fill)[1]["blobs"]}
    assert {digest(name) for name in ("web-a", "web-b2", "web-c2", "db-b")} <= listed
    assert digest("new-a") not in listed, "only what cannot be imported without it"
    site.import_(fill)
    site.import_(site.delta)
    assert held(site.registry) == AFTER
    for name, layers in SECOND.items():
        repository = site.registry.repositories[name.partition("/")[2].partition(":")[0]]
        assert {digest(item) for item in layers.split()} <= set(repository.blobs)


def test_a_request_corrects_a_receipt(site: Site, tmp_path: Path) -> None:
    """The same delta again, with what the receipt said wrongly."""
    site.lose("web-a")
    named, again = tmp_path / "request.json", tmp_path / "again"
    assert request(site, named).code == 0
    since = ("--since", named, "--since", site.receipt, "--stream", "monthly", "--number", 2)
    assert create(site.second, again, *since).code == 0
    assert held_by(again) == {digest("base"), digest("db-a"), digest("db-b")}
    site.import_(again)
    assert held(site.registry) == AFTER
    with Ledger.open(site.ledger) as ledger:
        assert ledger.marks()["monthly"].bundle == Digest.parse(own(again)[0])


def test_where_nothing_is_missing_no_file_is_written(site: Site, tmp_path: Path) -> None:
    named = tmp_path / "request.json"
    ran = request(site, named)
    assert (ran.code, named.exists()) == (0, False)
    assert ran.out.startswith("NOTHING IS MISSING in "), ran
    document = request(site, named, "--format", "json").document
    assert (document["file"], document["held"], document["missing"]) == (None, 4, [])


def test_a_request_has_what_is_damaged(site: Site, tmp_path: Path) -> None:
    site.registry.repositories["lab/db"].blobs[digest("db-a")] = b"x" * len(layer("db-a"))
    named = tmp_path / "request.json"
    assert not request(site, named, "--verify-held").out.startswith("NOTHING")
    assert [item["digest"] for item in json.loads(named.read_bytes())["missing"]] == [digest("db-a")]


def test_the_command_of_the_message_works_as_it_is(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    site.lose("base")
    error = site.import_(site.delta, "--format", "json", code=16).document["error"]
    command = shlex.split(error["remedy"].partition(": ")[2])
    assert command[0] == "airgap"
    assert run_here(command[1:]).code == 0
    assert [item["digest"] for item in json.loads(Path("request.json").read_bytes())["missing"]] == [digest("base")]


@pytest.mark.parametrize("place", ["layout", "tar.tar"])
def test_a_request_is_about_a_registry(site: Site, tmp_path: Path, place: str) -> None:
    ran = run_here(["receipt", "request", "-o", str(tmp_path / "r"), str(site.delta), str(tmp_path / place)])
    assert ran.code == 2, ran


def _wrong_sizes(document: dict[str, Any]) -> None:
    for item in document["base"]["held"]:
        item["size"] += 1


def _not_declared(document: dict[str, Any]) -> None:
    document["base"]["held"] = [item for item in document["base"]["held"] if item["digest"] != digest("web-a")]


def _no_delta(document: dict[str, Any]) -> None:
    document.pop("base")


@pytest.mark.parametrize("change", [_wrong_sizes, _not_declared, _no_delta, None])
def test_no_list_keeps_a_layer_from_being_read(site: Site, change: Any) -> None:
    """A list that named them otherwise kept `--verify-held` from looking, so that damaged bytes got a tag."""
    for repository in site.registry.repositories.values():
        if digest("web-a") in repository.blobs:
            repository.blobs[digest("web-a")] = b"x" * len(layer("web-a"))
    if change is None:
        index = site.delta / "index.json"
        document = json.loads(index.read_text())
        bundle = own(site.delta)[0]
        document["manifests"] = [item for item in document["manifests"] if item["digest"] != bundle]
        index.write_text(json.dumps(document))
    else:
        forge(site.delta, change)
    site.import_("--verify-held", site.delta, code=16)
    assert "v2" not in held(site.registry)["team/web"]


def test_a_layer_that_nothing_declares_is_noted(site: Site) -> None:
    forge(site.delta, _wrong_sizes)
    ran = site.import_(site.delta)
    assert "[content.held.there]" in ran.out + ran.err
