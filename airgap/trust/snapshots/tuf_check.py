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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from airgap import limits
from airgap.errors import ContentError, Rejected, TrustMaterialError, UsageError
from airgap.oci.descriptor import TITLE, Descriptor
from airgap.oci.graph import Graph
from airgap.oci.manifest import Manifest
from airgap.oci.store import Store, read_verified
from airgap.scratch import scratch_folder
from airgap.text import safe
from airgap.trust.snapshots.pins import Pin, PinKind, Pins
from airgap.trust.snapshots.snapshot_document import Snapshot

if TYPE_CHECKING:
    from tuf.api.metadata import Root
    from tuf.ngclient import FetcherInterface

TUF_TYPE: Final = "application/vnd.airgap.trust.tuf.v1"
METADATA_TYPE: Final = "application/vnd.airgap.trust.tuf.metadata.v1+json"
MANIFEST_TARGET: Final = "manifest.json"
"""The target for the manifest of the snapshot, so that TUF also protects stream and number."""

_NAME = re.compile(r"timestamp\.json|[1-9][0-9]{0,15}\.(?:root|snapshot|targets)\.json", re.ASCII)
_FILES: Final = 300
_Layers: TypeAlias = dict[str, Descriptor]
"""The files of one attachment."""
_BASE: Final = "layout:///metadata/"
_HISTORY: Final = "root_history"
_KEPT: Final = ("timestamp.json", "snapshot.json", "targets.json")
_NOT_FOUND: Final = 404


def import_tuf() -> None:
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
        import_tuf()


def check_root(data: bytes) -> None:
    """Checks that `data` is root metadata signed by its own keys. Raises UsageError, TrustMaterialError."""
    import_tuf()
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
    Raises Rejected (snapshot.rollback, snapshot.tuf.*), TrustMaterialError, UsageError.
    """
    check_root(pin.tuf_root)
    wanted: dict[str, tuple[str | None, int]] = {file.path: (file.digest.encoded, file.size) for file in snapshot.files}
    wanted[MANIFEST_TARGET] = (snapshot.descriptor.digest.encoded, snapshot.descriptor.size)
    attached = _attached(graph, snapshot)
    if not attached:
        raise Rejected("snapshot.tuf.malformed", "a TUF root is pinned, and no TUF metadata refer to this snapshot")
    refused: list[Rejected] = []
    with scratch_folder() as folder:
        _restore(folder, memory)
        root = _follow_roots(folder, store, attached, pin)
        known = _kept(folder)
        for layers in [each for each in attached if _is_signed(root, store, each)] or attached[:1]:
            fetcher = _fetcher(store, layers)
            with scratch_folder() as own:
                _restore(own, known)
                try:
                    _check(own, fetcher, pin, wanted)
                except Rejected as error:
                    refused.append(error)
                else:
                    keep(_kept(own))
                    return
            with suppress(Rejected):
                _ask(folder, fetcher, pin, [])
        keep(_kept(folder))
    raise refused[0]


def _follow_roots(folder: Path, store: Store, attached: Sequence[_Layers], pin: Pin) -> Root:
    """The last root (TUF 5.3), from every attachment: a root proves itself, whatever the files beside it are."""
    root = _next_root(folder, store, {}, pin)
    while True:
        name = f"{root.version + 1}.root.json"
        for found in (_next_root(folder, store, {name: layers[name]}, pin) for layers in attached if name in layers):
            if found.version > root.version:
                root = found
                break
        else:
            return root


def _next_root(folder: Path, store: Store, layers: _Layers, pin: Pin) -> Root:
    from tuf.api.metadata import Metadata, Root

    with suppress(Rejected):  # at the latest, there is no timestamp
        _ask(folder, _fetcher(store, layers), pin, [])
    return Metadata[Root].from_bytes((folder / "root.json").read_bytes()).signed


def _check(folder: Path, fetcher: FetcherInterface, pin: Pin, wanted: Mapping[str, tuple[str | None, int]]) -> None:
    for path, found in _ask(folder, fetcher, pin, list(wanted)).items():
        if found != wanted[path]:
            raise Rejected(
                "snapshot.tuf.content", f"the TUF metadata do not list {safe(path)!r} as it is here", file=safe(path)
            )


def _ask(
    folder: Path, fetcher: FetcherInterface, pin: Pin, paths: list[str]
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
            fetcher=fetcher,
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


def _fetcher(store: Store, layers: _Layers) -> FetcherInterface:
    from tuf.api.exceptions import DownloadHTTPError
    from tuf.ngclient import FetcherInterface

    class LayoutFetcher(FetcherInterface):
        """Serves the metadata from a layout to the client; there is no other source."""

        def _fetch(self, url: str) -> Iterator[bytes]:
            name = url.removeprefix(_BASE)
            if name not in layers:
                raise DownloadHTTPError("not in the layout", _NOT_FOUND)
            return iter((read_verified(store, layers[name], limits.TUF_BYTES),))

    return LayoutFetcher()


def _attached(graph: Graph, snapshot: Snapshot) -> list[_Layers]:
    """The metadata in each attachment: they may be signed again when they have expired, and anyone may attach some."""
    found = []
    for referrer in graph.referrers(snapshot.descriptor).all():
        if referrer.artifact_type == TUF_TYPE and isinstance(referrer.manifest, Manifest):
            named = ((layer.annotations.get(TITLE, ""), layer) for layer in referrer.manifest.layers[:_FILES])
            found.append({name: layer for name, layer in named if _NAME.fullmatch(name)})
    return found


def _is_signed(root: Root, store: Store, layers: _Layers) -> bool:
    """Whether the keys of the root signed the timestamp: metadata of others must not hide the sender's."""
    from tuf.api.exceptions import RepositoryError
    from tuf.api.metadata import Metadata, Timestamp
    from tuf.api.serialization import DeserializationError

    try:
        data = read_verified(store, layers["timestamp.json"], limits.TUF_BYTES)
        timestamp = Metadata[Timestamp].from_bytes(data)
        root.verify_delegate(Timestamp.type, timestamp.signed_bytes, timestamp.signatures)
    except (ContentError, RepositoryError, DeserializationError, ValueError, AttributeError, TypeError, KeyError):
        return False
    return True


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
