"""Certificate revocation lists as facts (RFC 5280, 5).

A CRL is read from its bytes as received, its signature is checked over the signed slice, and its entries are read only
when a serial number is looked up. airgap.revocation.judge decides which CRL counts, how old it may be, and what an
entry means for a signature.

To condemn a certificate and to clear it are two questions with their own conditions (decision 0009). For the entries
it is enough that the issuer made the CRL (`verify_made_by`, `entries`). For the absence of an entry, the CRL must also
have version 2 (CRL-3), a SHA-2 signature of a CA that may sign CRLs (CRL-4), cover the certificate (D34; RFC 5280,
6.3.3), and have no unknown critical extension, where freshestCRL counts as unknown (CRL-7). This is stricter than the
reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Final, NoReturn, Self

from airgap.errors import Fact, FormatError, Unchecked, Undecided
from airgap.parse.der import Element
from airgap.pki.algorithms import UncheckedError, UnverifiedError, verify_ever_accepted, verify_identified
from airgap.pki.certificate import Certificate
from airgap.pki.crl_entries import RevokedEntry, RevokedList
from airgap.pki.crl_facts import CRL_NUMBER, DELTA_CRL_INDICATOR, VERSION, CrlFacts, CrlParts
from airgap.pki.crl_pem import crl_der
from airgap.pki.crl_scope import ISSUING_DISTRIBUTION_POINT, Scope
from airgap.pki.distinguished_names import name_text, read_maker, same_name
from airgap.pki.extensions import AUTHORITY_KEY_IDENTIFIER, FRESHEST_CRL, ISSUER_ALTERNATIVE_NAME, DistributionPoint
from airgap.pki.native import guarded
from airgap.reasons import MADE_SO
from airgap.text import quoted, safe

_UNDERSTOOD: Final = frozenset({ISSUING_DISTRIBUTION_POINT, DELTA_CRL_INDICATOR})
_HARMLESS: Final = _UNDERSTOOD | {CRL_NUMBER, FRESHEST_CRL, AUTHORITY_KEY_IDENTIFIER, ISSUER_ALTERNATIVE_NAME}
"""Extensions that do not change the meaning of an entry, critical or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crl(CrlFacts):
    """One CRL. Compared by fingerprint."""

    der: bytes = field(repr=False, compare=False)
    issuer_text: str = field(compare=False)
    """For people; made by others, so use `safe` before a terminal sees it."""
    scope: Scope | None = field(compare=False)
    """The issuing distribution point; None if the CRL covers all certificates of its issuer."""
    freshest: tuple[DistributionPoint, ...] = field(compare=False)
    """The distribution points of its delta CRLs."""
    critical_extensions: frozenset[str] = field(compare=False)
    signature_algorithm: bytes = field(repr=False, compare=False)
    """The raw DER AlgorithmIdentifier."""
    _signed: Element = field(repr=False, compare=False)
    _signature: bytes = field(repr=False, compare=False)
    _revoked: RevokedList = field(repr=False, compare=False)
    _unread: str = field(repr=False, compare=False)
    """Why its extensions are ambiguous; empty where they can."""
    _verified: set[tuple[str, bool]] = field(repr=False, compare=False, default_factory=set)
    """Issuers (by fingerprint) under whose key the signature has verified; True if SHA-1 was not accepted."""
    _found: dict[tuple[int, bytes], tuple[RevokedEntry, ...]] = field(repr=False, compare=False, default_factory=dict)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The CRL in `data` (DER, or one PEM block "X509 CRL"). Raises only FormatError.

        `entries` reads the entries later, and raises if they are malformed.
        """
        parts = CrlParts.read(crl_der(data))
        return cls(
            **parts.facts(),
            der=parts.data,
            issuer_text=name_text(read_maker(parts.issuer, "crl.issuer")),
            scope=parts.said.scope,
            freshest=parts.said.freshest,
            critical_extensions=frozenset(item.oid for item in parts.extensions.values() if item.critical),
            signature_algorithm=parts.algorithm,
            _signed=parts.signed,
            _signature=parts.signature,
            _revoked=RevokedList(parts.data, parts.revoked),
            _unread=parts.unread,
        )

    @property
    def facts(self) -> CrlFacts:
        """Its facts, without its bytes."""
        return CrlFacts(**{member.name: getattr(self, member.name) for member in fields(CrlFacts)})

    def check_base(self) -> None:
        """Checks that it is a complete CRL and no delta (CRL-16). Raises Undecided (revocation.crl.malformed)."""
        if self.is_delta:
            self._refuse("revocation.crl.malformed", "is a delta CRL where a base is needed")

    @property
    def may_list_others(self) -> bool:
        """Whether it may list certificates of others than its issuer: by its scope, or by its entries alone.

        RFC 5280, 5.2.5 and 5.3.3: indirectCRL, certificateIssuer. Whether it keeps both together is its maker's fault.
        """
        if self.scope.indirect if self.scope else self.flaw:  # its scope may be in what cannot be read
            return True
        try:
            return self._revoked.names_issuers
        except FormatError:
            return True

    def may_be_from(self, issuer: Certificate) -> bool:
        """False if the CRL has another issuer name, or claims another key of the same name."""
        if not same_name(self.issuer, issuer.subject):
            return False
        known = issuer.subject_key
        return self.authority_key is None or known is None or self.authority_key == known

    def verify_made_by(self, issuer: Certificate, *others: Certificate) -> Certificate:
        """Checks that the key of `issuer` made this CRL: enough for entries that condemn (decision 0009).

        `others`: further certificates of the same CA, with other keys. Returns the one whose key signed. Names are
        compared by RFC 5280, 7.1; any hash is accepted; no key usage is required. Raises Undecided:
        revocation.crl.issuer, revocation.crl.signature; Unchecked where one of these keys may have made it.
        """
        try:
            self._check_named(issuer)
            self.verify_intact(issuer)
        except Undecided as error:
            refusals = [error]
            for other in others:
                try:
                    return self.verify_made_by(other)
                except Undecided as refusal:
                    refusals.append(refusal)
            raise next((item for item in refusals if isinstance(item, Unchecked)), error) from None
        return issuer

    def verify_intact(self, issuer: Certificate) -> None:
        """Checks that the key of `issuer` signed these bytes, whatever their issuer name. Raises Undecided."""
        self._verify(issuer, strict=False)

    def is_intact(self, issuer: Certificate) -> bool:
        """The same as an answer; false also where that cannot be checked here."""
        try:
            self.verify_intact(issuer)
        except Undecided:
            return False
        return True

    def verify_signed_by(self, issuer: Certificate) -> None:
        """Checks that `issuer` made this CRL and may do so, with an accepted algorithm and version 2 (CRL-3, CRL-4).

        Raises Undecided: revocation.crl.issuer, revocation.crl.signature, revocation.crl.malformed. A signature that
        has verified is not computed again.
        """
        self._check_named(issuer)
        if not issuer.is_ca:
            self._refuse("revocation.crl.issuer", f"is from {quoted(issuer.subject_text)}, which is no CA")
        # RFC 5280, 6.3.3 (f): only where there is a key usage
        if issuer.key_usage and "cRLSign" not in issuer.key_usage.bits:
            self._refuse(
                "revocation.crl.issuer",
                f"is from {quoted(issuer.subject_text)}, whose key usage does not allow it to sign CRLs",
                MADE_SO,
            )
        self._verify(issuer, strict=True)
        if self.version != VERSION:
            self._refuse("revocation.crl.malformed", f"has version {self.version}, not {VERSION}", MADE_SO)

    def _check_named(self, issuer: Certificate) -> None:
        if not same_name(self.issuer, issuer.subject):
            self._refuse(
                "revocation.crl.issuer",
                f"is from {quoted(self.issuer_text)}, not from the certificate's issuer {quoted(issuer.subject_text)}",
            )

    def _verify(self, issuer: Certificate, *, strict: bool) -> None:
        if not self._verified.isdisjoint({(issuer.fingerprint, strict), (issuer.fingerprint, True)}):
            return
        verify = verify_identified if strict else verify_ever_accepted
        try:
            guarded(verify, self.signature_algorithm, issuer.public_key, self._signature, self._signed.raw)
        except UnverifiedError as error:
            self._check_key_named(issuer)
            remedy = MADE_SO if strict and self._is_intact(issuer) else ""
            text = f"is not valid: its signature {error.problem}"
            if isinstance(error, UncheckedError):
                raise Unchecked("revocation.crl.signature", f"the CRL {text}", **self._facts()) from None
            self._refuse("revocation.crl.signature", text, remedy)
        except FormatError as error:
            self._refuse("revocation.crl.signature", f"is not valid: its signature {error}")
        self._verified.add((issuer.fingerprint, strict))

    def _is_intact(self, issuer: Certificate) -> bool:
        """Whether the key of `issuer` signed it, by whatever algorithm."""
        try:
            self.verify_intact(issuer)
        except Undecided:
            return False
        return True

    def _check_key_named(self, issuer: Certificate) -> None:
        """Raises the better error for a CRL that claims another key than that of `issuer`."""
        if not self.authority_key or not issuer.subject_key or self.authority_key == issuer.subject_key:
            return
        raise Undecided(
            "revocation.crl.signature",
            f"the CRL is of another key of {quoted(self.issuer_text)}: it names the key {self.authority_key.hex()}, "
            f"and the certificate was issued with {issuer.subject_key.hex()}",
            **self._facts(),
        ).advising(
            "A CA that renewed its key has a CRL for each of its keys: fetch the one of the key that issued the "
            "certificate (airgap trust fetch), or ask the CA for it."
        )

    def check_covers(self, certificate: Certificate, point: DistributionPoint | None) -> None:
        """Checks that the absence of `certificate` is an answer (CRL-8, D34; RFC 5280, 6.3.3 (b)).

        `point`: the distribution point to answer for; None means any point of the certificate. See `Scope.reasons`.

        Raises Undecided: revocation.crl.issuer, revocation.crl.scope, revocation.crl.extension,
        revocation.crl.malformed.
        """
        self.check_understood()
        if not same_name(self.issuer, certificate.issuer):
            self._refuse(
                "revocation.crl.issuer",
                f"is from {quoted(self.issuer_text)}, not from the certificate's issuer "
                f"{quoted(certificate.issuer_text)}",
            )
        if self._names_issuers() and self._revoked.lists(certificate.serial):
            self._refuse("revocation.crl.extension", "lists certificates of another issuer (certificateIssuer)")
        if point and point.crl_issuer:
            self._refuse(
                "revocation.crl.scope", "cannot answer for a distribution point that names a CRL issuer", MADE_SO
            )
        points = (point,) if point else certificate.distribution_points
        scope, issuer = self.scope, certificate.issuer
        problem = scope.problem(is_ca=certificate.is_ca, points=points, issuer=issuer) if scope else None
        if problem:
            remedy = MADE_SO if scope and scope.indirect else ""
            self._refuse(
                "revocation.crl.scope", f"does not cover {quoted(certificate.subject_text)}: {problem}", remedy
            )

    def check_fits(self, base: CrlFacts) -> None:
        """Checks that it is a delta CRL for `base` (RFC 5280, 5.2.4 and 6.3.3 (c); CRL-13, CRL-14).

        The caller checks dates. Raises Undecided: revocation.crl.delta, revocation.crl.extension.
        """
        self.check_understood()
        if problem := self.why_unfit_for(base):
            self._refuse("revocation.crl.delta", problem, MADE_SO if base.number is None else "")

    @property
    def is_empty(self) -> bool:
        """Whether it lists nothing."""
        return self._revoked.is_empty

    def entries(self, certificate: Certificate) -> tuple[RevokedEntry, ...]:
        """All entries for `certificate`, in their order; empty if it is not listed. Some may be in doubt.

        Does not check the signature and the scope of the CRL. Raises Undecided (revocation.crl.malformed) if the list
        cannot be read.
        """
        key = certificate.serial, certificate.issuer
        if key not in self._found:  # condemning and clearing look up the same entries
            self._found[key] = self.entries_for(*key)
        return self._found[key]

    def entries_for(self, serial: int, issuer: bytes) -> tuple[RevokedEntry, ...]:
        """All entries for a serial number of `issuer` (raw DER Name). Raises Undecided as `entries` does."""
        try:
            is_indirect = self.scope is not None and self.scope.indirect
            found = self._revoked.find(serial, issuer, self.issuer, is_indirect=is_indirect)
        except Undecided as error:
            raise Undecided(error.reason, str(error), **{**self._facts(), **error.facts}) from None
        unknown = sorted(self.critical_extensions - _HARMLESS)
        if unknown or self._unread:
            what = f"with a critical extension that is not understood ({safe(unknown[0], limit=64)})" if unknown else ""
            doubt = f"is in a CRL {what or f'that {self._unread}'}"
            return tuple(replace(entry, doubt=entry.doubt or doubt) for entry in found)
        return found

    def owners(self) -> Iterator[bytes | None]:
        """For each entry the raw Name of the issuer of its certificate, None if unreadable. Raises FormatError."""
        return self._revoked.owners(self.issuer)

    def lists_all_of(self, older: Crl) -> bool:
        """Whether every entry of `older` is in this CRL, too, byte for byte, so that `older` is not needed."""
        return self._revoked.contains(older._revoked)

    def check_understood(self) -> None:
        """Checks that all is read and no critical extension is unknown: else a missing entry means nothing (CRL-7).

        Raises Undecided.
        """
        if self.flaw:
            self._refuse("revocation.crl.malformed", self.flaw)
        unknown = sorted(self.critical_extensions - _UNDERSTOOD)
        if unknown:
            self._refuse(
                "revocation.crl.extension",
                "has a critical extension that is not understood "
                f"({', '.join(safe(oid, limit=64) for oid in unknown)})",
                extension=safe(unknown[0], limit=64),
            )

    def check_clears(self) -> None:
        """Checks that the absence of an entry is an answer for every certificate in its scope, if there are any.

        Raises Undecided.
        """
        self.check_understood()
        if self.scope and (problem := self.scope.covers_none):
            self._refuse("revocation.crl.scope", f"covers no certificate: {problem}", MADE_SO)
        if self._names_issuers():
            self._refuse("revocation.crl.extension", "lists certificates of another issuer (certificateIssuer)")

    def _names_issuers(self) -> bool:
        try:
            return self._revoked.names_issuers
        except FormatError as error:
            self._refuse("revocation.crl.malformed", f"has a list that is malformed: {error}")

    def _refuse(self, reason: str, problem: str, remedy: str = "", **facts: Fact) -> NoReturn:
        raise Undecided(reason, f"the CRL {problem}", **{**self._facts(), **facts}).advising(remedy)

    def _facts(self) -> dict[str, Fact]:
        return {
            "crl": self.fingerprint,
            "crl_issuer": safe(self.issuer_text),
            "crl_number": None if self.number is None else str(self.number),
        }
