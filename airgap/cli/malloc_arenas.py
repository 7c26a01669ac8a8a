"""The address space that threads take from the system's malloc."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Final

_M_ARENA_MAX: Final = -8
"""Of glibc's malloc.h."""
_ARENAS: Final = 2


def share_arenas() -> None:
    """Where address space is limited (`ulimit -v`), let all threads of this process share two arenas of glibc's malloc.

    glibc reserves up to 128 MiB of address space for the arena of each new thread, and a copy has twenty threads: under
    such a limit they could not start, though they use little memory. Call it before any does.
    """
    if sys.platform != "linux":
        return
    import resource

    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        return
    import ctypes  # takes a while, and few need it

    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
