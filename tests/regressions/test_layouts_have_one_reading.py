"""Files beside a layout, or in its place, that another tool reads instead."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airgap.errors import ContentError
from airgap.oci.descriptor import CONTAINERD_NAME, REF_NAME, Descriptor
from airgap.oci.graph import Graph
from airgap.oci.open import open_layout
from tests.support.command import Ran, run_here
from tests.support.layouts import LayoutBuilder, tar_of
from tests.support.scenario import Scene, Written

NAME = "docker.io/library/app:v1"
Edit = Callable[[dict[str, Any]], object]


def _written(
    tmp_path: Path, edit: Edit, *, archive: bool = True, more: dict[str, bytes] | None = None, name: str | None = NAME
) -> Written:
    """An image, saved as docker does, with one change in manifest.json."""
    scene = Scene(archive=archive)

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.entries.clear()
        scene.signature.attach(builder, target)
        builder.list(target, **{REF_NAME: "v1"} | ({CONTAINERD_NAME: name} if name else {}))
        image = json.loads(builder.blobs[target.digest])
        path = {key: f"blobs/{digest.replace(':', '/')}" for key, digest in _digests(image).items()}
        item: dict[str, Any] = {"Config": path.pop("config"), "RepoTags": ["app:v1"], "Layers": list(path.values())}
        item["LayerSources"] = {layer["digest"]: layer for layer in image["layers"]}
        document = [item] if edit(item) is not DROP else []
        builder.extra_files["manifest.json"] = json.dumps(document).encode()
        builder.extra_files |= more or {}

    scene.packing.append(pack)
    return scene.write(tmp_path)


def _saved(
    tmp_path: Path, edit: Edit, *, archive: bool = True, more: dict[str, bytes] | None = None, name: str | None = NAME
) -> tuple[Ran, Ran]:
    """What verify says of the whole and of its one image."""
    written = _written(tmp_path, edit, archive=archive, more=more, name=name)
    arguments = written.arguments()
    whole = written.target.partition("@")[0]
    one, all_ = (run_here([arguments[0], target, *arguments[2:]]) for target in (f"{whole}:v1", whole))
    return all_, one


DROP = object()


def _digests(image: dict[str, Any]) -> dict[str, str]:
    return {"config": image["config"]["digest"]} | {layer["digest"]: layer["digest"] for layer in image["layers"]}


@pytest.mark.parametrize("archive", [False, True], ids=["directory", "tar"])
@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda _: None, id="as docker writes it"),
        pytest.param(lambda item: item.update(RepoTags=None), id="no name"),
        pytest.param(lambda item: item.update(RepoTags=["index.docker.io/library/app:v1", NAME]), id="whole name"),
        pytest.param(lambda item: item.update(Parent="sha256:x", LayerSources={}), id="more members"),
        pytest.param(lambda item: item["LayerSources"].pop(_digest(item, 0)), id="sources of some layers"),
        pytest.param(
            lambda item: item.update(
                LayerSources={key: dict(reversed(it.items())) for key, it in reversed(item["LayerSources"].items())}
            ),
            id="members in another order",
        ),
        pytest.param(lambda _: DROP, id="fewer images"),
    ],
)
def test_accepts_a_manifest_json_that_agrees(tmp_path: Path, edit: Edit, *, archive: bool) -> None:
    repositories = {"repositories": b'{"app":{"v1":"0123"}}'}
    whole, _ = _saved(tmp_path, edit, archive=archive, more=repositories)
    assert (whole.code, whole.document["warnings"]) == (0, []), whole


def _digest(item: dict[str, Any], layer: int) -> str:
    return str(item["Layers"][layer]).removeprefix("blobs/").replace("/", ":")


def _source(edit: Edit) -> Edit:
    """A change of what LayerSources says of the first layer."""
    return lambda item: edit(item["LayerSources"][_digest(item, 0)])


def _permuted(item: dict[str, Any]) -> None:
    item["LayerSources"] = dict(zip(item["LayerSources"], reversed(item["LayerSources"].values()), strict=True))


@pytest.mark.parametrize("archive", [False, True], ids=["directory", "tar"])
@pytest.mark.parametrize(
    ("edit", "words"),
    [
        pytest.param(lambda item: item.update(Config="blobs/sha256/" + "0" * 64), "config", id="another image"),
        pytest.param(lambda item: item.update(Config="x.json"), "x.json", id="a file beside the blobs"),
        pytest.param(lambda item: item["Layers"].append(item["Layers"][0]), "other layers", id="one layer more"),
        pytest.param(lambda item: item["Layers"].reverse(), "other layers", id="another order"),
        pytest.param(lambda item: item.update(Layers=None), "other layers", id="no layers"),
        pytest.param(_source(lambda it: it.update(digest="sha256:" + "0" * 64)), "LayerSources", id="another source"),
        pytest.param(_source(lambda it: it.update(size=it["size"] + 1)), "LayerSources", id="a source of another size"),
        pytest.param(_source(lambda it: it.update(urls=["https://evil.example/x"])), "LayerSources", id="a source URL"),
        pytest.param(_source(lambda it: it.update(URLs=["https://evil.example/x"])), "LayerSources", id="in Go's case"),
        pytest.param(_source(lambda it: it.update(annotations={"a": "b"})), "LayerSources", id="a note of the source"),
        pytest.param(_source(lambda it: it.update(mediaType="x/y")), "LayerSources", id="another type of the source"),
        pytest.param(_source(lambda it: it.pop("size")), "LayerSources", id="a source without a size"),
        pytest.param(_source(lambda it: it.update(size=float(it["size"]))), "LayerSources", id="a fraction as size"),
        pytest.param(_permuted, "LayerSources", id="sources in another order"),
        pytest.param(
            lambda item: item["LayerSources"].update(
                {"sha256:" + "1" * 64: item["LayerSources"][_digest(item, 0)]},
            ),
            "LayerSources",
            id="a source by another digest",
        ),
        pytest.param(
            lambda item: item["LayerSources"][_digest(item, 0)].update(
                digest=item["Config"].removeprefix("blobs/").replace("/", ":")
            ),
            "LayerSources",
            id="the config as a source",
        ),
        pytest.param(lambda item: item.update(RepoTags=["app:v1", "app:v2"]), "'app:v2'", id="one name more"),
        pytest.param(lambda item: item.update(RepoTags=["evil/app:v1"]), "'evil/app:v1'", id="another repository"),
    ],
)
def test_refuses_a_manifest_json_that_names_another_image(
    tmp_path: Path, edit: Edit, words: str, *, archive: bool
) -> None:
    """docker load takes what manifest.json names, whatever index.json says; crane holds no layer against the config."""
    whole, one = _saved(tmp_path, edit, archive=archive)
    (problem,) = whole.document["problems"]
    assert (whole.code, problem["reason"], words in problem["message"]) == (16, "layout.disagrees", True), whole
    if item_is_another := words in {"config", "x.json", "other layers", "LayerSources"}:
        (problem,) = one.document["problems"]
        assert "docker load takes 'app:v1' from" in problem["message"]
    else:
        (warning,) = one.document["warnings"]
        assert warning["reason"] == "layout.disagrees"
    assert one.code == (11 if item_is_another else 0), one


@pytest.mark.parametrize(("typed", "code"), [("v1", 11), (NAME, 11), ("v2", 0)])
def test_refuses_a_name_of_a_repositories_file_without_manifest_json(tmp_path: Path, typed: str, code: int) -> None:
    scene = Scene(archive=True, refer=lambda written: f"{written.layout}:{typed}")

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.list(target, **{REF_NAME: typed} | ({CONTAINERD_NAME: NAME} if typed == NAME else {}))
        builder.extra_files["repositories"] = b'{"app":{"v1":"0123"}}'

    scene.packing.append(pack)
    ran = run_here(scene.write(tmp_path).arguments())
    assert ran.code == code, ran
    assert ("docker load takes 'app:v1' from repositories" in str(ran.document["problems"])) is (code == 11)


def test_refuses_an_index_of_which_manifest_json_names_another_image(tmp_path: Path) -> None:
    """What the index lists beside its images is none."""
    scene = Scene(archive=True, refer=lambda written: f"{written.layout}:v1")
    builder = scene.builder
    sbom = builder.add_image(builder.add_blob(b"{}", "application/vnd.in-toto+json"))
    scene.target = builder.add_index(builder.add_image(), sbom)
    builder.tag(scene.target, "v1")
    builder.extra_files["manifest.json"] = json.dumps([{"Config": "evil.json", "Layers": []}]).encode()
    ran = run_here(scene.write(tmp_path).arguments())
    assert (ran.code, "takes the only image of manifest.json" in str(ran.document["problems"])) == (11, True), ran


@pytest.mark.parametrize(("name", "called"), [(None, "nothing"), ("v2", "'v2'")])
def test_says_what_index_json_calls_an_image(
    tmp_path: Path, builder: LayoutBuilder, name: str | None, called: str
) -> None:
    image = builder.add_image()
    builder.list(image, **({REF_NAME: name} if name else {}))
    paths = [
        f"blobs/{digest.replace(':', '/')}" for digest in _digests(json.loads(builder.blobs[image.digest])).values()
    ]
    item = {"Config": paths[0], "Layers": paths[1:], "RepoTags": ["app:v1"]}
    builder.extra_files["manifest.json"] = json.dumps([item]).encode()
    with open_layout(builder.write_tar(tmp_path / "x.tar")) as layout:
        (problem,) = Graph(layout).disagreements
    assert problem.message == f"docker load calls an image 'app:v1' that index.json calls {called}"


@pytest.mark.parametrize("tags", [None, [], ["evil:v9"]])
def test_refuses_a_manifest_json_whose_only_image_is_not_the_named_one(tmp_path: Path, tags: list[str] | None) -> None:
    """`crane push FILE` and `skopeo copy docker-archive:FILE` take the only image, whatever it is called."""
    whole, one = _saved(tmp_path, lambda item: item.update(Config="blobs/sha256/" + "0" * 64, RepoTags=tags))
    (problem,) = one.document["problems"]
    assert "docker load takes the only image of manifest.json from" in problem["message"], one
    assert (whole.code, one.code) == (16, 11)


def test_the_only_image_of_manifest_json_is_an_image(tmp_path: Path) -> None:
    """The typed name is of an SBOM: no tool takes an image for it."""
    scene = Scene(archive=True)

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        sbom = builder.add_referrer(
            target, b"{}", artifact_type="application/spdx+json", layer_type="text/spdx", listed=False
        )
        builder.tag(sbom, "sbom")
        paths = [
            f"blobs/{item.replace(':', '/')}" for item in _digests(json.loads(builder.blobs[target.digest])).values()
        ]
        item = {"Config": paths[0], "Layers": paths[1:], "RepoTags": ["app:v1"]}
        builder.extra_files["manifest.json"] = json.dumps([item]).encode()

    scene.packing.append(pack)
    written = scene.write(tmp_path)
    for tag in ("v1", "sbom"):
        assert run_here(["inspect", f"{written.layout}:{tag}"]).code == 0


@pytest.mark.parametrize(
    ("evil", "code"), [("unknown, first", 11), ("unknown, last", 0), ("of another entry, first", 0)]
)
def test_refuses_a_manifest_json_whose_first_image_is_not_judged(tmp_path: Path, evil: str, code: int) -> None:
    """`regctl image import` takes the first image of manifest.json where a blob of index.json is missing."""
    scene = Scene(archive=True, refer=lambda written: f"{written.layout}:v1")

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        other = builder.tag(builder.add_image(b"other", config=b'{"os":"linux"}'), "v2")
        paths = [
            [f"blobs/{item.replace(':', '/')}" for item in _digests(json.loads(builder.blobs[image.digest])).values()]
            for image in (other, target)
        ]
        items = [{"Config": item[0], "Layers": item[1:]} for item in paths]
        if "unknown" in evil:
            items[0]["Config"] = "evil.json"
        builder.extra_files["manifest.json"] = json.dumps(items[::-1] if "last" in evil else items).encode()

    scene.packing.append(pack)
    ran = run_here(scene.write(tmp_path).arguments())
    message = str(ran.document["problems"])
    assert (ran.code, "takes the first image of manifest.json from evil.json" in message) == (code, code != 0), ran


@pytest.mark.parametrize(
    ("ref", "name", "tag"),
    [
        ("{name}", "reg.example/app@{digest}", "reg.example/app@{digest}"),
        ("{name}", "docker.io/library/app@{digest}", "app@{digest}"),
        ("v1@{digest}", "docker.io/library/app:v1@{digest}", "app:v1@{digest}"),
        ("", "reg.example/app@{digest}", "reg.example/app:latest"),
        ("v1", "reg.example/app:v1@{digest}", "reg.example/app:v1"),
        ("v1", "ocidir://./A_ship/of..it:v1", "localhost/a-ship/of-it:v1"),
        ("v1", "ocidir://../ship:v1@{digest}", "localhost/ship:v1"),
        ("", "ocidir://ship", "localhost/ship:latest"),
        ("v1", "ocidir:///srv//ship:v1", "localhost/srv/ship:v1"),
    ],
)
def test_names_with_a_digest_or_path_agree_with_themselves(tmp_path: Path, ref: str, name: str, tag: str) -> None:
    """`ctr images export` writes the first three, `regctl image export` the others."""

    def whole(folder: str, tag: str) -> Ran:
        scene = Scene(archive=True, refer=lambda written: str(written.layout))

        def pack(builder: LayoutBuilder, target: Descriptor) -> None:
            called = name.format(digest=target.digest)
            builder.entries[0]["annotations"] = {REF_NAME: ref.format(name=called, digest=target.digest)}
            builder.entries[0]["annotations"][CONTAINERD_NAME] = called
            paths = [
                f"blobs/{item.replace(':', '/')}"
                for item in _digests(json.loads(builder.blobs[target.digest])).values()
            ]
            item = {"Config": paths[0], "Layers": paths[1:], "RepoTags": [tag.format(digest=target.digest)]}
            builder.extra_files["manifest.json"] = json.dumps([item]).encode()

        scene.packing.append(pack)
        (tmp_path / folder).mkdir()
        return run_here(scene.write(tmp_path / folder).arguments())

    assert whole("good", tag).code == 0
    for number, other in enumerate((f"evil/{tag}", tag.replace("app", "evil").replace("ship", "evil"))):
        assert "layout.disagrees" in whole(str(number), other).reasons


@pytest.mark.parametrize(("typed", "code"), [(NAME, 11), ("v1", 11), ("docker.io/library/app:v2", 0), ("@", 0)])
def test_refuses_a_name_that_docker_load_gives_to_another_image(tmp_path: Path, typed: str, code: int) -> None:
    """docker load runs what the last item of a name says."""
    scene = Scene()

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        other = builder.add_image(b"evil", config=b'{"architecture":"amd64","os":"linux","evil":1}')
        builder.entries[0]["annotations"] = {REF_NAME: "v1", CONTAINERD_NAME: NAME}
        builder.list(target, **{REF_NAME: "docker.io/library/app:v2"})
        builder.list(other, **{REF_NAME: "evil"})
        items = []
        for image, tags in ((target, ["app:v1", "app:v2"]), (other, ["app:v1"])):
            paths = [
                f"blobs/{digest.replace(':', '/')}"
                for digest in _digests(json.loads(builder.blobs[image.digest])).values()
            ]
            items.append({"Config": paths[0], "Layers": paths[1:], "RepoTags": tags})
        builder.extra_files["manifest.json"] = json.dumps(items).encode()

    scene.packing.append(pack)
    written = scene.write(tmp_path)
    suffix = f"@{written.digest}" if typed.startswith("@") else f":{typed}"
    arguments = written.arguments()
    for command in (
        [arguments[0], f"{written.layout}{suffix}", *arguments[2:]],
        ["inspect", f"{written.layout}{suffix}"],
    ):
        assert run_here(command).code == code


UNREAD: dict[str, tuple[Edit, dict[str, bytes]]] = {
    "another spelling": (lambda item: item.update(config=item.pop("Config")), {}),
    "no list": (lambda _: None, {"manifest.json": b"{}"}),
    "cut": (lambda _: None, {"manifest.json": b'[{"Config":"blobs'}),
    "empty": (lambda _: None, {"manifest.json": b""}),
    "tags of another form": (lambda item: item.update(RepoTags="evil.example/app:v1"), {}),
    "repositories of another form": (lambda _: None, {"repositories": b'{"evil.example/app":["v1"]}'}),
}


@pytest.mark.parametrize("archive", [False, True], ids=["directory", "tar"])
@pytest.mark.parametrize("name", UNREAD)
def test_refuses_unreadable_files_that_other_tools_read_names_from(tmp_path: Path, name: str, archive: bool) -> None:
    """For a typed tag it was a warning, and the names in it counted for none."""
    edit, more = UNREAD[name]
    for ran in _saved(tmp_path, edit, archive=archive, more=more):
        (problem,) = ran.document["problems"]
        assert (ran.code, problem["reason"]) == (16, "layout.disagrees"), ran
        assert "cannot be read" in problem["message"]


def _commands(target: str, place: Path, trust: Path) -> Iterator[list[str]]:
    yield from (["discover", target], ["inspect", target], ["ls", target])
    for number, option in enumerate(([], ["--dry-run"], ["--keep-going"])):
        yield ["copy", target, f"oci:{place}/copy{number}", *option]
    yield ["copy", target, f"{place}/copy.tar"]
    yield ["trust", "fetch", target, "--trust", str(trust)]


@pytest.mark.parametrize("name", ["manifest.json", "repositories"])
def test_refuses_folders_where_other_tools_read_names_from_a_file(tmp_path: Path, name: str) -> None:
    """A command that cannot look at the names cannot say what a name means, nor what all of them are."""
    scene = Scene()
    scene.afterwards = [lambda written: (written.layout / name).mkdir()]
    written = scene.write(tmp_path)
    whole = written.target.partition("@")[0]
    for target in (written.target, whole, f"{whole}:v1"):
        arguments = written.arguments()
        ran = run_here([arguments[0], target, *arguments[2:]])
        (problem,) = ran.document["problems"]
        assert (ran.code, problem["reason"]) == (16, "layout.malformed"), ran
        for command in _commands(target, tmp_path / target[-2:], written.trust):
            ran = run_here(command)
            assert ran.code == (0 if target == written.target else 16), (command, ran)
            assert target == written.target or name in ran.out + ran.err


def test_refuses_a_tag_where_docker_may_give_it_to_another_image(tmp_path: Path) -> None:
    """A copy of the whole is the remedy, as of `manifest.json` that names something else."""
    scene = Scene()
    scene.builder.extra_files["manifest.json"] = b"{"
    written = scene.write(tmp_path)
    whole = written.target.partition("@")[0]
    for target, code in ((f"{whole}:v1", 16), (whole, 0)):
        for command in _commands(target, tmp_path / target[-2:], written.trust):
            assert run_here(command).code == code, command


def _unknown_artifact(builder: LayoutBuilder, image: Descriptor) -> None:
    builder.tag(replace(image, media_type="application/vnd.example"), "v1")


def _unknown_child(builder: LayoutBuilder, image: Descriptor) -> None:
    builder.tag(builder.add_index(replace(image, media_type="application/vnd.example")), "v1")


@pytest.mark.parametrize("make", [_unknown_artifact, _unknown_child])
@pytest.mark.parametrize("archive", [False, True], ids=["directory", "tar"])
def test_refuses_a_manifest_under_a_type_that_is_not_known(
    tmp_path: Path, make: Callable[[LayoutBuilder, Descriptor], None], *, archive: bool
) -> None:
    """copy took it for a blob, and left config, layers and signatures behind (LAYOUT-2)."""
    builder = LayoutBuilder()
    make(builder, builder.add_image())
    place = builder.write_tar(tmp_path / "l.tar") if archive else builder.write_directory(tmp_path / "l")
    trust = Scene().write_trust(tmp_path / "trust")
    for suffix in (":v1", ""):
        for command in (
            *_commands(f"{place}{suffix}", tmp_path / suffix[1:], trust),
            ["verify", f"{place}{suffix}", "--trust", str(trust), "--scope", "registry.example/app"],
        ):
            if command[0] == "inspect" and make is _unknown_child:
                continue  # it looks at the artifact's own signatures
            ran = run_here(command)
            keeps_going = "--keep-going" in command
            assert ran.code == 16, (command, ran)
            assert keeps_going or "says of itself that it is" in ran.out + ran.err


@pytest.mark.parametrize(
    ("tag", "code"), [("registry.example/prod/app:v1", 16), ("prod/app:v1", 16), ("app:v2", 16), ("app:v1", 0)]
)
def test_refuses_a_manifest_json_that_gives_an_image_another_publishers_name(
    tmp_path: Path, tag: str, code: int
) -> None:
    whole, _ = _saved(tmp_path, lambda item: item.update(RepoTags=[tag]), name=None)
    assert (whole.code, bool(whole.document["problems"])) == (code, code != 0), whole


@pytest.mark.parametrize(
    ("data", "code"),
    [(b'{"app":{"v1":"0","v2":"0"}}', 16), (b'{"evil":{"v1":"0"}}', 16), (b"[]", 16), (b'{"app":[]}', 16), (b"{}", 0)],
)
def test_refuses_a_repositories_file_that_names_another_image(tmp_path: Path, data: bytes, code: int) -> None:
    whole, _ = _saved(tmp_path, lambda _: None, more={"repositories": data})
    assert (whole.code, bool(whole.document["problems"])) == (code, code != 0), whole


@pytest.mark.parametrize("data", [b'{"app":{"v1":"0123"}}', b'{"app":{}}', b"{}"])
def test_refuses_a_repositories_file_without_manifest_json(tmp_path: Path, data: bytes) -> None:
    """Without a name, too: docker load takes each folder for an image."""
    scene = Scene(archive=True)
    scene.builder.extra_files["repositories"] = data
    written = scene.write(tmp_path)
    arguments = written.arguments()
    assert run_here([arguments[0], written.target.partition("@")[0], *arguments[2:]]).code == 16


@pytest.mark.parametrize("name", ["INDEX.JSON", "Oci-Layout", "Blobs/sha256/x"])
def test_refuses_members_that_are_equal_where_case_is_ignored(
    tmp_path: Path, builder: LayoutBuilder, name: str
) -> None:
    builder.tag(builder.add_image(), "v1")
    path = tmp_path / "layout.tar"
    path.write_bytes(tar_of(builder.files() | {name: b"{}"}))
    with pytest.raises(ContentError, match="another spelling of"), open_layout(path):
        pass


def test_reports_a_blobs_folder_without_rights_as_unreadable(
    tmp_path: Path, builder: LayoutBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = builder.tag(builder.add_image(), "v1")
    layout = builder.write_directory(tmp_path / "layout")
    real = Path.lstat

    def lstat(path: Path) -> object:
        if path.name == "sha256":
            raise PermissionError(13, "Permission denied")
        return real(path)

    with open_layout(layout) as store:
        monkeypatch.setattr(Path, "lstat", lstat)  # root may enter whatever its mode is
        with pytest.raises(ContentError, match="Permission denied"):
            Graph(store).manifest(image)


@pytest.mark.parametrize("transport", ["", "oci:"])
def test_refuses_a_name_that_is_a_folder_and_a_tag(tmp_path: Path, transport: str) -> None:
    """Other tools end the path at the first colon: what passed would not have been what they run."""
    written = Scene().write(tmp_path)
    written.layout.rename(tmp_path / "stick:v1")
    unsigned = LayoutBuilder()
    unsigned.tag(unsigned.add_image(b"unsigned"), "v1")
    unsigned.write_directory(tmp_path / "stick")
    arguments = written.arguments()
    ran = run_here([arguments[0], f"{transport}{tmp_path}/stick:v1", *arguments[2:]])
    assert (ran.code, "both paths exist" in ran.document["problems"][0]["message"]) == (2, True), ran


@pytest.fixture
def builder() -> LayoutBuilder:
    return LayoutBuilder()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_data_that_one_of_several_entries_embeds_are_checked(tmp_path: Path, number: int) -> None:
    """Of several entries of one content the first alone was looked at: a name passed with the whole, and not alone."""
    scene = Scene()

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.entries = [entry for entry in builder.entries if REF_NAME not in entry.get("annotations", {})]
        for place, name in enumerate(("v1", "v2", "v3")):
            builder.tag(replace(target, data=bytes(target.size) if place == number else None), name)

    scene.packing.append(pack)
    written = scene.write(tmp_path)
    whole = written.target.partition("@")[0]
    for target, code in ((whole, 16), (f"{whole}:v{number + 1}", 16), (f"{whole}:v{(number + 1) % 3 + 1}", 0)):
        arguments = written.arguments()
        ran = run_here([arguments[0], target, *arguments[2:]])
        assert ran.code == code
        assert not code or "content.data" in json.dumps(ran.document)


@pytest.mark.parametrize("unread", [False, True])
@pytest.mark.parametrize("archive", [False, True], ids=["directory", "tar"])
def test_copy_says_what_docker_would_load_and_is_not_copied(tmp_path: Path, archive: bool, unread: bool) -> None:
    """The copy is what was judged: it has no manifest.json. But a user who asks for the whole source must know."""
    edit, more = UNREAD["cut"] if unread else (lambda item: item.update(RepoTags=["evil/app:v1"]), {})
    written = _written(tmp_path, edit, archive=archive, more=more)
    whole = written.target.partition("@")[0]
    for number, trust in enumerate(([], ["--trust", str(written.trust)])):
        ran = run_here(["copy", *trust, "--format", "json", whole, f"oci:{tmp_path}/copy{number}"])
        if unread and trust:  # it may give any name to what was judged
            assert ran.code == 16
            continue
        assert ran.code == 0, ran
        (warning,) = ran.document["warnings"]
        assert warning["reason"] == "layout.disagrees"
        assert warning["message"].endswith("; it is not copied"), warning
