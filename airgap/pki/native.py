"""Guards calls into compiled code.

The Rust part of `cryptography` panics on some malformed input. Python sees a `BaseException` that `except Exception`
does not catch. Hostile bytes must not end a run (RULE-8), so parsers and verifiers of evidence call the
library through here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from airgap.errors import FormatError

P = ParamSpec("P")
T = TypeVar("T")


def guarded(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Calls `call`, and turns a panic into a FormatError."""
    try:
        return call(*args, **kwargs)
    except Exception:
        raise
    except BaseException as error:
        # pyo3 does not export its class
        if type(error).__name__ != "PanicException":
            raise
        raise FormatError("makes the cryptographic library fail") from None
