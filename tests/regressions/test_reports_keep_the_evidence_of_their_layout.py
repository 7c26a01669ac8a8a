"""A report alone was judged without the evidence that was in its layout: what was on hold or in doubt passed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from airgap import limits
from airgap.parse.time import iso
from airgap.revocation.judge import RevocationJudge
from tests.support.clock import set_clock
from tests.support.command import Ran, run_here
from tests.support.crls import crl, entry, many, scope
from tests.support.evidence import evidence_artifact, rewrite_signature_manifests, take_evidence_out
from tests.support.extensions import UNKNOWN_CRITICAL
from tests.support.ocsp import Status, ocsp_response
from tests.support.pki import AT, Issued, Pki, issue
from tests.support.scenario import SIGNING_CRL, Scene, Signature, Written, chain_with_crls, good_crls
from tests.support.trust import REPOSITORY, oci_policy, statement

DAY = timedelta(days=1)
Piece = Callable[[Issued], bytes]
LEAF = Pki().code_chain(depth=2, leaf={"crl_urls": ["http://crl.example/leaf.crl"]})
GOOD = crl(LEAF.root, number=1)


def listing(*, this_update: datetime = AT, next_update: datetime = AT + 30 * DAY, **item: Any) -> bytes:
    revoked = [entry(LEAF.serial, **item)]
    return crl(LEAF.root, number=2, this_update=this_update, next_update=next_update, revoked=revoked)


HOLD = listing(reason="certificateHold")
OLD_HOLD = listing(reason="certificateHold", this_update=AT - 9 * DAY)
HOLD_OF_ANOTHER_KEY = ocsp_response(
    LEAF, status="revoked", reason="certificateHold", key_hash=b"\0" * 20, this_update=AT - 9 * DAY
)
LATER = listing(reason="keyCompromise", at=AT + DAY, this_update=AT + 2 * DAY)


class Kept:
    def __init__(
        self, folder: Path, *data: bytes, skip: bool = False, trusted: bool = True, gone: str = "layout"
    ) -> None:
        scene = Scene()
        scene.sign_with(LEAF)
        scene.crls = {"good.crl": GOOD} if trusted else {}
        if skip:
            level = {"level": "strict", "override": {"revocation": "skip"}}
            scene.policy = oci_policy(statement(signatureVerification=level))
        scene.packing = [
            lambda builder, target: builder.list(builder.add_manifest(evidence_artifact(builder, target, *data)))
        ]
        self.written: Written = scene.write(folder)
        self.report = folder / "report.json"
        self.then = run_here(self.written.arguments("--report", str(self.report))).code
        lose(self.written.layout, gone)

    def put(self, name: str, data: bytes) -> None:
        (self.written.trust / "crls").mkdir(exist_ok=True)
        (self.written.trust / "crls" / name).write_bytes(data)

    def again(self, at: str = iso(AT)) -> Ran:
        ran = run_here(
            ["recheck", str(self.report), "--trust", str(self.written.trust), "--at", at, "--format", "json"]
        )
        ran.check_sound()
        return ran


def lose(layout: Path, gone: str) -> None:
    """What a person who carries media can do."""
    if gone == "layout":
        shutil.rmtree(layout)
    if gone in {"layout", "nothing"}:
        return
    take_evidence_out(layout)
    if gone == "evidence, and manifests":
        rewrite_signature_manifests(layout)


GONE_PARTS = ("layout", "evidence", "evidence, and manifests")
GONE = pytest.mark.parametrize("gone", GONE_PARTS)
"""A layout whose evidence was removed was good again, whatever the report said."""


@GONE
@pytest.mark.parametrize(
    ("data", "then", "now"),
    [
        pytest.param(HOLD, 14, 14, id="on hold"),
        pytest.param(ocsp_response(LEAF, status="revoked", reason="certificateHold"), 14, 14, id="on hold, by OCSP"),
        pytest.param(
            listing(reason="certificateHold", this_update=AT - DAY / 2, next_update=AT - DAY / 4),
            15,
            15,
            id="stale hold",
        ),
        pytest.param(listing(reason="keyCompromise", extra=[UNKNOWN_CRITICAL]), 15, 15, id="in doubt"),
        pytest.param(listing(reason="keyCompromise"), 14, 14, id="revoked"),
        pytest.param(OLD_HOLD, 0, 0, id="a hold that was lifted"),
        pytest.param(HOLD_OF_ANOTHER_KEY, 15, 15, id="a hold that names another key of the issuer"),
        pytest.param(listing(reason="removeFromCRL"), 0, 0, id="lifted, with its entry still there"),
        pytest.param(crl(LEAF.root, number=5, this_update=AT), 0, 0, id="nothing"),
    ],
)
def test_a_revocation_by_evidence_of_the_layout_stays(
    tmp_path: Path, data: bytes, then: int, now: int, gone: str
) -> None:
    kept = Kept(tmp_path, data, gone=gone)
    assert (kept.then, kept.again().code) == (then, now)


@pytest.mark.parametrize("gone", ["evidence", "evidence, and manifests"])
def test_evidence_against_each_of_two_signers_counts(tmp_path: Path, gone: str) -> None:
    other = issue("leaf", issuer=LEAF.root, slot=3, crl_urls=["http://crl.example/leaf.crl"])
    holds = crl(
        LEAF.root,
        number=2,
        this_update=AT,
        revoked=[entry(leaf.serial, reason="certificateHold") for leaf in (LEAF, other)],
    )
    scene = Scene(signatures=[Signature("jws", LEAF), Signature("cose", other)])
    scene.crls = {"good.crl": GOOD}
    scene.packing = [
        lambda builder, target: builder.list(builder.add_manifest(evidence_artifact(builder, target, holds)))
    ]
    written, report = scene.write(tmp_path), tmp_path / "report.json"
    assert run_here(written.arguments("--report", str(report))).code == 14
    lose(written.layout, gone)
    assert run_here(written.arguments()).code == 0
    ran = run_here(["recheck", str(report), "--trust", str(written.trust), "--at", iso(AT), "--format", "json"])
    assert ran.code == 14


def test_compares_shared_evidence_in_linear_time(tmp_path: Path) -> None:
    """Each signature was compared with the report of every other one: 200 took two minutes."""
    scene = Scene()
    scene.sign_with(LEAF)
    scene.signatures = [Signature("jws", LEAF, target={"annotations": {"n": str(number)}}) for number in range(7)]
    scene.crls = {"good.crl": GOOD}
    scene.packing = [
        lambda builder, target: builder.list(builder.add_manifest(evidence_artifact(builder, target, OLD_HOLD)))
    ]
    written = scene.write(tmp_path)
    report = tmp_path / "report.json"
    assert run_here(written.arguments("--report", str(report))).code == 0
    take_evidence_out(written.layout)
    ask = RevocationJudge.unanswered
    with patch.object(RevocationJudge, "unanswered", autospec=True, side_effect=ask) as asked:
        assert run_here(["recheck", str(report), "--trust", str(written.trust), "--at", iso(AT)]).code == 0
    assert asked.call_count == len(scene.signatures)


def test_newer_evidence_lifts_a_hold(tmp_path: Path) -> None:
    kept = Kept(tmp_path, OLD_HOLD, trusted=False)
    assert (kept.then, kept.again().code) == (14, 15)
    kept.put("good.crl", GOOD)
    assert kept.again().code == 0


def test_newer_evidence_lifts_a_hold_beside_older_evidence(tmp_path: Path) -> None:
    """It stayed in doubt for the CRL of another certificate of the chain, which was older than the hold."""
    leaf = chain_with_crls(Pki().code_chain, "leaf", SIGNING_CRL)
    scene = Scene()
    scene.sign_with(leaf)
    held = crl(
        leaf.chain[1], number=2, this_update=AT - 9 * DAY, revoked=[entry(leaf.serial, reason="certificateHold")]
    )
    scene.put_crls(good_crls(leaf, SIGNING_CRL))
    scene.crls["0.crl"] = crl(leaf.chain[1], number=3, this_update=AT - DAY)
    scene.crls["1.crl"] = crl(leaf.chain[2], number=1, this_update=AT - 10 * DAY, next_update=AT + 30 * DAY)
    assert recheck_without(tmp_path, scene, held) == 0


def test_newer_evidence_lifts_a_hold_of_a_certificate_without_a_source(tmp_path: Path) -> None:
    """The certificate names no way to ask: while the hold was there, a newer CRL lifted it, and then no more."""
    leaf = Pki().code_chain(depth=2)
    scene = Scene()
    scene.sign_with(leaf)
    scene.crls = {"good.crl": crl(leaf.root, number=3, this_update=AT - DAY)}
    held = crl(leaf.root, number=2, this_update=AT - 9 * DAY, revoked=[entry(leaf.serial, reason="certificateHold")])
    assert recheck_without(tmp_path, scene, held) == 0


def test_newer_evidence_lifts_a_hold_for_the_proven_time(tmp_path: Path) -> None:
    """The newer CRL holds the certificate, too, and says that its key was good when the signature was made."""
    scene = Scene()
    scene.sign_with(LEAF)
    scene.timestamp()
    held = entry(LEAF.serial, reason="certificateHold", invalidity=AT + DAY)
    scene.crls = {"newer.crl": crl(LEAF.root, number=3, this_update=AT - DAY, revoked=[held])}
    assert recheck_without(tmp_path, scene, OLD_HOLD) == 0


def recheck_without(folder: Path, scene: Scene, piece: bytes) -> int:
    """Verifies with a piece in the layout, which passes, and rechecks the report without the layout."""
    scene.packing = [
        lambda builder, target: builder.list(builder.add_manifest(evidence_artifact(builder, target, piece)))
    ]
    written = scene.write(folder)
    report = folder / "report.json"
    assert run_here(written.arguments("--report", str(report))).code == 0
    shutil.rmtree(written.layout)
    return run_here(["recheck", str(report), "--trust", str(written.trust), "--at", iso(AT)]).code


@pytest.mark.parametrize("kind", ["crl", "ocsp"])
def test_evidence_that_proves_a_wrong_clock_stays(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is behind. The layout said so, and under the same clock the report alone was good."""
    later = AT + 3 * DAY
    url = {f"{kind}_urls": ["http://evidence.example/"]}
    leaf = Pki().code_chain(depth=2, leaf=url)
    scene = Scene()
    scene.sign_with(leaf)
    scene.crls = {"good.crl": crl(leaf.root)}
    scene.ocsp = {"good.ors": ocsp_response(leaf)}
    data = ocsp_response(leaf, this_update=later) if kind == "ocsp" else crl(leaf.root, number=9, this_update=later)
    scene.packing = [
        lambda builder, target: builder.list(builder.add_manifest(evidence_artifact(builder, target, data)))
    ]
    written = scene.write(tmp_path)
    set_clock(monkeypatch, AT)
    report = tmp_path / "report.json"
    trust = ["--trust", str(written.trust)]
    assert run_here(["verify", written.target, *trust, "--scope", REPOSITORY, "--report", str(report)]).code == 15
    shutil.rmtree(written.layout)
    ran = run_here(["recheck", str(report), *trust, "--format", "json"])
    assert ran.code == 15, ran
    (because,) = ran.document["artifacts"][0]["because"]
    assert because["reason"] == f"revocation.{kind}.future"
    set_clock(monkeypatch, later)
    assert run_here(["recheck", str(report), *trust]).code == 0


