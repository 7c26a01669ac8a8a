"""Create a bundle: acquire, collect evidence, judge, and write all of it once, with a document of what is in it.

It is a copy (`airgap.stages.copy`). Evidence is added to it before it is judged, and the bundle's artifact before it is
written. So nothing is written where a signature, evidence or a platform is missing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airgap.bundle.bundle_document import BUNDLE_TYPE
from airgap.bundle.bundle_maker import BundleMaker, MadeBundle
from airgap.bundle.created_bundle import BundleResult
from airgap.bundle.delta import KnownHeld, carried_part
from airgap.bundle.manifest_images import ManifestImages
from airgap.collection.asking import PlaceAsker
from airgap.collection.collector import EvidenceCollector
from airgap.collection.coverage import FetchOutcome, Status
from airgap.errors import AirgapError, UnsignedError, UntrustedError, UsageError
from airgap.moment import Moment
from airgap.net.evidence import EvidenceClient, EvidenceOptions
from airgap.oci.descriptor import ACQUISITION
from airgap.oci.digest import Digest
from airgap.oci.images import is_attestation
from airgap.oci.open import Layout
from airgap.revocation.artifact import EVIDENCE_TYPE
from airgap.revocation.evidence_directory import CRLS, OCSP
from airgap.revocation.target_evidence import TargetEvidence
from airgap.scratch import scratch_folder
from airgap.signature.attachment import signature_attachment
from airgap.signature.formats import EnvelopeFormat
from airgap.signature.produce import Draft, encode_payload
from airgap.signature.sealing import seal
from airgap.signature.stamped_evidence import evidence_of_target
from airgap.stages.bundle_request import BundleRequest, BundleSigning
from airgap.stages.copy import copy_packed
from airgap.stages.copy_request import CopyServices
from airgap.stages.delta_base import read_known
from airgap.stages.held_layers import check_nothing_left_out
from airgap.text import safe, some
from airgap.transfer.attach import Attachment
from airgap.transfer.copied import CopiedArtifact, CopyResult
from airgap.transfer.events import Progress, silent
from airgap.transfer.plan import CopyPlan, PlannedArtifact
from airgap.transfer.plan_attachments import Addition
from airgap.transfer.platforms import is_any_of
from airgap.trust.directory import TrustDirectory
from airgap.trust.location import Location
from airgap.verifier.planned import planned_target

if TYPE_CHECKING:
    from airgap.net.credentials import Credentials
    from airgap.net.options import TransportOptions
    from airgap.oci.lookup import Mechanism
    from airgap.verifier.outcome import Outcome

_THREADS: Final = 8
"""URLs that are asked at a time."""


def create_bundle(
    request: BundleRequest,
    trust: TrustDirectory | Location | Path | None,
    *,
    transport: TransportOptions | None = None,
    credentials: Credentials | None = None,
    mechanism: Mechanism | None = None,
    evidence: EvidenceOptions | None = None,
    executor: Executor | None = None,
    progress: Progress = silent,
) -> BundleResult:
    """Put artifacts, everything attached to them and the evidence about their signers into a new layout or tar.

    `trust` is what judges them here, before anything is written; None judges nothing, and demands signatures only. What
    is in its crls/ and ocsp/ is offered as evidence. `transport`, `credentials` and `mechanism` are for registries,
    `evidence` is for the hosts of issuers.

    Whatever ends it is the `error` of the result. Raises UsageError, TrustMaterialError; and what reading the receipts
    and bundles of `since` raises.
    """
    known = read_known(request.since)
    if known is not None and not (request.sources or request.lists or request.manifests):
        request = replace(request, sources=known.wanted)
    found = ManifestImages.of(request.manifests)
    copying = request.copying(trust, found)
    directory = TrustDirectory.open(trust) if isinstance(trust, Location | Path) else trust
    with ExitStack() as stack:
        packer = _Packer(request, directory, evidence, stack, known)
        copied: CopyResult | None = None
        error: AirgapError | None = None
        try:
            services = CopyServices(
                transport=transport,
                credentials=credentials,
                mechanism=mechanism,
                executor=executor,
                progress=progress,
                judged=packer.take_verdicts,
            )
            copied = copy_packed(replace(copying, trust=directory), services, packer)
        except UsageError:
            raise
        except AirgapError as raised:
            error = raised
            if isinstance(error, UnsignedError):
                error.remedy = "Ask its publisher for a signature, or take it without one: --allow-unsigned."
    made = packer.made
    return BundleResult(
        destination=safe(request.destination),
        dry_run=request.dry_run,
        document=made.document if made else None,
        descriptor=made.manifest if made else None,
        outcome=packer.outcome,
        fetched=packer.fetched,
        copied=copied and replace(copied, artifacts=tuple(filter(_is_carried, copied.artifacts))),
        tolerated=copying.tolerated,
        signed=request.signing is not None,
        found=found,
        error=error,
    )


def _is_carried(item: CopiedArtifact) -> bool:
    """Whether it is not the bundle's own artifact."""
    return item.planned is None or not item.planned.wanted.is_bundle


