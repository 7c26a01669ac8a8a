"""Finds the images that rendered Kubernetes and Compose files name.

What a cluster or compose pulls by itself is found: `image` of containers, init and ephemeral containers at any depth
(CronJobs, Lists, resources of operators), image volumes, and services. Texts elsewhere that look like images are
suspicions: arguments, environment variables, annotations. They are never taken by themselves, and always shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airgap import limits
from airgap.errors import FormatError, UsageError
from airgap.files import read_given
from airgap.oci.reference import docker_name, parse_registry_reference, whole_docker_name
from airgap.oci.tags import tag_part
from airgap.parse.yaml import YamlList, YamlNode, YamlObject, YamlText, load_yaml
from airgap.text import safe, some

_VOLUMES: Final = "volumes"
_CONTAINERS: Final = frozenset({"containers", "initContainers", "ephemeralContainers", _VOLUMES})
_IMAGE: Final = "image"
_HOSTED: Final = re.compile(
    r"(?<![\w./@:-])((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]+(?::\d{1,5})?|localhost(?::\d{1,5})?|"
    r"[a-z0-9][a-z0-9-]*:\d{1,5})"
    r"((?:/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)+)(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?(?![\w/])",
    re.ASCII,
)
"""A whole name of an image in a text: a host, a path, and a tag or a digest."""
_SHORT: Final = re.compile(r"[a-z0-9][a-z0-9._/-]*(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?", re.ASCII)
_SHOWN: Final = 5
_VARIABLE: Final = re.compile(r"\$\{?\w|\{\{")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundImage:
    """An image that something pulls by itself."""

    reference: str
    """Its whole name, as the runtimes read it."""
    written: str
    place: str
    """`FILE:LINE`; safe to show."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspectedImage:
    """What may be an image, or one that cannot be named."""

    text: str
    """Safe to show."""
    place: str
    why: str


@dataclass(frozen=True, slots=True)
class ManifestImages:
    """What files name."""

    images: tuple[FoundImage, ...]
    """Each reference once."""
    suspicions: tuple[SuspectedImage, ...]
    """Without those that are among the images."""

    @classmethod
    def of(cls, paths: Iterable[Path]) -> ManifestImages:
        """The images of files. Raises UsageError for what is no YAML, or is not rendered."""
        search = _Search()
        for path in paths:
            raw = read_given(path, limits.YAML_BYTES, f"the file {safe(path)}")
            search.read(raw, safe(path))
        return search.result()

    def none_in(self, paths: Sequence[Path]) -> UsageError:
        """The error for files that name no image, with what may be one."""
        files = frozenset(map(safe, paths))
        maybe = [f"{item.text} ({item.place}, {item.why})" for item in self.suspicions if item.text not in files]
        not_taken = f"; not taken: {some(maybe, _SHOWN)}" if maybe else ""
        return UsageError(
            f"no image was found in {some(list(paths), _SHOWN)}{not_taken}", remedy="Name the images that are needed."
        )


NO_MANIFESTS: Final = ManifestImages((), ())


def images_in(data: bytes, name: str) -> ManifestImages:
    """What one file names. Raises UsageError for what is no YAML."""
    search = _Search()
    search.read(data, safe(name))
    return search.result()


def whole_name(text: str) -> str:
    """The whole name of an image, as docker, containerd and the kubelet read it. Raises UsageError."""
    name, at, digest = text.partition("@")
    whole = docker_name(name) if at else whole_docker_name(name)
    return str(parse_registry_reference(f"{whole}{at}{digest}"))


