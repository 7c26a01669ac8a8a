"""What `airgap receipt` shows: a summary, or JSON. The files are `airgap.receipt/1` and `airgap.request/1`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airgap.bundle.requested_layers import RequestedLayers
from airgap.ledger.receipt import Receipt
from airgap.parse.time import iso
from airgap.report.report import Json, Report
from airgap.report.style import Style
from airgap.report.wording import count, size
from airgap.text import safe, some

RECEIPT_SHOW_SCHEMA: Final = "airgap.receipt.show/1"
RECEIPT_REQUEST_SCHEMA: Final = "airgap.receipt.request/1"
_LAYERS: Final = 20
"""Layers that are shown; the file has all."""
_STREAMS: Final = 20
"""Streams that are shown; JSON has all."""


@dataclass(frozen=True, slots=True)
class ReceiptReport(Report):
    """A receipt in short: `airgap.receipt.show/1`."""

    file: Path
    receipt: Receipt
    signature: Path | None = None
    """The file with its signature, where one is there; it is not judged here."""
    made: bool = False
    """Whether it was made just now."""

    def document(self) -> Json:
        """What it says, with numbers in the place of its digests."""
        receipt = self.receipt
        return {
            **self.first_members(RECEIPT_SHOW_SCHEMA),
            "file": safe(self.file),
            "signature": None if self.signature is None else safe(self.signature),
            "site": None if receipt.site is None else safe(receipt.site),
            "created": iso(receipt.created),
            "ledger": {"id": safe(receipt.identity), "count": receipt.head.rows, "head": receipt.head.hash},
            "snapshot": None if receipt.snapshot is None else safe(receipt.snapshot),
            "streams": [
                {"stream": safe(mark.stream), "number": mark.number, "bundle": str(mark.bundle)}
                for mark in receipt.streams
            ],
            "registries": [
                {"registry": safe(name), "held": len(held), "size": sum(held.values())}
                for name, held in sorted(receipt.registries.items())
            ],
        }

    def lines(self, style: Style) -> Iterator[str]:
        """Whose it is, what is held, and how far streams came."""
        receipt = self.receipt
        site = f" of {safe(receipt.site)}" if receipt.site else ""
        yield style.paint("strong", f"{'Wrote the' if self.made else 'A'} receipt{site}, made {iso(receipt.created)}")
        for name, held in sorted(receipt.registries.items()):
            yield f"  holds     {safe(name)}: {len(held)} manifests and blobs, {size(sum(held.values()))}"
        if not receipt.registries:
            yield "  holds     nothing that an import recorded"
        for mark in receipt.streams[:_STREAMS]:
            yield f"  stream    {safe(mark.stream)}: bundle {mark.number}, {mark.bundle}"
        if len(receipt.streams) > _STREAMS:
            yield f"            and {len(receipt.streams) - _STREAMS} more"
        if receipt.snapshot:
            yield f"  snapshot  {safe(receipt.snapshot)}"
        yield f"  ledger    {safe(receipt.identity)}, head {receipt.head}"
        yield f"  file      {safe(self.file)}"
        if self.signature is not None:
            judged = "" if self.made else f", not judged here: airgap blob verify {safe(self.file)}"
            yield f"  signature {safe(self.signature)}{judged}"
        elif not self.made:
            yield "  It is a claim: nothing is accepted because of it."


@dataclass(frozen=True, slots=True)
class LayersReport(Report):
    """What a registry lacks of a delta: `airgap.receipt.request/1`."""

    file: Path
    request: RequestedLayers

    def document(self) -> Json:
        """What is missing; `file` is null where nothing is, and nothing was written."""
        request = self.request
        return {
            **self.first_members(RECEIPT_REQUEST_SCHEMA),
            "file": safe(self.file) if request.missing else None,
            "registry": request.registry,
            "held": len(request.held),
            "missing": [{"digest": str(blob.digest), "size": blob.size} for blob in request.missing],
            "artifacts": [
                {"name": safe(item.name) or None, "digest": str(item.digest), "tags": [safe(tag) for tag in item.tags]}
                for item in request.artifacts
            ],
        }

    def lines(self, style: Style) -> Iterator[str]:
        """What is missing, and the command by which it is sent."""
        request = self.request
        if not request.missing:
            there = f"of {count(len(request.held), 'layer')} that the medium leaves out, all are there"
            yield style.paint("good", f"NOTHING IS MISSING in {request.registry}: {there}.")
            yield "  No file was written. Import the medium: airgap import"
            return
        what = f"{count(len(request.missing), 'layer')}, {size(request.total)}"
        yield style.paint("unsure", f"MISSING in {request.registry}: {what}; {len(request.held)} are there.")
        for blob in request.missing[:_LAYERS]:
            yield f"  missing   {blob.digest}  {size(blob.size)}"
        if len(request.missing) > _LAYERS:
            yield f"            and {len(request.missing) - _LAYERS} more"
        names = [safe(source) for item in request.artifacts for source in item.sources]
        yield f"  needed by {some(names, _LAYERS)}"
        yield f"  file      {safe(self.file)}"
        yield "  Carry it back. There, the bundle that brings what is missing is made by:"
        yield f"          → airgap bundle create fill.tar --since {safe(self.file.name)}"
        yield "  Import that one, and then this medium again."

    def brief_lines(self) -> Iterator[str]:
        """Whether something is missing."""
        yield next(iter(self.lines(Style())))