def test_more_evidence_than_the_bound_stays_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of it was not known, and when the layout was gone the report alone was good."""
    monkeypatch.setattr(limits, "TARGET_EVIDENCE_FILES", 1)
    kept = Kept(tmp_path, GOOD, crl(LEAF.root, number=3))
    assert kept.then == 15
    ran = kept.again()
    assert ran.code == 15, ran
    (because,) = ran.document["artifacts"][0]["because"]
    assert because["reason"] == "recheck.unproven"


@pytest.mark.parametrize("data", [LATER, OLD_HOLD, listing(reason="keyCompromise", extra=[UNKNOWN_CRITICAL])])
def test_present_evidence_of_the_layout_is_judged_again(tmp_path: Path, data: bytes) -> None:
    kept = Kept(tmp_path, data, gone="nothing")
    assert kept.again().code == kept.then


@GONE
def test_a_later_revocation_counts(tmp_path: Path, gone: str) -> None:
    """It was good at that moment, and is not now."""
    kept = Kept(tmp_path, LATER, gone=gone)
    assert kept.then == 0
    assert kept.again(at=iso(AT + 3 * DAY)).code == 15
    kept.put("later.crl", LATER)
    assert kept.again(at=iso(AT + 3 * DAY)).code == 14
    assert kept.again().code == 0


@GONE
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(listing(reason="keyCompromise"), id="crl"),
        # only CRLs have entries that are to be removed: in a response it is a reason like any other
        pytest.param(ocsp_response(LEAF, status="revoked", reason="removeFromCRL"), id="ocsp"),
    ],
)
def test_evidence_that_the_former_policy_did_not_need_counts(tmp_path: Path, data: bytes, gone: str) -> None:
    kept = Kept(tmp_path, data, skip=True, gone=gone)
    assert (kept.then, kept.again().code) == (0, 0)
    policy = oci_policy(statement())
    (kept.written.trust / "trustpolicy.oci.json").write_text(json.dumps(policy))
    ran = kept.again()
    assert ran.code == 15
    (because,) = ran.document["artifacts"][0]["because"]
    assert because["reason"] == "recheck.unproven"
    assert "was in the layout" in because["message"]


@pytest.mark.parametrize("has_chain", [True, False])
def test_an_older_report_of_a_hold_is_open_where_its_evidence_is_gone(tmp_path: Path, *, has_chain: bool) -> None:
    """With the layout there, and its evidence taken out, it was "good": taking out less was milder."""
    kept = Kept(tmp_path, HOLD, gone="evidence")
    document = json.loads(kept.report.read_text())
    (signature,) = document["artifacts"][0]["signatures"]
    del signature["for_recheck"]
    if not has_chain:
        del document["certificates"], signature["signer"]["chain"]
    kept.report.write_text(json.dumps(document))
    assert kept.again().code == 15
    shutil.rmtree(kept.written.layout)
    assert kept.again().code == 15


@pytest.mark.parametrize("change", [lambda rest: rest.pop("said_against"), lambda rest: rest.update(said_against=None)])
def test_a_report_without_the_evidence_member_is_refused(tmp_path: Path, change: Callable[[Any], Any]) -> None:
    kept = Kept(tmp_path, HOLD)
    document = json.loads(kept.report.read_text())
    change(document["artifacts"][0]["signatures"][0]["for_recheck"])
    kept.report.write_text(json.dumps(document))
    assert kept.again().code == 1


@pytest.mark.parametrize(
    ("verify", "reason", "then", "codes"),
    [
        pytest.param("always", "certificateHold", 14, {14}, id="on hold"),
        pytest.param("afterCertExpiry", "certificateHold", 0, {15}, id="on hold, and not asked then"),
        pytest.param("afterCertExpiry", "keyCompromise", 0, {15}, id="revoked, and not asked then"),
    ],
)
def test_a_revocation_of_the_timestamping_certificate_stays(
    tmp_path: Path, verify: str, reason: str, then: int, codes: set[int]
) -> None:
    """When the signer has expired, the timestamp is asked for, and the evidence about it is gone."""
    leaf = Pki().code_chain(depth=2, leaf={"not_after": AT + DAY})
    tsa = Pki().tsa_chain(tsa={"crl_urls": ["http://crl.example/tsa.crl"]})
    issuer = tsa.chain[1]
    scene = Scene()
    scene.sign_with(leaf)
    scene.timestamp(tsa, verify=verify)
    scene.crls = {"tsa.crl": crl(issuer, number=1)}
    against = crl(issuer, number=2, this_update=AT, revoked=[entry(tsa.serial, reason=reason)])
    scene.packing = [
        lambda builder, target: builder.list(builder.add_manifest(evidence_artifact(builder, target, against)))
    ]
    written = scene.write(tmp_path)
    report = tmp_path / "report.json"
    assert run_here(written.arguments("--report", str(report))).code == then
    at = iso(AT + (0 if verify == "always" else 2) * DAY)
    arguments = ["recheck", str(report), "--trust", str(written.trust), "--at", at, "--format", "json"]
    assert run_here(arguments).code == 14
    shutil.rmtree(written.layout)
    assert {run_here(arguments).code} == codes


@pytest.mark.parametrize("is_there", [False, True], ids=["no store", "a store that no statement names"])
@pytest.mark.parametrize("kind", ["crl", "ocsp"])
def test_keeps_evidence_about_a_timestamping_authority_trusted_later(tmp_path: Path, kind: str, is_there: bool) -> None:
    """Nothing was remembered about a chain that the policy did not name when the layout was there."""
    tsa = Pki().tsa_chain(tsa={"crl_urls": ["http://crl.example/tsa.crl"]})
    scene = Scene()
    scene.sign_with(Pki().code_chain(depth=2, leaf={"not_after": AT + DAY}))
    scene.timestamp(tsa, verify="afterCertExpiry")
    scene.crls = {"tsa.crl": crl(tsa.chain[1], number=1)}
    listing = crl(tsa.chain[1], number=2, this_update=AT, revoked=[entry(tsa.serial, reason="keyCompromise")])
    against = listing if kind == "crl" else ocsp_response(tsa, status="revoked")
    scene.packing = [
        lambda builder, target: builder.list(builder.add_manifest(evidence_artifact(builder, target, against)))
    ]
    written = scene.write(tmp_path)
    (policy,) = written.trust.glob("trustpolicy*.json")
    later, store = policy.read_text(), written.trust / "truststore/x509/tsa"
    earlier = json.loads(later)
    stores = earlier["trustPolicies"][0]["trustStores"]
    earlier["trustPolicies"][0]["trustStores"] = [name for name in stores if not name.startswith("tsa:")]
    policy.write_text(json.dumps(earlier))
    if not is_there:
        store.rename(tmp_path / "tsa")
    report = tmp_path / "report.json"
    assert run_here(written.arguments("--report", str(report))).code == 0
    policy.write_text(later)
    if not is_there:
        (tmp_path / "tsa").rename(store)
    arguments = ["recheck", str(report), "--trust", str(written.trust), "--at", iso(AT + 2 * DAY)]
    assert run_here(arguments).code == 14
    shutil.rmtree(written.layout)
    assert run_here(arguments).code == 15


@pytest.mark.parametrize("kind", ["future", "large"])
def test_keeps_what_leaves_a_timestamping_authority_open_that_is_trusted_later(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What proves a wrong clock, and what is more than is read, was not remembered without a proven chain."""
    tsa = Pki().tsa_chain(tsa={"crl_urls": ["http://crl.example/tsa.crl"]})
    issuer = tsa.chain[1]
    scene = Scene()
    scene.sign_with(Pki().code_chain(depth=2, leaf={"not_after": AT + DAY}))
    scene.timestamp(tsa, verify="afterCertExpiry")
    scene.crls = {"tsa.crl": crl(issuer, number=1)}
    data = crl(issuer, number=2, this_update=AT + 9 * DAY)
    if kind == "large":
        data = crl(issuer, number=2, this_update=AT, entries=many(99))
        monkeypatch.setattr(limits, "CRL_BYTES", len(data) - 1)
    scene.packing = [
        lambda builder, target: builder.list(builder.add_manifest(evidence_artifact(builder, target, data)))
    ]
    written = scene.write(tmp_path)
    trust = ["--trust", str(written.trust)]
    (policy,) = written.trust.glob("trustpolicy*.json")
    later = policy.read_text()
    policy.write_text(later.replace('"tsa:harbour"', '"ca:harbour"'))
    report = tmp_path / "report.json"
    set_clock(monkeypatch, AT)
    first = run_here(["verify", written.target, *trust, "--scope", REPOSITORY, "--report", str(report)])
    assert first.code == 0, first
    policy.write_text(later)
    set_clock(monkeypatch, AT + 2 * DAY)
    assert run_here(["recheck", str(report), *trust]).code == 15
    shutil.rmtree(written.layout)
    ran = run_here(["recheck", str(report), *trust, "--format", "json"])
    assert ran.code == 15, ran
    if kind == "future":
        set_clock(monkeypatch, AT + 10 * DAY)
        assert run_here(["recheck", str(report), *trust]).code == 0


