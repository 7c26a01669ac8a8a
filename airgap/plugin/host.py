"""Requests to a plugin, and the comparison of its answers with them.

The callers verify the signatures (airgap.signature.plugin_signer, airgap.verifier.verification_plugins).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from airgap import limits
from airgap.errors import AirgapError, Fact, FormatError
from airgap.plugin.protocol import (
    CONTRACT,
    Command,
    EnvelopeRequest,
    GeneratedEnvelope,
    KeyDescription,
    KeyRequest,
    Metadata,
    RawSignature,
    SignatureRequest,
    VerificationRequest,
    VerifyAnswer,
    encode,
)
from airgap.text import safe


class PluginError(AirgapError):
    """A plugin is missing, cannot be run, failed, or gave a wrong answer."""

    def __init__(self, plugin: str, problem: str, *, remedy: str = "", code: str | None = None, **facts: Fact) -> None:
        super().__init__(f"plugin {plugin!r}: {problem}", remedy=remedy, plugin=plugin, code=code, **facts)
        self.problem: str = problem
        self.code: str | None = code
        """The error code of the plugin (PLUGIN-12), if it gave one."""


T = TypeVar("T")

Call = Callable[[str, bytes, float], bytes]
"""Runs a command with a request for at most so many seconds, and returns the answer.

Raises PluginError.
"""


class Host(Protocol):
    """Finds plugins."""

    def find(self, name: str, /) -> Plugin:
        """The plugin of this name, not run yet. Raises PluginError."""


class Plugin:
    """A plugin, with the function that runs it."""

    def __init__(self, name: str, call: Call) -> None:
        self.name = name
        self._call = call

    def metadata(self) -> Metadata:
        """The metadata of the plugin, requested each time (PLUGIN-14). Raises PluginError."""
        metadata = self._ask(Command.METADATA, encode({}, {}), Metadata.parse, limits.PLUGIN_METADATA_SECONDS)
        if metadata.name != self.name:
            raise self._wrong_answer(Command.METADATA, f"says that its name is {safe(metadata.name, limit=128)!r}")
        if CONTRACT not in metadata.contracts:  # PLUGIN-13: one contract
            spoken = ", ".join(safe(version, limit=32) for version in metadata.contracts)
            raise self._wrong_answer(
                Command.METADATA, f"has version {spoken} of the contract, and {CONTRACT} is needed here"
            )
        return metadata

    def describe_key(self, request: KeyRequest) -> KeyDescription:
        """Kind and size of a key (PLUGIN-22). Raises PluginError."""
        answer = self._ask(Command.DESCRIBE_KEY, request.encode(), KeyDescription.parse)
        self._check_key(Command.DESCRIBE_KEY, request.key_id, answer.key_id)
        return answer

    def generate_signature(self, request: SignatureRequest) -> RawSignature:
        """A signature value with the requested key and algorithm (PLUGIN-23). Raises PluginError."""
        answer = self._ask(Command.SIGN, request.encode(), RawSignature.parse)
        self._check_key(Command.SIGN, request.key_id, answer.key_id)
        if answer.algorithm != request.algorithm.name:  # the reference does not check this
            raise self._wrong_answer(
                Command.SIGN,
                f"signed with the algorithm {safe(answer.algorithm, limit=64)!r}; the key {request.algorithm.key_spec} "
                f"demands {request.algorithm.name}",
            )
        return answer

    def generate_envelope(self, request: EnvelopeRequest) -> GeneratedEnvelope:
        """An envelope of the requested type (PLUGIN-24). Raises PluginError."""
        answer = self._ask(Command.ENVELOPE, request.encode(), GeneratedEnvelope.parse)
        if answer.media_type != request.envelope_type:
            raise self._wrong_answer(
                Command.ENVELOPE,
                f"made an envelope of type {safe(answer.media_type, limit=128)!r}, not {request.envelope_type!r}",
            )
        return answer

    def verify_signature(self, request: VerificationRequest) -> VerifyAnswer:
        """The results of the plugin: one for each requested check, and no others (VERIFY-22, D39).

        Raises PluginError.

        The verifier decides whether every critical attribute was processed.
        """
        answer = self._ask(Command.VERIFY, request.encode(), VerifyAnswer.parse)
        asked = {check.value for check in request.checks}
        if missing := sorted(asked - answer.results.keys()):
            raise self._wrong_answer(Command.VERIFY, f"gives no result for {missing[0]}")
        if unasked := sorted(answer.results.keys() - asked):
            raise self._wrong_answer(
                Command.VERIFY, f"gives a result for {safe(unasked[0], limit=128)!r}, which it was not asked for"
            )
        known = {*request.extended, *request.unprocessed}
        if invented := sorted(set(answer.processed) - known):
            raise self._wrong_answer(
                Command.VERIFY,
                f"processed the attribute {safe(invented[0], limit=128)!r}, which the signature does not have",
            )
        return answer

    def _ask(self, command: Command, request: bytes, parse: Callable[[bytes], T], seconds: float | None = None) -> T:
        try:
            return parse(self._call(command.value, request, seconds or limits.PLUGIN_SECONDS))
        except FormatError as error:
            raise self._wrong_answer(command, f"answers something that cannot be read: {error}") from None

    def _check_key(self, command: Command, asked: str, answered: str) -> None:
        if answered != asked:
            raise self._wrong_answer(
                command, f"answers for the key {safe(answered, limit=128)!r}, not for {safe(asked, limit=128)!r}"
            )

    def _wrong_answer(self, command: Command, what: str) -> PluginError:
        return PluginError(self.name, f"{command.value} {what}", command=command.value)
