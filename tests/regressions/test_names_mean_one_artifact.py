"""A name on a medium that means one artifact to a verifier and another to the tool that runs it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from airgap.oci.descriptor import BASE_NAME, CONTAINERD_NAME, REF_NAME, Descriptor
from airgap.parse.time import iso
from airgap.trust.choice import repository_of
from tests.support.command import run_here
from tests.support.layouts import LayoutBuilder
from tests.support.pki import Pki
from tests.support.records import declare
from tests.support.scenario import SIGNING_CRL, Scene, Written, chain_with_crls
from tests.support.signing import tree
from tests.support.trust import oci_policy, statement, write_trust

PROD, LAB = "registry.example/prod/app", "registry.example/lab/app"
NO_NAME = "no repository is named"


def _lab_scene(level: str = "strict") -> Scene:
    """Signed by the laboratory, called production, with a record that says laboratory."""
    scene = Scene(scope=None)
    scene.stores = {**scene.stores, "ca:prod": [Pki().tsa_chain().root]}
    scene.policy = oci_policy(
        statement(name="prod", registryScopes=[PROD], trustStores=["ca:prod"]),
        statement(name="lab", registryScopes=[LAB], signatureVerification={"level": level}),
    )

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.tag(target, f"{PROD}:v1")
        declare(builder, target, name=LAB)

    scene.packing.append(pack)
    return scene


@pytest.mark.parametrize("suffix", [f":{PROD}:v1", ":v1", ""], ids=["typed", "short", "whole"])
def test_a_record_of_another_repository_does_not_choose_the_statement(tmp_path: Path, suffix: str) -> None:
    scene = _lab_scene()
    scene.refer = lambda written: f"oci:{written.layout}{suffix}"
    written = scene.write(tmp_path)
    ran = run_here(written.arguments())
    assert (ran.code, "policy.name_conflict" in ran.reasons) == (13, True), ran
    ran = run_here(written.arguments("--scope", LAB))
    assert (ran.document["artifacts"][0]["verdict"], ran.document["artifacts"][0]["scope_origin"]) == ("pass", "option")


def test_the_typed_full_name_selects_the_statement(tmp_path: Path) -> None:
    scene = Scene(scope=None, policy=oci_policy(statement(registryScopes=[PROD])))

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.tag(target, f"{PROD}:v1")

    scene.packing.append(pack)
    scene.refer = lambda written: f"oci:{written.layout}:{PROD}:v1"
    artifact = run_here(scene.write(tmp_path).arguments()).document["artifacts"][0]
    assert (artifact["verdict"], artifact["scope"], artifact["scope_origin"]) == ("pass", PROD, "name")


@pytest.mark.parametrize("level", ["audit", "permissive"])
def test_a_record_does_not_select_a_weaker_statement(tmp_path: Path, level: str) -> None:
    """The chain is trusted and its CRL missing: logged by the one statement, demanded by the other."""
    scene = _lab_scene(level)
    scene.sign_with(chain_with_crls(Pki().code_chain, "leaf", SIGNING_CRL))
    scene.packing[:] = [lambda builder, target: declare(builder, target, name=LAB)]
    written = scene.write(tmp_path)
    ran = run_here(written.arguments())
    assert (ran.code, set(ran.reasons)) == (15, {"revocation.crl.missing"}), ran
    artifact = ran.document["artifacts"][0]
    assert (artifact["policy"]["statement"], artifact["policy"]["level"]) == ("lab", "custom")
    assert "weaker than 'prod'" in artifact["warnings"][0]
    assert run_here(written.arguments("--scope", LAB)).code == 0, "the operator may say so"


def test_the_statement_for_all_does_not_judge_an_unnamed_artifact_more_mildly(tmp_path: Path) -> None:
    scene = Scene(scope=None)
    scene.policy = oci_policy(
        statement(name="prod", registryScopes=[PROD]), statement(name="rest", signatureVerification={"level": "audit"})
    )
    written = scene.write(tmp_path)
    ran = run_here(written.arguments())
    assert (ran.code, set(ran.reasons)) == (13, {"policy.scope_needed"}), ran
    told = run_here([item for item in written.arguments() if item not in {"--format", "json"}])
    assert "Name it with --scope" in told.out
    assert run_here(replace(written, scope="registry.example/else").arguments()).code == 0


def _same_name(builder: LayoutBuilder, good: Descriptor) -> None:
    """skopeo takes the first (LAYOUT-7)."""
    builder.tag(builder.add_image(b"evil"), "reg.example/app:v1")
    builder.tag(good, "reg.example/app:v1")


def _same_tag(builder: LayoutBuilder, good: Descriptor) -> None:
    builder.tag(good, "reg.example/app:v1")
    builder.tag(builder.add_image(b"evil"), "reg.example/other:v1")


def _signature_first(builder: LayoutBuilder, good: Descriptor) -> None:
    """skopeo takes it by the name of its image; whether it verifies was asked by verify alone."""
    builder.tag(builder.add_referrer(good, b"sig", listed=False), "v1")
    builder.tag(good, "v1")


def _docker_completes(builder: LayoutBuilder, good: Descriptor) -> None:
    builder.tag(good, "app:v1")
    builder.tag(builder.add_image(b"evil"), "docker.io/library/app:v1")


def _zarf_completes(builder: LayoutBuilder, good: Descriptor) -> None:
    builder.tag(good, "app:v1")
    builder.list(builder.add_image(b"evil"), **{BASE_NAME: "app:v1"})


def _docker_loads(builder: LayoutBuilder, good: Descriptor) -> None:
    builder.tag(good, "app:v1")
    document = json.loads(builder.blobs[builder.tag(builder.add_image(b"evil"), "evil").digest])
    files = [f"blobs/{item['digest'].replace(':', '/')}" for item in (document["config"], *document["layers"])]
    items = [{"Config": files[0], "RepoTags": ["app:v1"], "Layers": files[1:]}]
    builder.extra_files["manifest.json"] = json.dumps(items).encode()


def _digest_is_a_name(builder: LayoutBuilder, good: Descriptor) -> None:
    builder.list(good)
    builder.tag(builder.add_image(b"evil"), str(good.digest))


def _digest_ends_a_name(builder: LayoutBuilder, good: Descriptor) -> None:
    builder.list(good)
    builder.tag(builder.add_image(b"evil"), f"app@{good.digest}")


@pytest.mark.parametrize(
    ("make", "typed"),
    [
        (_same_name, ":reg.example/app:v1"),
        (_same_name, ":v1"),
        (_same_tag, ":v1"),
        (_signature_first, ":v1"),
        (_docker_completes, ":app:v1"),
        (_zarf_completes, ":app:v1"),
        (_docker_loads, ":app:v1"),
        (_digest_is_a_name, "@"),
        (_digest_ends_a_name, "@"),
    ],
)
def test_every_command_refuses_a_name_that_could_mean_two_things(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[LayoutBuilder, Descriptor], None], typed: str
) -> None:
    """With one code (decision 0025), and without a change of anything."""
    monkeypatch.chdir(tmp_path)
    builder = LayoutBuilder()
    good = builder.add_image(b"good")
    make(builder, good)
    builder.write_directory(tmp_path / "stick")
    root = Pki().tsa_chain().root
    write_trust(tmp_path / "trust", stores={"ca:harbour": [root]})
    (tmp_path / "root.pem").write_bytes(root.pem)
    assert run_here(["key", "generate", "test", "--key-config", "keys"]).code == 0
    target, before = f"stick{typed}{good.digest if typed == '@' else ''}", tree(tmp_path)
    for command in (
        ["verify", target, "--trust", "trust"],
        ["discover", target],
        ["inspect", target],
        ["ls", target],
        ["copy", target, "out"],
        ["copy", target, "out", "--dry-run"],
        ["copy", target, "out.tar", "--keep-going"],
        ["copy", target, "out", "--trust", "trust"],
        ["copy", target, "stick:new"],
        ["sign", target, "-k", "test", "--key-config", "keys"],
        ["attach", "root.pem", target, "--artifact-type", "text/x"],
        ["timestamp", "add", target, "--timestamp-url", "http://127.0.0.1:9", "--timestamp-root-cert", "root.pem"],
        ["trust", "fetch", target, "--trust", "trust"],
    ):
        ran = run_here(command)
        assert (ran.code, "disagree" in ran.out + ran.err or "docker load takes" in ran.out + ran.err) == (11, True), (
            command,
            ran,
        )
    assert tree(tmp_path) == before


@pytest.mark.parametrize("names", [{REF_NAME: "v1"}, {REF_NAME: "x", CONTAINERD_NAME: "v1"}], ids=["same", "other"])
@pytest.mark.parametrize("is_first", [True, False])
def test_no_signature_comes_before_its_image_under_one_name(
    tmp_path: Path, names: dict[str, str], *, is_first: bool
) -> None:
    """skopeo copies the first entry of a name (decision 0025); whether it verifies depends on who asks."""
    scene = Scene()

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        image, signature = builder.entries
        both = [signature | {"annotations": {REF_NAME: "v1"}}, image | {"annotations": names}]
        builder.entries[:] = both if is_first else reversed(both)

    scene.packing.append(pack)
    written = scene.write(tmp_path)
    is_double = is_first or names != {REF_NAME: "v1"}
    for suffix, code in ((":v1", 11), ("", 10)):
        named = f"oci:{written.layout}{suffix}"
        ran = run_here([named if word == written.target else word for word in written.arguments()])
        assert ran.code == (code if is_double else 0), (suffix, ran)
    assert run_here(written.arguments()).code == 0, "a digest is no name"


@pytest.mark.parametrize("evil", ["reg.example/app:v1", ":v1", "x@y:v1"])
def test_compares_a_containerd_name_with_names_that_end_with_it(tmp_path: Path, evil: str) -> None:
    """regctl takes the first ref.name that ends in `:v1` where none is `v1`."""
    scene = Scene(refer=lambda written: f"oci:{written.layout}:v1")

    def rename(builder: LayoutBuilder, _: Descriptor) -> None:
        builder.entries[0]["annotations"] = {CONTAINERD_NAME: "v1"}
        builder.tag(builder.add_image(b"evil"), evil)

    scene.packing.append(rename)
    ran = run_here(scene.write(tmp_path).arguments())
    assert ran.code == 11, ran
    assert "tools disagree" in ran.document["problems"][0]["message"]


def test_compares_a_tag_with_a_digest_with_whole_names_of_entries(tmp_path: Path) -> None:
    """skopeo, oras and regctl take an entry of the name `v1@sha256:...`; the digest of another decided here."""
    scene = Scene()
    literal = f"v1@{scene.target.digest}"
    scene.refer = lambda written: f"oci:{written.layout}:{literal}"
    written = scene.write(tmp_path / "without")
    assert run_here(written.arguments()).code == 0
    scene.builder.tag(scene.builder.add_image(b"evil"), literal)
    written = scene.write(tmp_path / "with")
    for arguments in (
        written.arguments(),
        ["copy", written.target, f"oci:{tmp_path}/out"],
        ["inspect", written.target],
    ):
        ran = run_here(arguments)
        assert ran.code == 11, ran
        assert "is the whole name of" in ran.out + ran.err


@pytest.mark.parametrize("annotation", [REF_NAME, CONTAINERD_NAME])
def test_refuses_a_digest_that_is_the_name_of_another_entry(tmp_path: Path, annotation: str) -> None:
    """oras and notation keep names and digests of a layout in one table, and the last one counts."""
    scene = Scene()
    digest = str(scene.target.digest)
    written = scene.write(tmp_path / "without")
    assert (written.target.endswith(f"@{digest}"), run_here(written.arguments()).code) == (True, 0)
    scene.packing.append(lambda builder, _: builder.list(builder.add_image(b"evil"), **{annotation: digest}))
    written = scene.write(tmp_path / "with")
    for target in (f"oci:{written.layout}@{digest}", f"oci:{written.layout}:v1@{digest}"):
        command, _, *options = written.arguments()
        for arguments in (
            [command, target, *options],
            ["copy", target, f"oci:{tmp_path}/out"],
            ["inspect", target],
            ["discover", target],
        ):
            ran = run_here(arguments)
            assert (ran.code, "is the whole name of" in ran.out + ran.err) == (11, True), ran


@pytest.mark.parametrize(
    ("typed", "evil"),
    [
        ("app:v1", "docker.io/library/app:v1"),
        ("app:latest", "docker.io/library/app"),
        ("docker.io/library/app:v1", "app:v1"),
        ("library/app:v1", "index.docker.io/library/app:v1"),
        ("app", "docker.io/library/app:latest"),
        ("v1", "import-2026-06-01:v1"),
    ],
)
@pytest.mark.parametrize("annotation", [REF_NAME, CONTAINERD_NAME])
def test_compares_a_name_with_what_docker_completes_it_to(
    tmp_path: Path, typed: str, evil: str, annotation: str
) -> None:
    """containerd keeps names as they are; `nerdctl run app:v1` takes what is called docker.io/library/app:v1.

    `ctr images import` calls `v1` import-2026-06-01:v1, and of two images of one name the last counts.
    """
    scene = Scene(refer=lambda written: f"oci:{written.layout}:{typed}")

    def rename(builder: LayoutBuilder, _: Descriptor) -> None:
        builder.entries[0]["annotations"] = {REF_NAME: typed}

    scene.packing.append(rename)
    assert run_here(scene.write(tmp_path / "without").arguments()).code == 0
    scene.packing.append(lambda builder, _: builder.list(builder.add_image(b"evil"), **{annotation: evil}))
    written = scene.write(tmp_path / "with")
    for arguments in (
        written.arguments(),
        ["copy", written.target, f"oci:{tmp_path}/out"],
        ["inspect", written.target],
    ):
        ran = run_here(arguments)
        assert (ran.code, "is ambiguous" in ran.out + ran.err) == (11, True), ran


@pytest.mark.parametrize(
    ("annotations", "code"),
    [
        ({BASE_NAME: f"{PROD}:v1"}, 11),
        ({BASE_NAME: f"{PROD}:v1", REF_NAME: ""}, 11),
        ({BASE_NAME: f"{PROD}:v2"}, 0),
        ({BASE_NAME: f"{PROD}:v1", REF_NAME: "evil"}, 0),
    ],
)
def test_compares_a_name_with_what_zarf_completes_it_to(tmp_path: Path, annotations: dict[str, str], code: int) -> None:
    """zarf makes a ref.name of it when it pushes a package's images; of two equal ones oras takes the last."""
    scene = Scene(refer=lambda written: f"oci:{written.layout}:{PROD}:v1", scope="registry.example/net-monitor")

    def rename(builder: LayoutBuilder, _: Descriptor) -> None:
        builder.entries[0]["annotations"] = {REF_NAME: f"{PROD}:v1"}
        builder.list(builder.add_image(b"evil"), **annotations)

    scene.packing.append(rename)
    written = scene.write(tmp_path)
    for arguments in (written.arguments(), ["inspect", written.target], ["discover", written.target]):
        ran = run_here(arguments)
        assert (ran.code, "tools disagree" in ran.out + ran.err) == (code, code != 0), ran


