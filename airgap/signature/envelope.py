"""Parses an envelope of any format into one record, and checks its signature value.

`parse_envelope` and `parse_payload` check only the form, so that an envelope can be shown without being trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from types import MappingProxyType
from typing import Final

from airgap import limits
from airgap.errors import FormatError, Rejected
from airgap.oci.descriptor import COSE_ENVELOPE, JWS_ENVELOPE
from airgap.pki import algorithms
from airgap.signature.model import Envelope
from airgap.text import safe

FORMATS: Final[Mapping[str, str]] = MappingProxyType({JWS_ENVELOPE: "JWS", COSE_ENVELOPE: "COSE"})
"""The envelope formats by media type of their layer (MAN-5)."""


class _Any:
    """Contains every name."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)


ANY_PLUGIN: Final = _Any()
"""For readers that accept nothing: allows any demanded plugin."""


def parse_envelope(media_type: str, raw: bytes, *, plugins: Container[str] = frozenset()) -> Envelope:
    """The envelope in `raw`, in the format of `media_type`.

    Neither the signature value nor the chain nor the payload is judged. Critical attributes that are not understood
    are refused (D6), unless the envelope demands a verification plugin that is in `plugins`: then they are listed in
    `Envelope.unprocessed`, and the caller has to have them all processed by that plugin, or to refuse the envelope.
    Raises Rejected envelope.*, chain.malformed or chain.length, and nothing else for whatever bytes.
    """
    if media_type not in FORMATS:
        raise Rejected(
            "envelope.malformed",
            f"the envelope's media type {safe(media_type, limit=128)!r} is not one of {', '.join(FORMATS)}",
            media_type=safe(media_type),
        )
    if len(raw) > limits.ENVELOPE_BYTES:
        raise Rejected(
            "envelope.malformed",
            f"the envelope has {len(raw)} bytes, more than {limits.ENVELOPE_BYTES}",
            size=len(raw),
            limit=limits.ENVELOPE_BYTES,
        )
    try:
        _check_label(media_type, raw)
        return _parser(media_type)(raw, plugins)
    except FormatError as error:
        text = f"the {FORMATS[media_type]} envelope cannot be read: {error}"
        raise _named(Rejected("envelope.malformed", text), raw) from None
    except Rejected as error:
        raise _named(error, raw) from None


def _parser(media_type: str) -> Callable[[bytes, Container[str]], Envelope]:
    """The parser of a format, imported when an envelope has it."""
    if media_type == JWS_ENVELOPE:
        from airgap.signature.jws import parse_jws

        return parse_jws
    from airgap.signature.cose import parse_cose

    return parse_cose


def verify_signature(envelope: Envelope) -> None:
    """Check the algorithm and the signature value against the key of the first certificate (JWS-40, COSE-10).

    Raises Rejected chain.leaf.key, envelope.algorithm or envelope.signature. Says nothing about whose key it is.
    """
    leaf = envelope.certificates[0]
    demanded = leaf.algorithm
    if demanded is None:
        raise Rejected(
            "chain.leaf.key",
            f"the signing certificate's key ({leaf.key_name}) is of no kind and size that may sign",
            key=leaf.key_name,
        )
    if envelope.algorithm != demanded:
        raise Rejected(
            "envelope.algorithm",
            f"the envelope states {envelope.algorithm.name}, and the signing key ({demanded.key_spec}) demands "
            f"{demanded.name}",
            stated=envelope.algorithm.name,
            demanded=demanded.name,
        )
    algorithms.verify(demanded, leaf.public_key, envelope.signature, envelope.signing_input)


def _named(error: Rejected, raw: bytes) -> Rejected:
    """The same refusal, or one that names another tool's signature, where the bytes are one."""
    if error.reason != "envelope.malformed":
        return error
    from airgap.signature.foreign import OTHER_TOOL, foreign_signature  # seldom needed

    what = foreign_signature(raw)
    if what is None:
        return error
    text = f"the envelope is {what}, and no envelope of the Notary Project"
    return Rejected(error.reason, text, foreign=what).advising(OTHER_TOOL)


def looks_like(media_type: str, raw: bytes) -> str | None:
    """What the bytes seem to be where the label is wrong: `jws`, `cose`, or `base64` of JSON; None where it may fit."""
    if media_type == COSE_ENVELOPE and raw.lstrip(_JSON_WHITESPACE).startswith(b"{"):
        return "jws"
    if media_type == JWS_ENVELOPE and raw.startswith(b"\xd2"):
        return "cose"
    return "base64" if raw.startswith(_COMPACT) and b"." not in raw else None


def _check_label(media_type: str, raw: bytes) -> None:
    # NEG-43: without this the message would be about some byte, not about the label
    form = looks_like(media_type, raw)
    if form is not None:
        raise Rejected("envelope.malformed", _MISLABELLED[form], looks_like=form)
    if raw.startswith(_COMPACT):
        raise Rejected(
            "envelope.malformed", "the JWS is in compact serialisation, and only the flattened JSON one is allowed"
        )


_MISLABELLED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "jws": "the envelope is labelled as COSE, but its bytes are JSON (JWS)",
        "cose": "the envelope is labelled as JWS, but its bytes are CBOR (COSE)",
        "base64": "the envelope is base64 of JSON, not the JSON itself",
    }
)
_JSON_WHITESPACE: Final = b" \t\r\n"
_COMPACT: Final = b"eyJ"
"""Base64 of `{"`: how every compact serialisation begins, and JSON that was encoded as a whole."""
