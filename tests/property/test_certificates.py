"""Laws of certificates and chains that hold for whatever bytes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509 import verification
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airgap.errors import FormatError, Rejected
from airgap.pki.algorithms import UnusableKey
from airgap.pki.certificate import Certificate, Offered, verify_issued
from airgap.pki.certificate_files import load_certificates
from airgap.pki.chain import Anchors, check_code_signing_chain, timestamping_chains
from tests.support import extensions, names
from tests.support.extensions import BasicConstraints, Point
from tests.support.pki import AT, Pki, issue

ROOT = issue("root", key="rsa2048")
LEAF = issue(
    "leaf",
    issuer=ROOT,
    ocsp_urls=["http://ocsp.test"],
    points=[Point(("http://crl.test/1.crl",), reasons=("keyCompromise",))],
    extra=[extensions.policies("1.2.3.4"), extensions.permitted_names(extensions.directory_name(names.parse("C=US")))],
)
_UNREAD = x509.UnsupportedGeneralNameType
FLIPS = st.tuples(st.integers(0, len(LEAF.der) - 1), st.integers(1, 255))


def flipped(data: bytes, *flips: tuple[int, int]) -> bytes:
    changed = bytearray(data)
    for position, bits in flips:
        changed[position] ^= bits
    return bytes(changed)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_certificate_or_a_format_error(data: bytes) -> None:
    for parse in (Certificate.parse, load_certificates):
        with pytest.raises(FormatError):
            parse(data)


@given(FLIPS)
def test_a_certificate_with_one_changed_byte_is_never_accepted(flip: tuple[int, int]) -> None:
    """What the signature covers and the signature itself: nothing in a certificate is free to change."""
    try:
        certificate = Certificate.parse(flipped(LEAF.der, flip))
    except FormatError:
        return
    with pytest.raises(Rejected):
        verify_issued(certificate, Certificate.parse(ROOT.der))


@given(FLIPS)
def test_a_chain_with_one_changed_byte_is_never_accepted(flip: tuple[int, int]) -> None:
    try:
        leaf = Certificate.parse(flipped(LEAF.der, flip))
    except FormatError:
        return
    with pytest.raises(Rejected):
        check_code_signing_chain(Offered((leaf, Certificate.parse(ROOT.der))))


@given(st.lists(FLIPS, min_size=1, max_size=3))
@example([(223, 1)])  # the curve's identifier
@settings(max_examples=80)
def test_two_readers_agree_on_accepted_certificates(flips: list[tuple[int, int]]) -> None:
    """cryptography as second reader of damaged certificates."""
    data = flipped(LEAF.der, *flips)
    try:
        ours = Certificate.parse(data)
        theirs = x509.load_der_x509_certificate(data)
        identifiers = [item.oid.dotted_string for item in theirs.extensions]
        subject = theirs.subject.public_bytes()
    except (FormatError, ValueError, x509.InvalidVersion, x509.DuplicateExtension, UserWarning, _UNREAD):
        return
    assert ours.serial == theirs.serial_number
    assert ours.subject == subject
    assert (ours.not_before, ours.not_after) == (theirs.not_valid_before_utc, theirs.not_valid_after_utc)
    # cryptography raises for a key of an unknown kind, and loads one with explicit curve parameters that airgap refuses
    assert isinstance(ours.public_key, UnusableKey) or ours.public_key == theirs.public_key()
    assert ours.tbs == theirs.tbs_certificate_bytes
    assert ours.signature == theirs.signature
    assert list(ours.extensions) == identifiers


# cryptography's path building as oracle: it knows fewer of the rules, so what it refuses must be refused here


_AUTHORITY = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.CRITICAL, None)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, None)
    .may_be_present(x509.NameConstraints, Criticality.AGNOSTIC, None)
)


def _oracle_accepts(chain: tuple[bytes, ...], root: bytes, at: Any) -> bool:
    store = Store([x509.load_der_x509_certificate(root)])
    verifier = (
        PolicyBuilder()
        .store(store)
        .time(at)
        .max_chain_depth(8)
        .extension_policies(ca_policy=_AUTHORITY, ee_policy=ExtensionPolicy.permit_all())
        .build_client_verifier()
    )
    loaded = [x509.load_der_x509_certificate(item) for item in chain]
    try:
        verifier.verify(loaded[0], loaded[1:])
    except verification.VerificationError:
        return False
    return True


_TIMES = st.sampled_from(
    [{}, {}, {"not_after": AT}, {"not_after": AT - timedelta(seconds=1)}, {"not_before": AT + timedelta(seconds=1)}]
)
_CONSTRAINTS = st.sampled_from(
    [{}, {}, *({"basic_constraints": BasicConstraints(path_length=length)} for length in range(3))]
)
_UNKNOWN = st.sampled_from([{}, {}, {}, {"extra": [extensions.UNKNOWN_CRITICAL]}])


@st.composite
def _authority(draw: st.DrawFn) -> dict[str, Any]:
    return {**draw(_TIMES), **draw(_CONSTRAINTS), **draw(_UNKNOWN)}


@given(
    depth=st.integers(2, 5),
    root=_authority(),
    intermediate=_authority(),
    tsa=st.builds(lambda times, unknown: {**times, **unknown}, _TIMES, _UNKNOWN),
    missing=st.sampled_from([None, None, None, 1, 2]),
)
@settings(max_examples=50)
def test_finds_the_paths_that_cryptography_finds(
    *, depth: int, root: dict[str, Any], intermediate: dict[str, Any], tsa: dict[str, Any], missing: int | None
) -> None:
    """A differential test over validity, path lengths, unknown critical extensions and missing certificates."""
    chain = [item.der for item in Pki().tsa_chain(depth=depth, root=root, intermediate=intermediate, tsa=tsa).chain]
    anchor = chain[-1]
    given_chain = tuple(item for position, item in enumerate(chain[:-1]) if position != missing)
    offered = Offered(tuple(map(Certificate.parse, given_chain)))
    try:
        timestamping_chains(offered[0], offered, Anchors.of({"tsa:t": [Certificate.parse(anchor)]}), at=AT)
        accepted = True
    except Rejected:
        accepted = False
    assert accepted == _oracle_accepts(given_chain, anchor, AT)


@given(st.integers(2, 4), st.permutations(range(4)))
def test_the_order_of_what_is_offered_does_not_matter(depth: int, order: list[int]) -> None:
    chain = [Certificate.parse(item.der) for item in Pki().tsa_chain(depth=depth).chain]
    offered = Offered(tuple(chain[position] for position in order if position < len(chain)))
    built = timestamping_chains(chain[0], offered, Anchors.of({"tsa:t": chain[-1:]}), at=AT)
    assert built == (tuple(chain),)


@given(st.sets(st.integers(0, 3)))
def test_more_offered_certificates_never_widen_trust(chosen: set[int]) -> None:
    """RULE-1: without an anchor no evidence helps."""
    chain = [Certificate.parse(item.der) for item in Pki().tsa_chain(depth=4).chain]
    other = Certificate.parse(issue("root", subject=chain[-1].subject, slot=3).der)
    offered = Offered(tuple(chain[position] for position in sorted(chosen)))
    with pytest.raises(Rejected) as caught:
        timestamping_chains(chain[0], offered, Anchors.of({"tsa:t": [other]}), at=AT)
    assert caught.value.reason == "timestamp.untrusted"
