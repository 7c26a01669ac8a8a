"""What whole layouts have, and nothing that was copied reaches (RULE-6)."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import replace

from airgap import limits
from airgap.errors import ContentError
from airgap.oci.digest import Digest
from airgap.oci.documents import LAYOUT_INDEX
from airgap.oci.graph import Graph
from airgap.oci.problems import ContentProblem
from airgap.problem import Problem
from airgap.text import safe
from airgap.transfer.endpoint import ListedReferrer
from airgap.transfer.plan import PlannedArtifact, Selection


def left_behind(graphs: Iterable[Graph], selection: Selection, planned: Container[Digest]) -> Iterator[Problem]:
    """What `docker load` would load instead, and signatures and records without their subject."""
    for graph in graphs:
        for text in graph.beside:
            yield Problem(message=text, reason="layout.volumes", target=graph.name)
        for problem in _of_docker(graph):
            yield _not_copied(problem).as_problem(graph.name, counts=False)
        if not selection.referrers or selection.artifact_types:
            continue
        lost = [note for note in graph.notes if note.descriptor and note.descriptor.digest not in planned]
        for note in lost[: limits.NOTES_SHOWN]:
            yield _not_copied(note).as_problem(graph.name)
        if len(lost) > limits.NOTES_SHOWN:
            more = len(lost) - limits.NOTES_SHOWN
            yield Problem(message=f"{more} more entries of this kind are not copied", target=graph.name)


def told_of_records(planned: PlannedArtifact) -> Iterator[tuple[ListedReferrer, str]]:
    """What refers to its acquisition records, each with a sentence."""
    for item in planned.about_records:
        kind = safe(item.artifact_type or "unknown type", limit=80)
        told = f"{item.descriptor.digest} ({kind}) refers to its acquisition record {item.subject}"
        yield item, f"{told}, and is not copied"


def _not_copied(problem: ContentProblem) -> ContentProblem:
    return replace(problem, message=f"{problem.message}; it is not copied")


def _of_docker(graph: Graph) -> Iterator[ContentProblem]:
    """What verify refuses a whole layout for, and a copy leaves behind: other names for `docker load`."""
    yield from graph.names_unread
    try:
        yield from graph.disagreements
    except ContentError as error:
        yield ContentProblem.of(error, None, f"beside {LAYOUT_INDEX}")
