"""Configuration by which the runtimes of a site pull images by their own names from the registry of the site.

The rules are those of the runtimes' own documents: containerd's `hosts.toml`, containers-registries.conf(5) of podman
and CRI-O, OpenShift's ImageDigestMirrorSet and ImageTagMirrorSet, and the `registries.yaml` of k3s and RKE2.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airgap.errors import FormatError, UsageError
from airgap.files import is_there, read_regular, write_file
from airgap.oci.reference import RegistryReference
from airgap.text import safe

_MARK: Final = "# Written by airgap import."
_LARGEST: Final = 1 << 20


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
    notes: tuple[str, ...] = ()
    """Safe to show."""

    @classmethod
    def of(cls, moved: Iterable[tuple[RegistryReference, RegistryReference]], *, plain_http: bool) -> MirrorConfig:
        """The configuration for repositories (source, place in the registry of the site).

        A host whose repositories all keep their paths below one prefix gets one rule, which is right for those of later
        imports, too; else each repository has its own.
        """
        pairs = sorted({(source.name, place.registry, place.repository) for source, place in moved})
        files: dict[str, str] = {}
        notes: list[str] = []
        rules = sorted(_rules((source, path) for source, _, path in pairs))
        registry = pairs[0][1] if pairs else ""
        url = f"{'http' if plain_http else 'https'}://{registry}"
        for rule in rules:
            if rule.is_whole_host:
                files[f"containerd/certs.d/{_folder(rule.host)}/hosts.toml"] = _hosts_toml(rule, url)
        if several := sorted({rule.host for rule in rules if not rule.is_whole_host}):
            notes.append(
                f"containerd has one place for a host, and the repositories of {', '.join(map(safe, several))} have "
                "several: it is not configured for these"
            )
        if rules:
            files["containers/registries.conf"] = _registries_conf(rules, registry, insecure=plain_http)
            for by in ("Digest", "Tag"):
                files[f"openshift/Image{by}MirrorSet.yaml"] = _mirror_set(by, rules, registry)
            files["k3s/registries.yaml"] = _registries_yaml(rules, url)
        return cls(files=files, notes=tuple(notes))

    def check(self, folder: Path) -> None:
        """Refuses a folder where a file of another author would be replaced. Raises UsageError."""
        for name in self.files:
            path = folder / name
            if is_there(path) and not _is_ours(path):
                raise UsageError(
                    f"{safe(path)} is there, and was not written by an import",
                    remedy="Name another folder, and merge the files by hand.",
                )

    def write(self, folder: Path) -> None:
        """Writes the files. Raises UsageError for one of another author, OSError."""
        self.check(folder)
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, text.encode())


def _is_ours(path: Path) -> bool:
    try:
        return read_regular(path, limit=_LARGEST).startswith(_MARK.encode())
    except FormatError:  # a link, a folder, or too large
        return False


def _rules(pairs: Iterable[tuple[str, str]]) -> Iterator[_Rule]:
    by_host: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for source, path in pairs:
        host, _, rest = source.partition("/")
        by_host[host].append((rest, path))
    for host, found in by_host.items():
        prefixes = {_before(rest, path) for rest, path in found}
        prefix = next(iter(prefixes)) if len(prefixes) == 1 else None
        if prefix is not None:
            yield _Rule(host, prefix)
        else:
            yield from (_Rule(f"{host}/{rest}", path) for rest, path in found)


def _before(rest: str, path: str) -> str | None:
    """What comes before the source's own path in that of the registry; None where it does not end so."""
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
