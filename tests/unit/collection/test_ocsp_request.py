"""What an OCSP responder is asked; cryptography reads it as a second reader."""

from __future__ import annotations

import pytest
from cryptography.x509 import ocsp

from airgap.collection.asking import ocsp_request
from airgap.pki.certificate import Certificate
from tests.support.pki import Pki

LEAF, CA, _ = Pki().code_chain().chain


@pytest.mark.parametrize("hash_name", ["sha1", "sha256"])
def test_asks_about_this_certificate_of_this_issuer(hash_name: str) -> None:
    """RFC 6960, 4.1.1."""
    made = ocsp_request(Certificate.parse(LEAF.der), Certificate.parse(CA.der), hash_name=hash_name)
    read = ocsp.load_der_ocsp_request(made)
    model = ocsp.OCSPRequestBuilder().add_certificate(LEAF.x509, CA.x509, read.hash_algorithm).build()
    assert read.hash_algorithm.name == hash_name
    assert (read.serial_number, read.issuer_name_hash, read.issuer_key_hash) == (
        model.serial_number,
        model.issuer_name_hash,
        model.issuer_key_hash,
    )


def test_has_no_nonce() -> None:
    """OCSP-2: responders answer from what they signed in advance."""
    read = ocsp.load_der_ocsp_request(ocsp_request(Certificate.parse(LEAF.der), Certificate.parse(CA.der)))
    assert list(read.extensions) == []
