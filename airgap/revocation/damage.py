"""Finds damaged evidence in the trust directory, also if it seems to be about another certificate (decision 0009).

A changed byte may be in the issuer name, in a serial number or in a responder's certificate. Then the file names
something else, and a search by name would not find it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from airgap.errors import FormatError, Undecided
from airgap.pki import digests
from airgap.pki.certificate import Certificate
from airgap.pki.distinguished_names import name_key, same_name
from airgap.revocation.evidence_files import CrlFile, Evidence, OcspFile, nearly_same, nearly_same_key, where
from airgap.revocation.makers import EvidenceMakers
from airgap.revocation.query import RevocationQuery

if TYPE_CHECKING:
    from airgap.pki.crl_facts import CrlFacts
    from airgap.pki.single_response import SingleResponse


def damage_of(
    query: RevocationQuery, file: OcspFile, refusal: Undecided, makers: EvidenceMakers
) -> Iterator[Undecided]:
    """The damage of a response about the certificate that no authorized responder signed; `refusal` says why.

    Nothing if it is not damaged: then another responder made it. One of the issuer's own that goes on to answer after
    its certificate has ended is no other one.
    """
    if makers.know_responder(file.response, query.issuers) or any(
        file.response.is_by_delegate_of(issuer) for issuer in query.issuers
    ):
        yield refusal
        return
    try:
        file.response.verify_whole(query.issuer)
    except Undecided as error:
        yield error


def has_near_key(facts: CrlFacts, issuer: Certificate) -> bool | None:
    """Whether a CRL states a key identifier similar to that of `issuer`; None if one of them has none."""
    return nearly_same_key(facts.authority_key, issuer.subject_key)


class DamagedEvidence:
    """Finds files of the trust directory that name another issuer and may have named this one before they were damaged.

    The search runs once for each issuer: there may be thousands of files and thousands of certificates.
    """

    def __init__(self, evidence: Evidence, makers: EvidenceMakers) -> None:
        """`makers`: of the same evidence."""
        self._evidence: Final = evidence
        self._makers: Final = makers
        self._found: Final[dict[tuple[Certificate, ...], tuple[_Damaged, ...]]] = {}

    def about(self, query: RevocationQuery) -> Iterator[Undecided]:
        """Damaged files that may be about the certificate of `query`."""
        issuers = query.issuers
        if issuers not in self._found:
            self._found[issuers] = tuple(_find(issuers, self._evidence.trusted(), self._makers))
        for item in self._found[issuers]:
            if _may_be_about(item.file, query):
                named = f"{item.file.name} {where(item.file.origin)}"
                text = f"{named} may be damaged and about {query.who}, though it names another: {item.problem}"
                yield Undecided("evidence.unread", text, **query.facts(evidence=item.file.name))


_DAMAGE: Final = frozenset({"revocation.crl.signature", "revocation.ocsp.signature"})


class _Damaged(NamedTuple):
    file: CrlFile | OcspFile
    problem: FormatError | Undecided


def _find(
    issuers: tuple[Certificate, ...], files: Iterable[CrlFile | OcspFile], makers: EvidenceMakers
) -> Iterator[_Damaged]:
    for file in files:
        try:
            if isinstance(file, CrlFile):
                for issuer in issuers:
                    if _may_have_named(file.facts, issuer):
                        file.load().verify_intact(issuer)
            elif any(_may_be_of(single, issuer) for single in file.response.responses for issuer in issuers):
                makers.verify(file.response, issuers)
        except FormatError as error:
            yield _Damaged(file, error)
        except Undecided as error:
            if error.reason in _DAMAGE:
                yield _Damaged(file, error)


def is_damaged(file: CrlFile | OcspFile, known: Iterable[Certificate]) -> bool:
    """Whether a file may be from a CA among `known` and is damaged."""
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


def contradicts(one: CrlFacts, other: CrlFacts) -> bool:
    """Whether one of two CRLs may be damaged, if no certificate of their issuers is available.

    They state nearly one key, and not one key of one name. A name that is near alone says nothing.
    """
    if nearly_same_key(one.authority_key, other.authority_key) is not True:
        return False
    return one.authority_key != other.authority_key or not same_name(one.issuer, other.issuer)


class Contradictions:
    """CRLs of makers whose certificates are not available, to find out which of them contradict each other."""

    def __init__(self, files: Iterable[CrlFile]) -> None:
        self._by_part: Final[defaultdict[tuple[int, bytes], dict[tuple[object, ...], CrlFacts]]] = defaultdict(dict)
        for file in files:
            for part in _parts(file.facts):
                self._by_part[part].setdefault((name_key(file.facts.issuer), file.facts.authority_key), file.facts)

    def has(self, file: CrlFile) -> bool:
        """Whether some CRL contradicts this one. Only those are compared that have a part of the key in common."""
        near = (other for part in _parts(file.facts) for other in self._by_part.get(part, {}).values())
        return any(contradicts(file.facts, other) for other in near)


def _parts(facts: CrlFacts) -> Iterator[tuple[int, bytes]]:
    """A few bytes that changed leave some part of an identifier as it was."""
    key = facts.authority_key or b""
    return ((at, key[at : at + _PART]) for at in range(0, len(key), _PART))


_PART: Final = 4


def _may_be_from(file: CrlFile, issuer: Certificate) -> bool:
    """Compares keys; a similar name alone is not enough without a certificate."""
    named = same_name(file.facts.issuer, issuer.subject) and file.look().may_be_from(issuer)
    return named or has_near_key(file.facts, issuer) is True


def _may_be_of(single: SingleResponse, issuer: Certificate) -> bool:
    """Compares the key hash, because a CA with a new key answers for each key; the name if the hash is damaged."""
    if not digests.may_be_of(single.issuer_key_hash, single.hash_name):
        return True
    near = [nearly_same_key(single.issuer_key_hash, item) for item in issuer.key_hashes(single.hash_name)]
    return any(near) or (None in near and single.has_key_or_name_of(issuer))


def _may_have_named(facts: CrlFacts, issuer: Certificate) -> bool:
    """Compares the key identifier; if there is none, similar names."""
    near = has_near_key(facts, issuer)
    if near is None:
        near = nearly_same(facts.issuer, issuer.subject)
    return near and not same_name(facts.issuer, issuer.subject)


def _may_be_about(file: CrlFile | OcspFile, query: RevocationQuery) -> bool:
    """Whether it may be about this certificate of the issuer; a similar name alone is not enough."""
    if isinstance(file, OcspFile):  # evidence that names the certificate is judged elsewhere
        return not file.response.statements(query.certificate, *query.issuers)
    if any(has_near_key(file.facts, issuer) for issuer in query.issuers):
        return True
    try:
        return bool(file.load().entries_for(query.certificate.serial, file.facts.issuer))
    except (FormatError, Undecided):
        return True