class _Search:
    def __init__(self) -> None:
        self._images: dict[str, FoundImage] = {}
        self._suspicions: dict[str, SuspectedImage] = {}
        self._file = ""

    def result(self) -> ManifestImages:
        known = self._images.keys()
        return ManifestImages(
            tuple(self._images[name] for name in sorted(self._images)),
            tuple(item for name, item in self._suspicions.items() if name not in known),
        )

    def read(self, raw: bytes, name: str) -> None:
        self._file = name
        before = len(self._images)
        try:
            for document in load_yaml(raw, what=name):
                self._document(document)
        except FormatError as error:
            raise UsageError(
                f"{error}", remedy="Render it first: helm template, kustomize build, docker compose config."
            ) from None
        if len(self._images) == before:
            self._suspect(name, YamlText(name, 1), "no image was found in this file")

    def _document(self, document: YamlNode) -> None:
        members = document.members if isinstance(document, YamlObject) else {}
        services = members.get("services")
        is_compose = isinstance(services, YamlObject) and "kind" not in members
        taken: set[int] = set()
        if isinstance(services, YamlObject) and is_compose:
            for name, service in services.members.items():
                self._service(name, service, taken)
        stack: list[tuple[str, YamlNode]] = [("", document)]
        seen: set[int] = set()
        texts: list[tuple[str, YamlText]] = []
        while stack:
            name, node = stack.pop()
            if id(node) in seen:  # an alias
                continue
            seen.add(id(node))
            if isinstance(node, YamlText):
                texts.append((name, node))
            elif isinstance(node, YamlList):
                if not is_compose and name in _CONTAINERS:
                    self._containers(name, node, taken)
                stack.extend((name, item) for item in reversed(node.items))
            else:
                self._variable(node)
                stack.extend(reversed(node.members.items()))
        for name, text in texts:
            if id(text) not in taken:
                self._look(name, text)

    def _service(self, name: str, service: YamlNode, taken: set[int]) -> None:
        image = service.text(_IMAGE) if isinstance(service, YamlObject) else None
        if image is not None:
            self._add(image, taken)
        elif isinstance(service, YamlObject) and "build" in service.members:
            self._suspect(f"service {name}", YamlText("", service.line), "it is built, and names no image")

    def _containers(self, name: str, listed: YamlList, taken: set[int]) -> None:
        """The images of containers, and of volumes that are images."""
        for item in listed.items:
            holder = item.members.get(_IMAGE) if isinstance(item, YamlObject) and name == _VOLUMES else item
            member = "reference" if name == _VOLUMES else _IMAGE
            if isinstance(holder, YamlObject) and (image := holder.text(member)) is not None:
                self._add(image, taken)

    def _add(self, image: YamlText, taken: set[int]) -> None:
        taken.add(id(image))
        text = image.text.strip()
        if not text:
            return
        if _VARIABLE.search(text):
            self._suspect(text, image, "it holds a variable: render the file first")
            return
        try:
            name = whole_name(text)
        except UsageError:
            self._suspect(text, image, "it is not the name of an image")
            return
        note = "" if "@" in text or tag_part(text) != text else "it names no tag: latest is taken, as it is now"
        found = FoundImage(reference=name, written=text, place=f"{self._file}:{image.line}", note=note)
        self._images.setdefault(name, found)

    def _variable(self, node: YamlObject) -> None:
        """An environment variable whose name says that it is an image."""
        name, value = node.text("name"), node.text("value")
        if name is not None and value is not None and "image" in name.text.lower():
            self._maybe(value, f"the value of {safe(name.text, limit=80)}")

    def _look(self, name: str, node: YamlText) -> None:
        if name.lower().endswith(_IMAGE):
            self._maybe(node, f"the member {safe(name, limit=80)}")
        for match in _HOSTED.finditer(node.text):
            if match[3] or match[4]:  # a tag or a digest
                self._suspect(match[0], node, f"in the text of {safe(name, limit=80) or 'a document'}")

    def _maybe(self, node: YamlText, where: str) -> None:
        text = node.text.strip()
        if _SHORT.fullmatch(text) and (":" in text or "@" in text or "/" in text):
            self._suspect(text, node, where)

    def _suspect(self, text: str, node: YamlText, why: str) -> None:
        try:
            key = whole_name(text)
        except UsageError:
            key = text
        found = SuspectedImage(text=safe(text, limit=160), place=f"{self._file}:{node.line}", why=why)
        if len(self._suspicions) < limits.SUSPICIONS:
            self._suspicions.setdefault(key, found)
