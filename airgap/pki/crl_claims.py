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
        element = _first_member(data)
        if element.tag == der.INTEGER:
            element = der.element_at(data, element.end, len(data))
        name = der.element_at(data, element.end, len(data)).expect(der.SEQUENCE, "crl.issuer")
        if len(name.value) > limits.CRL_FRAME_BYTES:
            return None
        said = name_text(read_maker(name, "crl.issuer"))
    except FormatError:
        return None
    return name.raw if said.isprintable() else None  # zeros in it are damage


def _first_member(data: bytes) -> der.Element:
    """The first member of the TBSCertList; the outer lengths are useless in a cut CRL. Raises FormatError."""
    return der.element_at(data, der.content_at(data, der.content_at(data, 0)), len(data))


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


def whole_key(data: bytes) -> bytes | None:
    """The key identifier of a CRL that may be damaged after it; None unless everything up to it can be read.

    Behind a part that is lost, what follows may be from another file.
    """
    try:
        data = crl_der(data, damaged=True)
        element = _first_member(data)
        while element.tag != _EXTENSIONS:
            following = der.element_at(data, element.end, len(data))
            if following.tag not in _FOLLOWING.get(element.tag, ()):
                return None
            element = following
        at = data.find(der.oid(AUTHORITY_KEY_IDENTIFIER), element.end - len(element.value), element.end)
        if at < 0:
            return None
        value = der.element_at(data, at + len(der.oid(AUTHORITY_KEY_IDENTIFIER)), element.end)
        if value.tag == der.BOOLEAN:
            value = der.element_at(data, value.end, element.end)
        return read_authority_key(value.expect(der.OCTET_STRING, "authorityKeyIdentifier").value)
    except FormatError:
        return None


_EXTENSIONS: Final = 0xA0
"""The tag of crlExtensions (RFC 5280, 5.1)."""
_TIMES: Final = (der.UTC_TIME, der.GENERALIZED_TIME)
_FOLLOWING: Final = {
    der.INTEGER: (der.SEQUENCE,),
    der.SEQUENCE: (der.SEQUENCE, *_TIMES, _EXTENSIONS),
    **dict.fromkeys(_TIMES, (*_TIMES, der.SEQUENCE, _EXTENSIONS)),
}
"""What may follow each member of a TBSCertList."""
