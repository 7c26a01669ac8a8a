"""Keys in PKCS #11 tokens, on SoftHSM."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from airgap.errors import UsageError
from airgap.oci.descriptor import COSE_ENVELOPE, JWS_ENVELOPE
from airgap.signature.produce import Draft
from airgap.signature.sealing import seal
from airgap.signature.signer import SigningError
from airgap.signature.token import TokenSigner, open_token_signer
from tests.support.envelopes import PAYLOAD, SIGNED_AT
from tests.support.keyring import key
from tests.support.pki import Issued, Pki
from tests.support.softhsm import PIN, Token, library, make_token

KINDS = ("rsa2048", "rsa3072", "rsa4096", "p256", "p384", "p521")
DRAFT = Draft(payload=PAYLOAD, signing_time=SIGNED_AT)


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Token]:
    """One token with every kind of key; the library reads its configuration once in a process."""
    library()
    folder = tmp_path_factory.mktemp("softhsm")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    try:
        made = make_token(folder)
        for number, kind in enumerate(KINDS, 1):
            made.add(kind, leaf_of(kind).key, number)
        yield made
    finally:
        if before is None:
            del os.environ["SOFTHSM2_CONF"]
        else:
            os.environ["SOFTHSM2_CONF"] = before


def leaf_of(kind: str) -> Issued:
    return Pki().code_chain(kind)


def chain_file(folder: Path, leaf: Issued) -> Path:
    path = folder / "chain.pem"
    path.write_bytes(b"".join(item.pem for item in leaf.chain))
    return path


def pin(_name: str) -> bytes:
    return PIN.encode()


def opened(token: Token, folder: Path, label: str, leaf: Issued) -> TokenSigner:
    return open_token_signer(token.uri(label), chain_file(folder, leaf), pin)


@pytest.mark.parametrize("media_type", [JWS_ENVELOPE, COSE_ENVELOPE], ids=["jws", "cose"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_token_signs_with_every_key(token: Token, tmp_path: Path, kind: str, media_type: str) -> None:
    """ALG-1, JWS-41, JWS-42: sealed, so every rule on envelopes holds."""
    leaf = leaf_of(kind)
    sealed = seal(DRAFT, opened(token, tmp_path, kind, leaf), media_type=media_type)
    assert [certificate.der for certificate in sealed.envelope.certificates] == [item.der for item in leaf.chain]


def test_a_key_is_found_by_its_id(token: Token, tmp_path: Path) -> None:
    uri = f"pkcs11:token=site;id=%04?module-path={token.library}"
    assert open_token_signer(uri, chain_file(tmp_path, leaf_of("p256")), pin).sign(b"abc")


def test_the_pin_comes_from_the_file_that_the_uri_names(token: Token, tmp_path: Path) -> None:
    path = tmp_path / "pin"
    path.write_text(f"{PIN}\n")
    path.chmod(0o600)
    uri = f"{token.uri('p256')}&pin-source=file:{path}"
    assert open_token_signer(uri, chain_file(tmp_path, leaf_of("p256")), lambda _: None).sign(b"abc")


def test_accepts_the_library_as_an_option(token: Token, tmp_path: Path) -> None:
    chain = chain_file(tmp_path, leaf_of("p256"))
    uri = "pkcs11:token=site;object=p256"
    assert open_token_signer(uri, chain, pin, module=token.library).sign(b"abc")
    with pytest.raises(UsageError, match="not known which library"):
        open_token_signer(uri, chain, pin)


def test_without_a_pin_the_token_is_not_touched(token: Token, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no PIN for the key 'p256' of the token 'site'"):
        open_token_signer(token.uri("p256"), chain_file(tmp_path, leaf_of("p256")), lambda _: None)


def test_a_wrong_pin_is_reported_without_the_pin(token: Token, tmp_path: Path) -> None:
    signer = open_token_signer(token.uri("p256"), chain_file(tmp_path, leaf_of("p256")), lambda _: b"9999")
    with pytest.raises(SigningError, match="the PIN is wrong") as caught:
        signer.sign(b"abc")
    assert "9999" not in f"{caught.value}{caught.value.facts}{signer!r}"


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("pkcs11:token=elsewhere;object=p256", "there is no such token"),
        ("pkcs11:token=site;object=nothing", "there is no such private key"),
    ],
)
def test_reports_a_missing_token_or_key(token: Token, tmp_path: Path, uri: str, says: str) -> None:
    signer = open_token_signer(uri, chain_file(tmp_path, leaf_of("p256")), pin, module=token.library)
    with pytest.raises(SigningError, match=says):
        signer.sign(b"abc")


def test_refuses_a_file_that_is_not_a_library(token: Token, tmp_path: Path) -> None:
    other = tmp_path / "lib.so"
    other.write_bytes(b"no library")
    signer = open_token_signer(
        "pkcs11:token=site;object=p256", chain_file(tmp_path, leaf_of("p256")), pin, module=other
    )
    with pytest.raises(SigningError, match=r"the key 'p256' of the token 'site' cannot be used: .*lib\.so"):
        signer.sign(b"abc")


def test_refuses_another_key_than_that_of_the_certificate(token: Token, tmp_path: Path) -> None:
    """The same kind, and another key: found out before anything is sealed."""
    leaf = Pki().code_chain(leaf={"key": key("p256", 6)})
    with pytest.raises(SigningError, match="is not the key of the first certificate"):
        opened(token, tmp_path, "p256", leaf).sign(b"abc")


@pytest.mark.parametrize(("label", "kind"), [("p256", "rsa2048"), ("rsa2048", "p256"), ("p384", "p256")])
def test_refuses_another_kind_of_key_than_that_of_the_certificate(
    token: Token, tmp_path: Path, label: str, kind: str
) -> None:
    with pytest.raises(SigningError):
        opened(token, tmp_path, label, leaf_of(kind)).sign(b"abc")


def test_refuses_a_certificate_whose_key_may_not_sign(token: Token, tmp_path: Path) -> None:
    """ALG-1."""
    with pytest.raises(UsageError, match="may not sign"):
        opened(token, tmp_path, "p256", leaf_of("secp256k1"))
