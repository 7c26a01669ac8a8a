"""The names that `docker load` gives to the artifacts of a layout, and what it would take by other names."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Final

from airgap import limits
from airgap.errors import ContentError, NotFoundError
from airgap.oci.digest import Digest
from airgap.oci.docker_save import Image, Saved, SavedImages
from airgap.oci.documents import blob_name
from airgap.oci.manifest import Index, Manifest
from airgap.oci.nodes import Root
from airgap.oci.problems import ContentProblem
from airgap.text import safe

if TYPE_CHECKING:
    from airgap.oci.graph import Graph


class DockerNames:
    """What the files beside `index.json` say of the artifacts of one layout."""

    def __init__(self, files: Mapping[str, bytes] | ContentProblem, graph: Graph) -> None:
        """`files`: the files by name, or why they cannot be read."""
        self._graph: Final = graph
        self._saved: Final = Saved(unread=(files,)) if isinstance(files, ContentProblem) else Saved.read(files)

    @property
    def unread(self) -> tuple[ContentProblem, ...]:
        """What `docker load` may read from here and is unreadable."""
        return self._saved.unread

    def disagreements(self) -> tuple[ContentProblem, ...]:
        """See `Graph.disagreements`."""
        return tuple(self._saved.disagreements(self._images()))

    def names_of(self, root: Root) -> tuple[str, ...]:
        """See `Graph.docker_names`."""
        if not self._by_config:
            return ()
        configs = (image.config for image in self._images_of(root))
        found = (self._by_config.get(blob_name(config.digest), ()) for config in configs if config is not None)
        return tuple(dict.fromkeys(name for names in found for name in names))

    def check(self, root: Root, names: set[str]) -> None:
        """Refuses a name by which `docker load` takes something else. Raises NotFoundError."""
        for other, place in self._saved.others_called(names, self._images_of(root), lambda: self._judged):
            called = safe(root.called or "", limit=200)
            raise NotFoundError(
                f"{called!r} is {root.descriptor.digest} in {self._graph.name}, and docker load takes {other} from "
                f"{safe(place, limit=200)}, which is something else",
                remedy="Name the digest, with @, and run it by no name that docker load gives.",
                tag=called,
            )

    @cached_property
    def _by_config(self) -> Mapping[str, tuple[str, ...]]:
        """The names by the path of an image's config."""
        return self._saved.names_by_config()

    @cached_property
    def _judged(self) -> SavedImages:
        """Every image of the layout's artifacts, as `manifest.json` names it."""
        return SavedImages(self._images())

    def _images(self) -> Iterator[Image]:
        """Every image of the layout's artifacts, with the names of these."""
        for root in self._graph.roots():
            names = frozenset((*root.tags, *root.aliases))
            for manifest in self._images_of(root):
                yield manifest, names

    def _images_of(self, root: Root) -> Iterator[Manifest]:
        seen: set[Digest] = set()
        queue = deque([root.descriptor])
        while queue:
            descriptor = queue.popleft()
            if not self._graph.spend():  # thousands of artifacts may list the same thousands of images
                bound = f"more than {limits.GRAPH_REACHED} descriptors together"
                raise ContentError("content.limit", f"the artifacts of {self._graph.name} reach {bound}")
            if descriptor.digest in seen or not descriptor.is_manifest:
                continue
            seen.add(descriptor.digest)
            try:
                manifest = self._graph.manifest(descriptor)
            except ContentError:
                continue  # reported as a problem of that artifact
            if isinstance(manifest, Index):
                queue.extend(manifest.manifests)
            else:
                yield manifest
