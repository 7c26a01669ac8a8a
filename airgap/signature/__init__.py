"""Envelopes (JWS, COSE) to one neutral record and back, and the manifests that carry them.

Public are the names of `__all__`: signers, timestampers and envelopes, for whoever brings keys of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airgap.exports import on_demand

if TYPE_CHECKING:
    from airgap.pki.certificate import load_certificates
    from airgap.signature.key_files import load_local_signer
    from airgap.signature.model import Scheme
    from airgap.signature.plugin_signer import PluginKey, plugin_signer
    from airgap.signature.produce import Draft, EnvelopeSigner, encode_payload
    from airgap.signature.sealing import Sealed, seal
    from airgap.signature.signer import LocalSigner, Signer, SigningError
    from airgap.signature.timestamper import Rfc3161Timestamper, Timestamper, timestamp_anchors
    from airgap.signature.token import open_token_signer

_find = on_demand(
    "airgap.signature",
    {
        "Draft": "airgap.signature.produce",
        "EnvelopeSigner": "airgap.signature.produce",
        "LocalSigner": "airgap.signature.signer",
        "PluginKey": "airgap.signature.plugin_signer",
        "Rfc3161Timestamper": "airgap.signature.timestamper",
        "Scheme": "airgap.signature.model",
        "Sealed": "airgap.signature.sealing",
        "Signer": "airgap.signature.signer",
        "SigningError": "airgap.signature.signer",
        "Timestamper": "airgap.signature.timestamper",
        "encode_payload": "airgap.signature.produce",
        "load_certificates": "airgap.pki.certificate",
        "load_local_signer": "airgap.signature.key_files",
        "open_token_signer": "airgap.signature.token",
        "plugin_signer": "airgap.signature.plugin_signer",
        "seal": "airgap.signature.sealing",
        "timestamp_anchors": "airgap.signature.timestamper",
    },
)

__all__ = [
    "Draft",
    "EnvelopeSigner",
    "LocalSigner",
    "PluginKey",
    "Rfc3161Timestamper",
    "Scheme",
    "Sealed",
    "Signer",
    "SigningError",
    "Timestamper",
    "encode_payload",
    "load_certificates",
    "load_local_signer",
    "open_token_signer",
    "plugin_signer",
    "seal",
    "timestamp_anchors",
]


def __getattr__(name: str) -> Any:
    return _find(name)


def __dir__() -> list[str]:
    return __all__
