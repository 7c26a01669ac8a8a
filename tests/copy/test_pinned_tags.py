"""A tag typed with a digest (decision 0025): in a layout both name one thing, in a registry the digest decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import run_here
from tests.support.copying import check_complete, family, load
from tests.support.layouts import LayoutBuilder
from tests.support.registry import LoopbackRegistry, error
from tests.support.scenario import Scene


def _layout(folder: Path, form: str) -> tuple[str, LayoutBuilder]:
    made = LayoutBuilder()
    for name in ("v1", "v2"):
        made.tag(made.add_image(name.encode()), name)
    if form == "tar":
        return f"oci-archive:{made.write_tar(folder / 'stick.tar')}", made
    return f"oci:{made.write_directory(folder / 'stick')}", made


@pytest.mark.parametrize("form", ["directory", "tar"])
@pytest.mark.parametrize(
    ("tag", "says"), [("v2", "the tag 'v2' of {place} names {other}, not {digest}"), ("v3", "{place} has no tag 'v3'")]
)
def test_a_layout_needs_a_tag_that_names_the_digest(tmp_path: Path, form: str, tag: str, says: str) -> None:
    """The tag was not looked at."""
    builder, made = _layout(tmp_path, form)
    digest, other = (entry["digest"] for entry in made.entries)
    message = says.format(place=builder.partition(":")[2], digest=digest, other=other)
    (tmp_path / "file").write_text("{}")
    for before, behind in (
        (["copy"], [str(tmp_path / "to")]),
        (["inspect"], []),
        (["discover"], []),
        (["ls"], []),
        (["attach", str(tmp_path / "file")], ["--artifact-type", "application/spdx+json"]),
    ):
        ran = run_here([*before, f"{builder}:{tag}@{digest}", *behind])
        assert (ran.code, message in ran.err) == (11, True), ran
        assert run_here([*before, f"{builder}:v1@{digest}", *behind]).code == 0


def test_verify_needs_a_tag_that_names_the_digest(tmp_path: Path) -> None:
    scene = Scene()
    written = scene.write(tmp_path)
    command, _, *options = written.arguments()
    good, wrong = (f"oci:{written.layout}:{tag}@{written.digest}" for tag in ("v1", "v2"))
    assert run_here([command, good, *options]).code == 0
    assert run_here([command, wrong, *options]).code == 11


@pytest.mark.parametrize("command", ["copy", "inspect", "discover", "ls"])
def test_says_where_a_tag_of_a_registry_has_moved(tmp_path: Path, registry: LoopbackRegistry, command: str) -> None:
    """Tags move, and lists with pinned names stay good."""
    load(registry, "app", family(2))  # v1, for now
    made = family(1)
    load(registry, "app", made, tag=None)
    destination = [str(tmp_path / "to")] if command == "copy" else []

    def told(tag: str) -> str:
        ran = run_here([command, f"{registry.host}/app:{tag}@{made.index.digest}", *destination])
        assert ran.code == (12 if command == "inspect" else 0), ran  # the signatures are not real
        return ran.err

    assert f"the digest decides; the tag names {family(2).index.digest} now" in told("v1")
    assert "the digest decides; there is no such tag now" in told("v2")
    registry.on("HEAD", "/manifests/v1$", error(403, "DENIED"))
    assert "the digest decides; it cannot be seen what the tag names now" in told("v1")
    registry.repositories["app"].tags["same"] = str(made.index.digest)
    assert "decides" not in told("same")


def test_a_lock_expects_that_tags_move(tmp_path: Path, registry: LoopbackRegistry) -> None:
    made = family(1)
    load(registry, "app", family(2))
    load(registry, "app", made, tag=None)
    (tmp_path / "lock").write_text(f"{registry.host}/app:v1@{made.index.digest}\n")
    ran = run_here(["copy", "--lock", str(tmp_path / "lock"), str(tmp_path / "to")])
    assert ran.code == 0, ran
    assert "decides" not in ran.err
    assert not registry.requests("HEAD", "/manifests/v1")
    check_complete(tmp_path / "to", made.index)
