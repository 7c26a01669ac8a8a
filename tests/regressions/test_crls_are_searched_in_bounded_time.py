"""An unsigned CRL on a medium, with which a verify took hours."""

from __future__ import annotations

from time import process_time

from airgap.pki.certificate import Certificate
from airgap.pki.crl import Crl
from tests.support import asn1
from tests.support.crls import CERTIFICATE_ISSUER, crl, entry, scope
from tests.support.extensions import Extension
from tests.support.pki import Pki


def test_reads_each_entry_once_however_often_it_holds_the_serial_number() -> None:
    leaf = Pki().code_chain()
    full = Extension("1.2.3.4", asn1.oid(CERTIFICATE_ISSUER) * 400_000)
    told = entry(leaf.serial, certificate_issuer=leaf.chain[1].subject)
    data = crl(leaf.root, scope=scope(indirect=True), revoked=[entry(77, extra=[full]), told])
    began = process_time()
    assert len(Crl.parse(data).entries(Certificate.parse(leaf.der))) == 1
    assert process_time() - began < 5
