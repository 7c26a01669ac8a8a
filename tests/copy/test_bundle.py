"""`airgap bundle`: made after everything was judged, the same bytes for the same content, and judged like all else."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airgap.bundle.bundle_document import BUNDLE_TYPE
from airgap.oci.descriptor import EMPTY, REF_NAME, Descriptor, Platform
from tests.copy.test_import import BOTH, held, signed_by_another, stick, unsigned
from tests.regressions.test_evidence_of_a_target_counts_in_every_place import GOOD, LEAF, REVOKING
from tests.support.clock import set_clock
from tests.support.command import Ran, run_here
from tests.support.layouts import LayoutBuilder
from tests.support.pki import AT
from tests.support.registry import LoopbackRegistry
from tests.support.scenario import Scene, Written
from tests.support.signing import key_options, tree
from tests.support.trust import oci_policy, statement

WEB, DB = "registry.example/team/web:v1", "registry.example/lab/db:15"


@pytest.fixture(autouse=True)
def _then(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, AT)


def create(written: Written, destination: Path, *arguments: object) -> Ran:
    sources = [] if "-f" in arguments else [written.layout]
    options = ["--trust", written.trust, "--no-download"]
    return run_here(["bundle", "create", *map(str, [destination, *sources, *options, *arguments])])


def verify(written: Written, target: Path | str, *arguments: str) -> Ran:
    return run_here(["verify", str(target), "--trust", str(written.trust), *arguments])


def made(tmp_path: Path, *arguments: object) -> tuple[Written, Path]:
    written = stick(tmp_path, archive=False)
    bundle = tmp_path / "bundle"
    ran = create(written, bundle, *arguments)
    assert ran.code == 0, ran
    carried = len(own(bundle)[1]["artifacts"])
    assert f"{carried} artifacts: " in ran.err, "without the list itself"
    return written, bundle


def index(bundle: Path) -> dict[str, Any]:
    document = json.loads((bundle / "index.json").read_bytes())
    assert isinstance(document, dict)
    return document


def change_index(bundle: Path, keep: Callable[[dict[str, Any]], bool]) -> None:
    document = index(bundle)
    document["manifests"] = [item for item in document["manifests"] if keep(item)]
    (bundle / "index.json").write_text(json.dumps(document))


def own(bundle: Path) -> tuple[str, dict[str, Any]]:
    """The digest of the bundle's artifact, and its document."""
    (entry,) = [item for item in index(bundle)["manifests"] if item.get("artifactType") == BUNDLE_TYPE]
    manifest = json.loads((bundle / "blobs" / entry["digest"].replace(":", "/")).read_bytes())
    layer = bundle / "blobs" / manifest["layers"][0]["digest"].replace(":", "/")
    return entry["digest"], json.loads(layer.read_bytes())


# --- making ---


def test_lists_what_is_in_it(tmp_path: Path) -> None:
    _, bundle = made(tmp_path, "--stream", "monthly", "--number", 4)
    _, document = own(bundle)
    assert (document["stream"], document["number"], document["useBy"]) == ("monthly", 4, "2026-07-01T12:00:00Z")
    db, web = document["artifacts"]
    assert (db["name"], db["tags"], [item["platform"] for item in db["platforms"]]) == (
        "registry.example/lab/db",
        ["15"],
        ["linux/s390x"],
    )
    assert (web["name"], len(web["signatures"])) == ("registry.example/team/web", 1)
    assert [item["artifactType"] for item in web["attachments"]] == ["application/vnd.airgap.evidence.v1"]
    digest, _ = own(bundle)
    listed = {item["digest"] for item in document["blobs"]}
    here = {f"sha256:{path.name}" for path in (bundle / "blobs" / "sha256").iterdir()}
    manifest = json.loads((bundle / "blobs" / digest.replace(":", "/")).read_bytes())
    assert here == listed | {digest, manifest["layers"][0]["digest"], manifest["config"]["digest"]}


