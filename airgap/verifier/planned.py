"""What a copy will write, for the verifier to judge before it is written.

The manifests are those of the plan, in memory. Of blobs only those are held that a judgement of signatures reads:
envelopes, evidence and records. The copy hashes the others when it moves them.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from airgap import limits
from airgap.errors import AirgapError, ContentError, NotFoundError, UntrustedError
from airgap.oci.descriptor import ACQUISITION, ENVELOPE_TYPES, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.manifest import Index, Manifest, parse_layout_index
from airgap.oci.reference import LayoutReference
from airgap.oci.target import Target
from airgap.problem import Problem
from airgap.reasons import most_severe
from airgap.revocation.artifact import read_as_evidence
from airgap.signature.signature_manifest import is_signature
from airgap.transfer.endpoint import Entry, read_blob
from airgap.transfer.index_writer import index_document
from airgap.transfer.plan import CopyPlan, Key, Node, key_of
from airgap.transfer.sources import MemoryFile
from airgap.verifier.outcome import ArtifactOutcome

_NAME: Final = "the copy"
_NO_PATH: Final = ""
"""The path of no layout: evidence is found by the paths of layouts, and a source may have any name."""


class PlannedStore:
    """A `Store` of the content of a plan. Everything in it was compared with its digest.

    What is missing in its source or wrong there spoils only the artifacts that reach it.
    """

    name: Final = _NAME

    def __init__(self, plan: CopyPlan, entries: Sequence[Entry]) -> None:
        """Reads the small blobs from their sources. Raises AirgapError where a source cannot be reached."""
        self._index: Final = parse_layout_index(index_document(entries))
        self._nodes: Final[defaultdict[Digest, list[Node]]] = defaultdict(list)
        """Of one digest there may be several with other sizes and sources: one of them is right."""
        for node in plan.nodes.values():
            self._nodes[node.descriptor.digest].append(node)
        self._held: Final[dict[Digest, bytes]] = {}
        self._wrong: Final[dict[Digest, ContentError]] = {}
        self._tried: Final[set[Key]] = set()
        self._bytes = 0
        for node in plan.nodes.values():
            if node.manifest is not None:
                self._held[node.descriptor.digest] = node.manifest.raw
        for wanted in read_by_judgements(plan):
            self._hold(wanted.digest, limits.CRL_FILE_BYTES)

    def _hold(self, digest: Digest, limit: int) -> None:
        for node in self._nodes.get(digest, ()):
            key = key_of(node.descriptor)
            if digest not in self._held and key not in self._tried and node.descriptor.size <= limit:
                self._tried.add(key)
                self._read(node)

    def _read(self, node: Node) -> None:
        self._bytes += node.descriptor.size
        if self._bytes > limits.TARGET_EVIDENCE_BYTES:
            raise ContentError(
                "content.limit",
                f"the signatures and evidence to copy have more than {limits.TARGET_EVIDENCE_BYTES} bytes together",
                remedy="Copy in several runs, some artifacts at a time.",
            )
        digest = node.descriptor.digest
        for place in node.places():
            try:
                self._held[digest] = read_blob(place.source, place.descriptor)
            except ContentError as error:
                self._wrong.setdefault(digest, error)
            except NotFoundError as error:
                self._wrong.setdefault(digest, ContentError("content.missing", str(error), digest=str(digest)))
            else:
                return

    def index(self) -> Index:
        """See `Store`."""
        return self._index

    def size(self, digest: Digest) -> int | None:
        """See `Store`: also of blobs that are not held."""
        if digest in self._held:
            return len(self._held[digest])
        return next((node.descriptor.size for node in self._nodes.get(digest, ())), None)

    def open(self, digest: Digest) -> io.RawIOBase:
        """See `Store`. What was not foreseen is read from its source, if it is small: its first bytes prove nothing."""
        self._hold(digest, limits.CRL_FILE_BYTES)
        if digest in self._held:
            return MemoryFile(self._held[digest])
        if digest in self._wrong:
            raise self._wrong[digest].with_traceback(None)
        reason = "content.unreadable" if digest in self._nodes else "content.missing"
        raise ContentError(reason, f"{digest} is not read before it is copied", digest=str(digest))


def read_by_judgements(plan: CopyPlan) -> Iterator[Descriptor]:
    """Envelopes, evidence, records and configs; and artifacts of unknown types, which may hide a manifest."""
    for node in plan.nodes.values():
        manifest = node.manifest
        if isinstance(manifest, Manifest):
            whole = is_signature(manifest) or manifest.artifact_type == ACQUISITION
            for name, item in manifest.successors():
                if whole or name == "config" or item.media_type in ENVELOPE_TYPES:
                    yield item
            yield from read_as_evidence(manifest)
    yield from (artifact.wanted.descriptor for artifact in plan.artifacts)


def planned_target(plan: CopyPlan, names: Sequence[Sequence[str]]) -> Target:
    """The artifacts of a plan without errors, as a layout that holds nothing else. `names`: those of each in it.

    Raises AirgapError.
    """
    entries = tuple(
        entry
        for artifact, tags in zip(plan.artifacts, names, strict=True)
        for entry in replace(artifact, wanted=replace(artifact.wanted, tags=tuple(tags))).entries()
    )
    store = PlannedStore(plan, entries)
    return Target(LayoutReference(path=_NO_PATH), store, Graph(store))


def refusal(
    outcome: ArtifactOutcome, name: str, unread: Sequence[AirgapError] = (), *, why: str = ""
) -> UntrustedError:
    """Why an artifact that is called `name` is not copied. `unread`: what may refer to it, and why it is not read.

    `why`: what the outcome is about, where that is something else.
    """
    for problem in unread if outcome.unsigned else ():
        # the record of this copy says only that the copy went on without it
        return UntrustedError(
            f"{name} is not copied: the artifact has no signature here: what may be one cannot be read: {problem} "
            "[signature.left_behind]",
            exit_code=most_severe({outcome.exit_code, problem.exit_code}),
            reason="signature.left_behind",
            remedy=problem.remedy,
        )
    return untrusted(_first_problem(outcome), f"{name} is not copied: {why}", outcome.exit_code)


def untrusted(problem: Problem, prefix: str, exit_code: int) -> UntrustedError:
    """The error of a problem of a judgement."""
    reason = f" [{problem.reason}]" if problem.reason else ""
    return UntrustedError(
        f"{prefix}{problem.message}{reason}", exit_code=exit_code, reason=problem.reason, remedy=problem.remedy
    )


def _first_problem(outcome: ArtifactOutcome) -> Problem:
    if problem := outcome.unjudged or outcome.unsigned:
        return problem
    # of several signatures, one that is as bad as the artifact
    for signature in sorted(outcome.signatures, key=lambda item: outcome.exit_code not in item.exit_codes):
        for finding in signature.findings:
            if finding.blocks:
                message = f"{finding.check.value}: {finding.message}"
                return Problem(message=message, reason=finding.reason, remedy=finding.shown_remedy)
    for wrong in outcome.content.problems if outcome.content else ():
        return wrong.as_problem(outcome.reference)
    return Problem(message=f"it is judged {outcome.verdict.value}")
