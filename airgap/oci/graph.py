"""The graph of a layout: its own artifacts, their referrers, and everything that each of them reaches.

Every manifest is read, verified and parsed once. An unreadable one becomes a problem and does not hide others (D27,
MAN-34). Digests make cycles impossible, and no cycle would be followed.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from airgap import limits
from airgap.errors import ContentError, NotFoundError
from airgap.oci.closure import Closure, ClosureWalk
from airgap.oci.descriptor import INDEX_TYPES, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.documents import LAYOUT_INDEX, LayoutOnDisk
from airgap.oci.entry_names import names_there
from airgap.oci.lookup import FoundBy
from airgap.oci.manifest_reader import ManifestReader
from airgap.oci.nodes import Referrer, Referrers, Root
from airgap.oci.problems import ContentProblem
from airgap.oci.reference import LayoutReference
from airgap.oci.scan import NO_MECHANISMS, Scan, scan, unreadable_entries
from airgap.oci.store import InVolumes, Store, stored_size
from airgap.text import safe

if TYPE_CHECKING:  # few layouts are saved by docker
    from airgap.oci.docker_names import DockerNames


class Graph:
    """The graph of one layout. Not safe for threads."""

    def __init__(
        self,
        store: Store,
        mechanisms: Mapping[Digest, FoundBy] = NO_MECHANISMS,
    ) -> None:
        """`mechanisms`: how referrers were found that are not recorded as a layout records them."""
        self._store: Final = store
        self._mechanisms: Final = mechanisms
        reader = ManifestReader(store)
        self.manifest: Final = reader.read
        """Reads the verified content of a manifest or index, once. Raises ContentError."""
        self.node: Final = reader.node
        """Reads an artifact or an entry of an index; None for one of an unknown type. Raises ContentError."""
        self._check_opaque: Final = reader.check_opaque
        self._reached = 0

    @cached_property
    def _scan(self) -> Scan:
        return scan(self._store, self.manifest, self._check_opaque, self._mechanisms)

    @cached_property
    def _unread_digests(self) -> frozenset[Digest]:
        unread = (*self._scan.unread, *self._scan.unread_named)
        return frozenset(problem.descriptor.digest for problem in unread if problem.descriptor)

    @property
    def problems(self) -> tuple[ContentProblem, ...]:
        """Unreadable entries of `index.json`; it is not known to which artifact they belong.

        Beyond limits.NOTES_SHOWN only their number.
        """
        return self._scan.problems

    @property
    def notes(self) -> tuple[ContentProblem, ...]:
        """Harmless oddities (`layout.entry`): a tag given twice, a referrer whose subject is missing, ..."""
        return self._scan.notes

    @property
    def full_index(self) -> str | None:
        """A file beside `index.json` in which some tool lists more than it does; it is not read."""
        return self._store.full_index if isinstance(self._store, LayoutOnDisk) else None

    @property
    def beside(self) -> Sequence[str]:
        """What is beside the volumes of a layout, and is not read; safe to show."""
        return self._store.notes if isinstance(self._store, InVolumes) else ()

    @cached_property
    def _docker(self) -> DockerNames | None:
        """What `docker load` reads instead of `index.json`; None where there is no such file."""
        if not isinstance(self._store, LayoutOnDisk):
            return None
        try:
            documents: Mapping[str, bytes] | ContentProblem = self._store.docker_documents()
        except ContentError as error:
            documents = ContentProblem.of(error, None, f"beside {LAYOUT_INDEX}")
        if not documents:
            return None
        from airgap.oci.docker_names import DockerNames

        return DockerNames(documents, self)

    @cached_property
    def disagreements(self) -> tuple[ContentProblem, ...]:
        """Everything that `docker load` would load and `index.json` does not name (`layout.disagrees`).

        Raises ContentError (`content.limit`) where too much would have to be compared.
        """
        return self._docker.disagreements() if self._docker else ()

    @property
    def names_unread(self) -> tuple[ContentProblem, ...]:
        """What `docker load` may read from here and is unreadable: it may give any artifact another name."""
        return self._docker.unread if self._docker else ()

    def docker_names(self, root: Root) -> tuple[str, ...]:
        """The names that `docker load` gives to an artifact, by a `manifest.json` beside the layout.

        Raises ContentError (`content.limit`), as `disagreements` does.
        """
        return self._docker.names_of(root) if self._docker else ()

    # --- naming ---

    @cached_property
    def names(self) -> Mapping[str, frozenset[Digest]]:
        """Every name that some tool accepts here, and the entries that it may lead to. Several make it ambiguous."""
        return self._scan.names.all()

    @property
    def digests(self) -> Container[Digest]:
        """Every digest that `index.json` leads to, also where several descriptors disagree about it."""
        return self._scan.known.keys()

    @property
    def known(self) -> Iterable[Descriptor]:
        """All descriptors that `index.json` leads to: entries, children, referrers, each digest once."""
        return self._scan.known.values()

    def entry_names(self, root: Root) -> Sequence[tuple[str, ...]]:
        """The names of each entry of `index.json` that is this artifact."""
        return self._scan.names.groups(root.descriptor.digest)

    @cached_property
    def shared_names(self) -> tuple[str, ...]:
        """Ambiguous names: two different entries have the name, and one of them has no other name."""
        return tuple(dict.fromkeys(name for _, name in self._scan.names.doubles()))

    def roots(self) -> tuple[Root, ...]:
        """The layout's own artifacts, in the order of `index.json`: no referrers, no children of indexes."""
        return self._scan.roots

    @property
    def name(self) -> str:
        """The layout, for people."""
        return self._store.name

    def whole(self) -> tuple[Root, ...]:
        """The artifacts that a reference to the whole layout names: at least one.

        Raises NotFoundError if there is none, ContentError if none can be read, or a file that names some.
        """
        for problem in self.names_unread:
            if problem.reason != "layout.disagrees":  # the remedy of that is a copy of the whole
                raise problem.error()
        roots = self.roots()
        if not roots:
            for problem in (*self.problems, *self._scan.unread):
                raise problem.error()
            raise NotFoundError(
                f"the layout {self._store.name} holds no artifact: its index.json lists none",
                remedy="Check that it is the right one, and that its copy is complete: index.json is written last.",
            )
        return roots

    @cached_property
    def _roots_by_digest(self) -> Mapping[Digest, list[Root]]:
        found: dict[Digest, list[Root]] = {}
        for root in self.roots():
            found.setdefault(root.descriptor.digest, []).append(root)
        return found

    def resolve(self, name: str | Digest | None) -> Root:
        """The artifact with this tag or digest, or the only one: the one way to look a name up. Raises NotFoundError.

        A tag is a full name of an entry, or the tag part of one. An ambiguous name is refused. A digest may be that of
        a child at any depth, or of a referrer; the result is the descriptor that points at it, with its real media type
        (MAN-35, D3). Raises ContentError if it is not found but may be below an unreadable manifest, and for a tag if a
        file that may give it to something else cannot be read.
        """
        if isinstance(name, Digest):
            return self._by_digest(name)
        for problem in self.names_unread:
            raise problem.error()
        try:
            return self._only() if name is None else self._by_name(name)
        except NotFoundError:
            self._check_entries()
            raise

    def resolve_judged(self, name: str, descriptor: Descriptor) -> Root:
        """The artifact that was judged under this tag: by its digest, or by the tag where several have the digest.

        The tag counts only if it leads to what `descriptor` says. Raises as `resolve` does.
        """
        if len(self._roots_by_digest.get(descriptor.digest, ())) > 1:
            try:
                found = self.resolve(name)
            except NotFoundError:
                pass  # the digest is what was judged
            else:
                if found.descriptor.same_content(descriptor):
                    return found
        return self.resolve(descriptor.digest)

    def find(self, reference: LayoutReference) -> Root:
        """The artifact that a reference to this layout names. Raises as `resolve` does."""
        if reference.literal is not None and reference.digest is not None:
            self._scan.names.check_pinned(reference.literal, reference.digest)
        return self.resolve(reference.digest or reference.tag)

    def _check_entries(self) -> None:
        """Raises ContentError if an entry of `index.json` is no descriptor: it may be the one that was asked for."""
        for problem in unreadable_entries(self._store.index()):
            raise problem.error()

    def _only(self) -> Root:
        roots = self.roots()
        if len(roots) != 1:
            tags = names_there(tag for root in roots for tag in (root.tags or root.aliases[:1]))
            raise NotFoundError(f"{self._store.name} holds {len(roots)} artifacts, not one; name one{tags}")
        return roots[0]

    def check_name(self, name: str) -> None:
        """Refuses a name that `resolve` refuses; it looks through no artifacts, so that all names can be asked for."""
        try:
            self._named(name)
        except NotFoundError:
            self._check_entries()
            raise

    def _by_name(self, name: str) -> Root:
        found = self._named(name)
        for root in self.roots():
            if root.descriptor.same_content(found.descriptor):
                found = replace(root, descriptor=found.descriptor, called=found.called)
        return found

    def _named(self, name: str) -> Root:
        entry, called = self._scan.names.look_up(name)
        found = Root(entry.descriptor, (called,), called=called)
        if self._docker:
            self._docker.check(found, {name, called})
        return found

    def _by_digest(self, digest: Digest) -> Root:
        self._scan.names.check_literal(str(digest), digest)
        found = self._roots_by_digest.get(digest, ())
        if len(found) > 1:
            types = " and ".join(safe(root.descriptor.media_type, limit=128) for root in found)
            raise NotFoundError(
                f"{digest} is in {self._store.name} as {types}; tools disagree on which one it means",
                remedy="Name it by a tag, or the whole layout; several layouts one at a time.",
                digest=str(digest),
            )
        if found:
            return found[0]
        descriptor = self._scan.known.get(digest)
        if descriptor is None:
            self._check_entries()
            for index in self._scan.known.values():
                if index.media_type in INDEX_TYPES:
                    self.manifest(index)  # an unreadable manifest may list it
            raise self._absent(digest)
        return Root(descriptor, ())

    def _absent(self, digest: Digest) -> NotFoundError:
        """The error for a missing artifact. It says what has the digest: a part of an artifact, or an unlisted blob."""
        nothing = f"{self._store.name} has no artifact {digest}"
        for holder in self._scan.known.values():
            for place, part in self._successors(holder):
                if part.digest == digest:
                    part_of = "the config (docker's image ID)" if place == "config" else place
                    return NotFoundError(
                        f"{nothing}: it is {part_of} of {holder.digest}",
                        remedy=f"Name the artifact that it belongs to: @{holder.digest}.",
                        digest=str(digest),
                    )
        there = stored_size(self._store, digest) is not None
        # NEG-150: a blob that no entry leads to is not found, and the message says why
        orphan = "; a blob of this digest is there, but no entry of index.json leads to it" if there else ""
        return NotFoundError(f"{nothing}{orphan}", remedy="See what there is with airgap discover.", digest=str(digest))

    def _successors(self, descriptor: Descriptor) -> Sequence[tuple[str, Descriptor]]:
        """The descriptors in a manifest; empty if it cannot be read, which is reported elsewhere."""
        try:
            return self.manifest(descriptor).successors() if descriptor.is_manifest else ()
        except ContentError:
            return ()

    def children(self, descriptor: Descriptor) -> Iterator[Descriptor]:
        """The manifests that an index lists; none where it cannot be read, which is reported elsewhere."""
        return (below for _, below in self._successors(descriptor) if below.is_manifest)

    # --- referring ---

    def referrers(self, descriptor: Descriptor) -> Referrers:
        """All manifests with this subject (media type, digest and size: MAN-31), and unreadable ones that may have it.

        All forms are read: entries of `index.json`, referrers-tag indexes (only entries that really have this subject),
        and cosign's tags, which name only a digest. Referrers beyond limits.REFERRERS count as unreadable. So does what
        has a name, unless an artifact that reaches this has a signature (decision 0020).
        """
        found: dict[Digest, Referrer] = {}
        for referrer in self._scan.referrers.get(descriptor.digest, ()):
            if referrer.subject is None or referrer.subject.same_content(descriptor):
                found.setdefault(referrer.descriptor.digest, referrer)
        claims = self._scan.unreadable.get(descriptor.digest, ())
        unread = self._scan.unread
        if descriptor.digest not in self._scan.signed:
            unread += self._scan.unread_named
        if descriptor.digest in self._unread_digests:  # a manifest cannot refer to itself
            unread = tuple(problem for problem in unread if not _is_of(problem, descriptor))
        if len(found) > limits.REFERRERS:
            error = ContentError(
                "content.limit",
                f"{descriptor.digest} has {len(found)} referrers, more than {limits.REFERRERS}",
                digest=str(descriptor.digest),
            )
            return Referrers((), (*claims, ContentProblem.of(error, descriptor, "referrers")), unread)
        return Referrers(tuple(found[digest] for digest in sorted(found)), claims, unread)

    @property
    def attached(self) -> Mapping[Digest, Sequence[Referrer]]:
        """All readable referrers by the digest of their subject, which may be missing here.

        For hints in messages only. Use `referrers` to find the referrers of an artifact.
        """
        return self._scan.referrers

    # --- reaching ---

    def closure(self, descriptor: Descriptor, *, declared_absent: frozenset[Digest] = frozenset()) -> Closure:
        """Everything that `descriptor` reaches, breadth first, each once. Content of the layout never makes it raise.

        `declared_absent`: digests that a record says were left out on purpose. A record is a claim of the writer of the
        layout. So it excuses only children of an index, and only if an image of that index is here; never a layer, a
        config or the root.
        """
        return ClosureWalk(self, declared_absent).run(descriptor)

    def spend(self, count: int = 1) -> bool:
        """Counts more descriptors that a walk through some artifact meets; False beyond limits.GRAPH_REACHED."""
        self._reached += count
        return self._reached <= limits.GRAPH_REACHED

    @property
    def spent(self) -> int:
        """How many descriptors were counted."""
        return self._reached

    def surface(self, descriptor: Descriptor) -> Closure:
        """`descriptor` and its referrers, recursively, without layers and children: enough to judge signatures."""
        return ClosureWalk(self, frozenset(), inside=False).run(descriptor)


def _is_of(problem: ContentProblem, descriptor: Descriptor) -> bool:
    return problem.descriptor is not None and problem.descriptor.same_content(descriptor)
