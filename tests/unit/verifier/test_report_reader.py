"""airgap.verifier.report_reader: an earlier report is read as it was written, or refused with the place."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from airgap import limits
from airgap.errors import FormatError, Undecided
from airgap.pki.certificate import Certificate
from airgap.trust.levels import Check
from airgap.verdict import Verdict
from airgap.verifier.recorded import RecordedReport
from airgap.verifier.report_reader import parse_report
from tests.support.pki import AT, Issued, Pki

LEAF = Pki().code_chain()
DIGEST = f"sha256:{'0' * 64}"


def fingerprint(issued: Issued) -> str:
    return Certificate.parse(issued.der).fingerprint


def report() -> dict[str, Any]:
    """The members of a report that are read: one artifact with one signature."""
    signature = {
        "digest": DIGEST,
        "envelope": {"media_type": "application/jose+json", "digest": DIGEST, "size": 7},
        "signer": {
            "scheme": "notary.x509",
            "algorithm": "ECDSA-SHA-256",
            "signing_time": "2026-01-02T03:04:05Z",
            "expiry": None,
            "chain": [fingerprint(item) for item in LEAF.chain],
        },
        "plugin": None,
        "findings": [{"check": check.value, "verdict": "pass", "reason": None} for check in Check],
    }
    artifact = {
        "reference": "stick:v1",
        "path": "/media/stick",
        "media_type": "application/vnd.oci.image.index.v1+json",
        "digest": DIGEST,
        "size": 9,
        "tags": ["v1"],
        "aliases": ["registry.example/app:v1"],
        "scope": "registry.example/app",
        "scope_origin": "option",
        "policy": {"reason": None},
        "verdict": "pass",
        "content": {"verdict": "pass", "mode": "all"},
        "signatures": [signature],
    }
    return {
        "schema": "airgap.verify/1",
        "time": {"judged": "2026-06-01T12:00:00Z"},
        "request": {"metadata": {"build": "7"}, "max_signatures": 3},
        "artifacts": [artifact],
        "certificates": {fingerprint(item): b64encode(item.der).decode() for item in LEAF.chain},
        "problems": [],
    }


def read(document: dict[str, Any]) -> RecordedReport:
    return parse_report(json.dumps(document).encode(), "old.json")


def changed(path: str, value: object) -> dict[str, Any]:
    """A report of which one member has another value; a path such as `artifacts.0.size`."""
    document = report()
    *parents, last = path.split(".")
    place: Any = document
    for name in parents:
        place = place[int(name) if isinstance(place, list) else name]
    place[last] = value
    return document


def without(path: str) -> dict[str, Any]:
    document = changed(path, None)
    *parents, last = path.split(".")
    place: Any = document
    for name in parents:
        place = place[int(name) if isinstance(place, list) else name]
    del place[last]
    return document


def test_reads_the_members_of_a_report() -> None:
    found = read(report())
    (artifact,) = found.artifacts
    (signature,) = artifact.signatures
    assert (found.name, found.judged, found.metadata, found.max_signatures) == ("old.json", AT, {"build": "7"}, 3)
    assert (artifact.path, artifact.names) == ("/media/stick", ("v1", "registry.example/app:v1"))
    assert (artifact.scope_origin, artifact.verdict, artifact.content_failed) == ("option", Verdict.PASS, False)
    assert set(signature.findings) == set(Check)
    assert signature.facts is not None
    assert [item.der for item in signature.facts.chain] == [item.der for item in LEAF.chain]
    assert (signature.facts.stated_time, signature.facts.expiry) == (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), None)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("schema", "airgap.recheck/1", "schema: is 'airgap.recheck/1'"),
        ("time.judged", "yesterday", "time.judged"),
        ("request.metadata", ["build"], "metadata"),
        ("artifacts.0.verdict", "fine", "verdict: is 'fine', which is not known"),
        ("artifacts.0.scope_origin", "guess", "scope_origin: is 'guess', which is not known"),
        ("artifacts.0.digest", "sha256:0", "is not a digest"),
        ("artifacts.0.size", "9", "size: is a string"),
        ("artifacts.0.signatures.0.signer.scheme", "notary.none", "scheme: is 'notary.none', which is not known"),
        ("artifacts.0.signatures.0.signer.chain", ["0" * 64], "is not among the report's certificates"),
        ("artifacts.0.signatures.0.findings.0.check", "colour", "check: is 'colour', which is not known"),
        ("artifacts.0.signatures.0.findings.0.verdict", "maybe", "verdict: is 'maybe', which is not known"),
        ("artifacts.0.signatures.0.findings.0.check", "metadata", "names a check twice"),
        ("certificates", {"0" * 64: b64encode(LEAF.der).decode()}, "is the fingerprint of another certificate"),
        ("certificates", {"0" * 64: 7}, "is not a string"),
        ("request.metadata", {"a": "\x1b"}, "is not escaped as reports escape"),
    ],
)
def test_a_malformed_member_is_refused_with_its_place(path: str, value: object, words: str) -> None:
    with pytest.raises(FormatError) as caught:
        read(changed(path, value))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "path",
    ["time", "artifacts", "problems", "request.metadata", "artifacts.0.content", "artifacts.0.signatures.0.digest"],
)
def test_a_missing_member_is_refused(path: str) -> None:
    with pytest.raises(FormatError, match=path.rpartition(".")[2]):
        read(without(path))


def test_an_absent_expiry_is_not_an_expiry_of_none() -> None:
    with pytest.raises(FormatError, match=r"expiry: is missing"):
        read(without("artifacts.0.signatures.0.signer.expiry"))


@pytest.mark.parametrize(("name", "missing"), [("request", "metadata"), ("certificates", "facts")])
def test_what_older_versions_do_not_state_is_unknown(name: str, missing: str) -> None:
    document = without(name)
    if name == "certificates":
        document["artifacts"][0]["signatures"][0]["signer"]["chain"] = []
    found = read(document)
    (signature,) = found.artifacts[0].signatures
    assert {"metadata": found.metadata, "facts": signature.facts}[missing] is None


def test_an_unknown_reason_code_is_no_reason() -> None:
    found = read(changed("artifacts.0.signatures.0.findings.0.reason", "made.up"))
    assert next(iter(found.artifacts[0].signatures[0].findings.values())).reason is None


def test_a_problem_of_the_report_keeps_its_exit_code() -> None:
    (problem,) = read(changed("problems", [{"message": "no \x1b", "exit_code": 11, "reason": None}])).problems
    assert (problem.exit_code, problem.message) == (11, "the earlier judgement says: no \\x1b")
    assert problem.target is None
    (problem,) = read(
        changed("problems", [{"message": "no", "exit_code": 11, "reason": None, "target": "x\x1b"}])
    ).problems
    assert problem.target == "x\\x1b"


@pytest.mark.parametrize(
    ("use", "decided"),
    [
        (None, {Check.AUTHENTICITY, Check.REVOCATION, Check.PLUGIN}),
        ({"version": "1.0.0", "decided": ["revocation"]}, {Check.REVOCATION, Check.PLUGIN}),
    ],
)
def test_a_plugin_may_have_decided_all_that_an_older_report_does_not_exclude(
    use: dict[str, object] | None, decided: set[Check]
) -> None:
    document = changed("artifacts.0.signatures.0.plugin", "good")
    document["artifacts"][0]["signatures"][0]["plugin_use"] = use
    earlier = read(document).artifacts[0].signatures[0].earlier
    assert earlier is not None
    assert set(earlier.decided) == decided


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data + b"x", lambda _: b"[]", lambda _: b""])
def test_what_is_not_a_json_object_is_refused(damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(FormatError):
        parse_report(damage(json.dumps(report()).encode()), "old.json")


def with_evidence() -> dict[str, Any]:
    """A report that holds what its layout said, as reports do since it is needed for a recheck."""
    document = report()
    dated = {
        "evidence": "a.crl",
        "fingerprint": "00" * 32,
        "kind": "crl",
        "chain": "signing",
        "certificate": "11" * 32,
        "this_update": "2026-01-02T03:04:05Z",
    }
    rest = {"next_update": None, "number": "1f", "base_number": None, "open": True, "all_reasons": True}
    document["artifacts"][0]["signatures"][0]["for_recheck"] = {
        "version": 3,
        "signature_value": b64encode(b"value").decode(),
        "timestamp_token": None,
        "metadata": {"build": "7"},
        "plugin": {"name": "p", "min_version": None},
        "said_against": [{**dated, "hold": True, "responder": None, "unproven": None, "other_than": None}],
        "answers": [{**dated, **rest, "and_older": False, "unproven": None}],
        "newest_evidence": [{**dated, "unproven": None}],
    }
    return document


def for_recheck(path: str, value: object) -> dict[str, Any]:
    document = with_evidence()
    *parents, last = path.split(".")
    place: Any = document["artifacts"][0]["signatures"][0]["for_recheck"]
    for name in parents:
        place = place[int(name) if isinstance(place, list) else name]
    if value is MISSING:
        del place[last]
    else:
        place[last] = value
    return document


MISSING = object()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("answers.0.number", None),
        ("answers.0.number", "f" * 128),
        ("answers.0.unproven", {"maker": "30", "key": "", "tried": [], "untried": ["22" * 32]}),
        ("answers.0.base_number", "0"),
        ("answers.0.next_update", "2027-01-01T00:00:00Z"),
        ("said_against.0.responder", "22" * 32),
        ("said_against.0.kind", "ocsp"),
        ("said_against.0.unproven", {"maker": "30", "key": "", "tried": ["22" * 32], "untried": []}),
        ("said_against.0.other_than", []),
        ("said_against.0.other_than", ["22" * 32]),
        ("newest_evidence.0.unproven", {"maker": "", "key": "31", "tried": [], "untried": []}),
        ("newest_evidence.0.chain", "tsa"),
        ("plugin", None),
        ("plugin.min_version", "1.0.0"),
        ("timestamp_token", b64encode(b"token").decode()),
    ],
)
def test_reads_what_the_layout_of_a_report_said(path: str, value: object) -> None:
    (signature,) = read(for_recheck(path, value)).artifacts[0].signatures
    assert signature.facts is not None
    assert signature.facts.later is not None
    assert signature.facts.later.signature_value == b"value"
    assert signature.holds_evidence
    assert [len(members) for members in signature.lost] == [1, 1, 1]


@pytest.mark.parametrize("version", [MISSING, 2, 4, "3"])
def test_what_another_version_keeps_is_not_used(version: object) -> None:
    """What it does not keep is not "none": it was not looked for (decision 0027)."""
    (signature,) = read(for_recheck("version", version)).artifacts[0].signatures
    assert signature.facts is not None
    assert not signature.holds_evidence
    with pytest.raises(Undecided, match="another version of airgap"):
        signature.facts.require_later()


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("answers.0.number", "f" * 129, "is no number in hex"),
        ("answers.0.number", "", "is no number in hex"),
        ("answers.0.number", "1F", "is no number in hex"),
        ("answers.0.number", MISSING, "number: is missing"),
        ("answers.0.base_number", MISSING, "base_number: is missing"),
        ("answers.0.next_update", MISSING, "next_update: is missing"),
        ("answers.0.open", MISSING, "open"),
        ("answers.0.unproven", MISSING, "unproven: is missing"),
        ("answers.0.kind", "delta", "kind: is 'delta', which is not known"),
        ("said_against.0.chain", "root", "chain: is 'root', which is not known"),
        ("said_against.0.hold", MISSING, "hold"),
        ("said_against.0.unproven", {"maker": "x", "key": "", "tried": [], "untried": []}, "maker: is not in hex"),
        ("said_against.0.unproven", {"maker": "30", "key": ""}, "tried: is missing"),
        ("said_against.0.unproven", {"maker": "30", "key": "", "tried": []}, "untried: is missing"),
        ("said_against.0.unproven", {"maker": "30", "key": "", "tried": [1]}, "is an integer, not a string"),
        ("said_against.0.unproven", MISSING, "unproven: is missing"),
        ("said_against.0.other_than", MISSING, "other_than: is missing"),
        ("said_against.0.other_than", "22", "other_than: is a string"),
        ("newest_evidence.0.unproven", MISSING, "unproven: is missing"),
        ("newest_evidence.0.this_update", "soon", "this_update"),
        ("timestamp_token", MISSING, "timestamp_token: is missing"),
        ("plugin", MISSING, "plugin: is missing"),
        ("plugin.name", "\x1b", "is not escaped as reports escape"),
        ("metadata", MISSING, "metadata"),
        ("signature_value", "?", "signature_value"),
    ],
)
def test_refuses_what_the_layout_of_a_report_said_in_another_form(path: str, value: object, words: str) -> None:
    with pytest.raises(FormatError, match=words):
        read(for_recheck(path, value))


@pytest.mark.parametrize(("stated", "used"), [(3, 3), (1, 1), (0, 1), (-5, 1)])
def test_a_recheck_judges_at_least_one_signature(stated: int, used: int) -> None:
    assert read(changed("request.max_signatures", stated)).max_signatures == used
    assert read(without("request")).max_signatures == limits.SIGNATURES
