"""The names of copies in the destination, and the names that they must not take from others."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from airgap.errors import AirgapError, NotFoundError, UsageError
from airgap.oci.descriptor import CONTAINERD_NAME, REF_NAME, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.entry_names import Names, read_entries
from airgap.oci.graph import Graph
from airgap.oci.manifest import Index
from airgap.oci.reference import (
    LayoutReference,
    RegistryReference,
    foreign_transport,
    is_registry,
    is_repository,
    local_reference,
    parse_new_layout,
    parse_reference,
    without_registry_scheme,
)
from airgap.oci.tags import is_tag, tag_part
from airgap.text import safe
from airgap.transfer.endpoint import Entry, ListedReferrer
from airgap.transfer.index_writer import names_of
from airgap.transfer.naming import Naming
from airgap.transfer.plan import CopyPlan, CopyRoot, PlannedArtifact
from airgap.transfer.referrers_names import without_names_of_lists

_LOCALHOST: Final = "localhost"
_UNCLEAR: Final = re.compile(r"[.:@]")
_PACKED: Final = re.compile(r"\.(?:tgz|tbz2?|txz|tzst|zip|7z|rar|gz|bz2|xz|zst|lz4)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RegistryPrefix:
    """A registry, or a path in it, as destination: repositories keep their own paths below it."""

    registry: str
    path: str = ""

    def __str__(self) -> str:
        """As typed, without a slash at the end."""
        return f"{self.registry}/{self.path}" if self.path else self.registry

    def below(self, path: str) -> RegistryReference:
        """The repository with this path below the prefix."""
        return RegistryReference(registry=self.registry, repository=f"{self.path}/{path}" if self.path else path)


DestinationReference = LayoutReference | RegistryReference | RegistryPrefix


@dataclass(frozen=True, slots=True)
class TaggedSource:
    """The artifact of a tag in the destination, and its source repository."""

    digest: Digest
    name: str


def places(found: Sequence[CopyRoot], destination: DestinationReference, naming: Naming) -> tuple[CopyRoot, ...]:
    """The place of every artifact. Raises UsageError where two would have to share a name.

    What has no repository's name, and needs one, is `unnamed`: its verdict is worth more than that.

    A layout keeps tags as they are; where there are several source repositories the tags become full names. In a
    registry, a repository as destination is that repository, and a prefix is followed by the own path of each source.
    """
    if not isinstance(destination, RegistryPrefix) and destination.digest is not None:
        raise UsageError(
            f"{safe(destination)} names a digest; the digest of what is copied is its own",
            remedy="Give a tag, or none.",
        )
    if isinstance(destination, LayoutReference):
        return _in_layouts(found, destination, naming)
    if isinstance(destination, RegistryReference) and destination.tag is not None:
        if naming.has_paths:
            raise UsageError(
                f"{safe(destination)} is the whole name of one artifact; --map, --keep-host and --full-names name "
                "repositories",
                remedy=f"Leave them out, or the tag: {destination.registry} alone, or {destination.name}/ as a prefix.",
            )
        return _one(found, destination)
    if isinstance(destination, RegistryReference) and naming.has_paths:
        destination = RegistryPrefix(destination.registry, destination.repository)
    if isinstance(destination, RegistryPrefix) and naming.to_repository:
        raise UsageError(
            f"{safe(destination)} is no repository; --to-repo puts everything into one",
            remedy=f"Name it: {destination.below('app').name}",
        )
    if isinstance(destination, RegistryPrefix):
        result = tuple(_below(item, destination, naming) for item in found)
    else:
        if not naming.to_repository:
            _check_one_repository(found, destination)
        result = tuple(_in_registry(item, destination) for item in found)
    _check_collisions(result)
    return result


def _in_layouts(found: Sequence[CopyRoot], destination: LayoutReference, naming: Naming) -> tuple[CopyRoot, ...]:
    if naming.keep_host or naming.map or naming.to_repository:
        raise UsageError(
            f"{safe(destination)} is no registry; --keep-host, --map and --to-repo say what repositories of a registry "
            "are called",
            remedy="Leave them out. --full-names gives the artifacts of a layout the whole names of their sources.",
        )
    if destination.tag is not None:
        return _one(found, destination)
    several = len({item.repository.name for item in found if item.repository is not None}) > 1
    result = tuple(_in_layout(item, full=several or naming.full_names) for item in found)
    _check_collisions(result)
    return result


def _one(found: Sequence[CopyRoot], destination: LayoutReference | RegistryReference) -> tuple[CopyRoot, ...]:
    if len({item.descriptor.digest for item in found}) > 1:
        raise UsageError(
            f"{safe(destination)} is one name, for {len(found)} artifacts",
            remedy="Leave the tag of the destination out.",
        )
    tag = destination.tag or ""
    if isinstance(destination, LayoutReference):
        return tuple(item.placed(None, (tag,)) for item in found)
    repository = RegistryReference(registry=destination.registry, repository=destination.repository)
    return tuple(item.placed(repository, (tag,)) for item in found)


def _in_layout(found: CopyRoot, *, full: bool) -> CopyRoot:
    repository = found.repository
    names = found.names
    if full and repository is not None:
        names = tuple(f"{repository.name}:{tag_part(tag)}" for tag in names)
    return replace(found.placed(None, names), named_by_source=True)


def _check_one_repository(found: Sequence[CopyRoot], destination: RegistryReference) -> None:
    """Refuses to mix the artifacts of several repositories in one that was not named for all of them."""
    names = dict.fromkeys(item.repository.name for item in found if item.repository is not None)
    if len(names) > 1:
        one, other, *_ = names
        raise UsageError(
            f"{safe(destination)} is one repository, and the sources are of {len(names)}: {one}, {other}"
            + (", ..." if len(names) > 2 else ""),  # noqa: PLR2004
            remedy=f"Write {destination.name}/ to keep their paths below it, or {destination.registry} to keep them in "
            "the registry itself, or add --to-repo to put all into this one.",
        )


def _below(found: CopyRoot, destination: RegistryPrefix, naming: Naming) -> CopyRoot:
    if found.repository is None:
        error = UsageError(
            f"{found.reference} has no repository's name to put after {destination}",
            remedy=f"Name it alone, and the repository that it goes to: {destination}/team/app.",
        )
        return replace(found, unnamed=error)
    repository = destination.below(naming.path_of(found.repository))
    if not is_repository(repository.repository):
        raise UsageError(
            f"{found.reference} would go to {safe(repository.name, limit=300)}, which is no name of a repository",
            remedy="Write lower case letters, digits and single . _ - between / in the map.",
        )
    return replace(_in_registry(found, repository), named_by_source=True)


def _in_registry(found: CopyRoot, repository: RegistryReference) -> CopyRoot:
    tags = tuple(tag_part(tag) for tag in found.names)
    for tag in tags:
        if not is_tag(tag):
            raise UsageError(
                f"{safe(tag, limit=160)!r} can be a tag of a layout but not of a registry",
                remedy="Copy it alone, and give the destination a tag.",
            )
    return found.placed(repository, tags)


def _check_collisions(placed: Sequence[CopyRoot]) -> None:
    taken: dict[tuple[str | None, str], CopyRoot] = {}
    for item in placed:
        for tag in item.tags:
            other = taken.setdefault((item.destination.name if item.destination else None, tag), item)
            if other.descriptor.digest != item.descriptor.digest:
                raise _collision(other, item, tag, item.destination)
    for item in placed:
        for name in _whole_names(item):
            other = taken.get((None, name), item)
            if other.descriptor.digest != item.descriptor.digest:
                raise _collision(other, item, name)


def _collision(one: CopyRoot, other: CopyRoot, name: str, repository: RegistryReference | None = None) -> UsageError:
    way = (
        "add --full-names"
        if repository is None
        else f"give their repositories paths of their own: write {repository.name}/ without --to-repo, or another --map"
    )
    return UsageError(
        f"{one.reference} and {other.reference} would both be called {safe(name, limit=160)!r}",
        remedy=f"Copy them one at a time with a tag for the destination, or {way}.",
    )


def _whole_names(item: CopyRoot) -> tuple[str, ...]:
    """Its containerd name in a layout, beside its tags."""
    if item.destination is not None:
        return ()
    # one tag may be used for all
    listed = (Entry(descriptor=entry, tag=tag) for tag, entry in zip(item.tags, item.listed, strict=False))
    names = dict.fromkeys(name for entry in listed for name in names_of(entry))
    tags = set(item.tags)
    return tuple(name for name in names if name not in tags)


def with_registry_tags(plan: CopyPlan, *, keep_going: bool) -> CopyPlan:
    """The plan for one repository: cosign's tags without the registry and path that they may have in a layout.

    In a layout several repositories may have a signature of the same image. Each goes to the repository of its tag. A
    signature that would replace another one is refused. Raises UsageError, or (`keep_going`) leaves it behind as a
    problem of its artifact. So it does with an artifact that has the name of a list of referrers.
    """
    plan = without_names_of_lists(plan, keep_going=keep_going)
    taken = {tag: item.wanted.descriptor.digest for item in plan.artifacts for tag in item.wanted.tags}
    artifacts: list[PlannedArtifact] = []
    for planned in plan.artifacts:
        repository = planned.wanted.repository
        own = f"{repository.name}:" if repository else ""
        attached: list[ListedReferrer] = []
        problems: list[AirgapError] = []
        notes: list[str] = []
        for referrer in sorted(planned.attached, key=lambda one: not (one.tag or "").startswith(own)):
            name, digest = referrer.tag, referrer.descriptor.digest
            if name is None or taken.setdefault(tag_part(name), digest) == digest:
                attached.append(replace(referrer, tag=name and tag_part(name)))
            elif name.startswith(own):
                problems.append(_shared_tag(planned.wanted, tag_part(name), taken[tag_part(name)], digest))
            else:
                notes.append(f"{safe(name, limit=300)} is another repository's and has no tag here")
        if problems and not keep_going:
            raise problems[0]
        artifacts.append(
            replace(
                planned,
                attached=tuple(attached),
                problems=(*planned.problems, *problems),
                notes=(*planned.notes, *notes),
            )
        )
    return replace(plan, artifacts=tuple(artifacts))


def _shared_tag(found: CopyRoot, tag: str, one: Digest, other: Digest) -> UsageError:
    return UsageError(
        f"{found.reference} has {one} and {other} under the tag {safe(tag, limit=160)}, which in a registry names one",
        remedy="--keep-going leaves the second one behind. A layout or tar can hold both.",
    )


def check_takeover(placed: Iterable[CopyRoot], origins: Mapping[str, TaggedSource]) -> None:
    """Refuse to move a tag of the layout from an artifact of one repository to one of another.

    `origins`: the known sources of the destination's tags. A tag that names a repository belongs to it, and a tag that
    does not move conflicts with nothing. Raises UsageError.
    """
    for item in placed:
        for tag in item.tags:
            before = origins.get(tag)
            if before is None or before.digest == item.descriptor.digest or tag_part(tag) != tag:
                continue
            if item.repository and before.name != item.repository.name:
                raise UsageError(
                    f"the tag {safe(tag, limit=160)!r} there is an artifact of {safe(before.name)}; "
                    f"{item.reference} would take its place",
                    remedy="Give the destination another tag, or add --full-names.",
                )


def check_whole_names(placed: Iterable[CopyRoot], present: Iterable[Descriptor]) -> None:
    """Refuse a containerd name for a copy that another artifact of the layout has: the user did not type that name.

    A name beside a tag of the copy moves with the tag. Raises UsageError.
    """
    tags: dict[str, dict[Digest, set[str | None]]] = {}
    """Of what has a name, by name and digest: thousands of entries may share both."""
    for entry in present:
        for name in (entry.annotations.get(REF_NAME), entry.annotations.get(CONTAINERD_NAME)):
            if name:
                tags.setdefault(name, {}).setdefault(entry.digest, set()).add(entry.annotations.get(REF_NAME))
    for item in placed:
        for name in _whole_names(item):
            for digest, others in tags.get(name, {}).items():
                if digest != item.descriptor.digest and not others <= set(item.tags):
                    raise UsageError(
                        f"{safe(name, limit=160)!r} there is {digest}; {item.reference} is called so, too, and would "
                        "take its place",
                        remedy="Give the destination that whole name as its tag, to replace what has it.",
                    )


def check_meanings(entries: Iterable[Entry], index: Index, graph: Graph | None, source: str) -> None:
    """Refuse names that would mean two things in the layout with this index, which has the entries of a copy.

    `graph`: that of the layout, if files beside `index.json` may give the names to something else. Raises UsageError,
    and ContentError where such a file cannot be read.
    """
    names = Names(read_entries(index, lambda _: False, lambda _: True), source)
    for name in dict.fromkeys(name for entry in entries if entry.tag is not None for name in names_of(entry)):
        try:
            names.look_up(name)
            if graph is not None:
                graph.resolve(name)
        except NotFoundError as error:
            raise UsageError(
                f"a name of the copy would mean two things there: {error}",
                remedy="Give the destination another tag, or copy to a new layout.",
            ) from None


def parse_destination(text: str) -> DestinationReference:
    """The destination in `text`: an existing layout, a registry or a name in one, or a new layout.

    Nothing is guessed. The name of a new tar ends in .tar. A new folder is written as a path (`./x`, `oci:x`), or is in
    an existing folder and has no dot or colon. A registry, or a path in one that ends in `/`, is a prefix. Raises
    UsageError.
    """
    layout = _local(text)
    if layout is None and "://" not in text:
        layout = _new_file(text)
    if layout is None and (prefix := _registry_prefix(text)):
        return prefix
    if layout is None and "://" not in text:
        layout = _new_folder(text)
    if layout is None:
        return parse_reference(text)
    packed = _PACKED.search(layout.path)
    if packed and not layout.transport and not os.path.isdir(layout.path):  # noqa: PTH112
        raise UsageError(
            f"{safe(text, limit=160)!r} cannot be written: a copy is a folder or a .tar, not a {packed.group()}",
            remedy="Write a .tar and pack it afterwards. For a plain tar of this name write oci-archive: before it.",
        )
    plain = layout.path.rstrip("/")
    if plain != layout.path and _is_tar_name(plain) and not os.path.isdir(plain):  # noqa: PTH112
        raise UsageError(
            f"{safe(text, limit=160)!r} has the name of a tar, and ends as a folder",
            remedy=f"Write {safe(plain, limit=160)} for a tar, or oci:{safe(plain, limit=160)} for a folder.",
        )
    return layout


def _local(text: str) -> LayoutReference | None:
    """As `local_reference`; what skopeo alone writes is refused as a destination."""
    try:
        return local_reference(text)
    except UsageError:
        if (transport := foreign_transport(text)) is None:
            raise
    raise UsageError(
        f"{safe(text, limit=160)!r} cannot be written: {transport} is no registry, layout or tar",
        remedy=f"Copy to a layout, and on from there with skopeo: skopeo copy oci:DIRECTORY:TAG {safe(text)}",
    )


def _registry_prefix(text: str) -> RegistryPrefix | None:
    """The registry that `text` names (`ghcr.io`, `host:5000/`, `oci://host`), or a path in one (`ghcr.io/team/`).

    None for other texts. A word with a dot counts if it ends in letters, as host names do.
    """
    name = without_registry_scheme(text)
    host, _, path = name.removesuffix("/").partition("/")
    if not is_registry(host):
        return None
    if path:
        return RegistryPrefix(host, path) if name.endswith("/") and is_repository(path) else None
    port, last = host.rpartition(":")[2], host.rpartition(".")[2]
    named = host == _LOCALHOST or (":" in host and port.isdigit()) or (last.isalpha() and len(last) > 1)
    return RegistryPrefix(host) if named else None


def _new_file(text: str) -> LayoutReference | None:
    """The new file, if the text is the name of one. Raises UsageError."""
    new = parse_new_layout(text)
    return new if _is_tar_name(new.path) or _PACKED.search(new.path) else None


def _new_folder(text: str) -> LayoutReference | None:
    """The new folder; None if the text can only be a name in a registry. Raises UsageError."""
    folder = os.path.dirname(text.rstrip("/"))  # noqa: PTH120
    if not os.path.isdir(folder or "."):  # noqa: PTH112
        return None
    if not _UNCLEAR.search(text) and folder != _LOCALHOST:
        return parse_new_layout(text)
    raise UsageError(
        f"{safe(text, limit=160)!r} is not here, and can be meant as a new folder or as the name of a registry",
        remedy=f"For a folder write ./{safe(text, limit=160)}; in a registry, name the repository: HOST/team/app.",
    )


def is_tar(reference: LayoutReference) -> bool:
    """Whether a destination is a tar, not a directory."""
    if reference.transport == "oci-archive:":
        return True
    path = Path(reference.path)
    return not reference.transport and (path.is_file() or (_is_tar_name(reference.path) and not path.is_dir()))


def _is_tar_name(path: str) -> bool:
    return path.lower().endswith(".tar")