def test_brings_the_evidence_of_the_trust_directory(tmp_path: Path) -> None:
    """A site that has none passes by what came in the bundle."""
    written, bundle = made(tmp_path)
    (written.trust / "crls" / "good.crl").unlink()
    assert verify(written, written.layout).code == 15
    assert verify(written, bundle).code == 0


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    """In a folder and a tar, whatever the order of the list, from a folder or a tar."""
    written = stick(tmp_path, archive=False)
    packed = tmp_path / "source.tar"
    assert run_here(["copy", str(written.layout), str(packed)]).code == 0
    lists = {"a": [f"{written.layout}:{WEB}", f"{written.layout}:{DB}"], "b": [f"{packed}:{DB}", f"{packed}:{WEB}"]}
    found = []
    for name, lines in lists.items():
        (tmp_path / name).write_text("\n".join(lines))
        for destination in (tmp_path / f"{name}-folder", tmp_path / f"{name}.tar"):
            ran = create(written, destination, "-f", tmp_path / name)
            assert ran.code == 0, ran
            found.append(destination)
    one, tar, two, other = found
    assert tree(one) == tree(two)
    assert tar.read_bytes() == other.read_bytes()
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    assert os.system(f"tar -C {unpacked} -xf {tar}") == 0  # noqa: S605
    assert tree(unpacked) == tree(one)
    same = run_here(["bundle", "diff", str(one), str(other)])
    assert (same.code, same.out.startswith("THE SAME LIST")) == (0, True), same


def test_the_moment_is_that_of_the_reproducible_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1780000000")
    _, bundle = made(tmp_path)
    assert own(bundle)[1]["created"] == "2026-05-28T20:26:40Z"
    written = stick(tmp_path / "second", archive=False)
    assert create(written, tmp_path / "at", "--at", "2026-06-02").code == 0
    assert own(tmp_path / "at")[1]["created"] == "2026-06-02T23:59:59Z"


@pytest.mark.parametrize(
    ("second", "code", "option"), [(unsigned, 10, "--allow-unsigned"), (signed_by_another, 13, None)]
)
def test_nothing_is_written_where_one_does_not_verify(
    tmp_path: Path, second: Any, code: int, option: str | None
) -> None:
    written = stick(tmp_path, second)
    for destination in (tmp_path / "bundle", tmp_path / "bundle.tar"):
        ran = create(written, destination, "--allow-incomplete")
        assert (ran.code, destination.exists()) == (code, False), ran
        assert ran.out.startswith(f"NO BUNDLE none was made in {destination}, "), ran
        assert ran.out.splitlines()[-1].startswith(f"NO BUNDLE: none was made in {destination}. FAIL: do not use "), ran
    document = create(written, tmp_path / "bundle", "--format", "json", "--allow-incomplete").held_to("bundle-create")
    assert (document["created"], document["bundle"], document["copy"]) == (False, None, None)
    if option is not None:
        ran = create(written, tmp_path / "bundle", option)
        assert (ran.code, "NOT ACCEPTED here, and taken all the same: 1." in ran.out) == (0, True), ran
        assert verify(written, tmp_path / "bundle").code == code
        document = create(written, tmp_path / "other", option, "--format", "json").held_to("bundle-create")
        assert [(item["exit_code"], DB in item["reference"]) for item in document["taken"]] == [(10, True)]


def test_missing_evidence_is_refused(tmp_path: Path) -> None:
    written = stick(tmp_path)
    (written.trust / "crls" / "good.crl").unlink()
    ran = create(written, tmp_path / "b.tar")
    assert (ran.code, (tmp_path / "b.tar").exists(), "revocation.crl.missing" in ran.out) == (15, False, True), ran
    judged = create(written, tmp_path / "b.tar", "--allow-unjudged")
    assert (judged.code, "[bundle.incomplete]" in judged.out) == (15, True), judged
    assert create(written, tmp_path / "b.tar", "--allow-incomplete").code == 0
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "good.crl").write_bytes(GOOD)
    ran = create(written, tmp_path / "c.tar", "--from", tmp_path / "more")
    assert (ran.code, verify(written, tmp_path / "c.tar").code) == (0, 0), ran


