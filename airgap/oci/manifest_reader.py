"""Reads the manifests of a layout, each once, within bounds."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from airgap import limits
from airgap.errors import ContentError, FormatError, LimitError
from airgap.oci.descriptor import MANIFEST_TYPES, Claims, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.manifest import Index, Manifest, parse_manifest
from airgap.oci.store import Store, read_verified
from airgap.parse.json import Reading, load_object
from airgap.text import safe

_SCHEMA: Final = 2
_FORMS: Final = frozenset({"manifests", "layers"})


class _Form(NamedTuple):
    """What content of an unknown type looks like."""

    said: str = ""
    """Why it is a manifest, for a message; empty if it is none."""
    refers: bool = False
    """Whether it has a subject."""


class HiddenManifestError(ContentError):
    """The content is a manifest, and its descriptor states an unknown media type."""

    def __init__(self, descriptor: Descriptor, form: _Form) -> None:
        stated = safe(descriptor.media_type, limit=128)
        super().__init__(
            "content.malformed",
            f"{descriptor.digest} {form.said}, but its descriptor says {stated!r}",
            digest=str(descriptor.digest),
            media_type=safe(descriptor.media_type),
        )
        self.refers: bool = form.refers
        """Whether it has a subject."""


class ManifestReader:
    """Reads manifests from one store. Not safe for threads."""

    def __init__(self, store: Store) -> None:
        self._store: Final = store
        self._manifests: Final[dict[Claims, Manifest | Index | ContentError]] = {}
        self._forms: Final[dict[tuple[Digest, int, bytes | None], _Form | ContentError]] = {}
        self._descriptors: Final[dict[Descriptor, Descriptor]] = {}
        self._bytes = 0

    def read(self, descriptor: Descriptor) -> Manifest | Index:
        """The verified content of a manifest or index. Raises ContentError; reads each only once."""
        key = descriptor.claims
        known = self._manifests.get(key)
        if known is None:
            try:
                known = self._parsed(descriptor)
            except ContentError as error:
                known = error
            self._manifests[key] = known
        if isinstance(known, ContentError):
            raise known.with_traceback(None)
        return known

    def _parsed(self, descriptor: Descriptor) -> Manifest | Index:
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

    def node(self, descriptor: Descriptor) -> Manifest | Index | None:
        """The manifest of an artifact, or of an entry of an index; None for one of an unknown type, without parts.

        Raises ContentError as `read` and `check_opaque` do.
        """
        if descriptor.is_manifest:
            return self.read(descriptor)
        self.check_opaque(descriptor)
        return None

    def check_opaque(self, descriptor: Descriptor) -> None:
        """Refuses a manifest whose descriptor states an unknown media type: content below it would go unchecked.

        LAYOUT-2 allows unknown types, but not a wrong type for a known one. Reads each blob only once. Raises
        ContentError: `content.malformed`, or why the content cannot be read, as it then may be a manifest.
        """
        # by digest alone: a hundred thousand entries may state as many types for the same blob
        key = (descriptor.digest, descriptor.size, descriptor.data)
        if key not in self._forms:
            try:
                self._forms[key] = self._form(descriptor)
            except ContentError as error:
                self._forms[key] = error
        form = self._forms[key]
        if isinstance(form, ContentError):
            raise form.with_traceback(None)
        if form.said:
            raise HiddenManifestError(descriptor, form)

    def _form(self, descriptor: Descriptor) -> _Form:
        """Whether the content is a manifest. Raises ContentError if it is not known."""
        if descriptor.size > limits.MANIFEST_BYTES:
            return _Form()
        raw = read_verified(self._store, descriptor)
        try:
            document = load_object(raw, Reading.OPEN)
        except FormatError:
            return _Form()
        # in lower case, because readers in Go ignore the case of names
        members = {name.casefold(): value for name, value in document.items()}
        stated, refers = members.get("mediatype"), "subject" in members
        if isinstance(stated, str) and stated in MANIFEST_TYPES:
            return _Form(f"says of itself that it is {stated!r}", refers)
        has_form = members.get("schemaversion") == _SCHEMA and _FORMS & members.keys()
        return _Form("has the form of a manifest", refers) if has_form else _Form()
