"""Thousands of indexes that list the same manifests: there are very many paths through them, and few nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from airgap import limits
from airgap.oci import attached as attached_module
from airgap.oci import manifest_reader
from airgap.oci.artifact_tree import TreeBuilder
from airgap.oci.descriptor import IMAGE_CONFIG, IMAGE_INDEX, IMAGE_MANIFEST, REF_NAME, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.open import open_layout
from airgap.oci.store import Store, read_verified
from tests.support.command import run_here
from tests.support.layouts import LayoutBuilder
from tests.support.scenario import Scene, add_image, bare
from tests.support.signing import key_options

WIDTH = 40
"""Three levels of it have 64,000 paths and 3,300 links."""


def lattice(builder: LayoutBuilder, width: int = WIDTH, depth: int = 3) -> Descriptor:
    """An index over `depth` levels of indexes, each of which lists all of the next level."""
    below = [builder.add_index(add_image(builder), annotations={"number": str(number)}) for number in range(width)]
    for level in range(depth - 1):
        below = [builder.add_index(*below, annotations={"number": f"{level}.{number}"}) for number in range(width)]
    return builder.add_index(*below)


def hanging(builder: LayoutBuilder, image: Descriptor, width: int, depth: int = 3) -> None:
    """Levels of cosign's tags, each of which attaches the same manifest to all of the level above it."""
    above = [image]
    for level in range(depth):
        attached = [builder.add_cosign(f"{level}.{number}".encode()) for number in range(width)]
        for subject in above:
            for number, item in enumerate(attached):
                builder.tag(item, f"registry.example/{number}:sha256-{subject.digest.encoded}.att")
        above = attached


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.mark.parametrize("shape", ["index", "referrers"])
@pytest.mark.parametrize("command", ["verify", "ls", "discover", "inspect", "copy", "fetch", "sign"])
def test_visits_each_node_once(tmp_path: Path, scene: Scene, command: str, shape: str) -> None:
    if shape == "index":
        scene.target = lattice(scene.builder)
    else:
        scene.packing.append(lambda builder, target: hanging(builder, target, 16))
    written = scene.write(tmp_path)
    target = f"oci:{written.layout}:v1"
    first, _, *options = written.arguments()
    arguments = {
        "verify": [first, target, *options],
        "ls": ["ls", target],
        "discover": ["discover", target],
        "inspect": ["inspect", target],
        "copy": ["copy", target, str(tmp_path / "new")],
        "fetch": ["trust", "fetch", target, "--trust", str(tmp_path / "fetched"), "--no-download"],
        "sign": ["sign", target, *key_options(tmp_path / "keys", scene.signature.leaf)],
    }[command]
    started = process_time()  # of this process: the machine may be busy with others
    ran = run_here(arguments)
    assert process_time() - started < 10
    assert ran.code == 0, ran
    assert len(ran.out) < 3_000_000


def test_a_tree_has_a_line_for_each_node_and_counts_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REPEATS_SHOWN", 500)
    builder = LayoutBuilder()
    builder.tag(lattice(builder), "v1")
    layout = builder.write_directory(tmp_path / "layout")
    ran = run_here(["discover", f"oci:{layout}:v1"])
    assert ran.code == 0
    lines = ran.out.splitlines()
    nodes = 1 + 3 * WIDTH + 1  # every leaf lists the same image
    assert ran.out.count("(shown above)") == 500
    hidden = sum(int(line.split("and ")[1].split()[0]) for line in lines if "more that are shown elsewhere" in line)
    links = WIDTH + WIDTH * WIDTH * 2 + WIDTH
    assert nodes - 1 + 500 + hidden == links
    document = run_here(["discover", f"oci:{layout}:v1", "--format", "json"]).document
    assert _count(document["artifacts"][0]) == (nodes + 500, hidden)


def _count(tree: dict[str, object]) -> tuple[int, int]:
    children = tree["children"]
    assert isinstance(children, list)
    counts = [_count(child) for child in children]
    more = tree["more"]
    assert isinstance(more, int)
    return 1 + sum(lines for lines, _ in counts), more + sum(hidden for _, hidden in counts)


