"""CRLs in PEM: one block, or several in one file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from airgap import limits
from airgap.errors import FormatError, LimitError
from airgap.parse.base64 import decode_standard

_PEM = re.compile(rb"-----BEGIN X509 CRL-----[ \t]*\r?\n(?P<body>[A-Za-z0-9+/=\s]*)-----END X509 CRL-----")
_PEM_BEGUN = re.compile(rb"-----BEGIN X509 CRL-----[ \t]*\r?\n(?P<body>[A-Za-z0-9+/\s]*)")
_PEM_CUT = re.compile(rb"^-{1,5}(?:B(?:E(?:G(?:IN?)?)?)?)?\s*\Z", re.MULTILINE)
"""The start of one more block, where the file ends."""
_PEM_OTHER = re.compile(
    rb"-----BEGIN (?P<label>(?:TRUSTED |X509 )?CERTIFICATE)-----[A-Za-z0-9+/=\s]*-----END (?P=label)-----"
)
_PEM_BYTES: Final = limits.CRL_BYTES * 3 // 2


def crl_der(data: bytes, *, damaged: bool = False) -> bytes:
    """The DER of a CRL (DER, or one PEM block). `damaged`: as far as it can be read. Raises FormatError."""
    if len(data) > _PEM_BYTES:
        raise LimitError(f"the CRL has {len(data)} bytes, more than {_PEM_BYTES}")
    if data[:1] != b"\x30":
        block = _PEM.search(data) or (_PEM_BEGUN.search(data) if damaged else None)
        if not block:
            raise FormatError("the CRL is neither DER nor a PEM block X509 CRL")
        if _PEM.search(data, block.end()):
            raise FormatError("the file holds more than one CRL")
        body = b"".join(block["body"].split())
        data = decode_standard(body[: len(body) // 4 * 4 if damaged else None].decode("ascii"), where="crl")
    if len(data) > limits.CRL_BYTES and not damaged:
        raise LimitError(f"the CRL has {len(data)} bytes, more than {limits.CRL_BYTES}")
    return data


def split_pem(data: bytes) -> tuple[bytes, ...]:
    """Each PEM block "X509 CRL" of `data`, if there are several (as nginx and Apache need); else `data` itself.

    Certificates and text between them are left out. Other content between them that may be evidence is returned as a
    piece that no reader accepts: it may be a damaged or cut CRL. Raises LimitError.
    """
    if data[:1] == b"\x30":
        return (data,)
    if (count := data.count(b"-----BEGIN ")) > limits.PEM_BLOCKS:
        raise LimitError(f"holds {count} PEM blocks, more than {limits.PEM_BLOCKS}")
    if b"-----BEGIN X509 CRL-----" not in data:
        return (data,)
    from airgap.pki.wrong_files import may_hide_more

    blocks = [match[0] for match in _PEM.finditer(data)]
    rest = [part for gap in _gaps(_PEM_OTHER.sub(b"", data)) for part in re.split(rb"(?=-----BEGIN )", gap)]
    pieces = (*blocks, *(piece for piece in rest if may_hide_more(piece) or _PEM_CUT.search(piece)))
    return pieces if blocks and len(pieces) > 1 else (data,)


def _gaps(data: bytes) -> Iterator[bytes]:
    """The bytes before, between and after the blocks "X509 CRL"."""
    start = 0
    for match in _PEM.finditer(data):
        yield data[start : match.start()]
        start = match.end()
    yield data[start:]
