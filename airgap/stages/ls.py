"""List: the artifacts of a layout or tar, the tags of a repository, the repositories of a registry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from airgap.bundle.licences import stated_licences
from airgap.errors import AirgapError, ContentError, FormatError, TransferError
from airgap.net.artifacts import Artifacts, FetchedParts, open_artifacts
from airgap.net.registries import Registries
from airgap.oci.attached import IMAGE_CONFIGS, by_kind, kind_of_types
from airgap.oci.descriptor import ACQUISITION, CREATED, Claims, Descriptor, Platform
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.images import is_attestation
from airgap.oci.listing import ListedArtifact, Listing
from airgap.oci.lookup import FoundBy
from airgap.oci.manifest import Index, Manifest
from airgap.oci.nodes import Referrer, Root
from airgap.oci.problems import ContentProblem
from airgap.oci.reference import (
    RegistryReference,
    is_registry,
    local_reference,
    parse_reference,
    without_registry_scheme,
)
from airgap.oci.store import Store, lost_volumes, read_verified
from airgap.oci.tags import cosign_target
from airgap.oci.target import Target
from airgap.parse.json import Reading, load_object, take_optional
from airgap.parse.time import rfc3339
from airgap.revocation.artifact import evidence_kinds
from airgap.signature.signature_manifest import is_signature
from airgap.text import safe
from airgap.transfer.platforms import platform_of
from airgap.transfer.referrers_names import lists_referrers
from airgap.verifier.nearby import foreign_kind

if TYPE_CHECKING:
    from airgap.net.credentials import Credentials
    from airgap.net.options import TransportOptions
    from airgap.net.source import RegistrySource

_COSIGN: Final[Mapping[str, str]] = MappingProxyType({"sig": "cosign sig", "att": "att", "sbom": "sbom"})
"""By the suffix of cosign's tags."""


def kinds_of(referrer: Referrer) -> tuple[str, ...]:
    """What it is, in a word; evidence counts by the file."""
    manifest = referrer.manifest
    if is_signature(manifest):
        return ("sig",)
    evidence = evidence_kinds(manifest) if isinstance(manifest, Manifest) else ()
    return evidence or (_kind(referrer),)


def _is_attached(referrer: Referrer, kinds: Sequence[str], root: Root, found: _Found) -> bool:
    """Whether it is about the artifact, or one of its children. The signature of a child does not sign the artifact."""
    signs = any("sig" in kind for kind in kinds)  # of any kind: "cosign sig", "sigstore bundle"
    about = {root.descriptor.digest} if signs else found.parts | {root.descriptor.digest}
    subject = referrer.subject.digest if referrer.subject is not None else cosign_target(referrer.tag or "")
    return subject in about


def _kind(referrer: Referrer) -> str:
    if referrer.artifact_type == ACQUISITION:
        return "record"
    suffix = (referrer.tag or "").rpartition(".")[2]
    if referrer.mechanism is FoundBy.COSIGN and suffix in _COSIGN:
        return _COSIGN[suffix]
    foreign = foreign_kind(referrer)
    if foreign is not None:
        return foreign.replace("signature", "sig")
    layers = referrer.manifest.layers if isinstance(referrer.manifest, Manifest) else ()
    types = " ".join((referrer.artifact_type or "", *(layer.media_type for layer in layers)))
    return kind_of_types(types)


_PARTS: Final = FetchedParts(configs=True, digest_tags=True)
_LICENSES: Final = "org.opencontainers.image.licenses"
_UNKNOWN: Final = "unknown"
_ASKING: Final = 8
"""Requests at a time."""
_ZERO_TIME: Final = datetime(1, 1, 1, tzinfo=UTC)
"""What programs in Go write where they have no date (crane, ko)."""


def ls(target: str, *, transport: TransportOptions | None = None, credentials: Credentials | None = None) -> Listing:
    """What `target` holds: a layout or tar, one artifact of it or of a registry, a repository, or a registry alone.

    Manifests, configs and SBOMs are read, no layers. What cannot be read is in the result. `transport` and
    `credentials` are for registries. Raises AirgapError where the target cannot be read, and where a registry gives no
    list.
    """
    with Registries(credentials, transport) as registries:
        host = _registry(target)
        if host is not None:
            return Listing(target=safe(host), kind="repositories", repositories=tuple(registries.repositories(host)))
        reference = parse_reference(target)
        if isinstance(reference, RegistryReference) and reference.tag is None and reference.digest is None:
            return _tags(registries.source(reference))
        with open_artifacts(target, registries, _PARTS) as opened:
            return _Lister(opened).run(safe(target))


def _tags(source: RegistrySource) -> Listing:
    tags = tuple(source.tags())
    with ThreadPoolExecutor(_ASKING) as pool:
        aside = [*pool.map(partial(_lists_referrers, source), tags)]
    return Listing(
        target=safe(source.name),
        kind="tags",
        tags=tuple(tag for tag, is_list in zip(tags, aside, strict=True) if not is_list),
        referrers_tags=tuple(tag for tag, is_list in zip(tags, aside, strict=True) if is_list),
    )


def _lists_referrers(source: RegistrySource, tag: str) -> bool:
    """Whether the tag is no name of an artifact. One that cannot be looked into is a tag like others."""
    try:
        return lists_referrers(source, tag, lambda: source.resolve(tag))
    except TransferError:
        raise  # the registry cannot be reached any more
    except AirgapError:
        return False


def _registry(target: str) -> str | None:
    """The host, where `target` is that and nothing else, and no file."""
    if local_reference(target) is not None:
        return None
    host = without_registry_scheme(target).removesuffix("/")
    return host if is_registry(host) else None


