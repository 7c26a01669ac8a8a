"""A response that says "revoked" and is not proven is reported with `--quiet`, too, whichever signature comes first.

`bundle create -q` and `recheck -q` said nothing. `verify -q` and `copy -q` spoke of the accepted signature alone; which
one that is, of several that pass, digests decide.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airgap.oci.descriptor import Descriptor
from airgap.revocation.artifact import EVIDENCE_TYPE
from tests.support.command import run_here
from tests.support.evidence import evidence_artifact
from tests.support.layouts import LayoutBuilder
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Pki, issue
from tests.support.scenario import Scene, Signature, Written

LEAF = Pki().code_chain()
OTHER = issue("leaf", issuer=LEAF.chain[1], slot=6, subject="CN=two,O=Harbour Works,ST=WA,C=US")
NO_RESPONDER = issue("ocsp", issuer=LEAF.chain[1], slot=5, extended_key_usage=None)
UNPROVEN = ocsp_response(
    LEAF, responder=NO_RESPONDER, status="revoked", reason="keyCompromise", revoked_at=AT - timedelta(days=5)
)
OTHERS = 8
"""So many signatures of the other signer that theirs is the first digest almost always."""


def written(folder: Path) -> Written:
    scene = Scene()
    scene.sign_with(LEAF)
    scene.signatures += [Signature("jws", OTHER) for _ in range(OTHERS)]

    def pack(builder: LayoutBuilder, image: Descriptor) -> None:
        document = evidence_artifact(builder, image, UNPROVEN)
        document["layers"][0]["mediaType"] = "application/ocsp-response"
        builder.list(builder.add_manifest(document, artifact_type=EVIDENCE_TYPE))

    scene.packing.append(pack)
    return scene.write(folder)


def test_quiet_reports_an_unproven_revocation(tmp_path: Path) -> None:
    found = written(tmp_path)
    report = tmp_path / "report.json"
    common = ["--trust", str(found.trust), "--scope", str(found.scope), "--at", "2026-06-01T12:00:00Z"]
    commands = {
        "verify": ["verify", "-q", found.target, *common, "--report", str(report)],
        "copy": ["copy", "-q", *common[:4], found.target, str(tmp_path / "copied")],
        "bundle": ["bundle", "create", "-q", str(tmp_path / "bundle"), *common, "--no-download", found.target],
        "recheck": ["recheck", "-q", str(report), *common],
        "recheck in full": ["recheck", str(report), *common],
    }
    for name, arguments in commands.items():
        ran = run_here(arguments)
        assert (name, ran.code) == (name, 0), ran.out + ran.err
        assert "is not proven" in " ".join((ran.out + ran.err).split()), name
