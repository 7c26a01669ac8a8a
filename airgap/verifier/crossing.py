"""Values as bytes, for another process of the same version of airgap.

What is read on demand is read before it crosses: the other process gets the bytes of evidence, and never a path to read
it from. Certificates are parsed again there. Only what comes from our own workers may be unpacked: it can run code.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from airgap.errors import FormatError
from airgap.pki.certificate import Certificate
from airgap.revocation.evidence_files import EvidenceFile


def pack(value: object) -> bytes:
    """The value as bytes."""
    stream = io.BytesIO()
    _Pickler(stream, pickle.HIGHEST_PROTOCOL).dump(value)
    return stream.getvalue()


def unpack(data: bytes) -> Any:
    """What `pack` made into bytes, in a process of ours."""
    return pickle.loads(data)  # noqa: S301 - from our own workers, see above


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: object) -> Any:
        if isinstance(value, Certificate):
            return Certificate.parse, (value.der,)
        if isinstance(value, MappingProxyType):
            return _read_only, (dict(value),)
        if isinstance(value, EvidenceFile) and not isinstance(value.read, _Held):
            return _same, (replace(value, read=_held(value.read)),)
        return NotImplemented


class _Held:
    """The bytes of a file, or the error of reading it."""

    def __init__(self, data: bytes | FormatError) -> None:
        self._data = data

    def __call__(self) -> bytes:
        if isinstance(self._data, FormatError):
            raise self._data.with_traceback(None)
        return self._data


def _held(read: Callable[[], bytes]) -> _Held:
    try:
        return _Held(read())
    except FormatError as error:
        return _Held(error)


def _read_only(value: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(value)


def _same(value: object) -> object:
    return value
