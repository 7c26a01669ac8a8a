"""Carry signed container images across an air gap and verify them on the far side, with no network.

The public library. Names are loaded when they are first used, so that `import airgap` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from airgap.errors import AirgapError
    from airgap.net.evidence import EvidenceClient, EvidenceOptions
    from airgap.net.tsa import HttpTsa
    from airgap.oci.copied import Copied, CopyResult
    from airgap.oci.plan import Selection
    from airgap.oci.platforms import PlatformFilter
    from airgap.pki.certificate import Certificate, load_certificates
    from airgap.pki.tsp import TimestampingError
    from airgap.signature.key_files import load_local_signer
    from airgap.signature.model import Scheme
    from airgap.signature.produce import Draft, EnvelopeSigner, encode_payload
    from airgap.signature.results import SignedArtifact, StampedSignature
    from airgap.signature.sealing import Sealed, seal
    from airgap.signature.signer import LocalSigner, Signer, SigningError
    from airgap.signature.timestamper import Rfc3161Timestamper, Timestamper, timestamp_anchors
    from airgap.stages.copy import CopyRequest, copy
    from airgap.stages.fetch import FetchRequest, fetch
    from airgap.stages.sign import SignRequest, sign
    from airgap.stages.timestamp import TimestampRequest, add_timestamps
    from airgap.stages.verify import VerifyRequest, verify
    from airgap.trust.directory import TrustDirectory
    from airgap.verifier.coverage import FetchOutcome
    from airgap.verifier.outcome import ArtifactOutcome, Finding, Outcome, SignatureOutcome, Verdict

_HOMES = {
    "AirgapError": "airgap.errors",
    "ArtifactOutcome": "airgap.verifier.outcome",
    "Certificate": "airgap.pki.certificate",
    "Copied": "airgap.oci.copied",
    "CopyRequest": "airgap.stages.copy",
    "CopyResult": "airgap.oci.copied",
    "Draft": "airgap.signature.produce",
    "EnvelopeSigner": "airgap.signature.produce",
    "EvidenceClient": "airgap.net.evidence",
    "EvidenceOptions": "airgap.net.evidence",
    "FetchOutcome": "airgap.verifier.coverage",
    "FetchRequest": "airgap.stages.fetch",
    "Finding": "airgap.verifier.outcome",
    "HttpTsa": "airgap.net.tsa",
    "LocalSigner": "airgap.signature.signer",
    "Outcome": "airgap.verifier.outcome",
    "PlatformFilter": "airgap.oci.platforms",
    "Rfc3161Timestamper": "airgap.signature.timestamper",
    "Scheme": "airgap.signature.model",
    "Sealed": "airgap.signature.sealing",
    "Selection": "airgap.oci.plan",
    "SignRequest": "airgap.stages.sign",
    "SignatureOutcome": "airgap.verifier.outcome",
    "SignedArtifact": "airgap.signature.results",
    "Signer": "airgap.signature.signer",
    "SigningError": "airgap.signature.signer",
    "StampedSignature": "airgap.signature.results",
    "TimestampRequest": "airgap.stages.timestamp",
    "Timestamper": "airgap.signature.timestamper",
    "TimestampingError": "airgap.pki.tsp",
    "TrustDirectory": "airgap.trust.directory",
    "Verdict": "airgap.verifier.outcome",
    "VerifyRequest": "airgap.stages.verify",
    "add_timestamps": "airgap.stages.timestamp",
    "copy": "airgap.stages.copy",
    "encode_payload": "airgap.signature.produce",
    "fetch": "airgap.stages.fetch",
    "load_certificates": "airgap.pki.certificate",
    "load_local_signer": "airgap.signature.key_files",
    "seal": "airgap.signature.sealing",
    "sign": "airgap.stages.sign",
    "timestamp_anchors": "airgap.signature.timestamper",
    "verify": "airgap.stages.verify",
}

__all__ = [
    "AirgapError",
    "ArtifactOutcome",
    "Certificate",
    "Copied",
    "CopyRequest",
    "CopyResult",
    "Draft",
    "EnvelopeSigner",
    "EvidenceClient",
    "EvidenceOptions",
    "FetchOutcome",
    "FetchRequest",
    "Finding",
    "HttpTsa",
    "LocalSigner",
    "Outcome",
    "PlatformFilter",
    "Rfc3161Timestamper",
    "Scheme",
    "Sealed",
    "Selection",
    "SignRequest",
    "SignatureOutcome",
    "SignedArtifact",
    "Signer",
    "SigningError",
    "StampedSignature",
    "TimestampRequest",
    "Timestamper",
    "TimestampingError",
    "TrustDirectory",
    "Verdict",
    "VerifyRequest",
    "__version__",
    "add_timestamps",
    "copy",
    "encode_payload",
    "fetch",
    "load_certificates",
    "load_local_signer",
    "seal",
    "sign",
    "timestamp_anchors",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'airgap' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
