"""Random damage of the only CRL that revokes: nothing passes without a message where a file still resembles a CRL."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgap.errors import Rejected, Undecided
from airgap.moment import Moment
from airgap.pki.certificate import Certificate
from airgap.pki.file_kinds import holds_evidence
from airgap.revocation.evidence_directory import EvidenceDirectory
from airgap.revocation.freshness import Freshness
from airgap.revocation.judge import RevocationJudge
from tests.support.crls import crl, entry, pem
from tests.support.pki import AT, Pki, issue

LEAF: Final = Pki().code_chain(depth=2, leaf={"crl_urls": ["http://crl.example/leaf.crl"]})
CHAIN: Final = tuple(Certificate.parse(issued.der) for issued in LEAF.chain)
GOOD: Final = crl(LEAF.root, number=1)
OTHER: Final = crl(issue("root", slot=4, subject="CN=Some other CA"), number=3)
DER: Final = [
    crl(LEAF.root, number=2, revoked=[entry(LEAF.serial, reason="keyCompromise")], names_key=names_key)
    for names_key in (True, False)
]
"""With and without an authorityKeyIdentifier."""

NAMED: Final = (
    "crls/new.crl",
    "crls/sub/new",
    "crls/.new.crl",
    "ocsp/new",
    "old/new.crl",
    "truststore/x509/ca/a/new.crl",
)
"""Places and names of evidence."""
UNNAMED: Final = ("new", "backup/new", "truststore/x509/ca/a/new")

Damage = Callable[[bytes], bytes]


@st.composite
def damages(draw: st.DrawFn) -> Damage:
    """One change of some bytes: flipped, cut off, taken out, put in, or written over."""
    at, to = sorted((draw(st.floats(0, 1)), draw(st.floats(0, 1))))
    kind = draw(st.sampled_from(["flip", "cut", "head", "hole", "splice", "zeros", "write"]))
    some = draw(st.binary(min_size=1, max_size=40))

    def change(data: bytes) -> bytes:
        start = int(at * max(0, len(data) - 1))
        rest = data[start:]
        match kind:
            case "flip":
                return data[:start] + bytes(a ^ b for a, b in zip(rest, some[:4], strict=False)) + rest[len(some[:4]) :]
            case "cut":
                return data[:start]
            case "head":
                return data[min(len(some), 4) :]
            case "hole":
                return data[:start] + rest[len(some) :]
            case "splice":
                begin = int(to * len(OTHER))
                return data[:start] + OTHER[begin : begin + len(some)] + rest
            case "zeros":
                return data[:start] + bytes(len(some)) + rest[len(some) :]
            case _:
                return data[:start] + some + rest[len(some) :]

    return change


def damaged(data: bytes, changes: list[Damage]) -> bytes:
    for change in changes:
        data = change(data)
    return data


def judged(place: str, data: bytes) -> tuple[str, int]:
    """The reason code, or `good`; and the number of notices."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, content in (("crls/good.crl", GOOD), (place, data)):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        evidence = EvidenceDirectory.open(root)
        stored = [CHAIN[-1], *evidence.certificates()]
        judge = RevocationJudge(evidence, Freshness(), Moment(judged=AT, clock=AT), stored=lambda: stored)
        try:
            judge.check_chain(CHAIN, kind="signing", signed_at=None)
        except (Rejected, Undecided) as error:
            return error.reason, len(evidence.notices())
        return "good", len(evidence.notices())


@pytest.mark.parametrize("place", [*NAMED, *UNNAMED])
@given(st.sampled_from(DER), st.booleans(), st.lists(damages(), min_size=1, max_size=4))
def test_a_damaged_revocation_never_passes_without_a_message(
    place: str, original: bytes, in_text: bool, changes: list[Damage]
) -> None:
    data = damaged(pem(original) if in_text else original, changes)
    reason, notices = judged(place, data)
    if holds_evidence(data):
        assert reason != "good"
    elif place in NAMED:
        assert reason != "good" or notices


@pytest.mark.parametrize("place", [*NAMED, *UNNAMED])
@pytest.mark.parametrize("original", DER, ids=["with key identifier", "without"])
def test_the_undamaged_one_counts(place: str, original: bytes) -> None:
    is_in_place = place.startswith(("crls/", "ocsp/"))
    assert judged(place, original)[0] == ("revocation.revoked" if is_in_place else "evidence.unread")
