"""Laws of recheck: judged from a report alone, an artifact gets the verdict that verify gives to its bytes.

That holds under the same evidence, and under any later moment, evidence and policy: both ask one judge.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from airgap.parse.time import iso
from tests.support import envelopes
from tests.support.command import Ran, run_here
from tests.support.crls import crl, entry
from tests.support.pki import AT, END, Issued, Pki
from tests.support.scenario import SIGNING_CRL, TSA_CRL, Scene, Signature, chain_with_crls, good_crls
from tests.support.trust import oci_policy, statement

RANK: Final = {"pass": 0, "skipped": 1, "indeterminate": 2, "fail": 3}
LEVELS: Final = ("strict", "permissive", "audit")
EXPIRIES: Final = (None, AT - timedelta(days=1), AT, AT + timedelta(seconds=1), AT + timedelta(days=40))
MOMENTS: Final = (
    AT,
    AT + timedelta(seconds=1),
    AT + timedelta(days=20),
    AT + timedelta(days=60),
    END + timedelta(days=1),
)
STATES: Final = ("good", "revoked", "held", "compromised later", "stale", "missing")
STAMPS: Final = ("none", "always", "afterCertExpiry", "untrusted", "broken")
DEMANDS: Final = ((), ("-m", "build=7"), ("-m", "build=8"), ("-m", "other=1"), ("-m", "esc=\x1b[2J"))
IDENTITIES: Final = ("*", "x509.subject: C=US, ST=WA, O=Harbour Works", "x509.subject: C=US, ST=WA, O=Other")


@dataclass(frozen=True)
class SiteTrust:
    """The policy and the evidence of a site."""

    level: str
    identity: str
    signing: str
    tsa: str


SITE_TRUSTS = st.builds(
    SiteTrust,
    level=st.sampled_from(LEVELS),
    identity=st.sampled_from(IDENTITIES),
    signing=st.sampled_from(STATES),
    tsa=st.sampled_from(STATES),
)


@dataclass(frozen=True)
class Artifact:
    """How an image is signed."""

    form: str
    scheme: str
    expiry: datetime | None
    stamp: str
    late: bool
    """The leaf is valid from a second after the signing time."""
    ends: datetime
    """When the leaf's validity ends."""
    several: bool
    tampered: bool


ARTIFACTS = st.builds(
    Artifact,
    form=st.sampled_from(["jws", "cose"]),
    scheme=st.sampled_from([envelopes.X509, envelopes.X509, envelopes.AUTHORITY]),
    expiry=st.sampled_from(EXPIRIES),
    stamp=st.sampled_from(STAMPS),
    late=st.booleans(),
    ends=st.sampled_from([AT + timedelta(days=30), END]),
    several=st.booleans(),
    tampered=st.integers(0, 7).map(lambda number: number == 0),
)


def _evidence(leaf: Issued, pattern: str, state: str) -> dict[str, bytes]:
    """A CRL for each issuer; the leaf's is in `state`."""
    crls = good_crls(leaf, pattern, next_update=AT + timedelta(days=45))
    first, issuer = pattern.format(0), leaf.chain[1]
    entries: dict[str, Issued | bytes] = {
        "revoked": leaf,
        "held": entry(leaf.serial, reason="certificateHold"),
        "compromised later": entry(leaf.serial, reason="keyCompromise", invalidity=AT + timedelta(days=3)),
    }
    listed = [entries[state]] if state in entries else []
    until = AT - timedelta(hours=1) if state == "stale" else AT + timedelta(days=45)
    crls[first] = crl(issuer, revoked=listed, next_update=until, number=2)
    if state == "missing":
        del crls[first]
    return crls


class Shipment:
    """A signed image in a layout, and a trust directory for each site."""

    def __init__(self, folder: Path, artifact: Artifact) -> None:
        self.folder, self.artifact = folder, artifact
        leaf: dict[str, Any] = {"crl_urls": [SIGNING_CRL.format(0)], "not_after": artifact.ends}
        if artifact.late:
            leaf["not_before"] = envelopes.SIGNED_AT + timedelta(seconds=1)
        self.leaf = Pki().code_chain(leaf=leaf, intermediate={"crl_urls": [SIGNING_CRL.format(1)]})
        self.tsa = chain_with_crls(Pki().tsa_chain, "tsa", TSA_CRL)
        self.scene = Scene(form=artifact.form)
        signature = self.scene.signature
        signature.leaf, signature.scheme, signature.expiry = self.leaf, artifact.scheme, artifact.expiry
        signature.target = {"annotations": {"build": "7", "esc": "\x1b[2J"}}
        if artifact.stamp != "none":
            self.scene.timestamp(self.tsa)
            if artifact.stamp == "broken":
                signature.token = lambda _: b"\x30\x03\x02\x01\x01"
        if artifact.tampered:
            signature.options["sign"] = lambda _: b"\x01" * 64
        if artifact.several:
            self.scene.signatures.append(Signature("jws", Pki().code_chain(root={"slot": 3})))
        self.layout = self.scene.write(folder).layout

    def trust(self, name: str, site: SiteTrust) -> Path:
        """The trust directory of a site that trusts this."""
        scene, stamp = self.scene, self.artifact.stamp
        scene.crls, scene.crl_index = {}, None
        scene.put_crls(_evidence(self.leaf, SIGNING_CRL, site.signing))
        scene.put_crls(_evidence(self.tsa, TSA_CRL, site.tsa))
        root = Pki().tsa_chain("p384", root={"slot": 4}).root if stamp == "untrusted" else self.tsa.root
        kind = "ca" if self.artifact.scheme == envelopes.X509 else "signingAuthority"
        scene.stores = {f"{kind}:harbour": [self.leaf.root], "tsa:harbour": [root]}
        verification: dict[str, Any] = {"level": site.level}
        stores = [f"{kind}:harbour"]
        if stamp != "none":
            stores.append("tsa:harbour")
            verification["verifyTimestamp"] = "afterCertExpiry" if stamp == "afterCertExpiry" else "always"
        terms = statement(trustStores=stores, trustedIdentities=[site.identity], signatureVerification=verification)
        scene.policy = oci_policy(terms)
        return scene.write_trust(self.folder / name)

    def verify(self, trust: Path, at: datetime, *options: str) -> Ran:
        return run_here(
            ["verify", f"oci:{self.layout}:v1", "--trust", str(trust), "--at", iso(at), *options, "--format", "json"]
        )

    def recheck(self, report: Path, trust: Path, at: datetime, *, gone: bool) -> Ran:
        away = self.layout.with_name("away")
        if gone:
            self.layout.rename(away)
        try:
            return run_here(["recheck", str(report), "--trust", str(trust), "--at", iso(at), "--format", "json"])
        finally:
            if gone:
                away.rename(self.layout)


