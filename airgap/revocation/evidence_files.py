"""Evidence: CRLs and OCSP responses, readable or not, and how a judgement finds them (decision 0009)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from airgap.oci.digest import Digest
from airgap.once import Once
from airgap.pki.certificate import Certificate
from airgap.pki.distinguished_names import same_name
from airgap.problem import Problem
from airgap.revocation.answer_evidence import MakerName
from airgap.revocation.freshness import DatedEvidence, EvidenceKind
from airgap.text import safe

if TYPE_CHECKING:
    from airgap.pki.crl import Crl
    from airgap.pki.crl_facts import CrlFacts
    from airgap.pki.ocsp import OcspResponse
    from airgap.pki.single_response import SingleResponse

TRUST_DIRECTORY: Final = "trust directory"
DOWNLOADED: Final = "downloaded evidence"
"""The origins of what is no target's. That of a target is its name."""


def where(origin: str) -> str:
    """Where a file of this origin is, for a sentence."""
    return f"in the {origin}" if origin in {TRUST_DIRECTORY, DOWNLOADED} else f"in {origin}"


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
    """Whether its name is that of evidence: then it must be evidence, or what `ambiguous` allows."""
    ambiguous: bool = False
    """Whether its name may as well be that of a certificate or a key: then it may be one of these.

    A name that is neither expected nor ambiguous (`root.crl.sha256`) may be that of a file about evidence.
    """
    unsigned: Digest | None = None
    """Its digest if it came in an unsigned snapshot: while it has this digest, it is not trusted."""
    leftover: bool = False
    """Whether nothing but its content can say that it is evidence: it is used if it is, and ignored if not."""
    called: bool = False
    """Whether the type of its layer or of its artifact says that it is evidence."""
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
    may_list_others: bool
    """Whether it may list certificates of others than its issuer."""
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
    def maker(self) -> MakerName:
        """The maker that it names."""
        return MakerName(self.facts.issuer)

    @property
    def made(self) -> datetime:
        """When it says that it was made."""
        return self.facts.this_update

    @property
    def is_unsigned(self) -> bool:
        """Whether it came into the trust directory in an unsigned snapshot."""
        return not self.trusted and self.origin == TRUST_DIRECTORY

    @property
    def dated(self) -> DatedEvidence:
        """Its dates."""
        return DatedEvidence(self.kind, self.name, self.facts.this_update, self.facts.next_update)

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

    @property
    def maker(self) -> MakerName:
        """The responder that it states."""
        return MakerName(self.response.responder_name or b"", self.response.responder_key_hash or b"")

    @property
    def made(self) -> datetime:
        """When it says that it was made."""
        return self.response.produced_at

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
        return f"is {what}, and is outside of {self.place}/, where alone it is used"

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return f"Move {self.path} into {self.place}/ of the trust directory."

    def is_about(self, certificate: Certificate) -> bool:
        """Whether it would be used for `certificate` in the right folder."""
        if isinstance(self.file, CrlFile):
            return self.file.may_list_others or same_name(self.file.facts.issuer, certificate.issuer)
        return any(single.may_state(certificate.serial) for single in self.file.response.responses)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldCertificate:
    """A certificate in an available file, whatever else that holds: it shows who made evidence that condemns."""

    path: str
    """Its file, in the trust directory with its folders, safe for a terminal."""
    origin: str
    certificate: Certificate | None
    """None if it cannot be read."""
    trusted: bool
    """Whether the operator put it there: then it is that of a CA of its name. Elsewhere only signatures prove it."""
    problem: str = ""
    """Why it proves nothing, to complete "it ...": it is damaged, or in a form that is not read."""
    stated: MakerName | None = None
    """The responder that the response states in which it is."""


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
        """Every CRL that may list certificates of others than its issuer, by its scope or by its entries."""
        ...

    def ocsp(self, serial: int) -> tuple[OcspFile, ...]:
        """Every response about a certificate with this serial number, also without its sign, newest first."""
        ...

    def all_ocsp(self) -> tuple[OcspFile, ...]:
        """Every OCSP response."""
        ...

    def fingerprints(self) -> frozenset[str]:
        """Of every CRL and every OCSP response, except misplaced ones."""
        ...

    def responders(self) -> Mapping[Certificate, Sequence[OcspFile]]:
        """The certificates of delegated responders, not verified, each with the OCSP responses that hold it.

        With none where it is only in a file of certificates.
        """
        ...

    def held_certificates(self) -> tuple[HeldCertificate, ...]:
        """All of the operator, in whatever file; of targets those in forms that are not read."""
        ...

    def certificates(self) -> Iterable[Certificate]:
        """Those in any file, response and signature, not verified: only signatures prove whose they are."""
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
        """The newest evidence by its stated date: a clock before this date is wrong (decision 0013)."""
        ...

    def notices(self) -> tuple[Problem, ...]:
        """`evidence.unusable`, for each file that cannot be used."""
        ...


_SHARE: Final = 4
"""One byte in so many may differ; two random keys differ by more."""


def nearly_same(one: bytes, other: bytes) -> bool:
    """Whether one may be the other after a few bytes changed, or some were added or removed at one place."""
    longest = max(len(one), len(other))
    bound = max(1, longest // _SHARE)
    if len(one) == len(other):
        return sum(a != b for a, b in zip(one, other, strict=True)) <= bound
    front = _agreeing(one, other)
    back = _agreeing(one[front:][::-1], other[front:][::-1])
    return longest - front - back <= bound


def nearly_same_key(one: bytes | None, other: bytes | None) -> bool | None:
    """The same for key identifiers, which are hashes: two of them never have so many equal bytes by chance.

    None if one of them is absent or only zeros.
    """
    if not (one and other and _is_hash(one) and _is_hash(other)):
        return None
    if len(one) != len(other):
        return nearly_same(one, other)
    return sum(a == b for a, b in zip(one, other, strict=True)) * _SHARE >= len(one)


def _is_hash(identifier: bytes) -> bool:
    return len(set(identifier)) * 2 > len(identifier)


def _agreeing(one: bytes, other: bytes) -> int:
    """How many bytes at the start are the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
