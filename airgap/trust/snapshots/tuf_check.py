"""Snapshots as targets of The Update Framework: verified under a pinned root, offline (extra `airgap-oci[tuf]`).

The metadata are beside the snapshot as an artifact that refers to it. python-tuf's own client verifies them: threshold
signatures, rotation of keys, expiry, and versions that never go back. It is imported only where a TUF root is pinned.

Two things to know (docs/reference/tuf.md): the client asks the machine's clock for freshness, and no public interface
takes another moment, so that `--at` has no effect on the expiry of TUF metadata; and what it remembers is kept in
`.airgap/tuf/`, without which nothing would keep old metadata out. That holds for what was verified before a later role
failed, too (TUF 5.3.8, 5.4.5, 5.5.7): a new root or timestamp is remembered although the snapshot is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airgap import limits
from airgap.errors import ContentError, Rejected, TrustMaterialError, UsageError
from airgap.oci.descriptor import TITLE
from airgap.oci.graph import Graph
from airgap.oci.manifest import Manifest
from airgap.oci.store import Store, read_verified
from airgap.scratch import scratch_folder
from airgap.text import safe
from airgap.trust.snapshots.pins import Pin, PinKind, Pins
from airgap.trust.snapshots.snapshot_document import Snapshot

if TYPE_CHECKING:
    from tuf.ngclient import FetcherInterface

TUF_TYPE: Final = "application/vnd.airgap.trust.tuf.v1"
METADATA_TYPE: Final = "application/vnd.airgap.trust.tuf.metadata.v1+json"
MANIFEST_TARGET: Final = "manifest.json"
"""The target for the manifest of the snapshot, so that TUF also protects stream and number."""

_NAME = re.compile(r"timestamp\.json|[1-9][0-9]{0,15}\.(?:root|snapshot|targets)\.json", re.ASCII)
_FILES: Final = 300
_ATTACHMENTS: Final = 16
"""How many sets of metadata are tried, each in some milliseconds."""
_BASE: Final = "layout:///metadata/"
_HISTORY: Final = "root_history"
_KEPT: Final = ("timestamp.json", "snapshot.json", "targets.json")
_NOT_FOUND: Final = 404


def load() -> None:
    """Import python-tuf now: its HTTP library tries the network stack when it is imported. Raises UsageError."""
    try:
        import tuf.ngclient
    except ImportError:
        raise UsageError(
            "a TUF root is pinned or asked for, and python-tuf is not installed",
            remedy="Install it: pip install 'airgap-oci[tuf]'.",
        ) from None
    del tuf


def load_tuf(trust: Path) -> None:
    """Import it now if a pin of the trust directory needs it: inside `no_network` it would be too late."""
    if any(pin.kind is PinKind.TUF for pin in Pins.read(trust).entries):
        load()


def check_root(data: bytes) -> None:
    """Checks that `data` is root metadata signed by its own keys. Raises UsageError, TrustMaterialError."""
    load()
    from tuf.api.exceptions import RepositoryError
    from tuf.api.metadata import Metadata, Root
    from tuf.api.serialization import DeserializationError

    try:
        root = Metadata[Root].from_bytes(data)
        root.signed.verify_delegate(Root.type, root.signed_bytes, root.signatures)
    except (RepositoryError, DeserializationError, ValueError, AttributeError, TypeError, KeyError) as error:
        raise TrustMaterialError(
            "snapshot.tuf.malformed",
            f"this is no TUF root metadata: {safe(error)}",
            remedy="Name the root.json of the sender's TUF keys; KEYDIR of --tuf KEYDIR holds it (1.root.json).",
        ) from None


def check_tuf(
    store: Store,
    graph: Graph,
    snapshot: Snapshot,
    pin: Pin,
    memory: Mapping[str, bytes],
    keep: Callable[[Mapping[str, bytes]], None],
) -> None:
    """Checks the manifest and every file of the snapshot with TUF metadata under the pinned root.

    `memory` is the TUF state. `keep` is called with the next state after metadata were read, also if this raises then.
    Raises Rejected (snapshot.rollback, snapshot.tuf.*), ContentError, UsageError.
    """
    load()
    wanted: dict[str, tuple[str | None, int]] = {file.path: (file.digest.encoded, file.size) for file in snapshot.files}
    wanted[MANIFEST_TARGET] = (snapshot.descriptor.digest.encoded, snapshot.descriptor.size)
    first: tuple[Rejected, Mapping[str, bytes]] | None = None
    for metadata in _attached(store, graph, snapshot):
        with scratch_folder() as folder:
            _restore(folder, memory)
            try:
                _check(folder, metadata, pin, wanted)
            except Rejected as error:
                first = first or (error, _kept(folder))
                continue
            keep(_kept(folder))
            return
    if first is None:
        raise Rejected("snapshot.tuf.malformed", "a TUF root is pinned, and no TUF metadata refer to this snapshot")
    keep(first[1])
    raise first[0]


def _check(folder: Path, metadata: Mapping[str, bytes], pin: Pin, wanted: Mapping[str, tuple[str | None, int]]) -> None:
    for path, found in _ask(folder, metadata, pin, list(wanted)).items():
        if found != wanted[path]:
            raise Rejected(
                "snapshot.tuf.content", f"the TUF metadata do not list {safe(path)!r} as it is here", file=safe(path)
            )


def _ask(
    folder: Path, metadata: Mapping[str, bytes], pin: Pin, paths: list[str]
) -> dict[str, tuple[str | None, int] | None]:
    """Digest and size of each target, from verified metadata."""
    from securesystemslib.exceptions import Error as SecureSystemsError
    from tuf.api import exceptions
    from tuf.ngclient import Updater, UpdaterConfig

    config = UpdaterConfig(prefix_targets_with_hash=False)
    try:
        updater = Updater(
            metadata_dir=str(folder),
            metadata_base_url=_BASE,
            fetcher=_fetcher(metadata),
            config=config,
            bootstrap=pin.tuf_root,
        )
        updater.refresh()
        infos = {path: updater.get_targetinfo(path) for path in paths}
    except exceptions.BadVersionNumberError as error:
        raise Rejected("snapshot.rollback", f"the TUF metadata are older than those accepted: {safe(error)}").advising(
            "Get the current snapshot: --allow-rollback does not change what TUF accepts."
        ) from None
    except exceptions.ExpiredMetadataError as error:
        raise Rejected("snapshot.tuf.expired", f"the TUF metadata have expired: {safe(error)}") from None
    except exceptions.UnsignedMetadataError as error:
        raise Rejected(
            "snapshot.tuf.signature", f"the TUF metadata are not signed as they must be: {safe(error)}"
        ) from None
    except exceptions.LengthOrHashMismatchError as error:
        raise Rejected("snapshot.tuf.content", f"the TUF metadata do not fit together: {safe(error)}") from None
    except (exceptions.RepositoryError, exceptions.DownloadError, SecureSystemsError, ValueError) as error:
        raise Rejected("snapshot.tuf.malformed", f"the TUF metadata cannot be used: {safe(error)}") from None
    return {path: (info.hashes.get("sha256"), info.length) if info else None for path, info in infos.items()}


def _fetcher(metadata: Mapping[str, bytes]) -> FetcherInterface:
    from tuf.api.exceptions import DownloadHTTPError
    from tuf.ngclient import FetcherInterface

    class LayoutFetcher(FetcherInterface):
        """Serves the metadata from a layout to the client; there is no other source."""

        def _fetch(self, url: str) -> Iterator[bytes]:
            name = url.removeprefix(_BASE)
            if name not in metadata:
                raise DownloadHTTPError("not in the layout", _NOT_FOUND)
            return iter((metadata[name],))

    return LayoutFetcher()


def _attached(store: Store, graph: Graph, snapshot: Snapshot) -> list[dict[str, bytes]]:
    """The metadata in each attachment, with what only others hold; those that state the latest end first.

    Metadata may be signed again when they have expired, and any person may attach others. Raises ContentError where
    none can be read.
    """
    found: list[dict[str, bytes]] = []
    unread: ContentError | None = None
    for referrer in graph.referrers(snapshot.descriptor).all():
        if referrer.artifact_type != TUF_TYPE or not isinstance(referrer.manifest, Manifest):
            continue
        named = ((layer.annotations.get(TITLE, ""), layer) for layer in referrer.manifest.layers[:_FILES])
        try:
            files = {
                name: read_verified(store, layer, limits.TUF_BYTES) for name, layer in named if _NAME.fullmatch(name)
            }
        except ContentError as error:
            unread = unread or error
            continue
        if files:
            found.append(files)
    if unread and not found:
        raise unread
    every = {name: data for files in found for name, data in files.items()}
    return [{**every, **files} for files in sorted(found, key=_stated_end, reverse=True)[:_ATTACHMENTS]]


def _stated_end(metadata: Mapping[str, bytes]) -> datetime:
    from tuf.api.exceptions import RepositoryError
    from tuf.api.metadata import Metadata, Timestamp
    from tuf.api.serialization import DeserializationError

    try:
        return Metadata[Timestamp].from_bytes(metadata.get("timestamp.json", b"")).signed.expires
    except (RepositoryError, DeserializationError, ValueError, AttributeError, TypeError, KeyError):
        return datetime.min.replace(tzinfo=UTC)


def _restore(folder: Path, memory: Mapping[str, bytes]) -> None:
    (folder / _HISTORY).mkdir()
    for name, data in memory.items():
        place = folder / _HISTORY / name if name.endswith(".root.json") else folder / name
        place.write_bytes(data)


def _kept(folder: Path) -> dict[str, bytes]:
    kept = {name: (folder / name).read_bytes() for name in _KEPT if (folder / name).is_file()}
    for path in sorted((folder / _HISTORY).glob("*.root.json")):
        kept[path.name] = path.read_bytes()
    return kept
