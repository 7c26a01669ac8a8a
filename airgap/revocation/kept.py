"""Which evidence lies in a folder, in which generations: what decides whether something new may join it.

A stream is what replaces itself from time to time: the CRLs of one issuer with one scope, base and delta apart. A file
that could not be verified never keeps a good one out, so the caller proves what is in the way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

from airgap import limits
from airgap.errors import FormatError
from airgap.files import read_regular
from airgap.pki.crl import Crl
from airgap.pki.digests import digest


class State(StrEnum):
    """What became of a piece of evidence that was offered."""

    NEW = "new"
    UNCHANGED = "unchanged"
    """These very bytes were there."""
    OLDER = "older"
    """Something newer is there: it was ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Where a piece of evidence is."""

    state: State
    name: str
    """Its file; for OLDER the newer one's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrlFacts:
    """One CRL file, without its bytes."""

    name: str
    issuer: bytes
    scope: bytes
    """DER of the issuing distribution point; empty where it has none."""
    is_delta: bool
    number: int | None
    base_number: int | None
    this_update: datetime
    next_update: datetime | None
    fingerprint: str

    @classmethod
    def of(cls, name: str, crl: Crl) -> Self:
        """The facts of a CRL under this file name."""
        return cls(
            name=name,
            issuer=crl.issuer,
            scope=crl.scope.raw if crl.scope else b"",
            is_delta=crl.base_number is not None,
            number=crl.number,
            base_number=crl.base_number,
            this_update=crl.this_update,
            next_update=crl.next_update,
            fingerprint=crl.fingerprint,
        )

    @property
    def stream(self) -> str:
        """The same for all generations of one CRL: 16 hex digits."""
        key = b"\0".join((self.issuer, self.scope, b"delta" if self.is_delta else b"base"))
        return digest("sha256", key).hex()[:16]

    @property
    def file_name(self) -> str:
        """The name that this CRL is kept under: stream, number or date, and a piece of its fingerprint."""
        number = f"{self.number:x}" if self.number is not None else f"{self.this_update:%Y%m%d%H%M%S}"
        kind = "-delta" if self.is_delta else ""
        return f"{self.stream}-{number}-{self.fingerprint[:8]}{kind}.crl"

    def is_older_than(self, other: CrlFacts) -> bool:
        """Whether `other`, of the same stream, was issued later: by number where both have one, and by date.

        Where number and date disagree it is older: an issuer's number never goes back (RFC 5280, 5.2.3).
        """
        if self.fingerprint == other.fingerprint:
            return False
        numbered = self.number is not None and other.number is not None
        return self.this_update < other.this_update or (numbered and (self.number or 0) < (other.number or 0))


def read_crl(folder: Path, name: str) -> Crl:
    """The CRL in a file. Raises FormatError."""
    return Crl.parse(read_regular(folder / name, limits.CRL_FILE_BYTES))


def list_crls(folder: Path, names: Iterable[str]) -> list[CrlFacts]:
    """The facts of all files that are CRLs; the others are somebody else's business. One is in memory at a time."""
    found: list[CrlFacts] = []
    for name in names:
        try:
            found.append(CrlFacts.of(name, read_crl(folder, name)))
        except FormatError:
            continue
    return found