@pytest.mark.parametrize(("name", "code"), [("@1", 11), ("@+1", 11), ("@01", 11), ("@0", 0), ("@9", 0), ("@1x", 0)])
def test_compares_a_name_with_the_entry_of_that_number(tmp_path: Path, name: str, code: int) -> None:
    """`skopeo copy oci:LAYOUT:@1` takes the second entry."""
    scene = Scene(refer=lambda written: f"oci:{written.layout}:{name}")

    def rename(builder: LayoutBuilder, _: Descriptor) -> None:
        builder.entries[0]["annotations"] = {REF_NAME: name}
        builder.tag(builder.add_image(b"evil"), "evil")
        builder.entries.insert(1, builder.entries.pop())

    scene.packing.append(rename)
    written = scene.write(tmp_path)
    for arguments in (written.arguments(), ["inspect", written.target]):
        ran = run_here(arguments)
        assert (ran.code, "tools disagree" in ran.out + ran.err) == (code, code != 0), ran


@pytest.mark.parametrize(("name", "code"), [("@1", 11), ("@+1", 11), ("@2", 0)])
def test_compares_a_name_with_the_item_of_that_number(tmp_path: Path, name: str, code: int) -> None:
    """`skopeo copy docker-archive:FILE:@1` takes the second item of manifest.json."""
    scene = Scene(archive=True)
    scene.refer = lambda written: f"oci-archive:{written.layout}:{name}"

    def save(builder: LayoutBuilder, target: Descriptor) -> None:
        signature = builder.entries.pop()
        builder.entries[0]["annotations"] = {REF_NAME: name}
        builder.entries.insert(0, signature)
        items = []
        for image in (target, builder.add_image(b"evil")):
            manifest = json.loads(builder.blobs[image.digest])
            files = [f"blobs/{item['digest'].replace(':', '/')}" for item in (manifest["config"], *manifest["layers"])]
            items.append({"Config": files[0], "Layers": files[1:]})
        builder.extra_files["manifest.json"] = json.dumps(items).encode()

    scene.packing.append(save)
    ran = run_here(scene.write(tmp_path).arguments())
    assert (ran.code, "for skopeo @1" in str(ran.document["problems"])) == (code, code != 0), ran


