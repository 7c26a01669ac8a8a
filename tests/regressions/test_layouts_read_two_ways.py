"""Files beside a layout, or in its place, that another tool reads instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap.errors import ContentError
from airgap.oci.graph import Graph
from airgap.oci.open import open_layout
from tests.support.command import run_here
from tests.support.layouts import LayoutBuilder, tar_of
from tests.support.scenario import Scene


@pytest.mark.parametrize("archive", [False, True], ids=["directory", "tar"])
def test_manifest_json_of_docker_beside_the_layout_was_not_mentioned(tmp_path: Path, *, archive: bool) -> None:
    """docker load runs what manifest.json names, whatever index.json says."""
    scene = Scene(archive=archive)
    scene.box.extra_files["manifest.json"] = b'[{"Config":"x.json","RepoTags":["app:v1"],"Layers":[]}]'
    written = scene.write(tmp_path)
    arguments = written.arguments()
    whole = run_here([arguments[0], written.target.partition("@")[0], *arguments[2:]])
    told = [(item["reason"], "docker load" in item["message"]) for item in whole.document["warnings"]]
    assert (whole.code, told) == (0, [("layout.entry", True)]), whole


@pytest.mark.parametrize("name", ["INDEX.JSON", "Oci-Layout", "Blobs/sha256/x"])
def test_member_in_another_case_took_the_place_of_one_where_case_means_nothing(
    tmp_path: Path, builder: LayoutBuilder, name: str
) -> None:
    builder.tag(builder.add_image(), "v1")
    path = tmp_path / "layout.tar"
    path.write_bytes(tar_of(builder.files() | {name: b"{}"}))
    with pytest.raises(ContentError, match="another spelling of"), open_layout(path):
        pass


def test_folder_of_blobs_that_may_not_be_entered_was_called_absent(
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
def test_folder_named_like_a_tag_was_verified_in_place_of_the_tag(tmp_path: Path, transport: str) -> None:
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
