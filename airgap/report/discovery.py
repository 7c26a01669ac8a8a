"""What `airgap discover` shows: a tree, or the document `airgap.discover/1`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from airgap.oci.artifact_tree import ArtifactTree, Discovered
from airgap.oci.lookup import Mechanism, ReferrersLookup
from airgap.oci.record import Record
from airgap.parse.time import iso
from airgap.reasons import ExitCode
from airgap.report.report import Json, Report
from airgap.report.style import Style
from airgap.report.wording import TreeNode, lookup_document, not_read
from airgap.text import safe
from airgap.verifier.artifact_document import content_problem_document, record_document

DISCOVER_SCHEMA = "airgap.discover/1"


@dataclass(frozen=True, slots=True)
class DiscoverReport(Report):
    """What `airgap.discover` shows: `airgap.discover/1`."""

    artifacts: Sequence[Discovered]

    @property
    def exit_code(self) -> int:
        """16 where something cannot be read that may belong to a tree."""
        return ExitCode.CONTENT if any(artifact.unread for artifact in self.artifacts) else ExitCode.OK

    def document(self) -> Json:
        """Everything below each artifact."""
        return {
            "schema": DISCOVER_SCHEMA,
            "artifacts": [
                {
                    "reference": artifact.reference,
                    "tags": [safe(tag) for tag in artifact.tags],
                    **_tree(artifact.tree),
                    "unread": [content_problem_document(problem) for problem in artifact.unread],
                    "looked": [{**lookup_document(lookup), "notes": list(lookup.notes)} for lookup in artifact.lookups],
                    "acquisition": record_document(artifact.record),
                }
                for artifact in self.artifacts
            ],
        }

    def lines(self, style: Style) -> Iterable[str]:
        """One tree an artifact."""
        lines: list[str] = []
        for artifact in self.artifacts:
            root = TreeNode(f"{style.paint('strong', artifact.reference)}  {artifact.tree.descriptor.digest}")
            if artifact.record is not None:
                root.add(f"{style.paint('quiet', 'record')} {_origin(artifact.record)}")
            for note in (note for lookup in artifact.lookups for note in lookup.notes):
                root.add(style.paint("unsure", f"not taken as a referrer: {note}"))
            _add(root, artifact.tree, style)
            if not artifact.unread and not any(below.role == "referrer" for below in artifact.tree.below):
                root.add(style.paint("quiet", _none(artifact.lookups)))
            for problem in artifact.unread:
                root.add(style.paint("bad", not_read(problem)))
            lines.extend(root.lines())
        return lines


def _none(lookups: Sequence[ReferrersLookup]) -> str:
    """That nothing refers to the artifact itself, and how a registry was asked for that."""
    ways = {Mechanism.API: "the referrers API", Mechanism.TAG: "the referrers tag"}
    asked = next((ways.get(Mechanism(lookup.mechanism)) for lookup in lookups if lookup.mechanism), None)
    return f"no referrers by {asked} or cosign's tags" if asked else "no referrers"


def _origin(record: Record) -> str:
    """What the record says, in a line."""
    source = safe(record.name) if record.name else "an unnamed layout"
    parts = [f"copied from {source} on {iso(record.time)}"]
    if record.mode != "all":
        parts.append(f"referrers {record.mode}")
    if record.absent:
        parts.append(f"left out: {', '.join(safe(item.platform, limit=64) for item in record.absent)}")
    lookups = [item.lookup for item in record.lookups]
    mechanisms = sorted({lookup.mechanism for lookup in lookups if lookup.mechanism})
    if mechanisms:
        listed = sum(lookup.listed for lookup in lookups)
        parts.append(f"{listed} referrers listed by {', '.join(safe(item, limit=64) for item in mechanisms)}")
    return "; ".join(parts)


def _add(node: TreeNode, tree: ArtifactTree, style: Style) -> None:
    if tree.missing:
        node.add(style.paint("bad", tree.missing))
    for below in tree.below:
        _add(node.add(_label(below, style)), below, style)
    if tree.more:
        node.add(style.paint("quiet", f"and {tree.more} more that are shown elsewhere"))


def _label(tree: ArtifactTree, style: Style) -> str:
    above = style.paint("quiet", " (shown above)") if tree.repeated else ""
    if tree.role == "child":
        what = str(tree.descriptor.platform) if tree.descriptor.platform else safe(tree.descriptor.media_type)
        return f"{style.paint('quiet', 'child')} {safe(what)}  {tree.descriptor.digest}{above}"
    kind = safe(tree.shown_type or tree.descriptor.media_type)
    how = style.paint("quiet", f"({tree.mechanism})")
    return f"{style.paint('strong', kind)}  {tree.descriptor.digest} {how}{above}"


def _tree(tree: ArtifactTree) -> Json:
    descriptor = tree.descriptor
    return {
        "role": tree.role,
        "digest": str(descriptor.digest),
        "media_type": safe(descriptor.media_type),
        "size": descriptor.size,
        "artifact_type": safe(tree.artifact_type) if tree.artifact_type else None,
        "platform": safe(descriptor.platform) if descriptor.platform else None,
        "mechanism": tree.mechanism,
        "annotations": {safe(key): safe(value) for key, value in tree.annotations.items()},
        "missing": tree.missing,
        "repeated": tree.repeated,
        "more": tree.more,
        "referrers": [_tree(below) for below in tree.below if below.role == "referrer"],
        "children": [_tree(below) for below in tree.below if below.role == "child"],
    }
