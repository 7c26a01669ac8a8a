"""Which platforms are copied where no index names them: the image's own config decides."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from airgap.oci.descriptor import IMAGE_CONFIG, Descriptor, Platform
from tests.support.command import Ran, run_here
from tests.support.copying import check_complete_but_declared
from tests.support.layouts import LayoutBuilder, write_tree


def image(builder: LayoutBuilder, architecture: str, *, named: bool = False, variant: str = "") -> Descriptor:
    """An image of its own for each platform; `named`: its descriptor says which."""
    members = {"os": "linux", "architecture": architecture} | ({"variant": variant} if variant else {})
    platform = Platform(os="linux", architecture=architecture, variant=variant or None) if named else None
    return builder.add_image(architecture.encode(), config=json.dumps(members).encode(), platform=platform)


def copy(builder: LayoutBuilder, folder: Path, *platforms: str, code: int = 0) -> Ran:
    write_tree(folder / "source", builder.files())
    options = [part for platform in platforms for part in ("--platform", platform)]
    ran = run_here(["copy", str(folder / "source"), str(folder / "to"), *options, "--format", "json"])
    assert ran.code == code, ran
    return ran


def left_out(ran: Ran) -> set[tuple[str, str]]:
    return {(item["digest"], item["platform"]) for item in ran.document["artifacts"][0]["left_out"]}


def here(path: Path) -> set[str]:
    return {f"sha256:{file.name}" for file in (path / "blobs" / "sha256").iterdir()}


@pytest.mark.parametrize("named", [False, True])
def test_image_for_another_platform_is_refused(tmp_path: Path, *, named: bool) -> None:
    builder = LayoutBuilder()
    builder.tag(image(builder, "amd64", named=named), "v1")
    ran = copy(builder, tmp_path, "linux/arm64", code=11)
    assert "is an image for linux/amd64, not for linux/arm64" in ran.err
    assert not (tmp_path / "to").exists()


def test_the_config_overrides_the_platform_of_the_entry(tmp_path: Path) -> None:
    """The entry in index.json is a claim beside the image; the config is part of the image."""
    builder = LayoutBuilder()
    made = builder.add_image(
        config=b'{"os":"linux","architecture":"arm64"}', platform=Platform(os="linux", architecture="amd64")
    )
    builder.tag(made, "v1")
    copy(builder, tmp_path, "linux/amd64", code=11)
    copy(builder, tmp_path, "linux/arm64")


@pytest.mark.parametrize("config", [b"no JSON", b'{"os":"linux","architecture":5}'])
def test_names_an_unreadable_config(tmp_path: Path, config: bytes) -> None:
    """The copy said "architecture: is an integer, not a string", and not of what."""
    builder = LayoutBuilder()
    strange = builder.add_image(config=config)
    builder.tag(strange, "one")
    builder.tag(builder.add_index(strange), "several")
    builder.tag(image(builder, "amd64"), "good")
    write_tree(tmp_path / "source", builder.files())
    for tag, code in (("one", 16), ("several", 11)):
        ran = run_here(["copy", f"{tmp_path}/source:{tag}", str(tmp_path / tag), "--platform", "linux/amd64"])
        assert ran.code == code
        assert f"the platform of {strange.digest} is not known" in ran.err
    ran = run_here(
        ["copy", str(tmp_path / "source"), str(tmp_path / "all"), "--platform", "linux/amd64", "--keep-going"]
    )
    assert ran.code == 20


@pytest.mark.parametrize(
    "platforms", [("linux/amd64",), ("linux/amd64/v1",), ("linux/x86_64",), ("linux/arm64", "linux/amd64")]
)
def test_copies_an_image_of_one_of_the_platforms(tmp_path: Path, platforms: tuple[str, ...]) -> None:
    builder = LayoutBuilder()
    builder.tag(image(builder, "amd64"), "v1")
    assert left_out(copy(builder, tmp_path, *platforms)) == set()


@pytest.mark.parametrize(
    "config", [b"{}", b'{"os":"unknown","architecture":"unknown"}', b'{"os":"","architecture":""}']
)
def test_copies_an_image_without_a_platform(tmp_path: Path, config: bytes) -> None:
    """Signatures of cosign have such a config."""
    builder = LayoutBuilder()
    builder.tag(builder.add_image(config=config), "v1")
    copy(builder, tmp_path, "linux/arm64")


def test_chooses_platforms_in_nested_indexes(tmp_path: Path) -> None:
    builder = LayoutBuilder()
    ours, other = image(builder, "amd64", named=True), image(builder, "arm64", named=True)
    builder.tag(builder.add_index(builder.add_index(ours, other)), "v1")
    ran = copy(builder, tmp_path, "linux/amd64")
    assert left_out(ran) == {(str(other.digest), "linux/arm64")}
    assert str(ours.digest) in here(tmp_path / "to")
    assert str(other.digest) not in here(tmp_path / "to")
    check_complete_but_declared(tmp_path / "to")


def test_copies_again_what_crane_listed_and_a_copy_left_out(tmp_path: Path) -> None:
    """crane writes the type of the config into the entries of an index, so a left-out platform might be a signature."""
    builder = LayoutBuilder()
    entries = [replace(image(builder, name, named=True), artifact_type=IMAGE_CONFIG) for name in ("amd64", "arm64")]
    builder.tag(builder.add_index(*entries), "v1")
    copy(builder, tmp_path, "linux/amd64")
    ran = run_here(["copy", str(tmp_path / "to"), str(tmp_path / "again")])
    assert ran.code == 0, ran
    assert run_here(["discover", str(tmp_path / "again")]).code == 0
    check_complete_but_declared(tmp_path / "again")


def test_copies_a_nested_index_without_the_platform_whole(tmp_path: Path) -> None:
    """An index of which no image is here is no content that can be judged."""
    builder = LayoutBuilder()
    ours, other = image(builder, "amd64", named=True), image(builder, "arm64", named=True)
    builder.tag(builder.add_index(builder.add_index(ours), builder.add_index(other)), "v1")
    assert left_out(copy(builder, tmp_path, "linux/amd64")) == set()
    assert {str(ours.digest), str(other.digest)} <= here(tmp_path / "to")
    check_complete_but_declared(tmp_path / "to")


def test_copies_entries_without_a_platform(tmp_path: Path) -> None:
    builder = LayoutBuilder()
    ours, other, none = (
        image(builder, "amd64"),
        image(builder, "arm64", named=True),
        builder.add_image(b"data", config=b"{}"),
    )
    named = image(builder, "amd64", named=True, variant="v3")
    builder.tag(builder.add_index(ours, other, none, named), "v1")
    assert left_out(copy(builder, tmp_path, "linux/amd64")) == {(str(other.digest), "linux/arm64")}
    assert {str(ours.digest), str(none.digest), str(named.digest)} <= here(tmp_path / "to")
    check_complete_but_declared(tmp_path / "to")


@pytest.mark.parametrize("nested", [False, True])
def test_an_absent_platform_is_an_error_that_lists_the_existing_ones(tmp_path: Path, *, nested: bool) -> None:
    builder = LayoutBuilder()
    children = [image(builder, name) for name in ("amd64", "arm64")]
    builder.tag(builder.add_index(*((builder.add_index(child) for child in children) if nested else children)), "v1")
    ran = copy(builder, tmp_path, "linux/amd64", "linux/s390x", code=11)
    assert "has nothing for linux/s390x; it has linux/amd64, linux/arm64" in ran.err


def test_a_missing_config_is_an_error(tmp_path: Path) -> None:
    """Did not look is not "names none"."""
    builder = LayoutBuilder()
    builder.tag(image(builder, "amd64"), "v1")
    builder.blobs = {
        key: raw for key, raw in builder.blobs.items() if b"architecture" not in raw or b"schemaVersion" in raw
    }
    copy(builder, tmp_path, "linux/amd64", code=16)


def test_advises_to_repeat_the_option_for_several_platforms(tmp_path: Path) -> None:
    builder = LayoutBuilder()
    builder.tag(image(builder, "amd64"), "v1")
    assert "Repeat the option" in copy(builder, tmp_path, "linux/amd64,linux/arm64", code=2).err
