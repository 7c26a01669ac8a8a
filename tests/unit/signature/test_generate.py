"""Test keys: valid chains that cannot be mistaken for real ones."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization

from airgap.errors import UsageError
from airgap.pki.certificate import Offered
from airgap.pki.certificate_files import load_certificates
from airgap.pki.chain import check_code_signing_chain, check_validity
from airgap.signature import generate
from airgap.signature.formats import KeyKind
from airgap.signature.generate import KINDS, generate_throwaway
from airgap.signature.signer import PrivateKey
from tests.support.keyring import key
from tests.support.pki import AT

KIND_OF = {"RSA-2048": "rsa2048", "RSA-3072": "rsa3072", "RSA-4096": "rsa4096"}


@pytest.fixture(autouse=True)
def pooled_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """RSA keys take seconds to make; that new ones are made is the business of one test."""
    made = generate.new_key

    def pooled(family: str, bits: int) -> PrivateKey:
        found = key(KIND_OF[f"RSA-{bits}"], 1) if family == "RSA" else made(family, bits)
        assert isinstance(found, PrivateKey)
        return found

    monkeypatch.setattr(generate, "new_key", pooled)


def test_the_kinds_have_names_for_all_rows_of_the_table() -> None:
    assert tuple(kind.key_spec for kind in KeyKind) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_the_chain_may_sign(kind: str) -> None:
    """All six kinds of table ALG; CHAIN-1 to CHAIN-15."""
    made = generate_throwaway("demo", kind=kind, at=AT, days=30)
    chain = load_certificates(made.chain)
    check_code_signing_chain(Offered(chain))
    check_validity(chain, AT)
    check_validity(chain, made.not_after)
    assert chain[0].algorithm is not None
    assert chain[0].algorithm.key_spec == kind
    assert made.not_after == AT + timedelta(days=30)
    assert load_certificates(made.root) == chain[1:]


def test_every_name_contains_test() -> None:
    for certificate in load_certificates(generate_throwaway("demo", kind="EC-256", at=AT, days=1).chain):
        assert certificate.subject_text.count("TEST") >= 3
        assert certificate.issuer_text.count("TEST") >= 3


def test_the_subject_can_be_a_trusted_identity() -> None:
    """Section 7.5: country, state and organization are needed."""
    subject = generate_throwaway("demo", kind="EC-256", at=AT, days=1).subject
    assert all(part in subject for part in ("C=XX", "ST=TEST", "O=TEST KEY of airgap"))


def test_the_key_is_encrypted_where_a_pass_phrase_is_given() -> None:
    made = generate_throwaway("demo", kind="EC-256", at=AT, days=1, pass_phrase=b"word")
    assert b"ENCRYPTED" in made.key
    with pytest.raises(TypeError):
        serialization.load_pem_private_key(made.key, None)
    assert isinstance(serialization.load_pem_private_key(made.key, b"word"), PrivateKey)
    assert b"PRIVATE" not in repr(made).encode()


def test_generated_keys_differ() -> None:
    made = {generate_throwaway("demo", kind="EC-256", at=AT, days=1).key for _ in range(3)}
    assert len(made) == 3


@pytest.mark.parametrize("kind", ["RSA-1024", "EC-224", "Ed25519", ""])
def test_another_kind_is_refused(kind: str) -> None:
    with pytest.raises(UsageError, match="RSA-2048"):
        generate_throwaway("demo", kind=kind, at=AT, days=1)


@pytest.mark.parametrize("days", [0, -1, 3651])
def test_the_validity_is_bounded(days: int) -> None:
    with pytest.raises(UsageError):
        generate_throwaway("demo", kind="EC-256", at=AT, days=days)
