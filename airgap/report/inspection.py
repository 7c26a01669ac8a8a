"""What `airgap inspect` shows: a tree, or the document `airgap.inspect/1`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from airgap.parse.time import iso, iso_or_null
from airgap.pki.certificate import Certificate
from airgap.pki.timestamp_token import TimestampToken
from airgap.reasons import ExitCode
from airgap.report.artifact_names import natural, short
from airgap.report.finding_text import unread_lines
from airgap.report.report import Json, Report
from airgap.report.style import PLAIN, Style
from airgap.report.wording import TreeNode, count, described
from airgap.signature.model import Envelope, Payload
from airgap.signature.results import InspectedArtifact, InspectedSignature
from airgap.text import safe
from airgap.verifier.artifact_document import content_problem_document

INSPECT_SCHEMA = "airgap.inspect/1"
_WARNING = "Nothing here was judged: all of it is what the signatures claim. {} gives the verdict."


@dataclass(frozen=True, slots=True)
class InspectReport(Report):
    """What `airgap.inspect` shows: `airgap.inspect/1`."""

    artifacts: Sequence[InspectedArtifact]
    verbose: bool = False
    """Whether digests are whole. Fingerprints of certificates always are."""

    @property
    def exit_code(self) -> int:
        """16 where something cannot be read, 12 where a signature cannot be decoded."""
        if any(artifact.unread for artifact in self.artifacts):
            return ExitCode.CONTENT
        return inspected_exit_code(signature for artifact in self.artifacts for signature in artifact.signatures)

    def document(self) -> Json:
        """All that the signatures say."""
        return {
            **self.first_members(INSPECT_SCHEMA),
            "judged": False,
            "artifacts": [
                {
                    "reference": artifact.reference,
                    "digest": str(artifact.descriptor.digest),
                    "media_type": safe(artifact.descriptor.media_type),
                    "signatures": [inspected_document(signature) for signature in artifact.signatures],
                    "unread": [content_problem_document(problem) for problem in artifact.unread],
                }
                for artifact in self.artifacts
            ],
        }

    def lines(self, style: Style) -> Iterator[str]:
        """That nothing was judged, a tree for each artifact, what cannot be read, and last how much there is."""
        yield from style.paragraph(style.paint("unsure", _WARNING.format("airgap verify")))
        yield ""
        for artifact in sorted(self.artifacts, key=lambda artifact: natural(artifact.reference)):
            name = style.paint("strong", short(artifact.reference, verbose=self.verbose))
            is_named = artifact.reference.endswith(f"@{artifact.descriptor.digest}")
            digest = "" if is_named else f"  {short(str(artifact.descriptor.digest), verbose=self.verbose)}"
            root = TreeNode(f"{name}{digest}")
            for signature in artifact.signatures:
                _signature_node(root, signature, style, self.verbose)
            if not artifact.signatures:
                root.add("no signature that can be read" if artifact.unread else "no signature of the Notary Project")
            yield from root.lines(style)
            yield ""
        unread = [(artifact.reference, problem) for artifact in self.artifacts for problem in artifact.unread]
        if unread:
            yield from (*unread_lines(unread, style, verbose=self.verbose), "")
        signatures = [signature for artifact in self.artifacts for signature in artifact.signatures]
        what = f"{count(len(self.artifacts), 'artifact')}, {count(len(signatures), 'signature')}"
        yield from _ending(what, signatures, self.exit_code, style)


def _ending(what: str, signatures: Sequence[InspectedSignature], exit_code: int, style: Style) -> Iterator[str]:
    broken = sum(bool(signature.obstacles) for signature in signatures)
    lacking = f", {broken} of them cannot be decoded" if broken else ""
    word, kind = ("INSPECTED", "good") if exit_code == ExitCode.OK else ("INCOMPLETE", "bad")
    return style.ending(word, f"{what}{lacking}; nothing was judged.", exit_code, kind)


def inspected_exit_code(signatures: Iterable[InspectedSignature]) -> int:
    """12 where one of them cannot be decoded."""
    return ExitCode.INVALID if any(signature.obstacles for signature in signatures) else ExitCode.OK


def inspected_lines(name: str, signature: InspectedSignature, style: Style = PLAIN) -> Iterator[str]:
    """One signature by itself, below the warning that nothing was judged."""
    root = TreeNode(style.paint("strong", name))
    _signature_node(root, signature, style, verbose=True)
    yield from style.paragraph(style.paint("unsure", _WARNING.format("airgap blob verify")))
    yield ""
    yield from root.lines(style)
    yield ""
    yield from _ending("1 signature", [signature], inspected_exit_code([signature]), style)


def _signature_node(parent: TreeNode, signature: InspectedSignature, style: Style, verbose: bool) -> None:
    digest = short(str(signature.descriptor.digest), verbose=verbose)
    node = parent.add(f"signature {digest} ({signature.mechanism})")
    for obstacle in signature.obstacles:
        code = f" [{obstacle.reason}]" if obstacle.reason else ""
        node.add(style.paint("bad", f"cannot be decoded: {obstacle.message}{code}"))
    if signature.media_type:
        node.add(f"envelope: {safe(signature.media_type)}")
    if signature.envelope:
        _envelope_nodes(node, signature.envelope)
    if signature.payload:
        _payload_nodes(node, signature.payload, verbose)
    if signature.timestamp:
        timestamp = signature.timestamp.info
        stamp = node.add(f"timestamp: {iso(timestamp.gen_time)}, accurate to {timestamp.accuracy.total_seconds():g} s")
        _certificate_nodes(stamp, signature.timestamp.certificates)
    if signature.envelope:
        _certificate_nodes(node.add("certificate chain"), signature.envelope.certificates)


def _envelope_nodes(node: TreeNode, envelope: Envelope) -> None:
    node.add(f"algorithm: {envelope.algorithm.name}")
    node.add(f"signing scheme: {envelope.scheme.value}")
    if envelope.stated_time:
        node.add(f"signing time: {iso(envelope.stated_time)}")
    if envelope.expiry:
        node.add(f"expiry: {iso(envelope.expiry)}")
    if envelope.plugin:
        node.add(f"verification plugin: {safe(envelope.plugin.name)}")
    for name, attribute in envelope.extended.items():
        critical = ", critical" if attribute.critical else ""
        node.add(f"attribute {safe(name)}: {safe(attribute.value)}{critical}")
    if envelope.signing_agent:
        node.add(f"signing agent: {safe(envelope.signing_agent)} (unsigned)")


def _payload_nodes(node: TreeNode, payload: Payload, verbose: bool) -> None:
    target = node.add(f"signed artifact: {short(str(payload.digest), verbose=verbose)}")
    target.add(f"media type: {safe(payload.media_type)}")
    target.add(f"size: {payload.size} bytes")
    for key, value in payload.annotations.items():
        node.add(f"metadata {safe(key)}: {safe(value)}")


def _certificate_nodes(node: TreeNode, certificates: Sequence[Certificate]) -> None:
    for certificate in certificates:
        entry = node.add(safe(certificate.subject_text))
        entry.add(f"issued by: {safe(certificate.issuer_text)}")
        entry.add(f"valid: {iso(certificate.not_before)} to {iso(certificate.not_after)}")
        entry.add(f"SHA-256: {certificate.fingerprint}")


def inspected_document(signature: InspectedSignature) -> Json:
    """One signature as JSON."""
    envelope, payload = signature.envelope, signature.payload
    return {
        "digest": str(signature.descriptor.digest),
        "mechanism": signature.mechanism,
        "envelope_media_type": safe(signature.media_type) if signature.media_type else None,
        "obstacles": [
            {"reason": item.reason, "message": item.message, "remedy": item.remedy} for item in signature.obstacles
        ],
        "algorithm": envelope.algorithm.name if envelope else None,
        "signed_attributes": _attributes(envelope) if envelope else None,
        "signing_agent": safe(envelope.signing_agent) if envelope and envelope.signing_agent else None,
        "certificates": _certificates(envelope.certificates) if envelope else [],
        "timestamp": _timestamp(signature.timestamp) if signature.timestamp else None,
        "signed_artifact": described(payload) if payload else None,
        "metadata": {safe(key): safe(value) for key, value in payload.annotations.items()} if payload else {},
    }


def _attributes(envelope: Envelope) -> Json:
    return {
        "content_type": safe(envelope.content_type),
        "signing_scheme": envelope.scheme.value,
        "signing_time": iso_or_null(envelope.stated_time),
        "expiry": iso_or_null(envelope.expiry),
        "verification_plugin": safe(envelope.plugin.name) if envelope.plugin else None,
        "extended": {
            safe(name): {"value": safe(attribute.value), "critical": attribute.critical}
            for name, attribute in envelope.extended.items()
        },
    }


def _certificates(certificates: Sequence[Certificate]) -> list[Json]:
    return [
        {
            "subject": safe(certificate.subject_text),
            "issuer": safe(certificate.issuer_text),
            "fingerprint": certificate.fingerprint,
            "not_before": iso(certificate.not_before),
            "not_after": iso(certificate.not_after),
        }
        for certificate in certificates
    ]


def _timestamp(token: TimestampToken) -> Json:
    return {
        "time": iso(token.info.gen_time),
        "accuracy_seconds": token.info.accuracy.total_seconds(),
        "policy": token.info.policy,
        "certificates": _certificates(token.certificates),
    }
