"""The roots that an operator may name for a timestamping authority (CLI-4, TSACH-5), and what signing asks of it."""

from __future__ import annotations

import pytest

from airgap.errors import UsageError
from airgap.guard import no_network
from airgap.pki.certificate import Certificate
from airgap.signature.timestamper import timestamp_anchors, token_about
from tests.support.pki import Pki, issue
from tests.support.tsa import token

TSA = Pki().tsa_chain()


def refused(**files: bytes) -> str:
    with pytest.raises(UsageError) as caught:
        timestamp_anchors(files)
    return str(caught.value)


def test_accepts_one_root_in_each_file() -> None:
    other = Pki().tsa_chain(root={"slot": 3}).root
    anchors = timestamp_anchors({"a": TSA.root.pem, "b": other.der})
    assert {certificate.fingerprint for certificate in anchors} == {TSA.root.fingerprint, other.fingerprint}


def test_several_in_one_file_are_refused() -> None:
    assert "holds 2 certificates" in refused(a=TSA.root.pem + TSA.chain[1].pem)


def test_an_intermediate_is_refused() -> None:
    assert "not self-signed" in refused(a=TSA.chain[1].pem)


def test_refuses_other_certificates() -> None:
    """TSACH-5: no chain can end in it."""
    assert "no CA certificate" in refused(a=issue("tsa").pem)


@pytest.mark.parametrize("data", [b"", b"rubbish", TSA.root.pem[:-60]])
def test_names_an_unreadable_file(data: bytes) -> None:
    assert refused(**{"the-file": data}).startswith("the-file")


def test_off_8_the_authoritys_revocation_is_not_asked_for_while_signing() -> None:
    """Nor is it needed: every verifier judges it, at its own moment."""
    issued = Pki().tsa_chain(tsa={"crl_urls": ["http://crl.example/tsa.crl"]})
    anchors = timestamp_anchors({"root": issued.root.pem})

    class Authority:
        def __init__(self) -> None:
            self.anchors = anchors

        def timestamp(self, signature_value: bytes, hash_name: str) -> bytes:
            return token(issued, signature_value, imprint_hash=hash_name)

    signing = tuple(Certificate.parse(item.der) for item in Pki().code_chain().chain)
    with no_network() as guard:
        _, timestamp = token_about(Authority(), b"a signature value", "sha256", signing)
    assert timestamp.chain[0].der == issued.der
    assert guard.attempts == 0
