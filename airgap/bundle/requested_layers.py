"""What a site lacks of a delta, as a file that is carried back: `airgap.request/1` (docs/reference/receipt.md).

The next bundle that is made since it brings what is missing. It is a claim, as a receipt is, and does as little harm.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from airgap import limits
from airgap.bundle.bundle_document import BundledBlob, blobs_of, check_order
from airgap.bundle.held_search import HeldSearch
from airgap.errors import FormatError
from airgap.files import complete_or_absent, unwritable
from airgap.oci.digest import Digest
from airgap.parse import json
from airgap.parse.json_members import refuse_unknown
from airgap.parse.time import iso, rfc3339
from airgap.text import safe

REQUEST_SCHEMA: Final = "airgap.request/1"
_MEMBERS: Final = ("schema", "site", "created", "registry", "artifacts", "held", "missing")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class LackingArtifact:
    """An artifact of which layers are missing."""

    name: str
    """The repository that it comes from; empty where none is known."""
    digest: Digest
    tags: tuple[str, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """References to it on the connected side, by digest."""
        return tuple(f"{self.name}:{tag}@{self.digest}" for tag in self.tags) or (f"{self.name}@{self.digest}",)

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Raises FormatError."""
        source = json.as_object(value)
        refuse_unknown(source, ("name", "digest", "tags"))
        return cls(
            name=json.take(source, "name", str),
            digest=Digest.parse(json.take(source, "digest", str)),
            tags=json.take_list(source, "tags", json.text, limit=limits.INDEX_ENTRIES),
        )

    def to_json(self) -> dict[str, Any]:
        """The object."""
        return {"name": self.name, "digest": str(self.digest), "tags": list(self.tags)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedLayers:
    """What a site asks for."""

    created: datetime
    registry: str
    """Where it was looked for."""
    site: str | None = None
    artifacts: tuple[LackingArtifact, ...]
    """Those that cannot be imported without it."""
    held: tuple[BundledBlob, ...]
    """Layers that were left out, and are there."""
    missing: tuple[BundledBlob, ...]
    """Layers that were left out, and are not there."""

    @classmethod
    def of(cls, search: HeldSearch, *, registry: str, at: datetime, site: str | None = None) -> Self:
        """What came of looking for it in a registry."""
        artifacts: dict[tuple[str, Digest], set[str]] = {}
        for layer in search.lost:
            for root in layer.artifacts:
                name = root.repository.name if root.repository else ""
                artifacts.setdefault((name, root.descriptor.digest), set()).update(root.tags)
        missing = blobs_of([(layer.digest, layer.size) for layer in search.lost])
        lost = {blob.digest for blob in missing}
        return cls(
            created=at,
            registry=registry,
            site=site,
            artifacts=tuple(
                sorted(
                    LackingArtifact(name=name, digest=digest, tags=tuple(sorted(tags)))
                    for (name, digest), tags in artifacts.items()
                )
            ),
            held=tuple(blob for blob in blobs_of(search.found) if blob.digest not in lost),
            missing=missing,
        )

    @property
    def total(self) -> int:
        """Bytes that are missing."""
        return sum(blob.size for blob in self.missing)

    @property
    def sources(self) -> Iterator[str]:
        """References to what has to be sent, on the connected side."""
        return (source for item in self.artifacts if item.name for source in item.sources)

    def dump(self) -> bytes:
        """The document. Raises FormatError where a reader would refuse it."""
        raw = json.dump(
            {
                "schema": REQUEST_SCHEMA,
                **({} if self.site is None else {"site": self.site}),
                "created": iso(self.created),
                "registry": self.registry,
                "artifacts": [item.to_json() for item in self.artifacts],
                "held": [item.to_json() for item in self.held],
                "missing": [item.to_json() for item in self.missing],
            }
        )
        self.parse(raw)
        return raw

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Raises FormatError, also for members that are not known and lists that do not fit each other."""
        document = json.load_object(raw, json.Reading.OWN, limit=limits.BUNDLE_BYTES, what="request")
        if (schema := json.take(document, "schema", str)) != REQUEST_SCHEMA:
            raise FormatError(f"is {safe(schema, limit=64)!r}, not {REQUEST_SCHEMA!r}", where="schema")
        refuse_unknown(document, _MEMBERS)
        held, missing = (
            json.take_list(document, member, BundledBlob.from_json, limit=limits.BUNDLE_BLOBS)
            for member in ("held", "missing")
        )
        for member, blobs in (("held", held), ("missing", missing)):
            check_order([blob.digest for blob in blobs], member)
        if both := {blob.digest for blob in held} & {blob.digest for blob in missing}:
            raise FormatError(f"{min(both)} is said to be there and to be missing", where="missing")
        return cls(
            created=rfc3339(json.take(document, "created", str), where="created"),
            registry=json.take(document, "registry", str),
            site=json.take_optional(document, "site", str),
            artifacts=json.take_list(document, "artifacts", LackingArtifact.from_json, limit=limits.INDEX_ENTRIES),
            held=held,
            missing=missing,
        )

    def write(self, path: Path) -> None:
        """It as a file, complete or not at all. Raises AirgapError."""
        data = self.dump()
        try:
            with complete_or_absent(path) as file:
                file.write(data)
        except OSError as error:
            raise unwritable(path, "request", error) from None