@GONE
def test_keeps_evidence_about_a_timestamp_refused_for_another_reason(tmp_path: Path, gone: str) -> None:
    """The report says that it failed, and not that its certificate was revoked or on hold."""
    leaf = Pki().code_chain(depth=2)
    tsa = Pki().tsa_chain(tsa={"crl_urls": ["http://crl.example/tsa.crl"]})
    scene = Scene()
    scene.sign_with(leaf)
    scene.timestamp(tsa)
    right, other = scene.stores["tsa:harbour"], [issue("root", slot=3, subject="C=US,ST=WA,O=Elsewhere,CN=root")]
    scene.stores = {**scene.stores, "tsa:harbour": other}
    scene.crls = {"tsa.crl": crl(tsa.chain[1], number=1)}
    against = crl(tsa.chain[1], number=2, this_update=AT, revoked=[entry(tsa.serial, reason="certificateHold")])
    scene.packing = [
        lambda builder, target: builder.list(builder.add_manifest(evidence_artifact(builder, target, against)))
    ]
    written = scene.write(tmp_path)
    report = tmp_path / "report.json"
    assert run_here(written.arguments("--report", str(report))).code == 13
    scene.stores = {**scene.stores, "tsa:harbour": right}
    trust = scene.write_trust(tmp_path / "later")
    lose(written.layout, gone)
    ran = run_here(["recheck", str(report), "--trust", str(trust), "--at", iso(AT), "--format", "json"])
    ran.check_sound()
    (because,) = ran.document["artifacts"][0]["because"]
    assert (ran.code, because["reason"]) == (15, "recheck.unproven"), ran


