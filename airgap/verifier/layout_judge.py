"""Judges the artifacts of one open layout: policy, signatures, content, and what is attached."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from airgap import limits
from airgap.errors import ContentError, Rejected
from airgap.oci.closure import Closure
from airgap.oci.content import ContentChecker, ContentReport, HeldElsewhere, nothing_held
from airgap.oci.content_mode import Content
from airgap.oci.descriptor import ACQUISITION, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.manifest import Manifest
from airgap.oci.nodes import Referrer, Root, reported_elsewhere
from airgap.oci.problems import ContentProblem
from airgap.oci.store import unreadable
from airgap.oci.target import Target
from airgap.problem import Problem
from airgap.revocation.artifact import read_as_evidence
from airgap.signature.signature_manifest import is_signature
from airgap.text import safe
from airgap.trust.choice import Named, choose_statement, name_artifact
from airgap.trust.policy import OciPolicy
from airgap.trust.statement import Statement
from airgap.verifier.candidate import candidate_of
from airgap.verifier.engine import SignatureVerifier
from airgap.verifier.nearby import NearbySignatureFinder, NearbySignatures, foreign_kind
from airgap.verifier.outcome import AppliedPolicy, ArtifactOutcome, ReferrerOutcome, SignatureOutcome
from airgap.verifier.request import VerifyRequest

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from airgap.oci.record import Record
    from airgap.verifier.layout_evidence import LayoutEvidence
    from airgap.verifier.recorded import LostEvidence, RecordedSignatures

Contents = Callable[[Descriptor], ContentReport | None]
"""The result for the content of an artifact."""


class Earlier(NamedTuple):
    """What `recheck` knows from an earlier judgement and from other layouts."""

    typed: str | None = None
    """The full name that was typed as the tag, if targets name the artifact by digest."""
    recorded: Mapping[Digest, RecordedSignatures] = MappingProxyType({})
    """What the report says of signatures, by artifact: what is lost since is not forgotten.

    That is the result of a plugin that may not be run now, and evidence that was in the layout.
    """
    tagged: Mapping[Digest, tuple[str, Descriptor]] = MappingProxyType({})
    """The tags under which artifacts were judged, and their descriptors: several entries may have one digest."""
    layout_evidence: LayoutEvidence | None = None
    """The evidence in open layouts, used for all targets; None to read it from the layouts of the targets."""
    lost_elsewhere: tuple[LostEvidence, ...] = ()
    """What reports about other layouts hold of evidence that may be gone with them."""


class LayoutJudge:
    """Judges the artifacts of one open layout. What several of them share is read and judged once."""

    def __init__(
        self,
        target: Target,
        request: VerifyRequest,
        policy: OciPolicy,
        verifier: SignatureVerifier,
        pool: Callable[[], Executor],
        damaged: Callable[[], Container[Digest]],
        held: Callable[[], HeldElsewhere] = nothing_held,
    ) -> None:
        """`pool`: makes the threads that hash, if there is enough to hash.

        `damaged`: evidence of the layout that could not be read, by now. `held`: what it says is held elsewhere.
        """
        self._damaged: Final = damaged
        self._store, self._graph = target.store, target.graph
        self._request, self._policy, self._verifier = request, policy, verifier
        self.held: Final = held
        self._checker: Final = ContentChecker(target.store, pool, held)
        self._nearby: Final = NearbySignatureFinder(target.graph)
        self._judged: Final[dict[Descriptor, tuple[Statement, ReferrerOutcome]]] = {}
        """The judged attachments, with the last applied statement."""

    @property
    def read(self) -> int:
        """Bytes of content that were read so far and are good."""
        return self._checker.read

    def artifact(self, target: Target, root: Root, content: Contents, earlier: Earlier) -> ArtifactOutcome:
        """The outcome of one artifact of this layout; its content is hashed while its signatures are judged."""
        policy: AppliedPolicy | None = None
        unjudged: Problem | None = None
        signatures: tuple[SignatureOutcome, ...] = ()
        referrers: tuple[ReferrerOutcome, ...] = ()
        warnings: list[str] = []
        records = _records(target, root.descriptor)
        aliases = tuple(dict.fromkeys((*root.aliases, *target.graph.docker_names(root))))
        named = Named(scope=None, origin=None)
        try:
            named = self._named(target, root, aliases, records, earlier)
            warnings += [named.note] if named.note else []
            chosen = choose_statement(self._policy, named)
            warnings += [chosen.note] if chosen.note else []
            statement = chosen.statement
            policy = AppliedPolicy.of(statement)
            if statement.skip:
                unjudged = Problem.of_reason("policy.skip", f"the statement {safe(statement.name)!r} has level skip")
            else:
                signatures, more = self._signatures(root.descriptor, statement, self._request.metadata, earlier)
                warnings += [more] if more else []
                referrers = tuple(self._referrers(root.descriptor, statement, earlier, warnings))
        except Rejected as error:
            unjudged = Problem.of_reason(error.reason, str(error))
        record = next((found for found in records if found.name == named.scope), records[0] if records else None)
        return ArtifactOutcome(
            reference=target.name(root),
            path=str(Path(target.reference.path).absolute()),
            descriptor=root.descriptor,
            tags=root.tags,
            aliases=aliases,
            scope=named.scope,
            scope_origin=named.origin,
            beside=named.beside,
            record=record,
            left_behind=_left_behind(target, root.descriptor, record, records, warnings),
            policy=policy,
            unjudged=unjudged,
            content=content(root.descriptor),
            signatures=signatures,
            referrers=referrers,
            warnings=tuple(warnings),
            near=NearbySignatures() if signatures or unjudged else self._nearby.of(root.descriptor, _shown(root)),
        )

    def _named(
        self, target: Target, root: Root, aliases: tuple[str, ...], records: Sequence[Record], earlier: Earlier
    ) -> Named:
        """The repository that the artifact is from, as far as it is known. Raises Rejected."""
        return name_artifact(
            scope=self._request.scope,
            typed=earlier.typed or target.reference.tag,
            called=root.called,
            entries=target.graph.entry_names(root),
            loaded=target.graph.docker_names(root),
            tags=(*root.tags, *aliases),
            recorded=[record.name for record in records],
        )

    def contents(self, target: Target, roots: Iterable[Root]) -> Contents:
        """Starts to check the content of `roots`, so that it is hashed while signatures are judged."""
        mode, checker, graph = self._request.content, self._checker, target.graph
        closures = {}
        for root in roots:
            if mode == Content.NONE:
                closures[root.descriptor] = target.graph.surface(root.descriptor)
                continue
            records = _records(target, root.descriptor)
            absent = records[0].declared_absent() if records else frozenset[Digest]()
            closures[root.descriptor] = target.graph.closure(root.descriptor, declared_absent=absent)
        checker.prepare(closures.values(), mode=mode)

        def report(descriptor: Descriptor) -> ContentReport:
            closure = closures[descriptor]
            if mode == Content.MANIFESTS:
                return self._and_damaged(check_judged(checker, graph, closure), closure)
            return self._and_damaged(checker.check(closure, mode=mode), closure)

        return report

    def _and_damaged(self, report: ContentReport, closure: Closure) -> ContentReport:
        """A failing medium gives good bytes one time, and others the next: the judgement may have read the others."""
        damaged, known = self._damaged(), {item.descriptor.digest for item in report.problems if item.descriptor}
        more = tuple(
            ContentProblem.of(_unsteady(reached.descriptor.digest), reached.descriptor, reached.path)
            for reached in closure.reached
            if reached.descriptor.digest in damaged and reached.descriptor.digest not in known
        )
        return report._replace(verdict="fail", problems=(*report.problems, *more)) if more else report

    def _signatures(
        self, subject: Descriptor, statement: Statement, demanded: Mapping[str, str], earlier: Earlier
    ) -> tuple[tuple[SignatureOutcome, ...], str]:
        """Every signature of `subject`, in digest order, judged; all of them, also after a good one (VERIFY-6, D27).

        And a warning where there are too many.
        """
        referrers = self._graph.referrers(subject).readable(reported_elsewhere)
        found = [referrer for referrer in referrers if is_signature(referrer.manifest)]
        limit, recorded = self._request.max_signatures, earlier.recorded.get(subject.digest)
        judged = self._verifier.judge_all(
            (
                candidate_of(self._store, referrer, subject, recorded, earlier.lost_elsewhere)
                for referrer in found[:limit]
            ),
            target=subject,
            statement=statement,
            metadata=demanded,
        )
        more = f"{len(found)} signatures are attached; only the first {limit} were judged"
        return judged, more if len(found) > limit else ""

    def _referrers(
        self, artifact: Descriptor, statement: Statement, earlier: Earlier, warnings: list[str]
    ) -> Iterator[ReferrerOutcome]:
        """The referrers that are no signatures, with the results of their own signatures; each once.

        Also those of the images in an index: the SBOM of a platform is attached to the image of it.
        """
        seen: set[Digest] = set()
        queue: deque[tuple[Descriptor, Referrer | None]] = deque([(artifact, None)])
        while queue:
            descriptor, attached = queue.popleft()
            if not self._graph.spend():
                warnings.append("more artifacts are attached than were judged")
                return
            if descriptor.digest in seen:
                continue
            seen.add(descriptor.digest)
            if attached is not None:
                yield self._attached(attached, statement, earlier)
            queue.extend((child, None) for child in self._graph.children(descriptor))
            for referrer in self._graph.referrers(descriptor).readable(reported_elsewhere):
                if not is_signature(referrer.manifest) and referrer.artifact_type != ACQUISITION:
                    queue.append((referrer.descriptor, referrer))

    def _attached(self, referrer: Referrer, statement: Statement, earlier: Earlier) -> ReferrerOutcome:
        """Judged once, also if cosign tags attach it to many artifacts. Metadata is demanded of the artifact alone."""
        attached = referrer.descriptor
        known = self._judged.get(attached)
        if known is not None and known[0] == statement:
            return known[1]
        signatures, _ = self._signatures(attached, statement, {}, earlier)
        outcome = ReferrerOutcome(
            descriptor=attached,
            artifact_type=referrer.artifact_type,
            signatures=signatures,
            foreign=foreign_kind(referrer),
            shown_type=referrer.shown_type,
        )
        self._judged[attached] = (statement, outcome)
        return outcome


def _unsteady(digest: Digest) -> ContentError:
    return unreadable(digest, "could not be read before, when it was judged")


def check_judged(checker: ContentChecker, graph: Graph, closure: Closure) -> ContentReport:
    """The report on all that a judgement reads: manifests, configs, envelopes and evidence."""
    return checker.check(closure, mode=Content.MANIFESTS, also=evidence_reached(graph, closure))


def evidence_reached(graph: Graph, closure: Closure) -> frozenset[Digest]:
    """What a closure reaches and a judgement reads as evidence; what is too large for that is reported there."""
    manifests = (graph.manifest(reached.descriptor) for reached in closure.reached if reached.parsed)
    return frozenset(
        item.digest
        for manifest in manifests
        if isinstance(manifest, Manifest)
        for item in read_as_evidence(manifest)
        if item.size <= limits.CRL_FILE_BYTES
    )


def judged_roots(target: Target, earlier: Earlier) -> tuple[Root, ...]:
    """The artifacts to judge; unreadable ones of a whole layout are reported entry by entry and do not raise."""
    graph = target.graph
    if target.reference.digest and (tagged := earlier.tagged.get(target.reference.digest)):
        return (graph.resolve_judged(*tagged),)
    return graph.roots() if target.is_whole and (graph.problems or graph.names_unread) else target.roots()


def _shown(root: Root) -> str:
    """The name of an artifact in messages."""
    name = root.called or next(iter((*root.tags, *root.aliases)), None)
    return safe(name, limit=160) if name else str(root.descriptor.digest)


def _left_behind(
    target: Target, descriptor: Descriptor, record: Record | None, records: Sequence[Record], warnings: list[str]
) -> str | None:
    """Why the signature may be missing here; warns about other lost referrers.

    `record`: the one that counts for this judgement. Each of `records` says what came along into this layout.
    """
    unread: list[ContentProblem] = []
    here = _here(target, descriptor, unread.append)
    if unread:
        return f"what may be one cannot be read ({unread[0].path})"
    if record is None:
        return None
    from airgap.oci.record import some_referrers

    below = target.graph.digests
    lost = {item.digest: item for each in records for item in (*each.lost(here), *each.lost_below(below))}
    if lost:
        warnings.append(
            f"it was copied with {some_referrers(lost.values())}, by its acquisition record; that is not here now"
        )
    return record.left_behind(here) or next(filter(None, (each.lost_signature(here) for each in records)), None)


def _here(target: Target, descriptor: Descriptor, report: Callable[[ContentProblem], object]) -> frozenset[Digest]:
    """The digests of the referrers of an artifact in the layout, without acquisition records."""
    referrers = target.graph.referrers(descriptor).readable(report)
    return frozenset(item.descriptor.digest for item in referrers if item.artifact_type != ACQUISITION)


def _records(target: Target, descriptor: Descriptor) -> tuple[Record, ...]:
    """The acquisition records about an artifact, the newest first."""
    referrers = target.graph.referrers(descriptor).readable(reported_elsewhere)
    if all(referrer.artifact_type != ACQUISITION for referrer in referrers):
        return ()
    from airgap.oci.record import find_records

    return tuple(found.record for found in find_records(target.store, target.graph, descriptor, reported_elsewhere))