class _Packer:
    """Collects the evidence, and makes the bundle's artifact."""

    def __init__(
        self,
        request: BundleRequest,
        trust: TrustDirectory | None,
        evidence: EvidenceOptions | None,
        stack: ExitStack,
        known: KnownHeld | None,
    ) -> None:
        self._request, self._trust, self._known = request, trust, known
        self._evidence_options, self._stack = evidence, stack
        self.outcome: Outcome | None = None
        self.fetched: FetchOutcome | None = None
        self.made: MadeBundle | None = None
        self._maker: Final = BundleMaker(self._use_by)
        self._signatures: Final[dict[Digest, Attachment]] = {}

    def take_verdicts(self, outcome: Outcome) -> None:
        """The judgement of everything, the first time that it is known."""
        self.outcome = outcome

    # --- before it is judged ---

    def gather(self, plan: CopyPlan, evidence: Sequence[TargetEvidence]) -> CopyPlan:
        """The plan with the evidence about all signers. Raises NotFoundError, ContentError, AirgapError."""
        self._check_platforms(plan)
        root = self._stack.enter_context(scratch_folder())
        clock = self._request.clock
        moment = Moment(judged=self._request.judged_for or clock, clock=clock)
        collector = EvidenceCollector(root, self._trust, moment=moment, unproven=True)
        target = planned_target(plan, [() for _ in plan.artifacts])
        chains = collector.look(target.store, target.graph, [item.wanted.descriptor for item in plan.artifacts])
        for problem in chains.problems:  # the evidence here may not be what it needs
            raise problem.error()
        collector.chains = chains
        for held in (*evidence, evidence_of_target(target.store, target.graph, "the sources")):
            collector.offer(held, "the sources")
        collector.take([*self._request.offered, *self._own_evidence()])
        if self._request.download:
            with (
                EvidenceClient(self._evidence_options or EvidenceOptions()) as downloads,
                ThreadPoolExecutor(_THREADS) as pool,
            ):
                PlaceAsker(collector.gatherer, downloads, pool).ask(chains.to_check)
        collector.finish()

        def packed(item: PlannedArtifact) -> tuple[Sequence[Attachment], Collection[Digest]]:
            name, descriptor = item.wanted.reference, item.wanted.descriptor
            found = collector.pack(target.store, target.graph, descriptor, name)
            return ([found.attachment], found.superseded) if found else ((), ())

        addition = Addition(plan)
        addition.attach(packed)
        names = [item.wanted.reference for item in plan.artifacts]
        self.fetched = collector.outcome(names, kept=None, required=not self._request.allow_incomplete)
        return addition.plan

    def _own_evidence(self) -> list[Path]:
        """What is in the trust directory: a site that gets the bundle may not have it."""
        folders = [self._trust.path / name for name in (CRLS, OCSP)] if self._trust else []
        return [folder for folder in folders if folder.is_dir() and any(folder.iterdir())]

    def _check_platforms(self, plan: CopyPlan) -> None:
        if self._request.allow_missing_platforms:
            return
        filters = self._request.selection.platforms
        for item in plan.artifacts:
            missing = [
                str(entry.platform)
                for entry in item.left_out
                if entry.platform is not None and not is_attestation(entry)
                if not filters or is_any_of(filters, entry.platform)
            ]
            if missing:
                raise UntrustedError(
                    f"{item.wanted.reference} lists platforms that its source does not have: {some(missing, 5)}",
                    reason="bundle.platform",
                )

    # --- after it was judged ---

    def check(self) -> None:
        """Raises UntrustedError where a signer is revoked that nothing judged, or evidence is missing."""
        fetched = self.fetched
        if fetched is None:
            return
        if self.outcome is None and fetched.is_revoked:
            revoked = [item.subject for item in fetched.certificates if item.status is Status.REVOKED]
            raise UntrustedError(
                f"nothing is written: by the evidence, a certificate is revoked: {some(revoked, 3)}",
                reason="revocation.revoked",
            )
        if fetched.misses_something and not self._request.allow_incomplete:
            gaps = [item.subject for item in fetched.certificates if item.is_gap or item.unanswered]
            about = f" about {some(gaps, 3)}" if gaps else ""
            raise UntrustedError(f"nothing is written: evidence{about} is missing", reason="bundle.incomplete")

    def _use_by(self, item: PlannedArtifact) -> datetime | None:
        if self.outcome is None:
            return None
        found = [one for one in self.outcome.artifacts if one.descriptor.digest == item.wanted.descriptor.digest]
        first = replace(self.outcome, artifacts=tuple(found)).expires_first
        return first[0] if first else None

    def pack(self, plan: CopyPlan, layout: Layout | None) -> tuple[CopyPlan, frozenset[Digest]]:
        """The plan with the bundle's artifact and its signature, and what that replaces in an interrupted one."""
        request = self._request
        left_out = self._known.left_out(plan) if self._known else frozenset()
        made = self._maker.make(
            plan,
            created=request.at,
            stream=request.stream,
            number=request.number,
            base=self._known.base(left_out) if self._known else None,
        )
        self.made = made
        carried = carried_part(plan, left_out)
        check_nothing_left_out(carried, request.destination)
        addition = Addition(carried)
        addition.add(made.manifest, made.raw, made.blobs)
        if request.signing is not None:
            signature = self._signatures.get(made.manifest.digest) or _signed(made, request.signing, request.clock)
            self._signatures[made.manifest.digest] = signature
            about = made.manifest.digest
            addition.attach(lambda item: ([signature], ()) if item.wanted.descriptor.digest == about else ((), ()))
        return addition.plan, self._replaced(addition.plan, layout) if layout else frozenset()

    def _replaced(self, plan: CopyPlan, layout: Layout) -> frozenset[Digest]:
        """What an earlier run listed in the same folder: lists, records and evidence. Raises UsageError for more."""
        planned = {node.descriptor.digest for node in plan.nodes.values()}
        others = [item for item in layout.index().manifests if item.digest not in planned]
        ours = {ACQUISITION, EVIDENCE_TYPE, BUNDLE_TYPE}
        for item in others:
            if item.artifact_type not in ours:
                raise UsageError(
                    f"{safe(self._request.destination)} holds what is not in this bundle: {item.digest}",
                    remedy="Choose a new folder, or a new .tar.",
                )
        return frozenset(item.digest for item in others)


def _signed(made: MadeBundle, signing: BundleSigning, now: datetime) -> Attachment:
    """A signature of the bundle's artifact. Raises SigningError, and what signer and timestamper raise."""
    draft = Draft(
        payload=encode_payload(made.manifest, {}),
        signing_time=now,
        expiry=now + signing.lifetime if signing.lifetime else None,
    )
    media_type = EnvelopeFormat(signing.envelope).media_type
    sealed = seal(draft, signing.signer, media_type=media_type, timestamper=signing.timestamper)
    return signature_attachment(sealed, made.manifest)
