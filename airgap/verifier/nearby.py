"""Finds signatures near an unsigned artifact, for messages: of another kind, or about something else."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

from airgap.errors import ContentError
from airgap.oci.descriptor import ENVELOPE_TYPES, INDEX_TYPES, NOTARY_SIGNATURE, ORAS_ARTIFACT_MANIFEST, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.images import is_attestation
from airgap.oci.lookup import FoundBy
from airgap.oci.manifest import Manifest
from airgap.oci.nodes import Referrer, reported_elsewhere
from airgap.signature.signature_manifest import is_before_one, is_signature
from airgap.text import safe, some
from airgap.verifier.advice import Hint

_COSIGN: Final = "cosign signature"
_SIMPLE_SIGNING: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
_ATTESTED: Final = frozenset({"application/vnd.dsse.envelope.v1+json", "application/vnd.in-toto+json"})
_BUNDLE: Final = "application/vnd.dev.sigstore.bundle"
_PGP: Final = "application/pgp-signature"
_PROVENANCE: Final = "application/vnd.cncf.helm.chart.provenance.v1.prov"
_SHOWN: Final = 3
_OTHER_TOOL: Final = "Verify that signature with its own tool, or ask the publisher for a Notary Project signature."


class OtherSignatures(NamedTuple):
    """Signatures of unnamed artifacts in the layout."""

    subject: Digest
    """One of these artifacts, which need not be here."""
    subjects: int
    """How many there are."""
    signatures: int

    def hint(self, name: str) -> Hint:
        """The hint for the artifact with this name."""
        are = "signature here is" if self.signatures == 1 else "signatures here are"
        more = f" and {self.subjects - 1} more" if self.subjects > 1 else ""
        what = f"{self.signatures} {are} of {self.subject}{more}, not of what {name} names now"
        remedy = "Copy the signed artifact by its digest (SOURCE@sha256:...), or ask the publisher to sign this one."
        return Hint(f"{what}: was it changed after it was signed, or was the tag moved?", remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class NearbySignatures:
    """Signatures that are not about the artifact but that a person may take for its own."""

    name: str = "the artifact"
    """What the artifact is called."""
    foreign: tuple[str, ...] = ()
    """Attached signatures of another kind, in words: `cosign signature (tag sha256-....sig)`."""
    children: tuple[int, int] = (0, 0)
    """How many of the images that an index lists are signed, and how many it lists."""
    foreign_below: tuple[str, ...] = ()
    """Signatures of another kind on these images."""
    indexes: tuple[Digest, ...] = ()
    """Signed indexes that list the artifact."""
    foreign_above: str = ""
    """One with a signature of another kind: `sha256:... that lists it carries a cosign signature`."""
    others: OtherSignatures | None = None
    """What else is signed here and has no name now."""

    misdescribed: tuple[str, ...] = ()
    """As what signatures name the artifact's digest that describe something else: `TYPE of N bytes`."""
    signs: Digest | None = None
    """What the artifact signs, where it is a signature itself."""
    mistyped: str = ""
    """The artifact type of an attachment that holds an envelope, where it is not that of signatures."""
    full_index: str | None = None
    """A file in the layout that lists more than `index.json`, and is not read."""

    def hints(self) -> Iterator[Hint]:
        """One for each kind of signatures here."""
        signed, listed = self.children
        if self.signs:
            yield Hint(f"it is a signature itself, of {self.signs}", f"Verify what it signs: @{self.signs}.")
        yield from self._passed_over()
        if signed:
            yield Hint(
                f"{signed} of the {listed} platform images that it lists are signed, and the index is not",
                "Verify the images one by one, by digest (TARGET@sha256:...), or ask the publisher to sign the index.",
            )
        if self.indexes:
            yield Hint(
                f"the index {self.indexes[0]} that lists it carries signatures",
                "Verify the index, whose signature covers what it lists, or ask the publisher to sign each image.",
            )
        if self.others:
            yield self.others.hint(self.name)
        for place, kinds in (("", self.foreign), (" to the platform images that it lists", self.foreign_below)):
            if kinds:
                verb = "is" if len(kinds) == 1 else "are"
                named = some(kinds, _SHOWN, lambda kind: f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}")
                yield Hint(f"attached{place} {verb} {named}, which {verb} not judged here", _OTHER_TOOL)
        if self.foreign_above:
            yield Hint(f"the index {self.foreign_above}, which is not judged here", _OTHER_TOOL)

    def _passed_over(self) -> Iterator[Hint]:
        """What may be its signature, and is not read as that."""
        if self.mistyped:
            text = f"an attachment holds an envelope and is of type {self.mistyped!r}, not {NOTARY_SIGNATURE}"
            yield Hint(
                text, "Ask the publisher to attach it as a signature (airgap sign, notation sign): its type decides."
            )
        if self.full_index:
            text = f"{self.full_index} lists what index.json leaves out, signatures perhaps, and is not read"
            yield Hint(text, "Save it so that index.json lists all: hauler store save without --containerd.")
        if self.misdescribed:
            yield Hint(
                f"a signature here names this digest as {self.misdescribed[0]}, which it is not",
                "Ask the publisher to sign the artifact as it is: media type and size count, not the digest alone.",
            )


