"""Layouts as trees of bytes: which documents name which blobs, and how digests are put right after a change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from airgap.oci.descriptor import DOCKER_CONFIG, IMAGE_CONFIG

BLOBS: Final = "blobs/sha256/"
INDEX: Final = "index.json"
_IMAGE_CONFIGS: Final = frozenset({IMAGE_CONFIG, DOCKER_CONFIG})
_STEPS: Final = 40
"""Documents that name each other in a circle would never fit."""
Changes = dict[str, bytes | None]
"""What becomes of files; None: it is gone."""


def place_of(data: bytes) -> str:
    """The path of a blob of these bytes."""
    return BLOBS + hashlib.sha256(data).hexdigest()


def apply(tree: Mapping[str, bytes], changes: Mapping[str, bytes | None]) -> dict[str, bytes]:
    """The tree after the changes."""
    return {path: data for path, data in {**tree, **changes}.items() if data is not None}


def reseal(tree: Mapping[str, bytes], old: str, data: bytes) -> Changes:
    """Other bytes for the blob at `old`, under their own digest, and so for all that names it, up to `index.json`."""
    changes: Changes = {}
    pending = [(old, data)]
    for _ in range(_STEPS):
        if not pending:
            break
        before, after = pending.pop()
        changes.setdefault(before, None)
        changes[place_of(after)] = after
        current = apply(tree, changes)
        for path, document in current.items():
            renamed = _renamed(document, before, after)
            if renamed is None:
                continue
            if path == INDEX:
                changes[INDEX] = renamed
            else:
                pending.append((path, renamed))
    return changes


def _renamed(document: bytes, before: str, after: bytes) -> bytes | None:
    """`document` with every descriptor of `before` turned into one of `after`; None where it has none."""
    digest = before.removeprefix(BLOBS)
    if digest.encode() not in document or not document.startswith(b"{"):
        return None
    try:
        parsed = json.loads(document)
    except ValueError:
        return None
    found = [item for item in descriptors(parsed) if item.get("digest") == f"sha256:{digest}"]
    for item in found:
        item["digest"], item["size"] = f"sha256:{hashlib.sha256(after).hexdigest()}", len(after)
    return json.dumps(parsed, separators=(",", ":")).encode() if found else None


def descriptors(value: Any) -> Iterator[dict[str, Any]]:
    """Every object with a digest, however deep."""
    if isinstance(value, dict):
        if isinstance(value.get("digest"), str):
            yield value
        for inner in value.values():
            yield from descriptors(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from descriptors(inner)


def closure(tree: Mapping[str, bytes], digest: str) -> dict[str, bytes]:
    """An artifact's own blobs, without its referrers: manifest, config, layers, children and theirs."""
    found: dict[str, bytes] = {}
    pending = [digest]
    while pending:
        path = BLOBS + pending.pop().removeprefix("sha256:")
        if path in found or path not in tree:
            continue
        found[path] = tree[path]
        document = _document(tree[path])
        document.pop("subject", None)
        if document.keys() & {"manifests", "layers", "config"}:
            pending += [item["digest"] for item in descriptors(document)]
    return found


def is_attached(data: bytes) -> bool:
    """Whether a manifest is about something else, and nothing that a tool would run: no image, and no index of such."""
    document = _document(data)
    config = document.get("config")
    runs = "manifests" in document or (isinstance(config, dict) and config.get("mediaType") in _IMAGE_CONFIGS)
    return "subject" in document and not runs


def _document(data: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(data) if data.startswith(b"{") else {}
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def entries(tree: Mapping[str, bytes]) -> list[dict[str, Any]]:
    """The entries of `index.json` that have the form of one."""
    found = _document(tree.get(INDEX, b"")).get("manifests")
    return [item for item in found if _is_entry(item)] if isinstance(found, list) else []


def _is_entry(item: Any) -> bool:
    return (
        isinstance(item, dict) and isinstance(item.get("digest"), str) and isinstance(item.get("annotations", {}), dict)
    )


def with_entries(tree: Mapping[str, bytes], changed: list[dict[str, Any]]) -> bytes:
    """`index.json` with other entries."""
    return json.dumps({**_document(tree[INDEX]), "manifests": changed}, separators=(",", ":")).encode()
