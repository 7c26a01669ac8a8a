"""The evidence in all layouts of a run: evidence of one layout is used for the artifacts of every other one.

For example, the newer of two media has the CRL that revokes the signer of the older one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Self

from airgap import limits
from airgap.errors import AirgapError
from airgap.oci.reference import parse_layout_reference
from airgap.oci.target import Target, open_target
from airgap.pki.certificate import Certificate
from airgap.pki.chain import Anchors
from airgap.problem import Problem
from airgap.revocation.combined import CombinedEvidence
from airgap.revocation.evidence_files import Evidence, UnreadableEvidence
from airgap.revocation.freshness import Freshness
from airgap.revocation.pool import EvidencePool
from airgap.revocation.target_evidence import PieceKey, TargetEvidence, unread_certificates, unread_layout
from airgap.signature.stamped_evidence import evidence_of_target
from airgap.text import safe
from airgap.trust.directory import TrustDirectory
from airgap.trust.statement import Statement

_FEWER_WITH_EVIDENCE: Final = (
    "Judge fewer at once, or first take their evidence into the trust directory: airgap trust fetch."
)
_FEWER_LAYOUTS: Final = "Judge fewer layouts at once."


@dataclass(frozen=True, slots=True)
class LayoutEvidence:
    """The evidence of open layouts, by path."""

    layouts: Mapping[str, TargetEvidence] = field(default_factory=lambda: MappingProxyType({}))
    others: tuple[EvidencePool, ...] = ()
    """What is in no open layout: what signatures in reports carry, and the certificates in signatures of others."""
    problems: tuple[Problem, ...] = ()
    """Evidence that could not be used for all layouts: it may revoke a signer in another layout."""

    @property
    def whole(self) -> frozenset[PieceKey]:
        """The complete pieces: another layout with the same ones adds nothing."""
        return frozenset().union(*(evidence.whole for evidence in self.layouts.values()))

    @property
    def signers(self) -> frozenset[Certificate]:
        """The certificates in the signatures of all of it."""
        return frozenset(item for body in (*self.layouts.values(), *self.others) for item in body.signers)

    @property
    def bodies(self) -> tuple[Evidence, ...]:
        """Those that hold something, and those that hold more than is read: it may be about any certificate."""
        held = (item for item in self.layouts.values() if item.pieces or item.beyond_bounds or item.signers)
        return (*held, *self.others)


NOTHING_ELSE = LayoutEvidence()


@contextmanager
def evidence_of_layouts(targets: Iterable[str], others: Iterable[EvidencePool] = ()) -> Iterator[LayoutEvidence]:
    """The evidence of every layout in `targets`, and `others`. Layouts with new evidence stay open meanwhile.

    Faults of the layouts do not raise here: judging reports them.
    """
    found: dict[str, TargetEvidence] = {}
    signers: dict[Certificate, None] = {}
    seen: set[PieceKey] = set()
    problems: list[Problem] = []
    unread: list[UnreadableEvidence] = []
    """Any artifact may be revoked by it, so that each is open itself; one piece of it says so."""
    tried: set[str] = set()
    with ExitStack() as stack:
        left = limits.LAYOUTS_WITH_EVIDENCE
        for text in targets:
            try:
                path = parse_layout_reference(text).path
                if path in tried:
                    continue
                tried.add(path)
                with ExitStack() as opened:
                    evidence = evidence_in(opened.enter_context(open_target(text)))
                    new = evidence.beyond_bounds or evidence.named - seen
                    signers |= dict.fromkeys(evidence.signers if len(signers) < limits.SIGNER_CERTIFICATES else ())
                    if new and left:
                        left -= 1
                        seen |= evidence.whole
                        found[path] = evidence
                        stack.push(opened.pop_all())
                    elif new:
                        problems.append(_too_many(path))
                        unread.append(unread_layout(safe(path), _FEWER_WITH_EVIDENCE))
            except AirgapError:
                continue
        if len(signers) >= limits.SIGNER_CERTIFICATES:
            problems.append(_too_many_signers())
            unread.append(unread_certificates("the layouts that were named", _FEWER_LAYOUTS))
        carried = [EvidencePool((), unread=unread[:1], signers=tuple(signers))] if signers or unread else []
        yield LayoutEvidence(found, (*others, *carried), tuple(problems))


def evidence_in(target: Target) -> TargetEvidence:
    """The evidence of an open layout."""
    return evidence_of_target(target.store, target.graph, name_of(target))


def name_of(target: Target) -> str:
    """The layout, for people."""
    return safe(target.reference.whole) or target.store.name


def _too_many(path: str) -> Problem:
    return Problem.of_reason(
        "evidence.unread",
        f"the evidence in {safe(path)} is used for its own artifacts alone: more than "
        f"{limits.LAYOUTS_WITH_EVIDENCE} layouts with evidence of their own were named",
        target=safe(path),
        remedy=_FEWER_WITH_EVIDENCE,
    )


def _too_many_signers() -> Problem:
    return Problem.of_reason(
        "evidence.unread",
        f"the signatures in the layouts that were named have {limits.SIGNER_CERTIFICATES} different certificates, and "
        "more are not looked at: some may show that a key is revoked",
        remedy=_FEWER_LAYOUTS,
    )


@dataclass(frozen=True, slots=True)
class TrustBeside:
    """The trust directory with the evidence of layouts; nothing else in layouts is used (RULE-1)."""

    directory: TrustDirectory
    evidence: Evidence

    @classmethod
    def of(cls, directory: TrustDirectory, bodies: Iterable[Evidence]) -> Self:
        """Adds evidence of layouts to that of the trust directory."""
        return cls(directory, CombinedEvidence((directory.evidence, *bodies)))

    @property
    def freshness(self) -> Freshness:
        """The trust directory's."""
        return self.directory.freshness

    def stored(self) -> Iterator[Certificate]:
        """The trust directory's."""
        return self.directory.stored()

    def anchors(self, statement: Statement, kind: str, /) -> Anchors:
        """The trust directory's alone."""
        return self.directory.anchors(statement, kind)

    def others(self, statement: Statement, kind: str, /) -> Mapping[str, Anchors]:
        """The trust directory's; for messages."""
        return self.directory.others(statement, kind)
