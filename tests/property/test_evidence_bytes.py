"""Laws of hostile evidence: only project errors come out, and nothing that was altered is trusted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgap.errors import FormatError, Rejected, Undecided
from airgap.pki.certificate import Certificate
from airgap.pki.chain import Anchors
from airgap.pki.crl import Crl
from airgap.pki.crl_facts import read_facts
from airgap.pki.ocsp import OcspResponse
from airgap.pki.timestamp_token import TimestampToken
from tests.support.crls import crl, entry, scope
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Pki, issue
from tests.support.tsa import token

LEAF = Pki().code_chain(leaf={"crl_urls": ["http://crl.harbour.example/"]})
TSA = Pki().tsa_chain("rsa2048")
VALUE: Final = b"a signature value"

CHECKED = Certificate.parse(LEAF.der)
ISSUER = Certificate.parse(LEAF.chain[1].der)
ANCHORS = Anchors.of({"tsa:harbour": [Certificate.parse(TSA.root.der)]})

CRL = crl(
    LEAF.chain[1],
    revoked=[entry(LEAF.serial, reason="keyCompromise", invalidity=AT), 5],
    scope=scope(uris=["http://crl.harbour.example/"], only_user=True),
    freshest=["http://crl.harbour.example/delta"],
)
OCSP = ocsp_response(LEAF, responder=issue("ocsp", issuer=LEAF.chain[1]), status="revoked", reason=1, invalidity=AT)
TOKEN = token(TSA, VALUE, accuracy=(1, 2, 3), signing_time=AT, tsa_name=TSA.subject)


def accept_crl(data: bytes) -> None:
    read_facts(data)
    parsed = Crl.parse(data)
    parsed.entries_for(CHECKED.serial, parsed.issuer)
    parsed.check_covers(CHECKED, None)
    parsed.verify_signed_by(ISSUER)


def accept_ocsp(data: bytes) -> None:
    parsed = OcspResponse.parse(data)
    parsed.find(CHECKED, ISSUER)
    assert isinstance(parsed.responder, str)
    parsed.verify_signed_for(ISSUER, at=AT)


def accept_token(data: bytes) -> None:
    TimestampToken.parse(data).verify(VALUE, ANCHORS)


# RFC 5652, 5.1: the list of digest algorithms helps one-pass readers, nothing covers it and nothing rests on it
_DIGESTS: Final = bytes.fromhex("310f300d06096086480165030402010500")
_UNCOVERED: Final = range(TOKEN.index(_DIGESTS), TOKEN.index(_DIGESTS) + len(_DIGESTS))

EVIDENCE: Final[dict[str, tuple[bytes, Callable[[bytes], None], range]]] = {
    "crl": (CRL, accept_crl, range(0)),
    "ocsp": (OCSP, accept_ocsp, range(0)),
    "token": (TOKEN, accept_token, _UNCOVERED),
}
kinds = pytest.mark.parametrize("kind", EVIDENCE)


@kinds
def test_untouched_evidence_is_trusted(kind: str) -> None:
    data, accept, _ = EVIDENCE[kind]
    accept(data)


@kinds
@given(st.data())
def test_evidence_with_any_flipped_bits_is_not_trusted(kind: str, data: st.DataObject) -> None:
    original, accept, uncovered = EVIDENCE[kind]
    positions = st.integers(0, len(original) - 1).filter(lambda position: position not in uncovered)
    position, mask = data.draw(positions), data.draw(st.integers(1, 255))
    altered = bytearray(original)
    altered[position] ^= mask
    with pytest.raises((FormatError, Rejected, Undecided)):
        accept(bytes(altered))


@kinds
def test_evidence_with_any_one_byte_changed_is_not_trusted(kind: str) -> None:
    original, accept, uncovered = EVIDENCE[kind]
    trusted = []
    for position in range(len(original)):
        altered = bytearray(original)
        altered[position] ^= 1 << position % 8
        try:
            accept(bytes(altered))
        except (FormatError, Rejected, Undecided):
            continue
        trusted.append(position)
    assert not set(trusted) - set(uncovered)


@kinds
@given(st.data())
def test_evidence_that_was_cut_or_patched_is_not_trusted(kind: str, data: st.DataObject) -> None:
    original, accept, uncovered = EVIDENCE[kind]
    start = data.draw(st.integers(0, len(original) - 1))
    end = data.draw(st.integers(start, min(start + 40, len(original))))
    altered = original[:start] + data.draw(st.binary(max_size=40)) + original[end:]
    if altered == original or (start in uncovered and end - 1 in uncovered):
        return
    with pytest.raises((FormatError, Rejected, Undecided)):
        accept(altered)


@kinds
@given(st.binary(max_size=200))
def test_any_bytes_raise_nothing_but_project_errors(kind: str, data: bytes) -> None:
    _, accept, _ = EVIDENCE[kind]
    with pytest.raises((FormatError, Rejected, Undecided)):
        accept(data)
