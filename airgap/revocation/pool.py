"""The available evidence: CRLs and OCSP responses, found by issuer and serial number (design 4 and 10).

The place of evidence proves nothing: the revocation check verifies its signature. File names and indexes do not matter
for its meaning; the content decides what a file is. Unreadable files are `unread`: in the trust directory they may hide
an answer and are never ignored; in a target they are left out and reported.

Files are read at the first look-up, and their full content again when it is needed. Safe for threads.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from airgap.errors import FormatError, LimitError
from airgap.oci.digest import Digest
from airgap.once import Once
from airgap.pki.certificate import Certificate
from airgap.pki.distinguished_names import name_key, same_name
from airgap.problem import Problem
from airgap.revocation.freshness import DatedEvidence, EvidenceKind
from airgap.revocation.index import EvidenceIndex
from airgap.revocation.near_bytes import nearly_same, nearly_same_key
from airgap.text import safe

if TYPE_CHECKING:  # imported only when there is a file to read
    from airgap.pki.crl import Crl
    from airgap.pki.crl_facts import CrlFacts
    from airgap.pki.ocsp import OcspResponse, SingleResponse


_NO_INDEX = EvidenceIndex()


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """One file that may hold evidence, not read yet."""

    name: str
    origin: str
    """Its source: "trust directory", ..."""
    read: Callable[[], bytes] = field(repr=False)
    """Its bytes. Raises FormatError if it cannot be read or is too large."""
    trusted: bool = False
    """Whether it is in the trust directory: there unreadable files are never ignored."""
    expected: bool = True
    """Whether its name is that of evidence: then it must be evidence."""
    ambiguous: bool = False
    """Whether its name may as well be that of a certificate or a key: then it may be one of these."""
    unsigned: Digest | None = None
    """Its digest if it came in an unsigned snapshot: while it has this digest, it is not trusted."""
    leftover: bool = False
    """Whether its name is one that file managers, editors and our own writers leave behind: it is used if it is
    evidence, and ignored if not."""
    folder: str = ""
    """Its folder in the trust directory, for people."""
    misplaced: bool = False
    """Whether it is outside of the folders of evidence."""


@dataclass(frozen=True, slots=True, eq=False)
class CrlFile:
    """A readable CRL."""

    name: str
    """The file's name, safe for a terminal."""
    origin: str
    trusted: bool
    facts: CrlFacts
    """Its unverified facts."""
    _body: Once[Crl] = field(repr=False)

    @property
    def kind(self) -> EvidenceKind:
        """What it is."""
        return "crl"

    @property
    def fingerprint(self) -> str:
        """Of its DER."""
        return self.facts.fingerprint

    @property
    def dated(self) -> DatedEvidence:
        """Its dates."""
        return DatedEvidence(self.kind, self.name, self.facts.this_update, self.facts.next_update)

    @property
    def may_be_indirect(self) -> bool:
        """Whether it may list certificates of others than its issuer."""
        from airgap.pki.crl_scope import Scope

        try:
            return bool(self.facts.raw_scope) and Scope.parse(self.facts.raw_scope).indirect
        except FormatError:  # nobody can tell
            return True

    def load(self) -> Crl:
        """The whole CRL. Raises FormatError."""
        return self._body()

    def look(self) -> Crl:
        """The same, but not kept in memory. Raises FormatError."""
        return self._body.afresh()