@pytest.mark.parametrize("option", [(), ("--allow-unjudged",), ("--allow-incomplete", "--allow-unsigned")])
def test_a_revoked_signer_is_never_carried(tmp_path: Path, option: tuple[str, ...]) -> None:
    written = stick(tmp_path)
    (tmp_path / "revoking.crl").write_bytes(REVOKING)
    ran = create(written, tmp_path / "b.tar", "--from", tmp_path / "revoking.crl", *option)
    assert (ran.code, (tmp_path / "b.tar").exists()) == (14, False), ran


def index_of_two(tmp_path: Path, *, lose: bool) -> Written:
    """An index of two platforms, signed, of which the second one may be missing."""
    scene = Scene(index=True, scope=None)
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": GOOD}
    scene.policy = oci_policy(statement(registryScopes=["*"]))
    written = scene.write(tmp_path)
    if lose:
        (entry,) = [item for item in index(written.layout)["manifests"] if "index" in item["mediaType"]]
        listed = json.loads((written.layout / "blobs" / entry["digest"].replace(":", "/")).read_bytes())
        (written.layout / "blobs" / listed["manifests"][1]["digest"].replace(":", "/")).unlink()
    return written


def test_a_platform_that_is_missing(tmp_path: Path) -> None:
    written = index_of_two(tmp_path, lose=False)
    ran = create(written, tmp_path / "a", "--platform", "linux/amd64", "--platform", "linux/s390x")
    assert (ran.code, (tmp_path / "a").exists(), "nothing for linux/s390x" in ran.out) == (11, False, True), ran
    both = ["--platform", "linux/amd64", "--platform", "linux/s390x", "--allow-missing-platforms"]
    assert create(written, tmp_path / "a", *both).code == 0
    artifact = own(tmp_path / "a")[1]["artifacts"][0]
    assert [[item["platform"] for item in artifact[name]] for name in ("platforms", "absent")] == [
        ["linux/amd64"],
        ["linux/arm64"],
    ]
    assert verify(written, tmp_path / "a").code == 0


def test_a_platform_that_the_source_lost(tmp_path: Path) -> None:
    written = index_of_two(tmp_path, lose=True)
    ran = create(written, tmp_path / "a")
    assert (ran.code, (tmp_path / "a").exists()) == (16, False), ran
    assert create(written, tmp_path / "a", "--allow-missing-platforms").code == 0
    assert verify(written, tmp_path / "a").code == 0
    # a layout that says so itself is refused as well, unless the platform is not wanted
    again = create(Written(tmp_path / "a", written.trust, "", AT, None), tmp_path / "b")
    assert (again.code, "[bundle.platform]" in again.out) == (11, True), again
    chosen = create(Written(tmp_path / "a", written.trust, "", AT, None), tmp_path / "c", "--platform", "linux/amd64")
    assert chosen.code == 0, chosen


def test_the_destination_is_new(tmp_path: Path) -> None:
    written, bundle = made(tmp_path)
    before = tree(bundle)
    assert create(written, bundle).code == 0
    assert tree(bundle) == before
    other = create(written, bundle, "-f", _list(tmp_path, f"{written.layout}:{WEB}"))
    assert (other.code, "holds what is not in this bundle" in other.err) == (2, True), other
    assert tree(bundle) == before
    for wrong in ("-", "registry.example/x", f"{tmp_path}/x:v1"):
        assert create(written, Path(wrong)).code == 2
    assert create(written, tmp_path / "b.tar").code == 0
    assert create(written, tmp_path / "b.tar").code == 0
    later = create(written, tmp_path / "b.tar", "--at", "2026-06-03")
    assert (later.code, "--overwrite" in later.err) == (2, True), later
    assert create(written, tmp_path / "b.tar", "--at", "2026-06-03", "--overwrite").code == 0


def _list(tmp_path: Path, *lines: str) -> Path:
    (tmp_path / "list").write_text("\n".join(lines))
    return tmp_path / "list"


def test_a_later_moment_replaces_the_list_in_the_same_folder(tmp_path: Path) -> None:
    written, bundle = made(tmp_path)
    first, _ = own(bundle)
    assert create(written, bundle, "--at", "2026-06-03").code == 0
    second, document = own(bundle)
    assert (first != second, document["created"]) == (True, "2026-06-03T23:59:59Z")
    assert verify(written, bundle).code == 0


