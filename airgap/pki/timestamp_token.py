"""RFC 3161 timestamp tokens: a signature value existed at a time (requirements/timestamps.md).

A token is a CMS SignedData around a TSTInfo. `TimestampToken.parse` reads it. `TimestampToken.verify` makes all checks
except two: the verifier checks the revocation of the authority's chain (TS-27), and `check_within` compares the time
with the validity of the signing certificates (TS-26). Only the anchors of the operator are trusted; a root in the token
has no effect.

Decisions: PKCS#1 v1.5 is accepted beside PSS and ECDSA, because real authorities use it (D29). Any SHA-2 hash is
accepted for the imprint, and is stated so that the verifier can warn (D30). BER is refused (see airgap.parse.der).
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, NoReturn, Self

from airgap import limits
from airgap.errors import FormatError, LimitError, Rejected
from airgap.hashing import SHA2, digest
from airgap.parse import der
from airgap.parse.der import Element
from airgap.parse.time import iso
from airgap.pki.algorithms import SignatureScheme, UnverifiedError, signature_scheme, verify_identified, verify_scheme
from airgap.pki.certificate import Certificate, Offered
from airgap.pki.chain import Anchors, check_validity, timestamping_chains
from airgap.pki.cms import CONTENT_TYPE, MESSAGE_DIGEST, SIGNED_DATA, SIGNING_TIME, SignedData, SignerInfo
from airgap.pki.digests import hash_identifier
from airgap.pki.native import guarded
from airgap.pki.tst_info import TST_INFO, TstInfo
from airgap.text import safe

SIGNING_CERTIFICATE: Final = "1.2.840.113549.1.9.16.2.12"
SIGNING_CERTIFICATE_V2: Final = "1.2.840.113549.1.9.16.2.47"
_DIRECTORY_NAME: Final = der.context(4)
# RFC 3370, 3.2: CMS writers may name only the key algorithm; the hash is then the digestAlgorithm of the signer
_BARE_RSA: Final = frozenset({der.sequence(der.oid("1.2.840.113549.1.1.1"), tail) for tail in (der.null(), b"")})


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedTimestamp:
    """A token that passed every check of `TimestampToken.verify`."""

    info: TstInfo
    chain: tuple[Certificate, ...]
    """The authority's certificate first, an anchor last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampToken:
    """One unverified token."""

    info: TstInfo
    certificates: Offered = field(repr=False)
    evidence: tuple[bytes, ...] = field(repr=False)
    """CRLs and OCSP responses that the authority put in (D51), not read."""
    signers: tuple[SignerInfo, ...] = field(repr=False)
    _content: bytes = field(repr=False)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The token that `data` (DER) holds. Raises FormatError, nothing else."""
        if len(data) > limits.TOKEN_BYTES:
            raise LimitError(f"the timestamp token has {len(data)} bytes, more than {limits.TOKEN_BYTES}")
        whole = der.read(data, "timestamp")
        whole.check_inside()
        fields = whole.fields("timestamp")
        first = fields.peek()
        if first and first.tag == der.SEQUENCE:  # TS-10: not a whole response
            raise FormatError(
                "the timestamp is a whole TimeStampResp, the authority's answer, instead of the token inside it"
            )
        content_type = fields.any("contentType").oid("timestamp.contentType")
        if content_type != SIGNED_DATA:
            raise FormatError(f"is {safe(content_type, limit=64)}, not signed data", where="timestamp.contentType")
        explicit = fields.take(der.context(0), "content")
        fields.end()
        signed = SignedData.parse(explicit.only("timestamp.content"))
        if signed.content_type != TST_INFO:  # TS-17: the content of a token
            raise FormatError(
                f"is {safe(signed.content_type, limit=64)}, not TSTInfo",
                where="signedData.encapContentInfo.eContentType",
            )
        return cls(
            info=TstInfo.parse(signed.content),
            certificates=signed.certificates,
            evidence=signed.evidence,
            signers=signed.signers,
            _content=signed.content,
        )

    def verify(self, signature_value: bytes, anchors: Anchors) -> tuple[VerifiedTimestamp, ...]:
        """Checks that an authority below `anchors` made the token about `signature_value`.

        Returns it once for each valid signer and each chain of that, in an order that is not that of the token; one
        is enough (decision 0012). Raises Rejected (timestamp.*, chain.extension) if there is none.
        """
        self.check_imprint(signature_value)
        if not self.signers:
            raise Rejected("timestamp.signer", "the timestamp token has no signer")
        refusals: list[Rejected] = []
        chains: dict[tuple[Certificate, ...], None] = {}
        for signer in self.signers:
            try:
                chains |= dict.fromkeys(self._verify_signer(signer, anchors))
            except Rejected as error:
                refusals.append(error)
            except FormatError as error:
                refusals.append(Rejected("timestamp.malformed", f"the timestamp token is malformed: {error}"))
        if not chains:
            raise refusals[0]
        ordered = sorted(chains, key=lambda chain: (len(chain), [item.fingerprint for item in chain]))
        return tuple(VerifiedTimestamp(info=self.info, chain=chain) for chain in ordered)

    def stated_signers(self) -> tuple[Certificate, ...]:
        """The certificates that its signers name as theirs, as `verify` finds them; not verified."""
        found: dict[Certificate, None] = {}
        for signer in self.signers:
            with suppress(FormatError, Rejected):
                found[self._signing_certificate(signer)] = None
        return tuple(found)

    def check_imprint(self, signature_value: bytes) -> None:
        """Checks that the token is about `signature_value` (TS-11, TS-12). Raises Rejected (timestamp.*)."""
        name = self.info.imprint_hash
        if name not in SHA2:  # TS-12: SHA-2 only
            _refuse_hash("imprint", name)
        if not hmac.compare_digest(digest(name, signature_value), self.info.imprint):
            raise Rejected(
                "timestamp.imprint",
                f"the timestamp token is about other bytes than this signature value ({name} differs)",
                hash=name,
            )

    def _verify_signer(self, signer: SignerInfo, anchors: Anchors) -> Sequence[tuple[Certificate, ...]]:
        """The chains of a valid signer. Raises Rejected, FormatError."""
        self._check_attributes(signer)
        certificate = self._signing_certificate(signer)
        _check_signature(signer, certificate)
        chains = timestamping_chains(certificate, self.certificates, anchors, at=self.info.gen_time)
        return _in_signing_time(signer, chains)

    def _check_attributes(self, signer: SignerInfo) -> None:
        """Checks that signed attributes bind the content with SHA-2 (TS-19)."""
        if signer.digest_name not in SHA2:
            _refuse_hash("signer's digest", signer.digest_name)
        if signer.signed is None:
            _refuse_attributes("has no signed attributes")
        content_type = signer.attribute(CONTENT_TYPE, "contentType")
        if content_type is None:
            _refuse_attributes("has no signed attribute contentType")
        if (oid := content_type.oid("signedAttrs.contentType")) != TST_INFO:
            _refuse_attributes(f"has {safe(oid, limit=64)} as signed contentType, not TSTInfo")
        message_digest = signer.attribute(MESSAGE_DIGEST, "messageDigest")
        if message_digest is None:
            _refuse_attributes("has no signed attribute messageDigest")
        stated = message_digest.octets("signedAttrs.messageDigest")
        if not hmac.compare_digest(stated, digest(signer.digest_name, self._content)):
            _refuse_attributes("has a signed messageDigest that is not the digest of its content")

    def _signing_certificate(self, signer: SignerInfo) -> Certificate:
        """The certificate that ESSCertIDv2 and the signer identifier both name (TS-19, TS-20)."""
        if signer.issuer is None or signer.serial is None:
            _refuse_signer("names its signer by key identifier; only issuer and serial number are supported")
        if signer.version != 1:
            _refuse_signer(f"has a signer of version {signer.version}, not 1")
        attribute = signer.attribute(SIGNING_CERTIFICATE_V2, "signingCertificateV2")
        if attribute is None:
            if SIGNING_CERTIFICATE in signer.attributes:
                _refuse_signer("names its signing certificate by SHA-1 only (signing-certificate of version 1)")
            _refuse_signer("does not name its signing certificate (signing-certificate-v2 is missing)")
        name, certificate_hash, issuer, serial = _ess_certificate(attribute)
        if name not in SHA2:
            _refuse_hash("signing-certificate-v2", name)
        for certificate in self.certificates:
            if hmac.compare_digest(digest(name, certificate.der), certificate_hash):
                break
        else:
            _refuse_signer("does not hold the certificate that its signing-certificate-v2 names")
        if issuer is not None and (issuer, serial) != (certificate.issuer, certificate.serial):
            _refuse_signer("has a signing-certificate-v2 whose issuerSerial is another certificate's")
        if (signer.issuer, signer.serial) != (certificate.issuer, certificate.serial):
            _refuse_signer("names another certificate as signer than its signing-certificate-v2")
        return certificate


def check_within(timestamp: VerifiedTimestamp, chain: Sequence[Certificate]) -> None:
    """Checks that the range of the timestamp is within the validity of every certificate, bounds included (TS-26).

    Raises Rejected("timestamp.range").
    """
    earliest, latest = timestamp.info.earliest, timestamp.info.latest
    for certificate in chain:
        if not certificate.valid_between(earliest, latest):
            raise Rejected(
                "timestamp.range",
                f"the timestamp [{iso(earliest)}, {iso(latest)}] is not within the validity "
                f"of {safe(certificate.subject_text)!r}, [{iso(certificate.not_before)}, "
                f"{iso(certificate.not_after)}]",
                certificate=safe(certificate.subject_text),
                earliest=iso(earliest),
                latest=iso(latest),
            )


def _ess_certificate(attribute: Element) -> tuple[str, bytes, bytes | None, int | None]:
    """Hash name, hash, and issuer and serial (or None) of the first ESSCertIDv2 (RFC 5035, 3)."""
    where = "signingCertificateV2"
    fields = attribute.fields(where)
    identifiers = fields.take(der.SEQUENCE, "certs").children()
    fields.maybe(der.SEQUENCE)  # policies
    fields.end()
    if not identifiers:
        raise FormatError("is empty", where=f"{where}.certs")
    first = identifiers[0].fields(f"{where}.certs")
    algorithm = first.maybe(der.SEQUENCE)
    name = hash_identifier(algorithm, f"{where}.hashAlgorithm") if algorithm else "sha256"
    certificate_hash = first.any("certHash").octets(f"{where}.certHash")
    issuer_serial = first.maybe(der.SEQUENCE)
    first.end()
    if issuer_serial is None:
        return name, certificate_hash, None, None
    inner = issuer_serial.fields(f"{where}.issuerSerial")
    issuer = inner.take(der.SEQUENCE, "issuer").only(f"{where}.issuer").expect(_DIRECTORY_NAME, f"{where}.issuer")
    serial = inner.any("serialNumber").integer(f"{where}.serialNumber")
    inner.end()
    return name, certificate_hash, issuer.only(f"{where}.issuer").raw, serial


def _check_signature(signer: SignerInfo, certificate: Certificate) -> None:
    """Checks the signature: RSA or ECDSA, with SHA-2 (TS-21)."""
    key, signature, signed = certificate.public_key, signer.signature, signer.signed or b""
    scheme = signature_scheme(signer.signature_algorithm)
    if scheme and scheme.family == "RSASSA-PSS" and scheme.hash_name != signer.digest_name:  # RFC 4056, 3
        raise Rejected(
            "timestamp.signature",
            f"the timestamp token is not valid: its signature is made with {scheme.name}, and its signer states the "
            f"digest {signer.digest_name}",
        )
    try:
        if signer.signature_algorithm in _BARE_RSA:
            guarded(verify_scheme, SignatureScheme("RSASSA-PKCS1-v1_5", signer.digest_name), key, signature, signed)
        else:
            guarded(verify_identified, signer.signature_algorithm, key, signature, signed)
    except UnverifiedError as error:
        raise Rejected(
            "timestamp.signature",
            f"the timestamp token is not valid: its signature {error.problem}",
            certificate=safe(certificate.subject_text),
        ) from None


def _in_signing_time(
    signer: SignerInfo, chains: Iterable[tuple[Certificate, ...]]
) -> Sequence[tuple[Certificate, ...]]:
    """Those of the chains in whose validity a stated signing time is (TS-23). Raises Rejected where it is in none."""
    attribute = signer.attribute(SIGNING_TIME, "signingTime")
    if attribute is None:
        return tuple(chains)
    moment = attribute.time("signedAttrs.signingTime")
    kept: list[tuple[Certificate, ...]] = []
    refusals: list[Rejected] = []
    for chain in chains:
        try:
            check_validity(chain, moment)
        except Rejected as error:
            text = f"the timestamp token was signed at {iso(moment)}, by its own account: {error}"
            refusals.append(Rejected("timestamp.validity", text, **error.facts))
        else:
            kept.append(chain)
    if not kept:
        raise refusals[0]
    return kept


def _refuse_hash(what: str, name: str) -> NoReturn:
    raise Rejected(
        "timestamp.hash",
        f"the timestamp token's {what} hash is {safe(name, limit=64)}; only SHA-256, SHA-384 and SHA-512 are accepted",
        hash=safe(name, limit=64),
    )


def _refuse_attributes(problem: str) -> NoReturn:
    raise Rejected("timestamp.attributes", f"the timestamp token {problem}")


def _refuse_signer(problem: str) -> NoReturn:
    raise Rejected("timestamp.signer", f"the timestamp token {problem}")