@dataclass(frozen=True, slots=True, eq=False)
class OcspFile:
    """A readable OCSP response."""

    name: str
    """The file's name, safe for a terminal."""
    origin: str
    trusted: bool
    response: OcspResponse = field(repr=False)

    @property
    def kind(self) -> EvidenceKind:
        """What it is."""
        return "ocsp"

    @property
    def fingerprint(self) -> str:
        """Of its DER."""
        return self.response.fingerprint

    def dated(self, single: SingleResponse) -> DatedEvidence:
        """The dates of one of its answers."""
        return DatedEvidence(self.kind, self.name, single.this_update, single.next_update)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableEvidence:
    """A file that may hold evidence and cannot be read."""

    name: str
    """Safe for a terminal."""
    origin: str
    problem: str
    trusted: bool
    folder: str = ""
    """Its folder in the trust directory, for people."""
    remedy: str = ""
    """The remedy, if it differs from that for damaged files."""
    issuer: bytes | None = None
    """The raw issuer Name of the CRL, if it can be read; None if it may be from any issuer."""
    key: bytes = b""
    """The rest of the CRL's authorityKeyIdentifier: the name may be damaged."""
    whole_key: bytes | None = None
    """The identifier of its signing key, if it is complete."""
    is_known: bool = False
    """Whether a readable CRL has the same issuer: then its name is not damaged."""
    in_target: bool = False
    """Whether it is in a target, and more than is read: then it is not left out, as it may be good evidence."""
    urls: frozenset[str] = frozenset()
    """For a missing file that an index names: its URLs."""

    @property
    def path(self) -> str:
        """Its path in the trust directory, for people."""
        return f"{self.folder}/{self.name}" if self.folder else self.name

    def may_be_from(self, issuer: bytes, keys: Collection[bytes], urls: Iterable[str]) -> bool:
        """Whether it may be from the issuer with this raw Name and key identifiers, or for `urls`."""
        if self.urls:
            return not self.urls.isdisjoint(urls)
        if self.issuer is None or same_name(self.issuer, issuer):
            return True
        if any(key in self.key for key in keys):
            return True
        near = {nearly_same_key(self.whole_key, key) for key in keys}
        if near and None not in near:  # another name and another key: it is from another CA
            return True in near
        # it may be damaged in two places
        return not self.is_known and nearly_same(self.issuer, issuer)


class MisplacedEvidence(NamedTuple):
    """Misplaced evidence in the trust directory. It clears no certificate."""

    file: CrlFile | OcspFile
    folder: str
    """Its folder in the trust directory; empty for the trust directory itself."""

    @property
    def path(self) -> str:
        """Its path in the trust directory, safe for a terminal."""
        return safe(f"{self.folder}/{self.file.name}" if self.folder else self.file.name)

    @property
    def place(self) -> str:
        """The folder where it belongs."""
        return "crls" if isinstance(self.file, CrlFile) else "ocsp"

    @property
    def problem(self) -> str:
        """The problem, to complete "it ..."."""
        what = "a CRL" if isinstance(self.file, CrlFile) else "an OCSP response"
        return f"is {what}, and lies outside of {self.place}/, where alone it is used"

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return f"Move {self.path} into {self.place}/ of the trust directory."

    def is_about(self, certificate: Certificate) -> bool:
        """Whether it would be used for `certificate` in the right folder."""
        if isinstance(self.file, CrlFile):
            return self.file.may_be_indirect or same_name(self.file.facts.issuer, certificate.issuer)
        return any(single.serial == certificate.serial for single in self.file.response.responses)


class NewestEvidence(NamedTuple):
    """The newest evidence."""

    moment: datetime
    name: str
    origin: str


class EvidenceSummary(NamedTuple):
    """A summary of the evidence, for a report."""

    crls: int
    ocsp_responses: int
    unusable: int
    newest: datetime | None
    """The latest thisUpdate or producedAt."""
    oldest: datetime | None
    """The earliest thisUpdate or producedAt: older generations are kept for questions about the past."""


class Evidence(Protocol):
    """The evidence for a revocation check, not verified. File names do not decide its order."""

    def crls(self, issuer: bytes) -> tuple[CrlFile, ...]:
        """Every base or delta CRL with this issuer (raw Name; compared by RFC 5280, 7.1), newest first."""
        ...

    def indirect(self) -> tuple[CrlFile, ...]:
        """Every CRL that may list certificates of others than its issuer (RFC 5280, 5.2.5: indirectCRL)."""
        ...

    def ocsp(self, serial: int) -> tuple[OcspFile, ...]:
        """Every response about a certificate with this serial number, newest first."""
        ...

    def responders(self) -> tuple[Certificate, ...]:
        """The certificates of delegated responders that lie in OCSP responses, not verified."""
        ...

    def mapped(self, urls: Iterable[str]) -> tuple[CrlFile, ...]:
        """CRLs that an index names for these URLs: for messages only."""
        ...

    def unread(self, issuer: bytes, keys: Collection[bytes], urls: Collection[str]) -> tuple[UnreadableEvidence, ...]:
        """Unreadable files of the trust directory that may be from this issuer or from one of these URLs.

        `keys`: the known key identifiers of the issuer.
        """
        ...

    def misplaced(self, certificate: Certificate) -> tuple[MisplacedEvidence, ...]:
        """Evidence about `certificate` in the trust directory, but outside of the folders of evidence."""
        ...

    def trusted(self) -> tuple[CrlFile | OcspFile, ...]:
        """All readable evidence of the trust directory, in any folder."""
        ...

    def newest(self) -> NewestEvidence | None:
        """The newest evidence by its stated date: a clock before this date is wrong (design 9)."""
        ...

    def notices(self) -> tuple[Problem, ...]:
        """`evidence.unusable`, for each file that cannot be used."""
        ...


