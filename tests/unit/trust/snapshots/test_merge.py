"""Evidence brought together: no question gets fewer candidates than either side had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airgap.oci.digest import Digest
from airgap.pki.certificate import Certificate
from airgap.revocation.index import EvidenceIndex
from airgap.trust.snapshots.merge import Merged, Side, merge
from tests.support.crls import crl
from tests.support.evidence import MemoryEvidence
from tests.support.pki import Pki

LEAF = Pki().code_chain()
ISSUERS = (LEAF.chain[1], LEAF.root)
CRLS = {f"{who}{number}": crl(ISSUERS[who], number=number) for who in (0, 1) for number in (1, 2, 3)}
URLS = ("http://a/", "http://b/")

Index = Mapping[str, Sequence[str]]


def side(files: Mapping[str, bytes], index: Index) -> Side:
    return Side(
        files={name: Digest.of(data) for name, data in files.items()},
        index=EvidenceIndex({url: tuple(names) for url, names in index.items()}),
    )


def content_of(merged: Merged, local: Mapping[str, bytes], incoming: Mapping[str, bytes]) -> dict[str, bytes]:
    files = {new: local[old] for new, old in merged.local.items()}
    return files | {new: incoming[old] for new, old in merged.incoming.items()}


def answers(files: Mapping[str, bytes]) -> dict[int, set[bytes]]:
    """What is at hand of every issuer."""
    evidence = MemoryEvidence(files)
    return {
        number: {file.load().der for file in evidence.crls(Certificate.parse(issuer.der).subject)}
        for number, issuer in enumerate(ISSUERS)
    }


@st.composite
def sides(draw: Any) -> tuple[dict[str, bytes], dict[str, list[str]]]:
    names = draw(st.lists(st.sampled_from(["x.crl", "y.crl", "z.crl", "X.CRL"]), unique_by=str.casefold, max_size=3))
    files = {name: CRLS[draw(st.sampled_from(sorted(CRLS)))] for name in names}
    index: dict[str, list[str]] = {}
    for url in URLS:
        if files and draw(st.booleans()):
            index[url] = draw(st.lists(st.sampled_from(sorted(files)), min_size=1, max_size=2, unique=True))
    return files, index


@settings(max_examples=300, deadline=None)
@given(sides(), sides())
def test_nothing_that_answered_on_either_side_is_lost(
    one: tuple[dict[str, bytes], dict[str, list[str]]], other: tuple[dict[str, bytes], dict[str, list[str]]]
) -> None:
    merged = merge(side(*one), side(*other))
    files = content_of(merged, one[0], other[0])
    assert len({name.casefold() for name in files}) == len(files)
    assert set(files.values()) == set(one[0].values()) | set(other[0].values())
    now = answers(files)
    for before in (answers(one[0]), answers(other[0])):
        for question, candidates in before.items():
            assert candidates <= now[question], question


@settings(max_examples=100, deadline=None)
@given(sides(), sides())
def test_to_bring_the_same_twice_changes_nothing(
    one: tuple[dict[str, bytes], dict[str, list[str]]], other: tuple[dict[str, bytes], dict[str, list[str]]]
) -> None:
    first = merge(side(*one), side(*other))
    files = content_of(first, one[0], other[0])
    second = merge(side(files, first.index), side(*other))
    assert content_of(second, files, other[0]) == files
    assert {url: set(names) for url, names in second.index.items()} == {u: set(n) for u, n in first.index.items()}


def test_two_of_one_name_lie_side_by_side() -> None:
    merged = merge(side({"a.crl": CRLS["01"]}, {}), side({"A.crl": CRLS["02"]}, {}))
    assert merged.local == {"a.crl": "a.crl"}
    (new,) = merged.incoming
    assert new.startswith("A-")
    assert merged.index_bytes() is None


@pytest.mark.parametrize("garbage", [b"", b"no CRL"])
def test_what_is_no_evidence_is_kept(garbage: bytes) -> None:
    merged = merge(side({"a.crl": garbage}, {}), side({"b.crl": CRLS["01"]}, {"http://a/": ["b.crl"]}))
    assert merged.index["http://a/"][-1] == "b.crl"
    assert "a.crl" in merged.local
