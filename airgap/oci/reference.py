r"""How artifacts are named (decision 0025).

    registry.example/repo:tag    registry.example/repo@sha256:...      a registry
    oci:PATH[:TAG|@DIGEST]       oci-archive:FILE[:TAG|@DIGEST]        a layout directory, a layout tar
    PATH[:TAG|@DIGEST]                                                 either, if PATH exists or looks like a path

Paths may contain `:` and `@`, and so may tags (a layout's tag can be a full reference, LAYOUT-6). The part that exists
on disk is the path; if two parts exist, the reference is refused as ambiguous. If none exists, the first `:` ends the
path, except that of a drive (`C:\stick`).
With a tag and a digest, the digest decides, as in other tools. In a layout the tag must name the same.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from airgap.errors import FormatError, UsageError
from airgap.oci.digest import Digest
from airgap.oci.tags import is_tag, tag_part
from airgap.text import safe

Exists = Callable[[str], bool | None]
"""Whether a path is on disk; None where that cannot be examined."""
_ABSENT: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL})

_TRANSPORTS: Final = ("oci-archive:", "oci:")
_TAR: Final = re.compile(r"\.(?:tar(?:\.[a-z0-9]+)?|tgz)$", re.IGNORECASE)
"""No domain ends so: a name with such an ending is that of a file, and if there is none, it is mistyped."""
_FOREIGN: Final = ("docker-archive:", "docker-daemon:", "containers-storage:", "dir:", "ostree:", "sif:", "tarball:")
_AS_OTHERS_WRITE_IT: Final = {"ocidir://": "regctl", "ocidir:": "regctl", "oci-dir:": "syft"}
_REGISTRY_SCHEME: Final = re.compile(r"(?:docker|oci)://(?=[^/])")
"""The prefixes of registry names in skopeo (docker://), Helm and Flux (oci://). `oci:///path` is a path."""
DOCKER_HUB: Final = frozenset({"docker.io", "index.docker.io"})
DOCKER_HUB_API: Final = "registry-1.docker.io"
"""The server that answers for it."""
DOCKER_HUBS: Final = DOCKER_HUB | {DOCKER_HUB_API, "registry.hub.docker.com"}
"""Other names of the same registry."""
_DRIVE: Final = re.compile(r"[A-Za-z]:(?=[/\\])")
_URL: Final = re.compile(r"(?P<scheme>file|https?|ftp|s3)://", re.IGNORECASE)
_LONGEST_NAME: Final = 255
_LONGEST_TEXT: Final = 8192

# DIST-1; distribution-spec, Pulling manifests
_REPOSITORY: Final = re.compile(
    r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*", re.ASCII
)
_LABEL: Final = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_HOST: Final = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:.]+\])(?::[0-9]{{1,5}})?", re.ASCII)


class LayoutReference(NamedTuple):
    """A layout, or one artifact in it; at most one of `tag` and `digest` is set."""

    path: str
    tag: str | None = None
    digest: Digest | None = None
    transport: str = ""
    """`oci:`, `oci-archive:`, or empty where the path decides."""
    literal: str | None = None
    """Tag and digest as typed, if both were: other tools take an entry with that full name."""

    @property
    def whole(self) -> str:
        """The layout without tag and digest, in the form to type."""
        return f"{self.transport}{self.path}"

    def naming(self, tags: Sequence[str], digest: Digest) -> str:
        """The reference to one artifact of this layout, in the form to type."""
        chosen = self.tag if self.tag in tags else (tags[0] if tags else None)
        if self.digest is not None or chosen is None:
            return f"{self.whole}@{digest}"
        return f"{self.whole}:{chosen}"

    def __str__(self) -> str:
        if self.literal is not None:  # in the typed form, so that every reading of it is checked again
            return f"{self.whole}:{self.literal}"
        suffix = f"@{self.digest}" if self.digest else f":{self.tag}" if self.tag is not None else ""
        return f"{self.whole}{suffix}"


class RegistryReference(NamedTuple):
    """A repository of a registry, or one artifact in it; a digest takes precedence over the tag."""

    registry: str
    """The host, with its port if it has one. `docker.io` is not implied."""
    repository: str
    tag: str | None = None
    digest: Digest | None = None

    @property
    def name(self) -> str:
        """Registry and repository: compared with the scopes of a policy."""
        return f"{self.registry}/{self.repository}"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag is not None else ""
        return f"{self.name}{tag}{f'@{self.digest}' if self.digest else ''}"


