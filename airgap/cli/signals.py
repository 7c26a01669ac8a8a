"""Ctrl-C, SIGTERM and SIGHUP end the command in one way: exit code 130, without a traceback, nothing half written."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import NoReturn

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
_INTERRUPTED = 130
_installed = False


def leave_at_once() -> None:
    """Until a command begins there is nothing to clean up: a signal ends the process, while modules are loaded, too."""
    global _installed  # noqa: PLW0603 - handlers of signals belong to the process
    _installed = True
    _handle(_leave)


def clean_up_first() -> None:
    """From now on a signal is a KeyboardInterrupt. Does nothing in a program that uses the library."""
    if _installed:
        _handle(_interrupt)


def _handle(handler: signal._HANDLER) -> None:
    for name in _NAMES:
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # ignored by nohup and by shells
            signal.signal(number, handler)


def _leave(_: int, __: FrameType | None) -> NoReturn:
    os._exit(_INTERRUPTED)


def _interrupt(_: int, __: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
