"""Reads the reports of `airgap verify` (`airgap.verify/1`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self, TypeVar

from airgap import limits
from airgap.errors import FormatError
from airgap.oci.content_mode import Content
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.parse import json
from airgap.parse.base64 import decode_standard
from airgap.parse.time import rfc3339
from airgap.pki.certificate import Certificate
from airgap.problem import Problem
from airgap.reasons import REASONS
from airgap.revocation.answer_evidence import (
    EvidenceInTarget,
    FoundInTargets,
    MakerName,
    NewestInTargets,
    TargetAnswer,
    TargetStatement,
    UnprovenMaker,
)
from airgap.revocation.freshness import CHAIN_KINDS, EVIDENCE_KINDS, ChainKind, EvidenceKind
from airgap.signature.model import PluginDemand, Scheme
from airgap.text import read_exact, safe
from airgap.trust.choice import ScopeOrigin
from airgap.trust.levels import Check
from airgap.verdict import Verdict
from airgap.verifier.facts import FOR_RECHECK, EarlierResult, LaterFacts, PluginUse, SignatureFacts
from airgap.verifier.recorded import NOT_STATED, RecordedArtifact, RecordedReport, RecordedSignature

SCHEMA: Final = "airgap.verify/1"
ORIGINS: Final[tuple[ScopeOrigin, ...]] = ("option", "name", "record")
_OF_IMPORT: Final = "airgap.import/1"
_ARTIFACTS: Final = 1_000_000
_SIGNATURES: Final = 10_000

E = TypeVar("E", Verdict, Scheme, Check)
K = TypeVar("K", ChainKind, EvidenceKind)


CertificateLookup = Callable[[str], Certificate | None]


def _no_others(_: str) -> None:
    """A report holds all its certificates itself."""


def parse_report(data: bytes, source: str, known: CertificateLookup = _no_others) -> RecordedReport:
    """A report of `airgap verify`, or that in one of `airgap import`. Raises FormatError, with the place.

    `known` gives certificates that are kept elsewhere, by fingerprint.
    """
    document = json.load_object(data, json.Reading.OWN, limit=limits.REPORT_BYTES, what="report")
    if document.get("schema") == _OF_IMPORT:
        document = json.take(document, "judgement", dict)
    if (schema := json.take(document, "schema", str)) != SCHEMA:
        raise FormatError(f"is {safe(schema, limit=64)!r}, not {SCHEMA!r}", where="schema")
    request = _object(document, "request")
    demanded = None if request is None else _strings(request, "metadata")
    return RecordedReport(
        name=safe(source),
        judged=rfc3339(json.take(json.take(document, "time", dict), "judged", str), where="time.judged"),
        metadata=demanded,
        max_signatures=limits.SIGNATURES if request is None else max(1, json.take(request, "max_signatures", int)),
        artifacts=json.take_list(document, "artifacts", _Reader.of(document, known).artifact, limit=_ARTIFACTS),
        problems=json.take_list(document, "problems", _problem, limit=_ARTIFACTS),
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    certificates: Mapping[str, Certificate]
    known: CertificateLookup

    @classmethod
    def of(cls, document: json.JsonObject, known: CertificateLookup) -> Self:
        certificates: dict[str, Certificate] = {}
        # reports of older versions have none; what depends on them then stays undecided
        for fingerprint, text in (_object(document, "certificates") or {}).items():
            where = f"certificates.{safe(fingerprint, limit=64)}"
            if not isinstance(text, str):
                raise FormatError("is not a string", where=where)
            certificate = Certificate.parse(decode_standard(text, where=where))
            if certificate.fingerprint != fingerprint:
                raise FormatError("is the fingerprint of another certificate", where=where)
            certificates[fingerprint] = certificate
        return cls(certificates, known)

    def artifact(self, value: Any) -> RecordedArtifact:
        source = json.as_object(value)
        content = json.take(source, "content", dict)
        names = (*_names(source, "tags"), *_names(source, "aliases"))
        return RecordedArtifact(
            reference=json.take(source, "reference", str),
            names=names,
            beside=_names(source, "same_entry") if "same_entry" in source else names,
            path=None if source.get("path") is None else _exact(json.take(source, "path", str), "path"),
            descriptor=_descriptor(source),
            scope=_text(source, "scope"),
            scope_origin=_origin(source),
            policy_reason=_text(json.take(source, "policy", dict), "reason"),
            verdict=json.take_one_of(source, "verdict", Verdict),
            content_failed=json.take(content, "verdict", str) == Verdict.FAIL,
            content_held=json.take(content, "verdict", str) == Verdict.INDETERMINATE,
            content_mode=json.take_one_of(content, "mode", Content),
            signatures=json.take_list(source, "signatures", self.signature, limit=_SIGNATURES),
        )

    def signature(self, value: Any) -> RecordedSignature:
        source = json.as_object(value)
        said = json.take_list(source, "findings", _finding, limit=len(Check))
        findings = dict(said)
        if len(findings) != len(said):
            raise FormatError("names a check twice", where="findings")
        envelope = _object(source, "envelope")
        return RecordedSignature(
            digest=Digest.parse(json.take(source, "digest", str)),
            envelope=None if envelope is None else _descriptor(envelope),
            findings=findings,
            facts=None if source.get("signer") is None else self._facts(source),
            earlier=_plugin_use(source, findings),
        )

    def _facts(self, source: json.JsonObject) -> SignatureFacts | None:
        signer = json.take(source, "signer", dict)
        chain = self._chain(signer)
        if not chain:
            return None
        rest = _object(source, "for_recheck")
        return SignatureFacts(
            scheme=json.take_one_of(signer, "scheme", Scheme),
            chain=chain,
            algorithm=safe(json.take(signer, "algorithm", str)),
            stated_time=_maybe_moment(signer, "signing_time"),
            expiry=_maybe_moment(_with(signer, "expiry"), "expiry"),
            agent=_text(signer, "agent"),
            later=_later_facts(rest) if rest and rest.get("version") == FOR_RECHECK else None,
        )

    def _chain(self, source: json.JsonObject) -> tuple[Certificate, ...]:
        names = json.take_list(source, "chain", json.text, limit=limits.CHAIN_CERTIFICATES, required=False)
        return tuple(map(self._certificate, names))

    def _certificate(self, name: str) -> Certificate:
        found = self.certificates.get(name) or self.known(name)
        if found is None:
            raise FormatError(f"{safe(name, limit=64)} is not among the report's certificates", where="chain")
        return found


def _names(source: json.JsonObject, member: str) -> tuple[str, ...]:
    return json.take_list(source, member, json.text, limit=_ARTIFACTS, required=False)


def _origin(source: json.JsonObject) -> ScopeOrigin | None:
    # a scope without an origin is a claim
    return None if source.get("scope_origin") is None else json.take_one_of(source, "scope_origin", ORIGINS)


def _descriptor(source: json.JsonObject) -> Descriptor:
    return Descriptor(
        media_type=json.take(source, "media_type", str),
        digest=Digest.parse(json.take(source, "digest", str)),
        size=json.take(source, "size", int),
    )


def _later_facts(source: json.JsonObject) -> LaterFacts:
    token = _text(_with(source, "timestamp_token"), "timestamp_token")
    plugin = _object(_with(source, "plugin"), "plugin")
    value = json.take(source, "signature_value", str)
    return LaterFacts(
        signature_value=decode_standard(value, where="for_recheck.signature_value"),
        timestamp_token=None if token is None else decode_standard(token, where="for_recheck.timestamp_token"),
        metadata=_strings(source, "metadata"),
        plugin=None if plugin is None else _demand(plugin),
        in_targets=FoundInTargets(
            statements=json.take_list(source, "said_against", _target_statement, limit=_SIGNATURES),
            answers=json.take_list(source, "answers", _target_answer, limit=_SIGNATURES),
            newest=json.take_list(source, "newest_evidence", _newest, limit=_SIGNATURES),
        ),
    )


def _in_target(source: json.JsonObject) -> EvidenceInTarget:
    return EvidenceInTarget(
        name=safe(json.take(source, "evidence", str)),
        fingerprint=json.take(source, "fingerprint", str),
        kind=json.take_one_of(source, "kind", EVIDENCE_KINDS),
        chain=json.take_one_of(source, "chain", CHAIN_KINDS),
        certificate=json.take(source, "certificate", str),
        this_update=_moment(source, "this_update"),
    )


def _target_statement(value: Any) -> TargetStatement:
    source = json.as_object(value)
    return TargetStatement(
        evidence=_in_target(source),
        is_hold=json.take(source, "hold", bool),
        responder=_text(source, "responder") or "",
        unproven=_unproven(source),
        other_than=None if _with(source, "other_than")["other_than"] is None else _fingerprints(source, "other_than"),
    )


def _unproven(source: json.JsonObject) -> UnprovenMaker | None:
    maker = _object(_with(source, "unproven"), "unproven")
    if maker is None:
        return None
    try:
        named = MakerName(*(bytes.fromhex(json.take(maker, member, str)) for member in ("maker", "key")))
    except ValueError:
        raise FormatError("is not in hex", where="unproven.maker") from None
    return UnprovenMaker(named, _fingerprints(maker, "tried"), _fingerprints(maker, "untried"))


def _fingerprints(source: json.JsonObject, member: str) -> frozenset[str]:
    return frozenset(json.take_list(source, member, json.text, limit=_SIGNATURES))


def _target_answer(value: Any) -> TargetAnswer:
    source = json.as_object(value)
    return TargetAnswer(
        evidence=_in_target(source),
        next_update=_maybe_moment(_with(source, "next_update"), "next_update"),
        number=_hex(source, "number"),
        base_number=_hex(source, "base_number"),
        is_open=json.take(source, "open", bool),
        is_complete=json.take(source, "all_reasons", bool),
        includes_older=json.take(source, "and_older", bool),
        unproven=_unproven(source),
    )


def _hex(source: json.JsonObject, member: str) -> int | None:
    text = _text(_with(source, member), member)
    if text is None:
        return None
    if not text or len(text) > 2 * limits.DER_INTEGER_BYTES or not set(text) <= set("0123456789abcdef"):
        raise FormatError(f"is {safe(text, limit=64)!r}, which is no number in hex", where=member)
    return int(text, 16)


def _newest(value: Any) -> NewestInTargets:
    source = json.as_object(value)
    return NewestInTargets(_in_target(source), _unproven(source))


def _demand(source: json.JsonObject) -> PluginDemand:
    version = _text(source, "min_version")
    return PluginDemand(
        name=_exact(json.take(source, "name", str), "name"),
        min_version=None if version is None else _exact(version, "min_version"),
    )


def _exact(text: str, where: str) -> str:
    found = read_exact(text)
    if found is None:
        raise FormatError("is not escaped as reports escape", where=where)
    return found


def _plugin_use(source: json.JsonObject, findings: Mapping[Check, EarlierResult]) -> PluginUse | None:
    """The plugin that was run. Where an older report does not say what it decided, it may have been all it can be."""
    name = _text(source, "plugin")
    if name is None:
        return None
    use = _object(source, "plugin_use")
    decided: tuple[Check, ...] = (Check.AUTHENTICITY, Check.REVOCATION)
    if use is not None:
        decided = json.take_list(use, "decided", _check, limit=len(Check))
    return PluginUse(
        name=safe(name),
        version=None if use is None else _text(use, "version"),
        decided={check: findings.get(check, NOT_STATED) for check in (*decided, Check.PLUGIN)},
    )


def _check(value: Any) -> Check:
    return json.one_of(Check, json.text(value), where="check")


def _problem(value: Any) -> Problem:
    source = json.as_object(value)
    reason, target = _text(source, "reason"), _text(source, "target")
    return Problem(
        message=f"the earlier judgement says: {safe(json.take(source, 'message', str))}",
        exit_code=json.take(source, "exit_code", int),
        reason=reason if reason in REASONS else None,
        target=None if target is None else safe(target),
    )


def _finding(value: Any) -> tuple[Check, EarlierResult]:
    source = json.as_object(value)
    reason = _text(source, "reason")
    check = _check(source.get("check"))
    verdict = json.take_one_of(source, "verdict", Verdict)
    return check, EarlierResult(verdict, reason if reason in REASONS else None)


def _text(source: json.JsonObject, member: str) -> str | None:
    return None if source.get(member) is None else json.take(source, member, str)


def _with(source: json.JsonObject, member: str) -> json.JsonObject:
    """An object that has the member, if only as null: a report that leaves it out does not say "none"."""
    if member not in source:
        raise FormatError("is missing", where=member)
    return source


def _object(source: json.JsonObject, member: str) -> json.JsonObject | None:
    return None if source.get(member) is None else json.take(source, member, dict)


def _strings(source: json.JsonObject, member: str) -> Mapping[str, str]:
    """An object of strings that must be there: what a report does not say is not nothing."""
    json.take(source, member, dict)
    return {_exact(key, member): _exact(value, member) for key, value in json.take_strings(source, member).items()}


def _moment(source: json.JsonObject, member: str) -> datetime:
    return rfc3339(json.take(source, member, str), where=member)


def _maybe_moment(source: json.JsonObject, member: str) -> datetime | None:
    return None if source.get(member) is None else _moment(source, member)
