"""The sdist has what its tests need; a build is that of a commit."""

from __future__ import annotations

import subprocess
import tarfile
import tomllib
from pathlib import Path

import pytest

from distribution.commit import check_unchanged, epoch
from distribution.sources import NEEDED, check_sdist
from distribution.tools import BuildError
from distribution.wheels import pins

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def sdist(path: Path, names: tuple[str, ...]) -> Path:
    (path / "content").write_text("x")
    with tarfile.open(path / "sdist.tar.gz", "w:gz") as tar:
        for name in names:
            tar.add(path / "content", f"airgap_oci-1/{name}")
    return path / "sdist.tar.gz"


def test_an_sdist_with_all_that_is_needed_is_accepted(tmp_path: Path) -> None:
    check_sdist(sdist(tmp_path, NEEDED))


@pytest.mark.parametrize("name", NEEDED)
def test_an_sdist_that_lacks_something_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BuildError, match=f"the sdist lacks {name}:"):
        check_sdist(sdist(tmp_path, tuple(other for other in NEEDED if other != name)))


def test_what_is_needed_is_in_the_repository_and_in_the_list_of_the_sdist() -> None:
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    for name in NEEDED:
        assert (ROOT / name).is_file()
        first = name.partition("/")[0]
        assert f"/{first}" in included or (first.endswith(".md") and "/*.md" in included) or name == "pyproject.toml"


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="an unpacked sdist does not know what was committed")
def test_the_sdist_has_every_file_and_folder_of_the_repository() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    always = {".gitignore", "pyproject.toml"}
    for name in {path.partition("/")[0] for path in listed} - always:
        assert f"/{name}" in included or name.endswith(".md"), name


def test_each_tool_has_a_locked_version() -> None:
    locked = pins((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    for name in ("build", "hatchling", "shiv", "pyinstaller", "cyclonedx-bom", "pip-audit"):
        assert any(one.startswith(f"{name}>=") for one in PROJECT["project"]["optional-dependencies"]["dist"])
        assert name in locked


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for words in (
        ["init", "-q"],
        ["-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-q", "--allow-empty", "-m", "x"],
    ):
        dated = {
            "GIT_COMMITTER_DATE": "1700000000 +0100",
            "GIT_AUTHOR_DATE": "1600000000 +0100",
            "PATH": "/usr/bin:/bin",
        }
        subprocess.run(["git", *words], cwd=tmp_path, check=True, env=dated)
    return tmp_path


def test_the_moment_is_that_of_the_commit(repository: Path) -> None:
    assert epoch(repository, {}) == 1700000000


def test_the_variable_counts_more_than_the_commit(repository: Path) -> None:
    assert epoch(repository, {"SOURCE_DATE_EPOCH": "42"}) == 42


@pytest.mark.parametrize("value", ["-1", "1.5", "now", "²"])
def test_a_moment_that_is_no_number_is_refused(repository: Path, value: str) -> None:
    with pytest.raises(BuildError, match="a number of seconds"):
        epoch(repository, {"SOURCE_DATE_EPOCH": value})


def test_without_a_commit_the_moment_must_be_stated(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="set SOURCE_DATE_EPOCH"):
        epoch(tmp_path, {})
    check_unchanged(tmp_path)


def test_a_file_that_is_not_committed_stops_the_build(repository: Path) -> None:
    check_unchanged(repository)
    (repository / "left.txt").write_text("x")
    with pytest.raises(BuildError, match=r"\?\? left\.txt"):
        check_unchanged(repository)
