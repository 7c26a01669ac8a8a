"""The outcome of a verify, as rows of a ledger: one for each artifact, refused ones too.

The document beside a row is a report (`airgap.verify/1`) about the one artifact, without its certificates, which many
rows share. So a recheck reads it as it reads a report.
"""

from __future__ import annotations

import json as writer
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from airgap.errors import AirgapError, TrustMaterialError, UntrustedError
from airgap.hashing import fingerprint
from airgap.ledger.entries import Held, JudgedArtifact, NewRow, first_texts, imported
from airgap.ledger.streams import OF_STREAMS
from airgap.oci.digest import Digest
from airgap.parse.time import iso
from airgap.problem import Problem
from airgap.text import safe
from airgap.transfer.carried_bundles import CarriedBundle, bundle_of
from airgap.transfer.sources import path_of
from airgap.trust.separation import layout_paths
from airgap.trust.snapshots.state import State
from airgap.verdict import Verdict, all_of
from airgap.verifier.artifact_document import artifact_document, exact_strings, problem_document
from airgap.verifier.outcome import ArtifactOutcome, Outcome
from airgap.verifier.report_reader import SCHEMA

if TYPE_CHECKING:
    from airgap.transfer.copied import CopyResult
    from airgap.transfer.imported import ImportResult


def judgements(
    outcome: Outcome,
    *,
    operator: str,
    at: datetime | None = None,
    bundles: Iterable[CarriedBundle] = (),
    snapshot: str | None = None,
    exceptions: Mapping[Digest, tuple[str, ...]] | None = None,
    imported_as: ImportResult | None = None,
    begins: bool = False,
    begun: ImportResult | None = None,
) -> Iterator[NewRow]:
    """A record for each artifact of an outcome.

    `at`: when it is recorded; by default what the clock said when the run began. `bundles`: those of the media, beside
    those of the outcome, so that a row says in which one its artifact came. `snapshot`: `snapshot_in_force`.
    `exceptions`: those of the operator that were used, by artifact. `imported_as`: the import that the outcome is of;
    what it did not bring in is recorded as refused. `begins`: it puts its tags after this is recorded, and here is only
    what will get some. `begun`: what was recorded so; it is left out if it is there now.
    """
    bundles = (*bundles, *outcome.bundles)
    policy = outcome.trust.get("policy_digest")
    left_out = _LeftOut(imported_as) if imported_as else None
    earlier = _LeftOut(begun) if begun else None
    for artifact in outcome.artifacts:
        is_there = left_out is None or left_out.is_there(artifact)
        if (begins and not is_there) or (earlier and is_there and earlier.is_there(artifact)):
            continue
        problems = tuple(problem for problem in outcome.problems if _may_be_about(problem, artifact))
        if left_out is not None and not artifact.exit_code:
            problems += tuple(left_out.problem(artifact))
        ruling = all_of([artifact, *problems])
        reasons = (problem.reason for problem in (*artifact.because, *problems))
        document = writer.dumps(
            _document(outcome, artifact, problems), ensure_ascii=True, separators=(",", ":")
        ).encode()
        digest = artifact.descriptor.digest
        tags, more = first_texts(map(safe, artifact.tags))
        entry = JudgedArtifact(
            at=at or outcome.moment.clock,
            operator=safe(operator),
            attached=fingerprint(document),
            digest=digest,
            reference=artifact.reference,
            tags=tags,
            more_tags=more or None,
            scope=artifact.scope,
            verdict=ruling.verdict,
            exit_code=ruling.exit_code,
            reasons=tuple(dict.fromkeys(filter(None, reasons))),
            signers=first_texts(dict.fromkeys(_signers(artifact)))[0],
            target=safe(artifact.path or ""),
            bundle=bundle_of(bundles, artifact.path, digest),
            judged=outcome.moment.judged,
            policy=None if policy is None else str(policy),
            snapshot=snapshot,
            exceptions=(exceptions or {}).get(digest, ()),
            into=imported_as.registry if imported_as and begins else None,
        )
        yield NewRow(entry, document, tuple(dict.fromkeys(_certificates(artifact))))