@pytest.mark.parametrize(
    "arguments", [("--stream", "monthly"), ("--number", "3"), ("--stream", "A B", "--number", "1")]
)
def test_a_stream_has_numbers(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert create(stick(tmp_path), tmp_path / "b", *arguments).code == 2


def test_signed(tmp_path: Path) -> None:
    written = stick(tmp_path, archive=False)
    ran = create(written, tmp_path / "b", *key_options(tmp_path / "keys", LEAF))
    assert ran.code == 0, ran
    digest, _ = own(tmp_path / "b")
    scope = ["--scope", "registry.example/net-monitor"]
    judged = verify(written, f"{tmp_path / 'b'}@{digest}", *scope)
    assert (judged.code, judged.out.startswith("PASS")) == (0, True), judged
    assert verify(written, tmp_path / "b").code == 0
    shown = run_here(["bundle", "show", str(tmp_path / "b"), "--format", "json"]).document
    assert len(shown["signers"]) == 1
    assert create(written, tmp_path / "plain").code == 0
    assert run_here(["bundle", "diff", str(tmp_path / "b"), str(tmp_path / "plain")]).code == 0
    assert verify(written, f"{tmp_path / 'plain'}@{digest}", *scope).code == 10


# --- judging, copying, importing ---


@pytest.mark.parametrize("archive", [False, True])
def test_verify_takes_it_and_notes_what_it_is(tmp_path: Path, archive: bool) -> None:
    written, bundle = made(tmp_path)
    target = bundle
    if archive:
        target = tmp_path / "b.tar"
        assert create(written, target).code == 0
    document = verify(written, target, "--format", "json").held_to("verify")
    assert (document["exit_code"], len(document["artifacts"])) == (0, 2)
    (note,) = [item for item in document["warnings"] if item["reason"] == "bundle.claims"]
    assert "lists 2 artifacts; all are here" in note["message"]


@pytest.mark.parametrize("archive", [False, True])
def test_import_takes_the_images(tmp_path: Path, registry: LoopbackRegistry, archive: bool) -> None:
    written, bundle = made(tmp_path)
    if archive:
        bundle = tmp_path / "b.tar"
        assert create(written, bundle).code == 0
    ran = run_here(["import", "--trust", str(written.trust), str(bundle), registry.host])
    assert (ran.code, held(registry)) == (0, BOTH), ran


def test_copy_takes_the_list_along_with_all_that_it_lists(tmp_path: Path) -> None:
    written, bundle = made(tmp_path)
    trust = ["--trust", str(written.trust)]
    for arguments in ([], trust, ["--require-signature"]):
        to = tmp_path / f"to{len(arguments)}"
        ran = run_here(["copy", str(bundle), str(to), *arguments])
        assert (ran.code, own(to)) == (0, own(bundle)), ran
        assert verify(written, to).code == 0
    evidence = ["--with-evidence", "--allow-incomplete"]
    assert run_here(["copy", str(bundle), str(tmp_path / "e"), *evidence]).code == 0
    for number, arguments in enumerate((["--platform", "linux/amd64"], ["--exclude-referrers"], ["--tags", ".*web.*"])):
        to = tmp_path / f"part{number}"
        run_here(["copy", "--keep-going", str(bundle), str(to), *arguments])
        assert not [item for item in index(to)["manifests"] if item.get("artifactType") == BUNDLE_TYPE]


def test_a_bundle_of_a_bundle(tmp_path: Path) -> None:
    written, bundle = made(tmp_path)
    again = create(Written(bundle, written.trust, "", AT, None), tmp_path / "again")
    assert again.code == 0, again
    assert (
        len([item for item in index(tmp_path / "again")["manifests"] if item.get("artifactType") == BUNDLE_TYPE]) == 1
    )
    assert tree(tmp_path / "again") == tree(bundle)


# --- what is not as it is listed ---


def test_a_lost_image_is_named(tmp_path: Path) -> None:
    written, bundle = made(tmp_path)
    change_index(bundle, lambda item: item.get("annotations", {}).get(REF_NAME) != WEB)
    document = verify(written, bundle, "--format", "json").held_to("verify")
    assert document["exit_code"] == 16
    (problem,) = document["problems"]
    assert problem["reason"] == "content.missing"
    assert problem["message"].startswith(f"{WEB} is listed in the bundle, and is not here")


def test_a_lost_signature_is_named(tmp_path: Path) -> None:
    """A second signature may be the one that the policy of the site needs."""
    written, bundle = made(tmp_path)
    _, document = own(bundle)
    lost = document["artifacts"][1]["signatures"][0]
    change_index(bundle, lambda item: item["digest"] != lost)
    found = verify(written, bundle, "--format", "json").document
    assert found["exit_code"] == 16
    assert [item["message"] for item in found["problems"]] == [
        f"a signature of {WEB} is listed in the bundle, and is not here: {lost}"
    ]


def test_all_images_are_lost(tmp_path: Path) -> None:
    written, bundle = made(tmp_path)
    change_index(bundle, lambda item: item.get("artifactType") == BUNDLE_TYPE)
    found = verify(written, bundle, "--format", "json").document
    assert (found["exit_code"], len(found["problems"])) == (16, 2)


def test_newer_evidence_may_replace_what_is_listed(tmp_path: Path) -> None:
    written, bundle = made(tmp_path)
    _, document = own(bundle)
    evidence = {item["digest"] for artifact in document["artifacts"] for item in artifact["attachments"]}
    change_index(bundle, lambda item: item["digest"] not in evidence)
    assert verify(written, bundle).code == 0


def test_what_is_not_listed_is_judged_and_noted(tmp_path: Path) -> None:
    written, bundle = made(tmp_path)
    builder = LayoutBuilder()
    builder.tag(builder.add_image(b"more"), "more:v1")
    builder.write_directory(tmp_path / "extra")
    assert run_here(["copy", str(tmp_path / "extra"), str(bundle)]).code == 0
    ran = verify(written, bundle)
    assert (ran.code, "not listed in the bundle, and judged as always" in ran.err) == (10, True), ran


def _bundle_like(bundle: Path, change: Callable[[dict[str, Any]], None], name: str | None = None) -> None:
    """The bundle's artifact, changed, as another entry."""
    document = index(bundle)
    (entry,) = [item for item in document["manifests"] if item.get("artifactType") == BUNDLE_TYPE]
    manifest = json.loads((bundle / "blobs" / entry["digest"].replace(":", "/")).read_bytes())
    change(manifest)
    builder = LayoutBuilder()
    made = builder.add_manifest(manifest)
    (bundle / "blobs" / "sha256" / made.digest.encoded).write_bytes(builder.blobs[made.digest])
    added = {**made.to_json(), "annotations": {REF_NAME: name} if name else {}}
    document["manifests"] = [*(item for item in document["manifests"] if item is not entry), added]
    (bundle / "index.json").write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda m: m["layers"].append(m["layers"][0]), None),
        (lambda m: m["config"].update(mediaType="application/vnd.oci.image.config.v1+json"), None),
        (lambda m: m["layers"][0].update(mediaType="application/vnd.oci.image.layer.v1.tar"), None),
        (lambda m: m.update(artifactType="application/vnd.airgap.bundle.v2+json"), None),
        (lambda m: m.update(annotations={"a": "b"}), "registry.example/team/tool:v1"),
    ],
    ids=["two layers", "a config", "an image layer", "another type", "a name"],
)
def test_what_is_not_just_a_list_needs_a_signature(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], name: str | None
) -> None:
    """Else something that can be run could be passed off as the list of a bundle."""
    written, bundle = made(tmp_path)
    _bundle_like(bundle, change, name)
    assert verify(written, bundle).code == 10
    ran = run_here(["copy", "--trust", str(written.trust), str(bundle), str(tmp_path / "to")])
    assert (ran.code, (tmp_path / "to").exists()) == (10, False), ran


