"""Reads secrets where they cannot be seen: from standard input, or from the terminal without echo."""

from __future__ import annotations

import sys

from airgap.errors import UsageError

_SECRET_CHARACTERS = 64 * 1024


def secret_from_stdin(what: str) -> str:
    """The secret on standard input, without line ends. Raises UsageError where there is none."""
    text = sys.stdin.read(_SECRET_CHARACTERS).rstrip("\r\n")
    if not text:
        raise UsageError(f"standard input holds no {what}", remedy="Send it there: ... < FILE")
    return text


def ask(prompt: str, option: str) -> str:
    """A word that may be seen, from the terminal. Raises UsageError where there is no terminal."""
    if not sys.stdin.isatty():
        raise UsageError(f"{option} is missing, and there is no terminal to ask on")
    sys.stderr.write(prompt)
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def ask_password(prompt: str, option: str) -> str:
    """A password from the terminal. Raises UsageError where there is no terminal."""
    from getpass import getpass

    if not sys.stdin.isatty():
        raise UsageError(
            "there is no terminal to ask for the password on", remedy=f"Give it with {option}: airgap ... < FILE"
        )
    return getpass(prompt)