def _was_revoked(made: Ran) -> bool:
    return any(
        finding["reason"] == "revocation.revoked"
        for artifact in made.document["artifacts"]
        for signature in artifact["signatures"]
        for finding in signature["findings"]
    )


def _in_a_folder(check: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check(Path(folder))


@settings(max_examples=10)
@given(
    artifact=ARTIFACTS,
    then=SITE_TRUSTS,
    now=SITE_TRUSTS,
    at=st.sampled_from(MOMENTS),
    later=st.sampled_from(MOMENTS),
    demand=st.sampled_from(DEMANDS),
)
def test_a_report_alone_gets_the_verdict_of_the_bytes(
    artifact: Artifact, then: SiteTrust, now: SiteTrust, at: datetime, later: datetime, demand: tuple[str, ...]
) -> None:
    def check(folder: Path) -> None:
        shipment = Shipment(folder, artifact)
        report = folder / "report.json"
        old, new = shipment.trust("old", then), shipment.trust("new", now)
        made = shipment.verify(old, at, "--scope", "registry.example/net-monitor", *demand, "--report", str(report))
        again = shipment.recheck(report, old, at, gone=True)
        assert (again.document["verdict"], again.code) == (made.document["verdict"], made.code), (made, again)
        bytes_later = shipment.verify(new, later, "--scope", "registry.example/net-monitor", *demand)
        later_alone = shipment.recheck(report, new, later, gone=True)
        if not _was_revoked(made):  # what was revoked for good stays so, whatever evidence is available now
            expected = (bytes_later.document["verdict"], bytes_later.code)
            assert (later_alone.document["verdict"], later_alone.code) == expected, (bytes_later, later_alone)
        assert RANK[later_alone.document["verdict"]] >= RANK[bytes_later.document["verdict"]]
        from_bytes = shipment.recheck(report, new, later, gone=False)
        assert (from_bytes.document["verdict"], from_bytes.code) == (bytes_later.document["verdict"], bytes_later.code)
        assert {item["basis"] for item in from_bytes.document["artifacts"]} == {"layout"}

    _in_a_folder(check)


@settings(max_examples=12)
@given(artifact=ARTIFACTS, then=SITE_TRUSTS, data=st.data())
def test_a_report_that_lost_a_fact_is_never_better(artifact: Artifact, then: SiteTrust, data: st.DataObject) -> None:
    """Reports of older versions hold less: what they do not hold leaves the question open at best."""

    def check(folder: Path) -> None:
        shipment = Shipment(folder, artifact)
        report = folder / "report.json"
        trust = shipment.trust("trust", then)
        made = shipment.verify(trust, AT, "-m", "build=7", "--report", str(report))
        document = json.loads(report.read_text())
        lost = data.draw(
            st.sampled_from(
                [
                    "request",
                    "certificates",
                    "for_recheck",
                    "version",
                    "findings",
                    "path",
                    "expiry",
                    "plugin",
                    "problems",
                    "everything",
                ]
            )
        )
        _lose(document, lost)
        report.write_text(json.dumps(document))
        again = shipment.recheck(report, trust, AT, gone=True)
        assert RANK[again.document["verdict"]] >= min(RANK[made.document["verdict"]], RANK["indeterminate"])
        if lost != "path":
            assert again.document["verdict"] != "pass", (lost, again)

    _in_a_folder(check)


def _lose(document: dict[str, Any], what: str) -> None:
    (artifact,) = document["artifacts"]
    if what in {"request", "everything"}:
        del document["request"]
    if what in {"path", "everything"}:
        del artifact["path"]
    if what == "certificates":
        del document["certificates"]
        for signature in artifact["signatures"]:
            if signature["signer"]:
                signature["signer"]["chain"] = []
                if signature["signer"]["timestamp"]:
                    signature["signer"]["timestamp"]["chain"] = []
    if what == "problems":
        del document["problems"]
    for signature in artifact["signatures"]:
        if what == "expiry" and signature["signer"]:
            del signature["signer"]["expiry"]
        if what == "plugin" and signature["for_recheck"]:
            del signature["for_recheck"]["plugin"]
        if what in {"for_recheck", "everything"}:
            del signature["for_recheck"]
            del signature["plugin_use"]
        if what == "version" and signature["for_recheck"]:
            del signature["for_recheck"]["version"]
        if what == "findings":
            signature["findings"] = []
