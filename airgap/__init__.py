"""Carry signed container images across an air gap and verify them on the far side, with no network.

The public library. Names are loaded when they are first used, so that `import airgap` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from airgap.errors import AirgapError
    from airgap.oci.copied import Copied, CopyResult
    from airgap.oci.plan import Selection
    from airgap.oci.platforms import PlatformFilter
    from airgap.stages.copy import CopyRequest, copy
    from airgap.stages.verify import VerifyRequest, verify
    from airgap.verifier.outcome import ArtifactOutcome, Finding, Outcome, SignatureOutcome, Verdict

_HOMES = {
    "AirgapError": "airgap.errors",
    "ArtifactOutcome": "airgap.verifier.outcome",
    "Copied": "airgap.oci.copied",
    "CopyRequest": "airgap.stages.copy",
    "CopyResult": "airgap.oci.copied",
    "Finding": "airgap.verifier.outcome",
    "Outcome": "airgap.verifier.outcome",
    "PlatformFilter": "airgap.oci.platforms",
    "Selection": "airgap.oci.plan",
    "SignatureOutcome": "airgap.verifier.outcome",
    "Verdict": "airgap.verifier.outcome",
    "VerifyRequest": "airgap.stages.verify",
    "copy": "airgap.stages.copy",
    "verify": "airgap.stages.verify",
}

__all__ = [
    "AirgapError",
    "ArtifactOutcome",
    "Copied",
    "CopyRequest",
    "CopyResult",
    "Finding",
    "Outcome",
    "PlatformFilter",
    "Selection",
    "SignatureOutcome",
    "Verdict",
    "VerifyRequest",
    "__version__",
    "copy",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'airgap' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
