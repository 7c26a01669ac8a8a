"""How two bundles differ, by the names of what they list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from airgap.bundle.bundle_document import BundledArtifact, BundleDocument
from airgap.bundle.opened_bundle import OpenBundle
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.parse.time import iso
from airgap.reasons import ExitCode
from airgap.text import safe

_UNKNOWN: Final = "not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedArtifact:
    """A name that both bundles have."""

    reference: str
    """Safe to show."""
    before: Digest
    after: Digest
    what: tuple[str, ...]
    """What is different about it, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleDifference:
    """The difference from one bundle to another."""

    first: Descriptor
    """Of the bundles' artifacts."""
    second: Descriptor
    about: tuple[str, ...]
    """What is different about the bundles as such, in words."""
    added: tuple[str, ...]
    """Names that only the second has, with digests; safe to show."""
    removed: tuple[str, ...]
    changed: tuple[ChangedArtifact, ...]
    new_bytes: int
    """Of content that only the second has."""

    @property
    def is_same(self) -> bool:
        """Whether they list the same content, and were made for the same moment."""
        return self.first.digest == self.second.digest

    @property
    def exit_code(self) -> int:
        """0 for the same, else 21."""
        return ExitCode.OK if self.is_same else ExitCode.DIFFERENT

    @classmethod
    def of(cls, first: OpenBundle, second: OpenBundle) -> BundleDifference:
        """The difference of two open bundles."""
        one, other = _by_name(first.document), _by_name(second.document)
        held = {blob.digest for blob in first.document.blobs}
        return cls(
            first=first.descriptor,
            second=second.descriptor,
            about=tuple(_about(first.document, second.document)),
            added=tuple(_listed(name, other[name]) for name in sorted(other.keys() - one.keys())),
            removed=tuple(_listed(name, one[name]) for name in sorted(one.keys() - other.keys())),
            changed=tuple(
                ChangedArtifact(
                    reference=name,
                    before=one[name].descriptor.digest,
                    after=other[name].descriptor.digest,
                    what=tuple(_changes(one[name], other[name])),
                )
                for name in sorted(one.keys() & other.keys())
                if one[name] != other[name] and any(_changes(one[name], other[name]))
            ),
            new_bytes=sum(blob.size for blob in second.document.blobs if blob.digest not in held),
        )


def _by_name(document: BundleDocument) -> Mapping[str, BundledArtifact]:
    return {name: item for item in document.artifacts for name in item.references}


def _listed(name: str, artifact: BundledArtifact) -> str:
    digest = str(artifact.descriptor.digest)
    return name if digest in name else f"{name} ({digest})"


def _about(one: BundleDocument, other: BundleDocument) -> Iterator[str]:
    for what, before, after in (
        ("stream", one.stream or "none", other.stream or "none"),
        ("number", str(one.number or "none"), str(other.number or "none")),
        ("moment", iso(one.created), iso(other.created)),
        ("use by", iso(one.use_by) if one.use_by else _UNKNOWN, iso(other.use_by) if other.use_by else _UNKNOWN),
        ("made by airgap", one.tool, other.tool),
        ("delta since", *(item.base.text if item.base else "nothing" for item in (one, other))),
        ("left out", *(_left_out(item) for item in (one, other))),
    ):
        if before != after:
            yield f"{what}: {safe(before)}, then {safe(after)}"


def _left_out(document: BundleDocument) -> str:
    return document.base.left_out if document.base and document.base.held else "nothing"


def _changes(one: BundledArtifact, other: BundledArtifact) -> Iterator[str]:
    if one.descriptor.digest != other.descriptor.digest:
        yield "another artifact"
        return
    for what, before, after in (
        ("signatures", set(one.signatures), set(other.signatures)),
        ("platforms", {item.platform for item in one.platforms}, {item.platform for item in other.platforms}),
        ("attachments", {item.digest for item in one.attachments}, {item.digest for item in other.attachments}),
    ):
        if before != after:
            yield f"{what}: {len(after - before)} more, {len(before - after)} fewer"
    if one.use_by != other.use_by:
        yield "use by"
