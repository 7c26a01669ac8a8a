"""The judgement of a file by its detached signature."""

from __future__ import annotations

from dataclasses import dataclass

from airgap.oci.digest import Digest
from airgap.problem import Problem
from airgap.verdict import Ruling
from airgap.verifier.outcome import AppliedPolicy, SignatureOutcome, ruling_under_policy
from airgap.verifier.run import RunOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobOutcome(RunOutcome):
    """The result for one file."""

    path: str
    """The file, safe to show."""
    digest: Digest | None = None
    """By the algorithm that the signature's key demands; None where the file was not hashed."""
    size: int | None = None
    signature_path: str | None = None
    policy: AppliedPolicy | None = None
    unjudged: Problem | None = None
    """Why no signature was judged, also if there is none; None where a statement judged it."""
    signature: SignatureOutcome | None = None

    @property
    def parts(self) -> tuple[Ruling, ...]:
        """What the policy or the signature says; nothing where neither was reached."""
        if self.unjudged is None and self.signature is None:
            return ()
        return (ruling_under_policy(self.unjudged, (self.signature,) if self.signature else ()),)

    @property
    def plugins(self) -> tuple[str, ...]:
        """The verification plugins that were run."""
        return (self.signature.plugin,) if self.signature and self.signature.plugin else ()
