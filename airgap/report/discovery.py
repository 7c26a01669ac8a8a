"""What `airgap discover` shows: a tree, or the document `airgap.discover/1`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from airgap.oci.artifact_tree import ArtifactTree, Discovered
from airgap.oci.attached import by_kind, kind_of_types
from airgap.oci.descriptor import ACQUISITION, NOTARY_SIGNATURE
from airgap.oci.lookup import FoundBy, Mechanism, ReferrersLookup
from airgap.oci.record import Record
from airgap.parse.time import iso
from airgap.reasons import ExitCode
from airgap.report.artifact_names import ArtifactName, Natural, short
from airgap.report.finding_text import unread_lines
from airgap.report.report import Json, Report
from airgap.report.style import Style, unbroken
from airgap.report.wording import TreeNode, count, lookup_document, size
from airgap.revocation.artifact import EVIDENCE_TYPE
from airgap.text import safe, some
from airgap.verifier.artifact_document import content_problem_document, record_document

DISCOVER_SCHEMA = "airgap.discover/1"


@dataclass(frozen=True, slots=True)
class DiscoverReport(Report):
    """What `airgap.discover` shows: `airgap.discover/1`."""

    artifacts: Sequence[Discovered]
    verbose: bool = False
    """Whether the text has whole digests and types, and how each referrer was found."""

    @property
    def exit_code(self) -> int:
        """16 where something cannot be read that may belong to a tree."""
        return ExitCode.CONTENT if any(artifact.unread for artifact in self.artifacts) else ExitCode.OK

    def document(self) -> Json:
        """Everything below each artifact."""
        return {
            **self.first_members(DISCOVER_SCHEMA),
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

    def lines(self, style: Style) -> Iterator[str]:
        """One tree an artifact, then what cannot be read, and last how much there is."""
        ways = sorted({way for artifact in self.artifacts for way in _ways(artifact.tree)})
        painter = _Painter(style, self.verbose, tells_way=self.verbose or len(ways) > 1)
        for artifact in sorted(self.artifacts, key=_by_name):
            yield from painter.root(artifact).lines(style)
            yield ""
        unread = [(artifact.reference, problem) for artifact in self.artifacts for problem in artifact.unread]
        if unread:
            yield from (*unread_lines(unread, style, verbose=self.verbose), "")
        number = sum(_referrers(artifact.tree) for artifact in self.artifacts)
        how = f", found by the {unbroken(ways[0])}" if len(ways) == 1 and ways != [FoundBy.ENTRY] else ""
        found = f"{count(len(self.artifacts), 'artifact')}, {count(number, 'referrer')}{how}; nothing was judged."
        word, kind, lacking = ("FOUND", "good", "")
        if unread:
            word, kind, lacking = ("INCOMPLETE", "bad", "something cannot be read that is part of a tree, or may be. ")
        yield from style.ending(word, f"{lacking}{found}", self.exit_code, kind)


def _by_name(artifact: Discovered) -> tuple[bool, str, Natural, Natural]:
    name = ArtifactName.of(artifact.reference, artifact.tags, artifact.tree.descriptor.digest)
    return name.tag[:1] == "@", name.target, *name.order


def _ways(tree: ArtifactTree) -> Iterator[str]:
    """How referrers were found."""
    if tree.mechanism:
        yield tree.mechanism.value
    for below in tree.below:
        yield from _ways(below)


def _referrers(tree: ArtifactTree) -> int:
    """How many there are, each once."""
    here = tree.role == "referrer" and not tree.repeated
    return here + sum(map(_referrers, tree.below))


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


@dataclass(frozen=True, slots=True)
class _Painter:
    """Draws the trees of one report."""

    style: Style
    verbose: bool
    tells_way: bool
    """Whether each referrer says how it was found; where all were found in one way, the last line does."""

    def root(self, artifact: Discovered) -> TreeNode:
        """The tree of an artifact."""
        style, tree = self.style, artifact.tree
        named = [style.paint("strong", short(artifact.reference, verbose=self.verbose))]
        named += self._size(tree)
        if not artifact.reference.endswith(f"@{tree.descriptor.digest}"):
            named.append(self._digest(tree))
        root = TreeNode("  ".join(named))
        others = [tag for tag in map(safe, artifact.tags) if not artifact.reference.endswith(f":{tag}")]
        if others:
            root.add(f"also {some(others, len(others) if self.verbose else _TAGS)}")
        if artifact.record is not None:
            root.add(f"{style.paint('quiet', 'record')} {_origin(artifact.record)}")
        for note in (note for lookup in artifact.lookups for note in lookup.notes):
            root.add(style.paint("unsure", short(f"not taken as a referrer: {note}", verbose=self.verbose)))
        self._add(root, tree)
        if not artifact.unread and not any(below.role == "referrer" for below in tree.below):
            root.add(style.paint("quiet", _none(artifact.lookups)))
        return root

    def _add(self, node: TreeNode, tree: ArtifactTree) -> None:
        if tree.missing:
            node.add(self.style.paint("bad", short(tree.missing, verbose=self.verbose)))
        for below in sorted(tree.below, key=_order):
            self._add(node.add(self._label(below)), below)
        if tree.more:
            node.add(self.style.paint("quiet", f"and {tree.more} more that are shown elsewhere"))

    def _label(self, tree: ArtifactTree) -> str:
        descriptor = tree.descriptor
        shown = tree.shown_type or descriptor.media_type
        if tree.role == "child":
            name = safe(str(descriptor.platform) if descriptor.platform else descriptor.media_type)
        else:
            name = self.style.paint("strong", safe(shown if self.verbose else _NAMES.get(shown, shown)))
        parts = [name, *self._size(tree), self._digest(tree)]
        if tree.mechanism and self.tells_way:
            parts.append(self.style.paint("quiet", f"({tree.mechanism})"))
        if tree.repeated:
            parts.append(self.style.paint("quiet", "(shown above)"))
        return "  ".join(parts)

    def _size(self, tree: ArtifactTree) -> list[str]:
        return [unbroken(size(tree.total))] if tree.total and not tree.repeated else []

    def _digest(self, tree: ArtifactTree) -> str:
        return self.style.paint("quiet", short(str(tree.descriptor.digest), verbose=self.verbose))


def _order(tree: ArtifactTree) -> tuple[bool, tuple[int, str], str, str]:
    """Referrers by kind, signatures first, then by type and digest; children after them, as the index has them."""
    if tree.role == "child":
        return True, (0, ""), "", ""
    shown = tree.shown_type or tree.descriptor.media_type
    kind = _KINDS.get(shown) or ("cosign sig" if "simplesigning" in shown else kind_of_types(shown))
    return False, by_kind((kind, 0)), shown, str(tree.descriptor.digest)


_TAGS: Final = 8
_NAMES: Final = {NOTARY_SIGNATURE: "signature", EVIDENCE_TYPE: "evidence", ACQUISITION: "acquisition record"}
"""What well-known types are called."""
_KINDS: Final = {NOTARY_SIGNATURE: "sig", EVIDENCE_TYPE: "evidence", ACQUISITION: "record"}


def _tree(tree: ArtifactTree) -> Json:
    descriptor = tree.descriptor
    return {
        "role": tree.role,
        "digest": str(descriptor.digest),
        "media_type": safe(descriptor.media_type),
        "size": descriptor.size,
        "total": tree.total,
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
