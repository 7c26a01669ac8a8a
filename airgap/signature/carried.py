"""What an envelope carries beside what is signed: certificates, and a timestamp token.

It is read whatever else is wrong with the envelope: a certificate proves itself, and shows whose keys are revoked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final, NamedTuple

from airgap import limits
from airgap.errors import FormatError
from airgap.parse import base64, json
from airgap.pki.certificate import Certificate
from airgap.signature.jws import X5C
from airgap.signature.model import TIMESTAMP


class Carried(NamedTuple):
    """The unsigned part of one envelope, not parsed."""

    certificates: tuple[bytes, ...] = ()
    """DER, in the order of the envelope."""
    token: bytes | None = None

    def every_certificate(self) -> Iterator[bytes]:
        """Its own, and those in its timestamp token."""
        yield from self.certificates
        if self.token is not None:
            from airgap.pki.cms import certificates_in

            yield from certificates_in(self.token)


_NOTHING: Final = Carried()


def carried_by(raw: bytes) -> Carried:
    """What the envelope in `raw` carries, JWS or COSE by its bytes; nothing where they cannot be read so far."""
    if len(raw) > limits.ENVELOPE_BYTES:
        return _NOTHING
    try:
        return _of_jws(raw) if raw.lstrip()[:1] == b"{" else _of_cose(raw)
    except FormatError:
        return _NOTHING


def _of_jws(raw: bytes) -> Carried:
    header = json.load_object(raw, json.Reading.SIGNED, limit=limits.ENVELOPE_BYTES, what="envelope").get("header")
    if not isinstance(header, dict):
        return _NOTHING
    listed = header.get(X5C)
    found = [der for der in map(_decoded, listed) if der] if isinstance(listed, list) else []
    return Carried(tuple(found), _decoded(header.get(TIMESTAMP)))


def _decoded(text: object) -> bytes | None:
    with suppress(FormatError):
        return base64.decode_standard(text) if isinstance(text, str) else None
    return None


def _of_cose(raw: bytes) -> Carried:
    from airgap.parse import cbor
    from airgap.signature import cose

    items = cbor.load(raw[1:], limit=limits.ENVELOPE_BYTES) if raw.startswith(cose.PREFIX) else ()
    unprotected = items[1] if isinstance(items, list) else None
    if not isinstance(unprotected, dict):
        return _NOTHING
    listed, token = unprotected.get(cose.X5CHAIN), unprotected.get(TIMESTAMP)
    found = [item for item in listed if isinstance(item, bytes)] if isinstance(listed, list) else []
    return Carried(tuple(found), token if isinstance(token, bytes) else None)


class SignerCertificates:
    """The certificates of many signatures, each once: thousands of signatures have the same few."""

    def __init__(self) -> None:
        self._seen: Final[set[bytes]] = set()
        self._found: Final[dict[Certificate, None]] = {}
        self.is_complete = True
        """False where there are more than are looked at."""

    def take(self, ders: Iterable[bytes]) -> None:
        """Takes certificates; what is none is ignored."""
        for der in ders:
            if der in self._seen:
                continue
            if len(self._seen) >= limits.SIGNER_CERTIFICATES:
                self.is_complete = False
                return
            self._seen.add(der)
            with suppress(FormatError):
                self._found[Certificate.parse(der)] = None

    @property
    def found(self) -> tuple[Certificate, ...]:
        """All of them."""
        return tuple(self._found)
