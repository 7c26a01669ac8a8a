"""The result of making a bundle, for reports."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from airgap.bundle.manifest_images import NO_MANIFESTS, ManifestImages
from airgap.errors import AirgapError, UntrustedError
from airgap.oci.descriptor import Descriptor
from airgap.reasons import ExitCode, most_severe
from airgap.transfer.copied import CopyResult

if TYPE_CHECKING:
    from airgap.bundle.bundle_document import BundleDocument
    from airgap.collection.coverage import FetchOutcome
    from airgap.verifier.outcome import ArtifactOutcome, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleResult:
    """What was judged, and what is in the bundle."""

    destination: str
    """As it was named; safe to show."""
    dry_run: bool
    document: BundleDocument | None = None
    """None where an error came before."""
    descriptor: Descriptor | None = None
    """Of the bundle's artifact."""
    outcome: Outcome | None = None
    """The rehearsal: the verdict of this side's trust directory on everything; None where nothing was judged."""
    fetched: FetchOutcome | None = None
    """The evidence that was collected."""
    copied: CopyResult | None = None
    """What was written; None where an error came before. Without the bundle's own artifact."""
    tolerated: frozenset[int] = frozenset()
    """Exit codes of verdicts with which artifacts were taken."""
    signed: bool = False
    """Whether the bundle's artifact has a signature."""
    found: ManifestImages = NO_MANIFESTS
    """The images that manifests name, and what else may be one."""
    error: AirgapError | None = None
    """What ended it: nothing is in the destination then under a name."""

    @property
    def taken(self) -> tuple[ArtifactOutcome, ...]:
        """What did not pass, and was taken because that was asked for."""
        artifacts = self.outcome.artifacts if self.outcome else ()
        return tuple(item for item in artifacts if item.exit_code and item.exit_code in self.tolerated)

    def ended_by(self, error: AirgapError) -> Self:
        """The same, of a command that ended with this error, unless it had ended with another one."""
        return replace(self, error=self.error or error)

    @property
    def exit_code(self) -> int:
        """That of all verdicts where one of them ended it, else that of the error."""
        if isinstance(self.error, UntrustedError) and self.outcome is not None:
            codes = {item.exit_code for item in self.outcome.artifacts} | {
                problem.exit_code for problem in self.outcome.problems
            }
            return most_severe((codes - self.tolerated - {ExitCode.OK}) | {self.error.exit_code})
        if self.error is not None:
            return self.error.exit_code
        return self.copied.exit_code if self.copied else ExitCode.ERROR