@pytest.mark.parametrize("annotation", [REF_NAME, CONTAINERD_NAME])
def test_refuses_a_digest_that_ends_the_name_of_another_entry(tmp_path: Path, annotation: str) -> None:
    """containerd finds `app@sha256:...` among its names and runs what bears it, whatever digest that has."""
    scene = Scene()
    digest = str(scene.target.digest)
    name = f"registry.example/net-monitor@{digest}"
    scene.packing.append(lambda builder, _: builder.list(builder.add_image(b"evil"), **{annotation: name}))
    written = scene.write(tmp_path)
    _, _, *options = written.arguments()
    for target in (f"oci:{written.layout}@{digest}", f"oci:{written.layout}:v1@{digest}"):
        for command in (["verify", target, *options], ["copy", target, f"oci:{tmp_path}/out"], ["inspect", target]):
            ran = run_here(command)
            assert (ran.code, f"'{name}' is the whole name of" in ran.out + ran.err) == (11, True), ran
    warnings = run_here(["verify", f"oci:{written.layout}", *options]).document["warnings"]
    assert any("ends in the digest of something else" in warning["message"] for warning in warnings), warnings


@pytest.mark.parametrize("gone", [False, True])
def test_a_name_that_only_the_layout_has_is_not_judged_by_the_statement_for_all(tmp_path: Path, *, gone: bool) -> None:
    """Shown as `pass stick:registry.example/prod/app:v1`, which was refused where it was typed."""
    scene = _lab_scene()
    scene.policy = oci_policy(
        statement(name="prod", registryScopes=[PROD], trustStores=["ca:prod"]), statement(name="rest")
    )

    def rename(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.tag(target, f"{PROD}:v1")
        builder.entries[0] = builder.entries.pop()

    scene.packing[:] = [rename]
    written = scene.write(tmp_path)
    options = ["--trust", str(written.trust), "--at", iso(written.at), "--format", "json"]
    report = tmp_path / "report.json"
    for target in (f"oci:{written.layout}", f"oci:{written.layout}:v1", written.target):
        ran = run_here(["verify", target, *options, "--report", str(report)])
        assert (ran.code, set(ran.reasons)) == (13, {"policy.scope_needed"}), ran
    assert run_here(["verify", f"oci:{written.layout}", *options, "--scope", LAB]).code == 0
    document = json.loads(report.read_text())
    document["artifacts"][0]["policy"]["reason"] = None
    document["artifacts"][0]["tags"] = [f"{PROD}:v1"]
    report.write_text(json.dumps(document))
    if gone:
        shutil.rmtree(written.layout)
    assert run_here(["recheck", str(report), *options]).code == 13


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        ("registry.example/net-monitor:v1", "policy.scope_needed", "it is called registry.example/net-monitor here"),
        ("registry.example/net-monitors:v1", "policy.no_statement", "is spelt nearly so"),
        ("v1", "policy.no_statement", "whose repository is not named"),
    ],
)
def test_reports_a_name_that_only_the_layout_has_with_its_statement(
    tmp_path: Path, name: str, reason: str, words: str
) -> None:
    """It was an artifact whose repository is not named, beside its full name."""
    scene = Scene(scope=None)
    scene.policy = oci_policy(statement(registryScopes=["registry.example/net-monitor"]))
    scene.refer = lambda written: str(written.layout)

    def rename(written: Written) -> None:
        path = written.layout / "index.json"
        path.write_text(path.read_text().replace('ref.name":"v1"', f'ref.name":"{name}"'))

    scene.afterwards.append(rename)
    ran = run_here(scene.write(tmp_path).arguments())
    assert ran.code == 13
    (artifact,) = ran.document["artifacts"]
    assert artifact["policy"]["reason"] == reason
    assert words in artifact["policy"]["message"]


