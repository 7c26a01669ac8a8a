"""The messages of the plugin contract 1.0: writes requests, and reads answers strictly.

`airgap.plugin.host` compares answers with requests. Answers may have unknown members: a later minor version may add
them.
"""

from __future__ import annotations

import json as writer
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

from airgap import limits
from airgap.errors import FormatError
from airgap.parse import json
from airgap.parse.base64 import decode_standard, encode_standard
from airgap.parse.json import JsonObject
from airgap.parse.semver import SemVer
from airgap.pki.algorithms import ALGORITHMS, Algorithm
from airgap.text import safe

CONTRACT: Final = "1.0"
"""The supported contract version (PLUGIN-13)."""

PRIMITIVES: Final = (str, int, type(None))
"""The types of values of extended attributes (PLUGIN-28); bool is an int."""


class Capability(StrEnum):
    """The capabilities of plugins (PLUGIN-21)."""

    RAW = "SIGNATURE_GENERATOR.RAW"
    ENVELOPE = "SIGNATURE_GENERATOR.ENVELOPE"
    TRUSTED_IDENTITY = "SIGNATURE_VERIFIER.TRUSTED_IDENTITY"
    REVOCATION_CHECK = "SIGNATURE_VERIFIER.REVOCATION_CHECK"


VERIFIERS: Final = (Capability.TRUSTED_IDENTITY, Capability.REVOCATION_CHECK)


class Command(StrEnum):
    """The first argument of a plugin."""

    METADATA = "get-plugin-metadata"
    DESCRIBE_KEY = "describe-key"
    SIGN = "generate-signature"
    ENVELOPE = "generate-envelope"
    VERIFY = "verify-signature"


# Requests


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRequest:
    """`describe-key` (PLUGIN-22)."""

    key_id: str
    config: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The request as JSON."""
        return encode({"keyId": self.key_id}, self.config)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureRequest:
    """`generate-signature` (PLUGIN-23)."""

    key_id: str
    algorithm: Algorithm
    payload: bytes
    """The bytes to sign, not hashed."""
    config: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The request as JSON."""
        members = {
            "keyId": self.key_id,
            "keySpec": self.algorithm.key_spec,
            "hashAlgorithm": hash_algorithm(self.algorithm),
            "payload": encode_standard(self.payload),
        }
        return encode(members, self.config)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeRequest:
    """`generate-envelope` (PLUGIN-24)."""

    key_id: str
    payload: bytes
    payload_type: str
    envelope_type: str
    expiry_seconds: int | None = None
    config: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The request as JSON."""
        members: dict[str, Any] = {
            "keyId": self.key_id,
            "payload": encode_standard(self.payload),
            "payloadType": self.payload_type,
            "signatureEnvelopeType": self.envelope_type,
        }
        if self.expiry_seconds is not None:
            members["expiryDurationInSeconds"] = self.expiry_seconds
        return encode(members, self.config)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationRequest:
    """`verify-signature` (PLUGIN-26); absent members are left out, there are no zero dates (D40)."""

    critical: Mapping[str, str]
    """The critical attributes of the Notary Project, by their names in the protocol."""
    extended: Mapping[str, str | int | bool | None]
    unprocessed: Sequence[str]
    """Names of the critical attributes that the plugin must process."""
    chain: Sequence[bytes]
    """DER, leaf first."""
    identities: Sequence[str]
    checks: Sequence[Capability]
    config: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The request as JSON."""
        members = {
            "signature": {
                "criticalAttributes": {**self.critical, "extendedAttributes": dict(self.extended)},
                "unprocessedAttributes": list(self.unprocessed),
                "certificateChain": [encode_standard(der) for der in self.chain],
            },
            "trustPolicy": {
                "trustedIdentities": list(self.identities),
                "signatureVerification": [check.value for check in self.checks],
            },
        }
        return encode(members, self.config)


def encode(members: Mapping[str, Any], config: Mapping[str, str]) -> bytes:
    """A request as JSON.

    Every request has the contract version, also that for metadata: plugins ignore unknown members (PLUGIN-13, D60).
    """
    document = {"contractVersion": CONTRACT, **members, "pluginConfig": dict(config)}
    return writer.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def hash_algorithm(algorithm: Algorithm) -> str:
    """The name of the hash in the protocol: `SHA-256`."""
    return algorithm.hash_name.upper().replace("SHA", "SHA-")


