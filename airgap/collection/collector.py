"""Collects the evidence for the signatures of open targets: what is beside images, what is offered, what was asked for.

Evidence is checked by the rules of the verifier, so that it is usable on the disconnected side. The caller opens the
targets, lets places be asked (`airgap.collection.asking`), and says where the evidence goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Final, NamedTuple

from airgap.collection.attempts import Attempt, AttemptResult
from airgap.collection.chains import CollectedChains, collect_chains, merged_chains
from airgap.collection.coverage import CertificateCoverage, EvidenceWritten, FetchOutcome, coverage_of
from airgap.collection.evidence_writer import EvidenceWriter
from airgap.collection.gather import MALFORMED, UNNEEDED, Gatherer, may_revoke
from airgap.collection.offered_files import offered_files, order_of, pieces_of
from airgap.collection.packing import pack_evidence
from airgap.errors import FormatError
from airgap.moment import Moment
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.manifest import Manifest
from airgap.oci.store import Store
from airgap.pki.certificate import Certificate
from airgap.pki.chain import Anchors
from airgap.problem import Problem
from airgap.revocation.artifact import evidence_artifacts
from airgap.revocation.combined import CombinedEvidence
from airgap.revocation.evidence_directory import CRLS, OCSP, EvidenceDirectory
from airgap.revocation.evidence_files import Evidence, EvidenceFile, UnreadableEvidence
from airgap.revocation.evidence_reader import holds_responders_alone
from airgap.revocation.freshness import Freshness
from airgap.revocation.known_certificates import KnownCertificates
from airgap.revocation.pool import EvidencePool
from airgap.revocation.target_evidence import TargetEvidence, find_evidence_beside
from airgap.text import safe
from airgap.transfer.attach import Attachment
from airgap.trust.directory import TrustDirectory
from airgap.trust.store_types import StoreType


class PackedEvidence(NamedTuple):
    """The evidence to attach to an artifact."""

    attachment: Attachment
    superseded: frozenset[Digest]
    """The evidence artifacts that it replaces."""
    is_there: bool
    """Whether the artifact has exactly this one already."""


class EvidenceCollector:
    """One collection of evidence: `look`, `take`, ask places, `finish`; then `pack` and `outcome`."""

    def __init__(self, root: Path, trust: TrustDirectory | None, *, moment: Moment, unproven: bool) -> None:
        """Evidence is kept in `root`, and judged for `moment`; `unproven`: also what only the receiving site can prove.

        `trust`: the trust directory whose tsa stores complete the chains of timestamps, and whose evidence can condemn.
        """
        self.root: Final = root
        self._trust: Final = trust
        self._moment: Final = moment
        self._unproven: Final = unproven
        self.warnings: Final[list[Problem]] = []
        self.chains = merged_chains(())
        self._offered: Final[list[tuple[str, bytes]]] = []
        self._took: Final[list[tuple[Attempt, EvidenceFile]]] = []
        self._unread: Final[list[UnreadableEvidence]] = []
        self._certificates: Final[list[EvidenceFile]] = []
        """Files of targets, and offered ones, that may hold certificates of responders, which prove responses."""
        self._signers: Final[dict[Certificate, None]] = {}
        """The certificates in the signatures of targets."""
        self._unreadable: tuple[str, ...] = ()
        self._anchors: Final = self._tsa_anchors(trust)
        self._stored: Final = tuple(trust.stored()) if trust is not None else ()
        self.gatherer = self._gatherer(())

    def _gatherer(self, offered: Sequence[EvidenceFile]) -> Gatherer:
        """Knows the responders of the offered evidence, too: a verifier finds them where the targets are."""
        bodies = [self._trust.evidence] if self._trust else []
        known = CombinedEvidence([*bodies, self._pool([*offered, *self._certificates])])
        return Gatherer(EvidenceWriter(self.root), known, self._stored, at=self._moment.clock, unproven=self._unproven)

    def _pool(self, files: Sequence[EvidenceFile], unread: Sequence[UnreadableEvidence] = ()) -> EvidencePool:
        """These, and the certificates in the signatures of the targets: what these prove, a verifier knows, too."""
        return EvidencePool(files, unread=unread, signers=tuple(self._signers))

    def _tsa_anchors(self, trust: TrustDirectory | None) -> Anchors:
        """The certificates of every tsa store: to complete chains any store may be used."""
        if trust is None:
            return Anchors.of({})
        loaded, notices = trust.all_stores(StoreType.TSA)
        self.warnings.extend(notices.values())
        return Anchors.of({str(store.ref): store.certificates for store in loaded})

    # --- looking ---

    def look(self, store: Store, graph: Graph, roots: Iterable[Descriptor]) -> CollectedChains:
        """The chains of the signatures of `roots`; evidence is collected for those in `chains`."""
        bodies = [self._trust.evidence] if self._trust else []
        known = KnownCertificates(lambda: self._stored, CombinedEvidence([*bodies, self._pool(())]))
        return collect_chains(store, graph, roots, self._anchors, known=known)

    def offer(self, beside: TargetEvidence, name: str) -> None:
        """Offer the evidence that a target holds; of what it can be for, `take` decides."""
        for piece in beside.offered():
            try:
                self._offered.append((f"{name}: {piece.name}", piece.read()))
            except FormatError as error:
                self.warnings.append(Problem(message=f"{name}: {error}", reason="evidence.unusable"))
        self.warnings.extend(beside.unread_notices())
        self._unread.extend(beside.beyond_bounds)
        self.warnings.extend(EvidencePool((), unread=beside.beyond_bounds).notices())
        self._certificates.extend(beside.maker_files())
        self._signers.update(dict.fromkeys(beside.signers))

    # --- taking ---

    def take(self, paths: Iterable[Path]) -> None:
        """Take what was offered and what is in files: oldest first, so that generations follow each other.

        Bases come before deltas. Raises LimitError, OSError.
        """
        by_hand: set[str] = set()
        for path in paths:
            files = list(offered_files(path))
            if not files:
                self.warnings.append(
                    Problem(message=f"{safe(path)} holds no file that is named as evidence (*.crl, *.ors)")
                )
            for source, data in files:
                file = _offered_file(source, data)
                pool = EvidencePool([file], unread=())
                if pool.may_hold_makers:
                    self._certificates.append(file)
                if holds_responders_alone(data):
                    self.warnings.extend(pool.notices())
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
        kept = EvidenceDirectory.open(self.root)
        responders = tuple(dict.fromkeys(found for item in self.chains.to_check for found in item.responders(kept)))
        for number, (attempt, file) in enumerate(self._took):
            if responders and (attempt.kind, attempt.reason) == ("ocsp", UNNEEDED):
                self._took[number] = self.gatherer.take(file.read(), file.name, responders), file
        self.gatherer.finish()
        self._took[:] = [(self.gatherer.latest(attempt), file) for attempt, file in self._took]

    # --- evidence beside the images ---

    @cached_property
    def _evidence(self) -> EvidenceDirectory:
        return EvidenceDirectory.open(self.root)

    @property
    def _others(self) -> list[Evidence]:
        """If evidence is only attached to images, the trust directory is used for revocations only."""
        return [self._trust.evidence] if self._trust and self._unproven else []

    @cached_property
    def _left(self) -> Evidence:
        """All that came, and is not needed to clear a certificate."""
        taken = [*(file for _, file in self._took), *self.gatherer.unproven_downloads(), *self._certificates]
        return CombinedEvidence([self._pool(taken), *self._others])

    @cached_property
    def _replaced(self) -> Mapping[str, str]:
        """Of offered evidence that was proven and is not kept, with the newer evidence that is; by fingerprint."""
        kept = {f"{CRLS}/{file.name}": file.fingerprint for file in self._evidence.all_crls()}
        kept |= {f"{OCSP}/{file.name}": file.fingerprint for file in self._evidence.all_ocsp()}
        return {
            fingerprint: kept[attempt.file]
            for attempt, file in self._took
            if attempt.file in kept
            for fingerprint in EvidencePool([file], unread=()).fingerprints() - self._evidence.fingerprints()
        }

    def pack(self, store: Store, graph: Graph, root: Descriptor, name: str) -> PackedEvidence | None:
        """The evidence to attach to one artifact, after `finish`; None where there is none.

        What is not read would be lost: an evidence artifact that holds any stays beside the new one, and where there
        is more than is read, all stays as it is.
        """
        beside = find_evidence_beside(store, graph, root, name)
        if beside.beyond_bounds:
            return None
        packed = pack_evidence(
            root,
            self.look(store, graph, [root]).to_check,
            self._evidence,
            beside,
            offered=self._left,
            stored=self._stored,
            replaced=self._replaced,
        )
        if packed is None:
            return None
        digest, old = packed.manifest.digest, dict(evidence_artifacts(graph, root))
        superseded = frozenset(item for item, manifest in old.items() if item != digest and _is_read(store, manifest))
        return PackedEvidence(packed, superseded, digest in old)

    # --- the result ---

    def outcome(
        self,
        targets: Sequence[str],
        *,
        kept: frozenset[Certificate] | None,
        written: tuple[EvidenceWritten, ...] = (),
        problems: Sequence[Problem] = (),
        required: bool = False,
    ) -> FetchOutcome:
        """The outcome, judged with the evidence that is on disk now.

        `kept`: the certificates about which evidence stays somewhere; None: all.
        """
        evidence = EvidenceDirectory.open(self.root)
        to_check = self.chains.to_check
        unkept = frozenset[Certificate]() if kept is None else frozenset(item.certificate for item in to_check) - kept
        responders = [item for item in self.gatherer.responders if item not in set(to_check)]
        # a verifier uses what is not kept where the targets are
        left = [file for attempt, file in self._took if attempt.outcome is AttemptResult.REFUSED]
        unproven = self.gatherer.unproven_downloads()
        refused = self._pool([*left, *unproven, *self._certificates], self._unread)
        certificates: tuple[CertificateCoverage, ...] = coverage_of(
            to_check,
            responders,
            evidence,
            self.gatherer,
            unkept=unkept,
            known=CombinedEvidence([evidence, *self._others, refused]),
            stored=self._stored,
            freshness=self._trust.freshness if self._trust else Freshness(),
            moment=self._moment,
        )
        return FetchOutcome(
            at=self._moment.clock,
            targets=tuple(safe(name) for name in targets),
            directory=None,
            signatures=len(self.chains.signatures),
            certificates=certificates,
            unread=self.chains.unread,
            offered=tuple(attempt for attempt, _ in self._took),
            unreadable=self._unreadable,
            written=written,
            problems=tuple(problems),
            warnings=(*self.warnings, *evidence.notices()),
            sources=dict(self.gatherer.sources),
            required=required,
        )


def _is_read(store: Store, artifact: Manifest) -> bool:
    """Whether all evidence in it is read, so that it is in the artifact that replaces it."""
    return not TargetEvidence(store, [artifact], "", layout=None).notices()


def _offered_file(source: str, data: bytes) -> EvidenceFile:
    return EvidenceFile(source, "offered evidence", partial(bytes, data))