def test_keeps_evidence_about_certificates_of_a_token_outside_of_its_chain(tmp_path: Path) -> None:
    """That was not judged while the authority was not trusted. Now it is, and the certificate is not in its chain."""
    tsa, other = Pki().tsa_chain(), Pki().tsa_chain(root={"slot": 4})
    scene = Scene()
    scene.sign_with(Pki().code_chain(depth=2))
    scene.timestamp(tsa, embed=[*tsa.chain[:-1], *other.chain[:-1]])
    right = scene.stores["tsa:harbour"]
    scene.stores = {**scene.stores, "tsa:harbour": [issue("root", slot=3, subject="C=US,ST=WA,O=Elsewhere,CN=root")]}
    against = crl(other.chain[1], revoked=[entry(other.serial, reason="certificateHold")])
    scene.packing = [
        lambda builder, target: builder.list(builder.add_manifest(evidence_artifact(builder, target, against)))
    ]
    written = scene.write(tmp_path)
    report = tmp_path / "report.json"
    assert run_here(written.arguments("--report", str(report))).code == 13
    assert json.loads(report.read_text())["artifacts"][0]["signatures"][0]["for_recheck"]["said_against"]
    scene.stores = {**scene.stores, "tsa:harbour": right}
    trust = scene.write_trust(tmp_path / "later")
    shutil.rmtree(written.layout)
    assert run_here(["recheck", str(report), "--trust", str(trust), "--at", iso(AT)]).code == 0


