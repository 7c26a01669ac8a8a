"""OCSP requests for one certificate (RFC 6960, 4.1; OCSP-2).

They have no nonce, because responders send answers that were signed in advance, and no signature. SHA-1 identifies the
issuer, as responders expect (RFC 5019, 2.1.1). It need not be secure: the answer is signed, and its CertID is compared.
"""

from __future__ import annotations

from airgap.hashing import digest
from airgap.parse import der
from airgap.pki import digests
from airgap.pki.certificate import Certificate


def ocsp_request(certificate: Certificate, issuer: Certificate, *, hash_name: str = "sha1") -> bytes:
    """The DER of a request about `certificate`; `hash_name`: sha1, sha256, sha384 or sha512."""
    identifier = der.sequence(
        digests.hash_algorithm(hash_name),
        der.octet_string(digest(hash_name, issuer.subject)),
        der.octet_string(digest(hash_name, issuer.public_key_bits)),
        der.integer(certificate.serial),
    )
    return der.sequence(der.sequence(der.sequence(der.sequence(identifier))))