def test_a_document_that_cannot_be_used(tmp_path: Path) -> None:
    written, bundle = made(tmp_path)
    builder = LayoutBuilder()
    layer = builder.add_blob(b'{"schema":"airgap.bundle/1"}', BUNDLE_TYPE)
    (bundle / "blobs" / "sha256" / layer.digest.encoded).write_bytes(builder.blobs[layer.digest])
    _bundle_like(bundle, lambda manifest: manifest.update(layers=[layer.to_json()]))
    ran = verify(written, bundle)
    assert (ran.code, "[bundle.malformed]" in ran.out) == (18, True), ran
    for command in (["show", str(bundle)], ["diff", str(bundle), str(bundle)]):
        assert run_here(["bundle", *command]).code == 18


def test_damaged_bytes_of_the_list_are_wrong_content(tmp_path: Path) -> None:
    written, bundle = made(tmp_path)
    digest, _ = own(bundle)
    manifest = json.loads((bundle / "blobs" / digest.replace(":", "/")).read_bytes())
    layer = bundle / "blobs" / manifest["layers"][0]["digest"].replace(":", "/")
    layer.chmod(0o644)
    layer.write_bytes(layer.read_bytes().replace(b"linux", b"linuz"))
    assert verify(written, bundle).code == 16


# --- showing and comparing ---


