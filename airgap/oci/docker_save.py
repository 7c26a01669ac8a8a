"""The files that `docker load` reads in a layout of `docker save`: `manifest.json`, else `repositories`.

Both are beside `index.json` and can list other images, layers or names. Only content that `index.json` leads to is
verified. So everything else that they name is reported, and is a failure if the whole layout is verified. What cannot
be read is a failure always: the names in it may be those of any artifact.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import starmap
from posixpath import normpath
from typing import Any, Final, Self, TypeVar

from airgap import limits
from airgap.errors import FormatError
from airgap.oci.attached import is_stated_image
from airgap.oci.documents import blob_name
from airgap.oci.manifest import Manifest
from airgap.oci.problems import ContentProblem
from airgap.oci.reference import docker_name, whole_docker_name
from airgap.oci.tags import position, tag_part
from airgap.parse.json import Reading, as_object, load, take, take_list, take_optional, text
from airgap.text import safe

MANIFEST_JSON: Final = "manifest.json"
REPOSITORIES: Final = "repositories"

_PATH: Final = "ocidir://"
"""How regctl names a layout."""
_NO_REPOSITORY: Final = re.compile(r"[^/a-z0-9]+")

T = TypeVar("T")

Image = tuple[Manifest, frozenset[str]]
"""An image that `index.json` leads to, and the names of its artifacts."""
Paths = tuple[str, tuple[str, ...]]
"""The paths of the config and of the layers of an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """One item of `manifest.json`."""

    config: str
    layers: tuple[str, ...]
    tags: tuple[str, ...]
    sources: frozenset[str]
    """The entries of LayerSources: crane and regctl push these descriptors, and do not read the files."""

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Raises FormatError."""
        value = as_object(value)
        sources = as_object(take_optional(value, "LayerSources", dict) or {}, where="LayerSources")
        return cls(
            config=take(value, "Config", str),
            layers=take_list(value, "Layers", text, limit=limits.LAYERS, required=False),
            sources=frozenset(starmap(_source, sources.items())),
            tags=take_list(value, "RepoTags", text, limit=limits.INDEX_ENTRIES, required=False),
        )

    @property
    def paths(self) -> Paths:
        """Its files."""
        return self.config, self.layers


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What these documents name; empty where they are not there."""

    items: tuple[_Item, ...] = ()
    repositories: tuple[str, ...] = ()
    """Names with their tags."""
    is_alone: bool = False
    """Whether `docker load` goes by `repositories`, as that is there, and no `manifest.json`."""
    unread: tuple[ContentProblem, ...] = ()
    """The problem of a file that cannot be read here: other tools may find names and images in it."""

    @classmethod
    def read(cls, documents: Mapping[str, bytes]) -> Self:
        """Never raises for what they hold."""
        unread: list[ContentProblem] = []

        def read(name: str, parse: Callable[[Any], tuple[T, ...]]) -> tuple[T, ...]:
            try:
                return parse(load(documents[name], Reading.WHOLE, limit=limits.LAYOUT_INDEX_BYTES, what=name))
            except KeyError:
                return ()
            except FormatError as error:
                message = f"docker load may read this instead of index.json, and it cannot be read here: {error}"
                unread.append(ContentProblem(reason="layout.disagrees", message=message, path=name, descriptor=None))
                return ()

        items, repositories = read(MANIFEST_JSON, _items), read(REPOSITORIES, _tagged)
        is_alone = REPOSITORIES in documents and MANIFEST_JSON not in documents
        return cls(items=items, repositories=repositories, is_alone=is_alone, unread=tuple(unread))

    def disagreements(self, images: Iterable[Image]) -> Iterator[ContentProblem]:
        """Everything that they name and `index.json` does not (`layout.disagrees`)."""
        known = tuple(images)
        found = {MANIFEST_JSON: self._in_manifest_json(SavedImages(known)), REPOSITORIES: self._in_repositories(known)}
        for name, sentences in found.items():
            for message in sentences:
                yield ContentProblem(reason="layout.disagrees", message=message, path=name, descriptor=None)

    def others_called(
        self, names: Collection[str], images: Iterable[Manifest], judged: Callable[[], SavedImages]
    ) -> Iterator[tuple[str, str]]:
        """What `docker load` gives one of these names, other than these images: its name, and where it is.

        A tag alone is that of every name that ends in it. The only image has every name: `crane push FILE` and
        `skopeo copy docker-archive:FILE` ask for none. So has the first, if it is not `judged` with any artifact:
        `regctl image import` takes it where content of index.json is missing. That means only images: no tool takes one
        for an SBOM. With other layers it is another image: crane does not compare them with the config. For
        skopeo `@1` is the second item.
        """
        images = tuple(images)
        short = {name for name in names if tag_part(name) == name}
        whole = {whole_docker_name(name) for name in names}
        numbers = set(map(position, names))
        known = SavedImages((image, frozenset()) for image in images)
        is_image = any(map(is_stated_image, images))
        for number, item in enumerate(self.items):
            if known.have(item):
                continue
            place = f"other layers for {item.config}" if item.config in known.configs else item.config
            for tag in item.tags:
                if tag_part(tag) in short or whole_docker_name(tag) in whole:
                    yield repr(safe(tag, limit=200)), place
            if number in numbers:
                yield f"item {number} of {MANIFEST_JSON} (for skopeo @{number})", place
            if is_image and len(self.items) == 1:
                yield f"the only image of {MANIFEST_JSON}", place
            elif is_image and number == 0 and not judged().have(item):
                yield f"the first image of {MANIFEST_JSON}", place
        for name in self.repositories if self.is_alone else ():
            if tag_part(name) in short or whole_docker_name(name) in whole:
                yield repr(safe(name, limit=200)), REPOSITORIES

    def names_by_config(self) -> Mapping[str, tuple[str, ...]]:
        """What `docker load` calls images by `manifest.json`, by the path of their config."""
        found: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for item in self.items:
            found[item.config] |= dict.fromkeys(item.tags)
        return {config: tuple(tags) for config, tags in found.items()}

    def _in_manifest_json(self, images: SavedImages) -> Iterator[str]:
        for number, item in enumerate(self.items):
            called = ", ".join(repr(safe(tag, limit=160)) for tag in item.tags[:1]) or f"item {number}"
            if item.config not in images.configs:
                shown = safe(item.config, limit=160)
                yield f"docker load takes {called} with the config {shown}, which index.json has not"
                continue
            if not images.have(item):
                if images.have(replace(item, sources=frozenset())):
                    yield f"crane and regctl push what LayerSources says of the layers of {called}, not its manifest"
                else:
                    yield f"docker load takes other layers for {called} than index.json names"
                continue
            known = images.names(item)
            for tag in item.tags:
                if not known.have(tag):
                    yield f"docker load calls an image {safe(tag, limit=160)!r} that index.json calls {known.called}"

    def _in_repositories(self, images: tuple[Image, ...]) -> Iterator[str]:
        known = _Names(names for _, names in images)
        if self.is_alone and not self.repositories:
            yield "docker load goes by it where manifest.json is missing, and takes each folder for an image"
        for name in self.repositories:
            if self.is_alone:
                yield f"docker load takes {safe(name, limit=160)!r} from files that index.json does not name"
            elif not known.have(name):
                yield f"it names {safe(name, limit=160)!r}, which index.json does not"


