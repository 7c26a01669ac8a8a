"""Evidence: CRLs and OCSP responses at hand, found by what they may answer (design 4).

Evidence vouches for nothing by lying here: each piece carries its own proof, which the verifier checks. So a piece
that can not be used is left out with a notice and never stops a judgement; only where an index names it as the answer
for a URL does it stay a candidate, whose `load` says what is wrong with it.

Headers are read when evidence is first asked for, bodies when a candidate is loaded; both are remembered. All
methods may be called from several threads.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from airgap.errors import FormatError
from airgap.notice import Notice
from airgap.once import Once
from airgap.pki.certificate import Certificate, DistributionPoint
from airgap.revocation.index import EvidenceIndex
from airgap.text import safe

if TYPE_CHECKING:  # their readers are imported when there is a file to read
    from airgap.pki.crl import Crl, CrlHeader
    from airgap.pki.ocsp import OcspResponse

_NEVER: Final = datetime.min.replace(tzinfo=UTC)
"""Sorts what has no readable date behind all that has one."""
_NO_INDEX: Final = EvidenceIndex()


_File = TypeVar("_File", "CrlFile", "OcspFile")


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of evidence, not read yet."""

    name: str
    origin: str
    read: Callable[[], bytes] = field(repr=False)
    """Its bytes. Raises FormatError where it can not be read or is too large."""


@dataclass(frozen=True, slots=True, eq=False)
class CrlFile:
    """A CRL that may answer."""

    name: str
    """The file's name, safe for a terminal."""
    origin: str
    """From where it came: "trust directory", ..."""
    header: CrlHeader | None
    """What it says about itself, unproven; None where it can not be read, and then `load` says why."""
    _body: Once[Crl] = field(repr=False)

    @property
    def is_delta(self) -> bool:
        """Whether it calls itself a delta CRL."""
        return self.header is not None and self.header.is_delta

    @property
    def this_update(self) -> datetime:
        """When it says it was made; the dawn of time where it can not be read."""
        return self.header.this_update if self.header else _NEVER

    @property
    def rank(self) -> tuple[datetime, int]:
        """The newer, the greater. CRL numbers only grow (RFC 5280, 5.2.3) and tell CRLs of one moment apart."""
        number = self.header.number if self.header else None
        return self.this_update, -1 if number is None else number

    def load(self) -> Crl:
        """The whole CRL. Raises FormatError."""
        return self._body()