def with_sbom(tmp_path: Path) -> Path:
    """An image whose names and licences want to be markup, with an SBOM."""
    builder = LayoutBuilder()
    platform = Platform(os="linux", architecture="amd64")
    image = builder.add_image(
        b"layer", platform=platform, annotations={"org.opencontainers.image.licenses": "MIT <script>alert(1)</script>"}
    )
    builder.list(image, **{REF_NAME: "registry.example/a:v1"})
    sbom = {"spdxVersion": "SPDX-2.3", "packages": [{"licenseConcluded": "Apache-2.0", "licenseDeclared": "NONE"}]}
    layer = builder.add_blob(json.dumps(sbom).encode(), "application/spdx+json")
    builder.list(
        builder.add_manifest(
            {
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "artifactType": "application/spdx+json",
                "config": builder.add_blob(b"{}", EMPTY).to_json(),
                "layers": [layer.to_json()],
                "subject": Descriptor(media_type=image.media_type, digest=image.digest, size=image.size).to_json(),
            },
            artifact_type="application/spdx+json",
        )
    )
    builder.write_directory(tmp_path / "layout")
    arguments = ["--allow-unsigned", "--allow-unjudged", "--no-download", "--stream", "weekly", "--number", "2"]
    ran = run_here(["bundle", "create", str(tmp_path / "b"), str(tmp_path / "layout"), *arguments])
    assert ran.code == 0, ran
    return tmp_path / "b"


def test_show_needs_no_trust(tmp_path: Path) -> None:
    bundle = with_sbom(tmp_path)
    document = run_here(["bundle", "show", str(bundle), "--format", "json"]).held_to("bundle-show")
    (artifact,) = document["artifacts"]
    assert artifact["licences"] == ["Apache-2.0", "MIT <script>alert(1)</script>"]
    assert (artifact["platforms"], artifact["signers"], document["use_by"]) == (["linux/amd64"], [], None)
    text = run_here(["bundle", "show", str(bundle)]).out
    assert "NO SIGNATURE" in text
    assert document["set_id"] in text
    label = run_here(["bundle", "show", str(bundle), "--label"]).out
    assert "weekly / 2" in label
    assert len({len(line) for line in label.splitlines()}) == 1


def test_the_page_for_the_courier_escapes_what_the_bundle_says(tmp_path: Path) -> None:
    bundle = with_sbom(tmp_path)
    page = tmp_path / "page.html"
    assert run_here(["bundle", "show", str(bundle), "--report", str(page)]).code == 0
    text = page.read_text()
    assert "&lt;script&gt;" in text
    assert "<script" not in text
    assert "http" not in text.replace("http-equiv", "")
    inside = run_here(["bundle", "show", str(bundle), "--report", str(bundle / "page.html")])
    assert inside.code == 2
    report = tmp_path / "report.json"
    assert run_here(["bundle", "show", str(bundle), "--report", str(report)]).code == 0
    assert json.loads(report.read_bytes())["schema"] == "airgap.bundle.show/1"


def test_what_is_no_bundle(tmp_path: Path) -> None:
    written = stick(tmp_path, archive=False)
    assert run_here(["bundle", "show", str(written.layout)]).code == 11
    assert run_here(["bundle", "show", f"{written.layout}:{WEB}"]).code == 11
    assert run_here(["bundle", "show", "registry.example/x:v1"]).code == 2


