"""Parsers for untrusted bytes: strict JSON, base64, CBOR, DER and times.

Nothing else in the package calls `json.loads`, `base64.b64decode` or `cbor2`. Every parser is bounded and raises
only `FormatError` (or its child `LimitError`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airgap.exports import on_demand

if TYPE_CHECKING:
    from airgap.parse.time import parse_duration, rfc3339

__getattr__, __dir__ = on_demand(__name__, {"airgap.parse.time": ("parse_duration", "rfc3339")})

__all__ = ["parse_duration", "rfc3339"]
