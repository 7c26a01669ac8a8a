"""The manual pages are those of the commands, and groff reads them without a warning."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

from airgap.cli.examples import EXAMPLES
from airgap.cli.lazy import TOPICS
from airgap.cli.manual import pages
from tests.support.command import root_command

ROOT: Final = Path(__file__).resolve().parents[2]
MAN: Final = ROOT / "man"


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return dict(pages())


def test_the_pages_are_these(made: dict[str, str]) -> None:
    kept = {path.name: path.read_text(encoding="utf-8") for path in MAN.rglob("*.[17]")}
    assert kept == made, "run `make frozen` if this is on purpose"


def test_every_command_and_topic_has_a_page(made: dict[str, str]) -> None:
    wanted = {f"airgap-{name.replace(' ', '-')}.1" for name in EXAMPLES} | {f"airgap-{topic}.7" for topic in TOPICS}
    assert wanted | {"airgap.1"} <= {*made}
    groups = {name for name in made if name.endswith(".1")} - wanted - {"airgap.1"}
    assert groups == {f"airgap-{'-'.join(path)}.1" for path in _groups(root_command())}


def _groups(command: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not hasattr(command, "list_commands"):
        return []
    below = [_groups(command.get_command(None, name), (*path, name)) for name in command.list_commands(None)]
    return [*([path] if path else []), *(group for groups in below for group in groups)]


def test_all_references_lead_to_pages(made: dict[str, str]) -> None:
    for text in made.values():
        named = re.findall(r"^\.BR (\S+) \((\d)\)", text, re.MULTILINE)
        assert {f"{name}.{section}".replace("\\-", "-") for name, section in named} <= {*made}


def test_no_text_is_a_request(made: dict[str, str]) -> None:
    """A line of a page begins with a request only where the page means one."""
    known = {".TH", ".SH", ".PP", ".TP", ".IP", ".B", ".BR", ".RS", ".RE", ".nf", ".fi"}
    for text in made.values():
        assert {line.split()[0] for line in text.splitlines() if line.startswith((".", "'"))} <= known


@pytest.mark.parametrize("name", ["airgap.1", "airgap-verify.1", "airgap-trust-policy-init.1", "airgap-environment.7"])
def test_groff_reads_them(made: dict[str, str], name: str, tmp_path: Path) -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("there is no groff on this machine")
    ran = subprocess.run(
        [groff, "-man", "-Tascii", "-ww", "-P-cbou"], input=made[name], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    shown = " ".join(ran.stdout.split())
    assert "NAME" in shown
    assert name.rpartition(".")[0] in shown.replace("- ", "-")


def test_the_wheel_installs_them() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    assert build["wheel"]["shared-data"] == {"man/man1": "share/man/man1", "man/man7": "share/man/man7"}
    assert "/man" in build["sdist"]["include"]