def test_the_verdict_shows_all_names(tmp_path: Path) -> None:
    """The text called it `v1` alone, and containerd runs it by the name of another publisher."""
    scene = Scene()
    nginx = "docker.io/library/nginx:latest"

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.entries[0]["annotations"][CONTAINERD_NAME] = nginx
        builder.tag(target, *(f"more{number}" for number in range(5)))

    scene.packing.append(pack)
    written = scene.write(tmp_path)
    options = ["--scope", scene.scope or "", "--trust", str(written.trust), "--at", iso(written.at)]
    for target in (str(written.layout), f"{written.layout}:v1"):
        text = run_here(["verify", target, *options]).out
        assert "note    other names of it here: more0, more1, more2 and 3 more" in text
    text = run_here(["verify", f"{written.layout}:more4", *options]).out
    assert "note    other names of it here: v1, more0, more1 and 3 more" in text


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("docker.io/library/nginx:v1", 13),
        ("index.docker.io/library/nginx:v1", 13),
        ("docker.io/nginx:v1", 13),
        ("library/nginx:v1", 13),
        ("nginx:v1", 13),
        ("Docker.io/library/nginx:v1", 13),
        ("registry-1.docker.io/library/nginx:v1", 13),
        ("docker.io:443/library/nginx:v1", 13),
        ("registry.example/nginx:v1", 0),
        ("nginxs:v1", NO_NAME),
        ("nginx", NO_NAME),
        ("v1", NO_NAME),
    ],
)
@pytest.mark.parametrize("annotation", [REF_NAME, CONTAINERD_NAME])
def test_a_name_that_docker_completes_is_not_judged_by_the_statement_for_all(
    tmp_path: Path, name: str, code: int | str, annotation: str
) -> None:
    """docker load and docker run take `nginx:v1` for docker.io/library/nginx:v1, whose publisher had not signed it."""
    scene = Scene(scope=None)
    scene.stores = {**scene.stores, "ca:official": [Pki().tsa_chain().root]}
    official = statement(name="official", registryScopes=["docker.io/library/nginx"], trustStores=["ca:official"])

    def pack(builder: LayoutBuilder, _: Descriptor) -> None:
        builder.entries[0]["annotations"][annotation] = name

    scene.packing.append(pack)
    written = scene.write(tmp_path)
    options = ["--trust", str(written.trust), "--at", iso(written.at), "--format", "json"]
    report = tmp_path / "report.json"
    assert run_here(["verify", f"oci:{written.layout}", *options, "--report", str(report)]).code == 0
    write_trust(written.trust, policy=oci_policy(official, statement(name="rest")), stores=scene.stores)
    for target in (f"oci:{written.layout}", f"oci:{written.layout}:{name}", written.target):
        ran = run_here(["verify", target, *options])
        assert (ran.code, NO_NAME in ran.out) == (13 if code == NO_NAME else code, code == NO_NAME), ran
    assert run_here(["verify", f"oci:{written.layout}", *options, "--scope", "registry.example/other"]).code == 0
    shutil.rmtree(written.layout)
    assert run_here(["recheck", str(report), *options]).code == (13 if code == NO_NAME else code)


