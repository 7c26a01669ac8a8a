"""What to judge, for when, and by which demands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from airgap import limits
from airgap.moment import Moment
from airgap.oci.content_mode import Content
from airgap.trust.separation import layout_paths
from airgap.verifier.engine import SignatureVerifier
from airgap.verifier.run import clock_warning

if TYPE_CHECKING:
    from airgap.problem import Problem
    from airgap.trust.directory import TrustDirectory
    from airgap.verifier.engine import TrustContext
    from airgap.verifier.verification_plugins import AllowedPlugins


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeRequest:
    """What every request to judge says."""

    at: datetime
    """The moment judged for; aware."""
    clock: datetime
    """What the clock says; equal to `at` unless another time was named."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """User metadata that must be signed."""
    max_age: Mapping[str, timedelta] = field(default_factory=dict)
    """How stale evidence may be, by kind (`airgap.trust.parse_ages`); overrides airgap.toml."""
    plugins: AllowedPlugins | None = None
    """Verification plugins that may be run. The network guard does not watch them."""

    @property
    def moment(self) -> Moment:
        """The moment judged for, and the time of the clock."""
        return Moment(judged=self.at, clock=self.clock)

    def verifier(self, trust: TrustContext) -> SignatureVerifier:
        """The judge of signatures; one for all artifacts, as it remembers answers."""
        return SignatureVerifier(trust, moment=self.moment, plugins=self.plugins)

    def warnings_about(self, directory: TrustDirectory) -> tuple[Problem, ...]:
        """What is worth a warning about the clock and the trust directory, once all is judged."""
        return (*clock_warning(self.moment, directory.evidence.newest()), *directory.notices)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest(JudgeRequest):
    """The targets and the options of a verify."""

    targets: Sequence[str]
    """References: layout directories and tars, with or without a tag or digest."""
    scope: str | None = None
    """The repository for the policy (`airgap.trust.check_scope`)."""
    content: Content = Content.ALL
    max_signatures: int = limits.SIGNATURES

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The input paths beside the trust directory: nothing may be written there (`airgap.trust.check_output`)."""
        return tuple(layout_paths(self.targets))