OCSP_URL = "http://ocsp.example"
CRL_URL = "http://crl.example/leaf.crl"
DELTA_URL = "http://crl.example/delta.crl"
STRANGER = issue("root", slot=4).key
LATER_ON = AT + 10 * DAY


def ocsp(age: timedelta, until: datetime | None = AT + 30 * DAY, status: Status = "good", **options: Any) -> Piece:
    """A response that was made `age` before AT."""
    return lambda leaf: ocsp_response(leaf, status=status, this_update=AT - age, next_update=until, **options)


def base(age: timedelta, until: datetime | None = AT + 30 * DAY, number: int = 1, **options: Any) -> Piece:
    return lambda leaf: crl(leaf.root, this_update=AT - age, next_update=until, number=number, **options)


def delta(age: timedelta, until: datetime | None = AT + 30 * DAY, **options: Any) -> Piece:
    return base(age, until, **{"number": 2, "delta_base": 1, **options})


REASONS = scope(uris=[CRL_URL], reasons=("keyCompromise", "cACompromise"))
OTHER_REASONS = scope(
    uris=[CRL_URL],
    reasons=(
        "affiliationChanged",
        "superseded",
        "cessationOfOperation",
        "certificateHold",
        "privilegeWithdrawn",
        "aACompromise",
    ),
)


