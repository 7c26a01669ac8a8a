"""Configuration by which the runtimes of a site pull images by their own names from the registry of the site.

The rules are those of the runtimes' own documents: containerd's `hosts.toml`, containers-registries.conf(5) of podman
and CRI-O, OpenShift's ImageDigestMirrorSet and ImageTagMirrorSet, and the `registries.yaml` of k3s and RKE2.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airgap.errors import FormatError, UsageError
from airgap.files import check_writable, is_there, read_regular, unwritable, write_file
from airgap.oci.reference import DOCKER_HUB, RegistryReference, docker_name
from airgap.text import safe, some

_MARK: Final = "# Written by airgap import."
_WHAT: Final = "configuration of runtimes"
_CONTAINERS: Final = "containers/registries.conf"
_K3S: Final = "k3s/registries.yaml"
_MIRROR_SETS: Final = {by: f"openshift/Image{by}MirrorSet.yaml" for by in ("Digest", "Tag")}
_FIXED: Final = (_CONTAINERS, _K3S, *_MIRROR_SETS.values())
_LARGEST: Final = 1 << 20
_SHOWN: Final = 8


@dataclass(frozen=True, slots=True, order=True)
class _Rule:
    """Names that begin with `source` are in the registry under `path` and the rest of the name."""

    source: str
    """A host, or a host and the path of a repository."""
    path: str
    """In the registry of the site; empty for its root."""

    @property
    def host(self) -> str:
        return self.source.partition("/")[0]

    @property
    def is_whole_host(self) -> bool:
        return "/" not in self.source


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorConfig:
    """Files for runtimes, and what some of them cannot say."""

    files: Mapping[str, str]
    """Relative path to content."""
    outdated: frozenset[str] = frozenset()
    """Relative paths of what a former import may have written, and what no rule of this one replaces."""
    notes: tuple[str, ...] = ()
    """Safe to show."""

    @classmethod
    def of(
        cls,
        moved: Iterable[tuple[RegistryReference, RegistryReference]],
        *,
        plain_http: bool,
        retagged: Collection[RegistryReference] = (),
    ) -> MirrorConfig:
        """The configuration for repositories (source, place in the registry of the site).

        A host whose repositories all keep their paths below one prefix gets one rule, which is right for those of later
        imports, too; else each repository has its own. No rule reaches what came from elsewhere, or has other tags
        there than in its source (`retagged`): a runtime would get another image than it asked for.
        """
        pairs = sorted({(_asked_for(source), place) for source, place in moved})
        other_tags = set(map(_asked_for, retagged))
        rules = sorted(_rules([(source, place.repository) for source, place in pairs], other_tags))
        registry = pairs[0][1].registry if pairs else ""
        url = f"{'http' if plain_http else 'https'}://{registry}"
        files: dict[str, str] = {}
        for rule in rules:
            if rule.is_whole_host:
                files[_hosts_file(_folder(rule.host))] = _hosts_toml(rule, url)
        if rules:
            files[_CONTAINERS] = _registries_conf(rules, registry, insecure=plain_http)
            for by, name in _MIRROR_SETS.items():
                files[name] = _mirror_set(by, rules, registry)
            files[_K3S] = _registries_yaml(rules, url)
        known = {_hosts_file(_folder(source.partition("/")[0])) for source, _ in pairs}
        outdated = known.union(_FIXED) - files.keys() if pairs else ()
        return cls(
            files=files,
            outdated=frozenset(outdated),
            notes=tuple(_notes([source for source, _ in pairs], rules, other_tags)),
        )

    def write(self, folder: Path) -> None:
        """Writes the files, and removes what is outdated. Raises what `check_folder` raises."""
        check_folder(folder)
        for name in sorted(self.files.keys() | self.outdated):
            path = folder / name
            try:
                if name in self.outdated:
                    if is_there(path):
                        path.unlink()
                    continue
                path.parent.mkdir(parents=True, exist_ok=True)
                write_file(path, self.files[name].encode())
            except OSError as error:
                raise unwritable(path, _WHAT, error) from None


def check_folder(folder: Path) -> None:
    """Refuses, before the work begins, a folder where a configuration cannot be written, or another author has files.

    Raises UsageError, AirgapError.
    """
    for path in (*(folder / name for name in _FIXED), *folder.glob(_hosts_file("*"))):
        if is_there(path) and not _is_ours(path):
            raise UsageError(
                f"{safe(path)} is there, and was not written by an import",
                remedy="Name another folder, and merge the files by hand.",
            )
        there = next(parent for parent in path.parents if is_there(parent))
        check_writable(there / path.name, _WHAT)


def _hosts_file(folder: str) -> str:
    return f"containerd/certs.d/{folder}/hosts.toml"


def _is_ours(path: Path) -> bool:
    try:
        return read_regular(path, limit=_LARGEST).startswith(_MARK.encode())
    except FormatError:  # a link, a folder, or too large
        return False


def _asked_for(source: RegistryReference) -> str:
    """The name by which runtimes ask: they complete those of Docker Hub."""
    return docker_name(source.name) if source.registry in DOCKER_HUB else source.name


def _rules(pairs: Collection[tuple[str, str]], retagged: Collection[str]) -> Iterator[_Rule]:
    reached = _reached(pairs, retagged)
    by_host: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for source, path in pairs:
        by_host[source.partition("/")[0]][source].add(path)
    for host, found in by_host.items():
        prefixes = {_before(source.removeprefix(f"{host}/"), path) for source, paths in found.items() for path in paths}
        prefix = next(iter(prefixes)) if len(prefixes) == 1 else None
        if prefix is not None and reached[prefix] == {host}:
            yield _Rule(host, prefix)
        else:
            for source, paths in found.items():
                if len(paths) == 1 and reached[path := next(iter(paths))] == {source}:
                    yield _Rule(source, path)


def _reached(pairs: Iterable[tuple[str, str]], retagged: Collection[str]) -> Mapping[str, set[str | None]]:
    """For each path in the registry: the sources of which a rule to it is right about one of the places below it.

    None is about a place for which no rule to that path is right.
    """
    found: defaultdict[str, set[str | None]] = defaultdict(set)
    for source, path in pairs:
        parts = path.split("/")
        for length in range(len(parts) + 1):
            rest = "/".join(parts[length:])
            found["/".join(parts[:length])].add(None if source in retagged else _before(rest, source))
    return found


def _notes(sources: Iterable[str], rules: Collection[_Rule], retagged: Collection[str]) -> Iterator[str]:
    ruled = {rule.source for rule in rules}
    left_out = [source for source in dict.fromkeys(sources) if ruled.isdisjoint((source, source.partition("/")[0]))]
    if others := [source for source in left_out if source in retagged]:
        yield (
            f"runtimes are not configured for {some(others, _SHOWN, safe)}: the tags in the registry are not those of "
            "the source. Import without a tag for the registry to keep them"
        )
    if mixed := [source for source in left_out if source not in retagged]:
        yield (
            f"runtimes are not configured for {some(mixed, _SHOWN, safe)}: what is there, or below, is of several "
            "repositories, and they could get another image than they ask for. Give each repository a place of its own "
            "(--keep-host or another --map, and not --to-repo)"
        )
    if several := sorted({rule.host for rule in rules if not rule.is_whole_host}):
        yield (
            f"containerd has one place for a host, and none has the repositories of {some(several, _SHOWN, safe)} "
            "alone and under their own paths: it is not configured for these. --keep-host gives each host its own"
        )


def _before(rest: str, path: str) -> str | None:
    """What comes before `rest` in a path; None where it does not end so."""
    if not rest:
        return path
    if path == rest:
        return ""
    return path.removesuffix(f"/{rest}") if path.endswith(f"/{rest}") else None


def _folder(host: str) -> str:
    """Containerd's name of the folder for a host: with a port in a form that every file system can hold."""
    name, colon, port = host.rpartition(":")
    return f"{name}_{port}_" if colon else host


