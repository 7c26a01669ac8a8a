"""What doors and corpus share: one signing chain, one timestamping chain, made once for each process.

The private keys are those of tests/support/keys, public and worthless; so what one process has made verifies in the
next.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from airgap.oci.digest import Digest
from airgap.trust.snapshots.material import MaterialFile, part_of
from airgap.trust.snapshots.snapshot_document import Built, Covered
from tests.support.crls import NEXT_UPDATE, THIS_UPDATE
from tests.support.pki import AT, Issued, Pki
from tests.support.scenario import SIGNING_CRL, TSA_CRL, chain_with_crls

__all__ = ["AT", "NONCE", "SIGNATURE_VALUE", "authority", "leaf", "snapshot"]

SIGNATURE_VALUE: Final = b"a signature value"
NONCE: Final = 0x1122334455667788


@cache
def leaf() -> Issued:
    """Signs; its chain has three certificates that name CRLs."""
    return chain_with_crls(Pki().code_chain, "leaf", SIGNING_CRL)


@cache
def authority() -> Issued:
    """Timestamps, likewise."""
    return chain_with_crls(Pki().tsa_chain, "tsa", TSA_CRL)


@cache
def snapshot() -> Built:
    """A trust snapshot of three files that are not in the trust directory."""
    paths = ("trustpolicy.oci.json", "truststore/x509/ca/harbour/root.pem", "crls/signing.crl")
    covered = Covered(
        file=paths[2], kind="crl", issuer="CN=Harbour", number=7, this_update=THIS_UPDATE, next_update=NEXT_UPDATE
    )
    return Built.of(
        [MaterialFile(path=path, part=part_of(path), digest=Digest.of(path.encode()), size=1) for path in paths],
        stream="default",
        number=3,
        created=AT,
        use_by=NEXT_UPDATE,
        coverage=[covered],
    )