class NearbySignatureFinder:
    """Finds signatures near an unsigned artifact in one target, for messages."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def of(self, artifact: Descriptor, name: str) -> NearbySignatures:
        """The signatures near an artifact without a signature, so that they are not thought to be lost.

        `name` is what messages call the artifact.
        """
        below = _children(self._graph, artifact)
        images = [child for child in below if not is_attestation(child)]
        return NearbySignatures(
            name=name,
            foreign=tuple(_foreign(self._graph, artifact)),
            children=(sum(_is_signed(self._graph, child) for child in images), len(images)),
            foreign_below=tuple(dict.fromkeys(kind for child in below for kind in _foreign(self._graph, child))),
            indexes=tuple(self._signed_indexes.get(artifact.digest, ())),
            foreign_above=self._foreign_indexes.get(artifact.digest, ""),
            others=self._others(artifact, below),
            misdescribed=tuple(dict.fromkeys(self._misdescribed(artifact))),
            signs=self._signed_by(artifact),
            full_index=self._graph.full_index,
            mistyped=next(_mistyped(self._graph, artifact), ""),
        )

    def _signed_by(self, artifact: Descriptor) -> Digest | None:
        """What a signature manifest is about that was asked for in the place of that."""
        if not artifact.is_manifest:
            return None
        try:
            manifest = self._graph.manifest(artifact)
        except ContentError:
            return None  # reported as a problem of the artifact
        subject = manifest.subject if is_signature(manifest) else None
        return subject.digest if subject else None

    @cached_property
    def _signed_indexes(self) -> Mapping[Digest, list[Digest]]:
        """The children of signed indexes, each with its indexes."""
        found: dict[Digest, list[Digest]] = {}
        for root in self._graph.roots():
            if _is_signed(self._graph, root.descriptor):
                for child in _children(self._graph, root.descriptor):
                    found.setdefault(child.digest, []).append(root.descriptor.digest)
        return found

    @cached_property
    def _foreign_indexes(self) -> Mapping[Digest, str]:
        """The same for indexes with signatures of other kinds, one for each."""
        found: dict[Digest, str] = {}
        for root in self._graph.roots():
            kind = next(_foreign(self._graph, root.descriptor), None)
            for child in _children(self._graph, root.descriptor) if kind else ():
                found.setdefault(child.digest, f"{root.descriptor.digest} that lists it carries a {kind}")
        return found

    def _others(self, artifact: Descriptor, below: Sequence[Descriptor]) -> OtherSignatures | None:
        """Signed artifacts without a name: one may be the former artifact of a tag.

        There may be as many of these as artifacts, so that each artifact looks at its own neighbours alone.
        """
        near = {artifact.digest, *(child.digest for child in below), *self._signed_indexes.get(artifact.digest, ())}
        own = [digest for digest in near if digest in self._nameless]
        first = next((digest for digest in self._nameless if digest not in near), None)
        if first is None:
            return None
        return OtherSignatures(
            subject=first,
            subjects=len(self._nameless) - len(own),
            signatures=self._nameless_signatures - sum(self._nameless[digest] for digest in own),
        )

    @cached_property
    def _nameless_signatures(self) -> int:
        return sum(self._nameless.values())

    def _misdescribed(self, artifact: Descriptor) -> Iterator[str]:
        """As what signatures name the artifact's digest that do not describe it as it is (MAN-31)."""
        for referrer in self._graph.attached.get(artifact.digest, ()):
            subject = referrer.subject
            if subject is not None and is_signature(referrer.manifest) and not subject.same_content(artifact):
                yield f"{safe(subject.media_type, limit=128)} of {subject.size} bytes"

    @cached_property
    def _nameless(self) -> Mapping[Digest, int]:
        """What carries signatures and has no name, be it here or not, with their number.

        Without attachments, which are signed beside their artifact.
        """
        attached = self._graph.attached
        referrers = {referrer.descriptor.digest for found in attached.values() for referrer in found}
        counts = {
            subject: sum(is_signature(referrer.manifest) for referrer in found) for subject, found in attached.items()
        }
        left_out = referrers | self._named
        return {subject: count for subject, count in counts.items() if count and subject not in left_out}

    @cached_property
    def _named(self) -> frozenset[Digest]:
        """Named artifacts, and their children."""
        queue = deque(root.descriptor for root in self._graph.roots() if root.tags or root.aliases)
        seen: set[Digest] = set()
        while queue:
            descriptor = queue.popleft()
            if descriptor.digest not in seen:
                seen.add(descriptor.digest)
                queue.extend(_children(self._graph, descriptor))
        return frozenset(seen)


