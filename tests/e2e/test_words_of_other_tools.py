"""Words of oras, skopeo, notation and regctl: taken where they mean nothing else here, else ours is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap.cli.other_tools import COMMANDS, HERE, NEEDLESS
from tests.support.command import root_command, run_here

LAYOUT = "layouts/good:v1"


@pytest.mark.parametrize(
    "words",
    [
        ["--all"],
        ["-a"],
        ["--preserve-digests"],
        ["--multi-arch", "all"],
        ["--multi-arch=all"],
        ["--src-tls-verify"],
        ["--src-tls-verify=true", "--dest-tls-verify=true"],
        ["-r", "--all", "--preserve-digests"],
        ["--insecure-policy"],
    ],
    ids=" ".join,
)
def test_what_happens_anyway_may_be_asked_for(words: list[str], tmp_path: Path) -> None:
    ran = run_here(["copy", *words, LAYOUT, str(tmp_path / "to")])
    assert ran.code == 0, ran
    assert run_here(["ls", str(tmp_path / "to")]).code == 0


@pytest.mark.parametrize(
    ("words", "ours"),
    [
        (["copy", "--src-tls-verify=false"], "--from-insecure"),
        (["copy", "--src-tls-verify", "false"], "--from-insecure"),
        (["copy", "--dest-tls-verify=false"], "--to-plain-http"),
        (["copy", "--multi-arch", "system"], "--platform"),
        (["copy", "--src-creds", "a:b"], "--from-username"),
        (["copy", "--remove-signatures"], "--exclude-referrers"),
        (["verify", "--trust-policy", "x"], "--trust DIR"),
        (["verify", "--all"], "No such option"),
    ],
    ids=lambda item: " ".join(item) if isinstance(item, list) else "",
)
def test_what_means_something_else_names_our_word(words: list[str], ours: str, tmp_path: Path) -> None:
    ran = run_here([*words, LAYOUT, str(tmp_path / "to")])
    assert ran.code == 2
    assert ours in ran.err
    assert not (tmp_path / "to").exists()


def test_nothing_behind_two_hyphens_is_an_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = Path(LAYOUT).absolute()
    monkeypatch.chdir(tmp_path)
    assert run_here(["copy", "--", str(layout), "--all"]).code == 0
    assert (tmp_path / "--all").is_dir()


@pytest.mark.parametrize(("words", "ours"), COMMANDS.items(), ids=str)
def test_their_commands_name_ours(words: tuple[str, ...], ours: str) -> None:
    ran = run_here([*words, "x"])
    assert ran.code == 2
    assert f"Did you mean '{ours}'?" in ran.err


def test_no_option_of_ours_is_in_the_tables() -> None:
    for name, options in NEEDLESS.items():
        command = root_command().get_command(None, name)
        own = {option.removeprefix("--") for item in command.params for option in (*item.opts, *item.secondary_opts)}
        assert not own & {*options}, name
    copy = root_command().get_command(None, "copy")
    assert not {option.removeprefix("--") for parameter in copy.params for option in parameter.opts} & {*HERE}