def on_disk(path: str) -> bool | None:
    """Whether a path leads to something; None where that cannot be examined (no rights, an input/output error)."""
    try:
        os.stat(path)  # noqa: PTH116 - a trailing `/` and an empty name keep their meaning
    except ValueError:  # a NUL, or a character that no file name has
        return False
    except OSError as error:
        if error.errno in _ABSENT:
            return False
        return True if os.path.lexists(path) else None
    return True


def parse_reference(text: str, exists: Exists = on_disk) -> LayoutReference | RegistryReference:
    """What `text` names; `exists` tells whether a path is on disk. Raises UsageError."""
    layout = local_reference(text, exists)
    return layout or _official(parse_registry_reference(without_registry_scheme(text)))


def registries_in(texts: Iterable[str]) -> frozenset[str]:
    """The registries that these references name. A malformed one is skipped here and reported when it is opened."""
    found: set[str] = set()
    for text in texts:
        try:
            reference = parse_reference(text)
        except UsageError:
            continue
        if isinstance(reference, RegistryReference):
            found.add(reference.registry)
    return frozenset(found)


def _official(reference: RegistryReference) -> RegistryReference:
    """The name with `library/` for Docker Hub's own images: in all tools docker.io/nginx is docker.io/library/nginx."""
    if reference.registry not in DOCKER_HUB or "/" in reference.repository:
        return reference
    return reference._replace(repository=f"library/{reference.repository}")


def docker_name(name: str) -> str:
    """A name, with or without a tag, with the registry and folder that docker and podman leave out.

    The registry is normalized as for DNS and HTTPS: lower case, and without the default port.
    """
    host, _, rest = name.partition("/")
    if not names_registry(name):
        host, rest = "docker.io", name
    host = host.lower().removesuffix(":443")
    if host in DOCKER_HUBS:
        host = "docker.io"
    return f"{host}/library/{rest}" if host in DOCKER_HUB and "/" not in rest else f"{host}/{rest}"


def whole_docker_name(name: str) -> str:
    """The name that docker gives to an image, with its tag: `latest` where there is none."""
    return docker_name(name if tag_part(name) != name else f"{name}:latest")


def without_registry_scheme(text: str) -> str:
    """The name of a registry or repository without `docker://` or `oci://` before it."""
    return _REGISTRY_SCHEME.sub("", text, count=1)


def names_registry(name: str) -> bool:
    """Whether docker takes the part before the first `/` for a registry; a part with upper case is no folder."""
    host, slash, _ = name.partition("/")
    return bool(slash) and ("." in host or ":" in host or host == "localhost" or host != host.lower())


def parse_new_layout(text: str) -> LayoutReference:
    """A path, with or without a tag, of a layout that may not exist yet. Raises UsageError."""
    return _layout(text, "", lambda _: False)


def parse_layout_reference(text: str, exists: Exists = on_disk) -> LayoutReference:
    """The layout that `text` names, if only a layout is allowed. Raises UsageError."""
    reference = local_reference(text, exists)
    if reference is None:
        from airgap.near_names import near_layout  # seldom needed

        near = near_layout(text)
        raise UsageError(
            f"{safe(text)} is no file or folder here"
            f"{near.message or '; as a name in a registry it would need the network'}",
            remedy=near.remedy or "Check the path. What is in a registry is copied into a layout first: airgap copy.",
        )
    return reference


def local_reference(text: str, exists: Exists = on_disk) -> LayoutReference | None:
    """The layout that `text` names, if it exists or has the form of a path; else None.

    Raises UsageError.
    """
    if not text or len(text) > _LONGEST_TEXT or "\0" in text:
        raise UsageError(f"{safe(text, limit=160)!r} names nothing", remedy=_FORMS)
    if _REGISTRY_SCHEME.match(text):
        return None
    for transport in _TRANSPORTS:
        if text.startswith(transport):
            return _layout(text.removeprefix(transport), transport, exists)
    if any(_splits_at_existing(text, exists)):
        return _layout(text, "", exists)
    _check_scheme(text)
    return _layout(text, "", exists) if _looks_like_path(text) or _is_below_closed(text, exists) else None


def _is_below_closed(text: str, exists: Exists) -> bool:
    """Whether it cannot be known what is there, and the folder in which it would be is here.

    In a current folder without rights nothing can be examined, and the names of registries are taken as such.
    """
    folder, slash, _ = text.partition("/")
    return bool(slash) and exists(text) is None and exists(folder) is True