def _foreign(graph: Graph, artifact: Descriptor) -> Iterator[str]:
    """Each kind of signature or attestation of other tools once, with the tag under which it is."""
    seen: set[str] = set()
    if _has_provenance(graph, artifact):
        yield "Helm provenance file (a PGP signature, in a layer of its own)"
    for referrer in _referrers(graph, artifact):
        kind = foreign_kind(referrer) or _attestation(referrer)
        if kind is None:
            continue
        tagged = referrer.mechanism is FoundBy.COSIGN and referrer.tag
        text = f"{kind} (tag {safe(referrer.tag, limit=160)})" if tagged else kind
        if text not in seen:
            seen.add(text)
            yield text


def _mistyped(graph: Graph, artifact: Descriptor) -> Iterator[str]:
    """The types of attachments that hold an envelope of ours and do not say that they are signatures."""
    for referrer in _referrers(graph, artifact):
        if foreign_kind(referrer) or is_signature(referrer.manifest):
            continue
        if _layer_types(referrer.manifest) & ENVELOPE_TYPES:
            yield safe(referrer.artifact_type, limit=128)


def _attestation(referrer: Referrer) -> str | None:
    if not _layer_types(referrer.manifest) & _ATTESTED:
        return None
    return "cosign attestation" if referrer.mechanism is FoundBy.COSIGN else "in-toto attestation"


def foreign_kind(referrer: Referrer) -> str | None:
    """The name of a signature of another kind; None for everything else."""
    layers = _layer_types(referrer.manifest)
    if _SIMPLE_SIGNING in layers:
        return _COSIGN
    if is_before_one(referrer.manifest):
        retired = referrer.descriptor.media_type == ORAS_ARTIFACT_MANIFEST
        return "signature of a notation before 1.0" + (" (in a retired ORAS artifact manifest)" if retired else "")
    if referrer.artifact_type == _PGP or _PGP in layers:
        return "PGP signature"
    is_bundle = (referrer.artifact_type or "").startswith(_BUNDLE) or any(item.startswith(_BUNDLE) for item in layers)
    return "sigstore bundle" if is_bundle else None


def _layer_types(manifest: object) -> set[str]:
    return {layer.media_type for layer in manifest.layers} if isinstance(manifest, Manifest) else set()


def _has_provenance(graph: Graph, artifact: Descriptor) -> bool:
    """Whether one of its own layers is that; what cannot be read is the content's problem."""
    try:
        return artifact.is_manifest and _PROVENANCE in _layer_types(graph.manifest(artifact))
    except ContentError:
        return False


def _children(graph: Graph, artifact: Descriptor) -> tuple[Descriptor, ...]:
    """The entries of an index; none of what is no index or cannot be read, which is the content's problem."""
    if artifact.media_type not in INDEX_TYPES:
        return ()
    try:
        return tuple(child for _, child in graph.manifest(artifact).successors())
    except ContentError:
        return ()


def _is_signed(graph: Graph, descriptor: Descriptor) -> bool:
    return any(is_signature(referrer.manifest) for referrer in _referrers(graph, descriptor))


def _referrers(graph: Graph, descriptor: Descriptor) -> tuple[Referrer, ...]:
    return graph.referrers(descriptor).readable(reported_elsewhere)
