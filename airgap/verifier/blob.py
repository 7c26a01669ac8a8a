"""The judgement of a file by its detached signature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airgap.moment import Moment
from airgap.oci.digest import Digest
from airgap.reasons import REASONS, ExitCode
from airgap.verifier.outcome import AppliedPolicy, SignatureOutcome, Verdict, exit_code_of
from airgap.verifier.run import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobOutcome:
    """What became of one file; the verdict is derived, never stored."""

    moment: Moment
    trust: Mapping[str, object]
    """Facts about the trust directory, JSON-ready."""
    path: str
    """The file, safe to show."""
    digest: Digest | None = None
    """By the algorithm that the signature's key demands; None where the file was not hashed."""
    size: int | None = None
    signature_path: str | None = None
    policy: AppliedPolicy | None = None
    policy_finding: tuple[str, str] | None = None
    """Reason code and sentence where no statement applies, it skips, or there is no signature."""
    signature: SignatureOutcome | None = None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """PASS only where a signature was judged and passed."""
        if self.problems:
            return Verdict.FAIL
        if self.policy_finding:
            return Verdict.SKIPPED if self.policy_finding[0] == "policy.skip" else Verdict.FAIL
        return self.signature.verdict if self.signature else Verdict.FAIL

    @property
    def exit_codes(self) -> frozenset[int]:
        """Every exit code that applies, without 0."""
        codes = {problem.exit_code for problem in self.problems}
        if self.policy_finding:
            codes.add(REASONS[self.policy_finding[0]].exit_code)
        if self.signature:
            codes |= self.signature.exit_codes
        return frozenset(codes - {ExitCode.OK})

    @property
    def exit_code(self) -> int:
        """The most severe one (design 6); never 0 for a verdict that is not pass or skipped."""
        return exit_code_of(self.verdict, self.exit_codes)

    @property
    def plugins(self) -> tuple[str, ...]:
        """The verification plugins that were run."""
        return (self.signature.plugin,) if self.signature and self.signature.plugin else ()
