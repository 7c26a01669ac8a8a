"""Laws of trust policies: whatever is in a document, it is parsed or refused with its place."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgap.errors import FormatError, Rejected, TrustMaterialError
from airgap.revocation.freshness import Freshness
from airgap.trust.blob_policy import BlobPolicy
from airgap.trust.identities import parse_identity
from airgap.trust.identity_names import parse_name, read_subject, render_name
from airgap.trust.levels import Check
from airgap.trust.policy import OciPolicy
from airgap.trust.scopes import parse_scope
from tests.support import names
from tests.support.trust import oci_policy, statement

DOCUMENT = oci_policy(
    statement(
        trustStores=["ca:a", "tsa:b"],
        signatureVerification={"level": "strict", "override": {"expiry": "log"}, "verifyTimestamp": "always"},
        trustedIdentities=["x509.subject: C=US, ST=WA, O=Acme", "x509.subject: C=US, ST=WA, O=Other"],
    ),
    statement(name="b", registryScopes=["registry.example/app", "registry.example/team/app"]),
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["*", "ca:a", "skip", "strict", "log", "1.0", "a/b", "x509.subject: C=a,ST=b,O=c", "\ud800", "ca:.."]
    ),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = st.sampled_from(
    ["version", "name", "level", "override", "integrity", "revocation", "trustStores", "registryScopes", "globalPolicy"]
) | st.text(max_size=6)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A valid document with one to three changes anywhere in it."""
    document: Any = copy.deepcopy(DOCUMENT)
    for _ in range(draw(st.integers(1, 3))):
        place: Any = document
        while draw(st.booleans()):
            inner = list(place.values() if isinstance(place, dict) else place)
            inner = [item for item in inner if isinstance(item, dict | list) and item]
            if not inner:
                break
            place = draw(st.sampled_from(inner))
        if not place:
            break
        keys = st.sampled_from(sorted(place)) | MEMBERS if isinstance(place, dict) else st.integers(0, len(place) - 1)
        key = draw(keys)
        if draw(st.booleans()):
            place[key] = draw(VALUES)
        elif isinstance(place, dict):
            place.pop(key, None)
        else:
            place.append(copy.deepcopy(place[key]))
    return document


def _refusal(parse: Callable[[bytes, str], object], data: bytes) -> TrustMaterialError | None:
    try:
        parse(data, "file")
    except TrustMaterialError as error:
        return error
    return None


def _refusal_has_its_place(error: TrustMaterialError) -> None:
    assert error.reason == "policy.malformed"
    assert isinstance(error.facts["member"], str)
    assert error.facts["problem"]
    if str(error.facts["member"]).startswith("trustPolicies["):
        assert error.facts["statement"]
    assert str(error).isprintable()


@given(mutated())
def test_a_mutated_policy_is_parsed_or_refused_with_its_place(document: Any) -> None:
    data = json.dumps(document).encode()
    for kind in (OciPolicy, BlobPolicy):
        try:
            policy = kind.parse(data, "policy")
        except TrustMaterialError as error:
            _refusal_has_its_place(error)
            continue
        for found in policy.statements:
            assert set(found.actions) == set(Check)
            assert found.skip != bool(found.stores and found.identities)


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    for parse in (OciPolicy.parse, BlobPolicy.parse, Freshness.parse):
        error = _refusal(parse, data)
        assert error is None or error.facts["problem"]


@given(st.data())
def test_a_cut_or_changed_byte_is_parsed_or_refused(data: st.DataObject) -> None:
    raw = bytearray(json.dumps(DOCUMENT).encode())
    position = data.draw(st.integers(0, len(raw) - 1))
    if data.draw(st.booleans()):
        del raw[position:]
    else:
        raw[position] = data.draw(st.integers(0, 255))
    if error := _refusal(OciPolicy.parse, bytes(raw)):
        _refusal_has_its_place(error)


VALUE = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12) | st.text(
    ' "#+,;<=>\\\0\n\u00e9aO', min_size=1, max_size=8
)
ATTRIBUTES = st.fixed_dictionaries(
    {"C": VALUE, "ST": VALUE, "O": VALUE},
    optional={"CN": VALUE, "OU": VALUE, "L": VALUE, "SERIALNUMBER": VALUE, "1.2.3": VALUE},
)


@given(ATTRIBUTES)
def test_an_identity_is_read_as_it_was_written(attributes: dict[str, str]) -> None:
    assert parse_name(render_name(attributes)) == attributes
    assert parse_identity(f"x509.subject: {render_name(attributes)}").attributes == attributes


@given(ATTRIBUTES, ATTRIBUTES)
def test_an_identity_covers_a_subject_if_and_only_if_it_has_every_pair(
    wanted: dict[str, str], held: dict[str, str]
) -> None:
    """Through DER and through escaping: no value can ever play another attribute's part."""
    subject = read_subject(names.name(*held.items()))
    assert subject == held
    identity = parse_identity(f"x509.subject: {render_name(wanted)}")
    assert identity.covers(subject) == (wanted.items() <= held.items())


@given(st.text(' "#+,;=\\CSTOU', max_size=30))
def test_any_text_is_an_identity_or_refused(text: str) -> None:
    try:
        attributes = parse_name(text)
    except FormatError:
        return
    assert all(attributes[name] for name in ("C", "ST", "O"))
    assert parse_name(render_name(attributes)) == attributes


COMPONENT = st.from_regex(r"[a-z0-9]{1,3}((\.|__?|-{1,2})[a-z0-9]{1,2})?", fullmatch=True)
SCOPE = st.builds(
    lambda host, port, parts: host + port + "/" + "/".join(parts),
    st.from_regex(r"[a-zA-Z0-9]{1,3}(\.[a-z]{1,2})?", fullmatch=True),
    st.sampled_from(["", ":5000", ":443"]),
    st.lists(COMPONENT, min_size=1, max_size=3),
)


@given(SCOPE, SCOPE)
def test_a_scope_matches_its_own_repository_and_never_another(own: str, other: str) -> None:
    policy = OciPolicy.parse(json.dumps(oci_policy(statement(registryScopes=[own]))).encode(), "policy")
    assert policy.select(own).scopes == (own,)
    for asked in {other, own + "/x", own + "x", own.swapcase(), own.upper(), own.rpartition("/")[0]} - {own}:
        with pytest.raises(Rejected, match="policy"):
            policy.select(asked)


@given(SCOPE | st.text("aA0.-_:/@*", max_size=12))
def test_a_scope_has_one_slash_at_least_and_nothing_of_a_reference(text: str) -> None:
    try:
        scope = parse_scope(text)
    except FormatError:
        return
    host, _, repository = scope.partition("/")
    assert host
    assert repository == repository.lower()
    assert not set("@*: ") & set(repository)
