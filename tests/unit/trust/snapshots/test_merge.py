"""Merging evidence: former files stay, and new files are added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from airgap.oci.digest import Digest
from airgap.revocation.index import EvidenceIndex
from airgap.trust.snapshots.merging import Merged, Side, merge

URLS = ("http://a/", "http://b/")
Index = Mapping[str, Sequence[str]]
Drawn = tuple[dict[str, bytes], dict[str, list[str]]]


def side(files: Mapping[str, bytes], index: Index) -> Side:
    return Side(
        files={name: Digest.of(data) for name, data in files.items()},
        index=EvidenceIndex({url: tuple(names) for url, names in index.items()}),
    )


def content_of(merged: Merged, local: Mapping[str, bytes], incoming: Mapping[str, bytes]) -> dict[str, bytes]:
    assert not merged.added.keys() & local.keys(), "nothing that is there is replaced"
    return {**local, **{new: incoming[old] for new, old in merged.added.items()}}


def mapped(files: Mapping[str, bytes], index: Index) -> set[tuple[str, bytes]]:
    return {(url, files[name]) for url, names in index.items() for name in names if name in files}


@st.composite
def sides(draw: Any) -> Drawn:
    names = draw(st.lists(st.sampled_from(["x.crl", "y.crl", "z.crl", "X.CRL"]), unique_by=str.casefold, max_size=3))
    files = {name: draw(st.sampled_from([b"1", b"2", b"3", b""])) for name in names}
    named = st.lists(st.sampled_from(["x.crl", "y.crl", "z.crl"]), min_size=1, max_size=2, unique=True)
    return files, {url: draw(named) for url in URLS if draw(st.booleans())}


@settings(max_examples=80)
@given(sides(), sides())
def test_keeps_all_files_and_their_mapping(one: Drawn, other: Drawn) -> None:
    merged = merge(side(*one), side(*other))
    files = content_of(merged, one[0], other[0])
    assert len({name.casefold() for name in files}) == len(files)
    assert set(files.values()) == set(one[0].values()) | set(other[0].values())
    assert mapped(files, merged.index) == mapped(*one) | mapped(*other)
    vain = {name for names in merged.index.values() for name in names} - set(files)
    assert vain <= {name for names in one[1].values() for name in names}, "the index that comes names no missing file"


@settings(max_examples=40)
@given(sides(), sides())
def test_merging_the_same_twice_changes_nothing(one: Drawn, other: Drawn) -> None:
    first = merge(side(*one), side(*other))
    files = content_of(first, one[0], other[0])
    second = merge(side(files, first.index), side(*other))
    assert (second.added, second.index) == ({}, first.index)


def test_keeps_two_files_of_one_name() -> None:
    merged = merge(side({"a.crl": b"1"}, {}), side({"A.crl": b"2"}, {}))
    (new,) = merged.added
    assert new.startswith("A-")
    assert merged.index_bytes() is None


def test_chooses_another_name_where_one_is_taken() -> None:
    merged = merge(side({}, {}), side({"a.crl": b"1"}, {"http://a/": ["a.crl"]}), taken=["A.CRL"])
    (new,) = merged.added
    assert new != "a.crl"
    assert merged.index == {"http://a/": (new,)}
