"""What `airgap bundle show` and `airgap bundle diff` say: text, JSON and labels. Nothing is judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from airgap.bundle.bundle_difference import BundleDifference
from airgap.bundle.bundle_overview import BundleOverview, ShownArtifact
from airgap.parse.time import iso, iso_or_null
from airgap.report.artifact_names import natural, short
from airgap.report.bundle_split import labelled
from airgap.report.bundles import base_document, bundle_lines, held_text
from airgap.report.report import TOOL, Json, Report
from airgap.report.style import PLAIN, Style, unbroken
from airgap.report.wording import count, size
from airgap.text import safe, some

BUNDLE_SHOW_SCHEMA: Final = "airgap.bundle.show/1"
BUNDLE_DIFF_SCHEMA: Final = "airgap.bundle.diff/1"
_SHOWN: Final = 6
_WIDTH: Final = 76


@dataclass(frozen=True, slots=True)
class BundleShowReport(Report):
    """What is in a bundle, by what it says of itself: `airgap.bundle.show/1`."""

    overview: BundleOverview
    label: bool = False
    """Whether the text is a label for the medium, and nothing else."""

    def document(self) -> Json:
        """The whole overview (schema in airgap/schemas/bundle-show.schema.json)."""
        shown, document = self.overview, self.overview.document
        return {
            "schema": BUNDLE_SHOW_SCHEMA,
            "tool": TOOL,
            "reference": shown.reference,
            "digest": str(shown.descriptor.digest),
            "set_id": shown.set_id,
            "stream": document.stream,
            "number": document.number,
            "made_by": safe(document.tool),
            "created_at": iso(document.created),
            "use_by": iso_or_null(document.use_by),
            "bytes": document.total,
            "blobs": len(document.blobs),
            "base": base_document(document.base),
            "signers": list(shown.signers),
            "artifacts": [_artifact(item) for item in shown.artifacts],
            "missing": list(shown.missing),
            "more": list(shown.more),
        }

    def lines(self, style: Style) -> Iterator[str]:
        """What is in it, one artifact after the other; or the label."""
        if self.label:
            yield from label_lines(self.overview)
            return
        shown, document = self.overview, self.overview.document
        total = count(len(document.artifacts), "artifact")
        text = f"{shown.reference} says of itself (nothing is judged here): {total}."
        yield from style.paragraph(style.paint("strong", text))
        yield from bundle_lines(document, shown.descriptor, style)
        for signer in shown.signers:
            yield from labelled("claims", f"it is signed by {signer}", style)
        for item in sorted(shown.artifacts, key=lambda item: natural(", ".join(item.artifact.references))):
            yield ""
            yield from _artifact_lines(item, style)
        for name in shown.more:
            yield from style.entry("note", f"not listed, but here: {name}", "unsure")
        yield ""
        lacking = len(shown.missing)
        word, kind = ("INCOMPLETE", "bad") if lacking else ("SHOWN", "good")
        missing = f", {count(lacking, 'thing')} that it lists MISSING" if lacking else ""
        yield from style.ending(word, f"{total}{missing}; nothing was judged.", self.exit_code, kind)


def _artifact(item: ShownArtifact) -> Json:
    artifact = item.artifact
    return {
        "references": list(artifact.references),
        "digest": str(artifact.descriptor.digest),
        "media_type": safe(artifact.descriptor.media_type),
        "bytes": artifact.total,
        "platforms": [safe(one.platform) for one in artifact.platforms],
        "absent": [safe(one.platform) for one in artifact.absent],
        "signatures": [str(digest) for digest in artifact.signatures],
        "signers": list(item.signers),
        "attachments": [
            {"digest": str(one.digest), "artifact_type": safe(one.artifact_type) if one.artifact_type else None}
            for one in artifact.attachments
        ],
        "licences": list(item.licences),
        "use_by": iso_or_null(artifact.use_by),
        "missing": list(item.missing),
    }


def _artifact_lines(item: ShownArtifact, style: Style) -> Iterator[str]:
    artifact = item.artifact
    names = style.paint("strong", ", ".join(artifact.references))
    yield from style.paragraph(f"{names}  {unbroken(size(artifact.total))}", "  ", "    ")
    for name, text in facts_of(item):
        yield from style.paragraph(short(text), f"    {name:<9} ")
    for text in item.missing:
        yield from style.paragraph(short(text), f"    {style.paint('bad', 'MISSING')}   ")


def facts_of(item: ShownArtifact) -> Iterator[tuple[str, str]]:
    """What there is to say about one artifact, each with its heading; safe to show."""
    artifact = item.artifact
    yield "digest", str(artifact.descriptor.digest)
    if artifact.platforms:
        yield "platforms", ", ".join(safe(one.platform, limit=64) for one in artifact.platforms)
    if artifact.absent:
        yield "left out", ", ".join(safe(one.platform, limit=64) for one in artifact.absent)
    yield "signed by", some(item.signers, _SHOWN, joined="; ") if item.signers else "NO SIGNATURE"
    if artifact.attachments:
        kinds = [safe(one.artifact_type or "unknown type", limit=80) for one in artifact.attachments]
        yield "attached", some(sorted(kinds), _SHOWN)
    yield "licences", some(item.licences, _SHOWN) if item.licences else "not stated"
    if artifact.use_by:
        yield "use by", iso(artifact.use_by)


def label_lines(shown: BundleOverview) -> Iterator[str]:
    """A label to print and to stick on the medium."""
    document = shown.document
    kind = "delta" if document.base else "bundle"
    rows = [
        f"{document.stream} / {document.number}   {kind}" if document.stream else kind,
        f"made {iso(document.created)}   use by {iso(document.use_by) if document.use_by else 'not known'}",
        f"{count(len(document.artifacts), 'artifact')}, {size(document.total)}",
        *([f"not here: {held_text(document.base)}"] if document.base else []),
        *shown.set_id.removesuffix(")").split(" ("),
        str(shown.descriptor.digest),
    ]
    yield f"+{'-' * _WIDTH}+"
    yield from (f"| {row:<{_WIDTH - 2}} |" for row in rows)
    yield f"+{'-' * _WIDTH}+"


@dataclass(frozen=True, slots=True)
class BundleDiffReport(Report):
    """How two bundles differ: `airgap.bundle.diff/1`."""

    difference: BundleDifference

    @property
    def exit_code(self) -> int:
        """That of the difference."""
        return self.difference.exit_code

    def document(self) -> Json:
        """The whole difference (schema in airgap/schemas/bundle-diff.schema.json)."""
        found = self.difference
        return {
            **self.first_members(BUNDLE_DIFF_SCHEMA),
            "same": found.is_same,
            "first": str(found.first.digest),
            "second": str(found.second.digest),
            "about": list(found.about),
            "added": list(found.added),
            "removed": list(found.removed),
            "changed": [
                {
                    "reference": item.reference,
                    "before": str(item.before),
                    "after": str(item.after),
                    "what": list(item.what),
                }
                for item in found.changed
            ],
            "new_bytes": found.new_bytes,
        }

    def lines(self, style: Style) -> Iterator[str]:
        """Each name that differs, and last whether the lists are the same: what is there besides is not looked at."""
        found = self.difference
        word, kind = self._word()
        yield from style.entry(word, f"{short(str(found.first.digest))}, {short(str(found.second.digest))}", kind)
        for text in found.about:
            yield from style.paragraph(text, "  ", "    ")
        for label, names in (("added", found.added), ("removed", found.removed)):
            for name in names:
                yield from labelled(label, name, style)
        for item in found.changed:
            moved = f": {short(str(item.before))}, then {short(str(item.after))}" if item.before != item.after else ""
            yield from labelled("changed", f"{item.reference} ({'; '.join(item.what)}){moved}", style)
        yield ""
        yield from self._ending(style)

    def brief_lines(self) -> Iterator[str]:
        """Whether they are the same."""
        return self._ending(PLAIN)

    def _word(self) -> tuple[str, str]:
        return ("THE SAME LIST", "good") if self.difference.is_same else ("DIFFERENT", "unsure")

    def _ending(self, style: Style) -> Iterator[str]:
        found = self.difference
        word, kind = self._word()
        if found.is_same:
            return style.ending(word, f"both are {found.first.digest}.", self.exit_code, kind)
        numbers = ((found.added, "added"), (found.removed, "removed"), (found.changed, "changed"))
        told = [f"{len(items)} {what}" for items, what in numbers if items] or ["the lists have the same artifacts"]
        new = f"{unbroken(size(found.new_bytes))} are in the second bundle only"
        return style.ending(word, f"{', '.join(told)}; {new}.", self.exit_code, kind)
