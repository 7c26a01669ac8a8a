"""The bundle of a layout or tar, open for reading."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airgap import limits
from airgap.bundle.bundle_document import BUNDLE_TYPE, BundleDocument
from airgap.errors import AirgapError, ContentError, FormatError, NotFoundError, TrustMaterialError
from airgap.oci.content import HeldElsewhere
from airgap.oci.descriptor import EMPTY, EMPTY_CONFIG, IMAGE_MANIFEST, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.manifest import Manifest
from airgap.oci.nodes import Root
from airgap.oci.reference import LayoutReference
from airgap.oci.store import Store, check_volumes, read_verified
from airgap.oci.target import Target, open_target
from airgap.text import safe
from airgap.trust.fingerprint_words import set_id

if TYPE_CHECKING:
    from airgap.bundle.bundle_difference import BundleDifference
    from airgap.bundle.bundle_overview import BundleOverview


@dataclass(frozen=True, slots=True)
class OpenBundle:
    """A bundle in an open layout."""

    reference: str
    """Its name for the operator, safe to show."""
    place: LayoutReference
    """Where it is, by digest."""
    store: Store
    graph: Graph
    descriptor: Descriptor
    """Of the bundle's own manifest: its digest fixes all that is listed."""
    document: BundleDocument

    @property
    def set_id(self) -> str:
        """A short name to read over the telephone."""
        return set_id(self.descriptor.digest)

    def overview(self) -> BundleOverview:
        """What it holds, with what signatures and SBOMs in it claim."""
        from airgap.bundle.bundle_overview import BundleOverview

        return BundleOverview.of(self)

    def difference(self, other: OpenBundle) -> BundleDifference:
        """How another one differs from it."""
        from airgap.bundle.bundle_difference import BundleDifference

        return BundleDifference.of(self, other)


def is_bundle(graph: Graph, root: Root) -> bool:
    """Whether a root without a name is the artifact of a bundle, just as airgap writes it.

    It needs no signature of its own: nothing in it can be taken for an image or another artifact, and nothing is
    accepted because of it. It has the empty config, and one layer of its own type.
    """
    if root.tags or root.aliases or root.descriptor.media_type != IMAGE_MANIFEST:
        return False
    try:
        manifest = graph.manifest(root.descriptor)
    except ContentError:
        return False
    return (
        isinstance(manifest, Manifest)
        and (manifest.media_type, manifest.declared_artifact_type) == (IMAGE_MANIFEST, BUNDLE_TYPE)
        and manifest.config is not None
        and (manifest.config.media_type, manifest.config.digest) == (EMPTY, EMPTY_CONFIG.digest)
        and manifest.subject is None
        and [layer.media_type for layer in manifest.layers] == [BUNDLE_TYPE]
    )


def bundles_of(graph: Graph) -> tuple[Root, ...]:
    """The bundles of a layout. Raises ContentError where there are too many."""
    found = tuple(root for root in graph.roots() if is_bundle(graph, root))
    if len(found) > limits.BUNDLES:
        raise ContentError("content.limit", f"the layout holds {len(found)} bundles, more than {limits.BUNDLES}")
    return found


def read_bundle(store: Store, graph: Graph, descriptor: Descriptor) -> BundleDocument:
    """The document of a bundle's artifact. Raises TrustMaterialError (bundle.malformed, 18), ContentError."""
    manifest = graph.manifest(descriptor)
    if not isinstance(manifest, Manifest) or not manifest.layers:
        raise TrustMaterialError("bundle.malformed", f"{descriptor.digest} is no bundle artifact")
    raw = read_verified(store, manifest.layers[0], limits.BUNDLE_BYTES)
    try:
        return BundleDocument.parse(raw)
    except FormatError as error:
        raise TrustMaterialError(
            "bundle.malformed",
            f"the bundle {descriptor.digest} has a document that cannot be used: {error}",
            digest=str(descriptor.digest),
        ) from None


def held_elsewhere(store: Store, graph: Graph) -> HeldElsewhere:
    """What deltas in a layout say that their receiver holds, and no bundle in it says is here.

    A claim, which makes nothing good. A document that cannot be read says nothing: `check_bundles` reports it. Where
    they list more than is looked at, nothing is held elsewhere: what is missing is missing then.
    """
    held: dict[Digest, int] = {}
    here: set[Digest] = set()
    for _, document in bundle_documents(store, graph):
        here.update(blob.digest for blob in document.blobs)
        held |= {blob.digest: blob.size for blob in document.base.held} if document.base else {}
        if len(here) + len(held) > limits.GRAPH_REACHED:
            return {}
    return {digest: size for digest, size in held.items() if digest not in here}


def has_delta(store: Store, graph: Graph) -> bool:
    """Whether a bundle of a layout is a delta."""
    return any(document.base is not None for _, document in bundle_documents(store, graph))


def bundle_documents(
    store: Store, graph: Graph, unread: Callable[[AirgapError], object] = lambda _: None
) -> Iterator[tuple[Root, BundleDocument]]:
    """The bundles of a layout with their documents. `unread` is called for each that cannot be read."""
    for root in graph.roots():
        if is_bundle(graph, root):
            try:
                document = read_bundle(store, graph, root.descriptor)
            except AirgapError as error:
                unread(error)
            else:
                yield root, document


@contextmanager
def open_bundle(target: str) -> Iterator[OpenBundle]:
    """The bundle that `target` names, or the only one of the layout or tar. Nothing is judged.

    Raises NotFoundError where there is none, TrustMaterialError (18), ContentError, UsageError.
    """
    with open_target(target) as opened:
        check_volumes(opened.store)  # what is said of a bundle is said of all of its volumes
        root = _only_one(opened, target)
        document = read_bundle(opened.store, opened.graph, root.descriptor)
        place = opened.reference._replace(tag=None, literal=None, digest=root.descriptor.digest)
        yield OpenBundle(safe(place), place, opened.store, opened.graph, root.descriptor, document)


def _only_one(opened: Target, target: str) -> Root:
    named = None if opened.is_whole else opened.graph.find(opened.reference).descriptor.digest
    for problem in opened.graph.problems if named is None else ():
        raise problem.error()  # it may be another bundle
    found = [root for root in bundles_of(opened.graph) if named is None or root.descriptor.digest == named]
    if len(found) == 1:
        return found[0]
    if not found:
        what = "no bundle" if named is None else "is no bundle"
        text = f"{safe(target)} holds {what}" if named is None else f"{safe(target)} {what}"
        raise NotFoundError(text, remedy="See what it holds with airgap ls. A bundle is made by airgap bundle create.")
    raise NotFoundError(
        f"{safe(target)} holds {len(found)} bundles, not one",
        remedy=f"Name one by its digest: @{found[0].descriptor.digest}",
    )