def arrivals(
    copied: CopyResult, *, operator: str, at: datetime, bundles: Sequence[CarriedBundle] = ()
) -> Iterator[NewRow]:
    """A record for each artifact that has its names in a registry now: all that a receipt says is held there.

    Of an artifact that lost some of its referrers, only its own content is recorded: a later delta then brings more
    than it must, and never less.
    """
    for item in copied.artifacts:
        place = item.planned.wanted.destination if item.planned else None
        if item.planned is None or place is None or item.descriptor is None or item.status in {"failed", "planned"}:
            continue
        keys = item.planned.own if item.status == "partial" else item.planned.keys
        yield imported(
            at=at,
            operator=safe(operator),
            registry=place.registry,
            repository=place.repository,
            root=item.descriptor.digest,
            held=(Held(digest, size) for digest, _, size in keys),
            tags=item.tags,
            bundle=bundle_of(bundles, path_of(item.planned.wanted.source), item.descriptor.digest),
        )


def snapshot_in_force(trust: Path) -> str | None:
    """The trust snapshot that was applied last, `stream/number digest`.

    None where none was, or where the record of it cannot be read.
    """
    try:
        state = State.read(trust)
    except TrustMaterialError:
        return None
    return state.in_force if state else None


def _may_be_about(problem: Problem, artifact: ArtifactOutcome) -> bool:
    """Whether a problem of a run is about this artifact, as it is unless its target is clearly another one."""
    places = [] if problem.target is None else list(layout_paths([problem.target]))
    return not places or artifact.path is None or safe(artifact.path) in {safe(place.absolute()) for place in places}


class _LeftOut:
    """What an import judged to be good and did not bring in."""

    def __init__(self, result: ImportResult) -> None:
        self._result = result
        items = result.copied.artifacts if result.copied else ()
        judged = [(_key(item.judged), item) for item in items if item.judged]
        self._there = {key for key, item in judged if item.status != "failed"}
        self._errors = {key: item.error for key, item in judged if item.error}

    def is_there(self, artifact: ArtifactOutcome) -> bool:
        """Whether the artifact is in the registry."""
        return _key(artifact) in self._there

    def problem(self, artifact: ArtifactOutcome) -> Iterator[Problem]:
        """Why the artifact is not in the registry; nothing where it is."""
        if self.is_there(artifact):
            return
        error = self._errors.get(_key(artifact)) or self._result.error or AirgapError("it was not sent")
        # what another artifact was refused for is not said of this one
        is_of_another = isinstance(error, UntrustedError) and error.reason not in OF_STREAMS
        reason = None if is_of_another else error.reason
        yield Problem(message=f"not brought in: {error}", exit_code=error.exit_code, reason=reason)


def _key(artifact: ArtifactOutcome) -> tuple[str, Digest]:
    """By what an artifact is found in the result of an import: the reference names the medium, too."""
    return artifact.reference, artifact.descriptor.digest


def _document(outcome: Outcome, artifact: ArtifactOutcome, problems: Iterable[Problem]) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "time": {"judged": iso(outcome.moment.judged), "clock": iso(outcome.moment.clock)},
        "request": {"metadata": exact_strings(outcome.metadata), "max_signatures": outcome.max_signatures},
        "artifacts": [artifact_document(artifact)],
        "problems": [problem_document(problem) for problem in problems],
    }


def _signers(artifact: ArtifactOutcome) -> Iterator[str]:
    for signature in artifact.signatures:
        if signature.verdict is Verdict.PASS and signature.signer:
            yield signature.signer.subject


def _certificates(artifact: ArtifactOutcome) -> Iterator[bytes]:
    attached = (signature for referrer in artifact.referrers for signature in referrer.signatures)
    for signature in (*artifact.signatures, *attached):
        if signature.signer:
            yield from (item.der for item in (*signature.signer.chain, *signature.signer.timestamp_chain))
