"""Layouts to copy, and the ways in which tests look at what arrived."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airgap.errors import AirgapError
from airgap.oci.content import ContentChecker
from airgap.oci.descriptor import Descriptor, Platform
from airgap.oci.graph import Graph
from airgap.oci.open import open_layout
from airgap.oci.record import newest_record
from tests.support.layouts import LayoutBuilder
from tests.support.registry import LoopbackRegistry

NOTARY = "application/vnd.cncf.notary.signature"
SBOM = "application/spdx+json"


@dataclass(frozen=True, slots=True)
class Family:
    """An index of two platforms with everything that can hang on it."""

    builder: LayoutBuilder
    index: Descriptor
    children: tuple[Descriptor, Descriptor]
    signature: Descriptor
    sbom: Descriptor
    sbom_signature: Descriptor
    child_signature: Descriptor

    @property
    def all(self) -> tuple[Descriptor, ...]:
        return (self.index, *self.children, self.signature, self.sbom, self.sbom_signature, self.child_signature)


def family(seed: int = 0, *, layer_bytes: int = 2000, layers: int = 2, tag: str = "v1") -> Family:
    """Signed index, signed child, signed SBOM; content from `seed`."""
    builder = LayoutBuilder()
    content = random.Random(seed)  # noqa: S311 - content, not secrets
    children = tuple(
        builder.add_image(
            *(content.randbytes(layer_bytes) for _ in range(layers)),
            config=json.dumps({"architecture": architecture, "os": "linux", "seed": seed}).encode(),
            platform=Platform(architecture=architecture, os="linux"),
        )
        for architecture in ("amd64", "arm64")
    )
    index = builder.tag(builder.add_index(*children), tag)
    signature = builder.add_referrer(index, f"signature {seed}".encode())
    sbom = builder.add_referrer(index, f"sbom {seed}".encode(), artifact_type=SBOM, layer_type=SBOM)
    return Family(
        builder=builder,
        index=index,
        children=(children[0], children[1]),
        signature=signature,
        sbom=sbom,
        sbom_signature=builder.add_referrer(sbom, f"signature of sbom {seed}".encode()),
        child_signature=builder.add_referrer(children[0], f"signature of child {seed}".encode()),
    )


def write(folder: Path, made: Family) -> Path:
    return made.builder.write_directory(folder)


def load(registry: LoopbackRegistry, repository: str, made: Family, *, tag: str | None = "v1") -> None:
    """The family in a registry, with the referrers where the registry keeps them."""
    target = registry.repositories[repository]
    manifests = {item.digest for item in made.all}
    for digest, data in made.builder.blobs.items():
        if digest in manifests:
            registry.put_manifest(repository, data)
        else:
            target.blobs[str(digest)] = data
    if tag is not None:
        target.tags[tag] = str(made.index.digest)
    if not registry.referrers_api:
        by_subject: dict[str, list[str]] = {}
        for referrer in (made.signature, made.sbom, made.sbom_signature, made.child_signature):
            subject = json.loads(made.builder.blobs[referrer.digest])["subject"]["digest"]
            by_subject.setdefault(subject, []).append(str(referrer.digest))
        for subject, referrers in by_subject.items():
            tag_name = subject.replace(":", "-")
            registry.put_index(repository, tuple(referrers), tag=tag_name)


def digests(path: Path) -> set[str]:
    """Every blob of a layout directory; the bytes are compared with their names."""
    found = set()
    for file in (path / "blobs" / "sha256").iterdir():
        assert hashlib.sha256(file.read_bytes()).hexdigest() == file.name
        found.add(f"sha256:{file.name}")
    return found


def names(described: tuple[Descriptor, ...]) -> set[str]:
    return {str(item.digest) for item in described}


def check_complete(path: Path, *roots: Descriptor) -> None:
    """The layout names the artifacts, and every byte below them is there and right."""
    with open_layout(path) as store:
        graph = Graph(store)
        assert not graph.problems
        found = {root.descriptor.digest for root in graph.roots()}
        assert found == {root.digest for root in roots}
        for root in graph.roots():
            report = ContentChecker(store).check(graph.closure(root.descriptor))
            assert report.verdict == "pass", report.problems


def check_complete_but_declared(path: Path) -> None:
    """All is there but for what the record of the one artifact declares as left out."""
    with open_layout(path) as store:
        graph = Graph(store)
        (root,) = graph.roots()
        unreadable: list[object] = []
        record = newest_record(store, graph, root.descriptor, unreadable.append)
        assert not unreadable
        absent = record.declared_absent() if record else frozenset()
        assert (ContentChecker(store).check(graph.closure(root.descriptor)).verdict == "pass") == (not absent)
        assert ContentChecker(store).check(graph.closure(root.descriptor, declared_absent=absent)).verdict == "pass"


def check_sound(path: Path) -> None:
    """Whatever is there under a final name is whole: after a kill, before the next run."""
    if not (path / "oci-layout").exists():
        return  # it had not even begun
    try:
        with open_layout(path) as store:
            graph = Graph(store)
            for root in graph.roots():
                assert ContentChecker(store).check(graph.closure(root.descriptor)).verdict == "pass"
    except AirgapError as error:
        raise AssertionError(f"{path} is no valid layout any more: {error}") from error
    if (path / "blobs" / "sha256").exists():
        digests(path)


def acquisitions(path: Path) -> list[dict[str, Any]]:
    """The acquisition records of a layout directory."""
    found = []
    for entry in json.loads((path / "index.json").read_bytes())["manifests"]:
        if entry.get("artifactType") == "application/vnd.airgap.acquisition.v1+json":
            manifest = json.loads((path / "blobs" / "sha256" / entry["digest"][7:]).read_bytes())
            found.append(json.loads((path / "blobs" / "sha256" / manifest["layers"][0]["digest"][7:]).read_bytes()))
    return found
