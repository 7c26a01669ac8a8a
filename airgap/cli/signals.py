"""Ctrl-C, SIGTERM and SIGHUP end the command in one way: exit code 130, without a traceback, nothing half written.

What runs is stopped and cleaned up first. That can take minutes where a registry does not answer: a second signal ends
the process at once. What it leaves has temporary names, and the next writer removes it.
"""

from __future__ import annotations

import os
import signal
import time
from types import FrameType
from typing import NoReturn

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
_INTERRUPTED = 130
_CLEANING_SECONDS = 1.0
"""Further signals in this time belong to the first one: `timeout` and terminals send several."""
_installed = False
_began: float | None = None
"""When the first signal came."""


def leave_at_once() -> None:
    """Until a command begins there is nothing to clean up: a signal ends the process, while modules are loaded, too."""
    global _installed  # noqa: PLW0603 - handlers of signals belong to the process
    _installed = True
    _handle(_leave)


def clean_up_first() -> None:
    """From now on a signal is a KeyboardInterrupt. Does nothing in a program that uses the library."""
    global _began  # noqa: PLW0603 - as above
    _began = None
    if _installed:
        _handle(_interrupt)


def _handle(handler: signal._HANDLER) -> None:
    for name in _NAMES:
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # ignored by nohup and by shells
            signal.signal(number, handler)


def _leave(_: int, __: FrameType | None) -> NoReturn:
    os._exit(_INTERRUPTED)


def _interrupt(_: int, __: FrameType | None) -> None:
    global _began  # noqa: PLW0603 - as above
    if _began is None:
        _began = time.monotonic()
        raise KeyboardInterrupt
    if time.monotonic() - _began > _CLEANING_SECONDS:
        os.write(2, b"Error: interrupted again, before everything was cleaned up\n")
        os._exit(_INTERRUPTED)
