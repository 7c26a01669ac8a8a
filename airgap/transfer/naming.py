"""How repositories are called in a registry that they are copied to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from airgap.errors import UsageError
from airgap.oci.reference import RegistryReference, is_registry, is_repository
from airgap.text import safe
from airgap.transfer.lists import read_list

NameMap = Mapping[str, str]
"""Prefixes of source names (`host` or `host/path`), and the path that each becomes in a registry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """How source repositories are called in the destination."""

    full_names: bool = False
    """Whole names as tags of layouts; in a registry the own path below the destination."""
    keep_host: bool = False
    """In a registry, the host of the source before its path."""
    map: NameMap = field(default_factory=dict)
    """Prefixes of source names, and what they become in a registry."""
    to_repository: bool = False
    """All artifacts into the one repository that the destination names."""

    def __post_init__(self) -> None:
        """Raises UsageError where two of them say different things."""
        if self.to_repository and (self.full_names or self.keep_host or self.map):
            raise UsageError(
                "--to-repo puts everything into one repository, where no source keeps a path of its own",
                remedy="Leave out --to-repo, or --full-names, --keep-host and --map.",
            )

    @property
    def has_paths(self) -> bool:
        """Whether it says that repositories have paths of their own below the destination."""
        return self.full_names or self.keep_host or bool(self.map)

    def path_of(self, repository: RegistryReference) -> str:
        """The path of a source repository below a prefix: by the longest mapped prefix of its name, else its own."""
        parts = repository.name.split("/")
        for length in range(len(parts), 0, -1):
            if (mapped := self.map.get("/".join(parts[:length]))) is not None:
                return "/".join(filter(None, (mapped, *parts[length:])))
        # a colon may not be in a path
        host = f"{repository.registry.replace(':', '-')}/" if self.keep_host else ""
        return f"{host}{repository.repository}"


def _is_prefix(text: str) -> bool:
    """Whether names of repositories can begin so: a line about anything else would do nothing."""
    host, slash, path = text.partition("/")
    return is_registry(host) and (is_repository(path) if slash else True)


def read_name_map(path: Path) -> NameMap:
    """The map in a file: two words a line, a prefix of source names and the path that it becomes (`.`: none).

    Blank lines and comments after `#` are ignored. Raises UsageError.
    """
    found: dict[str, str] = {}
    for line in read_list(path, "map"):
        words = line.split()
        if len(words) != 2 or not _is_prefix(words[0].rstrip("/")):  # noqa: PLR2004
            raise UsageError(
                f"the map {safe(path)} cannot be read: {safe(line, limit=160)!r}",
                remedy="Write two words a line: a host, or host/path, and the path in the destination (. for none).",
            )
        before, after = words[0].rstrip("/"), "" if words[1] == "." else words[1].strip("/")
        if found.setdefault(before, after) != after:
            raise UsageError(f"the map {safe(path)} says two things about {safe(before, limit=160)}")
        if after and not is_repository(after):
            raise UsageError(
                f"the map {safe(path)} has {safe(after, limit=160)!r}, which is no path of a repository",
                remedy="Write lower case letters, digits and single . _ - between /.",
            )
    return found
