"""Carry signed container images across an air gap and verify them on the far side, with no network.

The public library. Names are loaded when they are first used, so that `import airgap` costs nothing. What is needed to
sign with keys and envelopes of one's own is in `airgap.signature`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airgap.exports import on_demand

__version__ = "0.1.0"

if TYPE_CHECKING:
    from airgap.collection.coverage import FetchOutcome
    from airgap.errors import AirgapError
    from airgap.net.credentials import Credential, Credentials
    from airgap.net.evidence import EvidenceOptions
    from airgap.net.from_oras import from_oras
    from airgap.net.options import TransportOptions
    from airgap.net.tsa import HttpTsa
    from airgap.plugin.directory import PluginDirectory
    from airgap.signature.results import SignedArtifact
    from airgap.stages.blob import BlobSignRequest, BlobVerifyRequest, sign_blob, verify_blob
    from airgap.stages.copy import CopyRequest, copy
    from airgap.stages.fetch import FetchRequest, fetch
    from airgap.stages.recheck import RecheckRequest, recheck
    from airgap.stages.sign import SignRequest, sign
    from airgap.stages.snapshot import create_snapshot
    from airgap.stages.snapshot_apply import ApplyRequest, apply_snapshot, undo_snapshot, verify_snapshot
    from airgap.stages.timestamp import TimestampRequest, add_timestamps
    from airgap.stages.verify import VerifyRequest, verify
    from airgap.transfer import events
    from airgap.transfer.copied import CopyResult
    from airgap.transfer.plan import Selection
    from airgap.transfer.platforms import PlatformFilter
    from airgap.trust.directory import TrustDirectory
    from airgap.trust.snapshots.opened import open_snapshot
    from airgap.verdict import Verdict
    from airgap.verifier.outcome import Outcome
    from airgap.verifier.plugins import AllowedPlugins
    from airgap.verifier.rechecked import RecheckOutcome

_find = on_demand(
    "airgap",
    {
        "AirgapError": "airgap.errors",
        "AllowedPlugins": "airgap.verifier.plugins",
        "ApplyRequest": "airgap.stages.snapshot_apply",
        "BlobSignRequest": "airgap.stages.blob",
        "BlobVerifyRequest": "airgap.stages.blob",
        "CopyRequest": "airgap.stages.copy",
        "CopyResult": "airgap.transfer.copied",
        "Credential": "airgap.net.credentials",
        "Credentials": "airgap.net.credentials",
        "EvidenceOptions": "airgap.net.evidence",
        "FetchOutcome": "airgap.collection.coverage",
        "FetchRequest": "airgap.stages.fetch",
        "HttpTsa": "airgap.net.tsa",
        "Outcome": "airgap.verifier.outcome",
        "PlatformFilter": "airgap.transfer.platforms",
        "PluginDirectory": "airgap.plugin.directory",
        "RecheckOutcome": "airgap.verifier.rechecked",
        "RecheckRequest": "airgap.stages.recheck",
        "Selection": "airgap.transfer.plan",
        "SignRequest": "airgap.stages.sign",
        "SignedArtifact": "airgap.signature.results",
        "TimestampRequest": "airgap.stages.timestamp",
        "TransportOptions": "airgap.net.options",
        "TrustDirectory": "airgap.trust.directory",
        "Verdict": "airgap.verdict",
        "VerifyRequest": "airgap.stages.verify",
        "add_timestamps": "airgap.stages.timestamp",
        "apply_snapshot": "airgap.stages.snapshot_apply",
        "copy": "airgap.stages.copy",
        "create_snapshot": "airgap.stages.snapshot",
        "events": "airgap.transfer.events",
        "fetch": "airgap.stages.fetch",
        "from_oras": "airgap.net.from_oras",
        "open_snapshot": "airgap.trust.snapshots.opened",
        "recheck": "airgap.stages.recheck",
        "sign": "airgap.stages.sign",
        "sign_blob": "airgap.stages.blob",
        "undo_snapshot": "airgap.stages.snapshot_apply",
        "verify": "airgap.stages.verify",
        "verify_blob": "airgap.stages.blob",
        "verify_snapshot": "airgap.stages.snapshot_apply",
    },
)

__all__ = [
    "AirgapError",
    "AllowedPlugins",
    "ApplyRequest",
    "BlobSignRequest",
    "BlobVerifyRequest",
    "CopyRequest",
    "CopyResult",
    "Credential",
    "Credentials",
    "EvidenceOptions",
    "FetchOutcome",
    "FetchRequest",
    "HttpTsa",
    "Outcome",
    "PlatformFilter",
    "PluginDirectory",
    "RecheckOutcome",
    "RecheckRequest",
    "Selection",
    "SignRequest",
    "SignedArtifact",
    "TimestampRequest",
    "TransportOptions",
    "TrustDirectory",
    "Verdict",
    "VerifyRequest",
    "__version__",
    "add_timestamps",
    "apply_snapshot",
    "copy",
    "create_snapshot",
    "events",
    "fetch",
    "from_oras",
    "open_snapshot",
    "recheck",
    "sign",
    "sign_blob",
    "undo_snapshot",
    "verify",
    "verify_blob",
    "verify_snapshot",
]


def __getattr__(name: str) -> Any:
    return _find(name)


def __dir__() -> list[str]:
    return __all__