class EvidencePool:
    """Evidence from files."""

    def __init__(
        self,
        pieces: Sequence[EvidenceFile],
        *,
        unread: Sequence[UnreadableEvidence],
        index: EvidenceIndex = _NO_INDEX,
        notices: Sequence[Problem] = (),
    ) -> None:
        """`index`: the URLs of CRLs. `unread`: files that could not be read when they were listed."""
        self._index = index
        self._sorted = Once(partial(_Sorted.of, pieces, tuple(unread), tuple(notices)))

    def crls(self, issuer: bytes) -> tuple[CrlFile, ...]:
        """See `Evidence`."""
        return self._sorted().by_issuer.get(name_key(issuer), ())

    def indirect(self) -> tuple[CrlFile, ...]:
        """See `Evidence`."""
        return self._sorted().indirect

    def ocsp(self, serial: int) -> tuple[OcspFile, ...]:
        """See `Evidence`."""
        return self._sorted().by_serial.get(serial, ())

    def responders(self) -> tuple[Certificate, ...]:
        """See `Evidence`."""
        responses = (file.response for file in self._sorted().responses)
        found = (item for response in responses for item in response.certificates if response.may_sign(item))
        return tuple(dict.fromkeys(found))

    def mapped(self, urls: Iterable[str]) -> tuple[CrlFile, ...]:
        """See `Evidence`."""
        names = self._index.find(urls) or ()
        return tuple(file for file in self._sorted().crls if file.name in names)

    def unread(self, issuer: bytes, keys: Collection[bytes], urls: Collection[str]) -> tuple[UnreadableEvidence, ...]:
        """See `Evidence`."""
        return tuple(item for item in self._sorted().unread if item.trusted and item.may_be_from(issuer, keys, urls))

    def misplaced(self, certificate: Certificate) -> tuple[MisplacedEvidence, ...]:
        """See `Evidence`."""
        return tuple(item for item in self._sorted().misplaced if item.is_about(certificate))

    def trusted(self) -> tuple[CrlFile | OcspFile, ...]:
        """See `Evidence`."""
        return self._sorted().trusted

    def all_crls(self) -> tuple[CrlFile, ...]:
        """Every CRL, in the order of names."""
        return self._sorted().crls

    def all_ocsp(self) -> tuple[OcspFile, ...]:
        """Every OCSP response, in the order of names."""
        return self._sorted().responses

    def all_unread(self) -> tuple[UnreadableEvidence, ...]:
        """Every file that cannot be read, in the order of names."""
        return self._sorted().unread

    def all_misplaced(self) -> tuple[MisplacedEvidence, ...]:
        """All evidence outside of its folders, in the order of names."""
        return self._sorted().misplaced

    def newest(self) -> NewestEvidence | None:
        """See `Evidence`."""
        return max(self._dated(), key=lambda made: (made.moment, made.name), default=None)

    def notices(self) -> tuple[Problem, ...]:
        """See `Evidence`."""
        found = self._sorted()
        return (
            *found.notices,
            *(_unread_problem(item) for item in found.unread),
            *_misplaced_problems(found.misplaced),
        )

    def summary(self) -> EvidenceSummary:
        """Counts and ages of all that is available."""
        moments = [made.moment for made in self._dated()]
        found = self._sorted()
        return EvidenceSummary(
            crls=len(found.crls),
            ocsp_responses=len(found.responses),
            unusable=len(self.notices()),
            newest=max(moments, default=None),
            oldest=min(moments, default=None),
        )

    def _dated(self) -> Iterator[NewestEvidence]:
        found = self._sorted()
        for crl in found.crls:
            yield NewestEvidence(moment=crl.facts.this_update, name=crl.name, origin=crl.origin)
        for ocsp in found.responses:
            yield NewestEvidence(moment=ocsp.response.produced_at, name=ocsp.name, origin=ocsp.origin)