class _Config(NamedTuple):
    """What the config of an image says."""

    platform: Platform | None
    created: datetime | None


@dataclass(slots=True)
class _Found:
    """What is known of one artifact so far."""

    manifest: Manifest | Index | None = None
    """Its own: the first that is reached."""
    entries: set[Descriptor] = field(default_factory=set)
    """Of its indexes."""
    parts: set[Digest] = field(default_factory=set)
    """Its manifests."""
    kinds: Counter[str] = field(default_factory=Counter)
    below: Counter[str] = field(default_factory=Counter)
    """What is attached to what is attached, and signatures of its children."""
    platforms: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    created: list[datetime] = field(default_factory=list)
    unread: list[ContentProblem] = field(default_factory=list)
    """Configs that cannot be read."""


class _Lister:
    """Lists the artifacts of one target."""

    def __init__(self, opened: Artifacts) -> None:
        self._opened: Final = opened
        self._graph: Final[Graph] = opened.graph
        self._store: Final[Store] = opened.store
        self._all: Final[dict[Digest, int]] = {}
        self._configs: Final[dict[Claims, _Config | ContentError]] = {}

    def run(self, target: str) -> Listing:
        layout = self._opened if isinstance(self._opened, Target) else None
        roots = layout.roots() if layout is not None else self._opened.all_roots()
        artifacts = tuple(self._artifact(root) for root in roots)
        problems = self._graph.problems if layout is not None and layout.is_whole else ()
        told = {problem.descriptor for artifact in artifacts for problem in artifact.unread}
        return Listing(
            target=target,
            kind="artifacts",
            artifacts=artifacts,
            blobs=len(self._all),
            size=sum(self._all.values()),
            unread=(
                *(item for item in problems if item.descriptor is None or item.descriptor not in told),
                *(ContentProblem.of(error, None, "volumes") for error in lost_volumes(self._store)),
            ),
        )

    def _artifact(self, root: Root) -> ListedArtifact:
        closure = self._graph.closure(root.descriptor)
        found = _Found()
        for item in closure.reached:
            descriptor = item.descriptor
            if item.parsed and not item.attached:
                found.parts.add(descriptor.digest)
                self._describe(descriptor, self._graph.manifest(descriptor), found)
        for referrer in closure.referrers:
            kinds = kinds_of(referrer)
            (found.kinds if _is_attached(referrer, kinds, root, found) else found.below).update(kinds)
        unread: list[ContentProblem] = [] if isinstance(self._opened, Target) else [*self._opened.unread]
        self._graph.referrers(root.descriptor).readable(unread.append)  # what is left out may be a referrer, too
        for problem in closure.problems:
            if problem.is_missing and problem.descriptor in found.entries:
                found.left_out.append(str(problem.descriptor.platform or _UNKNOWN))
            else:
                unread.append(problem)
        own, attached = closure.sizes(attached=False), closure.sizes(attached=True)
        self._all.update(own)
        self._all.update(attached)
        annotations = found.manifest.annotations if found.manifest else {}
        return ListedArtifact(
            reference=self._opened.name(root),
            tags=root.tags,
            descriptor=root.descriptor,
            artifact_type=found.manifest.artifact_type if found.manifest else None,
            platforms=tuple(dict.fromkeys(found.platforms)),
            left_out=tuple(dict.fromkeys(found.left_out)),
            size=sum(own.values()),
            created=_time(annotations.get(CREATED)) or max(found.created, default=None),
            licenses=annotations.get(_LICENSES),
            licences=stated_licences(self._store, self._graph, root.descriptor),
            attached=MappingProxyType(dict(sorted(found.kinds.items(), key=by_kind))),
            attached_below=MappingProxyType(dict(sorted(found.below.items(), key=by_kind))),
            attached_size=sum(size for digest, size in attached.items() if digest not in own),
            unread=tuple(map(self._opened.located, dict.fromkeys((*unread, *found.unread)))),
        )

    def _describe(self, descriptor: Descriptor, manifest: Manifest | Index, found: _Found) -> None:
        """Platform and date of an image."""
        found.manifest = found.manifest or manifest
        found.entries.update(manifest.manifests if isinstance(manifest, Index) else ())
        if is_attestation(descriptor):  # BuildKit's, an entry of the index
            found.kinds["att"] += 1
            return
        config = manifest.config if isinstance(manifest, Manifest) else None
        if config is None or config.media_type not in IMAGE_CONFIGS:
            return
        said = self._config(config)
        if isinstance(said, ContentError):
            found.unread.append(ContentProblem.of(said, config, "config"))
            said = _Config(None, None)
        if said.created:
            found.created.append(said.created)
        found.platforms.append(str(descriptor.platform or said.platform or "") or _UNKNOWN)

    def _config(self, config: Descriptor) -> _Config | ContentError:
        """Read once: thousands of artifacts may have it."""
        key = config.claims
        if key not in self._configs:
            try:
                raw = read_verified(self._store, config)
            except ContentError as error:
                self._configs[key] = error
            else:
                self._configs[key] = _Config(_platform(raw), _created(raw))
        return self._configs[key]


def _platform(config: bytes) -> Platform | None:
    try:
        return platform_of(config)
    except FormatError:
        return None  # shown as unknown


def _created(config: bytes) -> datetime | None:
    try:
        document = load_object(config, Reading.OPEN, what="image config")
        return _time(take_optional(document, "created", str))
    except FormatError:
        return None


def _time(text: str | None) -> datetime | None:
    """The stated date; None where it is malformed."""
    try:
        stated = rfc3339(text) if text else None
    except FormatError:
        return None
    return stated if stated != _ZERO_TIME else None
