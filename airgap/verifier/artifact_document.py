"""A judged artifact as JSON, as reports of `airgap verify` and rows of a ledger have it (`airgap.verify/1`).

`report_reader.py` reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from airgap.oci.content import ContentReport
from airgap.oci.problems import ContentProblem
from airgap.parse.base64 import encode_standard
from airgap.parse.time import iso, iso_or_null
from airgap.problem import Problem
from airgap.reasons import REASONS
from airgap.revocation.answer_evidence import EvidenceInTarget, EvidenceUse, UnprovenMaker
from airgap.text import exact, safe
from airgap.verifier.facts import FOR_RECHECK
from airgap.verifier.outcome import (
    AppliedPolicy,
    ArtifactOutcome,
    Finding,
    ReferrerOutcome,
    SignatureOutcome,
    SignerClaims,
)

if TYPE_CHECKING:
    from airgap.oci.descriptor import Descriptor
    from airgap.oci.record import Record
    from airgap.signature.model import PluginDemand
    from airgap.verifier.facts import PluginUse, SignatureFacts

Json = dict[str, Any]


def policy_document(policy: AppliedPolicy | None, unjudged: Problem | None, *, catch_all: str) -> Json:
    """The applied statement; `catch_all` says whether it is the one for all other names."""
    return {
        "statement": safe(policy.statement) if policy else None,
        "level": policy.level if policy else None,
        "actions": {check.value: action.value for check, action in policy.actions.items()} if policy else {},
        catch_all: policy.wildcard if policy else False,
        "reason": unjudged.reason if unjudged else None,
        "message": unjudged.message if unjudged else None,
    }


def artifact_document(artifact: ArtifactOutcome) -> Json:
    """One artifact, judged."""
    return {
        "reference": artifact.reference,
        "path": None if artifact.path is None else exact(artifact.path),
        "digest": str(artifact.descriptor.digest),
        "media_type": safe(artifact.descriptor.media_type),
        "size": artifact.descriptor.size,
        "tags": [safe(tag) for tag in artifact.tags],
        "aliases": [safe(name) for name in artifact.aliases],
        "same_entry": [safe(name) for name in artifact.beside],
        "scope": artifact.scope,
        "scope_origin": artifact.scope_origin,
        "acquisition": record_document(artifact.record),
        "verdict": artifact.verdict.value,
        "exit_codes": sorted(artifact.exit_codes),
        "policy": policy_document(artifact.policy, artifact.unjudged, catch_all="wildcard"),
        "signature_verdict": artifact.signature_verdict.value,
        "unsigned": _unsigned(artifact.unsigned) if artifact.unsigned else None,
        "signatures": [
            {**signature_document(signature), "for_recheck": _for_recheck(signature.facts)}
            for signature in artifact.signatures
        ],
        "content": content_document(artifact.content),
        "referrers": [_referrer(referrer) for referrer in artifact.referrers],
        "attachments": {"count": len(artifact.attachments), "unsigned": len(artifact.unsigned_attachments)},
        "warnings": list(artifact.warnings),
    }


def _unsigned(problem: Problem) -> Json:
    return {"reason": problem.reason, "message": problem.message, "remedy": problem.remedy}


def content_document(content: ContentReport | None) -> Json:
    """The result for the content of an artifact."""
    if content is None:
        return {"verdict": "not-applicable", "mode": "none", "blobs": 0, "bytes": 0}
    return {
        "verdict": content.verdict,
        "mode": content.mode,
        "blobs": content.blobs,
        "bytes": content.bytes,
        "problems": [content_problem_document(problem) for problem in content.problems],
        "absent": [str(digest) for digest in content.absent],
        "external": [str(digest) for digest in content.external],
        "held": [{"digest": str(item.digest), "size": item.size} for item in content.held],
    }


def content_problem_document(problem: ContentProblem) -> Json:
    """One problem of content."""
    descriptor = problem.descriptor
    return {
        "reason": problem.reason,
        "digest": str(descriptor.digest) if descriptor else None,
        "media_type": safe(descriptor.media_type) if descriptor else None,
        "path": problem.path,
        "message": problem.message,
        "remedy": problem.remedy or REASONS[problem.reason].remedy,
        "facts": dict(problem.facts),
    }


def record_document(record: Record | None) -> Json | None:
    """What the acquisition record claims about the source of the artifact."""
    if record is None:
        return None
    return {
        "source": safe(record.name) if record.name else None,
        "reference": safe(record.reference),
        "time": iso(record.time),
        "referrers": record.mode,
        "absent": [str(item.digest) for item in record.absent],
    }


def _referrer(referrer: ReferrerOutcome) -> Json:
    return {
        "digest": str(referrer.descriptor.digest),
        "artifact_type": safe(referrer.artifact_type) if referrer.artifact_type else None,
        "verdict": referrer.verdict.value if referrer.verdict else "unsigned",
        "signatures": [signature_document(signature) for signature in referrer.signatures],
    }


def certificates_document(signatures: Iterable[SignatureOutcome]) -> Json:
    """Every certificate of the signatures' chains once, fingerprint to base64 DER: what `airgap recheck` asks about."""
    chains = (
        certificate
        for signature in signatures
        if signature.signer
        for certificate in (*signature.signer.chain, *signature.signer.timestamp_chain)
    )
    return {certificate.fingerprint: encode_standard(certificate.der) for certificate in dict.fromkeys(chains)}


