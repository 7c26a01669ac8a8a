"""The result of an import, for reports."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from airgap.errors import AirgapError, UntrustedError
from airgap.oci.reference import RegistryReference
from airgap.oci.tags import tag_part
from airgap.reasons import ExitCode
from airgap.transfer.copied import CopyResult
from airgap.transfer.mirror_config import MirrorConfig
from airgap.verdict import Ruling, all_of

if TYPE_CHECKING:
    from airgap.transfer.plan import CopyRoot
    from airgap.verifier.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What was judged, and what is in the registry now."""

    registry: str
    """As it was named; safe to show."""
    scope: RegistryReference | None = None
    """The repository that everything was judged as, if the operator said so."""
    dry_run: bool
    outcome: Outcome | None
    """The verdict on everything; None where an error came before."""
    copied: CopyResult | None
    """What has its names in the registry; None where no name was put. Of an import that ended while names were put, the
    artifacts of repositories that were finished before."""
    error: AirgapError | None = None
    """What ended the import: the first artifact that did not verify, or an error of the medium or the registry."""

    @property
    def repositories(self) -> tuple[tuple[RegistryReference, RegistryReference], ...]:
        """Each repository of a source of which something is in the registry now, and its place there."""
        found = ((self.scope or root.repository, root.destination) for root in self._there)
        pairs = {(repository, place) for repository, place in found if repository and place}
        return tuple(sorted(pairs, key=lambda pair: (pair[0].name, pair[1].name)))

    def mirror_config(self, *, plain_http: bool) -> MirrorConfig:
        """Configuration by which runtimes pull what was imported by its own names. `plain_http`: without TLS."""
        retagged = {
            repository
            for root in self._there
            if (repository := self.scope or root.repository)
            and not {*root.tags} <= {tag_part(name) for name in root.names}
        }
        return MirrorConfig.of(self.repositories, plain_http=plain_http, retagged=retagged)

    @property
    def _there(self) -> list[CopyRoot]:
        artifacts = self.copied.artifacts if self.copied else ()
        return [item.planned.wanted for item in artifacts if item.planned and item.status != "failed"]

    def ended_by(self, error: AirgapError) -> Self:
        """The same, of an import that ended with this error, unless it had ended with another one."""
        return replace(self, error=self.error or error)

    @property
    def exit_code(self) -> int:
        """That of all verdicts where one of them ended it, else that of the error; 20 for an import in part."""
        if isinstance(self.error, UntrustedError) and self.outcome is not None:
            return all_of([self.outcome, Ruling.of_code(self.error.exit_code)]).exit_code
        if self.error is not None:
            return self.error.exit_code
        return self.copied.exit_code if self.copied else ExitCode.ERROR
