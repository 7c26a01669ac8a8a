"""What an allowed verification plugin decides, and what it cannot (VERIFY-11, VERIFY-20 to VERIFY-25, D6, D26)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from airgap.moment import Moment
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.pki.certificate import Certificate
from airgap.pki.chain import Anchors
from airgap.plugin.host import Plugin, PluginError
from airgap.revocation.freshness import Freshness
from airgap.trust.levels import Check
from airgap.trust.policy import OciPolicy
from airgap.trust.statement import Statement
from airgap.verdict import Verdict
from airgap.verifier.candidate import Candidate
from airgap.verifier.engine import SignatureVerifier
from airgap.verifier.outcome import SignatureOutcome
from airgap.verifier.verification_plugins import AllowedPlugins
from tests.support import envelopes
from tests.support.crls import crl, entry, scope
from tests.support.envelopes import PLUGIN, PLUGIN_VERSION, SCHEME
from tests.support.evidence import MemoryEvidence
from tests.support.extensions import UNKNOWN_CRITICAL
from tests.support.pki import AT, Issued, Pki, issue
from tests.support.plugins import IDENTITY, RAW, REVOCATION, Behaviour, fake
from tests.support.trust import oci_policy, statement

NOW = Moment(judged=AT, clock=AT)
TARGET = Descriptor(
    media_type=str(envelopes.TARGET["mediaType"]), digest=Digest.parse(str(envelopes.TARGET["digest"])), size=411
)
LEAF = Pki().code_chain()
FORMS = pytest.mark.parametrize("media_type", [envelopes.JWS, envelopes.COSE], ids=["jws", "cose"])


@dataclass
class Shelf:
    """A host that knows one plugin, and how often it was asked for it."""

    behaviour: Behaviour
    asked: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)

    def find(self, name: str) -> Plugin:
        import json

        self.asked.append(name)
        if name != self.behaviour.name:
            raise PluginError(name, "it is not installed")
        plugin = fake(self.behaviour)
        call = plugin._call

        def watch(command: str, request: bytes, seconds: float) -> bytes:
            self.commands.append(command)
            self.requests.append(json.loads(request))
            return call(command, request, seconds)

        return Plugin(name, watch)


@dataclass
class Trust:
    """A body of trust with one store."""

    root: Issued
    evidence: MemoryEvidence = field(default_factory=MemoryEvidence)
    freshness: Freshness = field(default_factory=Freshness)

    def stored(self) -> tuple[Certificate, ...]:
        return ()

    def anchors(self, _statement: Statement, _kind: str, /) -> Anchors:
        return Anchors.of({"ca:harbour": (Certificate.parse(self.root.der),)})

    def others(self, _statement: Statement, _kind: str, /) -> dict[str, Anchors]:
        return {}


def policy(level: str = "strict", **members: Any) -> Statement:
    import json

    verification = {"level": level, **({"override": members.pop("override")} if "override" in members else {})}
    document = oci_policy(statement(signatureVerification=verification, **members))
    return OciPolicy.parse(json.dumps(document).encode(), "policy").select(None)


def demanding(name: str = "good", /, version: Any = None, **extended: Any) -> dict[str, Any]:
    """Changes to the protected header: a plugin, and further critical attributes."""
    crit = [SCHEME, PLUGIN, *([PLUGIN_VERSION] if version else []), *extended]
    return {"crit": crit, PLUGIN: name, **({PLUGIN_VERSION: version} if version else {}), **extended}


def judge(
    protected: Mapping[str, Any],
    behaviour: Behaviour | None = None,
    *,
    media_type: str = envelopes.JWS,
    allowed: tuple[str, ...] = ("good",),
    terms: Statement | None = None,
    leaf: Issued = LEAF,
    root: Issued | None = None,
    shelf: Shelf | None = None,
    crls: Mapping[str, bytes] | None = None,
) -> SignatureOutcome:
    shelf = shelf or Shelf(behaviour or Behaviour())
    plugins = AllowedPlugins(host=shelf, names=frozenset(allowed), config={"a": "b"}) if allowed else None
    raw = envelopes.forge(media_type, leaf, protected=protected)
    digest = Digest.of(raw)
    candidate = Candidate(
        digest=digest, envelope=Descriptor(media_type=media_type, digest=digest, size=len(raw)), raw=raw
    )
    return SignatureVerifier(Trust(root or leaf.root, MemoryEvidence(crls)), moment=NOW, plugins=plugins).judge(
        candidate, target=TARGET, statement=terms or policy(), metadata={}
    )


def test_a_plugin_cannot_override_a_revocation() -> None:
    """Decision 0009: what is revoked for good stays revoked, whatever a plugin answers."""
    listed = {"a.crl": crl(LEAF.chain[1], revoked=[LEAF])}
    outcome = judge(demanding(), Behaviour(capabilities=[REVOCATION]), crls=listed)
    assert blocked(outcome) == {"revocation": "revocation.revoked"}
    doubtful = {"a.crl": crl(LEAF.chain[1], revoked=[entry(LEAF.serial, extra=[UNKNOWN_CRITICAL])])}
    outcome = judge(demanding(), Behaviour(capabilities=[REVOCATION]), crls=doubtful)
    assert blocked(outcome) == {"revocation": "revocation.crl.extension"}
    assert blocked(judge(demanding(), Behaviour(capabilities=[REVOCATION]))) == {}


HELD = entry(LEAF.serial, reason="certificateHold")
NAMED = issue("leaf", issuer=LEAF.issuer, serial=LEAF.serial, crl_urls=["http://crl.example/a.crl"])
EARLIER, LATER = AT - timedelta(days=3), AT - timedelta(hours=1)


@pytest.mark.parametrize(
    ("crls", "reason"),
    [
        pytest.param([crl(LEAF.chain[1], revoked=[HELD])], "revocation.on_hold", id="counts"),
        pytest.param([crl(LEAF.chain[1], revoked=[HELD], next_update=LATER)], "revocation.crl.stale", id="stale"),
        pytest.param(
            [crl(LEAF.chain[1], revoked=[HELD], scope=scope(only_ca=True))], "revocation.crl.scope", id="other-scope"
        ),
        pytest.param(
            [crl(LEAF.chain[1], revoked=[HELD], this_update=EARLIER), crl(LEAF.chain[1], number=2)],
            None,
            id="lifted-by-a-newer-one",
        ),
        pytest.param(
            [crl(LEAF.chain[1], this_update=EARLIER), crl(LEAF.chain[1], revoked=[HELD], number=2)],
            "revocation.on_hold",
            id="older-one-is-silent",
        ),
        pytest.param(
            [crl(LEAF.chain[1], revoked=[HELD]), crl(LEAF.chain[2], revoked=[LEAF.chain[1]])],
            "revocation.revoked",
            id="revoked-wins",
        ),
    ],
)
@pytest.mark.parametrize("named", [False, True], ids=["no-point", "point"])
def test_a_plugin_cannot_override_a_hold(crls: list[bytes], reason: str | None, *, named: bool) -> None:
    """Only newer evidence that counts does: what the plugin knows and when it learned it is not known."""
    leaf = NAMED if named else LEAF
    listed = {f"{number}.crl": data for number, data in enumerate(crls)}
    outcome = judge(demanding(), Behaviour(capabilities=[REVOCATION]), leaf=leaf, crls=listed)
    assert blocked(outcome) == ({"revocation": reason} if reason else {})


def blocked(outcome: SignatureOutcome) -> dict[str, str | None]:
    """Check to reason of what keeps the signature from being accepted."""
    return {finding.check.value: finding.reason for finding in outcome.findings if finding.blocks}


# Allowed and good


@FORMS
def test_an_allowed_plugin_is_asked_once_and_accepts(media_type: str) -> None:
    shelf = Shelf(Behaviour())
    outcome = judge(demanding(), media_type=media_type, shelf=shelf)
    assert (outcome.verdict, outcome.plugin) == (Verdict.PASS, "good")
    assert shelf.commands == ["get-plugin-metadata", "verify-signature"]


@FORMS
def test_the_request_to_the_plugin(media_type: str) -> None:
    """PLUGIN-26, D40, VERIFY-21: all attributes that JSON can say, of which the critical ones are to be processed."""
    shelf = Shelf(Behaviour())
    protected = {
        **demanding(version="1.0.0", **{"com.example.job": "7", "com.example.count": 3}),
        "com.example.note": "x",
    }
    terms = policy(trustedIdentities=["com.example.id: job/*", "x509.subject: C=US, ST=WA, O=Harbour Works"])
    assert judge(protected, media_type=media_type, shelf=shelf, terms=terms).verdict is Verdict.PASS
    request = shelf.requests[-1]
    assert request["signature"]["criticalAttributes"] == {
        "contentType": envelopes.CONTENT_TYPE,
        "signingScheme": "notary.x509",
        "verificationPlugin": "good",
        "verificationPluginMinVersion": "1.0.0",
        "extendedAttributes": {"com.example.job": "7", "com.example.count": 3, "com.example.note": "x"},
    }
    assert sorted(request["signature"]["unprocessedAttributes"]) == ["com.example.count", "com.example.job"]
    assert request["signature"]["certificateChain"] == [envelopes.b64(item.der) for item in LEAF.chain]
    assert request["trustPolicy"] == {
        "trustedIdentities": ["com.example.id: job/*", "x509.subject: C=US, ST=WA, O=Harbour Works"],
        "signatureVerification": [IDENTITY, REVOCATION],
    }
    assert request["pluginConfig"] == {"a": "b"}


@pytest.mark.parametrize("minimum", ["1.2.3", "1.2.3-rc.1", "0.9.0", "1.2.3+build"])
def test_accepts_the_minimum_version(minimum: str) -> None:
    """VERIFY-11: greater than or equal."""
    assert judge(demanding(version=minimum)).verdict is Verdict.PASS


def test_times_reach_the_plugin_as_rfc_3339() -> None:
    """PLUGIN-26."""
    shelf = Shelf(Behaviour())
    raw = demanding()
    expiry = {**raw, "crit": [*raw["crit"], envelopes.EXPIRY], envelopes.EXPIRY: envelopes.EXPIRES_AT}
    judge(expiry, shelf=shelf)
    assert shelf.requests[-1]["signature"]["criticalAttributes"]["expiry"] == "2027-01-02T03:04:05Z"


def test_a_plugin_replaces_the_identity_check() -> None:
    """ID-16, VERIFY-12: identities that only it understands are enough."""
    terms = policy(trustedIdentities=["com.example.id: job/*"])
    assert blocked(judge({}, terms=terms)) == {"authenticity": "identity.none"}
    assert judge(demanding(), terms=terms).verdict is Verdict.PASS


def test_without_the_capability_airgap_checks_the_identity() -> None:
    terms = policy(trustedIdentities=["com.example.id: job/*"])
    outcome = judge(demanding(), Behaviour(capabilities=[REVOCATION]), terms=terms)
    assert blocked(outcome)["authenticity"] == "identity.none"


def test_a_plugin_replaces_the_check_of_revocation() -> None:
    """VERIFY-15: no CRL is available, and none is needed."""
    leaf = Pki().code_chain(leaf={"crl_urls": ["http://crl.example/a.crl"]})
    assert blocked(judge({}, leaf=leaf)) == {"revocation": "revocation.crl.missing"}
    assert judge(demanding(), leaf=leaf).verdict is Verdict.PASS
    outcome = judge(demanding(), Behaviour(capabilities=[IDENTITY]), leaf=leaf)
    assert blocked(outcome) == {"revocation": "revocation.crl.missing"}


# The results of a plugin, under the policy's action


@pytest.mark.parametrize(
    ("capability", "check", "reason"),
    [(IDENTITY, "authenticity", "identity.plugin"), (REVOCATION, "revocation", "revocation.plugin")],
)
def test_a_negative_answer_fails_its_check(capability: str, check: str, reason: str) -> None:
    """VERIFY-23, NEG-126."""
    behaviour = Behaviour(refuse={capability: "\x1b[2Jnobody knows it"})
    outcome = judge(demanding(), behaviour)
    assert blocked(outcome) == {check: reason}
    finding = next(finding for finding in outcome.findings if finding.reason == reason)
    assert "good 1.2.3" in finding.message
    assert "\\x1b[2Jnobody knows it" in finding.message


def test_a_negative_answer_without_a_reason_says_so() -> None:
    outcome = judge(demanding(), Behaviour(refuse={IDENTITY: ""}))
    (finding,) = (finding for finding in outcome.findings if finding.reason == "identity.plugin")
    assert finding.message.endswith(": it gives no reason")


def test_a_negative_answer_is_logged_where_the_policy_logs() -> None:
    """VERIFY-23: audit logs authenticity and revocation."""
    outcome = judge(demanding(), Behaviour(refuse={IDENTITY: "no", REVOCATION: "no"}), terms=policy("audit"))
    assert outcome.verdict is Verdict.PASS
    assert {finding.reason for finding in outcome.findings if finding.reason} == {
        "identity.plugin",
        "revocation.plugin",
    }


def test_revocation_that_the_policy_skips_is_not_asked_for() -> None:
    """VERIFY-20."""
    shelf = Shelf(Behaviour())
    outcome = judge(demanding(), shelf=shelf, terms=policy(override={"revocation": "skip"}))
    assert outcome.verdict is Verdict.PASS
    assert shelf.requests[-1]["trustPolicy"]["signatureVerification"] == [IDENTITY]


def test_a_plugin_with_nothing_left_to_check_is_not_asked_and_processes_nothing() -> None:
    """VERIFY-20, D6: the reference accepts the unprocessed attribute."""
    terms = policy(override={"revocation": "skip"})
    behaviour = Behaviour(capabilities=[REVOCATION])
    shelf = Shelf(behaviour)
    assert judge(demanding(), shelf=shelf, terms=terms).verdict is Verdict.PASS
    assert shelf.commands == ["get-plugin-metadata"]
    outcome = judge(demanding(**{"com.example.job": "7"}), behaviour, terms=terms)
    assert blocked(outcome) == {"plugin": "envelope.critical.unknown"}


# Never without permission


@FORMS
@pytest.mark.parametrize("allowed", [(), ("other",), ("GOOD",), ("good ",)], ids=repr)
def test_no_plugin_is_looked_for_that_is_not_allowed(media_type: str, allowed: tuple[str, ...]) -> None:
    """D26, VERIFY-25: not even for its metadata."""
    shelf = Shelf(Behaviour())
    outcome = judge(demanding(), media_type=media_type, allowed=allowed, shelf=shelf)
    assert blocked(outcome) == {"plugin": "plugin.required"}
    assert (shelf.asked, outcome.plugin) == ([], None)


@FORMS
@pytest.mark.parametrize("level", ["strict", "permissive", "audit"])
@pytest.mark.parametrize("allowed", [(), ("other",)], ids=repr)
def test_unknown_critical_attributes_are_refused_without_the_plugin(
    media_type: str, level: str, allowed: tuple[str, ...]
) -> None:
    """D6, VERIFY-25: at every level, for the plugin that alone understands them."""
    protected = demanding(**{"com.example.job": "7"})
    outcome = judge(protected, media_type=media_type, allowed=allowed, terms=policy(level))
    assert blocked(outcome) == {"plugin": "plugin.required"}
    (finding,) = [finding for finding in outcome.findings if finding.blocks]
    assert "com.example.job" in finding.message
    assert "--allow-plugin good" in finding.shown_remedy


def test_a_plugins_name_is_quoted_where_it_is_advised() -> None:
    (finding,) = [finding for finding in judge(demanding("a; rm -r *")).findings if finding.blocks]
    assert "--allow-plugin 'a; rm -r *'" in finding.shown_remedy


def test_an_allowed_plugin_does_not_help_an_envelope_that_does_not_demand_it() -> None:
    """D6."""
    shelf = Shelf(Behaviour())
    outcome = judge({"crit": [SCHEME, "com.example.job"], "com.example.job": "7"}, shelf=shelf)
    assert blocked(outcome) == {"integrity": "envelope.critical.unknown"}
    assert shelf.asked == []


def test_a_signature_that_demands_none_runs_none() -> None:
    shelf = Shelf(Behaviour())
    assert judge({}, shelf=shelf).verdict is Verdict.PASS
    assert shelf.asked == []


def test_a_plugin_is_not_run_for_an_untrusted_chain() -> None:
    shelf = Shelf(Behaviour())
    outcome = judge(demanding(), shelf=shelf, root=Pki().code_chain(root={"slot": 3}).root)
    assert blocked(outcome) == {"authenticity": "authenticity.no_anchor"}
    assert (shelf.asked, outcome.plugin) == ([], None)


@pytest.mark.parametrize("level", ["strict", "permissive", "audit"])
def test_no_plugin_makes_an_untrusted_chain_trusted(level: str) -> None:
    """PX: certificate chain validation against trust stores cannot be customised."""
    outcome = judge(demanding(), terms=policy(level), root=Pki().code_chain(root={"slot": 3}).root)
    authenticity = next(finding for finding in outcome.findings if finding.check is Check.AUTHENTICITY)
    assert (authenticity.verdict, authenticity.reason) == (Verdict.FAIL, "authenticity.no_anchor")


def test_no_plugin_is_run_for_a_broken_signature() -> None:
    shelf = Shelf(Behaviour())
    raw = envelopes.forge(envelopes.JWS, LEAF, protected=demanding())
    other = Descriptor(media_type=TARGET.media_type, digest=Digest.of(b"another"), size=411)
    candidate = Candidate(
        digest=Digest.of(raw), envelope=Descriptor(media_type=envelopes.JWS, digest=Digest.of(raw), size=1), raw=raw
    )
    plugins = AllowedPlugins(host=shelf, names=frozenset({"good"}))
    outcome = SignatureVerifier(Trust(LEAF.root), moment=NOW, plugins=plugins).judge(
        candidate, target=other, statement=policy(), metadata={}
    )
    assert blocked(outcome) == {"integrity": "payload.mismatch"}
    assert shelf.asked == []


# Failing, which is fatal at every level

FAILURES = {
    "NEG-122-not-installed": (demanding("other"), Behaviour(), "it is not installed"),
    "NEG-123-below-minimum": (demanding(version="1.2.4"), Behaviour(), "demands 1.2.4 or later"),
    "NEG-123-pre-release": (demanding(version="1.2.3"), Behaviour(version="1.2.3-rc.1"), "demands 1.2.3 or later"),
    "NEG-123-not-semver": (demanding(version="1.0.0"), Behaviour(version="1.0"), "no semantic version"),
    "NEG-124-no-capability": (demanding(), Behaviour(capabilities=[RAW]), "cannot verify signatures"),
    "NEG-124-wrong-name": (
        demanding(),
        Behaviour(changes={"get-plugin-metadata": {"name": "evil"}}),
        "its name is 'evil'",
    ),
    "NEG-124-contract": (
        demanding(),
        Behaviour(changes={"get-plugin-metadata": {"supportedContractVersions": ["2.0"]}}),
        "has version 2.0",
    ),
    "NEG-124-empty-member": (demanding(), Behaviour(changes={"get-plugin-metadata": {"url": ""}}), "url: is empty"),
    "NEG-125-no-result": (
        demanding(),
        Behaviour(changes={"verify-signature": {"verificationResults": {IDENTITY: {"success": True}}}}),
        f"gives no result for {REVOCATION}",
    ),
    "NEG-127-no-json": (demanding(), Behaviour(raw={"verify-signature": "yes"}), "cannot be read"),
    "NEG-127-nothing": (demanding(), Behaviour(raw={"get-plugin-metadata": ""}), "cannot be read"),
}


@pytest.mark.parametrize("level", ["strict", "permissive", "audit"])
@pytest.mark.parametrize(("protected", "behaviour", "says"), FAILURES.values(), ids=FAILURES)
def test_a_plugin_that_fails_fails_the_signature(
    protected: dict[str, Any], behaviour: Behaviour, says: str, level: str
) -> None:
    """VERIFY-11, VERIFY-22, VERIFY-24: at every level."""
    outcome = judge(protected, behaviour, allowed=("good", "other"), terms=policy(level))
    assert outcome.verdict is Verdict.FAIL
    assert blocked(outcome)["plugin"] == "plugin.failed"
    assert set(blocked(outcome).values()) == {"plugin.failed"}
    assert says in next(finding.message for finding in outcome.findings if finding.check is Check.PLUGIN)
    assert outcome.plugin == protected[PLUGIN]


@pytest.mark.parametrize("code", ["TIMEOUT", None])
def test_the_code_of_a_failure_is_a_fact(monkeypatch: pytest.MonkeyPatch, code: str | None) -> None:
    def failing(_: Shelf, name: str) -> Plugin:
        raise PluginError(name, "it failed", code=code)

    monkeypatch.setattr(Shelf, "find", failing)
    finding = next(finding for finding in judge(demanding()).findings if finding.check is Check.PLUGIN)
    assert finding.facts == {"plugin": "good"} | ({"code": code} if code else {})


@FORMS
@pytest.mark.parametrize("level", ["strict", "permissive", "audit"])
def test_a_critical_attribute_that_is_not_processed_fails_the_signature(media_type: str, level: str) -> None:
    """D6, D39, NEG-125."""
    protected = demanding(**{"com.example.job": "7"})
    outcome = judge(protected, Behaviour(process=False), media_type=media_type, terms=policy(level))
    assert blocked(outcome) == {"plugin": "envelope.critical.unknown"}
    assert judge(protected, media_type=media_type, terms=policy(level)).verdict is Verdict.PASS


def test_one_of_two_critical_attributes_is_not_enough() -> None:
    protected = demanding(**{"com.example.a": "1", "com.example.b": "2"})
    behaviour = Behaviour(changes={"verify-signature": {"processedAttributes": ["com.example.a"]}})
    outcome = judge(protected, behaviour)
    assert blocked(outcome) == {"plugin": "envelope.critical.unknown"}
    assert "com.example.b" in next(finding.message for finding in outcome.findings if finding.check is Check.PLUGIN)


def test_attributes_that_are_not_critical_need_not_be_processed() -> None:
    """D39: the reference demands it."""
    protected = {**demanding(), "com.example.note": "x"}
    assert judge(protected, Behaviour(process=False)).verdict is Verdict.PASS


@pytest.mark.parametrize(("label", "value"), [("com.example.note", ["a"]), ("com.example.note", b"a"), (-70000, 7)])
def test_a_plugin_gets_no_attribute_that_json_cannot_say(label: str | int, value: Any) -> None:
    """VERIFY-21: one that is not critical is left out."""
    shelf = Shelf(Behaviour())
    protected: dict[Any, Any] = {**demanding(), label: value}
    assert judge(protected, media_type=envelopes.COSE, shelf=shelf).verdict is Verdict.PASS
    assert shelf.requests[-1]["signature"]["criticalAttributes"]["extendedAttributes"] == {}


@pytest.mark.parametrize("value", [["a"], {"a": "b"}], ids=["list", "object"])
def test_refuses_a_critical_attribute_that_is_not_a_primitive(value: Any) -> None:
    """PLUGIN-28."""
    assert blocked(judge(demanding(**{"com.example.job": value}))) == {"integrity": "envelope.critical.unknown"}


@pytest.mark.parametrize("label", [33, 99, -70000])
def test_refuses_a_critical_integer_label_for_a_plugin(label: int) -> None:
    """PLUGIN-26: attributes have names. The certificate chain's label (33) is none that a plugin could process."""
    changes = demanding()
    protected: dict[Any, Any] = {**changes, "crit": [*changes["crit"], label]}
    protected[label] = [item.der for item in LEAF.chain]
    outcome = judge(protected, media_type=envelopes.COSE)
    assert blocked(outcome) == {"integrity": "envelope.critical.unknown"}


def test_refuses_bytes_in_cose_for_a_plugin() -> None:
    """PLUGIN-28."""
    extended: dict[str, Any] = {"com.example.job": b"\x01"}
    outcome = judge(demanding(**extended), media_type=envelopes.COSE)
    assert blocked(outcome) == {"integrity": "envelope.critical.unknown"}
