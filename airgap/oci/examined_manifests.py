"""The manifests of a layout as far as they can be read: what they list, and what of it could be run."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from airgap.errors import ContentError
from airgap.oci.attached import is_runnable, says_attached
from airgap.oci.descriptor import Claims, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.manifest import Index, Manifest
from airgap.oci.store import Store

Read = Callable[[Descriptor], Manifest | Index]
"""Returns the verified manifest of a descriptor; raises ContentError."""


class ExaminedManifests:
    """Answers questions about manifests. What takes long is found once for each, as a million entries may list one."""

    def __init__(self, store: Store, read: Read) -> None:
        self._store: Final = store
        self.read: Final = read
        self._runnable: Final[dict[Claims, bool]] = {}
        self._images: Final[dict[Claims, bool]] = {}

    def find(self, descriptor: Descriptor) -> Manifest | Index | None:
        """The manifest; None if it cannot be read: a caller that needs it reads it again and gets the error."""
        try:
            return self.read(descriptor)
        except ContentError:
            return None

    def manifest(self, descriptor: Descriptor) -> Manifest | Index | None:
        """The manifest; None if it cannot be read, and for content of another type."""
        return self.find(descriptor) if descriptor.is_manifest else None

    def is_attachment(self, descriptor: Descriptor) -> bool:
        """Whether it is attached to something, and cannot be run itself."""
        manifest = self.manifest(descriptor)
        if manifest is None or not says_attached(descriptor, manifest):
            return False
        return not self.is_runnable(descriptor, manifest)

    def may_run(self, descriptor: Descriptor) -> bool:
        """Whether it is an image, as far as it can be read."""
        if not descriptor.is_manifest:
            return False
        manifest = self.find(descriptor)
        return manifest is None or self.is_runnable(descriptor, manifest)

    def is_runnable(self, descriptor: Descriptor, manifest: Manifest | Index) -> bool:
        """Whether it could be run; this opens layers."""
        key = descriptor.claims
        if key not in self._runnable:
            self._runnable[key] = is_runnable(self._store, manifest)
        return self._runnable[key]

    def holds_image(self, descriptor: Descriptor, parts: set[Digest]) -> bool:
        """Whether it could be run, or lists what could at any depth, apart from what a named entry covers (`parts`).

        Looks at each once; `parts` is the same for all calls.
        """
        path: list[tuple[Claims | None, Iterator[Descriptor]]] = [(None, iter((descriptor,)))]
        while path:
            above, below = path[-1]
            item = next(below, None)
            if item is None:
                path.pop()
                if above:
                    self._images[above] = False
            elif item.is_manifest and item.digest not in parts:
                key = item.claims
                if key not in self._images:
                    manifest = self.find(item)
                    if isinstance(manifest, Index):
                        path.append((key, iter(manifest.manifests)))
                        continue
                    self._images[key] = manifest is not None and self.is_runnable(item, manifest)
                if self._images[key]:
                    self._images.update((above, True) for above, _ in path if above)
                    return True
        return False

    def below(self, descriptor: Descriptor) -> Iterator[Descriptor]:
        """The manifests that it lists."""
        manifest = self.manifest(descriptor)
        return (below for _, below in manifest.children()) if manifest else iter(())

    def children(self, descriptors: Iterable[Descriptor]) -> set[Digest]:
        """All descriptors below these; digests make cycles impossible."""
        found: set[Digest] = set()
        queue = deque(below for descriptor in descriptors for below in self.below(descriptor))
        while queue:
            descriptor = queue.popleft()
            if descriptor.digest not in found:
                found.add(descriptor.digest)
                queue.extend(self.below(descriptor))
        return found