@pytest.mark.parametrize(("name", "code"), [("nginx:v1", 13), ("app:v1", 0), ("v1", 0)])
def test_a_record_does_not_decide_for_a_name_that_docker_completes(tmp_path: Path, name: str, code: int) -> None:
    """The record of one publisher was beside an image that docker calls after another."""
    scene = Scene(scope=None)
    scene.stores = {**scene.stores, "ca:official": [Pki().tsa_chain().root]}
    scene.policy = oci_policy(
        statement(name="official", registryScopes=["docker.io/library/nginx"], trustStores=["ca:official"]),
        statement(name="prod", registryScopes=[PROD, "docker.io/library/app"]),
    )

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.entries[0]["annotations"][REF_NAME] = name
        declare(builder, target, name=PROD)

    scene.packing.append(pack)
    written = scene.write(tmp_path)
    options = ["--trust", str(written.trust), "--at", iso(written.at), "--format", "json"]
    for target in (f"oci:{written.layout}", f"oci:{written.layout}:{name}"):
        ran = run_here(["verify", target, *options])
        assert ran.code == code, ran
    assert run_here(["verify", f"oci:{written.layout}", *options, "--scope", PROD]).code == 0


@pytest.mark.parametrize(("name", "said"), [("nginx:v1", "docker or podman takes"), ("app:v1", NO_NAME)])
def test_uses_a_name_that_only_docker_load_gives(tmp_path: Path, name: str, said: str) -> None:
    """`index.json` had the tag alone, and `manifest.json` beside it another publisher's name with that tag."""
    scene = Scene(scope=None)
    scene.stores = {**scene.stores, "ca:official": [Pki().tsa_chain().root]}
    official = statement(name="official", registryScopes=["docker.io/library/nginx"], trustStores=["ca:official"])

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        image = json.loads(builder.blobs[target.digest])
        config, *layers = (f"blobs/{item['digest'].replace(':', '/')}" for item in (image["config"], *image["layers"]))
        builder.extra_files["manifest.json"] = json.dumps(
            [{"Config": config, "RepoTags": [name], "Layers": layers}]
        ).encode()

    scene.packing.append(pack)
    written = scene.write(tmp_path)
    options = ["--trust", str(written.trust), "--at", iso(written.at)]
    report = tmp_path / "report.json"
    ran = run_here(["verify", str(written.layout), *options, "--report", str(report)])
    assert (ran.code, f"other names of it here: {name}" in ran.out) == (0, True), ran
    write_trust(written.trust, policy=oci_policy(official, statement(name="rest")), stores=scene.stores)
    ran = run_here(["verify", str(written.layout), *options])
    assert (ran.code, said in ran.out) == (13, True), ran
    shutil.rmtree(written.layout)
    again = run_here(["recheck", str(report), *options])
    assert (again.code, said in again.out) == (13, True), again


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize(
    ("name", "scope", "code"),
    [
        ("nginx@sha256:" + "a" * 64, "docker.io/library/nginx", 13),
        ("nginx@sha512:" + "a" * 128, "docker.io/library/nginx", 13),
        ("app:v1", "localhost/app", 13),
        ("team/app:v1", "localhost/team/app", 13),
        ("app", "localhost/app", 13),
        ("LAB/app:v1", "LAB/app", 13),
        ("LAB/app:v1", "localhost/app", 0),
        ("lab/app:v1", "lab/app", 13),
        ("Registry.Example/app:v1", "registry.example/app", 13),
        ("registry.example:443/app:v1", "registry.example/app", 13),
        ("registry.example:5000/app:v1", "registry.example/app", 0),
    ],
)
def test_a_name_that_tools_take_for_a_repository_of_the_policy_gets_its_statement(
    tmp_path: Path, name: str, scope: str, code: int, *, recorded: bool
) -> None:
    """podman load calls `app:v1` localhost/app; hosts are the same in any case, and HTTPS with its port or without."""
    scene = Scene(scope=None)
    scene.stores = {**scene.stores, "ca:official": [Pki().tsa_chain().root]}
    scene.policy = oci_policy(
        statement(name="official", registryScopes=[scope], trustStores=["ca:official"]), statement(name="rest")
    )

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.entries[0]["annotations"][REF_NAME] = name
        if recorded:
            declare(builder, target, name=repository_of(name) or PROD)

    scene.packing.append(pack)
    written = scene.write(tmp_path)
    options = ["--trust", str(written.trust), "--at", iso(written.at), "--format", "json"]
    # "LAB/app" is no name of a registry: nothing says which repository it is, and a record for another one disagrees
    expected = code or (13 if name.startswith("LAB") else 0)
    for target in (f"oci:{written.layout}", f"oci:{written.layout}:{name}")[: 1 if "@" in name else 2]:
        ran = run_here(["verify", target, *options])
        assert ran.code == expected, ran


