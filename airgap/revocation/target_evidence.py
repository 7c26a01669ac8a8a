"""The evidence in a target: attached to its images, in timestamp tokens, or loose in the layout.

It is untrusted: its signatures are verified, within bounds. Other content is ignored. Which content is called evidence,
`airgap.revocation.artifact` says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Final, NamedTuple

from airgap import limits
from airgap.errors import ContentError, FormatError, LimitError
from airgap.files import reading_problem
from airgap.oci.all_manifests import AllManifests
from airgap.oci.descriptor import TITLE, Descriptor, essence
from airgap.oci.digest import Digest
from airgap.oci.documents import LooseFileHolder
from airgap.oci.graph import Graph
from airgap.oci.manifest import Manifest
from airgap.oci.store import Store, embedded, stored_size
from airgap.pki.certificate import Certificate
from airgap.problem import Problem
from airgap.revocation.artifact import (
    FILE_NAME_ENDINGS,
    ends_as_evidence,
    evidence_artifacts,
    evidence_layers,
    is_likely_evidence,
    may_be_evidence,
    possible_evidence_layers,
    read_piece,
    states_evidence,
)
from airgap.revocation.evidence_files import EvidenceFile, UnreadableEvidence
from airgap.revocation.index import INDEX
from airgap.revocation.misplaced import POSSIBLE, is_named_evidence, says_evidence
from airgap.revocation.pool import EvidencePool
from airgap.text import safe

PieceKey = tuple[Digest, int]
"""A piece of evidence by its digest, and the size of what has this here; the stated size if nothing has."""
_FEWER: Final = "Take superseded evidence out of the target."
_FEWER_LOOSE: Final = "Put the layout into a folder of its own, with its evidence."
_APART: Final = "Put what has other signers into a layout of its own."
_LET_READ: Final = "Let this user read it, or take it out of the target."


def find_evidence_beside(store: Store, graph: Graph, subject: Descriptor, origin: str) -> TargetEvidence:
    """The evidence that is attached to one artifact; empty if there is none. Reads manifests only."""
    return TargetEvidence(store, dict(evidence_artifacts(graph, subject)).values(), origin, layout=None)


class StampedEvidence(NamedTuple):
    """A piece of evidence in a timestamp token."""

    digest: Digest
    size: int
    envelope: Digest
    """The envelope that holds the token."""
    file: EvidenceFile


def find_target_evidence(
    store: Store,
    listed: AllManifests,
    origin: str,
    stamped: Iterable[StampedEvidence],
    signers: Sequence[Certificate],
    *,
    more_certificates: bool,
) -> TargetEvidence:
    """All evidence in a target, whatever its subject is, and whatever lists it.

    Evidence is signed, so its place does not matter (decision 0020): a trust snapshot, an attachment of any tool, an
    entry of an index, or a file in the layout that belongs to none of its manifests. Of these only such are read that
    are called evidence.
    `stamped`: what is in the timestamp tokens of its signatures. `signers`: the certificates in its signatures and
    tokens; `more_certificates`: whether there are more (`airgap.signature.stamped_evidence` has all of it).
    """
    layout = store if isinstance(store, LooseFileHolder) else None
    return TargetEvidence(
        store,
        listed.manifests,
        origin,
        layout=layout,
        stamped=stamped,
        entries=listed.entries,
        more=not listed.is_complete,
        signers=signers,
        more_certificates=more_certificates,
    )


def unread_certificates(origin: str, remedy: str) -> UnreadableEvidence:
    """Where signatures have more certificates than are looked at: one of them may show that any key is revoked."""
    return _unread_in_target("a signature", origin, "more certificates of signers are here than are looked at", remedy)


def unread_layout(origin: str, remedy: str) -> UnreadableEvidence:
    """The evidence of a layout beyond the bound of layouts with evidence: it may revoke any signer."""
    return _unread_in_target("the evidence", origin, "it is used for its own artifacts alone", remedy)


def _unread_in_target(name: str, origin: str, problem: str, remedy: str) -> UnreadableEvidence:
    return UnreadableEvidence(
        name=safe(name, limit=128), origin=origin, problem=problem, trusted=True, in_target=True, remedy=remedy
    )


class TargetEvidence(EvidencePool):
    """The evidence in one target, read on demand. Empty if there is none."""

    def __init__(
        self,
        store: Store,
        manifests: Iterable[Manifest],
        origin: str,
        *,
        layout: LooseFileHolder | None,
        stamped: Iterable[StampedEvidence] = (),
        entries: Collection[Descriptor] = (),
        more: bool = False,
        signers: Sequence[Certificate] = (),
        more_certificates: bool = False,
    ) -> None:
        """`manifests` are manifests of `store` that may hold evidence; the same file in several of them counts once.

        `layout`: where loose files are looked for, too. `stamped`: what is in timestamp tokens. `entries`: entries of
        indexes that are no manifests. `more`: whether the layout lists more than was looked at. `signers` and
        `more_certificates`: as for `find_target_evidence`.
        Never raises for what they hold: what is too large or no evidence is left out with a notice. Where there is too
        much, what is not used may be about any certificate.
        """
        gathered = _Gathered(store, origin)
        known = tuple(manifests)
        for manifest in known:
            gathered.take(manifest)
        gathered.take_entries(filter(states_evidence, entries), leftover=False)
        envelopes: defaultdict[PieceKey, set[Digest]] = defaultdict(set)
        for found in stamped:
            envelopes[found.digest, found.size].add(found.envelope)
            gathered.take_stamped(found)
        for manifest in known:  # last, so that it takes the room of nothing that is called evidence
            gathered.try_to_take(manifest)
        gathered.take_entries((item for item in entries if is_likely_evidence(item, in_evidence=False)), leftover=True)
        if layout is not None:
            gathered.take_loose(layout)
        if more:
            gathered.leave_out("a manifest", "the target lists more than is looked at", _FEWER)
        if more_certificates:
            gathered.unread.append(unread_certificates(origin, _APART))
        self.pieces: Final = tuple(gathered.pieces.values())
        self.named: Final = frozenset(gathered.pieces)
        """The names of all pieces, whether or not they are there."""
        self.beyond_bounds: Final = tuple(gathered.unread)
        """What it holds that is more than is read."""
        self._by_name: Final = gathered.pieces
        self._failed: Final = gathered.failed
        self._envelopes: Final[Mapping[PieceKey, set[Digest]]] = dict(envelopes)
        """Where the pieces in timestamp tokens are."""
        super().__init__(self.pieces, unread=gathered.unread, signers=signers)

    def offered(self) -> Iterator[EvidenceFile]:
        """Those that are evidence or have its name; not those that might have been evidence and are not."""
        return filter(_is_evidence, self.pieces)

    def unread_notices(self) -> Iterator[Problem]:
        """A notice for each other one that may hide evidence in a form that is not read."""
        for piece in self.pieces:
            if not _is_evidence(piece):
                yield from EvidencePool([piece], unread=()).notices()

    def new_notices(self, told: Container[PieceKey]) -> tuple[Problem, ...]:
        """The notices about it, without those about pieces that another target has, too, and that are `told`."""
        rest = [piece for key, piece in self._by_name.items() if key not in told]
        whole = len(rest) == len(self.pieces)  # which was read for that already
        return self.notices() if whole else EvidencePool(rest, unread=self.beyond_bounds).notices()

    def maker_files(self) -> Iterator[EvidenceFile]:
        """Those that may hold a certificate that shows who made evidence, also beside evidence."""
        return (piece for piece in self.pieces if EvidencePool([piece], unread=()).may_hold_makers)

    def not_among(self, copied: Container[Digest]) -> tuple[str, ...]:
        """The file names of the evidence that is in nothing with these digests, and of what was not read.

        The same evidence in another form (PEM, DER) is the same.
        """
        along: list[EvidenceFile] = []
        left: list[EvidenceFile] = []
        for named, piece in self._by_name.items():
            is_copied = any(digest in copied for digest in (named[0], *self._envelopes.get(named, ())))
            (along if is_copied else left).append(piece)
        held = EvidencePool(along if left else [], unread=()).fingerprints()
        missing = (piece for piece in left if _is_evidence(piece) and not _is_held(piece, held, copied))
        return tuple(piece.name for piece in missing) + tuple(item.name for item in self.beyond_bounds)

    @cached_property
    def whole(self) -> frozenset[PieceKey]:
        """Those with complete and correct bytes. Reads all of them."""
        self.all_unread()
        return self.named - self._failed

    @property
    def damaged(self) -> frozenset[Digest]:
        """Those of which the bytes were missing or wrong when they were read."""
        return frozenset(digest for digest, _ in tuple(self._failed))


class _Sources:
    """The places of one piece of evidence. Its digest proves it, so that the first good one counts.

    What cannot be read once cannot be read again: a failing medium may give good bytes the next time, and what was
    judged without them would pass.
    """

    def __init__(self, key: PieceKey, failed: set[PieceKey]) -> None:
        """`failed` gets the key if it cannot be read."""
        self._key, self._failed = key, failed
        self._readers: Final[dict[object, Callable[[], bytes]]] = {}
        self._error: FormatError | None = None

    def add(self, place: object, read: Callable[[], bytes]) -> None:
        """Adds a place, unless it is known."""
        self._readers.setdefault(place, read)

    def read(self) -> bytes:
        """The bytes. Raises FormatError, of the first place."""
        first = self._error
        for read in self._readers.values() if first is None else ():
            try:
                return read()
            except FormatError as error:
                first = first or error
        self._error = first or FormatError("is nowhere")
        self._failed.add(self._key)
        raise self._error.with_traceback(None)


class _Gathered:
    def __init__(self, store: Store, origin: str) -> None:
        self._store, self._origin = store, origin
        self.pieces: dict[PieceKey, EvidenceFile] = {}
        self._sources: dict[PieceKey, _Sources] = {}
        self.failed: set[PieceKey] = set()
        self._sizes: dict[Digest, int | None] = {}
        self.unread: list[UnreadableEvidence] = []
        self._bytes = 0
        self._is_full = False

    def take(self, manifest: Manifest) -> None:
        """Takes the layers that are evidence by name or type. Layers beyond the bound are not read."""
        for item in evidence_layers(manifest):
            is_index = item.annotations.get(TITLE) == f"crls/{INDEX}"  # it decides nothing
            self._take(item, leftover=is_index)

    def take_entries(self, entries: Iterable[Descriptor], *, leftover: bool) -> None:
        """Takes entries of indexes; `leftover`: those that may be evidence, other content of which is ignored."""
        for item in entries:
            if not leftover or self._is_readable(item):
                self._take(item, leftover=leftover)

    def take_stamped(self, found: StampedEvidence) -> None:
        """Takes what is in a timestamp token."""
        self._keep((found.digest, found.size), found.envelope, found.file)

    def try_to_take(self, manifest: Manifest) -> None:
        """What may be evidence; other content is ignored."""
        for item in possible_evidence_layers(manifest):
            if self._is_readable(item):
                self._take(item, leftover=True, artifact_type=manifest.artifact_type or "")

    def _is_readable(self, item: Descriptor) -> bool:
        """Whether it is small enough to be read; a larger one is reported where its name is that of evidence."""
        name = item.annotations.get(TITLE, "")
        if self._size(item) <= limits.CRL_FILE_BYTES:
            return True
        if _is_called_evidence(name):
            self.leave_out(name, f"it has more than {limits.CRL_FILE_BYTES} bytes", _FEWER)
        return False

    def take_loose(self, layout: LooseFileHolder) -> None:
        """Files that no manifest names and whose names are those of evidence; other files are ignored."""
        try:
            found = layout.loose_files()
        except LimitError:
            self.leave_out("a loose file", "the target has more of them than are looked at", _FEWER_LOOSE)
            return
        except OSError as error:
            self.leave_out("a loose file", f"the target cannot be listed ({reading_problem(error)})", _LET_READ)
            return
        for folder in filter(says_evidence, found.closed):
            self.leave_out(folder, "it is a folder that cannot be listed", _LET_READ)
        for name in found.names:
            if not self._is_full and may_be_evidence(name):
                self._take_loose(layout, name)

    def _take_loose(self, layout: LooseFileHolder, name: str) -> None:
        try:
            data = layout.read_loose(name, limits.CRL_FILE_BYTES)
        except LimitError as error:
            if _is_called_evidence(name):
                self.leave_out(name, str(error), _FEWER)
            return
        except ContentError as error:
            if says_evidence(name):  # else it may be a key, which others may not read, or a link to a system's file
                self.leave_out(name, str(error), error.remedy or _LET_READ)
            return
        file_name = name.rpartition("/")[2]
        is_expected = file_name.lower().endswith(FILE_NAME_ENDINGS) and is_named_evidence(file_name)
        piece = EvidenceFile(file_name, self._origin, partial(bytes, data), leftover=not is_expected)
        self._keep((Digest.of(data), len(data)), name, piece)

    def _take(self, item: Descriptor, *, leftover: bool, artifact_type: str = "") -> None:
        data = embedded(item)
        named = item.digest, self._size(item)
        read = partial(read_piece, self._store, item) if data is None else partial(bytes, data)
        # the content decides what a file is
        name = item.annotations.get(TITLE, "").rpartition("/")[2] or item.digest.encoded[:16]
        called = says_evidence(artifact_type) or says_evidence(essence(item.media_type))
        self._keep(named, data is None, EvidenceFile(name, self._origin, read, leftover=leftover, called=called))

    def _size(self, item: Descriptor) -> int:
        """The size of the blob; of one that is not here, that of the embedded data, else what the descriptor states."""
        if item.digest not in self._sizes:
            self._sizes[item.digest] = stored_size(self._store, item.digest)
        found = self._sizes[item.digest]
        if found is None and (data := embedded(item)) is not None:
            return len(data)
        return item.size if found is None else found

    def _keep(self, named: PieceKey, place: object, piece: EvidenceFile) -> None:
        """Takes a piece, or one more place of it: the evidence artifacts of several images share most of their layers.

        What a descriptor says of a piece must not hide what another one says.
        """
        known = self.pieces.get(named)
        if known is None and not self._has_room(piece.name, named[1]):
            return
        sources = self._sources.setdefault(named, _Sources(named, self.failed))
        sources.add(place, piece.read)
        both = (known or piece, piece)
        self.pieces[named] = replace(
            piece,
            name=min((item.name for item in both), key=_telling),
            read=sources.read,
            leftover=all(item.leftover for item in both),
            called=any(item.called or says_evidence(item.name) for item in both),
        )

    def _has_room(self, name: str, size: int) -> bool:
        """Whether one more is read, of this size; if not, it is reported."""
        full = len(self.pieces) >= limits.TARGET_EVIDENCE_FILES or self._bytes + size > limits.TARGET_EVIDENCE_BYTES
        self._is_full |= full
        if full or size > limits.CRL_FILE_BYTES:
            self.leave_out(name, "the target holds more evidence than is read", _FEWER)
            return False
        self._bytes += size
        return True

    def leave_out(self, name: str, problem: str, remedy: str) -> None:
        """The notice that evidence is not read; given once."""
        if not self.unread:
            self.unread.append(_unread_in_target(name, self._origin, problem, remedy))


def _is_called_evidence(name: str) -> bool:
    """Whether a file that is too large to be looked into is reported.

    Only letters are compared where it does not end as evidence (`basic-rlang.tar.gz`), so a packed file is none.
    """
    return ends_as_evidence(name) or (says_evidence(name) and not name.lower().endswith(_PACKED))


_PACKED: Final = (".7z", ".bz2", ".gz", ".tar", ".tgz", ".xz", ".zip", ".zst")


def _telling(name: str) -> tuple[bool, bool, bool, str]:
    """For the choice of one name of a piece: under others less is looked for."""
    return name.startswith("."), not says_evidence(name), not name.lower().endswith(POSSIBLE), name


def _is_evidence(piece: EvidenceFile) -> bool:
    if not piece.leftover:
        return True
    pool = EvidencePool([piece], unread=())
    return bool(pool.all_crls() or pool.all_ocsp())


def _is_held(piece: EvidenceFile, held: Collection[str], copied: Container[Digest]) -> bool:
    """Whether all that a file has is among these fingerprints, or as DER among these digests."""
    pool = EvidencePool([piece], unread=())
    found = pool.fingerprints()
    is_read = bool(found) and not pool.all_unread()
    return is_read and all(item in held or Digest("sha256", item) in copied for item in found)