def _items(document: Any) -> tuple[_Item, ...]:
    return take_list({"": document}, "", _Item.from_json, limit=limits.INDEX_ENTRIES)


def _tagged(document: Any) -> tuple[str, ...]:
    tags = {name: as_object(tags, where=safe(name, limit=160)) for name, tags in as_object(document).items()}
    return tuple(f"{repository}:{tag}" for repository, named in tags.items() for tag in named)


def _source(name: str, descriptor: object) -> str:
    """An entry of LayerSources as one text, which is equal for nothing else."""
    return json.dumps([name, descriptor], sort_keys=True, default=str)


class SavedImages:
    """Images that `index.json` leads to, as `manifest.json` may name them.

    What thousands of items and tags are compared with is computed once.
    """

    def __init__(self, images: Iterable[Image]) -> None:
        self._images: Final[defaultdict[Paths, list[Image]]] = defaultdict(list)
        for manifest, names in images:
            if manifest.config is not None:
                layers = tuple(blob_name(layer.digest) for layer in manifest.layers)
                self._images[blob_name(manifest.config.digest), layers].append((manifest, names))
        self.configs: Final = frozenset(config for config, _ in self._images)
        """The paths of their configs."""
        self._sources: Final[dict[Paths, frozenset[str]]] = {}
        self._names: Final[dict[Paths, _Names]] = {}

    def have(self, item: _Item) -> bool:
        """Whether one of them has these files, and LayerSources says of its layers only what its manifest says.

        The key of a source is the digest of the blob, as docker and regctl write it. crane looks for that of the
        unpacked layer: if it is another one, no tool writes it into a layout.
        """
        if not item.sources or item.paths not in self._images:
            return item.paths in self._images
        if item.paths not in self._sources:
            layers = (layer for manifest, _ in self._images[item.paths] for layer in manifest.layers)
            self._sources[item.paths] = frozenset(_source(str(layer.digest), layer.to_json()) for layer in layers)
        return item.sources <= self._sources[item.paths]

    def names(self, item: _Item) -> _Names:
        """The names of those with the files of an item."""
        if item.paths not in self._names:
            self._names[item.paths] = _Names(names for _, names in self._images[item.paths])
        return self._names[item.paths]


class _Names:
    """The names of an image in `index.json`."""

    def __init__(self, names: Iterable[frozenset[str]]) -> None:
        self._names: Final = frozenset[str]().union(*names)
        self._whole: Final = {loaded for name in self._names for loaded in _loaded_as(name)}
        self.called: Final = repr(safe(min(self._names), limit=160)) if self._names else "nothing"
        """One of them, for a message."""

    def have(self, tag: str) -> bool:
        """Whether `tag` is one of them.

        If all names are short, only the tags are compared, because no name has a registry or folder.
        """
        return docker_name(tag) in self._whole if self._whole else "/" not in tag and tag_part(tag) in self._names


def _loaded_as(name: str) -> Iterator[str]:
    """What tools write for `docker load` where `name` is in `index.json`; nothing for a tag alone.

    ctr writes the same name, regctl leaves the digest out and makes a repository of a path.
    """
    if name.startswith(_PATH):
        path, _, tag = name.removeprefix(_PATH).partition("@")[0].partition(":")
        path = _NO_REPOSITORY.sub("-", normpath(f"/{path.lstrip('/')}")[1:].lower())
        yield whole_docker_name(f"localhost/{path}{tag and ':'}{tag}")
        return
    before, at, _ = name.partition("@")
    if at or tag_part(name) != name:
        yield docker_name(name)
        yield whole_docker_name(before)
