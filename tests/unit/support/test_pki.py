"""The certificate builder: what it calls valid is what cryptography reads and chains."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support import extensions, names
from tests.support.extensions import BasicConstraints, KeyUsage, Point
from tests.support.keyring import POOL_SIZES, key
from tests.support.pki import Issued, Pki, issue, write_trust


def _check_links(leaf: Issued) -> None:
    for child, parent in zip(leaf.chain, leaf.chain[1:], strict=False):
        child.x509.verify_directly_issued_by(parent.x509)
    leaf.root.x509.verify_directly_issued_by(leaf.root.x509)


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_default_chains_are_issued_link_by_link_with_distinct_keys(depth: int) -> None:
    for leaf in (Pki().code_chain(depth=depth), Pki().tsa_chain(depth=depth)):
        assert len(leaf.chain) == depth
        _check_links(leaf)
        assert len({item.serial for item in leaf.chain}) == depth
        assert len({item.subject for item in leaf.chain}) == depth


@pytest.mark.parametrize("kind", sorted(POOL_SIZES))
def test_every_kind_of_key_can_be_certified(kind: str) -> None:
    leaf = Pki().code_chain(kind)
    _check_links(leaf)
    assert leaf.x509.public_key() == key(kind, 2 % POOL_SIZES[kind]).public_key()


@pytest.mark.parametrize("kind", ["rsa2048", "p384"])
@pytest.mark.parametrize("hash_name", ["sha1", "sha384"])
def test_signature_hash_is_what_was_asked_for(kind: str, hash_name: str) -> None:
    certificate = issue("leaf", issuer=issue("root", key=kind), hash_name=hash_name).x509
    assert hash_name in certificate.signature_algorithm_oid._name.lower().replace("-", "")


def test_pss_signature_verifies() -> None:
    root = issue("root", key="rsa2048", pss=True)
    _check_links(issue("leaf", issuer=root, pss=True))


def test_a_2047_bit_key_has_2047_bits() -> None:
    public = issue("leaf", key="rsa2047", issuer=issue("root")).x509.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    assert public.key_size == 2047


def test_deviations_are_applied_and_none_omits_an_extension() -> None:
    certificate = issue(
        "leaf",
        issuer=issue("root"),
        key_usage=KeyUsage(("digitalSignature", "decipherOnly", "keyAgreement"), critical=False),
        basic_constraints=BasicConstraints(ca=True, path_length=0, critical=False),
        extended_key_usage=None,
        ocsp_urls=["http://ocsp.example"],
        points=[Point(("http://a.example/1.crl", "http://b.example/1.crl"), reasons=("keyCompromise",))],
        freshest=[Point(("http://a.example/delta.crl",))],
        extra=[extensions.UNKNOWN_CRITICAL],
    ).x509
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert not usage.critical
    assert usage.value.decipher_only
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.value.ca, constraints.value.path_length, constraints.critical) == (True, 0, False)
    with pytest.raises(x509.ExtensionNotFound):
        certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    (point,) = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert point.reasons == frozenset({x509.ReasonFlags.key_compromise})
    assert point.full_name is not None
    assert len(point.full_name) == 2
    assert certificate.extensions.get_extension_for_class(x509.FreshestCRL).value
    assert certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    assert any(item.critical for item in certificate.extensions if isinstance(item.value, x509.UnrecognizedExtension))


def test_names_may_repeat_types_and_join_them() -> None:
    subject = names.name(("C", "US"), ("OU", "a"), ("OU", "b"), [names.Attribute("O", "x"), names.Attribute("CN", "y")])
    rdns = issue("root", subject=subject).x509.subject.rdns
    assert [len(list(rdn)) for rdn in rdns] == [1, 1, 1, 2]


def test_unknown_deviation_is_an_error() -> None:
    with pytest.raises(TypeError, match="keyUsage"):
        issue("leaf", keyUsage=None)


def test_trust_directory_is_written_in_the_shape_of_notation(tmp_path: Path) -> None:
    root = issue("root")
    trust = write_trust(tmp_path / "t", stores={"ca:harbour": [root]}, crls={"a.crl": b"x"}, crl_index={"u": "a.crl"})
    assert (trust / "trustpolicy.oci.json").exists()
    assert (trust / "truststore/x509/ca/harbour/0.pem").read_bytes() == root.pem
    assert (trust / "crls/index.json").exists()
