"""The graph of a layout: its own artifacts, their referrers, and everything that each of them reaches.

Every manifest is read, verified and parsed once. An unreadable one becomes a problem and does not hide others (D27,
MAN-34). Digests make cycles impossible, and no cycle would be followed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from airgap import limits
from airgap.errors import ContentError, FormatError, LimitError, NotFoundError
from airgap.oci.closure import Closure, ClosureWalk
from airgap.oci.descriptor import INDEX_TYPES, MANIFEST_TYPES, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.documents import LAYOUT_INDEX
from airgap.oci.entry_names import listed
from airgap.oci.manifest import Index, Manifest, parse_manifest
from airgap.oci.nodes import LayoutMechanism, Referrer, Referrers, Root
from airgap.oci.problems import ContentProblem
from airgap.oci.reference import LayoutReference
from airgap.oci.scan import NO_MECHANISMS, Scan, scan
from airgap.oci.store import Store, read_verified
from airgap.parse.json import Reading, load_object
from airgap.text import safe

if TYPE_CHECKING:  # few layouts are saved by docker
    from airgap.oci.docker_save import Saved

_Key = tuple[Digest, str, int, bytes | None]
_SCHEMA: Final = 2
_FORMS: Final = frozenset({"manifests", "layers"})


class Graph:
    """The graph of one layout. Not safe for threads."""

    def __init__(self, store: Store, mechanisms: Mapping[Digest, LayoutMechanism] = NO_MECHANISMS) -> None:
        """`mechanisms`: how referrers were found that are not recorded as a layout records them."""
        self._store: Final = store
        self._mechanisms: Final = mechanisms
        self._manifests: Final[dict[_Key, Manifest | Index | ContentError]] = {}
        self._forms: Final[dict[tuple[Digest, int, bytes | None], str]] = {}
        self._descriptors: Final[dict[Descriptor, Descriptor]] = {}
        self._bytes = 0
        self._reached = 0

    # --- reading ---

    def manifest(self, descriptor: Descriptor) -> Manifest | Index:
        """The verified content of a manifest or index. Raises ContentError; reads each only once."""
        key = (descriptor.digest, descriptor.media_type, descriptor.size, descriptor.data)
        known = self._manifests.get(key)
        if known is None:
            try:
                known = self._read(descriptor)
            except ContentError as error:
                known = error
            self._manifests[key] = known
        if isinstance(known, ContentError):
            raise known.with_traceback(None)
        return known

    def _read(self, descriptor: Descriptor) -> Manifest | Index:
        if len(self._manifests) >= limits.GRAPH_NODES or self._bytes + descriptor.size > limits.GRAPH_BYTES:
            raise ContentError(
                "content.limit",
                f"the layout has more than {limits.GRAPH_NODES} manifests, or than {limits.GRAPH_BYTES} bytes of them",
                digest=str(descriptor.digest),
            )
        raw = read_verified(self._store, descriptor, limits.MANIFEST_BYTES)
        self._bytes += len(raw)
        try:
            return self._shared(parse_manifest(raw, descriptor.media_type))
        except FormatError as error:
            reason = "content.limit" if isinstance(error, LimitError) else "content.malformed"
            raise ContentError(
                reason,
                f"{descriptor.digest} cannot be read as {safe(descriptor.media_type, limit=128)}: {error}",
                digest=str(descriptor.digest),
                media_type=safe(descriptor.media_type),
            ) from None

    def _shared(self, manifest: Manifest | Index) -> Manifest | Index:
        """The same manifest with one object for equal descriptors: thousands of indexes may list the same images."""
        if not isinstance(manifest, Index):
            return manifest
        known = self._descriptors
        # the hash ignores annotations: a million descriptors that differ only in these would be compared one by one
        shared = (item if item.annotations else known.setdefault(item, item) for item in manifest.manifests)
        return replace(manifest, manifests=tuple(shared))

    def check_opaque(self, descriptor: Descriptor) -> None:
        """Refuses a manifest whose descriptor states an unknown media type: content below it would go unchecked.

        LAYOUT-2 allows unknown types, but not a wrong type for a known one. Raises ContentError (`content.malformed`).
        Unreadable content is reported by the content check. Reads each blob only once.
        """
        # by digest alone: a hundred thousand entries may state as many types for the same blob
        key = (descriptor.digest, descriptor.size, descriptor.data)
        if key not in self._forms:
            self._forms[key] = self._form(descriptor)
        if form := self._forms[key]:
            raise ContentError(
                "content.malformed",
                f"{descriptor.digest} {form}, but its descriptor says {safe(descriptor.media_type, limit=128)!r}",
                digest=str(descriptor.digest),
                media_type=safe(descriptor.media_type),
            )

    def _form(self, descriptor: Descriptor) -> str:
        """Why the content is a manifest, for a message; empty if it is none."""
        if descriptor.size > limits.MANIFEST_BYTES:
            return ""
        try:
            document = load_object(read_verified(self._store, descriptor), Reading.OPEN)
        except (ContentError, FormatError):
            return ""
        # in lower case, because readers in Go ignore the case of names
        members = {name.casefold(): value for name, value in document.items()}
        stated = members.get("mediatype")
        if isinstance(stated, str) and stated in MANIFEST_TYPES:
            return f"says of itself that it is {stated!r}"
        has_form = members.get("schemaversion") == _SCHEMA and _FORMS & members.keys()
        return "has the form of a manifest" if has_form else ""

    @cached_property
    def _scan(self) -> Scan:
        return scan(self._store, self.manifest, self.check_opaque, self._mechanisms)

    @cached_property
    def _unread_digests(self) -> frozenset[Digest]:
        return frozenset(problem.descriptor.digest for problem in self._scan.unread if problem.descriptor)

    @property
    def problems(self) -> tuple[ContentProblem, ...]:
        """Unreadable entries of `index.json`; it is not known to which artifact they belong."""
        return self._scan.problems

    @property
    def notes(self) -> tuple[ContentProblem, ...]:
        """Harmless oddities (`layout.entry`): a tag given twice, a referrer whose subject is missing, ..."""
        return self._scan.notes

    @property
    def full_index(self) -> str | None:
        """A file beside `index.json` in which some tool lists more than it does; it is not read."""
        return getattr(self._store, "full_index", None)  # only layouts on disk have it

    @cached_property
    def _saved(self) -> Saved | None:
        """What other tools read instead of `index.json`; None where there is nothing of it."""
        look = getattr(self._store, "beside", None)  # only layouts on disk have it
        try:
            documents: Mapping[str, bytes] = look() if look else {}
        except ContentError as error:
            from airgap.oci.docker_save import Saved

            problem = ContentProblem.of(error, None, LAYOUT_INDEX)
            return Saved(unread=(problem,))
        if not documents:
            return None
        from airgap.oci.docker_save import Saved

        return Saved.read(documents)

    @cached_property
    def disagreements(self) -> tuple[ContentProblem, ...]:
        """Everything that `docker load` would load and `index.json` does not name (`layout.disagrees`).

        Raises ContentError (`content.limit`) where too much would have to be compared.
        """
        return tuple(self._saved.disagreements(self._images())) if self._saved else ()

    @property
    def names_unread(self) -> tuple[ContentProblem, ...]:
        """What `docker load` may read from here and is unreadable: it may give any artifact another name."""
        return self._saved.unread if self._saved else ()

    def docker_names(self, root: Root) -> tuple[str, ...]:
        """The names that `docker load` gives to an artifact, by a `manifest.json` beside the layout.

        Raises ContentError (`content.limit`), as `disagreements` does.
        """
        if not self._docker_names:
            return ()
        from airgap.oci.docker_save import path_of

        configs = (image.config for image in self._images_of(root))
        found = (self._docker_names.get(path_of(config.digest), ()) for config in configs if config is not None)
        return tuple(dict.fromkeys(name for names in found for name in names))

    @cached_property
    def _docker_names(self) -> Mapping[str, tuple[str, ...]]:
        """By the path of an image's config."""
        return self._saved.names_by_config() if self._saved else {}

    @cached_property
    def _items(self) -> frozenset[tuple[str, tuple[str, ...]]]:
        """Every image of the layout's artifacts, as `manifest.json` names it."""
        from airgap.oci.docker_save import items_of

        return items_of(image for image, _ in self._images())

    def _images(self) -> Iterator[tuple[Manifest, frozenset[str]]]:
        """Every image of the layout's artifacts, with the names of these."""
        for root in self.roots():
            names = frozenset((*root.tags, *root.aliases))
            for manifest in self._images_of(root):
                yield manifest, names

    def _images_of(self, root: Root) -> Iterator[Manifest]:
        seen: set[Digest] = set()
        queue = deque([root.descriptor])
        while queue:
            descriptor = queue.popleft()
            if not self.spend():  # thousands of artifacts may list the same thousands of images
                bound = f"more than {limits.GRAPH_REACHED} descriptors together"
                raise ContentError("content.limit", f"the artifacts of {self._store.name} reach {bound}")
            if descriptor.digest in seen or not descriptor.is_manifest:
                continue
            seen.add(descriptor.digest)
            try:
                manifest = self.manifest(descriptor)
            except ContentError:
                continue  # reported as a problem of that artifact
            if isinstance(manifest, Index):
                queue.extend(manifest.manifests)
            else:
                yield manifest

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

    def whole(self) -> tuple[Root, ...]:
        """The same for a reference to the whole layout: at least one.

        Raises NotFoundError if there is none, ContentError if none can be read.
        """
        roots = self.roots()
        if not roots:
            for problem in self.problems:
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
        (MAN-35, D3). Raises ContentError if it is not found but may be below an unreadable manifest.
        """
        if isinstance(name, Digest):
            return self._by_digest(name)
        try:
            return self._only() if name is None else self._by_name(name)
        except NotFoundError:
            self._check_entries()
            raise

    def find(self, reference: LayoutReference) -> Root:
        """The artifact that a reference to this layout names. Raises as `resolve` does."""
        if reference.literal is not None and reference.digest is not None:
            self._scan.names.check_literal(reference.literal, reference.digest)
        return self.resolve(reference.digest or reference.tag)

    def _check_entries(self) -> None:
        """Raises ContentError if an entry of `index.json` is no descriptor: it may be the one that was asked for."""
        for problem in self.problems:
            if problem.descriptor is None:
                raise problem.error()

    def _only(self) -> Root:
        roots = self.roots()
        if len(roots) != 1:
            tags = listed(tag for root in roots for tag in (root.tags or root.aliases[:1]))
            raise NotFoundError(f"{self._store.name} holds {len(roots)} artifacts, not one; name one{tags}")
        return roots[0]

    def _by_name(self, name: str) -> Root:
        entry, called = self._scan.names.look_up(name)
        found = Root(entry.descriptor, (called,), called=called)
        for root in self.roots():
            if root.descriptor.same_content(entry.descriptor):
                found = replace(root, descriptor=entry.descriptor, called=called)
        self._check_saved(found, {name, called})
        return found

    def _check_saved(self, root: Root, names: set[str]) -> None:
        """Refuses a name by which `docker load` takes something else. Raises NotFoundError."""
        if self._saved is None:
            return
        for other, place in self._saved.others_called(names, self._images_of(root), lambda: self._items):
            called = safe(root.called or "", limit=200)
            raise NotFoundError(
                f"{called!r} is {root.descriptor.digest} in {self._store.name}, and docker load takes {other} from "
                f"{safe(place, limit=200)}, which is something else",
                remedy="Name the digest, with @, and run it by no name that docker load gives.",
                tag=called,
            )

    def _by_digest(self, digest: Digest) -> Root:
        self._scan.names.check_literal(str(digest), digest)
        found = self._roots_by_digest.get(digest, ())
        if len(found) > 1:
            types = " and ".join(safe(root.descriptor.media_type, limit=128) for root in found)
            raise NotFoundError(
                f"{digest} stands in {self._store.name} as {types}; tools disagree on which one it means",
                remedy="Name it by a tag, or the whole layout.",
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
        try:
            there = self._store.size(digest) is not None
        except ContentError:
            there = False
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

        All forms are read: entries of `index.json`, fallback-tag indexes (only entries that really have this subject),
        and cosign's tags, which name only a digest. Referrers beyond limits.REFERRERS count as unreadable.
        """
        found: dict[Digest, Referrer] = {}
        for referrer in self._scan.referrers.get(descriptor.digest, ()):
            if referrer.subject is None or referrer.subject.same_content(descriptor):
                found.setdefault(referrer.descriptor.digest, referrer)
        claims = self._scan.unreadable.get(descriptor.digest, ())
        unread = self._scan.unread
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

    def spend(self) -> bool:
        """Counts one more descriptor that a walk through some artifact meets; False beyond limits.GRAPH_REACHED."""
        self._reached += 1
        return self._reached <= limits.GRAPH_REACHED

    def surface(self, descriptor: Descriptor) -> Closure:
        """`descriptor` and its referrers, recursively, without layers and children: enough to judge signatures."""
        return ClosureWalk(self, frozenset(), inside=False).run(descriptor)


def _is_of(problem: ContentProblem, descriptor: Descriptor) -> bool:
    return problem.descriptor is not None and problem.descriptor.same_content(descriptor)
