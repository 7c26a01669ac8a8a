from __future__ import annotations

import pickle
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airgap.oci.content import ContentChecker, ContentReport
from airgap.oci.content_mode import Content
from airgap.oci.descriptor import Descriptor, Platform
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.layout import LayoutDirectory
from airgap.oci.open import open_layout
from tests.support.layouts import LayoutBuilder, tar_member, write_sparse_tar

FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
NONDISTRIBUTABLE = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
BIG = 700_000
"""Some of these together are more than is hashed without an executor."""


class Pickling(Executor):
    """What a pool of processes or a cluster demands of work, without one."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        function, arguments = pickle.loads(pickle.dumps((fn, args)))  # noqa: S301 - our own
        future: Future[Any] = Future()
        future.set_result(pickle.loads(pickle.dumps(function(*arguments))))  # noqa: S301 - our own
        for argument in arguments:
            if hasattr(argument, "close"):
                argument.close()
        return future


@pytest.fixture(params=["here", "threads", "processes"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor | None]:
    """The report must not depend on who hashes."""
    if request.param == "threads":
        with ThreadPoolExecutor(2) as pool:
            yield pool
    else:
        yield Pickling() if request.param == "processes" else None


def check(
    builder: LayoutBuilder,
    root: Descriptor,
    place: Path,
    executor: Executor | None = None,
    *,
    mode: Content = Content.ALL,
    absent: frozenset[Digest] = frozenset(),
) -> ContentReport:
    """The report on a directory, which must be the one on a tar of it."""
    reports = []
    for write in (builder.write_directory, builder.write_tar):
        with open_layout(write(place / write.__name__)) as store:
            closure = Graph(store).closure(root, declared_absent=absent)
            report = ContentChecker(store, None if executor is None else lambda: executor).check(closure, mode=mode)
            reports.append(report)
            reasons = [(problem.reason, problem.path, problem.facts) for problem in report.problems]
            assert reasons == [(problem.reason, problem.path, problem.facts) for problem in reports[0].problems]
    assert (reports[0].blobs, reports[0].bytes) == (reports[1].blobs, reports[1].bytes)
    return reports[0]


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_good_content_passes_to_the_last_byte(
    builder: LayoutBuilder, tmp_path: Path, algorithm: str, executor: Executor | None
) -> None:
    image = builder.tag(builder.add_image(b"a" * BIG, b"b" * BIG, b"c", algorithm=algorithm), "v1")
    builder.add_referrer(image, b"sig")
    report = check(builder, image, tmp_path, executor)
    assert report.verdict == "pass"
    assert not report.problems
    assert report.absent == report.external == ()
    assert report.blobs == len(builder.blobs)
    assert report.bytes == sum(map(len, builder.blobs.values()))


@pytest.mark.parametrize("damage", ["missing", "size", "digest"])
@pytest.mark.parametrize("which", [0, 1])
def test_bad_layer_is_named(
    builder: LayoutBuilder, tmp_path: Path, damage: str, which: int, executor: Executor | None
) -> None:
    """Field note 6: the reference says "successfully verified" over a layer that is corrupt or gone."""
    layers = [builder.add_blob(b"a" * BIG), builder.add_blob(b"b" * BIG)]
    image = builder.add_image(*layers, platform=Platform(architecture="arm64", os="linux"))
    index = builder.tag(builder.add_index(image), "v1")
    bad = layers[which]
    if damage == "missing":
        builder.drop(bad)
    else:
        data = builder.blobs[bad.digest]
        builder.damage(bad, data[:-1] if damage == "size" else data[:-1] + b"!")
    report = check(builder, index, tmp_path, executor)
    assert report.verdict == "fail"
    (problem,) = report.problems
    assert problem.reason == f"content.{damage}"
    assert problem.path == f"index > linux/arm64 > layers[{which}]"
    assert problem.descriptor is not None
    assert problem.descriptor.digest == bad.digest
    assert str(bad.digest) in problem.message
    assert report.blobs == 4
    if damage == "size":
        assert (problem.facts["expected_size"], problem.facts["found_size"]) == (BIG, BIG - 1)
    if damage == "digest":
        assert problem.facts["found_digest"] == str(Digest.of(builder.blobs[bad.digest]))


def test_reports_every_bad_blob(builder: LayoutBuilder, tmp_path: Path, executor: Executor | None) -> None:
    layers = [builder.add_blob(bytes([number]) * BIG) for number in range(4)]
    image = builder.tag(builder.add_image(*layers), "v1")
    for layer in layers[1:3]:
        builder.damage(layer, b"x" * BIG)
    assert [problem.path for problem in check(builder, image, tmp_path, executor).problems] == [
        "manifest > layers[1]",
        "manifest > layers[2]",
    ]


@pytest.mark.parametrize("which", ["manifest", "envelope"])
def test_bad_signature_is_bad_content(builder: LayoutBuilder, tmp_path: Path, which: str) -> None:
    """RULE-4: referrers belong to the content."""
    image = builder.tag(builder.add_image(), "v1")
    envelope = builder.add_blob(b"envelope", "application/jose+json")
    signature = builder.add_referrer(image, [envelope], listed=False)
    builder.tag_referrers(image, signature)
    bad = signature if which == "manifest" else envelope
    builder.damage(bad, builder.blobs[bad.digest].swapcase())
    (problem,) = check(builder, image, tmp_path).problems
    assert (problem.reason, problem.descriptor and problem.descriptor.digest) == ("content.digest", bad.digest)


def test_root_itself_is_content(builder: LayoutBuilder, tmp_path: Path) -> None:
    image = builder.tag(builder.add_image(), "v1")
    builder.damage(image, builder.blobs[image.digest].swapcase())
    report = check(builder, image, tmp_path)
    assert [(problem.reason, problem.path) for problem in report.problems] == [("content.digest", "manifest")]


def test_opaque_root_is_hashed(builder: LayoutBuilder, tmp_path: Path) -> None:
    blob = builder.tag(builder.add_blob(b"x" * 9, "application/x.unknown"), "v1")
    assert check(builder, blob, tmp_path).blobs == 1
    builder.damage(blob, b"y" * 9)
    assert [problem.path for problem in check(builder, blob, tmp_path).problems] == ["blob"]


def test_unknown_algorithm_is_a_problem(builder: LayoutBuilder, tmp_path: Path) -> None:
    layer = Descriptor(media_type="a/b", digest=Digest.parse("blake3:" + "0" * 64), size=1)
    image = builder.tag(builder.add_image(layer), "v1")
    assert [problem.reason for problem in check(builder, image, tmp_path).problems] == ["content.algorithm"]


def test_reports_a_descriptor_of_wrong_size_beside_good_ones(builder: LayoutBuilder, tmp_path: Path) -> None:
    layer = builder.add_blob(b"layer")
    image = builder.tag(builder.add_image(layer, replace(layer, size=4)), "v1")
    assert [(problem.reason, problem.path) for problem in check(builder, image, tmp_path).problems] == [
        ("content.size", "manifest > layers[1]")
    ]


def test_checks_embedded_data_and_uses_it_for_a_missing_blob(builder: LayoutBuilder, tmp_path: Path) -> None:
    """LAYOUT-5."""
    layer = builder.add_blob(b"layer", embed=True)
    image = builder.tag(builder.add_image(layer), "v1")
    builder.drop(layer)
    assert check(builder, image, tmp_path).verdict == "pass"
    wrong = builder.tag(builder.add_image(replace(layer, data=b"LAYER")), "v2")
    assert [problem.reason for problem in check(builder, wrong, tmp_path).problems] == ["content.data"]


def test_data_embedded_in_the_second_of_two_equal_descriptors_are_checked(
    builder: LayoutBuilder, tmp_path: Path
) -> None:
    """The walk took descriptors for the same that differed in their data."""
    layer = builder.add_blob(b"layer", embed=True)
    target = builder.tag(builder.add_image(layer, replace(layer, data=b"LAYER")), "v1")
    with open_layout(builder.write_directory(tmp_path / "layout")) as store:
        report = ContentChecker(store).check(Graph(store).closure(target))
    assert [problem.reason for problem in report.problems] == ["content.data"]


@pytest.mark.parametrize("media_type", [FOREIGN, NONDISTRIBUTABLE])
def test_accepts_a_missing_foreign_layer(builder: LayoutBuilder, tmp_path: Path, media_type: str) -> None:
    layer = builder.add_blob(b"windows", media_type, urls=("https://example.test/x",))
    image = builder.tag(builder.add_image(layer), "v1")
    assert check(builder, image, tmp_path).external == ()
    builder.damage(layer, b"WINDOWS")
    assert check(builder, image, tmp_path).verdict == "fail"
    builder.drop(layer)
    report = check(builder, image, tmp_path / "gone")
    assert (report.verdict, report.external) == ("pass", (layer.digest,))


@pytest.mark.parametrize("media_type", [FOREIGN, NONDISTRIBUTABLE])
@pytest.mark.parametrize("harm", ["folder", "link", "size"])
def test_an_unreadable_foreign_layer_is_a_problem(
    builder: LayoutBuilder, tmp_path: Path, media_type: str, harm: str
) -> None:
    """Only what is missing may be elsewhere: what is there and cannot be read is a fault of this layout."""
    layer = builder.add_blob(b"windows", media_type)
    image = builder.tag(builder.add_image(layer), "v1")
    path = builder.write_directory(tmp_path / "layout")
    blob = path / "blobs" / layer.digest.algorithm / layer.digest.encoded
    blob.unlink()
    if harm == "folder":
        blob.mkdir()
    elif harm == "link":
        blob.symlink_to("nowhere")
    else:
        blob.write_bytes(b"win")
    with open_layout(path) as store:
        report = ContentChecker(store).check(Graph(store).closure(image))
    reason = "content.size" if harm == "size" else "content.unreadable"
    assert ([problem.reason for problem in report.problems], report.external) == ([reason], ())


def test_mode_none_reads_the_manifest_and_what_refers_to_it(builder: LayoutBuilder, tmp_path: Path) -> None:
    """Whatever a signature says, it says of these bytes."""
    child = builder.add_image(platform=Platform(architecture="arm64", os="linux"))
    index = builder.tag(builder.add_index(child), "v1")
    signature = builder.add_referrer(index, b"sig")
    builder.drop(child)

    def report(name: str) -> ContentReport:
        with open_layout(builder.write_directory(tmp_path / name)) as store:
            return ContentChecker(store).check(Graph(store).surface(index), mode=Content.NONE)

    whole = report("whole")
    assert (whole.verdict, whole.problems, whole.blobs) == ("not-applicable", (), 2)
    builder.drop(signature)
    assert [problem.reason for problem in report("without").problems] == ["content.missing"]
    raw = builder.blobs[index.digest]
    builder.damage(index, raw.swapcase())
    assert "content.digest" in {problem.reason for problem in report("changed").problems}


def test_url_alone_does_not_excuse_a_missing_layer(builder: LayoutBuilder, tmp_path: Path) -> None:
    layer = builder.add_blob(b"layer", urls=("https://example.test/x",))
    image = builder.tag(builder.add_image(layer), "v1")
    builder.drop(layer)
    assert [problem.reason for problem in check(builder, image, tmp_path).problems] == ["content.missing"]


def test_child_that_was_declared_to_be_left_out_is_absent(builder: LayoutBuilder, tmp_path: Path) -> None:
    child = builder.add_image(b"other")
    index = builder.tag(builder.add_index(builder.add_image(b"layer"), child), "v1")
    builder.drop(child)
    report = check(builder, index, tmp_path, absent=frozenset({child.digest}))
    assert (report.verdict, report.absent) == ("pass", (child.digest,))


def test_declared_absence_does_not_excuse_bad_content(builder: LayoutBuilder, tmp_path: Path) -> None:
    layer = builder.add_blob(b"layer")
    image = builder.tag(builder.add_image(layer), "v1")
    builder.damage(layer, b"LAYER")
    assert check(builder, image, tmp_path, absent=frozenset({layer.digest})).verdict == "fail"


def test_mode_manifests_looks_at_no_layer(builder: LayoutBuilder, tmp_path: Path) -> None:
    layer = builder.add_blob(b"layer")
    image = builder.tag(builder.add_image(layer), "v1")
    builder.drop(layer)
    report = check(builder, image, tmp_path, mode=Content.MANIFESTS)
    assert (report.verdict, report.mode, report.blobs) == ("pass", "manifests", 2)


@pytest.mark.parametrize("which", ["config", "envelope"])
def test_mode_manifests_looks_at_configs_and_envelopes(builder: LayoutBuilder, tmp_path: Path, which: str) -> None:
    config = b'{"os":"linux"}'
    image = builder.tag(builder.add_image(config=config), "v1")
    envelope = builder.add_blob(b"envelope", "application/cose")
    builder.add_referrer(image, [envelope])
    digest = Digest.of(config) if which == "config" else envelope.digest
    builder.blobs[digest] = builder.blobs[digest].swapcase()
    (problem,) = check(builder, image, tmp_path, mode=Content.MANIFESTS).problems
    assert problem.descriptor is not None
    assert problem.descriptor.digest == digest


@pytest.mark.parametrize("prepared", [False, True])
def test_hashes_a_shared_blob_once_and_reports_it_everywhere(
    builder: LayoutBuilder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    executor: Executor | None,
    prepared: bool,
) -> None:
    shared, other = builder.add_blob(b"a" * BIG), builder.add_blob(b"b" * BIG)
    images = [builder.add_image(shared, other, bytes([number])) for number in range(5)]
    for number, image in enumerate(images):
        builder.tag(image, f"v{number}")
    builder.damage(shared, b"!" * BIG)
    opened: Counter[Digest] = Counter()
    original = LayoutDirectory.open

    def counting(self: LayoutDirectory, digest: Digest) -> object:
        opened[digest] += 1
        return original(self, digest)

    monkeypatch.setattr(LayoutDirectory, "open", counting)
    with open_layout(builder.write_directory(tmp_path / "layout")) as store:
        graph, checker = Graph(store), ContentChecker(store, None if executor is None else lambda: executor)
        closures = [graph.closure(image) for image in images]
        if prepared:
            checker.prepare(closures)
        reports = [checker.check(closure) for closure in closures]
    assert all([problem.path for problem in report.problems] == ["manifest > layers[0]"] for report in reports)
    assert set(opened.values()) == {1}


def test_memory_does_not_grow_with_the_blob(tmp_path: Path) -> None:
    size = 48 * 2**20
    digest = Digest.of(bytes(size))
    builder = LayoutBuilder()
    layer = Descriptor(media_type="a/b", digest=digest, size=size)
    image = builder.tag(builder.add_image(layer), "v1")
    path = tmp_path / "x.tar"
    rest = [tar_member(name, data) for name, data in builder.files().items()]
    write_sparse_tar(path, "gnu", f"blobs/sha256/{digest.encoded}", size, rest)
    tracemalloc.start()
    with open_layout(path) as store:
        report = ContentChecker(store).check(Graph(store).closure(image))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert report.bytes > size
    assert peak < 4 * 2**20