@pytest.mark.parametrize("annotation", [REF_NAME, CONTAINERD_NAME])
@pytest.mark.parametrize("tag", ["v1", "v2"])
def test_refuses_a_short_tag_of_two_recorded_names(tmp_path: Path, annotation: str, tag: str) -> None:
    """The layout called it lab/app and prod/app, and had a record of each: `:v1` was judged as whichever came first."""
    scene = _lab_scene()

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.entries[0]["annotations"][REF_NAME] = f"{LAB}:v1"
        if annotation == REF_NAME:
            builder.tag(target, f"{PROD}:{tag}")
        else:
            builder.entries[0]["annotations"][annotation] = f"{PROD}:{tag}"
        for name in (LAB, PROD):
            declare(builder, target, name=name)

    scene.packing[:] = [pack]
    written = scene.write(tmp_path)
    options = ["--trust", str(written.trust), "--at", iso(written.at), "--format", "json"]
    ran = run_here(["verify", f"oci:{written.layout}:v1", *options])
    assert (ran.code, set(ran.reasons)) == (13, {"policy.scope_needed"}), ran
    report = tmp_path / "report.json"
    arguments = ["verify", f"oci:{written.layout}:{LAB}:v1", *options, "--report", str(report)]
    if annotation == CONTAINERD_NAME:
        assert run_here(arguments).code == 13, "containerd takes the entry by its other name"
        return
    assert run_here(arguments).code == 0, "what was typed decides between two entries"
    document = json.loads(report.read_text())
    document["artifacts"][0]["scope_origin"] = "record"
    report.write_text(json.dumps(document))
    assert run_here(["recheck", str(report), *options]).code == 13


