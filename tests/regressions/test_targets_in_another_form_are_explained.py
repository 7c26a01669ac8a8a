"""Names of targets that name nothing here: the remedy fits what was typed, and what `airgap verify` can read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from airgap.oci.descriptor import Descriptor
from tests.support.command import run_here
from tests.support.layouts import LayoutBuilder
from tests.support.scenario import Scene, Written


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Scene().write(tmp_path_factory.mktemp("target"))


def verified(written: Written, target: str) -> tuple[int, str]:
    arguments = written.arguments()[:-2]
    arguments[1] = target
    ran = run_here(arguments)
    return ran.code, ran.out + ran.err


@pytest.mark.parametrize("target", ["-", "alpine", "alpine:3", "registry.example/app:v1", "https://a.example/x.tar"])
def test_never_advises_verify_of_a_registry(written: Written, target: str) -> None:
    code, text = verified(written, target)
    assert code == 2
    assert "Name a registry's repository in full" not in text


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("file:///media/stick", "Write the path alone: /media/stick"),
        ("HTTPS://a.example/x.tar", "Name a registry's repository without https://"),
    ],
)
def test_names_a_url_as_such(written: Written, target: str, words: str) -> None:
    code, text = verified(written, target)
    assert code == 2
    assert "is a URL, and no name of a layout or repository" in text
    assert words in text
    ran = run_here(["discover", target])
    assert (ran.code, words in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("target", "words", "remedy"),
    [
        ("ocidir://stick:v1", "how regctl writes a layout", "Write oci:stick:v1"),
        ("oci-dir:stick", "how syft writes a layout", "Write oci:stick"),
        ("./stick:", "ends in ':' without a tag", "Leave the ':' out"),
    ],
)
def test_explains_how_a_layout_is_written(written: Written, target: str, words: str, remedy: str) -> None:
    code, text = verified(written, target)
    assert (code, words in text, remedy in text) == (2, True, True), text
    ran = run_here(["copy", target, "new"])
    assert (ran.code, remedy in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("target", "code", "words"),
    [
        ("layuot:v1", 2, "name it as it is called here: layout:v1"),
        ("LAYOUT:v1", 2, "name it as it is called here: layout:v1"),
        ("OCI:layout:v1", 2, "name it as it is called here: layout:v1"),
        ("oci-layout:layout:v1", 2, "name it as it is called here: layout:v1"),
        ("gone.tar", 11, "Check the path."),
        ("./stick/layout:v1", 11, "Check the path, and that the medium is mounted: there is no stick."),
        ("dangling", 2, "it is a link that leads nowhere"),
        ("$STICK/layout", 2, "write the path in full"),
        ("\u201clayout:v1\u201d", 2, "The quotation marks are a part of the name"),
        ("\u2014trust", 2, "An option begins with two plain hyphens"),
        ("layout/v1", 2, "it is written after a colon: layout:v1"),
        ("./layout/v1", 11, "it is written after a colon: layout:v1"),
        ("-", 2, "save the tar to a file first"),
        (f"sha256:{64 * 'a'}", 2, "Name the layout or the tar before the digest"),
        (f"@sha256:{64 * 'a'}", 2, "Name the layout or the tar before the digest"),
        ("layout:sha256:aa", 11, "A digest is written after an @"),
        ("layout:v\uff11", 11, "(character 2 is U+FF11 (fullwidth digit one)); there are 'v1'"),
    ],
)
def test_names_what_is_near_a_target_that_is_not_there(
    written: Written, monkeypatch: pytest.MonkeyPatch, target: str, code: int, words: str
) -> None:
    monkeypatch.chdir(written.layout.parent)
    if target == "dangling":
        Path(target).symlink_to("gone")
    found, text = verified(written, target)
    assert (found, words in text) == (code, True), text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda digest: digest[:19], "Write the whole digest"),
        (lambda digest: digest.removeprefix("sha256:"), "@{}"),
        (lambda digest: digest.upper(), "@{}"),
        (lambda _: "v1", "If v1 is a tag, write {layout}:v1"),
        (lambda _: "", "Write the whole digest"),
    ],
)
def test_explains_how_a_digest_is_written(written: Written, change: Callable[[str], str], words: str) -> None:
    code, text = verified(written, f"oci:{written.layout}@{change(written.digest)}")
    assert code == 2
    assert words.format(written.digest, layout=written.layout) in text
    assert "alpine" not in text


def test_names_the_artifact_that_a_named_part_belongs_to(written: Written) -> None:
    """The image ID that `docker images` shows is the digest of the config."""
    manifest = json.loads((written.layout / "blobs/sha256" / written.digest.removeprefix("sha256:")).read_bytes())
    for digest, part in (
        (manifest["config"]["digest"], "the config (docker's image ID)"),
        (manifest["layers"][1]["digest"], "layers[1]"),
    ):
        code, text = verified(written, f"oci:{written.layout}@{digest}")
        assert code == 11
        assert f"it is {part} of {written.digest}" in text
        assert f"@{written.digest}." in text
        assert "leads to it" not in text


def test_names_the_artifact_that_a_named_signature_signs(tmp_path: Path) -> None:
    scene = Scene()
    found: list[Descriptor] = []
    signature = scene.signatures.pop()

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        found.append(signature.attach(builder, target))

    scene.packing.append(pack)
    written = scene.write(tmp_path)
    assert verified(written, written.target)[0] == 0
    code, text = verified(written, f"oci:{written.layout}@{found[0].digest}")
    assert code == 10
    assert f"it is a signature itself, of {written.digest}" in text
    assert "Copy it again with its referrers" not in text