def foreign_transport(text: str) -> str | None:
    """The transport of skopeo that the text names and that is none here, with its colon."""
    return next((transport for transport in _FOREIGN if text.startswith(transport)), None)


def _check_scheme(text: str) -> None:
    """Refuses sources of other kinds, and layouts in the notation of other tools. Raises UsageError."""
    if transport := foreign_transport(text):
        raise UsageError(
            f"{safe(text, limit=160)!r} names a {transport} source, which is no OCI image layout",
            remedy=f"Convert it with skopeo: skopeo copy --all {safe(text)} oci:DIRECTORY",
        )
    for scheme, tool in _AS_OTHERS_WRITE_IT.items():
        if text.startswith(scheme):
            raise UsageError(
                f"{safe(text, limit=160)!r} is how {tool} writes a layout",
                remedy=f"Write oci:{safe(text.removeprefix(scheme), limit=160)}",
            )
    if match := _URL.match(text):
        raise UsageError(
            f"{safe(text, limit=160)!r} is a URL, and no name of a layout or repository",
            remedy=_without_scheme(match["scheme"].lower(), text[match.end() :]),
        )


def _without_scheme(scheme: str, rest: str) -> str:
    if scheme == "file":
        return f"Write the path alone: {safe(rest, limit=160)}"
    return f"Name a registry's repository without {scheme}://; download what is on a web server, and name the file."


def parse_registry_reference(text: str) -> RegistryReference:
    """`registry/repository[:tag][@digest]` and nothing else. Raises UsageError."""
    name, at, pinned = text.partition("@")
    digest = _digest(pinned, text) if at else None
    registry, slash, rest = name.partition("/")
    repository, colon, tag = rest.partition(":")
    if is_registry(registry) and not rest:
        raise UsageError(
            f"{safe(text, limit=160)!r} is no file or directory here, and as a registry it names no repository",
            remedy=f"{_FORMS} What a registry holds is shown by airgap ls {safe(registry, limit=160)}.",
        )
    if not slash or not is_registry(registry):
        raise UsageError(
            f"{safe(text, limit=160)!r} is neither a file or directory here nor the name of a registry's repository",
            remedy=_FORMS,
        )
    if not is_repository(repository):
        raise UsageError(f"{safe(repository, limit=160)!r} is no repository name: {_REPOSITORY_RULE}", remedy=_FORMS)
    if colon and not is_tag(tag):
        raise UsageError(f"{safe(tag, limit=160)!r} is no tag: {_TAG_RULE}", remedy=_FORMS)
    if len(registry) + 1 + len(repository) > _LONGEST_NAME:
        raise UsageError(f"{safe(name, limit=64)!r} is longer than {_LONGEST_NAME} characters", remedy=_FORMS)
    return RegistryReference(registry=registry, repository=repository, tag=tag if colon else None, digest=digest)


_FORMS: Final = (
    "Name a registry's repository in full (docker.io/library/alpine:3, not alpine:3), a layout directory or tar that "
    "exists, or use oci:DIRECTORY[:TAG] or oci-archive:FILE[:TAG]."
)
_REPOSITORY_RULE: Final = (
    "lower-case letters, digits and single separators (. _ __ -) between them, in parts joined by /"
)
_TAG_RULE: Final = "at most 128 letters, digits, and . _ -, starting with a letter, digit or _"


def _layout(text: str, transport: str, exists: Exists) -> LayoutReference:
    splits = list(islice(_splits_at_existing(text, exists), 2))
    if len(splits) > 1:
        (longer, _), (shorter, left) = splits
        raise UsageError(  # other tools end the path at the first `:`, and would run content that was not verified
            f"{safe(text, limit=200)!r} can mean {safe(longer, limit=200)!r}, or {safe(left[1:], limit=200)!r} in "
            f"{safe(shorter, limit=200)!r}: both paths exist",
            remedy="Rename one of them, or name what is meant through a link without ':' and '@' in its name.",
        )
    path, rest = splits[0] if splits else _first_split(text)
    _check_parents(path)
    if not path:
        raise UsageError(f"{safe(transport + text, limit=160)!r} names no path", remedy=_FORMS)
    if rest.startswith("@"):
        return LayoutReference(path=path, digest=_digest(rest[1:], text), transport=transport)
    if rest == ":":
        remedy = "Leave the ':' out for the whole layout, or write a tag after it."
        raise UsageError(f"{safe(text, limit=160)!r} ends in ':' without a tag", remedy=remedy)
    tag = rest[1:] or None
    if tag is not None:
        plain, at, pinned = tag.rpartition("@")
        if at and is_tag(plain) and ":" in pinned:
            return LayoutReference(path=path, digest=_digest(pinned, text), transport=transport, literal=tag)
    return LayoutReference(path=path, tag=tag, transport=transport)


