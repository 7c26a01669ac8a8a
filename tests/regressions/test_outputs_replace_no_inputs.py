"""A file that a command wrote took the place of one that the same command read, or had just written."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from airgap.transfer.copied import CopyResult
from tests.support.command import run_here
from tests.support.layouts import LayoutBuilder
from tests.support.scenario import Scene
from tests.support.snapshots import tree_of


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A layout as a folder and as a tar, each with a link to it, and a list of sources."""
    monkeypatch.chdir(tmp_path)
    builder = LayoutBuilder()
    for name in ("v1", "v2"):
        builder.tag(builder.add_image(name.encode()), name)
    builder.write_tar(tmp_path / "a.tar")
    builder.write_directory(tmp_path / "lay")
    (tmp_path / "link.tar").symlink_to("a.tar")
    (tmp_path / "link").symlink_to("lay")
    (tmp_path / "list").write_text("a.tar:v1\n")
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        "a.tar:v1 a.tar --overwrite",
        "a.tar:v1 link.tar --overwrite",
        "link.tar:v1 a.tar --overwrite",
        "lay:v1 lay/x.tar",
        "lay:v1 oci:link/x",
        "lay:v1 oci:lay/blobs/new",
        "-f list oci-archive:list --overwrite",
        "-f list new.tar --lock-output list",
        "a.tar:v1 new --lock-output a.tar",
        "a.tar:v1 new --lock-output link.tar",
        "lay:v1 new --lock-output link/index.json",
        "lay:v1 new --lock-output new/index.json",
        "lay:v1 new.tar --lock-output new.tar",
    ],
)
def test_refuses_outputs_that_are_inputs_of_the_copy(here: Path, arguments: str) -> None:
    before = tree_of(here)
    ran = run_here(["copy", *arguments.split()])
    assert (ran.code, "which is read or written by the same command" in ran.err) == (2, True), ran
    assert tree_of(here) == before


def test_accepts_more_names_in_the_layout_that_is_read(here: Path) -> None:
    assert run_here(["copy", "lay:v1", "link:v9", "--lock-output", "lock"]).code == 0
    listed = json.loads((here / "lay" / "index.json").read_bytes())["manifests"]
    assert {item["annotations"]["org.opencontainers.image.ref.name"] for item in listed} == {"v1", "v2", "v9"}
    assert (here / "lock").read_text().splitlines()[1].startswith("lay@sha256:")


def test_prints_the_result_where_the_lock_file_cannot_be_written(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "lock")

    monkeypatch.setattr(CopyResult, "write_lock", full)
    ran = run_here(["copy", "lay:v1", "new", "--lock-output", "lock"])
    assert (ran.code, ran.out.startswith("COPIED")) == (1, True), ran


@pytest.mark.parametrize("source", ["-", "--file=list"])
def test_refuses_standard_input_as_lock_file(here: Path, source: str) -> None:
    (here / "list").write_text("-\n")
    ran = run_here(["copy", source, "new", "--lock-output", "lock"])
    assert (ran.code, "lock file" in ran.err, (here / "new").exists()) == (2, True, False), ran


@pytest.mark.parametrize("form", ["jws", "cose"])
def test_refuses_the_judged_signature_as_report(here: Path, form: str) -> None:
    signature = here / f"list.{form}.sig"
    signature.write_bytes(b"a signature")
    ran = run_here(["blob", "verify", "list", "--report", str(signature), "--trust", str(here / "trust")])
    assert (ran.code, signature.read_bytes()) == (2, b"a signature"), ran


def test_refuses_a_file_of_a_rechecked_layout_as_report(tmp_path: Path) -> None:
    written = Scene().write(tmp_path)
    report = tmp_path / "then.json"
    run_here(written.arguments("--report", str(report)))
    before = tree_of(written.layout)
    place = written.layout / "index.json"
    ran = run_here(["recheck", str(report), "--trust", str(written.trust), "--report", str(place)])
    assert (ran.code, tree_of(written.layout)) == (2, before), ran
    assert ran.out, "what is known is shown all the same"


@pytest.mark.parametrize(
    "arguments",
    ["snapshot create -o {}/x.tar", "snapshot create -o oci:{}/x", "export --for notation {}/x"],
)
def test_refuses_to_pack_a_snapshot_into_the_trust_directory(tmp_path: Path, arguments: str) -> None:
    trust = Scene().write(tmp_path).trust
    before = tree_of(trust)
    ran = run_here(["trust", *arguments.format(trust).split(), "--trust", str(trust)])
    assert (ran.code, tree_of(trust)) == (2, before), ran
