"""The completion script gets from the command what can come next, and never runs what a medium is called."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from airgap.cli.candidates import answer
from tests.support.command import run_here, run_process
from tests.support.layouts import LayoutBuilder

ROOT: Final = Path(__file__).resolve().parents[2]
LAYOUTS: Final = ROOT / "layouts"
SHELLS: Final = ("bash", "zsh", "fish")
_LIMIT: Final = 30.0
"""Seconds for an answer in a real shell; it takes one."""


@pytest.fixture(autouse=True)
def beside_layouts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(LAYOUTS)
    monkeypatch.setenv("AIRGAP_TRUST", str(LAYOUTS / "trust"))
    monkeypatch.setenv("AIRGAP_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("AIRGAP_LIBEXEC", str(tmp_path / "libexec"))


@pytest.mark.parametrize(
    ("words", "first", "found"),
    [
        (["ver"], "none", ["verify", "version"]),
        (["trust", "sn"], "none", ["snapshot"]),
        (["copy", "--dr"], "none", ["--dry-run"]),
        (["--ver"], "none", ["--version"]),
        (["ls", "--format", "j"], "none", ["json"]),
        (["ls", "-o", "j"], "none", ["json"]),
        (["verify", "go"], "files", []),
        (["verify", "good:"], "none", ["good:v1"]),
        (["verify", "./good.tar:v"], "none", ["./good.tar:v1"]),
        (["copy", "oci:good:"], "none", ["oci:good:v1"]),
        (["verify", "nothing:"], "files", []),
        (["verify", "--report", ""], "files", []),
        (["verify", "--trust", ""], "folders", []),
        (["verify", "--at", ""], "none", []),
        (["verify", "--scope", "reg"], "none", ["registry.example/net-monitor"]),
        (["trust", "cert", "list", "--type", "ca", "--store", ""], "none", ["harbour-works"]),
        (["trust", "policy", "init", "--trust-store", "tsa:"], "none", ["tsa:harbour-works"]),
        (["trust", "cert", "add", "x.pem", "--trust", "/nowhere", "--store", ""], "none", []),
        (["key", "default", ""], "none", []),
        (["schema", "bundle-sp"], "none", ["bundle-split"]),
        (["help", "exit"], "none", ["exit-codes"]),
        (["bundle", "split", "x", "--volume-size", "dvd"], "none", ["dvd", "dvd-dl"]),
    ],
    ids=" ".join,
)
def test_answers(words: list[str], first: str, found: list[str]) -> None:
    lines = list(answer("zsh", words))
    assert lines[0] == first
    assert [line.partition("\t")[0] for line in lines[1:]] == found


def test_completes_what_is_in_a_store() -> None:
    words = ["trust", "cert", "show", "--type", "ca", "--store", "harbour-works", ""]
    file = next((LAYOUTS / "trust/truststore/x509/ca/harbour-works").iterdir()).name
    assert list(answer("fish", words)) == ["none", file]


def test_completes_names_of_keys(tmp_path: Path) -> None:
    assert run_here(["key", "generate", "one"]).code == 0
    assert list(answer("zsh", ["sign", "--key", ""])) == ["none", "one"]
    assert list(answer("zsh", ["key", "delete", "o"])) == ["none", "one"]


def test_no_summary_is_cut() -> None:
    assert list(answer("zsh", ["ls", "ver"])) != []
    shown = dict(line.split("\t") for line in list(answer("zsh", [""]))[1:])
    assert not any("..." in about for about in shown.values())


def test_names_of_a_medium_cannot_act_in_a_shell(tmp_path: Path) -> None:
    """A tag may be anything in a layout that came from elsewhere."""
    builder = LayoutBuilder()
    for tag in ("v1", "$(touch x)", "`touch x`", "a';touch x;'", "a\tb", "a\nb", "a;b"):
        builder.tag(builder.add_image(tag.encode()), tag)
    builder.write_directory(tmp_path / "evil")
    for shell in SHELLS:
        lines = list(
            answer(shell, ["verify", f"{tmp_path}/evil:"])
            if shell != "bash"
            else answer("bash", [f"airgap verify {tmp_path}/evil:", ":"])
        )
        assert lines[1:] == (["v1"] if shell == "bash" else [f"{tmp_path}/evil:v1"])


@pytest.mark.parametrize(
    ("line", "own", "found"),
    [
        ("airgap ver", "ver", ["verify", "version"]),
        ("airgap verify good:", ":", ["v1"]),
        ("airgap verify good:v", "v", ["v1"]),
        ("airgap verify 'good:", "good:", ["good:v1"]),
        ("airgap ls --format=j", "j", ["json"]),
        ("airgap ls --format ", "", ["text", "json"]),
    ],
)
def test_bash_gets_the_part_that_it_completes(line: str, own: str, found: list[str]) -> None:
    """It splits words at `:` and `=`, and puts the answer in the place of the last part."""
    assert list(answer("bash", [line, own]))[1:] == found


def test_answers_through_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_AIRGAP_COMPLETE", "fish")
    ran = run_process(["--", "ver"])
    assert (ran.code, [line.split("\t")[0] for line in ran.out.splitlines()], ran.err) == (
        0,
        ["none", "verify", "version"],
        "",
    )


@pytest.mark.parametrize("shell", [*SHELLS, "powershell"])
def test_every_shell_has_a_script(shell: str) -> None:
    ran = run_here(["completion", shell])
    assert ran.code == 0
    assert "_AIRGAP_COMPLETE" in ran.out
    assert "eval" not in ran.out.replace("evaluated", "")


def test_the_shell_of_the_account_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/usr/bin/zsh")
    assert run_here(["completion"]).out == run_here(["completion", "zsh"]).out
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    ran = run_here(["completion", "--install"])
    assert ran.code == 2
    assert "bash, zsh, fish" in ran.err


def test_installs_once_and_keeps_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "kept").write_text("alias a=b")
    (tmp_path / ".bashrc").symlink_to("kept")
    for said in ("loads it now", "loads it already"):
        ran = run_here(["completion", "bash", "--install"])
        assert ran.code == 0
        assert said in ran.out
    lines = (tmp_path / "kept").read_text().splitlines()
    assert lines[0] == "alias a=b"
    assert len(lines) == 2
    assert (tmp_path / ".bashrc").is_symlink()
    assert run_here(["completion", "fish", "--install"]).code == 0
    assert (tmp_path / ".config/fish/completions/airgap.fish").is_file()
    assert run_here(["completion", "powershell", "--install"]).code == 2


@pytest.fixture
def account(tmp_path: Path) -> dict[str, str]:
    """The environment of a fresh account, in whose path is this airgap."""
    command = tmp_path / "bin/airgap"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m airgap "$@"\n')
    command.chmod(0o755)
    return {"HOME": str(tmp_path), "PATH": f"{command.parent}:/usr/bin:/bin", "TERM": "xterm", "LANG": "C.UTF-8"}


@pytest.mark.parametrize(
    ("keys", "shown"),
    [("airgap trust exp\t", "export"), ("airgap verify good.tar:\t", "good.tar:v1")],
    ids=["command", "tag"],
)
@pytest.mark.parametrize("shell", SHELLS)
def test_in_a_real_shell_of_a_fresh_account(account: dict[str, str], shell: str, keys: str, shown: str) -> None:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"there is no {shell} on this machine")
    installed = subprocess.run(
        ["airgap", "completion", "--install"],
        env={**account, "SHELL": found},
        capture_output=True,
        text=True,
        check=False,
    )
    assert installed.returncode == 0, installed
    if shell == "fish":  # it has a command for that; a terminal would be asked what it can do
        ran = subprocess.run(
            [found, "-c", f'complete -C "{keys.rstrip()}"'], env=account, capture_output=True, text=True, check=False
        )
        assert shown in ran.stdout, ran
    else:
        _type(found, account, keys + ("\t" if shown == "export" else ""), shown.encode())


def _type(shell: str, env: dict[str, str], keys: str, shown: bytes) -> None:
    child, terminal = pty.fork()
    if child == 0:  # pragma: no cover - becomes the shell
        os.execve(shell, [shell, "-i"], env)  # noqa: S606 - the shell is what is tested
    try:
        os.write(terminal, b'echo rea""dy\n')
        assert b"ready" in _read_until(terminal, b"ready")
        os.write(terminal, keys.encode())
        assert shown in _read_until(terminal, shown)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(terminal)


def _read_until(terminal: int, wanted: bytes) -> bytes:
    got, end = b"", time.monotonic() + _LIMIT
    while wanted not in got and time.monotonic() < end:
        if select.select([terminal], [], [], 0.1)[0]:
            got += os.read(terminal, 4096)
    return got
