"""Doors of DER: certificates, CRLs, OCSP responses, timestamp tokens."""

from __future__ import annotations

from functools import cache
from typing import Final

from airgap.parse import der
from airgap.pki.certificate import Certificate, Offered, verify_issued
from airgap.pki.certificate_files import load_certificates
from airgap.pki.chain import Anchors, check_code_signing_chain
from airgap.pki.crl import Crl
from airgap.pki.crl_facts import read_facts
from airgap.pki.ocsp import OcspResponse
from airgap.pki.timestamp_token import TimestampToken
from airgap.pki.tsp import TimestampQuery, read_response
from fuzz import material
from fuzz.doors.law import refusable, same

_PEM: Final = b"-----BEGIN"
_PRIMITIVE: Final = {der.INTEGER: ("integer", der.integer), der.OID: ("oid", der.oid)}


def der_elements(data: bytes) -> None:
    """Every element of a DER structure; lengths, numbers and identifiers have one spelling."""
    with refusable():
        top = der.read(data)
        same(top.raw, data, "the bytes of the outermost element")
        _walk(top)


def _walk(element: der.Element) -> None:
    same(der.tlv(element.tag, element.value), element.raw, "an element, written again")
    with refusable():
        if element.tag == der.INTEGER:
            same(der.integer(element.integer()), element.raw, "an INTEGER, written again")
        if element.tag == der.OID:
            same(der.oid(element.oid()), element.raw, "an OBJECT IDENTIFIER, written again")
    if element.tag & 0x20:
        for inner in element.walk():
            _walk(inner)
    else:
        for read in (element.boolean, element.bits, element.octets, element.flags, element.time):
            with refusable():
                read()


@cache
def _issuers() -> tuple[Certificate, ...]:
    return tuple(Certificate.parse(item.der) for item in (*material.leaf().chain, *material.authority().chain))


def certificate(data: bytes) -> None:
    """One certificate, alone and as a chain of one or two."""
    with refusable():
        found = Certificate.parse(data)
        same(found.der, data, "the certificate's bytes")
        for issuer in _issuers():
            with refusable():
                verify_issued(found, issuer)
        with refusable():
            check_code_signing_chain(Offered((found,)))
        with refusable():
            check_code_signing_chain(Offered((found, *_issuers()[1:3])))


def store_file(data: bytes) -> None:
    """A file of a trust store: one certificate as DER, or any number as PEM."""
    with refusable():
        found = load_certificates(data)
        if not data.lstrip().startswith(_PEM):
            same(b"".join(item.der for item in found), data, "the certificates' bytes")


def crl(data: bytes) -> None:
    """A CRL, its header alone and the whole, and whether an issuer of the corpus signed it."""
    with refusable():
        header = read_facts(data)
        found = Crl.parse(data)
        same((header.issuer, header.this_update), (found.issuer, found.this_update), "header and whole")
        same(header.is_delta, found.base_number is not None, "whether it is a delta CRL")
        for certificate in _issuers():
            with refusable():
                found.entries(certificate)
            with refusable():
                found.check_covers(certificate, None)
            with refusable():
                found.verify_signed_by(certificate)


def ocsp(data: bytes) -> None:
    """An OCSP response, and whether an issuer of the corpus signed it."""
    with refusable():
        found = OcspResponse.parse(data)
        for issuer in _issuers():
            found.find(_issuers()[0], issuer)
            with refusable():
                found.verify_signed_for(issuer, at=material.AT)


@cache
def _tsa_anchors() -> Anchors:
    return Anchors.of({"tsa:harbour": [Certificate.parse(material.authority().root.der)]})


def token(data: bytes) -> None:
    """An RFC 3161 timestamp token, judged under the corpus' own root."""
    with refusable():
        found = TimestampToken.parse(data)
        found.verify(material.SIGNATURE_VALUE, _tsa_anchors())


def tsa_answer(data: bytes) -> None:
    """What a timestamping authority answers; the token comes out as it is in the answer."""
    query = TimestampQuery.about(material.SIGNATURE_VALUE, "sha256", nonce=material.NONCE)
    with refusable():
        same(read_response(data, query) in data, True, "the token is a part of the answer")  # noqa: FBT003
