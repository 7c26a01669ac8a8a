"""Which available certificates are of one CA, and which have one key: to find who made evidence, never to trust."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Final

from airgap import limits
from airgap.errors import Rejected
from airgap.once import Once
from airgap.pki.certificate import Certificate, verify_ever_issued
from airgap.pki.distinguished_names import name_key, same_name
from airgap.revocation.answer_evidence import NOTHING_FOUND
from airgap.revocation.evidence_files import Evidence
from airgap.revocation.query import RevocationQuery


class KnownCertificates:
    """Which available certificates are of one CA, and which have one key: the same for every kind of chain.

    What the operator has is that of the CA of its name. What came from elsewhere counts only where signatures lead from
    it to an authority of the chain (RFC 5280, 6.3.3 (f)): anyone can make a certificate with that name or key.
    """

    def __init__(self, stored: Callable[[], Iterable[Certificate]], evidence: Evidence) -> None:
        """`stored`: reads the operator's; what it raises, each method here does."""
        self._own: Final = Once(lambda: _by_name(stored()))
        self._offered: Final = Once(lambda: frozenset(evidence.certificates()))
        self._all: Final = Once(lambda: tuple(dict.fromkeys((*self.stored(), *evidence.certificates()))))
        self._named: Final = Once(lambda: _by_name(item for item in self._all() if item.may_make_crls))
        self._keys: Final = Once(lambda: _by_key(self._all()))
        self._cas: Final[dict[_Proof, Mapping[tuple[object, ...], Mapping[Certificate, int]]]] = {}
        self._renewed: Final[dict[_Proof, tuple[Certificate, ...]]] = {}
        """All signatures of a signer ask the same."""
        self._issuers: Final[dict[tuple[Certificate, _Proof], Certificate | None]] = {}

    def with_those_of(self, evidence: Evidence) -> KnownCertificates:
        """The same with other evidence. The operator's are not read again."""
        return KnownCertificates(self.stored, evidence)

    def is_offered(self, certificate: Certificate) -> bool:
        """Whether it is known from elsewhere than from the operator."""
        return certificate in self._offered()

    def stored(self) -> Iterator[Certificate]:
        """The operator's."""
        return chain.from_iterable(self._own().values())

    def is_stored(self, certificate: Certificate) -> bool:
        """Whether the operator has it."""
        return certificate in self._own().get(name_key(certificate.subject), ())

    def stored_of(self, name: bytes) -> Sequence[Certificate]:
        """The operator's that may make CRLs with this issuer (raw Name)."""
        return [item for item in self._own().get(name_key(name), ()) if item.may_make_crls]

    def of_ca(
        self, name: bytes, authorities: tuple[Certificate, ...], offered: tuple[Certificate, ...] = ()
    ) -> tuple[Certificate, ...]:
        """Those that may make the CRLs of a CA (raw Name), with whatever key; `authorities`: of the chain.

        `offered`: others that are available.
        """
        proven = [item for item in authorities if item.may_make_crls and same_name(item.subject, name)]
        own = dict.fromkeys((*proven, *self.stored_of(name)))
        more = (item for item in offered if item.may_make_crls and same_name(item.subject, name))
        others = dict.fromkeys(item for item in (*self._named().get(name_key(name), ()), *more) if item not in own)
        return *own, *(item for item in others if self._issuer(item, authorities, offered))

    def renewed(
        self, authorities: tuple[Certificate, ...], offered: tuple[Certificate, ...] = ()
    ) -> tuple[Certificate, ...]:
        """The other ones of the first of these: the same CA, with another key."""
        proof = authorities, offered
        if proof not in self._renewed:
            issuer = authorities[0]
            found = self.of_ca(issuer.subject, authorities, offered)
            self._renewed[proof] = tuple(item for item in found if item != issuer)
        return self._renewed[proof]

    def asking_about(self, certificate: Certificate, issuer: Certificate, query: RevocationQuery) -> RevocationQuery:
        """`query` about a certificate that its issuer has below the authorities of the chain.

        What was lost is about other certificates.
        """
        above = (issuer, *query.authorities)
        return replace(
            query, certificate=certificate, authorities=above, renewed=self.renewed(above), lost=NOTHING_FOUND
        )

    def of_key(
        self, certificate: Certificate, authorities: tuple[Certificate, ...]
    ) -> Iterator[tuple[Certificate, Certificate]]:
        """The other ones with its key, whatever their names and validity, each with its issuer; no authority."""
        for item in self._keys().get(certificate.key_identity, ()):
            if item not in {certificate, *authorities} and (issuer := self._issuer(item, authorities)):
                yield item, issuer

    def _issuer(
        self, certificate: Certificate, authorities: tuple[Certificate, ...], offered: tuple[Certificate, ...] = ()
    ) -> Certificate | None:
        """The one that issued it, an authority of the chain or what such a one issued, through whatever CAs."""
        proof = authorities, offered
        if (certificate, proof) not in self._issuers:
            self._issuers[certificate, proof] = next(self.issuers_of(certificate, authorities, offered), None)
        return self._issuers[certificate, proof]

    def issuers_of(
        self, certificate: Certificate, authorities: tuple[Certificate, ...], offered: tuple[Certificate, ...] = ()
    ) -> Iterator[Certificate]:
        """All that issued it: authorities of the chain, and CAs that signatures prove below these."""
        proof = authorities, offered
        if proof not in self._cas:
            self._cas[proof] = _proven_cas(authorities, (*self._all(), *offered))
        named = self._cas[proof].get(name_key(certificate.issuer), {}).items()
        is_below = certificate.is_ca and not certificate.self_issued
        # what began after its issuer had ended is no certificate of that CA
        able = (
            issuer for issuer, room in named if room >= is_below and not issuer.ended_before(certificate.not_before)
        )
        return (issuer for issuer in able if is_issued(certificate, issuer))


