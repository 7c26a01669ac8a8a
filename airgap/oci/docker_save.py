"""What `docker load` takes from a layout of `docker save`: `manifest.json`, or `repositories` where that is absent.

Both stand beside `index.json` and can name other images, other layers or other names than it does. What is verified is
what `index.json` leads to; so whatever else they name is told, and a failure where the whole is meant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from airgap import limits
from airgap.errors import FormatError
from airgap.oci.digest import Digest
from airgap.oci.documents import BLOBS
from airgap.oci.manifest import Manifest
from airgap.oci.reference import docker_name
from airgap.oci.tags import tag_part
from airgap.parse.json import Reading, load, take, take_list, text
from airgap.text import safe

MANIFEST_JSON: Final = "manifest.json"
REPOSITORIES: Final = "repositories"


Image = tuple[Manifest, frozenset[str]]
"""An image that `index.json` leads to, and the names of the artifacts that it belongs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """One item of `manifest.json`."""

    config: str
    layers: tuple[str, ...]
    tags: tuple[str, ...]

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Raises FormatError."""
        if not isinstance(value, dict):
            raise FormatError("is not an object")
        return cls(
            config=take(value, "Config", str),
            layers=take_list(value, "Layers", text, limit=limits.LAYERS, required=False),
            tags=take_list(value, "RepoTags", text, limit=limits.INDEX_ENTRIES, required=False),
        )


def disagreements(documents: Mapping[str, bytes], images: Iterable[Image]) -> Iterator[tuple[str, str]]:
    """The file and a sentence for everything that these documents name and `index.json` does not."""
    known = tuple(images)
    if MANIFEST_JSON in documents:
        yield from _each(MANIFEST_JSON, _in_manifest_json(documents[MANIFEST_JSON], known))
    if REPOSITORIES in documents:
        alone = MANIFEST_JSON not in documents
        yield from _each(REPOSITORIES, _in_repositories(documents[REPOSITORIES], known, alone=alone))


def names_by_config(raw: bytes) -> Mapping[str, tuple[str, ...]]:
    """What `docker load` calls images by a `manifest.json`, by the path of their config.

    Nothing where it cannot be read, which `disagreements` tells.
    """
    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    try:
        for item in _items(raw):
            found[item.config] |= dict.fromkeys(item.tags)
    except FormatError:
        return {}
    return {config: tuple(tags) for config, tags in found.items()}


def _items(raw: bytes) -> tuple[_Item, ...]:
    document = {"": load(raw, Reading.OPEN, limit=limits.LAYOUT_INDEX_BYTES, what=MANIFEST_JSON)}
    return take_list(document, "", _Item.from_json, limit=limits.INDEX_ENTRIES)


def _each(name: str, found: Iterator[str]) -> Iterator[tuple[str, str]]:
    try:
        for sentence in found:
            yield name, sentence
    except FormatError as error:
        yield name, f"docker load may read this instead of index.json, and it cannot be read here: {error}"


def _in_manifest_json(raw: bytes, images: tuple[Image, ...]) -> Iterator[str]:
    by_config: defaultdict[str, list[Image]] = defaultdict(list)
    for image in images:
        if (config := image[0].config) is not None:
            by_config[path_of(config.digest)].append(image)
    for number, item in enumerate(_items(raw)):
        called = ", ".join(repr(safe(tag, limit=160)) for tag in item.tags[:1]) or f"item {number}"
        same = by_config.get(item.config, [])
        if not same:
            yield f"docker load takes {called} with the config {safe(item.config, limit=160)}, which index.json has not"
            continue
        names = [names for manifest, names in same if _layers(manifest) == item.layers]
        if not names:
            yield f"docker load takes other layers for {called} than index.json names"
            continue
        known = frozenset[str]().union(*names)
        for tag in item.tags:
            if not _is_among(tag, known):
                yield f"docker load calls an image {safe(tag, limit=160)!r} that index.json calls {_called(known)}"


def _in_repositories(raw: bytes, images: tuple[Image, ...], *, alone: bool) -> Iterator[str]:
    document = load(raw, Reading.OPEN, limit=limits.LAYOUT_INDEX_BYTES, what=REPOSITORIES)
    if not isinstance(document, dict):
        raise FormatError("is not an object")
    names = frozenset[str]().union(*(names for _, names in images))
    for repository, tags in document.items():
        if not isinstance(tags, dict):
            raise FormatError("is not an object", where=safe(repository, limit=160))
        for tag in tags:
            name = f"{repository}:{tag}"
            if alone:
                yield f"docker load takes {safe(name, limit=160)!r} from files that index.json does not name"
            elif not _is_among(name, names):
                yield f"it names {safe(name, limit=160)!r}, which index.json does not"


def path_of(digest: Digest) -> str:
    """Where a blob lies in the layout."""
    return f"{BLOBS}/{digest.algorithm}/{digest.encoded}"


def _layers(manifest: Manifest) -> tuple[str, ...]:
    return tuple(path_of(layer.digest) for layer in manifest.layers)


def _is_among(tag: str, names: frozenset[str]) -> bool:
    """Whether one of an image's names says the same.

    Where all of them are short, the tag alone is compared; a registry or folder before it would be said nowhere else.
    """
    whole = {docker_name(name) for name in names if tag_part(name) != name}
    return docker_name(tag) in whole if whole else "/" not in tag and tag_part(tag) in names


def _called(names: frozenset[str]) -> str:
    return repr(safe(min(names), limit=160)) if names else "nothing"
