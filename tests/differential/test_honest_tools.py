"""Tars of a layout as real tools write them are read, in place and through a pipe (decision 0024)."""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

import airgap
from airgap.oci.content import ContentChecker
from airgap.oci.graph import Graph
from airgap.oci.open import open_layout
from airgap.transfer.stream import items
from tests.differential.forge import GOOD
from tests.differential.readers import COMMANDS, Tree, absent_tools, unpack_all, unpack_with_python
from tests.support.layouts import LayoutBuilder, write_tree

ABSENT: Final = absent_tools()
Maker = Callable[[Path, Path], None]


def _run(*command: str) -> None:
    if {command[0], f"GNU {command[0]}"} & set(ABSENT) and not os.environ.get("CI"):
        pytest.skip(f"{command[0]} is not on this machine")
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def _tool(*command: str, names: tuple[str, ...] = (".",)) -> Maker:
    return lambda layout, tar: _run(*command, "-cf", str(tar), "-C", str(layout), *names)


def _python(form: int, name: str = ".") -> Maker:
    def make(layout: Path, path: Path) -> None:
        with tarfile.open(path, "w", format=form) as tar:
            tar.add(layout, arcname=name)

    return make


_NAMES: Final = ("oci-layout", "index.json", "blobs")
MAKERS: Final[dict[str, Maker]] = {
    **{f"GNU tar, {form}": _tool("tar", f"--format={form}") for form in ("gnu", "oldgnu", "ustar", "posix")},
    "GNU tar, names": _tool("tar", names=_NAMES),
    "GNU tar, large owner": _tool("tar", "--owner=x:3000000000", "--group=y:3000000000"),
    "GNU tar, large owner in PAX": _tool("tar", "--format=posix", "--owner=jörg:3000000000", "--group=y:3000000000"),
    "GNU tar, before 1970": _tool("tar", "--format=posix", "--mtime=1960-01-01T00:00:00.5"),
    "GNU tar, records": _tool("tar", "-b", "200"),
    **{f"bsdtar, {form}": _tool("bsdtar", "--format", form) for form in ("pax", "paxr", "ustar", "gnutar")},
    "bsdtar, names": _tool("bsdtar", names=_NAMES),
    "Python, ustar": _python(tarfile.USTAR_FORMAT),
    "Python, GNU": _python(tarfile.GNU_FORMAT),
    "Python, PAX": _python(tarfile.PAX_FORMAT),
    "Python, no name": _python(tarfile.PAX_FORMAT, ""),
}


@pytest.mark.parametrize("tool", MAKERS)
def test_layout_that_a_tool_packed_is_read(tmp_path: Path, tool: str) -> None:
    short = "ustar" in tool  # no room for the names of sha512
    builder = LayoutBuilder()
    image = builder.tag(builder.add_image(b"good", algorithm="sha256" if short else "sha512"), "v1")
    builder.extra_files = {
        "manifest.json": b"[]",
        "._index.json": b"\0\5\x16\7",
        "blobs/._x": b"",
        "blobs/sha256/._y": b"",
    }
    builder.extra_files["Größe/" + "n" * (50 if short else 150)] = b"x"
    path = tmp_path / "x.tar"
    MAKERS[tool](builder.write_directory(tmp_path / "layout"), path)
    with open_layout(path) as opened:
        assert Graph(opened).resolve("v1").descriptor.digest == image.digest
        assert {digest: opened.open(digest).read() for digest in builder.blobs} == builder.blobs
        assert opened.docker_documents() == ({"manifest.json": b"[]"} if "names" not in tool else {})
    with path.open("rb") as stream:
        found = {item.name: b"".join(iter(item.body.read, b"")) for item in items(stream, set(), {}, lambda _: False)}
    assert found == {name: data for name, data in builder.files().items() if name not in builder.extra_files}


def test_archive_of_skopeo_is_read(tmp_path: Path) -> None:
    layout = write_tree(tmp_path / "layout", GOOD)
    path = tmp_path / "x.tar"
    _run("skopeo", "--insecure-policy", "copy", "-q", f"oci:{layout}:v1", f"oci-archive:{path}:v1")
    with open_layout(path) as opened:
        graph = Graph(opened)
        assert ContentChecker(opened).check(graph.closure(graph.resolve("v1").descriptor)).verdict == "pass"
    with path.open("rb") as stream:
        assert {"oci-layout", "index.json"} < {item.name for item in items(stream, set(), {}, lambda _: False)}


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_other_readers_agree_on_our_tar(tmp_path: Path, algorithm: str) -> None:
    """Names of sha512 blobs are longer than a header's field."""
    builder = LayoutBuilder()
    builder.tag(builder.add_image(b"good", algorithm=algorithm), "v1")
    path = tmp_path / "x.tar"
    moment = datetime(2026, 7, 1, tzinfo=UTC)
    source = str(builder.write_directory(tmp_path / "layout"))
    airgap.copy(airgap.CopyRequest(sources=[source], destination=f"oci-archive:{path}", at=moment))
    for reader, command in COMMANDS.items():
        if {reader, command.split()[0]} & set(ABSENT) and not os.environ.get("CI"):
            continue
        ((code, tree),) = unpack_all(command, [path], tmp_path / "out").values()
        assert (code, _blobs(tree)) == (0, _blobs(builder.files()))
    assert _blobs(unpack_with_python(path, tmp_path / "out")) == _blobs(builder.files())


def _blobs(tree: Tree) -> Tree:
    return {name: data for name, data in tree.items() if name.startswith("blobs/")}


@pytest.mark.parametrize("links", [False, True])
def test_refuses_links_between_files(tmp_path: Path, links: bool) -> None:
    """The remedy of the message: `cp -rL`, or GNU tar's own."""
    layout = write_tree(tmp_path / "layout", GOOD)
    (layout / "again").hardlink_to(layout / "index.json")
    path = tmp_path / "x.tar"
    _tool("tar", *(() if links else ("--hard-dereference",)))(layout, path)
    if links:
        with pytest.raises(Exception, match="is a hard link"), open_layout(path):
            pass
        return
    with open_layout(path) as opened:
        assert opened.index().manifests


def test_names_a_volume_label_of_gnu_tar(tmp_path: Path) -> None:
    """Its header has no magic."""
    path = tmp_path / "x.tar"
    _tool("tar", "-V", "trip")(write_tree(tmp_path / "layout", GOOD), path)
    with pytest.raises(Exception, match=r"'trip', .* is a volume label"), open_layout(path):
        pass


def test_names_an_incremental_tar(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    _tool("tar", "-g", str(tmp_path / "state"))(write_tree(tmp_path / "layout", GOOD), path)
    with pytest.raises(Exception, match="is a directory with a list of names"), open_layout(path):
        pass
