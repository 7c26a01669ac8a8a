"""OCSP responses as facts (RFC 6960).

Responses are read from their bytes as received. An answer may come from the issuer itself, or from a delegated
responder whose certificate the issuer issued directly with id-kp-OCSPSigning (D35). To condemn a certificate it is
enough that the responder's certificate was valid at signing (`verify_made_for`). To clear one it must also be valid at
the judged time, have a strong key, and not be the certificate in question (`verify_signed_for`; decision 0009).
airgap.revocation decides how old an answer may be.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final, NoReturn, Self, TypeVar

from airgap import limits
from airgap.errors import FormatError, LimitError, Rejected, Unchecked, UncheckedIssuer, Undecided
from airgap.hashing import fingerprint
from airgap.parse import der
from airgap.parse.der import Element
from airgap.parse.time import iso
from airgap.pki.algorithms import (
    PublicKey,
    UncheckedError,
    UnverifiedError,
    strong_enough_for_ca,
    verify_ever_accepted,
    verify_identified,
)
from airgap.pki.certificate import Certificate, Offered, verify_delegated, verify_ever_issued
from airgap.pki.distinguished_names import name_text, parse_maker, same_name
from airgap.pki.extensions import authority_key
from airgap.pki.native import guarded
from airgap.pki.single_response import SEVERITY, SingleResponse, read_known_extensions
from airgap.reasons import MADE_SO
from airgap.text import quoted, safe

BASIC_RESPONSE: Final = "1.3.6.1.5.5.7.48.1.1"
NO_CHECK: Final = "1.3.6.1.5.5.7.48.1.5"
OCSP_SIGNING: Final = "1.3.6.1.5.5.7.3.9"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Responder:
    """The certificate that signed the response."""

    certificate: Certificate
    delegated: bool
    """False if the issuer itself answered."""
    no_check: bool
    """Whether the responder's own revocation need not be checked (id-pkix-ocsp-nocheck, D37)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OcspResponse:
    """One successful basic response. Compared by fingerprint."""

    der: bytes = field(repr=False, compare=False)
    fingerprint: str
    """SHA-256 of the DER, lower-case hex."""
    responses: tuple[SingleResponse, ...] = field(compare=False)
    produced_at: datetime = field(compare=False)
    responder_name: bytes | None = field(repr=False, compare=False)
    """The raw DER Name, if the responder is identified by name."""
    responder_key_hash: bytes | None = field(repr=False, compare=False)
    """SHA-1 of the key, if the responder is identified by key."""
    certificates: Offered = field(repr=False, compare=False)
    """Those that can be read: no signature covers which certificates are in a response."""
    has_all_certificates: bool = field(repr=False, compare=False)
    signature_algorithm: bytes = field(repr=False, compare=False)
    """The raw DER AlgorithmIdentifier."""
    _signed: bytes = field(repr=False, compare=False)
    _signature: bytes = field(repr=False, compare=False)
    _made_for: set[str] = field(repr=False, compare=False, default_factory=set)
    """Issuers (by fingerprint) for which it was verified: a response about many certificates is verified once."""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The response in `data` (DER).

        Raises only FormatError, also if the responder answered with an error (OCSP-3). An unknown critical extension
        makes the answers uncertain (`SingleResponse.doubt`, OCSP-6).
        """
        if len(data) > limits.OCSP_BYTES:
            raise LimitError(f"the OCSP response has {len(data)} bytes, more than {limits.OCSP_BYTES}")
        basic = der.read(_basic(data), "ocsp").fields("ocsp")
        signed = basic.take(der.SEQUENCE, "tbsResponseData")
        algorithm = basic.take(der.SEQUENCE, "signatureAlgorithm").raw
        signature = basic.any("signature").bits("ocsp.signature")
        explicit = basic.maybe(der.context(0))
        basic.end()
        fields = signed.fields("ocsp")
        version = fields.maybe(der.context(0))
        if version and version.only("ocsp.version").integer("ocsp.version"):
            raise FormatError("is not 1", where="ocsp.version")
        name, key_hash = _responder(fields.any("responderID"))
        produced_at = fields.any("producedAt").generalized_time("ocsp.producedAt", fractions=False)
        singles = fields.take(der.SEQUENCE, "responses").walk()
        extensions = fields.maybe(der.context(1))
        fields.end()
        _, doubt = read_known_extensions(extensions, "ocsp.responseExtensions", frozenset())
        certificates, is_whole = _certificates(explicit)
        return cls(
            der=data,
            fingerprint=fingerprint(data),
            responses=tuple(SingleResponse.parse(item, doubt) for item in singles),
            produced_at=produced_at,
            responder_name=name,
            responder_key_hash=key_hash,
            certificates=certificates,
            has_all_certificates=is_whole,
            signature_algorithm=algorithm,
            _signed=signed.raw,
            _signature=signature,
        )

    def age_of(self, single: SingleResponse) -> tuple[datetime, int, datetime, str]:
        """A sort key: of two answers the one with the greater key is newer. Nothing else decides that.

        The status was correct at thisUpdate (RFC 6960, 2.4). Of two answers of the same time the more severe one
        counts.
        """
        return single.this_update, -SEVERITY.index(single.status), self.produced_at, self.fingerprint

    @property
    def signer_end(self) -> datetime | None:
        """The end of the certificate of the delegated responder that signed this; None if none is in the response.

        Of several with the stated name, the one whose key signed it; if none did, the first to end.
        """
        signed = [item.not_after for item in self.delegates if self.is_signed_by(item)]
        return max(signed) if signed else min((item.not_after for item in self.delegates), default=None)

    @property
    def delegates(self) -> tuple[Certificate, ...]:
        """The certificates in it with the stated name or key of the responder; not verified."""
        return tuple(item for item in self.certificates if self._names(item))

    def lacks(self, certificate: Certificate) -> bool:
        """Whether it is from the responder with this certificate by its statement, and does not hold it."""
        return self._names(certificate) and certificate not in self.certificates

    @property
    def responder(self) -> str:
        """The responder that the response states, for people (not made safe)."""
        if self.responder_name is not None:
            return name_text(parse_maker(self.responder_name))
        return f"key {(self.responder_key_hash or b'').hex()}"

    def find(self, certificate: Certificate, issuer: Certificate) -> SingleResponse | None:
        """The unverified answer about `certificate`; None if there is none.

        Of several answers the most severe one counts, then the newest.
        """
        answers = [single for single in self.responses if single.is_about(certificate, issuer)]
        newest_first = sorted(answers, key=lambda single: single.this_update, reverse=True)
        return min(newest_first, key=lambda single: SEVERITY.index(single.status), default=None)

    def statements(self, certificate: Certificate, *issuers: Certificate) -> tuple[SingleResponse, ...]:
        """All unverified answers that may be about `certificate`, whose issuer has these keys."""
        return tuple(single for single in self.responses if single.may_be_about(certificate, issuers))

    def verify_made_for(self, issuer: Certificate, *others: Certificate) -> None:
        """Checks that the issuer or a responder valid at that time made this: enough to condemn (decision 0009).

        `others`: further certificates of the same CA, with other keys. Which responder it states does not matter. Any
        hash is accepted for the response and for the responder's certificate, which may name the issuer in another
        string type. Raises Undecided: revocation.ocsp.responder, revocation.ocsp.signature.
        """
        if not self._made_for.isdisjoint(item.fingerprint for item in (issuer, *others)):
            return
        refusal: Undecided | None = None
        for item in (issuer, *others):
            try:
                self._find_signer(item, partial(self._accept_made, issuer=item), anyone=True)
            except Undecided as error:
                refusal = error if isinstance(error, Unchecked) else refusal or error
            else:
                self._made_for.add(item.fingerprint)
                return
        if refusal:
            raise refusal

    def is_by_delegate_of(self, issuer: Certificate) -> bool:
        """Whether the issuer or a delegate of it made this, even if the delegate was not valid at that time."""
        try:
            self._find_signer(issuer, partial(self._accept_whenever, issuer=issuer), anyone=True)
        except Undecided:
            return False
        return True

    def verify_whole(self, issuer: Certificate) -> None:
        """Checks that the response is not damaged: the stated responder signed it.

        Does not check whether the responder is authorized. Raises Undecided (revocation.ocsp.signature).
        """
        candidates = [item for item in dict.fromkeys((issuer, *self.certificates)) if self._names(item)]
        if not candidates and self.has_all_certificates:
            self._refuse(
                "revocation.ocsp.signature",
                f"is from {quoted(self.responder)}, whose certificate is neither in it nor in other evidence here",
            )
        for candidate in candidates:
            try:
                self._check_signature(verify_ever_accepted, candidate)
                if candidate != issuer and _claims(candidate, issuer):
                    verify_ever_issued(candidate, issuer)
            except (Undecided, Rejected):
                continue
            return
        self._refuse(
            "revocation.ocsp.signature",
            "is damaged, or from another CA of this name: no responder that it names signed these bytes for the issuer",
        )

    def verify_signed_for(self, issuer: Certificate, *, at: datetime) -> Responder:
        """Checks that a responder signed this that is authorized for `issuer` at the time `at` (OCSP-4, D35).

        A delegated responder must be valid at `at` and when the response was produced. The caller decides whether its
        own revocation must be checked (D37): see `Responder.no_check`.
        Raises Undecided: revocation.ocsp.responder, revocation.ocsp.signature.
        """
        return self._find_signer(issuer, partial(self._accept_signed, issuer=issuer, at=at))

    def _find_signer(self, issuer: Certificate, accept: Callable[[Certificate], T], *, anyone: bool = False) -> T:
        """What `accept` says of the responder that the response states; with `anyone` also of each other one here.

        To condemn, it is enough who signed: the stated responder is no part of the answer's meaning.
        """
        known = tuple(dict.fromkeys((issuer, *self.certificates)))
        stated = tuple(filter(self._names, known))
        others = tuple(item for item in known if item not in stated) if anyone else ()
        refusals: list[Undecided] = []
        for candidate in (*stated, *others):
            try:
                return accept(candidate)
            except Undecided as error:
                refusals.append(error)
        if not stated and not self.has_all_certificates:
            self._refuse(
                "revocation.ocsp.signature",
                f"is from {quoted(self.responder)}, and a certificate in it, which may be of that, cannot be read",
            )
        if not stated:
            self._refuse(
                "revocation.ocsp.responder",
                f"is from {quoted(self.responder)}: neither the issuer {quoted(issuer.subject_text)} nor a "
                "certificate in the response",
            )
        raise next((item for item in refusals[: len(stated)] if isinstance(item, Unchecked)), refusals[0])

    def _names(self, certificate: Certificate) -> bool:
        if self.responder_name is not None:
            return same_name(certificate.subject, self.responder_name)
        # RFC 6960, 4.2.1: always SHA-1
        return self.responder_key_hash in certificate.key_hashes("sha1")

    def _accept_made(self, candidate: Certificate, issuer: Certificate) -> None:
        self._accept_whenever(candidate, issuer)
        if candidate != issuer:
            self._check_valid(candidate, self.produced_at, "and the answer was made")

    def _accept_whenever(self, candidate: Certificate, issuer: Certificate) -> None:
        if candidate != issuer:
            self._check_delegate(candidate, issuer, verify_ever_issued)
        self._check_signature(verify_ever_accepted, candidate)

    def _accept_signed(self, candidate: Certificate, issuer: Certificate, at: datetime) -> Responder:
        delegated = candidate != issuer
        if delegated:
            self._check_delegate(candidate, issuer, verify_delegated)
            self._check_trusted_delegate(candidate, issuer)
            # at signing and at the judged time: an expired certificate cannot clear anything
            self._check_valid(candidate, self.produced_at, "and the answer was made")
            self._check_valid(candidate, at, "and the answer was needed")
        try:
            self._check_signature(verify_identified, candidate)
        except Undecided as error:
            raise error.advising(MADE_SO if self.is_signed_by(candidate) else "") from None
        return Responder(certificate=candidate, delegated=delegated, no_check=NO_CHECK in candidate.extensions)

    def _check_signature(self, verify: Callable[[bytes, PublicKey, bytes, bytes], None], signer: Certificate) -> None:
        try:
            guarded(verify, self.signature_algorithm, signer.public_key, self._signature, self._signed)
        except (UnverifiedError, FormatError) as error:
            kind = Unchecked if isinstance(error, UncheckedError) else Undecided
            text = f"the OCSP response is not valid: its signature {error}"
            raise kind("revocation.ocsp.signature", text, ocsp=self.fingerprint) from None

    def is_signed_by(self, signer: Certificate) -> bool:
        """Whether this key made the signature, by any hash. Does not check whether its owner may answer."""
        return self.why_not_by(signer) is None

    def why_not_by(self, signer: Certificate) -> Undecided | None:
        """Why it is not proven that this key made the signature; None if it did."""
        try:
            self._check_signature(verify_ever_accepted, signer)
        except Undecided as error:
            return error
        return None

    @staticmethod
    def may_sign(certificate: Certificate) -> bool:
        """Whether it is a certificate of a delegated responder by its extended key usage."""
        extended = certificate.extended_key_usage
        return extended is not None and OCSP_SIGNING in extended.oids

    def _check_delegate(
        self, delegate: Certificate, issuer: Certificate, issued: Callable[[Certificate, Certificate], None]
    ) -> None:
        """Checks with `issued` that the same CA issued it directly, with id-kp-OCSPSigning (RFC 6960, 4.2.2.2)."""
        try:
            issued(delegate, issuer)
        except Rejected as error:
            text = f"which was not issued by the certificate's issuer: {error}"
            if isinstance(error, UncheckedIssuer) and self.may_sign(delegate) and self.is_signed_by(delegate):
                self._refuse_delegate(delegate, text, kind=Unchecked)
            self._refuse_delegate(delegate, text, MADE_SO)
        if not self.may_sign(delegate):
            self._refuse_delegate(delegate, "which has no extended key usage OCSPSigning", MADE_SO)

    def _check_trusted_delegate(self, delegate: Certificate, issuer: Certificate) -> None:
        """Checks that it may clear another certificate: a strong key, for signatures, and not about itself (D35)."""
        usage = delegate.key_usage
        if usage and "digitalSignature" not in usage.bits:
            self._refuse_delegate(delegate, "whose key usage does not allow signatures", MADE_SO)
        if delegate.pss_only or not strong_enough_for_ca(delegate.public_key):
            self._refuse_delegate(delegate, f"whose key {delegate.key_name} is too weak or of an unknown kind", MADE_SO)
        if any(single.is_about(delegate, issuer) for single in self.responses):
            self._refuse_delegate(delegate, "which answers for itself", MADE_SO)

    def _check_valid(self, delegate: Certificate, moment: datetime, what: str) -> None:
        if delegate.begins_after(moment):
            problem = f"which is not valid before {iso(delegate.not_before)}, {what} at {iso(moment)}"
            self._refuse_delegate(delegate, problem)
        if delegate.ended_before(moment):
            self._refuse_delegate(delegate, f"which expired at {iso(delegate.not_after)}, {what} at {iso(moment)}")

    def _refuse_delegate(
        self, delegate: Certificate, problem: str, remedy: str = "", *, kind: type[Undecided] = Undecided
    ) -> NoReturn:
        text = f"the OCSP response is from {quoted(delegate.subject_text)}, {problem}"
        facts = {"ocsp": self.fingerprint, "responder": safe(delegate.subject_text)}
        raise kind("revocation.ocsp.responder", text, **facts).advising(remedy)

    def _refuse(self, reason: str, problem: str) -> NoReturn:
        raise Undecided(reason, f"the OCSP response {problem}", ocsp=self.fingerprint)


def _claims(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether it names `issuer` or its key: a damaged certificate still has the other."""
    key = authority_key(certificate.extensions)
    return same_name(certificate.issuer, issuer.subject) or (key is not None and key == issuer.subject_key)


