"""The licences that an artifact states: in annotations and labels, and in the SBOMs that are attached to it.

All of it are claims. Nothing is concluded from files: where nothing is stated, nothing is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from airgap import limits
from airgap.errors import AirgapError
from airgap.oci.attached import IMAGE_CONFIGS
from airgap.oci.descriptor import Descriptor
from airgap.oci.graph import Graph
from airgap.oci.manifest import Index, Manifest
from airgap.oci.nodes import reported_elsewhere
from airgap.oci.store import Store, read_verified
from airgap.parse.json import Reading, load_object
from airgap.text import safe

_STATED: Final = "org.opencontainers.image.licenses"
_SBOM: Final = re.compile(r"spdx|cyclonedx", re.IGNORECASE)
_NOTHING: Final = frozenset({"", "NOASSERTION", "NONE"})
_CHARACTERS: Final = 120


def stated_licences(store: Store, graph: Graph, root: Descriptor) -> tuple[str, ...]:
    """The licences of an artifact, in order, each once; safe to show. What cannot be read states none."""
    found: dict[str, None] = {}
    queue, seen = [root], {root.digest}
    while queue:
        entry = queue.pop()
        try:
            manifest = graph.manifest(entry) if entry.is_manifest else None
        except AirgapError:
            continue
        if manifest is None:
            continue
        found.update(dict.fromkeys(_own(store, manifest)))
        for referrer in graph.referrers(entry).readable(reported_elsewhere):
            if isinstance(referrer.manifest, Manifest):
                found.update(dict.fromkeys(_of_sbom(store, referrer.manifest)))
        below = manifest.manifests if isinstance(manifest, Index) else ()
        queue += [item for item in below if item.digest not in seen]
        seen.update(item.digest for item in below)
    names = {safe(name, limit=_CHARACTERS) for name in found if name not in _NOTHING}
    return tuple(sorted(names, key=str.casefold))


def _own(store: Store, manifest: Manifest | Index) -> Iterator[str]:
    yield manifest.annotations.get(_STATED, "")
    config = manifest.config if isinstance(manifest, Manifest) else None
    if config is not None and config.media_type in IMAGE_CONFIGS:
        inner = _document(store, config, limits.MANIFEST_BYTES).get("config")
        labels = inner.get("Labels") if isinstance(inner, dict) else None
        yield from _text(labels, _STATED)


def _of_sbom(store: Store, manifest: Manifest) -> Iterator[str]:
    for layer in manifest.layers:
        if _SBOM.search(manifest.artifact_type or "") or _SBOM.search(layer.media_type):
            document = _document(store, layer, limits.SBOM_BYTES)
            for package in _objects(document.get("packages")):  # SPDX 2
                yield from _text(package, "licenseConcluded")
                yield from _text(package, "licenseDeclared")
            for component in _objects(document.get("components")):  # CycloneDX
                for choice in _objects(component.get("licenses")):
                    yield from _text(choice, "expression")
                    yield from _text(choice.get("license"), "id")
                    yield from _text(choice.get("license"), "name")


def _document(store: Store, blob: Descriptor, limit: int) -> dict[str, Any]:
    """A JSON document; empty if it cannot be read, or is too large."""
    try:
        return dict(load_object(read_verified(store, blob, limit), Reading.OPEN, limit=limit))
    except AirgapError:
        return {}


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    yield from (item for item in (value if isinstance(value, list) else ()) if isinstance(item, dict))


def _text(source: Any, member: str) -> Iterator[str]:
    value = source.get(member) if isinstance(source, dict) else None
    if isinstance(value, str):
        yield value.strip()