def _check_parents(path: str) -> None:
    """Refuses a path with `..` that is two files. Raises UsageError.

    Tools in Go take `..` out as text, and start at $PWD; for the system `..` is the folder above the one that a link
    leads to. So skopeo would run what was not verified, or not what was written.
    """
    if os.pardir not in path.replace("\\", "/").split("/"):
        return
    start = os.environ.get("PWD", "")
    if not Path(start).is_absolute() or not _is_same(start, os.curdir):
        start = os.curdir
    for other in (os.path.normpath(path), os.path.normpath(os.path.join(start, path))):  # noqa: PTH118
        if on_disk(other) and not _is_same(other, path):
            ours, theirs = (safe(os.path.realpath(item), limit=200) for item in (path, other))
            raise UsageError(
                f"{safe(path, limit=200)!r} can mean {ours!r}, as the system reads it, or {theirs!r}, as skopeo and "
                "other tools do, which shorten '..' behind a symbolic link: that is there",
                remedy="Write the path without '..'.",
            )


def _is_same(first: str, second: str) -> bool:
    try:
        return os.path.samefile(first, second)  # noqa: PTH121
    except OSError:
        return False


def _splits_at_existing(text: str, exists: Exists) -> Iterator[tuple[str, str]]:
    """The ways to split `text` into an existing path and the rest, the longest path first."""
    if exists(text):
        yield text, ""
    start = _path_start(text)
    for position in range(len(text) - 1, start - 1, -1):
        if text[position] in ":@" and position and exists(text[:position]):
            yield text[:position], text[position:]


def _first_split(text: str) -> tuple[str, str]:
    start = _path_start(text)
    for position in range(start, len(text)):
        if text[position] == ":" or (text[position] == "@" and _is_digest(text[position + 1 :])):
            return text[:position], text[position:]
    return text, ""


def _path_start(text: str) -> int:
    """The position from which separators count: after the colon of a drive."""
    match = _DRIVE.match(text)
    return match.end() if match else 0


def _looks_like_path(text: str) -> bool:
    return (
        text.startswith(("./", "../", "/", "~", ".\\", "..\\", "\\\\"))
        or text in {".", ".."}
        or bool(_DRIVE.match(text))
        or "\\" in text
        or _is_file_name(text)
    )


def _is_file_name(text: str) -> bool:
    """Whether it is the name of a tar without a folder; a repository may be called so, a registry is not."""
    name = re.split("[:@]", text, maxsplit=1)[0].removesuffix("/")
    return "/" not in name and _TAR.search(name) is not None


def is_repository(name: str) -> bool:
    """Whether a registry may have a repository of this name (DIST-1)."""
    return _REPOSITORY.fullmatch(name) is not None


def is_host(text: str) -> bool:
    """Whether a text is a host, with or without a port."""
    return _HOST.fullmatch(text) is not None


def is_registry(host: str) -> bool:
    """Whether a name is that of a registry: a host with a dot or a port, or `localhost`."""
    # As in docker: otherwise the first part belongs to a repository, and no registry is named.
    return is_host(host) and ("." in host or ":" in host or host == "localhost")


def _is_digest(text: str) -> bool:
    try:
        Digest.parse(text)
    except FormatError:
        return False
    return True


def _digest(text: str, whole: str) -> Digest:
    try:
        return Digest.parse(text)
    except FormatError as error:
        name = safe(whole.removesuffix(f"@{text}"), limit=200)
        raise UsageError(f"{name}@...: {error}", remedy=_way_to_digest(text, name)) from None


def _way_to_digest(text: str, name: str) -> str:
    """A hint what was probably meant instead of a digest."""
    lower = text.lower() if text.lower().startswith("sha256:") else f"sha256:{text.lower()}"
    if _is_digest(lower):
        return f"Write {name}@{lower}"
    if is_tag(text):
        tag = safe(text, limit=160)
        return f"If {tag} is a tag, write {name}:{tag}; a digest is sha256: and 64 digits."
    return "Write the whole digest, sha256: and all of its 64 digits; airgap discover shows it."
