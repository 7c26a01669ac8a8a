"""Which repository, and which statement: a given name counts as given, and a claim never weakens (decision 0023)."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from airgap.errors import Rejected
from airgap.trust.choice import Named, choose_statement, name_artifact, repository_of
from airgap.trust.levels import Action, Check, VerifyTimestamp
from airgap.trust.policy import OciPolicy
from tests.support.trust import oci_policy, statement

LAB, PROD = "registry.example/lab", "registry.example/prod"
ACME = "x509.subject: C=US, ST=WA, O=acme"
SKIP: dict[str, Any] = {
    "signatureVerification": {"level": "skip"}, "trustStores": None, "trustedIdentities": None,
}  # fmt: skip


def policy(*statements: dict[str, Any]) -> OciPolicy:
    return OciPolicy.parse(json.dumps(oci_policy(*statements)).encode(), "policy")


def lab(level: str | dict[str, Any] = "audit", **changes: Any) -> dict[str, Any]:
    verification = {"level": level} if isinstance(level, str) else level
    return statement(name="lab", registryScopes=[LAB], signatureVerification=verification) | changes


def prod(level: str | dict[str, Any] = "strict") -> dict[str, Any]:
    verification = {"level": level} if isinstance(level, str) else level
    return statement(name="prod", registryScopes=[PROD], signatureVerification=verification)


def refused(found: OciPolicy, scope: str | None, origin: Any) -> str:
    with pytest.raises(Rejected) as caught:
        choose_statement(found, Named(scope=scope, origin=origin))
    return caught.value.reason


@pytest.mark.parametrize("origin", ["option", "name"])
def test_a_typed_name_gets_its_own_statement(origin: Any) -> None:
    chosen = choose_statement(policy(lab(), prod()), Named(scope=LAB, origin=origin))
    assert (chosen.statement.name, chosen.statement.actions[Check.REVOCATION], chosen.note) == ("lab", Action.LOG, "")


@pytest.mark.parametrize(
    ("scope", "how"), [("Registry.Example/prod", "in case only"), ("registry.example:443/prod", "in the port only")]
)
def test_a_note_names_a_statement_for_the_same_repository_in_another_spelling(scope: str, how: str) -> None:
    everything = statement(name="rest", signatureVerification={"level": "audit"})
    chosen = choose_statement(policy(prod(), everything), Named(scope=scope, origin="option"))
    assert chosen.statement.name == "rest"
    assert f"not 'prod', which is for {PROD}: it differs from {scope} {how}" in chosen.note


def test_no_note_names_a_statement_that_judges_alike() -> None:
    chosen = choose_statement(policy(prod(), statement()), Named(scope="Registry.Example/prod", origin="option"))
    assert chosen.note == ""


class TestRecord:
    @pytest.mark.parametrize(
        "weak",
        ["audit", "permissive", {"level": "strict", "override": {"revocation": "skip", "authenticity": "log"}}],
        ids=["audit", "permissive", "override"],
    )
    def test_weaker_actions_are_taken_from_the_stricter_statement(self, weak: Any) -> None:
        chosen = choose_statement(policy(lab(weak), prod()), Named(scope=LAB, origin="record"))
        assert set(chosen.statement.actions.values()) == {Action.ENFORCE}
        assert (chosen.statement.name, chosen.statement.level) == ("lab", "custom")
        assert "weaker than 'prod' (" in chosen.note

    def test_each_action_is_the_strictest_of_all_statements(self) -> None:
        one = lab({"level": "strict", "override": {"expiry": "log"}})
        other = prod({"level": "strict", "override": {"revocation": "log"}})
        chosen = choose_statement(policy(one, other), Named(scope=LAB, origin="record")).statement
        assert (chosen.actions[Check.EXPIRY], chosen.actions[Check.REVOCATION]) == (Action.ENFORCE, Action.ENFORCE)

    def test_verifies_timestamps_as_the_stricter_statement_demands(self) -> None:
        weak = lab({"level": "strict", "verifyTimestamp": "afterCertExpiry"})
        chosen = choose_statement(policy(weak, prod()), Named(scope=LAB, origin="record"))
        assert chosen.statement.verify_timestamp is VerifyTimestamp.ALWAYS
        assert "verifyTimestamp" in chosen.note

    def test_stores_and_identities_stay_those_of_the_statement(self) -> None:
        own = lab(trustStores=["ca:lab"], trustedIdentities=["x509.subject: C=US, ST=WA, O=lab"])
        chosen = choose_statement(policy(own, prod()), Named(scope=LAB, origin="record")).statement
        assert [str(store) for store in chosen.stores] == ["ca:lab"]
        assert len(chosen.identities) == 1

    def test_stricter_or_equal_statement_is_used_as_it_is(self) -> None:
        found = policy(lab("strict"), prod("audit"), statement(name="rest", **SKIP))
        chosen = choose_statement(found, Named(scope=LAB, origin="record"))
        assert (chosen.statement, chosen.note) == (found.statements[0], "")

    @pytest.mark.parametrize("others", [(), (prod(),), (prod("audit"),)], ids=["alone", "strict", "audit"])
    def test_skip_is_never_chosen(self, others: tuple[dict[str, Any], ...]) -> None:
        found = policy(statement(name="lab", registryScopes=[LAB], **SKIP), *others)
        assert refused(found, LAB, "record") == "policy.scope_needed"

    def test_skip_for_all_is_not_reached_by_a_name_that_no_statement_has(self) -> None:
        found = policy(statement(name="rest", **SKIP), prod())
        assert refused(found, "registry.example/unknown", "record") == "policy.scope_needed"
        assert choose_statement(policy(statement(**SKIP)), Named(scope=LAB, origin="record")).statement.skip

    def test_a_record_gives_no_statement_where_none_applies(self) -> None:
        assert refused(policy(prod()), LAB, "record") == "policy.no_statement"


class TestNoName:
    def test_statement_for_all_counts_where_none_is_stricter(self) -> None:
        found = policy(statement(name="rest"), lab(), prod())
        assert choose_statement(found, Named(scope=None, origin=None)).statement.name == "rest"

    @pytest.mark.parametrize("rest", ["audit", "permissive"])
    def test_weaker_statement_for_all_does_not_count(self, rest: str) -> None:
        found = policy(statement(name="rest", signatureVerification={"level": rest}), prod())
        assert refused(found, None, None) == "policy.scope_needed"
        assert refused(found, None, "option") == "policy.scope_needed", (
            "no option says that the repository is not known"
        )

    @pytest.mark.parametrize("name", [PROD, LAB])
    def test_statement_for_all_does_not_judge_what_has_the_name_of_another(self, name: str) -> None:
        found = policy(statement(name="rest"), prod() | {"trustStores": ["ca:prod"]})
        named = name_artifact(scope=None, typed="v1", tags=["v1", f"{name}:v1"], recorded=[])
        assert (named.scope, named.own) == (None, (name,))
        assert choose_statement(policy(statement(name="rest"), prod()), named).statement.name == "rest", "alike"
        if name == LAB:
            assert choose_statement(found, named).statement.name == "rest"
            return
        with pytest.raises(Rejected, match=f"called {PROD} here.*'prod'") as caught:
            choose_statement(found, named)
        assert caught.value.reason == "policy.scope_needed"

    @pytest.mark.parametrize(
        ("rest", "other", "asked"),
        [
            ({}, {"trustStores": ["ca:prod"]}, True),
            ({"trustStores": ["ca:a", "ca:b"]}, {"trustStores": ["ca:b"]}, True),
            ({"trustStores": ["ca:b"]}, {"trustStores": ["ca:a", "ca:b"]}, False),
            ({"trustStores": ["ca:a", "tsa:t"]}, {"trustStores": ["ca:a"]}, True),
            ({}, {"trustedIdentities": [f"{ACME}, OU=Release"]}, True),
            ({"trustedIdentities": [ACME]}, {"trustedIdentities": [f"{ACME}, OU=Release"]}, True),
            ({"trustedIdentities": [f"{ACME}, OU=Release"]}, {"trustedIdentities": [ACME]}, False),
            ({"trustedIdentities": [ACME]}, {"trustedIdentities": ["*"]}, False),
            ({"trustedIdentities": [ACME, "other:a"]}, {"trustedIdentities": [ACME, "other:b"]}, True),
            ({"trustStores": ["ca:a"]}, SKIP, False),
        ],
    )  # fmt: skip
    def test_statement_for_all_must_not_accept_more_signers(
        self, rest: dict[str, Any], other: dict[str, Any], *, asked: bool
    ) -> None:
        found = policy(
            statement(**({"name": "rest"} | rest)), statement(**({"name": "prod", "registryScopes": [PROD]} | other))
        )
        no_name = name_artifact(scope=None, typed="v1", tags=["v1"], recorded=[])
        named = name_artifact(scope=None, typed="v1", tags=["v1", f"{LAB}:v1"], recorded=[])
        assert choose_statement(found, named).statement.name == "rest", "another name chooses the statement for all"
        if not asked:
            assert choose_statement(found, no_name).statement.name == "rest"
            return
        with pytest.raises(
            Rejected, match="for all repositories accepts signers that 'prod' does not accept"
        ) as caught:
            choose_statement(found, no_name)
        assert caught.value.reason == "policy.scope_needed"

    def test_skip_for_all_counts_only_where_there_is_nothing_else(self) -> None:
        assert refused(policy(statement(name="rest", **SKIP), prod("audit")), None, None) == "policy.scope_needed"
        assert choose_statement(policy(statement(**SKIP)), Named(scope=None, origin=None)).statement.skip

    def test_without_a_statement_for_all_there_is_none(self) -> None:
        assert refused(policy(prod()), None, None) == "policy.no_statement"


class TestName:
    def test_the_option_counts_before_all_others(self) -> None:
        named = name_artifact(scope=LAB, typed=f"{PROD}:v1", tags=[f"{PROD}:v1"], recorded=[PROD])
        assert named == Named(scope=LAB, origin="option")

    @pytest.mark.parametrize("recorded", [[], [None], [PROD], [LAB, PROD]])
    def test_typed_name_counts_where_no_record_disagrees(self, recorded: list[str | None]) -> None:
        named = name_artifact(scope=None, typed=f"{PROD}:v1", tags=[f"{PROD}:v1"], recorded=recorded)
        assert named == Named(scope=PROD, origin="name")

    @pytest.mark.parametrize("typed", [f"{PROD}:v1", "v1", None])
    def test_record_of_another_repository_is_refused(self, typed: str | None) -> None:
        with pytest.raises(Rejected, match=f"called {PROD} here, and its acquisition record .* from {LAB}") as caught:
            name_artifact(scope=None, typed=typed, tags=[f"{PROD}:v1"], recorded=[LAB])
        assert caught.value.reason == "policy.name_conflict"

    def test_short_tag_takes_the_recorded_name(self) -> None:
        named = Named(scope=LAB, origin="record", by_docker=("localhost/v1", LAB))
        assert name_artifact(scope=None, typed="v1", tags=["v1"], recorded=[LAB]) == named

    def test_its_own_full_name_selects_one_of_several_records(self) -> None:
        named = name_artifact(scope=None, typed=None, tags=[f"{PROD}:v1"], recorded=[LAB, PROD])
        assert (named.scope, named.origin) == (PROD, "record")

    def test_the_full_name_of_a_short_tag_selects_one_of_several_records(self) -> None:
        names = [f"{PROD}:v1", f"{LAB}:v2"]
        named = name_artifact(scope=None, typed="v2", called=names[1], tags=names, recorded=[PROD, LAB])
        assert (named.scope, named.origin) == (LAB, "record")

    def test_record_has_to_agree_with_every_name_of_the_same_content(self) -> None:
        with pytest.raises(Rejected, match=f"called {PROD} here"):
            name_artifact(scope=None, typed="v2", called="v2", tags=["v2", f"{PROD}:v1"], recorded=[LAB])

    def test_several_records_without_a_choice_give_no_name(self) -> None:
        named = name_artifact(scope=None, typed="v1", tags=["v1"], recorded=[LAB, PROD])
        assert (named.scope, named.origin) == (None, None)
        assert "several repositories" in named.note

    def test_a_name_that_only_the_layout_has_is_not_used(self) -> None:
        assert name_artifact(scope=None, typed="v1", tags=[f"{PROD}:v1"], recorded=[]).scope is None

    @pytest.mark.parametrize(
        "name",
        [
            PROD,
            "registry.example/Prod:v1",
            "registry.example./prod:v1",
            "registry.example//prod:v1",
            "registry.example/prod:v1 ",
            "registry.example/prod:v1@x",
            "docker://registry.example/prod:v1",
            "/registry.example/prod:v1",
            "localhost/Prod",
        ],
    )
    @pytest.mark.parametrize("typed", [True, False])
    def test_a_full_name_in_any_form_counts_before_the_record(self, name: str, *, typed: bool) -> None:
        with pytest.raises(Rejected) as caught:
            name_artifact(scope=None, typed=name if typed else None, tags=[name], recorded=[LAB])
        assert caught.value.reason == "policy.name_conflict"

    @pytest.mark.parametrize("name", ["v1", "app:v1", "library/app:v1", LAB, f"{LAB}:v1"])
    def test_an_equal_or_short_name_keeps_the_record(self, name: str) -> None:
        assert name_artifact(scope=None, typed=name, tags=[name], recorded=[LAB]).scope == LAB

    @pytest.mark.parametrize("claim", ["Registry.example/../x", "*", "", "\x1b[2J"])
    def test_a_record_without_a_repository_gives_no_name(self, claim: str) -> None:
        assert name_artifact(scope=None, typed="v1", tags=["v1"], recorded=[claim]).scope is None


@pytest.mark.parametrize(
    ("name", "repository"),
    [
        ("reg.example:5000/app:v1", "reg.example:5000/app"),
        (f"reg.example/app@sha256:{'0' * 64}", "reg.example/app"),
        ("docker.io/library/app:v1", "docker.io/library/app"),
        ("library/app:v1", None),
        ("v1", None),
        ("reg.example/app", "reg.example/app"),
        ("docker://reg.example/app:v1", None),
        ("reg.example/app:v1\x1b", None),
    ],
)
def test_reads_the_repository_of_a_name(name: str, repository: str | None) -> None:
    assert repository_of(name) == repository


class TestSeveralNamesOfOneEntry:
    """containerd imports an entry by its own annotation; skopeo and oras take it by ref.name."""

    def chosen(self, found: OciPolicy, entries: list[tuple[str, ...]], loaded: tuple[str, ...] = ()) -> str:
        tags = [name for names in entries for name in names]
        named = name_artifact(
            scope=None, typed=f"{LAB}:v1", called=f"{LAB}:v1", tags=tags, recorded=[], entries=entries, loaded=loaded
        )
        try:
            return choose_statement(found, named).statement.name
        except Rejected as error:
            return f"{error.reason} of {error}"

    @pytest.mark.parametrize(
        ("entries", "loaded", "asks"),
        [
            ([(f"{LAB}:v1",)], (), False),
            ([(f"{LAB}:v1", f"{PROD}:v1")], (), True),
            ([(f"{PROD}:v1", f"{LAB}:v1")], (), True),
            ([(f"{LAB}:v1", f"{LAB}:v2")], (), False),
            ([(f"{LAB}:v1", "v1")], (), False),
            ([(f"{LAB}:v1", "REGISTRY.example:443/lab:v1")], (), False),
            ([(f"{LAB}:v1",), (f"{PROD}:v1",)], (), False),  # two entries: each tool takes the one that it is asked for
            ([(f"{LAB}:v1",)], (f"{LAB}:v1",), False),
            ([(f"{LAB}:v1",)], (f"{PROD}:v1",), True),
            ([(f"{LAB}:v1",)], (f"{LAB}:v1", f"{PROD}:v1"), True),
        ],
    )
    def test_the_other_name_is_judged_alike_or_the_scope_is_asked_for(
        self, entries: list[tuple[str, ...]], loaded: tuple[str, ...], asks: bool
    ) -> None:
        """What was verified by the weaker statement of one name was imported and run by the other name."""
        expected = f"policy.scope_needed of what is called {LAB} here" if asks else "lab"
        assert self.chosen(policy(lab(), prod()), entries, loaded).startswith(expected)
        assert self.chosen(policy(lab(), statement(name="rest")), entries, loaded).startswith(expected)
        assert self.chosen(policy(lab()), entries, loaded).startswith(expected), "no statement at all for the other"
        assert self.chosen(policy(lab("strict"), prod()), entries, loaded) == "lab", "alike"
        both = policy(lab(registryScopes=[LAB, PROD]))
        assert self.chosen(both, entries, loaded) == "lab", "one statement for both"

    def test_a_name_without_a_host_is_that_of_docker(self) -> None:
        hub = "docker.io/library/app"
        found = policy(lab(registryScopes=[hub]), prod())
        for other in ("app:v1", "index.docker.io/library/app:v1", "library/app:v1"):
            names = (f"{hub}:v1", other)
            named = name_artifact(scope=None, typed=f"{hub}:v1", tags=names, recorded=[], entries=[names])
            assert choose_statement(found, named).statement.name == "lab", other
        names = (f"{LAB}:v1", "app:v1")
        named = name_artifact(scope=None, typed=f"{LAB}:v1", tags=names, recorded=[], entries=[names])
        with pytest.raises(Rejected, match=re.escape(hub)):
            choose_statement(policy(lab(), prod() | {"registryScopes": [hub]}), named)
