"""What verify refuses a layout for beside its artifacts, for copies that judge (decision 0036)."""

from __future__ import annotations

from collections.abc import Iterator

from airgap.bundle.bundle_check import check_bundles, missing_of
from airgap.bundle.opened_bundle import is_bundle, read_bundle
from airgap.errors import AirgapError, UntrustedError
from airgap.oci.content import ContentChecker
from airgap.oci.graph import Graph
from airgap.oci.problems import ContentProblem
from airgap.oci.reference import LayoutReference
from airgap.oci.store import Store
from airgap.oci.target import Target
from airgap.revocation.artifact import is_evidence_alone
from airgap.text import safe
from airgap.transfer.carried_bundles import CarriedBundle
from airgap.transfer.sources import path_of
from airgap.verifier.layout_judge import check_judged, evidence_reached
from airgap.verifier.planned import untrusted


def check_evidence_beside(store: Store, graph: Graph) -> None:
    """Refuses a layout of which evidence is damaged that is about none of its artifacts: it may be about any signer.

    That is evidence alone, and what refers to the list of a bundle. Raises UntrustedError.
    """
    checker = ContentChecker(store)
    for root in graph.roots():
        if is_bundle(graph, root) or is_evidence_alone(graph, root):
            closure = graph.closure(root.descriptor)
            evidence = evidence_reached(graph, closure)
            for wrong in check_judged(checker, graph, closure).problems:
                if wrong.descriptor is None or wrong.descriptor.digest in evidence:
                    raise _refused(wrong, graph)


def lost_of_bundles(store: Store, graph: Graph) -> Iterator[UntrustedError]:
    """Where the list of a bundle cannot be read, or does not agree with what is there."""
    bundles = [root for root in graph.roots() if is_bundle(graph, root)]
    if bundles:
        target = Target(LayoutReference(path=graph.name), store, graph)
        for found in check_bundles(target, bundles, ()):
            if found.exit_code:
                yield untrusted(found, f"{safe(graph.name)} is not what was packed: ", found.exit_code)


def carried_bundles(store: Store, graph: Graph, *, is_asked_for: bool) -> Iterator[CarriedBundle]:
    """What the bundles of a layout say of themselves. `is_asked_for`: whether all of the layout is copied.

    One that cannot be read is left out: where it is asked for, `lost_of_bundles` says so.
    """
    for root in graph.roots():
        if not is_bundle(graph, root):
            continue
        try:
            document = read_bundle(store, graph, root.descriptor)
        except AirgapError:
            continue
        yield CarriedBundle(
            reference=safe(graph.name),
            path=path_of(store),
            digest=root.descriptor.digest,
            stream=document.stream,
            number=document.number,
            created=document.created,
            artifacts=frozenset(item.descriptor.digest for item in document.artifacts),
            is_asked_for=is_asked_for,
            is_whole=is_asked_for and not any(missing_of(store, graph, document.artifacts)),
        )


def _refused(wrong: ContentProblem, graph: Graph) -> UntrustedError:
    found = wrong.as_problem(graph.name)
    return untrusted(found, "nothing is copied: ", found.exit_code)
