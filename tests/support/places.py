"""An artifact in a layout, open for attaching."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airgap.oci.reference import LayoutReference
from airgap.transfer.attach import AttachableLayout, LayoutPlace


@contextmanager
def open_layout_place(reference: LayoutReference, *, by_tag: bool = False) -> Iterator[LayoutPlace]:
    with AttachableLayout(reference.path, by_tag=by_tag) as layout:
        yield layout.place(reference)
