"""Fetch: gets the evidence for the signatures of targets, into a trust directory or beside the images.

Evidence is checked by the rules of the verifier, so that it is usable on the disconnected side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from airgap.collection.asking import PlaceAsker
from airgap.collection.attempts import Attempt, AttemptResult
from airgap.collection.chains import CollectedChains, collect_chains, merged
from airgap.collection.coverage import EvidenceWritten, FetchOutcome, cover
from airgap.collection.evidence_writer import EvidenceWriter
from airgap.collection.gather import MALFORMED, UNNEEDED, Gatherer, may_revoke
from airgap.collection.offered_files import offered_files, order_of, pieces_of
from airgap.collection.packing import evidence_files, pack_evidence
from airgap.errors import AirgapError, FormatError, UsageError
from airgap.net.artifacts import Artifacts, FetchedParts, RegistryArtifact, open_artifact
from airgap.net.credentials import Credentials
from airgap.net.evidence import EvidenceClient, EvidenceOptions
from airgap.net.options import TransportOptions
from airgap.net.registries import Registries
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.manifest import Manifest
from airgap.oci.nodes import Root
from airgap.oci.problems import ContentProblem
from airgap.oci.reference import LayoutReference, parse_layout_reference, parse_reference, registries_in
from airgap.oci.store import Store
from airgap.oci.target import Target, TargetOpener
from airgap.pki.certificate import Certificate
from airgap.pki.chain import Anchors
from airgap.problem import Problem
from airgap.revocation.artifact import TargetEvidence, evidence_artifacts, find_evidence_beside
from airgap.revocation.combined import CombinedEvidence
from airgap.revocation.evidence_directory import CRLS, OCSP, EvidenceDirectory
from airgap.revocation.evidence_files import Evidence, EvidenceFile, UnreadableEvidence
from airgap.revocation.evidence_reader import holds_responders_alone
from airgap.revocation.freshness import Freshness
from airgap.revocation.pool import EvidencePool
from airgap.scratch import scratch_folder
from airgap.signature.stamped_evidence import evidence_of_target
from airgap.text import safe
from airgap.transfer.attach import AttachableLayout, Attachment
from airgap.trust.directory import TrustDirectory
from airgap.trust.separation import check_apart
from airgap.trust.store_types import StoreType

_THREADS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRequest:
    """Targets and destination of a fetch."""

    targets: Sequence[str]
    """References: layouts, tars, registries."""
    at: datetime
    """Now; aware."""
    directory: Path | None = None
    """The trust directory to keep evidence in; made if it does not exist."""
    into: str | None = None
    """A layout directory or tar to attach evidence to its images; it is also a target."""
    offered: Sequence[Path] = ()
    """Files and folders with evidence from other sources."""
    prune: bool = False
    """Remove generations whose entries are all in newer ones."""
    required: bool = False
    """Whether a gap is a failure."""
    download: bool = True
    """Whether to ask URLs; otherwise only evidence of `offered` and of the targets is used."""

    @property
    def names(self) -> tuple[str, ...]:
        """The targets, and `into` as one of them."""
        into = self.into
        return (*self.targets, *((into,) if into is not None and into not in self.targets else ()))


def fetch(
    request: FetchRequest,
    *,
    trust: TrustDirectory | None = None,
    transport: TransportOptions | None = None,
    credentials: Credentials | None = None,
    evidence: EvidenceOptions | None = None,
    executor: Executor | None = None,
) -> FetchOutcome:
    """Collect every certificate of every signature and timestamp, get its evidence, and keep what is proven.

    `trust`: the trust directory whose tsa stores complete the chains of timestamps, and whose evidence can condemn.
    `transport` and `credentials` are for targets in registries (by default as docker's configuration says); `evidence`
    is for the hosts of issuers, which get no credentials. Targets that cannot be read are problems of the outcome.
    Raises UsageError, TrustMaterialError (an index that cannot be read), WriteError, OSError.
    """
    if request.directory is None and request.into is None:
        raise UsageError("there is nowhere to put evidence", remedy="Name a trust directory with --trust, or --into.")
    for place in (request.directory, trust.path if trust is not None else None):
        if place is not None:
            check_apart(place, request.names)
    with ExitStack() as stack:
        root = request.directory or stack.enter_context(scratch_folder())
        pool = executor or stack.enter_context(ThreadPoolExecutor(_THREADS))
        meant = credentials and credentials.only_for(registries_in(request.names))
        registries = stack.enter_context(Registries(meant, transport))
        run = _Fetch(request, root, trust, registries)
        run.look()
        run.take_offered()
        if request.download:
            downloads = stack.enter_context(EvidenceClient(evidence or EvidenceOptions()))
            PlaceAsker(run.gatherer, downloads, pool).ask(run.chains.to_check)
        run.finish()
        pruned = run.prune() if request.prune else ()
        return run.outcome(pruned, run.write_evidence() if request.into is not None else ())


class _Fetch:
    """One call of `fetch`."""

    def __init__(self, request: FetchRequest, root: Path, trust: TrustDirectory | None, registries: Registries) -> None:
        self._request = request
        self._root = root
        self._trust = trust
        self._registries = registries
        self._problems: list[Problem] = []
        self._warnings: list[Problem] = []
        self._offered: list[tuple[str, bytes]] = []
        self._took: list[tuple[Attempt, EvidenceFile]] = []
        self._unread: list[UnreadableEvidence] = []
        self._certificates: list[EvidenceFile] = []
        """Files of targets, and offered ones, that may hold certificates of responders, which prove responses."""
        self._unreadable: tuple[str, ...] = ()
        self._certificates_of_into: frozenset[Certificate] = frozenset()
        """Those of the chains of `into`: evidence about them goes beside its images."""
        self._anchors = self._tsa_anchors(trust)
        self._stored = tuple(trust.stored()) if trust is not None else ()
        self.chains = merged(())
        self.gatherer = self._gatherer(())

    def _gatherer(self, offered: Sequence[EvidenceFile]) -> Gatherer:
        """Knows the responders of the offered evidence, too: a verifier finds them where the targets are."""
        bodies = [self._trust.evidence] if self._trust else []
        known = CombinedEvidence([*bodies, EvidencePool([*offered, *self._certificates], unread=())])
        # evidence that only the receiving site can prove is attached to images, but not kept in a trust directory
        unproven = self._request.directory is None
        return Gatherer(EvidenceWriter(self._root), known, self._stored, at=self._request.at, unproven=unproven)

    def _tsa_anchors(self, trust: TrustDirectory | None) -> Anchors:
        """The certificates of every tsa store: to complete chains any store may be used."""
        if trust is None:
            return Anchors.of({})
        loaded, notices = trust.all_stores(StoreType.TSA)
        self._warnings += notices.values()
        return Anchors.of({str(store.ref): store.certificates for store in loaded})

    # --- looking ---

    def look(self) -> None:
        """Walk the targets; evidence that is attached to their images is offered, too."""
        into = self._request.into
        collected: list[CollectedChains] = []
        targets = TargetOpener(lambda target: self._offer_evidence(target.store, target.graph, target.store.name))
        with closing(targets):
            for name in self._request.names:
                try:
                    opened, roots = self._open(targets, name)
                    chains = collect_chains(opened.store, opened.graph, roots, self._anchors, stored=self._stored)
                    if name == into:
                        for problem in chains.problems:  # evidence beside the images may not be the one that they need
                            raise problem.error()
                    self._problems += _problems(opened, chains.problems, name)
                    collected.append(chains)
                    if name == into:
                        self._certificates_of_into = frozenset(item.certificate for item in chains.to_check)
                except (AirgapError, OSError) as error:
                    if name == into:
                        raise
                    self._problems.append(Problem.of(error, name))
        self.chains = merged(collected)

    def _open(self, targets: TargetOpener, name: str) -> tuple[Artifacts, list[Descriptor]]:
        reference = parse_reference(name)
        if isinstance(reference, LayoutReference):
            target = targets.open(name)
            return target, [root.descriptor for root in target.all_roots()]
        found = open_artifact(
            self._registries, reference, FetchedParts(envelopes=True, evidence=True, digest_tags=True)
        )
        self._offer_evidence(found.store, found.graph, safe(name))
        return found, [found.root.descriptor]

    def _offer_evidence(self, store: Store, graph: Graph, name: str) -> None:
        beside = evidence_of_target(store, graph, name)
        for piece in beside.offered():
            try:
                self._offered.append((f"{name}: {piece.name}", piece.read()))
            except FormatError as error:
                self._warnings.append(Problem(message=f"{name}: {error}", reason="evidence.unusable"))
        self._warnings += beside.passed_over()
        self._unread += beside.beyond_bounds
        self._warnings += EvidencePool((), unread=beside.beyond_bounds).notices()
        self._certificates += beside.responder_files()

    # --- taking ---

    def take_offered(self) -> None:
        """Evidence from files: oldest first, so that generations follow each other; bases before deltas."""
        by_hand: set[str] = set()
        for path in self._request.offered:
            files = list(offered_files(path))
            if not files:
                self._warnings.append(
                    Problem(message=f"{safe(path)} holds no file that is named as evidence (*.crl, *.ors)")
                )
            for source, data in files:
                file = _offered_file(source, data)
                pool = EvidencePool([file], unread=())
                if pool.may_hold_makers:
                    self._certificates.append(file)
                if holds_responders_alone(data):
                    self._warnings += pool.notices()
                else:
                    self._offered.append((source, data))
                    by_hand.add(source)
        single = [(source, block) for source, data in self._offered for block in pieces_of(data)]
        self.gatherer = self._gatherer([_offered_file(source, data) for source, data in self._offered])
        for source, data in sorted(single, key=lambda item: order_of(item[1])):
            attempt = self.gatherer.take(data, source, self.chains.to_check)
            # a revocation that a person offers is judged as in the trust directory, whether or not it is proven
            trusted = source in by_hand and may_revoke(data, self.chains.to_check)
            self._took.append((attempt, replace(_offered_file(source, data), trusted=trusted)))
        self._offered.clear()
        malformed = [item.source for item, _ in self._took if item.reason in MALFORMED.values()]
        self._unreadable = tuple(dict.fromkeys(source for source in malformed if source in by_hand))

    def finish(self) -> None:
        """What could only be done when all had come: prove the rest, and take what is about delegated responders.

        Raises LimitError, TrustMaterialError, OSError.
        """
        kept = EvidenceDirectory.open(self._root)
        responders = tuple(dict.fromkeys(found for item in self.chains.to_check for found in item.responders(kept)))
        for number, (attempt, file) in enumerate(self._took):
            if responders and (attempt.kind, attempt.reason) == ("ocsp", UNNEEDED):
                self._took[number] = self.gatherer.take(file.read(), file.name, responders), file
        self.gatherer.finish()
        self._took = [(self.gatherer.latest(attempt), file) for attempt, file in self._took]

    def prune(self) -> tuple[str, ...]:
        """Removes superseded files; returns their names."""
        writer = EvidenceWriter(self._root)
        gone: list[str] = []
        for issuer in dict.fromkeys(issuer for item in self.chains.to_check for issuer in item.issuers):
            gone += writer.prune(issuer)
        for item in self.chains.to_check:
            if item.issuer is not None:
                gone += writer.prune_ocsp(item.certificate, item.issuer)
        return tuple(sorted(set(gone)))

    # --- evidence beside the images ---

    @property
    def _others(self) -> list[Evidence]:
        """If evidence is only attached to images, the trust directory is used for revocations only."""
        return [self._trust.evidence] if self._trust and not self._request.directory else []

    def _unkept(self) -> frozenset[Certificate]:
        """The certificates about which nothing is kept: without a trust directory all that are not of `into`."""
        if self._request.directory is not None:
            return frozenset()
        return frozenset(item.certificate for item in self.chains.to_check) - self._certificates_of_into

    def write_evidence(self) -> tuple[EvidenceWritten, ...]:
        """Attach the evidence to each artifact of `into`, replacing older evidence artifacts.

        What is not read would be lost: an evidence artifact that holds any stays beside the new one, and where there
        is more than is read, all stays as it is.
        """
        evidence = EvidenceDirectory.open(self._root)
        taken = [*(file for _, file in self._took), *self.gatherer.unproven_downloads(), *self._certificates]
        offered = CombinedEvidence([EvidencePool(taken, unread=()), *self._others])
        replaced = self._replaced(evidence)
        written: list[EvidenceWritten] = []
        new: list[Attachment] = []
        drop: set[Digest] = set()
        reference = parse_layout_reference(self._request.into or "")
        with AttachableLayout(reference.path) as layout:
            target = Target(reference, layout.store, layout.graph)
            for root in target.roots():
                artifact = self._artifact(target, root, evidence, offered, replaced)
                if artifact is None:
                    continue
                digest = artifact.manifest.digest
                old = dict(evidence_artifacts(target.graph, root.descriptor))
                superseded = {item for item, manifest in old.items() if item != digest and _is_read(target, manifest)}
                changed = bool(superseded) or digest not in old
                if changed:
                    new.append(artifact)
                    drop |= superseded
                name = target.name(root)
                written.append(
                    EvidenceWritten(reference=name, digest=str(digest), files=evidence_files(artifact), changed=changed)
                )
            layout.attach(new, replaced=drop)
        return tuple(written)

    def _replaced(self, evidence: EvidenceDirectory) -> Mapping[str, str]:
        """Of offered evidence that was proven and is not kept, with the newer evidence that is; by fingerprint."""
        kept = {f"{CRLS}/{file.name}": file.fingerprint for file in evidence.all_crls()}
        kept |= {f"{OCSP}/{file.name}": file.fingerprint for file in evidence.all_ocsp()}
        return {
            fingerprint: kept[attempt.file]
            for attempt, file in self._took
            if attempt.file in kept
            for fingerprint in EvidencePool([file], unread=()).fingerprints() - evidence.fingerprints()
        }

    def _artifact(
        self, target: Target, root: Root, evidence: EvidenceDirectory, offered: Evidence, replaced: Mapping[str, str]
    ) -> Attachment | None:
        chains = collect_chains(target.store, target.graph, [root.descriptor], self._anchors, stored=self._stored)
        beside = find_evidence_beside(target.store, target.graph, root.descriptor, target.name(root))
        if beside.beyond_bounds:
            return None
        return pack_evidence(
            root.descriptor,
            chains.to_check,
            evidence,
            beside,
            offered=offered,
            responders=self._stored,
            replaced=replaced,
        )

    def outcome(self, pruned: tuple[str, ...], written: tuple[EvidenceWritten, ...]) -> FetchOutcome:
        """The outcome, judged with the evidence that is on disk now."""
        request = self._request
        evidence = EvidenceDirectory.open(self._root)
        responders = [item for item in self.gatherer.responders if item not in set(self.chains.to_check)]
        # a verifier uses what is not kept where the targets are
        left = [file for attempt, file in self._took if attempt.outcome is AttemptResult.REFUSED]
        unproven = self.gatherer.unproven_downloads()
        refused = EvidencePool([*left, *unproven, *self._certificates], unread=self._unread)
        certificates = cover(
            self.chains.to_check,
            responders,
            evidence,
            self.gatherer,
            unkept=self._unkept(),
            known=CombinedEvidence([evidence, *self._others, refused]),
            stored=self._stored,
            freshness=self._trust.freshness if self._trust else Freshness(),
            at=request.at,
        )
        return FetchOutcome(
            at=request.at,
            targets=tuple(safe(name) for name in request.targets),
            directory=safe(request.directory) if request.directory and request.directory.exists() else None,
            signatures=len(self.chains.signatures),
            certificates=certificates,
            unread=self.chains.unread,
            offered=tuple(attempt for attempt, _ in self._took),
            unreadable=self._unreadable,
            pruned=pruned,
            written=written,
            problems=tuple(self._problems),
            warnings=(*self._warnings, *evidence.notices()),
            sources=dict(self.gatherer.sources),
            required=request.required,
        )


def _is_read(target: Target, artifact: Manifest) -> bool:
    """Whether all evidence in it is read, so that it is in the artifact that replaces it."""
    return not TargetEvidence(target.store, [artifact], "", layout=None).notices()


def _offered_file(source: str, data: bytes) -> EvidenceFile:
    return EvidenceFile(source, "offered evidence", partial(bytes, data))


def _problems(opened: Artifacts, problems: Sequence[ContentProblem], name: str) -> list[Problem]:
    """What could not be read of a target, each once: the chains have most of it, with its place."""
    told = {problem.message for problem in problems}
    others = opened.problems if isinstance(opened, RegistryArtifact) else ()
    errors = [error for error in others if str(error) not in told]
    return [Problem.of(error, name) for error in (*errors, *(opened.located(problem).error() for problem in problems))]
