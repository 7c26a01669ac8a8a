"""A tar that is there already: a copy that was killed after it had named its tar finds it finished."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from airgap.errors import AirgapError
from airgap.oci.descriptor import REF_NAME, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.open import Layout, open_layout
from airgap.oci.referrers_index import corrected
from airgap.oci.store import hash_bytes
from airgap.transfer.mover import Survey, survey
from airgap.transfer.plan import CopyPlan


class FinishedTar:
    """A layout tar, for questions only (`airgap.transfer.endpoint.Destination`)."""

    refuses_incomplete: Final = False

    def __init__(self, layout: Layout, *, verify_existing: bool) -> None:
        """`verify_existing`: hashes its blobs, instead of comparing their sizes."""
        self.layout: Final = layout
        self._verify: Final = verify_existing

    def survey(self, plan: CopyPlan, executor: Executor) -> Survey | None:
        """What it holds of a plan, if that is all of it, with its names."""
        listed = self.layout.index().manifests
        names = {(item.digest, item.annotations.get(REF_NAME)) for item in listed}
        planned = [entry for artifact in plan.artifacts if artifact.error is None for entry in artifact.entries()]
        if any((entry.descriptor.digest, entry.tag) not in names for entry in planned):
            return None
        documents = [item.to_json() for item in listed]
        if corrected(documents, (entry.descriptor for entry in planned)) != documents:
            return None  # an entry says something else of the content
        found = survey(plan, self, executor)
        return None if found.missing else found

    def has(self, descriptor: Descriptor) -> bool:
        """See `Destination`."""
        if self.layout.size(descriptor.digest) != descriptor.size:
            return False
        return not self._verify or self._is_good(descriptor.digest)

    def lists(self, subject: Digest, referrer: Digest) -> bool:  # noqa: ARG002
        """Always true: the names of the tar are compared as a whole."""
        return True

    def arrived(self, descriptor: Descriptor) -> int:  # noqa: ARG002
        """None: a tar is written as a whole."""
        return 0

    def _is_good(self, digest: Digest) -> bool:
        try:
            hash_bytes(self.layout, digest)
        except AirgapError:
            return False
        return True


@contextmanager
def finished_tar(path: Path, *, verify_existing: bool = False) -> Iterator[FinishedTar | None]:
    """The layout tar at `path`; None if there is none, or something else is there."""
    try:
        layout = open_layout(path) if path.is_file() else None
        if layout is not None:
            layout.index()
    except (AirgapError, OSError):
        layout = None
    if layout is None:
        yield None
        return
    with layout:
        yield FinishedTar(layout, verify_existing=verify_existing)