@dataclass(frozen=True)
class Pile:
    """Evidence of the trust directory and of the layout, and the codes of verify with both: at once and later."""

    trusted: Sequence[Piece]
    carried: Sequence[Piece]
    then: int
    later: int
    names: Sequence[str] = (CRL_URL,)


PILES = {
    "unknown": Pile([ocsp(2 * DAY)], [ocsp(DAY, status="unknown")], 15, 15, [OCSP_URL]),
    "unknown of the same time": Pile([ocsp(DAY)], [ocsp(DAY, status="unknown")], 15, 15, [OCSP_URL]),
    "unknown, and answered since": Pile([ocsp(DAY)], [ocsp(2 * DAY, status="unknown")], 0, 0, [OCSP_URL]),
    "unknown, and a CRL answers": Pile(
        [ocsp(2 * DAY), base(2 * DAY)], [ocsp(DAY, status="unknown")], 0, 0, [OCSP_URL, CRL_URL]
    ),
    "unknown, and a CRL that is stale later": Pile(
        [ocsp(2 * DAY), base(2 * DAY, AT + DAY)], [ocsp(DAY, status="unknown")], 0, 15, [OCSP_URL, CRL_URL]
    ),
    "unknown from a stranger": Pile(
        [ocsp(2 * DAY)], [ocsp(DAY, status="unknown", signed_by=STRANGER)], 0, 0, [OCSP_URL]
    ),
    "a response": Pile([ocsp(2 * DAY)], [ocsp(DAY)], 0, 0, [OCSP_URL]),
    "a response that is stale": Pile([ocsp(2 * DAY)], [ocsp(DAY, AT - DAY / 2)], 15, 15, [OCSP_URL]),
    "a response that is stale later": Pile([ocsp(2 * DAY)], [ocsp(DAY, AT + DAY)], 0, 15, [OCSP_URL]),
    "a response without an end": Pile([ocsp(2 * DAY)], [ocsp(DAY, None)], 15, 15, [OCSP_URL]),
    "a CRL": Pile([base(2 * DAY)], [base(DAY, number=2)], 0, 0),
    "a CRL that is stale": Pile([base(2 * DAY)], [base(DAY, AT - DAY / 2, number=2)], 15, 15),
    "a CRL that is stale later": Pile([base(2 * DAY)], [base(DAY, AT + DAY, number=2)], 0, 15),
    "a CRL without an end": Pile([base(2 * DAY)], [base(DAY, None, number=2)], 15, 15),
    "a CRL of the same time that is stale": Pile([base(DAY)], [base(DAY, AT - DAY / 2, number=2)], 15, 15),
    "an older CRL that is stale": Pile([base(DAY, number=2)], [base(2 * DAY, AT - DAY / 2)], 0, 0),
    "a stale CRL of another shard": Pile(
        [base(2 * DAY)], [base(DAY, AT - DAY / 2, number=2, scope=scope(uris=["http://crl.example/other"]))], 0, 0
    ),
    "a stale CRL from a stranger": Pile(
        [base(2 * DAY)], [base(DAY, AT - DAY / 2, number=2, signed_by=STRANGER)], 0, 0
    ),
    "a stale CRL of some reasons": Pile([base(2 * DAY)], [base(DAY, AT - DAY / 2, number=2, scope=REASONS)], 0, 0),
    "a stale CRL of all reasons beside two of some": Pile(
        [base(DAY, scope=REASONS), base(DAY, scope=OTHER_REASONS)], [base(2 * DAY, AT - DAY / 2, number=2)], 15, 15
    ),
    "a stale CRL of some reasons beside two of some": Pile(
        [base(2 * DAY, scope=REASONS), base(2 * DAY, scope=OTHER_REASONS)],
        [base(DAY, AT - DAY / 2, number=2, scope=REASONS)],
        15,
        15,
    ),
    "a CRL without its delta": Pile([base(2 * DAY)], [base(DAY, number=2, freshest=[DELTA_URL])], 15, 15),
    "a CRL with its delta": Pile(
        [base(2 * DAY)], [base(DAY, freshest=[DELTA_URL]), delta(DAY)], 0, 0
    ),
    "a CRL with a delta that is stale later": Pile(
        [base(2 * DAY)], [base(DAY, freshest=[DELTA_URL]), delta(DAY, AT + DAY)], 0, 15
    ),
    "a delta that is stale later": Pile(
        [base(3 * DAY, freshest=[DELTA_URL]), delta(2 * DAY)], [delta(DAY, AT + DAY, number=3)], 0, 15
    ),
    "a stale delta of another base": Pile(
        [base(3 * DAY, freshest=[DELTA_URL]), delta(2 * DAY)],
        [delta(DAY, AT - DAY / 2, number=9, delta_base=8)],
        0,
        0,
    ),
    "an older stale delta": Pile(
        [base(3 * DAY, freshest=[DELTA_URL]), delta(DAY, number=3)], [delta(2 * DAY, AT - DAY / 2)], 0, 0
    ),
    "many CRLs": Pile(
        [base(20 * DAY)], [base((19 - n) * DAY, AT + n * DAY, number=2 + n) for n in range(12)], 0, 0
    ),
}  # fmt: skip


