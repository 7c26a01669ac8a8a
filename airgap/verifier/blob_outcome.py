"""The judgement of a file by its detached signature."""

from __future__ import annotations

from dataclasses import dataclass

from airgap.oci.digest import Digest
from airgap.verdict import Ruling
from airgap.verifier.outcome import AppliedPolicy, PolicyFinding, SignatureOutcome, ruling_under_policy
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
    policy_finding: PolicyFinding | None = None
    """Also where there is no signature; None where a statement judged it."""
    remedy: str = ""
    """What to do about the finding, where that is another thing than its reason code says."""
    signature: SignatureOutcome | None = None

    @property
    def parts(self) -> tuple[Ruling, ...]:
        """What the policy or the signature says; nothing where neither was reached."""
        if self.policy_finding is None and self.signature is None:
            return ()
        return (ruling_under_policy(self.policy_finding, (self.signature,) if self.signature else ()),)

    @property
    def plugins(self) -> tuple[str, ...]:
        """The verification plugins that were run."""
        return (self.signature.plugin,) if self.signature and self.signature.plugin else ()
