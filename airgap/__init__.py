"""Carry signed container images across an air gap and verify them on the far side, with no network.

The public library. Names are loaded when they are first used, so that `import airgap` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from airgap.collection.coverage import FetchOutcome
    from airgap.errors import AirgapError
    from airgap.net.credentials import Credential, Credentials
    from airgap.net.evidence import EvidenceOptions
    from airgap.net.from_oras import from_oras
    from airgap.net.options import TransportOptions
    from airgap.net.tsa import HttpTsa
    from airgap.pki.certificate import Certificate, load_certificates
    from airgap.pki.tsp import TimestampingError
    from airgap.plugin.directory import PluginDirectory
    from airgap.plugin.errors import PluginError
    from airgap.signature.blob_payload import SignedBlob
    from airgap.signature.key_files import load_local_signer
    from airgap.signature.model import Scheme
    from airgap.signature.plugin_signer import PluginKey, plugin_signer
    from airgap.signature.produce import Draft, EnvelopeSigner, encode_payload
    from airgap.signature.results import SignedArtifact, StampedSignature
    from airgap.signature.sealing import Sealed, seal
    from airgap.signature.signer import LocalSigner, Signer, SigningError
    from airgap.signature.timestamper import Rfc3161Timestamper, Timestamper, timestamp_anchors
    from airgap.signature.token import open_token_signer
    from airgap.stages.blob import BlobSignRequest, BlobVerifyRequest, inspect_blob, sign_blob, verify_blob
    from airgap.stages.copy import CopyRequest, copy
    from airgap.stages.fetch import FetchRequest, fetch
    from airgap.stages.recheck import RecheckRequest, recheck
    from airgap.stages.sign import SignRequest, sign
    from airgap.stages.snapshot import create_snapshot
    from airgap.stages.snapshot_apply import (
        ApplyRequest,
        SnapshotOutcome,
        apply_snapshot,
        undo_snapshot,
        verify_snapshot,
    )
    from airgap.stages.timestamp import TimestampRequest, add_timestamps
    from airgap.stages.verify import VerifyRequest, verify
    from airgap.transfer import events
    from airgap.transfer.copied import CopiedArtifact, CopyResult
    from airgap.transfer.plan import Selection
    from airgap.transfer.platforms import PlatformFilter
    from airgap.trust.directory import Location, TrustDirectory
    from airgap.trust.snapshots.document import Snapshot
    from airgap.trust.snapshots.opened import open_snapshot
    from airgap.verdict import Verdict
    from airgap.verifier.blob_outcome import BlobOutcome
    from airgap.verifier.outcome import ArtifactOutcome, Finding, Outcome, SignatureOutcome
    from airgap.verifier.plugins import AllowedPlugins
    from airgap.verifier.rechecked import RecheckOutcome

_HOMES = {
    "AirgapError": "airgap.errors",
    "AllowedPlugins": "airgap.verifier.plugins",
    "ApplyRequest": "airgap.stages.snapshot_apply",
    "ArtifactOutcome": "airgap.verifier.outcome",
    "BlobOutcome": "airgap.verifier.blob_outcome",
    "BlobSignRequest": "airgap.stages.blob",
    "BlobVerifyRequest": "airgap.stages.blob",
    "Certificate": "airgap.pki.certificate",
    "CopiedArtifact": "airgap.transfer.copied",
    "Credential": "airgap.net.credentials",
    "Credentials": "airgap.net.credentials",
    "CopyRequest": "airgap.stages.copy",
    "CopyResult": "airgap.transfer.copied",
    "Draft": "airgap.signature.produce",
    "EnvelopeSigner": "airgap.signature.produce",
    "EvidenceOptions": "airgap.net.evidence",
    "FetchOutcome": "airgap.collection.coverage",
    "FetchRequest": "airgap.stages.fetch",
    "Finding": "airgap.verifier.outcome",
    "HttpTsa": "airgap.net.tsa",
    "LocalSigner": "airgap.signature.signer",
    "Location": "airgap.trust.directory",
    "Outcome": "airgap.verifier.outcome",
    "PlatformFilter": "airgap.transfer.platforms",
    "PluginDirectory": "airgap.plugin.directory",
    "PluginError": "airgap.plugin.errors",
    "PluginKey": "airgap.signature.plugin_signer",
    "RecheckOutcome": "airgap.verifier.rechecked",
    "RecheckRequest": "airgap.stages.recheck",
    "Rfc3161Timestamper": "airgap.signature.timestamper",
    "Scheme": "airgap.signature.model",
    "Sealed": "airgap.signature.sealing",
    "Selection": "airgap.transfer.plan",
    "SignRequest": "airgap.stages.sign",
    "SignatureOutcome": "airgap.verifier.outcome",
    "SignedArtifact": "airgap.signature.results",
    "SignedBlob": "airgap.signature.blob_payload",
    "Signer": "airgap.signature.signer",
    "SigningError": "airgap.signature.signer",
    "Snapshot": "airgap.trust.snapshots.document",
    "SnapshotOutcome": "airgap.stages.snapshot_apply",
    "StampedSignature": "airgap.signature.results",
    "TimestampRequest": "airgap.stages.timestamp",
    "Timestamper": "airgap.signature.timestamper",
    "TimestampingError": "airgap.pki.tsp",
    "TransportOptions": "airgap.net.options",
    "TrustDirectory": "airgap.trust.directory",
    "Verdict": "airgap.verdict",
    "VerifyRequest": "airgap.stages.verify",
    "add_timestamps": "airgap.stages.timestamp",
    "apply_snapshot": "airgap.stages.snapshot_apply",
    "copy": "airgap.stages.copy",
    "create_snapshot": "airgap.stages.snapshot",
    "events": "airgap.transfer.events",
    "encode_payload": "airgap.signature.produce",
    "fetch": "airgap.stages.fetch",
    "from_oras": "airgap.net.from_oras",
    "inspect_blob": "airgap.stages.blob",
    "load_certificates": "airgap.pki.certificate",
    "load_local_signer": "airgap.signature.key_files",
    "open_snapshot": "airgap.trust.snapshots.opened",
    "open_token_signer": "airgap.signature.token",
    "plugin_signer": "airgap.signature.plugin_signer",
    "recheck": "airgap.stages.recheck",
    "seal": "airgap.signature.sealing",
    "sign": "airgap.stages.sign",
    "sign_blob": "airgap.stages.blob",
    "timestamp_anchors": "airgap.signature.timestamper",
    "undo_snapshot": "airgap.stages.snapshot_apply",
    "verify": "airgap.stages.verify",
    "verify_blob": "airgap.stages.blob",
    "verify_snapshot": "airgap.stages.snapshot_apply",
}
_MODULES = frozenset({"events"})
"""Names that are modules: `airgap.events` has what `copy` tells of its progress."""

__all__ = [
    "AirgapError",
    "AllowedPlugins",
    "ApplyRequest",
    "ArtifactOutcome",
    "BlobOutcome",
    "BlobSignRequest",
    "BlobVerifyRequest",
    "Certificate",
    "CopiedArtifact",
    "CopyRequest",
    "CopyResult",
    "Credential",
    "Credentials",
    "Draft",
    "EnvelopeSigner",
    "EvidenceOptions",
    "FetchOutcome",
    "FetchRequest",
    "Finding",
    "HttpTsa",
    "LocalSigner",
    "Location",
    "Outcome",
    "PlatformFilter",
    "PluginDirectory",
    "PluginError",
    "PluginKey",
    "RecheckOutcome",
    "RecheckRequest",
    "Rfc3161Timestamper",
    "Scheme",
    "Sealed",
    "Selection",
    "SignRequest",
    "SignatureOutcome",
    "SignedArtifact",
    "SignedBlob",
    "Signer",
    "SigningError",
    "Snapshot",
    "SnapshotOutcome",
    "StampedSignature",
    "TimestampRequest",
    "Timestamper",
    "TimestampingError",
    "TransportOptions",
    "TrustDirectory",
    "Verdict",
    "VerifyRequest",
    "__version__",
    "add_timestamps",
    "apply_snapshot",
    "copy",
    "create_snapshot",
    "encode_payload",
    "events",
    "fetch",
    "from_oras",
    "inspect_blob",
    "load_certificates",
    "load_local_signer",
    "open_snapshot",
    "open_token_signer",
    "plugin_signer",
    "recheck",
    "seal",
    "sign",
    "sign_blob",
    "timestamp_anchors",
    "undo_snapshot",
    "verify",
    "verify_blob",
    "verify_snapshot",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        module = import_module(_HOMES[name])
        return module if name in _MODULES else getattr(module, name)
    raise AttributeError(f"module 'airgap' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