def test_annotations_of_megabytes_are_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One manifest that 40 tagged indexes list, twice each, wrote its annotations 80 times."""
    monkeypatch.setattr(limits, "REPEATS_SHOWN", 600)
    builder = LayoutBuilder()
    large = builder.add_index(add_image(builder), annotations={"a": "x" * 1_000_000})
    for number in range(40):
        builder.tag(
            builder.add_index(large, builder.add_index(large), annotations={"number": str(number)}), f"v{number}"
        )
    ran = run_here(["discover", f"oci:{builder.write_directory(tmp_path / 'layout')}", "--format", "json"])
    assert ran.code == 0
    assert len(ran.out) < 5_000_000


def test_trees_of_many_artifacts_share_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each tree is whole as long as there is room: a tag beside its index shows its own referrers."""
    builder = LayoutBuilder()
    image = add_image(builder)
    builder.tag(image, "v1-amd64")
    builder.add_referrer(image, b"sbom", artifact_type="a/sbom")
    for number in range(50):
        builder.tag(builder.add_index(image, annotations={"number": str(number)}), f"v{number}")
    with open_layout(builder.write_directory(tmp_path / "layout")) as store:
        graph = Graph(store)
        for budget, whole in ((10_000, 51), (20, 11)):
            monkeypatch.setattr(limits, "REPEATS_SHOWN", budget)
            tree_builder = TreeBuilder(graph)
            trees = [tree_builder.draw(root.descriptor) for root in graph.roots()]
            assert sum("a/sbom" in repr(tree) for tree in trees) == whole
            assert all(tree.below or tree.more for tree in trees)


@pytest.mark.parametrize(("levels", "below"), [(limits.GRAPH_DEPTH, 0), (limits.GRAPH_DEPTH + 1, 1)])
def test_a_tree_is_drawn_as_deep_as_graphs_are_walked(tmp_path: Path, levels: int, below: int) -> None:
    builder = LayoutBuilder()
    deep = add_image(builder)
    for _ in range(levels - 1):
        deep = builder.add_index(deep)
    builder.tag(deep, "v1")
    with open_layout(builder.write_directory(tmp_path / "layout")) as store:
        tree_builder = TreeBuilder(Graph(store))
        tree = tree_builder.draw(deep)
    assert sum(problem.path == "below" for problem in tree_builder.unread) == below
    drawn = 1
    while tree.below:
        (tree,) = tree.below
        drawn += 1
    assert drawn == levels


def test_artifacts_that_reach_too_much_together_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of tagged indexes over one index of thousands: few nodes, and without a bound 10^8 steps."""
    monkeypatch.setattr(limits, "GRAPH_REACHED", 2_000)
    builder = LayoutBuilder()
    hub = builder.add_index(*(builder.add_image(b"%d" % number) for number in range(100)))
    for number in range(20):
        builder.tag(builder.add_index(hub, annotations={"number": str(number)}), f"v{number}")
    layout = builder.write_directory(tmp_path / "layout")
    with open_layout(layout) as store:
        graph = Graph(store)
        reasons = [{problem.reason for problem in graph.closure(root.descriptor).problems} for root in graph.roots()]
    assert reasons[0] == set()
    assert reasons[-1] == {"content.limit"}
    ran = run_here(["copy", f"oci:{layout}", str(tmp_path / "new")])
    assert (ran.code, "reach more than 2000" in ran.err) == (16, True), ran
    assert run_here(["copy", f"oci:{layout}:v1", str(tmp_path / "new")]).code == 0


def test_a_cycle_of_cosign_tags_ends(tmp_path: Path, scene: Scene) -> None:
    """Tags are no digests: two manifests can each claim to be about the other."""

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        one, two = builder.add_cosign(b"one"), builder.add_cosign(b"two")
        for subject, attached in ((target, one), (one, two), (two, one)):
            builder.tag(attached, f"sha256-{subject.digest.encoded}.att")

    scene.packing.append(pack)
    written = scene.write(tmp_path)
    ran = run_here(written.arguments())
    assert (ran.code, len(ran.document["artifacts"][0]["referrers"])) == (0, 2)
    assert run_here(["discover", written.target]).code == 0


def test_a_blob_under_many_unknown_types_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred thousand entries may state a type of their own each for four megabytes of JSON."""
    builder = LayoutBuilder()
    blob = builder.add_blob(b"[" + b"1," * 1000 + b"1]")
    for number in range(100):
        other = replace(blob, media_type=f"application/vnd.example.{number}")
        builder.tag(other, f"v{number}")
        builder.list(other)
    read: list[Digest] = []

    def counted(store: Store, descriptor: Descriptor) -> bytes:
        read.append(descriptor.digest)
        return read_verified(store, descriptor)

    monkeypatch.setattr("airgap.oci.manifest_reader.read_verified", counted)
    with open_layout(builder.write_directory(tmp_path / "layout")) as store:
        graph = Graph(store)
        closures = [graph.closure(root.descriptor) for root in graph.roots()]
    assert (len(closures), read) == (100, [blob.digest])


