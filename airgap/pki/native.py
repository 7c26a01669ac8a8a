"""The one guard around calls into compiled code.

The Rust part of `cryptography` answers some broken input with a panic, which reaches Python as a `BaseException` that
no `except Exception` stops. Hostile bytes must not end a run (design 2, rule 8), so the parsers and verifiers of
evidence call it through here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from airgap.errors import FormatError

P = ParamSpec("P")
T = TypeVar("T")


def guarded(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `call` returns or raises; a panic becomes a FormatError."""
    try:
        return call(*args, **kwargs)
    except Exception:
        raise
    except BaseException as error:
        # pyo3 exports no class for it
        if type(error).__name__ != "PanicException":
            raise
        raise FormatError("makes the cryptographic library fail") from None
