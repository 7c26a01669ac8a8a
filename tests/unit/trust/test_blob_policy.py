"""The blob trust policy: BLOB-1 to BLOB-3, NEG-141 and NEG-142."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airgap.errors import Rejected, TrustMaterialError, UsageError
from airgap.trust.blob_policy import BlobPolicy
from tests.support.trust import statement


def blob(**changes: Any) -> dict[str, Any]:
    return statement(registryScopes=None, **changes)


def parse(*statements: dict[str, Any]) -> BlobPolicy:
    data = json.dumps({"version": "1.0", "trustPolicies": statements}).encode()
    return BlobPolicy.parse(data, "trustpolicy.blob.json")


def refused(*statements: dict[str, Any]) -> TrustMaterialError:
    with pytest.raises(TrustMaterialError) as caught:
        parse(*statements)
    assert caught.value.reason == "policy.malformed"
    return caught.value


SKIP = {"signatureVerification": {"level": "skip"}, "trustStores": [], "trustedIdentities": []}


def test_blob_1_selection_by_name() -> None:
    policy = parse(blob(name="a", globalPolicy=True), blob(name="b"))
    assert policy.select("b").name == "b"
    assert not policy.select("b").is_global


@pytest.mark.parametrize("name", [None, ""])
def test_blob_2_without_a_name_the_global_statement_counts(name: str | None) -> None:
    assert parse(blob(name="a"), blob(name="b", globalPolicy=True)).select(name).name == "b"


@pytest.mark.parametrize("name", ["c", "A", "a "])
def test_neg_142_an_unknown_name(name: str) -> None:
    with pytest.raises(Rejected) as caught:
        parse(blob(name="a", globalPolicy=True)).select(name)
    assert caught.value.reason == "policy.no_statement"
    assert caught.value.facts["name"] == name


def test_neg_142_no_global_statement() -> None:
    with pytest.raises(Rejected) as caught:
        parse(blob(name="a"), blob(name="b", globalPolicy=False)).select(None)
    assert caught.value.reason == "policy.no_statement"


def test_blob_1_a_blank_name_is_usage() -> None:
    with pytest.raises(UsageError):
        parse(blob(globalPolicy=True)).select("  ")


def test_blob_2_one_global_statement_at_most() -> None:
    error = refused(blob(name="a", globalPolicy=True), blob(name="b", globalPolicy=True))
    assert error.facts["member"] == "trustPolicies[1].globalPolicy"
    assert error.facts["statement"] == "b"


def test_neg_141_blob_3_d22_a_global_skip_is_refused() -> None:
    error = refused(blob(**SKIP, globalPolicy=True))
    assert error.facts["member"] == "trustPolicies[0].globalPolicy"
    assert error.facts["statement"] == "harbour"


def test_a_skip_for_one_name_is_accepted() -> None:
    found = parse(blob(**SKIP)).select("harbour")
    assert found.skip
    assert not found.is_global


@pytest.mark.parametrize("value", ["true", 1, None])
def test_global_policy_is_a_boolean(value: Any) -> None:
    members = {**blob(), "globalPolicy": value}
    assert refused(members).facts["member"] == "trustPolicies[0].globalPolicy"


@pytest.mark.parametrize(("value", "wanted"), [("true", "true"), ("False", "false"), ("yes", "true or false")])
def test_global_policy_in_quotes_is_refused_with_what_to_write(value: str, wanted: str) -> None:
    error = refused({**blob(), "globalPolicy": value})
    assert error.facts["problem"] == f"is a text, and must be {wanted}, without quotes"


def test_d49_registry_scopes_do_not_belong_here() -> None:
    error = refused(statement())
    assert error.facts["member"] == "trustPolicies[0].registryScopes"
    assert "trustpolicy.oci.json" in str(error)


def test_common_rules_hold_here_too() -> None:
    assert refused(blob(trustStores=[])).facts["member"] == "trustPolicies[0].trustStores"
    assert refused(blob(), blob()).facts["member"] == "trustPolicies[1].name"
    policy = parse(blob())
    assert policy.digest.startswith("sha256:")
    assert policy.source == "trustpolicy.blob.json"
    assert policy.notices == ()
