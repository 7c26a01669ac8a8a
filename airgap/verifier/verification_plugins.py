"""Runs verification plugins that the operator allowed (requirements/plugins.md).

Only plugins in `allowed` are run, also for metadata (D26). The plugin is run once for each signature, after its
integrity is proven and its chain is trusted. Its answer replaces only the checks of the signer's identity and of
revocation, if it offers these (ID-16, VERIFY-15): no plugin can accept a signature with an untrusted chain or another
payload, or an expired one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from shlex import quote
from typing import Final

from airgap.errors import FormatError, Rejected
from airgap.parse.semver import SemVer
from airgap.parse.time import iso
from airgap.plugin.host import Host, Plugin, PluginError
from airgap.plugin.protocol import PRIMITIVES, VERIFIERS, Capability, Metadata, VerificationRequest, VerifyAnswer
from airgap.signature.model import Envelope, PluginDemand
from airgap.text import safe
from airgap.trust.levels import Action, Check
from airgap.trust.statement import Statement

_CAPABILITIES: Final = {Check.AUTHENTICITY: Capability.TRUSTED_IDENTITY, Check.REVOCATION: Capability.REVOCATION_CHECK}
"""The checks that a plugin can make."""
_REASONS: Final = {Capability.TRUSTED_IDENTITY: "identity.plugin", Capability.REVOCATION_CHECK: "revocation.plugin"}
_QUESTIONS: Final = {
    Capability.TRUSTED_IDENTITY: "does not accept the signer",
    Capability.REVOCATION_CHECK: "refuses the signature in its check of revocation",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedPlugins:
    """The verification plugins that the operator named, and where they are found."""

    host: Host
    names: frozenset[str]
    config: Mapping[str, str] = field(default_factory=dict)
    """Handed to every one of them (PLUGIN-30)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginAnswer:
    """What an allowed plugin said about one signature."""

    name: str
    version: SemVer
    asked: tuple[Capability, ...]
    answer: VerifyAnswer | None
    """None where the plugin had nothing to be asked, as the policy skips all that it offers (VERIFY-20)."""

    def decides(self, check: Check) -> bool:
        """Whether the plugin was asked to make this check in our place."""
        return _CAPABILITIES[check] in self.asked

    def check(self, check: Check) -> str:
        """What the plugin says in a check that it was asked for. Raises Rejected where it says no (VERIFY-23)."""
        if self.answer is None:
            raise AssertionError("the plugin was not asked")
        capability = _CAPABILITIES[check]
        result = self.answer.results[capability.value]
        why = safe(result.reason) or "it gives no reason"
        if not result.success:
            raise Rejected(
                _REASONS[capability],
                f"the verification plugin {self} {_QUESTIONS[capability]}: {why}",
                plugin=safe(self.name),
                plugin_reason=why,
            )
        return f"says the plugin {self}" + (f": {why}" if result.reason else "")

    def check_processed(self, envelope: Envelope) -> None:
        """Every critical attribute that is not understood here was processed (D6, D39). Raises Rejected."""
        processed = frozenset(self.answer.processed if self.answer else ())
        left = [safe(name) for name in envelope.unprocessed if name not in processed]
        if left:
            raise Rejected(
                "envelope.critical.unknown",
                f"the verification plugin {self} did not process critical attributes: {', '.join(left)}",
                plugin=safe(self.name),
                attributes=left,
            )

    def __str__(self) -> str:
        return f"{safe(self.name, limit=64)} {self.version}"


def consult(plugins: AllowedPlugins, envelope: Envelope, statement: Statement) -> PluginAnswer:
    """Ask the plugin that the envelope demands. Raises Rejected plugin.required or plugin.failed (VERIFY-11, 24)."""
    demand = envelope.plugin
    if demand is None:
        raise AssertionError("the envelope demands no plugin")
    if demand.name not in plugins.names:
        raise required(demand, envelope.unprocessed)
    try:
        plugin = plugins.host.find(demand.name)
        metadata = plugin.metadata()
        offered = _offered(plugin, metadata, demand)
        asked = tuple(check for check in offered if not _is_skipped(check, statement))
        request = _request(envelope, demand, statement, asked, plugins.config)
        answer = plugin.verify_signature(request) if asked else None
    except PluginError as error:
        facts = {"plugin": safe(demand.name)} | ({"code": error.code} if error.code else {})
        raise Rejected("plugin.failed", str(error), **facts).advising(error.remedy) from None
    return PluginAnswer(name=demand.name, version=metadata.version, asked=asked, answer=answer)


def required(demand: PluginDemand, unprocessed: Sequence[str] = ()) -> Rejected:
    """The refusal of a signature whose plugin is not allowed (VERIFY-25, D6)."""
    left = [safe(name) for name in unprocessed]
    reading = f", which alone understands its critical attributes {', '.join(left)}" if left else ""
    return Rejected(
        "plugin.required",
        f"the signature demands the verification plugin {safe(demand.name)!r}{reading}",
        plugin=safe(demand.name),
        attributes=left,
    ).advising(
        f"Where this plugin is installed, allow it: --allow-plugin {quote(safe(demand.name))}. "
        "Or ask the publisher for a plain signature."
    )


def _offered(plugin: Plugin, metadata: Metadata, demand: PluginDemand) -> tuple[Capability, ...]:
    if demand.min_version is not None and metadata.version < _min_version(plugin, demand.min_version):
        raise PluginError(
            plugin.name, f"version {metadata.version} is installed; the signature demands {demand.min_version} or later"
        )
    offered = tuple(check for check in VERIFIERS if metadata.offers(check))
    if not offered:
        raise PluginError(plugin.name, "it cannot verify signatures: it offers no SIGNATURE_VERIFIER capability")
    return offered


def _min_version(plugin: Plugin, text: str) -> SemVer:
    try:
        return SemVer.parse(text)
    except FormatError as error:
        raise PluginError(plugin.name, f"the signature's minimum version {error.problem}") from None


def _is_skipped(check: Capability, statement: Statement) -> bool:
    return check is Capability.REVOCATION_CHECK and statement.actions[Check.REVOCATION] is Action.SKIP


def _request(
    envelope: Envelope,
    demand: PluginDemand,
    statement: Statement,
    asked: tuple[Capability, ...],
    config: Mapping[str, str],
) -> VerificationRequest:
    critical = {
        "contentType": envelope.content_type,
        "signingScheme": envelope.scheme.value,
        "verificationPlugin": demand.name,
    }
    if envelope.expiry is not None:
        critical["expiry"] = iso(envelope.expiry)
    if envelope.authentic_signing_time is not None:
        critical["authenticSigningTime"] = iso(envelope.authentic_signing_time)
    if demand.min_version is not None:
        critical["verificationPluginMinVersion"] = demand.min_version
    return VerificationRequest(
        critical=critical,
        # all that can be reported in JSON, critical or not: that is what plugins get from the reference (VERIFY-21)
        extended={
            label: attribute.value
            for label, attribute in envelope.extended.items()
            if isinstance(label, str) and isinstance(attribute.value, PRIMITIVES)
        },
        unprocessed=envelope.unprocessed,
        chain=tuple(certificate.der for certificate in envelope.certificates),
        identities=tuple(identity.text for identity in statement.identities),
        checks=asked,
        config=config,
    )