@pytest.mark.parametrize("gone", [False, True])
def test_recheck_does_not_treat_a_typed_name_as_a_scope(tmp_path: Path, *, gone: bool) -> None:
    """verify refused what recheck of the same layout passed: docker takes the typed name for another repository."""
    scene = Scene(scope=None)
    scene.stores = {**scene.stores, "ca:official": [Pki().tsa_chain().root]}
    official = statement(name="official", registryScopes=["docker.io/library/nginx"], trustStores=["ca:official"])
    scene.packing.append(lambda builder, _: builder.entries[0]["annotations"].update({REF_NAME: "docker.io/nginx:v1"}))
    written = scene.write(tmp_path)
    options = ["--trust", str(written.trust), "--at", iso(written.at), "--format", "json"]
    target, report = f"oci:{written.layout}:docker.io/nginx:v1", str(tmp_path / "report.json")
    assert run_here(["verify", target, *options, "--report", report]).code == 0
    assert run_here(["recheck", report, *options]).code == 0
    write_trust(written.trust, policy=oci_policy(official, statement(name="rest")), stores=scene.stores)
    assert run_here(["verify", target, *options]).code == 13
    if gone:
        shutil.rmtree(written.layout)
    assert run_here(["recheck", report, *options]).code == 13
    assert run_here(["recheck", report, *options, "--scope", "registry.example/other"]).code == 13, "it was typed"


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.parametrize(
    ("ref", "image", "code"),
    [
        (f"{LAB}:v1", f"{PROD}:v1", 13),
        (f"{PROD}:v1", f"{LAB}:v1", 13),
        (f"{LAB}:v1", f"{LAB}:v1", 0),
        ("v1", f"{LAB}:v1", 0),
        (f"{LAB}:v1", "app:v1", 0),
    ],
)
def test_an_entry_with_two_names_is_judged_alike_by_both(
    tmp_path: Path, ref: str, image: str, code: int, *, gone: bool
) -> None:
    """It passed by the statement of the typed name, and containerd ran it by the other one."""
    scene = Scene(scope=None)
    scene.policy = oci_policy(
        statement(name="prod", registryScopes=[PROD], trustStores=["ca:prod"]),
        statement(name="lab", registryScopes=[LAB]),
    )
    scene.stores = {**scene.stores, "ca:prod": [Pki().tsa_chain().root]}
    scene.packing = [lambda builder, target: builder.list(target, **{REF_NAME: ref, CONTAINERD_NAME: image})]
    scene.refer = lambda written: f"oci:{written.layout}:{LAB}:v1"
    written, report = scene.write(tmp_path), tmp_path / "report.json"
    ran = run_here(written.arguments("--report", str(report)))
    assert (ran.code, "policy.scope_needed" in ran.reasons) == (code, code == 13), ran
    assert run_here(written.arguments("--scope", LAB)).code == 0
    if gone:
        shutil.rmtree(written.layout)
    again = run_here(["recheck", str(report), "--trust", str(written.trust), "--at", iso(written.at)])
    assert (again.code == 0) == (code == 0), again


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("gone", [False, True])
def test_a_recheck_knows_the_other_name_of_the_entry(tmp_path: Path, *, gone: bool, apart: bool) -> None:
    """Since then the policy has a statement for the other name, by which containerd runs the image."""
    scene = Scene(scope=None)
    scene.policy = oci_policy(statement(name="both", registryScopes=[PROD, LAB]))

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        if apart:
            builder.tag(target, f"{LAB}:v1", f"{PROD}:v1")
        else:
            builder.list(target, **{REF_NAME: f"{LAB}:v1", CONTAINERD_NAME: f"{PROD}:v1"})

    scene.packing = [pack]
    scene.refer = lambda written: f"oci:{written.layout}:{LAB}:v1"
    written, report = scene.write(tmp_path), tmp_path / "report.json"
    assert run_here(written.arguments("--report", str(report))).code == 0
    scene.stores = {**scene.stores, "ca:prod": [Pki().tsa_chain().root]}
    scene.policy = oci_policy(
        statement(name="prod", registryScopes=[PROD], trustStores=["ca:prod"]),
        statement(name="lab", registryScopes=[LAB]),
    )
    trust = scene.write_trust(tmp_path / "later")
    if gone:
        shutil.rmtree(written.layout)
    again = run_here(["recheck", str(report), "--trust", str(trust), "--at", iso(written.at)])
    assert again.code == (0 if apart else 13), again