@dataclass(frozen=True, slots=True, eq=False)
class OcspFile:
    """An OCSP response that may answer."""

    name: str
    """The file's name, safe for a terminal."""
    origin: str
    produced_at: datetime
    """When it says it was made; the dawn of time where it can not be read."""
    _body: Once[OcspResponse] = field(repr=False)

    def load(self) -> OcspResponse:
        """The response. Raises FormatError."""
        return self._body()


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """The piece of evidence that was made last."""

    moment: datetime
    name: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What is at hand, for a report."""

    crls: int
    ocsp_responses: int
    unusable: int
    newest: datetime | None
    """The latest thisUpdate or producedAt."""
    oldest: datetime | None
    """The earliest thisUpdate or producedAt: older generations stay on purpose, for questions about the past."""


class Evidence(Protocol):
    """Where the verifier asks for evidence. Candidates come newest first, and prove nothing yet."""

    def crls(self, issuer: bytes, point: DistributionPoint) -> tuple[CrlFile, ...]:
        """Base and delta CRLs that may answer for a certificate of `issuer` (raw Name) with this distribution point.

        The files that an index maps a URI of the point to, whoever issued them, and the files of this issuer that no
        URL claims: a newer CRL that somebody put beside the index must not go unheard. A file that the index maps
        another URL to is no candidate.
        """
        ...

    def ocsp(self, certificate: Certificate, issuer: Certificate) -> tuple[OcspFile, ...]:
        """Responses that may answer for `certificate`, by the same rule."""
        ...

    def newest(self) -> Newest | None:
        """The piece that was made last, by its own word: a clock that stands before it is wrong (design 9)."""
        ...

    def notices(self) -> tuple[Notice, ...]:
        """`evidence.unusable`, for each piece that is left out."""
        ...


class EvidencePool:
    """Evidence out of pieces, wherever they are read from."""

    def __init__(
        self,
        *,
        crls: Sequence[Piece] = (),
        ocsp: Sequence[Piece] = (),
        crl_index: EvidenceIndex = _NO_INDEX,
        ocsp_index: EvidenceIndex = _NO_INDEX,
        notices: Sequence[Notice] = (),
    ) -> None:
        self._notices = tuple(notices)
        self._crls = Once(lambda: _CrlTable.read(crls, crl_index))
        self._ocsp = Once(lambda: _OcspTable.read(ocsp, ocsp_index))

    def crls(self, issuer: bytes, point: DistributionPoint) -> tuple[CrlFile, ...]:
        """See `Evidence`."""
        return self._crls().find(issuer, point)

    def ocsp(self, certificate: Certificate, issuer: Certificate) -> tuple[OcspFile, ...]:
        """See `Evidence`."""
        return self._ocsp().find(certificate, issuer)

    def newest(self) -> Newest | None:
        """See `Evidence`."""
        return max(self._dated(), key=lambda made: made.moment, default=None)

    def notices(self) -> tuple[Notice, ...]:
        """See `Evidence`."""
        return (*self._notices, *self._crls().notices, *self._ocsp().notices)

    def summary(self) -> Summary:
        """Counts and ages of all that is at hand."""
        moments = [made.moment for made in self._dated()]
        return Summary(
            crls=sum(file.header is not None for file in self._crls().files.values()),
            ocsp_responses=sum(file.produced_at != _NEVER for file in self._ocsp().files.values()),
            unusable=len(self.notices()),
            newest=max(moments, default=None),
            oldest=min(moments, default=None),
        )

    def _dated(self) -> list[Newest]:
        made = [(file.this_update, file.name, file.origin) for file in self._crls().files.values()]
        made += [(file.produced_at, file.name, file.origin) for file in self._ocsp().files.values()]
        return [Newest(moment=at, name=name, origin=origin) for at, name, origin in made if at != _NEVER]


@dataclass(frozen=True, slots=True, kw_only=True)
class _CrlTable:
    """CRLs by what they are asked for by."""

    index: EvidenceIndex
    files: Mapping[str, CrlFile]
    by_issuer: Mapping[bytes, Sequence[CrlFile]]
    notices: tuple[Notice, ...]

    @classmethod
    def read(cls, pieces: Sequence[Piece], index: EvidenceIndex) -> _CrlTable:
        files: dict[str, CrlFile] = {}
        by_issuer: defaultdict[bytes, list[CrlFile]] = defaultdict(list)
        notices: list[Notice] = []
        for piece in pieces:
            header: CrlHeader | None = None
            try:
                header = _read_header(piece)
            except FormatError as error:
                notices.append(unusable(piece.name, str(error)))
            file = CrlFile(safe(piece.name), piece.origin, header, Once(partial(_load_crl, piece)))
            files[piece.name] = file
            if header and piece.name not in index.claimed:
                by_issuer[header.issuer].append(file)
        notices += _absent(index, files)
        return cls(index=index, files=files, by_issuer=by_issuer, notices=tuple(notices))

    def find(self, issuer: bytes, point: DistributionPoint) -> tuple[CrlFile, ...]:
        files = [*_named(self.files, self.index.find(point.uris) or ()), *self.by_issuer.get(issuer, ())]
        return tuple(sorted(files, key=lambda file: file.rank, reverse=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class _OcspTable:
    """OCSP responses by what they are asked for by."""

    index: EvidenceIndex
    files: Mapping[str, OcspFile]
    by_serial: Mapping[int, Sequence[OcspFile]]
    notices: tuple[Notice, ...]

    @classmethod
    def read(cls, pieces: Sequence[Piece], index: EvidenceIndex) -> _OcspTable:
        files: dict[str, OcspFile] = {}
        by_serial: defaultdict[int, list[OcspFile]] = defaultdict(list)
        notices: list[Notice] = []
        for piece in pieces:
            body = Once(partial(_load_ocsp, piece))
            produced_at, serials = _NEVER, frozenset[int]()
            try:
                response = body()  # responses are small: they are parsed at once, and kept
                produced_at = response.produced_at
                serials = frozenset(single.serial for single in response.responses)
            except FormatError as error:
                notices.append(unusable(piece.name, str(error)))
            file = OcspFile(safe(piece.name), piece.origin, produced_at, body)
            files[piece.name] = file
            for serial in serials if piece.name not in index.claimed else ():
                by_serial[serial].append(file)
        notices += _absent(index, files)
        return cls(index=index, files=files, by_serial=by_serial, notices=tuple(notices))

    def find(self, certificate: Certificate, issuer: Certificate) -> tuple[OcspFile, ...]:
        mapped = _named(self.files, self.index.find(certificate.ocsp_urls) or ())
        files = [*mapped, *self._answering(certificate, issuer)]
        return tuple(sorted(files, key=lambda file: file.produced_at, reverse=True))

    def _answering(self, certificate: Certificate, issuer: Certificate) -> list[OcspFile]:
        files = self.by_serial.get(certificate.serial, ())
        return [file for file in files if file.load().find(certificate, issuer) is not None]


def unusable(name: str, problem: str) -> Notice:
    """The notice about a piece that is left out."""
    return Notice(
        reason="evidence.unusable",
        message=f"the evidence file {safe(name)!r} is left out: {problem}",
        facts={"name": safe(name), "problem": problem},
    )


def _named(files: Mapping[str, _File], names: Iterable[str]) -> list[_File]:
    return [files[name] for name in names if name in files]


def _absent(index: EvidenceIndex, files: Mapping[str, object]) -> list[Notice]:
    return [unusable(name, "the index names it, and it is not there") for name in sorted(index.claimed - files.keys())]


def _read_header(piece: Piece) -> CrlHeader:
    from airgap.pki.crl import read_header

    return read_header(piece.read())


def _load_crl(piece: Piece) -> Crl:
    from airgap.pki.crl import Crl

    return Crl.parse(piece.read())


def _load_ocsp(piece: Piece) -> OcspResponse:
    from airgap.pki.ocsp import OcspResponse

    return OcspResponse.parse(piece.read())