_Proof = tuple[tuple[Certificate, ...], tuple[Certificate, ...]]
"""Authorities of a chain, and other certificates that are available."""


def _by_name(certificates: Iterable[Certificate]) -> Mapping[tuple[object, ...], list[Certificate]]:
    found: defaultdict[tuple[object, ...], list[Certificate]] = defaultdict(list)
    for item in dict.fromkeys(certificates):
        found[name_key(item.subject)].append(item)
    return found


def _by_key(certificates: Iterable[Certificate]) -> Mapping[bytes, list[Certificate]]:
    found: defaultdict[bytes, list[Certificate]] = defaultdict(list)
    for item in certificates:
        found[item.key_identity].append(item)
    return found


def _proven_cas(
    authorities: Iterable[Certificate], others: Iterable[Certificate]
) -> Mapping[tuple[object, ...], Mapping[Certificate, int]]:
    """The authorities, and the CAs below them, by name, with how many CAs may be below each.

    Bounded: each of the others is checked with these alone. A CA below needs the right to issue certificates, and room
    in the path lengths above it (RFC 5280, 6.1.4).
    """
    left: defaultdict[tuple[object, ...], list[Certificate]] = defaultdict(list)
    for item in others:
        if item.may_issue:
            left[name_key(item.issuer)].append(item)
    found: defaultdict[tuple[object, ...], dict[Certificate, int]] = defaultdict(dict)
    room: dict[Certificate, int] = {}
    """Of the ways to it the best."""
    waiting = [(issuer, _path_length(issuer)) for issuer in authorities]
    while waiting:
        issuer, below = waiting.pop()
        if below <= room.get(issuer, -1):
            continue
        name = name_key(issuer.subject)
        room[issuer] = found[name][issuer] = below
        for item in left.get(name, ()):
            more = min(below - (not item.self_issued), _path_length(item))
            if (
                more >= 0
                and more > room.get(item, -1)
                and not issuer.ended_before(item.not_before)
                and is_issued(item, issuer)
            ):
                waiting.append((item, more))
    return found


def _path_length(certificate: Certificate) -> int:
    """How many CAs it allows below it; without a bound more than any chain has."""
    stated = certificate.basic_constraints.path_length if certificate.basic_constraints else None
    return limits.CHAIN_CERTIFICATES if stated is None else min(stated, limits.CHAIN_CERTIFICATES)


def is_issued(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether the issuer signed it, with any hash."""
    try:
        verify_ever_issued(certificate, issuer)
    except Rejected:
        return False
    return True
