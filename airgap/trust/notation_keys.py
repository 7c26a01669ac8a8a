"""Revoked keys, for the cache of notation: it asks about the certificates of a chain, not about others of their keys.

A final revocation may be about the key of a certificate (decision 0012). Then every certificate with that key is
refused here, and notation accepts those that no CRL lists. So it gets no CRL that would clear one of them, or that such
a key signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final, NamedTuple

from airgap.errors import FormatError, Undecided
from airgap.once import Once
from airgap.pki.certificate import Certificate
from airgap.pki.crl import Crl
from airgap.pki.distinguished_names import same_name
from airgap.revocation.evidence_directory import EvidenceDirectory
from airgap.revocation.known_certificates import KnownCertificates, is_issued
from airgap.revocation.makers import EvidenceMakers
from airgap.revocation.query import is_about_key
from airgap.text import quoted


class RevokedKey(NamedTuple):
    """A certificate of which a final revocation is about the key."""

    certificate: Certificate
    file: str
    """What revokes it; safe for a terminal."""


class RevokedKeys:
    """Finds the revoked keys of a trust directory, once."""

    def __init__(
        self,
        evidence: EvidenceDirectory,
        known: Iterable[Certificate],
        stamping: Iterable[Certificate],
        seen: Iterable[Certificate],
    ) -> None:
        """`known`: the certificates of the operator. `stamping`: the roots of the stores for timestamps.

        `seen`: other certificates that are available.
        """
        others = tuple(seen)
        self._evidence: Final = evidence
        self._known: Final = tuple(dict.fromkeys(known))
        self._stamping: Final = tuple(dict.fromkeys(stamping))
        self._all: Final = Once(lambda: tuple(dict.fromkeys((*self._known, *evidence.certificates(), *others))))
        self._related: Final = KnownCertificates(lambda: self._known, evidence)
        self._makers: Final = EvidenceMakers(evidence, lambda: self._known)
        self._found: Final = Once(lambda: tuple(self._find()))

    def problem_of(self, crl: Crl) -> str:
        """Why notation would accept a revoked key by this CRL; empty if it would not."""
        for key, file in self._found():
            if crl.is_intact(key):
                return (
                    f"is signed with the key of {quoted(key.subject_text)}, which {file} revokes, and notation "
                    "accepts another certificate of that key"
                )
            for item in self._all():
                if item != key and item.key_identity == key.key_identity and self._would_clear(crl, item):
                    return (
                        f"does not list {quoted(item.subject_text)}, a certificate of the key that {file} revokes in "
                        "another one, and notation would accept it"
                    )
            if not key.is_ca and same_name(crl.issuer, key.issuer):  # its signers' certificates are in signatures
                return (
                    f"is from the issuer of {quoted(key.subject_text)}, of which {file} revokes the key, and notation "
                    "would accept any other certificate of that key"
                )
        return ""

    def _find(self) -> Iterator[RevokedKey]:
        for item in filter(self._is_genuine, self._all()):
            stated = not self._may_stamp(item)
            for file in dict.fromkeys((*self._evidence.crls(item.issuer), *self._evidence.indirect())):
                with suppress(FormatError, Undecided):
                    crl = file.load()
                    listed = any(is_about_key(entry.reason, stated=stated) for entry in crl.entries(item))
                    if listed and self._is_proven(crl):
                        yield RevokedKey(item, file.name)
            issuers = self._named(item.issuer)
            for response in self._evidence.ocsp(item.serial) if issuers else ():
                said = response.response.statements(item, *issuers)
                if any(one.status == "revoked" and is_about_key(one.reason, stated=stated) for one in said):
                    with suppress(FormatError, Undecided):
                        self._makers.verify(response.response, issuers)
                        yield RevokedKey(item, response.name)

    def _named(self, name: bytes) -> tuple[Certificate, ...]:
        """The known certificates with this subject (raw Name)."""
        return tuple(item for item in self._known if same_name(item.subject, name))

    def _may_stamp(self, item: Certificate) -> bool:
        """Whether it is below a root for timestamps: there every reason that is not about one certificate counts."""
        if item in self._stamping:
            return True
        return bool(self._stamping) and next(self._related.issuers_of(item, self._stamping), None) is not None

    def _is_proven(self, crl: Crl) -> bool:
        """Whether a known certificate with the name of its issuer made it; where none is known, it may have."""
        issuers = self._named(crl.issuer)
        return not issuers or any(crl.is_intact(ca) for ca in issuers)

    def _is_genuine(self, item: Certificate) -> bool:
        """Whether its issuer made it, as far as that is known: anyone can certify a key."""
        issuers = self._named(item.issuer)
        return item in self._known or not issuers or any(is_issued(item, ca) for ca in issuers)

    def _would_clear(self, crl: Crl, item: Certificate) -> bool:
        """Whether it is from the issuer of a certificate, and does not list that."""
        if not same_name(crl.issuer, item.issuer) or not self._is_genuine(item):
            return False
        try:
            return not crl.entries(item)
        except Undecided:
            return True