def unusable(name: str, problem: str, *, remedy: str = "", folder: str = "") -> Problem:
    """The notice about a file that is left out; `folder`: its folder in the trust directory."""
    shown = safe(f"{folder}/{name}" if folder else name)
    return Problem(
        reason="evidence.unusable",
        message=f"the evidence file {shown!r} is left out: {problem}",
        facts={"name": safe(name), "problem": problem},
        remedy=remedy,
    )


def _unread_problem(item: UnreadableEvidence) -> Problem:
    """The notice about an unreadable file: left out in a target, never ignored in the trust directory."""
    if not item.trusted:
        return unusable(item.name, f"{item.problem} ({item.origin})", remedy=item.remedy)
    return Problem(
        reason="evidence.unusable",
        message=f"the evidence file {item.path!r} cannot be used: {item.problem}",
        facts={"name": item.name, "problem": item.problem},
        remedy=item.remedy,
    )


def _misplaced_problems(items: Sequence[MisplacedEvidence]) -> Iterator[Problem]:
    """One notice for each folder: a folder with a misspelt name has all evidence in it."""
    folders: defaultdict[tuple[str, str], list[MisplacedEvidence]] = defaultdict(list)
    for item in items:
        folders[item.folder, item.place].append(item)
    for (folder, place), found in folders.items():
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        whole = f"Move what is in {safe(folder)}/ into {place}/ of the trust directory." if more else found[0].remedy
        yield Problem(
            reason="evidence.astray",
            message=f"the evidence file {found[0].path!r}{more} {found[0].problem}",
            facts={"name": found[0].path, "problem": found[0].problem},
            remedy=whole,
        )


class _Sorted(NamedTuple):
    """Evidence by kind and by look-up key."""

    crls: tuple[CrlFile, ...]
    responses: tuple[OcspFile, ...]
    unread: tuple[UnreadableEvidence, ...]
    notices: tuple[Problem, ...]
    by_issuer: Mapping[tuple[object, ...], tuple[CrlFile, ...]]
    indirect: tuple[CrlFile, ...]
    by_serial: Mapping[int, tuple[OcspFile, ...]]
    trusted: tuple[CrlFile | OcspFile, ...]
    misplaced: tuple[MisplacedEvidence, ...]

    @classmethod
    def of(
        cls, pieces: Sequence[EvidenceFile], unread: tuple[UnreadableEvidence, ...], notices: tuple[Problem, ...]
    ) -> _Sorted:
        crls: list[CrlFile] = []
        responses: list[OcspFile] = []
        left: list[UnreadableEvidence] = list(unread)
        told: list[Problem] = list(notices)
        misplaced: list[MisplacedEvidence] = []
        for piece in pieces:
            for found in _read(piece):
                if piece.misplaced and isinstance(found, CrlFile | OcspFile):
                    misplaced.append(MisplacedEvidence(file=found, folder=piece.folder))
                elif isinstance(found, CrlFile):
                    crls.append(found)
                elif isinstance(found, OcspFile):
                    responses.append(found)
                elif isinstance(found, UnreadableEvidence):
                    left.append(found)
                else:
                    told.append(found)
        by_issuer: defaultdict[tuple[object, ...], list[CrlFile]] = defaultdict(list)
        for crl in sorted(crls, key=lambda file: (file.facts.age, file.name), reverse=True):
            by_issuer[name_key(crl.facts.issuer)].append(crl)
        known = {name_key(crl.facts.issuer) for crl in crls if crl.trusted}
        by_serial: defaultdict[int, list[OcspFile]] = defaultdict(list)
        made = [(file.response.produced_at, file.response.fingerprint, file.name) for file in responses]
        for _, ocsp in sorted(zip(made, responses, strict=True), key=lambda item: item[0], reverse=True):
            for serial in {single.serial for single in ocsp.response.responses}:
                by_serial[serial].append(ocsp)
        return cls(
            crls=tuple(crls),
            responses=tuple(responses),
            unread=tuple(
                replace(item, is_known=name_key(item.issuer) in known) if item.issuer else item for item in left
            ),
            notices=tuple(told),
            indirect=tuple(crl for crl in crls if crl.may_be_indirect),
            by_issuer={key: tuple(files) for key, files in by_issuer.items()},
            by_serial={key: tuple(files) for key, files in by_serial.items()},
            misplaced=tuple(misplaced),
            trusted=tuple(file for file in (*crls, *responses, *(item.file for item in misplaced)) if file.trusted),
        )