def signature_document(signature: SignatureOutcome) -> Json:
    """One signature, judged."""
    return {
        "digest": str(signature.digest),
        "envelope": _described(signature.envelope) if signature.envelope else None,
        "verdict": signature.verdict.value,
        "exit_codes": sorted(signature.exit_codes),
        "signer": _signer(signature.signer),
        "metadata": dict(signature.metadata),
        "plugin": signature.plugin,
        "plugin_use": _plugin_use(signature.plugin_use),
        "findings": [_finding(finding) for finding in signature.findings],
        "evidence": [_evidence(use) for use in signature.evidence],
        "warnings": list(signature.warnings),
    }


def _described(content: Descriptor) -> Json:
    return {"media_type": safe(content.media_type), "digest": str(content.digest), "size": content.size}


def _plugin_use(use: PluginUse | None) -> Json | None:
    if use is None:
        return None
    return {"version": use.version, "decided": [check.value for check in use.decided]}


def _for_recheck(facts: SignatureFacts | None) -> Json | None:
    """The signed facts that a later recheck needs, unchanged."""
    if facts is None or facts.later is None:
        return None
    rest = facts.later
    return {
        "version": FOR_RECHECK,
        "signature_value": encode_standard(rest.signature_value),
        "timestamp_token": None if rest.timestamp_token is None else encode_standard(rest.timestamp_token),
        "metadata": exact_strings(rest.metadata),
        "plugin": _demand(rest.plugin) if rest.plugin else None,
        "said_against": [
            {
                **_in_target(said.evidence),
                "hold": said.is_hold,
                "responder": said.responder or None,
                "unproven": _unproven(said.unproven),
                "other_than": None if said.other_than is None else sorted(said.other_than),
            }
            for said in rest.in_targets.statements
        ],
        "answers": [
            {
                **_in_target(said.evidence),
                "next_update": iso_or_null(said.next_update),
                "number": _hex(said.number),
                "base_number": _hex(said.base_number),
                "open": said.is_open,
                "all_reasons": said.is_complete,
                "and_older": said.includes_older,
                "unproven": _unproven(said.unproven),
            }
            for said in rest.in_targets.answers
        ],
        "newest_evidence": [
            {**_in_target(made.evidence), "unproven": _unproven(made.unproven)} for made in rest.in_targets.newest
        ],
    }


def _unproven(maker: UnprovenMaker | None) -> Json | None:
    if maker is None:
        return None
    return {
        "maker": maker.named.name.hex(),
        "key": maker.named.key_hash.hex(),
        "tried": sorted(maker.tried),
        "untried": sorted(maker.untried),
    }


def _in_target(item: EvidenceInTarget) -> Json:
    return {
        "evidence": item.name,
        "fingerprint": item.fingerprint,
        "kind": item.kind,
        "chain": item.chain,
        "certificate": item.certificate,
        "this_update": iso(item.this_update),
    }


def _hex(number: int | None) -> str | None:
    """The number of a CRL in hex, as it may be larger than what others read in JSON."""
    return None if number is None else format(number, "x")


def _demand(plugin: PluginDemand) -> Json:
    version = plugin.min_version
    return {"name": exact(plugin.name), "min_version": None if version is None else exact(version)}


def exact_strings(metadata: Mapping[str, str]) -> dict[str, str]:
    """Names and values, so that they can be read without loss."""
    return {exact(key): exact(value) for key, value in metadata.items()}


def _signer(signer: SignerClaims | None) -> Json | None:
    if signer is None:
        return None
    timestamp = signer.timestamp
    return {
        "subject": signer.subject,
        "issuer": signer.issuer,
        "fingerprint": signer.fingerprint,
        "scheme": signer.scheme,
        "algorithm": signer.algorithm,
        "signing_time": iso_or_null(signer.signing_time),
        "expiry": iso_or_null(signer.expiry),
        "agent": signer.agent,
        "timestamp": {
            "earliest": iso(timestamp[0]),
            "latest": iso(timestamp[1]),
            "chain": [certificate.fingerprint for certificate in signer.timestamp_chain],
        }
        if timestamp
        else None,
        "anchor": signer.anchor,
        "chain": [certificate.fingerprint for certificate in signer.chain],
    }


def _finding(finding: Finding) -> Json:
    return {
        "check": finding.check.value,
        "action": finding.action.value,
        "verdict": finding.verdict.value,
        "reason": finding.reason,
        "message": finding.message,
        "remedy": finding.shown_remedy,
        "facts": dict(finding.facts),
    }


def _evidence(use: EvidenceUse) -> Json:
    return {
        "certificate": use.certificate,
        "chain": use.chain,
        "kind": use.kind,
        "status": use.status,
        "name": use.name,
        "origin": use.origin,
        "number": use.number,
        "this_update": iso_or_null(use.this_update),
        "next_update": iso_or_null(use.next_update),
        "good_until": iso_or_null(use.good_until),
        "accepted_stale": use.accepted_stale,
    }


def problem_document(problem: Problem) -> Json:
    """A problem or a warning."""
    return {
        "reason": problem.reason,
        "exit_code": problem.exit_code,
        "target": problem.target,
        "message": problem.message,
        "remedy": problem.remedy,
        "facts": dict(problem.facts),
    }
