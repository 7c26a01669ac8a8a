"""Fetch: gets the evidence for the signatures of targets, into a trust directory or beside the images.

Evidence is checked by the rules of the verifier, so that it is usable on the disconnected side.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from airgap.collection.asking import PlaceAsker
from airgap.collection.chains import CollectedChains, merged_chains
from airgap.collection.collector import EvidenceCollector
from airgap.collection.coverage import EvidenceWritten, FetchOutcome
from airgap.collection.evidence_writer import EvidenceWriter
from airgap.collection.packing import count_evidence_files
from airgap.errors import AirgapError, UsageError
from airgap.moment import Moment
from airgap.net.artifacts import Artifacts, FetchedParts, RegistryArtifact, open_artifact
from airgap.net.credentials import Credentials
from airgap.net.evidence import EvidenceClient, EvidenceOptions
from airgap.net.options import TransportOptions
from airgap.net.registries import Registries
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.problems import ContentProblem
from airgap.oci.reference import LayoutReference, parse_layout_reference, parse_reference, registries_in
from airgap.oci.store import Store
from airgap.oci.target import Target, TargetOpener
from airgap.pki.certificate import Certificate
from airgap.problem import Problem
from airgap.scratch import scratch_folder
from airgap.signature.stamped_evidence import evidence_of_target
from airgap.text import safe
from airgap.transfer.attach import AttachableLayout, Attachment
from airgap.trust.directory import TrustDirectory
from airgap.trust.separation import check_apart

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
        # evidence that only the receiving site can prove is attached to images, but not kept in a trust directory
        now = Moment(judged=request.at, clock=request.at)
        collector = EvidenceCollector(root, trust, moment=now, unproven=request.directory is None)
        run = _Fetch(request, collector, registries)
        stack.enter_context(closing(run.targets))
        run.look()
        collector.take(request.offered)
        if request.download:
            downloads = stack.enter_context(EvidenceClient(evidence or EvidenceOptions()))
            PlaceAsker(collector.gatherer, downloads, pool).ask(collector.chains.to_check)
        collector.finish()
        pruned = run.prune() if request.prune else ()
        return run.outcome(pruned, run.write_evidence() if request.into is not None else ())


class _Fetch:
    """One call of `fetch`."""

    def __init__(self, request: FetchRequest, collector: EvidenceCollector, registries: Registries) -> None:
        self._request, self._collector, self._registries = request, collector, registries
        self._problems: list[Problem] = []
        self._certificates_of_into: frozenset[Certificate] = frozenset()
        """Those of the chains of `into`: evidence about them goes beside its images."""
        self.targets = TargetOpener(lambda target: self._offer_evidence(target.store, target.graph, target.store.name))
        """Open to the end: what they offer is read when it is asked for."""

    def look(self) -> None:
        """Walk the targets; evidence that is attached to their images is offered, too."""
        into = self._request.into
        collected: list[CollectedChains] = []
        for name in self._request.names:
            try:
                opened, roots = self._open(name)
                chains = self._collector.look(opened.store, opened.graph, roots)
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
        self._collector.chains = merged_chains(collected)

    def _open(self, name: str) -> tuple[Artifacts, list[Descriptor]]:
        reference = parse_reference(name)
        if isinstance(reference, LayoutReference):
            target = self.targets.open(name)
            return target, [root.descriptor for root in target.all_roots()]
        found = open_artifact(
            self._registries, reference, FetchedParts(envelopes=True, evidence=True, digest_tags=True)
        )
        self._offer_evidence(found.store, found.graph, safe(name))
        return found, [found.root.descriptor]

    def _offer_evidence(self, store: Store, graph: Graph, name: str) -> None:
        self._collector.offer(evidence_of_target(store, graph, name), name)

    def prune(self) -> tuple[str, ...]:
        """Removes superseded files; returns their names."""
        writer = EvidenceWriter(self._collector.root)
        to_check = self._collector.chains.to_check
        gone: list[str] = []
        for issuer in dict.fromkeys(issuer for item in to_check for issuer in item.issuers):
            gone += writer.prune(issuer)
        for item in to_check:
            if item.issuer is not None:
                gone += writer.prune_ocsp(item.certificate, item.issuer)
        return tuple(sorted(set(gone)))

    def write_evidence(self) -> tuple[EvidenceWritten, ...]:
        """Attach the evidence to each artifact of `into`, replacing older evidence artifacts."""
        written: list[EvidenceWritten] = []
        new: list[Attachment] = []
        drop: set[Digest] = set()
        reference = parse_layout_reference(self._request.into or "")
        with AttachableLayout(reference.path) as layout:
            target = Target(reference, layout.store, layout.graph)
            for root in target.roots():
                name = target.name(root)
                packed = self._collector.pack(target.store, target.graph, root.descriptor, name)
                if packed is None:
                    continue
                changed = bool(packed.superseded) or not packed.is_there
                if changed:
                    new.append(packed.attachment)
                    drop |= packed.superseded
                files = count_evidence_files(packed.attachment)
                digest = str(packed.attachment.manifest.digest)
                written.append(EvidenceWritten(reference=name, digest=digest, files=files, changed=changed))
            layout.attach(new, replaced=drop)
        return tuple(written)

    def outcome(self, pruned: tuple[str, ...], written: tuple[EvidenceWritten, ...]) -> FetchOutcome:
        """The outcome, judged with the evidence that is on disk now."""
        request = self._request
        found = self._collector.outcome(
            request.targets,
            # without a trust directory nothing is kept about what is not in `into`
            kept=None if request.directory is not None else self._certificates_of_into,
            written=written,
            problems=self._problems,
            required=request.required,
        )
        directory = safe(request.directory) if request.directory and request.directory.exists() else None
        return replace(found, directory=directory, pruned=pruned)


def _problems(opened: Artifacts, problems: Sequence[ContentProblem], name: str) -> list[Problem]:
    """What could not be read of a target, each once: the chains have most of it, with its place."""
    told = {problem.message for problem in problems}
    others = opened.problems if isinstance(opened, RegistryArtifact) else ()
    errors = [error for error in others if str(error) not in told]
    return [Problem.of(error, name) for error in (*errors, *(opened.located(problem).error() for problem in problems))]