def certificate(names: Sequence[str]) -> Issued:
    kinds = {"ocsp_urls" if name == OCSP_URL else "crl_urls": [name] for name in names}
    return Pki().code_chain(depth=2, leaf=kinds)


@pytest.mark.parametrize("pile", [pytest.param(pile, id=name) for name, pile in PILES.items()])
def test_an_open_answer_stays_open(tmp_path: Path, pile: Pile) -> None:
    """Older evidence of the trust directory answered when newer evidence of the layout was gone: that was a pass."""
    leaf = certificate(pile.names)
    scene = Scene()
    scene.sign_with(leaf)
    pieces = {
        f"{n}.{'ors' if OCSP_URL in pile.names and not n else 'crl'}": data(leaf) for n, data in enumerate(pile.trusted)
    }
    scene.crls = {name: data for name, data in pieces.items() if name.endswith("crl")}
    scene.ocsp = {name: data for name, data in pieces.items() if name.endswith("ors")}
    carried = [data(leaf) for data in pile.carried]
    scene.packing = [
        lambda builder, target: builder.list(builder.add_manifest(evidence_artifact(builder, target, *carried)))
    ]
    written = scene.write(tmp_path)
    report = tmp_path / "report.json"
    assert run_here(written.arguments("--report", str(report))).code == pile.then
    again = ["recheck", str(report), "--trust", str(written.trust), "--format", "json", "--at"]
    assert run_here([*again, iso(LATER_ON)]).code == pile.later, "by the layout"
    whole = shutil.copytree(written.layout, tmp_path / "whole")
    for gone in GONE_PARTS:
        shutil.rmtree(written.layout, ignore_errors=True)
        shutil.copytree(whole, written.layout)
        lose(written.layout, gone)
        for at, code in ((AT, pile.then), (LATER_ON, pile.later)):
            ran = run_here([*again, iso(at)])
            ran.check_sound()
            assert ran.code == code, (gone, ran)


