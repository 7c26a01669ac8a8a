"""Compares what the bundles of a layout list with what is there.

A list that agrees proves nothing: each artifact is judged by its own signatures. One that does not agree shows that
something was lost on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from airgap.bundle.bundle_document import BundledArtifact, BundleDocument
from airgap.bundle.opened_bundle import bundle_documents, read_bundle
from airgap.errors import AirgapError
from airgap.oci.descriptor import ACQUISITION
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.nodes import Root
from airgap.oci.store import Store, lost_volumes, stored_size
from airgap.oci.target import Target
from airgap.problem import Problem
from airgap.revocation.artifact import EVIDENCE_TYPE
from airgap.text import safe, some
from airgap.transfer.carried_bundles import CarriedBundle
from airgap.transfer.sources import path_of
from airgap.trust.fingerprint_words import set_id

_SHOWN: Final = 20
"""Artifacts that are named one by one."""
_RENEWED: Final = frozenset({ACQUISITION, EVIDENCE_TYPE})
"""What newer ones of its kind replace on the way (airgap trust fetch --into)."""


def check_bundles(target: Target, bundles: Iterable[Root], artifacts: Iterable[Root]) -> Iterator[Problem]:
    """What a report says of the bundles of a whole layout: problems, and notes, which have exit code 0.

    `artifacts`: all that is judged. What is not listed is judged as always, and noted.
    """
    listed: set[Digest] = set()
    here = safe(target.reference)
    gone = any(lost_volumes(target.store))
    count = 0
    for root in bundles:
        count += 1
        try:
            document = read_bundle(target.store, target.graph, root.descriptor)
        except AirgapError as error:
            yield Problem.of(error, str(target.reference))
            continue
        listed |= {item.descriptor.digest for item in document.artifacts}
        missing = [text for _, text in missing_of(target.store, target.graph, document.artifacts)]
        yield Problem(message=_said(root, document, agrees=not (missing or gone)), reason="bundle.claims", target=here)
        for message in missing[:_SHOWN]:
            yield Problem.of_reason("content.missing", message, target=here)
        if len(missing) > _SHOWN:
            yield Problem.of_reason(
                "content.missing", f"{len(missing) - _SHOWN} more are listed and not here", target=here
            )
    more = [target.name(root) for root in artifacts if root.descriptor.digest not in listed] if count else []
    if more:
        yield Problem(
            message=f"not listed in the bundle, and judged as always: {some(more, 5)}",
            reason="bundle.more",
            target=here,
        )


def _said(root: Root, document: BundleDocument, *, agrees: bool) -> str:
    number = len(document.artifacts)
    listed = f"{document.name} lists {number} artifact{'' if number == 1 else 's'}{'; all are here' if agrees else ''}"
    base = document.base
    left = f". It leaves out {base.left_out} since {base.text}" if base else ""
    return f"{listed}{left}. Set id: {set_id(root.descriptor.digest)}. It proves nothing about them"


def carried_bundles(
    store: Store, graph: Graph, unread: Callable[[AirgapError], object], *, is_asked_for: bool
) -> Iterator[CarriedBundle]:
    """What the bundles of a layout say of themselves. `is_asked_for`: whether all of the layout is copied.

    `unread` is called for each that cannot be read: it may be older than what this site has.
    """
    for root, document in bundle_documents(store, graph, unread):
        yield CarriedBundle(
            reference=safe(graph.name),
            path=path_of(store),
            digest=root.descriptor.digest,
            stream=document.stream,
            number=document.number,
            created=document.created,
            artifacts=frozenset(item.descriptor.digest for item in document.artifacts),
            is_asked_for=is_asked_for,
            is_whole=is_asked_for
            and not any(lost_volumes(store))
            and not any(missing_of(store, graph, document.artifacts)),
        )


def missing_of(
    store: Store, graph: Graph, artifacts: Iterable[BundledArtifact]
) -> Iterator[tuple[BundledArtifact, str]]:
    """What is listed and not here, each with its artifact and in a sentence that names it."""
    entries = {entry.digest for entry in store.index().manifests}
    for artifact in artifacts:
        name = artifact.references[0]
        digest = artifact.descriptor.digest
        # its signatures lead to it as well, and no tool takes it for one of the layout's own by that
        if digest not in entries or not _is_here(store, graph, digest):
            yield artifact, f"{name} is listed in the bundle, and is not here: {digest}"
            continue
        for what, part in _parts(artifact):
            if not _is_here(store, graph, part):
                yield artifact, f"{what} of {name} is listed in the bundle, and is not here: {part}"


def _parts(artifact: BundledArtifact) -> Iterator[tuple[str, Digest]]:
    for platform in artifact.platforms:
        yield f"the platform {safe(platform.platform, limit=64)}", platform.digest
    for digest in artifact.signatures:
        yield "a signature", digest
    for item in artifact.attachments:
        if item.artifact_type not in _RENEWED:
            yield f"an attachment ({safe(item.artifact_type or 'of unknown type', limit=100)})", item.digest


def _is_here(store: Store, graph: Graph, digest: Digest) -> bool:
    """Whether the layout leads to it, and has it. Its bytes are checked with those of its artifact."""
    return digest in graph.digests and stored_size(store, digest) is not None
