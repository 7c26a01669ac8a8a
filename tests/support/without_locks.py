"""File systems without locks (network shares)."""

from __future__ import annotations

import errno
import fcntl
import os

import pytest


def _refuse(*_: object) -> None:
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


def refuse_locks(monkeypatch: pytest.MonkeyPatch | None = None) -> None:
    """From now on no file can be locked: in this test, or in this whole process."""
    if monkeypatch is None:
        fcntl.flock = _refuse
    else:
        monkeypatch.setattr(fcntl, "flock", _refuse)
