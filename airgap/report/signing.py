"""What `airgap sign`, `timestamp` and `key` say: sentences, or the documents `airgap.sign/1` and so on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from airgap.errors import AirgapError
from airgap.oci.descriptor import COSE_ENVELOPE, Descriptor
from airgap.parse.time import iso
from airgap.pki.certificate import Certificate
from airgap.pki.timestamp import VerifiedTimestamp
from airgap.reasons import ExitCode
from airgap.report.style import PLAIN, Style
from airgap.report.wording import moment
from airgap.signature.results import SignedArtifact, StampedSignature
from airgap.text import safe

SIGN_SCHEMA = "airgap.sign/1"
TIMESTAMP_SCHEMA = "airgap.timestamp/1"
KEYS_SCHEMA = "airgap.keys/1"

Json = dict[str, Any]


# airgap sign


def signed_text(item: SignedArtifact, *, style: Style = PLAIN) -> str:
    """One artifact and its signature."""
    if item.existed:
        head = style.paint("good", f"Already signed {item.name}")
        lines = [head, f"  an equal signature is attached: {item.signature.digest}; --force adds another one"]
    else:
        head = style.paint("good", f"Successfully signed {item.name}")
        lines = [head, f"  signature  {item.signature.digest} ({item.listed})"]
    lines.append(f"  signer     {safe(item.signer.subject_text)}")
    form = "COSE" if item.envelope.media_type == COSE_ENVELOPE else "JWS"
    algorithm = item.signer.algorithm
    lines.append(f"  envelope   {form}, {algorithm.name if algorithm else '?'}{_until(item.expiry)}")
    if item.timestamp is not None:
        lines.append(f"  timestamp  {iso(item.timestamp.gen_time)} by {safe(item.timestamp.chain[0].subject_text)}")
    return "\n".join(lines) + "\n"


def signed_document(items: Sequence[SignedArtifact], problem: AirgapError | None = None) -> Json:
    """The run as JSON, complete on failure too: what was attached by then."""
    return {"schema": SIGN_SCHEMA, **_outcome(problem), "signed": [_signed(item) for item in items]}


def _signed(item: SignedArtifact) -> Json:
    return {
        "target": safe(item.target),
        "reference": item.name,
        "artifact": descriptor_json(item.subject),
        "signature": descriptor_json(item.signature),
        "envelope": descriptor_json(item.envelope),
        "signer": certificate_json(item.signer),
        "signing_time": moment(item.signed_at),
        "expiry": moment(item.expiry),
        "timestamp": timestamp_json(item.timestamp),
        "existed": item.existed,
        "listed": item.listed,
        "warnings": [safe(warning) for warning in item.warnings],
    }


# airgap timestamp


def stamped_text(item: StampedSignature, *, style: Style = PLAIN) -> str:
    """One signature and what became of it."""
    if item.after is None or item.timestamp is None:
        why = f": {item.problem}" if item.problem else ""
        return f"Left alone {item.before.digest}: it {item.state}{why}\n"
    head = style.paint("good", f"Successfully timestamped {item.before.digest}")
    return (
        f"{head}\n  signature  {item.after.digest} ({item.listed}), beside the one without\n"
        f"  timestamp  {iso(item.timestamp.gen_time)} by {safe(item.timestamp.chain[0].subject_text)}\n"
    )


def stamped_document(items: Sequence[StampedSignature], problem: AirgapError | None = None) -> Json:
    """The run as JSON."""
    return {
        "schema": TIMESTAMP_SCHEMA,
        **_outcome(problem),
        "signatures": [
            {
                "reference": item.name,
                "before": descriptor_json(item.before),
                "state": str(item.state),
                "after": None if item.after is None else descriptor_json(item.after),
                "signer": None if item.signer is None else certificate_json(item.signer),
                "timestamp": timestamp_json(item.timestamp),
                "listed": item.listed,
                "problem": item.problem or None,
            }
            for item in items
        ],
    }


# airgap key


def keys_text(rows: Sequence[Mapping[str, str]]) -> str:
    """A table of named keys; the default one is marked with `*`."""
    if not rows:
        return "There are no signing keys. Add one with airgap key add.\n"
    table = [("", "NAME", "KIND", "WHERE"), *((row["mark"], row["name"], row["kind"], row["where"]) for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(3)]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, [*widths, 0], strict=True)).rstrip() + "\n"
        for line in table
    )


# shared


def _outcome(problem: AirgapError | None) -> Json:
    if problem is None:
        return {"exit_code": ExitCode.OK, "problem": None}
    return {
        "exit_code": problem.exit_code,
        "problem": {
            "message": str(problem),
            "reason": getattr(problem, "reason", None),
            "remedy": problem.remedy,
            "facts": dict(problem.facts),
        },
    }


def descriptor_json(descriptor: Descriptor) -> Json:
    """Media type, digest and size."""
    return {
        "media_type": safe(descriptor.media_type),
        "digest": str(descriptor.digest),
        "size": descriptor.size,
    }


def certificate_json(certificate: Certificate) -> Json:
    """Who a certificate is about."""
    return {
        "subject": safe(certificate.subject_text),
        "issuer": safe(certificate.issuer_text),
        "fingerprint": certificate.fingerprint,
        "not_after": iso(certificate.not_after),
    }


def timestamp_json(timestamp: VerifiedTimestamp | None) -> Json | None:
    """What an authority attested."""
    if timestamp is None:
        return None
    return {
        "earliest": iso(timestamp.earliest),
        "latest": iso(timestamp.latest),
        "policy": safe(timestamp.policy),
        "serial": str(timestamp.serial),
        "authority": certificate_json(timestamp.chain[0]),
    }


def _until(expiry: datetime | None) -> str:
    return "" if expiry is None else f", expires {iso(expiry)}"
