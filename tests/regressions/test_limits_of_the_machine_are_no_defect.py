"""A full device behind standard output, and too little memory, are reported as what they are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import run_here
from tests.support.copying import family, load, write
from tests.support.registry import LoopbackRegistry

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize(
    "arguments", [["--help"], ["copy", "--help"], ["--version"], ["version"], ["completion", "bash"]]
)
def test_names_standard_output_where_it_is_full(arguments: list[str]) -> None:
    with FULL.open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "airgap", *arguments], check=False, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert ran.returncode == 1
    first, *_ = ran.stderr.splitlines()
    assert first == "Error: standard output: No space left on device"


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't start new thread")])
def test_too_little_memory_is_not_an_internal_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    source = write(tmp_path / "source", family())
    monkeypatch.setattr("airgap.stages.copy.make_plan", refuse)
    ran = run_here(["copy", str(source), str(tmp_path / "to")])
    assert (ran.code, "too little memory" in ran.err, "defect" in ran.err) == (1, True, False), ran


def test_runs_for_a_user_without_a_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pod that runs under a number that no file names: `login` and `logout` called it a defect."""

    def unknown() -> None:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("pathlib.Path.home", unknown)
    for name in ("HOME", "USERPROFILE", "DOCKER_CONFIG", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "REGISTRY_AUTH_FILE"):
        monkeypatch.delenv(name, raising=False)
    with LoopbackRegistry() as registry:
        load(registry, "app", family())
        assert run_here(["copy", f"{registry.host}/app:v1", str(tmp_path / "to")]).code == 0
        for command in (["login", registry.host, "-u", "a", "-p", "b"], ["logout", registry.host]):
            ran = run_here(command)
            assert (ran.code, "--registry-config" in ran.err, "defect" in ran.err) == (2, True, False), ran
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
        assert run_here(["login", registry.host, "-u", "a", "-p", "b"]).code == 0
    assert (tmp_path / "docker/config.json").exists()
