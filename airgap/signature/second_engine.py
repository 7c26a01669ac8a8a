"""Checks a JWS envelope that was made here with a second engine, jwcrypto, which shares no code with our reader.

It is used when we sign, never when we verify: it decodes and encodes again before it verifies, keeps the last of
duplicate members and accepts invalid base64, so it may verify other bytes than those that arrived.
"""

from __future__ import annotations

from jwcrypto.common import JWException
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS, JWSEHeaderParameter

from airgap.errors import Rejected
from airgap.signature.attributes import DEFINED
from airgap.signature.model import Envelope


def verify_with_second_engine(raw: bytes, envelope: Envelope) -> None:
    """Checks that both engines accept the envelope and read the same payload.

    `envelope` is what our reader made of `raw`. Raises Rejected("envelope.signature") where jwcrypto refuses `raw`, or
    reads another payload.
    """
    # headers of the Notary Project (JWS-12, JWS-13) are no headers of RFC 7515
    labels = (*DEFINED, *(str(label) for label in envelope.extended))
    known = {
        label: JWSEHeaderParameter(description=label, mustprotect=True, supported=True, check_fn=None)
        for label in labels
    }
    engine = JWS(header_registry=known)
    try:
        engine.deserialize(raw.decode("utf-8"), JWK.from_pyca(envelope.certificates[0].public_key))
    except (JWException, ValueError, TypeError) as error:
        raise Rejected("envelope.signature", f"a second engine (jwcrypto) does not verify it: {error}") from None
    if engine.payload != envelope.payload:
        raise Rejected("envelope.signature", "a second engine (jwcrypto) reads another payload")