def _read(piece: EvidenceFile) -> Iterator[CrlFile | OcspFile | UnreadableEvidence | Problem]:
    """The content of a file: one OCSP response, one CRL or, as PEM blocks, several."""
    from airgap.pki.crl_pem import split_pem

    try:
        data = piece.read()
    except FormatError as error:
        if not piece.leftover:
            yield _unread(piece, FormatError(f"it {error}", remedy=error.remedy))
        return
    if piece.unsigned is not None and piece.unsigned == Digest.of(data):
        piece = replace(piece, trusted=False)
    blocks = split_pem(data)
    if len(blocks) > 1:  # another block in a file with a CRL must be a CRL
        piece = replace(piece, expected=True)
    for number, block in enumerate(blocks):
        name = safe(piece.name) if len(blocks) == 1 else f"{safe(piece.name)}, CRL {number + 1}"
        found = _identify(piece, name, block, number)
        if isinstance(found, CrlFile | OcspFile) or not _is_harmless(piece, found, block):
            yield found


def _is_harmless(piece: EvidenceFile, found: UnreadableEvidence | Problem, data: bytes) -> bool:
    """Whether a file that is no evidence needs no notice."""
    if isinstance(found, Problem):
        return piece.leftover or piece.misplaced
    if found.in_target:
        return False
    from airgap.pki.recognise import OCSP_BEGUN  # seldom needed

    # what begins as evidence is damaged, whatever it is called; in crls/ it may be one that is being written
    begun = found.issuer is not None or OCSP_BEGUN.match(data) is not None
    return piece.leftover and not (piece.misplaced and begun)


def _identify(
    piece: EvidenceFile, name: str, data: bytes, number: int
) -> CrlFile | OcspFile | UnreadableEvidence | Problem:
    from airgap.pki.crl import Crl
    from airgap.pki.crl_claims import claimed_issuer, claimed_key, whole_key
    from airgap.pki.ocsp import OcspResponse

    try:
        crl = Crl.parse(data)  # read it in the same way as for judging: a failure must be noticed here
    except FormatError as error:
        as_crl = error
    else:
        return CrlFile(name, piece.origin, piece.trusted, crl.facts, Once(partial(_load_crl, piece, number, crl.facts)))
    try:
        return OcspFile(name, piece.origin, piece.trusted, OcspResponse.parse(data))
    except FormatError as error:
        as_response = error
    from airgap.pki import wrong_files  # most files do not need it
    from airgap.pki.recognise import OCSP_BEGUN

    wanted = wrong_files.needed_in(piece.folder, piece.name)
    issuer, key = claimed_issuer(data), claimed_key(data)
    begun = as_crl if issuer is not None else as_response if OCSP_BEGUN.match(data) else None
    problem = begun or (as_response if wanted is wrong_files.NeededFile.OCSP else as_crl)
    said = wrong_files.problem_of_evidence(data, wanted, problem, names_issuer=issuer is not None)
    if (piece.ambiguous and wrong_files.is_no_evidence(data)) or not (
        piece.expected or wrong_files.may_hide_evidence(data)
    ):
        return unusable(name, said.problem, remedy=said.remedy, folder=piece.folder)
    unread = replace(_unread(piece, said), issuer=issuer, key=key, whole_key=whole_key(key))
    if isinstance(begun, LimitError) and not piece.trusted and piece.unsigned is None:
        return replace(unread, trusted=True, in_target=True)
    return unread


def _unread(piece: EvidenceFile, error: FormatError) -> UnreadableEvidence:
    return UnreadableEvidence(
        name=safe(piece.name),
        origin=piece.origin,
        problem=f"{error}, and it lies outside of crls/ and ocsp/" if piece.misplaced else str(error),
        trusted=piece.trusted,
        folder=piece.folder,
        remedy=f"{error.remedy} Evidence belongs into crls/ or ocsp/.".lstrip() if piece.misplaced else error.remedy,
    )


def _load_crl(piece: EvidenceFile, number: int, facts: CrlFacts) -> Crl:
    from airgap.pki.crl import Crl
    from airgap.pki.crl_pem import split_pem

    blocks = split_pem(piece.read())
    crl = Crl.parse(blocks[number]) if number < len(blocks) else None
    if crl is None or crl.facts != facts:
        raise FormatError("it was exchanged while it was read")
    return crl
