"""Signs with a plugin, which is not trusted.

Either the plugin signs bytes and we make the envelope (`PluginSigner`), or it makes the envelope itself
(`PluginEnvelopeSigner`). All wrong answers are detected before the signature is returned: another key, payload,
algorithm, key name or type of envelope, dropped annotations, added members.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from airgap import limits
from airgap.errors import FormatError, Rejected
from airgap.parse import json
from airgap.pki import algorithms
from airgap.pki.algorithms import Algorithm
from airgap.pki.certificate import Certificate
from airgap.pki.chain import check_code_signing_chain
from airgap.plugin.host import Plugin, PluginError
from airgap.plugin.protocol import Capability, Command, EnvelopeRequest, KeyRequest, SignatureRequest
from airgap.signature import model
from airgap.signature.attributes import parse_certificates
from airgap.signature.envelope import ANY_PLUGIN, parse_envelope, verify_signature
from airgap.signature.payload import TARGET
from airgap.signature.produce import Draft, EnvelopeSigner, MadeEnvelope
from airgap.signature.signer import Signer
from airgap.text import safe

_DISTRUST: Final = "Nothing was signed that could be used. Do not use this plugin until its publisher explains that."


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginKey:
    """A key that a plugin has: its name there, and what the plugin is configured with (PLUGIN-30)."""

    key_id: str
    config: Mapping[str, str] = field(default_factory=dict)


def open_plugin_signer(plugin: Plugin, key: PluginKey) -> Signer | EnvelopeSigner:
    """The signer that the plugin can be; signing bytes comes before making envelopes (PLUGIN-25).

    Asks the plugin for its metadata and, where it signs bytes, for the key. Raises PluginError.
    """
    metadata = plugin.metadata()
    if metadata.offers(Capability.RAW):
        description = plugin.describe_key(KeyRequest(key_id=key.key_id, config=key.config))
        return PluginSigner(plugin, key, description.algorithm)
    if metadata.offers(Capability.ENVELOPE):
        return PluginEnvelopeSigner(plugin, key)
    offered = ", ".join(sorted(safe(name, limit=64) for name in metadata.capabilities))
    raise PluginError(plugin.name, f"it cannot sign: it offers {offered}")


class PluginSigner:
    """A key that is used through `generate-signature`: a `Signer` whose chain is known when it has signed."""

    def __init__(self, plugin: Plugin, key: PluginKey, algorithm: Algorithm) -> None:
        self._plugin = plugin
        self._key = key
        self.algorithm: Final = algorithm
        """What the key demands, as the plugin described it."""
        self.chain: tuple[Certificate, ...] = ()
        """Leaf first, root last; empty before the first signature."""

    def sign(self, message: bytes) -> bytes:
        """The signature value over `message`, verified under the key of the plugin's first certificate.

        Raises PluginError.
        """
        answer = self._plugin.generate_signature(
            SignatureRequest(
                key_id=self._key.key_id, algorithm=self.algorithm, payload=message, config=self._key.config
            )
        )
        name, command = self._plugin.name, Command.SIGN.value
        try:
            chain = parse_certificates(answer.chain)
        except Rejected as error:
            raise _wrong_answer(name, command, f"gave a certificate chain that cannot be read: {error}") from None
        leaf = chain[0]
        if leaf.algorithm is not self.algorithm:
            raise _wrong_answer(
                name,
                command,
                f"signed with a key {leaf.key_name}, but described the key {safe(self._key.key_id, limit=128)!r} as "
                f"{self.algorithm.key_spec}",
            )
        try:
            check_code_signing_chain(chain)
        except Rejected as error:
            raise PluginError(name, f"its certificate chain breaks a rule: {error}", command=command) from None
        try:
            algorithms.verify(self.algorithm, leaf.public_key, answer.value, message)
        except Rejected:
            raise _wrong_answer(
                name,
                command,
                "gave a signature value that does not verify: it signed other bytes than it was given, or with another "
                f"key than that of its certificate {safe(leaf.subject_text)!r}",
            ) from None
        if self.chain and chain != self.chain:
            raise _wrong_answer(name, command, "signs with another certificate chain than a moment ago")
        self.chain = tuple(chain)
        return answer.value


class PluginEnvelopeSigner:
    """A key that is used through `generate-envelope`: an `EnvelopeSigner`."""

    def __init__(self, plugin: Plugin, key: PluginKey) -> None:
        self._plugin = plugin
        self._key = key

    def make_envelope(self, draft: Draft, media_type: str) -> MadeEnvelope:
        """An envelope about the draft's payload, verified, with nothing in the payload but more annotations.

        Raises PluginError. What else the draft asks for is compared by `airgap.signature.sealing`.
        """
        expiry = None if draft.expiry is None else int((draft.expiry - draft.signing_time).total_seconds())
        answer = self._plugin.generate_envelope(
            EnvelopeRequest(
                key_id=self._key.key_id,
                payload=draft.payload,
                payload_type=model.PAYLOAD_CONTENT_TYPE,
                envelope_type=media_type,
                expiry_seconds=expiry,
                config=self._key.config,
            )
        )
        name, command = self._plugin.name, Command.ENVELOPE.value
        try:
            # it may demand a verification plugin for its critical attributes, which only its verifiers need
            envelope = parse_envelope(media_type, answer.raw, plugins=ANY_PLUGIN)
            verify_signature(envelope)
            check_code_signing_chain(envelope.certificates)
        except Rejected as error:
            raise _wrong_answer(name, command, f"made an envelope that does not verify: {error}") from None
        try:
            _compare(draft.payload, envelope.payload)
        except FormatError as error:
            raise _wrong_answer(name, command, f"signed another payload than it was given: {error}") from None
        return MadeEnvelope(raw=answer.raw, annotations=_annotations(name, answer.annotations))


def _compare(asked: bytes, signed: bytes) -> None:
    """Checks that the payload is the same; annotations may have been added (PLUGIN-24). Raises FormatError."""
    before, after = (
        json.load_object(raw, json.Reading.OWN, limit=limits.ENVELOPE_BYTES, what="payload") for raw in (asked, signed)
    )
    _same_members(before, after, but=TARGET)
    target, found = json.take(before, TARGET, dict), json.take(after, TARGET, dict)
    try:
        _same_members(target, found, but="annotations")
        _keep_annotations(json.take_strings(target, "annotations"), json.take_strings(found, "annotations"))
    except FormatError as error:
        raise error.under(TARGET) from None


def _keep_annotations(before: Mapping[str, str], after: Mapping[str, str]) -> None:
    for key, value in before.items():
        if after.get(key) != value:
            raise FormatError(f"the annotation {safe(key, limit=128)!r} was dropped or changed")


def _same_members(before: Mapping[str, Any], after: Mapping[str, Any], *, but: str) -> None:
    for name in sorted((before.keys() | after.keys()) - {but}):
        shown = safe(name, limit=64)
        if name not in before:
            raise FormatError(f"the member {shown!r} was added")
        if name not in after:
            raise FormatError(f"the member {shown!r} was dropped")
        if type(before[name]) is not type(after[name]) or before[name] != after[name]:
            raise FormatError(f"is {safe(after[name], limit=96)}, not {safe(before[name], limit=96)}", where=shown)


def _annotations(plugin: str, annotations: Mapping[str, str]) -> Mapping[str, str]:
    """Annotations that the plugin adds to the signature manifest; it may not set the Notary Project's own names."""
    for key in annotations:
        if key.startswith(model.RESERVED_PREFIX):
            raise _wrong_answer(
                plugin, Command.ENVELOPE.value, f"gave the reserved annotation {safe(key, limit=128)!r} (MAN-9)"
            )
    return annotations


def _wrong_answer(plugin: str, command: str, what: str) -> PluginError:
    return PluginError(plugin, f"{command} {what}", remedy=_DISTRUST, command=command)
