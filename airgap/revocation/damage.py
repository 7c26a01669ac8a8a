"""Damaged pieces in the trust directory, whomever they seem to be about (design 8).

A changed byte may stand in the issuer's name, in a serial number or in a delegate's certificate. Then the piece names
somebody else, and whoever looks for pieces by name would not see it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airgap.errors import FormatError, Undecided
from airgap.hashing import digest
from airgap.pki import digests
from airgap.pki.certificate import Certificate
from airgap.pki.distinguished_names import same_name
from airgap.revocation.nearness import nearly_same, nearly_same_key
from airgap.revocation.pool import CrlFile, Evidence, OcspFile
from airgap.revocation.query import RevocationQuery

if TYPE_CHECKING:
    from airgap.pki.crl import CrlFacts
    from airgap.pki.ocsp import SingleResponse


def damage_of(query: RevocationQuery, file: OcspFile) -> Iterator[Undecided]:
    """What is wrong with a response about the certificate that nobody who may answer has made.

    Nothing where it is whole: then it is the word of a stranger.
    """
    try:
        file.response.verify_whole(query.issuer)
    except Undecided as error:
        yield error


def has_near_key(facts: CrlFacts, issuer: Certificate) -> bool | None:
    """Whether a CRL states nearly the key of `issuer`; None where one of them has no identifier."""
    return nearly_same_key(facts.authority_key, issuer.subject_key)


class DamagedEvidence:
    """Pieces of the trust directory that name somebody else, and may have named an issuer before bytes of them changed.

    They are looked for once for each issuer: there are thousands of pieces, and thousands of certificates.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._evidence: Final = evidence
        self._found: Final[dict[tuple[Certificate, ...], tuple[_Damaged, ...]]] = {}

    def about(self, query: RevocationQuery) -> Iterator[Undecided]:
        """What may be about the certificate of `query`."""
        issuers = query.issuers
        if issuers not in self._found:
            self._found[issuers] = tuple(_find(issuers, self._evidence.trusted()))
        for item in self._found[issuers]:
            if _may_be_about(item.file, query):
                named = f"{item.file.name} in the {item.file.origin}"
                text = f"{named} may be damaged and about {query.who}, though it names another: {item.problem}"
                yield Undecided("evidence.unread", text, **query.facts(evidence=item.file.name))


_DAMAGE: Final = frozenset({"revocation.crl.signature", "revocation.ocsp.signature"})


@dataclass(frozen=True, slots=True)
class _Damaged:
    file: CrlFile | OcspFile
    problem: FormatError | Undecided


def _find(issuers: tuple[Certificate, ...], files: Iterable[CrlFile | OcspFile]) -> Iterator[_Damaged]:
    for file in files:
        try:
            if isinstance(file, CrlFile):
                for issuer in issuers:
                    if _may_have_named(file.facts, issuer):
                        file.load().verify_intact(issuer)
            elif any(_may_be_of(single, issuer) for single in file.response.responses for issuer in issuers):
                file.response.verify_made_for(*issuers)
        except FormatError as error:
            yield _Damaged(file, error)
        except Undecided as error:
            if error.reason in _DAMAGE:
                yield _Damaged(file, error)


def is_damaged(file: CrlFile | OcspFile, known: Iterable[Certificate]) -> bool:
    """Whether a piece may be from a CA among `known`, and is not as it was made, whatever certificates it is about."""
    doubtful = False
    for issuer in known:
        try:
            if isinstance(file, OcspFile):
                if not any(_may_be_of(single, issuer) for single in file.response.responses):
                    continue
                file.response.verify_made_for(issuer)
            elif not _may_be_from(file, issuer):
                continue
            else:
                file.look().verify_intact(issuer)
        except FormatError:
            return True
        except Undecided as error:
            doubtful = doubtful or error.reason in _DAMAGE
        else:
            return False
    return doubtful


def _may_be_from(file: CrlFile, issuer: Certificate) -> bool:
    """By its key; a name that is near alone says nothing where nobody asks about a certificate."""
    named = same_name(file.facts.issuer, issuer.subject) and file.look().may_be_from(issuer)
    return named or has_near_key(file.facts, issuer) is True


def _may_be_of(single: SingleResponse, issuer: Certificate) -> bool:
    """By the hash of its key, as a CA that renewed its key answers for each; by its name where that hash is lost."""
    if not digests.may_be_of(single.issuer_key_hash, single.hash_name):
        return True
    near = nearly_same_key(single.issuer_key_hash, digest(single.hash_name, issuer.public_key_bits))
    return single.bears(issuer) if near is None else near


def _may_have_named(facts: CrlFacts, issuer: Certificate) -> bool:
    """By the identifier of its key; where it states none, by nearly the same name."""
    near = has_near_key(facts, issuer)
    if near is None:
        near = nearly_same(facts.issuer, issuer.subject)
    return near and not same_name(facts.issuer, issuer.subject)


def _may_be_about(file: CrlFile | OcspFile, query: RevocationQuery) -> bool:
    """Whether it may be about this certificate of the issuer; a name that is near alone is not enough."""
    if isinstance(file, OcspFile):  # what names the certificate is judged where it is asked for
        return not file.response.statements(query.certificate, *query.issuers)
    if any(has_near_key(file.facts, issuer) for issuer in query.issuers):
        return True
    try:
        return bool(file.load().entries_for(query.certificate.serial, file.facts.issuer))
    except (FormatError, Undecided):
        return True
