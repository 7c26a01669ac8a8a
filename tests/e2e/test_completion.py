"""The completion script gets from the command what can come next."""

from __future__ import annotations

import pytest

from tests.support.command import run_here, run_process


@pytest.mark.parametrize(
    ("words", "index", "answer"),
    [
        ("airgap ver", 1, ["verify", "version"]),
        ("airgap trust sn", 2, ["snapshot"]),
        ("airgap copy --dr", 2, ["--dry-run"]),
    ],
)
def test_answers_bash(monkeypatch: pytest.MonkeyPatch, words: str, index: int, answer: list[str]) -> None:
    for name, value in (("_AIRGAP_COMPLETE", "complete_bash"), ("COMP_WORDS", words), ("COMP_CWORD", str(index))):
        monkeypatch.setenv(name, value)
    ran = run_process([])
    assert (ran.code, ran.out.split(), ran.err) == (0, answer, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_every_shell_has_a_script(shell: str) -> None:
    ran = run_here(["completion", shell])
    assert ran.code == 0
    assert "_AIRGAP_COMPLETE" in ran.out