def _hosts_toml(rule: _Rule, url: str) -> str:
    # the server is named, too: by default it is the source, which containerd asks last
    base = json.dumps(f"{url}/v2/{rule.path}" if rule.path else url)
    how = 'capabilities = ["pull", "resolve"]\n' + ("override_path = true\n" if rule.path else "")
    return (
        f"{_MARK} Put it into /etc/containerd/certs.d; config_path has to name that folder.\n"
        f"server = {base}\n{how}\n[host.{base}]\n{how}"
    )


def _registries_conf(rules: Iterable[_Rule], registry: str, *, insecure: bool) -> str:
    parts = [f"{_MARK} Put it into /etc/containers/registries.conf.d of every machine with podman or CRI-O.\n"]
    for rule in rules:
        location = f"{registry}/{rule.path}" if rule.path else registry
        parts.append(f"\n[[registry]]\nprefix = {json.dumps(rule.source)}\nlocation = {json.dumps(location)}\n")
        if insecure:
            parts.append("insecure = true\n")
    return "".join(parts)


def _mirror_set(by: str, rules: Iterable[_Rule], registry: str) -> str:
    parts = [
        f"{_MARK} oc apply -f Image{by}MirrorSet.yaml\n",
        f"apiVersion: config.openshift.io/v1\nkind: Image{by}MirrorSet\nmetadata:\n  name: airgap\n",
        f"spec:\n  image{by}Mirrors:\n",
    ]
    for rule in rules:
        mirror = f"{registry}/{rule.path}" if rule.path else registry
        parts.append(
            f"  - source: {json.dumps(rule.source)}\n    mirrors:\n    - {json.dumps(mirror)}\n"
            "    mirrorSourcePolicy: NeverContactSource\n"
        )
    return "".join(parts)


def _registries_yaml(rules: Iterable[_Rule], url: str) -> str:
    parts = [
        f"{_MARK} Put it at /etc/rancher/k3s/registries.yaml (RKE2: /etc/rancher/rke2/registries.yaml).\nmirrors:\n"
    ]
    by_host: defaultdict[str, list[_Rule]] = defaultdict(list)
    for rule in rules:
        by_host[rule.host].append(rule)
    for host, found in by_host.items():
        parts.append(f"  {json.dumps(host)}:\n    endpoint:\n    - {json.dumps(url)}\n")
        rewrites = dict(_rewrites(found))
        if rewrites:
            parts.append("    rewrite:\n")
            parts += [f"      {json.dumps(old)}: {json.dumps(new)}\n" for old, new in rewrites.items()]
    return "".join(parts)


def _rewrites(rules: Iterable[_Rule]) -> Iterator[tuple[str, str]]:
    for rule in rules:
        if not rule.is_whole_host:
            yield f"^{re.escape(rule.source.partition('/')[2])}$", rule.path
        elif rule.path:
            yield "^(.*)$", f"{rule.path}/$1"