def test_differences_by_name(tmp_path: Path) -> None:
    written, bundle = made(tmp_path)
    part = tmp_path / "part"
    assert create(written, part, "-f", _list(tmp_path, f"{written.layout}:{WEB}")).code == 0
    found = run_here(["bundle", "diff", str(bundle), str(part), "--format", "json"]).held_to("bundle-diff")
    assert (found["exit_code"], found["same"], found["added"], found["changed"]) == (21, False, [], [])
    assert [item.split(" ")[0] for item in found["removed"]] == [DB]
    back = run_here(["bundle", "diff", str(part), str(bundle), "--format", "json"]).held_to("bundle-diff")
    assert back["new_bytes"] > 0
    later = tmp_path / "later"
    assert create(written, later, "--at", "2026-06-03").code == 0
    found = run_here(["bundle", "diff", str(bundle), str(later), "--format", "json"]).held_to("bundle-diff")
    assert found["about"] == ["moment: 2026-06-01T12:00:00Z, then 2026-06-03T23:59:59Z"]


def test_a_list_and_its_lock_file_give_the_same_bytes(tmp_path: Path, registry: LoopbackRegistry) -> None:
    written = stick(tmp_path)
    assert run_here(["copy", str(written.layout), registry.host]).code == 0
    (tmp_path / "list").write_text(f"{registry.host}/team/web:v1\n{registry.host}/lab/db:15\n")
    options = ["--allow-unjudged", "--allow-incomplete", "--no-download"]
    lock = str(tmp_path / "lock")
    for name, sources in {"a": ["-f", str(tmp_path / "list"), "--lock-output", lock], "b": ["--lock", lock]}.items():
        ran = run_here(["bundle", "create", str(tmp_path / f"{name}.tar"), *sources, *options])
        assert ran.code == 0, ran
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


# --- manifests ---


def test_images_of_manifests_are_sources(tmp_path: Path, registry: LoopbackRegistry) -> None:
    written = stick(tmp_path)
    assert run_here(["copy", str(written.layout), registry.host]).code == 0
    pod = tmp_path / "pod.yaml"
    pod.write_text(
        "kind: Pod\napiVersion: v1\nspec:\n  initContainers:\n"
        f"  - {{image: '{registry.host}/team/web:v1', args: ['--helper={registry.host}/lab/db:15']}}\n"
    )
    arguments = ["bundle", "create", str(tmp_path / "b"), "--from-manifests", str(pod), "--allow-unjudged"]
    ran = run_here([*arguments, "--no-download", "--allow-incomplete"])
    assert (ran.code, f"NOT TAKEN {pod}:5: {registry.host}/lab/db:15" in ran.out) == (0, True), ran
    (artifact,) = own(tmp_path / "b")[1]["artifacts"]
    assert (artifact["name"], artifact["tags"]) == (f"{registry.host}/team/web", ["v1"])
    options = ["--no-download", "--allow-incomplete", "--format", "json"]
    document = run_here([*arguments, *options]).held_to("bundle-create")
    assert [item["reference"] for item in document["manifests"]["images"]] == [f"{registry.host}/team/web:v1"]
    assert len(document["manifests"]["suspicions"]) == 1
    quiet = run_here([*arguments, "--no-download", "--allow-incomplete", "-q"])
    assert "NOT TAKEN" in quiet.out


def test_manifests_that_name_no_image(tmp_path: Path) -> None:
    chart = tmp_path / "chart.yaml"
    chart.write_text("kind: ConfigMap\ndata:\n  run: docker run reg.example/app:v1\n")
    ran = run_here(["bundle", "create", str(tmp_path / "b"), "--from-manifests", str(chart)])
    assert ran.code == 2, ran
    assert f"no image was found in {chart}" in ran.err
    assert f"reg.example/app:v1 ({chart}:3, in the text of run)" in ran.err


def test_manifests_that_are_not_rendered(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text("image: {{ .Values.image }}\n")
    ran = run_here(["bundle", "create", str(tmp_path / "b"), "--from-manifests", str(tmp_path / "t.yaml")])
    assert (ran.code, "helm template" in ran.err) == (2, True), ran