# Answers; every `parse` raises FormatError


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """The answer to `get-plugin-metadata`: no member may be missing or empty (PLUGIN-20)."""

    name: str
    description: str
    version: SemVer
    url: str
    contracts: tuple[str, ...]
    capabilities: frozenset[str]
    """Including unknown ones (D42)."""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The metadata that `data` holds."""
        source = _load(data)
        return cls(
            name=_text(source, "name"),
            description=_text(source, "description"),
            version=_version(source),
            url=_text(source, "url"),
            contracts=_texts(source, "supportedContractVersions"),
            capabilities=frozenset(_texts(source, "capabilities")),
        )

    def offers(self, capability: Capability) -> bool:
        """Whether the plugin has this capability."""
        return capability.value in self.capabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDescription:
    """The answer to `describe-key`."""

    key_id: str
    algorithm: Algorithm
    """The algorithm for the kind and size of the key (table ALG)."""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The description that `data` holds."""
        source = _load(data)
        key_spec = _text(source, "keySpec")
        for algorithm in ALGORITHMS:
            if key_spec == algorithm.key_spec:
                return cls(key_id=_text(source, "keyId"), algorithm=algorithm)
        raise FormatError(f"is {safe(key_spec, limit=64)!r}, which is no key that may sign (ALG-1)", where="keySpec")


@dataclass(frozen=True, slots=True, kw_only=True)
class RawSignature:
    """The answer to `generate-signature`."""

    key_id: str
    value: bytes
    algorithm: str
    """The text of the plugin: a name of table ALG, or anything."""
    chain: tuple[bytes, ...]
    """DER, not parsed."""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The signature that `data` holds."""
        source = _load(data)
        chain = json.take_list(source, "certificateChain", _bytes, limit=limits.CHAIN_CERTIFICATES)
        if not chain:
            raise FormatError("is empty", where="certificateChain")
        return cls(
            key_id=_text(source, "keyId"),
            value=_decode(source, "signature"),
            algorithm=_text(source, "signingAlgorithm"),
            chain=chain,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedEnvelope:
    """The answer to `generate-envelope`."""

    raw: bytes
    media_type: str
    annotations: Mapping[str, str]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The envelope that `data` holds."""
        source = _load(data)
        return cls(
            raw=_decode(source, "signatureEnvelope"),
            media_type=_text(source, "signatureEnvelopeType"),
            annotations=json.take_strings(source, "annotations") if source.get("annotations") is not None else {},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The result of a plugin for one of the requested checks."""

    success: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyAnswer:
    """The answer to `verify-signature` (PLUGIN-27)."""

    results: Mapping[str, CheckResult]
    processed: tuple[str, ...]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The answer that `data` holds."""
        source = _load(data)
        results = json.take(source, "verificationResults", dict)
        json.refuse_case_doubles(results)
        return cls(
            results={name: _result(value, f"verificationResults.{safe(name, limit=64)}")
                     for name, value in results.items()},
            processed=json.take_list(source, "processedAttributes", json.text, limit=limits.PLUGIN_ATTRIBUTES),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginFailure:
    """The error of a plugin on stderr (PLUGIN-12)."""

    code: str
    message: str
    metadata: Mapping[str, str]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The failure that `data` holds."""
        source = json.load_object(data, json.Reading.OWN, limit=limits.PLUGIN_ERROR_BYTES, what="error")
        if not source.keys() & {"errorCode", "errorMessage", "errorMetadata"}:
            raise FormatError("the error has none of the members errorCode, errorMessage and errorMetadata")
        return cls(
            code=json.take_optional(source, "errorCode", str) or "ERROR",
            message=json.take_optional(source, "errorMessage", str) or "",
            metadata=json.take_strings(source, "errorMetadata") if source.get("errorMetadata") is not None else {},
        )


def _load(data: bytes) -> JsonObject:
    document = json.load_object(data, json.Reading.OWN, limit=limits.PLUGIN_OUTPUT_BYTES, what="answer")
    json.refuse_case_doubles(document)
    return document


def _text(source: JsonObject, key: str) -> str:
    value = json.take(source, key, str)
    if not value:
        raise FormatError("is empty", where=key)
    return value


def _texts(source: JsonObject, key: str) -> tuple[str, ...]:
    values = json.take_list(source, key, json.text, limit=limits.PLUGIN_ATTRIBUTES)
    if not values or not all(values):
        raise FormatError("is empty, or has an empty text in it", where=key)
    return values


def _version(source: JsonObject) -> SemVer:
    try:
        return SemVer.parse(_text(source, "version"))
    except FormatError as error:
        raise FormatError(error.problem, where="version") from None


def _decode(source: JsonObject, key: str) -> bytes:
    data = decode_standard(json.take(source, key, str), where=key)
    if not data:
        raise FormatError("is empty", where=key)
    return data


def _bytes(item: Any) -> bytes:
    return decode_standard(json.text(item))


def _result(value: Any, where: str) -> CheckResult:
    value = json.as_object(value, where=where)
    try:
        return CheckResult(
            success=json.take(value, "success", bool), reason=json.take_optional(value, "reason", str) or ""
        )
    except FormatError as error:
        raise error.under(where) from None
