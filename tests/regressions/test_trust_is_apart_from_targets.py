"""A medium proved itself: a file name became an option in a shell, and the medium brought its own policy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from airgap.errors import UsageError
from airgap.trust.separation import check_apart
from tests.support.command import run_here
from tests.support.scenario import Scene, Written
from tests.support.snapshots import tree_of


def _inside(written: Written, _: Path) -> tuple[str, str]:
    place = written.layout / "trust"
    shutil.copytree(written.trust, place)
    return str(place), f"oci:{written.layout}:v1"


def _itself(written: Written, _: Path) -> tuple[str, str]:
    shutil.copytree(written.trust, written.layout, dirs_exist_ok=True)
    return str(written.layout), str(written.layout)


def _around(written: Written, _: Path) -> tuple[str, str]:
    shutil.copytree(written.trust, written.layout.parent, dirs_exist_ok=True)
    return str(written.layout.parent), f"{written.layout}@{written.digest}"


def _by_link(written: Written, folder: Path) -> tuple[str, str]:
    shutil.copytree(written.trust, written.layout / "trust")
    link = folder / "elsewhere"
    link.symlink_to(written.layout / "trust")
    return str(link), f"oci:{written.layout}:v1"


def _target_by_link(written: Written, folder: Path) -> tuple[str, str]:
    shutil.copytree(written.trust, written.layout / "trust")
    link = folder / "elsewhere"
    link.symlink_to(written.layout)
    return str(written.layout / "trust"), f"oci:{link}:v1"


PLACES: dict[str, Callable[[Written, Path], tuple[str, str]]] = {
    "inside": _inside,
    "itself": _itself,
    "around": _around,
    "by-link": _by_link,
    "target-by-link": _target_by_link,
}


COMMANDS = ("verify", "recheck", "fetch", "snapshot verify", "snapshot apply")


@pytest.mark.parametrize(
    ("command", "place"), [*((command, place) for command in COMMANDS for place in PLACES), ("blob verify", "around")]
)
def test_refuses_a_trust_directory_inside_a_target(tmp_path: Path, command: str, place: str) -> None:
    written = Scene().write(tmp_path / "medium")
    trust, target = PLACES[place](written, tmp_path)
    if command == "blob verify":
        target = str(written.layout / "index.json")
    words = (
        ["trust", *command.split()] if command in {"fetch", "snapshot verify", "snapshot apply"} else command.split()
    )
    before = sorted(tmp_path.rglob("*"))
    ran = run_here([*words, target, "--trust", trust])
    assert (ran.code, "cannot prove itself" in ran.err) == (2, True), ran
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("command", ["verify", "recheck", "trust fetch"])
@pytest.mark.parametrize(
    ("option", "trust", "pattern"),
    [("--trust=t.tar", "t.tar", "*.tar"), ("--trust=.t.tar", ".t.tar", "*.tar"), ("--trust", "a", "*")],
    ids=["target", "hidden", "two-files"],
)
def test_refuses_a_file_name_that_is_an_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, option: str, trust: str, pattern: str
) -> None:
    """`airgap verify *.tar`: a folder that is hidden, or taken as the value, is no target and is in none."""
    written = Scene(archive=True).write(tmp_path)
    (tmp_path / option).touch()
    written.trust.rename(tmp_path / trust)
    monkeypatch.chdir(tmp_path)
    names = sorted(path.name for path in tmp_path.glob(pattern) if path.name[0] != ".")
    assert names[0] == option
    ran = run_here([*command.split(), *names])
    assert ran.code == 2, ran
    assert f"a file here is called {option!r}" in ran.err
    assert "Write ./*.tar" in ran.err


def test_refuses_file_names_that_are_other_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes a verdict milder is never the medium's to choose."""
    monkeypatch.chdir(tmp_path)
    for option in ("--max-age=3650d", "--at=2024-01-01", "--scope=lab", "-q"):
        (tmp_path / option).touch()
        assert run_here(["verify", option, "x.tar"]).code == 2
    assert run_here(["verify", "--", "-q"]).code == 18
    assert run_here(["verify", "-v", "x.tar"]).code == 18


def test_accepts_a_trust_directory_beside_a_target(tmp_path: Path) -> None:
    written = Scene().write(tmp_path)
    assert run_here(written.arguments()).code == 0
    check_apart(written.trust, [f"{written.layout}:v1", "registry.example/app:v1", str(tmp_path / "nothing"), "oci:"])
    (tmp_path / "layout-2").symlink_to(written.layout)
    (tmp_path / "trust-2").symlink_to(written.trust)
    check_apart(tmp_path / "trust-2", [str(tmp_path / "layout-2")])
    with pytest.raises(UsageError):
        check_apart(tmp_path / "layout-2", [str(written.layout)])


@pytest.mark.parametrize("folder", ["truststore", "truststore/x509", "truststore/x509/ca", ".airgap"])
@pytest.mark.parametrize(("place", "code"), [("layout", 2), ("elsewhere", 0)])
def test_refuses_stores_and_pins_that_a_link_takes_from_a_target(
    tmp_path: Path, folder: str, place: str, code: int
) -> None:
    """The anchors of the medium were used: only the trust directory itself was looked at."""
    written = Scene().write(tmp_path)
    linked, there = written.trust / folder, tmp_path / place / "part"
    linked.mkdir(exist_ok=True)
    there.parent.mkdir(exist_ok=True)
    linked.rename(there)
    linked.symlink_to(there)
    ran = run_here(written.arguments())
    assert (ran.code, "cannot prove itself" in ran.out + ran.err) == (code, code != 0), ran
    checked = run_here(["trust", "policy", "check", "--trust", str(written.trust)])
    assert (checked.code, "cannot prove itself" in checked.out) == (0, code != 0), checked


def test_rechecks_the_others_beside_such_a_layout(tmp_path: Path) -> None:
    written = Scene().write(tmp_path / "one")
    report, other = tmp_path / "report.json", tmp_path / "other.json"
    for path in (report, other):
        assert run_here([*written.arguments(), "--report", str(path)]).code == 0
    trust = written.layout / "trust"
    shutil.copytree(written.trust, trust)
    ran = run_here(["recheck", str(report), str(other), "--trust", str(trust), "--format", "json"])
    assert ran.code == 2, ran
    assert len(ran.document["artifacts"]) == 2
    assert "cannot prove itself" in ran.out


@pytest.mark.parametrize("command", ["verify", "recheck", "blob verify"])
def test_refuses_an_input_as_report(tmp_path: Path, command: str) -> None:
    """The layout's index.json, the trust policy, the report that was rechecked: gone, and the verdict was PASS."""
    written = Scene().write(tmp_path)
    report = tmp_path / "report.json"
    assert run_here([*written.arguments(), "--report", str(report)]).code == 0
    asked = {"verify": written.layout, "recheck": report, "blob verify": report}[command]
    inputs = [asked / "index.json" if asked.is_dir() else asked, next(written.trust.glob("trustpolicy*.json"))]
    (tmp_path / "link.json").symlink_to(inputs[0])
    before = tree_of(tmp_path)
    for place in (*inputs, tmp_path / "link.json", written.trust / "new.json"):
        ran = run_here([*command.split(), str(asked), "--trust", str(written.trust), "--report", str(place)])
        assert (ran.code, "which is read" in ran.err) == (2, True), ran
    assert tree_of(tmp_path) == before