def test_an_open_answer_of_older_evidence_stays_open(tmp_path: Path) -> None:
    """Of many pieces the newest are noted one by one; what older ones said at an older moment is not known."""
    leaf = certificate([OCSP_URL])
    scene = Scene()
    scene.sign_with(leaf)
    scene.ocsp = {"good.ors": ocsp(20 * DAY)(leaf)}
    carried = [ocsp((10 - n) * DAY, status="unknown" if n < 2 else "good")(leaf) for n in range(9)]
    scene.packing = [
        lambda builder, target: builder.list(builder.add_manifest(evidence_artifact(builder, target, *carried)))
    ]
    written = scene.write(tmp_path)
    report = tmp_path / "report.json"
    assert run_here(written.arguments("--report", str(report))).code == 0
    again = ["recheck", str(report), "--trust", str(written.trust), "--at"]
    long_ago = iso(AT - 9 * DAY + DAY / 2)
    codes = [(iso(AT), 0), (long_ago, 15), (iso(AT - 11 * DAY), 15)]
    assert run_here([*again, long_ago]).code == 15
    shutil.rmtree(written.layout)
    assert [(at, run_here([*again, at]).code) for at, _ in codes] == codes


@pytest.mark.parametrize("kind", ["crl", "ocsp"])
def test_an_open_answer_about_a_later_trusted_authority_stays_open(tmp_path: Path, kind: str) -> None:
    tsa = Pki().tsa_chain(tsa={"crl_urls": [CRL_URL]} if kind == "crl" else {"ocsp_urls": [OCSP_URL]})
    issuer = tsa.chain[1]
    scene = Scene()
    scene.sign_with(Pki().code_chain(depth=2, leaf={"not_after": AT + DAY}))
    scene.timestamp(tsa, verify="afterCertExpiry")
    right = scene.stores["tsa:harbour"]
    scene.stores = {**scene.stores, "tsa:harbour": [issue("root", slot=3, subject="C=US,ST=WA,O=Elsewhere,CN=root")]}
    if kind == "crl":
        scene.crls = {"tsa.crl": crl(issuer, this_update=AT - 2 * DAY)}
        newer = crl(issuer, number=2, this_update=AT - DAY, next_update=AT + DAY)
    else:
        scene.ocsp = {"tsa.ors": ocsp_response(tsa, this_update=AT - 2 * DAY, next_update=AT + 30 * DAY)}
        newer = ocsp_response(tsa, status="unknown", this_update=AT - DAY)
    scene.packing = [
        lambda builder, target: builder.list(builder.add_manifest(evidence_artifact(builder, target, newer)))
    ]
    written = scene.write(tmp_path)
    report = tmp_path / "report.json"
    assert run_here(written.arguments("--report", str(report))).code == 0
    scene.stores = {**scene.stores, "tsa:harbour": right}
    trust = scene.write_trust(tmp_path / "later")
    arguments = ["recheck", str(report), "--trust", str(trust), "--at", iso(AT + 2 * DAY), "--format", "json"]
    assert run_here(arguments).code == 15
    shutil.rmtree(written.layout)
    assert run_here(arguments).code == 15


def test_a_revocation_of_a_responder_stays(tmp_path: Path) -> None:
    """The layout's CRL revokes the delegate whose answer is in the trust directory: without it that answer passed."""
    leaf = Pki().code_chain(depth=2, leaf={"ocsp_urls": ["http://ocsp.example"]})
    delegate = issue("ocsp", issuer=leaf.root)
    scene = Scene()
    scene.sign_with(leaf)
    scene.ocsp = {"a.ors": ocsp_response(leaf, responder=delegate)}
    against = crl(leaf.root, revoked=[delegate])
    scene.packing = [
        lambda builder, target: builder.list(builder.add_manifest(evidence_artifact(builder, target, against)))
    ]
    written = scene.write(tmp_path)
    report = tmp_path / "report.json"
    assert run_here(written.arguments("--report", str(report))).code == 15
    shutil.rmtree(written.layout)
    again = ["recheck", str(report), "--trust", str(written.trust), "--at", iso(AT), "--format", "json"]
    assert run_here(again).code == 15
    (written.trust / "ocsp/b.ors").write_bytes(ocsp_response(leaf, this_update=AT))
    assert run_here(again).code == 0
