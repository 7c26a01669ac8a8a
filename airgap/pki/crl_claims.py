"""What a damaged CRL still says of its issuer: which certificates it may be about."""

from __future__ import annotations

from typing import Final

from airgap import limits
from airgap.errors import FormatError
from airgap.parse import der
from airgap.pki.crl_pem import crl_der
from airgap.pki.distinguished_names import name_text, read_maker
from airgap.pki.extensions import AUTHORITY_KEY_IDENTIFIER, read_authority_key

_KEY_BYTES: Final = 80
"""Bytes of an authorityKeyIdentifier that are searched: the key comes first in it."""
_BEGIN: Final = b"-----BEGIN X509 CRL-----"
_END: Final = b"-----ENDX509CRL-----"
_SHORT_HEADER: Final = 2
"""The octets before the contents of a structure of at most 127 octets."""


def claimed_issuer(data: bytes) -> bytes | None:
    """The raw issuer Name of a CRL that may be damaged after it; None if it cannot be read.

    None also if there is trailing data, more text than one CRL has in PEM, or a PEM block without its end: a CRL of
    another issuer may follow, or have followed.
    """
    try:
        text, data = data, crl_der(data, damaged=True)
        if _end(data) < len(data) or (text is not data and _may_hold_another(text, data)):
            return None
        # the outer lengths are useless in a cut CRL
        element = der.element_at(data, der.content_at(data, der.content_at(data, 0)), len(data))
        if element.tag == der.INTEGER:
            element = der.element_at(data, element.end, len(data))
        name = der.element_at(data, element.end, len(data)).expect(der.SEQUENCE, "crl.issuer")
        if len(name.value) > limits.CRL_FRAME_BYTES:
            return None
        said = name_text(read_maker(name, "crl.issuer"))
    except FormatError:
        return None
    return name.raw if said.isprintable() else None  # zeros in it are damage


def _may_hold_another(text: bytes, data: bytes) -> bool:
    """Whether a PEM file holds, or held, more than the damaged CRL whose DER begins as `data`. Raises FormatError."""
    from airgap.pki.wrong_files import may_hide_more  # seldom needed

    before, _, block = text.partition(_BEGIN)
    content = der.content_at(data, 0)
    announced = content + int.from_bytes(data[2:content], "big") if content > _SHORT_HEADER else len(data)
    inside = b"".join(block.split())
    return (
        may_hide_more(before)
        or _BEGIN in block
        or _END not in inside
        or len(inside) > (announced + 2) // 3 * 4 + len(_END)
    )


def _end(data: bytes) -> int:
    """The stated end of the structure at the start of `data`; the end of `data` if it is cut."""
    try:
        return der.element_at(data, 0, len(data)).end
    except FormatError:
        return len(data)


def claimed_key(data: bytes) -> bytes:
    """Bytes of a damaged CRL that contain the identifier of its signing key; empty if not found."""
    try:
        data = crl_der(data, damaged=True)
    except FormatError:
        return b""
    _, _, rest = data.rpartition(der.oid(AUTHORITY_KEY_IDENTIFIER))
    return rest[:_KEY_BYTES]


def whole_key(claimed: bytes) -> bytes | None:
    """The key identifier in the result of `claimed_key`, if the whole extension can be read."""
    try:
        element = der.element_at(claimed, 0, len(claimed))
        if element.tag == der.BOOLEAN:
            element = der.element_at(claimed, element.end, len(claimed))
        return read_authority_key(element.expect(der.OCTET_STRING, "authorityKeyIdentifier").value)
    except FormatError:
        return None