@pytest.mark.parametrize("bound", [1_000, limits.GRAPH_REACHED])
def test_entries_that_many_artifacts_share_are_counted_for_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: int
) -> None:
    """An index that lists one image 200 times has few nodes, and each artifact above it walks through all entries."""
    monkeypatch.setattr(limits, "GRAPH_REACHED", bound)
    builder = LayoutBuilder()
    shared = builder.add_index(*[add_image(builder)] * 200)
    for number in range(20):
        builder.tag(builder.add_index(shared, annotations={"number": str(number)}), f"v{number}")
    path = builder.write_directory(tmp_path / "layout")
    with open_layout(path) as layout:
        graph = Graph(layout)
        problems = [problem for root in graph.roots() for problem in graph.closure(root.descriptor).problems]
    assert {problem.reason for problem in problems} == ({"content.limit"} if bound == 1_000 else set())
    listed, copied = run_here(["ls", str(path)]), run_here(["copy", f"oci:{path}", str(tmp_path / "new")])
    assert (listed.code, copied.code) == ((16, 16) if bound == 1_000 else (0, 0))
    assert ("more than 1000; what is beyond was not looked at" in listed.out) == (bound == 1_000)
    assert ("reach more than 1000" in copied.err) == (bound == 1_000)


def test_ls_reads_each_config_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each was read for each artifact that reaches it."""
    builder = LayoutBuilder()
    images = [builder.add_image(b"%d" % number, platform=None) for number in range(10)]
    for number in range(20):
        builder.tag(builder.add_index(*images, annotations={"number": str(number)}), f"v{number}")
    read: list[Digest] = []

    def counted(store: Store, descriptor: Descriptor) -> bytes:
        read.append(descriptor.digest)
        return read_verified(store, descriptor)

    monkeypatch.setattr("airgap.stages.ls.read_verified", counted)
    ran = run_here(["ls", str(builder.write_directory(tmp_path / "layout"))])
    assert (ran.code, ran.out.count("linux/amd64"), len(read)) == (0, 20, 1), ran


def _tagged(builder: LayoutBuilder, image: Descriptor, count: int) -> None:
    """Entries that give one index the same referrers tag."""
    sbom = builder.add_referrer(image, b"{}", artifact_type="application/x.sbom", listed=False)
    children = [replace(sbom, annotations={"number": str(number)}).to_json() for number in range(count)]
    document = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": children}
    index = builder.add_manifest(document, IMAGE_INDEX)
    for number in range(count):
        builder.list(index, **{REF_NAME: f"sha256-{image.digest.encoded}", "number": str(number)})


def _aside(builder: LayoutBuilder, image: Descriptor, count: int) -> None:
    """Attachments of hauler that name a child of one index."""
    children = [bare(image) | {"annotations": {"number": str(number)}} for number in range(count)]
    document = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": children}
    builder.list(builder.add_manifest(document, IMAGE_INDEX), **{REF_NAME: "v2", "kind": "dev.hauler/imageIndex"})
    attached = builder.add_cosign(b"signature")
    for number in range(count):
        kind = f"dev.hauler/sigs/{image.digest.encoded}"
        builder.list(attached, **{REF_NAME: "v2", "kind": kind, "number": str(number)})


def _layered(builder: LayoutBuilder, image: Descriptor, count: int) -> None:
    """Entries that list one attachment with many layers under the name of the image."""
    layer = bare(builder.add_blob(b'{"critical":1}', "text/plain"))
    config = bare(builder.add_blob(b'{"a":1}', IMAGE_CONFIG))
    document = {"schemaVersion": 2, "mediaType": IMAGE_MANIFEST, "config": config, "layers": [layer] * count}
    attached = builder.add_manifest(document | {"subject": bare(image)})
    for number in range(count):
        builder.list(attached, **{REF_NAME: "v1", "number": str(number)})


@pytest.mark.parametrize("pack", [_tagged, _aside, _layered])
def test_entries_of_one_manifest_look_at_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Callable[..., None]
) -> None:
    """The work grows with the entries and the children, not with their product."""
    looked: list[object] = []
    for owner, name in ((manifest_reader.ManifestReader, "read"), (attached_module, "_unpacks")):
        monkeypatch.setattr(owner, name, _counting(getattr(owner, name), looked))
    builder = LayoutBuilder()
    image = builder.add_image()
    builder.tag(image, "v1")
    pack(builder, image, 200)
    builder.write_tar(tmp_path / "layout.tar")
    with open_layout(tmp_path / "layout.tar") as store:
        Graph(store).whole()
    assert 0 < len(looked) < 200 * 60


def _counting(call: Callable[..., Any], calls: list[object]) -> Callable[..., Any]:
    def counted(*arguments: Any) -> Any:
        calls.append(arguments)
        return call(*arguments)

    return counted
