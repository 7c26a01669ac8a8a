"""Unsigned files on a medium that have names of evidence are read in bounded time: a verify took hours."""

from __future__ import annotations

from time import process_time

import pytest

from airgap import limits
from airgap.parse import der
from airgap.pki.certificate import Certificate
from airgap.pki.crl import Crl
from airgap.revocation.evidence_files import EvidenceFile
from airgap.revocation.pool import EvidencePool
from tests.support.crls import crl, pem
from tests.support.pki import Pki

COUNT = 1_000_000
SECONDS = 4
ALGORITHM = der.sequence(der.oid("1.2.840.10045.4.3.2"))
RDN = der.tlv(der.SET, der.sequence(der.oid("2.5.4.3"), der.tlv(0x0C, b"x")))
TIME = der.tlv(der.UTC_TIME, b"260101000000Z")
LEAF = Certificate.parse(Pki().code_chain().der)


def _crl(*, name: bytes = RDN, extensions: bytes = b"", inside: bytes = b"") -> bytes:
    last = der.tlv(der.context(0), extensions) if extensions else b""
    tbs = inside or der.integer(1) + ALGORITHM + der.sequence(name) + TIME + TIME + last
    return der.sequence(der.sequence(tbs), ALGORITHM, der.tlv(der.BIT_STRING, bytes(9)))


def _scope(names: bytes) -> bytes:
    point = der.sequence(der.tlv(der.context(0), der.tlv(der.context(0), names)))
    return der.sequence(der.sequence(der.oid("2.5.29.28"), der.boolean(True), der.octet_string(point)))


HOSTILE = {
    "members": lambda: _crl(inside=der.null() * COUNT),
    "extensions in one": lambda: _crl(extensions=der.null() * COUNT),
    "names of a point": lambda: _crl(extensions=_scope(b"\x86\x00" * COUNT)),
    "parts of the issuer's name": lambda: _crl(name=RDN * COUNT),
    "structures one after the other": lambda: der.sequence() * COUNT,
    "members of no CRL": lambda: der.sequence(der.null() * COUNT),
}


def _pool(data: bytes, *, trusted: bool = False) -> EvidencePool:
    return EvidencePool([EvidenceFile("x.crl", "layout", lambda: data, trusted=trusted)], unread=())


@pytest.mark.parametrize("kind", HOSTILE)
def test_reads_what_is_beside_the_entries_of_a_crl_within_bounds(kind: str) -> None:
    data = HOSTILE[kind]()
    began = process_time()
    assert _pool(data).all_unread()
    assert process_time() - began < SECONDS


@pytest.mark.parametrize(
    "block",
    [b"-----BEGIN X\n", b"-----BEGIN CERTIFICATE-----\n", b"-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n"],
)
def test_reads_so_many_blocks_of_a_file_and_leaves_the_answer_open_for_more(block: bytes) -> None:
    """A CRL that is not read may be genuine, so that no certificate is cleared beside it."""
    data = pem(crl(Pki().code_chain().root)) + block * COUNT
    pool = _pool(data)
    began = process_time()
    (unread,) = pool.unread(LEAF.issuer, frozenset(), frozenset())
    assert process_time() - began < SECONDS
    assert f"{COUNT + 1} PEM blocks" in unread.problem
    assert unread.in_target


@pytest.mark.parametrize("trusted", [True, False])
def test_reads_so_many_pieces_of_all_files_and_leaves_the_answer_open_for_more(
    monkeypatch: pytest.MonkeyPatch,
    trusted: bool,
) -> None:
    monkeypatch.setattr(limits, "EVIDENCE_PIECES", 3)
    root = Pki().code_chain().root
    two = b"".join(pem(crl(root, number=number)) for number in (1, 2))
    pieces = [EvidenceFile(f"{name}.crl", "here", lambda: two, trusted=trusted) for name in "abc"]
    three = EvidencePool(pieces[:1], unread=())
    assert (len(three.all_crls()), three.all_unread()) == (2, ())
    pool = EvidencePool(pieces, unread=())
    assert len(pool.all_crls()) == 3
    (unread,) = pool.unread(LEAF.issuer, frozenset(), frozenset())
    assert (unread.name, unread.in_target) == ("b.crl", not trusted)


def test_a_crl_of_the_usual_size_beside_its_entries_is_read() -> None:
    root = Pki().code_chain().root
    data = crl(root)
    assert Crl.parse(data).size == len(data)
