"""The trust directory: whom the operator of this machine trusts, and evidence (reference/trust-directory.md).

Nothing is ever written here. The policies and every store are read when the directory is opened, and kept: one run
judges everything by the same material, and never by the policy of one tree and the stores of another that
`airgap trust snapshot apply` has put in its place. What cannot be read is reported when it is asked for.

Evidence is listed then and read when it is needed: an exchange adds evidence, and keeps what is there under its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from airgap import limits
from airgap.errors import Fact, FormatError, TrustMaterialError
from airgap.files import is_there, read_material, read_regular
from airgap.once import Once
from airgap.parse.time import iso
from airgap.pki.certificate import Certificate
from airgap.pki.chain import Anchors
from airgap.problem import Problem
from airgap.revocation.evidence_directory import EvidenceDirectory
from airgap.revocation.freshness import FRESHNESS_FILE, Freshness
from airgap.text import safe
from airgap.trust.generation import read_one_state, settled
from airgap.trust.location import Location
from airgap.trust.policy import OciPolicy
from airgap.trust.policy_files import BLOB_POLICY_FILES, OCI_POLICY_FILES, no_directory, policy_missing
from airgap.trust.statement import Statement
from airgap.trust.store_types import StoreType
from airgap.trust.stores import LoadedStore, StoreRef, list_stores, load_store

if TYPE_CHECKING:
    from airgap.trust.blob_policy import BlobPolicy


T = TypeVar("T")


class _Read(Generic[T]):
    """The result of reading something: the value, or the error, which is raised at each use."""

    def __init__(self, read: Callable[[], T]) -> None:
        self._found: T | TrustMaterialError
        self.asked = False
        try:
            self._found = read()
        except TrustMaterialError as error:
            self._found = error

    def __call__(self) -> T:
        self.asked = True
        if isinstance(self._found, TrustMaterialError):
            raise self._found.with_traceback(None)  # each raise would make its traceback longer
        return self._found

    def peek(self) -> T | None:
        """The value if it was used, else None."""
        return self._found if self.asked and not isinstance(self._found, TrustMaterialError) else None

    def look(self) -> T | None:
        """The value if there is one, without counting as a use."""
        return None if isinstance(self._found, TrustMaterialError) else self._found


class TrustUses(NamedTuple):
    """What a judgement asked of the trust directory; notices are about that."""

    stores: frozenset[StoreRef]
    noted: Mapping[StoreRef, Problem]


class _TrustMaterial:
    """Policies and stores, all of one state of the directory.

    Stores that no policy names are read, too: a store that goes in an exchange may prove who made a piece of evidence.
    """

    def __init__(self, location: Location) -> None:
        self._location = location
        self.policy = _Read(lambda: self._read_policy(OCI_POLICY_FILES, OciPolicy.parse))
        self.blob_policy = _Read(lambda: self._read_policy(BLOB_POLICY_FILES, _parse_blob_policy))
        policies = [policy for policy in (self.policy.look(), self.blob_policy.look()) if policy]
        named = {ref for policy in policies for statement in policy.statements for ref in statement.stores}
        self._listed = _Read(lambda: list_stores(location.path))
        self._stores = {ref: self._read_store(ref) for ref in sorted({*named, *(self._listed.look() or ())}, key=str)}
        self._noted: dict[StoreRef, Problem] = {}
        self._lock = Lock()
        self.all_anchors = Once(self._load_all)

    def _load_all(self) -> Mapping[StoreRef, Anchors]:
        """Every readable store; judging with another one reports the error."""
        refs = (self._listed.look() or ())[: limits.POLICY_STORES]
        read = {ref: self._stores[ref].look() for ref in refs}
        return {ref: Anchors.of({str(ref): store.certificates}) for ref, store in read.items() if store}

    def listed(self, kind: StoreType) -> tuple[StoreRef, ...]:
        """The stores of a type that were there. Raises TrustMaterialError if they could not be listed."""
        return tuple(ref for ref in self._listed() if ref.type is kind)

    def store(self, ref: StoreRef) -> LoadedStore:
        with self._lock:
            if ref not in self._stores:  # neither there nor named by a policy
                self._stores[ref] = self._read_store(ref)
            return self._stores[ref]()

    def notices(self) -> list[Problem]:
        policies = [policy for policy in (self.policy.peek(), self.blob_policy.peek()) if policy]
        with self._lock:
            stores = [store for read in self._stores.values() if (store := read.peek())]
            noted = dict(self._noted)
        unread = _unread_policy(self._location.path) if self.policy.peek() else ()
        named = {ref for policy in policies for item in policy.statements for ref in item.stores}
        others = (notice for ref, notice in noted.items() if ref not in named)  # else a finding says it
        return [*unread, *(notice for source in (*policies, *stores) for notice in source.notices), *others]

    def uses(self) -> TrustUses:
        with self._lock:
            return TrustUses(frozenset(ref for ref, read in self._stores.items() if read.asked), dict(self._noted))

    def add_uses(self, uses: TrustUses) -> None:
        for ref in uses.stores:
            with suppress(TrustMaterialError):
                self.store(ref)
        with self._lock:
            self._noted |= uses.noted

    def __getstate__(self) -> dict[str, object]:
        """For another process, which has a lock of its own."""
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._lock = Lock()

    def note(self, unread: Mapping[StoreRef, Problem]) -> None:
        """Stores that cannot be read: what they hold may be a key of a CA that made evidence. Each is reported once."""
        why = "no statement names it, and only a key in it that can be read can prove who made evidence"
        with self._lock:
            for ref, problem in unread.items():
                self._noted[ref] = replace(problem, message=f"{problem.message}; {why}")

    def _read_store(self, ref: StoreRef) -> _Read[LoadedStore]:
        return _Read(lambda: load_store(self._location.path, ref))

    def _read_policy(self, names: tuple[str, ...], parse: Callable[[bytes, str], T]) -> T:
        for name in names:
            path = self._location.path / name
            if is_there(path):
                return parse(_read_policy_file(path), str(path))
        raise policy_missing(
            self._location.path,
            names,
            remedy=f"Put a {names[0]} into the trust directory, or name another directory with --trust.",
            origin=self._location.origin,
        )


class TrustDirectory:
    """One trust directory, open for reading; made by `open`. Safe for threads."""

    def __init__(
        self, location: Location, material: _TrustMaterial, evidence: EvidenceDirectory, freshness: Freshness
    ) -> None:
        self.location: Final = location
        self.path: Final = location.path
        self.evidence: Final = evidence
        self.freshness: Final = freshness
        self._material = material
        self._misnamed = tuple(_misnamed(location.path))

    @classmethod
    def open(cls, where: Path | Location | TrustDirectory) -> TrustDirectory:
        """The trust directory at a path, or where `locate` found it, in one consistent state; an open one as it is.

        Reads policies, stores and `airgap.toml`, and lists the evidence. Raises TrustMaterialError:
        policy.missing where there is no directory, evidence.malformed, trust.exchanged.
        """
        if isinstance(where, TrustDirectory):
            return where
        location = where if isinstance(where, Location) else Location(path=where, origin="--trust")
        why = no_directory(location.path)
        absent = TrustMaterialError(
            "policy.missing",
            f"{why.message} ({location.origin})",
            remedy=why.remedy,
            path=safe(location.path),
            origin=location.origin,
        )

        def read() -> tuple[_TrustMaterial, EvidenceDirectory, Freshness]:
            return _TrustMaterial(location), EvidenceDirectory.open(location.path), _freshness(location.path)

        return cls(location, *read_one_state(location.path, read, absent=absent))

    @classmethod
    def find(cls, where: Location | Path) -> TrustDirectory | None:
        """The open directory; None where there is none. Raises TrustMaterialError as `open` does."""
        path = where.path if isinstance(where, Location) else where
        return cls.open(where) if settled(path).is_dir() else None

    def policy(self) -> OciPolicy:
        """The policy for artifacts. Raises TrustMaterialError: policy.missing, policy.malformed."""
        return self._material.policy()

    def blob_policy(self) -> BlobPolicy:
        """The policy for blobs. Raises TrustMaterialError: policy.missing, policy.malformed."""
        return self._material.blob_policy()

    def anchors(self, statement: Statement, kind: str, /) -> Anchors:
        """The anchors of `statement` for one purpose: only the stores of this type that it names (STORE-11).

        All certificates of all these stores (STORE-10); empty if the statement names none. Raises TrustMaterialError:
        store.missing, store.empty, store.malformed.
        """
        stores = [self._material.store(ref) for ref in statement.stores_of(kind)]
        return Anchors.of({str(store.ref): store.certificates for store in stores})

    def others(self, statement: Statement, kind: str, /) -> Mapping[str, Anchors]:
        """The stores that `statement` does not name for one purpose, by name: for messages, never for judging."""
        named = set(statement.stores_of(kind))
        return {str(ref): anchors for ref, anchors in self._material.all_anchors().items() if ref not in named}

    def all_stores(self, kind: StoreType) -> tuple[tuple[LoadedStore, ...], Mapping[StoreRef, Problem]]:
        """Every store of a type, whether or not a policy names it; for those that cannot be read, a notice.

        For building chains whose evidence is to be fetched, never for judging (STORE-13).
        """
        loaded: list[LoadedStore] = []
        notices: dict[StoreRef, Problem] = {}
        for ref in self._material.listed(kind):
            try:
                loaded.append(self._material.store(ref))
            except TrustMaterialError as error:
                notices[ref] = Problem(reason="store.ignored", message=str(error), facts=error.facts)
        return tuple(loaded), notices

    def stored(self) -> Iterator[Certificate]:
        """The certificates of all stores: who may have made a piece of evidence. Intermediates seldom are among them.

        And those of CAs and responders in every other file, also beside what makes a store unreadable. They can only
        condemn: they prove no identity and clear no certificate. Stores that cannot be read are among the notices.
        """
        for kind in StoreType:
            loaded, notices = self.all_stores(kind)
            self._material.note(notices)
            for store in loaded:
                yield from store.certificates
        yield from self.evidence.stored()

    def uses(self) -> TrustUses:
        """What was asked so far."""
        return self._material.uses()

    def add_uses(self, uses: TrustUses) -> None:
        """Counts what another process asked of the same directory, so that `notices` are about that, too."""
        self._material.add_uses(uses)

    def accepting(self, ages: Mapping[str, timedelta]) -> TrustDirectory:
        """The same directory under other limits of freshness (`freshness.parse_ages`)."""
        return TrustDirectory(self.location, self._material, self.evidence, self.freshness.accepting(ages))

    @property
    def notices(self) -> tuple[Problem, ...]:
        """Notices about the policies and stores that were read so far, and about the evidence."""
        return (*self._misnamed, *self._material.notices(), *self.evidence.notices())

    def overview(self, at: datetime, policy: OciPolicy | BlobPolicy | None = None) -> dict[str, Fact]:
        """What a report says about this directory, JSON-ready.

        `policy` is the one that was used; by default the one for artifacts, if it was read. Ages are whole seconds
        before `at`, negative where `at` is before the evidence.
        """
        used = policy or self._material.policy.peek()
        summary = self.evidence.summary()
        return {
            "directory": safe(self.path),
            "origin": self.location.origin,
            "read_only": self.location.read_only,
            "policy": safe(used.source) if used else None,
            "policy_digest": used.digest if used else None,
            "crls": summary.crls,
            "ocsp_responses": summary.ocsp_responses,
            "unusable": summary.unusable,
            "newest_evidence": iso(summary.newest) if summary.newest else None,
            "newest_evidence_age": _age(summary.newest, at),
            "oldest_evidence": iso(summary.oldest) if summary.oldest else None,
            "oldest_evidence_age": _age(summary.oldest, at),
            "accepted_staleness": self.freshness.to_json(),
            "accepted_staleness_from": self.freshness.origin,
        }


def _misnamed(root: Path) -> Iterator[Problem]:
    """The notice about a file with a name similar to `airgap.toml`, if that is absent: it would be ignored."""
    if is_there(root / FRESHNESS_FILE):
        return
    try:
        names = sorted(
            path.name for path in root.iterdir() if path.name.casefold().removesuffix(".txt") == FRESHNESS_FILE
        )
    except OSError:
        return
    for name in names:
        yield Problem(
            reason="trust.misnamed",
            message=f"{safe(name, limit=64)!r} in the trust directory is not read: its name must be {FRESHNESS_FILE}",
            facts={"name": safe(name), "right": FRESHNESS_FILE},
            remedy=f"Rename it to {FRESHNESS_FILE}.",
        )


def _unread_policy(root: Path) -> Iterator[Problem]:
    """The notice about a policy with the older name beside a different one with the newer name: it is not used."""
    newer, older = OCI_POLICY_FILES
    if not (is_there(root / newer) and is_there(root / older)):
        return
    with suppress(FormatError):  # what cannot be read says something else
        if read_regular(root / newer, limits.POLICY_BYTES) == read_regular(root / older, limits.POLICY_BYTES):
            return
    yield Problem(
        reason="trust.misnamed",
        message=f"{older} in the trust directory is not read, because {newer} is there, and says something else",
        facts={"name": older, "right": newer},
        remedy=f"Keep the one that is meant, as {newer}, and move the other one away.",
    )


def _age(made: datetime | None, at: datetime) -> int | None:
    return int((at - made).total_seconds()) if made else None


def _parse_blob_policy(data: bytes, source: str) -> BlobPolicy:
    from airgap.trust.blob_policy import BlobPolicy

    return BlobPolicy.parse(data, source)


def _read_policy_file(path: Path) -> bytes:
    what = "the trust policy "
    # POLICY-3: a regular file, which exists
    return read_material(path, limits.POLICY_BYTES, "policy.malformed", what=what, statement=None)


def _freshness(root: Path) -> Freshness:
    path = root / FRESHNESS_FILE
    if not is_there(path):
        return Freshness()
    return Freshness.parse(read_material(path, limits.CONFIG_BYTES, "evidence.malformed"), str(path))
