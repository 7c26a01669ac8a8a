"""Reads what a delta is made since: receipts and requests of a site, and bundles that were sent to it before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from airgap import limits
from airgap.bundle.bundle_document import BaseSource
from airgap.bundle.delta import KnownHeld
from airgap.bundle.opened_bundle import OpenBundle, open_bundle
from airgap.bundle.requested_layers import REQUEST_SCHEMA, RequestedLayers
from airgap.errors import AirgapError, FormatError
from airgap.files import read_regular
from airgap.ledger.database import LedgerError
from airgap.ledger.receipt import Receipt
from airgap.oci.digest import Digest
from airgap.parse import json
from airgap.text import safe

_Held = frozenset[tuple[Digest, int]]


class _Known(NamedTuple):
    """What one file says."""

    source: BaseSource
    held: _Held
    missing: _Held = frozenset()
    """What is not there, whatever others say."""
    wanted: tuple[str, ...] = ()


def read_known(since: Sequence[str]) -> KnownHeld | None:
    """What all of them say together; None where nothing is named. Each is a receipt, a request, or a bundle.

    Raises NotFoundError, LedgerError and TrustMaterialError (18), ContentError, UsageError.
    """
    if not since:
        return None
    found = {item.source.digest: item for item in map(_read, since)}
    known = [found[digest] for digest in sorted(found)]
    held: _Held = frozenset().union(*(item.held for item in known))
    missing: _Held = frozenset().union(*(item.missing for item in known))
    wanted = tuple(dict.fromkeys(source for item in known for source in item.wanted))
    return KnownHeld(since=tuple(item.source for item in known), held=held - missing, wanted=wanted)


def _read(text: str) -> _Known:
    if _is_json(Path(text)):
        return _of_json(text)
    with open_bundle(text) as opened:
        return _of_bundle(opened)


def _is_json(path: Path) -> bool:
    """Whether a file begins as a JSON object does, and no tar."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(64).lstrip().startswith(b"{")
    except OSError:  # the reader says what is wrong
        return False


def _of_json(text: str) -> _Known:
    try:
        data = read_regular(Path(text), limits.RECEIPT_BYTES)
    except FormatError as error:
        raise AirgapError(f"{safe(text)} {error.problem}", remedy=error.remedy) from None
    try:
        schema = json.load_object(data, json.Reading.OWN, limit=limits.RECEIPT_BYTES, what="receipt").get("schema")
        return _of_request(data) if schema == REQUEST_SCHEMA else _of_receipt(data)
    except FormatError as error:
        raise LedgerError("receipt.malformed", f"{safe(text)} is no receipt and no request: {error}") from None


def _of_request(data: bytes) -> _Known:
    request = RequestedLayers.parse(data)
    source = BaseSource(kind="request", digest=Digest.of(data), created=request.created, name=request.site)
    held, missing = (frozenset((blob.digest, blob.size) for blob in blobs) for blobs in (request.held, request.missing))
    return _Known(source, held, missing, tuple(request.sources))


def _of_receipt(data: bytes) -> _Known:
    receipt = Receipt.parse(data)
    held = frozenset((digest, size) for found in receipt.registries.values() for digest, size in found.items())
    source = BaseSource(kind="receipt", digest=Digest.of(data), created=receipt.created, name=receipt.site)
    return _Known(source, held)


def _of_bundle(opened: OpenBundle) -> _Known:
    """What was sent with it, and what it counted on itself."""
    document = opened.document
    blobs = (*document.blobs, *(document.base.held if document.base else ()))
    name = f"{document.stream}/{document.number}" if document.stream else None
    source = BaseSource(kind="bundle", digest=opened.descriptor.digest, created=document.created, name=name)
    return _Known(source, frozenset((blob.digest, blob.size) for blob in blobs))
