"""The OCI trust policy: sections 7.2 and 7.3, NEG-128 to NEG-141."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from airgap.errors import Rejected, TrustMaterialError, UsageError
from airgap.trust.levels import Action, Check, Level, VerifyTimestamp
from airgap.trust.policy import OciPolicy
from airgap.trust.policy_document import PolicyError
from airgap.trust.scopes import check_scope
from airgap.trust.statement import Statement
from airgap.trust.store_types import StoreType
from airgap.trust.stores import StoreRef
from tests.support.trust import oci_policy, statement

ACME = "x509.subject: C=US, ST=WA, O=Acme"
FIRST = "trustPolicies[0]"


def parse(document: Any) -> OciPolicy:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return OciPolicy.parse(data, "trustpolicy.oci.json")


def only(**changes: Any) -> Statement:
    return parse(oci_policy(statement(**changes))).statements[0]


def refused(document: Any) -> TrustMaterialError:
    with pytest.raises(TrustMaterialError) as caught:
        parse(document)
    assert caught.value.reason == "policy.malformed"
    assert caught.value.facts["source"] == "trustpolicy.oci.json"
    return caught.value


def level(name: Any, **members: Any) -> dict[str, Any]:
    return {"signatureVerification": {"level": name, **members}}


SKIP = {**level("skip"), "trustStores": [], "trustedIdentities": []}


REFUSALS = [
    pytest.param({"name": None}, "name", id="NEG-129 no name"),
    pytest.param({"name": ""}, "name", id="NEG-129 empty name"),
    pytest.param({"name": 7}, "name", id="NEG-129 name is a number"),
    pytest.param({"signatureVerification": None}, "signatureVerification", id="NEG-130 nothing to verify"),
    pytest.param({"signatureVerification": {}}, "signatureVerification.level", id="NEG-130 no level"),
    pytest.param(level("Strict"), "signatureVerification.level", id="NEG-130 level in capitals"),
    pytest.param(level("lenient"), "signatureVerification.level", id="NEG-130 unknown level"),
    pytest.param(level("custom"), "signatureVerification.level", id="NEG-130 custom is no level"),
    pytest.param(level(["strict"]), "signatureVerification.level", id="NEG-130 level is a list"),
    pytest.param(
        level("strict", override={"integrity": "log"}),
        "signatureVerification.override.integrity",
        id="NEG-131 integrity",
    ),
    pytest.param(
        level("strict", override={"expiry": "skip"}), "signatureVerification.override.expiry", id="NEG-131 expiry skip"
    ),
    pytest.param(
        level("strict", override={"authenticity": "skip"}),
        "signatureVerification.override.authenticity",
        id="NEG-131 authenticity skip",
    ),
    pytest.param(
        level("strict", override={"authenticTimestamp": "skip"}),
        "signatureVerification.override.authenticTimestamp",
        id="NEG-131 D54 authenticTimestamp skip",
    ),
    pytest.param(
        level("strict", override={"colour": "log"}), "signatureVerification.override.colour", id="NEG-131 unknown check"
    ),
    pytest.param(
        level("strict", override={"plugin": "log"}), "signatureVerification.override.plugin", id="NEG-131 our own check"
    ),
    pytest.param(
        level("strict", override={"expiry": "Log"}), "signatureVerification.override.expiry", id="NEG-131 action's case"
    ),
    pytest.param(
        level("strict", override={"expiry": True}), "signatureVerification.override.expiry", id="NEG-131 action's type"
    ),
    pytest.param(
        level("strict", override=[]), "signatureVerification.override", id="NEG-131 override is a list"
    ),
    pytest.param(
        {**SKIP, **level("skip", override={"expiry": "log"})},
        "signatureVerification.override",
        id="NEG-131 override on skip",
    ),
    pytest.param(
        level("strict", verifyTimestamp="never"), "signatureVerification.verifyTimestamp", id="NEG-132 other value"
    ),
    pytest.param(
        level("strict", verifyTimestamp=None), "signatureVerification.verifyTimestamp", id="NEG-132 null"
    ),
    pytest.param({**SKIP, "trustStores": ["ca:a"]}, "trustStores", id="NEG-133 skip with stores"),
    pytest.param({**SKIP, "trustedIdentities": ["*"]}, "trustedIdentities", id="NEG-133 skip with identities"),
    pytest.param({"trustStores": []}, "trustStores", id="NEG-133 empty stores"),
    pytest.param({"trustStores": None}, "trustStores", id="NEG-133 no stores"),
    pytest.param({"trustedIdentities": []}, "trustedIdentities", id="NEG-133 empty identities"),
    pytest.param({"trustedIdentities": None}, "trustedIdentities", id="NEG-133 no identities"),
    *[
        pytest.param({"trustStores": ["ca:ok", text]}, "trustStores[1]", id=f"NEG-134 {text!r}")
        for text in ("ca", "CA:x", "foo:x", "ca:", "ca:a/b", "ca:a:b", ":a", "", "ca:..", "ca:.", "ca: a", "ca:\u00e4", 7)  # noqa: E501
    ],
    pytest.param({"registryScopes": None}, "registryScopes", id="NEG-135 no scopes"),
    pytest.param({"registryScopes": []}, "registryScopes", id="NEG-135 empty scopes"),
    pytest.param({"registryScopes": "*"}, "registryScopes", id="NEG-135 scopes are a string"),
    pytest.param({"registryScopes": ["a.example/b", "*"]}, "registryScopes[1]", id="NEG-135 * beside another"),
    *[
        pytest.param({"registryScopes": ["a.example/b", text]}, "registryScopes[1]", id=f"NEG-135 {text!r}")
        for text in (
            "registry.example/*",
            "*.example/app",
            "registry.example/app:v1",
            "registry.example/app@sha256:" + "0" * 64,
            "https://registry.example/app",
            "registry.example/App",
            "registry.example/app/",
            "registry.example//app",
            "registry.example",
            "[::1]:5000/app",
            "registry.example:/app",
            "-registry.example/app",
            "registry..example/app",
            "registry.example/a___b",
            "registry.example/.a",
            "registry.example/app ",
            "registry.example/app\n",
            "registry.example/\u00e4pp",
            "",
            7,
        )
    ],
    pytest.param({"registryScopes": ["a.example/b", "a.example/b"]}, "registryScopes[1]", id="NEG-136 twice in one"),
    pytest.param({"registryScopes": ["*", "*"]}, "registryScopes[1]", id="NEG-136 two * in one"),
    *[
        pytest.param({"trustedIdentities": [text]}, "trustedIdentities[0]", id=f"NEG-137 {text!r}")
        for text in (
            "",
            "C=US, ST=WA, O=Acme",
            "x509.subject:",
            "x509.subject: ",
            ":C=US, ST=WA, O=Acme",
            "x509.subject: c=US, ST=WA, O=Acme",
            "x509.subject: C=US, ST=WA",
            "x509.subject: C=US, O=Acme",
            "x509.subject: ST=WA, O=Acme",
            "x509.subject: C=US, ST=WA, O=",
            "x509.subject: C=US, ST=WA, S=WA, O=Acme",
            "x509.subject: C=US, ST=WA, O=Acme, O=Acme",
            "x509.subject: C=US, ST=WA, O=Acme+CN=x",
            "x509.subject: C=US, ST=WA, O=#0c0141",
            "x509.subject: C=US, ST=WA, O=Acme\\",
            "x509.subject: C=US, ST=WA, O=Ac\\me",
            "x509.subject: C=US, ST=WA, O=Acme,",
            "x509.subject: C=US, ST=WA, O=Acme, builder",
            7,
        )
    ],
    pytest.param({"trustedIdentities": ["*", ACME]}, "trustedIdentities[0]", id="NEG-137 * before another"),
    pytest.param({"trustedIdentities": [ACME, "*"]}, "trustedIdentities[1]", id="NEG-137 * behind another"),
    pytest.param({"trustedIdentities": ["*", "*"]}, "trustedIdentities[0]", id="NEG-137 two *"),
    pytest.param({"trustedIdentities": [ACME, ACME + ", CN=x"]}, "trustedIdentities[1]", id="NEG-138 subset first"),
    pytest.param({"trustedIdentities": [ACME + ", CN=x", ACME]}, "trustedIdentities[1]", id="NEG-138 subset second"),
    pytest.param({"trustedIdentities": [ACME, ACME]}, "trustedIdentities[1]", id="NEG-138 equal"),
    pytest.param({"trustedIdentites": ["*"]}, "trustedIdentites", id="D49 misspelt member"),
    pytest.param({"Name": "harbour"}, "Name", id="D49 folded member"),
    pytest.param({"globalPolicy": True}, "globalPolicy", id="D49 member of the other kind"),
    pytest.param(level("strict", levle="audit"), "signatureVerification.levle", id="D49 inner member"),
    pytest.param(level("strict", Override={}), "signatureVerification.Override", id="D49 inner folded member"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "member"), REFUSALS)
def test_a_refusal_names_the_statement_the_member_and_the_reason(changes: dict[str, Any], member: str) -> None:
    """SCOPE-1, POLICY-14: the bad statement is the second one, and the first is not even usable."""
    good = statement(name="first", registryScopes=["other.example/app"])
    error = refused(oci_policy(good, statement(**changes)))
    named = changes.get("name", "harbour")
    assert error.facts["statement"] == (named if isinstance(named, str) and named else "trustPolicies[1]")
    assert error.facts["member"] == f"trustPolicies[1].{member}"
    assert f"trustPolicies[1].{member}" in str(error)
    assert error.facts["problem"]
    assert str(error).endswith(str(error.facts["problem"]))


@pytest.mark.parametrize(
    ("document", "member", "said"),
    [
        pytest.param({"trustPolicies": [statement()]}, "version", "missing", id="NEG-128 missing"),
        pytest.param({**oci_policy(), "version": "2.0"}, "version", "2.0", id="NEG-128 other"),
        pytest.param({**oci_policy(), "version": 1}, "version", "in quotes", id="NEG-128 number"),
        pytest.param({**oci_policy(), "version": 1.0}, "version", "in quotes", id="NEG-128 fraction"),
        pytest.param({"version": "1.0"}, "trustPolicies", "missing", id="NEG-129 no statements"),
        pytest.param({"version": "1.0", "trustPolicies": []}, "trustPolicies", "no statement", id="NEG-129 zero"),
        pytest.param({"version": "1.0", "trustPolicies": {}}, "trustPolicies", "object", id="POLICY-6 no list"),
        pytest.param({**oci_policy(), "comment": ""}, "comment", "not a member", id="D49 unknown"),
        pytest.param({**oci_policy(), "Version": "1.0"}, "Version", "version", id="D49 folded"),
        pytest.param(b"\xef\xbb\xbf" + json.dumps(oci_policy()).encode(), "", "byte order mark", id="NEG-140 BOM"),
        pytest.param(b"// mine\n" + json.dumps(oci_policy()).encode(), "", "not JSON", id="NEG-140 comment"),
        pytest.param(json.dumps(oci_policy()).encode() + b"x", "", "not JSON", id="POLICY-4 trailing bytes"),
        pytest.param(b"{", "", "not JSON", id="NEG-140 malformed"),
        pytest.param(b"[]", "", "not a JSON object", id="NEG-140 list"),
        pytest.param(b"", "", "not JSON", id="NEG-140 empty"),
        pytest.param(b'{"version": "1.0", "version": "1.0"}', "", "'version' appears twice", id="D49 duplicate"),
    ],
)
def test_a_refusal_of_the_document_names_the_member(document: Any, member: str, said: str) -> None:
    """POLICY-5"""
    error = refused(document)
    assert error.facts["statement"] is None
    assert error.facts["member"] == member
    assert said in str(error)


def test_names_the_place_of_a_statement_that_is_not_an_object() -> None:
    error = refused({"version": "1.0", "trustPolicies": [statement(), "strict"]})
    assert error.facts["statement"] == "trustPolicies[1]"
    assert error.facts["member"] == "trustPolicies[1]"


@pytest.mark.parametrize(
    ("changes", "members"),
    [
        pytest.param({"registryScopes": ["x", "*"]}, ["registryScopes[0]", "registryScopes[1]"], id="scopes"),
        pytest.param(
            {"trustedIdentities": ["bad", "*", ACME, ACME]},
            ["trustedIdentities[0]", "trustedIdentities[1]", "trustedIdentities[3]"],
            id="identities",
        ),
        pytest.param(
            {**level("strict", override={"expiry": "no"}), "trustStores": []},
            ["signatureVerification.override.expiry", "trustStores"],
            id="stores",
        ),
    ],
)
def test_reports_every_mistake_of_a_statement(changes: dict[str, Any], members: list[str]) -> None:
    """Entries that exclude each other were reported only after each entry was right."""
    error = refused(oci_policy(statement(**changes)))
    assert isinstance(error, PolicyError)
    assert sorted(refusal.member for refusal in error.refusals) == [f"{FIRST}.{member}" for member in members]


def test_neg_129_a_name_appears_once() -> None:
    error = refused(oci_policy(statement(), statement(registryScopes=["other.example/app"])))
    assert error.facts["member"] == "trustPolicies[1].name"
    assert error.facts["statement"] == "harbour"
    assert "trustPolicies[0]" in str(error)


def test_policy_7_names_that_differ_in_case_are_two_names() -> None:
    policy = parse(oci_policy(statement(), statement(name="Harbour", registryScopes=["other.example/app"])))
    assert [item.name for item in policy.statements] == ["harbour", "Harbour"]


@pytest.mark.parametrize("scope", ["*", "a.example/b"])
def test_neg_136_a_scope_appears_once_in_the_document(scope: str) -> None:
    """SCOPE-3"""
    error = refused(oci_policy(statement(registryScopes=[scope]), statement(name="b", registryScopes=[scope])))
    assert error.facts["member"] == "trustPolicies[1].registryScopes[0]"
    assert error.facts["statement"] == "b"


@pytest.mark.parametrize(
    ("name", "actions"),
    [
        ("strict", ["enforce"] * 7),
        ("permissive", ["enforce", "enforce", "log", "log", "log", "enforce", "enforce"]),
        ("audit", ["enforce", "log", "log", "log", "log", "enforce", "enforce"]),
        ("skip", ["skip"] * 7),
    ],
)
def test_the_action_table(name: str, actions: list[str]) -> None:
    """Section 7.2, action table (D48: the table of the specification)."""
    found = only(**(SKIP if name == "skip" else level(name)))
    assert [found.actions[check].value for check in Check] == actions
    assert found.level == name
    assert found.base_level is Level(name)
    assert found.skip == (name == "skip")


def test_policy_13_overrides_make_the_level_custom_and_leave_the_rest() -> None:
    found = only(**level("permissive", override={"expiry": "enforce", "revocation": "skip"}))
    assert found.level == "custom"
    assert found.base_level is Level.PERMISSIVE
    assert found.actions[Check.EXPIRY] is Action.ENFORCE
    assert found.actions[Check.REVOCATION] is Action.SKIP
    assert found.actions[Check.AUTHENTIC_TIMESTAMP] is Action.LOG
    assert not found.skip


@pytest.mark.parametrize("name", ["strict", "skip"])
def test_policy_12_an_empty_override_changes_nothing(name: str) -> None:
    found = only(**{**(SKIP if name == "skip" else {}), **level(name, override={})})
    assert found.level == name


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, VerifyTimestamp.ALWAYS),
        ({"verifyTimestamp": "always"}, VerifyTimestamp.ALWAYS),
        ({"verifyTimestamp": "afterCertExpiry"}, VerifyTimestamp.AFTER_CERT_EXPIRY),
    ],
)
def test_policy_9_when_a_timestamp_is_looked_at(members: dict[str, str], expected: VerifyTimestamp) -> None:
    assert only(**level("strict", **members)).verify_timestamp is expected


def test_store_9_a_store_that_is_named_twice_is_one_store() -> None:
    found = only(trustStores=["ca:a", "tsa:a", "ca:b", "ca:a"])
    assert found.stores_of("ca") == (StoreRef(StoreType.CA, "a"), StoreRef(StoreType.CA, "b"))
    assert found.stores_of("tsa") == (StoreRef(StoreType.TSA, "a"),)
    assert found.stores_of("signingAuthority") == ()


def test_policy_10_skip_needs_neither_stores_nor_identities() -> None:
    found = only(**level("skip"), trustStores=None, trustedIdentities=None)
    assert (found.stores, found.identities) == ((), ())


@pytest.mark.parametrize(("scope", "shouted"), [("*", True), ("a.example/b", False)])
def test_neg_141_d22_a_skip_for_everything_is_accepted_and_flagged(scope: str, shouted: bool) -> None:
    found = only(**SKIP, registryScopes=[scope])
    assert (found.skip, found.is_global) == (True, shouted)


def test_strict_for_everything_is_not_a_global_skip() -> None:
    assert not only().skip


@pytest.fixture
def policy() -> OciPolicy:
    return parse(
        oci_policy(
            statement(),
            statement(name="own", registryScopes=["registry.example:5000/app", "registry.example/team/app"]),
        )
    )


@pytest.mark.parametrize(
    ("scope", "name"),
    [
        pytest.param("registry.example:5000/app", "own", id="SCOPE-4 exact before *"),
        pytest.param("registry.example/team/app", "own", id="SCOPE-4 second scope"),
        pytest.param("registry.example/team", "harbour", id="a prefix is another repository"),
        pytest.param("registry.example/team/app/x", "harbour", id="a longer one is another repository"),
        pytest.param("Registry.example:5000/app", "harbour", id="NEG-139 case of the host"),
        pytest.param("registry.example/app", "harbour", id="NEG-139 port"),
        pytest.param(None, "harbour", id="not known"),
    ],
)
def test_scope_4_selection(policy: OciPolicy, scope: str | None, name: str) -> None:
    assert policy.select(scope).name == name


@pytest.mark.parametrize("scope", ["Registry.example/app", "registry.example:443/app", "registry.example/ap", None])
def test_neg_139_without_a_statement_nothing_is_judged(scope: str | None) -> None:
    policy = parse(oci_policy(statement(registryScopes=["registry.example/app"])))
    with pytest.raises(Rejected) as caught:
        policy.select(scope)
    assert caught.value.reason == "policy.no_statement"
    assert caught.value.facts["scope"] == scope


@pytest.mark.parametrize(
    "scope", ["", "*", "app", "registry.example/app:v1", "registry.example/app@sha256:00", "a/b\x1b"]
)
def test_malformed_repositories_get_no_statement(policy: OciPolicy, scope: str) -> None:
    """SCOPE-5: a tag never selects; it is resolved before, and what it is resolved to has a repository."""
    with pytest.raises(Rejected) as caught:
        policy.select(scope)
    assert caught.value.reason == "policy.no_statement"
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("scope", ["registry.example/app:v1", "registry.example/app@sha256:00", "app", "*", "oci:x/y"])
def test_scope_2_a_malformed_scope_of_the_caller_is_a_usage_error(scope: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_scope(scope)
    assert caught.value.facts["scope"] == scope


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        ("registry.example/app:v1", "has a tag"),
        ("registry.example/app@sha256:00", "has a digest"),
        ("https://registry.example/app", "has a scheme"),
        ("registry.example/*", "has a wildcard"),
        ("app", "not fully qualified"),
        ("registry.example/App", "lower case"),
        ("[::1]/app", "no valid registry name"),
    ],
)
def test_scope_2_explains_a_malformed_scope(scope: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check_scope(scope)


@pytest.mark.parametrize(
    "scope",
    ["local/x", "localhost:5000/a", "a/b", "registry.example/a.b_c__d-e--f/0", "A.Example/x", "127.0.0.1:5000/x"],
)
def test_scope_2_repositories(scope: str) -> None:
    assert check_scope(scope) == scope
    assert only(registryScopes=[scope]).scopes == (scope,)


def test_policy_11_only_tsa_stores_are_doubtful() -> None:
    (notice,) = parse(oci_policy(statement(trustStores=["tsa:a"]))).notices
    assert notice.reason == "policy.doubtful"
    assert notice.facts["statement"] == "harbour"
    assert "tsa" in notice.message


def test_d57_identities_that_both_can_fit_are_doubtful_and_subsets_are_refused() -> None:
    (notice,) = parse(oci_policy(statement(trustedIdentities=[ACME + ", CN=x", ACME + ", OU=y"]))).notices
    assert "both fit" in notice.message


def test_a_plain_policy_has_no_notices() -> None:
    assert parse(oci_policy(statement(trustedIdentities=[ACME, "x509.subject: C=US, ST=WA, O=Other"]))).notices == ()


def test_the_digest_is_of_the_exact_bytes() -> None:
    data = json.dumps(oci_policy(), indent=3).encode()
    assert OciPolicy.parse(data, "p").digest == f"sha256:{hashlib.sha256(data).hexdigest()}"


def test_names_and_members_are_shown_escaped() -> None:
    error = refused(oci_policy(statement(name="\x1b[2J", registryScopes=["\x1b[2J/x"])))
    assert "\x1b" not in str(error)
    assert error.facts["statement"] == "\\x1b[2J"


def test_bounds_are_refused_not_cut() -> None:
    many = [statement(name=str(number), registryScopes=[f"a.example/r{number}"]) for number in range(1001)]
    assert refused(oci_policy(*many)).facts["member"] == "trustPolicies"
    assert parse(oci_policy(*many[:1000])).select("a.example/r999").name == "999"
    identities = [f"x509.subject: C=US, ST=WA, O=Acme {number}" for number in range(1001)]
    assert refused(oci_policy(statement(trustedIdentities=identities))).facts["member"] == f"{FIRST}.trustedIdentities"


@pytest.mark.parametrize("changes", [{}, {"verifyTimestamp": ""}, {"verifyTimestamp": "always"}])
def test_policy_9_an_absent_or_empty_verify_timestamp_means_always(changes: dict[str, str]) -> None:
    """The reference does not tell an empty text from an absent one."""
    (only,) = OciPolicy.parse(
        json.dumps(oci_policy(statement(**level("strict", **changes)))).encode(), "policy"
    ).statements
    assert only.verify_timestamp is VerifyTimestamp.ALWAYS


@pytest.mark.parametrize("value", ["1.5", "1e400", "[1.5]", '{"a":1.5}'])
@pytest.mark.parametrize(
    "member", ["name", "trustStores", "registryScopes", "trustedIdentities", "signatureVerification"]
)
def test_a_fraction_is_refused_in_every_member(member: str, value: str) -> None:
    """D49: policies are as strict as before; the message names the member."""
    text = json.dumps(oci_policy(statement(**{member: "HERE"}))).replace('"HERE"', value)
    with pytest.raises(TrustMaterialError) as caught:
        OciPolicy.parse(text.encode(), "policy")
    assert caught.value.reason == "policy.malformed"


@pytest.mark.parametrize(
    ("document", "hint"),
    [
        ({"trustedIdentites": ["*"]}, "did you mean trustedIdentities?"),
        ({"TrustStores": []}, "in this spelling: trustStores"),
        ({"comment": ""}, "is not a member of this object"),
    ],
)
def test_a_misspelt_member_gets_a_hint(document: dict[str, object], hint: str) -> None:
    with pytest.raises(TrustMaterialError) as caught:
        OciPolicy.parse(json.dumps(oci_policy({**statement(), **document})).encode(), "policy.json")
    assert hint in str(caught.value)


def test_a_misspelt_level_gets_a_hint() -> None:
    """POLICY-8"""
    with pytest.raises(TrustMaterialError, match=r"did you mean strict\?"):
        OciPolicy.parse(json.dumps(oci_policy(statement(**level("stric")))).encode(), "policy.json")
