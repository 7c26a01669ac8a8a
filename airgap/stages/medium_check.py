"""What verify refuses a layout for beside its artifacts, for copies that judge (decision 0036)."""

from __future__ import annotations

from collections.abc import Iterator

from airgap.bundle.bundle_check import check_bundles
from airgap.bundle.opened_bundle import is_bundle
from airgap.errors import UntrustedError
from airgap.oci.content import ContentChecker
from airgap.oci.graph import Graph
from airgap.oci.problems import ContentProblem
from airgap.oci.reference import LayoutReference
from airgap.oci.store import Store
from airgap.oci.target import Target
from airgap.revocation.artifact import is_evidence_alone
from airgap.text import safe
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


def _refused(wrong: ContentProblem, graph: Graph) -> UntrustedError:
    found = wrong.as_problem(graph.name)
    return untrusted(found, "nothing is copied: ", found.exit_code)
