"""A command that does not exist: the one that was probably meant is named, wherever in the tree it is."""

from __future__ import annotations

import pytest

from tests.support.command import run_here


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("verfiy layout", "airgap verify"),
        ("sing layout", "airgap sign"),
        ("pull registry.example/app:v1", "airgap copy"),
        ("list layout", "airgap ls"),
        ("cert add root.pem", "airgap trust cert add"),
        ("policy check", "airgap trust policy check"),
        ("snapshot create", "airgap trust snapshot create"),
        ("crl fetch", "airgap trust fetch"),
        ("pin add", "airgap trust pin add"),
        ("trust ls", "airgap trust cert list"),
        ("trust fecth", "airgap trust fetch"),
        ("blob sgin x", "airgap blob sign"),
        ("key gen", "airgap key generate"),
        ("help verfiy", "airgap verify"),
        ("xyzzy", ""),
    ],
)
def test_names_the_command_that_is_near(words: str, meant: str) -> None:
    ran = run_here(words.split())
    assert ran.code == 2
    assert ran.err.rstrip().endswith(f"Did you mean '{meant}'?" if meant else "No such command 'xyzzy'."), ran.err


def test_help_is_a_command_too() -> None:
    assert run_here(["help", "trust", "fetch"]).out == run_here(["trust", "fetch", "--help"]).out
    assert run_here(["help"]).out == run_here(["--help"]).out
