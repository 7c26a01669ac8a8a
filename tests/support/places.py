"""An artifact in a layout, open for attaching."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airgap.oci.reference import LayoutReference
from airgap.transfer.attach import AttachableLayout, LayoutPlace


@contextmanager
def open_layout_place(reference: LayoutReference, *, fallback: bool = False) -> Iterator[LayoutPlace]:
    with AttachableLayout(reference.path, fallback=fallback) as layout:
        yield layout.place(reference)