def says_error(data: bytes) -> bool:
    """Whether a responder only says why it does not answer (RFC 6960, 4.2.1); that is never signed (2.3)."""
    try:
        fields = der.read(data, "ocsp").fields("ocsp")
        return fields.any("responseStatus").integer("ocsp.responseStatus", tag=der.ENUMERATED) != 0
    except FormatError:
        return False


def _basic(data: bytes) -> bytes:
    """The BasicOCSPResponse inside an OCSPResponse."""
    fields = der.read(data, "ocsp").fields("ocsp")
    status = fields.any("responseStatus").integer("ocsp.responseStatus", tag=der.ENUMERATED)
    if status:
        from airgap.pki.file_kinds import ocsp_error

        raise FormatError(f"is {ocsp_error(status)}", where="ocsp")
    explicit = fields.maybe(der.context(0))
    fields.end()
    if not explicit:
        raise FormatError("the OCSP response is successful but empty")
    inner = explicit.only("ocsp").fields("ocsp")
    kind = inner.any("responseType").oid("ocsp.responseType")
    content = inner.any("response").octets("ocsp.response")
    inner.end()
    if kind != BASIC_RESPONSE:
        raise FormatError(f"is {safe(kind, limit=64)}, not a basic OCSP response", where="ocsp.responseType")
    return content


def _responder(element: Element) -> tuple[bytes | None, bytes | None]:
    where = "ocsp.responderID"
    if element.tag == der.context(1):
        name = element.only(where).expect(der.SEQUENCE, where).raw
        parse_maker(name, where=where)
        return name, None
    return None, element.expect(der.context(2), where).only(where).octets(where)


def _certificates(explicit: Element | None) -> tuple[Offered, bool]:
    """Those that can be read, and whether these are all. Raises FormatError."""
    if explicit is None:
        return Offered(()), True
    items = explicit.only("ocsp.certs").expect(der.SEQUENCE, "ocsp.certs").children()
    if len(items) > limits.TOKEN_CERTIFICATES:
        raise LimitError(f"has {len(items)} certificates, more than {limits.TOKEN_CERTIFICATES}", where="ocsp.certs")
    found: list[Certificate] = []
    for item in items:
        with suppress(FormatError):
            found.append(Certificate.parse(item.raw))
    return Offered(tuple(found)), len(found) == len(items)
