"""Envelopes (JWS, COSE) to one neutral record and back, and the manifests that carry them.

Public are the names of `__all__`: keys, signers, timestampers and envelopes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airgap.exports import on_demand

if TYPE_CHECKING:
    from airgap.pki.certificate_files import load_certificates
    from airgap.signature.formats import EnvelopeFormat, KeyKind
    from airgap.signature.key_config import KeyEntry, RemoteKey, key_with_chain
    from airgap.signature.key_files import read_pass_phrase
    from airgap.signature.key_location import KeyFolders, list_keys, locate_keys
    from airgap.signature.model import ExtendedAttribute, PluginDemand, Scheme
    from airgap.signature.plugin_signer import PluginKey, open_plugin_signer
    from airgap.signature.produce import Draft, EnvelopeSigner, MadeEnvelope
    from airgap.signature.signer import LocalSigner, Signer, SigningError
    from airgap.signature.timestamper import Rfc3161Timestamper, Timestamper, load_timestamp_anchors
    from airgap.stages.keys import add_key, choose_default, delete_keys, generate_key, open_key, open_signer

__getattr__, __dir__ = on_demand(
    __name__,
    {
        "airgap.pki.certificate_files": ("load_certificates",),
        "airgap.signature.formats": ("EnvelopeFormat", "KeyKind"),
        "airgap.signature.key_config": ("KeyEntry", "RemoteKey", "key_with_chain"),
        "airgap.signature.key_files": ("read_pass_phrase",),
        "airgap.signature.key_location": ("KeyFolders", "list_keys", "locate_keys"),
        "airgap.signature.model": ("ExtendedAttribute", "PluginDemand", "Scheme"),
        "airgap.signature.plugin_signer": ("PluginKey", "open_plugin_signer"),
        "airgap.signature.produce": ("Draft", "EnvelopeSigner", "MadeEnvelope"),
        "airgap.signature.signer": ("LocalSigner", "Signer", "SigningError"),
        "airgap.signature.timestamper": ("Rfc3161Timestamper", "Timestamper", "load_timestamp_anchors"),
        "airgap.stages.keys": ("add_key", "choose_default", "delete_keys", "generate_key", "open_key", "open_signer"),
    },
)

__all__ = [
    "Draft", "EnvelopeFormat", "EnvelopeSigner", "ExtendedAttribute", "KeyEntry", "KeyFolders", "KeyKind",
    "LocalSigner", "MadeEnvelope", "PluginDemand", "PluginKey", "RemoteKey", "Rfc3161Timestamper", "Scheme", "Signer",
    "SigningError", "Timestamper", "add_key", "choose_default", "delete_keys", "generate_key", "key_with_chain",
    "list_keys", "load_certificates", "load_timestamp_anchors", "locate_keys", "open_key", "open_plugin_signer",
    "open_signer", "read_pass_phrase",
]  # fmt: skip
