"""`airgap import`: what passes is put into the registry under its own name, and nothing else gets a tag."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from airgap import Ledger
from airgap.ledger import Import, JudgedArtifact
from airgap.oci.descriptor import NOTARY_SIGNATURE, REF_NAME, Descriptor
from airgap.oci.digest import Digest
from airgap.transfer.plan import CopyRoot, PlannedArtifact
from tests.regressions.test_evidence_of_a_target_counts_in_every_place import GOOD, LEAF, REVOKING
from tests.support.clock import set_clock
from tests.support.command import Ran, run_here
from tests.support.crls import crl, entry
from tests.support.layouts import LayoutBuilder
from tests.support.pki import AT, Issued, Pki
from tests.support.registry import LoopbackRegistry, error, then
from tests.support.scenario import Scene, Signature, Written, add_image
from tests.support.trust import oci_policy, statement

OTHER = Pki().code_chain(leaf={"slot": 7})


@pytest.fixture(autouse=True)
def _then(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, AT)


def stick(
    tmp_path: Path, second: Callable[[LayoutBuilder, Descriptor], object] | None = None, *, archive: bool = True
) -> Written:
    """Two signed images of two repositories; `second` is called in place of signing the second one."""
    tmp_path.mkdir(parents=True, exist_ok=True)
    scene = Scene(archive=archive, scope=None)
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": GOOD}

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.entries.clear()
        scene.signature.attach(builder, target)
        builder.list(target, **{REF_NAME: "registry.example/team/web:v1"})
        other = add_image(builder, "s390x")
        builder.list(other, **{REF_NAME: "registry.example/lab/db:15"})
        (second or scene.signature.attach)(builder, other)

    scene.packing.append(pack)
    return scene.write(tmp_path)


def signed_by_another(builder: LayoutBuilder, image: Descriptor) -> None:
    Signature("jws", OTHER).attach(builder, image)


def unsigned(_builder: LayoutBuilder, _image: Descriptor) -> None:
    """No signature."""


def import_(written: Written, *arguments: object) -> Ran:
    return run_here(["import", "--trust", str(written.trust), *map(str, arguments)])


def held(registry: LoopbackRegistry) -> dict[str, set[str]]:
    """The tags of each repository; referrers tags are no names."""
    tags = {
        name: {tag for tag in repository.tags if not tag.startswith("sha256-")}
        for name, repository in registry.repositories.items()
    }
    return {name: names for name, names in tags.items() if names}


BOTH = {"team/web": {"v1"}, "lab/db": {"15"}}


@pytest.mark.parametrize("archive", [False, True], ids=["directory", "tar"])
def test_what_passes_gets_its_own_name(tmp_path: Path, registry: LoopbackRegistry, archive: bool) -> None:
    written = stick(tmp_path, archive=archive)
    ran = import_(written, written.layout, registry.host)
    assert (ran.code, held(registry)) == (0, BOTH), ran
    first, *_, last = ran.out.splitlines()
    assert first.startswith(f"IMPORTED 2 artifacts in {registry.host}, checked as of ")
    assert last.startswith(f"IMPORTED: 2 artifacts in {registry.host}. ")
    assert last.endswith(" PASS: signatures are good (2 artifacts). Exit code 0.")
    # the signatures came along
    digest = registry.repositories["lab/db"].tags["15"]
    shown = run_here(["discover", "-v", f"{registry.host}/lab/db@{digest}"])
    assert "application/vnd.cncf.notary.signature" in shown.out, shown


def test_importing_again_sends_nothing(tmp_path: Path, registry: LoopbackRegistry) -> None:
    written = stick(tmp_path)
    assert import_(written, written.layout, registry.host).code == 0
    registry.seen.clear()
    document = import_(written, written.layout, registry.host, "--format", "json").held_to("import")
    assert {item["status"] for item in document["copy"]["artifacts"]} == {"current"}
    assert not [
        seen
        for seen in registry.seen
        if seen.method in {"POST", "PATCH"} or ("/blobs/" in seen.path and seen.method == "PUT")
    ]


@pytest.mark.parametrize(
    ("second", "code", "reason"),
    [(signed_by_another, 13, "authenticity.no_anchor"), (unsigned, 10, "signature.none")],
    ids=["signed by another", "unsigned"],
)
def test_nothing_is_put_where_one_does_not_verify(
    tmp_path: Path, registry: LoopbackRegistry, second: Any, code: int, reason: str
) -> None:
    written = stick(tmp_path, second)
    ran = import_(written, written.layout, registry.host)
    assert (ran.code, held(registry)) == (code, {}), ran
    assert not registry.seen
    first, *rest, last = ran.out.splitlines()
    assert first.startswith(f"NOT IMPORTED no tag was put into {registry.host}, checked as of ")
    assert [line[:8] for line in rest if "team/web v1" in line or "lab/db 15" in line] == ["pass    ", "FAIL    "], ran
    not_used = f"FAIL: do not use {written.layout}:registry.example/lab/db:15: "
    assert last.startswith(f"NOT IMPORTED: no tag was put into {registry.host}. {not_used}")
    assert last.endswith(f" Exit code {code}.")
    assert ran.out.count(f"[{reason}]") == 1, ran
    document = import_(written, written.layout, registry.host, "--format", "json").held_to("import")
    assert (document["exit_code"], document["imported"], document["copy"]) == (code, False, None)
    judged = document["judgement"]["artifacts"]
    assert [(item["verdict"], item["path"]) for item in judged] == [
        (it, str(written.layout)) for it in ("pass", "fail")
    ]
    assert document["error"]["reason"] == reason


def test_what_passes_is_imported_on_request(tmp_path: Path, registry: LoopbackRegistry) -> None:
    written = stick(tmp_path, signed_by_another)
    ran = import_(written, "--keep-going", written.layout, registry.host)
    assert (ran.code, held(registry)) == (20, {"team/web": {"v1"}}), ran
    assert ran.out.startswith(f"IMPORTED IN PART 1 of 2 artifacts in {registry.host}, ")
    assert re.search(r"^copied  v1 |^copied  .*team/web v1", ran.out, re.MULTILINE)
    assert re.search(r"^FAIL    lab/db 15 ", ran.out, re.MULTILINE)
    assert "authenticity.no_anchor" in ran.out
    brief = import_(written, "--keep-going", "-q", written.layout, registry.host)
    assert brief.out.splitlines()[-1].startswith("IMPORTED IN PART: 1 of 2 artifacts"), brief
    assert "lab/db:15" in brief.out


def test_revoked_by_evidence_on_the_medium(tmp_path: Path, registry: LoopbackRegistry) -> None:
    written = stick(tmp_path, archive=False)
    (written.layout / "crls").mkdir()
    (written.layout / "crls" / "r.crl").write_bytes(REVOKING)
    ran = import_(written, written.layout, registry.host)
    assert (ran.code, held(registry), "[revocation.revoked]" in ran.out) == (14, {}, True), ran


def test_no_tag_is_put_anywhere_where_content_of_one_is_wrong(tmp_path: Path, registry: LoopbackRegistry) -> None:
    """A copy puts the names of one repository before it moves the content of the next."""
    written = stick(tmp_path, archive=False)
    for repository in ("team/web", "lab/db"):
        fresh = stick(tmp_path / repository, archive=False)
        index = json.loads((fresh.layout / "index.json").read_bytes())
        (entry_,) = [item for item in index["manifests"] if repository in item.get("annotations", {}).get(REF_NAME, "")]
        manifest = json.loads((fresh.layout / "blobs" / entry_["digest"].replace(":", "/")).read_bytes())
        layer = fresh.layout / "blobs" / manifest["layers"][0]["digest"].replace(":", "/")
        layer.write_bytes(layer.read_bytes()[::-1])
        ran = import_(fresh, fresh.layout, registry.host)
        assert (ran.code, held(registry)) == (16, {}), ran
        assert "NOT IMPORTED" in ran.out
        assert "[content.digest]" in ran.out or "sha256" in ran.out
        document = import_(fresh, "--format", "json", fresh.layout, registry.host).document
        assert (document["error"]["reason"], document["imported"]) == ("content.digest", False)
        other = {"team/web": {"15"}, "lab/db": {"v1"}}[repository]
        ran = import_(fresh, "--keep-going", fresh.layout, registry.host)
        assert ran.code == 20
        assert [*held(registry).values()] == [other]
        registry.repositories.clear()
    assert import_(written, written.layout, registry.host).code == 0


def test_a_medium_that_gives_other_bytes_later_changes_nothing(tmp_path: Path, registry: LoopbackRegistry) -> None:
    """Between judging and sending, the medium is changed: the index, a manifest, and every layer."""
    written = stick(tmp_path, archive=False)

    def change() -> None:
        (written.layout / "index.json").write_bytes(b'{"schemaVersion":2,"manifests":[]}')
        for path in (written.layout / "blobs" / "sha256").iterdir():
            if b'"mediaType"' in path.read_bytes():
                path.write_bytes(b"{}")

    registry.on("HEAD", "/manifests/", then(change), times=1)
    ran = import_(written, written.layout, registry.host)
    assert (ran.code, held(registry)) == (0, BOTH), ran
    for name, repository in registry.repositories.items():
        assert all(json.loads(raw)["mediaType"] == form for form, raw in repository.manifests.values()), name


def test_a_registry_that_refuses_leaves_no_tag(tmp_path: Path, registry: LoopbackRegistry) -> None:
    written = stick(tmp_path)
    registry.on("POST", "/lab/db/blobs/uploads/", error(403, "DENIED", "quota exceeded"))
    ran = import_(written, written.layout, registry.host)
    assert (ran.code, held(registry)) == (1, {}), ran
    assert "quota exceeded" in ran.out
    ran = import_(written, "--keep-going", written.layout, registry.host)
    assert (ran.code, held(registry)) == (20, {"team/web": {"v1"}}), ran


def test_a_dry_run_writes_nothing(tmp_path: Path, registry: LoopbackRegistry) -> None:
    written = stick(tmp_path)
    ran = import_(written, "--dry-run", written.layout, registry.host)
    assert ran.code == 0, ran
    assert ran.out.startswith(f"WOULD BE IMPORTED 2 artifacts into {registry.host}, nothing was written, ")
    assert not [seen for seen in registry.seen if seen.method not in {"GET", "HEAD"}]
    bad = stick(tmp_path / "bad", unsigned)
    assert import_(bad, "--dry-run", bad.layout, registry.host).code == 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-", "{host}"], "is no layout directory or tar"),
        (["{host}/team/web:v1", "{host}/mirror/"], "is no layout directory or tar"),
        (["{layout}", "{layout}.copy.tar"], "is no registry"),
        (["{layout}", "-"], "is no registry"),
        (["{layout}"], "is no registry"),
    ],
)
def test_refuses_what_is_no_import(
    tmp_path: Path, registry: LoopbackRegistry, arguments: list[str], words: str
) -> None:
    written = stick(tmp_path)
    named = [text.format(host=registry.host, layout=written.layout) for text in arguments]
    ran = import_(written, *named)
    assert (ran.code, words in ran.err, registry.seen) == (2, True, []), ran
    document = import_(written, *named, "--format", "json").held_to("import")
    assert (document["schema"], document["exit_code"]) == ("airgap.import/1", 2)


def test_demands_are_those_of_verify(tmp_path: Path, registry: LoopbackRegistry) -> None:
    """Signed metadata, and evidence that may be stale."""
    written = stick(tmp_path)
    ran = import_(written, "-m", "team=red", written.layout, registry.host)
    assert (ran.code, held(registry), "metadata" in ran.out) == (13, {}, True), ran
    (written.trust / "crls" / "good.crl").write_bytes(
        crl(
            LEAF.root,
            number=1,
            this_update=AT.replace(year=AT.year - 1),
            next_update=AT.replace(day=1, year=AT.year - 1, month=12),
        )
    )
    assert import_(written, written.layout, registry.host).code == 15
    ran = import_(written, "--max-age", "400d", written.layout, registry.host)
    assert (ran.code, "stale evidence accepted" in ran.out) == (0, True), ran


def test_a_report_may_not_change_what_is_read(tmp_path: Path, registry: LoopbackRegistry) -> None:
    written = stick(tmp_path, archive=False)
    assert import_(written, "--report", written.layout / "x.json", written.layout, registry.host).code == 2
    report = tmp_path / "report.json"
    assert import_(written, "--report", report, written.layout, registry.host).code == 0
    assert json.loads(report.read_bytes())["imported"] is True
    written.layout.rename(tmp_path / "away")
    recheck = ["recheck", str(report), "--trust", str(written.trust)]
    assert run_here(recheck).code == 0
    (written.trust / "crls/new.crl").write_bytes(crl(LEAF.root, revoked=[LEAF], number=99))
    ran = run_here(recheck)
    assert (ran.code, "2 artifacts judged again" in ran.out) == (14, True), ran


def test_revoked_beside_what_is_good_for_another_signer(tmp_path: Path, registry: LoopbackRegistry) -> None:
    """Only what the revoked signer signed stays out, with --keep-going."""

    def sign(builder: LayoutBuilder, image: Descriptor) -> None:
        Signature("jws", OTHER).attach(builder, image)

    written = stick(tmp_path, sign)
    trust = Scene(policy=oci_policy(statement(registryScopes=["*"])))
    trust.stores = {"ca:harbour": [LEAF.root, OTHER.root]}
    trust.crls = {"revoked.crl": crl(LEAF.root, number=2, revoked=[entry(LEAF.serial, reason="keyCompromise")])}
    place = trust.write_trust(tmp_path / "other")
    ran = run_here(["import", "--trust", str(place), "--keep-going", str(written.layout), registry.host])
    assert (ran.code, held(registry)) == (20, {"lab/db": {"15"}}), ran


def test_the_ledger_has_what_was_judged_and_what_is_held(tmp_path: Path, registry: LoopbackRegistry) -> None:
    written = stick(tmp_path, signed_by_another)
    path = tmp_path / "ledger"
    options = ["--ledger", path, "--operator", "ada"]
    assert import_(written, *options, "--dry-run", written.layout, registry.host).code == 13
    assert not path.exists()
    assert import_(written, *options, written.layout, registry.host).code == 13
    assert import_(written, *options, "--keep-going", written.layout, registry.host).code == 20
    with Ledger.open(path) as ledger:
        entries = [row.entry for row in ledger.rows()]
        held = ledger.held()
    judged = [entry for entry in entries if isinstance(entry, JudgedArtifact)]
    assert [(entry.exit_code, entry.operator) for entry in judged] == [
        (13, "ada"),
        (13, "ada"),
        (0, "ada"),
        (13, "ada"),
    ]
    assert judged[0].reasons == (), "what another one was refused for is not said of it"
    (put,) = [entry for entry in entries if isinstance(entry, Import)]
    assert (put.registry, put.repository, put.tags) == (registry.host, "team/web", ("v1",))
    stored = registry.repositories["team/web"]
    everything = {digest: len(data) for digest, data in stored.blobs.items()}
    everything |= {digest: len(raw) for digest, (_, raw) in stored.manifests.items() if b"team" not in raw}
    (found,) = held.values()
    listed = {digest for tag, digest in stored.tags.items() if tag.startswith("sha256-")}
    assert {str(digest): size for digest, size in found.items()} == {
        digest: size for digest, size in everything.items() if digest not in listed
    }


@pytest.mark.parametrize("keep_going", [[], ["--keep-going"]], ids=["", "keep going"])
@pytest.mark.parametrize("archive", [False, True], ids=["folder", "tar"])
def test_what_the_import_found_wrong_is_not_accepted_by_the_ledger(
    tmp_path: Path, registry: LoopbackRegistry, archive: bool, keep_going: list[str]
) -> None:
    """RULE-4: signatures are judged first, and content is compared while it is sent."""
    written = stick(tmp_path, archive=archive)
    if archive:
        written.layout.write_bytes(written.layout.read_bytes().replace(b" layer 0", b" Layer 0"))
    else:
        for file in (written.layout / "blobs/sha256").iterdir():
            file.write_bytes(file.read_bytes().replace(b" layer 0", b" Layer 0"))
    path = tmp_path / "ledger"
    assert import_(written, "--ledger", path, *keep_going, written.layout, registry.host).code == 16
    with Ledger.open(path) as ledger:
        judged = [row.entry for row in ledger.rows() if isinstance(row.entry, JudgedArtifact)]
    assert [(item.is_accepted, item.exit_code, item.reasons) for item in judged] == [
        (False, 16, ("content.digest",))
    ] * 2
    assert "fail (16)" in run_here(["ledger", "list", "--ledger", str(path)]).out
    assert run_here(["recheck", "--ledger", str(path), "--trust", str(written.trust)]).code == 15


def test_what_the_registry_refused_is_not_accepted_by_the_ledger(tmp_path: Path, registry: LoopbackRegistry) -> None:
    written, path = stick(tmp_path), tmp_path / "ledger"
    registry.on("POST", "/lab/db/blobs/uploads/", error(403, "DENIED", "quota exceeded"), times=1)
    options = ["--ledger", path, "--keep-going", written.layout, registry.host]
    assert import_(written, *options).code == 20
    assert import_(written, *options).code == 0
    with Ledger.open(path) as ledger:
        judged = [row.entry for row in ledger.rows() if isinstance(row.entry, JudgedArtifact)]
    assert [item.is_accepted for item in judged] == [True, False, True, True]
    assert run_here(["recheck", "--ledger", str(path), "--trust", str(written.trust)]).code == 0


def test_an_import_that_did_not_end_is_judged_again(tmp_path: Path, registry: LoopbackRegistry) -> None:
    """Some of the tags of an artifact may be there."""
    written, path = stick(tmp_path), tmp_path / "ledger"
    recheck = ["recheck", "--ledger", str(path), "--trust", str(written.trust), "--format", "json"]
    registry.on("PUT", "/team/web/manifests/v1", error(403, "DENIED", "immutable tag"), times=1)
    assert import_(written, "--ledger", path, written.layout, registry.host).code == 1
    document = run_here(recheck).document
    assert document["exit_code"] == 1
    assert {item["change"] for item in document["artifacts"]} == {"worse"}
    assert "not brought in" in document["artifacts"][0]["because"][0]["message"]
    assert import_(written, "--ledger", path, written.layout, registry.host).code == 0
    assert run_here(recheck).document["exit_code"] == 0


def test_names_without_number_do_not_keep_a_refusal_from_the_ledger(tmp_path: Path, registry: LoopbackRegistry) -> None:
    written, path = stick(tmp_path / "good"), tmp_path / "ledger"
    builder = LayoutBuilder()
    image = add_image(builder, "riscv64")
    builder.entries.clear()
    for number in range(9500):
        builder.list(image, **{REF_NAME: f"registry.example/lab/many:{number:05d}{'y' * 118}"})
    bad = builder.write_directory(tmp_path / "bad")
    assert import_(written, "--keep-going", "--ledger", path, written.layout, bad, registry.host).code == 20
    with Ledger.open(path) as ledger:
        judged = [row.entry for row in ledger.rows() if isinstance(row.entry, JudgedArtifact)]
    assert [(len(item.tags) + (item.more_tags or 0), item.is_accepted) for item in judged] == [
        (1, True), (1, True), (9500, False),
    ]  # fmt: skip
    assert judged[2].more_tags


def test_a_ledger_that_cannot_be_written_is_said_before_anything_is_read(
    tmp_path: Path, registry: LoopbackRegistry
) -> None:
    written = stick(tmp_path)
    (tmp_path / "ledger").write_bytes(b"something else")
    ran = import_(written, "--ledger", tmp_path / "ledger", written.layout, registry.host)
    assert (ran.code, registry.seen) == (18, []), ran
    assert (tmp_path / "ledger").read_bytes() == b"something else"


def one_image(folder: Path, name: str, leaf: Issued | None) -> Path:
    """A layout with the same image as each other one, under this name."""
    folder.mkdir()
    scene = Scene(scope=None)

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.entries.clear()
        builder.list(target, **{REF_NAME: name})
        if leaf is not None:
            Signature("jws", leaf).attach(builder, target)

    scene.packing.append(pack)
    return scene.write(folder).layout


@pytest.mark.parametrize(("signer", "code"), [(LEAF, 14), (None, 10)], ids=["revoked", "unsigned"])
@pytest.mark.parametrize("first", [0, 1])
def test_a_signature_on_another_medium_accepts_nothing_here(
    tmp_path: Path, registry: LoopbackRegistry, signer: Issued | None, code: int, first: int
) -> None:
    """Two media had one digest, and one verdict: the tag of what was not accepted was put, with exit code 20."""
    bad = one_image(tmp_path / "bad", "registry.example/a/app:v1", signer)
    good = one_image(tmp_path / "good", "registry.example/b/app:v1", OTHER)
    scene = Scene(policy=oci_policy(statement(registryScopes=["*"])))
    scene.stores = {"ca:harbour": [LEAF.root, OTHER.root]}
    scene.crls = {"r.crl": REVOKING}
    trust = scene.write_trust(tmp_path / "trust")
    media = [str(bad), str(good)][:: 1 if first == 0 else -1]
    for command in (["import"], ["copy"]):
        ran = run_here([*command, "--trust", str(trust), *media, f"{registry.host}/"])
        assert (ran.code, held(registry), registry.requests("PUT")) == (code, {}, []), ran
    ran = run_here(["import", "--trust", str(trust), "--keep-going", *media, registry.host])
    assert (ran.code, held(registry)) == (20, {"b/app": {"v1"}}), ran
    # a layout keeps what is attached to the one image for both names: verify judges that, and accepts it
    copied = run_here(["copy", "--trust", str(trust), *media, str(tmp_path / "copy")])
    listed = [] if copied.code else [f"{tmp_path / 'copy'}"]
    assert all(run_here(["verify", "--trust", str(trust), place]).code == 0 for place in listed)


def test_media_with_records_of_two_repositories_are_judged_apart(tmp_path: Path, registry: LoopbackRegistry) -> None:
    """One image that was promoted, with a statement for each repository: each verifies, and both were refused."""
    media = [one_image(tmp_path / name, f"registry.example/{name}/app:v1", OTHER) for name in ("a", "b")]
    statements = [
        statement(name=name, registryScopes=[f"registry.example/{name}/app"], trustStores=["ca:harbour"])
        for name in ("a", "b")
    ]
    scene = Scene(policy=oci_policy(*statements))
    scene.stores = {"ca:harbour": [OTHER.root]}
    trust = scene.write_trust(tmp_path / "trust")
    for layout in media:
        source = f"{layout}:registry.example/{layout.parent.name}/app:v1"
        assert run_here(["verify", "--trust", str(trust), source]).code == 0
    sources = [f"{layout}:registry.example/{layout.parent.name}/app:v1" for layout in media]
    ran = run_here(["import", "--trust", str(trust), *sources, registry.host])
    assert (ran.code, held(registry)) == (0, {"a/app": {"v1"}, "b/app": {"v1"}}), ran


def test_a_scope_does_not_put_an_image_where_the_medium_alone_wants_it(
    tmp_path: Path, registry: LoopbackRegistry
) -> None:
    """An image of the lab that calls itself one of production was judged as the lab's, and put as production's."""
    medium = one_image(tmp_path / "m", "registry.example/prod/app:v1", OTHER)
    lab = statement(name="lab", registryScopes=["registry.example/lab/app"], trustStores=["ca:harbour"])
    scene = Scene(policy=oci_policy(lab))
    scene.stores = {"ca:harbour": [OTHER.root]}
    trust = scene.write_trust(tmp_path / "trust")
    prefixes = tmp_path / "map"
    prefixes.write_text("registry.example site\n")

    def judged_as(scope: str, *arguments: object, command: str = "import") -> Ran:
        registry.repositories.clear()
        return run_here([command, "--trust", str(trust), "--scope", scope, *map(str, arguments)])

    scope = "registry.example/lab/app"
    for command, destination, *more in (
        ("import", registry.host),
        ("import", f"{registry.host}/site/"),
        ("import", registry.host, "--keep-host"),
        ("import", registry.host, "--map", prefixes),
        ("copy", f"{registry.host}/"),
    ):
        ran = judged_as(scope, *more, medium, destination, command=command)
        assert (ran.code, held(registry)) == (13, {}), ran
        assert "policy.name_conflict" in ran.out + ran.err
    # the operator says where it goes, and runtimes get the name that it was judged by
    for place in (f"{registry.host}/lab/app", f"{registry.host}/lab/app:v1"):
        ran = judged_as(scope, "--mirror-config", tmp_path / "config", medium, place)
        assert (ran.code, held(registry)) == (0, {"lab/app": {"v1"}}), ran
        rules = (tmp_path / "config" / "containers" / "registries.conf").read_text()
        assert "registry.example" in rules
        assert "prod" not in rules
    ran = judged_as(scope, f"{medium}:registry.example/prod/app:v1", registry.host)
    assert (ran.code, held(registry)) == (0, {"prod/app": {"v1"}}), ran


def test_says_that_tags_may_be_there_where_the_registry_refuses_one(tmp_path: Path, registry: LoopbackRegistry) -> None:
    """The first line said that no tag was put, beside the list of those that were."""
    written = stick(tmp_path)
    registry.on("PUT", "/lab/db/manifests/15", error(403, "DENIED"))
    for more, code, words in (
        ([], 1, f"IMPORTED IN PART: 1 of 2 artifacts in {registry.host}. "),
        (["--keep-going"], 20, f"IMPORTED IN PART: 1 of 2 artifacts in {registry.host}. "),
    ):
        ran = import_(written, *more, written.layout, registry.host)
        assert (ran.code, ran.out.splitlines()[-1].startswith(words)) == (code, True), ran
        assert held(registry) == {"team/web": {"v1"}}
        registry.repositories.clear()
    registry.on("PUT", "/team/web/manifests/v1", error(403, "DENIED"))
    for more in ([], ["--keep-going"]):
        ran = import_(written, *more, written.layout, registry.host)
        why = "as it failed while tags were put; import again"
        assert (ran.code, held(registry)) == (1, {}), ran
        last = ran.out.splitlines()[-1]
        assert last.startswith(f"NOT IMPORTED: some tags may be in {registry.host}, {why}. "), ran
        registry.repositories.clear()


def test_remedies_name_no_option_that_import_lacks(tmp_path: Path, registry: LoopbackRegistry) -> None:
    written = stick(tmp_path, archive=False)
    index = json.loads((written.layout / "index.json").read_text())
    signatures = [item["digest"] for item in index["manifests"] if item.get("artifactType") == NOTARY_SIGNATURE]
    for digest in signatures:
        registry.on("PUT", f"/manifests/{digest}", error(400, "MANIFEST_INVALID", "no"), times=9)
    ran = import_(written, written.layout, registry.host)
    assert (ran.code, held(registry)) == (1, {}), ran
    assert "→ Allow this type in that registry, or go on without it (--keep-going).\n" in ran.out
    root = SimpleNamespace(reference="x:v1", descriptor=SimpleNamespace(digest=None), tags=())
    demanded = PlannedArtifact(wanted=cast("CopyRoot", root), must_be_signed=True)
    for accepted, remedy in [
        (None, "Ask its publisher for a signature, or copy it without --require-signature."),
        (frozenset[Digest](), "Ask its publisher for a signature."),
    ]:
        missing = replace(demanded, accepted=accepted).signature_missing()
        assert missing is not None
        assert missing.remedy == remedy
