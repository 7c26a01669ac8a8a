"""The facts of a signature for the checks after integrity, from its envelope or from an earlier report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from airgap.errors import Rejected, Undecided
from airgap.pki.certificate import Certificate
from airgap.revocation.answer_evidence import FoundInTargets
from airgap.signature.model import PluginDemand, Scheme
from airgap.text import safe
from airgap.trust.levels import Check
from airgap.verdict import Verdict

if TYPE_CHECKING:
    from airgap.signature.model import Envelope, Payload

FOR_RECHECK: Final = 3
"""The version of what a report holds for a recheck. What another version does not hold is not "none"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterFacts:
    """The facts that a later judgement needs beside the chain, and that reports of older versions lack."""

    signature_value: bytes = field(repr=False)
    """The signature value, for timestamp tokens (TS-11)."""
    timestamp_token: bytes | None = field(repr=False)
    metadata: Mapping[str, str]
    """User metadata, among other annotations, as it was signed."""
    plugin: PluginDemand | None
    in_targets: FoundInTargets = field(default_factory=FoundInTargets)
    """Evidence of the layout, which is lost with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureFacts:
    """The claims of a signature, from its bytes or from a report, before its integrity is proven."""

    scheme: Scheme
    chain: tuple[Certificate, ...]
    """Leaf first, at least one."""
    algorithm: str
    stated_time: datetime | None
    """The signing time of whichever kind the scheme has."""
    expiry: datetime | None
    agent: str | None
    later: LaterFacts | None
    """None if an older report lacks it."""

    @classmethod
    def of(cls, envelope: Envelope, payload: Payload | None) -> Self:
        """The facts of an envelope; without a payload there is no metadata."""
        return cls(
            scheme=envelope.scheme,
            chain=tuple(envelope.certificates),
            algorithm=envelope.algorithm.name,
            stated_time=envelope.stated_time,
            expiry=envelope.expiry,
            agent=envelope.signing_agent,
            later=LaterFacts(
                signature_value=envelope.signature,
                timestamp_token=envelope.timestamp_token,
                metadata=payload.annotations if payload else {},
                plugin=envelope.plugin,
            ),
        )

    @property
    def authentic_time(self) -> datetime | None:
        """The time of a signing authority; None for the other scheme, whose time is a claim (SCHEME-2)."""
        return self.stated_time if self.scheme is Scheme.SIGNING_AUTHORITY else None

    def require_later(self) -> LaterFacts:
        """The facts that an older report may lack. Raises Undecided (recheck.unproven)."""
        if self.later is None:
            raise Undecided(
                "recheck.unproven",
                "the earlier judgement was made by another version of airgap, and does not hold all that is needed to "
                "judge this signature again",
            ).advising("Bring the layout, and verify it with this version.")
        return self.later


class EarlierResult(NamedTuple):
    """The result of a check in an earlier judgement."""

    verdict: Verdict
    reason: str | None
    """A code of airgap.reasons."""


class PluginUse(NamedTuple):
    """A verification plugin that was run for a signature, and its checks."""

    name: str
    """Safe to show."""
    version: str | None
    """None if it failed before it stated it."""
    decided: Mapping[Check, EarlierResult]
    """The result of each of its checks."""

    def raise_again(self, check: Check) -> None:
        """Repeats the earlier result of a plugin that cannot be run now; nothing if the check was not its own.

        A refusal stays; an earlier acceptance is undecided now. Raises Rejected, Undecided (recheck.unproven).
        """
        found = self.decided.get(check)
        if found is None:
            return
        who = f"the verification plugin {safe(self.name)} {self.version or ''}".rstrip()
        if found.verdict is Verdict.FAIL and found.reason is not None:
            raise Rejected(found.reason, f"{who} refused this, says the earlier judgement", plugin=safe(self.name))
        raise Undecided(
            "recheck.unproven",
            f"{who} decided this when it was asked, and is not asked now: that needs the layout, and --allow-plugin",
            plugin=safe(self.name),
        )
