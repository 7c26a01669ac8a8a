"""Acquisition records for tests: what the packer of a layout claims about it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.record import LeftOut, Record
from airgap.transfer.records import record_contents
from tests.support.layouts import LayoutBuilder


def declare(
    builder: LayoutBuilder, target: Descriptor, absent: Iterable[Digest] = (), *, name: str | None = None
) -> None:
    """Put a record about `target` into the layout; `absent` is what it says was left out."""
    record = Record(
        tool="1",
        time=datetime(2026, 5, 1, tzinfo=UTC),
        kind="registry",
        name=name,
        reference="registry.example/net-monitor:v1",
        artifact=target,
        mode="all",
        absent=tuple(LeftOut(digest=digest, platform="linux/arm64") for digest in absent),
    )
    descriptor, contents = record_contents(record)
    builder.blobs |= contents
    builder.list(descriptor)
